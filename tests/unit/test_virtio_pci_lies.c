/* SPDX-License-Identifier: BSD-3-Clause */
/* net_virtio over PCI: what is refused, and devices that lie. */
#include "virtio_pci_bench.h"

/* ---- refusals ---- */

static void
refused(struct bench *b, int err, const char *words)
{
	int ret = try_open(b);

	if (ret != err)
		fail_msg("%d, not %d: %s", ret, err, baton_last_error());
	says(words);
	assert_int_equal(b->fake->pci.attached, 0);
	assert_int_equal(b->fake->pci.mapped, 0);
	down(b);
}

/* The same, and the device is told. */
static void
given_up(struct bench *b, int err, const char *words)
{
	assert_int_equal(try_open(b), err);
	assert_true(b->fake->told_failed);
	refused(b, err, words);
}

static void
features_that_are_missing(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES & ~FAKEDEV_F_VERSION_1, 1);
	given_up(&b, -ENOTSUP, "VIRTIO_F_VERSION_1");
	prepare(&b, FAKE_FEATURES & ~FAKE_F_ACCESS_PLATFORM, 1);
	b.own_space = true; /* whatever is found: not flat, so an IOMMU */
	refused(&b, -ENOTSUP, "it would bypass the IOMMU");
	up(&b, FAKE_FEATURES & ~FAKE_F_ACCESS_PLATFORM, 1); /* no IOMMU to bypass */
	traffic(&b);
	down(&b);
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->refuses = true;
	must(try_open(&b));
	assert_false(b.fake->told_failed);
	assert_int_equal(try_start(&b), -ENOTSUP);
	says("does not accept features");
	assert_true(b.fake->told_failed);
	down(&b);
}

static void
arguments(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	snprintf(b.args, sizeof(b.args), ",mrg_rxbuf=0,queue_size=64");
	must(try_open(&b));
	must(try_start(&b));
	assert_int_equal(b.fake->driver_features & FAKEDEV_F_MRG_RXBUF, 0);
	assert_int_equal(fakedev_queue_size(b.fake->fakedev, FAKEDEV_RX), 64);
	traffic(&b);
	assert_int_equal(baton_port_open(b.ctx, FAKE_BDF, &b.port), -EEXIST);
	down(&b);
	prepare(&b, FAKE_FEATURES, 1);
	snprintf(b.args, sizeof(b.args), ",ioas=iommud");
	refused(&b, -EINVAL, "iommufd");
	prepare(&b, FAKE_FEATURES, 1);
	snprintf(b.args, sizeof(b.args), ",path=/tmp/x");
	refused(&b, -EINVAL, "path");
	prepare(&b, FAKE_FEATURES, 1);
	snprintf(b.args, sizeof(b.args), ",queues=2");
	refused(&b, -EINVAL, "1 queue pairs");
}

static void
names(void **state)
{
	struct baton_port *port;
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	fake_pci_use(b.fake, b.ctx, true);
	assert_int_equal(baton_port_open(b.ctx, "0000:00:09.0", &port), -ENODEV);
	says("there is no PCI device 0000:00:09.0");
	assert_int_equal(baton_port_open(b.ctx, "net_virtio0", &port), -ENODEV);
	says("by address");
	down(&b);
}

/* ---- lies ---- */

static void
lies_in_capabilities(void **state)
{
	static const struct {
		uint8_t type, bar;
		uint32_t offset, length;
		const char *words;
	} lies[] = {
		{ 1, 6, 0, 0x3c, "BAR 6" },
		{ 1, 0, 0, 0x3c, "there is no BAR 0" },
		{ 1, FAKE_BAR, FAKE_BAR_SIZE - 8, 0x3c, "not inside BAR 4" },
		{ 1, FAKE_BAR, 0xfffffffc, 0x3c, "not inside BAR 4" },
		{ 1, FAKE_BAR, 0, 0xffffffff, "not inside BAR 4" },
		{ 1, FAKE_BAR, 0, 55, "has 55 bytes" },
		{ 1, FAKE_BAR, 2, 0x3c, "not a multiple of 4" },
		{ 2, FAKE_BAR, FAKE_NOTIFY, 1, "has 1 bytes" },
		{ 2, FAKE_BAR, FAKE_NOTIFY + 1, 64, "not a multiple of 2" },
		{ 2, FAKE_BAR, FAKE_NOTIFY, 0x1001, "not inside BAR 4" },
		{ 4, FAKE_BAR, FAKE_DEVICE, 0, "has 0 bytes" },
		{ 4, FAKE_BAR, FAKE_DEVICE, 7, "STATUS" },
		{ 9, FAKE_BAR, 0, 64,
		  "none among its capabilities" }, /* in place of the common one */
	};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t slot = lies[i].type == 9 ? 1 : lies[i].type;
		struct bench b;

		prepare(&b, FAKE_FEATURES, 1);
		fake_pci_cap(b.fake, FAKE_CAP(slot), slot < 4 ? (uint8_t)FAKE_CAP(slot + 1) : 0,
			     lies[i].type, lies[i].bar, lies[i].offset, lies[i].length);
		refused(&b, -EPROTO, lies[i].words);
	}
}

static void
lies_in_the_list(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->pci.config[FAKE_CAP(4) + 1] = FAKE_CAP(1);
	refused(&b, -EPROTO, "comes back");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->pci.config[0x34] = 0;
	refused(&b, -ENOTSUP, "legacy");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->pci.config[FAKE_CAP(2) + 2] = 3; /* its own length */
	refused(&b, -EPROTO, "length is 3");
	/* One that cannot be used, then one that can: 4.1.4.2. */
	prepare(&b, FAKE_FEATURES, 1);
	fake_pci_cap(b.fake, 0xc0, FAKE_CAP(1), 1, 7, 0, 0x3c);
	b.fake->pci.config[0x34] = 0xc0;
	must(try_open(&b));
	must(try_start(&b));
	traffic(&b);
	down(&b);
}

static void
lies_elsewhere(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->pci.dead = true;
	refused(&b, -ENODEV, "all ones");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->restless = true;
	given_up(&b, -EPROTO, "changed its configuration");
	prepare(&b, FAKE_FEATURES | FAKEDEV_F_NET_MTU, 1);
	b.fake->mtu = 67;
	refused(&b, -EPROTO, "MTU is 67");
	prepare(&b, FAKE_FEATURES | FAKEDEV_F_MQ | FAKEDEV_F_CTRL_VQ, 0);
	given_up(&b, -EPROTO, "0 queue pairs");

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->notify_off = 0x400; /* times 4: right behind the structure */
	must(try_open(&b));
	assert_int_equal(try_start(&b), -EPROTO);
	says("doorbell");
	assert_true(b.fake->told_failed);
	all_home(&b);
	b.fake->notify_off = 0;
	b.fake->no_vector = true;
	assert_int_equal(baton_port_start(b.port), -EIO);
	says("vector");
	b.fake->no_vector = false;
	b.fake->queue_max = 128; /* less than when it was opened */
	assert_int_equal(baton_port_start(b.port), -EINVAL);
	says("128");
	b.fake->queue_max = 256;
	b.fake->told_failed = false;
	must(baton_port_start(b.port));
	assert_false(b.fake->told_failed);
	traffic(&b);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_that_are_missing),
		cmocka_unit_test(arguments),
		cmocka_unit_test(names),
		cmocka_unit_test(lies_in_capabilities),
		cmocka_unit_test(lies_in_the_list),
		cmocka_unit_test(lies_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
