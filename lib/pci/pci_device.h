/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI devices through VFIO: who is there (sysfs), configuration space and capabilities, BARs,
 * interrupts, reset.
 *
 * Opening the device is the address space's business (lib/ioas); this is what is done with it
 * afterwards. Nothing here believes a device: every offset is checked, every list bounded, and a
 * device that reads as all ones is said to be gone.
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

#define PCI_BDF_SIZE 13 /* "0000:00:03.0" and its end */
#define PCI_BARS     6
#define PCI_WINDOWS                                                                                \
	8               /* mapped parts of one BAR; what is not mapped goes through the descriptor \
			 */
#define PCI_MAX_CAPS 48 /* as many as fit into 192 bytes */

/* What this folder asks of the operating system: the tests put in a device of their own, and make
 * each call fail in turn. */
struct pci_os {
	const char *sys; /* where sysfs is mounted; errors always say /sys */
	/* As ioas_attach(), with the device's descriptor; these set their own sentence. */
	int (*attach)(const struct pci_os *os, struct baton_ioas *ioas, const char *bdf,
		      struct ioas_device **out, int *fd);
	void (*detach)(const struct pci_os *os, struct ioas_device *handle);
	/* Those below return a negative errno, and set no sentence. */
	int (*ioctl)(const struct pci_os *os, int fd, unsigned long request, void *arg);
	ssize_t (*pread)(const struct pci_os *os, int fd, void *buf, size_t n, uint64_t at);
	ssize_t (*pwrite)(const struct pci_os *os, int fd, const void *buf, size_t n, uint64_t at);
	int (*map)(const struct pci_os *os, int fd, uint64_t offset, size_t len, void **at);
	void (*unmap)(const struct pci_os *os, void *at, size_t len);
	int (*eventfd)(const struct pci_os *os);
};

extern const struct pci_os pci_os_host;

/** The context's, which is the host's unless a test has put in another. */
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
	char driver[32]; /* "": none */
};

/** "0000:00:03.0", or "00:03.0" for domain 0, as @bdf. Return: whether it is one. */
bool pci_parse_bdf(const char *text, char bdf[PCI_BDF_SIZE]);

/** Return: 0; -ENODEV with the network devices there are. */
int pci_find(const struct pci_os *os, const char *bdf, struct pci_info *info);

/** Call @fn for every device, by address, until it returns other than 0. Return: what it did; 0;
 * -ENOMEM; -ENODEV without PCI. */
int pci_each(const struct pci_os *os, int (*fn)(void *arg, const struct pci_info *info), void *arg);

/**
 * Is it the only device of its IOMMU group, bridges aside? Whether the others have drivers makes no
 * difference: they reach what it reaches. A device without a group is nobody's neighbour.
 *
 * Return: 0; -EBUSY with the others, and what to do; another negative errno when it cannot be told.
 */
int pci_check_alone(const struct pci_os *os, const char *bdf);

/* ---- an open device ---- */

struct pci_window {
	uint64_t off, len; /* in the BAR */
	uint8_t *at;
};

struct pci_bar {
	uint64_t size;   /* 0: there is none */
	uint64_t offset; /* in the device's descriptor */
	unsigned n_windows;
	struct pci_window window[PCI_WINDOWS];
	bool known;
};

enum pci_event {
	PCI_EVENT_ERROR,   /* an error the device cannot recover from (AER) */
	PCI_EVENT_REQUEST, /* somebody wants it back: unbind, or unplug; waits for pci_close() */
};

struct pci_device {
	const struct pci_os *os;
	struct baton_ctx *ctx;
	struct ioas_device *handle;
	int fd;
	struct pci_info info;
	uint64_t config_size, config_offset;
	struct pci_bar bar[PCI_BARS];
	uint32_t n_vectors; /* MSI-X, 0: none */
	uint32_t enabled;   /* of them */
	bool can_reset;
	struct ctx_source err, req; /* fd -1: the device has none */
	void (*on_event)(void *arg, enum pci_event event);
	void *event_arg;
};

/**
 * Open a device and attach it to an address space. Nothing is enabled but its memory.
 *
 * Return: 0; a negative errno with its sentence, and nothing left open.
 */
int pci_open(struct baton_ctx *ctx, struct baton_ioas *ioas, const char *bdf,
	     struct pci_device **out);

/** Unmap, close; the kernel resets it and takes bus mastering away. NULL is fine. */
void pci_close(struct pci_device *dev);

/** Read or write @n (1, 2, 4) bytes of configuration space. Return: 0; -EIO, -EINVAL, with the
 * sentence. */
int pci_config_read(struct pci_device *dev, unsigned off, unsigned n, uint32_t *value);
int pci_config_write(struct pci_device *dev, unsigned off, unsigned n, uint32_t value);

struct pci_cap {
	uint8_t id;
	uint8_t off; /* 0x40 .. 0xfc */
};

/** The capability list. Return: how many; -EPROTO, with the sentence, for a list that cannot be. */
int pci_caps(struct pci_device *dev, struct pci_cap caps[PCI_MAX_CAPS]);

/** Let the device write and read memory, or no more, and see that it took that. Return: 0; -EIO;
 * -ENODEV when it is gone. */
int pci_bus_master(struct pci_device *dev, bool on);

/** Is it gone: does its configuration space read as all ones? */
bool pci_is_dead(struct pci_device *dev);

/** Reset the function. Return: 0; -ENOTSUP when it cannot be; -EIO. */
int pci_reset(struct pci_device *dev);

/** Be told of errors and of who wants the device back, from baton_ctx_poll(). Return: 0; a device
 * that has no such events is fine. */
int pci_watch(struct pci_device *dev, void (*on_event)(void *arg, enum pci_event event), void *arg);

/** Connect the first @n vectors to eventfds, those connected before are not any more; -1: leave
 * that one out. Return: 0 or -errno. */
int pci_msix_enable(struct pci_device *dev, const int *fds, unsigned n);
int pci_msix_disable(struct pci_device *dev);

/* ---- registers ---- */

/* A part of a BAR, mapped or not. */
struct pci_reg {
	struct pci_device *dev;
	uint8_t *at;     /* NULL: not mapped, goes through the descriptor */
	uint64_t offset; /* in the descriptor */
	uint32_t len;    /* 0: not there */
};

/** Bytes @off .. @off + @len of a BAR. Return: 0; -EPROTO, with the sentence, for what is not
 * inside; -EIO. */
int pci_reg(struct pci_device *dev, unsigned bar, uint64_t off, uint64_t len, struct pci_reg *out);

/*
 * One access of that size, at @off, which is inside and aligned. Any thread. What cannot be read
 * reads as all ones, as it does in hardware; what cannot be written is lost.
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

#endif
