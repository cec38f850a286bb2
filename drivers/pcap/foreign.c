/* SPDX-License-Identifier: BSD-3-Clause */
/* What is no capture of Ethernet packets: what it is, and what makes one of it. */
#include <ctype.h>
#include <string.h>

#include "reader.h"

#define UNPACK(tool, cat)                                                                          \
	"is compressed by " tool ": unpack it, or send it through a pipe: `" cat " FILE | ...` "   \
	"with "                                                                                    \
	"rx_pcap=- (standard input)"
#define CONVERT(what) "is " what ": `editcap -F pcap FILE NEW` makes a capture of it"

struct magic {
	const char *bytes;
	size_t n;
	const char *what;
};

#define MAGIC(text, what)                                                                          \
	{                                                                                          \
		text, sizeof(text) - 1, what                                                       \
	}

static const struct magic magics[] = {
	MAGIC("\x1f\x8b", UNPACK("gzip", "zcat")),
	MAGIC("\x1f\x9d", UNPACK("compress", "zcat")),
	MAGIC("\x1f\xa0", UNPACK("compress", "zcat")),
	MAGIC("\x28\xb5\x2f\xfd", UNPACK("zstd", "zstdcat")),
	MAGIC("\xfd"
	      "7zXZ",
	      UNPACK("xz", "xzcat")),
	MAGIC("\x5d\x00\x00", UNPACK("lzma", "xzcat")),
	MAGIC("\x04\x22\x4d\x18", UNPACK("lz4", "lz4cat")),
	MAGIC("\x02\x21\x4c\x18", UNPACK("lz4", "lz4cat")),
	MAGIC("BZh", UNPACK("bzip2", "bzcat")),
	MAGIC("LZIP", UNPACK("lzip", "lzip -dc")),
	MAGIC("PK\x03\x04", UNPACK("zip", "unzip -p")),
	MAGIC("7z\xbc\xaf\x27\x1c", UNPACK("7-Zip", "7z x -so")),
	MAGIC("snoop\0\0\0", CONVERT("a capture of Solaris snoop")),
	MAGIC("btsnoop\0", "is a Bluetooth capture (btsnoop), and has no Ethernet packets"),
	MAGIC("RTSS", CONVERT("a capture of Microsoft Network Monitor 1")),
	MAGIC("GMBU", CONVERT("a capture of Microsoft Network Monitor 2")),
	MAGIC("TRSNIFF data", CONVERT("a capture of Sniffer")),
	MAGIC("XCP\0", CONVERT("a capture of NetXRay or Sniffer for Windows")),
	MAGIC("iptrace ", CONVERT("a capture of AIX iptrace")),
	MAGIC("\xaa\xaa\xaa\xaa", CONVERT("a capture of 5View")),
	MAGIC("\x7fVer", CONVERT("a capture of EtherPeek")),
	MAGIC("\x7f"
	      "ELF",
	      "is a program, and no capture"),
	MAGIC("\xa1\xb2\x34\xcd", CONVERT("a capture of a modified pcap format")),
	MAGIC("\xcd\x34\xb2\xa1", CONVERT("a capture of a modified pcap format")),
	MAGIC("\xa1\x2b\x3c\x4d", CONVERT("a capture of a modified pcap format (Navtel)")),
	MAGIC("\x4d\x3c\x2b\xa1", CONVERT("a capture of a modified pcap format (Navtel)")),
	MAGIC("\x1c\x00\x01\xac", CONVERT("a capture of a modified pcap format (IXIA)")),
	MAGIC("\xac\x01\x00\x1c", CONVERT("a capture of a modified pcap format (IXIA)")),
	MAGIC("\x1c\x00\x01\xab", CONVERT("a capture of a modified pcap format (IXIA)")),
	MAGIC("\xab\x01\x00\x1c", CONVERT("a capture of a modified pcap format (IXIA)")),
};

/* Numbers that captures begin with, in this byte order and the other. */
static const char *const known[] = {
	"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1",
	"\xa1\xb2\xcd\x34", "\x34\xcd\xb2\xa1", "\x0a\x0d\x0d\x0a",
};

