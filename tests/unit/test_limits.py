#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""System calls that a sandbox forbids, and limits of a process: another way, or one sentence (docs/limits.md)."""
import os
import re
import select
import subprocess
import time

import testpmd_util
from sandbox import (Echo, has_sanitizer, need_root, refused, run, sandbox, works, works_or_says)
from testpmd_util import Skip, check, command, expect, main, packets, path, read_pcap, write_pcap

NULL = "--no-huge --vdev=net_null0"
REFUSALS = ("EPERM", "ENOSYS", "EACCES")


def both(how, *words, **more):
    """With ordinary pages, and with whatever there is."""
    for env in (NULL, "--vdev=net_null0"):
        works(run(env, calls=how, **more), *words)


# ---- memory ----

@check
def no_memfd():
    for error in REFUSALS:
        both({"memfd_create": error}, "memfd_create is forbidden here", "takes its place")


@check
def no_memfd_for_a_backend():
    with Echo() as e:
        for error in REFUSALS:
            works(run("--no-huge " + e.port, "--tx-first", calls={"memfd_create": error}), "not sealed", "SIGBUS")


@check
def no_memfd_and_a_capture_comes_back():
    sent = packets(200)
    with Echo() as e:
        r = run("--no-huge --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s %s" % (write_pcap("in.pcap", sent), path("out.pcap"), e.port),
                "--stop-after=400", calls=["memfd_create", "eventfd2", "timerfd_create"])
    expect(r.rc == 0, r)
    expect(read_pcap("out.pcap") == sent, "%d packets" % len(read_pcap("out.pcap")))


@check
def no_ftruncate():
    both(["ftruncate"])
    with Echo() as e:
        works(run("--no-huge " + e.port, "--tx-first", calls=["ftruncate"]))


@check
def no_ftruncate_for_a_capture():
    """A new one needs none, and an old one stays as it is."""
    sent, name = packets(200), path("new.pcap")
    env = "--no-huge --vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), name)
    r = run(env, "--stop-after=200", calls=["ftruncate"])
    expect(r.rc == 0 and read_pcap(name) == sent, r)
    refused(run(env, calls=["ftruncate"]), name, "cannot be emptied", "Operation not permitted")
    expect(read_pcap(name) == sent, "an old capture is kept")


@check
def no_file_at_all():
    calls = ["ftruncate", "fallocate"]
    both(calls, "ftruncate is forbidden here", "no vhost-user backend")
    with Echo() as e:
        refused(run("--no-huge " + e.port, calls=calls), "vhost", "given memory as a file", "ftruncate is forbidden here")


@check
def no_madvise():
    for error in REFUSALS:
        both({"madvise": error})


@check
def no_numa_calls():
    for error in REFUSALS:
        both({c: error for c in ("get_mempolicy", "set_mempolicy", "mbind")})


@check
def no_random_numbers():
    for error in REFUSALS:
        both({"getrandom": error})


# ---- events ----

@check
def no_eventfd():
    with Echo() as e:
        for error in REFUSALS:
            works(run("--no-huge " + e.port, "--tx-first --sleep-idle", calls={"eventfd2": error}))


@check
def no_timerfd():
    for call in ("timerfd_create", "timerfd_settime"):
        for error in REFUSALS:
            works(run(NULL, calls={call: error}), "timerfds are forbidden here")


@check
def no_epoll():
    for call in ("epoll_create1", "epoll_ctl", "epoll_wait"):
        for error in REFUSALS:
            works(run(NULL, calls={call: error}), "epoll is forbidden here")


def comes_back(calls):
    """A backend that ends and is started again is found, which takes a timer and an event."""
    end = time.monotonic() + testpmd_util.LIMIT
    with Echo() as e:
        p = subprocess.Popen(command("--no-huge " + e.port, "--run-time=30 --tx-first --total-num-mbufs=2048"),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=sandbox(calls))
        out = b""

        def until(pattern):
            nonlocal out
            while not re.search(pattern, out):
                expect(time.monotonic() < end and p.poll() is None, out[-2000:])
                if select.select([p.stdout], [], [], 0.1)[0]:
                    out += os.read(p.stdout.fileno(), 65536)
        try:
            until(rb"forwards packets")
            e.process.kill()
            e.process.wait()
            e.process.stdout.close()
            until(rb"link state.*down|went down|is down|[Ll]ink.*[Dd]own")
            program = os.path.join(os.path.dirname(testpmd_util.APP), "..", "..", "tests", "fakedev", "echo_backend")
            e.process = subprocess.Popen([program, e.path], stdout=subprocess.PIPE)
            until(rb"(?s)[Dd]own.*[Ll]ink.*[Uu]p")
            p.terminate()
            out += p.communicate(timeout=testpmd_util.LIMIT)[0]
            expect(p.returncode == 0, out[-2000:])
        finally:
            p.kill()
            p.wait()


@check
def a_backend_comes_back_without_timerfd():
    comes_back(["timerfd_create", "eventfd2"])


@check
def a_backend_comes_back_without_epoll():
    comes_back(["epoll_ctl"])


# ---- other calls ----

