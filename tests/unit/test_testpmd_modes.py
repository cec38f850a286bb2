#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The modes csum and icmpecho: what becomes of packets, honest and not. What is expected is computed here, apart."""
import random
import re
import struct

from packet_util import A, A6, B, B6, GROUP, HOST, OWN, PEER, PORT, eth, inet_sum, ipv4, ipv6, l4
from testpmd_util import (check, expect, forward, good, main, path, read_pcap, refused, run, script,
                          write_pcap)

def right():
    """Packets whose checksums are right, by what they are."""
    rng = random.Random(5)
    for n in (0, 1, 2, 7, 100, 1400):
        data = rng.randbytes(n)
        for proto in (6, 17):
            yield eth(ipv4(l4(proto, data), proto), 0x0800)
            yield eth(ipv6(l4(proto, data, A6, B6), proto), 0x86dd)
    data = rng.randbytes(33)
    yield eth(ipv4(l4(6, data), 6), 0x0800, tags=((0x8100, 5),))
    yield eth(ipv4(l4(17, data), 17), 0x0800, tags=((0x88a8, 5), (0x8100, 6)))
    yield eth(ipv4(l4(6, data), 6, options=b"\x01" * 8), 0x0800)
    yield eth(ipv4(l4(17, data), 17) + bytes(9), 0x0800)                    # padding
    yield eth(ipv4(l4(17, data, ulen=20), 17), 0x0800)                      # UDP shorter than IP
    for seed in range(300):                                                 # some have the checksum 0
        yield eth(ipv4(l4(17, struct.pack("!H", seed * 211)), 17), 0x0800)


def l4_at(p):
    """Where the fields of IPv4's and of TCP's or UDP's checksum are."""
    at, kind = 14, p[12:14]
    while kind in (b"\x81\0", b"\x88\xa8"):
        kind = p[at + 2:at + 4]
        at += 4
    if kind == b"\x08\0":
        ip, proto, up = at + 10, p[at + 9], at + (p[at] & 15) * 4
    else:
        ip, proto, up = None, p[at + 6], at + 40
    return ip, up + (16 if proto == 6 else 6)


def spoil(p, where):
    return p[:where] + bytes([p[where] ^ 0x5a]) + p[where + 1:]


def addressed(p):
    return PEER + OWN + p[12:] if len(p) >= 14 else p


def csum(sent, app=""):
    """What mode csum makes of packets; the counters."""
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    stats, r = forward(env, "--forward-mode=csum --stop-after=%d %s" % (len(sent), app))
    found = re.search(r"Bad-ipcsum: (\d+) +Bad-l4csum: (\d+) +Bad-outer-l4csum: 0 +\n  Bad-outer-ipcsum: 0", r.out)
    expect(found, r)
    bad = int(found[1]), int(found[2])
    expect(bad == (stats["total"]["bad_ipcsum"], stats["total"]["bad_l4csum"]), stats)
    return read_pcap("out.pcap"), bad


@check
def csum_right_stays():
    sent = list(right())
    for app in ("", "--burst=1"):
        got, bad = csum(sent, app)
        expect(got == [addressed(p) for p in sent], [a.hex() for a, b in zip(got, sent) if a[12:] != b[12:]][:3])
        expect(bad == (0, 0), bad)


@check
def csum_wrong_is_made_right():
    sent = list(right())
    spoiled, ips, l4s = [], 0, 0
    for i, p in enumerate(sent):
        ip, up = l4_at(p)
        q = p
        if ip and i % 3 != 1:
            q, ips = spoil(q, ip), ips + 1
        if i % 3 != 2:
            q, l4s = spoil(q, up), l4s + 1
        spoiled.append(q)
    got, bad = csum(spoiled)
    expect(got == [addressed(p) for p in sent], "checksums differ")
    expect(bad == (ips, l4s), "%s, not %s" % (bad, (ips, l4s)))


@check
def csum_segments():
    """Packets of several buffers, cut at odd and even places."""
    sent = [eth(ipv4(l4(proto, bytes(range(256)) * 5), proto), 0x0800) for proto in (6, 17)]
    for size in (164, 165, 166, 167, 300, 1001):
        got, bad = csum([spoil(p, l4_at(p)[1]) for p in sent], "--mbuf-size=%d" % size)
        expect(got == [addressed(p) for p in sent] and bad == (0, 2), "mbuf-size %d: %s" % (size, bad))


