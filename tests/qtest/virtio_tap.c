/* SPDX-License-Identifier: BSD-3-Clause */
/* What QEMU's virtio-net has only in front of a TAP: two queue pairs, checksums left to the device.
 */
#include "qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <baton/baton.h>

#define QUEUES 2
#define FLOWS  64
#define LEN    90
#define HEADER ((uint32_t)sizeof(struct virtio_net_hdr))
#define UDP    34 /* where the UDP header begins */

struct bench {
	struct baton_ctx *ctx;
	struct qtest *q;
	struct baton_pool *pool;
	struct baton_worker *worker;
	struct baton_port *port;
	struct baton_rxq *rx[QUEUES];
	struct baton_txq *tx[QUEUES];
};

static void
must(int ret)
{
	if (ret < 0)
		fail_msg("%s: %s", strerror(-ret), baton_last_error());
}

static void
begin(struct bench *b, const char *args)
{
	struct baton_port_config pc = { .size = sizeof(pc),
					.rx_queues = QUEUES,
					.tx_queues = QUEUES,
					.offloads = BATON_OFFLOAD_RX_CSUM | BATON_OFFLOAD_TX_CSUM };
	struct baton_worker_config w = { .size = sizeof(w), .name = "w", .cache_size = 64 };
	struct baton_ctx_config c = { .size = sizeof(c) };
	struct baton_queue_config qc = { .size = sizeof(qc), .descs = 256 };
	struct baton_pool_config p;
	char spec[64];

	memset(b, 0, sizeof(*b));
	must(baton_ctx_create(&c, &b->ctx));
	b->q = qtest_start(b->ctx, "virtio-net-pci,disable-legacy=on,iommu_platform=on,mq=on",
			   true);
	baton_pool_config_init(&p);
	p.count = 2048;
	p.page_size = BATON_PAGE_BASE;
	must(baton_pool_create(b->ctx, &p, &b->pool));
	must(baton_worker_create(b->ctx, &w, &b->worker));
	snprintf(spec, sizeof(spec), "%s,queues=2%s", QTEST_BDF, args);
	must(baton_port_open(b->ctx, spec, &b->port));
	must(baton_port_configure(b->port, &pc));
	qc.worker = b->worker;
	for (uint16_t i = 0; i < QUEUES; i++) {
		qc.pool = b->pool;
		must(baton_rxq_setup(b->port, i, &qc, &b->rx[i]));
		qc.pool = NULL;
		must(baton_txq_setup(b->port, i, &qc, &b->tx[i]));
	}
	must(baton_port_start(b->port));
}

static void
end(struct bench *b)
{
	must(baton_port_stop(b->port));
	must(baton_port_close(b->port));
	assert_int_equal(qtest_strays(b->q), 0);
	must(baton_worker_destroy(b->worker));
	must(baton_pool_destroy(b->pool));
	must(baton_ctx_destroy(b->ctx));
	qtest_stop(b->q);
}

/* A UDP packet of a flow, by its ports. Its checksum is that of no pseudo-header. */
static void
make(uint8_t frame[LEN], unsigned flow)
{
	static const uint8_t headers[] = {
		2,    0, 0, 0,        0, 1, 2, 0, 0,  0,  0, 2, 8,  0, /* Ethernet */
		0x45, 0, 0, LEN - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, /* IPv4 */
	};

	for (unsigned i = 0; i < LEN; i++)
		frame[i] = (uint8_t)(i * 5 + flow);
	memcpy(frame, headers, sizeof(headers));
	memcpy(frame + UDP, (uint8_t[]){ 0x10, (uint8_t)flow, 0x20, 0, 0, LEN - UDP, 0, 0 }, 8);
}

static void
inject(struct bench *b, const uint8_t *frame, struct virtio_net_hdr h)
{
	uint8_t all[HEADER + LEN];

	memcpy(all, &h, HEADER);
	memcpy(all + HEADER, frame, LEN);
	qtest_send(b->q, all, sizeof(all));
}

