/* SPDX-License-Identifier: BSD-3-Clause */
/* net_virtio over PCI against a modern device in our own process: the life of a port, refusals, lies, failures, removal. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baton/baton.h>

#include "fake_pci.h"
#include "rig.h"

struct bench {
	struct fake_pci *fake;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_queue *rx[4], *tx[4];
	unsigned pairs;
	bool own_space; /* not the flat one of fake_pci_use() */
	unsigned events[4];
	char args[64];
	char log[512]; /* the last line */
};

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	snprintf(((struct bench *)arg)->log, sizeof(((struct bench *)arg)->log), "%s", line);
	if (getenv("LIAR_LOG"))
		fprintf(stderr, "log %d: %s\n", level, line);
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	((struct bench *)arg)->events[event]++;
}

static void
prepare(struct bench *b, uint64_t features, unsigned pairs)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c), .log = on_log, .log_arg = b };
	struct baton_pool_config p;

	memset(b, 0, sizeof(*b));
	b->pairs = pairs;
	b->fake = fake_pci_start(features);
	b->fake->max_pairs = (uint16_t)pairs;
	assert_int_equal(baton_ctx_create(&c, &b->ctx), 0);
	baton_pool_config_init(&p);
	p.name = "bench";
	p.count = 4096;
	p.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_pool_create(b->ctx, &p, &b->pool), 0);
	fake_pci_share(b->fake, b->pool);
	assert_int_equal(baton_worker_create(b->ctx, &w, &b->worker), 0);
}

static int
try_open(struct bench *b)
{
	char args[128];
	int ret;

	fake_pci_use(b->fake, b->ctx, !b->own_space && !b->ctx->ioas);
	snprintf(args, sizeof(args), "00:03.0%s", b->args);
	ret = baton_port_open(b->ctx, args, &b->port);
	if (ret < 0)
		b->port = NULL;
	else
		baton_port_on_event(b->port, on_event, b);
	return ret;
}

static int
try_configure(struct bench *b)
{
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = (uint16_t)b->pairs, .tx_queues = (uint16_t)b->pairs,
				       .stop_timeout_ms = 50 };
	struct baton_queue_config q = { .size = sizeof(q), .worker = b->worker };
	int ret = baton_port_configure(b->port, &c);

	for (uint16_t i = 0; !ret && i < b->pairs; i++) {
		q.pool = b->pool;
		ret = baton_rxq_setup(b->port, i, &q, &b->rx[i]);
		q.pool = NULL;
		if (!ret)
			ret = baton_txq_setup(b->port, i, &q, &b->tx[i]);
	}
	return ret;
}

static int
try_start(struct bench *b)
{
	int ret = try_configure(b);

	return ret < 0 ? ret : baton_port_start(b->port);
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static uint32_t
held(const struct bench *b, enum baton_holder_kind kind)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(b->pool, h, 32);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += h[i].kind == kind ? h[i].count : 0;
	return sum;
}

static void
all_home(const struct bench *b)
{
	assert_int_equal(held(b, BATON_HOLDER_FREE) + held(b, BATON_HOLDER_CACHE), 4096);
}

static void
down(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	all_home(b);
	assert_string_equal(b->fake->liar->error, "");
	assert_int_equal(baton_worker_destroy(b->worker), 0);
	assert_int_equal(baton_pool_destroy(b->pool), 0);
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
	fake_pci_stop(b->fake);
}

static void
up(struct bench *b, uint64_t features, unsigned pairs)
{
	prepare(b, features, pairs);
	must(try_open(b));
	must(try_start(b));
}

