/* SPDX-License-Identifier: BSD-3-Clause */
/* A backend that translates every address by what it was told: what it is told, what it asks for,
 * and what it asks for that it shall not have. */
#include "rig.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "ioas/ioas.h"
#include "port/driver.h"

#define FEATURES (FAKEDEV_FEATURES | FAKEDEV_F_ACCESS)
#define PROTOCOL (FAKEDEV_PROTOCOL | FAKEDEV_P_BACKEND_REQ)
#define NOWHERE  0x123456789000ull

static const struct rig_config iommu = { .fakedev = { .features = FEATURES,
						      .protocol = PROTOCOL } };

static struct baton_port_fault
fault_of(const struct rig *r)
{
	struct baton_port_fault f;

	baton_port_fault(r->port, &f);
	return f;
}

static void
works(struct rig *r)
{
	rig_roundtrip_rx(r, 1000, 1);
	rig_roundtrip_tx(r, 1000, 2);
	assert_string_equal(fakedev_driver_error(r->fakedev), "");
}

/* Have it ask again for what it forgot. */
static void
settle(struct rig *r)
{
	const struct baton_mapping *m = NULL;
	struct wire_iotlb list[32];
	struct ioas_entry e;
	unsigned n = 0;

	while ((m = ioas_next(r->port->reach.ioas, m, &e))) {
		fakedev_touch(r->fakedev, e.iova, 1, false);
		n++;
	}
	for (unsigned i = 0; i < 200; i++) {
		rig_poll(r, 5);
		if (fakedev_iotlb(r->fakedev, list, 32) >= n)
			break;
	}
}

/* The entry for what is mapped under this name. */
static struct wire_iotlb
entry_of(const struct rig *r, const char *name)
{
	const struct baton_mapping *m = NULL;
	struct wire_iotlb list[32];
	unsigned n = fakedev_iotlb(r->fakedev, list, 32);
	struct ioas_entry e;

	while ((m = ioas_next(r->port->reach.ioas, m, &e)) && strcmp(e.name, name) != 0)
		;
	if (!m)
		fail_msg("%s is not mapped", name);
	for (unsigned i = 0; i < n; i++)
		if (list[i].iova == e.iova) {
			assert_int_equal(list[i].size, e.bytes);
			return list[i];
		}
	fail_msg("there is no entry for %s", name);
	return list[0];
}

/* ---- what it is told ---- */

static void
told_at_start_and_until_stop(void **state)
{
	struct baton_port_info info;
	struct wire_iotlb list[32];
	struct rig r;

	rig_up(&r, &iommu);
	assert_true(fakedev_features(r.fakedev) & FAKEDEV_F_ACCESS);
	baton_port_info(r.port, &info);
	assert_non_null(strstr(info.detail, "ACCESS_PLATFORM"));
	/* One entry a mapping, whatever the number of queues; and nobody has polled. */
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 2);
	assert_int_equal(entry_of(&r, "rig").perm, WIRE_ACCESS_RW);
	assert_int_equal(entry_of(&r, "rings").perm, WIRE_ACCESS_RW);
	works(&r);
	assert_int_equal(rig_xstat(&r, "iotlb_misses"), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(baton_port_stop(r.port), 0);
		assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 0);
		assert_int_equal(fakedev_iotlb_messages(r.fakedev, WIRE_IOTLB_INVALIDATE),
				 2 * (i + 1));
		assert_false(fakedev_touch(r.fakedev, 1ull << 32, 1, false));
		rig_poll(&r, 5);
		assert_int_equal(baton_port_start(r.port), 0);
		works(&r);
	}
	rig_down(&r);
}

