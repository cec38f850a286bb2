# SPDX-License-Identifier: BSD-3-Clause
"""
Sandboxes to run baton-testpmd in: system calls that fail, limits, users without rights, mounts that are missing, control groups.

What a sandboxed run must do is one of two things: forward packets and exit with 0, or exit with 1 and one sentence that names
what stands in the way. It must never be ended by a signal.
"""
import contextlib
import ctypes
import errno
import os
import platform
import re
import resource
import struct
import subprocess
import time

import sockets
import testpmd_util
from testpmd_util import Run, Skip, command, expect, path, totals

# The numbers of the system calls that are taken away.
NUMBERS = {
    "x86_64": {
        "read": 0, "write": 1, "poll": 7, "mprotect": 10, "access": 21, "madvise": 28, "dup": 32, "nanosleep": 35, "socket": 41,
        "connect": 42, "sendmsg": 46, "recvmsg": 47, "bind": 49, "listen": 50, "getsockname": 51, "socketpair": 53,
        "setsockopt": 54, "getsockopt": 55, "fcntl": 72, "ftruncate": 77, "readlink": 89, "getrlimit": 97, "sysinfo": 99,
        "capget": 125, "prctl": 157, "mlock": 149, "epoll_wait": 232, "epoll_ctl": 233, "mbind": 237, "set_mempolicy": 238,
        "get_mempolicy": 239, "clock_nanosleep": 230, "timerfd_create": 283, "fallocate": 285, "timerfd_settime": 286,
        "eventfd2": 290, "epoll_create1": 291, "pipe2": 293, "prlimit64": 302, "getrandom": 318, "memfd_create": 319,
        "statfs": 137, "getdents64": 217, "epoll_pwait": 281, "pidfd_open": 434, "clone3": 435, "faccessat2": 439, "sched_getaffinity": 204, "uname": 63,
    },
}
AUDIT_ARCH = {"x86_64": 0xC000003E}
ALLOW, FAIL = 0x7FFF0000, 0x50000


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def numbers():
    if platform.machine() not in NUMBERS:
        raise Skip("the numbers of system calls are known for x86-64 only")
    return NUMBERS[platform.machine()]


def deny(calls):
    """In the child: from now on each of `calls`, {name: errno's name}, fails."""
    table = numbers()
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT_ARCH[platform.machine()]), (0x06, 0, 0, ALLOW), (0x20, 0, 0, 0)]
    for name, error in calls.items():
        program += [(0x15, 0, 1, table[name]), (0x06, 0, 0, FAIL | getattr(errno, error))]
    program.append((0x06, 0, 0, ALLOW))
    text = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *i) for i in program))
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = Filter(len(program), ctypes.addressof(text))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(filtered)):
        raise OSError(ctypes.get_errno(), "seccomp")


def has_sanitizer(which=b"[at]san"):
    with open(testpmd_util.APP, "rb") as f:
        return re.search(rb"lib%s\.so|__%s_init" % (which, which), f.read()) is not None


def sandbox(calls=None, limits=None, uid=None, group=None):
    """What subprocess calls in the child. `calls`: of deny(), or a list, which fail with EPERM. `limits`: {"NOFILE": 8}."""
    if isinstance(calls, (list, tuple)):
        calls = {name: "EPERM" for name in calls}
    if calls:
        numbers()
    if (group or "madvise" in (calls or {}) or "FSIZE" in (limits or {})) and has_sanitizer(b"tsan"):
        raise Skip("ThreadSanitizer does not work in such a sandbox")

    def enter():
        if group:
            with open(os.path.join(group, "cgroup.procs"), "w") as f:
                f.write("0")
        for name, value in (limits or {}).items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
        if uid is not None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        if calls:
            deny(calls)
    return enter


