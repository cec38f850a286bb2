/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hashes of flows.
 *
 * The Toeplitz hash is what NICs compute to spread flows over queues: the same key gives the same
 * numbers here. CRC32C is the checksum of SCTP, and a fast hash of anything, a packet's flow among
 * it.
 */
#ifndef BATON_HASH_H
#define BATON_HASH_H

#include <baton/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_RSS_KEY_LEN 40 /* bytes of a key, as long as IPv6 with ports needs */
#define BATON_RSS_KEY_MAX 52 /* bytes of the longest key that a device has */

#define BATON_RSS_IPV4      (1u << 0) /* addresses of IPv4 packets without ports to hash */
#define BATON_RSS_IPV4_TCP  (1u << 1) /* addresses and ports of TCP over IPv4 */
#define BATON_RSS_IPV4_UDP  (1u << 2) /* addresses and ports of UDP over IPv4 */
#define BATON_RSS_IPV4_SCTP (1u << 3) /* addresses and ports of SCTP over IPv4 */
#define BATON_RSS_IPV6      (1u << 4) /* addresses of IPv6 packets without ports to hash */
#define BATON_RSS_IPV6_TCP  (1u << 5) /* addresses and ports of TCP over IPv6 */
#define BATON_RSS_IPV6_UDP  (1u << 6) /* addresses and ports of UDP over IPv6 */
#define BATON_RSS_IPV6_SCTP (1u << 7) /* addresses and ports of SCTP over IPv6 */
#define BATON_RSS_ALL       0xffu     /* bits of all of them */

/**
 * Get the key of Microsoft's RSS verification suite, which most NICs have by default.
 *
 * Thread: any thread.
 * Return: BATON_RSS_KEY_LEN bytes; this function cannot fail.
 */
BATON_API const uint8_t *baton_rss_key(void);

/**
 * Compute the Toeplitz hash of bytes.
 *
 * @key:   bytes of the key.
 * @bytes: number of its bytes, @len + 4 at least: with fewer, bytes behind them count as 0.
 * @data:  the bytes.
 * @len:   number of bytes.
 *
 * Thread: any thread.
 * Return: the hash, a number of 32 bits; 0 if @key or @data is NULL.
 */
BATON_API uint32_t baton_toeplitz(const uint8_t *key, size_t bytes, const void *data, size_t len);

/**
 * Compute the Toeplitz hash of a packet's flow, as a device does for RSS: over the addresses, and
 * the ports of a packet that is no fragment.
 *
 * @worker: the worker.
 * @tokens: the packet.
 * @n:      number of its tokens.
 * @key:    the key, BATON_RSS_KEY_LEN bytes; NULL: baton_rss_key().
 * @types:  BATON_RSS_*: what to hash.
 * @hash:   receives the hash; 0 if the packet is of no type that was asked for.
 *
 * Thread: the worker's thread.
 * Return: the bit of the packet's type; 0 if it has none, or its headers are cut or contradict its
 * length; -EINVAL if there is no token, or @hash is NULL; -EPERM if a token is refused, which is a
 * violation; -ENOMEM.
 */
BATON_API int baton_packet_hash(struct baton_worker *worker, const struct baton_token *tokens,
				unsigned n, const uint8_t *key, uint32_t types, uint32_t *hash);

/**
 * Compute the CRC32C (Castagnoli) of bytes.
 *
 * @crc:   the CRC, a number of 32 bits, of what comes before them; 0 at the beginning.
 * @data:  the bytes.
 * @len:   number of bytes.
 *
 * Thread: any thread.
 * Return: the CRC, a number of 32 bits; @crc if @data is NULL.
 */
BATON_API uint32_t baton_crc32c(uint32_t crc, const void *data, size_t len);

/**
 * Compute a fast hash of a packet's flow, for tables and for shares among threads: the CRC32C of
 * the addresses and, of a packet that is no fragment, the ports, as they are in the packet.
 *
 * @worker: the worker.
 * @tokens: the packet.
 * @n:      number of its tokens.
 * @types:  BATON_RSS_*: what to hash.
 * @hash:   receives the hash; 0 if the packet is of no type that was asked for.
 *
 * Thread: the worker's thread.
 * Return: as baton_packet_hash(), but for -ENOMEM.
 */
BATON_API int baton_packet_crc(struct baton_worker *worker, const struct baton_token *tokens,
			       unsigned n, uint32_t types, uint32_t *hash);

#ifdef __cplusplus
}
#endif

#endif
