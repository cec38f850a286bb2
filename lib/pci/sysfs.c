/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI devices in sysfs. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "pci/pci_device.h"

#define CLASS_NETWORK 0x02

/* Parse a number of 1 to @n hexadecimal digits. */
static bool
hex(const char **text, unsigned n, unsigned *value)
{
	const char *begin = *text;

	for (*value = 0; n && isxdigit((unsigned char)**text); n--, (*text)++) {
		char c = (char)tolower((unsigned char)**text);

		*value = *value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return *text != begin;
}

bool
pci_parse_bdf(const char *text, char bdf[PCI_BDF_SIZE])
{
	unsigned domain = 0, bus, dev, fn;
	const char *colon;

	if (!strncmp(text, "pci:", 4))
		text += 4;
	colon = strchr(text, ':');
	if (colon && strchr(colon + 1, ':')) {
		if (!hex(&text, 4, &domain) || *text++ != ':')
			return false;
	}
	if (!hex(&text, 2, &bus) || *text++ != ':' || !hex(&text, 2, &dev) || *text++ != '.' ||
	    !hex(&text, 1, &fn) || *text || dev > 31 || fn > 7)
		return false;
	snprintf(bdf, PCI_BDF_SIZE, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, dev & 0x1f,
		 fn & 7);
	return true;
}

/* Read a file that has one number. Return: 0 or a negative errno. */
static int
read_number(const struct pci_os *os, const char *bdf, const char *name, long *value)
{
	char path[256], text[32], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", os->sys, bdf, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	*value = strtol(text, &end, 0);
	return end == text ? -EIO : 0;
}

static int
read_info(const struct pci_os *os, const char *bdf, struct pci_info *info)
{
	long vendor, device, class = 0, node = -1;
	char path[256], target[256];
	const char *name;
	ssize_t n;
	int ret;

	if ((ret = read_number(os, bdf, "vendor", &vendor)) < 0 ||
	    (ret = read_number(os, bdf, "device", &device)) < 0)
		return ret;
	read_number(os, bdf, "class", &class);
	read_number(os, bdf, "numa_node", &node);
	memset(info, 0, sizeof(*info));
	snprintf(info->bdf, sizeof(info->bdf), "%s", bdf);
	info->vendor = (uint16_t)vendor;
	info->device = (uint16_t)device;
	info->class = (uint32_t) class & 0xffffff;
	info->node = node < 0 ? -1 : (int)node;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", os->sys, bdf);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		name = strrchr(target, '/');
		snprintf(info->driver, sizeof(info->driver), "%.31s", name ? name + 1 : target);
	}
	return 0;
}

int
pci_each(const struct pci_os *os, int (*fn)(void *arg, const struct pci_info *info), void *arg)
{
	struct dirent **list;
	char path[256];
	int n, ret = 0;

	snprintf(path, sizeof(path), "%s/bus/pci/devices", os->sys);
	n = scandir(path, &list, NULL, alphasort);
	if (n < 0)
		return baton_err(errno == ENOMEM ? ENOMEM : ENODEV,
				 "there is no PCI bus here: /sys/bus/pci/devices: %s",
				 strerror(errno));
	for (int i = 0; i < n; i++) {
		struct pci_info info;
		char bdf[PCI_BDF_SIZE];

		if (!ret && pci_parse_bdf(list[i]->d_name, bdf) && read_info(os, bdf, &info) == 0)
			ret = fn(arg, &info);
		free(list[i]);
	}
	free(list);
	return ret;
}

/* ---- its IOMMU group ---- */

#define CLASS_PCI_BRIDGE 0x0604

struct name_list {
	const struct pci_os *os;
	const char *but; /* the device whose neighbours are wanted */
	char one[64];
	char text[256];
};

/* A bridge only passes on what the devices behind it send; VFIO accepts bridges in a group, too. */
static void
add_neighbour(struct name_list *l, const char *name)
{
	size_t len = strlen(l->text);
	struct pci_info info = { .class = 0 };
	char bdf[PCI_BDF_SIZE];

	if (name[0] == '.' || !strcmp(name, l->but))
		return;
	if (pci_parse_bdf(name, bdf) && read_info(l->os, bdf, &info) == 0 &&
	    info.class >> 8 == CLASS_PCI_BRIDGE)
		return;
	if (!len)
		snprintf(l->one, sizeof(l->one), "%.31s", name);
	snprintf(l->text + len, sizeof(l->text) - len, "%s%.31s (%s)", len ? ", " : "", name,
		 info.driver[0] ? info.driver : "no driver");
}

