/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mode csum: as dpdk-testpmd's checksum engine gives packets new Ethernet addresses and computes
 * their IPv4, TCP and UDP checksums anew, or leaves TCP's and UDP's to the device.
 *
 * A packet that is cut short, lies about its lengths, or is a fragment keeps what cannot be
 * computed. Its headers may lie in several buffers.
 */
#include <string.h>

#include "packet.h"
#include "testpmd.h"

#define SPLIT_HEADERS 256 /* of these many bytes headers may lie in several buffers */

/* A copy of the first bytes of a packet, whose first buffer may not hold its headers. */
struct copy {
	struct cursor of;
	uint8_t bytes[SPLIT_HEADERS];
	unsigned len;
};

struct headers {
	unsigned l2_len, l3_len;
	unsigned type;   /* ETHERTYPE_* */
	unsigned proto;  /* PROTO_TCP, PROTO_UDP; 0: no checksum above IP is to be touched */
	unsigned l4_len; /* header and payload, padding not */
};

/* @len: bytes at @p, which must hold all headers; @total: in the packet. Return: is it IP? */
static inline __attribute__((always_inline)) bool
parse(const uint8_t *p, unsigned len, unsigned total, struct headers *h)
{
	unsigned at = ETHER_HDR;

	*h = (struct headers){ 0 };
	if (len < ETHER_HDR)
		return false;
	h->type = get16(p + 12);
	while (h->type == ETHERTYPE_VLAN || h->type == ETHERTYPE_QINQ) {
		if (len < at + VLAN_TAG)
			return false;
		h->type = get16(p + at + 2);
		at += VLAN_TAG;
	}
	h->l2_len = at;
	p += at;
	len -= at;
	total -= at;
	if (h->type == ETHERTYPE_IPV4 && len >= 20 && p[0] >> 4 == 4) {
		unsigned bytes = get16(p + 2);

		h->l3_len = (p[0] & 15) * 4u;
		if (h->l3_len < 20 || h->l3_len > len)
			return false;
		/* A fragment has part of what the checksum is of. */
		if (bytes < h->l3_len || bytes > total || get16(p + 6) & 0x3fff)
			return true;
		h->l4_len = bytes - h->l3_len;
		h->proto = p[9];
	} else if (h->type == ETHERTYPE_IPV6 && len >= 40 && p[0] >> 4 == 6) {
		h->l3_len = 40;
		h->l4_len = get16(p + 4);
		if (h->l4_len <= total - 40)
			h->proto = p[6];
	} else {
		return false;
	}
	p += h->l3_len;
	len -= h->l3_len;
	if (h->proto == PROTO_UDP && len >= 8 && get16(p + 4) >= 8 && get16(p + 4) <= h->l4_len)
		h->l4_len = get16(p + 4);
	else if (h->proto != PROTO_TCP || len < 20 || h->l4_len < 20)
		h->proto = 0;
	return true;
}

/* The sum of the addresses, the length and the protocol. */
static uint64_t
pseudo_sum(const uint8_t *ip, const struct headers *h)
{
	uint8_t tail[4] = { 0, (uint8_t)h->proto, (uint8_t)(h->l4_len >> 8), (uint8_t)h->l4_len };
	uint64_t sum =
		h->type == ETHERTYPE_IPV4 ? sum_bytes(0, ip + 12, 8) : sum_bytes(0, ip + 8, 32);

	return sum_bytes(sum, tail, 4);
}

/*
 * Sum @len bytes from @at of a packet of several buffers. Return: false when a token was refused.
 */
static bool
sum_packet(const struct baton_worker *worker, const struct baton_token *tok, unsigned segs,
	   unsigned at, unsigned len, uint64_t *sum)
{
	bool odd = false;

	for (unsigned i = 0; i < segs && len; i++) {
		const uint8_t *p = baton_data(worker, tok[i]);
		unsigned n;
		uint16_t part;

		if (!p)
			return false;
		if (at >= tok[i].len) {
			at -= tok[i].len;
			continue;
		}
		n = tok[i].len - at < len ? tok[i].len - at : len;
		part = sum_fold(sum_bytes(0, p + at, n));
		/* After an odd number of bytes high and low bytes change places. */
		*sum += odd ? (uint16_t)(part << 8 | part >> 8) : part;
		odd ^= n & 1;
		len -= n;
		at = 0;
	}
	return true;
}

static enum baton_csum
verdict(const struct baton_token *t, unsigned shift)
{
	return (enum baton_csum)(t->flags >> shift & 3);
}

/* The device's verdict; where it gave none, whether what was there was right. */
static void
judge(uint64_t *bad, enum baton_csum verdict_rx, bool right)
{
	if (verdict_rx == BATON_CSUM_BAD || (verdict_rx == BATON_CSUM_UNKNOWN && !right))
		store_relaxed(bad, *bad + 1);
}

