/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What software adds to received packets: random ones, of which it is known how they were made, in
 * buffers of random sizes.
 */
#include "offload_rig.h"

#define PACKETS 10000
#define RX                                                                                         \
	(BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_IPV4_CSUM | BATON_OFFLOAD_RX_VLAN |              \
	 BATON_OFFLOAD_RX_QINQ | BATON_OFFLOAD_RX_HASH | BATON_OFFLOAD_RX_PTYPE |                  \
	 BATON_OFFLOAD_RX_TIME)

/* A frame, and what has to be found in it. */
struct made {
	uint8_t b[2048];
	uint32_t len, tags, l3, l4, end; /* l3, l4: where they begin; end: of the IP packet */
	uint16_t tpid, tci[2];
	uint8_t ip, proto;
	enum baton_csum ipv4, sum;
	uint32_t ptype, type; /* BATON_RSS_* of the hash, 0: none */
	uint32_t hash;
};

static void
make_l2(struct made *m)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x9100 };

	rnd_bytes(m->b, 12);
	m->tags = rnd(2) ? 0 : rnd(8) ? rnd(4) : rnd(11);
	m->len = 12;
	for (uint32_t i = 0; i < m->tags; i++, m->len += 4) {
		const uint16_t tpid = tpids[rnd(3)], tci = (uint16_t)rnd(65536);

		put16(m->b + m->len, tpid);
		put16(m->b + m->len + 2, tci);
		if (i == 0)
			m->tpid = tpid;
		if (i < 2)
			m->tci[i] = tci;
	}
	m->ptype = m->tags == 0   ? BATON_PTYPE_L2_ETHER
		   : m->tags == 1 ? BATON_PTYPE_L2_VLAN
				  : BATON_PTYPE_L2_QINQ;
	m->l3 = m->len + 2;
}

/* Options of IPv4, or extension headers of IPv6, in random number. */
static void
make_ip(struct made *m, bool fragment)
{
	uint8_t *ip = m->b + m->l3;

	rnd_bytes(ip, 40);
	put16(m->b + m->len, m->ip == 4 ? 0x0800 : 0x86dd);
	if (m->ip == 4) {
		const uint32_t words = rnd(3) ? 5 : 5 + rnd(11);

		rnd_bytes(ip + 20, words * 4 - 20);
		ip[0] = (uint8_t)(0x40 | words);
		put16(ip + 6, fragment ? (rnd(2) ? 0x2000 : 1 + rnd(0x1fff)) : rnd(2) << 14);
		ip[9] = m->proto;
		m->l4 = m->l3 + words * 4;
		m->ptype |= words > 5 ? BATON_PTYPE_L3_IPV4X : BATON_PTYPE_L3_IPV4;
		return;
	}
	ip[0] = 0x60;
	m->l4 = m->l3 + 40;
	m->ptype |= BATON_PTYPE_L3_IPV6;
	uint8_t *next = ip + 6;

	for (uint32_t i = rnd(3) ? 0 : 1 + rnd(3); i || fragment; i -= !!i) {
		uint8_t *x = m->b + m->l4;
		const uint32_t size = !i ? 8 : 8 + rnd(3) * 8;

		rnd_bytes(x, size);
		*next = !i ? 44 : rnd(2) ? 60 : 0;
		x[1] = (uint8_t)(size / 8 - 1);
		if (!i)
			put16(x + 2, rnd(2) ? 1 : 8 * (1 + rnd(1000)));
		next = x;
		m->l4 += size;
		m->ptype = (m->ptype & ~BATON_PTYPE_L3_MASK) | BATON_PTYPE_L3_IPV6X;
		if (!i)
			break;
	}
	*next = m->proto;
}

