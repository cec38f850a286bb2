/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bursts that work on eight packets at a time against those that do one: two ports with a
 * device each, fed the same random sequences, honest and lying, must do the same to the last bit.
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net/virtio.h"

#define HELD     512u
#define STEPS    250u
#define PATIENCE 5000 /* ms: nothing here is about a late answer */
#define POOL     2048u
#define CACHE    1024u /* never spills: which buffer is next does not depend on when room is made */

/* One of the two. */
struct side {
	struct rig r;
	struct baton_token held[HELD];
	unsigned n;
	int popped[64]; /* TX chains the device has */
	unsigned n_popped;
};

struct pair {
	struct side s[2]; /* [0] one at a time */
	uint32_t random;
	bool lies;
};

static uint32_t
rnd(struct pair *p, uint32_t below)
{
	p->random = p->random * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)p->random * below) >> 32);
}

static void
side_up(struct side *s, const struct rig_config *config, enum simd_level level)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = CACHE };

	memset(s, 0, sizeof(*s));
	rig_prepare(&s->r, config);
	assert_int_equal(baton_worker_destroy(s->r.worker), 0);
	assert_int_equal(baton_worker_create(s->r.ctx, &w, &s->r.worker), 0);
	assert_true(s->r.worker->simd >= level);
	/* Generations start at random; here both sides' are compared. */
	for (uint32_t b = 0; b < s->r.count; b++)
		s->r.pool->view.owner[b] = BATON_OWNER_FREE << 16;
	s->r.worker->simd = (uint8_t)level;
	assert_int_equal(rig_open(&s->r), 0);
	assert_int_equal(rig_start(&s->r), 0);
	assert_true(fakedev_ready(s->r.fakedev, FAKEDEV_RX) &&
		    fakedev_ready(s->r.fakedev, FAKEDEV_TX));
}

/* ---- what must be equal ---- */

static void
same_ring(const struct virtq *a, const struct virtq *b)
{
	const uint32_t pool = 0;
	const uint64_t base_a = a->nq.q.views[pool].iova, base_b = b->nq.q.views[pool].iova;

	assert_int_equal(a->nq.done, b->nq.done);
	assert_int_equal(a->nq.posted, b->nq.posted);
	assert_int_equal(a->nq.head, b->nq.head);
	assert_int_equal(a->nq.tail, b->nq.tail);
	assert_int_equal(a->nq.in_order, b->nq.in_order);
	assert_int_equal(a->nq.state.open, b->nq.state.open);
	assert_memory_equal(a->nq.shadow, b->nq.shadow, a->nq.q.descs * sizeof(*a->nq.shadow));
	assert_int_equal(from_le16(a->avail->idx), from_le16(b->avail->idx));
	assert_memory_equal(a->avail->ring, b->avail->ring,
			    a->nq.q.descs * sizeof(a->avail->ring[0]));
	for (uint32_t i = 0; i < a->nq.q.descs; i++) {
		assert_int_equal(from_le32(a->desc[i].len), from_le32(b->desc[i].len));
		assert_int_equal(from_le16(a->desc[i].flags), from_le16(b->desc[i].flags));
		if (from_le64(a->desc[i].addr) && from_le64(a->desc[i].addr) != a->hdr_iova)
			assert_int_equal(from_le64(a->desc[i].addr) - base_a,
					 from_le64(b->desc[i].addr) - base_b);
	}
}

