/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx_vec.h"
