/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reader of captures beside libpcap: what both can read they read alike, whole and cut off
 * anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../drivers/pcap/reader.h"

#ifdef HAVE_LIBPCAP
#include <pcap/pcap.h>

#define FILES   600
#define MAX     4096
#define PACKETS 8

struct file {
	uint8_t bytes[MAX];
	size_t n;
	bool swapped;
	unsigned seed;
};

static unsigned
rnd(struct file *f, unsigned below)
{
	f->seed = f->seed * 1103515245u + 12345u;
	return (f->seed >> 8) % below;
}

static void
put32(struct file *f, uint32_t v)
{
	v = f->swapped ? __builtin_bswap32(v) : v;
	memcpy(f->bytes + f->n, &v, sizeof(v));
	f->n += sizeof(v);
}

static void
put16(struct file *f, uint16_t v)
{
	v = f->swapped ? __builtin_bswap16(v) : v;
	memcpy(f->bytes + f->n, &v, sizeof(v));
	f->n += sizeof(v);
}

static void
put_bytes(struct file *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		f->bytes[f->n++] = (uint8_t)rnd(f, 256);
}

static void
make_pcap(struct file *f)
{
	static const uint32_t magic[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34 };
	const unsigned kind = rnd(f, 3), minor = rnd(f, 4) ? 4 : 2 + rnd(f, 2);

	put32(f, magic[kind]);
	put16(f, 2);
	put16(f, (uint16_t)minor);
	put32(f, 0);
	put32(f, 0);
	put32(f, 262144);
	put32(f, rnd(f, 2) ? 1 : 0x44000001);
	for (unsigned i = rnd(f, PACKETS); i; i--) {
		const uint32_t caplen = rnd(f, 100), len = caplen + rnd(f, 3);

		put32(f, i);
		put32(f, rnd(f, 1000000));
		put32(f, minor == 4 ? caplen : len);
		put32(f, minor == 4 ? len : caplen);
		put_bytes(f, kind == 2 ? 8 : 0);
		put_bytes(f, caplen);
	}
}

/* A block's head. Return: where its length stands. */
static size_t
begin(struct file *f, uint32_t type)
{
	put32(f, type);
	put32(f, 0);
	return f->n - 4;
}

static void
end(struct file *f, size_t length_at)
{
	uint32_t total;

	while (f->n % 4)
		f->bytes[f->n++] = 0;
	total = (uint32_t)(f->n - length_at + 8);
	put32(f, total);
	total = f->swapped ? __builtin_bswap32(total) : total;
	memcpy(f->bytes + length_at, &total, sizeof(total));
}

static void
put_comment(struct file *f)
{
	const unsigned n = rnd(f, 9);

	if (rnd(f, 2))
		return;
	put16(f, 1);
	put16(f, (uint16_t)n);
	put_bytes(f, n);
	while (f->n % 4)
		f->bytes[f->n++] = 0;
	put32(f, 0);
}

static void
put_interface(struct file *f)
{
	const size_t at = begin(f, 1);

	put16(f, 1);
	put16(f, 0);
	put32(f, 262144);
	end(f, at);
}

static void
put_packet(struct file *f, unsigned interfaces)
{
	const uint32_t caplen = rnd(f, 100), kind = rnd(f, 3);
	size_t at = begin(f, kind == 0 ? 6 : kind == 1 ? 2 : 3);

	if (kind == 1) {
		put16(f, (uint16_t)rnd(f, interfaces));
		put16(f, 0);
	} else if (!kind) {
		put32(f, rnd(f, interfaces));
	}
	if (kind < 2) {
		put32(f, 0);
		put32(f, rnd(f, 1000));
		put32(f, caplen);
	}
	put32(f, caplen);
	put_bytes(f, caplen);
	while (f->n % 4)
		f->bytes[f->n++] = 0;
	if (kind < 2)
		put_comment(f);
	end(f, at);
}

static void
put_filler(struct file *f)
{
	static const uint32_t types[] = { 4, 5, 10, 0xbad, 0x80001234 };
	const size_t at = begin(f, types[rnd(f, 5)]);

	put_bytes(f, 4 * rnd(f, 20) + 12);
	end(f, at);
}

