/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtio/ring/tx_vec.h"
