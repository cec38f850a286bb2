/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_pci.h"

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
#include <sys/mman.h>
#include <unistd.h>

#include <baton/ioas.h>

#include "dma/pool.h"

#define REGION(i) ((uint64_t)(i) << 40)

static struct fake_pci *
of(const struct pci_os *os)
{
	return (struct fake_pci *)(uintptr_t)os;
}

static bool
fails(struct fake_pci *f)
{
	return ++f->calls == f->fail_at;
}

static void
put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static void
put32(uint8_t *at, uint32_t v)
{
	put16(at, v);
	put16(at + 2, v >> 16);
}

static uint32_t
get32(const uint8_t *b, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)b[i] << 8 * i;
	return v;
}

/* ---- virtio's common configuration: 4.1.4.3 ---- */

static unsigned
n_queues(const struct fake_pci *f)
{
	return f->driver_features & FAKEDEV_F_MQ ? 2u * f->max_pairs + 1 : 3;
}

static struct fakedev_queue *
selected(struct fake_pci *f)
{
	return f->select < n_queues(f) && f->select < FAKEDEV_QUEUES ? &f->fakedev->queue[f->select]
								     : NULL;
}

static void
forget_queue(struct fake_pci *f, unsigned i)
{
	struct fakedev_queue *q = &f->fakedev->queue[i];

	fakedev_close_fd(&q->kick);
	memset(q, 0, sizeof(*q));
	q->kick = q->call = -1;
	q->num = f->queue_max;
	f->vector[i] = 0xffff;
}

static void
reset(struct fake_pci *f)
{
	if (f->keeps_status)
		return;
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		forget_queue(f, i);
	f->status = 0;
	f->driver_features = f->fakedev->features = 0;
	f->device_select = f->driver_select = f->select = 0;
	f->change_vector = 0xffff;
}

static void
enable_queue(struct fake_pci *f)
{
	struct fakedev_queue *q = selected(f);

	if (!q)
		return;
	q->has_addr = q->has_base = q->enabled = true;
	q->mapped = false;
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	q->call = f->vector[f->select] < FAKE_VECTORS ? f->irq[f->vector[f->select]] : -1;
}

static void
set_status(struct fake_pci *f, uint8_t v)
{
	if (!v) {
		reset(f);
		return;
	}
	if ((v & 8) && f->refuses)
		v &= (uint8_t)~8u;
	f->status = v;
	f->fakedev->features =
		f->driver_features &
		~FAKE_F_ACCESS_PLATFORM; /* no IOTLB: its addresses are those of its memory */
}

static uint64_t *
address(struct fakedev_queue *q, uint32_t off)
{
	return off < 0x28 ? &q->addr.desc : off < 0x30 ? &q->addr.avail : &q->addr.used;
}

static void
common_write(struct fake_pci *f, uint32_t off, uint32_t v)
{
	struct fakedev_queue *q = selected(f);
	unsigned shift = off & 4 ? 32 : 0;

	switch (off) {
	case 0x00:
		f->device_select = v;
		break;
	case 0x08:
		f->driver_select = v;
		break;
	case 0x0c:
		shift = f->driver_select ? 32 : 0;
		f->driver_features =
			(f->driver_features & ~(0xffffffffull << shift)) | (uint64_t)v << shift;
		break;
	case 0x10:
		f->change_vector = f->no_vector ? 0xffff : (uint16_t)v;
		break;
	case 0x14:
		set_status(f, (uint8_t)v);
		break;
	case 0x16:
		f->select = (uint16_t)v;
		break;
	case 0x18:
		if (q)
			q->num = v;
		break;
	case 0x1a:
		if (q)
			f->vector[f->select] = f->no_vector ? 0xffff : (uint16_t)v;
		break;
	case 0x1c:
		if (v == 1)
			enable_queue(f);
		break;
	case 0x20:
	case 0x24:
	case 0x28:
	case 0x2c:
	case 0x30:
	case 0x34:
		if (q)
			*address(q, off) = (*address(q, off) & ~(0xffffffffull << shift)) |
					   (uint64_t)v << shift;
		break;
	case 0x3a:
		if (q && v == 1)
			forget_queue(f, f->select);
		break;
	default:
		fakedev_complain(f->fakedev, "a write to %#x of the common configuration", off);
	}
}

