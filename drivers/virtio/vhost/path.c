/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The path of a vhost-user port: what is there, whose it is, and what to do about it. All of this
 * is looked at to be named; what the kernel answers to connect() and bind() decides.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/people.h"
#include "base/text.h"
#include "virtio/vhost/msg.h"

#define MAX_LISTED  4    /* sockets of a directory that are named */
#define MAX_ENTRIES 1000 /* of a directory that are looked at */

#define BACKENDS                                                                                   \
	"a vhost-user backend's socket, such as that of DPDK's (dpdk-testpmd "                     \
	"--vdev=net_vhost0,iface=SOCKET), Open vSwitch's or passt's"

/* ---- people ---- */

void
vhost_text_owner(struct text *to, const struct stat *st)
{
	char user[PERSON_NAME], group[PERSON_NAME];

	text_add(to, "user %s, group %s, mode %04o", person_user(st->st_uid, user),
		 person_group(st->st_gid, group), (unsigned)st->st_mode & 07777);
}

bool
vhost_may(const char *path, int how)
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

/* Whether the path is that of the kernel's vhost or vDPA, whatever is there. */
static bool
is_kernel_vhost(const char *path, const struct stat *st)
{
	char name[64], real[PATH_MAX];

	if (!strncmp(path, "/dev/vhost-", 11))
		return true;
	if (!st || !S_ISCHR(st->st_mode))
		return false;
	device_name(st, name, sizeof(name));
	return !strncmp(name, "vhost-", 6) ||
	       (realpath(path, real) && !strncmp(real, "/dev/vhost-", 11));
}

static int
kernel_vhost(const char *path)
{
	const char *what = strstr(path, "vdpa")    ? "vDPA"
			   : strstr(path, "vsock") ? "vhost for sockets (vsock)"
						   : "vhost";

	return baton_err(EINVAL,
			 "%s is the kernel's %s, which is not supported: path= takes " BACKENDS "; "
			 "pa"
			 "ss"
			 "t "
			 "--"
			 "vh"
			 "os"
			 "t-"
			 "us"
			 "er"
			 " -"
			 "s "
			 "SO"
			 "CK"
			 "ET"
			 " l"
			 "ea"
			 "ds"
			 " t"
			 "o "
			 "th"
			 "e "
			 "ke"
			 "rn"
			 "el"
			 "'s"
			 " n"
			 "et"
			 "wo"
			 "r"
			 "k",
			 path, what);
}

static int
no_socket(const char *path, const struct stat *st, bool server)
{
	struct text kind = { 0 }, more = { 0 };

	if (is_kernel_vhost(path, st))
		return kernel_vhost(path);
	text_kind(&kind, st);
	if (S_ISDIR(st->st_mode))
		text_sockets(&more, path);
	if (server)
		return baton_err(EEXIST,
				 "%s exists and is %s, not a socket: give the path of a new "
				 "file%s%s",
				 path, kind.text, S_ISREG(st->st_mode) ? ", or remove it" : "",
				 more.text);
	return baton_err(ENOTSOCK, "%s is %s, not a socket: path= takes " BACKENDS "%s", path,
			 kind.text, more.text);
}

/* ---- the way to a file ---- */

static int
bad_link(const char *path, const char *link, int err)
{
	char target[256];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = 0;
	if (err == ELOOP)
		return baton_err(ELOOP,
				 "%s: the symbolic link %s (to %s) leads in a circle, or through "
				 "more than 40 links: give the path of the socket itself",
				 path, link, target);
	return baton_err(err,
			 "%s: the symbolic link %s leads to %s, where there is nothing: start the "
			 "backend that makes the socket, or correct the link",
			 path, link, target);
}

static int
bad_directory(const char *path, const char *dir, int err)
{
	struct stat st;

	if (!lstat(dir, &st) && S_ISLNK(st.st_mode) && (err == ENOENT || err == ELOOP))
		return bad_link(path, dir, err);
	if (err == ENOENT)
		return baton_err(err,
				 "%s: there is no directory %s: make it (mkdir -p %s), or correct "
				 "path=",
				 path, dir, dir);
	return baton_err(err, "%s: the directory %s cannot be looked at: %s", path, dir,
			 strerror(err));
}

static int
not_searchable(const char *path, const char *dir, const struct stat *st)
{
	struct text owner = { 0 };
	char us[PERSON_NAME];

	vhost_text_owner(&owner, st);
	return baton_err(EACCES,
			 "%s: the directory %s (%s) may not be searched by user %s, who this "
			 "program runs as: as its owner, chmod o+x %s, or setfacl -m u:%s:x %s",
			 path, dir, owner.text, person_user(geteuid(), us), dir, us, dir);
}

/* Check each directory on the way. Return: 0; a negative errno. */
static int
check_way(const char *path)
{
	char dir[VHOST_PATH];
	struct stat st;

	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(s == path ? 1 : s - path), path);
		if (stat(dir, &st) < 0)
			return bad_directory(path, dir, errno);
		if (!S_ISDIR(st.st_mode)) {
			struct text kind = { 0 };

			text_kind(&kind, &st);
			return baton_err(ENOTDIR,
					 "%s: %s is %s, not a directory: correct path=", path, dir,
					 S_ISSOCK(st.st_mode) ? "a socket" : kind.text);
		}
		if (!vhost_may(dir, X_OK))
			return not_searchable(path, dir, &st);
	}
	return 0;
}

