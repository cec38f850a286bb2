/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that look at one queue. */
#include <stdio.h>
#include <string.h>

#include "command.h"

/* The queue's numbers, of which there are opt.rxq and opt.txq. NULL: no such queue, and said so. */
static struct app_queue *
queue_of(struct app *app, unsigned port, bool tx, uint64_t queue)
{
	struct app_port *p = &app->ports[port];
	unsigned n = tx ? app->opt.txq : app->opt.rxq;
	struct app_queue *q;

	if (queue >= n) {
		complain("Invalid %s queue %llu (must be < nb_%s=%u)", tx ? "TX" : "RX",
			 (unsigned long long)queue, tx ? "txq" : "rxq", n);
		return NULL;
	}
	q = tx ? &p->tx[queue] : &p->rx[queue];
	if (!q->rxq && !q->txq) {
		complain("port %u: %s queue %llu is not set up; port start %u does it", port,
			 tx ? "TX" : "RX", (unsigned long long)queue, port);
		return NULL;
	}
	return q;
}

void
command_show_queue(struct app *app, const struct value *v)
{
	bool tx = v[1].choice;
	unsigned port = v[3].first;
	struct app_queue *q = queue_of(app, port, tx, v[4].number);
	const char *way = tx ? "TX" : "RX";
	struct baton_pool_info pool;
	struct baton_port_info info;

	if (!q)
		return;
	baton_port_info(app->ports[port].port, &info);
	printf("\n********************* Infos for port %-2u, %s queue %-2u *********************\n",
	       port, way, (unsigned)v[4].number);
	if (!tx) {
		baton_pool_info(app->pool, &pool);
		printf("Mempool: %s\nRX drop packets: on\n", pool.name);
	}
	printf("%s deferred start: off\n", way);
	if (!tx)
		printf("RX scattered packets: %s\n", info.rx_max_segs > 1 ? "on" : "off");
	printf("%s queue state: %s\n", tx ? "Tx" : "Rx",
	       info.started && !q->stopped ? "started" : "stopped");
	if (!tx)
		printf("RX buffer size: %u\n", pool.data_len - pool.headroom);
	printf("Number of %sDs: %u\n", way, q->n_descs);
	printf("Forwarding lcore: %u\n", q->lcore->id.id);
}

/*
 * The level of a ring is for the queue's own thread to see: this one stands in for it, while all
 * cores are paused.
 */
static bool
take_level(struct app *app, unsigned port, struct app_queue *q, struct baton_queue_level *level)
{
	int ret;

	forward_pause(app);
	ret = baton_worker_bind(q->lcore->worker);
	if (!ret) {
		ret = q->rxq ? baton_rxq_level(q->rxq, level) : baton_txq_level(q->txq, level);
		baton_worker_unbind(q->lcore->worker);
	}
	if (ret < 0)
		complain("port %u: %s", port, baton_last_error());
	forward_resume(app);
	return !ret;
}

void
command_desc_count(struct app *app, const struct value *v)
{
	struct app_queue *q = queue_of(app, v[2].first, false, v[4].number);
	struct baton_queue_level level;

	if (q && take_level(app, v[2].first, q, &level))
		printf("Used desc count = %u\n", level.completed);
}

void
command_desc_status(struct app *app, const struct value *v)
{
	bool tx = v[3].choice;
	struct app_queue *q = queue_of(app, v[2].first, tx, v[4].number);
	struct baton_queue_level level;
	uint64_t desc = v[6].number;
	const char *status = "UNAVAILABLE";

	if (!q || !take_level(app, v[2].first, q, &level))
		return;
	if (desc >= level.descs) {
		complain("Invalid input: queue id = %u, desc id = %u; the ring has %u",
			 (unsigned)v[4].number, (unsigned)desc, level.descs);
		return;
	}
	/* Counted from the oldest that is in use. */
	if (tx)
		status = desc < level.in_flight ? "FULL" : "DONE";
	else if (desc < level.completed)
		status = "DONE";
	else if (desc < level.in_flight)
		status = "AVAILABLE";
	printf("Desc status = %s\n", status);
}

void
command_cleanup(struct app *app, const struct value *v)
{
	unsigned port = v[2].first;
	struct app_queue *q = queue_of(app, port, true, v[4].number);
	unsigned budget = v[5].number ? (unsigned)v[5].number : UINT32_MAX;
	int ret;

	if (!q)
		return;
	forward_pause(app);
	ret = baton_worker_bind(q->lcore->worker);
	if (!ret) {
		ret = baton_tx_clean(q->txq, budget);
		baton_worker_unbind(q->lcore->worker);
	}
	if (ret < 0)
		complain("Failed to cleanup mbuf for port %u Tx queue %u error desc: %s", port,
			 (unsigned)v[4].number, baton_last_error());
	else
		printf("Cleanup port %u Tx queue %u mbuf nums: %d\n", port, (unsigned)v[4].number,
		       ret);
	forward_resume(app);
}
