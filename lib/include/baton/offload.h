/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offloads: what is done to packets beside moving them.
 *
 * An application asks for offloads when it configures a port (struct baton_port_config). What the
 * device can do is in info.offloads; what it cannot, and Baton does instead, is in
 * info.soft_offloads. So an application is written once, for every port. A port that asks for none
 * pays for none.
 *
 * What an offload says of a packet, or is told for one, is in the packet's first token and in the
 * side record of its buffer.
 */
#ifndef BATON_OFFLOAD_H
#define BATON_OFFLOAD_H

#include <baton/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Offload: the L4 checksums of received packets are checked: those of TCP, UDP and SCTP.
 *
 * The L4 bits of the first token carry the result (enum baton_csum). A datagram of UDP over IPv4
 * that has no checksum is good. Fragments, other protocols, and packets whose headers are cut or
 * contradict their length stay BATON_CSUM_UNKNOWN. A packet with BATON_CSUM_PARTIAL comes with a
 * side record, so that the application can send it on as it is; l3_len of that record contains VLAN
 * tags, if any.
 */
#define BATON_OFFLOAD_RX_CSUM (1u << 0)

/**
 * Offload: the checksums of packets to send are completed.
 *
 * A packet asks for it with BATON_CSUM_PARTIAL in the L4 bits of its first token: the sum of the
 * pseudo-header is in place (SCTP has none: whatever is there), and the side record has l2_len,
 * l3_len and csum_offset, valid by BATON_SIDE_CSUM. Without this offload Baton completes the
 * checksum nevertheless.
 */
#define BATON_OFFLOAD_TX_CSUM (1u << 1)

/** Offload: the outer VLAN tag of received packets is removed, and is in the side record. */
#define BATON_OFFLOAD_RX_VLAN (1u << 2)

/** Offload: a second tag is removed as well, where there are two. It needs BATON_OFFLOAD_RX_VLAN.
 */
#define BATON_OFFLOAD_RX_QINQ (1u << 3)

/** Offload: the token's hash is the Toeplitz hash of the packet's flow (BATON_TOKEN_HASH). */
#define BATON_OFFLOAD_RX_HASH (1u << 4)

/** Offload: the side record has the packet type. */
#define BATON_OFFLOAD_RX_PTYPE (1u << 5)

/**
 * Offload: the side record has the time at which the packet was received.
 *
 * A device takes it by its own clock when the packet arrives (BATON_SIDE_DEVICE_CLOCK). Baton takes
 * CLOCK_REALTIME once for each burst, when the driver has handed over the burst's packets.
 */
#define BATON_OFFLOAD_RX_TIME (1u << 6)

/**
 * Offload: the checksums of the IPv4 headers of received packets are checked.
 *
 * The L3 bits of the first token carry the result (enum baton_csum).
 */
#define BATON_OFFLOAD_RX_IPV4_CSUM (1u << 7)

/**
 * Offload: packets longer than the MTU may be received, up to info.max_lro_len, in several buffers.
 *
 * The device merges TCP packets of one flow, and UDP datagrams if it offers that, or never cut
 * them. Such a packet comes with BATON_CSUM_PARTIAL in its L4 bits and a side record with
 * BATON_SIDE_SEGMENT: as BATON_OFFLOAD_TX_TSO takes it, so it may be sent on as it is. Packets that
 * are not longer than the MTU may come in that way, too. RX queues need room for more tokens at
 * once then (info.rx_max_segs). Only devices do this: there is none in software.
 */
#define BATON_OFFLOAD_RX_LRO (1u << 8)

/**
 * Offload: the side record has the mark that a rule of the device has given the packet.
 *
 * Who sets such rules is not Baton. A packet that no rule has marked has no mark. There is none in
 * software.
 */
#define BATON_OFFLOAD_RX_MARK (1u << 9)

/**
 * Offload: the device takes the times at which event packets of IEEE 1588-2008 are received: those
 * of Ethernet type 0x88f7, such as Sync and Delay_Req.
 *
 * It takes one time, and the next one when baton_port_rx_event() has fetched that. The side record
 * of the packet has BATON_SIDE_EVENT. There is none in software.
 */
