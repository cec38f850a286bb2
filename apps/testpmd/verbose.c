/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `set verbose`: each packet in dpdk-testpmd's words.
 *
 * Forwarding cores print it, whole blocks of lines at a time and never two cores at once. A core
 * waits for a reader that is slow, but not for one that stands still: packets that are not shown
 * are counted and reported.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "packet.h"
#include "testpmd.h"

#define BLOCK       16384          /* bytes printed at once */
#define PER_LINE    1024           /* more than a packet's lines have */
#define BEHIND      (OUT_MUCH / 2) /* bytes that wait for a reader who is to catch up first */
#define PATIENCE_NS 1000000000ull  /* a core waits for that as long, */
#define HURRY_NS    100000000ull   /* or as long, when it is to stop */

struct verbose {
	pthread_mutex_t lock; /* for all that follows */
	const char *pool;     /* its name */
	bool stuck;           /* the reader was waited for in vain, and is not waited for again */
	unsigned len;         /* bytes of text */
	unsigned packets;     /* described in text */
	uint64_t hidden;      /* packets not shown, not yet reported */
	char text[BLOCK];
};

bool
verbose_open(struct app *app)
{
	struct baton_pool_info pool;
	struct verbose *v;

	if (!app->opt.verbose || app->verbose)
		return true;
	v = calloc(1, sizeof(*v));
	if (!v) {
		complain("set verbose: out of memory");
		return false;
	}
	pthread_mutex_init(&v->lock, NULL);
	baton_pool_info(app->pool, &pool);
	v->pool = pool.name;
	app->verbose = v;
	return true;
}

/* Let the reader catch up. Return: false when it does not, or is gone. */
static bool
wait_for_reader(struct app *app, struct verbose *v)
{
	uint64_t begin = clock_ns();

	while (out_waiting() >= BEHIND) {
		if (v->stuck ||
		    clock_ns() - begin >= (load_relaxed(&app->halt) ? HURRY_NS : PATIENCE_NS)) {
			v->stuck = true;
			return false;
		}
		main_wake(app); /* it writes what waits */
		usleep(1000);
	}
	v->stuck = false;
	return !out_error();
}

static void
print_block(struct app *app, struct verbose *v)
{
	if (!v->len)
		return;
	if (wait_for_reader(app, v)) {
		fwrite(v->text, 1, v->len, stdout);
		if (out_waiting())
			main_wake(app);
	} else {
		v->hidden += v->packets;
	}
	v->len = v->packets = 0;
}

