# SPDX-License-Identifier: BSD-3-Clause
"""Baton against DPDK in a guest under emulation, in turn on the same two virtio-net NICs: the vm suite's scenario `speed`."""
import os
import re
import subprocess
import tempfile

from benchlib import Skip, row

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAIR = re.compile(r"pair \d+: (\d+) to (\d+) packets/s")


def guest(opt, paths, logs):
    """Pairs of one guest, in Mpps."""
    run = subprocess.run([os.path.join(ROOT, "tests/vm/run"), "--testpmd", opt.app, "--paths", paths, "--logs", logs,
                          "--keep", "--jobs", "1", "speed"], capture_output=True, text=True, check=False)
    text = run.stdout
    for name in os.listdir(logs):
        with open(os.path.join(logs, name), encoding="utf-8", errors="replace") as f:
            text += f.read()
        os.unlink(os.path.join(logs, name))
    if run.returncode != 0:
        raise Skip("the guest failed: " + (run.stdout.strip().split("\n") or [""])[-1])
    return [(int(a) / 1e6, int(b) / 1e6) for a, b in dict.fromkeys(PAIR.findall(text))]


def vm_row(opt, name):
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as directory:
        paths, logs = os.path.join(directory, "paths"), os.path.join(directory, "logs")
        os.mkdir(logs)
        with open(paths, "w", encoding="utf-8") as f:
            if subprocess.run([os.path.join(ROOT, "devtools/vm-setup")], stdout=f, check=False).returncode != 0:
                raise Skip("devtools/vm-setup failed")
        measured = []
        for _ in range(opt.pairs(6, 2)):
            measured += guest(opt, paths, logs)
    opt.notes[name] = "in a guest under emulation, where the emulated device often sets the pace"
    return row(name, measured, "Mpps", "higher")


ROWS = {"vm_virtio_pci_io_64": vm_row}