static void
same(const struct pair *p)
{
	const struct side *a = &p->s[0], *b = &p->s[1];
	struct baton_stats sa = rig_stats(&a->r), sb = rig_stats(&b->r);
	const uint32_t count = a->r.count;

	assert_memory_equal(&sa, &sb, sizeof(sa));
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->held, b->held, a->n * sizeof(a->held[0]));
	assert_int_equal(a->r.violations, b->r.violations);
	assert_string_equal(baton_rxq_error(a->r.rx), baton_rxq_error(b->r.rx));
	assert_string_equal(baton_txq_error(a->r.tx), baton_txq_error(b->r.tx));
	if (!p->lies) { /* one that completes what it never popped does not know its own ring any
			   more */
		assert_string_equal(fakedev_driver_error(a->r.fakedev), "");
		assert_string_equal(fakedev_driver_error(b->r.fakedev), "");
	}
	same_ring(virtq_of_const(rig_queue(a->r.rx)), virtq_of_const(rig_queue(b->r.rx)));
	same_ring(virtq_of_const(rig_queue(a->r.tx)), virtq_of_const(rig_queue(b->r.tx)));
	for (unsigned i = 0; i < a->n; i++)
		if (a->held[i].flags & BATON_TOKEN_SIDE)
			assert_memory_equal(baton_side(a->r.worker, a->held[i]),
					    baton_side(b->r.worker, b->held[i]), BATON_SIDE_SIZE);
	assert_memory_equal(a->r.pool->view.owner, b->r.pool->view.owner, count * sizeof(uint32_t));
}

#define EACH(p, s) for (struct side *s = (p)->s; s < (p)->s + 2; s++)

/* ---- the device ---- */

static void
inject(struct pair *p)
{
	const unsigned n = 1 + rnd(p, 70), kind = rnd(p, 4);
	const bool mergeable = virtq_of(rig_queue(p->s[0].r.rx))->nq.mode & NIC_MODE_SEGS;
	uint8_t frame[5000];

	for (unsigned i = 0; i < n; i++) {
		size_t len = kind ? 64 : 14 + rnd(p, 1500);

		if (kind == 1 && mergeable && !rnd(p, 12))
			len = 2049 + rnd(p, 2500);
		rig_frame(frame, len, rnd(p, 1u << 30));
		if (fakedev_available(p->s[0].r.fakedev, FAKEDEV_RX) < 4)
			return;
		EACH(p, s)
		assert_true(fakedev_rx_inject(s->r.fakedev, FAKEDEV_RX, frame, len) > 0);
	}
}

/* Buffers completed in any order, or with what an honest device does not write. */
static void
complete_oddly(struct pair *p, bool shuffle, bool lie)
{
	const unsigned n = 1 + rnd(p, 40), wrong = rnd(p, n), what = rnd(p, 6);
	const struct wire_net_header odd = {
		.flags = (uint8_t)rnd(p, 9),
		.gso_type = rnd(p, 4) ? 0 : (uint8_t)rnd(p, 256),
		.csum_start = (uint16_t)(10 + rnd(p, 60)),
		.csum_offset = (uint16_t)rnd(p, 30),
		.num_buffers = 1,
	};
	const unsigned marked = rnd(p, 3) ? 0 : rnd(p, UINT32_MAX); /* which get that header */
	const uint32_t value = rnd(p, 3) ? rnd(p, 300) : rnd(p, UINT32_MAX);
	uint32_t order[40];

	if (fakedev_available(p->s[0].r.fakedev, FAKEDEV_RX) < n)
		return;
	for (unsigned i = 0; i < n; i++) {
		unsigned k = shuffle ? rnd(p, i + 1) : i;

		order[i] = order[k];
		order[k] = i;
	}
	EACH(p, s)
	{
		uint8_t frame[60];
		int head[40];

		rig_frame(frame, sizeof(frame), n);
		for (unsigned i = 0; i < n; i++)
			head[i] = fakedev_rx_write(s->r.fakedev, FAKEDEV_RX, frame, sizeof(frame),
						   (uint16_t)(lie && i == wrong && what == 0 ? value
											     : 1));
		for (unsigned i = 0; i < n && i < 32; i++)
			if (marked >> i & 1)
				fakedev_write(s->r.fakedev, FAKEDEV_RX, (unsigned)head[i], 0, &odd,
					      sizeof(odd));
		for (unsigned i = 0; i < n; i++) {
			uint32_t id = (uint32_t)head[order[i]], len = FAKEDEV_HEADER + 60;

			if (lie && i == wrong && what == 1)
				id = value;
			if (lie && i == wrong && what == 2)
				len = value;
			if (i == wrong && what == 5)
				len = FAKEDEV_HEADER + value % 20; /* perhaps a runt */
			if (lie && i == wrong && what == 3 && i)
				id = (uint32_t)head[order[i - 1]];
			fakedev_put(s->r.fakedev, FAKEDEV_RX, i, id, len);
		}
		fakedev_publish(s->r.fakedev, FAKEDEV_RX, lie && what == 4 ? n + value : n);
	}
}

