/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets changed in place, against a flat array of bytes: random packets of 1 to 6 tokens, random
 * operations, in a pool of small buffers. After each, the bytes, the metadata and the number of
 * buffers that the application holds are as they must be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <baton/baton.h>

#define ROOM     96u
#define HEADROOM 32u
#define DATA     (ROOM + HEADROOM)
#define SEGS     6u
#define MOST     (SEGS * DATA)
#define LARGE    (2 * MOST) /* what the steps of a test can make of a packet */
#define BUFS     64u

struct rig {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool, *large;
	unsigned violations;
	uint32_t random;
};

/* A packet and what it must be. */
struct packet {
	struct baton_token t[SEGS + 2];
	unsigned n;
	uint8_t bytes[LARGE];
	uint32_t len;
	uint32_t hash;
	uint8_t flags;
	bool side;
	uint16_t tci;
	bool large; /* it is in a buffer of the larger ones */
};

static void
on_violation(void *arg, const struct baton_violation *v)
{
	((struct rig *)arg)->violations++;
}

static struct baton_pool *
pool_of(struct rig *r, uint32_t data_len)
{
	struct baton_pool_config c;
	struct baton_pool *pool;

	baton_pool_config_init(&c);
	c.count = BUFS;
	c.data_len = data_len;
	c.headroom = HEADROOM;
	c.page_size = BATON_PAGE_4K;
	assert_int_equal(baton_pool_create(r->ctx, &c, &pool), 0);
	return pool;
}

static int
up(void **state)
{
	static struct rig r;
	struct baton_ctx_config c;

	baton_ctx_config_init(&c);
	c.on_violation = on_violation;
	c.violation_arg = &r;
	r = (struct rig){ .random = 1 };
	assert_int_equal(baton_ctx_create(&c, &r.ctx), 0);
	assert_int_equal(baton_worker_create(r.ctx, NULL, &r.worker), 0);
	r.pool = pool_of(&r, DATA);
	r.large = pool_of(&r, HEADROOM + LARGE);
	*state = &r;
	return 0;
}

static unsigned
out(const struct rig *r, const struct baton_pool *pool)
{
	struct baton_holder h[8];
	unsigned n = baton_pool_holders(pool, h, 8), sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += h[i].kind == BATON_HOLDER_CPU ? h[i].count : 0;
	return sum;
}

static int
down(void **state)
{
	struct rig *r = *state;

	assert_int_equal(out(r, r->pool) + out(r, r->large), 0);
	assert_int_equal(r->violations, 0);
	assert_int_equal(baton_worker_destroy(r->worker), 0);
	assert_int_equal(baton_pool_destroy(r->pool), 0);
	assert_int_equal(baton_pool_destroy(r->large), 0);
	assert_int_equal(baton_ctx_destroy(r->ctx), 0);
	return 0;
}

/* 0 to @n - 1 */
static uint32_t
any(struct rig *r, uint32_t n)
{
	r->random = r->random * 1664525u + 1013904223u;
	return n ? (r->random >> 8) % n : 0;
}

static void
make(struct rig *r, struct packet *p)
{
	memset(p, 0, sizeof(*p));
	p->n = 1 + any(r, SEGS);
	assert_int_equal(baton_alloc(r->worker, r->pool, p->t, p->n), p->n);
	for (unsigned i = 0; i < p->n; i++) {
		struct baton_token *t = &p->t[i];

		t->off = (uint16_t)any(r, HEADROOM + 1);
		t->len = (uint16_t)any(r, DATA - t->off + 1);
		if (i + 1 < p->n)
			t->flags |= BATON_TOKEN_CONT;
		for (uint32_t k = 0; k < t->len; k++)
			((uint8_t *)baton_data(r->worker, *t))[k] = p->bytes[p->len++] =
				(uint8_t)any(r, 256);
	}
	p->hash = p->t[0].hash = any(r, UINT32_MAX);
	p->flags = (uint8_t)(any(r, 4) << BATON_TOKEN_L4_SHIFT | any(r, 2) * BATON_TOKEN_HASH);
	p->t[0].flags |= p->flags;
	p->side = any(r, 2);
	if (p->side) {
		struct baton_side *side = baton_side(r->worker, p->t[0]);

		p->tci = side->vlan_tci = (uint16_t)any(r, 65536);
		side->valid = BATON_SIDE_VLAN;
		p->t[0].flags |= BATON_TOKEN_SIDE;
	}
}

static void
is_right(struct rig *r, const struct packet *p, bool metadata)
{
	uint32_t at = 0;

	assert_int_equal(baton_packet_segs(p->t, p->n), p->n);
	assert_int_equal(baton_packet_len(p->t, p->n), p->len);
	for (unsigned i = 0; i < p->n; i++) {
		const uint8_t *data = baton_data(r->worker, p->t[i]);

		assert_non_null(data);
		assert_memory_equal(data, p->bytes + at, p->t[i].len);
		at += p->t[i].len;
		assert_int_equal(!!(p->t[i].flags & BATON_TOKEN_CONT), i + 1 < p->n);
	}
	if (!metadata)
		return;
	assert_int_equal(p->t[0].hash, p->hash);
	assert_int_equal(p->t[0].flags & ~(BATON_TOKEN_CONT | BATON_TOKEN_SIDE), p->flags);
	assert_int_equal(!!(p->t[0].flags & BATON_TOKEN_SIDE), p->side);
	if (p->side)
		assert_int_equal(baton_side(r->worker, p->t[0])->vlan_tci, p->tci);
}

