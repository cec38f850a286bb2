/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/people.h"

#include <errno.h>
#include <grp.h>
#include <link.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
has_interpreter(struct dl_phdr_info *info, size_t size, void *found)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(bool *)found = true;
	return 1; /* the first object is the program */
}

/*
 * The name service has modules, which are shared objects. A static program cannot rely on them:
 * glibc 2.36 crashes when it loads one that was not made for it, such as systemd's. Such a program
 * reads the files.
 */
static bool
has_name_service(void)
{
	bool found = false;

	dl_iterate_phdr(has_interpreter, &found);
	return found;
}

/* Find @name, or *@id if @name is NULL, in a file of lines that begin with NAME:PASSWORD:ID:. */
static bool
in_file(const char *path, const char *name, uint32_t *id, char to[PERSON_NAME])
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *end, *number, *rest;
	bool hit = false;
	size_t room = 0;
	unsigned long n;

	if (!f)
		return false;
	while (!hit && getline(&line, &room, f) > 0) {
		end = strchr(line, ':');
		number = end ? strchr(end + 1, ':') : NULL;
		if (!number++)
			continue;
		*end = '\0';
		errno = 0;
		n = strtoul(number, &rest, 10);
		if (*number < '0' || *number > '9' || *rest != ':' || errno || n > UINT32_MAX)
			continue;
		hit = name ? !strcmp(line, name) : n == *id;
		if (hit) {
			*id = (uint32_t)n;
			snprintf(to, PERSON_NAME, "%s", line);
		}
	}
	free(line);
	fclose(f);
	return hit;
}

const char *
person_user(uid_t uid, char to[PERSON_NAME])
{
	struct passwd pw, *found = NULL;
	char room[2048];

	if (!has_name_service()) {
		if (!in_file("/etc/passwd", NULL, &uid, to))
			snprintf(to, PERSON_NAME, "%u", (unsigned)uid);
	} else if (getpwuid_r(uid, &pw, room, sizeof(room), &found) || !found) {
		snprintf(to, PERSON_NAME, "%u", (unsigned)uid);
	} else {
		snprintf(to, PERSON_NAME, "%s", pw.pw_name);
	}
	return to;
}

const char *
person_group(gid_t gid, char to[PERSON_NAME])
{
	struct group gr, *found = NULL;
	char room[16384];

	if (!has_name_service()) {
		if (!in_file("/etc/group", NULL, &gid, to))
			snprintf(to, PERSON_NAME, "%u", (unsigned)gid);
	} else if (getgrgid_r(gid, &gr, room, sizeof(room), &found) || !found) {
		snprintf(to, PERSON_NAME, "%u", (unsigned)gid);
	} else {
		snprintf(to, PERSON_NAME, "%s", gr.gr_name);
	}
	return to;
}

bool
person_find_user(const char *name, uid_t *uid)
{
	struct passwd pw, *found = NULL;
	char room[2048], copy[PERSON_NAME];

	if (!has_name_service())
		return in_file("/etc/passwd", name, uid, copy);
	if (getpwnam_r(name, &pw, room, sizeof(room), &found) || !found)
		return false;
	*uid = found->pw_uid;
	return true;
}

bool
person_find_group(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	char room[16384], copy[PERSON_NAME];

	if (!has_name_service())
		return in_file("/etc/group", name, gid, copy);
	if (getgrnam_r(name, &gr, room, sizeof(room), &found) || !found)
		return false;
	*gid = found->gr_gid;
	return true;
}
