/* SPDX-License-Identifier: BSD-3-Clause */
/* What a driver says of itself and of its device, before it is believed. */
#include "base/export.h"
#include "nic/pci.h"
#include "nic/phy.h"

#define SIDE   (BATON_OFFLOAD_TX_VLAN | BATON_OFFLOAD_TX_IPV4_CSUM | BATON_OFFLOAD_TX_EVENT)
#define EVENTS (BATON_OFFLOAD_RX_EVENT | BATON_OFFLOAD_TX_EVENT)

/* What an RX codec lacks, or what in it contradicts the rest. NULL: nothing. */
static const char *
rx_fault(const struct rx_codec *rx)
{
	if (!rx->next || !rx->put || !rx->commit)
		return "next, put or commit of its RX codec";
	if (!rx->plain && !rx->two_rings)
		return "plain of its RX codec";
	if (rx->two_rings && (rx->plain || rx->counts_segs || rx->verdict))
		return "an RX codec without plain, counts_segs and verdict, while that has two "
		       "rings";
	if (rx->two_rings && !rx->any_order)
		return "any_order of its RX codec, which has two rings";
	if (rx->any_order && !rx->two_rings && !rx->restore)
		return "restore of its RX codec, which completes in any order";
	if (rx->counts_segs && (!rx->segs || !rx->header))
		return "segs or a header of its RX codec, which counts them there";
	if (rx->meta && (!rx->header || !rx->verdict))
		return "verdict or a header of its RX codec, which reads metadata there";
	return NULL;
}

static const char *
tx_fault(const struct tx_codec *tx)
{
	if (!tx->put || !tx->commit)
		return "put or commit of its TX codec";
	if (!tx->published && (!tx->is_done || !tx->report))
		return "published, or is_done and report, of its TX codec";
	if (tx->any_order && (!tx->in_turn || !tx->key))
		return "in_turn or key of its TX codec, which completes in any order";
	if (tx->any_order && !tx->published)
		return "published of its TX codec, which completes in any order";
	if (tx->header && (!tx->plain_header || !tx->write_header))
		return "plain_header or write_header of its TX codec, which has headers";
	return NULL;
}

static const char *
bursts_fault(const struct nic_bursts *bursts, bool describes)
{
	bool all = bursts->tx && bursts->tx_bounce && bursts->waiting && bursts->peek &&
		   bursts->tx_clean;

	for (unsigned mode = 0; mode < 4; mode++)
		all &= bursts->rx[mode] && bursts->rx_bounce[mode];
	if (describes && (!bursts->rx_info || !bursts->rx_info_bounce))
		return "NIC_INFO, defined before nic/bursts.h, while its RX codec has describe";
	return all ? NULL : "a burst: nic/bursts.h makes them all";
}

static const char *
pci_fault(const struct baton_driver *driver, const struct nic_pci_ops *pci)
{
	if (!pci)
		return driver->pci_ids ? "struct nic_pci_ops, while it has PCI ids" : NULL;
	if (!driver->pci_ids)
		return "PCI ids, while it has struct nic_pci_ops";
	if (!pci->identify || !pci->quiesce || !pci->start || !pci->poll)
		return "identify, quiesce, start or poll of struct nic_pci_ops";
	return NULL;
}

static const char *
phy_fault(const struct nic_ops *ops)
{
	const struct nic_phy_ops *phy = ops->phy;

	if (!phy)
		return NULL;
	if (!phy->mdio || !phy->state || !phy->set_flow || !phy->set_pauses)
		return "mdio, state, set_flow or set_pauses of struct nic_phy_ops";
	if (!phy->flow_step || phy->rx_buffer < NIC_PHY_BUFFER_MIN)
		return "flow_step, or enough of rx_buffer, of struct nic_phy_ops";
	if (!ops->set_link)
		return "set_link, while it has struct nic_phy_ops";
	return NULL;
}

