/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the traffic share. */
#ifndef PERF_TRAFFIC_STATE_H
#define PERF_TRAFFIC_STATE_H

#include <pthread.h>

#include "lane.h"
#include "traffic.h"

struct traffic_port {
	struct baton_port *port;
	struct baton_port_info info;
	struct baton_rxq *rxq;
	struct baton_txq *txq;
	struct baton_worker *rx_worker, *tx_worker;
	struct baton_pool *rx_pool;
	unsigned rx_descs, tx_descs;
	bool removed;
};

/* A lane and its thread; what others read of it while it runs. */
struct traffic_lane {
	struct traffic *traffic;
	struct lane *lane;
	struct baton_worker *worker;
	struct baton_pool *tx_pool;
	struct flows flows;
	unsigned from, to; /* ports */
	char name[16];     /* as "0 -> 1" */
	pthread_t thread;
	bool started;
	uint64_t sent, received, unique; /* atomic */
	struct baton_stats tx_before, rx_before;
};

struct traffic {
	struct baton_ctx *ctx;
	struct traffic_config config;
	struct traffic_port ports[TRAFFIC_PORTS];
	struct traffic_lane lanes[TRAFFIC_PORTS];
	unsigned n_lanes;
	struct size_mix mix;
	unsigned trial; /* number of the last one */
	traffic_progress_fn progress;
	void *progress_arg;
	bool (*stopped)(void);
	bool link_changed; /* a port's link or device went away, or came back */
	/* The trial that runs. */
	struct trial_request request;
	uint64_t start;                 /* atomic; 0: not known yet */
	unsigned ready, stop, finished; /* atomic: lanes that are ready; flag; lanes */
};

/* traffic_thread.c */
/** Start the threads of all lanes. Return: 0, or a negative errno. */
int traffic_launch(struct traffic *t);
/** Wait until all threads have ended, and serve the context meanwhile. */
void traffic_join(struct traffic *t);

#endif
