/* SPDX-License-Identifier: BSD-3-Clause */
/* Made packets: for the mode txonly, and for tx_first. */
#include <stdio.h>
#include <string.h>

#include "packet.h"
#include "testpmd.h"

static unsigned
packet_len(const struct app *app)
{
	unsigned len = 0;

	for (unsigned i = 0; i < app->opt.n_txpkts; i++)
		len += app->opt.txpkts[i];
	return len;
}

/* From 198.18.0.1 to 198.18.0.2 (RFC 2544's range for benchmarks), UDP port 9 (discard). */
void
txonly_frame(const struct app *app, struct stream *s)
{
	static const uint8_t addresses[8] = { 198, 18, 0, 1, 198, 18, 0, 2 };
	unsigned len = packet_len(app);
	uint8_t *ip = s->frame + ETHER_HDR, *udp = ip + 20;

	memset(s->frame, 0, sizeof(s->frame));
	s->frame[0] = 0x02;
	s->frame[5] = (uint8_t)s->tx_port;
	memcpy(s->frame + 6, app->ports[s->tx_port].info.mac, 6);
	put16(s->frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, len - ETHER_HDR);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, addresses, 8);
	put16(ip + 10, ip_checksum(ip, 20));
	put16(udp, 9);
	put16(udp + 2, 9);
	put16(udp + 4, len - ETHER_HDR - 20); /* no UDP checksum: RFC 768 allows it */
}

bool
txonly_check(const struct app *app)
{
	struct baton_pool_info pool;
	unsigned len = packet_len(app);

	if (app->opt.mode != FWD_TXONLY && !app->opt.tx_first && app->opt.n_txpkts == 1 &&
	    len == 64)
		return true;
	baton_pool_info(app->pool, &pool);
	for (unsigned i = 0; i < app->opt.n_txpkts; i++)
		if (app->opt.txpkts[i] > pool.data_len - pool.headroom) {
			complain("--txpkts: a segment of %u bytes; a buffer has room for %u, see "
				 "--mbuf-size",
				 app->opt.txpkts[i], pool.data_len - pool.headroom);
			return false;
		}
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct baton_port_info *info = &app->ports[i].info;

		if (len > (unsigned)info->mtu + ETHER_HDR) {
			complain("--txpkts: packets of %u bytes; port %u takes %u, see --mtu", len,
				 i, info->mtu + ETHER_HDR);
			return false;
		}
		if (app->opt.n_txpkts > info->max_segs) {
			complain("--txpkts: %u segments; port %u takes %u a packet",
				 app->opt.n_txpkts, i, info->max_segs);
			return false;
		}
	}
	return true;
}

int
txonly_burst(struct lcore *lc, struct stream *s, unsigned packets)
{
	const struct options *opt = &lc->app->opt;
	unsigned segs = opt->n_txpkts, want, got, n;
	struct baton_token *tok = lc->tokens;
	int dropped;

	if (packets > MAX_TOKENS / segs)
		packets = MAX_TOKENS / segs;
	want = packets * segs;
	got = baton_alloc(lc->worker, lc->app->pool, tok, want);
	n = got - got % segs;
	if (n < got)
		baton_free(lc->worker, tok + n, got - n);
	if (!n) {
		/* All buffers are on their way out: see whether some are back. */
		baton_tx_clean(s->txq, 64);
		return 0;
	}
	for (unsigned i = 0; i < n; i += segs) {
		void *data;

		for (unsigned k = 0; k < segs; k++) {
			tok[i + k].len = opt->txpkts[k];
			tok[i + k].flags = k + 1 < segs ? BATON_TOKEN_CONT : 0;
		}
		data = baton_data(lc->worker, tok[i]);
		if (data)
			memcpy(data, s->frame, TXONLY_HDR);
	}
	dropped = forward_send(lc, s, tok, n);
	return dropped < 0 ? dropped : (int)(n / segs) - dropped;
}
