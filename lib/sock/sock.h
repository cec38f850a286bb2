/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local sockets, for a driver whose device is another process: the socket's path, which one port at
 * a time uses, connecting to it or listening at it, and messages with descriptors in them.
 *
 * What stands in the way is found out after the kernel said no, and named: a path that leads
 * nowhere, a file of another kind, an owner, a mode, a program that is there already.
 *
 * The arguments that the sentences name are those of every such driver: path=, server=, wait=,
 * socket-mode=, socket-group= and socket-owner=. Control thread.
 */
#ifndef BATON_SOCK_SOCK_H
#define BATON_SOCK_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCK_PATH    108 /* room for a socket's path, with its NUL: sockaddr_un.sun_path */
#define SOCK_MAX_FDS 8   /* descriptors of one message */
#define SOCK_UNSET   UINT32_MAX

struct baton_ctx;

/* Whom a driver talks to, for messages. */
struct sock_peer {
	const char *name;     /* "backend" */
	const char *protocol; /* "vhost-user" */
	const char *takes;    /* what path= names: "a vhost-user backend's socket, such as ..." */
	const char *start[2]; /* how one is started; the path stands between the two */
};

struct sock {
	const struct baton_ctx *ctx;
	const char *user; /* the port's name, for messages */
	const struct sock_peer *peer;
	char path[SOCK_PATH];

	/* lock.c */
	int table, dir; /* descriptors whose locks say that the path is in use; -1: none */
	int name;       /* an abstract socket that says so; -1: none */
	int64_t key;    /* of the lock for the socket that is connected to; -1: none */

	bool explained; /* why connecting fails was found out */

	/* server.c: who may connect; each SOCK_UNSET if it was not given */
	uint32_t mode, group, owner;
	uint64_t made_dev, made_ino; /* the socket that was made */
};

/** A socket that nothing is known of yet. @user: stays valid. */
void sock_init(struct sock *s, const struct baton_ctx *ctx, const char *user,
	       const struct sock_peer *peer);

/* ---- path.c ---- */

/** Set the path, after a look at its text. NULL: it was not given. Return: 0; -EINVAL. */
int sock_set_path(struct sock *s, const char *path);

/**
 * Look whether there is a socket to connect to; or, for a server, whether one can be made, or be
 * made anew. Return: 0; a negative errno, with what is there instead.
 */
int sock_look(const struct sock *s);
int sock_look_server(const struct sock *s);

/* ---- lock.c ---- */

/** Keep other users off the path until sock_unlock(). Return: 0; -EBUSY, -ENOENT ... */
int sock_lock(struct sock *s);
void sock_unlock(struct sock *s);

/* ---- socket.c: its ends. All are closed by exec, and never block. ---- */

/**
 * Connect, and keep other users off the socket, whatever its path is for them.
 *
 * @awaited: this is one attempt of many. The reason of a failure is found out once, and a socket
 * that is not there, or that nobody listens at, is only -ENOENT.
 * @fd: receives the connection, for sock_close().
 *
 * Return: 0; -EBUSY: another port is connected to it; another negative errno.
 */
int sock_connect(struct sock *s, bool awaited, int *fd);

/** Listen at the path. @fd: receives the listener. Return: 0; -EADDRINUSE ... */
int sock_listen(struct sock *s, int *fd);

/** Return: 0, and @fd is a connection; -EAGAIN: there is none; another negative errno. */
int sock_accept(const struct sock *s, int listener, int *fd);

/** Log where the server listens, and who may connect; then wait for a connection, or a signal, for
 * @ms. Return: 0; -ETIMEDOUT, -EINTR ... */
int sock_wait(const struct sock *s, int listener, unsigned ms, int *fd);

/** Close a connection, so that others may connect. */
void sock_close(struct sock *s, int *fd);

/* ---- server.c ---- */

/** Set who may connect to a server, by the texts of arguments; NULL: not given. Return: 0; -EINVAL.
 */
int sock_set_access(struct sock *s, const char *mode, const char *group, const char *owner);

/** Remove a server's socket, unless another one has its path by now. */
void sock_remove(const struct sock *s);

/* ---- stream.c ---- */

/** As send() of a stream that never blocks and ends no program; @fds: descriptors to pass with it.
 */
ssize_t sock_send(int fd, const void *buf, size_t size, const int *fds, unsigned n_fds);

/** As recv() of one. Descriptors that come are closed: no peer has any to give. */
ssize_t sock_recv(int fd, void *buf, size_t size);

/** Whether the peer has closed the connection. */
bool sock_hung_up(int fd);

/**
 * A pidfd of the process at the other end, of another PID namespace too. Return: -1: there is none.
 */
int sock_peer_process(int fd);

#endif
