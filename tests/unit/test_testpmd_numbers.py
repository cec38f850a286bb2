#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers agree: the final tables of ports and streams, their sum, the JSON, the counters by name and by queue, after
clears, stops, closed ports and reconfiguration, whenever they happen."""
import json
import os
import random
import re

from testpmd_util import (NULL2, Prompt, check, expect, good, main, packets, path, run, script, write_pcap)

PORT = r"Forward statistics for port (\d+) +-+\n(.*?)\n  -{60,}"
STREAM = (r"Forward Stats for RX Port= ?(\d+)/Queue= ?(\d+) -> TX Port= ?(\d+)/Queue= ?(\d+) -------\n"
          r"  RX-packets: (\d+) +TX-packets: (\d+) +TX-dropped: (\d+)")
LINES = r"  RX-packets: (\d+) +RX-dropped: (\d+) +RX-total: (\d+)\n(.*?)  TX-packets: (\d+) +TX-dropped: (\d+) +TX-total: (\d+)"


def lines(text):
    """A table's numbers; every total must be a sum."""
    m = re.search(LINES, text, re.S)
    expect(m, text)
    rx, rx_dropped, rx_total, between, tx, dropped, tx_total = (m[1], m[2], m[3], m[4], m[5], m[6], m[7])
    expect(int(rx) + int(rx_dropped) == int(rx_total) and int(tx) + int(dropped) == int(tx_total), text)
    error, nobuf = re.search(r"  RX-error: (\d+)\n", between), re.search(r"  RX-nombufs: (\d+) *\n", text)
    return {"rx_packets": int(rx), "tx_packets": int(tx), "tx_dropped": int(dropped),
            "rx_errors": int(error[1]) if error else 0, "rx_nobuf": int(nobuf[1]) if nobuf else 0}


def tables(out):
    """The last final tables: of ports, of streams (None where there are none), their sum."""
    parts = re.split(r"Waiting for lcores to finish...\n", out)
    expect(len(parts) > 1, out[-2000:])
    tail, accumulated = parts[-1].split("Accumulated forward statistics for all ports")
    ports = {int(p): lines(text) for p, text in re.findall(PORT, tail, re.S)}
    streams = [tuple(int(x) for x in s) for s in re.findall(STREAM, tail)]
    return ports, streams, lines(accumulated)


FIELDS = ("rx_packets", "tx_packets", "tx_dropped", "rx_nobuf")


def agree(out, stats):
    """What was printed last, and what was written at the end."""
    ports, streams, total = tables(out)
    expect(sorted(ports) == [p["port"] for p in stats["ports"]], ports)
    for p in stats["ports"]:
        for f in FIELDS + ("rx_errors",):
            expect(p[f] == ports[p["port"]][f], "%s of port %s: %s, %s" % (f, p["port"], p[f], ports[p["port"]]))
        for f in p["rx_queues"][0]:
            if f != "violations":
                expect(sum(q[f] for q in p["rx_queues"]) == p[f], "%s: %s" % (f, p))
        for f in p["tx_queues"][0]:
            if f != "violations":
                expect(sum(q[f] for q in p["tx_queues"]) == p[f], "%s: %s" % (f, p))
    for f in FIELDS:
        expect(total[f] == stats["total"][f] == sum(p[f] for p in stats["ports"]) ==
               sum(s[f] for s in stats["streams"]), "%s: %s %s" % (f, total, stats))
    several = len(stats["streams"]) > len(stats["ports"])
    want = [(s["rx_port"], s["queue"], s["tx_port"], s["queue"], s["rx_packets"], s["tx_packets"], s["tx_dropped"])
            for s in stats["streams"] if several and s["rx_packets"] + s["tx_packets"] + s["tx_dropped"]]
    expect(streams == want, "%s instead of %s" % (streams, want))


def read(name):
    with open(name) as f:
        return json.load(f)


def by_name(text):
    """`show port xstats`: the sums of queues and reasons must be the port's."""
    x = {k: int(v) for k, v in re.findall(r"\n(\w+): (\d+)", text)}
    for way in ("rx", "tx"):
        for field, port in (("packets", "good_packets"), ("bytes", "good_bytes"), ("errors", "errors"),
                            ("discarded", "discarded")):
            expect(sum(v for k, v in x.items() if re.fullmatch(rf"{way}_q\d+_{field}", k)) == x[f"{way}_{port}"], x)
        for k in [k for k in x if re.fullmatch(rf"{way}_q\d+_errors", k)]:
            expect(sum(v for e, v in x.items() if e.startswith(k[:-1] + "_")) == x[k], (k, x))
    expect(sum(v for k, v in x.items() if re.fullmatch(r"tx_q\d+_full", k)) == x["tx_full"], x)
    return x


@check
def every_mode():
    """What a stream received it has sent or dropped."""
    name = path("modes.json")
    for mode in ("io", "macswap", "csum", "rxonly", "txonly", "icmpecho"):
        for queues in (1, 3):
            r = good(run("-l 0,0 " + NULL2 if os.cpu_count() == 1 else NULL2,
                         "--forward-mode=%s --rxq=%d --txq=%d --run-time=0.2 --stats-json=%s" % (mode, queues, queues, name)))
            stats = read(name)
            agree(r.out, stats)
            for s in stats["streams"] if mode in ("io", "macswap", "csum") else []:
                expect(s["rx_packets"] == s["tx_packets"] + s["tx_dropped"], s)


