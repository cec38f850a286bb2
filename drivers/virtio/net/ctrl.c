/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue: one command at a time. If a command is not answered before its deadline, no
 * further one is sent.
 */
#include <poll.h>

#include "virtio/net/virtio.h"

#define RING_SIZE  4
#define TIMEOUT_MS 200 /* for an answer; less if the timeout of the port is shorter */
#define DATA_MAX   (8 + NIC_MAX_MACS * 6)
#define RSS_MAX    (11 + 2 * VIRTIO_RSS_TABLE + BATON_RSS_KEY_LEN)

_Static_assert(RSS_MAX <= DATA_MAX, "no command is longer than a table of addresses");

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_MQ = 4 };
enum { RX_PROMISC, RX_ALLMULTI };
enum { MAC_TABLE_SET, MAC_ADDR_SET };
enum { VLAN_ADD, VLAN_DEL };
enum { MQ_PAIRS, MQ_RSS, MQ_HASH };
enum { ACK_OK, ACK_ERR, ACK_NONE = 0xff };

/*
 * What the device accesses: a ring, a command, and the status that it writes. The device may write
 * to the last two lines.
 */
struct virtio_ctrl_block {
	struct vring_desc desc[RING_SIZE];
	uint8_t avail[6 + 2 * RING_SIZE] __attribute__((aligned(16)));
	uint8_t class, command;
	uint8_t data[DATA_MAX];
	uint8_t used[6 + 8 * RING_SIZE] __attribute__((aligned(64)));
	shared8 ack __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct virtio_ctrl_block) % 64 == 0, "lines of its own");

size_t
virtio_ctrl_bytes(void)
{
	return sizeof(struct virtio_ctrl_block);
}

/* The device does not know the ring yet. */
void
virtio_ctrl_attach(struct nic_dev *dev, size_t offset)
{
	struct virtio_ctrl *c = &virtio_of_nic(dev)->ctrl;

	c->offset = (uint32_t)offset;
	c->block = (struct virtio_ctrl_block *)(void *)(dev->ring_base + offset);
	c->state = CTRL_UNUSED;
}

void
virtio_ctrl_release(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;

	if (c->has_fds) {
		close(c->vq.kick_fd);
		close(c->vq.nq.q.wake_fd);
	}
	memset(c, 0, sizeof(*c));
}

/* ---- the ring ---- */

static int
make_fds(struct virtio_ctrl *c)
{
	if (c->has_fds)
		return 0;
	c->vq.kick_fd = event_open("the control queue");
	if (c->vq.kick_fd < 0)
		return c->vq.kick_fd;
	c->vq.nq.q.wake_fd = event_open("the control queue");
	if (c->vq.nq.q.wake_fd >= 0) {
		c->has_fds = 1;
		return 0;
	}
	close(c->vq.kick_fd);
	return c->vq.nq.q.wake_fd;
}

/*
 * The number of the control queue is 2N, and N is 1 unless VIRTIO_NET_F_MQ or RSS is negotiated
 * (5.1.2).
 */
static int
ring_start(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;
	uint64_t vring =
		vd->features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS) ? 2 * vd->max_pairs : 2;
	int ret;

	if (vd->tp->last_ring && vring > vd->tp->last_ring)
		return baton_err(ENOTSUP,
				 "the control queue would be ring %llu, and %s can be told of 0 to "
				 "%u",
				 (unsigned long long)vring, vd->where, vd->tp->last_ring);
	ret = make_fds(c);
	if (ret < 0)
		return ret;
	memset(c->block, 0, sizeof(*c->block));
	c->vq.desc = c->block->desc;
	c->vq.avail = (struct vring_avail *)(void *)c->block->avail;
	c->vq.used = (struct vring_used *)(void *)c->block->used;
	c->vq.nq.q.descs = RING_SIZE;
	c->vq.nq.mask = RING_SIZE - 1;
	c->vq.nq.done = c->vq.nq.posted = 0;
	virtq_events_init(&c->vq, vd->features);
	virtq_wake_on(&c->vq);
	c->vq.vring = (uint16_t)vring;
	ret = vd->nic.ops->ring_start(&vd->nic, &c->vq.nq);
	c->state = ret < 0 ? CTRL_DEAD : CTRL_RUNS;
	return ret;
}

