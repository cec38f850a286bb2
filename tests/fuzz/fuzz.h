/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver under a hostile device, as one input says: its first bytes choose a rig (driver
 * arguments, ring sizes, pools), the others are steps, some the application's (app.c), some the
 * device's (the device's own file). What both must see is kept in a model here, which shares no
 * code with the drivers. Everything runs on one thread, so an input does the same each time.
 *
 * A queue is honest until the device lies there. While it is, what a burst returns is known
 * exactly: which packets, in which buffers, with which bytes. Where the device wrote what it liked
 * the queue is wild: any packets, or a stop with a named error, but no memory error, no buffer
 * twice or lost, and nothing outside of what was posted.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#include "base/hostile.h"
#include "port/driver.h"

/* Loops over whole pools tell the fuzzer nothing, and cost it most of its time. */
#if defined(__clang__)
#define FUZZ_UNTRACED __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_UNTRACED
#endif

#define FUZZ_HEAD      2u /* bytes of an input that choose the rig */
#define FUZZ_PAIRS     2u
#define FUZZ_QUEUES    (2 * FUZZ_PAIRS) /* RX queues, then TX queues */
#define FUZZ_POOLS     2u               /* 0: RX and TX; 1: TX only, of another shape */
#define FUZZ_BUFS      2048u
#define FUZZ_HELD      256u
#define FUZZ_RING      256u       /* the largest */
#define FUZZ_RIG_BYTES (8u << 20) /* of buffers; only what is touched takes memory */
#define FUZZ_BURST     96u

/* ---- input ---- */

struct fuzz_in {
	const uint8_t *p, *end;
};

