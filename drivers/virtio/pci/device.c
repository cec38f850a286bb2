/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport of modern virtio devices (virtio 1.2, sections 3.1.1, 4.1): opening the device,
 * features, configuration space, events. Its queues: queue.c.
 */
#include <sys/epoll.h>

#include "base/limits.h"
#include "base/validate.h"
#include "ioas/ioas.h"
#include "virtio/pci/pci.h"

#define GENERATIONS 16 /* attempts to read a configuration that changes meanwhile */
#define TIMEOUT_MS  1000

/* ---- configuration space ---- */

static void
read_fields(const struct virtio_pci *vp, struct virtio_net_config *c)
{
	const struct pci_reg *r = &vp->config;

	for (uint32_t i = 0; i < 6; i++)
		c->mac[i] = pci_read8(r, i);
	if (vp->virtio.offered & VIRTIO_NET_F_STATUS)
		c->status = to_le16(pci_read16(r, offsetof(struct virtio_net_config, status)));
	if (vp->virtio.offered & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS))
		c->max_virtqueue_pairs = to_le16(
			pci_read16(r, offsetof(struct virtio_net_config, max_virtqueue_pairs)));
	if (vp->virtio.offered & VIRTIO_NET_F_MTU)
		c->mtu = to_le16(pci_read16(r, offsetof(struct virtio_net_config, mtu)));
	if (vp->virtio.offered & (VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT)) {
		c->rss_max_key_size =
			pci_read8(r, offsetof(struct virtio_net_config, rss_max_key_size));
		c->rss_max_indirection_table_length =
			to_le16(pci_read16(r, offsetof(struct virtio_net_config,
						       rss_max_indirection_table_length)));
		c->supported_hash_types = to_le32(
			pci_read32(r, offsetof(struct virtio_net_config, supported_hash_types)));
	}
}

/* Read all fields consistently (4.1.4.3.1). */
static int
read_config(const struct virtio_pci *vp, struct virtio_net_config *c)
{
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < GENERATIONS; i++) {
		uint8_t before = pci_read8(&vp->common, COMMON(config_generation));

		read_fields(vp, c);
		if (pci_read8(&vp->common, COMMON(config_generation)) == before)
			return 0;
	}
	return baton_err(EPROTO,
			 "%s changed its configuration %u times while it was read: it is broken or "
			 "lies",
			 vp->virtio.where, GENERATIONS);
}

/* Check that the device has the fields of the features it offers. */
static int
check_config_len(const struct virtio_pci *vp)
{
	static const struct {
		uint64_t feature;
		size_t end;
		const char *name;
	} fields[] = {
		{ VIRTIO_NET_F_STATUS, offsetof(struct virtio_net_config, max_virtqueue_pairs),
		  "STATUS" },
		{ VIRTIO_NET_F_MQ, offsetof(struct virtio_net_config, mtu), "MQ" },
		{ VIRTIO_NET_F_MTU, NET_CONFIG_SHORT, "MTU" },
		{ VIRTIO_NET_F_RSS, sizeof(struct virtio_net_config), "RSS" },
		{ VIRTIO_NET_F_HASH_REPORT, sizeof(struct virtio_net_config), "HASH_REPORT" },
	};

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((vp->virtio.offered & fields[i].feature) && vp->config.len < fields[i].end)
			return baton_err(EPROTO,
					 "%s offers VIRTIO_NET_F_%s, but its configuration space "
					 "of %u bytes ends before that field: it is broken or lies",
					 vp->virtio.where, fields[i].name, vp->config.len);
	return 0;
}

static int
take_config(struct virtio_pci *vp)
{
	struct baton_port_info *info = &vp->virtio.nic.port.info;
	struct virtio_net_config c;
	int ret = check_config_len(vp);

	if (ret < 0 || (ret = read_config(vp, &c)) < 0)
		return ret;
	vp->virtio.config_features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS;
	vp->virtio.nic.link = !(vp->virtio.offered & VIRTIO_NET_F_STATUS) ||
			      (from_le16(c.status) & VIRTIO_NET_S_LINK_UP);
	vp->virtio.max_pairs = vp->virtio.offered & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)
				       ? from_le16(c.max_virtqueue_pairs)
				       : 1;
	if (!MUST(pci_pairs, vp->virtio.max_pairs >= 1 && vp->virtio.max_pairs <= 0x8000))
		return baton_err(EPROTO,
				 "%s says it has %llu queue pairs; 1 to 32,768 are possible",
				 vp->virtio.where, (unsigned long long)vp->virtio.max_pairs);
	if ((vp->virtio.offered & VIRTIO_NET_F_MAC) && MUST(pci_mac, !(c.mac[0] & 1)))
		memcpy(info->mac, c.mac, 6);
	virtio_take_rss(&vp->virtio, &c);
	if (!(vp->virtio.offered & VIRTIO_NET_F_MTU))
		return 0;
	if (!MUST(pci_mtu, from_le16(c.mtu) >= BATON_MIN_MTU))
		return baton_err(EPROTO, "%s says its MTU is %u; at least %u is possible",
				 vp->virtio.where, from_le16(c.mtu), BATON_MIN_MTU);
	info->max_mtu = from_le16(c.mtu) < BATON_MAX_MTU ? from_le16(c.mtu) : BATON_MAX_MTU;
	if (!vp->virtio.nic.port.mtu_set)
		info->mtu = info->max_mtu;
	return 0;
}

