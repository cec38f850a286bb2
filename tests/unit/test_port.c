/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports and pools through the public API: what is refused and with which words, and stopping under
 * traffic. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

struct rig {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	int violations;
};

static void
on_violation(void *arg, const struct baton_violation *v)
{
	((struct rig *)arg)->violations++;
}

static void
quiet(void *arg, enum baton_log_level level, const char *line)
{
}

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s", baton_last_error());
}

static void
refused(int ret, int err, const char *words)
{
	assert_int_equal(ret, -err);
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

static struct baton_pool *
pool(struct rig *r, uint32_t count)
{
	struct baton_pool_config pc;
	struct baton_pool *p;

	baton_pool_config_init(&pc);
	pc.count = count;
	pc.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(r->ctx, &pc, &p));
	return p;
}

static void
set_up_queues(struct rig *r, const char *name)
{
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .worker = r->worker, .pool = r->pool };

	must(baton_port_open(r->ctx, name, &r->port));
	must(baton_port_configure(r->port, &pc));
	must(baton_rxq_setup(r->port, 0, &qc, &r->rxq));
	qc.pool = NULL;
	must(baton_txq_setup(r->port, 0, &qc, &r->txq));
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct baton_ctx_config cc = {
		.size = sizeof(cc), .log = quiet, .on_violation = on_violation, .violation_arg = r
	};

	must(baton_ctx_create(&cc, &r->ctx));
	r->pool = pool(r, 2048);
	must(baton_worker_create(r->ctx, NULL, &r->worker));
	*state = r;
	return 0;
}

/* A worker that has acknowledged may still be freeing what it could not send. */
static void
nothing_at_the_application(struct rig *r)
{
	struct baton_holder h[32];

	for (unsigned tries = 10000; tries; tries--) {
		unsigned n = baton_pool_holders(r->pool, h, 32), held = 0;

		for (unsigned i = 0; i < n; i++)
			held += h[i].kind == BATON_HOLDER_CPU ? h[i].count : 0;
		if (!held)
			break;
		usleep(100);
	}
	usleep(100); /* the last is counted out of the table before it is in the cache */
}

static void
everything_home(struct rig *r)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(r->pool, h, 32);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		sum += h[i].count;
		if (h[i].kind != BATON_HOLDER_FREE && h[i].kind != BATON_HOLDER_CACHE)
			assert_int_equal(h[i].count, 0);
	}
	assert_int_equal(sum, 2048);
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	if (r->port)
		must(baton_port_close(r->port));
	everything_home(r);
	must(baton_worker_destroy(r->worker));
	must(baton_pool_destroy(r->pool));
	must(baton_ctx_destroy(r->ctx));
	free(r);
	return 0;
}

static void
open_refusals(void **state)
{
	struct rig *r = *state;
	struct baton_port *p;

	refused(baton_port_open(r->ctx, "net_nul0", &p), ENODEV, "did you mean net_null?");
	refused(baton_port_open(r->ctx, "eth0", &p), ENODEV, "net_null, net_pcap, ");
	refused(baton_port_open(r->ctx, "", &p), ENODEV, "no driver");
	refused(baton_port_open(r->ctx, "net_null0,siz=64", &p), EINVAL, "did you mean \"size\"?");
	refused(baton_port_open(r->ctx, "net_null0,size=64,size=65", &p), EINVAL, "given twice");
	refused(baton_port_open(r->ctx, "net_null0,size=abc", &p), EINVAL, "size=abc");
	refused(baton_port_open(r->ctx, "net_null0,size=-1", &p), EINVAL, "a number from");
	refused(baton_port_open(r->ctx, "net_null0,size=99999999999999999999", &p), EINVAL,
		"a number from");
	must(baton_port_open(r->ctx, "net_null0,size=64", &r->port));
	refused(baton_port_open(r->ctx, "net_null0", &p), EEXIST, "already open");
	refused(baton_ctx_destroy(r->ctx), EBUSY, "net_null0 is still open");
}

