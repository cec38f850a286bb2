/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIAR_PRIVATE_H
#define LIAR_PRIVATE_H

#include <pthread.h>

#include "liar.h"

struct liar_region {
	uint64_t guest, size, user;
	uint8_t *base; /* where the region begins here */
	void *map;
	size_t map_len;
};

struct liar_queue {
	uint32_t num;
	uint16_t base; /* SET_VRING_BASE */
	struct wire_vring_addr addr;
	bool has_addr, enabled;
	int kick, call;

	/* Once translated; forgotten with every new table, address or base. */
	bool mapped;
	struct wire_desc *desc;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t next_avail, next_used;
};

struct liar {
	struct liar_config config;
	char path[108];
	pthread_t thread;
	pthread_mutex_t lock; /* everything below */
	int listener, wake, conn;
	bool stopping, drop;

	struct {
		enum liar_lie kind;
		uint64_t value;
	} lies[WIRE_REQUESTS];
	unsigned requests[WIRE_REQUESTS];

	uint64_t features, protocol, status;
	struct liar_region region[WIRE_MAX_REGIONS];
	unsigned n_regions;
	struct liar_queue queue[LIAR_QUEUES];
	char error[256];
};

/** Keep the first complaint about the driver. Locked. */
void liar_complain(struct liar *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Store a new memory table; takes the descriptors. Locked. */
void liar_mem_set(struct liar *l, const struct wire_mem_table *table, const int *fds, unsigned n);
void liar_mem_clear(struct liar *l);

#endif
