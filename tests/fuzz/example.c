/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the fuzzer's EXN1, from its own side: what an honest one does, and what the driver
 * was given. */
#include "example.h"

#define ETH_LEN 14u

/* ---- rigs ---- */

/*
 * {csum, roomy, spare}, {reach:2}, {rings:3}. What is not roomy has data rooms so small that
 * packets take many buffers. What is spare has buffers for RX rings anew while those of before are
 * in quarantine.
 */
static void
configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c)
{
	static const struct {
		uint16_t rx, tx, headroom;
	} rings[] = { { 8, 8, 64 },   { 8, 16, 5 },   { 16, 8, 1 },   { 16, 32, 77 },
		      { 32, 16, 12 }, { 64, 64, 64 }, { 128, 32, 3 }, { 256, 256, 77 } };
	static const char *const reach[] = { "", ",bounce=always", ",bounce=always",
					     ",confine=on" };
	const uint16_t headroom = rings[head[1] & 7].headroom;
	uint32_t most, room;

	head[0] &= 0xc7;
	head[1] &= 7;
	c->simd = 0;
	c->rx_descs = rings[head[1]].rx;
	c->tx_descs = rings[head[1]].tx;
	c->mtu = head[0] & EXAMPLE_HEAD_ROOMY ? 1500 : BATON_MAX_MTU;
	c->offloads =
		head[0] & EXAMPLE_HEAD_CSUM ? BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM : 0;
	snprintf(c->args, sizeof(c->args), PCI_MODEL_BDF ",ioas=vhost%s", reach[head[0] >> 6]);
	most = c->rx_descs - 1 < 64 ? c->rx_descs - 1 : 64;
	room = (BATON_MAX_MTU + 22 + most - 1) / most;
	if (head[0] & EXAMPLE_HEAD_ROOMY && room < 2000)
		room = 2000;
	room = (room + 127) / 128 * 128;
	if (head[0] >> 6 == 2)
		fuzz_add_window(c, FUZZ_PAIRS * 16 * (c->rx_descs + c->tx_descs), room + 192,
				c->rx_descs >= 128 && c->tx_descs >= 32);
	c->pool[0].headroom = headroom;
	c->pool[0].data_len = headroom + room + headroom % 64;
	c->pool[0].count = FUZZ_PAIRS * (c->rx_descs + c->tx_descs) + 160;
	if (head[0] & EXAMPLE_HEAD_SPARE)
		c->pool[0].count += FUZZ_PAIRS * c->rx_descs;
	c->pool[1].headroom = (uint16_t)(headroom + 3);
	c->pool[1].data_len = headroom + 203u;
	c->pool[1].count = 128;
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
	const uint8_t *p = fuzz_pci_at(f, d.addr, len, rx);
	unsigned pool;
	uint32_t buf, off;

	if (!fuzz_known(f, queue))
		return;
	if (!p || !len || (rx ? d.info : d.info & (TX_DONE | 0x7efc0000)))
		fuzz_fail("queue %u: descriptor %u: %u bytes at %#llx, %#llx", queue, place, len,
			  (unsigned long long)d.addr, (unsigned long long)d.info);
	if (!f->rig->bounced &&
	    fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &buf, &off))
		fuzz_device_has(f, queue, pool, buf);
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
	if (tail >= r->size || n < r->n)
		fuzz_fail("queue %u: a tail of %u in %u places, with %u from %u on the device's",
			  queue, tail, r->size, r->n, r->head);
	if (n == r->n)
		return;
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

/* Bytes of a packet into the buffer of a place. A queue that is wild may be wrong about whose it
 * is. */
static void FUZZ_UNTRACED
write_bytes(struct fuzz *f, unsigned queue, unsigned place, uint8_t seed, uint32_t from, uint32_t n)
{
	uint8_t *p = fuzz_pci_at(f, edev.ring[queue].given[place].addr, n, true);

	if (!p || (!fuzz_known(f, queue) && (f->rig->bounced || !fuzz_may_write(f, queue, p))))
		return;
	for (uint32_t i = 0; i < n; i++)
		p[i] = fuzz_byte(seed, from + i);
}

static struct fuzz_seg
seg_of(struct fuzz *f, unsigned queue, uint32_t len)
{
	const struct edev_ring *r = &edev.ring[queue];
	struct fuzz_seg s = { .off = f->rig->pool[0]->view.headroom, .len = (uint16_t)len };
	const uint8_t *p = fuzz_pci_at(f, r->given[r->head].addr, 1, true);
	unsigned pool;
	uint32_t off;

	if (p && !f->rig->bounced)
		fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &s.buf, &off);
	return s;
}

