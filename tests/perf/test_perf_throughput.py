#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The command throughput, over a simulated device: options, progress, ends and their exit statuses.

usage: test_perf_throughput.py THROUGHPUT_SIM
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time


def run(*args, status=0, say=(), **device):
    env = dict(os.environ, **{"SIM_" + k.upper(): str(v) for k, v in ({"capacity": 5e6, "link": 10e9} | device).items()})
    r = subprocess.run([sys.argv[1], "throughput", *args], capture_output=True, text=True, timeout=60, env=env)
    assert r.returncode == status, f"{args}: exit status {r.returncode}, not {status}: {r.stderr}"
    for part in say:
        assert part in r.stderr, f"{args}: {part!r} is not in {r.stderr!r}"
    return r


def goals(name, run_=0):
    with open(name) as f:
        return {g["name"]: g for g in json.load(f)["runs"][run_]["search"]["goals"]}


def results(name):
    r = run("--json=" + name)
    found = goals(name)
    assert list(found) == ["ndr", "pdr"] and found["ndr"]["lower_pps"] <= 5e6 <= found["ndr"]["upper_pps"], found
    assert found["pdr"]["lower_pps"] <= 5e6 / 0.995 <= found["pdr"]["upper_pps"], found
    assert "line rate 14.88 Mpps" in r.stdout and "regular" in r.stdout, r.stdout
    assert "size 64, trial " in r.stderr and " s to go" in r.stderr and "ndr 4.98 Mpps to " in r.stderr and "?" not in r.stderr, r.stderr
    assert not run("-q").stderr and not run("-q").stdout, "--quiet is not quiet"
    run("--json=" + name, "--size=64", "--size=imix", "--size=1518", "--goal=rfc2544:trial=2s", "--method=binary", "-q")
    with open(name) as f:
        doc = json.load(f)
    assert [r["size"] for r in doc["runs"]] == ["64", "imix", "1518"] and doc["end"] == "complete", doc
    assert doc["runs"][1]["search"]["method"] == "binary" and goals(name, 2)["rfc2544"]["result"] == "all lower", doc
    run("-q", "--assert=ndr>=4.9Mpps", "--assert=64:pdr>=3Gbps")
    run("-q", "--assert=ndr>=6Mpps", status=3, say=["--assert=ndr>=6Mpps does not hold: ndr is 5 Mpps with packets of size 64"])
    # No result is no success.
    run("-q", "--assert=ndr>=1pps", status=3, say=["ndr is not measured"], capacity=0)


def loads(name):
    run("--json=" + name, "-q", "--max-load=4Mpps", "--min-load=1Mpps")
    assert goals(name)["ndr"]["result"] == "all lower" and goals(name)["ndr"]["lower_pps"] == 4e6
    run("--json=" + name, "-q", "--link-speed=1Gbps", "--max-load=50%", "--size=1518")
    assert abs(goals(name)["ndr"]["lower_pps"] - 0.5e9 / 12304) < 1
    run("--json=" + name, "-q", say=["size 64: the sender makes at most 3 Mpps"], most=3e6)
    assert goals(name)["ndr"]["lower_pps"] == 3e6
    for args, say in ((["--max-load=50%"], "give it as --link-speed=10Gbps"), ([], "up to which load?")):
        run(*args, status=2, say=[say], link=0)
    for args, say in ((["--max-load=20Mpps"], "a link of 10 Gb/s carries at most 14.88 Mpps"), (["--size=10"], "10 is out of range"),
                      (["--goal=nbr"], 'there is no goal "nbr"'), (["--goal=ndr", "--goal=ndr"], "goal ndr is asked for twice"),
                      (["--method=linear"], "there are mlrsearch (RFC 9971) and binary"), (["--size=64", "--size=64"], "is given twice"),
                      (["--min-load=5Mpps", "--max-load=4Mpps"], "no load can be searched from"), (["--link-speed=64"], "has no unit"),
                      (["--max-time=soon"], "does not begin with a number"), (["--json=/none/x"], "its folder does not exist"),
                      (["x"], '"x" is no option')):
        r = run(*args, status=2, say=[say])
        assert not r.stdout, r.stdout


def ends(name):
    run("--json=" + name, "-q", status=5, say=["instrument limit: 3 trials at 14880952", "TX queue 0 was full"], void_from=10e6)
    with open(name) as f:
        doc = json.load(f)
    assert doc["end"] == "instrument limit" and doc["runs"][0]["search"]["voided"] == 3, doc
    run("--json=" + name, "-q", "--max-time=5s", status=7, say=["seconds of trials were not enough"])
    assert goals(name)["ndr"]["result"] == "unfinished"


def interrupted(name):
    """What was known is written, and said to be less than all."""
    env = dict(os.environ, SIM_CAPACITY="5e6", SIM_LINK="10e9", SIM_SLOW_MS="20")
    p = subprocess.Popen([sys.argv[1], "throughput", "--json=" + name, "--html=" + name + ".html", "--assert=ndr>=1Mpps"], env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:  # a line comes every ten seconds of trials
        if "trial " in line:
            break
    time.sleep(0.1)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    assert p.returncode == 4, (p.returncode, err)
    with open(name) as f:
        doc = json.load(f)
    assert doc["end"] == "interrupted" and doc["runs"][0]["trials"], doc
    assert "ended early: interrupted" in out and "Ended early (interrupted)" in open(name + ".html").read(), out


def main():
    with tempfile.TemporaryDirectory(prefix="perf_throughput.") as folder:
        name = os.path.join(folder, "a.json")
        for check in (results, loads, ends, interrupted):
            check(name)
            print("ok " + check.__name__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
