/* SPDX-License-Identifier: BSD-3-Clause */
/* The control queue's device side (virtio 1.2 section 5.1.6.5): commands are checked, remembered,
 * and answered, or not. */
#include "fakedev_private.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ };

unsigned
fakedev_control_queue(const struct fakedev *l)
{
	/* 5.1.2: 2N, where N is 1 unless VIRTIO_NET_F_MQ or RSS is negotiated. */
	uint64_t pairs = l->features & (FAKEDEV_F_MQ | FAKEDEV_F_RSS) ? l->config.max_queues : 1;

	return pairs <= FAKEDEV_PAIRS ? (unsigned)pairs * 2 : FAKEDEV_QUEUES - 1;
}

static uint32_t
le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Two tables, unicast before multicast: le32 entries, then as many addresses. */
static bool
is_mac_table(const struct fakedev_command *c)
{
	const uint8_t *p = c->data, *end = c->data + c->len;

	for (unsigned table = 0; table < 2; table++) {
		uint32_t n;

		if (end - p < 4)
			return false;
		n = le32(p);
		p += 4;
		if (n > (uint32_t)(end - p) / 6)
			return false;
		for (; n--; p += 6)
			if ((p[0] & 1) != table)
				return false;
	}
	return p == end;
}

static uint32_t
le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

/* A key behind what has @at bytes; it ends the command. */
static bool
is_key(const struct fakedev *l, const struct fakedev_command *c, size_t at)
{
	return c->len > at && c->data[at] <= l->config.rss.key && c->data[at] == c->len - at - 1;
}

/* 5.1.6.5.7: types, mask, queue of the rest, table, number of TX queues, key. */
static const char *
rss_fault(const struct fakedev *l, const struct fakedev_command *c)
{
	const size_t entries = c->len > 8 ? le16(c->data + 4) + 1u : 0, behind = 8 + 2 * entries;

	if (!(l->features & FAKEDEV_F_RSS))
		return "RSS was not negotiated";
	if (!entries || entries & (entries - 1) || entries > l->config.rss.table ||
	    behind + 3 > c->len)
		return "not a table of queues";
	for (size_t i = 0; i < entries; i++)
		if (le16(c->data + 8 + 2 * i) >= l->config.max_queues)
			return "a queue that there is not";
	if (le32(c->data) & ~l->config.rss.types)
		return "hash types that are not supported";
	if (!le16(c->data + behind) || le16(c->data + behind) > l->config.max_queues)
		return "not a number of TX queues";
	return is_key(l, c, behind + 2) ? NULL : "not a key";
}

/* 5.1.6.5.6: types, eight bytes of zeros, key. */
static const char *
hash_fault(const struct fakedev *l, const struct fakedev_command *c)
{
	if (!(l->features & FAKEDEV_F_HASH))
		return "HASH_REPORT was not negotiated";
	if (c->len < 13 || le32(c->data + 4) || le32(c->data + 8))
		return "not a configuration of the hash";
	if (le32(c->data) & ~l->config.rss.types)
		return "hash types that are not supported";
	return is_key(l, c, 12) ? NULL : "not a key";
}

/* What is wrong with a command, or NULL. */
static const char *
fault(const struct fakedev *l, const struct fakedev_command *c)
{
	switch (c->class) {
	case CLASS_RX:
		if (!(l->features & FAKEDEV_F_CTRL_RX))
			return "CTRL_RX was not negotiated";
		return c->command <= 1 && c->len == 1 && c->data[0] <= 1 ? NULL
									 : "not a receive mode";
	case CLASS_MAC:
		if (c->command == 1)
			return !(l->features & FAKEDEV_F_CTRL_MAC) ? "CTRL_MAC_ADDR was not "
								     "negotiated"
			       : c->len != 6 || (c->data[0] & 1)   ? "not an address"
								   : NULL;
		if (!(l->features & FAKEDEV_F_CTRL_RX))
			return "CTRL_RX was not negotiated";
		return c->command == 0 && is_mac_table(c) ? NULL : "not a table of addresses";
	case CLASS_VLAN:
		if (!(l->features & FAKEDEV_F_CTRL_VLAN))
			return "CTRL_VLAN was not negotiated";
		return c->command <= 1 && c->len == 2 && c->data[1] < 16 ? NULL : "not a VLAN";
	case CLASS_MQ:
		if (c->command == 1)
			return rss_fault(l, c);
		if (c->command == 2)
			return hash_fault(l, c);
		if (!(l->features & FAKEDEV_F_MQ))
			return "MQ was not negotiated";
		return c->command == 0 && c->len == 2 ? NULL : "not a number of queue pairs";
	default:
		return "an unknown class";
	}
}

