/* SPDX-License-Identifier: BSD-3-Clause */
#include "tx_vec.h"
