/* SPDX-License-Identifier: BSD-3-Clause */
/* A look at packets says what the burst after it brings: on direct and bounced rings, whatever the
 * device completes, and in whatever order. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS   2500
#define OFFLOADS (BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM)

static uint64_t seed_now = 1;

static unsigned
below(unsigned n)
{
	seed_now = seed_now * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed_now >> 33) % n;
}

/* Up to 8 packets, good and bad, in any order unless @in_order, some of them over several buffers.
 * Return: buffers. */
static unsigned
complete_some(struct rig *r, bool in_order, bool mergeable, bool csum)
{
	static uint8_t frame[9014];
	uint32_t id[64], len[64];
	unsigned packets = below(9), n = 0, first[9], order[9];

	for (unsigned p = 0; p < packets; p++) {
		const unsigned segs = mergeable && !below(4) ? 2 + below(4) : 1;
		struct wire_net_header h = { .num_buffers = mergeable ? (uint16_t)segs : 0 };

		first[p] = n;
		if (csum && !below(3)) { /* good, without a meaning, and impossible */
			h.flags = (uint8_t)below(8);
			h.gso_type = below(5) ? 0 : (uint8_t)below(256);
			h.csum_start = (uint16_t)below(100);
			h.csum_offset = (uint16_t)below(100);
		}
		for (unsigned s = 0; s < segs; s++, n++) {
			const uint32_t head = s ? 0 : FAKEDEV_HEADER;
			/* The last of a packet may be short, the others need not be full; without a
			 * byte, one is none. */
			const uint32_t bytes = below(8) ? 1 + below(1500) : below(20) + !!s;

			id[n] = (uint32_t)fakedev_pop(r->fakedev, FAKEDEV_RX);
			rig_frame(frame, sizeof(frame), (uint32_t)(seed_now >> 20));
			if (!s)
				fakedev_write(r->fakedev, FAKEDEV_RX, id[n], 0, &h, FAKEDEV_HEADER);
			fakedev_write(r->fakedev, FAKEDEV_RX, id[n], head, frame, bytes);
			len[n] = head + bytes;
		}
	}
	first[packets] = n;
	for (unsigned p = 0; p < packets; p++)
		order[p] = p;
	for (unsigned p = packets; !in_order && p > 1;
	     p--) { /* packets change places, their buffers stay together */
		unsigned other = below(p), keep = order[p - 1];

		order[p - 1] = order[other];
		order[other] = keep;
	}
	for (unsigned p = 0, at = 0; p < packets; p++)
		for (unsigned k = first[order[p]]; k < first[order[p] + 1]; k++)
			fakedev_put(r->fakedev, FAKEDEV_RX, at++, id[k], len[k]);
	fakedev_publish(r->fakedev, FAKEDEV_RX, n);
	return n;
}

static void
agree(struct rig *r)
{
	struct baton_peek peeks[64];
	static uint8_t bytes[64][600], packet[RIG_FRAME_MAX];
	struct baton_token t[RIG_BURST];
	const uint16_t room = (uint16_t)below(601);
	int seen, n, at = 0;

	for (unsigned i = 0; i < 64; i++) {
		peeks[i] = (struct baton_peek){ .data = below(10) ? bytes[i] : NULL, .room = room };
		memset(bytes[i], 0xa5, sizeof(bytes[i]));
	}
	seen = baton_rx_peek(r->rx, peeks, 64);
	assert_true(seen >= 0);
	n = baton_rx_burst(r->rx, t, RIG_BURST);
	assert_true(n >= 0);
	for (int i = 0; i < seen; i++) {
		unsigned segs = baton_packet_segs(t + at, (unsigned)(n - at));
		size_t len = rig_gather(r, t + at, segs, packet), shown = len < room ? len : room;

		assert_int_equal(peeks[i].segs, segs);
		assert_int_equal(peeks[i].len, len);
		if (peeks[i].data) {
			assert_memory_equal(bytes[i], packet, shown);
			for (size_t k = shown; k < sizeof(bytes[i]); k++)
				assert_int_equal(bytes[i][k], 0xa5);
		}
		at += (int)segs;
	}
	assert_int_equal(at, n); /* all of them, and no others */
	if (n)
		assert_int_equal(baton_free(r->worker, t, (unsigned)n), 0);
}

static void
mixtures(const char *args, uint64_t features, bool csum)
{
	struct rig_config c = { .args = args,
				.mtu = features & FAKEDEV_F_MRG_RXBUF ? 9000 : 1500,
				.fakedev.features = features,
				.offloads = csum ? OFFLOADS : 0 };
	struct rig r;

	rig_up(&r, &c);
	for (unsigned i = 0; i < ROUNDS; i++) {
		complete_some(&r, features & FAKEDEV_F_IN_ORDER, features & FAKEDEV_F_MRG_RXBUF,
			      csum);
		agree(&r);
		rig_check_sum(&r);
	}
	assert_int_equal(rig_stats(&r).violations, 0);
	assert_true(rig_stats(&r).rx_errors > 100);
	assert_true(rig_stats(&r).rx_packets > ROUNDS);
	rig_down(&r);
}

