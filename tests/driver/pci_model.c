/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ioas/ioas.h"

#define REGION(i) ((uint64_t)(i) << 40)

static struct pci_model *
of(const struct pci_os *os)
{
	return (struct pci_model *)(uintptr_t)os;
}

/* ---- DMA: what is mapped, with its rights, and nothing else ---- */

/* The buffers of a device are poisoned in ASan builds. */
__attribute__((no_sanitize("address"), noinline)) static void
raw_copy(volatile uint8_t *to, const volatile uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

/* Return: where it is for the test; NULL: the device cannot access it. */
static uint8_t *
reach(const struct pci_model *m, uint64_t iova, uint64_t n, bool write)
{
	struct ioas_entry e;

	if (!(m->config[PCI_COMMAND] & PCI_COMMAND_MASTER) || !m->ioas ||
	    !ioas_find_iova(m->ioas, iova, &e) || n > e.bytes - (iova - e.iova) ||
	    !(e.flags & (write ? BATON_MAP_WRITE : BATON_MAP_READ)))
		return NULL;
	return (uint8_t *)e.va + (iova - e.iova);
}

bool
pci_model_reaches(const struct pci_model *m, uint64_t iova, uint64_t n, bool write)
{
	return reach(m, iova, n, write) != NULL;
}

bool
pci_model_dma(struct pci_model *m, uint64_t iova, void *bytes, size_t n, bool write)
{
	uint8_t *at = reach(m, iova, n, write);

	if (!at) {
		m->stray++;
		return false;
	}
	if (write)
		raw_copy(at, bytes, n);
	else
		raw_copy(bytes, at, n);
	return true;
}

bool
pci_model_read64(struct pci_model *m, uint64_t iova, uint64_t *v)
{
	uint8_t b[8];

	if (!pci_model_dma(m, iova, b, 8, false))
		return false;
	*v = 0;
	for (unsigned i = 0; i < 8; i++)
		*v |= (uint64_t)b[i] << 8 * i;
	return true;
}

bool
pci_model_write64(struct pci_model *m, uint64_t iova, uint64_t v)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	return pci_model_dma(m, iova, b, 8, true);
}

/* ---- struct pci_os ---- */

static ssize_t
model_pread(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	struct pci_model *m = of(os);
	const uint64_t off = at & (REGION(1) - 1);
	uint32_t v = 0;

	assert_true(n <= 4);
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(m->config))
		for (size_t i = 0; i < n; i++)
			v |= (uint32_t)m->config[off + i] << 8 * i;
	else if (at >> 40 == m->device->bar && off + n <= m->device->bar_bytes && !m->dead)
		v = m->device->read(m, (uint32_t)off, n);
	if (m->dead)
		v = UINT32_MAX;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)(v >> 8 * i);
	return (ssize_t)n;
}

static ssize_t
model_pwrite(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	struct pci_model *m = of(os);
	const uint64_t off = at & (REGION(1) - 1);
	uint32_t v = 0;

	assert_true(n <= 4);
	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)((const uint8_t *)buf)[i] << 8 * i;
	if (m->dead)
		return (ssize_t)n;
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(m->config)) {
		if (!m->keeps_on)
			memcpy(m->config + off, buf, n);
	} else if (at >> 40 == m->device->bar && off + n <= m->device->bar_bytes) {
		m->device->write(m, (uint32_t)off, n, v);
	}
	return (ssize_t)n;
}

static int
model_attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
	     struct ioas_device **out, int *fd)
{
	struct pci_model *m = of(os);

	assert_int_equal(m->attached++, 0);
	m->ioas = ioas;
	*out = (struct ioas_device *)(void *)m;
	*fd = -1;
	return 0;
}

/* As the kernel does: no bus mastering, and a reset. */
static void
model_detach(const struct pci_os *os, struct ioas_device *handle)
{
	struct pci_model *m = of(os);

	m->attached--;
	m->ioas = NULL;
	m->config[PCI_COMMAND] &= (uint8_t)~PCI_COMMAND_MASTER;
	m->err_fd = m->req_fd = -1;
	m->device->reset(m);
}

static int
region_info(const struct pci_model *m, struct vfio_region_info *r)
{
	r->offset = REGION(r->index);
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? sizeof(m->config)
		  : r->index == m->device->bar             ? m->device->bar_bytes
							   : 0;
	return 0;
}

