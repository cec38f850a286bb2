# SPDX-License-Identifier: BSD-3-Clause
"""A port of net_e1000e or net_igb on QEMU's model, from Python: nic_shell.c does what it is told. What frames are to look like is scapy's
business, and that of this file's Toeplitz hash, which is written by its definition."""
import pathlib
import re
import subprocess
import sys

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-scapy, whichever python3 this is

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = "".join((ROOT / "lib/include/baton" / f).read_text() for f in ("offload.h", "hash.h", "link.h", "token.h"))
DEFINES = {name: 1 << int(bit) for name, bit in re.findall(r"#define BATON_(\w+)\s+\(1u << (\d+)\)", HEADERS)}
HASHED = int(re.search(r"#define BATON_TOKEN_HASH\s+(0x\w+)", HEADERS)[1], 0)
L3_SHIFT, L4_SHIFT = (int(re.search(rf"#define BATON_TOKEN_{l}_SHIFT\s+(\d+)", HEADERS)[1]) for l in ("L3", "L4"))
CSUM = {name: i for i, name in enumerate(re.findall(r"^\s+BATON_CSUM_(\w+)", HEADERS, re.M))}
OWN = "52:54:00:12:34:56"  # QEMU's default
OTHER = "02:00:00:00:00:09"
ROOM = 2048 + 128

# Microsoft's "Verifying the RSS hash calculation": the key; source, destination, hash of addresses, hash with ports.
KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
PUBLISHED = [
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea),
    ("24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a),
    ("38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f),
    ("153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5, 0x10e828a2),
    ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d),
    ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf),
    ("3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024, 0x4b61e985, 0x02d1feef),
]


def offloads(*names):
    return sum(DEFINES["OFFLOAD_" + n] for n in names)


def toeplitz(key, data):
    """By the definition: for each bit that is set, the 32 bits of the key from there on."""
    number, bits, total = int.from_bytes(key, "big"), len(key) * 8, 0
    for i, byte in enumerate(data):
        for b in range(8):
            if byte & 0x80 >> b:
                total ^= number >> (bits - 32 - (8 * i + b)) & 0xffffffff
    return total


class Refused(Exception):
    """What a call of Baton's answered: its negative errno, and the sentence."""


class Packet:
    def __init__(self, words):
        self.queue, flags, self.hash, self.valid, self.vlan_type, self.vlan_tci, self.buffers = (int(w, 0) for w in words[:7])
        self.frame = bytes.fromhex(words[7])
        self.l3, self.l4 = flags >> L3_SHIFT & 3, flags >> L4_SHIFT & 3
        self.hash = self.hash if flags & HASHED else None
        self.tag = (self.vlan_type, self.vlan_tci) if self.valid & DEFINES["SIDE_VLAN"] else None


class Nic:
    """One QEMU, and a port that is started."""

    def __init__(self, shell, queues=1, asks=0, room=ROOM):
        self.process = subprocess.Popen([shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.do("open", room, queues, asks)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.do("close")
        self.process.stdin.close()
        if kind is None and self.process.wait():
            raise AssertionError(self.process.stderr.read())
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def do(self, *words):
        """Return: the lines of the answer."""
        lines = []
        try:
            self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            if line == "ok\n":
                return lines
            if line.startswith("error "):
                raise Refused(line[6:].strip())
            lines.append(line.strip())
        raise AssertionError(f"{words[0]}: {' '.join(lines)} {self.process.stderr.read()}")

    def receive(self, frame):
        """A frame comes from outside. Return: what the port receives then."""
        return [Packet(line.split()[1:]) for line in self.do("in", bytes(frame).hex()) if line.startswith("rx ")]

    def passes(self, frame):
        """Whether it is received, as it is."""
        found = self.receive(frame)
        if found and [p.frame for p in found] != [bytes(frame)]:
            raise AssertionError(f"{bytes(frame).hex()} came as {[p.frame.hex() for p in found]}")
        return bool(found)

    def send(self, frame, *valid, l3=False, l4=False, lengths=(0, 0, 0), size=0, offset=0, tag=(0, 0), part=1 << 14, queue=0):
        """Send a packet. @valid: of the side record; @l3, @l4: these checksums are partial. Return: the frames that leave."""
        flags = CSUM["PARTIAL"] * (l3 << L3_SHIFT | l4 << L4_SHIFT)
        lines = self.do("out", queue, part, flags, sum(DEFINES["SIDE_" + v] for v in valid), *lengths, size, offset, *tag, bytes(frame).hex())
        if lines.pop() != "left 0":
            raise AssertionError("a packet that left was not reported")
        return [bytes.fromhex(line.split()[1]) for line in lines]

    def set_rss(self, key, types, table=()):
        self.do("rss", key.hex(), sum(DEFINES["RSS_" + t] for t in types), *table)

    def counters(self):
        return {name: int(v) for name, v in (line.split() for line in self.do("xstats"))}

    def register(self, at):
        return int(self.do("reg", at)[0], 0)

    def phy(self, number):
        return int(self.do("phy", number)[0], 0)
