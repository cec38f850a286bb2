/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets that are measured: UDP, whose payload begins with 12 bytes in network byte order and
 * is zero behind them.
 *
 *     bits 95 to 84   a number of this process
 *     bits 83 to 76   number of the trial
 *     bits 75 to 68   stream
 *     bits 67 to 32   when it was sent, in ticks (the lower 36 bits of the clock)
 *     bits 31 to 0    sequence number in its stream
 *
 * UDP's checksum finds damage; it is never 0, which would say that there is none.
 */
#ifndef PERF_FRAME_H
#define PERF_FRAME_H

#include <string.h>

#include "flows.h"
#include "load.h"

#define STAMP_PROCESS_BITS 12
#define STAMP_LEN          12
#define STAMP_TIME_BITS    36
#define STAMP_TIME_MASK    ((UINT64_C(1) << STAMP_TIME_BITS) - 1)
#define FRAME_FCS          4
#define FRAME_STREAMS      256

/* What a packet says of itself. */
struct stamp {
	unsigned process; /* 12 bits */
	unsigned trial;   /* 8 bits */
	unsigned stream;  /* 8 bits */
	uint64_t time;    /* 36 bits of ticks */
	uint32_t seq;
};

static inline uint16_t
frame_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint16_t
frame_be16(unsigned v)
{
	return (uint16_t)(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? v
								 : __builtin_bswap16((uint16_t)v));
}

/**
 * Write a packet of @size bytes with FCS to @p, where there is room for FLOW_HEADERS bytes or the
 * packet, if that is longer. Behind headers and stamp there are zeros already.
 */
static inline void
frame_write(uint8_t *p, const struct flows *fl, const struct flow *flow, unsigned size,
	    const struct stamp *s)
{
	const unsigned ip_len = size - FRAME_FCS - fl->l3, udp_len = size - FRAME_FCS - fl->l4;
	uint64_t high = (uint64_t)s->process << 52 | (uint64_t)s->trial << 44 |
			(uint64_t)s->stream << 36 | s->time;
	uint32_t low = s->seq;
	uint16_t len = frame_be16(udp_len), sum;
	uint8_t *ip = p + fl->l3, *udp = p + fl->l4;

	if (__BYTE_ORDER__ != __ORDER_BIG_ENDIAN__) {
		high = __builtin_bswap64(high);
		low = __builtin_bswap32(low);
	}
	memcpy(p, flow->header, FLOW_HEADERS);
	if (fl->v6) {
		memcpy(ip + 4, &len, 2);
	} else {
		uint16_t total = frame_be16(ip_len);

		memcpy(ip + 2, &total, 2);
		sum = (uint16_t)~frame_fold((uint64_t)flow->ip_sum + total);
		memcpy(ip + 10, &sum, 2);
	}
	memcpy(udp + 4, &len, 2);
	memcpy(udp + 8, &high, 8);
	memcpy(udp + 16, &low, 4);
	/* The length counts twice: in the pseudo-header and in the header. */
	sum = (uint16_t)~frame_fold((uint64_t)flow->udp_sum + 2u * len + (high & 0xffffffff) +
				    (high >> 32) + low);
	sum = sum ? sum : 0xffff;
	memcpy(udp + 6, &sum, 2);
}

enum frame_kind {
	FRAME_OURS,    /* undamaged, and sent by this process */
	FRAME_DAMAGED, /* sent by this process, by its stamp or its addresses, and not as it was */
	FRAME_FOREIGN, /* neither */
};

/* What a receiver expects. */
struct frame_check {
	const struct flows *flows; /* of the direction */
	unsigned process;
};

/**
 * Read a packet of @len bytes, without FCS, whatever it is. VLAN tags may have been added or
 * removed on the way.
 *
 * @s:       receives the stamp of FRAME_OURS.
 * @ip_len:  receives the bytes of IP of FRAME_OURS.
 */
enum frame_kind frame_read(const struct frame_check *c, const uint8_t *p, unsigned len,
			   struct stamp *s, unsigned *ip_len);

#endif
