/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fakedev's own picture of the vhost-user messages (QEMU docs/interop/vhost-user.rst) and of
 * the split ring (virtio 1.2 section 2.7). Nothing here comes from the driver's headers, so a
 * layout that is wrong in one of the two is found.
 */
#ifndef FAKEDEV_WIRE_H
#define FAKEDEV_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum wire_request {
	WIRE_GET_FEATURES = 1,
	WIRE_SET_FEATURES = 2,
	WIRE_SET_OWNER = 3,
	WIRE_RESET_OWNER = 4,
	WIRE_SET_MEM_TABLE = 5,
	WIRE_SET_VRING_NUM = 8,
	WIRE_SET_VRING_ADDR = 9,
	WIRE_SET_VRING_BASE = 10,
	WIRE_GET_VRING_BASE = 11,
	WIRE_SET_VRING_KICK = 12,
	WIRE_SET_VRING_CALL = 13,
	WIRE_SET_VRING_ERR = 14,
	WIRE_GET_PROTOCOL_FEATURES = 15,
	WIRE_SET_PROTOCOL_FEATURES = 16,
	WIRE_GET_QUEUE_NUM = 17,
	WIRE_SET_VRING_ENABLE = 18,
	WIRE_NET_SET_MTU = 20,
	WIRE_SET_BACKEND_REQ_FD = 21,
	WIRE_IOTLB_MSG = 22,
	WIRE_GET_CONFIG = 24,
	WIRE_RESET_DEVICE = 34,
	WIRE_SET_STATUS = 39,
	WIRE_GET_STATUS = 40,
	WIRE_REQUESTS = 48, /* size of tables indexed by request */
};

/* What the back-end asks for, on its own channel. */
enum wire_backend_request {
	WIRE_BACKEND_IOTLB_MSG = 1,
	WIRE_BACKEND_CONFIG_CHANGE_MSG = 2,
};

enum wire_iotlb_type {
	WIRE_IOTLB_MISS = 1,
	WIRE_IOTLB_UPDATE = 2,
	WIRE_IOTLB_INVALIDATE = 3,
	WIRE_IOTLB_ACCESS_FAIL = 4,
	WIRE_IOTLB_TYPES = 5,
};

#define WIRE_ACCESS_RO 1
#define WIRE_ACCESS_WO 2
#define WIRE_ACCESS_RW 3

#define WIRE_VERSION      0x1u
#define WIRE_VERSION_MASK 0x3u
#define WIRE_REPLY        0x4u
#define WIRE_NEED_REPLY   0x8u

#define WIRE_MAX_REGIONS 8
#define WIRE_CONFIG_MAX  256
#define WIRE_VRING_INDEX 0xffu
#define WIRE_VRING_NOFD  0x100u

struct wire_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct wire_vring_state {
	uint32_t index;
	uint32_t num;
};

struct wire_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct wire_region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t mmap_offset;
};

struct wire_mem_table {
	uint32_t n;
	uint32_t padding;
	struct wire_region region[WIRE_MAX_REGIONS];
};

struct wire_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[WIRE_CONFIG_MAX];
};

struct wire_iotlb {
	uint64_t iova;
	uint64_t size;
	uint64_t user;
	uint8_t perm;
	uint8_t type;
	uint8_t padding[6];
};

/* The padding keeps the payload aligned and right behind the header; it is not sent. */
struct wire_message {
	uint32_t padding;
	struct wire_header header;
	union {
		uint64_t u64;
		struct wire_vring_state state;
		struct wire_vring_addr addr;
		struct wire_mem_table mem;
		struct wire_config config;
		struct wire_iotlb iotlb;
		uint8_t bytes[512];
	} u;
};

/* ---- split ring, little-endian as the hosts this runs on ---- */

#define WIRE_AVAIL_NO_INTERRUPT 1u
#define WIRE_USED_NO_NOTIFY     1u

#define WIRE_DESC_NEXT     1u
#define WIRE_DESC_WRITE    2u
#define WIRE_DESC_INDIRECT 4u

struct wire_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct wire_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

struct wire_used_elem {
	uint32_t id;
	uint32_t len;
};

struct wire_used {
	uint16_t flags;
	uint16_t idx;
	struct wire_used_elem ring[];
};

/* virtio 1.2 section 5.1.6, with VIRTIO_F_VERSION_1: num_buffers is always there. */
struct wire_net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

_Static_assert(sizeof(struct wire_header) == 12, "vhost-user header");
_Static_assert(offsetof(struct wire_message, u) ==
		       offsetof(struct wire_message, header) + sizeof(struct wire_header),
	       "no gap");
_Static_assert(sizeof(struct wire_vring_addr) == 40, "vhost-user vring address");
_Static_assert(sizeof(struct wire_region) == 32, "vhost-user memory region");
_Static_assert(sizeof(struct wire_iotlb) == 32, "vhost-user IOTLB message");
_Static_assert(sizeof(struct wire_desc) == 16, "split ring descriptor");
_Static_assert(sizeof(struct wire_used_elem) == 8, "split ring used element");
_Static_assert(sizeof(struct wire_net_header) == 12, "virtio_net_hdr");

#endif
