/* SPDX-License-Identifier: BSD-3-Clause */
/* net_ring: what is handed over, copied, refused, kept on the wire and counted. */
#include "net_ring_rig.h"

static int
one_pool(void **state)
{
	return rig_up(state, 1);
}

static int
two_pools(void **state)
{
	return rig_up(state, 2);
}

/* ---- who is opposite whom ---- */

static void
open_refused(struct rig *r, const char *devargs, int err, const char *words)
{
	struct baton_port *port;

	refused(baton_port_open(r->ctx, devargs, &port), err, words);
}

static void
peers(void **state)
{
	struct rig *r = *state;
	struct baton_port_info info;
	struct baton_port *p[3];

	open_refused(r, "net_ring2,peer=net_ring1", EBUSY,
		     "net_ring1, its peer, is the peer of net_ring0");
	open_refused(r, "net_ring4,peer=net_null0", EINVAL, "peer=net_null0");
	open_refused(r, "net_ring4,peer=net_ring", EINVAL, "net_ring1");
	open_refused(r, "net_ring4,peer", EINVAL, "peer");
	open_refused(r, "net_ring", EINVAL, "peer=net_ring1");
	refused(baton_port_check(NULL, "net_ring0,peer=net_ring1x"), EINVAL, "net_ring1x");
	must(baton_port_check(NULL, "net_ring0,peer=net_ring17"));

	/* One that names its peer before that is there. */
	must(baton_port_open(r->ctx, "net_ring6,peer=net_ring9", &p[0]));
	open_refused(r, "net_ring5,peer=net_ring9", EBUSY,
		     "net_ring9, its peer, is the peer of net_ring6");
	open_refused(r, "net_ring8", EBUSY, "peer= names another");
	open_refused(r, "net_ring7", EBUSY, "net_ring6, its peer unless");
	open_refused(r, "net_ring9,peer=net_ring4", EBUSY, "it is the peer of net_ring6");
	baton_port_info(p[0], &info);
	assert_string_equal(info.detail, "peer net_ring9, which is not open");
	must(baton_port_open(r->ctx, "net_ring9", &p[1]));
	baton_port_info(p[0], &info);
	assert_string_equal(info.detail, "peer net_ring9, which is not started");
	must(baton_port_close(p[1]));
	must(baton_port_open(r->ctx, "net_ring9,peer=net_ring6", &p[1]));
	must(baton_port_close(p[0]));
	must(baton_port_close(p[1]));

	/* A default gives way to a name. */
	must(baton_port_open(r->ctx, "eth_ring2", &p[0]));
	must(baton_port_open(r->ctx, "net_ring3,peer=eth_ring2", &p[1]));
	baton_port_info(p[0], &info);
	assert_non_null(strstr(info.detail, "net_ring3"));
	open_refused(r, "eth_ring3", EBUSY, "eth_ring2");

	/* Itself. */
	must(baton_port_open(r->ctx, "net_ring8,peer=net_ring8", &p[2]));
	open_refused(r, "net_ring9", EBUSY, "net_ring8 itself");
	for (unsigned i = 0; i < 3; i++)
		must(baton_port_close(p[i]));
}

/* What a port sends comes back to it. */
static void
loop(void **state)
{
	struct rig *r = *state;
	struct baton_token t[RIG_DESCS], got[16];
	struct baton_link link;

	must(baton_port_close(r->a.port));
	open_end(r, &r->a, "net_ring0,peer=net_ring0");
	set_up(&r->a, 2, 2);
	must(baton_port_start(r->a.port));
	baton_port_link(r->a.port, &link);
	assert_int_equal(link.up, 1);
	pass(&r->a, 0, &r->a, 0, 10);
	pass(&r->a, 1, &r->a, 1, 10);
	make_packets(&r->a, t, 5, 60, 1);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 5), 5);
	must(baton_port_stop(r->a.port));
	assert_int_equal(stats(&r->a).rx_discarded, 5);
	assert_int_equal(stats(&r->a).tx_discarded, 0);
	all_home(r->a.pool);
	must(baton_port_start(r->a.port));
	assert_int_equal(baton_rx_burst(r->a.rx[0], got, 16), 0);
	pass(&r->a, 0, &r->a, 0, 10);
}

