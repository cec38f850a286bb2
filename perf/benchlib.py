# SPDX-License-Identifier: BSD-3-Clause
"""What all rows share: pairs in turn, their ratio and its interval, the table, the JSON, the machine."""
import json
import math
import os
import platform
import re
import subprocess
import time


class Skip(Exception):
    """A row cannot be measured here; the text says why."""


class Options:
    """What the rows need to know: where the builds are, and whether to hurry."""

    def __init__(self, build, build_off, quick):
        self.build, self.build_off, self.quick = build, build_off, quick
        self.app = os.path.join(build, "apps/testpmd/baton-testpmd")
        self.pmd_bench = os.path.join(build, "perf/pmd_bench")
        self.peers = {}  # DPDK's fastest settings, as rows_pmd has found them
        self.notes = {}  # row: how it was measured, in words

    def pairs(self, full, quick):
        return quick if self.quick else full


def in_turn(n, baton, peer, warm_up=1):
    """[(baton(), peer())] n times; who is first alternates."""
    out = []
    for i in range(n + warm_up):
        if i % 2 == 0:
            a = baton()
            b = peer()
        else:
            b = peer()
            a = baton()
        if i >= warm_up and a > 0 and b > 0:
            out.append((a, b))
    return out


def median(values):
    values = sorted(values)
    n = len(values)
    return (values[n // 2] + values[(n - 1) // 2]) / 2


def number(x):
    return None if x is None else float(f"{x:.6g}")


def row(name, measured, unit, better):
    """
    A row from pairs: medians of both sides; the ratio is the median of the pairs' ratios. Its 95 % interval is the
    sign test's, which asks nothing of the distribution: windows that the machine disturbed widen it no more than others.
    """
    n = len(measured)
    if n < 6:
        raise Skip(f"only {n} pairs could be measured")
    ratios = sorted(a / b for a, b in measured)
    k = max(0, math.floor((n - 1.96 * math.sqrt(n)) / 2 - 0.5))
    return {"name": name, "baton": number(median([a for a, _ in measured])),
            "peer": number(median([b for _, b in measured])), "ratio": number(median(ratios)),
            "lo": number(ratios[k]), "hi": number(ratios[n - 1 - k]), "unit": unit, "better": better}


def exact(name, baton, peer, unit, better):
    """A row of counts, which have no spread; peer may be None."""
    ratio = number(baton / peer) if peer else None
    return {"name": name, "baton": number(baton), "peer": number(peer), "ratio": ratio, "lo": ratio, "hi": ratio,
            "unit": unit, "better": better}


# ---- output ----

def print_header():
    print(f"{'row':28} {'baton':>10} {'peer':>10} {'ratio':>7}   95 % interval", flush=True)


def print_row(r, note=""):
    if r["ratio"] is None:
        text = f"{r['name']:28} {r['baton']:10.5g} {'-':>10} {'-':>7}   {'-':15}"
    else:
        wide = "  inconclusive" if r["hi"] - r["lo"] > 0.1 * r["ratio"] else ""
        digits = ".3f" if r["ratio"] >= 0.01 else ".2g"
        span = f"{r['lo']:{digits}} - {r['hi']:{digits}}"
        text = f"{r['name']:28} {r['baton']:10.5g} {r['peer']:10.5g} {r['ratio']:7{digits}}   {span:15}{wide}"
    print(f"{text}  {r['unit']}, {r['better']} is better" + (f"\n{'':28} {note}" if note else ""), flush=True)


def write_json(path, rows, machine):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"schema": 1, "rows": rows, "machine": machine}, f, indent=1)
        f.write("\n")


# ---- the machine ----

def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    return (out.stdout or out.stderr).strip().split("\n")[0]


def read(path, default=""):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return default


def cpu_times():
    """user, nice, system, idle, iowait, irq, softirq, steal of all CPUs, in ticks."""
    return [int(x) for x in read("/proc/stat").split("\n")[0].split()[1:9]]


class Machine:
    """What it is, and what it did from the first row to the last."""

    def __init__(self):
        self.start, self.times, self.load = time.monotonic(), cpu_times(), os.getloadavg()[0]

    def facts(self):
        model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
        spent = [b - a for a, b in zip(self.times, cpu_times())]
        total = max(1, sum(spent))
        return {
            "cpu": model[1] if model else platform.machine(), "cpus": os.cpu_count(),
            "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
            "kernel": platform.release(), "compiler": first_line(["cc", "--version"]),
            "dpdk": first_line(["pkg-config", "--modversion", "libdpdk"]),
            "load_before": round(self.load, 2), "load_after": round(os.getloadavg()[0], 2),
            "steal_percent": round(100 * spent[7] / total, 2),
            "busy_percent": round(100 * (total - spent[3] - spent[4]) / total, 1),
            "seconds": round(time.monotonic() - self.start, 1),
        }


def print_machine(facts):
    print(f"\n{facts['cpu']}, {facts['cpus']} CPUs, governor {facts['governor']}, Linux {facts['kernel']}; "
          f"{facts['compiler']}; DPDK {facts['dpdk']}")
    print(f"meanwhile: load {facts['load_before']} before and {facts['load_after']} after, CPUs busy for "
          f"{facts['busy_percent']} %, {facts['steal_percent']} % stolen by the host, {facts['seconds']} s in all")
