#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program that loads the library at run time, and unloads it before a thread that used it has ended."""
import pathlib
import subprocess
import sys
import unittest

LIBRARY = None
PROGRAM = """
import _ctypes, ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])

def use():
    ctx = ctypes.c_void_p()
    assert library.baton_ctx_create(None, ctypes.byref(ctx)) == 0
    assert library.baton_ctx_poll(ctx, 0) >= 0  # the thread is the context's control thread now
    assert library.baton_ctx_destroy(ctx) == 0
    _ctypes.dlclose(library._handle)

thread = threading.Thread(target=use)
thread.start()
thread.join()
print("joined")
"""


class Unload(unittest.TestCase):
    def test_thread_ends_after_the_library(self):
        needs = subprocess.run(["ldd", LIBRARY], stdout=subprocess.PIPE, text=True, check=True).stdout
        if "libasan" in needs or "libtsan" in needs or "libubsan" in needs:
            self.skipTest("a library with sanitizers cannot be loaded by a program without")
        done = subprocess.run([sys.executable, "-c", PROGRAM, LIBRARY], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "joined\n"))


if __name__ == "__main__":
    LIBRARY = str(pathlib.Path(sys.argv.pop(1)).resolve().parents[2] / "lib/link/libbaton.so")
    unittest.main()
