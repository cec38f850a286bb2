/* SPDX-License-Identifier: BSD-3-Clause */
/* The private side of an address space, and the interface of a backend. */
#ifndef BATON_IOAS_SPACE_H
#define BATON_IOAS_SPACE_H

#include "ctx/handle.h"
#include "ioas/ioas.h"
#include "ioas/ioas_error.h"
#include "ioas/iova.h"
#include "ioas/os.h"

struct ioas_found;

struct ioas_group {
	struct ioas_group *next;
	int number;
	int fd;
	unsigned devices;
};

struct ioas_device {
	struct ioas_device *next;
	struct baton_ioas *ioas;
	struct ioas_group *group; /* NULL: opened by the device's own node */
	int fd;
	char bdf[16];
};

struct baton_mapping {
	struct baton_handle handle;
	struct baton_mapping *next;
	struct baton_mapping_info info;
	uint64_t *pages; /* info.pages */
	unsigned flags;
	int fd;
	uint64_t fd_offset;
	bool charged;       /* charged against RLIMIT_MEMLOCK: the process was not exempt */
	uint64_t page_size; /* page size of the memory */
	char name[64];
};

/* The limits of a backend, known once it has a device. */
struct ioas_limits {
	struct baton_iova_range *ranges; /* as the kernel reported them; the caller frees them */
	unsigned n_ranges;
	uint64_t page_sizes;    /* bitmap; addresses and lengths are multiples of the lowest bit */
	uint64_t mappings_left; /* UINT64_MAX: no limit is known */
};

/*
 * A backend. A call that fails sets the error message and changes nothing. A failing open or attach
 * sets ioas->absent if a node could not be opened at all, so that AUTO may try another backend.
 */
struct ioas_ops {
	const char *name;
	const char *map_call, *unmap_call; /* names of the kernel's calls */
	enum baton_ioas_backend backend;
	bool software;    /* no VFIO device: open from the beginning, and never closed */
	bool needs_fd;    /* memory to map must have a file descriptor */
	const char *more; /* what helps when it takes no more mappings */
	int (*open)(struct baton_ioas *ioas);
	void (*close)(struct baton_ioas *ioas);
	int (*attach)(struct baton_ioas *ioas, const struct ioas_found *found,
		      struct ioas_device *dev);
	void (*detach)(struct baton_ioas *ioas, struct ioas_device *dev);
	/* Release what only former devices or mappings needed. May be NULL. */
	void (*tidy)(struct baton_ioas *ioas);
	int (*limits)(struct baton_ioas *ioas, struct ioas_limits *out);
	/*
	 * Make the kernel guarantee these addresses: later devices must not narrow them. May be
	 * NULL.
	 */
	int (*allow)(struct baton_ioas *ioas, const struct baton_iova_range *windows, unsigned n);
	/*
	 * For a backend whose addresses cannot be chosen: set m->info.iova, or m->pages. NULL:
	 * Baton chooses.
	 */
	int (*place)(struct baton_ioas *ioas, struct baton_mapping *m);
	/* One call of the kernel. NULL: none is needed. */
	int (*map)(struct baton_ioas *ioas, const struct baton_mapping *m);
	int (*unmap)(struct baton_ioas *ioas, const struct baton_mapping *m);
};

struct baton_ioas {
	struct baton_handle handle;
	struct baton_ioas *next; /* next one of the context */
	struct baton_ctx *ctx;
	const struct ioas_os *os; /* it outlives the address space */
	uint64_t page;            /* bytes of an ordinary page */
	enum baton_ioas_backend asked;
	char name[32];
	struct baton_iova_range *asked_windows; /* sorted and merged; NULL: all addresses */
	unsigned n_asked_windows;
	const uint8_t *flat_base;

	const struct ioas_ops *ops; /* NULL: no device was opened yet */
	bool absent;
	char why[480];
	int fd;      /* /dev/iommu or the container */
	uint32_t id; /* ID of this address space in the iommufd */
	bool unsafe_interrupts;
	bool iommu_set; /* type1: the container has its IOMMU */
	struct ioas_group *groups;
	enum baton_ioas_accounting accounting;
	uint64_t page_sizes;
	uint64_t mappings_limit;
	struct iova_space space;

