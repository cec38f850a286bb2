/* SPDX-License-Identifier: BSD-3-Clause */
#include "sched.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES 65536u
#define SLOTS       16u  /* stores a thread can have waiting */
#define PLACES      128u /* watched places */
#define MAX_STEPS   1000u
#define MAX_STORE   248u
#define N_ACTORS    (MODEL_THREADS * (1 + SLOTS)) /* threads first, then their waiting stores */

struct step {
	const char *what;
	const void *p;
	bool write;
	bool fence; /* of the thread */
	bool all;   /* of all threads */
};

struct store {
	void *p; /* NULL: free */
	size_t size;
	uint64_t age;
	bool release;
	uint32_t clock[MODEL_THREADS]; /* a release store: the thread's */
	unsigned char bytes[MAX_STORE];
};

struct thread {
	ucontext_t ctx;
	char *stack;
	bool done;
	struct step next;
	struct store store[SLOTS];
	uint32_t clock[MODEL_THREADS];
};

struct place {
	const char *name;
	unsigned int number;
	const char *p;
	size_t size;
	bool plain;
	uint32_t released[MODEL_THREADS]; /* atomics: what an acquire of it learns */
	uint32_t wrote[MODEL_THREADS]; /* plain: each thread's clock at its last write and read */
	uint32_t read[MODEL_THREADS];
};

struct trace {
	unsigned int actor;
	struct step step;
	uint64_t value;
	const char *outcome;
};

struct frame {
	unsigned int actor;
	uint64_t enabled;
	uint64_t sleep; /* asleep, or already tried here */
};

_Static_assert(N_ACTORS <= 64, "actors are bits of a word");

static struct {
	const struct model_case *c;
	enum model_bug bug;
	ucontext_t ctx;
	struct thread thread[MODEL_THREADS];
	struct thread *cur; /* NULL in set-up and check: operations happen at once */
	struct place place[PLACES];
	unsigned int n_places;
	uint64_t age;
	const char *fault;
	struct frame frame[MAX_STEPS];
	unsigned int n_frames;
	struct trace trace[MAX_STEPS];
	unsigned int n_trace;
} m;

static struct place *
place_of(const void *p)
{
	for (unsigned int i = 0; i < m.n_places; i++) {
		struct place *w = &m.place[i];

		if ((const char *)p >= w->p && (const char *)p < w->p + w->size)
			return w;
	}
	return NULL;
}

void
model_watch(const char *name, unsigned int number, const void *p, size_t size, bool plain)
{
	if (m.n_places == PLACES)
		abort();
	m.place[m.n_places++] = (struct place){
		.name = name, .number = number, .p = p, .size = size, .plain = plain
	};
}

void
model_fail(const char *what)
{
	m.fault = what;
	if (!m.cur)
		abort();
	/* Never resumed; but a function that cannot return looks like an unwinding to ASan. */
	while (m.fault)
		swapcontext(&m.cur->ctx, &m.ctx);
}

/* Wait until the scheduler grants a step. */
static void
await_step(struct step step)
{
	m.cur->next = step;
	swapcontext(&m.cur->ctx, &m.ctx);
}

static void
await(const char *what, const void *p, bool write)
{
	if (!place_of(p))
		model_fail("an access outside the watched memory");
	await_step((struct step){ .what = what, .p = p, .write = write });
}

static void
note(uint64_t value, const char *outcome)
{
	m.trace[m.n_trace - 1].value = value;
	m.trace[m.n_trace - 1].outcome = outcome;
}

/* ---- happens-before ---- */

static void
join(uint32_t *to, const uint32_t *from)
{
	for (unsigned int t = 0; t < MODEL_THREADS; t++)
		if (from[t] > to[t])
			to[t] = from[t];
}

static void
acquire(const void *p)
{
	if (m.bug != MODEL_NO_ACQUIRE)
		join(m.cur->clock, place_of(p)->released);
}

static void
release(const void *p)
{
	join(place_of(p)->released, m.cur->clock);
	m.cur->clock[m.cur - m.thread]++;
}

