/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract between the kit and the driver of a device that does DMA.
 *
 * The kit owns the order of things. At start: the device is there and confirmed to use nothing
 * (ready), ring memory, slots, rings laid out and filled, all of it made known (publish), then
 * start, then what the application has asked for before (settings). At stop: drain up to a
 * deadline, stop, and what a device has not confirmed to have let go of goes into quarantine. A
 * driver is asked for single steps, and cannot forget the others.
 *
 * All but the bursts, and what says "the queue's thread", runs on the control thread, with the
 * workers outside of their bursts.
 */
#ifndef BATON_NIC_NIC_H
#define BATON_NIC_NIC_H

#include "base/container.h"
#include "nic/codec.h"

#define NIC_MAX_MACS 64

struct nic_dev;
struct nic_pci;
struct nic_pci_ops;
struct nic_peer;
struct nic_phy;
struct nic_phy_ops;

enum nic_setting { NIC_SET_MAC, NIC_SET_RX_MODE, NIC_SET_MACS, NIC_SET_VLAN, NIC_SET_LINK };

typedef int nic_burst(struct baton_queue *q, struct baton_token *tokens, unsigned n);

/* What nic/bursts.h makes of the codecs. */
struct nic_bursts {
	nic_burst *rx[4], *rx_bounce[4];     /* by mode: bits NIC_MODE_SEGS and _META */
	nic_burst *rx_info, *rx_info_bounce; /* NIC_MODE_INFO; NULL: no describe() */
	nic_burst *tx, *tx_bounce;
	unsigned (*waiting)(const struct nic_queue *nq); /* the control thread */
	/* The queue's thread, as the bursts. */
	int (*peek)(const struct nic_queue *nq, struct baton_peek *peeks, unsigned n);
	int (*tx_clean)(struct nic_queue *nq, unsigned budget);
};

struct nic_ops {
	/* ---- what the device is; constants ---- */

	const struct rx_codec *rx;
	const struct tx_codec *tx;
	const struct nic_bursts *bursts;
	const struct nic_pci_ops *pci; /* nic/pci.h; NULL: it is not on PCI */
	const struct nic_phy_ops *phy; /* nic/phy.h; NULL: no PHY of which the kit knows */
	const void *priv;              /* the driver's own */

	uint8_t ring_bits, data_bits; /* of the addresses of rings and packets; open() may
					 set port->reach.device_*_bits instead */
	uint8_t desc_bytes;           /* of all rings, for each place; else ring_bytes() */
	uint8_t max_macs;             /* addresses in its table; 0: NIC_MAX_MACS */
	uint32_t offloads;            /* BATON_OFFLOAD_*; open() may add some */

	/*
	 * What a user can do if a packet may take too many buffers, such as ", or use X=0"; "" or
	 * NULL.
	 */
	const char *one_buffer_hint;

	/* ---- the device ---- */

