/* SPDX-License-Identifier: BSD-3-Clause */
/* A backend that will not give back what it was told of, reads its answers when it likes, or asks
 * for what is just being taken from it. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "ioas/ioas.h"
#include "port/driver.h"

static const struct rig_config iommu = {
	.fakedev = { .features = FAKEDEV_FEATURES | FAKEDEV_F_ACCESS,
		     .protocol = FAKEDEV_PROTOCOL | FAKEDEV_P_BACKEND_REQ },
	.pool_count = 4096, /* what a hang-up leaves in doubt stays quarantined: the backend's
			       process is ours */
};

static uint64_t
faults(const struct rig *r)
{
	struct baton_port_fault f;

	baton_port_fault(r->port, &f);
	return f.count;
}

static void
works(struct rig *r)
{
	rig_roundtrip_rx(r, 1000, 1);
	rig_roundtrip_tx(r, 1000, 2);
	assert_string_equal(fakedev_driver_error(r->fakedev), "");
}

static bool
is_mapped(const struct rig *r, const char *name)
{
	const struct baton_mapping *m = NULL;
	struct ioas_entry e;

	while ((m = ioas_next(r->port->reach.ioas, m, &e)))
		if (!name || !strcmp(e.name, name))
			return true;
	return false;
}

/* ---- what is not given back ---- */

static void
stop_refused(struct rig *r, enum fakedev_lie lie, uint64_t value)
{
	fakedev_lie(r->fakedev, WIRE_IOTLB_MSG, lie, value);
	assert_int_equal(baton_port_stop(r->port), 0);
	fakedev_lie(r->fakedev, WIRE_IOTLB_MSG, FAKEDEV_HONEST, 0);
	assert_false(is_mapped(r, NULL));
	rig_check_home(r);
}

/* However often it refuses: nothing stays behind, and the eight regions of a memory table are
 * enough. */
static void
refused_at_every_stop(void **state)
{
	static const char *const args[] = { NULL, ",confine=on" };

	for (unsigned i = 0; i < 2; i++) {
		struct rig_config c = iommu;
		struct wire_iotlb list[32];
		struct rig r;
		unsigned fds;

		c.args = args[i];
		rig_up(&r, &c);
		fds = rig_fds();
		for (unsigned k = 1; k <= 12; k++) {
			stop_refused(&r, FAKEDEV_VALUE, k);
			assert_int_equal(fakedev_connections(r.fakedev), k);
			assert_true(fakedev_wait_disconnected(r.fakedev));
			if (k % 2)
				rig_poll(&r, 20); /* it is connected to again; otherwise the start
						     does that */
			assert_int_equal(baton_port_start(r.port), 0);
			assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), i ? 3 : 2);
			assert_int_equal(rig_fds(), fds);
			rig_roundtrip_rx(&r, 1000, k);
		}
		assert_non_null(strstr(r.logged, " back without the word of the backend at"));
		assert_non_null(strstr(r.logged, "refused IOTLB_MSG (it answered 1)"));
		assert_int_equal(r.events[BATON_EVENT_LOST], 0);
		assert_int_equal(faults(&r), 0);
		rig_down(&r);
	}
}

/* The same for other ways not to confirm. */
static void
not_answered_at_stop(void **state)
{
	static const enum fakedev_lie lies[] = { FAKEDEV_SILENT, FAKEDEV_SIZE, FAKEDEV_CLOSE };

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct rig_config c = iommu;
		struct rig r;

		c.timeout_ms = 200;
		rig_up(&r, &c);
		stop_refused(&r, lies[i], 0);
		assert_int_equal(baton_port_start(r.port), 0);
		works(&r);
		rig_down(&r);
	}
}

/* A pool that ends takes its descriptor along. What has that number next is none of the backend's
 * business. */
static void
no_foreign_descriptor(void **state)
{
	struct baton_pool_config c;
	struct wire_iotlb list[32];
	struct baton_pool *second;
	struct rig r;
	int fds[16];

	rig_prepare(&r, &iommu);
	baton_pool_config_init(&c);
	c.name = "second";
	c.count = 64;
	c.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(r.ctx, &c, &second), 0);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	assert_true(is_mapped(&r, "second"));
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 3);
	stop_refused(&r, FAKEDEV_VALUE, 1);
	assert_int_equal(baton_pool_destroy(second), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_true((fds[i] = open("/etc/passwd", O_RDONLY | O_CLOEXEC)) >= 0);
	assert_int_equal(baton_port_start(r.port), 0);
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 2);
	assert_false(is_mapped(&r, "second"));
	works(&r);
	for (unsigned i = 0; i < 16; i++)
		close(fds[i]);
	rig_down(&r);
}

/* While the port runs, it is as after a hang-up: what the backend has is in doubt, and the port
 * comes back. */
