/* SPDX-License-Identifier: BSD-3-Clause */
/* A PCI device as sysfs shows it: its driver, its IOMMU group, its VFIO node. */
#ifndef BATON_IOAS_FIND_H
#define BATON_IOAS_FIND_H

#include "base/text.h"
#include "ioas/os.h"

struct ioas_found {
	char bdf[16];           /* "0000:00:03.0" */
	char driver[IOAS_ROOM]; /* "" if it has no driver */
	int group;              /* -1: none */
	bool noiommu;           /* VFIO made the group because there is no IOMMU */
	char cdev[IOAS_ROOM];   /* "vfio0", or "" */
};

/**
 * Look up the PCI device @bdf; "03:00.0" is short for "0000:03:00.0".
 *
 * @want_noiommu: accept a device without a group.
 *
 * Return: 0 if vfio drives the device; -EINVAL if @bdf is not an address; -ENODEV if there is no
 * such device, or no IOMMU; -ENXIO if the device has no driver; -EBUSY if it has another driver.
 * The error message has the command to run.
 */
int ioas_find(const struct ioas_os *os, const char *bdf, bool want_noiommu, struct ioas_found *out);

/* The network interfaces that the kernel has on a device. */
struct ioas_interfaces {
	struct text text; /* "eth0 (up, has the default route), eth1 (down)"; "" if there is none */
	bool up, route;   /* one of them is up; has the default route */
};

void ioas_find_interfaces(const struct ioas_os *os, const char *bdf, struct ioas_interfaces *out);

/**
 * Write the other devices of the device's group: "0000:00:1f.3 (snd_hda_intel), 0000:00:1f.4 (no
 * driver)".
 *
 * @in_the_way: only those whose drivers prevent the use of the group.
 */
void ioas_text_group(const struct ioas_os *os, const struct ioas_found *found, bool in_the_way,
		     char *to, size_t room);

/**
 * Write the processes that have the device's group or one of its devices open, as far as this
 * process may see them: "process 812 (dpdk-testpmd)"; "" if there is none.
 */
void ioas_text_holders(const struct ioas_os *os, const struct ioas_found *found, char *to,
		       size_t room);

#endif
