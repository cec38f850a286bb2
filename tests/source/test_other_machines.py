#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
All of the tree compiles for s390x: its bytes stand the other way round, its pages may be others, and it has nothing of
x86's. It is not linked: the libraries are this machine's, and only their headers, the same everywhere, are used.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GCC = "s390x-linux-gnu-gcc"
HEADERS = {"numa": "numa*.h", "cmocka": "cmocka*.h"}
CROSS = """
[binaries]
c = '%s'
ar = 's390x-linux-gnu-ar'
strip = 's390x-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
pkg_config_libdir = '%s'
[host_machine]
system = 'linux'
cpu_family = 's390x'
cpu = 's390x'
endian = 'big'
"""


def run(*args):
    r = subprocess.run([str(a) for a in args], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=600)
    if r.returncode:
        wrong = [line for line in r.stdout.split("\n") if "error" in line or "FAILED" in line]
        raise AssertionError("\n".join(wrong[:20] or r.stdout.split("\n")[-20:]))
    return r.stdout


# Who asks how large a page is, or has the size of x86's, in a name or a sum.
PAGES = re.compile(r"BATON_PAGE_4K|_SC_PAGE_?SIZE|getpagesize|\bPAGE_(?:SIZE|SHIFT|MASK)\b|"
                   r"[/%&*] *~?(?:4096|0x1000|4095|0xfff)(?:u?[lL]*)\b|\b4K\b")
# The one who asks; the public name; its refusal where pages are larger.
MAY = {"lib/base/page.h", "lib/include/baton/mem.h", "lib/mem/arena.c"}


class OtherMachines(unittest.TestCase):
    def test_pages_are_the_kernels(self):
        found = {(str(path.relative_to(ROOT)), line.strip())
                 for top in ("lib", "drivers", "apps") for path in (ROOT / top).rglob("*.[ch]")
                 for line in path.read_text().split("\n") if PAGES.search(line)}
        self.assertEqual({file for file, _ in found}, MAY, found)

    def test_s390x(self):
        if not shutil.which(GCC):
            self.skipTest("no " + GCC)
        with tempfile.TemporaryDirectory(prefix="baton-s390x-") as d:
            d = pathlib.Path(d)
            (d / "include").mkdir()
            (d / "cross").write_text(CROSS % (GCC, d))
            for name, files in HEADERS.items():
                found = list(pathlib.Path("/usr/include").glob(files))
                self.assertTrue(found, "no headers of " + name)
                for file in found:
                    shutil.copy(file, d / "include")
                (d / (name + ".pc")).write_text("Name: %s\nDescription: headers\nVersion: 1.1.7\nCflags: -I%s/include\nLibs:\n"
                                                % (name, d))
            build = d / "build"
            run("meson", "setup", build, "--cross-file", d / "cross", "-Ddefault_library=static", "-Dwerror=true",
                "-Dtests=true", "-Ddocs=disabled", "-Dhugetlbfs=disabled")
            targets = [line.split(":")[0] for line in run("ninja", "-C", build, "-t", "targets", "all").split("\n")]
            objects = [t for t in targets if t.endswith(".c.o")]
            for part in ("libbaton", "drivers_virtio", "example_driver", "example2", "apps/testpmd/", "tests/unit/", "perf/"):
                self.assertTrue(any(part in o for o in objects), part)
            self.assertFalse([o for o in objects if "avx" in o], "files of x86's")
            run("ninja", "-C", build, "-k0", *objects)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
