/* SPDX-License-Identifier: BSD-3-Clause */
/* The sysfs of a model: the device, its IOMMU group and its neighbours there. */
#include "pci_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
sys_file(const struct pci_model *m, const char *bdf, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", m->sys, bdf, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
sys_dir(const struct pci_model *m, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", m->sys, name);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void
sys_link(const struct pci_model *m, const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", m->sys, name);
	assert_true(symlink(target, path) == 0 || errno == EEXIST);
}

static void
sys_device(const struct pci_model *m, const char *bdf, unsigned device, const char *class,
	   const char *driver)
{
	char name[128], target[128], id[16];

	snprintf(name, sizeof(name), "bus/pci/devices/%s", bdf);
	sys_dir(m, name);
	snprintf(id, sizeof(id), "%#06x\n", m->device->vendor);
	sys_file(m, bdf, "vendor", id);
	snprintf(id, sizeof(id), "%#06x\n", device);
	sys_file(m, bdf, "device", id);
	sys_file(m, bdf, "class", class);
	sys_file(m, bdf, "numa_node", "-1\n");
	if (!driver)
		return;
	snprintf(name, sizeof(name), "bus/pci/devices/%s/driver", bdf);
	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	sys_link(m, name, target);
}

void
pci_model_make_sys(struct pci_model *m)
{
	snprintf(m->sys, sizeof(m->sys), "/tmp/pci-model.XXXXXX");
	assert_non_null(mkdtemp(m->sys));
	sys_dir(m, "bus");
	sys_dir(m, "bus/pci");
	sys_dir(m, "bus/pci/devices");
	sys_device(m, m->device->bdf, m->device->device, "0x020000\n", "vfio-pci");
}

void
pci_model_drop_sys(const struct pci_model *m)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", m->sys);
	assert_int_equal(system(command), 0);
}

void
pci_model_group(struct pci_model *m, const char *bdf, const char *class, const char *driver)
{
	char name[128], target[128];

	sys_dir(m, "groups");
	sys_dir(m, "groups/7");
	sys_dir(m, "groups/7/devices");
	snprintf(name, sizeof(name), "bus/pci/devices/%s/iommu_group", m->device->bdf);
	sys_link(m, name, "../../../../groups/7");
	snprintf(name, sizeof(name), "groups/7/devices/%s", m->device->bdf);
	snprintf(target, sizeof(target), "../../../bus/pci/devices/%s", m->device->bdf);
	sys_link(m, name, target);
	if (!bdf)
		return;
	sys_device(m, bdf, 0x1000, class, driver);
	snprintf(name, sizeof(name), "groups/7/devices/%s", bdf);
	sys_link(m, name, "/"); /* where it leads is nobody's business */
}
