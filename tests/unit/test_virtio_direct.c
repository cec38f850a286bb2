/* SPDX-License-Identifier: BSD-3-Clause */
/* What direct queues rely on is tested by them, too: each state here is made by hand, as a flaw
 * elsewhere would leave it. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "virtio/net/virtio.h"

static const char *const widths[] = { "", ",vectorized=0" };

static void
says(const char *words)
{
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

/* A pool that the device must not see has no address: nothing of it is posted. */
static void
a_bounced_pool_is_not_posted(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct rig_config c = { .args = widths[i & 1], .mtu = 9000, .data_len = 1024 };
		const unsigned chain = i / 2;
		struct baton_token t[16];
		struct baton_pool_view *v;
		uint8_t frame[3000];
		struct rig r;
		unsigned n;

		rig_up(&r, &c);
		v = &r.port->views[r.pool->view.index];
		dma_view_bounce(v, r.pool);
		if (chain) {
			rig_frame(frame, sizeof(frame), 1);
			n = rig_packet(&r, frame, sizeof(frame), 0, t);
			assert_in_range(n, 2, 16);
		} else {
			n = baton_alloc(r.worker, r.pool, t, 16);
			assert_int_equal(n, 16);
			for (unsigned k = 0; k < n; k++)
				t[k].len = 60;
		}
		assert_int_equal(baton_tx_burst(r.tx, t, n), -EFAULT);
		says("slots");
		assert_int_equal(fakedev_available(r.fakedev, FAKEDEV_TX), 0);
		assert_int_equal(r.violations, 0);
		*v = r.pool->view;
		assert_int_equal(baton_free(r.worker, t, n), 0); /* they stayed the caller's */
		v->bounce = 1;
		assert_int_equal(nic_queue_fill(nic_queue_of(rig_queue(r.rx))), -EFAULT);
		v->bounce = 0;
		rig_down(&r);
	}
}

/* The used index is held against the descriptors in flight, not only against what was counted. */
static void
no_more_is_released_than_is_posted(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct rig_config c = { .args = widths[i & 1], .mtu = 9000 };
		struct baton_token t[16];
		uint8_t frame[60];
		struct virtq *vq;
		struct rig r;

		if (i / 2)
			c.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER;
		rig_up(&r, &c);
		vq = virtq_of(rig_queue(r.tx));
		rig_frame(frame, sizeof(frame), 1);
		for (unsigned k = 0; k < 16; k++)
			rig_packet(&r, frame, sizeof(frame), 0, &t[k]);
		assert_int_equal(baton_tx_burst(r.tx, t, 8), 8);
		assert_int_equal(baton_tx_burst(r.tx, t + 8, 8), 8);
		for (unsigned k = 0; k < 16; k++)
			assert_int_equal(fakedev_pop(r.fakedev, FAKEDEV_TX), (int)k);
		for (unsigned k = 0; k < 8; k++)
			fakedev_complete(r.fakedev, FAKEDEV_TX, k, 0);
		assert_int_equal(baton_tx_clean(r.tx, 64), 8);
		for (unsigned k = 0; k < 16; k++)
			fakedev_complete(r.fakedev, FAKEDEV_TX, 8 + k, 0);
		vq->nq.posted = (uint16_t)(vq->nq.posted + 8);
		assert_true(baton_tx_clean(r.tx, 64) < 0);
		says("jumped");
		assert_int_equal(rig_stats(&r).violations, 1);
		assert_true((uint16_t)(vq->nq.head - vq->nq.tail) <= 16);
		rig_check_sum(&r); /* no buffer is in two places */
		rig_down(&r);
	}
}

/*
 * A frame waits for more buffers than are posted, and there are no others: the worker must not
 * sleep over the moment when another worker frees some, of which nobody tells it.
 */
static void
too_few_for_the_frame_that_waits(void **state)
{
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct rig_config c = { .mtu = 9000, .descs = 32 };
	struct baton_token t[RIG_BURST], all[1024];
	struct baton_worker *other;
	uint8_t frame[9000];
	unsigned n = 0, got = 0;
	struct pollfd p = { .events = POLLIN };
	struct rig r;

	rig_up(&r, &c);
	assert_int_equal(baton_worker_create(r.ctx, &wc, &other), 0);
	while ((got = baton_alloc(other, r.pool, all + n, 64)))
		n += got;
	rig_frame(frame, sizeof(frame), 1);
	/* Enough are posted for any frame: sleep until one comes. */
	p.fd = baton_rxq_arm(r.rx);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	baton_rxq_disarm(r.rx);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, 60), 1);
	assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 30);
	assert_int_equal(fakedev_available(r.fakedev, FAKEDEV_RX), 2);
	assert_int_equal(baton_rx_burst(r.rx, t + 30, RIG_BURST - 30), 0);
	p.fd = baton_rxq_arm(r.rx);
	assert_int_equal(baton_free(other, all, n), 0);
	baton_worker_flush(other);
	assert_int_equal(poll(&p, 1, 0), 1);
	baton_rxq_disarm(r.rx);
	assert_int_equal(baton_rx_burst(r.rx, t + 30, RIG_BURST - 30), 0);
	assert_true(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)) > 1);
	rig_expect_rx(&r, frame, sizeof(frame));
	p.fd = baton_rxq_arm(r.rx);
	assert_int_equal(poll(&p, 1, 0), 0);
	baton_rxq_disarm(r.rx);
	assert_int_equal(baton_free(r.worker, t, 30), 0);
	assert_int_equal(baton_worker_destroy(other), 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounced_pool_is_not_posted),
		cmocka_unit_test(too_few_for_the_frame_that_waits),
		cmocka_unit_test(no_more_is_released_than_is_posted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