static void __attribute__((format(printf, 2, 3))) add(struct verbose *v, const char *fmt, ...)
{
	unsigned room = BLOCK - v->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(v->text + v->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		v->len += (unsigned)n < room ? (unsigned)n : room - 1;
}

static void
add_mac(struct verbose *v, const char *what, const uint8_t *mac)
{
	add(v, "%s%02X:%02X:%02X:%02X:%02X:%02X", what, mac[0], mac[1], mac[2], mac[3], mac[4],
	    mac[5]);
}

static void
add_rx_flags(struct verbose *v, const struct baton_token *t, bool vlan)
{
	static const char *const verdicts[] = { "UNKNOWN", "GOOD", "BAD", "NONE" };

	add(v, "  ol_flags: %s%s", vlan ? "RTE_MBUF_F_RX_VLAN " : "",
	    t->flags & BATON_TOKEN_HASH ? "RTE_MBUF_F_RX_RSS_HASH " : "");
	add(v, "RTE_MBUF_F_RX_L4_CKSUM_%s ", verdicts[t->flags >> BATON_TOKEN_L4_SHIFT & 3]);
	add(v, "RTE_MBUF_F_RX_IP_CKSUM_%s ", verdicts[t->flags >> BATON_TOKEN_L3_SHIFT & 3]);
	add(v, "%sRTE_MBUF_F_RX_OUTER_L4_CKSUM_UNKNOWN \n",
	    vlan ? "RTE_MBUF_F_RX_VLAN_STRIPPED " : "");
}

/* @type: the packet's Ethernet type, when it is marked with it. */
static void
add_tx_flags(struct verbose *v, const struct baton_token *t, const struct baton_side *side,
	     bool vlan, unsigned type)
{
	const bool cut = side && (side->valid & BATON_SIDE_SEGMENT);
	const bool ip = side && ((cut && type == ETHERTYPE_IPV4) ||
				 baton_token_l3_csum(*t) == BATON_CSUM_PARTIAL);
	const char *l4 = "L4_NO_CKSUM"; /* TCP_SEG has it in it */

	if (side && !cut && baton_token_l4_csum(*t) == BATON_CSUM_PARTIAL)
		l4 = side->csum_offset == 6 ? "UDP_CKSUM" : "TCP_CKSUM";
	add(v, "  ol_flags: %s%sRTE_MBUF_F_TX_%s %s", vlan ? "RTE_MBUF_F_TX_VLAN " : "",
	    ip ? "RTE_MBUF_F_TX_IP_CKSUM " : "", l4, cut ? "RTE_MBUF_F_TX_TCP_SEG " : "");
	if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
		add(v, "RTE_MBUF_F_TX_IPV%u ", type == ETHERTYPE_IPV4 ? 4 : 6);
	add(v, "\n");
}

static void
add_packet(struct verbose *v, const struct lcore *lc, unsigned queue, const struct baton_token *tok,
	   unsigned segs, bool sent)
{
	const struct baton_side *side =
		tok->flags & BATON_TOKEN_SIDE ? baton_side(lc->worker, *tok) : NULL;
	bool vlan = side && (side->valid & BATON_SIDE_VLAN);
	struct cursor c = { lc->worker, tok, segs, 0 };
	uint8_t eth[ETHER_HDR] = { 0 };
	unsigned total = 0;
	char ptype[PTYPE_TEXT];

	for (unsigned i = 0; i < segs; i++)
		total += tok[i].len;
	cursor_read(c, eth, sizeof(eth));
	add_mac(v, "  src=", eth + 6);
	add_mac(v, " - dst=", eth);
	add(v, " - pool=%s - type=0x%04x - length=%u - nb_segs=%u", v->pool, get16(eth + 12), total,
	    segs);
	if (tok->flags & BATON_TOKEN_HASH)
		add(v, " - RSS hash=0x%x - RSS queue=0x%x", tok->hash, queue);
	if (vlan)
		add(v, " - VLAN tci=0x%x", side->vlan_tci);
	if (side && !sent && (side->valid & BATON_SIDE_TIME))
		add(v, " - timestamp %" PRIu64 " ", side->timestamp);
	ptype_print(ptype, lc, tok, segs);
	add(v, "%s - %s queue=0x%x\n", ptype, sent ? "Send" : "Receive", queue);
	if (sent)
		add_tx_flags(v, tok, side, vlan,
			     lc->app->opt.mode == FWD_CSUM ? cursor_ethertype(&c) : 0);
	else
		add_rx_flags(v, tok, vlan);
	v->packets++;
}

static unsigned
count(const struct baton_token *tok, unsigned n)
{
	unsigned packets = 0;

	for (unsigned i = 0; i < n; i += baton_packet_segs(tok + i, n - i))
		packets++;
	return packets;
}

BATON_COLD void
verbose_burst(struct lcore *lc, unsigned port, unsigned queue, const struct baton_token *tok,
	      unsigned n, bool sent)
{
	struct app *app = lc->app;
	struct verbose *v = app->verbose;

	pthread_mutex_lock(&v->lock);
	if (v->hidden && out_waiting() < BEHIND && !out_error()) {
		add(v, "%" PRIu64 " packets not shown: standard output did not take them\n",
		    v->hidden);
		v->hidden = 0;
	}
	add(v, "port %u/queue %u: %s %u packets\n", port, queue, sent ? "sent" : "received",
	    count(tok, n));
	for (unsigned i = 0, segs; i < n; i += segs) {
		segs = baton_packet_segs(tok + i, n - i);
		if (v->len + PER_LINE > BLOCK)
			print_block(app, v);
		add_packet(v, lc, queue, tok + i, segs, sent);
	}
	print_block(app, v);
	pthread_mutex_unlock(&v->lock);
}

void
verbose_end(struct app *app)
{
	struct verbose *v = app->verbose;

	if (!v)
		return;
	if (v->hidden)
		complain("%" PRIu64 " packets not shown: standard output did not take them",
			 v->hidden);
	pthread_mutex_destroy(&v->lock);
	free(v);
	app->verbose = NULL;
}
