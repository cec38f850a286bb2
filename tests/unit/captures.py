# SPDX-License-Identifier: BSD-3-Clause
"""Captures of all kinds, made from nothing: what the tests of net_pcap receive."""
import struct

from testpmd_util import packet


def pcap(frames, e="<", magic=0xA1B2C3D4, version=(2, 4), snaplen=262144, link=1, wire=None, head=16):
    """wire: the lengths on the wire, where they are not those of `frames`."""
    out = struct.pack(e + "IHHiIII", magic, *version, 0, 0, snaplen, link)
    for i, f in enumerate(frames):
        lengths = (len(f), wire[i] if wire else len(f))
        if version < (2, 3) or version[0] == 543:
            lengths = lengths[::-1]
        out += struct.pack(e + "IIII", 1700000000 + i, i, *lengths) + bytes(head - 16) + f
    return out


def block(kind, body, e="<"):
    body += bytes(-len(body) % 4)
    return struct.pack(e + "II", kind, len(body) + 12) + body + struct.pack(e + "I", len(body) + 12)


def option(code, value, e="<"):
    return struct.pack(e + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(e="<", length=-1, minor=0, options=b""):
    return block(0x0A0D0D0A, struct.pack(e + "IHHq", 0x1A2B3C4D, 1, minor, length) + options, e)


def interface(e="<", link=1, snaplen=0, options=b""):
    return block(1, struct.pack(e + "HHI", link, 0, snaplen) + options, e)


def enhanced(frame, e="<", i=0, wire=None, options=b""):
    return block(6, struct.pack(e + "IIIII", i, 0, 0, len(frame), wire or len(frame)) + frame + bytes(-len(frame) % 4) +
                 options, e)


def obsolete(frame, e="<", i=0):
    return block(2, struct.pack(e + "HHIIII", i, 7, 0, 0, len(frame), len(frame)) + frame, e)


def simple(frame, e="<", wire=None):
    return block(3, struct.pack(e + "I", wire or len(frame)) + frame, e)


def tags(n, length=200):
    """A frame with n VLAN tags."""
    f = packet(length, n)
    return f[:12] + b"".join(struct.pack(">HH", 0x88A8 if i + 1 < n else 0x8100, 100 + i) for i in range(n)) + f[12:]


A, B, C = packet(60, 1), packet(301, 2), packet(1514, 3)
BIG, BIGGEST = packet(65549, 4), packet(262144, 5)
FILLER = block(0x0BAD, b"nobody knows this") + block(4, bytes(12)) + block(5, bytes(16)) + block(10, bytes(24)) + \
    block(0x40000BAD, b"\1\2\3\4 custom") + block(0xBAD, b"\1\2\3\4 custom") + block(9, b"MESSAGE=x\n")
COMMENT = option(1, b"a comment") + option(2, b"\0\0\0\0") + option(0, b"")

# Name: the capture, what is received of it.
GOOD = {
    "us_little": (pcap([A, B, C]), [A, B, C]),
    "us_big": (pcap([A, B, C], ">"), [A, B, C]),
    "ns_little": (pcap([A, B], magic=0xA1B23C4D), [A, B]),
    "ns_big": (pcap([A, B], ">", magic=0xA1B23C4D), [A, B]),
    "kuznetzov_little": (pcap([A, B], magic=0xA1B2CD34, head=24), [A, B]),
    "kuznetzov_big": (pcap([A, B], ">", magic=0xA1B2CD34, head=24), [A, B]),
    "version_2_2": (pcap([A, B], version=(2, 2)), [A, B]),
    "version_2_3": (pcap([A, B], version=(2, 3)), [A, B]),
    "version_543": (pcap([A, B], ">", version=(543, 0)), [A, B]),
    "snaplen_0": (pcap([A, C], snaplen=0), [A, C]),
    "snaplen_too_small": (pcap([A, C], snaplen=68), [A, C]),
    "snaplen_huge": (pcap([A, C], snaplen=0xFFFFFFFF), [A, C]),
    "fcs_bits": (pcap([A, B], link=0x44000001), [A, B]),
    "no_packets": (pcap([]), []),
    "no_packets_pcapng": (section() + interface(), []),
    "only_a_section": (section(), []),
    "smallest": (pcap([packet(14)] * 3), [packet(14)] * 3),
    "merged_by_a_nic": (pcap([A, packet(32014), BIG, B]), [A, packet(32014), BIG, B]),
    "biggest": (pcap([A, BIGGEST, BIGGEST, B]), [A, BIGGEST, BIGGEST, B]),
    "two_tags": (pcap([tags(2), tags(1)]), [tags(2), tags(1)]),
    "ten_tags": (pcap([tags(10, 1500), tags(0)]), [tags(10, 1500), tags(0)]),
    "longer_than_on_the_wire": (pcap([A, B], wire=[10, 0]), [A, B]),
    "pcapng_little": (section() + interface() + enhanced(A) + enhanced(B) + enhanced(C), [A, B, C]),
    "pcapng_big": (section(">") + interface(">") + enhanced(A, ">") + enhanced(B, ">"), [A, B]),
    "pcapng_minor_2": (section(minor=2) + interface() + enhanced(A), [A]),
    "pcapng_biggest": (section() + interface() + enhanced(BIGGEST) + enhanced(A), [BIGGEST, A]),
    "simple_blocks": (section() + interface() + simple(A) + simple(B), [A, B]),
    "obsolete_blocks": (section(">") + interface(">") + obsolete(A, ">") + obsolete(B, ">"), [A, B]),
    "sections_of_either_order": (section() + interface() + enhanced(A) + section(">") + interface(">") + enhanced(B, ">") +
                                 section() + interface() + simple(C), [A, B, C]),
    "section_with_a_length": (section(length=len(interface() + enhanced(A))) + interface() + enhanced(A) + section() +
                              interface() + enhanced(B), [A, B]),
    "interfaces": (section() + b"".join(interface(snaplen=96 * i) for i in range(300)) +
                   b"".join(enhanced(f, i=i) for i, f in ((0, A), (299, B), (150, C))), [A, B, C]),
    "interface_in_between": (section() + interface() + enhanced(A) + interface() + enhanced(B, i=1), [A, B]),
    "options": (section(options=COMMENT) + interface(options=option(9, b"\t") + option(2, b"eth0") + option(0, b"")) +
                enhanced(A, options=COMMENT) + enhanced(B, options=option(1, b"x" * 65535)) + enhanced(C), [A, B, C]),
    "blocks_nobody_knows": (section() + FILLER + interface() + FILLER + enhanced(A) + FILLER + enhanced(B) + FILLER, [A, B]),
    "a_block_of_2_MiB": (section() + interface() + enhanced(A) + block(0x80000BAD, bytes(2 << 20)) + enhanced(B), [A, B]),
    "many_small": (pcap([packet(14 + i % 50, i) for i in range(40000)]), [packet(14 + i % 50, i) for i in range(40000)]),
}

LOOSE = block(6, struct.pack("<IIIII", 0, 0, 0, 300000, 300000) + bytes(300000))
# Name: the capture, what is received of it, and words of the warning. The exit status is 1.
PARTLY = {
    "runts": (pcap([A, b"", b"x" * 13, B]), [A, B], ("packet 2 of", "at least 14", "rx_q0_error_runt")),
    "cut_in_a_packet": (pcap([A, B])[:-1], [A], ("cut off", "beyond packet 1", "rx_q0_error_damaged")),
    "cut_in_a_header": (pcap([A]) + b"\0" * 15, [A], ("cut off", "beyond packet 1")),
    "cut_in_a_block": ((section() + interface() + enhanced(A) + enhanced(B))[:-3], [A, B], ("cut off", "block")),
    "two_captures": (pcap([A, B]) + pcap([C]), [A, B], ("another capture behind its own", "mergecap -a", "beyond packet 2")),
    "two_captures_big": (pcap([A], ">") + pcap([C, B], ">", magic=0xA1B23C4D), [A], ("another capture", "mergecap -a")),
    "absurd_length": (pcap([A]) + struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 60), [A], ("2147483647", "262144", "beyond packet 1")),
    "odd_block": (section() + interface() + enhanced(A) + struct.pack("<II", 6, 33) + bytes(25), [A], ("33 bytes",)),
    "small_block": (section() + interface() + enhanced(A) + struct.pack("<III", 6, 8, 8), [A], ("8 bytes",)),
    "two_lengths": (section() + interface() + enhanced(A)[:-4] + b"\1\0\0\0" + enhanced(B), [A], ("ends with the length 1",)),
    "packet_beyond_its_block": (section() + interface() + enhanced(A) +
                                block(6, struct.pack("<IIIII", 0, 0, 0, 999, 999) + bytes(64)), [A], ("999",)),
    "above_256_KiB": (section() + interface() + enhanced(A) + LOOSE + enhanced(B), [A, B], ("300000", "editcap -s 262144")),
    "two_link_types": (section() + interface() + interface(link=101) + interface(link=113) + enhanced(A) + enhanced(b"E" * 40, i=1) +
                       enhanced(b"S" * 40, i=2) + enhanced(B), [A, B], ("packet 2 of", "RAW", "101", "rx_q0_error_link_type")),
    "not_ethernet_pcapng": (section() + interface(link=113) + enhanced(A), [], ("LINUX_SLL", "tcpdump -i eth0")),
    "undescribed_interface": (section() + interface() + enhanced(A, i=7) + enhanced(B), [B], ("interface 7 is not described",)),
    "no_order_in_a_section": (section() + interface() + enhanced(A) + struct.pack("<III", 0x0A0D0D0A, 28, 5) + bytes(16), [A],
                              ("byte order",)),
}