static void
open_packet(struct fuzz *f, struct edev_ring *r, unsigned how)
{
	static const uint64_t marks[4] = { 0, RX_GOOD4, RX_BAD, 0 };

	r->marks = marks[how % 4];
	r->total = 0;
	r->packet = (struct fuzz_packet){ .seed = f->seed++ & 0x7f, .drop = how % 4 == 2 };
	if (how % 4 == 1 && f->rig->config.offloads)
		r->packet.l4 = BATON_CSUM_GOOD;
}

/* Marks of the packet are in its last descriptor, or in all of them. */
void
edev_part(struct fuzz *f, unsigned queue, uint32_t len, bool end)
{
	struct edev_ring *r = &edev.ring[queue];
	struct fuzz_packet *p = &r->packet;
	const struct fuzz_seg s = seg_of(f, queue, len);

	write_bytes(f, queue, r->head, p->seed, r->total, len);
	if (len)
		r->seg[p->segs++] = s;
	else if (!r->open)
		p->drop = true; /* runt: its first buffer is empty */
	if (!len && !f->rig->bounced)
		fuzz_device_done(f, queue, 0, s.buf);
	r->open++;
	r->total += len;
	edev_put(r, RX_DONE | (end ? RX_END : 0) | (end || p->seed & 1 ? r->marks : 0) |
			    (uint64_t)len << RX_LEN);
	if (!end)
		return;
	r->open = 0;
	p->drop |= r->total < ETH_LEN;
	fuzz_completed(f, queue, p, r->seg);
}

bool
edev_close_packet(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];

	if (r->open && r->n)
		edev_part(f, queue, 20, true);
	return !r->open;
}

static void
packet(struct fuzz *f, unsigned queue, unsigned segs, uint32_t len, unsigned how)
{
	struct edev_ring *r = &edev.ring[queue];

	open_packet(f, r, how);
	for (unsigned i = 0; i < segs; i++) {
		const bool end = i + 1 == segs;
		uint32_t n = end ? len : r->room - (how & 64 ? i % 3 : 0);

		if (how & 128 && !i && !end)
			n = how >> 4 & 3; /* or nothing: it is dropped */
		edev_part(f, queue, n, end);
	}
}

/* The second packet is there before the first: the driver waits for the first. */
static void
out_of_order(struct fuzz *f, unsigned queue, uint32_t len)
{
	struct edev_ring *r = &edev.ring[queue];
	const unsigned head = r->head, second = edev_place(r, 1);
	const uint64_t info = RX_DONE | RX_END | (uint64_t)len << RX_LEN;
	const uint8_t seed = (f->seed + 1) & 0x7f;

	write_bytes(f, queue, second, seed, 0, len);
	r->desc[second].info = info;
	fuzz_app_drain(f, queue);
	if (!r->on || r->head != head || r->n < 2)
		return;
	packet(f, queue, 1, len, 0);
	packet(f, queue, 1, len, 0);
}

static void
receive(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	const unsigned a = in_u8(&f->in), how = in_u8(&f->in);
	unsigned n = 1 + (a & 31), segs = 1, most = f->rig->info.rx_max_segs;
	uint32_t len = in_u8(&f->in);

	if (!r->on)
		return;
	edev_scan(f, queue);
	len = len == 255 ? r->room : len >= 224 ? len % (ETH_LEN + 1) : len;
	if (a >> 6 == 2) { /* one more buffer of a packet that goes on */
		if (!r->n || r->open + 1 >= most)
			return;
		if (!r->open)
			open_packet(f, r, how);
		edev_part(f, queue, how & 128 ? len : r->room, false);
		return;
	}
	if (!edev_close_packet(f, queue))
		return;
	if (a >> 6 == 3) {
		if (r->n >= 2 && fuzz_honest(f, queue))
			out_of_order(f, queue, len);
		return;
	}
	if (a >> 6 == 1) {
		segs = 1 + (how >> 2 & 63) % most;
		n = 1 + n % 3;
	}
	while (n-- && r->n >= segs)
		packet(f, queue, segs, len, how);
}

/* ---- sending, for the driver ---- */

