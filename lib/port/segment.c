/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TCP or UDP packet is cut into segments, as Linux's tcp_gso_segment() and __udp_gso_segment() do
 * it.
 *
 * Each segment has its headers in a new buffer. Of the pieces that the cuts make of an original
 * buffer, the largest stays where it is, and belongs to its segment; the others are copied behind
 * what their segments have already. So each original buffer goes to the device once, and the larger
 * part of the payload is not copied. Nothing of the original packet is written to before all
 * segments are there: until then, all can be undone.
 */
#include "port/csum.h"
#include "port/offload.h"

#define SEGMENTS_MOST 4096u
#define TOKENS_MOST   1024u
#define SPARE         64u  /* buffers that are allocated at once */
#define COPY_MOST     192u /* bytes that are copied rather than given a token of their own */
#define PREFETCH      512u /* bytes */
#define TAGS          8u   /* bytes of VLAN tags to insert, at most */
#define TCP_FIN       0x01
#define TCP_PSH       0x08
#define TCP_CWR       0x80

/* The headers of all segments, and what differs. */
struct heads {
	uint8_t bytes[HEADERS_MOST + TAGS];
	uint32_t len;      /* of all headers */
	uint32_t l3, l4;   /* where they begin */
	uint32_t ipv4_sum; /* of its IPv4 header, without length, identification and checksum */
	uint32_t pseudo;   /* sum of the pseudo-header, without the length */
	uint32_t seq;
	uint16_t id;
	uint8_t ip, proto; /* 4 or 6; TCP or UDP */
};

struct cut {
	struct baton_queue *q;
	struct offload *o;
	struct baton_pool *pool;
	struct heads head;
	struct baton_side side; /* of each segment */
	uint8_t flags;          /* and its flags */
	uint32_t hash;
	uint32_t payload, size; /* bytes of the packet, of a segment */
	uint32_t segments;
	uint32_t room; /* bytes of a new buffer */
	/* The original packet, from tokens[i] on, whose first `at` bytes are used. */
	struct baton_token tokens[TOKENS_MOST];
	uint8_t kept[TOKENS_MOST];
	unsigned n, i;
	uint32_t at;
	uint32_t keep_at; /* offset in tokens[i] of the piece that stays; UINT32_MAX: none */
	uint32_t tail;    /* bytes that fit behind the last token of the segment */
	uint32_t first;   /* o->t[first] is the first token of the segment */
	struct baton_token spare[SPARE];
	unsigned spares;
};

/* ---- what is asked for ---- */

static int
refuse(const struct cut *c, const char *fmt, uint32_t a, uint32_t b)
{
	char text[128];

	snprintf(text, sizeof(text), fmt, a, b);
	return baton_err(EINVAL, "%s txq %u: a packet of %u bytes to cut into segments of %u: %s",
			 c->q->port->name, c->q->index, c->payload, c->size, text);
}

static bool
find_heads(struct cut *c, const struct baton_token *t, const struct baton_side *side, uint32_t have)
{
	struct heads *head = &c->head;
	const uint32_t l2 = side->l2_len, l3 = side->l3_len, l4 = side->l4_len;
	uint8_t original[HEADERS_MOST];
	uint32_t more;
	uint16_t type;
	bool plain;

	if (l2 < 14 || l3 < 20 || l2 + l3 + l4 > have)
		return false;
	csum_gather(c->q->views, t, 0, original, l2 + l3 + l4);
	type = get_be16(original + l2 - 2);
	head->ip = headers_ip(original + l2, l3, &head->proto, &plain);
	if (!head->ip || !plain || type != (head->ip == 4 ? 0x0800 : 0x86dd))
		return false;
	if (head->proto == PROTO_TCP ? l4 < 20 || (original[l2 + l3 + 12] >> 4) * 4u != l4
				     : head->proto != PROTO_UDP || l4 != 8)
		return false;
	more = offload_tags(c->q, side, original, head->bytes) - 12;
	memcpy(head->bytes + 12 + more, original + 12, l2 + l3 + l4 - 12);
	head->l3 = l2 + more;
	head->l4 = head->l3 + l3;
	head->len = head->l4 + l4;
	return true;
}

