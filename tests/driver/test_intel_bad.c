/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_e1000e and net_igb on devices that do not do their part, and asked for what these do not
 * have: refused within a second, with what is allowed, and nothing is left half open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <baton/baton.h>

#include "intel_model.h"
#include "ioas/ioas.h"

#define SPEC    PCI_MODEL_BDF ",ioas=vhost"
#define BUFS    512u
#define ADDRESS 0x563412005452ull
#define SECOND  1000000000ull

/* Allocators of sanitizers do not count. */
#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_MEMORY 0
#endif
#endif
#ifndef COUNTS_MEMORY
#define COUNTS_MEMORY 1
#endif

/* What is open, mapped and allocated. */
struct counted {
	unsigned files, mapped, attached, free;
	size_t heap;
};

struct bench {
	struct baton_ctx *ctx;
	struct intel_model *m;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	struct counted before;
	unsigned refusals;
};

static void
no_log(void *arg, enum baton_log_level level, const char *line)
{
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- what is left ---- */

static unsigned
files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static unsigned
at_home(const struct bench *b)
{
	struct baton_holder h[16];
	const unsigned n = baton_pool_holders(b->pool, h, 16);
	unsigned sum = 0;

	for (unsigned i = 0; i < n && i < 16; i++)
		if (h[i].kind == BATON_HOLDER_FREE || h[i].kind == BATON_HOLDER_CACHE)
			sum += h[i].count;
	return sum;
}

static struct counted
count(const struct bench *b)
{
	return (struct counted){ .files = files(),
				 .mapped = b->m->pci.mapped,
				 .attached = b->m->pci.attached,
				 .free = at_home(b),
				 .heap = COUNTS_MEMORY ? mallinfo2().uordblks : 0 };
}

/* A handle that was closed, such as that of a port's own address space, keeps less than 1 KiB until
 * its context is destroyed (ctx/handle.h). */
static void
nothing_left(struct bench *b)
{
	const struct counted now = count(b);

	assert_int_equal(now.files, b->before.files);
	assert_int_equal(now.mapped, 0);
	assert_int_equal(now.attached, 0);
	assert_int_equal(now.free, BUFS);
	assert_true(now.heap <= b->before.heap + 1024u * ++b->refusals);
	assert_int_equal(b->m->pci.stray, 0);
}

/* ---- ports ---- */

static void
up(struct bench *b, const struct intel_kind *kind)
{
	const struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	const struct baton_ctx_config c = { .size = sizeof(c), .log = no_log };
	struct baton_pool_config p;

	*b = (struct bench){ 0 };
	must(baton_ctx_create(&c, &b->ctx));
	b->m = intel_model_start(b->ctx, kind);
	baton_pool_config_init(&p);
	p.count = BUFS;
	p.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	/* What a first port allocates for all, and a first refusal. */
	must(baton_port_open(b->ctx, SPEC, &b->port));
	must(baton_port_close(b->port));
	b->m->phy_error = true;
	assert_int_equal(baton_port_open(b->ctx, SPEC, &b->port), -EIO);
	b->m->phy_error = false;
	b->port = NULL;
	b->before = count(b);
}

static void
down(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	baton_worker_flush(b->worker);
	assert_int_equal(at_home(b), BUFS);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	intel_model_stop(b->m);
}

static void
start(struct bench *b)
{
	const struct baton_port_config c = {
		.size = sizeof(c), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 1
	};
	struct baton_queue_config q = { .size = sizeof(q), .descs = 64, .worker = b->worker };

	if (!b->port)
		must(baton_port_open(b->ctx, SPEC, &b->port));
	must(baton_port_configure(b->port, &c));
	must(baton_txq_setup(b->port, 0, &q, &b->tx));
	q.pool = b->pool;
	must(baton_rxq_setup(b->port, 0, &q, &b->rx));
	must(baton_port_start(b->port));
}

/* ---- sentences ---- */

static void
says(int ret, int error, const char *words)
{
	if (ret != error || !strstr(baton_last_error(), words))
		fail_msg("returned %d for %d, and no '%s' in: %s", ret, error, words,
			 baton_last_error());
}

static void
refused(struct bench *b, int error, const char *words)
{
	const uint64_t begin = now_ns();
	struct baton_port *port = NULL;

	says(baton_port_open(b->ctx, SPEC, &port), error, words);
	assert_true(now_ns() - begin < SECOND);
	nothing_left(b);
}

/* ---- devices that do not do their part ---- */

static void
another_device(const struct intel_kind *kind)
{
	struct intel_kind other = *kind;
	struct baton_port *port = NULL;
	struct baton_ctx_config c = { .size = sizeof(c), .log = no_log };
	struct intel_model *m;
	struct baton_ctx *ctx;
	char spec[64];

	must(baton_ctx_create(&c, &ctx));
	other.device = 0x1234;
	m = intel_model_start(ctx, &other);
	says(baton_port_open(ctx, SPEC, &port), -ENODEV, "8086:1234");
	snprintf(spec, sizeof(spec), "%s,driver=%s,ioas=vhost", PCI_MODEL_BDF, kind->driver);
	assert_true(baton_port_open(ctx, spec, &port) < 0);
	assert_int_equal(m->pci.attached, 0);
	must(baton_ctx_destroy(ctx));
	intel_model_stop(m);
}

static void
bad_nvm(const struct intel_kind *kind)
{
	struct bench b;

	up(&b, kind);
	b.m->nvm[7]++;
	refused(&b, -EPROTO, "its NVM add up to 0xbabb, those of a good one to 0xbaba");
	intel_model_nvm(b.m, 0);
	refused(&b, -EPROTO, "which is none");
	intel_model_nvm(b.m, ADDRESS | 1);
	refused(&b, -EPROTO, "which is a multicast address");
	intel_model_nvm(b.m, ADDRESS);
	b.m->nvm_silent = true;
	refused(&b, -ETIMEDOUT, "reading the NVM does not end within 20 ms");
	b.m->nvm_silent = false;
	if (kind->loads_mac) {
		b.m->no_address = true;
		refused(&b, -EPROTO, "the reset has loaded no MAC address");
		b.m->no_address = false;
	}
	start(&b);
	down(&b);
}

static void
bad_phy(const struct intel_kind *kind)
{
	static const uint16_t none[] = { 0, 0xffff };
	struct bench b;

	up(&b, kind);
	b.m->phy_silent = true;
	refused(&b, -ETIMEDOUT, "an access to the PHY does not end within 10 ms");
	b.m->phy_silent = false;
	b.m->phy_error = true;
	refused(&b, -EIO, "the PHY does not answer (register 2, MDIC reads ");
	b.m->phy_error = false;
	b.m->no_owner = true;
	refused(&b, -ETIMEDOUT, "use of the PHY does not end within 100 ms");
	assert_false(b.m->asks_owner);
	b.m->no_owner = false;
	for (unsigned i = 0; i < 2; i++) {
		b.m->phy[2] = none[i];
		refused(&b, -EIO, "the PHY does not answer: its first id reads ");
	}
	b.m->phy[2] = 0x0141;
	start(&b);
	down(&b);
}

static void
bad_reset(const struct intel_kind *kind)
{
	struct bench b;

	up(&b, kind);
	b.m->keeps_master = true;
	refused(&b, -ETIMEDOUT, "an access to memory that is under way does not end within 80 ms");
	b.m->keeps_master = false;
	b.m->keeps_reset = true;
	refused(&b, -ETIMEDOUT, "the reset does not end within 100 ms");
	b.m->keeps_reset = false;
	b.m->pci.dead = true;
	refused(&b, -ENODEV, "all ones");
	b.m->pci.dead = false;
	start(&b);
	down(&b);
}

/* ---- a running port ---- */

/* A device that does not confirm it is not believed: what it had is in quarantine until it does. */
static void
stop_unconfirmed(const struct intel_kind *kind)
{
	uint64_t begin;
	struct bench b;

	up(&b, kind);
	start(&b);
	b.m->keeps_master = b.m->pci.keeps_config = b.m->pci.no_reset = true;
	begin = now_ns();
	says(baton_port_stop(b.port), -ETIMEDOUT, "an access to memory that is under way");
	assert_true(now_ns() - begin < SECOND);
	baton_worker_flush(b.worker);
	assert_true(at_home(&b) < BUFS);
	begin = now_ns();
	assert_int_equal(baton_port_start(b.port), -ETIMEDOUT);
	assert_true(now_ns() - begin < SECOND);
	b.m->keeps_master = b.m->pci.keeps_config = b.m->pci.no_reset = false;
	must(baton_port_start(b.port));
	must(baton_port_stop(b.port));
	baton_worker_flush(b.worker);
	assert_int_equal(at_home(&b), BUFS);
	down(&b);
}

/* Of an 82576, a queue that is not enabled keeps the port from starting. */
static void
queue_stays(const struct intel_kind *kind)
{
	struct bench b;

	if (!kind->enables)
		return;
	up(&b, kind);
	start(&b);
	must(baton_port_stop(b.port));
	b.m->keeps_queues = true;
	says(baton_port_start(b.port), -ETIMEDOUT, "rxq 0: enabling a queue does not end within");
	baton_worker_flush(b.worker);
	assert_int_equal(at_home(&b), BUFS);
	b.m->keeps_queues = false;
	must(baton_port_start(b.port));
	b.m->keeps_queues = true;
	says(baton_rxq_stop(b.rx), -ETIMEDOUT, "disabling a queue does not end within");
	b.m->keeps_queues = false;
	must(baton_port_stop(b.port));
	down(&b);
}

/* ---- removal ---- */

static unsigned reads_left, writes_left; /* until it is gone; 0: it stays */
static const struct pci_model_device *real;

static uint32_t
read_or_go(struct pci_model *m, uint32_t off, size_t n)
{
	if (reads_left && !--reads_left)
		m->dead = true;
	return m->dead ? UINT32_MAX : real->read(m, off, n);
}

static void
write_or_go(struct pci_model *m, uint32_t off, size_t n, uint32_t v)
{
	if (writes_left && !--writes_left)
		m->dead = true;
	else
		real->write(m, off, n, v);
}

static struct pci_model_device
may_go(struct bench *b)
{
	struct pci_model_device d = *b->m->pci.device;

	real = b->m->pci.device;
	d.read = read_or_go;
	d.write = write_or_go;
	return d;
}

/* Wherever it goes while a port is opened. */
static void
gone_at_open(const struct intel_kind *kind)
{
	struct pci_model_device device;
	uint64_t begin;
	struct bench b;
	int ret = -1;

	up(&b, kind);
	device = may_go(&b);
	b.m->pci.device = &device;
	for (unsigned after = 1; ret < 0; after++) {
		struct baton_port *port = NULL;

		reads_left = after;
		begin = now_ns();
		ret = baton_port_open(b.ctx, SPEC, &port);
		assert_true(now_ns() - begin < SECOND);
		if (!ret) {
			must(baton_port_close(port));
			assert_true(reads_left || b.m->pci.dead);
			assert_true(after > 64); /* words of the NVM */
		} else if (ret != -ENODEV && ret != -EPROTO && ret != -EIO) {
			fail_msg("gone at read %u: %d: %s", after, ret, baton_last_error());
		}
		b.m->pci.dead = false;
		reads_left = 0;
		nothing_left(&b);
	}
	b.m->pci.device = real;
	down(&b);
}

/* The port is away, and everything comes home; returns whether it comes back with its device. */
static void
found_gone(struct bench *b)
{
	const uint64_t begin = now_ns();
	struct baton_port_info info;
	struct baton_token t[64];

	pci_model_signal(b->m->pci.irq[0]);
	do {
		int n;

		must(baton_ctx_poll(b->ctx, 100));
		n = baton_rx_burst(b->rx, t, 64);
		if (n > 0)
			must(baton_free(b->worker, t, (unsigned)n));
		(void)baton_tx_burst(b->tx, t, 0);
		baton_port_info(b->port, &info);
		assert_true(now_ns() - begin < 10 * SECOND);
	} while (info.state != BATON_PORT_REMOVED);
	(void)baton_port_stop(b->port);
	baton_worker_flush(b->worker);
	assert_int_equal(at_home(b), BUFS);
	assert_int_equal(b->m->pci.attached, 0);
	b->m->pci.dead = false;
	must(baton_port_reset(b->port));
	must(baton_port_start(b->port));
}

/* Removed at the doorbell of a burst, with packets in flight before and behind it. */
static void
gone_in_burst(const struct intel_kind *kind)
{
	struct pci_model_device device;
	struct baton_token t[32];
	struct bench b;

	up(&b, kind);
	device = may_go(&b);
	start(&b);
	b.m->pci.device = &device;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(baton_alloc(b.worker, b.pool, t, 32), 32);
		for (unsigned i = 0; i < 32; i++)
			t[i].len = 100;
		assert_int_equal(baton_tx_burst(b.tx, t, 8), 8);
		writes_left = 1;
		assert_int_equal(baton_tx_burst(b.tx, t + 8, 16), 16);
		assert_true(b.m->pci.dead);
		assert_int_equal(baton_tx_burst(b.tx, t + 24, 8), 8);
		assert_int_equal(baton_rx_burst(b.rx, t, 32), 0);
		found_gone(&b);
	}
	b.m->pci.device = real;
	must(baton_port_stop(b.port));
	must(baton_port_close(b.port));
	b.port = NULL;
	baton_worker_flush(b.worker);
	down(&b);
}

