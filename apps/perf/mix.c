/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes of packets, and mixes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

/* RFC 6985, section 4: letters a to j; z is the MTU's size. */
static const unsigned genome[] = { 64, 128, 256, 512, 1024, 1280, 1518, 2112, 9216, 16000 };

static bool
add(struct size_mix *mix, unsigned size, const char *text, char why[WHY])
{
	if (mix->n == MIX_MAX) {
		snprintf(why, WHY, "--size=%.60s: at most %u packets make a mix", text, MIX_MAX);
		return false;
	}
	mix->size[mix->n++] = size;
	return true;
}

/* 28, 16 and 4 packets, each kind as far apart as it goes: the one that is furthest behind. */
static void
imix(struct size_mix *mix)
{
	static const unsigned sizes[] = { 64, 570, 1518 }, counts[] = { 28, 16, 4 };
	unsigned sent[3] = { 0 };

	for (unsigned at = 1; at <= 48; at++) {
		unsigned best = 0;
		int most = -1000;

		for (unsigned k = 0; k < 3; k++) {
			int behind = (int)(at * counts[k]) - (int)(48 * sent[k]);

			if (behind > most) {
				most = behind;
				best = k;
			}
		}
		sent[best]++;
		mix->size[mix->n++] = sizes[best];
	}
}

static bool
genome_parse(const char *word, const char *text, struct size_mix *mix, char why[WHY])
{
	if (!*word) {
		snprintf(why, WHY,
			 "--size=%s: a genome word has one letter or more, as "
			 "genome:aaafg",
			 text);
		return false;
	}
	for (const char *p = word; *p; p++) {
		bool known = (*p >= 'a' && *p <= 'j') || *p == 'z';

		if (!known) {
			snprintf(why, WHY,
				 "--size=%.60s: \"%c\" is no letter of a genome word; there are a "
				 "to "
				 "j and z (RFC 6985)",
				 text, *p);
			return false;
		}
		if (!add(mix, *p == 'z' ? MIX_SIZE_MTU : genome[*p - 'a'], text, why))
			return false;
	}
	return true;
}

bool
mix_parse(const char *text, struct size_mix *mix, char why[WHY])
{
	const char *at = text;

	*mix = (struct size_mix){ .n = 0 };
	snprintf(mix->name, sizeof(mix->name), "%s", text);
	if (!strcasecmp(text, "imix")) {
		imix(mix);
		return true;
	}
	if (!strncmp(text, "genome:", 7))
		return genome_parse(text + 7, text, mix, why);
	for (;;) {
		size_t len = strcspn(at, ",");
		unsigned long size = strtoul(at, NULL, 10);

		if (!len || strspn(at, "0123456789") != len) {
			snprintf(why, WHY,
				 "--size=%.60s: \"%.*s\" is no size; write 64, a list as "
				 "64,64,1518, imix, or genome:aaafg",
				 text, (int)(len < 40 ? len : 40), at);
			return false;
		}
		if (len > 6 || size < MIX_SIZE_MIN || size > MIX_SIZE_MAX) {
			snprintf(why, WHY,
				 "--size=%.60s: %.*s is out of range; %u to %u bytes with FCS are "
				 "possible",
				 text, (int)(len < 40 ? len : 40), at, MIX_SIZE_MIN, MIX_SIZE_MAX);
			return false;
		}
		if (!add(mix, (unsigned)size, text, why))
			return false;
		if (!at[len])
			return true;
		at += len + 1;
	}
}

double
mix_bytes(const struct size_mix *mix)
{
	double sum = 0;

	for (unsigned i = 0; i < mix->n; i++)
		sum += mix->size[i];
	return sum / mix->n;
}

double
mix_wire_bits(const struct size_mix *mix)
{
	return (mix_bytes(mix) + MIX_ON_WIRE) * 8;
}