/* ---- the link ---- */

static void
link_state(void **state)
{
	struct rig *r = *state;
	struct baton_port_info info;
	struct baton_token t[3];

	r->a.stops_it = &r->b;
	r->b.stops_it = &r->a;
	must(baton_port_start(r->a.port));
	assert_int_equal(r->a.ups, 0);
	make_packets(&r->a, t, 3, 60, 0);
	t[0].flags = BATON_TOKEN_CONT;
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 3), 0);
	assert_int_equal(xstat(&r->a, "tx_link_down"), 2);
	assert_int_equal(stats(&r->a).tx_full, 2);
	must(baton_port_start(r->b.port));
	assert_int_equal(r->a.ups, 1);
	assert_int_equal(r->b.ups, 1);
	baton_port_info(r->a.port, &info);
	assert_string_equal(info.detail, "peer net_ring1, which has 1 RX and 1 TX queues");
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 3), 3);
	must(baton_port_stop(r->a.port));
	assert_int_equal(r->a.downs, 1);
	assert_int_equal(r->b.downs, 1);
	must(baton_port_start(r->a.port));
	assert_int_equal(r->b.ups, 2);
	must(baton_port_close(r->a.port));
	assert_int_equal(r->b.downs, 2);
	/* What was sent is there, though nobody is opposite any more. */
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, 3), 3);
	must(baton_free(r->b.worker, t, 3));
	r->b.stops_it = NULL;
	open_end(r, &r->a, "net_ring0");
	must(baton_port_start(r->a.port));
	assert_int_equal(r->b.ups, 3);
	pass(&r->a, 0, &r->b, 0, 10);
	pass(&r->b, 0, &r->a, 0, 10);
}

/* ---- handed over, or copied ---- */

static void
handed_over(void **state)
{
	struct rig *r = *state;
	struct baton_token t[3], got[16], stale;
	struct baton_holder h[32];
	unsigned n, found = 0;

	start_both(r);
	make_packets(&r->a, t, 3, 300, 5);
	t[1].flags = BATON_TOKEN_CONT | BATON_TOKEN_SIDE | BATON_TOKEN_HASH;
	t[1].off += 3;
	t[1].len -= 3;
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 3), 3);
	stale = t[0];
	refused(baton_free(r->a.worker, &stale, 1), EPERM, "net_ring1 rxq 0");
	r->violations = 0;
	assert_int_equal(held_by(r->a.pool, BATON_HOLDER_QUEUE), 3);
	n = baton_pool_holders(r->a.pool, h, 32);
	for (unsigned i = 0; i < n; i++)
		found += h[i].count == 3 && !strcmp(h[i].name, "net_ring1 rxq 0");
	assert_int_equal(found, 1);
	assert_int_equal(baton_txq_in_flight(r->a.tx[0]), 3);
	assert_int_equal(baton_rxq_in_flight(r->b.rx[0]), 3);
	/* A packet is not cut. */
	assert_int_equal(baton_rx_burst(r->b.rx[0], got, 2), 1);
	assert_true(is_packet(&r->b, got[0], 300, 5));
	refused(baton_rx_burst(r->b.rx[0], got + 1, 1), EINVAL, "a packet of 2 waits");
	assert_int_equal(baton_rx_burst(r->b.rx[0], got + 1, 16), 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(got[i].buf, t[i].buf);
		assert_int_equal(got[i].off, t[i].off);
		assert_int_equal(got[i].len, t[i].len);
		assert_int_equal(got[i].flags, i == 1 ? BATON_TOKEN_CONT : 0);
		assert_int_equal(got[i].hash, 0);
	}
	assert_int_equal(bytes(&r->b, got[1])[0], (uint8_t)(3 * 7 + 6));
	must(baton_free(r->b.worker, got, 3));
	all_home(r->a.pool);
}