static void
order_of_calls(void **state)
{
	struct rig *r = *state;
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc), .worker = r->worker, .pool = r->pool };
	struct baton_rxq *q;

	must(baton_port_open(r->ctx, "net_null0", &r->port));
	refused(baton_port_start(r->port), EINVAL, "not configured");
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EINVAL, "0 configured");
	pc.rx_queues = 0;
	refused(baton_port_configure(r->port, &pc), EINVAL, "0 RX");
	pc.rx_queues = 1;
	pc.mtu = 67;
	refused(baton_port_configure(r->port, &pc), EINVAL, "MTU 67");
	pc.mtu = 0;
	must(baton_port_configure(r->port, &pc));
	refused(baton_rxq_setup(r->port, 1, &qc, &q), EINVAL, "no rxq 1: 1 configured");
	qc.descs = 3;
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EINVAL, "3 descriptors: a power of two");
	qc.descs = 65536;
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EINVAL, "65536 descriptors");
	qc.descs = 0;
	qc.pool = NULL;
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EINVAL, "the pool is NULL");
	qc.pool = r->pool;
	qc.size = 1;
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EINVAL, "config.size is 1");
	qc.size = sizeof(qc);
	must(baton_rxq_setup(r->port, 0, &qc, &r->rxq));
	refused(baton_port_start(r->port), EINVAL, "txq 0 is not set up");
	must(baton_txq_setup(r->port, 0, &qc, &r->txq));
	struct baton_token t[32];

	refused(baton_rx_burst(r->rxq, t, 32), ENETDOWN, "is stopped");
	must(baton_port_start(r->port));
	refused(baton_port_start(r->port), EBUSY, "already started");
	refused(baton_port_configure(r->port, &pc), EBUSY, "is started");
	refused(baton_rxq_setup(r->port, 0, &qc, &q), EBUSY, "is started");
	refused(baton_port_set_mtu(r->port, 1400), EBUSY, "is started");
	refused(baton_worker_destroy(r->worker), EBUSY, "serves 2 queues");
	must(baton_port_stop(r->port));
	must(baton_port_stop(r->port));
	refused(baton_tx_burst(r->txq, t, 1), ENETDOWN, "is stopped");
}

/* The limit of packets to send is known from the start on, and is exact. */
static void
longest_packet(void **state)
{
	struct rig *r = *state;
	struct baton_port_info info;
	struct baton_token t;

	set_up_queues(r, "net_null0");
	baton_port_info(r->port, &info);
	assert_int_equal(info.max_len, 0);
	must(baton_port_set_mtu(r->port, 1000));
	must(baton_port_start(r->port));
	baton_port_info(r->port, &info);
	assert_in_range(info.max_len, 1014, 1022);
	for (unsigned longer = 0; longer < 2; longer++) {
		assert_int_equal(baton_alloc(r->worker, r->pool, &t, 1), 1);
		t.len = (uint16_t)(info.max_len + longer);
		assert_int_equal(baton_tx_burst(r->txq, &t, 1), longer ? -EMSGSIZE : 1);
	}
	must(baton_free(r->worker, &t, 1));
}

static void
pool_too_small(void **state)
{
	struct rig *r = *state;
	struct baton_pool *big = r->pool;

	r->pool = pool(r, 256);
	set_up_queues(r, "net_null0");
	refused(baton_port_start(r->port), ENOBUFS, "has 256 buffers");
	assert_non_null(strstr(baton_last_error(), "512 in workers' caches"));
	must(baton_port_close(r->port));
	must(baton_pool_destroy(r->pool));
	r->pool = big;
	set_up_queues(r, "net_null0");
	must(baton_port_start(r->port));
}

static void
pool_made_after_start(void **state)
{
	struct rig *r = *state;
	struct baton_token t;
	struct baton_pool *late;

	set_up_queues(r, "net_null0");
	must(baton_port_start(r->port));
	late = pool(r, 512);
	assert_int_equal(baton_alloc(r->worker, late, &t, 1), 1);
	t.len = 60;
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), -EFAULT);
	assert_int_equal(r->violations, 0);
	must(baton_port_stop(r->port));
	must(baton_port_start(r->port));
	assert_int_equal(baton_tx_burst(r->txq, &t, 1), 1);
	refused(baton_pool_destroy(late), EBUSY, "in use by port net_null0");
	refused(baton_pool_destroy(r->pool), EBUSY, "in use by port net_null0");
	must(baton_port_stop(r->port));
	must(baton_pool_destroy(late));
	refused(baton_pool_destroy(r->pool), EBUSY, "in use by port net_null0"); /* its RX queue */
	assert_int_equal(r->violations, 0);
}