/* ---- features ---- */

static uint64_t
read_features(const struct virtio_pci *vp)
{
	uint64_t features;

	pci_write32(&vp->common, COMMON(device_feature_select), 1);
	features = (uint64_t)pci_read32(&vp->common, COMMON(device_feature)) << 32;
	pci_write32(&vp->common, COMMON(device_feature_select), 0);
	return features | pci_read32(&vp->common, COMMON(device_feature));
}

static int
check_features(struct virtio_pci *vp)
{
	if (!(vp->virtio.offered & VIRTIO_F_VERSION_1))
		return baton_err(ENOTSUP,
				 "%s offers features %#llx, without VIRTIO_F_VERSION_1 (bit 32): "
				 "legacy virtio is not supported",
				 vp->virtio.where, (unsigned long long)vp->virtio.offered);
	if (vp->pci.behind_iommu && !(vp->virtio.offered & VIRTIO_F_ACCESS_PLATFORM))
		return baton_err(ENOTSUP,
				 "%s does not offer VIRTIO_F_ACCESS_PLATFORM (bit 33): it would "
				 "bypass the IOMMU, and reach all of memory at addresses that are "
				 "not those it is told; with QEMU, give it iommu_platform=on",
				 vp->virtio.where);
	/*
	 * MQ needs a command to switch it on (5.1.3.1); a queue is reset through a field that
	 * virtio 1.1 did not have.
	 */
	if (!(vp->virtio.offered & VIRTIO_NET_F_CTRL_VQ))
		vp->virtio.offered &= ~VIRTIO_NET_F_MQ;
	if (vp->common.len < sizeof(struct virtio_pci_common))
		vp->virtio.offered &= ~VIRTIO_F_RING_RESET;
	return 0;
}

int
virtio_pci_agree(struct virtio_pci *vp, uint64_t features)
{
	uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE;

	pci_write8(&vp->common, COMMON(device_status), status);
	status |= VIRTIO_STATUS_DRIVER;
	pci_write8(&vp->common, COMMON(device_status), status);
	pci_write32(&vp->common, COMMON(driver_feature_select), 0);
	pci_write32(&vp->common, COMMON(driver_feature), (uint32_t)features);
	pci_write32(&vp->common, COMMON(driver_feature_select), 1);
	pci_write32(&vp->common, COMMON(driver_feature), (uint32_t)(features >> 32));
	pci_write8(&vp->common, COMMON(device_status), status | VIRTIO_STATUS_FEATURES_OK);
	status = pci_read8(&vp->common, COMMON(device_status));
	if (status & VIRTIO_STATUS_FEATURES_OK)
		return 0;
	return baton_err(ENOTSUP,
			 "%s does not accept features %#llx of the %#llx it offered (status %#x)",
			 vp->virtio.where, (unsigned long long)features,
			 (unsigned long long)vp->virtio.offered, status);
}

/* ---- of struct nic_pci_ops ---- */

/* Check that a device that is opened again offers at least what it offered before. */
static int
check_fit(const struct virtio_pci *vp, uint64_t first_offered, uint64_t first_pairs)
{
	if ((first_offered & ~vp->virtio.offered) || vp->virtio.max_pairs < first_pairs)
		return baton_err(ENOTSUP,
				 "%s offers features %#llx and %llu queue pairs, before it was "
				 "%#llx and %llu: close the port and open it anew",
				 vp->virtio.where, (unsigned long long)vp->virtio.offered,
				 (unsigned long long)vp->virtio.max_pairs,
				 (unsigned long long)first_offered,
				 (unsigned long long)first_pairs);
	return 0;
}

