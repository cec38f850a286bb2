/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a capture. It may be cut short or damaged anywhere: the packets before that place
 * are delivered, then one warning names the packet, and nothing more is received. A packet that
 * cannot be delivered is counted by its reason, and the first of each reason is named.
 */
#include <stdlib.h>
#include <string.h>

#include "pcap_port.h"

#define MAX_FILLS 8u   /* reads of a burst */
#define MAX_LOOK  512u /* records that a burst looks at in vain */

/* ---- the capture ---- */

int
pcap_rx_next(struct pcap_port *pp, struct capture_record *record)
{
	struct capture_reader *r = pp->reader;
	struct pcap_source *s = &pp->in;

	for (unsigned fills = 0; fills < MAX_FILLS; fills++) {
		size_t used, want;
		ssize_t ret;
		enum capture_step step =
			capture_next(r, s->buf + s->at, s->filled - s->at, &used, &want, record);

		s->at += used;
		if (step != CAPTURE_MORE)
			return step == CAPTURE_RECORD ? 1 : -EINVAL;
		if (r->skip && pcap_source_skip(s, r->skip))
			r->skip = 0;
		ret = pcap_source_fill(s);
		if (!ret)
			return 0;
		if (ret == PCAP_END) {
			const size_t left = s->filled - s->at;

			/* /dev/null is nothing, not even a damaged capture. */
			if (!left && r->format == CAPTURE_UNKNOWN && S_ISCHR(s->end.st.st_mode))
				return PCAP_END;
			return capture_end(r, s->buf + s->at, left) ? PCAP_END : -EINVAL;
		}
		if (ret < 0) {
			snprintf(r->why, sizeof(r->why), "cannot be read: %s", strerror((int)-ret));
			r->bad = true;
			return -EINVAL;
		}
	}
	return 0;
}

void
pcap_rx_log_damage(struct pcap_port *pp)
{
	if (pp->reported & 1u << RX_ERROR_DAMAGED)
		return;
	pp->reported |= 1u << RX_ERROR_DAMAGED;
	port_log(&pp->port, BATON_LOG_WARN,
		 "%s %s; nothing is received from it beyond packet %llu (rx_q0_error_damaged); "
		 "`tcpdump -r FILE -w NEW` makes a sound capture of what is before",
		 pp->in.end.name, pp->reader->why, (unsigned long long)pp->reader->number);
}

void
pcap_rx_note_truncated(struct pcap_port *pp, const struct capture_record *record)
{
	__atomic_store_n(&pp->truncated, pp->truncated + 1, __ATOMIC_RELAXED);
	if (pp->truncated > 1)
		return;
	port_log(&pp->port, BATON_LOG_WARN,
		 "packet %llu of %s had %u bytes, of which the capture has %u: such packets are "
		 "received as they were captured, and counted (rx_truncated)",
		 (unsigned long long)pp->reader->number, pp->in.end.name, record->len,
		 record->caplen);
}

/* ---- open ---- */

static int
refuse(const struct pcap_port *pp, const char *why)
{
	return baton_err(EBADMSG, "rx_pcap=%s: %s %s", pp->in.end.path, pp->in.end.name, why);
}

/* The header of what is there already: a file's is; a pipe's may come later. */
static int
read_header(struct pcap_port *pp)
{
	struct capture_reader *r = pp->reader;
	struct pcap_source *s = &pp->in;
	struct capture_record none;
	size_t used, want;
	ssize_t ret = 0;
	char why[160];

	s->blocks = true; /* this thread may wait */
	while (s->filled - s->at < CAPTURE_MAGIC && (ret = pcap_source_fill(s)) > 0)
		;
	s->blocks = false;
	if (s->filled - s->at >= CAPTURE_MAGIC) {
		if (capture_next(r, s->buf + s->at, CAPTURE_MAGIC, &used, &want, &none) ==
		    CAPTURE_BAD)
			return refuse(pp, r->why);
		s->at += used;
	} else if (ret == PCAP_END) {
		if (s->filled == s->at && S_ISCHR(s->end.st.st_mode))
			return 0;
		capture_end(r, s->buf + s->at, s->filled - s->at);
		return refuse(pp, r->why);
	} else if (ret < 0) {
		return baton_err((int)-ret, "rx_pcap=%s cannot be read: %s", s->end.path,
				 strerror((int)-ret));
	}
	if (r->format != CAPTURE_PCAP || r->link == CAPTURE_LINK_ETHERNET)
		return 0;
	snprintf(why, sizeof(why), "holds %s packets (link type %u), not Ethernet",
		 capture_link_name(r->link), r->link);
	return baton_err(EBADMSG, "rx_pcap=%s %s: %s", s->end.path, why,
			 capture_link_help(r->link));
}

