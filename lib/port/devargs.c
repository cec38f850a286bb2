/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's name and arguments, "net_null0,size=64": whose they are, and whether they can be. */
#include <ctype.h>
#include <stdlib.h>

#include "pci/pci_device.h"
#include "port/devargs.h"
#include "port/load.h"

/* Whether @name is @stem and a number. */
static bool
is_numbered(const char *name, const char *stem)
{
	size_t len = strlen(stem);

	if (strncmp(name, stem, len))
		return false;
	while (isdigit((unsigned char)name[len]))
		len++;
	return !name[len];
}

static const struct baton_driver *
find_driver(const struct baton_ctx *ctx, const char *name)
{
	for (const struct baton_driver *const *d = drivers_of(ctx); *d; d++)
		if (is_numbered(name, (*d)->name) ||
		    ((*d)->other_name && is_numbered(name, (*d)->other_name)))
			return *d;
	return NULL;
}

#define INTERFACE                                                                                  \
	"the kernel's network interfaces are not used directly; tcpdump and tcpreplay join them "  \
	"to net_pcap, passt and Open vSwitch to net_virtio_user"
#define SOFTWARE "it is software of DPDK's own"

/* Drivers of DPDK's for no PCI device that are not here; after "net_" or, in old ones, "eth_". */
static const struct {
	const char *name, *why;
} absent[] = {
	{ "vhost", "it is the device's side of vhost-user, and net_virtio_user the driver's" },
	{ "tap", INTERFACE },
	{ "tun", INTERFACE },
	{ "af_packet", INTERFACE },
	{ "af_xdp", INTERFACE },
	{ "kni", INTERFACE },
	{ "memif", SOFTWARE },
	{ "bonding", SOFTWARE },
	{ "bond", SOFTWARE },
	{ "failsafe", SOFTWARE },
	{ "softnic", SOFTWARE },
	{ "vdev_netvsc", SOFTWARE },
};

static int
no_driver(const struct baton_ctx *ctx, const char *name)
{
	char list[256] = "", stem[PORT_NAME_MAX];
	const char *near, *why = NULL;

	snprintf(stem, sizeof(stem), "%s", name);
	for (size_t n = strlen(stem); n && isdigit((unsigned char)stem[n - 1]); n--)
		stem[n - 1] = '\0';
	near = baton_nearest(stem, baton_drivers(ctx));
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (!strcmp(stem + (strncmp(stem, "net_", 4) && strncmp(stem, "eth_", 4) ? 0 : 4),
			    absent[i].name))
			why = absent[i].why;
	for (const char *const *d = baton_drivers(ctx); *d; d++) {
		size_t len = strlen(list);

		snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", *d);
	}
	if (why)
		return baton_err(ENODEV, "no driver for \"%s\": %s. There are: %s", name, why,
				 list);
	if (near)
		return baton_err(ENODEV, "no driver for \"%s\"; did you mean %s? There are: %s",
				 name, near, list);
	return baton_err(ENODEV, "no driver for \"%s\"; there are: %s", name, list);
}

static bool
is_for(const struct baton_driver *drv, const struct pci_info *info)
{
	const struct pci_id *id = drv->pci_ids;

	while (id && id->vendor && (id->vendor != info->vendor || id->device != info->device))
		id++;
	return id && id->vendor;
}

/* A device of no driver: one of them may know what it is. */
static int
refuse(const struct baton_ctx *ctx, const char *bdf, const struct pci_info *info)
{
	for (const struct baton_driver *const *d = drivers_of(ctx); *d; d++)
		for (const struct pci_other *o = (*d)->pci_others; o && o->why; o++)
			if (o->id.vendor == info->vendor && o->id.device == info->device)
				return baton_err(ENOTSUP, "%s (%04x:%04x) %s", bdf, info->vendor,
						 info->device, o->why);
	return 0;
}

/* Find the driver of the PCI device @bdf. */
static int
find_pci_driver(const struct baton_ctx *ctx, const char *bdf, const struct baton_driver **out)
{
	struct pci_info info;
	char list[128] = "";
	int ret = pci_find(pci_os_of(ctx), bdf, &info);

	if (ret < 0)
		return ret;
	for (const struct baton_driver *const *d = drivers_of(ctx); *d; d++) {
		size_t len = strlen(list);

		if (is_for(*d, &info)) {
			*out = *d;
			return 0;
		}
		if ((*d)->pci_ids)
			snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
				 (*d)->name);
	}
	ret = refuse(ctx, bdf, &info);
	if (ret < 0)
		return ret;
	return baton_err(ENODEV,
			 "no driver for PCI device %s (%04x:%04x, class %06x); drivers of PCI "
			 "devices: %s",
			 bdf, info.vendor, info.device, info.class, list);
}

static int
choose_by_name(const struct baton_ctx *ctx, const struct pci_os *os, const char *name,
	       const struct baton_driver **out)
{
	*out = find_driver(ctx, name);
	if (!*out) {
		int ret = pci_explain(os, name);
		char why[512];

		if (!ret)
			return no_driver(ctx, name);
		snprintf(why, sizeof(why), "%s", baton_last_error());
		no_driver(ctx, name);
		return baton_err(-ret, "%s; %s", baton_last_error(), why);
	}
	if ((*out)->pci_ids)
		return baton_err(ENODEV,
				 "%s drives PCI devices, which are opened by address, such as "
				 "0000:00:03.0",
				 (*out)->name);
	return 0;
}

