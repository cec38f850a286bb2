/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has DPDK's vhost reach for an address that is not mapped: descriptors are posted that lie. It is
 * told as a fault of the port, with the address; memory stays as it is; a stop has everything home,
 * and after a start packets flow again.
 *
 * usage: iotlb_fault DEVARGS tx|rx
 */
#include "life.h"
#include "port/driver.h"

#define FAR (1ull << 44) /* added to addresses: nothing is mapped that far up */

static struct life life = { .name = "iotlb_fault" };

static void
fail(const char *what)
{
	fprintf(stderr, "iotlb_fault: %s\n", what);
	exit(1);
}

static struct baton_port_fault
fault(void)
{
	struct baton_port_fault f;

	baton_port_fault(life.port, &f);
	return f;
}

/* Serve the control thread and the queues. Return: packets received. */
static unsigned
serve(unsigned ms, uint64_t until_faults)
{
	uint64_t end = life_ns() + ms * 1000000ull;
	unsigned received = 0;

	while (life_ns() < end && (!until_faults || fault().count < until_faults)) {
		struct baton_token t[LIFE_BURST];
		int n = baton_rx_burst(life.rxq[0], t, LIFE_BURST);

		if (n < 0)
			life_die(&life, "rx_burst");
		received += (unsigned)n;
		if (n)
			baton_free(life.worker[0], t, (unsigned)n);
		baton_ctx_poll(life.ctx, 0);
	}
	return received;
}

static void
send(unsigned n)
{
	static uint64_t seq;

	for (unsigned i = 0; i < n; i++, seq++) {
		struct baton_token t = life_packet(&life, life.worker[0], 0, seq);
		uint64_t end = life_ns() + 2000000000ull;

		while (baton_tx_burst(life.txq[0], &t, 1) != 1)
			if (life_ns() > end)
				fail("the TX ring stays full");
	}
}

/* All that was sent is read by the other side. */
static void
good(bool tx)
{
	uint64_t end = life_ns() + 5000000000ull;

	if (!tx) {
		if (serve(300, 0) < 1000)
			fail("next to nothing was received");
		return;
	}
	send(1000);
	while (baton_txq_in_flight(life.txq[0]) && life_ns() < end)
		baton_tx_clean(life.txq[0], 64);
	if (baton_txq_in_flight(life.txq[0]))
		fail("what was sent is not read");
}

static void
provoke(bool tx)
{
	struct baton_pool_view *v = &life.port->views[0];
	const struct baton_pool *pool = life.pool;
	uint64_t least = v->iova + FAR, before = fault().count;
	struct baton_port_fault f;

	v->iova += FAR;
	if (tx)
		send(1);
	serve(5000, before + 1);
	v->iova -= FAR;
	f = fault();
	if (f.count == before)
		fail("no fault was told");
	if (f.write == tx || f.iova < least - 4096 || f.iova > least + pool->bytes)
		fail("the fault told is another");
	printf("fault: %s 0x%" PRIx64 "\n", f.write ? "write to" : "read of", f.iova);
}

int
main(int argc, char **argv)
{
	bool tx = argc == 3 && !strcmp(argv[2], "tx");

	if (argc != 3 || (!tx && strcmp(argv[2], "rx") != 0)) {
		fprintf(stderr, "usage: iotlb_fault DEVARGS tx|rx\n");
		return 2;
	}
	life_up(&life, argv[1], 1, 1);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = fault().count;

		good(tx);
		if (fault().count != before)
			fail("a fault where nothing was wrong");
		provoke(tx);
		if (baton_port_stop(life.port) < 0)
			life_die(&life, "stop");
		if (baton_port_start(life.port) < 0)
			life_die(&life, "start");
	}
	good(tx);
	life_down(&life, 0);
	return 0;
}
