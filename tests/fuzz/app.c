/* SPDX-License-Identifier: BSD-3-Clause */
/* The application: everything the public calls allow, in any order, and some of what they forbid.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>

#define MAX_SEGS 34 /* more than a driver takes */

static bool
is_tx(unsigned queue)
{
	return queue >= FUZZ_PAIRS;
}

/* ---- calls on a queue of either direction ---- */

struct baton_rxq *
fuzz_rxq(const struct fuzz *f, unsigned queue)
{
	return (struct baton_rxq *)(void *)f->rig->queue[queue];
}

struct baton_txq *
fuzz_txq(const struct fuzz *f, unsigned queue)
{
	return (struct baton_txq *)(void *)f->rig->queue[queue];
}

void
fuzz_queue_stats(const struct fuzz *f, unsigned queue, struct baton_stats *s)
{
	if (is_tx(queue))
		baton_txq_stats(fuzz_txq(f, queue), s);
	else
		baton_rxq_stats(fuzz_rxq(f, queue), s);
}

static const char *
fuzz_queue_error(const struct fuzz *f, unsigned queue)
{
	return is_tx(queue) ? baton_txq_error(fuzz_txq(f, queue))
			    : baton_rxq_error(fuzz_rxq(f, queue));
}

/* ---- what a burst may say ---- */

/* It failed. Only a reason that the model has, too, is one. */
static void
check_error(struct fuzz *f, unsigned queue, int ret, const char *call)
{
	struct fuzz_queue *q = &f->q[queue];

	if (ret == -ENETDOWN && !q->running)
		return;
	if (ret != -EIO)
		fuzz_fail("%s of queue %u: %d", call, queue, ret);
	if (!*fuzz_queue_error(f, queue))
		fuzz_fail("%s of queue %u: -EIO, and no named error", call, queue);
	if (!q->wild && !q->lied)
		fuzz_fail("%s of queue %u, whose device is honest: %s", call, queue,
			  fuzz_queue_error(f, queue));
	q->dead = true;
}

static void
check_dead(struct fuzz *f, unsigned queue)
{
	struct fuzz_queue *q = &f->q[queue];
	struct baton_stats s;

	if (!q->running)
		return;
	fuzz_queue_stats(f, queue, &s);
	if (s.violations == q->violations)
		return;
	if (s.violations != q->violations + 1)
		fuzz_fail("queue %u was stopped %u times", queue,
			  (unsigned)(s.violations - q->violations));
	if (!q->wild && !q->lied)
		fuzz_fail("queue %u, whose device is honest, was stopped: %s", queue,
			  fuzz_queue_error(f, queue));
	q->dead = true;
}

/* ---- receiving ---- */

static void
check_bytes(struct fuzz *f, const struct baton_token *t, const struct fuzz_packet *p)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < p->segs; i++) {
		const uint8_t *data = baton_data(f->rig->worker, t[i]);

		for (uint32_t k = 0; k < t[i].len; k++, at++)
			if (data[k] != fuzz_byte(p->seed, at))
				fuzz_fail("byte %u of a packet is %#x, the device wrote %#x", at,
					  data[k], fuzz_byte(p->seed, at));
	}
}

static void
check_verdict(struct fuzz *f, struct baton_token t, const struct fuzz_packet *p)
{
	const struct baton_side *side;

	if ((t.flags >> BATON_TOKEN_L4_SHIFT & 3) != p->l4)
		fuzz_fail("a packet's L4 verdict is %u, the device said %u",
			  t.flags >> BATON_TOKEN_L4_SHIFT & 3, p->l4);
	if ((p->l4 == BATON_CSUM_PARTIAL || p->tagged) != !!(t.flags & BATON_TOKEN_SIDE))
		fuzz_fail("a packet with verdict %u and flags %#x, %s a tag", p->l4, t.flags,
			  p->tagged ? "with" : "without");
	side = t.flags & BATON_TOKEN_SIDE ? baton_side(f->rig->worker, t) : NULL;
	if (p->tagged && (side->valid != BATON_SIDE_VLAN || side->vlan_tci != p->tci))
		fuzz_fail("a side record of %#x with the tag %#x, the device said %#x", side->valid,
			  side->vlan_tci, p->tci);
	if (p->l4 != BATON_CSUM_PARTIAL)
		return;
	if (side->valid != (BATON_SIDE_CSUM | (p->seg_size ? (uint32_t)BATON_SIDE_SEGMENT : 0)) ||
	    (p->seg_size && (side->seg_size != p->seg_size || side->l4_len != 20)))
		fuzz_fail("a side record of %#x, with segments of %u bytes; the device said %u",
			  side->valid, side->seg_size, p->seg_size);
	if (side->l2_len + side->l3_len != p->csum_start || side->csum_offset != p->csum_offset)
		fuzz_fail("the side record says %u + %u, %u; the device said %u, %u", side->l2_len,
			  side->l3_len, side->csum_offset, p->csum_start, p->csum_offset);
}

