/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of the EXN2 without its driver: registers are written here, by the datasheet and
 * against it, so that what the driver's tests show rests on a device that is known to work and to
 * notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <baton/baton.h>

#include "exn2_model.h"

#define PLACES 8u
#define ROOM   128u

/* The page that the device has: rings, then buffers. */
enum { FIRST = 0, REST = 0x40, RX_DONE = 0x80, RING = 0x100, TX_DONE = 0x180, BUFFERS = 0x1000 };
enum { RX = 0x0800, TX = 0x1000 }; /* blocks */

struct bench {
	struct exn2_model *m;
	struct baton_ctx *ctx;
	struct baton_arena *arena;
	struct baton_ioas *ioas;
	struct baton_mapping *mapping;
	struct pci_device *dev;
	struct pci_reg regs;
	uint8_t *mem;
	uint64_t iova;
};

static void
put(const struct bench *b, uint32_t reg, uint32_t v)
{
	pci_write32(&b->regs, reg, v);
}

static uint32_t
get(const struct bench *b, uint32_t reg)
{
	return pci_read32(&b->regs, reg);
}

static uint64_t *
word(const struct bench *b, uint32_t at, unsigned i)
{
	return (uint64_t *)(void *)(b->mem + at) + i;
}

/* Return: STATE when the command was carried out. */
static uint32_t
command(const struct bench *b, uint32_t v)
{
	put(b, 0x04, v);
	assert_int_equal(get(b, 0x08) & 0xff, 0);
	assert_int_equal(get(b, 0x08) & 0xff, v);
	return get(b, 0x08);
}

static void
put_address(const struct bench *b, uint32_t reg, uint64_t at)
{
	put(b, reg, (uint32_t)at);
	put(b, reg + 4, (uint32_t)(at >> 32));
}

static void
put_blocks(const struct bench *b)
{
	put(b, 0x20, 0);
	put_address(b, RX + 0x00, b->iova + FIRST);
	put_address(b, RX + 0x08, b->iova + REST);
	put_address(b, RX + 0x10, b->iova + RX_DONE);
	put(b, RX + 0x18, PLACES);
	put(b, RX + 0x1c, ROOM);
	put_address(b, TX + 0x00, b->iova + RING);
	put_address(b, TX + 0x10, b->iova + TX_DONE);
	put(b, TX + 0x18, PLACES);
	memset(b->mem, 0, BUFFERS);
}

static int
up(void **state)
{
	struct baton_ctx_config cc = { .size = sizeof(cc) };
	struct baton_ioas_config ic;
	struct baton_mem_config mc = { .size = sizeof(mc),
				       .bytes = 64 << 10,
				       .page_size = BATON_PAGE_BASE,
				       .node = BATON_NODE_ANY };
	struct baton_arena_info info;
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(baton_ctx_create(&cc, &b->ctx), 0);
	b->m = exn2_model_start(b->ctx);
	assert_int_equal(baton_arena_create(b->ctx, &mc, &b->arena), 0);
	baton_arena_info(b->arena, &info);
	b->mem = info.base;
	baton_ioas_config_init(&ic);
	ic.backend = BATON_IOAS_VHOST;
	assert_int_equal(baton_ioas_create(b->ctx, &ic, &b->ioas), 0);
	assert_int_equal(pci_open(b->ctx, b->ioas, PCI_MODEL_BDF, &b->dev), 0);
	assert_int_equal(pci_reg(b->dev, 2, 0, 0x2000, &b->regs), 0);
	assert_int_equal(baton_ioas_map_arena(b->ioas, b->arena, (1ull << 44) - 1, &b->mapping), 0);
	assert_int_equal(baton_mapping_iova(b->mapping, b->mem, 1, &b->iova), 0);
	assert_int_equal(pci_bus_master(b->dev, true), 0);
	put_blocks(b);
	*state = b;
	return 0;
}

static int
down(void **state)
{
	struct bench *b = *state;

	pci_close(b->dev);
	assert_int_equal(baton_ioas_unmap(b->mapping), 0);
	assert_int_equal(baton_ioas_destroy(b->ioas), 0);
	baton_arena_destroy(b->arena);
	exn2_model_stop(b->m);
	assert_int_equal(baton_ctx_destroy(b->ctx), 0);
	free(b);
	return 0;
}

