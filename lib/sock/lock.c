/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One user a socket, whatever namespaces the users are in.
 *
 * Two programs that would use one socket may share neither a network namespace (abstract
 * sockets are per network namespace), nor a PID namespace (numbers in a lock file say nothing), nor
 * the right to write beside the socket (no lock file), nor the path (a bind mount of the directory,
 * or of the socket itself, has another). A socket cannot be opened, and so not be locked. What both
 * can see:
 *
 * - the inode of their time namespace, which containers practically always share, and which every
 *   process may open (/proc/self/ns/time). It serves as a table of locks for the whole machine;
 * - the inode of the socket's directory, for a process that has no /proc but may read it.
 *
 * Neither can be opened for writing, and a write lock needs that. A read lock does not; and
 * F_OFD_GETLK tells who would be in the way of a write lock without taking it. So a user takes a
 * read lock of the bytes that stand for the socket, and then asks: whoever finds another's lock
 * gives up its own. An flock() on the same inode keeps two that begin at the same time from both
 * giving up.
 *
 * The locks are open file description locks: the kernel drops them when the process ends, however
 * it ends; nothing is left in the file system, and two ports of one process exclude each other. A
 * socket has two keys: {device and inode of its directory, name}, which stays when the backend
 * makes its socket anew, and {device, inode, time of birth} of the socket itself while it is
 * connected to, which a hard link or a bind mount of it has too. A lock's length is the PID of its
 * owner, as a hint for messages.
 *
 * An abstract socket by the name of the first key excludes those who have neither /proc nor the
 * right to read the directory, within one network namespace.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ctx/ctx.h"
#include "sock/internal.h"

#define SPAN      (1ll << 23) /* bytes of a key: more than the largest PID, 1 << 22 */
#define KEY_BITS  40
#define PATIENCE  20 /* ms that an flock() is waited for */
#define MAX_FDS   4096
#define SEARCH_MS 300 /* at most, for the owner of a lock */
#define FNV_BEGIN 0xcbf29ce484222325ull

static uint64_t
fnv(uint64_t hash, const void *bytes, size_t n)
{
	for (const uint8_t *b = bytes; n; n--)
		hash = (hash ^ *b++) * 0x100000001b3ull;
	return hash;
}

static int64_t
key_of(uint64_t hash)
{
	return (int64_t)((hash ^ hash >> KEY_BITS) & ((1ull << KEY_BITS) - 1)) * SPAN;
}

/* ---- the owner of a lock, for messages ---- */

/* Whether a process has a lock that begins at @key, as far as this one may see. */
static bool
process_has(const char *pid, int64_t key)
{
	char path[300], text[1024], want[32];
	struct dirent *entry;
	bool has = false;
	ssize_t n;
	DIR *dir;
	int fd;

	snprintf(want, sizeof(want), " %lld ", (long long)key);
	snprintf(path, sizeof(path), "/proc/%.20s/fdinfo", pid);
	dir = opendir(path);
	for (unsigned i = 0; dir && !has && i < MAX_FDS && (entry = readdir(dir)); i++) {
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n < 0 ? 0 : n] = 0;
		has = strstr(text, "OFDLCK") && strstr(text, want);
	}
	if (dir)
		closedir(dir);
	return has;
}

/* Find the process that has the lock. Return: its PID here; 0: it cannot be seen. */
static int
find_owner(int64_t key, int64_t hint)
{
	uint64_t until = ctx_now_ns() + SEARCH_MS * 1000000ull;
	struct dirent *entry;
	char self[16];
	int pid = 0;
	DIR *dir;

	snprintf(self, sizeof(self), "%lld", (long long)hint);
	if (hint > 0 && hint != getpid() && process_has(self, key))
		return (int)hint;
	snprintf(self, sizeof(self), "%d", getpid());
	dir = opendir("/proc");
	while (dir && ctx_now_ns() < until && !pid && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    strcmp(entry->d_name, self) && process_has(entry->d_name, key))
			pid = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return pid ? pid : process_has("self", key) ? getpid() : 0;
}

static void
name_of_process(int pid, char to[64])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, to, 63);
	if (fd >= 0)
		close(fd);
	to[n < 0 ? 0 : n] = 0;
	to[strcspn(to, "\n")] = 0;
}

static int
in_use(const struct sock *s, int64_t key, int64_t hint)
{
	int pid = key < 0 ? 0 : find_owner(key, hint);
	char who[128] = "of this program or another", comm[64];

	if (pid == getpid())
		snprintf(who, sizeof(who), "of this program");
	else if (pid) {
		name_of_process(pid, comm);
		snprintf(who, sizeof(who), "of process %d (%s)", pid, comm);
	} else if (hint > 0)
		snprintf(who, sizeof(who),
			 "of process %lld of another user or PID namespace (see lslocks)",
			 (long long)hint);
	return baton_err(EBUSY,
			 "%s is in use by another port, %s: give this one a socket of its own",
			 s->path, who);
}

/* ---- locks ---- */

static void
drop(int fd, int64_t key)
{
	struct flock all = { .l_type = F_UNLCK, .l_start = key, .l_len = SPAN };

	fcntl(fd, F_OFD_SETLK, &all);
}

