# SPDX-License-Identifier: BSD-3-Clause
"""Rows of whole processes: baton-testpmd and dpdk-testpmd started in turn in front of the free backend."""
import os
import re
import select
import shutil
import subprocess
import tempfile
import time

from benchlib import Skip, in_turn, median, read, row

BUFFERS = 8192
PEER = ["dpdk-testpmd", "--lcores", "0@1,1@1", "--no-pci", "--no-telemetry", "--in-memory", "--single-file-segments",
        "-m", "64"]
OURS = ["--lcores", "0@1,1@1", "--no-pci"]


class Serving:
    """pmd_bench --serve on core 0: it says when it saw the first TX descriptor of each front-end."""

    def __init__(self, program):
        if not os.path.exists(program):
            raise Skip(f"{program} is not built")
        self.directory = tempfile.mkdtemp(prefix="baton-bench-")
        self.path = os.path.join(self.directory, "s")
        self.p = subprocess.Popen(["taskset", "-c", "0", program, "--serve", self.path], stdout=subprocess.PIPE,
                                  bufsize=0)
        self.line(5)

    def line(self, seconds):
        text = b""
        while not text.endswith(b"\n"):
            if not select.select([self.p.stdout], [], [], seconds)[0]:
                raise RuntimeError("the front-end sent nothing")
            piece = os.read(self.p.stdout.fileno(), 1)
            if not piece:
                raise RuntimeError("the free backend ended")
            text += piece
        return text.decode().split()

    def end(self):
        self.p.kill()
        self.p.wait()
        shutil.rmtree(self.directory)


def memory_of(pid):
    """kB: (resident and not a shared arena's, peak of the address space without arenas). Hugetlb counts for neither."""
    status = read(f"/proc/{pid}/status")
    peak, resident = (int(re.search(rf"{k}:\s+(\d+)", status)[1]) for k in ("VmPeak", "VmRSS"))
    for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", read(f"/proc/{pid}/smaps"), flags=re.M):
        if "/memfd:" not in part.split("\n")[0] and " ht" not in part:
            continue
        size, here = (int(re.search(rf"^{k}:\s+(\d+)", part, re.M)[1]) for k in ("Size", "Rss"))
        peak -= size
        resident -= here
    return resident, peak


def run_once(serving, command, settle):
    """Start it, wait for its first packet. Return: ms to that, and its memory after @settle seconds."""
    start = time.monotonic_ns()
    p = subprocess.Popen([*command, f"--vdev=net_virtio_user0,path={serving.path}", "--", "--nb-cores=1",
                          f"--total-num-mbufs={BUFFERS}", "--tx-first"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        words = serving.line(10)
        ms = (int(words[1]) - start) / 1e6
        time.sleep(settle)
        return ms, memory_of(p.pid)
    finally:
        p.kill()
        p.wait()
        time.sleep(0.05)  # the backend hears of it


def process_row(opt, name):
    own = [opt.app, *OURS]
    commands = [PEER if name.startswith("aa_") else own, PEER]
    if not shutil.which("dpdk-testpmd"):
        raise Skip("dpdk-testpmd is not there")
    serving = Serving(opt.pmd_bench)
    try:
        if name.endswith("startup_ms"):
            def one(command):
                return run_once(serving, command, 0)[0]
            pairs = opt.pairs(40, 10)
        else:
            def one(command):
                return run_once(serving, command, 0.3)[1][0 if "rss" in name else 1]
            pairs = 6
        measured = in_turn(pairs, lambda: one(commands[0]), lambda: one(commands[1]))
    finally:
        serving.end()
    opt.notes[name] = {"s": f"to the first TX descriptor, --tx-first, {BUFFERS} buffers", "r": "without hugetlb and arenas",
                       "v": "address space without hugetlb and arenas"}[name.removeprefix("aa_")[0]]
    if name == "vmpeak_kb":
        opt.notes[name] += f"; {median([a for a, _ in measured]) / 1024:.0f} MiB (less than 64 are wanted)"
    return row(name, measured, name.rsplit("_", 1)[1].replace("kb", "kB"), "lower")


ROWS = {name: process_row for name in ("startup_ms", "aa_startup_ms", "rss_kb", "vmpeak_kb")}
