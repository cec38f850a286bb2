/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A second device in a port's own address space: QEMU's `edu` (docs/specs/edu in QEMU) reaches what
 * the port's device could reach if it were to write wherever it likes. The port forwards frames,
 * with their addresses swapped, all the while.
 *
 * usage: intruder PORT EDU-BDF confined|direct
 *
 * After a line on standard input edu is aimed at slots, at what lies beside them, and at the
 * application's memory, by every address that it has. Every blocked transfer must be a fault. Where
 * the port has windows the kernel itself must keep to them. Then it says "done" and forwards on
 * until SIGINT. Exit status 0 when all was as it must be. It looks into the library, which knows
 * better than anybody where its memory lies.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <baton/baton.h>

#include "ioas/space.h"
#include "ioas/uapi.h"
#include "pci/pci_device.h"
#include "port/driver.h"

/* edu's registers and its buffer. */
#define EDU_SRC    0x80
#define EDU_DST    0x88
#define EDU_COUNT  0x90
#define EDU_CMD    0x98
#define EDU_BUFFER 0x40000
#define CMD_START  1u
#define CMD_TO_RAM 2u

#define PAGE   4096u
#define BYTES  64u  /* of a transfer */
#define SECRET 0x5a /* every byte of the application's memory */
#define BURST  32

static struct {
	struct baton_ctx *ctx;
	struct baton_pool *pool, *app;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct pci_device *edu;
	volatile uint8_t *regs;
	pthread_t thread;
	int ended; /* atomic */
	unsigned wrong;
} g;

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal)
{
	interrupted = 1;
}

static void
check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	printf("intruder: %s: %s\n", what, baton_last_error());
	exit(1);
}

static void __attribute__((format(printf, 2, 3))) expect(bool so, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("intruder: %s: ", so ? "as it must be" : "WRONG");
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
	g.wrong += !so;
}

/* ---- the application ---- */

static struct baton_pool *
make_pool(const char *name)
{
	struct baton_pool_config c;
	struct baton_pool *pool;

	baton_pool_config_init(&c);
	c.name = name;
	c.count = 2048;
	check(baton_pool_create(g.ctx, &c, &pool), name);
	return pool;
}

static void
swap_macs(uint8_t *frame)
{
	uint8_t mac[6];

	memcpy(mac, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
}

static void *
forward(void *arg)
{
	struct baton_token t[BURST];

	while (!__atomic_load_n(&g.ended, __ATOMIC_RELAXED)) {
		int n = baton_rx_burst(g.rxq, t, BURST);

		check(n, "receive");
		for (int i = 0; i < n; i++)
			if (i == 0 || !(t[i - 1].flags & BATON_TOKEN_CONT))
				swap_macs(baton_data(g.worker, t[i]));
		for (int done = 0, ret; done < n; done += ret) {
			ret = baton_tx_burst(g.txq, t + done, (unsigned)(n - done));
			check(ret, "send");
		}
	}
	baton_worker_unbind(g.worker);
	return NULL;
}

static void
set_up(const char *devargs)
{
	struct baton_worker_config w = { .size = sizeof(w) };
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q) };

	check(baton_ctx_create(NULL, &g.ctx), "context");
	g.pool = make_pool("traffic");
	g.app = make_pool("application");
	memset(g.app->base, SECRET, g.app->bytes);
	check(baton_worker_create(g.ctx, &w, &g.worker), "worker");
	check(baton_port_open(g.ctx, devargs, &g.port), devargs);
	check(baton_port_configure(g.port, &c), "configure");
	q.worker = g.worker;
	check(baton_txq_setup(g.port, 0, &q, &g.txq), "TX queue");
	q.pool = g.pool;
	check(baton_rxq_setup(g.port, 0, &q, &g.rxq), "RX queue");
	check(baton_port_start(g.port), "start");
	check(-pthread_create(&g.thread, NULL, forward, NULL), "thread");
}

static void
tear_down(void)
{
	__atomic_store_n(&g.ended, 1, __ATOMIC_RELAXED);
	pthread_join(g.thread, NULL);
	pci_close(g.edu);
	check(baton_port_close(g.port), "close");
	check(baton_worker_destroy(g.worker), "worker");
	check(baton_pool_destroy(g.app), "application");
	check(baton_pool_destroy(g.pool), "buffers are missing");
	check(baton_ctx_destroy(g.ctx), "context");
}

