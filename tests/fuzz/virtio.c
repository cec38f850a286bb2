/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the fuzzer's virtio-net device, from its own side: what an honest one does, and what
 * the driver was given. */
#include "virtio.h"

#include "base/simd.h"

#define ETH_LEN 14u

static unsigned
at_least(unsigned n, unsigned least)
{
	return n < least ? least : n;
}

/*
 * {features:3, simd:2, roomy:1, reach:2}, {rings:3, spare:1}. The rings decide on the headroom as
 * well. What is not roomy has data rooms so small that packets take many buffers. What is spare has
 * buffers for RX rings anew while those of before are in quarantine.
 */
static void
configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c)
{
	static const struct {
		uint16_t rx, tx, headroom;
	} rings[] = {
		{ 2, 2, 64 },        { 4, 8, HDR_LEN }, { 8, 4, HDR_LEN + 1 },    { 16, 16, 77 },
		{ 32, 32, HDR_LEN }, { 64, 64, 64 },    { 128, 32, HDR_LEN + 1 }, { 256, 256, 77 }
	};
	const bool bounced = head[0] >> 7;
	const bool mrg = head[0] & VIRTIO_HEAD_MRG, roomy = head[0] & VIRTIO_HEAD_ROOMY;
	uint16_t headroom = rings[head[1] & 7].headroom;
	uint32_t segs, room, longest = BATON_MAX_MTU + 22;
	bool lro, hash;

	head[0] &= bounced ? 0xe7 : (head[0] & 0x18) == 0x18 ? 0x2f : 0x3f;
	head[1] &= bounced ? 0x37 : 0x3f;
	/* 64 KiB in buffers that are not too large, and slots for all of them. */
	if (!mrg || rings[head[1] & 7].rx < 32 || head[0] >> 6 == 2)
		head[1] &= (uint8_t)~VIRTIO_HEAD_LRO;
	lro = head[1] & VIRTIO_HEAD_LRO;
	hash = head[1] & VIRTIO_HEAD_HASH;
	headroom = (uint16_t)(headroom + (hash ? HDR_HASH_LEN - HDR_LEN : 0));
	longest = lro ? UINT16_MAX + 22u : longest;
	c->simd = head[0] >> 3 & 3;
	c->rx_descs = rings[head[1] & 7].rx;
	c->tx_descs = at_least(rings[head[1] & 7].tx,
			       bounced ? 8 : 2); /* its longest packet takes five slots */
	c->mtu = !roomy ? 68 : bounced && mrg ? BATON_MAX_MTU : 1500;
	c->offloads =
		head[0] & VIRTIO_HEAD_CSUM ? BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM : 0;
	snprintf(c->args, sizeof(c->args),
		 "net_fuzz0,mac=02:00:00:00:00:01,queues=%u,mrg_rxbuf=%u,in_order=%u,csum=%u,lro=%"
		 "u,"
		 "hash=%u%s",
		 FUZZ_PAIRS, mrg, !!(head[0] & VIRTIO_HEAD_IN_ORDER), !!c->offloads, lro, hash,
		 bounced ? ",bounce=always" : "");
	c->offloads |= (lro ? BATON_OFFLOAD_RX_LRO : 0) | (hash ? BATON_OFFLOAD_RX_HASH : 0);
	segs = c->rx_descs < 64 ? c->rx_descs : 64;
	if (mrg)
		room = at_least((HDR_HASH_LEN + longest + segs - 1) / segs,
				roomy ? bounced ? 2048 : 600 : 0);
	else
		room = HDR_HASH_LEN + 22u + c->mtu;
	/* Slots for half of the descriptors, or for all where half is not enough for a packet. */
	if (head[0] >> 6 == 2)
		fuzz_add_window(c, FUZZ_PAIRS * 32 * (c->rx_descs + c->tx_descs), room + 192,
				!(mrg && !roomy) && c->rx_descs >= 32 && c->tx_descs >= 16);
	c->pool[0].headroom = headroom;
	c->pool[0].data_len = headroom - (hash ? HDR_HASH_LEN : HDR_LEN) + room;
	c->pool[0].count = FUZZ_PAIRS * (c->rx_descs + c->tx_descs) + 32 + 64 + 64;
	if (head[1] & VIRTIO_HEAD_SPARE)
		c->pool[0].count += FUZZ_PAIRS * c->rx_descs;
	c->pool[1].headroom = (uint16_t)(headroom + 3);
	c->pool[1].data_len = headroom + 203u;
	c->pool[1].count = 128;
}

