/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's net_virtio_user, from the system's libdpdk, as an application of its own would use it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "front.h"

struct dpdk_front {
	struct front f;
	uint16_t port;
	struct rte_mempool *pool;
	char vdev[64];
};

static struct dpdk_front *
of(struct front *f)
{
	return (struct dpdk_front *)(void *)f;
}

static unsigned __attribute__((noinline)) round_dpdk_rx(struct front *f)
{
	const struct dpdk_front *p = of(f);
	struct rte_mbuf *m[FRONT_BURST];
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		unsigned n = rte_eth_rx_burst(p->port, 0, m, FRONT_BURST);

		if (!n)
			continue;
		rte_pktmbuf_free_bulk(m, n);
		sum += n;
	}
	return sum;
}

static unsigned __attribute__((noinline)) round_dpdk_tx(struct front *f)
{
	const struct dpdk_front *p = of(f);
	struct rte_mbuf *m[FRONT_BURST];
	const uint16_t len = f->len;
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		unsigned sent;

		if (rte_pktmbuf_alloc_bulk(p->pool, m, FRONT_BURST))
			continue;
		for (unsigned i = 0; i < FRONT_BURST; i++) {
			m[i]->data_len = len;
			m[i]->pkt_len = len;
		}
		sent = rte_eth_tx_burst(p->port, 0, m, FRONT_BURST);
		if (sent < FRONT_BURST)
			rte_pktmbuf_free_bulk(m + sent, FRONT_BURST - sent);
		sum += sent;
	}
	return sum;
}

static unsigned __attribute__((noinline)) round_dpdk_io(struct front *f)
{
	const struct dpdk_front *p = of(f);
	struct rte_mbuf *m[FRONT_BURST];
	unsigned sum = 0;

	for (unsigned b = 0; b < FRONT_BURSTS; b++) {
		unsigned sent, n = rte_eth_rx_burst(p->port, 0, m, FRONT_BURST);

		if (!n)
			continue;
		sent = rte_eth_tx_burst(p->port, 0, m, (uint16_t)n);
		if (sent < n)
			rte_pktmbuf_free_bulk(m + sent, n - sent);
		sum += sent;
	}
	return sum;
}

/* ---- set-up ---- */

static char *log_text; /* what DPDK has said */
static size_t log_size;
static FILE *log_file;

static int
eal(char *text, size_t size)
{
	char lcores[32];
	char *huge[] = { "perf",
			 "--lcores",
			 lcores,
			 "--no-pci",
			 "--no-telemetry",
			 "--in-memory",
			 "--single-file-segments",
			 "-m",
			 "128",
			 "--log-level=pmd.net.virtio.init:info" };
	char *small[] = { "perf",
			  "--lcores",
			  lcores,
			  "--no-pci",
			  "--no-telemetry",
			  "--no-huge",
			  "--no-shconf",
			  "-m",
			  "256",
			  "--force-max-simd-bitwidth=256",
			  "--log-level=pmd.net.virtio.init:info" };
	int ret;

	if (log_file)
		return 0;
	log_file = open_memstream(&log_text, &log_size);
	if (!log_file)
		return -1;
	rte_openlog_stream(log_file);
	snprintf(lcores, sizeof(lcores), "0@%u", front_options.cpu);
	ret = front_options.no_huge ? rte_eal_init(RTE_DIM(small), small)
				    : rte_eal_init(RTE_DIM(huge), huge);
	fflush(log_file);
	if (ret < 0)
		snprintf(text, size, "DPDK does not start: %s; it says: %s",
			 rte_strerror(rte_errno), log_text);
	return ret < 0 ? -1 : 0;
}

static void
close_dpdk(struct front *f)
{
	struct dpdk_front *p = of(f);

	if (p->port != RTE_MAX_ETHPORTS) {
		rte_eth_dev_stop(p->port);
		rte_eth_dev_close(p->port);
	}
	rte_eal_hotplug_remove("vdev", p->vdev);
	rte_mempool_free(p->pool);
	free(p);
}

static int
start(struct dpdk_front *p)
{
	struct rte_eth_conf config = { 0 };
	int ret = rte_eth_dev_configure(p->port, 1, 1, &config);

	if (!ret)
		ret = rte_eth_rx_queue_setup(p->port, 0, FRONT_RING, 0, NULL, p->pool);
	if (!ret)
		ret = rte_eth_tx_queue_setup(p->port, 0, FRONT_RING, 0, NULL);
	return ret ? ret : rte_eth_dev_start(p->port);
}

/* The burst functions it chose, as it has logged them: "virtio: using vectorized Rx path on port
 * 0". */
static void
describe(const char *log, char *text, size_t size)
{
	char rx[32] = "unknown", tx[32] = "unknown";

	for (const char *at = log; (at = strstr(at, "virtio: using ")); at++) {
		char what[32], way[8];

		if (sscanf(at, "virtio: using %31s %7s path", what, way) != 2)
			continue;
		snprintf(way[0] == 'T' ? tx : rx, sizeof(rx), "%s",
			 what); /* "mergeable buffer Rx" */
	}
	snprintf(text, size, "DPDK, RX: %s, TX: %s", rx, tx);
}

static struct front *
open_dpdk(const char *name, const char *path, const char *args, uint16_t len, char *text,
	  size_t size)
{
	struct dpdk_front *p;
	char devargs[512];
	size_t said;

	if (eal(text, size) < 0)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->f = (struct front){ .ops = &front_dpdk, .len = len };
	p->port = RTE_MAX_ETHPORTS;
	fflush(log_file);
	said = log_size;
	snprintf(p->vdev, sizeof(p->vdev), "net_virtio_user%s", name);
	snprintf(devargs, sizeof(devargs), "path=%s,queue_size=%u%s%s", path, FRONT_RING,
		 *args ? "," : "", args);
	p->pool = rte_pktmbuf_pool_create(p->vdev, FRONT_BUFFERS - 1, FRONT_CACHE, 0,
					  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (!p->pool || rte_eal_hotplug_add("vdev", p->vdev, devargs) ||
	    rte_eth_dev_get_port_by_name(p->vdev, &p->port) || start(p)) {
		fflush(log_file);
		snprintf(text, size, "%s,%s: %s; DPDK says: %s", p->vdev, devargs,
			 rte_strerror(rte_errno), log_text + said);
		close_dpdk(&p->f);
		return NULL;
	}
	fflush(log_file);
	describe(log_text + said, text, size);
	return &p->f;
}

const struct front_ops front_dpdk = {
	.stack = "dpdk",
	.open = open_dpdk,
	.close = close_dpdk,
	.round = { [FRONT_RX] = round_dpdk_rx,
		   [FRONT_TX] = round_dpdk_tx,
		   [FRONT_IO] = round_dpdk_io },
};
