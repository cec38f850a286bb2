/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of lib/sock need of each other. */
#ifndef BATON_SOCK_INTERNAL_H
#define BATON_SOCK_INTERNAL_H

#include <sys/stat.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/people.h"
#include "base/text.h"
#include "sock/sock.h"

/* ---- path.c ---- */

/** Append "user root, group kvm, mode 0750". */
void sock_text_owner(struct text *to, const struct stat *st);

/** Whether this process may access the file, by its effective IDs. @how: W_OK ... */
bool sock_may(const char *path, int how);

/** connect() failed with @err: find out why. Return: a negative errno. */
int sock_refused(const struct sock *s, const struct sockaddr_un *sa, int err);

/** Set the message for a socket that is no stream. Return: -EPROTOTYPE. */
int sock_wrong_type(const struct sock *s, const struct sockaddr_un *sa);

/* ---- lock.c ---- */

/** Keep other users off the socket that is at the path, until sock_unlock_peer(). Return: 0;
 * -EBUSY. */
int sock_lock_peer(struct sock *s);
void sock_unlock_peer(struct sock *s);

/* ---- server.c ---- */

/** Make the path free for a server's socket: remove one that nobody listens at, which a program
 * that was killed has left. Return: 0; a negative errno, with what is in the way. */
int sock_clear(const struct sock *s, const struct sockaddr_un *sa);

/** Make the socket's file, with its owner and mode. Return: 0; a negative errno. */
int sock_bind(struct sock *s, int fd, const struct sockaddr_un *sa);

/** Log where a server listens, and who may connect. */
void sock_log_server(const struct sock *s);

/** Set the message for a server that nobody connected to within @ms: who may. Return: -ETIMEDOUT.
 */
int sock_nobody_came(const struct sock *s, unsigned ms);

#endif
