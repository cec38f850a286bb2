#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""C and C++ sources are laid out by .clang-format, and no line of them is longer than 100 columns."""
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("lib", "drivers", "apps", "tests", "perf", "examples")
CLANG_FORMAT = shutil.which("clang-format-14") or shutil.which("clang-format")
COLUMNS = 100


def sources():
    for folder in FOLDERS:
        for pattern in ("*.c", "*.h", "*.cc"):
            yield from (ROOT / folder).rglob(pattern)


def too_long(text):
    return [n for n, line in enumerate(text.splitlines(), 1) if len(line.expandtabs(8)) > COLUMNS]


def misplaced(name, text):
    """Numbers of the lines that clang-format lays out otherwise."""
    out = subprocess.run([CLANG_FORMAT, f"--assume-filename={ROOT / name}"], input=text, capture_output=True,
                         text=True, check=True).stdout
    pairs = zip(text.splitlines() + [""], out.splitlines() + [""])
    return [] if out == text else [next((n for n, (a, b) in enumerate(pairs, 1) if a != b), 1)]


def version():
    if not CLANG_FORMAT:
        return 0
    words = subprocess.run([CLANG_FORMAT, "--version"], capture_output=True, text=True, check=True).stdout.split()
    return int(words[words.index("version") + 1].split(".")[0])


class Format(unittest.TestCase):
    def check(self, faults):
        files = sorted(sources())
        self.assertGreater(len(files), 200)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for file, lines in zip(files, pool.map(faults, files)):
                with self.subTest(file=str(file.relative_to(ROOT))):
                    self.assertEqual(lines, [], f"devtools/format puts it right: line {lines[:1]}")

    def test_columns(self):
        self.check(lambda file: too_long(file.read_text()))

    def test_layout(self):
        self.check(lambda file: misplaced(file.relative_to(ROOT), file.read_text()))

    def test_finds_planted_faults(self):
        self.assertEqual(too_long("x\n" + "\t" * 12 + "12345\n"), [2])
        self.assertEqual(too_long("\t" * 12 + "1234\n"), [])
        self.assertEqual(misplaced("lib/x.c", "int a;\nint  b;\n"), [2])
        self.assertEqual(misplaced("lib/x.c", "int a;\n"), [])


if __name__ == "__main__":
    if version() != 14: # other versions lay out some lines differently
        print(f"skipped: clang-format 14 lays out the sources; here it is {version() or 'not installed'}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
