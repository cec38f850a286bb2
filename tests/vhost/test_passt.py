#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""passt as the peer: a DHCP, ARP, UDP and ICMP host behind one socket, in a network namespace of the test's own."""
import ctypes
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from backends import RESTARTS, WAYS, Passt, Wire, unpacked, until

CLONE_NEWNET = 0x40000000
MAC, ANY = bytes.fromhex("020000000077"), b"\xff" * 6
HOST, GATEWAY, NOBODY, ALL = (socket.inet_aton(a) for a in ("192.168.77.2", "192.168.77.1", "0.0.0.0", "255.255.255.255"))
SERVER, INBOUND = 7007, 7008  # UDP ports: of the echo server outside, and of the port's own, which passt forwards to
SIZES = (1, 18, 19, 472, 1472, 1473, 2000, 4000, 8958, 8976)  # of UDP payload: frames of 60 to 9,018 bytes
alone = False


def setUpModule():
    """Where root may, a namespace whose only interface is lo: the machine's addresses and routes do not matter."""
    global alone
    unpacked("passt")
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        if not any(line.split()[4] == "/" for line in f):
            print("skipped: passt changes its root, for which / must be a mount point, as it is not in a chroot")
            sys.exit(77)
    r = subprocess.run(["unshare", "--user", "true"], stderr=subprocess.PIPE, text=True, check=False)
    if r.returncode:
        print("skipped: passt makes a user namespace, which is forbidden here, as in a chroot: " + r.stderr.strip())
        sys.exit(77)
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0:
        alone = True
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with open("/proc/sys/net/ipv4/ping_group_range", "w", encoding="ascii") as f:
            f.write("0 2147483647")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(proto, src, dst, payload, to):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0, src, dst)
    return to + MAC + b"\x08\0" + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(src, sport, dst, dport, payload, to):
    length = 8 + len(payload)
    pseudo = src + dst + struct.pack("!BBH", 0, 17, length)
    head = struct.pack("!HHH", sport, dport, length)
    return ip(17, src, dst, head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + payload) or 0xffff) + payload, to)


def parse_udp(frame):
    """(source address, source port, destination port, payload) of a frame that has a right UDP datagram, or None."""
    if frame[12:14] != b"\x08\0" or frame[23] != 17 or checksum(frame[14:34]):
        return None
    total, = struct.unpack("!H", frame[16:18])
    datagram = frame[34:14 + total]
    sport, dport, length, csum = struct.unpack("!HHHH", datagram[:8])
    pseudo = frame[26:34] + struct.pack("!BBH", 0, 17, length)
    if length != len(datagram) or (csum and checksum(pseudo + datagram)):
        return None
    return frame[26:30], sport, dport, datagram[8:]


def dhcp(kind, *options):
    fixed = struct.pack("!BBBBIHH4s4s4s4s16s64s128s4s", 1, 1, 6, 0, 0x77777777, 0, 0, NOBODY, NOBODY, NOBODY, NOBODY,
                        MAC + b"\0" * 10, b"", b"", b"\x63\x82\x53\x63")
    options = b"".join(bytes((code, len(value))) + value for code, value in ((53, bytes((kind,))), *options)) + b"\xff"
    return udp(NOBODY, 68, ALL, 67, fixed + options.ljust(60, b"\0"), ANY)


def dhcp_options(payload):
    found, at = {}, 240
    while at < len(payload) and payload[at] != 255:
        if payload[at] == 0:
            at += 1
            continue
        found[payload[at]] = payload[at + 2:at + 2 + payload[at + 1]]
        at += 2 + payload[at + 1]
    return found


