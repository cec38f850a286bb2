/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI devices through VFIO: enumeration (sysfs), configuration space and capabilities, BARs,
 * interrupts, reset.
 *
 * lib/ioas opens the device; this is what is done with it afterwards. Nothing here trusts a device:
 * every offset is checked, every list is bounded, and a device whose registers read as all ones is
 * reported as removed.
 *
 * Control thread, except for pci_read*() and pci_write*().
 */
#ifndef BATON_PCI_PCI_H
#define BATON_PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/io.h"
#include "ctx/ctx.h"
#include "pci/id.h"

struct baton_ioas;
struct ioas_device;

#define PCI_BDF_SIZE 13 /* "0000:00:03.0" and a NUL */
#define PCI_BARS     6
#define PCI_WINDOWS                                                                                \
	8               /* mapped parts of one BAR; what is not mapped goes through the descriptor \
			 */
#define PCI_MAX_CAPS 48 /* the number that fits into 192 bytes */

/*
 * What this folder needs of the operating system. The tests replace it by a device of their own,
 * and make each call fail in turn.
 */
struct pci_os {
	const char *sys; /* mount point of sysfs; error messages always say /sys */
	/*
	 * As ioas_attach(), with the descriptor of the device. These two set their own error
	 * message.
	 */
	int (*attach)(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
		      struct ioas_device **out, int *fd);
	void (*detach)(const struct pci_os *os, struct ioas_device *handle);
	/* The calls below return a negative errno, and set no error message. */
	int (*ioctl)(const struct pci_os *os, int fd, unsigned long request, void *arg);
	ssize_t (*pread)(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at);
	ssize_t (*pwrite)(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at);
	int (*map)(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at);
	void (*unmap)(const struct pci_os *os, void *at, size_t len);
	int (*eventfd)(const struct pci_os *os);
};

extern const struct pci_os pci_os_host;

/** The operating system of a context: the host, unless a test has replaced it. */
static inline const struct pci_os *
pci_os_of(const struct baton_ctx *ctx)
{
	return ctx->pci_os ? ctx->pci_os : &pci_os_host;
}

/* ---- who is there ---- */

struct pci_info {
	char bdf[PCI_BDF_SIZE];
	uint16_t vendor, device;
	uint32_t class;  /* 24 bits */
	int node;        /* NUMA, -1: unknown */
	char driver[32]; /* "": no driver */
};

/**
 * Parse "0000:00:03.0", or "00:03.0" for domain 0; leading zeros may be left out, and "pci:" may be
 * in front. Return: whether it is an address.
 */
bool pci_parse_bdf(const char *text, char bdf[PCI_BDF_SIZE]);

/**
 * Explain a name that is no address, if it seems to be meant as one or is a network interface.
 * Return: 0 if it does not; -EINVAL, -ENODEV.
 */
int pci_explain(const struct pci_os *os, const char *name);

/** Find a device. Return: 0; -ENODEV, with the network devices that there are. */
int pci_find(const struct pci_os *os, const char *bdf, struct pci_info *info);

/**
 * Call @fn for every device, sorted by address, until it returns non-zero. Return: that value, or
 * 0; -ENOMEM; -ENODEV if there is no PCI.
 */
int pci_each(const struct pci_os *os, int (*fn)(void *arg, const struct pci_info *info), void *arg);

/**
 * Check that no other device but bridges is in the device's IOMMU group. Whether the others have
 * drivers makes no difference: they access the same memory. A device without a group is alone.
 *
 * Return: 0; -EBUSY with the others, and what to do; another negative errno if the group cannot be
 * read.
 */
int pci_check_alone(const struct pci_os *os, const char *bdf);

/* ---- an open device ---- */

struct pci_window {
	uint64_t off, len; /* in the BAR */
	uint8_t *at;
};

struct pci_bar {
	uint64_t size;   /* 0: there is no such BAR */
	uint64_t offset; /* in the device's descriptor */
	unsigned n_windows;
	struct pci_window window[PCI_WINDOWS];
	bool known;
};

enum pci_event {
	PCI_EVENT_ERROR,   /* an error that the device cannot recover from (AER) */
	PCI_EVENT_REQUEST, /* the kernel wants the device back, for unbind or unplug, and waits for
			      pci_close() */
};

struct pci_device {
	const struct pci_os *os;
	struct baton_ctx *ctx;
	struct ioas_device *handle;
	int fd;
	struct pci_info info;
	uint64_t config_size, config_offset;
	struct pci_bar bar[PCI_BARS];
	uint32_t n_vectors; /* MSI-X vectors; 0: none */
	uint32_t enabled;   /* vectors that are enabled */
	bool can_reset;
	struct ctx_source err, req; /* fd -1: the device has none */
	void (*on_event)(void *arg, enum pci_event event);
	void *event_arg;
};

/**
 * Open a device and attach it to an address space. Only its memory accesses are enabled.
 *
 * Return: 0; a negative errno with its message, and nothing stays open.
 */
