/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which sequence numbers of a stream were received: the last 65,536 up to the highest one. What is
 * behind them is late.
 */
#ifndef PERF_WINDOW_H
#define PERF_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WINDOW 65536u

struct window {
	uint64_t next; /* the highest sequence number so far, and 1 more */
	uint64_t bits[WINDOW / 64];
};

enum seen {
	SEEN_FIRST,     /* the first copy, in order or behind a gap */
	SEEN_REORDERED, /* the first copy, overtaken by a later one (RFC 4737) */
	SEEN_AGAIN,     /* a further copy */
	SEEN_LATE,      /* behind the window: whether it is the first copy is not known any more */
	SEEN_NEVER,     /* such a packet was not sent */
};

/** Forget everything. */
static inline void
window_reset(struct window *w)
{
	memset(w, 0, sizeof(*w));
}

/* Clear the bits of @from to @to - 1. */
static inline void
window_clear(struct window *w, uint64_t from, uint64_t to)
{
	if (to - from >= WINDOW) {
		memset(w->bits, 0, sizeof(w->bits));
		return;
	}
	for (; from < to && from % 64; from++)
		w->bits[from % WINDOW / 64] &= ~(UINT64_C(1) << from % 64);
	for (; from + 64 <= to; from += 64)
		w->bits[from % WINDOW / 64] = 0;
	for (; from < to; from++)
		w->bits[from % WINDOW / 64] &= ~(UINT64_C(1) << from % 64);
}

/**
 * Receive the sequence number @seq, of which there are the lower 32 bits.
 *
 * @sent: packets of the stream that were sent so far.
 * @full: receives all bits of it.
 */
static inline enum seen
window_see(struct window *w, uint32_t seq, uint64_t sent, uint64_t *full)
{
	int64_t ahead = (int32_t)(seq - (uint32_t)w->next);
	uint64_t s = w->next + (uint64_t)ahead, bit = UINT64_C(1) << s % 64;
	uint64_t *word = &w->bits[s % WINDOW / 64];

	*full = s;
	if (ahead < 0 && (uint64_t)-ahead > w->next)
		return SEEN_NEVER; /* below 0 */
	if (s >= sent)
		return SEEN_NEVER;
	if (ahead >= 0) {
		window_clear(w, w->next, s);
		*word |= bit;
		w->next = s + 1;
		return SEEN_FIRST;
	}
	if (-ahead > WINDOW)
		return SEEN_LATE;
	if (*word & bit)
		return SEEN_AGAIN;
	*word |= bit;
	return SEEN_REORDERED;
}

#endif
