#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sockets of net_virtio_user in use: by two users, in namespaces, by other users, and by others later on."""
import contextlib
import os
import select
import shutil
import subprocess
import time

import testpmd_util
from sockets import Running, as_nobody, echo_program, listening, need_root, nobodys, port
from testpmd_util import LIMIT, Skip, check, command, expect, main, path, refused, run

NO_LEAKS = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # which needs /proc


# ---- two users of one socket ----

@contextlib.contextmanager
def using(where, s=None, prefix=()):
    """A port that is connected to a backend that says nothing; or, without s, a server."""
    with Running(port(where, ",timeout=20000" if s else ",server=1,wait=20000"), prefix) as p:
        if s:
            expect(select.select([s], [], [], LIMIT)[0], "it did not connect: " + p.out())
        else:
            p.listens()
        yield p
        expect(p.process.poll() is None, "it has ended: " + p.out())
    # unshare's child ends a little later than unshare itself; then its connection ends.
    while s and select.select([s], [], [], 0)[0]:
        with s.accept()[0] as connection:
            connection.settimeout(LIMIT)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass


def second(where, prefix=(), more=",timeout=100"):
    begin = time.monotonic()
    p = subprocess.run([*prefix, *command("-l 0 --no-huge " + port(where, more))], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=LIMIT, env=dict(os.environ, ASAN_OPTIONS=NO_LEAKS))
    # libhugetlbfs and sanitizers have their own lines about a machine without /proc.
    err = "".join(line for line in p.stderr.splitlines(True) if not line.startswith(("libhugetlbfs", "==")))
    return testpmd_util.Run(p.returncode, p.stdout, err, time.monotonic() - begin)


@check
def two_users():
    before = set(os.listdir(testpmd_util.TMP))
    with listening("s2") as (where, s):
        with using(where, s) as first:
            refused(second(where), "in use", f"process {first.pid} (baton-testpmd)")
            os.symlink(where, path("s2-link"))
            refused(second(path("s2-link")), "in use")
            os.link(where, path("s2-hard"))
            refused(second(path("s2-hard")), "in use", f"process {first.pid}")
            os.symlink(testpmd_util.TMP, path("dir-link"))
            refused(second(path("dir-link/s2")), "in use")
            refused(second(path("./s2")), "in use")
        # The first was killed: nothing of its is in the way.
        expect("in use" not in second(where).err, "the lock outlived its owner")
    refused(run(port(where) + " " + port(where, n=1)), "no socket")
    left = {n for n in os.listdir(testpmd_util.TMP) if not n.startswith("output")} - before - {"s2-link", "s2-hard", "dir-link"}
    expect(not left, f"left behind: {left}")


@check
def two_ports_of_one_program():
    with listening("s3") as (where, s):
        r = second(where, more=",timeout=400")
        expect("in use" not in r.err, r)
    where = path("srv")
    p = run(f"{port(where, ',server=1,wait=100')} {port(where, ',server=1,wait=100', 1)}")
    expect(p.rc > 0 and "no backend connected" in p.err, p)


@check
def two_servers():
    where = path("srv")
    with using(where) as first:
        refused(second(where, more=",server=1"), "in use", f"process {first.pid}")
        expect(os.path.exists(where), "the first one's socket is gone")
    os.unlink(where)
    with listening("srv"):
        refused(second(where, more=",server=1"), "another program listens")


