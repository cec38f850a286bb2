/* SPDX-License-Identifier: BSD-3-Clause */
/* Backends that go, come back otherwise, break off, dawdle, refuse or cut the ground away: an error
 * or a degradation that is said, nothing lost. */
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s: %s", what, strerror(-ret), baton_last_error());
}

static enum baton_port_state
state_of(const struct rig *r)
{
	struct baton_port_info info;

	baton_port_info(r->port, &info);
	return info.state;
}

/* ---- goes and comes back ---- */

static void
hangs_up(bool server)
{
	static struct traffic t;
	static struct rig r;
	struct rig_config c = { .pool_count = 8192, .stop_timeout_ms = 5000, .server = server };
	struct baton_link link;

	rig_up(&r, &c);
	traffic_begin(&t, &r);
	for (unsigned i = 1; i <= 10; i++) {
		assert_true(traffic_flows(&t, 100, 10000));
		fakedev_set_deaf(r.fakedev, true);
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_LOST, i, 5000));
		assert_int_equal(state_of(&r), BATON_PORT_LOST);
		baton_port_link(r.port, &link);
		assert_int_equal(link.up, 0);
		rig_poll(&r, 10);
		assert_int_equal(r.events[BATON_EVENT_BACK], i - 1);
		fakedev_set_deaf(r.fakedev, false);
		assert_true(rig_wait_event(&r, BATON_EVENT_BACK, i, 5000));
		assert_int_equal(state_of(&r), BATON_PORT_STARTED);
		baton_port_link(r.port, &link);
		assert_int_equal(link.up, 1);
		/* Before the first connection nothing was lost, so events come in pairs. */
		assert_int_equal(r.events[BATON_EVENT_LOST], i);
	}
	assert_true(traffic_flows(&t, 100, 10000));
	must(baton_port_stop(r.port), "stop");
	traffic_end(&t);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

static void
hangs_up_client(void **state)
{
	hangs_up(false);
}

static void
hangs_up_server(void **state)
{
	hangs_up(true);
}

/* Stopped, or a queue of it, while it is away: nobody waits for the device. */
static void
stopped_while_away(void **state)
{
	struct rig_config c = { .pool_count = 4096, .pairs = 2 };
	struct baton_token tokens[RIG_BURST];
	struct rig r;

	rig_up(&r, &c);
	fakedev_set_deaf(r.fakedev, true);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	rig_poll(&r, 100);
	must(baton_rxq_stop(r.rxq[1]), "queue_stop");
	fakedev_set_deaf(r.fakedev, false);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	/* It came back without the queue. */
	assert_true(fakedev_runs(r.fakedev, 0));
	assert_false(fakedev_runs(r.fakedev, 2));
	assert_int_equal(baton_rx_burst(r.rxq[1], tokens, RIG_BURST), -ENETDOWN);
	must(baton_rxq_start(r.rxq[1]), "queue_start");
	assert_true(fakedev_runs(r.fakedev, 2));
	rig_roundtrip_rx(&r, 60, 1);
	fakedev_set_deaf(r.fakedev, true);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 2, 5000));
	baton_port_stop(r.port);
	assert_int_equal(state_of(&r), BATON_PORT_STOPPED);
	fakedev_set_deaf(r.fakedev, false);
	must(baton_port_start(r.port), "start");
	rig_roundtrip_rx(&r, 60, 2);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* The backend ends altogether, and another one makes the socket anew. */
static void
another_backend(void **state)
{
	for (int server = 0; server < 2; server++) {
		struct rig_config c = { .pool_count = 4096, .server = server };
		struct rig r;

		rig_up(&r, &c);
		for (unsigned i = 1; i <= 3; i++) {
			fakedev_stop(r.fakedev);
			assert_true(rig_wait_event(&r, BATON_EVENT_LOST, i, 5000));
			rig_poll(&r, 20);
			r.fakedev = fakedev_start(&r.config.fakedev);
			assert_non_null(r.fakedev);
			assert_true(rig_wait_event(&r, BATON_EVENT_BACK, i, 5000));
			rig_roundtrip_rx(&r, 600, i);
			rig_roundtrip_tx(&r, 600, i);
		}
		assert_string_equal(fakedev_driver_error(r.fakedev), "");
		rig_discard(&r);
	}
}

static void
link_of_the_device(void **state)
{
	struct rig_config c = { .pool_count = 4096,
				.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_STATUS,
					     .protocol = FAKEDEV_PROTOCOL | FAKEDEV_P_CONFIG } };
	struct baton_link link;
	struct rig r;

	rig_up(&r, &c);
	for (unsigned i = 1; i <= 4; i++) {
		baton_port_link(r.port, &link);
		assert_int_equal(link.up, i & 1);
		fakedev_set_link(r.fakedev, !(i & 1));
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_BACK, i, 5000));
	}
	rig_discard(&r);
}

