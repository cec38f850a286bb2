/* SPDX-License-Identifier: BSD-3-Clause */
/* The EXN2's rings: doorbells, packets, completions. */
#include "exn2_model.h"

#include <string.h>

enum { TX_LAST = 1 << 16, TX_SUM = 1 << 17 };
enum { STRIP = 1, TYPE = 2, PREFIX = 4 };

/* ---- posting ---- */

/* The words of the descriptor at @pos: one, for TX two. Return: false: an access failed. */
static bool
read_desc(struct exn2_model *m, const struct exn2_queue *q, const struct exn2_posting *r,
	  uint16_t pos, uint64_t words[2])
{
	const uint64_t at = r->base + (pos & (q->places - 1)) * (q->tx ? 16ull : 8ull);

	words[1] = 0;
	if (pci_model_read64(&m->pci, at, &words[0]) &&
	    (!q->tx || pci_model_read64(&m->pci, at + 8, &words[1])))
		return true;
	exn2_fail(m);
	return false;
}

static void
check_desc(struct exn2_model *m, const struct exn2_queue *q, uint16_t place, const uint64_t w[2])
{
	const uint64_t bytes = q->tx ? w[1] & 0xffff : q->room;

	if (w[0] >> 52 || (w[0] + bytes) > 1ull << 52)
		exn2_wrong(m, "place %u: an address of over 52 bits, %#lx", place, w[0]);
	else if (!pci_model_reaches(&m->pci, w[0], bytes, !q->tx))
		exn2_wrong(m, "place %u: %lu bytes at %#lx are not mapped", place, bytes, w[0]);
	if (q->tx && !bytes)
		exn2_wrong(m, "place %u: a descriptor of no bytes", place);
	if (q->tx && ((w[1] >> 18 & 0x3fff) || (!(w[1] & TX_SUM) && w[1] >> 32)))
		exn2_wrong(m, "place %u: bits that are not 0, %#lx", place, w[1]);
}

void
exn2_doorbell(struct exn2_model *m, struct exn2_queue *q, unsigned ring, uint32_t tail)
{
	struct exn2_posting *r = &q->ring[ring];
	const uint16_t oldest = q->tx ? q->oldest : r->head;

	if (!m->running)
		return;
	if (!q->places || tail > UINT16_MAX || (uint16_t)(tail - oldest) > q->places ||
	    (uint16_t)(r->tail - oldest) > (uint16_t)(tail - oldest)) {
		exn2_wrong(m, "%s queue %u: tail %u after %u, with %u of %u places in use",
			   q->tx ? "TX" : "RX", q->index, tail, r->tail,
			   (uint16_t)(r->tail - oldest), q->places);
		return;
	}
	for (; r->tail != tail; r->tail++) {
		const uint16_t place = r->tail & (q->places - 1);
		uint64_t words[2];

		if (!read_desc(m, q, r, r->tail, words))
			return;
		check_desc(m, q, place, words);
		r->seen[0][place] = words[0];
		r->seen[1][place] = words[1];
	}
}

/* Use the next descriptor of a ring. Return: its place; -1: there is none, or an access failed. */
static int
next_desc(struct exn2_model *m, struct exn2_queue *q, unsigned ring, uint64_t words[2])
{
	struct exn2_posting *r = &q->ring[ring];
	const uint16_t place = r->head & (q->places - 1);

	if (!m->running || r->head == r->tail || !read_desc(m, q, r, r->head, words))
		return -1;
	if (words[0] != r->seen[0][place] || words[1] != r->seen[1][place])
		exn2_wrong(m, "place %u was changed after its doorbell", place);
	r->head++;
	return place;
}

/* ---- completions ---- */

static void
raise_queue(struct exn2_model *m, struct exn2_queue *q)
{
	q->armed = q->news = false;
	pci_model_interrupt(&m->pci, 1 + q->index);
}

