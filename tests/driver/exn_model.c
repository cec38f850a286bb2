/* SPDX-License-Identifier: BSD-3-Clause */
#include "exn_model.h"

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

/* The registers, by the datasheet. */
enum { CTRL = 0x004, STATUS = 0x008, QUEUES = 0x00c, MAC = 0x010, FRAME = 0x01c };
enum { RX_BLOCKS = 0x400, TX_BLOCKS = 0x600 };
enum {
	BASE = 0x00,
	SIZE = 0x08,
	TAIL = 0x0c,
	QCTRL = 0x10,
	VECTOR = 0x14,
	WAKE = 0x18,
	ROOM = 0x1c
};

static struct exn_model *
of(const struct pci_os *os)
{
	return (struct exn_model *)(uintptr_t)os;
}

static uint32_t *
block(struct exn_model *m, bool tx, unsigned queue)
{
	return &m->regs[((tx ? TX_BLOCKS : RX_BLOCKS) + queue * 32) / 4];
}

uint32_t
exn_reg(const struct exn_model *m, uint32_t off)
{
	return m->regs[off / 4];
}

/* ---- DMA: what is mapped, with its rights, and nothing else ---- */

/* The buffers of a device are poisoned in ASan builds. */
__attribute__((no_sanitize("address"), noinline)) static void
raw_copy(volatile uint8_t *to, const volatile uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

static bool
dma(struct exn_model *m, uint64_t iova, void *bytes, size_t n, bool write)
{
	struct ioas_entry e;

	if (!(m->config[PCI_COMMAND] & PCI_COMMAND_MASTER) || !m->ioas ||
	    !ioas_find_iova(m->ioas, iova, &e) || iova + n > e.iova + e.bytes ||
	    (write && !(e.flags & BATON_MAP_WRITE))) {
		m->stray++;
		return false;
	}
	if (write)
		raw_copy((uint8_t *)e.va + (iova - e.iova), bytes, n);
	else
		raw_copy(bytes, (uint8_t *)e.va + (iova - e.iova), n);
	return true;
}

static bool
read64(struct exn_model *m, uint64_t iova, uint64_t *v)
{
	uint8_t b[8];

	if (!dma(m, iova, b, 8, false))
		return false;
	*v = 0;
	for (unsigned i = 0; i < 8; i++)
		*v |= (uint64_t)b[i] << 8 * i;
	return true;
}

static bool
write64(struct exn_model *m, uint64_t iova, uint64_t v)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	return dma(m, iova, b, 8, true);
}

/* The descriptor that the device uses next. Return: 0: there is none. */
static uint64_t
next_desc(struct exn_model *m, bool tx, unsigned queue, unsigned ahead)
{
	const uint32_t *b = block(m, tx, queue);
	const uint32_t place = (m->head[tx][queue] + ahead) & (b[SIZE / 4] - 1);

	if (!(b[QCTRL / 4] & 1) || !(exn_reg(m, CTRL) & 2))
		return 0;
	for (unsigned i = 0; i <= ahead; i++)
		if (((m->head[tx][queue] + i) & (b[SIZE / 4] - 1)) == b[TAIL / 4])
			return 0;
	return (b[BASE / 4] | (uint64_t)b[BASE / 4 + 1] << 32) + 16ull * place;
}

static void
advance(struct exn_model *m, bool tx, unsigned queue)
{
	const uint32_t *b = block(m, tx, queue);

	m->head[tx][queue] = (uint16_t)((m->head[tx][queue] + 1) & (b[SIZE / 4] - 1));
}

static void
wake(struct exn_model *m, bool tx, unsigned queue)
{
	uint32_t *b = block(m, tx, queue);

	if (!b[WAKE / 4] || !b[VECTOR / 4] || b[VECTOR / 4] >= EXN_MODEL_VECTORS)
		return;
	b[WAKE / 4] = 0;
	if (m->irq[b[VECTOR / 4]] >= 0)
		eventfd_write(m->irq[b[VECTOR / 4]], 1);
}

/* ---- packets ---- */

