#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""devtools/migrate-0.2 finds the old use of each row of docs/migration-0.2.md, and no new one."""
import re
import subprocess
import sys
import tempfile
import unittest

from header import ROOT

DOC = ROOT / "docs" / "migration-0.2.md"
# Rows that are about no line: what is written stays as it is.
SAME = ("struct baton_pool_config", "-EINVAL")


def rows():
    """(before, after) of each row: the code in them."""
    for line in DOC.read_text().split("\n"):
        cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] not in ("0.1", "---"):
            yield tuple(" ".join(re.findall(r"`([^`]+)`", c)) for c in cells[:2])


def migrate(text):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
        f.write(text)
        f.flush()
        return subprocess.run([ROOT / "devtools/migrate-0.2", f.name], capture_output=True, text=True, check=False)


class Migration(unittest.TestCase):
    def test_each_row(self):
        seen = 0
        for before, after in rows():
            self.assertTrue(before and after)
            if any(s in before for s in SAME):
                continue
            seen += 1
            self.assertEqual(migrate(before).returncode, 1, before)
        self.assertGreater(seen, 5)

    def test_new_code_is_left_alone(self):
        done = migrate("#include <baton/baton.h>\nif (side->valid & BATON_SIDE_VLAN)\n\tc.page_size = BATON_PAGE_BASE;\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_project_uses_the_new_interface(self):
        for name in [*ROOT.glob("apps/*/*.[ch]"), *ROOT.glob("examples/**/*.[ch]"), *ROOT.glob("docs/examples/*.c")]:
            done = subprocess.run([ROOT / "devtools/migrate-0.2", name], capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, "")

    def test_names_of_records(self):
        old = "struct baton_side *s = baton_side(w, t);\ns->vlan_tci = 1;\n"
        self.assertIn(":2:", migrate(old).stdout)
        self.assertEqual(migrate(old + "s->valid |= BATON_SIDE_VLAN;\n").returncode, 0)
        self.assertEqual(migrate("h->l2_len = 14;\n").returncode, 0, "another struct")
        self.assertEqual(migrate("baton_side(w, t)->l2_len = 14;\n").returncode, 1)

    def test_errors(self):
        done = subprocess.run([ROOT / "devtools/migrate-0.2", "/nonexistent.c"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent.c", done.stderr)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
