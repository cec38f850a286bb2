/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a test: a kernel whose ordinary pages have FAKE_PAGE bytes, 65,536 for example.
 * The program is told that size, all memory that it maps begins and ends at such pages, and what is
 * no multiple of them is refused as that kernel does. FAKE_PAGE has to be a multiple of the size of
 * the machine's own pages.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dlfcn.h>

#define NEXT(name)    ((typeof(&(name)))dlsym(RTLD_NEXT, #name))
#define FAILED        ((void *)-1l)
#define MAP_UNTOUCHED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static size_t
page(void)
{
	static size_t bytes;

	if (!bytes) {
		const char *text = getenv("FAKE_PAGE");

		bytes = text ? strtoul(text, NULL, 10) : 4096;
	}
	return bytes;
}

static size_t
up(size_t n)
{
	return (n + page() - 1) & ~(page() - 1);
}

static bool
splits(const void *at)
{
	return (uintptr_t)at & (page() - 1);
}

static void *
kernel_map(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel returns an address as a number. */
	return (void *)syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);
}

/* Reserve whole pages, aligned. */
static void *
reserve(size_t bytes)
{
	uint8_t *all = kernel_map(NULL, bytes + page(), PROT_NONE, MAP_UNTOUCHED, -1, 0), *at;

	if (all == FAILED)
		return FAILED;
	at = all + (up((uintptr_t)all) - (uintptr_t)all);
	if (at > all)
		syscall(SYS_munmap, all, at - all);
	syscall(SYS_munmap, at + bytes, all + page() - at);
	return at;
}

void *
mmap64(void *hint, size_t bytes, int prot, int flags, int fd, off64_t offset)
{
	void *at, *got;

	if (offset & (off64_t)(page() - 1) ||
	    (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && splits(hint))) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	if (!bytes || hint || flags & MAP_HUGETLB)
		return kernel_map(hint, bytes, prot, flags, fd, offset);
	at = reserve(up(bytes));
	if (at == FAILED)
		return MAP_FAILED;
	got = kernel_map(at, bytes, prot, flags | MAP_FIXED, fd, offset);
	if (got != FAILED)
		return got;
	syscall(SYS_munmap, at, up(bytes));
	/* A file of hugepages wants a better aligned address; and the error is the kernel's. */
	return kernel_map(NULL, bytes, prot, flags, fd, offset);
}

/* The same by the name that programs without large files have. */
void *plain_mmap(void *hint, size_t bytes, int prot, int flags, int fd, off_t offset) __asm__("mma"
											      "p");

void *
plain_mmap(void *hint, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return mmap64(hint, bytes, prot, flags, fd, offset);
}

int
munmap(void *at, size_t bytes)
{
	if (splits(at)) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_munmap, at, up(bytes));
}

int
mprotect(void *at, size_t bytes, int prot)
{
	if (splits(at)) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_mprotect, at, bytes, prot);
}

int
madvise(void *at, size_t bytes, int advice)
{
	if (splits(at)) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_madvise, at, bytes, advice);
}

int
mincore(void *at, size_t bytes, unsigned char *pages)
{
	const size_t own = (size_t)NEXT(sysconf)(_SC_PAGESIZE);

	if (splits(at) || page() / own > 256) {
		errno = EINVAL;
		return -1;
	}
	for (size_t done = 0; done < bytes; done += page()) {
		unsigned char part[256];
		size_t now = bytes - done < page() ? bytes - done : page();

		if (syscall(SYS_mincore, (uint8_t *)at + done, now, part))
			return -1;
		*pages = 1;
		for (size_t i = 0; i < (now + own - 1) / own; i++)
			*pages &= part[i];
		pages++;
	}
	return 0;
}

long
sysconf(int name)
{
	return name == _SC_PAGESIZE ? (long)page() : NEXT(sysconf)(name);
}

int
getpagesize(void)
{
	return (int)page();
}
