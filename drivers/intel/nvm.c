/* SPDX-License-Identifier: BSD-3-Clause */
#include "intel/intel.h"

#define EERD      0x0014u
#define START     (1u << 0)
#define DONE      (1u << 1)
#define ADDR      2 /* shifts */
#define DATA      16
#define NVM_WORDS 64u
#define NVM_SUM   0xbabau
#define NVM_MS    20 /* for a word */

/* 10.2.2.4 */
static int
read_word(const struct nic_dev *dev, uint32_t at, uint16_t *word)
{
	int ret;

	nic_put32(dev, EERD, at << ADDR | START);
	ret = nic_pci_wait(&dev->pci->regs, EERD, DONE, DONE, NVM_MS, "reading the NVM");
	if (ret < 0)
		return ret;
	*word = (uint16_t)(nic_get32(dev, EERD) >> DATA);
	return 0;
}

int
intel_check_nvm(const struct nic_dev *dev, uint16_t first[3])
{
	uint16_t sum = 0, word;
	int ret;

	for (uint32_t i = 0; i < NVM_WORDS; i++) {
		if ((ret = read_word(dev, i, &word)) < 0)
			return ret;
		sum = (uint16_t)(sum + word);
		if (i < 3)
			first[i] = word;
	}
	if (MUST(nvm_sum, sum == NVM_SUM))
		return 0;
	return baton_err(EPROTO,
			 "%s: the words of its NVM add up to %#x, those of a good one to %#x: it "
			 "is damaged, or was never written",
			 dev->port.name, sum, NVM_SUM);
}

int
intel_check_mac(const struct nic_dev *dev, uint64_t mac)
{
	if (MUST(nvm_mac, mac && !(mac & 1)))
		return 0;
	return baton_err(EPROTO,
			 "%s: its NVM has the MAC address %#012llx, its first byte the last of "
			 "these, which is %s",
			 dev->port.name, (unsigned long long)mac,
			 mac ? "a multicast address" : "none");
}