/* ---- comes back otherwise ---- */

static void
changed(void (*change)(struct fakedev *l), void (*mend)(struct fakedev *l), const char *word)
{
	struct rig_config c = { .pool_count = 8192, .pairs = 2, .timeout_ms = 400 };
	struct rig r;

	rig_up(&r, &c);
	change(r.fakedev);
	r.logged[0] = '\0';
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	for (uint64_t end = rig_now_ms() + 5000; !strstr(r.logged, word) && rig_now_ms() < end;)
		rig_poll(&r, 5);
	rig_poll(&r, 200); /* not for the one attempt only */
	assert_int_equal(state_of(&r), BATON_PORT_LOST);
	assert_int_equal(r.events[BATON_EVENT_BACK], 0);
	if (!strstr(r.logged, word))
		fail_msg("no \"%s\" in: %s", word, r.logged);
	mend(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_roundtrip_rx(&r, 600, 1);
	rig_roundtrip_tx(&r, 600, 2);
	rig_discard(&r);
}

static void
no_merging(struct fakedev *l)
{
	fakedev_set_features(l, (FAKEDEV_FEATURES | FAKEDEV_F_MQ) & ~FAKEDEV_F_MRG_RXBUF);
}

static void
as_before(struct fakedev *l)
{
	fakedev_set_features(l, FAKEDEV_FEATURES | FAKEDEV_F_MQ);
	fakedev_set_max_queues(l, 2);
	fakedev_lie(l, WIRE_SET_FEATURES, FAKEDEV_HONEST, 0);
	fakedev_lie(l, WIRE_GET_FEATURES, FAKEDEV_HONEST, 0);
	fakedev_lie(l, WIRE_SET_MEM_TABLE, FAKEDEV_HONEST, 0);
}

static void
one_pair(struct fakedev *l)
{
	fakedev_set_max_queues(l, 1);
}

static void
refuses(struct fakedev *l)
{
	fakedev_lie(l, WIRE_SET_FEATURES, FAKEDEV_VALUE, 1);
}

static void
says_nothing(struct fakedev *l)
{
	fakedev_lie(l, WIRE_GET_FEATURES, FAKEDEV_SILENT, 0);
}

static void
breaks_off(struct fakedev *l)
{
	fakedev_lie(l, WIRE_SET_MEM_TABLE, FAKEDEV_CLOSE, 7);
}

static void
other_features(void **state)
{
	changed(no_merging, as_before, "offers features");
}

static void
fewer_queues(void **state)
{
	changed(one_pair, as_before, "1 queue pairs, 2 are in use");
}

static void
refuses_when_back(void **state)
{
	changed(refuses, as_before, "refused SET_FEATURES");
}

static void
silent_when_back(void **state)
{
	changed(says_nothing, as_before, "does not answer");
}

static void
breaks_off_when_back(void **state)
{
	changed(breaks_off, as_before, "SET_MEM_TABLE");
}

/* What it offers in addition is not used; what it leaves out and nobody depends on is done without.
 */
static void
more_features(void **state)
{
	struct rig_config c = { .pool_count = 4096,
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };
	struct rig r;

	rig_up(&r, &c);
	fakedev_set_features(r.fakedev, FAKEDEV_FEATURES | FAKEDEV_F_CTRL | FAKEDEV_F_NET_MTU);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	assert_int_equal(fakedev_features(r.fakedev), FAKEDEV_FEATURES);
	rig_roundtrip_rx(&r, 600, 1);
	rig_roundtrip_tx(&r, 600, 2);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* One that accepts and says nothing holds nobody up: the control thread serves on. */
static void
control_thread_is_free(void **state)
{
	struct rig_config c = { .pool_count = 4096, .timeout_ms = 30000 };
	uint64_t longest = 0, end;
	struct rig r;

	rig_up(&r, &c);
	says_nothing(r.fakedev);
	fakedev_hang_up(r.fakedev);
	for (end = rig_now_ms() + 500; rig_now_ms() < end;) {
		uint64_t begin = rig_now_ms();

		baton_ctx_poll(r.ctx, 5);
		longest = rig_now_ms() - begin > longest ? rig_now_ms() - begin : longest;
	}
	assert_in_range(longest, 0, 15000);
	assert_int_equal(state_of(&r), BATON_PORT_LOST);
	rig_discard(&r);
}

/* ---- breaks off, is late, refuses ---- */

static void
open_and_start(enum wire_request request, enum fakedev_lie lie, uint64_t value, uint64_t protocol,
	       const char *word)
{
	struct rig_config c = { .timeout_ms = lie == FAKEDEV_LATE ? 800 : 5000,
				.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_NET_MTU,
					     .protocol = protocol } };
	uint64_t begin = rig_now_ms();
	struct rig r;
	int ret;

	rig_prepare(&r, &c);
	fakedev_lie(r.fakedev, request, lie, value);
	ret = rig_open(&r);
	if (ret == 0)
		ret = rig_start(&r);
	if (ret >= 0)
		fail_msg("request %u, lie %d: believed", request, lie);
	if (!strstr(baton_last_error(), word))
		fail_msg("request %u, lie %d: no \"%s\" in: %s", request, lie, word,
			 baton_last_error());
	assert_in_range(rig_now_ms() - begin, 0, 4000);
	rig_discard(&r);
}

#define ALL_PROTOCOL (FAKEDEV_PROTOCOL | FAKEDEV_P_CONFIG | FAKEDEV_P_STATUS)

/* What a port can do without is in test_virtio_agree.c. */
static void
dies_in_the_middle(void **state)
{
	static const enum wire_request requests[] = {
		WIRE_GET_FEATURES,   WIRE_SET_OWNER,        WIRE_SET_MEM_TABLE,
		WIRE_SET_FEATURES,   WIRE_SET_STATUS,       WIRE_SET_VRING_NUM,
		WIRE_SET_VRING_BASE, WIRE_SET_VRING_ADDR,   WIRE_SET_VRING_CALL,
		WIRE_SET_VRING_KICK, WIRE_SET_VRING_ENABLE,
	};

	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		/* In the middle of our message, and of its own. */
		open_and_start(requests[i], FAKEDEV_HALF, 0, ALL_PROTOCOL, "");
		open_and_start(requests[i], FAKEDEV_CLOSE, 13, ALL_PROTOCOL, "hung up");
	}
}

