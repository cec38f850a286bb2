#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The version script lists exactly the functions that the public headers export, each once; and those that drivers from outside may call."""
import re
import sys
import unittest

from header import COMMENT, HEADERS, ROOT

MAP = ROOT / "lib" / "libbaton.map"
KIT = ROOT / "lib" / "kit" / "meson.build"
PREFIX = "baton_kit_"


def exported(text):
    """Functions of a header that are the library's."""
    return re.findall(r"BATON_API[^;(]*?\b(\w+)\(", re.sub(r"#.*", "", COMMENT.sub("", text)))


def listed(text):
    """{node: [names]} of a version script."""
    text = re.sub(r"#.*", "", text)
    return {node: re.findall(r"(\w+);", body.split("local:")[0].replace("global:", ""))
            for node, body in re.findall(r"(BATON_(?:DRIVER_)?[\d.]+)\s*\{(.*?)\}", text, re.S)}


def public(nodes):
    return [n for node, names in nodes.items() if not node.startswith("BATON_DRIVER_") for n in names]


def kit(nodes):
    """Of drivers, without the prefix."""
    names = [n for node, names in nodes.items() if node.startswith("BATON_DRIVER_") for n in names]
    return [n[len(PREFIX):] if n.startswith(PREFIX) else "without prefix: " + n for n in names]


def kit_headers():
    """All that are installed as <baton/driver/...>."""
    table = re.search(r"^kit_headers = \{(.*?)^\}", KIT.read_text(), re.S | re.M).group(1)
    return [ROOT / "lib" / folder / (name + ".h") for folder, names in re.findall(r"'(\w+)': \[(.*?)\]", table, re.S)
            for name in re.findall(r"'(\w+)'", names)]


class Symbols(unittest.TestCase):
    maxDiff = None

    def test_all_and_no_others(self):
        names = public(listed(MAP.read_text()))
        self.assertGreater(len(names), 90)
        self.assertEqual(sorted(names), sorted(n for h in HEADERS for n in exported(h.read_text())))

    def test_drivers_functions(self):
        """Each is declared in a header of theirs, and exported by one source."""
        names = kit(listed(MAP.read_text()))
        self.assertGreater(len(names), 100)
        headers = "\n".join(COMMENT.sub("", h.read_text()) for h in kit_headers())
        self.assertEqual([n for n in names if not re.search(r"\b%s(?:\(|\[\];|;)" % re.escape(n), headers)], [])
        exports = [n for c in (ROOT / "lib").rglob("*.c") for n in re.findall(r"^DRIVER_EXPORT\((\w+)\);", c.read_text(), re.M)]
        self.assertEqual(sorted(exports), sorted(names))

    def test_drivers_headers(self):
        """What they include is theirs, and so is every header of the kit."""
        headers = kit_headers()
        names = {f"{h.parent.name}/{h.name}" for h in headers}
        for h in headers:
            with self.subTest(header=str(h)):
                self.assertEqual(set(re.findall(r'^#\s*include "([^"]+)"', h.read_text(), re.M)) - names, set())
        self.assertEqual({h.name for h in (ROOT / "lib/nic").glob("*.h")} - {h.name for h in headers if h.parent.name == "nic"}, set())

    def test_sorted_in_each_node(self):
        for node, names in listed(MAP.read_text()).items():
            self.assertEqual(names, sorted(names), node)

    def test_no_wildcard(self):
        text = MAP.read_text()
        self.assertEqual(re.findall(r"\S*\*\S*", re.sub(r"#.*", "", text)), ["*;"])  # of local


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
