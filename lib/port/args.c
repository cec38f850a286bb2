/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of device arguments. */
#include <stdlib.h>

#include "base/export.h"
#include "base/structs.h"
#include "port/load.h"

const char *
port_arg(const struct port_arg *args, unsigned n, const char *key)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(args[i].key, key))
			return args[i].value ? args[i].value : "";
	return NULL;
}

int
port_arg_uint(const struct port_arg *args, unsigned n, const char *key, uint64_t min, uint64_t max,
	      uint64_t *value)
{
	const char *text = port_arg(args, n, key);
	unsigned long long v;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || v < min || v > max)
		return baton_err(EINVAL, "argument %s=%s: a number from %llu to %llu is needed",
				 key, text, (unsigned long long)min, (unsigned long long)max);
	*value = v;
	return 0;
}

int
port_parse_mac(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return baton_err(EINVAL,
				 "MAC address \"%s\": six hexadecimal bytes such as "
				 "02:00:00:00:00:01 are needed",
				 text);
	if (b[0] & 1 || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5]))
		return baton_err(EINVAL,
				 "MAC address %s: a port's own address must be unicast and not all "
				 "zeros",
				 text);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return 0;
}

static unsigned
append(const struct baton_arg *args, struct baton_arg *out, unsigned n, size_t size, unsigned at)
{
	for (; args && args->name; args++, at++)
		if (at < n)
			struct_give(struct_at(out, at, size), size, args, sizeof(*args));
	return at;
}

unsigned
driver_args(const struct baton_driver *d, struct baton_arg *out, unsigned n, size_t size)
{
	unsigned count = append(d->args, out, n, size, 0);

	count = append(d->more_args, out, n, size, count);
	return append(d->dma ? port_reach_args : NULL, out, n, size, count);
}

int
baton_driver_args_(const struct baton_ctx *ctx, const char *driver, struct baton_arg *out,
		   unsigned n, size_t size)
{
	const struct baton_driver *const *d;
	int ret = ctx ? handle_check(ctx, HANDLE_CTX, "driver_args") : 0;

	if (ret < 0)
		return ret;
	if (!driver || (n && !out))
		return baton_err(EINVAL, "baton_driver_args: %s is NULL",
				 driver ? "out" : "driver");
	d = drivers_of(ctx);
	while (*d && strcmp((*d)->name, driver))
		d++;
	if (!*d)
		return baton_err(EINVAL, "no driver \"%s\"; baton_drivers() has their names",
				 driver);
	return (int)driver_args(*d, out, n, size);
}

DRIVER_EXPORT(port_arg);
DRIVER_EXPORT(port_arg_uint);
DRIVER_EXPORT(port_parse_mac);
