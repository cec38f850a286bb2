/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hostile.h"

void (*hostile_hook)(enum hostile_when when, const void *p, size_t size);
