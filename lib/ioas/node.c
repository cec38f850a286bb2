/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The nodes of VFIO and iommufd under /dev: opened only if they are the devices they are named
 * after. A container's /dev is made by hand once, and the kernel gives numbers anew whenever a
 * device is bound: a node that was right may lead to another device, which would answer the same
 * calls. sysfs has the kernel's number for each; it is compared before the node is opened, since
 * opening alone may do something to a device, and again with the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/people.h"
#include "ioas/find.h"
#include "ioas/space.h"

#define MISC      "/sys/class/misc"
#define CONTAINER "/dev/vfio/vfio"

/* Of /dev/vfio/vfio, which may be there before its module is: opening it loads that. */
#define CONTAINER_MAJOR 10
#define CONTAINER_MINOR 196

struct number {
	unsigned major, minor;
	char file[2 * IOAS_ROOM]; /* where sysfs has it */
};

static int
read_number(const struct ioas_os *os, struct number *n)
{
	char text[32];
	int end = 0, ret = os->read(os, n->file, text, sizeof(text));

	if (ret < 0)
		return ret;
	if (sscanf(text, "%u:%u%n", &n->major, &n->minor, &end) != 2 || text[end])
		return -EIO;
	return 0;
}

/* Get the kernel's number of a node. Return: 0; -ENOENT: the kernel has no such device. */
static int
kernels_number(const struct ioas_os *os, const char *node, const struct ioas_found *found,
	       struct number *n)
{
	const char *name = strrchr(node, '/') + 1;

	if (!found)
		snprintf(n->file, sizeof(n->file), MISC "/%s/dev", name);
	else if (strstr(node, "/devices/"))
		snprintf(n->file, sizeof(n->file), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
			 found->bdf, name);
	else
		snprintf(n->file, sizeof(n->file), "/sys/class/vfio/%s/dev", name);
	return read_number(os, n);
}

static bool
is_number(const struct ioas_node *is, const struct number *n)
{
	return is->major == n->major && is->minor == n->minor;
}

/* An iommufd may stand for the container, by a link from its node. */
static bool
is_iommufd(const struct ioas_os *os, const struct ioas_node *is)
{
	struct number n = { .file = MISC "/iommu/dev" };

	return !read_number(os, &n) && is_number(is, &n);
}

static int
no_number(int ret, const char *who, const char *node, const struct number *n)
{
	if (ret == -ENOENT)
		return baton_err(ENODEV,
				 "%s: %s is left over from a device that is gone: the kernel has "
				 "no "
				 "such device (%s); modprobe vfio-pci iommufd, and remove the node "
				 "if it is still refused then",
				 who, node, n->file);
	return baton_err(ret == -EIO ? EIO : -ret,
			 "%s: whether %s is the device that it is named after cannot be known: %s "
			 "cannot be read: %s; mount sysfs, readable for this user",
			 who, node, n->file, strerror(-ret));
}

static int
not_the_device(const char *who, const char *node, const struct ioas_node *is,
	       const struct number *n)
{
	const char *kind = S_ISREG(is->mode)   ? "a regular file"
			   : S_ISDIR(is->mode) ? "a directory"
			   : S_ISBLK(is->mode) ? "a block device"
					       : "no character device";
	char remedy[2 * IOAS_ROOM];

	snprintf(remedy, sizeof(remedy),
		 "remove %s, and mknod -m 600 %s c %u %u, or let udev make it anew (udevadm "
		 "trigger), or make the container anew",
		 node, node, n->major, n->minor);
	if (!S_ISCHR(is->mode))
		return baton_err(ENODEV, "%s: %s is %s, and the kernel's device is %u:%u (%s); %s",
				 who, node, kind, n->major, n->minor, n->file, remedy);
	return baton_err(ENODEV,
			 "%s: %s is the device %u:%u, another one: the kernel's number is %u:%u "
			 "(%s), so the node is left over from before; %s",
			 who, node, is->major, is->minor, n->major, n->minor, n->file, remedy);
}

