/* SPDX-License-Identifier: BSD-3-Clause */
/* Direct, bounce or refuse: the decision on its own, on a kernel that is not there, and what is
 * mapped after it. */
#include "fake_vfio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <baton/baton.h>

#include "base/page.h"
#include "cc_util.h"
#include "dma/reach.h"
#include "ioas/ioas.h"

#define A        "0000:00:03.0"
#define B        "0000:00:04.0"
#define ANYWHERE ((struct baton_reach_config){ .size = sizeof(struct baton_reach_config) })

static const struct dma_slots_need need = {
	.queues = 1, .keys = 256, .least = 5, .room = 2060, .header = 12
};

/* Two devices of one address space, each with its port's reach. */
struct place {
	struct mem_os os; /* first, so that the call finds the rest */
	unsigned arenas;  /* made so far */
	struct fake *f;
	struct baton_ctx *ctx;
	struct baton_ioas *ioas;
	struct ioas_device *dev[2];
	struct dma_reach r[2];
	struct baton_pool_view views[2][BATON_MAX_POOLS];
	char said[2048];
};

static int
counted(const struct mem_os *os, const char *name, uint64_t page_size)
{
	((struct place *)(uintptr_t)os)->arenas++;
	return mem_os_host.memfd(os, name, page_size);
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	struct place *p = arg;
	size_t used = strlen(p->said);

	snprintf(p->said + used, sizeof(p->said) - used, "%s\n", line);
}

/* A context and a fake kernel; the address space is made by place(). */
static void
begin(struct place *p)
{
	struct baton_ctx_config c = { .size = sizeof(c), .log = on_log, .log_arg = p };

	memset(p, 0, sizeof(*p));
	p->f = fake_new();
	p->f->os.page = page_bytes(); /* the memory is no fake */
	assert_int_equal(baton_ctx_create(&c, &p->ctx), 0);
	p->os = cc_heap_os();
	p->os.memfd = counted;
	p->ctx->mem_os = &p->os;
}

static void
place(struct place *p, const struct baton_reach_config *c, uint8_t ring_bits, uint8_t data_bits)
{
	struct baton_ioas_config ic;

	for (unsigned i = 0; i < 2; i++) {
		struct dma_reach *r = &p->r[i];

		assert_int_equal(dma_reach_set(r, c), 0);
		r->device_ring_bits = ring_bits;
		r->device_data_bits = data_bits;
		r->can_bounce = true;
		r->ctx = p->ctx;
		r->name = i ? "port1" : "port0";
		r->node = BATON_NODE_ANY;
	}
	baton_ioas_config_init(&ic);
	ic.windows = p->r[0].windows;
	ic.n_windows = p->r[0].n_windows;
	assert_int_equal(baton_ioas_create_with(p->ctx, &ic, &p->f->os, &p->ioas), 0);
	assert_int_equal(ioas_attach(p->ioas, A, &p->dev[0]), 0);
	assert_int_equal(ioas_attach(p->ioas, B, &p->dev[1]), 0);
	p->r[0].ioas = p->r[1].ioas = p->ioas;
}

static void
end(struct place *p)
{
	for (unsigned i = 0; i < 2; i++) {
		dma_reach_release(&p->r[i], true, NULL);
		dma_reach_fini(&p->r[i]);
		ioas_detach(p->dev[i]);
	}
	assert_int_equal(fake_mappings(p->f), 0);
	if (p->ioas)
		assert_int_equal(baton_ioas_destroy(p->ioas), 0);
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		if (p->ctx->pools[i])
			assert_int_equal(baton_pool_destroy(p->ctx->pools[i]), 0);
	assert_int_equal(baton_ctx_destroy(p->ctx), 0);
	fake_assert_idle(p->f);
	free(p->f);
}

/* What a driver does at start, with one RX and one TX queue. Return: the first error. */
static int
start(struct place *p, unsigned port)
{
	static const struct dma_slots_need none = { 0 };
	struct dma_reach *r = &p->r[port];
	bool needed[BATON_MAX_POOLS], bounced = false;
	struct dma_ctrl rings;
	int ret = dma_reach_check(r);

	memset(needed, 1, sizeof(needed));
	memset(p->views[port], 0, sizeof(p->views[port]));
	if (ret < 0 || (ret = dma_ctrl_alloc(r, 9000, 64, &rings)) < 0 ||
	    (ret = dma_reach_pools(r, needed, p->views[port])) < 0)
		return ret;
	assert_true(rings.iova + rings.bytes - 1 <= dma_ring_limit(r));
	for (unsigned i = 0; i < BATON_MAX_POOLS; i++)
		bounced |= p->views[port][i].count && p->views[port][i].bounce;
	return bounced ? dma_reach_slots(r, &need, &need) : dma_reach_slots(r, &none, &none);
}