static void
dies_while_we_stop(void **state)
{
	static const enum fakedev_lie kinds[] = { FAKEDEV_CLOSE, FAKEDEV_HALF, FAKEDEV_SILENT };

	for (unsigned i = 0; i < 6; i++) {
		struct rig_config c = { .timeout_ms = 400, .pool_count = 2048 };
		struct rig r;
		bool keeps;

		rig_up(&r, &c);
		/* What let go of nothing may write to buffers; what kept nothing may not. */
		keeps = !(i % 2) && !rig_bounced(&r);
		fakedev_leave_memory(r.fakedev, !(i % 2));
		fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, kinds[i % 3], 7);
		assert_int_equal(baton_port_stop(r.port), keeps ? -ETIMEDOUT : 0);
		if (keeps)
			assert_non_null(strstr(baton_last_error(), "quarantined"));
		rig_check_sum(&r);
		fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, FAKEDEV_HONEST, 0);
		must(baton_port_start(r.port), "start");
		rig_roundtrip_rx(&r, 60, 1);
		must(baton_port_stop(r.port), "stop");
		rig_discard(&r);
	}
}

/* One queue is stopped, and the device says nothing: the port is lost and comes back. */
static void
dies_while_a_queue_stops(void **state)
{
	struct rig_config c = { .timeout_ms = 400, .pool_count = 4096, .pairs = 2 };
	struct rig r;

	rig_up(&r, &c);
	fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, FAKEDEV_CLOSE, 7);
	assert_true(baton_rxq_stop(r.rxq[1]) < 0);
	fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, FAKEDEV_HONEST, 0);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	rig_check_sum(&r);
	assert_false(fakedev_runs(r.fakedev, 2));
	must(baton_rxq_start(r.rxq[1]), "queue_start");
	rig_roundtrip_rx(&r, 60, 1);
	rig_discard(&r);
}

static void
late(void **state)
{
	struct rig_config c = { .timeout_ms = 2000 };
	struct rig r;

	rig_prepare(&r, &c);
	fakedev_lie(r.fakedev, WIRE_GET_FEATURES, FAKEDEV_LATE, 50);
	fakedev_lie(r.fakedev, WIRE_SET_MEM_TABLE, FAKEDEV_LATE, 50);
	must(rig_open(&r), "open");
	must(rig_start(&r), "start");
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
	open_and_start(WIRE_GET_FEATURES, FAKEDEV_LATE, 1600, FAKEDEV_PROTOCOL,
		       "did not answer GET_FEATURES");
	open_and_start(WIRE_SET_FEATURES, FAKEDEV_LATE, 1600, FAKEDEV_PROTOCOL,
		       "did not answer SET_FEATURES");
}

