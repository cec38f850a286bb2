/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the fuzzer's 82574L and 82576, from their own side: what an honest one does, and
 * what the driver was given. */
#include "intel.h"

/* ---- rigs ---- */

void
fuzz_intel_configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c)
{
	const uint8_t info = head[0] & FUZZ_INTEL_INFO;

	fuzz_pci_configure(head, c, &fuzz_intel.shape);
	head[0] |= info;
	if (info)
		c->offloads |= BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_RX_VLAN;
}

/* ---- what the driver gave ---- */

static uint32_t
block_of(unsigned queue)
{
	const struct intel_kind *k = fuzz_intel.model;

	return (queue < FUZZ_PAIRS ? k->rx : k->tx) + queue % FUZZ_PAIRS * k->queue_bytes;
}

static uint32_t
room(unsigned queue)
{
	return idev.ring[queue].room;
}

static bool
is_context(uint64_t info)
{
	return (info & (TX_DEXT | 15ull << 20)) == (TX_DEXT | fuzz_intel.context);
}

/* A descriptor is the device's from now on, and its buffer. */
static void
note(struct fuzz *f, unsigned queue, unsigned place)
{
	struct idev_ring *r = &idev.ring[queue];
	const bool rx = queue < FUZZ_PAIRS;
	const struct idev_desc d = r->given[place] = r->desc[place];
	const uint32_t len = rx ? r->room : (uint32_t)d.info & fuzz_intel.len_mask;
	bool good;

	if (!fuzz_known(f, queue))
		return;
	if (rx)
		good = !d.info && fuzz_pci_given(f, queue, d.addr, len);
	else if (is_context(d.info))
		good = !(d.info & (TX_DONE | TX_END | TX_REPORT));
	else
		good = (d.info & (TX_DEXT | 15ull << 20)) == (TX_DEXT | fuzz_intel.data) &&
		       !(d.info & TX_DONE) && fuzz_pci_given(f, queue, d.addr, len);
	if (!good)
		fuzz_fail("queue %u: descriptor %u: %u bytes at %#llx, %#llx", queue, place, len,
			  (unsigned long long)d.addr, (unsigned long long)d.info);
}

void FUZZ_UNTRACED
idev_scan(struct fuzz *f, unsigned queue)
{
	struct idev_ring *r = &idev.ring[queue];
	uint64_t last;
	uint32_t tail, n;

	if (!r->on)
		return;
	tail = intel_reg(idev.m, block_of(queue) + INTEL_TAIL);
	n = (tail - r->head) & (r->size - 1);
	if (tail >= r->size || (n < r->n && fuzz_known(f, queue)))
		fuzz_fail("queue %u: a tail of %u in %u places, with %u from %u on the device's",
			  queue, tail, r->size, r->n, r->head);
	if (n <= r->n) { /* less: the device was wild, and the driver has believed it */
		r->n = n;
		return;
	}
	for (; r->n < n; r->n++)
		note(f, queue, idev_place(r, r->n));
	last = r->given[idev_place(r, n - 1)].info;
	if (queue >= FUZZ_PAIRS && fuzz_known(f, queue) && (~last & (TX_END | TX_REPORT)))
		fuzz_fail("queue %u: the last descriptor says %#llx: no end, or no report", queue,
			  (unsigned long long)last);
}

/* ---- receiving, for the driver ---- */

void
idev_put(struct idev_ring *r, uint64_t addr, uint64_t info)
{
	struct idev_desc *d = &r->desc[r->head];

	d->addr = addr; /* its address is no more */
	__atomic_store_n(&d->info, info, __ATOMIC_RELEASE);
	r->head = idev_place(r, 1);
	r->n--;
}

static const void *
ring(unsigned queue, size_t *bytes)
{
	const struct idev_ring *r = &idev.ring[queue];

	*bytes = r->size * sizeof(*r->desc);
	return r->on ? r->desc : NULL;
}

static bool
has(unsigned queue, unsigned open, unsigned parts)
{
	return idev.ring[queue].n >= parts;
}

static uint64_t
buffer(unsigned queue, unsigned open)
{
	const struct idev_ring *r = &idev.ring[queue];

	return r->given[r->head].addr;
}

/* The last descriptor has hash and tag, if there are any; the model has them, if they are asked
 * for. */
static void
describe(struct fuzz_packet *p, struct idev_desc *d)
{
	const uint32_t x = p->seed * 0x9e3779b1u;
	const bool asked = fuzz_current->rig->config.offloads & BATON_OFFLOAD_RX_HASH;

	d->addr = (uint64_t)x << 32 | (p->seed & 2 ? 1 + p->seed % 15 : 0);
	d->info |= (uint64_t)(x >> 16) << RX_TCI | (p->seed & 4 ? RX_TAG : 0);
	if (!asked)
		return;
	p->hashed = p->seed & 2;
	p->hash = p->hashed ? x : 0;
	p->tagged = p->seed & 4;
	p->tci = (uint16_t)(x >> 16);
}

