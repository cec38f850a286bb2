#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""baton-perf report: what it reads, what it refuses, and its exit statuses.

usage: test_perf_cli.py BATON_PERF REPORT_MADE
"""
import copy
import json
import os
import subprocess
import sys
import tempfile

APP, MADE = sys.argv[1:3]


def run(*args, status=0, say=None, out=None):
    r = subprocess.run([APP, *args], capture_output=True, text=True, timeout=60)
    what = " ".join(args)
    assert r.returncode == status, f"baton-perf {what}: exit status {r.returncode}, not {status}: {r.stderr}"
    for part in say or []:
        assert part in r.stderr, f"baton-perf {what}: {part!r} is not in {r.stderr!r}"
    for part in out or []:
        assert part in r.stdout, f"baton-perf {what}: {part!r} is not in {r.stdout!r}"
    assert status or not r.stderr, f"baton-perf {what}: {r.stderr}"
    return r


def command_line():
    run("--help", out=["Usage: baton-perf COMMAND", "report", "3 an assertion does not hold"])
    run("report", "--help", out=["Usage: baton-perf report [OPTIONS] FILE", "--html=FILE"])
    run("report", "-h", out=["--html=FILE"])
    run("--version", out=["baton-perf 0."])
    for args, say in (((), "which command?"), (("--json=x",), "--json belongs to "), (("repot",), "did you mean report?"),
                      (("report",), "report wants a FILE"), (("report", "a", "b"), '"b" is no option'),
                      (("report", "--htm",), "--htm"), (("report", "a", "--hmtl=x"), "there is no option --hmtl; did you mean --html?"),
                      (("report", "a", "--html"), "--html wants an argument, as in --html=FILE"),
                      (("report", "a", "--quiet=1"), "--quiet takes no argument"), (("report", "-x"), "there is no option -x"),
                      (("report", "a", "--json=x", "--json=y"), "it is given twice, first as x")):
        run(*args, status=2, say=[say])


def assertions(name):
    """The lower bound of ndr with 64 bytes is some 6.5 Mpps."""
    for text in ("64:ndr>=5Mpps", "64:ndr>5Mpps", "64:ndr<10Mpps", "64:ndr.upper<=6.9Mpps", "imix:pdr>=9.9Gbps", "latency.p99<=1s",
                 "64:loss<=10%", "64:rate>=1Mpps", "gap.p50<=1.1us", "jitter.max<1s"):
        run("report", name, "-q", "--assert=" + text)
    for text, say in (("64:ndr>=7Mpps", "ndr is 6."), ("64:ndr>=7Gbps", "Gb/s with packets of size 64"), ("ndr<3Mpps", "does not hold"),
                      ("imix:ndr.upper>1pps", "ndr.upper is not measured"), ("mrr>=1pps", "mrr is not measured"),
                      ("128:ndr>=1pps", "nothing was measured with packets of size 128"), ("latency.p50<=1ns", "latency.p50 is ")):
        run("report", name, "-q", "--assert=" + text, status=3, say=[say])
    for text, say in (("ndr", "is no comparison"), ("ndr=5Mpps", "is no comparison"), (">=5Mpps", "is no comparison"),
                      ("ndr>=5", "has no unit"), ("ndr>=5%", "not in percent"), ("ndr>=Mpps", "does not begin with a number"),
                      ("latency.p99<=5Mpps", '"5Mpps" is no time'), ("loss<=5pps", "is not %"), ("n d r>=5Mpps", "is no number of a report"),
                      ("ndr>=5Mpps" + "0" * 80, "is too long")):
        run("report", name, "--assert=" + text, status=2, say=[say])
    r = run("report", name, "--assert=64:ndr>=5Mpps", "--assert=64:ndr>=7Mpps", status=3)
    assert "assert 64:ndr>=5Mpps, size 64: holds" in r.stdout and "assert 64:ndr>=7Mpps, size 64: does not hold" in r.stdout, r.stdout


def files(folder, name):
    """Whether a result can be written is known first, and nothing is left behind."""
    html, other = os.path.join(folder, "a.html"), os.path.join(folder, "a.json")
    run("report", name, "--html=" + html, "--json=" + other, out=["ndr", "pdr"])
    with open(name) as a, open(other) as b:
        assert json.load(a) == json.load(b), "the JSON is another one"
    assert "<html" in open(html).read()
    for path, say in (("", "wants the name of a file"), (folder, "Is a directory; name a file in it"),
                      (folder + "/no/x", "its folder does not exist"), (name + "/x", "a part of the path is no folder")):
        for option in ("--html=", "--json="):
            r = run("report", name, option + path, status=2, say=[option.rstrip("="), say])
            assert not r.stdout, "something was printed before the file was refused"
    run("report", name, "-q", "--json=/dev/stdout", out=['"format"'])
    run("report", name, "-q", "--json=/dev/full", status=1, say=["No space left on device"])
    assert sorted(os.listdir(folder)) == ["a.html", "a.json", "report.html", "report.json", "report.txt"], os.listdir(folder)


def documents(folder, name):
    with open(name) as f:
        good = json.load(f)

    def variant(change):
        doc = copy.deepcopy(good)
        change(doc)
        path = os.path.join(folder, "variant.json")
        with open(path, "w") as f:
            json.dump(doc, f)
        return path

    def text(content):
        path = os.path.join(folder, f"text{len(os.listdir(folder))}.json")
        with open(path, "w") as f:
            f.write(content)
        return path

    goal = lambda d: d["runs"][0]["search"]["goals"][0]
    for path, say in ((folder + "/none", "No such file"), (text(""), "line 1"), (text('{\n"a": }'), "line 2, column"), (text("[]"), "no report"),
                      (text('{"a":1,"a":2}'), "duplicate"), (text("{}"), '"format" is not "baton-perf"'), (folder, "Is a directory")):
        run("report", path, status=1, say=[say] if path != folder else [folder])
    for change, say in ((lambda d: d.update(format_version=2), "has version 2 of the format, and this baton-perf reads version 1"),
                        (lambda d: d.pop("runs"), 'lacks "runs"'), (lambda d: d.update(runs={}), 'the wrong kind of "runs"'),
                        (lambda d: d["runs"][1].pop("size"), 'run 2 lacks "size"'),
                        (lambda d: d["runs"][0]["trials"][3].update(load_pps="x"), 'trial 4 has the wrong kind of "load_pps"'),
                        (lambda d: goal(d).pop("result"), 'goal 1 lacks "result"'), (lambda d: d.update(runs=[7]), 'run 1 lacks "size"')):
        run("report", variant(change), status=1, say=[say])

    def scale(by):
        def change(d):
            for run_ in d["runs"]:
                for g in run_["search"]["goals"]:
                    for key in ("lower_pps", "upper_pps", "throughput_pps", "throughput_bps"):
                        g[key] = g[key] and g[key] * by
        return change

    run("report", name, "--compare=" + name, out=["no change", "+0.00 %"])
    # Within both intervals there is no change; outside of them there is one.
    run("report", variant(scale(0.9999)), "-q", "--compare=" + name, out=["no change"])
    run("report", variant(scale(0.9)), "-q", "--compare=" + name, status=6, out=["worse", "-10.00 %"])
    run("report", variant(scale(1.1)), "-q", "--compare=" + name, out=["better", "+10.00 %"])
    run("report", variant(lambda d: goal(d).update(trial_s=60)), "-q", "--compare=" + name, out=["the goal has other values"])
    run("report", variant(lambda d: goal(d).update(name="gold")), "-q", "--compare=" + name, out=["not measured before"])
    run("report", name, "--compare=" + text("{}"), status=2, say=["--compare: ", "no report"])


def main():
    with tempfile.TemporaryDirectory(prefix="perf_cli.") as folder:
        subprocess.run([MADE, folder, "small"], check=True)
        name = os.path.join(folder, "report.json")
        command_line()
        assertions(name)
        files(folder, name)
        documents(folder, name)
    print("ok perf_cli")
    return 0


if __name__ == "__main__":
    sys.exit(main())
