/* SPDX-License-Identifier: BSD-3-Clause */
/* The private side of a context: its tables. */
#ifndef BATON_CTX_CTX_H
#define BATON_CTX_CTX_H

#include <poll.h>
#include <pthread.h>

#include <baton/context.h>

#include "base/thread.h"
#include "ctx/handle.h"

struct app_source;
struct app_timer;
struct baton_ioas;
struct baton_pool;
struct baton_pool_view;
struct baton_port;
struct baton_ring;
struct baton_worker;
struct cc_source;
struct dma_holder;
struct dma_map;
struct dma_quarantine;
struct driver_table;
struct mem_holder;
struct mem_os;
struct ioas_os;
struct pci_os;

/*
 * A file descriptor that baton_ctx_poll() watches, and a timer that it serves. Each is embedded in
 * the struct of its owner.
 */
struct ctx_source {
	/* Called on the control thread with the epoll events. It may remove the source. */
	void (*ready)(struct ctx_source *src, uint32_t events);
	int fd;
};

struct ctx_timer {
	void (*due)(struct ctx_timer *timer); /* control thread; may set it again */
	uint64_t at_ns;                       /* CLOCK_MONOTONIC; 0: not set */
	struct ctx_timer *next;
};

/*
 * How a context waits. As a rule by one epoll instance, with a timerfd in it. Where a sandbox
 * forbids timerfds, baton_ctx_fd() is another epoll instance with the first one in it, and polls
 * readable while timers are set; where it forbids epoll, it always does. baton_ctx_poll() then
 * looks at the clock, and at the sources by poll().
 */
struct ctx_events {
	int fd;                     /* what baton_ctx_fd() returns */
	int epoll_fd;               /* -1: forbidden */
	struct ctx_source timer;    /* armed for the first of `timers`; fd -1: forbidden */
	int readable;               /* a descriptor that is always readable; -1: not needed */
	bool ticks;                 /* it is in the epoll instance `fd` */
	struct ctx_source **source; /* without epoll: all of them */
	struct pollfd *polled;      /* one for each */
	unsigned n, room, next;     /* next: where to look first */
};

struct baton_ctx {
	struct baton_handle handle;
	struct handle_prefix *closed; /* handles that were closed; under `lock` */
	uintptr_t control;            /* the control thread; 0: none yet; atomic */
	struct thread_exit control_exit;
	unsigned arenas;   /* number of open arenas; under `lock` */
	uint8_t in_poll;   /* baton_ctx_poll() serves events */
	uint32_t in_event; /* number of event callbacks that run, one inside the other */

	/*
	 * 256 entries, so that the pool of a token needs no check; entries without a pool have
	 * count 0.
	 */
	struct baton_pool_view *views;
	struct baton_pool *pools[BATON_MAX_POOLS];
	struct baton_worker *workers[BATON_MAX_WORKERS];
	struct baton_port *ports[BATON_MAX_PORTS];

	/*
	 * Queues by holder number: holders[number - BATON_OWNER_QUEUE]. The size is fixed, so that
	 * readers need no lock.
	 */
	struct dma_holder *holders[BATON_MAX_PORTS * 2 * BATON_MAX_QUEUES];

	struct baton_ring *rings; /* all token rings; under `lock` */
	unsigned n_rings;

	struct baton_ioas *ioases; /* all address spaces */
	struct baton_ioas *ioas;   /* the one that devices share, or NULL */

	baton_log_fn log;
	void *log_arg;
	baton_violation_fn on_violation;
	void *violation_arg;

