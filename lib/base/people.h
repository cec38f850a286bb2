/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of users and groups, for messages about files of somebody else's. */
#ifndef BATON_BASE_PEOPLE_H
#define BATON_BASE_PEOPLE_H

#include <sys/types.h>

#define PERSON_NAME 64

/**
 * Write the name of a user or a group, or its number if it has none. The system's databases are
 * asked, which may take as long as a network does.
 *
 * Return: @to.
 */
const char *person_user(uid_t uid, char to[PERSON_NAME]);
const char *person_group(gid_t gid, char to[PERSON_NAME]);

#endif
