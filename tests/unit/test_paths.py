#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""path= of net_virtio_user: what is no socket, sockets of others, sockets for others, and other names of devices."""
import contextlib
import grp
import os
import select
import shutil
import socket
import stat
import subprocess
import time

import testpmd_util
from sockets import BACKENDS, Running, as_nobody, listening, nobodys_name, port, refused_socket
from testpmd_util import LIMIT, Skip, check, command, expect, main, path, refused, run

# ---- what is no socket ----

@check
def kernel_vhost():
    """Also where there is no such device; a link to it is no other thing."""
    for device in ("/dev/vhost-net", "/dev/vhost-vdpa-0", "/dev/vhost-vsock"):
        refused_socket(device, "kernel", "not supported", "passt", *BACKENDS)
    if os.path.exists("/dev/vhost-net"):
        os.symlink("/dev/vhost-net", path("link-to-vhost"))
        refused_socket(path("link-to-vhost"), "kernel", "not supported")


@check
def device():
    refused_socket("/dev/null", "character device", "1:3", *BACKENDS)
    if os.geteuid() != 0:
        raise Skip("a block device needs root")
    try:
        os.mknod(path("block"), 0o600 | stat.S_IFBLK, os.makedev(7, 200))
        os.mknod(path("tun"), 0o600 | stat.S_IFCHR, os.makedev(10, 238))
    except PermissionError as e:
        raise Skip("this container makes no devices") from e
    refused_socket(path("block"), "block device", "7:200")
    refused_socket(path("tun"), "10:238")


@check
def regular_file():
    with open(path("file"), "w") as f:
        f.write("precious")
    refused_socket(path("file"), "regular file", *BACKENDS)
    refused(run(port(path("file"), ",server=1")), "exists", "regular file", "remove it")
    with open(path("file")) as f:
        expect(f.read() == "precious", "the file was written to")


@check
def directory():
    os.mkdir(path("sockets"))
    refused_socket(path("sockets"), "directory")
    with listening("sockets/vhost-user-1"):
        refused(run(port(path("sockets"))), "vhost-user-1")
    refused(run(port(path("sockets/"), ",server=1")), "directory")


@check
def fifo():
    os.mkfifo(path("fifo"))
    refused_socket(path("fifo"), "FIFO", *BACKENDS)


@check
def symbolic_links():
    os.symlink("nowhere", path("dangling"))
    refused(run(port(path("dangling"))), "symbolic link", "nowhere", "nothing")
    refused(run(port(path("dangling"), ",server=1")), "symbolic link", "exists")
    os.symlink(path("b"), path("a"))
    os.symlink(path("a"), path("b"))
    refused(run(port(path("a"))), "symbolic link", "circle")
    refused(run(port(path("a/s0"))), "symbolic link", "circle")
    refused(run(port(path("a/s0"), ",server=1")), "symbolic link", "circle")


@check
def too_long():
    where = path("x" * 120)
    for more in ("", ",server=1"):
        refused(run(port(where, more)), "107", str(len(where)), "symbolic link")
    # What the sentence proposes works: there is nothing, but that is all.
    os.mkdir(path("y" * 100))
    r = run(port(path("y" * 100) + "/s0"))
    refused(r, "path=s0")
    os.symlink(path("y" * 100), path("short"))
    refused(run(port(path("short/s0"))), "no socket at")


@check
def exit_status():
    """2: this command line cannot be; 1: on another day it could."""
    for device in (port("/dev/vhost-net"), port("@s0"), port(path("x" * 120)), port("", ",server=2"), "-a 0000:00:03.8",
                   port(path("s0"), ",server=1,socket-mode=9"), port(path("s0"), ",server=1,socket-group=no-such-group")):
        expect(run(device).rc == 2, run(device))
    for device in (port(path("s0")), port(testpmd_util.TMP), port("/dev/null"), port(path("no/s0"), ",server=1")):
        expect(run(device).rc == 1, run(device))


@check
def not_a_path():
    refused(run(port("")), "path=SOCKET", *BACKENDS)
    refused(run("--vdev=net_virtio_user0"), "path=SOCKET")
    refused(run("--vdev=net_virtio_user0,path"), "path=SOCKET")
    refused(run(port("@vhost")), "abstract", "path=./@vhost")
    refused(run(port("@vhost", ",server=1")), "abstract")
    refused(run(port("unix:/tmp/s0")), "path=/tmp/s0")
    refused(run(port("~/s0")), "shell")
    expect(not os.path.exists("@vhost"), "a file was made")


@check
def missing():
    refused(run(port(path("none"))), "no socket at", "start", "server=1")
    refused(run(port(path("none/deep/s0"))), "no directory " + path("none"), "mkdir -p")
    refused(run(port(path("none/s0"), ",server=1")), "no directory " + path("none"), "mkdir -p")


@check
def way_is_no_directory():
    with open(path("plain"), "w"):
        pass
    refused(run(port(path("plain/s0"))), path("plain") + " is a regular file, not a directory")
    refused(run(port(path("plain/s0"), ",server=1")), "not a directory")
    with listening("asocket") as (where, _):
        refused(run(port(where + "/s0")), "is a socket, not a directory")


