/* SPDX-License-Identifier: BSD-3-Clause */
#include "e1000e_rig.h"

#include "base/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CTRL_RST   (1u << 26)
#define TCTL_EN    2u
#define RCTL_EN    2u
#define STATUS_LU  2u
#define STATUS_GIO (1u << 19) /* GIO Master Enable Status */
#define TX_EOP     (1u << 24) /* of a descriptor's third word */
#define TX_DATA    (1u << 20)
#define TX_DEXT    (1u << 29)
#define TX_VLE     (1u << 30)
#define TX_IXSM    (1u << 8) /* of its fourth */
#define TX_TXSM    (1u << 9)

/* ---- registers ---- */

uint32_t
e1000e_rig_get(const struct e1000e_rig *r, uint32_t off)
{
	return qtest_read(r->q, r->q->bar_at[0] + off, 4);
}

void
e1000e_rig_put(const struct e1000e_rig *r, uint32_t off, uint32_t v)
{
	qtest_write(r->q, r->q->bar_at[0] + off, 4, v);
}

/* Hold tails back while the device sends; at its start they are set. */
static bool
on_tail(struct e1000e_rig *r, unsigned queue, uint32_t v)
{
	__atomic_store_n(&r->tail[queue], (uint16_t)v, __ATOMIC_RELEASE);
	return r->tctl & TCTL_EN;
}

static bool
on_write(struct e1000e_rig *r, uint32_t off, uint32_t v)
{
	switch (off) {
	case RIG_CTRL:
		if (v & CTRL_RST)
			memset(r->context, 0, sizeof(r->context));
		return false;
	case RIG_TCTL:
		r->tctl = v;
		return false;
	case RIG_RCTL:
		r->rctl = v;
		if (r->open)
			e1000e_rig_put(r, off, (v | RIG_RCTL_UPE | RIG_RCTL_MPE) & ~RIG_RCTL_VFE);
		return r->open;
	default:
		if (off < rig_nic.tx || off - rig_nic.tx >= rig_nic.queue_bytes * RIG_QUEUES ||
		    (off - rig_nic.tx) % rig_nic.queue_bytes != RIG_TAIL)
			return false;
		return on_tail(r, (off - rig_nic.tx) / rig_nic.queue_bytes, v);
	}
}

static bool
on_access(struct qtest *q, unsigned bar, uint32_t off, bool write, uint32_t *v)
{
	struct e1000e_rig *r = q->arg;

	if (bar)
		return false;
	if (r->on_access && r->on_access(r, off, write, v))
		return true;
	if (rig_nic.on_access && rig_nic.on_access(r, off, write, v))
		return true;
	if (write)
		return on_write(r, off, *v);
	if (off != RIG_STATUS || !r->keeps)
		return false;
	*v = e1000e_rig_get(r, off) | STATUS_GIO;
	return true;
}

/* ---- rings: little-endian, as this machine ---- */

struct ring {
	uint32_t at; /* of its registers */
	uint64_t base;
	uint32_t places, head, tail;
};

static struct ring
ring_of(const struct e1000e_rig *r, uint32_t at, unsigned queue)
{
	struct ring ring = { .at = at + rig_nic.queue_bytes * queue };

	ring.base = e1000e_rig_get(r, ring.at + RIG_BASE) |
		    (uint64_t)e1000e_rig_get(r, ring.at + RIG_BASE + 4) << 32;
	ring.places = e1000e_rig_get(r, ring.at + RIG_LEN) / 16;
	ring.head = e1000e_rig_get(r, ring.at + RIG_HEAD);
	ring.tail = e1000e_rig_get(r, ring.at + RIG_TAIL);
	return ring;
}

static uint32_t *
desc_of(const struct e1000e_rig *r, const struct ring *ring, uint32_t place)
{
	return qtest_memory(r->q, ring->base + 16ull * place, 16);
}

static bool
is_receiving(const struct e1000e_rig *r)
{
	return (r->rctl & RCTL_EN) && (e1000e_rig_get(r, RIG_STATUS) & STATUS_LU);
}

bool
e1000e_rig_write(struct e1000e_rig *r, uint32_t status, const void *bytes, uint32_t n,
		 uint16_t says)
{
	const struct ring ring = ring_of(r, rig_nic.rx, 0);
	uint32_t *d;
	uint8_t *at, any[256];
	uint64_t to;

	if (!is_receiving(r) || !rig_nic.buffer_bytes(r, 0) || ring.head == ring.tail)
		return false;
	d = desc_of(r, &ring, ring.head);
	assert_non_null(d);
	to = d[0] | (uint64_t)d[1] << 32;
	at = qtest_memory(r->q, to, n ? n : 1);
	assert_non_null(at);
	memset(any, 0xee, sizeof(any));
	assert_true(n <= sizeof(any));
	shared_copy(at, bytes ? bytes : any, n);
	d[0] = r->type;
	d[1] = 0; /* its address is no more */
	d[3] = says;
	__atomic_store_n(&d[2], status, __ATOMIC_RELEASE);
	e1000e_rig_put(r, ring.at + RIG_HEAD, (ring.head + 1) % ring.places);
	return true;
}

/* ---- frames ---- */

/*
 * The device has done something, and @mask were its interrupts before. QEMU's throttle timer ends
 * with one more message, whether or not there is a cause (10.0, hw/net/e1000e_core.c). That is
 * waited for here, so that it is not taken for a later one.
 */
static void
settle(struct e1000e_rig *r, uint32_t mask)
{
	const struct timespec pause = { .tv_nsec = 2 * 500 * 256 };

	if (rig_nic.raised(r, mask)) {
		nanosleep(&pause, NULL);
		qtest_sync(r->q);
	}
	qtest_interrupts(r->q);
}

