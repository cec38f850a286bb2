/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's memory. What is mapped in the address space is moved there: the owner's virtual addresses
 * show QEMU's pages until it is unmapped. The rest of the file is a hole, so that pages in it which
 * are not mapped were accessed by the device.
 */
#include "qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ioas/uapi.h"

#define PAGE      4096u
#define HUGE_PAGE (2 * MIB)

/* The one that the process has: a struct ioas_os leads to its fake kernel, and not to it. */
static struct qtest *the_qtest;
static int (*fake_ioctl)(const struct ioas_os *os, int fd, unsigned long request, void *arg);

static uint64_t
in_file(uint64_t iova)
{
	return iova < QTEST_LOW_END ? iova : iova - QTEST_HIGH + QTEST_LOW_END;
}

/* Copy memory into the file or out of it: by system calls, since buffers of a device are poisoned
 * in builds with ASan. */
static void
copy(const struct qtest *q, long call, uint8_t *va, uint64_t bytes, uint64_t at)
{
	for (uint64_t done = 0; done < bytes;) {
		const long n = syscall(call, q->ram, va + done, bytes - done, at + done);

		assert_true(n > 0);
		done += (uint64_t)n;
	}
}

/* Room for pages that are moved away, which may be hugepages. */
static uint8_t *
make_room(uint64_t bytes)
{
	uint8_t *at = mmap(NULL, bytes + HUGE_PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const uint64_t before = -(uintptr_t)at & (HUGE_PAGE - 1);

	assert_true(at != MAP_FAILED);
	if (before)
		munmap(at, before);
	munmap(at + before + bytes, HUGE_PAGE - before);
	return at + before;
}

static void
move_pages(uint8_t *from, uint8_t *to, uint64_t bytes)
{
	if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
		fail_msg("%llu bytes that are mapped for the device cannot be moved in this "
			 "process: %s",
			 (unsigned long long)bytes, strerror(errno));
}

/* For a moment the owner has no memory there: no other thread may use what is being mapped. */
static void
map(struct qtest *q, uint8_t *va, uint64_t bytes, uint64_t iova)
{
	const uint64_t at = in_file(iova);
	struct qtest_map *slot = NULL;

	for (struct qtest_map *m = q->map; m < q->map + FAKE_MAPS; m++)
		if (!m->va)
			slot = m;
		else if (va < m->va + m->bytes && m->va < va + bytes)
			fail_msg("memory is mapped at %#llx and at %#llx: the rig can have it at "
				 "one address only",
				 (unsigned long long)m->iova, (unsigned long long)iova);
	assert_non_null(slot);
	copy(q, SYS_pwrite64, va, bytes, at);
	*slot = (struct qtest_map){ va, make_room(bytes), iova, bytes };
	move_pages(va, slot->saved, bytes);
	assert_true(mmap(va, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, q->ram,
			 (off_t)at) == va);
}

static void
unmap(struct qtest *q, uint64_t iova)
{
	const uint64_t at = in_file(iova);
	struct qtest_map *m = q->map;

	while (m < q->map + FAKE_MAPS && !(m->va && m->iova == iova))
		m++;
	assert_true(m < q->map + FAKE_MAPS);
	copy(q, SYS_pread64, m->saved, m->bytes, at);
	move_pages(m->saved, m->va, m->bytes);
	assert_int_equal(fallocate(q->ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
				   (off_t)m->bytes),
			 0);
	m->va = NULL;
}

/* The fake kernel first, which refuses what a kernel would. */
static int
on_ioctl(const struct ioas_os *os, int fd, unsigned long request, void *arg)
{
	const struct uapi_iommu_ioas_map *to_map = arg;
	const struct uapi_iommu_ioas_unmap *to_unmap = arg;
	const int ret = fake_ioctl(os, fd, request, arg);

	if (ret < 0)
		return ret;
	if (request == UAPI_IOMMU_IOAS_MAP)
		map(the_qtest, (void *)(uintptr_t)to_map->user_va, to_map->length, to_map->iova);
	else if (request == UAPI_IOMMU_IOAS_UNMAP)
		unmap(the_qtest, to_unmap->iova);
	return ret;
}

void *
qtest_memory(const struct qtest *q, uint64_t iova, uint64_t bytes)
{
	for (const struct qtest_map *m = q->map; m < q->map + FAKE_MAPS; m++)
		if (m->va && iova >= m->iova && iova - m->iova < m->bytes &&
		    bytes <= m->bytes - (iova - m->iova))
			return m->va + (iova - m->iova);
	return NULL;
}

/* Bytes of the file that have pages, without those that are mapped. */
static uint64_t
used(const struct qtest *q)
{
	struct stat st;
	uint64_t sum;

	assert_int_equal(fstat(q->ram, &st), 0);
	sum = (uint64_t)st.st_blocks * 512;
	for (const struct qtest_map *m = q->map; m < q->map + FAKE_MAPS; m++)
		sum -= m->va ? m->bytes : 0;
	return sum;
}

uint64_t
qtest_strays(const struct qtest *q)
{
	return used(q) - q->quiet;
}

void
qtest_open_memory(struct qtest *q)
{
	const struct baton_iova_range windows[] = { { MIB, QTEST_LOW_END - 1 },
						    { QTEST_HIGH, QTEST_HIGH_END - 1 } };
	uint8_t *words =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, q->ram, QTEST_WORDS_AT);

	assert_true(words != MAP_FAILED);
	memset(words, 0, PAGE);
	q->words = (volatile uint32_t *)(void *)words;
	q->vfio = fake_new();
	q->vfio->container = false; /* iommufd only */
	q->vfio->devs[0].bdf = QTEST_BDF;
	memset(q->vfio->devs[0].windows, 0, sizeof(q->vfio->devs[0].windows));
	memcpy(q->vfio->devs[0].windows, windows, sizeof(windows));
	fake_ioctl = q->vfio->os.ioctl;
	q->vfio->os.ioctl = on_ioctl;
	q->quiet = used(q);
	the_qtest = q;
}

void
qtest_close_memory(struct qtest *q)
{
	fake_assert_idle(q->vfio);
	free(q->vfio);
	munmap((void *)(uintptr_t)q->words, PAGE);
	the_qtest = NULL;
}
