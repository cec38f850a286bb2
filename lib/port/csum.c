/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/csum.h"

#include <baton/hash.h>

#include "base/export.h"

#define SCTP_CSUM 8u /* offset of its checksum */

static uint8_t *
bytes_of(const struct baton_pool_view *views, struct baton_token t)
{
	return dma_data(&views[t.pool], t.buf) + t.off;
}

void
csum_gather(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
	    void *to, uint32_t n)
{
	for (uint8_t *p = to; n; t++) {
		const uint32_t skip = from < t->len ? from : t->len, left = t->len - skip,
			       part = left < n ? left : n;

		memcpy(p, bytes_of(views, *t) + skip, part);
		from -= skip;
		p += part;
		n -= part;
	}
}

/* Whether SCTP follows the IP header of the packet. */
static BATON_COLD bool
is_sctp(const struct baton_queue *q, const struct baton_token *t, uint32_t len, uint32_t l2,
	uint32_t l3)
{
	uint8_t ip[HEADERS_MOST], proto;
	bool plain;

	if (l3 < 20 || l3 > sizeof(ip) || l2 + l3 > len)
		return false;
	csum_gather(q->views, t, l2, ip, l3);
	return headers_ip(ip, l3, &proto, &plain) && proto == PROTO_SCTP;
}

bool
csum_read(const struct baton_queue *q, const struct baton_token *t, uint32_t len,
	  struct csum_request *out)
{
	const struct baton_pool_view *v = &q->head.worker->handle.views[t->pool];
	struct baton_side side;
	uint32_t start;
	bool crc;

	if (!(t->flags & BATON_TOKEN_SIDE))
		return false;
	memcpy(&side, v->side + (size_t)t->buf * BATON_SIDE_SIZE, sizeof(side));
	if (!(side.valid & BATON_SIDE_CSUM))
		return false;
	start = (uint32_t)side.l2_len + side.l3_len;
	crc = side.csum_offset == SCTP_CSUM && is_sctp(q, t, len, side.l2_len, side.l3_len);
	if (start > UINT16_MAX || start + side.csum_offset + (crc ? 4u : 2u) > len)
		return false;
	*out = (struct csum_request){ .start = (uint16_t)start,
				      .offset = side.csum_offset,
				      .crc = crc };
	return true;
}

int
csum_refuse(struct baton_queue *q, uint32_t len)
{
	queue_count_error(q, TX_ERROR_CSUM, 1);
	return baton_err(EINVAL,
			 "%s txq %u: a checksum to fill in, but the token has no side record with "
			 "BATON_SIDE_CSUM, or one whose l2_len + l3_len + csum_offset lies outside "
			 "of the packet's %u bytes",
			 q->port->name, q->index, len);
}

/* The part of bytes @from to @end of a packet that lies in token @t, which begins at byte @at. */
static uint32_t
part_of(struct baton_token t, uint32_t at, uint32_t from, uint32_t end, uint32_t *skip)
{
	const uint32_t first = from > at ? from - at : 0, last = end > at ? end - at : 0;

	*skip = first < t.len ? first : t.len;
	return last > *skip ? (last < t.len ? last : t.len) - *skip : 0;
}

uint32_t
csum_sctp(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
	  uint32_t end)
{
	static const uint8_t zero[4];
	const uint32_t field = from + 8;
	uint32_t crc = 0, skip;

	for (uint32_t at = 0; at < end; at += t->len, t++) {
		const uint8_t *p = bytes_of(views, *t);
		/* In front of the field, in it, and behind it. */
		uint32_t n = part_of(*t, at, from, field, &skip);

		crc = baton_crc32c(crc, p + skip, n);
		n = part_of(*t, at, field, field + 4, &skip);
		crc = baton_crc32c(crc, zero, n);
		n = part_of(*t, at, field + 4, end, &skip);
		crc = baton_crc32c(crc, p + skip, n);
	}
	return crc;
}

void
csum_scatter(const struct baton_pool_view *views, const struct baton_token *t, uint32_t pos,
	     const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, pos++) {
		for (; pos >= t->len; t++)
			pos -= t->len;
		bytes_of(views, *t)[pos] = bytes[i];
	}
}

bool
csum_ipv4(const struct baton_queue *q, const struct baton_token *t, uint32_t len,
	  const struct baton_side *side, bool fill)
{
	const uint32_t at = side->l2_len, ip = side->l3_len;
	uint16_t sum = 0;
	uint8_t first;

	if (!(side->valid & BATON_SIDE_CSUM) || ip < 20 || at + ip > len)
		return false;
	csum_gather(q->views, t, at, &first, 1);
	if (first >> 4 != 4 || (first & 15u) * 4 > ip)
		return false;
	if (fill) {
		/* Without what is in its place now. */
		csum_gather(q->views, t, at + 10, &sum, 2);
		sum = (uint16_t)~sum_fold(
			(uint32_t)sum_range(q->views, t, at, at + (first & 15u) * 4) +
			(uint16_t)~sum);
	}
	csum_scatter(q->views, t, at + 10, (const uint8_t *)&sum, 2);
	return true;
}

int
csum_refuse_ipv4(struct baton_queue *q, uint32_t len)
{
	queue_count_error(q, TX_ERROR_CSUM, 1);
	return baton_err(EINVAL,
			 "%s txq %u: the checksum of an IPv4 header to fill in, but the token has "
			 "no side record with BATON_SIDE_CSUM, or there is no IPv4 header of "
			 "l3_len bytes at l2_len in the packet's %u bytes",
			 q->port->name, q->index, len);
}

void
csum_fill(const struct baton_queue *q, const struct baton_token *t, unsigned segs,
	  struct csum_request at)
{
	const uint32_t len = baton_packet_len(t, segs);
	uint8_t out[4];
	uint16_t value;

	if (at.crc) { /* the lowest byte first: RFC 4960, appendix B */
		const uint32_t crc = csum_sctp(q->views, t, at.start, len);

		for (unsigned i = 0; i < 4; i++)
			out[i] = (uint8_t)(crc >> 8 * i);
		csum_scatter(q->views, t, (uint32_t)at.start + at.offset, out, 4);
		return;
	}
	value = (uint16_t)~sum_range(q->views, t, at.start, len);
	if (!value)
		value = 0xffff; /* the same number; in UDP, zero means that there is no checksum
				   (RFC 768) */
	memcpy(out, &value, sizeof(value));
	csum_scatter(q->views, t, (uint32_t)at.start + at.offset, out, sizeof(value));
}

DRIVER_EXPORT(csum_gather);
DRIVER_EXPORT(csum_read);
DRIVER_EXPORT(csum_refuse);
DRIVER_EXPORT(csum_sctp);
DRIVER_EXPORT(csum_fill);
