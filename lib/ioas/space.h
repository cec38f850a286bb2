/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of an address space, and what a backend is to it. */
#ifndef BATON_IOAS_SPACE_H
#define BATON_IOAS_SPACE_H

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
	struct ioas_group *group; /* NULL: opened by its own node */
	int fd;
	char bdf[16];
};

struct baton_mapping {
	struct baton_mapping *next;
	struct baton_mapping_info info;
	uint64_t *pages; /* info.pages */
	unsigned flags;
	int fd;
	uint64_t fd_offset;
	bool charged;       /* against RLIMIT_MEMLOCK: the process was not exempt */
	uint64_t page_size; /* of the memory */
	char name[64];
};

/* What a backend says of its addresses once a device is there. */
struct ioas_limits {
	struct baton_iova_range *ranges; /* as the kernel gave them; freed by who asked */
	unsigned n_ranges;
	uint64_t page_sizes; /* bitmap; the lowest bit is what addresses and lengths are multiples
				of */
	uint64_t mappings_left; /* UINT64_MAX: no limit known */
};

/*
 * A backend. Every call that fails sets the sentence and leaves things as they were. A failing open
 * or attach sets ioas->absent when a node could not be opened at all, so that AUTO may try another
 * backend.
 */
struct ioas_ops {
	const char *name;
	const char *map_call, *unmap_call; /* the kernel's names of them */
	enum baton_ioas_backend backend;
	bool software;    /* no VFIO device: open from the start, and never closed */
	bool needs_fd;    /* of what is mapped */
	const char *more; /* what helps when it takes no more mappings */
	int (*open)(struct baton_ioas *ioas);
	void (*close)(struct baton_ioas *ioas);
	int (*attach)(struct baton_ioas *ioas, const struct ioas_found *found,
		      struct ioas_device *dev);
	void (*detach)(struct baton_ioas *ioas, struct ioas_device *dev);
	/* Let go of what only devices or mappings that are gone needed. May be NULL. */
	void (*tidy)(struct baton_ioas *ioas);
	int (*limits)(struct baton_ioas *ioas, struct ioas_limits *out);
	/* Hold the kernel to these addresses: what comes later shall not narrow them. May be NULL.
	 */
	int (*allow)(struct baton_ioas *ioas, const struct baton_iova_range *windows, unsigned n);
	/* Where addresses cannot be chosen: set m->info.iova, or m->pages. NULL: Baton chooses. */
	int (*place)(struct baton_ioas *ioas, struct baton_mapping *m);
	/* One call to the kernel; NULL: none is needed. */
	int (*map)(struct baton_ioas *ioas, const struct baton_mapping *m);
	int (*unmap)(struct baton_ioas *ioas, const struct baton_mapping *m);
};

struct baton_ioas {
	struct baton_ioas *next; /* of the context */
	struct baton_ctx *ctx;
	const struct ioas_os *os; /* outlives us */
	uint64_t page;            /* bytes of an ordinary page */
	enum baton_ioas_backend asked;
	char name[32];
	struct baton_iova_range *asked_windows; /* NULL: all; sorted and merged */
	unsigned n_asked_windows;
	const uint8_t *flat_base;

	const struct ioas_ops *ops; /* NULL: no device came yet */
	bool absent;
	char why[480];
	int fd;      /* /dev/iommu or the container */
	uint32_t id; /* iommufd's for this address space */
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

/** A mapping as others see it. */
void ioas_describe(const struct baton_mapping *m, struct ioas_entry *out);

/** The backend of that number; NULL for AUTO, which is none. */
const struct ioas_ops *ioas_ops_of(enum baton_ioas_backend backend);

/* What EPERM means for a device whose nodes could be opened: the group is not known to be anybody
 * else's. */
#define IOAS_UNSAFE(module)                                                                        \
	"either the IOMMU does not isolate interrupts (no interrupt remapping), so that a device " \
	"could raise any, "                                                                        \
	"or another device of its group is in use by another process; stop that, or switch "       \
	"interrupt remapping on in the "                                                           \
	"firmware (a virtual machine: intel-iommu,intremap=on), or accept it: echo Y > "           \
	"/sys/module/" module "/parameters/allow_unsafe_interrupts"

/* baton_ioas_create() on a given kernel. For the tests. */
int baton_ioas_create_with(struct baton_ctx *ctx, const struct baton_ioas_config *config,
			   const struct ioas_os *os, struct baton_ioas **out);

/** Ask the backend for its limits and take them over. -EADDRINUSE when a mapping would be outside;
 * nothing changed. */
int ioas_refresh(struct baton_ioas *ioas, const char *bdf);

/** The limits of a backend without any: every address, any number of mappings, the host's page
 * size. */
int ioas_no_limits(struct baton_ioas *ioas, struct ioas_limits *out);

/** Close the backend when neither devices nor mappings need it. */
void ioas_idle(struct baton_ioas *ioas);

/** Whether pinning @bytes more stays below RLIMIT_MEMLOCK, as the backend accounts. -ENOMEM, with
 * the numbers. */
int ioas_check_memlock(const struct baton_ioas *ioas, const char *name, uint64_t bytes);

/** "RLIMIT_MEMLOCK is 8 MiB, of which ... uses 4 MiB", for when the kernel ran out all the same. */
void ioas_text_memlock(const struct baton_ioas *ioas, struct text *to);

/**
 * A node under /dev did not open: says who may be let in, or who has it. Sets ioas->absent. @found:
 * whose node it is, or NULL.
 *
 * Return: ret.
 */
int ioas_open_failed(struct baton_ioas *ioas, int ret, const char *node,
		     const struct ioas_found *found) __attribute__((cold));

#endif
