#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""CPUs: lists and masks of any length, machines with many of them, those that are not there or go away, and sandboxes."""
import ctypes
import errno
import os
import platform
import re
import signal
import struct
import subprocess
import time

import testpmd_util
from sandbox import remove_groups
from testpmd_util import LIMIT, NULL2, SHORT, Prompt, Skip, check, command, expect, good, main, path, refused, run, sanitized

ENV = "--no-huge --vdev=net_null0 "
APP = "--total-num-mbufs=4096 " + SHORT
SHIM = os.environ.get("BATON_FAKE_MACHINE", "")


def few_cpus():
    return sorted(os.sched_getaffinity(0))


def many(n, cores, app=APP, pin=True, **env):
    """On a machine of n CPUs. Return: the run, and the lists of CPUs that threads were pinned to."""
    if not os.path.exists(SHIM):
        raise Skip("no preloaded library: set BATON_FAKE_MACHINE")
    log = path("pins")
    if os.path.exists(log):
        os.unlink(log)
    env = dict(os.environ, LD_PRELOAD=SHIM, FAKE_CPUS=str(n), ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0", **env)
    if pin:
        env["FAKE_PIN"] = log
    with open(testpmd_util.APP, "rb") as f:
        if b"__tsan_init" in f.read():
            raise Skip("TSan takes no preloaded library")
    p = subprocess.run(command(cores + " " + ENV, app), capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL, env=env)
    r = testpmd_util.Run(p.returncode, p.stdout.decode(), p.stderr.decode(), 0)
    pins = open(log).read().splitlines() if os.path.exists(log) else []
    return r, pins


@check
def masks():
    """Any length, either case, with 0x or without, leading zeros, blanks around."""
    first = few_cpus()[0]
    mask = "%x" % (1 << first)
    for form in (mask, mask.upper(), "0x" + mask, "0X" + mask, "0" * 300 + mask, "0x" + "0" * 5000 + mask):
        r = good(run("-c %s %s" % (form, ENV), APP))
        expect("Logical Core %d (CPU %d)" % (first, first) in r.out, r)
    p = subprocess.run(command("-c", None) + [" 0x%s " % mask] + ENV.split() + ["--"] + APP.split(), capture_output=True,
                       timeout=LIMIT)
    expect(p.returncode == 0, p)
    for bad in ("0x", "x3", "0x_3", "1_0", "-1", "+1", "3,", "0b1", "0", "0x0", "0" * 200, "g", "0xfg", "3 3", "f" * 2049, "F" * 9999):
        p = subprocess.run(command("-c", None) + [bad] + ENV.split() + ["--"] + APP.split(), capture_output=True, timeout=LIMIT)
        expect(p.returncode == 2 and b"-c" in p.stderr and p.stderr.count(b"\n") == 1 and len(p.stderr) < 500, (bad[:20], p))


@check
def lists():
    for bad in ("0-", "5-2", "-3", "0,,1", "0,", ",0", "0-1-2", "0x1", "1.5", "0;1", "a", "99999999999999999999", "9000", "0-9000"):
        for option in ("-l", "--lcores"):
            refused(run("%s=%s %s" % (option, bad, ENV) if option != "-l" else "-l%s %s" % (bad, ENV), APP), option)
    p = subprocess.run(command("-l", None) + [""] + ENV.split(), capture_output=True, timeout=LIMIT)
    expect(p.returncode == 2 and b"number" in p.stderr, p)
    for bad in ("0@", "@0", "(0,1", "0,1)", "()@0", "0@()", "(0)@(0", "0@0@0", "0@0-", "(0-)@0"):
        refused(run("--lcores=%s %s" % (bad, ENV), APP), "--lcores")


@check
def not_there():
    """Named, with those that are, and why."""
    cpus = few_cpus()
    r = run("-l %d,4000-4002 %s" % (cpus[0], ENV), APP)
    refused(r, "4000-4002", "(%s" % cpus[0], "no such CPU")
    expect(r.rc == 2, r)
    r = run("-c %s%s %s" % ("8", "0" * 1999, ENV), APP)
    refused(r, "-c", "7999")
    if len(cpus) < 2:
        raise Skip("one CPU: none can be left out")

    def one():
        os.sched_setaffinity(0, {cpus[0]})
    r = run("-l %d %s" % (cpus[1], ENV), APP, preexec=one)
    refused(r, "CPU %d" % cpus[1], "(%d)" % cpus[0], "taskset")
    expect(r.rc == 2, r)


@check
def more_than_64():
    for n, cores, forwards in ((65, "-l 0,64", 64), (128, "-c 8" + "0" * 30 + "1", 127), (200, "-l 199,150", 199),
                               (1025, "-l 3,1024", 1024), (1501, "-c 0x1" + "0" * 374 + "2", 1500), (4096, "-l 4000-4095", 4001),
                               (8192, "--lcores=0@8191,1@8190", 8190), (200, "-l 70-71 --main-lcore=71", 70)):
        r, pins = many(n, cores)
        good(r)
        expect("attr %d" % forwards in pins, (n, cores, pins))
        expect("(CPU %d)" % forwards in r.out and "pinned" not in r.err and "went away" not in r.err, r)


@check
def many_forward():
    """As many as there may be workers, none of them for CPUs that are not needed."""
    app = "--rxq=64 --txq=64 --rxd=64 --txd=64 --mbcache=32 --nb-cores=%d " + SHORT
    r, pins = many(2000, "-l 1000-1064", app % 64)
    good(r)
    expect("cores=64" in r.out and sum(p.startswith("attr ") for p in pins) == 64, (r, pins))
    r, pins = many(2000, "-l 1000-1100", app % 65)
    expect(r.rc == 2 and "--nb-cores" in r.err, r)
    r, pins = many(2000, "-l 1000-1999 ", "--coremask=8" + "0" * 499 + " " + APP)
    good(r)
    expect("attr 1999" in pins, pins)


@check
def all_of_a_large_machine():
    """Without -l all CPUs are there for the taking, and two are taken."""
    for n in (64, 65, 1000, 8192, 20000):
        r, pins = many(n, "")
        good(r)
        expect(pins == ["set 0", "attr 1"], pins)


@check
def not_on_a_large_machine():
    r, _ = many(1500, "-l 0,1500")
    expect(r.rc == 2 and "CPU 1500" in r.err and "(0-1499)" in r.err, r)
    r, _ = many(100, "-l 0,100-102,104")
    expect(r.rc == 2 and "100-102,104" in r.err, r)


@check
def gone_between_check_and_start():
    """The check finds CPU 1000, and the kernel has none: it goes on without, and says so."""
    r, _ = many(1500, "-l 0,1000", pin=False)
    good(r)
    expect("core 1000 cannot run on CPU 1000" in r.err, r)
    r, _ = many(1500, "-l 1000,0", app=APP + " --nb-cores=1", pin=False)
    good(r)
    r, _ = many(1500, "-l 1000,1001", pin=False)
    good(r)
    expect("the main thread cannot run on CPU 1000" in r.err and "core 1001" in r.err, r)


def forward_thread(b):
    """Its number, once it runs."""
    found = None

    def begun():
        nonlocal found
        for t in os.listdir("/proc/%d/task" % b.process.pid):
            with open("/proc/%d/task/%s/comm" % (b.process.pid, t)) as f:
                if f.read().startswith("forward"):
                    found = int(t)
        return found
    b.until(begun)
    return found


@check
def moved_while_running():
    """A CPU that goes away, as by a smaller cpuset: the kernel moves the thread, and it is reported once."""
    cpus = few_cpus()
    if len(cpus) < 2:
        raise Skip("one CPU: there is nowhere to go")
    with Prompt("--no-huge -l %d,%d --vdev=net_null0" % (cpus[0], cpus[1]), "-a --total-num-mbufs=4096") as b:
        forward = forward_thread(b)
        os.sched_setaffinity(forward, {cpus[0]})
        b.wait("core %d ran on CPU %d and was moved to %d" % (cpus[1], cpus[1], cpus[0]))
        rc, log = b.quit()
        expect(rc == 0 and log.count("was moved") == 1, log)


@check
def a_smaller_cpuset():
    """As an orchestrator makes it, of a running process."""
    root, cpus = "/sys/fs/cgroup/cpuset", few_cpus()
    if os.geteuid() or not os.path.exists(root + "/cpuset.cpus") or len(cpus) < 2:
        raise Skip("it needs root, cpusets of version 1, and two CPUs")
    group = "%s/baton-test-%d" % (root, os.getpid())

    def write(name, text):
        with open(os.path.join(group, name), "w") as f:
            f.write(text)
    try:
        os.mkdir(group)
        write("cpuset.mems", open(root + "/cpuset.mems").read())
        write("cpuset.cpus", "%d,%d" % tuple(cpus[:2]))
    except OSError as e:
        raise Skip("no cpuset of our own: %s" % e)
    try:
        with Prompt("--no-huge -l %d,%d --vdev=net_null0" % (cpus[0], cpus[1]), "-a --total-num-mbufs=4096") as b:
            forward_thread(b)
            write("cgroup.procs", str(b.process.pid))
            write("cpuset.cpus", str(cpus[0]))
            b.wait("was moved to %d" % cpus[0])
            rc, log = b.quit()
            expect(rc == 0, log)
        write("cpuset.cpus", str(cpus[0]))
        r = run("-l %d %s" % (cpus[1], ENV), APP, preexec=lambda: write("cgroup.procs", str(os.getpid())))
        refused(r, "CPU %d" % cpus[1], "cpuset")
    finally:
        remove_groups([group])


# System calls of x86-64.
SCHED_SETAFFINITY, SCHED_GETAFFINITY, EVENTFD2, CLONE, CLONE3, POLL = 203, 204, 290, 56, 435, 7


def forbid(error, *calls):
    """For preexec: these calls fail, as in a sandbox."""
    if platform.machine() != "x86_64":
        raise Skip("the filter is for x86-64")
    program = [(0x20, 0, 0, 0)]
    for call in calls:
        program += [(0x15, 0, 1, call), (6, 0, 0, 0x50000 | error)]
    program.append((6, 0, 0, 0x7FFF0000))
    text = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *i) for i in program))
    libc = ctypes.CDLL(None, use_errno=True)

    class Filter(ctypes.Structure):
        _fields_ = [("n", ctypes.c_ushort), ("p", ctypes.c_void_p)]
    whole = Filter(len(program), ctypes.addressof(text))

    def apply():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(whole)):
            os._exit(99)
    apply.text = text  # which has to live as long
    return apply


