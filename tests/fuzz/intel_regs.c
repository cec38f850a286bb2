/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of the fuzzer's 82574L and 82576: an NVM and a PHY that are not good, which a
 * driver that starts nevertheless has not noticed; resets that do not end; anything read anywhere;
 * and interrupts at any time.
 */
#include "intel.h"

#include "ctx/ctx.h"

#define ADDRESS    0x563412005452ull
#define MOST_LIVES 6u /* such steps are slow */

/* What is wrong with the NVM. */
#define NVM_SUM   1u
#define NVM_NONE  2u /* its address is 0 */
#define NVM_GROUP 4u /* or one of a group */

static bool
in_queues(uint32_t off)
{
	const struct intel_kind *k = fuzz_intel.model;

	return (off >= k->rx && off < k->rx + FUZZ_PAIRS * k->queue_bytes) ||
	       (off >= k->tx && off < k->tx + FUZZ_PAIRS * k->queue_bytes);
}

static bool
is_dctl(uint32_t off)
{
	return in_queues(off) && off % fuzz_intel.model->queue_bytes == INTEL_DCTL;
}

/* ---- what is read ---- */

/*
 * The driver has read what it must not start with, or what is good now. One that a lie has confused
 * may start, or not.
 */
static void
judge(const char *what, bool is_bad)
{
	if (is_bad) {
		fuzz_life->refused = true;
		idev.regs.bad = idev.regs.confused ? NULL : what;
	} else if (idev.regs.bad == what) {
		idev.regs.bad = NULL;
	}
}

/* The driver's own ways to its MAC address: by the NVM's words, or by what a reset loads of them.
 */
static void
note_read(uint32_t off, uint32_t v)
{
	static const char address[] = "the NVM has no good address",
			  load[] = "no address is loaded", error[] = "the PHY reports an error",
			  id[] = "there is no PHY";
	const uint8_t nvm = idev.regs.nvm;
	const uint32_t reg = v >> 16 & 31;

	if (off == fuzz_intel.model->owner && idev.m->no_owner)
		fuzz_life->refused = true;
	if (off == INTEL_EERD) {
		fuzz_life->refused |= idev.m->nvm_silent;
		if (!(v & 0xfffc) && !fuzz_intel.model->loads_mac)
			judge(address, nvm & (NVM_NONE | NVM_GROUP));
	} else if (off == INTEL_RAH && fuzz_intel.model->loads_mac) {
		judge(load, idev.m->no_address);
		judge(address, nvm & (NVM_NONE | NVM_GROUP));
	} else if (off == INTEL_MDIC) {
		fuzz_life->refused |= idev.m->phy_silent;
		if (reg == 2 && (v & INTEL_MDIC_READY) && (v >> 26 & 3) == 2) {
			judge(error, v & INTEL_MDIC_ERROR);
			judge(id, !(uint16_t)v || (uint16_t)v == 0xffff);
		}
	}
}

/* The last word of the sum. */
static void
note_sum(uint32_t off, uint32_t v)
{
	static const char sum[] = "the NVM is damaged";

	if (off == INTEL_EERD && (v >> 2 & 0x3fff) == INTEL_NVM_WORDS - 1)
		judge(sum, idev.regs.nvm & NVM_SUM);
}

/* Whatever it was: all of the device is suspect now, but it still does what it said it did when it
 * was asked to let go. */
static bool
confuse(uint32_t off, uint32_t *v)
{
	struct fuzz *f = fuzz_current;

	if (!f || !idev.regs.reads || is_dctl(off) ||
	    (off <= INTEL_STATUS && (idev.m->keeps_master || idev.m->keeps_reset)))
		return false;
	if (--idev.regs.reads)
		return false;
	*v = idev.regs.value;
	idev.regs.confused = fuzz_life->refused = f->restart = true;
	idev.regs.bad = NULL;
	for (unsigned i = 0; i < FUZZ_QUEUES; i++)
		fuzz_wild(f, i);
	return true;
}

static uint32_t
read_reg(struct pci_model *m, uint32_t off, size_t n)
{
	uint32_t v = idev.pci.real->read(m, off, n);

	if (fuzz_current && !confuse(off, &v)) {
		note_read(off, v);
		note_sum(off, v);
	}
	return v;
}

/* ---- what is written ---- */

/* It lets go of everything when it says that no access is under way, or when the reset ends. */
static void
let_go(bool by_reset)
{
	struct idev_regs *r = &idev.regs;

	if (by_reset != r->late) {
		*(by_reset ? &idev.m->keeps_reset : &idev.m->keeps_master) = false;
		return;
	}
	fuzz_pci_reset();
	idev.m->keeps_master = idev.m->pci.keeps_config && !by_reset;
	idev.m->keeps_reset = idev.m->pci.keeps_config && by_reset;
}

/* A queue is used from the last register on that says how: of the 82576, once it is enabled. */
static bool
write_dctl(uint32_t off, uint32_t value)
{
	const struct intel_kind *k = fuzz_intel.model;
	const unsigned queue = off >= k->tx ? FUZZ_PAIRS + (off - k->tx) / k->queue_bytes
					    : (off - k->rx) / k->queue_bytes;

	if (k->enables && !(value & INTEL_DCTL_ENABLE))
		return idev_stop_ring(queue);
	return idev_start_ring(queue, off - INTEL_DCTL);
}

