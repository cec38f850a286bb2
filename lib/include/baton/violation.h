/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Violations of the ownership rules.
 *
 * A call that breaks a rule is refused and changes nothing. It reports the violation to the
 * context's violation handler; without a handler the report is logged and the program stops.
 */
#ifndef BATON_VIOLATION_H
#define BATON_VIOLATION_H

#include <baton/base.h>
#include <baton/token.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Ownership rules. */
enum baton_rule {
	BATON_RULE_NOT_HELD, /* the CPU does not hold the token's buffer */
	BATON_RULE_STALE,    /* the buffer has changed hands since this token was copied */
	BATON_RULE_RANGE,    /* the buffer's index, or offset and length, are outside the pool */
	BATON_RULE_POOL,     /* the context has no such pool, or the call is for another pool */
	BATON_RULE_THREAD,   /* a second thread uses a worker, a queue or a control thread's call */
	BATON_RULE_POOL_BUSY,   /* a pool is destroyed while some of its buffers are in use */
	BATON_RULE_DOUBLE_FREE, /* the buffer is free already */
	BATON_RULE_DOUBLE_GIVE, /* a device holds the buffer already */
	BATON_RULE_DIRECTION, /* an RX queue was passed where a TX queue is needed, or vice versa */
	BATON_RULE_CONTEXT,   /* two handles of different contexts were passed */
	BATON_RULE_CLOSED,    /* the handle was closed or destroyed before */
	BATON_RULE_KIND,      /* a handle of another kind was passed */
};

/** Report of a violation. */
struct baton_violation {
	size_t size;              /* sizeof(struct baton_violation), in bytes */
	enum baton_rule rule;     /* the rule that was broken */
	const char *operation;    /* the call that was refused: "tx_burst", "free", ... */
	struct baton_token token; /* the token; zeroed when the rule is not about a token */
	const char *pool;         /* name of the token's pool, or "" */
	const char *holder;       /* who holds the buffer: "application", "net_null0 txq 0", ... */
	const char *last_op;      /* how the holder got it: "give", "free", ... */
	const char *text;         /* the whole report, in some lines */
};

/**
 * Get the name of an ownership rule.
 *
 * @rule: the rule.
 *
 * Thread: any thread.
 * Return: the name, such as "not held"; "unknown rule" for a value without a name. This function
 * cannot fail.
 */
BATON_API const char *baton_rule_name(enum baton_rule rule);

#ifdef __cplusplus
}
#endif

#endif