/* Whether the packet says what can be cut, and how. */
static int
check_packet(struct cut *c, const struct baton_token *t, unsigned n, const struct baton_side *side,
	     uint8_t *reason)
{
	const uint32_t len = baton_packet_len(t, n), most = c->q->port->info.max_gso_len;
	uint32_t asked;

	c->payload = len;
	c->size = side->seg_size;
	if (len > most || n > TOKENS_MOST) {
		*reason = len > most ? TX_ERROR_TOO_LONG : TX_ERROR_BUFFERS;
		return refuse(c, "at most %u bytes in %u buffers are possible", most, TOKENS_MOST);
	}
	if (!c->size || c->size > len)
		return refuse(c, "seg_size has to be from 1 to %u bytes, the packet's length", len,
			      0);
	if (!find_heads(c, t, side, len < HEADERS_MOST ? len : HEADERS_MOST))
		return refuse(c,
			      "there are no headers of IPv4 or IPv6 and of TCP or UDP, neither "
			      "fragmented, on a source route, nor cut, at l2_len %u, and l3_len %u "
			      "behind it",
			      side->l2_len, side->l3_len);
	asked = c->head.proto == PROTO_TCP ? BATON_OFFLOAD_TX_TSO : BATON_OFFLOAD_TX_USO;
	if (!(c->o->what & asked))
		return refuse(c, "offload %#x is needed, the queue has %#x", asked, c->o->what);
	c->payload = len - (side->l2_len + side->l3_len + side->l4_len);
	return 0;
}

/* Whether software can cut it. */
static int
check_cut(struct cut *c, uint8_t *reason)
{
	c->segments = c->payload > c->size ? (c->payload + c->size - 1) / c->size : 1;
	if (c->head.len + (c->size < c->payload ? c->size : c->payload) > c->q->max_len) {
		*reason = TX_ERROR_TOO_LONG;
		return refuse(c, "with %u bytes of headers they are longer than %u", c->head.len,
			      c->q->max_len);
	}
	if (c->room <= c->head.len || 1 + (c->size + c->room - 1) / c->room > c->q->max_segs) {
		*reason = TX_ERROR_BUFFERS;
		return refuse(c, "they do not fit into %u buffers of %u bytes", c->q->max_segs,
			      c->room);
	}
	if (c->segments > SEGMENTS_MOST || c->segments > c->pool->view.count / 2)
		return refuse(c, "that makes %u of them, at most %u are possible", c->segments,
			      SEGMENTS_MOST < c->pool->view.count / 2 ? SEGMENTS_MOST
								      : c->pool->view.count / 2);
	return 0;
}

/* ---- headers ---- */

