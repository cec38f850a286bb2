/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/pci against a device in our own process: honest, lying, dead, and with each call failing in
 * turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <baton/baton.h>

#include "fake_pci.h"

struct bench {
	struct fake_pci *fake;
	struct baton_ctx *ctx;
	struct baton_ioas *ioas;
	struct pci_device *dev;
	unsigned events[2];
};

static void
no_log(void *arg, enum baton_log_level level, const char *line)
{
}

static void
prepare(struct bench *b)
{
	struct baton_ctx_config c = { .size = sizeof(c), .log = no_log };

	memset(b, 0, sizeof(*b));
	b->fake = fake_pci_start(FAKE_FEATURES);
	assert_int_equal(baton_ctx_create(&c, &b->ctx), 0);
	fake_pci_use(b->fake, b->ctx, true);
	assert_int_equal(baton_ctx_ioas(b->ctx, &b->ioas), 0);
}

static int
try_open(struct bench *b)
{
	return pci_open(b->ctx, b->ioas, FAKE_BDF, &b->dev);
}

static void
up(struct bench *b)
{
	prepare(b);
	if (try_open(b) < 0)
		fail_msg("%s", baton_last_error());
}

static void
down(struct bench *b)
{
	pci_close(b->dev);
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
	fake_pci_stop(b->fake);
}

static void
says(const char *words)
{
	if (!strstr(baton_last_error(), words))
		fail_msg("\"%s\" is not in: %s", words, baton_last_error());
}

/* ---- sysfs ---- */

static void
addresses(void **state)
{
	static const char *const bad[] = { "",
					   "0",
					   "00:03",
					   "00:03.",
					   "00:03.8",
					   "00:20.0",
					   "0000:00:03.00",
					   "g0:03.0",
					   "00:03.0 ",
					   "0000-00:03.0",
					   "00:03,0",
					   "00000:00:03.0",
					   "net_null0" };
	char bdf[PCI_BDF_SIZE];

	assert_true(pci_parse_bdf("00:03.0", bdf));
	assert_string_equal(bdf, "0000:00:03.0");
	assert_true(pci_parse_bdf("0001:AB:1f.7", bdf));
	assert_string_equal(bdf, "0001:ab:1f.7");
	assert_true(pci_parse_bdf("pci:0:3.0", bdf));
	assert_string_equal(bdf, "0000:00:03.0");
	assert_true(pci_parse_bdf("1:0:3.0", bdf));
	assert_string_equal(bdf, "0001:00:03.0");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pci_parse_bdf(bad[i], bdf))
			fail_msg("\"%s\" passed", bad[i]);
}

static void
who_is_there(void **state)
{
	struct pci_info info;
	struct bench b;

	prepare(&b);
	assert_int_equal(pci_find(&b.fake->pci.os, FAKE_BDF, &info), 0);
	assert_int_equal(info.vendor, 0x1af4);
	assert_int_equal(info.device, 0x1041);
	assert_int_equal(info.class, 0x020000);
	assert_int_equal(info.node, -1);
	assert_string_equal(info.driver, "vfio-pci");
	assert_int_equal(pci_find(&b.fake->pci.os, "0000:00:04.0", &info), -ENODEV);
	says("there is no PCI device 0000:00:04.0; network devices here: 0000:00:03.0 (1af4:1041, "
	     "vfio-pci)");
	down(&b);
}

static void
no_bus(void **state)
{
	struct pci_os os = pci_os_host;
	struct pci_info info;

	os.sys = "/nowhere";
	assert_int_equal(pci_find(&os, FAKE_BDF, &info), -ENODEV);
	says("no PCI bus");
}

/* Who shares a group with the device reaches what the device reaches. */
static void
alone_in_its_group(void **state)
{
	struct bench b;

	prepare(&b);
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), 0);       /* none: no IOMMU */
	assert_int_equal(pci_check_alone(&b.fake->pci.os, "0000:00:1e.0"), 0); /* no device */
	pci_model_group(&b.fake->pci, NULL, NULL, NULL);
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), 0);
	pci_model_group(&b.fake->pci, "0000:00:1c.0", "0x060400\n", "pcieport");
	pci_model_group(&b.fake->pci, "0000:00:1c.1", "0x060401\n", NULL);
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), 0);
	pci_model_group(&b.fake->pci, "0000:00:1f.0", "0x060100\n",
			NULL); /* an ISA bridge does DMA of its own */
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), -EBUSY);
	says(FAKE_BDF " shares its IOMMU group 7 with 0000:00:1f.0 (no driver), and");
	says("echo 1 > /sys/bus/pci/devices/0000:00:1f.0/remove");
	pci_model_group(&b.fake->pci, "0000:00:04.0", "0x020000\n", "vfio-pci");
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), -EBUSY);
	says("with 0000:00:04.0 (vfio-pci), 0000:00:1f.0 (no driver), and");
	down(&b);
}

