/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The misuse table: every public function by every pointer that it takes by every way in which that
 * can be wrong. The cells are made from the headers (misuse_table.py). Each is tested here, as its
 * kind of wrongness wants it or as the list of exceptions says, or the list has the reason why it
 * cannot be told.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "misuse.h"

#include "ctx/ctx.h"
#include "dma/pool.h"
#include "port/driver.h"

struct cell {
	const char *function, *parameter;
	unsigned slot;
	enum kind kind;
	enum wrong wrong;
};

static const struct cell cells[] = {
#define C(function, parameter, slot, kind, wrong)                                                  \
	{ #function, #parameter, slot, kind, WRONG_##wrong },
	MISUSE_CELLS(C)
#undef C
};

#define N_CELLS (sizeof(cells) / sizeof(cells[0]))

static const char *const wrong_names[] = {
	"NULL",       "of another kind", "closed", "of another context", "in a wrong state",
	"not set up", "second thread",   "stale",  "not held",           "out of range",
};

static unsigned used[256]; /* exceptions, by number */

/* ---- what a cell wants ---- */

static bool
is_for(const char *pattern, const char *name)
{
	return !strcmp(pattern, "*") || !strcmp(pattern, name);
}

static enum how
how_of(const struct cell *c)
{
	for (unsigned i = 0; i < misuse_n_exceptions; i++) {
		const struct misuse_exception *e = &misuse_exceptions[i];

		if (e->wrong == c->wrong && is_for(e->function, c->function) &&
		    is_for(e->parameter, c->parameter)) {
			used[i]++;
			return e->how;
		}
	}
	return REFUSED;
}

static unsigned
handles_of(const char *function)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_CELLS; i++)
		n += cells[i].wrong == WRONG_CONTEXT && !strcmp(cells[i].function, function);
	return n;
}

static bool
takes_token(const char *function)
{
	for (unsigned i = 0; i < N_CELLS; i++)
		if (cells[i].kind == TOKEN && !strcmp(cells[i].function, function))
			return true;
	return false;
}

static enum how
what_of(const struct misuse_function *f, const struct cell *c)
{
	enum how how = how_of(c);

	if (how != REFUSED)
		return how;
	/* One handle alone is of no other context, and any thread may call what any may. */
	if ((c->wrong == WRONG_CONTEXT && handles_of(f->name) < 2) ||
	    (c->wrong == WRONG_THREAD && f->caller == CALLER_ANY))
		return UNTOLD;
	/* What cannot fail only reads, or does nothing. */
	if ((c->wrong == WRONG_STATE || c->wrong == WRONG_NOT_SET_UP) && f->result != RESULT_ERRNO)
		return FINE;
	return REFUSED;
}

/* ---- one call ---- */

struct outcome {
	const struct misuse_function *function;
	struct misuse_call *call;
	long result;
	bool called;
	char text[512]; /* the error message */
};

static void
make_call(struct outcome *o)
{
	enum baton_ioas_backend none;

	/* Another error message, so that the call's own is told from it. */
	baton_ioas_backend_by_name("none", &none);
	o->result = o->function->call(o->call);
	o->called = true;
	snprintf(o->text, sizeof(o->text), "%s", baton_last_error());
}

static void *
in_thread(void *arg)
{
	make_call(arg);
	return NULL;
}

static void
in_callback(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct outcome *o = arg;

	if (!o->called)
		make_call(o);
}

static bool
is_among(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name))
		list++;
	return *list;
}

/* The arguments of a call with which nothing is wrong. */
static void
fill(struct misuse_call *c, struct misuse_bench *b, const struct misuse_function *f)
{
	static const char *const stopped[] = {
		"port_configure", "rxq_setup",    "txq_setup", "port_start",
		"port_set_mtu",   "port_set_rss", NULL
	};

	memset(c, 0, sizeof(*c));
	c->bench = b;
	c->null = -1;
	assert_int_equal(baton_alloc(b->a.worker, b->a.pool, &c->token, 1), 1);
	c->token.len = 60;
	c->tokens = &c->token;
	for (unsigned i = 0; i < N_CELLS; i++)
		if (!strcmp(cells[i].function, f->name) && cells[i].kind < KINDS)
			c->handle[cells[i].slot] =
				cells[i].kind == PORT && is_among(f->name, stopped)
					? b->a.idle
					: misuse_object(&b->a, cells[i].kind);
}

