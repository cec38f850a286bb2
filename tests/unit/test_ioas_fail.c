/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call of every backend fails in turn, with each errno its documentation names. Afterwards
 * nothing is open, mapped, pinned or taken, and the sentence names the call and says what to do.
 */
#include "fake_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct errnos {
	const char *call;
	int err[12];
	bool may_pass; /* only asked to know more: the operation goes on without */
};

/* Linux 6.12: Documentation/userspace-api/iommufd.rst, vfio.rst,
 * include/uapi/linux/{iommufd,vfio}.h and what their code returns. */
static const struct errnos table[] = {
	{ "open /dev",
	  { ENOENT, EACCES, EPERM, EBUSY, ENODEV, ENXIO, EMFILE, ENFILE, ENOMEM },
	  true },
	{ "open /proc", { ENOENT, EACCES, EPERM, EMFILE }, false },
	{ "IOMMU_IOAS_ALLOC", { ENOMEM, EINVAL, EOPNOTSUPP, ENOTTY, EFAULT }, false },
	{ "IOMMU_IOAS_IOVA_RANGES", { EFAULT, EINVAL, ENOENT, EMSGSIZE, ENOMEM }, true },
	{ "IOMMU_IOAS_ALLOW_IOVAS", { EADDRINUSE, EINVAL, ENOMEM, EFAULT, ENOENT, ENOTTY }, false },
	{ "IOMMU_IOAS_MAP",
	  { EFAULT, EINVAL, ENOMEM, EEXIST, EADDRINUSE, EOPNOTSUPP, EOVERFLOW, ENOENT, EPERM,
	    EBUSY },
	  false },
	{ "IOMMU_IOAS_UNMAP", { EINVAL, ENOENT, EBUSY, EDEADLOCK, EFAULT }, false },
	{ "IOMMU_DESTROY", { EBUSY, ENOENT, EINVAL }, true },
	{ "IOMMU_OPTION", { EOPNOTSUPP, EPERM, ENOENT, ENOTTY, EINVAL }, true },
	{ "VFIO_DEVICE_BIND_IOMMUFD",
	  { EINVAL, EPERM, EBUSY, EBADF, ENODEV, ENOMEM, EIO, ETIMEDOUT, EFAULT, ENOTTY },
	  false },
	{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
	  { EINVAL, EADDRINUSE, EBUSY, ENOMEM, ENODEV, ENOENT, EFAULT },
	  false },
	{ "VFIO_GET_API_VERSION", { ENOTTY, EINVAL }, false },
	{ "VFIO_CHECK_EXTENSION", { ENOTTY, EINVAL }, true },
	{ "VFIO_SET_IOMMU", { EPERM, EINVAL, ENODEV, EBUSY, ENOMEM }, false },
	{ "VFIO_GROUP_GET_STATUS", { ENODEV, EINVAL, EFAULT }, false },
	{ "VFIO_GROUP_SET_CONTAINER",
	  { EBADF, EBADFD, EINVAL, EBUSY, EPERM, ENODEV, ENOMEM, EFAULT },
	  false },
	{ "VFIO_GROUP_GET_DEVICE_FD",
	  { ENODEV, EINVAL, EBUSY, EMFILE, EIO, ETIMEDOUT, EADDRINUSE, EPERM, EFAULT },
	  false },
	{ "VFIO_IOMMU_GET_INFO", { EFAULT, EINVAL, ENOMEM }, false },
	{ "VFIO_IOMMU_MAP_DMA", { EFAULT, EINVAL, ENOMEM, EEXIST, ENOSPC, EPERM, EBUSY }, false },
	{ "VFIO_IOMMU_UNMAP_DMA", { EINVAL, EFAULT, EBUSY, ENOENT }, false },
	{ "alloc", { ENOMEM }, false },
	{ "mlock", { ENOMEM, EPERM, EAGAIN }, false },
	{ "pread", { EIO, EINVAL }, false },
	{ "stat", { ENOENT, EACCES, ENOTDIR, ELOOP }, true },
	{ "fstat", { EIO, EBADF }, false },
	{ "readlink", { ENOENT, EACCES, EIO }, true },
	{ "read", { ENOENT, EACCES, EIO }, true },
	{ "opendir", { ENOENT, EACCES, EMFILE }, true },
	{ "getrlimit", { EFAULT, EINVAL }, true },
};

