/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * baton-testpmd: forwards packets between ports, with the words, options and tables that users of
 * dpdk-testpmd know.
 *
 * The main thread is the context's control thread: it owns the ports, the prompt and the tables.
 * Each forwarding core is a thread that exists from `start` to `stop`. Ports and queues may be
 * stopped and started under it; what else the main thread changes of what a core uses, it changes
 * while the cores are paused.
 */
#ifndef TESTPMD_H
#define TESTPMD_H

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <baton/baton.h>

#define MAX_CPUS          8192              /* CPUs are numbered below this, as in Linux on x86 */
#define MAX_LCORES        BATON_MAX_WORKERS /* that forward */
#define MAX_BURST         512
#define MAX_TOKENS        1024 /* room of a core: a burst, or one packet of many segments */
#define DEF_TXPKT         64
#define MAX_TXSEGS        255 /* as many as dpdk-testpmd takes */
#define MAX_FLOWS         INT32_MAX
#define MAX_STREAMS       (BATON_MAX_PORTS * BATON_MAX_QUEUES)
#define MAX_MACS          64
#define MAX_HOLDERS       256
#define MAX_WINDOWS       32
#define MAX_CMDLINE_FILES 16
#define PROMPT            "testpmd> "
#define MAX_WATCHED       32 /* counters of --display-xstats */
#define DEF_BURST         32
#define DEF_RETRIES       64
#define DEF_RETRY_US      1
#define MAX_RETRIES       1000000
#define MAX_RETRY_US      1000000

#define ETHER_HDR  14
#define ETHER_CRC  4
#define TXONLY_HDR 42 /* Ethernet, IPv4, UDP */

/* In dpdk-testpmd's order. */
enum fwd_mode {
	FWD_IO,
	FWD_MAC,
	FWD_MACSWAP,
	FWD_FLOWGEN,
	FWD_RXONLY,
	FWD_TXONLY,
	FWD_CSUM,
	FWD_ICMPECHO,
	FWD_5TSWAP,
	FWD_MODES
};

/* What --help, the prompt and docs/testpmd.md say of a mode. */
struct mode {
	const char *name;
	const char *help; /* what becomes of the packets */
};

#define VERBOSE_RX  1u /* set verbose 1, 2, and 3 for both */
#define VERBOSE_TX  2u
#define VERBOSE_ALL (VERBOSE_RX | VERBOSE_TX)

enum topology { TOPOLOGY_PAIRED, TOPOLOGY_CHAINED, TOPOLOGY_LOOP };

/* A set of CPUs, as the kernel and the C library have it. */
struct cpus {
	unsigned long words[MAX_CPUS / 8 / sizeof(unsigned long)];
};

#define CPUS_IN_WORD (8 * sizeof(unsigned long))

static inline void
cpus_add(struct cpus *set, unsigned cpu)
{
	set->words[cpu / CPUS_IN_WORD] |= 1ul << cpu % CPUS_IN_WORD;
}

static inline bool
cpus_has(const struct cpus *set, unsigned cpu)
{
	return set->words[cpu / CPUS_IN_WORD] >> cpu % CPUS_IN_WORD & 1;
}

struct lcore_id {
	unsigned id;
	struct cpus cpus;
};

#define MAX_DRIVER_FILES 64

/* What ports with a device have unless their own arguments say otherwise. */
struct reach_options {
	int bounce, confine;            /* -1: not given */
	unsigned dma_limit, ring_limit; /* 0: not given */
	struct baton_iova_range windows[MAX_WINDOWS];
	unsigned n_windows;
};

struct options {
	/* before "--" */
	struct lcore_id *lcores; /* the first is the main thread's */
	unsigned n_lcores;
	char cores_from[16]; /* the option that named them, such as "-l" */
	struct cpus allowed; /* those of the process when it began */
	bool remap;          /* --remap-lcore-ids, from remap_start on */
	unsigned remap_start;
	int main_lcore; /* -1: the one with the lowest number */
	bool no_huge;
	const char *huge_dir;
	const char *driver_files[MAX_DRIVER_FILES]; /* of -d */
	unsigned n_driver_files;
	const char *vdevs[BATON_MAX_PORTS];
	unsigned n_vdevs;
	bool is_pci[BATON_MAX_PORTS]; /* of vdevs: by -a */
	const char *blocked[BATON_MAX_PORTS];
	unsigned n_blocked;
	bool no_pci;
	const char *vfio_intr, *vf_token;        /* NULL: not given, or what is so anyway */
	unsigned service[MAX_LCORES], n_service; /* cores that may not forward */
	enum baton_log_level log_level;

