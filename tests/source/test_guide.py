#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The code in docs/programs.md and on the README's first page compiles, and each name of the interface in them exists."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from header import ROOT

CONFIG = ROOT / "lib/include/baton/config.h.in"
BEFORE = """#include <poll.h>
#include <stdio.h>
#include <baton/baton.h>
void swap_macs(uint8_t *frame);
void block(struct baton_ctx *ctx, struct baton_pool *pool, struct baton_worker *worker, struct baton_port *port,
           struct baton_rxq *rxq, struct baton_txq *txq, struct baton_port_config port_config, struct baton_token *tokens, int n);
void block(struct baton_ctx *ctx, struct baton_pool *pool, struct baton_worker *worker, struct baton_port *port,
           struct baton_rxq *rxq, struct baton_txq *txq, struct baton_port_config port_config, struct baton_token *tokens, int n)
{
{
"""


def blocks(name):
    return re.findall(r"^```c\n(.*?)^```", (ROOT / name).read_text(), re.S | re.M)


def compiles(code):
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(d + "/baton")
        with open(d + "/baton/config.h", "w", encoding="utf-8") as f:  # what the build makes of config.h.in
            f.write(re.sub(r"@\w+@", "0", re.sub(r"(?m)^#mesondefine.*$", "", CONFIG.read_text())))
        return subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-but-set-variable",
                               "-Wno-unused-variable", "-fsyntax-only", f"-I{d}", f"-I{ROOT}/lib/include", "-x", "c", "-"],
                              input=BEFORE + code + "}}\n", text=True, capture_output=True, check=False)


class Guide(unittest.TestCase):
    def test_code(self):
        seen = 0
        for name in ("docs/programs.md", "README.md"):
            for code in blocks(name):
                seen += 1
                with self.subTest(code.split("\n")[0]):
                    done = compiles(code)
                    self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(seen, 9)

    def test_it_can_fail(self):
        self.assertNotEqual(compiles("baton_no_such_call(ctx);\n").returncode, 0)
        self.assertNotEqual(compiles("port_config.no_such_member = 1;\n").returncode, 0)

    def test_names(self):
        headers = "".join(p.read_text() for p in (ROOT / "lib/include/baton").glob("*.h*"))
        for name in ("docs/programs.md", "README.md"):
            for word in set(re.findall(r"(?<!::)\bbaton_\w+|\bBATON_\w+", (ROOT / name).read_text())):
                self.assertRegex(headers, rf"\b{word}\b", f"{name}: {word}")


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
