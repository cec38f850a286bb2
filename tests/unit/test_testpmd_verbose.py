#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""set verbose: each packet in dpdk-testpmd's words, whole lines whatever else is printed, and no core held up by a reader."""
import os
import re
import select
import signal
import subprocess
import termios
import time

from packet_util import HOST, OWN, PEER, PORT, damaged, eth, ipv4, ipv6, kinds, l4
from testpmd_util import (LIMIT, Prompt, Skip, check, command, expect, good, main, packets, path, script, write_pcap)

RX_FLAGS = ("  ol_flags: RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN "
            "RTE_MBUF_F_RX_OUTER_L4_CKSUM_UNKNOWN ")
TX_FLAGS = "  ol_flags: RTE_MBUF_F_TX_L4_NO_CKSUM "
BURST = re.compile(r"port \d/queue \d: (received|sent) \d+ packets")
LINE = re.compile(r"  src=(..:){5}.. - dst=(..:){5}.. - pool=mb_pool_0 - type=0x[0-9a-f]{4} - length=\d+ - nb_segs=\d+"
                  r" - sw ptype: (L2_[A-Z]+(_VLAN|_QINQ)? )?([A-Z0-9_]+ )*( - \w+_len=\d+)* - (Receive|Send) queue=0x\d")
HIDDEN = re.compile(r"(\d+) packets not shown: standard output did not take them")

# As dpdk-testpmd 22.11 has it, which the vhost suite compares.
PTYPES = {
    "udp": "L2_ETHER L3_IPV4 L4_UDP  - l2_len=14 - l3_len=20 - l4_len=8",
    "tcp6": "L2_ETHER L3_IPV6 L4_TCP  - l2_len=14 - l3_len=40 - l4_len=20",
    "options": "L2_ETHER L3_IPV4_EXT L4_TCP  - l2_len=14 - l3_len=32 - l4_len=20",
    "vlan": "L2_ETHER_VLAN L3_IPV4 L4_UDP  - l2_len=18 - l3_len=20 - l4_len=8",
    "qinq": "L2_ETHER_QINQ L3_IPV6 L4_TCP  - l2_len=22 - l3_len=40 - l4_len=20",
    "tags-3": "L2_ETHER_VLAN INNER_L2_ETHER_VLAN  - l2_len=18 - inner_l2_len=4",
    "vlan-vlan": "L2_ETHER_VLAN INNER_L2_ETHER_VLAN INNER_L3_IPV4 INNER_L4_TCP  - l2_len=18 - inner_l2_len=4"
                 " - inner_l3_len=20 - inner_l4_len=20",
    "later-fragment": "L2_ETHER L3_IPV4 L4_FRAG  - l2_len=14 - l3_len=20 - l4_len=0",
    "fragment6": "L2_ETHER L3_IPV6_EXT L4_FRAG  - l2_len=14 - l3_len=48 - l4_len=0",
    "hop-by-hop": "L2_ETHER L3_IPV6_EXT L4_TCP  - l2_len=14 - l3_len=48 - l4_len=20",
    "icmp": "L2_ETHER L3_IPV4  - l2_len=14 - l3_len=20",
    "sctp": "L2_ETHER L3_IPV4 L4_SCTP  - l2_len=14 - l3_len=20 - l4_len=12",
    "gre": "L2_ETHER L3_IPV4 TUNNEL_GRE INNER_L3_IPV4 INNER_L4_UDP  - l2_len=14 - l3_len=20 - tunnel_len=4"
           " - inner_l3_len=20 - inner_l4_len=8",
    "ipip": "L2_ETHER L3_IPV4 TUNNEL_IP INNER_L3_IPV4 INNER_L4_UDP  - l2_len=14 - l3_len=20 - tunnel_len=0"
            " - inner_l3_len=20 - inner_l4_len=8",
    "6in4": "L2_ETHER L3_IPV4 TUNNEL_IP INNER_L3_IPV6 INNER_L4_TCP  - l2_len=14 - l3_len=20 - tunnel_len=0"
            " - inner_l3_len=40 - inner_l4_len=20",
    "arp": "L2_ETHER  - l2_len=14",
}


def pcap(sent, n=0, extra=""):
    return "--vdev=net_pcap%d,rx_pcap=%s,tx_pcap=%s%s" % (n, write_pcap("in%d.pcap" % n, sent), path("out%d.pcap" % n), extra)


