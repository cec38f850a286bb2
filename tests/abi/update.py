#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
Store the interface of the version in meson.build; see devtools/abi.

usage: update.py LIBRARY
"""
import pathlib
import re
import sys
import tempfile

import abi

library = pathlib.Path(sys.argv[1])
abi.need(library)
version = re.search(r"version: '([\d.]+)'", (abi.ROOT / "meson.build").read_text()).group(1)
with tempfile.TemporaryDirectory(prefix="baton-abi-") as tmp:
    text = abi.describe(library, pathlib.Path(tmp) / "new.abi").read_text()
    abi.stored(version).write_text(text)
abi.pack(library.resolve().parents[1] / "include/baton/config.h", abi.HERE / f"headers-{version}.txt")
print(f"stored: tests/abi/libbaton-{version}.abi and tests/abi/headers-{version}.txt")
