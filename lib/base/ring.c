/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ring.h"

#include <string.h>

#include "base/membarrier.h"
#include "base/simd.h"

/* ---- tokens in and out ---- */

#ifdef BATON_ATOMIC_HOOKS

/* Token by token, as the checker watches them. */
static inline bool
copy_in(const struct ring *r, struct baton_token *to, const struct baton_token *from, unsigned n)
{
	uint8_t any = 0;

	for (unsigned i = 0; i < n; i++) {
		any |= from[i].flags;
		memcpy(&to[i], &from[i], sizeof(*to));
	}
	return any & BATON_TOKEN_CONT;
}

static inline void
copy_out(struct baton_token *to, const struct baton_token *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(&to[i], &from[i], sizeof(*to));
}

#else

typedef uint64_t token_bits __attribute__((vector_size(16), may_alias));

static inline token_bits
copy_one(struct baton_token *to, const struct baton_token *from)
{
	const token_bits v = *(const token_bits *)(const void *)from;

	*(token_bits *)(void *)to = v;
	return v;
}

/* Return: whether one of them continues in the next. */
static bool
copy_in_16(struct baton_token *restrict to, const struct baton_token *restrict from, unsigned n)
{
	const struct baton_token *const end = from + n, *const end4 = from + n / 4 * 4;
	token_bits a = { 0 }, b = { 0 };
	struct baton_token all;

	for (; from != end4; from += 4, to += 4) {
		a |= copy_one(to, from) | copy_one(to + 1, from + 1);
		b |= copy_one(to + 2, from + 2) | copy_one(to + 3, from + 3);
	}
	for (; from != end; from++, to++)
		a |= copy_one(to, from);
	a |= b;
	memcpy(&all, &a, sizeof(all));
	return all.flags & BATON_TOKEN_CONT;
}

#ifdef __x86_64__
typedef uint64_t two_tokens __attribute__((vector_size(32), aligned(16), may_alias));

/* The same, two tokens at a time. */
static __attribute__((target("avx2"))) bool
copy_in_32(struct baton_token *restrict to, const struct baton_token *restrict from, unsigned n)
{
	const struct baton_token *const end = from + n / 4 * 4;
	const two_tokens mask = { 0, (uint64_t)BATON_TOKEN_CONT << 24, 0,
				  (uint64_t)BATON_TOKEN_CONT << 24 };
	two_tokens a = { 0 }, b = { 0 };
	uint64_t rest = 0;

	for (; from != end; from += 4, to += 4) {
		const two_tokens v = *(const two_tokens *)(const void *)from,
				 w = *(const two_tokens *)(const void *)(from + 2);

		*(two_tokens *)(void *)to = v;
		*(two_tokens *)(void *)(to + 2) = w;
		a |= v;
		b |= w;
	}
	for (unsigned i = 0; i < n % 4; i++) {
		to[i] = from[i];
		rest |= from[i].flags & BATON_TOKEN_CONT;
	}
	a = (a | b) & mask;
	return a[1] | a[3] | rest;
}
#endif

static inline bool
copy_in(const struct ring *r, struct baton_token *restrict to,
	const struct baton_token *restrict from, unsigned n)
{
#ifdef __x86_64__
	if (baton_likely(r->wide))
		return copy_in_32(to, from, n);
#endif
	return copy_in_16(to, from, n);
}

static inline void
copy_out(struct baton_token *restrict to, const struct baton_token *restrict from, unsigned n)
{
	memcpy(to, from, n * sizeof(*to));
}

#endif

static inline unsigned
until_end(const struct ring *r, uint64_t at, unsigned n)
{
	const uint64_t left = r->size - (at & (r->size - 1));

	return n < left ? n : (unsigned)left;
}

/* ---- where packets end ---- */

static inline bool
continues(const struct ring *r, uint64_t at)
{
	const uint64_t slot = at & (r->size - 1);

	return atomic_load64_relaxed(&r->cont[slot / 64]) >> slot % 64 & 1;
}

static void
set_bits(uint64_t *word, uint64_t mask, uint64_t bits)
{
	uint64_t old = atomic_load64_relaxed(word);

	while ((old & mask) != bits && !atomic_cas64_acq_rel(word, &old, (old & ~mask) | bits))
		;
}

/* Say which of the slots from @at on continue. */
static __attribute__((noinline)) void
mark(struct ring *r, uint64_t at, const struct baton_token *t, unsigned n)
{
	atomic_store64_release(&r->chained, 1);
	for (unsigned i = 0; i < n;) {
		const uint64_t slot = (at + i) & (r->size - 1);
		const unsigned first = slot % 64,
			       word_n = until_end(r, slot, n - i < 64 - first ? n - i : 64 - first);
		const uint64_t mask = ~0ull >> (64 - word_n) << first;
		uint64_t bits = 0;

		for (unsigned k = 0; k < word_n; k++)
			bits |= (uint64_t)(t[i + k].flags & BATON_TOKEN_CONT) << (first + k);
		set_bits(&r->cont[slot / 64], mask, bits);
		i += word_n;
	}
}

