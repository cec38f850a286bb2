#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The examples do what they say: the echo's answers against those of a model here, and to Linux; the generator against the echo.

usage: test_examples.py FOLDER-WITH-THE-EXAMPLES [NAME-PART]      BATON_ECHO: the echo backend, for a device that wakes who sleeps
       test_examples.py --bridge DEVICE IN OUT     what comes from the device goes into a FIFO as a capture, and the other way round
       test_examples.py --udp                      a client
"""
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
import testpmd_util as util  # noqa: E402
from testpmd_util import LIMIT, Skip, check, expect, main, path, read_pcap, write_pcap  # noqa: E402

MAC, ME, IP, PEER_IP, PORT = bytes.fromhex("020000010000"), bytes.fromhex("0200000000aa"), b"\x0a\0\0\2", b"\x0a\0\0\1", 7
KINDS = ("ARP", "ping", "UDP", "cut off", "bad sum", "IP options", "fragments", "others'", "too long")
HOME = "every buffer is home"


class Example:
    """One of them, running; its output so far is in log()."""

    def __init__(self, name, *args, **kw):
        self.out = open(path(f"{name}.{random.randrange(1 << 30)}.log"), "w+")
        self.process = subprocess.Popen([os.path.join(util.APP, name), *map(str, args)], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=subprocess.STDOUT, **kw)

    def log(self):
        with open(self.out.name) as f:
            return f.read()

    def wait(self, what, seconds=LIMIT):
        """Until the log has a match. Return it."""
        end = time.monotonic() + seconds
        while not (m := re.search(what, self.log())):
            expect(time.monotonic() < end and self.process.poll() is None, f"no {what!r} in {self.log()[-2000:]}")
            time.sleep(0.01)
        return m

    def end(self, sig=signal.SIGINT):
        """Return: its log, once it has ended as it should."""
        if sig:
            self.process.send_signal(sig)
        rc = self.process.wait(LIMIT)
        expect(rc == 0 and self.log().endswith(HOME + "\n"), f"status {rc}: {self.log()[-2000:]}")
        return self.log()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.out.close()


def counts(log):
    """What the echo counted, by kind."""
    line = [x for x in log.splitlines() if x.startswith("ARP ")]
    return {k: int(re.search(rf"{k} (\d+)", line[-1])[1]) for k in KINDS} if line else dict.fromkeys(KINDS, 0)


# ---- packets, and what the echo is to make of them ----

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ether(payload, kind=0x0800, dst=MAC, src=ME, tags=b""):
    return dst + src + tags + struct.pack("!H", kind) + payload


def ipv4(payload, proto, src=PEER_IP, dst=IP, total=None, options=b"", fragment=0x4000, ttl=64, version=4, add=0):
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, 0, total or 4 * ihl + len(payload), 0, fragment, ttl, proto, 0,
                       src, dst) + options
    return head[:10] + struct.pack("!H", (checksum(head) + add) & 0xffff) + head[12:] + payload


def udp(payload, sport=1000, dport=PORT, src=PEER_IP, dst=IP, length=None, add=0, none=False):
    length = 8 + len(payload) if length is None else length
    head = struct.pack("!HHH", sport, dport, length)
    data = (head + b"\0\0" + payload)[:length]
    total = checksum(src + dst + struct.pack("!BBH", 0, 17, length) + data) or 0xffff
    return head + struct.pack("!H", 0 if none else (total + add) & 0xffff) + payload


def ping(payload, kind=8, code=0, add=0):
    head = struct.pack("!BBHHH", kind, code, 0, 77, 1)
    return head[:2] + struct.pack("!H", (checksum(head + payload) + add) & 0xffff) + head[4:] + payload


def arp(op=1, src=ME, src_ip=PEER_IP, dst=bytes(6), dst_ip=IP):
    return struct.pack("!HHBBH", 1, 0x800, 6, 4, op) + src + src_ip + dst + dst_ip


def model(f):
    """(kind, answer) of a frame, by the RFCs and the echo's description."""
    at, tags = 14, 0
    kind = f[12:14]
    while tags < 2 and kind in (b"\x81\0", b"\x88\xa8", b"\x91\0") and len(f) >= at + 4:
        kind, at, tags = f[at + 2:at + 4], at + 4, tags + 1
    back = f[6:12] + MAC + f[12:at]
    ip = f[at:]
    if kind == b"\x08\x06":
        if len(ip) < 28:
            return "cut off", None
        if ip[:8] != arp()[:8] or ip[24:28] != IP:
            return "others'", None
        return "ARP", back + arp(2, MAC, IP, ip[8:14], ip[14:18]) + ip[28:]
    if kind != b"\x08\0" or f[:6] != MAC:
        return "others'", None
    if len(ip) < 20 or ip[0] >> 4 != 4:
        return "cut off", None
    ihl, total = 4 * (ip[0] & 15), struct.unpack("!H", ip[2:4])[0]
    if ihl < 20 or total < ihl or total > len(ip):
        return "cut off", None
    src = ip[12:16]
    if ip[16:20] != IP or src in (IP, bytes(4)) or src[0] >= 224:
        return "others'", None
    if ihl > 20:
        return "IP options", None
    if struct.unpack("!H", ip[6:8])[0] & 0x3fff:
        return "fragments", None
    if checksum(ip[:20]):
        return "bad sum", None
    l4 = ip[20:total]
    if ip[9] == 17:
        if len(l4) < 8:
            return "cut off", None
        sport, dport, length, sent = struct.unpack("!HHHH", l4[:8])
        if not 8 <= length <= len(l4):
            return "cut off", None
        if sent and checksum(src + IP + struct.pack("!BBH", 0, 17, length) + l4[:length]):
            return "bad sum", None
        if dport != PORT or sport == PORT:
            return "others'", None
        made = ipv4(udp(l4[8:length], PORT, sport, IP, src), 17, IP, src)
    elif ip[9] == 1 and len(l4) < 8:
        return "cut off", None
    elif ip[9] == 1 and l4[:2] == b"\x08\0":
        if checksum(l4):
            return "bad sum", None
        body = b"\0\0\0\0" + l4[4:]
        made = ipv4(body[:2] + struct.pack("!H", checksum(body)) + body[4:], 1, IP, src)
    else:
        return "others'", None
    return ("UDP" if ip[9] == 17 else "ping"), back + made + ip[len(made):]