/* ---- what the driver gave ---- */

static uint16_t
load(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static bool FUZZ_UNTRACED
has(const struct vdev_ring *r, uint16_t id)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->id[(r->first + i) % FUZZ_RING] == id)
			return true;
	return false;
}

/* Its buffers are the device's from now on. */
static void FUZZ_UNTRACED
note(struct fuzz *f, unsigned queue, uint16_t id)
{
	const struct vdev_ring *r = &vdev.ring[queue];

	for (unsigned i = 0; i <= r->size; i++) {
		const struct wire_desc d = r->desc[id];
		uint8_t *p = vdev_at(f, d.addr, d.len);
		unsigned pool;
		uint32_t buf, off;

		if (!fuzz_known(f, queue))
			return;
		if (!p || !d.len || i == r->size ||
		    !!(d.flags & WIRE_DESC_WRITE) != (queue < FUZZ_PAIRS))
			fuzz_fail("queue %u: descriptor %u: %u bytes at %#llx, flags %#x", queue,
				  id, d.len, (unsigned long long)d.addr, d.flags);
		if (fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &buf, &off))
			fuzz_device_has(f, queue, pool, buf);
		if (!(d.flags & WIRE_DESC_NEXT))
			return;
		id = d.next % r->size;
	}
}

void FUZZ_UNTRACED
vdev_scan(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];
	uint16_t idx;

	if (!r->on)
		return;
	idx = load(&r->avail->idx);
	if ((uint16_t)(idx - r->seen) > r->size - r->n) {
		if (fuzz_honest(f, queue))
			fuzz_fail("queue %u: the driver made %u more available, with %u of %u "
				  "there",
				  queue, (uint16_t)(idx - r->seen), r->n, r->size);
		r->seen = idx;
		return;
	}
	for (; r->seen != idx; r->seen++) {
		const uint16_t id = r->avail->ring[r->seen % r->size];

		if (fuzz_honest(f, queue) && (id >= r->size || has(r, id)))
			fuzz_fail("queue %u: the driver makes descriptor %u available, which is "
				  "not its own",
				  queue, id);
		r->id[(r->first + r->n++) % FUZZ_RING] = id % r->size;
		note(f, queue, id % r->size);
	}
}

/* ---- completing ---- */

/* The @k-th of those given is completed: it leaves the list. */
uint16_t
vdev_pick(struct vdev_ring *r, unsigned k)
{
	const uint16_t id = r->id[(r->first + k) % FUZZ_RING];

	for (; k; k--)
		r->id[(r->first + k) % FUZZ_RING] = r->id[(r->first + k - 1) % FUZZ_RING];
	r->first = (r->first + 1) % FUZZ_RING;
	r->n--;
	r->last = id;
	r->any = true;
	return id;
}

void
vdev_put(struct vdev_ring *r, uint32_t id, uint32_t len)
{
	r->used->ring[r->idx % r->size] = (struct wire_used_elem){ id, len };
	r->idx++;
}

void
vdev_publish(struct vdev_ring *r)
{
	__atomic_store_n(&r->used->idx, r->idx, __ATOMIC_RELEASE);
}

/* ---- receiving, for the driver ---- */

/* Bytes of a packet, from its @from-th on, @at bytes into a descriptor's buffer. */
void FUZZ_UNTRACED
vdev_write(struct fuzz *f, unsigned queue, uint16_t id, uint32_t at, uint8_t seed, uint32_t from,
	   uint32_t n)
{
	const struct wire_desc d = vdev.ring[queue].desc[id];
	uint8_t *p = vdev_at(f, d.addr + at, n);

	if (!p || !fuzz_may_write(f, queue, p))
		return;
	for (uint32_t i = 0; i < n; i++)
		p[i] = fuzz_byte(seed, from + i);
}

