#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Which memory devices use: the options and what they refuse, ports without a device, and one in front of the echo backend."""
import json
import re

from sandbox import Echo
from testpmd_util import (NULL2, SHORT, Prompt, check, expect, good, main, packets, path, read_pcap, refused, run, script,
                          write_pcap)

ALL = "--bounce=always --confine=on --dma-limit=31 --ring-limit=31 --window=0x100000-0x1fffff+0-0xffff"


@check
def bad_values():
    """At parse time, before any port is opened."""
    for option, words in (("bounce=sometimes", "auto, always, never"), ("bounce=alway", "did you mean always?"), ("bounce=", "auto"),
                          ("confine=maybe", "off, on"), ("confine=1", "off, on"), ("dma-limit=8", "12 to 64"),
                          ("dma-limit=11", "12 to 64"), ("dma-limit=65", "12 to 64"), ("dma-limit=abc", "not a number"),
                          ("dma-limit=-1", "not a number"), ("dma-limit=", "not a number"), ("ring-limit=0", "12 to 64"),
                          ("ring-limit=99999999999999999999", "12 to 64"), ("window=junk", "START-END"), ("window=", "START-END"),
                          ("window=5-3", "0x5-0x3 ends before it starts"), ("window=0-0xffff+9-8", "0x9-0x8 ends before"),
                          ("window=0-1+", "START-END"), ("window=1", "START-END"), ("window=1-2-3", "START-END"),
                          ("window=-1-5", "START-END"), ("window=0-0x1ffffffffffffffff", "START-END"),
                          ("window=" + "+".join(["0-1"] * 33), "more than 32 windows")):
        r = run("--vdev=net_nowhere0", "--" + option)
        refused(r, "--" + option.split("+")[0], words)
        expect(r.rc == 2 and "net_nowhere" not in r.err, r)
    for option in ("bounce", "confine", "dma-limit", "ring-limit", "window"):
        refused(run(NULL2, "--" + option), "wants an argument")
        refused(run("--%s=x" % option), 'after the "--"')


@check
def contradiction():
    r = run(NULL2, "--bounce=never --confine=on")
    refused(r, "--confine=on copies every packet, and --bounce=never copies none")
    expect(r.rc == 2, r)
    good(run(NULL2, "--bounce=never --confine=off " + SHORT))


@check
def good_values():
    for option in ("--bounce=auto", "--bounce=always", "--bounce=never", "--confine=on", "--confine=off", "--dma-limit=12",
                   "--dma-limit=64", "--ring-limit=12", "--ring-limit=64", "--window=0-0", "--window=0-0xffffffffffffffff",
                   "--window=4096-8191+0-4095", ALL):
        good(run(NULL2, option + " --run-time=0.01"))


@check
def help_lists_them():
    out = good(run("--help")).out
    for word in ("--bounce=HOW", "--confine=on", "--dma-limit=BITS", "--ring-limit=BITS", "--window=START-END"):
        expect("\n  " + word in out, word)


@check
def ports_without_a_device():
    """The options are not for them, and nothing is said of it; their own arguments are refused with the reason."""
    sent = packets(40)
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    r = good(run(env, ALL + " --run-time=0.2"))
    expect(read_pcap("out.pcap") == sent and r.err == "", r)
    for env in ("--vdev=net_null0", "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")):
        for argument in ("bounce=auto", "confine=off", "dma-limit=64", "ring-limit=64", "window=0-0xffff"):
            refused(run(env + "," + argument), 'argument "%s" says how a device may reach memory' % argument.split("=")[0],
                    "port has no device: leave it out")
    expect("DMA: none, no device reaches memory" in good(script(NULL2, "", "show port info 0", "quit")).out, "show port info")
    name = path("stats.json")
    good(run(NULL2, "--run-time=0.01 --stats-json=" + name))
    with open(name) as f:
        expect([p["reach"] for p in json.load(f)["ports"]] == [None, None], "no reach in the JSON")


# ---- in front of the echo backend of the same build ----

@check
def there_and_back():
    """A capture goes round, direct, bounced and confined, and comes back as it was."""
    sent = packets(200)
    for options, bounced in (("", False), ("--bounce=always", True), ("--confine=on", True), ("--dma-limit=31", False),
                             ("--window=0x100000-0x4fffff", True)):
        with Echo() as e:
            name = path("stats.json")
            r = good(run("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s %s" % (write_pcap("in.pcap", sent), path("out.pcap"), e.port),
                         "%s --stop-after=400 --run-time=10 --stats-json=%s" % (options, name)))
            expect(read_pcap("out.pcap") == sent, "%s: %s" % (options, r))
            with open(name) as f:
                reach = json.load(f)["ports"][1]["reach"]
            expect(reach["bounced"] == bounced and (reach["tx_slots"] > 0) == bounced, "%s: %s" % (options, reach))
            expect(reach["confined"] == ("confine" in options), reach)
            # Said once, however often the port was started; in one line where all is direct.
            lines = [line for line in r.err.split("\n") if line.startswith("baton: net_virtio_user0: ")]
            end = [line for line in lines if " the backend at " in line]
            expect(len(end) == 1 and ("rings and slots only" if bounced else "tell exactly") in end[0], r)
            expect(len(lines) == 1 + (5 if bounced else 1), r)


@check
def a_port_of_its_own_mind():
    with Echo() as e:
        with Prompt(e.port + ",bounce=auto,window=0x40000000-0x4fffffff", "-a --bounce=always --dma-limit=40 --window=0-0xfff") as b:
            out = b.say("show port info 0")
            for words in ("DMA bounce mode: auto\n", "DMA address bits of packets: 40 (the device: 64)\n",
                          "DMA address bits of rings: 64\n", "DMA window: 0x40000000-0x4fffffff\n", "committed, until port reset"):
                expect(words in out, "%s: %s" % (words, out))
            expect(re.search(r"pool mb_pool_0 +0x4[0-9a-f]{7}-0x4[0-9a-f]{7} +\d+ [KM]iB  read, write\n", out), out)
            out = b.say("stop", "port stop 0", "port reset 0", "show port info 0")
            expect("DMA limits: not committed" in out and "DMA memory: none while the port is stopped" in out, out)
            out = b.say("port start 0", "show port info 0")
            expect("DMA window: 0x40000000-0x4fffffff\n" in out and "pool mb_pool_0" in out, out)
            rc, out = b.quit()
            expect(rc == 0, out)


@check
def refusals_name_the_numbers():
    with Echo() as e:
        for arguments, options, words in (
            ("", "--window=0-0x3fff", ("rings: 16 KiB are needed", "has 12 KiB", "a larger window")),
            ("", "--dma-limit=12", ("rx slots: 1 queue needs 5 slots", "at or below 0xfff", "a higher limit")),
            ("", "--bounce=never --dma-limit=20", ("bounce=never: mb_pool_0", "at or below 0xfffff")),
            (",dma-limit=32", "--window=0x100000000-0x1ffffffff", ("dma-limit limits", "0xffffffff", "0x100000000")),
            (",bounce=never", "--confine=on", ("confine=on copies every packet",)),
            (",bounce=sometimes", "--bounce=always", ("bounce=sometimes",)),
        ):
            r = run(e.port + arguments, options)
            refused(r, *words)
            # What no port could have is a command line that cannot be.
            expect(r.rc == (2 if "sometimes" in arguments else 1), r)
        good(run(e.port, SHORT))


if __name__ == "__main__":
    main()
