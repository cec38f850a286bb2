/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --sleep-idle: a core without packets sleeps until one of its queues has some.
 *
 * Whoever wants a core to look sets its wake. That stays readable until the core reads it, so it
 * does not matter whether the core is asleep yet.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testpmd.h"

bool
sleep_set_up(struct lcore *lc)
{
	char who[32];

	snprintf(who, sizeof(who), "core %u", lc->id.id);
	lc->fds = calloc(MAX_STREAMS + 1, sizeof(lc->fds[0]));
	if (!lc->fds)
		complain("%s: out of memory", who);
	return lc->fds && wake_open(&lc->wake, who);
}

void
sleep_wake(const struct lcore *lc)
{
	wake_set(&lc->wake);
}

bool
sleep_check(struct app *app)
{
	for (unsigned i = 0; i < app->n_streams; i++) {
		const struct stream *s = &app->streams[i];
		const struct app_queue *q = &app->ports[s->rx_port].rx[s->queue];
		int ret = baton_rxq_arm(q->rxq);

		if (ret >= 0)
			baton_rxq_disarm(q->rxq);
		baton_worker_unbind(q->lcore->worker);
		if (ret == -ENOTSUP) {
			complain("--sleep-idle: port %u (%s) cannot wake a sleeping core: leave "
				 "the option, or the "
				 "port, out",
				 s->rx_port, app->ports[s->rx_port].info.name);
			return false;
		}
	}
	return true;
}

/*
 * Return: how many queues are armed: all, or those before one that has something to say at its next
 * burst.
 */
static unsigned
arm(struct lcore *lc)
{
	unsigned i;

	for (i = 0; i < lc->n_live; i++) {
		int fd = baton_rxq_arm(lc->streams[i]->rxq);

		if (fd < 0 && fd != -ENETDOWN)
			break;
		lc->fds[i] = (struct pollfd){ .fd = fd < 0 ? -1 : fd, .events = POLLIN };
	}
	return i;
}

static void
doze(struct lcore *lc)
{
	uint64_t begin = clock_ns();
	bool packets = false;

	lc->fds[lc->n_live] = (struct pollfd){ .fd = lc->wake.fd, .events = POLLIN };
	/* Not for ever: a backend that forgets to wake us costs a second, not the traffic. */
	if (poll(lc->fds, lc->n_live + 1, 1000) < 0)
		return;
	for (unsigned i = 0; i < lc->n_live; i++)
		packets = packets || lc->fds[i].revents;
	if (lc->fds[lc->n_live].revents)
		wake_clear(&lc->wake);
	store_relaxed(&lc->sleeps, lc->sleeps + 1);
	store_relaxed(&lc->woken, lc->woken + packets);
	store_relaxed(&lc->slept_ns, lc->slept_ns + clock_ns() - begin);
}

void
sleep_until_woken(struct lcore *lc)
{
	unsigned armed;

	for (unsigned i = 0; i < lc->n_live; i++)
		if (lc->streams[i]->txq)
			baton_tx_clean(lc->streams[i]->txq, UINT32_MAX);
	armed = arm(lc);
	if (armed == lc->n_live && !load_relaxed(&lc->app->halt))
		doze(lc);
	for (unsigned i = 0; i < armed; i++) {
		baton_rxq_disarm(lc->streams[i]->rxq);
		lc->streams[i]->rest = 0;
	}
}
