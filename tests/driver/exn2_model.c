/* SPDX-License-Identifier: BSD-3-Clause */
/* The EXN2's registers and commands. */
#include "exn2_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The registers, by the datasheet. */
enum { SIGN, COMMAND = 0x04, STATE = 0x08, LINK = 0x0c, LIMITS = 0x10 };
enum {
	ADDRESS = 0x14,
	ACCEPT = 0x1c,
	OPTIONS = 0x20,
	RX_BLOCKS = 0x0800,
	TX_BLOCKS = 0x1000,
	BLOCK = 64
};
enum { FIRST = 0x00, REST = 0x08, DONE = 0x10, PLACES = 0x18, ROOM = 0x1c };
enum { FIRST_TAIL = 0x20, REST_TAIL = 0x24, WAKE = 0x28 };
enum { START = 1, QUIESCE, RESET };
enum { NO_COMMAND = 1, BAD_QUEUE, BAD_ACCESS };

static struct exn2_model *
of(struct pci_model *m)
{
	return (struct exn2_model *)(void *)m;
}

void
exn2_wrong(struct exn2_model *m, const char *format, ...)
{
	char text[sizeof(m->why)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!m->wrong++)
		memcpy(m->why, text, sizeof(text));
	if (!m->quiet)
		fprintf(stderr, "EXN2: the driver is wrong: %s\n", text);
}

/* ---- START ---- */

static uint64_t
address(const uint32_t *block, uint32_t reg)
{
	return block[reg / 4] | (uint64_t)block[reg / 4 + 1] << 32;
}

/* Whether @bytes of a ring can be there. */
static bool
ring_fits(struct exn2_model *m, const char *name, uint64_t base, uint64_t bytes, bool write)
{
	if (base % 64 || base >> 44 || (base + bytes - 1) >> 44)
		exn2_wrong(m, "%s at %#lx: not a multiple of 64, or over 44 bits", name, base);
	else if (!pci_model_reaches(&m->pci, base, bytes, write))
		exn2_wrong(m, "%s at %#lx: %lu bytes are not mapped", name, base, bytes);
	else
		return true;
	return false;
}

static bool
is_zero(struct exn2_model *m, uint64_t base, uint32_t places)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < places && !v; i++)
		if (!pci_model_read64(&m->pci, base + 8ull * i, &v))
			return false;
	return !v;
}

/* Take over a queue's registers. Return: whether they can be. */
static bool
take_block(struct exn2_model *m, struct exn2_queue *q, const uint32_t *block)
{
	const uint32_t places = block[PLACES / 4], least = q->tx ? 8 : 4;
	const uint32_t done = q->tx ? places : 2 * places;

	memset((uint8_t *)q + offsetof(struct exn2_queue, places), 0,
	       sizeof(*q) - offsetof(struct exn2_queue, places));
	if (!places)
		return true;
	if (places < least || places > EXN2_PLACES || (places & (places - 1))) {
		exn2_wrong(m, "PLACES %u", places);
		return false;
	}
	q->room = q->tx ? 0 : block[ROOM / 4];
	if (!q->tx && (!q->room || q->room % 64 || q->room > 65472)) {
		exn2_wrong(m, "ROOM %u", q->room);
		return false;
	}
	q->ring[0].base = address(block, FIRST);
	q->ring[1].base = address(block, REST);
	q->done_base = address(block, DONE);
	if (!ring_fits(m, q->tx ? "RING" : "FIRST", q->ring[0].base, places * (q->tx ? 16 : 8),
		       false) ||
	    (!q->tx && !ring_fits(m, "REST", q->ring[1].base, places * 8, false)) ||
	    !ring_fits(m, "DONE", q->done_base, done * 8, true))
		return false;
	if (!is_zero(m, q->done_base, done))
		exn2_wrong(m, "a completion ring that was not zeroed");
	q->places = places;
	return true;
}