	/* after it */
	enum fwd_mode mode;
	enum topology topology;
	bool retry;
	unsigned retries, retry_us;
	unsigned rxd, txd, rxq, txq; /* 0 descriptors: the driver's default */
	unsigned queues;             /* streams of a port: what both directions have */
	unsigned burst;
	unsigned nb_cores;
	/* Which cores and ports forward, in this order: by number; 0 of them: all that there are.
	 * Of the ports only the first nb_ports; 0: all. */
	unsigned fwd_lcores[MAX_LCORES], n_fwd_lcores;
	unsigned fwd_ports[BATON_MAX_PORTS], n_fwd_ports, nb_ports;
	uint8_t peer[BATON_MAX_PORTS][6]; /* --eth-peer, if it is set */
	bool peer_set[BATON_MAX_PORTS];
	unsigned total_mbufs; /* 0: as many as rings, caches and bursts need */
	unsigned mbuf_size;   /* 0: the library's default */
	unsigned mbcache;     /* 0: the library's default */
	unsigned mtu;         /* 0: the device's */
	uint16_t txpkts[MAX_TXSEGS];
	unsigned n_txpkts;
	bool multi_flow; /* txonly: many source addresses */
	uint32_t tx_ip[2];
	uint16_t tx_udp[2];
	unsigned flows, flow_clones; /* flowgen */
	unsigned verbose;            /* VERBOSE_*; above 3: 3 */
	unsigned stats_period;
	struct reach_options reach;
	bool tx_first, auto_start, interactive, record_cycles, record_bursts, sleep_idle, rx_csum;
	bool vlan_strip, qinq_strip, rx_time;
	uint32_t offloads; /* BATON_OFFLOAD_* of --rx-offloads and --tx-offloads, but checksums */
	bool hide_zero;    /* xstats */
	bool stdin_taken;  /* a port receives from standard input */
	const char *stats_json;
	struct {
		const char *name;
		bool echo;
	} cmdline_files[MAX_CMDLINE_FILES];
	unsigned n_cmdline_files;
	uint64_t stop_after;
	double run_time;
	bool no_device_start, mlockall, ip_csum, udp_csum, tcp_csum;
	const char *display_xstats; /* NULL: none; names with commas between them */
	unsigned masked_events;     /* bits 1 << enum baton_port_event that are not reported */
	bool banner;                /* -v */
	bool printed;               /* --help or --version: there is nothing else to do */
};

/* Counted by a stream's core alone: relaxed stores, relaxed loads elsewhere. */
struct stream_counts {
	uint64_t dropped; /* packets the ring had no room for, or refused */
	uint64_t bad_ip;  /* mode csum: received with a wrong checksum */
	uint64_t bad_l4;
};

/* How many bursts had how many packets; relaxed, by the stream's core. */
struct burst_sizes {
	uint64_t now[MAX_BURST + 1], start[MAX_BURST + 1];
};

struct bursts {
	struct burst_sizes rx, tx;
};

/* One receive queue, and the transmit queue its packets leave by. Served by one forwarding core. */
struct stream {
	struct baton_rxq *rxq;
	struct baton_txq *txq; /* NULL: the port is closed */
	struct bursts *bursts; /* --record-burst-stats; else NULL */
	unsigned rest;         /* rounds to leave out, as its RX queue is stopped */
	unsigned rx_port, tx_port, queue;
	bool ip_hw, tcp_hw, udp_hw; /* mode csum: leave the checksum to the device */
	unsigned tso, tx_mtu;       /* mode csum: MSS of long TCP packets, 0: they stay whole */
	unsigned tx_tags;           /* VLAN tags to insert, and those: the outer one first */
	uint16_t tx_vlans[2];
	struct stream_counts counts, start; /* and what they were at `start` */
	uint64_t quota;                     /* txonly: packets still to send under --stop-after */
	const char *failed; /* the burst that failed, "rx_burst" or "tx_burst"; release */
	int error;          /* its errno, negative */
	char error_text[192];
	bool reported;
	bool refused; /* the TX queue refused a packet; release */
	char refused_text[192];
	bool refused_reported;
	/* The headers that txonly and tx_first send; csum uses its Ethernet addresses. */
	uint8_t frame[TXONLY_HDR + 6];
};

