#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Where output cannot go: full disks, closed and stopped readers, closed descriptors. Nothing goes on unseen, nothing is lost without a word."""
import fcntl
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time

from testpmd_util import LIMIT, NULL2, SHORT, check, command, expect, main, path, totals

ENV = "--no-huge " + NULL2
SMALL = "--total-num-mbufs=4096 "
F_SETPIPE_SZ = 1031


def args(app):
    return command(ENV, SMALL + app)


def finish(p):
    """Its status and what it wrote to standard error."""
    err = p.stderr.read().decode() if p.stderr else ""
    return p.wait(LIMIT), err


def read_until(fd, text, seconds=LIMIT):
    out, end = b"", time.monotonic() + seconds
    while text not in out:
        expect(select.select([fd], [], [], max(0, end - time.monotonic()))[0], "no %r in %r" % (text, out))
        piece = os.read(fd, 65536)
        expect(piece, "ended before %r: %r" % (text, out))
        out += piece
    return out


def narrow_pipe():
    """A pipe of one page, which is soon full."""
    r, w = os.pipe()
    fcntl.fcntl(w, F_SETPIPE_SZ, 4096)
    return r, w


@check
def full_disk():
    """The run ends by itself, with the tables on standard error and the numbers where they were asked for."""
    for app in ("", "--stats-period=1", "-i -a", "--run-time=60"):
        name = path("full.json")
        with open("/dev/full", "w") as full:
            p = subprocess.Popen(args(app + " --stats-json=" + name), stdin=subprocess.PIPE, stdout=full,
                                 stderr=subprocess.PIPE)
            rc, err = finish(p)
            p.stdin.close()
        expect(rc == 1 and "No space left on device" in err, err)
        totals(err)
        with open(name) as f:
            expect(len(json.load(f)["ports"]) == 2, name)


@check
def full_disk_help():
    for option in ("--help", "--version"):
        with open("/dev/full", "w") as full:
            p = subprocess.run(command(option), stdout=full, stderr=subprocess.PIPE, timeout=LIMIT)
        expect(p.returncode == 1 and b"No space left" in p.stderr, p)


@check
def file_size_limit():
    """RLIMIT_FSIZE: no death by SIGXFSZ."""
    def few():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    with open(path("short"), "w") as out:
        p = subprocess.Popen(command("--no-huge --vdev=net_null0", SMALL + "--run-time=60"), stdin=subprocess.DEVNULL, stdout=out,
                             stderr=subprocess.PIPE, preexec_fn=few)
        rc, err = finish(p)
    if os.path.getsize(path("short")) < 100 and "File too large" not in err:
        raise AssertionError("the limit was not met: %s" % err)
    expect(rc == 1, (rc, err))


@check
def closed_pipe():
    """As by `| head -1`: also when nothing more is printed."""
    for app in ("", "--stats-period=1", "-i -a"):
        r, w = os.pipe()
        p = subprocess.Popen(args(app), stdin=subprocess.PIPE, stdout=w, stderr=subprocess.PIPE)
        os.close(w)
        read_until(r, b"Logical Core")
        os.close(r)
        begin = time.monotonic()
        rc, err = finish(p)
        expect(rc == 1 and "Broken pipe" in err and time.monotonic() - begin < 4, (rc, err))
        totals(err)
        p.stdin.close()


@check
def closed_socket():
    here, there = socket.socketpair()
    p = subprocess.Popen(args(""), stdin=subprocess.PIPE, stdout=there, stderr=subprocess.PIPE)
    there.close()
    read_until(here.fileno(), b"Logical Core")
    here.close()
    rc, err = finish(p)
    expect(rc == 1, (rc, err))
    totals(err)
    p.stdin.close()


def without(*fds):
    def close():
        for fd in fds:
            os.close(fd)
    return close