def run(env, app="", stdin="", script=None, **how):
    """
    Run it in a sandbox of sandbox()'s arguments. `script`: shell commands that come first, in a mount namespace of its own.
    It ends after 1,000 packets unless `app` says otherwise.
    """
    argv = command(env, "--total-num-mbufs=2048 --run-time=15 --stop-after=1000 " + app)
    if how.get("uid") is not None:  # who may not search the folder of the build
        argv[0] = sockets.nobodys(argv[0])[0]
    if script is not None:
        argv = ["unshare", "--mount", "--propagation=private", "sh", "-e", "-c", script + '\nexec "$0" "$@"'] + argv
    # LeakSanitizer needs more of a machine than a sandbox has.
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", ""))
    begin = time.monotonic()
    p = subprocess.run(argv, input=stdin.encode(), capture_output=True, timeout=testpmd_util.LIMIT, preexec_fn=sandbox(**how),
                       env=environment)
    return Run(p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"), time.monotonic() - begin)


def works(r, *words):
    """It forwarded, and said each of the words."""
    expect(r.rc == 0, r)
    expect(totals(r.out)[0] > 0, r)
    for w in words:
        expect(w in r.err, "%r not in %s" % (w, r))
    return r


def refused(r, *words):
    """It exited with 1, and the last line has each of the words."""
    expect(r.rc == 1, r)
    lines = [line for line in r.err.splitlines() if line.startswith("baton-testpmd: ")]
    expect(len(lines) == 1 or len(set(lines)) == 1, "not one sentence: %s" % r)
    for w in words:
        expect(w in lines[0], "%r not in %s" % (w, r))
    return r


def works_or_says(r, *words):
    """Whichever, but not a signal and not without a word."""
    if r.rc == 0:
        return works(r)
    return refused(r, *words)


class Echo:
    """The echo backend of the same build, as a context manager."""

    def __enter__(self):
        self.path = path("echo")
        program = os.path.join(os.path.dirname(testpmd_util.APP), "..", "..", "tests", "fakedev", "echo_backend")
        self.process = subprocess.Popen([program, self.path], stdout=subprocess.PIPE)
        self.process.stdout.readline()
        self.port = "--vdev=net_virtio_user0,path=%s,timeout=10000" % self.path
        return self

    def __exit__(self, *exc):
        ended = self.process.poll()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        if not exc[0]:
            expect(ended is None, "the backend ended with %s" % ended)


def need_root():
    if os.geteuid():
        raise Skip("needs root")


@contextlib.contextmanager
def new_group(controller, **files):
    """A control group below ours that has the controller, with files written. An empty one of `-` is not."""
    need_root()
    made = []
    with open("/proc/self/mountinfo") as f:
        mounts = [(m[4], m[m.index("-") + 1], m[-1].split(",")) for m in (line.split() for line in f)]
    with open("/proc/self/cgroup") as f:
        own = [line.rstrip("\n").split(":", 2) for line in f]
    for mount, kind, options in mounts:
        if kind == "cgroup" and controller in options:
            mine = next(o[2] for o in own if controller in o[1].split(","))
        elif kind == "cgroup2":
            mine = next(o[2] for o in own if not o[1])
        else:
            continue
        parent = mount + mine.rstrip("/")
        try:
            if kind == "cgroup2":
                with open(parent + "/cgroup.subtree_control", "w") as f:
                    f.write("+" + controller)
            group = "%s/baton-limits-%d-%d" % (parent, os.getpid(), time.monotonic_ns())
            os.mkdir(group)
            made.append(group)
            for name, value in files.items():
                with open("%s/%s.%s" % (group, controller, name.replace("__", ".")), "w") as f:
                    f.write(str(value))
            break
        except OSError:
            remove_groups(made)
            made = []
    if not made:
        raise Skip("no control group with a %s controller can be made here" % controller)
    try:
        yield made[0]
    finally:
        remove_groups(made)


def remove_groups(groups):
    """A group can be removed a moment after its last process has ended."""
    end = time.monotonic() + 5
    for group in groups:
        while os.path.exists(group):
            try:
                os.rmdir(group)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