/* What a thread that polls is woken with. */
struct wake {
	int fd, writer; /* the same but for a pipe; -1: none */
};

#define WAKE_NONE ((struct wake){ -1, -1 })

struct app;

/* A forwarding core. */
struct lcore {
	struct app *app;
	struct baton_worker *worker;
	struct lcore_id id;
	struct stream **streams; /* the live ones come first */
	unsigned n_streams, n_live;
	unsigned room;       /* tokens of one rx_burst */
	unsigned max_room;   /* what the longest packet of any port may need */
	unsigned verbose;    /* VERBOSE_* */
	unsigned next_flow;  /* flowgen */
	uint8_t next_source; /* txonly: --txonly-multi-flow */
	uint64_t cycles;
	uint64_t sleeps, woken, slept_ns; /* --sleep-idle; relaxed */
	struct pollfd *fds;               /* --sleep-idle: one a stream, and wake.fd */
	struct wake wake;                 /* --sleep-idle: for the main thread */
	pthread_t thread;
	bool running;
	bool watched;        /* runs_on is known */
	struct cpus runs_on; /* as last reported */
	struct baton_token tokens[MAX_TOKENS] __attribute__((aligned(64)));
};

struct port_snapshot {
	struct baton_stats stats;
	uint64_t ns;
};

struct app_queue {
	struct baton_rxq *rxq; /* NULL: not set up, or it is a TX queue */
	struct baton_txq *txq;
	struct lcore *lcore;      /* whose worker it is set up for */
	struct lcore *want;       /* and whose it should be */
	unsigned n_descs;         /* descriptors it was set up with */
	unsigned descs;           /* and those it shall have; 0: as all */
	bool stopped;             /* by hand */
	struct baton_stats last;  /* as they were when there was a queue */
	struct baton_stats start; /* at `start`, for the forward statistics */
};

/* As its device begins, by the table of `rx_vlan`, or all of them. */
enum vlan_filter { VLANS_DEVICE, VLANS_TABLE, VLANS_ALL };

struct app_port {
	struct baton_port *port;     /* NULL: closed */
	bool detached;               /* closed, and its number may be another's */
	char *devargs;               /* what it was opened with; owned */
	char name[64];               /* of its device */
	unsigned mtu;                /* port config mtu; 0: opt.mtu */
	struct app_queue *rx, *tx;   /* BATON_MAX_QUEUES each; opt.rxq and opt.txq are used */
	struct baton_port_info info; /* as of the last start or stop */
	/* As of the last start; what is in quarantine, as of the last stop. */
	struct baton_reach_summary reach;
	struct port_snapshot shown;    /* what the last `show` said, for the rates */
	struct stream_counts counts;   /* since `start`, of streams that are no more */
	uint64_t tx_lost, rx_lost;     /* before the counters were cleared */
	uint8_t macs[MAX_MACS][6];     /* mac_addr add */
	uint64_t watched[MAX_WATCHED]; /* --display-xstats, as they were shown last */
	unsigned n_macs;
	bool ip_hw, tcp_hw, udp_hw; /* csum set, port config tx_offload */
	bool rx_csum;               /* the same of received packets, one for TCP and UDP */
	uint32_t offloads;    /* BATON_OFFLOAD_* asked for, besides those of port_offloads() */
	uint16_t tso;         /* tso set; 0: off */
	uint16_t tx_vlans[2]; /* tx_vlan set: the outer tag first */
	uint8_t tx_tags;      /* how many of them */
	enum vlan_filter vlan_filter;
	uint32_t vlans[4096 / 32]; /* rx_vlan add */
	bool quiet;                /* we change its state: no need to be told */
	bool reconfigure;          /* the offloads it was configured with are others by now */
	/* port config rss-hash-key, rss, reta; of what is 0 the library's choice. */
	struct {
		uint8_t key_len;
		uint16_t table_len;
		uint32_t types;
		uint8_t key[BATON_RSS_KEY_MAX];
		uint16_t table[BATON_RSS_TABLE_MAX];
	} rss;
	bool promisc, allmulti, promisc_set, allmulti_set;
	unsigned lost; /* times its device went away */
	uint64_t lost_since, lost_ns;
};

