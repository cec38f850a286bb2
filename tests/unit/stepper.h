/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stop one process after every single instruction of an operation on shared memory (ptrace), and
 * each time let another process complete operations of its own. A lock-free structure lets it,
 * wherever the first one stands; one that waits for the other's next store does not.
 */
#ifndef BATON_TESTS_STEPPER_H
#define BATON_TESTS_STEPPER_H

#include <stdbool.h>
#include <sys/types.h>

struct stepper_ops {
	void (*victim)(void *shared); /* the operation that is stepped through */
	bool (*other)(void *shared);  /* a bounded number of operations; false: they went wrong */
	void *shared;                 /* MAP_SHARED, holding all that both touch */
};

struct stepper {
	struct stepper_ops ops;
	struct stepper_ctl *ctl;
	pid_t other;
	int request;
	int reply;
};

struct stepper_result {
	unsigned int instructions; /* stepped through */
	unsigned int rounds;       /* completed by the other */
	unsigned int blocked_at; /* instruction after which the other could not finish; 0: never */
	unsigned int freed_at;   /* instruction after which it could again; 0: only at the end */
	bool wrong;              /* an operation of the other gave a wrong result */
};

/** Start the other process. Return: 0 or a negative errno. */
int stepper_open(struct stepper *s, const struct stepper_ops *ops);

/**
 * Run the victim's operation once, in a new process, stopping after each instruction, with a round
 * of the other's after those numbered @first to @last (from 1). The other is blocked when a round
 * is not over after @budget_ms.
 *
 * Return: 0; -EPERM or another negative errno where tracing is not to be had; -EDEADLK when the
 * other did not finish even after the victim had.
 */
int stepper_run(struct stepper *s, unsigned int first, unsigned int last, int budget_ms,
		struct stepper_result *r);

/** End the other process. */
void stepper_close(struct stepper *s);

/** Return: 0 when tracing works here; a negative errno. */
int stepper_try(void);

#endif