static void
queues_come_and_go(void **state)
{
	struct rig_config c = iommu;
	struct rig r;

	c.pairs = 2;
	c.pool_count = 4096;
	rig_up(&r, &c);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(baton_rxq_stop(r.rxq[1]), 0);
		works(&r);
		fakedev_iotlb_forget(
			r.fakedev); /* as DPDK's does, for the queue that was stopped */
		assert_int_equal(baton_rxq_start(r.rxq[1]), 0);
		works(&r);
	}
	assert_int_equal(fault_of(&r).count, 0);
	rig_down(&r);
}

/* Without it, rings are named as ever, and the backend gets nothing new. */
static void
not_agreed(void **state)
{
	static const struct {
		uint64_t features, protocol;
		const char *args;
	} cases[] = {
		{ FEATURES, PROTOCOL, ",iommu_platform=0" },
		{ FEATURES, FAKEDEV_P_BACKEND_REQ | FAKEDEV_P_MQ, NULL },
		{ FEATURES, FAKEDEV_PROTOCOL, NULL },
		{ FAKEDEV_FEATURES, PROTOCOL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rig_config c = { .fakedev = { .features = cases[i].features,
						     .protocol = cases[i].protocol },
					.args = cases[i].args };
		struct rig r;

		rig_prepare(&r, &c);
		assert_int_equal(rig_open(&r), 0);
		assert_int_equal(rig_start(&r), 0);
		assert_true(
			fakedev_wait_ready(r.fakedev, 1,
					   1000)); /* without REPLY_ACK it may still be reading */
		assert_false(fakedev_features(r.fakedev) & FAKEDEV_F_ACCESS);
		assert_int_equal(fakedev_requests(r.fakedev, WIRE_SET_BACKEND_REQ_FD), 0);
		works(&r);
		rig_down(&r);
		c.args = ",iommu_platform=1";
		if (cases[i].args)
			continue;
		rig_prepare(&r, &c);
		assert_int_equal(rig_open(&r), -ENOTSUP);
		assert_non_null(strstr(baton_last_error(), "translates no addresses"));
		assert_non_null(strstr(baton_last_error(), "iommu-support=1"));
		rig_discard(&r);
	}
}

static void
asked_for(void **state)
{
	struct rig_config c = iommu;
	struct rig r;

	c.args = ",iommu_platform=1";
	rig_up(&r, &c);
	works(&r);
	rig_down(&r);
	c.args = ",iommu_platform=2";
	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), -EINVAL);
	rig_discard(&r);
}

/* ---- what it asks for ---- */

static void
misses_are_answered(void **state)
{
	struct wire_iotlb list[32], pool;
	struct rig r;

	rig_prepare(&r, &iommu);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(rig_start(&r), 0);
	pool = entry_of(&r, "rig");
	fakedev_iotlb_forget(r.fakedev);
	/* The rings, and then, when they are there, buffers: the whole of what is mapped each time.
	 */
	assert_false(fakedev_ready(r.fakedev, FAKEDEV_RX));
	rig_poll(&r, 20);
	assert_true(fakedev_ready(r.fakedev, FAKEDEV_RX));
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 1);
	assert_false(fakedev_touch(r.fakedev, pool.iova + pool.size - 1, 1, true));
	rig_poll(&r, 20);
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 2);
	assert_memory_equal(&list[1], &pool, sizeof(pool));
	assert_in_range(rig_xstat(&r, "iotlb_misses"), 2, 4);
	assert_int_equal(fault_of(&r).count, 0);
	works(&r);
	for (unsigned i = 0; i < 100; i++) {
		fakedev_iotlb_forget(r.fakedev);
		settle(&r);
		assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 2);
	}
	works(&r);
	rig_down(&r);
}

