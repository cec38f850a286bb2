/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker that sleeps until there is a packet: how soon it wakes, and that it uses no CPU until
 * then. The backend sends back what another worker transmits now and then.
 *
 * usage: asleep DEVARGS PACKETS
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "life.h"

#define IDLE_MS 500

static struct life life = { .name = "asleep" };
static double *us;
static unsigned due, got, wakes;

static void
doze(void)
{
	int fd = baton_rxq_arm(life.rxq[0]);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		life_die(&life, "queue_arm");
	if (poll(&p, 1, 10000) == 0) {
		fprintf(stderr, "asleep: nothing woke the worker within 10 s; %u of %u packets\n",
			got, due);
		exit(1);
	}
	baton_rxq_disarm(life.rxq[0]);
	wakes++;
}

static void *
work(void *arg)
{
	while (got < due) {
		struct baton_token t[LIFE_BURST];
		int n = baton_rx_burst(life.rxq[0], t, LIFE_BURST);

		if (n < 0)
			life_die(&life, "rx_burst");
		for (int i = 0; i < n; i++)
			us[got++] =
				(double)(life_ns() - life_mark(&life, life.worker[0], t[i]).ns) /
				1e3;
		if (n && baton_free(life.worker[0], t, (unsigned)n) < 0)
			life_die(&life, "free");
		if (!n)
			doze();
	}
	baton_worker_unbind(life.worker[0]);
	return NULL;
}

static void
nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static void
transmit(uint64_t seq)
{
	struct baton_token t = life_packet(&life, life.worker[1], 0, seq);

	if (baton_tx_burst(life.txq[0], &t, 1) != 1)
		life_die(&life, "tx_burst");
}

int
main(int argc, char **argv)
{
	clockid_t clock;
	struct timespec a, b;
	pthread_t thread;
	unsigned seed = 1;
	double median, largest, idle_ms;

	if (argc != 3 || atoi(argv[2]) < 10) {
		fprintf(stderr, "usage: asleep DEVARGS PACKETS\n");
		return 2;
	}
	due = (unsigned)atoi(argv[2]);
	us = calloc(due, sizeof(*us));
	life_up_apart(&life, argv[1]);
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	for (unsigned i = 0; i + 1 < due; i++) {
		transmit(i);
		nap(1000000 + rand_r(&seed) % 1000000);
	}
	/* Now it sleeps. */
	nap(50000000);
	pthread_getcpuclockid(thread, &clock);
	clock_gettime(clock, &a);
	nap(IDLE_MS * 1000000);
	clock_gettime(clock, &b);
	idle_ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	transmit(due - 1);
	pthread_join(thread, NULL);
	median = life_median(us, due, &largest);
	printf("%u packets, %u wake-ups, from transmission through the backend to the woken worker "
	       "(us): median %.0f, "
	       "largest %.0f; %.3f ms of CPU in %u ms asleep\n",
	       due, wakes, median, largest, idle_ms, IDLE_MS);
	life_down(&life, 0);
	return 0;
}
