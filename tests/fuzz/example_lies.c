/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzzer's EXN1 says that is not true, and when. */
#include "example.h"

/* What was completed is received, so that the driver has posted all that it can. */
static void
settle(struct fuzz *f, unsigned queue)
{
	for (unsigned i = 0; i < 8 && fuzz_honest(f, queue); i++) {
		fuzz_app_free(f, FUZZ_HELD);
		fuzz_app_drain(f, queue);
		edev_scan(f, queue);
	}
}

/* ---- lies that must be noticed ---- */

/* A length that no buffer has, alone or in a packet's second buffer; all ones. */
static void
lie_about_length(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	struct edev_ring *r = &edev.ring[queue];
	const uint32_t more = r->room + 1 + value % (0xffff - r->room);
	const unsigned before = how == 2;

	edev_scan(f, queue);
	if (r->n < 1 + before || !edev_close_packet(f, queue) || r->n < 1 + before ||
	    (before && f->rig->info.rx_max_segs < 2))
		return;
	if (before)
		edev_put(r, RX_DONE | 20 << RX_LEN);
	edev_put(r, how == 1 ? UINT64_MAX : RX_DONE | RX_END | (uint64_t)more << RX_LEN);
	fuzz_must_stop(f, queue, how == 1 ? "all ones" : "length", false);
}

/* As many buffers as the longest packet takes, and no end. */
static void
lie_about_end(struct fuzz *f, unsigned queue, uint32_t value)
{
	struct edev_ring *r = &edev.ring[queue];
	const unsigned most = f->rig->info.rx_max_segs;

	edev_scan(f, queue);
	if (!edev_close_packet(f, queue))
		return;
	settle(f, queue);
	if (!fuzz_honest(f, queue) || r->n < most)
		return;
	for (unsigned n = value & 1 ? r->n : most; n; n--)
		edev_put(r, RX_DONE | (uint64_t)(value >> 8 & 127) << RX_LEN);
	fuzz_must_stop(f, queue, "a packet without an end", false);
}

/* ---- what the driver does not listen to ---- */

/* DONE where nobody asked for it: in descriptors that are not reported, or not the device's. */
static void
done_in_vain(struct fuzz *f, unsigned queue)
{
	struct edev_ring *r = &edev.ring[queue];

	edev_scan(f, queue);
	for (unsigned i = 0; i < r->size; i++) {
		struct edev_desc *d = &r->desc[edev_place(r, i)];

		if (i >= r->n || !(d->info & TX_REPORT))
			d->info |= TX_DONE;
	}
	fuzz_app_drain(f, queue);
}

/* ---- writes of all kinds ---- */

static void
write_anywhere(struct fuzz *f, unsigned queue, unsigned where, uint32_t value)
{
	struct edev_ring *r = &edev.ring[queue];
	struct edev_desc *d = &r->desc[(value >> 16) % r->size];
	uint8_t *p;

	fuzz_wild(f, queue);
	switch (where % 8) {
	case 0:
		d->info = value;
		break;
	case 1:
		d->info ^= 1ull << value % 64;
		break;
	case 2:
		d->info = RX_DONE | RX_END | TX_DONE | (uint64_t)(value & 0xffff) << RX_LEN;
		break;
	case 3:
		d->addr = value;
		break;
	case 4:
		d->info = UINT64_MAX;
		break;
	case 5:
		d->info = 0;
		break;
	case 6:
		for (unsigned i = 0; i < r->size; i++)
			r->desc[i].info |= value & 1 ? TX_DONE : RX_DONE;
		break;
	default:
		p = fuzz_pci_at(f, r->given[(value >> 16) % r->size].addr, 16, true);
		if (!p || f->rig->bounced || !fuzz_may_write(f, queue, p))
			break;
		p[value % 16] = (uint8_t)(value >> 8);
		break;
	}
}

/*
 * Steps that are not honest: 0: lengths, 1: no end, 2: DONE in vain, 3: anything anywhere, now or
 * at one of the next reads.
 */
void
edev_lie(struct fuzz *f, unsigned kind, unsigned pair)
{
	const unsigned how = in_u8(&f->in),
		       queue = (how & 128 || kind == 2) ? FUZZ_PAIRS + pair : pair;
	const uint32_t value = in_u32(&f->in);

	if (!edev.ring[queue].on)
		return;
	if (kind == 3 && how & 64) {
		write_anywhere(f, queue, how, value);
		return;
	}
	if (kind == 3) {
		f->act.countdown = 1 + (value >> 24) % 64;
		f->act.after = how & 1;
		f->act.how = (uint8_t)(how >> 1);
		f->act.value = value;
		return;
	}
	f->act.countdown = 0; /* these shall be heard as they are said */
	if (!fuzz_honest(f, queue))
		return;
	if (kind == 2)
		done_in_vain(f, queue);
	else if (queue < FUZZ_PAIRS && kind == 0)
		lie_about_length(f, queue, how % 3, value);
	else if (queue < FUZZ_PAIRS)
		lie_about_end(f, queue, value);
}

/* A packet whose last buffer comes after the others were looked at. */
void
edev_parts(struct fuzz *f, unsigned how)
{
	const unsigned queue = how & 1, most = f->rig->info.rx_max_segs;
	unsigned n = most < 2 ? 0 : 1 + in_u8(&f->in) % (most - 1);
	struct edev_ring *r = &edev.ring[queue];

	if (!fuzz_honest(f, queue))
		return;
	f->act.countdown = 0;
	edev_scan(f, queue);
	if (!edev_close_packet(f, queue) || r->n < n + 1 || !n)
		return;
	r->marks = r->total = 0;
	r->packet = (struct fuzz_packet){ .seed = f->seed++ & 0x7f };
	while (n--)
		edev_part(f, queue, how & 4 ? r->room : 33, false);
	if (how & 16)
		fuzz_app_peek(f, queue, 8);
	fuzz_app_drain(f, queue);
	if (how & 32)
		fuzz_app_peek(f, queue, 8);
	if (r->on && r->open && r->n)
		edev_part(f, queue, how >> 1, true);
	fuzz_check_sums(f);
}

unsigned
edev_whose(const struct fuzz *f, const void *p)
{
	for (unsigned i = 0; i < FUZZ_QUEUES; i++) {
		const struct edev_ring *r = &edev.ring[i];

		if (r->on && p >= (const void *)r->desc && p < (const void *)(r->desc + r->size))
			return i;
	}
	return FUZZ_QUEUES;
}

/* ---- settings ---- */

void
edev_command(struct fuzz *f)
{
	static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 9 }, { 1, 0, 0, 0, 0, 1 } };
	const unsigned which = in_u8(&f->in);
	struct baton_port *port = f->rig->port;
	const bool can = port->started && !port->away;
	int ret;

	switch (which % 5) {
	case 0:
		ret = baton_port_set_promisc(port, which & 8);
		break;
	case 1:
		ret = baton_port_set_allmulti(port, which & 8);
		break;
	case 2:
		ret = baton_port_set_macs(port, macs, which >> 3 & 1 ? 2 : 0);
		break;
	case 3:
		ret = baton_port_set_vlan(port, which, which & 8);
		break;
	default:
		ret = baton_port_set_mac(port, macs[0]);
		break;
	}
	if (ret != (can ? 0 : -ENETDOWN))
		fuzz_fail("setting %u: %d", which % 5, ret);
}