static void
check_packet(struct fuzz *f, unsigned queue, const struct baton_token *t, unsigned segs)
{
	struct fuzz_expect *e = &f->q[queue].expect;
	const struct fuzz_packet *p;

	fuzz_skip_dropped(&f->q[queue]);
	p = &e->packet[e->first];
	if (!e->n)
		fuzz_fail("queue %u: a packet of %u buffers that the device did not complete",
			  queue, segs);
	if (segs != p->segs)
		fuzz_fail("queue %u: a packet of %u buffers, the device wrote %u", queue, segs,
			  p->segs);
	for (unsigned i = 0; i < segs; i++) {
		const struct fuzz_seg s = e->seg[(e->seg_first + i) % FUZZ_RING];

		if (!f->rig->bounced && (t[i].buf != s.buf || t[i].off != s.off))
			fuzz_fail("queue %u: buffer %u of a packet is %u at %u, the device "
				  "completed %u at %u",
				  queue, i, t[i].buf, t[i].off, s.buf, s.off);
		if (t[i].len != s.len)
			fuzz_fail("queue %u: buffer %u of a packet has %u bytes, the device wrote "
				  "%u",
				  queue, i, t[i].len, s.len);
	}
	check_verdict(f, t[0], p);
	if (!!(t[0].flags & BATON_TOKEN_HASH) != p->hashed || (p->hashed && t[0].hash != p->hash))
		fuzz_fail("a packet with flags %#x and the hash %#x, the device said %#x (%d)",
			  t[0].flags, t[0].hash, p->hash, p->hashed);
	check_bytes(f, t, p);
	fuzz_expect_next(e);
}

/* True of any packet, whatever the device did. */
static void
check_sane(struct fuzz *f, const struct baton_token *t, unsigned segs)
{
	uint32_t total = 0;

	if (segs > f->rig->info.rx_max_segs)
		fuzz_fail("a packet of %u buffers, %u are possible", segs,
			  f->rig->info.rx_max_segs);
	for (unsigned i = 0; i < segs; i++) {
		const struct baton_pool_view *v = &f->rig->pool[0]->view;

		fuzz_took(f, t[i]);
		if (t[i].pool != v->index || (uint32_t)t[i].off + t[i].len > v->data_len ||
		    !t[i].len)
			fuzz_fail("a buffer of %u bytes at %u of pool %u", t[i].len, t[i].off,
				  t[i].pool);
		if (!baton_data(f->rig->worker, t[i]))
			fuzz_fail("a token that is not good");
		total += t[i].len;
	}
	if (total < 14)
		fuzz_fail("a packet of %u bytes", total);
	if (t[0].flags & BATON_TOKEN_SIDE) {
		const struct baton_side *s = baton_side(f->rig->worker, t[0]);

		if (s->valid == BATON_SIDE_VLAN &&
		    (f->rig->config.offloads & BATON_OFFLOAD_RX_VLAN))
			return;
		if ((s->valid & ~BATON_SIDE_SEGMENT) != BATON_SIDE_CSUM ||
		    ((s->valid & BATON_SIDE_SEGMENT) &&
		     (!s->seg_size || total > 65557 ||
		      (uint32_t)s->l2_len + s->l3_len + s->l4_len >= total)) ||
		    s->l2_len + s->l3_len + s->csum_offset + 2u > total)
			fuzz_fail("a side record that points to %u + %u + %u, outside of %u bytes",
				  s->l2_len, s->l3_len, s->csum_offset, total);
	}
}

