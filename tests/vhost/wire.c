/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports as sockets: what a script writes to a port's socket is sent, and what the port receives can
 * be read from it: a frame a message, in order and whole.
 *
 * usage: wire DEVARGS FD [DEVARGS FD]...      FD: a socket of type SOCK_SEQPACKET
 *
 * Commands on standard input, one a line, with one line of an answer each:
 *   mtu PORT N   stop the port, set its MTU, start it              ok | error: SENTENCE
 *   stats PORT   received, sent, refused, errors, reconnects, slots
 *   quit         stop everything                                   home | not home: HOLDERS
 * What happens to a port is a line of its own: "event PORT lost", "event PORT back".
 *
 * A frame that a port cannot take now (a full ring, a device that is away) is kept, and its socket
 * is not read meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <baton/baton.h>
#include <baton/reach.h>

#define PORTS   4
#define BURST   32u
#define FRAME   9216u
#define POOL    8192u
#define HOME_MS 5000

struct wire {
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
	int fd, index;
	uint8_t frame[FRAME]; /* one that is to be sent */
	size_t len;
	struct baton_token in[2 * BURST]; /* received, not written yet: from `first` on */
	unsigned first, n;
	uint64_t refused;
};

static struct baton_ctx *ctx;
static struct baton_pool *pool;
static struct baton_worker *worker;
static struct wire wires[PORTS];
static unsigned n_wires;

static void
die(const char *what)
{
	printf("error: %s: %s\n", what, baton_last_error());
	exit(1);
}

static void
on_log(void *arg, enum baton_log_level level, const char *line)
{
	if (level <= BATON_LOG_WARN || getenv("BATON_TEST_VERBOSE"))
		fprintf(stderr, "%s\n", line);
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	const struct wire *w = arg;

	if (event == BATON_EVENT_LOST || event == BATON_EVENT_BACK)
		printf("event %d %s\n", w->index, event == BATON_EVENT_LOST ? "lost" : "back");
}

static void
open_port(struct wire *w, const char *devargs, int fd)
{
	struct baton_port_config c = {
		.size = sizeof(c), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 2000
	};
	struct baton_queue_config q = { .size = sizeof(q), .worker = worker, .pool = pool };

	w->fd = fd;
	w->index = (int)(w - wires);
	if (baton_port_open(ctx, devargs, &w->port) < 0 || baton_port_configure(w->port, &c) < 0 ||
	    baton_rxq_setup(w->port, 0, &q, &w->rx) < 0)
		die(devargs);
	q.pool = NULL;
	if (baton_txq_setup(w->port, 0, &q, &w->tx) < 0 || baton_port_start(w->port) < 0)
		die(devargs);
	baton_port_on_event(w->port, on_event, w);
}

static void
up(int argc, char **argv)
{
	struct baton_ctx_config cc = { .size = sizeof(cc), .log = on_log };
	struct baton_pool_config pc;

	baton_pool_config_init(&pc);
	pc.count = POOL;
	if (baton_ctx_create(&cc, &ctx) < 0 || baton_pool_create(ctx, &pc, &pool) < 0 ||
	    baton_worker_create(ctx, NULL, &worker) < 0)
		die("set-up");
	for (int i = 1; i + 1 < argc && n_wires < PORTS; i += 2)
		open_port(&wires[n_wires++], argv[i], atoi(argv[i + 1]));
}

/* ---- from the socket to the port ---- */

/* A frame in as many buffers as it takes. Return: tokens; 0: there are none. */
static unsigned
make_packet(const struct wire *w, struct baton_token *t)
{
	struct baton_pool_info info;
	size_t done = 0, room;
	unsigned n, i;

	baton_pool_info(pool, &info);
	room = info.data_len - info.headroom;
	n = (unsigned)((w->len + room - 1) / room);
	if ((unsigned)baton_alloc(worker, pool, t, n) != n)
		return 0;
	for (i = 0; i < n; i++) {
		t[i].len = (uint16_t)(w->len - done < room ? w->len - done : room);
		memcpy(baton_data(worker, t[i]), w->frame + done, t[i].len);
		done += t[i].len;
		if (i + 1 < n)
			t[i].flags |= BATON_TOKEN_CONT;
	}
	return n;
}

/* Return: whether anything moved. */
static int
send_one(struct wire *w)
{
	struct baton_token t[16];
	unsigned n;
	ssize_t len;
	int ret;

	if (!w->len) {
		len = recv(w->fd, w->frame, sizeof(w->frame), MSG_DONTWAIT);
		if (len <= 0)
			return 0;
		w->len = (size_t)len;
	}
	n = make_packet(w, t);
	ret = n ? baton_tx_burst(w->tx, t, n) : 0;
	if (n && ret != (int)n)
		baton_free(worker, t, n);
	if (ret == 0 || ret == -ENETDOWN)
		return 0;
	w->len = 0;
	if (ret < 0)
		w->refused++;
	return 1;
}

/* ---- and back ---- */

