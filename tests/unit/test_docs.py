#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Options, commands and drivers' arguments: --help, `help`, baton-testpmd(1) and docs/testpmd.md say the same of them."""
import os
import pathlib
import re
import subprocess
import sys

import testpmd_util
from testpmd_util import NULL2, check, expect, good, main, run, script

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows():
    """{table: [(usage, help)]} of --help=markdown."""
    found, name = {}, None
    for line in good(run("--help=markdown")).out.split("\n"):
        m = re.match(r"<!-- table (\S+) -->", line)
        name = m[1] if m else name
        m = re.match(r"\| `(.+?)` \| (.*) \|$", line)
        if m:
            found.setdefault(name, []).append((m[1].replace("\\|", "|"), m[2].replace("\\|", "|")))
    return found


def options():
    return [(table, u, h) for table, list_ in rows().items() for u, h in list_ if u.startswith("-")]


def page():
    """The manual page without its requests and fonts."""
    return re.sub(r"\\f.", "", good(run("--help=man")).out).replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


@check
def the_guide_has_the_tables():
    r = subprocess.run([sys.executable, ROOT / "devtools/tables", "--check", testpmd_util.APP], capture_output=True,
                       text=True)
    expect(r.returncode == 0, r.stdout + r.stderr)


@check
def every_row_says_something():
    for table, list_ in rows().items():
        for usage, text in list_:
            expect(len(text) > 2 and not text.endswith("."), "%s: %s: %r" % (table, usage, text))
        expect(len({u for u, _ in list_}) == len(list_), "%s has a row twice" % table)
    expect(len(options()) > 80, len(options()))


@check
def help_has_every_option():
    text = good(run("--help")).out
    flat = " ".join(text.split())
    for table, usage, what in options():
        if table.startswith(("no-effect", "absent")):
            for name in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", usage):
                expect(re.search(r"(?<!\S)" + re.escape(name) + r"(?!\S)", text), name)
        else:
            expect(usage in flat and re.sub(r" \(old names: .*\)$", "", what) in flat, usage)
    expect(not re.search(r" $|.{100}", text, re.M), "a line of --help ends with a blank, or is long")


@check
def help_has_every_argument():
    flat = " ".join(good(run("--help")).out.split())
    for table, list_ in rows().items():
        for usage, what in list_ if table.startswith("net_") else []:
            expect(usage + " " + what in flat, "%s: %s" % (table, usage))


@check
def the_prompt_has_every_command():
    flat = " ".join(good(script(NULL2, "--no-flush-rx", "help all", "quit")).out.split())
    for table, list_ in rows().items():
        for usage, what in list_ if table.startswith("commands-") else []:
            expect(usage + " " + what in flat, usage)


@check
def the_page_has_every_row():
    text = page()
    for table, list_ in rows().items():
        for usage, what in list_:
            expect("\n%s\n" % usage in text, "%s: %s" % (table, usage))


@check
def every_name_is_an_option():
    """What the table names is parsed: the option is known, whatever becomes of its argument."""
    for table, usage, _ in options():
        for name in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", usage.split("=")[0].split("[")[0]):
            words = (name if "=" not in usage and " " not in usage.split(", ")[-1] else name + " 1").split()
            before = table in ("environment", "no-effect-before", "absent-before")
            r = subprocess.run([testpmd_util.APP] + (words if before else ["--"] + words), stdin=subprocess.DEVNULL,
                               capture_output=True, text=True)
            expect("no option" not in r.stderr and "could be" not in r.stderr and r.returncode in (0, 1, 2), r)


@check
def reproducible_page():
    env = dict(os.environ, SOURCE_DATE_EPOCH="86400")
    r = subprocess.run([testpmd_util.APP, "--help=man"], env=env, capture_output=True, text=True)
    expect(" 1970-01-02 " in r.stdout.split("\n")[0], r.stdout[:200])


if __name__ == "__main__":
    main()
