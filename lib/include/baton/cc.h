/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Confidential guests.
 *
 * A confidential guest is a virtual machine whose memory the host cannot read. Its devices see only
 * the memory that the guest shares with the host. docs/confidential.md says what works in such a
 * guest. Nothing of this was tried on such hardware yet.
 */
#ifndef BATON_CC_H
#define BATON_CC_H

#include <baton/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Kind of a confidential guest. */
enum baton_confidential {
	BATON_CONFIDENTIAL_NONE,    /* bare metal, a host, or an ordinary guest */
	BATON_CONFIDENTIAL_SEV,     /* AMD: memory is encrypted */
	BATON_CONFIDENTIAL_SEV_ES,  /* AMD: memory and registers are encrypted */
	BATON_CONFIDENTIAL_SEV_SNP, /* AMD: SEV-ES, and the host cannot change memory */
	BATON_CONFIDENTIAL_TDX,     /* Intel: Trust Domain Extensions */
	BATON_CONFIDENTIAL_S390_PV, /* IBM Z: protected virtualization */
	BATON_CONFIDENTIAL_PEF,     /* POWER: Protected Execution Facility */
};

/**
 * Get the kind of confidential guest that the program runs in.
 *
 * Baton finds out at the first call and keeps the answer for the life of the context. A host can
 * make an ordinary guest look confidential: packets are then copied without need. A host cannot
 * make a device read memory that the guest did not share. The device argument bounce= of
 * baton_port_open() overrides a wrong answer.
 *
 * @ctx: the context.
 *
 * Thread: any thread.
 * Return: the kind; this function cannot fail.
 */
BATON_API enum baton_confidential baton_ctx_confidential(struct baton_ctx *ctx);

/**
 * Get the name of a kind of confidential guest, such as "none" or "SEV-SNP".
 *
 * @kind: the kind.
 *
 * Thread: any thread.
 * Return: a NUL-terminated string, never NULL; "unknown" for a value that this library does not
 * know.
 */
BATON_API const char *baton_confidential_name(enum baton_confidential kind);

#ifdef __cplusplus
}
#endif

#endif
