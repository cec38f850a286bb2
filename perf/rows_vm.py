# SPDX-License-Identifier: BSD-3-Clause
"""Baton against DPDK in a guest under emulation, in turn on the same two NICs: scenarios of the vm suite, `speed*` and `insn_*`."""
import bisect
import glob
import os
import re
import subprocess
import tempfile

from benchlib import Skip, exact, row

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAIR = re.compile(r"pair \d+: (\d+) to (\d+) packets/s")
NICS = ("e1000e", "igb")
DPDK_PARTS = ("librte_net_e1000.so", "librte_mempool_ring.so")  # the driver, and what it takes buffers from


def guest(opt, scenario, parts, logs):
    """Run a scenario, `parts` of devtools/vm-setup being enough. Return: what its logs say."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as paths:
        if subprocess.run([os.path.join(ROOT, "devtools/vm-setup"), *parts], stdout=paths, check=False).returncode != 0:
            raise Skip("devtools/vm-setup failed")
        run = subprocess.run([os.path.join(ROOT, "tests/vm/run"), "--testpmd", opt.app, "--paths", paths.name, "--logs", logs,
                              "--keep", "--jobs", "1", scenario], capture_output=True, text=True, check=False)
    text = run.stdout
    for kind in ("console", "control", "qemu"):
        with open(os.path.join(logs, f"{scenario}.{kind}"), encoding="utf-8", errors="replace") as f:
            text += f.read()
    if run.returncode != 0:
        raise Skip("the guest failed: " + (run.stdout.strip().split("\n") or [""])[-1])
    return text


def vm_row(opt, name):
    nic = re.search("|".join(NICS), name)
    scenario, parts = (f"speed_{nic[0]}", ("stock", "qemu")) if nic else ("speed", ())
    measured = []
    for _ in range(opt.pairs(6, 2)):
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as logs:
            text = guest(opt, scenario, parts, logs)
        measured += [(int(a) / 1e6, int(b) / 1e6) for a, b in dict.fromkeys(PAIR.findall(text))]
    opt.notes[name] = "in a guest under emulation, where the emulated device often sets the pace"
    return row(name, measured, "Mpps", "higher")


# ---- instructions ----

def sections(path):
    """What count_plugin.c wrote: for each mark, [(address, instructions)] since the one before."""
    out = []
    with open(path, encoding="ascii") as f:
        for line in f:
            if line == "mark\n":
                out.append([])
            else:
                at, insns, times = line.split()
                out[-1].append((int(at, 16), int(insns) * int(times)))
    return out


def maps_of(text, app):
    """{file: (first, end)} of the code of a program's first run."""
    said = re.search(rf"^\+ {app}-testpmd .*?((?:map \S+ \S+\s+)+)", text, re.M | re.S)
    if not said:
        raise Skip(f"the guest did not say where {app}-testpmd is")
    return {name: (int(a, 16), int(b, 16)) for name, a, b in re.findall(r"map (\S+) (\w+)-(\w+)", said[1])}


def symbols(program):
    """[(address, name)] of functions, in order, as they are linked; and where the code begins."""
    out = subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    head = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
    code = re.search(r"LOAD\s+\S+ (0x\w+) .* R E ", head)
    return sorted((int(a, 16), n) for a, n in re.findall(r"^(\w+) [tT] (\S+)$", out, re.M)), int(code[1], 16)


def baton_counter(opt, maps):
    """Whether an address is of the library or a driver: of the program, but not of its own files."""
    listed, code = symbols(opt.app)
    objects = glob.glob(os.path.join(os.path.dirname(opt.app), "baton-testpmd.p", "*.o"))
    if not objects or not listed:
        raise Skip(f"{opt.app} has no symbols, or its object files are not there")
    own = subprocess.run(["nm", "--defined-only", *objects], capture_output=True, text=True, check=True).stdout
    own = set(re.findall(r"^\w+ [tT] (\S+)$", own, re.M))
    first, end = maps["baton-testpmd"]
    places = [a for a, _ in listed]

    def counts(at):
        i = bisect.bisect_right(places, at - first + code) - 1
        return first <= at < end and i >= 0 and listed[i][1] not in own
    return counts


def dpdk_counter(maps):
    ranges = [r for name, r in maps.items() if name.startswith(DPDK_PARTS)]
    if len(ranges) != len(DPDK_PARTS):
        raise Skip(f"dpdk-testpmd has only {', '.join(maps)}")
    return lambda at: any(first <= at < end for first, end in ranges)


def per_packet(runs, packets, counts):
    """Of a short and a long run: what is beside the bursts is the same in both."""
    short, long = (sum(n for at, n in run if counts(at)) for run in runs)
    if packets[1] < 1.3 * packets[0] or packets[1] - packets[0] < 10000:
        raise Skip(f"only {packets[0]} and {packets[1]} packets were forwarded")
    return (long - short) / (packets[1] - packets[0])


def insn_row(opt, name):
    """The burst functions of both testpmds, and what they call, counted by QEMU."""
    scenario = "insn_" + name.split("_")[2]
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as logs:
        text = guest(opt, scenario, ("stock", "qemu"), logs)
        marks = sections(os.path.join(logs, scenario + ".count"))
    packets = {app: [int(n) for n in re.findall(rf"^counted {app}: (\d+) packets", text, re.M)] for app in ("baton", "dpdk")}
    if len(marks) != 8 or any(len(p) != 2 for p in packets.values()):
        raise Skip(f"the guest counted {packets} with {len(marks)} marks")
    ours = per_packet(marks[1:4:2], packets["baton"], baton_counter(opt, maps_of(text, "baton")))
    peer = per_packet(marks[5:8:2], packets["dpdk"], dpdk_counter(maps_of(text, "dpdk")))
    opt.notes[name] = "io in a guest: the burst functions and what they call, bursts of 32; exact, no interval"
    return exact(name, ours, peer, "instructions/packet", "lower")


ROWS = {"vm_virtio_pci_io_64": vm_row, **{f"vm_{_nic}_io_64": vm_row for _nic in NICS},
        **{f"insn_vm_{_nic}_io_64": insn_row for _nic in NICS}}
