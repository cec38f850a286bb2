/* SPDX-License-Identifier: BSD-3-Clause */
/* When packets left: who asks, and the reports that wait for the application. */
#include <stdlib.h>
#include <time.h>

#include "base/structs.h"
#include "port/offload.h"
#include "port/port.h"

int
tx_times_open(struct baton_queue *q)
{
	struct tx_times *times = calloc(1, sizeof(*times) + q->descs * sizeof(times->ring[0]));

	if (!times)
		return baton_err(ENOMEM, "%s: no memory for the times of %u packets", q->port->name,
				 q->descs);
	times->mask = q->descs - 1;
	q->soft->times = times;
	return 0;
}

bool
tx_times_ask(struct tx_times *times, uint64_t cookie, uint32_t end)
{
	times->asked[times->n_asked].cookie = cookie;
	times->asked[times->n_asked].end = end;
	return ++times->n_asked < TX_STAGE;
}

static void
report(struct baton_queue *q, struct baton_tx_time time)
{
	struct tx_times *times = q->soft->times;

	if (times->head - times->tail > times->mask)
		queue_count(&q->stats.times_lost, 1);
	else
		times->ring[times->head++ & times->mask] = time;
}

/* Count those that end at token @end or before; they are the first. */
static unsigned
ended(const struct tx_times *times, uint32_t end)
{
	unsigned n = 0;

	while (n < times->n_asked && times->asked[n].end <= end)
		n++;
	return n;
}

static void
remove_first(struct tx_times *times, unsigned n)
{
	times->n_asked -= n;
	memmove(times->asked, times->asked + n, times->n_asked * sizeof(times->asked[0]));
}

void
tx_times_left(struct baton_queue *q, uint32_t taken)
{
	struct tx_times *times = q->soft->times;
	const unsigned n = ended(times, taken);
	struct timespec now;

	if (!n)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	for (unsigned i = 0; i < n; i++)
		report(q, (struct baton_tx_time){
				  .cookie = times->asked[i].cookie,
				  .timestamp = (uint64_t)now.tv_sec * 1000000000u +
					       (uint64_t)now.tv_nsec,
				  .clock = BATON_CLOCK_REALTIME,
			  });
	remove_first(times, n);
}

void
tx_times_forget(struct tx_times *times, uint32_t end)
{
	remove_first(times, ended(times, end));
}

int
baton_tx_times_(struct baton_txq *txq, struct baton_tx_time *out, unsigned n, size_t size)
{
	struct baton_queue *q = (struct baton_queue *)(void *)txq;
	int ret = handle_check(txq, HANDLE_TXQ, "tx_times");
	struct tx_times *times;
	unsigned i;

	if (!ret && !out && n)
		ret = baton_err(EINVAL, "tx_times: there is no place for %u times: out is NULL", n);
	if (!ret)
		ret = baton_queue_ready_(&q->head, 1, "tx_times");
	if (ret < 0)
		return ret;
	times = q->soft ? q->soft->times : NULL;
	if (!times)
		return baton_err(ENOTSUP,
				 "%s txq %u was set up without BATON_OFFLOAD_TX_TIME (%#x): "
				 "configure the port or the queue with it",
				 q->port->name, q->index, BATON_OFFLOAD_TX_TIME);
	for (i = 0; i < n && times->tail != times->head; i++, times->tail++)
		struct_give(struct_at(out, i, size), size, &times->ring[times->tail & times->mask],
			    sizeof(times->ring[0]));
	return (int)i;
}
