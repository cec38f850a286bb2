/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic between two ports, or from one port to itself, and the trials that it is measured by. */
#ifndef PERF_TRAFFIC_H
#define PERF_TRAFFIC_H

#include <baton/baton.h>

#include "flows.h"
#include "load.h"
#include "trial.h"
#include "tsc.h"

#define TRAFFIC_PORTS 2

struct traffic_config {
	const char *port[TRAFFIC_PORTS]; /* as for baton_port_open() */
	unsigned n_ports;                /* 1: what it sends comes back to it */
	bool one_way;                    /* of two ports: only the first one sends */
	bool no_huge;                    /* pools of ordinary pages */
	unsigned max_size;               /* of packets, in bytes with FCS */
	struct flow_spec flows;
	bool has_peer[TRAFFIC_PORTS];
	uint8_t peer[TRAFFIC_PORTS][6]; /* destination MAC addresses of what a port sends; not
					   given: that of the receiving port */
	struct perf_clock clock;
	unsigned quiet_ms; /* a trial ends when nothing came back for so long */
};

struct traffic;

/**
 * Open and start the ports in @ctx, and make the flows.
 *
 * Return: the traffic, or NULL: @why has the reason. traffic_free() releases it.
 */
struct traffic *traffic_new(struct baton_ctx *ctx, const struct traffic_config *config,
			    char why[WHY]);
/** Close the ports. Return: false: buffers are missing, and @why has the numbers. */
bool traffic_free(struct traffic *t, char why[WHY]);

/** Wait until all links are up, @seconds at most. Return: false: @why names the port. */
bool traffic_wait_links(struct traffic *t, double seconds, char why[WHY]);
/** Send packets of @mix from now on. Return: 0; -EINVAL: @why says which size cannot be. */
int traffic_size(struct traffic *t, const struct size_mix *mix, char why[WHY]);
/** Run a trial (a trial_fn of struct traffic). A trial that -EINTR ended is filled in as well. */
int traffic_trial(void *traffic, const struct trial_request *request, struct trial_result *result);
/**
 * Measure how many packets of the present mix the sender makes.
 *
 * Return: packets a second, of the slower direction; 0: nothing could be sent.
 */
double traffic_most(struct traffic *t);

/** Called by traffic_trial() several times a second, with what is counted so far. */
typedef void (*traffic_progress_fn)(void *arg, double seconds, const struct trial_accounts *total);
void traffic_on_progress(struct traffic *t, traffic_progress_fn fn, void *arg);
/** Let traffic_trial() end with -EINTR once @fn returns true. */
void traffic_stop_when(struct traffic *t, bool (*fn)(void));

unsigned traffic_ports(const struct traffic *t);
/** Get what a port is, and its link's speed in bits a second (0: not known). */
double traffic_port(const struct traffic *t, unsigned i, struct baton_port_info *info);
/** Return: speed of the slowest link in bits a second; 0: one is not known. */
double traffic_link_bps(const struct traffic *t);

#endif
