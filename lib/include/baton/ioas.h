/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O address spaces.
 *
 * An address space says which memory a device may access, and at which addresses (IOVA). A device
 * cannot access memory before it is mapped nor after it is unmapped.
 *
 * Every context has one address space that its devices share; Baton creates it on first use. An
 * application may create further ones.
 */
#ifndef BATON_IOAS_H
#define BATON_IOAS_H

#include <baton/context.h>
#include <baton/mem.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What enforces an address space. */
enum baton_ioas_backend {
	/* Decided when the first device is opened: iommufd if /dev/iommu and the device's own node
	 * can be opened, else type1. */
	BATON_IOAS_AUTO,
	BATON_IOAS_IOMMUFD, /* /dev/iommu and /dev/vfio/devices/vfioN */
	BATON_IOAS_TYPE1,   /* /dev/vfio/vfio and /dev/vfio/GROUP */
	BATON_IOAS_COMPAT,  /* groups, with /dev/iommu as the container; for tests of that code */
	BATON_IOAS_NOIOMMU, /* physical addresses without any protection; AUTO never chooses it */
	BATON_IOAS_FLAT,    /* no kernel: IOVA = address - flat_base; for tests and emulators */
	BATON_IOAS_VHOST,   /* no kernel: the memory that a vhost-user backend receives */
};

/** A range of IOVAs. Both ends are part of it. */
struct baton_iova_range {
	uint64_t start; /* first address */
	uint64_t last;  /* last address */
};

/** Configuration of an address space. */
struct baton_ioas_config {
	size_t size;      /* sizeof(struct baton_ioas_config), in bytes */
	const char *name; /* shown in logs and error messages; NULL: "ioas" and a number */
	enum baton_ioas_backend backend; /* what enforces it */
	/* Addresses to use, out of those that the hardware offers; NULL: all of them. The ranges
	 * may overlap and come in any order; none may end before it starts. With iommufd, the
	 * kernel then refuses a device that cannot use them. */
	const struct baton_iova_range *windows;
	unsigned n_windows;    /* number of ranges in windows */
	const void *flat_base; /* BATON_IOAS_FLAT only; NULL: IOVA = address */
};