#define HALT_STOP  1u
#define HALT_PAUSE 2u

struct app {
	struct options opt;
	struct baton_ctx *ctx;
	struct baton_pool *pool;
	struct app_port ports[BATON_MAX_PORTS];
	unsigned n_ports;
	struct stream *streams;
	struct bursts *bursts; /* MAX_STREAMS of them; NULL: never recorded */
	unsigned n_streams;
	struct lcore *lcores; /* max_lcores of them: all that may forward */
	unsigned n_lcores;    /* the first ones, which do */
	unsigned max_lcores;
	unsigned most_descs; /* of a ring that nobody asked for; 0: as many as its device has */

	bool forwarding;
	bool started_once;
	uint32_t halt;        /* relaxed atomic: HALT_*, the forwarding cores leave their loops */
	pthread_mutex_t lock; /* for the three that follow */
	pthread_cond_t changed;
	unsigned running; /* cores that have not ended */
	unsigned paused;
	uint64_t received; /* relaxed atomic: packets counted for --stop-after */
	unsigned tx_first; /* bursts to send before forwarding begins */
	struct wake wake;  /* a core has ended, or a signal came */
	bool quit;
	bool unpinned; /* it was reported that threads cannot be pinned */
	bool failed;   /* something was reported that the exit status must tell */
	bool misused;  /* the command line has a device whose arguments cannot be */
	uint64_t start_ns, start_tsc, forwarded_ns;
	struct verbose *verbose; /* NULL: nothing is to be shown */
};

/* main.c */
/**
 * Wait for events, and serve them. One is that @fd can be read; -1 stands for standard input, which
 * no command may ask for. With NO_WAIT only those are served that there are.
 *
 * Return: 1: @fd can be read; 0: not yet; -1: the program must end.
 */
int main_step(struct app *app, int fd);
#define NO_WAIT (-2)

/* load.c */
/** Can the file be one of commands? Else a sentence that begins with @what. */
bool load_check(const char *what, const char *name);
/** Run the commands of a file, and show them with @echo. */
void load_file(struct app *app, const char *name, bool echo);

/** A core has something to tell the main thread. Any thread. */
void main_wake(struct app *app);

/* options.c */
enum parsed { PARSED_RUN, PARSED_EXIT, PARSED_ERROR };
enum parsed options_parse(struct options *opt, int argc, char **argv);

/* values.c */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* drivers.c */
/** Load the drivers of -d. Return: false: complain() has said why not. */
bool drivers_load(const struct options *opt, struct baton_ctx *ctx);
/* An allocation failed: name what it was for, and the limits of this process that may be why. */
void complain_memory(const char *what);
/** A decimal number in min .. max, or a sentence on stderr that names @what. */
bool parse_uint(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value);
/** Six hexadecimal bytes. */
bool parse_mac(const char *text, uint8_t mac[6]);
/** One of the list's names: its index, or -1 and a sentence on stderr. */
int choose(const char *what, const char *name, const char *const *list);
extern const char *const topology_names[];
bool set_uint(const char *what, const char *text, unsigned min, unsigned max, unsigned *value);
/** A number of descriptors of a ring. */
bool parse_descs(const char *what, const char *text, unsigned *value);

/* peer.c */
/** The address that mac, csum and txonly send to: --eth-peer's, or 02:00:00:00:00:PORT. */
void peer_address(const struct options *opt, unsigned port, uint8_t mac[6]);

/* modes.c */
extern const struct mode modes[FWD_MODES];
const char *fwd_mode_name(enum fwd_mode mode);
/** The mode, or -1 and a sentence on stderr that names @what. */
int mode_choose(const char *what, const char *name);
/** Why a mode that dpdk-testpmd has is not here; NULL: it is here, or nowhere. */
const char *mode_absent(const char *name);
/** Does it send without having received? */
bool mode_sends(enum fwd_mode mode);

/* cores.c */
/** The process's own CPUs, when none were asked for; that those asked for are there; the main one
 * first. */
bool cores_check(struct options *opt);

