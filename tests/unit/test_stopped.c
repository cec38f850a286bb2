/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker goes on polling a queue that is stopped: no sentence is written before somebody asks. */
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <baton/baton.h>

#include "port/driver.h"

static unsigned written; /* sentences */

/* In place of the C library's, which the library under test calls by one of these names. */
typedef int vsnprintf_fn(char *text, size_t size, const char *fmt, va_list ap);

static int
count_vsnprintf(char *text, size_t size, const char *fmt, va_list ap)
{
	static vsnprintf_fn *real;

	if (!real)
		real = (vsnprintf_fn *)(uintptr_t)dlsym(RTLD_NEXT, "vsnprintf");
	written++;
	return real(text, size, fmt, ap);
}

#undef snprintf
#undef vsnprintf

int
vsnprintf(char *text, size_t size, const char *fmt, va_list ap)
{
	return count_vsnprintf(text, size, fmt, ap);
}

int
snprintf(char *text, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = count_vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return n;
}

int __vsnprintf_chk(char *text, size_t size, int flag, size_t room, const char *fmt, va_list ap);

int
__vsnprintf_chk(char *text, size_t size, int flag, size_t room, const char *fmt, va_list ap)
{
	return count_vsnprintf(text, size, fmt, ap);
}

int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *fmt, ...);

int
__snprintf_chk(char *text, size_t size, int flag, size_t room, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = count_vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return n;
}

struct bench {
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
};

static void
quiet(void *arg, enum baton_log_level level, const char *line)
{
}

static void
up(struct bench *b)
{
	struct baton_ctx_config cc = { .size = sizeof(cc), .log = quiet };
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config qc = { .size = sizeof(qc) };
	struct baton_pool_config p;

	baton_pool_config_init(&p);
	p.count = 4096;
	p.page_size = BATON_PAGE_BASE;
	assert_int_equal(baton_ctx_create(&cc, &b->ctx), 0);
	assert_int_equal(baton_pool_create(b->ctx, &p, &b->pool), 0);
	assert_int_equal(baton_worker_create(b->ctx, NULL, &b->worker), 0);
	assert_int_equal(baton_port_open(b->ctx, "net_null0", &b->port), 0);
	assert_int_equal(baton_port_configure(b->port, &pc), 0);
	qc.worker = b->worker;
	qc.pool = b->pool;
	assert_int_equal(baton_rxq_setup(b->port, 0, &qc, &b->rxq), 0);
	qc.pool = NULL;
	assert_int_equal(baton_txq_setup(b->port, 0, &qc, &b->txq), 0);
}

static void
down(struct bench *b)
{
	if (b->port)
		assert_int_equal(baton_port_close(b->port), 0);
	assert_int_equal(baton_worker_destroy(b->worker), 0);
	assert_int_equal(baton_pool_destroy(b->pool), 0);
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
}

static void
poll_both(struct bench *b, int err)
{
	struct baton_token t[32];

	written = 0;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(baton_rx_burst(b->rxq, t, 32), -err);
		assert_int_equal(baton_tx_burst(b->txq, t, 0), -err);
	}
	assert_int_equal(written, 0);
}

static void
not_started(void **state)
{
	struct bench b = { 0 };

	up(&b);
	poll_both(&b, ENETDOWN);
	assert_string_equal(baton_last_error(), "net_null0 txq 0 is stopped: start its port");
	assert_int_equal(baton_tx_clean(b.txq, 1), -ENETDOWN);
	/* The sentence outlives its queue, and an older one does not come back. */
	poll_both(&b, ENETDOWN);
	assert_int_equal(baton_port_close(b.port), 0);
	b.port = NULL;
	assert_string_equal(baton_last_error(), "net_null0 txq 0 is stopped: start its port");
	assert_int_equal(baton_port_open(b.ctx, "net_nul0", &b.port), -ENODEV);
	b.port = NULL;
	assert_non_null(strstr(baton_last_error(), "did you mean net_null"));
	down(&b);
}

/* What a device's violation has stopped. */
static void
dead(void **state)
{
	struct bench b = { 0 };
	char rx[256];

	up(&b);
	assert_int_equal(baton_port_start(b.port), 0);
	assert_int_equal(queue_violation((void *)b.txq, "it said %u", 7), -EIO);
	assert_int_equal(queue_violation((void *)b.rxq, "it said %u", 8), -EIO);
	snprintf(rx, sizeof(rx), "%s", baton_last_error());
	assert_string_equal(rx, "net_null0 rxq 0: stopped by a protocol violation of the device: "
				"it said 8");
	assert_true(baton_rx_burst(b.rxq, (struct baton_token[32]){ 0 }, 32) < 0);
	poll_both(&b, EIO);
	assert_string_equal(baton_last_error(), "net_null0 txq 0: stopped by a protocol violation "
						"of the device: it said 7");
	down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_started),
		cmocka_unit_test(dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
