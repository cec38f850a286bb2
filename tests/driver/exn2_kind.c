/* SPDX-License-Identifier: BSD-3-Clause */
/* The type of a frame, as the EXN2 has it in completions. */
#include "exn2_model.h"

enum { NO_IP, ARP, IPV4, IPV4_OPTIONS, IPV6, IPV6_MORE };
enum { UNKNOWN, TCP, UDP, SCTP, ICMP, FRAGMENT, OTHER };

static unsigned
protocol(uint8_t number, uint8_t icmp)
{
	return number == 6      ? TCP
	       : number == 17   ? UDP
	       : number == 132  ? SCTP
	       : number == icmp ? ICMP
				: OTHER;
}

static void
of_ipv4(const uint8_t *ip, uint32_t len, unsigned *l3, unsigned *l4)
{
	if (len < 20 || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return;
	*l3 = (ip[0] & 15) > 5 ? IPV4_OPTIONS : IPV4;
	*l4 = (ip[6] & 0x3f) || ip[7] ? FRAGMENT : protocol(ip[9], 1);
}

static void
of_ipv6(const uint8_t *ip, uint32_t len, unsigned *l3, unsigned *l4)
{
	if (len < 40 || ip[0] >> 4 != 6)
		return;
	switch (ip[6]) {
	case 0:
	case 43:
	case 44:
	case 51:
	case 60:
		*l3 = IPV6_MORE; /* the device does not look further */
		return;
	default:
		*l3 = IPV6;
		*l4 = protocol(ip[6], 58);
	}
}

uint16_t
exn2_kind(const uint8_t *frame, uint32_t len)
{
	unsigned tags = 0, l3 = NO_IP, l4 = UNKNOWN;
	uint32_t at = 12;

	while (at + 2 <= len) {
		const uint32_t type = (uint32_t)frame[at] << 8 | frame[at + 1];

		if (type == 0x8100 || type == 0x88a8) {
			tags++;
			at += 4;
			continue;
		}
		if (type == 0x0806)
			l3 = ARP;
		else if (type == 0x0800)
			of_ipv4(frame + at + 2, len - at - 2, &l3, &l4);
		else if (type == 0x86dd)
			of_ipv6(frame + at + 2, len - at - 2, &l3, &l4);
		break;
	}
	return (uint16_t)((tags < 3 ? tags : 3) << 8 | l3 << 10 | l4 << 13);
}
