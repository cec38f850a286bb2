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
    """Either program with -i, and a net_pcap port if it has a capture to write."""

    def __init__(self, program, out, app, rx=None, env=()):
        port = ["--vdev=net_pcap0,%stx_pcap=%s" % (f"rx_pcap={rx}," if rx else "", out)] if out else []
        extra = ["--total-num-mbufs=8192", "--no-flush-rx"] if program[2:3] == ["dpdk-testpmd"] else []
        self.log = ""
        self.process = subprocess.Popen(program + [*port, *env, "--", "-i", *extra, *app.split()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, *words):
        for w in words:
            self.process.stdin.write(w.encode() + b"\n")
        self.process.stdin.flush()

    def until(self, what, *words):
        """Until its output is so; again and again it is told the words."""
        end, last = time.monotonic() + LIMIT, 0.0
        while not what(self.log):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"it never was so: {self.log[-2000:]}")
            if time.monotonic() > last + 0.05:
                self.say(*words)
                last = time.monotonic()
            time.sleep(0.01)
            self.log += (self.process.stdout.read() or b"").decode()

    def until_moved(self, what, n):
        """Until the port's counter is at least n."""
        self.until(lambda log: max(map(int, re.findall(what + r": +(\d+)", log)), default=0) >= n, "show port stats 0")

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


@unittest.skipIf(subprocess.run(["which", "dpdk-testpmd"], capture_output=True).returncode, "no dpdk-testpmd")
class Verdicts(unittest.TestCase):
    def test_sums_that_passed_no_wire(self):
        """DPDK's vhost leaves TCP's checksum to who receives, and says so; UDP's without one is not checked."""
        tmp = tempfile.TemporaryDirectory(prefix="baton-modes-")
        self.addCleanup(tmp.cleanup)
        testpmd_util.TMP = tmp.name
        sent = [p for n, p in kinds() if n in ("udp", "tcp", "tcp6", "arp", "vlan")]
        s0, out = os.path.join(tmp.name, "s0"), os.path.join(tmp.name, "out.pcap")
        memory = ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@0,1@0", "--no-pci", "--in-memory", "-m", "256",
                  "--single-file-segments"]
        peer = Testpmd(memory, out, "--nb-cores=1 --forward-mode=csum", write_pcap("in.pcap", sent),
                       [f"--vdev=net_vhost0,iface={s0},queues=1"])
        self.addCleanup(peer.close)
        peer.until(lambda log: "testpmd>" in log)
        peer.say("port stop 1", "csum set tcp hw 1", "port start 1")
        peer.until(lambda log: "TCP checksum offload is hw" in log and os.path.exists(s0))
        baton = Testpmd(BATON, None, "--forward-mode=rxonly --enable-rx-cksum", None, [f"--vdev=net_virtio_user0,path={s0}"])
        self.addCleanup(baton.close)
        baton.say("set verbose 1", "start")
        peer.until(lambda log: "virtio is now ready for processing" in log)
        baton.until(lambda log: "forwards packets on 1 streams" in log)
        peer.say("start")
        baton.until(lambda log: log.count("Receive queue") == len(sent))
        log = baton.quit()
        self.assertEqual(log.count("RTE_MBUF_F_RX_L4_CKSUM_NONE RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN "), 2, log)
        self.assertEqual(log.count("RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN "), 3, log)


if __name__ == "__main__":
    unittest.main()
