/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Negotiate with a vhost-user backend, before it receives any memory.
 *
 * Backends offer features that they do not serve. If a backend does not answer a request of a
 * feature, hangs up on it, or answers nonsense, and the port can do without the feature, the
 * connection is made again without it, with one warning.
 */
#include "virtio/vhost/msg.h"

#define MAX_PAIRS  0x8000u /* virtio 1.2, 5.1.4.1 */
#define CONFIG_HDR 12u

static const struct optional {
	uint64_t bit;
	const char *name;
	const char *without; /* what follows */
} optional[] = {
	{ VHOST_PROTOCOL_ALL, "VHOST_USER_F_PROTOCOL_FEATURES (feature 30)",
	  "one queue pair, no acknowledgements, no configuration space" },
	{ VHOST_PROTOCOL_F_MQ, "MQ (protocol feature 0)", "one queue pair is used" },
	{ VHOST_PROTOCOL_F_REPLY_ACK, "REPLY_ACK (protocol feature 3)",
	  "what it refuses is not heard of, and it is not asked to translate addresses" },
	{ VHOST_PROTOCOL_F_NET_MTU, "NET_MTU (protocol feature 4)", "it is not told the MTU" },
	{ VHOST_PROTOCOL_F_BACKEND_REQ, "BACKEND_REQ (protocol feature 5)",
	  "it is not asked to translate addresses (DPDK: iommu-support=0, Open vSwitch: "
	  "other_config:vhost-iommu-support=false)" },
	{ VHOST_PROTOCOL_F_CONFIG, "CONFIG (protocol feature 9)",
	  "the port has no MAC address, MTU or link state of the device's" },
	{ VHOST_PROTOCOL_F_STATUS, "STATUS (protocol feature 16)",
	  "it is not told the device status" },
};

static void
leave_out(struct vhost_dev *vd, uint64_t bit, const char *why)
{
	struct vhost_user *vu = &vd->vu;

	vu->without |= bit;
	vu->protocol &= ~bit;
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		if (optional[i].bit == bit && !(vu->warned & bit))
			port_log(&vd->virtio.nic.port, BATON_LOG_WARN,
				 "%s offers %s and does not serve it (%s): going on without: %s",
				 vd->virtio.where, optional[i].name, why, optional[i].without);
	vu->warned |= bit;
}

/*
 * The backend refused a request that it need not serve, and is in step. Return: @ret, unless the
 * port does without the feature.
 */
int
vhost_refused(struct vhost_dev *vd, uint32_t request, int ret)
{
	if (ret != -EREMOTEIO || !vhost_feature_of(request))
		return ret;
	leave_out(vd, vhost_feature_of(request), baton_last_error());
	return 0;
}

/* Whether the port needs the feature, as it was opened and set up with it. */
static bool
needed(const struct vhost_dev *vd, uint64_t bit)
{
	const struct baton_port_info *info = &vd->virtio.nic.port.info;

	if (!vd->vu.open)
		return false;
	if ((vd->virtio.first & VIRTIO_F_ACCESS_PLATFORM) &&
	    (bit &
	     (VHOST_PROTOCOL_ALL | VHOST_PROTOCOL_F_REPLY_ACK | VHOST_PROTOCOL_F_BACKEND_REQ)))
		return true;
	return (bit & (VHOST_PROTOCOL_ALL | VHOST_PROTOCOL_F_MQ)) &&
	       (info->rx_queues > 1 || info->tx_queues > 1);
}

bool
vhost_agree_on_less(struct vhost_dev *vd, int ret)
{
	struct vhost_user *vu = &vd->vu;
	const uint32_t request = vu->failed;
	uint64_t bit = vhost_feature_of(request);

	vu->failed = 0;
	if (!request ||
	    (ret != -ETIMEDOUT && ret != -EPROTO && ret != -ECONNRESET && ret != -EREMOTEIO))
		return false;
	/* A backend that is being restarted hangs up, too: the first time does not count. */
	if (ret == -ECONNRESET && vu->hung_up_at != request) {
		vu->hung_up_at = request;
		return bit && !vu->open;
	}
	/* The request was served; its acknowledgement is missing. */
	if (!bit && vu->failed_ack && ret != -ECONNRESET)
		bit = VHOST_PROTOCOL_F_REPLY_ACK;
	if (!bit || (vu->without & bit) || needed(vd, bit))
		return false;
	leave_out(vd, bit, baton_last_error());
	return true;
}

int
vhost_next_time(struct vhost_dev *vd, int ret)
{
	return baton_err(-ret, "%s%s", baton_last_error(),
			 vhost_agree_on_less(vd, ret) ? "; the next start does without" : "");
}

/* ---- protocol features ---- */

