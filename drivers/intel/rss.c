/* SPDX-License-Identifier: BSD-3-Clause */
#include "intel/intel.h"

#define RETA        0x5c00u
#define RSSRK       0x5c80u
#define RSSRK_BYTES 40u

void
intel_put_rss(const struct nic_dev *dev, const struct port_rss *rss, unsigned shift)
{
	const unsigned queues = dev->port.info.rx_queues;
	uint32_t word;

	for (unsigned i = 0; i < RSSRK_BYTES; i += 4) {
		memcpy(&word, rss->key + i, 4);
		nic_put32(dev, RSSRK + i, le32toh(word));
	}
	word = 0;
	for (unsigned i = 0; i < INTEL_RETA_ENTRIES; i++) {
		const unsigned queue = rss->table_len ? rss->table[i] : i % queues;

		word |= queue << (shift + 8 * (i % 4));
		if (i % 4 < 3)
			continue;
		nic_put32(dev, RETA + i - 3, word);
		word = 0;
	}
}
