/* SPDX-License-Identifier: BSD-3-Clause */
/* A VFIO device: opening, configuration space, bus mastering, reset. Reference: linux/vfio.h, PCI
 * Local Bus 3.0 chapter 6. */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/export.h"
#include "pci/pci_device.h"

#define CONFIG_LEAST 64 /* the header that every device has */
#define CONFIG_SIZE  256

/* ---- configuration space ---- */

static int
check_inside(const struct pci_device *dev, unsigned off, unsigned n)
{
	if (n > 4 || off > dev->config_size || n > dev->config_size - off)
		return baton_err(EINVAL,
				 "%s: byte %#x is not inside the %llu bytes of its configuration "
				 "space",
				 dev->info.bdf, off, (unsigned long long)dev->config_size);
	return 0;
}

int
pci_config_read(struct pci_device *dev, unsigned off, unsigned n, uint32_t *value)
{
	int ret = check_inside(dev, off, n);
	uint8_t b[4] = { 0 };
	ssize_t got;

	if (ret < 0)
		return ret;
	got = dev->os->pread(dev->os, dev->fd, b, n, dev->config_offset + off);
	if (got != (ssize_t)n)
		return baton_err(EIO, "%s: configuration space cannot be read at %#x: %s",
				 dev->info.bdf, off,
				 got < 0 ? strerror((int)-got) : "it ends there");
	*value = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	return 0;
}

int
pci_config_write(struct pci_device *dev, unsigned off, unsigned n, uint32_t value)
{
	uint8_t b[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			 (uint8_t)(value >> 24) };
	int ret = check_inside(dev, off, n);
	ssize_t put;

	if (ret < 0)
		return ret;
	put = dev->os->pwrite(dev->os, dev->fd, b, n, dev->config_offset + off);
	if (put != (ssize_t)n)
		return baton_err(EIO, "%s: configuration space cannot be written at %#x: %s",
				 dev->info.bdf, off,
				 put < 0 ? strerror((int)-put) : "it ends there");
	return 0;
}

/* ---- capabilities ---- */

int
pci_caps(struct pci_device *dev, struct pci_cap caps[PCI_MAX_CAPS])
{
	bool seen[CONFIG_SIZE] = { false };
	uint32_t v;
	int ret, n = 0;

	if ((ret = pci_config_read(dev, PCI_STATUS, 2, &v)) < 0)
		return ret;
	if (!(v & PCI_STATUS_CAP_LIST))
		return 0;
	if ((ret = pci_config_read(dev, PCI_CAPABILITY_LIST, 1, &v)) < 0)
		return ret;
	/* The lowest two bits are reserved: PCI 3.0, 6.7. */
	for (unsigned off = v & ~3u; off; off = (v >> 8) & 0xfc) {
		if (off < CONFIG_LEAST || off + 2 > dev->config_size || off >= CONFIG_SIZE)
			return baton_err(EPROTO,
					 "%s: its capability list goes to %#x, outside of %#x to "
					 "%#x: the device is broken or lies",
					 dev->info.bdf, off, CONFIG_LEAST, CONFIG_SIZE - 4);
		if (seen[off] || n == PCI_MAX_CAPS)
			return baton_err(EPROTO,
					 "%s: its capability list comes back to %#x: the device is "
					 "broken or lies",
					 dev->info.bdf, off);
		seen[off] = true;
		if ((ret = pci_config_read(dev, off, 2, &v)) < 0)
			return ret;
		caps[n++] = (struct pci_cap){ .id = (uint8_t)v, .off = (uint8_t)off };
	}
	return n;
}

/* ---- the device as a whole ---- */

bool
pci_is_dead(struct pci_device *dev)
{
	uint32_t id = 0;

	return pci_config_read(dev, PCI_COMMAND, 4, &id) < 0 || id == 0xffffffff;
}

static int
is_dead(const struct pci_device *dev)
{
	return baton_err(ENODEV,
			 "%s reads as all ones: it was removed, or has no power or no link; rescan "
			 "the bus with `echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > "
			 "/sys/bus/pci/rescan`",
			 dev->info.bdf, dev->info.bdf);
}

