/* SPDX-License-Identifier: BSD-3-Clause */
/* A call of each public function that takes a pointer; one that is missing here does not build. */
#include <unistd.h>

#include <baton/cc.h>
#include <baton/ioas.h>
#include <baton/reach.h>

#include "misuse.h"

#define H(i)      (c->handle[i])
#define P(i, p)   (c->null == (i) ? NULL : (p))
#define ROOM(i)   P(i, (void *)c->room)
#define OUT(type) (*(struct type **)(void *)c->room)

/* A function that returns a number or a pointer; one that returns nothing; one that makes what is
 * unmade at once; one that returns a number of tokens, which are freed. */
#define CALL(name, call)                                                                           \
	static long call_##name(struct misuse_call *c)                                             \
	{                                                                                          \
		return (long)(call);                                                               \
	}
#define VOID(name, call)                                                                           \
	static long call_##name(struct misuse_call *c)                                             \
	{                                                                                          \
		call;                                                                              \
		return 0;                                                                          \
	}
#define MAKE(name, call, unmake)                                                                   \
	static long call_##name(struct misuse_call *c)                                             \
	{                                                                                          \
		long ret = call;                                                                   \
                                                                                                   \
		if (!ret)                                                                          \
			unmake;                                                                    \
		return ret;                                                                        \
	}
#define TAKE(name, call)                                                                           \
	static long call_##name(struct misuse_call *c)                                             \
	{                                                                                          \
		long ret = call;                                                                   \
                                                                                                   \
		if (ret > 0)                                                                       \
			baton_free(c->bench->a.worker, (void *)c->room, (unsigned)ret);            \
		return ret;                                                                        \
	}

static struct baton_ctx_config ctx_config = { .size = sizeof(ctx_config) };
static struct baton_ioas_config ioas_config = { .size = sizeof(ioas_config),
						.backend = BATON_IOAS_FLAT };
static struct baton_mem_config mem_config = { .size = sizeof(mem_config),
					      .bytes = 4096,
					      .page_size = BATON_PAGE_BASE,
					      .node = BATON_NODE_ANY };
static struct baton_worker_config worker_config = { .size = sizeof(worker_config) };
static struct baton_port_config port_config = { .size = sizeof(port_config),
						.rx_queues = 1,
						.tx_queues = 1 };
static struct baton_reach_config reach_config = { .size = sizeof(reach_config) };
static struct baton_rss_config rss_config = { .size = sizeof(rss_config) };
static struct baton_flow_control flow_control = { .size = sizeof(flow_control), .pause_time = 1 };
static uint8_t mac[6] = { 2 };
static uint8_t memory[65536] __attribute__((aligned(65536))); /* the largest of pages */

static const struct baton_pool_config *
pool_config(void)
{
	static struct baton_pool_config config;

	baton_pool_config_init(&config);
	config.count = 8;
	config.page_size = BATON_PAGE_BASE;
	return &config;
}

static const struct baton_map_config *
map_config(void)
{
	static struct baton_map_config config;

	baton_map_config_init(&config);
	config.va = memory;
	config.bytes = sizeof(memory);
	return &config;
}

/* The handles inside it are the slots from 3 on. */
static const struct baton_queue_config *
queue_config(struct misuse_call *c)
{
	static struct baton_queue_config config;

	config = (struct baton_queue_config){
		.size = sizeof(config), .descs = 64, .worker = H(3), .pool = H(4)
	};
	return &config;
}

/* The handles inside it are the slots from 3 on. */
static const struct baton_ring_config *
ring_config(struct misuse_call *c)
{
	static struct baton_ring_config config;

	config = (struct baton_ring_config){
		.size = sizeof(config), .capacity = 64, .producer = H(3), .consumer = H(4)
	};
	return &config;
}

/* What was put is taken out again, with what was in front of it. */
static long
call_ring_enqueue(struct misuse_call *c)
{
	struct baton_token *t = (void *)c->room;
	int ret = baton_ring_enqueue(H(0), c->tokens, 1);
	int n = ret > 0 ? baton_ring_dequeue(H(0), t, 8) : 0;

	if (n > 1)
		baton_free(c->bench->a.worker, t, (unsigned)n - 1);
	return ret;
}

static void
on_fd(void *arg, int fd, uint32_t events)
{
}

static void
on_timer(void *arg)
{
}

static int
a_pipe(void)
{
	static int ends[2];

	return ends[1] || !pipe(ends) ? ends[0] : -1;
}

