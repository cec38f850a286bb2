/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's network interfaces on a device that another driver has: who takes that driver away
 * takes them away, and with them perhaps the way to this machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioas/find.h"

#define PCI        "/sys/bus/pci/devices"
#define FLAG_UP    0x1
#define MAX_ROUTES 8192 /* bytes of a list of routes that are looked at */
#define V6_DEFAULT "00000000000000000000000000000000 00 "

struct interfaces {
	const struct ioas_os *os;
	const char *dir;
	char routes[MAX_ROUTES]; /* /proc/net/route: the default route is at its beginning */
	char routes6[MAX_ROUTES];
	struct ioas_interfaces *out;
};

/* IPv4: "eth0<tab>00000000<tab>..."; a default route's mask is 0, too. */
static bool
has_route(const char *routes, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = routes; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, n) && !strncmp(line + n, "\t00000000\t", 10))
			return true;
		if (!*line)
			break;
	}
	return false;
}

/* IPv6: the destination and its length come first, the interface last. */
static bool
has_route6(const char *routes, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = routes; *line;) {
		size_t len = strcspn(line, "\n");

		if (!strncmp(line, V6_DEFAULT, sizeof(V6_DEFAULT) - 1) && len > n &&
		    !strncmp(line + len - n, name, n) && line[len - n - 1] == ' ')
			return true;
		line += len + (line[len] == '\n');
	}
	return false;
}

static int
one_interface(void *arg, const char *name)
{
	struct interfaces *i = arg;
	char path[2 * IOAS_ROOM], text[64], master[IOAS_ROOM] = "";
	bool up, route = has_route(i->routes, name) || has_route6(i->routes6, name);

	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	up = i->os->read(i->os, path, text, sizeof(text)) > 0 &&
	     (strtoul(text, NULL, 16) & FLAG_UP);
	snprintf(path, sizeof(path), "/sys/class/net/%s/master", name);
	i->os->link(i->os, path, false, master);
	text_add(&i->out->text, "%s%s (%s%s%s%s)", i->out->text.len ? ", " : "", name,
		 up ? "up" : "down", route ? ", has the default route" : "",
		 master[0] ? ", member of " : "", master);
	i->out->up |= up;
	i->out->route |= route;
	return 0;
}

/* A virtio device has its interfaces below a device of its own. */
static int
one_child(void *arg, const char *name)
{
	struct interfaces *i = arg;
	char path[3 * IOAS_ROOM];

	if (strcmp(name, "net") != 0 && strncmp(name, "virtio", 6) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s%s", i->dir, name, name[0] == 'v' ? "/net" : "");
	i->os->list(i->os, path, one_interface, i);
	return 0;
}

void
ioas_find_interfaces(const struct ioas_os *os, const char *bdf, struct ioas_interfaces *out)
{
	struct interfaces *i = os->alloc(os, sizeof(*i));
	char dir[IOAS_ROOM];

	*out = (struct ioas_interfaces){ 0 };
	if (!i)
		return;
	snprintf(dir, sizeof(dir), PCI "/%s", bdf);
	i->os = os;
	i->dir = dir;
	i->out = out;
	if (os->read(os, "/proc/net/route", i->routes, sizeof(i->routes)) < 0)
		i->routes[0] = 0;
	if (os->read(os, "/proc/net/ipv6_route", i->routes6, sizeof(i->routes6)) < 0)
		i->routes6[0] = 0;
	os->list(os, dir, one_child, i);
	free(i);
}