static void
says(const char *words)
{
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

/* ---- packets ---- */

static void
receive(struct bench *b, unsigned queue, size_t len, uint32_t seed)
{
	struct baton_token t[RIG_BURST];
	uint8_t frame[2048];
	int n;

	rig_frame(frame, len, seed);
	assert_true(liar_rx_inject(b->fake->liar, LIAR_RXQ(queue), frame, len) > 0);
	n = baton_rx_burst(b->rx[queue], t, RIG_BURST);
	assert_int_equal(n, 1);
	assert_int_equal(t[0].len, len);
	assert_memory_equal(baton_data(b->worker, t[0]), frame, len);
	assert_int_equal(baton_free(b->worker, t, 1), 0);
}

static void
sends(struct bench *b, unsigned queue, size_t len, uint32_t seed)
{
	struct wire_net_header header;
	struct baton_token t;
	uint8_t frame[2048], got[2048];
	size_t n = sizeof(got);
	int head;

	rig_frame(frame, len, seed);
	assert_int_equal(baton_alloc(b->worker, b->pool, &t, 1), 1);
	t.len = (uint16_t)len;
	memcpy(baton_data(b->worker, t), frame, len);
	fake_pci_rung(b->fake, LIAR_TXQ(queue));
	assert_int_equal(baton_tx_burst(b->tx[queue], &t, 1), 1);
	assert_true(fake_pci_rung(b->fake, LIAR_TXQ(queue)));
	head = liar_tx_collect(b->fake->liar, LIAR_TXQ(queue), &header, got, &n);
	assert_true(head >= 0);
	assert_int_equal(n, len);
	assert_memory_equal(got, frame, len);
	liar_complete(b->fake->liar, LIAR_TXQ(queue), (uint32_t)head, 0);
	assert_int_equal(baton_tx_clean(b->tx[queue], 64), 1);
}

static void
traffic(struct bench *b)
{
	for (unsigned q = 0; q < b->pairs; q++)
		for (uint32_t i = 0; i < 600; i++) {
			receive(b, q, 60 + i, i);
			sends(b, q, 60 + i, i);
		}
}

/* ---- an honest device ---- */

static void
life(void **state)
{
	unsigned fds = rig_fds();
	struct baton_port_info info;
	struct baton_link link;
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	must(try_open(&b));
	baton_port_info(b.port, &info);
	assert_string_equal(info.name, FAKE_BDF);
	assert_string_equal(info.driver, "net_virtio");
	assert_memory_equal(info.mac, "\x02\xba\x70\x00\x00\x03", 6);
	assert_int_equal(info.max_rx_queues, 1);
	assert_int_equal(info.max_descs, 256);
	assert_non_null(strstr(info.detail, "virtio-net PCI 0000:00:03.0 on flat"));
	assert_non_null(strstr(info.detail, "ACCESS_PLATFORM"));
	baton_port_link(b.port, &link);
	assert_true(link.up);
	for (int i = 0; i < 3; i++) {
		must(try_start(&b));
		assert_int_equal(b.fake->status, 0x0f);
		assert_int_equal(b.fake->config[4] & 6, 6);
		assert_int_equal(b.fake->driver_features, FAKE_FEATURES);
		/* No element of the used ring on two pages. */
		assert_int_equal(b.fake->liar->queue[LIAR_RX].addr.used % 8, 4);
		assert_int_equal(b.fake->liar->queue[LIAR_TX].addr.used % 8, 4);
		traffic(&b);
		must(baton_port_stop(b.port));
		assert_int_equal(b.fake->status, 0);
		assert_int_equal(b.fake->config[4] & 6, 2); /* no bus mastering */
		all_home(&b);
	}
	down(&b);
	assert_int_equal(rig_fds(), fds);
}

static void
doorbells_that_are_calls(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->mappable = 0;
	must(try_open(&b));
	must(try_start(&b));
	traffic(&b);
	down(&b);
}

static void
four_pairs(void **state)
{
	struct liar_command c;
	struct bench b;

	prepare(&b, FAKE_FEATURES | LIAR_F_CTRL_VQ | LIAR_F_MQ, 4);
	b.fake->mappable = 0; /* the control queue answers at once */
	must(try_open(&b));
	must(try_start(&b));
	assert_true(liar_command(b.fake->liar, 0, &c));
	assert_int_equal(c.class, 4);
	assert_int_equal(c.command, 0);
	assert_int_equal(c.data[0], 4);
	traffic(&b);
	down(&b);
}

static void
more_tx_than_rx_queues(void **state)
{
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 2 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct bench b;

	prepare(&b, FAKE_FEATURES | LIAR_F_CTRL_VQ | LIAR_F_MQ, 4);
	must(try_open(&b));
	must(baton_port_configure(b.port, &c));
	q.worker = b.worker;
	must(baton_txq_setup(b.port, 0, &q, &b.tx[0]));
	must(baton_txq_setup(b.port, 1, &q, &b.tx[1]));
	q.pool = b.pool;
	must(baton_rxq_setup(b.port, 0, &q, &b.rx[0]));
	assert_int_equal(baton_port_start(b.port), -ENOTSUP);
	says("as many RX queues");
	down(&b);
}

static void
control_queue_that_is_silent(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES | LIAR_F_CTRL_VQ | LIAR_F_MQ, 2);
	must(try_open(&b)); /* its doorbells are memory: nobody looks */
	assert_int_equal(try_start(&b), -ETIMEDOUT);
	says("queue pairs");
	assert_int_equal(b.fake->status, 0);
	all_home(&b);
	down(&b);
}

