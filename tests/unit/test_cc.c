/* SPDX-License-Identifier: BSD-3-Clause */
/* Which confidential guest this is: every kind, what only looks like one, and files that lie. */
#include "mem_util.h"

#include <unistd.h>

#include "cc_util.h"

#define GUEST 0x80000000u /* CPUID 1, ECX */
#define NAME(a, b, c, d)                                                                           \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define AMD(top)                                                                                   \
	{                                                                                          \
		0,                                                                                 \
		{                                                                                  \
			(top), NAME('A', 'u', 't', 'h'), NAME('c', 'A', 'M', 'D'),                 \
				NAME('e', 'n', 't', 'i')                                           \
		}                                                                                  \
	}
#define INTEL(top)                                                                                 \
	{                                                                                          \
		0,                                                                                 \
		{                                                                                  \
			(top), NAME('G', 'e', 'n', 'u'), NAME('n', 't', 'e', 'l'),                 \
				NAME('i', 'n', 'e', 'I')                                           \
		}                                                                                  \
	}
#define FEATURES(ecx)                                                                              \
	{                                                                                          \
		1,                                                                                 \
		{                                                                                  \
			0xa20f10, 0, (ecx), 0                                                      \
		}                                                                                  \
	}
#define EXT(top)                                                                                   \
	{                                                                                          \
		0x80000000u,                                                                       \
		{                                                                                  \
			(top), 0, 0, 0                                                             \
		}                                                                                  \
	}
#define CRYPT(eax)                                                                                 \
	{                                                                                          \
		0x8000001fu,                                                                       \
		{                                                                                  \
			(eax), 51, 509, 100                                                        \
		}                                                                                  \
	}
#define TDX_LEAF                                                                                   \
	{                                                                                          \
		0x21,                                                                              \
		{                                                                                  \
			0, NAME('I', 'n', 't', 'e'), NAME(' ', ' ', ' ', ' '),                     \
				NAME('l', 'T', 'D', 'X')                                           \
		}                                                                                  \
	}
#define HYPERV(top)                                                                                \
	{                                                                                          \
		0x40000000u,                                                                       \
		{                                                                                  \
			(top), NAME('M', 'i', 'c', 'r'), NAME('o', 's', 'o', 'f'),                 \
				NAME('t', ' ', 'H', 'v')                                           \
		}                                                                                  \
	}
#define HV_FEATURES(ebx)                                                                           \
	{                                                                                          \
		0x40000003u,                                                                       \
		{                                                                                  \
			0, (ebx), 0, 0                                                             \
		}                                                                                  \
	}
#define HV_ISOLATED(ebx)                                                                           \
	{                                                                                          \
		0x4000000cu,                                                                       \
		{                                                                                  \
			0, (ebx), 0, 0                                                             \
		}                                                                                  \
	}
