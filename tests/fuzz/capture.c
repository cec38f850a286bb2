/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader of captures (drivers/pcap/reader.h) under any bytes. An input's first byte says in
 * what pieces the rest, which is a capture, gets to it, and which header the fuzzer need not find
 * out. What it finds must be what a second reader finds, which has all bytes at once and shares no
 * code with it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "pcap/reader.h"

#include "fuzz.h"

#define MAX_RECORDS 64u

struct found {
	uint32_t at, caplen, len, link;
};

struct outcome {
	struct found record[MAX_RECORDS];
	unsigned n;
	bool clean; /* it ended where a capture may end */
};

_Noreturn void
fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("fuzz: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void
fuzz_rig_drop_all(void)
{
}

/* ---- the second reader ---- */

struct bytes {
	const uint8_t *p;
	uint64_t n;
	bool big;
};

static uint32_t
u32(const struct bytes *b, uint64_t at)
{
	const uint8_t *p = b->p + at;

	return b->big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
		      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint32_t
u16(const struct bytes *b, uint64_t at)
{
	return b->big ? (uint32_t)b->p[at] << 8 | b->p[at + 1]
		      : (uint32_t)b->p[at + 1] << 8 | b->p[at];
}

static void
keep(struct outcome *o, uint64_t at, uint32_t caplen, uint32_t len, uint32_t link)
{
	if (o->n < MAX_RECORDS)
		o->record[o->n] = (struct found){ (uint32_t)at, caplen, len, link };
	o->n++;
}

/* Another capture's header, as `cat ONE OTHER` has it; as a record's it would be of 2055. */
static bool
another(const struct bytes *b, uint64_t at)
{
	const uint32_t word = u32(b, at);

	return (word == 0xa1b2c3d4 || word == 0xa1b23c4d || word == 0xa1b2cd34) &&
	       u16(b, at + 4) == 2 && u16(b, at + 6) == 4;
}

static void
classic(struct bytes *b, uint64_t head, struct outcome *o)
{
	const uint32_t major = u16(b, 4), minor = u16(b, 6), link = u32(b, 20) & 0x3ffffff;
	const bool old = major == 543 || minor < 3;
	uint64_t at = 24;

	if (!(major == 2 && minor < 5) && !(major == 543 && !minor))
		return;
	while (at < b->n) {
		uint32_t first, second, caplen, len;

		if (b->n - at < head || another(b, at))
			return;
		first = u32(b, at + 8);
		second = u32(b, at + 12);
		caplen = old ? second : first;
		len = old ? first : second;
		if (!old && minor == 3 && first > second) {
			caplen = second;
			len = first;
		}
		if (caplen > 262144 || b->n - at - head < caplen)
			return;
		keep(o, at + head, caplen, len, link);
		at += head + caplen;
	}
	o->clean = true;
}

/* Return: whether the block is sound up to its end, or the capture's. */
static bool
packet_block(struct bytes *b, uint64_t at, uint32_t type, uint32_t total, const uint32_t *links,
	     uint32_t n_links, uint32_t snap, struct outcome *o)
{
	const bool simple = type == 3;
	const uint64_t head = simple ? 12 : 28;
	uint64_t have = b->n - at;
	uint32_t caplen, len, index;

	if (total < head + 4 || have < head)
		return false;
	len = u32(b, at + (simple ? 8 : 24));
	caplen = simple ? len : u32(b, at + 20);
	index = simple ? 0 : type == 2 ? u16(b, at + 8) : u32(b, at + 8);
	if (simple && caplen > total - 16)
		caplen = total - 16;
	if (simple && snap && caplen > snap)
		caplen = snap;
	if (caplen > total - head - 4)
		return false;
	if (caplen <= 262144 && have < head + caplen)
		return false;
	keep(o, at + head, caplen, len, index < n_links ? links[index] : UINT32_MAX);
	return true;
}

static void
next_generation(struct bytes *b, struct outcome *o)
{
	uint32_t links[64], n_links = 0, snap = 0;
	uint64_t at = 0;

	while (at < b->n) {
		uint32_t type, total;
		uint64_t least = 12;

		if (b->n - at < 8)
			return;
		type = u32(b, at);
		if (type == 0x0a0d0d0a) {
			if (b->n - at < 16)
				return;
			b->big = b->p[at + 8] == 0x1a;
			if (u32(b, at + 8) != 0x1a2b3c4d || u16(b, at + 12) != 1)
				return;
			n_links = snap = 0;
			least = 28;
		}
		total = u32(b, at + 4);
		if (type == 1)
			least = 20;
		if (total < least || total % 4)
			return;
		if (type == 1) {
			if (b->n - at < 16)
				return;
			if (n_links < 64)
				links[n_links] = u16(b, at + 8);
			if (!n_links)
				snap = u32(b, at + 12);
			n_links++;
		} else if ((type == 2 || type == 3 || type == 6) &&
			   !packet_block(b, at, type, total, links, n_links, snap, o)) {
			return;
		}
		if (b->n - at < total || u32(b, at + total - 4) != total)
			return;
		at += total;
	}
	o->clean = true;
}

static void
second_reader(const uint8_t *data, size_t size, struct outcome *o)
{
	struct bytes b = { data, size, false };

	if (size < 24)
		return;
	if (u32(&b, 0) == 0x0a0d0d0a) {
		next_generation(&b, o);
		return;
	}
	for (int big = 0; big < 2; big++) {
		b.big = big;
		if (u32(&b, 0) == 0xa1b2c3d4 || u32(&b, 0) == 0xa1b23c4d)
			classic(&b, 16, o);
		if (u32(&b, 0) == 0xa1b2cd34)
			classic(&b, 24, o);
	}
}

/* ---- the reader ---- */

static void
check_text(const struct capture_reader *r)
{
	if (!r->why[0] || !memchr(r->why, 0, sizeof(r->why)))
		fuzz_fail("it does not say why");
}

/* The window is memory of its own size, so that a read past its end is seen. */
static enum capture_step
step(struct capture_reader *r, const uint8_t *data, size_t n, size_t *used, size_t *want,
     struct capture_record *rec, size_t *record_at)
{
	uint8_t *window = malloc(n ? n : 1);
	enum capture_step ret;

	if (!window)
		exit(2);
	memcpy(window, data, n);
	ret = capture_next(r, window, n, used, want, rec);
	if (*used > n)
		fuzz_fail("%zu bytes of %zu used", *used, n);
	if (ret == CAPTURE_RECORD) {
		if (rec->data && (rec->data < window || rec->data + rec->caplen > window + n))
			fuzz_fail("a packet lies outside of the window");
		*record_at = rec->data ? (size_t)(rec->data - window) : 0;
	}
	free(window);
	return ret;
}

static void
first_reader(const uint8_t *data, size_t size, uint8_t pieces, struct outcome *o)
{
	static struct capture_reader r;
	size_t at = 0, end = 0, used, want, record_at = 0;
	struct capture_record rec = { 0 };

	capture_begin(&r);
	for (;;) {
		switch (step(&r, data + at, end - at, &used, &want, &rec, &record_at)) {
		case CAPTURE_RECORD:
			keep(o, at + (rec.data ? record_at : used), rec.caplen, rec.len, rec.link);
			if (rec.caplen > CAPTURE_MAX_RECORD && rec.data)
				fuzz_fail("a packet of %" PRIu32 " bytes", rec.caplen);
			at += used;
			break;
		case CAPTURE_BAD:
			check_text(&r);
			return;
		default:
			at += used;
			if (want > CAPTURE_WINDOW || want <= end - at || r.skip > UINT32_MAX)
				fuzz_fail("it wants %zu bytes with %zu there", want, end - at);
			if (end == size) {
				o->clean = capture_end(&r, data + at, end - at);
				if (!o->clean)
					check_text(&r);
				return;
			}
			end += pieces ? pieces : size;
			end = end > size ? size : end;
		}
	}
}

/* Begin with one of these, or with none. */
static size_t
header(uint8_t *to, unsigned which)
{
	static const uint8_t pcap[] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
					0,    0,    0,    0,    0, 0, 4, 0, 1, 0, 0, 0 };
	static const uint8_t section[] = { 10,   13,   13,   10,   28, 0, 0,    0,    0x4d, 0x3c,
					   0x2b, 0x1a, 1,    0,    0,  0, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 28, 0, 0,    0 };
	static const uint8_t interface[] = { 1, 0, 0, 0, 20, 0, 0,  0, 1, 0,
					     0, 0, 0, 0, 0,  0, 20, 0, 0, 0 };

	switch (which) {
	case 4: /* a section header that is too short */
	case 5: /* ... of a version that is not read */
		memcpy(to, section, sizeof(section));
		to[which == 4 ? 4 : 12] = which == 4 ? 16 : 2;
		return sizeof(section);
	case 1:
		memcpy(to, pcap, sizeof(pcap));
		return sizeof(pcap);
	case 2:
		memcpy(to, section, sizeof(section));
		return sizeof(section);
	case 3:
		memcpy(to, section, sizeof(section));
		memcpy(to + sizeof(section), interface, sizeof(interface));
		return sizeof(section) + sizeof(interface);
	default:
		return 0;
	}
}

int
fuzz_run(const uint8_t *input, size_t input_size)
{
	static struct outcome got, due;
	uint8_t *data;
	size_t size;

	if (!input_size)
		return 0;
	data = malloc(input_size + 64);
	if (!data)
		exit(2);
	size = header(data, input[0] >> 5);
	memcpy(data + size, input + 1, input_size - 1);
	size += input_size - 1;
	got.n = due.n = 0;
	got.clean = due.clean = false;
	first_reader(data, size, input[0] & 31, &got);
	second_reader(data, size, &due);
	free(data);
	if (got.n != due.n || got.clean != due.clean)
		fuzz_fail("%u packets%s; there are %u%s", got.n, got.clean ? "" : ", then damage",
			  due.n, due.clean ? "" : ", then damage");
	for (unsigned i = 0; i < got.n && i < MAX_RECORDS; i++)
		if (memcmp(&got.record[i], &due.record[i], sizeof(got.record[i])))
			fuzz_fail("packet %u: %" PRIu32 " bytes at %" PRIu32 " of %" PRIu32
				  ", link type %" PRIu32 "; it is %" PRIu32 " at %" PRIu32
				  " of %" PRIu32 ", %" PRIu32,
				  i, got.record[i].caplen, got.record[i].at, got.record[i].len,
				  got.record[i].link, due.record[i].caplen, due.record[i].at,
				  due.record[i].len, due.record[i].link);
	return 0;
}