/* Its data path blocks until somebody reads the channel, and its reply waits for the data path. */
static void
misses_while_we_wait(void **state)
{
	static const enum wire_request requests[] = { WIRE_GET_VRING_BASE, WIRE_SET_VRING_ADDR,
						      WIRE_SET_VRING_ENABLE, WIRE_SET_VRING_CALL };

	for (size_t i = 0; i < 2 * sizeof(requests) / sizeof(*requests); i++) {
		enum wire_request request = requests[i / 2];
		struct rig r;

		rig_up(&r, &iommu);
		fakedev_lie(r.fakedev, request, i % 2 ? FAKEDEV_STARVED : FAKEDEV_MISSES,
			    i % 2 ? 1 : 5000);
		assert_int_equal(baton_port_stop(r.port), 0);
		assert_int_equal(baton_port_start(r.port), 0);
		fakedev_lie(r.fakedev, request, FAKEDEV_HONEST, 0);
		settle(&r);
		assert_int_equal(fault_of(&r).count, 0);
		if (i % 2 == 0)
			assert_true(rig_xstat(&r, "iotlb_misses") >= 5000);
		works(&r);
		rig_down(&r);
	}
}

/* ---- what it shall not have ---- */

static void
faults(void **state)
{
	const struct wire_message failed = {
		.header = { WIRE_BACKEND_IOTLB_MSG, WIRE_VERSION, sizeof(struct wire_iotlb) },
		.u.iotlb = { .iova = NOWHERE + 5,
			     .perm = WIRE_ACCESS_RO,
			     .type = WIRE_IOTLB_ACCESS_FAIL },
	};
	struct rig r;

	rig_up(&r, &iommu);
	assert_int_equal(fault_of(&r).count, 0);
	assert_false(fakedev_touch(r.fakedev, NOWHERE, 64, true));
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 1, 1000));
	assert_int_equal(fault_of(&r).count, 1);
	assert_int_equal(fault_of(&r).iova, NOWHERE);
	assert_int_equal(fault_of(&r).write, 1);
	assert_int_equal(rig_xstat(&r, "faults"), 1);
	assert_non_null(strstr(r.logged, "wanted to write to 0x123456789000, where nothing is "
					 "mapped"));
	assert_true(
		fakedev_channel_send(r.fakedev, &failed.header, 12 + sizeof(struct wire_iotlb), 0));
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 2, 1000));
	assert_int_equal(fault_of(&r).iova, NOWHERE + 5);
	assert_int_equal(fault_of(&r).write, 0);
	assert_non_null(strstr(r.logged, "wanted to read 0x123456789005"));
	/* Both ends of all addresses, and one byte beyond what is mapped. */
	assert_false(fakedev_touch(r.fakedev, 0, 1, false));
	assert_false(fakedev_touch(r.fakedev, UINT64_MAX, 1, false));
	assert_false(fakedev_touch(r.fakedev, entry_of(&r, "rig").iova + entry_of(&r, "rig").size,
				   1, false));
	rig_poll(&r, 20);
	assert_int_equal(fault_of(&r).count, 5);
	assert_int_equal(r.events[BATON_EVENT_FAULT], 3); /* the 1st, 2nd and 4th */
	works(&r);
	rig_down(&r);
}

static void
read_only(void **state)
{
	struct baton_mem_config mc = { .size = sizeof(mc),
				       .bytes = 4096,
				       .page_size = BATON_PAGE_BASE,
				       .node = BATON_NODE_ANY };
	struct baton_map_config map;
	struct baton_arena_info info;
	struct baton_mapping *m, *late;
	struct baton_arena *arena;
	struct wire_iotlb e;
	struct rig r;

	rig_prepare(&r, &iommu);
	assert_int_equal(rig_open(&r), 0);
	assert_int_equal(baton_arena_create(r.ctx, &mc, &arena), 0);
	baton_arena_info(arena, &info);
	baton_map_config_init(&map);
	map.name = "read only";
	map.va = info.base;
	map.bytes = info.bytes;
	map.fd = info.fd;
	map.flags = BATON_MAP_READ;
	assert_int_equal(baton_ioas_map(r.port->reach.ioas, &map, &m), 0);
	assert_int_equal(rig_start(&r), 0);
	e = entry_of(&r, "read only");
	assert_int_equal(e.perm, WIRE_ACCESS_RO);
	assert_true(fakedev_touch(r.fakedev, e.iova, 4096, false));
	assert_false(fakedev_touch(r.fakedev, e.iova + 8, 1, true));
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 1, 1000));
	assert_int_equal(fault_of(&r).iova, e.iova + 8);
	assert_true(fault_of(&r).write);

	/* Unmapped while it runs, it is gone there, too; and what was not in its memory table
	 * cannot be given. */
	assert_int_equal(baton_ioas_unmap(m), 0);
	assert_false(fakedev_touch(r.fakedev, e.iova + 16, 1, false));
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 2, 1000));
	assert_int_equal(fault_of(&r).iova, e.iova + 16);
	assert_int_equal(baton_ioas_map_arena(r.port->reach.ioas, arena, 0, &late), 0);
	assert_false(fakedev_touch(r.fakedev, e.iova + 32, 1, false));
	rig_poll(&r, 20);
	assert_int_equal(fault_of(&r).count, 3);
	works(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_ioas_unmap(late), 0);
	baton_arena_destroy(arena);
	rig_discard(&r);
}

