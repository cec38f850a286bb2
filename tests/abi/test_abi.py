#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
The library is compared with the description of each release: programs built with that release's headers run with it.

usage: test_abi.py LIBRARY       a libbaton.so built with -g, in its build folder
"""
import pathlib
import sys
import tempfile

import abi

ADVICE = """
Programs that were built with {0} would break. If {0} is not released yet, `devtools/abi --update` stores what is so; else a struct
grows at its end, if it carries its size, and a function that was released stays in its node.
"""


def main():
    library = pathlib.Path(sys.argv[1])
    try:
        abi.need(library)
    except abi.Missing as why:
        print("skipped:", why)
        return 77
    bad = 0
    assert abi.releases(), "there is no description"
    for release in abi.releases():
        with tempfile.TemporaryDirectory(prefix="baton-abi-") as tmp:
            found = abi.compare(release, library, [abi.ROOT / "lib/include", library.resolve().parents[1] / "include"],
                                pathlib.Path(tmp))
        print("not ok" if found else "ok", "programs of", release)
        if found:
            print(found + ADVICE.format(release))
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