static void
copied(void **state)
{
	struct rig *r = *state;
	struct baton_token t[17], got[16];
	uint8_t frame[9000], back[9000];
	uint32_t at = 0;
	int n;

	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 13 + i / 256);
	start_both(r);
	/* Eight uneven buffers, one of the receiver's among them. */
	assert_int_equal(baton_alloc(r->a.worker, r->a.pool, t, 8), 8);
	must(baton_free(r->a.worker, t + 3, 1));
	assert_int_equal(baton_alloc(r->a.worker, r->b.pool, t + 3, 1), 1);
	for (unsigned i = 0; i < 8; i++) {
		t[i].len = (uint16_t)(i < 7 ? 1001 + i * 37 : sizeof(frame) - at);
		t[i].flags = i < 7 ? BATON_TOKEN_CONT : 0;
		memcpy(bytes(&r->a, t[i]), frame + at, t[i].len);
		at += t[i].len;
	}
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 8), 8);
	all_home(r->a.pool);
	n = baton_rx_burst(r->b.rx[0], got, 16);
	must(n);
	at = 0;
	for (int i = 0; i < n; i++) {
		assert_int_equal(got[i].flags, i + 1 < n ? BATON_TOKEN_CONT : 0);
		memcpy(back + at, bytes(&r->b, got[i]), got[i].len);
		at += got[i].len;
	}
	assert_int_equal(at, sizeof(frame));
	assert_memory_equal(back, frame, sizeof(frame));
	must(baton_free(r->b.worker, got, (unsigned)n));
	/* Packets of both pools in one burst keep their order. */
	make_packets(&r->a, t, 2, 100, 0);
	make_packets(&r->b, t + 2, 2, 100, 2);
	make_packets(&r->a, t + 4, 1, 100, 4);
	make_packets(&r->b, t + 5, 1, 100, 5);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 6), 6);
	assert_int_equal(baton_rx_burst(r->b.rx[0], got, 16), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_true(is_packet(&r->b, got[i], 100, i));
	must(baton_free(r->b.worker, got, 6));
	/* Twice in a burst: the second is not the sender's any more. */
	make_packets(&r->a, t, 1, 100, 0);
	t[1] = t[0];
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 2), 1);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t + 1, 1), -EPERM);
	assert_int_equal(r->violations, 1);
	r->violations = 0;
	assert_int_equal(baton_rx_burst(r->b.rx[0], got, 16), 1);
	must(baton_free(r->b.worker, got, 1));
	assert_int_equal(stats(&r->b).rx_packets, 8);
	assert_int_equal(stats(&r->b).rx_bytes, 9000 + 700);
}

/* The receiver's pool has no buffer: nothing is taken, nothing is lost, nobody sleeps on it. */
static void
no_buffer(void **state)
{
	struct rig *r = *state;
	static struct baton_token all[RIG_BUFS];
	struct baton_token t[2];
	unsigned n;

	start_both(r);
	n = baton_alloc(r->b.worker, r->b.pool, all, RIG_BUFS);
	make_packets(&r->a, t, 2, 100, 3);
	assert_int_equal(n, RIG_BUFS);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 2), 0);
	assert_int_equal(xstat(&r->a, "tx_peer_no_buffer"), 1);
	assert_int_equal(stats(&r->a).tx_full, 2);
	assert_true(readable(baton_txq_arm(r->a.tx[0])));
	baton_txq_disarm(r->a.tx[0]);
	must(baton_free(r->b.worker, all, n));
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 2), 2);
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, 2), 2);
	must(baton_free(r->b.worker, t, 2));
}

/* ---- room ---- */

