#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The version script lists exactly the functions that the public headers export, each once."""
import re
import sys
import unittest

from header import COMMENT, HEADERS, ROOT

MAP = ROOT / "lib" / "libbaton.map"


def exported(text):
    """Functions of a header that are the library's."""
    return re.findall(r"BATON_API[^;(]*?\b(\w+)\(", re.sub(r"#.*", "", COMMENT.sub("", text)))


def listed(text):
    """{node: [names]} of a version script."""
    text = re.sub(r"#.*", "", text)
    return {node: re.findall(r"(\w+);", body.split("local:")[0].replace("global:", ""))
            for node, body in re.findall(r"(BATON_[\d.]+)\s*\{(.*?)\}", text, re.S)}


class Symbols(unittest.TestCase):
    maxDiff = None

    def test_all_and_no_others(self):
        names = [n for node in listed(MAP.read_text()).values() for n in node]
        self.assertGreater(len(names), 90)
        self.assertEqual(sorted(names), sorted(n for h in HEADERS for n in exported(h.read_text())))

    def test_sorted_in_each_node(self):
        for node, names in listed(MAP.read_text()).items():
            self.assertEqual(names, sorted(names), node)

    def test_no_wildcard(self):
        text = MAP.read_text()
        self.assertEqual(re.findall(r"\S*\*\S*", re.sub(r"#.*", "", text)), ["*;"])  # of local


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