static void
make_pcapng(struct file *f)
{
	const size_t at = begin(f, 0x0a0d0d0a);
	unsigned interfaces = 1;

	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put32(f, UINT32_MAX);
	put32(f, UINT32_MAX);
	end(f, at);
	put_interface(f);
	for (unsigned i = rnd(f, 2 * PACKETS); i; i--) {
		switch (rnd(f, 4)) {
		case 0:
			put_filler(f);
			break;
		case 1:
			put_interface(f);
			interfaces++;
			break;
		default:
			put_packet(f, interfaces);
		}
	}
}

struct outcome {
	unsigned n;
	uint32_t caplen[4 * PACKETS], len[4 * PACKETS];
	uint8_t data[MAX];
	size_t bytes;
	bool clean;
};

static void
keep(struct outcome *o, const uint8_t *data, uint32_t caplen, uint32_t len)
{
	assert_true(o->n < 4 * PACKETS && o->bytes + caplen <= MAX);
	memcpy(o->data + o->bytes, data, caplen);
	o->bytes += caplen;
	o->caplen[o->n] = caplen;
	o->len[o->n++] = len;
}

static void
ours(const struct file *f, struct outcome *o)
{
	static struct capture_reader r;
	struct capture_record rec;
	size_t at = 0, used, want;
	enum capture_step step;

	memset(o, 0, sizeof(*o));
	capture_begin(&r);
	while ((step = capture_next(&r, f->bytes + at, f->n - at, &used, &want, &rec)) ==
	       CAPTURE_RECORD) {
		assert_int_equal(rec.link, CAPTURE_LINK_ETHERNET);
		keep(o, rec.data, rec.caplen, rec.len);
		at += used;
	}
	o->clean = step == CAPTURE_MORE && capture_end(&r, f->bytes + at + used, f->n - at - used);
}

static void
theirs(const struct file *f, struct outcome *o, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const uint8_t *data;
	FILE *file = fopen(path, "wb");
	pcap_t *p;
	int ret;

	memset(o, 0, sizeof(*o));
	assert_non_null(file);
	assert_int_equal(fwrite(f->bytes, 1, f->n, file), f->n);
	fclose(file);
	p = pcap_open_offline(path, error);
	if (!p)
		return;
	while ((ret = pcap_next_ex(p, &head, &data)) == 1)
		keep(o, data, head->caplen, head->len);
	o->clean = ret == PCAP_ERROR_BREAK;
	pcap_close(p);
}

static void
like_libpcap(void **state)
{
	static struct outcome got, due;
	static struct file f;
	char path[] = "/tmp/baton-reader-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (unsigned i = 0; i < FILES; i++) {
		bool whole = i % 3, pcapng = i % 2;
		bool late;

		f.n = 0;
		f.seed = i;
		f.swapped = rnd(&f, 2);
		if (pcapng)
			make_pcapng(&f);
		else
			make_pcap(&f);
		if (!whole)
			f.n = rnd(&f, (unsigned)f.n);
		ours(&f, &got);
		theirs(&f, &due, path);
		/* libpcap waits for the end of a packet's block; the packet is there before. And it
		 * wants to have seen an interface. */
		late = pcapng && !whole && got.n == due.n + 1 && !got.clean && !due.clean;
		if (!late && (got.n != due.n || got.clean != due.clean) &&
		    !(pcapng && !got.n && !due.n && got.clean))
			fail_msg("file %u: %u packets%s, libpcap has %u%s", i, got.n,
				 got.clean ? "" : " and damage", due.n,
				 due.clean ? "" : " and damage");
		assert_memory_equal(got.caplen, due.caplen, due.n * sizeof(due.caplen[0]));
		assert_memory_equal(got.len, due.len, due.n * sizeof(due.len[0]));
		assert_memory_equal(got.data, due.data, due.bytes);
	}
	unlink(path);
}

#else

static void
like_libpcap(void **state)
{
	printf("skipped: built without libpcap, which the reader is compared with\n");
	skip();
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(like_libpcap) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
