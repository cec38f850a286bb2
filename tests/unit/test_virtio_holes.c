/* SPDX-License-Identifier: BSD-3-Clause */
/* A backend that does to the files of its memory what it can: holes are survived and told, and so
 * is what is not sealed. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1ull << 20)

static const struct rig_config keeps = { .fakedev.keep_memory = true };

static void
works(struct rig *r)
{
	rig_roundtrip_rx(r, 1000, 1);
	rig_roundtrip_tx(r, 1000, 2);
}

/* Everything it has is gone at once, with packets under way in both directions. */
static void
all_is_gone(void **state)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[1000];
	struct rig r;
	int ret;

	rig_up(&r, &keeps);
	works(&r);
	rig_poll(&r, 450);
	assert_int_equal(rig_xstat(&r, "memory_holes"), 0);
	rig_frame(frame, sizeof(frame), 3);
	assert_true(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)) > 0);
	assert_int_equal(baton_tx_burst(r.tx, t, rig_packet(&r, frame, sizeof(frame), 0, t)), 1);
	assert_int_equal(fakedev_punch(r.fakedev, 0, 1ull << 30), 2);
	rig_poll(&r, 450);
	assert_int_equal(rig_xstat(&r, "memory_holes"), 2);
	assert_int_equal(rig_count(r.logged, "punched a hole"), 2);
	assert_non_null(strstr(r.logged, "KiB of rig are gone"));
	assert_non_null(strstr(r.logged, "KiB of rings are gone"));

	/* An empty ring is what is left, or, to who looks closely, nonsense: either way nothing is
	 * believed. */
	ret = baton_rx_burst(r.rx, t, RIG_BURST);
	assert_true(ret == 0 || ret == -EIO);
	ret = baton_tx_clean(r.tx, RIG_BURST);
	assert_true(ret == 0 || ret == -EIO);
	rig_check_sum(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	rig_check_home(&r);
	assert_int_equal(baton_port_start(r.port), 0);
	works(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	rig_discard(&r);
}

/* Holes in buffers alone: what is received later lies in new pages. */
static void
buffers_are_gone(void **state)
{
	struct rig r;

	rig_up(&r, &keeps);
	for (unsigned i = 1; i <= 3; i++) {
		fakedev_punch(r.fakedev, MIB, 1ull << 30);
		rig_poll(&r, 450);
		assert_int_equal(rig_xstat(&r, "memory_holes"), i);
		for (unsigned k = 0; k < 600; k++) /* every descriptor twice: pages come back */
			rig_roundtrip_rx(&r, 1000, k);
		rig_roundtrip_tx(&r, 1000, 2);
		rig_poll(&r, 250);
		assert_int_equal(rig_xstat(&r, "memory_holes"), i);
	}
	assert_int_equal(rig_count(r.logged, "are gone"), 2); /* the first and the second */
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_down(&r);
}

struct outside {
	struct baton_pool *pool;
	void *base;
	int fd;
};

static void
make_outside(struct rig *r, struct outside *o, int seals)
{
	struct baton_pool_config c;

	o->fd = memfd_create("outside", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(o->fd >= 0);
	assert_int_equal(ftruncate(o->fd, (off_t)MIB), 0);
	if (seals)
		assert_int_equal(fcntl(o->fd, F_ADD_SEALS, seals), 0);
	o->base = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
	assert_ptr_not_equal(o->base, MAP_FAILED);
	memset(o->base, 0, MIB);
	baton_pool_config_init(&c);
	c.name = "outside";
	c.count = 64;
	c.base = o->base;
	c.bytes = MIB;
	c.stride = 2112;
	c.data_len = 2048;
	c.fd = o->fd;
	assert_int_equal(baton_pool_create(r->ctx, &c, &o->pool), 0);
}

static void
drop_outside(struct outside *o)
{
	assert_int_equal(baton_pool_destroy(o->pool), 0);
	munmap(o->base, MIB);
	close(o->fd);
}

static void
not_sealed(void **state)
{
	struct outside o;
	struct rig r;

	rig_prepare(&r, &keeps);
	make_outside(&r, &o, 0);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	assert_true(fakedev_ready(r.fakedev, FAKEDEV_RX) && fakedev_ready(r.fakedev, FAKEDEV_TX));
	assert_int_equal(rig_count(r.logged, "is not sealed"), 1);
	assert_non_null(strstr(r.logged, "the file of outside is not sealed"));
	assert_non_null(strstr(r.logged, "SIGBUS"));
	works(&r);
	/* Said once a port. */
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_start(r.port), 0);
	assert_int_equal(rig_count(r.logged, "is not sealed"), 1);
	/* It does it. Nobody touches that pool here; the others are sealed. */
	assert_int_equal(fakedev_truncate(r.fakedev), 1);
	rig_poll(&r, 450);
	assert_int_equal(rig_xstat(&r, "memory_holes"), 1);
	assert_non_null(strstr(r.logged, "of outside are gone"));
	assert_non_null(strstr(r.logged, "its file was truncated"));
	works(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	drop_outside(&o);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

static void
sealed_by_its_owner(void **state)
{
	struct outside o;
	struct rig r;

	rig_prepare(&r, &keeps);
	make_outside(&r, &o, F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	assert_int_equal(rig_count(r.logged, "is not sealed"), 0);
	assert_int_equal(fakedev_truncate(r.fakedev), 0);
	assert_int_equal(baton_port_stop(r.port), 0);
	drop_outside(&o);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_gone),
		cmocka_unit_test(buffers_are_gone),
		cmocka_unit_test(not_sealed),
		cmocka_unit_test(sealed_by_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