/* ---- edu ---- */

static void
let_in(const char *bdf)
{
	struct pci_reg r;

	check(pci_open(g.ctx, g.port->reach.ioas, bdf, &g.edu), bdf);
	check(pci_bus_master(g.edu, true), bdf);
	check(pci_reg(g.edu, 0, 0, 0x100000, &r), bdf);
	if (!r.at) {
		printf("intruder: edu's registers are not mapped\n");
		exit(1);
	}
	g.regs = r.at;
}

static void
set(unsigned reg, uint64_t v)
{
	*(volatile uint64_t *)(g.regs + reg) = v;
}

static void
transfer(uint64_t from, uint64_t to, unsigned direction)
{
	set(EDU_SRC, from);
	set(EDU_DST, to);
	set(EDU_COUNT, BYTES);
	set(EDU_CMD, CMD_START | direction);
	while (*(volatile uint64_t *)(g.regs + EDU_CMD) & CMD_START)
		usleep(1000); /* the host ends a guest that takes too long */
}

static void
dma_read(uint64_t iova)
{
	transfer(iova, EDU_BUFFER, 0);
}

static void
dma_write(uint64_t iova)
{
	transfer(EDU_BUFFER, iova, CMD_TO_RAM);
}

/* Interrupts of Intel's IOMMU, which are for faults only: of its log the kernel prints three in
 * five seconds at most. */
static unsigned long
fault_interrupts(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long n = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strchr(line, ':');

		if (!at || !strstr(line, "dmar0"))
			continue;
		for (char *end = at + 1; end != at; n += strtoul(at, &end, 10))
			at = end;
	}
	if (f)
		fclose(f);
	return n;
}

static bool
faulted(unsigned long before)
{
	for (int ms = 0; ms < 3000; ms++) {
		if (fault_interrupts() > before)
			return true;
		usleep(1000);
	}
	return false;
}

static bool
all_are(const uint8_t *at, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] != byte)
			return false;
	return true;
}