int
devargs_driver(const struct baton_ctx *ctx, char name[PORT_NAME_MAX],
	       const struct baton_driver **out)
{
	char bdf[PCI_BDF_SIZE];

	if (!pci_parse_bdf(name, bdf))
		return choose_by_name(ctx, pci_os_of(ctx), name, out);
	memcpy(name, bdf, sizeof(bdf));
	return find_pci_driver(ctx, bdf, out);
}

/* Split "name,key=value,..." in place. Return: the number of arguments or -EINVAL. */
static int
split_args(char *text, struct port_arg *args)
{
	unsigned n = 0;
	char *rest = text, *word;

	strsep(&rest, ",");
	while ((word = strsep(&rest, ","))) {
		if (n == DEVARGS_MAX)
			return baton_err(EINVAL, "%s: more than %u arguments", text, DEVARGS_MAX);
		args[n].key = strsep(&word, "=");
		args[n].value = word;
		n++;
	}
	return (int)n;
}

static bool
is_among(const struct baton_arg *list, const char *key)
{
	while (list && list->name && strcmp(list->name, key))
		list++;
	return list && list->name;
}

static const char *
nearest_arg(const struct baton_driver *drv, const char *key)
{
	struct baton_arg args[DEVARGS_MAX];
	const char *names[DEVARGS_MAX + 1] = { NULL };
	const unsigned n = driver_args(drv, args, DEVARGS_MAX, sizeof(*args));

	for (unsigned i = 0; i < n && i < DEVARGS_MAX; i++)
		names[i] = args[i].name;
	return baton_nearest(key, names);
}

int
devargs_check(const struct baton_driver *drv, const char *name, const struct port_arg *args, int n)
{
	for (int i = 0; i < n; i++) {
		const char *near;

		for (int j = 0; j < i; j++)
			if (!strcmp(args[i].key, args[j].key))
				return baton_err(EINVAL, "%s: argument \"%s\" is given twice", name,
						 args[i].key);
		if (is_among(drv->args, args[i].key) || is_among(drv->more_args, args[i].key) ||
		    (drv->dma && is_among(port_reach_args, args[i].key)))
			continue;
		if (is_among(port_reach_args, args[i].key))
			return baton_err(EINVAL,
					 "%s: argument \"%s\" says how a device may reach memory, "
					 "and a %s port has no device: leave it out",
					 name, args[i].key, drv->name);
		near = nearest_arg(drv, args[i].key);
		return baton_err(EINVAL, "%s: %s has no argument \"%s\"%s%s%s", name, drv->name,
				 args[i].key, near ? "; did you mean \"" : "", near ? near : "",
				 near ? "\"?" : "");
	}
	return 0;
}

int
devargs_split(char *text, struct port_arg *args, char name[PORT_NAME_MAX])
{
	int n = split_args(text, args);

	if (n < 0)
		return n;
	if (strlen(text) >= PORT_NAME_MAX)
		return baton_err(EINVAL, "port name \"%.20s...\" is longer than %u characters",
				 text, PORT_NAME_MAX - 1);
	snprintf(name, PORT_NAME_MAX, "%s", text);
	return n;
}

int
devargs_error(int ret, const char *name)
{
	if (ret >= 0 || !strncmp(baton_last_error(), name, strlen(name)))
		return ret;
	return baton_err_prefix(ret, "%s", name);
}

/* What can be said of a port's arguments without opening it. */
static int
check_values(const struct baton_driver *drv, const char *name, const struct port_arg *args, int n)
{
	int ret = devargs_check(drv, name, args, n);

	if (ret < 0)
		return ret;
	if (drv->dma)
		ret = port_reach_args_check(args, (unsigned)n);
	if (!ret && drv->ops->check)
		ret = drv->ops->check(drv, args, (unsigned)n);
	return devargs_error(ret, name);
}

/* A PCI device: who drives it is known when it is opened, so one of its drivers must take them. */
static int
check_pci(const struct baton_ctx *ctx, const char *name, const struct port_arg *args, int n)
{
	int ret = -ENODEV;

	for (const struct baton_driver *const *d = drivers_of(ctx); *d; d++) {
		if (!(*d)->pci_ids)
			continue;
		ret = check_values(*d, name, args, n);
		if (!ret)
			break;
	}
	return ret;
}

int
baton_port_check(const struct baton_ctx *ctx, const char *devargs)
{
	struct port_arg args[DEVARGS_MAX];
	const struct baton_driver *drv = NULL;
	char name[PORT_NAME_MAX], bdf[PCI_BDF_SIZE], *text;
	int n, ret;

	ret = ctx ? handle_check(ctx, HANDLE_CTX, "port_check") : 0;
	if (ret < 0)
		return ret;
	if (!devargs)
		return baton_err(EINVAL, "port_check: a device's name is needed");
	text = strdup(devargs);
	if (!text)
		return baton_err(ENOMEM, "out of memory");
	n = ret = devargs_split(text, args, name);
	if (n >= 0 && pci_parse_bdf(name, bdf)) {
		ret = check_pci(ctx, name, args, n);
	} else if (n >= 0) {
		ret = choose_by_name(ctx, ctx ? pci_os_of(ctx) : &pci_os_host, name, &drv);
		if (!ret)
			ret = check_values(drv, name, args, n);
	}
	free(text);
	return ret;
}