static const struct errnos *
errnos_of(const char *call)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].call, call))
			return &table[i];
	fail_msg("nobody said how %s fails", call);
	return NULL;
}

/*
 * Open two devices, map three times, take one mapping away; *calls is how many calls that took.
 * Then undo everything.
 *
 * Return: the first error.
 */
static int
life(struct fake *f, enum baton_ioas_backend backend, int *calls)
{
	struct bare_ctx *b = fake_ctx();
	struct baton_ioas *ioas = NULL;
	struct ioas_device *dev[2] = { NULL, NULL };
	struct baton_mapping *m[3] = { NULL, NULL, NULL };
	struct baton_ioas_info info;
	char said[1024] = "";
	int ret, left;

	ret = fake_ioas(f, b, backend, &ioas);
	for (int i = 0; i < 2 && !ret; i++)
		ret = ioas_attach(ioas, f->devs[i].bdf, &dev[i]);
	if (!ret)
		ret = rig_map(ioas, 64 * MIB, 2 * MIB, 0, &m[0]);
	if (!ret)
		ret = rig_map(ioas, 8 * KIB, 0, backend == BATON_IOAS_NOIOMMU ? 0 : 0xffffffff,
			      &m[1]);
	if (!ret)
		ret = rig_map(ioas, 4 * KIB, 0, 0, &m[2]);
	for (int i = 1; i < 2 && !ret; i++) {
		ret = baton_ioas_unmap(m[i]);
		if (!ret)
			m[i] = NULL;
	}
	if (ret) {
		snprintf(said, sizeof(said), "%s", baton_last_error());
		assert_true(ret < 0);
	}
	/* What is there is just what was given to us. */
	if (ioas) {
		unsigned maps = (m[0] != NULL) + (m[1] != NULL) + (m[2] != NULL);

		baton_ioas_info(ioas, &info);
		assert_int_equal(info.mappings, maps);
		assert_int_equal(info.devices, (dev[0] != NULL) + (dev[1] != NULL));
		assert_int_equal(info.mapped_bytes, (m[0] ? 64 * MIB : 0) + (m[1] ? 8 * KIB : 0) +
							    (m[2] ? 4 * KIB : 0));
		if (backend != BATON_IOAS_NOIOMMU) {
			assert_int_equal(ioas->space.n_used, maps);
			assert_int_equal(fake_mappings(f), maps);
		}
	}
	*calls = f->calls;
	f->fail_at = 0;
	for (int i = 0; i < 3; i++) {
		left = m[i] ? baton_ioas_unmap(m[i]) : 0;
		assert_int_equal(left, 0);
	}
	for (int i = 0; i < 2; i++)
		ioas_detach(dev[i]);
	if (ioas) {
		assert_null(ioas->ops);
		assert_int_equal(ioas->space.n_used, 0);
		assert_int_equal(ioas->fd, -1);
		assert_null(ioas->groups);
	}
	assert_int_equal(baton_ioas_destroy(ioas), 0);
	assert_null(b->ctx.ioases);
	fake_assert_idle(f);
	fake_ctx_free(b);
	if (ret)
		baton_err(-ret, "%s", said);
	return ret;
}

static void
check_sentence(const struct errnos *e, int ret, int err)
{
	const char *said = baton_last_error();

	if (!strcmp(e->call, "alloc")) {
		assert_int_equal(ret, -ENOMEM);
		assert_says("no memory for");
		return;
	}
	if (!strcmp(e->call, "readlink") || !strcmp(e->call, "read") ||
	    !strcmp(e->call, "opendir")) {
		assert_true(strlen(said) > 30);
		return;
	}
	if (!strcmp(e->call, "stat"))
		assert_says("open /dev/");
	else if (!strncmp(e->call, "open", 4))
		assert_says(!strcmp(e->call, "open /dev") ? "/dev/" : "/proc/");
	else if (!strcmp(e->call, "pread"))
		assert_says("/proc/self/pagemap");
	else
		assert_says(e->call);
	/* The kernel's word for it, unless the fact is told in other words, and behind it what to
	 * do. */
	if (ret == -err && strcmp(e->call, "VFIO_CHECK_EXTENSION") != 0)
		assert_says(strerror(err));
	if (!strchr(said, ';') || strlen(strrchr(said, ';')) < 10)
		fail_msg("no remedy: %s", said);
}

