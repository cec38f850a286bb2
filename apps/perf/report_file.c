/* SPDX-License-Identifier: BSD-3-Clause */
/* Where results go. Whether they can be written there is known before anything is measured. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

static bool
refuse(const char *option, const char *path, int error, char why[WHY])
{
	snprintf(why, WHY, "%s=%s cannot be written: %s%s", option, path, strerror(error),
		 error == EISDIR    ? "; name a file in it"
		 : error == ENOENT  ? "; its folder does not exist"
		 : error == ENOTDIR ? "; a part of the path is no folder"
				    : "");
	return false;
}

/* A file beside @path, with a name of its own. Return: a descriptor, or -1. */
static int
beside(const char *path, char **name)
{
	int fd;

	*name = NULL;
	if (asprintf(name, "%s.XXXXXX", path) < 0) {
		*name = NULL;
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(*name, O_CLOEXEC);
	if (fd < 0) {
		int error = errno;

		free(*name);
		*name = NULL;
		errno = error;
	}
	return fd;
}

/* Devices and FIFOs are written as they are: nothing can be put in their place. */
static bool
is_special(const struct stat *st)
{
	return !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode);
}

bool
report_file_check(const char *option, const char *path, char why[WHY])
{
	struct stat st;
	char *name;
	int fd;

	if (!*path) {
		snprintf(why, WHY, "%s= wants the name of a file", option);
		return false;
	}
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return refuse(option, path, EISDIR, why);
		if (S_ISSOCK(st.st_mode))
			return refuse(option, path, ENXIO, why);
		if (eaccess(path, W_OK))
			return refuse(option, path, errno, why);
		if (is_special(&st))
			return true;
	} else if (errno != ENOENT) {
		return refuse(option, path, errno, why);
	}
	fd = beside(path, &name);
	if (fd < 0)
		return refuse(option, path, errno, why);
	close(fd);
	unlink(name);
	free(name);
	return true;
}

static int
write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

static bool
write_special(const char *option, const char *path, const char *text, char why[WHY])
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error;

	if (fd < 0)
		return refuse(option, path, errno, why);
	error = write_all(fd, text);
	close(fd);
	return !error || refuse(option, path, error, why);
}

bool
report_file_write(const char *option, const char *path, const char *text, char why[WHY])
{
	struct stat st;
	bool old = stat(path, &st) == 0;
	mode_t mask = umask(0);
	char *name;
	int fd, error;

	umask(mask);
	if (old && is_special(&st))
		return write_special(option, path, text, why);
	fd = beside(path, &name);
	if (fd < 0)
		return refuse(option, path, errno, why);
	error = write_all(fd, text);
	if (!error && fchmod(fd, old ? st.st_mode & 07777 : 0666 & ~mask))
		error = errno;
	if (close(fd) && !error)
		error = errno;
	if (!error && rename(name, path))
		error = errno;
	if (error)
		unlink(name);
	free(name);
	return !error || refuse(option, path, error, why);
}
