#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""1 GiB copied by TCP between two network namespaces, through Baton: veth - DPDK - vhost - baton-testpmd - vhost - DPDK - veth."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from peer import APP

BYTES = 1 << 30
PORT = 5001
LIMIT = 150
LEFT, RIGHT = "10.98.0.1", "10.98.0.2"
OFFLOADS = ("tx", "gso", "tso", "gro")


def blocks():
    """The bytes that are sent: each block differs from those before it."""
    base = hashlib.shake_128(b"baton").digest(1 << 20)
    for i in range(BYTES >> 20):
        yield i.to_bytes(8, "little") + base[8:]


def receiver():
    digest, total = hashlib.sha256(), 0
    with socket.create_server((RIGHT, PORT)) as s:
        print("listening", flush=True)
        c, _ = s.accept()
        while data := c.recv(1 << 20):
            digest.update(data)
            total += len(data)
        c.sendall(b"done")
    print(total, digest.hexdigest(), flush=True)


def sender():
    digest, begin = hashlib.sha256(), time.monotonic()
    with socket.create_connection((RIGHT, PORT), timeout=60) as s:
        for b in blocks():
            digest.update(b)
            s.sendall(b)
        s.shutdown(socket.SHUT_WR)
        s.settimeout(60)
        assert s.recv(16) == b"done"
    print(BYTES, digest.hexdigest(), f"{time.monotonic() - begin:.1f}", flush=True)


def run(*args):
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Net:
    """Three namespaces: an address left, an address right, and between them the far ends of their veth pairs."""

    def __init__(self):
        self.names = [f"baton{os.getpid()}{side}" for side in "lmr"]

    def inside(self, side, *args):
        return ["ip", "netns", "exec", self.names["lmr".index(side)], *args]

    def add(self):
        for name in self.names:
            run("ip", "netns", "add", name)
        for side, address in (("l", LEFT), ("r", RIGHT)):
            name = self.names["lmr".index(side)]
            run("ip", "link", "add", side + "0", "netns", name, "type", "veth", "peer", "name", side + "1",
                "netns", self.names[1])
            run(*self.inside(side, "ip", "address", "add", address + "/24", "dev", side + "0"))
            for where, dev in ((side, side + "0"), ("m", side + "1")):
                run(*self.inside(where, "sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=1"))
                # What veth leaves out or makes 64 KiB long is no frame that a wire carries.
                run(*self.inside(where, "ethtool", "-K", dev, *(w for o in OFFLOADS for w in (o, "off"))))
                run(*self.inside(where, "ip", "link", "set", dev, "up"))

    def remove(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


class Tcp(unittest.TestCase):
    def setUp(self):
        for tool in ("ip", "ethtool", "sysctl", "dpdk-testpmd"):
            if not shutil.which(tool):
                self.skip(f"no {tool}")
        self.net = Net()
        self.addCleanup(self.net.remove)
        try:
            self.net.add()
        except subprocess.CalledProcessError as e:
            self.skip(f"no network namespaces with veth: {e.cmd[0]}: {e.stdout.strip()}")
        self.dir = tempfile.mkdtemp(prefix="baton-tcp-")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def skip(self, reason):
        print("skipped:", reason)
        self.skipTest(reason)

    def start(self, name, args):
        log = open(os.path.join(self.dir, name), "w+", encoding="utf-8", errors="replace")
        p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        p.log = log
        self.addCleanup(log.close)
        self.addCleanup(self.end, p)
        return p

    @staticmethod
    def end(p, sig=signal.SIGKILL):
        p.send_signal(sig)
        try:
            p.wait(15)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()

    @staticmethod
    def said(p):
        p.log.flush()
        p.log.seek(0)
        return p.log.read()

    def wait_for(self, p, text, seconds=20):
        end = time.monotonic() + seconds
        while text not in self.said(p):
            if p.poll() is not None or time.monotonic() > end:
                self.fail(f"no {text!r} from:\n" + self.said(p)[-3000:])
            time.sleep(0.05)

    def start_peer(self):
        s0, s1 = (os.path.join(self.dir, s) for s in ("s0", "s1"))
        # Ports forward in pairs, in this order.
        peer = self.start("peer", self.net.inside(
            "m", "dpdk-testpmd", "--lcores", "(0,1)@(0,1)", "--no-pci", "--in-memory", "-m", "256",
            "--single-file-segments", "--vdev=net_af_packet0,iface=l1", f"--vdev=net_vhost0,iface={s0}",
            "--vdev=net_af_packet1,iface=r1", f"--vdev=net_vhost1,iface={s1}", "--", "--nb-cores=1",
            "--total-num-mbufs=16384", "--forward-mode=io", "--auto-start", "--stats-period=60"))
        end = time.monotonic() + 20
        while not os.path.exists(s1):
            if peer.poll() is not None and "af_packet" in self.said(peer):
                self.skip("DPDK cannot open an AF_PACKET socket here")
            if peer.poll() is not None or time.monotonic() > end:
                self.fail("the DPDK peer did not start:\n" + self.said(peer)[-3000:])
            time.sleep(0.02)
        time.sleep(0.5)
        return s0, s1

    def test_copy(self):
        s0, s1 = self.start_peer()
        app = self.start("app", [APP, "--lcores=(0,1)@(0-1)", f"--vdev=net_virtio_user0,path={s0}",
                                 f"--vdev=net_virtio_user1,path={s1}", "--", "--forward-mode=io", "--retry=256", "--sleep-idle"])
        me = [sys.executable, os.path.abspath(__file__), APP]
        receive = self.start("receive", self.net.inside("r", *me, "receive"))
        self.wait_for(receive, "listening")
        send = self.start("send", self.net.inside("l", *me, "send"))
        try:
            self.assertEqual(send.wait(LIMIT), 0, self.said(send))
            receive.wait(30)
        except subprocess.TimeoutExpired:
            self.fail("not done in time\n" + self.said(app)[-2000:])
        sent, got = self.said(send).split(), self.said(receive).split()[1:]
        self.end(app, signal.SIGINT)
        self.assertEqual(app.returncode, 0, self.said(app)[-3000:])
        self.assertEqual(sent[0], str(BYTES))
        self.assertEqual(sent[:2], got)
        print(f"{BYTES >> 20} MiB by TCP in {sent[2]} s, {BYTES * 8 / float(sent[2]) / 1e9:.2f} Gbit/s, sha256 equal")


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        receiver()
    elif sys.argv[1:] == ["send"]:
        sender()
    else:
        unittest.main(verbosity=2)