/* The smaller ring counts; what does not fit stays the sender's. */
static void
back_pressure(void **state)
{
	static const uint16_t rings[][2] = { { 64, 64 }, { 16, 256 }, { 256, 32 } };
	struct rig *r = *state;
	struct baton_token t[300], got[300];

	for (unsigned k = 0; k < 3; k++) {
		const unsigned tx = rings[k][0], rx = rings[k][1], most = tx < rx ? tx : rx;
		const uint64_t full = stats(&r->a).tx_full;
		struct baton_queue_level level;

		set_up_descs(&r->a, 1, 1, 0, 64, rings[k][0]);
		set_up_descs(&r->b, 1, 1, 0, rings[k][1], 64);
		start_both(r);
		make_packets(&r->a, t, 300, 64, 0);
		for (unsigned round = 0; round < 5; round++) {
			assert_int_equal(baton_tx_burst(r->a.tx[0], t, 300), most);
			assert_int_equal(baton_tx_burst(r->a.tx[0], t + most, 1), 0);
			must(baton_txq_level(r->a.tx[0], &level));
			assert_int_equal(level.in_flight, most);
			assert_int_equal(baton_rx_burst(r->b.rx[0], got, 300), most);
			for (unsigned i = 0; i < most; i++)
				assert_true(is_packet(&r->b, got[i], 64, i));
			memcpy(t, got, most * sizeof(*t)); /* they are a's again */
		}
		assert_int_equal(stats(&r->a).tx_full - full, 5 * (300 - most + 1));
		must(baton_free(r->a.worker, t, 300));
		must(baton_port_stop(r->a.port));
		must(baton_port_stop(r->b.port));
	}
}

static void
too_many_buffers(void **state)
{
	struct rig *r = *state;
	struct baton_token t[80], got[16];

	start_both(r);
	make_packets(&r->a, t, 80, 64, 0);
	for (unsigned i = 0; i < 79; i++)
		t[i].flags = BATON_TOKEN_CONT;
	refused(baton_tx_burst(r->a.tx[0], t, 80), EMSGSIZE, "80 buffers");
	t[15].flags = 0;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(baton_tx_burst(r->a.tx[0], t, 16), 16);
		assert_int_equal(baton_rx_burst(r->b.rx[0], got, 16), 16);
		memcpy(t, got, sizeof(got));
	}
	must(baton_free(r->a.worker, t, 80));
}

/* ---- bad packets ---- */

static void
bad_packets(void **state)
{
	struct rig *r = *state;
	struct baton_token t[4];

	set_up_descs(&r->b, 1, 1, 1000, RIG_DESCS, RIG_DESCS);
	start_both(r);
	make_packets(&r->a, t, 4, 60, 0);
	t[0].len = 13;
	t[1].len = 1023; /* the MTU, Ethernet and two tags are 1,022 */
	t[2].len = 1022;
	t[3].len = 0;
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 4), 3);
	refused(baton_tx_burst(r->a.tx[0], t + 3, 1), EMSGSIZE, "0 bytes");
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, 3), 1);
	assert_int_equal(t[0].len, 1022);
	assert_int_equal(xstat(&r->b, "rx_q0_error_runt"), 1);
	assert_int_equal(xstat(&r->b, "rx_q0_error_too_long"), 1);
	assert_int_equal(stats(&r->b).rx_packets, 1);
	must(baton_free(r->b.worker, t, 1));
	must(baton_free(r->a.worker, t + 3, 1));
}

/* ---- stops ---- */

static void
put_on_wire(struct rig *r, unsigned n)
{
	struct baton_token t[RIG_DESCS];

	make_packets(&r->a, t, n, 60, 1);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, n), n);
}

