#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's vhost with iommu-support=1: an IOMMU at native speed. What is mapped it reaches, at full speed and without loss; what is not, never."""
import os
import re
import signal
import subprocess
import time
import unittest

from peer import LIMIT, SOAK, Peer, baton, baton_start, total

FAULT = os.environ.get("BATON_IOTLB_FAULT", "")
IOMMU = ",iommu-support=1"
ONLY = ",iommu_platform=1"  # no port without it
MODES = {"direct": "", "bounced": ",bounce=always", "confined": ",confine=on",
         "31 bits": ",bounce=always,confine=on,dma-limit=31,ring-limit=31",
         "a window": ",confine=on,window=0x40000000-0x43ffffff"}


class Forward(unittest.TestCase):
    def no_fault(self, out, peer):
        self.assertNotIn("fault", out)
        self.assertNotIn("IOTLB", "".join(x for x in peer.splitlines() if "ERR" in x))

    def test_all_arrive(self):
        for name, args in MODES.items():
            with self.subTest(name), Peer("rxonly", vhost=IOMMU) as p:
                rc, out, _ = baton(p.path, "--forward-mode=txonly --run-time=1 --retry", ONLY + args)
                self.assertEqual(rc, 0, out)
                self.assertIn("ACCESS_PLATFORM", out)
                time.sleep(0.3)
                peer = p.stop()
                sent = total(out, "TX-packets")
                self.assertGreater(sent, 10_000)
                self.assertEqual(total(peer, "RX-packets"), sent)
                self.no_fault(out, peer)

    def test_received(self):
        for name, args in MODES.items():
            with self.subTest(name), Peer("txonly", vhost=IOMMU) as p:
                rc, out, _ = baton(p.path, "--forward-mode=rxonly --run-time=1", ONLY + args)
                self.assertEqual(rc, 0, out)
                self.assertGreater(total(out, "RX-total"), 10_000)
                self.no_fault(out, p.stop())

    def test_exchanged(self):
        """Every packet comes back, once, in order, unaltered; the port is stopped now and then."""
        for name, args in MODES.items():
            with self.subTest(name), Peer("io", vhost=IOMMU) as p:
                r = subprocess.run([SOAK, f"net_virtio_user0,path={p.path}{ONLY}{args}", "500000", "5"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT)
                self.assertEqual(r.returncode, 0, r.stdout + p.output()[-2000:])
                self.assertIn("5 stops", r.stdout)
                self.assertNotIn("fault", r.stdout)

    def test_queue_pairs(self):
        with Peer("io", vhost=IOMMU, queues=4) as p:
            rc, out, _ = baton(p.path, "--forward-mode=io --tx-first --retry --run-time=2 --rxq=4 --txq=4", ONLY)
            self.assertEqual(rc, 0, out)
            self.assertGreater(total(out, "RX-total"), 1000)
            self.no_fault(out, p.stop())

    def serves(self, peer, times):
        end = time.monotonic() + 20
        while peer.output().count("virtio is now ready") < times:
            self.assertLess(time.monotonic(), end, peer.output()[-2000:])
            time.sleep(0.1)

    def test_backend_restarted(self):
        """A backend that comes back is told everything again."""
        with Peer("txonly", vhost=IOMMU) as p:
            b = baton_start(p.path, "--forward-mode=rxonly", ONLY)
            for i in range(3):
                self.serves(p, i + 1)
                p.stop(signal.SIGKILL)
                os.unlink(p.path)
                p.start()
            self.serves(p, 4)
            time.sleep(0.5)
            b.send_signal(signal.SIGINT)
            out, _ = b.communicate(timeout=15)
            self.assertEqual(b.returncode, 0, out)
            self.assertEqual(out.count("device back event"), 3, out)
            self.no_fault(out, p.stop())

    def test_without(self):
        with Peer("txonly") as p:
            rc, out, seconds = baton(p.path, "--forward-mode=rxonly --run-time=5", ONLY)
            self.assertNotEqual(rc, 0, out)
            self.assertIn("iommu-support=1", out)
            self.assertLess(seconds, 2.5)


class Faults(unittest.TestCase):
    def provoke(self, peer_mode, way, word):
        with Peer(peer_mode, vhost=IOMMU) as p:
            r = subprocess.run([FAULT, f"net_virtio_user0,path={p.path}{ONLY}", way], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=LIMIT)
            self.assertEqual(r.returncode, 0, r.stdout + p.output()[-2000:])
            self.assertEqual(len(re.findall(rf"^fault: {word} 0x1[0-9a-f]{{11}}$", r.stdout, re.M)), 3, r.stdout)
            self.assertRegex(r.stdout, r"the device wanted to .* 0x1[0-9a-f]{11}, where nothing is mapped")

    def test_read(self):
        self.provoke("rxonly", "tx", "read of")

    def test_write(self):
        self.provoke("txonly", "rx", "write to")


def files_of(pid):
    """What a process has mapped: {(device, inode): name} of everything that has an inode."""
    found = {}
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        for line in f:
            fields = line.split(None, 5)
            if fields[4] != "0":
                found[fields[3], fields[4]] = fields[5].strip() if len(fields) > 5 else ""
    return found


class Maps(unittest.TestCase):
    def shared(self, args, vhost=IOMMU):
        """The names of the files of ours that the backend has mapped, and of those that we have."""
        with Peer("io", vhost=vhost) as p:
            b = baton_start(p.path, "--forward-mode=io --tx-first --retry", args)
            time.sleep(1.5)
            ours, theirs = files_of(b.pid), files_of(p.process.pid)
            b.send_signal(signal.SIGINT)
            out, _ = b.communicate(timeout=15)
            self.assertEqual(b.returncode, 0, out)
            self.assertGreaterEqual(total(out, "RX-total"), 32)  # at least once around
        names = {k: re.sub(r"^/memfd:|\s*\(deleted\)$", "", v) for k, v in ours.items() if "memfd:" in v}
        return sorted(names[k] for k in names if k in theirs), sorted(names.values())

    def test_direct(self):
        for vhost in (IOMMU, ""):
            shared, ours = self.shared("", vhost)
            self.assertEqual(shared, ["mb_pool_0", "rings"])
            self.assertIn("mb_pool_0", ours)

    def test_confined(self):
        """None of the application's memory, with an IOTLB or without."""
        for vhost in (IOMMU, ""):
            for args in (",confine=on", ",confine=on,window=0x40000000-0x43ffffff"):
                shared, ours = self.shared(args, vhost)
                self.assertEqual(shared, ["rings", "rx slots", "tx slots"])
                self.assertIn("mb_pool_0", ours)


if __name__ == "__main__":
    unittest.main(verbosity=2)
