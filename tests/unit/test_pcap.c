/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_pcap in an application that has not said what becomes of signals: neither a reader that
 * leaves nor a limit of file sizes ends the process, and what is pending or blocked stays so.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

#define LEN 1000

struct port {
	struct baton_ctx *ctx;
	struct baton_worker *worker;
	struct baton_pool *pool;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
};

static void
make(struct port *p)
{
	struct baton_pool_config config;

	memset(p, 0, sizeof(*p));
	assert_int_equal(baton_ctx_create(NULL, &p->ctx), 0);
	baton_pool_config_init(&config);
	config.count = 2048;
	config.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(p->ctx, &config, &p->pool), 0);
	assert_int_equal(baton_worker_create(p->ctx, NULL, &p->worker), 0);
}

static void
set_up_queues(struct port *p)
{
	struct baton_queue_config queue = { .size = sizeof(queue), .worker = p->worker };

	queue.pool = p->pool;
	assert_int_equal(baton_rxq_setup(p->port, 0, &queue, &p->rx), 0);
	queue.pool = NULL;
	assert_int_equal(baton_txq_setup(p->port, 0, &queue, &p->tx), 0);
}

static int
open_port(struct port *p, const char *devargs, uint32_t stop_timeout_ms)
{
	struct baton_port_config config = {
		.size = sizeof(config),
		.rx_queues = 1,
		.tx_queues = 1,
		.stop_timeout_ms = stop_timeout_ms,
	};
	int ret = baton_port_open(p->ctx, devargs, &p->port);

	if (ret < 0)
		return ret;
	assert_int_equal(baton_port_configure(p->port, &config), 0);
	set_up_queues(p);
	ret = baton_port_start(p->port);
	assert_int_equal(baton_worker_bind(p->worker), 0);
	return ret;
}

static void
down(struct port *p)
{
	baton_worker_unbind(p->worker);
	if (p->port)
		assert_int_equal(baton_port_close(p->port), 0);
	assert_int_equal(baton_worker_destroy(p->worker), 0);
	assert_int_equal(baton_pool_destroy(p->pool), 0);
	assert_int_equal(baton_ctx_destroy(p->ctx), 0);
}

/* Return: 1 if it was taken; what tx_burst says else. */
static int
send_one(struct port *p)
{
	struct baton_token t;
	int ret;

	assert_int_equal(baton_alloc(p->worker, p->pool, &t, 1), 1);
	memset(baton_data(p->worker, t), 0x55, LEN);
	t.len = LEN;
	ret = baton_tx_burst(p->tx, &t, 1);
	if (ret != 1)
		assert_int_equal(baton_free(p->worker, &t, 1), 0);
	return ret;
}

static struct baton_stats
stats(const struct port *p)
{
	struct baton_stats s;

	baton_port_stats(p->port, &s);
	return s;
}

/* No signal is pending, and those that were not blocked are not. */
static void
check_signals(const sigset_t *before)
{
	sigset_t now, pending;

	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	for (int sig = 1; sig < 32; sig++) {
		assert_int_equal(sigismember(&now, sig), sigismember(before, sig));
		assert_int_equal(sigismember(&pending, sig), 0);
	}
}

static void
reader_leaves(void **state)
{
	char devargs[64];
	sigset_t before;
	struct port p;
	int fd[2];

	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	assert_int_equal(pipe(fd), 0);
	snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=/dev/fd/%d", fd[1]);
	make(&p);
	assert_int_equal(open_port(&p, devargs, 0), 0);
	close(fd[1]);
	assert_int_equal(send_one(&p), 1);
	assert_int_equal(stats(&p).tx_packets, 1);
	close(fd[0]);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_one(&p), 1);
	assert_int_equal(stats(&p).tx_packets, 1);
	assert_int_equal(stats(&p).tx_lost, 5);
	check_signals(&before);
	down(&p);
}

/* A full pipe is a full ring, and what is not taken at the stop is discarded. */
static void
reader_stands_still(void **state)
{
	char devargs[64];
	struct port p;
	unsigned sent = 0;
	int fd[2], ret;
	struct baton_stats s;

	assert_int_equal(pipe(fd), 0);
	snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=/dev/fd/%d", fd[1]);
	make(&p);
	assert_int_equal(open_port(&p, devargs, 50), 0);
	while ((ret = send_one(&p)) == 1 && sent < 100000)
		sent++;
	assert_int_equal(ret, 0);
	s = stats(&p);
	assert_int_equal(s.tx_packets, sent);
	assert_int_equal(s.tx_full, 1);
	assert_int_equal(baton_port_stop(p.port), 0);
	s = stats(&p);
	assert_true(s.tx_discarded > 0 && s.tx_discarded < sent);
	close(fd[0]);
	close(fd[1]);
	down(&p);
}