@check
def csum_headers_in_several_buffers():
    """Behind any number of tags, and cut anywhere: what is wrong is made right."""
    sent, spoiled = [], []
    for depth in range(30):
        for p in (eth(ipv4(l4(6, b"odd"), 6, options=b"\1" * 40), 0x0800, tags=((0x8100, 3),) * depth),
                  eth(ipv4(l4(17, b"even"), 17), 0x0800, tags=((0x88a8, 3),) * depth),
                  eth(ipv6(l4(6, b"data" * 30, A6, B6), 6), 0x86dd, tags=((0x8100, 3),) * depth)):
            ip, up = l4_at(p)
            sent.append(p)
            spoiled.append(spoil(spoil(p, ip) if ip else p, up))
    for app in ("", "--mbuf-size=128", "--mbuf-size=129", "--mbuf-size=150"):
        got, bad = csum(spoiled, app)
        expect(got == [addressed(p) for p in sent] and bad == (60, 90),
               "%s: %s %s" % (app, bad, [i for i, (g, p) in enumerate(zip(got, sent)) if g != addressed(p)]))


@check
def csum_left_alone():
    """No checksum above IP is touched where it cannot be computed; none that UDP's sender left out is made up."""
    udp, tcp = l4(17, b"x" * 40), l4(6, b"y" * 40)
    wrong = spoil(tcp, 16)
    none = udp[:6] + b"\0\0" + udp[8:]
    for p in (eth(ipv4(none, 17), 0x0800),
              eth(ipv4(wrong, 6, frag=0x2000), 0x0800), eth(ipv4(wrong, 6, frag=0x0005), 0x0800),
              eth(ipv4(wrong, 6, length=1000), 0x0800),             # more than there is
              eth(ipv4(wrong[:19], 6), 0x0800), eth(ipv4(udp[:7], 17), 0x0800),
              eth(ipv4(udp[:4] + b"\0\x07" + udp[6:], 17), 0x0800), # UDP shorter than its header
              eth(ipv4(udp[:4] + b"\xff\xff" + udp[6:], 17), 0x0800),
              eth(ipv4(b"z" * 60, 47), 0x0800), eth(ipv6(wrong, 6, length=5000), 0x86dd),
              eth(ipv6(wrong, 43), 0x86dd), eth(b"q" * 50, 0x88b5), eth(b"", 0x0806)):
        got, bad = csum([p])
        expect(got == [addressed(p)] and bad == (0, 0), "%s became %s, %s" % (p.hex(), got[0].hex(), bad))


@check
def csum_hostile():
    """Random damage to headers: nothing crashes, nothing but addresses and checksums changes."""
    rng = random.Random(9)
    base = list(right())[:30]
    sent = []
    for _ in range(3000):
        p = bytearray(rng.choice(base))
        for _ in range(rng.randint(1, 4)):
            p[rng.randrange(12, min(len(p), 64))] = rng.randrange(256)
        sent.append(bytes(p[:max(14, rng.randrange(len(p) * 2))]))
    for app in ("", "--mbuf-size=170"):
        got, _ = csum(sent, app)
        expect([len(p) for p in got] == [len(p) for p in sent], "lengths")
        for a, b in zip(got, sent):
            differ = [i for i in range(12, len(a)) if a[i] != b[i]]
            expect(len(differ) <= 6, "%s became %s" % (b.hex(), a.hex()))


@check
def csum_commands():
    env = "--vdev=net_pcap0,tx_pcap=" + path("o")
    r = good(script(env, "", "csum show 0", "csum set tcp sw 0", "port stop 0", "csum set tcp sw 0",
                    "csum set tcp hw 0", "csum set ip hw 0", "port start 0", "quit"))
    expect(r.out.count("TCP checksum offload is sw") == 2, r)
    expect("Please stop port 0 first" in r.out, r)
    for what in ("TCP", "IP"):
        expect("%s checksum offload is not supported by port 0" % what in r.out, r)
    for bad in ("csum", "csum set", "csum set ip sw", "csum set ip maybe 0", "csum show",
                "csum show all", "csum set ip sw 0 0"):
        r = good(script(env, "", bad, "quit"))
        expect("usage: csum" in r.out and "offload is" not in r.out, "%s: %s" % (bad, r))
    r = good(script(env, "", "csum set ip sw 7", "quit"))
    expect("Invalid port 7" in r.out and "usage: csum set" in r.out, r)
    refused(run(env, "--enable-rx-cksum"), "--enable-rx-cksum", "net_pcap0")


# ---- icmpecho ----

def arp(op=1, head=b"\0\1\x08\0\6\4"):
    return head + struct.pack("!H", op) + HOST + A + bytes(6) + B


def echo(kind=8, code=0, data=b"ping" * 10):
    p = struct.pack("!BBHHH", kind, code, 0, 1, 2) + data
    return p[:2] + struct.pack("!H", inet_sum(p)) + p[4:]


