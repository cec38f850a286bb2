/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem/back.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <baton/mem.h>

#include "base/limits.h"

/* The step that failed, for explain(). */
enum step { OPEN, RESIZE, SEAL, MAP, BIND, POPULATE };

/* An attempt, while it is made. */
struct attempt {
	const struct mem_os *os;
	const struct mem_need *need;
	struct mem_backed *to;
	bool huge;
	bool memfd;           /* the file can be sealed */
	char where[PATH_MAX]; /* the mount of the file that takes the place of a memfd */
};

/* ---- why it failed ---- */

static int
explain_heap(const struct mem_need *need, int ret, struct text *why)
{
	char size[32];

	switch (ret) {
	case -ENODEV:
		text_add(why, "there is no " MEM_CC_HEAP ", where shared guest memory comes from. "
			      "Linux 7.1 with "
			      "CONFIG_DMABUF_HEAPS_SYSTEM, from 7.2 on "
			      "also with "
			      "CONFIG_DMABUF_HEAPS_SYSTEM_CC_SHARED, "
			      "has it in SEV, TDX and PEF guests: boot "
			      "such a kernel. Where this is no "
			      "confidential guest, ask for ordinary "
			      "memory (a port's option bounce=never)");
		return ret;
	case -EACCES:
	case -EPERM:
		text_add(why, "this user may not open " MEM_CC_HEAP ", which is root's alone; give "
			      "it to the user's group (udev: "
			      "SUBSYSTEM==\"dma_heap\", "
			      "GROUP=, MODE=\"0660\"), or "
			      "run as root");
		return -EACCES;
	}
	text_add(why, "allocating %s from " MEM_CC_HEAP " failed: %s", text_size(size, need->bytes),
		 strerror(-ret));
	return ret;
}

static int
explain_mount(const struct mem_need *need, int ret, struct text *why)
{
	const char *mount = need->mount;
	struct stat st = { 0 };

	if (ret == -EROFS)
		text_add(why, "%s is mounted read-only: mount -o remount,rw %s", mount, mount);
	else if (ret == -ENOSPC)
		text_add(why,
			 "%s has no room for one more file (its mount option nr_inodes): mount it "
			 "anew with more",
			 mount);
	else if ((ret == -EACCES || ret == -EPERM) && !stat(mount, &st))
		text_add(why,
			 "%s belongs to user %u and group %u with mode %04o, so user %u may not "
			 "create a file there: chown or chmod it, or mount it with "
			 "uid=%u,mode=0700",
			 mount, st.st_uid, st.st_gid, st.st_mode & 07777, geteuid(), geteuid());
	else
		text_add(why, "cannot create a file on %s: %s", mount, strerror(-ret));
	return ret;
}

static int
explain_open(const struct attempt *a, int ret, struct text *why)
{
	const struct mem_need *need = a->need;
	char size[32];

	if (ret == -EMFILE || ret == -ENFILE) {
		limits_files(why, -ret);
		return -EMFILE;
	}
	if (need->shared)
		return explain_heap(need, ret, why);
	if (need->mount)
		return explain_mount(need, ret, why);
	if (a->huge && mem_is_refusal(ret)) {
		text_add(why,
			 "memfd_create is forbidden here (%s), and no hugetlbfs with pages of %s "
			 "is mounted that this process may use: allow memfd_create, or mount one",
			 strerror(-ret), text_size(size, need->page_size));
		return -ENOMEM;
	}
	if (a->huge && (ret == -ENODEV || ret == -EINVAL)) {
		text_add(why, "needs %llu pages of %s, which this kernel does not have",
			 (unsigned long long)(need->bytes / need->page_size),
			 text_size(size, need->page_size));
		return -ENOMEM;
	}
	text_add(why, "memfd_create failed: %s", strerror(-ret));
	return ret;
}

static int
explain_resize(const struct attempt *a, int ret, struct text *why)
{
	char size[32], limit[32];

	if (ret == -EFBIG)
		text_add(why,
			 "a file of %s is needed, and this process may make none larger than %s "
			 "(RLIMIT_FSIZE); raise that: ulimit -f unlimited",
			 text_size(size, a->need->bytes),
			 text_size(limit, a->os->file_limit(a->os)));
	else
		text_add(why, "ftruncate of %s failed: %s", text_size(size, a->need->bytes),
			 strerror(-ret));
	return ret;
}

