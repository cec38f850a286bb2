/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets: tokens that belong together.
 *
 * A packet is one token, or several of which all but the last have BATON_TOKEN_CONT. Its metadata
 * (hash, checksum flags, side record) is that of its first token. The functions below change a
 * packet in place: they take the array of its tokens and its number of tokens, and a token that
 * they free or move away is used up.
 *
 * Each of them checks that the caller holds every token that it touches. A token that is refused is
 * a violation, and nothing is changed then.
 */
#ifndef BATON_PACKET_H
#define BATON_PACKET_H

#include <baton/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Count the tokens of the packet that begins at @tokens[0].
 *
 * @tokens: the tokens.
 * @n:      number of tokens.
 *
 * Thread: any thread.
 * Return: the number of tokens of the packet, @n at most; this function cannot fail.
 */
static inline unsigned
baton_packet_segs(const struct baton_token *tokens, unsigned n)
{
	unsigned i = 0;

	while (i + 1 < n && (tokens[i].flags & BATON_TOKEN_CONT))
		i++;
	return n ? i + 1 : 0;
}

/**
 * Count the bytes of a packet.
 *
 * @tokens: the packet.
 * @n:      number of its tokens.
 *
 * Thread: any thread.
 * Return: the number of bytes; this function cannot fail.
 */
static inline uint32_t
baton_packet_len(const struct baton_token *tokens, unsigned n)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += tokens[i].len;
	return len;
}

/**
 * Make room for bytes in front of a packet, in the headroom of its first buffer.
 *
 * The new bytes are those that were in the buffer before; baton_data() of the first token points to
 * them.
 *
 * @worker: the worker.
 * @first:  first token of the packet.
 * @bytes:  number of bytes.
 *
 * Thread: the worker's thread.
 * Return: 0 on success; -ENOSPC if the headroom is smaller; -EPERM if the token is refused, which
 * is a violation.
 */
BATON_API int baton_packet_prepend(struct baton_worker *worker, struct baton_token *first,
				   uint16_t bytes);

/**
 * Make room for bytes at the end of a packet, behind those of its last buffer.
 *
 * The new bytes are those that were in the buffer before.
 *
 * @worker: the worker.
 * @last:   last token of the packet.
 * @bytes:  number of bytes.
 *
 * Thread: the worker's thread.
 * Return: 0 on success; -ENOSPC if the buffer has less room; -EPERM if the token is refused, which
 * is a violation.
 */
BATON_API int baton_packet_append(struct baton_worker *worker, struct baton_token *last,
				  uint16_t bytes);

/**
 * Remove bytes from the front of a packet, and free the buffers that become empty.
 *
 * The metadata goes over to the token that is first then. At least one token remains, which may be
 * empty.
 *
 * @worker: the worker.
 * @tokens: the packet; receives what remains of it.
 * @n:      number of its tokens.
 * @bytes:  number of bytes.
 *
 * Thread: the worker's thread.
 * Return: the number of tokens that remain; -EINVAL if the packet has fewer bytes, or no token;
 * -EPERM if a token is refused, which is a violation.
 */
BATON_API int baton_packet_adjust(struct baton_worker *worker, struct baton_token *tokens,
				  unsigned n, uint32_t bytes);

/**
 * Remove bytes from the end of a packet, and free the buffers that become empty.
 *
 * At least one token remains, which may be empty.
 *
 * @worker: the worker.
 * @tokens: the packet; receives what remains of it.
 * @n:      number of its tokens.
 * @bytes:  number of bytes.
 *
 * Thread: the worker's thread.
 * Return: the number of tokens that remain; -EINVAL if the packet has fewer bytes, or no token;
 * -EPERM if a token is refused, which is a violation.
 */
BATON_API int baton_packet_trim(struct baton_worker *worker, struct baton_token *tokens, unsigned n,
				uint32_t bytes);

/**
 * Put a packet into one buffer: its first, if that has the room, else a new one.
 *
 * @worker: the worker.
 * @pool:   pool of the new buffer.
 * @tokens: the packet; its first token becomes that of the buffer, the others are used up.
 * @n:      number of its tokens.
 *
 * Thread: the worker's thread.
 * Return: 1 on success; -EMSGSIZE if the packet is longer than a buffer of the pool; -ENOBUFS if
 * the pool has no free buffer; -EINVAL if there is no token; -EPERM if a token is refused, which is
 * a violation. The packet stays as it is then.
 */
BATON_API int baton_packet_linearize(struct baton_worker *worker, struct baton_pool *pool,
				     struct baton_token *tokens, unsigned n);

/**
 * Split a packet in two.
 *
 * The first part keeps the metadata. Buffers behind the place of the split go over to the second
 * part as they are; of a buffer on both sides of it, the bytes behind it are copied into a new one.
 *
 * @worker: the worker.
 * @pool:   pool of the new buffer.
 * @tokens: the packet; receives the first part, of which baton_packet_segs() counts the tokens.
 * @n:      number of its tokens.
 * @at:     number of bytes of the first part, at least 1 and less than the packet has.
 * @rest:   receives the second part.
 * @max:    number of tokens that @rest has room for; @n always do.
 *
 * Thread: the worker's thread.
 * Return: the number of tokens of the second part; -EINVAL if @at is out of its range; -EMSGSIZE if
 * @rest has too little room, or the bytes to be copied do not fit into a buffer of the pool;
 * -ENOBUFS if the pool has no free buffer; -EPERM if a token is refused, which is a violation. The
 * packet stays as it is then.
 */
BATON_API int baton_packet_split(struct baton_worker *worker, struct baton_pool *pool,
				 struct baton_token *tokens, unsigned n, uint32_t at,
				 struct baton_token *rest, unsigned max);

/**
 * Look at bytes of a packet as if they were in one buffer.
 *
 * @worker:  the worker.
 * @tokens:  the packet.
 * @n:       number of its tokens.
 * @off:     first byte.
 * @len:     number of bytes.
 * @scratch: room for @len bytes, which receives them if they lie in several buffers.
 *
 * Thread: the worker's thread.
 * Return: a pointer to the bytes: in the packet's buffer, valid as long as baton_data()'s is, or
 * @scratch; NULL if the packet has fewer bytes, or a token is refused, which is a violation.
 */
BATON_API const void *baton_packet_view(struct baton_worker *worker,
					const struct baton_token *tokens, unsigned n, uint32_t off,
					uint32_t len, void *scratch);

/**
 * Copy a packet into newly allocated buffers.
 *
 * Baton has no way to share a buffer; a packet to be sent twice is copied. The copy includes hash,
 * flags and side record.
 *
 * @worker: the worker.
 * @pool:   pool of the new buffers.
 * @in:     tokens of the packet.
 * @n:      number of tokens in @in; those behind the packet are ignored.
 * @out:    receives the tokens of the copy.
 * @max:    number of tokens that @out has room for.
 *
 * Thread: the worker's thread.
 * Return: the number of tokens of the copy; -ENOBUFS if the pool has too few free buffers;
 * -EMSGSIZE if the copy needs more than @max tokens; -EINVAL if there is no token; -EPERM if a
 * token is refused, which is a violation. Nothing is allocated then.
 */
BATON_API int baton_packet_copy(struct baton_worker *worker, struct baton_pool *pool,
				const struct baton_token *in, unsigned n, struct baton_token *out,
				unsigned max);

#ifdef __cplusplus
}
#endif

#endif
