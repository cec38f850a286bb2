#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""baton-testpmd in front of DPDK's vhost: each mode and ring option by its effect at the peer, and what goes wrong."""
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from peer import Peer, baton, baton_start, port_stats, total


def free_hugepages():
    with open("/proc/meminfo") as f:
        return int(next(line for line in f if line.startswith("HugePages_Free")).split()[1])


def come_back(pages):
    """Are as many hugepages free again? The kernel takes its time, and so does whoever else uses some."""
    end = time.monotonic() + 10
    while free_hugepages() < pages and time.monotonic() < end:
        time.sleep(0.05)
    return free_hugepages() >= pages


class Modes(unittest.TestCase):
    def forward(self, peer_mode, mode, extra="", vdev="", peer_extra=(), env=""):
        with Peer(peer_mode, *peer_extra) as p:
            rc, out, _ = baton(p.path, f"--forward-mode={mode} --run-time=1 --stats-period=1 {extra}", vdev, env)
            self.assertEqual(rc, 0, out)
            time.sleep(0.3)
            return out, p.stop()

    def test_rxonly(self):
        out, _ = self.forward("txonly", "rxonly")
        self.assertGreater(total(out, "RX-total"), 10_000)

    def test_txonly_all_arrive(self):
        out, peer = self.forward("rxonly", "txonly", "--retry")
        sent = total(out, "TX-packets")
        self.assertGreater(sent, 10_000)
        self.assertEqual(total(peer, "RX-packets"), sent)

    def test_io_tx_first(self):
        out, _ = self.forward("io", "io", "--tx-first")
        self.assertGreater(total(out, "RX-total"), 1000)

    def test_macswap(self):
        out, _ = self.forward("io", "macswap", "--tx-first --retry")
        self.assertGreater(total(out, "TX-packets"), 1000)
        self.assertEqual(total(out, "TX-dropped"), 0)

    def test_one_buffer_per_packet(self):
        out, _ = self.forward("txonly", "rxonly", vdev=",mrg_rxbuf=0")
        self.assertGreater(total(out, "RX-total"), 10_000)

    def test_not_in_order(self):
        out, _ = self.forward("txonly", "rxonly", vdev=",in_order=0")
        self.assertGreater(total(out, "RX-total"), 10_000)

    def test_burst_of_one(self):
        out, _ = self.forward("txonly", "rxonly", "--burst=1")
        self.assertGreater(total(out, "RX-total"), 1000)

    def test_smallest_useful_rings(self):
        out, peer = self.forward("rxonly", "txonly", "--rxd=8 --txd=8 --retry")
        self.assertEqual(total(peer, "RX-packets"), total(out, "TX-packets"))

    def test_largest_rings(self):
        out, _ = self.forward("txonly", "rxonly", "--rxd=32768 --txd=32768")
        self.assertGreater(total(out, "RX-total"), 10_000)

    def test_txpkts_segments(self):
        out, peer = self.forward("rxonly", "txonly", "--txpkts=64,128,256 --run-time=3 --retry")
        self.assertEqual(total(peer, "RX-packets"), total(out, "TX-packets"))
        packets, size = max(port_stats(peer))
        self.assertGreater(packets, 1000)
        self.assertAlmostEqual(size / packets, 448, delta=1)  # read while it counts

    def test_ordinary_pages(self):
        out, peer = self.forward("rxonly", "txonly", "--retry", env="--no-huge")
        self.assertEqual(total(peer, "RX-packets"), total(out, "TX-packets"))
        self.assertGreater(total(out, "TX-packets"), 1000)

    def test_stats_json(self):
        with tempfile.NamedTemporaryFile() as f:
            out, _ = self.forward("txonly", "rxonly", f"--stats-json={f.name}")
            with open(f.name, encoding="utf-8") as written:   # another file of that name by now
                text = written.read()
        json.loads(text)
        self.assertIn(str(total(out, "RX-total")), text)