/* Read what the device offers, as a driver that knows it. */
static int
identify(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	const uint64_t offered = vp->virtio.offered, pairs = vp->virtio.max_pairs;
	int ret;

	pci_write8(&vp->common, COMMON(device_status), VIRTIO_STATUS_ACKNOWLEDGE);
	pci_write8(&vp->common, COMMON(device_status),
		   VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	vp->virtio.offered = read_features(vp);
	if ((ret = check_features(vp)) < 0 || (ret = take_config(vp)) < 0)
		return ret;
	return offered ? check_fit(vp, offered, pairs) : 0;
}

static void
forget(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);

	vp->common = vp->notify = vp->config = (struct pci_reg){ 0 };
}

/* Handle a change of the configuration. */
static bool
poll_device(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	uint8_t status = pci_read8(&vp->common, COMMON(device_status));
	struct virtio_net_config c;

	if (status & VIRTIO_STATUS_NEEDS_RESET)
		return true;
	if ((vp->virtio.offered & VIRTIO_NET_F_STATUS) && read_config(vp, &c) == 0)
		dev->link = from_le16(c.status) & VIRTIO_NET_S_LINK_UP;
	return false;
}

/* Say that the device is given up, until it is reset (3.1.1). No bit is cleared (2.1.1). */
static void
failed(struct nic_dev *dev)
{
	const struct pci_reg *r = &virtio_pci_of(dev)->common;

	pci_write8(r, COMMON(device_status),
		   pci_read8(r, COMMON(device_status)) | VIRTIO_STATUS_FAILED);
}

static const struct nic_pci_ops pci_ops = {
	.find = virtio_pci_find,
	.identify = identify,
	.forget = forget,
	.quiesce = virtio_pci_quiesce,
	.prepare = virtio_pci_prepare,
	.start = virtio_pci_start,
	.failed = failed,
	.poll = poll_device,
};

/* ---- of struct virtio_transport ---- */

/* Set the limits that are known only once the device is open. */
static void
probe_limits(struct virtio_pci *vp)
{
	struct baton_port_info *info = &vp->virtio.nic.port.info;
	uint32_t size = VRING_MAX_SIZE;

	for (uint16_t i = 0; i < 2; i++) {
		uint16_t most;

		pci_write16(&vp->common, COMMON(queue_select), i);
		most = pci_read16(&vp->common, COMMON(queue_size));
		if (most >= 2 && most < size)
			size = most;
	}
	while (size & (size - 1)) /* the largest power of two in it */
		size &= size - 1;
	info->max_descs = (uint16_t)size;
	if (info->default_descs > size)
		info->default_descs = (uint16_t)size;
}

static int
vp_check(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	return nic_pci_check(NULL, args, n);
}

static int
vp_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	int ret;

	snprintf(vp->virtio.where, sizeof(vp->virtio.where), "device %.12s",
		 vp->virtio.nic.port.name);
	vp->virtio.timeout_ms = TIMEOUT_MS;
	vp->virtio.transport_features =
		VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM | VIRTIO_F_RING_RESET;
	ret = nic_pci_open(dev, &vp->pci, args, n);
	if (!ret)
		probe_limits(vp);
	return ret;
}

static void
vp_describe(const struct nic_dev *dev, char *text, size_t room)
{
	snprintf(text, room, "virtio-net PCI %s on %s", dev->pci->bdf, dev->pci->space);
}

static const struct virtio_transport transport = {
	.open = vp_open,
	.check = vp_check,
	.close = nic_pci_close,
	.describe = vp_describe,
};

#define PCI_OPS(kind, ring)                                                                        \
	{                                                                                          \
		VIRTIO_NIC_OPS(kind, ring), NIC_PCI_OPS, .pci = &pci_ops, .priv = &transport,      \
							 .ring_start = virtio_pci_ring_start,      \
							 .ring_stop = virtio_pci_ring_stop,        \
							 .ring_can_stop = virtio_pci_ring_can_stop \
	}

static const struct nic_ops nic_ops[2] = { PCI_OPS(, virtq), PCI_OPS(_hash, virtq_hash) };

static const struct port_ops port_ops = {
	VIRTIO_PORT_OPS(struct virtio_pci),
	.xstats = nic_pci_xstats,
};

/* Section 4.1.2.1: modern devices are 0x1040 + 1; a transitional one must have the modern
 * structures too. */
static const struct pci_id pci_ids[] = {
	{ 0x1af4, 0x1041 },
	{ 0x1af4, 0x1000 },
	{ 0, 0 },
};

extern const struct baton_driver virtio_driver;
const struct baton_driver virtio_driver = {
	.name = "net_virtio",
	.args = nic_pci_args,
	.more_args = virtio_args,
	.dma = true,
	.bounces = true,
	.ops = &port_ops,
	.pci_ids = pci_ids,
	.priv = nic_ops,
};
