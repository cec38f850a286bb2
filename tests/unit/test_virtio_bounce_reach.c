/* SPDX-License-Identifier: BSD-3-Clause */
/* How a port may reach memory: what its user says, when that is committed, and what stays out of
 * use with a device that does not let go. */
#include "rig.h"

#include "fakedev_private.h"

#include "port/driver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct baton_reach_summary
summary(const struct baton_port *port)
{
	struct baton_reach_summary s;

	baton_port_reach_summary(port, &s);
	return s;
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
says(const char *part)
{
	if (!strstr(baton_last_error(), part))
		fail_msg("no \"%s\" in: %s", part, baton_last_error());
}

static int
set(struct rig *r, enum baton_bounce bounce, uint8_t data_bits)
{
	struct baton_reach_config c;

	baton_reach_config_init(&c);
	c.bounce = bounce;
	c.data_bits = data_bits;
	return baton_port_set_reach(r->port, &c);
}

/* ---- what the user says ---- */

static void
arguments(void **state)
{
	static const struct {
		const char *args, *says;
	} bad[] = {
		{ ",bounce=sometimes", "bounce=sometimes" },
		{ ",bounce=", "bounce=" },
		{ ",confine=maybe", "confine=maybe" },
		{ ",confine=on,bounce=never", "bounce=never" },
		{ ",dma-limit=11", "dma-limit" },
		{ ",dma-limit=65", "dma-limit" },
		{ ",ring-limit=x", "ring-limit" },
		{ ",window=", "window" },
		{ ",window=5", "window" },
		{ ",window=0x1000-", "window" },
		{ ",window=0x1000-0x1fff+", "window" },
		{ ",window=0x2000-0x1fff", "0x2000-0x1fff" },
		{ ",window=-1-5", "window" },
		{ ",window=0-0x1ffffffffffffffff", "window" },
		{ ",dma-limit=31,window=0x80000000-0xffffffff", "0x80000000" },
		{ ",ring-limit=31,window=0x80000000-0xffffffff", "0x7fffffff" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rig_config c = { .args = bad[i].args };
		struct rig r;
		int ret;

		rig_prepare(&r, &c);
		ret = rig_open(&r);
		if (ret == 0)
			ret = rig_start(&r);
		if (ret >= 0)
			fail_msg("\"%s\" was taken", bad[i].args);
		says(bad[i].says);
		rig_discard(&r);
	}
}

/* Windows in any order, that overlap or touch; both limits; and everything the device is told lies
 * there. */
static void
everything_lies_where_it_shall(void **state)
{
	static const struct {
		const char *args;
		uint64_t low, high, ring_high;
		enum baton_reach pool;
	} of[] = {
		{ ",dma-limit=31", 0, 0x7fffffff, UINT64_MAX, BATON_REACH_DIRECT },
		{ ",ring-limit=31", 0, UINT64_MAX, 0x7fffffff, BATON_REACH_DIRECT },
		{ ",dma-limit=31,ring-limit=31", 0, 0x7fffffff, 0x7fffffff, BATON_REACH_DIRECT },
		{ ",window=0x90000000-0x9fffffff+0x80000000-0x93ffffff", 0x80000000, 0x9fffffff,
		  0x9fffffff, BATON_REACH_DIRECT },
		{ ",window=0x100000000-0x13fffffff", 0x100000000, 0x13fffffff, 0x13fffffff,
		  BATON_REACH_DIRECT },
		{ ",window=0x4000000000-0x40001fffff", 0x4000000000, 0x40001fffff, 0x40001fffff,
		  BATON_REACH_BOUNCE },
		{ ",window=0x0-0xfedfffff+0xfef00000-0xffffffff", 0, 0xffffffff, 0xffffffff,
		  BATON_REACH_DIRECT },
	};

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct rig_config c = { .args = of[i].args, .mtu = 1500 };
		struct baton_reach_info info[16];
		enum baton_reach pool = BATON_REACH_REFUSED;
		struct rig r;
		unsigned n;

		rig_up(&r, &c);
		n = baton_port_reach(r.port, info, 16);
		assert_in_range(n, 2, 16);
		for (unsigned k = 0; k < n; k++) {
			uint64_t high =
				strcmp(info[k].memory, "rings") ? of[i].high : of[i].ring_high;

			assert_true(strlen(info[k].why) > 0);
			if (!strcmp(info[k].memory, "pool rig"))
				pool = info[k].reach;
			if (!info[k].bytes)
				continue;
			assert_true(info[k].iova >= of[i].low &&
				    info[k].iova + info[k].bytes - 1 <= high);
		}
		assert_int_equal(pool, of[i].pool);
		assert_int_equal(summary(r.port).rx_slots > 0, pool == BATON_REACH_BOUNCE);
		rig_roundtrip_rx(&r, 1000, 1);
		rig_roundtrip_tx(&r, 1000, 2);
		rig_down(&r);
	}
}

/* A limit counts from the first mapping on, also while the port is stopped; a reset device may be
 * told otherwise. */
static void
committed(void **state)
{
	struct rig r;

	rig_prepare(&r, &(struct rig_config){ .args = ",dma-limit=40" });
	must(rig_open(&r));
	assert_int_equal(summary(r.port).data_bits, 40);
	assert_int_equal(summary(r.port).device_data_bits, 64);
	must(set(&r, BATON_BOUNCE_AUTO, 48));
	must(set(&r, BATON_BOUNCE_AUTO, 44));
	assert_int_equal(summary(r.port).committed, 0);
	must(rig_start(&r));
	for (unsigned stopped = 0; stopped < 2; stopped++) {
		assert_int_equal(summary(r.port).committed, 1);
		assert_int_equal(set(&r, BATON_BOUNCE_AUTO, 48), -EBUSY); /* raised */
		assert_int_equal(set(&r, BATON_BOUNCE_AUTO, 31), -EBUSY); /* lowered */
		says("44");
		says("baton_port_reset");
		assert_int_equal(set(&r, BATON_BOUNCE_ALWAYS, 44), -EBUSY);
		assert_int_equal(summary(r.port).data_bits, 44);
		assert_int_equal(summary(r.port).bounce, BATON_BOUNCE_AUTO);
		must(baton_port_stop(r.port));
		must(stopped ? 0 : baton_port_start(r.port));
		must(baton_port_stop(r.port));
	}
	must(baton_port_reset(r.port));
	assert_int_equal(summary(r.port).committed, 0);
	must(set(&r, BATON_BOUNCE_ALWAYS, 31));
	must(baton_port_start(r.port));
	assert_true(rig_bounced(&r));
	rig_roundtrip_rx(&r, 1000, 1);
	rig_roundtrip_tx(&r, 1000, 2);
	assert_int_equal(set(&r, BATON_BOUNCE_ALWAYS, 31), -EBUSY);
	rig_down(&r);
}

/* A driver whose device needs no address space made anew for a change. */
static void
no_space_to_renew(void **state)
{
	struct baton_driver driver;
	struct port_ops ops;
	struct rig r;

	rig_prepare(&r, &(struct rig_config){ .args = "" });
	must(rig_open(&r));
	driver = *r.port->driver;
	ops = *driver.ops;
	ops.renew_space = NULL;
	driver.ops = &ops;
	r.port->driver = &driver;
	must(set(&r, BATON_BOUNCE_AUTO, 40));
	assert_int_equal(summary(r.port).data_bits, 40);
	must(rig_start(&r));
	rig_roundtrip_rx(&r, 1000, 1);
	rig_down(&r);
}

/* A driver that knows nothing of slots: it is never shown a pool that the device does not reach. */
static void
a_driver_without_slots(void **state)
{
	struct baton_pool_config pc;
	struct baton_pool *far;
	struct baton_token t[16];
	struct rig r;

	/* Copies are asked for. */
	rig_prepare(&r, &(struct rig_config){ .args = "" });
	must(rig_open(&r));
	r.port->reach.can_bounce = false;
	assert_int_equal(set(&r, BATON_BOUNCE_ALWAYS, 40), -ENOTSUP);
	says("bounce=always");
	says("cannot copy");
	assert_int_equal(summary(r.port).bounce, BATON_BOUNCE_AUTO);
	must(rig_start(&r));
	rig_roundtrip_rx(&r, 1000, 1);
	rig_down(&r);

	/* The pool of an RX queue is out of reach. */
	rig_prepare(&r, &(struct rig_config){ .args = ",window=0x4000000000-0x40001fffff",
					      .mtu = 1500 });
	must(rig_open(&r));
	r.port->reach.can_bounce = false;
	assert_int_equal(rig_start(&r), -ENOSPC);
	says("cannot copy");
	rig_discard(&r);

	/* Another is. */
	rig_prepare(&r, &(struct rig_config){ .args = ",window=0x4000000000-0x40007fffff",
					      .mtu = 1500 });
	baton_pool_config_init(&pc);
	pc.name = "far";
	pc.count = 4096;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r.ctx, &pc, &far));
	must(rig_open(&r));
	r.port->reach.can_bounce = false;
	must(rig_start(&r));
	assert_non_null(strstr(r.logged, "cannot send from pool far"));
	assert_int_equal(r.port->views[far->view.index].count, 0);
	assert_int_equal(baton_alloc(r.worker, far, t, 16), 16);
	for (unsigned i = 0; i < 16; i++)
		t[i].len = 60;
	assert_int_equal(baton_tx_burst(r.tx, t, 1), -EFAULT);
	assert_int_equal(baton_tx_burst(r.tx, t, 16), -EFAULT);
	assert_int_equal(baton_free(r.worker, t, 16), 0);
	baton_worker_flush(r.worker);
	must(baton_port_stop(r.port));
	must(baton_pool_destroy(far));
	rig_down(&r);
}