/* Marks of the packet are in its last descriptor, or in all of them. */
static void
complete(unsigned queue, uint32_t len, bool end)
{
	static const uint64_t marks[FUZZ_MARKS] = { [FUZZ_SUM_GOOD] = RX_L4,
						    [FUZZ_SUM_BAD] = RX_L4 | RX_L4_BAD,
						    [FUZZ_DAMAGED] = RX_DAMAGED };
	struct fuzz_pci_rx *rx = &idev.pci.rx[queue];
	struct idev_desc d = { 0xddddddddddddddddull,
			       RX_DONE | (end ? RX_END : 0) |
				       (end || rx->packet.seed & 1 ? marks[rx->mark] : 0) |
				       (uint64_t)len << RX_LEN };

	if (end)
		describe(&rx->packet, &d);
	idev_put(&idev.ring[queue], d.addr, d.info);
}

static bool
early(struct fuzz *f, unsigned queue, uint32_t len)
{
	struct idev_ring *r = &idev.ring[queue];
	const unsigned head = r->head, second = idev_place(r, 1);

	if (r->n < 2)
		return false;
	fuzz_pci_bytes(f, queue, r->given[second].addr, (f->seed + 1) & 0x7f, 0, len);
	r->desc[second].info = RX_DONE | RX_END | (uint64_t)len << RX_LEN;
	fuzz_app_drain(f, queue);
	return r->on && r->head == head && r->n >= 2;
}

/* ---- sending, for the driver ---- */

/* Which of a queue's contexts a descriptor names. */
static unsigned
context_of(unsigned queue, uint64_t info)
{
	const unsigned i = fuzz_intel.keeps_contexts ? info >> 36 & 7 : 0;

	if (i > 1)
		fuzz_fail("queue %u: context %u of 2", queue, i);
	return i;
}

static void
take_context(unsigned queue, const struct idev_desc *d, struct idev_context *list)
{
	list[context_of(queue, d->info)] =
		(struct idev_context){ true, fuzz_intel.sum_start(d->addr),
				       fuzz_intel.sum_offset(d->addr, d->info) };
}

static void
check_len(const struct fuzz_pci_tx *tx, unsigned queue, uint32_t says)
{
	if (tx->at < 17)
		fuzz_fail("queue %u: a packet of %u bytes, and the device pads from 17 on", queue,
			  tx->at);
	if (says && says != tx->at)
		fuzz_fail("queue %u: a packet of %u bytes, which says it has %u", queue, tx->at,
			  says);
}

/* A packet is read when it is reported, so that a buffer that was freed too early is seen. */
static void
check_packets(struct fuzz *f, unsigned queue, unsigned k)
{
	const struct idev_ring *r = &idev.ring[queue];
	struct fuzz_pci_tx tx = { 0 };
	struct idev_context list[2] = { r->context[0], r->context[1] }, c;
	uint32_t says = 0;

	for (unsigned i = 0; i <= k && fuzz_honest(f, queue); i++) {
		const struct idev_desc d = r->given[idev_place(r, i)];
		const bool sum = (d.info & TX_SUM) && !tx.at;

		if (is_context(d.info)) {
			if (tx.at)
				fuzz_fail("queue %u: a context within a packet", queue);
			take_context(queue, &d, list);
			continue;
		}
		c = list[context_of(queue, d.info)];
		if (sum && !c.valid)
			fuzz_fail("queue %u: a checksum, and no context says where", queue);
		if (!tx.at)
			says = fuzz_intel.says_len(d.info);
		fuzz_pci_check_part(f, queue, &tx, d.addr, (uint32_t)d.info & fuzz_intel.len_mask,
				    sum, c.start, c.offset);
		if (!(d.info & TX_END))
			continue;
		check_len(&tx, queue, says);
		fuzz_pci_check_end(f, queue, &tx);
		list[0].valid &= fuzz_intel.keeps_contexts;
	}
}

/* Which of the descriptors that the device has is the @k-th to be reported. Return: -1: none. */
static int
report(const struct idev_ring *r, unsigned k)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->given[idev_place(r, i)].info & TX_REPORT && !k--)
			return (int)i;
	return -1;
}

