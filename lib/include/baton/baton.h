/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything Baton offers. */
#ifndef BATON_BATON_H
#define BATON_BATON_H

#include <baton/base.h>
#include <baton/cc.h>
#include <baton/context.h>
#include <baton/ioas.h>
#include <baton/mem.h>
#include <baton/pool.h>
#include <baton/port.h>
#include <baton/reach.h>
#include <baton/token.h>

#endif
