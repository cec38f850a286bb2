/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksums that a port without a device fills in: what stands in the file must be whole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

#define LEN  101u
#define HEAD (24u + 16u) /* of the file, of a packet */

struct port {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx;
	struct baton_txq *tx;
};

static int
up(struct port *p, const char *name)
{
	struct baton_ctx_config ctx = { .size = sizeof(ctx) };
	struct baton_port_config c = { .size = sizeof(c), .rx_queues = 1, .tx_queues = 1 };
	struct baton_pool_config pool;
	struct baton_queue_config q = { .size = sizeof(q) };

	assert_int_equal(baton_ctx_create(&ctx, &p->ctx), 0);
	baton_pool_config_init(&pool);
	pool.count = 2048;
	pool.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_pool_create(p->ctx, &pool, &p->pool), 0);
	assert_int_equal(baton_worker_create(p->ctx, NULL, &p->worker), 0);
	if (baton_port_open(p->ctx, name, &p->port) < 0)
		return -1;
	q.worker = p->worker;
	q.pool = p->pool;
	assert_int_equal(baton_port_configure(p->port, &c), 0);
	assert_int_equal(baton_rxq_setup(p->port, 0, &q, &p->rx), 0);
	q.pool = NULL;
	assert_int_equal(baton_txq_setup(p->port, 0, &q, &p->tx), 0);
	assert_int_equal(baton_port_start(p->port), 0);
	return 0;
}

static void
down(struct port *p)
{
	if (p->port)
		assert_int_equal(baton_port_close(p->port), 0);
	assert_int_equal(baton_worker_destroy(p->worker), 0);
	assert_int_equal(baton_pool_destroy(p->pool), 0);
	assert_int_equal(baton_ctx_destroy(p->ctx), 0);
}

/* A packet in two buffers, the first of @cut bytes, with a checksum missing from byte 34 on. */
static void
packet(struct port *p, const uint8_t *frame, uint16_t cut, uint16_t offset, struct baton_token t[2])
{
	struct baton_side *side;

	assert_int_equal(baton_alloc(p->worker, p->pool, t, 2), 2);
	t[0].len = cut;
	t[1].len = (uint16_t)(LEN - cut);
	memcpy(baton_data(p->worker, t[0]), frame, cut);
	memcpy(baton_data(p->worker, t[1]), frame + cut, LEN - cut);
	side = baton_side(p->worker, t[0]);
	*side = (struct baton_side){
		.valid = BATON_SIDE_CSUM, .l2_len = 14, .l3_len = 20, .csum_offset = offset
	};
	t[0].flags =
		BATON_TOKEN_CONT | BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
}

static void
in_a_file(void **state)
{
	char path[] = "/tmp/baton-csum-XXXXXX", name[64];
	uint8_t frame[LEN], got[HEAD + LEN];
	struct port p = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(name, sizeof(name), "net_pcap0,tx_pcap=%s", path);
	for (uint16_t cut = 1; cut < LEN; cut++) {
		struct baton_token t[2];
		uint32_t sum;

		assert_int_equal(up(&p, name), 0);
		for (unsigned i = 0; i < LEN; i++)
			frame[i] = (uint8_t)(i * 37 + cut);
		packet(&p, frame, cut, 16, t);
		assert_int_equal(baton_tx_burst(p.tx, t, 2), 2);
		down(&p);
		assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
		/* A receiver's sum over all of it and the pseudo-header, whose sum stood in the
		 * field, is all ones (RFC 1071). */
		sum = (uint32_t)(frame[50] << 8 | frame[51]);
		for (unsigned i = 34; i < LEN; i++)
			sum += i & 1 ? got[HEAD + i] : (uint32_t)got[HEAD + i] << 8;
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal(sum, 0xffff);
		memcpy(frame + 50, got + HEAD + 50, 2);
		assert_memory_equal(got + HEAD, frame, LEN);
	}
	close(fd);
	unlink(path);
}

static void
outside(void **state)
{
	static const uint8_t frame[LEN];
	struct baton_token t[2];
	struct port p = { 0 };

	assert_int_equal(up(&p, "net_null0"), 0);
	packet(&p, frame, 60, LEN - 34 - 1, t);
	assert_int_equal(baton_tx_burst(p.tx, t, 2), -EINVAL);
	t[0].flags &= (uint8_t)~BATON_TOKEN_SIDE;
	assert_int_equal(baton_tx_burst(p.tx, t, 2), -EINVAL);
	t[0].flags |= BATON_TOKEN_SIDE;
	baton_side(p.worker, t[0])->csum_offset = LEN - 34 - 2;
	assert_int_equal(baton_tx_burst(p.tx, t, 2), 2);
	down(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_file),
		cmocka_unit_test(outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
