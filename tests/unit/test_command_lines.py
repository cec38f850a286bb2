#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Command lines as they are published for dpdk-testpmd: each has its effect, changes nothing, or is refused in words."""
import concurrent.futures
import os
import re
import subprocess
import tempfile

import packet_util
import testpmd_util
from sandbox import Echo
from testpmd_util import (NULL2, SHORT, Prompt, Skip, check, expect, good, main, packets, path, read_pcap, run, script,
                          write_pcap)

NULL3 = "--no-huge --lcores 0@0,1@1,2@0,3@1 --vdev=net_null0 --vdev=net_null1 --vdev=net_null2"
POOL = "--total-num-mbufs=8192 "


def never(r, *words):
    """A command line that cannot be: exit status 2, and one sentence with these words."""
    expect(r.rc == 2 and r.err.count("\n") == 1, r)
    for w in words:
        expect(w in r.err, "%r not in %s" % (w, r))


def streams(app):
    """[(core, RX port, TX port)] as `show config fwd` has them."""
    r = good(script(NULL3, POOL + app, "show config fwd", "quit"))
    found, core = [], None
    for line in r.out.split("\n"):
        m = re.match(r"Logical Core (\d+)", line)
        core = int(m[1]) if m else core
        m = re.match(r"  RX P=(\d+)/Q=0 .*-> TX P=(\d+)", line)
        if m:
            found.append((core, int(m[1]), int(m[2])))
    return found


@check
def which_ports_forward():
    """As dpdk-testpmd 22.11 shows them."""
    expect(streams("--portmask=0x3") == [(1, 0, 1), (1, 1, 0)], "portmask")
    expect(streams("--portmask 5") == [(1, 0, 2), (1, 2, 0)], "portmask 5")
    expect(streams("--portmask=0xff") == [(1, 0, 1), (1, 1, 0), (1, 2, 2)], "ports that are not there")
    expect(streams("--portlist=1,0") == [(1, 1, 0), (1, 0, 1)], "portlist")
    expect(streams("--portlist=0-2 --port-topology=chained") == [(1, 0, 1), (1, 1, 2), (1, 2, 0)], "chained")
    expect(streams("--portlist=0,7") == [(1, 0, 0)], "portlist with another")
    expect(streams("--nb-ports=2") == [(1, 0, 1), (1, 1, 0)], "nb-ports")
    expect(streams("--portlist=2,0 --nb-ports=1") == [(1, 2, 2)], "the first of a list")
    never(run(NULL3, "--portmask=0x10"), "no port 4")
    never(run(NULL3, "--portmask=0"), "mask")
    never(run(NULL3, "--portmask=x"), "mask")
    never(run(NULL3, "--portlist=7"), "no port 7")
    never(run(NULL3, "--portlist=2-0"), "--portlist")
    never(run(NULL3, "--nb-ports=9"), "there are 3")
    never(run(NULL3, "--nb-ports=0"), "--nb-ports")


@check
def which_cores_forward():
    expect(streams("--coremask=0x6") == [(1, 0, 1), (2, 1, 0), (2, 2, 2)], "coremask")
    expect(streams("--coremask=0xc --nb-cores=1") == [(2, 0, 1), (2, 1, 0), (2, 2, 2)], "nb-cores after")
    expect(streams("--nb-cores=1 --coremask=0xc") == [(2, 0, 1), (3, 1, 0), (3, 2, 2)], "coremask after")
    never(run(NULL3, "--coremask=0x7"), "core 0", "main thread")
    never(run(NULL3, "--coremask=0x100"), "core 8", "-l")
    never(run(NULL3, "--coremask=0xc --nb-cores=3"), "2 cores", "--coremask")
    good(run("-l 0 " + NULL2, "--coremask=1 " + SHORT))


@check
def others_do_not_forward():
    """A port that is not selected moves nothing, and is in no table."""
    r = good(run("-l 0 " + NULL3.split(" ", 3)[3], "--portmask=0x3 " + SHORT))
    expect(len(re.findall(r"Forward statistics for port", r.out)) == 2, r)
    expect("statistics for port 2" not in r.out, r)


# ---- what changes nothing ----

