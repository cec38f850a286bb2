#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make <baton/driver/...> of the library's own headers, for drivers from outside.

usage: headers.py copy OUT-DIRECTORY HEADER...
       headers.py kit OUT HEADER...           <baton/driver/kit.h>, which includes all of them
       headers.py version OUT MAP CONTRACT    <baton/driver/version.h>
       headers.py digest OUT MAP HEADER...    <baton/driver/digest.h>

A header is lib/FOLDER/NAME.h and becomes <baton/driver/FOLDER/NAME.h>. Its includes of others become <baton/driver/...>, so that nothing but
the prefix's include directory has to be on a driver's path. Each includes version.h, which says once that the kit's functions have a prefix in the
library: their names in C stay as they are here.

The digest is that of all that a driver is compiled with, apart from comments and blanks: the inline functions are part of the driver, so
the library takes only one that was built with the very same ones.
"""
import hashlib
import pathlib
import re
import sys

QUOTED = re.compile(r'^(\s*#\s*include\s+)"([^"]+)"', re.M)
GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n", re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
LICENSE = "/* SPDX-License-Identifier: BSD-3-Clause */\n"


def outside(text):
    """A header's text for drivers from outside."""
    text = QUOTED.sub(r"\1<baton/driver/\2>", text)
    version = "#include <baton/driver/version.h>\n"
    guard = GUARD.search(text)
    if guard:
        return text[:guard.end()] + "\n" + version + text[guard.end():]
    first = re.search(r"^#", text, re.M).start()
    return text[:first] + version + "\n" + text[first:]


def kit_names(version_script):
    """The names that the library exports to drivers, without their prefix."""
    return re.findall(r"\bbaton_kit_(\w+);", version_script)


def version(version_script, contract):
    """@contract: port/driver_file.h, which has the number."""
    number = re.search(r"^#define BATON_DRIVER_VERSION +(\d+)u?", contract, re.M).group(1)
    names = "".join(f"#pragma redefine_extname {n} baton_kit_{n}\n" for n in kit_names(version_script))
    return LICENSE + f"""/* The version of the driver interface, and what the library calls its functions. */
#ifndef BATON_DRIVER_VERSION_H
#define BATON_DRIVER_VERSION_H

#ifdef __cplusplus
#error "Baton's driver kit is for C: write the codecs and the table of the driver in C, which may call C++"
#endif
#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L
#error "Baton's driver kit needs C11 with GNU extensions: -std=gnu11 or later"
#endif

#include <baton/config.h>
#include "digest.h"

#define BATON_DRIVER_VERSION {number}u /* changes with what a driver's author has to know */
#define BATON_DRIVER_OUTSIDE 1  /* BATON_DRIVER_FILE() makes a file of it */

/* With the prefix, no function of the application's own is called in its place. */
{names}
#endif
"""


def digest(version_script, headers):
    h = hashlib.sha256("\n".join(kit_names(version_script)).encode())
    for name, text in sorted(headers):
        h.update((name + "\0" + " ".join(COMMENT.sub(" ", text).split()) + "\0").encode())
    return LICENSE + f"""/* Of all that a driver is compiled with. */
#ifndef BATON_DRIVER_DIGEST_H
#define BATON_DRIVER_DIGEST_H

#define BATON_DRIVER_DIGEST 0x{h.hexdigest()[:16]}ull

#endif
"""


def named(path):
    return f"{path.parent.name}/{path.name}"


def main(what, out, *files):
    out, files = pathlib.Path(out), [pathlib.Path(f) for f in files]
    texts = [f.read_text() for f in files]
    if what == "copy":
        for file, text in zip(files, texts):
            (out / file.name).write_text(outside(text))
    elif what == "kit":
        lines = "".join(f"#include <baton/driver/{named(f)}>\n" for f in sorted(files, key=named))
        out.write_text(LICENSE + "/* All that a driver may need, but for its bursts: <baton/driver/nic/bursts.h>. */\n"
                       "#ifndef BATON_DRIVER_KIT_H\n#define BATON_DRIVER_KIT_H\n\n" + lines + "\n#endif\n")
    elif what == "version":
        out.write_text(version(*texts))
    elif what == "digest":
        out.write_text(digest(texts[0], [(named(f), t) for f, t in zip(files[1:], texts[1:])]))


if __name__ == "__main__":
    main(*sys.argv[1:])
