/* SPDX-License-Identifier: BSD-3-Clause */
/* What the CPU and the device see of each other's bytes: received through slots, sent through
 * slots, and beside that, directly. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dma/pool.h"

#define ROOM 2060 /* of a buffer or slot, for the device */

static const char *const ways[] = { NULL, ",bounce=always", ",confine=on" };

#define FOR_EACH_WAY for (unsigned way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)

static struct rig_config
config(unsigned way)
{
	return (struct rig_config){ .args = ways[way], .mtu = 1500 };
}

/* Write a pattern over all of every buffer that nobody has. */
static void
paint(struct rig *r, uint8_t pattern)
{
	static struct baton_token t[4096];
	struct baton_pool_info info;
	unsigned n = 0;

	baton_pool_info(r->pool, &info);
	while (n < r->count && baton_alloc(r->worker, r->pool, &t[n], 1) == 1) {
		t[n].off = 0;
		t[n].len = (uint16_t)info.data_len;
		memset(baton_data(r->worker, t[n]), pattern, info.data_len);
		n++;
	}
	for (unsigned i = 0; i < n; i += 32)
		assert_int_equal(baton_free(r->worker, t + i, n - i < 32 ? n - i : 32), 0);
}

static void
assert_all(const uint8_t *p, size_t n, uint8_t pattern)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern)
			fail_msg("byte %zu of %zu is 0x%02x, not 0x%02x", i, n, p[i], pattern);
}

/* All of what the device has at @head, whoever wrote it. */
static void
snapshot(struct rig *r, int head, uint8_t out[ROOM])
{
	assert_int_equal(fakedev_read(r->fakedev, FAKEDEV_RX, (unsigned)head, 0, out, ROOM), ROOM);
}

/* ---- a partial write stays partial ---- */

/*
 * CVE-2022-0854: a device wrote 3 of 8 bytes and the CPU was shown the 5 that an earlier packet had
 * left in the slot. Here every slot was full of 0x5e, every buffer is full of 0xa5, and the device
 * writes more than it completes with, or no more than that.
 */
static void
partial_write(void **state)
{
	FOR_EACH_WAY
	{
		struct rig_config c = config(way);
		struct baton_pool_info info;
		uint8_t secret[2000], frame[1500];
		struct rig r;

		rig_up(&r, &c);
		baton_pool_info(r.pool, &info);
		memset(secret, 0x5e, sizeof(secret));
		for (unsigned i = 0; i < 600; i++) {
			assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, secret,
							   sizeof(secret)),
					 1);
			rig_expect_rx(&r, secret, sizeof(secret));
		}
		for (uint32_t len = 14; len < 600; len++) {
			/* Directly, what else the device wrote is in the buffer: only what it did
			 * not write is as it was. */
			const uint32_t written = way && len & 1 ? sizeof(frame) : len;
			struct baton_token t[RIG_BURST], all;
			const uint8_t *bytes;
			int head;

			if (len % 64 == 14)
				paint(&r, 0xa5);
			rig_frame(frame, sizeof(frame), len);
			head = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, written, 1);
			fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head,
					 FAKEDEV_HEADER + len);
			assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 1);
			assert_int_equal(t[0].len, len);
			assert_memory_equal(baton_data(r.worker, t[0]), frame, len);
			all = t[0];
			all.off = 0;
			all.len = (uint16_t)info.data_len;
			bytes = baton_data(r.worker, all);
			if (way) {
				assert_all(bytes, t[0].off, 0xa5);
				assert_all(bytes + t[0].off + len, info.data_len - t[0].off - len,
					   0xa5);
			} else {
				assert_true(bytes[t[0].off + len] == 0xa5 ||
					    bytes[t[0].off + len] == 0x5e);
			}
			memset(baton_data(r.worker, all), 0xa5, info.data_len);
			assert_int_equal(baton_free(r.worker, t, 1), 0);
		}
		rig_down(&r);
	}
}

/* ---- peek ---- */

/*
 * The ath9k regression of March 2022: the driver looked whether the device was done by handing the
 * buffer to the CPU and back, and the latter wrote the CPU's stale view over what the device had
 * meanwhile written. A look must not write.
 */
