/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue: one command at a time. If a command is not answered before its deadline, no
 * further one is sent.
 */
#include <poll.h>

#include "ctrl.h"

#define RING_SIZE     4
#define TIMEOUT_MS    200 /* for an answer; less if the timeout of the port is shorter */
#define DATA_MAX      (8 + CTRL_MACS * 6)
#define LAST_CALLABLE 255 /* SET_VRING_KICK has 8 bits for a ring's number */

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_MQ = 4 };
enum { RX_PROMISC, RX_ALLMULTI };
enum { MAC_TABLE_SET, MAC_ADDR_SET };
enum { VLAN_ADD, VLAN_DEL };
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

void
virtio_ctrl_attach(struct virtio_dev *vd, size_t offset)
{
	struct virtio_ctrl *c = &vd->ctrl;

	c->offset = (uint32_t)offset;
	c->block = (struct virtio_ctrl_block *)(void *)(vd->ring_base + offset);
	c->state = CTRL_UNUSED;
}

void
virtio_ctrl_release(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;

	if (c->has_fds) {
		close(c->vq.kick_fd);
		close(c->vq.q.wake_fd);
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
	c->vq.q.wake_fd = event_open("the control queue");
	if (c->vq.q.wake_fd >= 0) {
		c->has_fds = 1;
		return 0;
	}
	close(c->vq.kick_fd);
	return c->vq.q.wake_fd;
}

/*
 * The number of the control queue is 2N, and N is 1 unless VIRTIO_NET_F_MQ is negotiated (5.1.2).
 */
static int
ring_start(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;
	uint64_t vring = vd->features & VIRTIO_NET_F_MQ ? 2 * vd->max_pairs : 2;
	int ret;

	if (vring > LAST_CALLABLE && vd->tp == &vhost_user_transport)
		return baton_err(ENOTSUP,
				 "the control queue would be ring %llu, which vhost-user has no "
				 "number for",
				 (unsigned long long)vring);
	ret = make_fds(c);
	if (ret < 0)
		return ret;
	memset(c->block, 0, sizeof(*c->block));
	c->vq.desc = c->block->desc;
	c->vq.avail = (struct vring_avail *)(void *)c->block->avail;
	c->vq.used = (struct vring_used *)(void *)c->block->used;
	c->vq.q.descs = RING_SIZE;
	c->vq.mask = RING_SIZE - 1;
	virtq_events_init(&c->vq, vd);
	virtq_wake_on(&c->vq);
	c->vq.vring = (uint16_t)vring;
	ret = vd->tp->ring_start(vd, &c->vq);
	c->state = ret < 0 ? CTRL_DEAD : CTRL_RUNS;
	return ret;
}

int
virtio_ctrl_start(struct virtio_dev *vd)
{
	return vd->ctrl.state == CTRL_UNUSED ? ring_start(vd) : 0;
}

void
virtio_ctrl_stop(struct virtio_dev *vd)
{
	struct virtio_ctrl *c = &vd->ctrl;
	char why[512];

	if (c->state != CTRL_RUNS)
		return;
	snprintf(why, sizeof(why), "%s", baton_last_error());
	c->state = CTRL_DEAD;
	/*
	 * A backend that does not answer that is disconnected. The ring has no buffer of the
	 * application.
	 */
	if (vd->tp->ring_stop(vd, &c->vq) < 0)
		baton_log(vd->port.ctx, BATON_LOG_WARN, "%s: the control queue does not stop: %s",
			  vd->port.name, baton_last_error());
	baton_err(EIO, "%s", why);
}

/* The device does not serve the control queue. The other rings of the port go on. */
static void
give_up(struct virtio_dev *vd)
{
	char why[512];

	virtio_ctrl_stop(vd);
	snprintf(why, sizeof(why), "%s", baton_last_error());
	if (vd->tp->ring_idle)
		vd->tp->ring_idle(vd, &vd->ctrl.vq);
	baton_err(EIO, "%s", why);
}

static void
post(struct virtio_dev *vd, uint32_t len)
{
	struct virtio_ctrl *c = &vd->ctrl;
	struct virtq *vq = &c->vq;
	uint64_t iova = vd->ring_iova + c->offset;

	vq->desc[0] = (struct vring_desc){ .addr = htole64(iova + offsetof(struct virtio_ctrl_block,
									   class)),
					   .len = htole32(2),
					   .flags = htole16(VRING_DESC_F_NEXT),
					   .next = htole16(1) };
	vq->desc[1] = (struct vring_desc){ .addr = htole64(
						   iova + offsetof(struct virtio_ctrl_block, data)),
					   .len = htole32(len),
					   .flags = htole16(VRING_DESC_F_NEXT),
					   .next = htole16(2) };
	vq->desc[2] = (struct vring_desc){ .addr = htole64(iova +
							   offsetof(struct virtio_ctrl_block, ack)),
					   .len = htole32(1),
					   .flags = htole16(VRING_DESC_F_WRITE) };
	shared_store_byte(&c->block->ack, ACK_NONE);
	vq->avail->ring[vq->avail_idx & vq->mask] = 0;
	vq->avail_idx++;
	virtq_wake_on(vq);
	virtq_publish(vq);
}

/* Return: whether something was completed in time. */
static bool
wait_used(struct virtio_dev *vd)
{
	struct virtq *vq = &vd->ctrl.vq;
	unsigned ms = vd->timeout_ms < TIMEOUT_MS ? vd->timeout_ms : TIMEOUT_MS;
	uint64_t deadline = ctx_now_ns() + ms * 1000000ull, now;
	struct pollfd p = { .fd = vq->q.wake_fd, .events = POLLIN };

	while (shared_load16_acquire(&vq->used->idx) == vq->used_idx) {
		now = ctx_now_ns();
		if (now >= deadline)
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
	uint16_t idx = shared_load16_acquire(&vq->used->idx), n = (uint16_t)(idx - vq->used_idx);
	uint64_t e = shared_load64(&vq->used->ring[vq->used_idx & vq->mask]);
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
	vq->used_idx = idx;
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
	if (!wait_used(vd)) {
		ret = baton_err(ETIMEDOUT,
				"%s: %s offers a control queue but does not serve it: no answer "
				"within %u ms",
				what, vd->where,
				vd->timeout_ms < TIMEOUT_MS ? vd->timeout_ms : TIMEOUT_MS);
		give_up(vd);
		return ret;
	}
	ret = check_used(vd);
	if (ret < 0) {
		give_up(vd);
		return baton_err_prefix(ret, "%s", what);
	}
	ack = shared_load_byte(&c->block->ack);
	if (MUST(ctrl_ack, ack == ACK_OK))
		return 0;
	if (ack == ACK_ERR)
		return baton_err(EIO, "%s: the device refused", what);
	return baton_err(EIO, "%s: the device's status is %u, neither yes nor no", what, ack);
}

/* Check that the device can be sent a command. Return: 0; -ENOTSUP. */
static int
can(const struct virtio_dev *vd, uint64_t feature, const char *what)
{
	if ((vd->features & VIRTIO_NET_F_CTRL_VQ) && (vd->features & feature))
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

static int
send_rx_mode(struct virtio_dev *vd, enum port_rx_mode mode, uint8_t on)
{
	return command(vd, mode == PORT_RX_PROMISC ? "promiscuous mode" : "all multicast", CLASS_RX,
		       mode == PORT_RX_PROMISC ? RX_PROMISC : RX_ALLMULTI, &on, 1);
}

/* Two tables, unicast before multicast (5.1.6.5.2). */
static int
send_macs(struct virtio_dev *vd, const uint8_t (*macs)[6], unsigned n)
{
	uint8_t data[DATA_MAX], *p = data;

	for (uint8_t multicast = 0; multicast < 2; multicast++) {
		uint32_t count = 0;
		uint8_t *table = p;

		p += sizeof(count);
		for (unsigned i = 0; i < n; i++) {
			if ((macs[i][0] & 1) != multicast)
				continue;
			memcpy(p, macs[i], 6);
			p += 6;
			count++;
		}
		count = htole32(count);
		memcpy(table, &count, sizeof(count));
	}
	return command(vd, "table of addresses", CLASS_MAC, MAC_TABLE_SET, data,
		       (uint32_t)(p - data));
}

static int
send_vlan(struct virtio_dev *vd, uint16_t vid, bool on)
{
	le16 data = htole16(vid);

	return command(vd, "VLAN filter", CLASS_VLAN, on ? VLAN_ADD : VLAN_DEL, &data,
		       sizeof(data));
}

int
virtio_ctrl_pairs(struct virtio_dev *vd, uint16_t n)
{
	le16 data = htole16(n);

	return command(vd, "number of queue pairs", CLASS_MQ, 0, &data, sizeof(data));
}

int
virtio_ctrl_rx_mode(struct baton_port *port, enum port_rx_mode mode, int on)
{
	struct virtio_dev *vd = virtio_of(port);
	int ret = can(vd, VIRTIO_NET_F_CTRL_RX, "receive mode");

	if (!ret)
		ret = send_rx_mode(vd, mode, on != 0);
	if (!ret)
		vd->ctrl.rx_mode[mode] = on ? CTRL_ON : CTRL_OFF;
	return ret;
}

int
virtio_ctrl_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n)
{
	struct virtio_dev *vd = virtio_of(port);
	int ret = can(vd, VIRTIO_NET_F_CTRL_RX, "table of addresses");

	if (!ret)
		ret = send_macs(vd, macs, n);
	if (ret < 0)
		return ret;
	if (n)
		memcpy(vd->ctrl.macs, macs, n * sizeof(*macs));
	vd->ctrl.n_macs = (uint8_t)n;
	return 0;
}

int
virtio_ctrl_vlan(struct baton_port *port, uint16_t vid, int on)
{
	struct virtio_dev *vd = virtio_of(port);
	uint32_t *word = &vd->ctrl.vlans[vid / 32], bit = 1u << vid % 32;
	int ret = can(vd, VIRTIO_NET_F_CTRL_VLAN, "VLAN filter");

	if (!ret)
		ret = send_vlan(vd, vid, on != 0);
	if (!ret)
		*word = on ? *word | bit : *word & ~bit;
	return ret;
}

int
virtio_ctrl_mac(struct baton_port *port, const uint8_t mac[6])
{
	struct virtio_dev *vd = virtio_of(port);
	int ret = can(vd, VIRTIO_NET_F_CTRL_MAC_ADDR, "MAC address");

	if (ret < 0)
		return ret;
	if (!port->started || port->away)
		return baton_err(ENETDOWN,
				 "%s: its device takes no commands now: start the port first",
				 port->name);
	ret = command(vd, "MAC address", CLASS_MAC, MAC_ADDR_SET, mac, 6);
	if (ret < 0)
		return ret;
	memcpy(port->info.mac, mac, 6);
	memcpy(vd->ctrl.mac, mac, 6);
	return 0;
}

/* ---- again, to a device that was reset ---- */

static int
replay_vlans(struct virtio_dev *vd)
{
	int ret = 0;

	for (unsigned vid = 0; !ret && vid < 4096; vid++)
		if (vd->ctrl.vlans[vid / 32] >> vid % 32 & 1)
			ret = send_vlan(vd, (uint16_t)vid, true);
	return ret;
}

static int
replay(struct virtio_dev *vd)
{
	static const uint8_t none[6];
	struct virtio_ctrl *c = &vd->ctrl;
	int ret = 0, r;

	for (int mode = PORT_RX_PROMISC; mode <= PORT_RX_ALLMULTI; mode++)
		if (c->rx_mode[mode] && (r = send_rx_mode(vd, (enum port_rx_mode)mode,
							  c->rx_mode[mode] == CTRL_ON)) < 0)
			ret = r;
	if (c->n_macs && (r = send_macs(vd, (const uint8_t(*)[6])c->macs, c->n_macs)) < 0)
		ret = r;
	if (memcmp(c->mac, none, 6) != 0) {
		r = command(vd, "MAC address", CLASS_MAC, MAC_ADDR_SET, c->mac, 6);
		if (r < 0)
			ret = r;
		else
			memcpy(vd->port.info.mac, c->mac, 6);
	}
	r = replay_vlans(vd);
	return r < 0 ? r : ret;
}

void
virtio_ctrl_replay(struct virtio_dev *vd)
{
	if ((vd->features & VIRTIO_NET_F_CTRL_VQ) && replay(vd) < 0)
		baton_log(vd->port.ctx, BATON_LOG_WARN,
			  "%s: not all filters are as they were before: %s", vd->port.name,
			  baton_last_error());
}
