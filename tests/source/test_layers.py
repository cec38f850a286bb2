#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lower folders know nothing of higher ones: who may include whose headers."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A folder may include itself and what stands before it.
ORDER = ["lib/kit", "lib/base", "lib/ctx", "lib/sock", "lib/mem", "lib/ioas", "lib/dma", "lib/packet", "lib/pci", "lib/port", "lib/nic", "drivers", "apps"]
# dma and pci stand side by side, and so do drivers.
APART = [{"lib/dma", "lib/pci"}, {"drivers/example", "drivers/example2", "drivers/null", "drivers/pcap", "drivers/virtio"}]
# Whose a public header is.
PUBLIC = {
    "base": "lib/base", "config": "lib/base", "violation": "lib/base", "context": "lib/ctx", "mem": "lib/mem", "cc": "lib/mem", "ioas": "lib/ioas",
    "offload": "lib/base", "packet": "lib/packet", "hash": "lib/packet", "net": "lib/packet", "token": "lib/base", "pool": "lib/dma", "ring": "lib/dma", "reach": "lib/dma", "clock": "lib/port", "link": "lib/port", "port": "lib/port", "queue": "lib/port", "baton": "lib/port",
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<(baton/[^>]+)>)', re.M)


def folder_of(path):
    """The folder of a source file, as far as its place in the order goes."""
    parts = path.parts
    if parts[:3] == ("lib", "include", "baton"):
        return PUBLIC[path.stem]
    return "/".join(parts[:2])


def rank(folder):
    top = folder.split("/")[0]
    return ORDER.index(folder if folder in ORDER else top)


def target(path, quoted, public):
    if public:
        return folder_of(pathlib.Path("lib/include") / public)
    if (ROOT / path.parent / quoted).exists():
        return folder_of(path.parent / quoted)
    for base in ("lib", "drivers", ""):
        if (ROOT / base / quoted).exists():
            return folder_of(pathlib.Path(base) / quoted)
    return folder_of(pathlib.Path("lib") / quoted)


def faults(path, text):
    mine = folder_of(path)
    found = []
    for quoted, public in INCLUDE.findall(text):
        theirs = target(path, quoted, public)
        if theirs == mine:
            continue
        apart = any(mine in group and theirs in group for group in APART)
        if apart or rank(theirs) > rank(mine):
            found.append(f"{path} includes {quoted or public}: {mine} is below {theirs}" if not apart else
                         f"{path} includes {quoted or public}: {mine} and {theirs} know nothing of each other")
    return found


class Layers(unittest.TestCase):
    def test_includes(self):
        files = [f for top in ("lib", "drivers", "apps") for f in (ROOT / top).rglob("*.[ch]")]
        self.assertGreater(len(files), 100)
        for file in files:
            path = file.relative_to(ROOT)
            with self.subTest(file=str(path)):
                self.assertEqual(faults(path, file.read_text()), [])

    def test_every_folder_has_a_place(self):
        folders = {f"lib/{d.name}" for d in (ROOT / "lib").iterdir() if d.is_dir()} - {"lib/include", "lib/link"}
        self.assertEqual(folders - set(ORDER), set())
        self.assertEqual({h.stem for h in (ROOT / "lib/include/baton").glob("*.h")} | {"config"}, set(PUBLIC))

    def test_finds_planted_faults(self):
        for path, line in (("lib/dma/pool.c", '#include "port/driver.h"'), ("lib/ctx/ctx.h", "#include <baton/port.h>"),
                           ("lib/base/err.c", '#include "ctx/ctx.h"'), ("lib/pci/irq.c", '#include "dma/pool.h"'),
                           ("lib/include/baton/pool.h", "#include <baton/port.h>"),
                           ("drivers/null/device.c", '#include "pcap/pcap_port.h"')):
            self.assertEqual(len(faults(pathlib.Path(path), line + "\n")), 1, (path, line))
        self.assertEqual(faults(pathlib.Path("lib/port/port.c"), '#include "dma/pool.h"\n#include <baton/mem.h>\n'), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
