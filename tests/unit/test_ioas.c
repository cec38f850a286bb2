/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces on kernels that are not there: which backend, who shares what, what is refused and
 * how it is said. */
#include "ioas_rig.h"

/* ---- which backend ---- */

static void
auto_takes_iommufd(void **state)
{
	struct rig *r = *state;
	struct baton_ioas_info info;

	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	info = info_of(r->ioas);
	assert_int_equal(info.backend, BATON_IOAS_IOMMUFD);
	assert_string_equal(info.backend_name, "iommufd");
	assert_string_equal(info.why, "iommufd, because /dev/iommu and /dev/vfio/devices/vfio0 "
				      "both open");
	assert_int_equal(info.accounting, BATON_IOAS_ACCOUNT_USER);
	assert_int_equal(r->b->infos, 1);
	assert_non_null(strstr(r->b->last, "0x0-0xfedfffff, 0xfef00000-0xffffffffffff"));
	assert_non_null(strstr(r->b->last, "charged to the user"));
	down(r);
}

static void
auto_takes_type1(void **state)
{
	struct rig *r = *state;

	r->f->devs[0].cdev = NULL;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	assert_non_null(strstr(info_of(r->ioas).why, "CONFIG_VFIO_DEVICE_CDEV"));
	assert_int_equal(info_of(r->ioas).mappings_left, 65535);
	down(r);

	/* The node is there, but not for us. */
	r->f->devs[0].cdev = "vfio0";
	r->f->deny[0].path = "/dev/vfio/devices/vfio0";
	r->f->deny[0].err = EACCES;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_TYPE1);
	assert_non_null(strstr(info_of(r->ioas).why, "Permission denied"));
	down(r);

	/* Once nothing uses it, it is undecided again. */
	r->f->deny[0].path = NULL;
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(info_of(r->ioas).backend, BATON_IOAS_AUTO);
	assert_int_equal(info_of(r->ioas).ranges, 0);
	down(r);

	r->f->iommufd = false;
	r->f->deny[0].path = "/dev/vfio/3";
	REFUSED(r, BATON_IOAS_AUTO, EACCES, "/dev/vfio/3", "chown 1000 /dev/vfio/3",
		"nor does iommufd do", "/dev/iommu", "CONFIG_IOMMUFD");
}

/* What the device itself refuses, the other way would refuse, too: it is not hidden behind the
 * other's error. */