static int
explain_bind(const struct attempt *a, int ret, struct text *why)
{
	if (mem_is_refusal(ret)) {
		text_add(why,
			 "placing memory on node %d is forbidden here; allow mbind (containers: "
			 "--cap-add SYS_NICE), or ask for no node",
			 a->need->node);
		return -EPERM;
	}
	if (ret == -EINVAL) {
		text_add(why,
			 "the process may not take memory from node %d; add it to the cpuset "
			 "(cpuset.mems), or ask for another node",
			 a->need->node);
		return -ENODEV;
	}
	text_add(why, "mbind to node %d failed: %s", a->need->node, strerror(-ret));
	return ret;
}

/* Explain why a step failed. The step is undone by then, and its pages count as free again. */
static int
explain(const struct attempt *a, enum step step, int ret, struct text *why)
{
	static const char *const names[] = {
		[SEAL] = "sealing", [MAP] = "mmap", [POPULATE] = "populating"
	};
	const struct mem_need *need = a->need;
	char size[32];

	if (step == OPEN)
		return explain_open(a, ret, why);
	if (step == RESIZE)
		return explain_resize(a, ret, why);
	if (step == BIND)
		return explain_bind(a, ret, why);
	/*
	 * A missing hugepage is ENOMEM when it is reserved, and EFAULT or another errno when it is
	 * written.
	 */
	if (a->huge && ((step == MAP && ret == -ENOMEM) ||
			(step == POPULATE && ret != -EMFILE && ret != -ENFILE))) {
		mem_huge_shortage(a->os, need, why);
		return -ENOMEM;
	}
	if (step == POPULATE && ret == -EFAULT && a->where[0]) {
		text_add(why,
			 "the tmpfs %s ran full, of which %s are needed: free files there, or make "
			 "it larger (mount -o remount,size=)",
			 a->where, text_size(size, need->bytes));
		return -ENOMEM;
	}
	text_add(why, "%s of %s on %s pages failed: %s", names[step], text_size(size, need->bytes),
		 a->huge ? "huge" : "ordinary", strerror(-ret));
	if (step == MAP && ret == -ENOMEM)
		limits_memory(why, need->bytes);
	return step == POPULATE && ret == -EFAULT ? -ENOMEM : ret;
}

/* ---- the steps ---- */

/* A memfd was refused with @refusal. Return: 0, with a file in to->fd or none; a negative errno. */
static int
open_elsewhere(struct attempt *a, int refusal)
{
	uint64_t page_size = a->huge ? a->need->page_size : 0;
	struct text *note = &a->to->note;
	const char *kind = a->huge ? "hugetlbfs" : "tmpfs";
	char size[32];
	int fd = a->os->any_file(a->os, page_size, a->need->bytes, a->where);

	if (fd == -EMFILE || fd == -ENFILE)
		return fd;
	if (fd < 0 && a->huge && (a->need->may_be_small || a->need->needs_file))
		return refusal;
	text_add(note, "memfd_create is forbidden here (%s)", strerror(-refusal));
	if (fd >= 0)
		text_add(note,
			 ", so an unnamed file on the %s %s takes its place, which cannot be "
			 "sealed",
			 kind, a->where);
	else if (fd == -ENOSPC)
		text_add(note, ", and no %s has room for %s, not even %s", kind,
			 text_size(size, a->need->bytes), a->where);
	else
		text_add(note, ", and there is no %s that this process may use", kind);
	if (fd < 0)
		a->where[0] = 0;
	else
		a->to->fd = fd;
	return 0;
}

