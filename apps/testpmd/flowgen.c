/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mode flowgen: sends UDP packets of --flowgen-flows flows, which differ in their destination, and
 * drops what it receives. dpdk-testpmd's addresses, ports and order.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "made.h"

#define FLOW_SRC 0x0afe0000u /* 10.254.0.0 */
#define FLOW_DST 0x0afd0000u /* 10.253.0.0, and one more for each flow */

void
flowgen_begin(const struct app *app)
{
	for (unsigned i = 0; i < app->n_streams; i++)
		if (!app->streams[i].queue)
			printf("  number of flows for port %u: %u\n", app->streams[i].tx_port,
			       app->opt.flows);
}

/* What flows carry is zeros, whatever the buffer held before. */
static void
clear_payload(const struct lcore *lc, const struct baton_token *tok, unsigned segs)
{
	unsigned at = TXONLY_HDR;

	for (unsigned i = 0; i < segs; i++) {
		uint8_t *p = baton_data(lc->worker, tok[i]);
		unsigned skip = at < tok[i].len ? at : tok[i].len;

		if (p)
			memset(p + skip, 0, tok[i].len - skip);
		at -= skip;
	}
}

/* Fill @n tokens; a flow's packet goes out 1 + --flowgen-clones times. Return: the next flow. */
static unsigned
make_flows(const struct lcore *lc, unsigned n, unsigned segs, unsigned len)
{
	static const uint16_t ports[2] = { 1000, 1001 };
	const struct options *opt = &lc->app->opt;
	uint8_t frame[TXONLY_HDR] = { 0, 1, 2, 3, 4, 1, 0, 1, 2, 3, 4, 0 };
	unsigned flow = lc->next_flow, clones = 0;

	for (unsigned i = 0; i < n; i += segs) {
		if (i && clones) {
			clones--;
		} else {
			clones = opt->flow_clones < opt->burst ? opt->flow_clones : opt->burst;
			made_headers(frame, len, (uint32_t[2]){ FLOW_SRC, FLOW_DST + flow }, ports);
		}
		made_write(lc, lc->tokens + i, segs, frame);
		clear_payload(lc, lc->tokens + i, segs);
		if (++flow >= opt->flows)
			flow = 0;
	}
	return flow;
}

/* What the port receives is counted, and dropped. Return: negative: the stream has failed. */
static int
drop_received(struct lcore *lc, struct stream *s)
{
	int n = baton_rx_burst(s->rxq, lc->tokens, lc->room);

	if (n == -ENETDOWN) /* a stopped RX queue does not keep flows from being sent */
		return 0;
	if (n == -EINVAL && lc->room < lc->max_room) {
		lc->room = lc->max_room;
		return 0;
	}
	if (n < 0)
		return stream_fail(s, n, "rx_burst", baton_rxq_error(s->rxq));
	if (n && lc->verbose & VERBOSE_RX)
		verbose_burst(lc, s->rx_port, s->queue, lc->tokens, (unsigned)n, false);
	n = n ? baton_free(lc->worker, lc->tokens, (unsigned)n) : 0;
	return n < 0 ? stream_fail(s, n, "free", "") : 0;
}

int
flowgen_burst(struct lcore *lc, struct stream *s, unsigned packets)
{
	const struct options *opt = &lc->app->opt;
	unsigned len = made_len(opt, true), segs, n;
	int ret = s->rxq ? drop_received(lc, s) : 0;

	if (ret < 0)
		return ret;
	n = made_allocate(lc, packets, len, &segs);
	if (!n) {
		baton_tx_clean(s->txq, 64);
		return 0;
	}
	lc->next_flow = make_flows(lc, n, segs, len);
	ret = forward_send(lc, s, lc->tokens, n);
	if (ret < 0)
		return ret;
	/* A flow that was not sent is the next again. */
	lc->next_flow = (lc->next_flow + opt->flows - (unsigned)ret % opt->flows) % opt->flows;
	return (int)(n / segs) - ret;
}