static void
auto_keeps_the_reason(void **state)
{
	struct rig *r = *state;

	r->f->devs[0].isolated = false;
	REFUSED(r, BATON_IOAS_AUTO, EPERM, "VFIO_DEVICE_BIND_IOMMUFD",
		"/sys/module/iommufd/parameters/allow_unsafe_interrupts");
	REFUSED(r, BATON_IOAS_TYPE1, EPERM, "VFIO_SET_IOMMU",
		"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	REFUSED(r, BATON_IOAS_COMPAT, EPERM, "VFIO_GROUP_GET_DEVICE_FD", "allow_unsafe_interrupts");
}

static void
container_that_is_an_iommufd(void **state)
{
	struct rig *r = *state;

	r->f->container_is_iommufd = true;
	r->f->rlimit_mode = 1; /* as Linux has it for /dev/vfio/vfio */
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(info_of(r->ioas).accounting, BATON_IOAS_ACCOUNT_PROCESS);
	down(r);
	r->f->rlimit_mode = 0;
	assert_int_equal(up(r, BATON_IOAS_COMPAT), 0);
	assert_int_equal(info_of(r->ioas).accounting, BATON_IOAS_ACCOUNT_USER);
	down(r);
}

static void
names(void **state)
{
	enum baton_ioas_backend b;

	assert_int_equal(baton_ioas_backend_by_name("type1", &b), 0);
	assert_int_equal(b, BATON_IOAS_TYPE1);
	assert_int_equal(baton_ioas_backend_by_name("iomufd", &b), -EINVAL);
	assert_says("did you mean iommufd?");
	assert_int_equal(baton_ioas_backend_by_name("x", &b), -EINVAL);
	assert_int_equal(baton_ioas_backend_by_name(NULL, &b), -EINVAL);
}

/* ---- spaces and contexts ---- */

static void
refuse(void *arg, const struct baton_violation *violation)
{
	(void)arg;
	(void)violation;
}

static void
one_space_for_all(void **state)
{
	struct rig *r = *state;
	const struct baton_ctx_config refuses = { .size = sizeof(refuses), .on_violation = refuse };
	struct baton_ioas *shared, *again, *own;
	struct baton_ctx *ctx, *other;

	assert_int_equal(baton_ctx_create(NULL, &ctx), 0);
	assert_int_equal(baton_ctx_create(&refuses, &other), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &shared), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &again), 0);
	assert_ptr_equal(shared, again);
	assert_int_equal(baton_ioas_create(ctx, NULL, &own), 0);
	assert_int_equal(baton_ctx_set_ioas(ctx, own), -EBUSY);
	assert_says("shared");
	assert_int_equal(baton_ctx_set_ioas(other, own), -EPERM);
	assert_says("another context");
	assert_int_equal(baton_ctx_set_ioas(ctx, shared), 0);
	assert_int_equal(baton_ioas_destroy(shared), 0);
	assert_int_equal(baton_ctx_set_ioas(ctx, own), 0);
	assert_int_equal(baton_ctx_ioas(ctx, &again), 0);
	assert_ptr_equal(own, again);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
	assert_int_equal(baton_ctx_destroy(other), 0);

	assert_int_equal(up(r, BATON_IOAS_IOMMUFD), 0);
	assert_int_equal(ioas_destroy_all(&r->b->ctx), -EBUSY);
	assert_says(A);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(baton_ioas_destroy(r->ioas), -EBUSY);
	assert_says("pool0 is still mapped");
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(ioas_destroy_all(&r->b->ctx), 0);
	r->ioas = NULL;
}

/* Devices share what is mapped; another space has its own. */
static void
two_spaces(void **state)
{
	static const enum baton_ioas_backend backends[] = { BATON_IOAS_IOMMUFD, BATON_IOAS_TYPE1,
							    BATON_IOAS_COMPAT };
	struct rig *r = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct baton_ioas *second;
		struct ioas_device *other;
		struct baton_mapping *m;

		assert_int_equal(up(r, backends[i]), 0);
		assert_int_equal(fake_ioas(r->f, r->b, backends[i], &second), 0);
		assert_int_equal(ioas_attach(second, A, &other), -EBUSY);
		assert_says("this program has the device open already, in the address space");
		assert_int_equal(ioas_attach(second, "00:04.0", &other), 0);
		assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
		assert_int_equal(rig_map(second, MIB, 0, 0, &m), 0);
		assert_int_equal(iova_of(m), iova_of(r->m));
		assert_int_equal(baton_ioas_unmap(r->m), 0);
		assert_int_equal(fake_mappings(r->f), 1);
		/* A mapping outlives the devices, and serves the next one. */
		ioas_detach(other);
		assert_int_equal(fake_mappings(r->f), 1);
		assert_int_equal(ioas_attach(second, B, &other), 0);
		assert_int_equal(fake_mappings(r->f), 1);
		assert_true(ioas_device_fd(other) >= 3);
		assert_int_equal(baton_ioas_unmap(m), 0);
		ioas_detach(other);
		assert_int_equal(baton_ioas_destroy(second), 0);
		down(r);
		fake_assert_idle(r->f);
	}
}