/* A number in the byte order of the network, as the sum takes it. */
static uint32_t
be16(uint32_t v)
{
	uint8_t bytes[2];
	uint16_t word;

	put_be16(bytes, v);
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static void
store_sum(uint8_t *p, uint16_t sum)
{
	memcpy(p, &sum, sizeof(sum));
}

/* What is the same for all segments. */
static void
prepare(struct cut *c, const struct baton_token *first, const struct baton_side *side)
{
	struct heads *head = &c->head;
	uint8_t *l3 = head->bytes + head->l3, *l4 = head->bytes + head->l4;
	const struct headers h = { .l2_len = (uint16_t)head->l3,
				   .l3_len = (uint16_t)(head->l4 - head->l3),
				   .ip = head->ip,
				   .proto = head->proto };

	if (head->ip == 4) {
		head->id = get_be16(l3 + 4);
		memset(l3 + 2, 0, 4);
		memset(l3 + 10, 0, 2);
		head->ipv4_sum = sum_bytes(l3, head->l4 - head->l3);
	}
	if (head->proto == PROTO_TCP)
		head->seq = get_be32(l4 + 4);
	head->pseudo = sum_pseudo(head->bytes, &h, 0);
	c->side = *side;
	c->side.valid = BATON_SIDE_CSUM | (side->valid & (BATON_SIDE_MARK | BATON_SIDE_TIME));
	if (offload_device_tags(c->q, side))
		c->side.valid |= side->valid & BATON_SIDE_VLAN;
	c->side.l2_len = (uint16_t)head->l3;
	c->side.csum_offset = head->proto == PROTO_TCP ? 16 : 6;
	c->flags = (uint8_t)(BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT |
			     (first->flags & BATON_TOKEN_HASH));
	c->hash = first->hash;
}

/* The headers of segment @k, which has @len bytes of payload. */
static void
put_heads(const struct cut *c, uint8_t *p, uint32_t k, uint32_t len)
{
	const struct heads *head = &c->head;
	const uint32_t l4_len = head->len - head->l4 + len;
	uint8_t *l3 = p + head->l3, *l4 = p + head->l4;

	memcpy(p, head->bytes, head->len);
	if (head->ip == 4) {
		const uint32_t total = head->l4 - head->l3 + l4_len, id = (head->id + k) & 0xffff;

		put_be16(l3 + 2, total);
		put_be16(l3 + 4, id);
		store_sum(l3 + 10, (uint16_t)~sum_fold(head->ipv4_sum + be16(total) + be16(id)));
	} else {
		put_be16(l3 + 4, head->l4 - head->l3 - 40 + l4_len);
	}
	if (head->proto == PROTO_TCP) {
		put_be32(l4 + 4, head->seq + k * c->size);
		if (k)
			l4[13] &= (uint8_t)~TCP_CWR;
		if (k + 1 < c->segments)
			l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		store_sum(l4 + 16, sum_fold(head->pseudo + be16(l4_len)));
	} else {
		put_be16(l4 + 4, l4_len);
		store_sum(l4 + 6, sum_fold(head->pseudo + be16(l4_len)));
	}
}

/* ---- payload ---- */

/* Append a new buffer to the segments. */
static struct baton_token *
append(struct cut *c, uint32_t segments_left)
{
	struct baton_token *t = &c->o->t[c->o->n];

	if (!c->spares) {
		const uint32_t want = segments_left < SPARE ? segments_left + 1 : SPARE;

		c->spares = baton_alloc(queue_worker(c->q), c->pool, c->spare,
					want < SPARE ? want : SPARE);
		if (!c->spares)
			return NULL;
	}
	*t = c->spare[--c->spares];
	c->tail = c->room;
	if (c->o->n++ > c->first)
		t[-1].flags |= BATON_TOKEN_CONT;
	return t;
}

/* Prefetch the beginning of the next token, which is likely to be copied, and where to. */
static void
prefetch_next(const struct cut *c)
{
	if (c->i + 1 < c->n) {
		const struct baton_token t = c->tokens[c->i + 1];
		const uint8_t *p = dma_data(&c->q->views[t.pool], t.buf) + t.off;

		for (uint32_t at = 0; at < PREFETCH; at += 64)
			__builtin_prefetch(p + at);
	}
	if (c->spares) {
		const struct baton_token t = c->spare[c->spares - 1];
		uint8_t *p = dma_data(&c->q->views[t.pool], t.buf) + t.off;

		for (uint32_t at = 0; at < PREFETCH; at += 64)
			__builtin_prefetch(p + at, 1);
	}
}

/*
 * Choose which piece of the current token stays: the largest, where @rest bytes are left of the
 * segment.
 */
static void
choose(struct cut *c, uint32_t rest)
{
	const uint32_t len = c->tokens[c->i].len - c->at;

	prefetch_next(c);
	c->keep_at = c->at;
	if (len > rest && (len - rest >= c->size || len - rest > rest))
		c->keep_at = c->at + rest;
}

/* Whether a segment may have a token more, and @rest bytes in new buffers behind it. */
static bool
may_keep(const struct cut *c, uint32_t rest)
{
	return c->o->n - c->first + 1 + (rest + c->room - 1) / c->room <= c->q->max_segs;
}

static void
keep(struct cut *c, uint32_t n)
{
	struct baton_token *t = &c->o->t[c->o->n++];
	const struct baton_token from = c->tokens[c->i];
	const uint32_t end = (uint32_t)from.off + c->at + n;

	*t = from;
	t->off = (uint16_t)(from.off + c->at);
	t->len = (uint16_t)n;
	t->flags = 0;
	t[-1].flags |= BATON_TOKEN_CONT;
	c->kept[c->i] = 1;
	/* If more of this segment follows, the piece ends its buffer, and there may be room behind.
	 */
	c->tail = c->q->views[from.pool].data_len - end;
}

static bool
copy(struct cut *c, uint32_t n, uint32_t segments_left)
{
	const struct baton_token from = c->tokens[c->i];
	struct baton_token *t = &c->o->t[c->o->n - 1];

	if (!c->tail && !(t = append(c, segments_left)))
		return false;
	memcpy(dma_data(&c->q->views[t->pool], t->buf) + t->off + t->len,
	       dma_data(&c->q->views[from.pool], from.buf) + from.off + c->at, n);
	t->len = (uint16_t)(t->len + n);
	c->tail -= n;
	return true;
}

/* The next @rest bytes of payload. */
static bool
put_payload(struct cut *c, uint32_t rest, uint32_t segments_left)
{
	while (rest) {
		const uint32_t left = c->tokens[c->i].len - c->at,
			       whole = left < rest ? left : rest;
		uint32_t n = whole;

		if (!left) {
			c->i++;
			c->at = 0;
			c->keep_at = UINT32_MAX;
			continue;
		}
		if (c->keep_at == UINT32_MAX)
			choose(c, rest);
		if (c->at == c->keep_at && (n > COPY_MOST || n > c->tail) &&
		    may_keep(c, rest - n)) {
			keep(c, n);
		} else {
			const uint32_t room = c->tail ? c->tail : c->room;

			n = n < room ? n : room;
			if (!copy(c, n, segments_left))
				return false;
		}
		c->at += n;
		rest -= n;
	}
	return true;
}

static bool
put_segments(struct cut *c)
{
	uint32_t left = c->payload;

	for (uint32_t k = 0; k < c->segments; k++) {
		const uint32_t len = left < c->size ? left : c->size;
		struct baton_token *t;

		c->first = c->o->n;
		t = append(c, c->segments - k);
		if (!t)
			return false;
		put_heads(c, dma_data(&c->q->views[t->pool], t->buf) + t->off, k, len);
		t->len = (uint16_t)c->head.len;
		t->flags = c->flags;
		t->hash = c->hash;
		c->tail = c->room - c->head.len;
		*offload_side(c->q, *t) = c->side;
		if (!put_payload(c, len, c->segments - k))
			return false;
		left -= len;
	}
	return true;
}

/* ---- all of it ---- */

/* There are no more buffers: free the new ones. */
static void
undo(struct cut *c, const struct baton_token *t, uint32_t before)
{
	struct baton_worker *worker = queue_worker(c->q);

	for (unsigned i = 0; i < c->n; i++)
		c->tokens[i].len = 0;
	for (uint32_t k = before; k < c->o->n; k++) {
		bool is_new = true;

		for (unsigned i = 0; i < c->n && is_new; i++)
			is_new = c->tokens[i].buf != c->o->t[k].buf ||
				 c->tokens[i].pool != c->o->t[k].pool;
		if (is_new)
			baton_free(worker, &c->o->t[k], 1);
	}
	c->o->n = before;
	offload_unclaim(c->q, t, c->n);
}

/* Free the original buffers of which nothing stayed in place. */
static void
free_rest(struct cut *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++)
		if (!c->kept[i])
			c->tokens[n++] = c->tokens[i];
	baton_free(queue_worker(c->q), c->tokens, n);
}

