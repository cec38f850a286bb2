/* SPDX-License-Identifier: BSD-3-Clause */
/* net_virtio over PCI against a modern device in our own process: the life of a port, failures,
 * removal. */
#include "virtio_pci_bench.h"

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
		assert_int_equal(b.fake->pci.config[4] & 6, 6);
		assert_int_equal(b.fake->driver_features, FAKE_FEATURES);
		/* No element of the used ring on two pages. */
		assert_int_equal(b.fake->fakedev->queue[FAKEDEV_RX].addr.used % 8, 4);
		assert_int_equal(b.fake->fakedev->queue[FAKEDEV_TX].addr.used % 8, 4);
		traffic(&b);
		must(baton_port_stop(b.port));
		assert_int_equal(b.fake->status, 0);
		assert_int_equal(b.fake->pci.config[4] & 6, 2); /* no bus mastering */
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
	b.fake->pci.mappable = 0;
	must(try_open(&b));
	must(try_start(&b));
	traffic(&b);
	down(&b);
}

static void
four_pairs(void **state)
{
	struct fakedev_command c;
	struct bench b;

	prepare(&b, FAKE_FEATURES | FAKEDEV_F_CTRL_VQ | FAKEDEV_F_MQ, 4);
	b.fake->pci.mappable = 0; /* the control queue answers at once */
	must(try_open(&b));
	must(try_start(&b));
	assert_true(fakedev_command(b.fake->fakedev, 0, &c));
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

	prepare(&b, FAKE_FEATURES | FAKEDEV_F_CTRL_VQ | FAKEDEV_F_MQ, 4);
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

	prepare(&b, FAKE_FEATURES | FAKEDEV_F_CTRL_VQ | FAKEDEV_F_MQ, 2);
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
	p.fd = baton_rxq_arm(b.rx[0]);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(fakedev_rx_inject(b.fake->fakedev, FAKEDEV_RX, frame, sizeof(frame)) > 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	baton_rxq_disarm(b.rx[0]);
	down(&b);
}

static void
too_few_vectors(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	b.fake->pci.vectors = 1; /* for changes; none for the queue */
	must(try_open(&b));
	must(try_start(&b));
	baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 }, 64);
	assert_int_equal(baton_rxq_arm(b.rx[0]), -ENOTSUP);
	traffic(&b);
	must(baton_port_close(b.port));
	b.fake->pci.vectors = 0;
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
	must(baton_rxq_stop(b.rx[0]));
	assert_false(fakedev_ready(b.fake->fakedev, FAKEDEV_RX));
	assert_int_equal(held(&b, BATON_HOLDER_QUEUE), 0);
	must(baton_rxq_start(b.rx[0]));
	must(baton_txq_stop(b.tx[0]));
	must(baton_txq_start(b.tx[0]));
	traffic(&b);
	b.fake->stuck_queue = true;
	assert_int_equal(baton_rxq_stop(b.rx[0]), -ETIMEDOUT);
	b.fake->stuck_queue = false;
	down(&b);

	up(&b, FAKE_FEATURES, 1);
	assert_int_equal(baton_rxq_stop(b.rx[0]), -ENOTSUP);
	says("VIRTIO_F_RING_RESET");
	traffic(&b); /* it runs on */
	down(&b);
}

/* ---- a device that does not let go ---- */

static void
reset_that_is_not_confirmed(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	b.fake->keeps_status = true;
	b.fake->pci.can_reset = false;
	must(baton_port_stop(b.port)); /* bus mastering was taken from it */
	assert_int_equal(b.fake->pci.config[4] & 4, 0);
	all_home(&b);
	assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
	says("its status reads");
	all_home(&b);
	must(baton_port_close(b.port));
	b.fake->keeps_status = false;

	b.fake->pci.can_reset = true;
	must(try_open(&b));
	must(try_start(&b));
	b.fake->keeps_status = true;
	must(baton_port_stop(b.port));
	assert_int_equal(b.fake->pci.resets, 1);
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
	for (unsigned i = 0; i < 200 && b->fake->pci.attached; i++) {
		baton_rx_burst(b->rx[0], t, 64);
		baton_ctx_poll(b->ctx, 1);
	}
	assert_int_equal(b->fake->pci.attached, 0);
	assert_int_equal(b->fake->pci.mapped, 0);
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
	pci_model_signal(b.fake->pci.req_fd);
	removed(&b);
	must(baton_port_stop(b.port));
	assert_int_equal(baton_port_start(b.port), -ENODEV);
	down(&b);

	/* Stopped: given back at once. */
	up(&b, FAKE_FEATURES, 1);
	must(baton_port_stop(b.port));
	pci_model_signal(b.fake->pci.req_fd);
	baton_ctx_poll(b.ctx, 0);
	assert_int_equal(b.fake->pci.attached, 0);
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
	pci_model_signal(b.fake->pci.err_fd);
	removed(&b);
	down(&b);
}

