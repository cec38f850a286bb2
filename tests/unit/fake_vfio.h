/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel's VFIO and iommufd that is not there, behind struct ioas_os: device and group nodes,
 * containers, iommufds with their objects, what is mapped and pinned, and the errors Linux 6.12
 * gives. Each call can be made to fail.
 */
#ifndef FAKE_VFIO_H
#define FAKE_VFIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "base/err.h"
#include "ctx/ctx.h"
#include "ioas/space.h"
#include "ioas/uapi.h"

#define KIB 1024ull
#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define FAKE_DEVS    6
#define FAKE_FDS     64
#define FAKE_MAPS    128
#define FAKE_CALLS   512
#define FAKE_WINDOWS 40

struct fake_dev {
	const char *bdf; /* NULL: an empty slot */
	const char *driver;
	const char *class;
	int group; /* -1: none */
	bool noiommu;
	const char *cdev;
	struct baton_iova_range windows[FAKE_WINDOWS]; /* both 0: no more */
	uint64_t page_sizes;
	bool isolated;   /* interrupts are remapped */
	const char *net; /* the kernel's network interface on it, */
	bool net_below;  /* below a device virtio0 */
};

struct fake_map {
	uint64_t iova, bytes;
	unsigned prot; /* BATON_MAP_* */
};

/* What devices are attached to: an iommufd's IOAS or a container. */
struct fake_space {
	uint32_t id; /* 0: an empty slot */
	struct fake_map maps[FAKE_MAPS];
	unsigned n;
	struct baton_iova_range allowed[FAKE_WINDOWS]; /* IOMMU_IOAS_ALLOW_IOVAS */
	unsigned n_allowed;
};

enum fake_kind {
	FAKE_FREE,
	FAKE_IOMMUFD,
	FAKE_CDEV,
	FAKE_CONTAINER,
	FAKE_GROUP,
	FAKE_DEVICE,
	FAKE_PAGEMAP
};

struct fake_fd {
	enum fake_kind kind;
	int index; /* device (CDEV, DEVICE) or group number (GROUP); 1: of /dev/vfio/vfio */
	int to; /* CDEV: its iommufd; GROUP: its container; DEVICE: its group's descriptor; -1: none
		 */
	const struct ioas_node *is; /* not NULL: what it has open */
	uint32_t id; /* CDEV: the IOAS it is attached to; IOMMUFD: the one for compat */
	bool iommu;  /* CONTAINER: VFIO_SET_IOMMU was done */
	struct fake_space space[2];
};

struct fake {
	struct ioas_os os; /* first, so that the calls find the rest */

	/* the machine */
	struct fake_dev devs[FAKE_DEVS];
	bool iommufd, cdevs, container, container_is_iommufd, noiommu_mode;
	bool option, enforces, pagemap_hidden;
	bool no_caps, lies, loops;            /* VFIO_IOMMU_GET_INFO: before Linux 5.4; wrong */
	const struct baton_iova_range *asked; /* windows of every fake_ioas() */
	unsigned n_asked;
	bool lenient; /* lets a device in that what is mapped does not fit */
	int api_version;
	int rlimit_mode; /* what IOMMU_OPTION says */
	const char *release;
	const char *flags, *routes, *routes6; /* of network interfaces */
	uint64_t soft, hard, dma_avail;
	bool exempt;
	uint64_t other_pins; /* bytes another process of the user pinned */
	uint64_t locked;     /* bytes this process locked otherwise */
	struct {
		const char *path;
		int err;
	} deny[4];
	/* What a node under /dev is, other than the kernel's device of that name; mode 0: none.
	 * @opened: once it is open. */
	struct {
		const char *path;
		struct ioas_node is;
		bool opened;
	} node[4];
	const char *unnumbered; /* part of a path in sysfs, of devices without a number there */
	int unnumbered_err;
	struct {
		const char *pid, *comm, *node;
	} holder;
	uint64_t physical; /* of the first page; pages are in descending order */
	uint64_t physical_page;