@check
def closed_descriptors():
    """What is opened later does not become standard output by its number."""
    out = path("closed.pcap")
    env = "--no-huge --vdev=net_pcap0,tx_pcap=" + out
    for fds in ((1,), (0, 1), (0, 1, 2), (1, 2)):
        name = path("closed.json")
        p = subprocess.Popen(command(env, SMALL + "--forward-mode=txonly --run-time=60 --stats-json=" + name),
                             stderr=subprocess.PIPE, preexec_fn=without(*fds))
        rc, err = finish(p)
        expect(rc == 1, (fds, rc, err))
        if 2 not in fds:
            expect("standard output" in err, err)
            totals(err)
        with open(name) as f:
            json.load(f)
        with open(out, "rb") as f:
            expect(f.read(4) in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"), "text in a capture")


@check
def closed_error_and_input():
    """What would have gone to standard error goes to standard output; an end of input ends -i, and nothing else."""
    p = subprocess.run(args(SHORT), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=without(2), timeout=LIMIT)
    expect(p.returncode == 0, p)
    totals(p.stdout.decode())
    p = subprocess.run(command("--no-such-option"), stdout=subprocess.PIPE, preexec_fn=without(2), timeout=LIMIT)
    expect(p.returncode == 2 and b"no-such-option" in p.stdout, p)
    with open("/dev/full", "w") as full:
        p = subprocess.run(command("--no-such-option"), stdout=subprocess.PIPE, stderr=full, timeout=LIMIT)
    expect(p.returncode == 2 and b"no-such-option" in p.stdout, p)
    p = subprocess.run(args(SHORT), stdout=subprocess.PIPE, preexec_fn=without(0), timeout=LIMIT)
    expect(p.returncode == 0, p)
    p = subprocess.run(args("-i"), stdout=subprocess.PIPE, preexec_fn=without(0), timeout=LIMIT)
    expect(p.returncode == 0 and b"Bye" in p.stdout, p)


@check
def output_for_reading_only():
    with open("/dev/zero") as wrong:
        p = subprocess.Popen(args("--run-time=60"), stdin=subprocess.DEVNULL, stdout=wrong, stderr=subprocess.PIPE)
        rc, err = finish(p)
    expect(rc == 1 and "Bad file descriptor" in err, (rc, err))
    totals(err)


@check
def stopped_reader():
    """Nobody reads: --run-time and SIGTERM end the run all the same, with the tables on standard error."""
    for app, sig in (("-i -a --run-time=0.8", None), ("-i -a", signal.SIGTERM)):
        r, w = narrow_pipe()
        p = subprocess.Popen(args(app), stdin=subprocess.PIPE, stdout=w, stderr=subprocess.PIPE)
        os.close(w)
        p.stdin.write(b"show port stats all\n" * 40)  # more than the pipe takes
        p.stdin.flush()
        time.sleep(0.5)
        expect(p.poll() is None, "ended")
        if sig:
            p.send_signal(sig)
        begin = time.monotonic()
        rc, err = finish(p)
        expect(rc == 1 and time.monotonic() - begin < 5 and "not read" in err, (rc, err))
        totals(err)
        p.stdin.close()
        os.close(r)


@check
def stopped_reader_of_tables():
    """Tables that nobody reads do not pile up: the next one is printed when the last is gone."""
    r, w = narrow_pipe()
    os.write(w, b"x" * 4096)
    p = subprocess.Popen(args("--stats-period=1 --run-time=2.4"), stdin=subprocess.DEVNULL, stdout=w, stderr=subprocess.PIPE)
    os.close(w)
    time.sleep(2)
    out = read_until(r, b"Bye...").decode()
    rc, err = finish(p)
    expect(rc == 0, (rc, err))
    expect(out.count("Port statistics ====") <= 2, out)
    totals(out)
    os.close(r)


@check
def slow_reader():
    """What waits is kept, in order, however late it is read; both streams, if they are the same pipe."""
    r, w = narrow_pipe()
    p = subprocess.Popen(args("-i"), stdin=subprocess.PIPE, stdout=w, stderr=w)
    os.close(w)
    lines = ["show config fwd", "no such command"] * 150
    writer = threading.Thread(target=lambda: (p.stdin.write("\n".join(lines + ["quit", ""]).encode()), p.stdin.close()))
    writer.start()
    time.sleep(0.5)
    out = b""
    while piece := os.read(r, 1500):
        out += piece
    expect(p.wait(LIMIT) == 0, p.returncode)
    writer.join()
    heard = re.findall(rb"io packet forwarding|no command \"no\"", out)
    expect(heard == [b"io packet forwarding", b'no command "no"'] * 150, "%d: %r" % (len(heard), out[-500:]))
    os.close(r)


@check
def nonblocking_output():
    """A description that somebody made non-blocking loses nothing, and one that blocks stays so."""
    for blocking in (True, False):
        r, w = narrow_pipe()
        os.set_blocking(w, blocking)
        p = subprocess.Popen(args("-i"), stdin=subprocess.PIPE, stdout=w, stderr=subprocess.PIPE)
        p.stdin.write(b"show port stats all\n" * 30 + b"quit\n")
        p.stdin.close()
        time.sleep(0.3)
        expect(os.get_blocking(w) == blocking, "the flag of a file that others share was changed")
        os.close(w)
        out = b""
        while piece := os.read(r, 4096):
            out += piece
        rc, err = finish(p)
        expect(rc == 0 and out.count(b"NIC statistics for port 0") == 30 and b"Bye" in out, (rc, err, out[-300:]))
        os.close(r)


def run_json(target, **kwargs):
    p = subprocess.run(args(SHORT + " --stats-json=" + target), stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, **kwargs)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def json_in(text):
    return json.JSONDecoder().raw_decode(text[text.index("{"):])[0]


@check
def json_refused():
    """Before the run, exit status 2."""
    folder = path("folder")
    os.mkdir(folder)
    for target in (folder, folder + "/", path("missing/x"), path("missing/"), "/dev/null/x", "''"[:0]):
        rc, out, err = run_json(target)
        expect(rc == 2 and not out and "--stats-json" in err, (target, rc, err))
    expect(not os.listdir(folder), "something was left")


@check
def json_kept_on_error():
    """Numbers that cannot be written are told."""
    rc, _, err = run_json("/dev/full")
    expect(rc == 1 and "No space left" in err and len(json_in(err)["ports"]) == 2, err)
    os.mkfifo(path("fifo"))
    rc, _, err = run_json(path("fifo"))
    expect(rc == 1 and "nobody reads it" in err and json_in(err)["total"], err)


@check
def json_never_half():
    """A disk that fills up leaves the file from before."""
    name = path("whole.json")
    with open(name, "w") as f:
        f.write("before")

    def few():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    rc, _, err = run_json(name, preexec_fn=few)
    expect(rc == 1 and "File too large" in err and json_in(err)["total"], err)
    with open(name) as f:
        expect(f.read() == "before", "it was touched")
    expect([n for n in os.listdir(os.path.dirname(name)) if n.startswith("whole")] == ["whole.json"], "something was left")


@check
def json_files():
    """New, replaced, through a link, with its mode, with a second name."""
    name, link, other = path("file.json"), path("link.json"), path("other.json")
    expect(run_json(name)[0] == 0 and json.load(open(name))["ports"], name)
    os.chmod(name, 0o640)
    os.symlink("file.json", link)
    expect(run_json(link)[0] == 0 and os.path.islink(link), "the link was replaced")
    expect(os.stat(name).st_mode & 0o777 == 0o640 and json.load(open(name))["ports"], oct(os.stat(name).st_mode))
    os.link(name, other)
    with open(name, "w") as f:
        f.write("x" * 100000)
    expect(run_json(name)[0] == 0 and os.path.samefile(name, other) and json.load(open(other))["ports"], "second name")
    os.symlink("nowhere.json", path("dangling"))
    expect(run_json(path("dangling"))[0] == 0 and json.load(open(path("nowhere.json")))["ports"], "dangling")


@check
def json_streams():
    """Standard output and error, in their turn, and a FIFO with a reader."""
    rc, out, err = run_json("/dev/stdout")
    expect(rc == 0 and json.loads(out)["ports"] and "Bye" in err, out)
    rc, out, err = run_json("/dev/stderr")
    expect(rc == 0 and json_in(err)["ports"], err)
    with open(path("both"), "w") as f:
        p = subprocess.run(args(SHORT + " --stats-json=/dev/stdout"), stdin=subprocess.DEVNULL, stdout=f, stderr=f, timeout=LIMIT)
    text = open(path("both")).read()
    expect(p.returncode == 0 and text.index("Accumulated") < text.index('"ports"') < text.index("Bye") and "\0" not in text, text)
    os.mkfifo(path("read"))
    got = []
    t = threading.Thread(target=lambda: got.append(open(path("read")).read()))
    t.start()
    rc, out, err = run_json(path("read"))
    t.join(LIMIT)
    expect(rc == 0 and json.loads(got[0])["ports"], (rc, err, got))
    expect(run_json("/dev/null")[0] == 0, "/dev/null")


if __name__ == "__main__":
    main()
