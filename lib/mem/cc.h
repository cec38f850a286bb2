/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether the program runs in a confidential guest, from sources that tests can replace. */
#ifndef BATON_MEM_CC_H
#define BATON_MEM_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <baton/cc.h>

enum { CC_EAX, CC_EBX, CC_ECX, CC_EDX };

struct cc_source {
	/*
	 * Read the first @size bytes of a file. Return: the number of bytes, or a negative errno.
	 */
	ssize_t (*read)(const struct cc_source *src, const char *path, void *buf, size_t size);
	/* CPUID of an x86 processor, subleaf 0. Return: false on other processors. */
	bool (*cpuid)(const struct cc_source *src, uint32_t leaf, uint32_t regs[4]);
	/*
	 * Read an MSR of processor 0. Return: 0; -EIO if the processor has no such MSR; another
	 * errno if that is not known.
	 */
	int (*msr)(const struct cc_source *src, uint32_t number, uint64_t *value);
};

/* This machine. */
extern const struct cc_source cc_source_host;

/* What was found, and from which evidence, for the log. */
struct cc_finding {
	enum baton_confidential kind;
	const char *by;
};

struct cc_finding cc_detect(const struct cc_source *src);

/**
 * Whether devices of this context can access only memory that the guest shares, so that packets
 * must be copied through arenas with BATON_MEM_CC_SHARED. Any thread.
 */
static inline bool
cc_must_share(struct baton_ctx *ctx)
{
	return baton_ctx_confidential(ctx) != BATON_CONFIDENTIAL_NONE;
}

#endif
