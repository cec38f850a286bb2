/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a backend: what it, or who it left its memory to, may still write to is not used
 * again; what nobody has any more comes home; and where neither can be known there is a bound.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctx/ctx.h"
#include "dma/pool.h"
#include "mem/os.h"
#include "nic/peer.h"
#include "rig.h"

#define LATE 0xee

static void
must(int ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s: %s", what, strerror(-ret), baton_last_error());
}

/* ---- a machine whose calls fail ---- */

static int
no_proc(const struct mem_os *os, int fd, int flags)
{
	return -ENOENT;
}

static int
no_lock(const struct mem_os *os, int fd, uint64_t byte)
{
	return -EINVAL;
}

static int
no_lease(const struct mem_os *os, int fd)
{
	return -EINVAL;
}

static int
no_descriptor(const struct mem_os *os, int fd, int flags)
{
	return -EMFILE;
}

/* A port that does not wait a second for what stays held. */
static void
hurry(struct rig *r)
{
	nic_of(r->port)->peer->patience_ms = 50;
}

static void
up(struct rig *r, const struct rig_config *c)
{
	rig_up(r, c);
	hurry(r);
}

static void
up_on(struct rig *r, const struct rig_config *c, const struct mem_os *os)
{
	rig_prepare(r, c);
	r->ctx->mem_os = os;
	must(rig_open(r), "open");
	must(rig_start(r), "start");
	hurry(r);
}

static uint32_t
quarantined(const struct rig *r)
{
	return rig_held(r, BATON_HOLDER_QUARANTINE);
}

static void
hang_up_and_back(struct rig *r)
{
	unsigned n = r->events[BATON_EVENT_BACK];

	fakedev_hang_up(r->fakedev);
	if (!rig_wait_event(r, BATON_EVENT_BACK, n + 1, 5000))
		fail_msg("it does not come back: %s", r->logged);
	rig_check_sum(r);
	rig_roundtrip_rx(r, 60, n);
	rig_roundtrip_tx(r, 60, n + 1);
}

/* So many rings' worth are in quarantine; a ring is refilled when several descriptors are free. */
static void
rings_in_quarantine(const struct rig *r, unsigned n)
{
	if (rig_bounced(r))
		n = 0;
	assert_in_range(quarantined(r), n * 224, n * 256);
}

static unsigned
alloc(struct rig *r, struct baton_token *t, unsigned n)
{
	unsigned got = 0;

	for (int more = 1; got < n && more > 0; got += (unsigned)more)
		more = baton_alloc(r->worker, r->pool, t + got, 32);
	return got;
}

static void
give_back(struct rig *r, struct baton_token *t, unsigned n)
{
	for (unsigned i = 0; i < n; i += 32)
		assert_int_equal(baton_free(r->worker, t + i, 32), 0);
}

static void
come_home(struct rig *r)
{
	for (unsigned i = 0; i < 300 && quarantined(r); i++)
		rig_poll(r, 10);
	assert_int_equal(quarantined(r), 0);
}

/* ---- somebody has it ---- */

/* Whoever it is: what is in quarantine is not used while he has it, and comes home when he ends,
 * although the next backend has the same memory. */
static void
left_to_a_child(void **state)
{
	struct rig_config c = { .pool_count = 2048 };
	unsigned fds = 0;
	struct rig r;

	up(&r, &c);
	for (unsigned i = 0; i < 2; i++) {
		fakedev_leave_memory(r.fakedev, true);
		hang_up_and_back(&r);
		rings_in_quarantine(&r, 1);
		hang_up_and_back(&r);
		rings_in_quarantine(&r, 2);
		fakedev_leave_memory(r.fakedev, false);
		hang_up_and_back(&r); /* this one left nothing: only the others stay */
		rings_in_quarantine(&r, 2);
		fakedev_drop_left(r.fakedev);
		come_home(&r);
		fds = fds ? fds : rig_fds();
		assert_int_equal(rig_fds(), fds);
	}
	assert_null(strstr(r.logged, "lives on"));
	rig_down(&r);
}

