/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers need of an address space beside the public <baton/ioas.h>: a VFIO device that lives
 * in one.
 *
 * Opening a device is the address space's business, since each backend has its own way (iommufd:
 * the device's cdev, bind and attach; type1: group and container); what is done with the open
 * device is lib/pci's.
 */
#ifndef BATON_IOAS_IOAS_H
#define BATON_IOAS_IOAS_H

#include <baton/ioas.h>

struct ioas_device;

/**
 * Open the PCI device @bdf ("0000:00:03.0") through VFIO and attach it to an address space.
 *
 * Control thread. Return: 0; a negative errno whose sentence names what stands in the way (no such
 * device, bound to which driver, group not viable and by whose fault, open elsewhere, which node
 * lacks permission) and the command that helps.
 */
int ioas_attach(struct baton_ioas *ioas, const char *bdf, struct ioas_device **out);

/** The device's descriptor, for VFIO_DEVICE_* and mmap(). It stays the address space's. */
int ioas_device_fd(const struct ioas_device *dev);

/** Close the device. Mappings of the address space stay. */
void ioas_detach(struct ioas_device *dev);

/** Destroy what a context that ends has of address spaces. Return: 0; -EBUSY, and nothing changed.
 */
int ioas_destroy_all(struct baton_ctx *ctx);

#endif
