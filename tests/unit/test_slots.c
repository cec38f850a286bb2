/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots: where they lie, who has which when queues share too few of them, and that exactly a
 * packet's bytes are copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "dma/slots.h"

#define LINE   BATON_CACHE_LINE
#define QUEUES 16u
#define MOST   1024u

static _Alignas(LINE) uint8_t memory[1u << 20]; /* a window of 1 MiB */

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* ---- where they lie ---- */

static void
an_odd_number_of_lines(void **state)
{
	static const uint16_t headers[] = { 0, 1, 10, 12, 20, 63, 64 };

	for (uint32_t room = 64; room < 10000; room += 7) {
		for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
			const struct dma_slots_need need = { .queues = 1,
							     .keys = 3,
							     .least = 1,
							     .room = room,
							     .header = headers[i] };
			const uint32_t stride = dma_slot_stride(room, headers[i]);
			struct dma_slots s;

			assert_int_equal(stride % LINE, 0);
			assert_int_equal(stride / LINE % 2, 1);
			assert_int_equal(dma_slots_init(&s, &need, memory, sizeof(memory),
							0x100000000),
					 0);
			assert_int_equal(s.count, 3);
			assert_int_equal(s.stride, stride);
			for (uint32_t k = 0; k < 3; k++) {
				uint8_t *at = dma_slot(&s, k);

				/* The packet begins on a line, and all of it lies between this slot
				 * and the next. */
				assert_int_equal((uintptr_t)(at + headers[i]) % LINE, 0);
				assert_true(at >= memory + k * (size_t)stride);
				assert_true(at + room <= memory + (k + 1) * (size_t)stride);
				assert_int_equal(dma_slot_iova(&s, k) - 0x100000000, at - memory);
			}
			/* Two lines more than needed at most: one to be odd, one for the offset. */
			assert_true(stride < room + 3 * LINE);
			dma_slots_fini(&s);
			assert_null(s.base);
		}
	}
}

/* One for each key, if they fit: no list, no stack. One byte less, and they are shared. */
static void
own_or_shared(void **state)
{
	const struct dma_slots_need need = {
		.queues = 2, .keys = 100, .least = 5, .room = 2060, .header = 12
	};
	const size_t all = 100 * (size_t)dma_slot_stride(2060, 12);
	struct dma_slots s;

	assert_int_equal(dma_slots_init(&s, &need, memory, all, 0), 0);
	assert_int_equal(s.count, 100);
	assert_false(s.shared);
	assert_null(s.stack.blocks);
	dma_slots_fini(&s);
	assert_int_equal(dma_slots_init(&s, &need, memory, sizeof(memory), 0), 0);
	assert_int_equal(s.count, 100);
	assert_false(s.shared);
	dma_slots_fini(&s);
	assert_int_equal(dma_slots_init(&s, &need, memory, all - 1, 0), 0);
	assert_int_equal(s.count, 99);
	assert_true(s.shared);
	assert_int_equal(stack_count(&s.stack), 99);
	dma_slots_fini(&s);
}

/* ---- shared ---- */

struct shared {
	struct dma_slots s;
	struct slot_cache *c[QUEUES];
	uint8_t taken[MOST];
};

static void
begin_share(struct shared *sh, uint32_t slots, uint32_t queues, uint32_t least)
{
	const struct dma_slots_need need = {
		.queues = queues, .keys = MOST, .least = least, .room = 64, .header = 0
	};

	memset(sh, 0, sizeof(*sh));
	assert_int_equal(dma_slots_init(&sh->s, &need, memory,
					slots * (size_t)dma_slot_stride(64, 0), 0),
			 0);
	assert_int_equal(sh->s.count, slots);
	assert_true(sh->s.shared);
	for (unsigned i = 0; i < queues; i++) {
		sh->c[i] = dma_slot_cache(&sh->s, 0);
		assert_non_null(sh->c[i]);
	}
}

static void
end_share(struct shared *sh)
{
	for (unsigned i = 0; i < QUEUES; i++)
		dma_slot_cache_free(sh->c[i]);
	assert_int_equal(stack_count(&sh->s.stack), sh->s.count);
	dma_slots_fini(&sh->s);
}

static uint32_t
pop(struct shared *sh, unsigned queue)
{
	uint32_t slot = dma_slot_pop(sh->c[queue]);

	assert_true(slot < sh->s.count);
	assert_false(sh->taken[slot]);
	sh->taken[slot] = 1;
	return slot;
}

