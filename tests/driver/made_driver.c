/* SPDX-License-Identifier: BSD-3-Clause */
#include "made_driver.h"

#include <baton/ioas.h>

#include "nic/rx_bounce.h"
#include "nic/tx_bounce.h"

/* ---- the codecs: they say what the test wants ---- */

uint16_t rx_there, tx_there;
struct rx_entry rx_says[MADE_SAYS];
uint32_t tx_says[MADE_SAYS];
uint32_t plain_len;
struct rx_info info_says;

struct made made;

static uint16_t
rx_published(const struct nic_queue *nq)
{
	return (uint16_t)(rx_there - nq->done);
}

static bool
rx_plain(const struct rx_cursor *c, uint32_t at, const uint8_t *hdr, unsigned mode, uint32_t *len,
	 uint8_t *flags)
{
	*len = plain_len;
	*flags = 0;
	return plain_len;
}

static int
rx_next(const struct nic_queue *nq, struct nic_rx_state *state, uint16_t pos, uint16_t published,
	struct rx_entry *e)
{
	*e = rx_says[pos % MADE_SAYS];
	return 1;
}

static void
rx_describe(const struct nic_queue *nq, uint16_t first, uint16_t last, const uint8_t *hdr,
	    struct rx_info *info)
{
	*info = info_says;
}

static void
rx_put(struct nic_queue *nq, uint16_t pos, uint16_t key, uint64_t iova)
{
}

static void
restore(struct nic_queue *nq, uint16_t at)
{
}

static void
commit(struct nic_queue *nq)
{
}

static uint16_t
tx_published(const struct nic_queue *nq)
{
	return (uint16_t)(tx_there - nq->done);
}

static unsigned
tx_in_turn(const struct nic_queue *nq, unsigned n)
{
	return 0;
}

static uint32_t
tx_key(const struct nic_queue *nq)
{
	return tx_says[nq->done % MADE_SAYS];
}

static void
tx_header(void *hdr)
{
}

static void
tx_write_header(const struct nic_queue *nq, void *hdr, const struct tx_plan *p)
{
}

static void
tx_put(struct nic_queue *nq, uint32_t d, uint64_t iova, uint32_t len, bool first, bool last,
       const struct tx_plan *p)
{
}

static const struct rx_codec made_rx = {
	.header = MADE_HEADER,
	.any_order = true,
	.published = rx_published,
	.plain = rx_plain,
	.next = rx_next,
	.describe = rx_describe,
	.put = rx_put,
	.restore = restore,
	.commit = commit,
};

static const struct tx_codec made_tx = {
	.header = MADE_HEADER,
	.any_order = true,
	.published = tx_published,
	.in_turn = tx_in_turn,
	.key = tx_key,
	.plain_header = tx_header,
	.write_header = tx_write_header,
	.put = tx_put,
	.commit = commit,
};

#define NIC_RX      made_rx
#define NIC_TX      made_tx
#define NIC_NAME(x) made_##x
#define NIC_INFO
#include "nic/bursts.h"

/* ---- the driver, all of which a test may change ---- */

const struct baton_driver *const baton_driver_table[] = { &made.driver, NULL };
const char *const baton_driver_names[] = { "net_made", NULL };

static int
made_open(struct nic_dev *dev, const struct port_arg *args, unsigned n)
{
	struct baton_port_info *info = &dev->port.info;
	struct baton_ioas_config c;

	made.opened++;
	info->min_descs = made.info.min_descs;
	info->max_descs = made.info.max_descs;
	info->default_descs = made.info.default_descs;
	info->max_rx_queues = made.info.max_rx_queues;
	info->max_tx_queues = made.info.max_tx_queues;
	info->max_segs = made.info.max_segs;
	info->mtu = made.info.mtu;
	info->max_mtu = made.info.max_mtu;
	info->rss_types = made.info.rss_types;
	info->rss_key_len = made.info.rss_key_len;
	info->rss_table_len = made.info.rss_table_len;
	dev->port.wants = made.link;
	baton_ioas_config_init(&c);
	c.backend = BATON_IOAS_FLAT;
	return baton_ioas_create(dev->port.ctx, &c, &dev->port.reach.ioas);
}

static void
made_close(struct nic_dev *dev)
{
	made.closed++;
	baton_ioas_destroy(dev->port.reach.ioas);
}

int
made_good(struct nic_dev *dev)
{
	return 0;
}

static const struct port_ops port_ops = { NIC_PORT_OPS(struct nic_dev, struct nic_queue) };

void
make_driver(void)
{
	made.driver = (struct baton_driver){ .name = "net_made",
					     .dma = true,
					     .bounces = true,
					     .ops = &port_ops,
					     .priv = &made.ops };
	made.rx = made_rx;
	made.tx = made_tx;
	made.bursts = made_bursts;
	made.ops = (struct nic_ops){
		.rx = &made.rx,
		.tx = &made.tx,
		.bursts = &made.bursts,
		.ring_bits = 64,
		.data_bits = 64,
		.desc_bytes = 16,
		.open = made_open,
		.close = made_close,
		.ready = made_good,
		.start = made_good,
		.stop = made_good,
		.lost = made_good,
		.reset = made_good,
	};
	made.link = (struct port_link){ 0 };
	made.info = (struct baton_port_info){ .min_descs = 8,
					      .max_descs = 1024,
					      .default_descs = 256,
					      .max_rx_queues = 1,
					      .max_tx_queues = 1,
					      .max_segs = NIC_TX_MAX_SEGS,
					      .mtu = 1500,
					      .max_mtu = 9000,
					      .rss_key_len = 40 };
	made.opened = made.closed = 0;
}
