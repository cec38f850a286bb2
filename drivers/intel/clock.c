/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock, and the times of event packets of IEEE 1588 (chapters "Time Sync" of both
 * datasheets). The device keeps a time until the last of its registers is read.
 */
#include "ctx/ctx.h"
#include "intel/intel.h"

enum {
	SYSTIML = 0xb600, /* SYSTIMH is the next */
	TIMINCA = 0xb608,
	TSYNCTXCTL = 0xb614,
	TXSTMPL = 0xb618, /* TXSTMPH */
	TSYNCRXCTL = 0xb620,
	RXSTMPL = 0xb624, /* RXSTMPH, and from which message: */
	RXSATRL = 0xb62c, /* RXSATRH */
};

#define SYNC_VALID      (1u << 0)
#define SYNC_ALL_EVENTS (5u << 1) /* RX: each message of version 2 that is one */
#define SYNC_ENABLE     (1u << 4)
#define PERIOD_ONE      (1u << 24)
#define READS           8u       /* of the clock, until two agree */
#define AGREE_NS        1000000u /* more than time passes, and how many times as fast */
#define AGREE_TIMES     4u

/* What is kept ends, so that the device takes the next time. Return: the one that was kept. */
static uint64_t
fetch(const struct nic_dev *dev, bool rx)
{
	const uint32_t at = rx ? RXSTMPL : TXSTMPL;
	uint64_t ns = nic_get32(dev, at);

	ns |= (uint64_t)nic_get32(dev, at + 4) << 32;
	if (rx) {
		(void)nic_get32(dev, RXSATRL);
		(void)nic_get32(dev, RXSATRL + 4);
	}
	return ns;
}

void
intel_start_clock(struct nic_dev *dev)
{
	const uint32_t offloads = dev->port.offloads;

	intel_of(dev)->clock = 0;
	nic_put32(dev, TSYNCRXCTL, 0);
	nic_put32(dev, TSYNCTXCTL, 0);
	if (!(offloads & INTEL_EVENTS))
		return;
	nic_put32(dev, TIMINCA, PERIOD_ONE | intel_kind(dev)->tick_ns);
	nic_put32(dev, SYSTIML, 0);
	nic_put32(dev, SYSTIML + 4, 0);
	(void)fetch(dev, true);
	(void)fetch(dev, false);
	if (offloads & BATON_OFFLOAD_RX_EVENT)
		nic_put32(dev, TSYNCRXCTL, SYNC_ALL_EVENTS | SYNC_ENABLE);
	if (offloads & BATON_OFFLOAD_TX_EVENT)
		nic_put32(dev, TSYNCTXCTL, SYNC_ENABLE);
}

/*
 * The halves are of one moment unless the lower one wraps around between two reads of it; and the
 * 82574L reads wrong bits at times. So it is read until a time is not further from the one before
 * than this machine's clock has it.
 */
static int
read_clock(const struct nic_dev *dev, uint64_t *ns)
{
	uint64_t last = 0, before = 0;

	for (unsigned i = 0; i < READS; i++) {
		const uint64_t begin = ctx_now_ns(), low = nic_get32(dev, SYSTIML),
			       now = (uint64_t)nic_get32(dev, SYSTIML + 4) << 32 | low;

		if (i && now - last <= AGREE_NS + AGREE_TIMES * (ctx_now_ns() - before)) {
			*ns = now;
			return 0;
		}
		last = now;
		before = begin;
	}
	return baton_err(EIO,
			 "%s: the clock does not count as time does: no two of %u reads fit, the "
			 "last was %#llx",
			 dev->port.name, READS, (unsigned long long)last);
}

static int
take(const struct nic_dev *dev, bool rx, uint64_t *ns)
{
	if (!(nic_get32(dev, rx ? TSYNCRXCTL : TSYNCTXCTL) & SYNC_VALID))
		return 0;
	*ns = fetch(dev, rx);
	return 1;
}

int
intel_clock(struct nic_dev *dev, enum port_clock what, uint64_t *ns)
{
	uint64_t time = 0;
	int ret;

	if (what == PORT_CLOCK_ADJUST) {
		intel_of(dev)->clock += *ns;
		return 0;
	}
	ret = what == PORT_CLOCK_READ ? read_clock(dev, &time)
				      : take(dev, what == PORT_CLOCK_RX, &time);
	if (time == UINT64_MAX && pci_is_dead(dev->pci->dev))
		ret = baton_err(ENODEV, "%s: the device reads as all ones", dev->port.name);
	if (ret >= 0)
		*ns = time + intel_of(dev)->clock;
	return ret;
}
