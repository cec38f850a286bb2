/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of several tokens: <baton/packet.h>. */
#include <baton/packet.h>

#include "base/err.h"
#include "dma/pool.h"

/* What belongs to a packet, and not to one of its buffers. */
#define METADATA ((uint8_t) ~(BATON_TOKEN_CONT | BATON_TOKEN_SIDE))

/* Whether the worker may be used here, and the caller holds all tokens. */
static int
held(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
     const char *operation)
{
	int ret = dma_worker_ready(worker, operation);

	if (!ret && (!tokens || !n))
		ret = baton_err(EINVAL, "%s: there is no token", operation);
	for (unsigned i = 0; !ret && i < n; i++)
		if (!baton_data(worker, tokens[i]))
			ret = -EPERM;
	return ret;
}

static int
usable(const struct baton_worker *worker, const struct baton_pool *pool, const char *operation)
{
	int ret = handle_check(pool, HANDLE_POOL, operation);

	return ret ? ret : handle_check_ctx(worker->ctx, pool->ctx, operation, "pool");
}

/* Let @to have the metadata of @from, both held. */
static void
hand_over(struct baton_worker *worker, struct baton_token *to, const struct baton_token *from)
{
	to->hash = from->hash;
	to->flags = (uint8_t)((to->flags & ~(METADATA | BATON_TOKEN_SIDE)) |
			      (from->flags & (METADATA | BATON_TOKEN_SIDE)));
	if (from->flags & BATON_TOKEN_SIDE)
		*baton_side(worker, *to) = *baton_side(worker, *from);
}

static int
no_room(const char *operation, uint16_t bytes, uint32_t room, const char *where)
{
	return baton_err(ENOSPC, "%s: %u bytes were asked for, the buffer has %u %s", operation,
			 bytes, room, where);
}

int
baton_packet_prepend(struct baton_worker *worker, struct baton_token *first, uint16_t bytes)
{
	int ret = held(worker, first, 1, "packet_prepend");

	if (ret < 0)
		return ret;
	if (bytes > first->off)
		return no_room("packet_prepend", bytes, first->off, "in front of the packet");
	first->off = (uint16_t)(first->off - bytes);
	first->len = (uint16_t)(first->len + bytes);
	return 0;
}

int
baton_packet_append(struct baton_worker *worker, struct baton_token *last, uint16_t bytes)
{
	int ret = held(worker, last, 1, "packet_append");
	uint32_t room;

	if (ret < 0)
		return ret;
	room = worker->head.handle.views[last->pool].data_len - last->off - last->len;
	if (bytes > room)
		return no_room("packet_append", bytes, room, "behind the packet");
	last->len = (uint16_t)(last->len + bytes);
	return 0;
}

static int
too_short(const char *operation, uint32_t bytes, uint32_t len)
{
	return baton_err(EINVAL, "%s: %u bytes of a packet of %u were asked for", operation, bytes,
			 len);
}

int
baton_packet_adjust(struct baton_worker *worker, struct baton_token *tokens, unsigned n,
		    uint32_t bytes)
{
	int ret = held(worker, tokens, n, "packet_adjust");
	unsigned gone = 0;

	if (ret < 0)
		return ret;
	if (bytes > baton_packet_len(tokens, n))
		return too_short("packet_adjust", bytes, baton_packet_len(tokens, n));
	for (; gone + 1 < n && bytes >= tokens[gone].len; gone++)
		bytes -= tokens[gone].len;
	if (gone) {
		hand_over(worker, &tokens[gone], &tokens[0]);
		baton_free(worker, tokens, gone);
		memmove(tokens, tokens + gone, (n - gone) * sizeof(*tokens));
	}
	tokens[0].off = (uint16_t)(tokens[0].off + bytes);
	tokens[0].len = (uint16_t)(tokens[0].len - bytes);
	return (int)(n - gone);
}