/* What cannot be leaves the port as it was. */
static void
refused_changes_nothing(void **state)
{
	static const struct baton_iova_range high = { 0x100000000, 0x1ffffffff };
	struct baton_reach_config c;
	struct rig r;

	rig_prepare(&r, &(struct rig_config){ .args = ",window=0x40000000-0x7fffffff" });
	must(rig_open(&r));
	baton_reach_config_init(&c);
	c.windows = &high;
	c.n_windows = 1;
	c.data_bits = 32;
	assert_int_equal(baton_port_set_reach(r.port, &c), -ENOSPC);
	says("0xffffffff");
	says("0x100000000");
	c.n_windows = 33;
	assert_int_equal(baton_port_set_reach(r.port, &c), -EINVAL);
	baton_reach_config_init(&c);
	c.size = 4;
	assert_int_equal(baton_port_set_reach(r.port, &c), -EINVAL);
	assert_int_equal(baton_port_set_reach(r.port, NULL), -EINVAL);
	assert_int_equal(summary(r.port).data_bits, 64);
	must(rig_start(&r));
	{
		struct baton_reach_info info[16];
		unsigned n = baton_port_reach(r.port, info, 16);

		assert_in_range(n, 2, 16);
		for (unsigned i = 0; i < n; i++)
			assert_in_range(info[i].iova, 0x40000000, 0x7fffffff);
	}
	rig_roundtrip_rx(&r, 1000, 1);
	rig_down(&r);
}