/* Receive the only packet of ours that is there. Return: its queue. */
static unsigned
receive(struct bench *b, const uint8_t *frame, struct baton_token *t)
{
	unsigned found = QUEUES;

	for (unsigned i = 0; i < QUEUES; i++) {
		struct baton_token got[64];
		int n = baton_rx_burst(b->rx[i], got, 64);

		must(n);
		for (int k = 0; k < n; k++) {
			const uint8_t *data = baton_data(b->worker, got[k]);

			if (got[k].len != LEN || memcmp(data, frame, 12) != 0) {
				must(baton_free(b->worker, &got[k], 1)); /* the kernel's own */
				continue;
			}
			assert_int_equal(found, QUEUES);
			assert_memory_equal(data, frame, LEN);
			found = i;
			*t = got[k];
		}
	}
	assert_true(found < QUEUES);
	return found;
}

/* The next frame that leaves, and its header. */
static void
leaves(struct bench *b, const uint8_t *frame, struct virtio_net_hdr *h)
{
	uint8_t got[HEADER + 2048];

	assert_int_equal(qtest_receive(b->q, got, sizeof(got)), HEADER + LEN);
	memcpy(h, got, HEADER);
	assert_memory_equal(got + HEADER, frame, LEN);
}

/* Flows are spread over both queues, and each stays on its own; what is received is sent on the
 * queue with that number. */
static void
queues(void **state)
{
	struct bench b;
	unsigned at[QUEUES] = { 0 }, of[FLOWS];

	begin(&b, *state);
	for (unsigned i = 0; i < 2 * FLOWS; i++) {
		struct virtio_net_hdr h = { .flags = 0 };
		uint8_t frame[LEN];
		struct baton_token t;
		unsigned queue;

		make(frame, i % FLOWS);
		inject(&b, frame, h);
		queue = receive(&b, frame, &t);
		if (i < FLOWS)
			of[i] = queue;
		assert_int_equal(queue, of[i % FLOWS]);
		at[queue]++;
		assert_int_equal(baton_tx_burst(b.tx[queue], &t, 1), 1);
		leaves(&b, frame, &h);
		assert_int_equal(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		struct baton_stats st;

		assert_true(at[i] > 0);
		baton_txq_stats(b.tx[i], &st);
		assert_int_equal(st.tx_packets, at[i]);
	}
	end(&b);
}

/* A checksum that its sender left to the device is the receiver's to know, and goes on as it came.
 */
static void
checksums(void **state)
{
	const struct virtio_net_hdr left = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					     .csum_start = UDP,
					     .csum_offset = 6 };
	struct baton_port_info info;
	struct bench b;

	begin(&b, *state);
	baton_port_info(b.port, &info);
	assert_true(info.offloads & BATON_OFFLOAD_RX_CSUM);
	assert_true(info.offloads & BATON_OFFLOAD_TX_CSUM);
	for (unsigned i = 0; i < 8; i++) {
		struct virtio_net_hdr h;
		uint8_t frame[LEN];
		struct baton_token t;
		unsigned queue;

		make(frame, i);
		inject(&b, frame, left);
		queue = receive(&b, frame, &t);
		assert_int_equal(t.flags >> BATON_TOKEN_L4_SHIFT & 3, BATON_CSUM_PARTIAL);
		assert_int_equal(baton_side(b.worker, t)->csum_offset, 6);
		assert_int_equal(baton_tx_burst(b.tx[queue], &t, 1), 1);
		leaves(&b, frame, &h);
		assert_true(h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(h.csum_start, UDP);
		assert_int_equal(h.csum_offset, 6);
	}
	end(&b);
}

#define BOTH(args)                                                                                 \
	{ "queues" args, queues, NULL, NULL, (void *)(uintptr_t)args },                            \
	{                                                                                          \
		"checksums" args, checksums, NULL, NULL, (void *)(uintptr_t)args                   \
	}

/* In a process of its own, since it cannot be undone. */
static bool
can_tap(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(unshare(CLONE_NEWNET) || open("/dev/net/tun", O_RDWR | O_CLOEXEC) < 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = { BOTH(""), BOTH(",bounce=always"), BOTH(",confine=on") };
	const char *why = qtest_missing();

	if (!why && !can_tap())
		why = "a TAP takes the right to make a network namespace, and /dev/net/tun";
	if (!why)
		return cmocka_run_group_tests(tests, NULL, NULL);
	printf("skipped: %s\n", why);
	return 77;
}