int pci_open(struct baton_ctx *ctx, struct baton_ioas *ioas, const char *bdf,
	     struct pci_device **out);

/** Unmap and close a device, or NULL. The kernel resets it and disables bus mastering. */
void pci_close(struct pci_device *dev);

/**
 * Read or write @n (1, 2, 4) bytes of configuration space. Return: 0; -EIO or -EINVAL, with the
 * message.
 */
int pci_config_read(struct pci_device *dev, unsigned off, unsigned n, uint32_t *value);
int pci_config_write(struct pci_device *dev, unsigned off, unsigned n, uint32_t value);

struct pci_cap {
	uint8_t id;
	uint8_t off; /* 0x40 .. 0xfc */
};

/**
 * Read the capability list. Return: the number of capabilities; -EPROTO, with the message, if the
 * list is invalid.
 */
int pci_caps(struct pci_device *dev, struct pci_cap caps[PCI_MAX_CAPS]);

/**
 * Enable or disable bus mastering, and check that the device took it. Return: 0; -EIO; -ENODEV if
 * the device is removed.
 */
int pci_bus_master(struct pci_device *dev, bool on);

/** Whether the device is removed: its configuration space reads as all ones. */
bool pci_is_dead(struct pci_device *dev);

/** Reset the function. Return: 0; -ENOTSUP if it cannot be reset; -EIO. */
int pci_reset(struct pci_device *dev);

/**
 * Watch for errors and for the kernel's request to release the device, in baton_ctx_poll(). Return:
 * 0, also for a device without such events; a negative errno.
 */
int pci_watch(struct pci_device *dev, void (*on_event)(void *arg, enum pci_event event), void *arg);

/**
 * Connect the first @n vectors to eventfds; -1: leave that vector out. Vectors that were connected
 * before are disconnected. Return: 0 or a negative errno.
 */
int pci_msix_enable(struct pci_device *dev, const int *fds, unsigned n);
int pci_msix_disable(struct pci_device *dev);

/* ---- registers ---- */

/* A part of a BAR, mapped or not. */
struct pci_reg {
	struct pci_device *dev;
	uint8_t *at;     /* NULL: not mapped, accessed through the descriptor */
	uint64_t offset; /* offset in the descriptor */
	uint32_t len;    /* 0: there is no such part */
};

/**
 * Get the bytes from @off to @off + @len of a BAR. Return: 0; -EPROTO, with the message, if they
 * are not inside; -EIO.
 */
int pci_reg(struct pci_device *dev, unsigned bar, uint64_t off, uint64_t len, struct pci_reg *out);

/*
 * Access a register of that size at @off, which is inside the part and aligned. Any thread. A read
 * that fails returns all ones, as in hardware; a write that fails is lost.
 */
uint32_t pci_read_slow(const struct pci_reg *r, uint32_t off, unsigned n);
void pci_write_slow(const struct pci_reg *r, uint32_t off, unsigned n, uint32_t value);

static inline uint8_t
pci_read8(const struct pci_reg *r, uint32_t off)
{
	return r->at ? io_read8(r->at + off) : (uint8_t)pci_read_slow(r, off, 1);
}

static inline uint16_t
pci_read16(const struct pci_reg *r, uint32_t off)
{
	return r->at ? io_read16(r->at + off) : (uint16_t)pci_read_slow(r, off, 2);
}

static inline uint32_t
pci_read32(const struct pci_reg *r, uint32_t off)
{
	return r->at ? io_read32(r->at + off) : pci_read_slow(r, off, 4);
}

static inline void
pci_write8(const struct pci_reg *r, uint32_t off, uint8_t value)
{
	if (r->at)
		io_write8(r->at + off, value);
	else
		pci_write_slow(r, off, 1, value);
}

static inline void
pci_write16(const struct pci_reg *r, uint32_t off, uint16_t value)
{
	if (r->at)
		io_write16(r->at + off, value);
	else
		pci_write_slow(r, off, 2, value);
}

static inline void
pci_write32(const struct pci_reg *r, uint32_t off, uint32_t value)
{
	if (r->at)
		io_write32(r->at + off, value);
	else
		pci_write_slow(r, off, 4, value);
}

/* Two registers of 32 bits, the lower half first. */
static inline uint64_t
pci_read64(const struct pci_reg *r, uint32_t off)
{
	const uint64_t low = pci_read32(r, off);

	return low | (uint64_t)pci_read32(r, off + 4) << 32;
}

static inline void
pci_write64(const struct pci_reg *r, uint32_t off, uint64_t value)
{
	pci_write32(r, off, (uint32_t)value);
	pci_write32(r, off + 4, (uint32_t)(value >> 32));
}

/** Get @len bytes at @off of a part, which has them. */
static inline struct pci_reg
pci_reg_part(const struct pci_reg *r, uint64_t off, uint32_t len)
{
	return (struct pci_reg){ .dev = r->dev,
				 .at = r->at ? r->at + off : NULL,
				 .offset = r->offset + off,
				 .len = len };
}

#endif
