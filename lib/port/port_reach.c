/* SPDX-License-Identifier: BSD-3-Clause */
/* The user's configuration of reach: device arguments, and the functions of <baton/reach.h>. */
#include <stdlib.h>

#include "base/structs.h"
#include "port/port.h"

#define MAX_WINDOWS 32u

const struct baton_arg port_reach_args[] = {
	{ "bounce", "auto|always|never",
	  "copy packets where the device cannot or must not reach the buffers, always, or never" },
	{ "confine", "on|off", "map nothing but rings and slots, and copy every packet" },
	{ "dma-limit", "BITS", "address bits for packets, 12 to 64" },
	{ "ring-limit", "BITS", "address bits for rings and control blocks, 12 to 64" },
	{ "window", "START-END", "use only these addresses; more with + between them" },
	{ 0 },
};

static int
parse_bounce(const char *text, enum baton_bounce *out)
{
	static const char *const words[] = { [BATON_BOUNCE_AUTO] = "auto",
					     [BATON_BOUNCE_ALWAYS] = "always",
					     [BATON_BOUNCE_NEVER] = "never" };

	for (unsigned i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			*out = (enum baton_bounce)i;
			return 0;
		}
	}
	return text ? baton_err(EINVAL, "argument bounce=%s: auto, always or never is needed", text)
		    : 0;
}

static int
parse_confine(const char *text, uint8_t *out)
{
	if (!text)
		return 0;
	*out = !strcmp(text, "on") || !strcmp(text, "1");
	if (*out || !strcmp(text, "off") || !strcmp(text, "0"))
		return 0;
	return baton_err(EINVAL, "argument confine=%s: on or off is needed", text);
}

/* Parse a number at *@at, and move *@at behind it. */
static bool
number(const char **at, uint64_t *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 0);
	*at = end;
	return !errno;
}

int
baton_windows_parse(const char *text, struct baton_iova_range *out, unsigned room)
{
	const char *at = text;
	unsigned n = 0;

	if (!text || !out)
		return baton_err(EINVAL, "windows_parse: a text and a place for the windows are "
					 "needed");
	for (;;) {
		if (n == room)
			return baton_err(EINVAL, "window=%s: more than %u windows", text, room);
		if (!number(&at, &out[n].start) || *at++ != '-' || !number(&at, &out[n].last) ||
		    (*at && *at != '+'))
			return baton_err(EINVAL,
					 "window=%s: START-END is needed, such as 0x0-0x3fffffff "
					 "(both are in it), or several with + between them",
					 text);
		if (out[n].start > out[n].last)
			return baton_err(EINVAL, "window=%s: 0x%llx-0x%llx ends before it starts",
					 text, (unsigned long long)out[n].start,
					 (unsigned long long)out[n].last);
		n++;
		if (!*at++)
			return (int)n;
	}
}

/* Return: the number of windows. */
static int
parse(const struct port_arg *args, unsigned n, struct baton_reach_config *c,
      struct baton_iova_range *windows)
{
	const char *window = port_arg(args, n, "window");
	uint64_t data_bits = 0, ring_bits = 0;
	int ret;

	baton_reach_config_init(c);
	if ((ret = parse_bounce(port_arg(args, n, "bounce"), &c->bounce)) < 0 ||
	    (ret = parse_confine(port_arg(args, n, "confine"), &c->confine)) < 0 ||
	    (ret = port_arg_uint(args, n, "dma-limit", 12, 64, &data_bits)) < 0 ||
	    (ret = port_arg_uint(args, n, "ring-limit", 12, 64, &ring_bits)) < 0)
		return ret;
	c->data_bits = (uint8_t)data_bits;
	c->ring_bits = (uint8_t)ring_bits;
	return window ? baton_windows_parse(window, windows, MAX_WINDOWS) : 0;
}

int
port_reach_args_check(const struct port_arg *args, unsigned n)
{
	struct baton_iova_range windows[MAX_WINDOWS];
	struct baton_reach_config c;
	int ret = parse(args, n, &c, windows);

	return ret < 0 ? ret : 0;
}

