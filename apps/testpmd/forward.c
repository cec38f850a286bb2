/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a forwarding core does: one loop per mode, which neither prints nor, unless it sleeps,
 * enters the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "testpmd.h"

#define REST      256   /* rounds before a stopped queue is looked at again */
#define IDLE_NS   64000 /* without a packet before a core sleeps */
#define IDLE_POLL 64    /* empty rounds between two looks at the clock */

BATON_COLD int
stream_fail(struct stream *s, int error, const char *what, const char *text)
{
	s->error = error;
	snprintf(s->error_text, sizeof(s->error_text), "%s", *text ? text : baton_last_error());
	__atomic_store_n(&s->failed, what, __ATOMIC_RELEASE);
	return error;
}

static unsigned
count_packets(const struct baton_token *tokens, unsigned n)
{
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i++)
		packets += !(tokens[i].flags & BATON_TOKEN_CONT);
	return packets;
}

static int
drop(struct lcore *lc, struct stream *s, const struct baton_token *tokens, unsigned n)
{
	unsigned packets = count_packets(tokens, n);
	int ret = n ? baton_free(lc->worker, tokens, n) : 0;

	store_relaxed(&s->counts.dropped, s->counts.dropped + packets);
	return ret < 0 ? stream_fail(s, ret, "free", "") : (int)packets;
}

static void
delay_us(unsigned us)
{
	uint64_t end = clock_ns() + us * 1000ull;

	while (clock_ns() < end)
		;
}

/* A refused token (-EPERM) is not ours to free; the others are. None of them is sent. */
static int
give_up(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned n, int error)
{
	unsigned refused = error == -EPERM;

	stream_fail(s, error, "tx_burst", baton_txq_error(s->txq));
	store_relaxed(&s->counts.dropped, s->counts.dropped + count_packets(tok, n));
	if (n > refused)
		baton_free(lc->worker, tok + refused, n - refused);
	return error;
}

/* Keep why the first packet was refused, for the main thread to print. */
static void
note_refused(struct lcore *lc, struct stream *s)
{
	if (s->refused)
		return;
	snprintf(s->refused_text, sizeof(s->refused_text), "%s", baton_last_error());
	__atomic_store_n(&s->refused, true, __ATOMIC_RELEASE);
	main_wake(lc->app);
}

/*
 * The ring did not take all: find out whether it is full, stopped, or a packet is bad; try again as
 * often as asked for; drop what is left.
 */
static BATON_COLD int
send_rest(struct lcore *lc, struct stream *s, struct baton_token *tok, unsigned n, int ret)
{
	const struct options *opt = &lc->app->opt;
	unsigned tries = opt->retry ? opt->retries : 0, done = 0;
	int dropped = 0, freed;

	for (;;) {
		if (ret == -EMSGSIZE || ret == -EINVAL || ret == -EFAULT) {
			unsigned segs = baton_packet_segs(tok + done, n - done);

			note_refused(lc, s);
			freed = drop(lc, s, tok + done, segs);
			if (freed < 0)
				return freed;
			dropped += freed;
			done += segs;
		} else if (ret > 0) {
			done += (unsigned)ret;
		} else if (ret == -ENETDOWN) {
			if (mode_sends(opt->mode))
				s->rest = REST;
			break;
		} else if (ret) {
			return give_up(lc, s, tok + done, n - done, ret);
		} else {
			if (!tries-- || load_relaxed(&lc->app->halt))
				break;
			delay_us(opt->retry_us);
		}
		if (done == n)
			return dropped;
		ret = baton_tx_burst(s->txq, tok + done, n - done);
	}
	freed = drop(lc, s, tok + done, n - done);
	return freed < 0 ? freed : dropped + freed;
}

static inline void
count_burst(struct burst_sizes *sizes, unsigned packets)
{
	uint64_t *n = &sizes->now[packets < MAX_BURST ? packets : MAX_BURST];

	store_relaxed(n, *n + 1);
}