/* The kernel has the device, and /dev does not. */
static int
no_node(struct baton_ioas *ioas, const char *who, const char *node, const struct number *n)
{
	ioas->absent = true;
	return baton_err(ENOENT,
			 "%s: open %s: %s: the kernel has it (%u:%u, %s), but this /dev does not, "
			 "as "
			 "in a container or chroot that was made before; mknod -m 600 %s c %u %u, "
			 "or "
			 "start the container with --device=%s",
			 who, node, strerror(ENOENT), n->major, n->minor, n->file, node, n->major,
			 n->minor, node);
}

/* Compare a node with what the kernel says. @known: what kernels_number() returned. */
static int
check(struct baton_ioas *ioas, const char *who, const char *node, const struct ioas_node *is,
      struct number *n, int known)
{
	bool container = !strcmp(node, CONTAINER);

	if (container && S_ISCHR(is->mode) && is_iommufd(ioas->os, is))
		return 0;
	if (known == -ENOENT && container) {
		n->major = CONTAINER_MAJOR;
		n->minor = CONTAINER_MINOR;
	} else if (known < 0) {
		ioas->absent = known == -ENOENT;
		return no_number(known, who, node, n);
	}
	return S_ISCHR(is->mode) && is_number(is, n) ? 0 : not_the_device(who, node, is, n);
}

int
ioas_open_node(struct baton_ioas *ioas, const char *node, const struct ioas_found *found)
{
	const char *who = found ? found->bdf : ioas->name;
	struct ioas_node is = { 0 };
	struct number n = { 0 };
	int known = kernels_number(ioas->os, node, found, &n), fd, ret;

	ret = ioas->os->stat(ioas->os, node, &is);
	if (ret == -ENOENT && !known)
		return no_node(ioas, who, node, &n);
	if (ret < 0)
		return ioas_open_failed(ioas, ret, node, found, NULL);
	ret = check(ioas, who, node, &is, &n, known);
	if (ret < 0)
		return ret;
	fd = ioas->os->open(ioas->os, node, O_RDWR);
	if (fd < 0)
		return ioas_open_failed(ioas, fd, node, found, &is);
	/* The node may have been replaced, and the open may have loaded the module. */
	ret = ioas->os->fstat(ioas->os, fd, &is);
	if (ret < 0)
		ret = baton_err(-ret, "%s: fstat %s: %s; try again", who, node, strerror(-ret));
	else
		ret = check(ioas, who, node, &is, &n,
			    known == -ENOENT ? kernels_number(ioas->os, node, found, &n) : known);
	if (ret < 0) {
		ioas->os->close(ioas->os, fd);
		return ret;
	}
	return fd;
}

/* A node that is not there, or that sysfs has no number for, is left to those who open it. */
static int
check_early(struct baton_ioas *ioas, const struct ioas_found *found, const char *node)
{
	struct ioas_node is = { 0 };
	struct number n = { 0 };

	if (kernels_number(ioas->os, node, found, &n) < 0 ||
	    ioas->os->stat(ioas->os, node, &is) < 0)
		return 0;
	return check(ioas, found->bdf, node, &is, &n, 0);
}

int
ioas_check_nodes(struct baton_ioas *ioas, const struct ioas_found *found)
{
	char node[2 * IOAS_ROOM];
	struct ioas_node is;
	int ret;

	if (found->cdev[0] &&
	    (ioas->asked == BATON_IOAS_IOMMUFD || ioas->asked == BATON_IOAS_AUTO)) {
		snprintf(node, sizeof(node), "/dev/vfio/devices/%s", found->cdev);
		ret = check_early(ioas, found, node);
		if (ret < 0 || ioas->asked == BATON_IOAS_IOMMUFD ||
		    ioas->os->stat(ioas->os, node, &is) == 0)
			return ret;
	}
	if (ioas->asked == BATON_IOAS_IOMMUFD)
		return 0;
	snprintf(node, sizeof(node), "/dev/vfio/%s%d", found->noiommu ? "noiommu-" : "",
		 found->group);
	return check_early(ioas, found, node);
}
