/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read of /sys and /proc, limits, and what else the tests of address spaces share. */
#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- /sys and /proc ---- */

/* ---- numbers of devices ---- */

static const struct {
	const char *name;
	unsigned major, minor;
} misc[] = { { "iommu", 10, 125 }, { "vfio", 10, 196 } };

#define GROUP_MAJOR 511
#define CDEV_MAJOR  510

/* Whether the kernel has the device that a node or an entry of sysfs is named after. */
static bool
numbered(const struct fake *f, const char *name, unsigned *major, unsigned *minor)
{
	char group[64];

	for (int i = 0; i < 2; i++)
		if (!strcmp(name, misc[i].name)) {
			*major = misc[i].major;
			*minor = misc[i].minor;
			return i ? f->container : f->iommufd;
		}
	for (int i = 0; i < FAKE_DEVS; i++) {
		const struct fake_dev *d = &f->devs[i];

		if (!d->bdf)
			continue;
		if (d->cdev && !strcmp(name, d->cdev)) {
			*major = CDEV_MAJOR;
			*minor = (unsigned)i;
			return f->cdevs;
		}
		snprintf(group, sizeof(group), "%s%d", d->noiommu ? "noiommu-" : "", d->group);
		if (d->group >= 0 && !strcmp(name, group)) {
			*major = GROUP_MAJOR;
			*minor = (unsigned)d->group;
			return d->driver && strstr(d->driver, "vfio");
		}
	}
	return false;
}

/* The last component of a path, or, of one that ends in /dev, the one before. */
static void
name_in(const char *path, char to[64])
{
	size_t n = strlen(path), end = n > 4 && !strcmp(path + n - 4, "/dev") ? n - 4 : n, at = end;

	while (at && path[at - 1] != '/')
		at--;
	snprintf(to, 64, "%.*s", (int)(end - at), path + at);
}

int
fake_stat(const struct ioas_os *os, const char *path, struct ioas_node *out)
{
	struct fake *f = fake_of(os);
	int ret = fake_hit(f, "stat");
	unsigned major, minor;
	char name[64];

	if (ret)
		return ret;
	for (int i = 0; i < 4; i++)
		if (f->node[i].path && !f->node[i].opened && !strcmp(f->node[i].path, path)) {
			*out = f->node[i].is;
			return out->mode ? 0 : -ENOENT;
		}
	name_in(path, name);
	if (!numbered(f, name, &major, &minor))
		return -ENOENT;
	*out = (struct ioas_node){ S_IFCHR | 0600, 0, 0, major, minor };
	return 0;
}

int
fake_fstat(const struct ioas_os *os, int n, struct ioas_node *out)
{
	struct fake *f = fake_of(os);
	const struct fake_fd *fd = &f->fds[n];
	int ret = fake_hit(f, "fstat");

	if (ret)
		return ret;
	*out = (struct ioas_node){ S_IFCHR | 0600, 0, 0, 0, 0 };
	if (fd->is)
		*out = *fd->is;
	else if (fd->kind == FAKE_CDEV || fd->kind == FAKE_GROUP) {
		out->major = fd->kind == FAKE_CDEV ? CDEV_MAJOR : GROUP_MAJOR;
		out->minor = (unsigned)fd->index;
	} else {
		out->major = misc[fd->index].major; /* 1: of /dev/vfio/vfio */
		out->minor = misc[fd->index].minor;
	}
	return 0;
}

/* What sysfs has in the file "dev" of a device. */
static int
read_number(const struct fake *f, const char *path, char *out, size_t room)
{
	unsigned major, minor;
	char name[64];

	if (f->unnumbered && strstr(path, f->unnumbered))
		return -f->unnumbered_err;
	name_in(path, name);
	if (!numbered(f, name, &major, &minor))
		return -ENOENT;
	return snprintf(out, room, "%u:%u", major, minor);
}

/* ---- paths ---- */

/* The device a path below /sys/bus/pci/devices is about, and what of it: "" or "/driver". */
static struct fake_dev *
by_path(struct fake *f, const char *path, const char **what)
{
	static const char root[] = "/sys/bus/pci/devices/";
	const char *bdf = path + sizeof(root) - 1;

	if (strncmp(path, root, sizeof(root) - 1))
		return NULL;
	*what = bdf + strcspn(bdf, "/");
	return fake_by_bdf(f, bdf, (size_t)(*what - bdf));
}

