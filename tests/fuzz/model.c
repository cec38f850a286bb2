/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has which buffer, and what must come. */
#include <stdarg.h>
#include <stdio.h>

#include "fuzz.h"

void
fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fuzz: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (last error: %s)\n", baton_last_error());
	abort();
}

uint8_t *FUZZ_UNTRACED
fuzz_room(const struct fuzz *f, unsigned pool, uint32_t buf)
{
	const struct baton_pool_view *v = &f->rig->pool[pool]->view;

	return f->rig->alias + (v->data + (size_t)buf * v->stride - f->rig->memory);
}

bool FUZZ_UNTRACED
fuzz_find(const struct fuzz *f, const void *p, unsigned *pool, uint32_t *buf, uint32_t *off)
{
	for (*pool = 0; *pool < FUZZ_POOLS; ++*pool) {
		const struct baton_pool_view *v = &f->rig->pool[*pool]->view;
		size_t at = (size_t)((const uint8_t *)p - v->data);

		if ((const uint8_t *)p < v->data || at >= (size_t)v->count * v->stride)
			continue;
		*buf = (uint32_t)(at / v->stride);
		*off = (uint32_t)(at % v->stride);
		return true;
	}
	return false;
}

uint8_t *FUZZ_UNTRACED
fuzz_view(const struct fuzz *f, const void *va, uint32_t len)
{
	unsigned pool;
	uint32_t buf, off;

	if (!fuzz_find(f, va, &pool, &buf, &off) || off + len > f->rig->pool[pool]->view.data_len)
		return NULL;
	return fuzz_room(f, pool, buf) + off;
}

void FUZZ_UNTRACED
fuzz_check_sent(struct fuzz *f, unsigned queue, const uint8_t *p, uint32_t n, uint32_t *at,
		uint8_t *seed)
{
	for (uint32_t k = 0; k < n; k++, ++*at) {
		*seed = *at ? *seed : p[k];
		if (!(*seed & 0x80) && p[k] != fuzz_byte(*seed, *at))
			fuzz_fail("queue %u: byte %u of a packet is %#x, the application wrote "
				  "%#x",
				  queue, *at, p[k], fuzz_byte(*seed, *at));
	}
}

/* ---- at the driver's reads ---- */

/* Over what is read, where it is read. */
static void
overwrite(struct fuzz *f, const void *p, size_t size)
{
	const uint32_t value = f->act.value, how = f->act.how;
	const unsigned whose = f->dev->whose(f, p);
	unsigned pool;
	uint32_t buf, off;
	uint8_t *to = (uint8_t *)(uintptr_t)p;

	fuzz_wild(f, whose < FUZZ_QUEUES ? whose : f->at);
	if (fuzz_find(f, p, &pool, &buf, &off))
		to = fuzz_room(f, pool, buf) + off;
	if (size > 8) {
		to += value >> 16 & 0x38;
		size = 8;
	}
	if (size == 8 && how & 1) /* the other half */
		to += 4;
	if (size >= 2 && how & 2) {
		const uint16_t x = (uint16_t)value;

		memcpy(to, &x, sizeof(x));
	} else {
		*to = (uint8_t)(*to + (how & 4 ? value & 3 : value));
	}
}

void
fuzz_at_read(enum hostile_when when, const void *p, size_t size)
{
	struct fuzz *f = fuzz_current;

	if (!f)
		return;
	if (f->dev->before_read && when == HOSTILE_BEFORE)
		f->dev->before_read(f, p);
	if (!f->act.countdown || f->act.after != (when == HOSTILE_AFTER) || f->at == FUZZ_QUEUES)
		return;
	if (!--f->act.countdown)
		overwrite(f, p, size);
}

/* Of a wild queue anything may have come: what the model has with it is a guess. */
static bool
is_guess(const struct fuzz *f, uint8_t who)
{
	return who == FUZZ_DONE || (who && who <= FUZZ_QUEUES && !fuzz_known(f, who - 1u));
}

