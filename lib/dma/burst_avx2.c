/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma/burst_vec.h"