/* The token is freed, unless the call has used it up. */
static void
drop(struct misuse_call *c, struct baton_token t)
{
	const struct baton_pool_view *v = &c->bench->a.ctx->views[t.pool];

	if (v->owner[t.buf] == (BATON_OWNER_CPU << 16 | t.gen))
		assert_int_equal(baton_free(c->bench->a.worker, &t, 1), 0);
}

static void
expect(const struct outcome *o, const struct misuse_function *f, unsigned before,
       unsigned violations, int result)
{
	unsigned n = o->call->bench->violations - before;

	assert_true(o->called);
	if (n != violations)
		fail_msg("%u violations, %u expected; it returned %ld", n, violations, o->result);
	if (f->result == RESULT_ERRNO) {
		if (result ? o->result != result : o->result >= 0)
			fail_msg("it returned %ld: %s", o->result, o->text);
	} else if (f->result == RESULT_TEXT) {
		assert_string_equal((const char *)o->result, "");
	} else {
		assert_int_equal(o->result, 0);
	}
	if (f->result == RESULT_ERRNO || violations)
		assert_null(strstr(o->text, "\"none\""));
}

static void
expect_rule(const struct misuse_bench *b, enum baton_rule rule)
{
	if (b->rule != rule)
		fail_msg("the report says %s, not %s", baton_rule_name(b->rule),
			 baton_rule_name(rule));
}

/* ---- ways to be wrong ---- */

static void
run_null(struct outcome *o, const struct cell *c, enum how how)
{
	unsigned before = o->call->bench->violations;

	if (c->kind == PLAIN)
		o->call->null = (int)c->slot;
	else if (c->kind == TOKEN)
		o->call->tokens = NULL;
	else
		o->call->handle[c->slot] = NULL;
	make_call(o);
	if (how == FINE)
		assert_true(o->result >= 0 && o->call->bench->violations == before);
	else
		expect(o, o->function, before, 0, 0);
	if (how == REFUSED && c->kind < KINDS)
		assert_null(strstr(o->text, "\"none\""));
	o->call->tokens = &o->call->token;
}

static void
run_kind(struct outcome *o, const struct cell *c, enum how how)
{
	static const char *const hot[] = { "rx_burst", "tx_burst", "data", "side", NULL };
	static uint64_t nothing[1024] __attribute__((aligned(64)));
	struct misuse_bench *b = o->call->bench;

	for (enum kind k = CTX; k < KINDS; k++) {
		unsigned before = b->violations;

		if (k == c->kind)
			continue;
		o->call->handle[c->slot] = misuse_object(&b->a, k);
		make_call(o);
		if (how == FINE) {
			assert_int_equal(b->violations, before);
			continue;
		}
		expect(o, o->function, before, 1, -EPERM);
		expect_rule(b, (k == RXQ && c->kind == TXQ) || (k == TXQ && c->kind == RXQ)
				       ? BATON_RULE_DIRECTION
				       : BATON_RULE_KIND);
	}
	/* Memory that is no handle. Bursts would have to look at each one's tag. */
	if (how == FINE || is_among(o->function->name, hot))
		return;
	o->call->handle[c->slot] = nothing;
	make_call(o);
	expect(o, o->function, b->violations, 0, -EINVAL);
}

/* Break one of the rules of tokens. Return: a token to free in the end. */
static struct baton_token
wrong_token(struct misuse_call *c, enum wrong wrong)
{
	const struct misuse_side *a = &c->bench->a, *b = &c->bench->b;
	struct baton_token held = c->token, fresh;

	switch (wrong) {
	case WRONG_CONTEXT:
		/* One with another generation: all but one of 65,536 are told. */
		do
			assert_int_equal(baton_alloc(b->worker, b->pool, &c->token, 1), 1);
		while ((uint16_t)a->ctx->views[0].owner[c->token.buf] == c->token.gen);
		break;
	case WRONG_CLOSED:
		c->token = c->bench->of_closed;
		break;
	case WRONG_STALE:
		assert_int_equal(baton_free(a->worker, &held, 1), 0);
		assert_int_equal(baton_alloc(a->worker, a->pool, &fresh, 1), 1);
		assert_int_equal(fresh.buf, held.buf);
		return fresh;
	case WRONG_NOT_HELD:
		assert_int_equal(baton_free(a->worker, &held, 1), 0);
		break;
	default:
		c->token.buf = MISUSE_BUFS;
	}
	c->token.len = 60;
	return held;
}

