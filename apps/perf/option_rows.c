/* SPDX-License-Identifier: BSD-3-Clause */
/* The options: see option.h. */
#include "option.h"

/* Commands that have results. */
#define OUTPUT "report rate throughput latency"
/* Commands that send. */
#define SEND   "rate throughput latency"

const struct option_row option_rows[] = {
	{ NULL, "help", 'h', NULL, "this text, or that of the command", set_help },
	{ NULL, "version", 0, NULL, "print the version", set_version },
	{ OUTPUT, "json", 0, "FILE", "write the results as JSON: baton-perf report reads them",
	  set_json },
	{ OUTPUT, "html", 0, "FILE", "write one HTML file with charts, which needs no other file",
	  set_html },
	{ OUTPUT, "quiet", 'q', NULL, "print no tables", set_quiet },
	{ OUTPUT, "assert", 0, "TEXT",
	  "end with status 3 unless this holds, as ndr>=5Mpps, 64:pdr.lower>=9Gbps, loss<=0.1% or "
	  "latency.p99<=20us; may be repeated",
	  set_assert },
	{ OUTPUT, "compare", 0, "FILE",
	  "compare with the JSON of an earlier run, and end with status 6 if a goal became worse",
	  set_compare },
	{ SEND, "size", 0, "SIZE",
	  "bytes with FCS; a list as 64,64,1518; imix; or a word of RFC 6985 as genome:aaafg. 64 "
	  "if "
	  "none is given; may be repeated",
	  set_size },
	{ "throughput latency", "goal", 0, "GOAL",
	  "rfc2544, tst009, ndr, pdr or ci, or NAME:KEY=VALUE,... with the keys initial, trial, "
	  "sum, loss, exceed and width; may be repeated for throughput. ndr and pdr; for latency "
	  "pdr",
	  set_goal },
	{ "throughput", "method", 0, "NAME",
	  "mlrsearch (RFC 9971, the default) or binary (RFC 2544)", set_method },
	{ "throughput latency", "min-load", 0, "LOAD",
	  "the lowest load, as 10kpps, 1Gbps or 1%; a thousandth of the highest", set_min_load },
	{ "throughput latency", "max-load", 0, "LOAD", "the highest load; what the link carries",
	  set_max_load },
	{ SEND, "link-speed", 0, "SPEED",
	  "bits a second that the link carries, as 10Gbps; what the port reports", set_link_speed },
	{ "throughput latency", "max-time", 0, "TIME",
	  "end each search after trials of so long together, as 10min", set_max_time },
	{ "throughput latency", "no-warm-up", 0, NULL,
	  "leave out the first trial, whose result is not used", set_no_warm_up },
	{ SEND, "vdev", 0, "PORT",
	  "a port, as net_virtio_user0,path=/tmp/s0, or a PCI address. With two, each sends to the "
	  "other; what one alone sends comes back to it",
	  set_vdev },
	{ SEND, "allow", 'a', "PCI", "the same", set_vdev },
	{ SEND, "no-huge", 0, NULL, "take ordinary pages for buffers", set_no_huge },
	{ SEND, "one-way", 0, NULL, "only the first port sends, and the second one receives",
	  set_one_way },
	{ SEND, "eth-peer", 0, "N,MAC",
	  "destination MAC address of what port N (0 or 1) sends; that of the receiving port",
	  set_eth_peer },
	{ SEND, "src", 0, "LIST",
	  "source addresses of the first port's packets, as 198.18.0.1-198.18.0.254,198.18.1.9; "
	  "the second port's have them as destinations. 198.18.0.1, or 2001:2::1",
	  set_src },
	{ SEND, "dst", 0, "LIST", "their destination addresses. 198.19.0.1, or 2001:2:0:8000::1",
	  set_dst },
	{ SEND, "sport", 0, "LIST", "UDP source ports, as 1024-65535. 49184", set_sport },
	{ SEND, "dport", 0, "LIST", "UDP destination ports. 7", set_dport },
	{ SEND, "vlan", 0, "LIST", "VLANs, as 100-199; without it there is no tag", set_vlan },
	{ SEND, "outer-vlan", 0, "LIST", "VLANs of an outer tag (0x88a8) in front of it",
	  set_outer_vlan },
	{ SEND, "flows", 0, "N",
	  "flows of each direction: the first N combinations of the lists; all of them",
	  set_flows },
	{ SEND, "seed", 0, "N", "draw the flows by this number, and do not take them in order",
	  set_seed },
	{ "rate", "rate", 0, "LOAD",
	  "what each direction sends, as 1.488Mpps, 10Gbps on the wire, or 35% of the link",
	  set_rate },
	{ "latency", "load", 0, "LOAD",
	  "what each direction sends, as 1Mpps, 1Gbps or 35%; may be repeated. 0, 10, 50 and 90 % "
	  "of "
	  "PDR, which is searched first",
	  set_trial_load },
	{ "rate latency", "time", 0, "TIME", "how long each load is sent, as 60s or 2min. 10s",
	  set_time },
	{ NULL, NULL, 0, NULL, NULL, NULL },
};
