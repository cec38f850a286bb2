/* SPDX-License-Identifier: BSD-3-Clause */
/* Quarantines: how much they hold, and what is left of them when their port is closed and their
 * context destroyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <baton/baton.h>
#include <baton/ioas.h>

#include "base/page.h"
#include "ctx/ctx.h"
#include "dma/quarantine.h"
#include "dma/reach.h"
#include "mem/os.h"

#define ARENAS 20u

/* A context whose arenas are counted. */
struct place {
	struct mem_os os; /* first, so that the calls find the rest */
	unsigned closed, unmapped;
	struct baton_ctx *ctx;
	struct dma_reach reach;
	char last[256];
};

static void
count_close(const struct mem_os *os, int fd)
{
	((struct place *)(uintptr_t)os)->closed++;
	mem_os_host.close(os, fd);
}

static void
count_unmap(const struct mem_os *os, void *base, size_t bytes)
{
	((struct place *)(uintptr_t)os)->unmapped++;
	mem_os_host.unmap(os, base, bytes);
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	struct place *p = arg;

	snprintf(p->last, sizeof(p->last), "%s", line);
}

static void
begin(struct place *p, bool local)
{
	struct baton_ctx_config c = { .size = sizeof(c), .log = on_log, .log_arg = p };

	memset(p, 0, sizeof(*p));
	p->os = mem_os_host;
	p->os.close = count_close;
	p->os.unmap = count_unmap;
	assert_int_equal(baton_ctx_create(&c, &p->ctx), 0);
	p->ctx->mem_os = &p->os;
	p->reach = (struct dma_reach){ .can_bounce = true,
				       .ctx = p->ctx,
				       .name = "port",
				       .node = BATON_NODE_ANY,
				       .local = local,
				       .device_ring_bits = 64,
				       .device_data_bits = 64 };
}

static void
fill(struct place *p)
{
	struct dma_quarantine *quarantine = dma_quarantine_open(&p->reach, NULL);

	assert_non_null(quarantine);
	for (unsigned i = 0; i < ARENAS; i++) {
		struct baton_mem_config c = { .size = sizeof(c),
					      .name = "slots",
					      .bytes = 4096,
					      .page_size = BATON_PAGE_BASE,
					      .node = BATON_NODE_ANY };
		struct baton_arena *arena;

		assert_int_equal(baton_arena_create(p->ctx, &c, &arena), 0);
		dma_quarantine_memory(quarantine, arena, 3);
	}
	dma_quarantine_close(quarantine);
	assert_int_equal(dma_quarantine_slots(p->reach.quarantines), 3 * ARENAS);
	assert_int_equal(p->closed + p->unmapped, 0);
}

static void
all_come_home(void **state)
{
	struct place p;

	begin(&p, false);
	fill(&p);
	dma_quarantine_release(&p.reach.quarantines, "the device is asleep");
	assert_null(p.reach.quarantines);
	assert_null(p.ctx->quarantines);
	assert_int_equal(p.unmapped, ARENAS);
	assert_int_equal(p.closed, ARENAS);
	assert_non_null(strstr(p.last, "the device is asleep: 0 buffers and 60 slots are out of "
				       "quarantine"));
	assert_int_equal(baton_ctx_destroy(p.ctx), 0);
}

/* What a program maps is its own; what a device reaches by physical addresses must not become
 * somebody else's. No descriptor is left. */
static void
the_context_ends_first(void **state)
{
	char stay[160];

	snprintf(stay, sizeof(stay),
		 "%u KiB stay in memory until this process ends: a device without an IOMMU did not "
		 "let go of them, and may write there",
		 (unsigned)(ARENAS * page_bytes() / 1024));
	for (unsigned local = 0; local < 2; local++) {
		struct place p;

		begin(&p, local);
		fill(&p);
		p.last[0] = '\0';
		dma_quarantine_detach(&p.reach.quarantines);
		assert_int_equal(dma_quarantine_slots(p.reach.quarantines), 0);
		assert_int_equal(p.closed + p.unmapped, 0);
		assert_int_equal(baton_ctx_destroy(p.ctx), 0);
		assert_int_equal(p.closed, ARENAS);
		assert_int_equal(p.unmapped, local ? ARENAS : 0);
		assert_string_equal(p.last, local ? "" : stay);
	}
}

/* Without a quarantine, for want of memory, what is not confirmed is kept for ever: never taken for
 * confirmed. */
static void
no_memory_for_quarantine(void **state)
{
	struct baton_ioas_config c;
	struct baton_arena *arena;
	struct dma_ctrl rings;
	struct baton_ioas *ioas;
	struct place p;

	begin(&p, false);
	baton_ioas_config_init(&c);
	c.backend = BATON_IOAS_FLAT;
	assert_int_equal(baton_ioas_create(p.ctx, &c, &ioas), 0);
	p.reach.ioas = ioas;
	assert_int_equal(dma_ctrl_alloc(&p.reach, 100, 64, &rings), 0);
	arena = p.reach.ctrl->arena;
	dma_reach_release(&p.reach, false, NULL);
	assert_int_equal(p.closed + p.unmapped, 0);
	memset(rings.va, 0xff, rings.bytes); /* as the device may */
	baton_arena_destroy(arena);
	assert_int_equal(baton_ioas_destroy(ioas), 0);
	assert_int_equal(baton_ctx_destroy(p.ctx), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_come_home),
		cmocka_unit_test(the_context_ends_first),
		cmocka_unit_test(no_memory_for_quarantine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
