#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each option and command of baton-testpmd by its effect, on net_null and net_pcap ports.

Usage: test_testpmd.py PATH-OF-baton-testpmd [NAME-PART]
One line a check: "ok NAME", "FAIL NAME: why" or "skip NAME: why". Exit status 1 when any failed.
"""
import glob
import json
import os
import pty
import random
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

APP = ""
TMP = ""
LIMIT = 20  # seconds that no run may take


class Skip(Exception):
    pass


class Run:
    def __init__(self, rc, out, err, seconds):
        self.rc, self.out, self.err, self.seconds = rc, out, err, seconds
        self.all = out + err

    def __str__(self):
        return "rc=%s err=%r out=%r" % (self.rc, self.err[-600:], self.out[-600:])


def command(env, app=None):
    return [APP] + env.split() + (["--"] + app.split() if app is not None else [])


def run(env, app=None, stdin="", preexec=None):
    begin = time.monotonic()
    p = subprocess.run(command(env, app), input=stdin.encode(), capture_output=True, timeout=LIMIT,
                       preexec_fn=preexec)
    return Run(p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"),
               time.monotonic() - begin)


def script(env, app, *commands):
    """Run a list of commands through the prompt; a number is a pause in seconds."""
    p = subprocess.Popen(command(env, "-i " + app), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    try:
        for c in commands:
            if isinstance(c, (int, float)):
                time.sleep(c)
            else:
                p.stdin.write(c.encode() + b"\n")
                p.stdin.flush()
        out = p.communicate(timeout=LIMIT)[0].decode()
    except BrokenPipeError:
        out = p.communicate(timeout=LIMIT)[0].decode()
    finally:
        p.kill()
    return Run(p.returncode, out, "", 0)


def expect(condition, what):
    if not condition:
        raise AssertionError(str(what))


def good(r):
    expect(r.rc == 0, r)
    return r


def refused(r, *words):
    """A clear error, within a second, that says each of the words."""
    expect(r.rc > 0, r)
    for w in words:
        expect(w in r.err, "%r not in %s" % (w, r))
    expect(r.seconds < 1, "took %.1f s" % r.seconds)
    expect(r.err.count("\n") <= 2, "more than two lines: %s" % r)


def path(name):
    return os.path.join(TMP, name)


def write_pcap(name, packets, link=1, cut=0):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for i, p in enumerate(packets):
        data += struct.pack("<IIII", i, 0, len(p), len(p)) + p
    with open(path(name), "wb") as f:
        f.write(data[:len(data) - cut])
    return path(name)


def read_pcap(name):
    with open(path(name), "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    expect(magic == 0xA1B2C3D4 and link == 1, "not an Ethernet capture")
    at, packets = 24, []
    while at < len(data):
        _, _, caplen, length = struct.unpack_from("<IIII", data, at)
        expect(caplen == length and at + 16 + caplen <= len(data), "%s is cut inside a packet" % name)
        packets.append(data[at + 16:at + 16 + caplen])
        at += 16 + caplen
    return packets


def packet(length, seed=0):
    rng = random.Random(seed * 100000 + length)
    return bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]) + rng.randbytes(length - 14)


def packets(n=100, lengths=(60, 64, 300, 1500, 1514)):
    return [packet(lengths[i % len(lengths)], i) for i in range(n)]


def totals(out):
    """The last accumulated table: RX-packets, RX-dropped, TX-packets, TX-dropped."""
    part = out.rsplit("Accumulated forward statistics for all ports", 1)
    expect(len(part) == 2, "no accumulated statistics in %r" % out[-500:])
    rx = re.search(r"RX-packets: (\d+) +RX-dropped: (\d+) +RX-total: (\d+)", part[1])
    tx = re.search(r"TX-packets: (\d+) +TX-dropped: (\d+) +TX-total: (\d+)", part[1])
    return int(rx[1]), int(rx[2]), int(tx[1]), int(tx[2])


def forward(env, app):
    name = path("stats.json")
    r = good(run(env, app + " --stats-json=" + name))
    with open(name) as f:
        return json.load(f), r


NULL2 = "--vdev=net_null0 --vdev=net_null1"
SHORT = "--run-time=0.1"

CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


# ---- the command line ----

@check
def help_and_version():
    for arg in ("-h", "--help"):
        r = good(run(arg))
        for word in ("--vdev", "--forward-mode", "--stats-json", "net_null"):
            expect(word in r.out, word)
        expect(max(map(len, r.out.split("\n"))) <= 100, "help is wider than 100 columns")
    expect(good(run("", "--help")).out == r.out, "help after -- differs")
    expect(re.match(r"baton-testpmd \d+\.\d+", good(run("--version")).out), "version")


@check
def unknown_options():
    refused(run("--vdv=net_null0"), "did you mean --vdev?")
    refused(run(NULL2, "--foward-mode=io"), "did you mean --forward-mode?")
    refused(run(NULL2, "--stat-period=1"), "did you mean --stats-period?")
    refused(run(NULL2, "--qqqqqqqq"), "--qqqqqqqq", "--help")
    refused(run(NULL2 + " -z"), "-z")
    refused(run(NULL2, "-z"), "-z")
    refused(run("--forward-mode=io"), "after the \"--\"")
    refused(run(NULL2, "--vdev=net_null3"), "before the \"--\"")
    refused(run(NULL2, "extra"), "extra")
    refused(run(NULL2, "--tx"), "could be one of")
    refused(run("--vdev"), "wants an argument")
    refused(run("-l"), "wants an argument")
    refused(run("--no-pci=1"), "takes no argument")


@check
def abbreviated_option():
    expect(" macswap packet" not in good(run(NULL2, SHORT)).out, "default mode")
    expect("macswap packet" in good(run(NULL2, "--forward=macswap " + SHORT)).out, "--forward")


@check
def impossible_numbers():
    for o in ("--rxd=0", "--rxd=3", "--txd=0", "--txd=3", "--rxd=65536", "--txd=1000000000",
              "--burst=0", "--burst=513", "--burst=-1", "--burst=1x", "--burst=", "--rxq=0",
              "--txq=65", "--total-num-mbufs=0", "--total-num-mbufs=1000000000", "--mbuf-size=0",
              "--mbuf-size=65536", "--mbuf-size=1", "--mbcache=0", "--mbcache=8193", "--mtu=67",
              "--mtu=9001", "--max-pkt-len=85", "--max-pkt-len=9019", "--nb-cores=0",
              "--nb-cores=65", "--retry=0", "--stats-period=-1", "--stop-after=0", "--txpkts=0",
              "--txpkts=41", "--txpkts=64,0", "--txpkts=70000", "--burst=99999999999999999999999"):
        refused(run(NULL2, o), o.split("=")[0])
    for o in ("--run-time=0", "--run-time=-1", "--run-time=x", "--run-time=nan", "--txpkts=,"):
        refused(run(NULL2, o), o.split("=")[0])
    refused(run(NULL2, "--rxq=2 --txq=1"), "equal")
    refused(run(NULL2, "--rxd=3"), "2 and 4")


@check
def too_few_buffers():
    refused(run(NULL2, "--total-num-mbufs=64"), "64 buffers", "at least")


@check
def no_memory_for_the_pool():
    refused(run("--no-huge " + NULL2, "--total-num-mbufs=16777215 --mbuf-size=65535"), "GiB")


@check
def no_ports():
    refused(run(""), "--vdev")


@check
def vdev():
    r = good(run(NULL2 + " --vdev=net_null7", SHORT))
    expect("ports=3" in r.out and "net_null7" in r.out and "port 2 forwards to itself" in r.err, r)
    refused(run("--vdev=net_nul0"), "did you mean net_null?")
    refused(run("--vdev=net_null0,siz=3"), "did you mean \"size\"?")
    refused(run("--vdev=net_null0 --vdev=net_null0"), "already open")
    refused(run("--vdev="), "no driver")
    refused(run("--vdev=" + "x" * 300), "longer")
    refused(run("-a 0000:00:1f.6"), "no PCI")


@check
def ignored_options():
    r = good(run("-n 4 -m 64 --no-pci --in-memory --single-file-segments --file-prefix=x "
                 "--socket-mem=64 --proc-type=auto --iova-mode=va " + NULL2,
                 "--no-lsc-interrupt --no-flush-rx " + SHORT))
    lines = [line for line in r.err.split("\n") if "no meaning" in line]
    for o in ("-m ", "--file-prefix", "--socket-mem", "--proc-type", "--iova-mode",
              "--no-lsc-interrupt"):
        expect(sum(o in line for line in lines) == 1, "%s: %s" % (o, r))


def threads_of(env, app):
    """Comm and CPUs of every thread of a run."""
    p = subprocess.Popen(command(env, app), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    found = []
    for _ in range(100):
        time.sleep(0.05)
        found = []
        for task in glob.glob("/proc/%d/task/*/status" % p.pid):
            with open(task) as f:
                text = f.read()
            found.append((re.search(r"Name:\t(.*)", text)[1],
                          re.search(r"Cpus_allowed_list:\t(.*)", text)[1]))
        if any(name.startswith("forward-") for name, _ in found):
            break
    time.sleep(0.1)
    p.send_signal(signal.SIGTERM)
    expect(p.wait(LIMIT) == 0, "exit status %s" % p.returncode)
    return sorted(found)


@check
def cores():
    cpus = sorted(os.sched_getaffinity(0))
    first = cpus[0]
    one = threads_of("-l %d " % first + NULL2, "")
    expect([t for t in one if t[0].startswith("forward")] == [("forward-%d" % first, str(first))],
           one)
    at = threads_of("--lcores=4@%d,7@%d " % (first, first) + NULL2, "")
    expect(("forward-7", str(first)) in at, at)
    group = threads_of("--lcores=(0-2)@%d " % first + NULL2, "--nb-cores=2")
    expect([t[0] for t in group if t[0].startswith("f")] == ["forward-1", "forward-2"], group)
    refused(run("-l 99 " + NULL2), "99")
    for bad in ("-l x", "-l 1-", "-l 3-1", "-l ,", "-l 0,0", "-l 0-400", "--lcores=0@", "--lcores=(0,1",
                "-c 0", "-c zz"):
        refused(run(bad + " " + NULL2), bad.split("=")[0].split()[0])
    refused(run("-l %d " % first + NULL2, "--nb-cores=2"), "--nb-cores=2")
    if len(cpus) < 2:
        raise Skip("one CPU: that -l 0,1 pins two threads is not seen")
    two = threads_of("-l %d,%d " % (cpus[0], cpus[1]) + NULL2, "")
    expect(("forward-%d" % cpus[1], str(cpus[1])) in two, two)
    expect(any(t[1] == str(cpus[0]) for t in two), two)
    mask = threads_of("-c %x " % (1 << cpus[0] | 1 << cpus[1]) + NULL2, "")
    expect(("forward-%d" % cpus[1], str(cpus[1])) in mask, mask)


@check
def nb_cores():
    first = min(os.sched_getaffinity(0))
    stats, r = forward("--lcores=(0-2)@%d " % first + NULL2, "--nb-cores=2 --run-time=0.3")
    expect("cores=2" in r.out, r)
    expect(stats["cores"] == 2 and all(p["rx_packets"] for p in stats["ports"]), stats)
    r = good(run("--lcores=(0-5)@%d " % first + NULL2, "--nb-cores=5 " + SHORT))
    expect("2 are used" in r.err and "cores=2" in r.out, r)


@check
def pages():
    expect("pages of 4 KiB" in good(run("--no-huge " + NULL2, SHORT)).out, "--no-huge")
    refused(run("--huge-dir=/nonexistent " + NULL2, SHORT), "/nonexistent")
    refused(run("--no-huge --huge-dir=/mnt " + NULL2), "contradict")


@check
def huge_dir():
    with open("/proc/mounts") as f:
        mounts = [line.split()[1] for line in f if line.split()[2] == "hugetlbfs"]
    if not mounts:
        raise Skip("no hugetlbfs is mounted")
    r = run("--huge-dir=%s %s" % (mounts[0], NULL2), SHORT)
    if r.rc and ("no libhugetlbfs" in r.err or "free are" in r.err):
        raise Skip(r.err.strip()[-150:])
    expect("pages of 4 KiB" not in good(r).out, r)


@check
def log_level():
    cut = write_pcap("cut.pcap", packets(3), cut=5)
    env = "--vdev=net_pcap0,rx_pcap=%s" % cut
    expect("packet 2" in good(run(env, SHORT)).err, "warning")
    expect(good(run("--log-level=error " + env, SHORT)).err == "", "--log-level=error")
    good(run("--log-level=lib.eal:debug " + env, SHORT))
    refused(run("--log-level=eror " + env), "did you mean error?")


# ---- forwarding ----

@check
def mode_io():
    sent = packets()
    src = write_pcap("in.pcap", sent)
    for env in ("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (src, path("out.pcap")),
                "--vdev=net_pcap0,rx_pcap=%s --vdev=net_pcap1,tx_pcap=%s" % (src, path("out.pcap"))):
        r = good(run(env, "--stop-after=100"))
        expect(totals(r.out) == (100, 0, 100, 0), r)
        expect(read_pcap("out.pcap") == sent, "packets differ")


@check
def mode_macswap():
    sent = packets()
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    for option in ("--forward-mode=macswap", "--fwd=macswap"):
        good(run(env, option + " --stop-after=100"))
        expect(read_pcap("out.pcap") == [p[6:12] + p[:6] + p[12:] for p in sent], "packets differ")


@check
def mode_rxonly():
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", packets()),
                                                      path("out.pcap"))
    stats, _ = forward(env, "--forward-mode=rxonly --stop-after=100")
    expect(stats["total"]["rx_packets"] == 100 and stats["total"]["tx_packets"] == 0, stats)
    expect(read_pcap("out.pcap") == [], "something was sent")


def checksum(header):
    s = sum(struct.unpack("!10H", header))
    s = (s & 0xffff) + (s >> 16)
    return (s & 0xffff) + (s >> 16)


@check
def mode_txonly():
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    good(run(env, "--forward-mode=txonly --stop-after=1000"))
    got = read_pcap("out.pcap")
    expect(len(got) == 1000, "%d packets" % len(got))
    for p in got:
        expect(len(p) == 64 and p[12:14] == b"\x08\x00" and p[23] == 17, p.hex())
        expect(struct.unpack("!H", p[16:18])[0] == 50 and checksum(p[14:34]) == 0xffff, p.hex())
        expect(struct.unpack("!H", p[38:40])[0] == 30, p.hex())
    refused(run(env, "--forward-mode=txnly"), "did you mean txonly?")


@check
def txpkts():
    for lens, total in (("128", 128), ("64,100,1000", 1164), ("42,1", 43),
                        (",".join(["42"] + ["90"] * 15), 42 + 15 * 90)):
        good(run("--vdev=net_pcap0,tx_pcap=" + path("out.pcap"),
                 "--forward-mode=txonly --stop-after=50 --txpkts=" + lens))
        got = read_pcap("out.pcap")
        expect(len(got) == 50 and all(len(p) == total for p in got), "%s: %s" % (lens, len(got)))
        expect(struct.unpack("!H", got[0][16:18])[0] == total - 14, "IP length")
    tx = "--forward-mode=txonly --txpkts="
    refused(run(NULL2, tx + "2049"), "room for 2048")
    refused(run(NULL2, tx + "1000,1000"), "1514")
    refused(run(NULL2, tx + "42" + ",1" * 16), "17 segments")


@check
def topology():
    src = write_pcap("in.pcap", packets(10))
    for mode, to in (("", 1), ("--port-topology=chained", 1), ("--port-topology=loop", 0)):
        env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (src, path("o0"))
        for i in (1, 2):
            env += " --vdev=net_pcap%d,tx_pcap=%s" % (i, path("o%d" % i))
        good(run(env, mode + " --stop-after=10"))
        got = [len(read_pcap("o%d" % i)) for i in range(3)]
        expect(got == [10 if i == to else 0 for i in range(3)], "%s: %s" % (mode, got))
    env = "--vdev=net_null0,no-rx=1 --vdev=net_null1,no-rx=1 --vdev=net_pcap2,rx_pcap=%s " % src
    for mode, to in (("", 2), ("--port-topology=chained", 0)):
        stats, _ = forward(env, mode + " --stop-after=10")
        expect(stats["ports"][to]["tx_packets"] == 10, "%s: %s" % (mode, stats))
    refused(run(NULL2, "--port-topology=lop"), "did you mean loop?")


@check
def retry():
    """Only that it is taken; its effect needs a ring that is full, which no port here ever has."""
    expect("no retry" in good(run(NULL2, SHORT)).out, "default")
    expect("retries=64" in good(run(NULL2, "--retry " + SHORT)).out, "--retry")
    expect("retries=7," in good(run(NULL2, "--retry=7 " + SHORT)).out, "--retry=7")


@check
def tx_first_and_burst():
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    for option, n in (("--tx-first", 32), ("--tx-first --burst=1", 1), ("--tx-first --burst=512", 512),
                      ("", 0)):
        good(run(env, option + " " + SHORT))
        expect(len(read_pcap("out.pcap")) == n, "%s: %d" % (option, len(read_pcap("out.pcap"))))


@check
def burst_smaller_than_a_packet():
    sent = [packet(9018, i) for i in range(5)]
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    good(run(env, "--burst=1 --stop-after=5"))
    expect(read_pcap("out.pcap") == sent, "packets differ")


@check
def ring_sizes():
    def pool(app):
        return int(re.search(r"Pool \S+ (\d+) buffers", good(run(NULL2, app + " " + SHORT)).out)[1])
    base = pool("")
    expect(pool("--rxd=16384") >= base + 2 * 15000, "--rxd")
    expect(pool("--txd=16384") >= base + 2 * 15000, "--txd")
    refused(run(NULL2, "--rxd=16384 --total-num-mbufs=8192"), "8192 buffers")


@check
def queues():
    r = good(run(NULL2, "--rxq=3 --txq=3 " + SHORT))
    expect("streams=6" in r.out and "RX P=1/Q=2 -> TX P=0/Q=2" in r.out, r)
    expect("streams=4" in good(run(NULL2, "--rxq=2 " + SHORT)).out, "--rxq alone")
    refused(run("--vdev=net_pcap0,tx_pcap=" + path("o"), "--rxq=2"), "2")


@check
def mtu():
    r = script(NULL2, "--mtu=9000", "show port info 0", "quit")
    expect("MTU: 9000\n" in r.out, r)
    r = script(NULL2, "--max-pkt-len=1318", "show port info all", "quit")
    expect(r.out.count("MTU: 1300\n") == 2, r)
    good(run(NULL2, "--mtu=9000 --forward-mode=txonly --txpkts=2000,2000 " + SHORT))
    sent = packets(10, (60, 1514))
    src = write_pcap("in.pcap", sent)
    env = "--vdev=net_null0,no-rx=1 --vdev=net_pcap1,rx_pcap=%s,tx_pcap=%s" % (src, path("out.pcap"))
    stats, _ = forward(env, "--mtu=500 --port-topology=loop --run-time=0.2")
    expect(read_pcap("out.pcap") == [p for p in sent if len(p) == 60], "packets differ")
    expect(stats["ports"][1]["rx_errors"] == 5, stats)


@check
def pool_options():
    r = good(run(NULL2, "--total-num-mbufs=7777 --mbuf-size=1000 " + SHORT))
    expect("7777 buffers of 1000 bytes" in r.out, r)
    sent = [packet(n, n) for n in (60, 936, 937, 1872, 1873, 9018)]
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    good(run(env, "--mbuf-size=1000 --stop-after=6"))
    expect(read_pcap("out.pcap") == sent, "packets differ")
    refused(run(NULL2, "--mbcache=8000 --total-num-mbufs=4096"), "8000")
    good(run(NULL2, "--mbcache=1 " + SHORT))


@check
def small_pool_still_forwards():
    stats, _ = forward("--vdev=net_null0", "--rxd=64 --txd=64 --mbcache=64 --total-num-mbufs=256 "
                       "--forward-mode=txonly --stop-after=100000")
    expect(stats["total"]["tx_packets"] == 100000, stats)


@check
def jumbo_packets():
    sent = [packet(n, n) for n in (2048, 2049, 4096, 4097, 9018)]
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    good(run(env, "--forward-mode=macswap --stop-after=5"))
    expect(read_pcap("out.pcap") == [p[6:12] + p[:6] + p[12:] for p in sent], "packets differ")


# ---- statistics and ends ----

@check
def stats_period():
    r = good(run(NULL2, "--stats-period=1 --run-time=2.5"))
    expect(r.out.count("Port statistics ====") == 2, r)
    expect(r.out.count("#### NIC statistics for port 1  ####") == 2, r)
    for pattern in (r"  RX-packets: \d+ +RX-missed: \d+ +RX-bytes:  \d+\n", r"  RX-errors: 0\n",
                    r"  RX-nombuf:  0", r"  TX-packets: \d+ +TX-errors: \d+ +TX-bytes:  \d+\n",
                    r"  Rx-pps: +[1-9]\d+ +Rx-bps: +[1-9]\d+\n  Tx-pps: +[1-9]\d+ +Tx-bps: +[1-9]\d+"):
        expect(re.search(pattern, r.out), pattern)
    expect("Port statistics" not in good(run(NULL2, "--stats-period=0 " + SHORT)).out, "period 0")
    expect("\033" not in r.out, "escape codes in a pipe")


@check
def record_core_cycles():
    pattern = r"CPU cycles/packet=\d+\.\d\d \(total cycles=\d+ / total %s packets=\d+\) at \d+ MHz Clock"
    r = good(run(NULL2, "--record-core-cycles " + SHORT))
    expect(re.search(pattern % "io", r.out), r)
    r = good(run(NULL2, "--record-core-cycles --forward-mode=txonly " + SHORT))
    expect(re.search(pattern % "txonly", r.out), r)
    expect("CPU cycles" not in good(run(NULL2, SHORT)).out, "without the option")


@check
def stats_json():
    stats, r = forward(NULL2, "--record-core-cycles --run-time=0.3")
    rx, _, tx, dropped = totals(r.out)
    expect(stats["total"]["rx_packets"] == rx and stats["total"]["tx_packets"] == tx, stats)
    expect(rx == tx + dropped, r)
    expect(stats["total"]["rx_bytes"] == 64 * rx, stats)
    expect(0.2 < stats["seconds"] < 1 and stats["cycles"] > 0, stats)
    expect(sum(stats["buffers"].values()) == stats["buffers"]["free"], stats)
    expect([p["device"] for p in stats["ports"]] == ["net_null0", "net_null1"], stats)
    for bad in ("/dev/full", "/nonexistent/x", TMP):
        r = run(NULL2, SHORT + " --stats-json=" + bad)
        expect(r.rc in (1, 2) and bad in r.err, r)


@check
def stop_after():
    r = good(run("--vdev=net_null0", "--stop-after=1000"))
    rx = totals(r.out)[0]
    expect(1000 <= rx < 1100 and r.seconds < 5, r)
    stats, _ = forward(NULL2, "--forward-mode=txonly --stop-after=1001")
    expect(stats["total"]["tx_packets"] == 1001, stats)
    stats, _ = forward(NULL2, "--forward-mode=txonly --stop-after=1")
    expect(stats["total"]["tx_packets"] == 1, stats)


@check
def run_time():
    r = good(run(NULL2, "--run-time=0.5"))
    expect(0.5 <= r.seconds < 3, r.seconds)
    r = script(NULL2, "--run-time=0.5", 1)
    expect(r.rc == 0 and "Bye" in r.out, r)


@check
def signals():
    for sig in (signal.SIGINT, signal.SIGTERM):
        for app in ("", "--stats-period=1", "-i -a", "--forward-mode=txonly"):
            p = subprocess.Popen(command(NULL2, app), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            time.sleep(0.5)
            p.send_signal(sig)
            out = p.stdout.read().decode()
            expect(p.wait(LIMIT) == 0, "%s %s: %s %s" % (sig, app, p.returncode, out))
            expect(totals(out)[2] > 0 and "Closing port 1" in out and "Bye" in out, out)
            p.stdin.close()


@check
def enter_ends_it():
    p = subprocess.Popen(command(NULL2, ""), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(0.4)
    expect(p.poll() is None, "ended by itself")
    out = p.communicate(b"\n", timeout=LIMIT)[0].decode()
    expect(p.returncode == 0 and totals(out)[0] > 0, out)


@check
def standard_output_full():
    with open("/dev/full", "w") as full:
        p = subprocess.run(command(NULL2, SHORT), stdin=subprocess.DEVNULL, stdout=full,
                           stderr=subprocess.PIPE, timeout=LIMIT)
    expect(p.returncode == 1 and b"output" in p.stderr, p)


@check
def descriptors():
    seen = set()
    for limit in (3, 4, 5, 6, 7, 8, 10, 16, 32):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        r = run("--no-huge --vdev=net_null0 --vdev=net_pcap1,tx_pcap=" + path("o"), SHORT, preexec=few)
        expect(r.rc == 0 or (r.rc in (1, 2, 127) and r.err), "limit %d: %s" % (limit, r))
        seen.add(r.rc)
    expect(r.rc == 0, "32 are enough: %s" % r)


# ---- the prompt ----

@check
def prompt_start_stop():
    r = good(script(NULL2, "", "start", 0.3, "stop", "quit"))
    expect(totals(r.out)[0] > 0, r)
    r = good(script(NULL2, "", "quit"))
    expect("Forward statistics" not in r.out and "Interactive-mode" in r.out, r)
    for a in ("-a", "--auto-start"):
        r = good(script(NULL2, a, 0.3, "quit"))
        expect(totals(r.out)[0] > 0, r)
    r = good(script(NULL2, "", "start", 0.2, "stop", "start", 0.2, "stop", "quit"))
    expect(r.out.count("Accumulated") == 2, r)
    r = good(script(NULL2, "", "stop", "start", "start", "quit"))
    expect("is not running" in r.out and "is running" in r.out, r)


@check
def prompt_tx_first():
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    good(script(env, "", "start tx_first", 0.2, "stop", "quit"))
    expect(len(read_pcap("out.pcap")) == 32, "start tx_first")
    good(script(env, "", "start tx_first 3", 0.2, "stop", "quit"))
    expect(len(read_pcap("out.pcap")) == 96, "start tx_first 3")
    r = good(script(env, "", "start tx_first 0", "start tx_second", "start tx_first 1 1", "quit"))
    expect(r.out.count("usage: start") == 2 and "Forward statistics" not in r.out, r)


@check
def prompt_set_fwd():
    sent = packets(20)
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    r = good(script(env, "", "set fwd macswap", "start", 0.3, "quit"))
    expect(read_pcap("out.pcap") == [p[6:12] + p[:6] + p[12:] for p in sent], r)
    r = good(script(env, "", "set fwd io retry", "show config fwd", "set fwd io", "show config fwd",
                    "quit"))
    expect("retries=64" in r.out and "no retry" in r.out, r)
    r = good(script(env, "", "set fwd rxnly", "set fwd", "set fwd io maybe", "set bwd io",
                    "show config fwd", "start", "set fwd txonly", 0.2, "quit"))
    expect("did you mean rxonly" in r.out and r.out.count("usage: set fwd") == 3, r)
    expect("io packet forwarding" in r.out and "stop it first" in r.out, r)
    for mode in ("rxonly", "txonly"):
        r = good(script(NULL2, "", "set fwd " + mode, "start", 0.2, "stop", "quit"))
        rx, _, tx, _ = totals(r.out)
        expect((rx > 0) == (mode == "rxonly") and (tx > 0) == (mode == "txonly"), r)


@check
def prompt_show():
    r = good(script(NULL2, "-a", 0.3, "show port stats all", "show port stats 1", "stop", "quit"))
    expect(r.out.count("NIC statistics for port 0") == 1, r)
    expect(r.out.count("NIC statistics for port 1") == 2, r)
    expect(re.search(r"Rx-pps: +[1-9]", r.out), r)
    r = good(script(NULL2, "", "show port info 1", "show config fwd", "quit"))
    for word in ("MAC address: 02:00:00:00:00:01", "Driver name: net_null", "Link status: up",
                 "MTU: 1500", "RX P=0/Q=0 -> TX P=1/Q=0", "Infos for port 1"):
        expect(word in r.out, word)
    expect("Infos for port 0" not in r.out, r)
    r = good(script(NULL2, "--total-num-mbufs=5000", "show holders", "start", 0.2, "stop",
                    "show holders", "quit"))
    expect(r.out.count("      5000  in all") == 2, r)
    for bad in ("show", "show port", "show port stats", "show port stats 0 1", "show port stats x",
                "show port stats -1", "show port info", "show config", "show config fwd x",
                "show holders x"):
        r = good(script(NULL2, "", bad, "quit"))
        expect("usage" in r.out and "statistics" not in r.out, "%s: %s" % (bad, r))
    r = good(script(NULL2, "", "show port stats 2", "show port info 99", "quit"))
    expect("no port 2; there are 0 to 1" in r.out and "no port 99" in r.out, r)


@check
def prompt_clear():
    r = good(script("--vdev=net_pcap0,tx_pcap=" + path("o"), "", "start tx_first", 0.2, "stop",
                    "show port stats 0", "clear port stats 0", "show port stats 0", "quit"))
    expect(re.findall(r"TX-packets: (\d+) +TX-errors", r.out) == ["32", "0"], r)
    r = good(script(NULL2, "", "clear port stats all", "clear port stats", "clear", "quit"))
    expect("port 0 cleared" in r.out and "port 1 cleared" in r.out, r)
    expect("usage: clear port stats" in r.out, r)
    r = good(script(NULL2, "-a", 0.2, "clear port stats all", 0.1, "stop", "quit"))
    rx, _, tx, dropped = totals(r.out)
    expect(0 < rx < 1 << 40 and 0 < tx < 1 << 40 and dropped == 0, r)


@check
def prompt_words():
    r = good(script(NULL2, "", "help", "quit"))
    for word in ("start [tx_first", "set fwd", "show port stats", "show holders", "quit"):
        expect(word in r.out, word)
    r = good(script(NULL2, "", "sart", "xyzzy", "", "# remark", "  help  ", "a " * 100, "quit now",
                    "x" * 6000, "show config fwd", "quit"))
    expect("did you mean start?" in r.out and "no command \"xyzzy\"" in r.out, r)
    expect("usage: quit" in r.out and "longer than" in r.out, r)


@check
def prompt_end_of_input():
    p = subprocess.run(command(NULL2, "-i"), input=b"show config fwd", capture_output=True,
                       timeout=LIMIT)
    expect(p.returncode == 0 and b"RX P=0" in p.stdout and b"Bye" in p.stdout, p)


@check
def prompt_in_a_terminal():
    """Editing keys, history, a signal; and the terminal is left as it was."""
    try:
        pid, fd = pty.fork()
    except OSError as e:
        raise Skip("no pseudo-terminal to be had (is /dev/pts mounted?): %s" % e)
    if not pid:
        os.environ["TERM"] = "xterm"
        os.execv(APP, command(NULL2, "-i"))
    seen = b""

    def until(text, limit=5):
        nonlocal seen
        end = time.monotonic() + limit
        while text not in seen:
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("%r not in %r" % (text, seen[-800:]))
            try:
                seen += os.read(fd, 4096)
            except OSError:
                raise AssertionError("ended before %r: %r" % (text, seen[-800:])) from None
        seen = seen[seen.index(text) + len(text):]

    try:
        until(b"testpmd> ")
        os.write(fd, b"show confog\x08\x08ig fwd\n")
        until(b"RX P=1/Q=0 -> TX P=0/Q=0\r\n")
        until(b"testpmd> ")
        os.write(fd, b"\x1b[A\n")
        until(b"RX P=1/Q=0 -> TX P=0/Q=0\r\n")
        until(b"testpmd> ")
        os.write(fd, b"start\n")
        until(b"testpmd> ")
        time.sleep(0.2)
        os.write(fd, b"\x03")
        until(b"Accumulated")
        until(b"Bye...")
        expect(termios.tcgetattr(fd)[3] & termios.ICANON, "the terminal was left raw")
        expect(os.waitpid(pid, 0)[1] == 0, "exit status")
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)


@check
def prompt_stop_after():
    r = good(script(NULL2, "--stop-after=100", "start", 0.3, "start", 0.3, "quit"))
    expect(r.out.count("Accumulated") == 2, r)


# ---- net_null ----

@check
def null_size():
    for size in (14, 64, 1500, 2048, 2049, 9018):
        stats, _ = forward("--vdev=net_null0,size=%d" % size, "--stop-after=1000")
        t = stats["total"]
        expect(t["rx_bytes"] == size * t["rx_packets"] > 0, stats)
        expect(t["tx_packets"] == t["rx_packets"] and t["tx_bytes"] == t["rx_bytes"], stats)
    for bad in ("13", "9019", "x", "-1", ""):
        refused(run("--vdev=net_null0,size=" + bad), "size")
    refused(run("--vdev=net_null0,size=9018", "--mbuf-size=300"), "buffers")


@check
def null_no_rx():
    stats, _ = forward("--vdev=net_null0,no-rx=1", SHORT)
    expect(stats["total"]["rx_packets"] == 0, stats)
    stats, _ = forward("--vdev=net_null0,no-rx=0", SHORT)
    expect(stats["total"]["rx_packets"] > 0, stats)
    refused(run("--vdev=net_null0,no-rx=2"), "no-rx=2")


@check
def null_copy():
    """Buffers that held random packets are received again: as they are, or with copy=1 zeroed."""
    src = write_pcap("in.pcap", [packet(1500, i) for i in range(100)])
    for copy in (0, 1):
        good(run("--vdev=net_null0,size=1500,copy=%d --vdev=net_pcap1,infinite_rx=1,rx_pcap=%s,tx_pcap=%s"
                 % (copy, src, path("out.pcap")), "--stop-after=5000"))
        zero = [p == bytes(1500) for p in read_pcap("out.pcap")]
        expect(len(zero) > 1000 and all(zero) == bool(copy), "copy=%d" % copy)


# ---- net_pcap ----

@check
def pcap_arguments():
    src = write_pcap("in.pcap", packets(3))
    refused(run("--vdev=net_pcap0"), "rx_pcap")
    refused(run("--vdev=net_pcap0,rx_pcap="), "rx_pcap")
    refused(run("--vdev=net_pcap0,rx_pcap=/nonexistent"), "/nonexistent", "No such file")
    refused(run("--vdev=net_pcap0,rx_pcap=" + TMP), "rx_pcap")
    refused(run("--vdev=net_pcap0,tx_pcap=/nonexistent/x"), "/nonexistent/x")
    refused(run("--vdev=net_pcap0,rx_pcp=%s" % src), "did you mean \"rx_pcap\"?")
    refused(run("--vdev=net_pcap0,infinite_rx=1,tx_pcap=%s" % path("o")), "infinite_rx")
    # A bad source must not cost the target.
    with open(path("keep"), "w") as f:
        f.write("precious")
    refused(run("--vdev=net_pcap0,rx_pcap=/nonexistent,tx_pcap=" + path("keep")), "/nonexistent")
    with open(path("keep")) as f:
        expect(f.read() == "precious", "tx_pcap was overwritten")


@check
def pcap_link_type():
    refused(run("--vdev=net_pcap0,rx_pcap=" + write_pcap("raw.pcap", packets(3), link=101)),
            "not Ethernet", "RAW")


@check
def pcap_not_a_capture():
    for content in (b"", b"x", b"hello, this is no capture file at all" * 10, bytes(24)):
        with open(path("junk"), "wb") as f:
            f.write(content)
        refused(run("--vdev=net_pcap0,rx_pcap=" + path("junk")), "junk")


@check
def pcap_empty():
    stats, r = forward("--vdev=net_pcap0,rx_pcap=" + write_pcap("empty.pcap", []), SHORT)
    expect(stats["total"]["rx_packets"] == 0 and r.err == "", r)
    refused(run("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + path("empty.pcap")), "no packet")


@check
def pcap_truncated():
    sent = packets(20)
    for cut in (1, 100, len(sent[-1]) + 3):
        src = write_pcap("cut.pcap", sent, cut=cut)
        stats, r = forward("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (src, path("out.pcap")),
                           "--run-time=0.2")
        expect(read_pcap("out.pcap") == sent[:19], "packets before the cut")
        expect(r.err.count("\n") == 1 and "packet 19" in r.err and "cut.pcap" in r.err, r)
    stats, r = forward("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + src, "--stop-after=100")
    expect("packet 19" in r.err and stats["total"]["rx_packets"] >= 100, r)


@check
def pcap_bad_lengths():
    ok = packets(3)
    sent = [ok[0], b"", b"x" * 13, packet(9019), ok[1], packet(20000), ok[2]]
    stats, _ = forward("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" %
                       (write_pcap("odd.pcap", sent), path("out.pcap")), "--run-time=0.2")
    expect(read_pcap("out.pcap") == ok and stats["total"]["rx_errors"] == 4, stats)
    write_pcap("odd.pcap", [b"x"] * 3)
    stats, _ = forward("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + path("odd.pcap"), SHORT)
    expect(stats["total"]["rx_packets"] == 0 and stats["total"]["rx_errors"] > 3, stats)


@check
def pcap_infinite():
    sent = packets(7)
    env = "--vdev=net_pcap0,infinite_rx=1,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent),
                                                                  path("out.pcap"))
    good(run(env, "--stop-after=1000"))
    got = read_pcap("out.pcap")
    expect(len(got) >= 1000, len(got))
    expect(all(p == sent[i % 7] for i, p in enumerate(got)), "order")


@check
def pcap_full_disk():
    env = "--vdev=net_pcap0,tx_pcap=/dev/full"
    name = path("full.json")
    r = run(env, "--forward-mode=txonly --run-time=0.2 --stats-json=" + name)
    with open(name) as f:
        stats = json.load(f)
    expect(r.rc == 1 and "could not send" in r.err, r)
    expect(stats["total"]["tx_packets"] == 0 and stats["total"]["tx_errors"] > 0, stats)
    expect(r.err.count("No space left") == 1, r)



@check
def pcap_file_size_limit():
    """A regular file that stops growing ends with a whole packet."""
    p = subprocess.Popen(command("--vdev=net_pcap0,tx_pcap=" + path("out.pcap"), "-i"),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    time.sleep(0.3)
    # Only now: the limit is for memory files too, and the pool is one.
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (100000, 100000))
    p.stdin.write(b"set fwd txonly\nstart\n")
    p.stdin.flush()
    time.sleep(0.3)
    out, err = p.communicate(b"stop\nquit\n", timeout=LIMIT)
    expect(p.returncode == 1 and err.count(b"cannot be written") == 1, err)
    got = len(read_pcap("out.pcap"))
    expect(1000 < got < 1300, "%d packets" % got)
    expect(totals(out.decode())[2] == got, out)


@check
def pcap_damaged():
    rng = random.Random(1)
    src = write_pcap("good.pcap", packets(30))
    with open(src, "rb") as f:
        data = f.read()
    for _ in range(25):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 20)):
            bad[rng.randrange(len(bad) if rng.random() < 0.5 else 300)] = rng.randrange(256)
        with open(path("bad.pcap"), "wb") as f:
            f.write(bad[:rng.randint(1, len(bad))])
        r = run("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (path("bad.pcap"), path("out.pcap")),
                "--run-time=0.03")
        expect(r.rc in (0, 1) and (r.rc == 0 or r.err), r)


def main():
    global APP, TMP
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    APP = os.path.abspath(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory(prefix="testpmd.") as tmp:
        TMP = tmp
        for f in CHECKS:
            if len(sys.argv) > 2 and sys.argv[2] not in f.__name__:
                continue
            try:
                f()
                print("ok", f.__name__, flush=True)
            except Skip as e:
                print("skip %s: %s" % (f.__name__, e), flush=True)
            except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError,
                    TypeError, struct.error) as e:
                failed += 1
                print("FAIL %s: %s: %s" % (f.__name__, type(e).__name__, str(e)[:1500]), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