/* Return: 0; to->fd is -1 where the memory cannot have a file. */
static int
open_backing(struct attempt *a, const char *name)
{
	const struct mem_need *need = a->need;
	const struct mem_os *os = a->os;
	char size[32];
	int fd;

	if (need->mount) {
		fd = os->mount_file(os, need->mount);
	} else if (need->shared) {
		fd = os->cc_shared(os, name, need->bytes);
	} else if (need->bytes > os->file_limit(os)) {
		text_add(&a->to->note,
			 "this process may make no file larger than %s (RLIMIT_FSIZE: ulimit -f)",
			 text_size(size, os->file_limit(os)));
		return 0;
	} else {
		fd = os->memfd(os, name, a->huge ? need->page_size : 0);
		a->memfd = fd >= 0;
		if (mem_is_refusal(fd))
			return open_elsewhere(a, fd);
	}
	if (fd >= 0)
		a->to->fd = fd;
	return fd < 0 ? fd : 0;
}

static int
resize(struct attempt *a)
{
	const struct mem_need *need = a->need;
	int ret;

	if (a->to->fd < 0 || need->shared)
		return 0;
	ret = need->bytes > a->os->file_limit(a->os) ? -EFBIG
						     : a->os->resize(a->os, a->to->fd, need->bytes);
	if (!mem_is_refusal(ret) || need->mount)
		return ret;
	a->os->close(a->os, a->to->fd);
	a->to->fd = -1;
	a->memfd = false;
	a->where[0] = 0;
	a->to->note.len = 0;
	text_add(&a->to->note, "ftruncate is forbidden here (%s)", strerror(-ret));
	return 0;
}

/* Whether memory without a file will do. Return: 0, or a negative errno with a reason. */
static int
check_file(const struct attempt *a, struct text *why)
{
	if (a->to->fd >= 0 || !a->need->needs_file)
		return 0;
	text_add(why,
		 "a vhost-user backend is given memory as a file, and this cannot be one: %s; "
		 "allow it, or use ports that need no file",
		 a->to->note.text);
	return -EPERM;
}

/* Files of mounts and dma-bufs cannot be sealed, and a sandbox may forbid it for memfds. */
static int
seal(struct attempt *a)
{
	int ret;

	if (!a->memfd)
		return 0;
	ret = a->os->seal(a->os, a->to->fd);
	a->to->sealed = !ret;
	if (!mem_is_refusal(ret))
		return ret;
	text_add(&a->to->note, "sealing its file is forbidden here (%s)", strerror(-ret));
	return 0;
}

static int
map(struct attempt *a)
{
	if (a->to->fd < 0)
		return a->os->map_anonymous(a->os, a->huge ? a->need->page_size : 0, a->need->bytes,
					    &a->to->base);
	return a->os->map(a->os, a->to->fd, a->need->bytes, &a->to->base);
}

/*
 * Populate the memory. mmap() maps the pages of a dma-buf, as PFNs, which MADV_POPULATE_WRITE
 * refuses. A page that becomes shared may lose the zeros that the kernel wrote, so it is written
 * again.
 */
static int
fill(struct attempt *a)
{
	if (!a->need->shared)
		return a->os->populate(a->os, a->to->base, a->need->bytes);
	memset(a->to->base, 0, a->need->bytes);
	return 0;
}

static int
bind(struct attempt *a)
{
	if (a->need->node == BATON_NODE_ANY)
		return 0;
	return a->os->bind(a->os, a->to->base, a->need->bytes, a->need->node);
}

int
mem_back(const struct mem_os *os, const struct mem_need *need, const char *name,
	 struct mem_backed *out, struct text *why)
{
	struct attempt a = { .os = os, .need = need, .to = out };
	enum step step = OPEN;
	int ret;

	*out = (struct mem_backed){ .fd = -1 };
	a.huge = need->mount || need->page_size >= BATON_PAGE_2M;
	ret = open_backing(&a, name);
	if (ret)
		return explain(&a, step, ret, why);
	step = RESIZE;
	ret = resize(&a);
	if (!ret && check_file(&a, why))
		return -EPERM;
	if (!ret) {
		step = SEAL;
		ret = seal(&a);
	}
	if (!ret) {
		step = MAP;
		ret = map(&a);
	}
	if (!ret) {
		step = BIND;
		ret = bind(&a);
	}
	if (!ret) {
		step = POPULATE;
		ret = fill(&a);
	}
	if (!ret)
		return 0;
	if (out->base)
		os->unmap(os, out->base, need->bytes);
	if (out->fd >= 0)
		os->close(os, out->fd);
	return explain(&a, step, ret, why);
}
