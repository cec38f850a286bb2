#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same captures read by other programs: what baton-testpmd receives is what tcpdump prints and tcpreplay sends, or the
difference is named here."""
import os
import re
import shutil
import subprocess

import captures
from test_captures import write
from testpmd_util import CHECKS, LIMIT, Skip, check, expect, main, path, run, totals

# Where libpcap and what uses it give more or less than there is.
TCPDUMP = {
    "longer_than_on_the_wire": "tcpreplay refuses packets that are longer than they were on the wire",
    "interfaces": "libpcap wants the snap lengths of a pcapng's interfaces to be the same",
    "sections_of_either_order": "libpcap wants all sections of a pcapng to have the byte order of the first",
    "two_link_types": "libpcap ends at a pcapng's second link type",
    "undescribed_interface": "libpcap ends where an interface is not described",
    "not_ethernet_pcapng": "tcpdump prints packets of any link type, which no Ethernet port can send",
    "above_256_KiB": "libpcap ends at a packet above 256 KiB",
    "cut_in_a_block": "libpcap drops a packet whose block is cut off behind it",
    "two_lengths": "libpcap drops a packet whose block ends with another length",
    "two_captures": "tcpdump prints the header of a capture behind another as a packet",
    "two_captures_big": "tcpdump prints the header of a capture behind another as a packet",
    "runts": "tcpdump prints packets that are shorter than an Ethernet header",
}


def printed(name):
    p = subprocess.run(["tcpdump", "-nr", name], capture_output=True, timeout=LIMIT, check=False)
    # A packet of more lines than one begins with its time; the others with white space.
    return len(re.findall(rb"^\S", p.stdout, re.M)), p.stderr.decode()


def ours(name, n):
    end = "--stop-after=%d --run-time=10" % n if n else "--run-time=0.1"
    return totals(run("--no-pci --vdev=net_pcap0,rx_pcap=" + name, "--forward-mode=rxonly " + end).out)[0]


def compare(name, data, frames):
    if not shutil.which("tcpdump"):
        raise Skip("tcpdump is not installed")
    file = write("in.pcap", data)
    got = ours(file, len(frames))
    expect(got == len(frames), "%d packets, there are %d" % (got, len(frames)))
    theirs, why = printed(file)
    if theirs != got:
        expect(name in TCPDUMP, "tcpdump prints %d packets and baton-testpmd receives %d: %s" % (theirs, got, why))
        print("   # %s: tcpdump %d, baton-testpmd %d: %s" % (name, theirs, got, TCPDUMP[name]))


for kind in captures.GOOD, captures.PARTLY:
    for key, value in kind.items():
        def one(key=key, value=value):
            compare(key, value[0], value[1])
        one.__name__ = "tcpdump_" + key
        CHECKS.append(one)


# ---- tcpreplay ----

# Captures that tcpreplay does not send as they are, beside those that libpcap reads in another way.
TCPREPLAY = {
    "merged_by_a_nic": "no interface sends packets above its MTU",
    "biggest": "no interface sends packets above its MTU",
    "pcapng_biggest": "no interface sends packets above its MTU",
    "many_small": "the kernel refuses packets that are shorter than an Ethernet header and a byte",
    "smallest": "the kernel refuses packets that are shorter than an Ethernet header and a byte",
    "no_packets": "tcpreplay refuses a capture without packets",
    "no_packets_pcapng": "tcpreplay refuses a capture without packets",
}
NET = "baton-cap-%d" % os.getpid()


def ip(*words):
    p = subprocess.run(["ip", *words], capture_output=True, timeout=LIMIT, check=False)
    if p.returncode:
        raise Skip("ip %s: %s" % (" ".join(words), p.stderr.decode().strip()))


def sent(file):
    """What tcpreplay says it sent into a veth pair of a namespace of its own."""
    p = subprocess.run(["ip", "netns", "exec", NET, "tcpreplay", "-t", "-i", "v0", file], capture_output=True, timeout=LIMIT, check=False)
    text = (p.stdout + p.stderr).decode()
    good = re.search(r"Successful packets:\s+(\d+)", text)
    return int(good[1]) if good else 0, text


@check
def tcpreplay():
    if os.geteuid():
        raise Skip("a network namespace and tcpreplay need root")
    if not shutil.which("tcpreplay") or not shutil.which("ip"):
        raise Skip("tcpreplay or ip is not installed")
    ip("netns", "add", NET)
    try:
        ip("-n", NET, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for dev in "v0", "v1":
            ip("-n", NET, "link", "set", dev, "mtu", "9000", "up")
        for name, (data, frames) in captures.GOOD.items():
            if name in TCPREPLAY:
                continue
            file = write("in.pcap", data)
            got = ours(file, len(frames))
            theirs, text = sent(file)
            if theirs != got:
                expect(name in TCPDUMP, "%s: tcpreplay sends %d and baton-testpmd receives %d: %s" % (name, theirs, got, text))
                print("   # %s: tcpreplay %d, baton-testpmd %d: %s" % (name, theirs, got, TCPDUMP[name]))
    finally:
        subprocess.run(["ip", "netns", "del", NET], check=False)


if __name__ == "__main__":
    main()
