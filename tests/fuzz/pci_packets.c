/* SPDX-License-Identifier: BSD-3-Clause */
/* A NIC on PCI: its rigs, the steps of an input, and packets, whatever its rings are. */
#include "pci_nic.h"

#define ETH_LEN 14u

#define pci (*(struct fuzz_pci *)fuzz_state)

/* ---- rigs ---- */

void
fuzz_pci_configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c, const struct fuzz_pci_shape *s)
{
	static const char *const reach[] = { "", ",bounce=always", ",bounce=always",
					     ",confine=on" };
	const uint32_t frame = s->frame ? s->frame : BATON_MAX_MTU + 22;
	const uint16_t headroom = s->rings[head[1] & 7].headroom;
	uint32_t most, room;

	head[0] &= 0xc7;
	head[1] &= 7;
	c->simd = 0;
	c->rx_descs = s->rings[head[1]].rx;
	c->tx_descs = s->rings[head[1]].tx;
	c->mtu = head[0] & FUZZ_PCI_ROOMY ? 1500 : BATON_MAX_MTU;
	c->offloads = head[0] & FUZZ_PCI_CSUM ? BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM : 0;
	snprintf(c->args, sizeof(c->args), PCI_MODEL_BDF ",ioas=vhost%s", reach[head[0] >> 6]);
	most = c->rx_descs / s->rx_rings - s->gap;
	most = most < 64 ? most : 64;
	room = (frame + most - 1) / most;
	if (head[0] & FUZZ_PCI_ROOMY && room < 2000)
		room = 2000;
	room = (room + s->room_step - 1) / s->room_step * s->room_step;
	while (s->room_doubles && room & (room - 1))
		room += s->room_step;
	if (head[0] >> 6 == 2)
		fuzz_add_window(c, FUZZ_PAIRS * s->desc_bytes * (c->rx_descs + c->tx_descs),
				room + 192,
				c->rx_descs >= 128 && c->tx_descs >= 32 &&
					c->rx_descs / 2 >=
						s->rx_rings * ((frame + room - 1) / room));
	c->pool[0].headroom = headroom;
	c->pool[0].data_len = headroom + room + headroom % 64;
	c->pool[0].count = FUZZ_PAIRS * (c->rx_descs + c->tx_descs) + 160;
	if (head[0] & FUZZ_PCI_SPARE)
		c->pool[0].count += FUZZ_PAIRS * c->rx_descs;
	c->pool[1].headroom = (uint16_t)(headroom + 3);
	c->pool[1].data_len = headroom + 203u;
	c->pool[1].count = 128;
}

void
fuzz_pci_begin(struct fuzz *f)
{
	f->rig->bounced = f->rig->head[0] >> 6;
	f->restart = f->dev->whole;
	fuzz_obey();
}

/* ---- buffers ---- */

/* The buffer at an address; false: none, or a slot's. */
static bool
buffer_at(struct fuzz *f, uint64_t iova, unsigned *pool, uint32_t *buf)
{
	const uint8_t *p = fuzz_pci_at(f, iova, 1, false);
	uint32_t off;

	return p && !f->rig->bounced &&
	       fuzz_find(f, f->rig->memory + (p - f->rig->alias), pool, buf, &off);
}

bool
fuzz_pci_given(struct fuzz *f, unsigned queue, uint64_t iova, uint32_t len)
{
	unsigned pool;
	uint32_t buf;

	if (!len || !fuzz_pci_at(f, iova, len, queue < FUZZ_PAIRS))
		return false;
	if (buffer_at(f, iova, &pool, &buf))
		fuzz_device_has(f, queue, pool, buf);
	return true;
}

void
fuzz_pci_done(struct fuzz *f, unsigned queue, uint64_t iova)
{
	unsigned pool;
	uint32_t buf;

	if (buffer_at(f, iova, &pool, &buf))
		fuzz_device_done(f, queue, pool, buf);
}

void FUZZ_UNTRACED
fuzz_pci_bytes(struct fuzz *f, unsigned queue, uint64_t iova, uint8_t seed, uint32_t from,
	       uint32_t n)
{
	uint8_t *p = fuzz_pci_at(f, iova, n, true);

	if (!p || (!fuzz_known(f, queue) && (f->rig->bounced || !fuzz_may_write(f, queue, p))))
		return;
	for (uint32_t i = 0; i < n; i++)
		p[i] = fuzz_byte(seed, from + i);
}

void
fuzz_pci_scribble(struct fuzz *f, unsigned queue, uint64_t iova, uint32_t value)
{
	uint8_t *p = fuzz_pci_at(f, iova, 16, true);

	if (p && !f->rig->bounced && fuzz_may_write(f, queue, p))
		p[value % 16] = (uint8_t)(value >> 8);
}