static void
ports_without_a_device(void **state)
{
	struct baton_reach_info info[4];
	struct baton_reach_config c;
	struct baton_port *port;
	struct baton_ctx *ctx;

	must(baton_ctx_create(&(struct baton_ctx_config){ .size = sizeof(struct baton_ctx_config) },
			      &ctx));
	must(baton_port_open(ctx, "net_null0", &port));
	baton_reach_config_init(&c);
	assert_int_equal(baton_port_set_reach(port, &c), -ENOTSUP);
	assert_int_equal(baton_port_reach(port, info, 4), 0);
	assert_true(strlen(summary(port).protects) > 0);
	must(baton_port_close(port));
	assert_int_equal(baton_port_open(ctx, "net_null0,bounce=always", &port), -EINVAL);
	must(baton_ctx_destroy(ctx));
}

/* ---- quarantine ---- */

/* A backend in a process of its own. */
static pid_t
backend(const char *path)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!fakedev_start(&(struct fakedev_config){ .path = path }))
		_exit(1);
	for (;;)
		pause();
}

static uint32_t
held(const struct baton_pool *pool, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(pool, h, 32);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n && i < 32; i++)
		sum += h[i].kind == kind ? h[i].count : 0;
	return sum;
}

/* A port against such a backend. */
struct bench {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_worker *worker;
	char dir[64], path[96];
};

