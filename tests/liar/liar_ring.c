/* SPDX-License-Identifier: BSD-3-Clause */
/* The device side of the split ring (virtio 1.2 section 2.7), and the memory table behind it. */
#include "liar_private.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- memory ---- */

void
liar_mem_clear(struct liar *l)
{
	for (unsigned i = 0; i < l->n_regions; i++)
		munmap(l->region[i].map, l->region[i].map_len);
	l->n_regions = 0;
	for (unsigned i = 0; i < LIAR_QUEUES; i++)
		l->queue[i].mapped = false;
}

static bool
overlaps(const struct liar *l, const struct wire_region *r)
{
	for (unsigned i = 0; i < l->n_regions; i++) {
		const struct liar_region *o = &l->region[i];

		if (r->guest < o->guest + o->size && o->guest < r->guest + r->size)
			return true;
	}
	return false;
}

static void
region_add(struct liar *l, const struct wire_region *r, int fd)
{
	struct liar_region *n = &l->region[l->n_regions];
	size_t len = r->size + r->mmap_offset;
	void *map;

	if (r->size == 0 || r->guest + r->size < r->guest || overlaps(l, r)) {
		liar_complain(l, "memory region %#llx + %#llx is empty, wraps or overlaps",
			      (unsigned long long)r->guest, (unsigned long long)r->size);
		return;
	}
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		liar_complain(l, "memory region of %zu bytes cannot be mapped", len);
		return;
	}
	*n = (struct liar_region){ r->guest, r->size, r->user, (uint8_t *)map + r->mmap_offset,
				   map, len };
	l->n_regions++;
}

void
liar_mem_set(struct liar *l, const struct wire_mem_table *table, const int *fds, unsigned n)
{
	liar_mem_clear(l);
	if (table->n > WIRE_MAX_REGIONS || table->n != n) {
		liar_complain(l, "memory table of %u regions with %u descriptors", table->n, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		region_add(l, &table->region[i], fds[i]);
}

/* All @len bytes at a guest (or, with @user, frontend virtual) address, or NULL. */
static void *
translate(const struct liar *l, uint64_t addr, uint64_t len, bool user)
{
	for (unsigned i = 0; i < l->n_regions; i++) {
		const struct liar_region *r = &l->region[i];
		uint64_t at = addr - (user ? r->user : r->guest);

		if (at < r->size && len <= r->size - at)
			return r->base + at;
	}
	return NULL;
}

/* ---- rings ---- */

/* The queue if it can be used now, its addresses translated; else NULL. */
static struct liar_queue *
ring(struct liar *l, unsigned index)
{
	struct liar_queue *q = &l->queue[index];
	uint16_t used;

	if (!q->enabled || !q->has_addr || !q->num)
		return NULL;
	if (q->mapped)
		return q;
	q->desc = translate(l, q->addr.desc, 16ull * q->num, true);
	q->avail = translate(l, q->addr.avail, 6 + 2ull * q->num, true);
	q->used = translate(l, q->addr.used, 6 + 8ull * q->num, true);
	if (!q->desc || !q->avail || !q->used || q->addr.desc % 16 || q->addr.avail % 2 ||
	    q->addr.used % 4) {
		liar_complain(l, "queue %u: ring outside the memory table or misaligned", index);
		return NULL;
	}
	used = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);
	if (used != q->base)
		liar_complain(l, "queue %u: base %u, but the used index in the ring is %u", index,
			      q->base, used);
	q->next_avail = q->next_used = q->base;
	q->mapped = true;
	return q;
}

struct span {
	uint8_t *at;
	uint32_t len;
	bool write;
};

#define SPANS_MAX 64

/* The chain as host addresses. Return: spans; 0 for a chain that is against the rules. */
static unsigned
walk(struct liar *l, unsigned index, unsigned head, struct span *out)
{
	const struct liar_queue *q = ring(l, index);
	unsigned n = 0;

	if (!q || head >= q->num)
		return 0;
	for (;;) {
		struct wire_desc d = q->desc[head];

		if (n == SPANS_MAX || d.flags & WIRE_DESC_INDIRECT || d.len == 0) {
			liar_complain(l, "queue %u: descriptor %u: flags %#x, %u bytes, chain of %u",
				      index, head, d.flags, d.len, n);
			return 0;
		}
		out[n].at = translate(l, d.addr, d.len, false);
		out[n].len = d.len;
		out[n].write = d.flags & WIRE_DESC_WRITE;
		if (!out[n].at || out[n].write != !(index & 1)) {
			liar_complain(l, "queue %u: descriptor %u: %#llx + %u is not in the table, "
				      "or its direction (%d) is wrong", index, head,
				      (unsigned long long)d.addr, d.len, out[n].write);
			return 0;
		}
		n++;
		if (!(d.flags & WIRE_DESC_NEXT))
			return n;
		if (d.next >= q->num) {
			liar_complain(l, "queue %u: descriptor %u: next is %u", index, head, d.next);
			return 0;
		}
		head = d.next;
	}
}

static unsigned
available(struct liar *l, unsigned index, const struct liar_queue *q)
{
	uint16_t n = (uint16_t)(__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) - q->next_avail);

	if (n <= q->num)
		return n;
	liar_complain(l, "queue %u: avail index is %u ahead, in a ring of %u", index, n, q->num);
	return 0;
}