CALL(nearest, baton_nearest(P(0, "a"), P(1, ((const char *[]){ "a", NULL }))))
CALL(ctx_confidential, baton_ctx_confidential(H(0)))
MAKE(ctx_create, baton_ctx_create(P(0, &ctx_config), ROOM(1)), baton_ctx_destroy(OUT(baton_ctx)))
CALL(ctx_destroy, baton_ctx_destroy(H(0)))
CALL(ctx_poll, baton_ctx_poll(H(0), 0))
VOID(ctx_unbind, baton_ctx_unbind(H(0)))
CALL(ctx_fd, baton_ctx_fd(H(0)))
MAKE(ctx_add_fd, baton_ctx_add_fd(H(0), a_pipe(), BATON_FD_READ, P(1, on_fd), NULL),
     baton_ctx_del_fd(H(0), a_pipe()))
CALL(ctx_del_fd, baton_ctx_del_fd(H(0), a_pipe()))
MAKE(ctx_timer, baton_ctx_timer(H(0), 1000000, P(1, on_timer), NULL),
     baton_ctx_timer_cancel(H(0), on_timer, NULL))
CALL(ctx_timer_cancel, baton_ctx_timer_cancel(H(0), P(1, on_timer), NULL))
VOID(ioas_config_init, baton_ioas_config_init(ROOM(0)))
CALL(ioas_backend_by_name, baton_ioas_backend_by_name(P(0, "flat"), ROOM(1)))
MAKE(ioas_create, baton_ioas_create(H(0), P(1, &ioas_config), ROOM(2)),
     baton_ioas_destroy(OUT(baton_ioas)))
CALL(ioas_destroy, baton_ioas_destroy(H(0)))
MAKE(ctx_ioas, baton_ctx_ioas(H(0), ROOM(1)), baton_ioas_destroy(OUT(baton_ioas)))
CALL(ctx_set_ioas, baton_ctx_set_ioas(H(0), H(1)))
VOID(ioas_info, baton_ioas_info(H(0), ROOM(1)))
CALL(ioas_ranges, baton_ioas_ranges(H(0), ROOM(1), 8))
VOID(ctx_config_init, baton_ctx_config_init(ROOM(0)))
VOID(mem_config_init, baton_mem_config_init(ROOM(0)))
VOID(port_config_init, baton_port_config_init(ROOM(0)))
VOID(queue_config_init, baton_queue_config_init(ROOM(0)))
VOID(rss_config_init, baton_rss_config_init(ROOM(0)))
VOID(worker_config_init, baton_worker_config_init(ROOM(0)))
VOID(map_config_init, baton_map_config_init(ROOM(0)))
MAKE(ioas_map, baton_ioas_map(H(0), P(1, map_config()), ROOM(2)),
     baton_ioas_unmap(OUT(baton_mapping)))
MAKE(ioas_map_arena, baton_ioas_map_arena(H(0), H(1), UINT64_MAX, ROOM(2)),
     baton_ioas_unmap(OUT(baton_mapping)))
CALL(ioas_unmap, baton_ioas_unmap(H(0)))
VOID(mapping_info, baton_mapping_info(H(0), ROOM(1)))
CALL(mapping_iova, baton_mapping_iova(H(0), P(1, memory), 1, ROOM(2)))
MAKE(arena_create, baton_arena_create(H(0), P(1, &mem_config), ROOM(2)),
     baton_arena_destroy(OUT(baton_arena)))
VOID(arena_destroy, baton_arena_destroy(H(0)))
VOID(arena_info, baton_arena_info(H(0), ROOM(1)))
VOID(pool_config_init, baton_pool_config_init(ROOM(0)))
MAKE(pool_create, baton_pool_create(H(0), P(1, pool_config()), ROOM(2)),
     baton_pool_destroy(OUT(baton_pool)))
CALL(pool_destroy, baton_pool_destroy(H(0)))
VOID(pool_info, baton_pool_info(H(0), ROOM(1)))
CALL(pool_holders, baton_pool_holders(H(0), ROOM(1), 8))
MAKE(worker_create, baton_worker_create(H(0), P(1, &worker_config), ROOM(2)),
     baton_worker_destroy(OUT(baton_worker)))
CALL(worker_destroy, baton_worker_destroy(H(0)))
CALL(worker_bind, baton_worker_bind(H(0)))
VOID(worker_unbind, baton_worker_unbind(H(0)))
VOID(worker_flush, baton_worker_flush(H(0)))
CALL(worker_arm, baton_worker_arm(H(0)))
CALL(worker_sleep, baton_worker_sleep(H(0), 0))
VOID(worker_disarm, baton_worker_disarm(H(0)))
VOID(ring_config_init, baton_ring_config_init(ROOM(0)))
MAKE(ring_create, baton_ring_create(H(0), P(1, ring_config(c)), ROOM(2)),
     baton_ring_destroy(OUT(baton_ring)))
