/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings of the fuzzer's EXN2, from its own side: what an honest one does, and what the driver
 * was given. */
#include "example2.h"

static void
configure(uint8_t head[FUZZ_HEAD], struct fuzz_config *c)
{
	static const struct fuzz_pci_shape shape = {
		.rx_rings = 2,
		.desc_bytes = 24,
		.room_step = 64,
		.rings = { { 8, 8, 64 },
			   { 8, 16, 5 },
			   { 16, 8, 1 },
			   { 16, 32, 77 },
			   { 32, 16, 12 },
			   { 64, 64, 64 },
			   { 128, 32, 3 },
			   { 256, 256, 77 } },
	};

	fuzz_pci_configure(head, c, &shape);
}

/* What the model has seen the driver do against the datasheet. */
static void
check_rules(void)
{
	if (fdev.m->wrong)
		fuzz_fail("the driver broke a rule: %s", fdev.m->why);
}

/* ---- what the driver gave ---- */

static void
note_buffer(struct fuzz *f, unsigned queue, unsigned ring, uint32_t place)
{
	const struct fdev_queue *q = &fdev.queue[queue];
	struct fdev_posting *p = &fdev.queue[queue].ring[ring];
	const uint64_t iova = p->given[place][0] = p->desc[place];

	if (fuzz_known(f, queue) && !fuzz_pci_given(f, queue, iova, q->room))
		fuzz_fail("queue %u: place %u of ring %u: %u bytes at %#llx", queue, place, ring,
			  q->room, (unsigned long long)iova);
}

static void
note_packet(struct fdev_queue *q, uint32_t last)
{
	const uint16_t first = (uint16_t)((last + 1 - q->open) & (q->places - 1));

	if (q->n_flight < FUZZ_RING) {
		q->flight[q->n_flight].first = first;
		q->flight[q->n_flight++].descs = (uint16_t)q->open;
	}
	q->open = 0;
}

static void
note_desc(struct fuzz *f, unsigned queue, uint32_t place)
{
	struct fdev_queue *q = &fdev.queue[queue];
	struct fdev_posting *p = &q->ring[0];
	const uint64_t iova = p->given[place][0] = p->desc[2 * place],
		       info = p->given[place][1] = p->desc[2 * place + 1];
	const uint32_t len = info & 0xffff;

	if (fuzz_known(f, queue) && (q->busy[place] || !fuzz_pci_given(f, queue, iova, len) ||
				     (info & SEND_ZERO) || (!(info & SEND_SUM) && info >> 32)))
		fuzz_fail("queue %u: descriptor %u, which is %s: %u bytes at %#llx, %#llx", queue,
			  place, q->busy[place] ? "the device's" : "free", len,
			  (unsigned long long)iova, (unsigned long long)info);
	q->busy[place] = true;
	q->open++;
	if (info & SEND_LAST || q->open == q->places)
		note_packet(q, place);
}

static void
scan_ring(struct fuzz *f, unsigned queue, unsigned ring)
{
	struct fdev_queue *q = &fdev.queue[queue];
	struct fdev_posting *p = &q->ring[ring];
	const uint32_t n = (uint16_t)(p->tail - p->seen);

	if (n > q->places - (queue < FUZZ_PAIRS ? fdev_left(q, ring) : 0)) {
		if (fuzz_known(f, queue))
			fuzz_fail("queue %u: a tail of %u in ring %u of %u places, of which the "
				  "device has some up to %u",
				  queue, p->tail, ring, q->places, p->seen);
		p->seen = p->tail;
		p->used = (uint16_t)(p->tail - q->places);
		return;
	}
	for (; p->seen != p->tail; p->seen++)
		if (queue < FUZZ_PAIRS)
			note_buffer(f, queue, ring, p->seen & (q->places - 1));
		else
			note_desc(f, queue, p->seen & (q->places - 1));
}

void FUZZ_UNTRACED
fdev_scan(struct fuzz *f, unsigned queue)
{
	struct fdev_queue *q = &fdev.queue[queue];

	check_rules();
	if (!q->on)
		return;
	scan_ring(f, queue, 0);
	if (queue < FUZZ_PAIRS)
		scan_ring(f, queue, 1);
	if (queue >= FUZZ_PAIRS && q->open && fuzz_known(f, queue))
		fuzz_fail("queue %u: the last packet has no end", queue);
}

/* ---- completions ---- */

void
fdev_write(struct fdev_queue *q, unsigned ahead, uint64_t info)
{
	const uint32_t pos = q->done_pos + ahead;

	info = (info & ~DONE_TURN) | (pos / q->done_places & 1 ? 0 : DONE_TURN);
	__atomic_store_n(&q->done[pos % q->done_places], info, __ATOMIC_RELEASE);
}

void
fdev_say(struct fdev_queue *q, uint64_t info)
{
	fdev_write(q, 0, info);
	q->done_pos++;
}

/* ---- receiving, for the driver ---- */

