/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames: by a socket of datagrams, or a TAP in a network namespace of its own. */
#include "qtest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAP_NAME "qtest0"

/* Return: -1 with errno. */
static int
make_tap(struct qtest *q)
{
	struct ifreq r = { .ifr_name = TAP_NAME,
			   .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	const int on = 1;
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	for (q->taps = 0; q->taps < QTEST_TAPS; q->taps++) {
		q->tap[q->taps] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (q->tap[q->taps] < 0 || ioctl(q->tap[q->taps], TUNSETIFF, &r) < 0)
			return -1;
	}
	close(q->frames);
	q->frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (q->frames < 0 || ioctl(q->frames, SIOCGIFFLAGS, &r) < 0)
		return -1;
	r.ifr_flags |= IFF_UP;
	at.sll_ifindex = (int)if_nametoindex(TAP_NAME);
	return ioctl(q->frames, SIOCSIFFLAGS, &r) < 0 ||
			       setsockopt(q->frames, SOL_PACKET, PACKET_VNET_HDR, &on,
					  sizeof(on)) ||
			       setsockopt(q->frames, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
					  sizeof(on)) ||
			       bind(q->frames, (struct sockaddr *)&at, sizeof(at))
		       ? -1
		       : 0;
}

void
qtest_open_tap(struct qtest *q)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ret;

	assert_true(home >= 0);
	ret = unshare(CLONE_NEWNET);
	if (!ret) {
		ret = make_tap(q);
		assert_int_equal(setns(home, CLONE_NEWNET), 0);
	}
	close(home);
	if (ret)
		fail_msg("there can be no TAP: %s", strerror(errno));
}

/* Whether QEMU has still to read a frame. */
static bool
is_waiting(const struct qtest *q)
{
	struct pollfd p[QTEST_TAPS];
	int left = 0;

	for (unsigned i = 0; i < q->taps; i++)
		p[i] = (struct pollfd){ .fd = q->tap[i], .events = POLLIN };
	if (q->taps)
		return poll(p, q->taps, 0) > 0;
	return !ioctl(q->frames, SIOCOUTQ, &left) && left;
}

void
qtest_send(struct qtest *q, const void *frame, size_t len)
{
	const int64_t until = qtest_now_ms() + q->patience_ms;

	assert_true(len > 0);
	if (sendto(q->frames, frame, len, MSG_NOSIGNAL, NULL, 0) != (ssize_t)len)
		qtest_lost(q, "a frame of %zu bytes cannot be sent to QEMU: %s", len,
			   strerror(errno));
	while (is_waiting(q)) {
		if (qtest_now_ms() > until)
			qtest_lost(q, "QEMU did not read a frame of %zu bytes in time", len);
		qtest_sync(q);
	}
	qtest_sync(q);
}

int
qtest_receive(struct qtest *q, void *frame, size_t room)
{
	ssize_t n;

	for (unsigned i = 0; i < 2; i++) {
		n = recv(q->frames, frame, room, MSG_DONTWAIT | MSG_TRUNC);
		if (n > (ssize_t)room)
			fail_msg("the NIC sent a frame of %zd bytes; there is room for %zu", n,
				 room);
		if (n > 0)
			return (int)n;
		if (!n || (errno != EAGAIN && errno != EINTR))
			qtest_lost(q, "QEMU closed the socket of its frames");
		qtest_sync(q);
	}
	return 0;
}
