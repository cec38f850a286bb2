/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proof that an IOMMU holds: QEMU's `edu` device (docs/specs/edu in QEMU) writes to addresses it is
 * told.
 *
 * usage: edu BDF iommufd|type1 fault|full
 *
 * fault: one write to an address that was never mapped, the physical address of a page of ours, so
 * that a missing IOMMU shows. full: also that a mapped address works, and that it no longer does
 * once unmapped. Exit status 0 when memory is as it must be; whether the kernel logged the faults
 * is the caller's to see.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* linux/iommufd.h and the cdev part of linux/vfio.h, which Debian 12's headers lack. */
struct bind_iommufd {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};
struct attach_pt {
	uint32_t argsz, flags, pt_id;
};
struct ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};
struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};
struct ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};
#define BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH_PT    _IO(VFIO_TYPE, VFIO_BASE + 19)
#define IOAS_ALLOC   _IO(';', 0x81)
#define IOAS_MAP     _IO(';', 0x85)
#define IOAS_UNMAP   _IO(';', 0x86)
#define MAP_FIXED_RW (1 | 2 | 4) /* fixed IOVA, writeable, readable */

/* The device's registers and its buffer. */
#define EDU_SRC    0x80
#define EDU_DST    0x88
#define EDU_COUNT  0x90
#define EDU_CMD    0x98
#define EDU_BUFFER 0x40000
#define CMD_START  1u
#define CMD_TO_RAM 2u

#define PAGE 4096u
#define IOVA 0x200000ull

static int space = -1, device = -1;
static uint32_t ioas_id;
static int native;
static volatile uint8_t *regs;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, format);
	printf("edu: ");
	vprintf(format, ap);
	printf(": %s\n", strerror(err));
	va_end(ap);
	exit(1);
}

/* The last part of a link or of the only entry of a directory. */
static void
name_of(char *out, size_t size, const char *bdf, const char *command)
{
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line), command, bdf);
	f = popen(line, "r");
	if (!f || !fgets(out, (int)size, f))
		die("%s", line);
	pclose(f);
	out[strcspn(out, "\n")] = 0;
}

static void
open_native(const char *bdf)
{
	char name[64], path[128];
	struct bind_iommufd bind = { .argsz = sizeof(bind) };
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct attach_pt attach = { .argsz = sizeof(attach) };

	name_of(name, sizeof(name), bdf, "ls /sys/bus/pci/devices/%s/vfio-dev");
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	space = open("/dev/iommu", O_RDWR);
	device = open(path, O_RDWR);
	if (space < 0 || device < 0)
		die("/dev/iommu, %s", path);
	bind.iommufd = space;
	if (ioctl(device, BIND_IOMMUFD, &bind) || ioctl(space, IOAS_ALLOC, &alloc))
		die("bind");
	attach.pt_id = ioas_id = alloc.out_ioas_id;
	if (ioctl(device, ATTACH_PT, &attach))
		die("attach");
}

static void
open_type1(const char *bdf)
{
	char name[64], path[128];
	int group;

	name_of(name, sizeof(name), bdf,
		"basename $(readlink /sys/bus/pci/devices/%s/iommu_group)");
	snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	space = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (space < 0 || group < 0)
		die("/dev/vfio/vfio, %s", path);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &space) ||
	    ioctl(space, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("type1");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (device < 0)
		die("device");
}

static void
open_device(void)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		die("regions");
	if (pread(device, &command, 2, (off_t)config.offset + 4) != 2)
		die("config");
	command |= 6; /* memory and bus master */
	if (pwrite(device, &command, 2, (off_t)config.offset + 4) != 2)
		die("config");
	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)bar.offset);
	if (regs == MAP_FAILED)
		die("BAR 0");
}

static void
map(void *page)
{
	struct ioas_map m = { sizeof(m), MAP_FIXED_RW, ioas_id, 0, (uintptr_t)page, PAGE, IOVA };
	struct vfio_iommu_type1_dma_map d = { sizeof(d),
					      VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
					      (uintptr_t)page, IOVA, PAGE };

	if (native ? ioctl(space, IOAS_MAP, &m) : ioctl(space, VFIO_IOMMU_MAP_DMA, &d))
		die("map");
}

static void
unmap(void)
{
	struct ioas_unmap u = { sizeof(u), ioas_id, IOVA, PAGE };
	struct vfio_iommu_type1_dma_unmap d = { .argsz = sizeof(d), .iova = IOVA, .size = PAGE };

	if (native ? ioctl(space, IOAS_UNMAP, &u) : ioctl(space, VFIO_IOMMU_UNMAP_DMA, &d))
		die("unmap");
}

static void
write64(unsigned reg, uint64_t v)
{
	*(volatile uint64_t *)(regs + reg) = v;
}

static void
transfer(uint64_t from, uint64_t to, unsigned bytes, unsigned direction)
{
	write64(EDU_SRC, from);
	write64(EDU_DST, to);
	write64(EDU_COUNT, bytes);
	write64(EDU_CMD, CMD_START | direction);
	for (int ms = 0; *(volatile uint64_t *)(regs + EDU_CMD) & CMD_START; ms++) {
		if (ms > 20000) {
			errno = ETIMEDOUT;
			die("transfer");
		}
		usleep(1000);
	}
}

/* The physical address of a locked page. */
static uint64_t
physical(const void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)) != 8 ||
	    !(entry >> 63))
		die("pagemap");
	close(fd);
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

/* Let the device write where it may not: @page must keep its bytes. */
static void
blocked(const char *what, uint8_t *page, uint64_t iova)
{
	memset(page, 0x5a, PAGE);
	transfer(EDU_BUFFER, iova, 64, CMD_TO_RAM);
	for (unsigned i = 0; i < PAGE; i++) {
		if (page[i] != 0x5a) {
			printf("edu: %s: 0x%llx was WRITTEN\n", what, (unsigned long long)iova);
			exit(1);
		}
	}
	printf("edu: %s: a write to 0x%llx left memory alone\n", what, (unsigned long long)iova);
}

int
main(int argc, char **argv)
{
	uint8_t *page;

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	native = !strcmp(argv[2], "iommufd");
	if (native)
		open_native(argv[1]);
	else
		open_type1(argv[1]);
	open_device();
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
		    -1, 0);
	if (page == MAP_FAILED)
		die("memory");
	memset(page, 0, PAGE);
	blocked("never mapped", page, physical(page));
	if (!strcmp(argv[3], "fault"))
		return 0;
	map(page);
	memset(page, 0xa5, 64);
	transfer(IOVA, EDU_BUFFER, 64, 0);
	memset(page, 0, 64);
	transfer(EDU_BUFFER, IOVA, 64, CMD_TO_RAM);
	for (unsigned i = 0; i < 64; i++) {
		if (page[i] != 0xa5) {
			printf("edu: mapped: byte %u did not come back\n", i);
			return 1;
		}
	}
	printf("edu: mapped: 64 bytes went to the device and came back\n");
	unmap();
	blocked("unmapped again", page, IOVA);
	return 0;
}
