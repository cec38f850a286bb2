/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU as a process: its start and end, its qtest and QMP sockets, frames. */
#include "qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000 /* a machine may be busy */
#define BIOS        65536

/* ---- the program ---- */

/* The folder of devtools/vm-setup, or a program. "": there is none. */
static const char *
find_qemu(void)
{
	static char path[512];
	const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME"),
		   *given = getenv("BATON_QEMU");
	char pattern[480];
	glob_t g;

	if (given) {
		snprintf(path, sizeof(path), "%s", access(given, X_OK) ? "" : given);
		return path;
	}
	snprintf(pattern, sizeof(pattern), "%s%s/baton/vm/qemu-*",
		 cache  ? cache
		 : home ? home
			: "",
		 cache ? "" : "/.cache");
	path[0] = '\0';
	if (!glob(pattern, 0, NULL, &g))
		snprintf(path, sizeof(path), "%s", g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	return path;
}

const char *
qtest_missing(void)
{
	if (*find_qemu())
		return NULL;
	return getenv("BATON_QEMU") ? "there is no QEMU at $BATON_QEMU"
				    : "there is no QEMU of backports: run devtools/vm-setup qemu";
}

/* What the loader and QEMU itself need of a folder that packages were unpacked into. */
static void
run_in(const char *root, char *program, size_t room)
{
	char libs[1200], modules[600];

	snprintf(program, room, "%s/usr/bin/qemu-system-x86_64", root);
	if (access(program, X_OK)) {
		snprintf(program, room, "%s", root);
		return;
	}
	snprintf(libs, sizeof(libs), "%s/usr/lib/x86_64-linux-gnu:%s/lib/x86_64-linux-gnu", root,
		 root);
	snprintf(modules, sizeof(modules), "%s/usr/lib/x86_64-linux-gnu/qemu", root);
	setenv("LD_LIBRARY_PATH", libs, 1);
	setenv("QEMU_MODULE_DIR", modules, 1);
}

struct child {
	int socket, qmp, frames, ram, bios, err;
	const char *device;
};

/* Of the child. Descriptors keep their numbers, and only these are handed on. */
static void
exec_qemu(const struct child *c, pid_t parent)
{
	char program[560], memory[128], bios[32], netdev[64], socket[48], qmp[48], data[560],
		device[512];
	const int fds[] = { c->socket, c->qmp, c->frames, c->ram, c->bios };
	char *argv[] = {
		program, "-nodefaults", "-no-user-config", "-display", "none",
		/* processor and memory; the first above 4 GiB is what 2 GiB did not take */
		"-machine", "q35,memory-backend=m0,max-ram-below-4g=2G", "-accel", "tcg", "-m",
		"3G", "-object", memory, "-bios", bios, "-L", data,
		/* what the test talks to */
		"-chardev", socket, "-qtest", "chardev:q", "-qtest-log", "none", "-chardev", qmp,
		"-mon", "chardev=m,mode=control", "-netdev", netdev, "-device",
		"pcie-root-port,id=r0,chassis=1,addr=4.0", "-device", device, NULL
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	dup2(c->err, 1);
	dup2(c->err, 2);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fcntl(fds[i], F_SETFD, 0);
	run_in(find_qemu(), program, sizeof(program));
	snprintf(memory, sizeof(memory),
		 "memory-backend-file,id=m0,size=3G,share=on,mem-path=/proc/self/fd/%d", c->ram);
	snprintf(bios, sizeof(bios), "/proc/self/fd/%d", c->bios);
	snprintf(data, sizeof(data), "%s/usr/share/qemu", find_qemu());
	snprintf(socket, sizeof(socket), "socket,id=q,fd=%d", c->socket);
	snprintf(qmp, sizeof(qmp), "socket,id=m,fd=%d", c->qmp);
	snprintf(netdev, sizeof(netdev), "dgram,id=n0,local.type=fd,local.str=%d", c->frames);
	snprintf(device, sizeof(device), "%s,id=d0,netdev=n0,bus=r0,romfile=", c->device);
	execv(program, argv);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(1);
}

/* A BIOS whose first instructions are cli; hlt; jmp to hlt. */
static int
make_bios(void)
{
	static const uint8_t halt[] = { 0xfa, 0xf4, 0xeb, 0xfd };
	int fd = memfd_create("qtest-bios", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BIOS), 0);
	assert_int_equal(pwrite(fd, halt, sizeof(halt), BIOS - 16), sizeof(halt));
	return fd;
}

/* ---- what QEMU says when something is wrong ---- */

static void
kill_it(struct qtest *q)
{
	if (q->pid <= 0)
		return;
	kill(q->pid, SIGKILL);
	waitpid(q->pid, NULL, 0);
	q->pid = 0;
}

void
qtest_lost(struct qtest *q, const char *format, ...)
{
	int status = 0, ended = q->pid > 0 ? waitpid(q->pid, &status, WNOHANG) : 0, n;
	char why[128], said[256];
	va_list ap;

	if (!q->broken[0]) {
		va_start(ap, format);
		vsnprintf(why, sizeof(why), format, ap);
		va_end(ap);
		n = (int)pread(q->err, said, sizeof(said) - 1, 0);
		said[n > 0 ? n : 0] = '\0';
		snprintf(q->broken, sizeof(q->broken), "%s%s%s%s", why,
			 ended > 0 ? "; QEMU has ended" : "", n > 0 ? "; it printed: " : "", said);
		if (ended > 0)
			q->pid = 0;
		kill_it(q);
	}
	if (pthread_equal(pthread_self(), q->owner))
		fail_msg("%s", q->broken);
	fprintf(stderr, "qtest: %s\n", q->broken);
}

/* ---- lines ---- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read some bytes before @until. Return: their number; 0: the other end is closed; -1: nothing. */
static ssize_t
read_some(int fd, void *to, size_t room, int64_t until)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -1;
		n = read(fd, to, room);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n < 0 ? 0 : n;
	}
}

