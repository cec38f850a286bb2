/* SPDX-License-Identifier: BSD-3-Clause */
/* What a context waits for, with epoll and timerfds and where a sandbox forbids these. */
#include "mem_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <baton/ring.h>

#include "base/event.h"

#define MS 1000000ull

/* Make system calls fail with @err, up to a -1. Of this process, for good. */
static bool
forbid(const int *calls, int err)
{
	struct sock_filter program[32] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr)) };
	struct sock_fprog filter = { .len = 1, .filter = program };

	for (; *calls >= 0; calls++) {
		program[filter.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								     (unsigned)*calls, 0, 1);
		program[filter.len++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						     SECCOMP_RET_ERRNO | (unsigned)err);
	}
	program[filter.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

struct bench {
	struct baton_ctx *ctx;
	struct ctx_timer timer[3];
	struct ctx_source source[3];
	int write[3]; /* the other ends */
	unsigned due, order[8], served[3];
	uint64_t at;
};

static struct bench *bench; /* of the child */

static void
on_due(struct ctx_timer *t)
{
	bench->order[bench->due++ % 8] = (unsigned)(t - bench->timer);
	bench->at = ctx_now_ns();
}

static void
on_source(struct ctx_source *src, uint32_t events)
{
	unsigned i = (unsigned)(src - bench->source);
	char c;

	if (!(events & EPOLLIN) || read(src->fd, &c, 1) != 1)
		return;
	bench->served[i]++;
	/* The callback may remove another source, also one that has something. */
	if (c == 'x')
		ctx_source_del(bench->ctx, &bench->source[(i + 1) % 3]);
}

static bool
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Timers come in order, neither early nor very late, and the descriptor is readable for each. */
static int
timers(void)
{
	uint64_t begin = ctx_now_ns();
	int fd = baton_ctx_fd(bench->ctx);

	ctx_timer_set(bench->ctx, &bench->timer[0], 60);
	ctx_timer_set(bench->ctx, &bench->timer[1], 20);
	ctx_timer_set(bench->ctx, &bench->timer[2], 40);
	ctx_timer_cancel(bench->ctx, &bench->timer[2]);
	while (bench->due < 2) {
		if (!readable(fd, 10000) || ctx_now_ns() > begin + 10000 * MS)
			return 10;
		if (baton_ctx_poll(bench->ctx, 0) < 0)
			return 11;
		if (bench->due && bench->at < begin + 20 * MS)
			return 12;
	}
	if (bench->order[0] != 1 || bench->order[1] != 0 || bench->at < begin + 60 * MS)
		return 13;
	/* A call that waits ends with the timer, and counts it. */
	ctx_timer_set(bench->ctx, &bench->timer[0], 30);
	begin = ctx_now_ns();
	if (baton_ctx_poll(bench->ctx, 10000) != 1 || bench->due != 3)
		return 14;
	if (ctx_now_ns() < begin + 29 * MS || ctx_now_ns() > begin + 9000 * MS)
		return 15;
	ctx_timer_set(bench->ctx, &bench->timer[0], 1);
	return baton_ctx_poll(bench->ctx, -1) == 1 ? 0 : 16;
}

static int
sources(void)
{
	int fd = baton_ctx_fd(bench->ctx), ends[2];

	for (unsigned i = 0; i < 3; i++) {
		if (pipe(ends))
			return 20;
		bench->source[i] = (struct ctx_source){ .ready = on_source, .fd = ends[0] };
		bench->write[i] = ends[1];
		if (ctx_source_add(bench->ctx, &bench->source[i], EPOLLIN))
			return 21;
	}
	if (baton_ctx_poll(bench->ctx, 0))
		return 22;
	for (unsigned i = 0; i < 3; i++)
		if (write(bench->write[i], "ab", 2) != 2)
			return 23;
	if (!readable(fd, 0) || baton_ctx_poll(bench->ctx, -1) != 6)
		return 24;
	for (unsigned i = 0; i < 3; i++)
		if (bench->served[i] != 2)
			return 25;
	/* One never stops: the others are served as well. */
	for (unsigned k = 0; k < 100; k++)
		if (write(bench->write[0], "a", 1) != 1)
			return 26;
	if (write(bench->write[2], "a", 1) != 1 || baton_ctx_poll(bench->ctx, 0) != 64 ||
	    bench->served[2] != 3)
		return 27;
	while (baton_ctx_poll(bench->ctx, 0) > 0)
		;
	/* Each removes the next: of three that have something two are served at most. */
	bench->served[0] = bench->served[1] = bench->served[2] = 0;
	for (unsigned i = 0; i < 3; i++)
		if (write(bench->write[i], "x", 1) != 1)
			return 28;
	while (baton_ctx_poll(bench->ctx, 0) > 0)
		;
	if (bench->served[0] + bench->served[1] + bench->served[2] > 2)
		return 29;
	for (unsigned i = 0; i < 3; i++) {
		ctx_source_del(bench->ctx, &bench->source[i]);
		close(bench->source[i].fd);
		close(bench->write[i]);
	}
	return 0;
}

/* ---- the application's ---- */

static struct {
	unsigned ticks, ready, once;
	uint32_t events;
} app;

static void
tick(void *arg)
{
	struct bench *b = arg;

	app.ticks++;
	if (app.ticks < 3)
		baton_ctx_timer(b->ctx, 5, tick, b);
}

static void
once(void *arg)
{
	app.once++;
}

static void
on_fd(void *arg, int fd, uint32_t events)
{
	struct bench *b = arg;
	char c;

	app.ready++;
	app.events = events;
	if (events == BATON_FD_READ && read(fd, &c, 1) == 1 && c == 'x')
		baton_ctx_del_fd(b->ctx, fd); /* in its own callback */
}

static int
app_timers(struct bench *b)
{
	const uint64_t begin = ctx_now_ns();

	if (baton_ctx_timer_cancel(b->ctx, tick, b) != -ENOENT ||
	    baton_ctx_timer(b->ctx, 5, NULL, b) != -EINVAL)
		return 30;
	/* Set anew, cancelled, and told apart by their arguments. */
	baton_ctx_timer(b->ctx, 1, once, b);
	baton_ctx_timer(b->ctx, 100000, once, b);
	baton_ctx_timer(b->ctx, 1, once, NULL);
	if (baton_ctx_timer_cancel(b->ctx, once, NULL) || baton_ctx_timer(b->ctx, 5, tick, b))
		return 31;
	while (app.ticks < 3 && ctx_now_ns() < begin + 10000 * MS)
		if (!readable(baton_ctx_fd(b->ctx), 10000) || baton_ctx_poll(b->ctx, 0) < 0)
			return 32;
	if (app.ticks != 3 || app.once || ctx_now_ns() < begin + 15 * MS)
		return 33;
	return baton_ctx_timer(b->ctx, 1, once, b) || baton_ctx_poll(b->ctx, 10000) != 1 ||
			       app.once != 1
		       ? 34
		       : 0;
}

static int
app_fds(struct bench *b)
{
	int ends[2];

	if (pipe(ends) || baton_ctx_add_fd(b->ctx, -1, BATON_FD_READ, on_fd, b) != -EINVAL ||
	    baton_ctx_add_fd(b->ctx, ends[0], 0, on_fd, b) != -EINVAL ||
	    baton_ctx_add_fd(b->ctx, ends[0], BATON_FD_ERROR, on_fd, b) != -EINVAL ||
	    baton_ctx_add_fd(b->ctx, ends[0], BATON_FD_READ, NULL, b) != -EINVAL ||
	    baton_ctx_del_fd(b->ctx, ends[0]) != -ENOENT)
		return 40;
	if (baton_ctx_add_fd(b->ctx, ends[0], BATON_FD_READ, on_fd, b) ||
	    baton_ctx_poll(b->ctx, 0) != 0 || app.ready)
		return 41;
	if (write(ends[1], "ax", 2) != 2 || baton_ctx_poll(b->ctx, 0) != 2 || app.ready != 2)
		return 42;
	if (write(ends[1], "a", 1) != 1 || baton_ctx_poll(b->ctx, 0) != 0 ||
	    baton_ctx_del_fd(b->ctx, ends[0]) != -ENOENT)
		return 43;
	/* The other end, for writing; then in the new way: nothing to read there. */
	if (baton_ctx_add_fd(b->ctx, ends[1], BATON_FD_WRITE, on_fd, b) ||
	    baton_ctx_poll(b->ctx, 0) != 64 || app.events != BATON_FD_WRITE)
		return 44;
	if (baton_ctx_add_fd(b->ctx, ends[1], BATON_FD_READ, on_fd, b) ||
	    baton_ctx_poll(b->ctx, 0) != 0)
		return 45;
	close(ends[0]);
	if (baton_ctx_poll(b->ctx, 0) < 1 || app.events != BATON_FD_ERROR)
		return 46;
	/* What is left is forgotten with the context. */
	baton_ctx_timer(b->ctx, 100000, once, b);
	close(ends[1]);
	return 0;
}

static int
child(const int *calls, int err)
{
	int fds = open_fds(), ret;
	struct bench b = { 0 };

	bench = &b;
	for (unsigned i = 0; i < 3; i++)
		b.timer[i].due = on_due;
	alarm(60);
	if (!forbid(calls, err))
		return 1;
	if (baton_ctx_create(NULL, &b.ctx)) {
		fprintf(stderr, "%s\n", baton_last_error());
		return 2;
	}
	ret = timers();
	if (!ret)
		ret = sources();
	if (!ret)
		ret = app_timers(&b);
	if (!ret)
		ret = app_fds(&b);
	if (!ret && baton_ctx_destroy(b.ctx))
		ret = 3;
	return ret ? ret : open_fds() == fds ? 0 : 4;
}

static void
in_child(int (*fn)(const int *calls, int err), const int *calls, int err)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(calls, err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		skip(); /* no seccomp here */
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("call %d, errno %d: status %#x", calls[0], err, status);
}

static void
nothing_forbidden(void **state)
{
	in_child(child, (const int[]){ -1 }, EPERM);
}

static void
each_forbidden(void **state)
{
	static const int calls[][6] = {
		{ SYS_timerfd_create, -1 },
		{ SYS_timerfd_settime, -1 },
		{ SYS_epoll_create1, -1 },
		{ SYS_epoll_ctl, -1 },
#ifdef SYS_epoll_wait
		{ SYS_epoll_wait, SYS_epoll_pwait, -1 },
#else
		{ SYS_epoll_pwait, -1 },
#endif
		{ SYS_timerfd_create, SYS_epoll_create1, -1 },
		{ SYS_timerfd_create, SYS_epoll_ctl, SYS_eventfd2, -1 },
		{ SYS_timerfd_settime, SYS_eventfd2, -1 },
	};

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		in_child(child, calls[i], EPERM);
		in_child(child, calls[i], ENOSYS);
	}
}

