# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch and passt as peers, unpacked by devtools/peers-setup, and ports as sockets (wire.c)."""
import collections
import glob
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import peer  # noqa: F401  (takes the path of baton-testpmd from the arguments)

WIRE = os.environ.get("BATON_WIRE", "")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "baton", "peers")
RESTARTS = int(os.environ.get("BATON_RESTARTS", "3"))
WAYS = {"direct": "", "bounced": ",bounce=always", "confined": ",confine=on"}
LIBS = "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"


def unpacked(name):
    """The folder with a peer's packages; without it the whole test is skipped."""
    found = sorted(glob.glob(os.path.join(CACHE, name + "-*")))
    if not found:
        print(f"skipped: no {name} in {CACHE}; devtools/peers-setup downloads it")
        sys.exit(77)
    return found[-1]


def frame(seq, size, dst=b"\2\0\0\0\0\2", src=b"\2\0\0\0\0\1"):
    """A frame that differs from every other one in each part."""
    head = dst + src + b"\x88\xb5" + seq.to_bytes(4, "big")
    body = (seq * 2654435761 & 0xffffffff).to_bytes(4, "big") * (size // 4 + 1)
    return (head + body)[:size]


def until(what, seconds, why):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(why() if callable(why) else why)
        time.sleep(0.01)


class Wire:
    """Ports of net_virtio_user, each a socket. A context manager."""

    def __init__(self, *devargs):
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in devargs]
        self.ports = [ours for ours, _ in pairs]
        for s in self.ports + [theirs for _, theirs in pairs]:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.err = tempfile.TemporaryFile("w+")
        args = [a for d, (_, theirs) in zip(devargs, pairs) for a in (d, str(theirs.fileno()))]
        self.process = subprocess.Popen([WIRE, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err,
                                        pass_fds=[theirs.fileno() for _, theirs in pairs])
        for _, theirs in pairs:
            theirs.close()
        self.text = b""
        self.events = collections.Counter()

    def log(self):
        self.err.seek(0)
        return self.err.read()

    def hear(self, seconds):
        """Lines of what happened are counted; return the next other line, or None."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                line = line.decode()
                if not line.startswith("event "):
                    return line
                self.events[line[6:]] += 1
            left = end - time.monotonic()
            if not select.select([self.process.stdout], [], [], max(0, left))[0]:
                return None
            got = os.read(self.process.stdout.fileno(), 4096)
            if not got:
                raise AssertionError("wire ended: " + self.log())
            self.text += got

    def up(self, seconds=30):
        line = self.hear(seconds)
        if line != "up":
            raise AssertionError(f"wire says {line}: {self.log()}")
        return self

    def send(self, port, frame):
        try:
            self.ports[port].send(frame)
        except OSError as e:
            raise AssertionError(f"{e}; wire says {self.hear(0)}: {self.log()}") from e

    def say(self, command, seconds=10):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.hear(seconds)

    def quit(self):
        """Stop it. Return what it says of its buffers: "home"."""
        line = self.say("quit", 30)
        self.process.wait(10)
        return f"{line} {self.log()}" if self.process.returncode else line

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.kill()
        for f in (*self.ports, self.err, self.process.stdin, self.process.stdout):
            f.close()


class Stream:
    """Frames from one port to another: equal, in order, and no more of them on their way than @window."""

    def __init__(self, tx, rx, size=600, window=16):
        self.tx, self.rx, self.size, self.window = tx, rx, size, window
        self.ahead = collections.deque()  # sent and not seen yet
        self.sent = self.received = self.lost = 0

    def take(self, seconds):
        """What is there. Return: whether it was anything."""
        if not select.select([self.rx], [], [], seconds)[0]:
            return False
        got = self.rx.recv(65536)
        while self.ahead:
            seq = self.ahead.popleft()
            if got == frame(seq, self.size):
                self.received += 1
                return True
            self.lost += 1
        raise AssertionError(f"a frame of {len(got)} bytes that was not sent, or came twice: {got[:32].hex()}")

    def push(self, seconds):
        """Keep the window full for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if len(self.ahead) < self.window and select.select([], [self.tx], [], 0)[1]:
                self.send()
                while self.take(0):
                    pass
            else:
                self.take(min(left, 0.005))

    def send(self):
        self.tx.send(frame(self.sent, self.size))
        self.ahead.append(self.sent)
        self.sent += 1

    def give_up(self):
        """What is still on its way was lost."""
        while self.take(0):
            pass
        self.lost += len(self.ahead)
        self.ahead.clear()

    def flow(self, n, seconds=20):
        """Send @n more. All must come."""
        lost, end = self.lost, time.monotonic() + seconds
        for _ in range(n):
            while len(self.ahead) >= self.window:
                if not self.take(max(0, end - time.monotonic())):
                    raise AssertionError(f"{len(self.ahead)} frames do not come within {seconds} s")
            self.send()
        while self.ahead:
            if not self.take(max(0, end - time.monotonic())):
                raise AssertionError(f"{len(self.ahead)} frames do not come within {seconds} s")
        if self.lost != lost:
            raise AssertionError(f"{self.lost - lost} of {n} frames were lost")

    def settle(self, seconds):
        """Send one now and then until one comes. Return: how many did not."""
        self.give_up()
        before, end = self.lost, time.monotonic() + seconds
        while time.monotonic() < end:
            self.send()
            if self.take(0.25):
                return self.lost - before
        raise AssertionError(f"no frame comes within {seconds} s")


class Ovs:
    """
    ovs-vswitchd with DPDK, and a bridge of two dpdkvhostuserclient ports, v0 and v1: a switch that learns. One that was
    killed and started again makes the bridge anew from its database.
    """

    def __init__(self, mtu=9000):
        self.root = unpacked("ovs")
        self.dir = tempfile.mkdtemp(prefix="baton-ovs-")
        self.mtu = mtu
        self.paths = [os.path.join(self.dir, f"v{i}") for i in (0, 1)]
        self.env = dict(os.environ, PATH=f"{self.root}/usr/bin:{self.root}/usr/sbin:{os.environ['PATH']}",
                        LD_LIBRARY_PATH=":".join(os.path.join(self.root, d) for d in LIBS),
                        OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir, OVS_DBDIR=self.dir, OVS_SYSCONFDIR=self.dir,
                        OVS_PKGDATADIR=f"{self.root}/usr/share/openvswitch")
        self.db = f"unix:{self.dir}/db.sock"
        self.server = self.switch = None

    def run(self, *args, check=True):
        p = subprocess.run(args, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        if check and p.returncode:
            raise AssertionError(f"{' '.join(args)}: {p.stdout}\n{self.log()}")
        return p.stdout

    def log(self):
        try:
            with open(os.path.join(self.dir, "vswitchd.log"), encoding="utf-8", errors="replace") as f:
                return f.read()[-6000:]
        except OSError as e:
            return str(e)

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--db=" + self.db, "-t", "20", *args)

    def spawn(self, *args):
        return subprocess.Popen(args, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def start_switch(self):
        self.switch = self.spawn(f"{self.root}/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", self.db, "--pidfile",
                                 f"--log-file={self.dir}/vswitchd.log", f"--unixctl={self.dir}/vswitchd.ctl")

    def start(self):
        self.run("ovsdb-tool", "create", f"{self.dir}/conf.db", f"{self.root}/usr/share/openvswitch/vswitch.ovsschema")
        self.server = self.spawn("ovsdb-server", f"{self.dir}/conf.db", f"--remote=punix:{self.dir}/db.sock", "--pidfile",
                                 f"--log-file={self.dir}/ovsdb.log", f"--unixctl={self.dir}/ovsdb.ctl")
        until(lambda: os.path.exists(f"{self.dir}/db.sock"), 10, "ovsdb-server does not start")
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   'other_config:dpdk-extra="--no-pci --in-memory -m 512"', "other_config:pmd-cpu-mask=0x1",
                   "other_config:dpdk-lcore-mask=0x1")
        self.start_switch()
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        for i, path in enumerate(self.paths):
            self.vsctl("add-port", "br0", f"v{i}", "--", "set", "Interface", f"v{i}", "type=dpdkvhostuserclient",
                       f"options:vhost-server-path={path}", f"mtu_request={self.mtu}")
        return self

    def kill(self):
        self.switch.kill()
        self.switch.wait()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc):
        for p in (self.switch, self.server):
            if p and p.poll() is None:
                p.kill()
                p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Passt:
    """passt at a socket, by the loader of the C library it was built for."""

    def __init__(self, *args):
        root = unpacked("passt")
        self.dir = tempfile.mkdtemp(prefix="baton-passt-")
        self.path = os.path.join(self.dir, "s")
        self.out = open(os.path.join(self.dir, "log"), "w+", encoding="utf-8")
        self.args = [f"{root}/usr/lib64/ld-linux-x86-64.so.2", "--library-path", f"{root}/usr/lib/x86_64-linux-gnu",
                     f"{root}/usr/bin/passt", "--vhost-user", "-s", self.path, "-f", "--runas", "0", *args]
        self.process = None

    def log(self):
        self.out.flush()
        self.out.seek(0)
        return self.out.read()

    def listens(self):
        """A connection to try would be the one it serves."""
        with open("/proc/self/net/unix", encoding="ascii") as f:
            return any(line.split()[3] == "00010000" and line.split()[-1] == self.path for line in f)

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)
        until(lambda: self.listens() or self.process.poll() is not None, 10, "passt makes no socket")
        if self.process.poll() is not None:
            raise AssertionError("passt ended: " + self.log())
        return self

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.kill()
        self.out.close()
        shutil.rmtree(self.dir, ignore_errors=True)
