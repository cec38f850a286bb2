# SPDX-License-Identifier: BSD-3-Clause
"""Packets that tests make: apart from baton-testpmd, so that what it makes of them can be told from what it should."""
import random
import struct

HOST, PORT, GROUP = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b", b"\x01\0\x5e\0\0\x01"
A, B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A6, B6 = bytes(15) + b"\x01", bytes(15) + b"\x02"
OWN = b"\x02\0\0\x01\0\0"   # net_pcap0's address
PEER = b"\x02\0\0\0\0\0"    # what dpdk-testpmd takes a port's peer to have


def inet_sum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return 0xffff - s


def eth(payload, kind, dst=PORT, src=HOST, tags=()):
    for tpid, tci in tags:
        dst, src = (dst + src + struct.pack("!HH", tpid, tci), b"")
    return dst + src + struct.pack("!H", kind) + payload


def ipv4(payload, proto, src=A, dst=B, options=b"", frag=0, length=None):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, length or 20 + len(options) + len(payload),
                       7, frag, 64, proto, 0) + src + dst + options
    return head[:10] + struct.pack("!H", inet_sum(head)) + head[12:] + payload


def ipv6(payload, proto, length=None):
    return struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, proto, 64) + A6 + B6 + payload


def l4(proto, data, src=A, dst=B, ulen=None):
    """TCP or UDP with the right checksum."""
    if proto == 17:
        p, at = struct.pack("!HHHH", 1000, 2000, ulen or 8 + len(data), 0) + data, 6
    else:
        p, at = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 2, 5 << 4, 16, 100, 0, 0) + data, 16
    covered = p[:ulen] if ulen else p
    c = inet_sum(src + dst + struct.pack("!HH", proto, len(covered)) + covered)
    return p[:at] + struct.pack("!H", c or 0xffff if proto == 17 else c) + p[at + 2:]


def kinds():
    """A packet of each kind that modes tell apart, by name."""
    udp, tcp = l4(17, b"datagram"), l4(6, b"segment of a stream")
    udp6, tcp6 = l4(17, b"datagram", A6, B6), l4(6, b"segment", A6, B6)
    yield "udp", eth(ipv4(udp, 17), 0x0800)
    yield "tcp", eth(ipv4(tcp, 6), 0x0800)
    yield "udp6", eth(ipv6(udp6, 17), 0x86dd)
    yield "tcp6", eth(ipv6(tcp6, 6), 0x86dd)
    yield "options", eth(ipv4(tcp, 6, options=b"\1" * 12), 0x0800)
    yield "vlan", eth(ipv4(udp, 17), 0x0800, tags=((0x8100, 5),))
    yield "qinq", eth(ipv6(tcp6, 6), 0x86dd, tags=((0x88a8, 5), (0x8100, 6)))
    yield "vlan-vlan", eth(ipv4(tcp, 6), 0x0800, tags=((0x8100, 5), (0x8100, 6)))
    for depth in range(3, 30):
        yield "tags-%d" % depth, eth(ipv6(udp6, 17), 0x86dd, tags=((0x8100, 9),) * depth)
    yield "first-fragment", eth(ipv4(udp[:12], 17, frag=0x2000), 0x0800)
    yield "later-fragment", eth(ipv4(b"rest of a datagram", 17, frag=0x0005), 0x0800)
    yield "fragment6", eth(ipv6(b"\x11\0\0\x51\0\0\0\0" + udp, 44), 0x86dd)
    yield "hop-by-hop", eth(ipv6(b"\6\0\0\0\0\0\0\0" + tcp6, 0), 0x86dd)
    yield "icmp", eth(ipv4(b"\x08\0" + bytes(38), 1), 0x0800)
    yield "icmp6", eth(ipv6(b"\x80\0" + bytes(38), 58), 0x86dd)
    yield "sctp", eth(ipv4(b"chunk of SCTP", 132), 0x0800)
    yield "gre", eth(ipv4(b"\0\0\x08\0" + ipv4(udp, 17), 47), 0x0800)
    yield "ipip", eth(ipv4(ipv4(udp, 17), 4), 0x0800)
    yield "6in4", eth(ipv4(ipv6(tcp6, 6), 41), 0x0800)
    yield "arp", eth(b"\0\1\x08\0\6\4\0\1" + HOST + A + bytes(6) + B, 0x0806)
    yield "unknown", eth(b"q" * 50, 0x88b5)
    yield "mpls", eth(b"\0\0\x11\x40" + ipv4(udp, 17), 0x8847)
    yield "no-payload", eth(b"", 0x0800)
    yield "padded", eth(ipv4(udp, 17), 0x0800) + bytes(18)
    for name, p in (("udp", eth(ipv4(udp, 17), 0x0800)), ("tcp6", eth(ipv6(tcp6, 6), 0x86dd))):
        for cut in (1, 19, 20, 22, 23, 24, 39, 40, 42, 43, 44, 60):
            if 14 + cut < len(p):
                yield "%s-cut-%d" % (name, cut), p[:14 + cut]
    yield "tag-cut", eth(b"", 0x8100) + b"\0\5\x08"
    yield "version-0", eth(b"\0" + ipv4(udp, 17)[1:], 0x0800)
    yield "ihl-4", eth(b"\x44" + ipv4(udp, 17)[1:], 0x0800)
    yield "ihl-15", eth(b"\x4f" + ipv4(udp, 17)[1:], 0x0800)
    yield "long", eth(ipv4(l4(17, bytes(range(256)) * 5), 17), 0x0800, tags=((0x88a8, 5), (0x8100, 6)))


def damaged(n, seed):
    """Packets whose headers are anything."""
    rng = random.Random(seed)
    base = [p for _, p in kinds()]
    for _ in range(n):
        p = bytearray(rng.choice(base))
        for _ in range(rng.randint(1, 4)):
            p[rng.randrange(12, min(len(p), 64)) if len(p) > 12 else 0] = rng.choice((0, 4, 6, 8, 17, 44, 0x45, 0x4f, 0x81, 0x86,
                                                                                       0xdd, 255, rng.randrange(256)))
        yield bytes(p[:max(14, rng.randrange(len(p) * 2))])
