/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * A key is the process's, and so is the lock: a context may be destroyed while a thread that once
 * served it ends. Both are taken when something is bound, never by a burst.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static int key_made;

struct thread_list {
	struct thread_exit *first;
};

static void
unlink_exit(struct thread_exit *e)
{
	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	e->at = NULL;
}

static void
on_exit_of_thread(void *arg)
{
	struct thread_list *list = arg;

	pthread_mutex_lock(&lock);
	while (list->first) {
		struct thread_exit *e = list->first;

		unlink_exit(e);
		e->fn(e);
	}
	pthread_mutex_unlock(&lock);
	free(list);
}

static void
make_key(void)
{
	key_made = !pthread_key_create(&key, on_exit_of_thread);
}

void
thread_exit_add(struct thread_exit *e, void (*fn)(struct thread_exit *e))
{
	struct thread_list *list;

	pthread_once(&once, make_key);
	if (!key_made)
		return;
	list = pthread_getspecific(key);
	if (!list) {
		list = calloc(1, sizeof(*list));
		if (!list || pthread_setspecific(key, list)) {
			free(list);
			return;
		}
	}
	pthread_mutex_lock(&lock);
	if (e->at)
		unlink_exit(e);
	e->fn = fn;
	e->next = list->first;
	e->at = &list->first;
	if (e->next)
		e->next->at = &e->next;
	list->first = e;
	pthread_mutex_unlock(&lock);
}

void
thread_exit_del(struct thread_exit *e)
{
	pthread_mutex_lock(&lock);
	if (e->at)
		unlink_exit(e);
	pthread_mutex_unlock(&lock);
}
