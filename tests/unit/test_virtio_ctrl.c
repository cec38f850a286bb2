/* SPDX-License-Identifier: BSD-3-Clause */
/* The control queue: what is commanded arrives, what the device says is checked, and a device that
 * says nothing is not waited for twice. */
#include "rig.h"

#include <errno.h>
#include <string.h>

static const struct rig_config served = { .fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_CTRL };
static const uint8_t macs[3][6] = { { 2, 0, 0, 0, 0, 0x11 },
				    { 1, 0, 0x5e, 0, 0, 1 },
				    { 2, 0, 0, 0, 0, 0x12 } };

static void
expect_command(struct rig *r, unsigned ago, uint8_t class, uint8_t command, const void *data,
	       unsigned len)
{
	struct fakedev_command c;

	assert_true(fakedev_command(r->fakedev, ago, &c));
	assert_int_equal(c.class, class);
	assert_int_equal(c.command, command);
	assert_int_equal(c.len, len);
	assert_memory_equal(c.data, data, len);
}

#define TABLE "\2\0\0\0\2\0\0\0\0\x11\2\0\0\0\0\x12\1\0\0\0\1\0\x5e\0\0\1"

static void
command_all(struct rig *r)
{
	assert_int_equal(baton_port_set_promisc(r->port, 1), 0);
	assert_int_equal(baton_port_set_allmulti(r->port, 0), 0);
	assert_int_equal(baton_port_set_macs(r->port, macs, 3), 0);
	assert_int_equal(baton_port_set_mac(r->port, macs[0]), 0);
	assert_int_equal(baton_port_set_vlan(r->port, 4095, 1), 0);
	assert_int_equal(baton_port_set_vlan(r->port, 7, 1), 0);
	assert_int_equal(baton_port_set_vlan(r->port, 4095, 0), 0);
}

static void
commands_arrive(void **state)
{
	struct baton_port_info info;
	struct rig r;

	rig_up(&r, &served);
	/* The device hears of the ring with the first command only. */
	assert_false(fakedev_runs(r.fakedev, 2));
	command_all(&r);
	assert_true(fakedev_runs(r.fakedev, 2));
	assert_int_equal(fakedev_commands(r.fakedev), 7);
	expect_command(&r, 6, 0, 0, "\1", 1);
	expect_command(&r, 5, 0, 1, "\0", 1);
	expect_command(&r, 4, 1, 0, TABLE, 26);
	expect_command(&r, 3, 1, 1, macs[0], 6);
	expect_command(&r, 2, 2, 0, "\xff\x0f", 2);
	expect_command(&r, 1, 2, 0, "\7\0", 2);
	expect_command(&r, 0, 2, 1, "\xff\x0f", 2);
	baton_port_info(r.port, &info);
	assert_memory_equal(info.mac, macs[0], 6);
	rig_roundtrip_rx(&r, 60, 1);
	rig_roundtrip_tx(&r, 60, 2);
	rig_down(&r);
}

static void
many_commands(void **state)
{
	struct rig r;

	rig_up(&r, &served);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(baton_port_set_promisc(r.port, i & 1), 0);
	assert_int_equal(fakedev_commands(r.fakedev), 1000);
	rig_down(&r);
}

static void
limits(void **state)
{
	static uint8_t many[65][6];
	struct fakedev_command c;
	struct rig r;

	for (unsigned i = 0; i < 65; i++) {
		many[i][0] = i & 1 ? 3 : 2;
		many[i][5] = (uint8_t)i;
	}
	rig_up(&r, &served);
	assert_int_equal(baton_port_set_macs(r.port, (const uint8_t(*)[6])many, 64), 0);
	assert_true(fakedev_command(r.fakedev, 0, &c));
	assert_int_equal(c.len, 8 + 64 * 6);
	assert_int_equal(baton_port_set_macs(r.port, NULL, 0), 0);
	expect_command(&r, 0, 1, 0, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(baton_port_set_macs(r.port, (const uint8_t(*)[6])many, 65), -EINVAL);
	assert_int_equal(baton_port_set_vlan(r.port, 4096, 1), -EINVAL);
	assert_int_equal(baton_port_set_mac(r.port, macs[1]), -EINVAL);
	assert_int_equal(fakedev_commands(r.fakedev), 2);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_set_promisc(r.port, 1), -ENETDOWN);
	assert_int_equal(baton_port_set_mac(r.port, macs[0]), -ENETDOWN);
	rig_discard(&r);
}

