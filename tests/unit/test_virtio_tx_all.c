/* SPDX-License-Identifier: BSD-3-Clause */
/* Send all, or free the rest: whatever is wrong, every buffer is sent or home, and counted once. */
#include "rig.h"

#include <errno.h>
#include <string.h>

#include "port/driver.h"

static const struct rig_config config = { .pool_count = 2048, .descs = 64, .mtu = 1500 };

static void
packets(struct rig *r, struct baton_token *t, unsigned n)
{
	assert_int_equal(baton_alloc(r->worker, r->pool, t, n), n);
	for (unsigned i = 0; i < n; i++) {
		t[i].len = 60;
		memset(baton_data(r->worker, t[i]), 0, 60);
	}
}

static struct baton_stats
stats(const struct rig *r)
{
	struct baton_stats s;

	baton_port_stats(r->port, &s);
	return s;
}

static void
without_room(void **state)
{
	struct baton_token t[256];
	struct baton_stats s;
	struct rig r;
	int sent;

	rig_up(&r, &config);
	packets(&r, t, 256);
	sent = baton_tx_all(r.tx, t, 256);
	assert_in_range(sent, 16, 64);
	s = stats(&r);
	assert_int_equal(s.tx_packets, sent);
	assert_int_equal(s.tx_full, 256 - sent);
	assert_int_equal(s.tx_dropped, 256 - sent);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
	packets(&r, t, 1);
	assert_int_equal(baton_tx_all(r.tx, t, 1), 0);
	assert_int_equal(stats(&r).tx_dropped, 257 - sent);
	assert_int_equal(rig_xstat(&r, "tx_dropped"), 257 - sent);
	assert_int_equal(rig_xstat(&r, "tx_q0_dropped"), 257 - sent);
	assert_int_equal(baton_tx_all(r.tx, t, 0), 0);
	rig_discard(&r);
}

static void
bad_ones_between(void **state)
{
	struct baton_token t[12];
	struct baton_stats s;
	struct rig r;

	rig_up(&r, &config);
	packets(&r, t, 12);
	t[0].len = 0; /* too short, the first */
	t[3].flags = t[4].flags = BATON_TOKEN_CONT;
	t[3].len = t[4].len = t[5].len = 2048; /* too long, of three buffers */
	t[8].len = 0;                          /* and two in a row */
	t[9].len = 0;
	t[11].flags = BATON_TOKEN_CONT; /* cut off, the last */
	assert_int_equal(baton_tx_all(r.tx, t, 12), 5);
	s = stats(&r);
	assert_int_equal(s.tx_packets, 5);
	assert_int_equal(s.tx_errors, 5);
	assert_int_equal(s.tx_dropped, 5);
	assert_int_equal(s.tx_full, 0);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
	assert_int_equal(r.violations, 0);
	rig_discard(&r);
}

/* Tokens that are not the application's are refused, and the others are sent or free. */
static void
refused_ones(void **state)
{
	struct baton_token t[6];
	struct rig r;

	rig_up(&r, &config);
	packets(&r, t, 6);
	t[2].flags = BATON_TOKEN_CONT;
	assert_int_equal(baton_free(r.worker, &t[3], 1), 0);
	assert_int_equal(baton_tx_all(r.tx, t, 6), -EPERM);
	assert_int_equal(r.violations, 1);
	assert_int_equal(stats(&r).tx_packets, 4);
	assert_int_equal(stats(&r).tx_dropped, 1);
	assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
	r.violations = 0;
	rig_discard(&r);
}

static void
queue_that_does_not_run(void **state)
{
	struct baton_token t[8];
	struct rig r;

	rig_up(&r, &config);
	assert_int_equal(baton_port_stop(r.port), 0);
	packets(&r, t, 8);
	t[0].flags = t[1].flags = BATON_TOKEN_CONT;
	assert_int_equal(baton_tx_all(r.tx, t, 8), 0);
	assert_int_equal(stats(&r).tx_dropped, 6);
	rig_check_home(&r);
	/* A queue of the other direction: nothing is freed. */
	packets(&r, t, 1);
	assert_int_equal(baton_tx_all((struct baton_txq *)(void *)r.rx, t, 1), -EPERM);
	assert_int_equal(r.violations, 1);
	assert_int_equal(baton_free(r.worker, t, 1), 0);
	r.violations = 0;
	rig_discard(&r);
}

/* A device that broke the rules is told, and what it does not get is freed nevertheless. */
static void
queue_of_a_liar(void **state)
{
	struct baton_token t[8];
	struct rig r;

	rig_up(&r, &config);
	packets(&r, t, 1);
	assert_int_equal(baton_tx_all(r.tx, t, 1), 1);
	fakedev_complete(r.fakedev, FAKEDEV_TX, 200, 0); /* it never had that */
	assert_int_equal(baton_tx_clean(r.tx, 8), -EIO);
	for (unsigned i = 0; i < 2; i++) {
		packets(&r, t, 8);
		assert_int_equal(baton_tx_all(r.tx, t, 8), -EIO);
		assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
	}
	assert_int_equal(stats(&r).tx_dropped, 16);
	assert_string_not_equal(baton_txq_error(r.tx), "");
	assert_int_equal(r.violations, 0);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_room),    cmocka_unit_test(bad_ones_between),
		cmocka_unit_test(refused_ones),    cmocka_unit_test(queue_that_does_not_run),
		cmocka_unit_test(queue_of_a_liar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
