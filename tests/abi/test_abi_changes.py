#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A later release is made of this tree, whose structs have grown and which has a new function: programs of each release run with it, programs of it
run with the library of this tree as long as they ask for nothing it lacks, and the test `abi` finds nothing. It does find a function that went,
one that was added to what was released, and a member in the middle of a struct: each in a library that is really built so.

usage: test_abi_changes.py LIBRARY       this tree's libbaton.so, in its build folder
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import abi

LIBRARY = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else None
PARTS = ("lib", "drivers", "apps", "docs", "examples")
# A file, what is there once, and what takes its place.
GROWN = [
    ("lib/include/baton/pool.h", r"(struct baton_pool_config \{[^}]*)\}", r"\1\tuint64_t later;\n}"),
    ("lib/include/baton/pool.h", r"(struct baton_pool_info \{[^}]*)\}", r"\1\tuint64_t later;\n}"),
    ("lib/include/baton/port.h", r"(struct baton_stats \{[^}]*)\}", r"\1\tuint64_t later;\n}"),
    ("lib/dma/pool.c", r"(baton_pool_config defaults = \{\n)", r"\1\t.later = 7,\n"),
    ("lib/dma/pool.c", r"(\tif \(c->data_len == 0\)\n)",
     r'\tif (c->later != 7)\n\t\treturn baton_err(EPERM, "later is %u", (unsigned)c->later);\n\1'),
    ("lib/dma/pool.c", r"(info = \(struct baton_pool_info\)\{\n)", r"\1\t\t\t.later = 99,\n"),
    ("lib/include/baton/base.h", r"(BATON_API const char \*baton_version\(void\);\n)", r"\1BATON_API int baton_later(void);\n"),
    ("lib/base/err.c", r"(const char \*\nbaton_version\(void\))",
     r"struct kit_later {\n\tint a;\n};\n\nint\nbaton_later(void)\n{\n\treturn 1;\n}\n\nBATON_API int baton_kit_later(const struct kit_later *later);\n"
     r"int\nbaton_kit_later(const struct kit_later *later)\n{\n\treturn !!later;\n}\n\n\1"),
    # The driver kit's node is not watched.
    ("lib/libbaton.map", r"\Z", "BATON_0.9 {\nglobal:\n\tbaton_later;\n} BATON_0.2;\nBATON_DRIVER_99 {\nglobal:\n\tbaton_kit_later;\n};\n"),
]


class Tree:
    """A copy of this tree, and a build of its library with -g."""

    def __init__(self, folder):
        self.src, self.build = folder / "src", folder / "build"
        self.src.mkdir()
        for part in PARTS:
            if (abi.ROOT / part).is_dir():
                shutil.copytree(abi.ROOT / part, self.src / part)
        for file in abi.ROOT.iterdir():
            if file.is_file():
                shutil.copy(file, self.src)
        self.include = self.src / "lib/include"
        self.library = self.build / "lib/link" / LIBRARY.name

    def edit(self, file, pattern, to):
        path = self.src / file
        text, n = re.subn(pattern, to, path.read_text())
        assert n == 1, f"{n} places in {file} are {pattern}"
        path.write_text(text)

    def make(self):
        if not self.build.exists():
            abi.done("meson", "setup", self.build, self.src, "-Dbuildtype=debug", "-Ddocs=disabled", "-Dtests=false")
        abi.done("ninja", "-C", self.build, f"lib/link/{self.library.name}")