static uint32_t
common_read(struct fake_pci *f, uint32_t off)
{
	struct fakedev_queue *q = selected(f);

	switch (off) {
	case 0x04:
		return (uint32_t)(f->device_select < 2 ? f->features >> (f->device_select ? 32 : 0)
						       : 0);
	case 0x10:
		return f->change_vector;
	case 0x12:
		return n_queues(f);
	case 0x14:
		return f->status;
	case 0x15:
		return f->restless ? f->generation++ : f->generation;
	case 0x18:
		return q ? q->num : 0;
	case 0x1a:
		return q ? f->vector[f->select] : 0xffff;
	case 0x1c:
		return q ? q->enabled : 0;
	case 0x1e:
		return f->notify_off ? f->notify_off : f->select;
	case 0x3a:
		return f->stuck_queue;
	default:
		return 0;
	}
}

static uint32_t
device_read(const struct fake_pci *f, uint32_t off, size_t n)
{
	uint8_t c[16] = { 0x02, 0xba, 0x70, 0x00, 0x00, 0x03 };

	put16(c + 6, !f->link_down);
	put16(c + 8, f->max_pairs);
	put16(c + 10, f->mtu);
	return off + n <= sizeof(c) ? get32(c + off, n) : 0;
}

/* A doorbell that is a call: the control queue answers at once. */
static void
ring(struct fake_pci *f, uint16_t queue)
{
	f->bells[queue * FAKE_MULTIPLIER / 2] = queue;
	if (queue == fakedev_control_queue(f->fakedev) &&
	    (f->fakedev->features & FAKEDEV_F_CTRL_VQ)) {
		eventfd_write(f->fakedev->queue[queue].kick, 1);
		pthread_mutex_lock(&f->fakedev->lock);
		fakedev_control_serve(f->fakedev);
		pthread_mutex_unlock(&f->fakedev->lock);
	}
}

/* ---- struct pci_os ---- */

static int
fake_attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
	    struct ioas_device **out, int *fd)
{
	struct fake_pci *f = of(os);

	if (fails(f) || f->attached)
		return -EBUSY;
	f->attached++;
	*out = (struct ioas_device *)(void *)f;
	*fd = f->fd;
	return 0;
}

/* As the kernel does: no bus mastering, and a reset. */
static void
fake_detach(const struct pci_os *os, struct ioas_device *handle)
{
	struct fake_pci *f = of(os);

	f->attached--;
	f->config[PCI_COMMAND] &= (uint8_t)~PCI_COMMAND_MASTER;
	f->err_fd = f->req_fd = -1;
	reset(f);
}

static int
region_info(struct fake_pci *f, struct vfio_region_info *r)
{
	struct vfio_region_info_cap_sparse_mmap *s = (void *)(r + 1);
	const uint32_t all = sizeof(*r) + sizeof(*s) + sizeof(s->areas[0]);

	r->offset = REGION(r->index);
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? 256
		  : r->index == FAKE_BAR                   ? f->bar_size
							   : 0;
	if (r->index != FAKE_BAR || !f->mappable)
		return 0;
	r->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	if (r->argsz >= all) {
		r->cap_offset = sizeof(*r);
		s->header = (struct vfio_info_cap_header){ .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
							   .version = 1 };
		s->nr_areas = f->mappable;
		s->areas[0].offset = FAKE_NOTIFY;
		s->areas[0].size = 0x1000;
	}
	r->argsz = all;
	return 0;
}

static int
irq_info(const struct fake_pci *f, struct vfio_irq_info *i)
{
	i->flags = VFIO_IRQ_INFO_EVENTFD;
	i->count = i->index == VFIO_PCI_MSIX_IRQ_INDEX  ? f->vectors
		   : i->index == VFIO_PCI_ERR_IRQ_INDEX ? f->has_err
							: 1;
	return 0;
}

