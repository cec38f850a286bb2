/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake device's sysfs: itself, its IOMMU group and its neighbours there. */
#include "fake_pci.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
sys_file(const struct fake_pci *f, const char *bdf, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", f->sys, bdf, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
sys_dir(const struct fake_pci *f, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->sys, name);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void
sys_link(const struct fake_pci *f, const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->sys, name);
	assert_true(symlink(target, path) == 0 || errno == EEXIST);
}

static void
sys_device(const struct fake_pci *f, const char *bdf, const char *device, const char *class,
	   const char *driver)
{
	char name[128], target[128];

	snprintf(name, sizeof(name), "bus/pci/devices/%s", bdf);
	sys_dir(f, name);
	sys_file(f, bdf, "vendor", "0x1af4\n");
	sys_file(f, bdf, "device", device);
	sys_file(f, bdf, "class", class);
	sys_file(f, bdf, "numa_node", "-1\n");
	if (!driver)
		return;
	snprintf(name, sizeof(name), "bus/pci/devices/%s/driver", bdf);
	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	sys_link(f, name, target);
}

void
fake_pci_make_sys(struct fake_pci *f)
{
	snprintf(f->sys, sizeof(f->sys), "/tmp/baton-pci-XXXXXX");
	assert_non_null(mkdtemp(f->sys));
	sys_dir(f, "bus");
	sys_dir(f, "bus/pci");
	sys_dir(f, "bus/pci/devices");
	sys_device(f, FAKE_BDF, "0x1041\n", "0x020000\n", "vfio-pci");
}

void
fake_pci_group(struct fake_pci *f, const char *bdf, const char *class, const char *driver)
{
	char name[128];

	sys_dir(f, "groups");
	sys_dir(f, "groups/7");
	sys_dir(f, "groups/7/devices");
	sys_link(f, "bus/pci/devices/" FAKE_BDF "/iommu_group", "../../../../groups/7");
	sys_link(f, "groups/7/devices/" FAKE_BDF, "../../../bus/pci/devices/" FAKE_BDF);
	if (!bdf)
		return;
	sys_device(f, bdf, "0x1000\n", class, driver);
	snprintf(name, sizeof(name), "groups/7/devices/%s", bdf);
	sys_link(f, name, "/"); /* where it leads is nobody's business */
}