static struct baton_pool *
pool(struct place *p, const char *name, unsigned flags)
{
	struct baton_pool_config c;
	struct baton_pool *pool;

	baton_pool_config_init(&c);
	c.name = name;
	c.count = 64;
	c.page_size = BATON_PAGE_BASE;
	c.mem_flags = flags;
	assert_int_equal(baton_pool_create(p->ctx, &c, &pool), 0);
	return pool;
}

/* An application's memory: a few buffers far from one another, the rest is never touched. */
static struct baton_pool *
pool_over(struct place *p, const char *name, void *base, size_t bytes)
{
	struct baton_pool_config c;
	struct baton_pool *pool;

	baton_pool_config_init(&c);
	c.name = name;
	c.base = base;
	c.bytes = bytes;
	c.stride = (uint32_t)(bytes / 64);
	c.count = 64;
	assert_int_equal(baton_pool_create(p->ctx, &c, &pool), 0);
	return pool;
}

static void *
reserve(size_t bytes)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(base, MAP_FAILED);
	return base;
}

static enum baton_reach
reach_of(const struct place *p, unsigned port, const struct baton_pool *pool)
{
	return (enum baton_reach)p->r[port].pools[pool->view.index].reach;
}

static void
says(const char *part)
{
	if (!strstr(baton_last_error(), part))
		fail_msg("no \"%s\" in: %s", part, baton_last_error());
}

/* ---- what is declared ---- */

static void
no_limit_is_no_limit(void **state)
{
	static const uint8_t bits[][2] = { { 0, 0 }, { 0, 64 }, { 64, 0 } };

	for (unsigned i = 0; i < 3; i++) {
		struct place p;
		char rings[16], data[16];

		begin(&p);
		place(&p, &ANYWHERE, bits[i][0], bits[i][1]);
		assert_int_equal(start(&p, 0), -EINVAL);
		snprintf(rings, sizeof(rings), "rings: %u", bits[i][0]);
		snprintf(data, sizeof(data), "data: %u", bits[i][1]);
		says(rings);
		says(data);
		assert_int_equal(fake_mappings(p.f), 0);
		assert_false(p.r[0].committed);
		end(&p);
	}
}

/* ---- direct ---- */

/* The bug that killed s390 guests that were not protected at all: bounce memory for devices that
 * needed none. */
static void
reaches_everything(void **state)
{
	struct baton_pool *pl;
	struct place p;
	unsigned before;

	begin(&p);
	pl = pool(&p, "frames", 0);
	before = p.arenas;
	place(&p, &ANYWHERE, 64, 64);
	assert_int_equal(start(&p, 0), 0);
	assert_int_equal(reach_of(&p, 0, pl), BATON_REACH_DIRECT);
	assert_int_equal(p.arenas, before + 1); /* the rings' */
	assert_null(p.r[0].rx_mem);
	assert_null(p.r[0].tx_mem);
	assert_int_equal(fake_mappings(p.f), 2);
	assert_int_equal(p.views[0][0].bounce, 0);
	assert_int_equal(p.views[0][0].iova,
			 p.r[0].pools[0].iova + (uint64_t)(pl->view.data - pl->base));
	end(&p);
}

/* virtio-ccw under protected virtualization: control structures of 31 bits beside data of 64. */
static void
limits_are_each_allocations_own(void **state)
{
	void *base = reserve(4 * GIB);
	struct baton_pool *pl;
	struct place p;

	begin(&p);
	pl = pool_over(&p, "frames", base, 4 * GIB);
	place(&p, &ANYWHERE, 31, 64);
	assert_int_equal(start(&p, 0), 0);
	assert_true(p.r[0].ctrl->iova + p.r[0].ctrl->bytes <= 2 * GIB);
	assert_int_equal(reach_of(&p, 0, pl), BATON_REACH_DIRECT);
	assert_true(p.r[0].pools[0].iova + p.r[0].pools[0].bytes > 2 * GIB);
	assert_null(p.r[0].rx_mem);
	end(&p);
	munmap(base, 4 * GIB);
}