static const char *
ops_fault(const struct nic_ops *ops)
{
	if (!ops->open || !ops->close || !ops->ready || !ops->start || !ops->stop || !ops->lost ||
	    !ops->reset)
		return "one of open, close, ready, start, stop, lost and reset";
	if ((ops->offloads & SIDE) && !ops->tx->side)
		return "side of its TX codec, which has VLAN tags, IPv4 checksums or events to see "
		       "to";
	if ((ops->offloads & EVENTS) && !ops->clock)
		return "clock, which fetches the times of event packets";
	if (ops->rx_front && !ops->rx->describe)
		return "describe of its RX codec, which reads what is in front of packets";
	if (!ops->ring_start != !ops->ring_stop)
		return "ring_start or ring_stop, while it has the other";
	if (ops->ring_can_stop && !ops->ring_stop)
		return "the ring_stop that its ring_can_stop is about";
	if (!ops->own_bytes != !ops->own_attach)
		return "own_bytes or own_attach, while it has the other";
	if (!ops->ring_bytes && !ops->desc_bytes)
		return "ring_bytes or desc_bytes";
	if (ops->can && !ops->set_mac && !ops->set_rx_mode && !ops->set_macs && !ops->set_vlan &&
	    !ops->set_link)
		return "the settings that its `can` is about";
	return NULL;
}

/* A device's header is in a buffer's headroom, or that of a slot. */
static int
check_headers(const struct baton_driver *driver, const struct nic_ops *ops)
{
	if (ops->rx->header <= BATON_DEFAULT_HEADROOM && ops->tx->header <= BATON_DEFAULT_HEADROOM)
		return 0;
	return baton_err(EINVAL,
			 "driver %s declares headers of %u (RX) and %u bytes (TX), and at most %u "
			 "fit in front of packets",
			 driver->name, ops->rx->header, ops->tx->header, BATON_DEFAULT_HEADROOM);
}

int
nic_check_ops(const struct baton_driver *driver)
{
	const struct nic_ops *ops = driver->priv;
	const char *missing = NULL;

	if (!driver->dma)
		missing = "dma, which every driver of the kit has";
	else if (!ops || !ops->rx || !ops->tx || !ops->bursts)
		missing = "struct nic_ops with both codecs, and the bursts made of them";
	if (!missing)
		missing = ops_fault(ops);
	if (!missing)
		missing = rx_fault(ops->rx);
	if (!missing)
		missing = tx_fault(ops->tx);
	if (!missing)
		missing = bursts_fault(ops->bursts, ops->rx->describe);
	if (!missing)
		missing = pci_fault(driver, ops->pci);
	if (!missing)
		missing = phy_fault(ops);
	if (!missing)
		return check_headers(driver, ops);
	return baton_err(EINVAL, "driver %s is not complete: it lacks %s", driver->name, missing);
}

/* ---- the device ---- */

static bool
is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* A ring must take a packet beside the places that stay empty. */
static int
check_rings(const struct nic_dev *dev)
{
	const struct nic_ops *ops = dev->ops;
	const struct baton_port_info *info = &dev->port.info;
	const uint32_t gap = ops->rx->gap > ops->tx->gap ? ops->rx->gap : ops->tx->gap,
		       least = (2 + gap) * nic_rx_rings(ops->rx);

	if (info->min_descs >= least && info->min_descs <= info->default_descs &&
	    info->default_descs <= info->max_descs && info->max_descs <= 32768 &&
	    is_power_of_two(info->min_descs) && is_power_of_two(info->default_descs) &&
	    is_power_of_two(info->max_descs))
		return 0;
	return baton_err(EINVAL,
			 "driver %s declares rings of %u to %u places, %u unless asked for "
			 "others, of which %u stay empty: powers of two from %u to 32768 can be",
			 dev->port.driver->name, info->min_descs, info->max_descs,
			 info->default_descs, gap, least);
}

