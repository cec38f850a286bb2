/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtio_rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../unit/segment_made.h"

/* Say the hash of a TCP packet, by the key of the last command, as the device that it is. */
static void
say_hash(struct virtio_rig *f, const uint8_t *frame, uint32_t len)
{
	const uint32_t l2 = len > 18 && frame[12] == 0x81 ? 18 : 14;
	const bool v6 = len > l2 + 60 && frame[l2] >> 4 == 6;
	const uint8_t *ip = frame + l2;
	struct fakedev_command c;
	uint32_t hash = 0;
	uint8_t flow[36];

	if (fakedev_header(f->l) == FAKEDEV_HEADER || !fakedev_command(f->l, 0, &c) ||
	    c.class != 4 || len < l2 + 40 || ip[v6 ? 6 : 9] != 6) {
		fakedev_set_hash(f->l, 0, 0);
		return;
	}
	memcpy(flow, ip + (v6 ? 8 : 12), v6 ? 36 : 12);
	hash = baton_toeplitz(c.data + c.len - 40, 40, flow, v6 ? 36 : 12);
	fakedev_set_hash(f->l, hash, v6 ? 5 : 2);
	f->hashes++;
}

bool
virtio_rig_receive(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	say_hash(dev, frame, len);
	return fakedev_rx_inject(((struct virtio_rig *)dev)->l, FAKEDEV_RXQ(queue), frame, len) > 0;
}

bool
virtio_rig_receive_good(void *dev, unsigned queue, const void *frame, uint32_t len)
{
	const struct wire_net_header header = { .flags = 2 /* DATA_VALID */, .num_buffers = 1 };
	struct fakedev *l = ((struct virtio_rig *)dev)->l;
	const int head = fakedev_rx_write(l, FAKEDEV_RXQ(queue), frame, len, 1);

	if (head < 0)
		return false;
	fakedev_write(l, FAKEDEV_RXQ(queue), (unsigned)head, 0, &header, sizeof(header));
	fakedev_complete(l, FAKEDEV_RXQ(queue), (uint32_t)head, len + fakedev_header(l));
	return true;
}

bool
virtio_rig_receive_whole(void *dev, unsigned queue, const struct gso *g)
{
	const struct wire_net_header header = {
		.flags = 1 /* NEEDS_CSUM */,
		.gso_type = g->proto == 17 ? 5
			    : g->ip == 4   ? 1
					   : 4,
		.gso_size = (uint16_t)g->seg,
		.csum_start = (uint16_t)(g->l2 + g->l3),
		.csum_offset = g->proto == 6 ? 16 : 6,
	};

	return fakedev_rx_inject_as(((struct virtio_rig *)dev)->l, FAKEDEV_RXQ(queue), &header,
				    g->b, g->len) > 0;
}

/* What a device does with NEEDS_CSUM: 5.1.6.2. */
static void
fill_csum(uint8_t *frame, size_t len, unsigned from, unsigned offset)
{
	uint32_t sum = 0;

	for (size_t i = from; i < len; i++)
		sum += (i - from) & 1 ? frame[i] : (uint32_t)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[from + offset] = (uint8_t)(~sum >> 8);
	frame[from + offset + 1] = (uint8_t)~sum;
}

/* The next segment of the packet that is being cut. Return: its length; 0: there is none. */
static int
next_segment(struct virtio_rig *f, void *frame)
{
	const uint32_t len = f->whole ? gso_segment(f->whole, f->cut, frame) : 0;

	f->cut++;
	if (len)
		return (int)len;
	free(f->whole);
	f->whole = NULL;
	return 0;
}

/* Begin to cut the packet at f->whole->b, by what the header says of it (5.1.6.2). */
static void
begin_to_cut(struct virtio_rig *f, const struct wire_net_header *h, size_t len)
{
	struct gso *g = f->whole;

	g->len = (uint32_t)len;
	g->l2 = g->b[12] == 0x81 ? 18 : 14;
	g->l3 = h->csum_start - g->l2;
	g->l4 = h->hdr_len - h->csum_start;
	g->seg = h->gso_size;
	g->proto = h->gso_type == 5 ? 17 : 6;
	g->ip = g->b[g->l2] >> 4;
	f->cut = 0;
	f->cuts++;
}

