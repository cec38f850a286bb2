/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads and packet sizes as users write them. Sizes include the FCS, and on the wire each packet
 * takes 20 bytes more: preamble, start of frame and the gap between packets. Bits a second are
 * those on the wire, all of these 20 bytes included, so 10Gbps is what a 10 Gb/s link carries at
 * most.
 */
#ifndef PERF_LOAD_H
#define PERF_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "goal.h" /* WHY */

#define MIX_SIZE_MIN 64    /* bytes with FCS: the smallest packet of Ethernet */
#define MIX_SIZE_MAX 16000 /* the largest one of RFC 6985 */
#define MIX_ON_WIRE  20    /* bytes */
#define MIX_SIZE_MTU 1518  /* RFC 6985's letter z */
#define MIX_MAX      48    /* packets of a mix, in the order in which they are sent */

struct size_mix {
	char name[MIX_MAX + 16]; /* as it was written */
	unsigned n;
	unsigned size[MIX_MAX]; /* bytes with FCS */
};

/**
 * Read a size (64), a list of them in the order of sending (64,64,1518), "imix" (28 of 64, 16 of
 * 570 and 4 of 1,518 bytes, as CSIT has it, spread evenly), or a genome word of RFC 6985
 * (genome:aaafg).
 *
 * Return: false: @why says which part is wrong.
 */
bool mix_parse(const char *text, struct size_mix *mix, char why[WHY]);
/** Return: bits that a packet of @mix takes on the wire in the mean. */
double mix_wire_bits(const struct size_mix *mix);
/** Return: bytes of a packet of @mix in the mean, with FCS. */
double mix_bytes(const struct size_mix *mix);

enum load_unit { LOAD_PPS, LOAD_BPS, LOAD_PERCENT };

struct load {
	char text[32]; /* as it was written */
	enum load_unit unit;
	double value; /* packets a second, bits a second on the wire, or percent */
};

/** Read "1.488Mpps", "10Gbps" or "35%". Return: false: @why says which part is wrong. */
bool load_parse(const char *what, const char *text, struct load *load, char why[WHY]);
/**
 * Convert @load to packets a second of @mix.
 *
 * @link_bps: speed of the link in bits a second; 0: neither port nor user give one.
 *
 * Return: false: @why says what is missing (the speed of the link), or that the link cannot carry
 * so much.
 */
bool load_pps(const char *what, const struct load *load, const struct size_mix *mix,
	      double link_bps, double *pps, char why[WHY]);
/** Read the speed of a link, "10Gbps". Return: false: see @why. */
bool link_speed_parse(const char *what, const char *text, double *bps, char why[WHY]);

/** Write @pps as "14.88 Mpps" with four digits. Return: @buf. */
char *pps_text(double pps, char *buf, size_t size);
/** Write @bps as "9.999 Gb/s" with four digits. Return: @buf. */
char *bps_text(double bps, char *buf, size_t size);

#endif
