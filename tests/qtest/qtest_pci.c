/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI function behind struct pci_os: what firmware and a kernel with VFIO do for it. It is
 * alone behind a root port, so that it can be reset by either.
 */
#include "qtest.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ioas/ioas.h"

#define ROOT_PORT    (QTEST_ECAM | 4u << 15)
#define BARS_AT      0xe0000000u /* the root port's window, and where BARs are */
#define BARS_END     0xf0000000u
#define REGION(i)    ((uint64_t)(i) << 40)
#define CONFIG_BYTES 4096
#define PAUSE_NS     100000 /* between two looks at the words of vectors */

static struct qtest *
of(const struct pci_os *os)
{
	return (struct qtest *)(uintptr_t)os;
}

/* A register of the function's configuration space. */
static uint32_t
get(struct qtest *q, unsigned off, unsigned n)
{
	return qtest_read(q, QTEST_CONFIG + off, n);
}

static void
set(struct qtest *q, unsigned off, unsigned n, uint32_t v)
{
	qtest_write(q, QTEST_CONFIG + off, n, v);
}

/* ---- what firmware does ---- */

static void
write_bars(struct qtest *q)
{
	for (unsigned i = 0; i < PCI_BARS; i++) /* the upper half of one is 0 */
		set(q, PCI_BASE_ADDRESS_0 + 4 * i, 4, q->bar_at[i]);
}

/* Size a BAR, and give it addresses: PCI 3.0, 6.2.5.1. I/O space gets none. Return: the next BAR.
 */
static unsigned
place_bar(struct qtest *q, unsigned i, uint32_t *next)
{
	uint32_t is, size;

	set(q, PCI_BASE_ADDRESS_0 + 4 * i, 4, UINT32_MAX);
	is = get(q, PCI_BASE_ADDRESS_0 + 4 * i, 4);
	if (!is || (is & PCI_BASE_ADDRESS_SPACE_IO))
		return i + 1;
	size = ~(is & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK) + 1;
	*next = (*next + size - 1) & ~(size - 1);
	if (!size || *next < BARS_AT || size > BARS_END - *next)
		fail_msg("BAR %u of %#x bytes does not fit into the root port's window", i, size);
	q->bar_at[i] = *next;
	q->bar_bytes[i] = size;
	*next += size;
	return i + (is & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 2 : 1);
}