ENV_NOTHING = """
-m 1024|-m 64|--memory-size=64
--socket-mem=1024|--socket-mem 1024,0|--socket-mem=0,512|--numa-mem 1024,2048
--socket-limit=0|--socket-limit=0,0|--numa-limit=0
-n 4|-n 2|--memory-channels=4
-r 1|--memory-ranks 2
--legacy-mem
--match-allocations
--single-file-segments
--in-memory
--huge-unlink|--huge-unlink=always|--huge-unlink=never|--huge-unlink=existing
--huge-worker-stack|--huge-worker-stack=512
--base-virtaddr=0x100000000
--iova-mode=va|--iova-mode pa
--mbuf-pool-ops-name=ring_mp_mc
--file-prefix=pg1|--file-prefix testpmd0
--no-shconf
--proc-type=auto|--proc-type primary
-b 0000:02:00.0|--block=01:00.1|--pci-blacklist 0000:00:05.0
--no-pci
-d librte_net_virtio.so|--driver-path=librte_net_null.so|-d librte_pmd_ring.so.20.0|-d /usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_mempool_ring.so
--vfio-intr=msix|--vfio-intr=legacy
--vfio-vf-token=14d63f20-8445-11ea-8900-1f9ce7d5650d
--create-uio-dev
--force-max-simd-bitwidth=256|--force-max-simd-bitwidth=64
--no-hpet
--vmware-tsc-map
--syslog=daemon|--syslog local0
--no-telemetry
--telemetry
--trace-dir=/tmp
--trace-bufsz=2M
--trace-mode=overwrite
"""

APP_NOTHING = """
--no-flush-rx
--disable-link-check
--no-mlockall
--disable-flow-flush
--enable-scatter
--enable-drop-en
--enable-hw-vlan-filter
--disable-hw-vlan
--disable-hw-vlan-filter
--disable-hw-vlan-strip
--disable-hw-vlan-extend
--disable-hw-qinq-strip
--disable-rss
--rss-ip
--rss-udp
--rss-level-inner
--rss-level-outer
--rx-mq-mode=0x1
--rxq-share|--rxq-share=2
--eth-link-speed=10000|--eth-link-speed 25000
--numa
--no-numa
--port-numa-config=(0,0)
--ring-numa-config=(0,1,0),(0,2,0)|--ring-numa-config=(0,3,0)
--socket-num=0
--mp-alloc=native|--mp-alloc=xmemhuge|--mp-alloc=anon
--no-iova-contig
--rxpt=8
--rxht=8
--rxwt=4
--rxfreet=32
--txpt=36
--txht=0
--txwt=0
--txfreet=32
--txrst=32
--txqflags=0xf01|--txqflags=0
--crc-strip
--rx-queue-stats-mapping=(0,0,0)
--tx-queue-stats-mapping=(0,0,1),(0,1,2)
--rxoffs=0,16
--rxpkts=64,1500
--rxhdrs=ipv4-udp
--max-lro-pkt-size=8192
--pkt-filter-mode=none
--pkt-filter-report-hash=match
--pkt-filter-size=64K
--pkt-filter-flexbytes-offset=6
--pkt-filter-drop-queue=127
--hairpinq=0
--hairpin-mode=0x1
--hairpin-map=0:0:0:0:1
--num-procs=1
--proc-id=0
--hot-plug
--bitrate-stats=1
--latencystats=1
--vxlan-gpe-port=4790
--geneve-parsed-port=6081
--noisy-forward-mode=macswap
--noisy-tx-sw-buffer-size=10
--noisy-tx-sw-buffer-flushtime=10
--noisy-lkup-memory=1
--noisy-lkup-num-reads=1
--noisy-lkup-num-writes=1
--noisy-lkup-num-reads-writes=1
"""

# Not in the tables of those that change nothing: their usual arguments are so anyway.
ALSO_NOTHING = ["--tx-offloads=0x0", "--tx-offloads 0x8000", "--tx-offloads=0x18000", "--rx-offloads=0x0",
                "--rx-offloads=0x2000", "--burst=0", "--burst=32", "--port-topology=paired", "--forward-mode=io",
                "--forward-mode io", "--nb-cores=1", "--nb-ports=1", "--portmask=0x1", "--portmask=0x3", "--portlist=0",
                "--rxq=1 --txq=1", "--print-event=all", "--print-event unknown", "--mask-event=vf_mbox",
                "--txpkts=64"]


def lines(text):
    return [word for line in text.split("\n") for word in line.split("|") if word]


