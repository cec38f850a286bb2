/* SPDX-License-Identifier: BSD-3-Clause */
/* Find the structures of a virtio device: virtio 1.2, section 4.1.4. */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "base/err.h"
#include "virtio/pci/pci.h"

#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define TYPE_ISR    3
#define TYPE_DEVICE 4
#define TYPES       5

#define CAP_LEN          2 /* fields of struct virtio_pci_cap, by offset */
#define CAP_TYPE         3
#define CAP_BAR          4
#define CAP_OFFSET       8
#define CAP_LENGTH       12
#define CAP_LEAST        16
#define CAP_MULTIPLIER   16
#define CAP_NOTIFY_LEAST 20

struct finding {
	bool found;
	char why[256]; /* why the first structure of that type cannot be used */
};

static const struct {
	const char *name;
	uint64_t least;
	uint32_t align;
} kinds[TYPES] = {
	[TYPE_COMMON] = { "common configuration", VIRTIO_PCI_COMMON_LEAST, 4 },
	[TYPE_NOTIFY] = { "notification", 2, 2 },
	[TYPE_ISR] = { "interrupt status", 1, 1 },
	[TYPE_DEVICE] = { "device configuration", 6, 4 },
};

/* Map the structure that the capability at @off describes. */
static int
place(struct virtio_pci *vp, unsigned off, unsigned type, unsigned cap_len)
{
	struct pci_reg isr, *regs[TYPES] = { NULL, &vp->common, &vp->notify, &isr, &vp->config };
	uint32_t bar, offset, length;
	int ret;

	if (cap_len < (type == TYPE_NOTIFY ? CAP_NOTIFY_LEAST : CAP_LEAST) || off + cap_len > 256)
		return baton_err(EPROTO, "its length is %u bytes", cap_len);
	if ((ret = pci_config_read(vp->pci.dev, off + CAP_BAR, 1, &bar)) < 0 ||
	    (ret = pci_config_read(vp->pci.dev, off + CAP_OFFSET, 4, &offset)) < 0 ||
	    (ret = pci_config_read(vp->pci.dev, off + CAP_LENGTH, 4, &length)) < 0)
		return ret;
	if (length < kinds[type].least)
		return baton_err(EPROTO, "the structure has %u bytes, %llu are needed", length,
				 (unsigned long long)kinds[type].least);
	if (offset % kinds[type].align)
		return baton_err(EPROTO, "the structure is at %#x, which is not a multiple of %u",
				 offset, kinds[type].align);
	if (type == TYPE_NOTIFY && (ret = pci_config_read(vp->pci.dev, off + CAP_MULTIPLIER, 4,
							  &vp->notify_multiplier)) < 0)
		return ret;
	return pci_reg(vp->pci.dev, bar, offset, length, regs[type]);
}

/* A device may have a structure several times; the first one that can be used counts (4.1.4.2). */
static int
read_cap(struct virtio_pci *vp, unsigned off, struct finding *f)
{
	uint32_t cap_len, type;
	int ret;

	if ((ret = pci_config_read(vp->pci.dev, off + CAP_LEN, 1, &cap_len)) < 0 ||
	    (ret = pci_config_read(vp->pci.dev, off + CAP_TYPE, 1, &type)) < 0)
		return ret;
	if (type < TYPE_COMMON || type >= TYPES || f[type].found)
		return 0;
	ret = place(vp, off, type, cap_len);
	f[type].found = ret == 0;
	if (ret < 0 && !f[type].why[0])
		snprintf(f[type].why, sizeof(f[type].why),
			 "the capability at %#x cannot be used: %.180s", off, baton_last_error());
	return 0;
}

int
virtio_pci_find(struct nic_dev *dev)
{
	struct virtio_pci *vp = virtio_pci_of(dev);
	struct finding f[TYPES] = { 0 };
	struct pci_cap caps[PCI_MAX_CAPS];
	int n = pci_caps(vp->pci.dev, caps), ret;
	bool any = false;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (caps[i].id != PCI_CAP_ID_VNDR || caps[i].off > 256 - CAP_LEAST)
			continue;
		ret = read_cap(vp, caps[i].off, f);
		if (ret < 0)
			return ret;
	}
	for (unsigned type = TYPE_COMMON; type < TYPES; type++)
		any |= f[type].found || f[type].why[0];
	if (!any)
		return baton_err(ENOTSUP,
				 "%s is a legacy virtio device: there is no virtio 1.0 structure "
				 "among its %d capabilities; with QEMU, give it disable-legacy=on "
				 "or disable-modern=off",
				 vp->pci.dev->info.bdf, n);
	for (unsigned type = TYPE_COMMON; type < TYPES; type++)
		if (!f[type].found && type != TYPE_ISR) /* not needed with MSI-X */
			return baton_err(EPROTO,
					 "%s has no %s structure: %s; the device is broken or lies",
					 vp->pci.dev->info.bdf, kinds[type].name,
					 f[type].why[0] ? f[type].why
							: "none among its capabilities");
	return 0;
}