static int
ask_queues(struct vhost_dev *vd)
{
	uint64_t queues;
	int ret = vhost_get_u64(vd, VHOST_GET_QUEUE_NUM, &queues);

	if (ret < 0)
		return ret;
	vd->virtio.max_pairs = queues < 1 ? 1 : queues < MAX_PAIRS ? queues : MAX_PAIRS;
	if (vd->virtio.max_pairs != queues && !(vd->vu.warned & VHOST_PROTOCOL_F_MQ)) {
		vd->vu.warned |= VHOST_PROTOCOL_F_MQ;
		port_log(&vd->virtio.nic.port, BATON_LOG_WARN,
			 "%s says it has %llu queue pairs; 1 to 32,768 are possible: taking it for "
			 "%llu",
			 vd->virtio.where, (unsigned long long)queues,
			 (unsigned long long)vd->virtio.max_pairs);
	}
	return 0;
}

/* "Protocol features"; and SET_OWNER, the first request with nothing but an acknowledgement. */
static int
negotiate_protocol(struct vhost_dev *vd)
{
	struct vhost_user *vu = &vd->vu;
	struct vhost_msg owner = { .request = VHOST_SET_OWNER };
	uint64_t wanted = VHOST_PROTOCOL_F_MQ | VHOST_PROTOCOL_F_REPLY_ACK |
			  VHOST_PROTOCOL_F_NET_MTU | VHOST_PROTOCOL_F_CONFIG |
			  VHOST_PROTOCOL_F_STATUS;
	uint64_t offered = 0, status;
	int ret = 0;

	if (vd->virtio.offered & VHOST_F_PROTOCOL_FEATURES) {
		ret = vhost_get_u64(vd, VHOST_GET_PROTOCOL_FEATURES, &offered);
		offered &= ~vu->without;
		wanted |= vhost_iotlb_wants(vd, offered);
		if (!ret)
			ret = vhost_set_u64(vd, VHOST_SET_PROTOCOL_FEATURES, offered & wanted);
		if (ret < 0)
			return ret;
		vu->protocol = offered & wanted;
	}
	ret = vhost_send(vd, &owner, NULL, 0);
	if (!ret && (vu->protocol & VHOST_PROTOCOL_F_BACKEND_REQ))
		ret = vhost_channel_open(vd);
	if (!ret && (vu->protocol & VHOST_PROTOCOL_F_MQ))
		ret = ask_queues(vd);
	/* Send it only to see whether the backend answers, while it has no memory. */
	if (!ret && (vu->protocol & VHOST_PROTOCOL_F_STATUS))
		ret = vhost_get_u64(vd, VHOST_GET_STATUS, &status);
	return ret;
}

/* ---- the configuration space ---- */

/* Treat an invalid field of the configuration space as if the backend had not offered it. */
static void
disbelieve(struct vhost_dev *vd, uint64_t feature, const char *what)
{
	vd->virtio.config_features &= ~feature;
	if (!(vd->vu.warned & VHOST_PROTOCOL_F_CONFIG))
		port_log(&vd->virtio.nic.port, BATON_LOG_WARN,
			 "the configuration space of %s has %s: not using it", vd->virtio.where,
			 what);
	vd->vu.warned |= VHOST_PROTOCOL_F_CONFIG;
}

static void
take_mac(struct vhost_dev *vd, const uint8_t mac[6])
{
	char what[64];

	if (!(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5])) {
		memcpy(vd->virtio.nic.port.info.mac, mac, 6);
		return;
	}
	snprintf(what, sizeof(what), "the MAC address %02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	disbelieve(vd, VIRTIO_NET_F_MAC, what);
}

static void
take_mtu(struct vhost_dev *vd, uint16_t mtu)
{
	struct baton_port *port = &vd->virtio.nic.port;
	char what[64];

	if (mtu < BATON_MIN_MTU) {
		snprintf(what, sizeof(what), "an MTU of %u, of which %u is the least", mtu,
			 BATON_MIN_MTU);
		disbelieve(vd, VIRTIO_NET_F_MTU, what);
		return;
	}
	port->info.max_mtu = mtu < BATON_MAX_MTU ? mtu : BATON_MAX_MTU;
	if (!port->mtu_set || port->info.mtu > port->info.max_mtu)
		port->info.mtu = port->info.max_mtu;
}

/* Count the bytes of @config that were received, from its beginning on. */
static uint32_t
config_bytes(const struct vhost_msg *msg)
{
	uint32_t got = msg->size < CONFIG_HDR || msg->p.config.offset ? 0 : msg->size - CONFIG_HDR;

	return got < msg->p.config.size ? got : msg->p.config.size;
}

/*
 * Get MAC, MTU and link state of the device, as far as the backend reports them: an answer may be
 * empty ("VHOST_USER_GET_CONFIG").
 */
