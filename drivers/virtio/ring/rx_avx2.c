/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtio/ring/rx_vec.h"
