/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nic/bursts.h makes for a driver, for a driver whose struct nic_ops or vector loops are in
 * another file than that: NIC_DECLARE_BURSTS(NAME) in its header.
 */
#ifndef BATON_NIC_BURSTS_DECL_H
#define BATON_NIC_BURSTS_DECL_H

#include "nic/nic.h"
#include "nic/rx.h"

#define NIC_DECLARE_BURSTS(NAME)                                                                   \
	extern const struct nic_bursts NAME(bursts);                                               \
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