int
pci_check_alone(const struct pci_os *os, const char *bdf)
{
	struct name_list l = { .os = os, .but = bdf };
	char path[256], group[256];
	struct dirent **list;
	ssize_t len;
	int n;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu_group", os->sys, bdf);
	len = readlink(path, group, sizeof(group) - 1);
	if (len < 0 && errno == ENOENT)
		return 0; /* no such device, or no IOMMU: opening the device reports it */
	group[len < 0 ? 0 : len] = '\0';
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu_group/devices", os->sys, bdf);
	n = scandir(path, &list, NULL, alphasort);
	if (n < 0)
		return baton_err(errno,
				 "cannot find out which devices share the IOMMU group of %s: "
				 "/sys/bus/pci/devices/%s/iommu_group/devices: %s",
				 bdf, bdf, strerror(errno));
	for (int i = 0; i < n; i++) {
		add_neighbour(&l, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	if (!l.text[0])
		return 0;
	return baton_err(EBUSY,
			 "%s shares its IOMMU group %s with %s, and all devices of a group can "
			 "access what is mapped for one of them: move it to another slot, or "
			 "remove the others (echo 1 > /sys/bus/pci/devices/%s/remove)",
			 bdf, strrchr(group, '/') ? strrchr(group, '/') + 1 : group, l.text, l.one);
}

/* ---- who else is there ---- */

static int
add_name(void *arg, const struct pci_info *info)
{
	struct name_list *l = arg;
	size_t len = strlen(l->text);

	if (info->class >> 16 == CLASS_NETWORK)
		snprintf(l->text + len, sizeof(l->text) - len, "%s%s (%04x:%04x, %s)",
			 len ? ", " : "", info->bdf, info->vendor, info->device,
			 info->driver[0] ? info->driver : "no driver");
	return 0;
}

int
pci_find(const struct pci_os *os, const char *bdf, struct pci_info *info)
{
	struct name_list l = { .os = os };
	int ret = read_info(os, bdf, info);

	if (!ret)
		return 0;
	if (ret != -ENOENT)
		return baton_err(-ret, "/sys/bus/pci/devices/%s cannot be read: %s", bdf,
				 strerror(-ret));
	ret = pci_each(os, add_name, &l);
	if (ret < 0)
		return ret;
	return baton_err(ENODEV, "there is no PCI device %s; network devices here: %s", bdf,
			 l.text[0] ? l.text : "none");
}

/* ---- what is no address ---- */

/* The PCI device of a network interface: the last address in the path of its device. */
static bool
device_of_interface(const struct pci_os *os, const char *name, char bdf[PCI_BDF_SIZE])
{
	char path[256], real[PATH_MAX], *part, *rest = real;
	bool found = false;

	snprintf(path, sizeof(path), "%s/class/net/%.16s/device", os->sys, name);
	if (!realpath(path, real))
		return false;
	while ((part = strsep(&rest, "/")))
		found |= pci_parse_bdf(part, bdf);
	return found;
}

static int
explain_interface(const struct pci_os *os, const char *name)
{
	char bdf[PCI_BDF_SIZE];

	if (!device_of_interface(os, name, bdf))
		return baton_err(ENODEV,
				 "%s is a network interface of the kernel's, and not of a PCI "
				 "device: it cannot be opened here",
				 name);
	return baton_err(ENODEV,
			 "%s is a network interface of the kernel's: its PCI device is opened by "
			 "address, %s, once it is bound to vfio-pci",
			 name, bdf);
}

int
pci_explain(const struct pci_os *os, const char *name)
{
	struct name_list l = { .os = os };
	char path[256];

	if (*name && *name != '.' && !strchr(name, '/') && strlen(name) < 16) {
		snprintf(path, sizeof(path), "%s/class/net/%.16s", os->sys, name);
		if (!access(path, F_OK))
			return explain_interface(os, name);
	}
	if (!strchr(name, ':') || name[strspn(name, "pciPCI0123456789abcdefABCDEF:.-")])
		return 0;
	pci_each(os, add_name, &l);
	return baton_err(EINVAL,
			 "\"%s\" is not a PCI address: domain:bus:device.function is needed, such "
			 "as 0000:03:00.0, with a domain of at most ffff, a device of at most 1f "
			 "and "
			 "a function of at most 7; network devices here: %s",
			 name, l.text[0] ? l.text : "none");
}