@check
def the_last_start_counts():
    """Tables and JSON begin at the last start, or at a clear after that."""
    name = path("starts.json")
    r = good(script(NULL2, "--rxq=2 --txq=2 --stats-json=" + name, "start", 0.2, "stop", "start", 0.1, "stop", "quit"))
    agree(r.out, read(name))
    r = good(script(NULL2, "--rxq=2 --txq=2 --stats-json=" + name, "start", 0.2, "clear port stats all", 0.1, "stop", "quit"))
    agree(r.out, read(name))
    r = good(script(NULL2, "--stats-json=" + name, "start", 0.2, "clear port xstats 1", 0.1, "stop", "quit"))
    agree(r.out, read(name))
    r = good(script(NULL2, "--stats-json=" + name, "start", 0.2, "stop", "clear port stats all", "quit"))
    stats = read(name)["total"]
    expect(not any(stats.values()), stats)


@check
def dropped_is_cleared():
    """The packets for a port that is stopped are dropped; a clear is one of these, too."""
    name = path("dropped.json")
    r = script(NULL2, "--stats-json=" + name, "start", 0.1, "port stop 1", 0.2, "clear port stats all", "stop", "quit")
    stats = read(name)
    agree(r.out, stats)
    expect(stats["ports"][1]["tx_packets"] == 0, stats)


@check
def errors_and_no_buffers():
    """dpdk-testpmd's lines, when they are not zero; and why, by name."""
    src = write_pcap("odd.pcap", packets(3) + [b"x" * 10, b"y" * 13, b"z" * 9100])  # MTU 9000: 9,022 bytes
    name = path("odd.json")
    r = script("--vdev=net_pcap0,rx_pcap=%s" % src, "--mtu=9000 --stats-json=" + name, "start", 0.2, "stop",
               "show port xstats 0", "quit")
    expect(r.rc == 1 and "port 0 did not receive all of its capture: 3 packets" in r.out, r)
    agree(r.out, read(name))
    expect("  RX-error: 3\n  RX-nombufs: 0             \n  TX-packets" in r.out, r)
    part = r.out.split("Accumulated")[1]
    expect("  RX-error: 3\n" in part and "RX-nombufs" not in part, r)
    x = by_name(r.out.split("NIC extended statistics")[1])
    expect(x["rx_q0_error_runt"] == 2 and x["rx_q0_error_too_long"] == 1 and x["rx_errors"] == 3, x)
    r = good(run(NULL2, "--run-time=0.1"))
    expect("RX-error" not in r.out and "RX-nombufs" not in r.out and "Forward Stats for RX" not in r.out, r)


@check
def lost_in_a_full_disk():
    """Taken and not sent: TX-dropped, and no less so after a clear."""
    name = path("full.json")
    for clear in ((), ("clear port stats all",)):
        r = script("--vdev=net_pcap0,tx_pcap=/dev/full", "--forward-mode=txonly --stats-json=" + name, "start", 0.1, *clear,
                   0.1, "stop", "quit")
        stats = read(name)
        agree(r.out, stats)
        expect(r.rc == 1 and "packets that it could not send" in r.out, r)
        t = stats["total"]
        expect(t["tx_lost"] == t["tx_errors"] == t["tx_dropped"] and t["tx_packets"] == 0, t)


@check
def any_sequence():
    """Whatever is done meanwhile: at each stop tables, JSON and names agree."""
    name = path("any.json")
    actions = ["clear port stats all", "clear port stats 0", "clear port xstats 1", "port stop 0", "port start 0",
               "port stop 1", "port start 1", "port 0 rxq 1 stop", "port 0 rxq 1 start", "port 1 txq 0 stop",
               "port 1 txq 0 start", "set link-down port 0", "set link-up port 0", "port reset 1", "port start 1",
               "show port stats all", "show port xstats all", "stop", "start", "start tx_first 2"]
    for seed in range(4):
        rng = random.Random(seed)
        env = NULL2 if seed % 2 else "--vdev=net_null0 --vdev=net_pcap1,infinite_rx=1,rx_pcap=%s" % write_pcap(
            "in.pcap", packets(20) + [b"x" * 10])
        queues = 2 if seed % 2 else 1
        with Prompt(env, "--rxq=%d --txq=%d --stats-json=%s" % (queues, queues, name)) as p:
            p.say("start")
            for _ in range(30):
                what = rng.choice([a for a in actions if queues > 1 or "rxq 1" not in a])
                out = p.say(what)
                if what.startswith("show port xstats"):
                    for part in out.split("NIC extended statistics for port ")[1:]:
                        expect("rx_good_packets" in part, part)
            p.say("stop")
            for port in (0, 1):
                x = by_name(p.say("show port xstats %d" % port))
                out = p.say("show port stats %d" % port)
                expect(int(re.search(r"RX-packets: (\d+)", out)[1]) == x["rx_good_packets"], (out, x))
                expect(int(re.search(r"TX-packets: (\d+)", out)[1]) == x["tx_good_packets"], (out, x))
            # A last run from a clean start: the tables are the program's last word.
            p.say("port start all", "set link-up port 0", "start")
            if seed == 3:
                p.say("port close 1", "clear port stats all")
            p.say("stop")
            _, log = p.quit()
        agree(log.replace("Packet forwarding not started", ""), read(name))


main()
