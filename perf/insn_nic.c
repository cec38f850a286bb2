/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_e1000e or net_igb in front of QEMU's model, on the rig of tests/qtest, for valgrind to count
 * instructions in:
 *
 *   insn_NAME rx|tx|io ROUNDS [ARGS]
 *
 * The rounds are those of pmd_bench: round_baton_KIND. A doorbell is a store where the BAR is
 * mapped; here it is a call, and what that does to reach QEMU by its socket does not count
 * (device_write).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/qtest/e1000e_rig.h"
#include "front_baton.h"
#include "pci/pci_device.h"

#define ROUND (FRONT_BURST * FRONT_BURSTS)
#define FRAME 64

/* The linker has pci_write_slow() of lib/pci called so (--wrap). */
void __real_pci_write_slow(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value);
void __wrap_pci_write_slow(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value);

static bool is_set_up;

static void __attribute__((noinline))
device_write(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value)
{
	__real_pci_write_slow(r, off, n, value);
}

void
__wrap_pci_write_slow(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value)
{
	if (is_set_up) /* the set-up does not count */
		device_write(r, off, n, value);
	else
		__real_pci_write_slow(r, off, n, value);
}

/*
 * The device between two rounds: it sends what it has, and receives as many frames as a round
 * takes. The rig's own calls do this packet by packet, which takes ten times as long.
 */
static void
device_round(struct e1000e_rig *r, enum front_kind kind, unsigned sent)
{
	uint8_t frame[FRAME] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	const int64_t until = qtest_now_ms() + r->q->patience_ms;

	if (sent)
		e1000e_rig_put(r, rig_nic.tx + RIG_TAIL, r->tail[0]);
	while (sent) {
		sent -= qtest_receive(r->q, frame, sizeof(frame)) > 0;
		if (qtest_now_ms() > until)
			qtest_lost(r->q, "%u packets were not sent in time", sent);
	}
	for (unsigned i = 0; kind != FRONT_TX && i < ROUND; i++)
		qtest_send(r->q, frame, sizeof(frame));
}

int
main(int argc, char **argv)
{
	static const char *const kinds[FRONT_KINDS] = { "rx", "tx", "io" };
	struct baton_front p = { .f = { .ops = &front_baton, .len = FRAME } };
	const char *why = qtest_missing();
	unsigned kind = 0, n = 0;
	uint64_t packets = 0;
	struct e1000e_rig *r;
	char spec[512];

	while (argc > 2 && kind < FRONT_KINDS && strcmp(argv[1], kinds[kind]))
		kind++;
	if (argc < 3 || kind == FRONT_KINDS) {
		fprintf(stderr, "usage: %s rx|tx|io ROUNDS [ARGS]\n", argv[0]);
		return 2;
	}
	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	if (front_baton_memory(&p) < 0) {
		fprintf(stderr, "error: %s\n", baton_last_error());
		return 1;
	}
	r = e1000e_rig_start(p.ctx, true);
	snprintf(spec, sizeof(spec), "%s%s%s", QTEST_BDF, argc > 3 && *argv[3] ? "," : "",
		 argc > 3 ? argv[3] : "");
	if (front_baton_port(&p, spec) < 0) {
		fprintf(stderr, "error: %s\n", baton_last_error());
		return 1;
	}
	is_set_up = true;
	for (int i = atoi(argv[2]); i > 0; i--) {
		device_round(r, (enum front_kind)kind, kind == FRONT_RX ? 0 : n);
		n = front_baton.round[kind](&p.f);
		if (n != ROUND) {
			fprintf(stderr, "error: a round of %u packets, not %u\n", n, ROUND);
			return 1;
		}
		packets += n;
	}
	printf("%llu packets\n", (unsigned long long)packets);
	return 0;
}