static void
unmake(struct rig *r, struct packet *p)
{
	assert_int_equal(baton_free(r->worker, p->t, p->n), 0);
	assert_int_equal(out(r, r->pool) + out(r, r->large), 0);
}

static void
prepend(struct rig *r, struct packet *p)
{
	const uint16_t n = (uint16_t)any(r, HEADROOM + 8);
	const bool fits = n <= p->t[0].off;
	uint8_t *data;

	assert_int_equal(baton_packet_prepend(r->worker, &p->t[0], n), fits ? 0 : -ENOSPC);
	if (!fits)
		return;
	data = baton_data(r->worker, p->t[0]);
	memmove(p->bytes + n, p->bytes, p->len);
	for (unsigned i = 0; i < n; i++)
		p->bytes[i] = data[i] = (uint8_t)any(r, 256);
	p->len += n;
}

static void
append(struct rig *r, struct packet *p)
{
	struct baton_token *last = &p->t[p->n - 1];
	const uint16_t n = (uint16_t)any(r, DATA), old = last->len;
	const uint32_t room = p->large ? HEADROOM + LARGE : DATA;
	const bool fits = (uint32_t)last->off + last->len + n <= room;
	uint8_t *data;

	assert_int_equal(baton_packet_append(r->worker, last, n), fits ? 0 : -ENOSPC);
	data = baton_data(r->worker, *last);
	for (unsigned i = 0; fits && i < n; i++)
		p->bytes[p->len++] = data[old + i] = (uint8_t)any(r, 256);
}

static void
adjust(struct rig *r, struct packet *p)
{
	const uint32_t n = any(r, p->len + 1);
	int left = baton_packet_adjust(r->worker, p->t, p->n, n);

	assert_true(left > 0 && (unsigned)left <= p->n);
	p->n = (unsigned)left;
	p->len -= n;
	memmove(p->bytes, p->bytes + n, p->len);
	assert_int_equal(baton_packet_adjust(r->worker, p->t, p->n, p->len + 1), -EINVAL);
}

static void
trim(struct rig *r, struct packet *p)
{
	const uint32_t n = any(r, p->len + 1);
	int left = baton_packet_trim(r->worker, p->t, p->n, n);

	assert_true(left > 0 && (unsigned)left <= p->n);
	p->n = (unsigned)left;
	p->len -= n;
	assert_int_equal(baton_packet_trim(r->worker, p->t, p->n, p->len + 1), -EINVAL);
}

static void
linearize(struct rig *r, struct packet *p)
{
	const bool fits = p->n == 1 || p->t[0].off + p->len <= DATA || p->len <= ROOM;
	int ret = baton_packet_linearize(r->worker, r->pool, p->t, p->n);

	assert_int_equal(ret, fits ? 1 : -EMSGSIZE);
	if (!fits) /* in a pool of larger ones */
		assert_int_equal(baton_packet_linearize(r->worker, r->large, p->t, p->n), 1);
	p->n = 1;
	p->large |= !fits;
}

static void
split(struct rig *r, struct packet *p)
{
	struct packet rest = { 0 };
	uint32_t at;
	int n;

	assert_int_equal(baton_packet_split(r->worker, r->pool, p->t, p->n, 0, rest.t, SEGS),
			 -EINVAL);
	assert_int_equal(baton_packet_split(r->worker, r->pool, p->t, p->n, p->len, rest.t, SEGS),
			 -EINVAL);
	if (p->len < 2)
		return;
	at = 1 + any(r, p->len - 1);
	n = baton_packet_split(r->worker, r->large, p->t, p->n, at, rest.t, SEGS);
	assert_true(n > 0 && (unsigned)n <= p->n);
	rest.n = (unsigned)n;
	rest.len = p->len - at;
	memcpy(rest.bytes, p->bytes + at, rest.len);
	p->n = baton_packet_segs(p->t, p->n);
	p->len = at;
	is_right(r, &rest, false);
	assert_int_equal(baton_free(r->worker, rest.t, rest.n), 0);
}

static void
view(struct rig *r, struct packet *p)
{
	const uint32_t off = any(r, p->len + 1), len = any(r, p->len - off + 1);
	uint8_t scratch[LARGE];
	const uint8_t *seen = baton_packet_view(r->worker, p->t, p->n, off, len, scratch);

	assert_non_null(seen);
	assert_memory_equal(seen, p->bytes + off, len);
	assert_null(baton_packet_view(r->worker, p->t, p->n, off, p->len - off + 1, scratch));
	assert_null(baton_packet_view(r->worker, p->t, p->n, UINT32_MAX, 2, scratch));
}