class Life(unittest.TestCase):
    def finish(self, p):
        out, _ = p.communicate(timeout=15)
        return p.returncode, out

    def test_sigint_and_sigterm_end_cleanly(self):
        with Peer("txonly") as peer:
            for sig in (signal.SIGINT, signal.SIGTERM):
                p = baton_start(peer.path, "--forward-mode=rxonly")
                time.sleep(1)
                p.send_signal(sig)
                rc, out = self.finish(p)
                self.assertEqual(rc, 0, out)
                self.assertGreater(total(out, "RX-total"), 1000)

    def test_second_start_after_kill(self):
        before = free_hugepages()
        with Peer("txonly") as peer:
            inside = free_hugepages()
            for _ in range(3):
                p = baton_start(peer.path, "--forward-mode=rxonly")
                time.sleep(1)
                p.kill()
                p.communicate()
                self.assertTrue(come_back(inside), (free_hugepages(), inside))
            rc, out, _ = baton(peer.path, "--forward-mode=rxonly --run-time=1")
            self.assertEqual(rc, 0, out)
            self.assertGreater(total(out, "RX-total"), 1000)
        self.assertTrue(come_back(before), (free_hugepages(), before))

    def test_backend_killed_while_forwarding(self):
        with Peer("txonly") as peer:
            p = baton_start(peer.path, "--forward-mode=rxonly")
            time.sleep(1)
            peer.stop(signal.SIGKILL)
            time.sleep(0.5)
            self.assertIsNone(p.poll(), "the process must live on")
            p.send_signal(signal.SIGINT)
            rc, out = self.finish(p)
            self.assertEqual(rc, 0, out)  # the process is gone: its reset is confirmed, nothing quarantined
            self.assertIn("hung up", out)
            self.assertNotIn("quarantined", out)

    def test_backend_stopped_while_forwarding(self):
        """A backend that is alive but never answers: an end in bounded time, and the buffers quarantined."""
        with Peer("txonly") as peer:
            p = baton_start(peer.path, "--forward-mode=rxonly")
            time.sleep(1)
            peer.process.send_signal(signal.SIGSTOP)
            begin = time.monotonic()
            p.send_signal(signal.SIGINT)
            rc, out = self.finish(p)
            peer.process.send_signal(signal.SIGCONT)
            self.assertLess(time.monotonic() - begin, 5)
            self.assertNotEqual(rc, 0)
            self.assertIn("quarantined", out)


class Wrong(unittest.TestCase):
    """Each a clear error, at once; a socket nobody answers after the time a DPDK backend may take to look."""

    def refused(self, path, words, vdev="", **kw):
        rc, out, seconds = baton(path, "--forward-mode=rxonly --run-time=5", vdev, **kw)
        self.assertNotEqual(rc, 0, out)
        for word in words:
            self.assertIn(word, out)
        self.assertLess(seconds, 2, out)

    def test_no_such_socket(self):
        self.refused("/nowhere/s0", ["/nowhere", "no directory"])
        with tempfile.TemporaryDirectory() as d:
            self.refused(d + "/s0", [d + "/s0", "no socket"])

    def test_dead_socket(self):
        with tempfile.TemporaryDirectory() as d:
            s = socket.socket(socket.AF_UNIX)
            s.bind(d + "/s")
            s.listen(1)
            s.close()
            self.refused(d + "/s", ["nobody listens", d])

    def test_socket_nobody_answers(self):
        with tempfile.TemporaryDirectory() as d, socket.socket(socket.AF_UNIX) as s:
            s.bind(d + "/s")
            s.listen(1)
            self.refused(d + "/s", ["did not answer GET_FEATURES", "1200 ms", "waiting for the backend"])

    def test_no_path(self):
        self.refused("", ["path="])

    def test_few_descriptors(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

        with Peer("txonly") as p:
            rc, out, _ = baton(p.path, "--forward-mode=rxonly --run-time=1", preexec_fn=limit)
            self.assertEqual(rc, 0, out)
            self.assertGreater(total(out, "RX-total"), 1000)

    def test_hardly_any_descriptors(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

        with Peer("txonly") as p:
            self.refused(p.path, ["ulimit -n"], preexec_fn=limit)

    def test_not_a_vhost_backend(self):
        with tempfile.TemporaryDirectory() as d:
            server = subprocess.Popen(["python3", "-c", f"""
import socket
s = socket.socket(socket.AF_UNIX); s.bind({d + '/s'!r}); s.listen(1)
c, _ = s.accept(); c.sendall(b'HTTP/1.0 400 Bad Request\\r\\n\\r\\n'); c.recv(100); c.recv(100)
"""])
            while not os.path.exists(d + "/s"):
                time.sleep(0.02)
            time.sleep(0.1)
            self.refused(d + "/s", ["GET_FEATURES", "vhost-user backend?"])
            server.kill()
            server.wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
