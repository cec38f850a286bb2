#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""net_ring in baton-testpmd: a pair as it comes, packets that circle, and captures through a pair."""
from testpmd_util import Prompt, check, expect, good, main, packets, path, read_pcap, refused, run, script, totals, write_pcap

PAIR = "-l 0,1 --no-huge --vdev=net_ring0 --vdev=net_ring1"


@check
def circle():
    """What tx_first sends goes round and round, and none of it is lost."""
    with Prompt(PAIR, "") as p:
        info = p.say("show port info 1")
        expect("02:00:00:02:00:01" in info and "peer net_ring0, which has 1 RX and 1 TX queues" in info, info)
        expect("Link status: up" in info, info)
        p.say("start tx_first 2")
        p.moves(0, 1)
        rc, out = p.quit()
        t = totals(out)
        expect(rc == 0 and t[0] <= t[2] <= t[0] + 128 and t[1] == t[3] == 0, out)


@check
def through_a_pair():
    """From a capture through a pair into another, byte for byte."""
    sent = packets(500)
    write_pcap("in.pcap", sent)
    for more in ("", ",peer=net_ring1"):
        r = good(run("-l 0,1 --no-huge --vdev=net_pcap0,rx_pcap=%s --vdev=net_ring0%s --vdev=net_ring1 --vdev=net_pcap1,tx_pcap=%s"
                     % (path("in.pcap"), more, path("out.pcap")), "--stop-after=1000"))
        expect(totals(r.all) == (1000, 0, 1000, 0), r)
        expect(read_pcap("out.pcap") == sent, "other packets")


@check
def asleep():
    r = script(PAIR, "--sleep-idle --rxq=2 --txq=2", "start tx_first", 0.2, "stop", "quit")
    t = totals(r.out)
    expect(r.rc == 0 and t[1] == t[3] == 0 < t[0], r)


@check
def refusals():
    refused(run(PAIR + " --vdev=net_ring5,peer=net_ring0", ""), "net_ring5", "net_ring0", "is the peer of net_ring1")
    refused(run(PAIR + ",peer=net_pcap0", ""), "net_ring1", "peer=net_pcap0")


if __name__ == "__main__":
    main()
