/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All bursts of a driver, made from its codecs. One file of the driver includes this, after
 *
 *	#define NIC_RX	   example_rx		the codecs, struct rx_codec and tx_codec constants
 *	#define NIC_TX	   example_tx
 *	#define NIC_NAME(x) example_##x
 *
 * and NIC_NAME(bursts) is that of its struct nic_ops. If NIC_RX has describe(), NIC_INFO is
 *defined, too.
 */
#include "nic/bursts_decl.h"
#include "nic/peek.h"
#include "nic/rx_bounce.h"
#include "nic/tx_bounce.h"

NIC_DECLARE_BURSTS(NIC_NAME);

/* ---- RX ---- */

unsigned
NIC_NAME(rx_plain)(struct nic_queue *nq, const struct baton_pool_view *v,
		   struct baton_token *tokens, unsigned n, unsigned mode, struct rx_counts *r)
{
	switch (mode) {
	case 0:
		return nic_rx_plain(nq, v, tokens, n, 0, r, &NIC_RX);
	case NIC_MODE_SEGS:
		return nic_rx_plain(nq, v, tokens, n, NIC_MODE_SEGS, r, &NIC_RX);
	case NIC_MODE_META:
		return nic_rx_plain(nq, v, tokens, n, NIC_MODE_META, r, &NIC_RX);
#ifdef NIC_INFO
	case NIC_MODE_ALL:
		return nic_rx_plain(nq, v, tokens, n, NIC_MODE_ALL, r, &NIC_RX);
#endif
	default:
		return nic_rx_plain(nq, v, tokens, n, NIC_MODE_META | NIC_MODE_SEGS, r, &NIC_RX);
	}
}

int
NIC_NAME(rx_rest)(struct nic_queue *nq, const struct baton_pool_view *v, struct baton_token *tokens,
		  unsigned n, uint16_t end, unsigned mode, struct rx_counts *r)
{
	return nic_rx_rest(nq, v, tokens, n, end, mode, r, &NIC_RX);
}

void
NIC_NAME(rx_post)(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
		  unsigned n)
{
	nic_rx_post(nq, v, c, n, &NIC_RX);
}

static int __attribute__((noinline))
NIC_NAME(rx_bounce_some)(struct nic_queue *nq, const struct baton_pool_view *v,
			 struct baton_token *tokens, unsigned n, uint16_t published, unsigned mode,
			 struct rx_counts *r)
{
	return nic_rx_bounce_some(nq, v, tokens, n, published, mode, r, &NIC_RX);
}

static void __attribute__((noinline)) NIC_NAME(rx_post_slots)(struct nic_queue *nq, unsigned n)
{
	nic_rx_post_slots(nq, n, &NIC_RX);
}

static const struct rx_loops NIC_NAME(rx_loops) = {
	.post = NIC_NAME(rx_post),
	.plain = NIC_NAME(rx_plain),
	.rest = NIC_NAME(rx_rest),
};

static const struct rx_bounce_loops NIC_NAME(rx_bounce_loops) = {
	.some = NIC_NAME(rx_bounce_some),
	.post = NIC_NAME(rx_post_slots),
};

/* A burst for each mode, direct and bounced. */
#define NIC_RX_BURST(name, mode)                                                                   \
	int NIC_NAME(rx_burst##name)(struct baton_queue * q, struct baton_token * tokens,          \
				     unsigned n)                                                   \
	{                                                                                          \
		return nic_rx_burst(q, tokens, n, mode, &NIC_NAME(rx_loops), &NIC_RX);             \
	}                                                                                          \
	static int NIC_NAME(rx_bounce##name)(struct baton_queue * q, struct baton_token * tokens,  \
					     unsigned n)                                           \
	{                                                                                          \
		return nic_rx_bounce(q, tokens, n, mode, &NIC_NAME(rx_bounce_loops), &NIC_RX);     \
	}

NIC_RX_BURST(, 0)
NIC_RX_BURST(_segs, NIC_MODE_SEGS)
NIC_RX_BURST(_meta, NIC_MODE_META)
NIC_RX_BURST(_segs_meta, NIC_MODE_SEGS | NIC_MODE_META)
#ifdef NIC_INFO
static nic_burst NIC_NAME(rx_burst_info);
NIC_RX_BURST(_info, NIC_MODE_ALL)
#endif

static unsigned
NIC_NAME(rx_waiting)(const struct nic_queue *nq)
{
	return nic_rx_waiting(nq, nq->mode, &NIC_RX);
}

static int
NIC_NAME(peek)(const struct nic_queue *nq, struct baton_peek *peeks, unsigned n)
{
	return nic_peek(nq, peeks, n, nq->mode, &NIC_RX);
}

/* ---- TX ---- */

unsigned
NIC_NAME(tx_in_turn)(const struct nic_queue *nq, unsigned n)
{
	return NIC_TX.in_turn ? NIC_TX.in_turn(nq, n) : n;
}

/* This is not inlined: the loop needs every register. */
unsigned __attribute__((noinline))
NIC_NAME(tx_post)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
		  uint64_t *bytes)
{
	return nic_tx_post(nq, tokens, n, bytes, &NIC_TX);
}

