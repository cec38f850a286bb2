/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzzer's virtio-net device says that is not true, and when. */
#include "virtio.h"

static bool
in_order(const struct fuzz *f)
{
	return f->rig->head[0] & VIRTIO_HEAD_IN_ORDER;
}

/* ---- lies that must be noticed ---- */

/* Completions that are well but for one thing. The queue is read to its end first, where what the
 * driver knows decides. */
void
vdev_settle(struct fuzz *f, unsigned queue)
{
	for (unsigned i = 0; i < 8 && fuzz_honest(f, queue) && !vdev_looked(f, queue); i++) {
		fuzz_app_free(f, FUZZ_HELD);
		fuzz_app_drain(f, queue);
	}
	if (fuzz_honest(f, queue))
		vdev_scan(f, queue);
}

/* A descriptor that the device was not given, or has completed. Return: one, or -1. */
static int
not_given(const struct vdev_ring *r, unsigned from)
{
	for (unsigned i = 0; i < r->size; i++) {
		const uint16_t id = (uint16_t)((from + i) % r->size);
		bool given = false;

		for (unsigned k = 0; k < r->n; k++)
			given |= r->id[(r->first + k) % FUZZ_RING] == id;
		if (!given)
			return id;
	}
	return -1;
}

/* A descriptor in the middle of a packet that the device has. Return: one, or -1. */
static int
in_the_middle(const struct vdev_ring *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct wire_desc d = r->desc[r->id[(r->first + i) % FUZZ_RING]];

		if (d.flags & WIRE_DESC_NEXT)
			return d.next;
	}
	return -1;
}

/* The first packet's header and completion are right but for what @how says. */
static void
lie_in_packet(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	struct vdev_ring *r = &vdev.ring[queue];
	struct wire_net_header h = { .num_buffers = 1 };
	const char *what = "length";
	uint32_t len;
	uint16_t id;

	if (how >= 4 && !(f->rig->head[0] & VIRTIO_HEAD_MRG))
		return;
	vdev_scan(f, queue);
	if (how >=
	    6) /* one completion is published: the others are not there, however many are allowed */
		vdev_settle(f, queue);
	if (!r->n || !fuzz_honest(f, queue))
		return;
	id = vdev_pick(r, 0);
	len = r->desc[id].len;
	switch (how) {
	case 0:
		len = 0;
		break;
	case 1:
		len += 1 + (value & 0xffff);
		break;
	case 2:
		len = 1 + value % (vdev_hdr(f) - 1);
		what = "length below the header";
		break;
	case 3:
		len = UINT32_MAX - value % 64;
		break;
	default:
		h.num_buffers = (uint16_t)(how == 4   ? 0
					   : how == 5 ? f->rig->info.rx_max_segs + 1 + value % 1000
						      : 2 + value % 200);
		what = "number of buffers";
		break;
	}
	vdev_header(f, queue, id, &h);
	vdev_put(r, id, len);
	vdev_publish(r);
	fuzz_must_stop(f, queue, what, false);
}

/* Something must be in flight for some lies: @least packets, else a few of @segs buffers. */
static void
have_sent(struct fuzz *f, unsigned queue, unsigned least, unsigned segs)
{
	if (queue < FUZZ_PAIRS || !fuzz_honest(f, queue) || vdev.ring[queue].n >= least)
		return;
	fuzz_app_send(f, queue, 3, segs);
	if (fuzz_honest(f, queue))
		vdev_scan(f, queue);
}

/* Complete a packet that others wait before: what is known of it is known to be complete only by
 * itself. */
static void
complete_ahead(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];
	uint16_t id;

	if (queue < FUZZ_PAIRS || in_order(f))
		return;
	have_sent(f, queue, 2, 1);
	if (!fuzz_honest(f, queue) || r->n < 2)
		return;
	id = vdev_pick(r, 1);
	vdev_put(r, id, 0);
	vdev_sent(f, queue, id);
	vdev_publish(r);
	vdev_settle(f, queue);
}

