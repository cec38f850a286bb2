#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reports: the JSON against its schema, and every number of the HTML, in tables and charts, against the JSON.

usage: test_perf_report.py REPORT_MADE SCHEMA GUIDE
"""
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile

PERCENTILES = ["min_ns", "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns"]
UNITS = {"": 1, "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "%": 0.01,
         "pps": 1, "kpps": 1e3, "Mpps": 1e6, "b/s": 1, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9}


class Page(html.parser.HTMLParser):
    """Tables as lists of rows of (text, data-v), and the drawings of figures."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.figures, self.tags = [], [], set()
        self.row = self.cell = self.svg = None
        self.text = ""
        self.feed(text)
        self.end_row()

    def end_row(self):
        if self.cell is not None:
            self.row.append((self.text.strip(), self.cell))
        if self.row and self.tables:
            self.tables[-1][1].append(self.row)
        self.row = self.cell = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags.add(tag)
        if tag == "table":
            self.tables.append((a["data-table"], []))
        elif tag == "tr":
            self.end_row()
            self.row = []
        elif tag in ("td", "th") and self.row is not None:
            if self.cell is not None:
                self.row.append((self.text.strip(), self.cell))
            self.cell, self.text = a.get("data-v", ""), ""
        elif tag == "figure":
            self.figures.append((a["data-chart"], []))
        elif tag == "svg" and a["class"] != "m":
            self.svg = {"axes": a, "paths": [], "bars": []}
            self.figures[-1][1].append(self.svg)
        elif tag == "path" and self.svg:
            self.svg["paths"].append((a["class"], a["d"]))
        elif tag == "rect" and self.svg:
            self.svg["bars"].append(a)

    def handle_endtag(self, tag):
        if tag == "svg":
            self.svg = None
        elif tag in ("table", "thead", "tbody"):
            self.end_row()

    def handle_data(self, data):
        self.text += data

    def table(self, name):
        return [rows[1:] for n, rows in self.tables if n == name]

    def charts(self, name):
        return [svgs for n, svgs in self.figures if n == name]


def value_at(svg, axis, pixel):
    """What a place of a drawing means."""
    a = svg["axes"]
    low, high = float(a[f"data-{axis}0"]), float(a[f"data-{axis}1"])
    left, right, top, bottom = map(float, a["data-box"].split())
    part = (pixel - left) / (right - left) if axis == "x" else (bottom - pixel) / (bottom - top)
    return low * (high / low) ** part if axis in a["data-log"] else low + (high - low) * part


def is_at(svg, axis, pixel, value):
    """Whether a value is drawn there, to a tenth of a pixel; outside of the axis it is drawn on the edge."""
    a = svg["axes"]
    low, high = float(a[f"data-{axis}0"]), float(a[f"data-{axis}1"])
    value = min(high, max(low, value))
    near = [value_at(svg, axis, pixel - d) for d in (-0.11, 0.11)]
    return min(near) <= value <= max(near)


def dots(svg, css):
    return [tuple(map(float, m)) for c, d in svg["paths"] if c == f"d {css}" for m in re.findall(r"M([-\d.]+) ([-\d.]+)h0", d)]


def expect_dots(svg, css, points, what):
    drawn = dots(svg, css)
    assert len(drawn) == len(points), f"{what}: {len(drawn)} dots are drawn for {len(points)} values"
    for (px, py), (x, y) in zip(drawn, points):
        assert is_at(svg, "x", px, x) and is_at(svg, "y", py, y), \
            f"{what}: {x:g}, {y:g} is drawn at {value_at(svg, 'x', px):g}, {value_at(svg, 'y', py):g}"


def number(text):
    m = re.fullmatch(r"([-\d.e+]+) ?(\S*)", text)
    assert m, f"no number: {text!r}"
    return float(m[1]) * UNITS[m[2]]


def expect_cell(cell, value, what):
    text, exact = cell
    if value is None:
        assert text == "-", f"{what}: {text!r} for no value"
        return
    assert float(exact) == value, f"{what}: data-v is {exact}, the JSON has {value!r}"
    digits = 5e-4 if value else 0
    assert abs(number(text) - value) <= digits * abs(value) + 0.0005 * ("%" in text), f"{what}: {text!r} for {value!r}"