/* All that was sent is taken; some of it completed: in order, in any order, or as a batch. */
static void
transmit(struct pair *p)
{
	const bool in_order = virtq_of(rig_queue(p->s[0].r.tx))->feature_in_order,
		   shuffle = !in_order && !rnd(p, 4);
	const bool lie = p->lies && !rnd(p, 25);
	const unsigned most = rnd(p, 65);
	const uint32_t value = rnd(p, 2) ? rnd(p, 300) : rnd(p, UINT32_MAX), state = p->random;

	EACH(p, s)
	{
		unsigned n = 0;
		int head;

		p->random = state;
		while (s->n_popped < 64 && (head = fakedev_pop(s->r.fakedev, FAKEDEV_TX)) >= 0)
			s->popped[s->n_popped++] = head;
		n = s->n_popped < most ? s->n_popped : most;
		for (unsigned i = 0; shuffle && i < n; i++) {
			unsigned k = rnd(p, i + 1);
			int h = s->popped[i];

			s->popped[i] = s->popped[k];
			s->popped[k] = h;
		}
		for (unsigned i = 0; i < n; i++)
			fakedev_put(s->r.fakedev, FAKEDEV_TX, i,
				    lie && i == n / 2 ? value : (uint32_t)s->popped[i], 0);
		if (in_order && n > 1 && rnd(p, 2)) { /* one element for all, the others stale */
			fakedev_put(s->r.fakedev, FAKEDEV_TX, 0, (uint32_t)s->popped[n - 1], 0);
			fakedev_put(s->r.fakedev, FAKEDEV_TX, n / 2 + 1 < n ? n / 2 + 1 : 1,
				    0xdeadbeef, 7);
		}
		fakedev_publish(s->r.fakedev, FAKEDEV_TX, n);
		s->n_popped -= n;
		memmove(s->popped, s->popped + n, s->n_popped * sizeof(s->popped[0]));
	}
}

/* ---- the application ---- */

static void
receive(struct pair *p)
{
	const unsigned room = p->s[0].r.rx ? virtq_of(rig_queue(p->s[0].r.rx))->nq.q.max_segs : 1;
	const unsigned n = room + rnd(p, 64);
	int ret[2] = { 0 };

	EACH(p, s)
	{
		int got;

		if (s->n + n > HELD)
			return;
		got = baton_rx_burst(s->r.rx, s->held + s->n, n);
		ret[s - p->s] = got;
		for (int i = 0; i < got; i++)
			assert_non_null(baton_data(s->r.worker, s->held[s->n + (unsigned)i]));
		s->n += got > 0 ? (unsigned)got : 0;
	}
	assert_int_equal(ret[0], ret[1]);
}

static void
allocate(struct pair *p)
{
	const unsigned n = rnd(p, 70), len = 14 + rnd(p, 1400);
	unsigned got[2] = { 0 };

	EACH(p, s)
	{
		if (s->n + n > HELD)
			return;
		got[s - p->s] = baton_alloc(s->r.worker, s->r.pool, s->held + s->n, n);
		for (unsigned i = 0; i < got[s - p->s]; i++) {
			struct baton_token *t = &s->held[s->n + i];

			t->len = (uint16_t)len;
			memset(baton_data(s->r.worker, *t), 0x5a, len);
		}
		s->n += got[s - p->s];
	}
	assert_int_equal(got[0], got[1]);
}

