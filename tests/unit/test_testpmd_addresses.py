#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The modes that change addresses, mac, macswap and 5tswap: byte for byte, whatever a packet is and however it is cut."""
import struct

from packet_util import OWN, PEER, damaged, eth, ipv4, kinds, l4
from testpmd_util import (check, expect, forward, good, main, path, read_pcap, refused, run, script, totals,
                          write_pcap)

SIZES = ("", "--mbuf-size=128", "--mbuf-size=135", "--mbuf-size=200 --burst=1")


def through(mode, sent, app=""):
    """What a mode makes of packets."""
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    forward(env, "--forward-mode=%s --stop-after=%d %s" % (mode, len(sent), app))
    return read_pcap("out.pcap")


def compare(mode, what, app, names, got, want):
    expect(len(got) == len(want), "%s %s: %d packets, not %d" % (mode, app, len(got), len(want)))
    for name, g, w in zip(names, got, want):
        expect(g == w, "%s %s %s: %s became %s, not %s" % (mode, app, what, name, g.hex(), w.hex()))


def every_kind(mode, expected):
    names, sent = zip(*kinds())
    for app in SIZES:
        compare(mode, "kinds", app, names, through(mode, sent, app), [expected(p) for p in sent])
    sent = list(damaged(2000, 4))
    for app in ("", "--mbuf-size=128"):
        compare(mode, "damaged", app, [p.hex() for p in sent], through(mode, sent, app), [expected(p) for p in sent])


def swap(p, at, half):
    """Two neighbouring fields change places, if both are there."""
    if at + 2 * half > len(p):
        return p
    return p[:at] + p[at + half:at + 2 * half] + p[at:at + half] + p[at + 2 * half:]


def fivetuple(p):
    """Layer by layer as dpdk-testpmd does, but for ports where there are none."""
    q, at = swap(p, 0, 6), 12
    while p[at:at + 2] in (b"\x81\0", b"\x88\xa8"):
        at += 4
    kind, ip = p[at:at + 2], at + 2
    if kind == b"\x08\0" and ip + 20 <= len(p):
        q = swap(q, ip + 12, 4)
        length, later = (p[ip] & 15) * 4, struct.unpack_from("!H", p, ip + 6)[0] & 0x1fff
        if length >= 20 and not later and p[ip + 9] in (6, 17):
            q = swap(q, ip + length, 2)
    elif kind == b"\x86\xdd" and ip + 40 <= len(p):
        q = swap(q, ip + 8, 16)
        if p[ip + 6] in (6, 17):
            q = swap(q, ip + 40, 2)
    return q


@check
def mac():
    every_kind("mac", lambda p: PEER + OWN + p[12:])


@check
def macswap():
    every_kind("macswap", lambda p: swap(p, 0, 6))


@check
def fivetuple_swap():
    every_kind("5tswap", fivetuple)


@check
def a_packet_of_tags():
    """Nothing but VLAN tags, 1,500 bytes of them, is skipped to its end and no further."""
    for extra in range(4):
        p = eth(bytes(extra), 0x0800, tags=((0x8100, 1),) * 370)
        for app in ("", "--mbuf-size=200"):
            for mode in ("5tswap", "csum"):
                got = through(mode, [p], app)
                expect(len(got) == 1 and got[0][12:] == p[12:], "%s %s %d" % (mode, app, extra))


@check
def long_packets():
    """What no wire carries, in up to 256 buffers; a tag deep in it is none."""
    data = bytes(range(256)) * 1024
    sent = [eth(data[:n], 0x88b5) for n in (9000, 65535, len(data) - 14)]
    sent += [eth(ipv4(l4(proto, data[:n]), proto), 0x0800, tags=((0x8100, 1),) * tags)
             for proto in (6, 17) for n in (20000, 65000) for tags in (0, 2)]
    names = ["%d bytes" % len(p) for p in sent]
    for app in ("", "--mbuf-size=1100", "--mbuf-size=40000"):
        for mode, expected in (("io", lambda p: p), ("mac", lambda p: PEER + OWN + p[12:]),
                               ("macswap", lambda p: swap(p, 0, 6)), ("5tswap", fivetuple),
                               ("csum", lambda p: PEER + OWN + p[12:])):
            compare(mode, "long", app, names, through(mode, sent, app), [expected(p) for p in sent])


