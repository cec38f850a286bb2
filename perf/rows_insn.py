# SPDX-License-Identifier: BSD-3-Clause
"""Rows of instructions a packet, counted exactly by callgrind inside the rounds of perf/pmd_bench."""
import os
import re
import shutil
import subprocess
import tempfile

from benchlib import Skip, exact
from rows_pmd import BATON, BOUNCED

ROUNDS = 500
BOUNCE = "bounce=always"
EXAMPLES = ("example", "example2")
NICS = ("e1000e", "igb")
NIC_ROUNDS = 20  # each packet goes through QEMU's socket
SCALAR = "mrg_rxbuf=0,vectorized=0"
PEERS = ["mrg_rxbuf=0,in_order=0,vectorized=1", "mrg_rxbuf=0,in_order=1"]
PEERS_MRG = ["mrg_rxbuf=1,in_order=1", "mrg_rxbuf=1,in_order=0"]


def collect(program, arguments, *toggles):
    """Instructions a packet, inside of the functions that are named. Valgrind shows a CPU without AVX-512."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not there")
    if not os.path.exists(program):
        raise Skip(f"{program} is not built")
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out",
             *(f"--toggle-collect={name}" for name in toggles), program, *arguments],
            capture_output=True, text=True, check=False)
    if done.returncode == 77:
        raise Skip(done.stdout.strip().removeprefix("skipped: "))
    packets = re.search(r"^(\d+) packets", done.stdout, re.M)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not packets or not collected or not int(packets[1]):
        raise RuntimeError(f"{os.path.basename(program)} under valgrind: {(done.stdout + done.stderr)[-300:].strip()}")
    return int(collected[1]) / int(packets[1])


def count(program, stack, kind, args):
    return collect(program, ["--count", stack, kind, str(ROUNDS), args], f"round_{stack}_{kind}")


def count_other(pmd_bench, name, kind, args):
    """The same of a driver that exists for the tests, or on QEMU's model of a NIC. What a store to a register does there does not count."""
    program = os.path.join(os.path.dirname(pmd_bench), f"insn_{name}")
    rounds = NIC_ROUNDS if name in NICS else ROUNDS
    return collect(program, [kind, str(rounds), args], f"round_baton_{kind}", "device_write")


def insn_row(opt, name):
    kind, mergeable = name.split("_")[1], name.endswith("_mrg")
    settings = PEERS_MRG if mergeable else PEERS
    peer, args = min((count(opt.pmd_bench, "dpdk", kind, a), a) for a in settings)
    opt.notes[name] = f"peer: {args}; exact, no interval"
    return exact(name, count(opt.pmd_bench, "baton", kind, f"mrg_rxbuf={int(mergeable)}"), peer,
                 "instructions/packet", "lower")


def bounce_row(opt, name):
    kind = name.split("_")[2]
    opt.notes[name] = "peer: Baton, direct; exact, no interval"
    return exact(name, count(opt.pmd_bench, "baton", kind, BOUNCED), count(opt.pmd_bench, "baton", kind, BATON),
                 "instructions/packet", "lower")


def scalar_row(opt, name):
    """What the kit's own loops cost: the driver brings none."""
    kind = name.split("_")[2]
    opt.notes[name] = "peer: Baton, with vector loops; exact, no interval"
    return exact(name, count(opt.pmd_bench, "baton", kind, SCALAR), count(opt.pmd_bench, "baton", kind, BATON),
                 "instructions/packet", "lower")


def other_row(opt, name):
    """A driver without loops of its own, beside virtio without vector loops."""
    driver, bounced, kind = re.fullmatch(r"insn_(\w+?)(_bounce)?_(rx|tx|io)_64", name).groups()
    args = BOUNCE if bounced else ""
    opt.notes[name] = "peer: Baton's virtio, without vector loops; exact, no interval"
    return exact(name, count_other(opt.pmd_bench, driver, kind, args),
                 count(opt.pmd_bench, "baton", kind, ",".join(filter(None, (SCALAR, args)))), "instructions/packet", "lower")


ROWS = {f"insn_{_kind}_64{_suffix}": insn_row for _kind in ("rx", "tx", "io") for _suffix in ("", "_mrg")}
ROWS.update({f"insn_bounce_{_kind}_64": bounce_row for _kind in ("rx", "tx", "io")})
ROWS.update({f"insn_scalar_{_kind}_64": scalar_row for _kind in ("rx", "tx", "io")})
ROWS.update({f"insn_{_name}{_bounced}_{_kind}_64": other_row
             for _name in EXAMPLES + NICS for _bounced in ("", "_bounce") for _kind in ("rx", "tx", "io")})
