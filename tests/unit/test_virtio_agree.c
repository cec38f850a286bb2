/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Backends that differ: what a port does for each request that is answered otherwise than the
 * protocol has it. It goes on with less and says so once, or ends with a sentence that names the
 * request; it never waits longer than it was told to, and loses nothing.
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/page.h"

#define TIMEOUT_MS 800

#define FEATURES                                                                                   \
	(FAKEDEV_FEATURES | FAKEDEV_F_NET_MTU | FAKEDEV_F_NET_MAC | FAKEDEV_F_STATUS | FAKEDEV_F_MQ)
#define PROTOCOL (FAKEDEV_PROTOCOL | FAKEDEV_P_MTU | FAKEDEV_P_CONFIG | FAKEDEV_P_STATUS)

enum outcome {
	FAILS,   /* the port does not open or start */
	WITHOUT, /* it starts, with a warning that names the feature */
	NEXT,    /* the start fails, the next one is WITHOUT */
};

/* Everything that is sent until packets flow. */
static const struct request {
	enum wire_request request;
	const char *name;
	const char *feature; /* the one that it is for; NULL: none, but for its acknowledgement */
	bool acknowledged;   /* has no reply of its own */
	bool begun;          /* comes only when the port starts */
} requests[] = {
	{ WIRE_GET_FEATURES, "GET_FEATURES", NULL, false, false },
	{ WIRE_GET_PROTOCOL_FEATURES, "GET_PROTOCOL_FEATURES", "F_PROTOCOL_FEATURES (feature 30)",
	  false, false },
	{ WIRE_SET_OWNER, "SET_OWNER", NULL, true, false },
	{ WIRE_SET_BACKEND_REQ_FD, "SET_BACKEND_REQ_FD", "BACKEND_REQ (protocol feature 5)", true,
	  false },
	{ WIRE_GET_QUEUE_NUM, "GET_QUEUE_NUM", "MQ (protocol feature 0)", false, false },
	{ WIRE_GET_STATUS, "GET_STATUS", "STATUS (protocol feature 16)", false, false },
	{ WIRE_GET_CONFIG, "GET_CONFIG", "CONFIG (protocol feature 9)", false, false },
	{ WIRE_SET_MEM_TABLE, "SET_MEM_TABLE", NULL, true, true },
	{ WIRE_SET_FEATURES, "SET_FEATURES", NULL, true, true },
	{ WIRE_SET_STATUS, "SET_STATUS", "STATUS (protocol feature 16)", true, true },
	{ WIRE_NET_SET_MTU, "NET_SET_MTU", "NET_MTU (protocol feature 4)", true, true },
	{ WIRE_SET_VRING_NUM, "SET_VRING_NUM", NULL, true, true },
	{ WIRE_SET_VRING_BASE, "SET_VRING_BASE", NULL, true, true },
	{ WIRE_SET_VRING_ADDR, "SET_VRING_ADDR", NULL, true, true },
	{ WIRE_SET_VRING_CALL, "SET_VRING_CALL", NULL, true, true },
	{ WIRE_SET_VRING_KICK, "SET_VRING_KICK", NULL, true, true },
	{ WIRE_SET_VRING_ENABLE, "SET_VRING_ENABLE", NULL, true, true },
};

#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static const struct answer {
	const char *name;
	enum fakedev_lie lie;
	uint64_t value;
	enum { SILENCE, HANG_UP, NONSENSE, EMPTY, REFUSAL } kind;
} answers[] = {
	{ "none", FAKEDEV_SILENT, 0, SILENCE },
	{ "the first 5 bytes", FAKEDEV_TRUNCATE, 5, SILENCE },
	{ "a hang-up instead", FAKEDEV_CLOSE, 0, HANG_UP },
	{ "a hang-up in the middle", FAKEDEV_CLOSE, 13, HANG_UP },
	{ "a hang-up in the middle of the request", FAKEDEV_HALF, 0, HANG_UP },
	{ "empty", FAKEDEV_SIZE, 0, EMPTY },
	{ "short", FAKEDEV_SIZE, 4, NONSENSE },
	{ "long", FAKEDEV_SIZE, 500, NONSENSE },
	{ "endless", FAKEDEV_SIZE_ONLY, 0xffffffff, NONSENSE },
	{ "to another request", FAKEDEV_REQUEST, 99, NONSENSE },
	{ "not marked as a reply", FAKEDEV_FLAGS, 1, NONSENSE },
	{ "of another version", FAKEDEV_FLAGS, 6, NONSENSE },
	{ "an error", FAKEDEV_VALUE, 1, REFUSAL },
};

#define N_ANSWERS (sizeof(answers) / sizeof(answers[0]))