/* Post buffers @from to @to of a ring; buffer n of REST lies behind those of FIRST. */
static void
post(const struct bench *b, bool rest, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		*word(b, rest ? REST : FIRST, i % PLACES) =
			htole64(b->iova + BUFFERS + (i % PLACES + (rest ? PLACES : 0)) * ROOM);
	put(b, RX + (rest ? 0x24 : 0x20), to);
}

static void
desc(const struct bench *b, unsigned i, uint32_t at, uint64_t info)
{
	*word(b, RING, 2 * (i % PLACES)) = htole64(b->iova + BUFFERS + at);
	*word(b, RING, 2 * (i % PLACES) + 1) = htole64(info);
}

static void
says(const struct bench *b, unsigned wrong, const char *why)
{
	if (b->m->wrong != wrong || (wrong && !strstr(b->m->why, why)))
		fail_msg("%u violations, first \"%s\", and not %u of \"%s\"", b->m->wrong,
			 b->m->why, wrong, why);
	b->m->wrong = 0;
}

/* ---- by the datasheet ---- */

static void
registers(void **state)
{
	const struct bench *b = *state;

	assert_int_equal(get(b, 0x00), 0x324e5845);
	assert_int_equal(get(b, 0x08), 3);
	assert_int_equal(get(b, 0x0c), 1 | 10000 << 8);
	assert_int_equal(get(b, 0x10), 10 | EXN2_QUEUES << 8 | 9200u << 16);
	assert_int_equal(get(b, 0x14), 0x4e584502);
	assert_int_equal(get(b, 0x18), 0x0532);
	assert_int_equal(command(b, 1), 1);
	put(b, 0x14, 0x04030201);
	assert_int_equal(b->m->mac[0], 2);
	put(b, 0x18, 0x0605);
	assert_memory_equal(b->m->mac, ((uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	put(b, 0x1c, 3);
	assert_int_equal(exn2_accept(b->m), 3);
	assert_int_equal(command(b, 2), 2);
	assert_int_equal(get(b, RX + 0x18), PLACES);
	assert_int_equal(command(b, 1), 1);
	assert_int_equal(command(b, 3), 3);
	assert_int_equal(get(b, RX + 0x18), 0);
	assert_int_equal(get(b, 0x14), 0x4e584502);
	b->m->pci.dead = true;
	assert_int_equal(get(b, 0x08), UINT32_MAX);
}

/* Packets of one buffer and of several, until each ring has turned a few times. */
static void
receiving(void **state)
{
	const struct bench *b = *state;
	unsigned posted[2] = { PLACES, PLACES }, used[2] = { 0, 0 }, done = 0;
	uint8_t frame[129 + 128 * 7] = { 0 };

	assert_int_equal(command(b, 1), 1);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 0);
	post(b, false, 0, PLACES);
	post(b, true, 0, PLACES);
	for (unsigned k = 0; k < 40; k++) {
		const uint32_t len = k % 3 ? 60 : 300;
		const unsigned n = (len + ROOM - 1) / ROOM;

		memset(frame, (int)k, sizeof(frame));
		assert_int_equal(exn2_receive(b->m, 0, frame, len, EXN2_L4_KNOWN), n);
		for (unsigned i = 0; i < n; i++, done++) {
			const bool rest = i > 0, turn = !(done / (2 * PLACES) & 1);
			const uint32_t bytes = i + 1 < n ? ROOM : len - i * ROOM;
			const unsigned place = used[rest]++ % PLACES;

			assert_int_equal(le64toh(*word(b, RX_DONE, done % (2 * PLACES))),
					 turn | (i + 1 == n ? 2 | 16 : 0) | (rest ? 4 : 0) |
						 (uint64_t)place << 16 | (uint64_t)bytes << 32);
			assert_memory_equal(b->mem + BUFFERS + (place + (rest ? PLACES : 0)) * ROOM,
					    frame, bytes);
			post(b, rest, posted[rest], posted[rest] + 1);
			posted[rest]++;
		}
	}
	/* BAD is in each completion; what does not fit is dropped. */
	assert_int_equal(exn2_receive(b->m, 0, frame, 200, EXN2_BAD), 2);
	assert_int_equal(le64toh(*word(b, RX_DONE, done % 16)) & 0xe, 8);
	assert_int_equal(le64toh(*word(b, RX_DONE, (done + 1) % 16)) & 0xe, 8 | 4 | 2);
	assert_int_equal(exn2_receive(b->m, 0, frame, 129 + 128 * 7, 0), 0);
	assert_int_equal(b->m->pci.stray, 0);
}

/* A tag is removed, the type is told, and time and mark are in front. */
static void
options(void **state)
{
	static const uint8_t frame[80] = { [12] = 0x88, 0xa8, 0x61,      0x23,    0x08,
					   0x00,        0x45, [27] = 17, [79] = 9 },
			     front[16] = { 0x39, 0x30, [8] = 0x78, 0x56, 0x34, 0x12 };
	const struct bench *b = *state;
	const uint8_t *const got = b->mem + BUFFERS;

	put(b, 0x20, 7);
	assert_int_equal(command(b, 1), 1);
	post(b, false, 0, PLACES);
	b->m->mark = 0x12345678;
	assert_int_equal(exn2_receive(b->m, 0, frame, 80, 0), 1);
	assert_int_equal(le64toh(*word(b, RX_DONE, 0)), 1 | 2 | 64 | 128 | 1 << 8 | 2 << 10 |
								2 << 13 | 92ull << 32 |
								0x6123ull << 48);
	assert_memory_equal(got, front, 16);
	assert_memory_equal(got + 16, frame, 12);
	assert_memory_equal(got + 28, frame + 16, 64);
}

/* Six packets of one descriptor and one of two, in the order of @want. */
static void
sending(const struct bench *b, enum exn2_order order, const uint16_t want[7])
{
	uint8_t frame[EXN2_FRAME_MAX];
	unsigned seen = 0;

	b->m->order = order;
	assert_int_equal(command(b, 1), 1);
	for (unsigned i = 0; i < PLACES; i++) {
		memset(b->mem + BUFFERS + i * ROOM, (int)i, ROOM);
		desc(b, i, i * ROOM, (10 + i) | (i == 2 ? 0 : 1 << 16));
	}
	put(b, TX + 0x20, PLACES);
	for (unsigned i = 0; i < 7; i++) {
		const int len = i < 2 ? (int)(10 + i) : i == 2 ? 12 + 13 : (int)(11 + i);

		assert_int_equal(exn2_send(b->m, 0, frame), len);
		assert_int_equal(frame[0], i < 3 ? i : i + 1);
		assert_int_equal(frame[len - 1], i < 2 ? i : i + 1);
	}
	assert_int_equal(exn2_send(b->m, 0, frame), 0);
	for (unsigned i = 0; i < 7; i++) {
		const uint64_t v = le64toh(*word(b, TX_DONE, i));

		assert_int_equal(v & 1, 1);
		seen |= 1u << (v >> 16);
		if (want)
			assert_int_equal(v >> 16, want[i]);
	}
	assert_int_equal(seen, 0xff & ~(1u << 3)); /* each once */
	assert_int_equal(*word(b, TX_DONE, 7), 0);
	/* All places are free again, and completions turn. */
	desc(b, 0, 0, 60 | 1 << 16);
	desc(b, 1, 0, 61 | 1 << 16);
	put(b, TX + 0x20, PLACES + 2);
	assert_int_equal(exn2_send(b->m, 0, frame), 60);
	assert_int_equal(exn2_send(b->m, 0, frame), 61);
	assert_int_equal(le64toh(*word(b, TX_DONE, 7)) & 1, 1);
	assert_int_equal(le64toh(*word(b, TX_DONE, 0)) & 1, 0);
}

static void
in_order(void **state)
{
	sending(*state, EXN2_IN_ORDER, (uint16_t[]){ 0, 1, 2, 4, 5, 6, 7 });
}

static void
backwards(void **state)
{
	sending(*state, EXN2_REVERSED, (uint16_t[]){ 7, 6, 5, 4, 2, 1, 0 });
}

static void
shuffled(void **state)
{
	sending(*state, EXN2_RANDOM, NULL);
}

static void
checksum(void **state)
{
	static const uint8_t data[] = { 0xff, 0x12, 0x34, 0x00, 0x01, 0x56 };
	const struct bench *b = *state;
	uint8_t frame[EXN2_FRAME_MAX];

	assert_int_equal(command(b, 1), 1);
	memcpy(b->mem + BUFFERS, data, sizeof(data));
	desc(b, 0, 0, 6 | 1 << 16 | 1 << 17 | 1ull << 32 | 2ull << 48);
	put(b, TX + 0x20, 1);
	assert_int_equal(exn2_send(b->m, 0, frame), 6);
	/* 0x1234 + 0x0001 + 0x5600 = 0x6835 */
	assert_memory_equal(frame, ((uint8_t[]){ 0xff, 0x12, 0x34, 0x97, 0xca, 0x56 }), 6);
	assert_int_equal(b->m->csums, 1);
}

static bool
is_raised(int fd)
{
	eventfd_t n;

	return eventfd_read(fd, &n) == 0;
}

static void
vectors(void **state)
{
	const struct bench *b = *state;
	int fds[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	uint8_t frame[60] = { 0 };

	assert_int_equal(b->dev->n_vectors, 1 + EXN2_QUEUES);
	assert_int_equal(pci_msix_enable(b->dev, fds, 2), 0);
	assert_int_equal(command(b, 1), 1);
	post(b, false, 0, PLACES);
	put(b, RX + 0x28, 1);
	assert_false(is_raised(fds[1]));
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1);
	assert_true(is_raised(fds[1]));
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1); /* once */
	assert_false(is_raised(fds[1]));
	put(b, RX + 0x28, 1); /* one was written since */
	assert_true(is_raised(fds[1]));
	put(b, RX + 0x28, 1);
	put(b, RX + 0x28, 0);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1);
	assert_false(is_raised(fds[1]));
	exn2_link(b->m, false);
	assert_true(is_raised(fds[0]));
	assert_int_equal(get(b, 0x0c) & 1, 0);
	exn2_fail(b->m);
	assert_true(is_raised(fds[0]));
	assert_int_equal(get(b, 0x08), 1 | 3 << 8);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 0);
	assert_int_equal(command(b, 2), 2 | 3 << 8);
	assert_int_equal(command(b, 1), 1 | 3 << 8);
	assert_int_equal(command(b, 3), 3);
	assert_int_equal(pci_msix_disable(b->dev), 0);
	close(fds[0]);
	close(fds[1]);
}

