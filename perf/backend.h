/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user device that costs next to nothing: it hands every descriptor back with a preset
 * length and looks at no packet. What is measured in front of it is the driver. It trusts its
 * front-end; never use it as a device.
 *
 * Split rings (virtio 1.2, section 2.7), one queue pair, completions in the order given, every used
 * element written. The one write to a buffer is num_buffers = 1, where mergeable buffers were
 * negotiated (5.1.6.4).
 */
#ifndef PERF_BACKEND_H
#define PERF_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "fakedev_wire.h"

enum { BACKEND_RX, BACKEND_TX, BACKEND_RINGS }; /* the front-end's RX and TX: rings 0 and 1 */

struct backend_region {
	uint64_t guest, size, user;
	uint8_t *base; /* where we see it */
	void *map;     /* ours to unmap, or NULL */
	uint64_t map_bytes;
};

struct backend_ring {
	struct wire_desc *desc;
	struct wire_avail *avail;
	struct wire_used *used;
	uint32_t mask;
	uint16_t next;                             /* entries of the available ring consumed */
	uint64_t desc_user, avail_user, used_user; /* as the front-end named them */
	bool kick, up;
	uint64_t packets;
};

struct backend {
	struct backend_ring ring[BACKEND_RINGS];
	uint32_t rx_len; /* preset used length, header included */
	bool mergeable;
	bool direct;  /* the front-end is in this process: its addresses are ours, nothing is mapped
			 twice */
	bool running; /* both rings are up; release by the control thread, acquire by the data path
		       */
	uint64_t first_tx_tsc,
		first_tx_ns; /* of the first TX descriptor seen; ns of CLOCK_MONOTONIC */

	int listen_fd, fd;
	uint64_t features, protocol;
	unsigned n_regions;
	struct backend_region region[WIRE_MAX_REGIONS];
	char path[108];
};

/** The cycle counter, after all that comes before it. */
static inline uint64_t
cycles_now(void)
{
#if defined(__x86_64__)
	uint32_t lo, hi;

	__asm__ __volatile__("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
#elif defined(__aarch64__)
	uint64_t t;

	__asm__ __volatile__("isb; mrs %0, cntvct_el0" : "=r"(t) : : "memory");
	return t;
#elif defined(__powerpc64__)
	uint64_t t;

	__asm__ __volatile__("sync; mfspr %0, 268" : "=r"(t) : : "memory"); /* the time base */
	return t;
#elif defined(__s390x__)
	uint64_t t;

	/* The TOD clock: bit 51 is a microsecond (Principles of Operation, STORE CLOCK FAST). */
	__asm__ __volatile__("bcr 15,0; stckf %0" : "=Q"(t) : : "cc", "memory");
	return t;
#else
#error "no cycle counter is known for this machine"
#endif
}

/** Cycles of that counter a second, measured against the clock for 50 ms. */
double cycles_hz(void);

/**
 * Listen at @path. @len: the bytes of a received packet, without the virtio header.
 *
 * Return: 0 or a negative errno.
 */
int backend_init(struct backend *b, const char *path, uint32_t len, bool direct);

/** Hang up, stop listening, unmap. */
void backend_fini(struct backend *b);

/** Serve what waits on the sockets of @n backends, at most @timeout_ms long. One thread. */
void backend_serve(struct backend *const *backends, unsigned n, int timeout_ms);

/* ---- the data path: one thread at a time, while the rings are up ---- */

/** Complete at most @max descriptors of the RX ring, each with one packet. Return: how many. */
unsigned backend_receive(struct backend *b, unsigned max);

/**
 * Complete @packets, each with as many descriptors as it fills, and its num_buffers. Return: how
 * many.
 */
unsigned backend_receive_long(struct backend *b, unsigned packets);

/** Where the device sees an address of a descriptor; NULL: nowhere. */
uint8_t *backend_at(const struct backend *b, uint64_t addr);

/** Complete all that the front-end has sent. Return: how many packets. */
unsigned backend_transmit(struct backend *b);

static inline bool
backend_running(const struct backend *b)
{
	return __atomic_load_n(&b->running, __ATOMIC_ACQUIRE);
}

#endif
