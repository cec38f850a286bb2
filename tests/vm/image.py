# SPDX-License-Identifier: BSD-3-Clause
"""What the guests boot: uncompressed cpio archives (newc), which the kernel takes one behind another."""
import glob
import lzma
import os
import re
import stat
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = "/lib/x86_64-linux-gnu"  # one of the loader's own folders
LOADER = "/lib64/ld-linux-x86-64.so.2"


class Image:
    """Files by their path in the guest."""

    def __init__(self):
        self.entries = {}

    def folder(self, path):
        """And those above it."""
        path = path.strip("/")
        while path:
            self.entries.setdefault(path, (stat.S_IFDIR | 0o755, b"", 0))
            path = os.path.dirname(path)

    def data(self, path, content, mode=0o644):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFREG | mode, content, 0)

    def file(self, path, source, mode=None):
        with open(source, "rb") as f:
            self.data(path, f.read(), mode or stat.S_IMODE(os.fstat(f.fileno()).st_mode))

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def device(self, path, major, minor):
        self.folder(os.path.dirname(path))
        self.entries[path.strip("/")] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def program(self, path, source):
        """With the libraries that the loader would take for it here."""
        self.file(path, source, 0o755)
        self.libraries(source)

    def libraries(self, source):
        out = subprocess.run(["ldd", source], capture_output=True, text=True, check=True).stdout
        if "not found" in out:
            raise RuntimeError(f"{source}: a library is missing:\n{out}")
        for name, found in re.findall(r"^\s*(\S+) => (/\S+) ", out, re.M):
            if f"{LIBRARIES}/{name}".strip("/") not in self.entries:
                self.file(f"{LIBRARIES}/{name}", os.path.realpath(found), 0o755)
        if LOADER.strip("/") not in self.entries:
            self.file(LOADER, os.path.realpath(LOADER), 0o755)

    def write(self, f):
        """Append the archive to a file."""
        for number, path in enumerate(sorted(self.entries), 1):
            mode, content, device = self.entries[path]
            self._entry(f, path, number, mode, content, device or (0, 0))
        self._entry(f, "TRAILER!!!", 0, 0, b"", (0, 0))

    @staticmethod
    def _entry(f, path, inode, mode, content, device):
        name = path.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % n for n in fields) + name
        f.write(head + b"\0" * (-len(head) % 4))
        f.write(content + b"\0" * (-len(content) % 4))


def find(*candidates):
    for c in candidates:
        for path in sorted(glob.glob(c)):
            return path
    raise RuntimeError("not found: " + ", ".join(candidates))


def base(app, intruder, tools):
    """Busybox, baton-testpmd, our small tools and the scripts."""
    image = Image()
    for folder in ("proc", "sys", "dev", "tmp", "run", "bin", "sbin", "etc", "var/run", "usr/bin", "usr/sbin"):
        image.folder(folder)
    image.device("/dev/console", 5, 1)
    image.device("/dev/null", 1, 3)
    image.file("/bin/busybox", find("/bin/busybox", "/usr/bin/busybox"), 0o755)
    image.data("/etc/passwd", b"root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n")
    image.data("/etc/group", b"root:x:0:\nuser:x:1000:\n")
    image.program("/bin/baton-testpmd", app)
    if os.path.exists(intruder):
        image.program("/bin/intruder", intruder)
    image.file("/bin/edu", tools["edu"], 0o755)
    image.file("/bin/mark", tools["mark"], 0o755)
    image.file("/lib/maps.so", tools["maps"], 0o755)
    image.file("/init", os.path.join(HERE, "guest", "init"), 0o755)
    for script in glob.glob(os.path.join(HERE, "guest", "*.sh")):
        image.file("/guest/" + os.path.basename(script), script, 0o755)
    return image


def dpdk():
    """dpdk-testpmd with what drives virtio-net on PCI, and Intel's NICs of 1 Gbit/s."""
    image = Image()
    image.program("/bin/dpdk-testpmd", find("/usr/bin/dpdk-testpmd"))
    folder = find("/usr/lib/x86_64-linux-gnu/dpdk/pmds-*")
    version = folder.rsplit("-", 1)[1]
    for name in ("bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000"):
        # DPDK loads files of its exact version; those that need them name the major one. They must be the same file.
        source = f"{folder}/librte_{name}.so.{version}"
        library = f"{LIBRARIES}/librte_{name}.so.{version.split('.')[0]}"
        image.file(library, os.path.realpath(source), 0o755)
        image.link(source, library)
        image.libraries(source)
    return image


def modules(kernel, wanted):
    """Modules of a kernel unpacked beside `kernel`, and those they need, as /modules/NN-name.ko in order of loading."""
    image = Image()
    root = find(os.path.join(os.path.dirname(kernel), "lib/modules/*"))
    needs = {}
    with open(os.path.join(root, "modules.dep")) as f:
        for line in f:
            path, _, others = line.partition(":")
            needs[path] = others.split()
    by_name = {re.sub(r"\.ko.*", "", os.path.basename(p)).replace("-", "_"): p for p in needs}
    with open(os.path.join(root, "modules.builtin")) as f:
        builtin = {os.path.basename(line.strip())[:-3].replace("-", "_") for line in f}
    order = []
    for name in wanted:
        name = name.replace("-", "_")
        if name in builtin:
            continue
        if name not in by_name:
            raise RuntimeError(f"{root} has no module {name}")
        # modules.dep names the direct and indirect needs, those loaded first at the end.
        for path in [*reversed(needs[by_name[name]]), by_name[name]]:
            if path not in order:
                order.append(path)
    for number, path in enumerate(order):
        source = os.path.join(root, path)
        content = lzma.open(source).read() if path.endswith(".xz") else open(source, "rb").read()
        image.data(f"/modules/{number:02}-{os.path.basename(path).split('.')[0]}.ko", content)
    return image
