/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI device's registers as an input says, for virtio over PCI: configuration space,
 * capabilities, common and device configuration. The first bytes choose what the device is, then
 * come changes of its configuration space; each read of a register takes one more: 0: the truth,
 * else what is read in its place. An input that is used up leaves an honest device, so nothing
 * waits long.
 *
 * Whatever it says, opening the port fails with a sentence and leaves nothing open, or what was
 * accepted is in range; and when the port is closed, all is as before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake_pci.h"
#include "fuzz.h"

#define BUFS  1024u
#define F_MTU (1ull << 3)

static struct {
	struct fake_pci *fake;
	struct pci_os honest; /* the fake's own */
	uint8_t config[256];
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool;
	struct fuzz_in in;
} rig;

void
fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fuzz: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (last error: %s)\n", baton_last_error());
	abort();
}

static ssize_t
lie(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	const ssize_t got = rig.honest.pread(os, fd, buf, n, at);
	const uint8_t how = in_u8(&rig.in);
	uint8_t *to = buf;

	if (got < 0 || !how)
		return got;
	for (size_t i = 0; i < n; i++)
		to[i] = how == 255 ? 255 : how & 1 ? (uint8_t)(to[i] ^ how >> 1) : in_u8(&rig.in);
	return got;
}

static void
log_nothing(void *arg, enum baton_log_level level, const char *text)
{
}

static void
begin(void)
{
	const struct baton_ctx_config c = { .size = sizeof(c), .log = log_nothing };
	const struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 32 };
	struct baton_pool_config p;

	rig.fake = fake_pci_start(FAKE_FEATURES);
	rig.honest = rig.fake->pci.os;
	rig.fake->pci.os.pread = lie;
	memcpy(rig.config, rig.fake->pci.config, sizeof(rig.config));
	baton_pool_config_init(&p);
	p.count = BUFS;
	p.page_size = BATON_PAGE_BASE;
	if (baton_ctx_create(&c, &rig.ctx) < 0 ||
	    baton_worker_create(rig.ctx, &w, &rig.worker) < 0 ||
	    baton_pool_create(rig.ctx, &p, &rig.pool) < 0)
		fuzz_fail("no rig");
	fake_pci_use(rig.fake, rig.ctx, true);
}

void
fuzz_rig_drop_all(void)
{
	if (!rig.fake)
		return;
	if (baton_worker_destroy(rig.worker) < 0 || baton_pool_destroy(rig.pool) < 0 ||
	    baton_ctx_destroy(rig.ctx) < 0)
		fuzz_fail("something is left of the ports");
	fake_pci_stop(rig.fake);
	rig.fake = NULL;
}

/* What the device is, and its configuration space: {MTU, changes} and so often {where, byte}. */
static void
shape(void)
{
	struct fake_pci *f = rig.fake;
	const uint8_t what = in_u8(&rig.in), more = in_u8(&rig.in);
	uint8_t how;

	memcpy(f->pci.config, rig.config, sizeof(rig.config));
	f->features = FAKE_FEATURES | (what & 1 ? FAKEDEV_F_MQ | FAKEDEV_F_CTRL_VQ : 0) |
		      (what & 2 ? F_MTU : 0) | (what & 4 ? FAKE_F_RING_RESET : 0);
	f->pci.mappable = what >> 3 & 1;
	f->pci.vectors = what >> 4 & 7;
	f->pci.has_err = what >> 7;
	f->pci.can_reset = more & 1;
	f->mtu = 1500;
	f->max_pairs = 1 + (more >> 1 & 1);
	f->queue_max = (uint16_t)(1u << (more >> 2 & 15));
	f->pci.bar_size = more & 64 ? FAKE_BAR_SIZE / 2 : FAKE_BAR_SIZE;
	f->restless = f->pci.dead = f->link_down = false;
	if (!(more & 128))
		return;
	how = in_u8(&rig.in);
	if (how >> 5 > 4)
		f->mtu = (uint16_t)((how >> 5) * 11); /* 55, 66, 77: below and above the least */
	for (unsigned n = 1 + how % 32; n; n--) {
		const uint8_t where = in_u8(&rig.in);

		f->pci.config[where] = in_u8(&rig.in);
	}
}

static uint32_t
count(enum baton_holder_kind kind)
{
	struct baton_holder h[16];
	const unsigned n = baton_pool_holders(rig.pool, h, 16);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n && i < 16; i++)
		sum += h[i].kind == kind ? h[i].count : 0;
	return sum;
}