static int
pop(struct liar *l, unsigned index)
{
	struct liar_queue *q = ring(l, index);
	uint16_t head;

	if (!q || !available(l, index, q))
		return -1;
	head = q->avail->ring[q->next_avail & (q->num - 1)];
	if (head >= q->num) {
		liar_complain(l, "queue %u: available head %u of %u", index, head, q->num);
		return -1;
	}
	q->next_avail++;
	return head;
}

static size_t
copy(struct liar *l, unsigned index, unsigned head, size_t off, uint8_t *bytes, size_t len,
     bool write)
{
	struct span s[SPANS_MAX];
	unsigned n = walk(l, index, head, s);
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
room(struct liar *l, unsigned index, unsigned head)
{
	struct span s[SPANS_MAX];
	unsigned n = walk(l, index, head, s);
	size_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += s[i].len;
	return sum;
}

static void
put(struct liar *l, unsigned index, unsigned ahead, uint32_t id, uint32_t len)
{
	struct liar_queue *q = ring(l, index);

	if (q)
		q->used->ring[(q->next_used + ahead) & (q->num - 1)] =
			(struct wire_used_elem){ id, len };
}

static void
publish(struct liar *l, unsigned index, unsigned n)
{
	struct liar_queue *q = ring(l, index);

	if (!q)
		return;
	q->next_used = (uint16_t)(q->next_used + n);
	__atomic_store_n(&q->used->idx, q->next_used, __ATOMIC_RELEASE);
}

/* ---- what tests call: the same, locked ---- */

#define LOCKED(l, type, expression)                                                            \
	do {                                                                                   \
		type result_;                                                                  \
                                                                                               \
		pthread_mutex_lock(&(l)->lock);                                                \
		result_ = (expression);                                                        \
		pthread_mutex_unlock(&(l)->lock);                                              \
		return result_;                                                                \
	} while (0)

bool
liar_ready(struct liar *l, unsigned q)
{
	LOCKED(l, bool, ring(l, q) != NULL);
}

unsigned
liar_queue_size(struct liar *l, unsigned q)
{
	LOCKED(l, unsigned, l->queue[q].num);
}

unsigned
liar_available(struct liar *l, unsigned q)
{
	LOCKED(l, unsigned, ring(l, q) ? available(l, q, ring(l, q)) : 0);
}

int
liar_pop(struct liar *l, unsigned q)
{
	LOCKED(l, int, pop(l, q));
}

size_t
liar_room(struct liar *l, unsigned q, unsigned head)
{
	LOCKED(l, size_t, room(l, q, head));
}

size_t
liar_write(struct liar *l, unsigned q, unsigned head, size_t off, const void *bytes, size_t len)
{
	LOCKED(l, size_t, copy(l, q, head, off, (uint8_t *)(uintptr_t)bytes, len, true));
}

size_t
liar_read(struct liar *l, unsigned q, unsigned head, size_t off, void *bytes, size_t len)
{
	LOCKED(l, size_t, copy(l, q, head, off, bytes, len, false));
}

void
liar_put(struct liar *l, unsigned q, unsigned ahead, uint32_t id, uint32_t len)
{
	pthread_mutex_lock(&l->lock);
	put(l, q, ahead, id, len);
	pthread_mutex_unlock(&l->lock);
}

void
liar_publish(struct liar *l, unsigned q, unsigned n)
{
	pthread_mutex_lock(&l->lock);
	publish(l, q, n);
	pthread_mutex_unlock(&l->lock);
}

uint16_t
liar_used_idx(struct liar *l, unsigned q)
{
	LOCKED(l, uint16_t, l->queue[q].next_used);
}

void
liar_set_used_idx(struct liar *l, unsigned q, uint16_t idx)
{
	pthread_mutex_lock(&l->lock);
	if (ring(l, q)) {
		l->queue[q].next_used = idx;
		publish(l, q, 0);
	}
	pthread_mutex_unlock(&l->lock);
}

void
liar_complete(struct liar *l, unsigned q, uint32_t id, uint32_t len)
{
	pthread_mutex_lock(&l->lock);
	put(l, q, 0, id, len);
	publish(l, q, 1);
	pthread_mutex_unlock(&l->lock);
}

/* ---- packets ---- */

static int
rx_write(struct liar *l, unsigned q, const void *frame, size_t len, uint16_t num_buffers)
{
	struct wire_net_header h = { .num_buffers = num_buffers };
	int head = pop(l, q);

	if (head < 0)
		return -1;
	copy(l, q, (unsigned)head, 0, (uint8_t *)&h, sizeof(h), true);
	copy(l, q, (unsigned)head, sizeof(h), (uint8_t *)(uintptr_t)frame, len, true);
	return head;
}

int
liar_rx_write(struct liar *l, unsigned q, const void *frame, size_t len, uint16_t num_buffers)
{
	LOCKED(l, int, rx_write(l, q, frame, len, num_buffers));
}

static int
rx_inject(struct liar *l, unsigned index, const uint8_t *frame, size_t len)
{
	struct liar_queue *q = ring(l, index);
	struct wire_net_header h = { .num_buffers = 1 };
	size_t done = 0, skip = sizeof(h);
	unsigned n = 0, most;
	int head, first = -1;

	if (!q)
		return -1;
	most = l->features & LIAR_F_MRG_RXBUF ? available(l, index, q) : 1;
	for (; done < len; n++, skip = 0) {
		size_t part;

		head = n < most ? pop(l, index) : -1;
		if (head < 0) /* the buffers stay popped: a test that gets here has failed */
			return -1;
		if (first < 0)
			first = head;
		part = copy(l, index, (unsigned)head, skip, (uint8_t *)(uintptr_t)frame + done,
			    len - done, true);
		if (!part)
			return -1;
		done += part;
		put(l, index, n, (uint32_t)head, (uint32_t)(skip + part));
	}
	h.num_buffers = (uint16_t)n;
	copy(l, index, (unsigned)first, 0, (uint8_t *)&h, sizeof(h), true);
	publish(l, index, n);
	return (int)n;
}

int
liar_rx_inject(struct liar *l, unsigned q, const void *frame, size_t len)
{
	LOCKED(l, int, rx_inject(l, q, frame, len));
}

static int
tx_collect(struct liar *l, unsigned q, struct wire_net_header *header, void *frame, size_t *len)
{
	int head = pop(l, q);
	size_t total;

	if (head < 0)
		return -1;
	total = room(l, q, (unsigned)head);
	if (total < sizeof(*header) || total - sizeof(*header) > *len) {
		liar_complain(l, "queue %u: a packet of %zu bytes", q, total);
		*len = 0;
		return head;
	}
	copy(l, q, (unsigned)head, 0, (uint8_t *)header, sizeof(*header), false);
	*len = copy(l, q, (unsigned)head, sizeof(*header), frame, total - sizeof(*header), false);
	return head;
}

int
liar_tx_collect(struct liar *l, unsigned q, struct wire_net_header *header, void *frame,
		size_t *len)
{
	LOCKED(l, int, tx_collect(l, q, header, frame, len));
}