static void
stops(void **state)
{
	struct rig *r = *state;
	struct baton_token t[RIG_DESCS];

	start_both(r);
	/* The receiver stops. */
	put_on_wire(r, 7);
	must(baton_port_stop(r->b.port));
	assert_int_equal(stats(&r->b).rx_discarded, 7);
	all_home(r->b.pool);
	must(baton_port_start(r->b.port));
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, RIG_DESCS), 0);
	pass(&r->a, 0, &r->b, 0, 5);
	/* The sender does. */
	put_on_wire(r, 9);
	must(baton_port_stop(r->a.port));
	assert_int_equal(held_by(r->b.pool, BATON_HOLDER_QUEUE), 9);
	must(baton_port_start(r->a.port));
	put_on_wire(r, 2);
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, RIG_DESCS), 11);
	must(baton_free(r->b.worker, t, 11));
	/* Both close with packets on the wire, the sender first; the receiver alone, next time. */
	put_on_wire(r, 3);
	must(baton_port_close(r->a.port));
	must(baton_port_close(r->b.port));
	all_home(r->b.pool);
	open_end(r, &r->a, "net_ring0");
	open_end(r, &r->b, "net_ring1");
	start_both(r);
	put_on_wire(r, 3);
	must(baton_port_close(r->b.port));
	all_home(r->b.pool);
	open_end(r, &r->b, "net_ring1");
	must(baton_port_start(r->b.port));
	pass(&r->a, 0, &r->b, 0, 5);
}

static void
queue_stops(void **state)
{
	struct rig *r = *state;
	struct baton_token t[2];

	set_up(&r->a, 2, 2);
	set_up(&r->b, 2, 2);
	start_both(r);
	put_on_wire(r, 4);
	must(baton_rxq_stop(r->b.rx[0]));
	assert_int_equal(xstat(&r->b, "rx_q0_discarded"), 4);
	all_home(r->b.pool);
	make_packets(&r->a, t, 1, 60, 1);
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 1), 0);
	pass(&r->a, 1, &r->b, 1, 5);
	must(baton_rxq_start(r->b.rx[0]));
	assert_int_equal(baton_tx_burst(r->a.tx[0], t, 1), 1);
	must(baton_txq_stop(r->a.tx[0]));
	assert_int_equal(baton_rx_burst(r->b.rx[0], t, 2), 1);
	must(baton_free(r->b.worker, t, 1));
	must(baton_txq_start(r->a.tx[0]));
	pass(&r->a, 0, &r->b, 0, 5);
}

/* ---- unequal numbers of queues ---- */

static void
unequal(void **state)
{
	struct rig *r = *state;
	struct baton_token t[RIG_QUEUES], got[16];

	set_up(&r->a, 3, 3);
	set_up(&r->b, 2, 2);
	start_both(r);
	assert_non_null(strstr(r->log, "net_ring0: net_ring1 sends by 2 queues: RX queues from "
				       "number 2 on receive nothing"));
	must(baton_port_stop(r->a.port));
	r->log[0] = '\0';
	must(baton_port_start(r->a.port));
	assert_non_null(strstr(r->log, "net_ring0: net_ring1 sends by 2 queues"));
	for (unsigned i = 0; i < 3; i++)
		pass(&r->a, i, &r->b, i % 2, 5);
	for (unsigned i = 0; i < 2; i++)
		pass(&r->b, i, &r->a, i, 5);
	/* Two queues to one: each of them has its turn. */
	make_packets(&r->a, t, 3, 60, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(baton_tx_burst(r->a.tx[i], t + i, 1), 1);
	assert_int_equal(held_by(r->b.pool, BATON_HOLDER_QUEUE), 3);
	assert_int_equal(baton_rx_burst(r->b.rx[0], got, 16), 2);
	must(baton_free(r->b.worker, got, 2));
	must(baton_port_stop(r->b.port));
	assert_int_equal(xstat(&r->b, "rx_q1_discarded"), 1);
	all_home(r->b.pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peers, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(loop, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(link_state, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(handed_over, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(copied, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(no_buffer, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(back_pressure, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(too_many_buffers, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(bad_packets, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(stops, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(stops, two_pools, rig_down),
		cmocka_unit_test_setup_teardown(queue_stops, one_pool, rig_down),
		cmocka_unit_test_setup_teardown(unequal, one_pool, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
