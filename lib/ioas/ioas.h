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

/* A mapping, as a transport that passes memory on needs it. */
struct ioas_entry {
	const char *name;
	void *va;
	uint64_t bytes;
	uint64_t iova;  /* of all of it; only where no mapping has pages of its own */
	unsigned flags; /* BATON_MAP_READ, BATON_MAP_WRITE */
	int fd;         /* -1: none */
	uint64_t fd_offset;
};

/**
 * Go through the mappings, the newest first. @at: NULL before the first call.
 *
 * Return: the next mapping after @at, described in @out; NULL when there is none. A mapping may be
 * unmapped only after its successor was asked for.
 */
const struct baton_mapping *ioas_next(const struct baton_ioas *ioas, const struct baton_mapping *at,
				      struct ioas_entry *out);

/** The mapping that has the address @iova, described in @out. Return: NULL when nothing is there.
 */
const struct baton_mapping *ioas_find_iova(const struct baton_ioas *ioas, uint64_t iova,
					   struct ioas_entry *out);

/**
 * Have @fn called before a mapping of a `vhost` address space ends, to take it from the backend. It
 * ends whatever the backend says: its owner closes the descriptor next, and the number may then be
 * that of any file, which the next memory table would hand over.
 */
void ioas_on_unmap(struct baton_ioas *ioas, void (*fn)(void *arg, const struct ioas_entry *e),
		   void *arg);

/** Destroy what a context that ends has of address spaces. Return: 0; -EBUSY, and nothing changed.
 */
int ioas_destroy_all(struct baton_ctx *ctx);

/**
 * Bytes of the largest run of addresses that could be mapped below @limit now. Where addresses are
 * not Baton's to choose: as much as is certain to be one run.
 */
uint64_t ioas_largest(const struct baton_ioas *ioas, uint64_t limit);

#endif
