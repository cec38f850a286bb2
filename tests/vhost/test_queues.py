#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Four queues over two workers keep each flow's order; a worker asleep uses no CPU; a control queue that is not served."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from peer import ASLEEP, CONTROL, ECHO, FLOWS, LIMIT, Peer


def run(self, *args):
    r = subprocess.run([str(a) for a in args], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=LIMIT)
    print(r.stdout, end="", flush=True)
    self.assertEqual(r.returncode, 0, r.stdout)
    return r.stdout


class Echo:
    """The echo backend, listening; a context manager."""

    def __init__(self, *args):
        self.args = args

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="baton-echo-")
        self.path = os.path.join(self.dir, "s")
        self.process = subprocess.Popen([ECHO, self.path, *self.args], stdout=subprocess.PIPE)
        self.process.stdout.readline()  # it listens
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.dir, ignore_errors=True)


class Queues(unittest.TestCase):
    def test_four_queues_dpdk(self):
        with Peer("io", queues=4) as p:
            run(self, FLOWS, f"net_virtio_user0,path={p.path}", 4, 500_000)

    def test_four_queues_dpdk_out_of_order_ring(self):
        with Peer("io", queues=4) as p:
            run(self, FLOWS, f"net_virtio_user0,path={p.path},in_order=0", 4, 200_000)

    def test_four_queues_echo_backend(self):
        with Echo("4") as e:
            run(self, FLOWS, f"net_virtio_user0,path={e.path}", 4, 200_000)

    def test_asleep(self):
        with Echo() as e:
            out = run(self, ASLEEP, f"net_virtio_user0,path={e.path}", 500)
        median = float(re.search(r"median (\d+)", out)[1])
        cpu = float(re.search(r"([\d.]+) ms of CPU", out)[1])
        self.assertLess(median, 2000)
        self.assertLess(cpu, 5)

    def test_control_queue_that_dpdk_does_not_serve(self):
        with Peer("io") as p:
            self.assertIn("does not serve it", run(self, CONTROL, f"net_virtio_user0,path={p.path}"))

    def test_asleep_dpdk(self):
        with Peer("io") as p:
            out = run(self, ASLEEP, f"net_virtio_user0,path={p.path}", 200)
        self.assertLess(float(re.search(r"([\d.]+) ms of CPU", out)[1]), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
