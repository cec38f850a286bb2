#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What baton-testpmd counts, and how it ends."""
import re
import resource
import os
import signal
import subprocess
import time

from testpmd_util import (LIMIT, NULL2, SHORT, check, command, expect, forward, good, main, packet,
                          packets, path, run, script, totals)

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
    r = good(run(NULL2, "--record-core-cycles --stop-after=1000"))
    expect(re.search(pattern % "io", r.out), r)
    r = good(run(NULL2, "--record-core-cycles --forward-mode=txonly --stop-after=1000"))
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
    for bad in ("/dev/full", "/nonexistent/x", path("")):
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


def wait_busy(p):
    """Wait until the program has polled for a while: its threads, which never sleep, have had their CPU time."""
    for _ in range(200):
        with open(f"/proc/{p.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 0.5 or p.poll() is not None:
            return
        time.sleep(0.05)


@check
def signals():
    for sig in (signal.SIGINT, signal.SIGTERM):
        for app in ("", "--stats-period=1", "-i -a", "--forward-mode=txonly"):
            p = subprocess.Popen(command(NULL2, app), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            begun = ""
            while "Logical Core" not in begun and p.poll() is None:
                begun += p.stdout.readline().decode()
            wait_busy(p)
            p.send_signal(sig)
            out = begun + p.stdout.read().decode()
            expect(p.wait(LIMIT) == 0, "%s %s: %s %s" % (sig, app, p.returncode, out))
            expect(totals(out)[2] > 0 and "Port 1 is closed" in out and "Bye" in out, out)
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


if __name__ == "__main__":
    main()