int
virtio_ctrl_start(struct virtio_dev *vd)
{
	return vd->ctrl.state == CTRL_UNUSED ? ring_start(vd) : 0;
}

/*
 * Make the device let go of the ring, before the other rings of the port are stopped, or after the
 * device is removed.
 */
void
virtio_ctrl_stop(struct nic_dev *dev)
{
	struct virtio_ctrl *c = &virtio_of_nic(dev)->ctrl;
	char why[512];

	if (c->state != CTRL_RUNS)
		return;
	snprintf(why, sizeof(why), "%s", baton_last_error());
	c->state = CTRL_DEAD;
	/*
	 * A backend that does not answer that is disconnected. The ring has no buffer of the
	 * application.
	 */
	if (dev->ops->ring_stop(dev, &c->vq.nq) < 0)
		port_log(&dev->port, BATON_LOG_WARN, "the control queue does not stop: %s",
			 baton_last_error());
	baton_err(EIO, "%s", why);
}

/*
 * The device does not serve the control queue. The other rings of the port go on. Return: @ret, and
 * its sentence stays.
 */
static int
give_up(struct virtio_dev *vd, int ret)
{
	char why[512];

	snprintf(why, sizeof(why), "%s", baton_last_error());
	virtio_ctrl_stop(&vd->nic);
	if (vd->nic.ops->ring_idle)
		vd->nic.ops->ring_idle(&vd->nic, &vd->ctrl.vq.nq);
	return baton_err(-ret, "%s", why);
}

static void
post(struct virtio_dev *vd, uint32_t len)
{
	struct virtio_ctrl *c = &vd->ctrl;
	struct virtq *vq = &c->vq;
	const struct {
		size_t offset;
		uint32_t len;
		uint16_t flags;
	} parts[] = {
		{ offsetof(struct virtio_ctrl_block, class), 2, VRING_DESC_F_NEXT },
		{ offsetof(struct virtio_ctrl_block, data), len, VRING_DESC_F_NEXT },
		{ offsetof(struct virtio_ctrl_block, ack), 1, VRING_DESC_F_WRITE },
	};

	for (uint16_t i = 0; i < 3; i++)
		vq->desc[i] = (struct vring_desc){
			.addr = to_le64(vd->nic.ring_iova + c->offset + parts[i].offset),
			.len = to_le32(parts[i].len),
			.flags = to_le16(parts[i].flags),
			.next = to_le16((uint16_t)(i + 1)),
		};
	shared_store_byte(&c->block->ack, ACK_NONE);
	vq->avail->ring[vq->nq.posted & vq->nq.mask] = to_le16(0);
	vq->nq.posted++;
	virtq_wake_on(vq);
	split_commit(&vq->nq);
}

static unsigned
answer_ms(const struct virtio_dev *vd)
{
	return vd->timeout_ms < TIMEOUT_MS ? vd->timeout_ms : TIMEOUT_MS;
}

/* Return: whether something was completed in time. */
static bool
wait_used(struct virtio_dev *vd)
{
	struct virtq *vq = &vd->ctrl.vq;
	uint64_t deadline = ctx_now_ns() + answer_ms(vd) * 1000000ull;
	struct pollfd p = { .fd = vq->nq.q.wake_fd, .events = POLLIN };

	while (shared_load16_acquire(&vq->used->idx) == vq->nq.done) {
		if (ctx_now_ns() >= deadline)
			return false;
		/* Not every device sends a wake-up, so look at the ring as well. */
		if (poll(&p, 1, 1) == 1)
			event_drain(p.fd);
	}
	return true;
}

/*
 * One command is sent. So the only valid completion is one of descriptor 0, with one byte of
 * status.
 */