static void
run_token(struct outcome *o, const struct cell *c, enum how how)
{
	struct misuse_bench *b = o->call->bench;
	struct baton_token held = wrong_token(o->call, c->wrong);
	unsigned before = b->violations;

	make_call(o);
	if (how == FINE)
		assert_int_equal(b->violations, before);
	else
		expect(o, o->function, before, 1, -EPERM);
	if (how == REFUSED && (c->wrong == WRONG_CLOSED || c->wrong == WRONG_RANGE))
		expect_rule(b, c->wrong == WRONG_CLOSED ? BATON_RULE_POOL : BATON_RULE_RANGE);
	if (c->wrong == WRONG_CONTEXT)
		assert_int_equal(baton_free(b->b.worker, &o->call->token, 1), 0);
	o->call->token = held;
}

static void
run_other(struct outcome *o, const struct cell *c, enum how how)
{
	struct misuse_bench *b = o->call->bench;
	unsigned before = b->violations;

	if (c->wrong == WRONG_CLOSED)
		o->call->handle[c->slot] = b->closed[c->kind];
	else
		o->call->handle[c->slot] = o->call->handle[c->slot] == b->a.idle
						   ? b->b.idle
						   : misuse_object(&b->b, c->kind);
	make_call(o);
	if (how == FINE) {
		assert_int_equal(b->violations, before);
		return;
	}
	expect(o, o->function, before, 1, -EPERM);
	/* Beside a worker of another context, it is the token that is wrong. */
	if (c->wrong == WRONG_CLOSED || !takes_token(o->function->name))
		expect_rule(b, c->wrong == WRONG_CLOSED ? BATON_RULE_CLOSED : BATON_RULE_CONTEXT);
}

static void
run_thread(struct outcome *o, const struct cell *c, enum how how)
{
	struct misuse_bench *b = o->call->bench;
	unsigned before = b->violations;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, in_thread, o), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	if (how == FINE) {
		assert_int_equal(b->violations, before);
		return;
	}
	expect(o, o->function, before, how == ERROR ? 0 : 1, how == ERROR ? -EBUSY : -EPERM);
	if (how == REFUSED)
		expect_rule(b, BATON_RULE_THREAD);
}

/* The call is made in the state of its object that is the wrong one for some calls. */
static void
run_state(struct outcome *o, const struct cell *c, enum how how)
{
	struct misuse_bench *b = o->call->bench;
	struct misuse_side *a = &b->a;
	unsigned before = b->violations;
	bool event = c->kind == CTX || c->kind == PORT, queue = c->kind == RXQ || c->kind == TXQ;
	int want = 0;

	if (event) {
		struct baton_port *port = c->kind == CTX ? a->port : o->call->handle[c->slot];

		want = how == ERROR ? 0 : -EBUSY;
		baton_port_on_event(port, in_callback, o);
		if (port == a->idle) { /* its link is down anyway */
			port_event(port, BATON_EVENT_LINK);
			baton_port_on_event(port, NULL, NULL);
		} else {
			assert_int_equal(baton_port_set_link(port, 0), 0);
			baton_port_on_event(port, NULL, NULL);
			assert_int_equal(baton_port_set_link(port, 1), 0);
		}
	} else {
		struct baton_token t[8];
		int left;

		if (queue)
			assert_int_equal(baton_port_stop(a->port), 0);
		if (c->kind == RING) {
			assert_int_equal(baton_alloc(a->worker, a->pool, t, 1), 1);
			assert_int_equal(baton_ring_enqueue(a->ring, t, 1), 1);
		}
		make_call(o);
		while (c->kind == RING && (left = baton_ring_dequeue(a->ring, t, 8)) > 0)
			assert_int_equal(baton_free(a->worker, t, (unsigned)left), 0);
		if (queue)
			assert_int_equal(baton_port_start(a->port), 0);
	}
	if (how == FINE)
		assert_true(o->called && b->violations == before && (queue || o->result >= 0));
	else
		expect(o, o->function, before, how == BUSY, how == BUSY ? -EBUSY : want);
	if (how == BUSY)
		expect_rule(b, BATON_RULE_POOL_BUSY);
}

