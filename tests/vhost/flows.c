/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many flows over several queues and two workers, through a backend that sends each queue's packets
 * back on that queue: every flow arrives complete, once and in order.
 *
 * usage: flows DEVARGS QUEUES PACKETS_PER_QUEUE [IN_FLIGHT]
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "life.h"

#define FLOWS   16 /* of a queue */
#define WORKERS 2
#define WINDOW                                                                                     \
	128 /* packets of a queue in flight, unless told: fewer than any ring holds, so that       \
	       nobody drops one */
#define STUCK_NS 30000000000ull

struct way {
	uint64_t sent, received, sent_of[FLOWS], received_of[FLOWS];
};

static struct life life = { .name = "flows" };
static struct way way[LIFE_QUEUES];
static uint64_t packets, in_flight;

static void
receive(unsigned q, struct baton_worker *w)
{
	struct baton_token t[LIFE_BURST];
	int n = baton_rx_burst(life.rxq[q], t, LIFE_BURST);

	if (n < 0)
		life_die(&life, "rx_burst");
	for (int i = 0; i < n; i++) {
		struct life_mark m = life_mark(&life, w, t[i]);
		unsigned flow = (unsigned)m.flow % FLOWS;

		if (m.flow / FLOWS != q || m.seq != way[q].received_of[flow]) {
			fprintf(stderr,
				"flows: queue %u: packet %" PRIu64 " of flow %" PRIu64
				", due: %" PRIu64 "\n",
				q, m.seq, m.flow, way[q].received_of[flow]);
			exit(1);
		}
		way[q].received_of[flow]++;
		way[q].received++;
	}
	if (n && baton_free(w, t, (unsigned)n) < 0)
		life_die(&life, "free");
}

static void
transmit(unsigned q, struct baton_worker *w)
{
	struct baton_token t[LIFE_BURST];
	unsigned n = 0, done = 0;

	while (n < LIFE_BURST && way[q].sent < packets &&
	       way[q].sent - way[q].received < in_flight) {
		unsigned flow = (unsigned)(way[q].sent * 7 + way[q].sent / 5) % FLOWS;

		t[n++] = life_packet(&life, w, q * FLOWS + flow, way[q].sent_of[flow]++);
		way[q].sent++;
	}
	while (done < n) {
		int ret = baton_tx_burst(life.txq[q], t + done, n - done);

		if (ret < 0)
			life_die(&life, "tx_burst");
		done += (unsigned)ret;
		receive(q, w);
	}
}

static void *
work(void *arg)
{
	unsigned index = (unsigned)(uintptr_t)arg, busy = 1;
	struct baton_worker *w = life.worker[index];
	uint64_t begin = life_ns();

	while (busy) {
		busy = 0;
		for (unsigned q = index; q < life.queues; q += WORKERS) {
			transmit(q, w);
			receive(q, w);
			busy += way[q].received < packets;
		}
		sched_yield();
		if (life_ns() - begin > STUCK_NS) {
			fprintf(stderr, "flows: worker %u is not done after 30 s\n", index);
			exit(1);
		}
	}
	baton_worker_unbind(w);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t thread[WORKERS];
	uint64_t begin;

	if (argc < 4 || argc > 5 || atoi(argv[2]) < 1 || atoi(argv[2]) > LIFE_QUEUES) {
		fprintf(stderr, "usage: flows DEVARGS QUEUES PACKETS_PER_QUEUE [IN_FLIGHT]\n");
		return 2;
	}
	packets = strtoull(argv[3], NULL, 0);
	in_flight = argc == 5 ? strtoull(argv[4], NULL, 0) : WINDOW;
	life_up(&life, argv[1], (unsigned)atoi(argv[2]), WORKERS);
	begin = life_ns();
	for (uintptr_t i = 0; i < WORKERS; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)i))
			return 1;
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	printf("%u queues, %u flows, %" PRIu64 " packets, all in order, %.1f s\n", life.queues,
	       life.queues * FLOWS, packets * life.queues, (double)(life_ns() - begin) / 1e9);
	life_down(&life, 0);
	return 0;
}
