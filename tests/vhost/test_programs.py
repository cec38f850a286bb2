#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The examples on a device of another make: the generator and the echo, each on a port of dpdk-testpmd's vhost, which forwards between them."""
import os
import pathlib
import re
import signal
import sys
import tempfile
import time
import unittest

import peer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "install"))
import test_examples as examples  # noqa: E402
from test_examples import Example, counts, threads  # noqa: E402

WAYS = {"direct": "", "bounced": ",bounce=always", "confined": ",confine=on"}
COUNT = 1000


class Programs(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="baton-programs-")
        self.addCleanup(tmp.cleanup)
        examples.util.APP, examples.util.TMP = os.environ["BATON_EXAMPLES_BUILT"], tmp.name

    def both(self, dpdk, way, *options):
        """The echo and the generator, begun in this order."""
        second = os.path.join(dpdk.dir, "s1")
        e = Example("echo", f"net_virtio_user0,path={dpdk.path}{way}", "10.0.0.2", 7)
        self.addCleanup(e.__exit__)
        e.wait("the link is up|net_virtio_user0: ..:")
        g = Example("generator", *options, f"net_virtio_user1,path={second}{way}", "10.0.0.1", "10.0.0.2", 7)
        self.addCleanup(g.__exit__)
        return e, g

    @staticmethod
    def two():
        return peer.Peer("io", vdevs=("net_vhost1,iface=DIR/s1,queues=1",))

    def test_there_and_back(self):
        for name, way in WAYS.items():
            with self.subTest(name), self.two() as dpdk:
                e, g = self.both(dpdk, way, "-n", COUNT, "-r", 4000, "-f", 3, "-s", 300)
                sent, back, others = map(int, re.search(r"sent (\d+), back (\d+), others (\d+); .*\n.*home", g.end(None)).groups())
                got = counts(e.log())
                # A busy machine may lose some, in the rings of the peer.
                self.assertEqual((sent, others), (COUNT, 0))
                self.assertGreater(back, COUNT // 4)
                self.asleep(e)
                got = counts(e.end())
                self.assertGreaterEqual(got["UDP"], back)
                self.assertLessEqual(got["UDP"], sent)
                self.assertEqual(sum(got.values()), got["UDP"] + got["ARP"])
                print(f"   # {name}: {back} of {sent} came back", g.log().splitlines()[-2].split(";")[1])

    def asleep(self, e):
        """Its workers wake no more."""
        end = time.monotonic() + 30
        while True:
            before = threads(e.process.pid)
            time.sleep(1)
            moved = sorted(y[1] - x[1] for x, y in zip(before, threads(e.process.pid)))
            if moved[:2] == [0, 0]:
                return
            self.assertLess(time.monotonic(), end, f"the workers wake: {before} {moved}")

    def test_a_peer_that_ends_and_comes_back(self):
        with self.two() as dpdk:
            e, g = self.both(dpdk, "", "-r", 20000)
            e.wait(r"UDP [1-9]\d\d")
            dpdk.stop(signal.SIGKILL)
            for x in e, g:
                x.wait("the device is away")
            for at in dpdk.path, os.path.join(dpdk.dir, "s1"):
                os.unlink(at)
            dpdk.start()
            for x in e, g:
                x.wait("the device is back")
            before = int(re.findall(r"back (\d+)", g.log())[-1])
            end = time.monotonic() + 60
            while int(re.findall(r"back (\d+)", g.log())[-1]) <= before + 100:
                self.assertLess(time.monotonic(), end, g.log()[-500:] + e.log()[-500:])
                time.sleep(0.1)
            for x in g, e: # loaded, and then asleep
                x.end()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
