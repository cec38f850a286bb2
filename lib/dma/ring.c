/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma/ring.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/err.h"
#include "base/event.h"
#include "base/membarrier.h"
#include "base/structs.h"

static const struct baton_ring_config defaults = { .capacity = BATON_DEFAULT_RING };

void
baton_ring_config_init_(struct baton_ring_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

/* ---- create and destroy; the control thread ---- */

static int
check_worker(const struct baton_ctx *ctx, const struct baton_worker *worker)
{
	int ret = worker ? handle_check(worker, HANDLE_WORKER, "ring_create") : 0;

	return ret || !worker ? ret : handle_check_ctx(ctx, worker->ctx, "ring_create", "worker");
}

static int
check_config(const struct baton_ctx *ctx, struct baton_ring_config *c)
{
	int ret = check_worker(ctx, c->producer);

	if (!ret)
		ret = check_worker(ctx, c->consumer);
	if (ret < 0)
		return ret;
	if (!c->capacity)
		c->capacity = BATON_DEFAULT_RING;
	if (c->capacity > BATON_MAX_RING)
		return baton_err(EINVAL, "ring: a capacity of %u tokens, at most %u are possible",
				 c->capacity, BATON_MAX_RING);
	if (c->capacity < RING_LEAST)
		c->capacity = RING_LEAST;
	if (ctx->n_rings == BATON_MAX_RINGS)
		return baton_err(ENOSPC, "ring: a context has at most %u rings", BATON_MAX_RINGS);
	return 0;
}

static uint32_t
bits_for(uint32_t capacity)
{
	return 32 - (uint32_t)__builtin_clz(capacity - 1);
}

/* One block: tokens, notes of the sides with several threads, bits. */
static int
make_memory(struct baton_ring *r, uint32_t bits)
{
	const size_t n = (size_t)1 << bits;
	const unsigned noted = !r->producer + !r->consumer;
	const size_t bytes = n * sizeof(struct baton_token) + noted * n * 8 + n / 8;
	uint64_t *notes, *cont;
	char *at = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!at)
		return baton_err(ENOMEM, "ring: no memory for %zu tokens, which is %zu bytes", n,
				 bytes);
	notes = (uint64_t *)(void *)(at + n * sizeof(struct baton_token));
	cont = notes + noted * n;
	ring_init(&r->ring, bits, (struct baton_token *)(void *)at, cont,
		  r->producer ? NULL : notes,
		  r->consumer   ? NULL
		  : r->producer ? notes
				: notes + n);
	r->ring.fenced = !membarrier_setup();
	return 0;
}

static int sleep_on(struct dma_waker *waker);
static void wake_from(struct dma_waker *waker);

static void
release(struct baton_ring *r)
{
	free(r->ring.slots);
	r->ring.slots = NULL;
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	r->wake_fd = -1;
}

static int
build(struct baton_ring *r, uint32_t capacity)
{
	int ret = make_memory(r, bits_for(capacity));

	if (ret < 0)
		return ret;
	r->wake_fd = event_open("ring");
	if (r->wake_fd < 0)
		return r->wake_fd;
	r->waker = (struct dma_waker){ .src.fd = r->wake_fd, .sleep = sleep_on, .wake = wake_from };
	return r->consumer ? dma_waker_add(r->consumer, &r->waker) : 0;
}

static void
count_in_workers(const struct baton_ring *r, uint32_t n)
{
	if (r->producer)
		r->producer->n_rings += n;
	if (r->consumer)
		r->consumer->n_rings += n;
}

int
baton_ring_create(struct baton_ctx *ctx, const struct baton_ring_config *config,
		  struct baton_ring **out)
{
	struct baton_ring_config c = defaults;
	struct baton_ring *r;
	int ret = ctx_enter(ctx, "ring_create");