static void
make_l4(struct made *m, uint32_t payload)
{
	uint8_t *p = m->b + m->l4;
	uint32_t head = 0, sum;

	rnd_bytes(p, 60 + payload);
	if (m->proto == 6) {
		head = 20 + rnd(2) * rnd(11) * 4;
		p[12] = (uint8_t)(head << 2);
		put16(p + 16, 0);
	} else if (m->proto == 17) {
		head = 8;
		put16(p + 6, 0);
	} else if (m->proto == 132) {
		head = 12;
		memset(p + 8, 0, 4);
	}
	m->end = m->l4 + head + payload;
	if (m->proto == 17)
		put16(p + 4, head + payload);
	sum = plain_sum(plain_pseudo(m->b + m->l3, m->proto, head + payload), p, head + payload);
	if (m->proto == 132) {
		sum = baton_crc32c(0, p, head + payload);
		memcpy(p + 8, &sum, 4); /* the lowest byte first, as this machine does */
	} else if (m->proto == 6 || m->proto == 17) {
		sum = ~sum & 0xffff;
		put16(p + (m->proto == 6 ? 16 : 6), sum ? sum : 0xffff);
	}
	m->len = m->end;
}

static void
finish_ip(struct made *m)
{
	uint8_t *ip = m->b + m->l3;

	if (m->ip == 6) {
		put16(ip + 4, m->end - m->l3 - 40);
		return;
	}
	put16(ip + 2, m->end - m->l3);
	put16(ip + 10, 0);
	put16(ip + 10, ~plain_sum(0, ip, m->l4 - m->l3) & 0xffff);
	m->ipv4 = BATON_CSUM_GOOD;
}

static void
expect_hash(struct made *m, bool l4)
{
	const uint32_t addresses = m->ip == 6 ? 32 : 8, bit = !l4              ? 0
							      : m->proto == 6  ? 1
							      : m->proto == 17 ? 2
									       : 3;
	uint8_t in[36];

	memcpy(in, m->b + m->l3 + (m->ip == 6 ? 8 : 12), addresses);
	memcpy(in + addresses, m->b + m->l4, 4);
	m->type = 1u << (bit + (m->ip == 6 ? 4 : 0));
	m->hash = baton_toeplitz(baton_rss_key(), BATON_RSS_KEY_LEN, in, addresses + (l4 ? 4 : 0));
}

/* What makes it another packet than it was. */
static void
damage(struct made *m)
{
	uint8_t *ip = m->b + m->l3, *l4 = m->b + m->l4;

	switch (rnd(8)) {
	case 0: /* cut */
		m->len = m->l3 + rnd(m->end - m->l3);
		break;
	case 1: /* an IP header that is longer than the packet */
		put16(ip + (m->ip == 4 ? 2 : 4), m->end - m->l3 + 1 + rnd(60000));
		break;
	case 2: /* one of another version, or too short */
		ip[0] = (uint8_t)(m->ip == 4 && rnd(2) ? 0x40 | rnd(5) : 0x50);
		break;
	case 3:
		if (m->sum == BATON_CSUM_GOOD && m->proto != 132) {
			l4[m->proto == 6 ? 16 : 6] ^= (uint8_t)(1 << rnd(8));
			m->sum = BATON_CSUM_BAD;
		}
		return;
	case 4:
		if (m->sum == BATON_CSUM_GOOD && m->proto == 132) {
			l4[4 + rnd(8)] ^= (uint8_t)(1 << rnd(8));
			m->sum = BATON_CSUM_BAD;
		}
		return;
	case 5:
		if (m->ip == 4) {
			ip[10] ^= (uint8_t)(1 << rnd(8));
			m->ipv4 = BATON_CSUM_BAD;
		}
		return;
	case 6: /* no checksum */
		if (m->sum == BATON_CSUM_GOOD && m->proto == 17) {
			put16(l4 + 6, 0);
			m->sum = m->ip == 4 ? BATON_CSUM_GOOD : BATON_CSUM_BAD;
		}
		return;
	default: { /* what lies behind the packet is not the packet's */
		const uint32_t n = rnd(30);

		rnd_bytes(m->b + m->len, n);
		m->len += n;
		return;
	}
	}
	m->ipv4 = m->sum = BATON_CSUM_UNKNOWN;
	m->type = m->hash = 0;
	m->ptype &= BATON_PTYPE_L2_MASK;
}

