/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O address spaces: which memory a device may reach, and under which addresses (IOVA).
 *
 * Every context has one, made when it is first asked for, which its devices share; more can be made
 * and given to single ports. Nothing is reachable before it is mapped, and nothing after it is
 * unmapped.
 *
 * All of it belongs to the context's control thread; what a mapping's info says may be read by any.
 */
#ifndef BATON_IOAS_H
#define BATON_IOAS_H

#include <baton/context.h>
#include <baton/mem.h>

#ifdef __cplusplus
extern "C" {
#endif

enum baton_ioas_backend {
	BATON_IOAS_AUTO, /* iommufd where it and the device's node open, else type1; decided by the
			    first device */
	BATON_IOAS_IOMMUFD, /* /dev/iommu and /dev/vfio/devices/vfioN */
	BATON_IOAS_TYPE1,   /* /dev/vfio/vfio and /dev/vfio/GROUP */
	BATON_IOAS_COMPAT,  /* groups, on /dev/iommu in place of a container; to try that code */
	BATON_IOAS_NOIOMMU, /* physical addresses, no protection at all: never chosen by AUTO */
	BATON_IOAS_FLAT,    /* no kernel: IOVA = address - flat_base; for tests and emulators */
	BATON_IOAS_VHOST,   /* no kernel: the memory that a vhost-user backend is given */
};

/* A run of addresses, both ends included, so that the last byte of the space can be said. */
struct baton_iova_range {
	uint64_t start;
	uint64_t last;
};

struct baton_ioas_config {
	size_t size;      /* sizeof(struct baton_ioas_config) */
	const char *name; /* shown in logs and errors; NULL: "ioas" and a number */
	enum baton_ioas_backend backend;
	/* Use only these of the addresses the hardware offers; any order, may overlap, but none may
	 * end before it starts. NULL: all. With iommufd the kernel then refuses devices that would
	 * narrow them. */
	const struct baton_iova_range *windows;
	unsigned n_windows;
	const void *flat_base; /* BATON_IOAS_FLAT only; NULL: IOVA = address */
};

struct baton_ioas;
struct baton_mapping;

/** Fill in the defaults, size included. */
BATON_API void baton_ioas_config_init(struct baton_ioas_config *config);

/** The backend called @name ("auto", "iommufd", "type1", "compat", "noiommu", "flat", "vhost"). Any
 * thread. -EINVAL names the nearest. */
BATON_API int baton_ioas_backend_by_name(const char *name, enum baton_ioas_backend *out);

/**
 * Create an address space. The kernel is asked for nothing before the first device comes.
 *
 * @config: may be NULL for the defaults.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
BATON_API int baton_ioas_create(struct baton_ctx *ctx, const struct baton_ioas_config *config,
				struct baton_ioas **out);

/** Destroy an address space without devices and mappings. Return: 0; -EBUSY, naming what is there,
 * and nothing changed. */
BATON_API int baton_ioas_destroy(struct baton_ioas *ioas);

/**
 * The address space that devices of the context share, made when it is first asked for.
 * baton_ctx_destroy() destroys it with the context.
 *
 * Return: 0; -ENOMEM.
 */
BATON_API int baton_ctx_ioas(struct baton_ctx *ctx, struct baton_ioas **out);

/**
 * Make @ioas the one that devices share, say because a backend was asked for by name.
 *
 * Return: 0; -EBUSY when the context has made its own already; -EINVAL when @ioas is another
 * context's.
 */
BATON_API int baton_ctx_set_ioas(struct baton_ctx *ctx, struct baton_ioas *ioas);

/* Whose pinned memory counts against RLIMIT_MEMLOCK. */
enum baton_ioas_accounting {
	BATON_IOAS_ACCOUNT_NONE,    /* nothing is pinned, or the process has CAP_IPC_LOCK */
	BATON_IOAS_ACCOUNT_PROCESS, /* this process's locked memory */
	BATON_IOAS_ACCOUNT_USER,    /* that of all processes of the user */
};

struct baton_ioas_info {
	const char *name;
	enum baton_ioas_backend
		backend; /* as asked for while no device came, so AUTO may still be undecided */
	const char *backend_name;
	const char *why; /* one sentence: what was chosen for which reason; "" before */
	unsigned devices;
	unsigned mappings;
	uint64_t mapped_bytes;
	uint64_t map_calls;     /* how often the kernel was asked to map */
	uint64_t page_sizes;    /* bitmap; iommufd tells only the smallest */
	uint64_t mappings_left; /* how many more the backend takes; UINT64_MAX: no limit known */
	enum baton_ioas_accounting accounting;
	unsigned ranges;       /* of baton_ioas_ranges() */
	int unsafe_interrupts; /* devices may raise any interrupt: no IOMMU, or
				  allow_unsafe_interrupts is set */
};

BATON_API void baton_ioas_info(const struct baton_ioas *ioas, struct baton_ioas_info *info);

/**
 * The addresses that can be mapped, sorted, merged, holes left out. None before the first device.
 *
 * Return: how many ranges there are; the first @n are written to @out.
 */
BATON_API unsigned baton_ioas_ranges(const struct baton_ioas *ioas, struct baton_iova_range *out,
				     unsigned n);

#define BATON_MAP_READ  (1u << 0) /* the device may read it */
#define BATON_MAP_WRITE (1u << 1) /* the device may write it */
#define BATON_MAP_FIXED (1u << 2) /* at config.iova, not where Baton chooses */

struct baton_map_config {
	size_t size;      /* sizeof(struct baton_map_config) */
	const char *name; /* shown in errors; NULL: "memory" */
	void *va;         /* both multiples of the smallest page */
	size_t bytes;
	uint64_t page_size; /* of the memory (struct baton_arena_info); 0: ordinary pages */
	unsigned flags;     /* BATON_MAP_*; neither READ nor WRITE: both */
	uint64_t limit;     /* the highest address its last byte may have; 0: none */
	uint64_t iova;      /* with BATON_MAP_FIXED */
	/* What the memory is a shared mapping of, and where in it; -1: not known. BATON_IOAS_VHOST
	 * needs it: it is what the backend is given. It must stay open until baton_ioas_unmap(). */
	int fd;
	uint64_t fd_offset;
};

/** Fill in the defaults, size included. */
BATON_API void baton_map_config_init(struct baton_map_config *config);

/**
 * Map memory for the devices of an address space: exactly these bytes at one contiguous run of
 * addresses, or nothing (without an IOMMU, a run a page: see struct baton_mapping_info). The memory
 * must stay until baton_ioas_unmap().
 *
 * Return: 0; -EINVAL, also for memory without fd where one is needed; -ENODEV before the first
 * device; -ENOSPC when no window has room under the
 * limit, or the backend takes no more mappings; -EADDRINUSE when the fixed addresses are taken;
 * -ERANGE when they are none of the ranges; -ENOMEM when more would be pinned than RLIMIT_MEMLOCK
 * allows, with the numbers; -EFAULT for memory that cannot be pinned.
 */
BATON_API int baton_ioas_map(struct baton_ioas *ioas, const struct baton_map_config *config,
			     struct baton_mapping **out);

/** Map the whole of an arena, readable and writable, below @limit (0: anywhere). */
BATON_API int baton_ioas_map_arena(struct baton_ioas *ioas, const struct baton_arena *arena,
				   uint64_t limit, struct baton_mapping **out);

/**
 * End a mapping: no device reaches the memory any more when this returns 0.
 *
 * Return: 0; a negative errno when the kernel refused: the mapping is as before, so the memory must
 * stay.
 */
BATON_API int baton_ioas_unmap(struct baton_mapping *mapping);

struct baton_mapping_info {
	void *va;
	size_t bytes;
	uint64_t iova; /* of va; pages follow one another when `pages` is NULL */
	uint64_t limit;
	/* Without an IOMMU: the address of each page of 1 << page_shift bytes. */
	const uint64_t *pages;
	unsigned page_shift;
	struct baton_ioas *ioas;
};

BATON_API void baton_mapping_info(const struct baton_mapping *mapping,
				  struct baton_mapping_info *info);

/**
 * The address of @bytes at @va for the device. Any thread.
 *
 * Return: 0; -EFAULT when they are not all inside the mapping; -EXDEV when they straddle pages that
 * do not follow one another for the device (without an IOMMU only).
 */
BATON_API int baton_mapping_iova(const struct baton_mapping *mapping, const void *va, size_t bytes,
				 uint64_t *iova);

#ifdef __cplusplus
}
#endif

#endif
