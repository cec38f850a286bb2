#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP packets of 64 KiB go to DPDK's vhost, and come back, as one packet each: direct, bounced, confined."""
import os
import re
import subprocess
import unittest

from peer import LIMIT, Peer

LARGE = os.environ.get("BATON_LARGE", "")
PACKETS = 500


class Large(unittest.TestCase):
    def large(self, args=""):
        # legacy-ol-flags: what DPDK receives is marked as what it is to send.
        with Peer("io", vhost=",tso=1,legacy-ol-flags=1") as p:
            r = subprocess.run([LARGE, f"net_virtio_user0,path={p.path}{args}", str(PACKETS)], text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
            print(r.stdout, end="", flush=True)
            self.assertEqual(r.returncode, 0, r.stdout + p.output()[-1500:])
        m = re.search(r"large: (\d+) packets .* in (\d+) buffers", r.stdout)
        self.assertEqual(int(m[1]), 2 * PACKETS)
        self.assertGreater(int(m[2]), 20 * PACKETS)

    def test_direct(self):
        self.large()

    def test_out_of_order(self):
        self.large(",in_order=0")

    def test_bounced(self):
        self.large(",bounce=always")

    def test_confined(self):
        self.large(",confine=on")


if __name__ == "__main__":
    unittest.main(verbosity=2)