@check
def other_types_of_socket():
    with listening("dgram", kind=socket.SOCK_DGRAM) as (where, _):
        refused_socket(where, "datagram socket", "stream")
        expect(stat.S_ISSOCK(os.stat(where).st_mode), "it was removed")
    with listening("seq", kind=socket.SOCK_SEQPACKET) as (where, _):
        refused_socket(where, "sequential-packet socket", "stream")


@check
def nobody_listens():
    s = socket.socket(socket.AF_UNIX)
    s.bind(path("stale"))
    s.close()
    refused(run(port(path("stale"))), "nobody listens at", "start it again")
    # A server takes the place of such a one.
    with Running(port(path("stale"), ",server=1,wait=20000")) as p:
        p.listens()
        p.finish()
    expect(not os.path.exists(path("stale")), "it was left behind")


@check
def path_with_a_link():
    """A link to a socket is a good path."""
    with listening("behind-link") as (where, s):
        os.symlink(where, path("good-link"))
        with Running(port(path("good-link"), ",timeout=20000")) as p:
            expect(select.select([s], [], [], LIMIT)[0], "it did not connect")
            # A backend that says nothing keeps nobody from ending it.
            p.until(lambda: "to answer GET_FEATURES" in p.out())
            begin = time.monotonic()
            out = p.finish()
            expect(p.process.returncode == 0 and "interrupted" in out and time.monotonic() - begin < 5, out)


@check
def no_address():
    """Addresses that are none, and interfaces of the kernel's, which are not opened by name."""
    for bad in ("0000:00:03.8", "0000:00:20.0", "10000:01:00.0", "0000:00:03", "00:03"):
        refused(run("-a " + bad), f'"{bad}" is not a PCI address', "0000:03:00.0")
    for good in ("0:1e.7", "pci:00:1E.7", "ffff:3F:1E.7"):
        r = run("-a " + good)
        expect(r.rc > 0 and "not a PCI address" not in r.err and "did you mean" not in r.err, r)
    if os.path.exists("/sys/class/net/lo"):
        refused(run("-a lo"), "lo is a network interface of the kernel's")


# ---- somebody else's ----

@check
def socket_of_somebody_else():
    go, us = as_nobody(), nobodys_name()
    with listening("private", mode=0o700) as (where, _):
        r = go(port(where))
        refused(r, where, "user root", "group root", "mode 0700", us, "chgrp", "chmod g+w", "socket-mode=")
    with listening("of-group", mode=0o770) as (where, _):
        os.chown(where, 0, 1)
        group = grp.getgrgid(1).gr_name
        r = go(port(where))
        refused(r, where, f"group {group}", "mode 0770", f"usermod -aG {group} {us}")
    with listening("no-name", mode=0o700) as (where, _):
        os.chown(where, 54321, 54322)
        refused(go(port(where)), "user 54321", "group 54322")


@check
def directory_of_somebody_else():
    go, us = as_nobody(), nobodys_name()
    os.mkdir(path("closed"), 0o700)
    for more in ("", ",server=1"):
        refused(go(port(path("closed/s0"), more)), path("closed"), "user root", "mode 0700", "may not be searched",
                us, "chmod o+x")
    os.mkdir(path("readable"), 0o755)
    r = go(port(path("readable/s0"), ",server=1"))
    refused(r, path("readable"), "may not write", "mode 0755", us)


@check
def left_behind_by_somebody_else():
    go = as_nobody()
    os.mkdir(path("shared"))
    os.chmod(path("shared"), 0o1777)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path("shared/s0"))
    os.chmod(path("shared/s0"), 0o666)
    s.close()
    refused(go(port(path("shared/s0"), ",server=1")), "left behind", "user root", "cannot be removed")
    os.chmod(path("shared/s0"), 0o600)
    refused(go(port(path("shared/s0"), ",server=1")), "somebody else", "user root", "mode 0600")
    expect(os.path.exists(path("shared/s0")), "it was removed")


@check
def read_only_file_system():
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("a mount needs root and unshare")
    os.mkdir(path("ro"))
    script = f"mount -t tmpfs -o ro none {path('ro')} && exec \"$@\""
    probe = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", "true"], capture_output=True)
    if probe.returncode:
        raise Skip("this container may not mount")
    p = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *command(port(path("ro/s0"), ",server=1"))],
                       capture_output=True, text=True, timeout=LIMIT)
    expect(p.returncode > 0 and "read-only" in p.stderr and path("ro") in p.stderr, p)


# ---- sockets for others ----

def server(more, umask=0o022):
    """Start a server, and look at its socket. Return: its stat, the output."""
    where = path("server")
    with Running(port(where, ",server=1,wait=20000" + more), umask=umask) as p:
        p.listens()
        st = os.stat(where)
        out = p.finish()
    expect(not os.path.exists(where), "it was left behind: " + out)
    return st, out


