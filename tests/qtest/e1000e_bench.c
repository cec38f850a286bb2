/* SPDX-License-Identifier: BSD-3-Clause */
#include "e1000e_bench.h"

const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 }; /* QEMU's default */
const uint8_t other[6] = { 0x02, 0, 0, 0, 0, 9 };
const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };
const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

int
bench_run_tests(const struct CMUnitTest *tests, size_t n)
{
	const char *why = qtest_missing();

	if (!why) {
		cmocka_set_test_filter(getenv("QTEST_ONLY"));
		return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
	}
	printf("skipped: %s\n", why);
	return 77;
}

void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

/* ---- ports ---- */

void
begin_with(struct bench *b, uint32_t data_room)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c) };
	struct baton_pool_config p;

	memset(b, 0, sizeof(*b));
	b->queues = 1;
	must(baton_ctx_create(&c, &b->ctx));
	b->rig = e1000e_rig_start(b->ctx, false);
	baton_pool_config_init(&p);
	p.name = "p";
	p.count = BUFS;
	p.page_size = BATON_PAGE_BASE;
	if (data_room)
		p.data_len = data_room;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
}

void
begin(struct bench *b)
{
	begin_with(b, 0);
}

void
set_up(struct bench *b)
{
	struct baton_port_config c;
	struct baton_queue_config q;

	baton_port_config_init(&c);
	c.rx_queues = c.tx_queues = (uint16_t)b->queues;
	c.offloads = b->offloads;
	must(baton_port_configure(b->port, &c));
	baton_queue_config_init(&q);
	q.worker = b->worker;
	q.descs = DESCS;
	for (uint16_t i = 0; i < b->queues; i++) {
		q.pool = b->pool;
		must(baton_rxq_setup(b->port, i, &q, &b->rx[i]));
		q.pool = NULL;
		must(baton_txq_setup(b->port, i, &q, &b->tx[i]));
	}
}

void
start(struct bench *b)
{
	if (!b->port)
		must(baton_port_open(b->ctx, QTEST_BDF, &b->port));
	set_up(b);
	must(baton_port_start(b->port));
}

void
end(struct bench *b)
{
	if (b->port)
		must(baton_port_close(b->port));
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	e1000e_rig_stop(b->rig);
}

void
refused(struct bench *b, int why, const char *words)
{
	struct baton_port *port = NULL;

	assert_int_equal(baton_port_open(b->ctx, QTEST_BDF, &port), why);
	if (!strstr(baton_last_error(), words))
		fail_msg("no '%s' in: %s", words, baton_last_error());
	assert_int_equal(b->rig->q->pci.attached, 0);
}

/* ---- packets ---- */

void
outside(struct bench *b, const struct frame *f)
{
	qtest_send(b->rig->q, f->b, f->len);
}

unsigned
got(struct bench *b, unsigned queue, struct frame *first, struct baton_token *token,
    struct baton_side *side)
{
	struct baton_token t[64];
	int n = baton_rx_burst(b->rx[queue], t, 64);
	unsigned packets = 0;

	must(n);
	if (first)
		first->len = 0;
	for (int i = 0; i < n; i++) {
		if (first && !packets) {
			memcpy(first->b + first->len, baton_data(b->worker, t[i]), t[i].len);
			first->len += t[i].len;
		}
		packets += !(t[i].flags & BATON_TOKEN_CONT);
	}
	if (n && token)
		*token = t[0];
	if (n && side && (t[0].flags & BATON_TOKEN_SIDE))
		*side = *baton_side(b->worker, t[0]);
	must(baton_free(b->worker, t, (unsigned)n));
	return packets;
}

bool
arrives(struct bench *b, const struct frame *f)
{
	static struct frame in;
	unsigned n;

	outside(b, f);
	n = got(b, 0, &in, NULL, NULL);
	if (n) {
		assert_int_equal(n, 1);
		assert_int_equal(in.len, f->len);
		assert_memory_equal(in.b, f->b, f->len);
	}
	return n;
}

bool
passes(struct bench *b, const uint8_t to[6])
{
	struct frame f = frame_tcp(100);

	memcpy(f.b, to, 6);
	return arrives(b, &f);
}

uint64_t
counter(const struct bench *b, const char *name)
{
	struct baton_xstat x[128];
	const unsigned n = baton_port_xstats(b->port, x, 128);

	for (unsigned i = 0; i < n && i < 128; i++)
		if (!strcmp(x[i].name, name))
			return x[i].value;
	fail_msg("there is no counter %s", name);
	return 0;
}
