#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
baton-testpmd's commands about offloads, VLANs, the hash and counters, on QEMU's models of Intel NICs: what leaves the model and enters
it is compared with what scapy makes.

usage: test_testpmd_nic.py PATH-OF-qtest_testpmd e1000e|igb [NAME-PART]
"""
import os
import pathlib
import re
import select
import socket
import subprocess
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-scapy, whichever python3 this is
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
try:
    import logging
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Dot1Q, Ether
except ImportError as e:
    print(f"skipped: there is no scapy (package python3-scapy): {e}")
    sys.exit(77)

import testpmd_util as util  # noqa: E402
from scapy_util import PAYLOAD, cut  # noqa: E402
from testpmd_util import LIMIT, Prompt, check, expect, path, write_pcap  # noqa: E402

MODEL = ""
FAR = "02:00:00:00:00:99"
FRAME = 65536
QUIET = 0.3  # seconds without a frame: none is on its way


class Nic(Prompt):
    """The program, and the other end of the NIC's cable. `before`: ports in front of the NIC's."""

    def __init__(self, app, before=""):
        ours, theirs = socket.socketpair()
        self.log = ""
        self.process = subprocess.Popen(
            [util.APP, "-l", "0", "--no-huge", *before.split(), "-a", "0000:01:00.0", "--", "-i", *app.split()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[theirs.fileno()],
            env={**os.environ, "QTEST_DEVICE": MODEL, "QTEST_SOCKET": str(theirs.fileno())})
        theirs.close()
        with ours:
            fds = socket.recv_fds(ours, 1, 1)[1]
        if not fds:
            out = self.process.communicate(timeout=LIMIT)[0].decode()
            if self.process.returncode == 77:
                print(out[out.index("skipped:"):].strip())
                sys.exit(77)
            raise AssertionError(out)
        self.cable = socket.socket(fileno=fds[0])
        os.set_blocking(self.process.stdout.fileno(), False)
        self.port = len(before.split())

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.cable.close()

    def stopped(self, *commands):
        """Tell the commands to the stopped port, and forward."""
        return self.say("port stop all", *commands, "port start all", "start")

    def send(self, *frames):
        for f in frames:
            self.cable.send(bytes(f))

    def receive(self, n):
        """The next n frames, in time, and no other."""
        got, end = [], time.monotonic() + LIMIT
        while len(got) < n:
            if not select.select([self.cable], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{len(got)} frames of {n}; {self.read()[-1500:]}")
            got.append(self.cable.recv(FRAME))
        self.silent()
        return got

    def silent(self):
        if select.select([self.cable], [], [], QUIET)[0]:
            raise AssertionError(f"a frame that should not be: {self.cable.recv(FRAME).hex()}")

    def counters(self):
        out = self.say(f"show port xstats {self.port}")
        return {name: int(n) for name, n in re.findall(r"^([a-z]\w*): (\d+)$", out, re.M)}

    def end(self):
        rc, log = self.quit()
        expect(rc == 0 and "LOST BUFFERS" not in log and "nothing is mapped" not in log, log[-3000:])


def ether(*tags):
    p = Ether(dst=FAR, src="02:00:00:00:00:01")
    for tag in tags:
        p = p / Dot1Q(vlan=tag)
    return p


def udp(n=100, port=6):
    return IP(src="192.0.2.1", dst="198.51.100.7") / UDP(sport=5, dport=port) / PAYLOAD[:n]


def tcp(n=100):
    """Without FIN and PSH: QEMU's models leave them out of the last segment, too (hw/net/net_tx_pkt.c)."""
    return IP(src="192.0.2.1", dst="198.51.100.7", id=7) / TCP(sport=5, dport=6, seq=1, flags="A") / PAYLOAD[:n]


def spoiled(p, *at):
    raw = bytearray(bytes(p))
    for i in at:
        raw[i] ^= 0x55
    return bytes(raw)