#define END                                                                                        \
	{                                                                                          \
		0,                                                                                 \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define LEAVES(...)                                                                                \
	(const struct cc_cpuid[])                                                                  \
	{                                                                                          \
		__VA_ARGS__, END                                                                   \
	}

#define AMD_GUEST(eax) LEAVES(AMD(16), FEATURES(GUEST), EXT(0x8000001fu), CRYPT(eax))
#define AMD_HOST(eax)  LEAVES(AMD(16), FEATURES(0), EXT(0x80000023u), CRYPT(eax))
#define HV_GUEST(ebx, iso)                                                                         \
	LEAVES(AMD(16), FEATURES(GUEST), EXT(0x8000001eu), HYPERV(0x4000000cu), HV_FEATURES(ebx),  \
	       HV_ISOLATED(iso))

#define SEV 0x2u
#define ES  0x8u
#define SNP 0x10u

#define UV        "/sys/firmware/uv/prot_virt_guest"
#define SVM       "/sys/devices/system/cpu/svm"
#define SEV_GUEST "/sys/devices/virtual/misc/sev-guest/uevent"

static void
check(const char *what, struct cc_fake f, enum baton_confidential kind)
{
	struct cc_finding found = cc_detect(&f.src);

	if (found.kind != kind)
		fail_msg("%s: is %s, shall be %s", what, baton_confidential_name(found.kind),
			 baton_confidential_name(kind));
	if (kind != BATON_CONFIDENTIAL_NONE)
		assert_true(strlen(found.by) > 3);
}

#define FAKE(...) ((struct cc_fake){ CC_FAKE, __VA_ARGS__ })

static void
guests(void **state)
{
	check("SEV", FAKE(.leaves = AMD_GUEST(SEV), .msr = 1), BATON_CONFIDENTIAL_SEV);
	check("SEV-ES", FAKE(.leaves = AMD_GUEST(SEV | ES), .msr = 3), BATON_CONFIDENTIAL_SEV_ES);
	check("SEV-SNP", FAKE(.leaves = AMD_GUEST(SEV | ES | SNP), .msr = 7),
	      BATON_CONFIDENTIAL_SEV_SNP);
	check("TDX", FAKE(.leaves = LEAVES(INTEL(0x21), FEATURES(GUEST), TDX_LEAF)),
	      BATON_CONFIDENTIAL_TDX);
	check("SNP under Hyper-V", FAKE(.leaves = HV_GUEST(1u << 22, 0x22)),
	      BATON_CONFIDENTIAL_SEV_SNP);
	check("TDX under Hyper-V", FAKE(.leaves = HV_GUEST(1u << 22, 0x23)),
	      BATON_CONFIDENTIAL_TDX);
	check("s390 PV", FAKE(.path = UV, .text = "1\n", .no_cpuid = true),
	      BATON_CONFIDENTIAL_S390_PV);
	check("PEF", FAKE(.path = SVM, .text = "1\n", .no_cpuid = true), BATON_CONFIDENTIAL_PEF);
}

/* What the processor can do is no matter: the status register tells what the guest is. */
static void
status_register_decides(void **state)
{
	check("offers SNP, runs SEV", FAKE(.leaves = AMD_GUEST(SEV | ES | SNP), .msr = 1),
	      BATON_CONFIDENTIAL_SEV);
	check("offers SEV, runs nothing", FAKE(.leaves = AMD_GUEST(SEV | ES | SNP), .msr = 0),
	      BATON_CONFIDENTIAL_NONE);
	check("features without SEV", FAKE(.leaves = AMD_GUEST(SEV | ES | SNP), .msr = 6),
	      BATON_CONFIDENTIAL_NONE);
	check("no such register", FAKE(.leaves = AMD_GUEST(SEV), .msr_err = -EIO, .msr = 7),
	      BATON_CONFIDENTIAL_NONE);
	check("more bits", FAKE(.leaves = AMD_GUEST(SEV), .msr = ~0ull),
	      BATON_CONFIDENTIAL_SEV_SNP);
}

/* Without the msr module or the right to read it. */
static void
no_status_register(void **state)
{
	static const int errs[] = { -ENOENT, -EACCES, -EPERM, -ENXIO, -ENODATA };

	for (unsigned i = 0; i < 5; i++) {
		check("SEV", FAKE(.leaves = AMD_GUEST(SEV), .msr_err = errs[i]),
		      BATON_CONFIDENTIAL_SEV);
		check("SEV-ES", FAKE(.leaves = AMD_GUEST(SEV | ES), .msr_err = errs[i]),
		      BATON_CONFIDENTIAL_SEV_ES);
		check("SEV-SNP", FAKE(.leaves = AMD_GUEST(SEV | ES | SNP), .msr_err = errs[i]),
		      BATON_CONFIDENTIAL_SEV_SNP);
		check("a device knows better",
		      FAKE(.leaves = AMD_GUEST(SEV), .msr_err = errs[i], .path = SEV_GUEST,
			   .text = "MAJOR=10\nMINOR=123\nDEVNAME=sev-guest\n"),
		      BATON_CONFIDENTIAL_SEV_SNP);
		check("a host", FAKE(.leaves = AMD_HOST(SEV | ES | SNP), .msr_err = errs[i]),
		      BATON_CONFIDENTIAL_NONE);
	}
}

static void
nothing_confidential(void **state)
{
	struct cc_fake f = FAKE(.leaves = AMD_HOST(SEV | ES | SNP), .msr = 7);

	/* Bare metal is told by one flag; an MSR that says otherwise is not even read. */
	check("host of SEV guests", f, BATON_CONFIDENTIAL_NONE);
	cc_detect(&f.src);
	assert_int_equal(f.msrs, 0);
	check("bare Intel", FAKE(.leaves = LEAVES(INTEL(0x20), FEATURES(0))),
	      BATON_CONFIDENTIAL_NONE);
	check("host of TDX guests", FAKE(.leaves = LEAVES(INTEL(0x23), FEATURES(0), TDX_LEAF)),
	      BATON_CONFIDENTIAL_NONE);
	check("ordinary guest on Intel", FAKE(.leaves = LEAVES(INTEL(0x20), FEATURES(GUEST))),
	      BATON_CONFIDENTIAL_NONE);
	check("ordinary guest on AMD", FAKE(.leaves = AMD_GUEST(0), .msr_err = -ENOENT),
	      BATON_CONFIDENTIAL_NONE);
	check("guest with SME alone", FAKE(.leaves = AMD_GUEST(1), .msr_err = -ENOENT),
	      BATON_CONFIDENTIAL_NONE);
	check("ordinary guest of Hyper-V", FAKE(.leaves = HV_GUEST(0, 0)), BATON_CONFIDENTIAL_NONE);
	check("Hyper-V's root partition", FAKE(.leaves = HV_GUEST(1u << 22 | 1u << 12, 0x22)),
	      BATON_CONFIDENTIAL_NONE);
	check("Hyper-V isolates by itself", FAKE(.leaves = HV_GUEST(1u << 22, 1)),
	      BATON_CONFIDENTIAL_NONE);
	check("s390, not protected", FAKE(.path = UV, .text = "0\n", .no_cpuid = true),
	      BATON_CONFIDENTIAL_NONE);
	check("POWER, not secure", FAKE(.path = SVM, .text = "0\n", .no_cpuid = true),
	      BATON_CONFIDENTIAL_NONE);
	check("no evidence at all", FAKE(.no_cpuid = true), BATON_CONFIDENTIAL_NONE);
}

/* Hypervisors can answer CPUID with anything. */
static void
absurd_cpuid(void **state)
{
	/* On Intel, a leaf above the last repeats the last one's answer. */
	check("TDX's leaf above the last one",
	      FAKE(.leaves = LEAVES(INTEL(0x20), FEATURES(GUEST), TDX_LEAF)),
	      BATON_CONFIDENTIAL_NONE);
	check("SEV's leaf above the last one",
	      FAKE(.leaves = LEAVES(AMD(16), FEATURES(GUEST), EXT(0x8000001eu), CRYPT(SEV)),
		   .msr = 7),
	      BATON_CONFIDENTIAL_NONE);
	check("no extended leaves",
	      FAKE(.leaves = LEAVES(AMD(16), FEATURES(GUEST), EXT(0), CRYPT(SEV))),
	      BATON_CONFIDENTIAL_NONE);
	check("last leaf in another range",
	      FAKE(.leaves = LEAVES(INTEL(0xffffffffu), FEATURES(GUEST), TDX_LEAF)),
	      BATON_CONFIDENTIAL_NONE);
	check("not quite TDX",
	      FAKE(.leaves = LEAVES(INTEL(0x21), FEATURES(GUEST),
				    { 0x21,
				      { 0, NAME('I', 'n', 't', 'e'), NAME('l', 'T', 'D', 'X'),
					NAME(' ', ' ', ' ', ' ') } })),
	      BATON_CONFIDENTIAL_NONE);
	check("all zeros", FAKE(.leaves = NULL), BATON_CONFIDENTIAL_NONE);
	check("not quite Hyper-V",
	      FAKE(.leaves = LEAVES(AMD(16), FEATURES(GUEST), HV_FEATURES(1u << 22), HV_ISOLATED(2),
				    { 0x40000000u,
				      { 0x4000000cu, NAME('K', 'V', 'M', 'K'), 0, 0 } })),
	      BATON_CONFIDENTIAL_NONE);
	check("an old Hyper-V",
	      FAKE(.leaves = LEAVES(AMD(16), FEATURES(GUEST), HYPERV(0x4000000bu),
				    HV_FEATURES(1u << 22), HV_ISOLATED(2))),
	      BATON_CONFIDENTIAL_NONE);
}

static void
absurd_files(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		bool yes;
	} flags[] = {
		{ "1\n", 0, true },   { "1", 0, true },	     { "0\n", 0, false },
		{ "\n", 0, false },   { "1\n\n", 0, false }, { "10\n", 0, false },
		{ "1x", 0, false },   { " 1\n", 0, false },  { "-1\n", 0, false },
		{ "01\n", 0, false }, { "1\0", 2, false },   { "\0\0", 2, false },
		{ "yes\n", 0, false }, { "1111111111111111", 0, false },
	}, events[] = {
		{ "DEVNAME=sev-guest\n", 0, true },
		{ "MAJOR=10\nDEVNAME=sev-guest\nX=1", 0, true },
		{ "DEVNAME=sev-guest", 0, false }, /* cut off: of sev-guest2, who knows */
		{ "DEVNAME=sev-guest2\n", 0, false },
		{ "XDEVNAME=sev-guest\n", 0, false },
		{ "DEVNAME=sev-gues", 0, false },
		{ "\n\n\n", 0, false },
		{ "DEVNAME=sev\0guest\n", 18, false },
	};
	char huge[4096];

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct cc_fake f = FAKE(.path = UV, .text = flags[i].text, .len = flags[i].len,
					.no_cpuid = true);

		check(flags[i].text, f,
		      flags[i].yes ? BATON_CONFIDENTIAL_S390_PV : BATON_CONFIDENTIAL_NONE);
		f.path = SVM;
		check(flags[i].text, f,
		      flags[i].yes ? BATON_CONFIDENTIAL_PEF : BATON_CONFIDENTIAL_NONE);
	}
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		check(events[i].text,
		      FAKE(.leaves = AMD_GUEST(SEV), .msr_err = -ENOENT, .path = SEV_GUEST,
			   .text = events[i].text, .len = events[i].len),
		      events[i].yes ? BATON_CONFIDENTIAL_SEV_SNP : BATON_CONFIDENTIAL_SEV);

	/* Longer than what is read, with and without lines. */
	memset(huge, 'A', sizeof(huge));
	check("no line",
	      FAKE(.leaves = AMD_GUEST(SEV), .msr_err = -ENOENT, .path = SEV_GUEST, .text = huge,
		   .len = sizeof(huge)),
	      BATON_CONFIDENTIAL_SEV);
	memset(huge, '\n', sizeof(huge));
	check("only lines",
	      FAKE(.leaves = AMD_GUEST(SEV), .msr_err = -ENOENT, .path = SEV_GUEST, .text = huge,
		   .len = sizeof(huge)),
	      BATON_CONFIDENTIAL_SEV);
}

