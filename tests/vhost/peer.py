# SPDX-License-Identifier: BSD-3-Clause
"""The other end of the vhost tests: dpdk-testpmd with a net_vhost port, and baton-testpmd."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

APP = sys.argv.pop(1) if len(sys.argv) > 1 else "baton-testpmd"
SOAK = os.environ.get("BATON_SOAK", "")
RESTART = os.environ.get("BATON_RESTART", "")
FLOWS = os.environ.get("BATON_FLOWS", "")
CONTROL = os.environ.get("BATON_CONTROL", "")
ASLEEP = os.environ.get("BATON_ASLEEP", "")
ECHO = os.environ.get("BATON_ECHO", "")
LIMIT = 120  # seconds that no program may take, unless a test says otherwise


class Peer:
    """dpdk-testpmd serving one vhost socket; a context manager that leaves nothing behind."""

    def __init__(self, mode="io", *extra, vhost="", port=None, queues=1, vdevs=()):
        self.dir = tempfile.mkdtemp(prefix="baton-vhost-")
        self.path = os.path.join(self.dir, "s0")
        self.log = open(os.path.join(self.dir, "peer.log"), "w+")
        self.args = ["dpdk-testpmd", "--lcores", "0@0,1@0", "--no-pci", "--in-memory", "-m", "256",
                     "--single-file-segments",
                     f"--vdev=net_vhost0,iface={self.path},queues={queues}{vhost}",
                     *(f"--vdev={v.replace('DIR', self.dir)}" for v in vdevs), "--", "--nb-cores=1",
                     "--total-num-mbufs=16384", f"--forward-mode={mode}", "--auto-start",
                     "--stats-period=1", *([f"--rxq={queues}", f"--txq={queues}"] if queues > 1 else ()), *extra]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        end = time.monotonic() + 20
        while not os.path.exists(self.path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the DPDK peer did not start:\n" + self.output()[-2000:])
            time.sleep(0.02)
        time.sleep(0.3)
        return self

    def stop(self, sig=signal.SIGINT):
        """End it. Return its output."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.output()

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if self.process:
            self.stop(signal.SIGKILL)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def baton_args(path, app, vdev="", env=""):
    return [APP, "-l", "0,1", "--no-pci", *env.split(),
            f"--vdev=net_virtio_user0,path={path}{vdev}", "--", *app.split()]


def baton(path, app, vdev="", env="", timeout=LIMIT, **kw):
    """Run baton-testpmd to its end. Return (exit status, output, seconds)."""
    begin = time.monotonic()
    p = subprocess.run(baton_args(path, app, vdev, env), stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **kw)
    return p.returncode, p.stdout, time.monotonic() - begin


def baton_start(path, app, vdev=""):
    return subprocess.Popen(baton_args(path, app, vdev), stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def total(output, what):
    """The accumulated `RX-total` or `TX-packets` and so on of the final table."""
    table = output.split("Accumulated forward statistics")[-1]
    m = re.search(rf"{what}: +(\d+)", table)
    return int(m[1]) if m else -1


def port_stats(output):
    """Pairs of RX-packets and RX-bytes from the peer's periodic statistics."""
    found = re.findall(r"RX-packets: (\d+) +RX-missed: \d+ +RX-bytes: +(\d+)", output)
    return [(int(p), int(b)) for p, b in found]