/* baton_ioas_config_init() for a struct of @size bytes. */
BATON_API void baton_ioas_config_init_(struct baton_ioas_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_ioas_config_init(struct baton_ioas_config *config)
{
	baton_ioas_config_init_(config, sizeof(*config));
}

struct baton_ioas;
struct baton_mapping;

/**
 * Get a backend by its name.
 *
 * The names are "auto", "iommufd", "type1", "compat", "noiommu", "flat" and "vhost".
 *
 * @name: the name.
 * @out:  receives the backend.
 *
 * Thread: any thread.
 * Return: 0 on success; -EINVAL if there is no such backend: the error message has the nearest
 * name.
 */
BATON_API int baton_ioas_backend_by_name(const char *name, enum baton_ioas_backend *out);

/**
 * Create an address space.
 *
 * Baton asks the kernel for nothing before the first device is opened.
 *
 * @ctx:    the context.
 * @config: the configuration; NULL for the defaults.
 * @out:    receives the address space.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid; -ENOMEM if memory is short.
 */
BATON_API int baton_ioas_create(struct baton_ctx *ctx, const struct baton_ioas_config *config,
				struct baton_ioas **out);

/**
 * Destroy an address space that has no devices and no mappings.
 *
 * @ioas: the address space, or NULL: nothing happens then.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if a device or a mapping is left: the error message names it, and
 * the address space stays as it is.
 */
BATON_API int baton_ioas_destroy(struct baton_ioas *ioas);

/**
 * Get the address space that the devices of a context share.
 *
 * Baton creates it at the first call. baton_ctx_destroy() destroys it.
 *
 * @ctx: the context.
 * @out: receives the address space.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if an argument is NULL; -ENOMEM if memory is short.
 */
BATON_API int baton_ctx_ioas(struct baton_ctx *ctx, struct baton_ioas **out);

/**
 * Choose the address space that the devices of a context share.
 *
 * Use it to choose the backend, before the first port is opened.
 *
 * @ctx:  the context.
 * @ioas: the address space.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EBUSY if the context has another shared address space already; -EINVAL if
 * @ioas belongs to another context.
 */
BATON_API int baton_ctx_set_ioas(struct baton_ctx *ctx, struct baton_ioas *ioas);

/** What is charged for pinned memory against RLIMIT_MEMLOCK. */
enum baton_ioas_accounting {
	BATON_IOAS_ACCOUNT_NONE,    /* nothing is pinned, or the process has CAP_IPC_LOCK */
	BATON_IOAS_ACCOUNT_PROCESS, /* the locked memory of this process */
	BATON_IOAS_ACCOUNT_USER,    /* the locked memory of all processes of this user */
};

/** State of an address space. */
struct baton_ioas_info {
	const char *name; /* valid while the address space exists */
	/* The backend in use; the one asked for, perhaps AUTO, before the first device is opened.
	 */
	enum baton_ioas_backend backend;
	const char *backend_name; /* name of the backend */
	const char *why;          /* why it was chosen, in one sentence; "" before the choice */
	unsigned devices;         /* number of open devices */
	unsigned mappings;        /* number of mappings */
	uint64_t mapped_bytes;    /* size of all mappings, in bytes */
	uint64_t map_calls;       /* number of times that the kernel was asked to map memory */
	/* Bitmap of page sizes in bytes, none smaller than the kernel's ordinary pages; iommufd
	 * tells the smallest one. */
	uint64_t page_sizes;
	uint64_t mappings_left; /* number of further mappings; UINT64_MAX: no limit is known */
	enum baton_ioas_accounting accounting; /* what pinned memory is charged to */
	unsigned ranges; /* number of ranges that baton_ioas_ranges() returns */
	/* Non-zero: a device can raise any interrupt, as there is no IOMMU or the module option
	 * allow_unsafe_interrupts is set. */
	int unsafe_interrupts;
};

/* baton_ioas_info() for a struct of @size bytes. */
BATON_API void baton_ioas_info_(const struct baton_ioas *ioas, struct baton_ioas_info *info,
				size_t size);

/**
 * Get the state of an address space.
 *
 * This function cannot fail.
 *
 * @ioas: the address space.
 * @info: receives the state; its strings belong to the address space.
 *
 * Thread: the control thread.
 */
static inline void
baton_ioas_info(const struct baton_ioas *ioas, struct baton_ioas_info *info)
{
	baton_ioas_info_(ioas, info, sizeof(*info));
}

/**
 * Get the addresses that can be mapped, as sorted ranges without the holes between them.
 *
 * There are none before the first device is opened, except with the backends flat and vhost.
 *
 * @ioas: the address space.
 * @out:  receives the first @n ranges.
 * @n:    number of ranges that @out has room for.
 *
 * Thread: the control thread.
 * Return: the number of ranges that there are, which may be more than @n; this function cannot
 * fail.
 */
BATON_API unsigned baton_ioas_ranges(const struct baton_ioas *ioas, struct baton_iova_range *out,
				     unsigned n);

#define BATON_MAP_READ  (1u << 0) /* flag: the device may read the memory */
#define BATON_MAP_WRITE (1u << 1) /* flag: the device may write the memory */
#define BATON_MAP_FIXED (1u << 2) /* flag: map at config.iova; else Baton chooses the address */

/** Memory to map. */
struct baton_map_config {
	size_t size;      /* sizeof(struct baton_map_config), in bytes */
	const char *name; /* shown in error messages; NULL: "memory" */
	void *va;         /* first byte; a multiple of the smallest of baton_ioas_info.page_sizes */
	size_t bytes;     /* size in bytes; a multiple of the same */
	/* Page size of the memory in bytes, as in struct baton_arena_info; 0: ordinary pages. */
	uint64_t page_size;
	unsigned flags; /* BATON_MAP_*; neither READ nor WRITE: both */
	uint64_t limit; /* highest address that the last byte may have; 0: no limit */
	uint64_t iova;  /* address of va for the device, with BATON_MAP_FIXED */
	/* File descriptor of the file that the memory is a shared mapping of; -1: not known.
	 * BATON_IOAS_VHOST needs it, to send it to the backend. The file must stay open until
	 * baton_ioas_unmap(). */
	int fd;
	uint64_t fd_offset; /* offset of va in that file, in bytes */
};

/* baton_map_config_init() for a struct of @size bytes. */
BATON_API void baton_map_config_init_(struct baton_map_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_map_config_init(struct baton_map_config *config)
{
	baton_map_config_init_(config, sizeof(*config));
}

/**
 * Map memory for the devices of an address space.
 *
 * The mapping has exactly the bytes asked for, at contiguous addresses. Without an IOMMU only the
 * bytes of a page are contiguous: see struct baton_mapping_info. The memory must exist until
 * baton_ioas_unmap().
 *
 * @ioas:   the address space.
 * @config: the memory.
 * @out:    receives the mapping.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the configuration is invalid, or has no file descriptor and the
 * backend needs one; -ENODEV before the first device is opened; -ENOSPC if no window has room below
 * the limit, or the backend takes no more mappings; -EADDRINUSE if something is mapped at the fixed
 * addresses; -ERANGE if the fixed addresses are outside of the ranges; -ENOMEM if RLIMIT_MEMLOCK
 * does not allow to pin that much memory (the error message has the numbers), or memory is short;
 * -EFAULT if the memory cannot be pinned; another errno of the kernel. Nothing is mapped then.
 */
BATON_API int baton_ioas_map(struct baton_ioas *ioas, const struct baton_map_config *config,
			     struct baton_mapping **out);

/**
 * Map a whole arena, readable and writable.
 *
 * @ioas:  the address space.
 * @arena: the arena.
 * @limit: highest address that the last byte may have; 0: no limit.
 * @out:   receives the mapping.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if an argument is NULL; else as baton_ioas_map().
 */
BATON_API int baton_ioas_map_arena(struct baton_ioas *ioas, const struct baton_arena *arena,
				   uint64_t limit, struct baton_mapping **out);

/**
 * Unmap memory: when this function returns 0, no device can access the memory any more.
 *
 * @mapping: the mapping, or NULL: nothing happens then.
 *
 * Thread: the control thread.
 * Return: 0 on success; a negative errno of the kernel, such as -EBUSY, if it refuses: the mapping
 * stays as it is, and the memory must not be freed.
 */
BATON_API int baton_ioas_unmap(struct baton_mapping *mapping);

/** Properties of a mapping. */
struct baton_mapping_info {
	void *va;       /* first byte of the memory */
	size_t bytes;   /* size in bytes */
	uint64_t iova;  /* address of va for the device, where pages is NULL */
	uint64_t limit; /* highest address that the last byte may have; UINT64_MAX: no limit */
	const uint64_t *pages;   /* without an IOMMU: address of each page; else NULL */
	unsigned page_shift;     /* a page of pages has 1 << page_shift bytes */
	struct baton_ioas *ioas; /* the address space */
};

/* baton_mapping_info() for a struct of @size bytes. */
BATON_API void baton_mapping_info_(const struct baton_mapping *mapping,
				   struct baton_mapping_info *info, size_t size);

/**
 * Get the properties of a mapping.
 *
 * This function cannot fail.
 *
 * @mapping: the mapping.
 * @info:    receives the properties; pages belongs to the mapping.
 *
 * Thread: any thread.
 */
static inline void
baton_mapping_info(const struct baton_mapping *mapping, struct baton_mapping_info *info)
{
	baton_mapping_info_(mapping, info, sizeof(*info));
}

/**
 * Translate an address in a mapping to the address that the device uses.
 *
 * @mapping: the mapping.
 * @va:      first byte.
 * @bytes:   number of bytes that the device accesses there.
 * @iova:    receives the address of @va for the device.
 *
 * Thread: any thread.
 * Return: 0 on success; -EFAULT if some of the bytes are outside of the mapping; -EXDEV if the
 * bytes lie in pages that are not contiguous for the device (without an IOMMU only).
 */
BATON_API int baton_mapping_iova(const struct baton_mapping *mapping, const void *va, size_t bytes,
				 uint64_t *iova);

#ifdef __cplusplus
}
#endif

#endif