def frames():
    """Good ones, and each thing that can be wrong with them."""
    hello, good = b"hello, echo", ether(ipv4(udp(b"hello"), 17))
    yield from (ether(arp(), 0x806, b"\xff" * 6), ether(arp(), 0x806), ether(arp() + bytes(18), 0x806))
    yield from (ether(arp(2), 0x806), ether(arp(dst_ip=PEER_IP), 0x806), ether(arp()[:27], 0x806))
    for n in 0, 1, 7, 18, 19, 500, 1472:
        yield ether(ipv4(udp(bytes(range(256)) * 6)[:8 + n], 17)) if n == 1472 else ether(ipv4(udp(bytes(i & 255 for i in range(n))), 17))
        yield ether(ipv4(ping(bytes(i & 255 for i in range(n))), 1))
    yield ether(ipv4(udp(b"no checksum", none=True), 17))
    yield from (good + bytes(20), ether(ipv4(udp(b"surplus", length=12), 17)))
    for tags in b"\x81\0\0\5", b"\x88\xa8\0\5\x81\0\0\6":
        yield from (ether(ipv4(udp(hello), 17), tags=tags), ether(arp(), 0x806, tags=tags), ether(ipv4(ping(hello), 1), tags=tags))
    yield ether(ipv4(udp(hello), 17), tags=b"\x81\0\0\5" * 3)
    for f in good, ether(ipv4(ping(hello), 1)), ether(arp(), 0x806), ether(ipv4(udp(hello), 17), tags=b"\x81\0\0\5"):
        yield from (f[:n] for n in range(14, len(f)))
    yield from (ether(ipv4(udp(hello, add=1), 17)), ether(ipv4(udp(hello), 17, add=1)), ether(ipv4(ping(hello, add=1), 1)))
    yield from (ether(ipv4(udp(hello), 17, options=b"\1" * 4)), ether(ipv4(ping(hello), 1, options=b"\x07\x07\4" + bytes(5))))
    yield from (ether(ipv4(udp(hello), 17, fragment=x)) for x in (0x2000, 0x2001, 1, 0x1fff))
    yield from (ether(ipv4(udp(hello), 17, total=x)) for x in (19, 20, 27, 28, 40, 65535))
    yield from (ether(ipv4(udp(hello, length=x), 17)) for x in (0, 7, 8, 20, 65535))
    yield from (ether(ipv4(udp(hello, sport=PORT), 17)), ether(ipv4(udp(hello, dport=8), 17)))
    yield from (ether(ipv4(ping(hello, x), 1)) for x in (0, 3, 13)) # replies and errors are not answered
    yield ether(ipv4(ping(hello, code=1), 1))
    yield from (ether(ipv4(udp(hello, src=x), 17, src=x)) for x in (IP, bytes(4), b"\xe0\0\0\1", b"\xff" * 4))
    yield from (ether(ipv4(udp(hello, dst=x), 17, dst=x)) for x in (PEER_IP, b"\xff" * 4))
    yield from (ether(ipv4(udp(hello), 17), dst=x) for x in (ME, b"\xff" * 6))
    yield from (ether(ipv4(udp(hello), 17, version=5)), ether(ipv4(hello, 6)), ether(bytes(40), 0x86dd), ether(hello, 0x88b5))
    rng = random.Random(1)
    some = [good, ether(ipv4(ping(hello), 1)), ether(arp(), 0x806), ether(ipv4(udp(hello), 17), tags=b"\x81\0\0\5")]
    for _ in range(3000):
        f = bytearray(rng.choice(some))
        for _ in range(rng.randrange(1, 4)):
            f[rng.randrange(len(f))] = rng.choice((0, 1, 255, rng.randrange(256)))
        yield bytes(f[:rng.randrange(14, len(f) + 1)] if rng.random() < 0.2 else f)


