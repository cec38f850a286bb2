/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the program `mark` begins, which count_plugin.c waits for. */
#define MARK_AT 0x13370000
