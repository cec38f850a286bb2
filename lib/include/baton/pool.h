/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools of packet buffers, the workers whose caches they are taken from, and the ownership rules.
 *
 * A buffer has exactly one holder: the pool (free), the CPU (whoever has the token) or one device
 * queue. Sequential misuse through any Baton call is always caught; misuse from two threads at the
 * same moment is caught best effort, and exactly in libraries built with -Downership=strict. A
 * token handed to another thread must travel through a queue of the application's own that orders
 * memory.
 */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <stdio.h>

#include <baton/context.h>
#include <baton/mem.h>
#include <baton/token.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_MAX_BUFS         0xffffffu /* buffers of a pool: 24 bits of a shadow entry */
#define BATON_DEFAULT_HEADROOM 64        /* room in front of a received packet, in bytes */
#define BATON_DEFAULT_DATA_LEN (BATON_DEFAULT_HEADROOM + 2048)
#define BATON_DEFAULT_CACHE    512

struct baton_pool;
struct baton_worker;

/* ---- pools ---- */

/*
 * The free list of a pool over memory supplied from outside. Both are called with at most 62
 * indexes, from any worker's thread, several at a time.
 */
struct baton_pool_backing {
	/* Take up to n indexes. Return: how many. */
	unsigned (*get_bulk)(void *arg, uint32_t *bufs, unsigned n);
	/* Give n indexes back; cannot fail. */
	void (*put_bulk)(void *arg, const uint32_t *bufs, unsigned n);
	void *arg;
};

struct baton_pool_config {
	size_t size;           /* sizeof(struct baton_pool_config) */
	const char *name;      /* shown in reports; NULL: "pool" and a number */
	uint32_t count;        /* buffers, 1 .. BATON_MAX_BUFS */
	uint32_t data_len;     /* bytes of data room a buffer, headroom included; 0: the default; at
				  most 65,535 */
	uint16_t headroom;     /* offset of a received packet; 0: the default; less than data_len */
	int node;              /* NUMA node of the memory, or BATON_NODE_ANY */
	uint64_t page_size;    /* BATON_PAGE_* */
	const char *hugetlbfs; /* as in struct baton_mem_config */

	/*
	 * Memory supplied from outside: buffer i's data room begins at base + i * stride +
	 * data_off. fd and fd_offset say which file base maps, so that the memory can be shared
	 * with a backend; fd -1: it cannot, and only drivers that need no sharing will take the
	 * pool. The memory and the fd stay the caller's and must outlive the pool. base NULL: the
	 * pool makes its own arena.
	 */
	void *base;
	size_t bytes;
	uint32_t stride;   /* outside memory only; own arenas choose an odd number of cache lines */
	uint32_t data_off; /* outside memory only */
	int fd;
	uint64_t fd_offset;
	const struct baton_pool_backing
		*backing;   /* NULL: Baton's lock-free stack holds the free list */
	unsigned mem_flags; /* BATON_MEM_*, of its own arena */
};

/** Fill in the defaults, size included. */
BATON_API void baton_pool_config_init(struct baton_pool_config *config);

/**
 * Create a pool with every buffer free.
 *
 * Control thread. Return: 0; -EINVAL for geometry that cannot be (the error says which number);
 * what baton_arena_create() returns; -ENOSPC when the context has BATON_MAX_POOLS pools.
 */
BATON_API int baton_pool_create(struct baton_ctx *ctx, const struct baton_pool_config *config,
				struct baton_pool **out);

/**
 * Destroy a pool all of whose buffers are free.
 *
 * Control thread; no worker may be using it. Return: 0; -EBUSY when buffers are out: a violation
 * report (BATON_RULE_POOL_BUSY) lists them by holder, and the pool stays.
 */
BATON_API int baton_pool_destroy(struct baton_pool *pool);

struct baton_pool_info {
	const char *name;
	uint8_t index; /* the token's pool field */
	uint32_t count;
	uint32_t data_len;
	uint32_t stride;
	uint16_t headroom;
	uint64_t page_size; /* of its memory; 0 when supplied from outside */
};

BATON_API void baton_pool_info(const struct baton_pool *pool, struct baton_pool_info *info);

enum baton_holder_kind {
	BATON_HOLDER_FREE,       /* the pool's shared free list */
	BATON_HOLDER_CACHE,      /* free, in a worker's cache */
	BATON_HOLDER_CPU,        /* the application, by token */
	BATON_HOLDER_QUEUE,      /* a device queue */
	BATON_HOLDER_QUARANTINE, /* a device that has not confirmed its reset */
};