@check
def examples_are_short():
    source = pathlib.Path(os.environ.get("BATON_EXAMPLES", pathlib.Path(__file__).resolve().parents[2] / "examples"))
    lines = {f.name: len(f.read_text().splitlines()) for f in source.glob("*.[ch]")}
    expect({"service.c", "echo.c", "generator.c"} <= set(lines), lines)
    expect(all(n < (100 if name == "service.c" else 200) for name, n in lines.items()), lines)


@check
def service_forwards():
    with Example("service", "net_null0", "net_null1", 100000) as s:
        expect(re.search(r"^forwarded \d+ tokens .*every buffer is home", s.end(None)), s.log())


@check
def usage_of_the_examples():
    for name in "service", "echo", "generator":
        with Example(name, "net_null0") as e:
            expect(e.process.wait(LIMIT) == 2 and "usage: " + name in e.log(), e.log())
    for args in (("net_nul0", "10.0.0.2", "7"), ("net_virtio_user0,path=/nowhere", "10.0.0.2", "7")):
        with Example("echo", *args) as e:
            expect(e.process.wait(LIMIT) == 1 and len(e.log()) > 20, e.log())


@check
def echo_answers():
    sent = list(frames())
    want = [model(f) for f in sent]
    few = [k for k in KINDS[:8] if sum(x == k for x, _ in want) < 2]
    expect(not few, f"too few {few}")
    with Example("echo", "net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap")), "10.0.0.2", PORT) as e:
        end = time.monotonic() + LIMIT
        while sum(counts(e.log()).values()) < len(sent) and time.monotonic() < end:
            time.sleep(0.02)
        got = counts(e.end())
    for kind in KINDS:
        expect(got[kind] == sum(k == kind for k, _ in want), f"{kind}: {got} of {len(sent)}")
    answers, right = read_pcap("out.pcap"), [a for _, a in want if a]
    expect(len(answers) == len(right), f"{len(answers)} answers, not {len(right)}")
    for a, b in zip(answers, right):
        expect(a == b, f"{a.hex()} is not {b.hex()}")


def fifos():
    names = path(f"fifo{random.randrange(1 << 30)}-a"), path(f"fifo{random.randrange(1 << 30)}-b")
    for n in names:
        os.mkfifo(n)
    return names


def devargs(rx, tx, n=0):
    return f"net_pcap{n},rx_pcap={rx},tx_pcap={tx}"