static void
keep(struct fuzz *f, struct baton_token t)
{
	t.flags &= (uint8_t)~BATON_TOKEN_CONT;
	if (f->n_held < FUZZ_HELD) {
		f->held[f->n_held++] = t;
		return;
	}
	if (baton_free(f->rig->worker, &t, 1))
		fuzz_fail("a token that came is not good");
	fuzz_gave(f, t, 0);
}

/* Packets that are copied stay with the device while there is nothing to copy them to. */
static bool
is_dry(const struct fuzz *f)
{
	const struct dma_cache *c = f->rig->worker->caches[f->rig->pool[0]->view.index];

	return f->rig->bounced && f->rig->free[0].n + (c ? c->n : 0) < f->rig->info.rx_max_segs;
}

static void
check_received(struct fuzz *f, unsigned queue, const struct baton_token *t, unsigned n,
	       unsigned room)
{
	struct fuzz_queue *q = &f->q[queue];
	struct baton_stats s;

	for (unsigned i = 0; i < n;) {
		unsigned segs = baton_packet_segs(t + i, n - i);

		if (t[i + segs - 1].flags & BATON_TOKEN_CONT)
			fuzz_fail("a burst ends within a packet");
		check_sane(f, t + i, segs);
		if (!q->wild)
			check_packet(f, queue, t + i, segs);
		i += segs;
	}
	if (!fuzz_honest(f, queue) || room - n < f->rig->info.rx_max_segs || is_dry(f))
		return;
	fuzz_skip_dropped(q);
	if (q->expect.n)
		fuzz_fail("queue %u: %u packets are ready, and a burst did not take them", queue,
			  q->expect.n);
	fuzz_queue_stats(f, queue, &s);
	if (s.rx_errors - q->errors != q->dropped)
		fuzz_fail("queue %u: %u packets were bad, %u were counted", queue,
			  (unsigned)q->dropped, (unsigned)(s.rx_errors - q->errors));
}

static void
receive(struct fuzz *f, unsigned queue, unsigned room)
{
	static struct baton_token t[FUZZ_BURST + 1];
	int ret;

	f->at = queue;
	/* What lies behind the room is not to be touched. */
	ASAN_POISON_MEMORY_REGION(t + room, (FUZZ_BURST + 1 - room) * sizeof(*t));
	ret = baton_rx_burst(fuzz_rxq(f, queue), t, room);
	ASAN_UNPOISON_MEMORY_REGION(t, sizeof(t));
	if (ret > (int)room)
		fuzz_fail("room for %u tokens, and %d came", room, ret);
	if (ret == -EINVAL && room < f->rig->info.rx_max_segs)
		return;
	check_dead(f, queue);
	if (ret < 0)
		check_error(f, queue, ret, "rx_burst");
	else
		check_received(f, queue, t, (unsigned)ret, room);
	for (int i = 0; i < ret; i++)
		keep(f, t[i]);
}