/* All of it runs, and ten packets were sent that nobody took. Return: the backend. */
static pid_t
start(struct bench *b, const char *args)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_port_config c = {
		.size = sizeof(c), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 50
	};
	struct baton_queue_config q = { .size = sizeof(q) };
	struct baton_rxq *rx;
	struct baton_txq *tx;
	struct baton_pool_config p;
	struct baton_token t;
	char device[192];
	pid_t pid;

	snprintf(b->dir, sizeof(b->dir), "/tmp/baton-fakedev-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
	pid = backend(b->path);
	for (unsigned i = 0; i < 500 && access(b->path, F_OK); i++)
		usleep(10000);
	must(baton_ctx_create(&(struct baton_ctx_config){ .size = sizeof(struct baton_ctx_config) },
			      &b->ctx));
	baton_pool_config_init(&p);
	p.count = 1024;
	p.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	snprintf(device, sizeof(device), "net_virtio_user0,path=%s,timeout=300%s", b->path, args);
	must(baton_port_open(b->ctx, device, &b->port));
	must(baton_port_configure(b->port, &c));
	q.worker = b->worker;
	must(baton_txq_setup(b->port, 0, &q, &tx));
	q.pool = b->pool;
	must(baton_rxq_setup(b->port, 0, &q, &rx));
	must(baton_port_start(b->port));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(baton_alloc(b->worker, b->pool, &t, 1), 1);
		t.len = 60;
		memset(baton_data(b->worker, t), 0, 60);
		assert_int_equal(baton_tx_burst(tx, &t, 1), 1);
	}
	return pid;
}

static void
destroy(struct bench *b)
{
	assert_int_equal(held(b->pool, BATON_HOLDER_FREE) + held(b->pool, BATON_HOLDER_CACHE),
			 1024);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
}

static void
remove_dir(struct bench *b)
{
	unlink(b->path);
	rmdir(b->dir);
}

/*
 * A backend that is stopped confirms nothing: its buffers are out of use, counted, listed, and not
 * used again when the port is started anew; when its process ends they come home. Its slots are
 * let go: it has a mapping of its own, and the next backend gets others.
 */
static void
out_of_use_until_the_process_ends(void **state)
{
	for (unsigned bounced = 0; bounced < 2; bounced++) {
		struct baton_reach_summary before;
		struct bench b;
		pid_t pid = start(&b, bounced ? ",confine=on" : "");

		before = summary(b.port);
		assert_int_equal(before.rx_slots, bounced ? 256 : 0);
		assert_int_equal(before.tx_slots, bounced ? 256 : 0);
		assert_int_equal(before.quarantined_slots, 0);

		kill(pid, SIGSTOP);
		assert_int_equal(baton_port_stop(b.port), bounced ? 0 : -ETIMEDOUT);
		if (!bounced)
			says("266 buffers are quarantined");
		assert_int_equal(held(b.pool, BATON_HOLDER_QUARANTINE), bounced ? 0 : 266);
		assert_int_equal(held(b.pool, BATON_HOLDER_FREE) + held(b.pool, BATON_HOLDER_CACHE),
				 bounced ? 1024 : 758);
		assert_int_equal(summary(b.port).quarantined_slots, 0);
		for (unsigned i = 0; i < 20; i++)
			baton_ctx_poll(b.ctx, 5);
		assert_int_equal(held(b.pool, BATON_HOLDER_QUARANTINE), bounced ? 0 : 266);

		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		for (unsigned i = 0; i < 400 && held(b.pool, BATON_HOLDER_QUARANTINE); i++)
			baton_ctx_poll(b.ctx, 10);
		assert_int_equal(held(b.pool, BATON_HOLDER_QUARANTINE), 0);
		must(baton_port_close(b.port));
		destroy(&b);
		remove_dir(&b);
	}
}