static int
open_capture(struct pcap_port *pp)
{
	int ret = pcap_end_open_rx(pp);

	if (ret < 0)
		return ret;
	if (pp->infinite && pp->in.end.kind != PCAP_FILE)
		return baton_err(EINVAL,
				 "infinite_rx=1 reads a capture over and over, and %s can be read "
				 "only once: name a regular file, or leave infinite_rx out",
				 pp->in.end.name);
	ret = pcap_source_open(&pp->in);
	if (ret < 0)
		return ret;
	pp->reader = malloc(sizeof(*pp->reader));
	if (!pp->reader)
		return baton_err(ENOMEM, "rx_pcap=%s: out of memory", pp->in.end.path);
	capture_begin(pp->reader);
	ret = read_header(pp);
	return ret < 0 || !pp->infinite ? ret : pcap_store_load(pp);
}

int
pcap_rx_open(struct pcap_port *pp)
{
	int ret = open_capture(pp);

	pp->frame = NULL;
	pp->ended = false;
	if (ret < 0)
		pcap_rx_close(pp);
	return ret;
}

void
pcap_rx_close(struct pcap_port *pp)
{
	pcap_source_close(&pp->in);
	pcap_store_free(&pp->store);
	free(pp->reader);
	pp->reader = NULL;
}

/* From the beginning, as far as there is one to go back to: a pipe goes on. */
int
pcap_rx_start(struct pcap_port *pp)
{
	const struct pcap_end *end = &pp->in.end;

	if (!end->path || !pp->used)
		return 0;
	if (end->number < 0 && (end->kind == PCAP_FILE || pp->ended)) {
		pcap_rx_close(pp);
		return pcap_rx_open(pp);
	}
	if (end->kind != PCAP_FILE)
		return 0;
	pcap_source_rewind(&pp->in);
	capture_begin(pp->reader);
	pp->store.next = 0;
	pp->frame = NULL;
	pp->ended = false;
	return 0;
}

/* ---- packets that are not received ---- */

static void
why_too_long(const struct pcap_port *pp, const struct baton_queue *q, uint32_t len, char *to,
	     size_t size)
{
	const uint32_t room = q->pool->view.data_len - q->pool->view.headroom;
	const uint32_t mtu = port_frame_max(pp->port.info.mtu);
	char pool[80];

	snprintf(pool, sizeof(pool), " since pool %s has %u", q->pool->name, q->pool->view.count);
	if (len > PCAP_MAX_FRAME)
		snprintf(to, size, "at most %u are read; `editcap -s %u` cuts it", PCAP_MAX_FRAME,
			 PCAP_MAX_FRAME);
	else if (pp->port.mtu_set && len > mtu)
		snprintf(to, size,
			 "MTU %u allows %u, with Ethernet header and two VLAN tags: a larger MTU "
			 "(--mtu=, up to %u) or none helps, or `editcap -s %u`, which cuts packets",
			 pp->port.info.mtu, mtu, pp->port.info.max_mtu, mtu);
	else
		snprintf(to, size,
			 "%u buffers of %u bytes, all that a packet may have%s, hold %u: buffers "
			 "of %u bytes (--mbuf-size=)%s help",
			 q->max_segs, room, q->max_segs < PCAP_MAX_SEGS ? pool : "", q->max_len,
			 (len + DMA_BATCH - 1) / DMA_BATCH + q->pool->view.headroom,
			 q->max_segs < PCAP_MAX_SEGS ? ", or more of them (--total-num-mbufs=),"
						     : "");
}