static void
peek_while_the_device_writes(void **state)
{
	FOR_EACH_WAY
	{
		struct rig_config c = config(way);
		struct rig r;

		rig_up(&r, &c);
		for (uint32_t i = 0; i < 600; i++) {
			uint8_t frame[1000], before[ROOM], after[ROOM], seen[1000];
			struct baton_peek p = { .data = seen, .room = sizeof(seen) };
			int head;

			rig_frame(frame, sizeof(frame), i);
			head = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, 100 + i, 1);
			snapshot(&r, head, before);
			assert_int_equal(baton_rx_peek(r.rx, &p, 1), 0);
			assert_int_equal(baton_rx_burst(r.rx, (struct baton_token[RIG_BURST]){ 0 },
							RIG_BURST),
					 0);
			snapshot(&r, head, after);
			assert_memory_equal(before, after, ROOM);
			fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)head,
				      FAKEDEV_HEADER + 100 + i, frame + 100 + i, 900 - i);
			snapshot(&r, head, before);
			fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head,
					 FAKEDEV_HEADER + 1000);
			for (unsigned again = 0; again < 3; again++) {
				memset(seen, 0, sizeof(seen));
				assert_int_equal(baton_rx_peek(r.rx, &p, 1), 1);
				assert_int_equal(p.len, 1000);
				assert_int_equal(p.segs, 1);
				assert_memory_equal(seen, frame, 1000);
				snapshot(&r, head, after);
				assert_memory_equal(before, after, ROOM);
			}
			rig_expect_rx(&r, frame, sizeof(frame));
			assert_int_equal(baton_rx_peek(r.rx, &p, 1), 0);
		}
		rig_down(&r);
	}
}

static void
peek_errors(void **state)
{
	struct baton_peek p = { 0 };
	struct rig r;

	rig_up(&r, &(struct rig_config){ .args = ",bounce=always" });
	assert_int_equal(baton_rx_peek(r.rx, &p, 0), 0);
	assert_int_equal(baton_port_stop(r.port), 0);
	assert_int_equal(baton_rx_peek(r.rx, &p, 1), -ENETDOWN);
	rig_discard(&r);
}

/* ---- who holds what ---- */

/* Every call that takes a token, with one that is no longer the CPU's: refused, and reported. */
static void
refused(struct rig *r, struct baton_token t)
{
	struct baton_token out[2];
	unsigned before = r->violations;

	assert_null(baton_data(r->worker, t));
	assert_int_equal(r->violations, before + 1);
	assert_null(baton_side(r->worker, t));
	assert_int_equal(r->violations, before + 2);
	assert_int_equal(baton_free(r->worker, &t, 1), -EPERM);
	assert_int_equal(r->violations, before + 3);
	assert_int_equal(baton_packet_copy(r->worker, r->pool, &t, 1, out, 2), -EPERM);
	assert_int_equal(r->violations, before + 4);
	assert_int_equal(baton_tx_burst(r->tx, &t, 1), -EPERM);
	assert_int_equal(r->violations, before + 5);
	t.flags |= BATON_TOKEN_CONT; /* as a part of a longer packet, too */
	{
		struct baton_token two[2] = { t };

		assert_int_equal(baton_alloc(r->worker, r->pool, &two[1], 1), 1);
		two[1].len = 60;
		assert_int_equal(baton_tx_burst(r->tx, two, 2), -EPERM);
		assert_int_equal(r->violations, before + 6);
		assert_int_equal(baton_free(r->worker, &two[1], 1), 0);
	}
}

static void
tokens_after_give(void **state)
{
	FOR_EACH_WAY
	{
		struct rig_config c = config(way);
		struct baton_token t[RIG_BURST], forged;
		uint8_t frame[100];
		struct rig r;

		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), 1);
		/* Sent; of a bounced one, nobody has it. */
		rig_packet(&r, frame, sizeof(frame), 0, t);
		assert_int_equal(baton_tx_burst(r.tx, t, 1), 1);
		refused(&r, t[0]);
		assert_int_equal(rig_held(&r, BATON_HOLDER_CPU), 0);
		fakedev_complete(r.fakedev, FAKEDEV_TX, rig_expect_tx(&r, frame, sizeof(frame)), 0);
		rig_clean(&r, 8, 1);
		refused(&r, t[0]);
		/* Received, freed. */
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 1);
		forged = t[0];
		assert_int_equal(baton_free(r.worker, t, 1), 0);
		refused(&r, forged);
		/* Taken by nobody: whatever buffer and generation is made up. */
		for (unsigned i = 0; i < 3; i++) {
			forged.buf = i * 300;
			for (forged.gen = 0; forged.gen < 3; forged.gen++)
				refused(&r, forged);
		}
		/* No completion, no packet, whatever lies there. */
		assert_true(fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame), 1) >= 0);
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
		r.violations = 0;
		rig_down(&r);
	}
}

#ifdef DMA_ASAN
#define ASAN_BUILD 1
#else
#define ASAN_BUILD 0
#endif

/* A store through a pointer that was kept. Return: what became of the process that did it, and its
 * last words. */
static int
store(uint8_t *at, char *words, size_t room)
{
	int fds[2], status;
	ssize_t n, done = 0;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fds[1], STDERR_FILENO);
		*(volatile uint8_t *)at = 0xbd;
		_exit(0);
	}
	close(fds[1]);
	while (done < (ssize_t)room - 1 &&
	       (n = read(fds[0], words + done, room - 1 - (size_t)done)) > 0)
		done += n;
	words[done] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Caught by AddressSanitizer; and where packets are copied the device never sees it. The memory is
 * shared, so a child's store is, too. */
