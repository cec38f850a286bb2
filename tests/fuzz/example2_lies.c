/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzzer's EXN2 says that is not true. */
#include "example2.h"

/* ---- receiving: lies that must be noticed ---- */

static uint64_t
rx_done(const struct fdev_queue *q, unsigned ring, uint32_t place, uint32_t len)
{
	return (ring ? DONE_REST : 0) | (uint64_t)place << DONE_PLACE | (uint64_t)len << DONE_LEN;
}

/* A buffer of a packet that goes on. */
static void
go_on(struct fdev_queue *q, unsigned ring)
{
	fdev_say(q, rx_done(q, ring, fdev_place(q, ring, 0), 20));
	q->ring[ring].used++;
}

/* A look ahead ends before the lie, and a burst at it. */
static void
must_stop(struct fuzz *f, unsigned queue, const char *lie)
{
	fuzz_app_peek(f, queue, 8);
	fuzz_must_stop(f, queue, lie, false);
}

/* A length that no buffer has, alone or in a packet's second buffer; all ones. */
static void
lie_about_length(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	struct fdev_queue *q = &fdev.queue[queue];
	const uint32_t more = q->room + 1 + value % (0xffff - q->room);
	const unsigned second = how == 2;

	if (second && f->rig->info.rx_max_segs < 2)
		return;
	if (second)
		go_on(q, 0);
	fdev_say(q, how == 1 ? UINT64_MAX
			     : DONE_LAST | rx_done(q, second, fdev_place(q, second, 0), more));
	must_stop(f, queue, how == 1 ? "all ones" : "length");
}

/* As many buffers as the longest packet takes, and no end. */
static void
lie_about_end(struct fuzz *f, unsigned queue, uint32_t value)
{
	struct fdev_queue *q = &fdev.queue[queue];
	const unsigned most = f->rig->info.rx_max_segs;

	if (fdev_left(q, 1) + 1 < most)
		return;
	for (unsigned n = value & 1 ? fdev_left(q, 1) + 1 : most, i = 0; i < n; i++)
		go_on(q, i > 0);
	must_stop(f, queue, "a packet without an end");
}

/* FIRST has one buffer fewer than are completed. A burst that ended before that would post it. */
static void
lie_about_number(struct fuzz *f, unsigned queue)
{
	struct fdev_queue *q = &fdev.queue[queue];

	if (fdev_left(q, 0) + f->rig->info.rx_max_segs > FUZZ_BURST)
		return;
	while (fdev_left(q, 0)) {
		fdev.pci.rx[queue].mark = FUZZ_PLAIN;
		fdev.pci.rx[queue].total = 0;
		fdev.pci.rx[queue].packet = (struct fuzz_packet){ .seed = f->seed++ & 0x7f };
		fuzz_pci_part(f, queue, 60, true);
	}
	fdev_say(q, DONE_LAST | rx_done(q, 0, fdev_place(q, 0, 0), 60));
	must_stop(f, queue, "more than was posted");
}

/* The place: @how 0: that FIRST has not, and would be the one of REST that is due, 1: the same of
 * REST, 2: out of turn, 3: completed already, 4: due in the other ring. @ring: of which. */
static void
lie_about_place(struct fuzz *f, unsigned queue, unsigned how, unsigned ring, uint32_t value)
{
	static const char *const what[] = { "a place that is none", "a place that is none",
					    "out of turn", "twice", "a place of the other ring" };
	struct fdev_queue *q = &fdev.queue[queue];
	uint32_t place = fdev_place(q, ring, 0);

	switch (how) {
	case 0:
		ring = 0;
		place = q->places + fdev_place(q, 1, value & 1 ? value >> 1 : 0);
		break;
	case 1:
		place = q->places + value % (0x10000 - q->places);
		break;
	case 2:
		place = fdev_place(q, ring, 1 + value % (q->places - 1));
		break;
	case 3:
		place = fdev_place(q, ring, q->places - 1);
		break;
	default:
		if (place == fdev_place(q, !ring, 0))
			return;
		ring = !ring;
		break;
	}
	if (ring && f->rig->info.rx_max_segs < 2)
		return;
	if (ring && value & 2)
		go_on(q, 0);
	fdev_say(q, DONE_LAST | rx_done(q, ring, place, 60));
	must_stop(f, queue, what[how]);
}

static void
lie_to_rx(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value)
{
	struct fdev_queue *q = &fdev.queue[queue];

	fdev_scan(f, queue);
	if (!fuzz_pci_close(f, queue))
		return;
	if (kind && how % 8 < 2)
		fuzz_pci_settle(f, queue); /* all that can be is posted */
	if (!fuzz_honest(f, queue) || fdev_left(q, 0) < 2 || fdev_left(q, 1) < 2)
		return;
	if (!kind)
		lie_about_length(f, queue, how % 3, value);
	else if (how % 8 == 0)
		lie_about_end(f, queue, value);
	else if (how % 8 == 1)
		lie_about_number(f, queue);
	else
		lie_about_place(f, queue, (how % 8 - 2) % 5, how >> 3 & 1, value);
}

/* ---- sending: lies that must be noticed ---- */