/* A packet is read when it is reported, so that a buffer that was freed too early is seen. */
static void
check_packets(struct fuzz *f, unsigned queue, unsigned k)
{
	const struct edev_ring *r = &edev.ring[queue];
	uint32_t at = 0, end = 0;
	uint8_t seed = 0;

	for (unsigned i = 0; i <= k && fuzz_honest(f, queue); i++) {
		const struct edev_desc d = r->given[edev_place(r, i)];
		const uint32_t len = d.info & 0xffff;
		const uint8_t *p = fuzz_pci_at(f, d.addr, len, false);

		if (!p)
			fuzz_fail("queue %u: %u bytes at %#llx", queue, len,
				  (unsigned long long)d.addr);
		if (d.info & TX_CSUM) {
			end = (d.info >> 32 & 0xffff) + (uint32_t)(d.info >> 48) + 2;
			if (at || !f->rig->config.offloads)
				fuzz_fail("queue %u: a checksum that nobody asked for", queue);
		}
		fuzz_check_sent(f, queue, p, len, &at, &seed);
		if (!(d.info & TX_END))
			continue;
		if (at > f->rig->config.mtu + 22u || end > at)
			fuzz_fail("queue %u: a packet of %u bytes, with a checksum up to %u", queue,
				  at, end);
		at = end = 0;
	}
}

int
edev_report(const struct edev_ring *r, unsigned k)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->given[edev_place(r, i)].info & TX_REPORT && !k--)
			return (int)i;
	return -1;
}

void
edev_sent(struct fuzz *f, unsigned queue, unsigned k, bool check)
{
	struct edev_ring *r = &edev.ring[queue];
	struct edev_desc *last = &r->desc[edev_place(r, k)];

	if (check)
		check_packets(f, queue, k);
	for (unsigned i = 0; i <= k; i++) {
		const uint8_t *p = fuzz_pci_at(f, r->given[edev_place(r, i)].addr, 1, false);
		unsigned pool;
		uint32_t buf, off;

		if (p && !f->rig->bounced &&
		    fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &buf, &off))
			fuzz_device_done(f, queue, pool, buf);
	}
	__atomic_store_n(&last->info, last->info | TX_DONE, __ATOMIC_RELEASE);
	r->head = edev_place(r, k + 1);
	r->n -= k + 1;
}

/* A later report comes before an earlier one, which still may be read. */
static void
late(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	const int k = edev_report(r, 1);

	if (k < 0 || !fuzz_honest(f, queue))
		return;
	r->desc[edev_place(r, (unsigned)k)].info |= TX_DONE;
	fuzz_app_drain(f, queue);
	edev_sent(f, queue, (unsigned)edev_report(r, 0), true);
	edev_sent(f, queue, (unsigned)edev_report(r, 0), true);
}

static void
send(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	const unsigned a = in_u8(&f->in);
	int k;

	if (!r->on)
		return;
	edev_scan(f, queue);
	if (a >> 6 == 2)
		late(f, queue);
	for (unsigned n = 1 + (a & 31); n && (k = edev_report(r, 0)) >= 0; n--)
		edev_sent(f, queue, (unsigned)k, a >> 6 != 3);
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

static const struct fuzz_pci_ops pci_ops = { write_reg, let_go, fail };

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
begin(struct fuzz *f)
{
	f->rig->bounced = f->rig->head[0] >> 6;
	fuzz_obey();
}

static void
step(struct fuzz *f, unsigned op)
{
	const unsigned pair = op & 1;

	if (op >> 3 == 15) {
		fuzz_live(f, op & 7);
		return;
	}
	op = op >> 1 & 7;
	if (op < 2)
		receive(f, pair);
	else if (op < 4)
		send(f, FUZZ_PAIRS + pair);
	else
		edev_lie(f, op - 4, pair);
}

static void
finish(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];
	int k;

	if (!r->on || queue < FUZZ_PAIRS || fuzz_life->keeps)
		return;
	edev_scan(f, queue);
	while ((k = edev_report(r, 0)) >= 0)
		edev_sent(f, queue, (unsigned)k, true);
	for (unsigned i = 0; i < r->size && !fuzz_known(f, queue); i++)
		r->desc[i].info |= TX_DONE;
}

const struct fuzz_device fuzz_device = {
	.state_size = sizeof(struct edev_state),
	.configure = configure,
	.connect = connect,
	.disconnect = disconnect,
	.begin = begin,
	.step = step,
	.scan = edev_scan,
	.lost = fuzz_pci_lost,
	.back = fuzz_pci_back,
	.parts = edev_parts,
	.obey = fuzz_pci_obey,
	.finish = finish,
	.whose = edev_whose,
	.command = edev_command,
};
