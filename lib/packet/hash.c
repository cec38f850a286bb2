/* SPDX-License-Identifier: BSD-3-Clause */
#include <baton/hash.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dma/pool.h"
#include "packet/headers.h"
#include "packet/toeplitz.h"

/* "Verifying the RSS Hash Calculation", Microsoft. */
static const uint8_t default_key[BATON_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

const uint8_t *
baton_rss_key(void)
{
	return default_key;
}

/* The 32 bits of the key from bit @at on. */
static uint32_t
window(const uint8_t *key, size_t bytes, size_t at)
{
	uint64_t v = 0;

	for (size_t i = at / 8; i < at / 8 + 5; i++)
		v = v << 8 | (i < bytes ? key[i] : 0);
	return (uint32_t)(v >> (8 - at % 8));
}

uint32_t
baton_toeplitz(const uint8_t *key, size_t bytes, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t hash = 0;

	if (!key || !data)
		return 0;
	for (size_t i = 0; i < len * 8; i++)
		if (p[i / 8] >> (7 - i % 8) & 1)
			hash ^= window(key, bytes, i);
	return hash;
}

void
toeplitz_init(struct toeplitz *t, const uint8_t *key, size_t bytes)
{
	for (size_t h = 0; h < 2 * TOEPLITZ_MOST; h++)
		for (unsigned v = 0; v < 16; v++) {
			t->half[h][v] = 0;
			for (unsigned bit = 0; bit < 4; bit++)
				if (v >> (3 - bit) & 1)
					t->half[h][v] ^= window(key, bytes, 4 * h + bit);
		}
}

/* What of @types a packet is hashed as: BATON_RSS_*; 0: nothing. */
static uint32_t
flow_type(const struct headers *h, uint32_t types)
{
	const unsigned shift = h->ip == 6 ? 4 : 0;
	const uint32_t ip = BATON_RSS_IPV4 << shift,
		       ports = !h->l4                  ? 0
			       : h->proto == PROTO_TCP ? BATON_RSS_IPV4_TCP << shift
			       : h->proto == PROTO_UDP ? BATON_RSS_IPV4_UDP << shift
						       : BATON_RSS_IPV4_SCTP << shift;

	return !h->ip ? 0 : types & ports ? ports : types & ip;
}

static const uint8_t *
flow_addresses(const uint8_t *p, const struct headers *h)
{
	return p + h->l2_len + (h->ip == 6 ? 8 : 12);
}

uint32_t
toeplitz_flow(const struct toeplitz *t, const uint8_t *p, const struct headers *h, uint32_t types,
	      uint32_t *hash)
{
	const unsigned addresses = h->ip == 6 ? 32 : 8;
	const uint32_t type = flow_type(h, types);

	*hash = type ? toeplitz_add(t, 0, 0, flow_addresses(p, h), addresses) : 0;
	if (type & ~(BATON_RSS_IPV4 | BATON_RSS_IPV6))
		*hash = toeplitz_add(t, *hash, addresses, p + h->l2_len + h->l3_len, 4);
	return type;
}

/* The table of a key, which is the worker's last one as a rule. */
static const struct toeplitz *
table_of(struct baton_worker *worker, const uint8_t *key)
{
	struct {
		struct toeplitz table;
		uint8_t key[BATON_RSS_KEY_LEN];
	} *last = worker->hash;

	if (last && !memcmp(last->key, key, sizeof(last->key)))
		return &last->table;
	if (!last)
		last = worker->hash = malloc(sizeof(*last));
	if (!last) {
		(void)baton_err(ENOMEM, "packet_hash: no memory for a table of %zu bytes",
				sizeof(*last));
		return NULL;
	}
	memcpy(last->key, key, sizeof(last->key));
	toeplitz_init(&last->table, key, sizeof(last->key));
	return &last->table;
}

/* headers_of_packet() for a call that has a place for the hash. */
static int
find(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
     const uint32_t *hash, const char *what, uint8_t scratch[HEADERS_MOST], const uint8_t **p,
     struct headers *h)
{
	int ret;

	if (hash)
		return headers_of_packet(worker, tokens, n, what, scratch, p, h);
	ret = dma_worker_ready(worker, what);
	return ret < 0 ? ret : baton_err(EINVAL, "%s: hash is NULL", what);
}

int
baton_packet_hash(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		  const uint8_t *key, uint32_t types, uint32_t *hash)
{
	uint8_t scratch[HEADERS_MOST];
	const struct toeplitz *table;
	struct headers h;
	const uint8_t *p;
	int ret = find(worker, tokens, n, hash, "packet_hash", scratch, &p, &h);

	if (ret < 0)
		return ret;
	table = table_of(worker, key ? key : default_key);
	return table ? (int)toeplitz_flow(table, p, &h, types, hash) : -ENOMEM;
}

int
baton_packet_crc(struct baton_worker *worker, const struct baton_token *tokens, unsigned n,
		 uint32_t types, uint32_t *hash)
{
	uint8_t scratch[HEADERS_MOST];
	struct headers h;
	const uint8_t *p;
	uint32_t type;
	int ret = find(worker, tokens, n, hash, "packet_crc", scratch, &p, &h);

	if (ret < 0)
		return ret;
	*hash = 0;
	type = flow_type(&h, types);
	if (!type)
		return 0;
	*hash = baton_crc32c(0, flow_addresses(p, &h), h.ip == 6 ? 32 : 8);
	if (type & ~(BATON_RSS_IPV4 | BATON_RSS_IPV6))
		*hash = baton_crc32c(*hash, p + h.l2_len + h.l3_len, 4);
	return (int)type;
}

/* ---- CRC32C: the reflected polynomial 0x82f63b78 (RFC 3309) ---- */

static uint32_t
crc_byte(uint32_t crc)
{
	for (unsigned i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	return crc;
}

uint32_t
baton_crc32c(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	static int ready;
	const uint8_t *p = data;

	if (!data)
		return crc;
	/* Whoever comes first, and whoever comes meanwhile, writes the same numbers. */
	if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
		for (uint32_t i = 0; i < 256; i++)
			__atomic_store_n(&table[i], crc_byte(i), __ATOMIC_RELAXED);
		__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	}
	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ __atomic_load_n(&table[(crc ^ p[i]) & 255], __ATOMIC_RELAXED);
	return ~crc;
}
