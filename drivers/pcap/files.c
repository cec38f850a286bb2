/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening what a port reads and writes, so that nobody loses anything by it: nothing is opened that
 * another port has, nothing is overwritten that is no capture, and nothing at all before the port
 * starts.
 *
 * Files are locked, by descriptor: a writer alone, readers together. A FIFO has two locks, as it
 * has one reader and one writer at a time.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/people.h"
#include "pcap_port.h"

#define RX "rx_pcap"
#define TX "tx_pcap"

/* The descriptor that a path names, or -1. */
static int
number_of(const char *path, bool tx)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	static const char *const standard[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };
	unsigned long n;
	char *end;

	if (!strcmp(path, "-"))
		return tx ? STDOUT_FILENO : STDIN_FILENO;
	for (int i = 0; i < 3; i++)
		if (!strcmp(path, standard[i]))
			return i;
	for (int i = 0; i < 2; i++) {
		const char *digits = path + strlen(folders[i]);

		if (strncmp(path, folders[i], strlen(folders[i])) || *digits < '0' || *digits > '9')
			continue;
		n = strtoul(digits, &end, 10);
		if (!*end && n < INT32_MAX)
			return (int)n;
	}
	return -1;
}

static void
name_end(struct pcap_end *end, bool tx)
{
	end->fd = -1;
	end->created = false;
	end->number = number_of(end->path, tx);
	end->name = end->number == STDIN_FILENO    ? "standard input"
		    : end->number == STDOUT_FILENO ? "standard output"
						   : end->path;
}

/* A terminal of people, or one of /dev/null, /dev/zero and /dev/full: opening these does nothing.
 */
static bool
is_harmless(dev_t device)
{
	const unsigned n = minor(device);

	switch (major(device)) {
	case 1: /* memory */
		return n == 3 || n == 5 || n == 7;
	case 4: /* virtual consoles; a serial line behind them would notice */
		return n < 64;
	case 5: /* /dev/tty, /dev/console, /dev/ptmx */
		return true;
	default:
		return major(device) >= 136 && major(device) <= 143;
	}
}

/* What can be no capture, whatever is in it. */
static int
check_type(const struct pcap_end *end, const char *key)
{
	const char *help = *key == 'r' ? "name a file or a FIFO" : "name a file, a FIFO or a pipe";

	if (S_ISDIR(end->st.st_mode))
		return baton_err(EISDIR, "%s=%s: %s is a folder: %s", key, end->path, end->name,
				 help);
	if (S_ISBLK(end->st.st_mode))
		return baton_err(ENOTSUP, "%s=%s: %s is a block device: %s", key, end->path,
				 end->name, help);
	/* Some do something when they are opened already, as a watchdog. */
	if (S_ISCHR(end->st.st_mode) && end->number < 0 && !is_harmless(end->st.st_rdev))
		return baton_err(ENOTSUP,
				 "%s=%s: %s is a character device (%u:%u), and is not opened: %s",
				 key, end->path, end->name, major(end->st.st_rdev),
				 minor(end->st.st_rdev), help);
	if (S_ISSOCK(end->st.st_mode) && end->number < 0)
		return baton_err(ENOTSUP,
				 "%s=%s is a socket, and only programs connect to these: use "
				 "`socat` with a pipe (%s=-)",
				 key, end->path, key);
	return 0;
}

static int
check_terminal(const struct pcap_end *end, const char *key)
{
	if (!isatty(end->fd))
		return 0;
	return baton_err(ENOTSUP, "%s=%s: %s is a terminal, and captures are not text: %s", key,
			 end->path, end->name,
			 *key == 'r' ? "send one there, as in `tcpdump -w - | ...`"
				     : "send it elsewhere, as in `... | tcpdump -r -`");
}

/* Whose file it is, as far as it could be looked at, and who may not use it. */
static void
who(const struct pcap_end *end, char *to, size_t size)
{
	char owner[PERSON_NAME], group[PERSON_NAME], us[PERSON_NAME];

	person_user(geteuid(), us);
	if (!end->st.st_mode)
		snprintf(to, size, ": user %s, who this program runs as, may not use its folder",
			 us);
	else
		snprintf(to, size,
			 ": it belongs to user %s, group %s, mode %04o, and this program runs as "
			 "user %s",
			 person_user(end->st.st_uid, owner), person_group(end->st.st_gid, group),
			 (unsigned)end->st.st_mode & 07777, us);
}

static int
cannot(const struct pcap_end *end, const char *key, const char *what)
{
	int err = errno;
	char help[4 * PERSON_NAME] = "";

	if (err == EACCES)
		who(end, help, sizeof(help));
	else if (err == EPERM)
		snprintf(help, sizeof(help),
			 ": it is append-only or immutable (lsattr), or a sandbox forbids it");
	else if (err == EMFILE || err == ENFILE)
		snprintf(help, sizeof(help), "; raise `ulimit -n`");
	return baton_err(err, "%s=%s: %s cannot be %s: %s%s", key, end->path, end->name, what,
			 strerror(err), help);
}

