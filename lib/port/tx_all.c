/* SPDX-License-Identifier: BSD-3-Clause */
/* Send all, or free the rest. */
#include "port/port.h"

static bool
is_held(const struct baton_worker *worker, struct baton_token t)
{
	const struct baton_pool_view *v = &worker->head.handle.views[t.pool];

	if (t.buf >= v->count || (uint32_t)t.off + t.len > v->data_len)
		return false;
#ifndef BATON_OWNERSHIP_OFF
	return __atomic_load_n(&v->owner[t.buf], __ATOMIC_RELAXED) ==
	       (BATON_OWNER_CPU << 16 | t.gen);
#else
	return true;
#endif
}

/* Free what is not sent, but for tokens that were refused. */
static void
drop(struct baton_queue *q, const struct baton_token *tokens, unsigned n)
{
	struct baton_worker *worker = queue_worker(q);
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i++) {
		packets += i + 1 == n || !(tokens[i].flags & BATON_TOKEN_CONT);
		if (is_held(worker, tokens[i]))
			baton_free(worker, &tokens[i], 1);
	}
	queue_count(&q->stats.dropped, packets);
}

int
baton_tx_all(struct baton_txq *txq, const struct baton_token *tokens, unsigned n)
{
	struct baton_queue *q = (struct baton_queue *)(void *)txq;
	int ret = handle_check(txq, HANDLE_TXQ, "tx_all"), failed = 0;
	unsigned done = 0, sent = 0;

	if (!ret)
		ret = queue_check_set_up(q);
	if (!ret)
		ret = dma_worker_ready(queue_worker(q), "tx_all");
	if (ret < 0)
		return ret;
	while (done < n) {
		const uint64_t full = q->stats.full;
		unsigned bad = n - done;

		ret = baton_tx_burst(txq, tokens + done, n - done);
		if (ret > 0) {
			done += (unsigned)ret;
			sent += (unsigned)ret;
			bad = n - done;
		}
		if (ret > 0 && q->stats.full == full)
			continue; /* a bad packet is next, or it is all */
		/* It is the first packet that is bad, unless there is no room or no queue. */
		if (ret < 0 && ret != -ENETDOWN && ret != -EIO)
			bad = baton_packet_segs(tokens + done, n - done);
		if (ret == -EPERM || (ret == -EIO && !failed))
			failed = ret;
		drop(q, tokens + done, bad);
		done += bad;
	}
	return failed ? failed : (int)sent;
}
