/* SPDX-License-Identifier: BSD-3-Clause */
#include "ioas/find.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ioas/ioas_error.h"

#define PCI "/sys/bus/pci/devices"

static bool
is_bdf(const char *s)
{
	static const char shape[] = "hhhh:hh:hh.h";

	if (strlen(s) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'h' ? !isxdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	return s[11] <= '7';
}

struct names {
	const struct ioas_os *os;
	char near[16]; /* the nearest address so far */
	const char *wanted;
	unsigned best;
	struct text nics;
	unsigned n_nics;
};

/* Count the characters that differ: all addresses have the same length. */
static unsigned
differ(const char *a, const char *b)
{
	unsigned n = 0;

	for (size_t i = 0; a[i] && b[i]; i++)
		n += tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]);
	return n;
}

static int
one_name(void *arg, const char *name)
{
	struct names *names = arg;
	char path[2 * IOAS_ROOM], class[32];

	if (!is_bdf(name))
		return 0;
	if (differ(name, names->wanted) < names->best) {
		names->best = differ(name, names->wanted);
		snprintf(names->near, sizeof(names->near), "%s", name);
	}
	snprintf(path, sizeof(path), PCI "/%s/class", name);
	if (names->os->read(names->os, path, class, sizeof(class)) > 0 &&
	    !strncmp(class, "0x02", 4) && names->n_nics++ < 8)
		text_add(&names->nics, "%s%s", names->n_nics > 1 ? ", " : "", name);
	return 0;
}

static int
no_such_device(const struct ioas_os *os, const char *bdf)
{
	struct names names = { .os = os, .wanted = bdf, .best = 4 };
	int ret = os->list(os, PCI, one_name, &names);

	if (ret)
		return baton_err(ENODEV,
				 "%s: no such PCI device, and " PCI " cannot be read: %s; is sysfs "
				 "mounted?",
				 bdf, strerror(-ret));
	return baton_err(ENODEV,
			 "%s: no such PCI device%s%s%s; network devices here: %s; lspci -D lists "
			 "all",
			 bdf, names.near[0] ? " (did you mean " : "", names.near,
			 names.near[0] ? "?)" : "", names.n_nics ? names.nics.text : "none");
}

static int
one_entry(void *arg, const char *name)
{
	snprintf(arg, IOAS_ROOM, "%s", name);
	return 1;
}

/* Append the commands that bind a device to vfio-pci. */
static void
bind_command(struct text *to, const char *bdf, bool bound)
{
	text_add(to,
		 "dpdk-devbind.py -b vfio-pci %s, or driverctl set-override %s vfio-pci, or: "
		 "modprobe vfio-pci; echo vfio-pci > " PCI "/%s/driver_override; ",
		 bdf, bdf, bdf);
	if (bound)
		text_add(to, "echo %s > " PCI "/%s/driver/unbind; ", bdf, bdf);
	text_add(to, "echo %s > /sys/bus/pci/drivers_probe", bdf);
}

static int
no_iommu(const struct ioas_os *os, const struct ioas_found *f)
{
	char any[IOAS_ROOM] = "";

	os->list(os, "/sys/kernel/iommu_groups", one_entry, any);
	if (any[0])
		return baton_err(ENODEV,
				 "%s: no IOMMU is in front of this device, though there is one for "
				 "others (/sys/kernel/iommu_groups); move it to another slot, or "
				 "ask for the backend noiommu by name, which protects nothing",
				 f->bdf);
	return baton_err(ENODEV,
			 "%s: this machine runs without an IOMMU (/sys/kernel/iommu_groups is "
			 "empty); switch VT-d or AMD-Vi on in the firmware and boot with "
			 "intel_iommu=on, in a virtual machine give it one, or ask for the backend "
			 "noiommu by name, which protects nothing",
			 f->bdf);
}

static int
check_driver(const struct ioas_os *os, const struct ioas_found *f)
{
	struct ioas_interfaces nets;
	struct text bind = { 0 };

	bind_command(&bind, f->bdf, f->driver[0]);
	if (!f->driver[0])
		return baton_err(ENXIO,
				 "%s: no driver has this device, so vfio-pci cannot offer it; give "
				 "it to vfio-pci: %s (dmesg says why if that fails)",
				 f->bdf, bind.text);
	if (strstr(f->driver, "vfio"))
		return 0;
	ioas_find_interfaces(os, f->bdf, &nets);
	if (nets.route)
		return baton_err(EBUSY,
				 "%s: the device is bound to the driver %s, as network interface "
				 "%s: taking it from there would cut this machine's network off; "
				 "use another device, or move the default route to another "
				 "interface first",
				 f->bdf, f->driver, nets.text.text);
	return baton_err(EBUSY,
			 "%s: the device is bound to the driver %s%s%s%s; if nobody needs it "
			 "there, give it to vfio-pci: %s",
			 f->bdf, f->driver, nets.text.len ? ", as network interface " : "",
			 nets.text.text,
			 nets.up ? ", which is in use (ip link set DEV down ends that)" : "",
			 bind.text);
}

static void
find_group(const struct ioas_os *os, struct ioas_found *f)
{
	char path[IOAS_ROOM], text[IOAS_ROOM];

	f->group = -1;
	snprintf(path, sizeof(path), PCI "/%s/iommu_group", f->bdf);
	if (os->link(os, path, false, text) < 0)
		return;
	f->group = atoi(text);
	snprintf(path, sizeof(path), PCI "/%s/iommu_group/name", f->bdf);
	f->noiommu = os->read(os, path, text, sizeof(text)) > 0 && !strcmp(text, "vfio-noiommu");
}

