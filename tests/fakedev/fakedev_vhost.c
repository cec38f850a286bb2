/* SPDX-License-Identifier: BSD-3-Clause */
/* The fakedev's thread and connection, and what tests ask of both. */
#include "fakedev_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
fakedev_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#define RETRY_MS 2

static void
nap_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

void
fakedev_nap_ms(struct fakedev *l, unsigned ms)
{
	pthread_mutex_unlock(&l->lock);
	nap_ms(ms);
	pthread_mutex_lock(&l->lock);
}

void
fakedev_complain(struct fakedev *l, const char *fmt, ...)
{
	va_list ap;

	if (l->error[0])
		return;
	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
}

static void
disconnect(struct fakedev *l)
{
	fakedev_close_fd(&l->conn);
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++) {
		fakedev_close_fd(&l->queue[i].kick);
		fakedev_close_fd(&l->queue[i].call);
		memset(&l->queue[i], 0, sizeof(l->queue[i]));
		l->queue[i].kick = l->queue[i].call = -1;
	}
	if (l->leaves)
		fakedev_mem_leave(l);
	fakedev_mem_clear(l);
	fakedev_iotlb_clear(l);
	fakedev_close_fd(&l->channel);
	l->features = 0;
	l->protocol = 0;
	l->status = 0;
	l->drop = false;
}

/* ---- the thread ---- */

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		fakedev_close_fd(&fd);
	return fd;
}

/* Have a connection if there is one to be had. Return: ms until that should be tried again, -1:
 * when somebody knocks. */
static int
link_up(struct fakedev *l, bool knocked)
{
	if (l->conn >= 0 || l->config.deaf)
		return -1;
	if (l->config.connect)
		l->conn = connect_to(l->path);
	else if (knocked)
		l->conn = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
	if (l->conn >= 0)
		l->connections++;
	else if (l->config.connect || knocked) /* out of descriptors: not in a busy loop */
		return RETRY_MS;
	return -1;
}

static bool
serves_control(const struct fakedev *l)
{
	return (l->features & FAKEDEV_F_CTRL_VQ) && !l->config.no_control;
}

static void *
run(void *arg)
{
	struct fakedev *l = arg;
	bool knocked = false;

	pthread_mutex_lock(&l->lock);
	while (!l->stopping) {
		int wait = link_up(l, knocked),
		    control = serves_control(l) ? l->queue[fakedev_control_queue(l)].kick : -1;
		struct pollfd p[3] = { { l->wake, POLLIN, 0 },
				       { l->conn >= 0     ? l->conn
					 : l->config.deaf ? -1
							  : l->listener,
					 POLLIN, 0 },
				       { control, POLLIN, 0 } };
		bool connected = l->conn >= 0;
		uint64_t drain;

		pthread_mutex_unlock(&l->lock);
		poll(p, 3, wait);
		__atomic_store_n(&l->wants, 1, __ATOMIC_RELAXED);
		pthread_mutex_lock(&l->lock);
		__atomic_store_n(&l->wants, 0, __ATOMIC_RELAXED);
		if (p[0].revents && read(l->wake, &drain, sizeof(drain)) < 0)
			fakedev_complain(l, "the fakedev cannot read its own eventfd");
		knocked = !connected && p[1].revents;
		if (connected && p[1].revents && !l->drop && !l->stopping)
			fakedev_serve(l);
		else if (p[2].revents && !l->drop && !l->stopping)
			fakedev_control_serve(l);
		if (l->drop)
			disconnect(l);
	}
	disconnect(l);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- what tests call ---- */

static int
listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd >= 0 && (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0))
		fakedev_close_fd(&fd);
	return fd;
}

