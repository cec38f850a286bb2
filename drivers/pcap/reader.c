/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/validate.h"
#include "reader.h"

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define MAGIC_KUZNETZOV                                                                            \
	0xa1b2cd34u /* Linux, 1998 to 2001: 8 bytes more in each record's header                   \
		     */

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_OLD       2u /* Packet Block, obsolete */
#define BLOCK_SIMPLE    3u
#define BLOCK_ENHANCED  6u
#define ORDER_MAGIC     0x1a2b3c4du

/* Before version 2.3 the two lengths of a record stood the other way round; in 2.3 either way. */
enum lengths { LENGTHS_PLAIN, LENGTHS_SWAPPED, LENGTHS_EITHER };

static uint32_t
get32(const struct capture_reader *r, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t
get16(const struct capture_reader *r, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? __builtin_bswap16(v) : v;
}

static enum capture_step __attribute__((format(printf, 2, 3), cold))
bad(struct capture_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	r->bad = true;
	return CAPTURE_BAD;
}

static enum capture_step
more(size_t *want, size_t n)
{
	*want = n;
	return CAPTURE_MORE;
}

void
capture_begin(struct capture_reader *r)
{
	memset(r, 0, offsetof(struct capture_reader, links));
}

/* ---- pcap ---- */

/* Does the file begin with this magic number, in either byte order? */
static bool
is_magic(struct capture_reader *r, const uint8_t *p, uint32_t magic)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	r->swapped = v != magic;
	return v == magic || __builtin_bswap32(v) == magic;
}

static enum capture_step
pcap_header(struct capture_reader *r, const uint8_t *p, size_t *used)
{
	uint16_t major, minor;

	r->record_head = 16;
	if (is_magic(r, p, MAGIC_KUZNETZOV))
		r->record_head = 24;
	else if (!is_magic(r, p, MAGIC_NS) && !is_magic(r, p, MAGIC_US))
		return bad(r, "%s", capture_foreign(p, CAPTURE_MAGIC));
	major = get16(r, p + 4);
	minor = get16(r, p + 6);
	if (!(major == 2 && minor <= 4) && !(major == 543 && minor == 0))
		return bad(r,
			   "is a capture of version %u.%u; 2.0 to 2.4 are read: write it anew with "
			   "`editcap -F pcap`",
			   major, minor);
	r->lengths = major == 543 || minor < 3 ? LENGTHS_SWAPPED
		     : minor == 3              ? LENGTHS_EITHER
					       : LENGTHS_PLAIN;
	/* The upper six bits are about the FCS. The snap length is not used: there are files with a
	 * wrong one. */
	r->link = get32(r, p + 20) & 0x03ffffff;
	r->format = CAPTURE_PCAP;
	*used += CAPTURE_MAGIC;
	return CAPTURE_RECORD;
}

/* Another capture's header in place of a record's: `cat ONE OTHER` makes such files. */
static bool
is_header(const struct capture_reader *r, const uint8_t *p)
{
	const uint32_t magic = get32(r, p);

	return (magic == MAGIC_US || magic == MAGIC_NS || magic == MAGIC_KUZNETZOV) &&
	       get16(r, p + 4) == 2 && get16(r, p + 6) == 4;
}

static enum capture_step
pcap_record(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want,
	    struct capture_record *rec)
{
	if (n < r->record_head)
		return more(want, r->record_head);
	if (is_header(r, p))
		return bad(r, "has another capture behind its own; `mergecap -a -F pcap -w NEW "
			      "ONE OTHER` joins captures");
	rec->caplen = get32(r, p + 8);
	rec->len = get32(r, p + 12);
	if (r->lengths == LENGTHS_SWAPPED ||
	    (r->lengths == LENGTHS_EITHER && rec->caplen > rec->len)) {
		uint32_t len = rec->caplen;

		rec->caplen = rec->len;
		rec->len = len;
	}
	if (!MUST(capture_length, rec->caplen <= CAPTURE_MAX_RECORD))
		return bad(r,
			   "is damaged: the next packet claims %u bytes, and at most %u are "
			   "possible",
			   rec->caplen, CAPTURE_MAX_RECORD);
	if (n < r->record_head + (size_t)rec->caplen)
		return more(want, r->record_head + (size_t)rec->caplen);
	rec->data = p + r->record_head;
	rec->link = r->link;
	rec->interface = 0;
	*used += r->record_head + (size_t)rec->caplen;
	r->number++;
	return CAPTURE_RECORD;
}

