/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-net: a port, its split rings, and the transport that connects them to a device. The rings
 * know nothing of the transport but virtq_notify(); the transport knows nothing of packets.
 */
#ifndef VIRTIO_NET_VIRTIO_H
#define VIRTIO_NET_VIRTIO_H

#include <unistd.h>

#include "base/event.h"
#include "virtio/net/ctrl.h"
#include "virtio/ring/split.h"

/* Control thread only. All return 0 or a negative errno with its sentence. */
struct virtio_transport {
	int (*open)(struct nic_dev *dev, const struct port_arg *args, unsigned n);
	/* Parse them, and open nothing. NULL: the transport has none of its own. */
	int (*check)(struct nic_dev *dev, const struct port_arg *args, unsigned n);
	void (*close)(struct nic_dev *dev);
	/* Which device it is, for people. */
	void (*describe)(const struct nic_dev *dev, char *text, size_t room);
	uint32_t last_ring; /* the highest number of a ring that it has a word for; 0: any */
};

/** The names of all that have one, each with a space before it. */
void virtio_feature_names(uint64_t features, char *text, size_t room);

struct virtio_dev {
	struct nic_dev nic;
	const struct virtio_transport *tp;
	uint64_t offered;
	uint64_t features;           /* negotiated */
	uint64_t config_features;    /* those whose fields in the configuration space were read */
	uint64_t first;              /* features of the first device: a later one gets no more */
	uint64_t forbidden;          /* features that the user's arguments exclude */
	uint8_t scalar;              /* vectorized=0 */
	uint32_t timeout_ms;         /* for a reply */
	uint64_t max_pairs;          /* queue pairs the device has */
	char where[128];             /* for messages: "the backend at /tmp/s0" */
	uint64_t transport_features; /* features that the transport needs, out of those offered */
	struct virtio_ctrl ctrl;
	uint32_t hash_types; /* that the device has, VIRTIO_NET_HASH_*; 0: none */
	uint8_t rss_warned;
	uint16_t rss_table; /* entries of its table that are used; 0: it has none */
};

DEFINE_CONTAINER(virtio_of, struct virtio_dev, nic.port)
DEFINE_CONTAINER(virtio_of_nic, struct virtio_dev, nic)

/**
 * Take the limits of hash and table from the configuration space, for features RSS and HASH_REPORT.
 * Limits that cannot be are logged once, and those features are not used.
 */
void virtio_take_rss(struct virtio_dev *vd, const struct virtio_net_config *config);

/*
 * Of struct nic_ops, whatever the transport. Its priv is the struct virtio_transport, and that of
 * the driver an array of two: without and with the hash in the header.
 */
int virtio_open(struct nic_dev *dev, const struct port_arg *args, unsigned n);
void virtio_close(struct nic_dev *dev);
void virtio_configure(struct nic_dev *dev);
size_t virtio_own_bytes(const struct nic_dev *dev);
bool virtio_spreads(const struct nic_dev *dev, const struct nic_queue *nq);
void virtio_attach(struct nic_dev *dev, struct nic_queue *nq);

/* Split rings and their buffers have 64-bit addresses: virtio 1.2, 2.7.5, 4.1.4.3. */
#define VIRTIO_NIC_OPS(kind, ring)                                                                 \
	.rx = &split_rx##kind, .tx = &split_tx##kind, .bursts = &ring##_bursts, .ring_bits = 64,   \
	.data_bits = 64, .one_buffer_hint = ", or use mrg_rxbuf=0", .open = virtio_open,           \
	.close = virtio_close, .configure = virtio_configure, .own_bytes = virtio_own_bytes,       \
	.own_attach = virtio_ctrl_attach, .stopping = virtio_ctrl_stop,                            \
	.queue_setup = virtq_setup, .queue_release = virtq_release, .spreads = virtio_spreads,     \
	.ring_bytes = virtq_ring_bytes, .ring_attach = virtio_attach, .kick = virtq_kick,          \
	.arm = virtq_arm, .can = virtio_ctrl_can, .set_mac = virtio_ctrl_mac,                      \
	.set_rx_mode = virtio_ctrl_rx_mode, .set_macs = virtio_ctrl_macs,                          \
	.set_vlan = virtio_ctrl_vlan, .set_rss = virtio_ctrl_rss

/* Arguments that every transport takes. */
extern const struct baton_arg virtio_args[];

/* Of struct port_ops; @device: the transport's type, which begins with struct virtio_dev. */
int virtio_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n);
#define VIRTIO_PORT_OPS(device) NIC_PORT_OPS(device, struct virtq), .check = virtio_check

#endif
