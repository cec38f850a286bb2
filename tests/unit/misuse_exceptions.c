/* SPDX-License-Identifier: BSD-3-Clause */
/* Cells of the misuse table that want another end than others of their kind, or cannot be told. */
#include "misuse.h"

#define SETTING "a setting: every state of a port takes it"
#define READS   "it only reads"
#define HOT     "an instruction a packet; NULL faults at once, and nothing was changed"
#define BURST   "an instruction a burst; the array faults at once, and nothing was changed"
#define PLENTY  "counts without writing: how many there are"

const struct misuse_exception misuse_exceptions[] = {
	/* A context frees all of its memory, also that of what was closed in it. */
	{ "*", "ctx", WRONG_CLOSED, UNTOLD, "a destroyed context's memory is freed" },
	/* NULL */
	{ "ctx_create", "config", WRONG_NULL, FINE, "the defaults" },
	{ "ioas_create", "config", WRONG_NULL, FINE, "the defaults" },
	{ "worker_create", "config", WRONG_NULL, FINE, "the defaults" },
	{ "ioas_destroy", "ioas", WRONG_NULL, FINE, "nothing to destroy, as free(NULL)" },
	{ "ioas_unmap", "mapping", WRONG_NULL, FINE, "nothing to unmap, as free(NULL)" },
	{ "arena_destroy", "arena", WRONG_NULL, FINE, "nothing to destroy, as free(NULL)" },
	{ "ioas_ranges", "out", WRONG_NULL, FINE, PLENTY },
	{ "pool_holders", "out", WRONG_NULL, FINE, PLENTY },
	{ "nearest", "word", WRONG_NULL, FINE, "nothing is near to no word" },
	{ "nearest", "list", WRONG_NULL, FINE, "nothing is in no list" },
	{ "port_xstats", "out", WRONG_NULL, FINE, PLENTY },
	{ "port_reach", "out", WRONG_NULL, FINE, PLENTY },
	{ "port_on_event", "fn", WRONG_NULL, FINE, "no callback" },
	{ "txq_setup", "config_pool", WRONG_NULL, FINE, "a TX queue has no pool" },
	{ "txq_setup", "config_pool", WRONG_KIND, FINE, "a TX queue does not look at it" },
	{ "txq_setup", "config_pool", WRONG_CLOSED, FINE, "a TX queue does not look at it" },
	{ "txq_setup", "config_pool", WRONG_CONTEXT, FINE, "a TX queue does not look at it" },
	{ "data", "worker", WRONG_NULL, UNTOLD, HOT },
	{ "side", "worker", WRONG_NULL, UNTOLD, HOT },
	{ "data", "token", WRONG_NULL, UNTOLD, "it is passed by value" },
	{ "side", "token", WRONG_NULL, UNTOLD, "it is passed by value" },
	{ "alloc", "tokens", WRONG_NULL, UNTOLD, BURST },
	{ "free", "tokens", WRONG_NULL, UNTOLD, BURST },
	{ "rx_burst", "tokens", WRONG_NULL, UNTOLD, BURST },
	{ "tx_burst", "tokens", WRONG_NULL, UNTOLD, BURST },
	{ "packet_segs", "tokens", WRONG_NULL, UNTOLD, BURST },
	{ "packet_segs", "tokens", WRONG_CONTEXT, FINE, "it counts flags, whosesoever they are" },
	{ "packet_segs", "tokens", WRONG_CLOSED, FINE, "it counts flags, whosesoever they are" },
	{ "packet_segs", "tokens", WRONG_STALE, FINE, "it counts flags, whosesoever they are" },
	{ "packet_segs", "tokens", WRONG_NOT_HELD, FINE, "it counts flags, whosesoever they are" },
	{ "packet_segs", "tokens", WRONG_RANGE, FINE, "it counts flags, whosesoever they are" },
	/* Other threads */
	{ "data", "worker", WRONG_THREAD, UNTOLD, "an instruction a packet" },
	{ "side", "worker", WRONG_THREAD, UNTOLD, "an instruction a packet" },
	{ "worker_bind", "worker", WRONG_THREAD, ERROR, "it asks whether the worker is free" },
	{ "worker_unbind", "worker", WRONG_THREAD, UNTOLD,
	  "any thread may do that once the worker's thread is in no call" },
	{ "ctx_unbind", "ctx", WRONG_THREAD, UNTOLD,
	  "any thread may do that while no other is in a call" },
	{ "rxq_in_flight", "rxq", WRONG_THREAD, FINE, READS },
	{ "txq_in_flight", "txq", WRONG_THREAD, FINE, READS },
	{ "pool_info", "pool", WRONG_THREAD, FINE, READS },
	/* States of a context, here: inside an event callback */
	{ "ctx_fd", "ctx", WRONG_STATE, FINE, READS },
	{ "ctx_ioas", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "ctx_set_ioas", "ctx", WRONG_STATE, UNTOLD, "tested as another address space is set" },
	{ "ioas_create", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "arena_create", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "pool_create", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "worker_create", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "port_open", "ctx", WRONG_STATE, FINE, "callbacks may make objects" },
	{ "ctx_unbind", "ctx", WRONG_STATE, UNTOLD, "the next call binds the context again" },
	/* States of a pool, here: a buffer is out; of a worker: queues use it; of an address space:
	 * something is mapped; of an arena: it is mapped */
	{ "pool_destroy", "pool", WRONG_STATE, BUSY, "buffers are out" },
	{ "alloc", "pool", WRONG_STATE, FINE, "that is its use" },
	{ "packet_copy", "pool", WRONG_STATE, FINE, "that is its use" },
	{ "rxq_setup", "config_pool", WRONG_STATE, FINE, "that is its use" },
	{ "txq_setup", "config_pool", WRONG_STATE, FINE, "a TX queue does not look at it" },
	{ "alloc", "worker", WRONG_STATE, FINE, "that is its use" },
	{ "free", "worker", WRONG_STATE, FINE, "that is its use" },
	{ "packet_copy", "worker", WRONG_STATE, FINE, "that is its use" },
	{ "worker_bind", "worker", WRONG_STATE, FINE, "that is its use" },
	{ "worker_unbind", "worker", WRONG_STATE, UNTOLD, "queues may wait for another thread" },
	{ "rxq_setup", "config_worker", WRONG_STATE, FINE, "a worker serves many queues" },
	{ "txq_setup", "config_worker", WRONG_STATE, FINE, "a worker serves many queues" },
	{ "arena_destroy", "arena", WRONG_STATE, UNTOLD,
	  "memory is mapped by address, so an arena does not know it; the IOMMU keeps its pages" },
	{ "ioas_map", "ioas", WRONG_STATE, FINE, "that is its use" },
	{ "ctx_set_ioas", "ioas", WRONG_STATE, FINE, "that is its use" },
	{ "*", "mapping", WRONG_STATE, UNTOLD, "a mapping has one state only" },
	/* A port inside its event callback: what reads is tested below all the same */
	{ "port_get_reach", "port", WRONG_STATE, ERROR, "net_null has no device" },
	/* A port that is not configured */
	{ "port_configure", "port", WRONG_NOT_SET_UP, FINE, SETTING },
	{ "port_set_mac", "port", WRONG_NOT_SET_UP, FINE, SETTING },
	{ "port_set_mtu", "port", WRONG_NOT_SET_UP, FINE, SETTING },
	{ "port_set_link", "port", WRONG_NOT_SET_UP, FINE, SETTING },
	{ "port_stop", "port", WRONG_NOT_SET_UP, FINE, "it is stopped already" },
	{ "port_reset", "port", WRONG_NOT_SET_UP, FINE, "it is stopped already" },
	{ "port_close", "port", WRONG_NOT_SET_UP, FINE, "whatever is open can be closed" },
	/* A queue of a stopped port */
	{ "rxq_arm", "rxq", WRONG_STATE, FINE, "it wakes when its port is started" },
	{ "txq_arm", "txq", WRONG_STATE, FINE, "it wakes when its port is started" },
};

const unsigned misuse_n_exceptions = sizeof(misuse_exceptions) / sizeof(misuse_exceptions[0]);
