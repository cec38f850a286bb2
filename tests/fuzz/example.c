/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the fuzzer's EXN1, from its own side: what an honest one does, and what the driver
 * was given. */
#include "example.h"

/* ---- rigs ---- */

static void
configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c)
{
	static const struct fuzz_pci_shape shape = {
		.rx_rings = 1,
		.gap = 1,
		.desc_bytes = 16,
		.room_step = 128,
		.rings = { { 8, 8, 64 },
			   { 8, 16, 5 },
			   { 16, 8, 1 },
			   { 16, 32, 77 },
			   { 32, 16, 12 },
			   { 64, 64, 64 },
			   { 128, 32, 3 },
			   { 256, 256, 77 } },
	};

	fuzz_pci_configure(head, c, &shape);
}

/* ---- what the driver gave ---- */

static uint32_t
tail_of(unsigned queue)
{
	return exn_reg(edev.m,
		       (queue < FUZZ_PAIRS ? 0x400 : 0x600) + queue % FUZZ_PAIRS * 32 + 0xc);
}

/* A descriptor is the device's from now on, and its buffer. */
static void
note(struct fuzz *f, unsigned queue, unsigned place)
{
	struct edev_ring *r = &edev.ring[queue];
	const bool rx = queue < FUZZ_PAIRS;
	const struct edev_desc d = r->given[place] = r->desc[place];
	const uint32_t len = rx ? r->room : d.info & 0xffff;

	if (fuzz_known(f, queue) && (!fuzz_pci_given(f, queue, d.addr, len) ||
				     (rx ? d.info : d.info & (TX_DONE | 0x7efc0000))))
		fuzz_fail("queue %u: descriptor %u: %u bytes at %#llx, %#llx", queue, place, len,
			  (unsigned long long)d.addr, (unsigned long long)d.info);
}

void FUZZ_UNTRACED
edev_scan(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	uint64_t last;
	uint32_t tail, n;

	if (!r->on)
		return;
	tail = tail_of(queue);
	n = (tail - r->head) & (r->size - 1);
	if (tail >= r->size || (n < r->n && fuzz_known(f, queue)))
		fuzz_fail("queue %u: a tail of %u in %u places, with %u from %u on the device's",
			  queue, tail, r->size, r->n, r->head);
	if (n <= r->n) { /* less: the device was wild, and the driver has believed it */
		r->n = n;
		return;
	}
	for (; r->n < n; r->n++)
		note(f, queue, edev_place(r, r->n));
	last = r->given[edev_place(r, n - 1)].info;
	if (queue >= FUZZ_PAIRS && fuzz_known(f, queue) && (~last & (TX_END | TX_REPORT)))
		fuzz_fail("queue %u: the last descriptor says %#llx: no end, or no report", queue,
			  (unsigned long long)last);
}

/* ---- receiving, for the driver ---- */

void
edev_put(struct edev_ring *r, uint64_t info)
{
	struct edev_desc *d = &r->desc[r->head];

	d->addr = 0xddddddddddddddddull; /* its address is no more */
	__atomic_store_n(&d->info, info, __ATOMIC_RELEASE);
	r->head = edev_place(r, 1);
	r->n--;
}

static const void *
ring(unsigned queue, size_t *bytes)
{
	const struct edev_ring *r = &edev.ring[queue];

	*bytes = r->size * sizeof(*r->desc);
	return r->on ? r->desc : NULL;
}

static uint32_t
room(unsigned queue)
{
	return edev.ring[queue].room;
}

static bool
has(unsigned queue, unsigned open, unsigned parts)
{
	return edev.ring[queue].n >= parts;
}

static uint64_t
buffer(unsigned queue, unsigned open)
{
	const struct edev_ring *r = &edev.ring[queue];

	return r->given[r->head].addr;
}