def shown(out):
    """The lines about packets. One may follow a prompt."""
    found = [re.sub("^(testpmd> )+", "", line) for line in out.splitlines()]
    return [line for line in found if line.startswith(("  src=", "  ol_flags:")) or BURST.fullmatch(line)]


def verbose(level, env, app="", rx=0, tx=0, start="start"):
    """The output of a run until that many packets were received and sent."""
    with Prompt(env, app) as b:
        b.say("set verbose %d" % level, start)
        b.until(lambda: all(a >= n for a, n in zip(b.both(0), (rx, tx))))
        rc, out = b.quit()
    expect(rc == 0, out)
    return out


def mac(m):
    return m.hex(":").upper()


def lines(p, ptype, src, dst, sent, segs=1):
    kind = int.from_bytes(p[12:14], "big")
    return ["  src=%s - dst=%s - pool=mb_pool_0 - type=0x%04x - length=%d - nb_segs=%d - sw ptype: %s - %s queue=0x0" %
            (mac(src), mac(dst), kind, len(p), segs, ptype, "Send" if sent else "Receive"), TX_FLAGS if sent else RX_FLAGS]


@check
def words():
    chosen = [(PTYPES[name], p) for name, p in kinds() if name in PTYPES]
    expect(len(chosen) == len(PTYPES), "names")
    rx = ["port 0/queue 0: received %d packets" % len(chosen)]
    tx = ["port 0/queue 0: sent %d packets" % len(chosen)]
    for ptype, p in chosen:
        rx += lines(p, ptype, HOST, PORT, False)
        tx += lines(p, ptype, OWN, PEER, True)
    for level, want in ((0, []), (1, rx), (2, tx), (3, rx + tx), (77, rx + tx)):
        out = verbose(level, pcap([p for _, p in chosen]), "--forward-mode=mac", len(chosen), len(chosen))
        expect("Change verbose level from 0 to %d" % level in out, out)
        got = shown(out)
        expect(got == want, "level %d: %s" % (level, [(g, w) for g, w in zip(got, want) if g != w][:2] or len(got)))


@check
def while_it_forwards():
    """From one level to another, and bursts are shown from then on."""
    with Prompt("--vdev=net_null0", "--burst=2") as b:
        b.say("start")
        b.moves(0)
        b.say("set verbose 1")
        b.until(lambda: "Receive queue" in b.read())
        b.say("set verbose 2")
        b.until(lambda: "Send queue" in b.read())
        b.say("set verbose 0")
        b.moves(0)
        out = b.quit()[1]
    at = [out.index("Change verbose level from %s" % t) for t in ("0 to 1", "1 to 2", "2 to 0")]
    parts = [out[a:b] for a, b in zip([0] + at, at + [None])]
    for i, (received, sent) in enumerate(((0, 0), (1, 0), (0, 1), (0, 0))):
        expect(("Receive queue" in parts[i]) == received and ("Send queue" in parts[i]) == sent, "part %d: %s" % (i, parts[i][:600]))


@check
def segments_and_modes():
    p = dict(kinds())["long"]
    ptype = "L2_ETHER_QINQ L3_IPV4 L4_UDP  - l2_len=22 - l3_len=20 - l4_len=8"
    out = verbose(3, pcap([p]), "--mbuf-size=264", 1, 1)
    want = lines(p, ptype, HOST, PORT, False, 7)
    expect(len(p) == 1330 and all(w in out for w in want) and "nb_segs=7" in want[0], out)
    # What a mode makes of headers in several buffers is shown as of one.
    for size in ("--mbuf-size=128", "--mbuf-size=2048"):
        deep = dict(kinds())["vlan-vlan"]
        out = verbose(2, pcap([deep]), size + " --forward-mode=5tswap", 1, 1)
        expect("src=%s - dst=%s" % (mac(PORT), mac(HOST)) in out and PTYPES["vlan-vlan"] in out, out)
    for mode, rx, tx in (("rxonly", 1, 0), ("txonly", 0, 1), ("flowgen", 1, 1), ("icmpecho", 1, 0), ("csum", 1, 1)):
        out = verbose(3, pcap([p]), "--forward-mode=" + mode, rx, tx)
        expect(("Receive queue" in out, "Send queue" in out) == (rx, tx), mode)
    expect("  ol_flags: RTE_MBUF_F_TX_L4_NO_CKSUM RTE_MBUF_F_TX_IPV4 \n" in out, "csum marks IP packets")


