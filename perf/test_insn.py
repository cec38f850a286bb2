#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Instructions a packet must not grow: counted by callgrind, held against perf/insn_budget.json.

usage: test_insn.py PMD_BENCH FLAVOUR [--nics] [--update]

FLAVOUR says how it was built, such as "-O3 ownership=on"; with the compiler's version and the CPU's widest instructions that
valgrind knows it is the budget's key. --nics: the drivers on QEMU's models of NICs, and no others. --update stores what
is counted now as the budget.
"""
import json
import os
import platform
import subprocess
import sys

from benchlib import Skip, read
from rows_insn import BOUNCE, EXAMPLES, NICS, SCALAR, count, count_other
from rows_pmd import BOUNCED

BUDGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "insn_budget.json")
TOLERANCE = 1.02
KINDS = ("rx", "tx", "io")
ROWS = {  # name: (kind, arguments of the port)
    **{f"insn_{kind}_64{'_mrg' if m else ''}": (kind, f"mrg_rxbuf={m}") for m in (0, 1) for kind in KINDS},
    **{f"insn_bounce_{kind}_64": (kind, BOUNCED) for kind in KINDS},
    **{f"insn_scalar_{kind}_64": (kind, SCALAR) for kind in KINDS},
    **{f"insn_{name}{'_bounce' if args else ''}_{kind}_64": (kind, args, name)
       for name in EXAMPLES for args in ("", BOUNCE) for kind in KINDS},
}
NIC_ROWS = {
    **{f"insn_{name}_{kind}_64": (kind, "", name) for name in NICS for kind in KINDS},
    **{f"insn_{name}_bounce_io_64": ("io", BOUNCE, name) for name in NICS},
}


def measure(program, kind, args, other=None):
    return count_other(program, other, kind, args) if other else count(program, "baton", kind, args)


def budget_key(program, flavour):
    out = subprocess.run([program], input="about\n", capture_output=True, text=True, check=True).stdout
    wide = "+avx2" if " avx2 " in read("/proc/cpuinfo") else ""
    return f"{out.strip().removeprefix('ok ')} {platform.machine()}{wide} {flavour}"


def update(budgets, key, program, rows):
    budgets.setdefault(key, {}).update({name: round(measure(program, *how), 1) for name, how in rows.items()})
    with open(BUDGET, "w", encoding="utf-8") as f:
        json.dump(budgets, f, indent=1, sort_keys=True)
        f.write("\n")
    print(f"{key}: {budgets[key]}")


def check(budget, program, rows):
    failed = False
    for name, how in rows.items():
        now, most = measure(program, *how), budget[name] * TOLERANCE
        bad = now > most
        failed |= bad
        print(f"{'not ok' if bad else 'ok'} {name}: {now:.1f} instructions a packet, {budget[name]} in the budget")
        if now * TOLERANCE < budget[name]:
            print(f"# {name} got better: lower its budget with --update")
    if failed:
        print("# more instructions than the budget and 2 %: mend it, or, if they are worth it, say why in the commit that "
              "raises the budget (--update)")
    return 1 if failed else 0


def main():
    program, flavour = sys.argv[1:3]
    rows = NIC_ROWS if "--nics" in sys.argv else ROWS
    key = budget_key(program, flavour)
    with open(BUDGET, encoding="utf-8") as f:
        budgets = json.load(f)
    try:
        if "--update" in sys.argv:
            update(budgets, key, program, rows)
            return 0
        if key not in budgets:
            raise Skip(f"no budget for '{key}'; perf/test_insn.py PMD_BENCH FLAVOUR --update would store one")
        return check(budgets[key], program, rows)
    except Skip as e:
        print(f"skipped: {e}")
        return 77


if __name__ == "__main__":
    sys.exit(main())
