#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command line of baton-testpmd and its forwarding, on net_null and net_pcap ports."""
import glob
import os
import re
import signal
import struct
import subprocess
import time

from testpmd_util import (LIMIT, NULL2, SHORT, Skip, check, command, expect, forward, good, main,
                          packet, packets, path, read_pcap, refused, run, script, totals,
                          write_pcap)

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
              "--burst=513", "--burst=-1", "--burst=1x", "--burst=", "--rxq=0",
              "--txq=65", "--total-num-mbufs=0", "--total-num-mbufs=1000000000", "--mbuf-size=0",
              "--mbuf-size=65536", "--mbuf-size=1", "--mbcache=8193", "--mtu=67",
              "--mtu=9001", "--max-pkt-len=85", "--max-pkt-len=9019", "--nb-cores=0",
              "--nb-cores=65", "--retry=0", "--stats-period=-1", "--stop-after=0", "--txpkts=0",
              "--txpkts=41", "--txpkts=64,0", "--txpkts=70000", "--burst=99999999999999999999999"):
        refused(run(NULL2, o), o.split("=")[0])
    for o in ("--run-time=0", "--run-time=-1", "--run-time=x", "--run-time=nan", "--txpkts=,"):
        refused(run(NULL2, o), o.split("=")[0])
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
    refused(run("--vdev=net_null0 --vdev=net_null0"), "named twice")
    refused(run("--vdev="), "no driver")
    refused(run("--vdev=" + "x" * 300), "longer")
    refused(run("-a 0000:00:1f.6"), "no PCI")


@check
def ignored_options():
    r = good(run("-n 4 -m 64 --no-pci --in-memory --single-file-segments --file-prefix=x "
                 "--socket-mem=64 --proc-type=auto --iova-mode=va " + NULL2,
                 "--no-numa --no-flush-rx " + SHORT))
    lines = [line for line in r.err.split("\n") if "no meaning" in line]
    for o in ("-m ", "--file-prefix", "--socket-mem", "--proc-type", "--iova-mode",
              "--no-numa"):
        expect(sum(o in line for line in lines) == 1, "%s: %s" % (o, r))


def threads_of(env, app):
    """Comm and CPUs of every thread of a run, when all that forward have got their names."""
    forwarding = int((re.findall(r"--nb-cores=(\d+)", app) or [1])[0])
    p = subprocess.Popen(command(env, app), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    found, end, complete = [], time.monotonic() + LIMIT, False
    while not complete and time.monotonic() < end:
        complete = sum(name.startswith("forward-") for name, _ in found) >= forwarding
        time.sleep(0.1)  # and once more then: there may be too many
        found = []
        for task in glob.glob("/proc/%d/task/*/status" % p.pid):
            with open(task) as f:
                text = f.read()
            found.append((re.search(r"Name:\t(.*)", text)[1],
                          re.search(r"Cpus_allowed_list:\t(.*)", text)[1]))
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
    for form in ("0@%d,(1,2)@%d" % (first, first), "(0,1,2)@(%d)" % first, "0-2@%d" % first,
                 "( 0-1 , 2 ) @ ( %d )".replace(" ", "") % first):
        got = threads_of("--lcores=%s " % form + NULL2, "--nb-cores=2")
        expect([t for t in got if t[0].startswith("f")] == [("forward-1", str(first)), ("forward-2", str(first))],
               "%s: %s" % (form, got))
    order = threads_of("--lcores=5@%d,3@%d " % (first, first) + NULL2, "")
    expect(("forward-5", str(first)) in order, "the lowest is the main thread's: %s" % order)
    main_one = threads_of("--lcores=(3-5)@%d --main-lcore=4 " % first + NULL2, "--nb-cores=2")
    expect([t[0] for t in main_one if t[0].startswith("f")] == ["forward-3", "forward-5"], main_one)
    refused(run("--lcores=3@%d --main-lcore=1 " % first + NULL2), "--main-lcore=1")
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
    both = threads_of("--lcores=(0-1)@(%d,%d) " % (cpus[0], cpus[1]) + NULL2, "")
    expect(both[-1][1] in ("%d-%d" % tuple(cpus[:2]), "%d,%d" % tuple(cpus[:2])), both)
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
    for level, words in (("", "packet 2"), ("--log-level=lib.eal:debug ", "packet 2"), ("--log-level=error ", "")):
        r = run(level + env, SHORT)
        expect(r.rc == 1 and ("packet 2" in r.err) == bool(words), r)
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
    refused(run(NULL2, "--mtu=1500 " + tx + "1000,1000"), "1522")
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
    expect("retry" not in good(run(NULL2, SHORT)).out, "default")
    for option, n in (("--retry", 64), ("--retry=7", 7)):
        expect("io packet forwarding with retry" in (out := good(run(NULL2, option + " " + SHORT)).out), out)
        expect("TX retry num: %d, delay between TX retries: 1us" % n in out, out)


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
    stats, r = forward(env, "--mtu=500 --port-topology=loop --run-time=0.2", rc=1)
    expect("packet 2 of" in r.err and "MTU 500 allows 522" in r.err and "--mtu=" in r.err, r)
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


if __name__ == "__main__":
    main()
