#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bounced, confined, limited and narrow ports in front of DPDK's vhost: every byte comes back, and what is said is so."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from peer import APP, FLOWS, LIMIT, RESTART, SOAK, Peer, baton, total

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "unit"))
import testpmd_util  # noqa: E402
from testpmd_util import Prompt, read_pcap  # noqa: E402

testpmd_util.APP = APP

CAPTURE = os.path.join(HERE, "..", "data", "real-traffic.pcap")
MIB64 = ",window=0x40000000-0x43ffffff"
MIB1 = ",window=0x100000-0x1fffff"
# By name: arguments, and whether packets are copied.
WAYS = {
    "direct": ("", False),
    "always": (",bounce=always", True),
    "confined": (",confine=on", True),
    "confined, one buffer a packet": (",confine=on,mrg_rxbuf=0", True),
    "confined, out of order": (",confine=on,in_order=0", True),
    "always, one at a time": (",bounce=always,vectorized=0", True),
    "31 bits": (",dma-limit=31", False),
    "20 bits": (",dma-limit=20", True),
    "31 bits for rings": (",ring-limit=31", False),
    "a window of 64 MiB": (MIB64, False),
    "a window of 64 MiB, confined": (MIB64 + ",confine=on", True),
    "a window of 1 MiB": (MIB1, True),
    "two windows": (",window=0x1000000-0x10fffff+0x100000-0x1fffff", True),
}


def run(self, *args):
    r = subprocess.run([str(a) for a in args], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=LIMIT)
    self.assertEqual(r.returncode, 0, r.stdout)
    return r.stdout


def memory(text):
    """The table of `show port info`: by name, where it is and what the device may do there."""
    found = re.findall(r"\n  (\S.*?) +0x([0-9a-f]+)-0x([0-9a-f]+) +\d+ [KM]iB  (\S.*)", text)
    return {name: (int(start, 16), int(last, 16), may) for name, start, last, may in found}


class Bytes(unittest.TestCase):
    """Every packet sent comes back, once, in order, unaltered; at every stop all buffers are home."""

    def test_each_way(self):
        with Peer("io") as p:
            for name, (args, _) in WAYS.items():
                with self.subTest(name):
                    out = run(self, SOAK, f"net_virtio_user0,path={p.path}{args}", 500_000, 10)
                    self.assertIn("500000 packets sent and verified, 10 stops", out)

    def test_sizes_to_9000(self):
        with Peer("io", "--max-pkt-len=9600") as p:
            for args in (",bounce=always", ",confine=on", ",confine=on,in_order=0", MIB1, ",dma-limit=20"):
                with self.subTest(args):
                    run(self, SOAK, f"net_virtio_user0,path={p.path}{args}", 20_000, 5, "mixed")

    def test_four_queues_share_few_slots(self):
        """Each flow in its order, though no queue has a slot for each of its descriptors."""
        with Peer("io", queues=4) as p:
            for args in (MIB1, MIB1 + ",confine=on", MIB1 + ",in_order=0"):
                with self.subTest(args):
                    run(self, FLOWS, f"net_virtio_user0,path={p.path}{args}", 4, 10_000, 32)

    def test_a_capture_there_and_back(self):
        """Rings that hold all of it: nobody has a reason to drop."""
        sent = read_pcap(CAPTURE)
        with Peer("io") as p:
            for args in (",bounce=always", ",confine=on", ",dma-limit=31", MIB64 + ",confine=on"):
                back = os.path.join(p.dir, "back.pcap")
                command = [APP, "-l", "0,1", "--no-pci", f"--vdev=net_pcap0,rx_pcap={CAPTURE},tx_pcap={back}",
                           f"--vdev=net_virtio_user0,path={p.path},timeout=20000{args}", "--", "--rxd=1024", "--txd=1024",
                           f"--stop-after={2 * len(sent)}", "--run-time=20"]
                with self.subTest(args):
                    run(self, *command)
                    self.assertEqual(read_pcap(back), sent)