static void
wake_ups(void **state)
{
	struct pollfd p = { .events = POLLIN };
	uint8_t frame[64] = { 2 };
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	assert_int_equal(baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 }, 64), 0);
	p.fd = baton_queue_arm(b.rx[0]);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(liar_rx_inject(b.fake->liar, LIAR_RX, frame, sizeof(frame)) > 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	baton_queue_disarm(b.rx[0]);
	down(&b);
}

static void
too_few_vectors(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->vectors = 1; /* for changes; none for the queue */
	must(try_open(&b));
	must(try_start(&b));
	baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 }, 64);
	assert_int_equal(baton_queue_arm(b.rx[0]), -ENOTSUP);
	traffic(&b);
	must(baton_port_close(b.port));
	b.fake->vectors = 0;
	must(try_open(&b));
	must(try_start(&b));
	traffic(&b);
	down(&b);
}

static void
link_events(void **state)
{
	struct baton_link link;
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	fake_pci_set_link(b.fake, false);
	assert_true(baton_ctx_poll(b.ctx, 0) > 0);
	baton_port_link(b.port, &link);
	assert_false(link.up);
	fake_pci_set_link(b.fake, true);
	baton_ctx_poll(b.ctx, 0);
	baton_port_link(b.port, &link);
	assert_true(link.up);
	assert_int_equal(b.events[BATON_EVENT_LINK], 2);
	down(&b);
}

static void
queues_that_stop_alone(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES | FAKE_F_RING_RESET, 1);
	must(baton_queue_stop(b.rx[0]));
	assert_false(liar_ready(b.fake->liar, LIAR_RX));
	assert_int_equal(held(&b, BATON_HOLDER_QUEUE), 0);
	must(baton_queue_start(b.rx[0]));
	must(baton_queue_stop(b.tx[0]));
	must(baton_queue_start(b.tx[0]));
	traffic(&b);
	b.fake->stuck_queue = true;
	assert_int_equal(baton_queue_stop(b.rx[0]), -ETIMEDOUT);
	b.fake->stuck_queue = false;
	down(&b);

	up(&b, FAKE_FEATURES, 1);
	assert_int_equal(baton_queue_stop(b.rx[0]), -ENOTSUP);
	says("VIRTIO_F_RING_RESET");
	traffic(&b); /* it runs on */
	down(&b);
}

/* ---- refusals ---- */

static void
refused(struct bench *b, int err, const char *words)
{
	int ret = try_open(b);

	if (ret != err)
		fail_msg("%d, not %d: %s", ret, err, baton_last_error());
	says(words);
	assert_int_equal(b->fake->attached, 0);
	assert_int_equal(b->fake->mapped, 0);
	down(b);
}