static void
push(struct shared *sh, unsigned queue, uint32_t slot)
{
	assert_true(sh->taken[slot]);
	sh->taken[slot] = 0;
	dma_slot_push(sh->c[queue], slot);
}

static uint32_t
cached(const struct shared *sh)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < QUEUES; i++)
		n += sh->c[i] ? sh->c[i]->n : 0;
	return n;
}

/* Every slot comes out once, then none; and all of them again when they are back, by other queues
 * than before. */
static void
exhausted_and_full_again(void **state)
{
	static const uint32_t sizes[] = { 16, 61, 62, 63, 124, 200, 250, 1000 };
	struct shared sh;

	for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint32_t hand[MOST];

		begin_share(&sh, sizes[k], QUEUES, 1);
		for (unsigned round = 0; round < 3; round++) {
			uint32_t n = 0, last;

			do {
				last = n;
				for (unsigned q = 0; q < QUEUES; q++)
					while (n < last + 7 && dma_slot_reserve(sh.c[q], 1))
						hand[n++] = pop(&sh, q);
			} while (n != last);
			assert_int_equal(n, sizes[k]);
			for (unsigned q = 0; q < QUEUES; q++)
				assert_int_equal(dma_slot_reserve(sh.c[q], 1), 0);
			assert_int_equal(stack_count(&sh.s.stack), 0);
			while (n) {
				unsigned q = (n + round) % QUEUES;

				push(&sh, q, hand[--n]);
				dma_slot_settle(sh.c[q]);
			}
			assert_int_equal(stack_count(&sh.s.stack) + cached(&sh), sizes[k]);
		}
		end_share(&sh);
	}
}

/* What a cache holds is bounded: after a refill by what was asked for and what it may keep, else by
 * the latter alone. */
static void
bounds(void **state)
{
	struct shared sh;
	uint64_t seed = 1;

	for (uint32_t slots = 32; slots <= 1000; slots += 121) {
		begin_share(&sh, slots, 2, 8);
		assert_int_equal(sh.s.keep,
				 8 + (slots - 16) / 4 < 256 ? 8 + (slots - 16) / 4 : 256);
		for (unsigned i = 0; i < 20000; i++) {
			struct slot_cache *c = sh.c[i & 1];
			unsigned want = 1 + (unsigned)(next(&seed) % DMA_SLOT_BURST),
				 n = dma_slot_reserve(c, want);
			uint32_t hand[DMA_SLOT_BURST];

			assert_true(n <= want);
			assert_true(c->n >= n && c->n <= want + c->most);
			if (n < want)
				assert_int_equal(c->n, n);
			dma_slot_get(c, hand, n);
			for (unsigned k = 0; k < n; k++) {
				assert_false(sh.taken[hand[k]]);
				sh.taken[hand[k]] = 1;
			}
			memset(sh.taken, 0, sizeof(sh.taken));
			dma_slot_put(c, hand, n);
			assert_true(c->n <= c->most);
			assert_int_equal(stack_count(&sh.s.stack) + cached(&sh), slots);
		}
		end_share(&sh);
	}
}

/* However many the others take and do not give back, or keep: a queue has enough to move its
 * longest packet, from the start on. */
static void
none_starves(void **state)
{
	static uint32_t hand[QUEUES][MOST];
	struct shared sh;

	for (uint32_t slots = QUEUES * 5; slots < 1000; slots += 13) {
		for (unsigned late = 0; late < QUEUES; late++) {
			uint32_t held[QUEUES] = { 0 }, all = 0, before;

			begin_share(&sh, slots, QUEUES, 5);
			do {
				before = all;
				for (unsigned q = 0; q < QUEUES; q++) {
					unsigned n = q == late ? 0
							       : dma_slot_reserve(sh.c[q],
										  DMA_SLOT_BURST);

					dma_slot_get(sh.c[q], hand[q] + held[q], n);
					held[q] += n;
					all += n;
				}
			} while (all > before);
			assert_int_equal(stack_count(&sh.s.stack), 0);
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(dma_slot_reserve(sh.c[late], 5), 5);
				dma_slot_get(sh.c[late], hand[late], 5);
				assert_int_equal(all + 5 + cached(&sh), slots);
				dma_slot_put(sh.c[late], hand[late], 5);
			}
			for (unsigned q = 0; q < QUEUES; q++) {
				for (; held[q]; held[q]--) {
					dma_slot_push(sh.c[q], hand[q][held[q] - 1]);
					dma_slot_settle(sh.c[q]);
				}
			}
			end_share(&sh);
		}
	}
}

