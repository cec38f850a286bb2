/* SPDX-License-Identifier: BSD-3-Clause */
/* The device side of the split ring (virtio 1.2 section 2.7), and the memory table behind it. */
#include "fakedev_private.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- memory ---- */

void
fakedev_mem_clear(struct fakedev *l)
{
	for (unsigned i = 0; i < l->n_regions; i++) {
		munmap(l->region[i].map, l->region[i].map_len);
		fakedev_close_fd(&l->region[i].fd);
	}
	l->n_regions = 0;
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		l->queue[i].mapped = false;
}

static bool
overlaps(const struct fakedev *l, const struct wire_region *r)
{
	for (unsigned i = 0; i < l->n_regions; i++) {
		const struct fakedev_region *o = &l->region[i];

		if (r->guest < o->guest + o->size && o->guest < r->guest + r->size)
			return true;
	}
	return false;
}

static void
region_add(struct fakedev *l, const struct wire_region *r, int fd)
{
	struct fakedev_region *n = &l->region[l->n_regions];
	size_t len = r->size + r->mmap_offset;
	void *map;

	if (r->size == 0 || r->guest + r->size < r->guest || overlaps(l, r)) {
		fakedev_complain(l, "memory region %#llx + %#llx is empty, wraps or overlaps",
				 (unsigned long long)r->guest, (unsigned long long)r->size);
		return;
	}
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		fakedev_complain(l, "memory region of %zu bytes cannot be mapped", len);
		return;
	}
	*n = (struct fakedev_region){ r->guest,
				      r->size,
				      r->user,
				      (uint8_t *)map + r->mmap_offset,
				      map,
				      len,
				      l->config.keep_memory ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1 };
	l->n_regions++;
}

/* QEMU's libvhost-user, and passt, look for the rings they know in every new table. */
static bool
keeps_rings(const struct fakedev *l, const struct fakedev_queue *q)
{
	return fakedev_translate_(l, q->addr.desc, 16ull * q->num, true) &&
	       fakedev_translate_(l, q->addr.avail, 6 + 2ull * q->num, true) &&
	       fakedev_translate_(l, q->addr.used, 6 + 8ull * q->num, true);
}

void
fakedev_mem_leave(struct fakedev *l)
{
	for (unsigned i = 0; i < l->n_regions && l->n_left < FAKEDEV_LEFT; i++) {
		fakedev_close_fd(&l->region[i].fd);
		l->left[l->n_left++] = l->region[i];
		l->region[i--] = l->region[--l->n_regions];
	}
}

void
fakedev_leave_memory(struct fakedev *l, bool leave)
{
	pthread_mutex_lock(&l->lock);
	l->leaves = leave;
	pthread_mutex_unlock(&l->lock);
}

size_t
fakedev_scribble(struct fakedev *l, uint8_t byte)
{
	size_t bytes = 0;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < l->n_left; i++) {
		memset(l->left[i].base, byte, l->left[i].size);
		bytes += l->left[i].size;
	}
	pthread_mutex_unlock(&l->lock);
	return bytes;
}

pid_t
fakedev_fork(struct fakedev *l)
{
	pid_t pid;

	pthread_mutex_lock(&l->lock);
	pid = fork();
	pthread_mutex_unlock(&l->lock);
	return pid;
}

void
fakedev_drop_left(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->n_left) {
		l->n_left--;
		munmap(l->left[l->n_left].map, l->left[l->n_left].map_len);
	}
	pthread_mutex_unlock(&l->lock);
}

