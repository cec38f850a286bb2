/* SPDX-License-Identifier: BSD-3-Clause */
/* The ends of a search, what it does with void trials, and the binary search of RFC 2544. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "search.h"

/* A device that forwards at most `capacity`; what goes wrong with it is set by the tests. */
struct device {
	double capacity;
	double void_from;    /* trials at this load and above are void; 0: none */
	unsigned void_first; /* as many of the first trials are void */
	unsigned trials, warm_ups;
	unsigned fail_at; /* trial number that returns `error` */
	int error;
};

static int
trial(void *ctx, const struct trial_request *q, struct trial_result *r)
{
	struct device *d = ctx;
	double lost = fmax(0, q->load - d->capacity) * q->seconds;

	d->trials++;
	d->warm_ups += q->warm_up;
	if (d->fail_at == d->trials) {
		if (d->error != -EINTR)
			strcpy(r->reason, "port 0 is lost");
		return d->error;
	}
	r->total.sent = (uint64_t)(q->load * q->seconds);
	r->total.lost = (uint64_t)lost;
	r->total.unique = r->total.received = r->total.sent - r->total.lost;
	r->seconds = r->took = q->seconds;
	r->rate = q->load;
	if ((d->void_from > 0 && q->load >= d->void_from) || d->trials <= d->void_first) {
		r->voided = TRIAL_VOID_GAP;
		strcpy(r->reason, "worker 1 stood still for 312 us");
	}
	return 0;
}

static struct search_config
config_of(const char *a, const char *b)
{
	struct search_config c = { .min_load = 1000, .max_load = 1e6 };
	const char *names[] = { a, b };
	char why[WHY];

	for (unsigned i = 0; i < 2; i++)
		if (names[i])
			assert_true(goal_parse(names[i], &c.goals[c.n_goals++], why));
	return c;
}

static struct search *
searched(const struct search_config *c, struct device *d, enum search_end end)
{
	char why[WHY] = "";
	struct search *s = search_new(c, why);

	assert_non_null(s);
	assert_int_equal(search_run(s, trial, d, NULL, NULL), end);
	return s;
}

static struct goal_result
result_of(const struct search *s, unsigned i)
{
	struct goal_result r;

	assert_int_equal(search_result(s, i, &r), 0);
	return r;
}

static void
two_goals_are_regular(void **state)
{
	struct search_config c = config_of("ndr", "pdr");
	struct device d = { .capacity = 654321 };
	struct search *s = searched(&c, &d, SEARCH_COMPLETE);
	struct goal_result ndr = result_of(s, 0), pdr = result_of(s, 1);

	assert_int_equal(ndr.end, GOAL_REGULAR);
	assert_int_equal(pdr.end, GOAL_REGULAR);
	assert_true(ndr.lower <= 654321 && ndr.upper > 654321);
	assert_true(pdr.lower <= 654321 / 0.995 && pdr.upper > 654321 / 0.995);
	assert_true(ndr.upper - ndr.lower <= 0.005 * ndr.upper);
	/* What is forwarded at the PDR's lower bound is what the device forwards. */
	assert_true(fabs(ndr.throughput - ndr.lower) < 1e-6 * ndr.lower);
	assert_true(fabs(pdr.throughput - fmin(pdr.lower, 654321)) < 2);
	assert_int_equal(d.warm_ups, 1);
	assert_true(search_seconds(s) < 60);
	assert_true(search_remaining(s) == 0);
	search_free(s);
}

static void
a_device_without_limit_is_irregular(void **state)
{
	struct search_config c = config_of("ndr", NULL);
	struct device d = { .capacity = 2e6 };
	struct search *s = searched(&c, &d, SEARCH_COMPLETE);
	struct goal_result r = result_of(s, 0);

	assert_int_equal(r.end, GOAL_ALL_LOWER);
	assert_true(r.has_lower && !r.has_upper && r.lower == 1e6 && r.throughput == 1e6);
	assert_non_null(strstr(r.text, "irregular"));
	assert_true(search_seconds(s) <= 12); /* one load, as long as half of the duration sum */
	search_free(s);
}

static void
a_device_that_forwards_nothing_is_irregular(void **state)
{
	struct search_config c = config_of("ndr", "pdr");
	struct device d = { .capacity = 0 };
	struct search *s = searched(&c, &d, SEARCH_COMPLETE);
	struct goal_result r = result_of(s, 1);

	assert_int_equal(r.end, GOAL_ALL_UPPER);
	assert_true(!r.has_lower && r.has_upper && r.upper == 1000 && r.throughput == 0);
	assert_non_null(strstr(r.text, "irregular"));
	search_free(s);
}