def counts(t):
    return not t["warm_up"] and not t["void"]


def check_goals(doc, page):
    rows = [r for t in page.table("goals") for r in t]
    goals = [(run, g) for run in doc["runs"] if run["search"] for g in run["search"]["goals"]]
    assert len(rows) == len(goals), f"{len(rows)} rows for {len(goals)} goals"
    for row, (run, g) in zip(rows, goals):
        what = f"size {run['size']}, goal {g['name']}"
        assert (row[0][0], row[1][0], row[7][0]) == (run["size"], g["name"], g["text"]), row
        for i, key in ((2, "throughput_pps"), (3, "throughput_bps"), (5, "lower_pps"), (6, "upper_pps")):
            expect_cell(row[i], g[key], f"{what}, {key}")
    return len(rows)


def check_trials(doc, page, whole):
    tables = page.table("trials")
    keys = ["sent", "unique", "lost", "duplicate", "late", "damaged", "foreign", "reordered"]
    n = 0
    for rows, run in zip(tables, [r for r in doc["runs"] if r["trials"]]):
        assert len(rows) == len(run["trials"]) or not whole and len(rows) < len(run["trials"]), len(rows)
        for row, t in zip(rows, run["trials"]):
            for cell, key in zip(row, ("start_s", "load_pps", "duration_s", "rate_pps")):
                assert abs(float(cell[0]) - t[key]) <= 1e-6 * abs(t[key]) + 5e-5, (cell, t[key])
            assert [int(c[0]) for c in row[4:12]] == [t["accounts"][k] for k in keys], row
            assert row[12][0].startswith("void: " + t["reason"] if t["void"] else "warm-up" if t["warm_up"] else ""), row
            n += 1
    return n


def check_histograms(doc, page):
    n = 0
    for kind in ("latency", "jitter", "gaps"):
        runs = [r for r in doc["runs"] if r[kind]]
        for rows, run in zip(page.table(kind), runs):
            for row, h in zip(rows, run[kind]):
                expect_cell(row[3], h["count"], f"{kind} count")
                for cell, key in zip(row[4:], PERCENTILES + ["mean_ns"]):
                    expect_cell(cell, h[key], f"{kind} {key}")
                n += 1
    return n


def check_charts(doc, page):
    """Wide and narrow ones, of documents in which nothing is left out."""
    n = 0
    with_loss = [r for r in doc["runs"] if sum(map(counts, r["trials"])) >= 2]
    assert len(page.charts("loss")) == len(with_loss), "charts of loss"
    for svgs, run in zip(page.charts("loss"), with_loss):
        assert len(svgs) == 2, "a wide and a narrow one"
        for svg in svgs:
            low, high = (float(svg["axes"]["data-x" + e]) for e in "01")
            points = [(t["load_pps"], t["loss_ratio"]) for t in run["trials"] if counts(t) and low <= t["load_pps"] <= high]
            assert points, "an empty chart"
            expect_dots(svg, "s0", points, "loss")
            n += len(points)
    for svgs, run in zip(page.charts("timeline"), [r for r in doc["runs"] if len(r["trials"]) >= 2]):
        kinds = {"void": lambda t: t["void"], "warm": lambda t: not t["void"] and t["warm_up"],
                 "ok": lambda t: counts(t) and not t["loss_ratio"], "bad": lambda t: counts(t) and t["loss_ratio"]}
        for svg in svgs:
            for css, is_kind in kinds.items():
                points = [(t["start_s"], t["load_pps"]) for t in run["trials"] if is_kind(t)]
                expect_dots(svg, css, points, f"time line, {css}")
                n += len(points)
    for svgs, run in zip(page.charts("latency"), [r for r in doc["runs"] if r["latency"]]):
        lines = [h for h in run["latency"] if not h["stream"]][:8]
        for svg in svgs:
            for i, h in enumerate(lines):
                expect_dots(svg, f"s{i}", [(k + 0.5, h[p]) for k, p in enumerate(PERCENTILES)], "latency")
                n += len(PERCENTILES)
    return n + check_bars(doc, page)


