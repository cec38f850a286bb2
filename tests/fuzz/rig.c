/* SPDX-License-Identifier: BSD-3-Clause */
/* Rigs, and one input from its first byte to everything at home. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/page.h"
#include "ctx/ctx.h"
#include "fuzz.h"
#include "mem/os.h"

#define RIGS 4096 /* as many as there are values of the first bytes */

static struct fuzz_rig *rigs[RIGS];
struct fuzz *fuzz_current;
void *fuzz_state;
struct fuzz_life *fuzz_life;

/* ---- the pools' free lists: the same order at the beginning of each input ---- */

static unsigned FUZZ_UNTRACED
get_bulk(void *arg, uint32_t *bufs, unsigned n)
{
	struct fuzz_free_list *l = arg;
	unsigned i;

	for (i = 0; i < n && l->n; i++)
		bufs[i] = l->idx[--l->n];
	return i;
}

static void FUZZ_UNTRACED
put_bulk(void *arg, const uint32_t *bufs, unsigned n)
{
	struct fuzz_free_list *l = arg;

	for (unsigned i = 0; i < n; i++) {
		if (l->n == FUZZ_BUFS)
			fuzz_fail("more buffers came home than there are");
		l->idx[l->n++] = bufs[i];
	}
}

static void FUZZ_UNTRACED
reset_pool(struct fuzz_rig *r, unsigned i)
{
	struct baton_pool_view *v = &r->pool[i]->view;

	r->free[i].n = v->count;
	for (uint32_t k = 0; k < v->count; k++)
		r->free[i].idx[k] = v->count - 1 - k;
	memset(v->owner, 0, v->count * sizeof(*v->owner));
}

/* ---- what the library says ---- */

static void
log_nothing(void *arg, enum baton_log_level level, const char *text)
{
}

static void
count_report(void *arg, const struct baton_violation *violation)
{
	fuzz_current->reports++;
}

/* ---- rigs ---- */

static void
use(struct fuzz_rig *r)
{
	fuzz_state = r->device;
	fuzz_life = &r->life;
}

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fuzz_fail("%s: %d", what, ret);
}

/* Buffers' memory, seen twice, since sanitizers poison the first view where a device holds it. */
static void
make_memory(struct fuzz_rig *r)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FUZZ_RIG_BYTES) < 0)
		fuzz_fail("no memory");
	r->memory = mmap(NULL, FUZZ_RIG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r->alias = mmap(NULL, FUZZ_RIG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->memory == MAP_FAILED || r->alias == MAP_FAILED)
		fuzz_fail("no memory");
	r->fd = fd;
}

static void
make_pools(struct fuzz_rig *r)
{
	size_t at = 0;

	for (unsigned i = 0; i < FUZZ_POOLS; i++) {
		const struct baton_pool_backing backing = { get_bulk, put_bulk, &r->free[i] };
		struct baton_pool_config c;

		baton_pool_config_init(&c);
		c.count = r->config.pool[i].count;
		c.data_len = r->config.pool[i].data_len;
		c.headroom = r->config.pool[i].headroom;
		c.stride = (c.data_len + 127) / 64 *
			   64; /* a cache line or more between two: what runs over is seen */
		c.base = r->memory + at;
		c.bytes = ((size_t)c.count * c.stride + page_bytes() - 1) / page_bytes() *
			  page_bytes(); /* whole pages can be mapped */
		c.fd = r->fd;           /* a device may insist on memory that can be handed over */
		c.fd_offset = at;
		c.backing = &backing;
		if (c.count > FUZZ_BUFS || at + c.bytes > FUZZ_RIG_BYTES)
			fuzz_fail("a pool of %u buffers of %u bytes", c.count, c.data_len);
		at += c.bytes;
		r->free[i].n = 0;
		for (uint32_t k = 0; k < c.count; k++)
			r->free[i].idx[r->free[i].n++] = k;
		must(baton_pool_create(r->ctx, &c, &r->pool[i]), "pool");
	}
}

void
fuzz_add_window(struct fuzz_config *c, uint32_t ring_bytes, uint32_t rx_slot, bool half)
{
	const uint64_t page = page_bytes(), slack = 12 * page, start = 1 << 20,
		       rings = ring_bytes + page;
	uint64_t slots = FUZZ_PAIRS * (c->rx_descs * rx_slot + c->tx_descs * 2304);
	const size_t len = strlen(c->args);

	if (half)
		slots /= 2;
	snprintf(c->args + len, sizeof(c->args) - len, ",window=%#llx-%#llx",
		 (unsigned long long)start,
		 (unsigned long long)(start + (rings + slots + slack) / page * page - 1));
}

/* A pool whose buffers may be too small is refused, or not; either way the queue can be set up
 * anew. */
static void
try_small_pool(struct fuzz_rig *r)
{
	const struct baton_queue_config q = { .size = sizeof(q),
					      .descs = r->config.rx_descs,
					      .worker = r->worker,
					      .pool = r->pool[1] };
	struct baton_rxq *out;

	if (baton_rxq_setup(r->port, 0, &q, &out) < 0 && !strstr(baton_last_error(), "larger data "
										     "room"))
		fuzz_fail("a queue for small buffers");
}

