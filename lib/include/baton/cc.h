/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Confidential guests: virtual machines whose memory the host cannot read, and whose devices
 * therefore see only what the guest shares. docs/confidential.md says what works in them. None of
 * this was tried on such hardware yet.
 */
#ifndef BATON_CC_H
#define BATON_CC_H

#include <baton/context.h>

#ifdef __cplusplus
extern "C" {
#endif

enum baton_confidential {
	BATON_CONFIDENTIAL_NONE,    /* bare metal, a host of such guests, or an ordinary guest */
	BATON_CONFIDENTIAL_SEV,     /* AMD: memory encrypted */
	BATON_CONFIDENTIAL_SEV_ES,  /* AMD: and registers */
	BATON_CONFIDENTIAL_SEV_SNP, /* AMD: and protected against changes */
	BATON_CONFIDENTIAL_TDX,     /* Intel */
	BATON_CONFIDENTIAL_S390_PV, /* IBM Z: protected virtualization */
	BATON_CONFIDENTIAL_PEF,     /* POWER: Protected Execution Facility */
};

/**
 * Which kind of confidential guest the program runs in.
 *
 * Looked up at the first call and kept for the life of the context. A host can make an ordinary
 * guest look confidential, which costs copies; it cannot make a device read memory that was not
 * shared. Where it is wrong, a port's `bounce` option overrules it. Any thread.
 */
BATON_API enum baton_confidential baton_ctx_confidential(struct baton_ctx *ctx);

/** "none", "SEV-SNP", ...; "unknown" for a value this library has no name for. Any thread. */
BATON_API const char *baton_confidential_name(enum baton_confidential kind);

#ifdef __cplusplus
}
#endif

#endif