void
fakedev_mem_set(struct fakedev *l, const struct wire_mem_table *table, const int *fds, unsigned n)
{
	fakedev_mem_clear(l);
	fakedev_iotlb_clear(l); /* user addresses mean something else now */
	if (table->n > WIRE_MAX_REGIONS || table->n != n) {
		fakedev_complain(l, "memory table of %u regions with %u descriptors", table->n, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		region_add(l, &table->region[i], fds[i]);
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		if (l->queue[i].told && !fakedev_iommu_(l) && !keeps_rings(l, &l->queue[i]))
			fakedev_complain(l,
					 "queue %u: its ring of before is not in the new table: "
					 "libvhost-user ends for that",
					 i);
}

void *
fakedev_translate_(const struct fakedev *l, uint64_t addr, uint64_t len, bool user)
{
	for (unsigned i = 0; i < l->n_regions; i++) {
		const struct fakedev_region *r = &l->region[i];
		uint64_t at = addr - (user ? r->user : r->guest);

		if (at < r->size && len <= r->size - at)
			return r->base + at;
	}
	return NULL;
}

/* A ring, by its user address or, behind an IOMMU, by that of the device. */
static void *
ring_part(struct fakedev *l, uint64_t addr, uint64_t len)
{
	return fakedev_iommu_(l) ? fakedev_reach_(l, addr, len, WIRE_ACCESS_RW)
				 : fakedev_translate_(l, addr, len, true);
}

static void *
data_part(struct fakedev *l, const struct wire_desc *d)
{
	if (!fakedev_iommu_(l))
		return fakedev_translate_(l, d->addr, d->len, false);
	return fakedev_reach_(l, d->addr, d->len,
			      d->flags & WIRE_DESC_WRITE ? WIRE_ACCESS_WO : WIRE_ACCESS_RO);
}

void
fakedev_unmap(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	fakedev_mem_clear(l);
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_truncate(struct fakedev *l)
{
	unsigned n = 0;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < l->n_regions; i++)
		n += l->region[i].fd >= 0 && !ftruncate(l->region[i].fd, 0);
	pthread_mutex_unlock(&l->lock);
	return n;
}

unsigned
fakedev_punch(struct fakedev *l, uint64_t skip, uint64_t bytes)
{
	unsigned n = 0;

	pthread_mutex_lock(&l->lock);
	for (unsigned i = 0; i < l->n_regions; i++)
		n += l->region[i].fd >= 0 &&
		     !fallocate(l->region[i].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)skip, (off_t)bytes);
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* ---- rings ---- */

static bool
event_idx(const struct fakedev *l)
{
	return l->features & FAKEDEV_F_EVENT_IDX;
}

/* 2.7.7 and 2.7.10: each behind the last entry of a ring. */
static uint16_t *
used_event(const struct fakedev_queue *q)
{
	return &q->avail->ring[q->num];
}

static uint16_t *
avail_event(const struct fakedev_queue *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->num];
}

/* The queue if it can be used now, its addresses translated; else NULL. */
struct fakedev_queue *
fakedev_ring_(struct fakedev *l, unsigned index)
{
	struct fakedev_queue *q = &l->queue[index];
	uint16_t used;

	bool enabled = q->enabled || !(l->features & FAKEDEV_F_PROTOCOL); /* "Ring states" */

	if (!enabled || !q->has_addr || !q->has_base || !q->num || q->kick < 0)
		return NULL;
	if (q->mapped)
		return q;
	q->desc = ring_part(l, q->addr.desc, 16ull * q->num);
	q->avail = ring_part(l, q->addr.avail, 6 + 2ull * q->num);
	q->used = ring_part(l, q->addr.used, 6 + 8ull * q->num);
	if (!q->desc || !q->avail || !q->used || q->addr.desc % 16 || q->addr.avail % 2 ||
	    q->addr.used % 4) {
		if (fakedev_iommu_(l) && l->n_pending)
			return NULL; /* asked for */
		fakedev_complain(l, "queue %u: ring outside the memory table or misaligned", index);
		return NULL;
	}
	used = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);
	if (used != q->base)
		fakedev_complain(l, "queue %u: base %u, but the used index in the ring is %u",
				 index, q->base, used);
	q->next_avail = q->next_used = q->signalled = q->base;
	if (l->config.polls && !event_idx(l))
		__atomic_store_n(&q->used->flags, WIRE_USED_NO_NOTIFY, __ATOMIC_RELAXED);
	q->mapped = true;
	return q;
}

