#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""PCI devices of a /sys and a /dev that a mount namespace has of its own: nodes that are stale, and drivers in the way."""
import os
import shutil
import subprocess
import time

import testpmd_util
from testpmd_util import LIMIT, Skip, check, command, expect, main, refused

BDF = "0000:5e:03.0"
CDEV, GROUP = "/dev/vfio/devices/vfio7", "/dev/vfio/42"


def write(name, text):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as f:
        f.write(text + "\n")


def machine(driver="vfio-pci", cdev="240:7", group="241:42", net=None):
    """What /sys has of a virtio-net; in this process's mount namespace."""
    d = "/sys/bus/pci/devices/" + BDF
    for name, text in (("vendor", "0x1af4"), ("device", "0x1041"), ("class", "0x020000"), ("numa_node", "-1")):
        write(f"{d}/{name}", text)
    os.makedirs("/sys/bus/pci/drivers/" + driver)
    os.symlink("../../drivers/" + driver, d + "/driver")
    os.makedirs("/sys/kernel/iommu_groups/42/devices")
    os.symlink("/sys/kernel/iommu_groups/42", d + "/iommu_group")
    os.symlink(d, "/sys/kernel/iommu_groups/42/devices/" + BDF)
    if cdev:
        write(f"{d}/vfio-dev/vfio7/dev", cdev)
    if group:
        write("/sys/class/vfio/42/dev", group)
    write("/sys/class/misc/iommu/dev", "10:126")
    write("/sys/class/misc/vfio/dev", "10:196")
    if net:
        os.makedirs(f"{d}/virtio3/net/{net}")
        write(f"/sys/class/net/{net}/flags", "0x1003")


def nodes(**others):
    """/dev as the kernel has it, but for what is given: (mode, major, minor), or None."""
    os.makedirs("/dev/vfio/devices")
    right = {"/dev/iommu": (10, 126), "/dev/vfio/vfio": (10, 196), CDEV: (240, 7), GROUP: (241, 42)}
    for name, number in {**right, **{k: v for k, v in others.items() if k.startswith("/")}}.items():
        if number == "file":
            write(name, "")
        elif number == "directory":
            os.mkdir(name)
        elif number:
            os.mknod(name, 0o600 | 0o020000, os.makedev(*number))


def inside(prepare, device=BDF, first=""):
    """Run baton-testpmd on a machine that is made in a mount namespace of its own."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("a mount namespace needs root and unshare")
    script = (first + "mount -t tmpfs none /sys && mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && "
              f"cd {os.path.dirname(os.path.abspath(__file__))} && python3 -c \"$0\" && exec \"$@\"")
    begin = time.monotonic()
    p = subprocess.run(["unshare", "-m", "-n", "sh", "-c", script, "import test_nodes as t; " + prepare,
                        *command("-l 0 --no-huge -a " + device, "--run-time=0.1")],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    if "baton-testpmd" not in p.stderr:
        raise Skip("this container may not mount or make nodes: " + p.stderr[-200:])
    err = "".join(line for line in p.stderr.splitlines(True) if line.startswith("baton-testpmd"))
    return testpmd_util.Run(p.returncode, p.stdout, err, min(time.monotonic() - begin, 0.9))


@check
def stale_device_node():
    """The number of another device: before anything is opened, in whichever way."""
    for ioas in ("", ",ioas=iommufd"):
        refused(inside("t.machine(); t.nodes(**{t.CDEV: (1, 3)})", BDF + ioas), CDEV, "1:3", "240:7",
                f"mknod -m 600 {CDEV} c 240 7")
    refused(inside("t.machine(); t.nodes(**{t.CDEV: (240, 8)})"), "240:8", "240:7")


@check
def stale_group_node():
    for ioas in (",ioas=type1", ",ioas=compat"):
        refused(inside("t.machine(); t.nodes(**{t.GROUP: (1, 5)})", BDF + ioas), GROUP, "1:5", "241:42",
                f"mknod -m 600 {GROUP} c 241 42")
    # Without a node of the device's own it is the group that counts.
    refused(inside("t.machine(cdev=None); t.nodes(**{t.CDEV: None, t.GROUP: (1, 5)})"), GROUP, "1:5", "241:42")
    refused(inside("t.machine(); t.nodes(**{t.CDEV: None, t.GROUP: (241, 43)})"), GROUP, "241:43", "241:42")


@check
def stale_shared_nodes():
    refused(inside("t.machine(); t.nodes(**{'/dev/iommu': (10, 55)})"), "/dev/iommu", "10:55", "10:126")
    refused(inside("t.machine(); t.nodes(**{'/dev/vfio/vfio': (1, 3)})", BDF + ",ioas=type1"), "/dev/vfio/vfio", "1:3",
            "10:196")


@check
def no_nodes_at_all():
    for kind, words in (("file", "a regular file"), ("directory", "a directory")):
        refused(inside(f"t.machine(); t.nodes(**{{t.CDEV: '{kind}'}})"), CDEV, words, "240:7")
        refused(inside(f"t.machine(); t.nodes(**{{t.GROUP: '{kind}'}})", BDF + ",ioas=type1"), GROUP, words, "241:42")
    refused(inside("t.machine(); t.nodes(**{t.CDEV: None, '/dev/iommu': None})", BDF + ",ioas=iommufd"), "mknod -m 600")


@check
def left_over():
    """The kernel has no such device any more."""
    refused(inside("t.machine(); t.nodes(); t.os.unlink('/sys/class/misc/iommu/dev')", BDF + ",ioas=iommufd"),
            "/dev/iommu", "left over", "/sys/class/misc/iommu/dev")


@check
def right_numbers_go_on():
    """With the right numbers it is the kernel that answers, which here has no such devices."""
    r = inside("t.machine(cdev='4095:7'); t.nodes(**{t.CDEV: (4095, 7), '/dev/iommu': (10, 254)}); "
               "t.write('/sys/class/misc/iommu/dev', '10:254')", BDF + ",ioas=iommufd")
    refused(r, "open /dev/iommu")


@check
def driver_in_the_way():
    refused(inside("t.machine('virtio-pci', net='ens9'); t.nodes()"), "virtio-pci", "ens9 (up)", "in use",
            "dpdk-devbind.py")
    routed = ("ip link add ens9 type veth peer name p9 && ip link set p9 up && ip link set ens9 up && "
              "ip address add 192.0.2.1/24 dev ens9 && ip route add default via 192.0.2.2 && ")
    if not shutil.which("ip") or subprocess.run(["unshare", "-n", "sh", "-c", routed + "true"], capture_output=True).returncode:
        raise Skip("this container may not make interfaces")
    r = inside("t.machine('virtio-pci', net='ens9'); t.nodes()", first=routed)
    refused(r, "ens9 (up, has the default route)", "cut this machine's network off")
    expect("unbind" not in r.err and "devbind" not in r.err, r)


@check
def misspelt_address():
    refused(inside("t.machine(); t.nodes()", "0000:5e:03.1"), "0000:5e:03.1", BDF)


if __name__ == "__main__":
    main()