/* The readable part of a chain as a command. Return: where the status goes, or NULL. */
static uint8_t *
take(struct fakedev *l, unsigned index, unsigned head, struct fakedev_command *c)
{
	struct fakedev_span s[FAKEDEV_SPANS];
	unsigned n = fakedev_walk_(l, index, head, s);
	uint8_t bytes[2 + sizeof(c->data)];
	size_t len = 0;

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i + 1 < n; i++) {
		if (s[i].write || s[i].len > sizeof(bytes) - len)
			return NULL;
		memcpy(bytes + len, s[i].at, s[i].len);
		len += s[i].len;
	}
	if (len < 2 || !s[n - 1].write || s[n - 1].len != 1)
		return NULL;
	c->class = bytes[0];
	c->command = bytes[1];
	c->len = (uint16_t)(len - 2);
	memcpy(c->data, bytes + 2, len - 2);
	return s[n - 1].at;
}

static void
answer(struct fakedev *l, unsigned index, unsigned head, uint8_t *status, uint8_t ack)
{
	enum fakedev_control_lie lie = l->control_lie;
	uint32_t value = l->control_value;

	if (lie == FAKEDEV_CONTROL_SILENT)
		return;
	if (lie == FAKEDEV_CONTROL_LATE) {
		unsigned connection = l->connections;

		fakedev_nap_ms(l, value);
		/* The ring may be gone by now, and nothing may be written then. */
		if (l->connections != connection || !fakedev_ring_(l, index))
			return;
	}
	if (lie != FAKEDEV_CONTROL_BLANK)
		*status = lie == FAKEDEV_CONTROL_ACK ? (uint8_t)value : ack;
	fakedev_put_(l, index, 0, lie == FAKEDEV_CONTROL_ID ? value : head,
		     lie == FAKEDEV_CONTROL_LEN ? value : 1);
	fakedev_publish_(l, index, lie == FAKEDEV_CONTROL_AHEAD ? value : 1);
}

void
fakedev_control_serve(struct fakedev *l)
{
	unsigned index = fakedev_control_queue(l);
	struct pollfd p = { .fd = l->queue[index].kick, .events = POLLIN };
	uint64_t n;
	int head;

	if (p.fd < 0 || poll(&p, 1, 0) != 1 || read(p.fd, &n, sizeof(n)) != sizeof(n))
		return;
	l->kicks[index] += n;
	while ((head = fakedev_pop_(l, index)) >= 0) {
		struct fakedev_command *c = &l->command[l->commands % FAKEDEV_REMEMBERED];
		uint8_t *status = take(l, index, (unsigned)head, c);
		const char *wrong = status ? fault(l, c) : "not a command";

		l->commands++;
		if (wrong)
			fakedev_complain(l, "control queue: class %u command %u, %u bytes: %s",
					 c->class, c->command, c->len, wrong);
		if (status)
			answer(l, index, (unsigned)head, status, wrong ? 1 : 0);
	}
}

/* ---- what tests call ---- */

void
fakedev_control_lie(struct fakedev *l, enum fakedev_control_lie lie, uint32_t value)
{
	pthread_mutex_lock(&l->lock);
	l->control_lie = lie;
	l->control_value = value;
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_commands(struct fakedev *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->commands;
	pthread_mutex_unlock(&l->lock);
	return n;
}

bool
fakedev_command(struct fakedev *l, unsigned ago, struct fakedev_command *command)
{
	bool there;

	pthread_mutex_lock(&l->lock);
	there = ago < l->commands && ago < FAKEDEV_REMEMBERED;
	if (there)
		*command = l->command[(l->commands - 1 - ago) % FAKEDEV_REMEMBERED];
	pthread_mutex_unlock(&l->lock);
	return there;
}
