#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with DPDK between two ports: frames equal and in order, restarts of either side, MTU changes."""
import select
import unittest

from backends import RESTARTS, WAYS, Ovs, Stream, Wire, frame

SIZES = (60, 61, 64, 65, 127, 128, 129, 590, 1514, 1515, 2000, 2048, 2049, 4096, 8192, 9000, 9014, 9018)
MTU = 9000
ovs = None


def setUpModule():
    global ovs
    ovs = Ovs(MTU).__enter__()


def tearDownModule():
    if ovs:
        ovs.__exit__()


def wire(way):
    return Wire(*(f"net_virtio_user{i},path={path},server=1,timeout=20000{WAYS[way]}" for i, path in enumerate(ovs.paths)))


class Case(unittest.TestCase):
    def check_slots(self, w, way):
        self.assertEqual(int(w.say("stats 0").split()[-1]) > 0, way != "direct")


class Frames(Case):
    def test_sizes_both_ways(self):
        for way in WAYS:
            with self.subTest(way), wire(way) as w:
                w.up(60)
                self.check_slots(w, way)
                for tx, rx in (0, 1), (1, 0):
                    Stream(w.ports[tx], w.ports[rx]).settle(60)
                    for size in SIZES:
                        s = Stream(w.ports[tx], w.ports[rx], size)
                        s.flow(40)
                self.assertEqual(w.quit(), "home")


class Mtu(Case):
    def passes(self, w, size):
        w.ports[0].send(frame(size, size))
        return bool(select.select([w.ports[1]], [], [], 1)[0]) and w.ports[1].recv(65536) == frame(size, size)

    def test_changes_of_the_port(self):
        with wire("direct") as w:
            w.up(60)
            for mtu, fits, not_fits in (1500, 1518, 1523), (9000, 9018, None), (68, 86, 91), (1500, 1514, 9018):
                self.assertEqual([w.say(f"mtu {i} {mtu}", 60) for i in (0, 1)], ["ok", "ok"])
                Stream(w.ports[0], w.ports[1], 64).settle(60)
                self.assertTrue(self.passes(w, fits), (mtu, w.log()))
                if not_fits:
                    refused = int(w.say("stats 0").split()[3])
                    self.assertFalse(self.passes(w, not_fits), mtu)
                    self.assertEqual(int(w.say("stats 0").split()[3]), refused + 1)
            self.assertIn("error: ", w.say("mtu 0 9001"))
            self.assertEqual(w.say("mtu 0 9000", 60), "ok")
            self.assertEqual(w.quit(), "home")

    def test_changes_of_the_switch(self):
        """It drops what is larger than its own; the port goes on."""
        with wire("direct") as w:
            w.up(60)
            try:
                for mtu, fits in (1500, False), (MTU, True):
                    for i in (0, 1):
                        ovs.vsctl("set", "Interface", f"v{i}", f"mtu_request={mtu}")
                    Stream(w.ports[0], w.ports[1]).settle(60)
                    self.assertEqual(self.passes(w, 9018), fits)
                    Stream(w.ports[0], w.ports[1], 1514).flow(100)
            finally:
                for i in (0, 1):
                    ovs.vsctl("set", "Interface", f"v{i}", f"mtu_request={MTU}")
            self.assertEqual(w.quit(), "home")


class Restarts(Case):
    """Killed under traffic: what was on its way is lost, and what is sent until the switch forwards again; nothing else."""

    def test_of_the_switch(self):
        for way in WAYS:
            lost = 0
            with self.subTest(way), wire(way) as w:
                w.up(60)
                s = Stream(w.ports[0], w.ports[1])
                s.settle(60)
                s.lost = 0
                for i in range(1, RESTARTS + 1):
                    s.flow(200)
                    s.push(0.05)
                    ovs.kill()
                    s.push(0.05)
                    ovs.start_switch()
                    while min(w.events[f"{p} back"] for p in (0, 1)) < i:
                        self.assertIsNone(w.hear(0.1))
                    before = s.lost
                    s.give_up()
                    self.assertLessEqual(s.lost - before, s.window)
                    lost += s.lost - before
                    s.settle(60)
                s.flow(200)
                self.assertEqual([w.events[f"{p} lost"] for p in (0, 1)], [RESTARTS, RESTARTS])
                self.assertEqual(w.quit(), "home")
            print(f"# {way}: switch killed {RESTARTS} times; {s.received} of {s.sent} frames came, {lost} were on their way, "
                  f"{s.lost - lost} before it forwarded again", flush=True)

    def test_of_the_ports(self):
        for way in WAYS:
            lost = came = 0
            for i in range(RESTARTS + 1):
                with self.subTest(way, time=i), wire(way) as w:
                    w.up(60)
                    s = Stream(w.ports[0], w.ports[1])
                    s.settle(60)
                    s.flow(200)
                    s.push(0.05)
                    came += s.received
                    self.assertLessEqual(len(s.ahead), s.window)
                    if i < RESTARTS:
                        w.kill()
                        lost += len(s.ahead)
                    else:
                        self.assertEqual(w.quit(), "home")
            print(f"# {way}: ports killed {RESTARTS} times; {came} frames came, {lost} were on their way", flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
