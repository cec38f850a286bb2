# SPDX-License-Identifier: BSD-3-Clause
"""Baton against DPDK, and bounced against direct, in front of the same vhost backend, which copies every packet.

One dpdk-testpmd process on core 0 serves two vhost sockets. The two sides, baton-testpmd or dpdk-testpmd (net_virtio_user), sit
on core 1, both connected all the time; one is stopped by a signal while the other's window runs. The backend counts for
both. Its two ports are not equally fast, by some percent that differ from start to start, so every sitting has a second
one with the places changed, and a pair is the geometric mean of one of each.
"""
import math
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

from benchlib import in_turn, row

WINDOW = 0.2   # seconds
SETTLE = 0.03  # after a change of turns
BEST = {"rx": ",mrg_rxbuf=0,vectorized=1", "tx": ",mrg_rxbuf=0,in_order=1", "io": ",mrg_rxbuf=0,in_order=0,vectorized=1"}
BOUNCE_BARS = {64: 0.80, 1500: 0.65}  # by packet size: bounced / direct
MODES = {  # kind: (backend's mode, frontend's mode, what the backend counts)
    "rx": ("txonly", "rxonly", "TX-packets"),
    "tx": ("rxonly", "txonly", "RX-packets"),
    "io": ("io", "io", "RX-packets"),
}


class Backend:
    """Two vhost ports; in io mode each is paired with a port that makes and takes packets (net_null)."""

    def __init__(self, mode, size, directory):
        self.paths = [os.path.join(directory, "s0"), os.path.join(directory, "s1")]
        self.ports = [0, 2] if mode == "io" else [0, 1]
        vdevs = []
        for i, path in enumerate(self.paths):
            vdevs.append(f"--vdev=net_vhost{i},iface={path},queues=1")
            if mode == "io":
                vdevs.append(f"--vdev=net_null{i},size={size}")
        buffers = ["--total-num-mbufs=32768"] if size <= 2048 else ["--total-num-mbufs=8192", "--mbuf-size=9856"]
        self.p = subprocess.Popen(
            ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-pci", "--in-memory", "-m", "512",
             "--single-file-segments", *vdevs, "--", "-i", "--nb-cores=1", *buffers,
             f"--txpkts={min(size, 2048)}", f"--forward-mode={mode}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


def side(app, kind, size, more=""):
    """A frontend as it runs fastest: (program, arguments of its device)."""
    dpdk = os.path.basename(app) == "dpdk-testpmd"
    args = "" if size > 2048 else BEST[kind] if dpdk else ",mrg_rxbuf=0"
    return app, args + more + ("" if dpdk else ",timeout=5000")


def sitting(pairs, kind, size, sides, swapped):
    """Pairs of sides[0] and sides[1], which have the backend's first and second port, or the other way round."""
    mode, front_mode, what = MODES[kind]
    directory = tempfile.mkdtemp(prefix="baton-bench-")
    backend, fronts = None, []
    try:
        backend = Backend(mode, size, directory)
        for i, (app, args) in enumerate(sides[::-1] if swapped else sides):
            fronts.append(frontend(app, front_mode, backend.paths[i], args))
        time.sleep(2)
        backend.answer("start")
        time.sleep(0.5)
        for f in fronts:
            if f.poll() is not None:
                raise RuntimeError(f"{f.args[0]} ended with {f.returncode}")
            f.send_signal(signal.SIGSTOP)
        return in_turn(pairs, lambda: window(backend, fronts, int(swapped), what),
                       lambda: window(backend, fronts, int(not swapped), what), 2)
    finally:
        for f in fronts:
            f.kill()
            f.wait()
        if backend:
            backend.end()
        shutil.rmtree(directory)


def measure(opt, kind, size, sides):
    out = []
    for _ in range(1 if opt.quick else 2):
        one = sitting(opt.pairs(26, 10), kind, size, sides, False)
        other = sitting(opt.pairs(26, 10), kind, size, sides, True)
        out += [(math.sqrt(a * c), math.sqrt(b * d)) for (a, b), (c, d) in zip(one, other)]
    return out


def vhost_row(opt, name):
    kind, size = name.split("_")[-2], int(name.split("_")[-1])
    sides = [side("dpdk-testpmd" if name.startswith("aa_") else opt.app, kind, size), side("dpdk-testpmd", kind, size)]
    return row(name, measure(opt, kind, size, sides), "Mpps", "higher")


def bounce_row(opt, name):
    kind, size = name.split("_")[-2], int(name.split("_")[-1])
    bounced = "" if name.startswith("aa_") else ",bounce=always"
    opt.notes[name] = "peer: Baton, direct" + (f"; at least {BOUNCE_BARS[size]} is wanted" if bounced else "")
    return row(name, measure(opt, kind, size, [side(opt.app, kind, size, bounced), side(opt.app, kind, size)]), "Mpps", "higher")


ROWS = {}
for _kind, _size in (("rx", 64), ("tx", 64), ("io", 64), ("io", 256), ("io", 1500), ("io", 9000)):
    ROWS[f"virtio_split_{_kind}_{_size}"] = vhost_row
    if _size == 64:
        ROWS[f"aa_virtio_split_{_kind}_{_size}"] = vhost_row
for _size in BOUNCE_BARS:
    ROWS[f"bounce_vhost_io_{_size}"] = ROWS[f"aa_bounce_vhost_io_{_size}"] = bounce_row