@check
def tx_first_is_shown():
    out = verbose(3, "--vdev=net_pcap0,tx_pcap=" + path("o"), "--burst=4", 0, 8, "start tx_first 2")
    expect(shown(out).count("port 0/queue 0: sent 4 packets") == 2 and len(shown(out)) == 18, out)


@check
def anything_can_be_shown():
    sent = list(damaged(1500, 8))
    for app in ("", "--mbuf-size=128"):
        with Prompt(pcap(sent), app) as b:
            b.say("set verbose 1", "start")
            b.until(lambda: b.read().count("Receive queue") + sum(map(int, HIDDEN.findall(b.log))) >= len(sent))
            got = shown(b.quit()[1])
        for line in got:
            expect(line == RX_FLAGS or BURST.fullmatch(line) or LINE.fullmatch(line), line)


@check
def lines_of_cores_stay_whole():
    """Two cores and the main thread print at once."""
    if os.cpu_count() < 2:
        raise Skip("two cores forward here, each on a CPU")
    env = "--lcores 0@0,1@0,2@1 " + " ".join(pcap(packets(3000, (60, 200)), i) for i in range(2))
    with Prompt(env, "--nb-cores=2") as b:
        b.say("set verbose 3", "start")
        tables = 0
        while b.read().count("src=") + sum(map(int, HIDDEN.findall(b.log))) < 4 * 3000:
            b.say("show port stats all")
            tables += 1
        out = b.quit()[1]
    expect(tables > 1 and out.count("NIC statistics for port 1") == tables, tables)
    for line in out.splitlines():
        if "src=" in line:
            expect(LINE.fullmatch(line.removeprefix("testpmd> ")), line)


def start(app, out, extra=()):
    return subprocess.Popen(command("--no-pci --vdev=net_null0", "-i " + app), stdin=subprocess.PIPE, stdout=out,
                            stderr=subprocess.PIPE, text=True)


def tell(p, *words):
    p.stdin.write("".join(w + "\n" for w in words))
    p.stdin.flush()


def wait_until_busy(p):
    """Until the forwarding core has used half a second of its CPU, which it does not while it waits for a reader."""
    end, used = time.monotonic() + LIMIT, []
    while not used or used[-1] < used[0] + os.sysconf("SC_CLK_TCK") // 2:
        expect(time.monotonic() < end, "the core does not go on: %s" % used)
        for task in os.listdir("/proc/%d/task" % p.pid):
            with open("/proc/%d/task/%s/stat" % (p.pid, task), encoding="ascii") as f:
                name, rest = f.read().split(" (", 1)[1].rsplit(") ", 1)
            if name.startswith("forward"):
                used.append(sum(map(int, rest.split()[11:13])))
        time.sleep(0.02)


@check
def nobody_reads():
    """A full pipe: the core goes on, SIGTERM ends it, and the number of packets that were not shown is told."""
    out, to = os.pipe()
    p = start("", to)
    os.close(to)
    tell(p, "set verbose 1", "start")
    wait_until_busy(p)
    begin = time.monotonic()
    p.send_signal(signal.SIGTERM)
    err = p.communicate(timeout=LIMIT)[1]
    took = time.monotonic() - begin
    with os.fdopen(out) as f:
        text = f.read()
    expect(took < 5, "%.1f s" % took)
    hidden = [int(n) for n in HIDDEN.findall(err + text)]
    expect(hidden and sum(hidden) > 1000, err + text[-500:])
    expect("RX-packets" in err + text, "tables: %s" % err)


@check
def a_reader_that_comes_back():
    """It sees how much it missed, and then packets again; no line is cut."""
    out, to = os.pipe()
    p = start("--burst=4", to)
    os.close(to)
    tell(p, "set verbose 1", "start")
    wait_until_busy(p)
    text, end = b"", time.monotonic() + LIMIT
    while not re.search(rb"packets not shown[^\n]*\nport 0/queue 0: received 4 packets\n", text):
        expect(time.monotonic() < end and select.select([out], [], [], 1)[0], "nothing comes: %r" % text[-300:])
        text += os.read(out, 65536)
    tell(p, "set verbose 0", "quit")
    with os.fdopen(out, "rb") as f:
        p.stdin.close()
        text += f.read()
    p.wait(LIMIT)
    for line in text.decode().splitlines():
        if "src=" in line:
            expect(LINE.fullmatch(line.removeprefix("testpmd> ")), line)