@check
def no_pinning():
    for error in (errno.EPERM, errno.ENOSYS, errno.EACCES):
        r = good(run("-l %s %s" % (",".join(map(str, few_cpus()[:2])), ENV), APP, preexec=forbid(error, SCHED_SETAFFINITY)))
        expect(r.err.count("cannot be pinned") == 1 and r.err.count("\n") == 1, r)


@check
def no_asking():
    if sanitized():
        raise Skip("the sanitizer itself asks for each new thread")
    for error in (errno.EPERM, errno.ENOSYS):
        for cores in ("", "-l %d" % few_cpus()[0]):
            r = good(run("%s %s" % (cores, ENV), APP, preexec=forbid(error, SCHED_GETAFFINITY)))
            expect("cannot read which CPUs" in r.err and "are assumed" in r.err, r)
    r = good(run(ENV, APP, preexec=forbid(errno.EPERM, SCHED_GETAFFINITY, SCHED_SETAFFINITY)))
    expect(r.err.count("baton-testpmd:") == 2, r)


@check
def no_eventfd():
    """The main thread is woken by a pipe: the end of the forwarding thread, and a signal, arrive."""
    for error in (errno.EPERM, errno.ENOSYS):
        r = good(run(ENV, "--total-num-mbufs=4096 --stop-after=1000", preexec=forbid(error, EVENTFD2)))
        expect("Bye" in r.out and r.seconds < 5, r)
    p = subprocess.Popen(command(ENV, "--total-num-mbufs=4096"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         preexec_fn=forbid(errno.EPERM, EVENTFD2))
    out = b""
    while b"Logical Core" not in out:
        out += os.read(p.stdout.fileno(), 4096)
    p.send_signal(signal.SIGTERM)
    out += p.communicate(timeout=LIMIT)[0]
    expect(p.returncode == 0 and b"Signal 15" in out, out)


@check
def no_poll():
    r = run(ENV, APP, preexec=forbid(errno.EPERM, POLL))
    expect(r.rc == 1 and "poll() fails" in r.err and "sandbox" in r.err and "Port 0 is closed" in r.out, r)


@check
def no_threads():
    """The thread of a core cannot be had: words, exit status 1, and all is given back."""
    for error in (errno.EAGAIN, errno.EPERM):
        r = run(ENV, APP, preexec=forbid(error, CLONE3, CLONE))
        expect(r.rc == 1 and "cannot start a thread" in r.err and "LOST" not in r.err and "Port 0 is closed" in r.out, r)
    expect("raise ulimit -u" in run(ENV, APP, preexec=forbid(errno.EAGAIN, CLONE3, CLONE)).err, "the remedy")


@check
def no_proc():
    """A pipe that cannot be opened a second time is written to in pieces for which there is room."""
    r, _ = many(2, "-l 0,1", app="-i --total-num-mbufs=4096", FAKE_NO_PROC="1")
    good(r)
    expect("Bye" in r.out, r)
    p = subprocess.Popen(command(ENV, "-i --total-num-mbufs=4096 --run-time=1"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=dict(os.environ, LD_PRELOAD=SHIM, FAKE_NO_PROC="1",
                                                          ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0"))
    p.stdin.write(b"show port info all\n" * 200)
    p.stdin.flush()
    begin = time.monotonic()
    expect(p.wait(LIMIT) == 1 and time.monotonic() - begin < 6, "nobody reads")
    err = p.stderr.read().decode()
    expect(re.search(r"not read: \d+ bytes are lost", err), err)
    for f in (p.stdin, p.stdout, p.stderr):
        f.close()


if __name__ == "__main__":
    main()
