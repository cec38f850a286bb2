#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""baton-perf rate, throughput and latency between two net_ring ports: what is sent comes back, whatever the machine does meanwhile.

A busy machine makes trials void (exit status 5), and never changes the accounts.

usage: test_perf_rate.py BATON_PERF SCHEMA
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

APP, SCHEMA = sys.argv[1:3]
PAIR = ("--no-huge", "--vdev=net_ring0", "--vdev=net_ring1")
QUICK = "quick:initial=0.05s,trial=0.05s,sum=0.05s,loss=0"
LOOP = ("--no-huge", "--vdev=net_ring0,peer=net_ring0")


def run(*args, status=(0, 5), say=None):
    r = subprocess.run([APP, *args], capture_output=True, text=True, timeout=120)
    what = " ".join(args)
    assert r.returncode in status, f"baton-perf {what}: exit status {r.returncode}, not {status}: {r.stderr}"
    for part in say or []:
        assert part in r.stderr, f"baton-perf {what}: {part!r} is not in {r.stderr!r}"
    return r


def measured(folder, *args, status=(0, 5)):
    name = os.path.join(folder, "run.json")
    r = run(*args, "-q", "--json=" + name, status=status)
    with open(name) as f:
        doc = json.load(f)
    try:
        import jsonschema
        with open(SCHEMA) as f:
            jsonschema.validate(doc, json.load(f), cls=jsonschema.Draft7Validator)
    except ImportError:
        pass
    assert (doc["end"] == "complete") == (r.returncode == 0), (doc["end"], r.returncode)
    return doc


def nothing_is_lost(doc, directions):
    """All accounts hold, and a link of memory loses and changes nothing."""
    for r in doc["runs"]:
        for t in r["trials"]:
            a = t["accounts"]
            assert a["sent"] > 0 and a["sent"] == a["unique"] == a["received"], a
            assert not any(a[k] for k in ("lost", "duplicate", "late", "damaged", "foreign", "reordered")), a
            if doc["command"] == "rate":
                assert [d["direction"] for d in t["directions"]] == directions, t
                assert sum(d["accounts"]["sent"] for d in t["directions"]) == a["sent"]
        if doc["command"] == "rate":
            assert [h["direction"] for h in r["latency"]] == directions
            for h, d in zip(r["latency"], r["trials"][0]["directions"]):
                assert h["count"] == d["accounts"]["unique"] and 0 < h["min_ns"] <= h["p50_ns"] <= h["max_ns"], h
            for h, d in zip(r["gaps"], r["trials"][0]["directions"]):
                assert h["count"] == d["accounts"]["sent"] - 1, h


def rates(folder):
    for args, directions, load in (
            ((*PAIR, "--rate=20kpps", "--size=64", "--size=imix", "--size=genome:aeg"), ["0 -> 1", "1 -> 0"], 20000),
            ((*PAIR, "--rate=20kpps", "--one-way", "--flows=1000", "--seed=3", "--dst=10.0.0.0-10.255.255.255"), ["0 -> 1"], 20000),
            ((*LOOP, "--rate=0.1%", "--link-speed=10Gbps", "--size=82", "--vlan=5-7", "--src=2001:2::1-2001:2::ff"), ["0 -> 0"],
             10e6 / 8 / 102),
            ((*LOOP, "--rate=10Mbps", "--size=9018", "--vlan=5", "--outer-vlan=1-4094", "--sport=1,2,9-11"), ["0 -> 0"],
             10e6 / 8 / 9038)):
        doc = measured(folder, "rate", *args, "--time=0.3")
        nothing_is_lost(doc, directions)
        for r in doc["runs"]:
            t = r["trials"][0]
            assert abs(t["load_pps"] - load) < 1e-6 * load, (t["load_pps"], load)
            for d in t["directions"]:
                # A busy machine ends a trial behind its pace, and that is told; none sends beyond it.
                n = d["accounts"]["sent"]
                assert 0 < n <= int(load * 0.3 + 1e-6), (d, t)
                assert n > load * 0.27 or t["void"] or d["rate_pps"] < load * 0.95, (d, t)


