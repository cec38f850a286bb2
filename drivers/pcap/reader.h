/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The formats of capture files: classic pcap and pcapng. Bytes in, records out: no I/O, no memory
 * of its own, nothing believed.
 *
 * The caller keeps a window of the capture: contiguous bytes from where the reader stands. It calls
 * capture_next() until the reader wants more bytes than the window has. A window of CAPTURE_WINDOW
 * bytes is enough for every record; whatever else there is, of any length, is skipped as it passes.
 *
 * Formats: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/ and
 * .../draft-ietf-opsawg-pcapng/
 */
#ifndef BATON_PCAP_READER_H
#define BATON_PCAP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_MAX_RECORD 262144u /* bytes of a packet, as of libpcap and tcpdump -s 0 */
#define CAPTURE_MAX_HEAD   28u     /* bytes before a packet's in its record or block */
#define CAPTURE_WINDOW     (CAPTURE_MAX_RECORD + CAPTURE_MAX_HEAD)
#define CAPTURE_INTERFACES 8192u /* interfaces of a pcapng section whose link type is kept */
#define CAPTURE_MAGIC      24u   /* bytes that tell what a file is */

#define CAPTURE_LINK_ETHERNET 1u
#define CAPTURE_LINK_UNKNOWN  UINT32_MAX /* of an interface that the file does not describe */

enum capture_step {
	CAPTURE_MORE,   /* the window needs more bytes */
	CAPTURE_RECORD, /* one record */
	CAPTURE_BAD,    /* damage, or no capture: reader->why */
};

struct capture_record {
	const uint8_t *data; /* in the window; NULL: longer than CAPTURE_MAX_RECORD, and skipped */
	uint32_t caplen;     /* bytes that were captured */
	uint32_t len;        /* bytes of the packet on the wire */
	uint32_t link;       /* link type, LINKTYPE_* of tcpdump.org, or CAPTURE_LINK_UNKNOWN */
	uint32_t interface;  /* number of its interface in the section; pcap: 0 */
};

enum capture_format { CAPTURE_UNKNOWN, CAPTURE_PCAP, CAPTURE_PCAPNG };

struct capture_reader {
	enum capture_format format; /* CAPTURE_UNKNOWN: no header was read yet */
	uint64_t number;            /* records so far */
	uint64_t skip;              /* bytes to skip next; the caller may seek over them */
	uint32_t tail;              /* pcapng: length that ends the block being skipped; 0: none */
	bool swapped;               /* the file's byte order is not this machine's */
	bool bad;                   /* damaged: it stays so */
	uint8_t record_head;        /* pcap: bytes of a record's header */
	uint8_t lengths;            /* pcap: enum lengths */
	uint32_t link;              /* pcap: link type */
	uint32_t snaplen;           /* pcapng: of interface 0, for blocks without a length */
	uint32_t n_interfaces;      /* pcapng: of this section */
	char why[256];              /* what is wrong, in words that go on from the file's name */
	uint16_t links[CAPTURE_INTERFACES];
};

/** Begin at the first byte of a capture. */
void capture_begin(struct capture_reader *r);

/**
 * Read on.
 *
 * @p, @n:  the window.
 * @used:   receives how many of its bytes are done with. Those of a record stay valid as long as
 *          the window does.
 * @want:   for CAPTURE_MORE: bytes that the window needs, not counting @used; CAPTURE_WINDOW at
 * most.
 * @record: for CAPTURE_RECORD: receives the record.
 */
enum capture_step capture_next(struct capture_reader *r, const uint8_t *p, size_t n, size_t *used,
			       size_t *want, struct capture_record *record);

/**
 * There are no more bytes than the window: may the capture end here? Return: true; false: it is cut
 * off, or was none, and reader->why says so.
 */
bool capture_end(struct capture_reader *r, const uint8_t *p, size_t n);

/**
 * Describe a file that is no capture this reader knows, from its first bytes: "is compressed by
 * gzip: ...". Return: NULL: it begins like a capture.
 */
const char *capture_foreign(const uint8_t *p, size_t n);

/** What packets of this link type are, such as "LINUX_SLL (tcpdump -i any)"; "unknown". */
const char *capture_link_name(uint32_t link);

/** What helps to send such packets: a sentence. */
const char *capture_link_help(uint32_t link);

#endif
