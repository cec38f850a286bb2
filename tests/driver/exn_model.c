/* SPDX-License-Identifier: BSD-3-Clause */
#include "exn_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* The registers, by the datasheet. */
enum { CTRL = 0x004, STATUS = 0x008, QUEUES = 0x00c, MAC = 0x010, FRAME = 0x01c };
enum { RX_BLOCKS = 0x400, TX_BLOCKS = 0x600 };
enum {
	BASE = 0x00,
	SIZE = 0x08,
	TAIL = 0x0c,
	QCTRL = 0x10,
	VECTOR = 0x14,
	WAKE = 0x18,
	ROOM = 0x1c
};

static struct exn_model *
of(struct pci_model *m)
{
	return (struct exn_model *)(void *)m;
}

static uint32_t *
block(struct exn_model *m, bool tx, unsigned queue)
{
	return &m->regs[((tx ? TX_BLOCKS : RX_BLOCKS) + queue * 32) / 4];
}

uint32_t
exn_reg(const struct exn_model *m, uint32_t off)
{
	return m->regs[off / 4];
}

/* The descriptor that the device uses next. Return: 0: there is none. */
static uint64_t
next_desc(struct exn_model *m, bool tx, unsigned queue, unsigned ahead)
{
	const uint32_t *b = block(m, tx, queue);
	const uint32_t place = (m->head[tx][queue] + ahead) & (b[SIZE / 4] - 1);

	if (!(b[QCTRL / 4] & 1) || !(exn_reg(m, CTRL) & 2))
		return 0;
	for (unsigned i = 0; i <= ahead; i++)
		if (((m->head[tx][queue] + i) & (b[SIZE / 4] - 1)) == b[TAIL / 4])
			return 0;
	return (b[BASE / 4] | (uint64_t)b[BASE / 4 + 1] << 32) + 16ull * place;
}

static void
advance(struct exn_model *m, bool tx, unsigned queue)
{
	const uint32_t *b = block(m, tx, queue);

	m->head[tx][queue] = (uint16_t)((m->head[tx][queue] + 1) & (b[SIZE / 4] - 1));
}

static void
wake(struct exn_model *m, bool tx, unsigned queue)
{
	uint32_t *b = block(m, tx, queue);

	if (!b[WAKE / 4] || !b[VECTOR / 4])
		return;
	b[WAKE / 4] = 0;
	pci_model_interrupt(&m->pci, b[VECTOR / 4]);
}

/* ---- packets ---- */

unsigned
exn_receive(struct exn_model *m, unsigned queue, const void *frame, uint32_t len, uint64_t marks,
	    const struct exn_lie *lie)
{
	const uint32_t room = block(m, false, queue)[ROOM / 4];
	const unsigned n = len ? (len + room - 1) / room : 1;
	const uint8_t *from = frame;

	if (!next_desc(m, false, queue, n - 1))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const uint64_t desc = next_desc(m, false, queue, 0);
		const uint32_t k = len < room ? len : room;
		uint64_t addr = 0, info = 1 | marks | (uint64_t)k << 16;

		if (!pci_model_read64(&m->pci, desc, &addr) ||
		    !pci_model_dma(&m->pci, addr, (void *)(uintptr_t)from, k, true))
			return 0;
		if (i + 1 == n && !(lie && lie->endless))
			info |= 2;
		if (lie && lie->info)
			info = lie->info;
		info += lie ? (uint64_t)lie->extra << 16 : 0;
		pci_model_write64(&m->pci, desc, 0xdddddddddddddddd); /* its address is no more */
		pci_model_write64(&m->pci, desc + 8, info);
		advance(m, false, queue);
		from += k;
		len -= k;
	}
	wake(m, false, queue);
	return n;
}

bool
exn_scribble(struct exn_model *m, unsigned queue, uint64_t info, uint32_t n)
{
	const uint64_t desc = next_desc(m, false, queue, 0);
	uint8_t bytes[256];
	uint64_t addr = 0;

	memset(bytes, 0xee, sizeof(bytes));
	assert_true(n <= sizeof(bytes));
	if (!desc)
		return false;
	assert_true(pci_model_read64(&m->pci, desc, &addr));
	if (n)
		assert_true(pci_model_dma(&m->pci, addr, bytes, n, true));
	pci_model_write64(&m->pci, desc + 8, info);
	if (info & 1)
		advance(m, false, queue);
	return true;
}

