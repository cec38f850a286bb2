/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segmentation and checksums in software, beside what Linux makes of the same packets: they are put
 * on a TAP device without offloads by a packet socket, with the header of virtio that asks for the
 * same, and the frames that come out of the device are compared byte by byte. What is received from
 * Linux must be good; and VLAN tags go where Linux puts them and are found where it finds them.
 */
#include "offload_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PACKETS 10000

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static int tap = -1, sock = -1;
static struct gso g;
static struct baton_token t[2048];

static const char *
write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY);
	const bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done ? NULL : path;
}

/* A network of our own. Return: what cannot be done here; NULL. */
static const char *
enter_namespace(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
	if (!geteuid() && !unshare(CLONE_NEWNET))
		return NULL;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return "no network namespace can be made here";
	return write_file("/proc/self/uid_map", map);
}

static const char *
open_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = 0 };
	const int on = 1, room = 8 << 20, control = socket(AF_INET, SOCK_DGRAM, 0);

	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr))
		return "no TAP device can be made here";
	write_file("/proc/sys/net/ipv6/conf/tap0/disable_ipv6", "1");
	ifr.ifr_mtu = 9000;
	assert_int_equal(ioctl(control, SIOCSIFMTU, &ifr), 0);
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	assert_int_equal(ioctl(control, SIOCSIFFLAGS, &ifr), 0);
	assert_int_equal(ioctl(control, SIOCGIFINDEX, &ifr), 0);
	close(control);
	sock = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = ifr.ifr_ifindex;
	if (sock < 0 || bind(sock, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		return "packet sockets have no PACKET_VNET_HDR here";
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return NULL;
}

static bool
up(void)
{
	const char *why = enter_namespace();

	if (!why)
		why = open_tap();
	if (why)
		printf("skipped: %s\n", why);
	return !why;
}

/* Have Linux send the packet. */
static void
give_linux(void)
{
	const uint32_t heads = g.l2 + g.l3 + g.l4;
	const bool segments = g.len - heads > g.seg;
	struct virtio_net_hdr h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = (uint8_t)(!segments       ? VIRTIO_NET_HDR_GSO_NONE
				      : g.proto == 17 ? VIRTIO_NET_HDR_GSO_UDP_L4
				      : g.ip == 4     ? VIRTIO_NET_HDR_GSO_TCPV4
						      : VIRTIO_NET_HDR_GSO_TCPV6),
		.hdr_len = (uint16_t)heads,
		.gso_size = segments ? (uint16_t)g.seg : 0,
		.csum_start = (uint16_t)(g.l2 + g.l3),
		.csum_offset = g.proto == 6 ? 16 : 6,
	};
	struct iovec iov[2] = { { &h, sizeof(h) }, { g.b, g.len } };

	assert_int_equal(writev(sock, iov, 2), sizeof(h) + g.len);
}

/* The next frame of ours that Linux sends. */
static uint32_t
take_linux(uint8_t *to, uint32_t room)
{
	struct pollfd wait = { .fd = tap, .events = POLLIN };

	for (;;) {
		const ssize_t n = read(tap, to, room);

		if (n > 0 && !memcmp(to, g.b, 12))
			return (uint32_t)n;
		if (n < 0)
			assert_int_equal(poll(&wait, 1, 10000), 1);
	}
}

/* What Linux has sent is received with good checksums. */
static void
receive(const uint8_t *frame, uint32_t len)
{
	static struct baton_token in[64], out[2048];
	const unsigned n = offload_scatter(frame, len, 2048, in, 64);

	rig.feed = in;
	rig.feeding = n;
	assert_int_equal(baton_rx_burst(rig.rx, out, 2048), n);
	assert_int_equal(out[0].flags >> BATON_TOKEN_L4_SHIFT & 3, BATON_CSUM_GOOD);
	assert_int_equal(out[0].flags >> BATON_TOKEN_L3_SHIFT & 3,
			 g.ip == 4 ? BATON_CSUM_GOOD : BATON_CSUM_UNKNOWN);
	assert_int_equal(baton_free(rig.worker, out, n), 0);
}

/* TCP's checksum may be one zero or the other; UDP's may not: there, 0 means none. */
static void
same_zero(uint8_t *frame)
{
	uint8_t *field = frame + g.l2 + g.l3 + 16;

	if (g.proto == 6 && !field[0] && !field[1])
		memset(field, 0xff, 2);
}

static void
compare(unsigned n)
{
	static uint8_t theirs[65600];
	uint32_t at = 0, segments = 0;

	offload_clear();
	assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
	give_linux();
	for (; at < rig.bytes; segments++) {
		const uint32_t len = take_linux(theirs, sizeof(theirs));

		assert_true(segments < rig.frames);
		assert_int_equal(rig.len[segments], len);
		receive(theirs, len);
		same_zero(theirs);
		assert_memory_equal(rig.wire + at, theirs, len);
		at += len;
	}
	assert_int_equal(segments, rig.frames);
}