	/* what is open */
	struct fake_fd fds[FAKE_FDS];
	uint32_t next_id;
	uint64_t pinned;
	unsigned map_calls;

	/* failing */
	int calls, fail_at, err;
	const char *call[FAKE_CALLS + 1]; /* by number, from 1 */
};

/** A machine with an Intel-like IOMMU and two NICs on vfio-pci, 0000:00:03.0 and 0000:00:04.0. */
struct fake *fake_new(void);

/** Nothing is open, mapped or pinned. */
void fake_assert_idle(const struct fake *f);

/** Unplug device @d, whose descriptors are closed: its group is gone, and a container without
 * groups forgets. */
void fake_unplug(struct fake *f, int d);

/** All mappings of all address spaces. */
unsigned fake_mappings(const struct fake *f);
const struct fake_map *fake_mapping(const struct fake *f, unsigned i);

/** The address space that is there. */
const struct fake_space *fake_only_space(const struct fake *f);

struct bare_ctx {
	struct baton_ctx ctx;
	int warnings, infos;
	char last[1024];
};

/** A context with nothing but a log. */
struct bare_ctx *fake_ctx(void);
void fake_ctx_free(struct bare_ctx *b);

void assert_says(const char *part);

/** An address space on the fake kernel; -errno or 0. */
int fake_ioas(struct fake *f, struct bare_ctx *b, enum baton_ioas_backend backend,
	      struct baton_ioas **out);

/** Map @bytes at a made-up address. @page: of the memory. */
int rig_map(struct baton_ioas *ioas, uint64_t bytes, uint64_t page, uint64_t limit,
	    struct baton_mapping **out);

/* ---- between the fake's files ---- */

struct fake *fake_of(const struct ioas_os *os);

/** Count a call. Return: 0, or what it fails with when it is its turn. */
int fake_hit(struct fake *f, const char *call);

struct fake_dev *fake_by_bdf(struct fake *f, const char *bdf, size_t len);

int fake_stat(const struct ioas_os *os, const char *path, struct ioas_node *out);
int fake_fstat(const struct ioas_os *os, int fd, struct ioas_node *out);

int fake_link(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM]);
int fake_read(const struct ioas_os *os, const char *path, char *out, size_t room);
int fake_list(const struct ioas_os *os, const char *path, int (*each)(void *arg, const char *name),
	      void *arg);
int fake_memlock(const struct ioas_os *os, uint64_t *soft, uint64_t *hard);
bool fake_ipc_lock(const struct ioas_os *os);
unsigned fake_uid(const struct ioas_os *os);
int fake_lock(const struct ioas_os *os, void *va, size_t bytes);
int fake_unlock(const struct ioas_os *os, void *va, size_t bytes);

struct fake_space *fake_space_of(struct fake_fd *fd, uint32_t id);
unsigned fake_ranges_of(const struct fake *f, int at, uint32_t id, struct baton_iova_range *out,
			uint64_t *pages);
int fake_do_map(struct fake *f, int at, struct fake_space *s, uint64_t iova, uint64_t bytes,
		unsigned prot);
int fake_do_unmap(struct fake *f, struct fake_space *s, uint64_t iova, uint64_t *bytes);
void fake_drop_space(struct fake *f, struct fake_space *s);
bool fake_space_fits(const struct fake *f, int d, const struct fake_space *s);
int fake_new_fd(struct fake *f, enum fake_kind kind, int index);
bool fake_attached(const struct fake *f, int d, int at, uint32_t id);
int fake_ioas_alloc(struct fake *f, struct fake_fd *fd, uint32_t *id);
int fake_on_iommufd(struct fake *f, int n, unsigned long request, void *arg);
int fake_on_container(struct fake *f, int n, unsigned long request, void *arg);
int fake_on_group(struct fake *f, int n, unsigned long request, void *arg);

#endif