void
vdev_header(struct fuzz *f, unsigned queue, uint16_t id, const struct wire_net_header *h)
{
	uint8_t *p = vdev_at(f, vdev.ring[queue].desc[id].addr, sizeof(*h));

	if (p && fuzz_may_write(f, queue, p))
		memcpy(p, h, sizeof(*h));
}

void
vdev_hash(struct fuzz *f, unsigned queue, uint16_t id, uint32_t hash, uint16_t report)
{
	uint8_t bytes[HDR_HASH_LEN - HDR_LEN] = { 0 },
				     *p = vdev_at(f, vdev.ring[queue].desc[id].addr + HDR_LEN,
						  sizeof(bytes));

	memcpy(bytes, &hash, sizeof(hash));
	memcpy(bytes + sizeof(hash), &report, sizeof(report));
	if (vdev_hdr(f) == HDR_HASH_LEN && p && fuzz_may_write(f, queue, p))
		memcpy(p, bytes, sizeof(bytes));
}

static struct fuzz_seg
seg_of(struct fuzz *f, unsigned queue, uint16_t id, uint32_t len, bool first)
{
	const struct baton_pool_view *v = &f->rig->pool[0]->view;
	const uint32_t hdr = vdev_hdr(f);
	struct fuzz_seg s = { .off = (uint16_t)(v->headroom - (first ? 0 : hdr)),
			      .len = (uint16_t)(first ? len - hdr : len) };
	const uint8_t *p = vdev_at(f, vdev.ring[queue].desc[id].addr, 1);
	unsigned pool;
	uint32_t off;

	if (p)
		fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &s.buf, &off);
	return s;
}

/* Segments, of a packet that begins with the headers of fuzz_byte(), if they are there. */
static void
say_segments(unsigned how, uint32_t total, uint32_t first, bool tcp4, struct wire_net_header *h,
	     struct fuzz_packet *p)
{
	const uint32_t headers = FUZZ_HEADERS;

	*h = (struct wire_net_header){ .flags = 1,
				       .gso_type = 1,
				       .gso_size = (uint16_t)(1 + how * 3),
				       .csum_start = 34,
				       .csum_offset = 16,
				       .num_buffers = h->num_buffers };
	/* Without other checksums the device offers those of IPv6 alone. */
	p->drop = first < headers || !tcp4;
	switch (how % 8) {
	case 1:
	case 7:
		h->gso_size = 0;
		p->drop = 1;
		break;
	case 2:
		h->gso_type = 4; /* the packet is IPv4 */
		p->drop = 1;
		break;
	case 3:
		h->flags = 0;
		p->drop = 1;
		break;
	case 4:
		h->gso_type = (uint8_t)(how & 8 ? 0x81 : 5); /* not negotiated */
		p->drop = 1;
		break;
	case 5:
		h->csum_start = 33;
		p->drop = 1;
		break;
	case 6:
		h->gso_size = UINT16_MAX; /* one segment */
		break;
	default:
		break;
	}
	if (!p->drop && total - headers > h->gso_size)
		p->seg_size = h->gso_size;
	if (!p->drop)
		p->l4 = BATON_CSUM_PARTIAL;
}

/* What the header says, and what comes of it: the driver drops what cannot be. */
static void
say(struct fuzz *f, unsigned how, uint32_t total, uint32_t first, struct wire_net_header *h,
    struct fuzz_packet *p)
{
	const bool csum = f->rig->config.offloads, lro = f->rig->head[1] & VIRTIO_HEAD_LRO;

	switch (how % 8) {
	case 1:
		h->flags = 2;
		p->l4 = BATON_CSUM_GOOD;
		break;
	case 2:
		h->flags = 1;
		h->csum_start = (uint16_t)(ETH_LEN + how / 8 % 4);
		h->csum_offset = 2;
		p->l4 = BATON_CSUM_PARTIAL;
		p->drop = csum && h->csum_start + 4u > total;
		break;
	case 3:
		if (lro) {
			say_segments(how / 8, total, first, f->rig->head[0] & VIRTIO_HEAD_CSUM, h,
				     p);
			break;
		}
		h->gso_type = (uint8_t)(1 + how / 8);
		p->drop = csum;
		break;
	case 4:
		h->flags = 1 | 4;
		h->csum_start = ETH_LEN;
		p->drop = csum;
		break;
	case 5:
		h->flags = 1;
		h->csum_start = ETH_LEN - 1;
		p->drop = csum;
		break;
	case 6:
		h->flags = 1;
		h->csum_start = ETH_LEN;
		h->csum_offset = how / 8 ? (uint16_t)(UINT16_MAX - how / 8)
					 : (uint16_t)(total - ETH_LEN - 1);
		p->drop = csum;
		break;
	case 7:
		h->flags = 0x80;
		break;
	default:
		break;
	}
	if (lro)
		p->drop |= total > (p->seg_size ? 65557u : BATON_MAX_MTU + 22u);
	if (!(f->rig->config.offloads & (BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_LRO)) || p->drop)
		p->l4 = BATON_CSUM_UNKNOWN;
	p->csum_start = h->csum_start;
	p->csum_offset = h->csum_offset;
}