int
exn_send(struct exn_model *m, unsigned queue, void *frame, bool report)
{
	uint32_t len = 0, start = 0, offset = 0;
	bool csum = false, last = false, done = false;
	uint64_t desc, addr = 0, info = 0;

	while (!last && (desc = next_desc(m, true, queue, 0))) {
		if (!pci_model_read64(&m->pci, desc, &addr) ||
		    !pci_model_read64(&m->pci, desc + 8, &info) ||
		    len + (info & 0xffff) > EXN_FRAME_MAX ||
		    !pci_model_dma(&m->pci, addr, (uint8_t *)frame + len, info & 0xffff, false))
			return -1;
		if (!len && (info >> 24 & 1)) {
			csum = true;
			start = info >> 32 & 0xffff;
			offset = (uint32_t)(info >> 48);
		}
		len += info & 0xffff;
		last = info >> 16 & 1;
		if (report && (info >> 17 & 1))
			done = pci_model_write64(&m->pci, desc + 8, info | 1ull << 31);
		advance(m, true, queue);
	}
	if (csum && start + offset + 2 <= len) {
		pci_model_csum(frame, len, start, offset);
		m->csums++;
	}
	if (done)
		wake(m, true, queue);
	return (int)len;
}

/* ---- registers ---- */

static void
reset(struct exn_model *m)
{
	static const uint8_t mac[] = { 0x02, 0x45, 0x58, 0x4e, 0x31, 0x05 };

	memset(m->regs, 0, sizeof(m->regs));
	memset(m->head, 0, sizeof(m->head));
	m->regs[0] = m->id;
	m->regs[STATUS / 4] = 1;
	m->regs[QUEUES / 4] = m->queues | 1024u << 16;
	m->regs[FRAME / 4] = m->frame;
	memcpy(&m->regs[MAC / 4], mac, sizeof(mac));
}

static void
write_reg(struct exn_model *m, uint32_t off, uint32_t v)
{
	const bool queue = off >= RX_BLOCKS && off < TX_BLOCKS + 32 * EXN_MODEL_QUEUES;

	if (off == CTRL && (v & 1)) {
		if (m->pci.keeps_config)
			m->regs[CTRL / 4] |= 1;
		else
			reset(m);
		return;
	}
	if (queue && off % 32 == QCTRL && !v && m->keeps_ring)
		return;
	if (queue && off % 32 == QCTRL && v)
		m->head[off >= TX_BLOCKS][off / 32 % 16] = 0;
	m->regs[off / 4] = v;
}

static uint32_t
model_read(struct pci_model *m, uint32_t off, size_t n)
{
	return of(m)->regs[off / 4] >> off % 4 * 8;
}

static void
model_write(struct pci_model *m, uint32_t off, size_t n, uint32_t v)
{
	if (n == 4)
		write_reg(of(m), off, v);
}

static void
model_reset(struct pci_model *m, bool function)
{
	if (function)
		m->keeps_config = false;
	reset(of(m));
}

/* ---- what tests call ---- */

struct exn_model *
exn_model_start(struct baton_ctx *ctx)
{
	static const struct pci_model_device device = {
		.bdf = PCI_MODEL_BDF,
		.vendor = 0x4558,
		.device = 0x0001,
		.bar_bytes = 0x1000,
		.vectors = 1 + 2 * EXN_MODEL_QUEUES,
		.read = model_read,
		.write = model_write,
		.reset = model_reset,
	};
	struct exn_model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	pci_model_start(&m->pci, &device);
	ctx->pci_os = &m->pci.os;
	m->id = 0x314e5845;
	m->queues = EXN_MODEL_QUEUES;
	m->frame = EXN_FRAME_MAX;
	reset(m);
	return m;
}

void
exn_model_stop(struct exn_model *m)
{
	pci_model_stop(&m->pci);
	free(m);
}

void
exn_status(struct exn_model *m, uint32_t status)
{
	m->regs[STATUS / 4] = status;
	pci_model_signal(m->pci.irq[0]);
}
