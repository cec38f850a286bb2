#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whatever ends or stops baton-testpmd, its terminal is left as it was; and no end of a terminal leaves it running unseen."""
import fcntl
import json
import os
import pty
import resource
import select
import signal
import struct
import subprocess
import termios
import time

from testpmd_util import LIMIT, NULL2, Skip, check, command, expect, main, path, sanitized

ENV = "--no-huge " + NULL2
SMALL = "--total-num-mbufs=4096 "
REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXCPU)
CRASHES = (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
           signal.SIGSYS)


class Terminal:
    """A process with a terminal of its own; its slave stays open here, so that attributes can be compared."""

    def __init__(self, args, controls=True, **kwargs):
        try:
            self.master, self.slave = pty.openpty()
        except OSError as e:
            raise Skip("no pseudo-terminal to be had (is /dev/pts mounted?): %s" % e)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""

        def session():
            if controls:
                os.setsid()
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.process = subprocess.Popen(args, **{"stdin": self.slave, "stdout": self.slave, "stderr": self.slave,
                                                 "preexec_fn": session, "env": dict(os.environ, TERM="xterm"), **kwargs})

    def until(self, text, seconds=LIMIT):
        end = time.monotonic() + seconds
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("%r not in %r" % (text, self.seen[-800:]))
            self.seen += os.read(self.master, 65536)
        at = self.seen.index(text) + len(text)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before

    def write(self, text):
        os.write(self.master, text)

    def wait(self):
        """Until it has ended; what it prints is read, since it waits for that. Return: its status."""
        end = time.monotonic() + LIMIT
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError("does not end: %r" % self.seen[-800:])
            if self.master >= 0 and select.select([self.master], [], [], 0.02)[0]:
                self.seen += os.read(self.master, 65536)
        return self.process.returncode

    def same(self, what):
        expect(termios.tcgetattr(self.slave) == self.before, "%s: the terminal was changed: %s, was %s" % (
            what, termios.tcgetattr(self.slave), self.before))

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            os.close(self.slave)


def prompt(app="", **kwargs):
    t = Terminal(command(ENV, "-i " + SMALL + app), **kwargs)
    try:
        t.until(b"testpmd> ")
        t.edited = not termios.tcgetattr(t.slave)[3] & termios.ICANON
    except BaseException:
        t.__exit__()
        raise
    return t


@check
def signals_that_ask():
    for sig in REQUESTS:
        with prompt() as t:
            t.write(b"show po")
            t.until(b"show po")
            t.process.send_signal(sig)
            expect(t.wait() == 0, "%s: %s" % (sig, t.process.returncode))
            t.same(sig)
            t.until(b"Bye...")


@check
def signals_of_a_crash():
    for sig in CRASHES:
        for controls in (True, False):
            with prompt(controls=controls) as t:
                t.process.send_signal(sig)
                rc = t.wait()
                expect(rc == -sig or (sanitized() and rc != 0), "%s: %s" % (sig, rc))
                t.same(sig)


@check
def faults():
    """What the program does itself, also where no stack is left."""
    shim = os.environ.get("BATON_FAKE_MACHINE", "")
    if not os.path.exists(shim) or sanitized():
        raise Skip("a preloaded library is needed (BATON_FAKE_MACHINE), and no sanitizer")
    for how, sig in (("segv", signal.SIGSEGV), ("fpe", signal.SIGFPE), ("abort", signal.SIGABRT), ("ill", signal.SIGILL),
                     ("overflow", signal.SIGSEGV), ("bus", signal.SIGBUS)):
        with Terminal(command(ENV, "-i " + SMALL), env=dict(os.environ, TERM="xterm", LD_PRELOAD=shim, FAKE_CRASH=how)) as t:
            rc = t.wait()
            if rc == 0 or b"testpmd> " in t.seen:
                raise Skip("built without libedit")
            expect(rc == -sig or (how == "ill" and rc == -signal.SIGTRAP), "%s: %s" % (how, rc))
            t.same(how)


@check
def crash_of_a_forwarding_thread():
    with prompt("-a") as t:
        threads = [n for n in os.listdir("/proc/%d/task" % t.process.pid) if int(n) != t.process.pid]
        names = {}
        for n in threads:
            with open("/proc/%d/task/%s/comm" % (t.process.pid, n)) as f:
                names[n] = f.read().strip()
        forward = [int(n) for n in threads if names[n].startswith("forward")]
        expect(forward, names)
        # tgkill(2): the signal is that thread's own, as that of a fault is.
        import ctypes
        libc = ctypes.CDLL(None)
        expect(libc.syscall(ctypes.c_long(234 if os.uname().machine == "x86_64" else 131), t.process.pid, forward[0],
                            signal.SIGSEGV) == 0, "tgkill")
        rc = t.wait()
        expect(rc == -signal.SIGSEGV or (sanitized() and rc != 0), rc)
        t.same("a thread's crash")