	/*
	 * Find the device by the arguments, and have it: set the limits, MAC and MTU of port->info
	 * (nic_set_limits()).
	 */
	int (*open)(struct nic_dev *dev, const struct port_arg *args, unsigned n);
	void (*close)(struct nic_dev *dev);
	/*
	 * Decide what the device is started with, such as offloads, by what the port is configured
	 * for: when it was, before its queues are set up, and at each start. It may choose other
	 * constants for dev->ops, by offloads. NULL: nothing.
	 */
	void (*configure)(struct nic_dev *dev);
	/*
	 * Check that the device is available, that it is the one that the queues were set up for,
	 * and that it uses no memory of an earlier run, if dev->port.reach.quarantines has any.
	 */
	int (*ready)(struct nic_dev *dev);
	/* Tell the device what is mapped in port.reach.ioas. NULL: the device need not be told. */
	int (*publish)(struct nic_dev *dev);
	/* As in struct port_ops. */
	int (*renew_space)(struct nic_dev *dev);
	/*
	 * Start the device with all rings of queues that are not stopped. If this fails,
	 * dev->unconfirmed says that the device may use the rings nevertheless.
	 */
	int (*start)(struct nic_dev *dev);
	/* Return 0 only if the device has confirmed that it let go. */
	int (*stop)(struct nic_dev *dev);
	/* The rings are to be emptied, after drain: what must end before the queues do. Or NULL. */
	void (*stopping)(struct nic_dev *dev);
	/*
	 * Start or stop one ring of a started device. ring_stop returns 0 only if the device has
	 * confirmed that it let go of the ring. NULL: it cannot.
	 */
	int (*ring_start)(struct nic_dev *dev, struct nic_queue *nq);
	int (*ring_stop)(struct nic_dev *dev, struct nic_queue *nq);
	/* Whether ring_stop can be asked of this device. Return: 0; -ENOTSUP, with why. NULL: it
	 * can. */
	int (*ring_can_stop)(const struct nic_dev *dev);
	/*
	 * Do what the device needs so that its other rings go on, after a ring was stopped and is
	 * empty. NULL: nothing.
	 */
	void (*ring_idle)(struct nic_dev *dev, struct nic_queue *nq);
	/* A device that went away: 0: it can write to nothing any more; -EAGAIN: not yet known;
	 * -ETIMEDOUT: not to be known. */
	int (*lost)(struct nic_dev *dev);
	/* Who may still write to what was not confirmed: a reference of the caller's own. NULL: the
	 * device. */
	struct mem_holder *(*holder)(const struct nic_dev *dev);
	/* Drop the device and have it anew. */
	int (*reset)(struct nic_dev *dev);

	/* ---- rings ---- */

	/* What a queue needs beside the kit's records. The kit has set nq->key. NULL: nothing. */
	int (*queue_setup)(struct nic_dev *dev, struct nic_queue *nq);
	void (*queue_release)(struct nic_dev *dev, struct nic_queue *nq);
	/* RX: whether the device spreads packets over several buffers. NULL: it does. */
	bool (*spreads)(const struct nic_dev *dev, const struct nic_queue *nq);
	/*
	 * RX: of @bytes in a buffer, what the device can be told to use: sizes may have steps.
	 * NULL: all. 0: too few.
	 */
	uint32_t (*rx_room)(uint32_t bytes);
	/*
	 * RX: bytes that the device puts in front of each packet in its first buffer, behind the
	 * header of the codec, as the port is configured: a time, for instance. At most 64. Asked
	 * of ports with NIC_MODE_INFO. NULL: none.
	 */
	uint8_t (*rx_front)(const struct nic_dev *dev);
	/*
	 * Ask for a wake-up at the next completion of the queue, which makes q->wake_fd readable,
	 * or for none any more. NULL: the device cannot. On PCI, only queues with an interrupt
	 * (nq->vector) are armed. The queue's thread.
	 */
	void (*arm)(struct nic_queue *nq, bool on);
	/* Control memory that the device needs beside rings, and the function that gets it. */
	size_t (*own_bytes)(const struct nic_dev *dev);
	void (*own_attach)(struct nic_dev *dev, size_t offset);
	/* Bytes of ring memory for a queue of nq->q.descs places, in all its rings. NULL:
	 * desc_bytes for each. The queues' memory follows one another from the begin of a page on.
	 */
	size_t (*ring_bytes)(const struct nic_queue *nq);
	/*
	 * Lay out a ring in nq->mem, which is zeroed, and choose other bursts than the kit has.
	 * nq is rewound. NULL: nothing.
	 */
	void (*ring_attach)(struct nic_dev *dev, struct nic_queue *nq);
	/* Notify the device of what is posted, unconditionally. NULL: commit() of the codec. */
	void (*kick)(struct nic_queue *nq);

	/* ---- settings; NULL: the device has no such one ---- */