static void
void_trials_do_not_count(void **state)
{
	struct search_config c = config_of("ndr", "pdr");
	struct device clean = { .capacity = 654321 }, d = { .capacity = 654321, .void_first = 2 };
	struct search *a = searched(&c, &clean, SEARCH_COMPLETE);
	struct search *b = searched(&c, &d, SEARCH_COMPLETE);
	struct goal_result x, y;

	assert_int_equal(search_voided(a), 0);
	assert_int_equal(search_voided(b), 2);
	for (unsigned i = 0; i < 2; i++) {
		x = result_of(a, i);
		y = result_of(b, i);
		assert_true(x.lower == y.lower && x.upper == y.upper);
	}
	/* The warm-up was void, and needs no second one; another trial was run again. */
	assert_int_equal(d.trials, clean.trials + 1);
	search_free(a);
	search_free(b);
}

static void
three_void_trials_are_the_instruments_limit(void **state)
{
	struct search_config c = config_of("ndr", NULL);
	struct device d = { .capacity = 654321, .void_from = 900e3 };
	struct search *s = searched(&c, &d, SEARCH_INSTRUMENT_LIMIT);
	struct goal_result r = result_of(s, 0);

	assert_int_equal(d.trials, 3);
	assert_int_equal(search_voided(s), 3);
	assert_int_equal(r.end, GOAL_UNFINISHED);
	assert_non_null(strstr(search_text(s), "1000000 packets a second"));
	assert_non_null(strstr(search_text(s), "worker 1 stood still for 312 us"));
	search_free(s);
}

static void
what_was_measured_stays(void **state)
{
	struct search_config c = config_of("ndr", NULL);
	struct device d = { .capacity = 654321, .fail_at = 20, .error = -EINTR };
	struct search *s = searched(&c, &d, SEARCH_INTERRUPTED);
	struct goal_result r = result_of(s, 0);
	unsigned n;

	search_trials(s, &n);
	assert_int_equal(n, 19);
	assert_int_equal(r.end, GOAL_UNFINISHED);
	assert_non_null(strstr(r.text, "unfinished"));
	search_free(s);
	d = (struct device){ .capacity = 654321, .fail_at = 2, .error = -ENODEV };
	s = searched(&c, &d, SEARCH_FAILED);
	assert_string_equal(search_text(s), "port 0 is lost");
	search_free(s);
}

static void
what_says_nothing_is_no_result(void **state)
{
	struct search_config c = config_of("ndr", NULL);
	struct trial_result r = { .took = 1 };
	struct trial_request q;
	struct goal_result g;
	struct search *s;
	char why[WHY];

	/* Nothing lost, as nothing was sent. */
	s = search_new(&c, why);
	while (search_next(s, &q))
		assert_int_equal(search_add(s, &r), 0);
	g = result_of(s, 0);
	assert_int_equal(search_ended(s), SEARCH_INSTRUMENT_LIMIT);
	assert_true(g.end == GOAL_UNFINISHED && !g.has_lower);
	assert_non_null(strstr(search_text(s), "no packet was sent"));
	search_free(s);
	s = search_new(&c, why);
	assert_true(search_next(s, &q));
	r.total = (struct trial_accounts){ .sent = 10, .unique = 8, .lost = 1, .received = 8 };
	assert_int_equal(search_add(s, &r), -EINVAL);
	assert_int_equal(search_ended(s), SEARCH_FAILED);
	assert_non_null(strstr(search_text(s), "sent 10, unique 8, lost 1"));
	search_free(s);
}

static void
limits_end_the_search(void **state)
{
	struct search_config c = config_of("ndr", NULL);
	struct device d = { .capacity = 654321 };
	struct search *s;
	unsigned n;

	c.max_trials = 7;
	s = searched(&c, &d, SEARCH_TOO_LONG);
	search_trials(s, &n);
	assert_int_equal(n, 7);
	search_free(s);
	c.max_trials = 0;
	c.max_seconds = 10;
	s = searched(&c, &d, SEARCH_TOO_LONG);
	assert_true(search_seconds(s) == 10);
	search_free(s);
}

