/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a file. The file may be cut short or damaged anywhere: the packets before that place
 * are delivered, then one warning names the packet, and nothing more is received.
 */
#include <stdlib.h>
#include <string.h>

#include "pcap_port.h"

#define MAX_STORE ((size_t)1 << 30)

/* Read the next packet of the file. Return: false at the end of the file, or at damage. */
static bool
next_of_file(struct pcap_port *pp, const uint8_t **frame, uint32_t *len)
{
	struct pcap_pkthdr *hdr;
	int ret = pcap_next_ex(pp->in, &hdr, frame);

	if (ret == 1) {
		pp->number++;
		*len = hdr->caplen;
		return true;
	}
	if (ret != PCAP_ERROR_BREAK)
		baton_log(pp->port.ctx, BATON_LOG_WARN,
			  "%s: %s cannot be read beyond packet %llu: %s; no more is received from "
			  "it",
			  pp->port.name, pp->rx_path, (unsigned long long)pp->number,
			  pcap_geterr(pp->in));
	return false;
}

/* Make room for @need elements, by doubling. */
static bool
grow(void **array, size_t *cap, size_t need, size_t size)
{
	size_t to = *cap ? *cap : 1024;
	void *p;

	while (to < need)
		to *= 2;
	if (to == *cap)
		return true;
	p = reallocarray(*array, to, size);
	if (!p)
		return false;
	*array = p;
	*cap = to;
	return true;
}

static int
store_frame(struct pcap_port *pp, const uint8_t *frame, uint32_t len)
{
	struct pcap_store *s = &pp->store;
	void *bytes = s->bytes, *frames = s->frames;
	bool ok;

	if (s->n_bytes + len > MAX_STORE)
		return baton_err(EFBIG,
				 "%s: infinite_rx=1 keeps the file in memory, at most %zu MiB of "
				 "it",
				 pp->rx_path, MAX_STORE >> 20);
	ok = grow(&bytes, &s->cap_bytes, s->n_bytes + len, 1);
	s->bytes = bytes;
	ok = ok && grow(&frames, &s->cap_frames, s->n_frames + 1, sizeof(*s->frames));
	s->frames = frames;
	if (!ok)
		return baton_err(ENOMEM, "%s: out of memory", pp->rx_path);
	memcpy(s->bytes + s->n_bytes, frame, len);
	s->frames[s->n_frames++] = (struct pcap_frame){ s->n_bytes, len };
	s->n_bytes += len;
	return 0;
}

static int
load(struct pcap_port *pp)
{
	const uint8_t *frame;
	uint32_t len;
	int ret;

	while (next_of_file(pp, &frame, &len)) {
		ret = store_frame(pp, frame, len);
		if (ret < 0)
			return ret;
	}
	if (!pp->store.n_frames)
		return baton_err(EINVAL, "%s has no packet to receive for ever", pp->rx_path);
	return 0;
}

int
pcap_rx_open(struct pcap_port *pp)
{
	char err[PCAP_ERRBUF_SIZE];
	int type, ret;

	pp->number = 0;
	pp->frame = NULL;
	pp->ended = 0;
	pp->store.next = 0;
	pp->in = pcap_open_offline(pp->rx_path, err);
	if (!pp->in)
		return baton_err(EINVAL, "rx_pcap=%s cannot be read: %s%s", pp->rx_path, err,
				 errno == EMFILE ? "; raise `ulimit -n`" : "");
	type = pcap_datalink(pp->in);
	if (type != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(type);

		ret = baton_err(EINVAL, "rx_pcap=%s holds %s packets, not Ethernet", pp->rx_path,
				name ? name : "unknown");
		pcap_rx_close(pp);
		return ret;
	}
	if (!pp->infinite)
		return 0;
	ret = load(pp);
	if (ret < 0) {
		pcap_rx_close(pp);
		return ret;
	}
	pcap_close(pp->in);
	pp->in = NULL;
	return 0;
}

void
pcap_rx_close(struct pcap_port *pp)
{
	if (pp->in)
		pcap_close(pp->in);
	free(pp->store.bytes);
	free(pp->store.frames);
	pp->in = NULL;
	pp->store = (struct pcap_store){ 0 };
}

/* Make a packet wait in pp->frame, and drop packets that no wire would carry. */
static bool
fetch(struct pcap_port *pp, struct baton_queue *q)
{
	struct pcap_store *s = &pp->store;

	while (!pp->frame && !pp->ended) {
		const uint8_t *frame;
		uint32_t len;

		if (pp->infinite) {
			frame = s->bytes + s->frames[s->next].at;
			len = s->frames[s->next].len;
			s->next = s->next + 1 < s->n_frames ? s->next + 1 : 0;
		} else if (!next_of_file(pp, &frame, &len)) {
			pp->ended = 1;
			break;
		}
		if (len >= PCAP_MIN_FRAME && len <= q->max_len) {
			pp->frame = frame;
			pp->frame_len = len;
			break;
		}
		queue_count_error(q, len < PCAP_MIN_FRAME ? RX_ERROR_RUNT : RX_ERROR_TOO_LONG, 1);
		if (pp->infinite && !s->next)
			break; /* one pass over the file is enough for a burst, even if all packets
				  are bad */
	}
	return pp->frame;
}

/* Copy the waiting packet into @segs buffers of the worker's cache. */
static void
deliver(struct pcap_port *pp, struct baton_queue *q, struct baton_token *tokens, unsigned segs)
{
	const struct baton_pool_view *v = &q->views[q->pool->view.index];
	uint32_t room = v->data_len - v->headroom, at = 0;
	struct dma_cache *c = q->cache;

	for (unsigned i = 0; i < segs; i++) {
		uint32_t buf = dma_cache_pop(c), left = pp->frame_len - at;
		uint32_t len = left < room ? left : room;

		tokens[i] = (struct baton_token){
			.buf = buf,
			.off = v->headroom,
			.len = (uint16_t)len,
			.gen = dma_take(v, buf),
			.pool = v->index,
			.flags = i + 1 < segs ? BATON_TOKEN_CONT : 0,
		};
		memcpy(dma_data(v, buf) + v->headroom, pp->frame + at, len);
		at += len;
	}
	pp->frame = NULL;
}

int
pcap_rx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)q->port;
	const struct baton_pool_view *v = &q->pool->view;
	uint32_t room = v->data_len - v->headroom;
	unsigned done = 0, packets = 0;
	uint64_t bytes = 0;

	if (baton_unlikely(n < q->max_segs))
		return baton_err(EINVAL,
				 "%s rxq %u: rx_burst with room for %u tokens, a packet may have "
				 "%u",
				 q->port->name, q->index, n, q->max_segs);
	while (done < n && fetch(pp, q)) {
		unsigned segs = (pp->frame_len + room - 1) / room;

		if (segs > n - done)
			break;
		if (dma_cache_reserve(q->cache, segs) < segs) {
			queue_count(&q->stats.nobuf, 1);
			break;
		}
		packets++;
		bytes += pp->frame_len;
		deliver(pp, q, tokens + done, segs);
		done += segs;
	}
	dma_cache_settle(q->cache);
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, bytes);
	return (int)done;
}
