/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver made of the kit's loops alone, in front of the model of its device in this process, for
 * valgrind to count instructions in:
 *
 *   insn_NAME rx|tx|io ROUNDS [ARGS]
 *
 * The rounds are those of pmd_bench: round_baton_KIND. A store to a register is a call of the
 * model here; what the model does in it does not count (device_write).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx/ctx.h"
#include "driver/model.h"
#include "front_baton.h"
#include "pci/pci_device.h"

#define ROUND (FRONT_BURST * FRONT_BURSTS)

extern const struct model *const rig_models[];

static ssize_t (*model_write)(const struct pci_os *os, int fd, const void *buf, size_t n,
			      uint64_t at);

static ssize_t __attribute__((noinline))
device_write(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	return model_write(os, fd, buf, n, at);
}

/* From now on, so that the set-up does not count. The model's struct pci_os is its own, and
 * writable. */
static void
watch_writes(const struct pci_os *os)
{
	model_write = os->pwrite;
	((struct pci_os *)(uintptr_t)os)->pwrite = device_write;
}

/* The device between two rounds: all that it can receive, and all that it can send. */
static bool
device_round(const struct model *m, void *dev, enum front_kind kind)
{
	static uint8_t frame[MODEL_FRAME_MAX];
	int n = 0;

	for (unsigned i = 0; kind != FRONT_TX && i < ROUND && m->receive(dev, 0, frame, 64); i++)
		;
	while (kind != FRONT_RX && (n = m->send(dev, 0, frame)) > 0)
		;
	return n >= 0;
}

int
main(int argc, char **argv)
{
	static const char *const kinds[FRONT_KINDS] = { "rx", "tx", "io" };
	const struct model *m = rig_models[0];
	struct baton_front p = { .f = { .ops = &front_baton, .len = 64 } };
	unsigned kind = 0;
	uint64_t packets = 0;
	char spec[256], all[512];
	const char *args;
	void *dev;

	while (argc > 2 && kind < FRONT_KINDS && strcmp(argv[1], kinds[kind]))
		kind++;
	if (argc < 3 || kind == FRONT_KINDS) {
		fprintf(stderr, "usage: %s rx|tx|io ROUNDS [ARGS]\n", argv[0]);
		return 2;
	}
	if (front_baton_memory(&p) < 0) {
		fprintf(stderr, "error: %s\n", baton_last_error());
		return 1;
	}
	dev = m->start(p.ctx, spec, sizeof(spec));
	args = argc > 3 ? argv[3] : "";
	snprintf(all, sizeof(all), "%s%s%s", spec, *args ? "," : "", args);
	if (front_baton_port(&p, all) < 0) {
		fprintf(stderr, "error: %s\n", baton_last_error());
		return 1;
	}
	watch_writes(p.ctx->pci_os);
	for (int i = atoi(argv[2]); i > 0; i--) {
		if (!device_round(m, dev, (enum front_kind)kind)) {
			fprintf(stderr, "error: the device cannot reach a packet\n");
			return 1;
		}
		packets += front_baton.round[kind](&p.f);
	}
	printf("%llu packets\n", (unsigned long long)packets);
	return 0;
}
