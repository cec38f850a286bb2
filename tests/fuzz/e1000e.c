/* SPDX-License-Identifier: BSD-3-Clause */
/* The Intel 82574L for the fuzzer. */
#include "intel.h"

/* RCTL.BSIZE, and BSEX, which makes it 16 times as much, of all but the first: 10.2.5.1. */
static uint32_t
room(const struct intel_model *m, unsigned queue, uint32_t rctl)
{
	const uint32_t code = rctl >> 16 & 3;

	return rctl >> 25 & 1 ? (code ? 32768u >> code : 0) : 2048u >> code;
}

static uint32_t
sum_start(uint64_t addr)
{
	return addr >> 32 & 0xff;
}

static uint32_t
sum_offset(uint64_t addr, uint64_t info)
{
	return (uint32_t)((addr >> 40 & 0xff) - (addr >> 32 & 0xff));
}

static uint32_t
says_len(uint64_t info)
{
	return 0;
}

const struct fuzz_intel_kind fuzz_intel = {
	.model = &intel_82574,
	.shape = { .rx_rings = 1,
		   .gap = 1,
		   .desc_bytes = 16,
		   .room_step = 256,
		   .room_doubles = true,
		   .frame = 16380,
		   .rings = { { 16, 16, 64 },
			      { 16, 32, 5 },
			      { 32, 16, 1 },
			      { 32, 64, 77 },
			      { 64, 16, 12 },
			      { 64, 64, 64 },
			      { 128, 32, 3 },
			      { 256, 256, 77 } } },
	.data = 1ull << 20,
	.context = 0,
	.len_mask = 0xfffff,
	.room = room,
	.sum_start = sum_start,
	.sum_offset = sum_offset,
	.says_len = says_len,
};

const struct fuzz_device fuzz_device = { FUZZ_INTEL_DEVICE, .whole = true };