/* Set the bits @set of the command register, and clear the other bits of @mask. */
static int
command(struct pci_device *dev, uint16_t mask, uint16_t set)
{
	uint32_t v = 0;
	int ret;

	if ((ret = pci_config_read(dev, PCI_COMMAND, 4, &v)) < 0)
		return ret;
	if (v == 0xffffffff)
		return is_dead(dev);
	if ((ret = pci_config_write(dev, PCI_COMMAND, 2, (v & 0xffff & ~mask) | set)) < 0 ||
	    (ret = pci_config_read(dev, PCI_COMMAND, 4, &v)) < 0)
		return ret;
	if (v == 0xffffffff)
		return is_dead(dev);
	if ((v & mask) != set)
		return baton_err(EIO,
				 "%s: its command register reads %#x after bits %#x of %#x were "
				 "set",
				 dev->info.bdf, v & 0xffff, set, mask);
	return 0;
}

int
pci_bus_master(struct pci_device *dev, bool on)
{
	/*
	 * A read is answered after everything that the device wrote before it: PCI Express 4.0,
	 * 2.4.1.
	 */
	return command(dev, PCI_COMMAND_MASTER, on ? PCI_COMMAND_MASTER : 0);
}

int
pci_reset(struct pci_device *dev)
{
	int ret;

	if (!dev->can_reset)
		return baton_err(ENOTSUP, "%s: the kernel has no way to reset it", dev->info.bdf);
	ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_RESET, NULL);
	if (ret < 0)
		return baton_err(EIO, "%s: VFIO_DEVICE_RESET: %s", dev->info.bdf, strerror(-ret));
	return command(dev, PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
}

static int
get_info(struct pci_device *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	int ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_GET_INFO, &info);

	if (ret < 0)
		return baton_err(-ret, "%s: VFIO_DEVICE_GET_INFO: %s", dev->info.bdf,
				 strerror(-ret));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return baton_err(ENOTSUP,
				 "%s: what VFIO opened is not a PCI device (flags %#x, %u "
				 "regions): bind it to vfio-pci",
				 dev->info.bdf, info.flags, info.num_regions);
	dev->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_GET_REGION_INFO, &config);
	if (ret < 0)
		return baton_err(-ret,
				 "%s: VFIO_DEVICE_GET_REGION_INFO of its configuration space: %s",
				 dev->info.bdf, strerror(-ret));
	if (config.size < CONFIG_LEAST)
		return baton_err(EPROTO,
				 "%s: its configuration space has %llu bytes; at least %u are "
				 "needed",
				 dev->info.bdf, (unsigned long long)config.size, CONFIG_LEAST);
	dev->config_size = config.size;
	dev->config_offset = config.offset;
	if (info.num_irqs <= VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq);
	if (!ret && (irq.flags & VFIO_IRQ_INFO_EVENTFD))
		dev->n_vectors = irq.count;
	return 0;
}

static int
set_up(struct pci_device *dev)
{
	int ret = get_info(dev);
	uint32_t id = 0;

	if (ret < 0 || (ret = pci_config_read(dev, PCI_VENDOR_ID, 4, &id)) < 0)
		return ret;
	if (id == 0xffffffff)
		return is_dead(dev);
	/*
	 * A former driver may have left the device mastering the bus; Baton has not told it
	 * anything yet.
	 */
	return command(dev, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
}

int
pci_open(struct baton_ctx *ctx, struct baton_ioas *ioas, const char *bdf, struct pci_device **out)
{
	const struct pci_os *os = pci_os_of(ctx);
	struct pci_device *dev = calloc(1, sizeof(*dev));
	int ret;

	if (!dev)
		return baton_err(ENOMEM, "no memory for PCI device %s", bdf);
	dev->os = os;
	dev->ctx = ctx;
	dev->err.fd = dev->req.fd = -1;
	ret = pci_find(os, bdf, &dev->info);
	if (!ret)
		ret = os->attach(os, ioas, bdf, &dev->handle, &dev->fd);
	if (ret < 0) {
		free(dev);
		return ret;
	}
	ret = set_up(dev);
	if (ret < 0) {
		pci_close(dev);
		return ret;
	}
	*out = dev;
	return 0;
}

DRIVER_EXPORT(pci_config_read);
DRIVER_EXPORT(pci_config_write);
DRIVER_EXPORT(pci_caps);
DRIVER_EXPORT(pci_is_dead);
DRIVER_EXPORT(pci_reset);