static void
every_call(void (*prepare)(struct fake *f), enum baton_ioas_backend backend, int least)
{
	const char *call[FAKE_CALLS + 1];
	struct fake *f = fake_new();
	unsigned runs = 0, failed = 0;
	int calls, made;

	prepare(f);
	assert_int_equal(life(f, backend, &calls), 0);
	assert_in_range(calls, least, FAKE_CALLS);
	memcpy(call, f->call, sizeof(call));
	free(f);
	for (int n = 1; n <= calls; n++) {
		const struct errnos *e = errnos_of(call[n]);

		for (int i = 0; i < 12 && e->err[i]; i++, runs++) {
			int ret;

			f = fake_new();
			prepare(f);
			f->fail_at = n;
			f->err = e->err[i];
			baton_err(0, "nothing yet");
			ret = life(f, backend, &made);
			if (!ret && !e->may_pass)
				fail_msg("call %d, %s, failed with %s unnoticed", n, e->call,
					 strerror(e->err[i]));
			failed += ret != 0;
			if (ret && getenv("BATON_VERBOSE"))
				print_message("%s %s: %s\n", e->call, strerror(e->err[i]),
					      baton_last_error());
			if (ret)
				check_sentence(e, ret, e->err[i]);
			free(f);
		}
	}
	print_message("%d calls, %u runs, %u failed\n", calls, runs, failed);
	assert_true(failed > (unsigned)calls);
}

/* Limits that are looked at, and a kernel where coherency has to be asked for. */
static void
ordinary(struct fake *f)
{
	f->soft = f->hard = GIB;
	f->other_pins = MIB;
	f->locked = MIB;
}

static void
iommufd_calls(void **state)
{
	every_call(ordinary, BATON_IOAS_IOMMUFD, 30);
}

static void
in_windows(struct fake *f)
{
	static const struct baton_iova_range asked[] = { { 2 * GIB, 64 * GIB }, { 0, GIB } };

	ordinary(f);
	f->asked = asked;
	f->n_asked = 2;
}

static void
window_calls(void **state)
{
	every_call(in_windows, BATON_IOAS_IOMMUFD, 34);
}

static void
auto_calls(void **state)
{
	every_call(ordinary, BATON_IOAS_AUTO, 30);
}

static void
charged_process(struct fake *f)
{
	ordinary(f);
	f->rlimit_mode = 1;
}

static void
type1_calls(void **state)
{
	every_call(charged_process, BATON_IOAS_TYPE1, 35);
}

static void
old_kernel(struct fake *f)
{
	charged_process(f);
	f->iommufd = false;
	f->cdevs = false;
	f->devs[0].cdev = f->devs[1].cdev = NULL;
	f->release = "5.10.0";
	f->devs[1].group = f->devs[0].group;
}

static void
auto_type1_calls(void **state)
{
	every_call(old_kernel, BATON_IOAS_AUTO, 30);
}

static void
compat_calls(void **state)
{
	every_call(ordinary, BATON_IOAS_COMPAT, 35);
}

static void
without_iommu(struct fake *f)
{
	ordinary(f);
	f->noiommu_mode = true;
	for (int i = 0; i < 2; i++) {
		f->devs[i].noiommu = true;
		f->devs[i].cdev = NULL;
	}
}

static void
noiommu_calls(void **state)
{
	every_call(without_iommu, BATON_IOAS_NOIOMMU, 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iommufd_calls), cmocka_unit_test(type1_calls),
		cmocka_unit_test(compat_calls),  cmocka_unit_test(noiommu_calls),
		cmocka_unit_test(auto_calls),    cmocka_unit_test(auto_type1_calls),
		cmocka_unit_test(window_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