static void
make_port(struct fuzz_rig *r)
{
	const struct fuzz_config *f = &r->config;
	struct baton_port_config c = { .size = sizeof(c),
				       .rx_queues = FUZZ_PAIRS,
				       .tx_queues = FUZZ_PAIRS,
				       .mtu = f->mtu,
				       .stop_timeout_ms = 1,
				       .offloads = f->offloads };

	must(baton_port_open(r->ctx, f->args, &r->port), f->args);
	must(baton_port_configure(r->port, &c), "configure");
	try_small_pool(r);
	must(baton_port_configure(r->port, &c), "configure");
	for (uint16_t i = 0; i < FUZZ_PAIRS; i++) {
		struct baton_queue_config q = { .size = sizeof(q),
						.descs = f->rx_descs,
						.worker = r->worker,
						.pool = r->pool[0] };
		struct baton_rxq *rxq;
		struct baton_txq *txq;

		must(baton_rxq_setup(r->port, i, &q, &rxq), "rxq");
		r->queue[i] = (struct baton_queue *)(void *)rxq;
		q.pool = NULL;
		q.descs = f->tx_descs;
		must(baton_txq_setup(r->port, i, &q, &txq), "txq");
		r->queue[FUZZ_PAIRS + i] = (struct baton_queue *)(void *)txq;
	}
	baton_port_info(r->port, &r->info);
}

static int
leave_empty(const struct mem_os *os, void *base, size_t bytes)
{
	return 0;
}

/* Memory of small pages that are there once they are used, and no limits to read of: so a port
 * starts quickly, everywhere alike. */
static const struct mem_os *
bare_machine(void)
{
	static struct mem_os os;

	os = mem_os_host;
	os.sys = os.proc = "/nonexistent";
	os.populate = leave_empty;
	return &os;
}

static struct fuzz_rig *
make_rig(const struct fuzz_device *dev, const uint8_t head[FUZZ_HEAD],
	 const struct fuzz_config *config)
{
	const struct baton_ctx_config c = { .size = sizeof(c),
					    .log = log_nothing,
					    .on_violation = count_report };
	const struct baton_worker_config w = { .size = sizeof(w), .cache_size = 32 };
	struct fuzz_rig *r = calloc(1, sizeof(*r));

	if (!r || !(r->device = calloc(1, dev->state_size)))
		fuzz_fail("no memory");
	use(r);
	memcpy(r->head, head, FUZZ_HEAD);
	r->config = *config;
	make_memory(r);
	must(baton_ctx_create(&c, &r->ctx), "context");
	r->ctx->mem_os = bare_machine();
	must(baton_worker_create(r->ctx, &w, &r->worker), "worker");
	if (r->worker->simd > r->config.simd)
		r->worker->simd = r->config.simd;
	make_pools(r);
	if (dev->connect)
		dev->connect(r);
	make_port(r);
	return r;
}

static void
drop_rig(struct fuzz_rig *r)
{
	use(r);
	must(baton_port_close(r->port), "close");
	must(baton_worker_destroy(r->worker), "worker");
	for (unsigned i = 0; i < FUZZ_POOLS; i++)
		must(baton_pool_destroy(r->pool[i]), "pool");
	must(baton_ctx_destroy(r->ctx), "context");
	if (fuzz_device.disconnect)
		fuzz_device.disconnect(r);
	munmap(r->memory, FUZZ_RIG_BYTES);
	munmap(r->alias, FUZZ_RIG_BYTES);
	close(r->fd);
	free(r->device);
	free(r);
}

void
fuzz_rig_drop_all(void)
{
	for (unsigned i = 0; i < RIGS; i++)
		if (rigs[i]) {
			drop_rig(rigs[i]);
			rigs[i] = NULL;
		}
}

struct fuzz_rig *
fuzz_rig(const struct fuzz_device *dev, const uint8_t head[FUZZ_HEAD])
{
	struct fuzz_config c = { 0 };
	uint8_t plain[FUZZ_HEAD];
	struct fuzz_rig **slot;

	memcpy(plain, head, FUZZ_HEAD);
	dev->configure(plain, &c);
	slot = &rigs[(plain[0] | plain[1] << 8) % RIGS];
	if (!*slot)
		*slot = make_rig(dev, plain, &c);
	use(*slot);
	return *slot;
}

/* ---- one input ---- */

int FUZZ_UNTRACED
fuzz_run(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	static uint8_t owner[FUZZ_POOLS][FUZZ_BUFS];
	uint8_t head[FUZZ_HEAD] = { 0 };

	if (size < FUZZ_HEAD)
		return 0;
	memset(&f, 0, offsetof(struct fuzz, q));
	memcpy(head, data, FUZZ_HEAD);
	f.dev = &fuzz_device;
	hostile_hook = fuzz_at_read;
	f.rig = fuzz_rig(f.dev, head);
	fuzz_current = &f;
	f.in = (struct fuzz_in){ data + FUZZ_HEAD, data + size };
	for (unsigned i = 0; i < FUZZ_POOLS; i++) {
		f.owner[i] = owner[i];
		memset(owner[i], 0, f.rig->pool[i]->view.count);
		reset_pool(f.rig, i);
	}
	f.n_held = f.slow = f.life = f.reports = f.expected = f.at = f.seed = 0;
	f.have_stale = f.restart = false;
	memset(&f.act, 0, sizeof(f.act));
	memset(f.kept_slots, 0, sizeof(f.kept_slots));
	f.dev->begin(&f);
	fuzz_app_begin(&f);
	for (unsigned steps = 0; f.in.p < f.in.end && steps < 200; steps++) {
		unsigned op = in_u8(&f.in);

		if (op & 1)
			f.dev->step(&f, op >> 1);
		else
			fuzz_app_step(&f, op >> 1);
	}
	f.act.countdown = 0;
	fuzz_app_end(&f);
	fuzz_current = NULL;
	return 0;
}
