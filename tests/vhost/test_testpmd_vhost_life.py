#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""baton-testpmd in front of DPDK's vhost: several queues, cores that sleep, a backend that goes and comes, checksums left
to the device."""
import glob
import os
import re
import signal
import struct
import subprocess
import sys
import time
import unittest

from peer import APP, LIMIT, Peer, total

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit"))
import test_testpmd_modes as modes  # noqa: E402  makes and checks packets
import testpmd_util  # noqa: E402
from testpmd_util import Prompt  # noqa: E402

testpmd_util.APP = APP

QUICK = 10  # seconds for what takes milliseconds on an idle machine


def virtio(path, n=0, args=""):
    return f"--vdev=net_virtio_user{n},path={path},timeout=20000{args}"


class Queues(unittest.TestCase):
    def test_four_queues_over_two_cores(self):
        with Peer("txonly", queues=4) as p:
            with Prompt(f"--lcores (0-2)@(0,1) {virtio(p.path, 0, ',queues=4')}",
                        "--rxq=4 --txq=4 --nb-cores=2 --forward-mode=rxonly") as b:
                out = b.say("start")
                self.assertEqual(re.findall(r"RX P=0/Q=(\d)", out), ["0", "1", "2", "3"])
                for q in range(4):
                    b.until(lambda q=q: b.stats(f"rx_q{q}_packets") > 100)
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)

    def test_four_queues_both_ways(self):
        with Peer("io", queues=4) as p:
            with Prompt(f"--lcores (0-2)@(0,1) {virtio(p.path, 0, ',queues=4')}",
                        "--rxq=4 --txq=4 --nb-cores=2") as b:
                b.say("start tx_first")
                for q in range(4):
                    b.until(lambda q=q: b.stats(f"rx_q{q}_packets") > 100 < b.stats(f"tx_q{q}_packets"))
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)

    def test_a_queue_stops_and_starts(self):
        with Peer("txonly", queues=2) as p:
            with Prompt(f"-l 0,1 {virtio(p.path, 0, ',queues=2')}", "--rxq=2 --txq=2 --forward-mode=rxonly -a") as b:
                b.until(lambda: b.stats("rx_q1_packets") > 100)
                b.say("port 0 rxq 1 stop")
                still = b.stats("rx_q1_packets")
                time.sleep(0.3)
                self.assertEqual(b.stats("rx_q1_packets"), still)
                b.say("port 0 rxq 1 start")
                b.until(lambda: b.stats("rx_q1_packets") > still + 100)
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)

    def test_a_port_stops_starts_and_is_reset(self):
        with Peer("txonly") as p:
            with Prompt(f"-l 0,1 {virtio(p.path)}", "--forward-mode=rxonly -a") as b:
                for down in ("port stop 0", "port reset 0", "port stop 0"):
                    b.until(lambda: b.stats("rx_q0_packets") > 100)
                    b.say(down)
                    still = b.stats("rx_q0_packets")
                    time.sleep(0.2)
                    self.assertEqual(b.stats("rx_q0_packets"), still)
                    b.say("port start 0")
                    b.until(lambda n=still: b.stats("rx_q0_packets") > n + 100)
                b.say("set link-down port 0")
                still = b.stats("rx_q0_packets")
                time.sleep(0.2)
                self.assertEqual(b.stats("rx_q0_packets"), still)
                b.say("set link-up port 0")
                b.until(lambda: b.stats("rx_q0_packets") > still + 100)
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)


def ticks(pid, name):
    """CPU time of a thread, in 1/100 s."""
    for task in glob.glob(f"/proc/{pid}/task/*/stat"):
        with open(task) as f:
            text = f.read()
        fields = text[text.rindex(")") + 2:].split()
        if f"({name})" in text:
            return int(fields[11]) + int(fields[12])
    raise AssertionError(f"no thread {name}")


def send(path, n):
    """Another frontend sends some packets, which the peer forwards."""
    r = subprocess.run([APP, "-l", "0", "--no-pci", virtio(path), "--", "--forward-mode=txonly", "--retry=1000000",
                        f"--stop-after={n}"], stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=LIMIT)
    assert r.returncode == 0 and total(r.stdout, "TX-packets") == n, r.stdout


class Sleep(unittest.TestCase):
    """The peer joins two sockets; at one a core sleeps."""

    def asleep(self, b):
        """No CPU time is used, but for a tick."""
        before = ticks(b.process.pid, "forward-1")
        time.sleep(1)
        self.assertLessEqual(ticks(b.process.pid, "forward-1") - before, 3)

    def pair(self):
        return Peer("io", vdevs=["net_vhost1,iface=DIR/s1,queues=1"])

    def test_sleeps_and_wakes(self):
        with self.pair() as p, Prompt(f"-l 0,1 {virtio(p.path)}", "--forward-mode=rxonly --sleep-idle -a") as b:
            b.wait("Interactive-mode" if "Interactive" in b.read() else "Logical Core")
            for n in (1, 2, 3):
                self.asleep(b)
                send(p.dir + "/s1", 100)
                b.until(lambda n=n: b.stats("rx_q0_packets") == 100 * n)
            self.asleep(b)
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
            found = re.search(r"Core 1: sleeps: (\d+)  wake-ups by queues: (\d+)  asleep: ([\d.]+) %", out)
            self.assertTrue(int(found[1]) >= int(found[2]) >= 3 and float(found[3]) > 50, found)
            self.assertEqual(total(out, "RX-packets"), 300)

    def test_commands_reach_a_sleeper(self):
        with self.pair() as p, Prompt(f"-l 0,1 {virtio(p.path)}", "--forward-mode=rxonly --sleep-idle -a") as b:
            sent = 0
            for commands in (["port stop 0", "port start 0"], ["port 0 rxq 0 stop", "port 0 rxq 0 start"],
                             ["set link-down port 0", "set link-up port 0"], ["set burst 8"],
                             ["port reset 0", "port start 0"], ["stop", "start"]):
                time.sleep(0.1)
                begin = time.monotonic()
                for command in commands:
                    b.say(command)
                    time.sleep(0.05)
                self.assertLess(time.monotonic() - begin, 5, commands)
                send(p.dir + "/s1", 100)
                sent += 100
                b.until(lambda n=sent: b.stats("rx_q0_packets") == n)
            self.asleep(b)
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
            self.assertNotIn("did not", out.replace("did not answer", ""))

    def test_signal_and_stop_after_end_a_sleeper(self):
        for end in ("signal", "run-time"):
            with self.pair() as p:
                app = subprocess.Popen([APP, "-l", "0,1", "--no-pci", virtio(p.path), "--", "--sleep-idle",
                                        *(["--run-time=1"] if end == "run-time" else [])],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                time.sleep(1.5)
                if end == "signal":
                    app.send_signal(signal.SIGTERM)
                out = app.communicate(timeout=QUICK)[0].decode()
                self.assertEqual(app.returncode, 0, out)
                self.assertIn("sleeps: ", out)

    def test_two_cores_of_four_queues(self):
        with Peer("txonly", queues=4) as p:
            with Prompt(f"--lcores (0-2)@(0,1) {virtio(p.path, 0, ',queues=4')}",
                        "--rxq=4 --txq=4 --nb-cores=2 --forward-mode=rxonly --sleep-idle -a") as b:
                for q in range(4):
                    b.until(lambda q=q: b.stats(f"rx_q{q}_packets") > 100)
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)
                self.assertIn("Core 2: sleeps:", out)


class Lost(unittest.TestCase):
    def away_and_back(self, app):
        with Peer("txonly") as p, Prompt(f"-l 0,1 {virtio(p.path)}", app) as b:
            for n in (1, 2):
                b.until(lambda: b.stats("rx_q0_packets") > 100)
                at = len(b.read())
                p.stop(signal.SIGKILL)
                at = b.wait("Port 0: device lost event", after=at)
                self.assertIn("Port state: lost", b.say("show port info 0"))
                os.unlink(p.path)
                p.start()
                b.wait("Port 0: device back event", after=at)
                before = b.stats("rx_q0_packets")
                b.until(lambda n=before: b.stats("rx_q0_packets") > n + 100)
                info = b.say("show port info 0")
                self.assertIn("Port state: started", info)
                self.assertIn(f"Times without its device: {n}", info)
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
            self.assertRegex(out, r"Port 0 was without its device 2 times, [\d.]+ ms in all, and is forwarding again")

    def test_backend_comes_back(self):
        self.away_and_back("--forward-mode=rxonly -a")

    def test_backend_comes_back_to_a_sleeper(self):
        self.away_and_back("--forward-mode=rxonly -a --sleep-idle")

    def test_end_without_the_backend(self):
        with Peer("io") as p, Prompt(f"-l 0,1 {virtio(p.path)}", "-a --sleep-idle") as b:
            b.wait("Logical Core")
            p.stop(signal.SIGKILL)
            b.wait("device lost event")
            b.say("port stop 0", "port start 0", "stop")
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
            self.assertNotIn("LOST BUFFERS", out)


class Checksums(unittest.TestCase):
    """Packets with wrong checksums from a capture; the peer writes what arrives into another."""

    def through(self, sent, *commands, peer=()):
        with Peer("io", *peer, vdevs=["net_pcap0,tx_pcap=DIR/out.pcap"]) as p:
            testpmd_util.TMP = p.dir
            source = modes.write_pcap("in.pcap", sent)
            with Prompt(f"-l 0,1 --vdev=net_pcap0,rx_pcap={source} {virtio(p.path)}", "--forward-mode=csum") as b:
                shown = b.say("port stop 1", *commands, "csum show 1")
                b.say("port start 1", "set fwd csum retry", "set burst tx delay 10 retry 100000", "start")
                b.until(lambda: b.stats("tx_good_packets", 1) == len(sent))
                time.sleep(0.5)
                rc, out = b.quit()
                self.assertEqual(rc, 0, out)
            p.stop()
            with open(p.dir + "/out.pcap", "rb") as f:
                data = f.read()
        at, got = 24, []
        while at < len(data):
            n = struct.unpack_from("<I", data, at + 8)[0]
            got.append(data[at + 16:at + 16 + n])
            at += 16 + n
        return got, shown, out

    def test_left_to_the_device(self):
        right = list(modes.right())[:18]
        wrong = [modes.spoil(p, modes.l4_at(p)[1]) for p in right]
        got, shown, out = self.through(wrong, "csum set tcp hw 1", "csum set udp hw 1", "set verbose 2")
        self.assertIn("UDP checksum offload is hw\nTCP checksum offload is hw", shown)
        for proto in ("TCP", "UDP"):
            for version in (4, 6):
                flags = f"  ol_flags: RTE_MBUF_F_TX_{proto}_CKSUM RTE_MBUF_F_TX_IPV{version} \n"
                self.assertGreater(out.count(flags), 0, flags)
        self.assertEqual([p[12:] for p in got], [p[12:] for p in right])

    def test_in_software(self):
        right = list(modes.right())[:18]
        wrong = [modes.spoil(p, modes.l4_at(p)[1]) for p in right]
        got, shown, out = self.through(wrong, "csum set tcp sw 1")
        self.assertIn("UDP checksum offload is sw\nTCP checksum offload is sw", shown)
        self.assertEqual([p[12:] for p in got], [p[12:] for p in right])
        self.assertRegex(out, r"Bad-ipcsum: 0 +Bad-l4csum: 18 ")

    def test_checked_by_the_device(self):
        with Peer("txonly") as p, Prompt(f"-l 0,1 {virtio(p.path)}", "--forward-mode=csum --enable-rx-cksum -a") as b:
            self.assertIn("Checksum offload: RX possible", b.say("show port info 0"))
            b.until(lambda: b.stats("rx_q0_packets") > 100)
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
            self.assertRegex(out, r"Bad-ipcsum: 0 +Bad-l4csum: 0 ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