static void
bad_packets(void **state)
{
	struct rig *r = *state;
	struct baton_token t[40];
	struct baton_stats s;

	set_up_queues(r, "net_null0");
	must(baton_port_start(r->port));
	assert_int_equal(baton_alloc(r->worker, r->pool, t, 40), 40);
	assert_int_equal(baton_tx_burst(r->txq, t, 1), -EMSGSIZE); /* empty */
	for (int i = 0; i < 40; i++) {
		t[i].len = 2000;
		t[i].flags = BATON_TOKEN_CONT;
	}
	assert_int_equal(baton_tx_burst(r->txq, t, 2), -EINVAL); /* CONT in the last token */
	t[39].flags = 0;
	assert_int_equal(baton_tx_burst(r->txq, t, 40), -EMSGSIZE);
	t[0].len = 60;
	t[0].flags = 0;
	assert_int_equal(baton_tx_burst(r->txq, t, 40), 1); /* stops at the packet boundary */
	must(baton_free(r->worker, t + 1, 39));
	baton_port_stats(r->port, &s);
	assert_int_equal(s.tx_packets, 1);
	assert_int_equal(s.tx_bytes, 60);
	assert_int_equal(s.tx_errors, 3);
	baton_port_stats_reset(r->port);
	baton_port_stats(r->port, &s);
	assert_int_equal(s.tx_packets + s.tx_errors, 0);
	assert_int_equal(r->violations, 0);
}

/* ---- a pool over memory and a free list from outside ---- */

#define OUT_COUNT 512u

struct supply {
	uint32_t list[OUT_COUNT];
	unsigned n;
};

static unsigned
get_bulk(void *arg, uint32_t *bufs, unsigned n)
{
	struct supply *s = arg;
	unsigned k = n < s->n ? n : s->n;

	s->n -= k;
	memcpy(bufs, s->list + s->n, k * sizeof(*bufs));
	return k;
}

static void
put_bulk(void *arg, const uint32_t *bufs, unsigned n)
{
	struct supply *s = arg;

	assert_true(s->n + n <= OUT_COUNT);
	memcpy(s->list + s->n, bufs, n * sizeof(*bufs));
	s->n += n;
}

static void
outside_memory(void **state)
{
	struct rig *r = *state;
	static struct supply s;
	struct baton_pool_backing backing = { get_bulk, put_bulk, &s };
	struct baton_pool_config pc;
	struct baton_pool *p;
	struct baton_token t[OUT_COUNT];
	uint8_t *memory = aligned_alloc(64, OUT_COUNT * 2240);
	unsigned got;

	for (s.n = 0; s.n < OUT_COUNT; s.n++)
		s.list[s.n] = s.n;
	baton_pool_config_init(&pc);
	pc.count = OUT_COUNT;
	pc.base = memory;
	pc.bytes = OUT_COUNT * 2240 - 1;
	pc.stride = 2240;
	pc.data_off = 128;
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "the memory supplied has");
	pc.bytes = OUT_COUNT * 2240;
	pc.backing = &backing;
	pc.data_off = 2240 - 100;
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "do not fit into a stride of 2240");
	pc.data_off = 128;
	must(baton_pool_create(r->ctx, &pc, &p));
	got = baton_alloc(r->worker, p, t, OUT_COUNT);
	assert_int_equal(got, OUT_COUNT);
	assert_int_equal(baton_alloc(r->worker, p, t, 1), 0);
	for (unsigned i = 0; i < got; i++) {
		uint8_t *at = baton_data(r->worker, t[i]);

		assert_ptr_equal(at, memory + t[i].buf * 2240 + 128 + BATON_DEFAULT_HEADROOM);
		memset(at, 0xee, 2048);
	}
	must(baton_free(r->worker, t, got));
	baton_worker_flush(r->worker);
	assert_int_equal(s.n, OUT_COUNT);
	must(baton_pool_destroy(p));
	free(memory);
}