static void
run_not_set_up(struct outcome *o, const struct cell *c, enum how how)
{
	struct misuse_bench *b = o->call->bench;
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 3, .worker = b->a.worker };
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	unsigned before = b->violations;

	if (c->kind == PORT) {
		o->call->handle[c->slot] = b->a.raw;
	} else {
		/* A number of descriptors that is refused leaves the queue without a set-up. */
		qc.pool = c->kind == RXQ ? b->a.pool : NULL;
		assert_int_equal(c->kind == RXQ ? baton_rxq_setup(b->a.idle, 0, &qc, &rxq)
						: baton_txq_setup(b->a.idle, 0, &qc, &txq),
				 -EINVAL);
		o->call->handle[c->slot] =
			c->kind == RXQ ? (void *)b->a.idle_rxq : (void *)b->a.idle_txq;
	}
	make_call(o);
	if (how == FINE)
		assert_true(b->violations == before && o->result >= 0);
	else
		expect(o, o->function, before, 0, 0);
	if (!strcmp(o->function->name, "port_close"))
		assert_int_equal(baton_port_open(b->a.ctx, "net_null2", &b->a.raw), 0);
}

static void
run_cell(struct misuse_bench *b, const struct misuse_function *f, const struct cell *c,
	 enum how how)
{
	static struct misuse_call call;
	struct outcome o = { .function = f, .call = &call };
	struct baton_token held;

	fill(&call, b, f);
	held = call.token;
	if (c->kind == TOKEN && c->wrong != WRONG_NULL) {
		run_token(&o, c, how);
		held = call.token;
	} else {
		switch (c->wrong) {
		case WRONG_NULL:
			run_null(&o, c, how);
			break;
		case WRONG_KIND:
			run_kind(&o, c, how);
			break;
		case WRONG_THREAD:
			run_thread(&o, c, how);
			break;
		case WRONG_STATE:
			run_state(&o, c, how);
			break;
		case WRONG_NOT_SET_UP:
			run_not_set_up(&o, c, how);
			break;
		default:
			run_other(&o, c, how);
		}
	}
	drop(&call, held);
	misuse_check(b);
}

/* ---- the table ---- */

static unsigned tested, untold;

static void
every_cell(void **state)
{
	static struct misuse_bench b;
	const char *only = getenv("MISUSE_ONLY");

	for (unsigned i = 0; i < misuse_n_functions; i++) {
		const struct misuse_function *f = &misuse_functions[i];

		if (only && strcmp(only, f->name))
			continue;
		misuse_up(&b);
		for (unsigned k = 0; k < N_CELLS; k++) {
			const struct cell *c = &cells[k];
			enum how how;

			if (strcmp(c->function, f->name))
				continue;
			how = what_of(f, c);
			if (how == UNTOLD) {
				untold++;
				continue;
			}
			if (getenv("MISUSE_LOG"))
				print_message("%s: %s %s\n", f->name, c->parameter,
					      wrong_names[c->wrong]);
			run_cell(&b, f, c, how);
			tested++;
		}
		misuse_down(&b);
	}
	print_message("%zu cells: %u tested, %u cannot be told or are not wrong\n", N_CELLS, tested,
		      untold);
}

/* An exception that fits no cell is one for a function or parameter that is not there any more. */
static void
no_exception_is_left(void **state)
{
	if (getenv("MISUSE_ONLY"))
		skip();
	assert_int_equal(tested + untold, N_CELLS);
	assert_true(misuse_n_exceptions <= sizeof(used) / sizeof(used[0]));
	for (unsigned i = 0; i < misuse_n_exceptions; i++)
		if (!used[i])
			fail_msg("no cell: %s, %s %s", misuse_exceptions[i].function,
				 misuse_exceptions[i].parameter,
				 wrong_names[misuse_exceptions[i].wrong]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(no_exception_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
