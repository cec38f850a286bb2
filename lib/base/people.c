/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/people.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

const char *
person_user(uid_t uid, char to[PERSON_NAME])
{
	struct passwd pw, *found = NULL;
	char room[2048];

	if (getpwuid_r(uid, &pw, room, sizeof(room), &found) || !found)
		snprintf(to, PERSON_NAME, "%u", (unsigned)uid);
	else
		snprintf(to, PERSON_NAME, "%s", pw.pw_name);
	return to;
}

const char *
person_group(gid_t gid, char to[PERSON_NAME])
{
	struct group gr, *found = NULL;
	char room[16384];

	if (getgrgid_r(gid, &gr, room, sizeof(room), &found) || !found)
		snprintf(to, PERSON_NAME, "%u", (unsigned)gid);
	else
		snprintf(to, PERSON_NAME, "%s", gr.gr_name);
	return to;
}
