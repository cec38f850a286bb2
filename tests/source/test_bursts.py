#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A driver of the kit has no burst of its own but vector loops, in files that are for nothing else."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Files of vector loops, and the file that chooses among them.
VECTORS = re.compile(r"(_vec\.h|_(avx2|avx512|neon|vsx)\.c)$")
CHOICE = re.compile(r"(^|/)simd\.c$")
CHOSEN = re.compile(r"\b\w+_(?:avx2|avx512|neon|vsx)\b|##_(?:avx2|avx512|neon|vsx)\b")

# A function with the parameters of a burst, and what makes one of the kit's tables of bursts.
BURST = re.compile(r"\b(\w+(?:\(\w+\))?)\s?\(\s?struct baton_queue \*\s?\w+, (?:const )?struct baton_token \*\s?\w+,"
                   r" unsigned(?: int)? \w+\s?\)\s?\{")
TABLE = re.compile(r"\bstruct (?:nic_bursts|rx_loops|rx_bounce_loops|tx_loops|tx_bounce_loops) [^;()]*=\s?\{")
ASSIGNED = re.compile(r"active_burst\s?=[^=]")


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", text, flags=re.S))


def is_kit(folder):
    return any('"nic/' in f.read_text() for f in folder.rglob("*.[ch]"))


def faults(name, text):
    text = plain(text)
    if VECTORS.search(name):
        return []
    found = [f"{name}: {m[1]}() is a burst" for m in BURST.finditer(text)]
    found += [f"{name}: a table of bursts or loops" for _ in TABLE.finditer(text)]
    if ASSIGNED.search(text) and not (CHOICE.search(name) and CHOSEN.search(text)):
        found.append(f"{name}: active_burst is set, which nic_attach() does")
    return found


class Bursts(unittest.TestCase):
    def test_drivers_of_the_kit(self):
        folders = [d for d in sorted((ROOT / "drivers").iterdir()) if d.is_dir() and is_kit(d)]
        self.assertIn("virtio", [d.name for d in folders])
        self.assertIn("example", [d.name for d in folders])
        for file in [f for d in folders for f in d.rglob("*.[ch]")]:
            name = str(file.relative_to(ROOT))
            with self.subTest(file=name):
                self.assertEqual(faults(name, file.read_text()), [])

    def test_vectors_are_left_out_elsewhere(self):
        """The build takes these files for one kind of machine only."""
        for folder in (ROOT / "drivers").iterdir():
            files = [f for f in folder.rglob("*.c") if VECTORS.search(f.name)] if folder.is_dir() else []
            if files:
                meson = (folder / "meson.build").read_text()
                inside = "".join(re.findall(r"^if host_machine\.cpu_family\(\).*?^endif", meson, re.M | re.S))
                for f in files:
                    self.assertIn(f.name, inside)
                    self.assertEqual(meson.count(f.name), inside.count(f.name))

    def test_finds_planted_bursts(self):
        for bad in ("static int\nmine(struct baton_queue *q, struct baton_token *tokens, unsigned n)\n{\n",
                    "int\nNAME(rx)(struct baton_queue *q, const struct baton_token *t, unsigned n)\n{\n",
                    "static const struct nic_bursts b = { .tx = other };",
                    "static const struct rx_loops loops = { .plain = f };",
                    "nq->q.active_burst = mine;"):
            self.assertEqual(len(faults("drivers/x/bursts.c", bad)), 1, bad)
        self.assertEqual(faults("drivers/x/simd.c", "q->active_burst = table[simd]; /* rx_avx2 */"),
                         ["drivers/x/simd.c: active_burst is set, which nic_attach() does"])
        for good in ("struct baton_queue *q = f(struct_baton_token);", "if (q->active_burst == f)", ".bursts = &x_bursts,"):
            self.assertEqual(faults("drivers/x/device.c", good), [], good)
        self.assertEqual(faults("drivers/x/simd.c", "rx = { f, f_avx2 }; q->active_burst = rx[simd];"), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
