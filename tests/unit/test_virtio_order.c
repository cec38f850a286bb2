/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that completes out of order for a while: nothing is lost or mixed up meanwhile, and when
 * it is in order again, so is the queue, whose bursts then take the fast path again. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "virtio/net/virtio.h"

#define BATCH 48u

struct line {
	struct rig r;
	struct virtq *vq;
	uint64_t seed;
	uint32_t sent, seen; /* frames; each says its number */
	int held;            /* a descriptor that the device keeps, or -1 */
};

static uint32_t
below(struct line *l, uint32_t n)
{
	l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(l->seed >> 33) % n;
}

static void
begin(struct line *l, const char *args, uint32_t descs, uint16_t mtu, uint64_t seed)
{
	const struct rig_config c = {
		.args = args, .descs = descs, .mtu = mtu, .pool_count = 2048
	};

	rig_up(&l->r, &c);
	l->vq = virtq_of(rig_queue(l->r.rx));
	l->seed = seed;
	l->sent = l->seen = 0;
	l->held = -1;
}

static uint32_t
posted(struct line *l)
{
	return fakedev_available(l->r.fakedev, FAKEDEV_RX);
}

/* The device writes the next frame to descriptor @head, and completes it. */
static void
complete(struct line *l, uint32_t head)
{
	uint8_t frame[64];

	rig_frame(frame, sizeof(frame), 1);
	memcpy(frame + 14, &l->sent, sizeof(l->sent));
	l->sent++;
	assert_int_equal(fakedev_write(l->r.fakedev, FAKEDEV_RX, head,
				       sizeof(struct wire_net_header), frame, sizeof(frame)),
			 sizeof(frame));
	fakedev_complete(l->r.fakedev, FAKEDEV_RX, head,
			 (uint32_t)(sizeof(struct wire_net_header) + sizeof(frame)));
}

/* Whatever was completed comes, in the order of the completions. */
static void
receive(struct line *l)
{
	struct baton_token t[RIG_BURST];
	int n;

	while ((n = baton_rx_burst(l->r.rx, t, RIG_BURST)) > 0) {
		for (int i = 0; i < n; i++) {
			uint32_t number;

			assert_int_equal(t[i].len, 64);
			memcpy(&number, (const uint8_t *)baton_data(l->r.worker, t[i]) + 14,
			       sizeof(number));
			assert_int_equal(number, l->seen++);
		}
		assert_int_equal(baton_free(l->r.worker, t, (unsigned)n), 0);
	}
	assert_int_equal(n, 0);
}

static uint32_t
pop(struct line *l)
{
	int head = fakedev_pop(l->r.fakedev, FAKEDEV_RX);
	static const struct wire_net_header header = { .num_buffers = 1 };

	assert_true(head >= 0);
	fakedev_write(l->r.fakedev, FAKEDEV_RX, (unsigned)head, 0, &header, sizeof(header));
	return (uint32_t)head;
}

/* @n frames in the order of posting. */
static void
honest(struct line *l, uint32_t n)
{
	while (n--)
		complete(l, pop(l));
	receive(l);
}

/* Up to @n frames in any order. */
static void
shuffled(struct line *l, uint32_t n)
{
	uint32_t heads[BATCH];

	for (uint32_t i = 0; i < n; i++)
		heads[i] = pop(l);
	for (uint32_t i = n; i > 0; i--) {
		uint32_t k = below(l, i), head = heads[k];

		heads[k] = heads[i - 1];
		complete(l, head);
	}
	receive(l);
}

/* Traffic in order, in bursts of any size, or of @step: how many whole rings until the fast path is
 * taken? */
static unsigned
until_in_order(struct line *l, uint32_t step)
{
	const uint32_t from = l->sent, size = l->vq->nq.q.descs;

	while (!l->vq->nq.in_order) {
		uint32_t n = step ? step : 1 + below(l, BATCH);

		assert_true(l->sent - from < 64 * size);
		honest(l, n < posted(l) ? n : posted(l));
		rig_check_sum(&l->r);
	}
	return (l->sent - from + size - 1) / size;
}

static void
stays_in_order(struct line *l)
{
	for (unsigned i = 0; i < 3 * l->vq->nq.q.descs; i += 8) {
		honest(l, posted(l) < 8 ? posted(l) : 8);
		assert_int_equal(l->vq->nq.in_order, 1);
	}
	if (!l->vq->nq.slot_of)
		assert_true(posted(l) + nic_refill_least(&l->vq->nq) > l->vq->nq.q.descs);
}

static const char *const widths[] = { "", ",vectorized=0" };

/* Two neighbours, anywhere in the ring. */
static void
one_swap(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		struct line l;
		uint32_t first;
		unsigned rings;

		begin(&l, widths[i & 1], 128, 9000, i);
		honest(&l, i * 9);
		complete(&l, pop(&l));
		receive(&l);
		first = pop(&l);
		complete(&l, pop(&l));
		complete(&l, first);
		receive(&l);
		assert_int_equal(l.vq->nq.in_order, 0);
		rings = until_in_order(&l, 0);
		assert_in_range(rings, 1, 6);
		stays_in_order(&l);
		rig_down(&l.r);
	}
}

/* One descriptor is kept back for any time, as a backend that copies by DMA may. */
static void
one_held(void **state)
{
	static const uint32_t steps[] = { 0, 1, 32, 33, 8 };

	for (unsigned i = 0; i < 30; i++) {
		const uint32_t size = 32u << i % 4;
		uint32_t held, n;
		unsigned rings;
		struct line l;

		begin(&l, widths[i & 1], size, i & 2 ? 1500 : 9000, i);
		honest(&l, below(&l, 20));
		held = pop(&l);
		for (n = below(&l, 3 * size) + 1; n--;)
			honest(&l, posted(&l) > 0);
		complete(&l, held);
		receive(&l);
		rings = until_in_order(&l, steps[i % 5]);
		assert_in_range(rings, 1, 20);
		stays_in_order(&l);
		rig_down(&l.r);
	}
}

/* Out of order for long, in every way; then in order; and all of it again. */
static void
any_order(void **state)
{
	for (unsigned i = 0; i < 24; i++) {
		const uint32_t size = 16u << i % 5;
		struct line l;

		begin(&l, widths[i & 1], size, 1500, 1000 + i);
		for (unsigned again = 0; again < 4; again++) {
			for (unsigned k = 0; k < 200; k++) {
				uint32_t most = posted(&l) < BATCH ? posted(&l) : BATCH;

				shuffled(&l, below(&l, most + 1));
				rig_check_sum(&l.r);
			}
			until_in_order(&l, again == 3 ? 1 : 0);
			stays_in_order(&l);
		}
		rig_down(&l.r);
	}
}

/* A device that is never in order for a whole ring is not made to wait for buffers. */
static void
now_and_then(void **state)
{
	struct line l;

	begin(&l, "", 128, 1500, 7);
	for (unsigned i = 0; i < 400; i++) {
		uint32_t first = pop(&l);

		complete(&l, pop(&l));
		complete(&l, first);
		honest(&l, 1 + below(&l, 40));
		assert_int_equal(l.vq->nq.refill, nic_refill_least(&l.vq->nq));
	}
	until_in_order(&l, 0);
	stays_in_order(&l);
	rig_down(&l.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_swap),
		cmocka_unit_test(one_held),
		cmocka_unit_test(any_order),
		cmocka_unit_test(now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