static void
place_bars(struct qtest *q)
{
	uint32_t next = BARS_AT;

	qtest_write(q, ROOT_PORT + PCI_PRIMARY_BUS, 4, 0x00010100); /* bus 1 is behind it */
	qtest_write(q, ROOT_PORT + PCI_MEMORY_BASE, 4, (BARS_END - 1) >> 16 << 16 | BARS_AT >> 16);
	qtest_write(q, ROOT_PORT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (unsigned i = 0; i < PCI_BARS;)
		i = place_bar(q, i, &next);
	write_bars(q);
}

/* ---- what the kernel does ---- */

/* Find a capability. Return: its offset; 0: there is none. */
static unsigned
find_cap(struct qtest *q, unsigned id)
{
	unsigned at = get(q, PCI_CAPABILITY_LIST, 1) & ~3u;

	for (unsigned n = 0; at && n < PCI_MAX_CAPS && get(q, at, 1) != id; n++)
		at = get(q, at + 1, 1) & ~3u;
	return at;
}

/* PCI 3.0, 6.8.2: the table of vectors. */
static void
find_msix(struct qtest *q)
{
	uint32_t table, bar, n;

	q->msix_cap = find_cap(q, PCI_CAP_ID_MSIX);
	if (!q->msix_cap)
		return;
	table = get(q, q->msix_cap + PCI_MSIX_TABLE, 4);
	bar = table & PCI_MSIX_TABLE_BIR;
	if (bar >= PCI_BARS || !q->bar_bytes[bar])
		fail_msg("the table of MSI-X is in BAR %u, which is not there", bar);
	q->msix_table = q->bar_at[bar] + (table & PCI_MSIX_TABLE_OFFSET);
	n = 1 + (get(q, q->msix_cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE);
	q->pci.vectors = n < PCI_MODEL_VECTORS ? n : PCI_MODEL_VECTORS;
}

/* The message of a vector: its word, and a value that is not 0. */
static void
write_vectors(struct qtest *q)
{
	const unsigned flags = q->msix_cap + PCI_MSIX_FLAGS;
	bool any = false;

	for (unsigned i = 0; i < q->pci.vectors; i++) {
		const uint64_t entry = q->msix_table + (uint64_t)i * PCI_MSIX_ENTRY_SIZE;

		any |= q->vector[i] >= 0;
		qtest_write(q, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, QTEST_WORDS_AT + 4 * i);
		qtest_write(q, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
		qtest_write(q, entry + PCI_MSIX_ENTRY_DATA, 4, 1 + i);
		qtest_write(q, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, q->vector[i] < 0);
	}
	if (q->pci.vectors)
		set(q, flags, 2,
		    (get(q, flags, 2) & ~PCI_MSIX_FLAGS_ENABLE) |
			    (any ? PCI_MSIX_FLAGS_ENABLE : 0));
}

/* As VFIO, the eventfds are kept until others are set. */
static int
set_vectors(struct qtest *q, const struct vfio_irq_set *s)
{
	if (s->start || s->count > q->pci.vectors)
		return -EINVAL;
	pthread_mutex_lock(&q->irq_lock);
	for (unsigned i = 0; i < PCI_MODEL_VECTORS; i++) {
		int fd = -1;

		if (i < s->count && (s->flags & VFIO_IRQ_SET_DATA_EVENTFD))
			memcpy(&fd, s->data + i * sizeof(fd), sizeof(fd));
		if (q->vector[i] >= 0)
			close(q->vector[i]);
		q->vector[i] = fd >= 0 ? dup(fd) : -1;
		q->pci.irq[i] = q->vector[i];
		q->words[i] = 0;
	}
	pthread_mutex_unlock(&q->irq_lock);
	write_vectors(q);
	return 0;
}

/* By the function's own reset, else by the bus: PCI Express 4.0, 6.6. */
static void
reset(struct pci_model *m, bool function)
{
	struct qtest *q = of(&m->os);
	const unsigned exp = find_cap(q, PCI_CAP_ID_EXP);
	const uint32_t command = get(q, PCI_COMMAND, 2);

	if (exp && (get(q, exp + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR)) {
		set(q, exp + PCI_EXP_DEVCTL, 2,
		    get(q, exp + PCI_EXP_DEVCTL, 2) | PCI_EXP_DEVCTL_BCR_FLR);
	} else {
		qtest_write(q, ROOT_PORT + PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
		qtest_write(q, ROOT_PORT + PCI_BRIDGE_CONTROL, 2, 0);
	}
	qtest_sync(q);
	write_bars(q);
	set(q, PCI_COMMAND, 2, function ? command : PCI_COMMAND_MEMORY);
	write_vectors(q);
}

/* ---- interrupts ---- */

void
qtest_interrupts(struct qtest *q)
{
	pthread_mutex_lock(&q->irq_lock);
	for (unsigned i = 0; i < PCI_MODEL_VECTORS; i++)
		if (q->words[i] && __atomic_exchange_n(&q->words[i], 0, __ATOMIC_ACQ_REL) &&
		    q->vector[i] >= 0)
			eventfd_write(q->vector[i], 1);
	pthread_mutex_unlock(&q->irq_lock);
}

static void *
irq_main(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct qtest *q = arg;

	while (!__atomic_load_n(&q->irq_end, __ATOMIC_ACQUIRE)) {
		qtest_interrupts(q);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- struct pci_os ---- */

/* @at: REGION() of a BAR or of configuration space, and the offset there. Return: @n; -EINVAL. */
static ssize_t
access_at(struct qtest *q, uint64_t at, size_t n, bool write, uint32_t *v)
{
	const unsigned region = (unsigned)(at >> 40);
	const bool config = region == VFIO_PCI_CONFIG_REGION_INDEX;
	const uint64_t off = at & (REGION(1) - 1);
	const uint64_t base = config ? QTEST_CONFIG : region < PCI_BARS ? q->bar_at[region] : 0;

	if (off + n > (config ? CONFIG_BYTES : region < PCI_BARS ? q->bar_bytes[region] : 0))
		return -EINVAL;
	if (q->pci.dead)
		*v = UINT32_MAX;
	else if (!config && q->on_access && q->on_access(q, region, (uint32_t)off, write, v))
		return (ssize_t)n;
	else if (!write)
		*v = qtest_read(q, base + off, (unsigned)n);
	else if (!config || !q->pci.keeps_config)
		qtest_write(q, base + off, (unsigned)n, *v);
	return (ssize_t)n;
}

static ssize_t
os_pread(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at)
{
	uint32_t v = 0;
	const ssize_t ret = access_at(of(os), at, n, false, &v);

	memcpy(buf, &v, n); /* the machine is little-endian, as QEMU's is */
	return ret;
}

static ssize_t
os_pwrite(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at)
{
	uint32_t v = 0;

	memcpy(&v, buf, n);
	return access_at(of(os), at, n, true, &v);
}

static int
os_attach(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
	  struct ioas_device **out, int *fd)
{
	struct qtest *q = of(os);
	int ret = ioas_attach(ioas, bdf, out);

	if (ret < 0)
		return ret;
	q->pci.attached++;
	q->pci.ioas = ioas;
	*fd = -1;
	return 0;
}

/* As the kernel does: no interrupt, no bus mastering, a reset; then no memory. */
static void
os_detach(const struct pci_os *os, struct ioas_device *handle)
{
	const struct vfio_irq_set none = { .count = 0 };
	struct qtest *q = of(os);

	q->pci.attached--;
	q->pci.ioas = NULL;
	q->pci.err_fd = q->pci.req_fd = -1;
	set_vectors(q, &none);
	reset(&q->pci, false);
	ioas_detach(handle);
}

static int
os_ioctl(const struct pci_os *os, int fd, unsigned long request, void *arg)
{
	struct qtest *q = of(os);
	struct vfio_region_info *r = arg;
	const struct vfio_irq_set *s = arg;

	if (request == VFIO_DEVICE_GET_REGION_INFO) {
		r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		r->offset = REGION(r->index);
		r->size = r->index == VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG_BYTES
			  : r->index < PCI_BARS                    ? q->bar_bytes[r->index]
								   : 0;
		return 0;
	}
	if (request == VFIO_DEVICE_SET_IRQS && s->index == VFIO_PCI_MSIX_IRQ_INDEX)
		return set_vectors(q, s);
	return q->model.ioctl(os, fd, request, arg);
}

void
qtest_open_pci(struct qtest *q, struct baton_ctx *ctx)
{
	uint32_t id;

	place_bars(q);
	id = get(q, PCI_VENDOR_ID, 4);
	if (id == UINT32_MAX)
		fail_msg("QEMU has no function at %s", QTEST_BDF);
	q->device = (struct pci_model_device){ .bdf = QTEST_BDF,
					       .vendor = (uint16_t)id,
					       .device = (uint16_t)(id >> 16),
					       .reset = reset };
	pci_model_start(&q->pci, &q->device);
	q->model = q->pci.os;
	q->pci.os.attach = os_attach;
	q->pci.os.detach = os_detach;
	q->pci.os.ioctl = os_ioctl;
	q->pci.os.pread = os_pread;
	q->pci.os.pwrite = os_pwrite;
	q->pci.has_err = false;
	memset(q->vector, 0xff, sizeof(q->vector));
	find_msix(q);
	ctx->pci_os = &q->pci.os;
	ctx->ioas_os = &q->vfio->os;
	pthread_mutex_init(&q->irq_lock, NULL);
	assert_int_equal(pthread_create(&q->irq_thread, NULL, irq_main, q), 0);
}

void
qtest_close_pci(struct qtest *q)
{
	__atomic_store_n(&q->irq_end, true, __ATOMIC_RELEASE);
	pthread_join(q->irq_thread, NULL);
	pthread_mutex_destroy(&q->irq_lock);
	pci_model_stop(&q->pci);
}
