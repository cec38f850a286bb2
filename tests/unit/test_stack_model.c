/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every interleaving of small cases of the index stack, run from its own C source, and the proof
 * that the checker sees: bugs planted under the source must be found.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "model/sched.h"

/* The source under test, its atomics, copies and last resort routed through the checker. */
#define BATON_ATOMIC_HOOKS "../../tests/unit/model/atomic_hooks.h"
#define memcpy             model_memcpy
#define abort()            model_fail("no spare block")
#define fprintf(...)       ((void)0)
#include "base/stack.c"
#undef memcpy
#undef abort
#undef fprintf

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#define MAX_RUNS    3000000u
#define MAX_ENTRIES 512u
#define MAX_BLOCKS  32u
#define MAX_ENDS    64u

/*
 * A script is what a thread does: g gets a block, f puts the oldest 62 entries in hand, a puts 20
 * and b puts 45 of the oldest; a put without enough in hand is left out.
 */
struct script {
	const char *name;
	const char *thread[MODEL_THREADS];
	unsigned int full;    /* full blocks on the stack */
	unsigned int partial; /* entries of a partial block */
	unsigned int hand;    /* entries each thread starts with */
	unsigned int spares;  /* blocks each thread starts with */
};

/* The different ways the runs of a case ended, as hashes. */
struct ends {
	uint64_t hash[MAX_ENDS];
	unsigned int n;
};

struct hand {
	uint32_t idx[MAX_ENTRIES];
	uint32_t n;
};

struct world {
	const struct script *script;
	unsigned int threads;
	uint32_t entries;
	struct stack stack;
	struct stack_user user[MODEL_THREADS];
	struct hand hand[MODEL_THREADS];
	bool held[MAX_ENTRIES];
	struct stack_block block[MAX_BLOCKS];
	struct ends ends;
};

static const struct script scripts[] = {
	{ "ABA",
	  { "g", "ggf" },
	  .full = 2,
	  .spares = 1 }, /* so that the first block comes back alone */
	{ "ABA, three blocks", { "gf", "ggff" }, .full = 3, .spares = 1 },
	{ "exchange", { "gf", "gf" }, .full = 2 },
	{ "last block", { "gfg", "gf" }, .full = 1 },
	{ "put against get", { "ff", "gg" }, .hand = 124, .spares = 2 },
	{ "no private spares", { "f", "fg" }, .hand = 62 },
	{ "merging", { "a", "b" }, .partial = 30, .hand = 45, .spares = 1 },
	{ "merging and getting", { "ab", "gb" }, .full = 1, .partial = 30, .hand = 65 },
	{ "three getters", { "g", "g", "g" }, .full = 2 },
	{ "three exchanging", { "gf", "g", "g" }, .full = 2 },
	{ "three merging", { "a", "b", "g" }, .partial = 30, .hand = 45, .spares = 1 },
	{ "three short of spares", { "f", "f", "g" }, .hand = 62 },
	{ "three exchanging all", { "gf", "gf", "g" }, .full = 3 },
};

static void
watch_all(struct world *w, uint32_t n_blocks)
{
	model_watch("full", 0, &w->stack.full.word, sizeof(uint64_t), false);
	model_watch("partial", 0, &w->stack.partial.word, sizeof(uint64_t), false);
	model_watch("spare", 0, &w->stack.spare.word, sizeof(uint64_t), false);
	for (uint32_t b = 0; b < n_blocks; b++) {
		model_watch("next of block", b, &w->block[b].next, sizeof(uint32_t), false);
		model_watch("count of block", b, &w->block[b].n, sizeof(uint32_t), false);
		model_watch("entries of block", b, w->block[b].idx, sizeof(w->block[b].idx), true);
	}
}

static void
give(struct world *w, unsigned int t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		w->held[w->entries] = true;
		w->hand[t].idx[w->hand[t].n++] = w->entries++;
	}
}

static void
put(struct world *w, unsigned int t, uint32_t n)
{
	struct hand *h = &w->hand[t];
	uint32_t idx[STACK_BLOCK];

	if (h->n < n)
		return;
	memcpy(idx, h->idx, n * sizeof(*idx));
	h->n -= n;
	memmove(h->idx, h->idx + n, h->n * sizeof(*idx));
	for (uint32_t i = 0; i < n; i++)
		w->held[idx[i]] = false;
	if (n == STACK_BLOCK)
		stack_put_full(&w->stack, &w->user[t], idx);
	else
		stack_put(&w->stack, &w->user[t], idx, n);
}