@check
def a_terminal_that_is_stopped():
    """Ctrl-S holds up no core, and Ctrl-Q shows how much was missed."""
    master, slave = os.openpty()
    p = start("--burst=4", slave)
    tell(p, "set verbose 1", "start")
    text, end = b"", time.monotonic() + LIMIT

    def until(what):
        nonlocal text
        while not re.search(what, text):
            expect(time.monotonic() < end and select.select([master], [], [], 1)[0], "nothing comes: %r" % text[-300:])
            text = text[-10000:] + os.read(master, 65536)

    until(rb"Receive queue")
    termios.tcflow(slave, termios.TCOOFF)
    wait_until_busy(p)
    termios.tcflow(slave, termios.TCOON)
    until(rb"packets not shown[^\n]*\nport 0/queue 0: received 4 packets\r?\n")
    p.send_signal(signal.SIGTERM)
    until(rb"Bye\.\.\.")
    os.close(slave)
    expect(p.communicate(timeout=LIMIT) and p.returncode == 0, p.returncode)
    os.close(master)


@check
def a_slow_reader_misses_nothing():
    """It takes 20 KiB now and then: the core waits for it."""
    n = 600
    out, to = os.pipe()
    p = subprocess.Popen(command(pcap(packets(n, (60,))), "-i"), stdin=subprocess.PIPE, stdout=to, stderr=subprocess.STDOUT,
                         text=True)
    os.close(to)
    tell(p, "set verbose 3", "start")
    text, end = b"", time.monotonic() + LIMIT
    while text.count(b"Send queue") < n:
        expect(time.monotonic() < end, "%d lines" % text.count(b"Send queue"))
        time.sleep(0.02)
        text += os.read(out, 20000)
    tell(p, "quit")
    with os.fdopen(out, "rb") as f:
        p.stdin.close()
        text += f.read()
    expect(p.wait(LIMIT) == 0 and b"not shown" not in text and text.count(b"Receive queue") == n, text[-300:])


@check
def the_pipe_closes():
    """The run ends, as with any output that breaks."""
    out, to = os.pipe()
    p = start("", to)
    os.close(to)
    tell(p, "set verbose 3", "start")
    text = b""
    while b"Receive queue" not in text:
        piece = os.read(out, 65536)
        expect(piece, text)
        text += piece
    os.close(out)
    begin = time.monotonic()
    err = p.communicate(timeout=LIMIT)[1]
    expect(p.returncode == 1 and time.monotonic() - begin < 5, "%d %s" % (p.returncode, err))
    expect("RX-packets" in err and "cannot be written" in err, err)


@check
def commands_for_packets():
    """set txpkts and set eth-peer, while packets are sent and before; what cannot be changes nothing."""
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    with Prompt(env, "--forward-mode=txonly --stop-after=8 --burst=4") as b:
        b.say("set txpkts 20,80", "set eth-peer 0 02:00:00:00:00:55", "set verbose 2", "start")
        b.until(lambda: b.read().count("dst=02:00:00:00:00:55 - pool=mb_pool_0 - type=0x0800 - length=100 - nb_segs=2 ") == 8)
        b.quit()
    with Prompt("--vdev=net_null0,no-rx=1", "--forward-mode=txonly --burst=1") as b:
        b.say("start", "set verbose 2")
        b.until(lambda: "length=64 " in b.read())
        b.say("set txpkts 500", "set eth-peer 0 02:00:00:00:00:66")
        b.until(lambda: "dst=02:00:00:00:00:66 - pool=mb_pool_0 - type=0x0800 - length=500 " in b.read())
        b.say("set verbose 0")
        expect(b.quit()[0] == 0, b.log[-500:])
    for bad, word in (("10", "42"), ("20,21", "42"), ("0", "out of range"), ("70000", "out of range"), ("x", "not a number"),
                      ("3000", "--mbuf-size"), ("64,", "not a number"), ("1600", "--mtu")):
        r = good(script("--vdev=net_null0", "--mtu=1500 --txpkts=77", "set txpkts " + bad, "show config txpkts", "quit"))
        expect(word in r.out and "Segment sizes: 77" in r.out, "%s: %s" % (bad, r))
    for bad in ("set verbose", "set verbose -1", "set verbose x", "set verbose 4294967296", "set eth-peer 0", "set txpkts",
                "set eth-peer 1 02:00:00:00:00:01", "set eth-peer 0 02:00", "set eth-peer all 02:00:00:00:00:01"):
        r = good(script("--vdev=net_null0", "", bad, "quit"))
        expect("usage: set" in r.out and "Change verbose" not in r.out, "%s: %s" % (bad, r))


if __name__ == "__main__":
    main()