static void
make(struct made *m)
{
	static const uint8_t protos[] = { 6, 17, 132, 1, 58, 47 };
	const bool fragment = !rnd(8);
	bool l4;

	memset(m, 0, sizeof(*m));
	make_l2(m);
	m->ip = rnd(2) ? 4 : 6;
	m->proto = protos[rnd(6)];
	make_ip(m, fragment);
	l4 = !fragment && (m->proto == 6 || m->proto == 17 || m->proto == 132);
	make_l4(m, 1 + rnd(rnd(3) ? 100 : 1000));
	finish_ip(m);
	m->sum = l4 ? BATON_CSUM_GOOD : BATON_CSUM_UNKNOWN;
	m->ptype |= fragment                            ? BATON_PTYPE_L4_FRAG
		    : m->proto == 6                     ? BATON_PTYPE_L4_TCP
		    : m->proto == 17                    ? BATON_PTYPE_L4_UDP
		    : m->proto == 132                   ? BATON_PTYPE_L4_SCTP
		    : m->proto == (m->ip == 4 ? 1 : 58) ? BATON_PTYPE_L4_ICMP
							: BATON_PTYPE_L4_OTHER;
	expect_hash(m, l4);
	if (m->tags > 2) { /* of the third tag nothing is known, nor of what follows */
		m->ipv4 = m->sum = BATON_CSUM_UNKNOWN;
		m->type = m->hash = 0;
		m->ptype = BATON_PTYPE_L2_QINQ;
	} else if (rnd(2)) {
		damage(m);
	}
}

/* Remove tags as asked for, from the frame and from what is to be expected. */
static uint32_t
strip(struct made *m, uint32_t offloads, uint32_t first)
{
	const uint32_t most = !(offloads & BATON_OFFLOAD_RX_VLAN) ? 0
			      : offloads & BATON_OFFLOAD_RX_QINQ  ? 2
								  : 1,
		       tags = m->tags < most ? m->tags : most;

	if (first < 14 + 4 * tags)
		return 0;
	memmove(m->b + 4 * tags, m->b, 12);
	memmove(m->b, m->b + 4 * tags, m->len - 4 * tags);
	m->len -= 4 * tags;
	return tags;
}

static enum baton_csum
bits(struct baton_token t, unsigned shift)
{
	return (enum baton_csum)(t.flags >> shift & 3);
}

static void
check(struct made *m, uint32_t offloads, const struct baton_token *t, unsigned n, uint32_t first)
{
	const uint32_t tags = strip(m, offloads, first);
	static uint8_t got[2048];
	struct baton_side *side = baton_side(rig.worker, t[0]);
	uint32_t valid = 0;

	assert_int_equal(offload_join(t, n, got), m->len);
	assert_memory_equal(got, m->b, m->len);
	assert_int_equal(bits(t[0], BATON_TOKEN_L3_SHIFT),
			 offloads & BATON_OFFLOAD_RX_IPV4_CSUM ? m->ipv4 : BATON_CSUM_UNKNOWN);
	assert_int_equal(bits(t[0], BATON_TOKEN_L4_SHIFT),
			 offloads & BATON_OFFLOAD_RX_CSUM ? m->sum : BATON_CSUM_UNKNOWN);
	assert_int_equal(!!(t[0].flags & BATON_TOKEN_HASH),
			 (offloads & BATON_OFFLOAD_RX_HASH) && m->type);
	if (t[0].flags & BATON_TOKEN_HASH)
		assert_int_equal(t[0].hash, m->hash);
	if (t[0].flags & BATON_TOKEN_SIDE)
		valid = side->valid;
	assert_int_equal(valid, (tags ? BATON_SIDE_VLAN : 0) | (tags > 1 ? BATON_SIDE_QINQ : 0) |
					(offloads & BATON_OFFLOAD_RX_PTYPE ? BATON_SIDE_PTYPE : 0) |
					(offloads & BATON_OFFLOAD_RX_TIME ? BATON_SIDE_TIME : 0));
	if (valid & BATON_SIDE_PTYPE)
		assert_int_equal(side->ptype, m->ptype);
	if (tags) {
		assert_int_equal(side->vlan_tci, m->tci[0]);
		assert_int_equal(side->vlan_type, m->tpid);
	}
	if (tags > 1)
		assert_int_equal(side->inner_tci, m->tci[1]);
}