/* ---- windows ---- */

static bool
inside(const struct fake_map *m, const struct baton_iova_range *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (m->iova >= w[i].start && m->iova + m->bytes - 1 <= w[i].last)
			return true;
	return false;
}

/* 4 GiB of application memory and no such room: bounced, and nothing but rings and slots is mapped,
 * in the windows. */
static void
windows(void **state)
{
	static const struct {
		unsigned n;
		struct baton_iova_range w[4], merged[2];
	} of[] = {
		{ 1, { { 0, GIB - 1 } }, { { 0 } } },
		{ 1, { { 1ull << 32, (1ull << 32) + GIB - 1 } }, { { 0 } } },
		{ 2,
		  { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffff } },
		  { { 0 } } },                                        /* around the MSI hole */
		{ 1, { { 0x4000000000, 0x4003ffffff } }, { { 0 } } }, /* 64 MiB in the middle */
		/* Unsorted, overlapping, one inside of another, two that touch. */
		{ 4,
		  { { 0x30000000, 0x3fffffff },
		    { 0x10000000, 0x1fffffff },
		    { 0x18000000, 0x2fffffff },
		    { 0x31000000, 0x32000000 } },
		  { { 0x10000000, 0x3fffffff } } },
	};
	void *base = reserve(4 * GIB);

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct baton_reach_config c = { .size = sizeof(c),
						.windows = of[i].w,
						.n_windows = of[i].n };
		struct baton_iova_range ranges[4];
		struct baton_pool *pl;
		struct place p;
		uint64_t mapped = 0;

		begin(&p);
		pl = pool_over(&p, "frames", base, 4 * GIB);
		place(&p, &c, 64, 64);
		if (of[i].merged[0].last) {
			assert_int_equal(baton_ioas_ranges(p.ioas, ranges, 4), 1);
			assert_memory_equal(ranges, of[i].merged, sizeof(ranges[0]));
		}
		assert_int_equal(start(&p, 0), 0);
		assert_int_equal(reach_of(&p, 0, pl), BATON_REACH_BOUNCE);
		assert_true(strlen(p.r[0].pools[0].why) > 10);
		assert_int_equal(p.r[0].pools[0].bytes, 0);
		assert_int_equal(p.r[0].rx.count, 256);
		assert_int_equal(p.r[0].tx.count, 256);
		assert_false(p.r[0].rx.shared);
		assert_int_equal(fake_mappings(p.f), 3);
		for (unsigned k = 0; k < 3; k++) {
			assert_true(inside(fake_mapping(p.f, k), of[i].w, of[i].n));
			mapped += fake_mapping(p.f, k)->bytes;
		}
		assert_int_equal(mapped,
				 p.r[0].ctrl->bytes + p.r[0].rx_mem->bytes + p.r[0].tx_mem->bytes);
		end(&p);
	}
	munmap(base, 4 * GIB);
}

/* The device reads TX slots, and writes to all else. */
static void
tx_slots_are_read_only(void **state)
{
	struct baton_reach_config c = ANYWHERE;
	struct place p;

	c.confine = 1;
	begin(&p);
	pool(&p, "frames", 0);
	place(&p, &c, 64, 64);
	assert_int_equal(start(&p, 0), 0);
	assert_int_equal(fake_mappings(p.f), 3);
	for (unsigned k = 0; k < 3; k++) {
		const struct fake_map *m = fake_mapping(p.f, k);

		assert_int_equal(m->prot, m->iova == p.r[0].tx_mem->iova
						  ? BATON_MAP_READ
						  : BATON_MAP_READ | BATON_MAP_WRITE);
	}
	end(&p);
}

/* pseries secure guests: a device of 32 bits, whose only window is above. It is known before
 * anything is mapped. */
