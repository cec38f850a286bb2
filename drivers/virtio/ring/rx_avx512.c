/* SPDX-License-Identifier: BSD-3-Clause */
#define SIMD_AVX512
#include "virtio/ring/rx_vec.h"