/* Marks of the packet are in its last descriptor, or in all of them. */
static void
complete(unsigned queue, uint32_t len, bool end)
{
	static const uint64_t marks[FUZZ_MARKS] = {
		[FUZZ_SUM_GOOD] = RX_GOOD4, [FUZZ_DAMAGED] = RX_BAD
	};
	const struct fuzz_pci_rx *rx = &edev.pci.rx[queue];

	edev_put(&edev.ring[queue], RX_DONE | (end ? RX_END : 0) |
					    (end || rx->packet.seed & 1 ? marks[rx->mark] : 0) |
					    (uint64_t)len << RX_LEN);
}

static bool
early(struct fuzz *f, unsigned queue, uint32_t len)
{
	struct edev_ring *r = &edev.ring[queue];
	const unsigned head = r->head, second = edev_place(r, 1);

	if (r->n < 2)
		return false;
	fuzz_pci_bytes(f, queue, r->given[second].addr, (f->seed + 1) & 0x7f, 0, len);
	r->desc[second].info = RX_DONE | RX_END | (uint64_t)len << RX_LEN;
	fuzz_app_drain(f, queue);
	return r->on && r->head == head && r->n >= 2;
}

/* ---- sending, for the driver ---- */

/* A packet is read when it is reported, so that a buffer that was freed too early is seen. */
static void
check_packets(struct fuzz *f, unsigned queue, unsigned k)
{
	const struct edev_ring *r = &edev.ring[queue];
	struct fuzz_pci_tx tx = { 0 };

	for (unsigned i = 0; i <= k && fuzz_honest(f, queue); i++) {
		const struct edev_desc d = r->given[edev_place(r, i)];

		fuzz_pci_check_part(f, queue, &tx, d.addr, d.info & 0xffff, d.info & TX_CSUM,
				    d.info >> 32 & 0xffff, (uint32_t)(d.info >> 48));
		if (d.info & TX_END)
			fuzz_pci_check_end(f, queue, &tx);
	}
}

/* Which of the descriptors that the device has is the @k-th to be reported. Return: -1: none. */
static int
report(const struct edev_ring *r, unsigned k)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->given[edev_place(r, i)].info & TX_REPORT && !k--)
			return (int)i;
	return -1;
}

/* What was sent up to the @k-th descriptor that the device has is sent. */
static void
sent(struct fuzz *f, unsigned queue, unsigned k, bool check)
{
	struct edev_ring *r = &edev.ring[queue];
	struct edev_desc *last = &r->desc[edev_place(r, k)];

	if (check)
		check_packets(f, queue, k);
	for (unsigned i = 0; i <= k; i++)
		fuzz_pci_done(f, queue, r->given[edev_place(r, i)].addr);
	__atomic_store_n(&last->info, last->info | TX_DONE, __ATOMIC_RELEASE);
	r->head = edev_place(r, k + 1);
	r->n -= k + 1;
}

/* A later report comes before an earlier one, which still may be read. */
static void
late(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	const int k = report(r, 1);

	if (k < 0 || !fuzz_honest(f, queue))
		return;
	r->desc[edev_place(r, (unsigned)k)].info |= TX_DONE;
	fuzz_app_drain(f, queue);
	sent(f, queue, (unsigned)report(r, 0), true);
	sent(f, queue, (unsigned)report(r, 0), true);
}

static void
send(struct fuzz *f, unsigned queue, unsigned how)
{
	struct edev_ring *r = &edev.ring[queue];
	int k;

	if (how >> 6 == 2)
		late(f, queue);
	for (unsigned n = 1 + (how & 31); n && (k = report(r, 0)) >= 0; n--)
		sent(f, queue, (unsigned)k, how >> 6 != 3);
}

/* ---- registers ---- */

static void
let_go(void)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		edev.ring[i].on = false;
}

