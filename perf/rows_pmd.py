# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the drivers alone, in front of the free backend: perf/pmd_bench on command."""
import os
import subprocess

from benchlib import Skip, in_turn, median, row

MS = {"same": 4, "cross": 8}  # of a window
SITTINGS = 3
BATON = "mrg_rxbuf=0"
BOUNCED = BATON + ",bounce=always"
# DPDK's split-ring settings worth trying; the fastest of them is the peer.
PEERS = ["mrg_rxbuf=0,in_order=0,vectorized=1", "mrg_rxbuf=0,in_order=1", "mrg_rxbuf=0,in_order=0"]
PEERS_MRG = ["mrg_rxbuf=1,in_order=1", "mrg_rxbuf=1,in_order=0"]


class Bench:
    """A pmd_bench process and its ports."""

    def __init__(self, program):
        if not os.path.exists(program):
            raise Skip(f"{program} is not built")
        self.p = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self.next = 0

    def ask(self, command):
        try:
            self.p.stdin.write(command + "\n")
            answer = self.p.stdout.readline().rstrip("\n")
        except BrokenPipeError:
            answer = ""
        if not answer.startswith("ok"):
            raise Skip(answer or f"pmd_bench ended at '{command}'")
        return answer[3:]

    def open(self, stack, args, size=64):
        """Return: the port's name and how it runs."""
        name = str(self.next)
        self.next += 1
        return name, self.ask(f"open {name} {stack} {size} {args}")

    def mpps(self, how, name, kind):
        packets, seconds, _ = self.ask(f"{how} {name} {kind} {MS[how]}").split()
        return int(packets) / max(float(seconds), 1e-9) / 1e6

    def cycles(self, name, kind):
        packets, _, cycles = self.ask(f"same {name} {kind} {MS['same']}").split()
        return float(cycles) / max(int(packets), 1)

    def end(self):
        self.p.stdin.close()
        try:
            self.p.wait(20)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()


def best_peer(opt, bench, how, kind, mergeable):
    """The fastest of DPDK's settings for a row, found once: (arguments, how it runs)."""
    key = (how, kind, mergeable)
    if key in opt.peers:
        return opt.peers[key]
    settings = PEERS_MRG if mergeable else PEERS
    ports = {args: bench.open("dpdk", args) for args in settings}
    rates = {args: [] for args in settings}
    for _ in range(opt.pairs(25, 9)):
        for args, (name, _) in ports.items():
            rates[args].append(bench.mpps(how, name, kind))
    for name, _ in ports.values():
        bench.ask(f"close {name}")
    args = max(settings, key=lambda a: median(rates[a]))
    opt.peers[key] = args, ports[args][1]
    return opt.peers[key]


def parse(name):
    """aa_pmd_split_rx_xcore_64_mrg -> kind, how, mergeable, A/A."""
    words = name.split("_")
    return (next(w for w in words if w in ("rx", "tx", "io")), "cross" if "xcore" in words else "same",
            words[-1] == "mrg", words[0] == "aa")


def sittings(opt, bench, how, kind, ours, peer, size=64):
    """Pairs of three sittings, each with ports made anew and in another order: where their memory lies is worth a percent or two."""
    measured = []
    for sitting in range(SITTINGS):
        order = [ours, peer]
        if sitting % 2:
            order.reverse()
        ports = [bench.open(*o, size)[0] for o in order]
        a, b = reversed(ports) if sitting % 2 else ports
        measured += in_turn(opt.pairs(50, 17), lambda a=a: bench.mpps(how, a, kind),
                            lambda b=b: bench.mpps(how, b, kind), 3)
        for port in ports:
            bench.ask(f"close {port}")
    return measured


def pmd_row(opt, name):
    kind, how, mergeable, self_test = parse(name)
    bench = Bench(opt.pmd_bench)
    try:
        args, runs = best_peer(opt, bench, how, kind, mergeable)
        opt.notes[name] = f"peer: {args} ({runs})"
        ours = ("dpdk", args) if self_test else ("baton", "mrg_rxbuf=1" if mergeable else BATON)
        measured = sittings(opt, bench, how, kind, ours, ("dpdk", args))
    finally:
        bench.end()
    return row(name, measured, "Mpps", "higher")


def bounce_row(opt, name):
    """A port whose packets all go through slots, beside one whose packets do not."""
    kind, size = name.split("_")[-2], int(name.split("_")[-1])
    bench, direct = Bench(opt.pmd_bench), ("baton", BATON)
    try:
        ours = direct if name.startswith("aa_") else ("baton", BOUNCED)
        measured = sittings(opt, bench, "same", kind, ours, direct, size)
    finally:
        bench.end()
    opt.notes[name] = f"peer: Baton, direct ({BATON}); the free backend looks at no packet, so direct packets are not touched at all"
    return row(name, measured, "Mpps", "higher")


def own_check(opt, name):
    """Cycles of the time stamp counter per packet forwarded, with the checks and without, in two processes."""
    on, off = Bench(opt.pmd_bench), Bench(os.path.join(opt.build_off, "perf/pmd_bench"))
    try:
        if "ownership off" in on.ask("about") or "ownership off" not in off.ask("about"):
            raise Skip("it takes a build with checks and one without")
        a, b = on.open("baton", BATON)[0], off.open("baton", BATON)[0]
        measured = in_turn(opt.pairs(150, 50), lambda: on.cycles(a, "io"), lambda: off.cycles(b, "io"), 3)
    finally:
        on.end()
        off.end()
    added = median([x - y for x, y in measured])
    opt.notes[name] = f"peer: Baton without its checks; they add {added:.2f} cycles (at most 6 are wanted)"
    return row(name, measured, "cycles/packet", "lower")


ROWS = {}
for _how in ("", "_xcore"):
    for _kind in ("rx", "tx", "io"):
        for _suffix in ("", "_mrg"):
            ROWS[f"pmd_split_{_kind}{_how}_64{_suffix}"] = pmd_row
        ROWS[f"aa_pmd_split_{_kind}{_how}_64"] = pmd_row
ROWS["own_check_cycles"] = own_check
for _size in (64, 1500):
    ROWS[f"bounce_io_{_size}"] = ROWS[f"aa_bounce_io_{_size}"] = bounce_row