@check
def generator_and_echo():
    a, b = fifos()
    with Example("echo", devargs(a, b), "10.0.0.2", PORT) as e, \
         Example("generator", "-n", 3000, "-r", 20000, "-f", 5, "-s", 200, devargs(b, a, 1), "10.0.0.1", "10.0.0.2", PORT) as g:
        log = g.end(None)
        expect("sent 3000, back 3000, others 0;" in log, log)
        got = counts(e.end())
        expect(got["UDP"] == 3000 and got["ARP"] >= 1 and sum(got.values()) == 3000 + got["ARP"], got)


@check
def flows_of_the_generator():
    a, b = fifos()
    seen, answer = set(), None
    with Example("generator", "-n", 100, "-f", 7, "-s", 1514, devargs(b, a), "10.0.0.1", "10.0.0.2", 99) as g, \
         open(a, "rb", buffering=0) as rx, open(b, "wb", buffering=0) as tx:
        def read(n):
            data = b""
            while len(data) < n:
                expect(select.select([rx], [], [], LIMIT)[0], "it sends no more: " + g.log())
                data += rx.read(n - len(data))
            return data
        read(24)
        tx.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(101):
            f = read(struct.unpack("<IIII", read(16))[2])
            if f[12:14] == b"\x08\x06":
                expect(f == ether(arp(src=MAC), 0x806, b"\xff" * 6, MAC), f.hex())
                f = ether(arp(2, ME, IP, MAC, PEER_IP), 0x806, MAC)
                tx.write(struct.pack("<IIII", 0, 0, len(f), len(f)) + f)
                continue
            payload = f[42:]
            expect(len(f) == 1514 and f == ether(ipv4(udp(payload, struct.unpack("!H", f[34:36])[0], 99), 17), dst=ME, src=MAC), f.hex())
            seen.add(f[34:36])
            answer = f
        # One comes back, and one that does not: what is not its own does not count.
        for f in ether(answer[14:], dst=MAC), ether(ipv4(udp(bytes(100)), 17)), ether(arp()[:20], 0x806), b"\0" * 14:
            tx.write(struct.pack("<IIII", 0, 0, len(f), len(f)) + f)
        log = g.end(None)
    expect(len(seen) == 7 and "sent 100, back 1, others 3;" in log, f"{len(seen)} flows: {log}")


@check
def examples_end_at_signals():
    for sig in signal.SIGINT, signal.SIGTERM:
        a, b = fifos()
        with Example("echo", devargs(a, b), "10.0.0.2", PORT) as e, \
             Example("generator", "-r", 0, devargs(b, a, 1), "10.0.0.1", "10.0.0.2", PORT) as g:
            e.wait(r"UDP [1-9]\d{3,}")
            e.end(sig)
            g.end(sig) # whose reader is away


# ---- asleep ----