struct baton_holder {
	enum baton_holder_kind kind;
	uint32_t count;
	char name[48]; /* "free", "worker w0", "application", "net_virtio_user0 rxq 0", ... */
};

/**
 * Who holds how many buffers. Each holder is counted where it keeps them (free list, caches, owner
 * table, shadow rings), so the sum is the pool's size only if nothing was lost or doubled.
 *
 * Any thread; exact while no worker of the context is in a call, else approximate.
 *
 * Return: the number of holders, of which the first @n were written to @out.
 */
BATON_API unsigned baton_pool_holders(const struct baton_pool *pool, struct baton_holder *out,
				      unsigned n);

/* ---- workers ---- */

struct baton_worker_config {
	size_t size;
	const char *name;    /* NULL: "worker" and a number */
	uint32_t cache_size; /* buffers cached per pool; 0: the default; at most 8,192 */
};

/**
 * Create a worker: the caches and the identity of one thread that moves packets.
 *
 * A worker belongs to the thread that first uses it, or that called baton_worker_bind(), until
 * baton_worker_unbind(); use from another thread is a violation (BATON_RULE_THREAD).
 *
 * Control thread. Return: 0; -EINVAL; -ENOSPC; -ENOMEM.
 */
BATON_API int baton_worker_create(struct baton_ctx *ctx, const struct baton_worker_config *config,
				  struct baton_worker **out);

/** Return the caches to the pools. Control thread, worker idle. -EBUSY while queues are attached.
 */
BATON_API int baton_worker_destroy(struct baton_worker *worker);

/** Bind to the calling thread. -EBUSY when it is bound to another. */
BATON_API int baton_worker_bind(struct baton_worker *worker);

/** Let another thread take over. The bound thread, or any thread once that one has ended or is
 * idle. */
BATON_API void baton_worker_unbind(struct baton_worker *worker);

/** Give the worker's cached buffers back to their pools. The worker's thread. */
BATON_API void baton_worker_flush(struct baton_worker *worker);

/* ---- the fast path: all of it on the worker's own thread ---- */

/**
 * Allocate up to @n buffers: len 0, off at the pool's headroom.
 *
 * Return: how many, fewer than @n (down to 0) when the pool has no more.
 */
BATON_API unsigned baton_alloc(struct baton_worker *worker, struct baton_pool *pool,
			       struct baton_token *tokens, unsigned n);

/**
 * Free @n buffers, of any pools of the context.
 *
 * Return: 0; -EPERM when a token was refused (the violation handler has its report): the
 * tokens before it are freed, it and those after it are not.
 */
BATON_API int baton_free(struct baton_worker *worker, const struct baton_token *tokens, unsigned n);

/*
 * What the inline functions below need of a pool. One cache line, read-only while the pool lives; a
 * pool that does not exist has count 0, so that no token is good for it.
 */
struct baton_pool_view {
	uint8_t *data;   /* data room of buffer 0 */
	uint32_t *owner; /* {holder:16, gen:16} a buffer, relaxed atomics */
	uint64_t iova; /* drivers, in a port's table: buffer 0's data room as the device sees it */
	uint32_t stride;
	uint32_t count; /* 0: no such pool; in a port's table: neither mapped nor bounced */
	uint32_t data_len;
	uint16_t headroom;
	uint8_t index;
	uint8_t bounce; /* drivers, in a port's table: the device reaches slots only */
	struct baton_pool *pool;
	uint8_t *side; /* side record of buffer 0, BATON_SIDE_SIZE bytes each; private memory */
	uint32_t direct_len; /* drivers, in a port's table: data_len; 0: slots only, or neither */
	uint32_t reserved;
};

/* The public head of a worker. */
struct baton_worker_head {
	uintptr_t thread; /* baton_thread_self() of its thread, 0 when unbound; relaxed atomic */
	const struct baton_pool_view *views; /* 256 of them, indexed by the token's pool field */
	uint32_t epoch; /* counts state changes of its queues; control thread; acquire */
	uint32_t seen;  /* the epoch its last burst began in; the worker's own */
};

#ifdef __cplusplus
static_assert(sizeof(struct baton_pool_view) == 64, "ABI");
#else
_Static_assert(sizeof(struct baton_pool_view) == 64, "ABI");
_Static_assert(offsetof(struct baton_worker_head, views) == sizeof(uintptr_t), "ABI");
#endif

#define BATON_SIDE_SIZE 64

