#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The forwarding modes and `set verbose` beside dpdk-testpmd's own, with net_pcap: the same bytes and lines, or a difference that has a
name here."""
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit"))
from packet_util import kinds  # noqa: E402
from peer import APP, LIMIT  # noqa: E402
import testpmd_util  # noqa: E402
from testpmd_util import write_pcap  # noqa: E402

DPDK = ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-pci", "--no-huge", "--no-shconf", "-m", "256"]
BATON = [APP, "--lcores", "0@0,1@0", "--no-huge"]
# What of kinds() each mode treats otherwise, and why is in docs/testpmd.md.
DIFFERENT = {
    "5tswap": {"later-fragment", "version-0", "ihl-4"},
    "csum": {"first-fragment", "later-fragment", "sctp", "version-0", "ihl-4", "ihl-15"},
}
FAR = re.compile(r"-cut-|^tag-cut$")   # dpdk-testpmd reads behind the end of these


class Testpmd:
    """Either program with -i and one net_pcap port."""

    def __init__(self, program, out, app, rx=None):
        port = "--vdev=net_pcap0,%stx_pcap=%s" % (f"rx_pcap={rx}," if rx else "", out)
        extra = ["--total-num-mbufs=8192", "--no-flush-rx"] if program is DPDK else []
        self.log = ""
        self.process = subprocess.Popen(program + [port, "--", "-i", *extra, *app.split()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, *words):
        for w in words:
            self.process.stdin.write(w.encode() + b"\n")
        self.process.stdin.flush()

    def until_moved(self, what, n):
        """Until the port's counter is at least n."""
        end, last = time.monotonic() + LIMIT, 0.0
        while max(map(int, re.findall(what + r": +(\d+)", self.log)), default=0) < n:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"{what} never was {n}: {self.log[-2000:]}")
            if time.monotonic() > last + 0.05:
                self.say("show port stats 0")
                last = time.monotonic()
            time.sleep(0.01)
            self.log += (self.process.stdout.read() or b"").decode()

    def quit(self):
        os.set_blocking(self.process.stdout.fileno(), True)
        self.log += self.process.communicate(b"stop\nquit\n", timeout=LIMIT)[0].decode()
        return self.log

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def read_pcap(name):
    """DPDK's have nanoseconds."""
    with open(name, "rb") as f:
        data = f.read(1 << 20)   # more than any check looks at
    at, packets = 24, []
    while at + 16 < len(data):
        caplen, = struct.unpack_from("<I", data, at + 8)
        packets.append(data[at + 16:at + 16 + caplen])
        at += 16 + caplen
    return packets


def own(packet):
    """Without the port's own address."""
    return re.sub("027063617000|020000010000", "own", packet.hex())


@unittest.skipIf(subprocess.run(["which", "dpdk-testpmd"], capture_output=True).returncode, "no dpdk-testpmd")
class Modes(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="baton-modes-")
        self.addCleanup(self.tmp.cleanup)
        testpmd_util.TMP = self.tmp.name

    def both(self, app, sent=None, moved=("TX-packets", 1), *words):
        """What each sends, and what it prints."""
        rx = write_pcap("in.pcap", sent) if sent else None
        for program in (DPDK, BATON):
            out = os.path.join(self.tmp.name, "out.pcap")
            t = Testpmd(program, out, app, rx)
            self.addCleanup(t.close)
            t.say(*words, "start")
            t.until_moved(*moved)
            yield t.quit(), read_pcap(out)

    def forwards(self, mode, app="", **skip):
        names, sent = zip(*((n, p) for n, p in kinds() if not FAR.search(n)))
        (_, dpdk), (_, baton) = self.both(f"--forward-mode={mode} {app}", sent, ("RX-packets", len(sent)))
        self.assertEqual(len(dpdk), len(baton))
        self.assertEqual(len(dpdk), len(sent))
        different = {n for n, a, b in zip(names, dpdk, baton) if own(a) != own(b)}
        self.assertEqual(different, DIFFERENT.get(mode, set()))

    def test_io(self):
        self.forwards("io")

    def test_mac(self):
        self.forwards("mac")

    def test_mac_to_a_peer(self):
        self.forwards("mac", "--eth-peer=0,02:00:00:00:00:42")

    def test_macswap(self):
        self.forwards("macswap")

    def test_5tswap(self):
        self.forwards("5tswap")

    def test_csum(self):
        self.forwards("csum")

    def test_icmpecho(self):
        """Only ARP is answered of these: kinds() has no right ping."""
        names, sent = zip(*((n, p) for n, p in kinds() if not FAR.search(n)))
        (_, dpdk), (_, baton) = self.both("--forward-mode=icmpecho", sent, ("RX-packets", len(sent)))
        self.assertEqual([own(p) for p in dpdk], [own(p) for p in baton])
        self.assertTrue(dpdk)

    def made(self, app, n=300):
        (_, dpdk), (_, baton) = self.both(app, None, ("TX-packets", n))
        for i, (a, b) in enumerate(zip(dpdk[:n], baton[:n])):
            self.assertEqual(len(a), len(b), f"{app}: packet {i}")
            self.assertEqual(own(a[:42]), own(b[:42]), f"{app}: packet {i}")

    def test_txonly(self):
        for app in ("", "--txpkts=64,128,256 --tx-ip=1.2.3.4,5.6.7.8", "--txpkts=1514 --tx-udp=1000", "--txonly-multi-flow",
                    "--txonly-multi-flow --txpkts=50,30 --tx-udp=1000,2000 --eth-peer=0,02:00:00:00:00:42"):
            self.made("--forward-mode=txonly " + app)

    def test_flowgen(self):
        for app in ("", "--flowgen-flows=5 --flowgen-clones=2 --burst=4", "--flowgen-clones=32 --txpkts=200",
                    "--flowgen-flows=7 --flowgen-clones=3 --eth-peer=0,02:00:00:00:00:42"):
            self.made("--forward-mode=flowgen " + app)

    def test_verbose(self):
        """All but net_pcap's timestamps, which only dpdk-testpmd has."""
        sent = [p for n, p in kinds() if not FAR.search(n) and not re.match("tags-([6-9]|..)$", n)]
        self.assertLessEqual(len(sent), 32, "one burst")
        for mode in ("mac", "csum"):
            lines = []
            for log, _ in self.both("--forward-mode=" + mode, sent, ("RX-packets", len(sent)), "set verbose 3"):
                log = re.sub("02:70:63:61:70:00|02:00:00:01:00:00", "own", re.sub(r" - timestamp \d+ ", "", log))
                lines.append(re.findall(r"^(?:port 0/queue|  src=|  ol_flags).*$", log, re.M))
            self.assertEqual(len(lines[0]), 2 * (1 + 2 * len(sent)))
            self.assertEqual([p for p in zip(*lines) if p[0] != p[1]], [], mode)


if __name__ == "__main__":
    unittest.main()