static inline int
send(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	int ret;

	if (baton_unlikely(!s->txq))
		return drop(lc, s, tokens, n);
	if (baton_unlikely(s->tx_tags))
		tags_burst(lc, s, tokens, n);
	if (baton_unlikely(lc->verbose & VERBOSE_TX) && n)
		verbose_burst(lc, s->tx_port, s->queue, tokens, n, true);
	ret = baton_tx_burst(s->txq, tokens, n);
	if (baton_likely(ret == (int)n))
		return 0;
	return send_rest(lc, s, tokens, n, ret);
}

static BATON_COLD int
send_counted(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	unsigned packets = count_packets(tokens, n);
	int ret = send(lc, s, tokens, n);

	if (ret >= 0)
		count_burst(&s->bursts->tx, packets - (unsigned)ret);
	return ret;
}

int
forward_send(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	return baton_unlikely(s->bursts != NULL) ? send_counted(lc, s, tokens, n)
						 : send(lc, s, tokens, n);
}

static inline void
swap_macs(struct lcore *lc, struct baton_token *tokens, unsigned n)
{
	bool first = true; /* of its packet: only there are addresses */

	for (unsigned i = 0; i < n; i++) {
		if (first && baton_likely(tokens[i].len >= 12)) {
			uint8_t *p = baton_data(lc->worker, tokens[i]), tmp[6];

			if (baton_likely(p != NULL)) {
				memcpy(tmp, p, 6);
				memcpy(p, p + 6, 6);
				memcpy(p + 6, tmp, 6);
			}
		} else if (first) {
			macswap_split(lc, tokens + i, n - i);
		}
		first = !(tokens[i].flags & BATON_TOKEN_CONT);
	}
}

/* --stop-after: all cores end when they have received as many together. */
static void
count_received(struct lcore *lc, unsigned n)
{
	struct app *app = lc->app;
	unsigned packets = count_packets(lc->tokens, n);
	uint64_t had = __atomic_fetch_add(&app->received, packets, __ATOMIC_RELAXED);

	if (had + packets >= app->opt.stop_after)
		forward_halt(app, HALT_STOP);
}

/*
 * Nothing was received, or less than nothing. Return: 0; negative when the stream is not to be
 * served again.
 */
static BATON_COLD int
not_received(struct lcore *lc, struct stream *s, int ret)
{
	if (ret == -ENETDOWN) {
		s->rest = REST;
		return 0;
	}
	if (ret == -EINVAL && lc->room < lc->max_room) {
		/* A packet of this port may be longer than the burst that was asked for. */
		lc->room = lc->max_room;
		return 0;
	}
	return stream_fail(s, ret, "rx_burst", baton_rxq_error(s->rxq));
}

static int
send_made(struct lcore *lc, struct stream *s, enum fwd_mode mode, bool limit)
{
	unsigned burst = lc->app->opt.burst;
	unsigned packets = limit && s->quota < burst ? (unsigned)s->quota : burst;
	int n = mode == FWD_TXONLY ? txonly_burst(lc, s, packets) : flowgen_burst(lc, s, packets);

	if (baton_unlikely(n < 0))
		return n;
	if (limit && !(s->quota -= (unsigned)n))
		return -1;
	return 1;
}

/* Return: negative: the stream is not to be served again. */
static inline __attribute__((always_inline)) int
handle(struct lcore *lc, struct stream *s, enum fwd_mode mode, unsigned n)
{
	struct baton_token *tok = lc->tokens;
	int ret;

	switch (mode) {
	case FWD_RXONLY:
		ret = baton_free(lc->worker, tok, n);
		return baton_unlikely(ret < 0) ? stream_fail(s, ret, "free", "") : 0;
	case FWD_ICMPECHO:
		ret = icmpecho_burst(lc, s, tok, n);
		return ret > 0 ? forward_send(lc, s, tok, (unsigned)ret) : ret;
	case FWD_MAC:
		mac_burst(lc, s, tok, n);
		break;
	case FWD_MACSWAP:
		swap_macs(lc, tok, n);
		break;
	case FWD_5TSWAP:
		fivetuple_burst(lc, tok, n);
		break;
	case FWD_CSUM:
		csum_burst(lc, s, tok, n);
		break;
	default:
		break;
	}
	return forward_send(lc, s, tok, n);
}

