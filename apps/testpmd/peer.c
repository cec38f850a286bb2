/* SPDX-License-Identifier: BSD-3-Clause */
/* The Ethernet addresses of what the ports are connected to: --eth-peer and --eth-peers-configfile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

/* PORT,MAC */
bool
set_eth_peer(struct options *opt, const char *what, const char *text)
{
	const char *comma = strchr(text, ',');
	char number[16];
	uint8_t mac[6];
	unsigned port;

	if (!comma || (size_t)(comma - text) >= sizeof(number) || !parse_mac(comma + 1, mac)) {
		complain("%s=%s: a port and its peer's address are needed, such as "
			 "0,02:00:00:00:00:01",
			 what, text);
		return false;
	}
	snprintf(number, sizeof(number), "%.*s", (int)(comma - text), text);
	if (!set_uint(what, number, 0, BATON_MAX_PORTS - 1, &port))
		return false;
	memcpy(opt->peer[port], mac, sizeof(mac));
	opt->peer_set[port] = true;
	return true;
}

/* A line for each port, from port 0 on; lines behind those of all possible ports are not read. */
bool
set_eth_peers_file(struct options *opt, const char *what, const char *path)
{
	FILE *f = fopen(path, "re");
	bool ok = true;
	char line[64];

	if (!f) {
		complain("%s=%s: %s", what, path, strerror(errno));
		return false;
	}
	for (unsigned port = 0; port < BATON_MAX_PORTS && fgets(line, sizeof(line), f); port++) {
		line[strcspn(line, " \t\r\n")] = '\0';
		ok = parse_mac(line, opt->peer[port]);
		opt->peer_set[port] = ok;
		if (!ok) {
			complain("%s=%s: line %u is no Ethernet address, such as 02:00:00:00:00:01",
				 what, path, port + 1);
			break;
		}
	}
	if (ok && ferror(f)) {
		complain("%s=%s cannot be read: %s", what, path, strerror(errno));
		ok = false;
	}
	fclose(f);
	return ok;
}

void
peer_address(const struct options *opt, unsigned port, uint8_t mac[6])
{
	if (opt->peer_set[port])
		memcpy(mac, opt->peer[port], 6);
	else
		memcpy(mac, (uint8_t[6]){ 0x02, 0, 0, 0, 0, (uint8_t)port }, 6);
}
