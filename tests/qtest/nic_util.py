# SPDX-License-Identifier: BSD-3-Clause
"""A port of net_e1000e or net_igb on QEMU's model, from Python: nic_shell.c does what it is told. What frames are to look like is scapy's
business, and that of toeplitz_util.py."""
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


def offloads(*names):
    return sum(DEFINES["OFFLOAD_" + n] for n in names)


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