/* What somebody opened for the other direction only was not meant for this one. */
static int
check_access(const struct pcap_end *end, const char *key)
{
	const bool rx = *key == 'r';
	int flags = fcntl(end->number, F_GETFL);

	if (flags < 0 || (!(flags & O_PATH) && ((flags & O_ACCMODE) == O_RDWR ||
						(flags & O_ACCMODE) == (rx ? O_RDONLY : O_WRONLY))))
		return 0;
	return baton_err(EBADF,
			 "%s=%s: %s was closed, or not opened for %s: redirect it (as in `%s`), or "
			 "name a file",
			 key, end->path, end->name, rx ? "reading" : "writing",
			 rx ? "< FILE" : "> FILE");
}

/* Our own opening of somebody else's descriptor, or else a second number for it. */
static int
open_number(struct pcap_end *end, const char *key, int flags)
{
	char path[32];

	if (fstat(end->number, &end->st) < 0)
		return baton_err(errno, "%s=%s: there is no descriptor %d: %s", key, end->path,
				 end->number, strerror(errno));
	if (check_type(end, key) < 0)
		return -ENOTSUP;
	if (check_access(end, key) < 0)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", end->number);
	end->fd = S_ISSOCK(end->st.st_mode) ? -1 : open(path, flags);
	end->kind = S_ISREG(end->st.st_mode) ? PCAP_FILE : PCAP_STREAM;
	if (end->fd >= 0)
		return 0;
	if (!S_ISREG(end->st.st_mode))
		end->kind = S_ISSOCK(end->st.st_mode) ? PCAP_SOCKET : PCAP_SHARED;
	end->fd = fcntl(end->number, F_DUPFD_CLOEXEC, 3);
	return end->fd < 0 ? cannot(end, key, "used") : 0;
}

/* ---- two users ---- */

static bool
same(const struct pcap_end *a, const struct pcap_end *b)
{
	return b->path && b->st.st_ino && a->st.st_dev == b->st.st_dev &&
	       a->st.st_ino == b->st.st_ino;
}

/* Does another port of the context have it? */
static int
check_ports(const struct pcap_port *pp, const struct pcap_end *end, bool tx)
{
	const char *key = tx ? TX : RX;

	if (S_ISCHR(end->st.st_mode))
		return 0;
	for (unsigned i = 0; i <= BATON_MAX_PORTS; i++) {
		const struct baton_port *port =
			i < BATON_MAX_PORTS ? pp->port.ctx->ports[i] : &pp->port;
		const struct pcap_port *other = (const struct pcap_port *)port;
		const bool both = tx || !S_ISREG(end->st.st_mode);

		if (!port || port->driver != &pcap_driver)
			continue;
		if (end != &other->out.end && same(end, &other->out.end) &&
		    (tx || !S_ISSOCK(end->st.st_mode)))
			return baton_err(EBUSY,
					 "%s=%s: port %s writes to it (tx_pcap=%s): name another",
					 key, end->path, port->name, other->out.end.path);
		if (end != &other->in.end && both && same(end, &other->in.end) &&
		    !(tx && S_ISSOCK(end->st.st_mode)))
			return baton_err(EBUSY,
					 "%s=%s: port %s reads from it (rx_pcap=%s): name another",
					 key, end->path, port->name, other->in.end.path);
	}
	return 0;
}