int
fake_link(const struct ioas_os *os, const char *path, bool whole, char out[IOAS_ROOM])
{
	struct fake *f = fake_of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = fake_hit(f, "readlink");
	char fd[64];

	if (ret)
		return ret;
	snprintf(fd, sizeof(fd), "/proc/%s/fd/7", f->holder.pid ? f->holder.pid : "-");
	if (!strcmp(path, fd))
		return snprintf(out, IOAS_ROOM, "%s", f->holder.node) < 0;
	if (d && !*what)
		return snprintf(out, IOAS_ROOM, "%s", d->bdf) < 0;
	if (d && !strcmp(what, "/driver") && d->driver)
		return snprintf(out, IOAS_ROOM, "%s", d->driver) < 0;
	if (d && !strcmp(what, "/iommu_group") && d->group >= 0)
		return snprintf(out, IOAS_ROOM, "%d", d->group) < 0;
	return -ENOENT;
}

int
fake_read(const struct ioas_os *os, const char *path, char *out, size_t room)
{
	struct fake *f = fake_of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = fake_hit(f, "read");

	if (ret)
		return ret;
	if (strlen(path) > 4 && !strcmp(path + strlen(path) - 4, "/dev"))
		return read_number(f, path, out, room);
	if (f->flags && !strncmp(path, "/sys/class/net/", 15) && strstr(path, "/flags"))
		return snprintf(out, room, "%s", f->flags);
	if (f->routes && !strcmp(path, "/proc/net/route"))
		return snprintf(out, room, "%s", f->routes);
	if (f->routes6 && !strcmp(path, "/proc/net/ipv6_route"))
		return snprintf(out, room, "%s", f->routes6);
	if (d && !strcmp(what, "/class"))
		return snprintf(out, room, "%s", d->class);
	if (d && !strcmp(what, "/iommu_group/name") && d->noiommu)
		return snprintf(out, room, "vfio-noiommu");
	if (!strcmp(path, "/proc/sys/kernel/osrelease"))
		return snprintf(out, room, "%s", f->release);
	if (!strcmp(path, "/proc/self/status"))
		return snprintf(out, room,
				"Name:\tt\nUid:\t1000\t1000\nVmLck:\t%8llu kB\nVmPin:\t 0 kB\n",
				(unsigned long long)((f->locked +
						      (f->rlimit_mode ? f->pinned : 0)) /
						     KIB));
	if (!strcmp(path, "/proc/100/status"))
		return snprintf(out, room,
				"Name:\tt\nUid:\t1000\t1000\nVmLck:\t0 kB\nVmPin:\t%8llu kB\n",
				(unsigned long long)(f->pinned / KIB));
	if (!strcmp(path, "/proc/200/status"))
		return snprintf(out, room,
				"Name:\to\nUid:\t1000\t1000\nVmLck:\t0 kB\nVmPin:\t%llu kB\n",
				(unsigned long long)(f->other_pins / KIB));
	if (!strcmp(path, "/proc/400/status")) /* may pin as much as it likes */
		return snprintf(out, room,
				"Name:\te\nUid:\t1000\t1000\nVmPin:\t88888888 "
				"kB\nCapEff:\t0000000000004000\n");
	if (!strcmp(path, "/proc/300/status")) /* another user's */
		return snprintf(out, room,
				"Name:\tx\nUid:\t1001\t1001\nVmLck:\t0 kB\nVmPin:\t99999999 kB\n");
	if (f->holder.comm && strstr(path, "/comm"))
		return snprintf(out, room, "%s", f->holder.comm);
	return -ENOENT;
}

static int
list_groups(struct fake *f, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	char name[64];
	int ret = 0;

	for (int i = 0; i < FAKE_DEVS && !ret; i++) {
		const struct fake_dev *d = &f->devs[i];

		if (!d->bdf || d->group < 0)
			continue;
		snprintf(name, sizeof(name), "/sys/kernel/iommu_groups/%d/devices", d->group);
		if (!strcmp(path, name))
			ret = each(arg, d->bdf);
		else if (!strcmp(path, "/sys/kernel/iommu_groups")) {
			snprintf(name, sizeof(name), "%d", d->group);
			ret = each(arg, name);
		}
	}
	return ret;
}

