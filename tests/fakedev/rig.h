/* SPDX-License-Identifier: BSD-3-Clause */
/* One port of net_virtio_user against one fakedev, and the checks every test of it ends with. */
#ifndef FAKEDEV_RIG_H
#define FAKEDEV_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <baton/baton.h>
#include <baton/reach.h>

#include "fakedev.h"

#define RIG_FRAME_MAX 9022
#define RIG_BURST     64

struct rig_config {
	struct fakedev_config fakedev; /* path is filled in; $BATON_RIG_FEATURES are offered too */
	const char *args;    /* ",key=value" after path and timeout, or NULL; $BATON_RIG_ARGS come
				after them */
	unsigned timeout_ms; /* of a reply; 0: 5,000, nothing is about a late one */
	uint32_t descs;      /* 0: 256 */
	uint32_t pool_count; /* 0: 1,024 */
	uint32_t data_len;   /* 0: the default */
	uint16_t headroom;   /* 0: the default */
	uint16_t mtu;        /* 0: the port's own */
	unsigned stop_timeout_ms; /* 0: 50 */
	unsigned number;          /* of the port's name */
	uint32_t offloads;        /* BATON_OFFLOAD_* */
	bool server;              /* the port listens, the fakedev connects */
	uint16_t pairs;           /* of queues; 0: 1 */
};

struct rig {
	struct rig_config config;
	struct fakedev *fakedev;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx; /* the first pair */
	struct baton_rxq *rxq[FAKEDEV_PAIRS];
	struct baton_txq *txq[FAKEDEV_PAIRS];
	uint32_t count;
	unsigned violations;  /* ownership reports */
	uint32_t quarantined; /* buffers and slots, after rig_discard() */
	unsigned events[5];   /* by enum baton_port_event */
	char logged[8192];    /* warnings and errors, as many as fit */
	char dir[64], path[96];
};

/** Fake device, context, pool, worker; no port yet. */
void rig_prepare(struct rig *r, const struct rig_config *config);

/** Open the port. Return: what baton_port_open() said. */
int rig_open(struct rig *r);

/** Configure, set up the queues, start. Return: the first error. */
int rig_start(struct rig *r);

/** All of it; must succeed. */
void rig_up(struct rig *r, const struct rig_config *config);

/** Stop with success, everything home, close, destroy; the fakedev must have no complaint. */
void rig_down(struct rig *r);

/** The same without a port that runs: whatever is there is taken down, nothing may be lost. */
void rig_discard(struct rig *r);

/** Serve the control thread until there were @n events of a kind. Return: whether that came within
 * @ms. */
bool rig_wait_event(struct rig *r, enum baton_port_event event, unsigned n, unsigned ms);

/** Serve the control thread for @ms. */
void rig_poll(struct rig *r, unsigned ms);

/** The holders' counts must add up to the pool. */
void rig_check_sum(const struct rig *r);

/** All buffers must be free. */
void rig_check_home(const struct rig *r);

/** Buffers with this kind of holder. */
uint32_t rig_held(const struct rig *r, enum baton_holder_kind kind);

struct baton_stats rig_stats(const struct rig *r);

/** How often @part is in @text. */
unsigned rig_count(const char *text, const char *part);

/** A counter of baton_port_xstats(), which must be there. */
uint64_t rig_xstat(const struct rig *r, const char *name);

/** A frame of @len bytes that differs from those with another @seed in every part. */
void rig_frame(uint8_t *frame, size_t len, uint32_t seed);

/** Copy a packet's bytes together. Return: its length. */
size_t rig_gather(const struct rig *r, const struct baton_token *tokens, unsigned n, uint8_t *out);

/** One burst must bring exactly this frame; it is freed. Return: its tokens. */
unsigned rig_expect_rx(struct rig *r, const uint8_t *frame, size_t len);

/** The fakedev sends a frame, and the port must receive it. */
void rig_roundtrip_rx(struct rig *r, size_t len, uint32_t seed);

/** Allocate a packet of buffers with @seg bytes each; 0: as many as fit. Return: tokens. */
unsigned rig_packet(struct rig *r, const uint8_t *frame, size_t len, size_t seg,
		    struct baton_token *tokens);

/** The fakedev must find exactly this frame, under a header of zeroes. Return: the chain's head. */
unsigned rig_expect_tx(struct rig *r, const uint8_t *frame, size_t len);

/** The port sends a frame, the fakedev finds and completes it, the port cleans up. */
void rig_roundtrip_tx(struct rig *r, size_t len, uint32_t seed);

/** Is what the port sends copied into slots? */
bool rig_bounced(const struct rig *r);

/** Clean up after packets of @n tokens, which are freed by that unless they were bounced: those are
 * free since tx_burst. */
void rig_clean(struct rig *r, unsigned budget, unsigned n);

/** Open descriptors of the process. */
unsigned rig_fds(void);

/** Milliseconds of a clock that only goes forward. */
uint64_t rig_now_ms(void);

/* The inside of a queue. */
static inline struct baton_queue *
rig_queue(const void *handle)
{
	return (struct baton_queue *)(uintptr_t)handle;
}

/* Queues by number, those of @pairs RX queues first. */
static inline int
rig_queue_stop(const struct rig *r, unsigned i, unsigned pairs)
{
	return i < pairs ? baton_rxq_stop(r->rxq[i]) : baton_txq_stop(r->txq[i - pairs]);
}

static inline int
rig_queue_start(const struct rig *r, unsigned i, unsigned pairs)
{
	return i < pairs ? baton_rxq_start(r->rxq[i]) : baton_txq_start(r->txq[i - pairs]);
}

static inline unsigned
rig_queue_in_flight(const struct rig *r, unsigned i, unsigned pairs)
{
	return i < pairs ? baton_rxq_in_flight(r->rxq[i]) : baton_txq_in_flight(r->txq[i - pairs]);
}

#endif
