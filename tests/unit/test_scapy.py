#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checksums, tags, packet types and hashes beside what scapy makes of the same packets: random ones that scapy builds, and real
ones. They go through Baton from capture to capture; what it says of each, and what it sends, is compared with scapy's dissection."""
import copy
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-scapy, whichever python3 this is
try:
    import logging
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy.layers.inet import (ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_RR, IPOption_SSRR)
    from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                    IPv6ExtHdrRouting, PadN)
    from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
    from scapy.layers.sctp import SCTP, SCTPChunkData
    from scapy.utils import RawPcapReader, checksum
except ImportError as e:
    print(f"skipped: there is no scapy (package python3-scapy): {e}")
    sys.exit(77)

from toeplitz_util import KEY, PUBLISHED, toeplitz  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
REAL = ROOT / "tests/data/real-traffic.pcap"
HEADER = (ROOT / "lib/include/baton/offload.h").read_text()
DEFINES = {name: 1 << int(bit) for name, bit in re.findall(r"#define BATON_((?:OFFLOAD|SIDE)_\w+)\s+\(1u << (\d+)\)", HEADER)}
DEFINES |= {name: int(v, 16) for name, v in re.findall(r"#define BATON_(PTYPE_\w+)\s+(0x[0-9a-f]+)u", HEADER)}
PACKETS = 10000
UNKNOWN, GOOD, BAD = range(3)


class Frame:
    """What scapy finds in a frame."""

    def __init__(self, raw, sum4=None):
        self.raw, self.sum4 = raw, sum4
        p = Ether(raw)
        self.tags, self.ip, self.l4, self.ext = [], None, None, False
        self.fragment = self.routed = False
        kind, layer = p.type, p.payload
        while isinstance(layer, (Dot1Q, Dot1AD)):
            self.tags.append((kind, struct.unpack_from("!H", raw, 14 + 4 * len(self.tags))[0]))
            kind, layer = layer.type, layer.payload
        self.arp = isinstance(layer, ARP)
        self.l2 = 14 + 4 * len(self.tags)
        if isinstance(layer, IP):
            self.of_ipv4(layer)
        elif isinstance(layer, IPv6):
            self.of_ipv6(layer)

    def of_ipv4(self, ip):
        self.ip, self.l3, self.ext, self.proto = ip, ip.ihl * 4, ip.ihl > 5, ip.proto
        self.fragment = bool(ip.frag or ip.flags.MF)
        self.routed = any(isinstance(o, (IPOption_LSRR, IPOption_SSRR)) and o.pointer <= o.length for o in ip.options)
        self.end = self.l2 + ip.len
        self.find_l4(ip.payload)

    def of_ipv6(self, ip):
        self.ip, self.l3, self.proto, layer = ip, 40, ip.nh, ip.payload
        while self.proto in (0, 43, 44, 60):
            self.ext = True
            if self.proto == 44:
                self.fragment = bool(layer.offset or layer.m)
                self.l3 += 8
            else:
                self.routed |= self.proto == 43 and layer.segleft > 0
                self.l3 += (layer.len + 1) * 8
            self.proto, layer = layer.nh, layer.payload
        self.end = self.l2 + 40 + ip.plen
        self.find_l4(layer)

    def find_l4(self, layer):
        if isinstance(layer, (TCP, UDP, SCTP)) and not self.fragment:
            self.l4 = layer

    @property
    def v6(self):
        return isinstance(self.ip, IPv6)

    def ptype(self):
        l2 = ("ARP" if self.arp else "ETHER", "VLAN", "QINQ")[len(self.tags)]
        kind = DEFINES["PTYPE_L2_" + l2]
        if not self.ip:
            return kind
        kind |= DEFINES["PTYPE_L3_IPV" + ("6" if self.v6 else "4") + ("X" if self.ext else "")]
        l4 = "FRAG" if self.fragment else type(self.l4).__name__ if self.l4 else \
            "ICMP" if self.proto == (58 if self.v6 else 1) else "OTHER"
        return kind | DEFINES["PTYPE_L4_" + l4]

    def hash(self):
        if not self.ip:
            return None
        at = self.l2 + (8 if self.v6 else 12)
        data = self.raw[at:at + (32 if self.v6 else 8)]
        if self.l4:
            data += struct.pack("!HH", self.l4.sport, self.l4.dport)
        return toeplitz(KEY, data)

    def l3_verdict(self):
        if not self.ip or self.v6:
            return UNKNOWN
        return BAD if checksum(self.raw[self.l2:self.l2 + self.l3]) else GOOD

    def has_no_sum(self):
        return isinstance(self.l4, UDP) and not any(self.raw[self.l2 + self.l3 + 6:self.l2 + self.l3 + 8])

    def changed(self, raw, sum4):
        """The same frame with other bytes, which change nothing that was found but checksums."""
        f = copy.copy(self)
        f.raw, f.sum4 = bytes(raw), sum4
        return f

    def rebuilt(self):
        """The L4 header and payload as scapy makes them anew, with its own checksum."""
        p = Ether(self.raw)
        del p[type(self.l4)].chksum
        return bytes(p)[self.l2 + self.l3:]

    def l4_verdict(self):
        if not self.l4 or (self.routed and not isinstance(self.l4, SCTP)):
            return UNKNOWN  # Baton does not look for the last destination of a source route, which is in the pseudo-header
        if self.has_no_sum():
            return BAD if self.v6 else GOOD
        if self.sum4 is not None:
            return self.sum4
        return GOOD if self.rebuilt() == self.raw[self.l2 + self.l3:] else BAD

    def field(self):
        """Offset of the L4 checksum, and its bytes."""
        at = {6: 16, 17: 6, 132: 8, 58: 2, 1: 2}[self.proto]
        return at, 4 if self.proto == 132 else 2

    def pseudo(self):
        """The sum of the pseudo-header, as scapy knows the packet's last destination."""
        if self.proto in (1, 132):
            return 0
        size, at = (16, self.l2 + 8) if self.v6 else (4, self.l2 + 12)
        src, dst = self.raw[at:at + size], self.raw[at + size:at + 2 * size]
        if self.routed:
            dst = self.last_hop()
        return 0xffff - checksum(src + dst + struct.pack("!II", self.end - self.l2 - self.l3, self.proto))

    def last_hop(self):
        if self.v6:
            return socket.inet_pton(socket.AF_INET6, self.ip[IPv6ExtHdrRouting].addresses[-1])
        return next(socket.inet_aton(o.routers[-1]) for o in self.ip.options if isinstance(o, (IPOption_LSRR, IPOption_SSRR)))