unsigned
fakedev_walk_(struct fakedev *l, unsigned index, unsigned head, struct fakedev_span *out)
{
	const struct fakedev_queue *q = fakedev_ring_(l, index);
	unsigned n = 0;

	if (!q || head >= q->num)
		return 0;
	for (;;) {
		struct wire_desc d = q->desc[head];

		if (n == FAKEDEV_SPANS || d.flags & WIRE_DESC_INDIRECT || d.len == 0) {
			fakedev_complain(l,
					 "queue %u: descriptor %u: flags %#x, %u bytes, chain of "
					 "%u",
					 index, head, d.flags, d.len, n);
			return 0;
		}
		out[n].at = data_part(l, &d);
		out[n].len = d.len;
		out[n].write = d.flags & WIRE_DESC_WRITE;
		if (!out[n].at && fakedev_iommu_(l))
			return 0; /* a fault: asked for, once */
		/* Read before written (2.7.4.2); a receive queue only writes, a transmit queue only
		 * reads. */
		if (!out[n].at || (n && out[n - 1].write && !out[n].write) ||
		    (index != fakedev_control_queue(l) && out[n].write != !(index & 1))) {
			fakedev_complain(l,
					 "queue %u: descriptor %u: %#llx + %u is not in the table, "
					 "or its direction (%d) is wrong",
					 index, head, (unsigned long long)d.addr, d.len,
					 out[n].write);
			return 0;
		}
		n++;
		if (!(d.flags & WIRE_DESC_NEXT))
			return n;
		if (d.next >= q->num) {
			fakedev_complain(l, "queue %u: descriptor %u: next is %u", index, head,
					 d.next);
			return 0;
		}
		head = d.next;
	}
}

static unsigned
available(struct fakedev *l, unsigned index, const struct fakedev_queue *q)
{
	uint16_t n = (uint16_t)(__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) - q->next_avail);

	if (n <= q->num)
		return n;
	fakedev_complain(l, "queue %u: avail index is %u ahead, in a ring of %u", index, n, q->num);
	return 0;
}

int
fakedev_pop_(struct fakedev *l, unsigned index)
{
	struct fakedev_queue *q = fakedev_ring_(l, index);
	uint16_t head;

	if (!q || !available(l, index, q))
		return -1;
	head = q->avail->ring[q->next_avail & (q->num - 1)];
	if (head >= q->num) {
		fakedev_complain(l, "queue %u: available head %u of %u", index, head, q->num);
		return -1;
	}
	q->next_avail++;
	if (event_idx(l) && !l->config.polls)
		__atomic_store_n(avail_event(q), q->next_avail, __ATOMIC_RELAXED);
	return head;
}

static size_t
copy(struct fakedev *l, unsigned index, unsigned head, size_t off, uint8_t *bytes, size_t len,
     bool write)
{
	struct fakedev_span s[FAKEDEV_SPANS];
	unsigned n = fakedev_walk_(l, index, head, s);
	size_t done = 0;

	for (unsigned i = 0; i < n && done < len; i++) {
		size_t part;

		if (off >= s[i].len) {
			off -= s[i].len;
			continue;
		}
		part = s[i].len - off < len - done ? s[i].len - off : len - done;
		if (write)
			memcpy(s[i].at + off, bytes + done, part);
		else
			memcpy(bytes + done, s[i].at + off, part);
		done += part;
		off = 0;
	}
	return done;
}

static size_t
room(struct fakedev *l, unsigned index, unsigned head)
{
	struct fakedev_span s[FAKEDEV_SPANS];
	unsigned n = fakedev_walk_(l, index, head, s);
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += s[i].len;
	return sum;
}