static const void *
ring(unsigned queue, size_t *bytes)
{
	const struct fdev_queue *q = &fdev.queue[queue];

	*bytes = q->done_places * sizeof(*q->done);
	return q->on ? q->done : NULL;
}

static uint32_t
room(unsigned queue)
{
	return fdev.queue[queue].room;
}

/* A packet begins in a buffer of FIRST, and goes on in those of REST. */
static bool
has(unsigned queue, unsigned open, unsigned parts)
{
	const struct fdev_queue *q = &fdev.queue[queue];
	const unsigned first = !open && parts;

	return fdev_left(q, 0) >= first && fdev_left(q, 1) >= parts - first;
}

static uint64_t
buffer(unsigned queue, unsigned open)
{
	const struct fdev_queue *q = &fdev.queue[queue];

	return q->ring[open > 0].given[fdev_place(q, open > 0, 0)][0];
}

static void
complete(unsigned queue, uint32_t len, bool end)
{
	static const uint64_t sums[FUZZ_MARKS] = {
		[FUZZ_SUM_GOOD] = DONE_KNOWN | DONE_GOOD, [FUZZ_SUM_BAD] = DONE_KNOWN
	};
	const struct fuzz_pci_rx *rx = &fdev.pci.rx[queue];
	struct fdev_queue *q = &fdev.queue[queue];
	const bool rest = rx->open;

	fdev_say(q, (end ? DONE_LAST | sums[rx->mark] : 0) | (rest ? DONE_REST : 0) |
			    (rx->mark == FUZZ_DAMAGED ? DONE_BAD : 0) |
			    (uint64_t)fdev_place(q, rest, 0) << DONE_PLACE |
			    (uint64_t)len << DONE_LEN);
	q->ring[rest].used++;
}

static bool
early(struct fuzz *f, unsigned queue, uint32_t len)
{
	struct fdev_queue *q = &fdev.queue[queue];
	const uint32_t pos = q->done_pos, second = fdev_place(q, 0, 1);

	if (fdev_left(q, 0) < 2)
		return false;
	fuzz_pci_bytes(f, queue, q->ring[0].given[second][0], (f->seed + 1) & 0x7f, 0, len);
	fdev_write(q, 1, DONE_LAST | (uint64_t)second << DONE_PLACE | (uint64_t)len << DONE_LEN);
	fuzz_app_drain(f, queue);
	return q->on && q->done_pos == pos && fdev_left(q, 0) >= 2;
}

/* ---- sending, for the driver ---- */

/* A packet is read when it is completed, so that a buffer that was freed too early is seen. */
static void
check_packet(struct fuzz *f, unsigned queue, uint32_t first, uint32_t descs)
{
	const struct fdev_queue *q = &fdev.queue[queue];
	struct fuzz_pci_tx tx = { 0 };

	for (uint32_t i = 0; i < descs; i++) {
		const uint64_t *d = q->ring[0].given[(first + i) & (q->places - 1)];

		fuzz_pci_check_part(f, queue, &tx, d[0], d[1] & 0xffff, d[1] & SEND_SUM,
				    d[1] >> 32 & 0xffff, (uint32_t)(d[1] >> 48));
	}
	fuzz_pci_check_end(f, queue, &tx);
}

void
fdev_sent(struct fuzz *f, unsigned queue, unsigned k, bool check)
{
	struct fdev_queue *q = &fdev.queue[queue];
	const uint32_t first = q->flight[k].first, descs = q->flight[k].descs;

	if (check && fuzz_honest(f, queue))
		check_packet(f, queue, first, descs);
	for (uint32_t i = 0; i < descs; i++) {
		const uint32_t place = (first + i) & (q->places - 1);

		fuzz_pci_done(f, queue, q->ring[0].given[place][0]);
		q->busy[place] = false;
	}
	q->n_flight--;
	memmove(&q->flight[k], &q->flight[k + 1], (q->n_flight - k) * sizeof(q->flight[0]));
	fdev_say(q, (uint64_t)first << DONE_PLACE);
}

/* The second completion is there before the first: the driver waits for the first. */
static void
send_early(struct fuzz *f, unsigned queue)
{
	struct fdev_queue *q = &fdev.queue[queue];

	if (q->n_flight < 2 || !fuzz_honest(f, queue))
		return;
	fdev_write(q, 1, (uint64_t)q->flight[1].first << DONE_PLACE);
	fuzz_app_drain(f, queue);
	for (unsigned i = 0; i < 2; i++)
		fdev_sent(f, queue, 0, true);
}

/* In order, the last first, or anyhow. */
static void
send(struct fuzz *f, unsigned queue, unsigned how)
{
	struct fdev_queue *q = &fdev.queue[queue];

	if (how >> 6 == 3)
		send_early(f, queue);
	for (unsigned n = 1 + (how & 31); n && q->n_flight; n--)
		fdev_sent(f, queue,
			  how >> 6 == 1   ? q->n_flight - 1
			  : how >> 6 == 2 ? (n * 7 + how) % q->n_flight
					  : 0,
			  !(how & 32));
}

/* ---- registers ---- */

static void
let_go(void)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fdev.queue[i].on = false;
}

