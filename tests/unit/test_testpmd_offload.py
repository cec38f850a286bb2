#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What `csum`, `tso` and `tx_vlan` make of packets on their way from capture to capture, beside what scapy makes of them."""
import sys

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-scapy, whichever python3 this is
try:
    import logging
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
    from scapy.layers.sctp import SCTP, SCTPChunkData
except ImportError as e:
    print(f"skipped: there is no scapy (package python3-scapy): {e}")
    sys.exit(77)

from packet_util import OWN, PEER
from scapy_util import PAYLOAD, cut
from testpmd_util import Prompt, check, expect, main, path, read_pcap, write_pcap


def ether(*tags):
    p = Ether(dst=PEER, src=OWN)
    for tag in tags:
        p = p / tag
    return p


def ip(v6):
    return IPv6(src="2001:db8::1", dst="2001:db8::2") if v6 else IP(src="192.0.2.1", dst="198.51.100.7", id=65533)


def tcp(flags, **more):
    return TCP(sport=1234, dport=80, seq=0xfffff000, ack=77, window=500, flags=flags, **more)


def through(sent, count, *commands, app="--forward-mode=csum", two=False):
    """Send the packets of a capture by a port, or @two: another one, that was told the commands while it was stopped."""
    port = "--no-huge -l 0 --vdev=net_pcap0,rx_pcap=%s%stx_pcap=%s" % (write_pcap("in.pcap", sent), " --vdev=net_pcap1," if two else ",",
                                                                     path("out.pcap"))
    with Prompt(port, app) as b:
        b.say("port stop all", *commands, "port start all", "start")
        b.until(lambda: b.stats("tx_good_packets", int(two)) >= count)
        rc, log = b.quit()
        expect(rc == 0 and "LOST" not in log, log)
    return read_pcap("out.pcap"), log


def same(got, want, what):
    expect([len(p) for p in got] == [len(p) for p in want], (what, [len(p) for p in got]))
    for i, (a, b) in enumerate(zip(got, want)):
        expect(a == b, "%s, packet %d: %s, not %s" % (what, i, a[:90].hex(), b[:90].hex()))


@check
def segments():
    """20 KB leave in segments of 1000 bytes; what is not longer stays as it is."""
    long = [ether() / ip(False) / tcp("FPAC") / PAYLOAD,
            ether() / ip(True) / tcp("PA") / PAYLOAD[:19999],
            ether(Dot1Q(vlan=7)) / ip(False) / tcp("A", options=[("Timestamp", (1, 2)), ("NOP", 0), ("NOP", 0)]) / PAYLOAD[:1001],
            ether(Dot1AD(vlan=8), Dot1Q(vlan=9)) / ip(True) / tcp("A") / PAYLOAD[:2000]]
    short = [ether() / ip(False) / tcp("PA") / PAYLOAD[:1000], ether() / ip(False) / UDP(sport=5, dport=6) / PAYLOAD[:1400]]
    want = [s for p in long for s in cut(p, 1000)] + [bytes(p) for p in short]
    for app in ("", " --mbuf-size=300", " --mbuf-size=150"):
        got, log = through([bytes(p) for p in long + short], len(want), "tso set 1000 0", "tso show 0", app="--forward-mode=csum" + app)
        expect("TSO segment size for non-tunneled packets is 1000" in log, log)
        same(got, want, app)


@check
def segments_of_the_mtu():
    """With options, segments have less payload (RFC 6691), so that none is longer than the MTU; the MTU is the port's."""
    options = [("Timestamp", (1, 2)), ("NOP", 0), ("NOP", 0)]
    p = ether() / ip(False) / tcp("PA", options=options) / PAYLOAD
    want = list(cut(p, 1448))
    expect(max(map(len, want)) == 1514, "the test's own")
    got, _ = through([bytes(p)], len(want), "tso set 1460 0")
    same(got, want, "MTU 1500")
    want = list(cut(p, 2948))
    got, _ = through([bytes(p)], len(want), "port config mtu 1 3000", "tso set 2960 1", two=True)
    same([g[12:] for g in got], [w[12:] for w in want], "MTU 3000")


@check
def whole_without_segments():
    """`tso set 0`, and another mode: the packet is as it was. One with bytes behind what IP counts is not cut."""
    p = bytes(ether() / ip(False) / tcp("PA") / PAYLOAD[:3000])
    for app, commands in (("--forward-mode=csum", ("tso set 1000 0", "tso set 0 0")), ("--forward-mode=mac", ("tso set 1000 0",))):
        got, _ = through([p], 1, *commands, app=app)
        same(got, [p], app)
    got, _ = through([p + b"padding"], 1, "tso set 1000 0")
    same(got, [p + b"padding"], "padded")