/* Completed: something that cannot be. */
static void
lie_about_key(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	struct vdev_ring *r = &vdev.ring[queue];
	const char *what = "not given";
	int64_t id = -1;

	vdev_settle(f, queue);
	have_sent(f, queue, 1, how == 3 ? 2 : 1);
	if (how == 2)
		complete_ahead(f, queue);
	if (!fuzz_honest(f, queue) || !r->n) /* with none out any completion is one too many */
		return;
	switch (how) {
	case 0:
		id = (int64_t)r->size + value % (UINT32_MAX - r->size);
		what = "out of range";
		break;
	case 1:
		id = not_given(r, value);
		break;
	case 2:
		if (r->any && not_given(r, r->last) == r->last) {
			id = r->last;
			what = "completed twice";
		}
		break;
	default:
		/* IN_ORDER: one that was given, but after those that are published. */
		if (queue < FUZZ_PAIRS && !in_order(f))
			return;
		if (in_order(f) && r->n > 1)
			id = r->id[(r->first + 1 + value % (r->n - 1)) % FUZZ_RING];
		else if (queue >= FUZZ_PAIRS)
			id = in_the_middle(r);
		what = "out of turn";
		break;
	}
	if (id < 0)
		return;
	vdev_put(r, (uint32_t)id, 20);
	vdev_publish(r);
	fuzz_must_stop(f, queue, what, false);
}

static void
lie_about_middle(struct fuzz *f, unsigned queue)
{
	struct vdev_ring *r = &vdev.ring[queue];
	int id;

	vdev_settle(f, queue);
	have_sent(f, queue, 1, 2);
	id = fuzz_honest(f, queue) ? in_the_middle(r) : -1;
	if (id < 0)
		return;
	vdev_put(r, (uint32_t)id, 0);
	vdev_publish(r);
	fuzz_must_stop(f, queue, "the middle of a packet", false);
}

static void
lie_about_index(struct fuzz *f, unsigned queue, uint32_t value)
{
	struct vdev_ring *r = &vdev.ring[queue];
	uint16_t most = (uint16_t)(0x7fff - 2 * r->size);

	vdev_settle(f, queue);
	if (!fuzz_honest(f, queue))
		return;
	r->idx = (uint16_t)(r->idx + r->n + 1 + value % most);
	vdev_publish(r);
	fuzz_must_stop(f, queue, "jump", true);
}

/* ---- writes of all kinds ---- */

static void
write_anywhere(struct fuzz *f, unsigned queue, unsigned where, uint32_t value)
{
	struct vdev_ring *r = &vdev.ring[queue];
	const unsigned slot = (value >> 16) % r->size;
	uint8_t *p;

	fuzz_wild(f, queue);
	switch (where % 8) {
	case 0:
		r->used->idx = (uint16_t)value;
		break;
	case 1:
		r->used->idx = (uint16_t)(r->used->idx + value % 8);
		break;
	case 2:
		r->used->ring[slot].id = value & 0xffff;
		break;
	case 3:
		r->used->ring[slot].len = value & 0xffff;
		break;
	case 4:
		r->used->flags = (uint16_t)value;
		break;
	case 5:
		r->desc[slot] =
			(struct wire_desc){ value, value, (uint16_t)value, (uint16_t)value };
		break;
	case 6:
		r->avail->ring[slot] = (uint16_t)value;
		break;
	default:
		p = vdev_at(f, r->desc[slot].addr, 16);
		if (!p || vdev_is_ring(f, p) || !fuzz_may_write(f, queue, p))
			break;
		/* A slot that queues share may be another's by now. */
		for (unsigned i = 0; f->rig->bounced && i < FUZZ_QUEUES; i++)
			if (i / FUZZ_PAIRS == queue / FUZZ_PAIRS)
				fuzz_wild(f, i);
		p[value % 16] = (uint8_t)(value >> 8);
		break;
	}
}

/*
 * Steps that are not honest: 0: keys, 1: packets, 2: the index, or the middle of a packet, 3:
 * anything anywhere, now or at one of the next reads.
 */
