/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An option is a row of a table (option_rows.c): its names, its argument, a phrase of help, and
 * what it does. Parsing, --help, the tables of docs/testpmd.md and baton-testpmd(1) are made of the
 * rows.
 */
#ifndef TESTPMD_OPTION_H
#define TESTPMD_OPTION_H

#include <stddef.h>

#include "testpmd.h"

/* Before "--", or behind it. */
enum part { ENV, APP };

enum topic { ENVIRONMENT, FORWARDING, QUEUES, REACH, MEASURING, NO_EFFECT, ABSENT, TOPICS };
struct topic_text {
	const char *id, *title;
};
extern const struct topic_text topics[];

enum option_kind {
	OPTION_SET,     /* set() does it */
	OPTION_TRUE,    /* the bool at `at` becomes true */
	OPTION_UINT,    /* the unsigned at `at` becomes a number from min to max */
	OPTION_TEXT,    /* the const char * at `at` becomes the argument */
	OPTION_NOTHING, /* nothing is changed; set(), if there is one, checks the argument */
	OPTION_NOTED,   /* the same, and the help is the reason that is printed */
	OPTION_REFUSED, /* the help is the reason */
};

/*
 * Parse @arg (NULL: it was left out) of the option @what, such as "--rxd".
 *
 * Return: false: it cannot be, and complain() has said why.
 */
typedef bool option_set_fn(struct options *opt, const char *what, const char *arg);

struct option_row {
	enum part part;
	enum topic topic;
	const char *names; /* "-l", "-a --allow", with a blank between them */
	const char *old;   /* more such names, which are taken and not shown first; NULL: none */
	const char *arg;   /* in capitals, "N"; "[N]" may be left out; NULL: it takes none */
	/* A phrase without a period. Of OPTION_NOTHING and the like: why nothing could be changed
	 * by it, or why it cannot be had. */
	const char *help;
	enum option_kind kind;
	size_t at;
	unsigned min, max;
	option_set_fn *set;
};

/* The last members of a row. */
#define SET(fn)                  OPTION_SET, 0, 0, 0, fn
#define TRUE(field)              OPTION_TRUE, offsetof(struct options, field), 0, 0, NULL
#define UINT(field, least, most) OPTION_UINT, offsetof(struct options, field), least, most, NULL
#define TEXT(field)              OPTION_TEXT, offsetof(struct options, field), 0, 0, NULL
#define NOTHING                  OPTION_NOTHING, 0, 0, 0, NULL
#define NOTHING_IF(fn)           OPTION_NOTHING, 0, 0, 0, fn
#define NOTED                    OPTION_NOTED, 0, 0, 0, NULL
#define NOTED_IF(fn)             OPTION_NOTED, 0, 0, 0, fn
#define REFUSE                   OPTION_REFUSED, 0, 0, 0, NULL

extern const struct option_row option_rows[]; /* one without names ends it */

#define MAX_OPTION_NAMES 512 /* of all rows */
#define MAX_OPTION_NAME  40  /* bytes of one, with its dashes and NUL */

/** Take the next name off @names, a list with blanks. Return: false: there is none. */
bool option_next_name(const char **names, char name[MAX_OPTION_NAME]);

/* select.c */
/** Read numbers and ranges, "0,2-4", in their order; each is taken once. */
bool parse_list(const char *what, const char *text, unsigned *list, unsigned *n, unsigned max);
/** The ports and cores of the options against those that there are. */
bool check_selection(struct options *opt);

/** Write the names of @row with its argument, "-a, --allow=BDF[,ARGS]". */
void option_usage(const struct option_row *row, char *buf, size_t size);

/* no_effect.c: what -a, -b, --no-pci and the like ask for together */
bool check_environment(const struct options *opt);
/* drivers.c */
option_set_fn set_driver_path;
/** A context with the drivers of -d, to check a command line with. Return: NULL: there is none;
 * complain() has said why if *@failed. */
struct baton_ctx *drivers_try(const struct options *opt, bool *failed);
/* offloads.c */
bool parse_hex(const char *what, const char *text, uint64_t *value);

/* help_form.c: the tables and commands as the guide and the manual page have them */
void help_markdown(void);
void help_man(void);

/* Each in the file of its subject. */
option_set_fn set_cores, set_core_mask, set_main_lcore, set_remap; /* cores.c */
option_set_fn set_eth_peer, set_eth_peers_file;                    /* peer.c */
option_set_fn set_coremask, set_portlist, set_portmask;            /* select.c */
option_set_fn set_help, set_version, set_banner;                   /* help.c */
option_set_fn set_log_level;                                       /* log_level.c */
option_set_fn set_rx_offloads, set_tx_offloads;                    /* drivers.c */
option_set_fn set_driver_path;
/** A context with the drivers of -d, to check a command line with. Return: NULL: there is none;
 * complain() has said why if *@failed. */
struct baton_ctx *drivers_try(const struct options *opt, bool *failed);
/* offloads.c */
option_set_fn set_print_event, set_mask_event, set_no_lsc, set_no_rmv; /* events.c */
option_set_fn set_display_xstats;                                      /* watch.c */
option_set_fn set_service_mask, set_service_list;                      /* select.c */
option_set_fn check_channels, check_hex, check_iova_mode, check_memory, check_number, check_simd,
	check_socket_limit, check_socket_memory, check_stack_size, check_text, check_unlink,
	set_block, set_proc_type, set_vf_token, set_vfio_intr; /* no_effect.c */
option_set_fn check_core, check_filter_mode, check_filter_report, check_filter_size, check_hairpinq,
	check_lengths, check_link_speed, check_lro_size, check_mp_alloc, check_mq_mode,
	check_noisy_mode, check_num_procs, check_optional_number, check_port_numa, check_proc_id,
	check_ring_numa, check_socket_num, check_stats_mapping,
	check_udp_port; /* no_effect_app.c */
option_set_fn set_allow, set_bounce, set_burst_option, set_cmdline_file, set_confine,
	set_max_pkt_len, set_mode, set_retry, set_run_time, set_rxd, set_stop_after, set_topology,
	set_txd, set_vdev, set_windows;                                       /* values.c */
option_set_fn set_mbuf_sizes, set_mbcache, set_tx_ip, set_tx_udp, set_txpkts; /* values_tx.c */

#endif