void
fakedev_put_(struct fakedev *l, unsigned index, unsigned ahead, uint32_t id, uint32_t len)
{
	struct fakedev_queue *q = fakedev_ring_(l, index);

	if (q)
		q->used->ring[(q->next_used + ahead) & (q->num - 1)] =
			(struct wire_used_elem){ id, len };
}

/* Does the driver want to be woken? 2.7.7.2; whether its position was passed as the specification's
 * example has it, which is not how the driver computes its own. */
static bool
wants_call(struct fakedev *l, unsigned index, struct fakedev_queue *q)
{
	uint16_t flags = __atomic_load_n(&q->avail->flags, __ATOMIC_ACQUIRE), old = q->signalled;

	if (!event_idx(l))
		return !(flags & WIRE_AVAIL_NO_INTERRUPT);
	if (flags)
		fakedev_complain(l, "queue %u: flags %#x with EVENT_IDX", index, flags);
	q->signalled = q->next_used;
	return (uint16_t)(q->next_used - __atomic_load_n(used_event(q), __ATOMIC_ACQUIRE) - 1) <
	       (uint16_t)(q->next_used - old);
}

/* The index is written before the flag, or position, is read. */
static void
call(struct fakedev *l, unsigned index, struct fakedev_queue *q)
{
	uint16_t fence = 0;

	__atomic_fetch_add(&fence, 1, __ATOMIC_SEQ_CST);
	if (!wants_call(l, index, q) || q->call < 0)
		return;
	l->calls[index]++;
	(void)!eventfd_write(q->call, 1);
}

void
fakedev_publish_(struct fakedev *l, unsigned index, unsigned n)
{
	struct fakedev_queue *q = fakedev_ring_(l, index);

	if (!q)
		return;
	q->next_used = (uint16_t)(q->next_used + n);
	__atomic_store_n(&q->used->idx, q->next_used, __ATOMIC_RELEASE);
	call(l, index, q);
}

/* ---- what tests call: the same, locked ---- */

/* A pump that takes the lock all the time must let the socket's thread have it. */
static void
lock(struct fakedev *l)
{
	while (__atomic_load_n(&l->wants, __ATOMIC_RELAXED))
		sched_yield();
	pthread_mutex_lock(&l->lock);
}

#define LOCKED(l, type, expression)                                                                \
	do {                                                                                       \
		type result_;                                                                      \
                                                                                                   \
		lock(l);                                                                           \
		result_ = (expression);                                                            \
		pthread_mutex_unlock(&(l)->lock);                                                  \
		return result_;                                                                    \
	} while (0)

bool
fakedev_ready(struct fakedev *l, unsigned q)
{
	LOCKED(l, bool, fakedev_ring_(l, q) != NULL);
}

bool
fakedev_runs(struct fakedev *l, unsigned q)
{
	LOCKED(l, bool, l->queue[q].kick >= 0);
}

static uint64_t
kicks(struct fakedev *l, unsigned index)
{
	struct pollfd p = { .fd = l->queue[index].kick, .events = POLLIN };
	uint64_t n;

	if (p.fd >= 0 && poll(&p, 1, 0) == 1 && read(p.fd, &n, sizeof(n)) == sizeof(n))
		l->kicks[index] += n;
	return l->kicks[index];
}

uint64_t
fakedev_kicks(struct fakedev *l, unsigned q)
{
	LOCKED(l, uint64_t, kicks(l, q));
}

uint64_t
fakedev_calls(struct fakedev *l, unsigned q)
{
	LOCKED(l, uint64_t, l->calls[q]);
}

uint16_t
fakedev_used_event(struct fakedev *l, unsigned q)
{
	LOCKED(l, uint16_t, *used_event(fakedev_ring_(l, q)));
}