/* Whether QEMU can write a frame now, so that it does not keep it for later. */
static bool
has_room(const struct e1000e_rig *r, unsigned queue, uint32_t len)
{
	const struct ring ring = ring_of(r, rig_nic.rx, queue);

	return is_receiving(r) && ring.places &&
	       (ring.tail + ring.places - ring.head) % ring.places *
			       rig_nic.buffer_bytes(r, queue) >=
		       len;
}

bool
e1000e_rig_receive(struct e1000e_rig *r, unsigned queue, const void *frame, uint32_t len)
{
	const bool spread = e1000e_rig_get(r, RIG_MRQC) & 3;
	const struct ring ring = ring_of(r, rig_nic.rx, queue); /* as it was */
	const uint32_t *d;
	uint32_t table[32], mask;

	if (len < 60)
		return !queue && e1000e_rig_write(r, RIG_DD | RIG_EOP, frame, len, (uint16_t)len);
	if (!has_room(r, queue, len))
		return false;
	for (unsigned i = 0; spread && i < 32; i++) {
		table[i] = e1000e_rig_get(r, RIG_RETA + 4 * i);
		e1000e_rig_put(r, RIG_RETA + 4 * i, queue * rig_nic.table_step);
	}
	mask = rig_nic.mask(r);
	qtest_send(r->q, frame, len);
	for (unsigned i = 0; spread && i < 32; i++)
		e1000e_rig_put(r, RIG_RETA + 4 * i, table[i]);
	settle(r, mask);
	d = desc_of(r, &ring, ring.head);
	r->hashes += (d[2] & RIG_EOP) && (d[0] & 15);
	return true;
}

/* RFC 1071 */
uint32_t
rig_add_words(uint32_t sum, const uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The first bytes of a descriptor's buffer, which is the device's. */
void
rig_read_head(const struct e1000e_rig *r, const uint32_t data[4], uint8_t *to, uint32_t n)
{
	const uint8_t *p = qtest_memory(r->q, data[0] | (uint64_t)data[1] << 32, n);

	assert_non_null(p);
	shared_copy(to, p, n);
}

int
e1000e_rig_send(struct e1000e_rig *r, unsigned queue, void *frame, size_t room)
{
	const uint16_t end = __atomic_load_n(&r->tail[queue], __ATOMIC_ACQUIRE);
	const struct ring ring = ring_of(r, rig_nic.tx, queue);
	const int n = qtest_receive(r->q, frame, room); /* of one that was cut into segments */
	uint32_t at = ring.tail, mask, bytes = 0, data[4] = { 0 };
	uint32_t(*context)[4] = r->context[rig_nic.shared ? 0 : queue];
	bool begun = false, last = false, csum = false, ip_sum = false, cut = false, tag = false;

	if (n || !(r->tctl & TCTL_EN) || at == end)
		return n;
	while (!last && at != end) {
		const uint32_t *d = desc_of(r, &ring, at);

		assert_non_null(d);
		if (!(d[2] & TX_DATA))
			memcpy(context[rig_nic.context(d)], d, 16);
		else if (!begun)
			memcpy(data, d, 16);
		r->contexts += !(d[2] & TX_DATA);
		begun |= (d[2] & TX_DATA) != 0;
		bytes += d[2] & TX_DATA ? d[2] & 0xffff : 0;
		assert_true(d[2] & TX_DEXT); /* no legacy descriptor */
		at = (at + 1) % ring.places;
		last = (d[2] & TX_DATA) && (d[2] & TX_EOP);
		csum |= (d[2] & TX_DATA) && (d[3] & TX_TXSM);
		ip_sum |= (d[2] & TX_DATA) && (d[3] & TX_IXSM);
		cut |= (d[2] & TX_DATA) && (d[2] & rig_nic.tse);
		tag |= (d[2] & TX_DATA) && (d[2] & TX_VLE);
	}
	assert_true(last);
	rig_nic.check(r, context[rig_nic.context(data)], data, bytes);
	r->csums += csum && !cut;
	r->ip_sums += ip_sum && !cut;
	r->cuts += cut;
	r->tags += tag;
	if (r->on_packet)
		r->on_packet(r, data);
	mask = rig_nic.mask(r);
	e1000e_rig_put(r, ring.at + RIG_TAIL, at);
	settle(r, mask);
	return qtest_receive(r->q, frame, room);
}

/* ---- the device ---- */

uint16_t
e1000e_rig_phy(const struct e1000e_rig *r, unsigned reg)
{
	e1000e_rig_put(r, RIG_MDIC, 2u << 26 | 1u << 21 | reg << 16);
	return (uint16_t)e1000e_rig_get(r, RIG_MDIC);
}

void
rig_set_link(struct e1000e_rig *r, bool up)
{
	char command[96];

	snprintf(command, sizeof(command),
		 "{\"execute\": \"set_link\", \"arguments\": {\"name\": \"d0\", \"up\": %s}}\n",
		 up ? "true" : "false");
	(void)qtest_qmp(r->q, command);
}

void
e1000e_rig_link(struct e1000e_rig *r, bool up)
{
	r->down = !up;
	if (rig_nic.link)
		rig_nic.link(r, up);
	else
		rig_set_link(r, up);
}

struct e1000e_rig *
e1000e_rig_start(struct baton_ctx *ctx, bool open)
{
	struct e1000e_rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->open = open;
	r->q = qtest_start(ctx, rig_nic.device, false);
	r->q->arg = r;
	r->q->on_access = on_access;
	return r;
}

void
e1000e_rig_stop(struct e1000e_rig *r)
{
	qtest_stop(r->q);
	free(r);
}