int
NIC_NAME(tx_chain)(struct nic_queue *nq, const struct baton_token *t, unsigned n, bool first,
		   uint64_t *bytes)
{
	return nic_tx_chain(nq, t, n, first, bytes, &NIC_TX);
}

int
NIC_NAME(tx_any_order)(struct nic_queue *nq, unsigned n, unsigned freed)
{
	return NIC_TX.any_order ? nic_tx_any_order(nq, n, freed, &NIC_TX) : (int)freed;
}

unsigned
NIC_NAME(tx_release)(struct nic_queue *nq, unsigned n)
{
	return nic_tx_release(nq, n, &NIC_TX);
}

static const struct tx_loops NIC_NAME(tx_loops) = {
	.in_turn = NIC_NAME(tx_in_turn),
	.release = NIC_NAME(tx_release),
	.post = NIC_NAME(tx_post),
	.chain = NIC_NAME(tx_chain),
	.any_order = NIC_NAME(tx_any_order),
};

int
NIC_NAME(tx_burst)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return nic_tx_burst(q, tokens, n, &NIC_NAME(tx_loops), &NIC_TX);
}

/*
 * Also of bounced queues: nic_tx_release() takes nothing that is in slots, and such packets are
 * freed one by one.
 */
static int
NIC_NAME(tx_clean)(struct nic_queue *nq, unsigned budget)
{
	return nic_tx_reclaim(nq, budget, &NIC_NAME(tx_loops), &NIC_TX);
}

static unsigned __attribute__((noinline))
NIC_NAME(tx_copy_own)(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
		      const struct baton_token *tokens, unsigned n, uint64_t *bytes)
{
	return nic_tx_copy_plain(nq, v, c, tokens, n, bytes, NULL, &NIC_TX);
}

static unsigned __attribute__((noinline))
NIC_NAME(tx_copy_shared)(struct nic_queue *nq, const struct baton_pool_view *v, struct dma_cache *c,
			 const struct baton_token *tokens, unsigned n, uint64_t *bytes)
{
	return nic_tx_copy_shared(nq, v, c, tokens, n, bytes, &NIC_TX);
}

static void __attribute__((noinline))
NIC_NAME(tx_copy_each)(struct nic_queue *nq, const struct baton_pool_view *v,
		       const struct baton_token *t, unsigned n, nic_ends ends)
{
	if (baton_unlikely(nq->slot_of != NULL))
		nic_tx_copy_each(nq, v, t, n, ends, nq->slot_of, &NIC_TX);
	else
		nic_tx_copy_each(nq, v, t, n, ends, NULL, &NIC_TX);
}

static const struct tx_bounce_loops NIC_NAME(tx_copies) = {
	.own = NIC_NAME(tx_copy_own),
	.shared = NIC_NAME(tx_copy_shared),
	.direct = NIC_NAME(tx_post),
	.each = NIC_NAME(tx_copy_each),
	.chain = NIC_NAME(tx_chain),
};

static unsigned
NIC_NAME(tx_bounce_release)(struct nic_queue *nq, unsigned n)
{
	return nic_tx_bounce_release(nq, n, &NIC_TX);
}

static unsigned
NIC_NAME(tx_bounce_post)(struct nic_queue *nq, const struct baton_token *tokens, unsigned n,
			 uint64_t *bytes)
{
	return nic_tx_bounce_post(nq, tokens, n, bytes, &NIC_NAME(tx_copies));
}

static int
NIC_NAME(tx_bounce_chain)(struct nic_queue *nq, const struct baton_token *t, unsigned n, bool first,
			  uint64_t *bytes)
{
	return nic_tx_bounce_chain(nq, t, n, first, bytes, &NIC_NAME(tx_copies), &NIC_TX);
}

static int
NIC_NAME(tx_bounce)(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	static const struct tx_loops loops = {
		.in_turn = NIC_NAME(tx_in_turn),
		.release = NIC_NAME(tx_bounce_release),
		.release_chains = nic_tx_release_chains,
		.post = NIC_NAME(tx_bounce_post),
		.chain = NIC_NAME(tx_bounce_chain),
		.any_order = NIC_NAME(tx_any_order),
	};

	return nic_tx_bounce(q, tokens, n, &loops, &NIC_TX);
}

const struct nic_bursts NIC_NAME(bursts) = {
	.rx = { NIC_NAME(rx_burst), NIC_NAME(rx_burst_segs), NIC_NAME(rx_burst_meta),
		NIC_NAME(rx_burst_segs_meta) },
	.rx_bounce = { NIC_NAME(rx_bounce), NIC_NAME(rx_bounce_segs), NIC_NAME(rx_bounce_meta),
		       NIC_NAME(rx_bounce_segs_meta) },
#ifdef NIC_INFO
	.rx_info = NIC_NAME(rx_burst_info),
	.rx_info_bounce = NIC_NAME(rx_bounce_info),
#endif
	.tx = NIC_NAME(tx_burst),
	.tx_bounce = NIC_NAME(tx_bounce),
	.waiting = NIC_NAME(rx_waiting),
	.peek = NIC_NAME(peek),
	.tx_clean = NIC_NAME(tx_clean),
};