static int
set_irqs(struct fake_pci *f, const struct vfio_irq_set *s)
{
	int *to = s->index == VFIO_PCI_MSIX_IRQ_INDEX  ? f->irq
		  : s->index == VFIO_PCI_ERR_IRQ_INDEX ? &f->err_fd
						       : &f->req_fd;
	unsigned room = s->index == VFIO_PCI_MSIX_IRQ_INDEX ? f->vectors : 1;

	if (s->start + s->count > room)
		return -EINVAL;
	for (unsigned i = 0; i < (s->count ? s->count : room); i++)
		to[i] = -1;
	if (s->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(to, s->data, s->count * sizeof(int));
	return 0;
}

static int
fake_ioctl(const struct pci_os *os, int fd, unsigned long request, void *arg)
{
	struct fake_pci *f = of(os);
	struct vfio_device_info *d = arg;

	if (fails(f))
		return -f->fail_with;
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		d->flags = VFIO_DEVICE_FLAGS_PCI | (f->can_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
		d->num_regions = VFIO_PCI_NUM_REGIONS;
		d->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(f, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(f, arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(f, arg);
	case VFIO_DEVICE_RESET:
		f->resets++;
		f->keeps_status = false;
		reset(f);
		return 0;
	default:
		return -ENOTTY;
	}
}

static ssize_t
fake_pread(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	struct fake_pci *f = of(os);
	uint64_t off = at & (REGION(1) - 1);
	uint8_t b[4];
	uint32_t v = 0;

	if (fails(f))
		return -f->fail_with;
	assert_true(n <= 4);
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX)
		v = off + n <= sizeof(f->config) ? get32(f->config + off, n) : 0xffffffff;
	else if (at >> 40 == FAKE_BAR && off < FAKE_COMMON + 0x1000)
		v = common_read(f, (uint32_t)off);
	else if (at >> 40 == FAKE_BAR && off >= FAKE_DEVICE && off < FAKE_DEVICE + 0x1000)
		v = device_read(f, (uint32_t)(off - FAKE_DEVICE), n);
	if (f->dead)
		v = 0xffffffff;
	put32(b, v);
	memcpy(buf, b, n);
	return (ssize_t)n;
}

static ssize_t
fake_pwrite(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	struct fake_pci *f = of(os);
	uint64_t off = at & (REGION(1) - 1);
	uint32_t v = get32(buf, n);

	if (fails(f))
		return -f->fail_with;
	if (f->dead)
		return (ssize_t)n;
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(f->config) &&
	    !f->keeps_config)
		memcpy(f->config + off, buf, n);
	else if (at >> 40 == FAKE_BAR && off < FAKE_COMMON + 0x1000)
		common_write(f, (uint32_t)off, v);
	else if (at >> 40 == FAKE_BAR && off >= FAKE_NOTIFY && v < FAKEDEV_QUEUES)
		ring(f, (uint16_t)v);
	return (ssize_t)n;
}

static int
fake_map(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at)
{
	struct fake_pci *f = of(os);

	if (fails(f))
		return -f->fail_with;
	*at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   (off_t)(offset & (REGION(1) - 1)));
	if (*at == MAP_FAILED)
		return -errno;
	f->mapped++;
	return 0;
}

static void
fake_unmap(const struct pci_os *os, void *at, size_t len)
{
	of(os)->mapped--;
	munmap(at, len);
}