def table(name):
    """The options of a table of --help=markdown, all of their names."""
    part = good(run("--help=markdown")).out.split("<!-- table %s -->" % name)[1].split("<!-- end -->")[0]
    return [re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", u) for u in re.findall(r"^\| `(.+?)` \|", part, re.M)]


class Capture:
    """A capture forwarded, with what the prompt shows of its port: everything that an option could change."""

    def __init__(self):
        self.sent = packets(20)
        self.capture = write_pcap("in.pcap", self.sent)
        with open(path("shown"), "w") as f:
            f.write("show port info all\nshow config fwd\nshow config rxtx\nshow config cores\nshow port stats all\n"
                    "show rxq info 0 0\nshow txq info 0 0\n")
        self.plain = self.of("", "")

    def of(self, env, app):
        """What it prints, in a folder of its own."""
        with tempfile.TemporaryDirectory(dir=testpmd_util.TMP) as folder:
            args = ["-l", "0", "--no-huge", "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=out.pcap" % self.capture] + env.split() + \
                ["--", "--total-num-mbufs=4096", "--stop-after=20", "--cmdline-file-noecho=" + path("shown")] + app.split()
            r = subprocess.run([testpmd_util.APP] + args, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=testpmd_util.LIMIT)
            expect(r.returncode == 0, "%s: %s" % (args, r))
            expect(os.listdir(folder) == ["out.pcap"], "%s leaves %s" % (args, os.listdir(folder)))
            expect(read_pcap(os.path.join(folder, "out.pcap")) == self.sent, "%s: %s" % (args, r))
            return r.stdout

    def same(self, env, app):
        out = self.of(env, app)
        expect(out == self.plain, "%s %s: %r, and without it %r" % (env, app, out, self.plain))

    def all_same(self, lines_):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda line: self.same(*line), lines_))


@check
def environment_that_changes_nothing():
    c = Capture()
    c.all_same((word, "") for word in lines(ENV_NOTHING))
    c.same("-n 4 -m 512 --socket-mem=512 --file-prefix=a --proc-type=auto --no-pci --legacy-mem --iova-mode=va", "")


@check
def options_that_change_nothing():
    c = Capture()
    c.all_same(("", word) for word in lines(APP_NOTHING) + ALSO_NOTHING)
    c.same("", "--rss-ip --no-numa --disable-hw-vlan --tx-offloads=0x0 --rxfreet=32 --txfreet=32 --mbcache=512")


@check
def each_that_changes_nothing_was_tried():
    tried = lines(ENV_NOTHING) + lines(APP_NOTHING)
    for names in table("no-effect-before") + table("no-effect-after"):
        for name in names:
            expect(any(re.match(re.escape(name) + r"(?![\w-])", word) for word in tried), "nobody tried " + name)


@check
def reasons_are_given():
    """What somebody may have expected something of is noted, once and with the reason."""
    r = good(run("-m 64 --file-prefix=x --telemetry " + NULL2, "--rss-udp --eth-link-speed=10000 " + SHORT))
    for word in ("-m ", "--file-prefix ", "--telemetry ", "--rss-udp ", "--eth-link-speed "):
        found = [line for line in r.err.split("\n") if "no meaning here and is ignored: " in line and word in line]
        expect(len(found) == 1, "%s: %s" % (word, r))


# ---- what is refused ----

@check
def environment_that_is_refused():
    with tempfile.TemporaryDirectory() as plugins:
        open(os.path.join(plugins, "librte_net_null.so"), "w").close()
        good(run("-d %s %s" % (plugins, NULL2), SHORT))
        open(os.path.join(plugins, "mine.so"), "w").close()
        never(run("-d %s %s" % (plugins, NULL2)), "-d ", "/mine.so is no ELF file")
        os.rename(os.path.join(plugins, "mine.so"), os.path.join(plugins, "mine.so.1"))
        good(run("-d %s %s" % (plugins, NULL2), SHORT))
        for name in ("librte_net_null.so", "mine.so.1"):
            os.remove(os.path.join(plugins, name))
        expect("there is no .so file" in good(run("-d %s %s" % (plugins, NULL2), SHORT)).err, plugins)
    never(run("-d /my/pmd.so " + NULL2), "/my/pmd.so cannot be opened")
    never(run("--proc-type=secondary " + NULL2), "one process")
    never(run("--proc-type=third " + NULL2), "there are primary")
    never(run("--iova-mode=dc " + NULL2), "pa, va")
    never(run("--socket-mem=x " + NULL2), "--socket-mem=x")
    never(run("--socket-mem=64, " + NULL2), "--socket-mem=64,")
    never(run("--socket-limit=64 " + NULL2), "--socket-limit=64", "no limit by node")
    never(run("-n 0 " + NULL2), "-n=0")
    never(run("-m many " + NULL2), "-m=many")
    never(run("--huge-unlink=later " + NULL2), "--huge-unlink=later")
    never(run("--vfio-intr=irq " + NULL2), "--vfio-intr=irq")
    never(run("--vfio-vf-token=1 " + NULL2), "UUID")
    never(run("--force-max-simd-bitwidth=100 " + NULL2), "power of two")
    never(run("--base-virtaddr=here " + NULL2), "hexadecimal")
    never(run("--trace=lib.* " + NULL2), "nothing is traced")
    never(run("-s 0x100 -l 0 " + NULL2), "core 8", "-l")
    never(run("-a 0000:00:03.0 --no-pci"), "--no-pci and -a 0000:00:03.0 contradict")
    never(run("-w 0000:00:03.0 -b 00:03.0"), "-b contradict")
    never(run("--pci-whitelist=00:03.0 --vfio-intr=legacy"), "MSI-X only")
    never(run("-a 00:03.0 --vfio-vf-token=14d63f20-8445-11ea-8900-1f9ce7d5650d"), "token")


