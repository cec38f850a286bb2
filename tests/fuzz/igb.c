/* SPDX-License-Identifier: BSD-3-Clause */
/* The Intel 82576 for the fuzzer. */
#include "intel.h"

/* SRRCTL: 8.10.2. */
static uint32_t
room(const struct intel_model *m, unsigned queue, uint32_t rctl)
{
	return (intel_reg(m, m->kind->rx + queue * m->kind->queue_bytes + INTEL_SRRCTL) & 0x7f) *
	       1024;
}

/* IPLEN and MACLEN: 7.2.2.2. */
static uint32_t
sum_start(uint64_t addr)
{
	return (uint32_t)((addr & 0x1ff) + (addr >> 9 & 0x7f));
}

/* Of TCP, or of UDP. */
static uint32_t
sum_offset(uint64_t addr, uint64_t info)
{
	return info >> 11 & 1 ? 16 : 6;
}

/* PAYLEN. */
static uint32_t
says_len(uint64_t info)
{
	return (uint32_t)(info >> 46);
}

const struct fuzz_intel_kind fuzz_intel = {
	.model = &intel_82576,
	.shape = { .rx_rings = 1,
		   .gap = 1,
		   .desc_bytes = 16,
		   .room_step = 1024,
		   .rings = { { 16, 16, 64 },
			      { 16, 32, 5 },
			      { 32, 16, 1 },
			      { 32, 64, 77 },
			      { 64, 16, 12 },
			      { 64, 64, 64 },
			      { 128, 32, 3 },
			      { 256, 256, 77 } } },
	.data = 3ull << 20,
	.context = 2ull << 20,
	.keeps_contexts = true,
	.len_mask = 0xffff,
	.room = room,
	.sum_start = sum_start,
	.sum_offset = sum_offset,
	.says_len = says_len,
};

const struct fuzz_device fuzz_device = { FUZZ_INTEL_DEVICE };