/* Looking ahead shows what a burst will bring, and changes nothing. */
void
fuzz_app_peek(struct fuzz *f, unsigned queue, unsigned n)
{
	static uint8_t bytes[8][32];
	struct baton_peek p[8];
	struct fuzz_expect *e = &f->q[queue].expect;
	unsigned at = e->first, end = e->first + e->n;
	int ret;

	for (unsigned i = 0; i < 8; i++)
		p[i] = (struct baton_peek){ .data = bytes[i], .room = sizeof(bytes[i]) };
	f->at = queue;
	ret = baton_rx_peek(fuzz_rxq(f, queue), p, n);
	if (ret < 0) {
		check_error(f, queue, ret, "rx_peek");
		return;
	}
	if (ret > (int)n)
		fuzz_fail("%d of %u packets were seen", ret, n);
	for (int i = 0; i < ret; i++) {
		const struct fuzz_packet *q;

		if (p[i].segs < 1 || p[i].segs > f->rig->info.rx_max_segs || p[i].len < 14)
			fuzz_fail("a packet of %u bytes in %u buffers was seen", p[i].len,
				  p[i].segs);
		if (!fuzz_honest(f, queue))
			continue;
		while (at < end && e->packet[at % FUZZ_RING].drop)
			at++;
		if (at == end)
			fuzz_fail("queue %u: a packet was seen that the device did not complete",
				  queue);
		q = &e->packet[at++ % FUZZ_RING];
		if (p[i].segs != q->segs || bytes[i][0] != q->seed ||
		    bytes[i][13] != fuzz_byte(q->seed, 13))
			fuzz_fail("queue %u: a packet of %u buffers and bytes %#x was seen, the "
				  "device wrote %u and %#x",
				  queue, p[i].segs, bytes[i][0], q->segs, q->seed);
	}
}

/* ---- sending ---- */

/* Bytes by which the device knows the packet again; 0x80 in the first: its checksum is to be filled
 * in. */
static void
write_packet(struct fuzz *f, struct baton_token *t, unsigned segs, bool csum)
{
	uint8_t seed = (uint8_t)((f->seed++ & 0x7f) | (csum ? 0x80 : 0));
	uint32_t at = 0;

	for (unsigned i = 0; i < segs; i++) {
		uint8_t *data = baton_data(f->rig->worker, t[i]);

		for (uint32_t k = 0; k < t[i].len; k++)
			data[k] = fuzz_byte(seed, at++);
	}
}

static void
ask_csum(struct fuzz *f, struct baton_token *t, unsigned how)
{
	struct baton_side *s = baton_side(f->rig->worker, *t);

	memset(s, 0, sizeof(*s));
	s->valid = BATON_SIDE_CSUM;
	s->l2_len = 14;
	s->l3_len = (uint16_t)(how & 8 ? 60000 : how & 7);
	s->csum_offset = (uint16_t)(how & 16 ? 65535 : 6);
	t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
}

/* One packet from held buffers, or new ones. Return: its buffers, or 0. */
static unsigned
make_packet(struct fuzz *f, struct baton_token *t, unsigned segs, unsigned shape, unsigned len)
{
	unsigned pool = shape & 1;

	for (unsigned i = 0; i < segs; i++) {
		struct baton_pool *p = f->rig->pool[(pool + (shape & 2 ? i : 0)) % FUZZ_POOLS];

		if (shape & 4 && f->n_held) {
			t[i] = f->held[--f->n_held];
		} else if (baton_alloc(f->rig->worker, p, &t[i], 1)) {
			fuzz_took(f, t[i]);
		} else {
			while (i--)
				keep(f, t[i]);
			return 0;
		}
		p = f->rig->pool[t[i].pool];
		t[i].off = shape & 8 ? (uint16_t)(shape >> 5) : p->view.headroom;
		t[i].len = (uint16_t)(p->view.data_len - t[i].off);
		if (len < t[i].len)
			t[i].len = (uint16_t)(len ? len : 1);
		t[i].flags = i + 1 < segs ? BATON_TOKEN_CONT : 0;
	}
	return segs;
}

/* What tx_burst did not take. */
static void
return_tokens(struct fuzz *f, const struct baton_token *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		keep(f, t[i]);
}

static bool
may_refuse(struct fuzz *f, int ret, unsigned segs)
{
	return ret == -EMSGSIZE || ret == -EINVAL;
}

static void
send(struct fuzz *f, unsigned queue, struct baton_token *t, unsigned n)
{
	int ret;

	f->at = queue;
	ret = baton_tx_burst(fuzz_txq(f, queue), t, n);
	check_dead(f, queue);
	if (ret > (int)n)
		fuzz_fail("tx_burst took %d of %u", ret, n);
	if (ret < 0 && !may_refuse(f, ret, n))
		check_error(f, queue, ret, "tx_burst");
	for (int i = 0; i < ret; i++) {
		fuzz_gave(f, t[i], f->rig->bounced ? 0 : (uint8_t)(queue + 1));
		f->stale = t[i];
		f->have_stale = true;
	}
	if (ret > 0 && t[ret - 1].flags & BATON_TOKEN_CONT)
		fuzz_fail("tx_burst took part of a packet");
	return_tokens(f, t + (ret > 0 ? ret : 0), n - (unsigned)(ret > 0 ? ret : 0));
}