static void
copy(struct rig *r, struct packet *p)
{
	struct packet c = *p;
	int n = baton_packet_copy(r->worker, r->large, p->t, p->n, c.t, 1);

	assert_int_equal(n, 1);
	c.n = 1;
	is_right(r, &c, true);
	assert_int_equal(baton_free(r->worker, c.t, 1), 0);
}

static void
random_changes(void **state)
{
	static void (*const steps[])(struct rig * r,
				     struct packet * p) = { prepend, append, adjust,    trim,
							    view,    copy,   linearize, split };
	struct rig *r = *state;

	for (unsigned i = 0; i < 20000; i++) {
		struct packet p;

		make(r, &p);
		is_right(r, &p, true);
		for (unsigned k = 0; k < 4; k++) {
			steps[any(r, sizeof(steps) / sizeof(steps[0]))](r, &p);
			is_right(r, &p, true);
		}
		unmake(r, &p);
	}
}

/* An empty pool: everything stays as it was. */
static void
no_buffer(void **state)
{
	struct rig *r = *state;
	struct baton_token all[BUFS], rest[SEGS];
	struct packet p;
	unsigned n;

	do
		make(r, &p);
	while ((p.n < 2 || p.t[0].off + p.len <= DATA || p.t[0].len < 2) &&
	       (baton_free(r->worker, p.t, p.n), true));
	n = baton_alloc(r->worker, r->large, all, BUFS);
	assert_int_equal(n, BUFS);
	assert_int_equal(baton_packet_linearize(r->worker, r->large, p.t, p.n), -ENOBUFS);
	is_right(r, &p, true);
	assert_int_equal(baton_packet_split(r->worker, r->large, p.t, p.n, 1, rest, SEGS),
			 -ENOBUFS);
	is_right(r, &p, true);
	assert_int_equal(baton_packet_split(r->worker, r->pool, p.t, p.n, 1, rest, 0), -EMSGSIZE);
	is_right(r, &p, true);
	baton_free(r->worker, all, n);
	unmake(r, &p);
}

/* A token that is not held is refused before anything is changed. */
static void
not_held(void **state)
{
	struct rig *r = *state;
	struct baton_token bad[SEGS + 2], rest[SEGS + 2];
	uint8_t scratch[MOST];
	struct packet p;

	do
		make(r, &p);
	while ((p.n < 3 || p.len < 3) && (baton_free(r->worker, p.t, p.n), true));
	for (unsigned i = 0; i < p.n; i++) {
		const unsigned before = r->violations;

		memcpy(bad, p.t, sizeof(bad));
		bad[i].gen++;
		assert_int_equal(baton_packet_adjust(r->worker, bad, p.n, 1), -EPERM);
		assert_int_equal(baton_packet_trim(r->worker, bad, p.n, 1), -EPERM);
		assert_int_equal(baton_packet_linearize(r->worker, r->large, bad, p.n), -EPERM);
		assert_int_equal(baton_packet_split(r->worker, r->large, bad, p.n, 1, rest,
						    SEGS + 2),
				 -EPERM);
		assert_null(baton_packet_view(r->worker, bad, p.n, 0, 1, scratch));
		assert_int_equal(baton_packet_prepend(r->worker, &bad[i], 1), -EPERM);
		assert_int_equal(baton_packet_append(r->worker, &bad[i], 1), -EPERM);
		assert_int_equal(r->violations - before, 7);
		is_right(r, &p, true);
	}
	r->violations = 0;
	unmake(r, &p);
}

/* No token at all is no packet; one that claims to go on and is alone does not go on. */
static void
no_token(void **state)
{
	struct rig *r = *state;
	struct baton_token t, rest[2];
	uint8_t scratch[4];

	assert_int_equal(baton_alloc(r->worker, r->pool, &t, 1), 1);
	assert_int_equal(baton_packet_adjust(r->worker, &t, 0, 0), -EINVAL);
	assert_int_equal(baton_packet_trim(r->worker, &t, 0, 0), -EINVAL);
	assert_int_equal(baton_packet_linearize(r->worker, r->pool, &t, 0), -EINVAL);
	assert_int_equal(baton_packet_split(r->worker, r->pool, &t, 0, 1, rest, 2), -EINVAL);
	assert_int_equal(baton_packet_copy(r->worker, r->pool, &t, 0, rest, 2), -EINVAL);
	assert_int_equal(baton_packet_copy(r->worker, r->pool, NULL, 1, rest, 2), -EINVAL);
	assert_null(baton_packet_view(r->worker, &t, 0, 0, 0, scratch));
	t.flags |= BATON_TOKEN_CONT;
	assert_int_equal(baton_packet_linearize(r->worker, r->pool, &t, 1), 1);
	assert_int_equal(t.flags & BATON_TOKEN_CONT, 0);
	assert_int_equal(baton_free(r->worker, &t, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_changes, up, down),
		cmocka_unit_test_setup_teardown(no_buffer, up, down),
		cmocka_unit_test_setup_teardown(not_held, up, down),
		cmocka_unit_test_setup_teardown(no_token, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
