# SPDX-License-Identifier: BSD-3-Clause
"""One guest: QEMU's command line from a scenario, its control line, its end."""
import contextlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time

import flows
import image
import wire

UNSAFE = "vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1"
# The IOMMU models: QEMU's options and the kernel's.
IOMMUS = {
    "none": ("", ""),
    "intel48": ("-device intel-iommu,intremap=on,aw-bits=48", "intel_iommu=on"),
    "intel39": ("-device intel-iommu,intremap=on,aw-bits=39", "intel_iommu=on"),
    "virtio": ("-device virtio-iommu-pci", UNSAFE),
    "amd": ("-device amd-iommu,intremap=on", ""),
}
# What a scenario file may say, and what holds where it says nothing.
DEFAULTS = {
    "what": "",                # a sentence
    "guest": "forward",        # tests/vm/guest/NAME.sh runs in the guest
    "iommu": "intel48",
    "ioas": "iommufd",         # baton-testpmd's argument of that name
    "app": "",                 # baton or dpdk; empty: as --app says
    "apps": "baton dpdk",      # those it can be run with
    "fault": "log",            # edu's fault is logged by the kernel; data: only memory is looked at; none: no edu
    "qemu": "new",            # new: of backports; distribution
    "kernel": "kernel",        # kernel: ours; stock: Debian's
    "modules": "",             # of the stock kernel
    "memory": "768M",
    "cpu": "max",
    "cpus": "2",
    "pages": "2M:160",         # hugepages; none
    "nic": "",                 # more properties of the NIC
    "nics": "1",
    "net": "dgram",            # dgram: one host socket a NIC; hub: NICs see each other; tap: as many queues as `queues`;
                               # maytap: tap where the host has it, else dgram
    "hubs": "",                # QEMU's hubs whose frames the host sees, and that it can send frames to
    "queues": "1",
    "flows": "1",
    "frames": "2000",
    "args": "",                # more of QEMU's options
    "nic_bus": "",             # where it is not on the root bus
    "append": "",              # more of the kernel's
    "devargs": "",             # more for the port, after commas
    "env": "",                 # the application's environment options
    "options": "",             # the application's options
    "timeout": "60",          # seconds, after which the guest is ended
    "count": "off",            # on: count_plugin.c counts in the guest; its file is a log, too
    "needs": "",               # tun; intruder: the program of that name, which is built with the tests; asking: to be named
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest", "mark.h"), encoding="utf-8") as mark_h:
    MARK_AT = re.search(r"MARK_AT (\w+)", mark_h.read())[1]


def qemu_command(which, paths):
    """The program, its environment, and where its firmware is."""
    if which == "distribution" or not paths.get("qemu_new"):
        return ["qemu-system-x86_64"], dict(os.environ)
    root = paths["qemu_new"]
    lib = f"{root}/usr/lib/x86_64-linux-gnu"
    env = dict(os.environ, LD_LIBRARY_PATH=f"{lib}:{root}/lib/x86_64-linux-gnu", QEMU_MODULE_DIR=f"{lib}/qemu")
    return [f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios",
            "-L", f"{root}/usr/lib/ipxe/qemu"], env


def mac(number):
    return bytes((0x52, 0x54, 0, 0, 0, 0x10 + number))


class Guest:
    """A scenario in its guest; run() gives the verdict."""

    def __init__(self, name, spec, app, paths, base, extra, folder, logs, slow=1):
        self.name, self.spec, self.app, self.paths, self.slow = name, spec, app, paths, slow
        self.base, self.extra, self.folder = base, extra, folder
        self.log = {kind: os.path.join(logs, f"{name}.{kind}") for kind in ("console", "control", "qemu")}
        if spec["count"] == "on":
            self.log["count"] = os.path.join(logs, f"{name}.count")
        self.wires, self.traffic, self.hubs = [], [], {}
        self.notes, self.failed, self.passed = [], [], 0
        self.process, self.crashed = None, False

    # ---- the command line ----

    def kernel(self):
        return self.paths["stock" if self.spec["kernel"] == "stock" else "kernel"]

    def initrd(self):
        """The parts of the image one behind another."""
        s = self.spec
        path = os.path.join(self.folder, "initrd")
        own = image.Image()
        names = {"SCENARIO": self.name, "APP": self.app, "GUEST": s["guest"], "FRAMES": s["frames"], "FAULT": s["fault"],
                 "SLOW": str(self.slow)}
        for key in ("ioas", "pages", "devargs", "env", "options", "queues", "iommu"):
            names[key.upper()] = s[key]
        own.data("/scenario", "".join(f"{k}={shlex.quote(v)}\n" for k, v in names.items()).encode())
        with open(path, "wb") as out:
            for part in [self.base, *self.extra]:
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out, 1 << 20)
            own.write(out)
            if s["modules"]:
                image.modules(self.kernel(), s["modules"].split()).write(out)
        return path

    def plugin(self):
        """QEMU's options for what counts."""
        if self.spec["count"] == "off":
            return []
        library = os.path.join(self.folder, "count.so")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library,
                        os.path.join(os.path.dirname(image.__file__), "count_plugin.c")], check=True)
        return ["-plugin", f"file={library},out={self.log['count']}"]

    def nic_options(self):
        s, out = self.spec, []
        for n in range(int(s["nics"])):
            if s["net"] == "hub":
                out += ["-netdev", f"hubport,id=net{n},hubid=0"]
            else:
                tap = s["net"] == "tap" or (s["net"] == "maytap" and not wire.Tap.lacking())
                w = wire.Tap(int(s["queues"])) if tap else wire.Datagrams(self.folder, n)
                self.wires.append(w)
                self.traffic.append(wire.Traffic(w, mac(n), int(s["flows"])))
                out += ["-netdev", w.netdev(f"net{n}")]
            queues = f",mq=on,vectors={2 * int(s['queues']) + 2}" if int(s["queues"]) > 1 else ""
            place = f",bus={s['nic_bus']}" if s["nic_bus"] else f",bus=pcie.0,addr={3 + n}"
            out += ["-device", f"virtio-net-pci,id=nic{n},netdev=net{n},mac={mac(n).hex(':')},romfile=,disable-legacy=on,"
                    f"iommu_platform={'on' if s['iommu'] != 'none' else 'off'}{queues}{place}"
                    + (f",{s['nic']}" if s["nic"] else "")]
        for hub in s["hubs"].split():
            self.hubs[hub] = wire.Datagrams(self.folder, f"hub{hub}")
            self.wires.append(self.hubs[hub])
            out += ["-netdev", self.hubs[hub].netdev(f"wire{hub}"),
                    "-netdev", f"hubport,id=hub{hub},hubid={hub},netdev=wire{hub}"]
        return out

    def command(self):
        s = self.spec
        program, env = qemu_command(s["qemu"], self.paths)
        iommu, kernel_args = IOMMUS[s["iommu"]]
        edu = [] if s["fault"] == "none" else ["-device", "edu,dma_mask=0xffffffffffffffff,bus=pcie.0,addr=6"]
        append = (f"console=ttyS0 panic=-1 quiet loglevel=4 no_timer_check {kernel_args} {s['append']} "
                  + (f"hugepagesz=1G hugepages={s['pages'][3:]}" if s["pages"].startswith("1G") else ""))
        cpu = s["cpus"] if "," in s["cpus"] else f"cpus={s['cpus']}"
        return [*program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-M", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi", "-cpu", s["cpu"],
                "-m", s["memory"], "-smp", cpu, *self.plugin(), *shlex.split(iommu), *shlex.split(s["args"]), *edu, *self.nic_options(),
                "-serial", f"file:{self.log['console']}", "-serial", "stdio",
                "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
                "-kernel", self.kernel(), "-initrd", self.initrd(), "-append", append], env

    # ---- its life ----

    def run(self):
        """(passed, sentence)."""
        reason = None
        try:
            command, env = self.command()
            with open(self.log["qemu"], "wb") as err, open(self.log["control"], "w") as control:
                err.write((" ".join(shlex.quote(c) for c in command) + "\n").encode())
                err.flush()
                fds = [fd for w in self.wires for fd in w.fds]
                self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                stderr=err, pass_fds=fds, start_new_session=True)
                reason = self.converse(control)
        except (OSError, RuntimeError) as e:
            reason = str(e)
        finally:
            self.end()
        if reason is None and not self.failed and not self.passed:
            reason = "it checked nothing"
        sentences = self.failed + ([reason] if reason else [])
        return not sentences, "; ".join(sentences or self.notes)

    def converse(self, control):
        """Until the guest has said @end and is gone. None, or what went wrong."""
        limit = float(self.spec["timeout"]) * self.slow
        deadline = time.monotonic() + limit
        out, buffer, ended = self.process.stdout.fileno(), b"", False
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return f"ended after {limit:.0f} s"
            if not select.select([out], [], [], left)[0]:
                continue
            data = os.read(out, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").strip()
                control.write(f"{text}\n")
                control.flush()
                ended |= text == "@end"
                self.hear(text, control)
        self.crashed = self.process.wait(10) < 0
        if self.crashed:
            return "QEMU itself crashed"
        return None if ended else "the guest stopped before its end"

    def hasten(self):
        """
        QEMU's main thread, without which no timer of the guest ends, goes before those of the processors, which hardly
        leave it the lock while they ring the doorbells of its NICs all the time. As far as the system allows it.
        """
        if self.spec["needs"] == "asking":
            with contextlib.suppress(OSError):
                os.sched_setscheduler(self.process.pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))

    def hear(self, text, control):
        kind, _, rest = text.partition(" ")
        if kind == "@ok":
            self.passed += 1
            self.hasten()
        elif kind == "@not":
            self.failed.append(rest)
        elif kind == "@note":
            self.notes.append(rest)
        elif kind == "@host":
            try:
                answer = self.serve(*rest.split())
            except (RuntimeError, OSError, ValueError) as e:
                answer = f"error {e}"
            control.write(f"-> {answer}\n")
            try:
                self.process.stdin.write(f"{answer}\n".encode())
                self.process.stdin.flush()
            except BrokenPipeError:
                pass

    def speaks(self):
        """Whether the guest says something though it was not asked: that the application is gone."""
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def serve(self, verb, *args):
        """What a guest asks of the host; the answer begins with ok or error."""
        if verb == "probe":  # probe NIC
            return f"ok {self.traffic[int(args[0])].probe(25 * self.slow, self.speaks):.0f}"
        if verb == "exchange":  # exchange NIC COUNT
            count, size, seconds = self.traffic[int(args[0])].exchange(int(args[1]), self.slow)
            return f"ok {count} frames, {size} bytes, {seconds:.2f} s"
        if verb == "stream":  # stream NIC
            self.traffic[int(args[0])].start()
            return "ok"
        if verb == "streamed":  # streamed NIC: how much so far
            return "ok {} {}".format(*self.traffic[int(args[0])].counts)
        if verb == "quiet":  # quiet NIC
            return "ok {} {}".format(*self.traffic[int(args[0])].finish())
        if verb == "segments":  # segments NIC HUB BYTES MAC: a TCP packet to the NIC, its segments from the hub
            nic, hub, size, mac_there = args
            with self.listening(hub) as ear:
                return "ok " + flows.segments(self.wires[int(nic)], ear, int(size), mac_there)
        if verb == "hash":  # hash KEY ADDRESS ADDRESS PORT PORT: Toeplitz' hash of a TCP packet
            return f"ok {flows.hash_of(bytes.fromhex(args[0]), *args[1:]):#x}"
        if verb == "qmp":  # qmp COMMAND [JSON]
            return "ok " + self.qmp(args[0], " ".join(args[1:]) or "{}")
        if verb == "clock":
            return f"ok {time.monotonic() * 1000:.0f}"
        return f"error there is no {verb}"

    @contextlib.contextmanager
    def listening(self, hub):
        """What passes a hub is heard. At other times nobody would read it, and QEMU would turn in circles."""
        self.qmp("set_link", f'{{"name": "wire{hub}", "up": true}}')
        try:
            yield self.hubs[hub]
        finally:
            self.qmp("set_link", f'{{"name": "wire{hub}", "up": false}}')
            self.hubs[hub].drain()

    def qmp(self, command, arguments):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(f"{self.folder}/qmp")
            f = s.makefile("rw")
            f.readline()
            for execute, values in (("qmp_capabilities", {}), (command, json.loads(arguments))):
                f.write(json.dumps({"execute": execute, "arguments": values}) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "error" in answer:
                        raise RuntimeError(f"{execute}: {answer['error']['desc']}")
                    if "return" in answer:
                        break
            return json.dumps(answer["return"])

    def end(self):
        for t in self.traffic:
            t.finish()
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process:
            for pipe in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()
        for w in self.wires:
            w.close()