static void
pool_refusals(void **state)
{
	struct rig *r = *state;
	struct baton_pool_config pc;
	struct baton_pool *p;

	refused(baton_pool_create(r->ctx, NULL, &p), EINVAL, "baton_pool_config_init()");
	baton_pool_config_init(&pc);
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "0 buffers");
	pc.count = 1000000000;
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "1000000000 buffers");
	pc.count = 16;
	pc.data_len = 65536;
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "65536");
	pc.data_len = 64;
	refused(baton_pool_create(r->ctx, &pc, &p), EINVAL, "headroom (64)");
	refused(baton_pool_destroy(r->pool), 0, "");
	r->pool = pool(r, 2048);
}

static void
odd_stride(void **state)
{
	struct rig *r = *state;
	struct baton_pool_config pc;
	struct baton_pool_info info;
	struct baton_pool *p;

	for (uint32_t len = 128; len < 12000; len += 997) {
		baton_pool_config_init(&pc);
		pc.count = 8;
		pc.data_len = len;
		pc.page_size = BATON_PAGE_BASE;
		must(baton_pool_create(r->ctx, &pc, &p));
		baton_pool_info(p, &info);
		assert_true(info.stride >= len);
		assert_int_equal(info.stride / 64 % 2, 1);
		assert_int_equal(info.stride % 64, 0);
		must(baton_pool_destroy(p));
	}
}

static void
packet_copy(void **state)
{
	struct rig *r = *state;
	struct baton_token in[3], out[4];
	int n;

	assert_int_equal(baton_alloc(r->worker, r->pool, in, 3), 3);
	for (int i = 0; i < 3; i++) {
		in[i].len = (uint16_t)(100 + i);
		in[i].flags = i < 2 ? BATON_TOKEN_CONT : 0;
		memset(baton_data(r->worker, in[i]), 'a' + i, in[i].len);
	}
	in[0].flags |= BATON_TOKEN_SIDE;
	memcpy(baton_side(r->worker, in[0])->app, "sixteen bytes...", 16);
	n = baton_packet_copy(r->worker, r->pool, in, 3, out, 4);
	assert_int_equal(n, 1);
	assert_int_equal(out[0].len, 303);
	const char *text = baton_data(r->worker, out[0]);

	assert_true(text[0] == 'a' && text[99] == 'a' && text[100] == 'b' && text[200] == 'b' &&
		    text[201] == 'c' && text[302] == 'c');
	assert_memory_equal(baton_side(r->worker, out[0])->app, "sixteen bytes...", 16);
	must(baton_free(r->worker, out, 1));
	assert_int_equal(baton_packet_copy(r->worker, r->pool, in, 3, out, 0), -EMSGSIZE);
	must(baton_free(r->worker, in, 3));
}

/* ---- stopping under traffic ---- */

struct mover {
	struct rig *r;
	int quit;
	uint64_t moved;
};

static void *
move(void *arg)
{
	struct mover *m = arg;
	struct rig *r = m->r;
	struct baton_token t[32];

	while (!__atomic_load_n(&m->quit, __ATOMIC_RELAXED)) {
		int n = baton_rx_burst(r->rxq, t, 32);
		int sent = n > 0 ? baton_tx_burst(r->txq, t, (unsigned)n) : 0;

		sent = sent < 0 ? 0 : sent;
		if (n > sent)
			baton_free(r->worker, t + sent, (unsigned)(n - sent));
		__atomic_fetch_add(&m->moved, (uint64_t)sent, __ATOMIC_RELAXED);
	}
	baton_worker_unbind(r->worker);
	return NULL;
}

