/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user asks for of a port's reach: what contradicts itself, and limits beside the device's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <baton/baton.h>

#include "dma/reach.h"

static void
contradictions(void **state)
{
	static const struct baton_iova_range back = { 0x2000, 0x1000 };
	const struct baton_reach_config bad[] = {
		{ .size = 1 },
		{ .size = sizeof(bad[0]), .bounce = 3 },
		{ .size = sizeof(bad[0]), .bounce = BATON_BOUNCE_NEVER, .confine = 1 },
		{ .size = sizeof(bad[0]), .data_bits = 11 },
		{ .size = sizeof(bad[0]), .data_bits = 65 },
		{ .size = sizeof(bad[0]), .ring_bits = 1 },
		{ .size = sizeof(bad[0]), .ring_bits = 255 },
		{ .size = sizeof(bad[0]), .n_windows = 1 },
		{ .size = sizeof(bad[0]), .windows = &back },
		{ .size = sizeof(bad[0]), .windows = &back, .n_windows = 1 },
	};
	const struct baton_reach_config later[] = {
		{ .size = sizeof(later[0]), .data_bits = 32, .reserved = 1 },
		{ .size = sizeof(later[0]), .data_bits = 32, .reserved2 = 1u << 31 },
	};
	struct baton_reach_config now;
	struct dma_reach r = { .data_bits = 40, .confine = true };

	assert_int_equal(dma_reach_set(&r, NULL), -EINVAL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dma_reach_set(&r, &bad[i]), -EINVAL);
		dma_reach_get(&r, &now);
		assert_int_equal(now.data_bits, 40);
		assert_int_equal(now.confine, 1);
		assert_null(now.windows);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(dma_reach_set(&r, &later[i]), -E2BIG);
		dma_reach_get(&r, &now);
		assert_int_equal(now.data_bits, 40);
	}
}

/* A device's limit is not raised by the user. */
static void
the_lower_of_two(void **state)
{
	static const struct {
		uint8_t device, user;
		uint64_t top;
	} of[] = { { 64, 0, UINT64_MAX },       { 64, 64, UINT64_MAX }, { 64, 31, 0x7fffffff },
		   { 31, 0, 0x7fffffff },       { 31, 64, 0x7fffffff }, { 32, 12, 0xfff },
		   { 39, 40, (1ull << 39) - 1 } };

	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct dma_reach r = { .device_data_bits = of[i].device,
				       .data_bits = of[i].user,
				       .device_ring_bits = 64 };

		assert_int_equal(dma_data_limit(&r), of[i].top);
		assert_int_equal(dma_ring_limit(&r), UINT64_MAX);
		r = (struct dma_reach){ .device_ring_bits = of[i].device,
					.ring_bits = of[i].user,
					.device_data_bits = 64 };
		assert_int_equal(dma_ring_limit(&r), of[i].top);
		assert_int_equal(dma_data_limit(&r), UINT64_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions),
		cmocka_unit_test(the_lower_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