@check
def keys_that_end():
    for keys, status in ((b"\x03", 0), (b"\x1c", -signal.SIGQUIT), (b"\x04", 0), (b"quit\r", 0), (b"sh\x15quit\r", 0),
                         (b"xyzzy\rquit\r", 0)):
        with prompt() as t:
            t.write(keys)
            expect(t.wait() == status, "%r: %s" % (keys, t.process.returncode))
            t.same(keys)


@check
def half_a_key():
    """ESC is the beginning of a key: nothing waits for its rest."""
    with prompt("--run-time=1.2") as t:
        t.write(b"\x1b")
        begin = time.monotonic()
        expect(t.wait() == 0 and time.monotonic() - begin < 4, "--run-time")
        t.same("ESC")


@check
def a_stopped_terminal():
    """Ctrl-S: nobody reads, and the end comes all the same."""
    with prompt("-a --run-time=0.5") as t:
        t.write(b"\x13")
        begin = time.monotonic()
        while t.process.poll() is None and time.monotonic() - begin < 8:
            time.sleep(0.05)
        expect(t.process.poll() == 1, "it should have ended by itself: %s" % t.process.poll())


@check
def two_requests():
    """The second ends at once what is not done with the first: its output is read by nobody."""
    with prompt() as t:
        t.write(b"\x13")
        time.sleep(0.1)
        t.process.send_signal(signal.SIGINT)
        time.sleep(0.4)
        t.process.send_signal(signal.SIGINT)
        expect(t.process.wait(LIMIT) in (-signal.SIGINT, 1), t.process.returncode)
        t.same("two SIGINTs")
    with prompt() as t:  # at once, as timeout(1) sends them: one request
        t.process.send_signal(signal.SIGTERM)
        t.process.send_signal(signal.SIGTERM)
        expect(t.wait() == 0, t.process.returncode)


@check
def window_size():
    with prompt() as t:
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 40, 0, 0))
        t.process.send_signal(signal.SIGWINCH)
        t.write(b"show config cores\r")
        t.until(b"List of forwarding lcores")
        t.until(b"testpmd> ")
        t.write(b"quit\r")
        expect(t.wait() == 0, t.process.returncode)
        t.same("SIGWINCH")


@check
def no_port():
    for vdev, status in (("net_virtio_user0,path=/nonexistent/socket", 1), ("net_nul0", 1), ("net_pcap0,rx_pcap=/nonexistent", 1)):
        with Terminal(command("--no-huge --vdev=" + vdev, "-i " + SMALL)) as t:
            expect(t.wait() in (status, 2), t.process.returncode)
            t.same(vdev)


def shell(script):
    """A shell with job control: it alone can stop and continue what it runs. Its end, which discards output, waits for Enter."""
    return Terminal(["bash", "-m", "-c", script + "; read x", "bash"] + command(ENV, "-i -a " + SMALL))


@check
def stop_and_continue():
    """Twice, and stty in between: what it left is what the end leaves."""
    with shell('a=$(stty -g); "$@"; [ "$a" = "$(stty -g)" ] && echo same while stopped; stty -ixon; b=$(stty -g); fg; '
               '[ "$b" = "$(stty -g)" ] && echo same once more; fg; r=$?; [ "$b" = "$(stty -g)" ] && echo same at the end; '
               'echo status $r') as t:
        t.until(b"testpmd> ")
        edited = not termios.tcgetattr(t.slave)[3] & termios.ICANON
        t.write(b"show conf")
        t.until(b"show conf")
        t.write(b"\x1a")
        t.until(b"same while stopped")
        t.until(b"testpmd> ")  # after fg: drawn again, with what was typed if it is edited
        t.write(b"ig cores\r" if edited else b"show config cores\r")
        t.until(b"List of forwarding lcores")
        t.until(b"testpmd> ")
        t.write(b"\x1a")
        t.until(b"same once more")
        t.until(b"testpmd> ")
        t.write(b"quit\r")
        t.until(b"same at the end")
        t.until(b"status 0")


@check
def killed_while_stopped():
    """As by `kill %1`: it ends in the background, and touches no terminal."""
    with shell('a=$(stty -g); "$@"; p=$(jobs -p); kill %1; while kill -0 $p 2>/dev/null; do sleep 0.05; done; '
               '[ "$a" = "$(stty -g)" ] && echo same at the end') as t:
        t.until(b"testpmd> ")
        t.write(b"\x1a")
        t.until(b"Bye")
        t.until(b"same at the end")


@check
def stopped_from_elsewhere():
    """SIGSTOP cannot be caught; after SIGCONT all is as it was, and the end as well."""
    with prompt() as t:
        t.write(b"show conf")
        t.until(b"show conf")
        t.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        t.process.send_signal(signal.SIGCONT)
        if t.edited:
            t.until(b"show conf")
        t.write(b"ig cores\rquit\r")
        t.until(b"List of forwarding lcores")
        expect(t.wait() == 0, t.process.returncode)
        t.same("SIGSTOP")