static void
refused_while_it_runs(void **state)
{
	struct baton_mem_config mc = { .size = sizeof(mc),
				       .bytes = 4096,
				       .page_size = BATON_PAGE_BASE,
				       .node = BATON_NODE_ANY };
	struct baton_mapping *m;
	struct baton_arena *arena;
	struct rig r;

	rig_prepare(&r, &iommu);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(baton_arena_create(r.ctx, &mc, &arena), 0);
	assert_int_equal(baton_ioas_map_arena(r.port->reach.ioas, arena, 0, &m), 0);
	assert_int_equal(rig_start(&r), 0);
	works(&r);
	fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_VALUE, 5);
	fakedev_leave_memory(r.fakedev, true);
	baton_err(0, "what failed before");
	assert_int_equal(baton_ioas_unmap(m), 0);
	assert_string_equal(baton_last_error(), "what failed before");
	fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_HONEST, 0);
	assert_false(is_mapped(&r, "arena"));
	baton_arena_destroy(arena);
	assert_non_null(strstr(r.logged, "took arena back without the word of the backend"));
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 1000));
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 3000));
	assert_true(rig_held(&r, BATON_HOLDER_QUARANTINE) > 0);
	works(&r);
	rig_discard(&r);
}

/* ---- what it asks for too late ---- */

static void
late_misses_are_no_faults(void **state)
{
	struct rig r;

	rig_up(&r, &iommu);
	for (unsigned i = 1; i <= 3; i++) {
		fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_MISSES, 5000);
		assert_int_equal(baton_port_stop(r.port), 0);
		fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_HONEST, 0);
		rig_poll(&r, 5);
		assert_int_equal(faults(&r), 0);
		assert_true(rig_xstat(&r, "iotlb_misses") >= 10000 * i); /* of two entries */
		assert_int_equal(r.events[BATON_EVENT_FAULT], 0);
		assert_int_equal(baton_port_start(r.port), 0);
		works(&r);
	}
	rig_down(&r);
}

/* ---- answers it does not read ---- */

/* Our end of the connection gets the least room there is. */
static void
shrink(const struct rig *r)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		struct sockaddr_un sa = { 0 };
		socklen_t len = sizeof(sa);
		int least = 1;

		if (!getpeername(fd, (struct sockaddr *)&sa, &len) && sa.sun_family == AF_UNIX &&
		    !strcmp(sa.sun_path, r->path))
			n += !setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	}
	assert_int_equal(n, 1);
}

#define MORE 6 /* mappings beside rings and pool: a table of eight regions */

struct asker {
	struct rig *r;
	uint64_t iova[MORE + 2];
	int stop;
};

static void *
asks(void *arg)
{
	struct asker *a = arg;

	while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < MORE + 2; i++)
			fakedev_flood(a->r->fakedev, a->iova[i], 0, 4);
		sched_yield();
	}
	return NULL;
}

/* It reads just enough not to be given up for one answer; there is one deadline for all of them. */
static void
answers_read_slowly(void **state)
{
	struct rig_config c = iommu;
	struct baton_mem_config mc = { .size = sizeof(mc),
				       .bytes = 4096,
				       .page_size = BATON_PAGE_BASE,
				       .node = BATON_NODE_ANY };
	const struct baton_mapping *at = NULL;
	struct baton_mapping *m[MORE];
	struct baton_arena *arena;
	struct asker a = { 0 };
	struct ioas_entry e;
	pthread_t thread;
	struct rig r;
	uint64_t began, took, longest = 0;

	c.timeout_ms = 2000;
	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(baton_arena_create(r.ctx, &mc, &arena), 0);
	for (unsigned i = 0; i < MORE; i++)
		assert_int_equal(baton_ioas_map_arena(r.port->reach.ioas, arena, 0, &m[i]), 0);
	assert_int_equal(rig_start(&r), 0);
	a.r = &r;
	for (unsigned i = 0; i < MORE + 2; i++) {
		at = ioas_next(r.port->reach.ioas, at, &e);
		assert_non_null(at);
		a.iova[i] = e.iova;
	}
	shrink(&r);
	fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_SLOW, 250);
	assert_int_equal(pthread_create(&thread, NULL, asks, &a), 0);
	for (unsigned i = 0; i < 20 && !r.events[BATON_EVENT_LOST]; i++) {
		began = rig_now_ms();
		assert_true(baton_ctx_poll(r.ctx, 10) >= 0);
		took = rig_now_ms() - began;
		longest = took > longest ? took : longest;
	}
	__atomic_store_n(&a.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	fakedev_lie(r.fakedev, WIRE_IOTLB_MSG, FAKEDEV_HONEST, 0);
	assert_in_range(longest, 1000, 2400);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 1000));
	assert_non_null(strstr(r.logged, "did not take IOTLB_MSG within 2000 ms"));
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	works(&r);
	for (unsigned i = 0; i < MORE; i++)
		assert_int_equal(baton_ioas_unmap(m[i]), 0);
	baton_arena_destroy(arena);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_at_every_stop),
		cmocka_unit_test(not_answered_at_stop),
		cmocka_unit_test(no_foreign_descriptor),
		cmocka_unit_test(refused_while_it_runs),
		cmocka_unit_test(late_misses_are_no_faults),
		cmocka_unit_test(answers_read_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
