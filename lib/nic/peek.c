/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at packets: copies of them. */
#include "nic/peek.h"
#include "base/export.h"

/* ASan builds poison buffers of the device. */
#if defined(__SANITIZE_ADDRESS__) || defined(SHARED_CLANG_ASAN)
__attribute__((no_sanitize_address, noinline)) static void
copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((volatile uint8_t *)to)[i] = from[i];
}
#else
static void
copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	memcpy(to, from, len);
}
#endif

void
nic_peek_show(struct baton_peek *p, const uint8_t *from, uint32_t len)
{
	uint32_t at = p->len < p->room ? p->len : p->room,
		 n = len < p->room - at ? len : p->room - at;

	if (p->data && n)
		copy((uint8_t *)p->data + at, from, n);
	p->len += len;
}

DRIVER_EXPORT(nic_peek_show);
