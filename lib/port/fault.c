/* SPDX-License-Identifier: BSD-3-Clause */
/* Accesses that a port's device was refused. */
#include "base/export.h"
#include "base/structs.h"
#include "port/port.h"

/*
 * A device that causes one fault often causes one for every packet: report the 1st, 2nd, 4th, 8th
 * ...
 */
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
	port_log(port, BATON_LOG_WARN,
		 "the device wanted to %s 0x%llx, where nothing is mapped that it may %s: fault "
		 "%llu of this port; a queue it meant that for may stand still until the port is "
		 "stopped and started",
		 write ? "write to" : "read", (unsigned long long)iova, write ? "write" : "read",
		 (unsigned long long)f->count);
	port_event(port, BATON_EVENT_FAULT);
}

void
baton_port_fault_(const struct baton_port *port, struct baton_port_fault *fault, size_t size)
{
	const struct baton_port_fault none = { 0 };

	if (fault)
		struct_give(fault, size,
			    handle_enter(port, HANDLE_PORT, "port_fault") == 0 ? &port->fault
									       : &none,
			    sizeof(none));
}

DRIVER_EXPORT(port_fault);