/* The packet at w->first, if the socket takes it now. */
static int
deliver(struct wire *w)
{
	unsigned segs = (unsigned)baton_packet_segs(w->in + w->first, w->n);
	struct iovec iov[64];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = segs };

	for (unsigned i = 0; i < segs; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)baton_data(worker, w->in[w->first + i]),
					 w->in[w->first + i].len };
	if (sendmsg(w->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		return 0;
	baton_free(worker, w->in + w->first, segs);
	w->first += segs;
	w->n -= segs;
	return 1;
}

static int
receive(struct wire *w)
{
	int n, moved = 0;

	if (!w->n) {
		n = baton_rx_burst(w->rx, w->in, 2 * BURST);
		if (n == -EIO)
			die("receiving");
		w->first = 0;
		w->n = n > 0 ? (unsigned)n : 0;
	}
	while (w->n && deliver(w))
		moved = 1;
	return moved;
}

/* ---- commands ---- */

static void
set_mtu(struct wire *w, unsigned mtu)
{
	int ret = baton_port_stop(w->port);

	if (!ret)
		ret = baton_port_set_mtu(w->port, (uint16_t)mtu);
	if (!ret)
		ret = baton_port_start(w->port);
	if (ret < 0)
		printf("error: %s\n", baton_last_error());
	else
		printf("ok\n");
}

static void
stats(const struct wire *w)
{
	struct baton_reach_summary reach;
	struct baton_xstat x[256];
	struct baton_stats s;
	uint64_t reconnects = 0;
	unsigned n = baton_port_xstats(w->port, x, 256);

	for (unsigned i = 0; i < n && i < 256; i++)
		if (!strcmp(x[i].name, "reconnects"))
			reconnects = x[i].value;
	baton_port_stats(w->port, &s);
	baton_port_reach_summary(w->port, &reach);
	printf("stats %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u\n",
	       s.rx_packets, s.tx_packets, w->refused, s.rx_errors + s.violations, reconnects,
	       reach.tx_slots);
}

/* Buffers that are not home. @show: with the names of who has them. */
static uint32_t
away(int show)
{
	struct baton_holder h[64];
	unsigned n = baton_pool_holders(pool, h, 64);
	uint32_t home = 0;

	for (unsigned i = 0; i < n && i < 64; i++) {
		if (h[i].kind == BATON_HOLDER_FREE || h[i].kind == BATON_HOLDER_CACHE)
			home += h[i].count;
		else if (show && h[i].count)
			printf(" %s %u", h[i].name, h[i].count);
	}
	return POOL - home;
}

static void
quit(void)
{
	for (unsigned i = 0; i < n_wires; i++) {
		if (wires[i].n)
			baton_free(worker, wires[i].in + wires[i].first, wires[i].n);
		if (baton_port_stop(wires[i].port) < 0)
			fprintf(stderr, "%s\n", baton_last_error());
	}
	for (unsigned ms = 0; away(0) && ms < HOME_MS; ms += 10)
		baton_ctx_poll(ctx, 10);
	if (away(0)) {
		printf("not home:");
		away(1);
		printf("\n");
		exit(1);
	}
	for (unsigned i = 0; i < n_wires; i++)
		if (baton_port_close(wires[i].port) < 0)
			die("close");
	if (baton_worker_destroy(worker) < 0 || baton_pool_destroy(pool) < 0 ||
	    baton_ctx_destroy(ctx) < 0)
		die("tear-down");
	printf("home\n");
	exit(0);
}

static void
command(const char *line)
{
	unsigned i, mtu;

	if (sscanf(line, "mtu %u %u", &i, &mtu) == 2 && i < n_wires)
		set_mtu(&wires[i], mtu);
	else if (sscanf(line, "stats %u", &i) == 1 && i < n_wires)
		stats(&wires[i]);
	else if (!strcmp(line, "quit"))
		quit();
	else
		printf("error: no such command: %s\n", line);
}

static void
read_commands(void)
{
	static char text[512];
	static size_t len;
	ssize_t n = read(0, text + len, sizeof(text) - 1 - len);
	char *end;

	if (n <= 0)
		quit();
	len += (size_t)n;
	text[len] = '\0';
	while ((end = strchr(text, '\n'))) {
		*end = '\0';
		command(text);
		len -= (size_t)(end + 1 - text);
		memmove(text, end + 1, len + 1);
	}
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	up(argc, argv);
	printf("up\n");
	for (;;) {
		struct pollfd p = { .fd = 0, .events = POLLIN };
		int moved = 0;

		for (unsigned i = 0; i < n_wires; i++) {
			for (unsigned k = 0; k < BURST && send_one(&wires[i]); k++)
				moved = 1;
			moved |= receive(&wires[i]);
			baton_tx_clean(wires[i].tx, BURST);
		}
		if (baton_ctx_poll(ctx, 0) < 0)
			die("poll");
		if (poll(&p, 1, moved ? 0 : 1) > 0)
			read_commands();
	}
}