static int
check_used(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;
	struct virtq *vq = &c->vq;
	uint16_t idx = shared_load16_acquire(&vq->used->idx), n = (uint16_t)(idx - vq->nq.done);
	uint64_t e = shared_load64(&vq->used->ring[vq->nq.done & vq->nq.mask]);
	uint32_t id = (uint32_t)e, len = (uint32_t)(e >> 32);

	if (!MUST(ctrl_count, n == 1))
		return baton_err(EIO, "the device completed %u commands, 1 was there", n);
	if (!MUST(ctrl_id, id == 0))
		return baton_err(EIO,
				 "the device completed descriptor %u of the control queue, which "
				 "was not there",
				 id);
	if (!MUST(ctrl_len, len == 1))
		return baton_err(EIO, "the device wrote %u bytes of status, 1 was there", len);
	vq->nq.done = idx;
	return 0;
}

/* Send the command in c->block. Return: 0; -ETIMEDOUT; -EIO. */
static int
transact(struct virtio_dev *vd, const char *what, uint32_t len)
{
	struct virtio_ctrl *c = &vd->ctrl;
	uint8_t ack;
	int ret;

	post(vd, len);
	if (!wait_used(vd))
		return give_up(vd, baton_err(ETIMEDOUT,
					     "%s: %s offers a control queue but does not serve it: "
					     "no answer within %u ms",
					     what, vd->where, answer_ms(vd)));
	ret = check_used(vd);
	if (ret < 0)
		return give_up(vd, baton_err_prefix(ret, "%s", what));
	ack = shared_load_byte(&c->block->ack);
	if (MUST(ctrl_ack, ack == ACK_OK))
		return 0;
	if (ack == ACK_ERR)
		return baton_err(EIO, "%s: the device refused", what);
	return baton_err(EIO, "%s: the device's status is %u, neither yes nor no", what, ack);
}

int
virtio_ctrl_can(const struct nic_dev *dev, enum nic_setting setting, const char *what)
{
	static const uint64_t needs[] = {
		[NIC_SET_MAC] = VIRTIO_NET_F_CTRL_MAC_ADDR,
		[NIC_SET_RX_MODE] = VIRTIO_NET_F_CTRL_RX,
		[NIC_SET_MACS] = VIRTIO_NET_F_CTRL_RX,
		[NIC_SET_VLAN] = VIRTIO_NET_F_CTRL_VLAN,
	};
	const struct virtio_dev *vd = virtio_of_nic_const(dev);

	if ((vd->features & VIRTIO_NET_F_CTRL_VQ) && (vd->features & needs[setting]))
		return 0;
	if (vd->forbidden & VIRTIO_NET_F_CTRL_VQ)
		return baton_err(ENOTSUP, "%s: it wants the control queue, which cq=0 forbids",
				 what);
	return baton_err(ENOTSUP, "%s: %s has no control queue for that; it passes on everything",
			 what, vd->where);
}

static int
command(struct virtio_dev *vd, const char *what, uint8_t class, uint8_t command, const void *data,
	uint32_t len)
{
	struct virtio_ctrl *c = &vd->ctrl;
	int ret;

	if (c->state == CTRL_DEAD)
		return baton_err(ENOTSUP,
				 "%s: %s offers a control queue but does not serve it: it is asked "
				 "again when the port was stopped and started",
				 what, vd->where);
	if (c->state == CTRL_UNUSED && (ret = ring_start(vd)) < 0)
		return ret;
	c->block->class = class;
	c->block->command = command;
	memcpy(c->block->data, data, len);
	return transact(vd, what, len);
}

/* ---- commands ---- */

int
virtio_ctrl_rx_mode(struct nic_dev *dev, enum port_rx_mode mode, bool on)
{
	const uint8_t data = on;

	return command(virtio_of_nic(dev),
		       mode == PORT_RX_PROMISC ? "promiscuous mode" : "all multicast", CLASS_RX,
		       mode == PORT_RX_PROMISC ? RX_PROMISC : RX_ALLMULTI, &data, 1);
}