static void
get(struct world *w, unsigned int t)
{
	struct hand *h = &w->hand[t];
	uint32_t idx[STACK_BLOCK];
	uint32_t n = stack_get(&w->stack, &w->user[t], idx);

	for (uint32_t i = 0; i < n; i++) {
		if (idx[i] >= w->entries)
			model_fail("an index that nobody put");
		if (w->held[idx[i]])
			model_fail("an index in two hands");
		w->held[idx[i]] = true;
		h->idx[h->n++] = idx[i];
	}
}

static void
setup(void *arg)
{
	struct world *w = arg;
	const struct script *s = w->script;
	uint32_t total = s->full * STACK_BLOCK + s->partial + s->hand * w->threads;
	uint32_t n_blocks = stack_blocks_for(total, w->threads);

	w->entries = 0;
	memset(w->user, 0, sizeof(w->user));
	memset(w->hand, 0, sizeof(w->hand));
	memset(w->held, 0, sizeof(w->held));
	stack_init(&w->stack, w->block, n_blocks);
	for (unsigned int i = 0; i < s->full; i++) {
		give(w, 0, STACK_BLOCK);
		put(w, 0, STACK_BLOCK);
	}
	if (s->partial) {
		give(w, 0, s->partial);
		put(w, 0, s->partial);
	}
	for (unsigned int t = 0; t < w->threads; t++) {
		give(w, t, s->hand);
		while (w->user[t].n_spare < s->spares)
			w->user[t].spare[w->user[t].n_spare++] =
				stack_pop_block(&w->stack.spare, w->block);
	}
	watch_all(w, n_blocks);
}

static void
thread(void *arg, unsigned int t)
{
	struct world *w = arg;

	for (const char *p = w->script->thread[t]; *p; p++) {
		if (*p == 'g')
			get(w, t);
		else
			put(w, t, *p == 'f' ? STACK_BLOCK : *p == 'a' ? 20 : 45);
	}
}

struct rx_counts {
	unsigned int block[MAX_BLOCKS]; /* how often each was met */
	unsigned int entry[MAX_ENTRIES];
};

static const char *
walk(struct world *w, const struct stack_head *head, uint32_t min, uint32_t max, uint32_t most,
     struct rx_counts *sum)
{
	uint32_t b = (uint32_t)(head->word & STACK_NIL);

	for (uint32_t i = 0; b != STACK_NIL; i++, b = w->block[b].next) {
		if (b >= w->stack.n_blocks || i == most)
			return "a broken chain of blocks";
		sum->block[b]++;
		if (w->block[b].n < min || w->block[b].n > max)
			return "a block on the wrong head";
		for (uint32_t k = 0; max && k < w->block[b].n; k++) {
			if (w->block[b].idx[k] >= w->entries)
				return "an index that nobody put";
			sum->entry[w->block[b].idx[k]]++;
		}
	}
	return NULL;
}

static uint64_t
mix(uint64_t hash, uint64_t v)
{
	return (hash ^ v) * 1099511628211ull;
}

static void
remember_end(struct world *w)
{
	uint64_t h = mix(mix(w->stack.full.word, w->stack.partial.word), w->stack.spare.word);

	for (uint32_t b = 0; b < w->stack.n_blocks; b++)
		h = mix(mix(mix(h, w->block[b].next), w->block[b].n), w->block[b].idx[0]);
	for (unsigned int t = 0; t < w->threads; t++)
		for (uint32_t i = 0; i < w->hand[t].n; i++)
			h = mix(h, t * MAX_ENTRIES + w->hand[t].idx[i]);
	for (unsigned int i = 0; i < w->ends.n; i++)
		if (w->ends.hash[i] == h)
			return;
	if (w->ends.n < MAX_ENDS)
		w->ends.hash[w->ends.n++] = h;
}