static void
file_size_limit(void **state)
{
	char path[] = "/tmp/baton-pcap-XXXXXX", devargs[64];
	struct rlimit old, low;
	sigset_t before;
	struct port p;
	struct stat st;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	signal(SIGXFSZ, SIG_DFL);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=%s", path);
	make(&p);
	assert_int_equal(open_port(&p, devargs, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = 24 + 3 * (16 + LEN) + 500;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(send_one(&p), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(stats(&p).tx_packets, 3);
	assert_int_equal(stats(&p).tx_lost, 3);
	check_signals(&before);
	down(&p);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 24 + 3 * (16 + LEN));
	close(fd);
	unlink(path);
}

/* Ports of one context know of each other, also while they are not started. */
static void
two_ports(void **state)
{
	char path[] = "/tmp/baton-pcap-XXXXXX", devargs[64];
	struct baton_port *other;
	struct port p;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=%s", path);
	make(&p);
	assert_int_equal(open_port(&p, devargs, 0), 0);
	snprintf(devargs, sizeof(devargs), "net_pcap1,tx_pcap=%s", path);
	assert_int_equal(baton_port_open(p.ctx, devargs, &other), -EBUSY);
	assert_non_null(strstr(baton_last_error(), "port net_pcap0 writes to it"));
	snprintf(devargs, sizeof(devargs), "net_pcap1,rx_pcap=%s", path);
	assert_int_equal(baton_port_open(p.ctx, devargs, &other), -EBUSY);
	down(&p);
	close(fd);
	unlink(path);
}

/* A burst with little room is refused when a packet waits that needs more, and not before. */
static void
little_room(void **state)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, [20] = 1 };
	char path[] = "/tmp/baton-pcap-XXXXXX", devargs[64];
	static uint8_t frame[100000];
	struct baton_token t[256];
	struct baton_port_info info;
	struct port p;
	int fd = mkstemp(path), n, got;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t len = i ? sizeof(frame) : 60,
			       record[4] = { 0, 0, htole32(len), htole32(len) };

		assert_int_equal(write(fd, record, sizeof(record)), sizeof(record));
		assert_int_equal(write(fd, frame, len), len);
	}
	snprintf(devargs, sizeof(devargs), "net_pcap0,rx_pcap=%s", path);
	make(&p);
	assert_int_equal(open_port(&p, devargs, 0), 0);
	baton_port_info(p.port, &info);
	assert_in_range(info.rx_max_segs, 49, 256);
	assert_int_equal(baton_rx_burst(p.rx, t, 32), 1);
	assert_int_equal(t[0].len, 60);
	assert_int_equal(baton_free(p.worker, t, 1), 0);
	assert_int_equal(baton_rx_burst(p.rx, t, 32), -EINVAL);
	n = baton_rx_burst(p.rx, t, info.rx_max_segs);
	assert_true(n > 32);
	got = 0;
	for (int i = 0; i < n; i++)
		got += t[i].len;
	assert_int_equal(got, sizeof(frame));
	assert_int_equal(baton_free(p.worker, t, (unsigned)n), 0);
	down(&p);
	close(fd);
	unlink(path);
}

/* With an MTU, no packet is longer; one that is set later counts from the next start on. */
static void
room_of_an_mtu(void **state)
{
	struct baton_port_config config = { .size = sizeof(config), .mtu = 1500 };
	struct baton_port_info info;
	struct port p;

	config.rx_queues = config.tx_queues = 1;
	make(&p);
	assert_int_equal(open_port(&p, "net_pcap0,rx_pcap=/dev/null", 0), 0);
	baton_port_info(p.port, &info);
	assert_in_range(info.rx_max_segs, 49, 256);
	assert_int_equal(baton_port_stop(p.port), 0);
	assert_int_equal(baton_port_configure(p.port, &config), 0);
	set_up_queues(&p);
	baton_port_info(p.port, &info);
	assert_int_equal(info.rx_max_segs, 1);
	assert_int_equal(baton_port_start(p.port), 0);
	assert_int_equal(baton_port_stop(p.port), 0);
	assert_int_equal(baton_port_set_mtu(p.port, 9000), 0);
	assert_int_equal(baton_port_start(p.port), 0);
	baton_port_info(p.port, &info);
	assert_int_equal(info.rx_max_segs, (9022 + 2047) / 2048);
	down(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_leaves),   cmocka_unit_test(reader_stands_still),
		cmocka_unit_test(file_size_limit), cmocka_unit_test(two_ports),
		cmocka_unit_test(little_room),     cmocka_unit_test(room_of_an_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
