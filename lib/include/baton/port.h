/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports, and with <baton/queue.h> their queues.
 *
 * A port is opened, configured, its queues are set up, and it is started. Then the workers receive
 * and send bursts. In the end the port is stopped and closed. The control thread of the context
 * does all of that but the bursts: a burst belongs to the thread of the queue's worker.
 *
 * A started port may lose its device: a backend ends, or a NIC is removed. Bursts then return
 * -ENETDOWN. baton_ctx_poll() waits for the workers to leave the queues, frees the buffers, and
 * waits for the device. When the device is back, the queues run again without any call of the
 * application. baton_port_on_event() reports each step.
 */
#ifndef BATON_PORT_H
#define BATON_PORT_H

#include <baton/hash.h>
#include <baton/link.h>
#include <baton/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MIN_MTU 68   /* smallest MTU, in bytes: RFC 791 section 3.2 */
#define BATON_MAX_MTU 9000 /* largest MTU, in bytes */

/**
 * Load the drivers of a file into a context: a shared object that was built with this library's
 * <baton/driver/...> headers (docs/driver-guide.md).
 *
 * Its ports are then opened by name or by PCI address, as those of the library's own drivers. The
 * file stays loaded until the context is destroyed; other contexts do not see its drivers.
 *
 * Before any code of the file runs, what it was built with is compared with this library. Then the
 * file is loaded for a moment in a child process, which is made with fork(2), so that a constructor
 * that crashes, ends the process or hangs (5 seconds) is an error and no more; where there may be
 * no child process, that is left out, with a warning. Call this before threads run that must not be
 * disturbed by a fork.
 *
 * @ctx:  the context.
 * @file: the path of the file. It is not searched for in the folders of libraries.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOEXEC if the file is no shared object for this machine, or no driver;
 * -EPROTONOSUPPORT if it was built for another version of the driver interface, with other headers
 * or another ownership mode; -ELIBBAD if it cannot be linked: it needs functions that there are
 * not; -EFAULT if a constructor crashes or ends the process; -ETIMEDOUT if one hangs; -EEXIST if
 * the file, or a driver of that name, is there already; -EINVAL if a driver is not complete, or
 * @file is NULL or empty; -EBUSY inside an event callback; -ENOMEM; an error of open(2), such as
 * -ENOENT and -EACCES. Nothing of the file is used then.
 */
BATON_API int baton_driver_load(struct baton_ctx *ctx, const char *file);

/**
 * Get the names of the drivers: those in this library, and those that were loaded into a context.
 *
 * @ctx: the context; NULL: only the drivers in this library.
 *
 * Thread: any thread.
 * Return: an array of NUL-terminated strings that ends with NULL. Those of a context are valid
 * until it is destroyed, and a driver that is loaded later is in an array of its own. NULL if @ctx
 * is no context.
 */
BATON_API const char *const *baton_drivers(const struct baton_ctx *ctx);

/** An argument of a driver's ports, as in "net_virtio_user0,NAME=VALUE". */
struct baton_arg {
	const char *name; /* its key; NULL behind the last argument */
	const char
		*value; /* its value in capitals, such as "SOCKET", or words with | between them */
	const char *help; /* what it does, for people: a phrase, without a period */
};

/* baton_driver_args() for a struct of @size bytes. */
BATON_API int baton_driver_args_(const struct baton_ctx *ctx, const char *driver,
				 struct baton_arg *out, unsigned n, size_t size);

/**
 * Get the arguments of a driver's ports, for help texts.
 *
 * The driver's own arguments come first. Behind them are those that every port has whose device
 * accesses memory by itself.
 *
 * @ctx:    the context whose drivers are meant; NULL: only those in this library.
 * @driver: a name from baton_drivers().
 * @out:    receives the arguments, at most @n of them; they stay valid as long as the library is
 *          loaded, and those of a loaded driver until its context is destroyed.
 * @n:      number of entries of @out; 0 to ask how many there are.
 *
 * Thread: any thread.
 * Return: the number of arguments, which may be more than @n; -EINVAL if there is no such driver,
 * or @out is NULL and @n is not 0.
 */
