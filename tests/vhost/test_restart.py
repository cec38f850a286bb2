#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
A backend killed and started again under traffic: packets flow again soon, nothing is lost, leaked or used twice.

BATON_RESTARTS=N: restarts of the echo backend in a pod, 30 by default; of DPDK's, a fiftieth, 2 at least.
"""
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


RESTARTS = int(os.environ.get("BATON_RESTARTS", "30"))
WAYS = ("", ",bounce=always", ",confine=on")


class Restart(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="baton-restart-")
        self.path = os.path.join(self.dir, "s")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def restart(self, rounds, limit_ms, server, command, words=(), args=""):
        """Return the median and the largest time to come back, in ms."""
        devargs = f"net_virtio_user0,path={self.path}{args}" + (",server=1" if server else "")
        r = subprocess.run([RESTART, *words, devargs, str(rounds), str(limit_ms), "-" if server else self.path, *command],
                           text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=LIMIT + rounds)
        print(r.stdout, end="", flush=True)
        if r.returncode == 77:
            self.skipTest(r.stdout.strip())
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

    def test_pod(self):
        """The backend is in another PID namespace, whose processes nobody here can name or watch."""
        for args in WAYS:
            with self.subTest(args=args):
                self.restart(RESTARTS, 5000, False, [ECHO, self.path, "server"], ["pod", "no-pidfd"], args)

    def test_pod_as_server(self):
        self.restart(RESTARTS, 5000, True, [ECHO, self.path, "client"], ["pod"])

    def test_pod_dpdk(self):
        for args in WAYS:
            with self.subTest(args=args):
                self.restart(max(2, RESTARTS // 50), 8000, False, dpdk(self.path, ""), ["pod", "no-pidfd"], args)


if __name__ == "__main__":
    unittest.main(verbosity=2)
