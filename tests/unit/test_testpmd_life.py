#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Ports and queues that are stopped, started, closed and reset by commands, also while others forward."""
import os
import re
import subprocess
import time

from testpmd_util import (LIMIT, NULL2, Prompt, Skip, check, command, expect, good, main, packets, path, read_pcap, refused,
                          run, script, totals, write_pcap)

TWO = "--lcores=(0-2)@%d " % min(os.sched_getaffinity(0))


def rates(out, port):
    """RX and TX packets of every `show port stats` of a port."""
    return [(int(a), int(b)) for a, b in re.findall(
        r"NIC statistics for port %d .*\n  RX-packets: (\d+) .*\n.*\n.*\n  TX-packets: (\d+)" % port, out)]


def home(r):
    """It ended well, with all buffers at home."""
    expect("LOST BUFFERS" not in r.out and "Bye" in r.out, r)
    return good(r)


@check
def port_stop_and_start():
    with Prompt(NULL2, "-a") as b:
        b.until(lambda: b.stats("rx_good_packets") > 1000)
        b.say("port stop 0")
        still, other = b.both(0), b.both(1)
        b.until(lambda: b.both(1)[0] > other[0] + 1000)
        expect(b.both(0) == still and b.both(1)[1] == other[1], "port 0 stands still, and port 1 receives on")
        b.say("port start 0")
        b.until(lambda: b.both(0)[0] > still[0] + 1000 and b.both(0)[1] > still[1] + 1000)
        rc, out = b.quit()
        rx, _, tx, dropped = totals(out)
        expect(rc == 0 and rx == tx + dropped and dropped > 0, "what port 0 could not send is dropped: %s" % out)


@check
def port_stop_all_and_again():
    with Prompt(NULL2, "-a") as b:
        for _ in range(5):
            b.moves(0, 1)
            b.say("port stop all", "port start all")
        b.moves(0, 1)
        expect("Not all ports were started: type port start 0" in b.say("stop", "port stop all", "start"), b.log)
        expect("port 1 is stopped already" in b.say("port stop 1"), b.log)
        expect("port 0 is started already" in b.say("port start all", "port start 0"), b.log)
        b.say("start")
        b.moves(0, 1)
        rc, out = b.quit()
        expect(rc == 0 and out.count("Accumulated") == 2, out)


@check
def port_stop_while_sending():
    for mode, counter in (("txonly", "tx_good_packets"), ("rxonly", "rx_good_packets"), ("csum", "tx_good_packets"),
                          ("icmpecho", "rx_good_packets"), ("macswap", "tx_good_packets")):
        with Prompt(NULL2, "-a --forward-mode=" + mode) as b:
            for _ in range(3):
                before = b.stats(counter)
                b.until(lambda n=before: b.stats(counter) > n + 1000)
                b.say("port stop 0", "port start 0")
            expect(b.quit()[0] == 0, b.log)


@check
def port_close():
    with Prompt(NULL2, "-a") as b:
        b.moves(0, 1)
        expect("Port 1 is closed" in b.say("port close 1"), b.log)
        b.moves(0)
        for command in ("show port info 1", "port start 1", "port 1 rxq 0 stop"):
            expect("port 1 is closed" in b.say(command), b.log)
        out = b.say("show port stats all")
        expect(len(rates(out, 1)) == 0 and len(rates(out, 0)) == 1, out)
        expect("RX P=0/Q=0 -> TX P=0/Q=0" in b.say("stop", "start"), "alone it forwards to itself: %s" % b.log)
        b.moves(0)
        expect("port 1: closed" in b.say("show config rxtx"), b.log)
        rc, out = b.quit()
        expect(rc == 0 and totals(out)[0] > 0 and totals(out)[1] == 0 and "Shutting down port 1" not in out, out)
    r = home(script(NULL2, "", "port close all", "start", "show port stats all", "port close 0", "quit"))
    expect("all ports are closed" in r.out and "NIC statistics" not in r.out, r)
    r = home(script(NULL2, "-a", 0.1, "port close all", 0.2, "quit"))
    expect("Accumulated" in r.out, r)