static void
plain_access(struct place *w, bool write)
{
	const uint32_t *clock = m.cur->clock;
	unsigned int self = (unsigned int)(m.cur - m.thread);

	for (unsigned int t = 0; t < MODEL_THREADS; t++)
		if (w->wrote[t] > clock[t] || (write && w->read[t] > clock[t]))
			model_fail("a data race on plain memory");
	if (write)
		w->wrote[self] = clock[self];
	else
		w->read[self] = clock[self];
}

/* ---- memory ---- */

static const struct store *
own_store(const void *p)
{
	const struct store *s = NULL;

	for (unsigned int i = 0; i < SLOTS; i++) {
		const struct store *o = &m.cur->store[i];

		if (o->p == p && (!s || o->age > s->age))
			s = o;
	}
	return s;
}

static void
read_memory(void *v, const void *p, size_t size)
{
	const struct store *s = own_store(p);

	memcpy(v, p, size);
	if (s)
		memcpy(v, s->bytes, size < s->size ? size : s->size);
}

void
model_load(const void *p, void *v, size_t size, bool acq)
{
	uint64_t seen = 0;

	if (!m.cur) {
		memcpy(v, p, size);
		return;
	}
	await(acq ? "load-acquire" : "load", p, false);
	read_memory(v, p, size);
	if (acq)
		acquire(p);
	memcpy(&seen, v, size);
	note(seen, "");
}

void
model_store(void *p, const void *v, size_t size, bool release_)
{
	if (!place_of(p) && m.cur)
		model_fail("an access outside the watched memory");
	if (!m.cur) {
		memcpy(p, v, size);
		return;
	}
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct store *s = &m.cur->store[i];

		if (s->p)
			continue;
		*s = (struct store){ .p = p, .size = size, .age = ++m.age };
		memcpy(s->bytes, v, size);
		if (release_ && m.bug != MODEL_NO_RELEASE) {
			s->release = true;
			memcpy(s->clock, m.cur->clock, sizeof(s->clock));
			m.cur->clock[m.cur - m.thread]++;
		}
		return;
	}
	model_fail("too many waiting stores");
}

/* The store is visible. */
static void
land(struct store *s)
{
	memcpy(s->p, s->bytes, s->size);
	if (s->release)
		join(place_of(s->p)->released, s->clock);
	s->p = NULL;
}

void
model_fence(void)
{
	if (m.cur && m.bug != MODEL_NO_FENCE)
		await_step((struct step){ .what = "fence", .fence = true });
}

static void
land_all(struct thread *t)
{
	for (;;) {
		struct store *oldest = NULL;

		for (unsigned int i = 0; i < SLOTS; i++)
			if (t->store[i].p && (!oldest || t->store[i].age < oldest->age))
				oldest = &t->store[i];
		if (!oldest)
			return;
		land(oldest);
	}
}

/* Each thread at a time of its own: a step for each. */
void
model_fence_all(void)
{
	if (!m.cur || m.bug == MODEL_NO_FENCE)
		return;
	for (unsigned int t = 0; t < m.c->threads; t++) {
		await_step((struct step){ .what = "fence of all", .all = true });
		land_all(&m.thread[t]);
	}
}

static bool
cas_two_steps(uint64_t *p, uint64_t *expected, uint64_t desired)
{
	await("compare", p, false);
	acquire(p);
	note(*p, *p == *expected ? "equal" : "differs");
	if (*p != *expected) {
		*expected = *p;
		return false;
	}
	await("store", p, true);
	release(p);
	*p = desired;
	note(desired, "");
	return true;
}

bool
model_cas(uint64_t *p, uint64_t *expected, uint64_t desired)
{
	uint64_t mask = m.bug == MODEL_NO_TAG ? 0xffffff : UINT64_MAX;

	if (m.cur && m.bug == MODEL_PLAIN_STORE)
		return cas_two_steps(p, expected, desired);
	if (m.cur) {
		await("cas", p, true);
		acquire(p);
	}
	if ((*p & mask) != (*expected & mask)) {
		*expected = *p;
		if (m.cur)
			note(*p, "fails");
		return false;
	}
	*p = desired & mask;
	if (m.cur) {
		release(p);
		note(*p, "succeeds");
	}
	return true;
}

