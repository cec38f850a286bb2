# SPDX-License-Identifier: BSD-3-Clause
"""What the host says of TCP: the hash that spreads flows over queues, and the segments of a long packet."""
import pathlib
import random
import select
import socket
import struct
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
from toeplitz_util import toeplitz  # noqa: E402

HEADERS = 14 + 20 + 20
SOURCE, DESTINATION = "10.9.0.1", "10.9.0.2"
# FIN, PSH: QEMU's NICs leave them out of the last segment, too (hw/net/net_tx_pkt.c). Software that cuts does not.
FLAGS_OF_LAST = 0x09


def hash_of(key, source, destination, source_port, destination_port):
    """Of TCP over IPv4."""
    data = socket.inet_aton(source) + socket.inet_aton(destination)
    return toeplitz(key, data + struct.pack(">HH", int(source_port), int(destination_port)))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(length):
    return socket.inet_aton(SOURCE) + socket.inet_aton(DESTINATION) + struct.pack(">HH", 6, length)


def long_packet(size, mac):
    """A TCP packet of `size` bytes of IP whose checksum is left to the device, and its payload."""
    payload = random.Random(size).randbytes(size - 40)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 0x1234, 0x4000, 64, 6, 0) + pseudo(0)[:8]
    ip = ip[:10] + struct.pack(">H", checksum(ip) ^ 0xFFFF) + ip[12:]
    # The field has the sum of the addresses, the protocol and the length, as the kernel leaves it.
    tcp = struct.pack(">HHIIBBHHH", 4000, 5000, 0xFFFFF000, 7, 0x50, 0x10 | FLAGS_OF_LAST, 512,
                      checksum(pseudo(size - 20)), 0)
    return bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\1\x08\0" + ip + tcp + payload, payload


def wrong_with(frame, payload, at, segment, number):
    """What is wrong with a segment that ought to begin at `at` of the payload, or None."""
    ip, length = frame[14:34], struct.unpack_from(">H", frame, 16)[0]
    part = frame[HEADERS:14 + length]
    sequence, flags = struct.unpack_from(">I", frame, 38)[0], frame[47]
    for name, seen, wanted in (
            ("payload", part, payload[at:at + segment]), ("sum of the IP header", checksum(ip), 0xFFFF),
            ("sum of TCP", checksum(pseudo(length - 20) + frame[34:14 + length]), 0xFFFF),
            ("sequence number", sequence, (0xFFFFF000 + at) & 0xFFFFFFFF),
            ("flags", flags, 0x10),
            ("IP identification", struct.unpack_from(">H", frame, 18)[0], 0x1234 + number)):
        if seen != wanted:
            return f"segment {number} at {at}: {name} is {seen!r:.60}, expected {wanted!r:.60}"
    return None


def segments(tap, hub, size, mac, segment=1448, seconds=20):
    """One packet of `size` bytes for the TAP's NIC; what leaves at a hub is its segments. A sentence."""
    if not hasattr(tap, "send_segmented"):
        raise RuntimeError("/dev/net/tun is not there, and only a TAP carries packets of 64 KiB")
    frame, payload = long_packet(size, mac)
    tap.send_segmented(frame, HEADERS, segment)
    at = count = 0
    while at < len(payload):
        if not select.select([hub.socket], [], [], seconds)[0]:
            raise RuntimeError(f"{count} segments with {at} of {len(payload)} bytes, then none for {seconds} s")
        got = hub.receive()
        if got[:14] != frame[:14]:
            continue  # of somebody else
        wrong = wrong_with(got, payload, at, segment, count)
        if wrong:
            raise RuntimeError(wrong)
        at, count = at + len(got) - HEADERS, count + 1
    return f"{count} segments of {segment} bytes"
