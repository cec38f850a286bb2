/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_pci.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <baton/ioas.h>

#include "dma/pool.h"

static struct fake_pci *
of(struct pci_model *m)
{
	return (struct fake_pci *)(void *)m;
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
	q->call = f->vector[f->select] < FAKE_VECTORS ? f->pci.irq[f->vector[f->select]] : -1;
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
	f->told_failed |= v >> 7;
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
	uint8_t c[24] = { 0x02, 0xba, 0x70, 0x00, 0x00, 0x03 };
	const struct fakedev_rss *rss = &f->fakedev->config.rss;

	put16(c + 6, !f->link_down);
	put16(c + 8, f->max_pairs);
	put16(c + 10, f->mtu);
	c[17] = rss->key;
	put16(c + 18, rss->table);
	put16(c + 20, (uint16_t)rss->types);
	put16(c + 22, (uint16_t)(rss->types >> 16));
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

static uint32_t
model_read(struct pci_model *m, uint32_t off, size_t n)
{
	if (off < FAKE_COMMON + 0x1000)
		return common_read(of(m), off);
	return off >= FAKE_DEVICE && off < FAKE_DEVICE + 0x1000
		       ? device_read(of(m), off - FAKE_DEVICE, n)
		       : 0;
}

static void
model_write(struct pci_model *m, uint32_t off, size_t n, uint32_t v)
{
	if (off < FAKE_COMMON + 0x1000)
		common_write(of(m), off, v);
	else if (off >= FAKE_NOTIFY && v < FAKEDEV_QUEUES)
		ring(of(m), (uint16_t)v);
}

static void
model_reset(struct pci_model *m, bool function)
{
	if (function)
		of(m)->keeps_status = false;
	reset(of(m));
}

/* ---- what tests call ---- */

void
fake_pci_cap(struct fake_pci *f, unsigned at, uint8_t next, uint8_t type, uint8_t bar,
	     uint32_t offset, uint32_t length)
{
	uint8_t *c = f->pci.config + at;

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
	static const uint32_t len[] = { 0, 0x3c, 0x1000, 4, 24 };

	put16(f->pci.config + PCI_STATUS, PCI_STATUS_CAP_LIST);
	f->pci.config[PCI_CAPABILITY_LIST] = FAKE_CAP(1);
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

static const struct pci_model_device fake_device = {
	.bdf = FAKE_BDF,
	.vendor = 0x1af4,
	.device = 0x1041,
	.bar = FAKE_BAR,
	.bar_bytes = FAKE_BAR_SIZE,
	.vectors = 4,
	.read = model_read,
	.write = model_write,
	.reset = model_reset,
};

struct fake_pci *
fake_pci_start(uint64_t features)
{
	struct fake_pci *f = calloc(1, sizeof(*f));
	uint8_t *bar;

	assert_non_null(f);
	pci_model_start(&f->pci, &fake_device);
	make_config(f);
	make_liar(f);
	f->pci.fd = memfd_create("fake-bar", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->pci.fd, FAKE_BAR_SIZE), 0);
	bar = mmap(NULL, FAKE_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->pci.fd, 0);
	assert_true(bar != MAP_FAILED);
	f->bells = (uint16_t *)(void *)(bar + FAKE_NOTIFY);
	memset(f->bells, 0xff, 0x1000);
	f->features = features;
	f->max_pairs = 1;
	f->queue_max = 256;
	f->mtu = 1500;
	f->pci.can_reset = false;
	f->pci.mappable = 1;
	f->pci.map_off = FAKE_NOTIFY;
	f->pci.map_bytes = 0x1000;
	f->fakedev->config.max_queues = FAKEDEV_PAIRS;
	reset(f);
	return f;
}

void
fake_pci_stop(struct fake_pci *f)
{
	f->keeps_status = false;
	reset(f);
	if (f->fakedev->region[0].map)
		munmap(f->fakedev->region[0].map, f->fakedev->region[0].map_len);
	munmap((uint8_t *)f->bells - FAKE_NOTIFY, FAKE_BAR_SIZE);
	close(f->pci.fd);
	pthread_mutex_destroy(&f->fakedev->lock);
	free(f->fakedev);
	pci_model_stop(&f->pci);
	free(f);
}

void
fake_pci_use(struct fake_pci *f, struct baton_ctx *ctx, bool flat)
{
	struct baton_ioas_config c;
	struct baton_ioas *ioas;

	ctx->pci_os = &f->pci.os;
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
fake_pci_set_link(struct fake_pci *f, bool up)
{
	f->link_down = !up;
	f->generation++;
	pci_model_interrupt(&f->pci, f->change_vector);
}

bool
fake_pci_rung(struct fake_pci *f, unsigned queue)
{
	uint16_t *bell = &f->bells[queue * FAKE_MULTIPLIER / 2];
	uint16_t was = __atomic_exchange_n(bell, FAKE_NO_BELL, __ATOMIC_RELAXED);

	return was == queue;
}