/* Confined: rings and slots and nothing else, and what is sent cannot be written to. */
static void
confined(void **state)
{
	struct rig_config c = iommu;
	struct wire_iotlb list[32], e;
	struct baton_token t[RIG_BURST];
	uint8_t frame[1000];
	struct rig r;
	unsigned n;

	c.args = ",confine=on";
	rig_up(&r, &c);
	assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 3);
	assert_int_equal(entry_of(&r, "rx slots").perm, WIRE_ACCESS_RW);
	e = entry_of(&r, "tx slots");
	assert_int_equal(e.perm, WIRE_ACCESS_RO);
	rig_roundtrip_rx(&r, 1000, 1);
	rig_frame(frame, sizeof(frame), 2);
	n = rig_packet(&r, frame, sizeof(frame), 0, t);
	assert_int_equal(baton_tx_burst(r.tx, t, n), n);
	fakedev_complete(r.fakedev, FAKEDEV_TX, rig_expect_tx(&r, frame, sizeof(frame)), 0);
	assert_true(baton_tx_clean(r.tx, RIG_BURST) >= 0);
	assert_false(fakedev_touch(r.fakedev, e.iova, 1, true));
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 1, 1000));
	assert_int_equal(fault_of(&r).iova, e.iova);
	rig_down(&r);
}

/* ---- what it says otherwise ---- */

static void
flood(void **state)
{
	struct rig r;
	unsigned sent;

	rig_up(&r, &iommu);
	sent = fakedev_flood(r.fakedev, NOWHERE, 4096, 100000);
	assert_in_range(sent, 100, 99999); /* as many as the socket holds */
	rig_poll(&r, 50);
	assert_int_equal(fault_of(&r).count, sent);
	assert_in_range(r.events[BATON_EVENT_FAULT], 7, 17);
	assert_int_equal(rig_count(r.logged, "wanted to"), r.events[BATON_EVENT_FAULT]);
	/* The same with what it may have: one answer for many questions. */
	sent = fakedev_flood(r.fakedev, entry_of(&r, "rig").iova, 64, 100000);
	rig_poll(&r, 100);
	assert_int_equal(rig_xstat(&r, "iotlb_misses"), fault_of(&r).count + sent);
	assert_in_range(fakedev_iotlb_messages(r.fakedev, WIRE_IOTLB_UPDATE), 3, 2 + sent / 64 + 2);
	works(&r);
	rig_down(&r);
}

static void *
flooder(void *arg)
{
	struct rig *r = arg;

	while (!__atomic_load_n(&r->quarantined, __ATOMIC_RELAXED)) {
		fakedev_flood(r->fakedev, NOWHERE, 4096, 32);
		sched_yield();
	}
	return NULL;
}

