/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has memory that was handed over: real files, real children, in this PID namespace and in
 * another; and a kernel that refuses each of the calls it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/memfd.h>

#include <baton/baton.h>

#include "ctx/ctx.h"
#include "mem/holder.h"
#include "mem/os.h"

#define BYTES (2u << 20)

/* A context on a machine whose calls can fail. */
struct place {
	struct mem_os os; /* first, so that the calls find the rest */
	struct baton_ctx *ctx;
	int read_only, read_write, lease, lock, locked; /* 0: the host's; else what is returned */
	unsigned leases;
};

static struct place *
of(const struct mem_os *os)
{
	return (struct place *)(uintptr_t)os;
}

static int
fake_reopen(const struct mem_os *os, int fd, int flags)
{
	int ret = flags == O_RDONLY ? of(os)->read_only : of(os)->read_write;

	return ret ? ret : mem_os_host.reopen(os, fd, flags);
}

static int
fake_lease(const struct mem_os *os, int fd)
{
	of(os)->leases++;
	return of(os)->lease ? of(os)->lease : mem_os_host.lease(os, fd);
}

static int
fake_lock(const struct mem_os *os, int fd, uint64_t byte)
{
	return of(os)->lock ? of(os)->lock : mem_os_host.lock(os, fd, byte);
}

static int
fake_locked(const struct mem_os *os, int fd, uint64_t byte, uint64_t n)
{
	return of(os)->locked ? of(os)->locked : mem_os_host.locked(os, fd, byte, n);
}

static void
begin(struct place *p)
{
	memset(p, 0, sizeof(*p));
	p->os = mem_os_host;
	p->os.reopen = fake_reopen;
	p->os.lease = fake_lease;
	p->os.lock = fake_lock;
	p->os.locked = fake_locked;
	assert_int_equal(baton_ctx_create(NULL, &p->ctx), 0);
	p->ctx->mem_os = &p->os;
}

static void
end(struct place *p)
{
	assert_null(p->ctx->holders_of_memory);
	assert_int_equal(baton_ctx_destroy(p->ctx), 0);
}

static int
file(const char *kind)
{
	int fd = -1;

	if (!strcmp(kind, "memfd"))
		fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	else if (!strcmp(kind, "hugetlb"))
		fd = memfd_create("m", MFD_CLOEXEC | MFD_HUGETLB | 21u << MFD_HUGE_SHIFT);
	else
		fd = open(kind, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	assert_int_equal(ftruncate(fd, BYTES), 0);
	return fd;
}

/* Our own mapping, which must not count. NULL: there are no such pages. */
static void *
map(int fd)
{
	void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static enum mem_held
wait_free(struct mem_holder *h)
{
	enum mem_held held = MEM_HELD;

	for (unsigned i = 0; i < 500 && held; i++) {
		held = mem_holder_ask(h);
		if (held)
			usleep(10000);
	}
	return held;
}

enum keeps { DESCRIPTOR, MAPPING, CHILD, CHILD_MAPPING, ELSEWHERE, WAYS };

/* Who was given @fd keeps it in some way until the socket it returns is closed. */
static int
backend(int fd, enum keeps how)
{
	char byte = 0;
	int s[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(s[0]);
		if (how == ELSEWHERE && unshare(CLONE_NEWPID) < 0)
			byte = 1;
		if (how == MAPPING || how == CHILD_MAPPING) {
			if (!map(fd))
				_exit(1);
			close(fd);
		}
		if (how >= CHILD && fork())
			_exit(0);
		(void)!write(s[1], &byte, 1);
		(void)!read(s[1], &byte, 1);
		_exit(0);
	}
	close(s[1]);
	assert_int_equal(read(s[0], &byte, 1), 1);
	if (how >= CHILD)
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (byte)
		printf("skipped: no PID namespace can be made here\n");
	return s[0];
}

static void
reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Whoever has it in whichever way is seen, and so is that nobody has. */
static void
exact(void **state)
{
	static const struct {
		const char *kind;
		enum mem_evidence evidence;
	} kinds[] = {
		{ "memfd", MEM_BY_LEASE },
		{ "hugetlb", MEM_BY_LEASE },
		{ "/dev/shm", MEM_BY_LOCK }, /* our own descriptor counts there */
		{ "/tmp", MEM_BY_LOCK },
	};

	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct place p;
		int fd = file(kinds[k].kind);
		void *ours = fd >= 0 ? map(fd) : NULL;

		if (!ours) {
			printf("skipped: no memory of the kind %s\n", kinds[k].kind);
			continue;
		}
		begin(&p);
		for (enum keeps how = 0; how < WAYS; how++) {
			struct mem_holder *h = mem_holder_create(p.ctx);
			const char *why;
			int given, s;

			assert_int_equal(mem_holder_evidence(h, &why), MEM_NOTHING_GIVEN);
			assert_int_equal(mem_holder_ask(h), MEM_FREE);
			assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
			assert_int_equal(mem_holder_evidence(h, &why), kinds[k].evidence);
			assert_int_equal(mem_holder_ask(h), MEM_HELD); /* we have it to give */
			s = backend(given, how);
			close(given);
			for (unsigned i = 0; i < 20; i++) {
				assert_int_equal(mem_holder_ask(h), MEM_HELD);
				usleep(1000);
			}
			close(s);
			assert_int_equal(wait_free(h), MEM_FREE);
			mem_holder_put(h);
			reap();
		}
		munmap(ours, BYTES);
		close(fd);
		end(&p);
	}
}

/* A message that nobody has received yet is a reference, too. */
static void
in_flight(void **state)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = file("memfd"), given, s[2];
	struct mem_holder *h;
	struct place p;

	begin(&p);
	h = mem_holder_create(p.ctx);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &given, sizeof(int));
	assert_int_equal(sendmsg(s[0], &msg, 0), 1);
	close(given);
	close(s[0]);
	assert_int_equal(mem_holder_ask(h), MEM_HELD);
	close(s[1]);
	assert_int_equal(wait_free(h), MEM_FREE);
	mem_holder_put(h);
	close(fd);
	end(&p);
}