static inline int
baton_driver_args(const struct baton_ctx *ctx, const char *driver, struct baton_arg *out,
		  unsigned n)
{
	return baton_driver_args_(ctx, driver, out, n, sizeof(*out));
}

/**
 * Check the name of a port and its arguments, as far as that is possible without opening anything.
 *
 * An application that opens several ports can refuse a wrong one before the first is open.
 *
 * @ctx:     the context whose drivers are meant; NULL: only those in this library.
 * @devargs: as for baton_port_open().
 *
 * Thread: any thread.
 * Return: 0; -ENODEV if no driver has this name; -EINVAL if an argument is unknown, is given twice
 * or has a value that cannot be, or if @devargs is NULL; -ENOTSUP if an argument asks for what its
 * driver cannot do; -ENOMEM.
 */
BATON_API int baton_port_check(const struct baton_ctx *ctx, const char *devargs);

/**
 * Open a port by the name of its device.
 *
 * The name is that of a driver and a number to tell ports apart, or a PCI address. Arguments may
 * follow: "net_virtio_user0,path=/tmp/s0,mac=02:00:00:00:00:01". Drivers and their arguments are
 * listed in docs/testpmd.md.
 *
 * @ctx:     the context.
 * @devargs: the name, and arguments after commas.
 * @out:     receives the port.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENODEV if there is no such driver or device; -ENOTSUP if a driver knows
 * the device and does not drive it (the error message has why, and what to do); -EINVAL if an
 * argument is unknown (the error message has the nearest one) or invalid; -EEXIST if a port has
 * that name; -ENOSPC if the context has BATON_MAX_PORTS ports; -ENOMEM if memory is short; an error
 * of the driver.
 */
BATON_API int baton_port_open(struct baton_ctx *ctx, const char *devargs, struct baton_port **out);

/** Configuration of a port. */
struct baton_port_config {
	size_t size;        /* sizeof(struct baton_port_config), in bytes */
	uint16_t rx_queues; /* number of RX queues, 1 to info.max_rx_queues */
	uint16_t tx_queues; /* number of TX queues, 1 to info.max_tx_queues */
	uint16_t mtu;       /* MTU in bytes; 0: leave it as it is */
	uint16_t reserved;  /* 0 */
	/* How long a stop waits for workers to leave the queues, and for TX to complete, in
	 * milliseconds; 0: 1,000. */
	uint32_t stop_timeout_ms;
	uint32_t offloads; /* BATON_OFFLOAD_*, out of info.offloads and info.soft_offloads */
};

