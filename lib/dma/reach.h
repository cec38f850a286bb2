/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory that the device of one port can access: control memory, slots, pools.
 *
 * A driver declares the limits of the device when the port is opened, and its transport names the
 * address space. At start the driver allocates control memory for its rings. Then dma_reach_pools()
 * decides on the pools, and dma_reach_slots() makes slots if packets are copied. Whatever a device
 * accesses besides packet buffers comes from dma_ctrl_alloc(). So all that is mapped for a port
 * is listed here.
 */
#ifndef BATON_DMA_REACH_H
#define BATON_DMA_REACH_H

#include <baton/reach.h>

#include "dma/pool.h"
#include "dma/slots.h"

struct dma_map;

/* What was decided on a pool at the last start. */
struct dma_reach_pool {
	uint8_t known; /* there was such a pool */
	uint8_t reach; /* enum baton_reach */
	char name[32];
	uint64_t iova, bytes;
	char why[176];
};

/* Memory of the port that its device can access. */
struct dma_block {
	struct dma_block *next;
	struct baton_arena *arena;
	struct baton_mapping *mapping;
	const char *name;
	uint8_t *base;
	size_t bytes, used;
	uint64_t iova;
	bool read_only; /* the device can read it only */
};

struct dma_reach {
	/* The limits of the device, which its driver declares in open(); 0: not declared. */
	uint8_t device_ring_bits, device_data_bits;
	bool local; /* the device is a program on this machine: it can access what it receives, also
		       in a confidential guest */
	bool can_bounce; /* the bursts of the driver know slots; else no packet may be copied */
	/* The configuration of the user. */
	enum baton_bounce bounce;
	bool confine;
	uint8_t ring_bits, data_bits; /* 0: as many as the device has */
	struct baton_iova_range *windows;
	unsigned n_windows;

	bool committed; /* memory is mapped under this configuration */
	bool logged;    /* the decision is logged */
	struct baton_ctx *ctx;
	const char *name;        /* name of the port */
	struct baton_ioas *ioas; /* address space of the device; the transport sets it */
	uint64_t page;           /* page size of control memory; 0: ordinary pages */
	int node;                /* NUMA node for this memory */

	struct dma_block *ctrl;            /* the newest comes first */
	struct dma_block *rx_mem, *tx_mem; /* memory of the slots; NULL: no packet is copied */
	struct dma_slots rx, tx;
	struct dma_map *maps[BATON_MAX_POOLS];
	struct dma_reach_pool *pools;       /* BATON_MAX_POOLS; NULL before the first start */
	struct dma_quarantine *quarantines; /* buffers and memory that a device has not let go of */
};

/* ---- what the user asked for ---- */

/** Set the configuration. Return: 0; -EINVAL or -ENOMEM, and nothing is changed. */
int dma_reach_set(struct dma_reach *r, const struct baton_reach_config *config);

/** Get the configuration; its windows belong to @r. */
void dma_reach_get(const struct dma_reach *r, struct baton_reach_config *config);

/**
 * Check that the device's limits are declared, that the address space has addresses below them, and
 * that the driver can copy packets if it must.
 *
 * Return: 0; -EINVAL; -ENOSPC with both numbers; -ENOTSUP.
 */
int dma_reach_check(const struct dma_reach *r);

/** Whether the port needs an address space of its own. */
static inline bool
dma_reach_own_space(const struct dma_reach *r)
{
	return r->confine || r->n_windows;
}

/** Whether it is certain, before anything is mapped, that all packets are copied. */
bool dma_reach_bounces(const struct dma_reach *r);

/** Whether the device may access only the shared memory of a confidential guest. */
bool dma_reach_shared_only(const struct dma_reach *r);

/** The highest address of control memory, and of packets. */
uint64_t dma_ring_limit(const struct dma_reach *r);
uint64_t dma_data_limit(const struct dma_reach *r);

/* ---- memory for the device; control thread ---- */

struct dma_ctrl {
	void *va; /* zeroed */
	uint64_t iova;
	size_t bytes;
};

/**
 * Allocate memory for whatever a device accesses besides packets: rings, control blocks,
 * statistics, mailboxes. It is below the ring limit.
 *
 * Return: 0; an error of baton_ioas_map() or baton_arena_create().
 */
int dma_ctrl_alloc(struct dma_reach *r, size_t bytes, size_t align, struct dma_ctrl *out);

/**
 * Decide on every pool of the context, map those that are direct, and fill @views.
 *
 * @needed: the pools of RX queues, which must be direct or bounced. Any other pool that is refused
 * has a view with count 0.
 *
 * Return: 0; a negative errno whose message names limit, window and memory.
 */
int dma_reach_pools(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		    struct baton_pool_view *views);

/**
 * Bounce the pools that are direct and not @needed, too, to make room for slots. Return: whether
 * there were any.
 */
bool dma_reach_yield(struct dma_reach *r, const bool needed[BATON_MAX_POOLS],
		     struct baton_pool_view *views);

/**
 * Make the slots of a port, mapped for the device; a need without keys has none. Return: 0; -ENOSPC
 * with the numbers.
 */
int dma_reach_slots(struct dma_reach *r, const struct dma_slots_need *rx,
		    const struct dma_slots_need *tx);

/** Does a mapping that begins at @va hold rings or slots, which are made for one connection of this
 * port's and used by nothing else? */
bool dma_reach_made(const struct dma_reach *r, const void *va);

void dma_reach_drop_slots(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine);

/**
 * Take all memory from the device.
 *
 * @confirmed: the device has let go of it. If not, the memory is kept in @quarantine, or, if that
 * is NULL, until the process ends. The memory of a local device is let go in any case: that program
 * has its own mapping, and the file is used for nothing else.
 */
void dma_reach_release(struct dma_reach *r, bool confirmed, struct dma_quarantine *quarantine);

/** Log the decision, once. */
void dma_reach_log(struct dma_reach *r);

/** See baton_port_reach() and baton_port_reach_summary(). */
unsigned dma_reach_list(const struct dma_reach *r, struct baton_reach_info *out, unsigned n,
			size_t size);
void dma_reach_sum(const struct dma_reach *r, struct baton_reach_summary *out);

/** The port is closed. */
void dma_reach_fini(struct dma_reach *r);

#endif
