/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports without a device: a packet is sent as soon as it is given to them. */
#include <ctype.h>
#include <stdlib.h>

#include "base/export.h"
#include "port/csum.h"

#define ETH_HLEN 14u

/* What is wrong with a packet of @bytes in @segs buffers, the last of which is @last. */
static BATON_COLD int
refuse(struct baton_queue *q, struct baton_token last, unsigned segs, uint32_t bytes,
       uint32_t least)
{
	if (last.flags & BATON_TOKEN_CONT) {
		queue_count_error(q, TX_ERROR_CUT_OFF, 1);
		return baton_err(EINVAL, "%s txq %u: the burst ends inside a packet", q->port->name,
				 q->index);
	}
	queue_count_error(q,
			  segs > q->max_segs ? TX_ERROR_BUFFERS
			  : bytes < least    ? TX_ERROR_TOO_SHORT
					     : TX_ERROR_TOO_LONG,
			  1);
	return baton_err(EMSGSIZE,
			 "%s txq %u: a packet of %u bytes in %u buffers; %u to %u bytes in up to "
			 "%u "
			 "are possible",
			 q->port->name, q->index, bytes, segs, least, q->max_len, q->max_segs);
}

static inline __attribute__((always_inline)) int
give(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
     uint32_t owner, uint32_t least, uint32_t *bytes)
{
	unsigned segs = baton_packet_segs(tokens, n), given;

	*bytes = 0;
	for (unsigned i = 0; i < segs; i++)
		*bytes += tokens[i].len;
	if (baton_unlikely((tokens[segs - 1].flags & BATON_TOKEN_CONT) || segs > q->max_segs ||
			   *bytes < least || *bytes > q->max_len))
		return first ? refuse(q, tokens[segs - 1], segs, *bytes, least) : 0;
	for (given = 0; given < segs; given++)
		if (baton_unlikely(!dma_give(&q->views[tokens[given].pool], tokens[given], owner)))
			break;
	if (baton_likely(given == segs)) {
		struct csum_request at;

		if (baton_likely(!csum_wanted(tokens[0])))
			return (int)segs;
		if (csum_read(q, tokens, *bytes, &at)) {
			csum_fill(q, tokens, segs, at);
			return (int)segs;
		}
	}
	for (unsigned i = given; i-- > 0;)
		dma_ungive(&q->views[tokens[i].pool], tokens[i]);
	if (!first)
		return 0;
	return given == segs ? csum_refuse(q, *bytes) : queue_refuse(q, tokens[given]);
}

int
soft_give(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
	  uint32_t *bytes)
{
	return give(q, tokens, n, first, BATON_OWNER_FREE << 16, ETH_HLEN, bytes);
}

int
soft_hand_over(struct baton_queue *q, const struct baton_token *tokens, unsigned n, bool first,
	       uint32_t owner, uint32_t *bytes)
{
	return give(q, tokens, n, first, owner, 1, bytes);
}

void
soft_done(struct baton_queue *q, struct baton_token t)
{
	const struct baton_pool_view *v = &q->views[t.pool];
	struct dma_cache *c = dma_cache(queue_worker(q), v->pool);

	dma_poison(v, t.buf);
	if (baton_unlikely(!c)) { /* there is no memory for a cache: free the buffer directly */
		dma_free_bufs(v->pool, &t.buf, 1);
		return;
	}
	dma_cache_room(c, 1);
	dma_cache_push(c, t.buf);
}

void
soft_mac(struct baton_port *port, uint8_t kind)
{
	const char *digits = port->name + strlen(port->name);
	unsigned long number;

	while (isdigit((unsigned char)digits[-1]))
		digits--;
	number = strtoul(digits, NULL, 10);
	memset(port->info.mac, 0, sizeof(port->info.mac));
	port->info.mac[0] = 0x02;
	port->info.mac[3] = kind;
	port->info.mac[4] = (uint8_t)(number >> 8);
	port->info.mac[5] = (uint8_t)number;
}

DRIVER_EXPORT(soft_give);
DRIVER_EXPORT(soft_done);
DRIVER_EXPORT(soft_mac);