class Echo(threading.Thread):
    """A UDP server on the loopback address that sends back what it gets."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", SERVER))

    def run(self):
        while True:
            data, sender = self.socket.recvfrom(65536)
            if not data:
                return
            self.socket.sendto(data, sender)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", SERVER))
        self.join()
        self.socket.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.passt = Passt("-a", "192.168.77.2", "-g", "192.168.77.1", "-n", "24", "-4", "-m", "9000",
                           "-u", str(INBOUND), "-t", "none").__enter__()
        self.addCleanup(self.passt.__exit__)
        self.echo = Echo()
        self.echo.start()
        self.addCleanup(self.echo.stop)
        self.gateway = None

    def wire(self, way):
        return Wire(f"net_virtio_user0,path={self.passt.path},timeout=20000{WAYS[way]}")

    def ask(self, w, frame, right, seconds=10, again=0.5):
        """Send a frame, again now and then, until an answer @right(frame) comes. Return what that returned."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            w.send(0, frame)
            next_try = time.monotonic() + again
            while (left := next_try - time.monotonic()) > 0:
                if select.select([w.ports[0]], [], [], left)[0]:
                    answer = right(w.ports[0].recv(65536))
                    if answer:
                        return answer
        raise AssertionError(f"no answer to {frame[:64].hex()}\n{w.log()}\n{self.passt.log()}")

    def arp(self, w):
        """Return the gateway's MAC address."""
        request = ANY + MAC + b"\x08\x06" + struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, MAC, HOST, b"\0" * 6, GATEWAY)

        def right(f):
            return f[22:28] if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == GATEWAY else None
        self.gateway = self.ask(w, request.ljust(60, b"\0"), right)
        self.assertNotEqual(self.gateway, MAC)
        return self.gateway

    def lease(self, w):
        """DISCOVER, OFFER, REQUEST, ACK."""
        def reply(kind):
            def right(f):
                u = parse_udp(f)
                if not u or u[1:3] != (67, 68) or dhcp_options(u[3]).get(53) != bytes((kind,)):
                    return None
                return u[3]
            return right
        offer = self.ask(w, dhcp(1), reply(2))
        self.assertEqual(offer[16:20], HOST)
        ack = self.ask(w, dhcp(3, (50, HOST), (54, dhcp_options(offer)[54])), reply(5))
        options = dhcp_options(ack)
        self.assertEqual((ack[16:20], options[1], options[3]), (HOST, socket.inet_aton("255.255.255.0"), GATEWAY))
        self.assertEqual(options[26], struct.pack("!H", 9000))

    def ping(self, w):
        body = struct.pack("!HH", 77, 1) + bytes(range(56))
        request = b"\x08\0" + struct.pack("!H", checksum(b"\x08\0\0\0" + body)) + body

        def right(f):
            return f[12:14] == b"\x08\0" and f[23] == 1 and f[26:30] == GATEWAY and f[34] == 0 and \
                not checksum(f[34:14 + struct.unpack("!H", f[16:18])[0]]) and f[38:14 + 20 + 64] == body
        self.ask(w, ip(1, HOST, GATEWAY, request, self.gateway), right)

    def out(self, w, payload):
        """To the server outside, and back."""
        frame = udp(HOST, 4000, GATEWAY, SERVER, payload, self.gateway).ljust(60, b"\0")
        self.ask(w, frame, lambda f: parse_udp(f) == (GATEWAY, SERVER, 4000, payload))

    def inward(self, w, payload):
        """From outside to a forwarded port of ours, and an answer back."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(10)
            s.connect(("127.0.0.1", INBOUND))
            s.send(payload)
            end, got = time.monotonic() + 10, None
            while not got or got[2:] != (INBOUND, payload):
                self.assertTrue(select.select([w.ports[0]], [], [], max(0, end - time.monotonic()))[0], self.passt.log())
                got = parse_udp(w.ports[0].recv(65536))
            w.ports[0].send(udp(HOST, INBOUND, got[0], got[1], payload[::-1], self.gateway).ljust(60, b"\0"))
            self.assertEqual(s.recv(65536), payload[::-1])


def payload_of(size, salt):
    return bytes((i * 7 + salt * 13 + (i >> 8)) & 0xff for i in range(size))


class Host(Case):
    def test_dhcp_arp_ping_udp(self):
        for way in WAYS:
            with self.subTest(way), self.wire(way) as w:
                w.up()
                self.assertEqual(int(w.say("stats 0").split()[-1]) > 0, way != "direct")
                self.lease(w)
                self.arp(w)
                if alone:
                    self.ping(w)
                for i, size in enumerate(SIZES):
                    self.out(w, payload_of(size, i))
                for i, size in enumerate(SIZES):
                    self.inward(w, payload_of(size, i))
                self.assertEqual(w.quit(), "home")

    def test_mtu_changes(self):
        with self.wire("direct") as w:
            w.up()
            for mtu in 1500, 9000, 576:
                self.assertEqual(w.say(f"mtu 0 {mtu}", 60), "ok")
                self.arp(w)
                self.out(w, payload_of(mtu - 28, 1))
                refused = int(w.say("stats 0").split()[3])
                # Room for two VLAN tags, which it does not have, is 8 bytes.
                w.ports[0].send(udp(HOST, 4000, GATEWAY, SERVER, payload_of(mtu - 28 + 9, 1), self.gateway))
                until(lambda n=refused: int(w.say("stats 0").split()[3]) == n + 1, 5, "a larger frame was taken")
            self.assertEqual(w.quit(), "home")


class Restarts(Case):
    def test_of_passt(self):
        for way in WAYS:
            with self.subTest(way), self.wire(way) as w:
                w.up()
                self.arp(w)
                for i in range(1, RESTARTS + 1):
                    for k in range(20):
                        self.out(w, payload_of(600, k))
                    w.ports[0].send(udp(HOST, 4000, GATEWAY, SERVER, b"on its way", self.gateway))
                    self.passt.kill()
                    self.passt.start()
                    while w.events["0 back"] < i:
                        self.assertIsNone(w.hear(0.1))
                    self.arp(w)
                    self.out(w, payload_of(600, i))
                self.assertEqual(w.events["0 lost"], RESTARTS)
                self.assertEqual(w.quit(), "home")

    def test_of_the_port(self):
        for way in WAYS:
            for i in range(RESTARTS + 1):
                with self.subTest(way, time=i), self.wire(way) as w:
                    w.up()
                    self.arp(w)
                    self.out(w, payload_of(600, i))
                    w.ports[0].send(udp(HOST, 4000, GATEWAY, SERVER, b"on its way", self.gateway))
                    if i < RESTARTS:
                        w.kill()
                    else:
                        self.assertEqual(w.quit(), "home")


if __name__ == "__main__":
    unittest.main(verbosity=2)