/* ---- two threads ---- */

struct racer {
	struct shared *sh;
	struct slot_cache *c;
	uint64_t *payload; /* by slot; plain memory of its holder, so that ThreadSanitizer judges
			      the hand-over */
	int *stop;
	uint64_t seed, bursts, empty, faults;
	pthread_t thread;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	uint32_t hand[256];
	unsigned held = 0;

	while (!__atomic_load_n(r->stop, __ATOMIC_RELAXED)) {
		unsigned want = 1 + (unsigned)(next(&r->seed) % 32);

		if (held + want <= 256 && next(&r->seed) % 2) {
			unsigned n = dma_slot_reserve(r->c, want);

			for (unsigned i = 0; i < n; i++) {
				uint32_t slot = dma_slot_pop(r->c);

				r->faults += r->payload[slot] != 0;
				r->payload[slot] = (uint64_t)(uintptr_t)r;
				hand[held++] = slot;
			}
			r->empty += n < want;
		} else {
			want = want < held ? want : held;
			for (unsigned i = 0; i < want; i++) {
				uint32_t slot = hand[--held];

				r->faults += r->payload[slot] != (uint64_t)(uintptr_t)r;
				r->payload[slot] = 0;
				dma_slot_push(r->c, slot);
			}
			dma_slot_settle(r->c);
		}
		r->bursts++;
	}
	/* The other thread may go on for a moment, and get them. */
	while (held) {
		r->payload[hand[--held]] = 0;
		dma_slot_push(r->c, hand[held]);
		dma_slot_settle(r->c);
	}
	dma_slot_flush(r->c);
	return NULL;
}

static void
two_threads(void **state)
{
	static uint64_t payload[MOST];
	const struct timespec second = { .tv_sec = 1 };
	struct racer r[2];
	struct shared sh;
	int stop = 0;

	begin_share(&sh, 300, 2, 8); /* two hands of 256 run dry */
	for (unsigned i = 0; i < 2; i++) {
		r[i] = (struct racer){
			.sh = &sh, .c = sh.c[i], .payload = payload, .stop = &stop, .seed = i + 1
		};
		assert_int_equal(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
	}
	nanosleep(&second, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(r[i].thread, NULL);
		assert_int_equal(r[i].faults, 0);
		assert_true(r[i].bursts > 1000);
	}
	assert_true(r[0].empty + r[1].empty > 0);
	assert_int_equal(stack_count(&sh.s.stack), 300);
	end_share(&sh);
}

/* ---- copying ---- */

/* Not a byte beside, and none of those there before is lost: CVE-2022-0854 was 5 of 8 bytes of
 * whatever lay in the slot. */
static void
three_of_eight(void **state)
{
	uint8_t slot[8] = { 0x5e, 0xc7, 0xe7, 0x5e, 0xc7, 0xe7, 0x5e, 0xc7 },
		cpu[8] = { 10, 11, 12, 13, 14, 15, 16, 17 };
	static const uint8_t due[8] = { 1, 2, 3, 13, 14, 15, 16, 17 };

	memcpy(slot, "\1\2\3", 3);
	dma_copy(cpu, slot, 3);
	assert_memory_equal(cpu, due, 8);
}

static void
exactly_these_bytes(void **state)
{
	static uint8_t from[4096], to[4096], due[4096];

	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 37 + i / 256 + 1);
	for (uint32_t len = 0; len < 2100; len++) {
		for (unsigned shift = 0; shift < 17; shift += 8 - shift % 3) {
			memset(to, 0xee, sizeof(to));
			memset(due, 0xee, sizeof(due));
			memcpy(due + 64 + shift, from + 3 * shift, len);
			dma_copy(to + 64 + shift, from + 3 * shift, len);
			assert_memory_equal(to, due, sizeof(to));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_odd_number_of_lines),
		cmocka_unit_test(own_or_shared),
		cmocka_unit_test(exhausted_and_full_again),
		cmocka_unit_test(bounds),
		cmocka_unit_test(none_starves),
		cmocka_unit_test(two_threads),
		cmocka_unit_test(three_of_eight),
		cmocka_unit_test(exactly_these_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
