/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Find out which kind of confidential guest this is.
 *
 * A host can make an ordinary guest look confidential. It can also hide SEV and SEV-ES, where the
 * kernel's own answers are not available. Then packets are copied without need, or packets fail;
 * nothing is disclosed, because memory becomes visible to the host only when the guest's kernel
 * shares it. So no secret depends on this answer.
 */
#include "mem/cc.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "ctx/ctx.h"

/* AMD64 Architecture Programmer's Manual, volume 3, E.4.17, and volume 2, 15.34.10. */
#define CPUID_AMD_ENCRYPTION 0x8000001fu
#define AMD_SEV              (1u << 1)
#define AMD_SEV_ES           (1u << 3)
#define AMD_SEV_SNP          (1u << 4)
#define MSR_SEV_STATUS       0xc0010131u
#define STATUS_SEV           (1u << 0)
#define STATUS_SEV_ES        (1u << 1)
#define STATUS_SEV_SNP       (1u << 2)

/* Intel TDX Module Base Architecture Specification, 11.2. */
#define CPUID_TDX 0x21u

/* Microsoft's Hypervisor Top Level Functional Specification, 2.4. */
#define CPUID_HYPERV           0x40000000u
#define CPUID_HYPERV_FEATURES  0x40000003u
#define HYPERV_CPU_MANAGEMENT  (1u << 12) /* in EBX: the root partition, which is the host */
#define HYPERV_ISOLATION       (1u << 22)
#define CPUID_HYPERV_ISOLATION 0x4000000cu
#define HYPERV_SNP             2 /* in the lowest 4 bits of EBX */
#define HYPERV_TDX             3

#define CPUID_FEATURES 1u
#define IN_GUEST       (1u << 31) /* in ECX; never set on bare metal */

/*
 * Read a CPUID leaf, if the processor has it. A leaf above the last one of its range returns the
 * content of another leaf (Intel), or zeros.
 */
static bool
leaf(const struct cc_source *src, uint32_t number, uint32_t regs[4])
{
	uint32_t range = number & 0xc0000000u;

	return src->cpuid(src, range, regs) && regs[CC_EAX] >= number &&
	       regs[CC_EAX] - range < 0x10000 && src->cpuid(src, number, regs);
}

/* Whether a file of the kernel contains exactly 1. */
static bool
reads_1(const struct cc_source *src, const char *path)
{
	char text[4];
	ssize_t n = src->read(src, path, text, sizeof(text));

	return (n == 1 || (n == 2 && text[1] == '\n')) && text[0] == '1';
}

/* Whether a file has the line @line. */
static bool
has_line(const struct cc_source *src, const char *path, const char *line)
{
	ssize_t n;
	size_t len = strlen(line);
	char text[256];

	n = src->read(src, path, text, sizeof(text));
	for (const char *at = text, *end; n > 0; n -= end + 1 - at, at = end + 1) {
		end = memchr(at, '\n', (size_t)n);
		if (!end)
			return false;
		if ((size_t)(end - at) == len && !memcmp(at, line, len))
			return true;
	}
	return false;
}

/* How Hyper-V isolates this guest. It reports that also if a paravisor hides the rest. */
static unsigned
hyperv_isolation(const struct cc_source *src)
{
	uint32_t regs[4];

	if (!leaf(src, CPUID_HYPERV_ISOLATION, regs) || !src->cpuid(src, CPUID_HYPERV, regs) ||
	    memcmp(&regs[CC_EBX], "Microsoft Hv", 12) ||
	    !src->cpuid(src, CPUID_HYPERV_FEATURES, regs) ||
	    (regs[CC_EBX] & (HYPERV_ISOLATION | HYPERV_CPU_MANAGEMENT)) != HYPERV_ISOLATION ||
	    !src->cpuid(src, CPUID_HYPERV_ISOLATION, regs))
		return 0;
	return regs[CC_EBX] & 0xf;
}

static bool
is_tdx(const struct cc_source *src)
{
	uint32_t regs[4], name[3];

	if (!leaf(src, CPUID_TDX, regs))
		return false;
	name[0] = regs[CC_EBX];
	name[1] = regs[CC_EDX];
	name[2] = regs[CC_ECX];
	return !memcmp(name, "IntelTDX    ", sizeof(name));
}

/*
 * Detect SEV. The processor of a guest may offer SEV because the host's processor does. So the
 * status register decides, as it does for the kernel. The register is 0 on hosts, and ordinary
 * guests do not have it.
 */