static uint32_t *
block_of(struct exn2_model *m, const struct exn2_queue *q)
{
	return &m->regs[((q->tx ? TX_BLOCKS : RX_BLOCKS) + BLOCK * q->index) / 4];
}

static void
take_address(struct exn2_model *m)
{
	for (unsigned i = 0; i < 6; i++)
		m->mac[i] = (uint8_t)(m->regs[ADDRESS / 4 + i / 4] >> i % 4 * 8);
}

/* Return: the error, as STATE has it. */
static uint32_t
start(struct exn2_model *m)
{
	if (m->running) {
		exn2_wrong(m, "START while it runs");
		return NO_COMMAND << 8;
	}
	if (m->regs[OPTIONS / 4] & ~7u) {
		exn2_wrong(m, "OPTIONS %#x", m->regs[OPTIONS / 4]);
		return BAD_QUEUE << 8;
	}
	for (unsigned i = 0; i < 2 * EXN2_QUEUES; i++) {
		struct exn2_queue *q = &m->queue[i / EXN2_QUEUES][i % EXN2_QUEUES];

		if (!take_block(m, q, block_of(m, q)))
			return BAD_QUEUE << 8 | q->index << 16 | (uint32_t)q->tx << 23;
		block_of(m, q)[FIRST_TAIL / 4] = block_of(m, q)[REST_TAIL / 4] = 0;
		block_of(m, q)[WAKE / 4] = 0;
	}
	m->options = m->regs[OPTIONS / 4];
	take_address(m);
	m->running = true;
	return 0;
}

/* ---- commands ---- */

static void
reset(struct exn2_model *m)
{
	static const uint8_t own[] = { 0x02, 0x45, 0x58, 0x4e, 0x32, 0x05 };

	memset(m->regs, 0, sizeof(m->regs));
	m->running = false;
	m->pending = 0;
	m->regs[SIGN] = 0x324e5845;
	m->regs[STATE / 4] = RESET;
	m->regs[LINK / 4] = 1 | 10000u << 8;
	m->regs[LIMITS / 4] = 10 | EXN2_QUEUES << 8 | (uint32_t)EXN2_FRAME_MAX << 16;
	for (unsigned i = 0; i < 6; i++)
		m->regs[ADDRESS / 4 + i / 4] |= (uint32_t)own[i] << i % 4 * 8;
	take_address(m);
}

static bool
has_failed(const struct exn2_model *m)
{
	return (m->regs[STATE / 4] >> 8 & 0xff) == BAD_ACCESS;
}

static void
carry_out(struct exn2_model *m)
{
	const uint8_t command = m->pending;
	uint32_t error = BAD_ACCESS << 8;

	m->pending = 0;
	if (command == RESET) {
		reset(m);
		return;
	}
	if (command == QUIESCE)
		m->running = false;
	if (!has_failed(m))
		error = command == START ? start(m) : command == QUIESCE ? 0 : NO_COMMAND << 8;
	m->regs[STATE / 4] = command | error;
}

static void
command(struct exn2_model *m, uint32_t v)
{
	if (v < START || v > RESET)
		exn2_wrong(m, "command %u", v);
	if (!v || v > 255)
		return;
	if (m->pending && v != RESET) {
		exn2_wrong(m, "command %u while %u is carried out", v, m->pending);
		return;
	}
	m->pending = (uint8_t)v;
	m->reads = 1;
	m->regs[STATE / 4] = has_failed(m) ? BAD_ACCESS << 8 : 0;
}

static uint32_t
read_state(struct exn2_model *m)
{
	if (m->pending && !m->pci.keeps_config && !m->reads--)
		carry_out(m);
	return m->regs[STATE / 4];
}

void
exn2_fail(struct exn2_model *m)
{
	m->running = false;
	m->regs[STATE / 4] = (m->regs[STATE / 4] & 0xff) | BAD_ACCESS << 8;
	pci_model_interrupt(&m->pci, 0);
}

/* ---- registers ---- */