static void
refuses_what_it_offered(void **state)
{
	open_and_start(WIRE_SET_FEATURES, FAKEDEV_VALUE, 1, ALL_PROTOCOL, "refused SET_FEATURES");
	open_and_start(WIRE_GET_STATUS, FAKEDEV_VALUE, 3, ALL_PROTOCOL, "does not accept features");
	open_and_start(WIRE_SET_VRING_ENABLE, FAKEDEV_VALUE, 1, ALL_PROTOCOL,
		       "refused SET_VRING_ENABLE");
}

/* ---- cuts the ground away ---- */

static void
closes_the_call_fd(void **state)
{
	struct rig r;

	rig_up(&r, &(struct rig_config){ 0 });
	fakedev_close_call(r.fakedev, FAKEDEV_RX);
	fakedev_close_call(r.fakedev, FAKEDEV_TX);
	for (unsigned i = 0; i < 100; i++) {
		rig_roundtrip_rx(&r, 60, i);
		rig_roundtrip_tx(&r, 60, i);
	}
	assert_true(baton_rxq_arm(r.rx) >= 0);
	baton_rxq_disarm(r.rx);
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
}

static void
truncates_memory(void **state)
{
	struct rig_config c = { .fakedev.keep_memory = true };
	struct rig r;

	rig_up(&r, &c);
	assert_int_equal(fakedev_truncate(r.fakedev), 0);
	rig_roundtrip_rx(&r, 1514, 1);
	rig_roundtrip_tx(&r, 1514, 2);
	rig_down(&r);
}

static void
unmaps_memory(void **state)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[60];
	struct rig r;

	rig_up(&r, &(struct rig_config){ 0 });
	rig_frame(frame, sizeof(frame), 1);
	rig_packet(&r, frame, sizeof(frame), 0, t);
	fakedev_unmap(r.fakedev);
	assert_int_equal(baton_tx_burst(r.tx, t, 1), 1);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
	must(baton_port_stop(r.port), "stop");
	rig_check_home(&r);
	must(baton_port_start(r.port), "start");
	rig_roundtrip_rx(&r, 60, 1);
	rig_discard(&r);
}

/* ---- two on one socket ---- */

static void
two_ports(void **state)
{
	struct baton_port *second;
	char args[200];

	for (int server = 0; server < 2; server++) {
		struct rig_config c = { .server = server };
		unsigned before;
		struct rig r;

		rig_up(&r, &c);
		before = rig_fds();
		for (int as = 0; as < 2; as++) {
			snprintf(args, sizeof(args),
				 "net_virtio_user7,path=%s,timeout=100,wait=100,server=%d", r.path,
				 as);
			assert_int_equal(baton_port_open(r.ctx, args, &second), -EBUSY);
			assert_non_null(strstr(baton_last_error(), "in use"));
		}
		assert_int_equal(rig_fds(), before);
		rig_roundtrip_rx(&r, 60, 1);
		rig_down(&r);
	}
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
second_backend(void **state)
{
	struct rig_config c = { .server = true };
	unsigned before;
	struct rig r;
	char byte;
	int fd;

	rig_up(&r, &c);
	before = rig_fds();
	for (unsigned i = 0; i < 3; i++) {
		fd = connect_to(r.path);
		rig_poll(&r, 20);
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0); /* closed */
		close(fd);
		assert_non_null(strstr(r.logged, "second backend"));
		rig_roundtrip_rx(&r, 60, i);
	}
	assert_int_equal(rig_fds(), before);
	assert_int_equal(r.events[BATON_EVENT_LOST], 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		traffic_test(hangs_up_client),
		traffic_test(hangs_up_server),
		cmocka_unit_test(stopped_while_away),
		cmocka_unit_test(another_backend),
		cmocka_unit_test(link_of_the_device),
		cmocka_unit_test(other_features),
		cmocka_unit_test(fewer_queues),
		cmocka_unit_test(refuses_when_back),
		cmocka_unit_test(silent_when_back),
		cmocka_unit_test(breaks_off_when_back),
		cmocka_unit_test(more_features),
		cmocka_unit_test(control_thread_is_free),
		cmocka_unit_test(dies_in_the_middle),
		cmocka_unit_test(dies_while_we_stop),
		cmocka_unit_test(dies_while_a_queue_stops),
		cmocka_unit_test(late),
		cmocka_unit_test(refuses_what_it_offered),
		cmocka_unit_test(closes_the_call_fd),
		cmocka_unit_test(truncates_memory),
		cmocka_unit_test(unmaps_memory),
		cmocka_unit_test(two_ports),
		cmocka_unit_test(second_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
