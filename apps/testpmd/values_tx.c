/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of options about packets to send, and about buffers: what they may be, and what to say
 * when they are not. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

#define MIN_MBUF  (2 * BATON_DEFAULT_HEADROOM)
#define MAX_CACHE 8192

/*
 * Numbers with commas between them, @max of them at most. Return: how many there are; 0 and a
 * sentence when one is none.
 */
static unsigned
parse_numbers(const char *what, const char *text, unsigned least, unsigned most, unsigned *values,
	      unsigned max)
{
	char *copy = strdup(text), *rest = copy, *word;
	unsigned n = 0;
	bool ok = copy != NULL;

	if (!ok)
		complain("%s: out of memory", what);
	while (ok && (word = strsep(&rest, ","))) {
		if (n == max) {
			complain("%s=%s: at most %u numbers", what, text, max);
			ok = false;
		} else {
			ok = set_uint(what, word, least, most, &values[n++]);
		}
	}
	free(copy);
	return ok ? n : 0;
}

bool
set_txpkts(struct options *opt, const char *what, const char *text)
{
	unsigned lens[MAX_TXSEGS], total = 0, n;

	n = parse_numbers(what, text, 1, UINT16_MAX, lens, MAX_TXSEGS);
	for (unsigned i = 0; i < n; i++)
		total += lens[i];
	if (n && (total < TXONLY_HDR || total > UINT16_MAX)) {
		complain("%s=%s: packets of %u bytes; %u to %u is possible", what, text, total,
			 TXONLY_HDR, UINT16_MAX);
		return false;
	}
	if (!n)
		return false;
	for (unsigned i = 0; i < n; i++)
		opt->txpkts[i] = (uint16_t)lens[i];
	opt->n_txpkts = n;
	return true;
}

bool
set_tx_ip(struct options *opt, const char *what, const char *text)
{
	char copy[2 * INET_ADDRSTRLEN + 1], *comma;
	struct in_addr ip[2];

	snprintf(copy, sizeof(copy), "%s", text);
	comma = strchr(copy, ',');
	if (comma)
		*comma = '\0';
	if (strlen(text) >= sizeof(copy) || !comma || inet_pton(AF_INET, copy, &ip[0]) != 1 ||
	    inet_pton(AF_INET, comma + 1, &ip[1]) != 1) {
		complain("%s=%s: source and destination address are wanted, such as "
			 "198.18.0.1,198.18.0.2",
			 what, text);
		return false;
	}
	for (unsigned i = 0; i < 2; i++)
		opt->tx_ip[i] = ntohl(ip[i].s_addr);
	return true;
}

bool
set_tx_udp(struct options *opt, const char *what, const char *text)
{
	unsigned ports[2], n = parse_numbers(what, text, 0, UINT16_MAX, ports, 2);

	if (!n)
		return false;
	opt->tx_udp[0] = (uint16_t)ports[0];
	opt->tx_udp[1] = (uint16_t)ports[n - 1]; /* one number is for both */
	return true;
}

/* DPDK makes a pool of each size, for devices that split what they receive. None here does. */
bool
set_mbuf_sizes(struct options *opt, const char *what, const char *text)
{
	unsigned sizes[32], n = parse_numbers(what, text, MIN_MBUF, UINT16_MAX, sizes, 32);

	if (n > 1)
		complain("%s=%s: buffers of %u bytes; the other sizes are for devices "
			 "that split packets, which none here does, and change nothing",
			 what, text, sizes[0]);
	if (n)
		opt->mbuf_size = sizes[0];
	return n;
}

/* More than DPDK's 512 is possible. The library's caches begin with one buffer. */
bool
set_mbcache(struct options *opt, const char *what, const char *text)
{
	if (!set_uint(what, text, 0, MAX_CACHE, &opt->mbcache))
		return false;
	if (!opt->mbcache)
		opt->mbcache = 1;
	return true;
}
