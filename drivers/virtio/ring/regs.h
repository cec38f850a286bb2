/* SPDX-License-Identifier: BSD-3-Clause */
/* Layouts and bits of virtio 1.2 ("Virtual I/O Device (VIRTIO) Version 1.2", OASIS). */
#ifndef VIRTIO_RING_REGS_H
#define VIRTIO_RING_REGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/order.h"
#include "base/shared.h"
#include "base/validate.h"

/* Section 2.7.5: the descriptor table. Written by the driver only, never read back. */
struct vring_desc {
	le64 addr;
	union {
		struct {
			le32 len;
			le16 flags;
			le16 next;
		};
		le64 len_flags_next; /* all three in one store */
	};
};

#define VRING_DESC_F_NEXT  1
#define VRING_DESC_F_WRITE 2

/*
 * Section 2.7.6: the available ring. Written by the driver only. After its last entry is used_event
 * (2.7.7): the position of the used ring at which the device must wake the driver.
 */
struct vring_avail {
	le16 flags;
	le16 idx;
	le16 ring[];
};

#define VRING_AVAIL_F_NO_INTERRUPT 1

/*
 * Section 2.7.8: the used ring. Written by the device. An element is {le32 id, le32 len}, read as
 * one. After the last element is avail_event (2.7.10): the position of the available ring at which
 * the driver must notify the device.
 */
struct vring_used {
	shared16 flags;
	shared16 idx;
	shared64 ring[];
};

#define VRING_USED_F_NO_NOTIFY 1

_Static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct vring_desc, flags) == 12, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct vring_avail, ring) == 4, "virtio 1.2, 2.7.6");
_Static_assert(offsetof(struct vring_used, flags) == 0, "virtio 1.2, 2.7.8");
_Static_assert(offsetof(struct vring_used, ring) == 4, "virtio 1.2, 2.7.8");

#define VRING_MAX_SIZE 32768 /* section 2.7 */

/* Section 5.1.6: with VERSION_1 the header always has num_buffers. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	le16 hdr_len;
	le16 gso_size;
	le16 csum_start;
	le16 csum_offset;
	le16 num_buffers;
};

_Static_assert(sizeof(struct virtio_net_hdr) == 12, "virtio 1.2, 5.1.6");
_Static_assert(offsetof(struct virtio_net_hdr, num_buffers) == 10, "virtio 1.2, 5.1.6");

#define NET_HDR_LEN 12u

/* With HASH_REPORT, in both directions. */
struct virtio_net_hdr_hash {
	struct virtio_net_hdr hdr;
	le16 value[2]; /* a le32 at an address of any alignment */
	le16 report;
	le16 padding;
};

_Static_assert(sizeof(struct virtio_net_hdr_hash) == 20, "virtio 1.2, 5.1.6");
_Static_assert(offsetof(struct virtio_net_hdr_hash, report) == 16, "virtio 1.2, 5.1.6");

#define NET_HDR_HASH_LEN 20u

#define VIRTIO_NET_HASH_REPORTS 9u /* 5.1.6.4.4: reports from 1 on */

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_HDR_F_RSC_INFO   4
#define VIRTIO_NET_HDR_GSO_NONE     0
#define VIRTIO_NET_HDR_GSO_TCPV4    1
#define VIRTIO_NET_HDR_GSO_TCPV6    4
#define VIRTIO_NET_HDR_GSO_UDP_L4   5 /* virtio 1.3, 5.1.6 */

/* Feature bits: sections 5.1.3 and 6. */
#define VIRTIO_NET_F_CSUM          (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM    (1ull << 1)
#define VIRTIO_NET_F_MTU           (1ull << 3)
#define VIRTIO_NET_F_MAC           (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4    (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6    (1ull << 8)
#define VIRTIO_NET_F_HOST_TSO4     (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6     (1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF     (1ull << 15)
#define VIRTIO_NET_F_STATUS        (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ       (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX       (1ull << 18)
#define VIRTIO_NET_F_CTRL_VLAN     (1ull << 19)
#define VIRTIO_NET_F_MQ            (1ull << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (1ull << 23)
#define VIRTIO_F_EVENT_IDX         (1ull << 29)
#define VIRTIO_F_VERSION_1         (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM   (1ull << 33)
#define VIRTIO_F_IN_ORDER          (1ull << 35)
#define VIRTIO_F_ORDER_PLATFORM    (1ull << 36)
#define VIRTIO_F_RING_RESET        (1ull << 40)
#define VIRTIO_NET_F_GUEST_USO4    (1ull << 54) /* these three: virtio 1.3, 5.1.3 */
#define VIRTIO_NET_F_GUEST_USO6    (1ull << 55)
#define VIRTIO_NET_F_HOST_USO      (1ull << 56)
#define VIRTIO_NET_F_HASH_REPORT   (1ull << 57)
#define VIRTIO_NET_F_RSS           (1ull << 60)

/* Device status: section 2.1. */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER      2
#define VIRTIO_STATUS_DRIVER_OK   4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED      128

/* Section 5.1.4: the part of the configuration space that is read here. */
struct virtio_net_config {
	uint8_t mac[6];
	le16 status;
	le16 max_virtqueue_pairs;
	le16 mtu;
	le32 speed;
	uint8_t duplex;
	/* RSS and HASH_REPORT; the second RSS alone. */
	uint8_t rss_max_key_size;
	le16 rss_max_indirection_table_length;
	le32 supported_hash_types;
};

_Static_assert(offsetof(struct virtio_net_config, mtu) == 10, "virtio 1.2, 5.1.4");
_Static_assert(offsetof(struct virtio_net_config, rss_max_key_size) == 17, "virtio 1.2, 5.1.4");
_Static_assert(sizeof(struct virtio_net_config) == 24, "virtio 1.2, 5.1.4");

#define NET_CONFIG_SHORT 12u /* bytes up to the MTU */

/* Hash types: 5.1.6.4.3.1. */
#define VIRTIO_NET_HASH_IPV4 (1u << 0)
#define VIRTIO_NET_HASH_TCP4 (1u << 1)
#define VIRTIO_NET_HASH_UDP4 (1u << 2)
#define VIRTIO_NET_HASH_IPV6 (1u << 3)
#define VIRTIO_NET_HASH_TCP6 (1u << 4)
#define VIRTIO_NET_HASH_UDP6 (1u << 5)

#define VIRTIO_NET_S_LINK_UP 1

#endif