/* affinity.c */
/** Such as "0-2,5". */
void cpus_name(const struct cpus *set, char *buf, size_t size);
/** The CPUs this process may use. Return: false after a sentence if they are only assumed. */
bool affinity_allowed(struct cpus *set);
/** Why these are not among them. */
const char *affinity_why_not(const struct cpus *missing);
void affinity_pin_self(struct app *app);
/** Create a forwarding core's thread, on its CPUs if that is possible. Return: 0, or an errno. */
int affinity_create(struct lcore *lc, pthread_attr_t *attr, void *(*run)(void *));
/** Report once which core was moved to other CPUs. */
void affinity_watch(struct app *app);

/* ports.c: from the options to running ports, and back */
bool ports_open(struct app *app);
/** Open the device of port @port, app->n_ports or a number that is free. If it fails afterwards
 * the port may be open. */
bool port_open(struct app *app, unsigned port, const char *devargs);
/** Set hash and table of a port that was just configured (cmd_rss.c). Return: false, with why. */
bool port_set_rss(struct app *app, unsigned port);

/** BATON_OFFLOAD_* that the port is to have by its next start. */
uint32_t port_offloads(const struct app_port *p);
/** Configure, if its offloads changed, and set up what queues have another worker by now. A stopped
 * port, or its cores paused. */
bool port_set_up(struct app *app, unsigned port);
bool port_bring_up(struct app *app, unsigned port);
void port_take_down(struct app *app, unsigned port);
void port_print(const struct app_port *p, unsigned port);
/** The worker of a core that shall forward. */
bool lcore_set_up(struct app *app, struct lcore *lc);
/** Stop and close all; keeps the last statistics. */
void ports_close(struct app *app);
/** Room for bursts and for the longest packet of any port. */
void ports_set_room(struct app *app);
/** Whether every buffer is free. Reports who holds the others. */
bool pool_check(struct app *app);

/* life.c: what befalls a port while others forward; all print what they do */
void port_watch(struct app *app, unsigned port);
void port_command_start(struct app *app, unsigned port);
/** Start a port that was taken down for a moment, while all cores are paused. */
bool port_bring_up_again(struct app *app, unsigned port);
void port_command_stop(struct app *app, unsigned port);
void port_command_close(struct app *app, unsigned port);
void port_command_reset(struct app *app, unsigned port);
void port_command_queue(struct app *app, unsigned port, bool tx, unsigned queue, bool start);
void port_command_link(struct app *app, unsigned port, bool up);
bool port_is_started(const struct app_port *p);
/** Does it wait for its device to come back? */
bool port_is_lost(const struct app_port *p);
/** How long ports were without their devices, at the end. */
void ports_summary(const struct app *app);

/* resize.c */
/** Descriptors that a queue shall have. */
unsigned queue_descs(const struct app *app, unsigned port, bool tx, unsigned queue);
/** Buffers that open ports and cores want. */
uint64_t buffers_wanted(const struct app *app);
/** With few --total-num-mbufs: rings and caches whose sizes were not asked for become smaller. */
void rings_fit(struct app *app);
/** Has the pool enough for what is asked for by now? Makes another one if it may. */
bool pool_fit(struct app *app);
/** Other numbers of queues for stopped ports, by their next start. */
bool queues_resize(struct app *app, unsigned rxq, unsigned txq);
/** A pool as the options want it, with @count buffers. NULL: none, and said why. */
struct baton_pool *pool_make(struct app *app, uint32_t count);

/* help.c */
/** A line of a list: @usage, and @text from column @indent on, in lines of a terminal. */
void help_row(const char *usage, const char *text, int indent);

/* select.c: which ports and cores forward. Not while they do. */
/** The forwarding ports that are open, in their order. */
unsigned select_ports(const struct app *app, unsigned ports[BATON_MAX_PORTS]);
/** Whether @port is a forwarding port, open or closed. */
bool select_has_port(const struct app *app, unsigned port);
/** How many cores may forward. */
unsigned select_max_cores(const struct options *opt);
/** Make those the first of app->lcores that opt.fwd_lcores and opt.nb_cores want. */
bool select_cores(struct app *app);
/** Those that forward, or would from the next start on. */
unsigned select_n_cores(const struct app *app);
const struct lcore_id *select_core(const struct app *app, unsigned i);