static void
begin(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	/* Whoever keeps it for longer is none of us: two that begin at once may then both fail. */
	for (unsigned ms = 0; ms < PATIENCE && flock(fd, LOCK_EX | LOCK_NB) < 0; ms++)
		nanosleep(&pause, NULL);
}

/* Return: 0; -EBUSY, and @hint is the PID of the owner in its own namespace; else no lock can be
 * taken here. */
static int
claim(int fd, int64_t key, int64_t *hint)
{
	struct flock own = { .l_type = F_RDLCK, .l_start = key, .l_len = getpid() };
	struct flock other = { .l_type = F_WRLCK, .l_start = key, .l_len = SPAN };
	int ret = 0;

	if (fd < 0)
		return -EBADF;
	begin(fd);
	if (fcntl(fd, F_OFD_SETLK, &own) < 0 || fcntl(fd, F_OFD_GETLK, &other) < 0)
		ret = -errno;
	else if (other.l_type != F_UNLCK)
		ret = -EBUSY;
	if (ret < 0)
		drop(fd, key);
	flock(fd, LOCK_UN);
	*hint = other.l_len;
	return ret;
}

/* Return: 0; -EADDRINUSE; another negative errno. */
static int
claim_abstract(const struct sock *s, const struct stat *dir, uint64_t hash)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int len = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "baton-%s-%llx-%llx-%llx",
			   s->peer->protocol, (unsigned long long)dir->st_dev,
			   (unsigned long long)dir->st_ino, (unsigned long long)hash);

	if (bind(s->name, (struct sockaddr *)&sa,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0)
		return -errno;
	return 0;
}

static int
open_table(void)
{
	int fd = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);

	/* Linux 5.6 has time namespaces; before, take one that everybody has. */
	return fd < 0 && errno == ENOENT ? open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) : fd;
}

int
sock_lock(struct sock *s)
{
	char full[PATH_MAX], dir[PATH_MAX];
	const char *base;
	int64_t key, hint = 0;
	struct stat st;
	uint64_t hash;
	int here, table, name;

	if (!realpath(s->path, full))
		snprintf(full, sizeof(full), "%s", s->path);
	base = strrchr(full, '/') ? strrchr(full, '/') + 1 : full;
	snprintf(dir, sizeof(dir), "%.*s", base == full ? 1 : (int)(base - full),
		 base == full ? "." : full);
	if (stat(dir, &st) < 0)
		return baton_err(errno, "no directory %s for the socket: %s", dir, strerror(errno));
	hash = fnv(FNV_BEGIN, base, strlen(base));
	key = key_of(fnv(fnv(hash, &st.st_dev, sizeof(st.st_dev)), &st.st_ino, sizeof(st.st_ino)));
	s->table = open_table();
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->name = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->name < 0)
		s->name = -errno;
	table = claim(s->table, key, &hint);
	here = table == -EBUSY ? table : claim(s->dir, key, &hint);
	if (table == -EBUSY || here == -EBUSY)
		return in_use(s, key, hint);
	name = s->name < 0 ? s->name : claim_abstract(s, &st, hash);
	if (name == -EADDRINUSE)
		return in_use(s, -1, 0);
	if (!table || !here)
		return 0;
	if (name < 0)
		return limits_no_file("no lock", s->path, -name);
	baton_log(s->ctx, BATON_LOG_INFO,
		  "%s: a second user of %s is refused in this network namespace only: there is no "
		  "/proc, and the directory %s cannot be read (%s)",
		  s->user, s->path, dir, strerror(-here));
	return 0;
}

int
sock_lock_peer(struct sock *s)
{
	struct statx st;
	int64_t hint = 0, key;
	uint64_t hash;

	sock_unlock_peer(s);
	if (s->table < 0 || statx(AT_FDCWD, s->path, 0, STATX_INO | STATX_BTIME, &st) < 0)
		return 0; /* connect() reports it */
	/* The time of birth tells a socket from one before it that had the same inode number. */
	hash = fnv(FNV_BEGIN, &st.stx_dev_major, sizeof(st.stx_dev_major));
	hash = fnv(hash, &st.stx_dev_minor, sizeof(st.stx_dev_minor));
	hash = fnv(hash, &st.stx_ino, sizeof(st.stx_ino));
	if (st.stx_mask & STATX_BTIME) {
		hash = fnv(hash, &st.stx_btime.tv_sec, sizeof(st.stx_btime.tv_sec));
		hash = fnv(hash, &st.stx_btime.tv_nsec, sizeof(st.stx_btime.tv_nsec));
	}
	key = key_of(hash);
	if (claim(s->table, key, &hint) == -EBUSY)
		return in_use(s, key, hint);
	s->key = key;
	return 0;
}

void
sock_unlock_peer(struct sock *s)
{
	if (s->key >= 0)
		drop(s->table, s->key);
	s->key = -1;
}

void
sock_unlock(struct sock *s)
{
	int *fds[] = { &s->table, &s->dir, &s->name };

	sock_unlock_peer(s);
	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
