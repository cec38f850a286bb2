# SPDX-License-Identifier: BSD-3-Clause
"""Packets that scapy makes, for tests that have looked whether there is scapy."""
from scapy.layers.inet import IP, TCP

PAYLOAD = bytes(i * i % 251 for i in range(20000))


def cut(p, size):
    """The segments of a TCP packet, as scapy builds them: RFC 793, and RFC 3168 for CWR."""
    raw = bytes(p[TCP].payload)
    parts = [raw[i:i + size] for i in range(0, len(raw), size)]
    for i, part in enumerate(parts):
        s = p.copy()
        s[TCP].remove_payload()
        s = s / part
        s[TCP].seq = (p[TCP].seq + i * size) % (1 << 32)
        flags = str(p[TCP].flags)
        if i:
            flags = flags.replace("C", "")
        if i + 1 < len(parts):
            flags = flags.replace("F", "").replace("P", "")
        s[TCP].flags = flags
        if IP in s:
            s[IP].id = (p[IP].id + i) % (1 << 16)
        yield bytes(s)
