/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_BASE_ERR_H
#define BATON_BASE_ERR_H

#include <errno.h>

#include <baton/base.h>

/**
 * Set the error message of the calling thread.
 *
 * Return: -err, so that a failing path is one line: return baton_err(EINVAL, "...", ...).
 */
int baton_err(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/** Put "what: " in front of the error message, for a caller that knows more. Return: ret. */
int baton_err_prefix(int ret, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* Writes the sentence that a note stands for. */
typedef void err_writer(const void *note, char *text, size_t size);

#define ERR_NOTE_MAX 256u

/**
 * Set the calling thread's error sentence without writing it: @write does that when
 * baton_last_error() asks for it. For errors that a polling thread meets again and again.
 *
 * Return: ERR_NOTE_MAX bytes, aligned to 16, for the caller to leave in them what @write needs.
 * That is copies: what a pointer names may be gone by the time the sentence is asked for.
 */
void *err_note(err_writer *write);

#endif