static unsigned
receive(const struct baton_token *in, unsigned n, struct baton_token *out)
{
	int ret;

	rig.feed = in;
	rig.feeding = n;
	ret = baton_rx_burst(rig.rx, out, 2048);
	assert_int_equal(ret, n);
	return (unsigned)ret;
}

static void
random_packets(void **state)
{
	static const uint32_t cuts[] = { 2000, 2000, 100, 20, 1 };
	static struct baton_token in[2048], out[2048];
	static struct made m;
	uint32_t seen = 0;

	offload_open_rig(0, 8192);
	for (unsigned k = 0; k < PACKETS; k++) {
		const uint32_t offloads = k % 3 ? RX : rnd(RX + 1) & RX;
		unsigned n;

		if (k % 100 == 0 || k % 3 == 0) {
			uint32_t port = offloads;

			if (!(port & BATON_OFFLOAD_RX_VLAN))
				port &= ~BATON_OFFLOAD_RX_QINQ;
			assert_int_equal(baton_port_stop(rig.port), 0);
			/* By the port, by the queue, by both. */
			offload_start(port & (k % 2 ? ~0u : 0x85), port, 0);
		}
		make(&m);
		n = offload_scatter(m.b, m.len, cuts[rnd(5)], in, 1800);
		assert_int_equal(receive(in, n, out), n);
		check(&m, queue_of(rig.rx)->soft ? queue_of(rig.rx)->soft->what : 0, out, n,
		      in[0].len);
		seen |= 1u << m.ipv4 | 16u << m.sum | (m.type << 8);
		assert_int_equal(baton_free(rig.worker, out, n), 0);
	}
	assert_int_equal(seen, 0x7 | 0x70 | 0xff00);
	assert_int_equal(rig.violations, 0);
	offload_close_rig();
}

/* Nothing but bytes: nothing is read behind them, whatever they say (ASan). */
static void
noise(void **state)
{
	static struct baton_token in[2048], out[2048];
	static uint8_t frame[300], got[300];

	offload_open_rig(0, 4096);
	offload_start(RX & ~(BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ), 0, 0);
	for (unsigned k = 0; k < PACKETS; k++) {
		static const uint8_t types[][2] = { { 8, 0 }, { 0x86, 0xdd }, { 0x81, 0 } };
		const uint32_t len = 1 + rnd(300);
		unsigned n;

		rnd_bytes(frame, len);
		if (len > 18) {
			const uint32_t at = rnd(2) ? 12 : 16;

			memcpy(frame + at, types[rnd(3)], 2);
			frame[14] = (uint8_t)(rnd(2) ? 0x45 : 0x60);
		}
		n = offload_scatter(frame, len, 1 + rnd(64), in, 600);
		receive(in, n, out);
		assert_int_equal(offload_join(out, n, got), len);
		assert_memory_equal(got, frame, len);
		assert_int_equal(baton_free(rig.worker, out, n), 0);
	}
	offload_close_rig();
}

