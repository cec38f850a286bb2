/* SPDX-License-Identifier: BSD-3-Clause */
/* VLAN tags of `tx_vlan set`, which TX queues insert into packets to send. */
#include <string.h>

#include "packet.h"
#include "testpmd.h"

static void
tag(struct baton_side *side, const struct stream *s)
{
	side->valid &= ~BATON_SIDE_QINQ;
	side->valid |= BATON_SIDE_VLAN | (s->tx_tags > 1 ? BATON_SIDE_QINQ : 0);
	side->vlan_type = s->tx_tags > 1 ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
	side->vlan_tci = s->tx_vlans[0];
	side->inner_tci = s->tx_vlans[1];
}

void
tags_burst(struct lcore *lc, const struct stream *s, struct baton_token *tokens, unsigned n)
{
	for (unsigned i = 0; i < n; i += baton_packet_segs(tokens + i, n - i)) {
		struct baton_side *side = baton_side(lc->worker, tokens[i]);

		if (!side)
			continue;
		if (!(tokens[i].flags & BATON_TOKEN_SIDE))
			memset(side, 0, sizeof(*side));
		tokens[i].flags |= BATON_TOKEN_SIDE;
		tag(side, s);
	}
}
