#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every packet sent through DPDK's vhost comes back, once, in order, unaltered; at every stop all buffers are home."""
import subprocess
import unittest

from peer import LIMIT, SOAK, Peer


class Soak(unittest.TestCase):
    def soak(self, packets, stops, *mixed, vdev="", peer=()):
        with Peer("io", *peer) as p:
            r = subprocess.run([SOAK, f"net_virtio_user0,path={p.path}{vdev}", str(packets), str(stops), *mixed],
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=5 * LIMIT)
            self.assertEqual(r.returncode, 0, r.stdout + p.output()[-2000:])
            self.assertIn(f"{stops} stops", r.stdout)
            print(r.stdout)

    def test_100_million_packets_100_stops(self):
        self.soak(100_000_000, 100)

    def test_out_of_order_ring(self):
        self.soak(5_000_000, 20, vdev=",in_order=0")

    def test_one_buffer_per_packet(self):
        self.soak(5_000_000, 20, vdev=",mrg_rxbuf=0")

    def test_mixed_sizes_to_9000(self):
        self.soak(500_000, 20, "mixed", peer=("--max-pkt-len=9600",))

    def test_mixed_sizes_out_of_order_ring(self):
        self.soak(200_000, 20, "mixed", vdev=",in_order=0", peer=("--max-pkt-len=9600",))

    def test_small_ring(self):
        self.soak(500_000, 5, vdev=",queue_size=256,mrg_rxbuf=0,in_order=0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