/* Packets: how many, buffers of each, shape, length of a buffer, checksum. */
static void
transmit(struct fuzz *f, unsigned queue)
{
	static struct baton_token t[FUZZ_BURST];
	unsigned packets = 1 + in_u8(&f->in) % 40, shape = in_u8(&f->in), len = in_u8(&f->in),
		 how = in_u8(&f->in), n = 0;
	unsigned segs = shape & 16 ? 1 + how % MAX_SEGS : 1;

	if (len == 255)
		len = 4000; /* as much as there is room for */
	while (packets-- && n + segs <= FUZZ_BURST) {
		unsigned got = make_packet(f, t + n, segs, shape, len);
		const bool csum = how & 128 && !(packets & 1) && len > 40;

		if (!got)
			break;
		write_packet(f, t + n, got, csum);
		if (csum)
			ask_csum(f, t + n, how);
		n += got;
	}
	if (n)
		send(f, queue, t, n);
}

void
fuzz_app_send(struct fuzz *f, unsigned queue, unsigned packets, unsigned segs)
{
	struct baton_token t[8];
	unsigned n = 0;

	for (; packets-- && n + segs <= 8 && make_packet(f, t + n, segs, 0, 64); n += segs)
		write_packet(f, t + n, segs, false);
	if (n)
		send(f, queue, t, n);
}

static void
clean(struct fuzz *f, unsigned queue, unsigned budget)
{
	int ret;

	f->at = queue;
	do { /* a call need not do more than what was published when another began */
		ret = baton_tx_clean(fuzz_txq(f, queue), budget);
	} while (ret > 0 && budget == UINT16_MAX);
	check_dead(f, queue);
	if (ret < 0) {
		check_error(f, queue, ret, "tx_clean");
	} else if (budget == UINT16_MAX && fuzz_honest(f, queue) && !f->rig->bounced) {
		unsigned model = fuzz_with(f, queue), is = 0;

		for (unsigned p = 0; p < FUZZ_POOLS; p++)
			is += f->rig->port->driver->ops->held(f->rig->queue[queue],
							      f->rig->pool[p]);
		if (is != model)
			fuzz_fail("queue %u has %u buffers of packets in flight, the device %u",
				  queue, is, model);
	}
}

void
fuzz_app_drain(struct fuzz *f, unsigned queue)
{
	if (is_tx(queue))
		clean(f, queue, UINT16_MAX);
	else
		receive(f, queue, FUZZ_BURST);
}

/* ---- what is forbidden: refused, reported, and nothing has changed ---- */

static void
misuse(struct fuzz *f, unsigned how)
{
	struct baton_token t = f->stale;
	unsigned queue = FUZZ_PAIRS + (how >> 3) % FUZZ_PAIRS;
	int ret;

	if (how & 1 && f->n_held) {
		t = f->held[0];
		if (how & 2)
			t.gen++;
		else
			t.len = UINT16_MAX;
	} else if (!f->have_stale) {
		return;
	}
	f->expected++;
	if (how & 4) {
		f->at = queue;
		if (!fuzz_honest(f, queue) ||
		    (how & 1 && !(how & 2))) { /* too long is -EMSGSIZE first */
			f->expected--;
			return;
		}
		t.flags = 0;
		t.len = 1;
		ret = baton_tx_burst(fuzz_txq(f, queue), &t, 1);
		if (!ret || ret == -EMSGSIZE) /* a full ring says nothing of it; one of two
						 descriptors has no room for a header */
			f->expected--;
		check_dead(f, queue);
		if (f->q[queue].dead && ret == -EIO) {
			f->expected--;
			return;
		}
		if (ret && ret != -EPERM && ret != -EMSGSIZE)
			fuzz_fail("tx_burst of a token that is not ours: %d", ret);
	} else {
		ret = baton_free(f->rig->worker, &t, 1);
		if (ret != -EPERM)
			fuzz_fail("free of a token that is not ours: %d", ret);
	}
	if (f->reports != f->expected)
		fuzz_fail("%u ownership violations were reported, %u were made", f->reports,
			  f->expected);
}

