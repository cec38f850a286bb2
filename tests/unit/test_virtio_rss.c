/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash and table of net_virtio_user: limits, commands, the hash in the header; devices that lie. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH (FAKEDEV_FEATURES | FAKEDEV_F_CTRL | FAKEDEV_F_HASH)
#define BOTH (HASH | FAKEDEV_F_RSS)
#define VIRTIO_TYPES                                                                               \
	(BATON_RSS_IPV4 | BATON_RSS_IPV4_TCP | BATON_RSS_IPV4_UDP | BATON_RSS_IPV6 |               \
	 BATON_RSS_IPV6_TCP | BATON_RSS_IPV6_UDP)

static const struct rig_config device = {
	.pool_count = 4096,
	.pairs = 4,
	.offloads = BATON_OFFLOAD_RX_HASH,
	.fakedev = { .features = BOTH,
		     .protocol = FAKEDEV_PROTOCOL | FAKEDEV_P_CONFIG,
		     .mtu = 1500,
		     .mac = { 2 },
		     .rss = { .key = 40, .table = 128, .types = 0x1ff } },
};

static void
expect_command(const struct rig *r, uint8_t command, const void *data, size_t len)
{
	struct fakedev_command c;

	assert_true(fakedev_command(r->fakedev, 0, &c));
	assert_int_equal(c.class, 4);
	assert_int_equal(c.command, command);
	assert_int_equal(c.len, len);
	assert_memory_equal(c.data, data, len);
}

/* ---- what is offered ---- */

static void
limits(void **state)
{
	static const struct {
		uint64_t features;
		struct fakedev_rss rss;
		uint32_t types;
		uint16_t table;
		bool hash;
	} cases[] = {
		{ BOTH, { 40, 128, 0x1ff }, VIRTIO_TYPES, 128, true },
		{ BOTH, { 255, 65535, 0xffffffff }, VIRTIO_TYPES, 128, true },
		{ BOTH, { 40, 1, 1 }, BATON_RSS_IPV4, 1, true },
		{ BOTH, { 40, 127, 2 }, BATON_RSS_IPV4_TCP, 64, true },
		{ HASH, { 40, 0, 0x3f }, VIRTIO_TYPES, 0, true },
		{ BOTH & ~FAKEDEV_F_HASH, { 40, 64, 0x3f }, VIRTIO_TYPES, 64, false },
		/* What cannot be. */
		{ BOTH, { 39, 128, 0x1ff }, 0, 0, false },
		{ BOTH, { 0, 128, 0x1ff }, 0, 0, false },
		{ BOTH, { 40, 0, 0x1ff }, 0, 0, false },
		{ BOTH, { 40, 128, 0x1c0 }, 0, 0, false },
		{ HASH, { 40, 128, 0 }, 0, 0, false },
		/* Without what it needs. */
		{ BOTH & ~FAKEDEV_F_CTRL_VQ, { 40, 128, 0x1ff }, 0, 0, false },
		{ FAKEDEV_FEATURES | FAKEDEV_F_CTRL, { 40, 128, 0x1ff }, 0, 0, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_config c = device;
		struct baton_port_info info;
		struct rig r;

		c.fakedev.features = cases[i].features;
		c.fakedev.rss = cases[i].rss;
		rig_up(&r, &c);
		baton_port_info(r.port, &info);
		assert_int_equal(info.rss_types, cases[i].types);
		assert_int_equal(info.rss_table_len, cases[i].table);
		assert_int_equal(info.rss_key_len, BATON_RSS_KEY_LEN);
		assert_int_equal(!!(info.offloads & BATON_OFFLOAD_RX_HASH), cases[i].hash);
		assert_int_equal(info.soft_rss_types, cases[i].hash ? 0 : BATON_RSS_ALL);
		assert_int_equal(!!(fakedev_features(r.fakedev) & FAKEDEV_F_HASH), cases[i].hash);
		assert_int_equal(rig_count(r.logged, "of which 40, 1"), i >= 6 && i < 11);
		rig_roundtrip_rx(&r, 60, 1);
		rig_down(&r);
	}
	/* cq=0 takes all that needs the control queue. */
	{
		struct rig_config c = device;
		struct baton_port_info info;
		struct rig r;

		c.args = ",cq=0";
		rig_up(&r, &c);
		baton_port_info(r.port, &info);
		assert_int_equal(info.rss_types, 0);
		rig_down(&r);
	}
}

/* ---- what is configured ---- */

static void
refused(void **state)
{
	static uint8_t key[100];
	static uint16_t table[512];
	struct rig_config c = device;
	struct baton_rss_config rss, is;
	struct rig r;

	rig_up(&r, &c);
	baton_rss_config_init(&rss);
	assert_int_equal(baton_port_set_rss(r.port, &rss), -EBUSY);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_set_rss(r.port, &rss), 0);
	rss.key = key;
	for (rss.key_len = 0; rss.key_len < sizeof(key); rss.key_len++)
		assert_int_equal(baton_port_set_rss(r.port, &rss), rss.key_len == 40 ? 0 : -EINVAL);
	assert_non_null(strstr(baton_last_error(), "99 bytes, 40 are needed"));
	rss.key_len = 40;
	rss.types = BATON_RSS_IPV4_SCTP;
	assert_int_equal(baton_port_set_rss(r.port, &rss), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "0x8 were asked for, the device has 0x77"));
	rss.types = 0x100;
	assert_int_equal(baton_port_set_rss(r.port, &rss), -EINVAL);
	rss.types = 0;
	rss.table = table;
	for (rss.table_len = 0; rss.table_len <= 512; rss.table_len++) {
		const bool good = rss.table_len && rss.table_len <= 128 &&
				  !(rss.table_len & (rss.table_len - 1));

		assert_int_equal(baton_port_set_rss(r.port, &rss), good ? 0 : -EINVAL);
		if (!good)
			assert_non_null(strstr(baton_last_error(), "up to 128"));
	}
	rss.table_len = 128;
	for (unsigned i = 0; i < 128; i++) {
		table[i] = i % 2 ? 4 : 65535;
		assert_int_equal(baton_port_set_rss(r.port, &rss), -EINVAL);
		table[i] = 3;
	}
	assert_non_null(strstr(baton_last_error(), "entry 127"));
	assert_non_null(strstr(baton_last_error(), "4 are"));
	rss.table = NULL;
	assert_int_equal(baton_port_set_rss(r.port, &rss), -EINVAL);
	/* A refused one has changed nothing: the last good one had one queue in all entries. */
	baton_port_rss(r.port, &is);
	assert_int_equal(is.table_len, 128);
	assert_int_equal(is.table[127], 0);
	assert_memory_equal(is.key, key, 40);
	assert_int_equal(baton_port_set_rss(r.port, NULL), 0);
	baton_port_rss(r.port, &is);
	assert_null(is.table);
	assert_int_equal(is.table_len, 0);
	assert_int_equal(is.types, VIRTIO_TYPES);
	assert_memory_equal(is.key, baton_rss_key(), 40);
	assert_int_equal(baton_port_start(r.port), 0);
	rig_down(&r);
}