/* ---- pcapng ---- */

/* Leave a block of @total bytes, @done of which are done with. */
static void
leave_block(struct capture_reader *r, uint32_t total, size_t done, size_t *used)
{
	*used += done;
	r->skip = total - done - 4;
	r->tail = total;
}

static enum capture_step
section(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want)
{
	uint32_t order, total;

	if (n < 16)
		return more(want, 16);
	memcpy(&order, p + 8, sizeof(order));
	r->swapped = order != ORDER_MAGIC;
	if (order != ORDER_MAGIC && __builtin_bswap32(order) != ORDER_MAGIC)
		return bad(r, "is damaged: a section of pcapng has no byte order");
	total = get32(r, p + 4);
	if (!MUST(capture_section, total >= 28 && total % 4 == 0))
		return bad(r, "is damaged: a section header of %u bytes", total);
	if (!MUST(capture_version, get16(r, p + 12) == 1))
		return bad(r,
			   "is a capture of pcapng version %u.%u; 1.x is read: write it anew with "
			   "`editcap -F pcap`",
			   get16(r, p + 12), get16(r, p + 14));
	r->format = CAPTURE_PCAPNG;
	r->n_interfaces = 0;
	r->snaplen = 0;
	leave_block(r, total, 16, used);
	return CAPTURE_RECORD;
}

static enum capture_step
interface(struct capture_reader *r, const uint8_t *p, size_t n, uint32_t total, size_t *used,
	  size_t *want)
{
	if (!MUST(capture_interface, total >= 20))
		return bad(r, "is damaged: an interface block of %u bytes", total);
	if (n < 16)
		return more(want, 16);
	if (r->n_interfaces < CAPTURE_INTERFACES)
		r->links[r->n_interfaces] = get16(r, p + 8);
	if (!r->n_interfaces)
		r->snaplen = get32(r, p + 12);
	if (r->n_interfaces < UINT32_MAX)
		r->n_interfaces++;
	leave_block(r, total, 16, used);
	return CAPTURE_RECORD;
}

/* The packet of a block: @head bytes lie before it. */
static enum capture_step
packet(struct capture_reader *r, const uint8_t *p, size_t n, uint32_t total, uint32_t head,
       size_t *used, size_t *want, struct capture_record *rec)
{
	const uint32_t known =
		r->n_interfaces < CAPTURE_INTERFACES ? r->n_interfaces : CAPTURE_INTERFACES;
	size_t done = head + (size_t)rec->caplen;

	if (!MUST(capture_room, rec->caplen <= total - head - 4))
		return bad(r, "is damaged: the next packet claims %u bytes in a block of %u",
			   rec->caplen, total);
	if (rec->caplen > CAPTURE_MAX_RECORD)
		done = head;
	else if (n < done)
		return more(want, done);
	rec->data = rec->caplen > CAPTURE_MAX_RECORD ? NULL : p + head;
	rec->link = rec->interface < known ? r->links[rec->interface] : CAPTURE_LINK_UNKNOWN;
	leave_block(r, total, done, used);
	r->number++;
	return CAPTURE_RECORD;
}

static enum capture_step
simple(struct capture_reader *r, const uint8_t *p, size_t n, uint32_t total, size_t *used,
       size_t *want, struct capture_record *rec)
{
	if (!MUST(capture_simple, total >= 16))
		return bad(r, "is damaged: a packet block of %u bytes", total);
	if (n < 12)
		return more(want, 12);
	rec->interface = 0;
	rec->len = get32(r, p + 8);
	rec->caplen = rec->len < total - 16 ? rec->len : total - 16;
	if (r->snaplen && rec->caplen > r->snaplen)
		rec->caplen = r->snaplen;
	return packet(r, p, n, total, 12, used, want, rec);
}