_Static_assert(BATON_TOKEN_CONT == 1, "mark() shifts it");

/* ---- a side that several threads are on ---- */

/* Move the tail over notes. Return: the tail. */
static __attribute__((noinline)) uint64_t
ring_help(const struct ring *r, struct ring_side *s)
{
	uint64_t tail = atomic_load64_acquire(&s->tail), note;

	for (;;) {
		const uint64_t end_mask = r->size - 1;
		uint64_t end;

		note = atomic_load64_acquire(&s->notes[tail & end_mask]);
		if (note >> r->bits != tail >> r->bits)
			return tail;
		end = tail + (note & end_mask) + 1;
		if (atomic_cas64_acq_rel(&s->tail, &tail, end))
			tail = end;
	}
}

/* The tail of a side, for the other one. */
static inline uint64_t
done_until(const struct ring *r, struct ring_side *s, bool look_closer)
{
	return look_closer && s->notes ? ring_help(r, s) : atomic_load64_acquire(&s->tail);
}

/* Not my turn: the tail is before @at. */
static __attribute__((noinline)) void
leave_note(const struct ring *r, struct ring_side *s, uint64_t at, unsigned n)
{
	atomic_store64_release(&s->notes[at & (r->size - 1)], at >> r->bits << r->bits | (n - 1));
	atomic_fence();
	ring_help(r, s);
}

static inline void
finish(const struct ring *r, struct ring_side *s, uint64_t at, unsigned n)
{
	if (!s->notes) {
		atomic_store64_release(&s->tail, at + n);
	} else if (baton_likely(atomic_load64_acquire(&s->tail) == at)) {
		atomic_store64_release(&s->tail, at + n);
		/* Nobody came after: there is no note. */
		if (baton_unlikely(atomic_load64_relaxed(&s->head) != at + n))
			ring_help(r, s);
	} else {
		leave_note(r, s, at, n);
	}
}

/* ---- put ---- */

void
ring_init(struct ring *r, uint32_t bits, struct baton_token *slots, uint64_t *cont,
	  uint64_t *prod_notes, uint64_t *cons_notes)
{
	const uint64_t size = 1ull << bits, words = (size + 63) / 64;

	*r = (struct ring){ .slots = slots, .cont = cont, .size = size, .bits = bits };
	r->wide = simd_best() != SIMD_NONE;
	/* Lap 0 is nobody's, so that notes of zeros are none. */
	r->prod.head = r->prod.tail = r->prod.seen = size;
	r->cons.head = r->cons.tail = r->cons.seen = size;
	r->prod.notes = prod_notes;
	r->cons.notes = cons_notes;
	memset(cont, 0, words * sizeof(*cont));
	if (prod_notes)
		memset(prod_notes, 0, size * sizeof(*prod_notes));
	if (cons_notes)
		memset(cons_notes, 0, size * sizeof(*cons_notes));
}

/* Of @n tokens, those of whole packets that fit into @room. */
static inline unsigned
whole_put(const struct baton_token *t, unsigned n, uint64_t room)
{
	unsigned want = n < room ? n : (unsigned)room;

	while (want && t[want - 1].flags & BATON_TOKEN_CONT)
		want--;
	return want;
}

static inline unsigned
reserve_put(struct ring *r, const struct baton_token *t, unsigned n, uint64_t *at)
{
	struct ring_side *s = &r->prod;
	uint64_t room;
	unsigned want;

	if (!s->notes) {
		*at = atomic_load64_relaxed(&s->tail);
		if (baton_unlikely(s->seen + r->size - *at < n))
			s->seen = done_until(r, &r->cons, true);
		return whole_put(t, n, s->seen + r->size - *at);
	}
	*at = atomic_load64_acquire(&s->head);
	do {
		room = done_until(r, &r->cons, false) + r->size - *at;
		if (baton_unlikely(room < n))
			room = done_until(r, &r->cons, true) + r->size - *at;
		want = whole_put(t, n, room);
	} while (want && baton_unlikely(!atomic_cas64_acq_rel(&s->head, at, *at + want)));
	return want;
}

