/* SPDX-License-Identifier: BSD-3-Clause */
/* A fake kernel, a context and an address space on it; the end of a test checks that nothing is
 * left. */
#ifndef IOAS_RIG_H
#define IOAS_RIG_H

#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "0000:00:03.0"
#define B "0000:00:04.0"

struct rig {
	struct fake *f;
	struct bare_ctx *b;
	struct baton_ioas *ioas;
	struct ioas_device *dev;
	struct baton_mapping *m;
};

static inline int
rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->f = fake_new();
	r->b = fake_ctx();
	*state = r;
	return 0;
}

static inline int
rig_teardown(void **state)
{
	struct rig *r = *state;

	fake_assert_idle(r->f);
	assert_null(r->b->ctx.ioases);
	free(r->f);
	fake_ctx_free(r->b);
	free(r);
	return 0;
}

/* An address space with device A in it. */
static inline int
up(struct rig *r, enum baton_ioas_backend backend)
{
	int ret = fake_ioas(r->f, r->b, backend, &r->ioas);

	assert_int_equal(ret, 0);
	r->dev = NULL;
	return ioas_attach(r->ioas, A, &r->dev);
}

static inline void
down(struct rig *r)
{
	ioas_detach(r->dev);
	assert_int_equal(baton_ioas_destroy(r->ioas), 0);
	r->dev = NULL;
	r->ioas = NULL;
}

static inline struct baton_ioas_info
info_of(const struct baton_ioas *ioas)
{
	struct baton_ioas_info info;

	baton_ioas_info(ioas, &info);
	return info;
}

static inline void
rig_without_iommu(struct rig *r)
{
	r->f->noiommu_mode = true;
	for (int i = 0; i < 2; i++) {
		r->f->devs[i].noiommu = true;
		r->f->devs[i].cdev = NULL;
	}
}

static inline uint64_t
iova_of(const struct baton_mapping *m)
{
	struct baton_mapping_info info;

	baton_mapping_info(m, &info);
	return info.iova;
}

/* An arena of 100,000 bytes, of a context of its own. */
static inline void
make_arena(struct baton_ctx **ctx, struct baton_arena **arena, struct baton_arena_info *info)
{
	struct baton_mem_config c = { .size = sizeof(c),
				      .bytes = 100000,
				      .page_size = BATON_PAGE_BASE,
				      .node = BATON_NODE_ANY };

	assert_int_equal(baton_ctx_create(NULL, ctx), 0);
	assert_int_equal(baton_arena_create(*ctx, &c, arena), 0);
	baton_arena_info(*arena, info);
}

/* Opening device A is refused, says these parts, and leaves nothing behind. */
static inline void
refused(struct rig *r, enum baton_ioas_backend backend, int err, const char *const *parts)
{
	int ret = up(r, backend);

	assert_int_equal(ret, -err);
	for (; *parts; parts++)
		assert_says(*parts);
	down(r);
	fake_assert_idle(r->f);
}

#define REFUSED(r, backend, err, ...)                                                              \
	refused(r, backend, err, (const char *const[]){ __VA_ARGS__, NULL })

#endif