unsigned
exn_receive(struct exn_model *m, unsigned queue, const void *frame, uint32_t len, uint64_t marks,
	    const struct exn_lie *lie)
{
	const uint32_t room = block(m, false, queue)[ROOM / 4];
	const unsigned n = len ? (len + room - 1) / room : 1;
	const uint8_t *from = frame;

	if (!next_desc(m, false, queue, n - 1))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const uint64_t desc = next_desc(m, false, queue, 0);
		const uint32_t k = len < room ? len : room;
		uint64_t addr = 0, info = 1 | marks | (uint64_t)k << 16;

		if (!read64(m, desc, &addr) || !dma(m, addr, (void *)(uintptr_t)from, k, true))
			return 0;
		if (i + 1 == n && !(lie && lie->endless))
			info |= 2;
		if (lie && lie->info)
			info = lie->info;
		info += lie ? (uint64_t)lie->extra << 16 : 0;
		write64(m, desc, 0xdddddddddddddddd); /* its address is no more */
		write64(m, desc + 8, info);
		advance(m, false, queue);
		from += k;
		len -= k;
	}
	wake(m, false, queue);
	return n;
}

bool
exn_scribble(struct exn_model *m, unsigned queue, uint64_t info, uint32_t n)
{
	const uint64_t desc = next_desc(m, false, queue, 0);
	uint8_t bytes[256];
	uint64_t addr = 0;

	memset(bytes, 0xee, sizeof(bytes));
	assert_true(n <= sizeof(bytes));
	if (!desc)
		return false;
	assert_true(read64(m, desc, &addr));
	if (n)
		assert_true(dma(m, addr, bytes, n, true));
	write64(m, desc + 8, info);
	if (info & 1)
		advance(m, false, queue);
	return true;
}

static void
fill_csum(uint8_t *frame, uint32_t len, uint32_t start, uint32_t offset)
{
	uint32_t sum = 0;

	for (uint32_t i = start; i < len; i++)
		sum += (uint32_t)frame[i] << ((i - start) & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[start + offset] = (uint8_t)(~sum >> 8);
	frame[start + offset + 1] = (uint8_t)~sum;
}

int
exn_send(struct exn_model *m, unsigned queue, void *frame, bool report)
{
	uint32_t len = 0, start = 0, offset = 0;
	bool csum = false, last = false;
	uint64_t desc, addr = 0, info = 0;

	while (!last && (desc = next_desc(m, true, queue, 0))) {
		if (!read64(m, desc, &addr) || !read64(m, desc + 8, &info) ||
		    len + (info & 0xffff) > EXN_FRAME_MAX ||
		    !dma(m, addr, (uint8_t *)frame + len, info & 0xffff, false))
			return -1;
		if (!len && (info >> 24 & 1)) {
			csum = true;
			start = info >> 32 & 0xffff;
			offset = (uint32_t)(info >> 48);
		}
		len += info & 0xffff;
		last = info >> 16 & 1;
		if (report && (info >> 17 & 1))
			write64(m, desc + 8, info | 1ull << 31);
		advance(m, true, queue);
	}
	if (csum && start + offset + 2 <= len)
		fill_csum(frame, len, start, offset);
	if (len && report)
		wake(m, true, queue);
	return (int)len;
}

/* ---- registers ---- */

static void
reset(struct exn_model *m)
{
	static const uint8_t mac[] = { 0x02, 0x45, 0x58, 0x4e, 0x31, 0x05 };

	memset(m->regs, 0, sizeof(m->regs));
	memset(m->head, 0, sizeof(m->head));
	m->regs[0] = 0x314e5845;
	m->regs[STATUS / 4] = 1;
	m->regs[QUEUES / 4] = EXN_MODEL_QUEUES | 1024u << 16;
	m->regs[FRAME / 4] = EXN_FRAME_MAX;
	memcpy(&m->regs[MAC / 4], mac, sizeof(mac));
}

static void
write_reg(struct exn_model *m, uint32_t off, uint32_t v)
{
	const bool queue = off >= RX_BLOCKS && off < TX_BLOCKS + 32 * EXN_MODEL_QUEUES;

	if (off == CTRL && (v & 1)) {
		if (m->keeps_on)
			m->regs[CTRL / 4] |= 1;
		else
			reset(m);
		return;
	}
	if (queue && off % 32 == QCTRL && !v && m->keeps_ring)
		return;
	if (queue && off % 32 == QCTRL && v)
		m->head[off >= TX_BLOCKS][off / 32 % 16] = 0;
	m->regs[off / 4] = v;
}

static ssize_t
model_pread(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	struct exn_model *m = of(os);
	uint64_t off = at & (REGION(1) - 1);
	uint32_t v = 0;

	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(m->config))
		memcpy(&v, m->config + off, n);
	else if (at >> 40 == 0 && off + n <= sizeof(m->regs))
		v = m->regs[off / 4] >> off % 4 * 8;
	if (m->dead)
		v = UINT32_MAX;
	memcpy(buf, &v, n);
	return (ssize_t)n;
}

