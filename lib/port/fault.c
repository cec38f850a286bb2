/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port's device wanted to reach and may not. */
#include "port/port.h"

/* A device that does it once often does it for every packet: the first, the second, the fourth are
 * told. */
static bool
is_told(uint64_t count)
{
	return !(count & (count - 1));
}

void
port_fault(struct baton_port *port, uint64_t iova, bool write)
{
	struct baton_port_fault *f = &port->fault;

	f->iova = iova;
	f->write = write;
	__atomic_store_n(&f->count, f->count + 1, __ATOMIC_RELAXED);
	if (!is_told(f->count))
		return;
	baton_log(port->ctx, BATON_LOG_WARN,
		  "%s: the device wanted to %s 0x%llx, where nothing is mapped that it may %s: "
		  "fault %llu "
		  "of this port; a queue it meant that for may stand still until the port is "
		  "stopped and "
		  "started",
		  port->name, write ? "write to" : "read", (unsigned long long)iova,
		  write ? "write" : "read", (unsigned long long)f->count);
	port_event(port, BATON_EVENT_FAULT);
}

void
baton_port_fault(const struct baton_port *port, struct baton_port_fault *fault)
{
	*fault = port->fault;
}
