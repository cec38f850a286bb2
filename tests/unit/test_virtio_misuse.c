/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls from inside event callbacks, and what calls say of a port whose queues stand still. */
#include "rig.h"

#include <errno.h>
#include <string.h>

#include "port/driver.h"

static const struct rig_config plain = { 0 };

/* ---- event callbacks ---- */

struct seen {
	struct rig *rig;
	struct baton_port *other; /* closed in the first callback */
	unsigned calls[5];        /* by enum baton_port_event */
	int stop, close, reset, start, poll, destroy, other_close;
	uint8_t up[5]; /* the link, at the first of each */
	char text[256];
};

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct seen *s = arg;
	struct baton_link link;

	if (s->calls[event]++)
		return;
	baton_port_link(port, &link);
	s->up[event] = link.up;
	s->stop = baton_port_stop(port);
	s->reset = baton_port_reset(port);
	s->start = baton_port_start(port);
	s->poll = baton_ctx_poll(s->rig->ctx, 0);
	s->destroy = baton_ctx_destroy(s->rig->ctx);
	s->close = baton_port_close(port);
	snprintf(s->text, sizeof(s->text), "%s", baton_last_error());
	if (s->other) {
		s->other_close = baton_port_close(s->other);
		s->other = NULL;
	}
}

static void
expect_busy(const struct seen *s, enum baton_port_event event)
{
	assert_true(s->calls[event] > 0);
	assert_int_equal(s->stop, -EBUSY);
	assert_int_equal(s->close, -EBUSY);
	assert_int_equal(s->reset, -EBUSY);
	assert_int_equal(s->start, -EBUSY);
	assert_int_equal(s->poll, -EBUSY);
	assert_int_equal(s->destroy, -EBUSY);
	assert_non_null(strstr(s->text, "let the callback return first"));
}

/* The backend hangs up: the callback runs inside baton_ctx_poll(). */
static void
in_lost(void **state)
{
	struct rig r;
	struct seen s = { .rig = &r };
	uint64_t end;

	rig_up(&r, &plain);
	rig_roundtrip_rx(&r, 100, 1);
	assert_int_equal(baton_port_open(r.ctx, "net_null8", &s.other), 0);
	baton_port_on_event(r.port, on_event, &s);
	fakedev_hang_up(r.fakedev);
	end = rig_now_ms() + 5000;
	while (!s.calls[BATON_EVENT_LOST] && rig_now_ms() < end)
		rig_poll(&r, 10);
	expect_busy(&s, BATON_EVENT_LOST);
	assert_int_equal(s.up[BATON_EVENT_LOST], 0);
	assert_int_equal(s.other_close, 0);
	assert_int_equal(r.violations, 0);
	rig_discard(&r);
}

/* The link is taken by hand: the callback runs inside that call. */
static void
in_link(void **state)
{
	struct rig r;
	struct seen s = { .rig = &r };

	rig_up(&r, &plain);
	baton_port_on_event(r.port, on_event, &s);
	assert_int_equal(baton_port_set_link(r.port, 0), 0);
	expect_busy(&s, BATON_EVENT_LINK);
	assert_int_equal(s.up[BATON_EVENT_LINK], 0);
	assert_int_equal(baton_port_set_link(r.port, 1), 0);
	assert_int_equal(s.calls[BATON_EVENT_LINK], 2);
	baton_port_on_event(r.port, NULL, NULL);
	rig_roundtrip_rx(&r, 100, 1);
	rig_down(&r);
}

/* ---- what is said ---- */

static void
expect_still(struct rig *r, const char *why)
{
	struct baton_token t[RIG_BURST];

	assert_int_equal(baton_rx_burst(r->rx, t, RIG_BURST), -ENETDOWN);
	if (!strstr(baton_last_error(), why))
		fail_msg("rx_burst: %s", baton_last_error());
	assert_int_equal(baton_tx_burst(r->tx, t, 0), -ENETDOWN);
	if (!strstr(baton_last_error(), why))
		fail_msg("tx_burst: %s", baton_last_error());
}

static void
expect_start(struct rig *r, int ret, const char *why)
{
	assert_int_equal(baton_port_start(r->port), ret);
	if (!strstr(baton_last_error(), why))
		fail_msg("start: %s", baton_last_error());
}

static void
away(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	rig_roundtrip_rx(&r, 100, 1);
	fakedev_set_deaf(r.fakedev, true);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 1, 5000));
	expect_still(&r, "is without its device: it runs again when the device is back");
	expect_start(&r, -EBUSY, "its device is away");
	fakedev_set_deaf(r.fakedev, false);
	rig_discard(&r);
}

static void
link_down(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	assert_int_equal(baton_port_set_link(r.port, 0), 0);
	expect_still(&r, "since baton_port_set_link() has taken the link down");
	expect_start(&r, -EBUSY, "baton_port_set_link() has taken its link down");
	assert_int_equal(baton_port_set_link(r.port, 1), 0);
	rig_down(&r);
}

static void
stopped_alone(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	assert_int_equal(baton_rxq_stop(r.rx), 0);
	assert_int_equal(baton_txq_stop(r.tx), 0);
	expect_still(&r, "was stopped alone: start it");
	expect_start(&r, -EBUSY, "is already started");
	assert_int_equal(baton_rxq_start(r.rx), 0);
	assert_int_equal(baton_txq_start(r.tx), 0);
	rig_roundtrip_rx(&r, 100, 1);
	rig_down(&r);
}

static void
stopped(void **state)
{
	struct rig r;

	rig_up(&r, &plain);
	assert_int_equal(baton_port_stop(r.port), 0);
	expect_still(&r, "is stopped: start its port");
	assert_int_equal(baton_port_start(r.port), 0);
	rig_down(&r);
}

static void
removed(void **state)
{
	struct rig r;
	struct seen s = { .rig = &r };

	rig_up(&r, &plain);
	baton_port_on_event(r.port, on_event, &s);
	port_lost(r.port, true);
	expect_busy(&s, BATON_EVENT_REMOVED);
	assert_int_equal(s.up[BATON_EVENT_REMOVED], 0);
	expect_still(&r, "has lost its device for good: close its port");
	expect_start(&r, -ENODEV, "its device was removed: close the port");
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_lost),       cmocka_unit_test(in_link),
		cmocka_unit_test(away),          cmocka_unit_test(link_down),
		cmocka_unit_test(stopped_alone), cmocka_unit_test(stopped),
		cmocka_unit_test(removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