# ---- packets ----

def addresses(rng, v6):
    one = (lambda: ":".join("%x" % rng.randrange(65536) for _ in range(8))) if v6 else \
        (lambda: ".".join(str(rng.randrange(1, 224)) for _ in range(4)))
    return {"src": one(), "dst": one()}


def ipv4(rng, routes):
    options = []
    if rng.random() < 0.2:
        options = [IPOption_NOP() for _ in range(rng.randrange(1, 8))]
    elif rng.random() < 0.1:
        options = [IPOption_RR(routers=["0.0.0.0"] * rng.randrange(1, 5))]
    elif routes and rng.random() < 0.1:
        hops = [addresses(rng, False)["src"] for _ in range(rng.randrange(1, 5))]
        options = [rng.choice((IPOption_LSRR, IPOption_SSRR))(routers=hops, pointer=rng.choice((4, 4 * len(hops) + 4)))]
        if options[0].pointer > 4:  # the route is done: scapy takes its last hop for the destination, which is in the header
            return IP(options=options, src=addresses(rng, False)["src"], dst=hops[-1])
    frag = rng.random() < 0.05
    return IP(id=rng.randrange(65536), ttl=rng.randrange(1, 256), tos=rng.randrange(256), options=options,
              flags="MF" if frag else rng.choice(("DF", 0)), frag=rng.choice((0, 100)) if frag else 0, **addresses(rng, False))


def ipv6(rng):
    p = IPv6(hlim=rng.randrange(1, 256), tc=rng.randrange(256), fl=rng.randrange(1 << 20), **addresses(rng, True))
    if rng.random() < 0.15:
        p.add_payload(IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * rng.randrange(0, 20))]))
    if rng.random() < 0.15:
        p.add_payload(IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * rng.randrange(0, 20))]))
    if rng.random() < 0.1:
        hops = [addresses(rng, True)["src"] for _ in range(rng.randrange(1, 4))]
        p.add_payload(IPv6ExtHdrRouting(addresses=hops, segleft=rng.choice((0, len(hops)))))
    if rng.random() < 0.1:
        p.add_payload(IPv6ExtHdrFragment(id=rng.randrange(1 << 32), m=rng.randrange(2), offset=rng.choice((0, 0, 7))))
    return p


