/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzzer's 82574L and 82576 say in their rings that is not true, and when. */
#include "intel.h"

/* ---- lies that must be noticed ---- */

/* A length that no buffer has, alone or in a packet's second buffer; all ones. */
static void
lie_about_length(struct fuzz *f, unsigned queue, unsigned how, uint32_t value)
{
	struct idev_ring *r = &idev.ring[queue];
	const uint32_t room = r->room, more = room + 1 + value % (0xffff - room);
	const unsigned before = how == 2;

	idev_scan(f, queue);
	if (r->n < 1 + before || !fuzz_pci_close(f, queue) || r->n < 1 + before ||
	    (before && f->rig->info.rx_max_segs < 2))
		return;
	if (before)
		idev_put(r, 0, RX_DONE | 20ull << RX_LEN);
	idev_put(r, value, how == 1 ? UINT64_MAX : RX_DONE | RX_END | (uint64_t)more << RX_LEN);
	fuzz_must_stop(f, queue, how == 1 ? "all ones" : "length", false);
}

/* As many buffers as the longest packet takes, and no end. */
static void
lie_about_end(struct fuzz *f, unsigned queue, uint32_t value)
{
	struct idev_ring *r = &idev.ring[queue];
	const unsigned most = f->rig->info.rx_max_segs;

	idev_scan(f, queue);
	if (!fuzz_pci_close(f, queue))
		return;
	fuzz_pci_settle(f, queue);
	if (!fuzz_honest(f, queue) || r->n < most)
		return;
	for (unsigned n = value & 1 ? r->n : most; n; n--)
		idev_put(r, value, RX_DONE | (uint64_t)(value >> 8 & 127) << RX_LEN);
	fuzz_must_stop(f, queue, "a packet without an end", false);
}

/* ---- what the driver does not listen to ---- */

/* DD where nobody asked for it: in descriptors that are not reported, or not the device's. */
static void
done_in_vain(struct fuzz *f, unsigned queue)
{
	struct idev_ring *r = &idev.ring[queue];

	idev_scan(f, queue);
	for (unsigned i = 0; i < r->size; i++) {
		struct idev_desc *d = &r->desc[idev_place(r, i)];

		if (i >= r->n || !(d->info & TX_REPORT))
			d->info |= TX_DONE;
	}
	fuzz_app_drain(f, queue);
}

/* ---- writes of all kinds ---- */

void
idev_scribble(struct fuzz *f, unsigned queue, unsigned where, uint32_t value)
{
	struct idev_ring *r = &idev.ring[queue];
	struct idev_desc *d = &r->desc[(value >> 16) % r->size];

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
		d->addr = (uint64_t)value << (value & 32);
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
		fuzz_pci_scribble(f, queue, r->given[(value >> 16) % r->size].addr, value);
		break;
	}
}

/* 0: lengths, 1: no end, 2: DD in vain. */
void
idev_lie(struct fuzz *f, unsigned queue, unsigned kind, unsigned how, uint32_t value)
{
	if (kind == 2)
		done_in_vain(f, queue);
	else if (queue < FUZZ_PAIRS && kind == 0)
		lie_about_length(f, queue, how % 3, value);
	else if (queue < FUZZ_PAIRS)
		lie_about_end(f, queue, value);
}
