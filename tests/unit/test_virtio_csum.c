/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksum offload of net_virtio_user, both ways, with and without the device's help, and devices
 * that lie about it. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CSUM_FEATURES (FAKEDEV_FEATURES | FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM)

#define PATIENCE 5000 /* ms: nothing here is about a late answer */

#define NEEDS_CSUM 1
#define DATA_VALID 2
#define RSC_INFO   4

static const struct rig_config offloaded = {
	.mtu = 4000,
	.timeout_ms = PATIENCE,
	.fakedev.features = CSUM_FEATURES,
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM,
};
static const struct rig_config single = {
	.args = ",mrg_rxbuf=0",
	.timeout_ms = PATIENCE,
	.fakedev.features = CSUM_FEATURES,
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM,
};
static const struct rig_config scalar = {
	.args = ",vectorized=0",
	.mtu = 4000,
	.timeout_ms = PATIENCE,
	.fakedev.features = CSUM_FEATURES,
	.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM,
};
static const struct rig_config software = { .mtu = 4000,
					    .timeout_ms = PATIENCE,
					    .fakedev.features = CSUM_FEATURES };

static enum baton_csum
l4(struct baton_token t)
{
	return (enum baton_csum)(t.flags >> BATON_TOKEN_L4_SHIFT & 3);
}

/* ---- TX ---- */

/* Ask for a checksum of everything from @start on, @offset bytes further. */
static void
ask(const struct rig *r, struct baton_token *t, unsigned l2, unsigned l3, unsigned offset)
{
	struct baton_side *side = baton_side(r->worker, *t);

	*side = (struct baton_side){ .valid = BATON_SIDE_CSUM,
				     .l2_len = (uint16_t)l2,
				     .l3_len = (uint16_t)l3,
				     .csum_offset = (uint16_t)offset };
	t->flags |= BATON_TOKEN_SIDE | BATON_CSUM_PARTIAL << BATON_TOKEN_L4_SHIFT;
}

/* RFC 1071 byte by byte, big-endian, as a receiver does it. */
static uint16_t
sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void
finish(struct rig *r, struct baton_token *t, unsigned n, struct wire_net_header *header,
       uint8_t *got, size_t len)
{
	size_t size = RIG_FRAME_MAX;
	int head;

	assert_int_equal(baton_tx_burst(r->tx, t, n), n);
	head = fakedev_tx_collect(r->fakedev, FAKEDEV_TX, header, got, &size);
	assert_true(head >= 0);
	assert_int_equal(size, len);
	fakedev_complete(r->fakedev, FAKEDEV_TX, (uint32_t)head, 0);
	rig_clean(r, RIG_BURST, n);
}

/* The device is told where; the bytes are as they were. */
static void
tx_by_the_device(void **state)
{
	static const size_t segs[] = { 0, 700, 101, 63 };
	uint8_t frame[1000], got[RIG_FRAME_MAX];
	struct wire_net_header h;
	struct rig r;

	rig_up(&r, &offloaded);
	assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_CSUM);
	for (unsigned i = 0; i < 600; i++) {
		struct baton_token t[RIG_BURST];
		const size_t len = 60 + i;
		unsigned n;

		rig_frame(frame, len, i);
		n = rig_packet(&r, frame, len, segs[i & 3], t);
		ask(&r, &t[0], 14, 20, i & 4 ? 16 : 6);
		finish(&r, t, n, &h, got, len);
		assert_memory_equal(got, frame, len);
		assert_int_equal(h.flags, NEEDS_CSUM);
		assert_int_equal(h.gso_type, 0);
		assert_int_equal(h.csum_start, 34);
		assert_int_equal(h.csum_offset, i & 4 ? 16 : 6);
		/* The next one asks for nothing, and its header is clean. */
		rig_roundtrip_tx(&r, 64, i);
	}
	rig_down(&r);
}

/* The driver does it: at every place and in pieces of every kind; what leaves sums up to all ones.
 */