static struct cc_finding
detect_sev(const struct cc_source *src)
{
	struct cc_finding f = { BATON_CONFIDENTIAL_NONE, "the SEV_STATUS register" };
	uint32_t regs[4], has;
	uint64_t status;
	int ret;

	if (!leaf(src, CPUID_AMD_ENCRYPTION, regs) || !(regs[CC_EAX] & AMD_SEV))
		return (struct cc_finding){ BATON_CONFIDENTIAL_NONE, NULL };
	has = regs[CC_EAX];
	ret = src->msr(src, MSR_SEV_STATUS, &status);
	if (!ret && status & STATUS_SEV)
		f.kind = status & STATUS_SEV_SNP  ? BATON_CONFIDENTIAL_SEV_SNP
			 : status & STATUS_SEV_ES ? BATON_CONFIDENTIAL_SEV_ES
						  : BATON_CONFIDENTIAL_SEV;
	if (!ret || ret == -EIO)
		return f;
	/* Kernels have this device in SEV-SNP guests only. */
	f = (struct cc_finding){ BATON_CONFIDENTIAL_SEV_SNP, "the kernel's sev-guest device" };
	if (has_line(src, "/sys/devices/virtual/misc/sev-guest/uevent", "DEVNAME=sev-guest"))
		return f;
	f.by = "CPUID alone, as /dev/cpu/0/msr cannot be read";
	f.kind = has & AMD_SEV_SNP  ? BATON_CONFIDENTIAL_SEV_SNP
		 : has & AMD_SEV_ES ? BATON_CONFIDENTIAL_SEV_ES
				    : BATON_CONFIDENTIAL_SEV;
	return f;
}

struct cc_finding
cc_detect(const struct cc_source *src)
{
	struct cc_finding f;
	uint32_t regs[4];

	if (reads_1(src, "/sys/firmware/uv/prot_virt_guest"))
		return (struct cc_finding){ BATON_CONFIDENTIAL_S390_PV, "the kernel" };
	if (reads_1(src, "/sys/devices/system/cpu/svm"))
		return (struct cc_finding){ BATON_CONFIDENTIAL_PEF, "the kernel" };
	/* A host of confidential guests has most of the flags, but never this one. */
	if (!leaf(src, CPUID_FEATURES, regs) || !(regs[CC_ECX] & IN_GUEST))
		return (struct cc_finding){ BATON_CONFIDENTIAL_NONE, NULL };
	if (is_tdx(src))
		return (struct cc_finding){ BATON_CONFIDENTIAL_TDX, "CPUID" };
	f = detect_sev(src);
	if (f.kind != BATON_CONFIDENTIAL_NONE)
		return f;
	switch (hyperv_isolation(src)) {
	case HYPERV_SNP:
		return (struct cc_finding){ BATON_CONFIDENTIAL_SEV_SNP, "Hyper-V's CPUID" };
	case HYPERV_TDX:
		return (struct cc_finding){ BATON_CONFIDENTIAL_TDX, "Hyper-V's CPUID" };
	}
	return (struct cc_finding){ BATON_CONFIDENTIAL_NONE, NULL };
}

enum baton_confidential
baton_ctx_confidential(struct baton_ctx *ctx)
{
	struct cc_finding f;
	unsigned known;

	if (handle_check(ctx, HANDLE_CTX, "ctx_confidential") < 0)
		return BATON_CONFIDENTIAL_NONE;
	pthread_mutex_lock(&ctx->lock);
	known = ctx->confidential;
	pthread_mutex_unlock(&ctx->lock);
	if (known)
		return (enum baton_confidential)(known - 1);
	f = cc_detect(ctx->cc_source ? ctx->cc_source : &cc_source_host);
	pthread_mutex_lock(&ctx->lock);
	/* Another thread may have stored its answer meanwhile; the first answer stays. */
	known = ctx->confidential;
	if (!known)
		ctx->confidential = (unsigned)f.kind + 1;
	f.kind = (enum baton_confidential)(ctx->confidential - 1);
	pthread_mutex_unlock(&ctx->lock);
	if (!known && f.kind != BATON_CONFIDENTIAL_NONE)
		baton_log(ctx, BATON_LOG_INFO,
			  "this is a confidential guest (%s), by %s: devices see only memory that "
			  "is shared with the host",
			  baton_confidential_name(f.kind), f.by);
	return f.kind;
}

const char *
baton_confidential_name(enum baton_confidential kind)
{
	static const char *const names[] = {
		[BATON_CONFIDENTIAL_NONE] = "none",
		[BATON_CONFIDENTIAL_SEV] = "SEV",
		[BATON_CONFIDENTIAL_SEV_ES] = "SEV-ES",
		[BATON_CONFIDENTIAL_SEV_SNP] = "SEV-SNP",
		[BATON_CONFIDENTIAL_TDX] = "TDX",
		[BATON_CONFIDENTIAL_S390_PV] = "s390 protected virtualization",
		[BATON_CONFIDENTIAL_PEF] = "PEF",
	};

	return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
