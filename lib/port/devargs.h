/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BATON_PORT_DEVARGS_H
#define BATON_PORT_DEVARGS_H

#include "port/port.h"

#define DEVARGS_MAX 32 /* arguments of a port */

/** Split "name,key=value,..." in place. Return: the number of arguments, or -EINVAL. */
int devargs_split(char *text, struct port_arg *args, char name[PORT_NAME_MAX]);

/**
 * Find the driver for the name of a port. The name of a PCI device becomes its full address.
 *
 * Return: 0; -ENODEV; -EINVAL.
 */
int devargs_driver(const struct baton_ctx *ctx, char name[PORT_NAME_MAX],
		   const struct baton_driver **out);

/** Check that the driver has each argument, and each is given once. Return: 0 or -EINVAL. */
int devargs_check(const struct baton_driver *drv, const char *name, const struct port_arg *args,
		  int n);

/** Put the port's name before an error; those about a PCI device have it already. Return: ret. */
int devargs_error(int ret, const char *name);

#endif
