# SPDX-License-Identifier: BSD-3-Clause
"""
The binary interface of a library built with -g: described by abidw (package abigail-tools), and compared by abidiff with what a release had.

A release is two files: libbaton-VERSION.abi, its functions and their types, of this kind of machine; headers-VERSION.txt, its public headers
without comments, which programs of the release were built with. Only what the public headers define counts: what a handle has inside is
private, and the node of the driver kit, BATON_DRIVER_N, has a version of its own.
"""
import pathlib
import platform
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADERS = ROOT / "lib/include/baton"
PUBLIC = """
[suppress_type]
  source_location_not_regexp = include/baton/[a-z_]+[.]h$
  drop = yes
"""
GROWS = """
[suppress_type]
  type_kind = struct
  name = %s
  has_data_member_inserted_at = end
  has_size_change = yes
"""
SYMBOL = re.compile(r"<elf-symbol name='(\w+)' version='([\w.]+)'")


class Missing(Exception):
    """Why nothing can be compared."""


def run(*args, **kwargs):
    return subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=600, **kwargs)


def done(*args, **kwargs):
    r = run(*args, **kwargs)
    if r.returncode:
        raise AssertionError(f"{args[0]} ended with {r.returncode}\n{r.stdout[-3000:]}")
    return r.stdout


def need(library):
    """Raise Missing if @library cannot be described here."""
    if platform.machine() != "x86_64":
        raise Missing("what is stored is the interface on x86_64, not on " + platform.machine())
    if not shutil.which("abidw"):
        raise Missing("there is no abidw (package abigail-tools)")
    if library and ".debug_info" not in done("readelf", "-SW", library):
        raise Missing("this build has no debug information (meson configure -Ddebug=true)")


def releases():
    return sorted(p.stem.split("-")[1] for p in HERE.glob("libbaton-*.abi"))


def stored(release):
    return HERE / f"libbaton-{release}.abi"


def describe(library, out):
    """Write the description of @library into the file @out. It is the same wherever the library was built."""
    suppressions = out.with_suffix(".public")
    suppressions.write_text(PUBLIC)
    text = done("abidw", "--suppr", suppressions, "--exported-interfaces-only", "--drop-undefined-syms", "--no-parameter-names",
                "--no-comp-dir-path", "--no-corpus-path", "--no-elf-needed", "--no-show-locs", "--type-id-style", "hash", library)
    text = re.sub(r" path='[^']*?((?:lib|drivers)/[^']*)'", r" path='\1'", text)
    lines = [line for line in text.splitlines(True) if not re.search(r"<elf-symbol .* version='BATON_[A-Z]", line)]
    # Functions and variables of the driver kit, whose names in C are not those of their symbols, so that no suppression of abidw drops them.
    text = re.sub(r" *<var-decl [^>]*@@BATON_[A-Z][^>]*/>\n", "", "".join(lines))
    text = re.sub(r" *<function-decl [^>]*@@BATON_[A-Z][^>]*>.*?</function-decl>\n", "", text, flags=re.S)
    assert not re.search("@@BATON_[A-Z]", text), "functions of the driver kit are in the description"
    out.write_text(text)
    return out


def pack(config, out):
    """Write the public headers and the build's config.h, without their comments, into one file."""
    text = ""
    for header in sorted([*HEADERS.glob("*.h"), config]):
        body = done("gcc", "-fpreprocessed", "-dD", "-E", "-P", header)
        text += f"==== {header.name}\n{body}"
    out.write_text(text)


def unpack(release, folder):
    """Make FOLDER/baton/*.h of a release's stored headers; returns @folder, for -I."""
    (folder / "baton").mkdir(parents=True)
    for part in (HERE / f"headers-{release}.txt").read_text().split("==== ")[1:]:
        name, body = part.split("\n", 1)
        (folder / "baton" / name).write_text(body)
    return folder


def growing(headers):
    """Names of the structs that carry their size, or whose size a call is told, in the folder @headers: these may get members at the end."""
    text = "\n".join(h.read_text() for h in sorted(pathlib.Path(headers).glob("baton/*.h")))
    names = set(re.findall(r"struct (baton_\w+) \{\s*size_t size;", text))
    names |= set(re.findall(r"struct (baton_\w+) \*\w+,\s*(?:unsigned n,\s*)?size_t size\)", text))
    return sorted(names)


def types(include, names, out):
    """A library of nothing but the types, as inline functions know them, too: some are no parameter of any function."""
    source = out.with_suffix(".c")
    source.write_text("#include <baton/baton.h>\n" + "".join(f"{kind} {name} *abi_{kind}_{name};\n" for kind, name in names))
    flags = [f"-I{i}" for i in include]
    done("gcc", "-g", "-O0", "-shared", "-fPIC", *flags, source, "-o", out)
    return out


def compare(release, library, include, tmp):
    """
    What programs of @release would stumble over in @library, whose headers are in the folders @include: a text for people, empty if nothing.
    @tmp is an empty folder.
    """
    old = unpack(release, tmp / "old")
    grows = tmp / "grows"
    grows.write_text("".join(GROWS % name for name in growing(old)))
    new = describe(library, tmp / "new.abi")
    r = run("abidiff", "--no-added-syms", "--suppr", grows, stored(release), new)
    found = r.stdout if r.returncode else ""
    text = "\n".join(h.read_text() for h in sorted(old.glob("baton/*.h")))
    names = sorted(set(re.findall(r"^(struct|enum) (baton_\w+)\s*\{", text, re.M)))
    assert len(names) > 30, names
    r = run("abidiff", "--suppr", grows, types([old], names, tmp / "old.so"), types(include, names, tmp / "new.so"))
    found += r.stdout if r.returncode else ""
    had, has = (set(SYMBOL.findall(p.read_text())) for p in (stored(release), new))
    assert len(had) > 100, had
    nodes = {node for _, node in had}
    for name, node in sorted(has - had):
        if node in nodes:
            found += f"{name} was added to {node}, which {release} has: functions of a later release are in a node of their own\n"
    return found
