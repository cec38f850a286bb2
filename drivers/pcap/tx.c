/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send into a capture. When it cannot be written any more (the disk is full, the reader of a pipe
 * has ended), a file is cut back to the last complete packet, one error is logged, and every
 * further packet is dropped and counted as a TX error. A pipe that is full is like a full ring.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pcap_port.h"

#define NS_PER_MS 1000000ull

int
pcap_tx_open(struct pcap_port *pp)
{
	int ret = pcap_end_open_tx(pp);

	return ret < 0 ? ret : pcap_sink_open(&pp->out);
}

static BATON_COLD void
report_broken(struct pcap_port *pp, int error)
{
	const struct pcap_sink *s = &pp->out;
	const char *help = error == EPIPE   ? " (its reader has ended)"
			   : error == EFBIG ? " (`ulimit -f` or the file system limits it)"
					    : "";

	port_log(&pp->port, BATON_LOG_ERR,
		 "%s cannot be written: %s%s; packets are dropped from here on", s->end.name,
		 strerror(error), help);
	if (s->end.kind == PCAP_FILE && ftruncate(s->end.fd, s->good) < 0)
		port_log(&pp->port, BATON_LOG_WARN, "%s ends inside a packet: %s", s->end.name,
			 strerror(errno));
}

/* What one burst did. */
struct sent {
	unsigned packets; /* put into the sink */
	unsigned lost;
	uint64_t bytes;
};

/* Nothing can be written any more, since just now: what the sink still has is lost. */
static BATON_COLD void
broke(struct pcap_port *pp, struct baton_queue *q, struct sent *sent, int error)
{
	uint64_t bytes;
	unsigned lost = pcap_sink_drop(&pp->out, true, sent->packets, &bytes);
	unsigned of_burst = lost < sent->packets ? lost : sent->packets;

	sent->packets -= of_burst;
	sent->bytes -= bytes;
	sent->lost += of_burst;
	queue_count(&q->stats.discarded, lost - of_burst);
	report_broken(pp, error);
}

static void
copy(struct pcap_port *pp, const struct baton_token *tokens, unsigned segs, uint32_t bytes,
     const struct timespec *ts)
{
	const struct baton_pool_view *views = pp->port.views;
	uint8_t *to = pcap_sink_append(&pp->out, bytes, ts);

	for (unsigned i = 0; i < segs; i++) {
		const struct baton_pool_view *v = &views[tokens[i].pool];

		memcpy(to, dma_data(v, tokens[i].buf) + tokens[i].off, tokens[i].len);
		to += tokens[i].len;
	}
}

static void
flush(struct pcap_port *pp, struct baton_queue *q, struct sent *sent)
{
	int ret = pp->out.broken ? 0 : pcap_sink_flush(&pp->out);

	if (baton_unlikely(ret < 0))
		broke(pp, q, sent, -ret);
}

/* Whether the sink can take the longest packet, or is broken, so that it takes, and loses, any. */
static bool
takes(struct pcap_port *pp, struct baton_queue *q, struct sent *sent)
{
	struct pcap_sink *s = &pp->out;

	if (baton_likely(s->broken || pcap_sink_room(s, q->max_len)))
		return true;
	flush(pp, q, sent);
	return s->broken || pcap_sink_room(s, q->max_len);
}

/* A port that only receives: what is sent is gone. */
int
pcap_tx_nowhere(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	unsigned done = 0, packets = 0;
	uint64_t sum = 0;

	while (done < n) {
		uint32_t bytes;
		int segs = soft_give(q, tokens + done, n - done, !done, &bytes);

		if (baton_unlikely(segs < 0))
			return segs;
		if (baton_unlikely(!segs))
			break;
		for (int i = 0; i < segs; i++)
			soft_done(q, tokens[done++]);
		packets++;
		sum += bytes;
	}
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, sum);
	return (int)done;
}

int
pcap_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)q->port;
	struct sent sent = { 0 };
	unsigned done = 0;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	while (done < n) {
		uint32_t bytes;
		int segs;

		if (baton_unlikely(!takes(pp, q, &sent))) {
			queue_full(q, tokens + done, n - done);
			break;
		}
		segs = soft_give(q, tokens + done, n - done, !done, &bytes);
		if (baton_unlikely(segs < 0))
			return segs;
		if (baton_unlikely(!segs))
			break;
		if (baton_likely(!pp->out.broken)) {
			copy(pp, tokens + done, (unsigned)segs, bytes, &ts);
			sent.packets++;
			sent.bytes += bytes;
		} else {
			sent.lost++;
		}
		for (int i = 0; i < segs; i++)
			soft_done(q, tokens[done++]);
	}
	flush(pp, q, &sent);
	queue_count(&q->stats.packets, sent.packets);
	queue_count(&q->stats.bytes, sent.bytes);
	queue_count_error(q, TX_ERROR_WRITE, sent.lost);
	return (int)done;
}

int
pcap_tx_start(struct pcap_port *pp)
{
	return !pp->out.end.path || pp->out.began ? 0 : pcap_sink_begin(&pp->out);
}

/* Packets that were lost are counted; a capture that has not even its header has no packet to tell.
 */
static int
check_header(const struct pcap_port *pp)
{
	const struct pcap_sink *s = &pp->out;

	if (!s->buf || !s->began || !s->broken || s->good)
		return 0;
	return baton_err(EIO, "tx_pcap=%s is no capture: not even its header could be written",
			 s->end.path);
}

static void
drain(struct pcap_port *pp)
{
	struct baton_queue *q = pp->port.txq[0];
	struct pcap_sink *s = &pp->out;
	struct sent none = { 0 };
	uint64_t bytes;
	unsigned dropped;
	int ret;

	if (!s->buf || !s->began || s->broken)
		return;
	ret = pcap_sink_drain(s, ctx_now_ns() + pp->port.stop_timeout_ms * NS_PER_MS);
	if (ret < 0) {
		broke(pp, q, &none, -ret);
		return;
	}
	dropped = pcap_sink_drop(s, false, 0, &bytes);
	if (!dropped)
		return;
	queue_count(&q->stats.discarded, dropped);
	port_log(&pp->port, BATON_LOG_WARN,
		 "%u packets are dropped, since the reader of %s did not take them within %u ms "
		 "(tx_q0_discarded)",
		 dropped, s->end.name, pp->port.stop_timeout_ms);
}

int
pcap_tx_stop(struct pcap_port *pp)
{
	drain(pp);
	return check_header(pp);
}

void
pcap_tx_close(struct pcap_port *pp)
{
	const struct pcap_sink *s = &pp->out;

	if (s->buf && s->part && s->part_is_record)
		port_log(&pp->port, BATON_LOG_WARN, "%s ends inside a packet", s->end.name);
	pcap_sink_close(&pp->out);
}
