/* SPDX-License-Identifier: BSD-3-Clause */
/* A PCI device as sysfs shows it: who drives it, its IOMMU group, its VFIO node. */
#ifndef BATON_IOAS_FIND_H
#define BATON_IOAS_FIND_H

#include "ioas/os.h"

struct ioas_found {
	char bdf[16];           /* "0000:00:03.0" */
	char driver[IOAS_ROOM]; /* "" when none has it */
	int group;              /* -1: none */
	bool noiommu;           /* the group is one that VFIO made for want of an IOMMU */
	char cdev[IOAS_ROOM];   /* "vfio0", or "" */
};

/**
 * Look @bdf up; "03:00.0" is short for "0000:03:00.0".
 *
 * @want_noiommu: a device without a group is what is wanted.
 *
 * Return: 0 for a device that vfio drives; -EINVAL for what is no address, -ENODEV when there is no
 * such device, or no IOMMU; -ENXIO when no driver has it; -EBUSY when another one has. The sentence
 * has the command to run.
 */
int ioas_find(const struct ioas_os *os, const char *bdf, bool want_noiommu, struct ioas_found *out);

/**
 * Who else is in the device's group: "0000:00:1f.3 (snd_hda_intel), 0000:00:1f.4 (no driver)".
 *
 * @in_the_way: only those whose drivers keep the group from being used.
 */
void ioas_text_group(const struct ioas_os *os, const struct ioas_found *found, bool in_the_way,
		     char *to, size_t room);

/**
 * Which processes have the device's group or one of its devices open, as far as we may see:
 * "process 812 (dpdk-testpmd)"; "" when none is seen.
 */
void ioas_text_holders(const struct ioas_os *os, const struct ioas_found *found, char *to,
		       size_t room);

#endif