@check
def options_that_are_refused():
    for word, why in (("--disable-crc-strip", "CRC"), ("--enable-lro", "merges"),
                      ("--enable-hw-vlan", "tags"),
                      ("--enable-hw-vlan-extend", "tags"),
                      ("--flow-isolate-all", "flow rules"),
                      ("--multi-rx-mempool", "one pool"), ("--mp-anon", "--no-huge"), ("--hairpinq=1", "forwards by itself"),
                      ("--num-procs=2", "one process"), ("--proc-id=1", "one process"),
                      ("--pkt-filter-mode=perfect", "directs flows"), ("--pkt-filter-mode=none2", "did you mean none?"),
                      ("--pkt-filter-size=1M", "64K"), ("--pkt-filter-report-hash=no", "match"),
                      ("--rx-mq-mode=0x8", "0x4 (VMDq)"), ("--rx-mq-mode=x", "hexadecimal"),
                      ("--eth-link-speed=77", "no speed"), ("--mp-alloc=xmemhuge2", "native"), ("--mp-alloc=anon", "--no-huge"),
                      ("--port-numa-config=(0,9)", "node"), ("--port-numa-config=0,0", "(PORT,NODE)"),
                      ("--ring-numa-config=(0,4,0)", "1 (RX)"), ("--ring-numa-config=(0,3)", "(PORT,FLAG,NODE)"),
                      ("--socket-num=9", "node"), ("--rxpt=fast", "--rxpt=fast"), ("--txrst=-1", "--txrst=-1"),
                      ("--rx-queue-stats-mapping=(0,0)", "(PORT,QUEUE,COUNTER)"), ("--max-lro-pkt-size=1", "64 to"),
                      ("--vxlan-gpe-port=70000", "65535"), ("--rxoffs=1,x", "--rxoffs=x"),
                      ("--noisy-forward-mode=loud", "macswap"), ("--forward-mode=noisy", "noisy"),
                      ("--rx-offloads=0x81", "MACSEC_STRIP"), ("--rx-offloads=0x10", "TCP_LRO"),
                      ("--rx-offloads=0x12000", "KEEP_CRC"), ("--tx-offloads=0x80", "OUTER_IPV4_CKSUM"),
                      ("--tx-offloads=0x200", "VXLAN_TNL_TSO"), ("--tx-offloads=0x8011", "SCTP_CKSUM"),
                      ("--tx-offloads=0x8000000000000000", "0x8000000000000000"), ("--tx-offloads=y", "hexadecimal"),
                      ("--tx-offloads=0x10000000000000000", "64 bits"), ("--print-event=intr_lcs", "did you mean intr_lsc?"),
                      ("--mask-event=often", "intr_rmv"), ("--display-xstats=", "names"), ("--display-xstats=a,,b", "names"),
                      ("--disable-device-start", "-i"), ("--disable-device-start -i -a", "without --auto-start"),
                      ("--eth-peer=0", "0,02:00"), ("--eth-peer=64,02:00:00:00:00:01", "--eth-peer=64"),
                      ("--eth-peer=0,02:00:00:00:00", "address"), ("--burst=513", "0 to 512"),
                      ("--nb-cores=0", "--nb-cores=0"), ("--rxdd=64", "did you mean --rxd?")):
        never(run(NULL2, word), why)
    refused = {name for names in table("absent-before") + table("absent-after") for name in names}
    expect({"--trace", "--enable-lro", "--flow-isolate-all"} <= refused and len(refused) > 7, refused)


