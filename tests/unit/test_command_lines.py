#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Command lines as they are published for dpdk-testpmd: each has its effect, changes nothing, or is refused in words."""
import re

from testpmd_util import NULL2, SHORT, check, expect, good, main, run, script

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


if __name__ == "__main__":
    main()
