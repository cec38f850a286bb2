/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "ioas/ioas.h"

#define REGION(i) ((uint64_t)(i) << 40)

static struct pci_model *
of(const struct pci_os *os)
{
	return (struct pci_model *)(uintptr_t)os;
}

static bool
fails(struct pci_model *m)
{
	return ++m->calls == m->fail_at;
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

	if (fails(m))
		return -m->fail_with;
	assert_true(n <= 4);
	if (m->dead || (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n > sizeof(m->config)))
		v = UINT32_MAX;
	else if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX)
		for (size_t i = 0; i < n; i++)
			v |= (uint32_t)m->config[off + i] << 8 * i;
	else if (at >> 40 == m->device->bar && off + n <= m->device->bar_bytes)
		v = m->device->read(m, (uint32_t)off, n);
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

	if (fails(m))
		return -m->fail_with;
	assert_true(n <= 4);
	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)((const uint8_t *)buf)[i] << 8 * i;
	if (m->dead)
		return (ssize_t)n;
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(m->config)) {
		if (!m->keeps_config)
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

	if (fails(m) || m->attached)
		return -EBUSY;
	m->attached++;
	m->ioas = ioas;
	*out = (struct ioas_device *)(void *)m;
	*fd = m->fd;
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
	m->device->reset(m, false);
}

static int
region_info(const struct pci_model *m, struct vfio_region_info *r)
{
	struct vfio_region_info_cap_sparse_mmap *s = (void *)(r + 1);
	const uint32_t all = sizeof(*r) + sizeof(*s) + sizeof(s->areas[0]);

	r->offset = REGION(r->index);
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? sizeof(m->config)
		  : r->index == m->device->bar             ? m->bar_size
							   : 0;
	if (r->index != m->device->bar || !m->mappable)
		return 0;
	r->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	if (r->argsz >= all) {
		r->cap_offset = sizeof(*r);
		s->header = (struct vfio_info_cap_header){ .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
							   .version = 1 };
		s->nr_areas = m->mappable;
		s->areas[0].offset = m->map_off;
		s->areas[0].size = m->map_bytes;
	}
	r->argsz = all;
	return 0;
}

static int
irq_info(const struct pci_model *m, struct vfio_irq_info *i)
{
	i->flags = VFIO_IRQ_INFO_EVENTFD;
	i->count = i->index == VFIO_PCI_MSIX_IRQ_INDEX  ? m->vectors
		   : i->index == VFIO_PCI_ERR_IRQ_INDEX ? m->has_err
							: 1;
	return 0;
}

static int
set_irqs(struct pci_model *m, const struct vfio_irq_set *s)
{
	int *to = s->index == VFIO_PCI_MSIX_IRQ_INDEX  ? m->irq
		  : s->index == VFIO_PCI_ERR_IRQ_INDEX ? &m->err_fd
						       : &m->req_fd;
	const unsigned room = s->index == VFIO_PCI_MSIX_IRQ_INDEX ? m->vectors : 1;

	if (s->start + s->count > room)
		return -EINVAL;
	for (unsigned i = 0; i < (s->count ? s->count : room); i++)
		to[i] = -1;
	if (s->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(to, s->data, s->count * sizeof(int));
	return 0;
}

static int
reset_function(struct pci_model *m)
{
	if (m->no_reset)
		return -EIO;
	m->resets++;
	m->device->reset(m, true);
	return 0;
}

static int
model_ioctl(const struct pci_os *os, int fd, unsigned long request, void *arg)
{
	struct pci_model *m = of(os);
	struct vfio_device_info *d = arg;

	if (fails(m))
		return -m->fail_with;
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		d->flags = VFIO_DEVICE_FLAGS_PCI | (m->can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
		d->num_regions = VFIO_PCI_NUM_REGIONS;
		d->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(m, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(m, arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(m, arg);
	case VFIO_DEVICE_RESET:
		return reset_function(m);
	default:
		return -ENOTTY;
	}
}

static int
model_map(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at)
{
	struct pci_model *m = of(os);

	if (fails(m))
		return -m->fail_with;
	if (m->fd < 0)
		return -ENODEV;
	*at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)(offset & (REGION(1) - 1)));
	if (*at == MAP_FAILED)
		return -errno;
	m->mapped++;
	return 0;
}

static void
model_unmap(const struct pci_os *os, void *at, size_t len)
{
	of(os)->mapped--;
	munmap(at, len);
}

static int
model_eventfd(const struct pci_os *os)
{
	struct pci_model *m = of(os);

	return fails(m) ? -m->fail_with : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
	if (vector < m->vectors && m->irq[vector] >= 0)
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

void
pci_model_start(struct pci_model *m, const struct pci_model_device *device)
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
	pci_model_make_sys(m);
	m->os.sys = m->sys;
	m->config[PCI_VENDOR_ID] = (uint8_t)device->vendor;
	m->config[PCI_VENDOR_ID + 1] = (uint8_t)(device->vendor >> 8);
	m->config[PCI_DEVICE_ID] = (uint8_t)device->device;
	m->config[PCI_DEVICE_ID + 1] = (uint8_t)(device->device >> 8);
	m->vectors = device->vectors;
	m->bar_size = device->bar_bytes;
	m->can_reset = m->has_err = true;
	m->fail_with = EIO;
	m->fd = m->err_fd = m->req_fd = -1;
	memset(m->irq, 0xff, sizeof(m->irq));
}

void
pci_model_stop(struct pci_model *m)
{
	assert_int_equal(m->attached, 0);
	assert_int_equal(m->mapped, 0);
	pci_model_drop_sys(m);
}
