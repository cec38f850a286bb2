/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots over PCI: what a device is given, and what becomes of it when the device does not confirm
 * that it let go, or does so later. */
#include "fake_vfio.h" /* first: the other has one of its names for something else */

#include "virtio_pci_bench.h"

static void
begin(struct bench *b, const char *args, unsigned pairs)
{
	prepare(b, FAKE_FEATURES | (pairs > 1 ? FAKEDEV_F_CTRL_VQ | FAKEDEV_F_MQ : 0), pairs);
	b->fake->pci.mappable =
		pairs > 1 ? 0 : b->fake->pci.mappable; /* the control queue answers at once */
	snprintf(b->args, sizeof(b->args), "%s", args);
	must(try_open(b));
	must(try_start(b));
}

static void
life(void **state)
{
	for (unsigned pairs = 1; pairs <= 4; pairs += 3) {
		struct bench b;

		begin(&b, ",bounce=always", pairs);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(summary(&b).rx_slots, pairs * 256);
			assert_int_equal(summary(&b).tx_slots, pairs * 256);
			assert_int_equal(held(&b, BATON_HOLDER_QUEUE), 0);
			traffic(&b);
			must(baton_port_stop(b.port));
			assert_int_equal(summary(&b).quarantined_slots, 0);
			all_home(&b);
			must(baton_port_start(b.port));
		}
		down(&b);
	}
}

/* Off the bus, and without an IOMMU it may still write: the slots' memory is used for nothing else,
 * and none of it is the pool's. */
static void
dies_while_running(void **state)
{
	unsigned fds = rig_fds();
	struct bench b;

	begin(&b, ",bounce=always", 1);
	b.fake->pci.dead = true;
	pci_model_interrupt(&b.fake->pci, b.fake->change_vector);
	for (unsigned i = 0; i < 2000 && (!b.events[BATON_EVENT_REMOVED] || b.fake->pci.attached);
	     i++) {
		baton_ctx_poll(b.ctx, 1);
		baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 },
			       64); /* the worker's next burst */
	}
	assert_int_equal(b.fake->pci.attached, 0);
	assert_int_equal(summary(&b).quarantined_slots, 512);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 0);
	all_home(&b);
	baton_port_close(b.port);
	b.port = NULL;
	down(&b);
	assert_non_null(strstr(b.log, "stay in memory until this process ends"));
	assert_int_equal(rig_fds(), fds);
}

/* It keeps its status, cannot be reset, and remains a bus master. The next start resets it, and
 * what it held is free again. */
static void
home_when_the_reset_is_confirmed(void **state)
{
	static const char *const args[] = { "", ",bounce=always" };

	for (unsigned a = 0; a < 2; a++) {
		struct bench b;

		prepare(&b, FAKE_FEATURES, 1);
		b.fake->pci.can_reset = false;
		snprintf(b.args, sizeof(b.args), "%s", args[a]);
		must(try_open(&b));
		must(try_start(&b));
		for (unsigned i = 0; i < 5; i++) {
			receive(&b, 0, 100, i);
			sends(&b, 0, 100, i);
			b.fake->keeps_status = b.fake->pci.keeps_config = true;
			assert_int_equal(baton_port_stop(b.port), -ETIMEDOUT);
			says("quarantined");
			assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE),
					 a ? 0 : 255); /* one was taken */
			assert_int_equal(summary(&b).quarantined_slots, a ? 512 : 0);
			/* Not yet: and then what it held twice is twice out of use. */
			assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
			assert_true(held(&b, BATON_HOLDER_QUARANTINE) >= (a ? 0 : 255));
			assert_true(summary(&b).quarantined_slots >= (a ? 512 : 0));
			b.fake->keeps_status = b.fake->pci.keeps_config = false;
			must(baton_port_start(b.port));
			assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 0);
			assert_int_equal(summary(&b).quarantined_slots, 0);
		}
		down(&b);
	}
}

/* An address space of a fake kernel's, so that the device counts as behind an IOMMU. No packet is
 * moved: what becomes of memory is asked. */
static struct ioas_device *
begin_behind_iommu(struct bench *b, struct fake *f, const char *args)
{
	struct baton_ioas_config c;
	struct ioas_device *device;
	struct baton_ioas *ioas;

	prepare(b, FAKE_FEATURES, 1);
	baton_ioas_config_init(&c);
	must(baton_ioas_create_with(b->ctx, &c, &f->os, &ioas));
	must(ioas_attach(ioas, FAKE_BDF, &device)); /* as lib/pci would, which is a fake, too */
	must(baton_ctx_set_ioas(b->ctx, ioas));
	b->own_space = true;
	b->fake->pci.can_reset = false;
	snprintf(b->args, sizeof(b->args), "%s", args);
	must(try_open(b));
	must(try_start(b));
	return device;
}

/* Behind an IOMMU, a device that was given back reaches nothing, whatever it did not confirm
 * before: closing the port ends the quarantine. */
static void
home_when_the_port_is_closed(void **state)
{
	static const char *const args[] = { "", ",bounce=always" };
	unsigned fds = rig_fds();

	for (unsigned a = 0; a < 2; a++) {
		struct fake *f = fake_new();
		struct ioas_device *device;
		struct bench b;

		device = begin_behind_iommu(&b, f, args[a]);
		b.fake->keeps_status = b.fake->pci.keeps_config = true;
		assert_int_equal(baton_port_stop(b.port), -ETIMEDOUT);
		says(a ? "512 slots" : "256 buffers");
		assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), a ? 0 : 256);
		assert_int_equal(summary(&b).quarantined_slots, a ? 512 : 0);
		assert_int_equal(fake_mappings(f),
				 0); /* taken from the address space at once, but kept */
		must(baton_port_close(b.port));
		b.port = NULL;
		assert_non_null(strstr(b.log, a ? "0 buffers and 512 slots are out of quarantine"
						: "256 buffers and 0 slots are out of quarantine"));
		ioas_detach(device);
		down(&b);
		fake_assert_idle(f);
		free(f);
		assert_int_equal(rig_fds(), fds);
	}
}

/* Without one, nobody can say so of a device that was given back. One that is had again and resets
 * as it shall has let go. */
static void
home_when_reset_without_a_start(void **state)
{
	struct bench b;

	begin(&b, ",bounce=always", 1);
	b.fake->pci.can_reset = false;
	b.fake->keeps_status = b.fake->pci.keeps_config = true;
	assert_int_equal(baton_port_stop(b.port), -ETIMEDOUT);
	assert_int_equal(baton_port_reset(b.port) < 0, 1);
	assert_int_equal(summary(&b).quarantined_slots, 512);
	b.fake->keeps_status = b.fake->pci.keeps_config = false;
	must(baton_port_reset(b.port));
	assert_int_equal(summary(&b).quarantined_slots, 0);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(dies_while_running),
		cmocka_unit_test(home_when_the_reset_is_confirmed),
		cmocka_unit_test(home_when_the_port_is_closed),
		cmocka_unit_test(home_when_reset_without_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