/* Once per context; contexts do not know of each other. */
static void
once_per_context(void **state)
{
	struct cc_fake pv = cc_fake_pv(), none = FAKE(.no_cpuid = true);
	struct bare_ctx *a = bare_ctx(), *b = bare_ctx();
	int reads;

	a->ctx.cc_source = &pv.src;
	b->ctx.cc_source = &none.src;
	assert_true(cc_must_share(&a->ctx));
	assert_says(a->last, "s390 protected virtualization");
	reads = pv.reads;
	a->last[0] = 0;
	pv.text = "0\n";
	assert_int_equal(baton_ctx_confidential(&a->ctx), BATON_CONFIDENTIAL_S390_PV);
	assert_true(cc_must_share(&a->ctx));
	assert_int_equal(pv.reads, reads);
	assert_string_equal(a->last, "");

	assert_false(cc_must_share(&b->ctx));
	reads = none.reads;
	assert_true(reads > 0);
	assert_int_equal(baton_ctx_confidential(&b->ctx), BATON_CONFIDENTIAL_NONE);
	assert_int_equal(none.reads, reads);
	assert_string_equal(b->last, "");
	bare_ctx_free(a);
	bare_ctx_free(b);
}

static void *
ask(void *ctx)
{
	return (void *)(uintptr_t)baton_ctx_confidential(ctx);
}