static void
no_address_is_in_both(void **state)
{
	static const struct baton_iova_range high = { 0x800000000000, 0x8000ffffffff };
	struct baton_reach_config c = { .size = sizeof(c), .windows = &high, .n_windows = 1 };

	for (unsigned i = 0; i < 3; i++) {
		struct place p;

		begin(&p);
		pool(&p, "frames", 0);
		p.f->devs[0].windows[0] = p.f->devs[1].windows[0] =
			(struct baton_iova_range){ 0, UINT64_MAX };
		p.f->devs[0].windows[1] = p.f->devs[1].windows[1] = (struct baton_iova_range){ 0 };
		c.data_bits = i == 2 ? 32 : 0;
		place(&p, &c, i == 1 ? 32 : 64, i == 0 ? 32 : 64);
		assert_int_equal(start(&p, 0), -ENOSPC);
		says("0xffffffff");
		says("0x800000000000");
		says(i == 1 ? "rings" : "packets");
		assert_int_equal(fake_mappings(p.f), 0);
		end(&p);
	}
}

/* Enough for the rings and some slots, too little for one each; and too little for any. */
static void
small_windows(void **state)
{
	static const struct baton_iova_range mib = { 0x10000000, 0x100fffff },
					     page16 = { 0x10000000, 0x1000ffff };
	struct baton_reach_config c = { .size = sizeof(c), .windows = &mib, .n_windows = 1 };
	void *base = reserve(GIB);
	struct place p;

	begin(&p);
	pool_over(&p, "frames", base, GIB);
	place(&p, &c, 64, 64);
	assert_int_equal(start(&p, 0), 0);
	assert_true(p.r[0].rx.shared && p.r[0].tx.shared);
	assert_in_range(p.r[0].rx.count, 150, 255);
	assert_in_range(p.r[0].tx.count, 150, 255);
	end(&p);
	c.windows = &page16;
	begin(&p);
	pool_over(&p, "frames", base, GIB);
	place(&p, &c, 64, 64);
	assert_int_equal(dma_ctrl_alloc(&p.r[0], 32 * 1024, 64, &(struct dma_ctrl){ 0 }), 0);
	assert_int_equal(start(&p, 0), -ENOSPC);
	says("slots");
	end(&p);
	munmap(base, GIB);
}

/* ---- two devices, two pools, one memory ---- */

static void
each_device_for_itself(void **state)
{
	void *base = reserve(4 * GIB);

	for (unsigned order = 0; order < 4; order++) {
		struct baton_pool *large, *small;
		struct place p;

		begin(&p);
		large = pool_over(&p, "large", base, 4 * GIB);
		small = pool(&p, "small", 0);
		place(&p, &ANYWHERE, 64, 64);
		p.r[1].device_data_bits = p.r[1].device_ring_bits = 31;
		assert_int_equal(start(&p, order & 1), 0);
		assert_int_equal(start(&p, !(order & 1)), 0);
		assert_int_equal(reach_of(&p, 0, large), BATON_REACH_DIRECT);
		assert_int_equal(reach_of(&p, 1, large), BATON_REACH_BOUNCE);
		assert_int_equal(reach_of(&p, 0, small), BATON_REACH_DIRECT);
		assert_int_equal(reach_of(&p, 1, small), BATON_REACH_DIRECT);
		assert_true(p.r[1].pools[small->view.index].iova +
				    p.r[1].pools[small->view.index].bytes <=
			    2 * GIB);
		assert_true(p.r[1].rx_mem->iova + p.r[1].rx_mem->bytes <= 2 * GIB);
		assert_null(p.r[0].rx_mem);
		dma_reach_release(&p.r[order >> 1], true, NULL);
		/* The other one's are as they were. */
		assert_true(p.r[!(order >> 1)].maps[small->view.index] != NULL);
		dma_reach_release(&p.r[!(order >> 1)], true, NULL);
		end(&p);
	}
	munmap(base, 4 * GIB);
}

static void
one_memory_in_two_pools(void **state)
{
	void *base = reserve(64 * MIB);

	for (unsigned order = 0; order < 2; order++) {
		struct baton_pool *pl[2];
		struct place p;

		begin(&p);
		pl[0] = pool_over(&p, "one", base, 64 * MIB);
		pl[1] = pool_over(&p, "two", base, 64 * MIB);
		place(&p, &ANYWHERE, 64, 64);
		assert_int_equal(start(&p, 0), 0);
		assert_int_equal(start(&p, 1), 0);
		assert_int_equal(fake_mappings(p.f),
				 4); /* rings of two, and each pool once for both devices */
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(reach_of(&p, i, pl[0]), BATON_REACH_DIRECT);
			assert_int_equal(reach_of(&p, i, pl[1]), BATON_REACH_DIRECT);
			assert_int_equal(p.views[0][i].iova, p.views[1][i].iova);
		}
		assert_true(p.views[0][0].iova != p.views[0][1].iova);
		dma_reach_release(&p.r[order], true, NULL);
		assert_int_equal(fake_mappings(p.f), 3);
		assert_int_equal(baton_pool_destroy(pl[order]), 0);
		assert_int_equal(fake_mappings(p.f), 2);
		dma_reach_release(&p.r[!order], true, NULL);
		end(&p);
	}
	munmap(base, 64 * MIB);
}