CALL(ring_destroy, baton_ring_destroy(H(0)))
CALL(ring_drain, baton_ring_drain(H(0), H(1)))
TAKE(ring_dequeue, baton_ring_dequeue(H(0), ROOM(1), 8))
CALL(ring_count, baton_ring_count(H(0)))
CALL(ring_arm, baton_ring_arm(H(0)))
VOID(ring_disarm, baton_ring_disarm(H(0)))
TAKE(alloc, baton_alloc(H(0), H(1), ROOM(2), 1))
CALL(free, baton_free(H(0), c->tokens, 1))
CALL(data, (intptr_t)baton_data(H(0), c->token))
CALL(side, (intptr_t)baton_side(H(0), c->token))
CALL(packet_segs, baton_packet_segs(c->tokens, 1))
CALL(packet_len, baton_packet_len(c->tokens, 1))
CALL(toeplitz, baton_toeplitz(P(0, baton_rss_key()), 40, P(1, memory), 12))
CALL(packet_crc, baton_packet_crc(H(0), c->tokens, 1, BATON_RSS_ALL, ROOM(2)))
CALL(packet_hash,
     baton_packet_hash(H(0), c->tokens, 1, P(2, baton_rss_key()), BATON_RSS_ALL, ROOM(3)))
CALL(crc32c, baton_crc32c(0, P(0, memory), 4))
CALL(packet_prepend, baton_packet_prepend(H(0), c->tokens, 1))
CALL(packet_append, baton_packet_append(H(0), c->tokens, 1))
CALL(packet_adjust, baton_packet_adjust(H(0), c->tokens, 1, 0))
CALL(packet_trim, baton_packet_trim(H(0), c->tokens, 1, 0))
CALL(packet_linearize, baton_packet_linearize(H(0), H(1), c->tokens, 1))
TAKE(packet_split, baton_packet_split(H(0), H(1), c->tokens, 1, 1, ROOM(3), 8))
CALL(packet_view, (intptr_t)baton_packet_view(H(0), c->tokens, 1, 0, 0, ROOM(2)))
TAKE(packet_copy, baton_packet_copy(H(0), H(1), c->tokens, 1, ROOM(3), 8))
MAKE(port_open, baton_port_open(H(0), P(1, "net_null7"), ROOM(2)),
     baton_port_close(OUT(baton_port)))