# Name: what is no capture of Ethernet packets, and words of the refusal.
FOREIGN = {
    "gzip": (b"\x1f\x8b\x08\0" + bytes(40), ("gzip", "zcat", "rx_pcap=-")),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), ("zstd", "zstdcat")),
    "xz": (b"\xfd7zXZ\0" + bytes(40), ("xz", "xzcat")),
    "lz4": (b"\x04\x22\x4d\x18" + bytes(40), ("lz4", "lz4cat")),
    "bzip2": (b"BZh9" + b"1AY&SY" + bytes(40), ("bzip2", "bzcat")),
    "zip": (b"PK\3\4" + bytes(40), ("zip",)),
    "snoop": (b"snoop\0\0\0\0\0\0\2\0\0\0\4" + bytes(40), ("snoop", "editcap")),
    "netmon_2": (b"GMBU\0\2" + bytes(40), ("Network Monitor", "editcap")),
    "netmon_1": (b"RTSS\1\1" + bytes(40), ("Network Monitor", "editcap")),
    "erf": (struct.pack("<II", 0, 1700000000) + struct.pack(">BBHHH", 2, 4, 80, 0, 60) + bytes(70), ("ERF", "editcap")),
    "navtel": (b"\x4d\x3c\x2b\xa1" + bytes(40), ("modified", "editcap")),
    "text": (b"10:00:00.1 IP 10.0.0.1 > 10.0.0.2: ICMP echo request\n" * 3, ("text",)),
    "short_text": (b"hello\n", ("text",)),
    "program": (b"\x7fELF\2\1\1" + bytes(40), ("program",)),
    "empty": (b"", ("is empty",)),
    "half_a_header": (pcap([])[:20], ("ends inside the header",)),
    "two_bytes": (b"\xd4\xc3", ("ends inside the header",)),
    "raw_ip": (pcap([A], link=101), ("RAW", "101", "tcprewrite --dlt=enet")),
    "cooked": (pcap([A], link=113), ("LINUX_SLL", "tcpdump -i eth0")),
    "cooked_2": (pcap([A], link=276), ("LINUX_SLL2", "tcpdump -i eth0")),
    "wireless": (pcap([A], link=105), ("IEEE802_11",)),
    "radiotap": (pcap([A], ">", link=127), ("IEEE802_11",)),
    "bluetooth": (pcap([A], link=201), ("Bluetooth",)),
    "unknown_link": (pcap([A], link=9999), ("unknown", "9999")),
    "version_3": (pcap([A], version=(3, 0)), ("version 3.0", "editcap")),
    "pcapng_version_2": (block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), ("version 2.0", "editcap")),
    "noise": (bytes(range(128, 228)), ("no capture",)),
}