def same(got, want):
    """But for the addresses, which the mode sets."""
    expect([len(f) for f in got] == [len(bytes(f)) for f in want], ([len(f) for f in got], [len(bytes(f)) for f in want]))
    for i, (a, b) in enumerate(zip(got, want)):
        expect(a[12:] == bytes(b)[12:], f"frame {i}: {a[12:80].hex()}, not {bytes(b)[12:80].hex()}")


@check
def checksums_of_the_device():
    """`csum set ... hw`: wrong checksums leave right, and the configuration says that it is the device that makes them so."""
    good = [ether() / udp(), ether() / tcp(), ether(7) / tcp(1300),
            ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5, dport=6) / PAYLOAD[:99]]
    bad = [spoiled(good[0], 24, 40), spoiled(good[1], 25, 50), spoiled(good[2], 28, 54), spoiled(good[3], 60)]
    with Nic("--forward-mode=csum") as n:
        out = n.say("port stop 0", "csum set udp hw 0", "csum set tcp hw 0", "csum set ip hw 0")
        expect("IP checksum offload is hw\nUDP checksum offload is hw\nTCP checksum offload is hw\nSCTP checksum offload is sw" in out, out)
        out = n.say("show port 0 tx_offload configuration")
        expect(re.search("  Port : .*IPV4_CKSUM UDP_CKSUM TCP_CKSUM", out), out)
        soft = re.search("  Software  :(.*)", n.say("show port 0 tx_offload capabilities"))[1]
        expect("CKSUM" not in soft and "TSO" not in soft.replace("UDP_TSO", "") and "VLAN_INSERT" not in soft, soft)
        out = n.say("csum set sctp hw 0")
        expect("SCTP checksum offload is not supported by port 0" in out, out)
        out = n.say("port config 0 tx_offload ipv4_cksum off", "port config 0 tx_offload tcp_cksum off", "csum show 0")
        expect("IP checksum offload is sw\nUDP checksum offload is hw\nTCP checksum offload is sw" in out, out)
        n.say("port config 0 tx_offload ipv4_cksum on", "port config 0 tx_offload tcp_cksum on")
        n.say("port start 0", "set verbose 2", "start")
        n.send(*bad)
        same(n.receive(4), good)
        n.say("set verbose 0")
        flags = re.findall("  ol_flags: (.*) $", n.log, re.M)
        expect([f.replace("RTE_MBUF_F_TX_", "") for f in flags] ==
               ["IP_CKSUM UDP_CKSUM IPV4", "IP_CKSUM TCP_CKSUM IPV4", "IP_CKSUM TCP_CKSUM IPV4", "UDP_CKSUM IPV6"], flags)
        n.say("stop", "port stop 0", "csum set ip sw 0", "csum set udp sw 0", "csum set tcp sw 0", "port start 0", "start")
        n.send(*bad)
        same(n.receive(4), good)
        n.end()


@check
def segments_of_the_device():
    """A packet of 20 KB of a capture leaves by the NIC in segments that its device has cut; then by software, in others."""
    p = ether() / tcp(19990)
    vlan = ether(9) / tcp(2999)
    capture = write_pcap("long.pcap", [bytes(p), bytes(vlan)])
    for mss in (1000, 1460):
        with Nic("--forward-mode=csum", f"--vdev=net_pcap0,rx_pcap={capture}") as n:
            n.say("port stop 1")
            out = n.say(f"tso set {mss} 1")
            expect(f"TSO segment size for non-tunneled packets is {mss}" in out, out)
            n.say("port start 1", "start")
            want = [s for packet in (p, vlan) for s in cut(packet, mss)]
            same(n.receive(len(want)), want)
            counters = n.counters()  # QEMU's models count a packet that they cut once, and leave tx_tso_packets at 0
            expect((counters["tx_good_packets"], counters["tx_total_packets"]) == (2, 2), counters)
            n.end()


