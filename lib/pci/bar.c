/* SPDX-License-Identifier: BSD-3-Clause */
/* BARs: mapped where VFIO allows it, else read and written through the file descriptor. */
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/export.h"
#include "pci/pci_device.h"

#define INFO_MAX  65536 /* bytes of region information, at most; a page would do */
#define CHAIN_MAX 32

/* Get the region information with all of its capabilities. The caller frees it. */
static int
region_info(struct pci_device *dev, unsigned bar, struct vfio_region_info **out)
{
	uint32_t size = sizeof(struct vfio_region_info), want = size;
	struct vfio_region_info *info = NULL;
	int ret;

	for (int tries = 0; tries < 3; tries++) {
		free(info);
		size = want;
		info = calloc(1, size);
		if (!info)
			return baton_err(ENOMEM, "no memory for BAR %u of %s", bar, dev->info.bdf);
		info->argsz = size;
		info->index = bar;
		ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
		if (ret < 0) {
			free(info);
			return baton_err(-ret, "%s: VFIO_DEVICE_GET_REGION_INFO of BAR %u: %s",
					 dev->info.bdf, bar, strerror(-ret));
		}
		if (info->argsz <= size || info->argsz > INFO_MAX)
			break;
		want = info->argsz;
	}
	if (info->argsz > size)
		info->flags &= ~VFIO_REGION_INFO_FLAG_CAPS; /* the answer did not fit */
	info->argsz = size;
	*out = info;
	return 0;
}

static const struct vfio_region_info_cap_sparse_mmap *
find_sparse(const struct vfio_region_info *info)
{
	const uint8_t *base = (const uint8_t *)info;
	uint32_t at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	for (unsigned n = 0; at && n < CHAIN_MAX; n++) {
		const struct vfio_region_info_cap_sparse_mmap *s;

		if (at % 8 || at > info->argsz - sizeof(s->header))
			return NULL;
		s = (const void *)(base + at);
		if (s->header.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			return at + sizeof(*s) <= info->argsz &&
					       s->nr_areas <= (info->argsz - at - sizeof(*s)) /
								      sizeof(s->areas[0])
				       ? s
				       : NULL;
		at = s->header.next;
	}
	return NULL;
}

/* A part that cannot be mapped is no error: it is accessed through the descriptor. */
static void
map_window(struct pci_device *dev, struct pci_bar *bar, uint64_t off, uint64_t len)
{
	struct pci_window *w = &bar->window[bar->n_windows];
	void *at;

	if (bar->n_windows == PCI_WINDOWS || !len || off >= bar->size || len > bar->size - off)
		return;
	if (dev->os->map(dev->os, dev->fd, bar->offset + off, len, &at) < 0)
		return;
	*w = (struct pci_window){ .off = off, .len = len, .at = at };
	bar->n_windows++;
}

static int
map_bar(struct pci_device *dev, unsigned index)
{
	struct pci_bar *bar = &dev->bar[index];
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_region_info *info = NULL;
	int ret;

	if (bar->known)
		return 0;
	ret = region_info(dev, index, &info);
	if (ret < 0)
		return ret;
	bar->known = true;
	bar->size = info->size;
	bar->offset = info->offset;
	if (info->flags & VFIO_REGION_INFO_FLAG_MMAP) {
		sparse = find_sparse(info);
		if (!sparse)
			map_window(dev, bar, 0, bar->size);
		for (uint32_t i = 0; sparse && i < sparse->nr_areas; i++)
			map_window(dev, bar, sparse->areas[i].offset, sparse->areas[i].size);
	}
	free(info);
	return 0;
}

int
pci_reg(struct pci_device *dev, unsigned index, uint64_t off, uint64_t len, struct pci_reg *out)
{
	const struct pci_bar *bar;
	int ret;

	if (index >= PCI_BARS)
		return baton_err(EPROTO, "%s: there is no BAR %u, only BARs 0 to %u", dev->info.bdf,
				 index, PCI_BARS - 1);
	ret = map_bar(dev, index);
	if (ret < 0)
		return ret;
	bar = &dev->bar[index];
	if (!bar->size)
		return baton_err(EPROTO,
				 "%s: there is no BAR %u: the device does not have it, or the "
				 "firmware gave it no addresses",
				 dev->info.bdf, index);
	if (!len || len > UINT32_MAX || off >= bar->size || len > bar->size - off)
		return baton_err(EPROTO,
				 "%s: %llu bytes from %#llx on are not inside BAR %u, which has "
				 "%#llx",
				 dev->info.bdf, (unsigned long long)len, (unsigned long long)off,
				 index, (unsigned long long)bar->size);
	*out = (struct pci_reg){ .dev = dev, .offset = bar->offset + off, .len = (uint32_t)len };
	for (unsigned i = 0; i < bar->n_windows; i++) {
		const struct pci_window *w = &bar->window[i];

		if (off >= w->off && off - w->off < w->len && len <= w->len - (off - w->off))
			out->at = w->at + (off - w->off);
	}
	return 0;
}

uint32_t
pci_read_slow(const struct pci_reg *r, uint32_t off, unsigned n)
{
	const struct pci_os *os = r->dev->os;
	uint8_t b[4];

	if (os->pread(os, r->dev->fd, b, n, r->offset + off) != (ssize_t)n)
		return 0xffffffff;
	switch (n) {
	case 1:
		return b[0];
	case 2:
		return (uint32_t)b[0] | (uint32_t)b[1] << 8;
	default:
		return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
		       (uint32_t)b[3] << 24;
	}
}

void
pci_write_slow(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value)
{
	const struct pci_os *os = r->dev->os;
	uint8_t b[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			 (uint8_t)(value >> 24) };

	io_wmb();
	(void)!os->pwrite(os, r->dev->fd, b, n, r->offset + off);
}

static void
unmap_all(struct pci_device *dev)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		for (unsigned w = 0; w < dev->bar[i].n_windows; w++)
			dev->os->unmap(dev->os, dev->bar[i].window[w].at,
				       dev->bar[i].window[w].len);
		memset(&dev->bar[i], 0, sizeof(dev->bar[i]));
	}
}

void
pci_close(struct pci_device *dev)
{
	if (!dev)
		return;
	if (dev->enabled)
		pci_msix_disable(dev);
	for (int i = 0; i < 2; i++) {
		struct ctx_source *src = i ? &dev->req : &dev->err;

		if (src->fd < 0)
			continue;
		ctx_source_del(dev->ctx, src);
		close(src->fd);
	}
	unmap_all(dev);
	dev->os->detach(dev->os, dev->handle);
	free(dev);
}

DRIVER_EXPORT(pci_reg);
DRIVER_EXPORT(pci_read_slow);
DRIVER_EXPORT(pci_write_slow);