bool
fuzz_may_write(const struct fuzz *f, unsigned queue, const uint8_t *alias)
{
	unsigned pool;
	uint32_t buf, off;

	if (!fuzz_find(f, f->rig->memory + (alias - f->rig->alias), &pool, &buf, &off))
		return true; /* a slot */
	return !f->owner[pool][buf] || f->owner[pool][buf] == queue + 1;
}

void
fuzz_device_has(struct fuzz *f, unsigned queue, unsigned pool, uint32_t buf)
{
	uint8_t who = f->owner[pool][buf];

	if (!fuzz_known(f, queue))
		return;
	if (who != 0 && who != queue + 1 && !is_guess(f, who))
		fuzz_fail("queue %u was given buffer %u of pool %u, which %u has", queue, buf, pool,
			  who);
	f->owner[pool][buf] = (uint8_t)(queue + 1);
}

void
fuzz_device_done(struct fuzz *f, unsigned queue, unsigned pool, uint32_t buf)
{
	if (f->owner[pool][buf] == queue + 1)
		f->owner[pool][buf] = 0;
}

void
fuzz_completed(struct fuzz *f, unsigned queue, const struct fuzz_packet *p,
	       const struct fuzz_seg *seg)
{
	struct fuzz_expect *e = &f->q[queue].expect;

	if (!fuzz_honest(f, queue))
		return;
	fuzz_skip_dropped(&f->q[queue]);
	if (e->n_segs + p->segs > FUZZ_RING || e->n == FUZZ_RING)
		fuzz_fail("the driver posted more than a ring");
	e->packet[(e->first + e->n++) % FUZZ_RING] = *p;
	for (unsigned i = 0; i < p->segs; i++) {
		e->seg[(e->seg_first + e->n_segs++) % FUZZ_RING] = seg[i];
		if (!f->rig->bounced)
			f->owner[0][seg[i].buf] = FUZZ_DONE;
	}
}

void
fuzz_wild(struct fuzz *f, unsigned queue)
{
	f->q[queue].wild = true;
	f->q[queue].expect.n = f->q[queue].expect.n_segs = 0;
}

void
fuzz_skip_dropped(struct fuzz_queue *q)
{
	struct fuzz_expect *e = &q->expect;

	while (e->n && e->packet[e->first].drop) {
		fuzz_expect_next(e);
		q->dropped++;
	}
}

void
fuzz_must_stop(struct fuzz *f, unsigned queue, const char *lie, bool at_once)
{
	struct fuzz_queue *q = &f->q[queue];

	if (!fuzz_honest(f, queue))
		return;
	q->lied = true;
	fuzz_app_free(f, FUZZ_HELD); /* there shall be buffers for all that comes before */
	/* A burst may end before the lie, where it has no more room, or before it says what it met.
	 */
	for (unsigned i = 0; i < FUZZ_RING && !q->dead && !(at_once && i); i++) {
		fuzz_app_drain(f, queue);
		fuzz_app_free(f, FUZZ_HELD);
	}
	if (!q->dead)
		fuzz_fail("queue %u: the device lied (%s), and nobody noticed", queue, lie);
	fuzz_app_drain(f, queue); /* it stays so */
	fuzz_skip_dropped(q);
	if (q->expect.n && !at_once)
		fuzz_fail("queue %u: %u packets were good, and got lost for what came after them",
			  queue, q->expect.n);
}

unsigned FUZZ_UNTRACED
fuzz_with(const struct fuzz *f, unsigned queue)
{
	unsigned n = 0;

	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			n += f->owner[p][b] == queue + 1;
	return n;
}

void FUZZ_UNTRACED
fuzz_queue_new(struct fuzz *f, unsigned queue, bool running)
{
	struct fuzz_queue *q = &f->q[queue];
	struct baton_stats s;

	fuzz_queue_stats(f, queue, &s);
	q->running = running;
	q->wild = q->lied = q->dead = q->stuck = false;
	q->dropped = 0;
	q->errors = s.rx_errors;
	q->violations = s.violations;
	q->expect.n = q->expect.n_segs = 0;
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			if (f->owner[p][b] == queue + 1)
				f->owner[p][b] = 0;
}

