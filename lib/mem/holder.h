/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who was handed memory, and does anybody have it still?
 *
 * A backend maps files of ours. When its socket ends it may live on, and so may a child that it
 * forked, or a process in another PID namespace that it passed descriptors to. The kernel has two
 * exact answers, which need no rights and no process ids:
 *
 * The lock. A holder is handed descriptions of its own, opened anew (/proc/self/fd) and locked
 * (F_OFD_SETLK) at one byte of the file, whose number is this holder's. The kernel keeps that lock
 * until the last reference to the description is dropped: descriptors and mappings in any process,
 * and messages that were never received. So it tells the holders of one file apart. It does not see
 * somebody who opened the file anew for himself.
 *
 * The lease. A read lease (F_SETLEASE) on a read-only description of ours is granted when, and only
 * when, nobody has the file open for writing, or mapped by such a description. It sees everybody,
 * and cannot tell one from another. The description that memfd_create() returns does not count, so
 * that one is never handed over. What was opened by name for writing does count: a file of a
 * hugetlbfs mount or a tmpfs never has a lease while we have it ourselves, and then the lock is
 * what is left.
 *
 * A lease is taken and given back at once. If somebody opens the file for writing in between, the
 * kernel sends us a signal, SIGIO by default, which ends a program that does not expect it. Nobody
 * can but through /proc/PID/fd of this program, or another thread of it that hands the same file to
 * somebody: whoever else has a descriptor for writing is the reason that there is no lease. For
 * these the signal is made SIGURG, whose default is to be ignored, before each lease is asked for;
 * where that is not possible none is.
 *
 * Not seen by either: pages that the kernel or a device of the holder's has pinned, and still
 * writes to, after everything that named them was closed.
 *
 * Control thread.
 */
#ifndef BATON_MEM_HOLDER_H
#define BATON_MEM_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct baton_ctx;
struct mem_holder;

/* In this order, the worst of several files counts. */
enum mem_held {
	MEM_FREE,     /* nobody has what the holder was given */
	MEM_UNKNOWN,  /* that cannot be seen here */
	MEM_SOMEBODY, /* somebody has it, and may be the holder or not */
	MEM_HELD,     /* the holder, or who it passed the memory on to, has it */
};

/* What can be known of a holder's end. */
enum mem_evidence {
	MEM_NOTHING_GIVEN, /* no memory that is used again */
	MEM_BY_LEASE,      /* lease and lock */
	MEM_BY_LEASE_ONLY, /* no lock: holders of one file are not told apart */
	MEM_BY_LOCK,       /* no lease: who opens the file anew is not seen */
	MEM_NO_EVIDENCE,
};

/** Somebody who is going to be handed memory. Return: NULL when out of memory. */
struct mem_holder *mem_holder_create(struct baton_ctx *ctx);

/** Holders are counted: one reference more, or one less. @h: may be NULL. */
struct mem_holder *mem_holder_get(struct mem_holder *h);
void mem_holder_put(struct mem_holder *h);

/** Its process, as far as known: @pidfd polls readable when that has ended. Owned from now on. */
void mem_holder_set_process(struct mem_holder *h, int pidfd);
int mem_holder_process(const struct mem_holder *h);

/**
 * Open a file anew for a holder.
 *
 * @watch: mem_holder_ask() answers for it; else its memory is not used again after this holder.
 * @out: the descriptor to pass on and close. Where a file cannot be opened anew it is a duplicate
 * of @fd, and there is no evidence.
 *
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM, with a sentence.
 */
int mem_holder_give(struct mem_holder *h, int fd, bool watch, int *out);

/** Ask about all files that it was given. */
enum mem_held mem_holder_ask(struct mem_holder *h);

/** @why: what stands in the way of better evidence, or an empty string; may be NULL. */
enum mem_evidence mem_holder_evidence(const struct mem_holder *h, const char **why);

#endif