static void
tx_by_software(const struct rig_config *config, uint16_t off)
{
	static const size_t segs[] = { 0, 1, 2, 3, 17, 64, 333 };
	uint8_t frame[200], got[RIG_FRAME_MAX];
	const struct wire_net_header zero = { 0 };
	struct wire_net_header h;
	struct rig r;

	rig_up(&r, config);
	if (off != UINT16_MAX &&
	    rig_bounced(&r)) { /* a slot has room for it: test_virtio_bounce_tx */
		rig_down(&r);
		return;
	}
	for (unsigned i = 0; i < 2000; i++) {
		const size_t seg = segs[i % 7];
		const size_t len = seg && seg < 4 ? 14 + i % 14 : 40 + i % 160, start = i % 13;
		const unsigned offset = i * 7 % (unsigned)(len - start - 1);
		struct baton_token t[RIG_BURST];
		unsigned n;

		rig_frame(frame, len, i);
		n = rig_packet(&r, frame, len, seg, t);
		if (off != UINT16_MAX) {
			void *from = baton_data(r.worker, t[0]);

			t[0].off = off;
			memmove(baton_data(r.worker, t[0]), from, t[0].len);
		}
		ask(&r, &t[0], 0, (unsigned)start, offset);
		finish(&r, t, n, &h, got, len);
		assert_memory_equal(&h, &zero, sizeof(h));
		/* The field at an odd distance has its halves in two words: compare with those
		 * turned. */
		memcpy(frame + start + offset, got + start + offset, 2);
		assert_memory_equal(got, frame, len);
		if (!(offset & 1)) {
			uint8_t back[200];
			uint16_t want;

			rig_frame(back, len, i);
			want = (uint16_t)~sum(back + start, len - start);
			if (!want)
				want = 0xffff;
			assert_int_equal(got[start + offset] << 8 | got[start + offset + 1], want);
		}
	}
	rig_down(&r);
}

static void
tx_without_the_offload(void **state)
{
	tx_by_software(&software, UINT16_MAX);
}

/* The header has no place of its own. */
static void
tx_without_headroom(void **state)
{
	tx_by_software(&offloaded, 3);
}

/* A sum of zero is sent as all ones, or UDP takes it for none. */
static void
tx_never_zero(void **state)
{
	uint8_t frame[60] = { 0 }, got[RIG_FRAME_MAX];
	struct baton_token t[RIG_BURST];
	struct wire_net_header h;
	struct rig r;

	rig_up(&r, &software);
	frame[50] = 0xff;
	frame[51] = 0xff;
	rig_packet(&r, frame, sizeof(frame), 0, t);
	ask(&r, &t[0], 14, 20, 6);
	finish(&r, t, 1, &h, got, sizeof(frame));
	assert_int_equal(got[40] << 8 | got[41], 0xffff);
	rig_down(&r);
}

/* Requests that cannot be met: nothing has changed, the token is still the caller's. */
static void
tx_bad_requests(void **state)
{
	static const uint16_t bad[][3] = { { 14, 20, 65 },          { 14, 85, 0 },   { 99, 0, 0 },
					   { 65535, 65535, 65535 }, { 65535, 1, 0 }, { 0, 0, 99 },
					   { 0, 0, 65535 } };
	const struct rig_config *configs[] = { &offloaded, &software, &scalar };

	for (unsigned k = 0; k < 3 * sizeof(bad) / sizeof(bad[0]); k++) {
		const uint16_t *b = bad[k / 3];
		struct baton_token t[20];
		uint8_t frame[100];
		struct rig r;

		rig_up(&r, configs[k % 3]);
		rig_frame(frame, sizeof(frame), k);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(rig_packet(&r, frame, sizeof(frame), 0, &t[i]), 1);
		ask(&r, &t[9], b[0], b[1], b[2]);
		assert_int_equal(baton_tx_burst(r.tx, t, 20), 9);
		assert_int_equal(baton_tx_burst(r.tx, t + 9, 11), -EINVAL);
		assert_int_equal(rig_stats(&r).tx_errors, 1);
		t[9].flags &= (uint8_t)~BATON_TOKEN_SIDE;
		assert_int_equal(baton_tx_burst(r.tx, t + 9, 11), -EINVAL);
		assert_non_null(strstr(baton_last_error(), "side record"));
		assert_memory_equal(baton_data(r.worker, t[9]), frame, sizeof(frame));
		ask(&r, &t[9], 14, 20, 64); /* its last two bytes */
		assert_int_equal(baton_tx_burst(r.tx, t + 9, 11), 11);
		rig_down(&r);
	}
}

/* ---- RX ---- */

