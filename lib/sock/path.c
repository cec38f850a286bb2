/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path of a local socket: what is there, whose it is, and what to do about it. All of this is
 * looked at to be named; what the kernel answers to connect() and bind() decides.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sock/internal.h"

#define MAX_LISTED  4    /* sockets of a directory that are named */
#define MAX_ENTRIES 1000 /* of a directory that are looked at */

/* ---- people ---- */

void
sock_text_owner(struct text *to, const struct stat *st)
{
	char user[PERSON_NAME], group[PERSON_NAME];

	text_add(to, "user %s, group %s, mode %04o", person_user(st->st_uid, user),
		 person_group(st->st_gid, group), (unsigned)st->st_mode & 07777);
}

bool
sock_may(const char *path, int how)
{
	/*
	 * Not faccessat(), whose system call old sandboxes refuse. Where this one is refused, too,
	 * nobody knows, and what is done next tells.
	 */
	return !eaccess(path, how) || errno == EPERM || errno == ENOSYS;
}

/* ---- what a file is ---- */

/* The name that the kernel has for a device: "vhost-net" for 10:238. */
static void
device_name(const struct stat *st, char *to, size_t room)
{
	char link[64], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	*to = 0;
	snprintf(link, sizeof(link), "/sys/dev/%s/%u:%u", S_ISCHR(st->st_mode) ? "char" : "block",
		 major(st->st_rdev), minor(st->st_rdev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = 0;
	slash = strrchr(target, '/');
	snprintf(to, room, "%.*s", (int)room - 1, slash ? slash + 1 : target);
}

static void
text_kind(struct text *to, const struct stat *st)
{
	const char *kind = S_ISREG(st->st_mode)    ? "a regular file"
			   : S_ISDIR(st->st_mode)  ? "a directory"
			   : S_ISFIFO(st->st_mode) ? "a FIFO (named pipe)"
			   : S_ISCHR(st->st_mode)  ? "a character device"
			   : S_ISBLK(st->st_mode)  ? "a block device"
						   : "no socket";
	char name[64];

	text_add(to, "%s", kind);
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return;
	device_name(st, name, sizeof(name));
	text_add(to, " (%u:%u%s%s)", major(st->st_rdev), minor(st->st_rdev), name[0] ? ", " : "",
		 name);
}

/* Append the sockets of a directory, if there are any. */
static void
text_sockets(struct text *to, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;
	struct stat st;

	for (unsigned i = 0; dir && i < MAX_ENTRIES && (entry = readdir(dir)); i++) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISSOCK(st.st_mode))
			continue;
		if (n++ == MAX_LISTED) {
			text_add(to, " and more");
			break;
		}
		text_add(to, "%s%.60s", n == 1 ? "; sockets in it: " : ", ", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static int
no_socket(const struct sock *s, const struct stat *st, bool server)
{
	struct text kind = { 0 }, more = { 0 };

	text_kind(&kind, st);
	if (S_ISDIR(st->st_mode))
		text_sockets(&more, s->path);
	if (server)
		return baton_err(EEXIST,
				 "%s exists and is %s, not a socket: give the path of a new "
				 "file%s%s",
				 s->path, kind.text, S_ISREG(st->st_mode) ? ", or remove it" : "",
				 more.text);
	return baton_err(ENOTSOCK, "%s is %s, not a socket: path= takes %s%s", s->path, kind.text,
			 s->peer->takes, more.text);
}

/* ---- the way to a file ---- */

static int
bad_link(const struct sock *s, const char *link, int err)
{
	char target[256];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = 0;
	if (err == ELOOP)
		return baton_err(ELOOP,
				 "%s: the symbolic link %s (to %s) leads in a circle, or through "
				 "more than 40 links: give the path of the socket itself",
				 s->path, link, target);
	return baton_err(err,
			 "%s: the symbolic link %s leads to %s, where there is nothing: start the "
			 "%s that makes the socket, or correct the link",
			 s->path, link, target, s->peer->name);
}

static int
bad_directory(const struct sock *s, const char *dir, int err)
{
	struct stat st;

	if (!lstat(dir, &st) && S_ISLNK(st.st_mode) && (err == ENOENT || err == ELOOP))
		return bad_link(s, dir, err);
	if (err == ENOENT)
		return baton_err(err,
				 "%s: there is no directory %s: make it (mkdir -p %s), or correct "
				 "path=",
				 s->path, dir, dir);
	return baton_err(err, "%s: the directory %s cannot be looked at: %s", s->path, dir,
			 strerror(err));
}

static int
not_searchable(const struct sock *s, const char *dir, const struct stat *st)
{
	struct text owner = { 0 };
	char us[PERSON_NAME];

	sock_text_owner(&owner, st);
	return baton_err(EACCES,
			 "%s: the directory %s (%s) may not be searched by user %s, who this "
			 "program runs as: as its owner, chmod o+x %s, or setfacl -m u:%s:x %s",
			 s->path, dir, owner.text, person_user(geteuid(), us), dir, us, dir);
}

/* Check each directory on the way. Return: 0; a negative errno. */
static int
check_way(const struct sock *s)
{
	char dir[SOCK_PATH];
	struct stat st;

	for (const char *at = strchr(s->path, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(at == s->path ? 1 : at - s->path),
			 s->path);
		if (stat(dir, &st) < 0)
			return bad_directory(s, dir, errno);
		if (!S_ISDIR(st.st_mode)) {
			struct text kind = { 0 };

			text_kind(&kind, &st);
			return baton_err(ENOTDIR,
					 "%s: %s is %s, not a directory: correct path=", s->path,
					 dir, S_ISSOCK(st.st_mode) ? "a socket" : kind.text);
		}
		if (!sock_may(dir, X_OK))
			return not_searchable(s, dir, &st);
	}
	return 0;
}

/* ---- before a socket is used ---- */

int
sock_set_path(struct sock *s, const char *path)
{
	const char *slash;

	if (!path || !*path)
		return baton_err(EINVAL, "which socket? Give path=SOCKET, the path of %s",
				 s->peer->takes);
	if (*path == '@')
		return baton_err(EINVAL,
				 "path=%s: abstract sockets have no file, owner or mode, and are "
				 "not supported: let the %s use a socket in the file system (a "
				 "file of that name in this directory is path=./%s)",
				 path, s->peer->name, path);
	if (!strncmp(path, "unix:", 5))
		return baton_err(EINVAL, "path=%s: give the path alone, path=%s", path, path + 5);
	if (path[0] == '~' && path[1] == '/')
		return baton_err(EINVAL,
				 "path=%s: the shell does not replace ~ here: give the whole path, "
				 "path=$HOME%s",
				 path, path + 1);
	slash = strrchr(path, '/');
	if (strlen(path) >= SOCK_PATH)
		return baton_err(EINVAL,
				 "a socket's path has at most %u characters, and path= has %zu: "
				 "start this program in the socket's directory and give "
				 "path=%.60s, or make a short symbolic link to that directory",
				 SOCK_PATH - 1, strlen(path), slash ? slash + 1 : path);
	snprintf(s->path, sizeof(s->path), "%s", path);
	return 0;
}

static int
missing(const struct sock *s, int err)
{
	struct stat st;
	int ret;

	ret = check_way(s);
	if (ret < 0)
		return ret;
	if (!lstat(s->path, &st) && S_ISLNK(st.st_mode))
		return bad_link(s, s->path, err);
	if (err == ENOENT)
		return baton_err(err,
				 "no socket at %s: %s%s%s, or let it connect to us with server=1",
				 s->path, s->peer->start[0], s->path, s->peer->start[1]);
	return baton_err(err, "%s cannot be looked at: %s", s->path, strerror(err));
}

int
sock_look(const struct sock *s)
{
	struct stat st;

	if (stat(s->path, &st) < 0)
		return missing(s, errno);
	return S_ISSOCK(st.st_mode) ? 0 : no_socket(s, &st, false);
}

int
sock_look_server(const struct sock *s)
{
	struct stat st;
	int ret;

	ret = check_way(s);
	if (ret < 0)
		return ret;
	if (s->path[strlen(s->path) - 1] == '/')
		return baton_err(EISDIR, "%s names a directory: give the path of a new file in it",
				 s->path);
	if (lstat(s->path, &st) < 0)
		return errno == ENOENT ? 0 : baton_err(errno, "%s: %s", s->path, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return baton_err(EEXIST,
				 "%s exists and is a symbolic link, which no socket can be made "
				 "through: give the path that it leads to, or remove it",
				 s->path);
	return S_ISSOCK(st.st_mode) ? 0 : no_socket(s, &st, true);
}

/* Name a socket whose type is not that of a stream: EPROTOTYPE does not say which. */
int
sock_wrong_type(const struct sock *s, const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A datagram socket does not notice that another one has its address. */
	bool datagram = fd >= 0 && (!connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) ||
				    errno != EPROTOTYPE);

	if (fd >= 0)
		close(fd);
	return baton_err(EPROTOTYPE,
			 "%s is a %s socket, and %s needs a stream socket: this is another "
			 "program's; path= takes %s",
			 s->path, datagram ? "datagram" : "sequential-packet", s->peer->protocol,
			 s->peer->takes);
}

/* connect() was denied though there is a socket: by its mode, or by what is above modes. */
static int
denied(const struct sock *s, int err)
{
	const char *path = s->path;
	char us[PERSON_NAME], group[PERSON_NAME];
	struct text owner = { 0 };
	struct stat st;
	int ret = check_way(s);

	if (ret < 0)
		return ret;
	if (stat(path, &st) < 0)
		return baton_err(err, "cannot connect to %s: %s", path, strerror(err));
	sock_text_owner(&owner, &st);
	person_user(geteuid(), us);
	person_group(st.st_gid, group);
	if (sock_may(path, W_OK))
		return baton_err(err,
				 "cannot connect to %s: %s, though its mode lets user %s in (%s): "
				 "a security module (SELinux, AppArmor, Landlock) forbids it; see "
				 "dmesg or ausearch -m avc",
				 path, strerror(err), us, owner.text);
	if (st.st_mode & S_IWGRP)
		return baton_err(err,
				 "cannot connect to %s: %s: it belongs to somebody else (%s), and "
				 "user %s, who this program runs as, is not in group %s: usermod "
				 "-aG %s %s, and log in anew; or, as its owner, setfacl -m u:%s:rw "
				 "%s",
				 path, strerror(err), owner.text, us, group, group, us, us, path);
	return baton_err(err,
			 "cannot connect to %s: %s: it belongs to somebody else (%s), who lets "
			 "neither its group nor user %s in, who this program runs as: as its "
			 "owner, chgrp GROUP %s and chmod g+w %s with a group of %s's, or let the "
			 "%s make it so (its umask, or socket-mode= and socket-group= of a server)",
			 path, strerror(err), owner.text, us, path, path, us, s->peer->name);
}

int
sock_refused(const struct sock *s, const struct sockaddr_un *sa, int err)
{
	int ret;

	if (err == EACCES || err == EPERM)
		return denied(s, err);
	if (err == EPROTOTYPE)
		return sock_wrong_type(s, sa);
	if (err == EAGAIN)
		return baton_err(ETIMEDOUT,
				 "the %s at %s accepts no connection: its queue of them is full",
				 s->peer->name, s->path);
	/* The kernel also refuses what is no socket; what is there may have changed by now. */
	ret = sock_look(s);
	if (ret < 0)
		return ret;
	if (err == ECONNREFUSED)
		return baton_err(err, "nobody listens at %s: its %s has ended; start it again",
				 s->path, s->peer->name);
	return baton_err(err, "cannot connect to %s: %s", s->path, strerror(err));
}