@check
def odd_values():
    """Whatever an argument is, the program runs, or ends with a sentence."""
    odd = ["", "0", "-1", "99999999999999999999999", "x" * 3000, "(0,0", ",,,", "a,b:c", "%s%n", "[[:foo:],8", "/", "0" * 300 + "1"]
    text = good(run("--help=markdown")).out
    names = [(part in ("environment", "no-effect-before", "absent-before"), name)
             for part, rows in re.findall(r"<!-- table (\S+) -->\n(.*?)<!-- end -->", text, re.S)
             for usage in re.findall(r"^\| `(.+?)` \|", rows, re.M)
             for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*(?=[=\[])", usage)]
    expect(len(names) > 90, len(names))

    def one(job):
        i, (before, name) = job
        word = name + "=" + odd[i % len(odd)]
        r = subprocess.run([testpmd_util.APP, "--no-huge", "-l", "0", "--vdev=net_null0"] + [word] * before +
                           ["--", "--run-time=0.01"] + [word] * (not before), stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, errors="replace", cwd=testpmd_util.TMP, timeout=testpmd_util.LIMIT)
        expect(r.returncode in (0, 1, 2) and "anitizer" not in r.stderr, "%s: %s" % (word[:80], r))
        expect(r.returncode != 2 or 0 < r.stderr.count("\n") <= 2, "%s: %s" % (word[:80], r))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, enumerate(names)))


@check
def nothing_is_touched_by_a_refusal():
    """Neither a file that would be written nor one that is there, whatever is wrong and wherever it stands."""
    there, made, stats = path("there.pcap"), path("made.pcap"), path("never.json")
    write_pcap("there.pcap", packets(3))
    with open(there, "rb") as f:
        before = f.read()
    good_ports = "--vdev=net_pcap0,tx_pcap=%s --vdev=net_pcap1,tx_pcap=%s " % (there, made)
    for env, app in ((good_ports + "--vdev=net_null0,siz=64", ""), (good_ports + "--vdev=net_nul0", ""),
                     (good_ports + "--vdev=net_null0,size=x", ""), (good_ports + "--vdev=virtio_user0,path=/x,packed_vq=1", ""),
                     (good_ports + "--vdev=virtio_user0,iface=tap0,path=/dev/vhost-net", ""),
                     (good_ports + "--vdev=net_pcap0,tx_pcap=" + path("other.pcap"), ""),
                     (good_ports + "-a 00:03.0,bounce=no", ""), (good_ports, "--enable-lro"), (good_ports, "--portmask=0x10"),
                     (good_ports, "--tx-offloads=0x80"), (good_ports, "--nb-ports=7")):
        r = run(env, "--stats-json=%s %s" % (stats, app))
        expect(r.rc == 2 and r.err.count("\n") == 1, r)
        with open(there, "rb") as f:
            expect(f.read() == before, "the file that was there is another: %s" % r)
        for name in (made, stats, path("other.pcap")):
            expect(not os.path.exists(name), "%s was made: %s" % (name, r))


# ---- what has an effect ----

@check
def old_names():
    r = good(run("--no-huge --vdev=eth_null0,size=128,copy=0 --vdev eth_null1,size=64,no-rx=1 -l 0", SHORT))
    expect("eth_null0: receives packets of 128 bytes" in r.out and "eth_null1: receives nothing" in r.out, r)
    sent = packets(10)
    good(run("--no-huge -l 0 --vdev=eth_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("old.pcap", sent), path("new.pcap")),
             "--stop-after=10"))
    expect(read_pcap("new.pcap") == sent, "eth_pcap0")
    r = good(run("--no-huge -l 0 --vdev=eth_ring0 --vdev=eth_ring1", SHORT + " --tx-first"))
    expect("eth_ring0: peer eth_ring1" in r.out, r)
    for name, why in (("net_vhost0,iface=/tmp/s0", "the device's side"), ("net_tap0,iface=tap0", "tcpreplay"),
                      ("eth_af_packet0,iface=eth0", "network interfaces"), ("net_af_xdp0,iface=eth0", "network interfaces"),
                      ("net_bonding0,mode=1", "DPDK's own"), ("eth_bond0", "DPDK's own"), ("net_memif", "DPDK's own"),
                      ("net_pcap0,iface=eth0", "tcpdump"), ("net_nul0", "did you mean net_null?"), ("crypto_null0", "There are")):
        r = run("--vdev=" + name)
        expect(r.rc == 2 and why.lower() in r.err.lower() and r.err.count("\n") == 1, r)
    r = good(run("--no-huge --lcores 0@0,1@0,2@1 --master-lcore 1 " + NULL2, SHORT))
    expect("Logical Core 0 (CPU 0) forwards" in r.out, r)