/* 4 x 2,500 mixtures of each. */
static void
all_mixtures(const char *args)
{
	mixtures(args, FAKEDEV_FEATURES, false);
	mixtures(args, FAKEDEV_FEATURES | FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM, true);
	mixtures(args,
		 (FAKEDEV_FEATURES | FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM) & ~FAKEDEV_F_MRG_RXBUF,
		 true);
	mixtures(args, FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER, false);
}

static void
agrees_direct(void **state)
{
	all_mixtures(NULL);
}

static void
agrees_bounced(void **state)
{
	all_mixtures(",bounce=always");
}

static void
agrees_shared(void **state)
{
	all_mixtures(",confine=on,window=0x100000000-0x10003ffff"); /* 256 KiB */
}

/* Under IN_ORDER a whole batch may be one element; those it skips are stale by the specification.
 */
static void
batches(void **state)
{
	static const char *const args[] = { NULL, ",bounce=always" };

	for (unsigned a = 0; a < 2; a++) {
		struct rig_config c = { .args = args[a],
					.fakedev.features = FAKEDEV_F_VERSION_1 |
							    FAKEDEV_F_PROTOCOL |
							    FAKEDEV_F_IN_ORDER };
		struct rig r;

		rig_up(&r, &c);
		for (uint32_t round = 0; round < 3000; round++) {
			const unsigned batch = 1 + round % 13;
			uint8_t frame[1000];
			int head = 0;

			for (unsigned i = 0; i < batch; i++) {
				rig_frame(frame, sizeof(frame), round);
				head = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, 500, 1);
				fakedev_put(r.fakedev, FAKEDEV_RX, i, 0xdeadbeef, 0xdeadbeef);
			}
			fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)head, FAKEDEV_HEADER + 500);
			fakedev_publish(r.fakedev, FAKEDEV_RX, batch);
			agree(&r);
		}
		assert_int_equal(rig_stats(&r).violations, 0);
		rig_down(&r);
	}
}

/* What the burst will call a violation ends the look before it; the burst that brings what was seen
 * is still good. */
static void
ends_before_a_violation(void **state)
{
	static const char *const args[] = { NULL, ",bounce=always",
					    ",confine=on,window=0x100000000-0x10003ffff" };
	enum { ID, TWICE, SHORT, LONG, NONE, MANY, LIES };

	for (unsigned a = 0; a < 3 * LIES; a++) {
		struct rig_config c = { .args = args[a / LIES], .mtu = 9000 };
		struct baton_peek peeks[8] = { { 0 } };
		struct baton_token t[RIG_BURST];
		uint8_t frame[100];
		int head[4];
		struct rig r;

		rig_up(&r, &c);
		rig_roundtrip_rx(&r, 60, 1);
		for (unsigned i = 0; i < 4; i++) {
			rig_frame(frame, sizeof(frame), i);
			head[i] = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame),
						   i != 2             ? 1
						   : a % LIES == NONE ? 0
						   : a % LIES == MANY ? 300
								      : 1);
		}
		/* The second before the first, so that completions are out of order; the third is
		 * the lie, the fourth is good. */
		fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)head[1], FAKEDEV_HEADER + 100);
		fakedev_put(r.fakedev, FAKEDEV_RX, 1, (uint32_t)head[0], FAKEDEV_HEADER + 100);
		fakedev_put(r.fakedev, FAKEDEV_RX, 2,
			    a % LIES == ID      ? 256
			    : a % LIES == TWICE ? (uint32_t)head[1]
						: (uint32_t)head[2],
			    a % LIES == SHORT  ? 11
			    : a % LIES == LONG ? 5000
					       : FAKEDEV_HEADER + 100);
		fakedev_put(r.fakedev, FAKEDEV_RX, 3, (uint32_t)head[3], FAKEDEV_HEADER + 100);
		fakedev_publish(r.fakedev, FAKEDEV_RX, 4);
		for (unsigned again = 0; again < 2; again++)
			assert_int_equal(baton_rx_peek(r.rx, peeks, 8), 2);
		assert_int_equal(rig_stats(&r).violations, 0);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 2);
		assert_int_equal(baton_free(r.worker, t, 2), 0);
		assert_int_equal(rig_stats(&r).violations, 1);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), -EIO);
		assert_int_equal(baton_rx_peek(r.rx, peeks, 8), -EIO);
		rig_check_sum(&r);
		rig_roundtrip_tx(&r, 1000, 7);
		rig_down(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_direct),           cmocka_unit_test(agrees_bounced),
		cmocka_unit_test(agrees_shared),           cmocka_unit_test(batches),
		cmocka_unit_test(ends_before_a_violation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