class Life(unittest.TestCase):
    def test_the_backend_is_restarted(self):
        """Killed and started again under traffic: packets flow again, nothing is lost, leaked or used twice."""
        for args in (",bounce=always", ",confine=on", MIB1):
            with self.subTest(args):
                where = tempfile.mkdtemp(prefix="baton-reach-")
                self.addCleanup(shutil.rmtree, where, True)
                path = os.path.join(where, "s")
                run(self, RESTART, f"net_virtio_user0,path={path}{args}", 3, 5000, path, "dpdk-testpmd", "--lcores", "0@0,1@1",
                    "--no-pci", "--in-memory", "-m", "256", "--single-file-segments",
                    f"--vdev=net_vhost0,iface={path},queues=1", "--", "--nb-cores=1", "--total-num-mbufs=16384",
                    "--forward-mode=io", "--auto-start", "--stats-period=60")

    def test_stop_start_and_reset(self):
        for args in (",confine=on", MIB1):
            with self.subTest(args), Peer("txonly") as p:
                with Prompt(f"-l 0,1 --vdev=net_virtio_user0,path={p.path},timeout=20000{args}",
                            "--forward-mode=rxonly -a") as b:
                    for down in ("port stop 0", "port reset 0", "port stop 0"):
                        before = b.stats("rx_good_packets")
                        b.until(lambda n=before: b.stats("rx_good_packets") > n + 1000)
                        info = b.say(down, "show port info 0")
                        self.assertIn("DMA memory: none while the port is stopped", info)
                        self.assertIn("not committed" if "reset" in down else "committed, until port reset", info)
                        info = b.say("port start 0", "show port info 0")
                        self.assertIn("rx slots", memory(info))
                    rc, out = b.quit()
                    self.assertEqual(rc, 0, out)

    def test_a_backend_that_does_not_answer(self):
        """Its buffers are in quarantine until nobody has them any more; slots are let go: others get other ones."""
        for args in ("", ",confine=on"):
            with self.subTest(args=args), Peer("txonly") as p:
                with Prompt(f"-l 0,1 --vdev=net_virtio_user0,path={p.path},timeout=1000{args}", "--forward-mode=rxonly -a") as b:
                    b.until(lambda: b.stats("rx_good_packets") > 1000)
                    p.process.send_signal(signal.SIGSTOP)
                    b.say("stop", "port stop 0")
                    holders = b.say("show holders")
                    held = re.search(r"quarantine\D+(\d+)", holders)
                    self.assertEqual(bool(held and int(held[1])), not args, holders)
                    self.assertNotIn("DMA slots in quarantine", b.say("show port info 0"))
                    p.process.send_signal(signal.SIGKILL)
                    b.until(lambda: not re.search(r"quarantine\D+[1-9]", b.say("show holders")))
                    b.quit()
                    self.assertNotIn("LOST BUFFERS", b.log)


class Said(unittest.TestCase):
    """What `show port info` and the log say, against a running device."""

    def info(self, path, args, app=""):
        with Prompt(f"-l 0,1 --vdev=net_virtio_user0,path={path},timeout=20000{args}", f"--forward-mode=rxonly -a {app}") as b:
            b.until(lambda: b.stats("rx_good_packets") > 1000)
            text, xstats, log = b.say("show port info 0"), b.say("show port xstats 0"), b.log
            rc, out = b.quit()
            self.assertEqual(rc, 0, out)
        self.assertLess(max(map(len, text[text.index("DMA"):].split("\n"))), 81)
        return text, log, xstats

    def test_each_way(self):
        with Peer("txonly") as p:
            for name, (args, bounced) in WAYS.items():
                with self.subTest(name):
                    text, log, _ = self.info(p.path, args)
                    runs = memory(text)
                    self.assertIn("committed, until port reset", text)
                    self.assertEqual(sorted(runs), ["rings", "rx slots", "tx slots"] if bounced else ["pool mb_pool_0", "rings"], text)
                    self.assertEqual("pool mb_pool_0       bounced\n" in text, bounced, text)
                    self.assertEqual(log.count("is bounced:"), bounced, log)
                    lines = [line for line in log.split("\n") if line.startswith("baton: net_virtio_user0: ")]
                    ends = [line for line in lines if f"the backend at {p.path}" in line]
                    self.assertEqual(len(ends), 1, lines) # what is known of its end
                    self.assertEqual(len(lines) - len(ends), 5 if bounced else 1, lines)

    def test_limits_and_windows_hold(self):
        """As wide as they are: what is mapped lies within."""
        with Peer("txonly") as p:
            for args, data, rings in ((",dma-limit=31", (0, 1 << 31), (0, 1 << 64)), (",ring-limit=31", (0, 1 << 64), (0, 1 << 31)),
                                      (",dma-limit=20", (0, 1 << 20), (0, 1 << 64)),
                                      (MIB1, (0x100000, 0x200000), (0x100000, 0x200000)),
                                      (MIB64, (0x40000000, 0x44000000), (0x40000000, 0x44000000))):
                with self.subTest(args):
                    text, _, _ = self.info(p.path, args)
                    for name, (start, last, _) in memory(text).items():
                        least, end = rings if name == "rings" else data
                        self.assertTrue(least <= start <= last < end, f"{name}: {text}")
                    for bits in re.findall(r"limit=(\d+)", args):
                        self.assertIn(f": {bits} (the device: 64)", text)
                    for window in re.findall(r"window=(\S+)", args):
                        self.assertIn(f"DMA window: {window}\n", text)

    def test_no_slot_is_counted(self):
        with Peer("txonly") as p:
            _, _, xstats = self.info(p.path, MIB1)
            self.assertIn("\ntx_q0_no_slot: ", xstats)
            self.assertIn("\nrx_q0_no_slot: ", xstats)

    def test_defaults_and_a_port_that_says_otherwise(self):
        with Peer("txonly") as p:
            text, _, _ = self.info(p.path, "", "--bounce=always --dma-limit=40 --ring-limit=33 --window=0-0xffffffff")
            for words in ("DMA bounce mode: always\n", "packets: 40 (the device: 64)", "rings: 33 (the device: 64)",
                          "DMA window: 0x0-0xffffffff\n", "asked for by bounce=always"):
                self.assertIn(words, text)
            text, _, _ = self.info(p.path, "", "--confine=on")
            self.assertIn("DMA bounce mode: auto, confined\n", text)
            text, _, _ = self.info(p.path, ",confine=off,dma-limit=64,bounce=auto", "--confine=on --dma-limit=20 --bounce=always")
            self.assertIn("DMA bounce mode: auto\nDMA address bits of packets: 64\n", text)
            self.assertIn("pool mb_pool_0", memory(text))

    def test_json(self):
        with Peer("txonly") as p:
            name = os.path.join(p.dir, "stats.json")
            rc, out, _ = baton(p.path, f"--forward-mode=rxonly --run-time=0.5 --stats-json={name}", MIB1)
            self.assertEqual(rc, 0, out)
            with open(name) as f:
                reach = json.load(f)["ports"][0]["reach"]
        self.assertTrue(reach["bounced"] and reach["shared_slots"] and not reach["confined"], reach)
        self.assertEqual((reach["bounce"], reach["data_bits"], reach["quarantined_slots"]), ("auto", 64, 0))
        self.assertTrue(0 < reach["rx_slots"] < 256 and 0 < reach["tx_slots"] < 256 and reach["slot_bytes"] > 2048, reach)
        self.assertGreater(total(out, "RX-total"), 1000)