static bool
claim(struct cut *c, const struct baton_token *t)
{
	memcpy(c->tokens, t, c->n * sizeof(*t));
	memset(c->kept, 0, c->n);
	if (offload_claim(c->q, c->tokens, c->n) == c->n)
		return true;
	offload_unclaim(c->q, t, c->n);
	return false;
}

/* A buffer is in the packet twice. */
static BATON_COLD int
refuse_twice(const struct baton_queue *q, const struct baton_token *t, uint8_t *reason)
{
	*reason = TX_ERROR_TOKEN;
	return dma_refuse(q->port->ctx, t[0], "tx_burst");
}

/* ---- the device cuts it ---- */

/* Tags are inserted into segments only, and a packet that is one segment is no work. */
static bool
is_for_device(const struct cut *c, const struct baton_token *t, unsigned n,
	      const struct baton_side *side)
{
	const struct baton_queue *q = c->q;
	const uint8_t kind = c->head.proto == PROTO_UDP ? QUEUE_GSO_UDP
			     : c->head.ip == 4          ? QUEUE_GSO_TCP4
							: QUEUE_GSO_TCP6;

	return (q->device_gso & kind) && n <= q->gso_segs &&
	       (!q->gso_heads || c->head.len <= q->gso_heads) && t[0].off >= q->gso_front &&
	       c->payload > c->size && c->head.l3 == side->l2_len;
}

