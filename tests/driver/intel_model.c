/* SPDX-License-Identifier: BSD-3-Clause */
#include "intel_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum {
	EECD = 0x0010,
	ICR_74 = 0x00c0,
	ICR_76 = 0x1500,
	EICR_76 = 0x1580,
	STATS = 0x4000,
	STATS_END = 0x4100,
	RAL = 0x5400,
	SWSM = 0x5b50,
};

#define LOADED    (1u << 9)      /* EECD */
#define STATUS_UP (3u | 2u << 6) /* full duplex, the link is up, 1000 Mbit/s */
#define SWSM_SMBI 1u
#define NVM_SUM   0xbaba
#define MAC       0x563412005452ull

const struct intel_kind intel_82574 = {
	.driver = "net_e1000e",
	.device = 0x10d3,
	.rx = 0x2800,
	.tx = 0x3800,
	.queue_bytes = 0x100,
	.vectors = 5,
	.owner = 0x0f00, /* EXTCNF_CTRL */
	.owned = 1u << 5,
};

const struct intel_kind intel_82576 = {
	.driver = "net_igb",
	.device = 0x10c9,
	.rx = 0xc000,
	.tx = 0xe000,
	.queue_bytes = 0x40,
	.vectors = 25,
	.enables = true,
	.loads_mac = true,
	.owner = SWSM,
	.owned = 1u << 1,
	.owner_by_sem = true,
};

static struct intel_model *
of(struct pci_model *m)
{
	return (struct intel_model *)(void *)m;
}

/* ---- what is behind registers ---- */

void
intel_model_nvm(struct intel_model *m, uint64_t mac)
{
	uint16_t sum = 0;

	for (unsigned i = 0; i < 3; i++)
		m->nvm[i] = (uint16_t)(mac >> 16 * i);
	for (unsigned i = 0; i + 1 < INTEL_NVM_WORDS; i++)
		sum = (uint16_t)(sum + m->nvm[i]);
	m->nvm[INTEL_NVM_WORDS - 1] = (uint16_t)(NVM_SUM - sum);
}

static void
reset(struct intel_model *m)
{
	memset(m->regs, 0, sizeof(m->regs));
	m->regs[INTEL_STATUS / 4] = STATUS_UP;
	m->regs[RAL / 4] = m->nvm[0] | (uint32_t)m->nvm[1] << 16;
	m->regs[INTEL_RAH / 4] = m->nvm[2] | (m->no_address ? 0 : 1u << 31);
}

static uint32_t
read_nvm(const struct intel_model *m, uint32_t asked)
{
	const uint32_t word = asked >> 2 & 0x3fff;

	if (m->nvm_silent)
		return asked & 0xfffc;
	return (asked & 0xfffc) | 2 |
	       (word < INTEL_NVM_WORDS ? (uint32_t)m->nvm[word] << 16 : 0xffff0000);
}

/* Only the PHY at address 1 is there. */
static void
use_phy(struct intel_model *m, uint32_t v)
{
	const uint32_t reg = v >> 16 & 31;
	uint32_t *mdic = &m->regs[INTEL_MDIC / 4];

	*mdic = v & 0x0fffffff;
	if (m->phy_silent)
		return;
	*mdic |= INTEL_MDIC_READY | (m->phy_error || (v >> 21 & 31) != 1 ? INTEL_MDIC_ERROR : 0);
	if ((v >> 26 & 1) && !(*mdic & INTEL_MDIC_ERROR))
		m->phy[reg] = (uint16_t)v;
	*mdic = (*mdic & 0xffff0000) | m->phy[reg];
}

static uint32_t
read_status(const struct intel_model *m)
{
	const bool idle = (intel_reg(m, INTEL_CTRL) & INTEL_CTRL_GIO) && !m->keeps_master;

	return intel_reg(m, INTEL_STATUS) | (idle ? 0 : INTEL_STATUS_GIO);
}

/* ---- registers ---- */

/* Reading it changes it: a semaphore is taken, causes and counters are cleared. */
static uint32_t
take(struct intel_model *m, uint32_t off)
{
	const uint32_t v = intel_reg(m, off);

	if (off == SWSM && m->kind->owner_by_sem)
		m->regs[off / 4] |= SWSM_SMBI;
	else if (off == (m->kind->owner_by_sem ? ICR_76 : ICR_74) ||
		 (off >= STATS && off < STATS_END))
		m->regs[off / 4] = 0;
	return v;
}

static uint32_t
model_read(struct pci_model *pm, uint32_t off, size_t n)
{
	struct intel_model *m = of(pm);

	assert_true(n == 4 && off % 4 == 0);
	switch (off) {
	case INTEL_STATUS:
		return read_status(m);
	case EECD:
		return m->no_load ? 0 : LOADED;
	case INTEL_EERD:
		return read_nvm(m, intel_reg(m, off));
	default:
		break;
	}
	if (m->no_owner && off == m->kind->owner)
		return m->kind->owner_by_sem ? SWSM_SMBI : 0;
	return take(m, off);
}

static bool
is_dctl(const struct intel_model *m, uint32_t off)
{
	const struct intel_kind *k = m->kind;
	const uint32_t at = off % k->queue_bytes;

	return at == INTEL_DCTL && ((off >= k->rx && off < k->rx + 16 * k->queue_bytes) ||
				    (off >= k->tx && off < k->tx + 16 * k->queue_bytes));
}

static void
model_write(struct pci_model *pm, uint32_t off, size_t n, uint32_t v)
{
	struct intel_model *m = of(pm);

	assert_true(n == 4 && off % 4 == 0);
	if (off == m->kind->owner)
		m->asks_owner = v & m->kind->owned;
	if (off == INTEL_CTRL && v & INTEL_CTRL_RST && !m->keeps_reset) {
		reset(m);
	} else if (off == INTEL_MDIC) {
		use_phy(m, v);
	} else if (off == (m->kind->owner_by_sem ? ICR_76 : ICR_74) || off == EICR_76) {
		m->regs[off / 4] &= ~v;
	} else if (off != INTEL_STATUS &&
		   !(m->kind->enables && m->keeps_queues && is_dctl(m, off))) {
		m->regs[off / 4] = v;
	}
}

static void
model_reset(struct pci_model *m, bool function)
{
	if (function)
		of(m)->keeps_master = of(m)->keeps_reset = false;
	reset(of(m));
}

/* ---- what tests call ---- */

struct intel_model *
intel_model_start(struct baton_ctx *ctx, const struct intel_kind *kind)
{
	static struct pci_model_device device = {
		.bdf = PCI_MODEL_BDF,
		.vendor = 0x8086,
		.bar_bytes = INTEL_BAR_BYTES,
		.read = model_read,
		.write = model_write,
		.reset = model_reset,
	};
	struct intel_model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	device.device = kind->device;
	device.vectors = kind->vectors;
	m->kind = kind;
	pci_model_start(&m->pci, &device);
	ctx->pci_os = &m->pci.os;
	for (unsigned i = 3; i + 1 < INTEL_NVM_WORDS; i++)
		m->nvm[i] = (uint16_t)(i * 0x1357);
	intel_model_nvm(m, MAC);
	m->phy[0] = 1u << 12; /* it negotiates */
	m->phy[2] = 0x0141;
	m->phy[3] = 0x0cb0;
	m->phy[4] = m->phy[5] = 0x01e1;
	reset(m);
	return m;
}

void
intel_model_stop(struct intel_model *m)
{
	pci_model_stop(&m->pci);
	free(m);
}
