/* SPDX-License-Identifier: BSD-3-Clause */
/* What direct queues rely on is tested by them, too: each state here is made by hand, as a flaw
 * elsewhere would leave it. */
#include "rig.h"

#include <errno.h>
#include <string.h>

#include "../../drivers/virtio/virtio.h"

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
		assert_int_equal(virtq_fill(virtq_of(r.rx)), -EFAULT);
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
		vq = virtq_of(r.tx);
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
		vq->avail_idx = (uint16_t)(vq->avail_idx + 8);
		assert_true(baton_tx_clean(r.tx, 64) < 0);
		says("jumped");
		assert_int_equal(rig_stats(&r).violations, 1);
		assert_true((uint16_t)(vq->head - vq->tail) <= 16);
		rig_check_sum(&r); /* no buffer is in two places */
		rig_down(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounced_pool_is_not_posted),
		cmocka_unit_test(no_more_is_released_than_is_posted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