static enum capture_step
enhanced(struct capture_reader *r, const uint8_t *p, size_t n, uint32_t total, bool old,
	 size_t *used, size_t *want, struct capture_record *rec)
{
	if (!MUST(capture_enhanced, total >= 32))
		return bad(r, "is damaged: a packet block of %u bytes", total);
	if (n < 28)
		return more(want, 28);
	rec->interface = old ? get16(r, p + 8) : get32(r, p + 8);
	rec->caplen = get32(r, p + 20);
	rec->len = get32(r, p + 24);
	return packet(r, p, n, total, 28, used, want, rec);
}

/* One block. Return: CAPTURE_RECORD also for one without a packet: r->number tells. */
static enum capture_step
block(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want,
      struct capture_record *rec)
{
	uint32_t type, total;

	if (n < 8)
		return more(want, 8);
	type = get32(r, p);
	total = get32(r, p + 4);
	if (type == BLOCK_SECTION)
		return section(r, p, n, used, want);
	if (!MUST(capture_block, total >= 12 && total % 4 == 0))
		return bad(r, "is damaged: a block of %u bytes", total);
	switch (type) {
	case BLOCK_INTERFACE:
		return interface(r, p, n, total, used, want);
	case BLOCK_SIMPLE:
		return simple(r, p, n, total, used, want, rec);
	case BLOCK_ENHANCED:
	case BLOCK_OLD:
		return enhanced(r, p, n, total, type == BLOCK_OLD, used, want, rec);
	default: /* names, statistics, secrets, custom and unknown ones */
		leave_block(r, total, 8, used);
		return CAPTURE_RECORD;
	}
}

/* ---- both ---- */

static enum capture_step
header(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want)
{
	uint32_t magic;

	if (n < CAPTURE_MAGIC)
		return more(want, CAPTURE_MAGIC);
	memcpy(&magic, p, sizeof(magic));
	return magic == BLOCK_SECTION ? section(r, p, n, used, want) : pcap_header(r, p, used);
}

/* Skip what is to be skipped, and compare the length at a block's end. */
static enum capture_step
skip(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want)
{
	const size_t now = r->skip < n ? (size_t)r->skip : n;

	*used += now;
	r->skip -= now;
	if (r->skip)
		return more(want, 1);
	if (!r->tail)
		return CAPTURE_RECORD;
	if (n - now < 4)
		return more(want, 4);
	if (!MUST(capture_tail, get32(r, p + now) == r->tail))
		return bad(r, "is damaged: a block of %u bytes ends with the length %u", r->tail,
			   get32(r, p + now));
	*used += 4;
	r->tail = 0;
	return CAPTURE_RECORD;
}

enum capture_step
capture_next(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used, size_t *want,
	     struct capture_record *rec)
{
	const uint64_t before = r->number;
	enum capture_step ret = CAPTURE_RECORD;

	*used = *want = 0;
	if (r->bad)
		return CAPTURE_BAD;
	/* Each round but the last takes at least four bytes of the window. */
	while (ret == CAPTURE_RECORD && r->number == before) {
		const uint8_t *at = p + *used;
		const size_t left = n - *used;

		if (r->skip || r->tail)
			ret = skip(r, at, left, used, want);
		else if (r->format == CAPTURE_UNKNOWN)
			ret = header(r, at, left, used, want);
		else if (r->format == CAPTURE_PCAP)
			ret = pcap_record(r, at, left, used, want, rec);
		else
			ret = block(r, at, left, used, want, rec);
	}
	return ret;
}

bool
capture_end(struct capture_reader *r, const uint8_t *p, size_t n)
{
	const char *foreign;

	if (r->bad)
		return false;
	if (r->format == CAPTURE_UNKNOWN) {
		foreign = n ? capture_foreign(p, n)
			    : "is empty: it has not even the header of a capture";
		bad(r, "%s", foreign ? foreign : "ends inside the header of a capture");
		return false;
	}
	if (!n && !r->skip && !r->tail)
		return true;
	bad(r, "is cut off inside a %s", r->format == CAPTURE_PCAP ? "packet" : "block");
	return false;
}
