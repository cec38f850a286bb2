#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The throughput search over simulated devices, judged without its code.

The truth is the load at which a final-length trial exceeds the goal's loss ratio with the probability that is the goal's
exceed ratio; it is computed from the device's parameters. Where that probability climbs from 10 to 90 % within half a width,
the search has to be right within the width in 99 of 100 cases. In every case both bounds have to agree with a classifier of
its own over the recorded trials.

usage: test_search_sim.py SEARCH_SIM [SEEDS]
"""
import collections
import json
import math
import subprocess
import sys


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def poisson_above(mean, k):
    """P(X > k); the simulation draws from a normal distribution above a mean of 50."""
    if mean > 50:
        return normal_cdf((mean - k - 0.5) / math.sqrt(mean))
    if k > 200:
        return 0.0  # of a mean of 50 at most: less than a double can tell from 0
    term = total = math.exp(-mean)
    for i in range(1, k + 1):
        term *= mean / i
        total += term
    return max(0.0, 1 - total)


def chance_of_high_loss(run, goal, load):
    """P(the loss ratio of one final-length trial is above the goal's)."""
    sent = round(load * goal["trial"])
    least = load * (1 - goal["loss"])  # a capacity below loses too many
    capacity = run["capacity"]
    if run["device"] == "sharp":
        if not run["sigma"]:
            return float(capacity < least)
        return normal_cdf((least / capacity - 1) / run["sigma"])
    if run["device"] == "slow":
        ratio = min(1.0, run["slope"] * max(0.0, load / capacity - 1) ** 2)
        return poisson_above(sent * ratio, math.floor(goal["loss"] * sent))
    assert run["device"] == "bimodal"
    return (run["chance"] if capacity * run["low"] < least else 0) + (1 - run["chance"] if capacity < least else 0)


def load_of_chance(run, goal, chance):
    low, high = 1.0, 1e8
    for _ in range(40):
        middle = (low + high) / 2
        if chance_of_high_loss(run, goal, middle) > chance:
            high = middle
        else:
            low = middle
    return low


def classify(trials, goal):
    """What one load is, by the two extremes of what the missing time could still bring."""
    final, want = round(goal["trial"] * 1e9), round(goal["sum"] * 1e9)
    high = low = short_high = short_low = 0
    for _, seconds, sent, lost, _ in trials:
        time, is_high = round(seconds * 1e9), lost / sent > goal["loss"]
        if time < final:
            short_high, short_low = short_high + time * is_high, short_low + time * (not is_high)
        else:
            high, low = high + time * is_high, low + time * (not is_high)
    high += max(0, short_high - short_low * goal["exceed"] / (1 - goal["exceed"]))
    missing = max(0, want - high - low)
    best, worst = high / (high + low + missing), (high + missing) / (high + low + missing)
    if best > goal["exceed"]:
        return "upper"
    return "lower" if worst <= goal["exceed"] else "undecided"


def bounds(run, goal):
    loads = collections.defaultdict(list)
    for t in run["trials"]:
        if not t[4]:
            loads[t[0]].append(t)
    classes = {load: classify(trials, goal) for load, trials in loads.items()}
    upper = min((x for x, c in classes.items() if c == "upper"), default=math.inf)
    lower = max((x for x, c in classes.items() if c == "lower" and x < upper), default=0)
    return lower, upper, loads


def throughput(goal, load, trials):
    """The loss ratio at the (1 - exceed) quantile of the time of full-length trials."""
    times = sorted((t[3] / t[2], round(t[1] * 1e9)) for t in trials if round(t[1] * 1e9) >= round(goal["trial"] * 1e9))
    whole = max(sum(t for _, t in times), round(goal["sum"] * 1e9))
    done = 0
    for loss, time in times:
        done += time
        if done >= whole * (1 - goal["exceed"]):
            return load * (1 - loss)
    return 0.0


def judge(run, count, wrong):
    fail = lambda text: wrong.append(f"{run['device']} seed {run['seed']}: {text}")
    if run["end"] != "complete":
        fail(f"ended as {run['end']}")
    deterministic = run["device"] == "sharp" and not run["sigma"]
    if deterministic and len(run["goals"]) == 2:
        count["deterministic"] += 1
        count["longest"] = max(count["longest"], run["seconds"])
        if run["seconds"] > 90:
            fail(f"NDR and PDR of a deterministic device took {run['seconds']:.1f} s of trials, at most 90 are allowed")
    for goal in run["goals"]:
        lower, upper, loads = bounds(run, goal)
        count["goals"] += 1
        if (lower, upper if upper < math.inf else 0) != (goal["lower"], goal["upper"]):
            fail(f"{goal['name']}: bounds {goal['lower']:.0f} and {goal['upper']:.0f}, the classifier has {lower:.0f} and {upper:.0f}")
            continue
        if lower and abs(throughput(goal, lower, loads[lower]) - goal["throughput"]) > 1e-6 * lower:
            fail(f"{goal['name']}: conditional throughput {goal['throughput']:.1f}, expected {throughput(goal, lower, loads[lower]):.1f}")
        if goal["end"] == "all lower":
            if lower != max(loads):
                fail(f"{goal['name']}: said to be met by all loads, and is not")
            continue
        if goal["end"] != "regular" or not lower or upper - lower > goal["width"] * upper * (1 + 1e-6):
            fail(f"{goal['name']}: {goal['end']}, {lower:.0f} to {upper:.0f}")
            continue
        judge_truth(run, goal, count, wrong)


def judge_truth(run, goal, count, wrong):
    if run["device"] == "warming":
        return  # what is true there depends on when it is asked
    # A goal that allows no exceeding trial asks where the probability leaves 0.
    ten, ninety = load_of_chance(run, goal, min(0.1, goal["exceed"])), load_of_chance(run, goal, 0.9)
    if ninety - ten > goal["width"] / 2 * ninety:
        count["not steep"] += 1
        return
    truth = load_of_chance(run, goal, goal["exceed"])
    count["steep"] += 1
    if abs(goal["lower"] / truth - 1) > goal["width"] or abs(goal["upper"] / truth - 1) > goal["width"]:
        count["steep and wrong"] += 1


def main():
    seeds = sys.argv[2] if len(sys.argv) > 2 else "1000"
    process = subprocess.Popen([sys.argv[1], seeds], stdout=subprocess.PIPE, text=True)
    count, wrong, runs = collections.Counter(), [], 0
    for line in process.stdout:
        judge(json.loads(line), count, wrong)
        runs += 1
    status = process.wait()
    print(f"{runs} searches for {count['goals']} goals: {count['steep']} steep, {count['steep and wrong']} of them wrong; "
          f"{count['not steep']} not steep; {count['deterministic']} deterministic ones took at most {count['longest']:.1f} s of trials")
    print("\n".join(wrong[:20]))
    if wrong or status or runs != 4 * int(seeds):
        return f"{len(wrong)} wrong of {runs} searches, exit status {status}"
    for kind in ("deterministic", "steep", "not steep"):
        if count[kind] < int(seeds) // 10:
            return f"only {count[kind]} cases are {kind}: the test shows too little"
    if count["steep and wrong"] * 100 > count["steep"]:
        return f"{count['steep and wrong']} of {count['steep']} steep ones are off by more than the width; at most 1 in 100 may be"
    return 0


if __name__ == "__main__":
    sys.exit(main())