/* It confirms nothing, and still uses what it has. */
static void
keeping(void **state)
{
	const struct bench *b = *state;
	uint8_t frame[60] = { 0 };

	assert_int_equal(command(b, 1), 1);
	post(b, false, 0, PLACES);
	b->m->pci.keeps_config = b->m->pci.no_reset = true;
	put(b, 0x04, 2);
	put(b, 0x04, 3);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(get(b, 0x08), 0);
	assert_true(pci_bus_master(b->dev, false) < 0);
	assert_true(pci_reset(b->dev) < 0);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1);
	b->m->pci.keeps_config = false;
	assert_int_equal(get(b, 0x08), 0);
	assert_int_equal(get(b, 0x08), 3);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 0);
}

/* ---- against it ---- */

/* START of a block with one register that is wrong. */
static void
bad_blocks(void **state)
{
	static const struct {
		uint32_t reg, v;
		uint32_t error;
		const char *why;
	} bad[] = {
		{ RX + 0x00, 0x20, 0x201, "FIRST at" },    { RX + 0x04, 0x1000, 0x201, "over 44" },
		{ RX + 0x0c, 0x800, 0x201, "REST at" },    { RX + 0x10, 8, 0x201, "DONE at" },
		{ RX + 0x18, 2, 0x201, "PLACES 2" },       { RX + 0x18, 12, 0x201, "PLACES 12" },
		{ RX + 0x18, 2048, 0x201, "PLACES 2048" }, { RX + 0x1c, 0, 0x201, "ROOM 0" },
		{ RX + 0x1c, 100, 0x201, "ROOM 100" },     { RX + 0x1c, 65536, 0x201, "ROOM" },
		{ TX + 0x18, 4, 0x800201, "PLACES 4" },    { TX + 0x10, 4, 0x800201, "DONE at" },
		{ TX + 0x58, 8, 0x810201, "not mapped" },  { 0x20, 8, 0x201, "OPTIONS 0x8" },
	};
	const struct bench *b = *state;

	b->m->quiet = true;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_blocks(b);
		put(b, TX + 0x58, 0);
		put(b, bad[i].reg, bad[i].v);
		assert_int_equal(command(b, 1), bad[i].error);
		says(b, 1, bad[i].why);
	}
	put_blocks(b);
	put(b, TX + 0x58, 0);
	*word(b, RX_DONE, 15) = 1;
	assert_int_equal(command(b, 1), 1);
	says(b, 1, "not zeroed");
	assert_int_equal(b->m->pci.stray, 0);
}

