/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads: packets and bits a second, and percent of the link. */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum load_unit unit;
	double factor;
} units[] = {
	{ "pps", LOAD_PPS, 1 },    { "kpps", LOAD_PPS, 1e3 }, { "Mpps", LOAD_PPS, 1e6 },
	{ "Gpps", LOAD_PPS, 1e9 }, { "bps", LOAD_BPS, 1 },    { "kbps", LOAD_BPS, 1e3 },
	{ "Mbps", LOAD_BPS, 1e6 }, { "Gbps", LOAD_BPS, 1e9 }, { "Tbps", LOAD_BPS, 1e12 },
	{ "%", LOAD_PERCENT, 1 },
};

bool
load_parse(const char *what, const char *text, struct load *load, char why[WHY])
{
	char *end;

	errno = 0;
	*load = (struct load){ .value = strtod(text, &end) };
	if (end == text || !isfinite(load->value) || errno == ERANGE) {
		snprintf(why, WHY,
			 "%s=%s does not begin with a number; write 1.488Mpps, 10Gbps or 35%%",
			 what, text);
		return false;
	}
	if (!(load->value > 0)) {
		snprintf(why, WHY, "%s=%s: %.*s is not above 0", what, text, (int)(end - text),
			 text);
		return false;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(end, units[i].name) != 0)
			continue;
		load->unit = units[i].unit;
		load->value *= units[i].factor;
		snprintf(load->text, sizeof(load->text), "%s", text);
		return true;
	}
	if (!*end)
		snprintf(why, WHY,
			 "%s=%s has no unit; write %spps for packets a second, %sbps for bits a "
			 "second, %s%% for a part of the link",
			 what, text, text, text, text);
	else
		snprintf(why, WHY,
			 "%s=%s: there is no unit \"%s\"; there are pps, kpps, Mpps and Gpps, bps, "
			 "kbps, Mbps, Gbps and Tbps, and %%",
			 what, text, end);
	return false;
}

bool
link_speed_parse(const char *what, const char *text, double *bps, char why[WHY])
{
	struct load load;

	if (!load_parse(what, text, &load, why))
		return false;
	*bps = load.value;
	if (load.unit == LOAD_BPS)
		return true;
	snprintf(why, WHY, "%s=%s is no speed of a link; write it in bits a second, as 10Gbps",
		 what, text);
	return false;
}

bool
load_pps(const char *what, const struct load *load, const struct size_mix *mix, double link_bps,
	 double *pps, char why[WHY])
{
	double bits = mix_wire_bits(mix), most = link_bps / bits;
	char asked[32], can[32];

	switch (load->unit) {
	case LOAD_PPS:
		*pps = load->value;
		break;
	case LOAD_BPS:
		*pps = load->value / bits;
		break;
	case LOAD_PERCENT:
		if (!(link_bps > 0)) {
			snprintf(why, WHY,
				 "%s=%s is a part of the link's speed, which the port does not "
				 "report: give it as --link-speed=10Gbps, or the load in pps or "
				 "bps",
				 what, load->text);
			return false;
		}
		*pps = most * load->value / 100;
		break;
	}
	/* A millionth is for the rounding of what users write: 14.88096Mpps at 10 Gb/s. */
	if (!(link_bps > 0) || *pps <= most * (1 + 1e-6))
		return true;
	snprintf(why, WHY, "%s=%s are %s of %.4g bytes; a link of %s carries at most %s", what,
		 load->text, pps_text(*pps, asked, sizeof(asked)), mix_bytes(mix),
		 bps_text(link_bps, (char[32]){ 0 }, 32), pps_text(most, can, sizeof(can)));
	return false;
}

static char *
scaled(double value, const char *unit, char *buf, size_t size)
{
	static const char *const prefixes[] = { "", "k", "M", "G", "T" };
	unsigned i = 0;

	/* What would be rounded to 1000 belongs to the next prefix. */
	for (; fabs(value) >= 999.95 && i + 1 < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		value /= 1000;
	snprintf(buf, size, "%.4g %s%s", value, prefixes[i], unit);
	return buf;
}

char *
pps_text(double pps, char *buf, size_t size)
{
	return scaled(pps, "pps", buf, size);
}

char *
bps_text(double bps, char *buf, size_t size)
{
	return scaled(bps, "b/s", buf, size);
}