/* Headers for a device that adds the lengths of segments (gso_bare). */
static void
bare_heads(const struct cut *c, uint8_t *p)
{
	const struct heads *head = &c->head;

	put_be16(p + head->l3 + (head->ip == 4 ? 2 : 4), 0);
	if (head->ip == 4)
		put_be16(p + head->l3 + 10, 0);
	store_sum(p + head->l4 + (head->proto == PROTO_TCP ? 16 : 6), sum_fold(head->pseudo));
}

/*
 * Append the packet as it is to o->t, with headers as a device wants them: the lengths are those of
 * the whole packet, and the L4 checksum is the sum of the pseudo-header.
 */
static int
hand_over(struct cut *c, const struct baton_token *t, unsigned n, const struct baton_side *side,
	  uint8_t *reason)
{
	uint8_t heads[HEADERS_MOST + TAGS];

	if (!offload_reserve(c->o, n))
		return 0;
	c->n = n;
	if (!claim(c, t))
		return refuse_twice(c->q, t, reason);
	c->segments = 1;
	prepare(c, t, side);
	put_heads(c, heads, 0, c->payload);
	if (c->q->gso_bare)
		bare_heads(c, heads);
	csum_scatter(c->q->views, c->tokens, 0, heads, c->head.len);
	c->side.valid |= BATON_SIDE_SEGMENT;
	*offload_side(c->q, c->tokens[0]) = c->side;
	c->tokens[0].flags = (uint8_t)(c->flags | (t[0].flags & BATON_TOKEN_CONT));
	memcpy(c->o->t + c->o->n, c->tokens, n * sizeof(*t));
	c->o->n += n;
	return 1;
}

int
offload_segment(struct baton_queue *q, const struct baton_token *t, unsigned n,
		const struct baton_side *side, uint8_t *reason)
{
	struct cut c;
	uint32_t before = q->soft->n, headers;
	bool done;
	int ret;

	c.q = q;
	c.o = q->soft;
	c.pool = q->port->ctx->pools[t[0].pool];
	c.room = c.pool->view.data_len - c.pool->view.headroom;
	ret = check_packet(&c, t, n, side, reason);
	if (ret < 0)
		return ret;
	if (is_for_device(&c, t, n, side))
		return hand_over(&c, t, n, side, reason);
	ret = check_cut(&c, reason);
	if (ret < 0)
		return ret;
	/* A token for each header, for each piece, and for each buffer that copies fill. */
	if (!offload_reserve(c.o, 3 * c.segments + 2 * n + c.payload / c.room + 1))
		return 0;
	c.n = n;
	if (!claim(&c, t))
		return refuse_twice(q, t, reason);
	prepare(&c, t, side);
	headers = (uint32_t)side->l2_len + side->l3_len + side->l4_len;
	for (c.i = 0; headers > c.tokens[c.i].len; c.i++)
		headers -= c.tokens[c.i].len;
	c.at = headers;
	c.keep_at = UINT32_MAX;
	c.spares = 0;
	done = put_segments(&c);
	baton_free(queue_worker(q), c.spare, c.spares);
	if (!done) {
		undo(&c, t, before);
		return 0;
	}
	free_rest(&c);
	return 1;
}