	/* Whether this device has the setting. Return: 0; -ENOTSUP, with why. NULL: it has. */
	int (*can)(const struct nic_dev *dev, enum nic_setting setting, const char *what);
	int (*set_mac)(struct nic_dev *dev, const uint8_t mac[6]);
	int (*set_rx_mode)(struct nic_dev *dev, enum port_rx_mode mode, bool on);
	int (*set_macs)(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n);
	int (*set_vlan)(struct nic_dev *dev, uint16_t vid, bool on);
	/*
	 * Have the speed and the flow control that port->wants has; what the PHY does so already
	 * stays as it is, so that the link does. It is asked for at each start, after `start`. See
	 * struct port_link for what open() sets.
	 */
	int (*set_link)(struct nic_dev *dev);
	/*
	 * Hash received packets, and choose queues, as port->rss has it. It is asked for at each
	 * start, after `start`, if the device has hash types (info.rss_types). Its table counts
	 * only with table_len; the hash only with BATON_OFFLOAD_RX_HASH in port->offloads.
	 */
	int (*set_rss)(struct nic_dev *dev, const struct port_rss *rss);
	/*
	 * As in struct port_ops, for devices with BATON_OFFLOAD_RX_EVENT or _TX_EVENT: describe()
	 * says BATON_SIDE_EVENT of a packet, p->event asks for the time of one. `start` starts the
	 * clock.
	 */
	int (*clock)(struct nic_dev *dev, enum port_clock what, uint64_t *ns);
};

/* What the application asked for, which the device gets again after a reset or a return. */
struct nic_settings {
	enum { NIC_UNSET, NIC_OFF, NIC_ON } rx_mode[2]; /* by enum port_rx_mode */
	uint8_t n_macs;
	uint8_t mac[6]; /* zeros: not changed */
	uint8_t macs[NIC_MAX_MACS][6];
	uint32_t vlans[4096 / 32];
	bool filters_vlans; /* one was asked for, on or off */
};

/* What a device says of itself. */
struct nic_limits {
	uint32_t queues; /* of each direction */
	uint32_t min_descs, max_descs;
	uint32_t frame; /* bytes of the longest, without FCS */
	uint64_t mac;   /* as nic_mac_bits() */
};

/* Offloads that make a port's RX bursts ask describe(), if its device does them. */
#define NIC_INFO_OFFLOADS                                                                          \
	(BATON_OFFLOAD_RX_VLAN | BATON_OFFLOAD_RX_QINQ | BATON_OFFLOAD_RX_HASH |                   \
	 BATON_OFFLOAD_RX_PTYPE | BATON_OFFLOAD_RX_TIME | BATON_OFFLOAD_RX_MARK |                  \
	 BATON_OFFLOAD_RX_EVENT)

struct nic_dev {
	struct baton_port port;
	const struct nic_ops *ops;
	uint8_t *ring_base; /* NULL: there are no rings */
	uint64_t ring_iova;
	size_t ring_bytes;
	uint8_t unconfirmed;   /* a start failed, and the device did not confirm that it let go */
	uint8_t link;          /* as the device has it */
	struct nic_pci *pci;   /* nic/pci.h; NULL: it is not on PCI */
	struct nic_peer *peer; /* nic/peer.h; NULL: it is no process */
	struct nic_phy *phy;   /* nic/phy.h; NULL: the kit knows of none */
	struct nic_limits limits; /* nic_set_limits() */
	struct nic_settings settings;
};

DEFINE_CONTAINER(nic_of, struct nic_dev, port)

/** The address of a queue's ring for the device. */
static inline uint64_t
nic_ring_iova(const struct nic_dev *dev, const struct nic_queue *nq)
{
	return dev->ring_iova + nq->offset;
}

/** A MAC address as a number, its first byte the lowest. */
static inline uint64_t
nic_mac_bits(const uint8_t mac[6])
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 6; i++)
		bits |= (uint64_t)mac[i] << 8 * i;
	return bits;
}

/** The queues of both directions, RX first. Return: NULL after the last. */
static inline struct nic_queue *
nic_queue(const struct nic_dev *dev, unsigned i)
{
	const struct baton_port *port = &dev->port;

	if (i < port->info.rx_queues)
		return nic_queue_of(port->rxq[i]);
	i -= port->info.rx_queues;
	return i < port->info.tx_queues ? nic_queue_of(port->txq[i]) : NULL;
}

/* ---- life.c: of struct port_ops ---- */

