/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash of received packets, and the table of queues that devices choose by it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const struct {
	const char *name;
	uint32_t type;
} types[] = {
	{ "ipv4", BATON_RSS_IPV4 },         { "ipv4-tcp", BATON_RSS_IPV4_TCP },
	{ "ipv4-udp", BATON_RSS_IPV4_UDP }, { "ipv4-sctp", BATON_RSS_IPV4_SCTP },
	{ "ipv6", BATON_RSS_IPV6 },         { "ipv6-tcp", BATON_RSS_IPV6_TCP },
	{ "ipv6-udp", BATON_RSS_IPV6_UDP }, { "ipv6-sctp", BATON_RSS_IPV6_SCTP },
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))
#define LINE    64

#define TYPES_TEXT 128 /* all of their names */

static struct app_port *
stopped_port(struct app *app, unsigned port)
{
	if (!port_is_started(&app->ports[port]))
		return &app->ports[port];
	complain("port %u is started: stop it before changing its hash", port);
	return NULL;
}

/* ---- show ---- */

/* In lines as dpdk-testpmd's: two blanks in front of each, 64 characters at most. */
void
show_rss_types(uint32_t which)
{
	size_t at = 0;

	for (unsigned i = 0; i < N_TYPES; i++) {
		const size_t len = strlen(types[i].name) + 2;

		if (!(which & types[i].type))
			continue;
		if (at + len > LINE) {
			printf("\n");
			at = 0;
		}
		printf("  %s", types[i].name);
		at += len;
	}
	printf("\n");
}

void
command_show_rss_hash(struct app *app, const struct value *v)
{
	const struct app_port *p = &app->ports[v[2].first];
	struct baton_rss_config c;

	baton_port_rss(p->port, &c);
	if (!(p->offloads & BATON_OFFLOAD_RX_HASH) && !c.table_len) {
		printf("RSS disabled\n");
		return;
	}
	printf("RSS functions:\n");
	show_rss_types(c.types);
	if (!v[4].text)
		return;
	printf("RSS key:\n");
	for (uint32_t i = 0; i < c.key_len; i++)
		printf("%02X", c.key[i]);
	printf("\n");
}

/* Read "(NUMBER,NUMBER),..." or "(NUMBER,...)": the next number, behind what is passed. */
static bool
next_number(const char **text, unsigned long long *number)
{
	char *end;

	*text += strspn(*text, "(,)");
	if (!isdigit((unsigned char)**text))
		return false;
	*number = strtoull(*text, &end, 0);
	*text = end;
	return strchr("(,)", *end) != NULL;
}

/* A mask of 64 entries each, as dpdk-testpmd has them. */
void
command_show_reta(struct app *app, const struct value *v)
{
	const struct app_port *p = &app->ports[v[2].first];
	const char *text = v[6].text;
	unsigned long long mask;
	struct baton_port_info info;
	struct baton_rss_config c;

	baton_port_info(p->port, &info);
	baton_port_rss(p->port, &c);
	if (!info.rss_table_len) {
		complain("port %u (%s) has no table: its device chooses queues itself", v[2].first,
			 info.name);
		return;
	}
	if (v[5].number != info.rss_table_len) {
		complain("size %s: the table of port %u has %u entries", v[5].text, v[2].first,
			 info.rss_table_len);
		return;
	}
	if (!c.table_len) {
		printf("port %u has no table yet: its device chooses queues itself\n", v[2].first);
		return;
	}
	for (unsigned at = 0; at < c.table_len; at += 64) {
		if (!next_number(&text, &mask)) {
			complain("%s: a mask for each 64 of the %u entries is needed, "
				 "(0xff,0x0)",
				 v[6].text, c.table_len);
			return;
		}
		for (unsigned i = 0; i < 64 && at + i < c.table_len; i++)
			if (mask >> i & 1)
				printf("RSS RETA configuration: hash index=%u, queue=%u\n", at + i,
				       c.table[at + i]);
	}
}

/* ---- set ---- */

static const char *
names_of(uint32_t which, char text[TYPES_TEXT])
{
	size_t len = 0;

	snprintf(text, TYPES_TEXT, "none");
	for (unsigned i = 0; i < N_TYPES; i++)
		if (which & types[i].type)
			len += (size_t)snprintf(text + len, TYPES_TEXT - len, "%s%s",
						len ? " " : "", types[i].name);
	return text;
}

/* Of what is asked for, a port hashes what it can. @which: 0: all of that. */
static void
set_types(struct app_port *p, unsigned port, uint32_t which, bool on)
{
	struct baton_port_info info;
	uint32_t possible;
	char asked[TYPES_TEXT], left[TYPES_TEXT];

	baton_port_info(p->port, &info);
	possible = info.rss_types | info.soft_rss_types;
	if (which && !(which & possible)) {
		complain("port %u (%s) cannot hash %s: its types are %s", port, info.name,
			 names_of(which, asked), names_of(possible, left));
		return;
	}
	if (which & ~possible)
		printf("Port %u modified RSS hash function based on hardware support,requested:%s "
		       "configured:%s\n",
		       port, names_of(which, asked), names_of(which & possible, left));
	p->offloads &= ~BATON_OFFLOAD_RX_HASH;
	p->offloads |= on ? BATON_OFFLOAD_RX_HASH : 0;
	p->rss.types = which & possible;
	p->reconfigure = true;
}

