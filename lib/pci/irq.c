/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupts as eventfds: MSI-X vectors, errors, and the kernel's request to release the device. */
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "pci/pci_device.h"

#define MAX_VECTORS 2048 /* PCI 3.0, 6.8.2 */

static int
set_irqs(struct pci_device *dev, uint32_t index, const int *fds, unsigned n)
{
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + n * sizeof(int32_t));
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + n * sizeof(int32_t));
	set->index = index;
	set->count = n;
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		     (n ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	for (unsigned i = 0; i < n; i++)
		memcpy(set->data + i * sizeof(int32_t), &fds[i], sizeof(int32_t));
	ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

int
pci_msix_disable(struct pci_device *dev)
{
	int ret = dev->enabled ? set_irqs(dev, VFIO_PCI_MSIX_IRQ_INDEX, NULL, 0) : 0;

	dev->enabled = 0;
	return ret < 0 ? baton_err(-ret, "%s: MSI-X cannot be disabled: VFIO_DEVICE_SET_IRQS: %s",
				   dev->info.bdf, strerror(-ret))
		       : 0;
}

int
pci_msix_enable(struct pci_device *dev, const int *fds, unsigned n)
{
	int ret;

	if (!n || n > dev->n_vectors || n > MAX_VECTORS)
		return baton_err(EINVAL, "%s: %u MSI-X vectors were asked for; it has %u",
				 dev->info.bdf, n, dev->n_vectors);
	/* Only kernels from 6.5 on can add vectors while others are enabled. */
	ret = pci_msix_disable(dev);
	if (ret < 0)
		return ret;
	ret = set_irqs(dev, VFIO_PCI_MSIX_IRQ_INDEX, fds, n);
	if (ret < 0)
		return baton_err(-ret,
				 "%s: %u MSI-X vectors cannot be enabled: VFIO_DEVICE_SET_IRQS: %s",
				 dev->info.bdf, n, strerror(-ret));
	dev->enabled = n;
	return 0;
}

/* ---- errors and requests ---- */

static void
drain(const struct ctx_source *src)
{
	uint64_t n;

	(void)!read(src->fd, &n, sizeof(n));
}

static void
on_err(struct ctx_source *src, uint32_t events)
{
	struct pci_device *dev =
		(struct pci_device *)(void *)((char *)src - offsetof(struct pci_device, err));

	drain(src);
	dev->on_event(dev->event_arg, PCI_EVENT_ERROR);
}

static void
on_req(struct ctx_source *src, uint32_t events)
{
	struct pci_device *dev =
		(struct pci_device *)(void *)((char *)src - offsetof(struct pci_device, req));

	drain(src);
	dev->on_event(dev->event_arg, PCI_EVENT_REQUEST);
}

static int
watch(struct pci_device *dev, struct ctx_source *src, uint32_t index, const char *what)
{
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = index };
	int ret = dev->os->ioctl(dev->os, dev->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq);
	char missing[64];

	/* An emulated or conventional device does not have an error interrupt. */
	if (ret < 0 || irq.count != 1 || !(irq.flags & VFIO_IRQ_INFO_EVENTFD))
		return 0;
	src->fd = dev->os->eventfd(dev->os);
	if (src->fd < 0) {
		ret = src->fd;
		src->fd = -1;
		snprintf(missing, sizeof(missing), "no eventfd for the %s interrupt", what);
		return limits_no_file(missing, dev->info.bdf, -ret);
	}
	ret = ctx_source_add(dev->ctx, src, EPOLLIN);
	if (!ret) {
		ret = set_irqs(dev, index, &src->fd, 1);
		if (!ret)
			return 0;
		ctx_source_del(dev->ctx, src);
		baton_err(-ret, "%s: VFIO_DEVICE_SET_IRQS of its %s interrupt: %s", dev->info.bdf,
			  what, strerror(-ret));
	}
	close(src->fd);
	src->fd = -1;
	return ret;
}

int
pci_watch(struct pci_device *dev, void (*on_event)(void *arg, enum pci_event event), void *arg)
{
	int ret;

	dev->on_event = on_event;
	dev->event_arg = arg;
	dev->err.ready = on_err;
	dev->req.ready = on_req;
	ret = watch(dev, &dev->err, VFIO_PCI_ERR_IRQ_INDEX, "error");
	return ret < 0 ? ret : watch(dev, &dev->req, VFIO_PCI_REQ_IRQ_INDEX, "request");
}
