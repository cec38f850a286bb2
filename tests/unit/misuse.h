/* SPDX-License-Identifier: BSD-3-Clause */
/* The misuse table (misuse_table.py): two contexts full of objects, and a call of each function. */
#ifndef MISUSE_H
#define MISUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <baton/baton.h>

#include "misuse_cells.h"

enum kind {
	CTX,
	POOL,
	WORKER,
	PORT,
	RXQ,
	TXQ,
	ARENA,
	IOAS,
	MAPPING,
	RING,
	KINDS,
	TOKEN = KINDS,
	PLAIN
};
enum wrong {
	WRONG_NULL,
	WRONG_KIND,
	WRONG_CLOSED,
	WRONG_CONTEXT,
	WRONG_STATE,
	WRONG_NOT_SET_UP,
	WRONG_THREAD,
	WRONG_STALE,
	WRONG_NOT_HELD,
	WRONG_RANGE,
};
enum result { RESULT_ERRNO, RESULT_NUMBER, RESULT_TEXT, RESULT_POINTER, RESULT_VOID };
enum caller { CALLER_CONTROL, CALLER_OWN, CALLER_ANY };

/* What a cell wants, where it is not what its kind of wrongness wants. */
enum how {
	REFUSED, /* that */
	ERROR,   /* an error without a violation */
	FINE,    /* nothing is wrong with it: the call is made, and nothing breaks */
	BUSY,    /* buffers are out: BATON_RULE_POOL_BUSY */
	UNTOLD,  /* it cannot be told; the call is not made */
};

struct misuse_exception {
	const char *function, *parameter; /* "*": any */
	enum wrong wrong;
	enum how how;
	const char *why;
};

extern const struct misuse_exception misuse_exceptions[];
extern const unsigned misuse_n_exceptions;

#define MISUSE_BUFS 1024

/* A context with one open object of each kind. */
struct misuse_side {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;       /* started */
	struct baton_port *idle, *raw; /* set up and stopped; not configured */
	struct baton_rxq *rxq, *idle_rxq;
	struct baton_txq *txq, *idle_txq;
	struct baton_arena *arena;
	struct baton_ioas *ioas;
	struct baton_mapping *mapping;
	struct baton_ring *ring; /* the worker's on both sides */
};

struct misuse_bench {
	struct misuse_side a, b;
	void *closed[KINDS];          /* of context a; no context */
	struct baton_token of_closed; /* of the pool that was destroyed */
	unsigned violations;
	enum baton_rule rule; /* of the last one */
};

/* One call: what it gets for each of its slots, by number. */
struct misuse_call {
	struct misuse_bench *bench;
	void *handle[8];
	int null;                 /* slot of a plain pointer that is NULL; -1: none */
	struct baton_token token; /* the token for a token's slot */
	struct baton_token *tokens;
	uint64_t room[4096] __attribute__((aligned(64))); /* whatever is written to */
};

struct misuse_function {
	const char *name;
	long (*call)(struct misuse_call *c);
	enum result result;
	enum caller caller;
};

extern const struct misuse_function misuse_functions[];
extern const unsigned misuse_n_functions;

void misuse_up(struct misuse_bench *b);
void misuse_down(struct misuse_bench *b);

/** Nothing was lost, and everything works. */
void misuse_check(struct misuse_bench *b);

/** The open object of a kind. */
void *misuse_object(const struct misuse_side *s, enum kind kind);

#endif