/* What is not offered is not asked for, and takes no time. */
static void
not_offered(void **state)
{
	static const uint64_t features[] = { 0, FAKEDEV_F_CTRL & ~FAKEDEV_F_CTRL_VQ,
					     FAKEDEV_F_CTRL_VQ };

	for (unsigned i = 0; i < 3; i++) {
		struct rig_config c = { .fakedev.features = FAKEDEV_FEATURES | features[i] };
		struct rig r;

		rig_up(&r, &c);
		assert_int_equal(baton_port_set_promisc(r.port, 1), -ENOTSUP);
		assert_non_null(strstr(baton_last_error(), "control queue"));
		assert_int_equal(baton_port_set_allmulti(r.port, 1), -ENOTSUP);
		assert_int_equal(baton_port_set_macs(r.port, macs, 3), -ENOTSUP);
		assert_int_equal(baton_port_set_vlan(r.port, 1, 1), -ENOTSUP);
		assert_int_equal(baton_port_set_mac(r.port, macs[0]), -ENOTSUP);
		assert_false(fakedev_runs(r.fakedev, 2));
		rig_down(&r);
	}
}

/* cq=0: it is offered, and not to be used. */
static void
forbidden(void **state)
{
	struct rig_config c = served;
	struct rig r;

	c.args = ",cq=0";
	rig_up(&r, &c);
	assert_int_equal(baton_port_set_promisc(r.port, 1), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "cq=0"));
	assert_int_equal(baton_port_set_vlan(r.port, 1, 1), -ENOTSUP);
	assert_false(fakedev_runs(r.fakedev, 2));
	rig_roundtrip_rx(&r, 60, 1);
	rig_roundtrip_tx(&r, 60, 2);
	rig_down(&r);
}

/* speed= is what the link says. */
static void
speed(void **state)
{
	struct rig_config c = served;
	struct baton_link link;
	struct rig r;

	rig_up(&r, &c);
	baton_port_link(r.port, &link);
	assert_int_equal(link.speed_mbps, 0);
	rig_down(&r);
	c.args = ",speed=25000";
	rig_up(&r, &c);
	baton_port_link(r.port, &link);
	assert_int_equal(link.speed_mbps, 25000);
	rig_down(&r);
}

/* 5.1.2: the control queue comes after all the queues the device has, when MQ is negotiated. */
static void
behind_all_queues(void **state)
{
	struct rig_config c = { .pool_count = 4096,
				.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_CTRL |
							 FAKEDEV_F_MQ,
					     .max_queues = 4 } };
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 2, .tx_queues = 2 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct rig r;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(baton_port_configure(r.port, &pc), 0);
	q.worker = r.worker;
	for (uint16_t i = 0; i < 4; i++) {
		q.pool = i < 2 ? r.pool : NULL;
		if (i < 2)
			assert_int_equal(baton_rxq_setup(r.port, i, &q, &rxq), 0);
		else
			assert_int_equal(baton_txq_setup(r.port, i - 2, &q, &txq), 0);
	}
	assert_int_equal(baton_port_start(r.port), 0);
	command_all(&r);
	assert_true(fakedev_runs(r.fakedev, 8));
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_false(fakedev_runs(r.fakedev, 8));
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* As DPDK's vhost does. */
static void
offered_and_not_served(void **state)
{
	struct rig_config c = { .timeout_ms = 1000,
				.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_CTRL,
					     .no_control = true } };
	uint64_t begin;
	struct rig r;

	rig_up(&r, &c);
	begin = rig_now_ms();
	assert_int_equal(baton_port_set_promisc(r.port, 1), -ETIMEDOUT);
	assert_in_range(rig_now_ms() - begin, 190, 600);
	assert_non_null(strstr(baton_last_error(), "does not serve it"));
	assert_false(fakedev_runs(r.fakedev, 2));
	begin = rig_now_ms();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(baton_port_set_vlan(r.port, 1, 1), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "does not serve it"));
	assert_in_range(rig_now_ms() - begin, 0, 100);
	rig_roundtrip_rx(&r, 60, 1);
	rig_roundtrip_tx(&r, 60, 2);
	/* Nothing was achieved, so nothing is asked for again. */
	assert_int_equal(baton_port_stop(r.port), 0);
	begin = rig_now_ms();
	assert_int_equal(baton_port_start(r.port), 0);
	assert_in_range(rig_now_ms() - begin, 0, 150);
	rig_down(&r);
}