/* The queue of a block, or NULL. */
static struct exn2_queue *
queue_at(struct exn2_model *m, uint32_t off)
{
	const bool tx = off >= TX_BLOCKS;
	const uint32_t i = (off - (tx ? TX_BLOCKS : RX_BLOCKS)) / BLOCK;

	return off >= RX_BLOCKS && i < EXN2_QUEUES ? &m->queue[tx][i] : NULL;
}

static bool
is_there(struct exn2_model *m, uint32_t off)
{
	const struct exn2_queue *q = queue_at(m, off);
	const uint32_t in = off % BLOCK;

	if (!q)
		return off <= OPTIONS;
	return q->tx ? in <= FIRST + 4 || (in >= DONE && in <= PLACES) || in == FIRST_TAIL
		     : in <= WAKE;
}

static uint32_t
model_read(struct pci_model *pci, uint32_t off, size_t n)
{
	struct exn2_model *m = of(pci);

	if (n != 4 || off % 4 || !is_there(m, off)) {
		exn2_wrong(m, "a read of %zu bytes at %#x", n, off);
		return 0;
	}
	return off == STATE ? read_state(m) : m->regs[off / 4];
}

static void
write_block(struct exn2_model *m, struct exn2_queue *q, uint32_t in, uint32_t v)
{
	if (in == FIRST_TAIL || in == REST_TAIL)
		exn2_doorbell(m, q, in == REST_TAIL, v);
	else if (in == WAKE)
		exn2_wake(m, q, v);
}

static void
model_write(struct pci_model *pci, uint32_t off, size_t n, uint32_t v)
{
	struct exn2_model *m = of(pci);
	struct exn2_queue *q = queue_at(m, off);

	if (n != 4 || off % 4 || !is_there(m, off)) {
		exn2_wrong(m, "a write of %zu bytes at %#x", n, off);
	} else if (off == COMMAND) {
		command(m, v);
	} else if (off < ADDRESS) {
		exn2_wrong(m, "a write to %#x, which is only read", off);
	} else {
		m->regs[off / 4] = v;
		if (q)
			write_block(m, q, off % BLOCK, v);
		else if (off == ADDRESS + 4 && m->running)
			take_address(m);
	}
}

static void
model_reset(struct pci_model *pci, bool function)
{
	if (function)
		pci->keeps_config = false;
	reset(of(pci));
}

/* ---- what tests call ---- */

void
exn2_link(struct exn2_model *m, bool up)
{
	m->regs[LINK / 4] = (m->regs[LINK / 4] & ~1u) | up;
	pci_model_interrupt(&m->pci, 0);
}

uint32_t
exn2_accept(const struct exn2_model *m)
{
	return m->regs[ACCEPT / 4];
}

struct exn2_model *
exn2_model_start(struct baton_ctx *ctx)
{
	static const struct pci_model_device device = {
		.bdf = PCI_MODEL_BDF,
		.vendor = 0x4558,
		.device = 0x0002,
		.bar = 2,
		.bar_bytes = 0x2000,
		.vectors = 1 + EXN2_QUEUES,
		.read = model_read,
		.write = model_write,
		.reset = model_reset,
	};
	struct exn2_model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	for (unsigned i = 0; i < 2 * EXN2_QUEUES; i++) {
		m->queue[i / EXN2_QUEUES][i % EXN2_QUEUES].tx = i / EXN2_QUEUES;
		m->queue[i / EXN2_QUEUES][i % EXN2_QUEUES].index = i % EXN2_QUEUES;
	}
	m->seed = 1;
	pci_model_start(&m->pci, &device);
	ctx->pci_os = &m->pci.os;
	reset(m);
	return m;
}

void
exn2_model_stop(struct exn2_model *m)
{
	if (m->wrong && !m->quiet)
		fail_msg("the driver broke the datasheet's rules %u times, first: %s", m->wrong,
			 m->why);
	pci_model_stop(&m->pci);
	free(m);
}
