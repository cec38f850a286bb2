/* SPDX-License-Identifier: BSD-3-Clause */
/* Local sockets for a driver that is not virtio's: both ends, who may use one, and whose words the
 * sentences have. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <baton/baton.h>

#include "sock/sock.h"

static const struct sock_peer targets = {
	.name = "target",
	.protocol = "toy",
	.takes = "a toy target's socket",
	.start = { "start the target first (toyd ", ")" },
};

static char dir[64], where[96];

static void
begin(struct sock *s)
{
	sock_init(s, NULL, "toy0", &targets);
	assert_int_equal(sock_set_path(s, where), 0);
}

static void
expect(const char *words)
{
	if (!strstr(baton_last_error(), words))
		fail_msg("not \"%s\" in: %s", words, baton_last_error());
	assert_null(strstr(baton_last_error(), "backend"));
	assert_null(strstr(baton_last_error(), "vhost"));
}

static int
set_up(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/baton-sock-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(where, sizeof(where), "%s/s", dir);
	return 0;
}

static int
tear_down(void **state)
{
	unlink(where);
	return rmdir(dir);
}

/* A server and its client; the client's end goes through the same calls as a port's. */
static void
pair(struct sock *server, struct sock *client, int *listener, int *theirs, int *ours)
{
	begin(server);
	begin(client);
	assert_int_equal(sock_listen(server, listener), 0);
	assert_int_equal(sock_look(client), 0);
	assert_int_equal(sock_lock(client), 0);
	assert_int_equal(sock_accept(server, *listener, theirs), -EAGAIN);
	assert_int_equal(sock_connect(client, false, ours), 0);
	assert_int_equal(sock_wait(server, *listener, 1000, theirs), 0);
}

static unsigned
descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Bytes come as they were sent, without blocking; descriptors that come are closed. */
static void
stream(void **state)
{
	struct sock server, client;
	int listener, theirs, ours, fds[SOCK_MAX_FDS];
	char in[8] = "";
	unsigned before;

	pair(&server, &client, &listener, &theirs, &ours);
	for (unsigned i = 0; i < SOCK_MAX_FDS; i++)
		assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	assert_int_equal(sock_recv(theirs, in, sizeof(in)), -1);
	assert_int_equal(errno, EAGAIN);
	before = descriptors();
	assert_int_equal(sock_send(ours, "ab", 2, fds, SOCK_MAX_FDS), 2);
	assert_int_equal(sock_send(ours, "c", 1, NULL, 0), 1);
	assert_int_equal(sock_recv(theirs, in, 2), 2);
	assert_int_equal(sock_recv(theirs, in + 2, sizeof(in) - 2), 1);
	assert_string_equal(in, "abc");
	assert_int_equal(descriptors(), before);
	for (unsigned i = 0; i < SOCK_MAX_FDS; i++)
		close(fds[i]);

	assert_false(sock_hung_up(theirs));
	sock_close(&client, &ours);
	assert_int_equal(ours, -1);
	assert_true(sock_hung_up(theirs));
	assert_int_equal(sock_recv(theirs, in, sizeof(in)), 0);
	assert_int_equal(sock_send(theirs, "d", 1, NULL, 0), -1); /* and no SIGPIPE */
	assert_int_equal(errno, EPIPE);
	close(theirs);
	close(listener);
	sock_unlock(&client);
	sock_remove(&server);
	assert_int_equal(access(where, F_OK), -1);
}

/* The process at the other end polls readable when it has ended. */
static void
process(void **state)
{
	struct sock server, client;
	int listener, theirs, ours, left;
	struct pollfd p = { .events = POLLIN };
	pid_t child;

	begin(&server);
	assert_int_equal(sock_listen(&server, &listener), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		begin(&client);
		_exit(sock_connect(&client, false, &ours) < 0 || pause());
	}
	assert_int_equal(sock_wait(&server, listener, 5000, &theirs), 0);
	p.fd = sock_peer_process(theirs);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &left, 0), child);
	assert_true(sock_hung_up(theirs));
	if (p.fd >= 0) /* else pidfds are forbidden here */
		assert_int_equal(poll(&p, 1, 1000), 1);
	close(p.fd);
	close(theirs);
	close(listener);
	sock_remove(&server);
}