@check
def segments_follow_the_mtu():
    """It is changed while packets are forwarded to another port, a capture."""
    p, out = ether() / tcp(1400), path("out.pcap")
    with Nic("--forward-mode=csum", f"--vdev=net_pcap0,tx_pcap={out}") as n:
        n.say("port stop 0", "tso set 1000 0", "port start 0", "start")
        n.send(p)
        n.until(lambda: n.both(1)[0] == 1 and n.both(0)[1] == 2)
        n.say("port config mtu 0 600")
        n.send(p)
        n.until(lambda: n.both(1)[0] == 2 and n.both(0)[1] == 5)
        n.end()
    same(util.read_pcap(out), [*cut(p, 1000), *cut(p, 560)])


@check
def addresses():
    """All are received at first, as by dpdk-testpmd, and again after a stop; then the port's own, and those added."""
    others, groups = ether() / udp(), Ether(dst="01:00:5e:01:02:03") / udp()
    with Nic("--forward-mode=rxonly -a") as n:
        expect("Promiscuous mode: enabled" in n.say("show port info 0"), n.log[-900:])
        mine = Ether(dst=re.search("MAC address: ([0-9A-F:]{17})", n.log)[1]) / udp()

        def received(count):
            before = n.both(0)[0]
            n.send(others, groups, mine)
            n.until(lambda: n.both(0)[0] >= before + count)
            n.silent()
            expect(n.both(0)[0] == before + count, n.log[-900:])

        received(3)
        n.say("stop", "port stop 0", "port start 0", "start")
        received(3)
        n.say("set promisc 0 off")
        expect("Promiscuous mode: disabled" in n.say("show port info 0"), n.log[-900:])
        received(1)
        n.say("mac_addr add 0 " + FAR)
        received(2)
        n.say("set allmulti 0 on")
        received(3)
        n.end()


@check
def vlans():
    """Tags are removed and inserted; the filter is off, then only what was added passes, also after a stop, then all again."""
    frames = [ether(vid) / udp() for vid in (5, 6)] + [ether() / udp()]
    with Nic("--forward-mode=macswap") as n:
        n.say("start")

        def pass_through(*want):
            n.send(*frames)
            same(n.receive(len(want)), want)

        pass_through(*frames)
        expect("filter off" in n.say("show port info 0"), n.log[-500:])
        n.say("rx_vlan add 5 0")
        expect("filter on" in n.say("show port info 0"), n.log[-500:])
        pass_through(frames[0], frames[2])
        n.stopped()
        pass_through(frames[0], frames[2])
        n.say("rx_vlan rm 5 0", "rx_vlan add 6 0")
        pass_through(frames[1], frames[2])
        n.say("vlan set filter off 0")
        pass_through(*frames)
        out = n.say("rx_vlan add 7 0")
        expect("Port 0: VLAN-filtering disabled" in out, out)
        n.say("vlan set filter on 0")
        pass_through(frames[1], frames[2])
        n.say("rx_vlan rm all 0")
        pass_through(frames[2])
        n.stopped()
        pass_through(frames[2])
        out = n.say("rx_vlan add 4096 0", "vlan set extend on 0")
        expect("not supported here" in out, out)
        n.say("rx_vlan add all 0", "port stop 0")
        expect("strip off" in n.say("show port info 0"), n.log[-500:])
        n.say("vlan set strip on 0", "port start 0")
        expect("strip on" in n.say("show port info 0"), n.log[-500:])
        plain = frames[2]
        pass_through(plain, plain, plain)
        n.stopped("vlan set strip off 0", "tx_vlan set 0 9")
        n.send(plain)
        same(n.receive(1), [ether(9) / udp()])
        n.stopped("tx_vlan reset 0")
        n.send(plain)
        same(n.receive(1), [plain])
        n.end()


