/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite in front of QEMU's virtio-net-pci: its registers, rings and interrupts are
 * QEMU's, its lies the rig's, which writes them into the used rings. The doorbells of TX rings are
 * held back until the suite wants a packet; ioeventfd=off, since QEMU would else look at rings that
 * nobody rang for.
 */
#include "qtest.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../driver/model.h"

#define RINGS 3 /* RX, TX, control */

/* The common configuration: virtio 1.2, 4.1.4.3. */
#define STATUS      0x14
#define SELECT      0x16
#define SIZE        0x18
#define DESC        0x20
#define RESET       0x3a
#define NEEDS_RESET 0x40u
#define HEADER      12 /* bytes before a packet */

/* As the driver set it up. */
struct ring {
	uint64_t part[3]; /* IOVAs: descriptors, available, used; 0: not set up */
	uint32_t size;
};

struct device {
	struct qtest *q;
	unsigned bar;
	uint32_t common, notify, multiplier; /* offsets in the BAR */
	uint32_t select, held;               /* rings whose doorbell is held back, by bit */
	struct ring ring[RINGS];
	bool mergeable, keeps;
};

/* ---- registers ---- */

/* 4.1.4: where the structures are. */
static void
find_structures(struct device *d)
{
	unsigned at = PCI_CAPABILITY_LIST, next;

	while ((next = qtest_read(d->q, QTEST_CONFIG + at, 1)) != 0) {
		const uint64_t cap = QTEST_CONFIG + next;
		const uint32_t type = qtest_read(d->q, cap + 3, 1);

		at = next + 1;
		if (qtest_read(d->q, cap, 1) != PCI_CAP_ID_VNDR || type < 1 || type > 2)
			continue;
		d->bar = qtest_read(d->q, cap + 4, 1);
		*(type == 1 ? &d->common : &d->notify) = qtest_read(d->q, cap + 8, 4);
		if (type == 2)
			d->multiplier = qtest_read(d->q, cap + 16, 4);
	}
	assert_true(d->notify > d->common && d->multiplier);
}

static void
forget(struct device *d, uint32_t i)
{
	if (i < RINGS)
		d->ring[i] = (struct ring){ .size = 0 };
	d->held &= ~(1u << i);
}

/* Return: whether QEMU is not to see it. */
static bool
on_common_write(struct device *d, uint32_t off, uint32_t v)
{
	struct ring *r = d->select < RINGS ? &d->ring[d->select] : NULL;

	if (off == STATUS && !v) {
		for (uint32_t i = 0; i < RINGS && !d->keeps; i++)
			forget(d, i);
		return d->keeps;
	}
	if (off == SELECT)
		d->select = v;
	else if (off == RESET && v)
		forget(d, d->select);
	else if (off == SIZE && r)
		r->size = v;
	else if (off >= DESC && off < DESC + 24 && r)
		r->part[(off - DESC) / 8] |= (uint64_t)v << (off & 4 ? 32 : 0);
	return false;
}

static bool
on_access(struct qtest *q, unsigned bar, uint32_t off, bool write, uint32_t *v)
{
	struct device *d = q->arg;

	if (bar != d->bar || !write)
		return false;
	if (off < d->common + 0x1000)
		return on_common_write(d, off - d->common, *v);
	if (off < d->notify || *v != 1)
		return false;
	d->held |= 1u << *v;
	return true;
}

static void
ring_bell(struct device *d, uint32_t i)
{
	qtest_write(d->q, d->q->bar_at[d->bar] + d->notify + i * d->multiplier, 2, i);
	d->held &= ~(1u << i);
}

/* ---- rings: 2.7, little-endian as this machine ---- */

static void *
part(const struct device *d, unsigned i, unsigned which, uint64_t off, uint64_t bytes)
{
	const struct ring *r = &d->ring[i];

	return r->part[which] ? qtest_memory(d->q, r->part[which] + off, bytes) : NULL;
}