static inline uint8_t
in_u8(struct fuzz_in *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static inline uint32_t
in_u32(struct fuzz_in *in)
{
	uint32_t x = in_u8(in);

	x |= (uint32_t)in_u8(in) << 8;
	x |= (uint32_t)in_u8(in) << 16;
	return x | (uint32_t)in_u8(in) << 24;
}

/* ---- rigs ---- */

struct fuzz_config {
	char args[192]; /* of baton_port_open() */
	uint8_t simd;   /* enum simd_level, at most */
	uint32_t offloads;
	uint16_t mtu;
	uint32_t rx_descs, tx_descs;
	struct {
		uint32_t count, data_len;
		uint16_t headroom;
	} pool[FUZZ_POOLS];
};

struct fuzz_free_list {
	uint32_t n;
	uint32_t idx[FUZZ_BUFS];
};

#define FUZZ_OLD 24u

/* What a device is about to do, so many times, and what it did. */
struct fuzz_life {
	uint8_t keeps;      /* not confirm that it let go of everything */
	uint8_t kind;       /* enum fuzz_kept, of that */
	uint8_t keeps_ring; /* not confirm the stop of one queue */
	uint8_t undecided;  /* not know yet, when it has gone, what it lets go of */
	uint8_t no_start, no_reset;
	bool refused;   /* it refused something */
	bool kept_ring; /* the stop of a queue was among that */
	bool was_reset; /* it confirmed a reset, which the driver is about to act on */
	uint8_t asked;  /* what it said when it was asked to let go: enum fuzz_kept */
	uint32_t slots; /* that it kept then */
	struct {
		uint8_t *base;
		size_t bytes;
		uint8_t kind;
	} old[FUZZ_OLD]; /* memory that it has from before */
	unsigned n_old;
};

/* One configuration's port and pools, kept between inputs. */
struct fuzz_rig {
	uint8_t head[FUZZ_HEAD];
	struct fuzz_config config;
	bool bounced; /* packets are copied: whose buffer they come in is the pool's to say */
	uint8_t *memory,
		*alias; /* the pools' buffers, twice: the device writes through the second */
	int fd;         /* of that memory */
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool[FUZZ_POOLS];
	struct fuzz_free_list free[FUZZ_POOLS];
	struct baton_port *port;
	struct baton_queue *queue[FUZZ_QUEUES];
	struct baton_port_info info;
	struct fuzz_life life;
	void *device; /* the device's own, of state_size */
};

#define FUZZ_TCP     0x80u /* of a seed: the packet begins with headers */
#define FUZZ_HEADERS 54u   /* bytes of them */

/* ---- the model ---- */

/* A buffer of a packet that the device has completed. */
struct fuzz_seg {
	uint32_t buf;
	uint16_t off, len;
};

struct fuzz_packet {
	uint16_t segs;
	uint8_t drop; /* bad metadata */
	uint8_t seed; /* its byte i is seed + i */
	uint8_t l4;   /* the verdict: enum baton_csum */
	uint16_t csum_start, csum_offset;
	uint16_t seg_size; /* to be cut into segments of so many bytes; 0: not */
	bool hashed, tagged;
	uint32_t hash;
	uint16_t tci; /* of the tag */
};

/* What the application has yet to receive, in order. */
struct fuzz_expect {
	unsigned n, first, seg_first, n_segs;
	struct fuzz_packet packet[FUZZ_RING];
	struct fuzz_seg seg[FUZZ_RING];
};

struct fuzz_queue {
	bool running;
	bool wild;        /* the device wrote something that nobody can foretell the end of */
	bool lied;        /* the device said what cannot be, and nothing after it */
	bool dead;        /* the driver has stopped it */
	bool stuck;       /* stopped or lost, and what is in it is still the device's */
	uint64_t dropped; /* packets that were to be, since the queue runs */
	uint64_t errors;  /* the counters when it began to run */
	uint64_t violations;
	struct fuzz_expect expect;
};

#define FUZZ_APP  0xff
#define FUZZ_DONE 0xfe /* completed, and not received yet */

/* + kind: the device did not confirm that it let go, and writes there as it likes. */
#define FUZZ_KEPT 0xf0

enum fuzz_kept {
	FUZZ_TILL_RESET, /* until a reset is confirmed */
	FUZZ_TILL_END,   /* until its process has ended */
	FUZZ_KINDS,
	FUZZ_LET_GO = FUZZ_KINDS,
};

struct fuzz_device;

struct fuzz {
	struct fuzz_in in;
	struct fuzz_rig *rig;
	const struct fuzz_device *dev;
	struct fuzz_queue q[FUZZ_QUEUES];
	struct baton_token held[FUZZ_HELD];
	unsigned n_held;
	struct baton_token stale; /* one that was used up */
	bool have_stale;
	bool restart; /* the device has state that only a new start of the port resets */
	uint8_t seed;
	unsigned at;      /* the queue whose burst runs */
	unsigned slow;    /* steps that wait */
	unsigned life;    /* steps that begin or end the device's */
	unsigned reports; /* of the violation handler */
	unsigned expected;
	uint8_t *owner[FUZZ_POOLS];      /* by buffer: 0: nobody; 1 + queue; FUZZ_* */
	uint32_t kept_slots[FUZZ_KINDS]; /* in quarantine */
	struct {
		uint32_t countdown;
		bool after;
		uint8_t how;
		uint32_t value;
	} act; /* what the device does at one of the next reads */
};

/* A driver's device. All of it runs on the fuzzer's thread. */
struct fuzz_device {
	size_t state_size;
	/* It cannot stop or start one queue alone, nor wake anybody for TX. */
	bool whole;
	/* What an input's first bytes ask for. Bits without a meaning are cleared, so that the same
	 * is asked for by the same bytes. */
	void (*configure)(uint8_t head[FUZZ_HEAD], struct fuzz_config *c);
	/* Make the device before the port is opened, and drop it once that is closed. NULL: the
	 * driver finds it by itself. */
	void (*connect)(struct fuzz_rig *r);
	void (*disconnect)(struct fuzz_rig *r);
	/* A new input: forget what was planned. */
	void (*begin)(struct fuzz *f);
	/* One step; any number is one. */
	void (*step)(struct fuzz *f, unsigned op);
	/* Take note of what the driver gave to the queue, if it runs. */
	void (*scan)(struct fuzz *f, unsigned queue);
	/* Whether it reads as all ones. NULL: it never does. */
	bool (*is_dead)(void);
	/* The device goes away, or comes back. */
	void (*lost)(struct fuzz *f, unsigned how);
	void (*back)(struct fuzz *f, unsigned how);
	/* The process that has what it did not let go of ends. NULL: it is no process. */
	void (*process_ends)(struct fuzz *f);
	/* A packet that comes in parts. */
	void (*parts)(struct fuzz *f, unsigned how);
	/* From now on it confirms whatever it is asked for, and its old processes end. */
	void (*obey)(struct fuzz *f);
	/* The queue is about to be stopped: have done with what it sent, so that nobody waits. */
	void (*finish)(struct fuzz *f, unsigned queue);
	/* Whose ring the driver reads there; FUZZ_QUEUES: none's. */
	unsigned (*whose)(const struct fuzz *f, const void *p);
	/* Something of the device's own before each read of the driver. Or NULL. */
	void (*before_read)(struct fuzz *f, const void *p);
	/* A step of the application that only this kind of device has, such as a filter's. */
	void (*command)(struct fuzz *f);
};

/* The one that this program was linked with. */
extern const struct fuzz_device fuzz_device;

/* rig->device and rig->life of the rig in use, also while its port is opened and closed. */
extern void *fuzz_state;
extern struct fuzz_life *fuzz_life;

/* The input that runs; NULL: none. */
extern struct fuzz *fuzz_current;

_Noreturn void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- rig.c ---- */

struct fuzz_rig *fuzz_rig(const struct fuzz_device *dev, const uint8_t head[FUZZ_HEAD]);
void fuzz_rig_drop_all(void);
int fuzz_run(const uint8_t *data, size_t size);

/** Give the port addresses for its rings, of @ring_bytes, and slots: all, or half of them, so that
 * queues share them. */
void fuzz_add_window(struct fuzz_config *c, uint32_t ring_bytes, uint32_t rx_slot, bool half);

/* ---- clock.c ---- */

/** Let time pass. */
void fuzz_wait(unsigned ms);

/* ---- life.c: what a device says when it is asked to let go, and how it goes and comes ---- */

/** The device was asked to let go of everything. Return: it does not, and remembers what it has. */
bool fuzz_keeps_all(const struct dma_reach *r);

/** Is it about to refuse something, as @times says? */
bool fuzz_refuses(uint8_t *times);

/** What it had kept is let go of: it does not write there any more. */
void fuzz_lets_go(enum fuzz_kept kind);

/** The driver has acted on a reset, if there was one (life->was_reset). */
void fuzz_catch_up(void);

/** Whatever was planned is not. */
void fuzz_obey(void);

/** What it said when it was asked last, once, and what slots it kept then. */
enum fuzz_kept fuzz_asked(uint32_t *slots);

/** Has it refused something? Once. */
bool fuzz_refused(void);

/** The device is about to be reported away. */
void fuzz_away(struct fuzz *f);

/** The control thread handles what was raised; timers wait. */
void fuzz_poll(const struct fuzz *f);

/** The control thread has its turn, after a while: what is away is emptied, or comes back. */
void fuzz_look(struct fuzz *f, unsigned ms);

/** A step of the device's life: it goes, comes, refuses, and writes to what it did not let go of.
 */
void fuzz_live(struct fuzz *f, unsigned kind);

/* ---- model.c: what a device tells of itself ---- */

/** At each read of the driver: what was planned for one of them. */
void fuzz_at_read(enum hostile_when when, const void *p, size_t size);

/** Where the device sees @len bytes of the driver's process; NULL: not in one buffer's data room.
 */
uint8_t *fuzz_view(const struct fuzz *f, const void *va, uint32_t len);

/** The device reads @n bytes of a packet, from its @at-th on: are they what was sent? @seed: its
 * first byte. */
void fuzz_check_sent(struct fuzz *f, unsigned queue, const uint8_t *p, uint32_t n, uint32_t *at,
		     uint8_t *seed);

/** Where the device writes to a buffer's data room. */
uint8_t *fuzz_room(const struct fuzz *f, unsigned pool, uint32_t buf);

/** The buffer at an address of the driver's process; false: none of the rig's. */
bool fuzz_find(const struct fuzz *f, const void *p, unsigned *pool, uint32_t *buf, uint32_t *off);

/** The device was given a buffer, and has completed it. */
void fuzz_device_has(struct fuzz *f, unsigned queue, unsigned pool, uint32_t buf);
void fuzz_device_done(struct fuzz *f, unsigned queue, unsigned pool, uint32_t buf);

/**
 * May the device write there on that queue's account? What it wrote to its own descriptors may lead
 * it to what others have, and what comes of that on direct memory no driver can help.
 */
bool fuzz_may_write(const struct fuzz *f, unsigned queue, const uint8_t *alias);

/** The device has completed a packet of an honest queue's. Its buffers are in @seg. */
void fuzz_completed(struct fuzz *f, unsigned queue, const struct fuzz_packet *p,
		    const struct fuzz_seg *seg);

/**
 * The driver has emptied all rings: what the device did not let go of must be in quarantine, and
 * what it did must not. @kept: what it said.
 */
void fuzz_emptied(struct fuzz *f, enum fuzz_kept kept, uint32_t slots);

/** What it kept is let go of now, and everything of that kind comes home. */
void fuzz_home(struct fuzz *f, enum fuzz_kept kept);

/** Does it keep anything? */
bool fuzz_keeps(const struct fuzz *f);

/** Something that no model covers was written there. */
void fuzz_wild(struct fuzz *f, unsigned queue);

/**
 * The device has just said what cannot be. The driver must stop that queue, and name the reason.
 *
 * @at_once: before it looks at anything else; else after all that was completed before.
 */
void fuzz_must_stop(struct fuzz *f, unsigned queue, const char *lie, bool at_once);

/** The next packet was received, or those that are bad were dropped. */
static inline void
fuzz_expect_next(struct fuzz_expect *e)
{
	const unsigned segs = e->packet[e->first].segs;

	e->seg_first = (e->seg_first + segs) % FUZZ_RING;
	e->n_segs -= segs;
	e->first = (e->first + 1) % FUZZ_RING;
	e->n--;
}

void fuzz_skip_dropped(struct fuzz_queue *q);

/** Buffers that the model has with a queue. */
unsigned fuzz_with(const struct fuzz *f, unsigned queue);

void fuzz_queue_new(struct fuzz *f, unsigned queue, bool running);
void fuzz_took(struct fuzz *f, struct baton_token t);
void fuzz_gave(struct fuzz *f, struct baton_token t, uint8_t to);

/** Each buffer has one holder, and it is the one that the model has; the same as anybody can ask
 * for it, which takes longer. */
void fuzz_check_sums(struct fuzz *f);
void fuzz_check_holders(struct fuzz *f);

/** All of them are free, and each once. */
void fuzz_check_home(struct fuzz *f);

static inline bool
fuzz_honest(const struct fuzz *f, unsigned queue)
{
	return f->q[queue].running && !f->q[queue].wild && !f->q[queue].dead;
}

/* It runs, or was stopped in a way that leaves what the device has with it. */
static inline bool
fuzz_known(const struct fuzz *f, unsigned queue)
{
	return (f->q[queue].running || f->q[queue].stuck) && !f->q[queue].wild && !f->q[queue].dead;
}

static inline uint8_t
fuzz_byte(uint8_t seed, uint32_t i)
{
	/* Behind Ethernet's addresses: IPv4 of 40 bytes, whatever follows, with TCP. */
	static const uint8_t tcp[] = { 8,  0,  0x45, 0, 0, 40, 0, 0, 0, 0, 64,  6,
				       0,  0,  1,    2, 3, 4,  5, 6, 7, 8, 9,   10,
				       11, 12, 0,    0, 0, 1,  0, 0, 0, 2, 0x50 };

	if ((seed & FUZZ_TCP) && i >= 12 && i < 12 + sizeof(tcp))
		return tcp[i - 12];
	return (uint8_t)(seed + i);
}

/* ---- app.c ---- */

void fuzz_app_step(struct fuzz *f, unsigned op);
/** Receive all there is, or complete all that was sent. */
void fuzz_app_drain(struct fuzz *f, unsigned queue);
/** Send some packets of @segs buffers each. */
void fuzz_app_send(struct fuzz *f, unsigned queue, unsigned packets, unsigned segs);
void fuzz_app_peek(struct fuzz *f, unsigned queue, unsigned n);
/** Whatever the driver has asked the device for was answered: the model follows. Return: what the
 * device kept. */
enum fuzz_kept fuzz_app_settle(struct fuzz *f);
/** The device is there again, and its queues run. */
void fuzz_app_back(struct fuzz *f);
/** Free the last @n of what the application holds. */
void fuzz_app_free(struct fuzz *f, unsigned n);
/** Everything stops and goes home. */
void fuzz_app_end(struct fuzz *f);
void fuzz_app_begin(struct fuzz *f);

/* ---- app_life.c ---- */

/** @finish: the device has done with what it sent first, unless it is about to keep it. */
void fuzz_app_queue_stop(struct fuzz *f, unsigned queue, bool finish);
void fuzz_app_queue_start(struct fuzz *f, unsigned queue);
void fuzz_app_port_stop(struct fuzz *f);
void fuzz_app_port_reset(struct fuzz *f);
void fuzz_app_port_start(struct fuzz *f);

/** Ask for a setting: promiscuous, all multicast, MAC table, VLAN, MAC. Return: what the call
 * returned. */
int fuzz_app_set(struct fuzz *f, unsigned which);

/* The handles of a queue by its number, and its counters. */
struct baton_rxq *fuzz_rxq(const struct fuzz *f, unsigned queue);
struct baton_txq *fuzz_txq(const struct fuzz *f, unsigned queue);
void fuzz_queue_stats(const struct fuzz *f, unsigned queue, struct baton_stats *s);

#endif
