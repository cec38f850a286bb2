#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each feature of net_e1000e and net_igb, seen from the outside: frames that enter QEMU's model are scapy's, and those that leave it are
compared with scapy's, byte for byte; hashes are those that Microsoft has published.

usage: test_nic.py SHELL e1000e|igb [NAME]...

A test is about one feature, and fails if that is not in the build: without.txt beside the drivers, tests/qtest/without.
"""
import pathlib
import random
import struct
import subprocess
import sys
import unittest

from nic_util import CSUM, DEFINES, OTHER, OWN, Nic, offloads

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
from toeplitz_util import KEY, PUBLISHED, toeplitz  # noqa: E402

try:
    import logging
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.packet import Raw
    from scapy.utils import checksum
except ImportError as e:
    print(f"skipped: there is no scapy (package python3-scapy): {e}")
    sys.exit(77)

SHELL, KIND = sys.argv[1:3]
QUEUES = {"e1000e": 2, "igb": 8}[KIND]
ADDRESSES = {"e1000e": 15, "igb": 23}[KIND]
UDP_PORTS = KIND == "igb"  # of UDP, the 82574L hashes the addresses only
EITR = {"e1000e": 0xe8, "igb": 0x1680}[KIND]
GROUP = "01:00:5e:01:02:03"
UNKNOWN, GOOD, BAD = (CSUM[n] for n in ("UNKNOWN", "GOOD", "BAD"))


def ether(to=OWN):
    return Ether(src="02:00:00:00:00:01", dst=to)


def packet(l4, n, v6=False, to=OWN):
    """A frame with @n bytes of payload."""
    ip = IPv6(src="2001:db8::1", dst="2001:db8::2") if v6 else IP(src="10.0.0.1", dst="10.0.0.2", id=7)
    return ether(to) / ip / l4 / Raw(random.Random(n).randbytes(n))


def tcp(n=100, v6=False, **fields):
    return packet(TCP(sport=1024, dport=4096, seq=0xfffffc00, **fields), n, v6)


def udp(n=100, v6=False):
    return packet(UDP(sport=1024, dport=4096), n, v6)


def tagged(frame, tci):
    return frame[:12] + struct.pack("!HH", 0x8100, tci) + frame[12:]


def partial(frame):
    """The same with the sum of the pseudo-header in the place of the checksum. Return: it, and where things are."""
    raw, layer = bytearray(bytes(frame)), Ether(bytes(frame))
    v6 = IPv6 in layer
    l3, proto, offset = 40 if v6 else 20, 17 if UDP in layer else 6, 6 if UDP in layer else 16
    addresses = raw[22:54] if v6 else raw[26:34]
    at = 14 + l3 + offset
    raw[at:at + 2] = struct.pack("!H", 0xffff - checksum(bytes(addresses) + struct.pack("!II", len(raw) - 14 - l3, proto)))
    return bytes(raw), {"lengths": (14, l3, 0), "offset": offset}


def segments(frame, size):
    """What scapy makes of each segment: headers anew, identifications and sequence numbers in turn, CWR in the first one. FIN and PSH are
    for the last one, and QEMU drops them (hw/net/net_tx_pkt.c), whoever asks for segments: so they are in none here."""
    whole = Ether(bytes(frame))
    payload, out = bytes(whole[TCP].payload), []
    for k, at in enumerate(range(0, len(payload), size)):
        p = whole.copy()
        t = p[TCP]
        t.remove_payload()
        t.add_payload(Raw(payload[at:at + size]))
        t.seq = (t.seq + at) & 0xffffffff
        t.flags = str(t.flags).replace("F", "").replace("P", "").replace("C", "C" if not k else "")
        del t.chksum
        if IP in p:
            p[IP].id += k
            del p[IP].len, p[IP].chksum
        else:
            del p[IPv6].plen
        out.append(bytes(p))
    return out


# 10.2.7 of the 82574's datasheet, 8.19 of the 82576's: counters that QEMU's models leave at 0, or nearly so, and those of bytes, which are
# two registers.
WIRE = {0x4000: "rx_crc_errors", 0x4004: "rx_align_errors", 0x4010: "rx_missed_packets", 0x4014: "tx_single_collision_packets",
        0x4018: "tx_excessive_collision_packets", 0x401c: "tx_multiple_collision_packets", 0x4020: "tx_late_collisions",
        0x4028: "tx_total_collisions", 0x4030: "tx_deferred_packets", 0x4034: "tx_no_carrier_sense_packets", 0x4040: "rx_length_errors",
        0x4048: "rx_xon_packets", 0x404c: "tx_xon_packets", 0x4050: "rx_xoff_packets", 0x4054: "tx_xoff_packets",
        0x4058: "rx_flow_control_unsupported_packets", 0x40a0: "rx_no_buffer_packets", 0x40a4: "rx_undersize_errors",
        0x40a8: "rx_fragment_errors", 0x40ac: "rx_oversize_errors", 0x40b0: "rx_jabber_errors", 0x40f8: "tx_tso_packets"}
PAIRS = {0x40c0: "rx_total_bytes", 0x40c8: "tx_total_bytes"}


class Frames(unittest.TestCase):
    def test_frames(self):
        """Any bytes, of any length, in both directions."""
        rng = random.Random(1)
        with Nic(SHELL) as nic:
            for n in [46, 47, 1500] + [rng.randrange(46, 1500) for _ in range(20)]:
                frame = bytes(ether() / Raw(rng.randbytes(n)))
                self.assertTrue(nic.passes(frame))
                self.assertEqual(nic.send(frame), [frame])

    def test_broadcast(self):
        with Nic(SHELL) as nic:
            self.assertTrue(nic.passes(bytes(packet(UDP(), 100, to="ff:ff:ff:ff:ff:ff"))))

    def test_jumbo(self):
        """In one buffer each."""
        with Nic(SHELL, room=16384 + 128) as nic:
            for n in (1600, 9000):
                frame = bytes(ether() / Raw(random.Random(n).randbytes(n)))
                found = nic.receive(frame)
                self.assertEqual([(p.frame, p.buffers) for p in found], [(frame, 1)])

    def test_rx_buffers(self):
        with Nic(SHELL, room=1024 + 128) as nic:
            frame = bytes(ether() / Raw(random.Random(2).randbytes(1480)))
            self.assertEqual([(p.frame, p.buffers) for p in nic.receive(frame)], [(frame, 2)])

    def test_tx_buffers(self):
        with Nic(SHELL) as nic:
            frame = bytes(ether() / Raw(random.Random(3).randbytes(1480)))
            for part in (100, 600, 1400):
                self.assertEqual(nic.send(frame, part=part), [frame])


class Checksums(unittest.TestCase):
    def test_rx_csum_ipv4(self):
        with Nic(SHELL, asks=offloads("RX_IPV4_CSUM")) as nic:
            for frame in (bytes(tcp()), bytes(udp()), bytes(packet(ICMP(), 100))):
                bad = bytearray(frame)
                bad[22] ^= 1  # time to live
                self.assertEqual([p.l3 for p in nic.receive(frame)], [GOOD])
                self.assertEqual([p.l3 for p in nic.receive(bad)], [BAD])
            self.assertEqual([p.l3 for p in nic.receive(tcp(v6=True))], [UNKNOWN])

    def test_rx_csum_l4(self):
        with Nic(SHELL, asks=offloads("RX_CSUM")) as nic:
            for v6 in (False, True):
                for frame in (bytes(tcp(v6=v6)), bytes(udp(v6=v6)), bytes(tcp(101, v6)), bytes(udp(101, v6))):
                    bad = bytearray(frame)
                    bad[120] ^= 1
                    self.assertEqual([p.l4 for p in nic.receive(frame)], [GOOD], frame.hex())
                    self.assertEqual([p.l4 for p in nic.receive(bad)], [BAD], frame.hex())
            self.assertEqual([p.l4 for p in nic.receive(packet(ICMP(), 100))], [UNKNOWN])

    def test_tx_csum_ipv4(self):
        with Nic(SHELL, asks=offloads("TX_IPV4_CSUM")) as nic:
            for frame in (bytes(tcp()), bytes(udp(33)), bytes(packet(ICMP(), 100))):
                asked = bytearray(frame)
                asked[24:26] = b"\xab\xcd"
                self.assertEqual(nic.send(asked, "CSUM", l3=True, lengths=(14, 20, 0)), [frame])
            self.assertEqual(nic.send(asked), [bytes(asked)])  # not asked for

    def test_tx_csum_l4(self):
        with Nic(SHELL, asks=offloads("TX_CSUM")) as nic:
            for v6 in (False, True):
                for n in (1, 20, 101, 1200):
                    for p in (tcp(n, v6), udp(n, v6)):
                        asked, where = partial(p)
                        self.assertEqual(nic.send(asked, "CSUM", l4=True, **where), [bytes(p)])

    def check_tso(self, nic, frame, size, lengths, tag=0):
        want = segments(frame, size)
        self.assertGreater(len(want), 2)
        raw = bytes(frame)
        if tag:
            raw, want = tagged(raw, tag), [tagged(f, tag) for f in want]
            lengths = (18, *lengths[1:])
        self.assertEqual([f.hex() for f in nic.send(raw, "SEGMENT", lengths=lengths, size=size)], [f.hex() for f in want])

    def test_tso(self):
        """Over IPv4 and IPv6, with options, behind a tag; the sequence number goes over its end."""
        options = [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]
        with Nic(SHELL, asks=offloads("TX_TSO"), room=16384 + 128) as nic:
            for v6 in (False, True):
                l3 = 40 if v6 else 20
                self.check_tso(nic, tcp(9000, v6, flags="FPAC"), 1460, (14, l3, 20))
                self.check_tso(nic, tcp(3000, v6, flags="A", options=options), 1000, (14, l3, 32))
                self.check_tso(nic, tcp(3001, v6, flags="A"), 1000, (14, l3, 20), tag=0x6007)


class Vlans(unittest.TestCase):
    def test_vlan_strip(self):
        frame = bytes(tcp())
        with Nic(SHELL, asks=offloads("RX_VLAN")) as nic:
            for tci in (1, 0xe065, 0xffff):
                self.assertEqual([(p.frame, p.tag) for p in nic.receive(tagged(frame, tci))], [(frame, (0x8100, tci))])
            self.assertEqual([(p.frame, p.tag) for p in nic.receive(frame)], [(frame, None)])
            nic.do("restart", 1, 0)
            self.assertEqual([(p.frame, p.tag) for p in nic.receive(tagged(frame, 5))], [(tagged(frame, 5), None)])

    def test_vlan_insert(self):
        """And scapy reads the tag as it was meant."""
        with Nic(SHELL, asks=offloads("TX_VLAN", "RX_VLAN")) as nic:
            for frame in (bytes(tcp()), bytes(udp(33)), bytes(packet(ICMP(), 1400))):
                for vid, priority in ((1, 0), (101, 7), (4095, 3)):
                    sent = nic.send(frame, "VLAN", tag=(0x8100, priority << 13 | vid))
                    self.assertEqual(sent, [tagged(frame, priority << 13 | vid)])
                    self.assertEqual((Ether(sent[0])[Dot1Q].vlan, Ether(sent[0])[Dot1Q].prio), (vid, priority))
                self.assertEqual(nic.send(frame), [frame])

    def test_vlan_filter(self):
        frame = bytes(tcp())
        with Nic(SHELL) as nic:
            self.assertTrue(all(nic.passes(tagged(frame, vid)) for vid in (0, 31, 100, 4095)))
            for vid in (31, 100, 4095):
                nic.do("set vlan", vid, 1)
            for vid in (0, 30, 31, 32, 99, 100, 101, 4094, 4095):
                self.assertEqual(nic.passes(tagged(frame, 0x6000 | vid)), vid in (31, 100, 4095), vid)
            self.assertTrue(nic.passes(frame))
            nic.do("set vlan", 100, 0)
            self.assertFalse(nic.passes(tagged(frame, 100)))


class Addresses(unittest.TestCase):
    @staticmethod
    def passes(nic, to):
        return nic.passes(bytes(packet(UDP(), 100, to=to)))

    def test_promisc(self):
        with Nic(SHELL) as nic:
            for on in (0, 1, 0):
                nic.do("set promisc", on)
                self.assertEqual([self.passes(nic, to) for to in (OWN, OTHER, GROUP)], [True, bool(on), bool(on)])

    def test_allmulti(self):
        with Nic(SHELL) as nic:
            for on in (0, 1, 0):
                nic.do("set allmulti", on)
                self.assertEqual([self.passes(nic, to) for to in (OWN, OTHER, GROUP)], [True, False, bool(on)])

    def test_mac_change(self):
        with Nic(SHELL) as nic:
            nic.do("set mac", OTHER.replace(":", ""))
            self.assertEqual([self.passes(nic, to) for to in (OWN, OTHER)], [False, True])

    def test_mac_table(self):
        macs = [f"02:00:00:00:01:{i:02x}" for i in range(ADDRESSES + 1)]
        with Nic(SHELL) as nic:
            nic.do("set macs", *(m.replace(":", "") for m in macs[:-1]))
            self.assertEqual([self.passes(nic, m) for m in macs], [True] * ADDRESSES + [False])
            nic.do("set macs")
            self.assertFalse(self.passes(nic, macs[0]))

    def test_multicast_table(self):
        """By bits 36 to 47 of the address: 10.2.5.13, 8.10 of the 82576."""
        groups = [f"01:00:5e:{i:02x}:{i * 7 & 255:02x}:{i * 13 & 255:02x}" for i in range(0, 40)]
        bits = lambda m: int(m[15:], 16) << 4 | int(m[12:14], 16) >> 4
        with Nic(SHELL) as nic:
            nic.do("set macs", *(m.replace(":", "") for m in groups[:20]))
            known = {bits(m) for m in groups[:20]}
            self.assertEqual([self.passes(nic, m) for m in groups], [bits(m) in known for m in groups])


class Rss(unittest.TestCase):
    """By Microsoft's table; the key is set, though it is the one that ports have anyway."""
    ALL = ["IPV4", "IPV4_TCP", "IPV6", "IPV6_TCP"] + ["IPV4_UDP", "IPV6_UDP"] * UDP_PORTS

    @staticmethod
    def frame(src, sport, dst, dport, l4):
        v6 = ":" in src
        upper = l4(sport=sport, dport=dport) if l4 else ICMPv6EchoRequest() if v6 else ICMP()
        return bytes(ether() / (IPv6 if v6 else IP)(src=src, dst=dst) / upper / Raw(bytes(60)))

    def each(self):
        """Each row with no ports, with TCP's and UDP's: frame, hash."""
        for src, sport, dst, dport, addresses, ports in PUBLISHED:
            yield self.frame(src, sport, dst, dport, None), addresses
            yield self.frame(src, sport, dst, dport, TCP), ports
            yield self.frame(src, sport, dst, dport, UDP), ports if UDP_PORTS else addresses

    def test_rss_hash(self):
        with Nic(SHELL, QUEUES, offloads("RX_HASH")) as nic:
            nic.set_rss(KEY, self.ALL)
            for frame, want in self.each():
                self.assertEqual([p.hash for p in nic.receive(frame)], [want], frame.hex())

    def test_rss_spread(self):
        """By the device's table, and by one of the application's."""
        table = [(i * 5 + 3) // 4 % QUEUES for i in range(128)]
        with Nic(SHELL, QUEUES) as nic:
            nic.set_rss(KEY, self.ALL)
            for frame, want in self.each():
                self.assertEqual([p.queue for p in nic.receive(frame)], [want % 128 % QUEUES], frame.hex())
            nic.set_rss(KEY, self.ALL, table)
            for frame, want in self.each():
                self.assertEqual([p.queue for p in nic.receive(frame)], [table[want % 128]], frame.hex())
            nic.do("restart", 1, 0)
            for frame, _ in self.each():
                self.assertEqual([p.queue for p in nic.receive(frame)], [0])

    def test_rss_key(self):
        """Another key, by the definition of the hash."""
        key = random.Random(40).randbytes(40)
        with Nic(SHELL, QUEUES, offloads("RX_HASH")) as nic:
            nic.set_rss(key, self.ALL)
            for frame, _ in self.each():
                v6, l4 = frame[12:14] == b"\x86\xdd", frame[20 if frame[12:14] == b"\x86\xdd" else 23]
                data = frame[22:54] if v6 else frame[26:34]
                if l4 == 6 or (l4 == 17 and UDP_PORTS):
                    data += frame[54:58] if v6 else frame[34:38]
                self.assertEqual([p.hash for p in nic.receive(frame)], [toeplitz(key, data)], frame.hex())

    def test_rss_types(self):
        """What is not asked for is not hashed, or, of TCP, by its addresses."""
        rows = [r for r in PUBLISHED if ":" not in r[0]]
        with Nic(SHELL, QUEUES, offloads("RX_HASH")) as nic:
            nic.set_rss(KEY, ["IPV4_TCP"])
            for src, sport, dst, dport, _, ports in rows:
                self.assertEqual([p.hash for p in nic.receive(self.frame(src, sport, dst, dport, TCP))], [ports])
                self.assertEqual([p.hash for p in nic.receive(self.frame(src, sport, dst, dport, UDP))], [None])
            nic.set_rss(KEY, ["IPV4"])
            for src, sport, dst, dport, addresses, _ in rows:
                self.assertEqual([p.hash for p in nic.receive(self.frame(src, sport, dst, dport, TCP))], [addresses])


class Device(unittest.TestCase):
    def test_statistics(self):
        """By IEEE 802.3: octets with the frame check sequence."""
        sizes = (60, 61, 123, 124, 252, 508, 1020, 1514)
        classes = ("64", "65_to_127", "65_to_127", "128_to_255", "256_to_511", "512_to_1023", "1024_to_max", "1024_to_max")
        with Nic(SHELL) as nic:
            frames = [bytes(ether() / Raw(bytes(n - 14))) for n in sizes]
            for f in frames:
                self.assertTrue(nic.passes(f))
                self.assertEqual(nic.send(f), [f])
            to_all = bytes(packet(UDP(), 100, to="ff:ff:ff:ff:ff:ff"))
            self.assertEqual(nic.send(to_all), [to_all])
            have = nic.counters()
            for name in set(classes):
                self.assertEqual((name, have[f"tx_size_{name}_packets"]), (name, classes.count(name) + (name == "128_to_255")))
            self.assertEqual((have["rx_total_packets"], have["tx_total_packets"]), (len(sizes), len(sizes) + 1))
            self.assertEqual((have["rx_broadcast_packets"], have["tx_broadcast_packets"]), (0, 1))
            self.assertEqual(have["rx_total_bytes"], sum(sizes) + 4 * len(sizes))
            self.assertEqual(have["tx_total_bytes"], sum(sizes) + 142 + 4 * (len(sizes) + 1))
            again = nic.counters()  # which the device has cleared when it was read
            self.assertEqual((again["tx_total_bytes"], again["rx_total_packets"]), (have["tx_total_bytes"], len(sizes)))

    def test_wire_counters(self):
        """Missed packets, collisions, pauses and what else happens on a wire: the tests' device has some of each, twice."""
        with Nic(SHELL) as nic:
            for turn in (1, 2):
                words = [w for i, at in enumerate(WIRE) for w in (at, 100 + i)]
                words += [w for at in PAIRS for w in (at, 0xfffffff0, at + 4, 3)]
                nic.do("lie", *words)
                have = nic.counters()
                self.assertEqual({n: have[n] for n in WIRE.values()}, {n: turn * (100 + i) for i, n in enumerate(WIRE.values())})
                self.assertEqual([have[n] for n in PAIRS.values()], [turn * 0x3fffffff0] * 2)

    def test_link_changes(self):
        with Nic(SHELL) as nic:
            for up in (0, 1):
                self.assertEqual(nic.do("cable", up)[0].split()[1], str(up))
            self.assertTrue(nic.passes(bytes(tcp())))

    def test_link_speed(self):
        """What the PHY advertises, or is forced to: IEEE 802.3, 22.2.4.1, 28.2.4.1.3 and 40.5.1.1. QEMU's link stays as it is."""
        bits = {"10_HALF": 1 << 5, "10_FULL": 1 << 6, "100_HALF": 1 << 7, "100_FULL": 1 << 8}
        with Nic(SHELL) as nic:
            for names in (["10_HALF"], ["10_FULL", "100_FULL"], ["1000_FULL"], ["100_HALF", "1000_FULL"]):
                nic.do("speeds", sum(DEFINES["SPEED_" + n] for n in names), 1)
                self.assertEqual(nic.phy(0) & 0x1800, 0x1000)
                self.assertEqual(nic.phy(4) & 0x1e0, sum(bits.get(n, 0) for n in names))
                self.assertEqual(nic.phy(9) & 0x300, 0x200 if "1000_FULL" in names else 0)
            for name, control in (("10_HALF", 0), ("10_FULL", 0x100), ("100_HALF", 0x2000), ("100_FULL", 0x2100)):
                nic.do("speeds", DEFINES["SPEED_" + name], 0)
                self.assertEqual((name, nic.phy(0) & 0x3940), (name, control))

    def test_flow_control(self):
        """What is asked for whatever the other end can is in CTRL, bits 27 (pauses are kept) and 28 (asked for); the frame is IEEE 802.3's."""
        with Nic(SHELL) as nic:
            for mode in (1, 2, 3, 0):
                nic.do("pauses", mode, 0, 0x1234, 8192, 4096, mode & 1)
                self.assertEqual(nic.register(0) >> 27 & 3, mode)
                self.assertEqual([nic.register(at) for at in (0x170, 0x2168, 0x2160)], [0x1234, 8192, 4096 | (mode & 1) << 31])
                self.assertEqual([nic.register(at) for at in (0x28, 0x2c, 0x30)], [0x00c28001, 0x0100, 0x8808])

    def test_rx_wake(self):
        with Nic(SHELL) as nic:
            for _ in range(2):
                self.assertEqual(nic.do("rx_wake", 0, bytes(tcp()).hex()), ["slept", "woke"])
                self.assertEqual(len(nic.receive(tcp())), 2)

    def test_tx_wake(self):
        with Nic(SHELL, 2) as nic:
            for queue in range(2):
                self.assertEqual(nic.do("tx_wake", queue, bytes(tcp()).hex()), ["slept", "woke"])

    def test_moderation(self):
        """From one interrupt of a queue to the next there are at least 50 us."""
        with Nic(SHELL) as nic:
            for vector in (1, 2):
                at = nic.register(EITR + 4 * vector)
                us = (at & 0xffff) * 0.256 if KIND == "e1000e" else at >> 2 & 0x1fff
                self.assertGreaterEqual(us, 49)


class Lines(unittest.TextTestResult):
    """A line for each test, to be counted."""

    def report(self, words, test):
        print(words, test.id().split(".test_")[-1], flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.report("not ok", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.report("not ok", test)


if __name__ == "__main__":
    probe = subprocess.run([SHELL], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if probe.returncode == 77:
        print(probe.stdout.strip())
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], testRunner=unittest.TextTestRunner(resultclass=Lines, verbosity=0))