static int
check_bits(const struct nic_dev *dev)
{
	const struct dma_reach *r = &dev->port.reach;

	if (r->device_ring_bits >= 12 && r->device_ring_bits <= 64 && r->device_data_bits >= 12 &&
	    r->device_data_bits <= 64)
		return 0;
	return baton_err(EINVAL,
			 "driver %s declares no address limits for %s (%u bits for rings, %u for "
			 "packets): 12 to 64 can be",
			 dev->port.driver->name, dev->port.name, r->device_ring_bits,
			 r->device_data_bits);
}

/* Types need a function that sets them, and a table needs types. */
static int
check_rss(const struct nic_dev *dev)
{
	const struct baton_port_info *i = &dev->port.info;

	if (i->rss_key_len >= BATON_RSS_KEY_LEN && i->rss_key_len <= BATON_RSS_KEY_MAX &&
	    i->rss_table_len <= BATON_RSS_TABLE_MAX &&
	    !(i->rss_table_len & (i->rss_table_len - 1)) && !(i->rss_types & ~BATON_RSS_ALL) &&
	    (i->rss_types ? dev->ops->set_rss != NULL : !i->rss_table_len))
		return 0;
	return baton_err(EINVAL,
			 "driver %s declares hash types %#x, keys of %u bytes and a table of %u "
			 "queues%s: types out of %#x, %u to %u bytes, and with types a power of "
			 "two "
			 "up to %u can be",
			 dev->port.driver->name, i->rss_types, i->rss_key_len, i->rss_table_len,
			 dev->ops->set_rss ? "" : ", without set_rss", BATON_RSS_ALL,
			 BATON_RSS_KEY_LEN, BATON_RSS_KEY_MAX, BATON_RSS_TABLE_MAX);
}

/* What the application may ask of a link needs a function that does it, and limits. */
static int
check_link(const struct nic_dev *dev)
{
	const struct port_link *l = &dev->port.wants;

	if (!(l->fixed_speeds & ~l->speeds) && (!l->flow_max || l->flow_step) &&
	    ((!l->speeds && !l->flow_max) || dev->ops->set_link))
		return 0;
	return baton_err(EINVAL,
			 "driver %s declares speeds %#x, fixed ones %#x, and flow control up to %u "
			 "bytes in steps of %u%s: fixed speeds out of the others, a step where "
			 "there is flow control, and set_link for any of it",
			 dev->port.driver->name, l->speeds, l->fixed_speeds, l->flow_max,
			 l->flow_step, dev->ops->set_link ? "" : ", without set_link");
}

int
nic_check_device(const struct nic_dev *dev)
{
	const struct baton_port_info *info = &dev->port.info;
	const char *driver = dev->port.driver->name;
	int ret = check_bits(dev);

	if (!ret)
		ret = check_rings(dev);
	if (!ret)
		ret = check_rss(dev);
	if (!ret)
		ret = check_link(dev);
	if (ret < 0)
		return ret;
	if (!info->max_rx_queues || !info->max_tx_queues ||
	    info->max_rx_queues > BATON_MAX_QUEUES || info->max_tx_queues > BATON_MAX_QUEUES ||
	    !info->max_segs || info->max_segs > NIC_TX_MAX_SEGS)
		return baton_err(EINVAL,
				 "driver %s declares %u RX and %u TX queues and packets of up to "
				 "%u buffers: 1 to %u of each, and 1 to %u buffers, can be",
				 driver, info->max_rx_queues, info->max_tx_queues, info->max_segs,
				 BATON_MAX_QUEUES, NIC_TX_MAX_SEGS);
	if (info->mtu < BATON_MIN_MTU || info->mtu > info->max_mtu || info->max_mtu > BATON_MAX_MTU)
		return baton_err(EINVAL,
				 "driver %s declares an MTU of %u, %u at most: %u to %u can be",
				 driver, info->mtu, info->max_mtu, BATON_MIN_MTU, BATON_MAX_MTU);
	return 0;
}

DRIVER_EXPORT(nic_check_ops);
DRIVER_EXPORT(nic_check_device);