void
exn2_wake(struct exn2_model *m, struct exn2_queue *q, uint32_t on)
{
	if (on > 1)
		exn2_wrong(m, "WAKE %u", on);
	q->armed = on && m->running;
	if (q->armed && q->news)
		raise_queue(m, q);
}

void
exn2_say(struct exn2_model *m, bool tx, unsigned queue, uint64_t info)
{
	struct exn2_queue *q = &m->queue[tx][queue];
	const uint32_t places = q->tx ? q->places : 2 * q->places;

	if (!m->running || !places)
		return;
	info ^= !(q->done / places & 1);
	if (!pci_model_write64(&m->pci, q->done_base + q->done % places * 8ull, info))
		exn2_fail(m);
	q->done++;
	q->open = !(info & EXN2_LAST);
	q->news = true;
	if (q->armed)
		raise_queue(m, q);
}

/* ---- RX ---- */

/* Put @n bytes into the next buffer of a ring. Return: its place; -1: there is none. */
static int
fill(struct exn2_model *m, struct exn2_queue *q, bool rest, const void *bytes, uint32_t n)
{
	uint64_t words[2];
	const int place = next_desc(m, q, rest, words);

	if (place < 0 || !n)
		return place;
	if (pci_model_dma(&m->pci, words[0], (void *)(uintptr_t)bytes, n, true))
		return place;
	exn2_fail(m);
	return -1;
}

static unsigned
waiting(const struct exn2_queue *q, bool rest)
{
	return (uint16_t)(q->ring[rest].tail - q->ring[rest].head);
}

/* The packet as the device writes it, by OPTIONS. Return: what its last completion says of it. */
static uint64_t
describe(struct exn2_model *m, const uint8_t *frame, uint32_t *len, uint8_t *to)
{
	const uint32_t type = *len >= 14 ? (uint32_t)frame[12] << 8 | frame[13] : 0;
	uint64_t says = m->options & TYPE ? exn2_kind(frame, *len) : 0;
	uint32_t at = 0;

	if (m->options & PREFIX) {
		m->clock += 12345;
		memset(to, 0, 16);
		for (unsigned i = 0; i < 8; i++)
			to[i] = (uint8_t)(m->clock >> 8 * i);
		for (unsigned i = 0; i < 4; i++)
			to[8 + i] = (uint8_t)(m->mark >> 8 * i);
		at = 16;
	}
	if ((m->options & STRIP) && *len >= 18 && (type == 0x8100 || type == 0x88a8)) {
		says |= EXN2_TAG | (type == 0x88a8 ? EXN2_TAG_S : 0) | (uint64_t)frame[14] << 56 |
			(uint64_t)frame[15] << 48;
		memcpy(to + at, frame, 12);
		memcpy(to + at + 12, frame + 16, *len - 16);
		*len += at - 4;
	} else {
		memcpy(to + at, frame, *len);
		*len += at;
	}
	return says;
}

unsigned
exn2_receive(struct exn2_model *m, unsigned queue, const void *frame, uint32_t len, uint32_t marks)
{
	struct exn2_queue *q = &m->queue[0][queue];
	const uint32_t room = q->room;
	uint8_t packet[16 + 65536];
	const uint8_t *from = packet;
	uint64_t says;
	unsigned n;

	if (!m->running || !q->places)
		return 0;
	says = describe(m, frame, &len, packet);
	n = len ? (len + room - 1) / room : 1;
	if (!waiting(q, false) || waiting(q, true) < n - 1)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const uint32_t k = len < room ? len : room;
		const int place = fill(m, q, i > 0, from, k);

		if (place < 0)
			return 0;
		exn2_say(m, false, queue,
			 EXN2_SAYS(place, k) | (i ? EXN2_REST : 0) |
				 (i + 1 == n ? EXN2_LAST | says | marks : marks & EXN2_BAD));
		from += k;
		len -= k;
	}
	return n;
}