static void
lies(void **state)
{
	static const struct {
		enum fakedev_control_lie lie;
		uint32_t value;
		int ret, after; /* of the command that was lied about, and of an honest one after it
				 */
	} cases[] = {
		{ FAKEDEV_CONTROL_ACK, 1, -EIO, 0 },
		{ FAKEDEV_CONTROL_ACK, 2, -EIO, 0 },
		{ FAKEDEV_CONTROL_ACK, 255, -EIO, 0 },
		{ FAKEDEV_CONTROL_BLANK, 0, -EIO, 0 },
		{ FAKEDEV_CONTROL_LATE, 20, 0, 0 },
		{ FAKEDEV_CONTROL_LATE, 400, -ETIMEDOUT, -ENOTSUP },
		{ FAKEDEV_CONTROL_SILENT, 0, -ETIMEDOUT, -ENOTSUP },
		{ FAKEDEV_CONTROL_ID, 1, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_ID, 4, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_ID, 0xffffffff, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_LEN, 0, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_LEN, 2, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_LEN, 0xffffffff, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_AHEAD, 2, -EIO, -ENOTSUP },
		{ FAKEDEV_CONTROL_AHEAD, 0xffff, -EIO, -ENOTSUP },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_config c = served;
		struct rig r;
		int ret;

		/* A command has 200 ms. What is later than that is in time for the question after
		 * it. */
		c.timeout_ms = 2000;
		rig_up(&r, &c);
		assert_int_equal(baton_port_set_promisc(r.port, 1), 0);
		fakedev_control_lie(r.fakedev, cases[i].lie, cases[i].value);
		ret = baton_port_set_vlan(r.port, 5, 1);
		if (ret != cases[i].ret)
			fail_msg("lie %d, %u: %d: %s", cases[i].lie, cases[i].value, ret,
				 baton_last_error());
		if (ret < 0)
			assert_non_null(strstr(baton_last_error(), "VLAN"));
		fakedev_control_lie(r.fakedev, FAKEDEV_CONTROL_HONEST, 0);
		ret = baton_port_set_vlan(r.port, 6, 1);
		if (ret != cases[i].after)
			fail_msg("after lie %d, %u: %d: %s", cases[i].lie, cases[i].value, ret,
				 baton_last_error());
		assert_int_equal(fakedev_runs(r.fakedev, 2), cases[i].after == 0);
		rig_roundtrip_rx(&r, 60, 1);
		rig_roundtrip_tx(&r, 60, 2);
		/* The next start begins anew. */
		assert_int_equal(baton_port_stop(r.port), 0);
		assert_int_equal(baton_port_start(r.port), 0);
		assert_int_equal(baton_port_set_promisc(r.port, 0), 0);
		rig_down(&r);
	}
}

static void
expect_replay(struct rig *r)
{
	assert_int_equal(fakedev_commands(r->fakedev), 12);
	expect_command(r, 4, 0, 0, "\1", 1);
	expect_command(r, 3, 0, 1, "\0", 1);
	expect_command(r, 2, 1, 0, TABLE, 26);
	expect_command(r, 1, 1, 1, macs[0], 6);
	expect_command(r, 0, 2, 0, "\7\0", 2);
}

static void
again_after_a_stop(void **state)
{
	struct rig r;

	rig_up(&r, &served);
	command_all(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_start(r.port), 0);
	expect_replay(&r);
	rig_down(&r);
}

static void
again_after_a_hang_up(void **state)
{
	struct rig_config c = served;
	struct rig r;

	c.pool_count = 2048;
	rig_up(&r, &c);
	command_all(&r);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 3000));
	expect_replay(&r);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

/* It comes back and says no: logged, and the packets flow. */
static void
refused_the_second_time(void **state)
{
	struct rig_config c = served;
	struct rig r;

	rig_up(&r, &c);
	command_all(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	fakedev_control_lie(r.fakedev, FAKEDEV_CONTROL_ACK, 1);
	assert_int_equal(baton_port_start(r.port), 0);
	assert_non_null(strstr(r.logged, "not all settings"));
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_arrive),
		cmocka_unit_test(many_commands),
		cmocka_unit_test(limits),
		cmocka_unit_test(not_offered),
		cmocka_unit_test(forbidden),
		cmocka_unit_test(speed),
		cmocka_unit_test(behind_all_queues),
		cmocka_unit_test(offered_and_not_served),
		cmocka_unit_test(lies),
		cmocka_unit_test(again_after_a_stop),
		cmocka_unit_test(again_after_a_hang_up),
		cmocka_unit_test(refused_the_second_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