/* Read a line into @to, without its end. Return: NULL, or what is wrong. */
static const char *
read_line(struct qtest *q, char *to, size_t room)
{
	const int64_t until = now_ms() + q->patience_ms;
	ssize_t n;
	char *end;

	while (!(end = memchr(q->line, '\n', q->line_len))) {
		if (q->line_len == sizeof(q->line))
			return "QEMU answered by a line that does not end";
		n = read_some(q->socket, q->line + q->line_len, sizeof(q->line) - q->line_len,
			      until);
		if (n <= 0)
			return n < 0 ? "QEMU did not answer in time" : "QEMU closed its socket";
		q->line_len += (size_t)n;
	}
	snprintf(to, room, "%.*s", (int)(end - q->line), q->line);
	q->line_len -= (size_t)(end + 1 - q->line);
	memmove(q->line, end + 1, q->line_len);
	return NULL;
}

/* Give a command, and have the number behind OK. Return: NULL, or what is wrong. */
static const char *
command(struct qtest *q, const char *text, uint64_t *v)
{
	const size_t len = strlen(text);
	const char *why;
	char answer[128], *end;

	if (q->broken[0])
		return "";
	if (sendto(q->socket, text, len, MSG_NOSIGNAL, NULL, 0) != (ssize_t)len)
		return "QEMU takes no command";
	do /* lines of interrupts come at any time */
		why = read_line(q, answer, sizeof(answer));
	while (!why && !strncmp(answer, "IRQ ", 4));
	if (why)
		return why;
	if (strncmp(answer, "OK", 2) != 0)
		return "QEMU refused a command";
	*v = strtoull(answer + 2, &end, 0);
	return *end ? "QEMU answered by what is no number" : NULL;
}

static uint64_t
ask(struct qtest *q, const char *format, ...)
{
	uint64_t v = 0;
	const char *why;
	char text[96];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	pthread_mutex_lock(&q->lock);
	why = command(q, text, &v);
	pthread_mutex_unlock(&q->lock);
	if (!why)
		return v;
	qtest_lost(q, "%s: %s", why, text);
	return UINT64_MAX;
}

static char
suffix(unsigned n)
{
	return n == 1 ? 'b' : n == 2 ? 'w' : 'l';
}

uint32_t
qtest_read(struct qtest *q, uint64_t at, unsigned n)
{
	return (uint32_t)ask(q, "read%c %#llx\n", suffix(n), (unsigned long long)at);
}

void
qtest_write(struct qtest *q, uint64_t at, unsigned n, uint32_t v)
{
	ask(q, "write%c %#llx %#x\n", suffix(n), (unsigned long long)at, v);
}

/* What a handler of QEMU's has put off for its next round is done after two. */
void
qtest_sync(struct qtest *q)
{
	for (unsigned i = 0; i < 3; i++)
		ask(q, "inl 0xcf8\n");
}

/* A PIO address and its data: the host bridge's way before MMCONFIG is switched on. */
static void
host_bridge(struct qtest *q, unsigned off, uint32_t v)
{
	ask(q, "outl 0xcf8 %#x\n", 0x80000000u | off);
	ask(q, "outl 0xcfc %#x\n", v);
}

/* ---- QMP ---- */