void
command_rss(struct app *app, const struct value *v)
{
	static const struct {
		const char *name;
		uint32_t types;
		bool on;
	} sets[] = {
		{ "all", 0, true },
		{ "default", 0, true },
		{ "ip", BATON_RSS_IPV4 | BATON_RSS_IPV6, true },
		{ "tcp", BATON_RSS_IPV4_TCP | BATON_RSS_IPV6_TCP, true },
		{ "udp", BATON_RSS_IPV4_UDP | BATON_RSS_IPV6_UDP, true },
		{ "sctp", BATON_RSS_IPV4_SCTP | BATON_RSS_IPV6_SCTP, true },
		{ "none", 0, false },
	};
	unsigned k = (unsigned)v[4].choice;

	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port && !stopped_port(app, i))
			return;
	for (unsigned i = 0; i < app->n_ports; i++)
		if (app->ports[i].port)
			set_types(&app->ports[i], i, sets[k].types, sets[k].on);
}

static int
digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

void
command_rss_key(struct app *app, const struct value *v)
{
	struct app_port *p = stopped_port(app, v[2].first);
	const char *text = v[5].text;
	struct baton_port_info info;
	const size_t len = strlen(text);
	bool known = false;

	if (!p)
		return;
	for (unsigned i = 0; i < N_TYPES; i++)
		known |= !strcmp(v[4].text, types[i].name);
	if (!known) {
		complain("%s is no hash type; there are ipv4, ipv4-tcp, ipv4-udp, ipv4-sctp and "
			 "the "
			 "same of ipv6",
			 v[4].text);
		return;
	}
	baton_port_info(p->port, &info);
	if (strspn(text, "0123456789abcdefABCDEF") != len ||
	    (len != 2 * BATON_RSS_KEY_LEN && len != 2u * info.rss_key_len)) {
		complain("a key of %zu characters: %u hexadecimal digits are needed", len,
			 2u * info.rss_key_len);
		return;
	}
	for (size_t i = 0; i < len / 2; i++)
		p->rss.key[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	p->rss.key_len = (uint8_t)(len / 2);
	p->reconfigure = true;
}

/* Entries that nobody has set yet are spread evenly. */
static void
begin_table(struct app *app, struct app_port *p, unsigned len)
{
	for (unsigned i = p->rss.table_len; i < len; i++)
		p->rss.table[i] = (uint16_t)(i % app->opt.rxq);
	p->rss.table_len = (uint16_t)len;
}

void
command_reta(struct app *app, const struct value *v)
{
	struct app_port *p = stopped_port(app, v[2].first);
	const char *text = v[5].text;
	struct baton_port_info info;
	unsigned long long at, queue;
	uint16_t table[BATON_RSS_TABLE_MAX];

	if (!p)
		return;
	baton_port_info(p->port, &info);
	if (!info.rss_table_len) {
		complain("port %u (%s) has no table: its device chooses queues itself", v[2].first,
			 info.name);
		return;
	}
	printf("The reta size of port %u is %u\n", v[2].first, info.rss_table_len);
	begin_table(app, p, info.rss_table_len);
	memcpy(table, p->rss.table, sizeof(table));
	while (*(text + strspn(text, "(,)"))) {
		if (!next_number(&text, &at) || !next_number(&text, &queue)) {
			complain("%s: (INDEX,QUEUE)[,(INDEX,QUEUE)...] is needed", v[5].text);
			return;
		}
		if (at >= info.rss_table_len || queue >= app->opt.rxq) {
			complain("(%llu,%llu): entries are 0 to %u, queues 0 to %u", at, queue,
				 info.rss_table_len - 1u, app->opt.rxq - 1u);
			return;
		}
		table[at] = (uint16_t)queue;
	}
	memcpy(p->rss.table, table, sizeof(table));
	p->reconfigure = true;
}

/* ---- when a port is configured ---- */

bool
port_set_rss(struct app *app, unsigned port)
{
	struct app_port *p = &app->ports[port];
	struct baton_rss_config c;

	/* A table of other numbers of queues is no more. */
	for (unsigned i = 0; i < p->rss.table_len; i++)
		if (p->rss.table[i] >= app->opt.rxq)
			p->rss.table_len = 0;
	baton_rss_config_init(&c);
	c.types = p->rss.types;
	if (p->rss.key_len) {
		c.key = p->rss.key;
		c.key_len = p->rss.key_len;
	}
	if (p->rss.table_len) {
		c.table = p->rss.table;
		c.table_len = p->rss.table_len;
	}
	if (baton_port_set_rss(p->port, &c) == 0)
		return true;
	complain("port %u: %s", port, baton_last_error());
	return false;
}