/* What the device has said stays; where it counted tags, it counts them no more. */
static void
of_the_device(void **state)
{
	struct baton_token t, out[64];
	struct baton_side *side;
	static struct made m;

	offload_open_rig(0, 4096);
	offload_start(RX, 0, 0);
	do
		make(&m);
	while (m.tags != 2 || m.sum != BATON_CSUM_GOOD || m.type != BATON_RSS_IPV4_TCP);
	for (unsigned said = BATON_CSUM_GOOD; said <= BATON_CSUM_PARTIAL; said++) {
		assert_int_equal(offload_scatter(m.b, m.len, 2048, &t, 1), 1);
		t.flags = (uint8_t)(BATON_TOKEN_SIDE | BATON_TOKEN_HASH |
				    said << BATON_TOKEN_L4_SHIFT | said << BATON_TOKEN_L3_SHIFT);
		t.hash = 77;
		side = baton_side(rig.worker, t);
		*side = (struct baton_side){ .valid = BATON_SIDE_CSUM | BATON_SIDE_MARK,
					     .mark = 9,
					     .l2_len = 14,
					     .l3_len = (uint16_t)(m.l4 - 14) };
		receive(&t, 1, out);
		assert_int_equal(bits(out[0], BATON_TOKEN_L3_SHIFT), said);
		assert_int_equal(bits(out[0], BATON_TOKEN_L4_SHIFT), said);
		assert_int_equal(out[0].hash, 77);
		assert_int_equal(side->mark, 9);
		assert_int_equal(side->l2_len + side->l3_len, m.l4 - 8);
		assert_int_equal(side->valid, BATON_SIDE_CSUM | BATON_SIDE_MARK | BATON_SIDE_VLAN |
						      BATON_SIDE_QINQ | BATON_SIDE_PTYPE |
						      BATON_SIDE_TIME);
		assert_int_equal(baton_free(rig.worker, out, 1), 0);
	}
	offload_close_rig();
}

/* A time is that of the burst, between two that are taken around it. */
static void
timestamps(void **state)
{
	struct timespec before, after;
	struct baton_token t[2], out[64];
	uint8_t frame[64];
	uint64_t time;

	offload_open_rig(0, 4096);
	offload_start(BATON_OFFLOAD_RX_TIME, 0, 0);
	rnd_bytes(frame, sizeof(frame));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(offload_scatter(frame, 64, 64, &t[i], 1), 1);
	clock_gettime(CLOCK_REALTIME, &before);
	receive(t, 2, out);
	clock_gettime(CLOCK_REALTIME, &after);
	time = baton_side(rig.worker, out[0])->timestamp;
	assert_true(time >= (uint64_t)before.tv_sec * 1000000000u + (uint64_t)before.tv_nsec);
	assert_true(time <= (uint64_t)after.tv_sec * 1000000000u + (uint64_t)after.tv_nsec);
	assert_int_equal(baton_side(rig.worker, out[1])->timestamp, time);
	assert_int_equal(baton_free(rig.worker, out, 2), 0);
	offload_close_rig();
}

/* ---- configuration ---- */