@check
def shown_as_asked():
    """`set verbose 2` has what is left to the TX queue, in the words and the order of dpdk-testpmd's flags."""
    sent = [bytes(ether() / ip(v6) / tcp("PA") / PAYLOAD[:n]) for v6 in (0, 1) for n in (3000, 10)]
    _, log = through(sent, 8, "set verbose 2", "tso set 1000 0", "tx_vlan set 0 5")
    flags = [line.split() for line in log.splitlines() if line.startswith("  ol_flags: ")]
    want = ["VLAN IP_CKSUM L4_NO_CKSUM TCP_SEG IPV4", "VLAN L4_NO_CKSUM IPV4", "VLAN L4_NO_CKSUM TCP_SEG IPV6", "VLAN L4_NO_CKSUM IPV6"]
    expect([f[1:] for f in flags] == [["RTE_MBUF_F_TX_" + w for w in line.split()] for line in want], flags)


@check
def spoiled_segments():
    """Whatever TCP's header says of its length, nothing is sent that was not there, and a good packet behind it is cut."""
    good = ether() / ip(False) / tcp("PA") / PAYLOAD[:3000]
    bad = []
    for offset in (0, 4, 15):
        raw = bytearray(bytes(good))
        raw[46] = offset << 4
        bad.append(bytes(raw[:54] if offset == 15 else raw))
    want = list(cut(good, 1000))
    got, _ = through([*bad, bytes(good)], len(bad) + len(want), "tso set 1000 0")
    same(got[len(bad):], want, "behind them")
    expect([p[:50] + p[52:] for p in got[:len(bad)]] == [p[:50] + p[52:] for p in bad], "changed")


@check
def sctp():
    """Its CRC32C is computed, also over several buffers, and a wrong one counted."""
    chunks = [ether() / ip(v6) / SCTP(sport=1, dport=2, tag=3) / SCTPChunkData(data=PAYLOAD[:n]) for v6 in (0, 1) for n in (4, 17, 1200)]
    want = [bytes(p) for p in chunks]
    wrong = [bytearray(p) for p in want]
    for i, (p, raw) in enumerate(zip(chunks, wrong)):
        raw[14 + (40 if IPv6 in p else 20) + 8 + i % 4] ^= 0x40
    for app in ("", " --mbuf-size=200"):
        got, log = through([bytes(p) for p in wrong], len(want), "csum set sctp sw 0", app="--forward-mode=csum" + app)
        same(got, want, app)
        expect("Bad-l4csum: 6 " in log, log)
        got, log = through(want, len(want), app="--forward-mode=csum" + app)
        same(got, want, app)
        expect("Bad-l4csum: 0 " in log, log)


@check
def tags():
    """One or two tags are inserted, in front of those that are there, and into each segment; not in mode io."""
    plain = [ether() / ip(False) / UDP(sport=5, dport=6) / PAYLOAD[:n] for n in (4, 1400)] + \
        [ether(Dot1Q(vlan=3)) / ip(True) / tcp("A") / b"tagged"]
    raw = [bytes(p) for p in plain]

    def tagged(p, *tags):
        return p[:12] + b"".join(tags) + p[12:]

    one, two = bytes.fromhex("81000005"), bytes.fromhex("88a80006")
    for app in ("mac", "csum"):
        got, _ = through(raw, 3, "tx_vlan set 0 5", app="--forward-mode=" + app)
        same(got, [tagged(p, one) for p in raw], app)
    got, _ = through(raw, 3, "tx_vlan set 0 5 6", app="--forward-mode=mac --mbuf-size=150")
    same(got, [tagged(p, two, one) for p in raw], "two")
    for commands, app in ((("tx_vlan set 0 5",), "io"), (("tx_vlan set 0 5", "tx_vlan reset 0"), "mac")):
        got, _ = through(raw, 3, *commands, app="--forward-mode=" + app)
        same(got, raw, app)
    long = ether() / ip(False) / tcp("PA") / PAYLOAD
    got, _ = through([bytes(long)], 20, "tso set 1000 0", "tx_vlan set 0 4095")
    same(got, [tagged(p, bytes.fromhex("81000fff")) for p in cut(long, 1000)], "segments")
    # A tag that was removed gives its place to that of the port; made packets get one, too.
    got, _ = through(raw[2:], 1, "vlan set strip on 0", "tx_vlan set 0 5", app="--forward-mode=mac")
    same(got, [tagged(raw[2][:12] + raw[2][16:], one)], "stripped")
    got, _ = through(raw, 10, "tx_vlan set 0 5", app="--forward-mode=txonly")
    expect(all(p[12:16] == one and p[16:18] == b"\x08\0" and len(p) == 68 for p in got), got[0].hex())


if __name__ == "__main__":
    main()