static void
features_that_are_missing(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES & ~LIAR_F_VERSION_1, 1);
	refused(&b, -ENOTSUP, "VIRTIO_F_VERSION_1");
	prepare(&b, FAKE_FEATURES & ~FAKE_F_ACCESS_PLATFORM, 1);
	b.own_space = true; /* whatever is found: not flat, so an IOMMU */
	refused(&b, -ENOTSUP, "it would bypass the IOMMU");
	up(&b, FAKE_FEATURES & ~FAKE_F_ACCESS_PLATFORM, 1); /* no IOMMU to bypass */
	traffic(&b);
	down(&b);
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->refuses = true;
	must(try_open(&b));
	assert_int_equal(try_start(&b), -ENOTSUP);
	says("does not accept features");
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
	assert_int_equal(b.fake->driver_features & LIAR_F_MRG_RXBUF, 0);
	assert_int_equal(liar_queue_size(b.fake->liar, LIAR_RX), 64);
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
		{ 1, 0, 0, 0x3c, "BAR 0 is not there" },
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
		{ 9, FAKE_BAR, 0, 64, "none among its capabilities" }, /* in place of the common one */
	};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t slot = lies[i].type == 9 ? 1 : lies[i].type;
		struct bench b;

		prepare(&b, FAKE_FEATURES, 1);
		fake_pci_cap(b.fake, FAKE_CAP(slot), slot < 4 ? (uint8_t)FAKE_CAP(slot + 1) : 0, lies[i].type, lies[i].bar,
			     lies[i].offset, lies[i].length);
		refused(&b, -EPROTO, lies[i].words);
	}
}

static void
lies_in_the_list(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->config[FAKE_CAP(4) + 1] = FAKE_CAP(1);
	refused(&b, -EPROTO, "comes back");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->config[0x34] = 0;
	refused(&b, -ENOTSUP, "legacy");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->config[FAKE_CAP(2) + 2] = 3; /* its own length */
	refused(&b, -EPROTO, "length is 3");
	/* One that cannot be used, then one that can: 4.1.4.2. */
	prepare(&b, FAKE_FEATURES, 1);
	fake_pci_cap(b.fake, 0xc0, FAKE_CAP(1), 1, 7, 0, 0x3c);
	b.fake->config[0x34] = 0xc0;
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
	b.fake->dead = true;
	refused(&b, -ENODEV, "all ones");
	prepare(&b, FAKE_FEATURES, 1);
	b.fake->restless = true;
	refused(&b, -EPROTO, "changed its configuration");
	prepare(&b, FAKE_FEATURES | LIAR_F_NET_MTU, 1);
	b.fake->mtu = 67;
	refused(&b, -EPROTO, "MTU is 67");
	prepare(&b, FAKE_FEATURES | LIAR_F_MQ | LIAR_F_CTRL_VQ, 0);
	refused(&b, -EPROTO, "0 queue pairs");

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->notify_off = 0x400; /* times 4: right behind the structure */
	must(try_open(&b));
	assert_int_equal(try_start(&b), -EPROTO);
	says("doorbell");
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
	must(baton_port_start(b.port));
	traffic(&b);
	down(&b);
}

/* ---- a device that does not let go ---- */

static void
reset_that_is_not_confirmed(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	b.fake->keeps_status = true;
	b.fake->can_reset = false;
	must(baton_port_stop(b.port)); /* bus mastering was taken from it */
	assert_int_equal(b.fake->config[4] & 4, 0);
	all_home(&b);
	assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
	says("its status reads");
	all_home(&b);
	must(baton_port_close(b.port));
	b.fake->keeps_status = false;

	b.fake->can_reset = true;
	must(try_open(&b));
	must(try_start(&b));
	b.fake->keeps_status = true;
	must(baton_port_stop(b.port));
	assert_int_equal(b.fake->resets, 1);
	must(baton_port_start(b.port));
	traffic(&b);
	down(&b);
}

/* ---- a device that goes ---- */

static void
until(struct bench *b, unsigned *event, unsigned n)
{
	struct baton_token t[64];

	for (unsigned i = 0; i < 2000 && *event < n; i++) {
		baton_ctx_poll(b->ctx, 1);
		baton_rx_burst(b->rx[0], t, 64); /* the worker's next burst */
	}
	assert_int_equal(*event, n);
}

static void
removed(struct bench *b)
{
	struct baton_token t[64];
	struct baton_port_info info;

	until(b, &b->events[BATON_EVENT_REMOVED], 1);
	for (unsigned i = 0; i < 200 && b->fake->attached; i++) {
		baton_rx_burst(b->rx[0], t, 64);
		baton_ctx_poll(b->ctx, 1);
	}
	assert_int_equal(b->fake->attached, 0);
	assert_int_equal(b->fake->mapped, 0);
	assert_int_equal(baton_rx_burst(b->rx[0], t, 64), -ENETDOWN);
	assert_int_equal(baton_tx_burst(b->tx[0], t, 0), -ENETDOWN);
	baton_port_info(b->port, &info);
	assert_int_equal(info.state, BATON_PORT_REMOVED);
	all_home(b);
}