static int
list_proc(struct fake *f, const char *path, int (*each)(void *arg, const char *name), void *arg)
{
	static const char *const pids[] = { "100", "uptime", "200", "300", "400", NULL };
	char fds[64];
	int ret = 0;

	snprintf(fds, sizeof(fds), "/proc/%s/fd", f->holder.pid ? f->holder.pid : "-");
	if (!strcmp(path, fds))
		return each(arg, "7");
	if (strcmp(path, "/proc"))
		return -EACCES;
	for (int i = 0; pids[i] && !ret; i++)
		ret = each(arg, pids[i]);
	return ret;
}

int
fake_list(const struct ioas_os *os, const char *path, int (*each)(void *arg, const char *name),
	  void *arg)
{
	struct fake *f = fake_of(os);
	const char *what = NULL;
	const struct fake_dev *d = by_path(f, path, &what);
	int ret = fake_hit(f, "opendir");

	if (ret)
		return ret;
	if (d && d->net && !*what) {
		ret = each(arg, "driver");
		return ret ? ret : each(arg, d->net_below ? "virtio0" : "net");
	}
	if (d && d->net && !strcmp(what, d->net_below ? "/virtio0/net" : "/net"))
		return each(arg, d->net);
	if (d && !strcmp(what, "/vfio-dev"))
		return d->cdev ? each(arg, d->cdev) : -ENOENT;
	if (!strncmp(path, "/proc", 5))
		return list_proc(f, path, each, arg);
	if (!strncmp(path, "/sys/kernel/iommu_groups", 24))
		return list_groups(f, path, each, arg);
	if (strcmp(path, "/sys/bus/pci/devices"))
		return -ENOENT;
	for (int i = 0; i < FAKE_DEVS && !ret; i++)
		if (f->devs[i].bdf)
			ret = each(arg, f->devs[i].bdf);
	return ret;
}

/* ---- limits ---- */

int
fake_memlock(const struct ioas_os *os, uint64_t *soft, uint64_t *hard)
{
	int ret = fake_hit(fake_of(os), "getrlimit");

	*soft = fake_of(os)->soft;
	*hard = fake_of(os)->hard;
	return ret;
}

bool
fake_ipc_lock(const struct ioas_os *os)
{
	return fake_of(os)->exempt;
}

unsigned
fake_uid(const struct ioas_os *os)
{
	return 1000;
}

int
fake_lock(const struct ioas_os *os, void *va, size_t bytes)
{
	/* One that fails may have locked some. */
	fake_of(os)->pinned += bytes;
	return fake_hit(fake_of(os), "mlock");
}

int
fake_unlock(const struct ioas_os *os, void *va, size_t bytes)
{
	fake_of(os)->pinned -= bytes;
	return 0;
}

/* ---- contexts and mappings ---- */

static void
keep_log(void *arg, enum baton_log_level level, const char *line)
{
	struct bare_ctx *b = arg;

	b->warnings += level == BATON_LOG_WARN;
	b->infos += level == BATON_LOG_INFO;
	snprintf(b->last, sizeof(b->last), "%s", line);
}

struct bare_ctx *
fake_ctx(void)
{
	struct bare_ctx *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->ctx.handle.tag = HANDLE_CTX;
	b->ctx.log = keep_log;
	b->ctx.log_arg = b;
	return b;
}

void
fake_ctx_free(struct bare_ctx *b)
{
	thread_exit_del(&b->ctx.control_exit);
	handle_fini(&b->ctx);
	free(b);
}

void
assert_says(const char *part)
{
	if (!strstr(baton_last_error(), part))
		fail_msg("\"%s\" does not say \"%s\"", baton_last_error(), part);
}

int
fake_ioas(struct fake *f, struct bare_ctx *b, enum baton_ioas_backend backend,
	  struct baton_ioas **out)
{
	struct baton_ioas_config c;

	baton_ioas_config_init(&c);
	c.backend = backend;
	c.windows = f->asked;
	c.n_windows = f->n_asked;
	return baton_ioas_create_with(&b->ctx, &c, &f->os, out);
}

int
rig_map(struct baton_ioas *ioas, uint64_t bytes, uint64_t page, uint64_t limit,
	struct baton_mapping **out)
{
	struct baton_map_config c;

	baton_map_config_init(&c);
	c.name = "pool0";
	c.va = (void *)(uintptr_t)(0x7f0000000000 + ioas->map_calls * 0x4000000000);
	c.bytes = bytes;
	c.page_size = page;
	c.limit = limit;
	return baton_ioas_map(ioas, &c, out);
}
