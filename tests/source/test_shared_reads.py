#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Device-writable memory is read through the accessors of lib/base/shared.h and nowhere else."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCESSORS = ROOT / "lib/base/shared.h"

# A field of the used ring: only as the argument of an accessor, or as a pointer of the type that hides its value.
USED = re.compile(r"->used->\w+")
USED_READ = re.compile(r"(?:shared_load\w+\(\s?&|const shared64 \*const ring = )\w+->used->\w+")
# A packet buffer as the device left it: written by memcpy, prefetched, or read by an accessor.
BUFFER = re.compile(r"dma_data\(")
BUFFER_USE = re.compile(r"(?:shared_load16_at|memcpy|__builtin_prefetch)\(dma_data\(")


def faults(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    found = []
    if "raw_" in text:
        found.append("the hidden value raw_ is used")
    if len(USED.findall(text)) != len(USED_READ.findall(text)):
        found.append("a field of the used ring is read without an accessor")
    if len(BUFFER.findall(text)) != len(BUFFER_USE.findall(text)):
        found.append("a packet buffer is read without an accessor")
    return found


class SharedReads(unittest.TestCase):
    def test_the_drivers(self):
        files = [f for top in ("drivers/virtio", "drivers/example", "drivers/example2", "lib/nic") for f in (ROOT / top).rglob("*.[ch]") if f != ACCESSORS]
        self.assertGreater(len(files), 5)
        for f in files:
            self.assertEqual(faults(f.read_text()), [], f.name)

    def test_finds_planted_reads(self):
        for bad in ("x = vq->used->idx;", "n = le16toh(vq->used->idx.raw_);", "e = &vq->used->ring[3];",
                    "memcpy(&h, dma_data(v, buf) + off, 12);", "uint8_t *p = dma_data(v, buf);"):
            self.assertNotEqual(faults(bad), [], bad)
        self.assertEqual(faults("i = shared_load16_acquire(&vq->used->idx);"), [])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
