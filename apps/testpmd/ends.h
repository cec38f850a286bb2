/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals, and the terminal as it was. All but the handlers: the main thread. */
#ifndef TESTPMD_ENDS_H
#define TESTPMD_ENDS_H

#include <signal.h>
#include <stdbool.h>

#include "testpmd.h"

/** Catch signals; each wakes @wake. */
void ends_watch(struct wake *wake);
/** Leave signals to the main thread, but for those of a crash; for a thread about to begin. */
void ends_block(sigset_t *before);
/**
 * Let the signals through that tell of a continuation or another size of the terminal. They are for
 * the main loop's poll() alone: elsewhere they would interrupt a port's waiting.
 */
void ends_notices(bool on);
/** The signal that asked for an end, or 0. */
int ends_signal(void);
/** Since the last call: was the program continued (fg, bg); has the terminal another size? */
bool ends_continued(void);
bool ends_resized(void);
/** May this process read the terminal on standard input? */
bool ends_foreground(void);
/** Does the end of the terminal end the program? Not under nohup. */
bool ends_hangup_counts(void);
/**
 * The terminal on standard input is about to get other attributes, or has to get back those it had.
 */
void ends_terminal_changes(bool raw);

#endif