/* Every block and every index is in exactly one place. */
static const char *
check(void *arg)
{
	struct world *w = arg;
	struct rx_counts sum = { 0 };
	const char *bad;

	bad = walk(w, &w->stack.full, STACK_BLOCK, STACK_BLOCK, w->stack.n_blocks, &sum);
	if (!bad)
		bad = walk(w, &w->stack.partial, 1, STACK_BLOCK - 1, w->threads, &sum);
	if (bad)
		return bad;
	for (uint32_t b = (uint32_t)(w->stack.spare.word & STACK_NIL); b != STACK_NIL;
	     b = w->block[b].next)
		if (b >= w->stack.n_blocks || sum.block[b]++)
			return "a block in two places";
	for (unsigned int t = 0; t < w->threads; t++) {
		for (uint32_t i = 0; i < w->user[t].n_spare; i++)
			sum.block[w->user[t].spare[i]]++;
		for (uint32_t i = 0; i < w->hand[t].n; i++)
			sum.entry[w->hand[t].idx[i]]++;
	}
	for (uint32_t b = 0; b < w->stack.n_blocks; b++)
		if (sum.block[b] != 1)
			return sum.block[b] ? "a block in two places" : "a block lost";
	for (uint32_t i = 0; i < w->entries; i++)
		if (sum.entry[i] != 1)
			return sum.entry[i] ? "an index in two places" : "an index lost";
	remember_end(w);
	return NULL;
}

static struct model_result
explore(const struct script *s, enum model_bug bug, bool unreduced, struct ends *ends)
{
	static struct world w;
	struct model_case c = {
		.threads = s->thread[2] ? 3 : 2,
		.setup = setup,
		.thread = thread,
		.check = check,
		.arg = &w,
		.unreduced = unreduced,
	};
	struct model_result r;

	w.script = s;
	w.threads = c.threads;
	w.ends.n = 0;
	r = model_explore(&c, bug, MAX_RUNS);
	*ends = w.ends;
	return r;
}

static void
test_true_source(void **state)
{
	uint64_t sum = 0;
	struct ends ends;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct model_result r = explore(&scripts[i], MODEL_TRUE, false, &ends);

		print_message("%-22s %8llu interleavings, %8llu redundant, %u ends\n",
			      scripts[i].name, (unsigned long long)r.runs,
			      (unsigned long long)r.redundant, ends.n);
		if (r.fault) {
			print_message("%s:\n", r.fault);
			model_print(stdout);
		}
		assert_null(r.fault);
		assert_true(r.complete);
		sum += r.runs;
	}
	print_message("all: %llu interleavings, no fault\n", (unsigned long long)sum);
}

static bool
same_ends(const struct ends *a, const struct ends *b)
{
	unsigned int same = 0;

	for (unsigned int i = 0; i < a->n; i++)
		for (unsigned int j = 0; j < b->n; j++)
			same += a->hash[i] == b->hash[j];
	return same == a->n && same == b->n;
}

/* Sleep sets leave out schedules, never an outcome: the same ends as without them. */
static void
test_reduction(void **state)
{
	static const struct script small[] = {
		{ "get, get", { "g", "g" }, .full = 2 },
		{ "put, get", { "f", "g" }, .hand = 62, .spares = 1 },
	};

	for (size_t i = 0; i < sizeof(small) / sizeof(*small); i++) {
		struct ends reduced, all;
		struct model_result r = explore(&small[i], MODEL_TRUE, false, &reduced);
		struct model_result u = explore(&small[i], MODEL_TRUE, true, &all);

		print_message("%-22s %8llu interleavings stand for %llu, %u ends\n", small[i].name,
			      (unsigned long long)r.runs, (unsigned long long)u.runs, all.n);
		assert_true(r.complete && u.complete);
		assert_true(all.n > 1);
		assert_true(same_ends(&reduced, &all));
	}
}

static void
must_find(enum model_bug bug, const char *name)
{
	struct ends ends;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct model_result r = explore(&scripts[i], bug, false, &ends);

		if (!r.fault)
			continue;
		print_message("%s: found in \"%s\" after %llu interleavings: %s\n", name,
			      scripts[i].name, (unsigned long long)r.runs, r.fault);
		model_print(stdout);
		return;
	}
	fail_msg("%s was not found", name);
}

static void
test_no_tag(void **state)
{
	must_find(MODEL_NO_TAG, "no tag");
}

static void
test_plain_store(void **state)
{
	must_find(MODEL_PLAIN_STORE, "a plain store for the compare-and-swap");
}

static void
test_publish_early(void **state)
{
	must_find(MODEL_EARLY, "publishing early");
}

static void
test_no_acquire(void **state)
{
	must_find(MODEL_NO_ACQUIRE, "no acquire");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_true_source),   cmocka_unit_test(test_reduction),
		cmocka_unit_test(test_no_tag),        cmocka_unit_test(test_plain_store),
		cmocka_unit_test(test_publish_early), cmocka_unit_test(test_no_acquire),
	};

#ifdef UNDER_TSAN
	puts("skipped: one thread and its coroutines, nothing for ThreadSanitizer");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