	if (!ret && !out)
		ret = baton_err(EINVAL, "ring_create: there is no place for the ring: out is NULL");
	if (!ret)
		ret = struct_take(&c, sizeof(c), config, "struct baton_ring_config");
	if (!ret)
		ret = struct_check_reserved(c.reserved, "struct baton_ring_config");
	if (!ret)
		ret = check_config(ctx, &c);
	if (ret < 0)
		return ret;
	r = handle_new(ctx, HANDLE_RING, sizeof(*r));
	if (!r)
		return baton_err(ENOMEM, "ring: out of memory");
	r->ctx = ctx;
	r->producer = c.producer;
	r->consumer = c.consumer;
	r->wake_fd = -1;
	if (c.name)
		snprintf(r->name, sizeof(r->name), "%s", c.name);
	else
		snprintf(r->name, sizeof(r->name), "ring%u", ctx->n_rings);
	ret = build(r, c.capacity);
	if (ret < 0) {
		release(r);
		handle_free(r);
		return ret;
	}
	count_in_workers(r, 1);
	pthread_mutex_lock(&ctx->lock);
	r->next = ctx->rings;
	ctx->rings = r;
	ctx->n_rings++;
	pthread_mutex_unlock(&ctx->lock);
	*out = r;
	return 0;
}

static void
unlink_ring(struct baton_ring *ring)
{
	struct baton_ctx *ctx = ring->ctx;
	struct baton_ring **at = &ctx->rings;

	pthread_mutex_lock(&ctx->lock);
	while (*at != ring)
		at = &(*at)->next;
	*at = ring->next;
	ctx->n_rings--;
	pthread_mutex_unlock(&ctx->lock);
}

int
baton_ring_destroy(struct baton_ring *ring)
{
	int ret = handle_enter(ring, HANDLE_RING, "ring_destroy");
	uint64_t n;

	if (ret < 0)
		return ret;
	n = ring_count(&ring->ring);
	if (n)
		return baton_err(EBUSY,
				 "ring %s has %llu tokens, which would be lost: take them, or free "
				 "them by baton_ring_drain()",
				 ring->name, (unsigned long long)n);
	if (ring->consumer)
		dma_waker_del(ring->consumer, &ring->waker);
	unlink_ring(ring);
	count_in_workers(ring, -1u);
	/* Its memory stays, as a handle's does: nobody is to take or put anything there. */
	ring->producer = ring->consumer = NULL;
	release(ring);
	handle_close(ring);
	return 0;
}

/* ---- put and get ---- */

/* A thread that is not the producer's, or no ring at all. */
static BATON_COLD int
enter(const struct baton_ring *ring, struct baton_worker *const *worker, const char *operation)
{
	int ret = handle_check(ring, HANDLE_RING, operation);

	return ret < 0 || !*worker ? ret : dma_worker_ready(*worker, operation);
}

/* May the calling thread put, or take? @w: the ring's producer or consumer. */
#define READY(ring, w, operation)                                                                  \
	(baton_likely((ring) && (ring)->handle.tag == HANDLE_RING &&                               \
		      (!(ring)->w || __atomic_load_n(&(ring)->w->head.thread, __ATOMIC_RELAXED) == \
					     baton_thread_self()))                                 \
		 ? 0                                                                               \
		 : enter(ring, (ring) ? &(ring)->w : NULL, operation))

/* Nothing was put: is it for want of room? Return: 0; a negative errno. */
static BATON_COLD int
why_not_put(const struct baton_ring *ring, const struct baton_token *t, unsigned n)
{
	unsigned segs = 1;

	while (segs <= n && t[segs - 1].flags & BATON_TOKEN_CONT)
		segs++;
	if (segs > n)
		return baton_err(EINVAL,
				 "ring %s: the packet is not whole: the last of its %u tokens has "
				 "BATON_TOKEN_CONT",
				 ring->name, n);
	if (segs > ring->ring.size)
		return baton_err(EMSGSIZE,
				 "ring %s: a packet of %u tokens, and the ring takes %llu: make "
				 "its capacity larger",
				 ring->name, segs, (unsigned long long)ring->ring.size);
	return 0;
}

int
baton_ring_enqueue(struct baton_ring *ring, const struct baton_token *tokens, unsigned n)
{
	int ret = READY(ring, producer, "ring_enqueue");
	unsigned done;

	if (baton_unlikely(ret < 0))
		return ret;
	done = ring_put(&ring->ring, tokens, n);
	if (baton_unlikely(!done))
		return n ? why_not_put(ring, tokens, n) : 0;
	if (ring_wants_signal(&ring->ring))
		event_signal(ring->wake_fd);
	return (int)done;
}