@check
def a_published_line():
    """One port, behind a path, with all that guides add to it; and which of it has an effect."""
    with Echo() as e:
        sent = packets(30)
        line = e.port.replace("--vdev=net_virtio_user0", "--vdev=virtio_user0") + ",cq=1,packed_vq=0,queues=1,queue_size=256," \
            "mrg_rxbuf=1,in_order=1,vectorized=1,server=0,speed=25000,mac=00:11:22:33:44:55"
        with open(path("commands"), "w") as f:
            f.write("show port info 1\n")
        r = good(run("-l 0 -n 4 --no-huge --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s %s" % (
            write_pcap("pub.pcap", sent), path("back.pcap"), line),
            "--portmask=0x3 --eth-peer=0,02:00:00:00:00:07 --tx-offloads=0x0 --forward-mode=mac --cmdline-file=%s --rss-ip "
            "--disable-hw-vlan --rxd=256 --txd=256 --stop-after=60" % path("commands")))
        expect("virtio_user0" in r.out and "Link speed: 25 Gbps" in r.out and "00:11:22:33:44:55" in r.out.upper(), r)
        back = read_pcap("back.pcap")
        expect([p[14:] for p in back] == [p[14:] for p in sent], r)
        expect({p[:6] for p in back} == {bytes([2, 0, 0, 0, 0, 7])}, back[0][:14])


@check
def peers():
    """--eth-peer and a file of them, as mode mac sends to them."""
    sent = packets(5)
    env = "--no-huge -l 0 --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("p.pcap", sent), path("q.pcap"))

    def to(app):
        good(run(env, "--forward-mode=mac --stop-after=5 " + app))
        (address,) = {p[:6].hex(":") for p in read_pcap("q.pcap")}
        return address
    expect(to("") == "02:00:00:00:00:00", "the default")
    expect(to("--eth-peer=0,52:54:00:aB:cD:eF") == "52:54:00:ab:cd:ef", "--eth-peer")
    expect(to("--eth-peer=1,52:54:00:00:00:01") == "02:00:00:00:00:00", "another port's")
    with open(path("peers"), "w") as f:
        f.write("52:54:00:00:00:0a\r\n52:54:00:00:00:0b \n")
    expect(to("--eth-peers-configfile=" + path("peers")) == "52:54:00:00:00:0a", "a file")
    for text, why in (("52:54:00:00:00:0a\nnonsense\n", "line 2"), ("\n", "line 1"), ("x" * 500, "line 1")):
        with open(path("peers"), "w") as f:
            f.write(text)
        never(run(env, "--eth-peers-configfile=" + path("peers")), why)
    never(run(env, "--eth-peers-configfile=" + path("none")), "No such file")
    never(run(env, "--eth-peers-configfile=/"), "directory")


@check
def version_first():
    r = good(run("-v -l 0 --no-huge " + NULL2, SHORT))
    expect(r.out.startswith("baton-testpmd ") and "RX-packets" in r.out, r)
    expect(good(run("-v")).out.count("\n") == 1, "-v alone")


@check
def log_levels():
    """What is logged is an error, a line of information or one for developers; DPDK's levels and names choose."""
    with Echo() as e:
        def logged(*levels):
            r = good(run(" ".join("--log-level=" + level for level in levels) + " --no-huge -l 0 " + e.port, "--run-time=0.02"))
            return ("debug" if "baton: debug: " in r.err else "info" if "baton: net_virtio_user0: direct" in r.err else "error"), r
        expect(logged()[0] == "info", "the default")
        for level in ("8", "debug", "lib.*:debug", "lib.eal:8", "pmd.net.virtio.*:debug", "pmd.*,debug", "^pmd.net.(virtio|null)$,8"):
            shown, r = logged("error", level)
            expect(shown == "debug" and "called" not in r.err, "%s: %s" % (level, r))
        for level in ("7", "info", "notice", "*:info", "6"):
            expect(logged("error", level)[0] == "info", level)
        for level in ("error", "4", "1", "emergency", "critical", "warning", "*:error", "lib.eal,3"):
            expect(logged(level)[0] == "error", level)
        shown, r = logged("error", "pmd.net.ixgbe:debug")
        expect(shown == "error" and 'called "pmd.net.ixgbe"' in r.err, r)
    expect("emergency" in good(run("--log-level=help")).out, "help")
    for level, why in (("loud", "there are"), ("9", "1 to 8"), ("0", "1 to 8"), ("pmd:", "there are"), ("[,8", "regular expression"),
                       ("x" * 200 + ":8", "127 bytes")):
        never(run("--log-level=%s %s" % (level, NULL2)), why)