static int
set_irqs(struct pci_model *m, const struct vfio_irq_set *s)
{
	int *to = s->index == VFIO_PCI_MSIX_IRQ_INDEX  ? m->irq
		  : s->index == VFIO_PCI_ERR_IRQ_INDEX ? &m->err_fd
						       : &m->req_fd;
	const unsigned room = s->index == VFIO_PCI_MSIX_IRQ_INDEX ? m->device->vectors : 1;

	if (s->start + s->count > room)
		return -EINVAL;
	for (unsigned i = 0; i < (s->count ? s->count : room); i++)
		to[i] = -1;
	if (s->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(to, s->data, s->count * sizeof(int));
	return 0;
}

static int
model_ioctl(const struct pci_os *os, int fd, unsigned long request, void *arg)
{
	struct pci_model *m = of(os);
	struct vfio_device_info *d = arg;
	struct vfio_irq_info *i = arg;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		d->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		d->num_regions = VFIO_PCI_NUM_REGIONS;
		d->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(m, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		i->flags = VFIO_IRQ_INFO_EVENTFD;
		i->count = i->index == VFIO_PCI_MSIX_IRQ_INDEX ? m->device->vectors : 1;
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(m, arg);
	case VFIO_DEVICE_RESET:
		if (m->no_reset)
			return -EIO;
		m->keeps_on = false;
		m->device->reset(m);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int
model_map(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at)
{
	return -ENODEV;
}

static void
model_unmap(const struct pci_os *os, void *at, size_t len)
{
}

static int
model_eventfd(const struct pci_os *os)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* ---- what models call ---- */

void
pci_model_signal(int fd)
{
	assert_true(fd >= 0);
	eventfd_write(fd, 1);
}

void
pci_model_interrupt(struct pci_model *m, unsigned vector)
{
	if (vector < m->device->vectors && m->irq[vector] >= 0)
		eventfd_write(m->irq[vector], 1);
}

void
pci_model_csum(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset)
{
	uint32_t sum = 0;

	for (uint32_t i = start; i < len; i++)
		sum += (uint32_t)frame[i] << ((i - start) & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[start + offset] = (uint8_t)(~sum >> 8);
	frame[start + offset + 1] = (uint8_t)~sum;
}

static void
write_file(const struct pci_model *m, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", m->sys, PCI_MODEL_BDF, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
make_sys(struct pci_model *m)
{
	char text[256];

	snprintf(m->sys, sizeof(m->sys), "/tmp/pci-model.XXXXXX");
	assert_non_null(mkdtemp(m->sys));
	snprintf(text, sizeof(text), "mkdir -p %s/bus/pci/devices/%s", m->sys, PCI_MODEL_BDF);
	assert_int_equal(system(text), 0);
	snprintf(text, sizeof(text), "%#06x\n", m->device->vendor);
	write_file(m, "vendor", text);
	snprintf(text, sizeof(text), "%#06x\n", m->device->device);
	write_file(m, "device", text);
	write_file(m, "class", "0x020000\n");
	write_file(m, "numa_node", "-1\n");
}

void
pci_model_start(struct pci_model *m, const struct pci_model_device *device, struct baton_ctx *ctx)
{
	static const struct pci_os model_os = {
		.attach = model_attach,
		.detach = model_detach,
		.ioctl = model_ioctl,
		.pread = model_pread,
		.pwrite = model_pwrite,
		.map = model_map,
		.unmap = model_unmap,
		.eventfd = model_eventfd,
	};

	assert_true(device->vectors <= PCI_MODEL_VECTORS);
	m->os = model_os;
	m->device = device;
	make_sys(m);
	m->os.sys = m->sys;
	m->config[PCI_VENDOR_ID] = (uint8_t)device->vendor;
	m->config[PCI_VENDOR_ID + 1] = (uint8_t)(device->vendor >> 8);
	m->config[PCI_DEVICE_ID] = (uint8_t)device->device;
	m->config[PCI_DEVICE_ID + 1] = (uint8_t)(device->device >> 8);
	memset(m->irq, 0xff, sizeof(m->irq));
	m->err_fd = m->req_fd = -1;
	ctx->pci_os = &m->os;
}

void
pci_model_stop(struct pci_model *m)
{
	char command[128];

	assert_int_equal(m->attached, 0);
	snprintf(command, sizeof(command), "rm -r %s", m->sys);
	assert_int_equal(system(command), 0);
}
