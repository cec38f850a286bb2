#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures of every kind that there are programs to write: all of each is received, or counted and named."""
import os
import re
import select
import signal
import subprocess
import time

import captures
from testpmd_util import CHECKS, LIMIT, Run, check, command, expect, good, main, packet, path, read_pcap, refused, run, totals


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)
    return path(name)


def receive(data, end="", env="", more="", out=True):
    """Forward a capture into another."""
    to = ",tx_pcap=" + path("out.pcap") if out else ""
    return run("--no-pci --vdev=net_pcap0,rx_pcap=%s%s%s" % (write("in.pcap", data), to, env), end + " " + more)


def receive_until(data, frames, *words, more=""):
    """Forward it until so many packets are written and the warning has all of the words."""
    size = 24 + sum(16 + len(f) for f in frames)
    out = path("out.pcap")
    if os.path.exists(out):
        os.unlink(out)
    p = subprocess.Popen(command("--no-pci --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write("in.pcap", data), out), more + " --run-time=10"),
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    err, end = b"", time.monotonic() + LIMIT
    while time.monotonic() < end and p.poll() is None:
        if select.select([p.stderr], [], [], 0.01)[0]:
            err += os.read(p.stderr.fileno(), 65536)
        if all(w.encode() in err for w in words) and os.path.exists(out) and os.stat(out).st_size >= size:
            break
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
    rest = p.communicate(timeout=LIMIT)
    return Run(p.returncode, rest[0].decode(), (err + rest[1]).decode(), 0)


def capture(kind):
    """Each capture is a check of its own."""
    def register(f):
        for name, what in kind.items():
            def one(what=what):
                f(*what)
            one.__name__ = f"{f.__name__}_{name}"
            CHECKS.append(one)
        return f
    return register


@capture(captures.GOOD)
def all_of(data, frames):
    """It ends as soon as all are there, or at once where there are none."""
    r = good(receive(data, "--stop-after=%d --run-time=10" % len(frames) if frames else "--run-time=0.05"))
    expect(read_pcap("out.pcap") == frames, "%d packets of %d: %s" % (len(read_pcap("out.pcap")), len(frames), r))
    expect(totals(r.out) == (len(frames), 0, len(frames), 0) and "RX-error" not in r.out, r)
    expect(r.err == "", r)


@capture(captures.PARTLY)
def part_of(data, frames, words):
    r = receive_until(data, frames, *words)
    expect(r.rc == 1 and all(w in r.err for w in words), "%s: %s" % (words, r))
    expect(read_pcap("out.pcap") == frames, r)
    expect("port 0 did not receive all of its capture" in r.err, r)
    expect(re.search(r"RX-packets: %d .*\n.*TX-packets: %d .*\n  RX-error: [1-9]" % (len(frames), len(frames)),
                     r.out.split("Accumulated")[1]), r)


@capture(captures.FOREIGN)
def nothing_of(data, words):
    refused(receive(data, out=False), "rx_pcap", *words)


@check
def truncated_packets():
    """Sent as they were captured; named once, and counted."""
    frames = [packet(64, 1), packet(64, 2), packet(60, 3)]
    r = good(receive(captures.pcap(frames, wire=[1514, 1514, 60]), "--stop-after=3 --run-time=10"))
    expect(read_pcap("out.pcap") == frames, r)
    expect(r.err.count("\n") == 1 and "packet 1 of" in r.err and "1514 bytes" in r.err and "rx_truncated" in r.err, r)


@check
def bounded_by_the_mtu():
    """An MTU is the IP packet's; two VLAN tags fit beside it."""
    frames = [packet(n, n) for n in (1514, 1518, 1522, 1523, 1600)]
    r = receive_until(captures.pcap(frames), frames[:3], "packet 4", more="--mtu=1500")
    expect(r.rc == 1 and read_pcap("out.pcap") == frames[:3], r)
    expect(r.err.count("is not received") == 1 and "packet 4 of" in r.err and "MTU 1500 allows 1522" in r.err, r)
    good(receive(captures.pcap(frames), "--stop-after=5 --run-time=10", more="--max-pkt-len=1620"))
    expect(read_pcap("out.pcap") == frames, "--max-pkt-len=1620")


@check
def bounded_by_the_buffers():
    """A packet of more buffers than a pool of that size can promise is named, with what helps, and that helps."""
    frames = [packet(60, 1), packet(200000, 2), packet(60, 3)]
    data = captures.pcap(frames)
    two = [frames[0], frames[2]]
    r = receive_until(data, two, "packet 2", more="--mbuf-size=320")
    expect(r.rc == 1 and read_pcap("out.pcap") == [frames[0], frames[2]], r)
    size = re.search(r"packet 2 of .* 200000 bytes.*256 buffers of 256 bytes.* hold 65536: buffers of (\d+) bytes .--mbuf-size=. help", r.err)
    expect(size, r)
    good(receive(data, "--stop-after=3 --run-time=10", more="--mbuf-size=" + size[1]))
    expect(read_pcap("out.pcap") == frames, "--mbuf-size=" + size[1])
    # The smallest pool has 64 for a burst beside rings and caches.
    r = receive_until(data, two, "packet 2", more="--mbuf-size=2112 --rxd=64 --txd=64 --mbcache=32 --total-num-mbufs=225")
    expect(r.rc == 1 and read_pcap("out.pcap") == [frames[0], frames[2]], r)
    expect(re.search(r"packet 2 of .*6\d buffers of 2048 bytes.*pool mb_pool_0 has 225.*--total-num-mbufs=", r.err), r)


@check
def bursts_of_any_size():
    frames = [packet(n, n) for n in (60, 262144, 1514, 100000, 60)]
    for burst in (1, 7, 32, 512):
        good(receive(captures.pcap(frames), "--stop-after=5 --run-time=10", more="--burst=%d --mbuf-size=2112" % burst))
        expect(read_pcap("out.pcap") == frames, burst)


@check
def over_and_over():
    """From memory; and with too little of it from the file, which gives the same."""
    frames = [packet(60 + i, i) for i in range(7)]
    for data in (captures.pcap(frames), captures.section() + captures.interface() + b"".join(map(captures.enhanced, frames))):
        good(receive(data, "--stop-after=1000", env=",infinite_rx=1"))
        got = read_pcap("out.pcap")
        expect(len(got) >= 1000 and all(p == frames[i % 7] for i, p in enumerate(got)), len(got))


@check
def over_and_over_with_errors():
    """What is not received is named once, and counted each time."""
    r = receive(captures.pcap([packet(60), b"short", packet(61)]), "--stop-after=100", env=",infinite_rx=1")
    expect(r.rc == 1 and r.err.count("is not received") == 1 and "packet 2 of" in r.err, r)
    expect(int(re.search(r"RX-error: (\d+)", r.out)[1]) >= 49, r)


@check
def too_long_for_the_other_port():
    """What a TX port refuses is counted there, and named once."""
    src = write("in.pcap", captures.pcap([packet(60, 1), packet(20000, 2), packet(20001, 3), packet(60, 4)]))
    r = run("--no-pci --vdev=net_pcap0,rx_pcap=%s --vdev=net_null1,no-rx=1" % src, "--stop-after=4 --run-time=10")
    expect(r.rc == 1 and r.err.count("refused a packet") == 1 and "20000 bytes" in r.err and "9022" in r.err, r)
    expect(totals(r.out) == (4, 0, 2, 2), r)


if __name__ == "__main__":
    main()