unsigned
ring_put(struct ring *r, const struct baton_token *t, unsigned n)
{
	uint64_t at;
	unsigned first;
	bool any;

	n = reserve_put(r, t, n, &at);
	if (!n)
		return 0;
	first = until_end(r, at, n);
	any = copy_in(r, &r->slots[at & (r->size - 1)], t, first);
	if (baton_unlikely(first < n))
		any |= copy_in(r, r->slots, t + first, n - first);
	if (baton_unlikely(any || atomic_load64_relaxed(&r->chained)))
		mark(r, at, t, n);
	finish(r, &r->prod, at, n);
	return n;
}

uint64_t
ring_room(struct ring *r, uint64_t want)
{
	struct ring_side *s = &r->prod;
	const uint64_t at = atomic_load64_relaxed(&s->tail);

	if (s->seen + r->size - at < want)
		s->seen = done_until(r, &r->cons, true);
	return s->seen + r->size - at;
}

/* ---- get ---- */

/* Of @there tokens from @at on, @n at most. @whole: those of whole packets. */
static inline unsigned
limit_get(const struct ring *r, uint64_t at, unsigned n, uint64_t there, bool whole)
{
	if (there <= n)
		return (unsigned)there;
	while (whole && n && atomic_load64_relaxed(&r->chained) && continues(r, at + n - 1))
		n--;
	return n;
}

static inline unsigned
reserve_get(struct ring *r, unsigned n, uint64_t *at, bool whole)
{
	struct ring_side *s = &r->cons;
	uint64_t there;
	unsigned want;

	if (!s->notes) {
		*at = atomic_load64_relaxed(&s->tail);
		if (s->seen - *at < n)
			s->seen = done_until(r, &r->prod, false);
		if (s->seen - *at < n)
			s->seen = done_until(r, &r->prod, true);
		return limit_get(r, *at, n, s->seen - *at, whole);
	}
	*at = atomic_load64_acquire(&s->head);
	do {
		there = done_until(r, &r->prod, false) - *at;
		if (there < n)
			there = done_until(r, &r->prod, true) - *at;
		want = limit_get(r, *at, n, there, whole);
	} while (want && baton_unlikely(!atomic_cas64_acq_rel(&s->head, at, *at + want)));
	return want;
}

static inline unsigned
get(struct ring *r, struct baton_token *t, unsigned n, bool whole)
{
	uint64_t at;
	unsigned first;

	n = reserve_get(r, n, &at, whole);
	if (!n)
		return 0;
	first = until_end(r, at, n);
	copy_out(t, &r->slots[at & (r->size - 1)], first);
	if (baton_unlikely(first < n))
		copy_out(t + first, r->slots, n - first);
	finish(r, &r->cons, at, n);
	return n;
}

unsigned
ring_get(struct ring *r, struct baton_token *t, unsigned n)
{
	return get(r, t, n, true);
}

unsigned
ring_get_any(struct ring *r, struct baton_token *t, unsigned n)
{
	return get(r, t, n, false);
}

/* ---- what is there ---- */

uint64_t
ring_begin(const struct ring *r)
{
	return atomic_load64_acquire(r->cons.notes ? &r->cons.head : &r->cons.tail);
}

/* It may be read while another thread writes it: a report then counts what is not there. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
__attribute__((no_sanitize("thread")))
#endif
#endif
struct baton_token
ring_look(const struct ring *r, uint64_t at)
{
	return r->slots[at & (r->size - 1)];
}

uint64_t
ring_count(struct ring *r)
{
	const uint64_t at = ring_begin(r);

	return done_until(r, &r->prod, true) - at;
}

unsigned
ring_first(struct ring *r)
{
	const uint64_t at = ring_begin(r), there = done_until(r, &r->prod, true) - at;
	unsigned n = 0;

	while (n < there && n < r->size && continues(r, at + n))
		n++;
	return n < there ? n + 1 : 0;
}

/* ---- wake-ups ---- */

/* Return: the value before. */
static uint64_t
change_wake(struct ring *r, uint64_t add, uint64_t clear)
{
	uint64_t old = atomic_load64_relaxed(&r->wake);

	while (!atomic_cas64_acq_rel(&r->wake, &old, (old + add) & ~clear))
		;
	return old;
}

bool
ring_sleep(struct ring *r)
{
	change_wake(r, 1, 0);
	if (r->fenced)
		atomic_fence();
	else
		membarrier_all();
	return !ring_count(r);
}

void
ring_wake(struct ring *r)
{
	if (atomic_load64_relaxed(&r->wake) & ~RING_WOKEN)
		change_wake(r, -1ull, RING_WOKEN);
}

bool
ring_claim_signal(struct ring *r, uint64_t wake)
{
	while (wake && !(wake & RING_WOKEN))
		if (atomic_cas64_acq_rel(&r->wake, &wake, wake | RING_WOKEN))
			return true;
	return false;
}
