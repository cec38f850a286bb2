/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a hand-over on the bounce ring costs beside the copy that it cannot do without. Baton's side
 * is a burst of a port that bounces, in front of the free backend; only the bursts are timed,
 * neither the device's part nor the making of tokens. The peer does nothing but memcpy() the same
 * bytes, one call for each buffer: from where to where, in which order, was recorded from Baton's
 * own bursts. It moves between as many slots and buffers, so that the caches are in the same state.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "front_baton.h"
#include "gbench_cases.h"

#define SEGS_MAX 5u
#define ROOM     64u /* tokens of a burst */
#define BURSTS   64u /* recorded; a multiple of those after which all comes round again */
#define HDR      ((unsigned)sizeof(struct wire_net_header))

struct copy {
	uint8_t *to;
	const uint8_t *from;
	uint32_t len;
};

/* A port for packets of one length. */
struct bounced {
	uint32_t len;
	unsigned packets, segs; /* of a burst, of a packet */
	const char *args;
	struct baton_front *front;
	struct backend backend;
	unsigned at; /* the burst to be copied next */
	uint64_t least;
	struct copy copy[2][BURSTS][ROOM]; /* [FRONT_RX], [FRONT_TX] */
};

struct front_options front_options;

static bool serving;
static double hz;

static struct bounced ports[] = {
	{ .len = 64, .packets = 32, .segs = 1, .args = "mrg_rxbuf=0,bounce=always" },
	{ .len = 1500, .packets = 32, .segs = 1, .args = "mrg_rxbuf=0,bounce=always" },
	{ .len = 9000, .packets = 8, .segs = SEGS_MAX, .args = "mrg_rxbuf=1,bounce=always" },
};

static void
die(const char *what)
{
	fprintf(stderr, "error: %s\n", what);
	abort();
}

/* ---- bursts; each returns its cycles ---- */

static uint64_t
receive(struct bounced *b, struct baton_token *t, unsigned *n)
{
	uint64_t t0, t1;
	int got;

	if (backend_receive_long(&b->backend, b->packets) != b->packets)
		die("the RX ring ran dry");
	/* Nothing of it waits in the store buffer, where no device's writes are. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t0 = cycles_now();
	got = baton_rx_burst(b->front->rx, t, ROOM);
	t1 = cycles_now();
	if (got != (int)(b->packets * b->segs))
		die("packets are missing");
	*n = (unsigned)got;
	return t1 - t0;
}

static unsigned
make(struct bounced *b, struct baton_token *t)
{
	const unsigned n = b->packets * b->segs;

	if (baton_alloc(b->front->worker, b->front->pool, t, n) != n)
		die("the pool ran dry");
	for (unsigned i = 0; i < n; i++) {
		const unsigned seg = i % b->segs, room = 2048;

		t[i].len = (uint16_t)(seg + 1 < b->segs ? room : b->len - seg * room);
		t[i].flags = seg + 1 < b->segs ? BATON_TOKEN_CONT : 0;
	}
	return n;
}

static uint64_t
send_them(struct bounced *b, struct baton_token *t, unsigned n)
{
	uint64_t t0, t1;
	int sent;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t0 = cycles_now();
	sent = baton_tx_burst(b->front->tx, t, n);
	t1 = cycles_now();
	if (sent != (int)n)
		die("not all were sent");
	return t1 - t0;
}

static uint64_t
run_peer(struct bounced *b, enum front_kind kind)
{
	const struct copy *c = b->copy[kind][b->at];
	const unsigned n = b->packets * b->segs;
	uint64_t t0, t1;

	b->at = (b->at + 1) % BURSTS;
	for (unsigned i = 0; kind == FRONT_RX && i < n; i += b->segs) /* as the device does */
		((struct wire_net_header *)(uintptr_t)(c[i].from - HDR))->num_buffers =
			(uint16_t)b->segs;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t0 = cycles_now();
	for (unsigned i = 0; i < n; i++)
		memcpy(c[i].to, c[i].from, c[i].len);
	t1 = cycles_now();
	return t1 - t0;
}

/* ---- recording ---- */

/* Where the device sees the buffers of @n ring positions from the next on, packets of b->segs each;
 * @next: as a chain. */
static void
slots_of(const struct bounced *b, const struct backend_ring *r, bool chains, uint8_t **slot,
	 unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const unsigned ahead = chains ? i / b->segs : i;
		uint32_t id = r->avail->ring[(r->next + ahead) & r->mask];

		for (unsigned k = 0; chains && k < i % b->segs; k++)
			id = r->desc[id].next;
		slot[i] = backend_at(&b->backend, r->desc[id].addr) + (i % b->segs ? 0 : HDR);
	}
}

static void
record_take(struct bounced *b, unsigned burst)
{
	struct baton_token t[ROOM];
	uint8_t *slot[ROOM];
	unsigned n = b->packets * b->segs;

	slots_of(b, &b->backend.ring[BACKEND_RX], false, slot, n);
	receive(b, t, &n);
	for (unsigned i = 0; i < n; i++)
		b->copy[FRONT_RX][burst][i] =
			(struct copy){ baton_data(b->front->worker, t[i]), slot[i], t[i].len };
	baton_free(b->front->worker, t, n);
}

