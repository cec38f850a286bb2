/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Event descriptors: a write wakes whoever polls. An eventfd; where a sandbox forbids these, a
 * datagram socket that is connected to itself. Both are one descriptor that is written and read in
 * 8 bytes, never blocks, and never ends a writer with SIGPIPE, so a vhost-user backend cannot tell
 * them apart. VFIO can: it takes eventfds only.
 */
#ifndef BATON_BASE_EVENT_H
#define BATON_BASE_EVENT_H

#include <stdint.h>
#include <unistd.h>

/** Return: a descriptor, closed by exec; a negative errno, with a sentence that begins with @who.
 */
int event_open(const char *who);

/** Only an eventfd will do. Return: the same. */
int event_open_real(const char *who);

/** Make it readable. It fails only where it is readable already. */
static inline void
event_signal(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

/** What was written is read, so that it is readable no more. Return: whether it was. */
static inline int
event_drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) > 0;
}

#endif
