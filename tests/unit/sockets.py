# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of sockets share: programs that run meanwhile, listen, or are another user's."""
import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import testpmd_util
from testpmd_util import LIMIT, Skip, command, expect, path, refused, run

NOBODY = 65534
BACKENDS = ("vhost-user backend", "dpdk-testpmd")


def port(where, more="", n=0):
    return f"--vdev=net_virtio_user{n},path={where}{more}"


class Running:
    """baton-testpmd in the background, until the block ends; its output is in a file, and may be read at any time."""

    def __init__(self, env, prefix=(), umask=0o022, nobody=False, rest="--run-time=0.1"):
        program, how = nobodys(testpmd_util.APP) if nobody else (
            testpmd_util.APP, {"preexec_fn": lambda: os.umask(umask)})
        # unshare's child ends a little later than unshare itself. What it has open then closes from the first number to the
        # last, or the other way round; this pipe has a low one, and a connection a high one.
        self.ended, alive = os.pipe()
        self.name = path(f"output-{len(os.listdir(testpmd_util.TMP))}")
        with open(self.name, "w") as out:
            self.process = subprocess.Popen(
                [*prefix, program, *command("-l 0 --no-huge " + env, rest + " --total-num-mbufs=2048")[1:]],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, pass_fds=(alive,), **how)
        os.close(alive)
        self.pid = self.process.pid

    def out(self):
        with open(self.name) as f:
            return f.read()

    def until(self, condition):
        end = time.monotonic() + LIMIT
        while not condition():
            expect(time.monotonic() < end and self.process.poll() is None, "it never was so: " + self.out())
            time.sleep(0.01)

    def listens(self):
        self.until(lambda: "waiting for a backend" in self.out())

    def finish(self):
        """End it as a user does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(LIMIT)
        return self.out()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        expect(select.select([self.ended], [], [], LIMIT)[0], "it goes on after its end")
        os.close(self.ended)


@contextlib.contextmanager
def listening(name, mode=0o777, kind=socket.SOCK_STREAM):
    """A program that listens, and says nothing to whoever connects."""
    where = path(name)
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(where)
    os.chmod(where, mode)
    if kind != socket.SOCK_DGRAM:
        s.listen(4)
    try:
        yield where, s
    finally:
        s.close()
        os.unlink(where)


def refused_socket(where, *words):
    refused(run(port(where)), where, *words)
    refused(run(port(where, ",server=1,wait=50")), where)


def copied():
    """A directory with copies of baton-testpmd, its libraries and the echo backend, which every user can read."""
    to = path("bin")
    if os.path.isdir(to):
        return to
    os.chmod(testpmd_util.TMP, 0o755)
    os.mkdir(to)
    libs = subprocess.run(["ldd", testpmd_util.APP], capture_output=True, text=True, check=True).stdout
    for file in [testpmd_util.APP, echo_program()] + re.findall(r"=> (\S*libbaton\S*)", libs):
        shutil.copy(file, to)
    return to


def echo_program():
    return os.path.join(os.path.dirname(testpmd_util.APP), "..", "..", "tests", "fakedev", "echo_backend")


def become_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root can run it as another user")


def nobodys(program):
    """How Popen runs a program as nobody: its path, and arguments of Popen."""
    need_root()
    return os.path.join(copied(), os.path.basename(program)), {
        "preexec_fn": become_nobody, "cwd": "/", "env": dict(os.environ, LD_LIBRARY_PATH=copied())}


def as_nobody():
    """A function that runs baton-testpmd as another user."""
    program, how = nobodys(testpmd_util.APP)

    def go(devices):
        words = [program] + command("-l 0 --no-huge " + devices, "--run-time=0.1 --total-num-mbufs=2048")[1:]
        begin = time.monotonic()
        p = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, **how)
        return testpmd_util.Run(p.returncode, p.stdout, p.stderr, time.monotonic() - begin)
    return go


def nobodys_name():
    try:
        return pwd.getpwuid(NOBODY).pw_name
    except KeyError:
        return str(NOBODY)