/* A group that only kept the space alive goes when another does that. */
static void
groups_come_and_go(void **state)
{
	struct rig *r = *state;
	struct ioas_device *other, *third;

	r->f->devs[2] = r->f->devs[1];
	r->f->devs[2].bdf = "0000:00:04.1";
	r->f->devs[2].cdev = NULL;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	assert_int_equal(r->ioas->groups->number, 3);
	assert_int_equal(ioas_attach(r->ioas, B, &other), 0);
	assert_int_equal(r->ioas->groups->number, 4);
	assert_null(r->ioas->groups->next);
	assert_int_equal(ioas_attach(r->ioas, "0000:00:04.1", &third), 0);
	assert_int_equal(r->ioas->groups->devices, 2);
	ioas_detach(other);
	assert_int_equal(fake_mappings(r->f), 1);
	ioas_detach(third);
	assert_int_equal(fake_mappings(r->f), 1);
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	fake_assert_idle(r->f);
	down(r);
}

static void
unplugged(void **state)
{
	struct rig *r = *state;
	struct ioas_device *other;

	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	assert_int_equal(rig_map(r->ioas, MIB, 0, 0, &r->m), 0);
	ioas_detach(r->dev);
	r->dev = NULL;
	fake_unplug(r->f, 0);
	assert_int_equal(fake_mappings(r->f), 0); /* the kernel took it all away */
	assert_int_equal(ioas_attach(r->ioas, B, &other), -EBUSY);
	assert_says("unplugged");
	assert_int_equal(baton_ioas_unmap(r->m), 0);
	assert_int_equal(ioas_attach(r->ioas, B, &r->dev), 0);
	down(r);
}

/* ---- what people do wrong ---- */

static void
noiommu_only_by_name(void **state)
{
	struct rig *r = *state;

	REFUSED(r, BATON_IOAS_NOIOMMU, ENODEV, "an IOMMU protects this device");
	rig_without_iommu(r);
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "without an IOMMU", "noiommu by name");
	r->f->noiommu_mode = false;
	REFUSED(r, BATON_IOAS_NOIOMMU, ENOTSUP, "enable_unsafe_noiommu_mode=1");
	r->f->noiommu_mode = true;
	r->f->deny[0].path = "/dev/vfio/noiommu-3";
	r->f->deny[0].err = EPERM;
	REFUSED(r, BATON_IOAS_NOIOMMU, EPERM, "/dev/vfio/noiommu-3", "CAP_SYS_RAWIO");
}

static void
wrong_device(void **state)
{
	struct rig *r = *state;
	struct fake_dev *d = &r->f->devs[0];

	assert_int_equal(fake_ioas(r->f, r->b, BATON_IOAS_AUTO, &r->ioas), 0);
	assert_int_equal(ioas_attach(r->ioas, "0000:00:05.0", &r->dev), -ENODEV);
	assert_says("no such PCI device (did you mean 0000:00:0");
	assert_says("network devices here: 0000:00:03.0, 0000:00:04.0");
	assert_int_equal(ioas_attach(r->ioas, "eth0", &r->dev), -EINVAL);
	assert_says("lspci -D");
	assert_int_equal(ioas_attach(r->ioas, "0000:00:03.8", &r->dev), -EINVAL);
	assert_int_equal(ioas_attach(r->ioas, NULL, &r->dev), -EINVAL);
	down(r);

	d->driver = "e1000e";
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "bound to the driver e1000e",
		"dpdk-devbind.py -b vfio-pci " A, "driverctl set-override " A " vfio-pci",
		"echo " A " > /sys/bus/pci/devices/" A "/driver/unbind", "drivers_probe");
	d->driver = NULL;
	REFUSED(r, BATON_IOAS_AUTO, ENXIO, "no driver has this device",
		"dpdk-devbind.py -b vfio-pci " A);
	d->driver = "mlx5_vfio_pci";
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	down(r);
	d->group = -1;
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "though there is one for others");
	r->f->devs[1].group = -1;
	REFUSED(r, BATON_IOAS_AUTO, ENODEV, "intel_iommu=on", "/sys/kernel/iommu_groups is empty");
}