NAMESPACES = {
    "network": ("unshare", "-n"),
    "mount": ("unshare", "-m"),
    "network_pid": ("unshare", "-n", "-p", "-f", "--mount-proc", "--kill-child"),
    "all": ("unshare", "-n", "-m", "-p", "-i", "-u", "-C", "-f", "--mount-proc", "--kill-child"),
    "user_network": ("unshare", "-U", "-r", "-n"),
    "pid_without_proc": ("unshare", "-n", "-p", "-f", "--kill-child"),
    "without_proc": ("unshare", "-n", "-m", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"),
}


def need(prefix):
    if not shutil.which("unshare"):
        raise Skip("unshare is not installed")
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        raise Skip("no right to make namespaces: " + " ".join(prefix))
    if subprocess.run([*prefix, testpmd_util.APP, "--help"], capture_output=True,
                      env=dict(os.environ, ASAN_OPTIONS=NO_LEAKS)).returncode:
        raise Skip("this build's sanitizer does not run there: " + " ".join(prefix))


def in_namespaces(name):
    prefix = NAMESPACES[name]
    need(prefix)
    with listening("ns") as (where, s):
        with using(where, s):
            refused(second(where, prefix), "in use")
        with using(where, s, prefix):
            refused(second(where), "in use")
    with using(where) as _:
        refused(second(where, prefix, ",server=1"), "in use")
        expect(os.path.exists(where), "the first one's socket is gone")
    os.unlink(where)


for ns_name in NAMESPACES:
    def one(name=ns_name):
        in_namespaces(name)
    one.__name__ = "namespaces_" + ns_name
    check(one)


@check
def bind_mounts():
    """A container that has the directory, or the socket alone, at another path."""
    need(("unshare", "-n", "-m"))
    os.mkdir(path("inside"))
    with open(path("inside-socket"), "w"):
        pass
    with listening("ns") as (where, s), using(where, s):
        script = 'mount --bind "$0" "$1" && shift && exec "$@"'
        whole = ("unshare", "-n", "-m", "sh", "-c", script, testpmd_util.TMP, path("inside"))
        if subprocess.run([*whole, "true"], capture_output=True).returncode:
            raise Skip("this container may not mount")
        refused(second(path("inside/ns"), whole), "in use")
        alone = ("unshare", "-n", "-m", "sh", "-c", script, where, path("inside-socket"))
        refused(second(path("inside-socket"), alone), "in use")


@check
def another_user_and_namespace():
    go = as_nobody()
    with listening("open") as (where, s), using(where, s):
        refused(go(port(where)), "in use", "process")
    os.mkdir(path("dark"))
    os.chmod(path("dark"), 0o711)  # may be passed through, not read
    with listening("dark/s0") as (where, s), using(where, s):
        refused(go(port(where)), "in use")


# ---- with a backend that serves ----

@contextlib.contextmanager
def echo(where, *words, nobody=False, umask=0o022):
    """The echo backend of the same build."""
    program, how = nobodys(echo_program()) if nobody else (echo_program(), {"preexec_fn": lambda: os.umask(umask)})
    p = subprocess.Popen([program, where, *words], stdout=subprocess.PIPE, **how)
    p.stdout.readline()  # "ready"
    try:
        yield p
    finally:
        p.kill()
        p.wait()
        p.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            if "client" not in words:
                os.unlink(where)


FORWARD = "--forward-mode=txonly --run-time=60"


def forwards(p):
    p.until(lambda: "packet forwarding" in p.out())


@check
def second_user_of_a_busy_socket():
    """The first one goes on, also while its backend is away; when it has ended, the socket is free."""
    where = path("busy")
    with echo(where), Running(port(where, ",timeout=10000"), rest=FORWARD) as first:
        forwards(first)
        prefixes = [()]
        with contextlib.suppress(Skip):
            need(NAMESPACES["network_pid"])
            prefixes.append(NAMESPACES["network_pid"])
        for prefix in prefixes:
            refused(second(where, prefix), "in use")
        expect("hung up" not in first.out(), first.out())
        first.finish()
        expect(first.process.returncode == 0, first.out())
        with Running(port(where, ",timeout=10000")) as again:
            again.process.wait(LIMIT)
            expect(again.process.returncode == 0, again.out())


@check
def the_path_stays_ones_own():
    """A port whose backend is away keeps its path, and has the backend when it comes back."""
    where = path("away")
    with contextlib.ExitStack() as life:
        with echo(where):
            first = life.enter_context(Running(port(where, ",timeout=10000"), rest=FORWARD))
            forwards(first)
        first.until(lambda: "link down" in first.out())
        with listening("away") as (_, s):
            # Whether or not the first one is there just now: the second is not let near it.
            refused(second(where), "in use")
            s.close()
        with echo(where):
            first.until(lambda: "is back" in first.out())


@check
def comes_back_as_somebody_elses():
    """A backend that comes back where this user may not connect is reported once; let in, the port goes on."""
    need_root()
    where = path("changed")
    with contextlib.ExitStack() as life:
        with echo(where, umask=0):
            p = life.enter_context(Running(port(where, ",timeout=10000"), nobody=True, rest=FORWARD))
            forwards(p)
        with echo(where, umask=0o077):
            p.until(lambda: "the backend came back, but: cannot connect to" in p.out())
            expect("user root" in p.out() and "chmod g+w" in p.out(), p.out())
            os.chmod(where, 0o777)
            p.until(lambda: "is back" in p.out())
            expect(p.out().count("the backend came back, but") == 1, p.out())


@check
def group_lets_a_backend_in():
    """A backend of another user connects to a server by its socket's group, and not without."""
    need_root()
    os.chmod(testpmd_util.TMP, 0o755)
    where = path("for-group")
    with Running(port(where, ",server=1,wait=20000,timeout=10000,socket-group=65534"), rest=FORWARD) as p:
        p.listens()
        with echo(where, "client", nobody=True):
            forwards(p)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(where)
    with Running(port(where, ",server=1,wait=500,socket-mode=0600"), rest=FORWARD) as p, \
            echo(where, "client", nobody=True):
        p.process.wait(LIMIT)
        expect("no backend connected" in p.out(), p.out())


@check
def only_by_an_abstract_socket():
    """Without /proc, in a directory that may not be read: the log says what remains."""
    prefix = NAMESPACES["without_proc"]
    need(prefix)
    program, _ = nobodys(testpmd_util.APP)
    os.makedirs(path("dark2"), exist_ok=True)
    os.chmod(path("dark2"), 0o711)
    if not shutil.which("setpriv"):
        raise Skip("setpriv is not installed")
    with listening("dark2/s0") as (where, _):
        p = subprocess.run(
            [*prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program,
             *command("-l 0 --no-huge " + port(where, ",timeout=100"))[1:]], cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT, env=dict(os.environ, ASAN_OPTIONS=NO_LEAKS))
        expect("in this network namespace only" in p.stdout + p.stderr and path("dark2") in p.stdout + p.stderr, p)


if __name__ == "__main__":
    main()