def threads(pid):
    """(state, voluntary context switches, ticks of CPU time) of each thread."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            status = f.read()
        with open(f"/proc/{pid}/task/{task}/stat") as f:
            stat = f.read().rsplit(")", 1)[1].split()
        found.append((re.search(r"State:\s+(\w)", status)[1], int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", status)[1]),
                      int(stat[11]) + int(stat[12])))
    return found


class Backend:
    def __init__(self, at):
        self.process = subprocess.Popen([os.environ["BATON_ECHO"], at], stdout=subprocess.PIPE, text=True)
        self.wait("ready")

    def wait(self, word):
        while True:
            expect(select.select([self.process.stdout], [], [], LIMIT)[0], f"the backend is not {word}")
            line = self.process.stdout.readline()
            expect(line, f"the backend ended, and was not {word}")
            if line.startswith(word):
                return

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@check
def echo_sleeps_and_wakes():
    if not os.path.exists(os.environ.get("BATON_ECHO", "")):
        raise Skip("no backend to be asleep on: BATON_ECHO names none, as in builds with sanitizers")
    at = path("vhost.sock")
    backend = Backend(at)
    try:
        with Example("echo", f"net_virtio_user0,path={at}", "10.0.0.2", PORT) as e:
            backend.wait("connected")
            end = time.monotonic() + LIMIT
            while True: # until a whole look finds nothing that runs; the machine may be busy
                before = threads(e.process.pid)
                time.sleep(1.5)
                after = threads(e.process.pid)
                moved = [(y[1] - x[1], y[2] - x[2]) for x, y in zip(before, after)]
                # The timer of the main thread wakes once a second; the workers do not wake at all.
                if len(after) == 3 and sorted(m[0] for m in moved)[:2] == [0, 0] and max(m[0] for m in moved) <= 12 and \
                   max(m[1] for m in moved) <= 1 and all(x[0] == "S" for x in after):
                    break
                expect(time.monotonic() < end, f"it does not sleep: {before} {after}")
            backend.kill()
            e.wait("the device is away")
            backend = Backend(at)
            backend.wait("connected")
            e.wait("the device is back")
            time.sleep(0.3)
            e.end()
    finally:
        backend.kill()


# ---- Linux as the peer ----

NET = "baton-ex-%d" % os.getpid()


def bridge(dev, into, out):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind((dev, 3))
    # The port opens a FIFO to write to it when it has something to write: nothing waits for that.
    with open(into, "wb", buffering=0) as tx, open(os.open(out, os.O_RDWR), "rb", buffering=0) as rx:
        tx.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        text = b""
        while True:
            ready = select.select([wire, rx], [], [])[0]
            if wire in ready:
                f, address = wire.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    tx.write(struct.pack("<IIII", 0, 0, len(f), len(f)) + f)
            if rx in ready:
                text += rx.read(65536)
                if text[:4] == b"\xd4\xc3\xb2\xa1":
                    text = text[24:]
                while len(text) >= 16 and len(text) >= 16 + (n := struct.unpack("<IIII", text[:16])[2]):
                    wire.send(text[16:16 + n])
                    text = text[16 + n:]


def client():
    """Datagrams of all sizes, each of which comes back from where it was sent to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        for n in range(0, 1473, 64):
            s.sendto(bytes([n & 255]) * n, ("10.0.0.2", PORT))
            data, sender = s.recvfrom(65536)
            expect(data == bytes([n & 255]) * n and sender == ("10.0.0.2", PORT), f"{n} bytes: {sender} {data[:40]}")
        print("equal")


def inside(*words, **kw):
    return subprocess.run(["ip", "netns", "exec", NET, *words], capture_output=True, text=True, timeout=LIMIT, check=False, **kw)


def need(*words):
    p = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    if p.returncode:
        raise Skip(f"{' '.join(words)}: {p.stderr.strip()}")


@check
def echo_and_linux():
    pinger = ["ping"] if shutil.which("ping") else ["busybox", "ping"]
    if os.geteuid():
        raise Skip("a network namespace needs root")
    for program in "ip", "ethtool", pinger[0]:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    need("ip", "netns", "add", NET)
    try:
        need("ip", "-n", NET, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        need("ip", "-n", NET, "addr", "add", "10.0.0.1/24", "dev", "v0")
        for dev in "v0", "v1":
            need("ip", "-n", NET, "link", "set", dev, "up")
            need("ip", "netns", "exec", NET, "ethtool", "-K", dev, "tx", "off", "gso", "off", "gro", "off")
        a, b = fifos()
        with Example("echo", devargs(a, b), "10.0.0.2", PORT) as e, \
             subprocess.Popen(["ip", "netns", "exec", NET, sys.executable, __file__, "--bridge", "v1", a, b]) as wire:
            try:
                p = inside(*pinger, "-c", "3", "-i", "0.2", "-W", str(LIMIT), "10.0.0.2")
                expect(p.returncode == 0 and "0% packet loss" in p.stdout, p.stdout + p.stderr + e.log())
                p = inside("ip", "neigh", "show", "10.0.0.2")
                expect(MAC.hex(":") in p.stdout, p.stdout)
                p = inside(sys.executable, __file__, "--udp")
                expect(p.stdout == "equal\n", p.stdout + p.stderr + e.log())
                before = counts(e.log())["fragments"]
                p = inside(*pinger, "-c", "1", "-W", "1", "-s", "3000", "10.0.0.2")
                expect("100% packet loss" in p.stdout and before == 0, p.stdout)
                got = counts(e.end())
                expect(got["ping"] == 3 and got["UDP"] == 24 and got["fragments"] == 3, got)
            finally:
                wire.kill()
    finally:
        subprocess.run(["ip", "netns", "del", NET], check=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bridge"]:
        bridge(*sys.argv[2:])
    elif sys.argv[1:2] == ["--udp"]:
        client()
    else:
        main()
