/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-net as a port: arguments, features, start and stop. */
#include <stdlib.h>
#include <sys/random.h>

#include "virtio/net/virtio.h"

#define MAX_SPEED 1000000 /* Mbit/s */

/* Of both. */
const struct baton_arg virtio_args[] = {
	{ "mac", "MAC", "MAC address of the port, if the device has none" },
	{ "mrg_rxbuf", "0|1", "0: each received packet lies in one buffer (1)" },
	{ "in_order", "0|1", "0: do not use VIRTIO_F_IN_ORDER (1)" },
	{ "event_idx", "0|1", "0: do not use VIRTIO_F_EVENT_IDX (1)" },
	{ "queue_size", "N", "descriptors of a ring where the application says nothing" },
	{ "queues", "N", "queue pairs (1)" },
	{ "vectorized", "0|1", "0: one packet at a time, whatever the CPU has (1)" },
	{ "speed", "MBPS", "the link's speed, for show port info; it changes no packet" },
	{ "packed_vq", "0", "DPDK's name; there are split rings only" },
	{ 0 },
};

static int
parse_features(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	static const struct {
		const char *key;
		uint64_t features; /* that 0 forbids */
	} switches[] = {
		{ "mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF },
		{ "in_order", VIRTIO_F_IN_ORDER },
		{ "event_idx", VIRTIO_F_EVENT_IDX },
		{ "cq", CTRL_FEATURES },
	};
	uint64_t packed = 0, vectorized = 1;
	const char *iface = port_arg(args, n, "iface");
	int ret;

	if (iface)
		return baton_err(ENOTSUP,
				 "iface=%s names the TAP of the kernel's /dev/vhost-net, which is "
				 "not supported: path= a vhost-user socket, and leave iface out",
				 iface);
	for (unsigned i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		uint64_t on = 1;

		if ((ret = port_arg_uint(args, n, switches[i].key, 0, 1, &on)) < 0)
			return ret;
		vd->forbidden |= on ? 0 : switches[i].features;
	}
	if ((ret = port_arg_uint(args, n, "packed_vq", 0, 1, &packed)) < 0 ||
	    (ret = port_arg_uint(args, n, "vectorized", 0, 1, &vectorized)) < 0)
		return ret;
	if (packed)
		return baton_err(ENOTSUP, "packed_vq=1: this driver has split rings only; leave "
					  "packed_vq out");
	vd->scalar = !vectorized;
	return 0;
}

static int
parse_args(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &vd->nic.port.info;
	uint64_t size = 256, speed = 0, queues = 0;
	const char *mac = port_arg(args, n, "mac");
	int ret = parse_features(vd, args, n);

	if (ret < 0 || (ret = port_arg_uint(args, n, "queue_size", 2, VRING_MAX_SIZE, &size)) < 0 ||
	    (ret = port_arg_uint(args, n, "queues", 1, BATON_MAX_QUEUES, &queues)) < 0 ||
	    (ret = port_arg_uint(args, n, "speed", 0, MAX_SPEED, &speed)) < 0)
		return ret;
	vd->nic.port.link.speed_mbps = (uint32_t)speed;
	if (size & (size - 1))
		return baton_err(EINVAL, "queue_size=%llu: a power of two is needed",
				 (unsigned long long)size);
	info->default_descs = (uint16_t)size;
	info->max_descs = VRING_MAX_SIZE;
	if (mac)
		return port_parse_mac(mac, info->mac);
	if (getrandom(info->mac, 6, GRND_NONBLOCK) != 6)
		memset(info->mac, 0x42, 6);
	info->mac[0] = (uint8_t)((info->mac[0] & 0xfc) | 2); /* unicast, locally administered */
	return 0;
}

static const struct {
	uint64_t bit;
	const char *name;
} feature_names[] = {
	{ VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
	{ VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
	{ VIRTIO_F_RING_RESET, "RING_RESET" },
	{ VIRTIO_NET_F_MRG_RXBUF, "MRG_RXBUF" },
	{ VIRTIO_F_IN_ORDER, "IN_ORDER" },
	{ VIRTIO_F_EVENT_IDX, "EVENT_IDX" },
	{ VIRTIO_NET_F_STATUS, "STATUS" },
	{ VIRTIO_NET_F_MAC, "MAC" },
	{ VIRTIO_NET_F_MTU, "MTU" },
	{ VIRTIO_NET_F_MQ, "MQ" },
	{ VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ" },
	{ VIRTIO_NET_F_CSUM, "CSUM" },
	{ VIRTIO_NET_F_GUEST_CSUM, "GUEST_CSUM" },
	{ VIRTIO_NET_F_HOST_TSO4, "HOST_TSO4" },
	{ VIRTIO_NET_F_HOST_TSO6, "HOST_TSO6" },
	{ VIRTIO_NET_F_HOST_USO, "HOST_USO" },
	{ VIRTIO_NET_F_GUEST_TSO4, "GUEST_TSO4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "GUEST_TSO6" },
	{ VIRTIO_NET_F_GUEST_USO4, "GUEST_USO4" },
	{ VIRTIO_NET_F_GUEST_USO6, "GUEST_USO6" },
	{ VIRTIO_NET_F_HASH_REPORT, "HASH_REPORT" },
	{ VIRTIO_NET_F_RSS, "RSS" },
};

void
virtio_feature_names(uint64_t features, char *text, size_t room)
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++) {
		if (features & feature_names[i].bit)
			snprintf(text + len, room - len, " %s", feature_names[i].name);
		len = strlen(text);
	}
}

static void
describe(struct virtio_dev *vd)
{
	char *text = vd->nic.port.info.detail;
	const size_t room = sizeof(vd->nic.port.info.detail);
	size_t len;

	vd->tp->describe(&vd->nic, text, room);
	len = strlen(text);
	snprintf(text + len, room - len, ", split ring, %llu queue pairs, VERSION_1",
		 (unsigned long long)vd->max_pairs);
	len = strlen(text);
	virtio_feature_names(vd->first, text + len, room - len);
}

#define HOST_TSO  (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)
#define GUEST_TSO (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)
#define GUEST_USO (VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)

/* Segments need checksums (5.1.3.1), and long packets several buffers. */
static uint64_t
with_needs(uint64_t features)
{
	if (!(features & VIRTIO_NET_F_CSUM))
		features &= ~(HOST_TSO | VIRTIO_NET_F_HOST_USO);
	if (!(features & VIRTIO_NET_F_GUEST_CSUM) || !(features & VIRTIO_NET_F_MRG_RXBUF))
		features &= ~(GUEST_TSO | GUEST_USO);
	if (!(features & VIRTIO_NET_F_CTRL_VQ)) /* the others build on it: virtio 1.2, 5.1.3.1 */
		features &= ~CTRL_FEATURES;
	return features;
}

/* The negotiated features that the port, as it is configured, can use. */
static uint64_t
negotiate(const struct virtio_dev *vd)
{
	static const struct {
		uint32_t offloads; /* any of which uses */
		uint64_t features;
	} uses[] = {
		{ BATON_OFFLOAD_TX_CSUM | BATON_OFFLOAD_TX_TSO | BATON_OFFLOAD_TX_USO,
		  VIRTIO_NET_F_CSUM },
		{ BATON_OFFLOAD_TX_TSO, HOST_TSO },
		{ BATON_OFFLOAD_TX_USO, VIRTIO_NET_F_HOST_USO },
		{ BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_RX_LRO, VIRTIO_NET_F_GUEST_CSUM },
		{ BATON_OFFLOAD_RX_LRO, GUEST_TSO | GUEST_USO },
		{ BATON_OFFLOAD_RX_HASH, VIRTIO_NET_F_HASH_REPORT },
	};
	const struct baton_port *port = &vd->nic.port;
	uint64_t features = vd->first & vd->offered;

	for (unsigned i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (!(port->offloads & uses[i].offloads))
			features &= ~uses[i].features;
	if (!port->rss.table_len)
		features &= ~VIRTIO_NET_F_RSS;
	if (port->info.rx_queues < 2 && port->info.tx_queues < 2)
		features &= ~VIRTIO_NET_F_MQ;
	return with_needs(features);
}

/* ---- hash and table ---- */

/* The device's types by the names of here. */
static uint32_t
rss_types(uint32_t device)
{
	static const uint32_t mine[] = { BATON_RSS_IPV4, BATON_RSS_IPV4_TCP, BATON_RSS_IPV4_UDP,
					 BATON_RSS_IPV6, BATON_RSS_IPV6_TCP, BATON_RSS_IPV6_UDP };
	uint32_t types = 0;

	for (unsigned i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		types |= device >> i & 1 ? mine[i] : 0;
	return types;
}

void
virtio_take_rss(struct virtio_dev *vd, const struct virtio_net_config *config)
{
	const uint64_t has = vd->offered & (VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT);
	const uint32_t types = from_le32(config->supported_hash_types),
		       key = config->rss_max_key_size,
		       table = from_le16(config->rss_max_indirection_table_length);

	vd->hash_types = 0;
	vd->rss_table = 0;
	if (!has || !(vd->offered & VIRTIO_NET_F_CTRL_VQ))
		return;
	if (!MUST(rss_limits, key >= BATON_RSS_KEY_LEN && rss_types(types) &&
				      (!(has & VIRTIO_NET_F_RSS) || table))) {
		if (!vd->rss_warned)
			port_log(&vd->nic.port, BATON_LOG_WARN,
				 "%s offers a hash with keys of %u bytes, %u entries of a table "
				 "and "
				 "types %#x, of which 40, 1 and one of 0x3f are the least: not "
				 "using it",
				 vd->where, key, table, types);
		vd->rss_warned = 1;
		return;
	}
	vd->hash_types = rss_types(types);
	for (uint32_t n = 1; (has & VIRTIO_NET_F_RSS) && n <= table && n <= VIRTIO_RSS_TABLE;
	     n *= 2)
		vd->rss_table = (uint16_t)n;
	vd->config_features |= has;
}

static int
limit_queues(struct virtio_dev *vd, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &vd->nic.port.info;
	uint64_t pairs = vd->offered & VIRTIO_NET_F_MQ ? vd->max_pairs : 1, queues = 0;
	int ret = port_arg_uint(args, n, "queues", 1, BATON_MAX_QUEUES, &queues);

	if (ret < 0)
		return ret;
	if (queues > pairs)
		return baton_err(EINVAL,
				 "queues=%llu: %s has %llu queue pairs%s: start it with more",
				 (unsigned long long)queues, vd->where, (unsigned long long)pairs,
				 vd->offered & VIRTIO_NET_F_MQ ? ""
							       : " (it does not offer "
								 "VIRTIO_NET_F_MQ)");
	if (queues)
		pairs = queues;
	info->max_rx_queues = info->max_tx_queues =
		(uint16_t)(pairs < BATON_MAX_QUEUES ? pairs : BATON_MAX_QUEUES);
	return 0;
}

/* What the device can, of what it offered first. */
static void
declare(struct virtio_dev *vd)
{
	static const struct {
		uint64_t features; /* any of them */
		uint32_t offload;
	} can[] = {
		{ VIRTIO_NET_F_CSUM, BATON_OFFLOAD_TX_CSUM },
		{ HOST_TSO, BATON_OFFLOAD_TX_TSO },
		{ VIRTIO_NET_F_HOST_USO, BATON_OFFLOAD_TX_USO },
		{ VIRTIO_NET_F_GUEST_CSUM, BATON_OFFLOAD_RX_CSUM },
		{ GUEST_TSO, BATON_OFFLOAD_RX_LRO },
		{ VIRTIO_NET_F_HASH_REPORT, BATON_OFFLOAD_RX_HASH },
	};
	struct baton_port_info *info = &vd->nic.port.info;
	const uint64_t has = with_needs(vd->first);

	for (unsigned i = 0; i < sizeof(can) / sizeof(can[0]); i++)
		if (has & can[i].features)
			info->offloads |= can[i].offload;
	if (info->offloads & BATON_OFFLOAD_RX_LRO)
		info->max_lro_len = port_frame_max(UINT16_MAX);
	if (has & (VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT))
		info->rss_types = vd->hash_types;
	if (has & VIRTIO_NET_F_RSS)
		info->rss_table_len = vd->rss_table;
}

int
virtio_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	uint64_t wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_IN_ORDER | VIRTIO_NET_F_MRG_RXBUF |
			  VIRTIO_NET_F_MQ | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
			  VIRTIO_F_EVENT_IDX | CTRL_FILTERS | HOST_TSO | VIRTIO_NET_F_HOST_USO |
			  GUEST_TSO | GUEST_USO;
	int ret = parse_args(vd, args, n);

	if (ret < 0)
		return ret;
	vd->tp = dev->ops->priv;
	ret = vd->tp->open(dev, args, n);
	if (ret < 0)
		return ret;
	wanted |= vd->config_features;
	vd->first = vd->offered & (wanted | vd->transport_features) & ~vd->forbidden;
	vd->features = negotiate(vd);
	ret = limit_queues(vd, args, n);
	if (ret < 0) {
		vd->tp->close(dev);
		return ret;
	}
	declare(vd);
	describe(vd);
	return 0;
}

int
virtio_check(const struct baton_driver *driver, const struct port_arg *args, unsigned n)
{
	struct virtio_dev *scratch = calloc(1, driver->ops->port_size);
	int ret;

	if (!scratch)
		return baton_err(ENOMEM, "out of memory");
	scratch->tp = ((const struct nic_ops *)driver->priv)->priv;
	ret = parse_args(scratch, args, n);
	if (!ret && scratch->tp->check)
		ret = scratch->tp->check(&scratch->nic, args, n);
	free(scratch);
	return ret;
}

void
virtio_close(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);

	vd->tp->close(dev);
	virtio_ctrl_release(vd);
}

/* ---- of struct nic_ops ---- */

void
virtio_configure(struct nic_dev *dev)
{
	struct virtio_dev *vd = virtio_of_nic(dev);
	const struct nic_ops *both = dev->port.driver->priv;

	vd->features = negotiate(vd);
	dev->ops = &both[!!(vd->features & VIRTIO_NET_F_HASH_REPORT)];
}

bool
virtio_spreads(const struct nic_dev *dev, const struct nic_queue *nq)
{
	return virtio_of_nic_const(dev)->features & VIRTIO_NET_F_MRG_RXBUF; /* 5.1.6.3.1 */
}

/* The header of zeros is the last thing in the memory of the rings, and zeroed. */
void
virtio_attach(struct nic_dev *dev, struct nic_queue *nq)
{
	const struct virtio_dev *vd = virtio_of_nic(dev);

	virtq_attach(virtq_of_nic(nq), vd->features,
		     dev->ring_iova + dev->ring_bytes - BATON_CACHE_LINE, vd->scalar);
}

/* The control queue, and a header of zeros. */
size_t
virtio_own_bytes(const struct nic_dev *dev)
{
	return BATON_CACHE_LINE + virtio_ctrl_bytes();
}