static enum outcome
right(const struct request *q, const struct answer *a)
{
	if (a->kind == REFUSAL)
		return q->feature ? WITHOUT : FAILS;
	if (a->kind == HANG_UP && (!q->feature || q->begun))
		return FAILS; /* once: it may be on its way out */
	if (!q->feature && !q->acknowledged)
		return FAILS;
	return q->begun ? NEXT : WITHOUT;
}

static void
must_say(const struct request *q, const struct answer *a, const char *text, const char *word)
{
	if (!strstr(text, word))
		fail_msg("%s, answer %s: no \"%s\" in: %s", q->name, a->name, word, text);
}

/* Without acknowledgements there is no IOTLB; with fewer features it works all the same. */
static void
must_work(struct rig *r, const struct request *q, const struct answer *a)
{
	const char *feature = q->feature ? q->feature : "REPLY_ACK (protocol feature 3)";

	must_say(q, a, r->logged, feature);
	assert_int_equal(rig_count(r->logged, "does not serve it"), 1);
	if (!fakedev_wait_ready(r->fakedev, 1, 1000) || *fakedev_driver_error(r->fakedev))
		fail_msg("%s, answer %s: the rings are not ready: %s", q->name, a->name,
			 fakedev_driver_error(r->fakedev));
	rig_roundtrip_rx(r, 600, 1);
	rig_roundtrip_tx(r, 600, 2);
}

static void
try(const struct request *q, const struct answer *a)
{
	struct rig_config c = { .timeout_ms = TIMEOUT_MS,
				.pool_count = 2048,
				.mtu = 1400,
				.fakedev = { .features = FEATURES,
					     .protocol = PROTOCOL,
					     .mac = { 2, 0, 0, 0, 0, 9 } } };
	enum outcome want = right(q, a);
	uint64_t begin, took;
	struct rig r;
	int ret;

	if (q->request == WIRE_SET_BACKEND_REQ_FD) {
		c.fakedev.features |= FAKEDEV_F_ACCESS;
		c.fakedev.protocol |= FAKEDEV_P_BACKEND_REQ;
	}
	rig_prepare(&r, &c);
	fakedev_lie(r.fakedev, q->request, a->lie, a->value);
	begin = rig_now_ms();
	ret = rig_open(&r);
	if (!ret) {
		ret = rig_start(&r);
		if (ret < 0 && !q->begun)
			fail_msg("%s, answer %s: opened, but does not start: %s", q->name, a->name,
				 baton_last_error());
	}
	took = rig_now_ms() - begin;
	if (took > 10 * TIMEOUT_MS)
		fail_msg("%s, answer %s: took %llu ms", q->name, a->name, (unsigned long long)took);
	if ((ret < 0) != (want != WITHOUT))
		fail_msg("%s, answer %s: %d: %s", q->name, a->name, ret,
			 ret < 0 ? baton_last_error() : r.logged);
	if (ret < 0)
		must_say(q, a, baton_last_error(), q->name);
	if (want == NEXT) {
		must_say(q, a, baton_last_error(), "the next start does without");
		ret = baton_port_start(r.port);
		if (ret < 0)
			fail_msg("%s, answer %s: again: %s", q->name, a->name, baton_last_error());
	}
	if (want != FAILS)
		must_work(&r, q, a);
	rig_discard(&r);
}

static bool
skipped(const struct request *q, const struct answer *a)
{
	/* These have numbers of their own, and 1 is a good one. */
	if (a->kind == REFUSAL && !q->acknowledged)
		return true;
	/* A start that fails takes its time, and what follows is the same as for others. */
	if (!q->begun || a->kind == REFUSAL || a->kind == EMPTY || a->lie == FAKEDEV_HALF)
		return false;
	return (a->lie != FAKEDEV_SILENT && a->lie != FAKEDEV_REQUEST) ||
	       (q->request >= WIRE_SET_VRING_BASE && q->request <= WIRE_SET_VRING_CALL);
}

static void
every_request_and_answer(void **state)
{
	for (unsigned i = 0; i < N_REQUESTS; i++)
		for (unsigned k = 0; k < N_ANSWERS; k++) {
			if (!skipped(&requests[i], &answers[k]))
				try(&requests[i], &answers[k]);
		}
}

/* ---- values ---- */

/* Open and start; must work. */
static void
up(struct rig *r, const struct rig_config *c, enum wire_request request, enum fakedev_lie lie,
   uint64_t value)
{
	int ret;

	rig_prepare(r, c);
	fakedev_lie(r->fakedev, request, lie, value);
	ret = rig_open(r);
	if (!ret)
		ret = rig_start(r);
	if (ret < 0)
		fail_msg("value %#llx: %s", (unsigned long long)value, baton_last_error());
	if (!fakedev_wait_ready(r->fakedev, 1, 1000))
		fail_msg("value %#llx: not ready", (unsigned long long)value);
	rig_roundtrip_rx(r, 600, 1);
	rig_roundtrip_tx(r, 600, 2);
}

