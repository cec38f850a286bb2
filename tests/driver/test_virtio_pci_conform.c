/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite in front of virtio-net over PCI: split rings, the fakedev behind the
 * registers of fake_pci.h. It reaches what is mapped in the address space of its port, by mappings
 * of its own, and nothing else.
 */
#include "fake_pci.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ioas/ioas.h"
#include "virtio_rig.h"

#define NEEDS_RESET 0x40u

struct device {
	struct virtio_rig rig;
	struct fake_pci *fake;
	ino_t file[WIRE_MAX_REGIONS]; /* by region: what is mapped there */
	uint64_t offset[WIRE_MAX_REGIONS];
	ssize_t (*pwrite)(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at);
};

/* That of the test that runs: the functions of its registers need it. */
static struct device *the_device;

/* ---- memory: what is mapped for the device ---- */

/* Whether a region of the device is this mapping: there may be other memory at its address now. */
static bool
is_same(const struct device *d, unsigned i, const struct ioas_entry *e)
{
	const struct fakedev_region *r = &d->rig.l->region[i];
	struct stat st;

	return e->iova == r->guest && e->bytes == r->size && !fstat(e->fd, &st) &&
	       st.st_ino == d->file[i] && e->fd_offset == d->offset[i];
}

static void
add_region(struct device *d, const struct ioas_entry *e)
{
	struct fakedev *l = d->rig.l;
	const unsigned i = l->n_regions++;
	void *map = mmap(NULL, e->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd,
			 (off_t)e->fd_offset);
	struct stat st;

	assert_true(map != MAP_FAILED);
	assert_true(i < WIRE_MAX_REGIONS);
	assert_int_equal(fstat(e->fd, &st), 0);
	d->file[i] = st.st_ino;
	d->offset[i] = e->fd_offset;
	l->region[i] =
		(struct fakedev_region){ e->iova, e->bytes, e->iova, map, map, e->bytes, -1 };
}

static void
drop_region(struct device *d, unsigned i)
{
	struct fakedev *l = d->rig.l;
	const unsigned last = --l->n_regions;

	munmap(l->region[i].map, l->region[i].map_len);
	l->region[i] = l->region[last];
	d->file[i] = d->file[last];
	d->offset[i] = d->offset[last];
}

/* The device sees the address space as it is now. */
static void
look(struct device *d)
{
	const struct baton_ioas *ioas = d->fake->pci.ioas;
	const struct baton_mapping *m = NULL;
	struct fakedev *l = d->rig.l;
	struct ioas_entry e;

	for (unsigned i = 0; i < l->n_regions;)
		if (ioas && ioas_find_iova(ioas, l->region[i].guest, &e) && is_same(d, i, &e))
			i++;
		else
			drop_region(d, i);
	while (ioas && (m = ioas_next(ioas, m, &e)))
		if (!fakedev_translate_(l, e.iova, 1, false))
			add_region(d, &e);
}

static void
forget_memory(struct device *d)
{
	fakedev_mem_clear(d->rig.l);
	d->rig.l->region[0].map = NULL;
}

/* ---- registers: the control queue answers when its doorbell is written ---- */

static ssize_t
write_register(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	look(the_device);
	return the_device->pwrite(os, fd, buf, n, at);
}

static void *
start_with(struct baton_ctx *ctx, char *spec, size_t room, uint64_t features)
{
	struct device *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	the_device = d;
	d->fake = fake_pci_start(features);
	d->fake->pci.mappable = 0; /* all registers are calls */
	d->fake->max_pairs = 2;
	d->fake->pci.vectors = FAKE_VECTORS;
	d->pwrite = d->fake->pci.os.pwrite;
	d->fake->pci.os.pwrite = write_register;
	d->rig.l = d->fake->fakedev;
	d->rig.l->n_regions = 0;
	d->rig.l->config.rss = (struct fakedev_rss)VIRTIO_RIG_RSS;
	fake_pci_use(d->fake, ctx, false);
	snprintf(spec, room, "%s,ioas=vhost", FAKE_BDF);
	return d;
}

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(ctx, spec, room,
			  FAKE_FEATURES | FAKE_F_RING_RESET | FAKEDEV_F_CTRL | FAKEDEV_F_MQ |
				  VIRTIO_RIG_FEATURES);
}

/* A device that offers as little as it can. */
static void *
start_bare(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(ctx, spec, room, FAKE_FEATURES & ~FAKEDEV_F_MRG_RXBUF);
}

static void
stop(void *dev)
{
	struct device *d = dev;

	assert_string_equal(fakedev_driver_error(d->rig.l), "");
	forget_memory(d);
	fake_pci_stop(d->fake);
	free(d);
}

static void
keep(void *dev, bool on)
{
	struct device *d = dev;

	d->fake->keeps_status = d->fake->pci.keeps_config = on;
}

static void
remove_it(void *dev)
{
	struct device *d = dev;

	d->fake->pci.dead = true;
	pci_model_signal(d->fake->pci.irq[0]);
}

static void
lose(void *dev)
{
	struct device *d = dev;

	d->fake->status |= NEEDS_RESET;
	pci_model_signal(d->fake->pci.irq[0]);
}

static void
set_link(void *dev, bool up)
{
	fake_pci_set_link(((struct device *)dev)->fake, up);
}

static unsigned
strays(const void *dev)
{
	return fakedev_driver_error(((const struct device *)dev)->rig.l)[0] != 0;
}

#define OF_BOTH                                                                                    \
	.list = "drivers/virtio/features_pci.txt", .stop = stop, .keep = keep,                     \
	.remove = remove_it, .lose = lose, .link = set_link, .strays = strays

static const struct model full = {
	OF_BOTH,
	VIRTIO_RIG_FULL,
	.name = "virtio on PCI",
	.start = start,
};

static const struct model bare = {
	OF_BOTH,
	VIRTIO_RIG_DATA,
	.name = "virtio on PCI, bare",
	.lacks = F_BIT(F_RX_BUFFERS) | F_BIT(F_RX_CSUM) | F_BIT(F_TX_CSUM) | F_BIT(F_TX_SEGMENTS) |
		 F_BIT(F_RX_SEGMENTS) | F_BIT(F_RX_HASH) | F_BIT(F_RX_STOP) | F_BIT(F_TX_STOP) |
		 F_BIT(F_MAC) | F_BIT(F_PROMISC) | F_BIT(F_ALLMULTI) | F_BIT(F_MACS) |
		 F_BIT(F_VLAN) | F_BIT(F_QUEUES),
	.brief = true,
	.start = start_bare,
};

const struct model *const rig_models[] = { &full, &bare, NULL };
