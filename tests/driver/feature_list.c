/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const feature_names[FEATURES] = {
	[F_DMA] = "DMA",
	[F_DIRECT] = "direct",
	[F_BOUNCE] = "bounce",
	[F_CONFINED] = "confined",
	[F_SHARED_SLOTS] = "shared slots",
	[F_LIMITS] = "address limits",
	[F_RX_OUTSIDE] = "RX from outside",
	[F_TX_OUTSIDE] = "TX to outside",
	[F_RX_BUFFERS] = "RX buffers",
	[F_TX_BUFFERS] = "TX buffers",
	[F_RX_CSUM] = "RX checksum",
	[F_TX_CSUM] = "TX checksum",
	[F_TX_SEGMENTS] = "TX segments",
	[F_RX_SEGMENTS] = "large receive",
	[F_RX_HASH] = "RX hash",
	[F_PTYPES] = "packet types",
	[F_EVENTS] = "event times",
	[F_PEEK] = "peek",
	[F_RX_STOP] = "RX queue stop",
	[F_TX_STOP] = "TX queue stop",
	[F_RX_WAKE] = "RX wake",
	[F_TX_WAKE] = "TX wake",
	[F_MAC] = "MAC change",
	[F_PROMISC] = "promiscuous",
	[F_ALLMULTI] = "all multicast",
	[F_MACS] = "MAC table",
	[F_VLAN] = "VLAN filter",
	[F_SPEEDS] = "link speed",
	[F_FLOW] = "flow control",
	[F_MTU] = "MTU",
	[F_LINK] = "link changes",
	[F_LOST] = "lost and back",
	[F_REMOVED] = "removal",
	[F_RESET] = "reset",
	[F_STATS] = "statistics",
	[F_QUEUES] = "queues",
};

static FILE *
open_list(const char *path)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", SOURCE_ROOT, path);
	f = fopen(full, "r");
	if (!f)
		fail_msg("%s cannot be read", full);
	return f;
}

/* The common list has these names, in this order. */
static void
check_names(void)
{
	FILE *f = open_list("drivers/features.txt");
	unsigned n = 0;
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		const size_t len = strcspn(line, ":");

		if (*line == '#')
			continue;
		if (n == FEATURES || len != strlen(feature_names[n]) ||
		    strncmp(line, feature_names[n], len) != 0)
			fail_msg("drivers/features.txt and feature_list.c differ at %s", line);
		n++;
	}
	fclose(f);
	assert_int_equal(n, FEATURES);
}

/* "NAME = yes|no|partly[, WORD][: NOTE]"; other lines are the head's. */
static void
read_line(struct features *out, uint64_t *seen, const char *line, const char *path)
{
	const char *value = strstr(line, " = ");

	for (unsigned f = 0; value && f < FEATURES; f++) {
		const size_t len = strlen(feature_names[f]), word = strcspn(value + 3, ",:\n");

		if ((size_t)(value - line) != len || strncmp(line, feature_names[f], len) != 0)
			continue;
		if (*seen & F_BIT(f))
			fail_msg("%s has %s twice", path, feature_names[f]);
		*seen |= F_BIT(f);
		if (word == 3 && !strncmp(value + 3, "yes", 3))
			out->yes |= F_BIT(f);
		else if (word == 6 && !strncmp(value + 3, "partly", 6))
			out->partly |= F_BIT(f);
		else if (word != 2 || strncmp(value + 3, "no", 2) != 0)
			fail_msg("%s: neither yes, no nor partly: %s", path, line);
	}
}

struct features
features_load(const char *path)
{
	const char *other = getenv("CONFORM_LIST"); /* "PATH=OTHER" */
	const size_t len = strlen(path);
	struct features out = { 0 };
	uint64_t seen = 0;
	char line[256];
	FILE *f;

	check_names();
	if (other && !strncmp(other, path, len) && other[len] == '=')
		f = fopen(other + len + 1, "r");
	else
		f = open_list(path);
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (*line != '#')
			read_line(&out, &seen, line, path);
	fclose(f);
	for (unsigned i = 0; i < FEATURES; i++)
		if (!(seen & F_BIT(i)))
			fail_msg("%s says nothing of %s", path, feature_names[i]);
	return out;
}
