#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Baton against DPDK in front of the same vhost backend, in pairs taken in turn.

usage: vhost_rows.py BATON-TESTPMD [--quick] [--json FILE] [PATTERN]

One dpdk-testpmd process on core 0 serves two vhost sockets. baton-testpmd and dpdk-testpmd (net_virtio_user) sit on
core 1, both connected all the time; one is stopped by a signal while the other's window runs. The backend counts for
both. ratio = baton / peer; lo .. hi is its 95 % interval over the pairs. Rows named aa_* set DPDK against itself: what
they differ from 1 is the instrument's error.
"""
import argparse
import fnmatch
import json
import math
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WINDOW = 0.2   # seconds
SETTLE = 0.03  # after a change of turns
BEST = {"rx": ",mrg_rxbuf=0,vectorized=1", "tx": ",mrg_rxbuf=0,in_order=1", "io": ",mrg_rxbuf=0,in_order=0,vectorized=1"}
ROWS = {  # name: (backend's mode, frontend's mode, what the backend counts)
    "virtio_split_rx_64": ("txonly", "rxonly", "TX-packets"),
    "virtio_split_tx_64": ("rxonly", "txonly", "RX-packets"),
    "virtio_split_io_64": ("io", "io", "RX-packets"),
}


class Backend:
    """Two vhost ports; in io mode each is paired with a port that makes and takes packets (net_null)."""

    def __init__(self, mode, directory):
        self.paths = [os.path.join(directory, "s0"), os.path.join(directory, "s1")]
        self.ports = [0, 2] if mode == "io" else [0, 1]
        vdevs = []
        for i, path in enumerate(self.paths):
            vdevs.append(f"--vdev=net_vhost{i},iface={path},queues=1")
            if mode == "io":
                vdevs.append(f"--vdev=net_null{i}")
        self.p = subprocess.Popen(
            ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-pci", "--in-memory", "-m", "512",
             "--single-file-segments", *vdevs, "--", "-i", "--nb-cores=1", "--total-num-mbufs=32768",
             f"--forward-mode={mode}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0)
        self.answer("")
        while not all(os.path.exists(p) for p in self.paths):
            time.sleep(0.05)

    def answer(self, command, until=r"testpmd> $"):
        """Send a command; the match of `until` in what comes back. Events print prompts of their own."""
        while select.select([self.p.stdout], [], [], 0)[0]:
            os.read(self.p.stdout.fileno(), 65536)
        if command:
            self.p.stdin.write(command.encode() + b"\n")
        out = ""
        while not (m := re.search(until, out)):
            if not select.select([self.p.stdout], [], [], 10)[0]:
                raise RuntimeError(f"the backend does not answer '{command}': " + out[-500:])
            piece = os.read(self.p.stdout.fileno(), 65536)
            if not piece:
                raise RuntimeError("the backend ended: " + out[-500:])
            out += piece.decode(errors="replace")
        return m

    def count(self, side, what):
        port = self.ports[side]
        m = self.answer(f"show port stats {port}", rf"statistics for port {port} [^~]*?{what}: +(\d+)")
        return int(m[1]), time.monotonic()

    def end(self):
        self.p.kill()
        self.p.wait()


def frontend(app, mode, path, args):
    dpdk = os.path.basename(app) == "dpdk-testpmd"
    env = ["--lcores", "0@1,1@1", "--no-pci"] + (["--in-memory", "-m", "256", "--single-file-segments"] if dpdk else [])
    return subprocess.Popen([app, *env, f"--vdev=net_virtio_user0,path={path}{args}", "--", "--nb-cores=1",
                             "--total-num-mbufs=8192", f"--forward-mode={mode}", "--auto-start",
                             "--stats-period=600"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def window(backend, fronts, side, what):
    fronts[side].send_signal(signal.SIGCONT)
    time.sleep(SETTLE)
    n0, t0 = backend.count(side, what)
    time.sleep(WINDOW)
    n1, t1 = backend.count(side, what)
    fronts[side].send_signal(signal.SIGSTOP)
    return (n1 - n0) / (t1 - t0) / 1e6


def pairs(name, apps, n):
    kind = name.split("_")[-2]
    mode, front_mode, what = ROWS["virtio_split_" + kind + "_64"]
    directory = tempfile.mkdtemp(prefix="baton-bench-")
    backend, fronts = None, []
    try:
        backend = Backend(mode, directory)
        for i, app in enumerate(apps):
            args = BEST[kind] if os.path.basename(app) == "dpdk-testpmd" else ",mrg_rxbuf=0,timeout=5000"
            fronts.append(frontend(app, front_mode, backend.paths[i], args))
        time.sleep(2)
        backend.answer("start")
        time.sleep(0.5)
        for f in fronts:
            if f.poll() is not None:
                raise RuntimeError(f"{f.args[0]} ended with {f.returncode}")
            f.send_signal(signal.SIGSTOP)
        out = []
        for i in range(n + 2):
            order = (0, 1) if i % 2 == 0 else (1, 0)
            rate = [0.0, 0.0]
            for side in order:
                rate[side] = window(backend, fronts, side, what)
            if i >= 2 and min(rate) > 0:  # the first are warm-up
                out.append(rate)
        return out
    finally:
        for f in fronts:
            f.kill()
            f.wait()
        if backend:
            backend.end()
        shutil.rmtree(directory)


def row(name, measured):
    logs = [math.log(a / b) for a, b in measured]
    n = len(logs)
    mean = sum(logs) / n
    half = 1.96 * math.sqrt(sum((x - mean) ** 2 for x in logs) / (n - 1) / n)

    def median(side):
        return sorted(r[side] for r in measured)[n // 2]

    return {"name": name, "baton": round(median(0), 3), "peer": round(median(1), 3),
            "ratio": round(math.exp(mean), 3), "lo": round(math.exp(mean - half), 3),
            "hi": round(math.exp(mean + half), 3), "unit": "Mpps", "better": "higher"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app")
    parser.add_argument("--quick", action="store_true", help="few pairs; never for claims")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("pattern", nargs="?", default="*")
    opt = parser.parse_intermixed_args()
    rows = []
    names = [n for kind in ROWS for n in (kind, "aa_" + kind[13:])]
    wanted = [n for n in names if fnmatch.fnmatch(n, opt.pattern) or opt.pattern in n]
    if not wanted:
        sys.exit(f"bench: no row is like '{opt.pattern}'; there are: {', '.join(names)}")
    print(f"{'row':24} {'baton':>9} {'peer':>9} {'ratio':>7}   95 % interval     (load {os.getloadavg()[0]:.1f})")
    for name in wanted:
        full = name if name.startswith("virtio") else "virtio_split_" + name[3:]
        apps = ["dpdk-testpmd" if name.startswith("aa_") else opt.app, "dpdk-testpmd"]
        r = row(name, pairs(full, apps, 16 if opt.quick else 50))
        rows.append(r)
        wide = "  inconclusive" if r["hi"] - r["lo"] > 0.1 * r["ratio"] else ""
        print(f"{name:24} {r['baton']:9.3f} {r['peer']:9.3f} {r['ratio']:7.3f}   {r['lo']:.3f} - {r['hi']:.3f}{wide}"
              f"  {r['unit']}", flush=True)
    if opt.json:
        with open(opt.json, "w") as f:
            json.dump({"schema": 1, "rows": rows}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