/* Two have the same file; and one is given it twice. */
static void
told_apart(void **state)
{
	struct mem_holder *a, *b;
	int fd = file("memfd"), of_a[2], of_b;
	struct place p;

	begin(&p);
	a = mem_holder_create(p.ctx);
	b = mem_holder_create(p.ctx);
	assert_int_equal(mem_holder_give(a, fd, true, &of_a[0]), 0);
	assert_int_equal(mem_holder_give(a, fd, true, &of_a[1]), 0);
	assert_int_equal(mem_holder_give(b, fd, true, &of_b), 0);
	assert_int_equal(mem_holder_evidence(b, NULL), MEM_BY_LEASE);
	close(of_a[0]);
	assert_int_equal(mem_holder_ask(a), MEM_HELD);
	close(of_a[1]);
	assert_int_equal(mem_holder_ask(a), MEM_FREE);
	assert_int_equal(mem_holder_ask(b), MEM_HELD);
	close(of_b);
	assert_int_equal(mem_holder_ask(b), MEM_FREE);
	mem_holder_put(mem_holder_get(a));
	mem_holder_put(a);
	mem_holder_put(b);
	mem_holder_put(NULL);
	close(fd);
	end(&p);
}

/* Somebody opened the file anew and dropped what he was given: the lease knows. */
static void
opened_anew(void **state)
{
	int fd = file("memfd"), given, other;
	struct mem_holder *h;
	struct place p;

	begin(&p);
	h = mem_holder_create(p.ctx);
	assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
	other = mem_os_host.reopen(&mem_os_host, given, O_RDWR);
	assert_true(other >= 0);
	close(given);
	assert_int_equal(mem_holder_ask(h), MEM_SOMEBODY);
	close(other);
	assert_int_equal(mem_holder_ask(h), MEM_FREE);
	mem_holder_put(h);
	close(fd);
	end(&p);
}

/* What is not watched is opened anew all the same, and nothing waits for it. */
static void
not_watched(void **state)
{
	int fd = file("memfd"), given;
	struct mem_holder *h;
	struct place p;

	begin(&p);
	h = mem_holder_create(p.ctx);
	assert_int_equal(mem_holder_give(h, fd, false, &given), 0);
	assert_int_not_equal(given, fd);
	/* Flags are the description's: ours is another. */
	assert_int_equal(fcntl(given, F_SETFL, O_APPEND), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_APPEND, 0);
	assert_int_equal(mem_holder_evidence(h, NULL), MEM_NOTHING_GIVEN);
	assert_int_equal(mem_holder_ask(h), MEM_FREE);
	close(given);
	mem_holder_put(h);
	close(fd);
	end(&p);
}

