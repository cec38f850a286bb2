/* SPDX-License-Identifier: BSD-3-Clause */
#define SIMD_AVX512
#include "virtio/ring/tx_vec.h"
