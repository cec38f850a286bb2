/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one port's device can reach, and the memory it was given: control memory, slots, pools.
 *
 * A driver declares the device's limits when the port is opened, and its transport names the
 * address space. At start it takes control memory for its rings, then has the pools decided on
 * (dma_reach_pools()) and, where that says bounce, slots made. Whatever a device touches beside
 * packet buffers comes from baton_ctrl_alloc(); so all that is mapped for a port is listed here.
 */
#ifndef BATON_DMA_REACH_H
#define BATON_DMA_REACH_H

#include <baton/reach.h>

#include "dma/pool.h"
#include "dma/slots.h"

struct dma_map;

/* A run of memory of the port's own that its device sees. */
struct dma_block {
	struct dma_block *next;
	struct baton_arena *arena;
	struct baton_mapping *mapping;
	const char *name;
	uint8_t *base;
	size_t bytes, used;
	uint64_t iova;
	bool read_only; /* for the device */
};

struct dma_reach {
	/* The device's, declared by its driver in open(); 0: not declared. */
	uint8_t device_ring_bits, device_data_bits;
	bool local; /* the device is a program of this machine: it sees what is passed to it, also
		       in a confidential guest */
	bool can_bounce; /* the driver's bursts know slots: else no view is bounced */
	/* The user's. */
	enum baton_bounce bounce;
	bool confine;
	uint8_t ring_bits, data_bits; /* 0: the device's */
	struct baton_iova_range *windows;
	unsigned n_windows;

	bool committed; /* something was mapped under all this */
	bool logged;    /* the log has what was decided */
	struct baton_ctx *ctx;
	const char *name;        /* the port's */
	struct baton_ioas *ioas; /* where its device is; the transport's to set */
	uint64_t page;           /* of control memory; 0: 4 KiB */
	int node;                /* where it should lie */

	struct dma_block *ctrl;            /* newest first */
	struct dma_block *rx_mem, *tx_mem; /* the slots'; NULL: nothing is bounced */
	struct dma_slots rx, tx;
	struct dma_map *maps[BATON_MAX_POOLS];
	struct {
		uint8_t known; /* there was such a pool at the last start */
		uint8_t reach; /* enum baton_reach */
		char name[32];
		uint64_t iova, bytes;
		char why[176];
	} pools[BATON_MAX_POOLS];
	struct dma_quarantine *quarantines; /* buffers and memory that a device has not let go */
};

/* ---- what the user asked for ---- */

/** Take over a configuration. Return: 0; -EINVAL, -ENOMEM: nothing has changed. */
int dma_reach_set(struct dma_reach *r, const struct baton_reach_config *config);

/** What is asked for now; its windows are r's own. */
void dma_reach_get(const struct dma_reach *r, struct baton_reach_config *config);

/**
 * Are the device's limits declared, has the address space anything below them, and can the driver
 * copy if it must?
 *
 * Return: 0; -EINVAL; -ENOSPC with both numbers; -ENOTSUP.
 */
int dma_reach_check(const struct dma_reach *r);

/** Does the port need an address space of its own? */
static inline bool
dma_reach_own_space(const struct dma_reach *r)
{
	return r->confine || r->n_windows;
}

/** Is it certain, before anything is mapped, that packets are copied? */
bool dma_reach_bounces(const struct dma_reach *r);

/** May the device see nothing but shared memory of a confidential guest? */
bool dma_reach_shared_only(const struct dma_reach *r);

/** The highest address of control memory, or of packets. */
uint64_t dma_ring_limit(const struct dma_reach *r);
uint64_t dma_data_limit(const struct dma_reach *r);

/* ---- memory for the device; control thread ---- */

struct baton_ctrl {
	void *va; /* zeroed */
	uint64_t iova;
	size_t bytes;
};

/**
 * Memory for whatever a device touches that is no packet: rings, control blocks, statistics,
 * mailboxes. Below the ring limit.
 *
 * Return: 0; what baton_ioas_map() and baton_arena_create() return.
 */
int baton_ctrl_alloc(struct dma_reach *r, size_t bytes, size_t align, struct baton_ctrl *out);

/**
 * Decide on every pool of the context, map those that are direct, and fill @views.
 *
 * @needed: by pool, those of RX queues: they must be direct or bounced. Any other that is refused
 * has a view of count 0.
 *
 * Return: 0; a negative errno that names limit, window and memory.
 */
int dma_reach_pools(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		    struct baton_pool_view *views);

/**
 * Have the pools that are direct and not @needed bounced, too: slots come before them. Return:
 * whether there were any.
 */
bool dma_reach_yield(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		     struct baton_pool_view *views);

/** Make a port's slots, mapped for the device; needs without keys are none. Return: 0; -ENOSPC with
 * the numbers. */
int dma_reach_slots(struct dma_reach *r, const struct dma_slots_need *rx,
		    const struct dma_slots_need *tx);
void dma_reach_drop_slots(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine);

/**
 * Take everything from the device.
 *
 * @confirmed: it has let go of it. If not, the memory is kept in @quarantine, or, NULL, for ever.
 */
void dma_reach_release(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine);

/** Say once what was decided. */
void dma_reach_log(struct dma_reach *r);

/** See baton_port_reach() and baton_port_reach_summary(). */
unsigned dma_reach_list(const struct dma_reach *r, struct baton_reach_info *out, unsigned n);
void dma_reach_sum(const struct dma_reach *r, struct baton_reach_summary *out);

/** The port is closed. */
void dma_reach_fini(struct dma_reach *r);

#endif