/* A pool of two ports: the end of one's backend is seen, although the other's has the same file. */
static void
told_apart(void **state)
{
	struct rig_config c = { .pool_count = 4096 };
	struct fakedev_config f = { 0 };
	struct baton_port_config pc = { .size = sizeof(pc), .rx_queues = 1, .tx_queues = 1 };
	struct baton_queue_config q = { .size = sizeof(q) };
	struct baton_rxq *rx;
	struct baton_txq *tx;
	struct baton_port *port;
	struct fakedev *other;
	char path[128], args[256];
	struct rig r;

	up(&r, &c);
	snprintf(path, sizeof(path), "%s.2", r.path);
	f.path = path;
	other = fakedev_start(&f);
	assert_non_null(other);
	snprintf(args, sizeof(args), "net_virtio_user1,path=%s", path);
	must(baton_port_open(r.ctx, args, &port), "open");
	must(baton_port_configure(port, &pc), "configure");
	q.worker = r.worker;
	q.pool = r.pool;
	must(baton_rxq_setup(port, 0, &q, &rx), "rxq");
	must(baton_txq_setup(port, 0, &q, &tx), "txq");
	must(baton_port_start(port), "start");
	for (unsigned i = 0; i < 3; i++) {
		hang_up_and_back(&r);
		assert_int_equal(quarantined(&r), 0);
	}
	fakedev_leave_memory(r.fakedev, true);
	hang_up_and_back(&r);
	rings_in_quarantine(&r, 1);
	fakedev_drop_left(r.fakedev);
	come_home(&r);
	must(baton_port_close(port), "close");
	fakedev_stop(other);
	rig_down(&r);
}

/* ---- less evidence ---- */

/* One backend lets go, and the next one leaves its memory to somebody. */
static void
up_and_left(struct rig *r, const struct mem_os *os)
{
	struct rig_config c = { .pool_count = 2048 };

	up_on(r, &c, os);
	hang_up_and_back(r);
	assert_int_equal(quarantined(r), 0);
	fakedev_leave_memory(r->fakedev, true);
	hang_up_and_back(r);
	rings_in_quarantine(r, 1);
}

/* A lease alone: while the next backend has the memory nothing is known of the one before; at the
 * next hang-up, when nobody has it, all comes home. */
static void
lease_only(void **state)
{
	struct mem_os os = mem_os_host;
	struct rig r;

	os.lock = no_lock;
	up_and_left(&r, &os);
	fakedev_leave_memory(r.fakedev, false);
	fakedev_drop_left(r.fakedev);
	rig_poll(&r, 600);
	rings_in_quarantine(&r, 1);
	hang_up_and_back(&r);
	assert_int_equal(quarantined(&r), 0);
	rig_down(&r);
}

static void
lock_only(void **state)
{
	struct mem_os os = mem_os_host;
	struct rig r;

	os.lease = no_lease;
	up_and_left(&r, &os);
	fakedev_drop_left(r.fakedev);
	come_home(&r);
	rig_down(&r);
}

/* ---- none ---- */

/* What one port may have in quarantine is bounded: it stops, with the numbers, before it takes from
 * the pool what others need. */
static void
bounded(void **state)
{
	struct rig_config c = { .pool_count = 1400 };
	struct baton_port_info info;
	struct baton_token t[1024];
	struct mem_os os = mem_os_host;
	unsigned turns = 0;
	struct rig r;

	os.reopen = no_proc;
	up_on(&r, &c, &os);
	if (rig_bounced(&r)) {
		for (; turns < 20; turns++)
			hang_up_and_back(&r);
		assert_int_equal(quarantined(&r), 0);
		rig_down(&r);
		return;
	}
	assert_non_null(strstr(r.logged, "only a hang-up is seen"));
	assert_non_null(strstr(r.logged, "/proc/self/fd cannot be opened"));
	for (; turns < 20 && !r.events[BATON_EVENT_REMOVED]; turns++) {
		unsigned back = r.events[BATON_EVENT_BACK];

		fakedev_hang_up(r.fakedev);
		for (unsigned i = 0; i < 500 && !r.events[BATON_EVENT_REMOVED] &&
				     r.events[BATON_EVENT_BACK] == back;
		     i++)
			rig_poll(&r, 10);
	}
	assert_in_range(turns, 2, 4);
	baton_port_info(r.port, &info);
	assert_int_equal(info.state, BATON_PORT_REMOVED);
	/* The queues do not promise to run again either. */
	assert_int_equal(baton_rx_burst(r.rx, t, 64), -ENETDOWN);
	assert_non_null(strstr(baton_last_error(), "has lost its device for good"));
	rings_in_quarantine(&r, turns);
	assert_non_null(strstr(r.logged, "is stopped for good: "));
	assert_non_null(strstr(r.logged, "of the 1400 buffers of pool rig are in quarantine, and "
					 "640 are needed to go on"));
	assert_non_null(strstr(r.logged, "hangup=final"));
	assert_null(strstr(r.logged, "lives on"));
	/* What is left is of use to others. */
	assert_int_equal(alloc(&r, t, 512), 512);
	give_back(&r, t, 512);
	rig_discard(&r);
}