/* One packet of @segs buffers, the first of them the @k-th of those given, with @len bytes in the
 * last. */
static void
packet(struct fuzz *f, unsigned queue, unsigned segs, unsigned k, uint32_t len, unsigned how)
{
	struct vdev_ring *r = &vdev.ring[queue];
	struct wire_net_header h = { .num_buffers = (uint16_t)segs };
	const bool lro = f->rig->head[1] & VIRTIO_HEAD_LRO;
	struct fuzz_packet p = { .segs = (uint16_t)segs,
				 .seed = (uint8_t)((f->seed++ & 0x7f) |
						   (lro && how % 8 == 3 ? FUZZ_TCP : 0)) };
	const uint16_t report = (uint16_t)(how % 13);
	const uint32_t hdr = vdev_hdr(f);
	static struct fuzz_seg seg[FUZZ_RING];
	static uint16_t ids[FUZZ_RING];
	uint32_t total = 0;

	for (unsigned i = 0; i < segs; i++) {
		const uint16_t id = ids[i] = vdev_pick(r, k < r->n ? k : 0);
		uint32_t room = r->desc[id].len,
			 n = i + 1 < segs ? room - (how & 64 ? i % 3 : 0) : len;

		if (how & 128 && !i && segs > 1)
			n = hdr;

		n = n > room ? room : n;
		if (n < (i ? 1 : hdr))
			n = i ? 1 : hdr;
		vdev_write(f, queue, id, i ? 0 : hdr, p.seed, total, n - (i ? 0 : hdr));
		seg[i] = seg_of(f, queue, id, n, !i);
		total += seg[i].len;
		vdev_put(r, id, n);
	}
	say(f, how, total, seg[0].len, &h, &p);
	p.drop |= total < ETH_LEN || (segs > 1 && !seg[0].len);
	vdev_header(f, queue, ids[0], &h);
	vdev_hash(f, queue, ids[0], f->seed * 0x9e3779b1u, report);
	p.hashed = hdr == HDR_HASH_LEN && report - 1u < 9;
	p.hash = f->seed * 0x9e3779b1u;
	fuzz_completed(f, queue, &p, seg);
}

/* IN_ORDER: all of them full but the last, and said by one element (virtio 1.2, 2.7.9). */
static void
batch(struct fuzz *f, unsigned queue, unsigned n, uint32_t len)
{
	struct vdev_ring *r = &vdev.ring[queue];
	const uint16_t at = r->idx;

	for (unsigned i = 0; i < n; i++) {
		packet(f, queue, 1, 0, i + 1 < n ? UINT16_MAX : len, 0);
		if (i)
			r->used->ring[(uint16_t)(at + i) % r->size] =
				(struct wire_used_elem){ f->seed, len }; /* not to be read */
	}
	if (len > r->desc[r->last].len)
		len = r->desc[r->last].len;
	r->used->ring[at % r->size] =
		(struct wire_used_elem){ r->last, len < vdev_hdr(f) ? vdev_hdr(f) : len };
}

