/* SPDX-License-Identifier: BSD-3-Clause */
/* Modes mac, macswap and 5tswap: what they change is addresses and ports. */
#include <string.h>

#include "packet.h"
#include "testpmd.h"

#define MACS 12 /* bytes of both Ethernet addresses */

/* Write a packet's addresses, or swap them, where they lie in more than one buffer. */
static BATON_COLD void
split_macs(const struct lcore *lc, const struct baton_token *tok, unsigned n, const uint8_t *macs)
{
	struct cursor c = { lc->worker, tok, baton_packet_segs(tok, n), 0 };
	uint8_t was[MACS];

	if (!macs)
		cursor_swap(c, 0, MACS / 2);
	else if (cursor_read(c, was, MACS))
		cursor_write(c, macs, MACS);
}

void
mac_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n)
{
	bool first = true; /* of its packet: only there are addresses */

	for (unsigned i = 0; i < n; i++) {
		if (first && baton_likely(tokens[i].len >= MACS)) {
			uint8_t *p = baton_data(lc->worker, tokens[i]);

			if (baton_likely(p != NULL))
				memcpy(p, s->frame, MACS);
		} else if (first) {
			split_macs(lc, tokens + i, n - i, s->frame);
		}
		first = !(tokens[i].flags & BATON_TOKEN_CONT);
	}
}

void
macswap_split(struct lcore *lc, struct baton_token *tokens, unsigned n)
{
	split_macs(lc, tokens, n, NULL);
}