/* streams.c */
bool streams_make(struct app *app);
/** Which core each queue is for, by the ports, queues and cores as they are now. */
void streams_want(struct app *app);
/**
 * Give every queue the core of its stream; ports that must change for it are stopped and started.
 */
bool streams_arrange(struct app *app);
/** Point the streams to the queues as they are now. */
void streams_attach(struct app *app);
void streams_config(const struct app *app);
/** A stream's counts; and those since `start`. */
struct stream_counts streams_now(const struct stream *s);
struct stream_counts streams_since(const struct stream *s);
/** Sums over the streams since `start`: what the port did not send, and what it received badly. */
void streams_counts(const struct app *app, unsigned port, struct stream_counts *counts);

/* forward.c: on a forwarding core */
/** Serve the core's streams until app->halt, or none is left. */
void forward_loop(struct lcore *lc);
/**
 * Keep what went wrong for the main thread to print. The stream is served no more. Return: @error.
 */
int stream_fail(struct stream *s, int error, const char *what, const char *text);
/** Give tokens to the TX queue. Return: packets dropped; negative: the stream has failed. */
int forward_send(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n);

/* launch.c: forwarding cores as the main thread sees them */
bool forward_start(struct app *app, unsigned tx_first);
void forward_stop(struct app *app);
/** Have all cores ended by themselves? */
bool forward_ended(struct app *app);
/** Between these two no core touches anything. Nothing to do when not forwarding. */
void forward_pause(struct app *app);
void forward_resume(struct app *app);
/** Let the cores look at app->halt, also those that sleep. Any thread. */
void forward_halt(struct app *app, uint32_t why);
/** Say once what stopped a stream. */
void forward_report(struct app *app);

/* The modes, each in a file of its name. All on a forwarding core, but for the first three. */
void txonly_frame(const struct app *app, struct stream *s);
/** Were lengths asked for? Then they are checked at once. */
bool txonly_given(const struct app *app);
/** Check --txpkts against pool and ports, where packets are to be made. */
bool txonly_check(const struct app *app, bool tx_first);
/** Send one burst of at most @packets. Return: packets sent; negative: the stream has failed. */
int txonly_burst(struct lcore *lc, struct stream *s, unsigned packets);
/** Print how many flows each port sends. The main thread. */
void flowgen_begin(const struct app *app);
/** Receive, drop that, and send. Return: as txonly_burst(). */
int flowgen_burst(struct lcore *lc, struct stream *s, unsigned packets);
void mac_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n);
/** Swap the addresses of a packet in whose first buffer they are not whole. */
void macswap_split(struct lcore *lc, struct baton_token *tokens, unsigned n);
void fivetuple_burst(struct lcore *lc, struct baton_token *tokens, unsigned n);
void csum_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n);
/** Turn requests into replies, free all else. Return: tokens of the replies; negative: the stream
 * has failed. */
int icmpecho_burst(struct lcore *lc, struct stream *s, struct baton_token *tokens, unsigned n);

/* tags.c: tx_vlan set */
/** Have the TX queue insert the stream's tags into packets. On a forwarding core. */
void tags_burst(struct lcore *lc, const struct stream *s, struct baton_token *tokens, unsigned n);

/* verbose.c: set verbose */
/** Before cores run that shall show packets. The main thread. */
bool verbose_open(struct app *app);
/** When they have ended: report what was not shown. The main thread. */
void verbose_end(struct app *app);
/** Show packets that were received, or are to be sent. On a forwarding core. */
void verbose_burst(struct lcore *lc, unsigned port, unsigned queue, const struct baton_token *tok,
		   unsigned n, bool sent);

/* ptype.c */
#define PTYPE_TEXT 512
/** Write which headers a packet has, and how long they are. */
void ptype_print(char text[PTYPE_TEXT], const struct lcore *lc, const struct baton_token *tok,
		 unsigned segs);

/* sleep.c: --sleep-idle */
/** Can every RX queue wake a core? Says which cannot. */
bool sleep_check(struct app *app);
bool sleep_set_up(struct lcore *lc);
/** Sleep until a queue has packets or sleep_wake(). On a forwarding core. */
void sleep_until_woken(struct lcore *lc);
void sleep_wake(const struct lcore *lc);

