/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket of a server: where it can be made, and who may connect to it (socket-mode=,
 * socket-group= and socket-owner=).
 *
 * To connect, a process needs write permission for the socket's file. Owner and mode are set
 * between bind() and listen(): before listen() nobody can connect, so that nobody slips in under
 * another mode. The umask belongs to the whole process and is left alone.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctx/ctx.h"
#include "sock/internal.h"

#define WRITE_BITS 0222u

/* ---- where it is made ---- */

/* The directory of a path, for messages. */
static void
directory_of(const char *path, char to[SOCK_PATH])
{
	const char *slash = strrchr(path, '/');

	snprintf(to, SOCK_PATH, "%.*s", slash ? (int)(slash == path ? 1 : slash - path) : 1,
		 slash ? path : ".");
}

static int
not_made(const char *path, int err)
{
	char dir[SOCK_PATH], us[PERSON_NAME];
	struct text owner = { 0 };
	struct stat st;

	directory_of(path, dir);
	if (stat(dir, &st) == 0)
		sock_text_owner(&owner, &st);
	person_user(geteuid(), us);
	if (err == EACCES && !sock_may(dir, W_OK))
		return baton_err(err,
				 "cannot make the socket %s: user %s, who this program runs as, "
				 "may not write in the directory %s (%s): give a path in a "
				 "directory of this user's, or as its owner setfacl -m u:%s:rwx %s",
				 path, us, dir, owner.text, us, dir);
	if (err == EROFS)
		return baton_err(err,
				 "cannot make the socket %s: the file system of %s is read-only: "
				 "give a path in /run, /tmp or another that can be written",
				 path, dir);
	if (err == EADDRINUSE)
		return baton_err(err, "cannot listen at %s: somebody else made it meanwhile", path);
	if (err == EACCES || err == EPERM)
		return baton_err(err,
				 "cannot make the socket %s: %s: the file system of %s takes no "
				 "sockets, or a security module (SELinux, AppArmor, Landlock) "
				 "forbids it: give a path in /run or /tmp",
				 path, strerror(err), dir);
	return baton_err(err, "cannot listen at %s: %s", path, strerror(err));
}

/* Is there a program at the socket @path? Return: 0: none; a negative errno. */
static int
check_left_over(const struct sock *s, const struct sockaddr_un *sa)
{
	const char *path = s->path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;

	if (fd < 0)
		return limits_no_file("no socket", path, errno);
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		err = errno;
	close(fd);
	if (err == ECONNREFUSED)
		return 0;
	if (err == EACCES || err == EPERM) {
		struct text owner = { 0 };
		struct stat st;

		if (!lstat(path, &st))
			sock_text_owner(&owner, &st);
		return baton_err(EADDRINUSE,
				 "%s is a socket of somebody else's (%s): give another path, or "
				 "remove it if its program has ended",
				 path, owner.text);
	}
	if (err == EPROTOTYPE)
		return sock_wrong_type(s, sa);
	return baton_err(EADDRINUSE,
			 "another program listens at %s: leave server=1 out to connect to it, or "
			 "give another path",
			 path);
}

int
sock_clear(const struct sock *s, const struct sockaddr_un *sa)
{
	const char *path = s->path;
	struct text owner = { 0 };
	struct stat st;
	int ret;

	ret = sock_look_server(s);
	if (ret < 0 || lstat(path, &st) < 0)
		return ret;
	ret = check_left_over(s, sa);
	if (ret < 0 || !unlink(path) || errno == ENOENT)
		return ret;
	ret = errno;
	sock_text_owner(&owner, &st);
	return baton_err(EADDRINUSE,
			 "%s is a socket that a program of somebody else's left behind (%s), and "
			 "it cannot be removed: %s: give another path, or let its owner remove it",
			 path, owner.text, strerror(ret));
}

/* ---- who may connect ---- */

static int
parse_mode(const char *text, uint32_t *mode)
{
	const char *digits = text && !strncmp(text, "0o", 2) ? text + 2 : text;
	unsigned long value;
	char *end;

	if (!text)
		return 0;
	value = strtoul(digits, &end, 8);
	if (*digits < '0' || *digits > '7' || *end || strlen(digits) > 5 || value > 0777)
		return baton_err(EINVAL,
				 "argument socket-mode=%s: an octal mode up to 0777 is needed, "
				 "such as 0660",
				 text);
	if (!(value & WRITE_BITS))
		return baton_err(EINVAL,
				 "argument socket-mode=%s: nobody could connect, which needs write "
				 "permission: 0600 lets the owner in, 0660 its group, 0666 "
				 "everybody",
				 text);
	*mode = (uint32_t)value;
	return 0;
}

/* Return: whether @text is a number that an ID can have; -1 means "unchanged" to chown(). */
static bool
parse_id(const char *text, uint32_t *id)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value >= UINT32_MAX)
		return false;
	*id = (uint32_t)value;
	return true;
}

static int
parse_group(const char *text, uint32_t *id)
{
	if (!text)
		return 0;
	if ((!*text || !person_find_group(text, id)) && !parse_id(text, id))
		return baton_err(EINVAL,
				 "argument socket-group=%s: there is no such group (getent group "
				 "lists them); a name or a number is needed",
				 text);
	return 0;
}

static int
parse_owner(const char *text, uint32_t *id)
{
	if (!text)
		return 0;
	if ((!*text || !person_find_user(text, id)) && !parse_id(text, id))
		return baton_err(EINVAL,
				 "argument socket-owner=%s: there is no such user (getent passwd "
				 "lists them); a name or a number is needed",
				 text);
	return 0;
}