int
virtio_rig_send(void *dev, unsigned queue, void *frame)
{
	struct virtio_rig *f = dev;
	struct wire_net_header header;
	size_t len = FRAME_MAX;
	int head = next_segment(f, frame);

	if (head)
		return head;
	f->whole = malloc(sizeof(*f->whole));
	assert_non_null(f->whole);
	head = fakedev_tx_collect(f->l, FAKEDEV_TXQ(queue), &header, f->whole->b, &len);
	if (head >= 0 && header.gso_type) {
		fakedev_complete(f->l, FAKEDEV_TXQ(queue), (uint32_t)head, 0);
		begin_to_cut(f, &header, len);
		return next_segment(f, frame);
	}
	if (head >= 0 && len <= MODEL_FRAME_MAX)
		memcpy(frame, f->whole->b, len);
	free(f->whole);
	f->whole = NULL;
	if (head < 0)
		return 0;
	assert_in_range(len, 0, MODEL_FRAME_MAX);
	if ((header.flags & 1) && header.csum_start + header.csum_offset + 2u <= len) {
		fill_csum(frame, len, header.csum_start, header.csum_offset);
		f->csums++;
	}
	fakedev_complete(f->l, FAKEDEV_TXQ(queue), (uint32_t)head, 0);
	return (int)len;
}

unsigned
virtio_rig_csums(const void *dev)
{
	return ((const struct virtio_rig *)dev)->csums;
}

unsigned
virtio_rig_cuts(const void *dev)
{
	return ((const struct virtio_rig *)dev)->cuts;
}

unsigned
virtio_rig_hashes(const void *dev)
{
	return ((const struct virtio_rig *)dev)->hashes;
}

bool
virtio_rig_lie(void *dev, enum model_lie which)
{
	struct fakedev *l = ((struct virtio_rig *)dev)->l;
	uint8_t frame[64] = { 0 };
	int head =
		which == LIE_AHEAD ? 0 : fakedev_rx_write(l, FAKEDEV_RX, frame, sizeof(frame), 1);

	if (head < 0)
		return false;
	switch (which) {
	case LIE_LONG:
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 60000);
		return true;
	case LIE_KEY:
		fakedev_complete(l, FAKEDEV_RX, 40000, 76);
		return true;
	case LIE_TWICE:
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 76);
		fakedev_complete(l, FAKEDEV_RX, (uint32_t)head, 76);
		return true;
	case LIE_AHEAD:
		fakedev_publish(l, FAKEDEV_RX, 1000);
		return true;
	case LIE_ONES:
		fakedev_complete(l, FAKEDEV_RX, UINT32_MAX, UINT32_MAX);
		return true;
	default:
		return false; /* a header says how many buffers a packet has */
	}
}

bool
virtio_rig_lie_tx(void *dev, enum model_lie which)
{
	struct fakedev *l = ((struct virtio_rig *)dev)->l;
	struct wire_net_header header;
	uint8_t frame[MODEL_FRAME_MAX];
	size_t len = sizeof(frame);
	int head;

	switch (which) {
	case LIE_KEY:
		fakedev_complete(l, FAKEDEV_TX, 40000, 0);
		return true;
	case LIE_TWICE:
		head = fakedev_tx_collect(l, FAKEDEV_TX, &header, frame, &len);
		assert_true(head >= 0);
		fakedev_complete(l, FAKEDEV_TX, (uint32_t)head, 0);
		fakedev_complete(l, FAKEDEV_TX, (uint32_t)head, 0);
		return true;
	case LIE_AHEAD:
		fakedev_publish(l, FAKEDEV_TX, 1000);
		return true;
	case LIE_ONES:
		fakedev_complete(l, FAKEDEV_TX, UINT32_MAX, UINT32_MAX);
		return true;
	default:
		return false;
	}
}

/* Was the command sent, since the last time that all were? */
static bool
was_sent(const struct virtio_rig *f, uint8_t class, uint8_t command, const void *data, size_t len)
{
	struct fakedev_command c;

	for (unsigned ago = 0; ago < fakedev_commands(f->l) - f->commands; ago++)
		if (fakedev_command(f->l, ago, &c) && c.class == class && c.command == command)
			return c.len >= len && !memcmp(c.data, data, len); /* the last such */
	return false;
}

bool
virtio_rig_has(const void *dev, const struct model_settings *s)
{
	struct virtio_rig *f = (struct virtio_rig *)(uintptr_t)dev;
	const uint8_t promisc = s->promisc, allmulti = s->allmulti;
	const uint8_t vlan[2] = { (uint8_t)s->vid, (uint8_t)(s->vid >> 8) };
	uint8_t table[10] = { 1 };

	memcpy(table + 4, s->more, 6);
	if (((s->which & F_BIT(F_PROMISC)) && !was_sent(f, 0, 0, &promisc, 1)) ||
	    ((s->which & F_BIT(F_ALLMULTI)) && !was_sent(f, 0, 1, &allmulti, 1)) ||
	    ((s->which & F_BIT(F_MAC)) && !was_sent(f, 1, 1, s->mac, 6)) ||
	    ((s->which & F_BIT(F_MACS)) && !was_sent(f, 1, 0, table, sizeof(table))) ||
	    ((s->which & F_BIT(F_VLAN)) && !was_sent(f, 2, 0, vlan, 2)))
		return false;
	f->commands = fakedev_commands(f->l);
	return true;
}