# What no machine could do (exit status 2), and what this one cannot (1).
WRONG_OPTIONS = (
    (",bounce=sometimes", ["bounce=sometimes", "auto, always or never"]),
    (",confine=maybe", ["confine=maybe", "on or off"]),
    (",dma-limit=8", ["dma-limit=8", "12 to 64"]),
    (",ring-limit=65", ["ring-limit=65", "12 to 64"]),
    (",window=5-3", ["0x5-0x3 ends before it starts"]),
    (",window=junk", ["window=junk", "START-END"]),
    (",bounce=never,confine=on", ["confine=on copies every packet, and bounce=never copies none"]),
)
WRONG_HERE = (
    (",window=0-0x3fff", ["rings: 16 KiB are needed", "has 12 KiB", "a larger window"]),
    (",window=0-0xbfff", ["rx slots: 1 queue needs 5 slots", "11 KiB in all", "10 KiB are left", "a larger window"]),
    (",dma-limit=12", ["rx slots: 1 queue needs 5 slots", "at or below 0xfff", "a higher limit"]),
    (",ring-limit=12", ["rings: 16 KiB are needed", "at or below 0xfff"]),
    (",dma-limit=20,bounce=never", ["bounce=never: mb_pool_0: ", "at or below 0xfffff", "1020 KiB"]),
    (",window=0x100000000-0x1ffffffff,dma-limit=32",
     ["dma-limit limits the addresses of packets to 32 bits, 0xffffffff", "begins at 0x100000000", "a higher limit"]),
    (",window=0x100000000-0x1ffffffff,ring-limit=32", ["ring-limit limits the addresses of rings", "0x100000000"]),
    (",window=0x4000000000000-0x5000000000000", ["0x4000000000000", "there are 0x0-"]),
)


class Wrong(unittest.TestCase):
    """Each a sentence with the numbers and what to do, and nothing left behind."""

    def test_what_cannot_be(self):
        with Peer("txonly") as p:
            for args, words in WRONG_OPTIONS + WRONG_HERE:
                with self.subTest(args):
                    rc, out, _ = baton(p.path, "--forward-mode=rxonly --run-time=5", args)
                    self.assertEqual(rc, 2 if (args, words) in WRONG_OPTIONS else 1, out)
                    errors = [line for line in out.split("\n") if line.startswith("baton-testpmd: ")]
                    self.assertEqual(len(errors), 1, out)
                    for word in words:
                        self.assertIn(word, errors[0])
            rc, out, _ = baton(p.path, "--forward-mode=rxonly --run-time=0.5", ",confine=on")
            self.assertEqual(rc, 0, "and then one that can: " + out)

    def test_default_that_contradicts_a_port(self):
        with Peer("txonly") as p:
            rc, out, _ = baton(p.path, "--confine=on --run-time=5", ",bounce=never")
            self.assertEqual(rc, 1, out)
            self.assertIn("confine=on copies every packet, and bounce=never copies none", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