static BATON_COLD int
why_not_got(struct baton_ring *ring, unsigned n)
{
	const unsigned segs = ring_first(&ring->ring);

	if (segs <= n || !n) /* or another thread was faster, or it came meanwhile */
		return 0;
	return baton_err(EMSGSIZE,
			 "ring %s: the next packet has %u tokens, and there is room for %u: "
			 "dequeue "
			 "as many as the longest packet has",
			 ring->name, segs, n);
}

int
baton_ring_dequeue(struct baton_ring *ring, struct baton_token *tokens, unsigned n)
{
	int ret = READY(ring, consumer, "ring_dequeue");
	unsigned done;

	if (baton_unlikely(ret < 0))
		return ret;
	done = ring_get(&ring->ring, tokens, n);
	return done ? (int)done : why_not_got(ring, n);
}

int
baton_ring_drain(struct baton_ring *ring, struct baton_worker *worker)
{
	int ret = READY(ring, consumer, "ring_drain");
	int sum = 0, refused = 0;
	struct baton_token t[64];
	unsigned n;

	if (!ret)
		ret = handle_check(worker, HANDLE_WORKER, "ring_drain");
	if (!ret)
		ret = handle_check_ctx(ring->ctx, worker->ctx, "ring_drain", "worker");
	if (!ret)
		ret = dma_worker_ready(worker, "ring_drain");
	if (ret < 0)
		return ret;
	/* A packet may be longer than the array. */
	while ((n = ring_get_any(&ring->ring, t, 64))) {
		for (unsigned i = 0; i < n; i++)
			if (baton_free(worker, &t[i], 1) < 0)
				refused = -EPERM;
		sum += (int)n;
	}
	return refused ? refused : sum;
}

unsigned
baton_ring_count(const struct baton_ring *ring)
{
	struct baton_ring *r = (struct baton_ring *)(uintptr_t)ring;

	return handle_check(ring, HANDLE_RING, "ring_count") < 0 ? 0
								 : (unsigned)ring_count(&r->ring);
}

/* ---- wake-ups ---- */

int
baton_ring_arm(struct baton_ring *ring)
{
	int ret = READY(ring, consumer, "ring_arm");

	if (ret < 0)
		return ret;
	if (ring->consumer && ring->armed)
		return ring->wake_fd;
	if (!ring_sleep(&ring->ring))
		event_signal(ring->wake_fd);
	if (ring->consumer)
		ring->armed = true;
	return ring->wake_fd;
}

void
baton_ring_disarm(struct baton_ring *ring)
{
	if (READY(ring, consumer, "ring_disarm") < 0)
		return;
	if (ring->consumer && !ring->armed)
		return;
	event_drain(ring->wake_fd);
	ring_wake(&ring->ring);
	if (ring->consumer)
		ring->armed = false;
}

DEFINE_CONTAINER(ring_of_waker, struct baton_ring, waker)

static int
sleep_on(struct dma_waker *waker)
{
	int ret = baton_ring_arm(ring_of_waker(waker));

	return ret < 0 ? ret : 0;
}

static void
wake_from(struct dma_waker *waker)
{
	baton_ring_disarm(ring_of_waker(waker));
}

/* ---- reports ---- */

uint32_t
dma_ring_held(struct baton_ring *ring, const struct baton_pool *pool)
{
	const struct baton_pool_view *v = &pool->view;
	uint64_t there = ring_count(&ring->ring), at;
	uint32_t n = 0;

	there = there < ring->ring.size ? there : ring->ring.size;
	at = ring_begin(&ring->ring);
	for (uint64_t i = 0; i < there; i++) {
		const struct baton_token t = ring_look(&ring->ring, at + i);

		n += t.pool == v->index && t.buf < v->count &&
		     __atomic_load_n(&v->owner[t.buf], __ATOMIC_RELAXED) ==
			     (BATON_OWNER_CPU << 16 | t.gen);
	}
	return n;
}