static void
of(uint8_t ip, uint8_t proto)
{
	offload_open_rig(0, 16384);
	offload_start(BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO | BATON_OFFLOAD_RX_CSUM |
			      BATON_OFFLOAD_RX_IPV4_CSUM,
		      0, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		const bool large = i % 16 == 0;

		do
			gso_make(&g, large ? 65535 : 6000, large ? 8800 : 1500, true);
		while (g.ip != ip || g.proto != proto || g.len / g.seg > 100);
		compare(gso_tokens(&g, t));
	}
	assert_int_equal(rig.violations, 0);
	offload_close_rig();
}

/* ---- VLAN tags ---- */

/* Received from the TAP device with the tag apart, as Linux finds it. Return: bytes. */
static uint32_t
take_apart(uint8_t *to, uint32_t room, struct tpacket_auxdata *aux)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(*aux))];
	} control;
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { &h, sizeof(h) }, { to, room } };
	struct msghdr m = { .msg_iov = iov,
			    .msg_iovlen = 2,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct pollfd wait = { .fd = sock, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&wait, 1, 10000), 1);
	n = recvmsg(sock, &m, 0);
	assert_true(n > (ssize_t)sizeof(h));
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(aux, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(*aux));
	return (uint32_t)(n - (ssize_t)sizeof(h));
}

static void
tags_received(void)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8, 0x0800 };
	struct baton_token in, out[2048];
	struct tpacket_auxdata aux;
	uint8_t frame[200], theirs[300];

	offload_open_rig(0, 8192);
	offload_start(BATON_OFFLOAD_RX_VLAN, 0, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		const uint32_t len = 60 + rnd(140);
		const struct baton_side *side;
		uint32_t n;

		rnd_bytes(frame, len);
		frame[0] &= 0xfe;
		put16(frame + 12, tpids[rnd(3)]);
		put16(frame + 16, tpids[rnd(3)]);
		assert_int_equal(write(tap, frame, len), len);
		n = take_apart(theirs, sizeof(theirs), &aux);
		assert_int_equal(offload_scatter(frame, len, 2048, &in, 1), 1);
		rig.feed = &in;
		rig.feeding = 1;
		assert_int_equal(baton_rx_burst(rig.rx, out, 2048), 1);
		assert_int_equal(out[0].len, n);
		assert_memory_equal(baton_data(rig.worker, out[0]), theirs, n);
		assert_int_equal(!!(out[0].flags & BATON_TOKEN_SIDE),
				 !!(aux.tp_status & TP_STATUS_VLAN_VALID));
		side = baton_side(rig.worker, out[0]);
		if (aux.tp_status & TP_STATUS_VLAN_VALID) {
			assert_int_equal(side->vlan_tci, aux.tp_vlan_tci);
			assert_int_equal(side->vlan_type, aux.tp_vlan_tpid);
		}
		assert_int_equal(baton_free(rig.worker, out, 1), 0);
	}
	offload_close_rig();
}

/* Linux finds the tags that were inserted, and without them the frame is as it was. */
static void
tags_sent(void)
{
	struct tpacket_auxdata aux;
	uint8_t theirs[1600];

	offload_open_rig(0, 8192);
	offload_start(BATON_OFFLOAD_TX_VLAN, 0, 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct baton_side side = { .valid = BATON_SIDE_VLAN,
					   .vlan_tci = (uint16_t)rnd(65536),
					   .inner_tci = (uint16_t)rnd(65536) };
		uint32_t n, inner = 0;

		side.vlan_type = rnd(2) ? 0x8100 : 0x88a8;
		if (rnd(2)) {
			side.valid |= BATON_SIDE_QINQ;
			inner = 4;
		}
		gso_make(&g, 1400, 1000, true);
		g.b[0] &= 0xfe;
		n = offload_scatter(g.b, g.len, 500, t, 15);
		t[0].flags |= BATON_TOKEN_SIDE;
		*baton_side(rig.worker, t[0]) = side;
		offload_clear();
		assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
		assert_int_equal(write(tap, rig.wire, rig.len[0]), rig.len[0]);
		n = take_apart(theirs, sizeof(theirs), &aux);
		assert_int_equal(n, g.len + inner);
		assert_true(aux.tp_status & TP_STATUS_VLAN_VALID);
		assert_int_equal(aux.tp_vlan_tci, side.vlan_tci);
		assert_int_equal(aux.tp_vlan_tpid, side.vlan_type);
		if (inner) {
			assert_int_equal(theirs[12] << 8 | theirs[13], 0x8100);
			assert_int_equal(theirs[14] << 8 | theirs[15], side.inner_tci);
		}
		assert_memory_equal(theirs, g.b, 12);
		assert_memory_equal(theirs + 12 + inner, g.b + 12, g.len - 12);
	}
	offload_close_rig();
}

/* From now on, the socket receives what comes from the TAP device. */
static void
listen_to_tap(void)
{
	struct sockaddr_ll from = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	const int on = 1;

	from.sll_ifindex = (int)if_nametoindex("tap0");
	assert_int_equal(bind(sock, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
}

static void
all(void **state)
{
	if (!up())
		skip();
	of(4, 6);
	of(6, 6);
	of(4, 17);
	of(6, 17);
	listen_to_tap();
	tags_received();
	tags_sent();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
