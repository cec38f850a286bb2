/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mode csum: as dpdk-testpmd's checksum engine gives packets new Ethernet addresses and computes
 * their IPv4, TCP, UDP and SCTP checksums anew, or leaves the first three to the device. With `tso
 * set` TCP packets that are longer than their segments shall be are left to the TX queue.
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
	unsigned type;    /* ETHERTYPE_* */
	unsigned proto;   /* PROTO_TCP, UDP, SCTP; 0: no checksum above IP is to be touched */
	unsigned l4_len;  /* header and payload, padding not */
	unsigned l4_head; /* of TCP: its header; 0: it cannot be as long as it says */
};

static inline unsigned
tcp_head(const uint8_t *p, unsigned len)
{
	unsigned bytes = (p[12] >> 4) * 4u;

	return bytes >= 20 && bytes <= len ? bytes : 0;
}

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
	else if (h->proto == PROTO_TCP && len >= 20 && h->l4_len >= 20)
		h->l4_head = tcp_head(p, len < h->l4_len ? len : h->l4_len);
	else if (h->proto != PROTO_SCTP || len < SCTP_HDR || h->l4_len < SCTP_HDR)
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

/* The Internet checksum of bytes, and their CRC32C: one of them is wanted. */
struct sum {
	uint64_t words;
	uint32_t crc;
	bool is_crc, odd;
};

static void
sum_part(struct sum *sum, const uint8_t *p, unsigned n)
{
	uint16_t part;

	if (sum->is_crc) {
		sum->crc = baton_crc32c(sum->crc, p, n);
		return;
	}
	part = sum_fold(sum_bytes(0, p, n));
	/* After an odd number of bytes high and low bytes change places. */
	sum->words += sum->odd ? (uint16_t)(part << 8 | part >> 8) : part;
	sum->odd ^= n & 1;
}

/*
 * Sum @len bytes from @at of a packet of several buffers. Return: false when a token was refused.
 */
