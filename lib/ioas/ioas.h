/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers need of an address space in addition to <baton/ioas.h>: a VFIO device that is in it.
 *
 * The address space opens the device, because each backend does it in its own way (iommufd: the
 * device's cdev, bind and attach; type1: group and container). lib/pci uses the open device.
 */
#ifndef BATON_IOAS_IOAS_H
#define BATON_IOAS_IOAS_H

#include <baton/ioas.h>

struct ioas_device;

/**
 * Open the PCI device @bdf ("0000:00:03.0") through VFIO and attach it to an address space.
 *
 * Control thread. Return: 0; a negative errno. The error message names the obstacle (no such
 * device, the driver it is bound to, who makes the group unusable, who has it open, the node that
 * lacks permission) and the command that helps.
 */
int ioas_attach(struct baton_ioas *ioas, const char *bdf, struct ioas_device **out);

/**
 * The file descriptor of the device, for VFIO_DEVICE_* and mmap(). It belongs to the address space.
 */
int ioas_device_fd(const struct ioas_device *dev);

/** Close the device. The mappings of the address space remain. */
void ioas_detach(struct ioas_device *dev);

/* A mapping, for a transport that sends memory to a backend. */
struct ioas_entry {
	const char *name;
	void *va;
	uint64_t bytes;
	uint64_t iova;  /* of the whole mapping; valid only if the mapping has no table of pages */
	unsigned flags; /* BATON_MAP_READ, BATON_MAP_WRITE */
	int fd;         /* -1: none */
	uint64_t fd_offset;
};

/**
 * Iterate over the mappings, the newest first. @at: NULL for the first call.
 *
 * Return: the mapping after @at, described in @out; NULL at the end. A mapping may be unmapped only
 * after its successor was read.
 */
const struct baton_mapping *ioas_next(const struct baton_ioas *ioas, const struct baton_mapping *at,
				      struct ioas_entry *out);

/**
 * Find the mapping that contains the address @iova, and describe it in @out. Return: NULL if there
 * is none.
 */
const struct baton_mapping *ioas_find_iova(const struct baton_ioas *ioas, uint64_t iova,
					   struct ioas_entry *out);

/**
 * Set a function that is called before a mapping of a `vhost` address space ends, to withdraw it
 * from the backend.
 *
 * The mapping ends even if the backend does not agree: its owner closes the file descriptor next.
 * The same number may then be another file, which the next memory table would pass on.
 */
void ioas_on_unmap(struct baton_ioas *ioas, void (*fn)(void *arg, const struct ioas_entry *e),
		   void *arg);

/**
 * Destroy the address spaces of a context that is being destroyed. Return: 0; -EBUSY, and nothing
 * is changed.
 */
int ioas_destroy_all(struct baton_ctx *ctx);

/**
 * Get the bytes of the smallest page: addresses and lengths of mappings are multiples of it. It is
 * the kernel's ordinary page, or a larger one of the IOMMU's.
 */
uint64_t ioas_page(const struct baton_ioas *ioas);

/**
 * Count the bytes of the largest range that could be mapped below @limit now. If Baton does not
 * choose the addresses: the size that is certain to be contiguous.
 */
uint64_t ioas_largest(const struct baton_ioas *ioas, uint64_t limit);

/** End a mapping that no user of the library has. NULL: nothing. Return: as baton_ioas_unmap(). */
int ioas_unmap(struct baton_mapping *mapping);

#endif