/* One that never ends: each call of ours does, timers are served, and the port stops and starts. */
static void
endless_flood(void **state)
{
	uint64_t end = rig_now_ms() + 10000;
	pthread_t thread;
	struct rig r;

	rig_up(&r, &iommu);
	assert_int_equal(pthread_create(&thread, NULL, flooder, &r), 0);
	for (unsigned i = 0; i < 20 || (fault_of(&r).count <= 100 && rig_now_ms() < end); i++)
		assert_true(baton_ctx_poll(r.ctx, 1) >= 0);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_port_start(r.port), 0);
	__atomic_store_n(&r.quarantined, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	r.quarantined = 0;
	assert_true(fault_of(&r).count > 100);
	works(&r);
	rig_down(&r);
}

struct said {
	uint32_t request, flags, size;
	uint8_t perm, type;
};

static bool
say(struct rig *r, const struct said *s, size_t len, unsigned n_fds)
{
	struct wire_message m = { .header = { s->request, s->flags, s->size },
				  .u.iotlb = {
					  .iova = NOWHERE, .perm = s->perm, .type = s->type } };

	return fakedev_channel_send(r->fakedev, &m.header, len, n_fds);
}

static void
not_understood(void **state)
{
	static const struct said list[] = {
		{ WIRE_BACKEND_CONFIG_CHANGE_MSG, 1, 0, 0, 0 },
		{ 99, 1, 64, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 0, 0, 0 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 24, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 33, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 32, 0, WIRE_IOTLB_MISS },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 32, 4, WIRE_IOTLB_MISS },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 32, 3, WIRE_IOTLB_UPDATE },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 32, 3, 0 },
		{ 0, 1, 0, 0, 0 },
	};
	const unsigned n = sizeof(list) / sizeof(*list);
	struct wire_message answer;
	struct rig r;
	unsigned fds;

	rig_up(&r, &iommu);
	fds = rig_fds();
	for (unsigned i = 0; i < n; i++) {
		struct said s = list[i];

		assert_true(say(&r, &s, 12 + s.size, i % 9)); /* and descriptors come with it */
		rig_poll(&r, 10);
		assert_int_equal(rig_xstat(&r, "backend_requests_ignored"), 2 * i + 1);
		s.flags |= WIRE_NEED_REPLY;
		assert_true(say(&r, &s, 12 + s.size, 0));
		rig_poll(&r, 10);
		assert_int_equal(fakedev_channel_receive(r.fakedev, &answer.header, sizeof(answer),
							 100),
				 20);
		assert_int_equal(answer.header.request, s.request);
		assert_int_equal(answer.header.flags, WIRE_VERSION | WIRE_REPLY);
		assert_int_equal(answer.u.u64, 1);
	}
	assert_int_equal(rig_fds(), fds);
	assert_int_equal(fault_of(&r).count, 0);
	/* One that is understood, in pieces, and acknowledged. */
	assert_true(say(&r,
			&(struct said){ WIRE_BACKEND_IOTLB_MSG, 1 | WIRE_NEED_REPLY, 32, 1,
					WIRE_IOTLB_MISS },
			5, 0));
	rig_poll(&r, 10);
	assert_int_equal(fault_of(&r).count, 0);
	{
		struct wire_message m = {
			.header = { WIRE_BACKEND_IOTLB_MSG, 1 | WIRE_NEED_REPLY, 32 },
			.u.iotlb = { .iova = NOWHERE, .perm = 1, .type = WIRE_IOTLB_MISS }
		};

		assert_true(fakedev_channel_send(r.fakedev, (uint8_t *)&m.header + 5, 20, 0));
		rig_poll(&r, 10);
		assert_true(fakedev_channel_send(r.fakedev, (uint8_t *)&m.header + 25, 44 - 25, 0));
	}
	assert_true(rig_wait_event(&r, BATON_EVENT_FAULT, 1, 1000));
	assert_int_equal(fakedev_channel_receive(r.fakedev, &answer.header, sizeof(answer), 100),
			 20);
	assert_int_equal(answer.u.u64, 0);
	works(&r);
	rig_down(&r);
}