	struct ctx_events events;       /* what baton_ctx_poll() watches (ctx/events.c) */
	struct ctx_timer *timers;       /* by time */
	struct app_source *app_sources; /* the application's (ctx/app.c); control thread */
	struct app_timer *app_timers;   /* the same */
	struct dma_map *maps; /* pools in address spaces (dma/pool_map.c); control thread */
	struct dma_quarantine *quarantines; /* what devices have not let go of, including devices of
					       closed ports (dma/quarantine.c) */
	struct mem_holder *holders_of_memory; /* those that were handed memory (mem/holder.c);
						 control thread */
	struct driver_table *drivers;  /* with those of files (port/load.c); NULL: none; atomic */
	const struct pci_os *pci_os;   /* NULL: the host's; tests have their own */
	const struct ioas_os *ioas_os; /* the same of lib/ioas */
	const struct mem_os *mem_os;   /* the same, for baton_arena_create() */
	const struct cc_source *cc_source; /* the same, for baton_ctx_confidential() */
	unsigned confidential; /* enum baton_confidential + 1; 0: not detected yet; under `lock` */
	char no_file[256];     /* why arenas have no file, or empty; under `lock` */
	uint32_t warned;       /* CTX_WARNED_*: warnings that are logged once per context */
	pthread_mutex_t lock;  /* the tables above and `warned`; never taken in a burst */
};

#define CTX_WARNED_ORDINARY (1u << 0)
#define CTX_WARNED_NO_FILE  (1u << 1)
#define CTX_WARNED_NO_MEMFD (1u << 2)

/**
 * Initialise and release the members of a context. Its tables are empty. Return: 0 or a negative
 * errno.
 */
int ctx_init(struct baton_ctx *ctx, const struct baton_ctx_config *config);
void ctx_fini(struct baton_ctx *ctx);

/** Log one line with the context's handler; without a context, to stderr. */
void baton_log(const struct baton_ctx *ctx, enum baton_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/** Watch src->fd for @events (EPOLLIN, ...). Return: 0 or a negative errno. */
int ctx_source_add(struct baton_ctx *ctx, struct ctx_source *src, uint32_t events);
void ctx_source_del(struct baton_ctx *ctx, struct ctx_source *src);

/** Open the descriptors of ctx->events. Return: 0 or a negative errno. */
int ctx_events_open(struct baton_ctx *ctx);

/**
 * The same for somebody else who waits, and has no timers: a worker. @who: for messages. @first: a
 * source whose fd is readable for EPOLLIN.
 */
int ctx_events_open_plain(struct ctx_events *e, const char *who, struct ctx_source *first);

void ctx_events_close(struct ctx_events *e);

/** ctx_source_add() and ctx_source_del() for events of either kind. */
int ctx_events_add(struct ctx_events *e, struct ctx_source *src, uint32_t events);
void ctx_events_del(struct ctx_events *e, struct ctx_source *src);

/*
 * The longest that a call waits that was told not to, where the descriptor is always readable: the
 * caller's loop would spin otherwise. A source that has something ends it at once.
 */
#define CTX_NAP_MS 5

/** How long baton_ctx_poll() waits that is told to wait @timeout_ms: shorter where timers are no
 * events, and a little where the descriptor is readable all the time.
 */
int ctx_events_timeout(const struct baton_ctx *ctx, int timeout_ms);

/**
 * Wait for one source.
 *
 * @timeout_ms: -1: for ever.
 * @src:        receives the source, and @events what it has.
 * Return: 1; 0: none has anything; a negative errno.
 */
int ctx_events_wait(struct ctx_events *e, int timeout_ms, struct ctx_source **src,
		    uint32_t *events);

/** Arm ctx->events for the first timer. */
void ctx_events_arm(struct baton_ctx *ctx);

/** Call what is due. Return: the number of timers. */
int ctx_timers_run(struct baton_ctx *ctx);

/** Forget the descriptors and timers of the application. */
void ctx_app_fini(struct baton_ctx *ctx);

uint64_t ctx_now_ns(void);

/** Call timer->due in @ms milliseconds. A time that was set before is replaced. */
void ctx_timer_set(struct baton_ctx *ctx, struct ctx_timer *timer, unsigned ms);
void ctx_timer_cancel(struct baton_ctx *ctx, struct ctx_timer *timer);

#endif
