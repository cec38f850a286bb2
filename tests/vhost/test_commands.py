#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The prompt's commands on ports with rings: other numbers of queues, rings, buffers and MTUs, and ports that come and go, in
front of DPDK's vhost."""
import os
import re
import sys
import unittest

from peer import APP, Peer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit"))
import testpmd_util  # noqa: E402
from testpmd_util import Prompt  # noqa: E402

testpmd_util.APP = APP


def virtio(path, n=0, args=""):
    return f"net_virtio_user{n},path={path},timeout=20000{args}"


class Commands(unittest.TestCase):
    def end(self, b):
        rc, out = b.quit()
        self.assertEqual(rc, 0, out)
        self.assertNotIn("LOST", out)

    def test_queues_and_rings(self):
        with Peer("io", queues=4) as p:
            with Prompt(f"-l 0,1 --vdev={virtio(p.path, 0, ',queues=4')}", "") as b:
                b.say("start tx_first")
                b.moves(0)
                self.assertIn("stop all ports first", b.say("port config all rxq 2"))
                b.say("stop", "port stop all")
                self.assertIn("has at most 4 RX and 4 TX queues", b.say("port config all rxq 5"))
                b.say("port config all rxq 4", "port config all txq 4", "port config all rxd 512", "port config 0 rxq 3 ring_size 128")
                sent = b.both(0)
                self.assertIn("Configuring Port 0", b.say("port start all"))
                self.assertEqual(b.both(0), sent, "the counts go on")
                self.assertIn("Number of RXDs: 128", b.say("show rxq info 0 3"))
                self.assertIn("Number of RXDs: 512", b.say("show rxq info 0 2"))
                b.say("start tx_first")
                for q in range(4):
                    b.until(lambda q=q: b.stats(f"rx_q{q}_packets") > 100)
                self.assertRegex(b.say("show port 0 rxq 3 desc used count"), r"Used desc count = \d+\n")
                self.assertRegex(b.say("show port 0 rxq 3 desc 100 status"), "Desc status = (DONE|AVAILABLE|UNAVAILABLE)\n")
                self.assertIn("the ring has 128", b.say("show port 0 rxq 3 desc 128 status"))
                self.assertRegex(b.say("port cleanup 0 txq 0 0"), r"mbuf nums: \d+")
                b.say("stop", "port stop all", "port config all rxq 1", "port config all txq 1", "port start all", "start tx_first")
                b.moves(0)
                held = re.findall(r"(\d+)  net_virtio_user0 rxq (\d)", b.say("stop", "show holders"))
                self.assertEqual(held, [("512", "0")])
                self.end(b)

    def test_ports_come_and_go_while_others_forward(self):
        with Peer("io") as p, Peer("io") as q:
            with Prompt(f"-l 0,1 --vdev={virtio(p.path)}", "") as b:
                b.say("start tx_first")
                b.moves(0)
                out = b.say(f"port attach {virtio(q.path, 1)}")
                self.assertIn("Pool mb_pool_0: ", out)
                self.assertIn("Port 1 is attached. Now total ports is 2", out)
                b.say("port start 1", "stop", "start tx_first")
                b.moves(0, 1)
                b.say("port stop 0", "port close 0")
                self.assertIn("Device net_virtio_user0 is detached", b.say("port detach 0"))
                b.say("stop", "start tx_first")
                b.moves(1)
                # The number is free, and so is the socket.
                self.assertIn("Port 0 is attached", b.say(f"port attach {virtio(p.path, 7)}"))
                b.say("port start 0", "stop", "start tx_first")
                b.moves(0, 1)
                self.end(b)

    def test_a_port_that_waits_for_its_device_is_left_alone(self):
        with Peer("io") as p:
            with Prompt(f"-l 0,1 --vdev={virtio(p.path)}", "") as b:
                b.say("start tx_first")
                b.moves(0)
                p.stop()
                b.wait("device lost event")
                self.assertIn("port 0 waits for its device", b.say("port attach net_null1"))
                self.assertIn("port 0 waits for its device", b.say("port config mtu 0 1400"))
                self.assertIn("Number of available ports: 1", b.say("show port summary all"))
                p.start()
                b.wait("device back event")
                self.assertIn("Port 1 is attached", b.say("port attach net_null1"))
                self.assertIn("Port state: started", b.say("show port info 0"))
                self.end(b)

    def test_mtu_and_offloads(self):
        with Peer("io") as p:
            with Prompt(f"-l 0,1 --vdev={virtio(p.path)}", "") as b:
                b.say("start tx_first")
                b.moves(0)
                b.say("port config mtu 0 1400")
                self.assertIn("MTU: 1400", b.say("show port info 0"))
                b.say("stop", "start tx_first")
                b.moves(0)
                b.say("stop", "port stop 0")
                self.assertIn("UDP_CKSUM TCP_CKSUM", b.say("show port 0 rx_offload capabilities"))
                b.say("port config 0 rx_offload udp_cksum on", "port config 0 tx_offload tcp_cksum on")
                self.assertIn("macsec_strip; show port 0 rx_offload", b.say("port config 0 rx_offload macsec_strip on"))
                b.say("port start 0")
                self.assertIn("  Port : UDP_CKSUM TCP_CKSUM", b.say("show port 0 rx_offload configuration"))
                self.assertIn("  Port : TCP_CKSUM", b.say("show port 0 tx_offload configuration"))
                self.assertIn("is not stopped", b.say("port config 0 rx_offload udp_cksum off"))
                self.assertIn("MTU: 1400", b.say("show port info 0"))
                b.say("start tx_first")
                b.moves(0)
                self.end(b)


if __name__ == "__main__":
    unittest.main(verbosity=2)