/* A place that no packet in flight has, or the middle of one. Return: -1: there is none. */
static int
tx_place(const struct fdev_queue *q, bool middle, uint32_t from)
{
	for (unsigned i = 0; !middle && i < q->places; i++)
		if (!q->busy[(from + i) & (q->places - 1)])
			return (int)((from + i) & (q->places - 1));
	for (unsigned i = 0; middle && i < q->n_flight; i++)
		if (q->flight[i].descs > 1)
			return (int)((q->flight[i].first + 1 + from % (q->flight[i].descs - 1u)) &
				     (q->places - 1));
	return -1;
}

/* The driver has the records of a whole turn, and the next place is due. */
static void
lie_about_packets(struct fuzz *f, unsigned queue, uint32_t value)
{
	struct fdev_queue *q = &fdev.queue[queue];

	for (unsigned i = 0; value & 1 && q->places <= 16 && i <= q->places / 8; i++) {
		fuzz_app_send(f, queue, 8, 1);
		fdev_scan(f, queue);
		while (q->n_flight)
			fdev_sent(f, queue, 0, false);
		fuzz_app_drain(f, queue);
	}
	fuzz_pci_settle(f, queue);
	if (!fuzz_honest(f, queue) || q->n_flight == q->places)
		return;
	while (q->n_flight)
		fdev_sent(f, queue, 0, false);
	fdev_say(q, (uint64_t)(q->ring[0].seen & (q->places - 1)) << DONE_PLACE);
	fuzz_must_stop(f, queue, "more than was sent", true);
}

/* The packet before it is in flight. */
static void
lie_about_twice(struct fuzz *f, unsigned queue)
{
	struct fdev_queue *q = &fdev.queue[queue];
	uint16_t first;

	if (q->n_flight < 2)
		fuzz_app_send(f, queue, 2, 1);
	fdev_scan(f, queue);
	if (q->n_flight < 2 || !fuzz_honest(f, queue))
		return;
	first = q->flight[1].first;
	fdev_sent(f, queue, 1, false);
	fdev_say(q, (uint64_t)first << DONE_PLACE);
	fuzz_must_stop(f, queue, "a packet twice", false);
}

static void
lie_to_tx(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	static const char *const what[] = { "a place that is none", "all ones", "not in flight",
					    "not a first descriptor" };
	struct fdev_queue *q = &fdev.queue[queue];
	int place = -1;

	fdev_scan(f, queue);
	if (how % 6 == 4) {
		lie_about_packets(f, queue, value);
		return;
	}
	if (how % 6 == 5) {
		lie_about_twice(f, queue);
		return;
	}
	/* Without one, a completion is one too many. */
	if (how % 6 == 3 ? tx_place(q, true, 0) < 0 : !q->n_flight)
		fuzz_app_send(f, queue, 2, how % 6 == 3 ? 2 : 1);
	fdev_scan(f, queue);
	if (!q->n_flight || !fuzz_honest(f, queue))
		return;
	if (how % 6 == 0)
		place = (int)(q->places + value % (0x10000 - q->places));
	else if (how % 6 == 1)
		place = 0xffff;
	else
		place = tx_place(q, how % 6 == 3, value);
	if (place < 0)
		return;
	fdev_say(q, how % 6 == 1 ? UINT64_MAX : (uint64_t)(uint32_t)place << DONE_PLACE);
	fuzz_must_stop(f, queue, what[how % 6], false);
}

/* 0: lengths, 1: places and numbers, 2 and 0, 1 of TX: places and numbers there. */
void
fdev_lie(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value)
{
	if (queue < FUZZ_PAIRS)
		lie_to_rx(f, queue, kind, how, value);
	else
		lie_to_tx(f, queue, how, value);
}

/* ---- writes of all kinds ---- */

void
fdev_scribble(struct fuzz *f, unsigned queue, unsigned where, uint32_t value)
{
	struct fdev_queue *q = &fdev.queue[queue];
	const unsigned ring = queue < FUZZ_PAIRS ? value >> 15 & 1 : 0,
		       place = (value >> 16) & (q->places - 1);
	uint64_t *done = &q->done[(value >> 16) % q->done_places];

	switch (where % 8) {
	case 0:
		*done = value;
		break;
	case 1:
		*done ^= 1ull << value % 64;
		break;
	case 2: /* one that is there: of the place that is due, or another */
		fdev_say(q, (value & 0x3e) |
				    (uint64_t)((fdev_place(q, ring, value >> 6 & 3)) & 0xffff)
					    << DONE_PLACE |
				    (uint64_t)(value >> 16) << DONE_LEN);
		break;
	case 3:
		q->ring[ring].desc[place] = value;
		break;
	case 4:
		*done = UINT64_MAX;
		break;
	case 5:
		*done = 0;
		break;
	case 6:
		for (unsigned i = 0; i < q->done_places; i++)
			q->done[i] = value & 2 ? q->done[i] ^ DONE_TURN
					       : (q->done[i] & ~DONE_TURN) | (value & 1);
		break;
	default:
		fuzz_pci_scribble(f, queue, q->ring[ring].given[place][0], value);
		break;
	}
}