/* Another process, or context. A file system without locks has none. */
static int
lock(const struct pcap_end *end, bool tx)
{
	struct flock all = { .l_type = tx ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
	int ret = 0;

	if (end->kind == PCAP_FILE || (tx && S_ISFIFO(end->st.st_mode)))
		ret = fcntl(end->fd, F_OFD_SETLK, &all);
	else if (end->kind == PCAP_STREAM && S_ISFIFO(end->st.st_mode))
		ret = flock(end->fd, LOCK_EX | LOCK_NB);
	if (!ret || (errno != EAGAIN && errno != EACCES && errno != EWOULDBLOCK))
		return 0;
	return baton_err(EBUSY,
			 "%s=%s: another port or process %s it just now: name another, or wait for "
			 "that one to end",
			 tx ? TX : RX, end->path,
			 tx                       ? "reads or writes"
			 : end->kind == PCAP_FILE ? "writes"
						  : "reads");
}

static int
check_socket(const struct pcap_end *end, const char *key)
{
	int type = SOCK_STREAM;
	socklen_t size = sizeof(type);

	if (end->kind != PCAP_SOCKET ||
	    (getsockopt(end->fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM))
		return 0;
	return baton_err(ENOTSUP, "%s=%s: %s is a socket for datagrams: a stream is needed", key,
			 end->path, end->name);
}

/* A file by which the kernel is told something: what is written there is no capture. */
static int
check_kernel_file(const struct pcap_end *end)
{
	static const unsigned long types[] = { PROC_SUPER_MAGIC,   SYSFS_MAGIC,
					       CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
					       TRACEFS_MAGIC,      DEBUGFS_MAGIC,
					       SECURITYFS_MAGIC };
	struct statfs fs;

	if (!S_ISREG(end->st.st_mode) || fstatfs(end->fd, &fs) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if ((unsigned long)fs.f_type == types[i])
			return baton_err(ENOTSUP,
					 "tx_pcap=%s: what is written to %s is for the kernel, "
					 "which "
					 "would act on it: name a file elsewhere",
					 end->path, end->name);
	return 0;
}

static int
check_opened(const struct pcap_port *pp, const struct pcap_end *end, bool tx)
{
	const char *key = tx ? TX : RX;
	int ret = check_type(end, key);

	if (!ret)
		ret = check_terminal(end, key);
	if (!ret)
		ret = check_socket(end, key);
	if (!ret && tx)
		ret = check_kernel_file(end);
	if (!ret)
		ret = check_ports(pp, end, tx);
	return ret ? ret : lock(end, tx);
}

/* ---- RX ---- */

int
pcap_end_open_rx(struct pcap_port *pp)
{
	struct pcap_end *end = &pp->in.end;
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int ret;

	name_end(end, false);
	if (end->number >= 0) {
		ret = open_number(end, RX, flags);
		return ret < 0 ? ret : check_opened(pp, end, false);
	}
	if (stat(end->path, &end->st) < 0)
		return cannot(end, RX, "read");
	ret = check_type(end, RX);
	if (ret < 0)
		return ret;
	end->fd = open(end->path, flags);
	if (end->fd < 0 || fstat(end->fd, &end->st) < 0)
		return cannot(end, RX, "read");
	end->kind = S_ISREG(end->st.st_mode) ? PCAP_FILE : PCAP_STREAM;
	return check_opened(pp, end, false);
}

/* ---- TX ---- */

/* May the file be emptied when the port starts? */
static int
check_precious(const struct pcap_end *end)
{
	uint8_t head[CAPTURE_MAGIC];
	ssize_t n;

	if (end->kind != PCAP_FILE || !end->st.st_size)
		return 0;
	if (end->number >= 0)
		return baton_err(EEXIST,
				 "tx_pcap=%s: %s is a file that has something in it already: write "
				 "to an empty one (`>`, not `>>`)",
				 end->path, end->name);
	n = pread(end->fd, head, sizeof(head), 0);
	if (n < 0)
		return baton_err(EEXIST,
				 "tx_pcap=%s exists and cannot be read, so that it is not known "
				 "whether it may be overwritten: delete it, or name another file",
				 end->path);
	if (n >= 4 && !capture_foreign(head, (size_t)n))
		return 0;
	return baton_err(EEXIST,
			 "tx_pcap=%s exists and is no capture: it is not overwritten: delete it, "
			 "or name another file",
			 end->path);
}

/* A file, which may be new; its old content can be looked at where it may be read. */
static int
open_file(struct pcap_end *end)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	end->fd = open(end->path, flags | O_RDWR | O_CREAT | O_EXCL, 0666);
	end->created = end->fd >= 0;
	if (end->fd < 0 && errno == EEXIST)
		end->fd = open(end->path, flags | O_RDWR);
	if (end->fd < 0 && errno == ENOENT) /* a link to a file that is not there yet */
		end->fd = open(end->path, flags | O_RDWR | O_CREAT, 0666);
	if (end->fd < 0 && errno == EACCES) {
		end->fd = open(end->path, flags | O_WRONLY);
		if (end->fd < 0 && errno == ENOENT)
			errno = EACCES; /* it is its folder that may not be written to */
	}
	return end->fd;
}

int
pcap_end_connect(struct pcap_end *end)
{
	struct stat st;
	int ret;

	end->fd = open(end->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (end->fd < 0)
		return errno == ENXIO ? -EAGAIN : -errno;
	if (fstat(end->fd, &st) < 0 || st.st_dev != end->st.st_dev || st.st_ino != end->st.st_ino)
		ret = -ESTALE;
	else
		ret = lock(end, true);
	if (!ret)
		return 0;
	close(end->fd);
	end->fd = -1;
	return ret;
}

int
pcap_end_open_tx(struct pcap_port *pp)
{
	struct pcap_end *end = &pp->out.end;
	int ret = 0;

	name_end(end, true);
	if (end->number >= 0) {
		ret = open_number(end, TX, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} else if (stat(end->path, &end->st) == 0 && S_ISFIFO(end->st.st_mode)) {
		end->kind = PCAP_STREAM;
		ret = check_ports(pp, end, true);
		if (!ret)
			ret = pcap_end_connect(end);
		if (ret == -EAGAIN)
			return 0; /* its reader may come later */
		if (ret == -EBUSY)
			return ret;
		if (ret < 0) {
			errno = -ret;
			return cannot(end, TX, "written");
		}
	} else {
		ret = end->st.st_mode ? check_type(end, TX) : 0;
		if (!ret && (open_file(end) < 0 || fstat(end->fd, &end->st) < 0))
			return cannot(end, TX, "written");
		end->kind = S_ISREG(end->st.st_mode) ? PCAP_FILE : PCAP_STREAM;
	}
	if (!ret)
		ret = check_opened(pp, end, true);
	return ret < 0 ? ret : check_precious(end);
}

void
pcap_end_close(struct pcap_end *end)
{
	if (end->fd >= 0)
		close(end->fd);
	end->fd = -1;
	end->st = (struct stat){ 0 };
}
