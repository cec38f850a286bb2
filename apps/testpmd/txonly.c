/* SPDX-License-Identifier: BSD-3-Clause */
/* Made packets: those of mode txonly, of tx_first, and what flowgen shares with them. */
#include <stdio.h>
#include <string.h>

#include "made.h"

unsigned
made_len(const struct options *opt, bool flows)
{
	unsigned len = 0;

	for (unsigned i = 0; i < opt->n_txpkts; i++)
		len += opt->txpkts[i];
	return flows ? len - ETHER_CRC : len;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* No UDP checksum: RFC 768 allows it. */
void
made_headers(uint8_t frame[TXONLY_HDR], unsigned len, const uint32_t addresses[2],
	     const uint16_t ports[2])
{
	uint8_t *ip = frame + ETHER_HDR, *udp = ip + 20;

	memset(ip, 0, TXONLY_HDR - ETHER_HDR);
	put16(frame + 12, ETHERTYPE_IPV4);
	ip[0] = 0x45;
	put16(ip + 2, len - ETHER_HDR);
	ip[8] = 64;
	ip[9] = PROTO_UDP;
	put32(ip + 12, addresses[0]);
	put32(ip + 16, addresses[1]);
	put16(ip + 10, ip_checksum(ip, 20));
	put16(udp, ports[0]);
	put16(udp + 2, ports[1]);
	put16(udp + 4, len - ETHER_HDR - 20);
}

void
txonly_frame(const struct app *app, struct stream *s)
{
	const struct options *opt = &app->opt;

	peer_address(opt, s->tx_port, s->frame);
	memcpy(s->frame + 6, app->ports[s->tx_port].info.mac, 6);
	made_headers(s->frame, made_len(opt, false), opt->tx_ip, opt->tx_udp);
}

bool
txonly_given(const struct app *app)
{
	return app->opt.n_txpkts > 1 || app->opt.txpkts[0] != DEF_TXPKT;
}

bool
txonly_check(const struct app *app, bool tx_first)
{
	struct baton_pool_info pool;
	bool flows = app->opt.mode == FWD_FLOWGEN;
	unsigned len = made_len(&app->opt, false);

	if (!mode_sends(app->opt.mode) && !tx_first)
		return true;
	if (len < TXONLY_HDR + (flows ? ETHER_CRC : 0)) {
		complain("--txpkts: packets of %u bytes; %s takes %u at least", len,
			 flows ? "flowgen, whose packets are 4 bytes shorter," : "txonly",
			 TXONLY_HDR + (flows ? ETHER_CRC : 0));
		return false;
	}
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

		if (!app->ports[i].port)
			continue;
		if (info->max_len && len > info->max_len) {
			complain("--txpkts: packets of %u bytes; port %u takes %u%s", len, i,
				 info->max_len, app->opt.mtu ? ", see --mtu" : "");
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

unsigned
made_allocate(struct lcore *lc, unsigned packets, unsigned len, unsigned *segs)
{
	const struct options *opt = &lc->app->opt;
	struct baton_token *tok = lc->tokens;
	unsigned n = 0, left = len, got;
	uint16_t lens[MAX_TXSEGS];

	for (; left; n++) {
		lens[n] = opt->txpkts[n] < left ? opt->txpkts[n] : (uint16_t)left;
		left -= lens[n];
	}
	*segs = n;
	if (packets > MAX_TOKENS / n)
		packets = MAX_TOKENS / n;
	got = baton_alloc(lc->worker, lc->app->pool, tok, packets * n);
	if (got % n) {
		baton_free(lc->worker, tok + got - got % n, got % n);
		got -= got % n;
	}
	for (unsigned i = 0; i < got; i++) {
		unsigned k = i % n;

		tok[i].len = lens[k];
		tok[i].flags = k + 1 < n ? BATON_TOKEN_CONT : 0;
	}
	return got;
}

void
made_write(const struct lcore *lc, const struct baton_token *tok, unsigned segs,
	   const uint8_t frame[TXONLY_HDR])
{
	if (baton_likely(tok->len >= TXONLY_HDR)) {
		void *data = baton_data(lc->worker, *tok);

		if (data)
			memcpy(data, frame, TXONLY_HDR);
	} else {
		cursor_write((struct cursor){ lc->worker, tok, segs, 0 }, frame, TXONLY_HDR);
	}
}

/* --txonly-multi-flow: as in dpdk-testpmd every core sends from 256 addresses of its own. */
static void
next_source(struct lcore *lc, uint8_t *frame)
{
	uint8_t *ip = frame + ETHER_HDR;

	put32(ip + 12, (lc->app->opt.tx_ip[1] | (uint32_t)lc->next_source++ << 8) + lc->id.id);
	put16(ip + 10, ip_checksum(ip, 20));
}

int
txonly_burst(struct lcore *lc, struct stream *s, unsigned packets)
{
	const struct options *opt = &lc->app->opt;
	unsigned segs, n = made_allocate(lc, packets, made_len(opt, false), &segs);
	int dropped;

	if (!n) {
		/* All buffers are on their way out: see whether some are back. */
		baton_tx_clean(s->txq, 64);
		return 0;
	}
	for (unsigned i = 0; i < n; i += segs) {
		if (opt->multi_flow)
			next_source(lc, s->frame);
		made_write(lc, lc->tokens + i, segs, s->frame);
	}
	dropped = forward_send(lc, s, lc->tokens, n);
	return dropped < 0 ? dropped : (int)(n / segs) - dropped;
}