/* The user says that a hang-up means that nobody has it. */
static void
final(void **state)
{
	struct rig_config c = { .pool_count = 1400, .args = ",hangup=final" };
	struct mem_os os = mem_os_host;
	struct rig r;

	os.reopen = no_proc;
	up_on(&r, &c, &os);
	for (unsigned i = 0; i < 20; i++) {
		hang_up_and_back(&r);
		assert_int_equal(quarantined(&r), 0);
	}
	/* It is we who hang up on one that does not answer: no promise holds for that. */
	if (!rig_bounced(&r)) {
		fakedev_lie(r.fakedev, WIRE_GET_VRING_BASE, FAKEDEV_SILENT, 0);
		assert_int_equal(baton_port_stop(r.port), -ETIMEDOUT);
		rings_in_quarantine(&r, 1);
	}
	rig_discard(&r);
}

/* ... which is not believed where the contrary is seen. */
static void
final_is_no_lie(void **state)
{
	struct rig_config c = { .pool_count = 2048, .args = ",hangup=final" };
	struct rig r;

	up(&r, &c);
	fakedev_leave_memory(r.fakedev, true);
	hang_up_and_back(&r);
	rings_in_quarantine(&r, 1);
	fakedev_drop_left(r.fakedev);
	come_home(&r);
	rig_down(&r);
}

static void
bad_word(void **state)
{
	struct rig_config c = { .args = ",hangup=perhaps" };
	struct rig r;

	rig_prepare(&r, &c);
	assert_int_equal(rig_open(&r), -EINVAL);
	assert_non_null(strstr(baton_last_error(), "hangup=perhaps: ask or final is needed"));
	rig_discard(&r);
}

/* The port waits where it can be seen that buffers come home one day, and goes on then. */
static void
waits_for_a_child(void **state)
{
	struct rig_config c = { .pool_count = 1024 };
	struct rig r;

	up(&r, &c);
	if (rig_bounced(&r)) {
		rig_down(&r);
		return;
	}
	fakedev_leave_memory(r.fakedev, true);
	hang_up_and_back(&r);
	fakedev_hang_up(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_LOST, 2, 1000));
	rig_poll(&r, 600);
	assert_int_equal(r.events[BATON_EVENT_BACK], 1);
	assert_int_equal(r.events[BATON_EVENT_REMOVED], 0);
	assert_int_equal(rig_count(r.logged, "waits with its queues stopped"), 1);
	assert_non_null(strstr(r.logged, "of the 1024 buffers of pool rig are in quarantine"));
	fakedev_leave_memory(r.fakedev, false);
	fakedev_drop_left(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 2, 3000));
	come_home(&r);
	rig_roundtrip_rx(&r, 60, 1);
	rig_down(&r);
}

/* Nothing is handed over that nothing is known of, only because descriptors ran out. */
static void
out_of_descriptors(void **state)
{
	struct rig_config c = { 0 };
	struct mem_os os = mem_os_host;
	struct rig r;

	os.reopen = no_descriptor;
	rig_prepare(&r, &c);
	must(rig_open(&r), "open");
	r.ctx->mem_os = &os;
	assert_int_equal(rig_start(&r), -EMFILE);
	assert_non_null(strstr(baton_last_error(), "ulimit -n"));
	rig_discard(&r);
}

/* ---- real processes ---- */

/* A backend that, when asked, forks a child, which never ends and goes on writing to what was in
 * the receive ring; and ends. The child says how many buffers those are. */
