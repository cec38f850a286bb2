/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/csum.h"

#include "packet/sum.h"

bool
csum_read(const struct baton_queue *q, struct baton_token first, uint32_t len,
	  struct csum_request *out)
{
	const struct baton_pool_view *v = &q->head.worker->handle.views[first.pool];
	struct baton_side side;
	uint32_t start;

	if (!(first.flags & BATON_TOKEN_SIDE))
		return false;
	memcpy(&side, v->side + (size_t)first.buf * BATON_SIDE_SIZE, sizeof(side));
	if (!(side.valid & BATON_SIDE_CSUM))
		return false;
	start = (uint32_t)side.l2_len + side.l3_len;
	if (start > UINT16_MAX || start + side.csum_offset + 2 > len)
		return false;
	*out = (struct csum_request){ .start = (uint16_t)start, .offset = side.csum_offset };
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

static uint8_t *
bytes_of(const struct baton_queue *q, struct baton_token t)
{
	return dma_data(&q->views[t.pool], t.buf) + t.off;
}

/* Store byte @pos of the packet. */
static void
put_byte(const struct baton_queue *q, const struct baton_token *t, uint32_t pos, uint8_t byte)
{
	for (; pos >= t->len; t++)
		pos -= t->len;
	bytes_of(q, *t)[pos] = byte;
}

void
csum_fill(const struct baton_queue *q, const struct baton_token *t, unsigned segs,
	  struct csum_request at)
{
	uint32_t skip = at.start, sum = 0, summed = 0;
	uint8_t out[2];
	uint16_t value;

	for (unsigned i = 0; i < segs; i++) {
		uint32_t from = skip < t[i].len ? skip : t[i].len;

		skip -= from;
		sum = sum_add(sum, sum_bytes(bytes_of(q, t[i]) + from, t[i].len - from), summed);
		summed += t[i].len - from;
	}
	value = sum_end(sum);
	if (!value)
		value = 0xffff; /* the same number; in UDP, zero means that there is no checksum
				   (RFC 768) */
	memcpy(out, &value, sizeof(out));
	put_byte(q, t, (uint32_t)at.start + at.offset, out[0]);
	put_byte(q, t, (uint32_t)at.start + at.offset + 1, out[1]);
}