/* ---- steps ---- */

void
fuzz_app_free(struct fuzz *f, unsigned n)
{
	n = n < f->n_held ? n : f->n_held;
	if (!n)
		return;
	if (baton_free(f->rig->worker, f->held + f->n_held - n, n))
		fuzz_fail("free of what the application has");
	for (unsigned i = 0; i < n; i++)
		fuzz_gave(f, f->held[f->n_held - 1 - i], 0);
	f->stale = f->held[f->n_held - 1];
	f->have_stale = true;
	f->n_held -= n;
}

static void
alloc(struct fuzz *f, unsigned n, unsigned pool)
{
	n = n < FUZZ_HELD - f->n_held ? n : FUZZ_HELD - f->n_held;
	n = baton_alloc(f->rig->worker, f->rig->pool[pool % FUZZ_POOLS], f->held + f->n_held, n);
	while (n--)
		fuzz_took(f, f->held[f->n_held++]);
	f->have_stale = false; /* its buffer may be ours again */
}

static void
arm(struct fuzz *f, unsigned queue)
{
	int ret;

	f->at = queue;
	ret = is_tx(queue) ? baton_txq_arm(fuzz_txq(f, queue)) : baton_rxq_arm(fuzz_rxq(f, queue));
	if (ret < 0 && (ret != -ENOTSUP || !f->dev->whole || !is_tx(queue)))
		check_error(f, queue, ret, "queue_arm");
	if (is_tx(queue))
		baton_txq_disarm(fuzz_txq(f, queue));
	else
		baton_rxq_disarm(fuzz_rxq(f, queue));
}

/* How long a stop waits for packets that a device never sends; few steps of that kind make an input
 * slow. */
static bool
may_wait(struct fuzz *f)
{
	return f->slow++ < 1;
}

void
fuzz_app_step(struct fuzz *f, unsigned op)
{
	unsigned arg = in_u8(&f->in), pair = arg & 1;

	switch (op % 12) {
	case 0:
	case 1:
		receive(f, pair,
			f->rig->info.rx_max_segs +
				(arg >> 1) % (FUZZ_BURST - f->rig->info.rx_max_segs + 1));
		break;
	case 2:
	case 3:
		transmit(f, FUZZ_PAIRS + pair);
		break;
	case 4:
		clean(f, FUZZ_PAIRS + pair, arg & 2 ? 1 + (arg >> 2) : UINT16_MAX);
		break;
	case 5:
		alloc(f, arg >> 2, pair);
		break;
	case 6:
		fuzz_app_free(f, arg);
		break;
	case 7:
		if (arg & 2)
			fuzz_app_queue_start(f, (arg >> 2) % FUZZ_QUEUES);
		else
			fuzz_app_queue_stop(f, (arg >> 2) % FUZZ_QUEUES,
					    !(arg & 128) || !may_wait(f));
		break;
	case 8:
		if ((arg & 15) == 1)
			fuzz_app_port_stop(f);
		else if ((arg & 15) == 2)
			fuzz_app_port_start(f);
		else if ((arg & 15) == 3 && f->life++ < 6)
			fuzz_app_port_reset(f);
		else
			arm(f, arg & 64 ? FUZZ_PAIRS + pair : pair);
		break;
	case 9:
		misuse(f, arg);
		break;
	case 10:
		if (arg & 2)
			fuzz_app_peek(f, pair, 1 + (arg >> 2) % 8);
		else
			f->dev->command(f);
		break;
	default:
		if (f->rig->info.rx_max_segs > 1 && !f->rig->port->away)
			receive(f, pair, arg % f->rig->info.rx_max_segs); /* too little room */
		fuzz_check_sums(f);
		if (!f->slow++)
			fuzz_check_holders(f);
		break;
	}
}