static void
out_of_step(void **state)
{
	static const struct said list[] = {
		{ WIRE_BACKEND_IOTLB_MSG, 0, 32, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 2, 32, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 5, 32, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 65, 3, 1 },
		{ WIRE_BACKEND_IOTLB_MSG, 1, 0xffffffff, 3, 1 },
		{ 0x48545450, 0x20302e31, 0x20303034, 3, 1 },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		struct rig r;
		char byte;

		rig_up(&r, &iommu);
		assert_true(say(&r, &list[i], 44, 2));
		rig_poll(&r, 10);
		assert_non_null(strstr(r.logged, "its channel is closed"));
		assert_true(fakedev_channel_receive(r.fakedev, &byte, 1, 100) <= 0);
		assert_int_equal(r.events[BATON_EVENT_LOST], 0);
		works(&r); /* it has what it needs */
		rig_down(&r);
	}
}

/* A backend that asks for acknowledgements and never reads one. */
static void
replies_unread(void **state)
{
	const struct said s = { WIRE_BACKEND_IOTLB_MSG, 1 | WIRE_NEED_REPLY, 32, 3,
				WIRE_IOTLB_MISS };
	struct rig r;

	rig_up(&r, &iommu);
	for (unsigned i = 0; i < 20000 && say(&r, &s, 44, 0); i++)
		if (i % 32 == 31)
			baton_ctx_poll(r.ctx, 0);
	assert_non_null(strstr(r.logged, "asks for replies and does not read them"));
	works(&r);
	rig_down(&r);
}

static void
hangs_up_there(void **state)
{
	struct rig r;
	unsigned fds;

	rig_up(&r, &iommu);
	fds = rig_fds();
	fakedev_channel_close(r.fakedev);
	rig_poll(&r, 20);
	assert_int_equal(rig_fds(), fds - 2); /* both ends */
	works(&r);
	rig_down(&r);
}

static void
comes_back(void **state)
{
	struct rig_config c = iommu;
	struct wire_iotlb list[32];
	struct rig r;

	c.pool_count = 4096; /* what each hang-up leaves in doubt stays quarantined: the process
				lives on */
	rig_up(&r, &c);
	for (unsigned i = 1; i <= 3; i++) {
		fakedev_hang_up(r.fakedev);
		assert_true(rig_wait_event(&r, BATON_EVENT_LOST, i, 1000));
		if (!rig_wait_event(&r, BATON_EVENT_BACK, i, 3000))
			fail_msg("%s", r.logged);
		assert_int_equal(fakedev_iotlb(r.fakedev, list, 32), 2);
		works(&r);
	}
	/* One that translates nothing is not what the user was told he has. */
	fakedev_set_features(r.fakedev, FAKEDEV_FEATURES);
	fakedev_hang_up(r.fakedev);
	assert_false(rig_wait_event(&r, BATON_EVENT_BACK, 4, 600));
	assert_non_null(strstr(r.logged, "translates no addresses"));
	fakedev_set_features(r.fakedev, FEATURES);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 4, 3000));
	works(&r);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_string_equal(fakedev_driver_error(r.fakedev), "");
	rig_discard(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_at_start_and_until_stop),
		cmocka_unit_test(queues_come_and_go),
		cmocka_unit_test(not_agreed),
		cmocka_unit_test(asked_for),
		cmocka_unit_test(misses_are_answered),
		cmocka_unit_test(misses_while_we_wait),
		cmocka_unit_test(faults),
		cmocka_unit_test(read_only),
		cmocka_unit_test(confined),
		cmocka_unit_test(flood),
		cmocka_unit_test(endless_flood),
		cmocka_unit_test(not_understood),
		cmocka_unit_test(out_of_step),
		cmocka_unit_test(replies_unread),
		cmocka_unit_test(hangs_up_there),
		cmocka_unit_test(comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