int
baton_packet_trim(struct baton_worker *worker, struct baton_token *tokens, unsigned n,
		  uint32_t bytes)
{
	int ret = held(worker, tokens, n, "packet_trim");
	unsigned left = n;

	if (ret < 0)
		return ret;
	if (bytes > baton_packet_len(tokens, n))
		return too_short("packet_trim", bytes, baton_packet_len(tokens, n));
	for (; left > 1 && bytes >= tokens[left - 1].len; left--)
		bytes -= tokens[left - 1].len;
	baton_free(worker, tokens + left, n - left);
	tokens[left - 1].len = (uint16_t)(tokens[left - 1].len - bytes);
	tokens[left - 1].flags &= (uint8_t)~BATON_TOKEN_CONT;
	return (int)left;
}

/* Copy bytes of a packet, from @off on. */
static void
gather(const struct baton_worker *worker, const struct baton_token *tokens, uint32_t off,
       uint8_t *to, uint32_t len)
{
	for (; len; tokens++) {
		const uint32_t k = tokens->len - (off < tokens->len ? off : tokens->len),
			       part = k < len ? k : len;

		memcpy(to, (const uint8_t *)baton_data(worker, *tokens) + (tokens->len - k), part);
		off -= tokens->len - k;
		to += part;
		len -= part;
	}
}

/* Get one buffer for @len bytes. */
static int
buffer_for(struct baton_worker *worker, struct baton_pool *pool, uint32_t len,
	   struct baton_token *t, const char *operation)
{
	const uint32_t room = pool->view.data_len - pool->view.headroom;

	if (len > room)
		return baton_err(EMSGSIZE,
				 "%s: %u bytes do not fit into a buffer of pool %s, which has %u",
				 operation, len, pool->name, room);
	if (baton_alloc(worker, pool, t, 1) == 1)
		return 0;
	return baton_err(ENOBUFS, "%s: pool %s has no free buffer", operation, pool->name);
}

int
baton_packet_linearize(struct baton_worker *worker, struct baton_pool *pool,
		       struct baton_token *tokens, unsigned n)
{
	int ret = held(worker, tokens, n, "packet_linearize");
	const uint32_t len = ret ? 0 : baton_packet_len(tokens, n);
	struct baton_token t;

	if (!ret)
		ret = usable(worker, pool, "packet_linearize");
	if (ret < 0)
		return ret;
	if (n == 1) {
		tokens[0].flags &= (uint8_t)~BATON_TOKEN_CONT;
		return 1;
	}
	if (tokens[0].off + len <= worker->head.handle.views[tokens[0].pool].data_len) {
		gather(worker, tokens, tokens[0].len,
		       (uint8_t *)baton_data(worker, tokens[0]) + tokens[0].len,
		       len - tokens[0].len);
		baton_free(worker, tokens + 1, n - 1);
	} else {
		ret = buffer_for(worker, pool, len, &t, "packet_linearize");
		if (ret < 0)
			return ret;
		gather(worker, tokens, 0, baton_data(worker, t), len);
		hand_over(worker, &t, &tokens[0]);
		baton_free(worker, tokens, n);
		tokens[0] = t;
	}
	tokens[0].len = (uint16_t)len;
	tokens[0].flags &= (uint8_t)~BATON_TOKEN_CONT;
	return 1;
}