static void
raw_store_into_a_given_buffer(void **state)
{
	FOR_EACH_WAY
	{
		struct rig_config c = config(way);
		static char words[65536];
		struct wire_net_header header;
		uint8_t frame[100], got[200];
		size_t len = sizeof(got);
		struct baton_token t;
		uint8_t *kept;
		struct rig r;
		int status;

		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), 1);
		rig_packet(&r, frame, sizeof(frame), 0, &t);
		kept = baton_data(r.worker, t);
		assert_int_equal(baton_tx_burst(r.tx, &t, 1), 1);
		status = store(kept + 50, words, sizeof(words));
		if (ASAN_BUILD) {
			assert_true(status != 0);
			assert_non_null(strstr(words, "use-after-poison"));
		} else {
			assert_int_equal(status, 0);
		}
		assert_true(fakedev_tx_collect(r.fakedev, FAKEDEV_TX, &header, got, &len) >= 0);
		assert_int_equal(len, sizeof(frame));
		if (!way && !ASAN_BUILD)
			frame[50] = 0xbd; /* directly, it is the device's packet that was changed */
		assert_memory_equal(got, frame, sizeof(frame));
		fakedev_complete(r.fakedev, FAKEDEV_TX, 0, 0);
		rig_clean(&r, 8, 1);
		rig_down(&r);
	}
}

/* Directly, the application reads what the device has made of its packet since; documented so.
 * Copied, it does not change. */
static void
device_rewrites_a_taken_packet(void **state)
{
	FOR_EACH_WAY
	{
		struct rig_config c = config(way);
		uint8_t frame[500], lies[500];
		struct baton_token t[RIG_BURST];
		struct rig r;
		int head;

		rig_up(&r, &c);
		rig_frame(frame, sizeof(frame), 1);
		memset(lies, 0x1e, sizeof(lies));
		head = fakedev_rx_write(r.fakedev, FAKEDEV_RX, frame, sizeof(frame), 1);
		fakedev_complete(r.fakedev, FAKEDEV_RX, (uint32_t)head,
				 FAKEDEV_HEADER + sizeof(frame));
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 1);
		assert_memory_equal(baton_data(r.worker, t[0]), frame, sizeof(frame));
		assert_int_equal(fakedev_write(r.fakedev, FAKEDEV_RX, (unsigned)head,
					       FAKEDEV_HEADER, lies, sizeof(lies)),
				 sizeof(lies));
		assert_memory_equal(baton_data(r.worker, t[0]), way ? frame : lies, sizeof(frame));
		assert_int_equal(baton_free(r.worker, t, 1), 0);
		rig_down(&r);
	}
}

/* ---- no buffer ---- */

/* With the pool empty, packets stay with the device, can be looked at, and come later: all of them,
 * in order. */
static void
pool_empty(void **state)
{
	struct rig_config c = { .args = ",bounce=always", .pool_count = 128, .mtu = 1500 };
	struct baton_token all[128], t[RIG_BURST];
	struct baton_peek peeks[RIG_BURST] = { { 0 } };
	uint32_t next = 0;
	uint8_t frame[300];
	struct rig r;
	unsigned n = 0;

	rig_up(&r, &c);
	while (n < 128 && baton_alloc(r.worker, r.pool, &all[n], 1) == 1)
		n++;
	assert_int_equal(n, 128);
	for (uint32_t i = 0; i < 40; i++) {
		rig_frame(frame, sizeof(frame), i);
		assert_int_equal(fakedev_rx_inject(r.fakedev, FAKEDEV_RX, frame, sizeof(frame)), 1);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(baton_rx_burst(r.rx, t, RIG_BURST), 0);
	assert_int_equal(rig_stats(&r).rx_nobuf, 10);
	assert_int_equal(rig_stats(&r).rx_packets, 0);
	assert_int_equal(baton_rx_peek(r.rx, peeks, RIG_BURST), 40);
	while (next < 40) {
		unsigned some = 1 + next % 7;
		int got;

		some = some < 40 - next ? some : 40 - next;
		n -= some;
		assert_int_equal(baton_free(r.worker, all + n, some), 0);
		got = baton_rx_burst(r.rx, t, RIG_BURST);
		assert_int_equal(got, some);
		for (int i = 0; i < got; i++) {
			rig_frame(frame, sizeof(frame), next++);
			assert_int_equal(t[i].len, sizeof(frame));
			assert_memory_equal(baton_data(r.worker, t[i]), frame, sizeof(frame));
			all[n++] = t[i];
		}
	}
	for (unsigned i = 0; i < n; i += 32)
		assert_int_equal(baton_free(r.worker, all + i, n - i < 32 ? n - i : 32), 0);
	assert_int_equal(rig_stats(&r).rx_packets, 40);
	assert_int_equal(rig_stats(&r).rx_errors, 0);
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_write),
		cmocka_unit_test(peek_while_the_device_writes),
		cmocka_unit_test(peek_errors),
		cmocka_unit_test(tokens_after_give),
		cmocka_unit_test(raw_store_into_a_given_buffer),
		cmocka_unit_test(device_rewrites_a_taken_packet),
		cmocka_unit_test(pool_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
