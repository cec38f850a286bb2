#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Random commands, made from the usages that baton-testpmd itself shows, some of them spoilt: whatever is typed, the program goes
on, each line is answered, and in the end no buffer is missing.
"""
import json
import os
import random
import re
import subprocess

from testpmd_util import check, command, expect, main, packets, path, run, write_pcap

SECONDS = 60
LINES = 1500
WORDS = {
    "N": lambda r: r.choice(["0", "1", "0x1", "2", "3", "7", "99999999999999999999"]),
    "MAC": lambda r: r.choice(["02:00:00:00:00:21", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "02:0:0:0:0:1"]),
    "BURSTS": lambda r: r.choice(["1", "3", "0", "1000"]),
    "BURST": lambda r: r.choice(["1", "32", "512", "513", "0"]),
    "US": lambda r: r.choice(["0", "1", "1000001"]),
    "RETRIES": lambda r: r.choice(["0", "2", "x"]),
    "VID": lambda r: r.choice(["0", "5", "4095", "4096"]),
    "OUTER": lambda r: r.choice(["0", "4095", "4096"]),
    "MSS": lambda r: r.choice(["0", "1", "536", "1460", "1461", "65536"]),
    "Q": lambda r: r.choice(["0", "0", "1", "2", "63", "64", "65535"]),
    "DESC": lambda r: r.choice(["0", "5", "511", "512", "65535"]),
    "COUNT": lambda r: r.choice(["0", "1", "4294967295"]),
    "LEVEL": lambda r: r.choice(["1", "5", "8", "9"]),
    "VERBOSITY": lambda r: r.choice(["0", "0", "0", "4294967296"]),
    "NUMBER": lambda r: r.choice(["1", "2", "3", "64", "100", "128", "256", "1518", "0", "65", "4294967295"]),
    "HIGH": lambda r: r.choice(["0", "100", "10752", "4294967295"]),
    "LOW": lambda r: r.choice(["0", "50", "9216", "4294967296"]),
    "PAUSE": lambda r: r.choice(["0", "1664", "65535", "65536"]),
    "XON": lambda r: r.choice(["0", "1", "2"]),
    "MTU": lambda r: r.choice(["68", "1500", "9000", "67", "9001"]),
    "PORT": lambda r: r.choice(["0", "1", "2", "3", "64"]),
    "LIST": lambda r: r.choice(["0", "1", "0,1", "1,0", "0,1,2", "1,2", "3,1", "2", "0x3", "0x6", "1,1", "", "64", "64,64", "a", "0-2", ",", "0x" + "f" * 40]),
    "KEY": lambda r: r.choice(["6d5a" * 20, "00" * 40, "ab" * 52, "6d5", "zz", ""]),
    "MASK": lambda r: r.choice(["1", "0x3", "0", "zz"]),
    "NAME": lambda r: r.choice(["tcp_cksum", "multi_segs", "scatter", "nix", "auto", "1000", "mb_pool_0"]),
    "TYPE": lambda r: r.choice(["global", "pmd.net"]),
    "FILE": lambda r: path(r.choice(["commands", "none", ""])),
    "DEVICE": lambda r: r.choice(["all", "net_null%d" % r.randrange(2, 9), "net_null%d,size=1500" % r.randrange(2, 9), "nix",
                                  "net_pcap%d,rx_pcap=%s" % (r.randrange(2, 5), path("in.pcap")),
                                  "net_pcap%d,rx_pcap=%s" % (r.randrange(2, 5), path("none.pcap"))]),
}


def usages():
    tables = re.findall(r"<!-- table commands-(.*?)<!-- end -->", run("--help=markdown").out, re.S)
    return [u.replace("\\|", "|") for t in tables for u in re.findall(r"^\| `([^`]+)` \|", t, re.M)]


def word(r, of):
    of = of.strip("[]")
    if of.endswith("|all") and of[0].isupper() and r.random() < 0.4:
        return "all"
    name = of.split("|")[0]
    if of[0].isupper() and not of.startswith("E-"):
        return WORDS[name](r)
    return r.choice(of.split("|"))


def line(r, all_usages):
    words = []
    for part in r.choice(all_usages).split(" "):
        if part.startswith("[") and r.random() < 0.5:
            break
        words.append(word(r, part))
    spoilt = r.random()
    if spoilt < 0.05 and words:
        words.pop(r.randrange(len(words)))
    elif spoilt < 0.1:
        words.insert(r.randrange(len(words) + 1), r.choice(["all", "0", "-1", "x" * 300, "#", "%s%n", "\x01\xff", "set"]))
    elif spoilt < 0.12:
        r.shuffle(words)
    return " ".join(words)


def sums_agree(name, seed):
    """The streams, the ports and the total of the last run have the same packets."""
    with open(name) as f:
        doc = json.load(f)
    for field in ("rx_packets", "tx_packets", "tx_dropped"):
        for kind in ("ports", "streams"):
            total = sum(one[field] for one in doc[kind])
            expect(total == doc["total"][field], f"seed {seed}: {field}: {total} in {kind}, {doc['total'][field]} in all: {doc}")
    os.unlink(name)


def feed(seed, env, app):
    r = random.Random(seed)
    name = path("stats.json")
    app += " --stats-json=" + name
    known = [u for u in usages() if u != "quit"]
    lines = []
    while len(lines) < LINES:
        text = line(r, known)
        # Not so often that nothing else happens.
        if text.startswith(("port close", "port detach", "device detach")) and r.random() < 0.3:
            continue
        lines.append(text)
        now = r.random()
        if now < 0.03:
            lines += ["port start all", "start"]
        elif now < 0.06:
            lines.append("stop")
        elif now < 0.08:
            lines += ["stop", "port stop all"]
        elif now < 0.1:
            lines += ["port attach net_null%d" % r.randrange(2, 9), "port start all"]
    lines += ["stop", "show holders", "quit"]
    # Pools of any size: the hugepages are for the tests beside this one.
    p = subprocess.run(command("--no-huge " + env, app), input=("\n".join(lines) + "\n").encode("latin-1"),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    out = p.stdout.decode("latin-1")
    last = "\n".join(out.splitlines()[-15:])
    expect(p.returncode in (0, 1), f"seed {seed}: exit status {p.returncode}: {last}")
    expect(out.rstrip().endswith("Bye..."), f"seed {seed}: {last}")
    expect("LOST BUFFERS" not in out and "violation" not in re.sub(r"violations: 0", "", out), f"seed {seed}: {out[-3000:]}")
    # Nothing is left unanswered: as many prompts as lines, those of the file besides.
    expect(out.count("testpmd> ") >= len(lines), f"seed {seed}: {out.count('testpmd> ')} of {len(lines)} lines")
    held = re.findall(r"^ +(\d+)  (.*)$", out.rsplit("show holders", 1)[1], re.M)
    expect(held, f"seed {seed}: no holders in {last}")
    if os.path.exists(name):
        sums_agree(name, seed)
    return out


@check
def random_commands():
    write_pcap("in.pcap", packets(40))
    with open(path("commands"), "w") as f:
        f.write("show config fwd\nset burst 16\nload %s\n" % path("commands"))
    answers = ""
    for seed in range(3):
        answers += feed(seed, "-l 0 --vdev=net_null0 --vdev=net_null1,size=1500", "-i")
    answers += feed(3, "--lcores 0@0,1@0,2@0,3@0 --vdev=net_null0 --vdev=net_null1", "-i --rxq=2 --txq=2 --nb-cores=2")
    answers += feed(4, "-l 0 --vdev=net_null0", "-i --total-num-mbufs=3000")
    # It was not all refused.
    for words in ("is attached", "is detached", "Accumulated", "Number of forwarding ports set", "Configuring Port"):
        expect(words in answers, words)


if __name__ == "__main__":
    main()