static BATON_COLD void
reject(struct pcap_port *pp, struct baton_queue *q, const struct capture_record *rec,
       uint64_t number)
{
	enum rx_error reason = rec->link != CAPTURE_LINK_ETHERNET ? RX_ERROR_LINK_TYPE
			       : rec->caplen < PCAP_MIN_FRAME     ? RX_ERROR_RUNT
								  : RX_ERROR_TOO_LONG;
	char why[320];

	queue_count_error(q, reason, 1);
	if (pp->reported & 1u << reason)
		return;
	pp->reported |= 1u << reason;
	if (rec->link == CAPTURE_LINK_UNKNOWN)
		snprintf(why, sizeof(why),
			 "its interface %u is not described in the capture, or is above the %u "
			 "that are kept",
			 rec->interface, CAPTURE_INTERFACES);
	else if (reason == RX_ERROR_LINK_TYPE)
		snprintf(why, sizeof(why),
			 "its interface %u has %s packets (link type %u), not Ethernet: %s",
			 rec->interface, capture_link_name(rec->link), rec->link,
			 capture_link_help(rec->link));
	else if (reason == RX_ERROR_RUNT)
		snprintf(why, sizeof(why),
			 "at least %u are an Ethernet packet; `editcap` can leave it out",
			 PCAP_MIN_FRAME);
	else
		why_too_long(pp, q, rec->caplen, why, sizeof(why));
	port_log(&pp->port, BATON_LOG_WARN,
		 "packet %llu of %s, of %u bytes, is not received: %s; further ones are only "
		 "counted (rx_q0_error_%s)",
		 (unsigned long long)number, pp->in.end.name, rec->caplen, why,
		 reason == RX_ERROR_RUNT       ? "runt"
		 : reason == RX_ERROR_TOO_LONG ? "too_long"
					       : "link_type");
}

/* ---- bursts ---- */

/* The capture has ended, or cannot be read on. */
static BATON_COLD void
end_capture(struct pcap_port *pp, struct baton_queue *q, bool damaged)
{
	if (damaged && !(pp->reported & 1u << RX_ERROR_DAMAGED)) {
		queue_count_error(q, RX_ERROR_DAMAGED, 1);
		pcap_rx_log_damage(pp);
	}
	if (!pp->infinite || !pp->reader->number) {
		pp->ended = true;
		return;
	}
	pcap_source_rewind(&pp->in);
	capture_begin(pp->reader);
}

/* The next record in memory. Return: its number. */
static inline uint64_t
stored(struct pcap_port *pp, struct baton_queue *q, struct capture_record *rec)
{
	struct pcap_store *s = &pp->store;
	const struct pcap_frame *f = &s->frames[s->next++];

	rec->data = s->bytes + f->at;
	rec->caplen = rec->len = f->len;
	rec->link = f->link;
	rec->interface = 0;
	if (s->next < s->n_frames)
		return s->next;
	s->next = 0;
	if (baton_unlikely(pp->damaged)) {
		pp->damaged = false;
		queue_count_error(q, RX_ERROR_DAMAGED, 1);
	}
	return s->n_frames;
}

/* Make a packet wait in pp->frame. Return: whether one does. */
static bool
fetch(struct pcap_port *pp, struct baton_queue *q)
{
	struct capture_record rec;

	for (unsigned i = 0; !pp->frame && !pp->ended && i < MAX_LOOK; i++) {
		uint64_t number = 0;
		int ret = 1;

		if (pp->store.frames)
			number = stored(pp, q, &rec);
		else
			ret = pcap_rx_next(pp, &rec);
		if (!ret)
			break;
		if (ret < 0) {
			end_capture(pp, q, ret != PCAP_END);
			break; /* once over the file is enough for a burst */
		}
		if (baton_unlikely(rec.link != CAPTURE_LINK_ETHERNET ||
				   rec.caplen < PCAP_MIN_FRAME || rec.caplen > q->max_len)) {
			reject(pp, q, &rec, number ? number : pp->reader->number);
			continue;
		}
		if (baton_unlikely(rec.caplen < rec.len))
			pcap_rx_note_truncated(pp, &rec);
		pp->frame = rec.data;
		pp->frame_len = rec.caplen;
	}
	return pp->frame;
}