/* Read until there is a whole answer: events stand before it, each a line of its own. */
static void
qmp_answer(struct qtest *q, const char *asked, const char *what, char *answer)
{
	const int64_t until = now_ms() + q->patience_ms;
	size_t len = 0;

	for (;;) {
		char *line = answer, *end;
		ssize_t n = len < QTEST_ANSWER - 1
				    ? read_some(q->qmp, answer + len, QTEST_ANSWER - 1 - len, until)
				    : -1;

		if (n <= 0)
			qtest_lost(q, "QEMU did not answer %s", asked);
		len += (size_t)n;
		answer[len] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (strstr(line, "{\"error\""))
				qtest_lost(q, "QEMU answered %s: %s", asked, line);
			if (!strncmp(line, what, strlen(what))) {
				memmove(answer, line, strlen(line) + 1);
				return;
			}
			*end = '\n';
		}
	}
}

void
qtest_qmp(struct qtest *q, const char *text, char *answer)
{
	char *own = answer ? answer : malloc(QTEST_ANSWER);

	assert_non_null(own);
	if (sendto(q->qmp, text, strlen(text), MSG_NOSIGNAL, NULL, 0) != (ssize_t)strlen(text))
		qtest_lost(q, "QEMU does not take %s", text);
	qmp_answer(q, text, "{\"return\"", own);
	if (!answer)
		free(own);
}

/* ---- frames ---- */

void
qtest_send(struct qtest *q, const void *frame, size_t len)
{
	const int64_t until = now_ms() + q->patience_ms;
	int left = 1;

	assert_true(len > 0);
	if (sendto(q->frames, frame, len, MSG_NOSIGNAL, NULL, 0) != (ssize_t)len)
		qtest_lost(q, "a frame of %zu bytes cannot be sent to QEMU: %s", len,
			   strerror(errno));
	while (!ioctl(q->frames, SIOCOUTQ, &left) && left) {
		if (now_ms() > until)
			qtest_lost(q, "QEMU did not read a frame of %zu bytes in time", len);
		ask(q, "inl 0xcf8\n");
	}
	qtest_sync(q);
}

int
qtest_receive(struct qtest *q, void *frame, size_t room)
{
	ssize_t n;

	for (unsigned i = 0; i < 2; i++) {
		n = recv(q->frames, frame, room, MSG_DONTWAIT | MSG_TRUNC);
		if (n > (ssize_t)room)
			fail_msg("the NIC sent a frame of %zd bytes; there is room for %zu", n,
				 room);
		if (n > 0)
			return (int)n;
		if (!n || (errno != EAGAIN && errno != EINTR))
			qtest_lost(q, "QEMU closed the socket of its frames");
		qtest_sync(q);
	}
	return 0;
}

/* ---- start and end ---- */

static void
start_process(struct qtest *q, const char *device)
{
	int socket[2], qmp[2], frames[2], big = 4 << 20;
	struct child c = { .ram = q->ram, .bios = make_bios(), .device = device };
	const pid_t parent = getpid();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, frames), 0);
	for (unsigned i = 0; i < 2; i++)
		setsockopt(frames[i], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	q->err = memfd_create("qtest-err", MFD_CLOEXEC);
	assert_true(q->err >= 0);
	q->socket = socket[0];
	q->qmp = qmp[0];
	q->frames = frames[0];
	c.socket = socket[1];
	c.qmp = qmp[1];
	c.frames = frames[1];
	c.err = q->err;
	q->pid = fork();
	assert_true(q->pid >= 0);
	if (!q->pid)
		exec_qemu(&c, parent);
	close(c.socket);
	close(c.qmp);
	close(c.frames);
	close(c.bios);
}

struct qtest *
qtest_start(struct baton_ctx *ctx, const char *device)
{
	struct qtest *q = calloc(1, sizeof(*q));
	char *greeting = malloc(QTEST_ANSWER);

	assert_non_null(q);
	assert_non_null(greeting);
	q->owner = pthread_self();
	q->patience_ms = PATIENCE_MS;
	pthread_mutex_init(&q->lock, NULL);
	q->ram = qtest_make_memory();
	start_process(q, device);
	qmp_answer(q, "at its start", "{\"QMP\"", greeting);
	free(greeting);
	qtest_qmp(q, "{\"execute\": \"qmp_capabilities\"}\n", NULL);
	host_bridge(q, 0x64, 0);
	host_bridge(q, 0x60, (uint32_t)qtest_config_base() | 1); /* PCIEXBAR of the Q35's MCH */
	qtest_open_memory(q);
	qtest_open_pci(q, ctx);
	return q;
}

void
qtest_stop(struct qtest *q)
{
	qtest_close_pci(q);
	qtest_close_memory(q);
	if (q->broken[0])
		fail_msg("%s", q->broken);
	kill_it(q);
	close(q->socket);
	close(q->qmp);
	close(q->frames);
	close(q->ram);
	close(q->err);
	pthread_mutex_destroy(&q->lock);
	free(q);
}