/* ---- a worker that sleeps ---- */

/* @calls are those of epoll: its descriptor is readable all the time, and disarm naps. */
static int
worker(const int *calls, int err)
{
	struct baton_ring_config rc = { .size = sizeof(rc) };
	struct baton_token t = { 0 };
	struct baton_ring *ring;
	struct baton_ctx *ctx;
	int fd, fds = open_fds(), naps = 0;

	alarm(60);
	if (!forbid(calls, err))
		return 1;
	if (baton_ctx_create(NULL, &ctx) || baton_worker_create(ctx, NULL, &rc.consumer) ||
	    baton_ring_create(ctx, &rc, &ring))
		return 2;
	for (unsigned i = 0; i < 20; i++) {
		uint64_t begin;

		fd = baton_worker_arm(rc.consumer);
		if (fd < 0)
			return 10;
		if (readable(fd, 0) != (calls[0] >= 0))
			return 11;
		begin = ctx_now_ns();
		if (i & 1 && baton_ring_enqueue(ring, &t, 1) != 1)
			return 12;
		if (i & 1 && !readable(fd, 0))
			return 13;
		baton_worker_disarm(rc.consumer);
		naps += !(i & 1) && ctx_now_ns() - begin >= 4 * MS;
		if (baton_ring_dequeue(ring, &t, 1) != (int)(i & 1))
			return 14;
	}
	if (calls[0] >= 0 && naps != 10)
		return 15;
	if (baton_ring_destroy(ring) || baton_worker_destroy(rc.consumer) || baton_ctx_destroy(ctx))
		return 3;
	return open_fds() == fds ? 0 : 4;
}