static void
any_thread(void **state)
{
	struct cc_fake pv = cc_fake_pv();
	struct bare_ctx *b = bare_ctx();
	pthread_t threads[4];
	void *kind;

	b->ctx.cc_source = &pv.src;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &b->ctx), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &kind), 0);
		assert_int_equal((uintptr_t)kind, BATON_CONFIDENTIAL_S390_PV);
	}
	bare_ctx_free(b);
}

static void
names(void **state)
{
	for (int i = BATON_CONFIDENTIAL_NONE; i <= BATON_CONFIDENTIAL_PEF; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(baton_confidential_name((enum baton_confidential)i),
						baton_confidential_name(
							(enum baton_confidential)j));
	assert_string_equal(baton_confidential_name((enum baton_confidential)99), "unknown");
	assert_string_equal(baton_confidential_name((enum baton_confidential) - 1), "unknown");
}

/* The machine we run on: its files, CPUID and MSRs answer as the interface says. */
static void
host_source(void **state)
{
	const struct cc_source *src = &cc_source_host;
	uint32_t regs[4] = { 0 };
	char text[16];
	uint64_t value;
	bool there;
	int ret;

	assert_int_equal(src->read(src, "/nowhere/at/all", text, sizeof(text)), -ENOENT);
	assert_int_equal(src->read(src, "/proc", text, sizeof(text)), -EISDIR);
	assert_int_equal(src->read(src, "/dev/null", text, sizeof(text)), 0);
	assert_int_equal(src->read(src, "/dev/zero", text, sizeof(text)), sizeof(text));
	there = src->cpuid(src, 0, regs);
	assert_int_equal(there, regs[CC_EAX] != 0);
	ret = src->msr(src, 0xc0010131, &value);
	assert_in_range(-ret, 0, 4095);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests),
		cmocka_unit_test(status_register_decides),
		cmocka_unit_test(no_status_register),
		cmocka_unit_test(nothing_confidential),
		cmocka_unit_test(absurd_cpuid),
		cmocka_unit_test(absurd_files),
		cmocka_unit_test(once_per_context),
		cmocka_unit_test(any_thread),
		cmocka_unit_test(names),
		cmocka_unit_test(host_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