int nic_open(struct baton_port *port, const struct port_arg *args, unsigned n);
void nic_close(struct baton_port *port);
void nic_configured(struct baton_port *port);
int nic_start(struct baton_port *port);
int nic_stop(struct baton_port *port);
int nic_lost(struct baton_port *port);
int nic_reset(struct baton_port *port);
int nic_renew_space(struct baton_port *port);
int nic_queue_start(struct baton_queue *q);
int nic_queue_stop(struct baton_queue *q);
unsigned nic_completed(const struct baton_queue *q); /* the queue's thread */

/** Start a device that came back, with its rings set up anew. */
int nic_bring_up(struct nic_dev *dev);

/** Give a queue that holds nothing its ring anew. */
void nic_attach(struct nic_dev *dev, struct nic_queue *nq);

/* ---- check.c ---- */

/** Check that a driver is complete and does not contradict itself. Return: 0; -EINVAL, by its name.
 */
int nic_check_ops(const struct baton_driver *driver);

/** Check what open() has declared of the device. Return: as above. */
int nic_check_device(const struct nic_dev *dev);

/* ---- queue.c ---- */

/* Of struct port_ops. */
int nic_queue_setup(struct baton_port *port, struct baton_queue *q);
void nic_queue_release(struct baton_port *port, struct baton_queue *q);
/* The same, the queue's thread. */
int nic_arm(struct baton_queue *q);
void nic_disarm(struct baton_queue *q);
int nic_tx_clean(struct baton_queue *q, unsigned budget);
int nic_rx_peek(struct baton_queue *q, struct baton_peek *peeks, unsigned n);

/** Fill an RX ring. Return: 0; -ENOBUFS. */
int nic_queue_fill(struct nic_queue *nq);

/** Packets that were sent by the application and not by the device, or the other way round. */
unsigned nic_queue_unfinished(const struct nic_queue *nq);

/* ---- settings.c ---- */

/**
 * Set the limits of port->info, and the MAC address, by what a device says of itself: the first
 * time, and each time that it was opened anew. Return: 0; -EPROTO for what cannot be, and for a
 * device that has less than the first one.
 */
int nic_set_limits(struct nic_dev *dev, const struct nic_limits *limits);

/* Of struct port_ops. */

int nic_set_mac(struct baton_port *port, const uint8_t mac[6]);
int nic_set_rx_mode(struct baton_port *port, enum port_rx_mode mode, int on);
int nic_set_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n);
int nic_set_vlan(struct baton_port *port, uint16_t vid, int on);
int nic_clock(struct baton_port *port, enum port_clock what, uint64_t *ns);
int nic_set_speeds(struct baton_port *port, uint32_t speeds, int fixed);
int nic_set_flow_control(struct baton_port *port, const struct baton_flow_control *config);

/** Send all settings to a device that was just started. One that the device refuses is logged. */
void nic_replay(struct nic_dev *dev);

/**
 * The members of struct port_ops that the kit implements for every driver. @device, @queue: its
 * types. The priv of its struct baton_driver is its struct nic_ops.
 */
#define NIC_PORT_OPS(device, queue)                                                                \
	.port_size = sizeof(device), .rxq_size = sizeof(queue), .txq_size = sizeof(queue),         \
	.open = nic_open, .close = nic_close, .configured = nic_configured,                        \
	.queue_setup = nic_queue_setup, .queue_release = nic_queue_release, .start = nic_start,    \
	.stop = nic_stop, .queue_start = nic_queue_start, .queue_stop = nic_queue_stop,            \
	.lost = nic_lost, .reset = nic_reset, .renew_space = nic_renew_space, .arm = nic_arm,      \
	.disarm = nic_disarm, .tx_clean = nic_tx_clean, .peek = nic_rx_peek,                       \
	.set_rx_mode = nic_set_rx_mode, .set_macs = nic_set_macs, .set_vlan = nic_set_vlan,        \
	.set_speeds = nic_set_speeds, .set_flow_control = nic_set_flow_control,                    \
	.set_mac = nic_set_mac, .clock = nic_clock, .in_flight = nic_queue_in_flight,              \
	.completed = nic_completed, .held = nic_queue_held

#endif