void
vdev_lie(struct fuzz *f, unsigned kind, unsigned pair)
{
	const unsigned how = in_u8(&f->in), queue = how & 128 ? FUZZ_PAIRS + pair : pair;
	const uint32_t value = in_u32(&f->in);

	if (!vdev.ring[queue].on)
		return;
	if (kind % 4 < 3)
		f->act.countdown = 0; /* these shall be heard as they are said */
	switch (kind % 4) {
	case 0:
		if (fuzz_honest(f, queue))
			lie_about_key(f, queue, how & 3, value);
		break;
	case 1:
		if (fuzz_honest(f, pair))
			lie_in_packet(f, pair, how % 7, value);
		break;
	case 2:
		if (fuzz_honest(f, queue) && how & 64)
			lie_about_middle(f, FUZZ_PAIRS + pair);
		else if (fuzz_honest(f, queue))
			lie_about_index(f, queue, value);
		break;
	default:
		if (how & 64) {
			write_anywhere(f, queue, how, value);
			break;
		}
		f->act.countdown = 1 + (value >> 24) % 64;
		f->act.after = how & 1;
		f->act.how = (uint8_t)(how >> 1);
		f->act.value = value;
		break;
	}
}

/* ---- at the driver's reads ---- */

unsigned
vdev_whose(const struct fuzz *f, const void *p)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
		const struct vdev_ring *r = &vdev.ring[i];

		if (r->on && (const uint8_t *)p >= (const uint8_t *)r->used &&
		    (const uint8_t *)p < (const uint8_t *)&r->used->ring[r->size])
			return i;
	}
	return FUZZ_QUEUES;
}

static void answer(struct fuzz *f);

void
vdev_before_read(struct fuzz *f, const void *p)
{
	if (vdev.ctrl.on && p == &vdev.ctrl.used->idx)
		answer(f);
}

/* ---- the control queue ---- */

enum {
	ANSWER_YES,
	ANSWER_NO,
	ANSWER_ACK,
	ANSWER_ID,
	ANSWER_LEN,
	ANSWER_TWO,
	ANSWER_NEVER,
	ANSWERS
};

/* A command is there: say what was planned. */
static void
answer(struct fuzz *f)
{
	struct vdev_ring *r = &vdev.ctrl;
	const uint16_t idx = __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);
	const unsigned how = vdev.answer % ANSWERS, more = vdev.answer / ANSWERS;
	uint16_t id, d;
	uint8_t *ack;

	if (r->seen == idx || how == ANSWER_NEVER)
		return;
	id = d = r->avail->ring[r->seen++ % r->size] % r->size;
	for (unsigned i = 0; i < r->size && r->desc[d].flags & WIRE_DESC_NEXT; i++)
		d = r->desc[d].next % r->size;
	ack = vdev_at(f, r->desc[d].addr, 1);
	if (!ack || !(r->desc[d].flags & WIRE_DESC_WRITE) || r->desc[d].len != 1)
		fuzz_fail("a command without room for an answer");
	*ack = (uint8_t)(how == ANSWER_NO ? 1 : how == ANSWER_ACK ? 2 + more : 0);
	vdev_put(r, how == ANSWER_ID ? id + 1u + more : id, how == ANSWER_LEN ? 2 * more : 1);
	if (how == ANSWER_TWO)
		r->idx = (uint16_t)(r->idx + 1 + more);
	vdev_publish(r);
}

void
vdev_command(struct fuzz *f)
{
	const unsigned which = in_u8(&f->in), how = vdev.answer = in_u8(&f->in);
	struct baton_port *port = f->rig->port;
	int ret;

	if (port->away && baton_port_set_promisc(port, 1) != -ENETDOWN)
		fuzz_fail("a device that is away was told something");
	if (!port->started || port->away || (how % ANSWERS == ANSWER_NEVER && f->slow++))
		return;
	f->restart = true;
	f->at = FUZZ_QUEUES;
	ret = fuzz_app_set(f, which);
	if (vdev.dead ? ret != -ENOTSUP : (ret == 0) != (how % ANSWERS == ANSWER_YES))
		fuzz_fail("command %u was answered with %u/%u: %d", which % 5, how % ANSWERS,
			  how / ANSWERS, ret);
	if (how % ANSWERS > ANSWER_ACK)
		vdev.dead = true;
}