static void
forking_backend(const char *path, int fd)
{
	struct fakedev *l = fakedev_start(&(struct fakedev_config){ .path = path });
	uint8_t bytes[256];
	int head[512];
	uint32_t n = 0;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!l || read(fd, &go, 1) != 1)
		_exit(1);
	if (fakedev_fork(l))
		_exit(0);
	prctl(PR_SET_PDEATHSIG, 0);
	for (int i = 3; i < 1024; i++)
		if (i != fd)
			close(i); /* the connection, too */
	while (n < 512 && (head[n] = fakedev_pop(l, FAKEDEV_RX)) >= 0)
		n++;
	memset(bytes, LATE, sizeof(bytes));
	if (write(fd, &n, sizeof(n)) != sizeof(n))
		_exit(1);
	/* Until the test ends. */
	while (recv(fd, &go, 1, MSG_DONTWAIT) < 0) {
		for (uint32_t i = 0; i < n; i++)
			fakedev_write(l, FAKEDEV_RX, (unsigned)head[i], 0, bytes, sizeof(bytes));
		usleep(100);
	}
	_exit(0);
}

static void
start_backend(const char *path, int s[2])
{
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(s[0]);
		forking_backend(path, s[1]);
	}
	close(s[1]);
}

/* Buffers of the pool that begin with what the child writes, and those of them not in quarantine:
 * not ours to read, which ASan builds would report. */
__attribute__((no_sanitize("address"))) static void
count_late(const struct rig *r, unsigned *late, unsigned *wrong)
{
	const struct baton_pool_view *v = &r->pool->view;

	*late = *wrong = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		const uint8_t *at = v->data + (size_t)i * v->stride;
		bool is = false;

		for (unsigned k = 0; k < 256 && !is; k++)
			is = at[k] == LATE;
		*late += is;
		*wrong += is && v->owner[i] >> 16 != BATON_OWNER_QUARANTINE;
	}
}

static void
the_child_writes(void **state)
{
	struct rig_config c = { .pool_count = 2048 };
	struct baton_token t[2048];
	unsigned late, wrong;
	uint32_t n = 0;
	struct rig r;
	unsigned got;
	int s[2];

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	rig_prepare(&r, &c);
	fakedev_stop(r.fakedev); /* processes of their own in its place */
	start_backend(r.path, s);
	for (unsigned i = 0; i < 500 && access(r.path, F_OK); i++)
		usleep(10000);
	must(rig_open(&r), "open");
	must(rig_start(&r), "start");
	if (rig_bounced(&r))
		printf("bounced: the child writes to slots that are no more\n");

	assert_int_equal(write(s[0], "g", 1), 1);
	assert_int_equal(read(s[0], &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 256);
	unlink(r.path);
	r.fakedev = fakedev_start(&r.config.fakedev); /* the next backend */
	assert_non_null(r.fakedev);
	assert_true(rig_wait_event(&r, BATON_EVENT_BACK, 1, 5000));
	rings_in_quarantine(&r, 1);

	/* All that can be had is ours alone, for as long as the child writes. */
	got = alloc(&r, t, 1024);
	assert_int_equal(got, 1024);
	for (unsigned i = 0; i < got; i++) {
		t[i].len = 256;
		memset(baton_data(r.worker, t[i]), 0x55, 256);
	}
	for (unsigned turn = 0; turn < 20; turn++) {
		rig_poll(&r, 10);
		for (unsigned i = 0; i < got; i++)
			for (unsigned k = 0; k < 256; k++)
				if (((uint8_t *)baton_data(r.worker, t[i]))[k] != 0x55)
					fail_msg("buffer %u was written to", t[i].buf);
	}
	count_late(&r, &late, &wrong);
	assert_int_equal(late, rig_bounced(&r) ? 0 : 256); /* it did write */
	assert_int_equal(wrong, 0);
	give_back(&r, t, got);
	rig_roundtrip_rx(&r, 60, 1);

	assert_int_equal(write(s[0], "e", 1), 1);
	come_home(&r);
	close(s[0]);
	while (waitpid(-1, NULL, 0) > 0)
		;
	rig_down(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(left_to_a_child),   cmocka_unit_test(told_apart),
		cmocka_unit_test(lease_only),        cmocka_unit_test(lock_only),
		cmocka_unit_test(bounded),           cmocka_unit_test(final),
		cmocka_unit_test(final_is_no_lie),   cmocka_unit_test(bad_word),
		cmocka_unit_test(waits_for_a_child), cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(the_child_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