static void
bad_commands(void **state)
{
	const struct bench *b = *state;

	b->m->quiet = true;
	assert_int_equal(command(b, 77), 77 | 1 << 8);
	says(b, 1, "command 77");
	put(b, 0x04, 1);
	put(b, 0x04, 2);
	says(b, 1, "while 1 is carried out");
	assert_int_equal(get(b, 0x08), 0);
	assert_int_equal(get(b, 0x08), 1);
	assert_int_equal(command(b, 1), 1 | 1 << 8);
	says(b, 1, "START while it runs");
	put(b, 0x08, 3);
	says(b, 1, "only read");
	put(b, 0x24, 0);
	says(b, 1, "a write of 4 bytes at 0x24");
	put(b, RX + 0x2c, 0);
	says(b, 1, "at 0x82c");
	pci_write16(&b->regs, RX + 0x20, 1);
	says(b, 1, "of 2 bytes");
	get(b, TX + 64 * EXN2_QUEUES);
	says(b, 1, "a read of 4 bytes");
}

static void
bad_posting(void **state)
{
	const struct bench *b = *state;
	uint8_t frame[60] = { 0 };

	b->m->quiet = true;
	post(b, false, 0, 1); /* not yet: no effect */
	assert_int_equal(command(b, 1), 1);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 0);
	says(b, 0, "");
	put(b, RX + 0x20, PLACES + 1);
	says(b, 1, "tail 9 after 0");
	put(b, RX + 64 + 0x20, 1);
	says(b, 1, "queue 1");
	post(b, false, 0, 4);
	put(b, RX + 0x20, 3);
	says(b, 1, "tail 3 after 4");
	*word(b, FIRST, 0) ^= htole64(0x40);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1);
	says(b, 1, "place 0 was changed");
	*word(b, FIRST, 4) = htole64(1ull << 52);
	put(b, RX + 0x20, 5);
	says(b, 1, "over 52 bits");
	*word(b, FIRST, 5) = htole64(b->iova + (64 << 10) - ROOM + 1);
	put(b, RX + 0x20, 6);
	says(b, 1, "not mapped");
	assert_int_equal(b->m->pci.stray, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 1);
	assert_int_equal(exn2_receive(b->m, 0, frame, 60, 0), 0);
	assert_int_equal(b->m->pci.stray, 1);
	assert_int_equal(get(b, 0x08), 1 | 3 << 8);
}