def l4(rng, v6):
    ports = {"sport": rng.randrange(1, 65536), "dport": rng.randrange(1, 65536)}
    which = rng.randrange(9)
    if which < 3:
        options = [("NOP", None)] * rng.randrange(0, 41) if rng.randrange(2) else [("MSS", 1460), ("Timestamp", (1, 2))]
        return TCP(seq=rng.randrange(1 << 32), ack=rng.randrange(1 << 32), flags=rng.randrange(256), options=options, **ports)
    if which < 6:
        return UDP(**ports)
    if which < 7:
        return SCTP(tag=rng.randrange(1 << 32), **ports)
    if which < 8:
        return ICMPv6EchoRequest(seq=rng.randrange(65536)) if v6 else ICMP(seq=rng.randrange(65536))
    return None  # another protocol


def made(rng):
    """A frame that scapy builds, good in all its checksums."""
    if rng.random() < 0.02:
        return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ARP(pdst="10.0.0.1", psrc="10.0.0.2"))
    v6 = rng.random() < 0.5
    p = Ether(src="02:00:00:00:00:%02x" % rng.randrange(256), dst="02:00:00:00:01:%02x" % rng.randrange(256))
    tags = rng.choice((0, 0, 1, 2))
    if tags == 2 or (tags and rng.randrange(2)):
        p.add_payload(Dot1AD(vlan=rng.randrange(4096), prio=rng.randrange(8), id=rng.randrange(2)))
        tags -= 1
    if tags:
        p.add_payload(Dot1Q(vlan=rng.randrange(4096), prio=rng.randrange(8), id=rng.randrange(2)))
    p.add_payload(ipv6(rng) if v6 else ipv4(rng, True))
    upper = l4(rng, v6)
    data = rng.randbytes(rng.choice((0, 1, rng.randrange(64), rng.randrange(64), rng.randrange(900))))
    if isinstance(upper, SCTP):
        upper.add_payload(SCTPChunkData(data=data or b"x"))
        data = b""
    if upper is None:
        (p.lastlayer() if v6 else p[IP]).setfieldval("nh" if v6 else "proto", 253)
        data = data or b"x"
    else:
        p.add_payload(upper)
    if data:
        p.add_payload(data)
    raw = bytes(p)
    return raw + rng.randbytes(rng.randrange(20)) if rng.random() < 0.2 else raw  # Ethernet's padding


def spoil(rng, f):
    """The same frame with a wrong checksum somewhere."""
    raw, what = bytearray(f.raw), rng.randrange(4)
    if what == 0 and f.ip and not f.v6:
        raw[f.l2 + 8] ^= 1 + rng.randrange(255)  # time to live
        return f.changed(raw, f.sum4)
    if what == 1 and f.l4 and not f.has_no_sum():
        at, n = f.field()
        raw[f.l2 + f.l3 + at + rng.randrange(n)] ^= 0x5a
        if any(raw[f.l2 + f.l3 + at:f.l2 + f.l3 + at + n]):
            return f.changed(raw, BAD)
    if what == 2 and isinstance(f.l4, UDP):
        raw[f.l2 + f.l3 + 6:f.l2 + f.l3 + 8] = bytes(2)
        return f.changed(raw, None)
    return f