/* Each call fails with each error it may have: never is what is held taken for free. */
static void
refused(void **state)
{
	static const struct {
		size_t call;
		int ret;
		enum mem_evidence evidence;
		enum mem_held held, let_go;
		const char *why;
	} cases[] = {
#define CALL(member) offsetof(struct place, member)
		/* Leases: not for this user, of this file system, of this kernel; forbidden. */
		{ CALL(lease), -EACCES, MEM_BY_LOCK, MEM_HELD, MEM_FREE,
		  "no read lease: Permission" },
		{ CALL(lease), -EINVAL, MEM_BY_LOCK, MEM_HELD, MEM_FREE, "no read lease: Invalid" },
		{ CALL(lease), -EPERM, MEM_BY_LOCK, MEM_HELD, MEM_FREE,
		  "no read lease: Operation" },
		{ CALL(lease), -ENOSYS, MEM_BY_LOCK, MEM_HELD, MEM_FREE,
		  "no read lease: Function" },
		{ CALL(lease), -EAGAIN, MEM_BY_LOCK, MEM_HELD, MEM_FREE,
		  "others have the file open" },
		/* No memory for a moment: nothing is known in it. */
		{ CALL(lease), -ENOMEM, MEM_BY_LEASE, MEM_HELD, MEM_HELD, "" },
		{ CALL(lease), -ENOLCK, MEM_BY_LEASE, MEM_HELD, MEM_HELD, "" },
		{ CALL(lease), -ENOTRECOVERABLE, MEM_BY_LOCK, MEM_HELD, MEM_FREE, "no read lease" },
		{ CALL(lock), -EINVAL, MEM_BY_LEASE_ONLY, MEM_SOMEBODY, MEM_FREE, "no lock" },
		{ CALL(lock), -EAGAIN, MEM_BY_LEASE_ONLY, MEM_SOMEBODY, MEM_FREE, "no lock" },
		{ CALL(lock), -ENOLCK, MEM_BY_LEASE_ONLY, MEM_SOMEBODY, MEM_FREE, "no lock" },
		{ CALL(lock), -EPERM, MEM_BY_LEASE_ONLY, MEM_SOMEBODY, MEM_FREE, "no lock" },
		{ CALL(locked), -EINVAL, MEM_BY_LEASE, MEM_HELD, MEM_FREE, "" },
		{ CALL(locked), -EPERM, MEM_BY_LEASE, MEM_HELD, MEM_FREE, "" },
		/* No /proc, or one of another kind. */
		{ CALL(read_write), -ENOENT, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
		{ CALL(read_write), -EACCES, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
		{ CALL(read_write), -ENXIO, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
		{ CALL(read_write), -EPERM, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
		{ CALL(read_only), -ENOENT, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
		{ CALL(read_only), -EMFILE, MEM_NO_EVIDENCE, MEM_UNKNOWN, MEM_UNKNOWN, "/proc" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = file("memfd"), given, call;
		struct mem_holder *h;
		const char *why;
		struct place p;

		begin(&p);
		memcpy((char *)&p + cases[i].call, &cases[i].ret, sizeof(int));
		h = mem_holder_create(p.ctx);
		assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
		if (mem_holder_evidence(h, &why) != cases[i].evidence)
			fail_msg("case %u: evidence %d: %s", i, mem_holder_evidence(h, &why), why);
		if (!strstr(why, cases[i].why))
			fail_msg("case %u: no \"%s\" in: %s", i, cases[i].why, why);
		call = mem_holder_ask(h);
		if (call != (int)cases[i].held)
			fail_msg("case %u: %d while it is held", i, call);
		close(given);
		call = mem_holder_ask(h);
		if (call != (int)cases[i].let_go)
			fail_msg("case %u: %d when it is let go", i, call);
		mem_holder_put(h);
		close(fd);
		end(&p);
	}
}

/* A start fails rather than hand over what nothing is known of: these pass by. */
static void
no_descriptor_left(void **state)
{
	static const int errors[] = { -EMFILE, -ENFILE, -ENOMEM };

	for (unsigned i = 0; i < 3; i++) {
		int fd = file("memfd"), given;
		struct mem_holder *h;
		struct place p;

		begin(&p);
		p.read_write = errors[i];
		h = mem_holder_create(p.ctx);
		assert_int_equal(mem_holder_give(h, fd, true, &given), errors[i]);
		assert_non_null(strstr(baton_last_error(), "cannot open memory anew"));
		mem_holder_put(h);
		close(fd);
		end(&p);
	}
}

/* A lease that was granted and cannot be given back must not stay: it would stop every open. */
static void
lease_stuck(void **state)
{
	int fd = file("memfd"), given, other;
	struct mem_holder *h;
	struct place p;

	begin(&p);
	h = mem_holder_create(p.ctx);
	assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
	close(given);
	p.lease = -ENOTRECOVERABLE;
	assert_int_equal(mem_holder_ask(h), MEM_UNKNOWN);
	p.lease = 0;
	assert_int_equal(mem_holder_ask(h), MEM_UNKNOWN); /* nothing is left to ask with */
	other = mem_os_host.reopen(&mem_os_host, fd, O_RDWR | O_NONBLOCK);
	assert_true(other >= 0);
	close(other);
	mem_holder_put(h);
	close(fd);
	end(&p);
}

/* While one thread asks, others open the file for writing all the time: no signal ends us. */
static void
no_deadly_signal(void **state)
{
	int fd = file("memfd"), status;
	char path[64];
	pid_t pid, mother = getpid();
	struct mem_holder *h;
	struct place p;
	int given;

	begin(&p);
	h = mem_holder_create(p.ctx);
	assert_int_equal(mem_holder_give(h, fd, true, &given), 0);
	close(given);
	signal(SIGIO, SIG_DFL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", mother, fd);
		for (;;) {
			int other = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

			if (other < 0 && errno == EACCES)
				_exit(77);
			if (other >= 0)
				close(other);
		}
	}
	for (unsigned i = 0; i < 200000; i++)
		mem_holder_ask(h);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		printf("skipped: /proc/PID/fd of another process cannot be opened\n");
	assert_int_equal(wait_free(h), MEM_FREE);
	mem_holder_put(h);
	close(fd);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact),
		cmocka_unit_test(in_flight),
		cmocka_unit_test(told_apart),
		cmocka_unit_test(opened_anew),
		cmocka_unit_test(not_watched),
		cmocka_unit_test(refused),
		cmocka_unit_test(no_descriptor_left),
		cmocka_unit_test(lease_stuck),
		cmocka_unit_test(no_deadly_signal),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