static void
check_nothing_open(void)
{
	if (rig.fake->pci.attached || rig.fake->pci.mapped)
		fuzz_fail("%u devices are open, and %u mappings", rig.fake->pci.attached,
			  rig.fake->pci.mapped);
	if (count(BATON_HOLDER_FREE) + count(BATON_HOLDER_CACHE) != BUFS)
		fuzz_fail("%u buffers did not come home",
			  BUFS - count(BATON_HOLDER_FREE) - count(BATON_HOLDER_CACHE));
}

static void
check_said(int ret)
{
	if (ret < 0 && !*baton_last_error())
		fuzz_fail("error %d without a sentence", ret);
}

static void
check_info(const struct baton_port *port)
{
	struct baton_port_info i;

	baton_port_info(port, &i);
	if (i.mac[0] & 1)
		fuzz_fail("a MAC of a group: %02x", i.mac[0]);
	if (i.max_mtu < BATON_MIN_MTU || i.max_mtu > BATON_MAX_MTU || i.mtu < BATON_MIN_MTU ||
	    i.mtu > i.max_mtu)
		fuzz_fail("an MTU of %u, at most %u", i.mtu, i.max_mtu);
	if (!i.max_rx_queues || i.max_rx_queues > BATON_MAX_QUEUES || !i.max_tx_queues ||
	    i.max_tx_queues > BATON_MAX_QUEUES)
		fuzz_fail("%u and %u queues", i.max_rx_queues, i.max_tx_queues);
	if (i.max_descs < 2 || i.max_descs > 32768 || i.max_descs & (i.max_descs - 1) ||
	    i.default_descs > i.max_descs)
		fuzz_fail("%u descriptors of at most %u", i.default_descs, i.max_descs);
}

static int
start(struct baton_port *port)
{
	struct baton_port_config c = {
		.size = sizeof(c), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 1
	};
	struct baton_queue_config q = {
		.size = sizeof(q), .worker = rig.worker, .pool = rig.pool, .descs = 64
	};
	struct baton_port_info i;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	int ret = baton_port_configure(port, &c);

	baton_port_info(port, &i);
	if (i.max_descs < q.descs)
		q.descs = i.max_descs;
	if (!ret)
		ret = baton_rxq_setup(port, 0, &q, &rx);
	q.pool = NULL;
	if (!ret)
		ret = baton_txq_setup(port, 0, &q, &tx);
	return ret < 0 ? ret : baton_port_start(port);
}

/* Interrupts for changes make the driver look at status and link. */
static void
run(struct baton_port *port)
{
	for (unsigned n = in_u8(&rig.in) % 4; n && rig.in.p < rig.in.end; n--) {
		const int fd = rig.fake->change_vector < FAKE_VECTORS
				       ? rig.fake->pci.irq[rig.fake->change_vector]
				       : -1;

		if (fd >= 0)
			pci_model_signal(fd);
		while (baton_ctx_poll(rig.ctx, 0) > 0)
			;
		check_info(port);
	}
}

int
fuzz_run(const uint8_t *data, size_t size)
{
	struct baton_port *port = NULL;
	int ret;

	if (!rig.fake)
		begin();
	rig.in = (struct fuzz_in){ data, data + size };
	shape();
	ret = baton_port_open(rig.ctx, FAKE_BDF, &port);
	check_said(ret);
	if (ret == -EINVAL) /* of the kit's: what a device may say is the driver's to refuse */
		fuzz_fail("the driver declares what cannot be");
	if (ret < 0) {
		check_nothing_open();
		return 0;
	}
	check_info(port);
	ret = start(port);
	check_said(ret);
	if (!ret)
		run(port);
	rig.in.p =
		rig.in.end; /* honest from now on, also where the input has changed it for good */
	memcpy(rig.fake->pci.config, rig.config, sizeof(rig.config));
	rig.fake->pci.bar_size = FAKE_BAR_SIZE;
	check_said(baton_port_stop(port));
	if (count(BATON_HOLDER_QUARANTINE)) /* honest, it may offer less than before, and not be
					       had; but it is reset */
		check_said(baton_port_reset(port));
	ret = baton_port_close(port);
	if (ret < 0)
		fuzz_fail("the port does not close: %d", ret);
	baton_worker_flush(rig.worker);
	check_nothing_open();
	return 0;
}