static bool
sum_packet(const struct baton_worker *worker, const struct baton_token *tok, unsigned segs,
	   unsigned at, unsigned len, struct sum *sum)
{
	for (unsigned i = 0; i < segs && len; i++) {
		const uint8_t *p = baton_data(worker, tok[i]);
		unsigned n;

		if (!p)
			return false;
		if (at >= tok[i].len) {
			at -= tok[i].len;
			continue;
		}
		n = tok[i].len - at < len ? tok[i].len - at : len;
		sum_part(sum, p + at, n);
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
set_csum(struct baton_token *t, unsigned shift, enum baton_csum request)
{
	t->flags = (uint8_t)((t->flags & ~(3u << shift)) | (unsigned)request << shift);
}

/* What the TX queue is told of the packet. Return: NULL: its token was refused. */
static struct baton_side *
tell(const struct baton_worker *worker, struct baton_token *t, const struct headers *h)
{
	struct baton_side *side = baton_side(worker, *t);

	if (!side)
		return NULL;
	if (!(t->flags & BATON_TOKEN_SIDE))
		memset(side, 0, sizeof(*side));
	t->flags |= BATON_TOKEN_SIDE;
	side->valid |= BATON_SIDE_CSUM;
	side->l2_len = (uint16_t)h->l2_len;
	side->l3_len = (uint16_t)h->l3_len;
	return side;
}

static bool
leave_to_device(const struct baton_worker *worker, struct baton_token *t, const struct headers *h,
		uint8_t *ip, uint8_t *field)
{
	struct baton_side *side = tell(worker, t, h);

	if (!side)
		return false;
	side->csum_offset = (uint16_t)(field - (ip + h->l3_len));
	set_csum(t, BATON_TOKEN_L4_SHIFT, BATON_CSUM_PARTIAL);
	put16(field, sum_value(sum_fold(pseudo_sum(ip, h))));
	return true;
}

/* The whole packet is cut, so it may have nothing behind its payload. Return: it will be cut. */
static BATON_COLD bool
leave_to_cut(const struct lcore *lc, struct stream *s, struct baton_token *t, unsigned total,
	     const struct headers *h, uint8_t *ip)
{
	const unsigned heads = h->l3_len + h->l4_head;
	const unsigned room = s->tx_mtu > heads ? s->tx_mtu - heads : 0;
	const unsigned size = s->tso < room ? s->tso : room;
	enum baton_csum verdict_rx = verdict(t, BATON_TOKEN_L4_SHIFT);
	struct baton_side *side;

	if (h->proto != PROTO_TCP || !h->l4_head || !size || h->l4_len - h->l4_head <= size ||
	    h->l2_len + h->l3_len + h->l4_len != total ||
	    !leave_to_device(lc->worker, t, h, ip, ip + h->l3_len + 16))
		return false;
	judge(&s->counts.bad_l4, verdict_rx, true);
	side = tell(lc->worker, t, h);
	side->valid |= BATON_SIDE_SEGMENT;
	side->l4_len = (uint16_t)h->l4_head;
	side->seg_size = (uint16_t)size;
	return true;
}

/* RFC 4960, appendix B: the lowest byte comes first. */
static void
put_crc(uint8_t *p, uint32_t crc)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(crc >> 8 * i);
}

static void
l4_checksum(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs,
	    const struct headers *h, uint8_t *ip, const struct copy *copy)
{
	const bool sctp = h->proto == PROTO_SCTP, udp = h->proto == PROTO_UDP;
	const unsigned bytes = sctp ? 4 : 2;
	uint8_t *field = ip + h->l3_len + (udp ? 6 : sctp ? 8 : 16), was[4];
	enum baton_csum verdict_rx = verdict(tok, BATON_TOKEN_L4_SHIFT);
	struct sum sum = { .words = pseudo_sum(ip, h), .is_crc = sctp };
	unsigned now;

	memcpy(was, field, bytes);
	if (udp && !get16(was) && verdict_rx != BATON_CSUM_PARTIAL)
		return; /* RFC 768: the sender made none */
	if (!sctp && (udp ? s->udp_hw : s->tcp_hw)) {
		judge(&s->counts.bad_l4, verdict_rx, true);
		leave_to_device(lc->worker, tok, h, ip, field);
		return;
	}
	memset(field, 0, bytes);
	if (copy)
		cursor_write(copy->of, copy->bytes, copy->len);
	if (!sum_packet(lc->worker, tok, segs, h->l2_len + h->l3_len, h->l4_len, &sum))
		return;
	now = ~sum_value(sum_fold(sum.words)) & 0xffff;
	if (sctp)
		put_crc(field, sum.crc);
	else
		put16(field, udp && !now ? 0xffff : now);
	judge(&s->counts.bad_l4, verdict_rx, !memcmp(field, was, bytes));
	set_csum(tok, BATON_TOKEN_L4_SHIFT, BATON_CSUM_UNKNOWN);
}

static void
ip_header(const struct lcore *lc, struct stream *s, struct baton_token *tok,
	  const struct headers *h, uint8_t *ip)
{
	enum baton_csum verdict_rx = verdict(tok, BATON_TOKEN_L3_SHIFT);
	unsigned was, now;

	if (s->ip_hw && tell(lc->worker, tok, h)) {
		judge(&s->counts.bad_ip, verdict_rx, true);
		set_csum(tok, BATON_TOKEN_L3_SHIFT, BATON_CSUM_PARTIAL);
		return;
	}
	was = get16(ip + 10);
	now = ip_checksum(ip, h->l3_len);
	put16(ip + 10, now);
	/* Zero is also written 0xffff. */
	judge(&s->counts.bad_ip, verdict_rx, was == now || (was == 0xffff && !now));
}

/* @p: the packet's first @len bytes, in @copy if there is one. */
static inline __attribute__((always_inline)) void
treat(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned segs, unsigned total,
      uint8_t *p, unsigned len, const struct copy *copy)
{
	struct headers h;
	uint8_t *ip;

	if (len < ETHER_HDR)
		return;
	memcpy(p, s->frame, 12); /* the addresses of txonly's frames are the ones wanted here */
	if (!parse(p, len, total, &h)) {
		judge(&s->counts.bad_ip, verdict(tok, BATON_TOKEN_L3_SHIFT), true);
		return;
	}
	ip = p + h.l2_len;
	if (h.type == ETHERTYPE_IPV4)
		ip_header(lc, s, tok, &h, ip);
	if (baton_unlikely(s->tso) && leave_to_cut(lc, s, tok, total, &h, ip))
		return;
	if (h.proto)
		l4_checksum(lc, s, tok, segs, &h, ip, copy);
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
