/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What befalls a port while others forward: stopped, started, closed and reset by hand; lost and
 * found by itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "testpmd.h"

bool
port_is_started(const struct app_port *p)
{
	struct baton_port_info info;

	if (!p->port)
		return false;
	baton_port_info(p->port, &info);
	return info.started;
}

bool
port_is_lost(const struct app_port *p)
{
	struct baton_port_info info;

	if (!p->port)
		return false;
	baton_port_info(p->port, &info);
	return info.state == BATON_PORT_LOST;
}

/* ---- events ---- */

static void
tell(struct app_port *p, unsigned port, enum baton_port_event event, unsigned masked)
{
	struct baton_port_fault fault;
	struct baton_link link;

	if (event == BATON_EVENT_LOST) {
		p->lost++;
		p->lost_since = clock_ns();
	}
	if (event == BATON_EVENT_BACK)
		p->lost_ns += p->lost_since ? clock_ns() - p->lost_since : 0;
	if (masked >> event & 1)
		goto out;
	switch (event) {
	case BATON_EVENT_LINK:
		if (p->quiet)
			break;
		baton_port_link(p->port, &link);
		printf("\nPort %u: link state change event: link is %s\n", port,
		       link.up ? "up" : "down");
		break;
	case BATON_EVENT_LOST:
		printf("\nPort %u: device lost event: it is waited for, and forwarding goes on "
		       "when it is "
		       "back\n",
		       port);
		break;
	case BATON_EVENT_BACK:
		printf("\nPort %u: device back event: its queues run again after %.1f ms\n", port,
		       p->lost_since ? (double)(clock_ns() - p->lost_since) / 1e6 : 0);
		break;
	case BATON_EVENT_REMOVED:
		printf("\nPort %u: device removal event: it will not be back; type port close %u\n",
		       port, port);
		break;
	case BATON_EVENT_FAULT:
		baton_port_fault(p->port, &fault);
		printf("\nPort %u: fault event: its device wanted to %s 0x%llx, which is not "
		       "mapped for that\n",
		       port, fault.write ? "write to" : "read", (unsigned long long)fault.iova);
		break;
	}
out:
	if (event == BATON_EVENT_BACK)
		p->lost_since = 0;
}

static void
on_event(void *arg, struct baton_port *port, enum baton_port_event event)
{
	struct app *app = arg;

	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port == port)
			tell(&app->ports[i], i, event, app->opt.masked_events);
	/* A core that sleeps without having armed a stopped queue shall look again. */
	for (unsigned i = 0; event == BATON_EVENT_BACK && i < app->n_lcores; i++)
		sleep_wake(&app->lcores[i]);
	prompt_redraw();
}

void
port_watch(struct app *app, unsigned port)
{
	baton_port_on_event(app->ports[port].port, on_event, app);
}

void
ports_summary(const struct app *app)
{
	for (unsigned i = 0; i < app->n_ports; i++) {
		const struct app_port *p = &app->ports[i];
		uint64_t ns = p->lost_ns + (p->lost_since ? clock_ns() - p->lost_since : 0);

		if (p->lost)
			printf("\nPort %u was without its device %u time%s, %.1f ms in all, and is "
			       "%s\n",
			       i, p->lost, p->lost == 1 ? "" : "s", (double)ns / 1e6,
			       p->lost_since        ? "still without it"
			       : port_is_started(p) ? "forwarding again"
						    : "stopped");
	}
}

/* ---- commands ---- */

/* Streams that an error has stopped run again once their queues do. */
static void
revive(struct app *app, unsigned port)
{
	bool any = false;

	for (unsigned i = 0; i < app->n_streams; i++) {
		const struct stream *s = &app->streams[i];

		any = any || (__atomic_load_n(&s->failed, __ATOMIC_ACQUIRE) &&
			      (s->rx_port == port || s->tx_port == port));
	}
	if (any) {
		forward_report(app);
		forward_pause(app);
		for (unsigned i = 0; i < app->n_streams; i++) {
			struct stream *s = &app->streams[i];

			if (s->rx_port != port && s->tx_port != port)
				continue;
			s->failed = NULL;
			s->reported = false;
		}
		forward_resume(app);
	}
	for (unsigned i = 0; i < app->n_lcores; i++)
		sleep_wake(&app->lcores[i]);
}

/* What a device forgets when it is stopped or reset. */
static void
restore_filters(struct app_port *p, unsigned port)
{
	int ret = 0;

	if (p->promisc_set)
		ret = baton_port_set_promisc(p->port, p->promisc);
	if (!ret && p->allmulti_set)
		ret = baton_port_set_allmulti(p->port, p->allmulti);
	if (!ret && p->n_macs)
		ret = baton_port_set_macs(p->port, (const uint8_t(*)[6])p->macs, p->n_macs);
	if (ret < 0)
		complain("port %u: its filters are not as they were: %s", port, baton_last_error());
}

bool
port_bring_up_again(struct app *app, unsigned port)
{
	if (!port_bring_up(app, port))
		return false;
	restore_filters(&app->ports[port], port);
	return true;
}

void
port_command_start(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	bool ok = true;

	if (port_is_started(p)) {
		complain("port %u is started already", port);
		return;
	}
	if (p->reconfigure) {
		printf("Configuring Port %u\n", port);
		forward_pause(app);
		ok = port_set_up(app, port);
		streams_attach(app);
		forward_resume(app);
	}
	if (!ok || !port_bring_up(app, port))
		return;
	port_print(p, port);
	restore_filters(p, port);
	revive(app, port);
}

void
port_command_stop(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];

	if (!port_is_started(p)) {
		complain("port %u is stopped already", port);
		return;
	}
	port_take_down(app, port);
	p->lost_ns += p->lost_since ? clock_ns() - p->lost_since : 0;
	p->lost_since = 0;
}

void
port_command_close(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	int ret;

	if (port_is_started(p))
		port_command_stop(app, port);
	counts_keep_port(app, port);
	forward_pause(app);
	ret = baton_port_close(p->port);
	if (ret == -EBUSY) {
		complain("port %u: %s", port, baton_last_error());
	} else {
		p->port = NULL;
		counts_drop_port(app, port);
		p->info.started = 0;
		streams_attach(app);
		printf("Port %u is closed\n", port);
	}
	forward_resume(app);
}

void
port_command_reset(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	int ret;

	p->quiet = true;
	ret = baton_port_reset(p->port);
	p->quiet = false;
	if (ret < 0) {
		complain("resetting port %u: %s", port, baton_last_error());
		app->failed = true;
	} else {
		printf("Port %u is reset, and stopped: port start %u makes it forward again\n",
		       port, port);
	}
	baton_port_info(p->port, &p->info);
}

void
port_command_queue(struct app *app, unsigned port, bool tx, unsigned queue, bool start)
{
	struct app_port *p = &app->ports[port];
	struct app_queue *q = tx ? &p->tx[queue] : &p->rx[queue];
	int ret;

	if (tx)
		ret = start ? baton_txq_start(q->txq) : baton_txq_stop(q->txq);
	else
		ret = start ? baton_rxq_start(q->rxq) : baton_rxq_stop(q->rxq);

	if (ret < 0)
		complain("port %u: %s", port, baton_last_error());
	else
		q->stopped = !start;
	if (start && ret >= 0)
		revive(app, port);
}

void
port_command_link(struct app *app, unsigned port, bool up)
{
	if (baton_port_set_link(app->ports[port].port, up) < 0)
		complain("Set link %s fail. %s", up ? "up" : "down", baton_last_error());
	for (unsigned i = 0; i < app->n_lcores; i++)
		sleep_wake(&app->lcores[i]);
}