@check
def cores_of_services():
    env = "--no-huge --lcores 0@0,1@0,2@1 "
    expect("Logical Core 2" in good(run(env + "-s 0x2 " + NULL2, SHORT)).out, "-s")
    expect("Logical Core 1" in good(run(env + "-S 2 " + NULL2, SHORT)).out, "-S")
    never(run(env + "-S 2 " + NULL2, "--nb-cores=2"), "1 core can forward")
    never(run(env + "-s 0x6 " + NULL2), "no core that forwards")
    never(run(env + "-s 0x1 " + NULL2), "main thread")


@check
def counters_on_display():
    out = good(script("--no-huge -l 0 --vdev=net_null0", "--display-xstats=rx_good_packets,rx_q0_packets", "show port stats 0",
                      "quit")).out
    expect(re.search(r"\n +Value +Rate \(since last show\)\n  rx_good_packets +0 +0\n  rx_q0_packets +0 +0\n  ####", out), out)
    r = run(NULL2, "--display-xstats=rx_god_packets " + SHORT)
    expect(r.rc == 1 and "did you mean rx_good_packets?" in r.err, r)
    never(run(NULL2, "--display-xstats=" + ",".join("abcdefghijklmnopqrstuvwxyzabcdefghij")), "36 counters")


@check
def events_of_links():
    def changes(app):
        out = good(script("--no-huge -l 0 --vdev=net_null0", app, "set link-down port 0", "set link-up port 0", 0.05, "quit")).out
        return "link state change event" in out
    expect(changes("--no-flush-rx"), "reported unless masked")
    for app in ("--mask-event=intr_lsc", "--mask-event all", "--no-lsc-interrupt",
                "--print-event=all --mask-event=intr_lsc"):
        expect(not changes(app), app)
    for app in ("--mask-event=intr_lsc --print-event=intr_lsc", "--mask-event=intr_rmv", "--no-rmv-interrupt"):
        expect(changes(app), app)


@check
def events_of_devices():
    for app, told in (("--no-flush-rx", True), ("--mask-event=intr_rmv", False), ("--no-rmv-interrupt", False),
                      ("--mask-event=all --print-event=intr_rmv", True)):
        with Echo() as e, Prompt("--no-huge -l 0 " + e.port, app) as p:
            p.wait("Interactive-mode selected")
            e.process.terminate()
            e.process.wait()
            p.until(lambda p=p: re.search(r"state: .*lost|[Ww]aiting|without its device|Link status: down",
                                          p.say("show port info 0")))
            e.process = subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE)
            rc, log = p.quit()
            expect(("device lost event" in log) == told, "%s: %s" % (app, log))


@check
def ports_that_wait():
    r = good(script("--no-huge -l 0 " + NULL2, "--disable-device-start", "start", "port start all", "start", 0.1, "stop", "quit"))
    expect("Not all ports were started" in r.out, r)
    expect(re.search(r"RX-packets: [1-9]", r.out.split("port start all")[1]), r)


@check
def renumbered_cores():
    cpu = sorted(os.sched_getaffinity(0))[-1]
    for how, first in (("-R", 0), ("--remap-lcore-ids", 0), ("--remap-lcore-ids=7", 7)):
        r = good(run("--no-huge -l %d %s --vdev=net_null0" % (cpu, how), SHORT))
        expect("Logical Core %d (CPU %d) forwards" % (first, cpu) in r.out, r)
    never(run("-l %d -R --main-lcore=1 %s" % (cpu, NULL2)), "--main-lcore=1")
    never(run("--remap-lcore-ids=x " + NULL2), "--remap-lcore-ids=x")


@check
def locked_memory():
    with open(testpmd_util.APP, "rb") as f:
        if b"san_init" in f.read():
            raise Skip("a sanitizer's mlockall() does nothing")

    def locked(app):
        with Prompt("--no-huge -l 0 --vdev=net_null0", "--total-num-mbufs=4096 " + app) as p:
            p.wait("Interactive-mode selected")
            with open("/proc/%d/status" % p.process.pid) as f:
                kib = int(re.search(r"VmLck:\s+(\d+)", f.read())[1])
            return kib, p.quit()[1]
    expect(locked("--no-mlockall")[0] == 0, "VmLck without it")
    kib, log = locked("--mlockall")
    expect(kib > 4096 or "memory may be swapped out" in log, "%d KiB: %s" % (kib, log))


