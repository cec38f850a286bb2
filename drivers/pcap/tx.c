/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Send into a file. When the file cannot be written any more (the disk is full), it is cut back to
 * the last complete burst, one error is logged, and every further packet is dropped and counted as
 * a TX error.
 */
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pcap_port.h"

int
pcap_tx_open(struct pcap_port *pp)
{
	pp->dead = pcap_open_dead(DLT_EN10MB, PCAP_MAX_FRAME);
	pp->scratch = malloc(PCAP_MAX_FRAME);
	if (!pp->dead || !pp->scratch) {
		pcap_tx_close(pp);
		return baton_err(ENOMEM, "tx_pcap=%s: out of memory", pp->tx_path);
	}
	pp->out = pcap_dump_open(pp->dead, pp->tx_path);
	if (!pp->out) {
		int ret = baton_err(EINVAL, "tx_pcap=%s cannot be written: %s", pp->tx_path,
				    pcap_geterr(pp->dead));

		pcap_tx_close(pp);
		return ret;
	}
	return 0;
}

/* Write the bursts so far to the file. Return: false if that fails, or failed before. */
static bool
flush(struct pcap_port *pp)
{
	FILE *file = pcap_dump_file(pp->out);

	if (pp->broken)
		return false;
	if (pcap_dump_flush(pp->out) == 0 && !ferror(file)) {
		pp->good = pcap_dump_ftell(pp->out);
		return true;
	}
	baton_log(pp->port.ctx, BATON_LOG_ERR,
		  "%s: %s cannot be written: %s; packets are dropped from here on", pp->port.name,
		  pp->tx_path, strerror(errno));
	pp->broken = 1;
	__fpurge(file);
	if (pp->good > 0 && ftruncate(fileno(file), pp->good) < 0)
		baton_log(pp->port.ctx, BATON_LOG_WARN, "%s: %s ends inside a packet",
			  pp->port.name, pp->tx_path);
	return false;
}

void
pcap_tx_flush(struct pcap_port *pp)
{
	if (pp->out)
		flush(pp);
}

void
pcap_tx_close(struct pcap_port *pp)
{
	pcap_tx_flush(pp);
	if (pp->out)
		pcap_dump_close(pp->out);
	if (pp->dead)
		pcap_close(pp->dead);
	free(pp->scratch);
	pp->out = NULL;
	pp->dead = NULL;
	pp->scratch = NULL;
}

static void
dump(struct pcap_port *pp, const struct baton_token *tokens, unsigned segs, uint32_t bytes,
     const struct timespec *ts)
{
	struct pcap_pkthdr hdr = {
		.ts = { .tv_sec = ts->tv_sec, .tv_usec = ts->tv_nsec / 1000 },
		.caplen = bytes,
		.len = bytes,
	};
	const struct baton_pool_view *views = pp->port.views;
	const uint8_t *data = dma_data(&views[tokens[0].pool], tokens[0].buf) + tokens[0].off;
	uint32_t at = 0;

	if (segs > 1) {
		for (unsigned i = 0; i < segs; i++) {
			const struct baton_pool_view *v = &views[tokens[i].pool];

			memcpy(pp->scratch + at, dma_data(v, tokens[i].buf) + tokens[i].off,
			       tokens[i].len);
			at += tokens[i].len;
		}
		data = pp->scratch;
	}
	pcap_dump((u_char *)pp->out, &hdr, data);
}

int
pcap_tx_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	struct pcap_port *pp = (struct pcap_port *)q->port;
	unsigned done = 0, packets = 0;
	uint64_t sum = 0;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	while (done < n) {
		uint32_t bytes;
		int segs = soft_give(q, tokens + done, n - done, !done, &bytes);

		if (baton_unlikely(segs < 0))
			return segs;
		if (baton_unlikely(!segs))
			break;
		if (pp->out && !pp->broken)
			dump(pp, tokens + done, (unsigned)segs, bytes, &ts);
		for (int i = 0; i < segs; i++)
			soft_done(q, tokens[done++]);
		packets++;
		sum += bytes;
	}
	if (packets && pp->out && !flush(pp)) {
		queue_count_error(q, TX_ERROR_WRITE, packets);
		return (int)done;
	}
	queue_count(&q->stats.packets, packets);
	queue_count(&q->stats.bytes, sum);
	return (int)done;
}
