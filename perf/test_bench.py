#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The instrument itself: statistics, the JSON's shape, the choice of rows, and Baton in front of the free backend.

usage: test_bench.py PMD_BENCH
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

import benchlib
import rows_gbench
import rows_vhost
from bench import ROWS
from rows_pmd import BOUNCED, Bench
from rows_process import Serving

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = {"name", "baton", "peer", "ratio", "lo", "hi", "unit", "better"}
PROGRAM = ""


def bench(*args):
    return subprocess.run([sys.executable, os.path.join(HERE, "bench.py"), "--build", "/nonexistent", "--build-off",
                           "/nonexistent", *args], capture_output=True, text=True, check=False)


class Statistics(unittest.TestCase):
    def test_ratio_of_pairs(self):
        rng = random.Random(1)
        pairs = [(b * 1.5 * rng.uniform(0.98, 1.02), b) for b in (rng.uniform(50, 60) for _ in range(100))]
        r = benchlib.row("r", pairs, "Mpps", "higher")
        self.assertEqual(set(r), FIELDS)
        self.assertAlmostEqual(r["ratio"], 1.5, delta=0.01)
        self.assertTrue(r["lo"] <= r["ratio"] <= r["hi"] and r["hi"] - r["lo"] < 0.03)

    def test_interval_covers_95_in_100(self):
        rng = random.Random(2)
        hits = 0
        for _ in range(400):
            r = benchlib.row("r", [(rng.lognormvariate(0, 0.2), rng.lognormvariate(0, 0.2)) for _ in range(50)],
                             "ns", "lower")
            hits += r["lo"] <= 1 <= r["hi"]
        self.assertGreater(hits, 370)

    def test_disturbed_windows_do_not_move_it(self):
        pairs = [(2.0 + i % 3 / 100, 1.0) for i in range(50)] + [(0.01, 1.0)] * 5
        self.assertGreater(benchlib.row("r", pairs, "Mpps", "higher")["lo"], 1.99)

    def test_too_few_pairs(self):
        with self.assertRaises(benchlib.Skip):
            benchlib.row("r", [(1, 1)] * 5, "Mpps", "higher")

    def test_no_peer(self):
        r = benchlib.exact("r", 3.0, None, "ns", "lower")
        self.assertEqual([r["peer"], r["ratio"], r["lo"], r["hi"]], [None] * 4)
        benchlib.print_row(r)

    def test_turns_alternate(self):
        calls = []
        out = benchlib.in_turn(4, lambda: calls.append("a") or 1, lambda: calls.append("b") or 2, 0)
        self.assertEqual("".join(calls), "abbaabba")
        self.assertEqual(out, [(1, 2)] * 4)


class Rows(unittest.TestCase):
    def test_unknown_pattern_lists_the_rows(self):
        done = bench("nothing_like_this")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("pmd_split_rx_64\n", done.stderr)
        self.assertIn("virtio_split_io_9000\n", done.stderr)

    def test_what_cannot_be_measured_is_said_and_no_failure(self):
        with tempfile.NamedTemporaryFile() as f:
            done = bench("--quick", "--json", f.name, "insn_rx_64")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("insn_rx_64                   not measured:", done.stdout)
            with open(f.name, encoding="utf-8") as g:
                got = json.load(g)
        self.assertEqual((got["schema"], got["rows"]), (1, []))