/* Wherever it goes while a port starts. */
static void
gone_at_start(const struct intel_kind *kind)
{
	struct pci_model_device device;
	struct bench b;
	int ret = -1;

	up(&b, kind);
	device = may_go(&b);
	start(&b);
	must(baton_port_stop(b.port));
	b.m->pci.device = &device;
	for (unsigned after = 1; ret < 0 || reads_left; after++) {
		const uint64_t begin = now_ns();

		if (ret >= 0)
			must(baton_port_stop(b.port));
		reads_left = after;
		ret = baton_port_start(b.port);
		assert_true(now_ns() - begin < SECOND);
		if (!ret && !reads_left) { /* it is found out when it is looked at */
			found_gone(&b);
			must(baton_port_stop(b.port));
			ret = -1;
			continue;
		}
		if (reads_left)
			break;
		assert_true(ret == -ENODEV || ret == -EIO || ret == -ETIMEDOUT);
		baton_worker_flush(b.worker);
		assert_int_equal(at_home(&b), BUFS);
		b.m->pci.dead = false;
		must(baton_port_reset(b.port));
	}
	reads_left = 0;
	b.m->pci.device = real;
	must(baton_port_stop(b.port));
	down(&b);
}

/* ---- what is asked of it ---- */

static void
bad_config(const struct intel_kind *kind)
{
	const bool igb = kind == &intel_82576;
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_port_info info;
	struct bench b;

	up(&b, kind);
	must(baton_port_open(b.ctx, SPEC, &b.port));
	baton_port_info(b.port, &info);
	assert_int_equal(info.max_rx_queues, igb ? 16 : 2);
	c.rx_queues = igb ? 17 : 3;
	says(baton_port_configure(b.port, &c), -EINVAL, igb ? "16" : "2");
	c.rx_queues = 1;
	c.tx_queues = igb ? 17 : 3;
	says(baton_port_configure(b.port, &c), -EINVAL, igb ? "16" : "2");
	c.tx_queues = 1;
	c.mtu = (uint16_t)(info.max_mtu + 1);
	says(baton_port_configure(b.port, &c), -EINVAL, "between 68 and 9000");
	c.mtu = 0;
	c.offloads = BATON_OFFLOAD_RX_MARK;
	says(baton_port_configure(b.port, &c), -ENOTSUP, "RX_MARK");
	c.offloads = 0;
	start(&b);
	down(&b);
}