static bool
start_ring(unsigned queue, uint32_t block)
{
	struct edev_ring *r = &edev.ring[queue];
	const uint64_t base = exn_reg(edev.m, block) | (uint64_t)exn_reg(edev.m, block + 4) << 32;

	if (fuzz_refuses(&fuzz_life->no_start))
		return false;
	*r = (struct edev_ring){ .on = true,
				 .size = exn_reg(edev.m, block + 8),
				 .room = exn_reg(edev.m, block + 0x1c) };
	if (queue < FUZZ_PAIRS)
		edev.pci.rx[queue].open = 0;
	r->desc = fuzz_pci_ring(base, r->size * 16);
	if (!r->desc || r->size < 8 || r->size > FUZZ_RING || r->size & (r->size - 1) || base % 128)
		fuzz_fail("queue %u: a ring of %u places at %#llx", queue, r->size,
			  (unsigned long long)base);
	if (exn_reg(edev.m, block + 0xc))
		fuzz_fail("queue %u starts with a tail of %u: the device uses what nobody gave it",
			  queue, exn_reg(edev.m, block + 0xc));
	return true;
}

static bool
stop_ring(unsigned queue)
{
	struct fuzz *f = fuzz_current;

	if (f)
		edev_scan(f, queue);
	if (fuzz_refuses(&fuzz_life->keeps_ring)) {
		fuzz_life->kept_ring = true;
		return false;
	}
	edev.ring[queue].on = false;
	return true;
}

static bool
write_reg(uint32_t off, uint32_t value)
{
	const unsigned queue = off / 32 % 16 + (off >= 0x600 ? FUZZ_PAIRS : 0);

	if (off == 0x004 && value & 1) {
		fuzz_pci_reset();
		return true; /* one that goes on, too, reads as the model has it */
	}
	if (off < 0x400 || off % 32 != 0x10)
		return true;
	return value ? start_ring(queue, off & ~31u) : stop_ring(queue);
}

static void
fail(void)
{
	edev.m->regs[0x008 / 4] |= 2;
	pci_model_interrupt(&edev.m->pci, 0);
}

static const struct fuzz_pci_ops pci_ops = {
	.write = write_reg,
	.let_go = let_go,
	.fail = fail,
	.ring = ring,
	.room = room,
	.has = has,
	.buffer = buffer,
	.complete = complete,
	.early = early,
	.send = send,
	.lie = edev_lie,
	.scribble = edev_scribble,
};

static void
connect(struct fuzz_rig *r)
{
	edev.m = exn_model_start(r->ctx);
	fuzz_pci_connect(&edev.m->pci, &pci_ops);
}

static void
disconnect(struct fuzz_rig *r)
{
	exn_model_stop(edev.m);
}

/* In place of the library's: the fuzzer has one driver. */
extern const struct baton_driver example_driver;
const struct baton_driver *const baton_driver_table[] = { &example_driver, NULL };
const char *const baton_driver_names[] = { "net_example", NULL };

/* ---- the device as the fuzzer sees it ---- */

static void
command(struct fuzz *f)
{
	fuzz_pci_command(f, 0);
}

static void
finish(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	int k;

	if (!r->on || queue < FUZZ_PAIRS || fuzz_life->keeps)
		return;
	edev_scan(f, queue);
	while ((k = report(r, 0)) >= 0)
		sent(f, queue, (unsigned)k, true);
	for (unsigned i = 0; i < r->size && !fuzz_known(f, queue); i++)
		r->desc[i].info |= TX_DONE;
}

const struct fuzz_device fuzz_device = {
	.state_size = sizeof(struct edev_state),
	.configure = configure,
	.connect = connect,
	.disconnect = disconnect,
	.begin = fuzz_pci_begin,
	.step = fuzz_pci_step,
	.scan = edev_scan,
	.is_dead = fuzz_pci_is_dead,
	.lost = fuzz_pci_lost,
	.back = fuzz_pci_back,
	.parts = fuzz_pci_parts,
	.obey = fuzz_pci_obey,
	.finish = finish,
	.whose = fuzz_pci_whose,
	.command = command,
};