/* One user a path, and one a socket, whatever path leads to it. */
static void
one_user(void **state)
{
	struct sock server, client, second;
	int listener, theirs, ours, fd;
	char other[128];

	pair(&server, &client, &listener, &theirs, &ours);
	begin(&second);
	assert_int_equal(sock_lock(&second), -EBUSY);
	expect("in use by another port, of this program");
	sock_unlock(&second);

	snprintf(other, sizeof(other), "%s-too", where);
	assert_int_equal(link(where, other), 0);
	assert_int_equal(sock_set_path(&second, other), 0);
	assert_int_equal(sock_lock(&second), 0); /* another path */
	assert_int_equal(sock_connect(&second, false, &fd), -EBUSY);
	expect("in use by another port");
	sock_close(&client, &ours);
	assert_int_equal(sock_connect(&second, false, &fd), 0);
	sock_close(&second, &fd);
	sock_unlock(&second);
	sock_unlock(&client);
	unlink(other);

	begin(&second);
	assert_int_equal(sock_lock(&second), 0);
	sock_unlock(&second);
	close(theirs);
	close(listener);
	sock_remove(&server);
}

/* A server takes the place of one that was killed, not of one that lives, and removes its own
 * socket only. */
static void
left_over(void **state)
{
	struct sock first, second;
	int listener, other, fd;
	char aside[128];
	struct stat st;

	snprintf(aside, sizeof(aside), "%s-aside", where);

	begin(&first);
	begin(&second);
	assert_int_equal(sock_set_access(&first, "0600", NULL, NULL), 0);
	assert_int_equal(sock_set_access(&second, "600x", NULL, NULL), -EINVAL);
	assert_int_equal(sock_set_access(&second, NULL, NULL, "nobody-of-that-name"), -EINVAL);
	assert_int_equal(sock_listen(&first, &listener), 0);
	assert_int_equal(stat(where, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(sock_listen(&second, &other), -EADDRINUSE);
	expect("another program listens at");
	close(listener);
	assert_int_equal(sock_listen(&second, &other), 0);
	assert_int_equal(sock_wait(&second, other, 1, &listener), -ETIMEDOUT);
	expect("no target connected to");
	close(other);
	assert_int_equal(rename(where, aside), 0);
	fd = open(where, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	sock_remove(&second);
	assert_int_equal(stat(where, &st), 0);
	assert_int_equal(rename(aside, where), 0);
	sock_remove(&second);
	assert_int_equal(stat(where, &st), -1);
}

/* What stands in the way has the driver's words; one that is awaited costs no search. */
static void
words(void **state)
{
	struct sock s, server;
	char sentence[300];
	int fd;

	begin(&s);
	assert_int_equal(sock_set_path(&s, NULL), -EINVAL);
	expect("Give path=SOCKET, the path of a toy target's socket");
	assert_int_equal(sock_set_path(&s, "@s"), -EINVAL);
	expect("let the target use a socket in the file system");
	begin(&s);
	assert_int_equal(sock_look(&s), -ENOENT);
	snprintf(sentence, sizeof(sentence),
		 "no socket at %s: start the target first (toyd %s), or let it", where, where);
	expect(sentence);
	assert_int_equal(sock_look_server(&s), 0);
	assert_int_equal(sock_connect(&s, true, &fd), -ENOENT);
	expect("cannot connect to");
	assert_int_equal(sock_connect(&s, false, &fd), -ENOENT);
	expect("start the target first");

	begin(&server);
	assert_int_equal(sock_listen(&server, &fd), 0);
	close(fd);
	assert_int_equal(sock_connect(&s, true, &fd), -ENOENT);
	assert_int_equal(sock_connect(&s, false, &fd), -ECONNREFUSED);
	expect("its target has ended");
	sock_remove(&server);

	fd = open(where, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sock_look(&s), -ENOTSOCK);
	expect("is a regular file, not a socket: path= takes a toy target's socket");
	assert_int_equal(sock_look_server(&s), -EEXIST);
	expect("or remove it");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_user, set_up, tear_down),
		cmocka_unit_test_setup_teardown(left_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(words, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
