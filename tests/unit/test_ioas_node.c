/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes under /dev that are not the devices they are named after, as in a container whose /dev is
 * older than what the kernel has now. */
#include "ioas_rig.h"

#include <sys/stat.h>

#define CDEV  "/dev/vfio/devices/vfio0"
#define GROUP "/dev/vfio/3"

static void
put(struct rig *r, const char *path, unsigned mode, unsigned major, unsigned minor)
{
	r->f->node[0].path = path;
	r->f->node[0].is = (struct ioas_node){ mode, 0, 0, major, minor };
}

/* How many nodes were opened. */
static unsigned
opened(const struct rig *r)
{
	unsigned n = 0;

	for (int i = 1; i <= r->f->calls && i <= FAKE_CALLS; i++)
		n += !strcmp(r->f->call[i], "open /dev");
	return n;
}

/* The number of another device: refused with both numbers, and without opening that device. */
static void
another_device(void **state)
{
	static const struct {
		enum baton_ioas_backend backend;
		const char *node, *number, *sysfs;
	} nodes[] = {
		{ BATON_IOAS_IOMMUFD, CDEV, "510:0",
		  "/sys/bus/pci/devices/" A "/vfio-dev/vfio0/dev" },
		{ BATON_IOAS_AUTO, CDEV, "510:0", "vfio-dev/vfio0/dev" },
		{ BATON_IOAS_TYPE1, GROUP, "511:3", "/sys/class/vfio/3/dev" },
		{ BATON_IOAS_COMPAT, GROUP, "511:3", "/sys/class/vfio/3/dev" },
		{ BATON_IOAS_IOMMUFD, "/dev/iommu", "10:125", "/sys/class/misc/iommu/dev" },
		{ BATON_IOAS_AUTO, "/dev/iommu", "10:125", "/sys/class/misc/iommu/dev" },
		{ BATON_IOAS_COMPAT, "/dev/iommu", "10:125", "/sys/class/misc/iommu/dev" },
		{ BATON_IOAS_TYPE1, "/dev/vfio/vfio", "10:196", "/sys/class/misc/vfio/dev" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		char mknod[128];

		snprintf(mknod, sizeof(mknod), "mknod -m 600 %s c %.*s ", nodes[i].node,
			 (int)strcspn(nodes[i].number, ":"), nodes[i].number);
		put(r, nodes[i].node, S_IFCHR | 0666, 510, 7);
		r->f->calls = 0;
		REFUSED(r, nodes[i].backend, ENODEV, nodes[i].node, "510:7", nodes[i].number,
			nodes[i].sysfs, mknod, "; remove ");
		assert_int_equal(opened(r), 0);
	}
}

/* Only the minor number differs: the group of the neighbour. */
static void
the_neighbours(void **state)
{
	struct rig *r = *state;

	put(r, GROUP, S_IFCHR | 0600, 511, 4);
	REFUSED(r, BATON_IOAS_TYPE1, ENODEV, "511:4", "511:3");
	put(r, CDEV, S_IFCHR | 0600, 510, 1);
	REFUSED(r, BATON_IOAS_IOMMUFD, ENODEV, "510:1", "510:0");
	put(r, CDEV, S_IFCHR | 0600, 509, 0);
	REFUSED(r, BATON_IOAS_IOMMUFD, ENODEV, "509:0", "510:0");
}

static void
no_device(void **state)
{
	static const struct {
		unsigned mode;
		const char *kind;
	} kinds[] = {
		{ S_IFREG | 0644, "a regular file" },
		{ S_IFDIR | 0755, "a directory" },
		{ S_IFBLK | 0600, "a block device" },
		{ S_IFIFO | 0600, "no character device" },
		{ S_IFSOCK | 0600, "no character device" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		put(r, CDEV, kinds[i].mode, 510, 0);
		REFUSED(r, BATON_IOAS_AUTO, ENODEV, CDEV, kinds[i].kind, "510:0", "mknod");
		put(r, "/dev/vfio/vfio", kinds[i].mode, 10, 196);
		REFUSED(r, BATON_IOAS_TYPE1, ENODEV, "/dev/vfio/vfio", kinds[i].kind, "mknod");
	}
}

/* The kernel has it, /dev has not. */
static void
missing_node(void **state)
{
	struct rig *r = *state;

	put(r, CDEV, 0, 0, 0);
	REFUSED(r, BATON_IOAS_IOMMUFD, ENOENT, CDEV, "510:0", "mknod -m 600 " CDEV " c 510 0",
		"--device=" CDEV);
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	assert_non_null(strstr(info_of(r->ioas).why, CDEV));
	down(r);
	put(r, GROUP, 0, 0, 0);
	REFUSED(r, BATON_IOAS_TYPE1, ENOENT, GROUP, "mknod -m 600 " GROUP " c 511 3");
}

/* It was the right one when it was looked at; what was opened is another. */
static void
replaced_meanwhile(void **state)
{
	static const struct {
		enum baton_ioas_backend backend;
		const char *node;
	} nodes[] = {
		{ BATON_IOAS_IOMMUFD, "/dev/iommu" },
		{ BATON_IOAS_IOMMUFD, CDEV },
		{ BATON_IOAS_AUTO, CDEV },
		{ BATON_IOAS_TYPE1, GROUP },
		{ BATON_IOAS_TYPE1, "/dev/vfio/vfio" },
	};
	struct rig *r = *state;

	r->f->node[0].opened = true;
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		put(r, nodes[i].node, S_IFCHR | 0600, 1, 3);
		REFUSED(r, nodes[i].backend, ENODEV, nodes[i].node, "1:3");
		fake_assert_idle(r->f);
	}
}

/* sysfs has no number: the kernel has no such device, so what is in /dev is of another time. */
static void
kernel_has_none(void **state)
{
	struct rig *r = *state;

	r->f->unnumbered = "vfio0";
	r->f->unnumbered_err = ENOENT;
	r->f->calls = 0;
	REFUSED(r, BATON_IOAS_IOMMUFD, ENODEV, CDEV, "left over", "modprobe");
	assert_int_equal(opened(r), 1);
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	down(r);
	r->f->unnumbered = "/class/vfio/3";
	REFUSED(r, BATON_IOAS_TYPE1, ENODEV, GROUP, "left over");
	r->f->unnumbered = "misc/iommu";
	REFUSED(r, BATON_IOAS_COMPAT, ENODEV, "/dev/iommu", "left over", "modprobe");
}

static void
numbers_not_readable(void **state)
{
	struct rig *r = *state;

	r->f->unnumbered = "/dev";
	r->f->unnumbered_err = EACCES;
	REFUSED(r, BATON_IOAS_IOMMUFD, EACCES, "/dev/iommu", "cannot be known", "mount sysfs");
	REFUSED(r, BATON_IOAS_AUTO, EACCES, "cannot be known");
	REFUSED(r, BATON_IOAS_TYPE1, EACCES, "/dev/vfio/vfio", "cannot be known");
}

/* The container's node may be there before its module, under a number that is known. */
static void
container_not_loaded(void **state)
{
	struct rig *r = *state;

	r->f->unnumbered = "misc/vfio";
	r->f->unnumbered_err = ENOENT;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
	put(r, "/dev/vfio/vfio", S_IFCHR | 0600, 10, 197);
	REFUSED(r, BATON_IOAS_TYPE1, ENODEV, "10:197", "10:196");
}

/* A link from the container's node to /dev/iommu is how iommufd takes its place. */
static void
container_is_a_link(void **state)
{
	struct rig *r = *state;

	r->f->container_is_iommufd = true;
	put(r, "/dev/vfio/vfio", S_IFCHR | 0600, 10, 125);
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
}

static void
noiommu_node(void **state)
{
	struct rig *r = *state;

	rig_without_iommu(r);
	put(r, "/dev/vfio/noiommu-3", S_IFCHR | 0600, 511, 9);
	REFUSED(r, BATON_IOAS_NOIOMMU, ENODEV, "/dev/vfio/noiommu-3", "511:9", "511:3",
		"/sys/class/vfio/noiommu-3/dev");
	put(r, NULL, 0, 0, 0);
	assert_int_equal(up(r, BATON_IOAS_NOIOMMU), 0);
	down(r);
}

static void
whose_it_is(void **state)
{
	struct rig *r = *state;

	r->f->deny[0].path = GROUP;
	r->f->deny[0].err = EACCES;
	put(r, GROUP, S_IFCHR | 0640, 511, 3);
	r->f->node[0].is.gid = 54321;
	REFUSED(r, BATON_IOAS_TYPE1, EACCES, "user root", "group 54321", "mode 0640",
		"chown 1000 " GROUP);
	/* The mode lets everybody in, or us alone: it is not the mode. */
	put(r, GROUP, S_IFCHR | 0666, 511, 3);
	r->f->deny[0].err = EPERM;
	REFUSED(r, BATON_IOAS_TYPE1, EPERM, "though its mode 0666", "--device=" GROUP);
	put(r, GROUP, S_IFCHR | 0600, 511, 3);
	r->f->node[0].is.uid = 1000;
	REFUSED(r, BATON_IOAS_TYPE1, EPERM, "though its mode 0600", "device rules");
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(another_device),
		RIG_TEST(the_neighbours),
		RIG_TEST(no_device),
		RIG_TEST(missing_node),
		RIG_TEST(replaced_meanwhile),
		RIG_TEST(kernel_has_none),
		RIG_TEST(numbers_not_readable),
		RIG_TEST(container_not_loaded),
		RIG_TEST(container_is_a_link),
		RIG_TEST(noiommu_node),
		RIG_TEST(whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