/* Copy the next bytes of the waiting packet into the buffer, and make a token of it. */
static inline struct baton_token
fill(struct pcap_port *pp, const struct baton_pool_view *v, uint32_t buf, uint32_t *at)
{
	const uint32_t room = v->data_len - v->headroom, left = pp->frame_len - *at;
	const uint32_t len = left < room ? left : room;
	struct baton_token t = {
		.buf = buf,
		.off = v->headroom,
		.len = (uint16_t)len,
		.gen = dma_take(v, buf),
		.pool = v->index,
		.flags = left > room ? BATON_TOKEN_CONT : 0,
	};

	memcpy(dma_data(v, buf) + v->headroom, pp->frame + *at, len);
	*at += len;
	return t;
}

/* More buffers than a cache reserves at once. Return: false: there are not so many. */
static BATON_COLD bool
pop_many(struct dma_cache *c, uint32_t *bufs, unsigned n)
{
	unsigned have = 0;

	while (have < n) {
		unsigned want = n - have < DMA_BATCH ? n - have : DMA_BATCH;
		unsigned got = dma_cache_reserve(c, want);

		for (unsigned i = 0; i < got; i++)
			bufs[have++] = dma_cache_pop(c);
		if (got == want)
			continue;
		while (have) {
			dma_cache_room(c, 1);
			dma_cache_push(c, bufs[--have]);
		}
		return false;
	}
	return true;
}

static BATON_COLD bool
deliver_many(struct pcap_port *pp, struct baton_queue *q, struct baton_token *tokens, unsigned segs)
{
	uint32_t bufs[PCAP_MAX_SEGS], at = 0;

	if (!pop_many(q->cache, bufs, segs))
		return false;
	for (unsigned i = 0; i < segs; i++)
		tokens[i] = fill(pp, &q->views[q->pool->view.index], bufs[i], &at);
	pp->frame = NULL;
	return true;
}

/* Deliver the waiting packet in @segs buffers. Return: false: the pool has not so many now. */
static inline bool
deliver(struct pcap_port *pp, struct baton_queue *q, struct baton_token *tokens, unsigned segs)
{
	uint32_t at = 0;

	if (baton_unlikely(segs > DMA_BATCH))
		return deliver_many(pp, q, tokens, segs);
	if (dma_cache_reserve(q->cache, segs) < segs)
		return false;
	for (unsigned i = 0; i < segs; i++)
		tokens[i] = fill(pp, &q->views[q->pool->view.index], dma_cache_pop(q->cache), &at);
	pp->frame = NULL;
	return true;
}

int
pcap_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)q->port;
	const struct baton_pool_view *v = &q->pool->view;
	uint32_t room = v->data_len - v->headroom;
	unsigned done = 0, packets = 0;
	uint64_t bytes = 0;

	while (done < n && fetch(pp, q)) {
		unsigned segs = (pp->frame_len + room - 1) / room;
		uint32_t len = pp->frame_len;

		if (segs > n - done) {
			/* Few packets need so much: less is refused only when one comes. */
			if (!done)
				return baton_err(EINVAL,
						 "%s rxq %u: rx_burst with room for %u tokens, a "
						 "packet of %u waits; any may have %u",
						 q->port->name, q->index, n, segs, q->max_segs);
			break;
		}
		if (!deliver(pp, q, tokens + done, segs)) {
			queue_count(&q->stats.nobuf, 1);
			break;
		}
		packets++;
		bytes += len;
		done += segs;
	}
	dma_cache_settle(q->cache);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	return (int)done;
}