static uint16_t
load16(const struct device *d, unsigned i, unsigned which, uint64_t off)
{
	const uint16_t *at = part(d, i, which, off, 2);

	assert_non_null(at);
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* The head that the device has to take as the @n-th. */
static uint16_t
head(const struct device *d, unsigned i, uint16_t n)
{
	return load16(d, i, 1, 4 + 2 * (uint64_t)(n % d->ring[i].size));
}

/* Bytes of the buffers of a chain. */
static uint32_t
chain_bytes(const struct device *d, unsigned i, uint16_t at)
{
	uint32_t sum = 0, n = 0;
	const uint16_t *tail;

	do {
		const uint32_t *len = part(d, i, 0, 16 * (uint64_t)at + 8, 4);

		tail = part(d, i, 0, 16 * (uint64_t)at + 12, 4); /* flags and next */
		assert_non_null(len);
		sum += *len;
		at = tail[1];
	} while ((tail[0] & 1) && n++ < d->ring[i].size);
	return sum;
}

/* Whether QEMU can write a frame now, so that it does not keep it for later. */
static bool
has_room(const struct device *d, uint32_t len)
{
	uint32_t room = 0;
	uint16_t used;

	if (!d->ring[0].part[2])
		return false;
	used = load16(d, 0, 2, 2);
	for (uint16_t n = used; n != load16(d, 0, 1, 2); n++) {
		room += chain_bytes(d, 0, head(d, 0, n));
		if (room >= len + HEADER)
			return true;
		if (!d->mergeable)
			break;
	}
	return false;
}

static void
complete(struct device *d, unsigned i, uint32_t id, uint32_t len)
{
	const uint16_t used = load16(d, i, 2, 2);
	uint32_t *e = part(d, i, 2, 4 + 8 * (uint64_t)(used % d->ring[i].size), 8);

	assert_non_null(e);
	e[0] = id;
	e[1] = len;
	__atomic_store_n((uint16_t *)part(d, i, 2, 2, 2), (uint16_t)(used + 1), __ATOMIC_RELEASE);
}

/* ---- of struct model ---- */

static bool
receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	struct device *d = dev;

	if (!has_room(d, len))
		return false;
	qtest_send(d->q, frame, len);
	qtest_interrupts(d->q);
	return true;
}

static int
send(void *dev, unsigned queue, void *frame)
{
	struct device *d = dev;
	int n = qtest_receive(d->q, frame, MODEL_FRAME_MAX);

	if (!n && d->held & 2) {
		ring_bell(d, 1);
		n = qtest_receive(d->q, frame, MODEL_FRAME_MAX);
	}
	/* A frame leaves QEMU before its descriptor is given back, and the interrupt last. */
	qtest_sync(d->q);
	qtest_interrupts(d->q);
	return n;
}

static bool
tell(struct device *d, unsigned i, enum model_lie which)
{
	const uint16_t used = load16(d, i, 2, 2);
	uint32_t id;

	if (used == load16(d, i, 1, 2))
		return false;
	id = head(d, i, used);
	switch (which) {
	case LIE_LONG:
		complete(d, i, id, 60000);
		return i == 0; /* a length is nothing that a TX ring has */
	case LIE_KEY:
		complete(d, i, 40000, 76);
		return true;
	case LIE_TWICE:
		complete(d, i, id, 76);
		complete(d, i, id, 76);
		return true;
	case LIE_AHEAD:
		__atomic_store_n((uint16_t *)part(d, i, 2, 2, 2), (uint16_t)(used + 1000),
				 __ATOMIC_RELEASE);
		return true;
	case LIE_ONES:
		complete(d, i, UINT32_MAX, UINT32_MAX);
		return true;
	default:
		return false;
	}
}

static bool
lie(void *dev, enum model_lie which)
{
	return tell(dev, 0, which);
}

static bool
lie_tx(void *dev, enum model_lie which)
{
	return which != LIE_LONG && tell(dev, 1, which);
}

static void
keep(void *dev, bool on)
{
	struct device *d = dev;

	d->keeps = d->q->pci.keeps_config = d->q->pci.no_reset = on;
}

static void
remove_it(void *dev)
{
	struct device *d = dev;

	d->q->pci.dead = true;
	pci_model_signal(d->q->pci.irq[0]);
}

/* A driver's mistake, as QEMU sees it, which then says that it needs a reset: no head is in the
 * ring. */
static void
lose(void *dev)
{
	struct device *d = dev;
	uint16_t *avail = part(d, 1, 1, 0, 4 + 2 * (uint64_t)d->ring[1].size);

	assert_non_null(avail);
	memset(avail + 2, 0xff, 2 * (size_t)d->ring[1].size);
	__atomic_store_n(&avail[1], (uint16_t)(avail[1] + 1), __ATOMIC_RELEASE);
	ring_bell(d, 1);
	qtest_sync(d->q);
	assert_true(qtest_read(d->q, d->q->bar_at[d->bar] + d->common + STATUS, 1) & NEEDS_RESET);
	qtest_interrupts(d->q);
}

