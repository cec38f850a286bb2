/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of packets that left: who asked is reported once, in order, with a time of its burst. */
#include "offload_rig.h"

#define PACKETS 10000
#define TX      (BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO)
#define ASK     BATON_OFFLOAD_TX_TIME

static struct baton_token t[8192];
static uint64_t next_cookie, due_cookie;

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t
times_lost(void)
{
	struct baton_xstat x[200];
	const unsigned n = baton_port_xstats(rig.port, x, 200);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(x[i].name, "tx_q0_times_lost"))
			return x[i].value;
	fail();
	return 0;
}

/* A random packet at @to, half of which ask for their time. Return: its tokens. */
static unsigned
make(struct baton_token *to)
{
	struct gso g;
	uint32_t bits = 0;
	unsigned n;

	gso_make(&g, 3000, 1000, true);
	if (rnd(2)) {
		n = gso_tokens(&g, to);
		bits = BATON_SIDE_SEGMENT;
	} else {
		g.len = g.len < 1000 ? g.len : 1000;
		n = offload_scatter(g.b, g.len, 400, to, 15);
	}
	if (rnd(3) == 0)
		bits |= BATON_SIDE_VLAN;
	if (rnd(2))
		bits |= BATON_SIDE_TX_TIME;
	if (!(bits & BATON_SIDE_SEGMENT))
		memset(baton_side(rig.worker, to[0]), 0x55, sizeof(struct baton_side));
	if (bits)
		to[0].flags |= BATON_TOKEN_SIDE;
	baton_side(rig.worker, to[0])->valid = bits;
	baton_side(rig.worker, to[0])->cookie =
		bits & BATON_SIDE_TX_TIME ? next_cookie++ : UINT64_MAX;
	return n;
}

/* All reports that are there. @from: the least time that the next one can have. */
static void
read_times(uint64_t from)
{
	struct baton_tx_time time[7];
	int n;

	do {
		n = baton_tx_times(rig.tx, time, 1 + rnd(7));
		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			assert_int_equal(time[i].cookie, due_cookie++);
			assert_int_equal(time[i].clock, BATON_CLOCK_REALTIME);
			assert_int_equal(time[i].reserved, 0);
			assert_in_range(time[i].timestamp, from, now());
			from = time[i].timestamp;
		}
	} while (n);
}

/* Plain packets, tagged ones and segments, in bursts, with little room at times. */
static void
random_packets(void **state)
{
	offload_open_rig(0, 16384);
	for (unsigned i = 0; i < PACKETS;) {
		const uint64_t from = now();
		unsigned n = 0, done = 0;

		if (i % 1000 < 100) { /* by the port, or by the queue */
			assert_int_equal(baton_port_stop(rig.port), 0);
			offload_start(i % 2000 < 100 ? TX | ASK : TX, 0, i % 2000 < 100 ? 0 : ASK);
			i += 100;
		}
		for (unsigned k = 1 + rnd(100); k; k--, i++)
			n += make(t + n);
		offload_clear();
		while (done < n) {
			int ret;

			rig.room = rnd(2) ? rnd(200) : UINT32_MAX;
			ret = baton_tx_burst(rig.tx, t + done, n - done);
			assert_true(ret >= 0);
			done += (unsigned)ret;
			if (rnd(2))
				read_times(from);
		}
		rig.room = UINT32_MAX;
		assert_true(baton_tx_clean(rig.tx, 64) >= 0);
		read_times(from);
		assert_int_equal(due_cookie, next_cookie);
	}
	assert_int_equal(times_lost(), 0);
	assert_int_equal(rig.violations, 0);
	offload_close_rig();
}

/* A packet that asks for its time, and nothing else. */
static struct baton_token
one(uint64_t cookie)
{
	struct baton_token p;

	assert_int_equal(baton_alloc(rig.worker, rig.pool, &p, 1), 1);
	memset(baton_data(rig.worker, p), 1, 64);
	p.len = 64;
	p.flags = BATON_TOKEN_SIDE;
	*baton_side(rig.worker, p) =
		(struct baton_side){ .valid = BATON_SIDE_TX_TIME, .cookie = cookie };
	return p;
}

/* Nobody reads: as many as the ring has descriptors are kept, the rest is counted. */
static void
nobody_reads(void **state)
{
	struct baton_tx_time time[8];
	unsigned kept;

	offload_open_rig(0, 16384);
	offload_start(ASK, 0, 0);
	kept = queue_of(rig.tx)->descs;
	for (unsigned i = 0; i < kept + 100; i++)
		t[i] = one(i);
	for (unsigned i = 0; i < kept + 100;) {
		offload_clear();
		i += (unsigned)baton_tx_burst(rig.tx, t + i,
					      kept + 100 - i < 500 ? kept + 100 - i : 500);
	}
	assert_int_equal(times_lost(), 100);
	for (unsigned i = 0; i < kept; i++) {
		assert_int_equal(baton_tx_times(rig.tx, time, 1), 1);
		assert_int_equal(time[0].cookie, i);
	}
	assert_int_equal(baton_tx_times(rig.tx, time, 8), 0);
	t[0] = one(7);
	assert_int_equal(baton_tx_burst(rig.tx, t, 1), 1);
	assert_int_equal(baton_tx_times(rig.tx, time, 8), 1);
	assert_int_equal(time[0].cookie, 7);
	offload_close_rig();
}