static void
bad_rings(const struct intel_kind *kind)
{
	static const uint16_t sizes[] = { 8, 17, 24, 4095, 8192, 32768 };
	const struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct bench b;

	up(&b, kind);
	must(baton_port_open(b.ctx, SPEC, &b.port));
	must(baton_port_configure(b.port, &c));
	q.worker = b.worker;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		q.descs = sizes[i];
		q.pool = NULL;
		says(baton_txq_setup(b.port, 0, &q, &b.tx), -EINVAL, "16");
		assert_non_null(strstr(baton_last_error(), "4096"));
		q.pool = b.pool;
		says(baton_rxq_setup(b.port, 0, &q, &b.rx), -EINVAL, "16");
		assert_non_null(strstr(baton_last_error(), "4096"));
	}
	start(&b);
	down(&b);
}

static void
bad_rss(const struct intel_kind *kind)
{
	static uint8_t key[64];
	static uint16_t table[256];
	const struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 2, .tx_queues = 1 };
	struct baton_rss_config c;
	struct bench b;

	up(&b, kind);
	must(baton_port_open(b.ctx, SPEC, &b.port));
	must(baton_port_configure(b.port, &pc));
	baton_rss_config_init(&c);
	c.key = key;
	for (unsigned n = 16; n <= 52; n += 36) {
		c.key_len = (uint8_t)n;
		says(baton_port_set_rss(b.port, &c), -EINVAL, "40");
	}
	baton_rss_config_init(&c);
	c.table = table;
	c.table_len = 256;
	says(baton_port_set_rss(b.port, &c), -EINVAL, "128");
	c.table_len = 100;
	says(baton_port_set_rss(b.port, &c), -EINVAL, "128");
	c.table_len = 128;
	table[127] = 2;
	says(baton_port_set_rss(b.port, &c), -EINVAL, "2");
	table[127] = 1;
	must(baton_port_set_rss(b.port, &c));
	baton_rss_config_init(&c);
	c.types = BATON_RSS_IPV4_SCTP;
	says(baton_port_set_rss(b.port, &c), -ENOTSUP, "");
	start(&b);
	down(&b);
}

/* ---- both devices ---- */

#define BOTH(name)                                                                                 \
	static void e1000e_##name(void **state)                                                    \
	{                                                                                          \
		name(&intel_82574);                                                                \
	}                                                                                          \
	static void igb_##name(void **state)                                                       \
	{                                                                                          \
		name(&intel_82576);                                                                \
	}

BOTH(another_device)
BOTH(bad_nvm)
BOTH(bad_phy)
BOTH(bad_reset)
BOTH(stop_unconfirmed)
BOTH(gone_at_open)
BOTH(gone_in_burst)
BOTH(gone_at_start)
BOTH(bad_config)
BOTH(bad_rings)
BOTH(bad_rss)
BOTH(queue_stays)

#define TESTS(name) cmocka_unit_test(e1000e_##name), cmocka_unit_test(igb_##name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(another_device), TESTS(bad_nvm),          TESTS(bad_phy),
		TESTS(bad_reset),      TESTS(stop_unconfirmed), TESTS(queue_stays),
		TESTS(gone_at_open),   TESTS(gone_in_burst),    TESTS(gone_at_start),
		TESTS(bad_config),     TESTS(bad_rings),        TESTS(bad_rss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
