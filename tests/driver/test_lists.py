#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A line of a driver's list of features that is wrong fails the conformance suite; all drivers have the kit's counters.

usage: test_lists.py [PROGRAM...] -- OTHER...      the suite in front of each rig; the others need more than this machine, and are asked
                                                only whose rigs they are, unless there is no PROGRAM: then they alone are tried
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT = sys.argv.index("--")
PROGRAMS, OTHERS = sys.argv[1:AT], sys.argv[AT + 1:]
LINE = re.compile(r"^([^=#\n]+) = (yes|no|partly)\b.*$", re.M)
HEAD = ("driver", "device", "for", "seen")


def run(program, **env):
    return subprocess.run([program], env=dict(os.environ, **env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120)


def lists(program):
    return sorted(set(re.findall(r"^list \S.*? (\S+)$", run(program, CONFORM_LISTS="1").stdout, re.M)))


def flips(text):
    """(feature, the text with another word)."""
    for m in LINE.finditer(text):
        if m[1] in HEAD:
            continue
        for word in {"yes": ["no"], "no": ["yes"], "partly": ["yes", "no"]}[m[2]]:
            yield f"{m[1]} = {word}", m[1], text[:m.start(2)] + word + text[m.end(2):]


class Lists(unittest.TestCase):
    def test_a_wrong_line_fails(self):
        jobs = []
        with tempfile.TemporaryDirectory(prefix="baton-lists-") as d, concurrent.futures.ThreadPoolExecutor(2) as pool:
            for program in PROGRAMS or OTHERS:
                for path in lists(program):
                    for i, (what, feature, text) in enumerate(flips((ROOT / path).read_text())):
                        wrong = pathlib.Path(d) / f"{path.replace('/', '-')}-{i}"
                        wrong.write_text(text)
                        jobs.append((path, what, pool.submit(run, program, CONFORM_LIST=f"{path}={wrong}",
                                                             CONFORM_ONLY=f"feature {feature}")))
            self.assertGreater(len(jobs), 100 if PROGRAMS else 20)
            for path, what, job in jobs:
                with self.subTest(list=path, line=what):
                    self.assertNotEqual(job.result().returncode, 0, job.result().stdout)

    @unittest.skipUnless(PROGRAMS, "each other rig has one list")
    def test_the_lists_as_they_are(self):
        found = [path for program in PROGRAMS + OTHERS for path in lists(program)]
        have = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "drivers").rglob("features*.txt"))
        have.remove("drivers/features.txt")
        self.assertEqual(sorted(found), have, "each list has a rig")

    @unittest.skipUnless(PROGRAMS, "the others have the kit's")
    def test_counters(self):
        documented = (ROOT / "docs/statistics.md").read_text()
        devices, software = {}, {}
        for program in PROGRAMS:
            out = run(program, CONFORM_COUNTERS="1", CONFORM_ONLY="feature statistics").stdout
            for way, model, name in re.findall(r"^counter (\w+) (.+) ([rt]x_q0_\w+)$", out, re.M):
                (devices if way == "dma" else software).setdefault(model, set()).add(name)
        self.assertGreater(len(devices), 1)
        self.assertGreater(len(software), 1)
        one = next(iter(devices.values()))
        self.assertGreater(len(one), 20)
        for model, names in devices.items():
            self.assertEqual(names, one, model)
        for model, names in software.items():
            self.assertEqual(names, {n for n in one if not n.endswith(("_kicks", "_no_slot"))}, model)
        for name in one:
            self.assertIn(f"`{name.replace('_q0_', '_qN_')}`", documented)


if __name__ == "__main__":
    if not PROGRAMS and run(OTHERS[0], CONFORM_ONLY="feature DMA").returncode == 77:
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
