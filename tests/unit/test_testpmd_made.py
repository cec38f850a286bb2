#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Made packets, byte for byte: the modes txonly and flowgen, and tx_first."""
import struct

from packet_util import OWN, PEER, inet_sum
from testpmd_util import (NULL2, SHORT, Prompt, check, expect, forward, good, main, packets, path, read_pcap, refused, run,
                          script, totals, write_pcap)


def ip(text):
    return bytes(int(b) for b in text.split("."))


def datagram(length, src, dst, sport, dport, dmac=PEER, smac=OWN):
    """The headers of a made packet of `length` bytes."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, length - 14, 0, 0, 64, 17, 0) + src + dst
    head = head[:10] + struct.pack("!H", inet_sum(head)) + head[12:]
    return dmac + smac + b"\x08\0" + head + struct.pack("!HHHH", sport, dport, length - 34, 0)


def made(mode, n, app=""):
    env = "-l 0,1 --vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    stats, _ = forward(env, "--forward-mode=%s --stop-after=%d %s" % (mode, n, app))
    got = read_pcap("out.pcap")
    expect(len(got) == stats["total"]["tx_packets"] == n, stats["total"])
    return got


def txonly(app, length, src="198.18.0.1", dst="198.18.0.2", ports=(9, 9), **macs):
    got = made("txonly", 40, app)
    want = datagram(length, ip(src), ip(dst), *ports, **macs)
    for p in got:
        expect(len(p) == length and p[:42] == want, "%s: %s, not %s" % (app, p.hex(), want.hex()))


@check
def txonly_headers():
    txonly("", 64)
    txonly("--tx-ip=1.2.3.4,255.255.255.255", 64, "1.2.3.4", "255.255.255.255")
    txonly("--tx-udp=1024", 64, ports=(1024, 1024))
    txonly("--tx-udp=0,65535", 64, ports=(0, 65535))
    txonly("--eth-peer=0,02:00:00:00:00:42", 64, dmac=b"\x02\0\0\0\0\x42")


@check
def txonly_lengths():
    """Segments of any length, headers in one or several of them."""
    for lens in ("42", "43", "64,128,256", "20,44", "1,41", "14,20,8", ",".join(["5"] * 12), "1,1,1,1,1,1,1,1,60", "1514",
                 "1000,514"):
        length = sum(map(int, lens.split(",")))
        txonly("--txpkts=" + lens, length)
    txonly("--txpkts=9000 --mtu=9000 --mbuf-size=16384", 9000)
    txonly("--mbuf-size=40000 --txpkts=32767,32768", 65535)
    txonly("--mbuf-size=65535 --txpkts=65471", 65471)
    txonly("--total-num-mbufs=9000 --burst=4 --txpkts=" + ",".join(["257"] * 255), 65535)
    txonly("--txpkts=3000,3000,3000 --mtu=9000 --mbuf-size=4096", 9000)


@check
def txonly_multi_flow():
    """256 sources of each core: the destination's address with another third byte, and the core's number added."""
    for app in ("", "--txpkts=20,44", "--burst=7"):
        got = made("txonly", 300, "--txonly-multi-flow " + app)
        for i, p in enumerate(got):
            want = datagram(64, bytes([198, 18, i % 256, 3]), ip("198.18.0.2"), 9, 9)
            expect(p[:42] == want, "%s %d: %s, not %s" % (app, i, p.hex(), want.hex()))


def flows(n, count, clones, burst):
    """dpdk-testpmd's order: a clone also counts as a flow that was sent, and a burst begins with a new packet."""
    flow = 0
    for i in range(n):
        if i % burst == 0 or not left:
            left, now = min(clones, burst), flow
        else:
            left -= 1
        yield now
        flow = (flow + 1) % count


@check
def flowgen():
    for count, clones, burst, lens in ((1024, 0, 32, "64"), (1, 0, 32, "64"), (5, 2, 4, "64"), (7, 3, 32, "100"),
                                       (3, 512, 8, "64"), (300, 0, 13, "40,60"), (2, 1, 1, "30,30,4"),
                                       (70000, 0, 32, "1514")):
        length = sum(map(int, lens.split(","))) - 4   # the CRC counts, as in dpdk-testpmd
        got = made("flowgen", 200, "--flowgen-flows=%d --flowgen-clones=%d --burst=%d --txpkts=%s" %
                   (count, clones, burst, lens))
        for i, (p, flow) in enumerate(zip(got, flows(200, count, clones, burst))):
            want = datagram(length, ip("10.254.0.0"), struct.pack("!I", 0x0afd0000 + flow), 1000, 1001,
                            b"\0\1\2\3\4\1", b"\0\1\2\3\4\0") + bytes(length - 42)
            expect(p == want, "%d flows, %d clones, %d: %s, not %s" % (count, clones, i, p.hex(), want.hex()))


