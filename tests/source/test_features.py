#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every driver has a list of features, and docs/nics.md is made of the lists as they are."""
import importlib.machinery
import importlib.util
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("features", str(ROOT / "devtools/features"))
features = importlib.util.module_from_spec(importlib.util.spec_from_loader("features", loader))
loader.exec_module(features)

LIST = "drivers/null/features.txt"


class Features(unittest.TestCase):
    def test_the_page_is_current(self):
        self.assertEqual(features.faults(), [], "devtools/features writes it anew")

    def copy(self):
        d = tempfile.TemporaryDirectory(prefix="baton-features-")
        self.addCleanup(d.cleanup)
        root = pathlib.Path(d.name)
        shutil.copytree(ROOT / "drivers", root / "drivers")
        (root / "docs").mkdir()
        shutil.copy(ROOT / features.PAGE, root / features.PAGE)
        self.assertEqual(features.faults(root), [])
        return root

    def test_finds_what_is_wrong(self):
        for old, new, says in (
            ("peek = no", "peek = yes", "| peek |"),
            ("peek = no\n", "", "missing"),
            ("peek = no", "peek = maybe", "not understood"),
            ("peek = no", "peek = no\npeek = no", "twice"),
            ("peek = no", "look = no", "unknown"),
            ("MTU = yes", "MTU = yes, somewhere", "words"),
            ("peek = no", "peek = no, ours", "words"),
            ("MTU = yes", "MTU = partly", "note"),
            ("DMA = no", "DMA = yes", "seen"),
            ("driver = net_null", "driver = net_nul", "each driver has one list"),
        ):
            with self.subTest(new=new):
                root = self.copy()
                text = (root / LIST).read_text()
                self.assertIn(old, text)
                (root / LIST).write_text(text.replace(old, new))
                self.assertIn(says, "\n".join(features.faults(root)))

    def test_finds_a_driver_without_a_list(self):
        root = self.copy()
        (root / LIST).unlink()
        self.assertIn("net_null", "\n".join(features.faults(root)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