int
baton_packet_split(struct baton_worker *worker, struct baton_pool *pool, struct baton_token *tokens,
		   unsigned n, uint32_t at, struct baton_token *rest, unsigned max)
{
	int ret = held(worker, tokens, n, "packet_split");
	unsigned first = 0, moved;
	uint32_t cut = at;

	if (!ret)
		ret = usable(worker, pool, "packet_split");
	if (ret < 0)
		return ret;
	if (!at || at >= baton_packet_len(tokens, n))
		return too_short("packet_split", at, baton_packet_len(tokens, n));
	/* The split is in tokens[first], or at its end. */
	for (; cut > tokens[first].len; first++)
		cut -= tokens[first].len;
	moved = n - first - 1 + (cut < tokens[first].len);
	if (!rest || moved > max)
		return baton_err(EMSGSIZE,
				 "packet_split: the second part has %u tokens, there is room for "
				 "%u",
				 moved, rest ? max : 0);
	if (cut < tokens[first].len) {
		const uint32_t len = tokens[first].len - cut;

		ret = buffer_for(worker, pool, len, rest, "packet_split");
		if (ret < 0)
			return ret;
		gather(worker, tokens + first, cut, baton_data(worker, *rest), len);
		rest->len = (uint16_t)len;
		if (first + 1 < n)
			rest->flags |= BATON_TOKEN_CONT;
		tokens[first].len = (uint16_t)cut;
		rest++;
	}
	for (unsigned i = first + 1; i < n; i++)
		*rest++ = tokens[i];
	tokens[first].flags &= (uint8_t)~BATON_TOKEN_CONT;
	return (int)moved;
}

const void *
baton_packet_view(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		  uint32_t off, uint32_t len, void *scratch)
{
	if (held(worker, tokens, n, "packet_view") < 0)
		return NULL;
	if (off > baton_packet_len(tokens, n) || len > baton_packet_len(tokens, n) - off) {
		(void)baton_err(EINVAL, "packet_view: %u bytes from byte %u on of a packet of %u",
				len, off, baton_packet_len(tokens, n));
		return NULL;
	}
	for (; n > 1 && off >= tokens->len; tokens++, n--)
		off -= tokens->len;
	if (off + len <= tokens->len)
		return (const uint8_t *)baton_data(worker, *tokens) + off;
	if (!scratch) {
		(void)baton_err(EINVAL, "packet_view: the bytes lie in several buffers, and "
					"scratch is NULL");
		return NULL;
	}
	gather(worker, tokens, off, scratch, len);
	return scratch;
}

int
baton_packet_copy(struct baton_worker *worker, struct baton_pool *pool,
		  const struct baton_token *in, unsigned n, struct baton_token *out, unsigned max)
{
	int ret = dma_worker_ready(worker, "packet_copy");
	unsigned segs, used = 0, got;
	uint32_t room, bytes = 0;

	if (!ret && (!in || !n))
		ret = baton_err(EINVAL, "packet_copy: there is no token");
	if (!ret && !out && max)
		ret = baton_err(EINVAL, "packet_copy: out is NULL");
	if (!ret)
		ret = handle_check(pool, HANDLE_POOL, "packet_copy");
	if (!ret)
		ret = handle_check_ctx(worker->ctx, pool->ctx, "packet_copy", "pool");
	if (baton_unlikely(ret < 0))
		return ret;
	room = pool->view.data_len - pool->view.headroom;
	segs = baton_packet_segs(in, n);
	for (unsigned i = 0; i < segs; i++) {
		if (!baton_data(worker, in[i]))
			return -EPERM;
		bytes += in[i].len;
	}
	unsigned need = bytes ? (bytes + room - 1) / room : 1;

	if (need > max)
		return baton_err(EMSGSIZE, "packet_copy: %u bytes take %u buffers, room for %u",
				 bytes, need, max);
	got = baton_alloc(worker, pool, out, need);
	if (got < need) {
		baton_free(worker, out, got);
		return baton_err(ENOBUFS, "packet_copy: pool %s has %u of %u buffers", pool->name,
				 got, need);
	}
	for (unsigned i = 0; i < segs; i++) {
		const uint8_t *src = baton_data(worker, in[i]);

		for (uint32_t left = in[i].len; left;) {
			uint32_t k = room - out[used].len;

			if (!k) {
				used++;
				continue;
			}
			k = k < left ? k : left;
			memcpy((uint8_t *)baton_data(worker, out[used]) + out[used].len, src, k);
			out[used].len = (uint16_t)(out[used].len + k);
			src += k;
			left -= k;
		}
	}
	for (unsigned i = 0; i + 1 < need; i++)
		out[i].flags |= BATON_TOKEN_CONT;
	hand_over(worker, &out[0], &in[0]);
	return (int)need;
}