/* Write a frame of several buffers with these flags, and publish it. */
static void
inject_long(struct rig *r, const uint8_t *frame, uint16_t len, unsigned flags, unsigned start)
{
	struct wire_net_header h = { .flags = (uint8_t)flags, .csum_start = (uint16_t)start };
	uint8_t bytes[FAKEDEV_HEADER + 9014];
	unsigned heads[8], n = 0;
	size_t room[8], left = FAKEDEV_HEADER + len, at = 0;

	assert_in_range(len, 1, sizeof(bytes) - FAKEDEV_HEADER);
	for (; left; n++) {
		int head = fakedev_pop(r->fakedev, FAKEDEV_RX);

		assert_true(head >= 0 && n < 8);
		heads[n] = (unsigned)head;
		room[n] = fakedev_room(r->fakedev, FAKEDEV_RX, heads[n]);
		room[n] = room[n] < left ? room[n] : left;
		left -= room[n];
	}
	h.num_buffers = (uint16_t)n;
	memcpy(bytes, &h, FAKEDEV_HEADER);
	memcpy(bytes + FAKEDEV_HEADER, frame, len);
	for (unsigned i = 0; i < n; at += room[i++]) {
		fakedev_write(r->fakedev, FAKEDEV_RX, heads[i], 0, bytes + at, room[i]);
		fakedev_put(r->fakedev, FAKEDEV_RX, i, heads[i], (uint32_t)room[i]);
	}
	fakedev_publish(r->fakedev, FAKEDEV_RX, n);
}

/* Of long packets in one burst any one is dropped for its checksum; the others arrive whole. */
static void
rx_drops_among_long_packets(void **state)
{
	struct rig_config c = offloaded;
	static uint8_t frame[4][9014], got[9014];
	struct rig r;

	c.mtu = 9000;
	c.pool_count = 2048;
	rig_up(&r, &c);
	for (unsigned bad = 0; bad < 16; bad++) { /* a bit for each packet */
		const uint16_t len[4] = { 9014, 5000, 3000, 7000 };
		struct baton_token t[RIG_BURST];
		unsigned at = 0;
		int n;

		for (unsigned i = 0; i < 4; i++) {
			rig_frame(frame[i], len[i], bad * 4 + i);
			inject_long(&r, frame[i], len[i], bad >> i & 1 ? NEEDS_CSUM : 0,
				    bad >> i & 1 ? 60000 : 0);
		}
		n = baton_rx_burst(r.rx, t, RIG_BURST);
		assert_true(n >= 0);
		for (unsigned i = 0; i < 4; i++) {
			unsigned segs = 1;

			if (bad >> i & 1)
				continue;
			assert_true(at < (unsigned)n);
			while (t[at + segs - 1].flags & BATON_TOKEN_CONT)
				segs++;
			assert_int_equal(rig_gather(&r, t + at, segs, got), len[i]);
			assert_memory_equal(got, frame[i], len[i]);
			at += segs;
		}
		assert_int_equal(at, n);
		assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), n);
		assert_int_equal(baton_free(r.worker, t, (unsigned)n), 0);
	}
	assert_int_equal(rig_stats(&r).rx_packets, 32);
	assert_int_equal(rig_stats(&r).violations, 0);
	rig_down(&r);
}

/* One packet with this header, in a burst among others. */
static int
receive(struct rig *r, const struct wire_net_header *h, const uint8_t *frame, size_t len,
	unsigned at, struct baton_token *t)
{
	const struct wire_net_header plain = { .num_buffers = 1 };

	for (unsigned i = 0; i < 24; i++) {
		int head = fakedev_rx_write(r->fakedev, FAKEDEV_RX, frame, len, 1);

		assert_true(head >= 0);
		fakedev_write(r->fakedev, FAKEDEV_RX, (unsigned)head, 0, i == at ? h : &plain,
			      sizeof(*h));
		fakedev_complete(r->fakedev, FAKEDEV_RX, (uint32_t)head,
				 FAKEDEV_HEADER + (uint32_t)len);
	}
	return baton_rx_burst(r->rx, t, RIG_BURST);
}

struct rx_case {
	struct wire_net_header h;
	int verdict; /* -1: dropped */
};