struct fakedev *
fakedev_start(const struct fakedev_config *config)
{
	struct fakedev *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->config = *config;
	l->config.features = config->features ? config->features : FAKEDEV_FEATURES;
	l->config.protocol = config->protocol ? config->protocol : FAKEDEV_PROTOCOL;
	l->config.max_queues = config->max_queues ? config->max_queues : 1;
	l->config.mtu = config->mtu ? config->mtu : 1500;
	snprintf(l->path, sizeof(l->path), "%s", config->path);
	l->conn = l->channel = -1;
	for (unsigned i = 0; i < FAKEDEV_QUEUES; i++)
		l->queue[i].kick = l->queue[i].call = -1;
	pthread_mutex_init(&l->lock, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->listener = config->connect ? -1 : listen_at(l->path);
	if (l->wake < 0 || (!config->connect && l->listener < 0) ||
	    pthread_create(&l->thread, NULL, run, l)) {
		fakedev_close_fd(&l->wake);
		fakedev_close_fd(&l->listener);
		free(l);
		return NULL;
	}
	return l;
}

void
fakedev_poke(struct fakedev *l)
{
	uint64_t one = 1;

	if (write(l->wake, &one, sizeof(one)) != sizeof(one))
		abort();
}

void
fakedev_stop(struct fakedev *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	fakedev_poke(l);
	pthread_join(l->thread, NULL);
	fakedev_drop_left(l);
	fakedev_close_fd(&l->listener);
	fakedev_close_fd(&l->wake);
	if (!l->config.connect)
		unlink(l->path);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void
fakedev_lie(struct fakedev *l, enum wire_request request, enum fakedev_lie lie, uint64_t value)
{
	pthread_mutex_lock(&l->lock);
	l->lies[request].kind = lie;
	l->lies[request].value = value;
	pthread_mutex_unlock(&l->lock);
}

unsigned
fakedev_requests(struct fakedev *l, enum wire_request request)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->requests[request];
	pthread_mutex_unlock(&l->lock);
	return n;
}

bool
fakedev_wait_disconnected(struct fakedev *l)
{
	for (unsigned ms = 0; ms < 1000; ms++) {
		bool gone;

		pthread_mutex_lock(&l->lock);
		gone = l->conn < 0;
		pthread_mutex_unlock(&l->lock);
		if (gone)
			return true;
		nap_ms(1);
	}
	return false;
}

void
fakedev_hang_up(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	l->drop = l->conn >= 0;
	pthread_mutex_unlock(&l->lock);
	fakedev_poke(l);
	fakedev_wait_disconnected(l);
}

uint64_t
fakedev_features(struct fakedev *l)
{
	uint64_t f;

	pthread_mutex_lock(&l->lock);
	f = l->features;
	pthread_mutex_unlock(&l->lock);
	return f;
}

const char *
fakedev_driver_error(struct fakedev *l)
{
	pthread_mutex_lock(&l->lock);
	pthread_mutex_unlock(&l->lock);
	return l->error;
}

static bool
pairs_ready(struct fakedev *l, unsigned pairs)
{
	bool ready = true;

	pthread_mutex_lock(&l->lock);
	for (unsigned q = 0; q < 2 * pairs; q++)
		ready = ready && fakedev_ring_(l, q);
	pthread_mutex_unlock(&l->lock);
	return ready;
}

bool
fakedev_wait_ready(struct fakedev *l, unsigned pairs, unsigned ms)
{
	for (; !pairs_ready(l, pairs); ms--) {
		if (!ms)
			return false;
		nap_ms(1);
	}
	return true;
}

unsigned
fakedev_connections(struct fakedev *l)
{
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->connections;
	pthread_mutex_unlock(&l->lock);
	return n;
}

#define SET(l, field, value)                                                                       \
	do {                                                                                       \
		pthread_mutex_lock(&(l)->lock);                                                    \
		(l)->field = (value);                                                              \
		pthread_mutex_unlock(&(l)->lock);                                                  \
	} while (0)

void
fakedev_set_deaf(struct fakedev *l, bool deaf)
{
	SET(l, config.deaf, deaf);
	fakedev_poke(l);
}

void
fakedev_set_features(struct fakedev *l, uint64_t features)
{
	SET(l, config.features, features);
}

void
fakedev_set_max_queues(struct fakedev *l, uint64_t pairs)
{
	SET(l, config.max_queues, pairs);
}

void
fakedev_set_link(struct fakedev *l, bool up)
{
	SET(l, link_down, !up);
}

void
fakedev_close_call(struct fakedev *l, unsigned q)
{
	pthread_mutex_lock(&l->lock);
	fakedev_close_fd(&l->queue[q].call);
	pthread_mutex_unlock(&l->lock);
}