int
exn2_take(struct exn2_model *m, unsigned queue, bool rest, uint32_t n)
{
	struct exn2_queue *q = &m->queue[0][queue];
	uint8_t bytes[256];

	memset(bytes, 0xee, sizeof(bytes));
	return q->places ? fill(m, q, rest, bytes, n < sizeof(bytes) ? n : sizeof(bytes)) : -1;
}

/* ---- TX ---- */

/* Complete one of the packets that are sent. */
static void
complete(struct exn2_model *m, struct exn2_queue *q, unsigned i)
{
	const uint16_t place = q->sent[i], mask = (uint16_t)(q->places - 1);

	for (unsigned k = 0; k < q->descs[place]; k++)
		q->busy[(place + k) & mask] = false;
	while (q->oldest != q->ring[0].head && !q->busy[q->oldest & mask])
		q->oldest++;
	q->n_sent--;
	memmove(&q->sent[i], &q->sent[i + 1], (q->n_sent - i) * sizeof(q->sent[0]));
	exn2_say(m, true, q->index, EXN2_SAYS(place, 0));
}

static uint32_t
random_below(struct exn2_model *m, uint32_t n)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 17;
	m->seed ^= m->seed << 5;
	return m->seed % n;
}

static void
complete_some(struct exn2_model *m, struct exn2_queue *q)
{
	if (m->order != EXN2_IN_ORDER && q->ring[0].head != q->ring[0].tail)
		return;
	while (m->running && q->n_sent)
		complete(m, q,
			 m->order == EXN2_IN_ORDER   ? 0
			 : m->order == EXN2_REVERSED ? q->n_sent - 1u
						     : random_below(m, q->n_sent));
}

/* How many descriptors the next packet has. Return: 0: its last one is not there yet. */
static unsigned
packet_descs(const struct exn2_queue *q)
{
	const struct exn2_posting *r = &q->ring[0];

	for (uint16_t pos = r->head; pos != r->tail; pos++)
		if (r->seen[1][pos & (q->places - 1)] & TX_LAST)
			return (uint16_t)(pos - r->head) + 1u;
	return 0;
}

static void
fill_sum(struct exn2_model *m, uint8_t *frame, uint32_t len, uint64_t info)
{
	const uint32_t start = info >> 32 & 0xffff, offset = (uint32_t)(info >> 48);

	if (start + offset + 2 > len) {
		exn2_wrong(m, "a checksum at byte %u of a packet of %u", start + offset, len);
		return;
	}
	pci_model_csum(frame, len, start, offset);
	m->csums++;
}

int
exn2_send(struct exn2_model *m, unsigned queue, void *frame)
{
	struct exn2_queue *q = &m->queue[1][queue];
	const unsigned n = m->running && q->places ? packet_descs(q) : 0;
	const uint16_t first = q->ring[0].head;
	uint64_t words[2] = { 0 }, sum = 0;
	uint32_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		const int place = next_desc(m, q, 0, words);
		const uint32_t bytes = words[1] & 0xffff;

		if (place < 0)
			return -1;
		if (i && (words[1] & TX_SUM))
			exn2_wrong(m, "SUM in a descriptor that is not the packet's first");
		if (len + bytes > EXN2_FRAME_MAX) {
			exn2_wrong(m, "a packet of over %u bytes", EXN2_FRAME_MAX);
			return -1;
		}
		if (!pci_model_dma(&m->pci, words[0], (uint8_t *)frame + len, bytes, false)) {
			exn2_fail(m);
			return -1;
		}
		sum = i ? sum : words[1];
		len += bytes;
		q->busy[place] = true;
	}
	if (!n)
		return 0;
	if (sum & TX_SUM)
		fill_sum(m, frame, len, sum);
	q->descs[first & (q->places - 1)] = (uint16_t)n;
	q->sent[q->n_sent++] = first & (uint16_t)(q->places - 1);
	complete_some(m, q);
	return (int)len;
}