/* Sysfs without a list of the group's devices: refused, not taken for alone. */
static void
group_that_is_not_told(void **state)
{
	char path[128];
	struct bench b;

	prepare(&b);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/" FAKE_BDF "/iommu_group",
		 b.fake->pci.sys);
	assert_int_equal(symlink("../../../../groups/9", path), 0);
	assert_int_equal(pci_check_alone(&b.fake->pci.os, FAKE_BDF), -ENOENT);
	says("cannot find out");
	down(&b);
}

/* ---- capabilities ---- */

static void
honest_list(void **state)
{
	struct pci_cap caps[PCI_MAX_CAPS];
	struct bench b;

	up(&b);
	assert_int_equal(pci_caps(b.dev, caps), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(caps[i].id, PCI_CAP_ID_VNDR);
		assert_int_equal(caps[i].off, FAKE_CAP(i + 1));
	}
	b.fake->pci.config[PCI_STATUS] = 0;
	assert_int_equal(pci_caps(b.dev, caps), 0);
	down(&b);
}

static void
longest_list(void **state)
{
	struct pci_cap caps[PCI_MAX_CAPS];
	struct bench b;

	up(&b);
	for (unsigned at = 0x40; at < 0x100; at += 4) {
		b.fake->pci.config[at] = 1;
		b.fake->pci.config[at + 1] = (uint8_t)(at + 4); /* the last one: 0 */
	}
	assert_int_equal(pci_caps(b.dev, caps), 48);
	down(&b);
}

static void
lying_list(void **state)
{
	struct pci_cap caps[PCI_MAX_CAPS];
	struct bench b;

	up(&b);
	b.fake->pci.config[FAKE_CAP(4) + 1] = FAKE_CAP(2);
	assert_int_equal(pci_caps(b.dev, caps), -EPROTO);
	says("comes back to 0x58");
	b.fake->pci.config[FAKE_CAP(4) + 1] = FAKE_CAP(4);
	assert_int_equal(pci_caps(b.dev, caps), -EPROTO);
	b.fake->pci.config[FAKE_CAP(4) + 1] = 0x3c; /* inside of the header */
	assert_int_equal(pci_caps(b.dev, caps), -EPROTO);
	says("goes to 0x3c");
	b.fake->pci.config[PCI_CAPABILITY_LIST] = 0x13; /* the lowest bits do not count */
	assert_int_equal(pci_caps(b.dev, caps), -EPROTO);
	says("goes to 0x10");
	memset(b.fake->pci.config + 0x34, 0xff, sizeof(b.fake->pci.config) - 0x34);
	assert_int_equal(pci_caps(b.dev, caps), -EPROTO);
	says("comes back to 0xfc");
	down(&b);
}

/* ---- opening ---- */

static void
dead_device(void **state)
{
	struct bench b;

	prepare(&b);
	b.fake->pci.dead = true;
	assert_int_equal(try_open(&b), -ENODEV);
	says("reads as all ones");
	says("/sys/bus/pci/rescan");
	assert_int_equal(b.fake->pci.attached, 0);
	down(&b);
}