void
fuzz_pci_settle(struct fuzz *f, unsigned queue)
{
	for (unsigned i = 0; i < 8 && fuzz_honest(f, queue); i++) {
		fuzz_app_free(f, FUZZ_HELD);
		fuzz_app_drain(f, queue);
		f->dev->scan(f, queue);
	}
}

/* ---- receiving, for the driver ---- */

static void
open_packet(struct fuzz *f, struct fuzz_pci_rx *rx, unsigned how)
{
	rx->mark = how % FUZZ_MARKS;
	if (rx->mark == FUZZ_SUM_BAD && !pci.ops->knows_bad_sums)
		rx->mark = FUZZ_PLAIN;
	rx->total = 0;
	rx->packet =
		(struct fuzz_packet){ .seed = f->seed++ & 0x7f, .drop = rx->mark == FUZZ_DAMAGED };
	if (!(f->rig->config.offloads & BATON_OFFLOAD_RX_CSUM))
		return;
	if (rx->mark == FUZZ_SUM_GOOD)
		rx->packet.l4 = BATON_CSUM_GOOD;
	else if (rx->mark == FUZZ_SUM_BAD)
		rx->packet.l4 = BATON_CSUM_BAD;
}

void
fuzz_pci_part(struct fuzz *f, unsigned queue, uint32_t len, bool end)
{
	struct fuzz_pci_rx *rx = &pci.rx[queue];
	struct fuzz_packet *p = &rx->packet;
	struct fuzz_seg s = { .off = f->rig->pool[0]->view.headroom, .len = (uint16_t)len };
	const uint64_t iova = pci.ops->buffer(queue, rx->open);
	unsigned pool;

	buffer_at(f, iova, &pool, &s.buf);
	fuzz_pci_bytes(f, queue, iova, p->seed, rx->total, len);
	if (len)
		rx->seg[p->segs++] = s;
	else if (!rx->open)
		p->drop = true; /* runt: its first buffer is empty */
	if (!len && !f->rig->bounced)
		fuzz_device_done(f, queue, 0, s.buf);
	rx->total += len;
	pci.ops->complete(queue, len, end);
	rx->open++;
	if (!end)
		return;
	rx->open = 0;
	p->drop |= rx->total < ETH_LEN;
	fuzz_completed(f, queue, p, rx->seg);
}

bool
fuzz_pci_close(struct fuzz *f, unsigned queue)
{
	struct fuzz_pci_rx *rx = &pci.rx[queue];

	if (rx->open && pci.ops->has(queue, rx->open, 1))
		fuzz_pci_part(f, queue, 20, true);
	return !rx->open;
}

static void
packet(struct fuzz *f, unsigned queue, unsigned segs, uint32_t len, unsigned how)
{
	open_packet(f, &pci.rx[queue], how);
	for (unsigned i = 0; i < segs; i++) {
		const bool end = i + 1 == segs;
		uint32_t n = end ? len : pci.ops->room(queue) - (how & 64 ? i % 3 : 0);

		if (how & 128 && !i && !end)
			n = how >> 4 & 3; /* or nothing: it is dropped */
		fuzz_pci_part(f, queue, n, end);
	}
}

/* The second packet is there before the first: the driver waits for the first. */
static void
out_of_order(struct fuzz *f, unsigned queue, uint32_t len)
{
	if (!pci.ops->early(f, queue, len))
		return;
	packet(f, queue, 1, len, 0);
	packet(f, queue, 1, len, 0);
}

static bool
is_on(unsigned queue)
{
	size_t bytes;

	return pci.ops->ring(queue, &bytes);
}

static void
receive(struct fuzz *f, unsigned queue)
{
	struct fuzz_pci_rx *rx = &pci.rx[queue];
	const unsigned a = in_u8(&f->in), how = in_u8(&f->in), most = f->rig->info.rx_max_segs;
	unsigned n = 1 + (a & 31), segs = 1;
	uint32_t len = in_u8(&f->in), room;

	if (!is_on(queue))
		return;
	f->dev->scan(f, queue);
	room = pci.ops->room(queue);
	len = len == 255 ? room : len >= 224 ? len % (ETH_LEN + 1) : len;
	len = len < room ? len : room;
	if (a >> 6 == 2) { /* one more buffer of a packet that goes on */
		if (!pci.ops->has(queue, rx->open, 1) || rx->open + 1 >= most)
			return;
		if (!rx->open)
			open_packet(f, rx, how);
		fuzz_pci_part(f, queue, how & 128 ? len : room, false);
		return;
	}
	if (!fuzz_pci_close(f, queue))
		return;
	if (a >> 6 == 3) {
		if (fuzz_honest(f, queue))
			out_of_order(f, queue, len);
		return;
	}
	if (a >> 6 == 1) {
		segs = 1 + (how >> 2 & 63) % most;
		n = 1 + n % 3;
	}
	while (n-- && pci.ops->has(queue, 0, segs))
		packet(f, queue, segs, len, how);
}