static void
numbers_of_queues(void **state)
{
	static const struct {
		uint64_t says;
		uint16_t most;
		unsigned warnings;
	} cases[] = {
		{ 0, 1, 1 },      { 1, 1, 0 },      { 3, 3, 0 },           { 128, 64, 0 },
		{ 32768, 64, 0 }, { 65536, 64, 1 }, { UINT64_MAX, 64, 1 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_config c = { .fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_MQ };
		struct baton_port_info info;
		struct rig r;

		up(&r, &c, WIRE_GET_QUEUE_NUM, FAKEDEV_VALUE, cases[i].says);
		baton_port_info(r.port, &info);
		assert_int_equal(info.max_rx_queues, cases[i].most);
		assert_int_equal(rig_count(r.logged, "queue pairs; 1 to 32,768 are possible"),
				 cases[i].warnings);
		rig_down(&r);
	}
}

static const struct rig_config with_config = {
	.timeout_ms = TIMEOUT_MS,
	.pool_count = 2048,
	.fakedev = { .features = FEATURES, .protocol = PROTOCOL, .mac = { 2, 0, 0, 0, 0, 9 } },
};

/* Fields that cannot be are not used, and said once, however often the backend comes back. */
static void
configuration_spaces(void **state)
{
	static const struct {
		uint8_t mac[6];
		uint16_t mtu, max_mtu;
		bool mac_is_good;
		unsigned warnings;
	} cases[] = {
		{ { 2, 0, 0, 0, 0, 9 }, 1400, 1400, true, 0 },
		{ { 0, 0, 0, 0, 0, 0 }, 1400, 1400, false, 1 },
		{ { 3, 0, 0, 0, 0, 9 }, 1400, 1400, false, 1 },
		{ { 2, 0, 0, 0, 0, 9 }, 67, 9000, true, 1 },
		{ { 2, 0, 0, 0, 0, 9 }, 65535, 9000, true, 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig_config c = with_config;
		struct baton_port_info info;
		struct rig r;

		memcpy(c.fakedev.mac, cases[i].mac, 6);
		c.fakedev.mtu = cases[i].mtu;
		up(&r, &c, WIRE_GET_FEATURES, FAKEDEV_HONEST, 0);
		baton_port_info(r.port, &info);
		assert_int_equal(info.max_mtu, cases[i].max_mtu);
		assert_int_equal(!memcmp(info.mac, cases[i].mac, 6), cases[i].mac_is_good);
		assert_int_equal(info.mac[0] & 1, 0);
		assert_int_equal(!!(fakedev_features(r.fakedev) & FAKEDEV_F_NET_MAC),
				 cases[i].mac_is_good);
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
		assert_int_equal(rig_count(r.logged, "configuration space"), cases[i].warnings);
		rig_discard(&r);
	}
}

/* ---- without acknowledgements ---- */

static void
no_acknowledgements(void **state)
{
	struct rig_config c = { .fakedev.protocol = FAKEDEV_P_MQ };
	struct rig r;

	up(&r, &c, WIRE_GET_FEATURES, FAKEDEV_HONEST, 0);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	assert_int_equal(rig_count(r.logged, "does not serve it"), 0);
	rig_down(&r);
}

/* An IOTLB takes them: whoever asked for one gets an error, with what to do at the backend. */
static void
no_iotlb_without_them(void **state)
{
	static const enum wire_request silent[] = { WIRE_SET_OWNER, WIRE_SET_BACKEND_REQ_FD };

	for (unsigned i = 0; i < 2; i++) {
		struct rig_config c = with_config;
		struct rig r;

		c.args = ",iommu_platform=1";
		c.fakedev.features |= FAKEDEV_F_ACCESS;
		c.fakedev.protocol |= FAKEDEV_P_BACKEND_REQ;
		rig_prepare(&r, &c);
		fakedev_lie(r.fakedev, silent[i], FAKEDEV_SILENT, 0);
		assert_int_equal(rig_open(&r), -ENOTSUP);
		assert_non_null(strstr(baton_last_error(), "iommu-support=1"));
		rig_discard(&r);
	}
}

/* ---- refused ---- */

static void
refused_features_are_named(void **state)
{
	struct rig_config c = { .timeout_ms = TIMEOUT_MS,
				.fakedev.features = FAKEDEV_FEATURES | FAKEDEV_F_IN_ORDER };
	struct rig r;

	rig_prepare(&r, &c);
	fakedev_lie(r.fakedev, WIRE_SET_FEATURES, FAKEDEV_VALUE, 1);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), -ENOTSUP);
	assert_non_null(strstr(baton_last_error(), "VERSION_1 MRG_RXBUF IN_ORDER"));
	assert_non_null(strstr(baton_last_error(), "in_order=0"));
	rig_discard(&r);
}