static void
record_give(struct bounced *b, unsigned burst)
{
	struct baton_token t[ROOM];
	uint8_t *slot[ROOM];
	const unsigned n = make(b, t);

	for (unsigned i = 0; i < n; i++)
		b->copy[FRONT_TX][burst][i] =
			(struct copy){ NULL, baton_data(b->front->worker, t[i]), t[i].len };
	send_them(b, t, n);
	slots_of(b, &b->backend.ring[BACKEND_TX], true, slot, n);
	for (unsigned i = 0; i < n; i++)
		b->copy[FRONT_TX][burst][i].to = slot[i];
	backend_transmit(&b->backend);
}

/* ---- cases ---- */

static uint64_t
take(struct bounced *b)
{
	struct baton_token t[ROOM];
	unsigned n;
	uint64_t cycles = receive(b, t, &n);

	baton_free(b->front->worker, t, n);
	return cycles;
}

static uint64_t
give(struct bounced *b)
{
	struct baton_token t[ROOM];
	uint64_t cycles = send_them(b, t, make(b, t));

	backend_transmit(&b->backend);
	return cycles;
}

static uint64_t
take_peer(struct bounced *b)
{
	return run_peer(b, FRONT_RX);
}

static uint64_t
give_peer(struct bounced *b)
{
	return run_peer(b, FRONT_TX);
}

/* One that took eight times the shortest of its repetition was interrupted: another in its place.
 */
static double
seconds(void *self, uint64_t (*burst)(struct bounced *))
{
	struct bounced *b = self;
	uint64_t cycles;

	do {
		cycles = burst(b);
		if (cycles < b->least)
			b->least = cycles;
	} while (cycles > b->least * 8);
	return (double)cycles / hz;
}

#define SECONDS(burst)                                                                             \
	static double burst##_seconds(void *self)                                                  \
	{                                                                                          \
		return seconds(self, burst);                                                       \
	}
SECONDS(take)
SECONDS(give)
SECONDS(take_peer)
SECONDS(give_peer)

static void *
serve(void *arg)
{
	struct backend *list[] = { arg };

	while (__atomic_load_n(&serving, __ATOMIC_ACQUIRE))
		backend_serve(list, 1, 5);
	return NULL;
}

/* The port stays until the program ends. */
static void
open_port(struct bounced *b)
{
	char path[96], name[16], text[4096] = "no thread";
	pthread_t thread;

	snprintf(path, sizeof(path), "/tmp/baton-gbench-%d-%u", (int)getpid(), b->len);
	snprintf(name, sizeof(name), "%u", b->len);
	if (backend_init(&b->backend, path, b->len, true) < 0)
		die("no socket");
	__atomic_store_n(&serving, true, __ATOMIC_RELEASE);
	if (!pthread_create(&thread, NULL, serve, &b->backend)) {
		b->front = (struct baton_front *)(void *)front_baton.open(name, path, b->args,
									  (uint16_t)b->len, text,
									  sizeof(text));
		for (unsigned i = 0; b->front && i < 5000 && !backend_running(&b->backend); i++)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		__atomic_store_n(&serving, false, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
	}
	unlink(path);
	if (!b->front || !backend_running(&b->backend))
		die(text);
	if (hz == 0)
		hz = cycles_hz();
}

static void *
begin(unsigned i)
{
	struct bounced *b = &ports[i];

	if (!b->front)
		open_port(b);
	/*
	 * One direction after the other, as they are timed: which buffers a burst gets, and in
	 * which order, depends on the burst before.
	 */
	for (unsigned burst = 0; burst < BURSTS; burst++)
		record_take(b, burst);
	for (unsigned burst = 0; burst < BURSTS; burst++)
		record_give(b, burst);
	b->at = 0;
	b->least = UINT64_MAX / 8;
	return b;
}

static void *
begin_64(unsigned thread)
{
	return begin(0);
}

static void *
begin_1500(unsigned thread)
{
	return begin(1);
}

static void *
begin_9000(unsigned thread)
{
	return begin(2);
}

#define TIMED(row, packets, begin, timed)                                                          \
	{                                                                                          \
		row, 1, packets, begin, NULL, NULL, timed                                          \
	}
#define CASES(size, packets)                                                                       \
	TIMED("bounce_take_" #size "/baton", packets, begin_##size, take_seconds),                 \
		TIMED("bounce_take_" #size "/peer", packets, begin_##size, take_peer_seconds),     \
		TIMED("bounce_take_" #size "/again", packets, begin_##size, take_peer_seconds),    \
		TIMED("bounce_give_" #size "/baton", packets, begin_##size, give_seconds),         \
		TIMED("bounce_give_" #size "/peer", packets, begin_##size, give_peer_seconds),     \
		TIMED("bounce_give_" #size "/again", packets, begin_##size, give_peer_seconds)

const struct gbench_case *
gbench_bounce_cases(void)
{
	static const struct gbench_case cases[] = {
		CASES(64, 32), CASES(1500, 32), CASES(9000, 8), { 0 }
	};

	return cases;
}