class Bounce(unittest.TestCase):
    """Rows of bounced ports: what is asked for, and what is made of the answers."""

    def test_the_rows_are_there(self):
        names = ["slot_pool_2t", "slot_pool_mempool_2t", "slot_pool_single_2t", "slot_pool_single_mempool_2t"]
        names += [f"bounce_{what}_{size}" for what in ("io", "vhost_io") for size in (64, 1500)]
        names += [f"bounce_copy_{size}" for size in (64, 1500, 9000)]
        for name in names:
            self.assertIn(name, ROWS)
            self.assertIn("aa_" + name, ROWS)
        for kind in ("rx", "tx", "io"):
            self.assertIn(f"insn_bounce_{kind}_64", ROWS)

    def copy_row(self, name, take, give):
        """The row from 20 repetitions of each: {variant: ns}."""
        def repetitions(_, base):
            size = name.split("_")[-1]
            self.assertIn(base, (f"bounce_take_{size}", f"bounce_give_{size}"))
            got = take if "take" in base else give
            return {variant: dict(enumerate([ns] * 20)) for variant, ns in got.items()}
        real, rows_gbench.repetitions = rows_gbench.repetitions, repetitions
        opt = benchlib.Options("", "", True)
        try:
            return rows_gbench.copy_row(opt, name), opt.notes[name]
        finally:
            rows_gbench.repetitions = real

    def test_copy_is_the_dearer_one_and_says_the_difference(self):
        r, note = self.copy_row("bounce_copy_64", {"baton": 5, "peer": 2, "again": 2.5}, {"baton": 26, "peer": 20, "again": 20})
        self.assertEqual((r["name"], r["baton"], r["peer"], r["ratio"], r["better"]), ("bounce_copy_64", 26, 20, 1.3, "lower"))
        self.assertIn("take +3.00 ns (+3.00 .. +3.00), give +6.00 ns", note)
        self.assertIn("+10 ns", note)
        r, note = self.copy_row("aa_bounce_copy_64", {"baton": 5, "peer": 2, "again": 2.5}, {"baton": 26, "peer": 20, "again": 20})
        self.assertEqual((r["baton"], r["peer"]), (2.5, 2))

    def test_both_sides_in_front_of_vhost_are_batons(self):
        asked = []
        real, rows_vhost.measure = rows_vhost.measure, lambda _, *what: asked.append(what) or [(3, 4)] * 20
        opt = benchlib.Options("/b", "", True)
        try:
            r = rows_vhost.bounce_row(opt, "bounce_vhost_io_1500")
            rows_vhost.bounce_row(opt, "aa_bounce_vhost_io_64")
        finally:
            rows_vhost.measure = real
        self.assertEqual(r["ratio"], 0.75)
        direct, bounced = (opt.app, ",mrg_rxbuf=0,timeout=5000"), (opt.app, ",mrg_rxbuf=0,bounce=always,timeout=5000")
        self.assertEqual(asked, [("io", 1500, [bounced, direct]), ("io", 64, [direct, direct])])
        self.assertIn("at least 0.65", opt.notes["bounce_vhost_io_1500"])


class FreeBackend(unittest.TestCase):
    def test_bounced_ports_of_both_lengths(self):
        b = Bench(PROGRAM)
        try:
            for size in (64, 1500):
                port, _ = b.open("baton", BOUNCED, size)
                for kind in ("rx", "tx", "io"):
                    self.assertGreater(b.mpps("same", port, kind), 0)
                b.ask(f"close {port}")
        finally:
            b.end()

    def test_baton_in_front_of_it(self):
        b = Bench(PROGRAM)
        try:
            for args in ("mrg_rxbuf=0", "mrg_rxbuf=1", "mrg_rxbuf=0,in_order=0"):
                port, how = b.open("baton", args)
                self.assertEqual("MRG_RXBUF" in how, "mrg_rxbuf=1" in args)
                for kind in ("rx", "tx", "io"):
                    packets, seconds, cycles = b.ask(f"same {port} {kind} 2").split()
                    self.assertGreater(int(packets), 100)
                    self.assertGreater(float(cycles), 0)
                    self.assertLess(float(seconds), 1)
                    self.assertGreater(b.mpps("cross", port, kind), 0)
                b.ask(f"close {port}")
            for bad in ("open 9 nobody 64", "same 9 rx 2", "same", "open 1", "nonsense"):
                with self.assertRaises(benchlib.Skip):
                    b.ask(bad)
        finally:
            b.end()
        self.assertEqual(b.p.returncode, 0)

    def test_serving_ends_cleanly(self):
        s = Serving(PROGRAM)
        s.end()
        self.assertFalse(os.path.exists(s.directory))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
