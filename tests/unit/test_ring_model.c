/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every interleaving of small cases of the token ring, run from its own C source, and the proof
 * that the checker sees: bugs planted under the source must be found.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "model/sched.h"

/* The source under test, its atomics and copies routed through the checker. */
#define BATON_ATOMIC_HOOKS "../../tests/unit/model/atomic_hooks.h"
#define memcpy             model_memcpy
#define membarrier_all     model_fence_all
#include "base/ring.c"
#undef memcpy
#undef membarrier_all

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#define BITS     2u
#define SIZE     (1u << BITS)
#define MAX_RUNS 4000000u
#define MAX_TAKE 16u

/*
 * A script is what a thread does: 1, 2 and 3 put a packet of so many tokens, d puts two packets of
 * one in a burst; g, h and i get up to 1, 2 and 3 tokens; s goes to sleep if there is nothing, as
 * the last thing it does. Who puts signals to those who sleep.
 */
struct script {
	const char *name;
	const char *thread[MODEL_THREADS];
	const char *before; /* done before the threads begin */
	bool one_put, one_get;
	bool fenced;
};

static const struct script scripts[] = {
	{ "one puts, one gets", { "121", "hhg" }, .one_put = true, .one_get = true },
	{ "one puts, one gets, full",
	  { "d2", "hh" },
	  .before = "dd",
	  .one_put = true,
	  .one_get = true },
	{ "two put", { "1", "1" }, .before = NULL },
	{ "two put, again", { "11", "1" }, .before = NULL },
	{ "two put packets", { "2", "2" }, .before = NULL },
	{ "two put, no room for both", { "2", "2" }, .before = "1" },
	{ "one puts, two get", { "1", "g", "g" }, .before = "1", .one_put = true },
	{ "two get", { "h", "h" }, .before = "12" },
	{ "two get, few", { "i", "g" }, .before = "d1" },
	{ "put and get, round and round", { "1g", "1g" }, .before = "dhd" },
	{ "two put, one gets", { "1", "1", "h" }, .one_get = true },
	{ "two put packets, one gets", { "2", "1", "h" }, .before = "1", .one_get = true },
	{ "full: gets make room", { "1", "h" }, .before = "dd" },
	{ "full: two get, one puts", { "2", "g", "g" }, .before = "dd", .one_put = true },
	{ "sleep", { "1", "s" }, .one_put = true, .one_get = true },
	{ "sleep, fenced", { "1", "s" }, .one_put = true, .one_get = true, .fenced = true },
	{ "two put, one sleeps", { "1", "1s" }, .one_get = true },
	{ "get and sleep", { "11", "hs" }, .one_put = true, .one_get = true },
	{ "two sleep", { "1", "s", "s" }, .one_put = true, .fenced = true },
};

static struct world {
	const struct script *script;
	unsigned threads;
	struct ring ring;
	struct baton_token slot[SIZE];
	uint64_t cont, put_notes[SIZE], get_notes[SIZE];
	uint32_t next[MODEL_THREADS + 1]; /* number of the next token of a thread */
	uint32_t taken[MODEL_THREADS + 1][MAX_TAKE];
	unsigned n_taken[MODEL_THREADS + 1];
	bool sleeps[MODEL_THREADS + 1];
	bool signal; /* the eventfd */
} w;

#define ID(thread, number) ((uint32_t)(thread) << 8 | (number))

static void
put(unsigned t, unsigned packets, unsigned segs)
{
	struct baton_token tokens[4] = { 0 };
	unsigned n = 0;

	for (unsigned p = 0; p < packets; p++)
		for (unsigned s = 0; s < segs; s++) {
			tokens[n].buf = ID(t, w.next[t] + n);
			tokens[n].flags = s + 1 < segs ? BATON_TOKEN_CONT : 0;
			n++;
		}
	n = ring_put(&w.ring, tokens, n);
	w.next[t] += n;
	if (n % segs)
		model_fail("a packet was split by put");
	if (ring_wants_signal(&w.ring))
		w.signal = true;
}

static void
take(unsigned t, unsigned most)
{
	struct baton_token tokens[4] = { 0 };
	unsigned n = ring_get(&w.ring, tokens, most);

	for (unsigned i = 0; i < n; i++)
		w.taken[t][w.n_taken[t]++] = tokens[i].buf;
	if (n && tokens[n - 1].flags & BATON_TOKEN_CONT)
		model_fail("a packet was split by get");
}

static void
act(unsigned t, const char *p)
{
	for (; p && *p; p++) {
		if (*p == 'd')
			put(t, 2, 1);
		else if (*p == 's')
			w.sleeps[t] = ring_sleep(&w.ring);
		else if (*p <= '3')
			put(t, 1, (unsigned)(*p - '0'));
		else
			take(t, (unsigned)(*p - 'g' + 1));
	}
}