static const struct rx_case rx_cases[] = {
	{ { .flags = 0 }, BATON_CSUM_UNKNOWN },
	{ { .flags = DATA_VALID }, BATON_CSUM_GOOD },
	{ { .flags = DATA_VALID,
	    .csum_start = 9999,
	    .csum_offset = 9999,
	    .hdr_len = 9999,
	    .gso_size = 9 },
	  BATON_CSUM_GOOD },
	{ { .flags = 0xf8 }, BATON_CSUM_UNKNOWN }, /* unknown: ignored */
	{ { .flags = 0xf8 | DATA_VALID }, BATON_CSUM_GOOD },
	{ { .flags = RSC_INFO, .csum_start = 3 }, BATON_CSUM_UNKNOWN },
	{ { .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 }, BATON_CSUM_PARTIAL },
	{ { .flags = NEEDS_CSUM | DATA_VALID, .csum_start = 34, .csum_offset = 6 },
	  BATON_CSUM_PARTIAL },
	{ { .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 64 },
	  BATON_CSUM_PARTIAL }, /* the last two bytes */
	{ { .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 65 }, -1 },
	{ { .flags = NEEDS_CSUM, .csum_start = 99, .csum_offset = 0 }, -1 },
	{ { .flags = NEEDS_CSUM, .csum_start = 100, .csum_offset = 0 }, -1 },
	{ { .flags = NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 }, -1 },
	{ { .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 65502 }, -1 },
	{ { .flags = NEEDS_CSUM, .csum_start = 13, .csum_offset = 16 }, -1 },
	{ { .flags = NEEDS_CSUM | RSC_INFO, .csum_start = 34, .csum_offset = 16 }, -1 },
	{ { .gso_type = 1, .gso_size = 1448 }, -1 }, /* nobody negotiated a segmentation */
	{ { .flags = NEEDS_CSUM, .gso_type = 4, .csum_start = 34, .csum_offset = 16 }, -1 },
	{ { .gso_type = 0x80 }, -1 },
	{ { .flags = DATA_VALID, .gso_type = 255 }, -1 },
};

static void
rx_case(struct rig *r, const struct rx_case *c, unsigned at)
{
	struct baton_token t[RIG_BURST];
	struct wire_net_header h = c->h;
	const uint64_t errors = rig_stats(r).rx_errors;
	const bool dropped = c->verdict < 0;
	uint8_t frame[100];

	h.num_buffers = 1;
	rig_frame(frame, sizeof(frame), at);
	assert_int_equal(receive(r, &h, frame, sizeof(frame), at, t), 24 - dropped);
	assert_int_equal(rig_stats(r).rx_errors - errors, dropped);
	for (unsigned i = 0; i < 24u - dropped; i++) {
		const struct baton_side *side = baton_side(r->worker, t[i]);

		assert_int_equal(l4(t[i]), dropped || i != at ? BATON_CSUM_UNKNOWN : c->verdict);
		assert_int_equal(t[i].len, sizeof(frame));
		assert_memory_equal(baton_data(r->worker, t[i]), frame, sizeof(frame));
		assert_int_equal(!!(t[i].flags & BATON_TOKEN_SIDE), l4(t[i]) == BATON_CSUM_PARTIAL);
		if (l4(t[i]) != BATON_CSUM_PARTIAL)
			continue;
		assert_int_equal(side->l2_len + side->l3_len, c->h.csum_start);
		assert_int_equal(side->l2_len, 14);
		assert_int_equal(side->csum_offset, c->h.csum_offset);
		assert_int_equal(side->vlan_tci, 0);
	}
	assert_int_equal(baton_free(r->worker, t, 24u - dropped), 0);
}

static void
rx_verdicts(void **state)
{
	const struct rig_config *configs[] = { &offloaded, &single, &scalar };

	for (unsigned k = 0; k < 3; k++) {
		struct rig r;

		rig_up(&r, configs[k]);
		assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_GUEST_CSUM);
		for (unsigned i = 0; i < sizeof(rx_cases) / sizeof(rx_cases[0]); i++)
			for (unsigned at = 0; at < 24; at += 5)
				rx_case(&r, &rx_cases[i], at);
		assert_int_equal(rig_stats(&r).violations, 0);
		rig_down(&r);
	}
}

