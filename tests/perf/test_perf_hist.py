#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The histogram against exact order statistics and against other implementations, on 10^6 values.

usage: test_perf_hist.py HIST_IO HIST_REFERENCE_JS
"""
import array
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

PERCENTS = ["0.001", "1", "10", "25", "50", "75", "90", "95", "99", "99.9", "99.99", "99.999", "100"]


def made(n):
    """Delays from one nanosecond to a minute: a narrow mode, a wide one, and a heavy tail."""
    r = random.Random(9971)
    for _ in range(n):
        kind = r.random()
        if kind < 0.6:
            yield max(1, round(r.gauss(1500, 200)))
        elif kind < 0.95:
            yield 1 + round(r.lognormvariate(10, 2)) % 2 ** 36
        else:
            yield min(2 ** 36 - 1, round(1000 * r.paretovariate(0.7)))


def run(name, values, histograms):
    with open(name, "wb") as f:
        array.array("Q", values).tofile(f)
    out = subprocess.run([sys.argv[1], name, str(histograms), *PERCENTS], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"hist_io: exit status {out.returncode} {out.stderr}")
    return json.loads(out.stdout)


def is_close(got, exact):
    """At most one part in 1,024 above, never below."""
    return exact <= got <= exact + exact // 1024


def against_order_statistics(r, values):
    values = sorted(values)
    n = len(values)
    named = {"p50": "50", "p90": "90", "p99": "99", "p999": "99.9", "p9999": "99.99"}
    got = dict(zip(PERCENTS, r["percentiles"]))
    assert (r["n"], r["over"], r["min"], r["max"]) == (n, 0, values[0], values[-1]), r
    assert r["edges"] and all(r[k] == got[p] for k, p in named.items()), r
    assert abs(r["mean"] - sum(values) / n) <= 1e-9 * r["mean"], r["mean"]
    for p in PERCENTS:
        # As a fraction of whole numbers: what floating point makes of it is no excuse.
        whole, _, part = p.partition(".")
        rank = max(1, -(-int(whole + part) * n // (100 * 10 ** len(part))))
        assert is_close(got[p], values[rank - 1]), f"{p} %: {got[p]}, exact is {values[rank - 1]}"
    print(f"ok order_statistics_of_{n}_values")


def against_others(r, name):
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        print("skip other_implementations: node is not installed")
        return
    out = subprocess.run([node, sys.argv[2], name, *PERCENTS], capture_output=True, text=True)
    assert not out.returncode, out.stderr
    others = json.loads(out.stdout)
    for who, o in others.items():
        got = dict(zip(PERCENTS, r["percentiles"]))
        for p, value in zip(PERCENTS, o["percentiles"]):
            # Theirs is the highest value of a counter even above the maximum.
            assert got[p] == min(value, r["max"]), f"{who}: {p} %: {value}, here {got[p]}"
        assert is_close(o["max"], r["max"]) and r["min"] - r["min"] // 1024 <= o["min"] <= r["min"], f"{who}: {o}, here {r}"
        print(f"ok {who.split()[0]}")
    for who in ("node", "hdr-histogram-js"):
        if not any(o.startswith(who) for o in others):
            print(f"skip {who}: it is not installed")


def edges(name):
    empty = run(name, [], 1)
    assert not any(empty[k] for k in ("n", "min", "p50", "max", "mean")) and not any(empty["percentiles"]), empty
    zero = run(name, [0, 0, 0, 7], 2)
    assert (zero["min"], zero["p50"], zero["max"]) == (0, 0, 7), zero
    # What is too large is counted, and its maximum is known.
    large = run(name, [5, 2 ** 36 - 1, 2 ** 36, 2 ** 63], 3)
    assert (large["n"], large["over"], large["max"], large["p50"]) == (4, 2, 2 ** 63, 2 ** 36 - 1), large
    assert large["percentiles"][-1] == 2 ** 63 and large["p90"] == 2 ** 63, large
    print("ok edges")


def main():
    with tempfile.TemporaryDirectory(prefix="perf_hist.") as folder:
        name = os.path.join(folder, "values")
        values = list(made(10 ** 6))
        against_order_statistics(run(name, values, 5), values)
        against_others(run(name, values, 1), name)
        edges(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