CALL(port_configure, baton_port_configure(H(0), P(1, &port_config)))
CALL(rxq_setup, baton_rxq_setup(H(0), 0, P(1, queue_config(c)), ROOM(2)))
CALL(txq_setup, baton_txq_setup(H(0), 0, P(1, queue_config(c)), ROOM(2)))
CALL(port_start, baton_port_start(H(0)))
CALL(port_stop, baton_port_stop(H(0)))
CALL(port_close, baton_port_close(H(0)))
CALL(port_reset, baton_port_reset(H(0)))
CALL(rxq_stop, baton_rxq_stop(H(0)))
CALL(txq_stop, baton_txq_stop(H(0)))
CALL(rxq_start, baton_rxq_start(H(0)))
CALL(txq_start, baton_txq_start(H(0)))
CALL(driver_load, baton_driver_load(H(0), P(1, "/nowhere/driver.so")))
CALL(drivers, (intptr_t)baton_drivers(H(0)))
CALL(driver_args, baton_driver_args(H(0), P(1, "net_null"), ROOM(2), 8))
CALL(port_check, baton_port_check(H(0), P(1, "net_null0")))
VOID(port_on_event, baton_port_on_event(H(0), NULL, NULL))
VOID(port_fault, baton_port_fault(H(0), ROOM(1)))
VOID(port_info, baton_port_info(H(0), ROOM(1)))
VOID(port_link, baton_port_link(H(0), ROOM(1)))
CALL(port_set_mtu, baton_port_set_mtu(H(0), 1500))
CALL(port_set_link, baton_port_set_link(H(0), 1))
CALL(port_set_promisc, baton_port_set_promisc(H(0), 1))
CALL(port_set_allmulti, baton_port_set_allmulti(H(0), 1))
CALL(port_set_macs, baton_port_set_macs(H(0), P(1, (const uint8_t (*)[6]) & mac), 1))
VOID(port_rss, baton_port_rss(H(0), ROOM(1)))
CALL(port_set_rss, baton_port_set_rss(H(0), P(1, &rss_config)))
CALL(port_speeds, baton_port_speeds(H(0), ROOM(1)))
CALL(port_set_speeds, baton_port_set_speeds(H(0), BATON_SPEED_100_FULL, 1))
CALL(port_flow_control, baton_port_flow_control(H(0), ROOM(1)))
CALL(port_set_flow_control, baton_port_set_flow_control(H(0), P(1, &flow_control)))
CALL(port_set_vlan, baton_port_set_vlan(H(0), 1, 1))
CALL(port_clock_read, baton_port_clock_read(H(0), ROOM(1)))
CALL(port_clock_adjust, baton_port_clock_adjust(H(0), 1))
CALL(port_rx_event, baton_port_rx_event(H(0), ROOM(1)))
CALL(port_tx_event, baton_port_tx_event(H(0), ROOM(1)))
CALL(port_set_mac, baton_port_set_mac(H(0), P(1, mac)))
VOID(port_stats, baton_port_stats(H(0), ROOM(1)))
VOID(rxq_stats, baton_rxq_stats(H(0), ROOM(1)))
VOID(txq_stats, baton_txq_stats(H(0), ROOM(1)))
VOID(port_stats_reset, baton_port_stats_reset(H(0)))
CALL(port_xstats, baton_port_xstats(H(0), ROOM(1), 8))
CALL(rxq_error, (intptr_t)baton_rxq_error(H(0)))
CALL(txq_error, (intptr_t)baton_txq_error(H(0)))
CALL(rxq_in_flight, baton_rxq_in_flight(H(0)))
CALL(txq_in_flight, baton_txq_in_flight(H(0)))
CALL(rxq_level, baton_rxq_level(H(0), ROOM(1)))
CALL(txq_level, baton_txq_level(H(0), ROOM(1)))
CALL(tx_clean, baton_tx_clean(H(0), 1))
CALL(tx_times, baton_tx_times(H(0), ROOM(1), 8))
CALL(rxq_arm, baton_rxq_arm(H(0)))
VOID(rxq_disarm, baton_rxq_disarm(H(0)))
CALL(txq_arm, baton_txq_arm(H(0)))
VOID(txq_disarm, baton_txq_disarm(H(0)))
TAKE(rx_burst, baton_rx_burst(H(0), ROOM(1), 8))
CALL(rx_peek, baton_rx_peek(H(0), ROOM(1), 1))
CALL(tx_all, baton_tx_all(H(0), c->tokens, 1))
CALL(eth_write, baton_eth_write(ROOM(0), 14, P(1, mac), P(2, mac), 0x0800))
CALL(ipv4_write, baton_ipv4_write(ROOM(0), 20, 1, 2, 17, 8, 64))
CALL(ipv6_write, baton_ipv6_write(ROOM(0), 40, P(1, memory), P(2, memory), 17, 8, 64))
CALL(udp_write, baton_udp_write(ROOM(0), 8, 1, 2, 0))
CALL(checksum, baton_checksum(P(0, memory), 4))
CALL(arp_write, baton_arp_write(ROOM(0), 28, 1, P(1, mac), 1, P(2, mac), 2))
CALL(get_be16, baton_get_be16(P(0, mac)))
CALL(get_be32, baton_get_be32(P(0, mac)))
CALL(token_l3_csum, baton_token_l3_csum(c->tokens[0]))
CALL(token_l4_csum, baton_token_l4_csum(c->tokens[0]))
CALL(packet_headers, baton_packet_headers(H(0), c->tokens, 1, ROOM(2)))
CALL(packet_checksum, baton_packet_checksum(H(0), c->tokens, 1))
CALL(packet_request_checksum, baton_packet_request_checksum(H(0), c->tokens, 1))
CALL(tx_burst, baton_tx_burst(H(0), c->tokens, 1))
VOID(reach_config_init, baton_reach_config_init(ROOM(0)))
CALL(port_set_reach, baton_port_set_reach(H(0), P(1, &reach_config)))
CALL(port_get_reach, baton_port_get_reach(H(0), ROOM(1)))
CALL(windows_parse, baton_windows_parse(P(0, "0-1"), ROOM(1), 8))
CALL(port_reach, baton_port_reach(H(0), ROOM(1), 8))
VOID(port_reach_summary, baton_port_reach_summary(H(0), ROOM(1)))

const struct misuse_function misuse_functions[] = {
#define F(name, result, caller) { #name, call_##name, RESULT_##result, CALLER_##caller },
	MISUSE_FUNCTIONS(F)
#undef F
};
const unsigned misuse_n_functions = sizeof(misuse_functions) / sizeof(misuse_functions[0]);