@check
def flow_control():
    """What is set is shown, in dpdk-testpmd's words; and what cannot be is refused with what can."""
    border = re.escape("*" * 21)

    def shown(rx, tx, autoneg, time, high, low, xon, forward):
        return (rf"^{border} Flow control infos for port 0  {border}\nFC mode:\n   Rx pause: {rx}\n   Tx pause: {tx}\nAutoneg: {autoneg}\n"
                rf"Pause time: {time}\nHigh waterline: {high}\nLow waterline: {low}\nSend XON: {xon}\n"
                rf"Forward MAC control frames: {forward}\n\n{border}\*{{14}}   End  \*{{11}}{border}$")

    def shows(*want):
        end = time.monotonic() + LIMIT  # QEMU negotiates for half a second
        while not re.search(shown(*want), n.say("show port 0 flow_ctrl").replace("\r", ""), re.M):
            expect(time.monotonic() < end, (want, n.log[-900:]))

    most = {"e1000e": 20432, "igb": 65472}[MODEL]
    with Nic("--forward-mode=io") as n:
        n.say("set flow_ctrl rx on tx on 8192 4096 256 0 mac_ctrl_frame_fwd on autoneg off 0")
        shows("on", "on", "off", "0x100", "0x2000", "0x1000", "off", "on")
        n.say("set flow_ctrl rx off 0", "set flow_ctrl send_xon 1 0", "set flow_ctrl mac_ctrl_frame_fwd off 0")
        shows("off", "on", "off", "0x100", "0x2000", "0x1000", "on", "off")
        n.say("set flow_ctrl tx off 0", "set flow_ctrl high_water 0x1800 0", "set flow_ctrl low_water 0x800 0", "set flow_ctrl pause_time 7 0")
        shows("off", "off", "off", "0x7", "0x1800", "0x800", "on", "off")
        # QEMU's other end has symmetric pauses.
        n.say("set flow_ctrl autoneg on 0", "set flow_ctrl rx on 0", "set flow_ctrl tx on 0")
        shows("on", "on", "on", "0x7", "0x1800", "0x800", "on", "off")
        n.say("port stop 0", "port reset 0", "port start 0")
        shows("on", "on", "on", "0x7", "0x1800", "0x800", "on", "off")
        out = n.say(f"set flow_ctrl high_water {most + 16} 0")
        expect(f"the high one at most {most}" in out or f"at most {most + 15}" in out, out)
        out = n.say("set flow_ctrl low_water 0x1800 0")
        expect("high water 6144, low water 6144" in out, out)
        out = n.say("set flow_ctrl pause_time 0 0")
        expect("1 to 65535 can be" in out, out)
        n.end()


@check
def link_speed():
    with Nic("--forward-mode=io") as n:
        for words in ("speed 100 duplex half", "speed 10 duplex auto", "speed 1000 duplex full", "speed auto duplex auto"):
            out = n.say("port config 0 " + words, "port config all " + words)
            expect("port 0" not in out, out)
        for words in ("speed 10000 duplex full", "speed 1000 duplex half"):
            out = n.say("port config 0 " + words)
            expect("its link can have 10 full, 10 half, 100 full, 100 half, 1000 full, or auto" in out, out)
        n.end()


@check
def hash_and_table():
    """The key is the one that was set, the table sends all to the queue that it names, and types that are not there are refused."""
    key = bytes(range(40)).hex().upper()
    with Nic("--forward-mode=macswap --rxq=2 --txq=2") as n:
        n.say("port stop 0")
        out = n.say("port config all rss sctp")
        expect("cannot hash ipv4-sctp ipv6-sctp: its types are ipv4 ipv4-tcp" in out, out)
        size = int(re.search(r"Redirection table size: (\d+)", n.say("show port info 0"))[1])
        expect(size == 128, size)
        expect("RSS disabled" in n.say("show port 0 rss-hash"), n.log[-300:])
        out = n.say("port config 0 rss reta (0,0),(128,1)")
        expect("entries are 0 to 127, queues 0 to 1" in out, out)
        out = n.say("port config 0 rss reta (0,2)")
        expect("queues 0 to 1" in out, out)
        out = n.say("port config 0 rss-hash-key ipv4 00")
        expect("80 hexadecimal digits" in out, out)
        for queue in (1, 0):
            n.say("port config all rss ip", f"port config 0 rss-hash-key ipv4 {key}")
            out = n.say("port config 0 rss reta " + ",".join(f"({i},{queue})" for i in range(size)))
            expect("The reta size of port 0 is 128" in out, out)
            n.say("port start 0")
            out = n.say("show port 0 rss-hash key")
            expect("RSS functions:\n  ipv4  ipv6\nRSS key:\n" + key in out, out)
            out = n.say("show port 0 rss reta 128 (0x3,0x8000000000000000)")
            found = re.findall(r"RSS RETA configuration: hash index=(\d+), queue=(\d+)", out)
            expect(found == [("0", str(queue)), ("1", str(queue)), ("127", str(queue))], out)
            for bad in ("64 (0x3)", "128 (0x3)", "128 x"):
                out = n.say("show port 0 rss reta " + bad)
                expect("hash index=64" not in out and re.search("entries|mask", out), out)
            n.say("clear port xstats 0", "start")
            frames = [ether() / IP(src=f"192.0.2.{i}") / UDP() / (b"x" * 40) for i in range(8)]
            n.send(*frames)
            n.receive(8)
            counters = n.counters()
            expect(counters[f"rx_q{queue}_packets"] == 8 and counters[f"rx_q{1 - queue}_packets"] == 0, counters)
            n.say("stop", "port stop 0")
        n.end()