static void
group_with_others(void **state)
{
	struct rig *r = *state;

	r->f->devs[2] = (struct fake_dev){ "0000:00:03.1", "snd_hda_intel", "0x040300", 3,
					   .isolated = true };
	r->f->devs[3] =
		(struct fake_dev){ "0000:00:03.2", "pcieport", "0x060400", 3, .isolated = true };
	r->f->devs[4] = (struct fake_dev){ "0000:00:03.3", NULL, "0x068000", 3, .isolated = true };
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "group 3", "holds 0000:00:03.1 (snd_hda_intel);",
		"dpdk-devbind.py -u");
	REFUSED(r, BATON_IOAS_IOMMUFD, EBUSY, "group 3", "holds 0000:00:03.1 (snd_hda_intel);",
		"dpdk-devbind.py -u");
	r->f->devs[2].driver = NULL; /* and those without a driver do no harm */
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
}

/* A driver that is in use is not to be taken from a device, the less so with the way to here. */
static void
interfaces(void **state)
{
	static const char head[] = "Iface\tDestination\tGateway \tFlags\n";
	struct rig *r = *state;
	struct fake_dev *d = &r->f->devs[0];
	char routes[256];

	d->driver = "e1000e";
	d->net = "ens3";
	r->f->flags = "0x1002";
	REFUSED(r, BATON_IOAS_AUTO, EBUSY,
		"bound to the driver e1000e, as network interface ens3 "
		"(down); if nobody",
		"drivers_probe");
	r->f->flags = "0x1003";
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "ens3 (up), which is in use", "drivers_probe");
	snprintf(routes, sizeof(routes), "%sens33\t00000000\t0\nens3\t0000A8C0\t0\n", head);
	r->f->routes = routes;
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "ens3 (up), which is in use", "drivers_probe");
	snprintf(routes, sizeof(routes), "%sens33\t00A8C0\t0\nens3\t00000000\t0\n", head);
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "ens3 (up, has the default route)", "cut",
		"move the default route");
	assert_null(strstr(baton_last_error(), "unbind"));
	r->f->routes = NULL;
	r->f->routes6 = "fe800000000000000000000000000000 40 0 ens3\n"
			"00000000000000000000000000000000 00 0 xens3\n";
	d->net_below = true;
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "ens3 (up), which is in use");
	r->f->routes6 = "fe800000000000000000000000000000 40 0 ens3\n"
			"00000000000000000000000000000000 00 0     ens3\n";
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "ens3 (up, has the default route)");
	/* Nor is a machine without an IOMMU advised to unbind it. */
	d->group = -1;
	REFUSED(r, BATON_IOAS_AUTO, EBUSY, "has the default route");
	assert_null(strstr(baton_last_error(), "IOMMU"));
}

static void
open_elsewhere(void **state)
{
	struct rig *r = *state;

	r->f->holder.pid = "200";
	r->f->holder.comm = "dpdk-testpmd";
	r->f->holder.node = "/dev/vfio/3";
	r->f->deny[0].path = "/dev/vfio/3";
	r->f->deny[0].err = EBUSY;
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "/dev/vfio/3", "process 200 (dpdk-testpmd)",
		"stop that first");
	r->f->holder.node = "/dev/vfio/devices/vfio0";
	REFUSED(r, BATON_IOAS_IOMMUFD, EBUSY, "VFIO_DEVICE_BIND_IOMMUFD",
		"process 200 (dpdk-testpmd)");
	/* Another one of the group: Linux says EPERM, as it does for interrupts. */
	r->f->devs[2] = r->f->devs[0];
	r->f->devs[2].bdf = "0000:00:03.1";
	r->f->devs[2].cdev = "vfio9";
	r->f->devs[0].isolated = false;
	r->f->holder.node = "/dev/vfio/devices/vfio9";
	REFUSED(r, BATON_IOAS_IOMMUFD, EBUSY,
		"another one of its IOMMU group 3, is in use by process 200 (dpdk-testpmd)");
	r->f->devs[0].isolated = true;
	r->f->holder.node = NULL;
	r->f->holder.pid = NULL;
	REFUSED(r, BATON_IOAS_TYPE1, EBUSY, "fuser -v");
}

