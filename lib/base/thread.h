/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a thread. A worker or a context that is bound to a thread is let go when that thread
 * ends, so that nobody waits for it: the C library calls back through one key of the process.
 */
#ifndef BATON_BASE_THREAD_H
#define BATON_BASE_THREAD_H

/* Embedded in what is to be told; zeroed before its first use. */
struct thread_exit {
	void (*fn)(struct thread_exit *e);
	struct thread_exit *next, **at; /* at NULL: not registered */
};

/**
 * Call @fn when the calling thread ends: in that thread, after everything else it did, and with the
 * lock held that thread_exit_del() takes. Without memory for it nothing is called. One that is
 * registered with another thread is moved: it is called for the thread that came last.
 */
void thread_exit_add(struct thread_exit *e, void (*fn)(struct thread_exit *e));

/** Do not call it any more; the call is not under way either when this returns. Any thread. */
void thread_exit_del(struct thread_exit *e);

#endif