@check
def port_close_keeps_the_other_file():
    sent = packets(50)
    env = "--vdev=net_pcap0,rx_pcap=%s --vdev=net_pcap1,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    home(script(env, "-a", 0.3, "port close 0", "port close 1", "quit"))
    expect(read_pcap("out.pcap") == sent, "packets differ")


@check
def port_reset():
    with Prompt(NULL2, "-a") as b:
        b.moves(0, 1)
        expect("Port 0 is reset, and stopped" in b.say("port reset 0"), b.log)
        expect("Port state: stopped" in b.say("show port info 0"), b.log)
        expect("Port state: started" in b.say("port start 0", "show port info 0"), b.log)
        b.moves(0, 1)
        b.say("stop", "port reset all", "port start all", "start")
        b.moves(0, 1)
        expect(b.quit()[0] == 0, b.log)


@check
def queue_stop_and_start():
    with Prompt(TWO + NULL2, "-a --rxq=2 --txq=2 --nb-cores=2") as b:
        b.until(lambda: b.stats("rx_q0_packets") > 1000 < b.stats("rx_q1_packets"))
        b.say("port 0 rxq 1 stop")
        still, other = b.stats("rx_q1_packets"), b.stats("rx_q0_packets")
        b.until(lambda: b.stats("rx_q0_packets") > other + 1000)
        expect(b.stats("rx_q1_packets") == still, "a stopped queue")
        expect(b.say("show config rxtx").count("- stopped") == 1, "which is stopped")
        b.say("port 0 rxq 1 start")
        b.until(lambda: b.stats("rx_q1_packets") > still + 1000)
        b.say("port 1 txq 0 stop")
        still, other = b.stats("tx_q0_packets", 1), b.stats("tx_q1_packets", 1)
        b.until(lambda: b.stats("tx_q1_packets", 1) > other + 1000)
        expect(b.stats("tx_q0_packets", 1) == still, "a stopped TX queue")
        other = b.stats("rx_q0_packets")
        b.until(lambda: b.stats("rx_q0_packets") > other + 1000)
        rc, out = b.quit()
        expect(rc == 0 and totals(out)[3] > 0, "dropped at the stopped TX queue: %s" % out)
    r = home(script(NULL2, "", "port 0 rxq 1 stop", "port 0 txq 7 start", "port stop 0", "port 0 rxq 0 stop", "quit"))
    expect("Invalid RX queue 1 (must be < nb_rxq=1)" in r.out and "Invalid TX queue 7 (must be < nb_txq=1)" in r.out, r)
    expect("not started" in r.out, r)


@check
def link_down_and_up():
    with Prompt(NULL2, "-a") as b:
        for way in ("down", "up", "down", "up"):
            expect("Port 0: link state change event: link is " + way in b.say("set link-%s port 0" % way), b.log)
            expect("Link status: " + way in b.say("show port info 0"), b.log)
            here, other = b.both(0)[0], b.both(1)[0]
            b.until(lambda n=other: b.both(1)[0] > n + 1000)
            if way == "up":
                b.until(lambda n=here: b.both(0)[0] > n + 1000)
            else:
                expect(b.both(0)[0] == here, "received while the link is down")
        expect(b.quit()[0] == 0, b.log)


