/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKEDEV_PRIVATE_H
#define FAKEDEV_PRIVATE_H

#include <pthread.h>

#include "fakedev.h"

struct fakedev_region {
	uint64_t guest, size, user;
	uint8_t *base; /* where the region begins here */
	void *map;
	size_t map_len;
	int fd; /* with config.keep_memory, else -1 */
};

struct fakedev_queue {
	uint32_t num;
	uint16_t base; /* SET_VRING_BASE */
	struct wire_vring_addr addr;
	bool has_addr, has_base, enabled;
	bool told; /* there is an address, be it of a ring that was stopped */
	int kick, call;

	/* Once translated; forgotten with every new table, address or base. */
	bool mapped;
	struct wire_desc *desc;
	struct wire_avail *avail;
	struct wire_used *used;
	uint16_t next_avail, next_used;
	uint16_t signalled; /* EVENT_IDX: used index when the driver's wish was last looked at */
};

#define FAKEDEV_LEFT       256u
#define FAKEDEV_REMEMBERED 64
#define FAKEDEV_ENTRIES    32u
#define FAKEDEV_PENDING    64u

struct fakedev {
	struct fakedev_config config;
	char path[108];
	pthread_t thread;
	int wants; /* atomic: the thread waits for the lock; those that take it all the time let it
		    */
	pthread_mutex_t lock; /* everything below */
	int listener, wake, conn;
	bool stopping, drop, link_down;
	unsigned connections;

	struct {
		enum fakedev_lie kind;
		uint64_t value;
	} lies[WIRE_REQUESTS];
	unsigned requests[WIRE_REQUESTS];

	uint64_t features, protocol, status;
	struct fakedev_region region[WIRE_MAX_REGIONS];
	unsigned n_regions;
	struct fakedev_region left[FAKEDEV_LEFT]; /* of connections that are gone */
	unsigned n_left;
	bool leaves;
	struct fakedev_queue queue[FAKEDEV_QUEUES];
	uint64_t kicks[FAKEDEV_QUEUES], calls[FAKEDEV_QUEUES];

	int channel; /* SET_BACKEND_REQ_FD */
	struct wire_iotlb entry[FAKEDEV_ENTRIES];
	unsigned n_entries;
	struct wire_iotlb pending[FAKEDEV_PENDING]; /* iova and perm: asked for */
	unsigned n_pending;
	unsigned iotlb_messages[WIRE_IOTLB_TYPES];

	uint32_t hash;
	uint16_t report;

	enum fakedev_control_lie control_lie;
	uint32_t control_value;
	unsigned commands;
	struct fakedev_command command[FAKEDEV_REMEMBERED];
	uint8_t frame[65536]; /* of fakedev_echo() */
	char error[256];
};

struct fakedev_span {
	uint8_t *at;
	uint32_t len;
	bool write;
};

#define FAKEDEV_SPANS 64

void fakedev_close_fd(int *fd);

/** Sleep with the lock let go; nothing is what it was afterwards. Locked. */
void fakedev_nap_ms(struct fakedev *l, unsigned ms);

/** Have the thread look around. */
void fakedev_poke(struct fakedev *l);

/** Keep the first complaint about the driver. Locked. */
void fakedev_complain(struct fakedev *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Store a new memory table; takes the descriptors. Locked. */
void fakedev_mem_set(struct fakedev *l, const struct wire_mem_table *table, const int *fds,
		     unsigned n);
void fakedev_mem_clear(struct fakedev *l);
void fakedev_mem_leave(struct fakedev *l);

/** All @len bytes at a guest (or, with @user, front-end virtual) address of the table, or NULL.
 * Locked. */
void *fakedev_translate_(const struct fakedev *l, uint64_t addr, uint64_t len, bool user);

/* The IOTLB; locked. */
bool fakedev_iommu_(const struct fakedev *l);
void fakedev_channel_set(struct fakedev *l, int *fds, unsigned n);
void fakedev_iotlb_message(struct fakedev *l, const struct wire_message *m);
void fakedev_iotlb_clear(struct fakedev *l);
void fakedev_miss_storm(struct fakedev *l, uint64_t n, bool wait_for_entry);
void *fakedev_reach_(struct fakedev *l, uint64_t iova, uint64_t len, uint8_t perm);

/** One message from the socket. Locked. */
void fakedev_serve(struct fakedev *l);

/* The rings, locked; fakedev.h has them for tests. */
struct fakedev_queue *fakedev_ring_(struct fakedev *l, unsigned index);
int fakedev_pop_(struct fakedev *l, unsigned index);
/* The chain as host addresses. Return: spans; 0 for a chain that is against the rules. */
unsigned fakedev_walk_(struct fakedev *l, unsigned index, unsigned head, struct fakedev_span *out);
void fakedev_put_(struct fakedev *l, unsigned index, unsigned ahead, uint32_t id, uint32_t len);
void fakedev_publish_(struct fakedev *l, unsigned index, unsigned n);

/** The control queue's number, by the features agreed on. Locked. */
unsigned fakedev_control_queue(const struct fakedev *l);

/** Answer what lies in the control queue. Locked. */
void fakedev_control_serve(struct fakedev *l);

#endif
