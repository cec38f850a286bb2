/* SPDX-License-Identifier: BSD-3-Clause */
/* What a backend says on the socket, or does not: an error within a second, nothing lost. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

struct lie {
	enum wire_request request;
	enum fakedev_lie kind;
	uint64_t value;
	bool may_work; /* harmless if the driver ignores it */
};

/* Open, start, stop, close under one lie; may fail anywhere, but quickly and with a sentence. */
static void
try_lie(const struct lie *lie)
{
	struct rig_config c = { .timeout_ms = 400,
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_MQ };
	unsigned before = rig_fds();
	uint64_t begin;
	struct rig r;
	int ret;

	rig_prepare(&r, &c);
	fakedev_lie(r.fakedev, lie->request, lie->kind, lie->value);
	begin = rig_now_ms();
	ret = rig_open(&r);
	if (ret == 0)
		ret = rig_start(&r);
	if (rig_now_ms() - begin > 5000)
		fail_msg("request %u, lie %d: took too long", lie->request, lie->kind);
	if (ret < 0)
		assert_true(strlen(baton_last_error()) > 0);
	else if (!lie->may_work && fakedev_requests(r.fakedev, lie->request) &&
		 !strstr(r.logged, "does not serve it"))
		fail_msg("request %u, lie %d, value %llu: believed", lie->request, lie->kind,
			 (unsigned long long)lie->value);
	rig_discard(&r);
	if (!r.quarantined)
		assert_int_equal(rig_fds(), before);
}

static void
lying_replies(void **state)
{
	static const enum wire_request requests[] = { WIRE_GET_FEATURES, WIRE_GET_PROTOCOL_FEATURES,
						      WIRE_GET_QUEUE_NUM, WIRE_SET_MEM_TABLE };
	static const struct lie lies[] = {
		{ .kind = FAKEDEV_SIZE, .value = 0 },
		{ .kind = FAKEDEV_SIZE, .value = 4 },
		{ .kind = FAKEDEV_SIZE, .value = 500 },
		{ .kind = FAKEDEV_SIZE_ONLY, .value = 0xffffffff },
		{ .kind = FAKEDEV_REQUEST, .value = 99 },
		{ .kind = FAKEDEV_FLAGS, .value = 0 },
		{ .kind = FAKEDEV_TRUNCATE, .value = 5 },
		{ .kind = FAKEDEV_TRUNCATE, .value = 15 },
		{ .kind = FAKEDEV_CLOSE, .value = 0 },
		{ .kind = FAKEDEV_CLOSE, .value = 7 },
		{ .kind = FAKEDEV_CLOSE, .value = 14 },
		{ .kind = FAKEDEV_SILENT },
		{ .kind = FAKEDEV_DRIP, .value = 60 },
		{ .kind = FAKEDEV_FDS, .value = 8, .may_work = true },
		{ .kind = FAKEDEV_TWICE, .may_work = true },
	};

	for (unsigned k = 0; k < sizeof(requests) / sizeof(requests[0]); k++) {
		for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			struct lie lie = lies[i];

			lie.request = requests[k];
			try_lie(&lie);
		}
	}
}

static void
lying_values(void **state)
{
	static const struct lie lies[] = {
		{ WIRE_GET_FEATURES, FAKEDEV_VALUE, 0, false },
		{ WIRE_GET_FEATURES, FAKEDEV_VALUE, FAKEDEV_F_PROTOCOL | FAKEDEV_F_MRG_RXBUF,
		  false },
		{ WIRE_GET_FEATURES, FAKEDEV_VALUE, UINT64_MAX, true },
		{ WIRE_GET_PROTOCOL_FEATURES, FAKEDEV_VALUE, UINT64_MAX, true },
		{ WIRE_GET_PROTOCOL_FEATURES, FAKEDEV_VALUE, 0, true },
		{ WIRE_GET_QUEUE_NUM, FAKEDEV_VALUE, 0, true },
		{ WIRE_GET_QUEUE_NUM, FAKEDEV_VALUE, 65535, true },
		{ WIRE_GET_QUEUE_NUM, FAKEDEV_VALUE, UINT64_MAX, true },
		{ WIRE_SET_MEM_TABLE, FAKEDEV_VALUE, 1, false },
	};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		try_lie(&lies[i]);
}