static void
worker_sleeps(void **state)
{
	in_child(worker, (const int[]){ -1 }, EPERM);
	in_child(worker, (const int[]){ SYS_epoll_create1, -1 }, EPERM);
	in_child(worker, (const int[]){ SYS_epoll_create1, SYS_eventfd2, -1 }, ENOSYS);
	in_child(worker, (const int[]){ SYS_epoll_ctl, -1 }, EPERM);
}

/* ---- event descriptors ---- */

/* What an event is, whichever kind it is of. */
static int
one_event(const int *calls, int err)
{
	int fd, copy, fds = open_fds();
	unsigned drained = 0;
	uint64_t n = 1;

	signal(SIGPIPE, SIG_DFL);
	if (!forbid(calls, err))
		return 1;
	fd = event_open("a test");
	if (fd < 0)
		return 10;
	if (!(fcntl(fd, F_GETFD) & 1) || readable(fd, 0) || event_drain(fd))
		return 11;
	event_signal(fd);
	if (!readable(fd, 0) || !event_drain(fd) || readable(fd, 0))
		return 12;
	/* More than it has room for is no error, and does not block. */
	for (unsigned i = 0; i < 100000; i++)
		event_signal(fd);
	while (event_drain(fd))
		if (++drained > 1000)
			return 13;
	/* Somebody else's copy is another end, and may be the last one. */
	copy = dup(fd);
	if (write(copy, &n, sizeof(n)) != sizeof(n) || !readable(fd, 0))
		return 14;
	close(fd);
	if (write(copy, &n, sizeof(n)) != sizeof(n) || read(copy, &n, sizeof(n)) != sizeof(n))
		return 15;
	close(copy);
	return open_fds() == fds ? 0 : 16;
}

static void
events(void **state)
{
	in_child(one_event, (const int[]){ -1 }, EPERM);
	in_child(one_event, (const int[]){ SYS_eventfd2, -1 }, EPERM);
	in_child(one_event, (const int[]){ SYS_eventfd2, -1 }, ENOSYS);
}

static int
no_event(const int *calls, int err)
{
	if (!forbid(calls, err))
		return 1;
	if (event_open("a test") != -err || !strstr(baton_last_error(), "a test: eventfd2 is "
									"forbidden"))
		return 10;
	return event_open_real("VFIO") == -err && strstr(baton_last_error(), "VFIO: eventfd2") ? 0
											       : 11;
}

static void
no_events(void **state)
{
	in_child(no_event, (const int[]){ SYS_eventfd2, SYS_socket, -1 }, EPERM);
	in_child(no_event, (const int[]){ SYS_eventfd2, SYS_bind, -1 }, ENOSYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_forbidden), cmocka_unit_test(each_forbidden),
		cmocka_unit_test(worker_sleeps),     cmocka_unit_test(events),
		cmocka_unit_test(no_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
