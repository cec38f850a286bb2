/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/ioas_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/people.h"
#include "ioas/find.h"
#include "ioas/space.h"

void
ioas_text_ranges(struct text *to, const struct baton_iova_range *ranges, unsigned n)
{
	if (!n)
		text_add(to, "none");
	for (unsigned i = 0; i < n && i < 6; i++)
		text_add(to, "%s0x%" PRIx64 "-0x%" PRIx64, i ? ", " : "", ranges[i].start,
			 ranges[i].last);
	if (n > 6)
		text_add(to, " and %u more", n - 6);
}

int
ioas_failed(int ret, const char *what, const char *call, const struct ioas_fix *fixes)
{
	while (fixes->err && fixes->err != -ret)
		fixes++;
	return baton_err(-ret, "%s: %s: %s; %s", what, call, strerror(-ret), fixes->text);
}

/* The permissions of the node decide who may open it; a udev rule makes them permanent. */
static int
no_permission(int ret, const char *node, const char *bdf, unsigned uid, const struct ioas_node *is)
{
	const char *rule = "SUBSYSTEM==\"vfio\"";
	char us[PERSON_NAME], user[PERSON_NAME], group[PERSON_NAME], owner[256] = "";

	if (!strcmp(node, "/dev/iommu"))
		rule = "KERNEL==\"iommu\"";
	else if (!strcmp(node, "/dev/vfio/vfio"))
		rule = "KERNEL==\"vfio\"";
	else if (strstr(node, "/devices/"))
		rule = "SUBSYSTEM==\"vfio-dev\"";
	if (strstr(node, "/noiommu-"))
		return baton_err(-ret,
				 "%s: open %s: %s; without an IOMMU only root gets a device "
				 "(CAP_SYS_RAWIO)",
				 bdf, node, strerror(-ret));
	if (is &&
	    (!uid || (uid == is->uid && (is->mode & 0600) == 0600) || (is->mode & 0006) == 0006))
		return baton_err(-ret,
				 "%s: open %s: %s, though its mode %04o lets user %s in; the "
				 "device "
				 "rules of a container or a service forbid it: start it with "
				 "--device=%s (systemd: DeviceAllow=%s rw), or look at the audit "
				 "log of SELinux or AppArmor",
				 bdf, node, strerror(-ret), is->mode & 07777, person_user(uid, us),
				 node, node);
	if (is)
		snprintf(owner, sizeof(owner), " (it is of user %s, group %s, mode %04o)",
			 person_user(is->uid, user), person_group(is->gid, group),
			 is->mode & 07777);
	return baton_err(-ret,
			 "%s: open %s: %s%s; let user %s in: chown %u %s, and to make that last "
			 "the "
			 "udev rule %s, OWNER=\"%u\"",
			 bdf, node, strerror(-ret), owner, person_user(uid, us), uid, node, rule,
			 uid);
}

static int
already_open(const struct ioas_os *os, int ret, const char *node, const struct ioas_found *found)
{
	struct text who = { 0 };

	ioas_text_holders(os, found, who.text, sizeof(who.text));
	return baton_err(-ret,
			 "%s: open %s: %s: the device, or another one of its group, is in use by "
			 "%s; stop that first",
			 found->bdf, node, strerror(-ret),
			 who.text[0] ? who.text
				     : "a process this one may not see (as root: fuser -v on the "
				       "node)");
}

int
ioas_open_failed(struct baton_ioas *ioas, int ret, const char *node, const struct ioas_found *found,
		 const struct ioas_node *is)
{
	static const struct ioas_fix fixes[] = {
		{ ENOENT, "the kernel offers no such node: modprobe vfio-pci iommufd, or it was "
			  "built without (CONFIG_IOMMUFD, CONFIG_VFIO_DEVICE_CDEV, "
			  "CONFIG_VFIO_GROUP, CONFIG_VFIO_NOIOMMU)" },
		{ ENXIO, "the node is stale: the device is gone, or its module is not loaded; "
			 "modprobe vfio-pci iommufd" },
		{ ENODEV, "the node is stale: the device was just unbound, or its module is not "
			  "loaded; modprobe vfio-pci iommufd" },
		{ EMFILE, "the process has no descriptor left; raise ulimit -n" },
		{ ENFILE, "the machine has no descriptor left; raise sysctl fs.file-max" },
		{ ENOMEM, "the kernel is out of memory; stop other programs to free some" },
		{ 0, "look at dmesg" },
	};
	const char *bdf = found ? found->bdf : ioas->name;
	char call[IOAS_ROOM + 16];

	ioas->absent = true;
	if (ret == -EACCES || ret == -EPERM)
		return no_permission(ret, node, bdf, ioas->os->uid(ioas->os), is);
	if (ret == -EBUSY && found)
		return already_open(ioas->os, ret, node, found);
	snprintf(call, sizeof(call), "open %s", node);
	return ioas_failed(ret, bdf, call, fixes);
}
