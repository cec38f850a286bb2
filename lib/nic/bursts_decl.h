/* SPDX-License-Identifier: BSD-3-Clause */
/* What nic/bursts.h makes for a driver: NIC_DECLARE_BURSTS(NAME) for its header. */
#ifndef BATON_NIC_BURSTS_DECL_H
#define BATON_NIC_BURSTS_DECL_H

#include "nic/nic.h"
#include "nic/rx.h"

typedef int nic_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

/* By mode: bits NIC_MODE_*. */
struct nic_bursts {
	nic_burst *rx[4], *rx_bounce[4];
	nic_burst *tx, *tx_bounce;
};

/** Set nq->mode and the queue's burst, by whether it has slots. */
static inline void
nic_choose_burst(struct nic_queue *nq, const struct nic_bursts *bursts, unsigned mode)
{
	nq->mode = (uint8_t)mode;
	if (nq->q.tx)
		nq->q.active_burst = nq->slots ? bursts->tx_bounce : bursts->tx;
	else
		nq->q.active_burst = (nq->slots ? bursts->rx_bounce : bursts->rx)[mode & 3];
}

/* The members of struct nic_ops that nic/bursts.h makes. */
#define NIC_BURST_OPS(NAME)                                                                        \
	.waiting = NAME(rx_waiting), .tx_clean = NAME(tx_clean), .peek = NAME(peek)

#define NIC_DECLARE_BURSTS(NAME)                                                                   \
	extern const struct nic_bursts NAME(bursts);                                               \
	/* Of struct nic_ops. */                                                                   \
	unsigned NAME(rx_waiting)(const struct nic_queue *nq);                                     \
	int NAME(peek)(const struct nic_queue *nq, struct baton_peek *peeks, unsigned n);          \
	int NAME(tx_clean)(struct nic_queue * nq, unsigned budget);                                \
	/* For vector loops of the driver. */                                                      \
	nic_burst NAME(rx_burst), NAME(rx_burst_segs), NAME(rx_burst_meta),                        \
		NAME(rx_burst_segs_meta), NAME(tx_burst);                                          \
	unsigned NAME(rx_plain)(struct nic_queue * nq, const struct baton_pool_view *v,            \
				struct baton_token *tokens, unsigned n, unsigned mode,             \
				struct rx_counts *r);                                              \
	int NAME(rx_rest)(struct nic_queue * nq, const struct baton_pool_view *v,                  \
			  struct baton_token *tokens, unsigned n, uint16_t end, unsigned mode,     \
			  struct rx_counts *r);                                                    \
	void NAME(rx_post)(struct nic_queue * nq, const struct baton_pool_view *v,                 \
			   struct dma_cache *c, unsigned n);                                       \
	unsigned NAME(tx_release)(struct nic_queue * nq, unsigned n);                              \
	unsigned NAME(tx_in_turn)(const struct nic_queue *nq, unsigned n);                         \
	unsigned NAME(tx_post)(struct nic_queue * nq, const struct baton_token *tokens,            \
			       unsigned n, uint64_t *bytes);                                       \
	int NAME(tx_chain)(struct nic_queue * nq, const struct baton_token *t, unsigned n,         \
			   bool first, uint64_t *bytes);                                           \
	int NAME(tx_any_order)(struct nic_queue * nq, unsigned n, unsigned freed)

#endif
