/* SPDX-License-Identifier: BSD-3-Clause */
/* Codecs that lie: the kit stops the queue, and names the lie. */
#include "made_driver.h"

#define BUFS  1024u
#define DESCS 16u

struct bench {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
up(struct bench *b, const char *args)
{
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_port_config pc = {
		.size = sizeof(pc), .rx_queues = 1, .tx_queues = 1, .stop_timeout_ms = 1
	};
	struct baton_queue_config q = { .size = sizeof(q), .descs = DESCS };
	struct baton_pool_config p;
	char spec[64];

	make_driver();
	b->ctx = made_context();
	baton_pool_config_init(&p);
	p.name = "made";
	p.count = BUFS;
	p.page_size = BATON_PAGE_4K;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	snprintf(spec, sizeof(spec), "net_made0%s", args);
	must(baton_port_open(b->ctx, spec, &b->port));
	must(baton_port_configure(b->port, &pc));
	q.worker = b->worker;
	must(baton_txq_setup(b->port, 0, &q, &b->tx));
	q.pool = b->pool;
	must(baton_rxq_setup(b->port, 0, &q, &b->rx));
}

static void
down(struct bench *b)
{
	must(baton_port_close(b->port));
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
}

static uint32_t
not_free(const struct bench *b)
{
	struct baton_holder h[16];
	unsigned n = baton_pool_holders(b->pool, h, 16);
	uint32_t out = 0, all = 0;

	for (unsigned i = 0; i < n; i++) {
		all += h[i].count;
		if (h[i].kind != BATON_HOLDER_FREE && h[i].kind != BATON_HOLDER_CACHE)
			out += h[i].count;
	}
	assert_int_equal(all, BUFS);
	return out;
}

/* What a codec says: completions of an RX queue, from the first one on. */
static const struct rx_lie {
	const char *says;
	uint16_t there;
	unsigned good; /* packets before the lie */
	struct rx_entry e[3];
} rx_lies[] = {
	{ "more than the", 1, 0, { { .key = 0, .len = 60000 } } },
	{ "more than the", 1, 0, { { .key = 0, .len = UINT32_MAX } } },
	{ "less than the 12 bytes of the header", 1, 0, { { .key = 0, .len = MADE_HEADER - 1 } } },
	{ "out of range: 16", 1, 0, { { .key = DESCS, .len = 100 } } },
	{ "out of range", 1, 0, { { .key = UINT32_MAX, .len = 100 } } },
	{ "completed twice", 2, 1, { { .key = 0, .len = 100 }, { .key = 0, .len = 100 } } },
	{ "completed twice",
	  3,
	  2,
	  { { .key = 3, .len = 100 }, { .key = 1, .len = 100 }, { .key = 3, .len = 100 } } },
	{ "jumped by 17", DESCS + 1, 0, { { .key = 0, .len = 100 } } },
	{ "jumped by 60000", 60000, 0, { { .key = 0, .len = 100 } } },
};

static void
rx_says_so(const struct rx_lie *lie)
{
	memset(rx_says, 0, sizeof(rx_says));
	memcpy(rx_says, lie->e, sizeof(lie->e));
	rx_there = lie->there;
}

static void
queues_stop_at_rx_lies(const char *args)
{
	struct baton_token t[64];
	struct baton_peek p[8];
	struct bench b;

	up(&b, args);
	for (size_t i = 0; i < sizeof(rx_lies) / sizeof(rx_lies[0]); i++) {
		const struct rx_lie *lie = &rx_lies[i];
		int n;

		rx_there = 0;
		must(baton_port_start(b.port));
		rx_says_so(lie);
		memset(p, 0, sizeof(p));
		assert_int_equal(baton_rx_peek(b.rx, p, 8), lie->good); /* looking ends there */
		n = baton_rx_burst(b.rx, t, 64);
		if (lie->good) {
			assert_int_equal(n, lie->good);
			must(baton_free(b.worker, t, (unsigned)n));
			n = baton_rx_burst(b.rx, t, 64);
		}
		assert_int_equal(n, -EIO);
		assert_int_equal(baton_rx_burst(b.rx, t, 64), -EIO); /* and stays so */
		if (!strstr(baton_rxq_error(b.rx), lie->says))
			fail_msg("not \"%s\" in: %s", lie->says, baton_rxq_error(b.rx));
		assert_string_equal(baton_txq_error(b.tx), "");
		must(baton_port_stop(b.port));
		assert_int_equal(not_free(&b), 0);
	}
	down(&b);
}

/* A packet that never ends. */
static void
endless(const char *args)
{
	struct baton_token t[64];
	struct bench b;

	up(&b, args);
	rx_there = 0;
	must(baton_port_start(b.port));
	for (unsigned i = 0; i < DESCS; i++)
		rx_says[i] = (struct rx_entry){ .key = i, .len = 100, .more = 1 };
	rx_there = DESCS;
	assert_int_equal(baton_rx_burst(b.rx, t, 64), -EIO);
	assert_non_null(strstr(baton_rxq_error(b.rx), "goes on after"));
	must(baton_port_stop(b.port));
	assert_int_equal(not_free(&b), 0);
	down(&b);
}

static const struct tx_lie {
	const char *says;
	uint16_t there;
	uint32_t key[3];
} tx_lies[] = {
	{ "jumped by 4", 4, { 0, 1, 2 } },
	{ "jumped by 30000", 30000, { 0 } },
	{ "out of range: 16", 1, { DESCS } },
	{ "out of range", 1, { UINT32_MAX } },
	{ "not that of a packet in flight", 1, { 9 } },
	{ "twice", 2, { 1, 1 } },
	{ "twice", 3, { 2, 0, 2 } },
};

static void
queues_stop_at_tx_lies(const char *args)
{
	struct baton_token t[3];
	struct bench b;

	up(&b, args);
	for (size_t i = 0; i < sizeof(tx_lies) / sizeof(tx_lies[0]); i++) {
		const struct tx_lie *lie = &tx_lies[i];

		rx_there = tx_there = 0;
		must(baton_port_start(b.port));
		must(baton_alloc(b.worker, b.pool, t, 3));
		for (unsigned k = 0; k < 3; k++)
			t[k].len = 60;
		assert_int_equal(baton_tx_burst(b.tx, t, 3), 3);
		memcpy(tx_says, lie->key, sizeof(lie->key));
		tx_there = lie->there;
		assert_int_equal(baton_tx_clean(b.tx, 100), -EIO);
		if (!strstr(baton_txq_error(b.tx), lie->says))
			fail_msg("not \"%s\" in: %s", lie->says, baton_txq_error(b.tx));
		assert_string_equal(baton_rxq_error(b.rx), "");
		must(baton_port_stop(b.port));
		assert_int_equal(not_free(&b), 0);
	}
	down(&b);
}

static void
lies(void **state)
{
	static const char *const ways[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		queues_stop_at_rx_lies(ways[i]);
		endless(ways[i]);
		queues_stop_at_tx_lies(ways[i]);
	}
}

/* A length of plain() that cannot be is not taken: next() is asked, and has the last word. */
static void
plain_lengths(void **state)
{
	static const uint32_t lens[] = {
		60000, UINT32_MAX, 2061, MADE_HEADER + 13, MADE_HEADER, 1
	};
	struct baton_token t[64];
	struct bench b;

	up(&b, "");
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		rx_there = 0;
		must(baton_port_start(b.port));
		rx_says[0] = (struct rx_entry){ .key = 0, .len = MADE_HEADER + 100 };
		plain_len = lens[i];
		rx_there = 1;
		assert_int_equal(baton_rx_burst(b.rx, t, 64), 1);
		plain_len = 0;
		assert_int_equal(t[0].len, 100);
		must(baton_free(b.worker, t, 1));
		must(baton_port_stop(b.port));
	}
	down(&b);
}

/* The truth is received, in any order. */
static void
an_honest_one_goes_on(void **state)
{
	static const uint16_t order[] = { 2, 0, 1, 3 };
	struct baton_token t[64];
	struct bench b;

	up(&b, "");
	rx_there = 0;
	must(baton_port_start(b.port));
	for (unsigned i = 0; i < 400; i++) {
		const unsigned at = i % 4, base = i / 4 * 4;

		rx_says[i] = (struct rx_entry){ .key = (base + order[at]) % DESCS, .len = 100 };
	}
	for (unsigned i = 0; i < 4; i++) {
		rx_there = (uint16_t)(rx_there + 4);
		assert_int_equal(baton_rx_burst(b.rx, t, 64), 4);
		must(baton_free(b.worker, t, 4));
	}
	assert_string_equal(baton_rxq_error(b.rx), "");
	must(baton_port_stop(b.port));
	assert_int_equal(not_free(&b), 0);
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies),
		cmocka_unit_test(plain_lengths),
		cmocka_unit_test(an_honest_one_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
