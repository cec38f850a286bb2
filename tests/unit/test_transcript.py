#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The commands of DPDK's testpmd guide, word for word: those that exist here by their answers, the others by a sentence that says
why they do not. What dpdk-testpmd prints for the same commands is compared where it is installed.
"""
import os
import re
import shutil
import subprocess

from testpmd_util import LIMIT, Prompt, Skip, check, command, expect, good, main, packets, path, run, script, totals, write_pcap

CORES = "--lcores 0@0,1@0,2@0,3@0 "
NULLS = CORES + "--vdev=net_null0 --vdev=net_null1"
NOTHING = r"^$"
MAC = r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}"
STREAM = r"  RX P=%d/Q=%d -> TX P=%d/Q=%d"


def answers(env, app, lines):
    """What is printed behind each line."""
    r = script(env, app, *lines, "quit")
    parts = re.split(r"^testpmd> (.*)\n", r.out, flags=re.M)
    got = list(zip(parts[1::2], parts[2::2]))
    expect([g[0] for g in got] == list(lines) + ["quit"], f"lines lost: {r}")
    expect(r.rc == 0 and r.out.rstrip().endswith("Bye..."), r)
    return got[:-1]


def replay(env, app, transcript):
    lines = [line for line, _ in transcript]
    for (line, got), (_, wanted) in zip(answers(env, app, lines), transcript):
        for want in [wanted] if isinstance(wanted, str) else wanted:
            expect(re.search(want, got, re.M) if want != NOTHING else not got.strip(),
                   f"{line}: no {want!r} in {got!r}")


# ---- what exists ----

CONTROL = [
    ("help", ["^Control:", "^Devices:", r"show port info\|stats\|xstats"]),
    ("help control", [r"start \[tx_first"]),
    ("help display", ["show fwd stats all"]),
    ("help config", ["set corelist"]),
    ("help ports", ["port attach"]),
    ("help devices", ["device detach"]),
    ("help filters", "Nothing of filters exists here"),
    ("help traffic_management", "Nothing of traffic_management"),
    ("help drivers", "Nothing of drivers"),
    ("help all", ["^Ports:", "port detach"]),
    ("start", ["io packet forwarding - ports=2 - cores=1 - streams=2", STREAM % (0, 0, 1, 0)]),
    ("stop", ["^Telling cores to stop...", "^Waiting for lcores to finish...", "Accumulated forward statistics for all ports",
              "^Done."]),
    ("start tx_first", "streams=2"),
    ("stop", "TX-packets: [0-9]+"),
    ("start tx_first 4", "streams=2"),
    ("stop", "Done."),
]

DISPLAY = [
    ("show port info 0", [r"^\*{21} Infos for port 0  \*{21}$", "^MAC address: " + MAC, "^Device name: net_null0", "^Link status: up",
                          "^RX offloads of the device:$", "^RX offloads in software: VLAN_STRIP IPV4_CKSUM",
                          "^TX offloads of the device: MULTI_SEGS$", "^TX offloads in software: VLAN_INSERT IPV4_CKSUM",
                          "^VLAN offload: \n  strip off, filter off, extend off, qinq strip off$", "^Hash key size in bytes: 40$",
                          "^Supported RSS offload flow types:\n  ipv4  ipv4-tcp  ipv4-udp  ipv4-sctp  ipv6  ipv6-tcp  ipv6-udp\n  ipv6-sctp$",
                          "^Link speed: 10 Gbps", "^Link duplex: full-duplex", "^MTU: 1500"]),
    ("show port info all", ["Infos for port 0 ", "Infos for port 1 "]),
    ("show port summary 0", ["^Number of available ports: 2$", r"^Port MAC Address       Name         Driver         Status   Link$",
                             r"^0    %s net_null0    net_null       up       10 Gbps$" % MAC]),
    ("show port summary all", r"^1    %s net_null1" % MAC),
    ("show port stats 0", [r"^  #{24} NIC statistics for port 0  #{24}$", r"^  RX-packets: \d+ +RX-missed: \d+ +RX-bytes:  \d+$",
                           r"^  RX-nombuf:  0", r"Rx-pps: +\d+ +Rx-bps: +\d+"]),
    ("show port stats all", "statistics for port 1 "),
    ("show port xstats 0", ["^###### NIC extended statistics for port 0 $", "^rx_good_packets: "]),
    ("show port xstats all", "statistics for port 1 "),
    ("clear port stats all", ["statistics for port 0 cleared", "statistics for port 1 cleared"]),
    ("clear port xstats 1", "statistics for port 1 cleared"),
    ("show rxq info 0 0", [r"^\*{21} Infos for port 0 , RX queue 0  \*{21}$", "^Mempool: mb_pool_0", "^RX scattered packets: off",
                           "^Rx queue state: started", r"^Number of RXDs: 512$"]),
    ("show txq info 1 0", [r"^\*{21} Infos for port 1 , TX queue 0  \*{21}$", "^Tx queue state: started", "^Number of TXDs: 512$"]),
    ("show port 0 rxq 0 desc 3 status", "^Desc status = (UNAVAILABLE|AVAILABLE|DONE)$"),
    ("show port 0 txq 0 desc 3 status", "^Desc status = (FULL|DONE)$"),
    ("show port 0 rxq 0 desc used count", "^Used desc count = 0$"),
    ("show config rxtx", ["^  io packet forwarding packets/burst=32", "^  nb forwarding cores=1 - nb forwarding ports=2",
                          "^  port 0: RX queue number: 1 Tx queue number: 1", "^    RX queue: 0$", "^      RX desc=512 - "]),
    ("show config cores", "^List of forwarding lcores:  1$"),
    ("show config fwd", [STREAM % (0, 0, 1, 0), STREAM % (1, 0, 0, 0)]),
    ("show config rxoffs", "^Number of offsets: 0$"),
    ("show config rxpkts", "^Number of segments: 0$"),
    ("show config txpkts", "^Number of segments: 1\nSegment sizes: 64\nSplit packet: off$"),
    ("show config txtimes", "^Interburst gap: 0\nIntraburst gap: 0$"),
    ("show fwd stats all", ["Forward statistics for port 0  -", "Accumulated forward statistics"]),
    ("clear fwd stats all", NOTHING),
    ("show port 0 rx_offload capabilities", "^Rx Offloading Capabilities of port 0 :\n  Per Queue :\n  Per Port  :"),
    ("show port 0 rx_offload configuration", "^Rx Offloading Configuration of port 0 :\n  Port :.*\n  Queue\\[ 0\\] :"),
    ("show port 0 tx_offload capabilities", ["^  Per Port  : VLAN_INSERT IPV4_CKSUM TCP_TSO UDP_TSO QINQ_INSERT MULTI_SEGS$",
                                             "^  Software  : VLAN_INSERT IPV4_CKSUM TCP_TSO UDP_TSO QINQ_INSERT$"]),
    ("show port 0 tx_offload configuration", "^  Port : MULTI_SEGS$"),
    ("show port 0 rss-hash", "^RSS disabled$"),
    ("show port 0 rss-hash key", "^RSS disabled$"),
    ("show port 0 rss reta 64 (0xff)", r"port 0 \(net_null0\) has no table"),
    ("show port cap all", ["^Rx Offloading Capabilities of port 0 :", "^Tx Offloading Capabilities of port 1 :"]),
    ("show port 0 macs", "^Number of MAC address added: 1\n  " + MAC),
    ("show port 0 mcast_macs", "^Number of Multicast MAC address added: 0$"),
    ("show device info net_null1", [r"^\*{21} Infos for device net_null1 \*{21}$", "^Bus name: vdev$", "^Driver name: net_null$",
                                    "^\tPort id: 1 $", "^\tDevice name: net_null1$"]),
    ("show device info all", ["device net_null0", "device net_null1"]),
    ("show device info net_null9", "no device net_null9"),
    ("dump_mempool mb_pool_0", "^Pool mb_pool_0: "),
    ("dump_mempool", "^Pool mb_pool_0: "),
    ("dump_devargs", "^  net_null0$"),
    ("show holders", "in all"),
    ("csum show 0", "^" + "\\n".join(["Parse tunnel is off"] + [f"{w} checksum offload is sw" for w in
                                     ("IP", "UDP", "TCP", "SCTP", "Outer-Ip", "Outer-Udp")]) + "$"),
    ("tso show 0", "^TSO for non-tunneled packets is disabled$"),
]

CONFIG = [
    ("set default", r"^Reset to default forwarding configuration\.\.\.$"),
    ("set verbose 1", "^Change verbose level from 0 to 1$"),
    ("set verbose 0", "^Change verbose level from 1 to 0$"),
    ("set log global 8", NOTHING),
    ("set log user[1-3] 6", "one log"),
    ("set nbport 1", "^Number of forwarding ports set to 1$"),
    ("show config fwd", ["ports=1 - cores=1 - streams=1", STREAM % (0, 0, 0, 0)]),
    ("set nbport 2", "^Number of forwarding ports set to 2$"),
    ("set nbport 3", r"^baton-testpmd: nb fwd ports 3 > 2 \(number of configured ports\) - ignored$"),
    ("set nbcore 2", "^Number of forwarding cores set to 2$"),
    ("show config cores", "^List of forwarding lcores:  1  2$"),
    ("set nbcore 4", r"nb fwd cores 4 > 3 \(max. number of configured lcores\) - ignored$"),
    ("set corelist 3,1", r"\A(Pool mb_pool_0: \d+ buffers of .*\n)?\Z"),
    ("show config fwd", ["cores=2 - streams=2", "Logical Core 3 .*1 streams:\n" + STREAM % (0, 0, 1, 0),
                         "Logical Core 1 .*1 streams:\n" + STREAM % (1, 0, 0, 0)]),
    ("start", "cores=2"),
    ("stop", "Done"),
    ("set coremask 2", "previous number of forwarding cores 2 - changed to number of configured cores 1"),
    ("set coremask 0x1", "lcore 0 cannot be masked on for running packet forwarding"),
    ("set coremask 0x100", "lcore 8 is not among those of -l"),
    ("set coremask 10", r"^$|previous number of forwarding cores 1 - changed to number of configured cores 2"),
    ("show config cores", "^List of forwarding lcores:  1  3$"),
    ("set coremask 2", "changed to number of configured cores 1"),
    ("set portlist 1,0", NOTHING),
    ("show config fwd", STREAM % (1, 0, 0, 0) + "\n" + STREAM % (0, 0, 1, 0)),
    ("set portlist 0,0", "duplicated"),
    ("set portlist 7", "Invalid port 7"),
    ("set portmask 1", "previous number of forwarding ports 2 - changed to number of configured ports 1"),
    ("show config fwd", STREAM % (0, 0, 0, 0)),
    ("set portmask 3", "changed to number of configured ports 2"),
    ("set portmask 10", "Invalid port 3"),
    ("set portmask 0x10", "Invalid port 4"),
    ("set portmask 0", "MASK=0 is out of range"),
    ("set portmask 0x" + "f" * 40, "names more than there can be: 64"),
    ("set record-core-cycles on", NOTHING),
    ("start", "cores=1"),
    ("set nbcore 1", "Please stop forwarding first"),
    ("set portlist 0", "Please stop forwarding first"),
    ("stop", "Done"),
    ("set record-core-cycles off", NOTHING),
    ("set record-burst-stats off", NOTHING),
    ("set burst 16", "^Number of packets per burst set to 16$"),
    ("set burst 0x20", "set to 32$"),
    ("set burst tx delay 2 retry 3", NOTHING),
    ("set txpkts 32,32,128", NOTHING),
    ("show config txpkts", "^Number of segments: 3\nSegment sizes: 32,32,128\n"),
    ("set txpkts 64", NOTHING),
    ("set txsplit off", NOTHING),
    ("set port setup on iterator", NOTHING),
    ("set port setup on event", NOTHING),
    ("set fwd macswap retry", "^Set macswap packet forwarding mode with retry$"),
    ("show config fwd", "macswap packet forwarding with retry - .*\nTX retry num: 3, delay between TX retries: 2us"),
    ("set eth-peer 0 02:00:00:00:00:77", NOTHING),
    ("set fwd mac", "^Set mac packet forwarding mode$"),
    ("show config fwd", STREAM % (1, 0, 0, 0) + " peer=02:00:00:00:00:77"),
    ("set fwd flowgen", "^Set flowgen packet forwarding mode$"),
    ("set fwd rxonly", "^Set rxonly packet forwarding mode$"),
    ("set fwd txonly", "^Set txonly packet forwarding mode$"),
    ("set fwd csum", "^Set csum packet forwarding mode$"),
    ("set fwd icmpecho", "^Set icmpecho packet forwarding mode$"),
    ("set fwd 5tswap", "^Set 5tswap packet forwarding mode$"),
    ("set fwd io", "^Set io packet forwarding mode$"),
    ("set promisc all on", "port 1: .*promiscuous"),
    ("set promisc 0 off", "port 0: .*promiscuous"),
    ("set allmulti all off", "port 1: .*multicast"),
    ("mac_addr add 0 02:00:00:00:00:55", "no table of addresses"),
    ("mac_addr remove 0 02:00:00:00:00:55", "no further address"),
    ("mac_addr set 0 02:00:00:00:00:56", NOTHING),
    ("show port 0 macs", "02:00:00:00:00:56"),
    ("mcast_addr add 0 01:00:5e:00:00:01", "no table of addresses"),
    ("mcast_addr add 0 02:00:5e:00:00:01", "Invalid multicast addr 02:00:5e:00:00:01"),
    ("mcast_addr remove 0 01:00:5e:00:00:01", "multicast address 01:00:5e:00:00:01 not filtered by port 0"),
    ("rx_vlan add 5 0", "no VLAN filter"),
    ("rx_vlan rm 5 0", "no VLAN filter"),
    ("rx_vlan add all 0", "VLAN 0: .*no VLAN filter"),
    ("rx_vlan rm all 0", "VLAN 0: .*no VLAN filter"),
    ("vlan set strip off 0", NOTHING),
    ("vlan set qinq_strip off 0", NOTHING),
    ("vlan set extend off 0", NOTHING),
    ("vlan set strip on 0", "Please stop port 0 first"),
    ("vlan set qinq_strip on 0", "Please stop port 0 first"),
    ("vlan set filter on 0", "VLAN 0: .*no VLAN filter"),
    ("vlan set filter off 0", NOTHING),
    ("tx_vlan set 0 5", "Please stop port 0 first"),
    ("tx_vlan set 0 5 6", "Please stop port 0 first"),
    ("tx_vlan set 0 4096", "VID=4096 is out of range; 0 to 4095 is possible"),
    ("tx_vlan set 0 5 4096", "OUTER=4096 is out of range; 0 to 4095 is possible"),
    ("tx_vlan reset 0", NOTHING),
    ("csum set ip hw 0", "^baton-testpmd: Please stop port 0 first$"),
    ("csum set tcp sw 0", "^baton-testpmd: Please stop port 0 first$"),
    ("csum set outer-ip sw 0", "^baton-testpmd: Please stop port 0 first$"),
    ("tso set 800 0", "^baton-testpmd: Please stop port 0 first$"),
    ("csum parse-tunnel off 0", NOTHING),
    ("csum mac-swap on 0", NOTHING),
    ("set port 0 gro off", NOTHING),
    ("set port 0 gso off", NOTHING),
    ("set flush_rx off", NOTHING),
    ("set link_check off", NOTHING),
    ("set xstats-hide-zero on", NOTHING),
    ("clear port xstats 0", "cleared"),
    ("show port xstats 0", r"\A\n?###### NIC extended statistics for port 0 \n\Z"),
    ("set xstats-hide-zero off", NOTHING),
    ("set link-down port 0", "link is down"),
    ("show port summary 0", "net_null       down "),
    ("set link-up port 0", "link is up"),
]

PORTS = [
    ("port config all rxq 2", "Please stop all ports first"),
    ("port config all max-pkt-len 1600", "Please stop all ports first"),
    ("port config mtu 0 1600", NOTHING),
    ("show port info 0", ["^MTU: 1600$", "^Port state: started$"]),
    ("port config mtu 0 10000", "mtu=10000 is out of range; 68 to 9000 is possible"),
    ("port 0 rxq 0 stop", NOTHING),
    ("show rxq info 0 0", "^Rx queue state: stopped$"),
    ("port 0 rxq 0 start", NOTHING),
    ("port 0 txq 0 stop", NOTHING),
    ("port 0 txq 0 start", NOTHING),
    ("port 0 txq 9 stop", r"Invalid TX queue 9 \(must be < nb_txq=1\)"),
    ("port 0 rxq 0 deferred_start off", NOTHING),
    ("port stop all", "^Stopping ports...\nDone$"),
    ("port config all rxq 2", "2 RX and 1 TX queues"),
    ("port config all txq 2", "^Pool mb_pool_0: [0-9]+ buffers"),
    ("port config all rxd 256", NOTHING),
    ("port config all txd 1024", "Pool mb_pool_0: [0-9]+ buffers"),
    ("port config all txd 100", "txd=100 is not a power of two; the nearest are 64 and 128"),
    ("port config all max-pkt-len 1618", NOTHING),
    ("port config all burst 32", "^Number of packets per burst set to 32$"),
    ("port config all burst 1000", "BURST=1000 is out of range; 1 to 512 is possible"),
    ("port config all drop-en on", NOTHING),
    ("port config all txfreet 32", "txfreet has no meaning here"),
    ("port config all rxpt 8", "rxpt has no meaning here"),
    ("port config 0 rxq 1 ring_size 128", NOTHING),
    ("port 1 txq 1 ring_size 64", NOTHING),
    ("port config 0 rxq 7 ring_size 128", r"Invalid RX queue 7 \(must be < nb_rxq=2\)"),
    ("port config 0 rxq 0 ring_size 100", "ring_size=100 is not a power of two"),
    ("port config 0 speed auto duplex auto", NOTHING),
    ("port config all speed 10000 duplex full", NOTHING),
    ("port config 0 speed 1000 duplex full", "port 0: its link is as its device has it, 10000 Mbps"),
    ("port config 0 speed 5 duplex full", "speed=5 is out of range; 10 to 400000 is possible"),
    ("show port 0 flow_ctrl", "port 0: net_null0: a net_null port has no flow control"),
    ("set flow_ctrl rx on 0", "port 0: net_null0: a net_null port has no flow control"),
    ("set flow_ctrl high_water 100 0", "port 0: net_null0: a net_null port has no flow control"),
    ("set flow_ctrl rx on tx on 100 50 3 1 mac_ctrl_frame_fwd off autoneg on 0", "port 0: net_null0: a net_null port has no flow control"),
    ("set flow_ctrl rx on tx on 100 50 3 2 mac_ctrl_frame_fwd off autoneg on 0", "XON=2 is out of range; 0 to 1 is possible"),
    ("set flow_ctrl send_xon 1 0", "port 0: net_null0: a net_null port has no flow control"),
    ("set flow_ctrl pause_time 65536 0", "PAUSE=65536 is out of range; 0 to 65535 is possible"),
    ("set pfc_ctrl rx on tx on 1 2 3 4 0", "no device here has flow control by priority"),
    ("port config 0 rx_offload udp_cksum off", NOTHING),
    ("port config 0 rx_offload macsec_strip on", r"port 0 \(net_null0\) has no offload macsec_strip"),
    ("port config 0 rx_offload qinq_strip on", NOTHING),
    ("port config 0 tx_offload vlan_insert on", NOTHING),
    ("show port 0 rx_offload configuration", "^  Port : VLAN_STRIP QINQ_STRIP"),
    ("show port 0 tx_offload configuration", "^  Port : VLAN_INSERT"),
    ("vlan set strip off 0", NOTHING),
    ("show port 0 rx_offload configuration", "^  Port :\\n"),
    ("vlan set qinq_strip on 0", NOTHING),
    ("vlan set qinq_strip off 0", NOTHING),
    ("show port 0 rx_offload configuration", "^  Port : VLAN_STRIP\\n"),
    ("port config 0 rx_offload vlan_strip off", NOTHING),
    ("port config 0 tx_offload vlan_insert off", NOTHING),
    ("show port 0 rx_offload configuration", "^  Port :\n"),
    ("port config 0 tx_offload multi_segs on", NOTHING),
    ("port config 0 tx_offload multi_segs off", "always on"),
    ("port config 0 tx_offload warp on", "tx_offload=warp: "),
    ("port config 0 tx_offload tcp_tso on", NOTHING),
    ("port config 0 rx_offload tcp_lro on", r"port 0 \(net_null0\) has no offload tcp_lro"),
    ("port config 0 tx_offload tcp_tso off", NOTHING),
    ("csum set sctp hw 0", "^baton-testpmd: SCTP checksum offload is not supported by port 0: no device .*; sw is possible$"),
    ("csum set outer-ip hw 0", "^baton-testpmd: Outer IP checksum offload is not supported by port 0: "),
    ("csum set outer-udp hw 0", "^baton-testpmd: Outer UDP checksum offload is not supported by port 0: "),
    ("csum set ip hw 0", "^baton-testpmd: IP checksum offload is not supported by port 0: its device does not"),
    ("csum set sctp sw 0", "^SCTP checksum offload is sw$"),
    ("tso set 1561 0", "1561 bytes do not fit into the MTU of port 0, 1600: 1 to 1560 are possible, and 0 for none"),
    ("tso set 65536 0", "MSS=65536 is out of range; 0 to 65535 is possible"),
    ("tso set 1000 0", r"\ATSO segment size for non-tunneled packets is 1000\n\Z"),
    ("tso show 0", r"\ATSO segment size for non-tunneled packets is 1000\n\Z"),
    ("port config 0 tx_offload tcp_tso off", "another command of port 0 needs it: type tso set 0 0$"),
    ("tx_vlan set 0 5", NOTHING),
    ("show port info 0", "^VLAN tag of packets to send: 5$"),
    ("tx_vlan set 0 5 6", NOTHING),
    ("show port info 0", "^VLAN tags of packets to send: 6 and behind it 5$"),
    ("port config 0 tx_offload vlan_insert off", "another command of port 0 needs it: type tx_vlan reset 0$"),
    ("show port 0 tx_offload configuration", "^  Port : VLAN_INSERT TCP_TSO QINQ_INSERT MULTI_SEGS$"),
    ("tx_vlan reset 0", NOTHING),
    ("tso set 0 0", "^TSO for non-tunneled packets is disabled$"),
    ("show port 0 tx_offload configuration", "^  Port : MULTI_SEGS$"),
    ("port config 0 tx_offload tcp_tso on", NOTHING),
    ("port config all rss tcp", NOTHING),
    ("port config 0 rss-hash-key ipv4 0102", "a key of 4 characters: 80 hexadecimal digits"),
    ("port config 0 rss-hash-key warp 0102", "warp is no hash type"),
    ("port config 0 rss-hash-key ipv4 " + 40 * "5a", NOTHING),
    ("port config 0 rss reta (0,1)", r"port 0 \(net_null0\) has no table"),
    ("port 1 rxq 0 setup", NOTHING),
    ("port start all", ["^Starting ports...", "^Configuring Port 0", "^Done$"]),
    ("show port 0 rss-hash key", ["^RSS functions:\n  ipv4-tcp  ipv6-tcp$", "^RSS key:\n5A5A"]),
    ("show port 1 rss-hash key", "^RSS key:\n6D5A"),
    ("show port 0 tx_offload configuration", "TCP_TSO"),
    ("port config all rss none", "port 0 is started"),
    ("show config rxtx", ["port 0: RX queue number: 2 Tx queue number: 2",
                          "RX queue: 0\n      RX desc=256 .*\n    RX queue: 1\n      RX desc=128 ",
                          "TX queue: 0\n      TX desc=1024 .*\n    TX queue: 1\n      TX desc=64 "]),
    ("show rxq info 0 1", "^Number of RXDs: 128$"),
    ("show port info 1", ["^MTU: 1600$", "^Current number of RX queues: 2$"]),
    ("show config fwd", ["streams=4", STREAM % (1, 1, 0, 1)]),
    ("start", "streams=4"),
    ("stop", "Done"),
    ("port cleanup 0 txq 0 0", "^Cleanup port 0 Tx queue 0 mbuf nums: 0$"),
    ("port attach net_null2,size=128", ["^Attaching a new port...$", r"^Port 2 is attached\. Now total ports is 3$", "^Done$"]),
    ("port attach net_null2", "already open.*\nbaton-testpmd: Failed to attach port net_null2"),
    ("port start 2", "^Port 2: "),
    ("show config fwd", ["ports=3", STREAM % (2, 0, 2, 0)]),
    ("port detach 0", "Port 0 not stopped"),
    ("port stop 0", "^Stopping ports...\nDone$"),
    ("port close 0", "^Closing ports...\nPort 0 is closed\nDone$"),
    ("port detach 0", ["^Removing a device...$", "^Device net_null0 is detached$", "^Now total ports is 2$", "^Done$"]),
    ("port detach 0", "Invalid port_id=0"),
    ("show port summary all", r"\ANumber of available ports: 2\nPort .*\n1 .*\n2 .*\n\Z"),
    ("start", ["ports=2", STREAM % (1, 0, 2, 0)]),
    ("stop", "Done"),
    ("port attach net_null7", r"^Port 0 is attached\. Now total ports is 3$"),
    ("port stop 1", "Done"),
    ("device detach net_null1", ["Port was not closed", "^Device net_null1 is detached$", "^Now total ports is 2$"]),
    ("device detach net_null1", "no device net_null1"),
    ("port reset 0", "Port 0 is reset"),
    ("port start 0", "^Port 0: "),
    ("load " + "/nonexistent/commands", "cannot be read: No such file"),
    ("port close all", ["Port 0 is closed", "Port 2 is closed"]),
    ("start", "all ports are closed"),
    ("show port info all", NOTHING),
]


@check
def control():
    replay(NULLS, "", CONTROL)


@check
def display():
    replay(NULLS, "", DISPLAY)


@check
def config():
    replay(NULLS, "", CONFIG)


@check
def ports():
    replay(NULLS, "", PORTS)


@check
def all_commands_are_in_the_transcript():
    """Each usage that is shown has a line above."""
    lines = [line.split() for t in (CONTROL, DISPLAY, CONFIG, PORTS) for line, _ in t] + [["quit"]]
    expect(len(lines) > 150, len(lines))
    tables = re.findall(r"<!-- table commands-(.*?)<!-- end -->", run("--help=markdown").out, re.S)
    usages = [u.replace("\\|", "|") for t in tables for u in re.findall(r"^\| `([^`]+)` \|", t, re.M)]
    expect(len(usages) > 60, usages)

    def fits(line, usage):
        words = usage.split()
        if len(line) > len(words) or (len(line) < len(words) and not words[len(line)].startswith("[")):
            return False
        return all(w.strip("[]")[0].isupper() and w != "E-tag" or text in w.strip("[]").split("|")
                   for text, w in zip(line, words))

    for usage in usages:
        expect(any(fits(line, usage) for line in lines), f"no line for {usage}")


# ---- what does not ----

ABSENT = """
show port fdir 0|show port dcb_tc all|show port info 0 representor|show port 0 module_eeprom|show port 0 eeprom
show port 0 tx_metadata|show port 0 ptypes
show port 0 fec capabilities|show port 0 fec_mode|show port 0 flow transfer proxy|show port 0 gro|show port 0 gso
show port 0 queue-region|show port 0 pctype mapping|show port meter cap 0|show port tm cap 0
clear port fdir 0|read rxd 0 0 4|read txd 0 0 4|show vf stats 0 0|clear vf stats 0 0|show raw_encap all|show raw_decap 1
dump_physmem|dump_memzone|dump_socket_mem|dump_struct_sizes|dump_ring|dump_ring r0|dump_log_types
set fwd noisy|set fwd shared-rxq|set fwd ieee1588
set rxoffs 0,64|set rxpkts 64,0|set rxhdrs eth,ipv4|set txtimes 100,10|set txsplit on|set txsplit rand
set tx loopback 0 on|set all queues drop 0 on|set vf mac antispoof 0 0 on|set vf vlan stripq 0 0 on|set vf vlan insert 0 0 5
set vf mac addr 0 0 02:00:00:00:00:01|set vf promisc 0 0 on|set vf tx max-bandwidth 0 0 5|set tc tx min-bandwidth 0 1
vlan set stripq on 0,0|vlan set extend on 0
vlan set inner tpid 0x8100 0|vlan set outer tpid 0x88a8 0|rx_vlan add 5 port 0 vf 0x1|rx_vlan rm 5 port 0 vf 0x1
rx_vxlan_port add 4789 0|rx_vxlan_port rm 4789 0|tx_vlan set pvid 0 5 on
csum parse-tunnel on 0|csum mac-swap off 0|port config all rss ether|port config all rss vxlan|port config all rss level-inner
tunnel_tso set 800 0|tunnel_tso show 0|set port 0 gro on|set gro flush 2|set port 0 gso on|set gso segsz 1000
mac_addr add port 0 vf 0 02:00:00:00:00:01|set port 0 uta 02:00:00:00:00:01 on|set port 0 uta all on
set pfc_ctrl rx on tx on 1 1 1 1 0|set pfc_queue_ctrl 0 rx on 1 1 tx on 1 1 1|set port 0 rxq 0 avail_thresh 10
set stat_qmap rx 0 2 5|set flush_rx on|set link_check on
set port 0 vf 0 rx on|set port 0 vf 0 rxmode AUPE on|set port 0 queue 0 rate 10|set port 0 vf 0 rate 10 queue_mask 1
set port 0 ptypes_mask 1|set port 0 fec_mode auto|set port 0 queue-region flush on
E-tag set insertion on port-tag-id 1 port 0 vf 0|E-tag set stripping on port 0|E-tag set forwarding on port 0
port config 0 dcb vt on 4 pfc on|port config all max-lro-pkt-size 2000|port config 0 loopback 1|port config all drop-en off
port config 0 tx_metadata 5|port config 0 dynf flag set|port config bypass 0 on
port config 0 pctype mapping reset|port config 0 pctype 1 hash_inset clear all|port config 0 udp_tunnel_port add vxlan 4789
port 0 rxq 0 rx_offload udp_cksum on|port 0 txq 0 tx_offload udp_cksum on|port 0 rxq 0 deferred_start on
set vxlan ip-version ipv4 vni 4 udp-src 4 udp-dst 4 ip-src 127.0.0.1 ip-dst 128.0.0.1 eth-src 11:11:11:11:11:11 eth-dst 22:22:22:22:22:22
set vxlan-with-vlan ip-version ipv4 vni 4|set vxlan-tos-ttl ip-version ipv4|set nvgre ip-version ipv4 tni 4|set nvgre-with-vlan ip-version ipv4
set l2_encap ip-version ipv4|set l2_encap-with-vlan ip-version ipv4|set l2_decap ip-version ipv4|set l2_decap-with-vlan ip-version ipv4
set mplsogre_encap ip-version ipv4 label 4|set mplsogre_decap ip-version ipv4|set mplsoudp_encap ip-version ipv4|set mplsoudp_decap ip-version ipv4
set raw_encap 0 eth / end_set|set raw_decap eth / end_set|set sample_actions 0 mark id 8 / end
flow create 0 ingress pattern eth / ipv4 / udp / end actions queue index 1 / end|flow list 0|flow flush 0|flow validate 0 ingress
flow query 0 0 count|flow destroy 0 rule 0|flow isolate 0 1|flow info 0|flow dump 0 all|flow aged 0
add port meter profile srtcm_rfc2697 0 0 1 1 1 0|create port meter 0 1 2 yes 0xffff 1 0|del port meter 0 1|enable port meter 0 1
add port tm node shaper profile 0 0 1 1 1 1 1 0|port tm hierarchy commit 0 no|suspend port tm node 0 1|set port tm mark ip_ecn 0 0 0 1
create bonded device 1 0|add bonding slave 0 1|remove bonding slave 0 1|set bonding mode 3 0|show bonding config 0|set bonding primary 0 1
ddp add 0 /tmp/x.pkgo|ddp get list 0|ptype mapping get 0 1|bpf-load rx 0 0 J /tmp/x.o|bpf-unload rx 0 0
ethertype_filter 0 add mac_addr 02:00:00:00:00:01 ethertype 0x0806 fwd queue 3|flow_director_filter 0 mode IP add flow ipv4-udp|syn_filter 0 add priority high queue 1
set port 0 mirror-rule 0 pool-mirror-up 1 dst-pool 1 on|reset port 0 mirror-rule 0|port config all crc-strip on|port config all hw-vlan off
show port stat_qmap 0|set port 0 led on|show port cman capa 0|mac_add add port 0 vf 0 02:00:00:00:00:01|csum set outer_ip hw 0
set macsec offload 0 on encrypt on replay-protect on|set bypass mode normal 0|show bypass config 0|set port meter profile 0 1 2
"""


@check
def what_does_not_exist_says_so():
    lines = [line for row in ABSENT.strip().splitlines() for line in row.split("|")]
    expect(len(lines) > 120, len(lines))
    for line, got in answers(NULLS, "", lines):
        said = re.search(r'^baton-testpmd: "(.*)" is a command of dpdk-testpmd that is not supported here: (.{15,})$', got, re.M)
        expect(said and line.startswith(said[1]), f"{line}: {got}")
        expect(got.count("\n") == 1 and "usage" not in got, f"{line}: {got}")


# ---- numbers, comments, files ----

@check
def words_as_dpdk_reads_them():
    replay(NULLS, "", [
        ("set burst 0x10", "set to 16$"),
        ("set burst 0b11", "set to 3$"),
        ("set burst 017", "set to 15$"),
        ("set burst 018", '"018" is not understood there'),
        ("set burst 0x", '"0x" is not understood there'),
        ("set burst 18446744073709551617", "is out of range"),
        ("show port summary 0x1", "^1 "),
        ("show port summary 99999999999999999999", "Invalid port 99999999999999999999; there are 0 to 1"),
        ("set burst 5 # as before", "set to 5$"),
        ("! nothing", NOTHING),
        ("# nothing", NOTHING),
        ("", NOTHING),
        ("  set   burst\t7  ", "set to 7$"),
        ("set portlist", "something is missing after \"portlist\""),
        ("port config all rxq two", '"two" is not understood there'),
    ])


@check
def other_sizes_keep_the_counts():
    """Statistics go on over other queues and another pool, and a refusal changes nothing."""
    r = good(script("--vdev=net_pcap0,tx_pcap=" + path("o"), "", "port config all txq 2", "port stop 0", "port config all txq 2",
                    "port config all rxq 0", "port config all rxq 65", "show config rxtx", "port start 0", "start tx_first", "stop",
                    "quit"))
    expect("net_pcap0) has at most 1 RX and 1 TX queues" in r.out, r)
    expect("rxq=0 is out of range" in r.out and "rxq=65 is out of range" in r.out, r)
    expect("RX queue number: 1 Tx queue number: 1" in r.out and "TX-packets: 32 " in r.out, r)
    r = good(script(NULLS, "--total-num-mbufs=3000", "port stop all", "port config all rxd 1024", "port config 0 rxq 0 ring_size 2048",
                    "port config all rxq 3", "show config rxtx", "port start all", "start", "stop", "quit"))
    expect(r.out.count("pool mb_pool_0 has 3000 buffers") == 3 and "--total-num-mbufs=" in r.out, r)
    expect(r.out.count("RX desc=512") == 2 and "RX queue number: 1" in r.out, r)
    env = NULLS.replace("net_null1", "net_null1,no-rx=1")
    r = good(script(env, "--rxq=2 --txq=2 --nb-cores=2", "start", 0.1, "show port stats all", "stop", "show port stats 0", "port stop all",
                    "port config all rxq 1", "port config all txq 1", "show port stats 0", "port start all", "show port stats 0",
                    "show fwd stats all", "quit"))
    last = [int(n) for n in re.findall(r"RX-packets: (\d+) +RX-missed", r.out)[-3:]]
    expect(last[0] == last[1] == last[2], f"{last}: {r}")


@check
def statistics_of_a_run():
    """show fwd stats all does not end it, clear fwd stats all begins the counts anew, of each queue."""
    with Prompt(NULLS, "--rxq=2 --txq=2") as b:
        b.say("set record-core-cycles on", "start")
        b.moves(0, 1)
        first = b.say("show fwd stats all")
        expect("Forward Stats for RX Port= 0/Queue= 1 -> TX Port= 1/Queue= 1" in first and totals(first)[0] > 0, first)
        b.moves(0)
        expect(totals(b.say("show fwd stats all"))[0] > totals(first)[0], b.log)
        expect("CPU cycles/packet=" in b.say("stop"), b.log)
        before = b.both(0)
        b.say("clear fwd stats all")
        expect(totals(b.say("show fwd stats all"))[:3] == (0, 0, 0), b.log)
        expect(b.both(0) == before, "the ports' own counters stay")
        b.say("start", "clear fwd stats all")
        b.moves(0, 1)
        expect(totals(b.say("stop"))[0] > 0 and b.quit()[0] == 0, b.log)


@check
def a_core_that_begins_later():
    """It has room for the longest packets, too, and serves its share."""
    env = CORES + "".join(" --vdev=net_pcap%d,rx_pcap=%s" % (i, write_pcap("in%d.pcap" % i, packets(20, (8000,)))) for i in (0, 1))
    with Prompt(env, "--mtu=9000") as b:
        b.say("set burst 1", "set nbcore 2")
        expect("Logical Core 2 (CPU 0) forwards packets on 1 streams" in b.say("start"), b.log)
        for port in (0, 1):
            b.until(lambda port=port: b.both(port)[0] == 20)
        b.say("stop", "set nbcore 1", "set corelist 3")
        expect("Logical Core 3 (CPU 0) forwards packets on 2 streams" in b.say("start"), b.log)
        expect(b.quit()[0] == 0 and "stopped:" not in b.log, b.log)


@check
def ports_come_while_others_forward():
    """The new one waits for the next start."""
    r = good(script(NULLS, "--total-num-mbufs=8000", "start", "port attach net_null2", "port start 2", "show fwd stats all", "stop", "start",
                    "port stop 1", "port close 1", "port detach 1", "port attach net_null5", "show port summary all", "stop",
                    "port start all", "show config fwd", "quit"))
    expect("Port 2 is attached" in r.out and "Device net_null1 is detached" in r.out, r)
    expect("Port 3 is attached. Now total ports is 3" in r.out and STREAM % (3, 0, 3, 0) in r.out, r)
    with Prompt(NULLS, "") as b: # and where it must be, they go on with the new one
        b.say("start")
        b.moves(0, 1)
        expect("Pool mb_pool_0: " in b.say("port attach net_null2,size=64"), b.log)
        b.moves(0, 1)
        expect("Port 2: " in b.say("port start 2"), b.log)
        b.moves(0, 1)
        expect(b.both(2) == (0, 0) and "MTU" not in b.say("port config mtu 1 1400"), b.log)
        b.moves(0, 1)
        b.say("stop", "start")
        b.moves(0, 1, 2)
        expect(b.quit()[0] == 0 and "LOST" not in b.log, b.log)
    r = good(script(NULLS, "", "port attach virtio_nix0", "port attach net_pcap0,rx_pcap=" + path("none"),
                    "port attach 0000:00:1f.7", "show port summary all", "quit"))
    expect(r.out.count("Failed to attach port") == 3 and "Number of available ports: 2" in r.out, r)


@check
def the_most_ports():
    lines = ["port attach net_null%d" % i for i in range(2, 66)]
    got = answers("-l 0 --vdev=net_null0 --vdev=net_null1", "--rxd=64 --txd=64", lines + ["port close all", "port attach net_null0"])
    expect("Port 63 is attached. Now total ports is 64" in got[61][1], got[61])
    expect("there are 64 ports, and no room for more" in got[62][1], got[62])
    expect("no room for more" in got[-1][1], got[-1])


# ---- load, --cmdline-file ----

def write(name, text, mode="w"):
    with open(path(name), mode) as f:
        f.write(text)
    return path(name)


@check
def files_of_commands():
    inner = write("inner", "show config txpkts\nquit\nshow holders\n")
    outer = write("outer", "# remark\nshow config cores\nload %s\nshow holders\n" % inner)
    r = good(script(NULLS, "", "load " + outer, "show holders"))
    expect("testpmd> show config cores\nList of forwarding" in r.out and "testpmd> quit" in r.out, r)
    expect("in all" not in r.out, r)
    itself = write("itself", "show config cores\nload %s\nshow config txpkts" % path("itself"))
    r = good(script(NULLS, "", "load " + itself, "quit"))
    expect("is being read already" in r.out and "Segment sizes" in r.out, r)
    expect("Read CLI commands from " + itself in r.out, r)
    for i in range(20):
        write("deep%d" % i, "load %s\n" % path("deep%d" % (i + 1)))
    r = good(script(NULLS, "", "load " + path("deep0"), "quit"))
    expect("and no further" in r.out, r)


@check
def files_that_are_none():
    os.mkdir(path("folder"))
    for name, words in ((path("folder"), "is a folder"), ("/dev/zero", "is a device"), (path("nothing"), "No such file")):
        r = run(NULLS, "-i --cmdline-file=" + name)
        expect(r.rc == 2 and words in r.err and "--cmdline-file=" + name in r.err, r)
        r = good(script(NULLS, "", "load " + name, "quit"))
        expect(words in r.out, r)
    r = good(script(NULLS, "", "load", "load /dev/null", "load %s x" % path("folder"), "quit"))
    expect(r.out.count("usage: load|load_echo FILE") == 2 and "Read CLI commands from /dev/null" in r.out, r)
    lines = write("lines", b"x" * 5000 + b"\nset burst 9\n" + b"y" * 4096 + b"\na\0b\n\xff\xfe\nset burst 8", "wb")
    r = good(script(NULLS, "", "load " + lines, "quit"))
    expect(r.out.count("a command longer than 4095 characters is ignored") == 2, r)
    expect("line 4, has a byte 0" in r.out and "set to 9" in r.out and "set to 8" in r.out, r)


@check
def files_of_the_command_line():
    first = write("first", "set burst 9\nset fwd rxonly\n")
    second = write("second", "set burst 10\n")
    r = good(run(NULLS, f"-i --cmdline-file={first} --cmdline-file-noecho={second}", "quit\n"))
    expect("testpmd> set burst 9\n" in r.out and "testpmd> set burst 10" not in r.out, r)
    expect(r.out.index("set to 9") < r.out.index("set to 10") < r.out.index("testpmd> quit"), r)
    r = good(run(NULLS, f"--run-time=0.1 --cmdline-file={first}"))
    expect(r.out.index("set to 9") < r.out.index("rxonly packet forwarding - ports=2"), r)
    r = run(NULLS, "-i " + " ".join(["--cmdline-file=" + first] * 17))
    expect(r.rc == 2 and "at most 16 files" in r.err, r)
    r = good(run(NULLS, "--cmdline-file=" + write("ends", "start\nstop\nquit\n")))
    expect(r.out.count("Accumulated") == 1, r)


@check
def pipes_of_commands():
    """One without a writer holds up nothing; one with a writer is read to its end."""
    fifo = path("fifo")
    os.mkfifo(fifo)
    r = good(run(NULLS, f"-i --run-time=0.2 --cmdline-file={fifo}"))
    expect(r.seconds < LIMIT / 2 and "Bye" in r.out, r)
    p = subprocess.Popen(command(NULLS, "-i --cmdline-file=" + fifo), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    with open(fifo, "w") as f:
        f.write("set burst 11\nset burst 12\n")
        f.flush()
        f.write("set burst 13")
    out = p.communicate(timeout=LIMIT)[0].decode()
    expect(p.returncode == 0 and all("set to %d" % n in out for n in (11, 12, 13)), out)


# ---- side by side ----

SHARED = ["show port summary all", "show config cores", "show config txpkts", "show config rxpkts", "show config rxoffs",
          "show config txtimes", "show fwd stats all", "clear port stats all", "show port stats 0", "show port 0 macs",
          "show port 0 mcast_macs", "set nbport 1", "set nbport 2", "set nbcore 1", "set burst 16", "set verbose 1", "set verbose 0",
          "set fwd macswap retry", "set fwd io", "set default", "set portmask 1", "set portmask 3", "port stop all", "port start 1"]


def blurred(text):
    """Without what differs from run to run."""
    text = re.sub(MAC, "MAC", text)
    text = re.sub(r"\bup\b|\bdown\b", "LINK", text)
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and "retry num" not in line]
    # The order of sockets, warnings and what only one of the two has.
    return [line for line in lines if not re.match(r"(Configuring|Port \d: MAC|Checking|Warning|baton-testpmd|Pool )", line)]


@check
def as_dpdk_testpmd_prints_it():
    dpdk = shutil.which("dpdk-testpmd")
    if not dpdk:
        raise Skip("dpdk-testpmd is not installed")
    # One run a command, as it does not always print in the order of the lines it reads.
    p = subprocess.run([dpdk, "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m", "128", "--lcores", "0@0,1@0",
                        "--vdev=net_null0", "--vdev=net_null1", "--", "-i", "--total-num-mbufs=2048"],
                       input="\n".join(SHARED + ["quit"]) + "\n", capture_output=True, text=True, timeout=60)
    if "testpmd> quit" not in p.stdout + p.stderr:
        raise Skip("dpdk-testpmd does not run here: " + (p.stdout + p.stderr)[-300:].replace("\n", " "))
    theirs = blurred(re.sub(r"testpmd> .*", "", p.stdout[p.stdout.index("testpmd> "):p.stdout.index("testpmd> quit")]))
    ours = [line for _, got in answers("--lcores 0@0,1@0 --vdev=net_null0 --vdev=net_null1", "", SHARED) for line in blurred(got)]
    missing = [line for line in theirs if line not in ours]
    expect(len(theirs) > 40 and not missing, f"not as in dpdk-testpmd: {missing}; ours: {ours}")


if __name__ == "__main__":
    main()