def icmpecho(sent, app=""):
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    stats, r = forward(env, "--forward-mode=icmpecho --stop-after=%d %s" % (len(sent), app))
    expect(stats["total"]["tx_dropped"] == 0, "what is not answered is not lost on TX")
    return read_pcap("out.pcap")


@check
def icmpecho_arp():
    answer = b"\0\1\x08\0\6\4\0\2" + OWN + B + HOST + A
    for tags in ((), ((0x8100, 9),)):
        got = icmpecho([eth(arp() + bytes(18), 0x0806, b"\xff" * 6, tags=tags)])
        expect(got == [eth(answer + bytes(18), 0x0806, HOST, OWN, tags)], got)
    for p in (arp(2), arp(head=b"\0\6\x08\0\6\4"), arp(head=b"\0\1\x86\xdd\6\4"), arp(head=b"\0\1\x08\0\x08\4"),
              arp()[:27], b""):
        expect(icmpecho([eth(p, 0x0806)]) == [], p.hex())


@check
def icmpecho_ping():
    for data in (b"", b"odd", b"ping" * 10, bytes(range(256)) * 5, b"\xff\xf7" * 7):
        for tags in ((), ((0x8100, 9),)):
            for options in (b"", b"\x01" * 12):
                got = icmpecho([eth(ipv4(echo(data=data), 1, options=options), 0x0800, tags=tags)])
                want = eth(ipv4(echo(0, data=data), 1, B, A, options), 0x0800, HOST, PORT, tags)
                expect(got == [want], "%s, not %s" % ([p.hex() for p in got], want.hex()))
    for options in (b"", b"\x01" * 12, b"\x01" * 40):   # headers in one buffer of 64 bytes, and in two
        for size in (128, 129, 131, 140):
            got = icmpecho([eth(ipv4(echo(data=b"b" * 300), 1, options=options), 0x0800, tags=((0x8100, 9),))],
                           "--mbuf-size=%d" % size)
            expect(got == [eth(ipv4(echo(0, data=b"b" * 300), 1, B, A, options), 0x0800, HOST, PORT, ((0x8100, 9),))],
                   "%d options, buffers of %d: %s" % (len(options), size, got))
    big = eth(ipv4(echo(data=b"b" * 1400), 1), 0x0800)
    expect(icmpecho([big], "--mbuf-size=200") == [eth(ipv4(echo(0, data=b"b" * 1400), 1, B, A), 0x0800, HOST, PORT)],
           "several buffers")


@check
def icmpecho_groups():
    """To a group or to all: the reply comes from this port's address; to an IP group from the one beside who asked."""
    for dst in (GROUP, b"\xff" * 6):
        got = icmpecho([eth(ipv4(echo(), 1), 0x0800, dst)])
        expect(got == [eth(ipv4(echo(0), 1, B, A), 0x0800, HOST, OWN)], got)
    for last, beside in ((1, 2), (2, 1), (3, 1), (4, 5)):
        src = A[:3] + bytes([last])
        got = icmpecho([eth(ipv4(echo(), 1, src, bytes([224, 0, 0, 1])), 0x0800, GROUP)])
        expect(got == [eth(ipv4(echo(0), 1, A[:3] + bytes([beside]), src), 0x0800, HOST, OWN)], got)


@check
def icmpecho_drops_the_rest():
    good_one = eth(ipv4(echo(), 1), 0x0800)
    rest = [eth(ipv4(echo(0), 1), 0x0800), eth(ipv4(echo(code=1), 1), 0x0800), eth(ipv4(echo(), 17), 0x0800),
            eth(ipv4(echo(), 1, frag=3), 0x0800), eth(ipv6(echo(), 58), 0x86dd), eth(b"x" * 50, 0x88b5),
            good_one[:14 + 20 + 7], good_one[:30], eth(b"\x65" + ipv4(echo(), 1)[1:], 0x0800),
            eth(b"\x44" + ipv4(echo(), 1)[1:], 0x0800), eth(b"\x4f" + ipv4(echo(), 1)[1:30], 0x0800)]
    got = icmpecho([p for q in rest for p in (q, good_one)])
    expect(len(got) == len(rest), "%d answers" % len(got))
    rng = random.Random(3)
    icmpecho([bytes(rng.choices((0, 1, 8, 6, 69, 255), k=12)) + rng.choice((b"\x08\0", b"\x08\x06", b"\x81\0")) +
              bytes(rng.choices((0, 1, 4, 6, 8, 0x45, 0x4f), k=rng.randrange(60))) for _ in range(3000)])


if __name__ == "__main__":
    main()