static void
no_permission(void **state)
{
	static const struct {
		enum baton_ioas_backend backend;
		const char *node, *rule;
	} nodes[] = {
		{ BATON_IOAS_IOMMUFD, "/dev/iommu", "KERNEL==\"iommu\"" },
		{ BATON_IOAS_IOMMUFD, "/dev/vfio/devices/vfio0", "SUBSYSTEM==\"vfio-dev\"" },
		{ BATON_IOAS_TYPE1, "/dev/vfio/vfio", "KERNEL==\"vfio\"" },
		{ BATON_IOAS_TYPE1, "/dev/vfio/3", "SUBSYSTEM==\"vfio\"" },
		{ BATON_IOAS_COMPAT, "/dev/iommu", "KERNEL==\"iommu\"" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		char chown[64];

		snprintf(chown, sizeof(chown), "chown 1000 %s,", nodes[i].node);
		r->f->deny[0].path = nodes[i].node;
		r->f->deny[0].err = EACCES;
		REFUSED(r, nodes[i].backend, EACCES, nodes[i].node, chown, nodes[i].rule);
	}
}

static void
not_coherent(void **state)
{
	struct rig *r = *state;

	r->f->enforces = false;
	assert_int_equal(up(r, BATON_IOAS_TYPE1),
			 0); /* 6.12: VFIO would not have the device else */
	down(r);
	r->f->release = "5.10.0-30-arm64";
	REFUSED(r, BATON_IOAS_TYPE1, ENOTSUP, "VFIO_DMA_CC_IOMMU", "5.10", "5.19");
	r->f->os.coherent = true;
	assert_int_equal(up(r, BATON_IOAS_TYPE1), 0);
	down(r);
}

static void
wrong_arguments(void **state)
{
	struct rig *r = *state;
	struct baton_ioas_config c;
	struct baton_map_config mc = { 0 };

	baton_ioas_config_init(&c);
	c.size = 4;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	assert_says("sizeof(struct baton_ioas_config)");
	baton_ioas_config_init(&c);
	c.backend = 77;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	baton_ioas_config_init(&c);
	c.flat_base = &c;
	assert_int_equal(baton_ioas_create_with(&r->b->ctx, &c, &r->f->os, &r->ioas), -EINVAL);
	assert_int_equal(baton_ioas_create(NULL, NULL, &r->ioas), -EINVAL);
	assert_int_equal(baton_ctx_ioas(NULL, &r->ioas), -EINVAL);
	assert_int_equal(baton_ctx_set_ioas(NULL, NULL), -EINVAL);
	assert_int_equal(ioas_attach(NULL, A, &r->dev), -EINVAL);
	assert_int_equal(baton_ioas_map_arena(NULL, NULL, 0, &r->m), -EINVAL);
	assert_int_equal(baton_ioas_unmap(NULL), 0);
	assert_int_equal(baton_ioas_destroy(NULL), 0);
	ioas_detach(NULL);
	r->ioas = NULL;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_int_equal(up(r, BATON_IOAS_AUTO), 0);
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_says("sizeof(struct baton_map_config)");
	baton_map_config_init(&mc);
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	mc.va = (void *)4096;
	mc.bytes = 4096;
	mc.page_size = 3;
	assert_int_equal(baton_ioas_map(r->ioas, &mc, &r->m), -EINVAL);
	assert_says("not a power of two");
	down(r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(auto_takes_iommufd),
		T(auto_takes_type1),
		T(auto_keeps_the_reason),
		T(container_that_is_an_iommufd),
		T(names),
		T(one_space_for_all),
		T(two_spaces),
		T(groups_come_and_go),
		T(unplugged),
		T(noiommu_only_by_name),
		T(wrong_device),
		T(group_with_others),
		T(open_elsewhere),
		T(interfaces),
		T(no_permission),
		T(not_coherent),
		T(wrong_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