@check
def in_the_background():
    """It forwards, whatever is typed to others, and gets its prompt when it comes to the foreground."""
    with shell('"$@" & p=$!; until grep -q "^State:.[SR]" /proc/$p/status && [ -n "$x" ]; do read x; done; '
               'grep State /proc/$p/status; fg; echo status $?') as t:
        t.until(b"Logical Core")
        t.write(b"typed\n")
        state = t.until(b"testpmd> ")
        expect(b"(stopped)" not in state, state)
        t.write(b"quit\r")
        t.until(b"status 0")
        t.same("in the background")


@check
def background_without_prompt():
    with Terminal(["bash", "-m", "-c", '"$@" & p=$!; read x; sleep 0.3; grep State /proc/$p/status; kill $p; wait $p; '
                   'echo status $?; read x', "bash"] + command(ENV, SMALL)) as t:
        t.until(b"Logical Core")
        t.write(b"for the shell\n")
        state = t.until(b"status 0")
        expect(b"(stopped)" not in state and b"Signal 15" in state, state)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@check
def lost_terminal():
    """Its master is closed: the run ends with the numbers kept, whether SIGHUP tells it or not."""
    for controls in (True, False):
        for app in ("-i -a", "", "--stats-period=1"):
            name = path("lost.json")
            with Terminal(command(ENV, SMALL + app + " --stats-json=" + name), controls=controls) as t:
                if b"jansson" in t.until(b"\n"):
                    raise Skip("built without jansson")
                t.until(b"Logical Core")
                t.hang_up()
                begin = time.monotonic()
                rc = t.process.wait(LIMIT)
                expect(rc == 1, "%s: %s; what was printed got nowhere" % (app, rc))
                expect(time.monotonic() - begin < 6, "late")
                with open(name) as f:
                    expect(len(json.load(f)["ports"]) == 2, name)
                os.unlink(name)


@check
def lost_terminal_elsewhere():
    """Tables go to a file: they are there, and the status is 0."""
    for controls in (True, False):
        with open(path("tables"), "w") as out:
            with Terminal(command(ENV, SMALL), controls=controls, stdout=out, stderr=out) as t:
                while b"Press enter" not in open(path("tables"), "rb").read():
                    time.sleep(0.02)
                t.hang_up()
                expect(t.process.wait(LIMIT) == 0, t.process.returncode)
        text = open(path("tables")).read()
        expect("Accumulated" in text and "preparing to exit" in text and "Bye" in text, text)


@check
def lost_terminal_under_nohup():
    """With SIGHUP ignored it goes on, and does not poll what is gone."""
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with open(path("tables"), "w") as out:
        with Terminal(command(ENV, SMALL + "--forward-mode=txonly --stop-after=1000 --run-time=60 -i"), stdout=out, stderr=out,
                      preexec_fn=ignore) as t:
            while b"testpmd> " not in open(path("tables"), "rb").read():
                time.sleep(0.02)
            t.hang_up()
            time.sleep(0.3)
            before = cpu_seconds(t.process.pid)
            time.sleep(0.5)
            expect(t.process.poll() is None, "ended by a hang-up that is ignored")
            expect(cpu_seconds(t.process.pid) - before < 0.3, "a busy loop")
            t.process.send_signal(signal.SIGTERM)
            expect(t.process.wait(LIMIT) == 0, t.process.returncode)


@check
def idle_prompt_costs_nothing():
    with prompt() as t:
        t.write(b"sh")
        time.sleep(0.2)
        before = cpu_seconds(t.process.pid)
        time.sleep(0.5)
        expect(cpu_seconds(t.process.pid) - before < 0.2, "a busy loop")


@check
def signal_during_set_up():
    """A port that waits for its peer: a request ends the waiting at once, and is no failure."""
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with Terminal(command("--no-huge --vdev=net_virtio_user0,path=%s,server=1" % path("s0"), "-i " + SMALL)) as t:
            end = time.monotonic() + LIMIT
            while not os.path.exists(path("s0")):
                expect(time.monotonic() < end and t.process.poll() is None, "no socket")
                time.sleep(0.02)
            time.sleep(0.3)
            begin = time.monotonic()
            t.process.send_signal(sig)
            expect(t.wait() == 0 and time.monotonic() - begin < 3, (t.process.returncode, t.seen))
            expect(not os.path.exists(path("s0")), "its socket is left")
            t.same(sig)
            t.until(b"preparing to exit")


if __name__ == "__main__":
    # What nohup or a shell's `&` ignores is ignored by all children, too.
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT:
        signal.signal(number, signal.SIG_DFL)
    main()
