/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of ports and their arguments: what can be said of them before anything is opened. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

static void
good_ones(void **state)
{
	static const char *const list[] = {
		"net_null0",
		"net_null",
		"eth_null7,size=64,copy=1,no-rx=0",
		"net_ring0",
		"eth_ring4,peer=net_ring0",
		"net_virtio_user0,path=/nowhere/at/all",
		"virtio_user1,path=/nowhere,cq=1,packed_vq=0,queues=2,queue_size=1024,speed=10000",
		"net_virtio_user0,path=/nowhere,server=1,mac=02:00:00:00:00:01,bounce=always",
		"net_virtio_user0,path=/nowhere,window=0x100000-0x1fffff+0-4095,dma-limit=31",
		"0000:00:03.0",
		"00:03.0,ioas=type1,queues=4,confine=on",
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (baton_port_check(NULL, list[i]))
			fail_msg("%s: %s", list[i], baton_last_error());
}

static void
bad_ones(void **state)
{
	static const struct {
		const char *devargs;
		int err;
		const char *words;
	} list[] = {
		{ "", ENODEV, "no driver" },
		{ "net_nul0", ENODEV, "did you mean net_null?" },
		{ "net_null0x", ENODEV, "no driver" },
		{ "net_tap0", ENODEV, "network interfaces" },
		{ "eth_vhost3,iface=/tmp/s0", ENODEV, "the device's side" },
		{ "net_virtio0", ENODEV, "by address" },
		{ "net_null0,siz=64", EINVAL, "did you mean \"size\"?" },
		{ "net_null0,size=64,size=64", EINVAL, "twice" },
		{ "net_null0,size=1", EINVAL, "14 to" },
		{ "net_null0,size", EINVAL, "a number" },
		{ "net_null0,bounce=always", EINVAL, "has no device" },
		{ "net_ring0,peer=net_null1", EINVAL, "peer=net_null1" },
		{ "net_virtio_user0", EINVAL, "path=" },
		{ "net_virtio_user0,path=/x,queue_size=100", EINVAL, "power of two" },
		{ "net_virtio_user0,path=/x,mac=01:00:00:00:00:00", EINVAL, "unicast" },
		{ "net_virtio_user0,path=/x,bounce=often", EINVAL, "bounce" },
		{ "net_virtio_user0,path=/x,dma-limit=8", EINVAL, "dma-limit" },
		{ "net_virtio_user0,path=/x,window=9-8", EINVAL, "ends before" },
		{ "net_virtio_user0,path=/x,hangup=never", EINVAL, "hangup" },
		{ "net_virtio_user0,path=/x,packed_vq=1", ENOTSUP, "split rings" },
		{ "net_virtio_user0,path=/x,iface=tap0", ENOTSUP, "/dev/vhost-net" },
		{ "00:03.0,ioas=foo", EINVAL, "foo" },
		{ "00:03.0,path=/x", EINVAL, "no argument \"path\"" },
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		int ret = baton_port_check(NULL, list[i].devargs);

		if (ret != -list[i].err || !strstr(baton_last_error(), list[i].words))
			fail_msg("%s: %d: %s", list[i].devargs, ret, baton_last_error());
	}
}

/* A check is as strict as opening: what it passes is not refused for its words. */
static void
as_when_opened(void **state)
{
	struct baton_port *port, *none;
	struct baton_ctx *ctx;

	assert_int_equal(baton_ctx_create(NULL, &ctx), 0);
	assert_int_equal(baton_port_open(ctx, "eth_null0,size=128", &port), 0);
	assert_int_equal(baton_port_open(ctx, "net_null0,size=1", &none), -EINVAL);
	assert_int_equal(baton_port_check(NULL, "net_null0,size=1"), -EINVAL);
	assert_int_equal(baton_port_open(ctx, "net_virtio_user0,path=/nowhere/x", &none), -ENOENT);
	assert_int_equal(baton_port_check(NULL, "net_virtio_user0,path=/nowhere/x"), 0);
	assert_int_equal(baton_port_close(port), 0);
	assert_int_equal(baton_ctx_destroy(ctx), 0);
}

static void
opens_nothing(void **state)
{
	char path[] = "/tmp/devargsXXXXXX", devargs[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=%s", path);
	assert_int_equal(baton_port_check(NULL, devargs), 0);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(devargs, sizeof(devargs), "net_virtio_user0,server=1,path=%s", path);
	assert_int_equal(baton_port_check(NULL, devargs), 0);
	assert_int_equal(access(path, F_OK), -1);
}

/* Each argument has all that a help text wants, and passes the check of names. */
static void
arguments(void **state)
{
	struct baton_arg args[64];
	char devargs[256];

	for (const char *const *d = baton_drivers(NULL); *d; d++) {
		int n = baton_driver_args(NULL, *d, args, 64);

		assert_in_range(n, 1, 64);
		assert_int_equal(baton_driver_args(NULL, *d, NULL, 0), n);
		assert_int_equal(baton_driver_args(NULL, *d, args, 1), n);
		for (int i = 0; i < n; i++) {
			assert_true(*args[i].name && *args[i].value && strlen(args[i].help) > 4);
			assert_true(args[i].help[strlen(args[i].help) - 1] != '.');
			snprintf(devargs, sizeof(devargs),
				 "%s,%s=", strcmp(*d, "net_virtio") ? *d : "00:03.0", args[i].name);
			if (baton_port_check(NULL, devargs) && strstr(baton_last_error(), "has no "
											  "argumen"
											  "t"))
				fail_msg("%s: %s", *d, baton_last_error());
		}
	}
	assert_int_equal(baton_driver_args(NULL, "net_tap", args, 64), -EINVAL);
}

static void
nearest(void **state)
{
	static const char *const words[] = { "size", "copy", "no-rx", NULL };
	char longer[100];

	assert_string_equal(baton_nearest("siz", words), "size");
	assert_string_equal(baton_nearest("no_rx", words), "no-rx");
	assert_null(baton_nearest("qqqq", words));
	assert_null(baton_nearest("", words));
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_null(baton_nearest(longer, words));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones),      cmocka_unit_test(bad_ones),
		cmocka_unit_test(as_when_opened), cmocka_unit_test(opens_nothing),
		cmocka_unit_test(arguments),      cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