@check
def counters_of_the_device():
    """Those that DPDK's driver has, by its names, count what passed the cable, and are set to 0."""
    names = {f"{way}_size_{size}_packets" for way in ("rx", "tx") for size in
             ("64", "65_to_127", "128_to_255", "256_to_511", "512_to_1023", "1024_to_max")}
    names |= {f"{way}_{what}" for way in ("rx", "tx") for what in
              ("xon_packets", "xoff_packets", "total_packets", "total_bytes", "broadcast_packets", "multicast_packets")}
    names |= {"rx_" + what for what in ("crc_errors", "align_errors", "phy_error_packets", "missed_packets", "length_errors",
                                        "undersize_errors", "fragment_errors", "oversize_errors", "jabber_errors",
                                        "flow_control_unsupported_packets")}
    names |= {"tx_" + what for what in ("single_collision_packets", "multiple_collision_packets", "excessive_collision_packets",
                                        "late_collisions", "total_collisions", "deferred_packets", "tso_packets")}
    names |= {"rx_management_packets", "rx_management_dropped", "tx_management_packets", "interrupt_assert_count"}
    if MODEL == "igb":
        names |= {"rx_symbol_errors", "rx_sent_to_host_packets", "tx_sent_by_host_packets", "rx_code_violation_packets"}
    names |= {"rx_good_packets", "tx_good_packets", "rx_good_bytes", "tx_good_bytes", "rx_missed_errors", "rx_errors", "tx_errors",
              "rx_mbuf_allocation_errors"}
    with Nic("--forward-mode=macswap -a") as n:
        n.say("show config fwd")
        lengths = (60, 64, 100, 200, 300, 600, 1200)
        n.send(*[ether() / udp(length - 42) for length in lengths], Ether(dst="ff:ff:ff:ff:ff:ff") / udp(200))
        n.receive(8)
        got = n.counters()
        expect(names <= got.keys(), names - got.keys())
        for way in ("rx", "tx"):
            sizes = [got[f"{way}_size_{size}_packets"] for size in
                     ("64", "65_to_127", "128_to_255", "256_to_511", "512_to_1023", "1024_to_max")]
            # By its size without FCS if QEMU's models receive a frame, with it if they send one.
            expect(sizes == [1, 1 if way == "rx" else 2, 2, 1, 1, 1], (way, sizes))
            expect(got[f"{way}_total_packets"] == 8 and got[f"{way}_good_packets"] == 8, got)
            expect(got[f"{way}_total_bytes"] == sum(lengths) + 242 + 8 * 4, got)
            expect(got[f"{way}_good_bytes"] == sum(lengths) + 242, got)
        expect(got["rx_broadcast_packets"] == 1, got)
        n.say("clear port xstats 0")
        got = n.counters()
        expect(not any(got[name] for name in names), got)
        n.end()


if __name__ == "__main__":
    MODEL = sys.argv.pop(2)
    util.main()