def refusals(folder):
    for args, say in (
            (PAIR, "at which rate?"), (("--rate=1kpps",), "which port?"),
            ((*PAIR, "--rate=1kpps", "--vdev=net_ring2"), "there are two ports already, net_ring0 and net_ring1"),
            ((*PAIR, "--rate=1kpps", "--size=64", "--src=::1", "--dst=::2"), "packets of IPv6 with 0 VLAN tags have 78 at least"),
            ((*PAIR, "--rate=1kpps", "--size=64,67", "--vlan=1"), "packets of IPv4 with 1 VLAN tags have 68 at least"),
            ((*PAIR, "--rate=20Mpps"), "carries at most"), (("--vdev=net_rong0", "--rate=1kpps"), "net_rong0"),
            ((*PAIR, "--rate=1kpps", "--eth-peer=2,02:00:00:00:00:01"), "write the number of a port"),
            ((*PAIR, "--rate=1kpps", "--flows=0"), "a number from 1 to"), ((*PAIR, "--rate=1kpps", "--sport=9-8"), "is empty")):
        run("rate", *args, status=(2,), say=[say])
    run("rate", *PAIR, "--rate=1kpps", "--src=::1", "--dst=1.1.1.1", status=(1, 2), say=["one is IPv4 and the other IPv6"])
    run("rate", "--no-huge", "--vdev=net_ring0,peer=net_ring7", "--rate=1kpps", "--one-way", status=(1, 2), say=["its link is down"])


def interrupted(folder):
    """Results so far are whole."""
    name = os.path.join(folder, "cut.json")
    p = subprocess.Popen([APP, "rate", *PAIR, "--rate=5kpps", "--time=100", "--size=64", "--size=128", "--json=" + name], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 4, (p.returncode, err)
    with open(name) as f:
        doc = json.load(f)
    assert doc["end"] == "interrupted" and "ended early: interrupted" in out, out
    nothing_is_lost(doc, ["0 -> 1", "1 -> 0"])
    assert len(doc["runs"]) == 1


def searches(folder):
    """Nothing is lost, so the highest load is a lower bound; on a busy machine the instrument's limit is below it."""
    doc = measured(folder, "throughput", *LOOP, "--max-load=20kpps", "--min-load=10kpps", "--goal=" + QUICK,
                   "--max-time=5s", status=(0, 5, 7))
    nothing_is_lost(doc, ["0 -> 0"])
    goal = doc["runs"][0]["search"]["goals"][0]
    assert goal["result"] in ("all lower", "regular", "unfinished"), goal
    if doc["end"] == "complete":
        assert goal["lower_pps"] == 20000, goal


def latencies(folder):
    """Each load has its histograms, and the instrument's own share unless that could not be measured."""
    doc = measured(folder, "latency", *LOOP, "--load=1kpps", "--load=3kpps", "--time=0.3")
    nothing_is_lost(doc, ["0 -> 0"])
    run_of = doc["runs"][0]
    assert [t["load_pps"] for t in run_of["trials"]] == [1000, 3000]
    seen = [h for h in run_of["latency"] if not h["instrument"]]
    own = [h for h in run_of["latency"] if h["instrument"]]
    assert [(h["load_pps"], h["label"], h["direction"]) for h in seen] == [(1000, None, "0 -> 0"), (3000, None, "0 -> 0")], seen
    assert all(h["direction"] == "loop" and h["count"] and h["load_pps"] in (1000, 3000) for h in own), own
    # By itself it takes parts of the load that a search has found, unless none could be found.
    doc = measured(folder, "latency", *LOOP, "--max-load=5kpps", "--min-load=4.9kpps", "--time=0.1", "--goal=" + QUICK, "--max-time=5s",
                   status=(0, 5, 7))
    goals = doc["runs"][0]["search"]["goals"]
    assert [g["name"] for g in goals] == ["quick"], goals
    if doc["end"] == "complete":
        labels = [h["label"] for h in doc["runs"][0]["latency"] if not h["instrument"]]
        assert labels == ["0 % of quick", "10 % of quick", "50 % of quick", "90 % of quick"], labels
        loads = [h["load_pps"] for h in doc["runs"][0]["latency"] if not h["instrument"]]
        assert loads == [50, 500, 2500, 4500], loads
    run("latency", *LOOP, "--goal=ndr", "--goal=pdr", status=(2,), say=["2 goals are given"])


for test in (rates, refusals, interrupted, searches, latencies):
    with tempfile.TemporaryDirectory(prefix="baton-perf-") as d:
        test(d)
    print("ok", test.__name__, flush=True)
