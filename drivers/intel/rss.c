/* SPDX-License-Identifier: BSD-3-Clause */
#include "intel/intel.h"

#define RETA        0x5c00u
#define RSSRK       0x5c80u
#define RSSRK_BYTES 40u

/* RSSRK and RETA: the key and the table, four entries in a word. */
static void
put_tables(const struct nic_dev *dev, const struct port_rss *rss)
{
	const uint8_t *key = FEATURE(rss_key) ? rss->key : baton_rss_key();
	const unsigned queues = FEATURE(rss_spread) ? dev->port.info.rx_queues : 1;
	uint32_t word;

	for (unsigned i = 0; i < RSSRK_BYTES; i += 4) {
		memcpy(&word, key + i, 4);
		nic_put32(dev, RSSRK + i, le32toh(word));
	}
	word = 0;
	for (unsigned i = 0; i < RETA_ENTRIES; i++) {
		const unsigned queue =
			FEATURE(rss_spread) && rss->table_len ? rss->table[i] : i % queues;

		word |= queue << (intel_kind(dev)->reta_shift + 8 * (i % 4));
		if (i % 4 < 3)
			continue;
		nic_put32(dev, RETA + i - 3, word);
		word = 0;
	}
}

/* MRQC: 7.1.11; 7.1.1.7 and 8.10 of the 82576. */
int
intel_set_rss(struct nic_dev *dev, const struct port_rss *rss)
{
	const struct intel_kind *kind = intel_kind(dev);
	const struct {
		uint32_t type, bit;
	} types[] = {
		{ BATON_RSS_IPV4_TCP, MRQC_IPV4_TCP },       { BATON_RSS_IPV4, MRQC_IPV4 },
		{ BATON_RSS_IPV6_TCP, kind->mrqc_ipv6_tcp }, { BATON_RSS_IPV6, MRQC_IPV6 },
		{ BATON_RSS_IPV4_UDP, MRQC_IPV4_UDP },       { BATON_RSS_IPV6_UDP, MRQC_IPV6_UDP }
	};
	const uint32_t asked = FEATURE(rss_types) ? rss->types : kind->rss_types;
	uint32_t mrqc = kind->mrqc;

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mrqc |= asked & types[i].type ? types[i].bit : 0;
	put_tables(dev, rss);
	nic_put32(dev, MRQC, mrqc);
	return 0;
}

/* Without RSS, everything is for the first queue. */
void
intel_start_rss(struct nic_dev *dev)
{
	if (dev->port.info.rx_queues > 1)
		intel_set_rss(dev, &dev->port.rss);
	else
		nic_put32(dev, MRQC, 0);
}