static void
set_l4(struct baton_token *t, enum baton_csum request)
{
	t->flags = (uint8_t)((t->flags & ~(3u << BATON_TOKEN_L4_SHIFT)) |
			     (unsigned)request << BATON_TOKEN_L4_SHIFT);
}

static void
leave_to_device(const struct baton_worker *worker, struct baton_token *t, const struct headers *h,
		uint8_t *ip, uint8_t *field)
{
	struct baton_side *side = baton_side(worker, *t);

	if (!side)
		return;
	if (!(t->flags & BATON_TOKEN_SIDE))
		memset(side, 0, sizeof(*side));
	side->valid |= BATON_SIDE_CSUM;
	side->l2_len = (uint16_t)h->l2_len;
	side->l3_len = (uint16_t)h->l3_len;
	side->csum_offset = h->proto == PROTO_TCP ? 16 : 6;
	t->flags |= BATON_TOKEN_SIDE;
	set_l4(t, BATON_CSUM_PARTIAL);
	put16(field, sum_value(sum_fold(pseudo_sum(ip, h))));
}

static void
l4_checksum(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs,
	    const struct headers *h, uint8_t *ip, const struct copy *copy)
{
	bool tcp = h->proto == PROTO_TCP;
	uint8_t *field = ip + h->l3_len + (tcp ? 16 : 6);
	enum baton_csum verdict_rx = verdict(tok, BATON_TOKEN_L4_SHIFT);
	unsigned was = get16(field), now;
	uint64_t sum = pseudo_sum(ip, h);

	if (!tcp && !was && verdict_rx != BATON_CSUM_PARTIAL)
		return; /* RFC 768: the sender made none */
	if (tcp ? s->tcp_hw : s->udp_hw) {
		judge(&s->counts.bad_l4, verdict_rx, true);
		leave_to_device(lc->worker, tok, h, ip, field);
		return;
	}
	put16(field, 0);
	if (copy)
		cursor_write(copy->of, copy->bytes, copy->len);
	if (!sum_packet(lc->worker, tok, segs, h->l2_len + h->l3_len, h->l4_len, &sum))
		return;
	now = ~sum_value(sum_fold(sum)) & 0xffff;
	if (!tcp && !now)
		now = 0xffff;
	put16(field, now);
	judge(&s->counts.bad_l4, verdict_rx, was == now);
	set_l4(tok, BATON_CSUM_UNKNOWN);
}

/* @p: the packet's first @len bytes, in @copy if there is one. */
static inline __attribute__((always_inline)) void
treat(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs, unsigned total,
      uint8_t *p, unsigned len, const struct copy *copy)
{
	struct headers h;

	if (len < ETHER_HDR)
		return;
	memcpy(p, s->frame, 12); /* the addresses of txonly's frames are the ones wanted here */
	if (!parse(p, len, total, &h)) {
		judge(&s->counts.bad_ip, verdict(tok, BATON_TOKEN_L3_SHIFT), true);
		return;
	}
	if (h.type == ETHERTYPE_IPV4) {
		uint8_t *ip = p + h.l2_len;
		unsigned was = get16(ip + 10), now = ip_checksum(ip, h.l3_len);

		put16(ip + 10, now);
		/* Zero is also written 0xffff. */
		judge(&s->counts.bad_ip, verdict(tok, BATON_TOKEN_L3_SHIFT),
		      was == now || (was == 0xffff && !now));
	}
	if (h.proto)
		l4_checksum(lc, s, tok, segs, &h, p + h.l2_len, copy);
}

static BATON_COLD void
treat_split(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs,
	    unsigned total)
{
	struct copy copy = { .of = { lc->worker, tok, segs, 0 } };

	copy.len = cursor_copy(copy.of, copy.bytes, sizeof(copy.bytes), false);
	treat(lc, s, tok, segs, total, copy.bytes, copy.len, &copy);
	cursor_write(copy.of, copy.bytes, copy.len);
}

static void
one_packet(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs)
{
	uint8_t *p = baton_data(lc->worker, tok[0]);
	unsigned total = 0;

	for (unsigned i = 0; i < segs; i++)
		total += tok[i].len;
	if (!p)
		return;
	if (baton_unlikely(segs > 1 && tok[0].len < SPLIT_HEADERS))
		treat_split(lc, s, tok, segs, total);
	else
		treat(lc, s, tok, segs, total, p, tok[0].len, NULL);
}

void
csum_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	for (unsigned i = 0; i < n;) {
		unsigned segs = baton_packet_segs(tokens + i, n - i);

		one_packet(lc, s, tokens + i, segs);
		i += segs;
	}
}
