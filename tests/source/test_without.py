#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each FEATURE(NAME) of the Intel NICs' drivers has tests that notice when it is not there: the lists of tests/qtest/without fit the sources."""
import importlib.machinery
import importlib.util
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("without", str(ROOT / "tests/qtest/without"))
without = importlib.util.module_from_spec(importlib.util.spec_from_loader("without", loader))
loader.exec_module(without)


class Lists(unittest.TestCase):
    def test_they_fit(self):
        for driver in without.PROGRAMS:
            self.assertGreater(len(without.table(driver)), 20)

    def test_finds_what_is_wrong(self):
        for driver, old, new, says in (
            ("e1000e", "jumbo = ", "# ", "beside it"),
            ("e1000e", "jumbo = ", "giant = ", "giant"),
            ("igb", "scapy:jumbo", "scapy:giant", "no test"),
            ("igb", "scapy:jumbo", "other:jumbo", "no test"),
            ("igb", "jumbo = independent", "jumbo = somewhere", "not understood"),
            ("igb", "jumbo = ", "tso = ", "twice"),
        ):
            with self.subTest(new=new), tempfile.TemporaryDirectory(prefix="baton-without-") as d:
                root = pathlib.Path(d)
                shutil.copytree(ROOT / "drivers", root / "drivers")
                path = root / "drivers" / driver / "without.txt"
                self.assertIn(old, path.read_text())
                path.write_text(path.read_text().replace(old, new))
                with self.assertRaisesRegex(without.Wrong, says):
                    without.table(driver, root)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
