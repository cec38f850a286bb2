/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of users and groups: for messages about files of somebody else's, and as arguments. */
#ifndef BATON_BASE_PEOPLE_H
#define BATON_BASE_PEOPLE_H

#include <stdbool.h>
#include <sys/types.h>

#define PERSON_NAME 64

/**
 * Write the name of a user or a group, or its number if it has none. The system's databases are
 * asked, which may take as long as a network does; by a static program, only /etc/passwd and
 * /etc/group.
 *
 * Return: @to.
 */
const char *person_user(uid_t uid, char to[PERSON_NAME]);
const char *person_group(gid_t gid, char to[PERSON_NAME]);

/** Find the number of a user or a group by the name, in the same places. */
bool person_find_user(const char *name, uid_t *uid);
bool person_find_group(const char *name, gid_t *gid);

#endif