/* The side record of a buffer, valid when the token has BATON_TOKEN_SIDE. */
struct baton_side {
	uint64_t timestamp; /* ns of the device's clock */
	uint16_t vlan_tci;  /* tag stripped on RX, to be inserted on TX */
	uint16_t l2_len;    /* TX offload lengths, in bytes */
	uint16_t l3_len;
	uint16_t l4_len;
	uint16_t tso_segsz;
	uint16_t csum_offset; /* of the L4 checksum from the end of l2_len + l3_len: 16 for TCP, 6
				 for UDP */
	uint16_t reserved[2];
	uint64_t reserved2[3];
	uint8_t app[16]; /* the application's own */
};

/* Owner table entries: holder in the upper half. Queues are BATON_OWNER_QUEUE and up. */
#define BATON_OWNER_FREE       0u
#define BATON_OWNER_CPU        1u
#define BATON_OWNER_QUARANTINE 2u
#define BATON_OWNER_SHARED     3u /* reserved */
#define BATON_OWNER_QUEUE      16u

BATON_API BATON_COLD void *baton_data_refused_(const struct baton_worker *worker,
					       struct baton_token token);

/**
 * The valid bytes of a token's buffer.
 *
 * The worker's thread. Return: a pointer good until the token is given or freed; NULL when the
 * token is refused (and a violation handler is set).
 */
static inline void *
baton_data(const struct baton_worker *worker, struct baton_token token)
{
	const struct baton_pool_view *v =
		&((const struct baton_worker_head *)worker)->views[token.pool];

#ifndef BATON_OWNERSHIP_OFF
	if (baton_unlikely(token.buf >= v->count || (uint32_t)token.off + token.len > v->data_len ||
			   __atomic_load_n(&v->owner[token.buf], __ATOMIC_RELAXED) !=
				   (BATON_OWNER_CPU << 16 | token.gen)))
		return baton_data_refused_(worker, token);
#endif
	return v->data + (size_t)token.buf * v->stride + token.off;
}

/** The side record of a token's buffer; same rules as baton_data(). */
static inline struct baton_side *
baton_side(const struct baton_worker *worker, struct baton_token token)
{
	const struct baton_pool_view *v =
		&((const struct baton_worker_head *)worker)->views[token.pool];

	if (baton_unlikely(!baton_data(worker, token)))
		return NULL;
	return (struct baton_side *)(void *)(v->side + (size_t)token.buf * BATON_SIDE_SIZE);
}

/** Number of tokens of the packet that begins at @tokens[0], at most @n. */
static inline unsigned
baton_packet_segs(const struct baton_token *tokens, unsigned n)
{
	unsigned i = 0;

	while (i + 1 < n && (tokens[i].flags & BATON_TOKEN_CONT))
		i++;
	return n ? i + 1 : 0;
}

/**
 * Copy a whole packet into fresh buffers of @pool, in place of cloning it.
 *
 * @out: room for @max tokens. The worker's thread.
 *
 * Return: the number of tokens written; -ENOBUFS when the pool has too few buffers, -EMSGSIZE when
 * @max tokens are too few, -EPERM when a token is refused: nothing was allocated.
 */
BATON_API int baton_packet_copy(struct baton_worker *worker, struct baton_pool *pool,
				const struct baton_token *in, unsigned n, struct baton_token *out,
				unsigned max);

/* ---- violations ---- */

enum baton_rule {
	BATON_RULE_NOT_HELD, /* the token's buffer is not held by the CPU: given, freed, or never
				taken */
	BATON_RULE_STALE,  /* the buffer has changed hands since this copy of its token was made */
	BATON_RULE_RANGE,  /* buffer index or off + len outside the pool */
	BATON_RULE_POOL,   /* no such pool in this context, or not the pool the call is for */
	BATON_RULE_THREAD, /* a worker or queue used from a second thread */
	BATON_RULE_POOL_BUSY, /* a pool destroyed while buffers are out */
	BATON_RULE_DOUBLE_FREE,
	BATON_RULE_DOUBLE_GIVE,
	BATON_RULE_DIRECTION, /* a burst on a queue of the other direction */
};

struct baton_violation {
	size_t size;
	enum baton_rule rule;
	const char *operation;    /* the call that was refused: "tx_burst", "free", ... */
	struct baton_token token; /* zeroed when the rule is not about a token */
	const char *pool;         /* its name, or "" */
	const char *holder;  /* who has the buffer now, "application", "net_null0 txq 0", ... */
	const char *last_op; /* the operation that gave it to that holder: "give", "free", ... */
	const char *text;    /* the whole report, some lines */
};

/** The rule's name, such as "not held". */
BATON_API const char *baton_rule_name(enum baton_rule rule);

#ifdef __cplusplus
}
#endif

#endif
