/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU as a process: its start and end, its qtest and QMP sockets. */
#include "qtest.h"

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	const char *given = getenv("BATON_QEMU"), *cache = getenv("XDG_CACHE_HOME");
	static char path[512];
	char pattern[512];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s%s",
		 given   ? given
		 : cache ? cache
			 : "~/.cache",
		 given ? "" : "/baton/vm/qemu-*");
	path[0] = '\0';
	if (!glob(pattern, GLOB_TILDE, NULL, &g))
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

/*
 * $1: of find_qemu(); $2: the device; $3: the netdev. Descriptors are those of FD_*. The first 2
 * GiB of memory are at 0, the rest from 4 GiB on.
 */
static const char script[] = "q=$1/usr/bin/qemu-system-x86_64 l=lib/x86_64-linux-gnu "
			     "f=/proc/self/fd\n"
			     "if [ -x \"$q\" ]; then\n"
			     "	export LD_LIBRARY_PATH=\"$1/usr/$l:$1/$l\"\n"
			     "	export QEMU_MODULE_DIR=\"$1/usr/$l/qemu\"\n"
			     "else\n"
			     "	q=$1\n"
			     "fi\n"
			     "ram=memory-backend-file,id=m0,size=3G,share=on\n"
			     "exec \"$q\" -nodefaults -no-user-config -display none \\\n"
			     "	-L \"$1/usr/share/qemu\" -bios $f/604 -accel tcg \\\n"
			     "	-machine q35,memory-backend=m0,max-ram-below-4g=2G \\\n"
			     "	-m 3G -object $ram,mem-path=$f/603 \\\n"
			     "	-chardev socket,id=q,fd=600 -qtest chardev:q \\\n"
			     "	-qtest-log none -chardev socket,id=m,fd=601 \\\n"
			     "	-mon chardev=m,mode=control -netdev \"$3\" \\\n"
			     "	-device pcie-root-port,id=r0,chassis=1,addr=4.0 \\\n"
			     "	-device \"$2,id=d0,netdev=n0,bus=r0,romfile=\"\n";

enum { FD_QTEST = 600, FD_QMP, FD_FRAMES, FD_RAM, FD_BIOS, FD_TAP };

/* Of the child. What is not in @fds is closed by exec. */
static void
exec_qemu(const struct qtest *q, const int fds[], const char *device, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	dup2(q->err, 1);
	dup2(q->err, 2);
	for (int i = FD_QTEST; i < FD_TAP; i++)
		dup2(fds[i - FD_QTEST], i);
	for (int i = 0; i < (int)q->taps; i++)
		dup2(q->tap[i], FD_TAP + i);
	execl("/bin/sh", "sh", "-c", script, "qtest", find_qemu(), device,
	      q->taps ? "tap,id=n0,fds=605:606" : "dgram,id=n0,local.type=fd,local.str=602", NULL);
	_exit(1);
}

static int
make_file(const char *name, off_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0 && fd < FD_QTEST);
	assert_int_equal(ftruncate(fd, bytes), 0);
	return fd;
}

/* Return: our end. */
static int
make_pair(int type, int *theirs)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(pair[1] < FD_QTEST);
	*theirs = pair[1];
	return pair[0];
}

static void
start_process(struct qtest *q, const char *device, bool tap)
{
	static const uint8_t halt[] = { 0xfa, 0xf4, 0xeb, 0xfd }; /* cli; hlt; jmp to hlt */
	const pid_t parent = getpid();
	int fds[FD_TAP - FD_QTEST];

	q->qtest.fd = make_pair(SOCK_STREAM, &fds[0]);
	q->qmp.fd = make_pair(SOCK_STREAM, &fds[1]);
	q->frames = make_pair(SOCK_DGRAM, &fds[2]);
	if (tap)
		qtest_open_tap(q);
	q->ram = fds[3] = make_file("qtest-ram", QTEST_RAM);
	fds[4] = make_file("qtest-bios", BIOS);
	assert_int_equal(pwrite(fds[4], halt, sizeof(halt), BIOS - 16), sizeof(halt));
	q->err = make_file("qtest-err", 0);
	q->pid = fork();
	assert_true(q->pid >= 0);
	if (!q->pid)
		exec_qemu(q, fds, device, parent);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
	close(fds[4]);
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
	char why[256], printed[256];
	va_list ap;
	ssize_t n;

	if (!q->broken[0]) {
		va_start(ap, format);
		vsnprintf(why, sizeof(why), format, ap);
		va_end(ap);
		kill_it(q);
		n = pread(q->err, printed, sizeof(printed) - 1, 0);
		printed[n > 0 ? n : 0] = '\0';
		snprintf(q->broken, sizeof(q->broken), "%s%s%s", why, n > 0 ? "; it printed: " : "",
			 printed);
	}
	if (pthread_equal(pthread_self(), q->owner))
		fail_msg("%s", q->broken);
	fprintf(stderr, "qtest: %s\n", q->broken);
}

