#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Baton beside its peers: every row is measured in pairs taken in turn.

ratio = baton / peer, whichever is better; lo .. hi is its 95 % interval over the pairs. Rows named aa_* set the peer
against itself: what they differ from 1 is the instrument's error.
"""
import argparse
import fnmatch
import os
import sys

import rows_gbench
import rows_insn
import rows_pmd
import rows_process
import rows_vhost
import rows_vm
from benchlib import Machine, Options, Skip, print_header, print_machine, print_row, write_json

ROWS = {}
for _module in (rows_pmd, rows_vhost, rows_process, rows_insn, rows_gbench, rows_vm):
    ROWS.update(_module.ROWS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a release build")
    parser.add_argument("--build-off", required=True, help="one with -Downership=off")
    parser.add_argument("--quick", action="store_true", help="few pairs; never for claims")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("pattern", nargs="?", default="*")
    args = parser.parse_intermixed_args()
    wanted = [n for n in ROWS if fnmatch.fnmatch(n, args.pattern) or args.pattern in n]
    if not wanted:
        sys.exit(f"bench: no row is like '{args.pattern}'; there are:\n  " + "\n  ".join(ROWS))
    try:
        os.nice(-10)  # what runs beside it disturbs both sides alike, and less so
    except OSError:
        pass
    opt, machine, rows = Options(args.build, args.build_off, args.quick), Machine(), []

    def save():
        if args.json:
            write_json(args.json, rows, {**machine.facts(), "quick": args.quick, "notes": opt.notes})

    print_header()
    for name in wanted:
        try:
            r = ROWS[name](opt, name)
        except (Skip, OSError, RuntimeError) as e:
            print(f"{name:28} not measured: {e}", flush=True)
            continue
        rows.append(r)
        print_row(r, opt.notes.get(name, ""))
        save()  # whoever interrupts it keeps what there is
    save()
    print_machine(machine.facts())
    if args.quick:
        print("--quick: too few pairs for any claim")


if __name__ == "__main__":
    main()