/* The driver refuses what it is given. */
static int
refuse(struct baton_queue *q, struct baton_token *tokens, unsigned n)
{
	return -EINVAL;
}

/* A packet that was refused, or was still waiting when the port stopped, never left. */
static void
never_left(void **state)
{
	struct baton_tx_time time[8];
	struct gso g;
	unsigned n;

	offload_open_rig(0, 16384);
	offload_start(TX | ASK, 0, 0);
	t[0] = one(1);
	t[1] = one(2);
	t[1].len = 3; /* shorter than an Ethernet header */
	t[2] = one(3);
	assert_int_equal(baton_tx_burst(rig.tx, t, 3), 1);
	assert_int_equal(baton_tx_burst(rig.tx, t + 1, 2), -EMSGSIZE);
	assert_int_equal(baton_tx_burst(rig.tx, t + 2, 1), 1);
	assert_int_equal(baton_free(rig.worker, t + 1, 1), 0);
	assert_int_equal(baton_tx_times(rig.tx, time, 8), 2);
	assert_int_equal(time[0].cookie, 1);
	assert_int_equal(time[1].cookie, 3);
	/* Stale tokens, and ones that were never ours, name no side record. */
	assert_int_equal(baton_tx_burst(rig.tx, t + 2, 1), -EPERM);
	t[2].buf = UINT32_MAX;
	assert_int_equal(baton_tx_burst(rig.tx, t + 2, 1), -EPERM);
	rig.room = 0;
	do
		gso_make(&g, 3000, 1000, false);
	while (g.len / g.seg < 2);
	n = gso_tokens(&g, t);
	baton_side(rig.worker, t[0])->valid |= BATON_SIDE_TX_TIME;
	assert_int_equal(baton_tx_burst(rig.tx, t, n), n);
	assert_int_equal(baton_port_stop(rig.port), 0);
	assert_int_equal(baton_tx_times(rig.tx, time, 8), -ENETDOWN);
	assert_int_equal(baton_port_start(rig.port), 0);
	for (unsigned refused = 0; refused < 2; refused++) { /* and one with a tag, by the driver */
		offload_clear();
		for (unsigned i = 0; i < 8; i++)
			t[i] = one(i);
		assert_int_equal(baton_tx_burst(rig.tx, t, 8), 8);
		assert_int_equal(baton_tx_times(rig.tx, time, 8), 8);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(time[i].cookie, i);
		t[0] = one(100);
		baton_side(rig.worker, t[0])->valid |= BATON_SIDE_VLAN;
		queue_of(rig.tx)->active_burst = refuse;
		assert_int_equal(baton_tx_burst(rig.tx, t, 1), 1);
		queue_of(rig.tx)->active_burst = offload_sink;
		assert_int_equal(baton_tx_times(rig.tx, time, 8), 0);
	}
	offload_close_rig();
}

/* Entries of other versions begin alike, and what this one has not is 0. */
static void
other_sizes(void **state)
{
	offload_open_rig(0, 4096);
	offload_start(ASK, 0, 0);
	for (size_t size = 4; size < 2 * sizeof(struct baton_tx_time); size += 4) {
		const size_t n = size < sizeof(uint64_t) ? size : sizeof(uint64_t);
		uint8_t *out = malloc(2 * size + 1);

		for (uint64_t i = 0; i < 2; i++)
			t[i] = one(0x0102030405060708 + i);
		assert_int_equal(baton_tx_burst(rig.tx, t, 2), 2);
		memset(out, 0xee, 2 * size + 1);
		assert_int_equal(baton_tx_times_(rig.tx, (void *)out, 2, size), 2);
		for (uint64_t i = 0; i < 2; i++) {
			const uint64_t cookie = 0x0102030405060708 + i;

			assert_memory_equal(out + i * size, &cookie, n);
			for (size_t k = sizeof(struct baton_tx_time); k < size; k++)
				assert_int_equal(out[i * size + k], 0);
		}
		assert_int_equal(out[2 * size], 0xee);
		free(out);
	}
	offload_close_rig();
}

static void
refused(void **state)
{
	struct baton_tx_time time;

	offload_open_rig(0, 4096);
	offload_start(ASK, 0, 0);
	assert_int_equal(baton_tx_times(rig.tx, NULL, 1), -EINVAL);
	assert_int_equal(baton_tx_times(rig.tx, NULL, 0), 0);
	assert_int_equal(baton_port_stop(rig.port), 0);
	offload_start(TX, 0, 0);
	assert_int_equal(baton_tx_times(rig.tx, &time, 1), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "BATON_OFFLOAD_TX_TIME"));
	/* And it changes nothing about a packet that asks. */
	t[0] = one(1);
	assert_int_equal(baton_tx_burst(rig.tx, t, 1), 1);
	offload_close_rig();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets), cmocka_unit_test(nobody_reads),
		cmocka_unit_test(never_left),     cmocka_unit_test(other_sizes),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
