/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * baton-testpmd: forwards packets between ports, with the words, options and tables that users of
 * dpdk-testpmd know.
 *
 * The main thread is the context's control thread: it owns the ports, the prompt and the tables.
 * Each forwarding core is a thread that exists from `start` to `stop`.
 */
#ifndef TESTPMD_H
#define TESTPMD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <baton/baton.h>

#define MAX_LCORES  64
#define MAX_BURST   512
#define MAX_TOKENS  1024 /* room of a forwarding core: a burst, or one packet of many segments */
#define MAX_TXSEGS  64
#define DEF_RETRIES 64
#define RETRY_US    1

#define ETHER_HDR  14
#define ETHER_CRC  4
#define TXONLY_HDR 42 /* Ethernet, IPv4, UDP */

enum fwd_mode { FWD_IO, FWD_MACSWAP, FWD_RXONLY, FWD_TXONLY, FWD_MODES };

enum topology { TOPOLOGY_PAIRED, TOPOLOGY_CHAINED, TOPOLOGY_LOOP };

struct lcore_id {
	unsigned id;
	unsigned cpu;
};

struct options {
	/* before "--" */
	struct lcore_id lcores[MAX_LCORES]; /* the first is the main thread's */
	unsigned n_lcores;
	bool no_huge;
	const char *huge_dir;
	const char *vdevs[BATON_MAX_PORTS];
	unsigned n_vdevs;
	enum baton_log_level log_level;

	/* after it */
	enum fwd_mode mode;
	enum topology topology;
	bool retry;
	unsigned retries;
	unsigned rxd, txd, rxq, txq, queues; /* 0 descriptors: the driver's default */
	unsigned burst;
	unsigned nb_cores;
	unsigned total_mbufs; /* 0: as many as rings, caches and bursts need */
	unsigned mbuf_size;   /* 0: the library's default */
	unsigned mbcache;     /* 0: the library's default */
	unsigned mtu;	      /* 0: the device's */
	uint16_t txpkts[MAX_TXSEGS];
	unsigned n_txpkts;
	unsigned stats_period;
	bool tx_first, auto_start, interactive, record_cycles;
	const char *stats_json;
	uint64_t stop_after;
	double run_time;
};

/* One receive queue, and the transmit queue its packets leave by. Served by one forwarding core. */
struct stream {
	struct baton_queue *rxq, *txq;
	unsigned rx_port, tx_port, queue;
	uint64_t dropped;   /* packets the ring had no room for, or refused; relaxed */
	uint64_t quota;	    /* txonly: packets still to send under --stop-after */
	const char *failed; /* the burst that failed, "rx_burst" or "tx_burst"; release */
	int error;	    /* its errno, negative */
	char error_text[192];
	bool reported;
	uint8_t frame[TXONLY_HDR + 6]; /* the headers txonly and tx_first send */
};

struct app;

/* A forwarding core. */
struct lcore {
	struct app *app;
	struct baton_worker *worker;
	struct lcore_id id;
	struct stream *streams[BATON_MAX_PORTS * BATON_MAX_QUEUES]; /* the live ones come first */
	unsigned n_streams, n_live;
	unsigned room;	   /* tokens of one rx_burst */
	unsigned max_room; /* what the longest packet of any port may need */
	uint64_t cycles;
	pthread_t thread;
	bool running;
	struct baton_token tokens[MAX_TOKENS] __attribute__((aligned(64)));
};

struct port_snapshot {
	struct baton_stats stats;
	uint64_t ns;
};

struct app_port {
	struct baton_port *port;
	struct baton_port_info info; /* after start */
	struct port_snapshot shown;  /* what the last `show` said, for the rates */
	struct baton_stats start;    /* at `start`, for the forward statistics */
	uint64_t start_dropped;
	struct baton_stats last; /* taken before the port was closed */
	bool link_up;
};

struct app {
	struct options opt;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct app_port ports[BATON_MAX_PORTS];
	unsigned n_ports;
	struct stream *streams;
	unsigned n_streams;
	struct lcore *lcores;
	unsigned n_lcores;

	bool forwarding;
	bool started_once;
	uint32_t stop;	   /* relaxed atomic: the forwarding cores end their loops */
	unsigned running;  /* relaxed atomic: cores still in their loops */
	uint64_t received; /* relaxed atomic: packets counted for --stop-after */
	unsigned tx_first; /* bursts to send before forwarding begins */
	int wake_fd;	   /* eventfd: a core has ended, or a signal came */
	bool quit;
	bool failed; /* something was reported that the exit status must tell */
	uint64_t start_ns, start_tsc, forwarded_ns;
};

/* options.c */
enum parsed { PARSED_RUN, PARSED_EXIT, PARSED_ERROR };
enum parsed options_parse(struct options *opt, int argc, char **argv);
const char *fwd_mode_name(enum fwd_mode mode);
/** Return: the mode, or -1. */
int fwd_mode_parse(const char *name);
extern const char *const fwd_mode_names[];

/** A decimal number in min .. max, or a sentence on stderr that names @what. */
bool parse_uint(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value);
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* cores.c */
bool cores_parse_list(struct options *opt, const char *what, const char *text);
bool cores_parse_mask(struct options *opt, const char *text);
/** The process's own CPUs, when none were asked for; and that those asked for are there. */
bool cores_check(struct options *opt);
bool cores_pin_self(const struct lcore_id *id);

/* help.c */
void help_print(void);

/* ports.c */
bool ports_open(struct app *app);
void port_info(const struct app *app, unsigned port);
/** Stop and close all; keeps the last statistics. */
void ports_close(struct app *app);
/** Whether every buffer is home. Says who holds the others. */
bool pool_check(struct app *app);
void links_check(struct app *app);

/* forward.c */
bool forward_start(struct app *app, unsigned tx_first);
void forward_stop(struct app *app);
/** Say once what stopped a stream. */
void forward_report(struct app *app);
void forward_config(const struct app *app);
/** Give tokens to the TX queue. Return: packets dropped; negative: the stream has failed. */
int forward_send(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n);

/* txonly.c */
void txonly_frame(const struct app *app, struct stream *s);
/** Send one burst of at most @packets. Return: packets sent; negative: the stream has failed. */
int txonly_burst(struct lcore *lc, struct stream *s, unsigned packets);
/** Check --txpkts against pool and ports. */
bool txonly_check(const struct app *app);

/* stats.c */
uint64_t clock_ns(void);
void stats_take(const struct app *app, unsigned port, struct baton_stats *stats);
uint64_t stats_dropped(const struct app *app, unsigned port);

/* Packets a port took and could not send, such as into a full disk. */
uint64_t stats_lost(const struct app *app, unsigned port);
void stats_show(struct app *app, unsigned port);
void stats_show_all(struct app *app, bool clear);
void stats_clear(struct app *app, unsigned port);
void stats_forward(struct app *app);
void stats_holders(const struct app *app);
double stats_mhz(const struct app *app);

/* json.c */
bool json_write(const struct app *app);

/* commands.c */
void command_run(struct app *app, const char *line);

/* prompt.c */
void prompt_open(struct app *app);
void prompt_ready(struct app *app);
void prompt_close(void);
/** Whether a line begun would be continued by other output. */
bool prompt_waits(void);
/** Around lines printed while the user may be typing. */
void prompt_redraw(void);

/* The cycle counter the statistics count in. */
static inline uint64_t
cycles_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return clock_ns();
#endif
}

#endif