/* baton_port_config_init() for a struct of @size bytes. */
BATON_API void baton_port_config_init_(struct baton_port_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_port_config_init(struct baton_port_config *config)
{
	baton_port_config_init_(config, sizeof(*config));
}

/**
 * Configure a stopped port: numbers of queues, MTU and offloads.
 *
 * Queues that were set up before do not exist any more.
 *
 * @port:   the port.
 * @config: the configuration; NULL for the defaults.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if a number is out of its range; -EBUSY if the port is started;
 * -ENOTSUP if an offload is in neither info.offloads nor info.soft_offloads; -ENOMEM if memory is
 * short.
 */
BATON_API int baton_port_configure(struct baton_port *port, const struct baton_port_config *config);

#define BATON_RSS_TABLE_MAX 512 /* largest number of entries of a table that a device has */

/**
 * Configuration of the hash of received packets: what the token's hash is computed by
 * (BATON_OFFLOAD_RX_HASH), and the RX queue that a device chooses by it.
 */
struct baton_rss_config {
	size_t size;        /* sizeof(struct baton_rss_config), in bytes */
	const uint8_t *key; /* the key; NULL: baton_rss_key() */
	uint32_t key_len; /* bytes of the key: BATON_RSS_KEY_LEN, or info.rss_key_len, which may be
			     more; key NULL: 0 */
	uint32_t types;   /* BATON_RSS_*: what to hash, out of info.rss_types where the device
			     hashes, else of info.soft_rss_types; 0: all of these */
	const uint16_t *table; /* RX queue for each value of the hash's last bits; NULL: the
				  device's own choice */
	uint32_t table_len;    /* number of entries of the table: a power of two, at most
				  info.rss_table_len; a shorter one is repeated; table NULL: 0 */
	uint32_t reserved;     /* 0 */
};

/* baton_rss_config_init() for a struct of @size bytes. */
BATON_API void baton_rss_config_init_(struct baton_rss_config *config, size_t size);

/**
 * Set a configuration to the defaults, its size included.
 *
 * This function cannot fail.
 *
 * @config: receives the defaults.
 *
 * Thread: any thread.
 */
static inline void
baton_rss_config_init(struct baton_rss_config *config)
{
	baton_rss_config_init_(config, sizeof(*config));
}

/**
 * Set what the hash of received packets is computed by, and the queues that it chooses.
 *
 * Key and table are copied. The device gets them at each start of the port, which fails if the
 * device refuses them. Configure the port first: a table names queues that are configured, and
 * baton_port_configure() with another number of RX queues takes the table back.
 *
 * @port:   a stopped port.
 * @config: the configuration; NULL for the defaults.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if a length is wrong, there is no such hash type, or the table
 * names a queue that is not configured (the error message has the numbers); -ENOTSUP if the device
 * lacks a hash type, or a table is given and it has none; -EBUSY if the port is started; -ENOMEM if
 * memory is short.
 */
BATON_API int baton_port_set_rss(struct baton_port *port, const struct baton_rss_config *config);

/* baton_port_rss() for a struct of @size bytes. */
BATON_API void baton_port_rss_(const struct baton_port *port, struct baton_rss_config *config,
			       size_t size);

/**
 * Get what the hash of received packets is computed by, and the queues that it chooses.
 *
 * All members are as baton_port_set_rss() would take them, with the defaults filled in. This
 * function cannot fail.
 *
 * @port:   the port.
 * @config: receives the configuration; its key and table are valid until the next call of
 *          baton_port_set_rss(), baton_port_configure() or baton_port_close().
 *
 * Thread: the control thread.
 */
static inline void
baton_port_rss(const struct baton_port *port, struct baton_rss_config *config)
{
	baton_port_rss_(port, config, sizeof(*config));
}

/**
 * Start a port: map the pools of the context for the device, fill the RX rings, enable the queues.
 *
 * The device does not know pools that are created later: baton_tx_burst() refuses their tokens
 * until the port is stopped and started again.
 *
 * A pool that RX queues take buffers from must have as many as can be held: by the rings of this
 * port and of all started ports, by the caches of all workers of the context, and 64 for a burst of
 * each worker. The rings of a port that bounces hold slots and do not count; any other TX ring can
 * hold buffers of any pool. Such a pool never runs dry: every RX queue gets buffers, whatever the
 * other workers do. The check does not count what the application keeps beyond a burst for each
 * worker, in queues of its own for example, segments that wait for room in a ring
 * (BATON_OFFLOAD_TX_TSO in software), and buffers in quarantine: add those to the pool.
 *
 * @port: the port.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the port is not configured or a queue is not set up; -EBUSY if
 * the port is started; -ENODEV if its device was removed; -ENOBUFS if a pool has fewer buffers than
 * that, also one of another started port (the error message has the numbers); an error of the
 * driver. The port stays stopped then.
 */
BATON_API int baton_port_start(struct baton_port *port);

/**
 * Stop a port: no burst enters its queues any more, and the buffers of its device are freed.
 *
 * Baton waits for the workers to leave their bursts, and then for TX to complete, at most
 * stop_timeout_ms each. Buffers that the device does not confirm to have let go of are quarantined.
 *
 * @port: the port; nothing happens if it is stopped.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ETIMEDOUT if a worker did not leave its queues (the port is then neither
 * started nor stopped: call this function again), or buffers were quarantined (the port is stopped
 * then); an error of the driver.
 */
BATON_API int baton_port_stop(struct baton_port *port);

/**
 * Close a port. A started port is stopped first.
 *
 * Workers may be in bursts meanwhile. But a worker that got -ENETDOWN from one of its queues has
 * left all of them. Queues of a port that is being closed may be freed from then on, and the worker
 * must not use them.
 *
 * @port: the port.
 *
 * Thread: the control thread, outside of the port's event callback.
 * Return: 0 on success; -EBUSY if a worker did not leave its queues: the port stays open; any other
 * error of baton_port_stop(): the port is closed nevertheless.
 */
BATON_API int baton_port_close(struct baton_port *port);

/**
 * Reset the device of a port. A started port is stopped first.
 *
 * The device loses its settings, and the driver connects to it again. Configuration and queues
 * remain; start the port again afterwards. Limits that are committed (baton_port_set_reach()) can
 * be changed again.
 *
 * @port: the port.
 *
 * Thread: the control thread.
 * Return: 0 on success; an error of baton_port_stop(), such as -ETIMEDOUT; an error of the driver.
 */
BATON_API int baton_port_reset(struct baton_port *port);

/** State of a port. */
enum baton_port_state {
	BATON_PORT_STOPPED, /* not started */
	BATON_PORT_STARTED, /* the queues run */
	BATON_PORT_LOST,    /* started, but the device is away; Baton waits for it */
	BATON_PORT_REMOVED, /* the device was removed and does not come back: close the port */
};

/** What an event callback reports. */
enum baton_port_event {
	BATON_EVENT_LINK,    /* the link has changed: see baton_port_link() */
	BATON_EVENT_LOST,    /* the device is away */
	BATON_EVENT_BACK,    /* the device is back, and the queues run again */
	BATON_EVENT_REMOVED, /* the device was removed and does not come back */
	/* The device was refused an access: see baton_port_fault(). Only the 1st, 2nd, 4th, 8th ...
	 * fault of a port is reported. */
	BATON_EVENT_FAULT,
};

/**
 * Event callback of a port.
 *
 * Baton calls it inside baton_ctx_poll(), or inside another call on the port. The callback may get
 * information of the port (info, link, statistics). It must not stop or close the port; do that
 * after the outer call has returned.
 *
 * @arg:   argument given to baton_port_on_event().
 * @port:  the port.
 * @event: the event.
 *
 * Thread: the control thread.
 */
typedef void (*baton_port_event_fn)(void *arg, struct baton_port *port,
				    enum baton_port_event event);

/**
 * Set the event callback of a port, which replaces the one before.
 *
 * This function cannot fail.
 *
 * @port: the port.
 * @fn:   the callback; NULL for none.
 * @arg:  first argument of the callback.
 *
 * Thread: the control thread.
 */
BATON_API void baton_port_on_event(struct baton_port *port, baton_port_event_fn fn, void *arg);

/**
 * The last access that a device was refused.
 *
 * Baton learns of it over vhost-user with an IOTLB only.
 */
struct baton_port_fault {
	uint64_t count; /* number of faults since the port was opened; 0: the rest is invalid */
	uint64_t iova;  /* address of the last fault */
	uint8_t write;  /* 1: the device wanted to write; 0: to read */
	uint8_t reserved[7];
};

/* baton_port_fault() for a struct of @size bytes. */
BATON_API void baton_port_fault_(const struct baton_port *port, struct baton_port_fault *fault,
				 size_t size);

/**
 * Get the last fault of the device of a port.
 *
 * The number of faults is also one of baton_port_xstats(), as "faults". This function cannot fail.
 *
 * @port:  the port.
 * @fault: receives the fault.
 *
 * Thread: the control thread.
 */
static inline void
baton_port_fault(const struct baton_port *port, struct baton_port_fault *fault)
{
	baton_port_fault_(port, fault, sizeof(*fault));
}

/** Properties and state of a port. */
struct baton_port_info {
	const char *name;       /* name of the port; valid while the port is open */
	const char *driver;     /* name of the driver */
	uint16_t max_rx_queues; /* number of RX queues that the device has */
	uint16_t max_tx_queues; /* number of TX queues that the device has */
	uint16_t rx_queues;     /* number of RX queues that are configured */
	uint16_t tx_queues;     /* number of TX queues that are configured */
	uint16_t max_segs;      /* tokens of a packet for baton_tx_burst(), at most */
	uint16_t rx_max_segs;   /* tokens that baton_rx_burst() needs room for; 0: no RX queue is
				   set up */
	int16_t node;           /* NUMA node of the device, or BATON_NODE_ANY */
	uint16_t min_descs;     /* descriptors of a queue, at least */
	uint16_t max_descs;     /* descriptors of a queue, at most */
	uint16_t default_descs; /* descriptors of a queue by default */
	uint16_t mtu;           /* MTU, in bytes */
	uint16_t max_mtu;       /* largest MTU, in bytes */
	uint8_t mac[6];         /* MAC address */
	uint8_t started;        /* 1: the port is started; 0: it is not */
	uint8_t state;          /* enum baton_port_state */
	uint32_t offloads;      /* BATON_OFFLOAD_* that the device has */
	/* Longest packet for baton_tx_burst() as of the last start, without FCS, in bytes; 0: the
	 * port was never started, or has no TX queue. */
	uint32_t max_len;
	char detail[256];       /* a line of the driver's: features in use, transport */
	uint32_t soft_offloads; /* BATON_OFFLOAD_* that the device lacks, and Baton does */
	/* Longest packet that is cut into segments (BATON_OFFLOAD_TX_TSO), whatever the MTU, in
	 * bytes; 0: none is. */
	uint32_t max_gso_len;
	/* Longest packet that is received with BATON_OFFLOAD_RX_LRO, whatever the MTU, in bytes; 0:
	 * the device has no such offload. */
	uint32_t max_lro_len;
	uint32_t rss_types;      /* BATON_RSS_* that the device can hash; 0: it cannot */
	uint32_t soft_rss_types; /* BATON_RSS_* that Baton can hash; 0: the device does it */
	uint16_t rss_key_len;    /* bytes of a key: BATON_RSS_KEY_LEN, or more */
	uint16_t rss_table_len;  /* entries of the device's table, at most; 0: it has none */
};

/* baton_port_info() for a struct of @size bytes. */
BATON_API void baton_port_info_(const struct baton_port *port, struct baton_port_info *info,
				size_t size);

/**
 * Get the properties and the state of a port.
 *
 * This function cannot fail.
 *
 * @port: the port.
 * @info: receives them.
 *
 * Thread: the control thread.
 */
static inline void
baton_port_info(const struct baton_port *port, struct baton_port_info *info)
{
	baton_port_info_(port, info, sizeof(*info));
}

/** State of a link. */
struct baton_link {
	uint8_t up;          /* 1: up; 0: down */
	uint8_t full_duplex; /* 1: full duplex; 0: half duplex */
	uint16_t reserved;
	uint32_t speed_mbps; /* speed in Mbit/s; 0: unknown */
};

/* baton_port_link() for a struct of @size bytes. */
BATON_API void baton_port_link_(const struct baton_port *port, struct baton_link *link,
				size_t size);

/**
 * Get the state of the link, as the device reported it last.
 *
 * This function cannot fail.
 *
 * @port: the port.
 * @link: receives the state.
 *
 * Thread: any thread.
 */
static inline void
baton_port_link(const struct baton_port *port, struct baton_link *link)
{
	baton_port_link_(port, link, sizeof(*link));
}

/**
 * Set the MTU of a stopped port.
 *
 * @port: the port.
 * @mtu:  MTU in bytes, BATON_MIN_MTU to info.max_mtu.
 *
 * Thread: the control thread.
 * Return: 0 on success; -EINVAL if the MTU is out of range; -EBUSY if the port is started.
 */
BATON_API int baton_port_set_mtu(struct baton_port *port, uint16_t mtu);

/**
 * Take the link of a port down, or up again.
 *
 * While the link is down, the queues stand still, bursts return -ENETDOWN, and the link is reported
 * down.
 *
 * @port: the port.
 * @up:   non-zero: up; 0: down.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ETIMEDOUT if a worker did not leave its queues: the link is down
 * nevertheless.
 */
BATON_API int baton_port_set_link(struct baton_port *port, int up);

/**
 * Enable or disable promiscuous mode: the device receives packets for any address.
 *
 * @port: the port.
 * @on:   non-zero: enable; 0: disable.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no such filter, as a vhost-user backend that
 * passes on everything; -ENETDOWN if the port is not started, or its device is away; -ETIMEDOUT if
 * the device did not answer; -EIO if it refused.
 */
BATON_API int baton_port_set_promisc(struct baton_port *port, int on);

/**
 * Enable or disable reception of all multicast packets.
 *
 * @port: the port.
 * @on:   non-zero: enable; 0: disable.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no such filter, as a vhost-user backend that
 * passes on everything; -ENETDOWN if the port is not started, or its device is away; -ETIMEDOUT if
 * the device did not answer; -EIO if it refused.
 */
BATON_API int baton_port_set_allmulti(struct baton_port *port, int on);

/**
 * Set the table of further MAC addresses to receive, which replaces the one before.
 *
 * @port: the port.
 * @macs: the addresses, unicast and multicast.
 * @n:    number of addresses, 64 at most.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no such filter, as a vhost-user backend that
 * passes on everything; -ENETDOWN if the port is not started, or its device is away; -ETIMEDOUT if
 * the device did not answer; -EIO if it refused; -EINVAL if there
 * are more than 64 addresses.
 */
BATON_API int baton_port_set_macs(struct baton_port *port, const uint8_t (*macs)[6], unsigned n);

/**
 * Enable or disable reception of a VLAN.
 *
 * @port: the port.
 * @vid:  VLAN ID, 0 to 4,095.
 * @on:   non-zero: enable; 0: disable.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device has no such filter, as a vhost-user backend that
 * passes on everything; -ENETDOWN if the port is not started, or its device is away; -ETIMEDOUT if
 * the device did not answer; -EIO if it refused; -EINVAL if there
 * is no such VLAN ID.
 */
BATON_API int baton_port_set_vlan(struct baton_port *port, uint16_t vid, int on);

/**
 * Set the MAC address of a port.
 *
 * @port: the port.
 * @mac:  a unicast address.
 *
 * Thread: the control thread.
 * Return: 0 on success; -ENOTSUP if the device cannot change it; -EINVAL for a multicast address;
 * -ENETDOWN, -ETIMEDOUT or -EIO if the device does not take the command.
 */
BATON_API int baton_port_set_mac(struct baton_port *port, const uint8_t mac[6]);

/**
 * Statistics of a port or a queue. Packets are counted, not tokens, unless a member says otherwise.
 *
 * docs/statistics.md lists these and all that baton_port_xstats() has besides. Each call of
 * baton_tx_burst() counts a packet that it is offered once: in tx_packets, in tx_errors or in
 * tx_full. Packets behind a bad one are counted by the call that offers them again.
 */
struct baton_stats {
	uint64_t rx_packets; /* received packets */
	uint64_t rx_bytes;   /* bytes of them, without headers of the device and without FCS */
	uint64_t rx_errors;  /* packets dropped because they were bad; xstats have the reasons */
	uint64_t rx_missed;  /* packets that the device had no buffer for, where it counts them */
	uint64_t rx_nobuf;   /* times that a ring was not refilled because the pool was empty */
	uint64_t tx_packets; /* packets that baton_tx_burst() took to send them */
	uint64_t tx_bytes;   /* bytes of them, without headers of the device and without FCS */
	uint64_t tx_errors; /* packets that baton_tx_burst() refused, or that were lost (tx_lost) */
	uint64_t violations; /* number of protocol violations of the device; each stopped a queue */
	uint64_t tx_full; /* packets that baton_tx_burst() did not take because there was no room;
			     counted each time that they are offered */
	uint64_t tx_lost; /* part of tx_errors: packets taken, but not sent, such as into a full
			     disk; not in tx_packets */
	uint64_t rx_discarded; /* packets complete in the ring, but not received, when the queue was
				  stopped or lost its device */
	uint64_t tx_discarded; /* part of tx_packets: packets that the device had not sent then */
	uint64_t tx_dropped;   /* packets that baton_tx_all() has freed, as they could not be sent;
				  they count in tx_full or tx_errors, too, unless the queue did not
				  run */
};

/* baton_port_stats() for a struct of @size bytes. */
BATON_API void baton_port_stats_(const struct baton_port *port, struct baton_stats *stats,
				 size_t size);

/**
 * Get the statistics of a port: exactly the sums of its queues' statistics.
 *
 * They begin at 0 when the port is opened, and again at baton_port_stats_reset(). They go on when
 * the port or a queue is stopped, started, reset or set up again, and when the device goes away and
 * comes back. baton_port_configure() keeps the statistics of queues that exist before and after it;
 * those of other queues end.
 *
 * The counts of a worker that is in a burst may lack that burst. This function cannot fail.
 *
 * @port:  the port.
 * @stats: receives the statistics.
 *
 * Thread: any thread, but not during baton_port_configure() or baton_port_close().
 */
static inline void
baton_port_stats(const struct baton_port *port, struct baton_stats *stats)
{
	baton_port_stats_(port, stats, sizeof(*stats));
}

/* baton_rxq_stats() for a struct of @size bytes. */
BATON_API void baton_rxq_stats_(const struct baton_rxq *rxq, struct baton_stats *stats,
				size_t size);

/**
 * Get the statistics of an RX queue. Members of the other direction are 0.
 *
 * They begin, go on and are reset with those of the port. This function cannot fail.
 *
 * @rxq:   the queue.
 * @stats: receives the statistics.
 *
 * Thread: any thread, but not during baton_port_configure() or baton_port_close().
 */
static inline void
baton_rxq_stats(const struct baton_rxq *rxq, struct baton_stats *stats)
{
	baton_rxq_stats_(rxq, stats, sizeof(*stats));
}

/* baton_txq_stats() for a struct of @size bytes. */
BATON_API void baton_txq_stats_(const struct baton_txq *txq, struct baton_stats *stats,
				size_t size);

/**
 * Get the statistics of a TX queue. Members of the other direction are 0.
 *
 * They begin, go on and are reset with those of the port. This function cannot fail.
 *
 * @txq:   the queue.
 * @stats: receives the statistics.
 *
 * Thread: any thread, but not during baton_port_configure() or baton_port_close().
 */
static inline void
baton_txq_stats(const struct baton_txq *txq, struct baton_stats *stats)
{
	baton_txq_stats_(txq, stats, sizeof(*stats));
}

/**
 * Reset all statistics of a port and of its queues to 0, also those that only baton_port_xstats()
 * has.
 *
 * Workers may be in bursts. What they count meanwhile is counted before or after the reset: nothing
 * is counted twice or not at all. This function cannot fail.
 *
 * @port: the port.
 *
 * Thread: the control thread.
 */
BATON_API void baton_port_stats_reset(struct baton_port *port);

/** A statistic with its name. */
struct baton_xstat {
	char name[48];  /* "rx_good_packets", "rx_q0_packets", "rx_q0_error_runt", ... */
	uint64_t value; /* number of packets, bytes or times, as the name says */
};

/* baton_port_xstats() for a struct of @size bytes. */
BATON_API unsigned baton_port_xstats_(const struct baton_port *port, struct baton_xstat *out,
				      unsigned n, size_t size);

/**
 * Get all statistics of a port by name: sums, those of the device, and those of each queue.
 *
 * The names and their order stay the same until the port is configured again. rx_qN_error_* are the
 * reasons why packets of queue N were dropped, and add up to rx_qN_errors; the latter add up to
 * rx_errors. tx_qN_error_*, tx_qN_errors and tx_errors do the same.
 *
 * @port: the port.
 * @out:  receives the first @n statistics.
 * @n:    number of statistics that @out has room for.
 *
 * Thread: the control thread.
 * Return: the number of statistics that there are, which may be more than @n; this function cannot
 * fail.
 */
static inline unsigned
baton_port_xstats(const struct baton_port *port, struct baton_xstat *out, unsigned n)
{
	return baton_port_xstats_(port, out, n, sizeof(*out));
}

#ifdef __cplusplus
}
#endif

#endif