static void
binary_search_is_that_of_rfc_2544(void **state)
{
	struct search_config c = config_of("rfc2544", NULL);
	struct device d = { .capacity = 654321 };
	struct search *s;
	const struct search_trial *t;
	struct goal_result r;
	unsigned n;

	c.method = SEARCH_BINARY;
	s = searched(&c, &d, SEARCH_COMPLETE);
	t = search_trials(s, &n);
	r = result_of(s, 0);
	assert_int_equal(r.end, GOAL_REGULAR);
	assert_true(r.lower <= 654321 && r.upper > 654321 && r.upper - r.lower <= 0.005 * r.upper);
	assert_int_equal(d.warm_ups, 0);
	assert_true(t[0].request.load == 1e6);
	assert_true(t[1].request.load == (1e6 + 1000) / 2);
	for (unsigned i = 0; i < n; i++) {
		assert_true(t[i].request.seconds == 60);
		for (unsigned k = 0; k < i; k++)
			assert_true(t[i].request.load != t[k].request.load);
	}
	search_free(s);

	d = (struct device){ .capacity = 0 };
	s = searched(&c, &d, SEARCH_COMPLETE);
	assert_int_equal(result_of(s, 0).end, GOAL_ALL_UPPER);
	search_free(s);
	d = (struct device){ .capacity = 1e6 };
	s = searched(&c, &d, SEARCH_COMPLETE);
	search_trials(s, &n);
	assert_int_equal(result_of(s, 0).end, GOAL_ALL_LOWER);
	assert_int_equal(n, 1);
	search_free(s);
}

/* RFC 9971, exceed ratio 0: one high trial is enough for an upper bound, even a short one. */
static void
a_short_trial_can_be_enough(void **state)
{
	struct goal g;
	struct load_sums sums = { 0 };
	char why[WHY];

	assert_true(goal_parse("rfc2544", &g, why));
	load_sums_add(&sums, &g, 1, 1e-9);
	assert_int_equal(load_classify(&sums, &g), LOAD_UPPER);
	assert_true(goal_parse("tst009", &g, why));
	assert_int_equal(load_classify(&sums, &g), LOAD_UNDECIDED);
	/* Half of the time may exceed, so one full trial with low loss is enough. */
	sums = (struct load_sums){ 0 };
	load_sums_add(&sums, &g, 60, 0);
	assert_int_equal(load_classify(&sums, &g), LOAD_LOWER);
	/* Short trials with low loss are no evidence, but they excuse short ones with high loss. */
	sums = (struct load_sums){ 0 };
	for (unsigned i = 0; i < 200; i++)
		load_sums_add(&sums, &g, 1, 0);
	assert_int_equal(load_classify(&sums, &g), LOAD_UNDECIDED);
	for (unsigned i = 0; i < 200; i++)
		load_sums_add(&sums, &g, 1, 0.5);
	assert_int_equal(load_classify(&sums, &g), LOAD_UNDECIDED);
	for (unsigned i = 0; i < 61; i++)
		load_sums_add(&sums, &g, 1, 0.5);
	assert_int_equal(load_classify(&sums, &g), LOAD_UPPER);
}

static void
the_next_trial_is_a_function_of_those_before(void **state)
{
	struct search_config c = config_of("ndr", "pdr");
	struct device d = { .capacity = 654321 };
	struct trial_request a, b;
	struct search *s, *t;
	char why[WHY];

	s = search_new(&c, why);
	t = search_new(&c, why);
	while (search_next(s, &a)) {
		struct trial_result r = { .asked = a };

		/* Asking again changes nothing. */
		assert_true(search_next(s, &b) && a.load == b.load && a.seconds == b.seconds);
		assert_true(search_next(t, &b) && a.load == b.load && a.seconds == b.seconds);
		assert_int_equal(trial(&d, &a, &r), 0);
		assert_int_equal(search_add(s, &r), 0);
		assert_int_equal(search_add(t, &r), 0);
		assert_int_equal(search_add(t, &r), -EINVAL); /* it was not asked for */
	}
	assert_false(search_next(t, &b));
	search_free(s);
	search_free(t);
}

static void
wrong_searches_are_refused(void **state)
{
	struct search_config c = config_of("ndr", "ndr");
	char why[WHY];

	assert_null(search_new(&c, why));
	assert_non_null(strstr(why, "goal ndr is asked for twice"));
	c = config_of("ndr", NULL);
	c.max_load = c.min_load;
	assert_null(search_new(&c, why));
	assert_non_null(strstr(why, "from 1000 to 1000"));
	c.n_goals = 0;
	assert_null(search_new(&c, why));
	assert_non_null(strstr(why, "0 goals"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_goals_are_regular),
		cmocka_unit_test(a_device_without_limit_is_irregular),
		cmocka_unit_test(a_device_that_forwards_nothing_is_irregular),
		cmocka_unit_test(void_trials_do_not_count),
		cmocka_unit_test(three_void_trials_are_the_instruments_limit),
		cmocka_unit_test(what_was_measured_stays),
		cmocka_unit_test(what_says_nothing_is_no_result),
		cmocka_unit_test(limits_end_the_search),
		cmocka_unit_test(binary_search_is_that_of_rfc_2544),
		cmocka_unit_test(a_short_trial_can_be_enough),
		cmocka_unit_test(the_next_trial_is_a_function_of_those_before),
		cmocka_unit_test(wrong_searches_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