static int
fake_eventfd(const struct pci_os *os)
{
	return fails(of(os)) ? -of(os)->fail_with : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* ---- what tests call ---- */

void
fake_pci_cap(struct fake_pci *f, unsigned at, uint8_t next, uint8_t type, uint8_t bar,
	     uint32_t offset, uint32_t length)
{
	uint8_t *c = f->config + at;

	c[0] = PCI_CAP_ID_VNDR;
	c[1] = next;
	c[2] = type == 2 ? 20 : 16;
	c[3] = type;
	c[4] = bar;
	put32(c + 8, offset);
	put32(c + 12, length);
	if (type == 2)
		put32(c + 16, FAKE_MULTIPLIER);
}

static void
make_config(struct fake_pci *f)
{
	static const uint32_t at[] = { 0, FAKE_COMMON, FAKE_NOTIFY, FAKE_ISR, FAKE_DEVICE };
	static const uint32_t len[] = { 0, 0x3c, 0x1000, 4, 16 };

	put32(f->config, 0x10411af4);
	put16(f->config + PCI_STATUS, PCI_STATUS_CAP_LIST);
	f->config[PCI_CAPABILITY_LIST] = FAKE_CAP(1);
	for (uint8_t type = 1; type < 5; type++)
		fake_pci_cap(f, FAKE_CAP(type), type < 4 ? (uint8_t)FAKE_CAP(type + 1) : 0, type,
			     FAKE_BAR, at[type], len[type]);
}

static void
make_liar(struct fake_pci *f)
{
	struct fakedev *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	pthread_mutex_init(&l->lock, NULL);
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		l->queue[i].kick = l->queue[i].call = -1;
	/* All of the address space, as FLAT has it. */
	l->region[1] = (struct fakedev_region){ .guest = 1,
						.user = 1,
						.size = 1ull << 47,
						.fd = -1,
						.base = (uint8_t *)(uintptr_t)(FAKE_BASE + 1) };
	l->region[0].fd = -1;
	l->n_regions = 2;
	f->fakedev = l;
}

static const struct pci_os fake_os = {
	.attach = fake_attach,
	.detach = fake_detach,
	.ioctl = fake_ioctl,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
	.map = fake_map,
	.unmap = fake_unmap,
	.eventfd = fake_eventfd,
};

struct fake_pci *
fake_pci_start(uint64_t features)
{
	struct fake_pci *f = calloc(1, sizeof(*f));
	uint8_t *bar;

	assert_non_null(f);
	f->os = fake_os;
	fake_pci_make_sys(f);
	f->os.sys = f->sys;
	make_config(f);
	make_liar(f);
	f->fd = memfd_create("fake-bar", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->fd, FAKE_BAR_SIZE), 0);
	bar = mmap(NULL, FAKE_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	assert_true(bar != MAP_FAILED);
	f->bells = (uint16_t *)(void *)(bar + FAKE_NOTIFY);
	memset(f->bells, 0xff, 0x1000);
	f->features = features;
	f->vectors = 4;
	f->max_pairs = 1;
	f->queue_max = 256;
	f->mtu = 1500;
	f->mappable = 1;
	f->bar_size = FAKE_BAR_SIZE;
	f->has_err = true;
	f->fail_with = EIO;
	f->err_fd = f->req_fd = -1;
	memset(f->irq, 0xff, sizeof(f->irq));
	f->fakedev->config.max_queues = FAKEDEV_PAIRS;
	reset(f);
	return f;
}

void
fake_pci_stop(struct fake_pci *f)
{
	char command[128];

	assert_int_equal(f->attached, 0);
	assert_int_equal(f->mapped, 0);
	f->keeps_status = false;
	reset(f);
	if (f->fakedev->region[0].map)
		munmap(f->fakedev->region[0].map, f->fakedev->region[0].map_len);
	munmap((uint8_t *)f->bells - FAKE_NOTIFY, FAKE_BAR_SIZE);
	close(f->fd);
	pthread_mutex_destroy(&f->fakedev->lock);
	free(f->fakedev);
	snprintf(command, sizeof(command), "rm -r %s", f->sys);
	assert_int_equal(system(command), 0);
	free(f);
}

void
fake_pci_use(struct fake_pci *f, struct baton_ctx *ctx, bool flat)
{
	struct baton_ioas_config c;
	struct baton_ioas *ioas;

	ctx->pci_os = &f->os;
	f->fakedev->config.max_queues = f->max_pairs;
	if (!flat)
		return;
	baton_ioas_config_init(&c);
	c.backend = BATON_IOAS_FLAT;
	c.flat_base = (const void *)(uintptr_t)FAKE_BASE;
	assert_int_equal(baton_ioas_create(ctx, &c, &ioas), 0);
	assert_int_equal(baton_ctx_set_ioas(ctx, ioas), 0);
}

void
fake_pci_share(struct fake_pci *f, const struct baton_pool *pool)
{
	struct fakedev_region *r = &f->fakedev->region[0];

	r->map = mmap(NULL, pool->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pool->fd,
		      (off_t)pool->fd_offset);
	assert_true(r->map != MAP_FAILED);
	r->base = r->map;
	r->map_len = r->size = pool->bytes;
	r->guest = (uintptr_t)pool->base - FAKE_BASE;
}

void
fake_pci_signal(int fd)
{
	assert_true(fd >= 0);
	eventfd_write(fd, 1);
}

void
fake_pci_interrupt(struct fake_pci *f, unsigned vector)
{
	assert_true(vector < FAKE_VECTORS);
	fake_pci_signal(f->irq[vector]);
}

void
fake_pci_set_link(struct fake_pci *f, bool up)
{
	f->link_down = !up;
	f->generation++;
	fake_pci_interrupt(f, f->change_vector);
}

bool
fake_pci_rung(struct fake_pci *f, unsigned queue)
{
	uint16_t *bell = &f->bells[queue * FAKE_MULTIPLIER / 2];
	uint16_t was = __atomic_exchange_n(bell, FAKE_NO_BELL, __ATOMIC_RELAXED);

	return was == queue;
}