static void
bus_mastering(void **state)
{
	struct bench b;

	prepare(&b);
	b.fake->pci.config[PCI_COMMAND] = PCI_COMMAND_MASTER; /* somebody left it so */
	assert_int_equal(try_open(&b), 0);
	assert_int_equal(b.fake->pci.config[PCI_COMMAND], PCI_COMMAND_MEMORY);
	assert_int_equal(pci_bus_master(b.dev, true), 0);
	assert_int_equal(b.fake->pci.config[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_false(pci_is_dead(b.dev));
	assert_int_equal(pci_reset(b.dev), -ENOTSUP);
	b.fake->pci.dead = true;
	assert_int_equal(pci_bus_master(b.dev, false), -ENODEV);
	assert_true(pci_is_dead(b.dev));
	down(&b);
}

static void
config_space(void **state)
{
	struct bench b;
	uint32_t v;

	up(&b);
	assert_int_equal(pci_config_read(b.dev, 0, 4, &v), 0);
	assert_int_equal(v, 0x10411af4);
	assert_int_equal(pci_config_read(b.dev, 255, 1, &v), 0);
	assert_int_equal(pci_config_read(b.dev, 255, 2, &v), -EINVAL);
	assert_int_equal(pci_config_read(b.dev, 0xfffffffe, 4, &v), -EINVAL);
	assert_int_equal(pci_config_write(b.dev, 256, 1, 0), -EINVAL);
	assert_int_equal(pci_config_read(b.dev, 0, 8, &v), -EINVAL);
	down(&b);
}

/* ---- BARs ---- */

static void
bars(void **state)
{
	struct pci_reg r;
	struct bench b;

	up(&b);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_COMMON, 0x3c, &r), 0);
	assert_null(r.at);
	assert_int_equal(pci_read8(&r, 0x14), 0);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_NOTIFY, 0x1000, &r), 0);
	assert_non_null(r.at);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_NOTIFY - 2, 4, &r),
			 0); /* half in the window */
	assert_null(r.at);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_BAR_SIZE - 4, 4, &r), 0);
	assert_non_null(r.at);
	assert_int_equal(b.fake->pci.mapped, 1);

	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_BAR_SIZE - 4, 5, &r), -EPROTO);
	says("not inside BAR 4");
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_BAR_SIZE, 1, &r), -EPROTO);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, UINT64_MAX, 2, &r), -EPROTO);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, 4, UINT64_MAX, &r), -EPROTO);
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, 4, 0, &r), -EPROTO);
	assert_int_equal(pci_reg(b.dev, 0, 0, 4, &r), -EPROTO);
	says("there is no BAR 0");
	assert_int_equal(pci_reg(b.dev, 6, 0, 4, &r), -EPROTO);
	assert_int_equal(pci_reg(b.dev, 255, 0, 4, &r), -EPROTO);
	down(&b);
}

static void
window_outside_of_the_bar(void **state)
{
	struct pci_reg r;
	struct bench b;

	up(&b);
	b.fake->pci.bar_size = FAKE_NOTIFY + 8; /* the sparse area goes beyond it */
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, FAKE_NOTIFY, 8, &r), 0);
	assert_null(r.at);
	down(&b);
}

static void
unmapped_access(void **state)
{
	struct pci_reg r;
	struct bench b;

	up(&b);
	b.fake->pci.mappable = 0;
	assert_int_equal(pci_reg(b.dev, FAKE_BAR, 0, FAKE_BAR_SIZE, &r), 0);
	assert_null(r.at);
	pci_write16(&r, FAKE_NOTIFY + 4, 1);
	assert_true(fake_pci_rung(b.fake, 1));
	pci_write32(&r, 0x00, 1);
	assert_int_equal(pci_read32(&r, 0x04), FAKE_FEATURES >> 32);
	b.fake->pci.fail_at = b.fake->pci.calls + 1;
	assert_int_equal(pci_read16(&r, 0x12), 0xffff); /* as hardware answers */
	down(&b);
}

/* ---- interrupts ---- */

static void
msix(void **state)
{
	int fds[5] = { -1, -1, -1, -1, -1 };
	struct bench b;

	up(&b);
	assert_int_equal(b.dev->n_vectors, 4);
	for (unsigned i = 0; i < 5; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pci_msix_enable(b.dev, fds, 5), -EINVAL);
	assert_int_equal(pci_msix_enable(b.dev, fds, 0), -EINVAL);
	assert_int_equal(pci_msix_enable(b.dev, fds, 2), 0);
	assert_int_equal(b.fake->pci.irq[1], fds[1]);
	assert_int_equal(b.fake->pci.irq[2], -1);
	assert_int_equal(pci_msix_enable(b.dev, fds, 4), 0);
	assert_int_equal(b.fake->pci.irq[3], fds[3]);
	assert_int_equal(pci_msix_disable(b.dev), 0);
	assert_int_equal(b.fake->pci.irq[0], -1);
	for (unsigned i = 0; i < 5; i++)
		close(fds[i]);
	down(&b);
}