/*
 * A file of the Extensible Record Format has no header: its first record has a time (little-endian,
 * seconds in the upper half), a type, flags, its length and the packet's (big-endian).
 */
static bool
is_erf(const uint8_t *p, size_t n)
{
	uint32_t seconds, type, length, wire;

	if (n < 16)
		return false;
	seconds = p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
	type = p[8] & 0x7f;
	length = (uint32_t)p[10] << 8 | p[11];
	wire = (uint32_t)p[14] << 8 | p[15];
	return seconds > 0x28000000 && seconds < 0xa0000000 && type >= 1 && type <= 48 &&
	       length >= 16 && wire && wire < length + 64u;
}

static bool
is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isprint(p[i]) && !isspace(p[i]) && p[i] < 0x80)
			return false;
	return n;
}

const char *
capture_foreign(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!memcmp(p, known[i], n < 4 ? n : 4))
			return NULL;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].n && !memcmp(p, magics[i].bytes, magics[i].n))
			return magics[i].what;
	if (is_text(p, n))
		return "is text, and no capture: `text2pcap` makes a capture of a hex dump";
	if (is_erf(p, n))
		return CONVERT("a capture of an Endace card (ERF)");
	return "is no capture: it begins neither like pcap nor like pcapng; `editcap -F pcap FILE "
	       "NEW` reads many other formats";
}

/* ---- link types: https://www.tcpdump.org/linktypes.html ---- */

#define TO_ETHERNET                                                                                \
	"`tcprewrite --dlt=enet --enet-dmac=02:00:00:00:00:01 --enet-smac=02:00:00:00:00:02 -i "   \
	"FILE "                                                                                    \
	"-o NEW` gives them Ethernet headers"
#define NOTHING "there is no Ethernet packet in it"
#define COOKED  "capture on one interface (`tcpdump -i eth0`), or " TO_ETHERNET

static const struct {
	uint32_t link;
	const char *name, *help;
} links[] = {
	{ 0, "NULL (BSD loopback)", TO_ETHERNET },
	{ 9, "PPP", TO_ETHERNET },
	{ 50, "PPP", TO_ETHERNET },
	{ 12, "RAW (IP without Ethernet)", TO_ETHERNET },
	{ 14, "RAW (IP without Ethernet)", TO_ETHERNET },
	{ 101, "RAW (IP without Ethernet)", TO_ETHERNET },
	{ 104, "C_HDLC (Cisco HDLC)", TO_ETHERNET },
	{ 105, "IEEE802_11 (wireless)", TO_ETHERNET },
	{ 108, "LOOP (OpenBSD loopback)", TO_ETHERNET },
	{ 113, "LINUX_SLL (tcpdump -i any)", COOKED },
	{ 119, "PRISM_HEADER (wireless)", NOTHING },
	{ 127, "IEEE802_11_RADIO (wireless)", TO_ETHERNET },
	{ 147, "private (USER0)", NOTHING },
	{ 187, "Bluetooth", NOTHING },
	{ 189, "USB", NOTHING },
	{ 192, "PPI (wireless)", NOTHING },
	{ 195, "IEEE802_15_4", NOTHING },
	{ 197, "ERF", "`editcap -T ether` makes Ethernet packets of them" },
	{ 201, "Bluetooth", NOTHING },
	{ 220, "USB", NOTHING },
	{ 227, "CAN", NOTHING },
	{ 228, "IPV4 (without Ethernet)", TO_ETHERNET },
	{ 229, "IPV6 (without Ethernet)", TO_ETHERNET },
	{ 239, "NFLOG", NOTHING },
	{ 249, "USB", NOTHING },
	{ 253, "netlink", NOTHING },
	{ 276, "LINUX_SLL2 (tcpdump -i any)", COOKED },
};

const char *
capture_link_name(uint32_t link)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].link == link)
			return links[i].name;
	return "unknown";
}

const char *
capture_link_help(uint32_t link)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].link == link)
			return links[i].help;
	return "only Ethernet packets (link type 1) can be sent";
}
