/* SPDX-License-Identifier: BSD-3-Clause */
/* The conformance suite in front of the second example NIC (docs/example2-nic.md). */
#include <stdio.h>
#include <string.h>

#include "exn2_model.h"
#include "model.h"
#include "port/driver.h"

extern const struct baton_driver example2_driver;
const struct baton_driver *const baton_driver_table[] = { &example2_driver, NULL };
const char *const baton_driver_names[] = { "net_example2", NULL };

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	/* An address space that is enforced, and chooses its own addresses. */
	snprintf(spec, room, "%s,ioas=vhost", PCI_MODEL_BDF);
	return exn2_model_start(ctx);
}

static void *
start_backwards(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct exn2_model *m = start(ctx, spec, room);

	m->order = EXN2_REVERSED;
	return m;
}

static void *
start_shuffled(struct baton_ctx *ctx, char *spec, size_t room)
{
	struct exn2_model *m = start(ctx, spec, room);

	m->order = EXN2_RANDOM;
	return m;
}

static void
stop(void *dev)
{
	exn2_model_stop(dev);
}

static bool
receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return exn2_receive(dev, queue, frame, len, 0) > 0;
}

static bool
receive_good(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	return exn2_receive(dev, queue, frame, len, EXN2_L4_KNOWN | EXN2_L4_GOOD) > 0;
}

/* One buffer with @n bytes, and what the device says of it. */
static bool
write_one(struct exn2_model *m, bool rest, uint32_t n, uint32_t said, uint32_t marks)
{
	const int place = exn2_take(m, 0, rest, n);

	if (place >= 0)
		exn2_say(m, false, 0, EXN2_SAYS(place, said) | marks | (rest ? EXN2_REST : 0));
	return place >= 0;
}

static bool
begin(void *dev, uint32_t len)
{
	return write_one(dev, false, len, len, 0);
}

static bool
end(void *dev, uint32_t more)
{
	return write_one(dev, true, more, more, EXN2_LAST);
}

static void
mark(void *dev, uint32_t value)
{
	((struct exn2_model *)dev)->mark = value;
}

static bool
damaged(void *dev)
{
	uint8_t frame[64] = { 0 };

	return exn2_receive(dev, 0, frame, sizeof(frame), EXN2_BAD) > 0;
}

static int
send(void *dev, unsigned queue, void *frame)
{
	return exn2_send(dev, queue, frame);
}

static unsigned
csums(const void *dev)
{
	return ((const struct exn2_model *)dev)->csums;
}

/* Complete all that is posted to FIRST, and one more. */
static bool
run_ahead(struct exn2_model *m)
{
	const uint32_t places = m->queue[0][0].places;
	uint32_t place = m->queue[0][0].ring[0].head;

	while (exn2_take(m, 0, false, 0) >= 0)
		exn2_say(m, false, 0, EXN2_SAYS(place++ % places, 64) | EXN2_LAST);
	exn2_say(m, false, 0, EXN2_SAYS(place % places, 64) | EXN2_LAST);
	return true;
}

static bool
lie(void *dev, enum model_lie which)
{
	struct exn2_model *m = dev;
	const struct exn2_queue *q = &m->queue[0][0];
	int place;

	if (which == LIE_ENDLESS)
		return write_one(m, q->open, 64, 64, 0);
	if (which == LIE_AHEAD)
		return run_ahead(m);
	place = exn2_take(m, 0, which == LIE_RING, 64);
	if (place < 0)
		return false;
	switch (which) {
	case LIE_LONG:
		exn2_say(m, false, 0, EXN2_SAYS(place, q->room + 1) | EXN2_LAST);
		return true;
	case LIE_KEY:
		exn2_say(m, false, 0, EXN2_SAYS(q->places, 64) | EXN2_LAST);
		return true;
	case LIE_TWICE:
		exn2_say(m, false, 0, EXN2_SAYS(place, 64) | EXN2_LAST);
		exn2_say(m, false, 0, EXN2_SAYS(place, 64) | EXN2_LAST);
		return true;
	case LIE_TURN:
		exn2_say(m, false, 0, EXN2_SAYS((place + 1) % q->places, 64) | EXN2_LAST);
		return true;
	case LIE_RING:
		exn2_say(m, false, 0, EXN2_SAYS(place, 64) | EXN2_LAST | EXN2_REST);
		return true;
	case LIE_ONES:
		exn2_say(m, false, 0, UINT64_MAX - 1);
		return true;
	default:
		return false;
	}
}

/* Completions of packets that are not sent: of one that is complete, of one that was never there.
 */
static bool
lie_tx(void *dev, enum model_lie which)
{
	struct exn2_model *m = dev;
	const struct exn2_queue *q = &m->queue[1][0];
	const uint32_t head = q->ring[0].head % q->places, tail = q->ring[0].tail % q->places;

	switch (which) {
	case LIE_KEY:
		exn2_say(m, true, 0, EXN2_SAYS(q->places, 0));
		return true;
	case LIE_TWICE:
		exn2_say(m, true, 0, EXN2_SAYS(head, 0));
		exn2_say(m, true, 0, EXN2_SAYS(head, 0));
		return true;
	case LIE_AHEAD:
		exn2_say(m, true, 0, EXN2_SAYS(tail, 0));
		return true;
	case LIE_ONES:
		exn2_say(m, true, 0, UINT64_MAX - 1);
		return true;
	default:
		return false;
	}
}

static void
keep(void *dev, bool on)
{
	struct exn2_model *m = dev;

	m->pci.keeps_config = m->pci.no_reset = on;
}

static void
remove_it(void *dev)
{
	struct exn2_model *m = dev;

	m->pci.dead = true;
	pci_model_interrupt(&m->pci, 0);
}

static void
lose(void *dev)
{
	exn2_fail(dev);
}

static void
set_link(void *dev, bool up)
{
	exn2_link(dev, up);
}

static unsigned
strays(const void *dev)
{
	return ((const struct exn2_model *)dev)->pci.stray;
}

static bool
has_settings(const void *dev, const struct model_settings *s)
{
	const struct exn2_model *m = dev;
	const uint32_t mode = exn2_accept(m);

	return (!(s->which & F_BIT(F_MAC)) || !memcmp(m->mac, s->mac, 6)) &&
	       (!(s->which & F_BIT(F_PROMISC)) || (mode & 1) == s->promisc) &&
	       (!(s->which & F_BIT(F_ALLMULTI)) || (mode >> 1 & 1) == s->allmulti);
}

#define EXAMPLE2(named, started, is_brief)                                                         \
	{                                                                                          \
		.name = named, .list = "drivers/example2/features.txt", .brief = is_brief,         \
		.start = started, .stop = stop, .receive = receive, .receive_good = receive_good,  \
		.begin = begin, .end = end, .mark = mark, .damaged = damaged, .send = send,        \
		.csums = csums, .lie = lie, .lie_tx = lie_tx, .keep = keep, .remove = remove_it,   \
		.lose = lose, .link = set_link, .strays = strays, .has = has_settings,             \
	}

static const struct model in_order = EXAMPLE2("example2", start, false),
			  backwards = EXAMPLE2("example2, sent backwards", start_backwards, true),
			  shuffled = EXAMPLE2("example2, sent in any order", start_shuffled, true);

const struct model *const rig_models[] = { &in_order, &backwards, &shuffled, NULL };