	/* vhost: see ioas_on_unmap() */
	void (*on_unmap)(void *arg, const struct ioas_entry *e);
	void *unmap_arg;

	struct ioas_device *devices;
	struct baton_mapping *mappings;
	unsigned n_devices, n_mappings;
	uint64_t mapped_bytes, map_calls;
};

extern const struct ioas_ops ioas_iommufd, ioas_type1, ioas_compat, ioas_noiommu, ioas_flat,
	ioas_vhost;

/** Describe a mapping for code outside of lib/ioas. */
void ioas_describe(const struct baton_mapping *m, struct ioas_entry *out);

/** Get a backend by its number. Return: NULL for AUTO. */
const struct ioas_ops *ioas_ops_of(enum baton_ioas_backend backend);

/*
 * What EPERM means for a device whose nodes could be opened: no other process is known to have its
 * group.
 */
#define IOAS_UNSAFE(module)                                                                        \
	"either the IOMMU does not isolate interrupts (no interrupt remapping), so that a device " \
	"could raise any, "                                                                        \
	"or another device of its group is in use by another process; stop that, or switch "       \
	"interrupt remapping on in the "                                                           \
	"firmware (a virtual machine: intel-iommu,intremap=on), or accept it: echo Y > "           \
	"/sys/module/" module "/parameters/allow_unsafe_interrupts"

/* baton_ioas_create() with a given kernel, for the tests; NULL: that of the context. */
int baton_ioas_create_with(struct baton_ctx *ctx, const struct baton_ioas_config *config,
			   const struct ioas_os *os, struct baton_ioas **out);

/**
 * Get the limits of the backend and apply them. Return: 0; -EADDRINUSE if a mapping would be
 * outside of them: nothing is changed.
 */
int ioas_refresh(struct baton_ioas *ioas, const char *bdf);

/**
 * The limits of a backend that has none: every address, any number of mappings, the page size of
 * the host.
 */
int ioas_no_limits(struct baton_ioas *ioas, struct ioas_limits *out);

/** Close the backend if neither devices nor mappings need it. */
void ioas_idle(struct baton_ioas *ioas);

/**
 * Whether @bytes more can be pinned below RLIMIT_MEMLOCK, as the backend accounts. Return: 0;
 * -ENOMEM with the numbers.
 */
int ioas_check_memlock(const struct baton_ioas *ioas, const char *name, uint64_t bytes);

/**
 * Append "RLIMIT_MEMLOCK is 8 MiB, of which ... uses 4 MiB", for when the kernel reports ENOMEM
 * nevertheless.
 */
void ioas_text_memlock(const struct baton_ioas *ioas, struct text *to);

/**
 * Open a node under /dev if it is what the kernel has by its name.
 *
 * @found: the device of the node; NULL: /dev/iommu or /dev/vfio/vfio.
 *
 * Return: a descriptor; -ENODEV if the node is another device, or none; an error of open(). Sets
 * ioas->absent if the node is not there, or not for this user, so that AUTO may go on without.
 */
int ioas_open_node(struct baton_ioas *ioas, const char *node, const struct ioas_found *found);

/**
 * Compare the nodes of a device, as far as they are there and would be used, before anything is
 * opened. Return: 0; -ENODEV if one is another device, or none.
 */
int ioas_check_nodes(struct baton_ioas *ioas, const struct ioas_found *found);

/**
 * Set the message for a node under /dev that could not be opened: who may open it, or who has it
 * open. Sets ioas->absent. @found: the device of the node, or NULL. @is: the node, if it is known.
 *
 * Return: ret.
 */
int ioas_open_failed(struct baton_ioas *ioas, int ret, const char *node,
		     const struct ioas_found *found, const struct ioas_node *is)
	__attribute__((cold));

#endif