static void
on_event(void *arg, enum pci_event event)
{
	((struct bench *)arg)->events[event]++;
}

static void
error_and_request(void **state)
{
	struct bench b;

	up(&b);
	assert_int_equal(pci_watch(b.dev, on_event, &b), 0);
	pci_model_signal(b.fake->pci.err_fd);
	assert_int_equal(baton_ctx_poll(b.ctx, 0), 1);
	pci_model_signal(b.fake->pci.req_fd);
	pci_model_signal(b.fake->pci.req_fd);
	assert_int_equal(baton_ctx_poll(b.ctx, 0), 1);
	assert_int_equal(b.events[PCI_EVENT_ERROR], 1);
	assert_int_equal(b.events[PCI_EVENT_REQUEST], 1);
	assert_int_equal(baton_ctx_poll(b.ctx, 0), 0);
	down(&b);
}

static void
no_error_interrupt(void **state)
{
	struct bench b;

	prepare(&b);
	b.fake->pci.has_err = false;
	assert_int_equal(try_open(&b), 0);
	assert_int_equal(pci_watch(b.dev, on_event, &b), 0);
	assert_int_equal(b.dev->err.fd, -1);
	assert_true(b.dev->req.fd >= 0);
	down(&b);
}

/* ---- each call fails ---- */

static unsigned
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int
everything(struct bench *b)
{
	struct pci_cap caps[PCI_MAX_CAPS];
	struct pci_reg r;
	int ret = try_open(b), fds[2] = { -1, -1 };

	if (ret < 0)
		return ret;
	if ((ret = pci_caps(b->dev, caps)) < 0 ||
	    (ret = pci_reg(b->dev, FAKE_BAR, FAKE_NOTIFY, 4, &r)) < 0 ||
	    (ret = pci_bus_master(b->dev, true)) < 0 ||
	    (ret = pci_watch(b->dev, on_event, b)) < 0 ||
	    (ret = pci_msix_enable(b->dev, fds, 2)) < 0 || (ret = pci_msix_disable(b->dev)) < 0 ||
	    (ret = pci_reset(b->dev)) < 0)
		return ret;
	return 0;
}

static void
nth_call_fails(void **state)
{
	static const int errnos[] = { EIO, ENOMEM, EMFILE, ENODEV, EINVAL };
	unsigned n, failures = 0;

	for (unsigned e = 0; e < sizeof(errnos) / sizeof(errnos[0]); e++) {
		for (n = 1;; n++) {
			unsigned fds = open_fds(), reached;
			struct bench b;
			int ret;

			prepare(&b);
			b.fake->pci.can_reset = true;
			b.fake->pci.fail_with = errnos[e];
			b.fake->pci.fail_at = n;
			ret = everything(&b);
			reached = b.fake->pci.calls;
			failures += ret < 0;
			if (ret < 0 && n > 1) /* the first is another's, who says why */
				assert_true(strstr(baton_last_error(), FAKE_BDF) != NULL);
			pci_close(b.dev);
			b.dev = NULL;
			assert_int_equal(b.fake->pci.attached, 0);
			assert_int_equal(b.fake->pci.mapped, 0);
			down(&b);
			assert_int_equal(open_fds(), fds);
			if (reached < n)
				break;
		}
		assert_true(n > 20);
	}
	assert_true(failures > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(who_is_there),
		cmocka_unit_test(no_bus),
		cmocka_unit_test(alone_in_its_group),
		cmocka_unit_test(group_that_is_not_told),
		cmocka_unit_test(honest_list),
		cmocka_unit_test(longest_list),
		cmocka_unit_test(lying_list),
		cmocka_unit_test(dead_device),
		cmocka_unit_test(bus_mastering),
		cmocka_unit_test(config_space),
		cmocka_unit_test(bars),
		cmocka_unit_test(window_outside_of_the_bar),
		cmocka_unit_test(unmapped_access),
		cmocka_unit_test(msix),
		cmocka_unit_test(error_and_request),
		cmocka_unit_test(no_error_interrupt),
		cmocka_unit_test(nth_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