class Changes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory(prefix="baton-abi-")
        cls.folder = pathlib.Path(cls.tmp.name)
        cls.tree = Tree(cls.folder)
        for edit in GROWN:
            cls.tree.edit(*edit)
        cls.tree.make()
        cls.grown = {p: p.read_text() for p in cls.tree.src.rglob("*") if p.name in ("libbaton.map", "ring.h")}

    @classmethod
    def tearDownClass(cls):
        cls.tmp.cleanup()

    def setUp(self):
        for path, text in self.grown.items():
            if path.read_text() != text:
                path.write_text(text)

    def compare(self):
        self.tree.make()
        out = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        include = [self.tree.include, self.tree.build / "lib/include"]
        return {release: abi.compare(release, self.tree.library, include, self.fresh(out, release)) for release in abi.releases()}

    @staticmethod
    def fresh(folder, name):
        (folder / name).mkdir()
        return folder / name

    def client(self, name, include, *flags):
        """A program, built with these headers and linked to this tree's library, which has what it needs."""
        out = self.folder / name
        abi.done("gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", *(f"-I{i}" for i in include), *flags, abi.HERE / "client.c",
                 "-o", out, LIBRARY)
        return out

    def runs(self, client, library, *args):
        # The file has the release's name, and the program looks for the soname.
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        soname = re.search(r"SONAME.*\[(.*)\]", abi.done("readelf", "-d", library)).group(1)
        (folder / soname).symlink_to(library)
        r = abi.run(client, *args, env=dict(os.environ, LD_LIBRARY_PATH=str(folder)))
        return r.returncode, r.stdout

    def test_0_grown(self):
        """It comes first, as everything is there already."""
        for release, found in self.compare().items():
            self.assertEqual(found, "", f"{release}; `devtools/abi` says whether it is stored as it is")
        text = abi.describe(self.tree.library, self.folder / "grown.abi").read_text()
        self.assertEqual(("baton_later" in text, "baton_kit_later" in text), (True, False))
        for release in abi.releases():
            client = self.client("client-" + release, [abi.unpack(release, self.folder / "include" / release)])
            for library in (LIBRARY, self.tree.library):
                with self.subTest(release=release, library=str(library)):
                    status, text = self.runs(client, library)
                    self.assertEqual((status, text.split(": ")[-1]), (0, "every buffer is home\n"), text)

    def test_1_later(self):
        client = self.client("client-later", [self.tree.include, self.tree.build / "lib/include"], "-DLATER")
        # With its own library: the default, and a value.
        status, text = self.runs(client, self.tree.library)
        self.assertEqual((status, text.split("\n")[0]), (0, "later 99"), text)
        status, text = self.runs(client, self.tree.library, "5")
        self.assertEqual((status, "later is 5" in text), (1, True), text)
        # With the one that has no such member: 0 is what it gives, and takes.
        status, text = self.runs(client, LIBRARY)
        self.assertEqual((status, text.split("\n")[0]), (0, "later 0"), text)
        status, text = self.runs(client, LIBRARY, "5")
        self.assertEqual((status, "pool: -7: " in text), (1, True), text)
        self.assertIn("asks for what a later version", text)

    def test_2_gone(self):
        self.tree.edit("lib/libbaton.map", r"\tbaton_crc32c;\n", "")
        for release, found in self.compare().items():
            self.assertIn("1 Removed", found, release)
            self.assertIn("baton_crc32c", found)

    def test_3_added_to_a_release(self):
        self.tree.edit("lib/libbaton.map", r"\tbaton_later;\n", "\tbaton_toeplitz_;\n")
        self.tree.edit("lib/libbaton.map", r"(\tbaton_version;\n)", r"\1\tbaton_later;\n")
        for release, found in self.compare().items():
            self.assertEqual(found, f"baton_later was added to BATON_0.2, which {release} has: functions of a later release are in a node of "
                             "their own\n")

    def test_4_in_the_middle(self):
        # In a header that few files include.
        self.tree.edit("lib/include/baton/ring.h", r"(struct baton_ring_config \{\n.*\n)", r"\1\tuint64_t amid;\n")
        for release, found in self.compare().items():
            self.assertIn("baton_ring_config", found, release)
            self.assertIn("amid", found)
            self.assertNotIn("later", found)


if __name__ == "__main__":
    try:
        abi.need(None)
    except abi.Missing as why:
        print("skipped:", why)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
