/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as others make them: RFC 791, 768, 9293, 1071; IEEE 802.1Q. */
#ifndef QTEST_E1000E_FRAMES_H
#define QTEST_E1000E_FRAMES_H

#include <stdint.h>
#include <string.h>

struct frame {
	uint32_t len;
	uint8_t b[17000];
};

/* Byte by byte, big-endian. */
static inline uint16_t
frame_sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static inline void
frame_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* To QEMU's own address. */
static inline struct frame
frame_other(uint32_t len)
{
	static const uint8_t head[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 2,
					0,    0,    0, 0,    1,    0x88, 0xb5 };
	struct frame f = { .len = len };

	for (uint32_t i = 0; i < sizeof(f.b); i++)
		f.b[i] = (uint8_t)(i * 7 + (i >> 8));
	memcpy(f.b, head, sizeof(head));
	return f;
}

/* The sum of the pseudo-header. */
static inline uint16_t
frame_pseudo(const struct frame *f)
{
	uint8_t p[12] = { [9] = f->b[23] };

	memcpy(p, f->b + 26, 8);
	frame_put16(p + 10, f->len - 34);
	return frame_sum(p, sizeof(p));
}

static inline unsigned
frame_field(const struct frame *f)
{
	return f->b[23] == 6 ? 50 : 40;
}

static inline struct frame
frame_l4(uint32_t len, uint8_t proto)
{
	const uint8_t ip[] = { 8, 0,  0x45, 0, 0, 0,  0, 1, 0x40, 0, 64, proto, 0,
			       0, 10, 0,    0, 1, 10, 0, 0, 2,    4, 0,  16,    0 };
	struct frame f = frame_other(len);

	memcpy(f.b + 12, ip, sizeof(ip));
	frame_put16(f.b + 16, len - 14);
	frame_put16(f.b + 24, (uint16_t)~frame_sum(f.b + 14, 20));
	if (proto == 6)
		frame_put16(f.b + 46, 0x5010); /* no options; ACK */
	else
		frame_put16(f.b + 38, len - 34);
	frame_put16(f.b + frame_field(&f), frame_pseudo(&f));
	frame_put16(f.b + frame_field(&f), (uint16_t)~frame_sum(f.b + 34, len - 34));
	return f;
}

static inline struct frame
frame_tcp(uint32_t len)
{
	return frame_l4(len, 6);
}

static inline struct frame
frame_udp(uint32_t len)
{
	return frame_l4(len, 17);
}

static inline uint32_t
frame_get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* The sum over L4 and its pseudo-header, 0xffff if its checksum is right: RFC 9293, 8200. */
static inline uint16_t
frame_l4_sum(const struct frame *f, uint32_t l2, uint32_t l3)
{
	static uint8_t b[sizeof(f->b) + 40];
	const uint8_t *ip = f->b + l2;
	const uint32_t addresses = ip[0] >> 4 == 4 ? 8 : 32, n = f->len - l2 - l3;

	memcpy(b, ip + (addresses == 8 ? 12 : 8), addresses);
	frame_put16(b + addresses, n);
	frame_put16(b + addresses + 2, ip[0] >> 4 == 4 ? ip[9] : ip[6]);
	memcpy(b + addresses + 4, ip + l3, n);
	return frame_sum(b, addresses + 4 + n);
}

/* TCP over IPv6. */
static inline struct frame
frame_tcp6(uint32_t len)
{
	const uint8_t ip[] = { 0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 6, 64 };
	struct frame f = frame_other(len);

	memcpy(f.b + 12, ip, sizeof(ip));
	frame_put16(f.b + 18, len - 54);
	frame_put16(f.b + 66, 0x5010);
	frame_put16(f.b + 70, 0);
	frame_put16(f.b + 70, (uint16_t)~frame_l4_sum(&f, 14, 40));
	return f;
}

/* The same with the sum of the pseudo-header only. */
static inline struct frame
frame_partial(const struct frame *whole)
{
	struct frame f = *whole;

	frame_put16(f.b + frame_field(&f), frame_pseudo(&f));
	return f;
}

static inline struct frame
frame_tagged(const struct frame *whole, uint16_t type, uint16_t tci)
{
	struct frame f = *whole;

	memcpy(f.b + 16, whole->b + 12, whole->len - 12);
	frame_put16(f.b + 12, type);
	frame_put16(f.b + 14, tci);
	f.len += 4;
	return f;
}

#endif