int
sock_set_access(struct sock *s, const char *mode, const char *group, const char *owner)
{
	int ret;

	if ((ret = parse_mode(mode, &s->mode)) < 0 || (ret = parse_group(group, &s->group)) < 0 ||
	    (ret = parse_owner(owner, &s->owner)) < 0)
		return ret;
	/* A group is named for its members to connect. */
	if (s->mode == SOCK_UNSET && s->group != SOCK_UNSET)
		s->mode = 0660;
	return 0;
}

static int
not_changed(const struct sock *s, int err)
{
	const char *path = s->path;
	char us[PERSON_NAME], owner[PERSON_NAME], group[PERSON_NAME];

	person_user(geteuid(), us);
	if (s->owner != SOCK_UNSET && err == EPERM)
		return baton_err(err,
				 "the socket %s cannot be given to user %s: only root may give "
				 "files away (CAP_CHOWN), and this program runs as user %s: leave "
				 "socket-owner= out, and use socket-group= with a group that both "
				 "are in",
				 path, person_user(s->owner, owner), us);
	if (s->group != SOCK_UNSET && err == EPERM)
		return baton_err(err,
				 "the socket %s cannot be given to group %s: user %s, who this "
				 "program runs as, is not in it: usermod -aG %s %s, and log in "
				 "anew; or name a group of this user's (see id)",
				 path, person_group(s->group, group), us, group, us);
	return baton_err(err, "owner, group or mode of the socket %s cannot be set: %s", path,
			 strerror(err));
}

/*
 * @fd: the socket's file, opened with O_PATH; chmod() of a symbolic link put in its place would
 * change another file.
 */
static int
change(const struct sock *s, int fd)
{
	char self[32];

	/* (uid_t)-1, which is SOCK_UNSET, leaves an ID as it is. */
	if ((s->owner != SOCK_UNSET || s->group != SOCK_UNSET) &&
	    fchownat(fd, "", s->owner, s->group, AT_EMPTY_PATH) < 0)
		return -errno;
	if (s->mode == SOCK_UNSET)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (!chmod(self, s->mode))
		return 0;
	if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
		return -errno;
	/* Without /proc there is only the path. */
	return chmod(s->path, s->mode) < 0 ? -errno : 0;
}

/* Give the socket that was bound its owner and mode, and note which file it is. */
static int
apply_access(struct sock *s)
{
	struct stat st;
	int fd, ret;

	fd = open(s->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		ret = fd < 0 ? errno : ENOTSOCK;
		if (fd >= 0)
			close(fd);
		return baton_err(ret,
				 "the socket %s was removed or replaced as soon as it was made",
				 s->path);
	}
	s->made_dev = st.st_dev;
	s->made_ino = st.st_ino;
	ret = change(s, fd);
	close(fd);
	return ret < 0 ? not_changed(s, -ret) : 0;
}

int
sock_bind(struct sock *s, int fd, const struct sockaddr_un *sa)
{
	int ret;

	/* bind() gives the file the mode of the descriptor, less the umask. */
	if (s->mode != SOCK_UNSET)
		fchmod(fd, s->mode);
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return not_made(s->path, errno);
	ret = apply_access(s);
	if (ret < 0)
		sock_remove(s);
	return ret;
}

void
sock_remove(const struct sock *s)
{
	struct stat st;

	if (!lstat(s->path, &st) && st.st_dev == s->made_dev && st.st_ino == s->made_ino)
		unlink(s->path);
}

/*
 * Find the first directory on the way to the socket @st that others, or its group, may not pass.
 *
 * Return: whether there is one; then @dir and @is are it.
 */
static bool
closed_way(const char *path, const struct stat *st, char dir[PATH_MAX], struct stat *is)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return false;
	for (const char *s = strchr(real, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(dir, PATH_MAX, "%.*s", s == real ? 1 : (int)(s - real), real);
		if (stat(dir, is) == 0 && !(is->st_mode & S_IXOTH) &&
		    !(is->st_gid == st->st_gid && (is->st_mode & S_IXGRP)))
			return true;
	}
	return false;
}

/* Return: whether others than this user may connect, as was meant. */
static bool
text_who(const struct sock *s, struct text *to)
{
	char dir[PATH_MAX];
	struct stat st, way;

	if (lstat(s->path, &st) < 0)
		return true;
	text_add(to, "(");
	sock_text_owner(to, &st);
	text_add(to, "): %s may connect",
		 st.st_mode & S_IWOTH   ? "everybody"
		 : st.st_mode & S_IWGRP ? "root, its user and its group"
					: "root and its user");
	if (!(st.st_mode & S_IWOTH) && s->mode == SOCK_UNSET)
		text_add(to, "; socket-group= and socket-mode= let others in");
	if (!(st.st_mode & (S_IWOTH | S_IWGRP)) || !closed_way(s->path, &st, dir, &way))
		return true;
	text_add(to, ", but not all of them pass the directory %.200s (", dir);
	sock_text_owner(to, &way);
	text_add(to, "): chmod o+x %.200s", dir);
	return false;
}

void
sock_log_server(const struct sock *s)
{
	struct text who = { 0 };
	bool well = text_who(s, &who);

	baton_log(s->ctx, well || s->mode == SOCK_UNSET ? BATON_LOG_INFO : BATON_LOG_WARN,
		  "%s: waiting for a %s to connect to %s %s", s->user, s->peer->name, s->path,
		  who.text);
}

int
sock_nobody_came(const struct sock *s, unsigned ms)
{
	struct text who = { 0 };

	text_who(s, &who);
	return baton_err(ETIMEDOUT,
			 "no %s connected to %s within %u ms (argument wait=MS waits longer); the "
			 "socket is there %s",
			 s->peer->name, s->path, ms, who.text);
}