@check
def flowgen_drops_what_it_receives():
    """It is counted, and no byte of it is sent on."""
    sent = [p for p in packets(500, (200, 1500)) if p]
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    for app in ("--total-num-mbufs=2048", "--mbuf-size=300 --total-num-mbufs=2048"):
        r = good(run(env, "--forward-mode=flowgen --run-time=0.2 --flowgen-flows=10 " + app))
        rx, missed, tx, dropped = totals(r.out)
        expect(rx == 500 and missed == 0 and tx > 500 and dropped == 0, r)
        got = read_pcap("out.pcap")
        expect(len(got) == tx and {p[42:] for p in got} == {bytes(18)}, "payload")


@check
def flowgen_runs_on():
    """A stopped RX queue keeps no flow from being sent; a stopped TX queue takes none; --sleep-idle cannot be."""
    with Prompt("--vdev=net_null0,no-rx=1", "--forward-mode=flowgen") as b:
        out = b.say("start")
        expect("number of flows for port 0: 1024" in b.log, out)
        b.say("port 0 rxq 0 stop", "clear port stats 0")
        b.until(lambda: b.both(0)[1] > 1000)
        b.say("port 0 txq 0 stop")
        stopped = b.both(0)[1]
        expect(b.both(0)[1] == stopped, "a stopped TX queue sends")
        b.say("port 0 txq 0 start")
        b.until(lambda: b.both(0)[1] > stopped + 1000)
        expect(b.quit()[0] == 0, b.log[-500:])
    refused(run(NULL2, "--forward-mode=flowgen --sleep-idle"), "--sleep-idle", "flowgen")


@check
def tx_first_in_any_mode():
    """It sends txonly's packets, also before flows."""
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    for mode in ("io", "mac", "flowgen"):
        good(script(env, "--tx-ip=9.8.7.6,5.4.3.2 --forward-mode=" + mode, "start tx_first", "stop", "quit"))
        got = read_pcap("out.pcap")
        expect(len(got) >= 32, len(got))
        expect(all(p[:42] == datagram(64, ip("9.8.7.6"), ip("5.4.3.2"), 9, 9) for p in got[:32]), got[0].hex())


@check
def values_that_cannot_be():
    for bad in ("--tx-ip=1.2.3.4", "--tx-ip=1.2.3.4,5.6.7", "--tx-ip=", "--tx-ip=1.2.3.4,5.6.7.8,9.9.9.9", "--tx-ip=a,b",
                "--tx-ip=1.2.3.4,", "--tx-ip=" + "1" * 300, "--tx-udp=", "--tx-udp=65536", "--tx-udp=1,65536",
                "--tx-udp=1,2,3", "--tx-udp=-1", "--tx-udp=1,", "--flowgen-flows=0", "--flowgen-flows=-1",
                "--flowgen-flows=4294967296", "--flowgen-clones=-1", "--flowgen-clones=513", "--txpkts=20,21",
                "--txpkts=65536", "--txpkts=60000,6000", "--txpkts=64,", "--txpkts=" + ",".join(["1"] * 256),
                "--mbuf-size=2048,65536", "--mbuf-size=2048,127", "--mbuf-size=2048,", "--mbuf-size=,2048",
                "--mbuf-size=2048,x", "--mbuf-size=" + ",".join(["2048"] * 33)):
        refused(run(NULL2, bad), bad.split("=")[0])
    for app, words in (("--txpkts=2049", ("2049", "2048", "--mbuf-size")), ("--mtu=1500 --txpkts=1523", ("1523", "1522", "--mtu")),
                       ("--txpkts=" + ",".join(["42"] * 17), ("17 segments", "takes 16"))):
        refused(run(NULL2, "--forward-mode=txonly " + app), *words)
    refused(run(NULL2, "--forward-mode=flowgen --txpkts=45"), "45", "46")


@check
def impossible_packets_do_not_start():
    """What was set for another mode is checked when packets are to be made."""
    r = script(NULL2, "--txpkts=42", "set fwd flowgen", "start", "show config fwd", "set fwd txonly", "start", "stop", "quit")
    expect("46 at least" in r.out and r.out.count("Forward statistics for port 0") == 1, r)


@check
def several_pool_sizes():
    """The first size is the pool's; that the others change nothing is said once."""
    one, two = (good(run(NULL2, SHORT + " --mbuf-size=" + sizes)) for sizes in ("2048", "2048,4096,128"))
    pool = [line for line in one.out.splitlines() if line.startswith("Pool")]
    expect(pool and pool == [line for line in two.out.splitlines() if line.startswith("Pool")], two)
    expect(one.err.count("--mbuf-size") == 0 and two.err.count("--mbuf-size=2048,4096,128: buffers of 2048 bytes") == 1, two)
    for n in (0, 1, 512):
        good(run(NULL2, SHORT + " --mbcache=%d" % n))


if __name__ == "__main__":
    main()