/* ---- refused ---- */

static void
never(void **state)
{
	static const struct baton_iova_range small = { 0, 16 * MIB - 1 };
	struct baton_reach_config c = {
		.size = sizeof(c), .windows = &small, .n_windows = 1, .bounce = BATON_BOUNCE_NEVER
	};
	void *base = reserve(GIB);
	struct baton_pool *pl;
	struct place p;

	begin(&p);
	pl = pool_over(&p, "frames", base, GIB);
	place(&p, &c, 64, 64);
	assert_int_equal(start(&p, 0), -ENOSPC);
	says("bounce=never");
	says("frames");
	assert_int_equal(reach_of(&p, 0, pl), BATON_REACH_REFUSED);
	end(&p);
	munmap(base, GIB);
}

/* What a higher limit would cure is said, and not hidden behind copies. */
static void
too_little_may_be_locked(void **state)
{
	void *base = reserve(GIB);
	struct baton_pool *pl;
	struct place p;

	begin(&p);
	pl = pool_over(&p, "frames", base, GIB);
	p.f->soft = p.f->hard = 64 * MIB;
	p.f->exempt = false;
	place(&p, &ANYWHERE, 64, 64);
	assert_int_equal(start(&p, 0), -ENOMEM);
	says("RLIMIT_MEMLOCK");
	assert_int_equal(reach_of(&p, 0, pl), BATON_REACH_REFUSED);
	assert_null(p.r[0].rx_mem);
	end(&p);
	munmap(base, GIB);
}

/* ---- confidential guests ---- */

static unsigned
flags_of(const struct dma_block *b)
{
	struct baton_arena_info info;

	assert_non_null(b);
	baton_arena_info(b->arena, &info);
	return info.flags;
}

static void
confidential(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		struct baton_reach_config c = ANYWHERE;
		struct cc_fake guest = cc_fake_pv();
		struct baton_pool *ours, *theirs;
		struct place p;

		c.bounce = i == 1 ? BATON_BOUNCE_NEVER : BATON_BOUNCE_AUTO;
		begin(&p);
		p.ctx->cc_source = &guest.src;
		ours = pool(&p, "private", 0);
		theirs = pool(&p, "shared", BATON_MEM_CC_SHARED);
		place(&p, &c, 64, 64);
		p.r[0].local = i == 2; /* a vhost-user backend is inside of the guest */
		assert_int_equal(start(&p, 0), 0);
		assert_int_equal(reach_of(&p, 0, theirs), BATON_REACH_DIRECT);
		assert_int_equal(reach_of(&p, 0, ours),
				 i ? BATON_REACH_DIRECT : BATON_REACH_BOUNCE);
		assert_int_equal(flags_of(p.r[0].ctrl), i ? 0 : BATON_MEM_CC_SHARED);
		if (!i) {
			assert_int_equal(flags_of(p.r[0].rx_mem), BATON_MEM_CC_SHARED);
			assert_int_equal(flags_of(p.r[0].tx_mem), BATON_MEM_CC_SHARED);
			assert_non_null(strstr(p.r[0].pools[ours->view.index].why, "confidential "
										   "guest"));
		}
		end(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_is_no_limit),
		cmocka_unit_test(reaches_everything),
		cmocka_unit_test(limits_are_each_allocations_own),
		cmocka_unit_test(windows),
		cmocka_unit_test(tx_slots_are_read_only),
		cmocka_unit_test(no_address_is_in_both),
		cmocka_unit_test(small_windows),
		cmocka_unit_test(each_device_for_itself),
		cmocka_unit_test(one_memory_in_two_pools),
		cmocka_unit_test(never),
		cmocka_unit_test(too_little_may_be_locked),
		cmocka_unit_test(confidential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
