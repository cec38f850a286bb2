/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/sum.h"
#include "base/export.h"

uint16_t
sum_range(const struct baton_pool_view *views, const struct baton_token *t, uint32_t from,
	  uint32_t end)
{
	uint32_t sum = 0;

	for (uint32_t at = 0; at < end; at += t->len, t++) {
		const uint32_t first = at < from ? from - at : 0,
			       last = end - at < t->len ? end - at : t->len;
		const struct baton_pool_view *v = &views[t->pool];

		if (first < last)
			sum = sum_add(sum,
				      sum_bytes(v->data + (size_t)t->buf * v->stride + t->off +
							first,
						last - first),
				      at + first - from);
	}
	return sum_fold(sum);
}

uint16_t
sum_pseudo(const uint8_t *p, const struct headers *h, uint32_t len)
{
	const uint32_t at = h->l2_len + (h->ip == 6 ? 8u : 12u), addresses = h->ip == 6 ? 32 : 8;
	uint8_t rest[8] = { 0 };

	put_be32(rest, len);
	rest[7] = h->proto;
	return sum_fold((uint32_t)sum_bytes(p + at, addresses) + sum_bytes(rest, sizeof(rest)));
}

DRIVER_EXPORT(sum_range);
DRIVER_EXPORT(sum_pseudo);
