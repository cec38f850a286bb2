/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kills the backend of a port under traffic, starts it again, and measures how soon packets come
 * back.
 *
 * usage: restart [pod] [no-pidfd] DEVARGS ROUNDS LIMIT_MS SOCKET|- COMMAND...
 *
 * pod: the port is in a PID, network and mount namespace of its own, and the backend outside.
 * no-pidfd: the kernel has no pidfd_open() and no SO_PEERPIDFD.
 * COMMAND is the backend; what it prints as "ready NS" counts as the moment it is there, else its
 * start does. SOCKET is removed before each start, for backends that do not do so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "life.h"

#define WINDOW  128
#define RSS_KIB 1024 /* of growth that is noise of the allocator */
#define LOST_NS                                                                                    \
	2000000ull /* packets in flight that do not come back within that are not waited for */

static struct life life = { .name = "restart", .quiet = 1 };
static char **command;
static const char *socket_path;
static pid_t backend;
static int backend_out = -1, backend_in = -1; /* a pipe for what the backends print */
static int keeper = -1;                       /* pod: who starts and kills the backends, outside */
static int end;
static uint64_t received;

static void
note(const char *what, int ret)
{
	if (ret < 0 && ret != -ENETDOWN)
		life_die(&life, what);
}

/* Send and receive; what a backend that was killed had in hand never comes back. */
static void *
work(void *arg)
{
	uint64_t seq = 0, outstanding = 0, last = life_ns();

	while (!__atomic_load_n(&end, __ATOMIC_ACQUIRE)) {
		struct baton_token t[LIFE_BURST];
		int n = baton_rx_burst(life.rxq[0], t, LIFE_BURST), sent;

		note("rx_burst", n);
		for (int i = 0; i < n; i++)
			life_mark(&life, life.worker[0], t[i]);
		if (n > 0) {
			note("free", baton_free(life.worker[0], t, (unsigned)n));
			__atomic_store_n(&received, received + (uint64_t)n, __ATOMIC_RELAXED);
			outstanding -= outstanding < (uint64_t)n ? outstanding : (uint64_t)n;
			last = life_ns();
		}
		if (n <= 0 && life_ns() - last > LOST_NS)
			outstanding = 0;
		if (n == -ENETDOWN || outstanding >= WINDOW) {
			note("tx_clean", baton_tx_clean(life.txq[0], LIFE_BURST));
			sched_yield();
			continue;
		}
		t[0] = life_packet(&life, life.worker[0], 0, seq++);
		sent = baton_tx_burst(life.txq[0], t, 1);
		note("tx_burst", sent);
		if (sent == 1)
			outstanding++;
		else
			note("free", baton_free(life.worker[0], t, 1));
	}
	baton_worker_unbind(life.worker[0]);
	return NULL;
}

static pid_t
spawn(void)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(backend_in, 1);
	if (!getenv("BATON_TEST_VERBOSE")) /* DPDK has much to say */
		dup2(null, 2);
	execvp(command[0], command);
	_exit(127);
}

static void
kill_and_reap(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Outside of the pod: 's' starts a backend, 'k' kills it; each is answered. */
static void
keep(int fd)
{
	pid_t pid = 0;
	char what;

	while (read(fd, &what, 1) == 1) {
		if (what == 's')
			pid = spawn();
		else
			kill_and_reap(pid);
		pid = what == 's' ? pid : 0;
		(void)!write(fd, &what, 1);
	}
	kill_and_reap(pid);
	_exit(0);
}

static void
ask_keeper(char what)
{
	if (write(keeper, &what, 1) != 1 || read(keeper, &what, 1) != 1)
		exit(1);
}

static void
start_backend(void)
{
	char old[256];

	if (socket_path)
		unlink(socket_path);
	while (read(backend_out, old, sizeof(old)) > 0)
		;
	if (keeper >= 0)
		ask_keeper('s');
	else
		backend = spawn();
}

static void
kill_backend(void)
{
	if (keeper >= 0)
		ask_keeper('k');
	else
		kill_and_reap(backend);
	backend = 0;
}

/* ---- a pod ---- */

/* The keeper stays outside; the port goes on as the first process of new namespaces. */
static void
enter_pod(void)
{
	int s[2], status = 1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(s[0]);
		keep(s[1]);
	}
	close(s[1]);
	if (unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS) < 0) {
		printf("skipped: no namespaces can be made here: %s\n", strerror(errno));
		exit(77);
	}
	pid = fork();
	if (pid) {
		close(s[0]);
		waitpid(pid, &status, 0);
		exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* In a chroot / is no mount point, but /proc is, and that is what must not be shared. */
	if ((mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 &&
	     mount("none", "/proc", NULL, MS_REC | MS_PRIVATE, NULL) < 0) ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0) {
		fprintf(stderr, "/proc of the new namespace: %s\n", strerror(errno));
		exit(1);
	}
	keeper = s[0];
}

static void
forbid_pidfd(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1), /* SO_PEERPIDFD */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		exit(1);
}