static void
setup(void *arg)
{
	const struct script *s = w.script;

	memset(w.next, 0, sizeof(w.next));
	memset(w.n_taken, 0, sizeof(w.n_taken));
	memset(w.sleeps, 0, sizeof(w.sleeps));
	w.signal = false;
	ring_init(&w.ring, BITS, w.slot, &w.cont, s->one_put ? NULL : w.put_notes,
		  s->one_get ? NULL : w.get_notes);
	w.ring.fenced = s->fenced;
	act(MODEL_THREADS, s->before);
	model_watch("head of puts", 0, &w.ring.prod.head, sizeof(uint64_t), false);
	model_watch("tail of puts", 0, &w.ring.prod.tail, sizeof(uint64_t), false);
	model_watch("head of gets", 0, &w.ring.cons.head, sizeof(uint64_t), false);
	model_watch("tail of gets", 0, &w.ring.cons.tail, sizeof(uint64_t), false);
	model_watch("wake", 0, &w.ring.wake, sizeof(uint64_t), false);
	model_watch("chained", 0, &w.ring.chained, sizeof(uint64_t), false);
	model_watch("cont", 0, &w.cont, sizeof(uint64_t), false);
	for (unsigned i = 0; i < SIZE; i++) {
		model_watch("note of put", i, &w.put_notes[i], sizeof(uint64_t), false);
		model_watch("note of get", i, &w.get_notes[i], sizeof(uint64_t), false);
		model_watch("token", i, &w.slot[i], sizeof(w.slot[i]), true);
	}
}

static void
thread(void *arg, unsigned t)
{
	act(t, w.script->thread[t]);
}

/* Each taker has the tokens of each putter in their order. */
static const char *
check_order(unsigned t)
{
	uint32_t last[MODEL_THREADS + 1] = { 0 };

	for (unsigned i = 0; i < w.n_taken[t]; i++) {
		const uint32_t from = w.taken[t][i] >> 8, number = (w.taken[t][i] & 0xff) + 1;

		if (from > MODEL_THREADS || number > w.next[from])
			return "a token that nobody put";
		if (number <= last[from])
			return "tokens out of order";
		last[from] = number;
	}
	return NULL;
}

static const char *
check(void *arg)
{
	unsigned seen[MODEL_THREADS + 1] = { 0 }, there = (unsigned)ring_count(&w.ring);
	const char *bad = NULL;

	for (unsigned t = 0; t < w.threads; t++)
		if (w.sleeps[t] && there && !w.signal)
			return "asleep with tokens in the ring, and nobody signalled";
	while (there && ring_first(&w.ring) && w.n_taken[MODEL_THREADS] < MAX_TAKE - 4)
		take(MODEL_THREADS, 4);
	for (unsigned t = 0; t <= MODEL_THREADS && !bad; t++) {
		bad = check_order(t);
		for (unsigned i = 0; i < w.n_taken[t] && !bad; i++)
			seen[w.taken[t][i] >> 8]++;
	}
	for (unsigned t = 0; t <= MODEL_THREADS && !bad; t++)
		if (seen[t] != w.next[t])
			bad = seen[t] > w.next[t] ? "a token taken twice" : "a token lost";
	return bad;
}

static struct model_result
explore(const struct script *s, enum model_bug bug)
{
	struct model_case c = {
		.threads = s->thread[2] ? 3 : 2,
		.setup = setup,
		.thread = thread,
		.check = check,
	};

	w.script = s;
	w.threads = c.threads;
	return model_explore(&c, bug, MAX_RUNS);
}

static void
test_true_source(void **state)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct model_result r = explore(&scripts[i], MODEL_TRUE);

		print_message("%-30s %8llu interleavings, %8llu redundant\n", scripts[i].name,
			      (unsigned long long)r.runs, (unsigned long long)r.redundant);
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

static void
must_find(enum model_bug bug, const char *name)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct model_result r = explore(&scripts[i], bug);

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
test_plain_store(void **state)
{
	must_find(MODEL_PLAIN_STORE, "a plain store for the compare-and-swap");
}

static void
test_no_acquire(void **state)
{
	must_find(MODEL_NO_ACQUIRE, "no acquire");
}

static void
test_no_release(void **state)
{
	must_find(MODEL_NO_RELEASE, "no release");
}

static void
test_no_fence(void **state)
{
	must_find(MODEL_NO_FENCE, "no fence");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_true_source), cmocka_unit_test(test_plain_store),
		cmocka_unit_test(test_no_acquire),  cmocka_unit_test(test_no_release),
		cmocka_unit_test(test_no_fence),
	};

#ifdef UNDER_TSAN
	puts("skipped: one thread and its coroutines, nothing for ThreadSanitizer");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
