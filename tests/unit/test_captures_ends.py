#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a capture comes from and goes to: FIFOs, pipes, standard input and output, sockets, devices, files of many GiB; and
files that are named twice, or hold something."""
import faulthandler
import fcntl
import os
import pty
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import captures
from testpmd_util import LIMIT, Prompt, Run, Skip, check, command, expect, good, main, packets, path, read_pcap, refused, run, \
    totals, write_pcap

FRAMES = packets(20)
DATA = captures.pcap(FRAMES)
RX0 = "--no-pci --vdev=net_pcap0,rx_pcap="
ALL = "--stop-after=20 --run-time=10"


def fifo(name="fifo"):
    if os.path.exists(path(name)):
        os.unlink(path(name))
    os.mkfifo(path(name))
    return path(name)


class App:
    """baton-testpmd in the background."""

    def __init__(self, env, app, **kw):
        self.p = subprocess.Popen(command(env, app), **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                                                        "stderr": subprocess.PIPE, **kw})

    def end(self):
        out, err = self.p.communicate(timeout=LIMIT)
        return Run(self.p.returncode, (out or b"").decode(), (err or b"").decode(), 0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.wait()


def received(r, n):
    expect(totals(r.out)[0] == n, r)
    return r


# ---- what it comes from ----

@check
def fifo_of_a_silent_writer():
    """It stays open: neither --run-time nor a signal wait for it."""
    name = fifo()
    with App(RX0 + name, "--run-time=1") as a:
        fd = os.open(name, os.O_WRONLY)
        os.write(fd, DATA)
        received(good(a.end()), 20)
        os.close(fd)
    with App(RX0 + fifo(), "") as a:
        fd = os.open(name, os.O_WRONLY)
        os.write(fd, DATA[:100])
        os.set_blocking(a.p.stdout.fileno(), True)
        while b"forwards packets" not in a.p.stdout.readline():
            pass
        a.p.send_signal(signal.SIGTERM)
        r = a.end()
        expect(r.rc == 0 and "Signal 15" in r.out, r)
        os.close(fd)


@check
def fifo_without_a_writer():
    """That is not its end."""
    received(good(run(RX0 + fifo(), "--run-time=0.2")), 0)


@check
def fifo_in_pieces():
    """A header and packets in pieces, and from a second writer while the first has it open."""
    name = fifo()
    with App(RX0 + name, ALL) as a:
        fd = os.open(name, os.O_WRONLY)
        cuts = [0, 1, 3, 24, 30, 41, 99, 600, len(DATA) - 700, len(DATA)]
        for begin, end in zip(cuts, cuts[1:]):
            other = os.open(name, os.O_WRONLY)
            os.close(fd)
            fd = other
            os.write(fd, DATA[begin:end])
            time.sleep(0.01)
        received(good(a.end()), 20)
        os.close(fd)


@check
def fifo_of_something_else():
    """What is wrong is known only after the start."""
    for data, words in ((b"\x1f\x8b" + bytes(40), "gzip"), (b"hello, I am no capture\n", "text"), (b"", "is empty"),
                        (DATA[:20], "ends inside the header"), (captures.pcap(FRAMES, link=113), "LINUX_SLL")):
        name = fifo()
        with App(RX0 + name, "--run-time=10") as a:
            while b"forwards packets" not in a.p.stdout.readline():
                pass
            with open(name, "wb") as f:
                f.write(data)
            line = a.p.stderr.readline().decode()
            while line and "net_pcap0" not in line:  # where hugepages are short, this is said first
                line = a.p.stderr.readline().decode()
            a.p.terminate()
            r = a.end()
            expect(r.rc == 1 and words in line and "did not receive all" in r.err, "%s: %s %s" % (words, line, r))


@check
def fifo_and_a_port_that_stops():
    """A started port goes on where it was stopped."""
    name = fifo()
    with Prompt("--vdev=net_pcap0,rx_pcap=" + name, "--forward-mode=rxonly") as p:
        fd = os.open(name, os.O_WRONLY)
        p.say("start")
        os.write(fd, DATA[:24 + 16 + 30])
        p.say("port stop 0")
        os.write(fd, DATA[24 + 16 + 30:])
        p.say("port start 0")
        p.until(lambda: p.both(0)[0] == 20)
        os.close(fd)
        expect(p.quit()[0] == 0, p.log)


@check
def standard_input():
    """By each of its names; what it was opened with stays as it is, and it is not taken for a pressed Enter."""
    for name in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        r, w = os.pipe()
        before = fcntl.fcntl(r, fcntl.F_GETFL)
        with App(RX0 + name, ALL, stdin=r) as a:
            os.write(w, DATA)
            received(good(a.end()), 20)
            expect(fcntl.fcntl(r, fcntl.F_GETFL) == before, "flags of standard input")
        os.close(r)
        os.close(w)


@check
def standard_input_of_other_kinds():
    """A file, from where it is; a socket; a terminal; another descriptor."""
    with open(path("in.pcap"), "w+b") as f:
        f.write(b"lead" + DATA)
        f.flush()
        os.lseek(f.fileno(), 4, os.SEEK_SET)
        for more in ("", ",infinite_rx=1"):
            with App(RX0 + "-" + more, ALL, stdin=f.fileno()) as a:
                expect(totals(good(a.end()).out)[0] >= 20, more)
            expect(os.lseek(f.fileno(), 0, os.SEEK_CUR) == 4, "its position")
    one, two = socket.socketpair()
    with App(RX0 + "-", ALL, stdin=one) as a:
        two.sendall(DATA)
        received(good(a.end()), 20)
    ours, theirs = pty.openpty()
    with App(RX0 + "-", ALL, stdin=theirs) as a:
        r = a.end()
        expect(r.rc == 1 and "is a terminal" in r.err, r)
    r, w = os.pipe()
    os.write(w, DATA)
    with App(RX0 + "/dev/fd/%d" % r, ALL, pass_fds=[r]) as a:
        received(good(a.end()), 20)
    refused(run(RX0 + "/dev/fd/77"), "no descriptor 77")
    for fd in ours, theirs, r, w:
        os.close(fd)


@check
def standard_input_and_commands():
    for name in ("-", "/dev/stdin"):
        with App(RX0 + name, "-i", stdin=subprocess.PIPE) as a:
            r = a.end()
            expect(r.rc == 2 and "takes standard input" in r.err and "-i" in r.err, r)


@check
def ports_that_come_later():
    """What is refused at the start is refused at the prompt, too, and what they lost counts."""
    a, cut = write_pcap("a.pcap", FRAMES), write_pcap("cut.pcap", FRAMES, cut=3)
    json = path("later.json")
    with Prompt(f"--vdev=net_pcap0,rx_pcap={a}", f"--stats-json={json}") as p:
        for args, words in (("rx_pcap=-", "takes standard input"), (f"tx_pcap={a}", "port net_pcap0 reads from it"),
                            (f"tx_pcap={json}", "are the same file")):
            out = p.say("port attach net_pcap1," + args)
            expect(words in out, (args, out))
        p.say(f"port attach net_pcap1,rx_pcap={cut}", "port start 1", "start")
        p.until(lambda: p.both(1)[0] == 19)
        expect("nothing is received from it beyond packet 19" in p.read(), p.log)
        rc, log = p.quit()
        expect(rc == 1 and "port 1 did not receive all of its capture" in log, log)


@check
def without_proc():
    """Somebody else's pipe is then read and written as it is."""
    if os.geteuid():
        raise Skip("needs root, for a folder over /proc")
    r, w = os.pipe()
    p = subprocess.Popen(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"] +
                         command("--no-pci -l 0,1 --no-huge --vdev=net_pcap0,rx_pcap=-,tx_pcap=-", "--run-time=20 --stop-after=%d --total-num-mbufs=2048" % len(FRAMES)),
                         stdin=r, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.write(w, DATA)
    out, err = p.communicate(timeout=LIMIT)
    if b"unshare: " in err or b"mount: " in err:
        raise Skip("no mount namespace: %r" % err[-100:])
    leaks = b"LeakSanitizer has encountered a fatal error" in err  # it needs /proc, also to be switched off
    expect((leaks or p.returncode == 0) and out[:4] == b"\xd4\xc3\xb2\xa1", (p.returncode, err))
    with open(path("out.pcap"), "wb") as f:
        f.write(out)
    expect(read_pcap("out.pcap") == FRAMES, len(out))
    os.close(r)
    os.close(w)


@check
def what_can_be_no_capture():
    s = socket.socket(socket.AF_UNIX)
    s.bind(path("socket"))
    for name, words in ((path(""), "is a folder"), (path("socket"), "socat"), (path("none"), "No such file"), ("", "wants a file")):
        refused(run(RX0 + name), "rx_pcap", words)
        if words != "No such file":
            refused(run("--no-pci --vdev=net_pcap0,tx_pcap=" + name), "tx_pcap", words)
    for key in ("iface", "rx_iface", "rx_iface_in", "tx_iface"):
        refused(run("--no-pci --vdev=net_pcap0,%s=eth0" % key), key + "=eth0", "network interface", "tcp")
    good(run(RX0 + "/dev/null,phy_mac=1", "--run-time=0.05"))
    refused(run(RX0 + fifo() + ",infinite_rx=1"), "infinite_rx=1", "only once")
    refused(run(RX0 + "/dev/zero"), "no capture")
    for name in ("/dev/kmsg", "/dev/net/tun", "/dev/fuse", "/dev/loop-control"):
        if os.path.exists(name):
            for key in "rx_pcap", "tx_pcap":
                refused(run(f"--no-pci --vdev=net_pcap0,{key}={name}", SHORT), name, "character device", "is not opened")


# ---- what it goes to ----

@check
def not_even_a_header():
    """Without a packet, too, the exit status tells that the capture is none."""
    for more in "", ",rx_pcap=" + write_pcap("in.pcap", FRAMES):
        r = run("--no-pci --vdev=net_pcap0,tx_pcap=/dev/full" + more, SHORT)
        expect(r.rc == 1 and "No space left" in r.err and "not even its header" in r.err, r)
        expect(totals(r.out)[3] == (len(FRAMES) if more else 0), r)


def send(to, app=ALL, more="", **kw):
    src = write_pcap("in.pcap", FRAMES)
    with App("--no-pci --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s%s" % (src, to, more), app, **kw) as a:
        return a.end()


@check
def standard_output():
    """The capture alone; all else goes to standard error."""
    for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        out, err = subprocess.Popen(command("--no-pci --vdev=net_pcap0,tx_pcap=%s,rx_pcap=%s" % (name, write_pcap("in.pcap", FRAMES)),
                                            ALL), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE).communicate(timeout=LIMIT)
        expect(out == captures.pcap([])[:24] + out[24:] and len(out) == len(DATA), (name, out[:100]))
        expect(totals(err.decode())[2] == 20 and b"takes standard output" in err, err)
        with open(path("o.pcap"), "wb") as f:
            r = send(name, stdout=f)
            expect(r.rc == 0, r)
        expect(read_pcap("o.pcap") == FRAMES, name)
        with open(path("o.pcap"), "ab") as f:
            r = send(name, stdout=f)
            expect(r.rc == 1 and "has something in it" in r.err, r)
        expect(read_pcap("o.pcap") == FRAMES, name)
    ours, theirs = pty.openpty()
    r = send("-", stdout=theirs)
    expect(r.rc == 1 and "is a terminal" in r.err, r)
    os.close(ours)
    os.close(theirs)


@check
def reader_that_leaves():
    """No death by SIGPIPE: named, counted, exit status 1."""
    for closed in (0, 100):
        r, w = os.pipe()
        src = write_pcap("in.pcap", FRAMES)
        with App("--no-pci --vdev=net_pcap0,infinite_rx=1,rx_pcap=%s,tx_pcap=-" % src, "--run-time=1", stdout=w) as a:
            os.close(w)
            if closed:
                os.read(r, closed)
            os.close(r)
            got = a.end()
            expect(got.rc == 1 and got.err.count("its reader has ended") == 1 and "could not send" in got.err, got)


@check
def fifo_to_write():
    """Its reader may come later, be slow, or never come."""
    name = fifo()
    got = []
    t = threading.Timer(0.2, lambda: got.append(open(name, "rb").read()))
    t.start()
    expect(send(name).rc == 0, "the reader came later")
    t.join()
    expect(len(got[0]) == len(DATA), len(got[0]))
    r = send(fifo())
    expect(r.rc == 1 and "20 packets are dropped" in r.err and "could not send" in r.err, r)


@check
def slow_reader_of_a_fifo():
    """As with a full ring, what it does not take is not sent; what it gets are whole packets, in order."""
    name = fifo()
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    src = write_pcap("in.pcap", FRAMES)
    with App("--no-pci --vdev=net_pcap0,infinite_rx=1,rx_pcap=%s,tx_pcap=%s" % (src, name), "--run-time=1") as a:
        select.select([fd], [], [], LIMIT)  # before it has a writer, it reads as if it had ended
        os.set_blocking(fd, True)
        data = b""
        while piece := os.read(fd, 4096):
            data += piece
            time.sleep(0.0002)
        r = a.end()
    with open(path("o.pcap"), "wb") as f:
        f.write(data)
    sent = totals(r.out)[2]
    ours = read_pcap("o.pcap") if r.rc == 0 else None
    expect(r.rc == 0 or "packets are dropped" in r.err, r)
    expect(ours is None or len(ours) == sent, (sent, r))
    expect(totals(r.out)[3] > 0, r)
    os.close(fd)


# ---- two names for one file ----

def unchanged(env, app, *words):
    """Refused as a command line, before anything is opened, made or changed."""
    before = {n: os.stat(path(n), follow_symlinks=False) for n in os.listdir(path(""))}
    r = run("--no-pci " + env, app)
    expect(r.rc == 2 and all(w in r.err for w in words), "%s: %s" % (env, r))
    after = {n: os.stat(path(n), follow_symlinks=False) for n in os.listdir(path(""))}
    expect(before.keys() == after.keys() and all(before[n].st_mtime_ns == after[n].st_mtime_ns and before[n].st_size == after[n].st_size
                                                 for n in before), env)


@check
def one_file_twice():
    a = write_pcap("a.pcap", FRAMES)
    sub = path("sub")
    os.mkdir(sub)
    os.symlink("a.pcap", path("soft"))
    os.link(a, path("hard"))
    os.symlink("sub/new", path("dangling"))
    os.symlink(path("dangling"), path("chain"))
    os.symlink(sub, path("folder"))
    same = "are the same file"
    for b in (a, path("soft"), path("hard"), path("sub/../a.pcap"), path("folder/../a.pcap")):
        unchanged(f"--vdev=net_pcap0,rx_pcap={a},tx_pcap={b}", SHORT, same, "written while it is read")
        unchanged(f"--vdev=net_pcap0,rx_pcap={a} --vdev=net_pcap1,tx_pcap={b}", SHORT, same)
        unchanged(f"--vdev=net_pcap0,tx_pcap={a} --vdev=net_pcap1,rx_pcap={b}", SHORT, same)
        unchanged(f"--vdev=net_pcap0,tx_pcap={a} --vdev=net_pcap1,tx_pcap={b}", SHORT, same, "write over the other")
        unchanged(f"--vdev=net_pcap0,rx_pcap={a}", SHORT + f" --stats-json={b}", same)
        unchanged(f"--vdev=net_pcap0,tx_pcap={a}", SHORT + f" --stats-json={b}", same)
        unchanged(f"--vdev=net_pcap0,tx_pcap={a}", SHORT + f" --cmdline-file={b}", same)
        good(run(f"--no-pci --vdev=net_pcap0,rx_pcap={a} --vdev=net_pcap1,rx_pcap={b}", SHORT))
    for b in (path("sub/new"), path("dangling"), path("chain"), path("folder/new"), path("sub/../sub/new")):
        unchanged(f"--vdev=net_pcap0,tx_pcap={path('sub/new')} --vdev=net_pcap1,tx_pcap={b}", SHORT, same)
        unchanged(f"--vdev=net_pcap0,tx_pcap={b}", SHORT + f" --stats-json={path('chain')}", same)
    f = fifo()
    unchanged(f"--vdev=net_pcap0,rx_pcap={f} --vdev=net_pcap1,rx_pcap={f}", SHORT, same, "one of them only")
    unchanged(f"--vdev=net_pcap0,rx_pcap={f},tx_pcap={f}", SHORT, same)
    unchanged("--vdev=net_pcap0,tx_pcap=- --vdev=net_pcap1,tx_pcap=/dev/stdout", SHORT, same)
    unchanged("--vdev=net_pcap0,rx_pcap=- --vdev=net_pcap1,rx_pcap=/dev/stdin", SHORT, same)
    null = "rx_pcap=/dev/null,tx_pcap=/dev/null"
    good(run(f"--no-pci --vdev=net_pcap0,{null} --vdev=net_pcap1,{null}", SHORT + " --stats-json=/dev/null"))


@check
def two_processes():
    """A writer has its file alone, readers share one, and a FIFO has one reader."""
    out, name = path("busy.pcap"), fifo()
    with Prompt(f"--vdev=net_pcap0,tx_pcap={out} --vdev=net_pcap1,rx_pcap={name}", "--forward-mode=txonly") as p:
        p.say("start", "stop")
        size = os.stat(out).st_size
        for env in (f"--vdev=net_pcap0,rx_pcap={out}", f"--vdev=net_pcap0,tx_pcap={out}", f"--vdev=net_pcap0,rx_pcap={name}"):
            refused(run("--no-pci " + env, SHORT), "another port or process")
        expect(os.stat(out).st_size == size, "it was changed")
        p.quit()
    good(run(f"--no-pci --vdev=net_pcap0,rx_pcap={out}", SHORT))
    with Prompt(f"--vdev=net_pcap0,rx_pcap={out}", "") as p:
        p.say("show port info 0")
        good(run(f"--no-pci --vdev=net_pcap0,rx_pcap={out}", SHORT))
        refused(run(f"--no-pci --vdev=net_pcap0,tx_pcap={out}", SHORT), "another port or process")
        p.quit()


# ---- what is somebody's ----

@check
def nothing_is_overwritten():
    """But a capture, when all ports are there and its own starts."""
    src = write_pcap("in.pcap", FRAMES)
    for name, data in (("text", b"my thesis\n"), ("packed", b"\x1f\x8b" + bytes(50)), ("short", b"x"), ("json", b"{}")):
        with open(path(name), "wb") as f:
            f.write(data)
        refused(run(f"--no-pci --vdev=net_pcap0,rx_pcap={src},tx_pcap={path(name)}", SHORT), name, "no capture")
        with open(path(name), "rb") as f:
            expect(f.read() == data, name)
    old = write_pcap("old.pcap", FRAMES[:3])
    refused(run(f"--no-pci --vdev=net_pcap0,tx_pcap={old} --vdev=net_pcap1,rx_pcap=/none", SHORT), "/none")
    refused(run(f"--no-pci --vdev=net_pcap0,tx_pcap={path('fresh')} --vdev=net_pcap1,rx_pcap=/none", SHORT), "/none")
    expect(read_pcap("old.pcap") == FRAMES[:3] and not os.path.exists(path("fresh")), "the other port was not there")
    good(run(f"--no-pci --vdev=net_pcap0,rx_pcap={src},tx_pcap={old}", "--stop-after=20"))
    expect(read_pcap("old.pcap") == FRAMES, "a capture is overwritten")


@check
def closed_to_us():
    """Whose it is, and who we are; of a new file it is the folder's."""
    src, shut, folder = write_pcap("in.pcap", FRAMES), write_pcap("shut.pcap", FRAMES), path("closed")
    os.mkdir(folder, 0o555)
    os.chmod(shut, 0)
    prefix = [] if os.geteuid() else ["setpriv", "--bounding-set=-all"]
    for env, words in ((f"rx_pcap={shut}", ("shut.pcap cannot be read", "belongs to user", "mode 0000", "runs as user")),
                       (f"rx_pcap={src},tx_pcap={shut}", ("shut.pcap cannot be written", "mode 0000")),
                       (f"rx_pcap={src},tx_pcap={folder}/new", ("new cannot be written", "Permission denied", "its folder"))):
        try:
            p = subprocess.run(prefix + command("--no-pci --vdev=net_pcap0," + env, SHORT), capture_output=True, timeout=LIMIT, check=False)
        except FileNotFoundError as e:
            raise Skip("root without capabilities needs setpriv") from e
        err = p.stderr.decode()
        expect(p.returncode == 1 and all(w in err for w in words), (env, p.returncode, err))


@check
def not_opened_for_that():
    """A descriptor that is closed, or was opened for the other direction."""
    src, cases = write_pcap("in.pcap", FRAMES), []
    for fd, key, words in ((0, "rx_pcap", "standard input"), (1, "tx_pcap", "standard output")):
        cases.append((f"net_pcap0,{key}=-", lambda fd=fd: os.close(fd), words))
    for key, flags in (("rx_pcap", os.O_WRONLY), ("tx_pcap", os.O_RDONLY)):
        cases.append((f"net_pcap0,{key}=/dev/fd/9", lambda flags=flags: os.dup2(os.open(src, flags), 9), "/dev/fd/9"))
    for vdev, before, words in cases:
        p = subprocess.run(command("--no-pci --vdev=" + vdev, SHORT), preexec_fn=before, close_fds=False, stderr=subprocess.PIPE,
                           timeout=LIMIT, check=False)
        err = p.stderr.decode()
        expect(p.returncode == 1 and words + " was closed, or not opened for" in err, (vdev, p.returncode, err))
    expect(read_pcap("in.pcap") == FRAMES, "nothing is written")


@check
def files_of_the_kernel():
    """A header of a capture written there would be taken as an order."""
    for name in ("/proc/self/oom_score_adj", "/proc/self/comm", "/proc/self/clear_refs"):
        refused(run(f"--no-pci --vdev=net_pcap0,tx_pcap={name}", SHORT), name, "for the kernel")


@check
def file_size_limit():
    """SIGXFSZ kills nobody; the file ends with a whole packet."""
    src = write_pcap("in.pcap", FRAMES)
    p = subprocess.Popen(command(f"--no-pci --vdev=net_pcap0,infinite_rx=1,rx_pcap={src},tx_pcap={path('o.pcap')}", "-i"),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b"Interactive" not in p.stdout.readline():
        pass
    # Only now: the limit is for memory files too, and the pool is one.
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (100000, 100000))
    p.stdin.write(b"start\n")
    p.stdin.flush()
    while b"cannot be written" not in p.stderr.readline():
        pass
    out, err = p.communicate(b"stop\nquit\n", timeout=LIMIT)
    expect(p.returncode == 1, err)
    got = read_pcap("o.pcap")
    expect(100 < len(got) < 200 and all(f == FRAMES[i % 20] for i, f in enumerate(got)), len(got))
    expect(totals(out.decode())[2] == len(got), out)


# ---- files of many GiB ----

def peak(env, app):
    """Run it. Return: what it printed, and the most memory it had, in MiB."""
    p = subprocess.Popen(command(env, app), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = p.stdout.read(), p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return Run(p.returncode, out.decode(), err.decode(), 0), usage.ru_maxrss >> 10


def sparse(name, pieces, size):
    """A file of holes with these bytes at these places."""
    with open(path(name), "wb") as f:
        for at, data in pieces:
            f.seek(at)
            f.write(data)
        f.truncate(size)
    return path(name)


@check
def many_GiB():
    """Memory stays what it is with a small one."""
    _, least = peak(RX0 + write_pcap("in.pcap", FRAMES), ALL)
    record = 16 + 262144
    big = sparse("big.pcap", [(0, captures.pcap([]))] + [(24 + i * record, struct.pack("<IIII", i, 0, 262144, 262144))
                                                        for i in range(2048)], 24 + 2048 * record)
    r, most = peak(RX0 + big, "--forward-mode=rxonly --stop-after=2048 --run-time=15 --mbuf-size=2112")
    received(good(r), 2048)
    expect(most < least + 64, "%d MiB, %d with a small capture" % (most, least))
    for more in "", ",infinite_rx=1":
        head = captures.section() + captures.interface() + captures.enhanced(FRAMES[0])
        skip = 0xFFFFFFF0
        big = sparse("skip.pcapng", [(0, head + struct.pack("<II", 0x80000001, skip)),
                                     (len(head) + skip - 4, struct.pack("<I", skip) + captures.enhanced(FRAMES[1]))],
                     len(head) + skip + len(captures.enhanced(FRAMES[1])))
        r, most = peak(RX0 + big + more, "--stop-after=%d --run-time=10" % (50 if more else 2))
        expect(totals(good(r).out)[0] >= 2 and most < least + 64, "%d MiB: %s" % (most, r))
        expect(not more or "read again each time" in r.out, r)


def group(limit):
    """A memory control group of version 1 or 2. Return: its folder."""
    if os.geteuid():
        raise Skip("a memory control group needs root")
    for root, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = "%s/baton-captures-%d" % (root, os.getpid())
        if not os.path.exists(root + "/cgroup.procs"):
            continue
        try:
            os.mkdir(folder)
            with open(folder + "/" + file, "w", encoding="ascii") as f:
                f.write(str(limit))
            return folder
        except OSError:
            if os.path.isdir(folder):
                os.rmdir(folder)
    raise Skip("no memory control group can be made here")


@check
def many_GiB_in_a_small_group():
    """The page cache of a group of 80 MiB does not hold it; nor does anybody wait for that."""
    record, n = 16 + 262144, 1024
    big = sparse("big.pcap", [(0, captures.pcap([]))] + [(24 + i * record, struct.pack("<IIII", i, 0, 262144, 262144)) for i in range(n)],
                 24 + n * record)
    folder = group(80 << 20)

    def enter():
        with open(folder + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write("0")
    try:
        for more, count in ("", n), (",infinite_rx=1", 2 * n):
            r = run("-l 0 --no-huge " + RX0 + big + more, "--forward-mode=rxonly --stop-after=%d --run-time=15 --total-num-mbufs=2048" %
                    count, preexec=enter)
            if "AddressSanitizer" in r.err or r.rc < 0:
                raise Skip("a sanitizer's own memory does not fit into the group")
            expect(totals(good(r).out)[0] >= count, r)
            expect(not more or "read again each time" in r.out, r)
    finally:
        os.rmdir(folder)


SHORT = "--run-time=0.05"

if __name__ == "__main__":
    faulthandler.dump_traceback_later(200, exit=True)  # a FIFO without its other end waits for ever
    main()