/*
 * One burst of a stream. Return: whether there was something; negative: the stream is not to be
 * served again.
 */
static inline __attribute__((always_inline)) int
forward_once(struct lcore *lc, struct stream *s, enum fwd_mode mode, bool cycles, bool limit)
{
	uint64_t begin = cycles ? cycles_now() : 0;
	int ret;

	if (baton_unlikely(s->rest)) {
		s->rest--;
		return 0;
	}
	if (mode == FWD_TXONLY || mode == FWD_FLOWGEN) {
		ret = send_made(lc, s, mode, limit);
	} else {
		int n = baton_rx_burst(s->rxq, lc->tokens, lc->room);

		if (baton_unlikely(s->bursts != NULL) && n >= 0)
			count_burst(&s->bursts->rx, count_packets(lc->tokens, (unsigned)n));
		if (n <= 0)
			return baton_likely(!n) ? 0 : not_received(lc, s, n);
		if (baton_unlikely(lc->verbose & VERBOSE_RX))
			verbose_burst(lc, s->rx_port, s->queue, lc->tokens, (unsigned)n, false);
		if (limit)
			count_received(lc, (unsigned)n);
		ret = handle(lc, s, mode, (unsigned)n);
	}
	if (cycles)
		store_relaxed(&lc->cycles, lc->cycles + cycles_now() - begin);
	return ret < 0 ? ret : 1;
}

/* The stream is served no more. */
static BATON_COLD void
retire(struct lcore *lc, unsigned i)
{
	struct stream *ended = lc->streams[i];

	lc->streams[i] = lc->streams[--lc->n_live];
	lc->streams[lc->n_live] = ended;
	main_wake(lc->app);
}

struct idle {
	unsigned rounds; /* without a packet, one after the other */
	uint64_t since;
};

/* One more round without a packet: sleep after enough of them. */
static void
idle_round(struct lcore *lc, struct idle *idle)
{
	uint64_t now;

	if (++idle->rounds % IDLE_POLL)
		return;
	now = clock_ns();
	if (!idle->since)
		idle->since = now;
	if (now - idle->since < IDLE_NS)
		return;
	sleep_until_woken(lc);
	*idle = (struct idle){ 0 };
}

static inline __attribute__((always_inline)) void
loop(struct lcore *lc, enum fwd_mode mode)
{
	const struct options *opt = &lc->app->opt;
	const bool cycles = opt->record_cycles, limit = opt->stop_after, sleeps = opt->sleep_idle;
	struct idle idle = { 0 };

	while (!load_relaxed(&lc->app->halt) && lc->n_live) {
		int any = 0;

		for (unsigned i = 0; i < lc->n_live; i++) {
			int ret = forward_once(lc, lc->streams[i], mode, cycles, limit);

			if (baton_unlikely(ret < 0))
				retire(lc, i);
			any |= ret;
		}
		if (!sleeps)
			continue;
		if (any)
			idle = (struct idle){ 0 };
		else
			idle_round(lc, &idle);
	}
}

void
forward_loop(struct lcore *lc)
{
	switch (lc->app->opt.mode) {
	case FWD_MAC:
		loop(lc, FWD_MAC);
		break;
	case FWD_MACSWAP:
		loop(lc, FWD_MACSWAP);
		break;
	case FWD_FLOWGEN:
		loop(lc, FWD_FLOWGEN);
		break;
	case FWD_5TSWAP:
		loop(lc, FWD_5TSWAP);
		break;
	case FWD_RXONLY:
		loop(lc, FWD_RXONLY);
		break;
	case FWD_TXONLY:
		loop(lc, FWD_TXONLY);
		break;
	case FWD_CSUM:
		loop(lc, FWD_CSUM);
		break;
	case FWD_ICMPECHO:
		loop(lc, FWD_ICMPECHO);
		break;
	default:
		loop(lc, FWD_IO);
		break;
	}
}