/*
 * A confined backend has no buffer of ours, so pool and context can go although it never answers
 * again. It keeps what it has mapped; we keep nothing, no descriptor either.
 */
static void
the_context_does_not_wait(void **state)
{
	unsigned fds = rig_fds();
	struct bench b;
	pid_t pid;

	pid = start(&b, ",confine=on");
	kill(pid, SIGSTOP);
	must(baton_port_stop(b.port));
	assert_int_equal(summary(b.port).quarantined_slots, 0);
	must(baton_port_close(b.port));
	destroy(&b);
	assert_int_equal(rig_fds(), fds);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	remove_dir(&b);
}

/* ---- slots of several runs ---- */

/* The pattern in the memory that the device sees of a kind: how many of its bytes are not zero. */
static size_t
used_bytes(struct rig *r, const char *memory)
{
	struct baton_reach_info info[16];
	unsigned n = baton_port_reach(r->port, info, 16);
	size_t used = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *at;

		if (strcmp(info[i].memory, memory))
			continue;
		pthread_mutex_lock(&r->fakedev->lock);
		at = fakedev_translate_(r->fakedev, info[i].iova, info[i].bytes, false);
		assert_non_null(at);
		for (size_t k = 0; k < info[i].bytes; k++)
			used += at[k] != 0;
		pthread_mutex_unlock(&r->fakedev->lock);
	}
	return used;
}

/* Whoever starts a port anew gets slots without a byte of what was in them: a stopped port may be
 * had by somebody else. */
static void
slots_are_clean_at_start(void **state)
{
	uint8_t frame[1500];
	struct rig r;

	rig_up(&r, &(struct rig_config){ .args = ",bounce=always" });
	memset(frame, 0x5a, sizeof(frame));
	for (unsigned run = 0; run < 3; run++) {
		assert_int_equal(used_bytes(&r, "rx slots"), 0);
		assert_int_equal(used_bytes(&r, "tx slots"), 0);
		for (unsigned i = 0; i < 256; i++) {
			struct baton_token t;

			assert_true(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)) >
				    0);
			assert_int_equal(rig_expect_rx(&r, frame, sizeof(frame)), 1);
			assert_int_equal(rig_packet(&r, frame, sizeof(frame), 0, &t), 1);
			assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
			fakedev_complete(r.fakedev, FAKEDEV_TX,
					 rig_expect_tx(&r, frame, sizeof(frame)), 0);
			rig_clean(&r, 64, 1);
		}
		assert_true(used_bytes(&r, "rx slots") >= 256 * sizeof(frame)); /* each slot */
		assert_true(used_bytes(&r, "tx slots") >= 256 * sizeof(frame));
		must(baton_port_stop(r.port));
		must(baton_port_start(r.port));
	}
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			out_of_use_until_the_process_ends), /* these fork, so before any thread */
		cmocka_unit_test(the_context_does_not_wait),
		cmocka_unit_test(arguments),
		cmocka_unit_test(everything_lies_where_it_shall),
		cmocka_unit_test(slots_are_clean_at_start),
		cmocka_unit_test(committed),
		cmocka_unit_test(no_space_to_renew),
		cmocka_unit_test(a_driver_without_slots),
		cmocka_unit_test(refused_changes_nothing),
		cmocka_unit_test(ports_without_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