void
fuzz_took(struct fuzz *f, struct baton_token t)
{
	uint8_t who;

	if (t.pool >= FUZZ_POOLS || t.buf >= f->rig->pool[t.pool]->view.count)
		fuzz_fail("a token of buffer %u of pool %u: there is none", t.buf, t.pool);
	who = f->owner[t.pool][t.buf];
	if (who && !is_guess(f, who))
		fuzz_fail("buffer %u of pool %u came to the application, but %u has it", t.buf,
			  t.pool, who);
	f->owner[t.pool][t.buf] = FUZZ_APP;
}

void
fuzz_gave(struct fuzz *f, struct baton_token t, uint8_t to)
{
	if (f->owner[t.pool][t.buf] != FUZZ_APP)
		fuzz_fail("the fuzzer gave what it has not");
	f->owner[t.pool][t.buf] = to;
}

/* ---- quarantine ---- */

static bool
quarantined(const struct baton_pool_view *v, uint32_t buf)
{
	return v->owner[buf] >> 16 == BATON_OWNER_QUARANTINE;
}

void FUZZ_UNTRACED
fuzz_emptied(struct fuzz *f, enum fuzz_kept kept, uint32_t slots)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++) {
			uint8_t *who = &f->owner[p][b];
			const bool is = quarantined(&f->rig->pool[p]->view, b),
				   was = *who >= FUZZ_KEPT && *who < FUZZ_KEPT + FUZZ_KINDS;
			const bool with = *who && *who <= FUZZ_QUEUES && fuzz_known(f, *who - 1u);

			if (is && !was && kept == FUZZ_LET_GO)
				fuzz_fail("buffer %u of pool %u is in quarantine, though the "
					  "device let go",
					  b, p);
			if (is && *who == FUZZ_APP)
				fuzz_fail("buffer %u of pool %u is the application's, and in "
					  "quarantine",
					  b, p);
			if (!is && (was || (with && kept != FUZZ_LET_GO)))
				fuzz_fail("buffer %u of pool %u is not in quarantine, and the "
					  "device may write to it",
					  b, p);
			if (is && !was)
				*who = (uint8_t)(FUZZ_KEPT + kept);
			else if (!is && with)
				*who = 0;
		}
	if (kept != FUZZ_LET_GO)
		f->kept_slots[kept] += slots;
}

void FUZZ_UNTRACED
fuzz_home(struct fuzz *f, enum fuzz_kept kept)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++) {
			if (f->owner[p][b] != FUZZ_KEPT + kept)
				continue;
			if (quarantined(&f->rig->pool[p]->view, b))
				fuzz_fail("buffer %u of pool %u stays in quarantine, though the "
					  "device let go",
					  b, p);
			f->owner[p][b] = 0;
		}
	f->kept_slots[kept] = 0;
}

bool FUZZ_UNTRACED
fuzz_keeps(const struct fuzz *f)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++)
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			if (f->owner[p][b] >= FUZZ_KEPT && f->owner[p][b] < FUZZ_KEPT + FUZZ_KINDS)
				return true;
	return f->kept_slots[FUZZ_TILL_RESET] || f->kept_slots[FUZZ_TILL_END];
}