@check
def mode_of_a_server():
    for given, mode in (("0660", 0o660), ("666", 0o666), ("0o777", 0o777), ("0600", 0o600)):
        st, out = server(",socket-mode=" + given, umask=0o077)
        expect(stat.S_IMODE(st.st_mode) == mode, oct(st.st_mode))
        expect(f"mode {mode:04o}" in out, out)
    st, out = server("")
    expect(stat.S_IMODE(st.st_mode) == 0o755 and "mode 0755" in out, out)
    expect("root and its user may connect" in out and "socket-mode=" in out, out)
    st, out = server("", umask=0)
    expect("everybody may connect" in out and "socket-mode" not in out, out)


@check
def directory_of_a_server():
    """A socket for all, in a directory for one: a warning that names it."""
    os.mkdir(path("private-dir"), 0o700)
    os.chmod(testpmd_util.TMP, 0o755)
    r = run(port(path("private-dir/s0"), ",server=1,wait=50,socket-mode=0666"))
    expect("warning" in r.all and f"the directory {path('private-dir')}" in r.all and "mode 0700" in r.all and
           "chmod o+x" in r.all, r)
    r = run(port(path("private-dir/s0"), ",server=1,wait=50"))
    expect("warning" not in r.all, r)
    refused(r, "no backend connected", "root and its user may connect", "socket-group=")
    os.chmod(path("private-dir"), 0o711)
    r = run(port(path("private-dir/s0"), ",server=1,wait=50,socket-mode=0666"))
    expect("warning" not in r.all and "everybody may connect" in r.err, r)


@check
def group_of_a_server():
    mine = os.getgroups() or [os.getgid()]
    st, out = server(f",socket-group={mine[0]}")
    expect(st.st_gid == mine[0] and stat.S_IMODE(st.st_mode) == 0o660, oct(st.st_mode))
    name = grp.getgrgid(mine[0]).gr_name
    st, out = server(f",socket-group={name},socket-mode=0770")
    expect(st.st_gid == mine[0] and stat.S_IMODE(st.st_mode) == 0o770 and f"group {name}" in out, out)
    if os.geteuid() != 0:
        raise Skip("giving a socket to another group and user needs root")
    st, out = server(",socket-group=12345,socket-owner=54321,socket-mode=0600")
    expect((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (54321, 12345, 0o600), out)


@check
def never_open_to_others():
    """The socket has no other mode before that which was asked for."""
    where, seen = path("server"), set()

    def look():
        with contextlib.suppress(FileNotFoundError):
            seen.add(stat.S_IMODE(os.stat(where).st_mode))
        return "waiting for a backend" in p.out()

    with Running(port(where, ",server=1,wait=20000,socket-mode=0600"), umask=0) as p:
        p.until(look)
        p.finish()
    expect(seen == {0o600}, seen)


@check
def bad_modes():
    where = path("never")
    for bad in ("", "x", "0888", "8", "1777", "07777", "-1", "0x1b0", "0660 ", "rw-rw----"):
        refused(raw(port(where, f",server=1,socket-mode={bad}")), "socket-mode=" + bad, "0660")
    for bad in ("0", "0440", "0555"):
        refused(run(port(where, f",server=1,socket-mode={bad}")), "nobody could connect")
    for bad in ("", "no-such-group", "-1", "4294967295", "99999999999"):
        refused(run(port(where, f",server=1,socket-group={bad}")), "socket-group=" + bad, "no such group")
        refused(run(port(where, f",server=1,socket-owner={bad}")), "socket-owner=" + bad, "no such user")
    for one in ("socket-mode=0660", "socket-group=0", "socket-owner=0"):
        refused(run(port(where, "," + one)), one.split("=")[0], "server=1")
        refused(run(port(where, ",server=0," + one)), one.split("=")[0], "server=1")
    expect(not os.path.exists(where), "a socket was left behind")


def raw(device):
    """As run(), for a device that has spaces in it."""
    begin = time.monotonic()
    p = subprocess.run([testpmd_util.APP, device], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=LIMIT)
    return testpmd_util.Run(p.returncode, p.stdout, p.stderr, time.monotonic() - begin)


@check
def no_right_to_give_away():
    go, us = as_nobody(), nobodys_name()
    os.mkdir(path("ours"))
    os.chmod(path("ours"), 0o777)
    refused(go(port(path("ours/s0"), ",server=1,socket-group=1")), "cannot be given to group", us, "usermod -aG")
    refused(go(port(path("ours/s0"), ",server=1,socket-owner=0")), "cannot be given to user root", "CAP_CHOWN")
    expect(not os.listdir(path("ours")), "a socket was left behind")


@check
def somebody_elses_later_socket_stays():
    """At its end a server removes its own socket, and not one that has its path by then."""
    where = path("server")
    with Running(port(where, ",server=1,wait=20000")) as p:
        p.listens()
        os.unlink(where)
        with listening("server"):
            p.finish()
            expect(os.path.exists(where), "the other's socket was removed")


if __name__ == "__main__":
    main()
