#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Whole command lines of DPDK's quick start, guides, test plans and of their readers' notes, with virtual devices in the place of
NICs: each runs, or ends before anything is opened with a sentence that says why.
"""
import concurrent.futures
import os
import re
import shlex
import subprocess

import testpmd_util
from sandbox import Echo
from testpmd_util import check, expect, good, main, packets, path, run, script, totals, write_pcap

CORES = "--lcores=0@0,1@0,2@0"  # for the lists of machines with more
NULLS = "--vdev=net_null0 --vdev=net_null1"

RUN = """
CORES -n3 NULLS -- -i --nb-cores=2 --nb-ports=2 --total-num-mbufs=2048
CORES -n4 --vdev 'net_null0' --vdev 'net_null1' -- -i --forward-mode=io
CORES -m2048 --file-prefix=0 --vdev=net_null0 -- -i --nb-cores=2 --portmask=f --rxq=1 --txq=1 --forward-mode=io
CORES -n 4 --vdev=net_null0 --iova=va -- -i --nb-cores=1 --txq=2 --rxq=2 --txd=1024 --rxd=1024
--no-pci CORES NULLS -- -i --burst=256 --txd=2048 --rxd=1024 --rxq=1 --txq=1 --nb-cores=1 --coremask 2 -a --forward-mode=io
--vdev net_null0 --no-pci -- -ia --forward-mode txonly
CORES -n 3 NULLS -- -i --burst=1 --txpt=32 --txht=8 --txwt=0 --txfreet=0 --rxfreet=64 --mbcache=250 --portmask=0x3
CORES -n 4 --log-level='user1,7' --log-level='.*,8' --vdev=net_null0 -- -i
CORES --no-pci --proc-type=auto --log-level='pmd.net.virtio.*',8 NULLS -- --no-lsc-interrupt -i --rxq=2 --txq=2 --nb-cores=2
CORES NULLS -- -ia --nb-cores=2 --coremask=0x6 --burst=64 --txd=4096 --rxd=4096 --rxq=2 --txq=2 --rss-udp --eth-peer=0,90:E2:BA:00:00:01 --eth-peer=1,90:E2:BA:00:00:02 --forward-mode=mac
CORES -n 4 NULLS -- -i --txqflags=0xf01 --txrst=32 --txfreet=32 --txd=128
CORES -n 4 -b 0000:18:02.0 -b 0000:18:06.0 --socket-mem=1024,1024 --file-prefix=pf NULLS -- -i --crc-strip --disable-hw-vlan
CORES --single-file -m 512 --master-lcore 1 --vdev=eth_null0 -- -i
CORES --vdev=net_null0 -- -i --txd=1024 --txpkts=1500 --tx-first --auto-start --forward-mode=txonly --nb-cores=1
CORES -n 4 NULLS -- --forward-mode=txonly --txonly-multi-flow --eth-peer=0,f0:fb:7f:e2:e2:77 --eth-peer=1,f0:fb:7f:e2:e2:76 --rxq=8 --txq=8 --nb-cores=2 --txd=256 --rxd=256 --burst=64 --stats-period=1 -i
CORES -n 4 --vdev=net_null0 -- --tx-ip=10.0.3.9,10.0.3.166 --max-pkt-len=9000 -i
-m 4096 --no-huge CORES --vdev=net_null0 -- -i --forward-mode=txonly --txpkts=64 --tx-ip=10.2.0.12,10.2.0.11 --tx-udp=49000,49001 --total-num-mbufs=8192 --txonly-multi-flow
CORES -n 4 NULLS -- -i --portmask=0x1 --total-num-mbufs=2048 --mbuf-size=2048
CORES --vdev 'net_null0,size=64,copy=1' -- --rxq 2 --txq 2 --nb-cores=1 --tx-first -a --no-mlockall -i
CORES --vdev=net_null0 -- -i --rxq=10 --txq=10 --rss-ip
CORES -n 4 --no-shconf --vdev=net_pcap0,rx_pcap=IN,infinite_rx=1 --vdev net_null0 --file-prefix x -- -i
CORES --vdev 'net_pcap0,rx_pcap=IN,tx_pcap=OUT' --vdev 'net_null1' -- -i --portmask=0x3
CORES NULLS -- -i --port-topology=chained --nb-cores=2 --auto-start --interactive
CORES NULLS -- -i --no-numa --socket-num=0 --enable-scatter --rx-offloads=0x00002000
CORES NULLS -- -i --rss-level-outer --rx-mq-mode=0x3 --record-core-cycles --record-burst-stats
CORES NULLS -- -i --mbuf-size=2048,1024 --txpkts=64,64 --rxoffs=0 --rxpkts=64
CORES NULLS -- -i --display-xstats rx_good_packets,tx_good_packets
CORES NULLS -- -i --enable-hw-vlan-strip --rss-ip
CORES NULLS -- -i --enable-rx-timestamp --enable-hw-qinq-strip --rx-offloads=0x4021
CORES --vdev=net_null0 -- -i --rxq-share=2 --forward-mode=rxonly --latencystats 1 --bitrate-stats=1
CORES --in-memory --vdev=virtio_user2,path=SOCKET,queues=1,mrg_rxbuf=1,in_order=0 -- -i -a --coremask=0x02 --burst=1 --rxq=1 --txq=1
-n 4 CORES --legacy-mem --vdev=net_virtio_user0,mac=00:01:02:03:04:05,path=SOCKET,queues=1,packed_vq=0,mrg_rxbuf=0,in_order=1,vectorized=1 -- -i --nb-cores=1 --txd=256 --rxd=256
"""

REFUSED = """
CORES --vdev=net_null0 -i --nb-cores=1                                   | -i belongs after the "--"
CORES --vdev=net_null0 -- -i -n 4                                        | -n belongs before the "--"
CORES --vdev=net_null0 -- -i -c 3                                        | -c belongs before the "--"
CORES --vdev=net_null0 --rxq=2 -- -i                                     | --rxq belongs after the "--"
CORES -q --vdev=net_null0                                                | no option -q before "--"
CORES --vdev=net_null0 -- -x                                             | no option -x after "--"
CORES --vdev=net_pcap0,iface=eth0 -- -i --nb-cores=2 --nb-ports=2        | tcpdump
CORES --vdev=net_pcap0,rx_iface=eth0,tx_iface=eth0 -- -i                 | tcpdump
CORES --vdev=virtio_user0,path=/dev/vhost-net,queue_size=1024,iface=vf0  | /dev/vhost-net, which is not supported
CORES --vdev=net_null0 -- -i --tx-offloads=0x002c --enable-lro           | --enable-lro
CORES --no-pci --no-huge -- --total-num-mbufs=2048 --nb-cores=1          | no ports
CORES -- -i                                                              | no ports
CORES --vdev=net_null0 -- -i --p 3 -a                                    | --p could be one of
CORES --vdev=virtio_user2,path=/tmp/none -- -a --burst=1 rxq=1 --txq=1   | "rxq=1" is not an option
CORES --vdev=net_virtio_user1,path=/tmp/none,packed_vq=1,mrg_rxbuf=1 -- -i | split rings only
CORES --vdev=net_null0 -- -i --tx-offloads=DEV_TX_OFFLOAD_MULTI_SEGS     | hexadecimal
CORES --vdev=net_memif,role=client,socket=memif -- --auto-start          | software of DPDK's own
CORES --vdev=net_vdev_netvsc0,iface=eth1 -- --port-topology=chained      | software of DPDK's own
CORES NULLS -- --portmask=f -i --nb-cores=4                              | 2 cores can forward
CORES --vdev=net_virtio_user0,path=/tmp/a --vdev=net_virtio_user0,path=/tmp/b -- -a | named twice
CORES --vdev=net_null0 --proc-type=primary -- -i --num-procs=2 --proc-id=0 | one process
CORES --vdev=net_tap0,iface=tap23 -- -ia --forward-mode txonly           | network interfaces are not used
CORES --vdev=net_vhost0,iface=/tmp/s0,queues=8,client=1 -- --rxq 2       | the device's side of vhost-user
CORES --vdev=net_null0 -- -i --max-pkt-len=9600                          | 86 to 9018
CORES --vdev=net_null0 -- -i --rxd 1000 --txd 1000                       | 512 and 1024
CORES --vdev=net_null0 -- -i --forward-mode=ieee1588                     | PTP
CORES --vdev=net_null0 -- -i --hairpinq=1                                | forwards by itself
CORES -a 0000:00:06.0,vectorized=1,packed_vq=1 -- -i                     | split rings only
CORES -a 0000:3b:00.0,representor=[0-3] -- -i                            | representor
CORES --vdev=net_null0 -- -i --multi-rx-mempool --mbuf-size=256,512      | one pool
-l 0 -c 3 --vdev=net_null0 -- -i                                         | -l has named the cores already
--lcores '0@0' --lcores '1@0' --vdev=net_null0 -- -i                     | --lcores has named the cores already
-c7ffff --vdev=net_null0 --coremask=2 -- -i                              | --coremask belongs after
"""


def words(line, socket):
    line = line.replace("CORES", CORES).replace("NULLS", NULLS).replace("IN", path("in.pcap"))
    return shlex.split(line.replace("OUT", path("out.pcap")).replace("SOCKET", socket))


def lines(text):
    return [line for line in text.split("\n") if line]


@check
def they_run():
    write_pcap("in.pcap", packets(20))
    with Echo() as e:
        def one(line):
            p = subprocess.run([testpmd_util.APP, "--no-huge"] + words(line, e.path), input=b"start\nstop\nshow port stats all\nquit\n",
                               capture_output=True, timeout=testpmd_util.LIMIT)
            out = p.stdout.decode()
            expect(p.returncode == 0 and "Accumulated forward statistics" in out and out.endswith("\nBye...\n"), (line, p))
            expect("NIC statistics for port 0 " in out, (line, out))
        alone = [line for line in lines(RUN) if "SOCKET" in line or "OUT" in line]  # what two cannot have at once
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(one, (line for line in lines(RUN) if line not in alone)))
        for line in alone:
            one(line)


@check
def they_say_why_not():
    def one(row):
        line, why = (part.strip() for part in row.rsplit("|", 1))
        p = subprocess.run([testpmd_util.APP] + words(line, ""), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=testpmd_util.LIMIT)
        expect(p.returncode == 2 and not p.stdout, (line, p))
        last = p.stderr.rstrip("\n").split("\n")[-1]
        expect(why in last and len(last) > 40, (line, p.stderr))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, lines(REFUSED)))


@check
def few_buffers():
    """As in DPDK's quick start: rings and caches that nobody gave a size make do with the buffers that there are."""
    def sizes(app):
        r = good(script(CORES + " --no-huge " + NULLS, "--nb-cores=2 " + app, "show config rxtx", "start", 0.1, "stop", "quit"))
        expect(totals(r.out)[0] > 0, r)
        return {int(n) for n in re.findall(r"[RT]X desc=(\d+)", r.out)}, r.out
    for n, descs in ((8192, {512}), (2048, {256}), (1024, {128}), (512, {64})):
        got, out = sizes("--total-num-mbufs=%d" % n)
        expect(got == descs, (n, got, out))
        expect(("--total-num-mbufs=%d is little for 2 ports" % n in out) == (n < 8192), out)
    expect(sizes("--total-num-mbufs=2048 --rxd=512")[0] == {512, 128}, "a size that was given stays")
    expect(sizes("--total-num-mbufs=2048 --mbcache=200")[0] == {256}, "a cache of its own")
    r = run(CORES + " --no-huge " + NULLS, "--total-num-mbufs=2048 --rxd=512 --txd=512 --run-time=1")
    expect(r.rc == 1 and "make it at least" in r.err and "is little" not in r.err, r)
    r = run(CORES + " --no-huge " + NULLS, "--total-num-mbufs=300 --run-time=1")
    expect(r.rc == 1 and "make it at least" in r.err and "is little" not in r.err, r)


@check
def help_fits_a_terminal():
    for text in (good(run("--help")).out, good(script("-l 0 --no-huge --vdev=net_null0", "", "help", "quit")).out):
        long = [line for line in text.split("\n") if len(line) > 80]
        expect(text.count("\n") > 50 and not long, long)


@check
def what_scripts_look_for():
    out = good(script(CORES + " --no-huge " + NULLS, "", "stop", "start", "start", "stop", "show port info 0", "port stop all", "port close 1",
                      "quit")).out
    for word in ("Packet forwarding not started", "Packet forwarding already started", "Telling cores to stop...\nWaiting for lcores to finish...\n",
                 "\nPromiscuous mode: enabled\n", "\nAllmulticast mode: enabled\n",
                 "\nStopping port 0...\nStopping ports...\nDone\n", "\nShutting down port 0...\nClosing ports...\nPort 0 is closed\nDone\n",
                 "\n\nBye...\n"):
        expect(word in out, (word, out))
    expect("Shutting down port 1" not in out, out)


if __name__ == "__main__":
    main()