int
ioas_find(const struct ioas_os *os, const char *bdf, bool want_noiommu, struct ioas_found *f)
{
	char path[IOAS_ROOM], real[IOAS_ROOM];
	int ret;

	*f = (struct ioas_found){ 0 };
	if (bdf && strlen(bdf) == 7)
		snprintf(f->bdf, sizeof(f->bdf), "0000:%s", bdf);
	else
		snprintf(f->bdf, sizeof(f->bdf), "%.15s", bdf ? bdf : "");
	if (!is_bdf(f->bdf))
		return baton_err(EINVAL,
				 "\"%s\" is not a PCI address such as 0000:03:00.0 (lspci -D lists "
				 "them)",
				 bdf ? bdf : "");
	for (char *c = f->bdf; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	snprintf(path, sizeof(path), PCI "/%s", f->bdf);
	ret = os->link(os, path, false, real);
	if (ret == -ENOENT)
		return no_such_device(os, f->bdf);
	if (ret && ret != -EINVAL) /* EINVAL: it is there, and no link */
		return baton_err(-ret, "%s: cannot read %s: %s; is sysfs mounted?", f->bdf, path,
				 strerror(-ret));
	snprintf(path, sizeof(path), PCI "/%s/driver", f->bdf);
	os->link(os, path, false, f->driver);
	find_group(os, f);
	ret = check_driver(os, f);
	if (ret)
		return ret;
	if (f->group < 0 && !want_noiommu)
		return no_iommu(os, f);
	snprintf(path, sizeof(path), PCI "/%s/vfio-dev", f->bdf);
	os->list(os, path, one_entry, f->cdev);
	return 0;
}

/* ---- groups and holders ---- */

struct members {
	const struct ioas_os *os;
	const char *but;
	bool in_the_way;
	struct text text;
};

static int
one_member(void *arg, const char *name)
{
	struct members *m = arg;
	char path[2 * IOAS_ROOM], driver[IOAS_ROOM] = "";

	if (!strcmp(name, m->but))
		return 0;
	snprintf(path, sizeof(path), PCI "/%s/driver", name);
	m->os->link(m->os, path, false, driver);
	if (m->in_the_way && (!driver[0] || strstr(driver, "vfio") || !strcmp(driver, "pcieport") ||
			      !strcmp(driver, "pci-stub")))
		return 0;
	text_add(&m->text, "%s%s (%s)", m->text.len ? ", " : "", name,
		 driver[0] ? driver : "no driver");
	return 0;
}

void
ioas_text_group(const struct ioas_os *os, const struct ioas_found *f, bool in_the_way, char *to,
		size_t room)
{
	struct members m = { .os = os, .but = f->bdf, .in_the_way = in_the_way };
	char path[IOAS_ROOM];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", f->group);
	os->list(os, path, one_member, &m);
	snprintf(to, room, "%s", m.text.text);
}

#define MAX_NODES 16

/* Device nodes, and the processes that have one of them open. */
struct holders {
	const struct ioas_os *os;
	char nodes[MAX_NODES][64];
	unsigned n;
	char dir[2 * IOAS_ROOM];
	bool has;
	struct text text;
};

static int
one_cdev(void *arg, const char *name)
{
	struct holders *h = arg;

	if (h->n < MAX_NODES)
		snprintf(h->nodes[h->n++], sizeof(h->nodes[0]), "/dev/vfio/devices/%.40s", name);
	return 1;
}

static int
one_node(void *arg, const char *name)
{
	struct holders *h = arg;
	char path[2 * IOAS_ROOM];

	snprintf(path, sizeof(path), PCI "/%s/vfio-dev", name);
	h->os->list(h->os, path, one_cdev, h);
	return 0;
}

static int
one_fd(void *arg, const char *name)
{
	struct holders *h = arg;
	char path[4 * IOAS_ROOM], target[IOAS_ROOM];

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	if (h->os->link(h->os, path, true, target) < 0)
		return 0;
	for (unsigned i = 0; i < h->n && !h->has; i++)
		h->has = !strcmp(target, h->nodes[i]);
	return h->has;
}

static int
one_process(void *arg, const char *name)
{
	struct holders *h = arg;
	char path[2 * IOAS_ROOM], comm[64];

	if (!isdigit((unsigned char)name[0]))
		return 0;
	h->has = false;
	snprintf(h->dir, sizeof(h->dir), "/proc/%s/fd", name);
	h->os->list(h->os, h->dir, one_fd, h);
	if (!h->has)
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/comm", name);
	if (h->os->read(h->os, path, comm, sizeof(comm)) < 0)
		comm[0] = 0;
	text_add(&h->text, "%sprocess %s (%s)", h->text.len ? ", " : "", name, comm);
	return 0;
}

void
ioas_text_holders(const struct ioas_os *os, const struct ioas_found *f, char *to, size_t room)
{
	struct holders h = { .os = os, .n = 1 };
	char path[IOAS_ROOM];

	snprintf(h.nodes[0], sizeof(h.nodes[0]), "/dev/vfio/%s%d", f->noiommu ? "noiommu-" : "",
		 f->group);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", f->group);
	os->list(os, path, one_node, &h);
	os->list(os, "/proc", one_process, &h);
	snprintf(to, room, "%s", h.text.text);
}