/* wake.c */
/** Return: false after a sentence about @who. */
bool wake_open(struct wake *w, const char *who);
/** Any thread, and signal handlers. */
void wake_set(const struct wake *w);
/** Whether it was set. */
bool wake_clear(const struct wake *w);
void wake_close(struct wake *w);

/* counts.c: the numbers of the tables and of the JSON, all of them sums over queues and streams */
/** Remember a queue's counters; called before it goes. */
void counts_keep(struct app_queue *q);
void counts_keep_port(struct app *app, unsigned port);
/** The port is closed: only what was kept is left of its queues. */
void counts_drop_port(struct app *app, unsigned port);
/** Of a port, since it was opened or its counters were cleared. */
void counts_port(struct app *app, unsigned port, struct baton_stats *stats);
/** From here on the forward statistics count. */
void counts_begin(struct app *app);
void counts_clear(struct app *app, unsigned port);
/** Packets a port took and could not send, such as into a full disk; also those cleared. */
uint64_t counts_lost(struct app *app, unsigned port);
/** Packets of its capture that a net_pcap port did not receive; also those cleared. */
uint64_t counts_not_received(struct app *app, unsigned port);

/* Since `start`. */
struct forward_counts {
	struct baton_stats stats;
	struct stream_counts stream; /* dropped: also what the port took and lost */
};

void counts_of_queue(struct app_queue *q, struct baton_stats *stats);
void counts_of_stream(struct app *app, const struct stream *s, struct forward_counts *out);
void counts_of_port(struct app *app, unsigned port, struct forward_counts *out);
/** Of all ports. */
void counts_total(struct app *app, struct forward_counts *out);

/* stats.c */
uint64_t clock_ns(void);
void stats_show(struct app *app, unsigned port);
void stats_show_all(struct app *app, bool clear);
void stats_clear(struct app *app, unsigned port);
void stats_forward(struct app *app);
double stats_mhz(const struct app *app);

/* reach.c: which memory a port's device uses */
extern const char *const bounce_names[];
/** Hand a port that was opened with @devargs the defaults of the command line. */
bool reach_default(const struct app *app, const struct app_port *p, const char *devargs);
/** What was decided, for `show port info`. */
void reach_show(const struct app_port *p, const struct baton_port_info *info);

/* show.c */
void show_info(const struct app *app, unsigned port);
/** All counters of an open port; free() it. */
struct baton_xstat *take_xstats(const struct app_port *p, unsigned *n);
void show_xstats(const struct app *app, unsigned port);
void show_holders(const struct app *app);
void show_cores(const struct app *app);
void show_rxtx(const struct app *app);
/** Which offloads the port's device has, and which Baton does (cmd_offload.c). */
void show_doers(const struct app_port *p);
/** The types that the port's packets can be hashed by, in lines (cmd_rss.c). */
void show_rss_types(uint32_t types);

/* watch.c: --display-xstats */
/** Whether some port has each counter; a sentence for one that none has. */
bool watch_check(const struct app *app);
/** Show them, with their rates over @ns. */
void watch_show(struct app *app, unsigned port, uint64_t ns);

/* bursts.c: --record-burst-stats */
#define ALL_PORTS UINT_MAX
/** Have the streams count, or not. */
void bursts_attach(struct app *app);
/** What was counted for a port, or ALL_PORTS, is not shown. */
void bursts_mark(struct app *app, unsigned port);
void bursts_show_stream(const struct stream *s);
void bursts_show_port(const struct app *app, unsigned port);

/* json.c */
bool json_write(struct app *app);

/* json_file.c */
/** Whether the statistics can be stored there, or a sentence. Called before the run. */
bool json_check(const char *path);
/** Return: false after a sentence, and with the text on standard error. */
bool json_store(const char *path, const char *text);

/* prompt.c */
void prompt_open(struct app *app);
void prompt_ready(struct app *app);
void prompt_close(void);
/** Whether a line begun would be continued by other output. */
bool prompt_waits(void);
/** After lines printed while the user may be typing. */
void prompt_redraw(void);
/** The same from any thread. */
void prompt_disturbed(struct app *app);
/** Draw the prompt again if the terminal changed, or something was printed. */
void prompt_check(struct app *app);

#define load_relaxed(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

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
