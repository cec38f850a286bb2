/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where --stats-json goes. A file is written beside its name and renamed when it is whole, so that
 * nobody ever reads half of it, and a full disk leaves the one from before. Devices, FIFOs, and
 * files that cannot be replaced are written to as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"
#include "testpmd.h"

#define PATIENCE_NS 1000000000ull /* for a FIFO's reader to come, or to go on */

static bool
refuse(const char *path, int error)
{
	complain("--stats-json=%s cannot be written: %s%s", path, strerror(error),
		 error == EISDIR    ? "; name a file in it"
		 : error == ENOENT  ? "; its folder does not exist"
		 : error == ENOTDIR ? "; a part of the path is no folder"
				    : "");
	return false;
}

bool
json_check(const char *path)
{
	struct stat st;
	int fd;

	if (!*path) {
		complain("--stats-json= wants the name of a file");
		return false;
	}
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return refuse(path, EISDIR);
		if (S_ISSOCK(st.st_mode))
			return refuse(path, ENXIO);
		if (out_is_stdout(&st) || eaccess(path, W_OK) == 0)
			return true;
		return refuse(path, errno);
	}
	if (errno != ENOENT)
		return refuse(path, errno);
	/* Whether it can be created is known when it was: not by who may, and where. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0) {
		close(fd);
		unlink(path);
		return true;
	}
	if (errno != EEXIST)
		return refuse(path, errno);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); /* a link to what does not exist */
	if (fd < 0)
		return refuse(path, errno);
	close(fd);
	return true;
}

/* Return: 0, or an errno; -1 for a file that blocks and is not read. */
static int
write_text(int fd, const char *text)
{
	size_t left = strlen(text);
	uint64_t last = clock_ns();

	while (left) {
		ssize_t n = write(fd, text, left);
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (n > 0) {
			text += n;
			left -= (size_t)n;
			last = clock_ns();
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return errno;
		} else if (clock_ns() - last > PATIENCE_NS) {
			return ETIMEDOUT;
		} else {
			poll(&p, 1, 50);
		}
	}
	return 0;
}

/* A FIFO that nobody reads cannot be opened; its reader may be about to come. */
static int
write_device(const char *path, const char *text)
{
	uint64_t begin = clock_ns();
	int fd, error;

	for (;;) {
		fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 || errno != ENXIO || clock_ns() - begin > PATIENCE_NS)
			break;
		poll(NULL, 0, 50);
	}
	if (fd < 0)
		return errno;
	error = write_text(fd, text);
	if (close(fd) < 0 && !error)
		error = errno;
	return error;
}

/* What is cut off by a full disk is not left there. */
static int
write_in_place(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	int error;

	if (fd < 0)
		return errno;
	error = write_text(fd, text);
	if (error && ftruncate(fd, 0) < 0)
		complain("--stats-json=%s is cut", path);
	if (close(fd) < 0 && !error)
		error = errno;
	return error;
}

/* Mode and owner as they were, or as a new file's. */
static bool
adopt(int fd, const struct stat *old)
{
	mode_t mask;

	if (old)
		return fchown(fd, old->st_uid, old->st_gid) == 0 &&
		       fchmod(fd, old->st_mode & 07777) == 0;
	mask = umask(0);
	umask(mask);
	return fchmod(fd, 0666 & ~mask) == 0;
}

/* Return: an errno; *written: whether the disk, and not the folder, is the reason. */
static int
replace(const char *path, const struct stat *old, const char *text, bool *written)
{
	char *beside;
	int fd, error = 0;

	*written = false;
	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return ENOMEM;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		error = errno;
		goto out;
	}
	if (!adopt(fd, old)) {
		error = errno;
		close(fd);
		goto remove;
	}
	*written = true;
	error = write_text(fd, text);
	if (close(fd) < 0 && !error)
		error = errno;
	if (!error && rename(beside, path) < 0) {
		error = errno;
		*written = false; /* such as a file that is a mount point */
	}
remove:
	if (error)
		unlink(beside);
out:
	free(beside);
	return error;
}

static int
store_file(const char *path, const struct stat *old, const char *text)
{
	char *target = realpath(path, NULL); /* of a link, what it leads to is replaced */
	bool written = false;
	int error = EXDEV;

	if (!old || (target && old->st_nlink == 1))
		error = replace(target ? target : path, old, text, &written);
	if (error && !written)
		error = write_in_place(path, text);
	free(target);
	return error;
}

bool
json_store(const char *path, const char *text)
{
	struct stat st, err;
	bool exists = stat(path, &st) == 0;
	int error;

	if (exists && fstat(STDERR_FILENO, &err) == 0 && err.st_dev == st.st_dev &&
	    err.st_ino == st.st_ino) {
		fprintf(stderr, "%s\n", text);
		return true;
	}
	if (exists && out_is_stdout(&st))
		error = out_to_stdout(text);
	else if (exists && !S_ISREG(st.st_mode))
		error = write_device(path, text);
	else
		error = store_file(path, exists ? &st : NULL, text);
	if (!error)
		return true;
	complain("--stats-json=%s: %s; the numbers are:", path,
		 error == ENXIO || error == ETIMEDOUT ? "nobody reads it" : strerror(error));
	fprintf(stderr, "%s\n", text);
	return false;
}