@check
def checksums_stay_right():
    """What is swapped is summed, in any order: the reply can be received."""
    p = eth(ipv4(l4(6, b"data" * 9), 6), 0x0800)
    got = through("5tswap", [p])[0]
    again = through("csum", [got])[0]
    expect(got[12:] == again[12:] and got != p, got.hex())


@check
def eth_peer():
    p = eth(b"x" * 50, 0x88b5)
    a, b = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b"
    for mode in ("mac", "csum"):
        env = " ".join("--vdev=net_pcap%d,rx_pcap=%s,tx_pcap=%s" % (i, write_pcap("in.pcap", [p]), path("out%d.pcap" % i))
                       for i in range(2))
        forward(env, "--forward-mode=%s --stop-after=2 --eth-peer=1,%s --eth-peer=0,%s" % (mode, b.hex(":"), a.hex(":")))
        got = read_pcap("out0.pcap") + read_pcap("out1.pcap")
        expect([q[:6] for q in got] == [a, b], [q.hex() for q in got])
        expect(got[0][6:12] == OWN and got[1][6:12] != OWN and got[1][12:] == p[12:], [q.hex() for q in got])
        forward(env, "--forward-mode=%s --stop-after=2 --eth-peer=1,%s" % (mode, b.hex(":")))
        expect([read_pcap("out%d.pcap" % i)[0][:6] for i in range(2)] == [PEER, b], mode)
    for form in ("0200:0000:000B", "02:00:00:00:00:0B"):
        forward(env, "--forward-mode=mac --stop-after=2 --eth-peer=0," + form)
        expect(read_pcap("out0.pcap")[0][:6] == b, form)
    for bad in ("0", "0,", "0,02:00:00:00:00", "0,02:00:00:00:00:001", "0,200:0:1", "0,2:0:0:0:0:1", "0,02-00-00-00-00-01", "0,0x2:0:0:0:0:1",
                "0,:::::", "0,02:00:00:00:00:01:", "0, 2:00:00:00:00:01", "0,::", "x,02:00:00:00:00:01", "64,02:00:00:00:00:01", "-1,02:00:00:00:00:01"):
        refused(run("--vdev=net_null0", "--eth-peer=" + bad), "--eth-peer")


@check
def modes_are_told():
    r = good(run("--help"))
    for mode in ("io", "mac", "macswap", "flowgen", "rxonly", "txonly", "csum", "icmpecho", "5tswap"):
        expect("\n  %-20s " % mode in r.out, mode)
        good(script("--vdev=net_null0", "", "set fwd " + mode, "show config fwd", "quit"))
    for mode in ("noisy", "ieee1588", "shared-rxq", "shared_rxq", "recycle_mbufs", "softnic", "mac_retry"):
        r = good(script("--vdev=net_null0", "", "set fwd " + mode, "quit"))
        expect('"set fwd %s" is a command of dpdk-testpmd that is not supported here: ' % mode in r.out, r)
        refused(run("--vdev=net_null0", "--forward-mode=" + mode), mode, "not supported", "There are io, mac")
    refused(run("--vdev=net_null0", "--forward-mode=5tswp"), "did you mean 5tswap")


@check
def two_ports_each_its_way():
    """Pairs, and a chain: mac's addresses are those of the port that sends."""
    p = [eth(b"%d" % i * 50, 0x88b5) for i in range(3)]
    for topology, leads in (("chained", (1, 2, 0)), ("loop", (0, 1, 2))):
        env = " ".join("--vdev=net_pcap%d,rx_pcap=%s,tx_pcap=%s" % (i, write_pcap("in%d.pcap" % i, [p[i]]),
                                                                   path("out%d.pcap" % i)) for i in range(3))
        r = good(run(env, "--forward-mode=mac --stop-after=3 --port-topology=" + topology))
        expect(totals(r.out) == (3, 0, 3, 0), r)
        for i, to in enumerate(leads):
            got = read_pcap("out%d.pcap" % to)
            expect(len(got) == 1 and got[0][12:] == p[i][12:] and got[0][:6] == PEER[:5] + bytes([to]),
                   "%s %d: %s" % (topology, i, got))


if __name__ == "__main__":
    main()
