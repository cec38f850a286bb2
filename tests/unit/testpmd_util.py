# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of baton-testpmd share: they run it, read its tables and captures, and are run one by one.

Usage of such a test: PATH-OF-baton-testpmd [NAME-PART]
One line a check: "ok NAME", "not ok NAME: why" or "skip NAME: why". Exit status 1 when any failed.
"""
import json
import os
import random
import re
import select
import struct
import subprocess
import sys
import tempfile
import time

APP = ""
TMP = ""
LIMIT = 20  # seconds that no run may take


class Skip(Exception):
    pass


class Run:
    def __init__(self, rc, out, err, seconds):
        self.rc, self.out, self.err, self.seconds = rc, out, err, seconds
        self.all = out + err

    def __str__(self):
        return "rc=%s err=%r out=%r" % (self.rc, self.err[-600:], self.out[-600:])


def command(env, app=None):
    return [APP] + env.split() + (["--"] + app.split() if app is not None else [])


def run(env, app=None, stdin="", preexec=None):
    begin = time.monotonic()
    p = subprocess.run(command(env, app), input=stdin.encode(), capture_output=True, timeout=LIMIT,
                       preexec_fn=preexec)
    return Run(p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"),
               time.monotonic() - begin)


def script(env, app, *commands):
    """
    Run a list of commands through the prompt. A number is a pause in seconds, which begins when the program has read the
    command before it, or has begun to forward, however long it took to get there.
    """
    p = subprocess.Popen(command(env, "-i " + app), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    out, sent, end = b"", 0, time.monotonic() + LIMIT
    try:
        for c in commands:
            if isinstance(c, (int, float)):
                until = b"testpmd> " if sent else b"packet forwarding"
                while out.count(until) < max(sent, 1) and time.monotonic() < end:
                    if select.select([p.stdout], [], [], 0.1)[0]:
                        piece = os.read(p.stdout.fileno(), 65536)
                        if not piece:
                            break
                        out += piece
                time.sleep(c)
            else:
                p.stdin.write(c.encode() + b"\n")
                p.stdin.flush()
                sent += 1
        out += p.communicate(timeout=LIMIT)[0]
    except BrokenPipeError:
        out += p.communicate(timeout=LIMIT)[0]
    finally:
        p.kill()
    return Run(p.returncode, out.decode(errors="replace"), "", 0)


class Prompt:
    """baton-testpmd -i, its output read as it comes."""

    def __init__(self, env, app):
        self.log = ""
        self.process = subprocess.Popen(command("--no-pci " + env, "-i " + app),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self):
        self.log += (self.process.stdout.read() or b"").decode()
        return self.log

    def wait(self, text, seconds=LIMIT, after=0):
        """Until the output has `text`. Return: where it ends."""
        end = time.monotonic() + seconds
        while text not in self.read()[after:]:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"no {text!r} (exit status {self.process.returncode}) in {self.log[-3000:]}")
            time.sleep(0.01)
        return self.log.index(text, after) + len(text)

    def say(self, *lines):
        """
        Commands, each obeyed before the next. Return: the output of the last. A busy machine may keep a forwarding thread
        away for longer than a stop waits for it: such a command is given again.
        """
        end = time.monotonic() + LIMIT
        for line in lines:
            start = -1
            while start < 0 or ("did not leave its queues" in self.log[start:] and time.monotonic() < end):
                start = len(self.read())
                self.process.stdin.write(f"{line}\nshow config cores\n".encode())
                self.process.stdin.flush()
                self.wait("List of forwarding lcores", after=start)
        return self.log[start:]

    def stats(self, name, port=0):
        out = self.say(f"show port xstats {port}")
        return int(re.search(rf"\n{name}: (\d+)", out)[1])

    def both(self, port):
        """Packets received and sent."""
        return self.stats("rx_good_packets", port), self.stats("tx_good_packets", port)

    def moves(self, *ports):
        """These ports receive."""
        for port in ports:
            before = self.both(port)[0]
            self.until(lambda p=port, n=before: self.both(p)[0] > n + 1000)

    def until(self, what, seconds=LIMIT):
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                raise AssertionError(f"it never was so: {self.read()[-3000:]}")
            time.sleep(0.02)

    def quit(self):
        os.set_blocking(self.process.stdout.fileno(), True)
        out = self.process.communicate(b"stop\nquit\n", timeout=LIMIT)[0]
        self.log += out.decode()
        return self.process.returncode, self.log

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def expect(condition, what):
    if not condition:
        raise AssertionError(str(what))


def good(r):
    expect(r.rc == 0, r)
    return r


def refused(r, *words):
    """A clear error, within a second, that says each of the words."""
    expect(r.rc > 0, r)
    for w in words:
        expect(w in r.err, "%r not in %s" % (w, r))
    expect(r.seconds < 1, "took %.1f s" % r.seconds)
    expect(r.err.count("\n") <= 2, "more than two lines: %s" % r)


def sanitized():
    """Does the build watch itself? A sanitizer answers signals, and is upset by sandboxes."""
    with open(APP, "rb") as f:
        data = f.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def path(name):
    return os.path.join(TMP, name)


def write_pcap(name, packets, link=1, cut=0):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for i, p in enumerate(packets):
        data += struct.pack("<IIII", i, 0, len(p), len(p)) + p
    with open(path(name), "wb") as f:
        f.write(data[:len(data) - cut])
    return path(name)


def read_pcap(name):
    with open(path(name), "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    expect(magic == 0xA1B2C3D4 and link == 1, "not an Ethernet capture")
    at, packets = 24, []
    while at < len(data):
        _, _, caplen, length = struct.unpack_from("<IIII", data, at)
        expect(caplen == length and at + 16 + caplen <= len(data), "%s is cut inside a packet" % name)
        packets.append(data[at + 16:at + 16 + caplen])
        at += 16 + caplen
    return packets


def packet(length, seed=0):
    rng = random.Random(seed * 100000 + length)
    return bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]) + rng.randbytes(length - 14)


def packets(n=100, lengths=(60, 64, 300, 1500, 1514)):
    return [packet(lengths[i % len(lengths)], i) for i in range(n)]


def totals(out):
    """The last accumulated table: RX-packets, RX-dropped, TX-packets, TX-dropped."""
    part = out.rsplit("Accumulated forward statistics for all ports", 1)
    expect(len(part) == 2, "no accumulated statistics in %r" % out[-500:])
    rx = re.search(r"RX-packets: (\d+) +RX-dropped: (\d+) +RX-total: (\d+)", part[1])
    tx = re.search(r"TX-packets: (\d+) +TX-dropped: (\d+) +TX-total: (\d+)", part[1])
    return int(rx[1]), int(rx[2]), int(tx[1]), int(tx[2])


def forward(env, app, rc=0):
    name = path("stats.json")
    r = run(env, app + " --stats-json=" + name)
    expect(r.rc == rc, r)
    with open(name) as f:
        return json.load(f), r


NULL2 = "--vdev=net_null0 --vdev=net_null1"
SHORT = "--run-time=0.1"

CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


def main():
    global APP, TMP
    if len(sys.argv) < 2:
        sys.exit("usage: %s PATH-OF-baton-testpmd [NAME-PART]" % sys.argv[0])
    APP = os.path.abspath(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory(prefix="testpmd.") as tmp:
        TMP = tmp
        for f in CHECKS:
            if len(sys.argv) > 2 and sys.argv[2] not in f.__name__:
                continue
            try:
                f()
                print("ok", f.__name__, flush=True)
            except Skip as e:
                print("skip %s: %s" % (f.__name__, e), flush=True)
            except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError,
                    TypeError, struct.error) as e:
                failed += 1
                print("not ok %s: %s: %s" % (f.__name__, type(e).__name__, str(e)[:1500]), flush=True)
    sys.exit(1 if failed else 0)