void
fakedev_set_avail_event(struct fakedev *l, unsigned q, uint16_t position)
{
	pthread_mutex_lock(&l->lock);
	__atomic_store_n(avail_event(fakedev_ring_(l, q)), position, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_queue_size(struct fakedev *l, unsigned q)
{
	LOCKED(l, unsigned, l->queue[q].num);
}

unsigned
fakedev_available(struct fakedev *l, unsigned q)
{
	LOCKED(l, unsigned, fakedev_ring_(l, q) ? available(l, q, fakedev_ring_(l, q)) : 0);
}

int
fakedev_pop(struct fakedev *l, unsigned q)
{
	LOCKED(l, int, fakedev_pop_(l, q));
}

size_t
fakedev_room(struct fakedev *l, unsigned q, unsigned head)
{
	LOCKED(l, size_t, room(l, q, head));
}

size_t
fakedev_write(struct fakedev *l, unsigned q, unsigned head, size_t off, const void *bytes,
	      size_t len)
{
	LOCKED(l, size_t, copy(l, q, head, off, (uint8_t *)(uintptr_t)bytes, len, true));
}

size_t
fakedev_read(struct fakedev *l, unsigned q, unsigned head, size_t off, void *bytes, size_t len)
{
	LOCKED(l, size_t, copy(l, q, head, off, bytes, len, false));
}

void
fakedev_put(struct fakedev *l, unsigned q, unsigned ahead, uint32_t id, uint32_t len)
{
	lock(l);
	fakedev_put_(l, q, ahead, id, len);
	pthread_mutex_unlock(&l->lock);
}

void
fakedev_publish(struct fakedev *l, unsigned q, unsigned n)
{
	lock(l);
	fakedev_publish_(l, q, n);
	pthread_mutex_unlock(&l->lock);
}

uint16_t
fakedev_used_idx(struct fakedev *l, unsigned q)
{
	LOCKED(l, uint16_t, l->queue[q].next_used);
}

void
fakedev_set_used_idx(struct fakedev *l, unsigned q, uint16_t idx)
{
	lock(l);
	if (fakedev_ring_(l, q)) {
		l->queue[q].next_used = idx;
		fakedev_publish_(l, q, 0);
	}
	pthread_mutex_unlock(&l->lock);
}

void
fakedev_complete(struct fakedev *l, unsigned q, uint32_t id, uint32_t len)
{
	lock(l);
	fakedev_put_(l, q, 0, id, len);
	fakedev_publish_(l, q, 1);
	pthread_mutex_unlock(&l->lock);
}

/* ---- packets ---- */

static unsigned
header_len(const struct fakedev *l)
{
	return (unsigned)sizeof(struct wire_net_header) + (l->features & FAKEDEV_F_HASH ? 8 : 0);
}

/* Write a header; 5.1.6: with HASH_REPORT the hash, the report and two bytes follow. */
static void
put_header(struct fakedev *l, unsigned q, unsigned head, const struct wire_net_header *h)
{
	uint8_t bytes[sizeof(*h) + 8] = { 0 };

	memcpy(bytes, h, sizeof(*h));
	memcpy(bytes + sizeof(*h), &l->hash, 4);
	memcpy(bytes + sizeof(*h) + 4, &l->report, 2);
	copy(l, q, head, 0, bytes, header_len(l), true);
}

static int
rx_write(struct fakedev *l, unsigned q, const void *frame, size_t len, uint16_t num_buffers)
{
	struct wire_net_header h = { .num_buffers = num_buffers };
	int head = fakedev_pop_(l, q);

	if (head < 0)
		return -1;
	put_header(l, q, (unsigned)head, &h);
	copy(l, q, (unsigned)head, header_len(l), (uint8_t *)(uintptr_t)frame, len, true);
	return head;
}

int
fakedev_rx_write(struct fakedev *l, unsigned q, const void *frame, size_t len, uint16_t num_buffers)
{
	LOCKED(l, int, rx_write(l, q, frame, len, num_buffers));
}

static int
rx_inject(struct fakedev *l, unsigned index, struct wire_net_header h, const uint8_t *frame,
	  size_t len)
{
	struct fakedev_queue *q = fakedev_ring_(l, index);
	size_t done = 0, skip = header_len(l);
	unsigned n = 0, most;
	int head, first = -1;

	if (!q)
		return -1;
	most = l->features & FAKEDEV_F_MRG_RXBUF ? available(l, index, q) : 1;
	for (; done < len; n++, skip = 0) {
		size_t part;

		head = n < most ? fakedev_pop_(l, index) : -1;
		if (head < 0) /* the buffers stay popped: a test that gets here has failed */
			return -1;
		if (first < 0)
			first = head;
		part = copy(l, index, (unsigned)head, skip, (uint8_t *)(uintptr_t)frame + done,
			    len - done, true);
		if (!part)
			return -1;
		done += part;
		fakedev_put_(l, index, n, (uint32_t)head, (uint32_t)(skip + part));
	}
	h.num_buffers = (uint16_t)n;
	put_header(l, index, (unsigned)first, &h);
	fakedev_publish_(l, index, n);
	return (int)n;
}

int
fakedev_rx_inject(struct fakedev *l, unsigned q, const void *frame, size_t len)
{
	const struct wire_net_header none = { 0 };

	LOCKED(l, int, rx_inject(l, q, none, frame, len));
}

int
fakedev_rx_inject_as(struct fakedev *l, unsigned q, const struct wire_net_header *header,
		     const void *frame, size_t len)
{
	LOCKED(l, int, rx_inject(l, q, *header, frame, len));
}

void
fakedev_set_hash(struct fakedev *l, uint32_t value, uint16_t report)
{
	lock(l);
	l->hash = value;
	l->report = report;
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_header(struct fakedev *l)
{
	LOCKED(l, unsigned, header_len(l));
}

static int
tx_collect(struct fakedev *l, unsigned q, struct wire_net_header *header, void *frame, size_t *len)
{
	int head = fakedev_pop_(l, q);
	const size_t skip = header_len(l);
	size_t total;

	if (head < 0)
		return -1;
	total = room(l, q, (unsigned)head);
	if (total < skip || total - skip > *len) {
		fakedev_complain(l, "queue %u: a packet of %zu bytes", q, total);
		*len = 0;
		return head;
	}
	copy(l, q, (unsigned)head, 0, (uint8_t *)header, sizeof(*header), false);
	*len = copy(l, q, (unsigned)head, skip, frame, total - skip, false);
	return head;
}

int
fakedev_tx_collect(struct fakedev *l, unsigned q, struct wire_net_header *header, void *frame,
		   size_t *len)
{
	LOCKED(l, int, tx_collect(l, q, header, frame, len));
}

/* ---- echo ---- */

#define LARGEST 8 /* buffers of one frame */

static unsigned
echo(struct fakedev *l, unsigned pair, unsigned n, bool keep)
{
	unsigned rx = FAKEDEV_RXQ(pair), tx = FAKEDEV_TXQ(pair), done = 0;
	struct wire_net_header header;
	size_t len;
	int head;

	if (!fakedev_ring_(l, tx))
		return 0;
	for (; done < n; done++) {
		const struct fakedev_queue *to = fakedev_ring_(l, rx);
		bool room = to && available(l, rx, to) >= LARGEST;

		if (keep && !room)
			break;
		len = sizeof(l->frame);
		head = tx_collect(l, tx, &header, l->frame, &len);
		if (head < 0)
			break;
		if (len && room)
			rx_inject(l, rx, (struct wire_net_header){ 0 }, l->frame, len);
		fakedev_put_(l, tx, done, (uint32_t)head, 0);
	}
	if (done)
		fakedev_publish_(l, tx, done);
	return done;
}

unsigned
fakedev_echo(struct fakedev *l, unsigned pair, unsigned n, bool keep)
{
	LOCKED(l, unsigned, echo(l, pair, n, keep));
}