void *
model_memcpy(void *dst, const void *src, size_t n)
{
	struct place *d = m.cur ? place_of(dst) : NULL;
	struct place *s = m.cur ? place_of(src) : NULL;

	if (d) {
		if (n > d->size || n > MAX_STORE)
			model_fail("a copy past the end of a block");
		plain_access(d, true);
		model_store(dst, src, n, false);
	} else if (s) {
		if (n > s->size)
			model_fail("a copy past the end of a block");
		await("read", src, false);
		plain_access(s, false);
		read_memory(dst, src, n);
		note(*(const uint32_t *)dst, "first of them");
	} else {
		memcpy(dst, src, n);
	}
	return dst;
}

/* ---- actors: what can happen next ---- */

static struct store *
store_of(unsigned int actor)
{
	actor -= MODEL_THREADS;
	return &m.thread[actor / SLOTS].store[actor % SLOTS];
}

static struct step
next_step(unsigned int actor)
{
	if (actor < MODEL_THREADS)
		return m.thread[actor].next;
	return (struct step){ .what = "becomes visible", .p = store_of(actor)->p, .write = true };
}

static bool
waits_for_stores(const struct thread *t)
{
	if (!t->next.fence && (!t->next.write || m.bug == MODEL_EARLY))
		return false;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (t->store[i].p)
			return true;
	return false;
}

/* Stores to one place stay in order, and a release store comes after all. */
static bool
is_oldest(const struct thread *t, const struct store *s)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if ((t->store[i].p == s->p || (s->release && t->store[i].p)) &&
		    t->store[i].age < s->age)
			return false;
	return true;
}

static uint64_t
enabled_actors(void)
{
	uint64_t set = 0;

	for (unsigned int t = 0; t < m.c->threads; t++) {
		struct thread *th = &m.thread[t];

		if (!th->done && !waits_for_stores(th))
			set |= 1ull << t;
		for (unsigned int i = 0; i < SLOTS; i++)
			if (th->store[i].p && is_oldest(th, &th->store[i]))
				set |= 1ull << (MODEL_THREADS + t * SLOTS + i);
	}
	return set;
}

/* Of those asleep, the ones whose step commutes with that of @actor. */
static uint64_t
still_asleep(uint64_t sleep, unsigned int actor)
{
	struct step a = next_step(actor);
	uint64_t left = 0;

	if (m.c->unreduced)
		return 0;
	for (uint64_t rest = sleep & ~(1ull << actor); rest; rest &= rest - 1) {
		unsigned int x = (unsigned int)__builtin_ctzll(rest);
		struct step b = next_step(x);

		if (!a.all && !b.all && (a.p != b.p || (!a.write && !b.write)))
			left |= 1ull << x;
	}
	return left;
}

static void
resume(struct thread *t)
{
	m.cur = t;
	swapcontext(&m.ctx, &t->ctx);
	m.cur = NULL;
}

static void
take_step(unsigned int actor)
{
	struct store *s;

	m.trace[m.n_trace++] = (struct trace){ .actor = actor, .step = next_step(actor) };
	if (actor < MODEL_THREADS) {
		resume(&m.thread[actor]);
		return;
	}
	s = store_of(actor);
	note(*(const uint32_t *)(const void *)s->bytes, "");
	land(s);
}

/* ---- the search ---- */

static void
thread_main(int t)
{
	m.c->thread(m.c->arg, (unsigned int)t);
	m.thread[t].done = true;
	swapcontext(&m.thread[t].ctx, &m.ctx);
}