static void
dies_while_running(void **state)
{
	struct bench b;

	/* It is off the bus: what it held is safe only where an IOMMU says so, and FLAT has none.
	 */
	up(&b, FAKE_FEATURES, 1);
	b.fake->pci.dead = true;
	pci_model_interrupt(&b.fake->pci, b.fake->change_vector);
	until(&b, &b.events[BATON_EVENT_REMOVED], 1);
	for (unsigned i = 0; i < 200 && b.fake->pci.attached; i++) {
		baton_rx_burst(b.rx[0], (struct baton_token[64]){ 0 }, 64);
		baton_ctx_poll(b.ctx, 1);
	}
	assert_int_equal(b.fake->pci.attached, 0);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	baton_port_close(b.port);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	fake_pci_stop(b.fake); /* pool and context stay for good */
}

/* The rings need the very buffers that the device did not let go of: it is asked again before they
 * are filled. */
static void
starts_with_what_it_kept(void **state)
{
	static struct baton_token t[4096];
	struct bench b;
	unsigned n = 0, got;

	up(&b, FAKE_FEATURES, 1);
	b.fake->keeps_status = b.fake->pci.keeps_config = true;
	assert_int_equal(baton_port_stop(b.port), -ETIMEDOUT);
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	while ((got = baton_alloc(b.worker, b.pool, t + n, 64)))
		n += got;
	assert_int_equal(n, 4096 - 256);
	assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
	says("after it was reset");
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 256);
	b.fake->keeps_status = b.fake->pci.keeps_config = false;
	must(baton_port_start(b.port));
	assert_int_equal(held(&b, BATON_HOLDER_QUARANTINE), 0);
	for (unsigned i = 0; i < n; i += 64)
		assert_int_equal(baton_free(b.worker, t + i, 64), 0);
	traffic(&b);
	down(&b);
}

static void
needs_a_reset(void **state)
{
	struct bench b;

	up(&b, FAKE_FEATURES, 1);
	for (unsigned i = 1; i <= 2; i++) {
		b.fake->status |= 64;
		pci_model_interrupt(&b.fake->pci, b.fake->change_vector);
		until(&b, &b.events[BATON_EVENT_BACK], i);
		assert_int_equal(b.events[BATON_EVENT_LOST], i);
		traffic(&b);
	}
	down(&b);
}

/* ---- confined ---- */

static void
confined_only_where_it_can_be(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	snprintf(b.args, sizeof(b.args), ",ioas=flat,confine=on");
	assert_int_equal(try_open(&b), -ENOTSUP);
	says("nothing keeps device " FAKE_BDF " from other memory in an address space of kind "
	     "flat");
	snprintf(b.args, sizeof(b.args), ",ioas=noiommu,confine=on");
	assert_int_equal(try_open(&b), -ENOTSUP);
	says("kind noiommu");
	assert_int_equal(b.fake->pci.attached, 0);
	down(&b);
}

static void
confined_in_a_shared_group(void **state)
{
	struct bench b;

	prepare(&b, FAKE_FEATURES, 1);
	pci_model_group(&b.fake->pci, "0000:00:1c.0", "0x060400\n", "pcieport");
	pci_model_group(&b.fake->pci, "0000:00:04.0", "0x020000\n", "vfio-pci");
	snprintf(b.args, sizeof(b.args), ",ioas=type1,confine=on");
	b.own_space = true;
	assert_int_equal(try_open(&b), -EBUSY);
	says("confine=on: " FAKE_BDF " shares its IOMMU group 7 with 0000:00:04.0 (vfio-pci)");
	assert_int_equal(b.fake->pci.attached, 0);
	assert_null(b.ctx->ioases); /* its address space went with it */
	/* What is not confined may have neighbours. */
	b.args[0] = '\0';
	b.own_space = false;
	must(try_open(&b));
	must(try_start(&b));
	traffic(&b);
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
		b.fake->pci.can_reset = true;
		b.fake->pci.fail_at = n;
		ret = try_open(&b);
		if (!ret)
			ret = try_start(&b);
		if (!ret)
			ret = baton_port_stop(b.port);
		reached = b.fake->pci.calls;
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
		cmocka_unit_test(reset_that_is_not_confirmed),
		cmocka_unit_test(unplugged),
		cmocka_unit_test(pci_error),
		cmocka_unit_test(dies_while_running),
		cmocka_unit_test(starts_with_what_it_kept),
		cmocka_unit_test(needs_a_reset),
		cmocka_unit_test(confined_only_where_it_can_be),
		cmocka_unit_test(confined_in_a_shared_group),
		cmocka_unit_test(nth_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