int
port_reach_open(struct baton_port *port, const struct port_arg *args, unsigned n)
{
	struct baton_iova_range windows[MAX_WINDOWS];
	struct baton_reach_config c;
	int n_windows = parse(args, n, &c, windows);

	if (n_windows < 0)
		return n_windows;
	port->reach.ctx = port->ctx;
	port->reach.name = port->name;
	port->reach.node = BATON_NODE_ANY;
	port->reach.can_bounce = port->driver->bounces;
	c.windows = n_windows ? windows : NULL;
	c.n_windows = (unsigned)n_windows;
	return dma_reach_set(&port->reach, &c);
}

static int
renew_space(struct baton_port *port)
{
	return port->driver->ops->renew_space ? port->driver->ops->renew_space(port) : 0;
}

static int
set_reach(struct baton_port *port, const struct baton_reach_config *config,
	  const struct baton_reach_config *before)
{
	int ret = dma_reach_set(&port->reach, config);
	char why[512];

	if (ret < 0)
		return ret;
	ret = renew_space(port);
	if (!ret)
		ret = dma_reach_check(&port->reach);
	if (!ret)
		return 0;
	snprintf(why, sizeof(why), "%s", baton_last_error());
	if (dma_reach_set(&port->reach, before) < 0 || renew_space(port) < 0)
		port_log(port, BATON_LOG_ERR, "its address space is lost: %s", baton_last_error());
	return baton_err(-ret, "%s", why);
}

static int
no_device(const struct baton_port *port)
{
	return baton_err(ENOTSUP, "%s: a %s port has no device that accesses memory", port->name,
			 port->driver->name);
}

int
baton_port_set_reach(struct baton_port *port, const struct baton_reach_config *config)
{
	struct dma_reach *r;
	struct baton_iova_range windows[MAX_WINDOWS];
	struct baton_reach_config before;
	int ret = port_enter(port, "port_set_reach");

	if (ret < 0)
		return ret;
	if (!port->driver->dma)
		return no_device(port);
	r = &port->reach;
	if (r->committed)
		return baton_err(EBUSY,
				 "%s: memory is mapped for its device under the limits of %u "
				 "address bits for data and %u for rings, so they are committed: "
				 "reset the port first (baton_port_reset)",
				 port->name, r->data_bits ? r->data_bits : r->device_data_bits,
				 r->ring_bits ? r->ring_bits : r->device_ring_bits);
	if (config && config->n_windows > MAX_WINDOWS)
		return baton_err(EINVAL, "%s: %u windows, at most %u are possible", port->name,
				 config->n_windows, MAX_WINDOWS);
	dma_reach_get(r, &before);
	if (before.n_windows)
		before.windows = memcpy(windows, r->windows, r->n_windows * sizeof(windows[0]));
	ret = set_reach(port, config, &before);
	return ret < 0 ? baton_err_prefix(ret, "%s", port->name) : 0;
}

int
baton_port_get_reach_(const struct baton_port *port, struct baton_reach_config *config, size_t size)
{
	struct baton_reach_config c;
	int ret = handle_enter(port, HANDLE_PORT, "port_get_reach");

	if (ret < 0)
		return ret;
	if (!config)
		return baton_err(EINVAL,
				 "%s: port_get_reach: there is no place for the configuration: "
				 "config is NULL",
				 port->name);
	if (!port->driver->dma)
		return no_device(port);
	dma_reach_get(&port->reach, &c);
	struct_init(config, size, &c, sizeof(c));
	return 0;
}

unsigned
baton_port_reach_(const struct baton_port *port, struct baton_reach_info *out, unsigned n,
		  size_t size)
{
	if (handle_enter(port, HANDLE_PORT, "port_reach") < 0)
		return 0;
	return port->driver->dma ? dma_reach_list(&port->reach, out, out ? n : 0, size) : 0;
}

void
baton_port_reach_summary_(const struct baton_port *port, struct baton_reach_summary *out,
			  size_t size)
{
	struct baton_reach_summary sum = { 0 };

	if (!out)
		return;
	if (handle_enter(port, HANDLE_PORT, "port_reach_summary") == 0) {
		if (port->driver->dma)
			dma_reach_sum(&port->reach, &sum);
		else
			sum.protects = "no device reaches memory";
	}
	struct_give(out, size, &sum, sizeof(sum));
}