/* ---- before a socket is used ---- */

int
vhost_path_check(const char *path)
{
	const char *slash;

	if (!path || !*path)
		return baton_err(EINVAL, "which socket? Give path=SOCKET, the path of " BACKENDS);
	if (*path == '@')
		return baton_err(EINVAL,
				 "path=%s: abstract sockets have no file, owner or mode, and are "
				 "not supported: let the backend use a socket in the file system "
				 "(a file of that name in this directory is path=./%s)",
				 path, path);
	if (!strncmp(path, "unix:", 5))
		return baton_err(EINVAL, "path=%s: give the path alone, path=%s", path, path + 5);
	if (path[0] == '~' && path[1] == '/')
		return baton_err(EINVAL,
				 "path=%s: the shell does not replace ~ here: give the whole path, "
				 "path=$HOME%s",
				 path, path + 1);
	slash = strrchr(path, '/');
	if (strlen(path) >= VHOST_PATH)
		return baton_err(EINVAL,
				 "a socket's path has at most %u characters, and path= has %zu: "
				 "start this program in the socket's directory and give "
				 "path=%.60s, "
				 "or make a short symbolic link to that directory",
				 VHOST_PATH - 1, strlen(path), slash ? slash + 1 : path);
	return 0;
}

/* Can a socket be there at all, as far as its way and its name tell? */
static int
check_place(const char *path)
{
	return is_kernel_vhost(path, NULL) ? kernel_vhost(path) : check_way(path);
}

static int
missing(const char *path, int err)
{
	struct stat st;
	int ret;

	ret = check_place(path);
	if (ret < 0)
		return ret;
	if (!lstat(path, &st) && S_ISLNK(st.st_mode))
		return bad_link(path, path, err);
	if (err == ENOENT)
		return baton_err(err,
				 "no socket at %s: start the vhost-user backend first (with DPDK: "
				 "dpdk-testpmd --vdev=net_vhost0,iface=%s), or let it connect to "
				 "us "
				 "with server=1",
				 path, path);
	return baton_err(err, "%s cannot be looked at: %s", path, strerror(err));
}

int
vhost_path_look(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return missing(path, errno);
	return S_ISSOCK(st.st_mode) ? 0 : no_socket(path, &st, false);
}

int
vhost_path_look_server(const char *path)
{
	struct stat st;
	int ret;

	ret = check_place(path);
	if (ret < 0)
		return ret;
	if (path[strlen(path) - 1] == '/')
		return baton_err(EISDIR, "%s names a directory: give the path of a new file in it",
				 path);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : baton_err(errno, "%s: %s", path, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return baton_err(EEXIST,
				 "%s exists and is a symbolic link, which no socket can be made "
				 "through: give the path that it leads to, or remove it",
				 path);
	return S_ISSOCK(st.st_mode) ? 0 : no_socket(path, &st, true);
}

/* Name a socket whose type is not that of a stream: EPROTOTYPE does not say which. */
int
vhost_wrong_type(const char *path, const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A datagram socket does not notice that another one has its address. */
	bool datagram = fd >= 0 && (!connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) ||
				    errno != EPROTOTYPE);

	if (fd >= 0)
		close(fd);
	return baton_err(EPROTOTYPE,
			 "%s is a %s socket, and vhost-user needs a stream socket: this is another "
			 "program's; path= takes " BACKENDS,
			 path, datagram ? "datagram" : "sequential-packet");
}

/* connect() was denied though there is a socket: by its mode, or by what is above modes. */
static int
denied(const char *path, int err)
{
	char us[PERSON_NAME], group[PERSON_NAME];
	struct text owner = { 0 };
	struct stat st;
	int ret = check_way(path);

	if (ret < 0)
		return ret;
	if (stat(path, &st) < 0)
		return baton_err(err, "cannot connect to %s: %s", path, strerror(err));
	vhost_text_owner(&owner, &st);
	person_user(geteuid(), us);
	person_group(st.st_gid, group);
	if (vhost_may(path, W_OK))
		return baton_err(err,
				 "cannot connect to %s: %s, though its mode lets user %s in (%s): "
				 "a "
				 "security module (SELinux, AppArmor, Landlock) forbids it; see "
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
			 "owner, "
			 "chgrp GROUP %s and chmod g+w %s with a group of %s's, or let the backend "
			 "make it so (its umask, or socket-mode= and socket-group= of a server)",
			 path, strerror(err), owner.text, us, path, path, us);
}

int
vhost_path_refused(const char *path, const struct sockaddr_un *sa, int err)
{
	int ret;

	if (err == EACCES || err == EPERM)
		return denied(path, err);
	if (err == EPROTOTYPE)
		return vhost_wrong_type(path, sa);
	if (err == EAGAIN)
		return baton_err(ETIMEDOUT,
				 "the backend at %s accepts no connection: its queue of them is "
				 "full",
				 path);
	/* The kernel also refuses what is no socket; what is there may have changed by now. */
	ret = vhost_path_look(path);
	if (ret < 0)
		return ret;
	if (err == ECONNREFUSED)
		return baton_err(err, "nobody listens at %s: its backend has ended; start it again",
				 path);
	return baton_err(err, "cannot connect to %s: %s", path, strerror(err));
}