#define BATON_OFFLOAD_RX_EVENT (1u << 10)

/** Offload: VLAN tags that the side record has are inserted into packets to send. */
#define BATON_OFFLOAD_TX_VLAN (1u << 16)

/**
 * Offload: TCP packets up to info.max_gso_len are cut into segments, each a packet of its own.
 *
 * A packet asks for it by a side record with BATON_SIDE_SEGMENT. Its headers are those of the first
 * segment; seg_size bytes of payload, and the rest in the last one, follow copies of them. Lengths,
 * IPv4's identification, sequence numbers and flags are set as Linux does it, and all checksums are
 * filled in, whatever is in their place. Such a packet may have more tokens than info.max_segs.
 */
#define BATON_OFFLOAD_TX_TSO (1u << 17)

/** Offload: the same for UDP: each segment is a datagram of its own. */
#define BATON_OFFLOAD_TX_USO (1u << 18)

/**
 * Offload: the checksums of the IPv4 headers of packets to send are filled in.
 *
 * A packet asks for it with BATON_CSUM_PARTIAL in the L3 bits of its first token; the side record
 * has l2_len and l3_len, valid by BATON_SIDE_CSUM.
 */
#define BATON_OFFLOAD_TX_IPV4_CSUM (1u << 19)

/**
 * Offload: the times at which packets left are reported (baton_tx_times()).
 *
 * A packet asks for it by a side record with BATON_SIDE_TX_TIME, and its `cookie` names it in the
 * report. A device takes the time by its own clock when the packet leaves it (BATON_CLOCK_DEVICE).
 * Baton takes CLOCK_REALTIME right after the device was told of the packet, as Linux does for
 * SOF_TIMESTAMPING_TX_SOFTWARE: the packet left at that time or later. A packet that is cut into
 * segments has the time of its last one.
 */
#define BATON_OFFLOAD_TX_TIME (1u << 21)

/**
 * Offload: the device takes the times at which event packets leave it.
 *
 * A packet asks for it by a side record with BATON_SIDE_TX_EVENT. The device takes one time, and
 * the next one when baton_port_tx_event() has fetched that: whoever asks for a second one before
 * gets none. There is none in software.
 */
#define BATON_OFFLOAD_TX_EVENT (1u << 22)

#define BATON_OFFLOAD_RX_ALL 0x0000fffdu /* the bits that offloads of received packets have */
#define BATON_OFFLOAD_TX_ALL 0xffff0002u /* the bits that offloads of packets to send have */

#define BATON_SIDE_SIZE 64 /* bytes of a side record */

#define BATON_SIDE_CSUM         (1u << 0) /* l2_len, l3_len and csum_offset are valid */
#define BATON_SIDE_VLAN         (1u << 1) /* vlan_tci is valid: RX: removed; TX: to be inserted */
#define BATON_SIDE_QINQ         (1u << 2) /* inner_tci is valid, too */
#define BATON_SIDE_SEGMENT      (1u << 3) /* l2_len, l3_len, l4_len, seg_size are valid: cut it */
#define BATON_SIDE_TIME         (1u << 4) /* timestamp is valid */
#define BATON_SIDE_PTYPE        (1u << 5) /* ptype is valid */
#define BATON_SIDE_MARK         (1u << 6) /* mark is valid */
#define BATON_SIDE_TX_TIME      (1u << 7) /* TX: cookie is valid: report the time of the packet */
#define BATON_SIDE_DEVICE_CLOCK (1u << 8) /* timestamp is by the clock of the device */
#define BATON_SIDE_EVENT        (1u << 9) /* RX: baton_port_rx_event() has the time of the packet */
#define BATON_SIDE_TX_EVENT     (1u << 10) /* TX: take the time for baton_port_tx_event() */

/**
 * The side record of a buffer, there if the token has BATON_TOKEN_SIDE. Only members whose
 * bit is set in `valid` say something.
 */