/* ---- lines ---- */

int64_t
qtest_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read a line, without its end; it is there until the next call. Return: NULL, or what is wrong. */
static const char *
read_line(const struct qtest *q, struct qtest_lines *l)
{
	const int64_t until = qtest_now_ms() + q->patience_ms;
	char *end;

	l->len -= l->taken;
	memmove(l->text, l->text + l->taken, l->len);
	l->taken = 0;
	while (!(end = memchr(l->text, '\n', l->len))) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		const int64_t left = until - qtest_now_ms();
		ssize_t n;

		if (l->len == sizeof(l->text))
			return "QEMU answered by a line that does not end";
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return "QEMU did not answer in time";
		n = read(l->fd, l->text + l->len, sizeof(l->text) - l->len);
		if (n == 0 || (n < 0 && errno != EINTR))
			return "QEMU closed its socket";
		l->len += n > 0 ? (size_t)n : 0;
	}
	*end = '\0';
	l->taken = (size_t)(end + 1 - l->text);
	return NULL;
}

/* Give a command, and have the number behind OK. Return: NULL, or what is wrong. */
static const char *
command(struct qtest *q, const char *text, uint64_t *v)
{
	const size_t len = strlen(text);
	const char *answer = q->qtest.text, *why;
	char *end;

	if (q->broken[0])
		return "";
	if (sendto(q->qtest.fd, text, len, MSG_NOSIGNAL, NULL, 0) != (ssize_t)len)
		return "QEMU closed its socket";
	do /* lines of interrupts come at any time */
		why = read_line(q, &q->qtest);
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

/* By the number of bytes. */
static const char suffix[] = "-bw-l";

uint32_t
qtest_read(struct qtest *q, uint64_t at, unsigned n)
{
	return (uint32_t)ask(q, "read%c %#llx\n", suffix[n], (unsigned long long)at);
}

void
qtest_write(struct qtest *q, uint64_t at, unsigned n, uint32_t v)
{
	ask(q, "write%c %#llx %#x\n", suffix[n], (unsigned long long)at, v);
}

/* What a handler of QEMU's has put off for its next round is done after two. */
void
qtest_sync(struct qtest *q)
{
	for (unsigned i = 0; i < 3; i++)
		ask(q, "inl 0xcf8\n");
}

/* ---- QMP ---- */

/* Other lines stand before the answer: events, each on one. */
static void
qmp_answer(struct qtest *q, const char *asked, const char *begins)
{
	const char *why;

	do {
		why = read_line(q, &q->qmp);
		if (why || !strncmp(q->qmp.text, "{\"error\"", 8))
			qtest_lost(q, "%s: %s", why ? why : q->qmp.text, asked);
	} while (strncmp(q->qmp.text, begins, strlen(begins)) != 0);
}

const char *
qtest_qmp(struct qtest *q, const char *text)
{
	const size_t len = strlen(text);

	if (sendto(q->qmp.fd, text, len, MSG_NOSIGNAL, NULL, 0) != (ssize_t)len)
		qtest_lost(q, "QEMU takes no command: %s", text);
	qmp_answer(q, text, "{\"return\"");
	return q->qmp.text;
}

/* ---- start and end ---- */

struct qtest *
qtest_start(struct baton_ctx *ctx, const char *device, bool tap)
{
	struct qtest *q = calloc(1, sizeof(*q));

	assert_non_null(q);
	q->owner = pthread_self();
	q->patience_ms = PATIENCE_MS;
	pthread_mutex_init(&q->lock, NULL);
	start_process(q, device, tap);
	qmp_answer(q, "at its start", "{\"QMP\"");
	qtest_qmp(q, "{\"execute\": \"qmp_capabilities\"}\n");
	/* PCIEXBAR of the Q35's host bridge, by I/O ports: configuration space is memory from now
	 * on. */
	ask(q, "outl 0xcf8 0x80000060\n");
	ask(q, "outl 0xcfc %#x\n", QTEST_ECAM | 1);
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
	close(q->qtest.fd);
	close(q->qmp.fd);
	close(q->frames);
	for (unsigned i = 0; i < q->taps; i++)
		close(q->tap[i]);
	close(q->ram);
	close(q->err);
	pthread_mutex_destroy(&q->lock);
	free(q);
}