static long
rss_kib(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Nothing that is not in flight may be missing: the holders add up, and none is in quarantine. */
static void
check_holders(unsigned round)
{
	struct baton_holder h[32];
	unsigned n = baton_pool_holders(life.pool, h, 32);
	uint32_t kept = 0;

	for (unsigned i = 0; i < n && i < 32; i++)
		kept += h[i].kind == BATON_HOLDER_QUARANTINE ? h[i].count : 0;
	if (!kept)
		return;
	fprintf(stderr, "restart: %u buffers are in quarantine after round %u\n", kept, round);
	exit(1);
}

static void
pause_ms(unsigned ms)
{
	uint64_t until = life_ns() + ms * 1000000ull;

	while (life_ns() < until)
		if (baton_ctx_poll(life.ctx, 1) < 0)
			life_die(&life, "ctx_poll");
}

/* When the backend was ready, 0: not yet. */
static uint64_t
ready_at(char *text, size_t room)
{
	size_t len = strlen(text);
	ssize_t n = read(backend_out, text + len, room - 1 - len);
	const char *line;

	if (n > 0)
		text[len + (size_t)n] = '\0';
	line = strstr(text, "ready ");
	return line && strchr(line, '\n') ? strtoull(line + 6, NULL, 10) : 0;
}

/* Return: ms from ready to the first packet. */
static double
wait_back(uint64_t started, unsigned limit_ms)
{
	uint64_t before = __atomic_load_n(&received, __ATOMIC_RELAXED), now = started, ready = 0;
	char text[256] = "";

	while (__atomic_load_n(&received, __ATOMIC_RELAXED) == before) {
		now = life_ns();
		if (now - started > limit_ms * 1000000ull) {
			fprintf(stderr,
				"restart: no packet within %u ms of the backend's start; it is "
				"%s\n",
				limit_ms,
				keeper >= 0                       ? "outside"
				: waitpid(backend, NULL, WNOHANG) ? "not alive"
								  : "alive");
			exit(1);
		}
		baton_ctx_poll(life.ctx, 1);
	}
	now = life_ns();
	for (unsigned tries = 0; !ready && tries < 100; tries++) {
		ready = ready_at(text, sizeof(text));
		if (!ready && !text[0])
			break;
	}
	if (!ready)
		ready = started;
	return now > ready ? (double)(now - ready) / 1e6 : 0;
}

static void
rounds(unsigned n, unsigned limit_ms)
{
	double *ms = calloc(n, sizeof(*ms)), median, largest;
	unsigned seed = 1, fds = 0;
	long rss = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t started;

		pause_ms((unsigned)rand_r(&seed) % 20);
		kill_backend();
		pause_ms((unsigned)rand_r(&seed) % 8);
		started = life_ns();
		start_backend();
		ms[i] = wait_back(started, limit_ms);
		check_holders(i);
		/* A packet may have come from the backend before, and the next not be there yet. */
		if (i <= 4) {
			fds = life_fds() > fds ? life_fds() : fds;
			rss = rss_kib();
		}
		if (i > 4 && rss_kib() > rss + RSS_KIB) {
			fprintf(stderr, "restart: %ld KiB of memory after round %u, %ld before\n",
				rss_kib(), i, rss);
			exit(1);
		}
		if (i > 4 &&
		    life_fds() > fds + 1) { /* a second backend's pidfd may not be closed yet */
			fprintf(stderr, "restart: %u descriptors after round %u, %u before\n",
				life_fds(), i, fds);
			exit(1);
		}
	}
	median = life_median(ms, n, &largest);
	printf("killed %u times under traffic, %" PRIu64 " packets; back after (ms): median %.1f, "
	       "largest %.1f; RSS %ld KiB, %ld after the fifth\n",
	       n, received, median, largest, rss_kib(), rss);
	free(ms);
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	bool pod = false, no_pidfd = false;
	unsigned before;
	int p[2];

	while (argc > 1 && (!strcmp(argv[1], "pod") || !strcmp(argv[1], "no-pidfd"))) {
		pod |= !strcmp(argv[1], "pod");
		no_pidfd |= !strcmp(argv[1], "no-pidfd");
		argv++;
		argc--;
	}
	if (argc < 6) {
		fprintf(stderr, "usage: restart [pod] [no-pidfd] DEVARGS ROUNDS LIMIT_MS SOCKET|- "
				"COMMAND...\n");
		return 2;
	}
	socket_path = strcmp(argv[4], "-") != 0 ? argv[4] : NULL;
	command = argv + 5;
	if (pipe2(p, O_CLOEXEC) < 0)
		return 1;
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	backend_out = p[0];
	backend_in = p[1];
	if (pod)
		enter_pod();
	if (no_pidfd)
		forbid_pidfd();
	atexit(kill_backend);
	before = life_fds();
	start_backend();
	for (unsigned i = 0; socket_path && access(socket_path, F_OK) < 0 && i < 1000; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	life_up(&life, argv[1], 1, 1);
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	wait_back(life_ns(), 10000);
	rounds((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
	__atomic_store_n(&end, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	life_down(&life, 1000);
	kill_backend();
	if (life_fds() != before) {
		fprintf(stderr, "restart: %u descriptors at the end, %u at the beginning\n",
			life_fds(), before);
		return 1;
	}
	return 0;
}