static ssize_t
model_pwrite(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	struct exn_model *m = of(os);
	uint64_t off = at & (REGION(1) - 1);
	uint32_t v = 0;

	memcpy(&v, buf, n);
	if (m->dead)
		return (ssize_t)n;
	if (at >> 40 == VFIO_PCI_CONFIG_REGION_INDEX && off + n <= sizeof(m->config)) {
		if (!m->keeps_on)
			memcpy(m->config + off, buf, n);
	} else if (at >> 40 == 0 && off + 4 <= sizeof(m->regs) && n == 4) {
		write_reg(m, (uint32_t)off, v);
	}
	return (ssize_t)n;
}

/* ---- the rest of struct pci_os ---- */

static int
model_attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
	     struct ioas_device **out, int *fd)
{
	struct exn_model *m = of(os);

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
	struct exn_model *m = of(os);

	m->attached--;
	m->ioas = NULL;
	m->config[PCI_COMMAND] &= (uint8_t)~PCI_COMMAND_MASTER;
	m->err_fd = m->req_fd = -1;
	reset(m);
}

static int
region_info(struct vfio_region_info *r)
{
	r->offset = REGION(r->index);
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? 256 : r->index == 0 ? 0x1000 : 0;
	return 0;
}

static int
set_irqs(struct exn_model *m, const struct vfio_irq_set *s)
{
	int *to = s->index == VFIO_PCI_MSIX_IRQ_INDEX  ? m->irq
		  : s->index == VFIO_PCI_ERR_IRQ_INDEX ? &m->err_fd
						       : &m->req_fd;
	const unsigned room = s->index == VFIO_PCI_MSIX_IRQ_INDEX ? EXN_MODEL_VECTORS : 1;

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
	struct exn_model *m = of(os);
	struct vfio_device_info *d = arg;
	struct vfio_irq_info *i = arg;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		d->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		d->num_regions = VFIO_PCI_NUM_REGIONS;
		d->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		i->flags = VFIO_IRQ_INFO_EVENTFD;
		i->count = i->index == VFIO_PCI_MSIX_IRQ_INDEX ? EXN_MODEL_VECTORS : 1;
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(m, arg);
	case VFIO_DEVICE_RESET:
		if (m->no_reset)
			return -EIO;
		m->keeps_on = false;
		reset(m);
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

/* ---- what tests call ---- */

static void
write_file(const struct exn_model *m, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", m->sys, EXN_MODEL_BDF, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
make_sys(struct exn_model *m)
{
	char command[256];

	snprintf(m->sys, sizeof(m->sys), "/tmp/exn-model.XXXXXX");
	assert_non_null(mkdtemp(m->sys));
	snprintf(command, sizeof(command), "mkdir -p %s/bus/pci/devices/%s", m->sys, EXN_MODEL_BDF);
	assert_int_equal(system(command), 0);
	write_file(m, "vendor", "0x4558\n");
	write_file(m, "device", "0x0001\n");
	write_file(m, "class", "0x020000\n");
	write_file(m, "numa_node", "-1\n");
}

struct exn_model *
exn_model_start(struct baton_ctx *ctx)
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
	struct exn_model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->os = model_os;
	make_sys(m);
	m->os.sys = m->sys;
	memcpy(m->config, (uint8_t[]){ 0x58, 0x45, 0x01, 0x00 }, 4);
	memset(m->irq, 0xff, sizeof(m->irq));
	m->err_fd = m->req_fd = -1;
	reset(m);
	ctx->pci_os = &m->os;
	return m;
}

void
exn_model_stop(struct exn_model *m)
{
	char command[128];

	assert_int_equal(m->attached, 0);
	snprintf(command, sizeof(command), "rm -r %s", m->sys);
	assert_int_equal(system(command), 0);
	free(m);
}

void
exn_signal(int fd)
{
	assert_true(fd >= 0);
	eventfd_write(fd, 1);
}

void
exn_status(struct exn_model *m, uint32_t status)
{
	m->regs[STATUS / 4] = status;
	exn_signal(m->irq[0]);
}