/* Something about a token that is not as in all the others; not all of it is wrong. */
static void
spoil(struct pair *p, struct rig *r, struct baton_token *t, const struct baton_token *other)
{
	struct baton_side *side;

	switch (rnd(p, 10)) {
	case 0:
		t->gen++;
		break;
	case 1:
		t->buf = rnd(p, 2) ? POOL + rnd(p, 2) : UINT32_MAX;
		break;
	case 2:
		t->off = (uint16_t)(rnd(p, 2) ? rnd(p, 20) : rnd(p, 65536));
		break;
	case 3:
		t->len = (uint16_t)(rnd(p, 2) ? rnd(p, 2) : rnd(p, 65536));
		break;
	case 4:
		t->pool = (uint8_t)(1 + rnd(p, 255));
		break;
	case 5:
		t->flags |= BATON_TOKEN_CONT;
		break;
	case 6:
		*t = *other; /* twice in the burst */
		break;
	case 7: /* a checksum to fill in, perhaps nowhere */
		side = baton_side(r->worker, *t);
		*side = (struct baton_side){ .valid = BATON_SIDE_CSUM,
					     .l2_len = 14,
					     .l3_len = 20,
					     .csum_offset = (uint16_t)rnd(p, 100) };
		t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
		break;
	default:
		t->hash = rnd(p, 1000);
		t->flags |= (uint8_t)(BATON_TOKEN_HASH | BATON_CSUM_GOOD << BATON_TOKEN_L4_SHIFT);
	}
}

#ifdef BATON_OWNERSHIP_OFF
#define CHECKED false
#else
#define CHECKED true
#endif

/* What the owner table says went away is no longer held: the spoilt token's doing is not known
 * otherwise. */
static void
forget(struct side *s, unsigned gone)
{
	unsigned k = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (CHECKED ? s->r.pool->view.owner[s->held[i].buf] ==
				      (BATON_OWNER_CPU << 16 | s->held[i].gen)
			    : i >= gone)
			s->held[k++] = s->held[i];
	s->n = k;
}

/* Give or free a run of what is held, one token of it perhaps spoilt. */
static void
hand_over(struct pair *p, bool send)
{
	const unsigned want = rnd(p, 66), n = want < p->s[0].n ? want : p->s[0].n;
	const bool bad = CHECKED && !rnd(p, 3);
	const unsigned at = n ? rnd(p, n) : 0, twin = n ? rnd(p, n) : 0;
	const uint32_t state = p->random;
	int ret[2] = { 0 };

	EACH(p, s)
	{
		struct baton_token burst[66];
		int r;

		memcpy(burst, s->held, n * sizeof(burst[0]));
		p->random = state;
		if (bad && n)
			spoil(p, &s->r, &burst[at], &burst[twin]);
		r = send ? baton_tx_burst(s->r.tx, burst, n) : baton_free(s->r.worker, burst, n);
		forget(s, r < 0 ? 0 : send ? (unsigned)r : n);
		ret[s - p->s] = r;
	}
	assert_int_equal(ret[0], ret[1]);
}

static void
clean(struct pair *p)
{
	const unsigned budget = rnd(p, 100);
	int ret[2] = { 0 };

	EACH(p, s)
	ret[s - p->s] = baton_tx_clean(s->r.tx, budget);
	assert_int_equal(ret[0], ret[1]);
}

static void
step(struct pair *p)
{
	switch (rnd(p, 12)) {
	case 0:
	case 1:
	case 2:
		inject(p);
		break;
	case 3:
		if (!rnd(p, 4))
			complete_oddly(p,
				       !virtq_of(rig_queue(p->s[0].r.rx))->feature_in_order &&
					       !rnd(p, 6),
				       p->lies && !rnd(p, 3));
		break;
	case 4:
	case 5:
		receive(p);
		break;
	case 6:
		allocate(p);
		break;
	case 7:
	case 8:
		hand_over(p, true);
		break;
	case 9:
		hand_over(p, false);
		break;
	case 10:
		transmit(p);
		break;
	default:
		clean(p);
	}
	same(p);
}