struct baton_side {
	uint32_t valid;     /* BATON_SIDE_* */
	uint32_t mark;      /* what a rule of the device has marked the packet with */
	uint64_t timestamp; /* RX: nanoseconds of CLOCK_REALTIME, or of the device's clock */
	uint32_t ptype;     /* BATON_PTYPE_* */
	uint16_t vlan_tci;  /* outer VLAN tag */
	uint16_t inner_tci; /* VLAN tag behind it */
	uint16_t vlan_type; /* number of the outer tag's Ethertype, 0x8100 or 0x88a8; TX: 0 is
			       0x8100 */
	/* Length of the link-layer header, in bytes; VLAN tags belong to it with
	 * BATON_SIDE_SEGMENT. */
	uint16_t l2_len;
	/* Length of the IP header, in bytes; in received packets without BATON_SIDE_SEGMENT that of
	 * VLAN tags in front of it is added. */
	uint16_t l3_len;
	uint16_t l4_len;   /* length of the TCP or UDP header, in bytes */
	uint16_t seg_size; /* payload of each segment to cut the packet into, in bytes */
	/* Offset of the L4 checksum from the end of l2_len + l3_len, in bytes: 16 for TCP, 6 for
	 * UDP, 8 for SCTP. */
	uint16_t csum_offset;
	uint16_t reserved[2];
	uint64_t cookie; /* TX: what baton_tx_times() is to call the packet */
	uint8_t app[16]; /* 16 bytes for the application, whatever `valid` says */
};

/**
 * Clocks of timestamps.
 *
 * Times of one clock can be compared: those of CLOCK_REALTIME with each other, and those of a
 * device's clock with each other, whether received or sent. A device's clock counts nanoseconds
 * from an origin of its own, and two devices have two clocks. Where a device takes times of one
 * direction only, a queue that asks for the offload by its own configuration, and not by its
 * port's, has times of CLOCK_REALTIME for both.
 */
enum baton_clock {
	BATON_CLOCK_REALTIME, /* CLOCK_REALTIME of this machine */
	BATON_CLOCK_DEVICE,   /* the clock of the port's device */
};

/** Packet types: one of each group, or 0 where it is not known. */
#define BATON_PTYPE_L2_ETHER 0x001u /* packets: Ethernet */
#define BATON_PTYPE_L2_ARP   0x002u /* packets: ARP */
#define BATON_PTYPE_L2_VLAN  0x003u /* packets: a VLAN tag in the frame */
#define BATON_PTYPE_L2_QINQ  0x004u /* packets: two VLAN tags in the frame */
#define BATON_PTYPE_L2_MASK  0x00fu /* bits of the group */
#define BATON_PTYPE_L3_IPV4  0x010u /* packets: IPv4 without options */
#define BATON_PTYPE_L3_IPV4X 0x020u /* packets: IPv4 with options */
#define BATON_PTYPE_L3_IPV6  0x030u /* packets: IPv6 without extension headers */
#define BATON_PTYPE_L3_IPV6X 0x040u /* packets: IPv6 with extension headers */
#define BATON_PTYPE_L3_MASK  0x0f0u /* bits of the group */
#define BATON_PTYPE_L4_TCP   0x100u /* packets: TCP */
#define BATON_PTYPE_L4_UDP   0x200u /* packets: UDP */
#define BATON_PTYPE_L4_SCTP  0x300u /* packets: SCTP */
#define BATON_PTYPE_L4_ICMP  0x400u /* packets: ICMP or ICMPv6 */
#define BATON_PTYPE_L4_FRAG  0x500u /* packets: a fragment; what it is of is not looked at */
#define BATON_PTYPE_L4_OTHER 0x600u /* packets: another protocol */
#define BATON_PTYPE_L4_MASK  0xf00u /* bits of the group */

#ifdef __cplusplus
static_assert(sizeof(struct baton_side) == BATON_SIDE_SIZE, "a side record is a cache line");
}
#else
_Static_assert(sizeof(struct baton_side) == BATON_SIDE_SIZE, "a side record is a cache line");
#endif

#endif