static void
receive(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];
	const unsigned a = in_u8(&f->in), how = in_u8(&f->in);
	const bool in_order = f->rig->head[0] & VIRTIO_HEAD_IN_ORDER,
		   mrg = f->rig->head[0] & VIRTIO_HEAD_MRG;
	unsigned n = 1 + (a & 31), segs = 1, len = vdev_hdr(f) + in_u8(&f->in);

	if (!r->on)
		return;
	vdev_scan(f, queue);
	if (mrg && a & 64) {
		segs = 1 + how % f->rig->info.rx_max_segs;
		n = 1 + n % 3;
	}
	if (len == vdev_hdr(f) + 255u)
		len = UINT16_MAX;
	if (in_order && a & 128 && segs == 1) {
		n = n < r->n ? n : r->n;
		if (n)
			batch(f, queue, n, len);
	} else {
		for (; n-- && r->n >= segs && segs <= r->n;)
			packet(f, queue, segs, !in_order && a & 32 ? how % 7 : 0, len, how);
	}
	vdev_publish(r);
}

/* ---- sending, for the driver ---- */

/* The packet is read when it is completed, so that a buffer that was freed too early is seen. */
static void FUZZ_UNTRACED
check_packet(struct fuzz *f, unsigned queue, uint16_t id)
{
	const struct vdev_ring *r = &vdev.ring[queue];
	uint32_t at = 0, skip = vdev_hdr(f);
	uint8_t seed = 0;

	for (unsigned i = 0; i < r->size; i++) {
		const struct wire_desc d = r->desc[id];
		const uint8_t *p = vdev_at(f, d.addr, d.len);

		if (!fuzz_honest(f, queue))
			return;
		if (!p)
			fuzz_fail("queue %u: descriptor %u: %u bytes at %#llx", queue, id, d.len,
				  (unsigned long long)d.addr);
		if (!i && d.len < skip)
			fuzz_fail("queue %u: a header of %u bytes", queue, d.len);
		if (!i && (p[0] & ~1 || p[1] || (p[0] && !f->rig->config.offloads)))
			fuzz_fail("queue %u: a header with flags %#x, gso_type %#x", queue, p[0],
				  p[1]);
		fuzz_check_sent(f, queue, p + skip, d.len - skip, &at, &seed);
		skip = 0;
		if (!(d.flags & WIRE_DESC_NEXT))
			return;
		id = d.next % r->size;
	}
}

void
vdev_sent(struct fuzz *f, unsigned queue, uint16_t id)
{
	const struct vdev_ring *r = &vdev.ring[queue];

	check_packet(f, queue, id);
	for (unsigned i = 0; i < r->size; i++) {
		const struct wire_desc d = r->desc[id % r->size];
		const uint8_t *p = vdev_at(f, d.addr, 1);
		unsigned pool;
		uint32_t buf, off;

		if (p && fuzz_find(f, f->rig->memory + (p - f->rig->alias), &pool, &buf, &off))
			fuzz_device_done(f, queue, pool, buf);
		if (!(d.flags & WIRE_DESC_NEXT))
			return;
		id = d.next;
	}
}

static void
send(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];
	const unsigned a = in_u8(&f->in);
	const bool in_order = f->rig->head[0] & VIRTIO_HEAD_IN_ORDER;

	if (!r->on)
		return;
	vdev_scan(f, queue);
	for (unsigned n = 1 + (a & 63); n && r->n; n--) {
		unsigned k = !in_order && a & 64 ? 1 + (a >> 7) * 2 : 0;
		const uint16_t id = vdev_pick(r, k < r->n ? k : 0);

		vdev_put(r, id, 0);
		vdev_sent(f, queue, id);
	}
	vdev_publish(r);
}

/* ---- the device as the fuzzer sees it ---- */

static void
begin(struct fuzz *f)
{
	f->rig->bounced = f->rig->head[0] >> 7;
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
		vdev_lie(f, op - 4, pair);
}

static void
finish(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];

	if (r->on && queue >= FUZZ_PAIRS && !fuzz_life->keeps) {
		r->idx = load(&r->avail->idx);
		vdev_publish(r);
	}
}

const struct fuzz_device fuzz_device = {
	.state_size = sizeof(struct vdev_state),
	.configure = configure,
	.begin = begin,
	.step = step,
	.scan = vdev_scan,
	.lost = vdev_lost,
	.back = vdev_back,
	.process_ends = vdev_process_ends,
	.parts = vdev_parts,
	.obey = vdev_obey,
	.finish = finish,
	.whose = vdev_whose,
	.before_read = vdev_before_read,
	.command = vdev_command,
};