static int
read_config(struct vhost_dev *vd)
{
	const uint64_t has = VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS,
		       rss = VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT;
	const uint32_t bytes =
		vd->virtio.offered & rss ? sizeof(struct virtio_net_config) : NET_CONFIG_SHORT;
	struct virtio_net_config config = { 0 };
	struct vhost_msg msg = { .request = VHOST_GET_CONFIG,
				 .size = CONFIG_HDR + bytes,
				 .p.config = { .size = bytes } };
	char why[96];
	uint32_t got;
	int ret;

	if (!(vd->vu.protocol & VHOST_PROTOCOL_F_CONFIG) || !(vd->virtio.offered & (has | rss)))
		return 0;
	ret = vhost_call(vd, &msg, 0, CONFIG_HDR + VHOST_MAX_CONFIG);
	if (ret < 0)
		return ret;
	got = config_bytes(&msg);
	if (got < bytes) {
		snprintf(why, sizeof(why), "it answered GET_CONFIG with %u bytes of %u", got,
			 bytes);
		leave_out(vd, VHOST_PROTOCOL_F_CONFIG, why);
		return 0;
	}
	memcpy(&config, msg.p.config.data, bytes);
	vd->virtio.config_features = has;
	virtio_take_rss(&vd->virtio, &config);
	if (vd->virtio.offered & VIRTIO_NET_F_MAC)
		take_mac(vd, config.mac);
	if (vd->virtio.offered & VIRTIO_NET_F_MTU)
		take_mtu(vd, from_le16(config.mtu));
	if (vd->virtio.offered & VIRTIO_NET_F_STATUS)
		vd->virtio.nic.link = !!(from_le16(config.status) & VIRTIO_NET_S_LINK_UP);
	return 0;
}

/* ---- the handshake ---- */

static int
no_iotlb(const struct vhost_dev *vd)
{
	return baton_err(ENOTSUP,
			 "%s translates no addresses: that takes VIRTIO_F_ACCESS_PLATFORM (bit 33 "
			 "of features %#llx) and the protocol features BACKEND_REQ and REPLY_ACK "
			 "(bits 5 and 3); start it with them (DPDK: iommu-support=1), or leave "
			 "iommu_platform=1 out when the port is opened",
			 vd->virtio.where, (unsigned long long)vd->virtio.offered);
}

/* Check that a later backend is fit for the queues that were set up for the first one. */
static int
check_fit(struct vhost_dev *vd)
{
	/* All that a port has asked for; it can do without the others. */
	const uint64_t less = VIRTIO_F_IN_ORDER | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_STATUS |
			      VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | CTRL_FILTERS |
			      VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM,
		       must = vd->virtio.features & ~less;
	const uint64_t missing = vd->virtio.features & must & ~vd->virtio.offered;
	const struct baton_port_info *info = &vd->virtio.nic.port.info;
	unsigned pairs = info->rx_queues > info->tx_queues ? info->rx_queues : info->tx_queues;

	if (missing)
		return baton_err(ENOTSUP,
				 "%s offers features %#llx, without %#llx that the one before it "
				 "had: start the same again, or close the port and open it anew",
				 vd->virtio.where, (unsigned long long)vd->virtio.offered,
				 (unsigned long long)missing);
	if ((vd->virtio.first & VIRTIO_F_ACCESS_PLATFORM) &&
	    !(vd->vu.protocol & VHOST_PROTOCOL_F_BACKEND_REQ))
		return no_iotlb(vd);
	if (pairs > vd->virtio.max_pairs)
		return baton_err(ENOTSUP,
				 "%s has %llu queue pairs, %u are in use: start it with as many",
				 vd->virtio.where, (unsigned long long)vd->virtio.max_pairs, pairs);
	return 0;
}

int
vhost_handshake_begin(struct vhost_dev *vd)
{
	struct vhost_msg msg = { .request = VHOST_GET_FEATURES };

	vd->vu.failed = 0;
	return vhost_ask(vd, &msg, vhost_deadline(vd));
}

static int
handshake(struct vhost_dev *vd)
{
	struct vhost_msg msg = { .request = VHOST_GET_FEATURES };
	int ret = vhost_answer(vd, &msg, sizeof(msg.p.u64), sizeof(msg.p.u64));

	if (ret < 0)
		return ret;
	vd->virtio.offered = msg.p.u64;
	if (vd->vu.without & VHOST_PROTOCOL_ALL)
		vd->virtio.offered &= ~VHOST_F_PROTOCOL_FEATURES;
	vd->virtio.max_pairs = 1;
	vd->virtio.config_features = 0;
	vd->virtio.nic.link = 1;
	if (!(vd->virtio.offered & VIRTIO_F_VERSION_1))
		return baton_err(ENOTSUP,
				 "%s offers features %#llx, without VIRTIO_F_VERSION_1 (bit 32): "
				 "legacy virtio is not supported",
				 vd->virtio.where, (unsigned long long)vd->virtio.offered);
	ret = negotiate_protocol(vd);
	return ret ? ret : read_config(vd);
}

int
vhost_handshake_finish(struct vhost_dev *vd)
{
	int ret = handshake(vd);

	if (!ret && !vd->vu.open && vd->vu.iommu_platform == 1 &&
	    !(vd->vu.protocol & VHOST_PROTOCOL_F_BACKEND_REQ))
		ret = no_iotlb(vd);
	if (ret < 0 || !vd->vu.open) {
		vd->vu.without_first = vd->vu.without;
		return ret;
	}
	ret = check_fit(vd);
	if (!ret)
		vd->virtio.features = vd->virtio.first & vd->virtio.offered;
	else /* the missing feature may be one that it did not serve just now */
		vd->vu.without = vd->vu.without_first;
	return ret;
}