/* An absurd last index still confirms that the ring has stopped. */
static void
lying_vring_base(void **state)
{
	static const uint32_t values[] = { 1, 65535, 65536, 0xffffffff };

	for (unsigned i = 0; i < 4; i++) {
		struct rig_config c = { .timeout_ms = 400 };
		struct rig r;

		rig_up(&r, &c);
		fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, FAKEDEV_NUM, values[i]);
		baton_port_stop(r.port);
		rig_check_sum(&r);
		rig_discard(&r);
	}
}

static void
no_socket(void **state)
{
	struct rig_config c = { 0 };
	unsigned before = rig_fds();
	struct rig r;

	rig_prepare(&r, &c);
	fakedev_stop(r.fakedev);
	assert_true(rig_open(&r) < 0);
	assert_non_null(strstr(baton_last_error(), r.path));
	assert_non_null(strstr(baton_last_error(), "start"));
	r.fakedev = fakedev_start(&r.config.fakedev);
	assert_non_null(r.fakedev);
	rig_discard(&r);
	assert_int_equal(rig_fds(), before);
}

static void
nobody_answers(void **state)
{
	struct rig_config c = { .timeout_ms = 100, .fakedev.deaf = true };
	unsigned before = rig_fds();
	uint64_t begin;
	struct rig r;

	rig_prepare(&r, &c);
	begin = rig_now_ms();
	assert_true(rig_open(&r) < 0);
	assert_in_range(rig_now_ms() - begin, 50, 1000);
	assert_true(strlen(baton_last_error()) > 0);
	rig_discard(&r);
	assert_int_equal(rig_fds(), before);
}

/* The last limits are too small for a port: it says so and leaves nothing open. */
static void
few_descriptors(void **state)
{
	unsigned before = rig_fds();
	const unsigned most = before + 21; /* what was quarantined above has its own */
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (unsigned limit = most; limit >= 12; limit--) {
		/* With few, the fakedev cannot answer: it has its own in the same process. */
		struct rig_config c = { .timeout_ms = limit == most ? 5000 : 400 };
		struct rig r;
		int ret;

		rig_prepare(&r, &c);
		low = old;
		low.rlim_cur = limit;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		ret = rig_open(&r);
		if (ret == 0)
			ret = rig_start(&r);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		if (ret < 0)
			assert_true(strlen(baton_last_error()) > 0);
		if (limit == most)
			assert_int_equal(ret, 0);
		rig_discard(&r);
		if (r.quarantined)
			before = rig_fds();
		assert_int_equal(rig_fds(), before);
	}
}

/* The control thread hears that the backend is gone, for good as the user wished; the port lives on
 * with its link down. */
static void
hang_up_is_heard(void **state)
{
	struct rig_config c = { .args = ",reconnect=0" };
	struct baton_reach_summary reach;
	struct baton_port_info info;
	struct baton_link link;
	struct rig r;
	bool bounced;

	rig_up(&r, &c);
	bounced = rig_bounced(&r);
	fakedev_leave_memory(r.fakedev, true);
	assert_int_equal(baton_ctx_poll(r.ctx, 0), 0);
	baton_port_link(r.port, &link);
	assert_int_equal(link.up, 1);
	fakedev_hang_up(r.fakedev);
	for (baton_port_link(r.port, &link); link.up; baton_port_link(r.port, &link))
		assert_true(baton_ctx_poll(r.ctx, 2000) > 0);
	baton_port_info(r.port, &info);
	assert_int_equal(info.state, BATON_PORT_REMOVED);
	/* It has the buffers still, and may write to them; slots are of no use to anybody. */
	assert_int_equal(baton_port_stop(r.port), bounced ? 0 : -ETIMEDOUT);
	assert_int_equal(rig_held(&r, BATON_HOLDER_QUARANTINE), bounced ? 0 : 256);
	baton_port_reach_summary(r.port, &reach);
	assert_int_equal(reach.quarantined_slots, 0);
	assert_int_equal(baton_port_start(r.port), -ENODEV);
	fakedev_drop_left(r.fakedev);
	for (unsigned i = 0; i < 200 && rig_held(&r, BATON_HOLDER_QUARANTINE); i++)
		rig_poll(&r, 10);
	assert_int_equal(rig_held(&r, BATON_HOLDER_QUARANTINE), 0);
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hang_up_is_heard), cmocka_unit_test(lying_replies),
		cmocka_unit_test(lying_values),     cmocka_unit_test(lying_vring_base),
		cmocka_unit_test(no_socket),        cmocka_unit_test(nobody_answers),
		cmocka_unit_test(few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