bool
idev_write_reg(uint32_t off, uint32_t value)
{
	if (off == INTEL_CTRL && value & INTEL_CTRL_RST)
		let_go(true);
	else if (off == INTEL_CTRL && value & INTEL_CTRL_GIO)
		let_go(false);
	for (unsigned i = 0; i < FUZZ_PAIRS && off == INTEL_RCTL && value & INTEL_EN; i++)
		idev.ring[i].room = fuzz_intel.room(idev.m, i, value);
	if ((off == INTEL_RCTL || off == INTEL_TCTL) && value & INTEL_EN && idev.regs.bad)
		fuzz_fail("%s, and the driver starts it", idev.regs.bad);
	return !is_dctl(off) || write_dctl(off, value);
}

/* CTRL, which resets what has let go; CTRL_EXT, and what masks and clears interrupts. */
bool
idev_after_reset(uint32_t off)
{
	return off == INTEL_CTRL || off == 0x0018 || (off >= 0x00c0 && off <= 0x00e0) ||
	       (off >= 0x1500 && off <= 0x1530);
}

void
idev_regs_connect(void)
{
	idev.pci.device.read = read_reg;
}

/* ---- steps ---- */

static void
spoil_nvm(uint8_t how)
{
	idev.regs.nvm = how;
	intel_model_nvm(idev.m, how & NVM_NONE ? 0 : how & NVM_GROUP ? ADDRESS | 1 : ADDRESS);
	if (how & NVM_SUM)
		idev.m->nvm[3] ^= 0x5a5a;
}

static void
honest(void)
{
	struct intel_model *m = idev.m;

	m->no_address = m->nvm_silent = m->phy_silent = m->phy_error = m->no_owner = false;
	m->phy[2] = 0x0141;
	idev.regs.reads = 0;
	idev.regs.late = false;
	if (!idev.regs.nvm)
		return;
	idev.m->nvm[3] = 0x1357 * 3;
	spoil_nvm(0);
}

static void
spoil_phy(uint8_t how)
{
	static const uint16_t ids[] = { 0, 0xffff };

	if (how & 1)
		idev.m->phy_error = true;
	if (how & 2)
		idev.m->phy[2] = ids[how >> 2 & 1];
	if (how & 8)
		idev.m->phy_silent = true;
	if (how & 16)
		idev.m->no_owner = true;
}

/* An interrupt that nobody waits for, with a link that changes and counters of any size; or the
 * driver looks by itself. */
static void
disturb(struct fuzz *f, uint8_t how)
{
	const struct baton_port *port = f->rig->port;
	struct baton_xstat x[256];

	idev.m->regs[INTEL_STATUS / 4] = how & 0xc3;
	for (uint32_t off = 0x4000; off < 0x4100; off += 4)
		idev.m->regs[off / 4] = how & 4 ? UINT32_MAX - (off & 4) / 4 : off;
	f->at = FUZZ_QUEUES;
	if (how & 8)
		(void)baton_port_xstats(port, x, 256);
	else
		pci_model_interrupt(&idev.m->pci, how & 16 ? how >> 5 : 0);
	fuzz_poll(f);
	if (!(how & 32) || !port->started || port->away || idev.m->pci.dead)
		return;
	fuzz_wait(1000);
	ctx_timers_run(port->ctx);
}

/* The driver has its device anew, and finds out what is wrong with it. */
static void
look_again(struct fuzz *f, bool now)
{
	if (!now || f->life++ >= MOST_LIVES)
		return;
	fuzz_app_port_reset(f);
	fuzz_app_port_start(f);
}

/* It is asked to let go, and does not say so, in one way or the other. */
static void
stay(struct fuzz *f, uint8_t how)
{
	idev.regs.late = how & 1;
	if (!(how & 2) || f->life++ >= MOST_LIVES)
		return;
	fuzz_life->keeps = 1 + (how >> 2 & 1);
	fuzz_life->kind = FUZZ_TILL_RESET;
	fuzz_app_port_stop(f);
	if (how & 8)
		fuzz_app_port_start(f);
}

void
fuzz_intel_command(struct fuzz *f)
{
	const uint8_t kind = in_u8(&f->in), how = f->in.p < f->in.end ? *f->in.p : 0;

	if (kind & 1) {
		fuzz_pci_command(f, 0);
		return;
	}
	(void)in_u8(&f->in);
	switch (kind >> 1 & 7) {
	case 0:
		honest();
		break;
	case 1:
		spoil_nvm(how & 7);
		look_again(f, kind & 16);
		break;
	case 2:
		idev.m->no_address = how & 1;
		idev.m->nvm_silent = how >> 1 & 1;
		look_again(f, kind & 16);
		break;
	case 3:
		spoil_phy(how);
		look_again(f, kind & 16);
		break;
	case 4:
		stay(f, how);
		break;
	case 5:
		idev.regs.reads = 1u + how;
		idev.regs.value = kind & 16 ? UINT32_MAX : in_u32(&f->in);
		break;
	default:
		disturb(f, how);
		break;
	}
}

void
fuzz_intel_begin(struct fuzz *f)
{
	honest();
	idev.regs.confused = false;
	idev.regs.bad = NULL;
	fuzz_pci_begin(f);
}

void
fuzz_intel_obey(struct fuzz *f)
{
	honest();
	fuzz_pci_obey(f);
}