static void
set_link(void *dev, bool up)
{
	struct device *d = dev;
	char command[96];

	snprintf(command, sizeof(command),
		 "{\"execute\": \"set_link\", \"arguments\": {\"name\": \"d0\", \"up\": %s}}\n",
		 up ? "true" : "false");
	qtest_qmp(d->q, command);
	qtest_interrupts(d->q);
}

static unsigned
strays(const void *dev)
{
	return (unsigned)qtest_strays(((const struct device *)dev)->q);
}

/* Whether QEMU's answer has this in the list, or as the value, of that name. */
static bool
filter_has(const char *answer, const char *name, const char *what)
{
	char key[64];
	const char *at, *found;
	size_t end;

	snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(answer, key);
	if (!at)
		return false;
	at += strlen(key);
	end = strcspn(at, *at == '[' ? "]" : ",}");
	found = strstr(at, what);
	return found && found < at + end;
}

static void
print_mac(char text[24], const uint8_t mac[6])
{
	snprintf(text, 24, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

/* By what QEMU itself has. */
static bool
has(const void *dev, const struct model_settings *s)
{
	const struct device *d = dev;
	const char *a = qtest_qmp(d->q, "{\"execute\": \"query-rx-filter\", \"arguments\": "
					"{\"name\": \"d0\"}}\n");
	char mac[24], more[24], vid[12];
	bool ok = true;

	print_mac(mac, s->mac);
	print_mac(more, s->more);
	snprintf(vid, sizeof(vid), "%u", s->vid);
	if (s->which & F_BIT(F_PROMISC))
		ok &= filter_has(a, "promiscuous", s->promisc ? "true" : "false");
	if (s->which & F_BIT(F_ALLMULTI))
		ok &= filter_has(a, "multicast", "\"all\"") == s->allmulti;
	if (s->which & F_BIT(F_MAC))
		ok &= filter_has(a, "main-mac", mac);
	if (s->which & F_BIT(F_MACS))
		ok &= filter_has(a, "unicast-table", more);
	if (s->which & F_BIT(F_VLAN))
		ok &= filter_has(a, "vlan-table", vid);
	return ok;
}

static void *
start_with(struct baton_ctx *ctx, char *spec, size_t room, const char *more, bool mergeable)
{
	struct device *d = calloc(1, sizeof(*d));
	char device[256];

	assert_non_null(d);
	snprintf(device, sizeof(device),
		 "virtio-net-pci,disable-legacy=on,iommu_platform=on,ioeventfd=off%s", more);
	d->q = qtest_start(ctx, device, false);
	d->mergeable = mergeable;
	find_structures(d);
	d->q->arg = d;
	d->q->on_access = on_access;
	snprintf(spec, room, "%s", QTEST_BDF);
	return d;
}

static void *
start(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(ctx, spec, room, "", true);
}

static void *
start_bare(struct baton_ctx *ctx, char *spec, size_t room)
{
	return start_with(ctx, spec, room, ",mrg_rxbuf=off,ctrl_vq=off,queue_reset=off", false);
}

static void
stop(void *dev)
{
	struct device *d = dev;

	qtest_stop(d->q);
	free(d);
}

/* A netdev of datagrams has one queue, and none of the offloads: QEMU takes them back. */
#define OTHERS                                                                                     \
	F_BIT(F_RX_CSUM) | F_BIT(F_TX_CSUM) | F_BIT(F_TX_SEGMENTS) | F_BIT(F_RX_SEGMENTS) |        \
		F_BIT(F_RX_HASH) | F_BIT(F_QUEUES)

#define OF_BOTH                                                                                    \
	.list = "drivers/virtio/features_pci.txt", .elsewhere = OTHERS, .stop = stop,              \
	.receive = receive, .send = send, .lie = lie, .lie_tx = lie_tx, .keep = keep,              \
	.remove = remove_it, .lose = lose, .link = set_link, .strays = strays

static const struct model full = {
	OF_BOTH, .name = "virtio of QEMU", .lacks = OTHERS, .start = start, .has = has,
};

static const struct model bare = {
	OF_BOTH,
	.name = "virtio of QEMU, bare",
	.lacks = OTHERS | F_BIT(F_RX_BUFFERS) | F_BIT(F_RX_STOP) | F_BIT(F_TX_STOP) | F_BIT(F_MAC) |
		 F_BIT(F_PROMISC) | F_BIT(F_ALLMULTI) | F_BIT(F_MACS) | F_BIT(F_VLAN),
	.brief = true,
	.start = start_bare,
};

int
main(void)
{
	static const struct model *const models[] = { &full, &bare, NULL };
	const char *why = qtest_missing();

	if (!why)
		return conform(models);
	printf("skipped: %s\n", why);
	return 77;
}