/* Counted as the public calls count them. */
static void FUZZ_UNTRACED
check_quarantine(const struct fuzz *f)
{
	struct baton_reach_summary s;

	for (unsigned p = 0; p < FUZZ_POOLS; p++) {
		struct baton_holder h[16];
		const unsigned n = baton_pool_holders(f->rig->pool[p], h, 16);
		uint32_t is = 0, model = 0;

		for (unsigned i = 0; i < n && i < 16; i++)
			is += h[i].kind == BATON_HOLDER_QUARANTINE ? h[i].count : 0;
		for (uint32_t b = 0; b < f->rig->pool[p]->view.count; b++)
			model += f->owner[p][b] >= FUZZ_KEPT &&
				 f->owner[p][b] < FUZZ_KEPT + FUZZ_KINDS;
		if (is != model)
			fuzz_fail("%u buffers of pool %u are in quarantine, the device keeps %u",
				  is, p, model);
	}
	baton_port_reach_summary(f->rig->port, &s);
	if (s.quarantined_slots != f->kept_slots[FUZZ_TILL_RESET] + f->kept_slots[FUZZ_TILL_END])
		fuzz_fail("%u slots are in quarantine, the device keeps %u + %u",
			  s.quarantined_slots, f->kept_slots[FUZZ_TILL_RESET],
			  f->kept_slots[FUZZ_TILL_END]);
}

static unsigned FUZZ_UNTRACED
with_application(const struct fuzz *f, unsigned p, unsigned *cpu, unsigned *kept)
{
	const struct baton_pool_view *v = &f->rig->pool[p]->view;
	unsigned n = 0;

	*cpu = *kept = 0;
	for (uint32_t b = 0; b < v->count; b++) {
		*kept += quarantined(v, b);
		n += f->owner[p][b] == FUZZ_APP;
		*cpu += v->owner[b] >> 16 == BATON_OWNER_CPU;
	}
	return n;
}

void
fuzz_check_sums(struct fuzz *f)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++) {
		const struct baton_pool *pool = f->rig->pool[p];
		const struct dma_cache *c = f->rig->worker->caches[pool->view.index];
		unsigned cpu, kept, app = with_application(f, p, &cpu, &kept),
				    sum = f->rig->free[p].n + (c ? c->n : 0) + cpu + kept;

		for (unsigned i = 0; i < FUZZ_QUEUES; i++)
			sum += f->rig->port->driver->ops->held(f->rig->queue[i], pool);
		if (sum != pool->view.count)
			fuzz_fail("pool %u has %u buffers, its holders %u", p, pool->view.count,
				  sum);
		if (cpu != app)
			fuzz_fail("the application has %u buffers of pool %u, the owner table says "
				  "%u",
				  app, p, cpu);
	}
	if (f->life)
		check_quarantine(f);
	if (f->reports != f->expected)
		fuzz_fail("%u ownership violations were reported, %u were made", f->reports,
			  f->expected);
}

void
fuzz_check_holders(struct fuzz *f)
{
	for (unsigned p = 0; p < FUZZ_POOLS; p++) {
		struct baton_holder h[16];
		unsigned n = baton_pool_holders(f->rig->pool[p], h, 16), sum = 0;

		for (unsigned i = 0; i < n && i < 16; i++)
			sum += h[i].count;
		if (sum == f->rig->pool[p]->view.count)
			continue;
		for (unsigned i = 0; i < n && i < 16; i++)
			fprintf(stderr, "fuzz: pool %u: %s has %u\n", p, h[i].name, h[i].count);
		fuzz_fail("pool %u has %u buffers, its holders %u", p, f->rig->pool[p]->view.count,
			  sum);
	}
}

void FUZZ_UNTRACED
fuzz_check_home(struct fuzz *f)
{
	static uint8_t seen[FUZZ_BUFS];

	for (unsigned p = 0; p < FUZZ_POOLS; p++) {
		const struct fuzz_free_list *l = &f->rig->free[p];
		const uint32_t count = f->rig->pool[p]->view.count;

		if (l->n != count)
			fuzz_fail("pool %u: %u of %u buffers came home", p, l->n, count);
		memset(seen, 0, count);
		for (uint32_t i = 0; i < l->n; i++)
			if (l->idx[i] >= count || seen[l->idx[i]]++)
				fuzz_fail("pool %u: buffer %u came home twice, or is none", p,
					  l->idx[i]);
	}
}
