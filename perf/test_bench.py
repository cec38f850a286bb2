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
from rows_pmd import Bench
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


class FreeBackend(unittest.TestCase):
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