static void
down(struct side *s, bool lied)
{
	const unsigned expected = s->r.violations;

	assert_int_equal(baton_free(s->r.worker, s->held, s->n), 0);
	assert_int_equal(s->r.violations, expected);
	s->r.violations = 0;
	while (!*baton_txq_error(s->r.tx) &&
	       (s->n_popped || fakedev_available(s->r.fakedev, FAKEDEV_TX))) {
		/* Nothing left to wait for when the port stops. */
		int head = s->n_popped ? s->popped[--s->n_popped]
				       : fakedev_pop(s->r.fakedev, FAKEDEV_TX);

		fakedev_complete(s->r.fakedev, FAKEDEV_TX, (uint32_t)head, 0);
	}
	if (lied)
		rig_discard(&s->r);
	else
		rig_down(&s->r);
}

static void
episodes(enum simd_level level, unsigned n)
{
	static const char *const args[] = { ",mrg_rxbuf=0", ",mrg_rxbuf=1" };
	static const uint32_t descs[] = { 256, 64, 8, 16 };

	if (simd_best() < level) {
		printf("skipped: this CPU has no %s\n",
		       level == SIMD_LEVEL_AVX2 ? "AVX2" : "AVX-512");
		skip();
	}
	for (unsigned seed = 0; seed < n; seed++) {
		struct rig_config c = { .args = args[seed & 1],
					.mtu = seed & 1 ? 4000 : 1500,
					.descs = descs[seed / 4 & 3],
					.pool_count = POOL,
					.timeout_ms = PATIENCE,
					.fakedev.features = FAKEDEV_FEATURES };
		struct pair *p = calloc(1, sizeof(*p));

		assert_non_null(p);
		if (seed & 32) {
			c.fakedev.features |= FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM;
			c.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM;
		}
		if (seed & 2)
			c.fakedev.features |= FAKEDEV_F_IN_ORDER;
		p->random = seed * 2654435761u;
		p->lies = seed & 16;
		side_up(&p->s[0], &c, SIMD_NONE);
		side_up(&p->s[1], &c, level);
		for (unsigned i = 0; i < STEPS; i++)
			step(p);
		EACH(p, s)
		down(s, p->lies);
		free(p);
	}
}

static void
avx2(void **state)
{
	episodes(SIMD_LEVEL_AVX2, 96);
}

static void
avx512(void **state)
{
	episodes(SIMD_LEVEL_AVX512, 96);
}

/* vectorized=0, and what is chosen without it. */
static void
choice(void **state)
{
	struct rig_config c = { .args = ",vectorized=0", .timeout_ms = PATIENCE };
	struct rig r;

	rig_up(&r, &c);
	assert_ptr_equal(virtq_of(rig_queue(r.rx))->nq.q.active_burst, virtq_rx_burst_segs);
	assert_ptr_equal(virtq_of(rig_queue(r.tx))->nq.q.active_burst, virtq_tx_burst);
	rig_down(&r);
	c.args = NULL;
	rig_up(&r, &c);
#ifdef __x86_64__
	if (simd_best() == SIMD_LEVEL_AVX512)
		assert_ptr_equal(virtq_of(rig_queue(r.tx))->nq.q.active_burst,
				 virtq_tx_burst_avx512);
	else if (simd_best() == SIMD_LEVEL_AVX2)
		assert_ptr_equal(virtq_of(rig_queue(r.tx))->nq.q.active_burst, virtq_tx_burst_avx2);
#endif
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avx2),
		cmocka_unit_test(avx512),
		cmocka_unit_test(choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
