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
	int fd; /* with config.keep_memory, else -1 */
};

struct liar_queue {
	uint32_t num;
	uint16_t base; /* SET_VRING_BASE */
	struct wire_vring_addr addr;
	bool has_addr, has_base, enabled;
	int kick, call;

	/* Once translated; forgotten with every new table, address or base. */
	bool mapped;
	struct wire_desc *desc;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t next_avail, next_used;
};

#define LIAR_REMEMBERED 64
#define LIAR_ENTRIES    32u
#define LIAR_PENDING    64u

struct liar {
	struct liar_config config;
	char path[108];
	pthread_t thread;
	int wants; /* atomic: the thread waits for the lock; those that take it all the time let it
		    */
	pthread_mutex_t lock; /* everything below */
	int listener, wake, conn;
	bool stopping, drop, link_down;
	unsigned connections;

	struct {
		enum liar_lie kind;
		uint64_t value;
	} lies[WIRE_REQUESTS];
	unsigned requests[WIRE_REQUESTS];

	uint64_t features, protocol, status;
	struct liar_region region[WIRE_MAX_REGIONS];
	unsigned n_regions;
	struct liar_queue queue[LIAR_QUEUES];
	uint64_t kicks[LIAR_QUEUES], calls[LIAR_QUEUES];

	int channel; /* SET_BACKEND_REQ_FD */
	struct wire_iotlb entry[LIAR_ENTRIES];
	unsigned n_entries;
	struct wire_iotlb pending[LIAR_PENDING]; /* iova and perm: asked for */
	unsigned n_pending;
	unsigned iotlb_messages[WIRE_IOTLB_TYPES];

	enum liar_control_lie control_lie;
	uint32_t control_value;
	unsigned commands;
	struct liar_command command[LIAR_REMEMBERED];
	uint8_t frame[65536]; /* of liar_echo() */
	char error[256];
};

struct liar_span {
	uint8_t *at;
	uint32_t len;
	bool write;
};

#define LIAR_SPANS 64

void liar_close_fd(int *fd);

/** Sleep with the lock let go; nothing is what it was afterwards. Locked. */
void liar_nap_ms(struct liar *l, unsigned ms);

/** Have the thread look around. */
void liar_poke(struct liar *l);

/** Keep the first complaint about the driver. Locked. */
void liar_complain(struct liar *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Store a new memory table; takes the descriptors. Locked. */
void liar_mem_set(struct liar *l, const struct wire_mem_table *table, const int *fds, unsigned n);
void liar_mem_clear(struct liar *l);

/** All @len bytes at a guest (or, with @user, front-end virtual) address of the table, or NULL.
 * Locked. */
void *liar_translate_(const struct liar *l, uint64_t addr, uint64_t len, bool user);

/* The IOTLB; locked. */
bool liar_iommu_(const struct liar *l);
void liar_channel_set(struct liar *l, int *fds, unsigned n);
void liar_iotlb_message(struct liar *l, const struct wire_message *m);
void liar_iotlb_clear(struct liar *l);
void liar_miss_storm(struct liar *l, uint64_t n, bool wait_for_entry);
void *liar_reach_(struct liar *l, uint64_t iova, uint64_t len, uint8_t perm);

/** One message from the socket. Locked. */
void liar_serve(struct liar *l);

/* The rings, locked; liar.h has them for tests. */
struct liar_queue *liar_ring_(struct liar *l, unsigned index);
int liar_pop_(struct liar *l, unsigned index);
/* The chain as host addresses. Return: spans; 0 for a chain that is against the rules. */
unsigned liar_walk_(struct liar *l, unsigned index, unsigned head, struct liar_span *out);
void liar_put_(struct liar *l, unsigned index, unsigned ahead, uint32_t id, uint32_t len);
void liar_publish_(struct liar *l, unsigned index, unsigned n);

/** The control queue's number, by the features agreed on. Locked. */
unsigned liar_control_queue(const struct liar *l);

/** Answer what lies in the control queue. Locked. */
void liar_control_serve(struct liar *l);

#endif
