/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is opposite whom. */
#include <ctype.h>
#include <stdlib.h>

#include "ring_port.h"

struct ring_port *
ring_peer(const struct ring_port *rp)
{
	return !strcmp(rp->peer, rp->port.name) ? rp->link->port[rp->side]
						: rp->link->port[!rp->side];
}

/* ---- names ---- */

static bool
is_name(const char *name)
{
	const char *stems[] = { ring_driver.name, ring_driver.other_name };

	for (unsigned i = 0; i < 2; i++) {
		const size_t len = strlen(stems[i]);

		if (!strncmp(name, stems[i], len) && name[len] &&
		    strspn(name + len, "0123456789") == strlen(name + len))
			return strlen(name) < PORT_NAME_MAX;
	}
	return false;
}

int
ring_link_check(const struct port_arg *args, unsigned n)
{
	const char *peer = port_arg(args, n, "peer");

	for (unsigned i = 0; i < n && !peer; i++)
		if (!strcmp(args[i].key, "peer"))
			peer = "";
	if (!peer || is_name(peer))
		return 0;
	return baton_err(EINVAL,
			 "argument peer=%s is not the name of a net_ring port, such as net_ring1",
			 peer);
}

/* The next net_ring port of the context from @at on, but not @rp. */
static struct ring_port *
next_port(const struct ring_port *rp, unsigned *at)
{
	while (*at < BATON_MAX_PORTS) {
		struct baton_port *port = rp->port.ctx->ports[(*at)++];

		if (port && port != &rp->port && port->driver == &ring_driver)
			return (struct ring_port *)port;
	}
	return NULL;
}

/* Return: the open port, but not @rp, that has @name as its peer's by peer=. */
static struct ring_port *
who_names(const struct ring_port *rp, const char *name)
{
	struct ring_port *o;

	for (unsigned at = 0; (o = next_port(rp, &at));)
		if (o->named && !strcmp(o->peer, name))
			return o;
	return NULL;
}

static struct ring_port *
by_name(const struct ring_port *rp, const char *name)
{
	struct ring_port *o;

	for (unsigned at = 0; (o = next_port(rp, &at));)
		if (!strcmp(o->port.name, name))
			return o;
	return NULL;
}

/* Even and odd numbers: 0 and 1, 2 and 3. */
static int
default_peer(struct ring_port *rp)
{
	char *last;

	memcpy(rp->peer, rp->port.name, sizeof(rp->peer));
	last = rp->peer + strlen(rp->peer) - 1;
	if (!isdigit((unsigned char)*last))
		return baton_err(EINVAL, "a port without a number has to name its peer: "
					 "peer=net_ring1");
	*last ^= 1;
	return 0;
}

static int
choose_peer(struct ring_port *rp, const struct port_arg *args, unsigned n)
{
	const char *peer = port_arg(args, n, "peer");
	const struct ring_port *o = who_names(rp, rp->port.name);
	int ret = ring_link_check(args, n);

	if (ret < 0)
		return ret;
	rp->named = peer != NULL;
	if (!peer && !o)
		return default_peer(rp);
	snprintf(rp->peer, sizeof(rp->peer), "%s", peer ? peer : o->port.name);
	if (!o || !strcmp(rp->peer, o->port.name))
		return 0;
	return baton_err(EBUSY,
			 "it is the peer of %s, and %s cannot be its peer, too: a link has two "
			 "ends",
			 o->port.name, rp->peer);
}

static int
refuse(const struct ring_port *rp, const char *whose)
{
	return baton_err(EBUSY,
			 "%s, its peer%s, is the peer of %s%s: a link has two ends; name another "
			 "by peer=, or give this port another number",
			 rp->peer, rp->named ? "" : " unless peer= names another", whose,
			 strcmp(whose, rp->peer) ? "" : " itself");
}

/* ---- join and leave ---- */

static int
make_link(struct ring_port *rp)
{
	struct ring_link *l = aligned_alloc(64, sizeof(*l));

	if (!l)
		return baton_err(ENOMEM, "no memory for a link, which is %zu bytes", sizeof(*l));
	memset(l, 0, sizeof(*l));
	wires_init(l);
	rp->link = l;
	rp->side = 0;
	return 0;
}

int
ring_link_join(struct ring_port *rp, const struct port_arg *args, unsigned n)
{
	int ret = choose_peer(rp, args, n);
	const bool self = !strcmp(rp->peer, rp->port.name);
	struct ring_port *o;

	if (ret < 0)
		return ret;
	o = who_names(rp, rp->peer);
	if (o)
		return refuse(rp, o->port.name);
	o = self ? NULL : by_name(rp, rp->peer);
	if (o && (ring_peer(o) || (o->named && strcmp(o->peer, rp->port.name) != 0)))
		return refuse(rp, o->peer);
	if (!o) {
		ret = make_link(rp);
		if (ret < 0)
			return ret;
	} else {
		rp->link = o->link;
		rp->side = !o->side;
		memcpy(o->peer, rp->port.name, sizeof(o->peer));
	}
	rp->link->port[rp->side] = rp;
	rp->in = rp->link->to[rp->side];
	rp->out = rp->link->to[self ? rp->side : !rp->side];
	for (unsigned i = 0; i < BATON_MAX_QUEUES; i++)
		if (!rp->out[i].tx_bell)
			rp->out[i].tx_bell = &rp->link->tx_bell[rp->side][i];
	ring_link_report(rp);
	return 0;
}

void
ring_link_leave(struct ring_port *rp)
{
	struct ring_link *l = rp->link;
	struct ring_port *o = l->port[!rp->side];

	l->port[rp->side] = NULL;
	if (o) {
		ring_link_report(o);
		return;
	}
	wires_free(l);
	free(l);
}

/* ---- the state of the link ---- */

static void
describe(struct ring_port *rp, const struct ring_port *peer)
{
	struct baton_port_info *i = &rp->port.info;
	char queues[80] = "";

	if (peer && peer->up)
		snprintf(queues, sizeof(queues), ", which has %u RX and %u TX queues",
			 peer->port.info.rx_queues, peer->port.info.tx_queues);
	snprintf(i->detail, sizeof(i->detail), "peer %s%s%s", rp->peer, queues,
		 !peer       ? ", which is not open"
		 : !peer->up ? ", which is not started"
			     : "");
}

/* Queues that receive nothing are easily overlooked. */
static void
warn_idle(const struct ring_port *rp, const struct ring_port *peer)
{
	if (peer->port.info.tx_queues < rp->port.info.rx_queues)
		port_log(&rp->port, BATON_LOG_WARN,
			 "%s sends by %u queues: RX queues from number %u on receive nothing",
			 peer->port.name, peer->port.info.tx_queues, peer->port.info.tx_queues);
}

void
ring_link_report(struct ring_port *rp)
{
	struct ring_port *peer = ring_peer(rp);
	const bool up = peer && peer->up && rp->up, was = rp->port.device_up;

	describe(rp, peer);
	if (peer)
		describe(peer, rp);
	if (peer && up && !was) {
		warn_idle(rp, peer);
		if (peer != rp)
			warn_idle(peer, rp);
	}
	/* A callback of either must not change the other, which may be in a call. */
	rp->port.in_event++;
	if (peer && peer != rp) {
		peer->port.in_event++;
		port_link(&peer->port, up);
	}
	port_link(&rp->port, up);
	if (peer && peer != rp)
		peer->port.in_event--;
	rp->port.in_event--;
}