@check
def wrong_arguments_change_nothing():
    """The usage is shown, what is near is named, and the state stays as it was."""
    bad = {
        "port start|stop|close|reset N|all": ("port", "port stop", "port stop 0 1", "port stop -1", "port stop x"),
        "port N rxq|txq Q start|stop": ("port 0", "port 0 rxq", "port 0 rxq 0", "port 0 rxq x stop", "port 0 rxq 0 off",
                                        "port 0 rxq 0 stop now"),
        "set link-up|link-down port N": ("set link-down", "set link-down 0", "set link-down port x",
                                         "set link-down port all"),
        "set burst BURST": ("set burst", "set burst 0", "set burst 513", "set burst -1", "set burst 3x",
                            "set burst 16 16"),
        "set burst tx delay US retry RETRIES": ("set burst tx", "set burst tx delay 5", "set burst tx delay 5 retry",
                                                "set burst tx delay x retry 3", "set burst tx delay 1000001 retry 3",
                                                "set burst tx delay 5 retry 3 4"),
        "set promisc N|all on|off": ("set promisc", "set promisc 0", "set promisc 0 maybe", "set promisc x on"),
        "set allmulti N|all on|off": ("set allmulti", "set allmulti all", "set allmulti 0 1"),
        "mac_addr add|remove|set N MAC": ("mac_addr", "mac_addr set 0", "mac_addr set 0 1:2:3:4:5:6",
                                          "mac_addr set 0 02:00:00:00:00:0g", "mac_addr set 02:00:00:00:00:99",
                                          "mac_addr set 0 02:00:00:00:00:99:11"),
        "rx_vlan add|rm VID N": ("rx_vlan", "rx_vlan add", "rx_vlan add 5", "rx_vlan add 4096 0", "rx_vlan add x 0"),
        "show port info|stats|xstats N|all": ("show port", "show port info", "show port info x", "show port all 0"),
        "clear port stats|xstats N|all": ("clear", "clear port", "clear port stats", "clear port xstats x",
                                          "clear port info 0"),
        "show config fwd|cores|rxtx": ("show config", "show config x", "show config fwd x"),
        "show holders": ("show holders x", "show"),
        "help [control|display|config|ports|all]": ("help me", "help all all"),
    }
    for usage, lines in bad.items():
        r = home(script(NULL2, "", *lines, "show port info all", "show config rxtx", "set fwd io retry", "show config fwd",
                        "quit"))
        expect(r.out.count(usage) >= len(lines), "%s: %s" % (usage, r.out))
        expect(r.out.count("Port state: started") == 2 and r.out.count("Link status: up") == 2, r)
        expect("packets/burst=32" in r.out and "- stopped" not in r.out and "retry num: 64, delay between TX retries: 1us" in r.out, r)
        expect("MAC address: 02:00:00:00:00:00" in r.out, r)
    r = script(NULL2, "", "show prt info 0", "prot stop 0", "set brust 3", "port stpo 0", "set promisc al on", "quit")
    for near in ("port", "port", "burst", "stop", "all"):
        expect("did you mean %s?" % near in r.out, "%s: %s" % (near, r))
    r = script(NULL2, "", "port stop 2", "show port info 2", "set promisc 2 on", "quit")
    expect(r.out.count("Invalid port 2; there are 0 to 1") == 3, r)


@check
def settings_take_effect():
    r = home(script("--vdev=net_pcap0,tx_pcap=" + path("o"), "", "set burst 7", "start tx_first", 0.1, "stop", "quit"))
    expect(len(read_pcap("o")) == 7, r)
    r = home(script(NULL2, "-a", "set burst 1", 0.05, "set burst 512", 0.05, "set burst tx delay 3 retry 5", 0.05, "stop",
                    "set fwd io retry", "show config fwd", "quit"))
    expect("TX retry num: 5, delay between TX retries: 3us" in r.out, r)
    sent = packets(3)
    env = "--vdev=net_pcap0,rx_pcap=%s --vdev=net_null1,no-rx=1" % write_pcap("in.pcap", sent)
    home(script(env, "-a", "set burst 1", 0.2, "quit"))
    r = home(script(NULL2, "--forward-mode=txonly", "mac_addr set 0 02:00:00:00:00:77", "show port info 0",
                    "mac_addr set 0 03:00:00:00:00:77", "mac_addr add 0 02:00:00:00:00:78",
                    "mac_addr remove 0 02:00:00:00:00:78", "set promisc all on", "set allmulti 1 off", "rx_vlan add 5 0",
                    "show port info 0", "quit"))
    expect(r.out.count("MAC address: 02:00:00:00:00:77") == 2 and "multicast" in r.out, r)
    expect(r.out.count("has no promiscuous mode") == 2 and "no VLAN filter" in r.out, r)
    expect("no table of addresses" in r.out and "no further address 02:00:00:00:00:78" in r.out, r)


