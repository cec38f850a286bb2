/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "ioas/find.h"
#include "ioas/space.h"

void
ioas_say(struct ioas_text *to, const char *fmt, ...)
{
	size_t room = sizeof(to->text) - to->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to->text + to->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		to->len += (size_t)n < room ? (size_t)n : room - 1;
}

void
ioas_say_ranges(struct ioas_text *to, const struct baton_iova_range *ranges, unsigned n)
{
	if (!n)
		ioas_say(to, "none");
	for (unsigned i = 0; i < n && i < 6; i++)
		ioas_say(to, "%s0x%" PRIx64 "-0x%" PRIx64, i ? ", " : "", ranges[i].start,
			 ranges[i].last);
	if (n > 6)
		ioas_say(to, " and %u more", n - 6);
}

const char *
ioas_size(char to[32], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t whole = bytes;

	while (unit < 6 && whole >= 1024 && !(whole % 1024)) {
		whole /= 1024;
		unit++;
	}
	if (whole < 10240) {
		snprintf(to, 32, "%" PRIu64 " %s", whole, units[unit]);
		return to;
	}
	for (unit = 0, whole = bytes; unit < 6 && whole >= 10240; unit++)
		whole /= 1024;
	snprintf(to, 32, "%.1f %s", (double)bytes / (double)(1ull << (10 * unit)), units[unit]);
	return to;
}

int
ioas_failed(int ret, const char *what, const char *call, const struct ioas_fix *fixes)
{
	while (fixes->err && fixes->err != -ret)
		fixes++;
	return baton_err(-ret, "%s: %s: %s; %s", what, call, strerror(-ret), fixes->text);
}

/* Who may open a node is what the node says; udev makes it last. */
static int
no_permission(int ret, const char *node, const char *bdf, unsigned uid)
{
	const char *rule = "SUBSYSTEM==\"vfio\"";

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
	return baton_err(-ret,
			 "%s: open %s: %s; let user %u in: chown %u %s, and to make that last the "
			 "udev rule %s, "
			 "OWNER=\"%u\"",
			 bdf, node, strerror(-ret), uid, uid, node, rule, uid);
}

static int
already_open(const struct ioas_os *os, int ret, const char *node, const struct ioas_found *found)
{
	struct ioas_text who = { 0 };

	ioas_say_holders(os, found, who.text, sizeof(who.text));
	return baton_err(-ret,
			 "%s: open %s: %s: the device, or another one of its group, is in use by "
			 "%s; stop that first",
			 found->bdf, node, strerror(-ret),
			 who.text[0] ? who.text
				     : "a process this one may not see (as root: fuser -v on the "
				       "node)");
}

int
ioas_open_failed(struct baton_ioas *ioas, int ret, const char *node, const struct ioas_found *found)
{
	static const struct ioas_fix fixes[] = {
		{ ENOENT, "the kernel offers no such node: modprobe vfio-pci iommufd, or it was "
			  "built without "
			  "(CONFIG_IOMMUFD, CONFIG_VFIO_DEVICE_CDEV, CONFIG_VFIO_GROUP, "
			  "CONFIG_VFIO_NOIOMMU)" },
		{ ENXIO, "the node is stale: the device is gone, or its module is not loaded; "
			 "modprobe vfio-pci iommufd" },
		{ ENODEV, "the node is stale: the device was just unbound, or its module is not "
			  "loaded; modprobe "
			  "vfio-pci iommufd" },
		{ EMFILE, "the process has no descriptor left; raise ulimit -n" },
		{ ENFILE, "the machine has no descriptor left; raise sysctl fs.file-max" },
		{ ENOMEM, "the kernel is out of memory; stop other programs to free some" },
		{ 0, "look at dmesg" },
	};
	const char *bdf = found ? found->bdf : ioas->name;
	char call[IOAS_ROOM + 16];

	ioas->absent = true;
	if (ret == -EACCES || ret == -EPERM)
		return no_permission(ret, node, bdf, ioas->os->uid(ioas->os));
	if (ret == -EBUSY && found)
		return already_open(ioas->os, ret, node, found);
	snprintf(call, sizeof(call), "open %s", node);
	return ioas_failed(ret, bdf, call, fixes);
}