/* What was sent up to the @k-th descriptor that the device has is sent. */
static void
sent(struct fuzz *f, unsigned queue, unsigned k, bool check)
{
	struct idev_ring *r = &idev.ring[queue];
	struct idev_desc *last = &r->desc[idev_place(r, k)];

	if (check)
		check_packets(f, queue, k);
	for (unsigned i = 0; i <= k; i++) {
		const struct idev_desc *d = &r->given[idev_place(r, i)];

		if (!is_context(d->info))
			fuzz_pci_done(f, queue, d->addr);
		else if (fuzz_intel.keeps_contexts && fuzz_known(f, queue))
			take_context(queue, d, r->context);
	}
	__atomic_store_n(&last->info, last->info | TX_DONE, __ATOMIC_RELEASE);
	r->head = idev_place(r, k + 1);
	r->n -= k + 1;
}

/* A later report comes before an earlier one, which still may be read. */
static void
late(struct fuzz *f, unsigned queue)
{
	struct idev_ring *r = &idev.ring[queue];
	const int k = report(r, 1);

	if (k < 0 || !fuzz_honest(f, queue))
		return;
	r->desc[idev_place(r, (unsigned)k)].info |= TX_DONE;
	fuzz_app_drain(f, queue);
	sent(f, queue, (unsigned)report(r, 0), true);
	sent(f, queue, (unsigned)report(r, 0), true);
}

static void
send(struct fuzz *f, unsigned queue, unsigned how)
{
	struct idev_ring *r = &idev.ring[queue];
	int k;

	if (how >> 6 == 2)
		late(f, queue);
	for (unsigned n = 1 + (how & 31); n && (k = report(r, 0)) >= 0; n--)
		sent(f, queue, (unsigned)k, how >> 6 != 3);
}

void
fuzz_intel_finish(struct fuzz *f, unsigned queue)
{
	struct idev_ring *r = &idev.ring[queue];
	int k;

	if (!r->on || queue < FUZZ_PAIRS || fuzz_life->keeps)
		return;
	idev_scan(f, queue);
	while ((k = report(r, 0)) >= 0)
		sent(f, queue, (unsigned)k, true);
	for (unsigned i = 0; i < r->size && !fuzz_known(f, queue); i++)
		r->desc[i].info |= TX_DONE;
}

/* ---- a queue goes and comes ---- */

static void
let_go(void)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		idev.ring[i].on = false;
}

bool
idev_start_ring(unsigned queue, uint32_t block)
{
	struct idev_ring *r = &idev.ring[queue];
	const uint64_t base = intel_reg(idev.m, block) | (uint64_t)intel_reg(idev.m, block + 4)
								 << 32;

	if (fuzz_intel.model->enables && fuzz_refuses(&fuzz_life->no_start))
		return false;
	*r = (struct idev_ring){ .on = true, .size = intel_reg(idev.m, block + INTEL_LEN) / 16 };
	if (queue < FUZZ_PAIRS) {
		idev.pci.rx[queue].open = 0;
		r->room = fuzz_intel.room(idev.m, queue, intel_reg(idev.m, INTEL_RCTL));
	}
	r->desc = fuzz_pci_ring(base, r->size * 16);
	if (!r->desc || r->size < 8 || r->size > FUZZ_RING || r->size & (r->size - 1) || base % 128)
		fuzz_fail("queue %u: a ring of %u places at %#llx", queue, r->size,
			  (unsigned long long)base);
	if (intel_reg(idev.m, block + INTEL_HEAD))
		fuzz_fail("queue %u starts with a head of %u", queue,
			  intel_reg(idev.m, block + INTEL_HEAD));
	return true;
}

bool
idev_stop_ring(unsigned queue)
{
	if (!idev.ring[queue].on)
		return true;
	if (fuzz_current)
		idev_scan(fuzz_current, queue);
	if (fuzz_refuses(&fuzz_life->keeps_ring)) {
		fuzz_life->kept_ring = true;
		return false;
	}
	idev.ring[queue].on = false;
	return true;
}

static const struct fuzz_pci_ops pci_ops = {
	.write = idev_write_reg,
	.after_reset = idev_after_reset,
	.let_go = let_go,
	.ring = ring,
	.room = room,
	.has = has,
	.buffer = buffer,
	.complete = complete,
	.early = early,
	.knows_bad_sums = true,
	.send = send,
	.lie = idev_lie,
	.scribble = idev_scribble,
};

void
fuzz_intel_connect(struct fuzz_rig *r)
{
	idev.m = intel_model_start(r->ctx, fuzz_intel.model);
	fuzz_pci_connect(&idev.m->pci, &pci_ops);
	idev_regs_connect();
}

void
fuzz_intel_disconnect(struct fuzz_rig *r)
{
	intel_model_stop(idev.m);
}