static void
unplugged(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	traffic(&b);
	fake_pci_signal(b.fake->req_fd);
	removed(&b);
	must(baton_port_stop(b.port));
	assert_int_equal(baton_port_start(b.port), -ENODEV);
	down(&b);

	/* Stopped: given back at once. */
	up(&b, FAKE_FEATURES, 1);
	must(baton_port_stop(b.port));
	fake_pci_signal(b.fake->req_fd);
	baton_ctx_poll(b.ctx, 0);
	assert_int_equal(b.fake->attached, 0);
	assert_int_equal(b.events[BATON_EVENT_REMOVED], 1);
	/* And had again on request. */
	must(baton_port_reset(b.port));
	must(baton_port_start(b.port));
	traffic(&b);
	down(&b);
}

static void
pci_error(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	fake_pci_signal(b.fake->err_fd);
	removed(&b);
	down(&b);
}

static void
dies_while_running(void **state)
{
	struct bench b;

	/* It is off the bus: what it held is safe only where an IOMMU says so, and FLAT has none. */
	up(&b, FAKE_FEATURES, 1);
	b.fake->dead = true;
	fake_pci_interrupt(b.fake, b.fake->change_vector);
	until(&b, &b.events[BATON_EVENT_REMOVED], 1);
	for (unsigned i = 0; i < 200 && b.fake->attached; i++) {
		baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 }, 64);
		baton_ctx_poll(b.ctx, 1);
	}
	assert_int_equal(b.fake->attached, 0);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	baton_port_close(b.port);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	fake_pci_stop(b.fake); /* pool and context stay for good */
}

static void
needs_a_reset(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	for (unsigned i = 1; i <= 2; i++) {
		b.fake->status |= 64;
		fake_pci_interrupt(b.fake, b.fake->change_vector);
		until(&b, &b.events[BATON_EVENT_BACK], i);
		assert_int_equal(b.events[BATON_EVENT_LOST], i);
		traffic(&b);
	}
	down(&b);
}

/* ---- each call fails ---- */

static void
nth_call_fails(void **state)
{
	unsigned n = 1, failures = 0;

	for (;; n++) {
		unsigned fds = rig_fds(), reached;
		struct bench b;
		int ret;

		prepare(&b, FAKE_FEATURES, 1);
		b.fake->can_reset = true;
		b.fake->fail_at = n;
		ret = try_open(&b);
		if (!ret)
			ret = try_start(&b);
		if (!ret)
			ret = baton_port_stop(b.port);
		reached = b.fake->calls;
		failures += ret < 0;
		if (ret < 0)
			assert_true(strlen(baton_last_error()) > 0);
		down(&b);
		assert_int_equal(rig_fds(), fds);
		if (reached < n)
			break;
	}
	assert_true(n > 100);
	assert_true(failures > 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(doorbells_that_are_calls),
		cmocka_unit_test(four_pairs),
		cmocka_unit_test(more_tx_than_rx_queues),
		cmocka_unit_test(control_queue_that_is_silent),
		cmocka_unit_test(wake_ups),
		cmocka_unit_test(too_few_vectors),
		cmocka_unit_test(link_events),
		cmocka_unit_test(queues_that_stop_alone),
		cmocka_unit_test(features_that_are_missing),
		cmocka_unit_test(arguments),
		cmocka_unit_test(names),
		cmocka_unit_test(lies_in_capabilities),
		cmocka_unit_test(lies_in_the_list),
		cmocka_unit_test(lies_elsewhere),
		cmocka_unit_test(reset_that_is_not_confirmed),
		cmocka_unit_test(unplugged),
		cmocka_unit_test(pci_error),
		cmocka_unit_test(dies_while_running),
		cmocka_unit_test(needs_a_reset),
		cmocka_unit_test(nth_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