static uint64_t
physical(const void *va)
{
	uint64_t entry = 0;
	FILE *f = fopen("/proc/self/pagemap", "r");

	if (!f || fseek(f, (long)((uintptr_t)va / PAGE * 8), SEEK_SET) ||
	    fread(&entry, 8, 1, f) != 1 || !(entry >> 63)) {
		printf("intruder: no physical address of %p\n", va);
		exit(1);
	}
	fclose(f);
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

/* ---- the attack ---- */

/* The last bytes of the last slot, which no frame of Ethernet is long enough for. */
static uint8_t *
tail(const struct dma_slots *s, uint64_t *iova)
{
	*iova = dma_slot_iova(s, s->count - 1) + s->room - s->off - BYTES;
	return dma_slot(s, s->count - 1) + s->room - s->off - BYTES;
}

static void
blocked(const char *what, uint64_t iova)
{
	unsigned long before = fault_interrupts();

	dma_write(iova);
	expect(all_are(g.app->base, g.app->bytes, SECRET) && faulted(before),
	       "%s at 0x%llx: a fault, and nothing written", what, (unsigned long long)iova);
}

/* What is mapped works, in the directions it is mapped for. */
static void
attack_slots(void)
{
	const struct dma_reach *r = &g.port->reach;
	uint64_t rx_iova, tx_iova;
	uint8_t *rx = tail(&r->rx, &rx_iova), *tx = tail(&r->tx, &tx_iova);
	unsigned long before = fault_interrupts();

	/* Before it is read: QEMU's IOTLB has no faults for what it knows to be read-only. */
	memset(tx, 0xa5, BYTES);
	dma_write(tx_iova);
	expect(all_are(tx, BYTES, 0xa5) && faulted(before),
	       "a TX slot at 0x%llx: a fault, and nothing written", (unsigned long long)tx_iova);
	dma_read(tx_iova);
	dma_write(rx_iova);
	expect(all_are(rx, BYTES, 0xa5), "a TX slot was read, an RX slot written");
	expect(fault_interrupts() == before + 1, "and there was no fault");
}

static void
attack_memory(void)
{
	const struct dma_reach *r = &g.port->reach;
	const struct dma_block *blocks[] = { r->ctrl, r->rx_mem, r->tx_mem };
	uint64_t rx_iova, at = physical(g.app->base);
	uint8_t *rx = tail(&r->rx, &rx_iova);
	unsigned long before;

	for (unsigned i = 0; i < 3; i++)
		blocked("what comes after a mapping", blocks[i]->iova + blocks[i]->bytes);
	blocked("the application's memory, by its address", (uintptr_t)g.app->base);
	blocked("the application's memory, by its physical address", at);
	before = fault_interrupts();
	dma_read(at + PAGE);
	expect(faulted(before),
	       "the application's memory, by its physical address 0x%llx: a fault when read",
	       (unsigned long long)at);
	dma_write(rx_iova);
	expect(!all_are(rx, BYTES, SECRET), "and it was not read");
}

/* Without confinement it is there for the taking; so the attack above can succeed. */
static void
attack_direct(void)
{
	const struct dma_map *m = g.port->reach.maps[g.app->view.index];
	uint64_t iova = g.port->reach.pools[g.app->view.index].iova;
	uint8_t page[BYTES];

	expect(m, "the pool is mapped");
	memset(g.app->base, 0xa5, BYTES);
	dma_read(iova);
	memset(g.app->base, SECRET, BYTES);
	dma_write(iova);
	memcpy(page, g.app->base, BYTES);
	expect(all_are(page, BYTES, 0xa5),
	       "the application's memory at 0x%llx was read and written", (unsigned long long)iova);
	memset(g.app->base, SECRET, BYTES);
	blocked("the application's memory, by its physical address", physical(g.app->base));
}

/* ---- windows ---- */

/* Let the kernel choose an address, which it does within what it allows. */
static int
kernel_places(size_t bytes, uint64_t *iova)
{
	struct baton_ioas *ioas = g.port->reach.ioas;
	void *va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uapi_iommu_ioas_map map = { .size = sizeof(map),
					   .flags = UAPI_IOMMU_MAP_READABLE,
					   .ioas_id = ioas->id,
					   .user_va = (uintptr_t)va,
					   .length = bytes };
	int ret = ioas->os->ioctl(ioas->os, ioas->fd, UAPI_IOMMU_IOAS_MAP, &map);
	struct uapi_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas->id, .iova = map.iova, .length = bytes
	};

	*iova = map.iova;
	if (!ret)
		check(ioas->os->ioctl(ioas->os, ioas->fd, UAPI_IOMMU_IOAS_UNMAP, &unmap), "unmap");
	munmap(va, bytes);
	return ret;
}

static void
windows(void)
{
	const struct dma_reach *r = &g.port->reach;
	size_t bytes = r->n_windows ? r->windows[0].last - r->windows[0].start + 1 : 64u << 20;
	struct baton_mapping *m;
	struct baton_map_config c;
	uint64_t iova;
	int ret;

	if (r->ioas->ops->backend == BATON_IOAS_IOMMUFD) {
		ret = kernel_places(PAGE, &iova);
		expect(!ret && (!r->n_windows ||
				(iova >= r->windows[0].start && iova <= r->windows[0].last)),
		       "the kernel itself put a page at 0x%llx (%d)", (unsigned long long)iova,
		       ret);
		/* Rings are in the window already. */
		ret = kernel_places(bytes, &iova);
		expect(ret == (r->n_windows ? -ENOSPC : 0), "and has %sroom for %zu MiB (%d)",
		       r->n_windows ? "no " : "", bytes >> 20, ret);
	}
	if (!r->n_windows)
		return;
	baton_map_config_init(&c);
	c.name = "more";
	c.bytes = bytes;
	c.page_size = PAGE;
	c.va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ret = baton_ioas_map(r->ioas, &c, &m);
	expect(ret == -ENOSPC, "outside of the window nothing is mapped: %s", baton_last_error());
	munmap(c.va, bytes);
}

int
main(int argc, char **argv)
{
	char line[16];

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGINT, on_signal);
	set_up(argv[1]);
	let_in(argv[2]);
	if (!fgets(line, sizeof(line), stdin))
		return 2;
	if (!strcmp(argv[3], "confined")) {
		attack_slots();
		attack_memory();
	} else {
		attack_direct();
	}
	windows();
	printf("done, %u wrong\n", g.wrong);
	while (!interrupted)
		baton_ctx_poll(g.ctx, 10);
	tear_down();
	printf("every buffer is home\n");
	return g.wrong != 0;
}