static uint64_t
address(const uint32_t *block, uint32_t reg)
{
	return block[reg / 4] | (uint64_t)block[reg / 4 + 1] << 32;
}

static void
start_queue(unsigned queue)
{
	const bool tx = queue >= FUZZ_PAIRS;
	const uint32_t *block =
		&fdev.m->regs[((tx ? 0x1000 : 0x800) + queue % FUZZ_PAIRS * 64) / 4];
	struct fdev_queue *q = &fdev.queue[queue];

	memset(q, 0, sizeof(*q));
	q->places = block[0x18 / 4];
	if (!q->places)
		return;
	q->room = block[0x1c / 4];
	q->done_places = tx ? q->places : 2 * q->places;
	q->ring[0].desc = fuzz_pci_ring(address(block, 0), q->places * (tx ? 16 : 8));
	if (!tx)
		q->ring[1].desc = fuzz_pci_ring(address(block, 8), q->places * 8);
	q->done = fuzz_pci_ring(address(block, 0x10), q->done_places * 8);
	if (!q->ring[0].desc || (!tx && !q->ring[1].desc) || !q->done || q->done_places > FUZZ_RING)
		fuzz_fail("queue %u: %u places", queue, q->places);
	q->on = true;
	if (!tx)
		fdev.pci.rx[queue].open = 0;
}

/* It does not start, and says so, or says nothing. */
static void
refuse_start(void)
{
	static const uint32_t states[] = { 0, 1 | 1 << 8, 1 | 2 << 8 | 1 << 23, 1 | 3 << 8 };

	fdev.m->regs[0x008 / 4] = states[fuzz_current->seed % 4];
}

static bool
command(uint32_t value)
{
	if (value == 3)
		fuzz_pci_reset();
	if (value != 1)
		return true; /* one that goes on, too, reads as the model has it */
	if (fuzz_refuses(&fuzz_life->no_start)) {
		refuse_start();
		return false;
	}
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		start_queue(i);
	return true;
}

/* Doorbells are heard here alone: what is posted is looked at when the device needs it. */
static bool
write_reg(uint32_t off, uint32_t value)
{
	const unsigned queue = off / 64 % 32 % FUZZ_PAIRS + (off >= 0x1000 ? FUZZ_PAIRS : 0),
		       ring = off % 64 == 0x24;

	check_rules();
	if (off == 0x004)
		return command(value);
	if (off < 0x800 || (off % 64 != 0x20 && off % 64 != 0x24))
		return true;
	if (value > UINT16_MAX || (ring && queue >= FUZZ_PAIRS))
		fuzz_fail("queue %u: %u is written to its doorbell %u", queue, value, ring);
	if (fdev.queue[queue].on)
		fdev.queue[queue].ring[ring].tail = (uint16_t)value;
	return false;
}

static void
fail(void)
{
	exn2_fail(fdev.m);
}

static const struct fuzz_pci_ops pci_ops = {
	.write = write_reg,
	.let_go = let_go,
	.fail = fail,
	.ring = ring,
	.room = room,
	.has = has,
	.buffer = buffer,
	.complete = complete,
	.early = early,
	.knows_bad_sums = true,
	.send = send,
	.lie = fdev_lie,
	.scribble = fdev_scribble,
};

static void
connect(struct fuzz_rig *r)
{
	fdev.m = exn2_model_start(r->ctx);
	fdev.m->quiet = true; /* check_rules() tells */
	fuzz_pci_connect(&fdev.m->pci, &pci_ops);
}

static void
disconnect(struct fuzz_rig *r)
{
	check_rules();
	exn2_model_stop(fdev.m);
}

/* In place of the library's: the fuzzer has one driver. */
extern const struct baton_driver example2_driver;
const struct baton_driver *const baton_driver_table[] = { &example2_driver, NULL };
const char *const baton_driver_names[] = { "net_example2", NULL };

/* ---- the device as the fuzzer sees it ---- */

/* It has no MAC table, and no VLAN filter. */
static void
set(struct fuzz *f)
{
	fuzz_pci_command(f, 1 << 2 | 1 << 3);
}

static void
finish(struct fuzz *f, unsigned queue)
{
	struct fdev_queue *q = &fdev.queue[queue];

	if (!q->on || queue < FUZZ_PAIRS || fuzz_life->keeps)
		return;
	fdev_scan(f, queue);
	while (q->n_flight)
		fdev_sent(f, queue, 0, true);
}

const struct fuzz_device fuzz_device = {
	.state_size = sizeof(struct fdev_state),
	.whole = true,
	.configure = configure,
	.connect = connect,
	.disconnect = disconnect,
	.begin = fuzz_pci_begin,
	.step = fuzz_pci_step,
	.scan = fdev_scan,
	.is_dead = fuzz_pci_is_dead,
	.lost = fuzz_pci_lost,
	.back = fuzz_pci_back,
	.parts = fuzz_pci_parts,
	.obey = fuzz_pci_obey,
	.finish = finish,
	.whose = fuzz_pci_whose,
	.command = set,
};
