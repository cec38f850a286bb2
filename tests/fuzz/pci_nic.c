/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci_nic.h"

#include <linux/pci_regs.h>

#include "ioas/ioas.h"

#define pci (*(struct fuzz_pci *)fuzz_state)

/* ---- what the driver asks of the function ---- */

/* What the device had kept it cannot write to any more: it was reset, or is in no address space. */
static void
confirmed(void)
{
	pci.ops->let_go();
	fuzz_life->asked = FUZZ_LET_GO;
	fuzz_lets_go(FUZZ_TILL_RESET);
	fuzz_life->was_reset = true;
}

static int
attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf, struct ioas_device **out,
       int *fd)
{
	fuzz_catch_up();
	fuzz_life->refused |= pci.m->dead; /* nothing answers there */
	return pci.os.attach(os, ioas, bdf, out, fd);
}

static void
detach(const struct pci_os *os, struct ioas_device *handle)
{
	pci.os.detach(os, handle);
	confirmed();
}

static void
write_reg(struct pci_model *m, uint32_t off, size_t n, uint32_t value)
{
	if (!pci.ops->after_reset || !pci.ops->after_reset(off))
		fuzz_catch_up();
	if (pci.ops->write(off, value))
		pci.real->write(m, off, n, value);
}

void
fuzz_pci_reset(void)
{
	struct fuzz *f = fuzz_current;

	for (unsigned i = 0; i < FUZZ_QUEUES && f; i++)
		f->dev->scan(f, i);
	if (f && fuzz_refuses(&fuzz_life->no_reset))
		fuzz_life->keeps++;
	pci.m->keeps_config = pci.m->no_reset = f && fuzz_keeps_all(&f->rig->port->reach);
	if (!pci.m->keeps_config) {
		confirmed();
		return;
	}
	fuzz_life->refused = true;
	/* Without the bus it reaches no memory, whatever it is told; nor did it keep any before. */
	if (!(pci.m->config[PCI_COMMAND] & PCI_COMMAND_MASTER)) {
		fuzz_life->asked = FUZZ_LET_GO;
		fuzz_lets_go(FUZZ_TILL_RESET);
	}
}

void
fuzz_pci_connect(struct pci_model *m, const struct fuzz_pci_ops *ops)
{
	pci.m = m;
	pci.ops = ops;
	pci.real = m->device;
	pci.device = *m->device;
	pci.device.write = write_reg;
	m->device = &pci.device;
	pci.os = m->os;
	m->os.attach = attach;
	m->os.detach = detach;
}

/* ---- what the device reaches ---- */

void *
fuzz_pci_ring(uint64_t iova, uint32_t bytes)
{
	struct ioas_entry e;

	if (!pci.m->ioas || !ioas_find_iova(pci.m->ioas, iova, &e) ||
	    bytes > e.bytes - (iova - e.iova))
		return NULL;
	return (uint8_t *)e.va + (iova - e.iova);
}

uint8_t *
fuzz_pci_at(const struct fuzz *f, uint64_t iova, uint32_t len, bool write)
{
	struct ioas_entry e;
	uint8_t *va;

	if (!pci.m->ioas || !ioas_find_iova(pci.m->ioas, iova, &e) ||
	    len > e.bytes - (iova - e.iova) ||
	    !(e.flags & (write ? BATON_MAP_WRITE : BATON_MAP_READ)))
		return NULL;
	va = (uint8_t *)e.va + (iova - e.iova);
	return va >= f->rig->memory && va < f->rig->memory + FUZZ_RIG_BYTES ? fuzz_view(f, va, len)
									    : va;
}

/* ---- how it goes and comes ---- */

bool
fuzz_pci_is_dead(void)
{
	return pci.m->dead;
}

void
fuzz_pci_lost(struct fuzz *f, unsigned how)
{
	struct pci_model *m = pci.m;
	const bool was = f->rig->port->started && !f->rig->port->away;

	if (!m->attached)
		return;
	switch (pci.ops->fail ? how % 4 : how % 4 | 2) {
	case 0:
	case 1:
		if (!was || m->irq[0] < 0)
			return;
		pci.ops->fail();
		break;
	case 2:
		m->dead = true;
		if (!was || m->irq[0] < 0)
			return; /* found out when it is used */
		pci_model_interrupt(m, 0);
		break;
	default:
		pci_model_signal(how & 4 ? m->err_fd : m->req_fd);
		break;
	}
	fuzz_away(f);
	fuzz_poll(f);
	fuzz_catch_up();
	if (was && !f->rig->port->away)
		fuzz_fail("the device said that it is away (%u), and nobody noticed", how % 8);
	if (how & 8)
		fuzz_look(f, 0);
}

void
fuzz_pci_back(struct fuzz *f, unsigned how)
{
	if (how & 1)
		pci.m->dead = false;
	if (!f->rig->port->started || !f->rig->port->away)
		return;
	fuzz_look(f, 1);
	fuzz_look(f, 1000);
}

void
fuzz_pci_obey(struct fuzz *f)
{
	fuzz_obey();
	pci.m->dead = false;
}
