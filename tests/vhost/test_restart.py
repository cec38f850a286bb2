#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A backend killed and started again under traffic: packets flow again soon, nothing is lost, leaked or used twice."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from peer import ECHO, LIMIT, RESTART


def dpdk(path, vhost):
    return ["dpdk-testpmd", "--lcores", "0@0,1@1", "--no-pci", "--in-memory", "-m", "256", "--single-file-segments",
            f"--vdev=net_vhost0,iface={path},queues=1{vhost}", "--", "--nb-cores=1", "--total-num-mbufs=16384",
            "--forward-mode=io", "--auto-start", "--stats-period=60"]


class Restart(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="baton-restart-")
        self.path = os.path.join(self.dir, "s")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def restart(self, rounds, limit_ms, server, command):
        """Return the median and the largest time to come back, in ms."""
        devargs = f"net_virtio_user0,path={self.path}" + (",server=1" if server else "")
        r = subprocess.run([RESTART, devargs, str(rounds), str(limit_ms), "-" if server else self.path, *command],
                           text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=LIMIT)
        print(r.stdout, end="", flush=True)
        self.assertEqual(r.returncode, 0, r.stdout)
        median, largest = re.search(r"median ([\d.]+), largest ([\d.]+)", r.stdout).groups()
        return float(median), float(largest)

    def test_echo_backend_100_times_as_client(self):
        self.assertLess(self.restart(100, 5000, False, [ECHO, self.path, "server"])[0], 200)

    def test_echo_backend_100_times_as_server(self):
        self.assertLess(self.restart(100, 5000, True, [ECHO, self.path, "client"])[0], 200)

    def test_dpdk_as_client(self):
        self.restart(5, 5000, False, dpdk(self.path, ""))

    def test_dpdk_as_server(self):
        self.restart(5, 5000, True, dpdk(self.path, ",client=1"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
