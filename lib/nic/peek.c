/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at packets: copies of them. */
#include "nic/peek.h"
#include "base/export.h"

void
nic_peek_show(struct baton_peek *p, const uint8_t *from, uint32_t len)
{
	uint32_t at = p->len < p->room ? p->len : p->room,
		 n = len < p->room - at ? len : p->room - at;

	if (p->data && n)
		shared_copy((uint8_t *)p->data + at, from, n);
	p->len += len;
}

DRIVER_EXPORT(nic_peek_show);