static void
stop_and_start_under_traffic(void **state)
{
	struct rig *r = *state;
	struct mover m = { .r = r };
	pthread_t thread;

	set_up_queues(r, "net_null0");
	must(baton_port_start(r->port));
	pthread_create(&thread, NULL, move, &m);
	for (int i = 0; i < 200; i++) {
		uint64_t before = __atomic_load_n(&m.moved, __ATOMIC_RELAXED);

		while (i % 20 == 0 && __atomic_load_n(&m.moved, __ATOMIC_RELAXED) == before)
			usleep(100);
		must(baton_port_stop(r->port));
		nothing_at_the_application(r);
		everything_home(r);
		must(baton_port_start(r->port));
	}
	__atomic_store_n(&m.quit, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(r->violations, 0);
}

/* A queue that served one worker, with stops that it acknowledged, serves another. */
static void
another_worker(void **state)
{
	struct rig *r = *state;
	struct baton_queue_config qc = { .size = sizeof(qc), .pool = r->pool };
	struct baton_worker_config wc = { .size = sizeof(wc), .cache_size = 64 };
	struct baton_token t[32];
	struct baton_worker *other;
	int n;

	set_up_queues(r, "net_null0");
	for (int i = 0; i < 5; i++) {
		must(baton_port_start(r->port));
		must(baton_port_stop(r->port));
	}
	must(baton_worker_create(r->ctx, &wc, &other));
	must(baton_worker_bind(other));
	qc.worker = other;
	must(baton_rxq_setup(r->port, 0, &qc, &r->rxq));
	must(baton_port_start(r->port));
	n = baton_rx_burst(r->rxq, t, 32);
	assert_true(n > 0);
	must(baton_free(other, t, (unsigned)n));
	must(baton_port_close(r->port));
	r->port = NULL;
	must(baton_worker_destroy(other));
}

static void *
sleep_bound(void *arg)
{
	struct mover *m = arg;

	must(baton_worker_bind(m->r->worker));
	__atomic_store_n(&m->moved, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE))
		usleep(1000);
	baton_worker_unbind(m->r->worker);
	return NULL;
}

static void
worker_that_does_not_leave(void **state)
{
	struct rig *r = *state;
	struct mover m = { .r = r };
	struct baton_port_config pc = {
		.size = sizeof(pc), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 50
	};
	struct baton_queue_config qc = { .size = sizeof(qc), .worker = r->worker, .pool = r->pool };
	pthread_t thread;

	must(baton_port_open(r->ctx, "net_null0", &r->port));
	must(baton_port_configure(r->port, &pc));
	must(baton_rxq_setup(r->port, 0, &qc, &r->rxq));
	must(baton_txq_setup(r->port, 0, &qc, &r->txq));
	must(baton_port_start(r->port));
	pthread_create(&thread, NULL, sleep_bound, &m);
	while (!__atomic_load_n(&m.moved, __ATOMIC_ACQUIRE))
		usleep(100);
	refused(baton_port_stop(r->port), ETIMEDOUT, "did not leave");
	refused(baton_worker_bind(r->worker), EBUSY, "bound to another thread");
	__atomic_store_n(&m.quit, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	must(baton_port_stop(r->port));
}

static void
two_contexts(void **state)
{
	struct rig *a = *state, *b;
	void *other;
	struct baton_token t;

	assert_int_equal(setup(&other), 0);
	b = other;
	set_up_queues(a, "net_null0");
	set_up_queues(b, "net_null0");
	must(baton_port_start(a->port));
	must(baton_port_start(b->port));
	assert_int_equal(baton_alloc(a->worker, a->pool, &t, 1), 1);
	assert_int_equal(baton_free(b->worker, &t, 1),
			 -EPERM); /* the other's buffer 0 .. is not held */
	assert_int_equal(a->violations, 0);
	assert_int_equal(b->violations, 1);
	must(baton_free(a->worker, &t, 1));
	teardown(&other);
}

/* A program may open ports for as long as it runs: what stays of each is small. */
static void
closed_ports_are_small(void **state)
{
	const unsigned times = 200;
	struct rig *r = *state;
	size_t before;

	set_up_queues(r, "net_null0");
	must(baton_port_close(r->port));
	before = mallinfo2().uordblks; /* 0 with a sanitizer's malloc() */
	for (unsigned i = 0; i < times; i++) {
		set_up_queues(r, "net_null0");
		must(baton_port_start(r->port));
		must(baton_port_close(r->port));
	}
	r->port = NULL;
	/* The structs of the port and of two queues, by which a call with an old handle is told. */
	assert_in_range(mallinfo2().uordblks - before, 0, times * 5120);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(open_refusals),  T(order_of_calls),
		T(longest_packet), T(pool_made_after_start),
		T(pool_too_small), T(pool_made_after_start),
		T(bad_packets),    T(outside_memory),
		T(pool_refusals),  T(odd_stride),
		T(packet_copy),    T(stop_and_start_under_traffic),
		T(another_worker), T(worker_that_does_not_leave),
		T(two_contexts),   T(closed_ports_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
