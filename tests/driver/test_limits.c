/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of a device: those that cannot be, less than before, and what is beyond them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <baton/baton.h>

#include "exn_model.h"
#include "nic/pci.h"

#define SPEC PCI_MODEL_BDF ",ioas=vhost"

extern const struct baton_driver example_driver;

/* The example's driver, of which a test takes settings away. */
static struct nic_ops ops;
static struct baton_driver driver;
const struct baton_driver *const baton_driver_table[] = { &driver, NULL };
const char *const baton_driver_names[] = { "net_example", NULL };

struct bench {
	struct baton_ctx *ctx;
	struct exn_model *m;
	struct baton_port *port;
	struct baton_pool *pool; /* start() */
	struct baton_worker *worker;
	struct baton_rxq *rxq;
};

static void
no_log(void *arg, enum baton_log_level level, const char *line)
{
}

static void
up(struct bench *b)
{
	struct baton_ctx_config c = { .size = sizeof(c), .log = no_log };

	driver = example_driver;
	ops = *(const struct nic_ops *)driver.priv;
	driver.priv = &ops;
	*b = (struct bench){ 0 };
	assert_int_equal(baton_ctx_create(&c, &b->ctx), 0);
	b->m = exn_model_start(b->ctx);
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static void
down(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	assert_int_equal(b->m->pci.attached, 0);
	if (b->pool) {
		must(baton_worker_destroy(b->worker));
		must(baton_pool_destroy(b->pool));
	}
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
	exn_model_stop(b->m);
}

static void
says(int ret, int error, const char *part)
{
	if (ret != -error || !strstr(baton_last_error(), part))
		fail_msg("returned %d, and said: %s", ret, baton_last_error());
}

static void
refused(struct bench *b, int error, const char *part)
{
	says(baton_port_open(b->ctx, SPEC, &b->port), error, part);
	b->port = NULL;
	down(b);
}

static void
start(struct bench *b)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_worker_config w = { .size = sizeof(w), .name = "w" };
	struct baton_queue_config q = { .size = sizeof(q), .descs = 64 };
	struct baton_pool_config p;
	struct baton_txq *txq;

	baton_pool_config_init(&p);
	p.count = 1024;
	p.page_size = BATON_PAGE_4K;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	q.worker = b->worker;
	must(baton_port_configure(b->port, &pc));
	must(baton_txq_setup(b->port, 0, &q, &txq));
	q.pool = b->pool;
	must(baton_rxq_setup(b->port, 0, &q, &b->rxq));
	must(baton_port_start(b->port));
}

/* What a driver has no function for, and more than it declares. */
static void
settings(void **state)
{
	const uint8_t mac[6] = { 2 };
	uint8_t macs[17][6] = { { 2 } };
	struct bench b;

	up(&b);
	ops.set_vlan = NULL;
	ops.set_mac = NULL;
	must(baton_port_open(b.ctx, SPEC, &b.port));
	start(&b);
	says(baton_port_set_vlan(b.port, 5, 1), ENOTSUP, "the device has no VLAN filter");
	says(baton_port_set_mac(b.port, mac), ENOTSUP, "the device has no MAC address");
	says(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 17), ENOSPC,
	     "17 addresses, the device has room for 16");
	assert_int_equal(baton_port_set_macs(b.port, (const uint8_t(*)[6])macs, 16), 0);
	down(&b);
}

static void
another_device(void **state)
{
	struct bench b;

	up(&b);
	b.m->regs[0] = 0x12345678;
	refused(&b, EPROTO, "reads 0x12345678 at 0 of BAR 0, a net_example reads 0x314e5845");
}

static void
impossible_limits(void **state)
{
	struct bench b;

	up(&b);
	b.m->queues = 0;
	refused(&b, EPROTO, "says it has no queues");
	up(&b);
	b.m->frame = 80;
	refused(&b, EPROTO, "says it takes frames of 80 bytes at most");
}

/* The device may receive its longest frame, which is longer than any MTU is. */
static void
long_frame(void **state)
{
	static const uint8_t frame[12000];
	struct baton_token t[64];
	uint32_t len = 0;
	struct bench b;
	int n;

	up(&b);
	b.m->frame = 16000;
	must(baton_port_open(b.ctx, SPEC, &b.port));
	start(&b);
	assert_true(exn_receive(b.m, 0, frame, sizeof(frame), 0, NULL));
	n = baton_rx_burst(b.rxq, t, 64);
	must(n);
	for (int i = 0; i < n; i++)
		len += t[i].len;
	assert_int_equal(len, sizeof(frame));
	must(baton_free(b.worker, t, (unsigned)n));
	down(&b);
}

/* Limits are those of the device that was there first. */
static void
another_after_reset(void **state)
{
	struct baton_port_info before, after;
	struct bench b;

	up(&b);
	must(baton_port_open(b.ctx, SPEC, &b.port));
	baton_port_info(b.port, &before);
	b.m->queues++;
	assert_int_equal(baton_port_reset(b.port), 0);
	baton_port_info(b.port, &after);
	assert_int_equal(after.max_rx_queues, before.max_rx_queues);
	b.m->queues = EXN_MODEL_QUEUES - 1;
	says(baton_port_reset(b.port), EPROTO,
	     "came back with 3 queues, rings of 1024 places and "
	     "frames of 9200 bytes; it had 4, 1024 and 9200");
	b.m->queues = EXN_MODEL_QUEUES;
	b.m->frame = 1600;
	says(baton_port_reset(b.port), EPROTO, "frames of 1600 bytes");
	b.m->frame = EXN_FRAME_MAX;
	assert_int_equal(baton_port_reset(b.port), 0);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings),
		cmocka_unit_test(another_device),
		cmocka_unit_test(impossible_limits),
		cmocka_unit_test(long_frame),
		cmocka_unit_test(another_after_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