def check_bars(doc, page):
    n = 0
    for svgs in page.charts("throughput"):
        values = [g["throughput_bps"] for run in doc["runs"] for g in run["search"]["goals"] if g["throughput_bps"]]
        for svg in svgs:
            assert len(svg["bars"]) == len(values), "bars of throughput"
            assert all(is_at(svg, "y", float(b["y"]), v) for b, v in zip(svg["bars"], values)), "throughput"
            n += len(values)
    gaps = [h for run in doc["runs"] for h in run["gaps"]]
    assert len(page.charts("gaps")) == len(gaps), "charts of gaps"
    for svgs, h in zip(page.charts("gaps"), gaps):
        assert sum(b[2] for b in h["bins"]) == h["count"], "bins"
        bars = [b for b in h["bins"][:-1] if b[2]]
        for svg in svgs:
            assert len(svg["bars"]) == len(bars), f"{len(svg['bars'])} bars of {len(bars)} gaps"
            for drawn, (low, _, count) in zip(svg["bars"], bars):
                assert is_at(svg, "y", float(drawn["y"]), count) and is_at(svg, "x", float(drawn["x"]), low), "gaps"
            n += len(bars)
    return n


def check_schema(doc, schema):
    try:
        import jsonschema
    except ImportError:
        print("skip schema: python3-jsonschema is not installed")
        return
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(doc, schema, cls=jsonschema.Draft7Validator)
    # The schema is no empty one: each part that is missing is noticed.
    for key in list(doc):
        less = {k: v for k, v in doc.items() if k != key}
        assert not jsonschema.Draft7Validator(schema).is_valid(less), f"the schema does not miss {key}"


def check_guide(schema, guide):
    """docs/perf-report.md has every member and every word of the schema."""
    def words(node):
        for key, value in node.items() if isinstance(node, dict) else ():
            if key == "properties":
                yield from value
            if key == "enum":
                yield from value
            yield from words(value)
        for value in node if isinstance(node, list) else ():
            yield from words(value)

    named = set(re.findall(r"`([^`\n]+)`", guide))
    missing = set(words(schema)) - named - {"rate", "replay", "latency", "throughput", "pps", "bps", "ratio", "ns"}
    assert not missing, f"docs/perf-report.md does not name {sorted(missing)}"


def check_page(text, page):
    assert len(text.encode()) <= 500000, f"{len(text.encode())} bytes of HTML"
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "a", "base"}, page.tags
    assert not re.search(r"https?:|url\(|@import|\son\w+=", text), "the file needs others"
    for part in ("prefers-color-scheme:dark", "@media print", "@media(max-width", "name=viewport"):
        assert part in text, part


def check_text(doc, text):
    for run in doc["runs"]:
        for g in run["search"]["goals"] if run["search"] else []:
            line = next((x for x in text.splitlines() if x.split()[:1] == [g["name"]] and x.rstrip().endswith(g["result"])), None)
            assert line, f"{g['name']} is missing in the table"


def main():
    with open(sys.argv[2]) as f:
        schema = json.load(f)
    with open(sys.argv[3]) as f:
        check_guide(schema, f.read())
    for kind in ("small", "early", "hostile", "rate", "large"):
        with tempfile.TemporaryDirectory(prefix="perf_report.") as folder:
            subprocess.run([sys.argv[1], folder, kind], check=True)
            doc, text, table = (open(os.path.join(folder, "report." + x)).read() for x in ("json", "html", "txt"))
            assert sorted(os.listdir(folder)) == ["report.html", "report.json", "report.txt"], os.listdir(folder)
        doc = json.loads(doc)
        page = Page(text)
        whole = kind != "large"
        if whole:
            check_schema(doc, schema)
        check_page(text, page)
        check_text(doc, table)
        seen = {"goals": check_goals(doc, page), "trials": check_trials(doc, page, whole), "histograms": check_histograms(doc, page),
                "marks in charts": check_charts(doc, page) if whole else 0}
        assert seen["trials"], seen
        if kind == "small":
            assert min(seen.values()) >= 4, seen
        if kind == "early":
            assert "Ended early (interrupted)" in text and "unfinished" in text and doc["runs"][0]["trials"], "an early end"
        if kind == "hostile":
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text, "markup"
        print(f"ok {kind}: {len(text)} bytes of HTML, " + ", ".join(f"{v} {k}" for k, v in seen.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