/* A packet whose last buffer comes after the others were looked at. */
void
fuzz_pci_parts(struct fuzz *f, unsigned how)
{
	const unsigned queue = how & 1, most = f->rig->info.rx_max_segs;
	unsigned n = most < 2 ? 0 : 1 + in_u8(&f->in) % (most - 1);
	struct fuzz_pci_rx *rx = &pci.rx[queue];

	if (!fuzz_honest(f, queue))
		return;
	f->act.countdown = 0;
	f->dev->scan(f, queue);
	if (!fuzz_pci_close(f, queue) || !pci.ops->has(queue, 0, n + 1) || !n)
		return;
	open_packet(f, rx, FUZZ_PLAIN);
	while (n--)
		fuzz_pci_part(f, queue, how & 4 ? pci.ops->room(queue) : 33, false);
	if (how & 16)
		fuzz_app_peek(f, queue, 8);
	fuzz_app_drain(f, queue);
	if (how & 32)
		fuzz_app_peek(f, queue, 8);
	if (is_on(queue) && rx->open && pci.ops->has(queue, rx->open, 1))
		fuzz_pci_part(f, queue, how >> 1, true);
	fuzz_check_sums(f);
}

/* ---- sending, for the driver ---- */

void
fuzz_pci_check_part(struct fuzz *f, unsigned queue, struct fuzz_pci_tx *tx, uint64_t iova,
		    uint32_t len, bool csum, uint32_t start, uint32_t offset)
{
	const uint8_t *p = fuzz_pci_at(f, iova, len, false);

	if (!p)
		fuzz_fail("queue %u: %u bytes at %#llx", queue, len, (unsigned long long)iova);
	if (csum && (tx->at || !(f->rig->config.offloads & BATON_OFFLOAD_TX_CSUM)))
		fuzz_fail("queue %u: a checksum that nobody asked for", queue);
	if (csum)
		tx->csum_end = start + offset + 2;
	fuzz_check_sent(f, queue, p, len, &tx->at, &tx->seed);
}

void
fuzz_pci_check_end(const struct fuzz *f, unsigned queue, struct fuzz_pci_tx *tx)
{
	if (tx->at > f->rig->config.mtu + 22u || tx->csum_end > tx->at)
		fuzz_fail("queue %u: a packet of %u bytes, with a checksum up to %u", queue, tx->at,
			  tx->csum_end);
	*tx = (struct fuzz_pci_tx){ 0 };
}

static void
send(struct fuzz *f, unsigned queue)
{
	const unsigned how = in_u8(&f->in);

	if (!is_on(queue))
		return;
	f->dev->scan(f, queue);
	pci.ops->send(f, queue, how);
}

/* ---- steps ---- */

/* Steps that are not honest: 0 to 2: the device's own, 3: anything anywhere, now or at one of the
 * next reads. */
static void
lie(struct fuzz *f, unsigned kind, unsigned pair)
{
	const unsigned how = in_u8(&f->in),
		       queue = how & 128 || kind == 2 ? FUZZ_PAIRS + pair : pair;
	const uint32_t value = in_u32(&f->in);

	if (!is_on(queue))
		return;
	if (kind == 3 && how & 64) {
		fuzz_wild(f, queue);
		pci.ops->scribble(f, queue, how, value);
		return;
	}
	if (kind == 3) {
		f->act.countdown = 1 + (value >> 24) % 64;
		f->act.after = how & 1;
		f->act.how = (uint8_t)(how >> 1);
		f->act.value = value;
		return;
	}
	f->act.countdown = 0; /* these shall be heard as they are said */
	if (fuzz_honest(f, queue))
		pci.ops->lie(f, queue, kind, how, value);
}

void
fuzz_pci_step(struct fuzz *f, unsigned op)
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
		lie(f, op - 4, pair);
}

unsigned
fuzz_pci_whose(const struct fuzz *f, const void *p)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
		size_t bytes = 0;
		const uint8_t *ring = pci.ops->ring(i, &bytes);

		if (ring && (const uint8_t *)p >= ring && (const uint8_t *)p < ring + bytes)
			return i;
	}
	return FUZZ_QUEUES;
}

void
fuzz_pci_command(struct fuzz *f, unsigned cannot)
{
	const unsigned which = in_u8(&f->in);
	const bool can = f->rig->port->started && !f->rig->port->away;
	const int ret = fuzz_app_set(f, which);

	if (ret != (!can ? -ENETDOWN : cannot >> which % 5 & 1 ? -ENOTSUP : 0))
		fuzz_fail("setting %u: %d", which % 5, ret);
}