@check
def sizes_of_bursts():
    """As dpdk-testpmd 22.11 shows them: empty bursts, the two commonest sizes, and the rest."""
    r = good(run("--no-huge -l 0 --vdev=net_null0 --vdev=net_null1,no-rx=1", "--record-burst-stats --burst=16 " + SHORT))
    port0, port1 = r.out.split("Forward statistics for port")[1:3]
    expect(re.search(r"TX-total: 0\n  RX-bursts : \d+ \[0% of 0 pkts \+ 100% of 16 pkts\]\n  ---", port0), port0)
    expect(re.search(r"\n  RX-bursts : \d+ \[100% of 0 pkts\]\n  TX-bursts : \d+ \[0% of 0 pkts \+ 100% of 16 pkts\]\n  ---", port1),
           port1)
    name = write_pcap("bursts.pcap", packets(40))
    r = good(run("--no-huge -l 0 --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (name, path("b.pcap")),
                 "--record-burst-stats --burst=32 --stop-after=40"))
    expect("  RX-bursts : 2 [0% of 0 pkts + 50% of 8 pkts + 50% of 32 pkts]\n" in r.out and
           "  TX-bursts : 2 [0% of 0 pkts + 50% of 8 pkts + 50% of 32 pkts]\n" in r.out, r)
    r = good(run("--no-huge -l 0 " + NULL2, "--record-burst-stats --rxq=2 --txq=2 " + SHORT))
    expect(len(re.findall(r"Queue= \d -------\n  RX-packets.*\n  RX-bursts : .*\n  TX-bursts : ", r.out)) == 4, r)
    expect("bursts" not in good(run("--no-huge -l 0 " + NULL2, SHORT)).out, "only when asked for")
    out = good(script("--no-huge -l 0 " + NULL2, "--no-flush-rx", "set record-burst-stats on", "start", 0.1, "stop",
                      "set record-burst-stats off", "start", 0.1, "stop", "quit")).out.split("Accumulated")
    expect("RX-bursts" in out[0] and "RX-bursts" not in out[1], out)


@check
def offloads():
    """The bits for checksums are the device's, where it has them."""
    r = run("--no-huge -l 0 --vdev=net_null0", "--rx-offloads=0xc " + SHORT)
    expect(r.rc == 1 and "cannot check checksums" in r.err, r)
    r = run("--no-huge -l 0 --vdev=net_null0", "--tx-offloads=0x8 " + SHORT)
    expect(r.rc == 1 and "cannot compute checksums\n" in r.err, r)
    r = run("--no-huge -l 0 --vdev=net_null0", "--tx-offloads=0x2 " + SHORT)
    expect(r.rc == 1 and "cannot compute checksums of IPv4 headers\n" in r.err, r)
    r = good(script("--no-huge -l 0 --vdev=net_null0", "--tx-offloads=0x60", "show port 0 tx_offload configuration", "quit"))
    expect("  Port : TCP_TSO UDP_TSO MULTI_SEGS\n" in r.out, r)
    tagged = [packet_util.eth(packet_util.ipv4(b"x" * 30, 253), 0x0800, tags=tags)
              for tags in ((), ((0x8100, 5),), ((0x88a8, 6), (0x8100, 7)))]
    write_pcap("tagged.pcap", tagged)
    for options, removed in (("", 0), ("--enable-hw-vlan-strip", 1), ("--rx-offloads=0x20", 2), ("--enable-hw-qinq-strip", 2),
                             ("--rx-offloads=0x21 --tx-offloads=0x101", 0)):
        good(run("--no-huge -l 0 --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (path("tagged.pcap"), path("tags.pcap")),
                 options + " --port-topology=loop " + SHORT))
        want = [f[:12] + f[12 + 4 * min(i, removed):] for i, f in enumerate(tagged)]
        expect(read_pcap("tags.pcap") == want, (options, read_pcap("tags.pcap")))
    out = good(script("--no-huge -l 0 --vdev=net_pcap0,rx_pcap=%s" % path("tagged.pcap"),
                      "--enable-rx-timestamp --enable-hw-vlan-strip --forward-mode=rxonly", "set verbose 1", "start", 0.3, "stop",
                      "show port info 0", "quit")).out
    expect("strip on, filter off, extend off, qinq strip off" in out, out)
    expect(len(re.findall(r" - timestamp [0-9]{19} ", out)) == 3 and "VLAN tci=0x6 - timestamp" in out, out)


if __name__ == "__main__":
    main()