def write_capture(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for raw in frames:
            f.write(struct.pack("<IIII", 0, 0, len(raw), len(raw)) + raw)


def offloads(*names):
    return hex(sum(DEFINES["OFFLOAD_" + n] for n in names))


class Scapy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rng = random.Random(12)
        cls.dir = tempfile.TemporaryDirectory()
        cls.frames = [Frame(raw) for raw, _ in RawPcapReader(str(REAL))]
        cls.good = [Frame(made(rng), GOOD) for _ in range(PACKETS - len(cls.frames))]
        cls.frames += [spoil(rng, f) if rng.randrange(2) else f for f in cls.good]

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def through(self, rx, tx, frames, asks=None):
        """Send frames through Baton. Return: what it says of each, what it sends."""
        here = pathlib.Path(self.dir.name)
        write_capture(here / "in.pcap", frames)
        command = [os.environ["OFFLOAD_CAPTURE"], rx, tx, str(here / "in.pcap"), str(here / "out.pcap"), str(len(frames))]
        if asks:
            (here / "asks").write_text("\n".join(" ".join(str(int(v)) for v in a) for a in asks) + "\n")
            command.append(str(here / "asks"))
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        said = [[int(word, 0) for word in line.split()] for line in run.stdout.splitlines()]
        sent = [raw for raw, _ in RawPcapReader(str(here / "out.pcap"))]
        self.assertEqual((len(said), len(sent)), (len(frames), len(frames)))
        return said, sent

    def test_received(self):
        """Verdicts, types and hashes; tags are removed, and are what scapy has found."""
        said, sent = self.through(offloads("RX_CSUM", "RX_IPV4_CSUM", "RX_HASH", "RX_PTYPE", "RX_VLAN", "RX_QINQ"), "0",
                                  [f.raw for f in self.frames])
        seen = set()
        for i, (f, s, out) in enumerate(zip(self.frames, said, sent)):
            l3, l4_, hashed, value, valid, ptype, tpid, outer, inner = s
            with self.subTest(packet=i, frame=f.raw.hex()):
                self.assertEqual((l3, l4_), (f.l3_verdict(), f.l4_verdict()))
                self.assertEqual(value if hashed else None, f.hash())
                self.assertTrue(valid & DEFINES["SIDE_PTYPE"])
                self.assertEqual(hex(ptype), hex(f.ptype()))
                tags = ([(tpid, outer)] if valid & DEFINES["SIDE_VLAN"] else []) + \
                    ([(f.tags[1][0], inner)] if valid & DEFINES["SIDE_QINQ"] else [])
                self.assertEqual(tags, f.tags)
                self.assertEqual(out, f.raw[:12] + f.raw[f.l2 - 2:])
                seen |= {("l3", l3), ("l4", f.proto if f.ip else 0, l4_), ("type", ptype)}
        # Each verdict of each protocol came about, and most types.
        for proto in (6, 17, 132):
            for verdict in (UNKNOWN, GOOD, BAD):
                self.assertIn(("l4", proto, verdict), seen)
        self.assertGreater(len([s for s in seen if s[0] == "type"]), 50)

    def test_there_and_back(self):
        """Tags that are removed and inserted again are where they were."""
        _, sent = self.through(offloads("RX_VLAN", "RX_QINQ"), offloads("TX_VLAN"), [f.raw for f in self.frames])
        self.assertEqual(sent, [f.raw for f in self.frames])

    def test_sent(self):
        """What scapy has filled in is filled in by Baton: IPv4's header, TCP, UDP, SCTP, ICMP and ICMPv6."""
        rng, frames, asks = random.Random(13), [], []
        for f in self.good:
            raw, sum3 = bytearray(f.raw), bool(f.ip and not f.v6)
            sum4 = bool(f.ip and not f.fragment and f.proto in (1, 6, 17, 58, 132))
            at = 0
            if sum3:
                raw[f.l2 + 10:f.l2 + 12] = rng.randbytes(2)
            if sum4:
                at, n = f.field()
                raw[f.l2 + f.l3 + at:f.l2 + f.l3 + at + n] = struct.pack("!H", f.pseudo()) if n == 2 else rng.randbytes(4)
                del raw[f.end:]  # a checksum that is asked for is that of all that follows
            frames.append(bytes(raw))
            asks.append((f.l2, f.l3 if f.ip else 0, at, sum3, sum4))
        _, sent = self.through("0", offloads("TX_CSUM", "TX_IPV4_CSUM"), frames, asks)
        for i, (f, before, out) in enumerate(zip(self.good, frames, sent)):
            field = slice(f.l2 + f.l3 + 16, f.l2 + f.l3 + 18) if isinstance(f.l4, TCP) else slice(0)
            if out[field] == b"\xff\xff" and not any(f.raw[field]):  # TCP's may be one zero or the other
                out = out[:field.start] + f.raw[field] + out[field.stop:]
            with self.subTest(packet=i, before=before.hex()):
                self.assertEqual(out.hex(), f.raw[:len(before)].hex())

    def test_published_hashes(self):
        """Microsoft's numbers, by the hash of this test and by Baton's."""
        for ports in (False, True):
            frames = []
            for src, sport, dst, dport, *_ in PUBLISHED:
                ip = (IPv6 if ":" in src else IP)(src=src, dst=dst)
                frames.append(Frame(bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip /
                                          (TCP(sport=sport, dport=dport) if ports else ICMP()))))
            said, _ = self.through(offloads("RX_HASH"), "0", [f.raw for f in frames])
            want = [row[4 + ports] for row in PUBLISHED]
            self.assertEqual([f.hash() for f in frames], want)
            self.assertEqual([s[3] for s in said], want)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