@check
def show_and_clear_xstats():
    r = home(script("--vdev=net_pcap0,tx_pcap=" + path("o"), "", "start tx_first", 0.2, "stop", "show port xstats 0",
                    "clear port xstats 0", "show port xstats all", "start tx_first 2", 0.2, "stop", "show port xstats 0",
                    "quit"))
    for name in ("tx_good_packets", "tx_q0_packets"):
        expect(re.findall(r"\n%s: (\d+)" % name, r.out) == ["32", "0", "64"], "%s: %s" % (name, r))
    expect("###### NIC extended statistics for port 0" in r.out, r)


@check
def streams_of_queues():
    """Streams go to cores in blocks, queue by queue, as dpdk-testpmd has it; icmpecho port by port."""
    def lines(app):
        r = home(script("--lcores=(0-4)@%d " % min(os.sched_getaffinity(0)) + NULL2, app, "start", 0.5, "stop",
                        "show config cores", "quit"))
        return [re.findall(r"RX P=(\d)/Q=(\d) -> TX P=(\d)/Q=(\d)", part)
                for part in r.out.split("forwards packets on ")[1:]], r

    got, r = lines("--rxq=2 --txq=2 --nb-cores=2")
    expect(got == [[("0", "0", "1", "0"), ("1", "0", "0", "0")], [("0", "1", "1", "1"), ("1", "1", "0", "1")]], got)
    expect("List of forwarding lcores:  1  2\n" in r.out, r)
    got, _ = lines("--rxq=2 --txq=2 --nb-cores=3")
    expect([len(g) for g in got] == [1, 1, 2], got)
    got, _ = lines("--rxq=2 --txq=2 --nb-cores=2 --forward-mode=icmpecho")
    expect(got == [[("0", "0", "0", "0"), ("0", "1", "0", "1")], [("1", "0", "1", "0"), ("1", "1", "1", "1")]], got)
    got, r = lines("--rxq=3 --txq=2")
    expect(len(got[0]) == 4 and "nobody forwards what arrives in RX queues 2 and up" in r.out, r)
    got, r = lines("--rxq=1 --txq=4")
    expect(len(got[0]) == 2, r)


@check
def mode_changes_cores():
    """A mode that joins other queues gives them other cores, with whatever was started."""
    with Prompt(TWO + NULL2, "--nb-cores=2") as b:
        b.say("start")
        b.moves(0, 1)
        for mode in ("icmpecho", "io"):
            expect("Port 0: its queues change cores" in b.say("stop", "set fwd " + mode, "start"), b.log)
            b.moves(0, 1)
        rc, out = b.quit()
        rx, _, tx, _ = totals(out)
        expect(rc == 0 and rx == tx > 0, out)


@check
def sleep_needs_ports_that_wake():
    refused(run(NULL2, "--sleep-idle"), "--sleep-idle", "port 0 (net_null0) cannot wake")
    refused(run(NULL2, "--sleep-idle --forward-mode=txonly"), "--sleep-idle", "txonly")


@check
def memory_is_modest():
    """Address space besides the pool: no reservations, no thread stacks of 8 MiB and no heap for each."""
    env = "--lcores=(0-8)@%d --no-huge " % min(os.sched_getaffinity(0)) + NULL2
    p = subprocess.Popen(command(env, "-i -a --rxq=4 --txq=4 --nb-cores=8"), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pool, text = b"", ""
    try:
        while b"Interactive-mode" not in pool and b"Logical Core 8" not in pool and len(pool) < 10000:
            pool += p.stdout.readline()
        time.sleep(0.3)
        with open("/proc/%d/status" % p.pid) as f:
            text = f.read()
    finally:
        p.communicate(b"quit\n", timeout=LIMIT)
    found = re.search(rb"(\d+) buffers of (\d+) bytes", pool)
    peak = int(re.search(r"VmPeak:\s+(\d+) kB", text)[1])
    if peak > 1 << 30:
        raise Skip("a sanitizer reserves address space of its own")
    expect(int(re.search(r"Threads:\s+(\d+)", text)[1]) == 9, text)
    expect(peak - int(found[1]) * (int(found[2]) + 64) // 1024 < 64 << 10, "VmPeak %d kB, pool %s" % (peak, found[0]))


if __name__ == "__main__":
    main()