static void
rss(void **state)
{
	static const uint8_t key[BATON_RSS_KEY_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const uint16_t table[4] = { 0 };
	struct baton_token t, out[64];
	struct baton_rss_config c;
	static struct made m;
	uint32_t want;

	offload_open_rig(0, 4096);
	baton_rss_config_init(&c);
	assert_int_equal(c.size, sizeof(c));
	c.key = key;
	for (c.key_len = 0; c.key_len < 100; c.key_len++)
		assert_int_equal(baton_port_set_rss(rig.port, &c),
				 c.key_len == BATON_RSS_KEY_LEN ? 0 : -EINVAL);
	assert_non_null(strstr(baton_last_error(), "99 bytes"));
	c.key = NULL;
	c.key_len = 40;
	assert_int_equal(baton_port_set_rss(rig.port, &c), -EINVAL);
	c.key_len = 0;
	c.types = 0x100;
	assert_int_equal(baton_port_set_rss(rig.port, &c), -EINVAL);
	c.types = BATON_RSS_IPV4;
	c.table = table;
	c.table_len = 4;
	assert_int_equal(baton_port_set_rss(rig.port, &c), -ENOTSUP);
	c.table = NULL;
	c.table_len = 0;
	c.key = key;
	c.key_len = sizeof(key);
	assert_int_equal(baton_port_set_rss(rig.port, &c), 0);
	offload_start(BATON_OFFLOAD_RX_HASH, 0, 0);
	assert_int_equal(baton_port_set_rss(rig.port, &c), -EBUSY);
	do
		make(&m);
	while (m.type != BATON_RSS_IPV4_TCP);
	for (unsigned again = 0; again < 2; again++) { /* the key, then the default */
		assert_int_equal(offload_scatter(m.b, m.len, 2048, &t, 1), 1);
		receive(&t, 1, out);
		want = baton_toeplitz(again ? baton_rss_key() : key, sizeof(key), m.b + m.l3 + 12,
				      8);
		assert_int_equal(out[0].hash, again ? m.hash : want);
		assert_int_equal(baton_free(rig.worker, out, 1), 0);
		assert_int_equal(baton_port_stop(rig.port), 0);
		assert_int_equal(baton_port_set_rss(rig.port, NULL), 0);
		assert_int_equal(baton_port_start(rig.port), 0);
	}
	offload_close_rig();
}

static void
what_is_refused(void **state)
{
	struct baton_port_config c;
	struct baton_queue_config q;
	struct baton_port_info info;

	offload_open_rig(0, 4096);
	baton_port_info(rig.port, &info);
	assert_int_equal(info.offloads, 0);
	assert_int_equal(info.soft_offloads & RX, RX);
	assert_int_equal(info.max_gso_len, 65557);
	baton_port_config_init(&c);
	for (unsigned bit = 0; bit < 32; bit++) {
		const bool alone = 1u << bit != BATON_OFFLOAD_RX_QINQ;

		c.offloads = 1u << bit;
		assert_int_equal(baton_port_configure(rig.port, &c),
				 !(info.soft_offloads >> bit & 1) ? -ENOTSUP
				 : alone                          ? 0
								  : -EINVAL);
	}
	c.offloads = info.soft_offloads;
	assert_int_equal(baton_port_configure(rig.port, &c), 0);
	baton_queue_config_init(&q);
	q.worker = rig.worker;
	q.offloads = BATON_OFFLOAD_RX_HASH;
	assert_int_equal(baton_txq_setup(rig.port, 0, &q, &rig.tx), -EINVAL);
	q.offloads = 1u << 30;
	assert_int_equal(baton_txq_setup(rig.port, 0, &q, &rig.tx), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "0x40"));
	q.pool = rig.pool;
	q.offloads = BATON_OFFLOAD_TX_TSO;
	assert_int_equal(baton_rxq_setup(rig.port, 0, &q, &rig.rx), -EINVAL);
	offload_close_rig();
}

/* Who asks for none has the driver's own bursts. */
static void
pays_nothing(void **state)
{
	offload_open_rig(0, 4096);
	offload_start(BATON_OFFLOAD_TX_CSUM, 0, 0);
	assert_ptr_equal(queue_of(rig.rx)->head.rx_burst, offload_feed);
	assert_ptr_equal(queue_of(rig.tx)->head.tx_burst, offload_sink);
	assert_null(queue_of(rig.tx)->soft);
	assert_int_equal(baton_port_stop(rig.port), 0);
	offload_start(BATON_OFFLOAD_RX_HASH, 0, BATON_OFFLOAD_TX_VLAN);
	assert_ptr_equal(queue_of(rig.rx)->head.rx_burst, offload_rx_burst);
	assert_ptr_equal(queue_of(rig.tx)->head.tx_burst, offload_tx_burst);
	offload_close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets),
		cmocka_unit_test(noise),
		cmocka_unit_test(of_the_device),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(rss),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(pays_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