@check
def no_matter_without():
    """Calls that are missed in no way, each alone."""
    with Echo() as e:
        for call in ("getsockopt", "capget", "prctl", "pidfd_open", "readlink", "uname", "mlock", "setsockopt",
                     "clock_nanosleep", "getdents64", "statfs"):
            works(run("--no-huge " + e.port, "--tx-first", calls={call: "EPERM" if call != "uname" else "ENOSYS"}))


@check
def no_fcntl():
    works(run(NULL, calls=["fcntl"]))


@check
def no_calls_of_newer_kernels():
    """Old filters refuse with EPERM what they do not know, so that libraries do not fall back."""
    name = path("stats.json")
    for _ in range(2):
        works(run(NULL, "--stats-json=" + name, calls=["faccessat2", "pidfd_open"]))
    refused(run("--vdev=net_virtio_user0,server=1,wait=100,path=" + path("server"), calls=["faccessat2"]), "no backend connected")
    refused(run("--vdev=net_virtio_user0,server=1,wait=100,path=" + path("server"), calls=["access", "faccessat2"]),
            "no backend connected")
    refused(run(NULL, calls=["clone3"]), "thread", "Operation not permitted")


@check
def no_messages_to_a_backend():
    with Echo() as e:
        for call in ("sendmsg", "recvmsg"):
            refused(run(e.port, calls=[call]), call + " is forbidden here", "seccomp")


@check
def a_strict_container():
    """Everything that a short list of calls leaves out, at once."""
    calls = ["memfd_create", "eventfd2", "timerfd_create", "timerfd_settime", "epoll_create1", "epoll_ctl", "madvise", "getrandom",
             "get_mempolicy", "set_mempolicy", "mbind", "pidfd_open", "capget", "getsockopt", "mlock"]
    for error in REFUSALS:
        how = {c: error for c in calls}
        both(how)
        with Echo() as e:
            works(run("--no-huge " + e.port, "--tx-first --sleep-idle", calls=how), "not sealed")


# ---- limits ----

@check
def file_size():
    for size in (0, 1 << 20):
        works(run(NULL, limits={"FSIZE": size}), "RLIMIT_FSIZE", "ulimit -f")
    works(run(NULL, limits={"FSIZE": 1 << 30}))


@check
def processor_time():
    """`ulimit -t` sets both limits, and at the second one the kernel ends a process without a word."""
    r = run(NULL, "--stop-after=9000000000000000000", limits={"CPU": 2})
    expect(r.rc == 1 and "RLIMIT_CPU" in r.err and "ulimit -t" in r.err and "Accumulated" in r.out, r)


@check
def file_size_and_a_backend():
    with Echo() as e:
        refused(run("--no-huge " + e.port, limits={"FSIZE": 0}), "RLIMIT_FSIZE", "ulimit -f", "given memory as a file")
        # Rings and slots are small enough, so that packets are copied through these.
        works(run("--no-huge " + e.port, "--tx-first", limits={"FSIZE": 3 << 20}), "is bounced", "RLIMIT_FSIZE")


@check
def descriptors():
    """However few there are: a sentence until there are enough."""
    with Echo() as e:
        worked = 0
        for n in range(5, 64, 3):
            r = run("--no-huge " + e.port, "--tx-first --sleep-idle", limits={"NOFILE": n})
            works_or_says(r, "ulimit -n")
            worked += r.rc == 0
            expect(r.rc == 0 or not worked, "works with fewer than %d" % n)
            if worked > 2:
                break
    expect(worked, "never worked")


@check
def address_space():
    if has_sanitizer():
        raise Skip("a sanitizer needs more addresses than any limit")
    works(run(NULL, limits={"AS": 400 << 20}))
    refused(run(NULL, "--total-num-mbufs=200000", limits={"AS": 200 << 20}), "RLIMIT_AS is 200 MiB", "in use", "ulimit -v")


@check
def data():
    if has_sanitizer():
        raise Skip("a sanitizer needs more addresses than any limit")
    works(run(NULL, limits={"DATA": 40 << 20}))
    refused(run(NULL, "--total-num-mbufs=400000", limits={"DATA": 20 << 20}), "RLIMIT_DATA is 20 MiB", "in use", "ulimit -d")


@check
def small_stack():
    works(run(NULL, limits={"STACK": 1 << 20 if has_sanitizer() else 64 << 10}))


@check
def other_limits():
    for name in ("MEMLOCK", "SIGPENDING", "MSGQUEUE", "CORE", "RTPRIO", "NICE"):
        works(run(NULL, limits={name: 0}))


# ---- users ----

@check
def nobody():
    """A user who is in no passwd and has no capabilities."""
    need_root()
    for uid in (65534, 1234567):
        works(run(NULL, uid=uid))
        works(run("--vdev=net_null0", uid=uid, calls=["memfd_create"]))


@check
def nobody_without_threads():
    need_root()
    if has_sanitizer():
        raise Skip("a sanitizer has threads of its own")
    refused(run(NULL, uid=1234567, limits={"NPROC": 0}), "thread")


if __name__ == "__main__":
    main()
