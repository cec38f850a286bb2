/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard output and standard error of baton-testpmd.
 *
 * The program prints with printf() and complain(). What it prints is written at once where the
 * reader takes it, and waits in memory where not, so that no print ever blocks: a reader that
 * stands still does not hold up the prompt, events, --run-time or a signal.
 *
 * When standard output is broken (a full disk, a closed pipe, a lost terminal) the run ends. What
 * was printed since out_keep() then goes to standard error, and the exit status is 1. What is
 * printed to a broken standard error goes to standard output.
 */
#ifndef TESTPMD_OUT_H
#define TESTPMD_OUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define OUT_POLLFDS 2

/** Take over stdout and stderr. Called first: it also makes sure that 0, 1 and 2 are in use. */
void out_open(void);

/** From here on all that is printed goes to standard error: a port writes to standard output. */
void out_tables_to_stderr(void);

/**
 * Write @text and a newline to standard output even so, and wait a moment for its reader. Return:
 * 0, an errno, or ETIMEDOUT.
 */
int out_to_stdout(const char *text);

/** Whether a path that was examined as @st leads to standard output. */
bool out_is_stdout(const struct stat *st);

/** What the main loop polls: room for what waits, and readers that are gone. Any may be -1. */
void out_poll_for(struct pollfd fds[OUT_POLLFDS]);
/** Continue to write what waits. */
void out_ready(const struct pollfd fds[OUT_POLLFDS]);

/** Bytes that wait for a reader. Above OUT_MUCH no further command should be read. */
size_t out_waiting(void);
#define OUT_MUCH (64u << 10)

/** Why standard output cannot be written: an errno, or 0. */
int out_error(void);

/**
 * Keep a copy of what is printed from here on, for standard error if standard output is broken at
 * the end; or keep none.
 */
void out_keep(bool on);

/**
 * Give readers a moment to take what waits, and report what was lost. Return: false if something
 * that was printed to standard output did not get there.
 */
bool out_close(void);

#endif