/* Two tables, unicast before multicast (5.1.6.5.2). */
int
virtio_ctrl_macs(struct nic_dev *dev, const uint8_t (*macs)[6], unsigned n)
{
	uint8_t data[DATA_MAX], *p = data;

	for (uint8_t multicast = 0; multicast < 2; multicast++) {
		uint32_t count = 0;
		le32 n_le;
		uint8_t *table = p;

		p += sizeof(count);
		for (unsigned i = 0; i < n; i++) {
			if ((macs[i][0] & 1) != multicast)
				continue;
			memcpy(p, macs[i], 6);
			p += 6;
			count++;
		}
		n_le = to_le32(count);
		memcpy(table, &n_le, sizeof(n_le));
	}
	return command(virtio_of_nic(dev), "table of addresses", CLASS_MAC, MAC_TABLE_SET, data,
		       (uint32_t)(p - data));
}

int
virtio_ctrl_vlan(struct nic_dev *dev, uint16_t vid, bool on)
{
	le16 data = to_le16(vid);

	return command(virtio_of_nic(dev), "VLAN filter", CLASS_VLAN, on ? VLAN_ADD : VLAN_DEL,
		       &data, sizeof(data));
}

int
virtio_ctrl_mac(struct nic_dev *dev, const uint8_t mac[6])
{
	return command(virtio_of_nic(dev), "MAC address", CLASS_MAC, MAC_ADDR_SET, mac, 6);
}

int
virtio_ctrl_pairs(struct virtio_dev *vd, uint16_t n)
{
	le16 data = to_le16(n);

	return command(vd, "number of queue pairs", CLASS_MQ, MQ_PAIRS, &data, sizeof(data));
}

/* ---- the hash ---- */

static uint8_t *
put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	return p + 2;
}

static uint32_t
hash_types(uint32_t types)
{
	static const struct {
		uint32_t mine, device;
	} all[] = {
		{ BATON_RSS_IPV4, VIRTIO_NET_HASH_IPV4 },
		{ BATON_RSS_IPV4_TCP, VIRTIO_NET_HASH_TCP4 },
		{ BATON_RSS_IPV4_UDP, VIRTIO_NET_HASH_UDP4 },
		{ BATON_RSS_IPV6, VIRTIO_NET_HASH_IPV6 },
		{ BATON_RSS_IPV6_TCP, VIRTIO_NET_HASH_TCP6 },
		{ BATON_RSS_IPV6_UDP, VIRTIO_NET_HASH_UDP6 },
	};
	uint32_t device = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		device |= types & all[i].mine ? all[i].device : 0;
	return device;
}

/*
 * A table is for RSS (5.1.6.5.7), and what is hashed then is what is reported, too. Without a table
 * the device spreads packets as it did, and only reports (5.1.6.5.6).
 */
int
virtio_ctrl_rss(struct nic_dev *dev, const struct port_rss *rss)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	const struct baton_port_info *info = &dev->port.info;
	const uint32_t types = hash_types(rss->types);
	uint8_t data[RSS_MAX], *p = put16(put16(data, types), types >> 16);

	if (rss->table_len) {
		p = put16(p, rss->table_len - 1u);
		p = put16(p, 0); /* the queue of what has no hash */
		for (unsigned i = 0; i < rss->table_len; i++)
			p = put16(p, rss->table[i]);
		p = put16(p, info->rx_queues > info->tx_queues ? info->rx_queues : info->tx_queues);
	} else {
		memset(p, 0, 8);
		p += 8;
	}
	*p++ = BATON_RSS_KEY_LEN;
	memcpy(p, rss->key, BATON_RSS_KEY_LEN);
	p += BATON_RSS_KEY_LEN;
	return command(vd, rss->table_len ? "hash and table" : "hash", CLASS_MQ,
		       rss->table_len ? MQ_RSS : MQ_HASH, data, (uint32_t)(p - data));
}