static void
start_run(void)
{
	m.n_places = m.n_trace = 0;
	m.age = 0;
	m.fault = NULL;
	m.cur = NULL;
	m.c->setup(m.c->arg);
	for (unsigned int t = 0; t < m.c->threads; t++) {
		struct thread *th = &m.thread[t];

		th->done = false;
		for (unsigned int i = 0; i < SLOTS; i++)
			th->store[i].p = NULL;
		memset(th->clock, 0, sizeof(th->clock));
		th->clock[t] = 1;
		getcontext(&th->ctx);
		th->ctx.uc_stack.ss_sp = th->stack;
		th->ctx.uc_stack.ss_size = STACK_BYTES;
		th->ctx.uc_link = NULL;
		makecontext(&th->ctx, (void (*)(void))thread_main, 1, (int)t);
		resume(th);
	}
}

/* Return: false when the run was given up, since all that could follow has been tried. */
static bool
run_once(void)
{
	uint64_t sleep = 0;
	uint64_t enabled;

	start_run();
	for (unsigned int d = 0; !m.fault && (enabled = enabled_actors()); d++) {
		struct frame *f = &m.frame[d];

		if (d == MAX_STEPS) {
			m.fault = "a run that does not end";
			return true;
		}
		if (d == m.n_frames) {
			if (!(enabled & ~sleep))
				return false;
			*f = (struct frame){ .enabled = enabled, .sleep = sleep };
			f->actor = (unsigned int)__builtin_ctzll(enabled & ~sleep);
			m.n_frames++;
		}
		sleep = still_asleep(f->sleep, f->actor);
		take_step(f->actor);
	}
	if (!m.fault)
		m.fault = m.c->check(m.c->arg);
	return true;
}

/* Return: false when nothing is left to try. */
static bool
next_schedule(void)
{
	for (; m.n_frames; m.n_frames--) {
		struct frame *f = &m.frame[m.n_frames - 1];

		f->sleep |= 1ull << f->actor;
		if (f->enabled & ~f->sleep) {
			f->actor = (unsigned int)__builtin_ctzll(f->enabled & ~f->sleep);
			return true;
		}
	}
	return false;
}

struct model_result
model_explore(const struct model_case *c, enum model_bug bug, uint64_t max_runs)
{
	struct model_result r = { 0 };

	m.c = c;
	m.bug = bug;
	m.n_frames = 0;
	for (unsigned int t = 0; t < c->threads; t++)
		if (!m.thread[t].stack && !(m.thread[t].stack = malloc(STACK_BYTES)))
			abort();
	do {
		if (run_once())
			r.runs++;
		else
			r.redundant++;
		r.fault = m.fault;
		r.complete = !r.fault && !next_schedule();
	} while (!r.fault && !r.complete && r.runs + r.redundant < max_runs);
	for (unsigned int t = 0; t < c->threads; t++) {
		free(m.thread[t].stack);
		m.thread[t].stack = NULL;
	}
	return r;
}

static void
print_actor(FILE *out, unsigned int actor)
{
	if (actor < MODEL_THREADS)
		fprintf(out, "  T%u %-16s", actor, "");
	else
		fprintf(out, "  T%u %-16s", (actor - MODEL_THREADS) / SLOTS, "(earlier store)");
}

void
model_print(FILE *out)
{
	for (unsigned int i = 0; i < m.n_trace; i++) {
		const struct trace *t = &m.trace[i];
		const struct place *w = place_of(t->step.p);

		print_actor(out, t->actor);
		fprintf(out, "%-16s %s", t->step.what, w ? w->name : "?");
		if (w && (w->plain || w->size == sizeof(uint32_t)))
			fprintf(out, " %u", w->number);
		if (w && w->size == sizeof(uint64_t))
			fprintf(out, ": {tag %" PRIu64 ", block %d}", t->value >> 24,
				(t->value & 0xffffff) == 0xffffff ? -1
								  : (int)(t->value & 0xffffff));
		else
			fprintf(out, ": %d",
				(t->value & 0xffffffff) == 0xffffff ? -1 : (int)t->value);
		fprintf(out, " %s\n", t->outcome ? t->outcome : "");
	}
}
