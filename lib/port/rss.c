/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash of received packets, and the queues that a device chooses by it: key, types, table. */
#include <stdlib.h>

#include "base/structs.h"
#include "port/port.h"

static const struct baton_rss_config defaults = { 0 };

void
baton_rss_config_init_(struct baton_rss_config *config, size_t size)
{
	struct_init(config, size, &defaults, sizeof(defaults));
}

/* Hash types that there are: the device's, if it hashes; else those of software. */
static uint32_t
types_of(const struct baton_port *port)
{
	return port->info.rss_types ? port->info.rss_types : BATON_RSS_ALL;
}

/* Where a key is shorter than the device's, the default one follows. */
static void
set_key(struct baton_port *port, const uint8_t *key, uint32_t len)
{
	for (uint32_t i = 0; i < port->info.rss_key_len; i++)
		port->rss.key[i] = i < len ? key[i] : baton_rss_key()[i % BATON_RSS_KEY_LEN];
}

void
port_rss_init(struct baton_port *port)
{
	set_key(port, NULL, 0);
	port->rss.types = types_of(port);
	port->rss.table_len = 0;
}

static int
check_key(const struct baton_port *port, const struct baton_rss_config *c)
{
	const uint32_t most = port->info.rss_key_len;

	if (!c->key && c->key_len)
		return baton_err(EINVAL, "%s: a key of %u bytes, but key is NULL", port->name,
				 c->key_len);
	if (!c->key || c->key_len == BATON_RSS_KEY_LEN || c->key_len == most)
		return 0;
	if (most == BATON_RSS_KEY_LEN)
		return baton_err(EINVAL, "%s: a key of %u bytes, %u are needed", port->name,
				 c->key_len, most);
	return baton_err(EINVAL, "%s: a key of %u bytes, %u or %u are needed", port->name,
			 c->key_len, BATON_RSS_KEY_LEN, most);
}

static int
check_types(const struct baton_port *port, uint32_t types)
{
	if (types & ~BATON_RSS_ALL)
		return baton_err(EINVAL, "%s: hash types %#x were asked for, there are %#x",
				 port->name, types, BATON_RSS_ALL);
	if (types & ~types_of(port))
		return baton_err(ENOTSUP, "%s: hash types %#x were asked for, the device has %#x",
				 port->name, types, types_of(port));
	return 0;
}

static int
check_table(const struct baton_port *port, const struct baton_rss_config *c)
{
	const uint32_t most = port->info.rss_table_len;

	if (!c->table && !c->table_len)
		return 0;
	if (!most)
		return baton_err(ENOTSUP,
				 "%s: a table of %u queues was given, the device has none: it "
				 "chooses the queue itself",
				 port->name, c->table_len);
	if (!c->table)
		return baton_err(EINVAL, "%s: a table of %u queues, but table is NULL", port->name,
				 c->table_len);
	if (!c->table_len || c->table_len > most || c->table_len & (c->table_len - 1))
		return baton_err(EINVAL,
				 "%s: a table of %u queues, a power of two up to %u is needed",
				 port->name, c->table_len, most);
	for (uint32_t i = 0; i < c->table_len; i++)
		if (c->table[i] >= port->info.rx_queues)
			return baton_err(EINVAL,
					 "%s: entry %u of the table names RX queue %u, %u are "
					 "configured",
					 port->name, i, c->table[i], port->info.rx_queues);
	return 0;
}

int
baton_port_set_rss(struct baton_port *port, const struct baton_rss_config *config)
{
	struct baton_rss_config c = defaults;
	int ret = port_enter(port, "port_set_rss");

	if (!ret)
		ret = struct_take(&c, sizeof(c), config, "struct baton_rss_config");
	if (!ret)
		ret = struct_check_reserved(c.reserved, "struct baton_rss_config");
	if (ret < 0)
		return ret;
	if (port->started)
		return baton_err(EBUSY, "%s is started: stop it before changing its hash",
				 port->name);
	if ((ret = check_key(port, &c)) < 0 || (ret = check_types(port, c.types)) < 0 ||
	    (ret = check_table(port, &c)) < 0)
		return ret;
	if (c.table && !port->rss.table) {
		port->rss.table = calloc(BATON_RSS_TABLE_MAX, sizeof(*port->rss.table));
		if (!port->rss.table)
			return baton_err(ENOMEM, "%s: no memory for a table of %u queues",
					 port->name, BATON_RSS_TABLE_MAX);
	}
	set_key(port, c.key, c.key_len);
	port->rss.types = c.types ? c.types : types_of(port);
	port->rss.table_len = c.table ? port->info.rss_table_len : 0;
	for (uint32_t i = 0; i < port->rss.table_len; i++)
		port->rss.table[i] = c.table[i & (c.table_len - 1)];
	return 0;
}

void
baton_port_rss_(const struct baton_port *port, struct baton_rss_config *out, size_t size)
{
	struct baton_rss_config c = defaults;

	if (!out)
		return;
	if (handle_enter(port, HANDLE_PORT, "port_rss") == 0) {
		c.key = port->rss.key;
		c.key_len = port->info.rss_key_len;
		c.types = port->rss.types;
		c.table = port->rss.table_len ? port->rss.table : NULL;
		c.table_len = port->rss.table_len;
	}
	struct_init(out, size, &c, sizeof(c));
}