static void
bad_sending(void **state)
{
	const struct bench *b = *state;
	uint8_t frame[EXN2_FRAME_MAX];

	b->m->quiet = true;
	b->m->order = EXN2_REVERSED;
	assert_int_equal(command(b, 1), 1);
	for (unsigned i = 0; i < PLACES; i++)
		desc(b, i, 0, 60 | 1 << 16);
	put(b, TX + 0x20, PLACES);
	for (unsigned i = 0; i + 1 < PLACES; i++)
		assert_int_equal(exn2_send(b->m, 0, frame), 60);
	put(b, TX + 0x20, PLACES + 1); /* sent is not complete */
	says(b, 1, "tail 9 after 8");
	assert_int_equal(exn2_send(b->m, 0, frame), 60);
	desc(b, 0, 0, 0 | 1 << 16);
	put(b, TX + 0x20, PLACES + 1);
	says(b, 1, "no bytes");
	assert_int_equal(exn2_send(b->m, 0, frame), 0);
	desc(b, 1, 0, 60 | 1 << 16 | 1 << 20);
	put(b, TX + 0x20, PLACES + 2);
	says(b, 1, "bits that are not 0");
	assert_int_equal(exn2_send(b->m, 0, frame), 60);
	desc(b, 2, 0, 60);
	desc(b, 3, 0, 60 | 1 << 16 | 1 << 17);
	put(b, TX + 0x20, PLACES + 4);
	assert_int_equal(exn2_send(b->m, 0, frame), 120);
	says(b, 1, "not the packet's first");
	desc(b, 4, 0, 60 | 1 << 16 | 1 << 17 | 50ull << 32 | 9ull << 48);
	put(b, TX + 0x20, PLACES + 5);
	assert_int_equal(exn2_send(b->m, 0, frame), 60);
	says(b, 1, "a checksum at byte 59");
	desc(b, 5, 0, 9000);
	desc(b, 6, 0, 201 | 1 << 16);
	put(b, TX + 0x20, PLACES + 7);
	assert_int_equal(exn2_send(b->m, 0, frame), -1);
	says(b, 1, "over 9200");
	assert_int_equal(b->m->pci.stray, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		TEST(registers),   TEST(options),    TEST(receiving),    TEST(in_order),
		TEST(backwards),   TEST(shuffled),   TEST(checksum),     TEST(vectors),
		TEST(keeping),     TEST(bad_blocks), TEST(bad_commands), TEST(bad_posting),
		TEST(bad_sending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