/* The bytes: virtio 1.2, 5.1.6.5.6.4 and 5.1.6.5.7.1. */
static void
commands(void **state)
{
	static const uint16_t two[2] = { 3, 1 };
	uint8_t key[40], want[512] = { 0x12 };
	struct rig_config c = device;
	struct baton_rss_config rss, is;
	struct baton_port_config pc;
	struct rig r;

	/* The defaults, with nothing but the hash asked for. */
	rig_up(&r, &c);
	assert_int_equal(fakedev_features(r.fakedev) & (FAKEDEV_F_HASH | FAKEDEV_F_RSS),
			 FAKEDEV_F_HASH);
	memset(want, 0, 12);
	want[0] = 0x3f;
	want[12] = 40;
	memcpy(want + 13, baton_rss_key(), 40);
	expect_command(&r, 2, want, 53);
	assert_int_equal(fakedev_commands(r.fakedev), 1);
	/* A table, a key, some types. */
	assert_int_equal(baton_port_stop(r.port), 0);
	for (unsigned i = 0; i < 40; i++)
		key[i] = (uint8_t)(7 * i + 1);
	baton_rss_config_init(&rss);
	rss.key = key;
	rss.key_len = 40;
	rss.types = BATON_RSS_IPV4_UDP | BATON_RSS_IPV6;
	rss.table = two;
	rss.table_len = 2;
	assert_int_equal(baton_port_set_rss(r.port, &rss), 0);
	assert_int_equal(baton_port_start(r.port), 0);
	assert_int_equal(fakedev_features(r.fakedev) & (FAKEDEV_F_HASH | FAKEDEV_F_RSS),
			 FAKEDEV_F_HASH | FAKEDEV_F_RSS);
	memset(want, 0, sizeof(want));
	want[0] = 0x0c;
	want[4] = 127;
	for (unsigned i = 0; i < 128; i++)
		want[8 + 2 * i] = (uint8_t)two[i % 2];
	want[264] = 4;
	want[266] = 40;
	memcpy(want + 267, key, 40);
	expect_command(&r, 1, want, 307);
	assert_int_equal(fakedev_commands(r.fakedev), 2);
	/* Another device, that came back. */
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	for (unsigned i = 0; i < 100 && !r.events[BATON_EVENT_BACK]; i++) {
		struct baton_token t[64];

		for (unsigned q = 0; q < 4; q++) {
			baton_rx_burst(r.rxq[q], t, 64);
			baton_tx_burst(r.txq[q], t, 0);
		}
		rig_poll(&r, 20);
	}
	assert_int_equal(r.events[BATON_EVENT_BACK], 1);
	expect_command(&r, 1, want, 307);
	/* Other queues: the table is taken back. */
	assert_int_equal(baton_port_stop(r.port), 0);
	baton_port_config_init(&pc);
	pc.rx_queues = 2;
	pc.tx_queues = 2;
	assert_int_equal(baton_port_configure(r.port, &pc), 0);
	baton_port_rss(r.port, &is);
	assert_int_equal(is.table_len, 0);
	assert_int_equal(is.types, rss.types);
	rig_discard(&r);
}

