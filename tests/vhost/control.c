/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A backend that offers a control queue and serves none: said so once, after a while that is
 * bounded, and packets flow on.
 *
 * usage: control DEVARGS
 */
#include <errno.h>
#include <time.h>

#include "life.h"

#define PACKETS 1000

static struct life life = { .name = "control" };

/* Send packets one by one, each must come back. */
static void
traffic(void)
{
	static uint64_t seq;

	for (unsigned i = 0; i < PACKETS; i++, seq++) {
		struct baton_token t = life_packet(&life, life.worker[0], 0, seq), got[LIFE_BURST];
		uint64_t end = life_ns() + 5000000000ull;
		int n;

		if (baton_tx_burst(life.txq[0], &t, 1) != 1)
			life_die(&life, "tx_burst");
		while ((n = baton_rx_burst(life.rxq[0], got, LIFE_BURST)) == 0)
			if (life_ns() > end) {
				fprintf(stderr, "control: a packet did not come back\n");
				exit(1);
			}
		if (n != 1 || life_mark(&life, life.worker[0], got[0]).seq != seq)
			life_die(&life, "rx_burst");
		baton_free(life.worker[0], got, 1);
	}
}

int
main(int argc, char **argv)
{
	uint64_t begin;
	double first, later;
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: control DEVARGS\n");
		return 2;
	}
	life_up(&life, argv[1], 1, 1);
	traffic();
	begin = life_ns();
	ret = baton_port_set_promisc(life.port, 1);
	first = (double)(life_ns() - begin) / 1e6;
	printf("promiscuous mode: %s, after %.0f ms: %s\n", strerror(-ret), first,
	       baton_last_error());
	begin = life_ns();
	if (ret != -ETIMEDOUT || baton_port_set_promisc(life.port, 1) != -ENOTSUP)
		life_die(&life, "not what was due");
	later = (double)(life_ns() - begin) / 1e6;
	if (later > 100) {
		fprintf(stderr, "control: the second command took %.0f ms\n", later);
		return 1;
	}
	traffic();
	if (baton_port_stop(life.port) < 0 || baton_port_start(life.port) < 0)
		life_die(&life, "stop and start");
	traffic();
	life_down(&life, 0);
	return 0;
}