/* ---- comes back as one that serves less ---- */

static void
comes_back_with_less(void **state)
{
	static const enum wire_request silent[] = { WIRE_GET_PROTOCOL_FEATURES, WIRE_GET_CONFIG,
						    WIRE_GET_STATUS, WIRE_SET_OWNER,
						    WIRE_GET_QUEUE_NUM };

	for (unsigned i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		struct rig r;

		up(&r, &with_config, WIRE_GET_FEATURES, FAKEDEV_HONEST, 0);
		fakedev_lie(r.fakedev, silent[i], FAKEDEV_SILENT, 0);
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
		assert_true(fakedev_wait_ready(r.fakedev, 1, 1000));
		rig_roundtrip_rx(&r, 600, 1);
		rig_roundtrip_tx(&r, 600, 2);
		assert_int_equal(rig_count(r.logged, "does not serve it"), 1);
		rig_discard(&r);
	}
}

/* Two pairs are in use: it is asked on until it serves them again. */
static void
comes_back_with_too_little(void **state)
{
	struct rig_config c = with_config;
	struct rig r;

	c.pairs = 2;
	c.pool_count = 4096;
	up(&r, &c, WIRE_GET_FEATURES, FAKEDEV_HONEST, 0);
	fakedev_lie(r.fakedev, WIRE_GET_QUEUE_NUM, FAKEDEV_SILENT, 0);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	rig_poll(&r, 1000);
	assert_int_equal(r.events[BATON_EVENT_BACK], 0);
	assert_non_null(strstr(r.logged, "GET_QUEUE_NUM"));
	fakedev_lie(r.fakedev, WIRE_GET_QUEUE_NUM, FAKEDEV_HONEST, 0);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	rig_roundtrip_rx(&r, 600, 1);
	rig_discard(&r);
}

/* ---- rings ---- */

/* What passt does when a frame just fills its buffers: it has one more, with nothing in it. */
static void
empty_further_buffers(void **state)
{
	static const char *const args[] = { "", ",bounce=always" };

	for (unsigned i = 0; i < 2; i++) {
		struct rig_config c = { .args = args[i] };
		uint8_t frame[100];
		struct rig r;

		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), 1);
		for (unsigned k = 0; k < 600; k++) {
			struct baton_peek peek = { 0 };
			int first = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, 60, 4), more;

			assert_true(first >= 0);
			fakedev_put(r.fakedev, FAKEDEV_RX, 0, (uint32_t)first, FAKEDEV_HEADER + 60);
			for (unsigned n = 1; n < 4; n++) {
				more = fakedev_pop(r.fakedev, FAKEDEV_RX);
				assert_true(more >= 0);
				if (n == 2)
					fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)more, 0,
						      frame + 60, 40);
				fakedev_put(r.fakedev, FAKEDEV_RX, n, (uint32_t)more,
					    n == 2 ? 40 : 0);
			}
			fakedev_publish(r.fakedev, FAKEDEV_RX, 4);
			assert_int_equal(baton_rx_peek(r.rx, &peek, 1), 1);
			assert_int_equal(peek.segs, 2);
			assert_int_equal(peek.len, 100);
			assert_int_equal(rig_expect_rx(&r, frame, sizeof(frame)), 2);
		}
		rig_down(&r);
	}
}

/* Stopped, set up with smaller rings, and started again: a backend that looks for the rings it knew
 * in the new memory table finds them, or gets the table on a new connection. */
static void
rings_of_before(void **state)
{
	static const uint32_t sizes[] = { 256, 256, 1024, 256, 64, 256 };
	struct rig_config c = { .pool_count = 4096 };
	struct rig r;

	rig_up(&r, &c);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(baton_port_stop(r.port), 0);
		r.config.descs = sizes[i];
		assert_int_equal(rig_start(&r), 0);
		assert_string_equal(fakedev_driver_error(r.fakedev), "");
		rig_roundtrip_rx(&r, 600, i);
		rig_roundtrip_tx(&r, 600, i);
	}
	/* Rings of all these sizes lie in one page, where it has 64 KiB. */
	assert_in_range(fakedev_connections(r.fakedev), page_bytes() < 65536 ? 2 : 1, 3);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_and_answer),
		cmocka_unit_test(numbers_of_queues),
		cmocka_unit_test(configuration_spaces),
		cmocka_unit_test(no_acknowledgements),
		cmocka_unit_test(no_iotlb_without_them),
		cmocka_unit_test(refused_features_are_named),
		cmocka_unit_test(comes_back_with_less),
		cmocka_unit_test(comes_back_with_too_little),
		cmocka_unit_test(empty_further_buffers),
		cmocka_unit_test(rings_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