/* A checksum in the second buffer of a packet, or behind it. */
static void
rx_merged(void **state)
{
	struct wire_net_header h = { .flags = NEEDS_CSUM, .csum_start = 2000, .num_buffers = 2 };
	uint8_t frame[3000];
	struct rig r;

	rig_up(&r, &offloaded);
	rig_frame(frame, sizeof(frame), 1);
	for (unsigned offset = 990; offset < 1010; offset++) {
		const bool good = 2000 + offset + 2 <= sizeof(frame);
		struct baton_token t[RIG_BURST];
		const uint32_t held = rig_held(&r, BATON_HOLDER_CPU);
		unsigned head;
		size_t room;

		h.csum_offset = (uint16_t)offset;
		head = (unsigned)fakedev_pop(r.fakedev, FAKEDEV_RX);
		room = fakedev_room(r.fakedev, FAKEDEV_RX, head);
		fakedev_write(r.fakedev, FAKEDEV_RX, head, 0, &h, sizeof(h));
		fakedev_write(r.fakedev, FAKEDEV_RX, head, sizeof(h), frame, room - sizeof(h));
		fakedev_put(r.fakedev, FAKEDEV_RX, 0, head, (uint32_t)room);
		head = (unsigned)fakedev_pop(r.fakedev, FAKEDEV_RX);
		fakedev_write(r.fakedev, FAKEDEV_RX, head, 0, frame + room - sizeof(h),
			      sizeof(frame) + sizeof(h) - room);
		fakedev_put(r.fakedev, FAKEDEV_RX, 1, head,
			    (uint32_t)(sizeof(frame) + sizeof(h) - room));
		fakedev_publish(r.fakedev, FAKEDEV_RX, 2);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), good ? 2 : 0);
		if (good) {
			assert_int_equal(l4(t[0]), BATON_CSUM_PARTIAL);
			assert_int_equal(l4(t[1]), BATON_CSUM_UNKNOWN);
			assert_int_equal(baton_free(r.worker, t, 2), 0);
		}
		assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), held);
		rig_check_sum(&r);
	}
	assert_int_equal(rig_stats(&r).rx_errors, 11);
	rig_down(&r);
}

/* Not asked for: not negotiated, and the header's flags are nobody's business. */
static void
rx_not_asked_for(void **state)
{
	struct wire_net_header h = { .flags = DATA_VALID, .num_buffers = 1 };
	struct baton_token t[RIG_BURST];
	uint8_t frame[100];
	struct rig r;

	rig_up(&r, &software);
	assert_false(fakedev_features(r.fakedev) & (FAKEDEV_F_CSUM | FAKEDEV_F_GUEST_CSUM));
	rig_frame(frame, sizeof(frame), 1);
	assert_int_equal(receive(&r, &h, frame, sizeof(frame), 3, t), 24);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(t[i].flags, 0);
	assert_int_equal(baton_free(r.worker, t, 24), 0);
	rig_down(&r);
}

/* What comes in without its checksum goes out without it, or is completed on the way. */
static void
forwarded(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		struct wire_net_header h = {
			.flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16, .num_buffers = 1
		};
		struct rig_config c = offloaded;
		struct baton_token t[RIG_BURST];
		uint8_t frame[100], got[RIG_FRAME_MAX];
		struct rig r;

		if (k)
			c.offloads = BATON_OFFLOAD_RX_CSUM;
		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), 1);
		assert_int_equal(receive(&r, &h, frame, sizeof(frame), 0, t), 24);
		assert_int_equal(baton_free(r.worker, t + 1, 23), 0);
		finish(&r, t, 1, &h, got, sizeof(frame));
		assert_int_equal(h.flags, k ? 0 : NEEDS_CSUM);
		assert_int_equal(h.csum_start, k ? 0 : 34);
		assert_int_equal(h.csum_offset, k ? 0 : 16);
		if (!k)
			assert_memory_equal(got, frame, sizeof(frame));
		else
			assert_int_equal(got[50] << 8 | got[51], (uint16_t)~sum(frame + 34, 66));
		rig_down(&r);
	}
}

/* Asked for where the device has none: software does it. */
static void
not_offered(void **state)
{
	struct rig_config c = { .timeout_ms = PATIENCE,
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_CSUM,
				.offloads = BATON_OFFLOAD_RX_CSUM };
	struct baton_port_info info;
	struct rig r;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), 0);
	baton_port_info(r.port, &info);
	assert_int_equal(info.offloads, BATON_OFFLOAD_TX_CSUM);
	assert_true(info.soft_offloads & BATON_OFFLOAD_RX_CSUM);
	assert_int_equal(rig_start(&r), 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tx_by_the_device),
		cmocka_unit_test(tx_without_the_offload),
		cmocka_unit_test(tx_without_headroom),
		cmocka_unit_test(tx_never_zero),
		cmocka_unit_test(tx_bad_requests),
		cmocka_unit_test(rx_verdicts),
		cmocka_unit_test(rx_drops_among_long_packets),
		cmocka_unit_test(rx_merged),
		cmocka_unit_test(rx_not_asked_for),
		cmocka_unit_test(forwarded),
		cmocka_unit_test(not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