/* A device that offers it and refuses it, or does not answer: the port does not start. */
static void
refuses(void **state)
{
	static const struct {
		enum fakedev_control_lie lie;
		uint32_t value;
		int ret;
	} cases[] = {
		{ FAKEDEV_CONTROL_ACK, 1, -EIO },
		{ FAKEDEV_CONTROL_ACK, 77, -EIO },
		{ FAKEDEV_CONTROL_SILENT, 0, -ETIMEDOUT },
		{ FAKEDEV_CONTROL_ID, 9, -EIO },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_config c = device;
		struct rig r;

		rig_prepare(&r, &c);
		assert_int_equal(rig_open(&r), 0);
		fakedev_control_lie(r.fakedev, cases[i].lie, cases[i].value);
		assert_int_equal(rig_start(&r), cases[i].ret);
		assert_non_null(strstr(baton_last_error(), "hash"));
		rig_check_sum(&r);
		fakedev_control_lie(r.fakedev, FAKEDEV_CONTROL_HONEST, 0);
		assert_int_equal(baton_port_start(r.port), 0);
		rig_roundtrip_rx(&r, 60, 1);
		rig_discard(&r);
	}
}

/* ---- the hash in the header ---- */

static void
received(const struct rig_config *config)
{
	struct rig r;

	rig_up(&r, config);
	assert_int_equal(fakedev_header(r.fakedev), 20);
	for (uint32_t report = 0; report < 70000; report += report < 20 ? 1 : 997) {
		const size_t len = report % 3 ? 60 + report % 1400 : 5000;
		struct baton_token t[64];
		uint8_t frame[5000], got[5000];
		int n;

		rig_frame(frame, len, report);
		fakedev_set_hash(r.fakedev, report * 2654435761u, (uint16_t)report);
		for (unsigned k = 0; k < 12; k++) /* some in one burst */
			assert_true(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, len) > 0);
		n = baton_rx_burst(r.rx, t, 64);
		assert_true(n >= 12);
		for (int i = 0; i < n;) {
			const unsigned segs = baton_packet_segs(t + i, (unsigned)(n - i));
			const bool has = (uint16_t)report - 1u < 9;

			assert_int_equal(!!(t[i].flags & BATON_TOKEN_HASH), has);
			if (has)
				assert_int_equal(t[i].hash, report * 2654435761u);
			assert_int_equal(rig_gather(&r, t + i, segs, got), len);
			assert_memory_equal(got, frame, len);
			i += (int)segs;
		}
		assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
		rig_roundtrip_tx(&r, 60 + report % 1000, report);
	}
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_down(&r);
}

static void
hashes(void **state)
{
	struct rig_config c = device;

	c.mtu = 6000;
	c.fakedev.mtu = 9000;
	received(&c);
	c.offloads |= BATON_OFFLOAD_RX_CSUM;
	c.fakedev.features |= FAKEDEV_F_GUEST_CSUM;
	received(&c);
	c.args = ",in_order=0";
	received(&c);
	c.args = ",vectorized=0";
	c.pairs = 1;
	received(&c);
}

/* A header that is cut, and one that is not asked for. */
static void
lies(void **state)
{
	struct rig_config c = device;
	struct baton_token t[64];
	uint8_t frame[100] = { 0 };
	struct rig r;

	for (uint32_t len = 0; len < 20; len += 19) {
		int head;

		rig_up(&r, &c);
		head = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame), 1);
		assert_true(head >= 0);
		fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head, len);
		assert_int_equal(baton_rx_burst(r.rx, t, 64), -EIO);
		assert_non_null(strstr(baton_last_error(), "the 20 bytes of the header"));
		rig_discard(&r);
	}
	c.offloads = 0;
	rig_up(&r, &c);
	assert_int_equal(fakedev_header(r.fakedev), 12);
	assert_int_equal(fakedev_commands(r.fakedev), 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),  cmocka_unit_test(refused), cmocka_unit_test(commands),
		cmocka_unit_test(refuses), cmocka_unit_test(hashes),  cmocka_unit_test(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
