#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Control groups, mounts that are small, strange or missing: another way, or one sentence (docs/limits.md)."""
import os
import re
import subprocess

import testpmd_util
from sandbox import Echo, has_sanitizer, need_root, new_group, refused, run, works, works_or_says
from testpmd_util import Skip, check, command, expect, main, path

NULL = "--no-huge --vdev=net_null0"
MIB = 1 << 20


def namespaces():
    need_root()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        raise Skip("mount namespaces are forbidden here")


def hugepages(n):
    name = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
    if not os.path.exists(name):
        raise Skip("no hugepages of 2 MiB")
    with open(name) as f:
        if int(f.read()) < n:
            raise Skip("%d free hugepages of 2 MiB are needed" % n)


# ---- memory groups ----

def limit_of(group):
    v1 = group + "/memory.limit_in_bytes"
    return v1 if os.path.exists(v1) else group + "/memory.max"


class MemoryGroup:
    """A group of version 1 or 2, whichever there is, as a context manager."""

    def __init__(self, limit):
        self.limit = limit

    def __enter__(self):
        try:
            self.made = new_group("memory", limit_in_bytes=self.limit)
            self.path = self.made.__enter__()
        except Skip:
            self.made = new_group("memory", max=self.limit)
            self.path = self.made.__enter__()
        self.file = limit_of(self.path)
        return self

    def __exit__(self, *exc):
        return self.made.__exit__(*exc)


@check
def memory_group_alone():
    with MemoryGroup(64 * MIB) as g:
        works(run(NULL, group=g.path))
        refused(run(NULL, "--total-num-mbufs=40000", group=g.path), "64 MiB in all", g.file, "is in use", "ask for less")


@check
def memory_group_of_every_size():
    """Wherever the limit is, nobody is killed."""
    if has_sanitizer():
        raise Skip("a sanitizer needs memory of its own")
    with MemoryGroup(256 * MIB) as g:
        for mib in (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48):
            with open(g.file, "w") as f:
                f.write(str(mib * MIB))
            for count in (2048, 8192, 16384):
                works_or_says(run(NULL, "--total-num-mbufs=%d" % count, group=g.path), g.file)


@check
def memory_group_above():
    """The limit of the group above ours counts, and what others there have in use."""
    with MemoryGroup(64 * MIB) as g:
        inner = g.path + "/inner"
        os.mkdir(inner)
        other = None
        try:
            works(run(NULL, group=inner))
            refused(run(NULL, "--total-num-mbufs=40000", group=inner), "64 MiB in all", g.file)
            other = subprocess.Popen(["python3", "-c", "import os\nopen(%r, 'w').write('0')\nx = b'1' * (40 << 20)\nprint(1, flush=True)"
                                      "\ninput()" % (g.path + "/cgroup.procs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            other.stdout.readline()
            r = refused(run(NULL, "--total-num-mbufs=10000", group=inner), "64 MiB in all", g.file)
            used = float(re.search(r"of which ([\d.]+) MiB is in use", r.err)[1])
            expect(used > 40, r)
        finally:
            if other:
                other.communicate(b"\n", timeout=testpmd_util.LIMIT)
            os.rmdir(inner)


@check
def memory_group_and_hugepages():
    """Hugepages do not count, but the tables of a pool do."""
    hugepages(64)
    if has_sanitizer():
        raise Skip("a sanitizer needs memory of its own")
    with MemoryGroup(16 * MIB) as g:
        works(run("--vdev=net_null0", "--total-num-mbufs=16384", group=g.path))
        refused(run("--vdev=net_null0", "--total-num-mbufs=400000", group=g.path), "its tables", "16 MiB in all", g.file)


def mounts_of_memory_groups():
    """All of them: a machine may show them at several places."""
    with open("/proc/self/mountinfo") as f:
        lines = [line.split() for line in f]
    return [line[4] for line in lines
            if line[line.index("-") + 1] == "cgroup2" or line[line.index("-") + 1] == "cgroup" and "memory" in line[-1].split(",")]


@check
def memory_group_of_a_container():
    """Its own group is what is mounted, elsewhere than usual."""
    namespaces()
    with MemoryGroup(64 * MIB) as g:
        place = path("its group")
        os.mkdir(place)
        script = "mount --bind %s '%s'\numount -l %s" % (g.path, place, " ".join(mounts_of_memory_groups()))
        works(run(NULL, group=g.path, script=script))
        refused(run(NULL, "--total-num-mbufs=40000", group=g.path, script=script), "64 MiB in all", place)


@check
def memory_group_in_a_namespace():
    namespaces()
    with MemoryGroup(64 * MIB) as g:
        argv = ["unshare", "--cgroup", "--mount"] + command(NULL, "--total-num-mbufs=40000 --run-time=1")

        def enter():
            with open(g.path + "/cgroup.procs", "w") as f:
                f.write("0")
        p = subprocess.run(argv, capture_output=True, timeout=testpmd_util.LIMIT, preexec_fn=enter)
        refused(testpmd_util.Run(p.returncode, p.stdout.decode(), p.stderr.decode(), 0), "64 MiB in all")


# ---- hugetlb groups ----

@check
def hugetlb_group():
    hugepages(8)
    for knob in ("max", "rsvd__max"):
        with new_group("hugetlb", **{"2MB__" + knob: 4 * MIB}) as group:
            file = group + "/hugetlb.2MB." + knob.replace("__", ".")
            works(run("--vdev=net_null0", "--total-num-mbufs=1800", group=group))
            works(run("--vdev=net_null0", "--total-num-mbufs=4096", group=group), "on ordinary pages", file, "4 MiB")
            works(run("--vdev=net_null0", "--total-num-mbufs=4096", group=group, calls=["madvise"]), file)


# ---- hugetlbfs ----

def hugetlbfs(options, extra=""):
    namespaces()
    hugepages(8)
    place = path("huge")
    os.makedirs(place, exist_ok=True)
    return "--huge-dir=%s --vdev=net_null0" % place, "mount -t hugetlbfs -o pagesize=2M%s none %s%s" % (options, place, extra)


@check
def hugetlbfs_with_a_size():
    env, script = hugetlbfs(",size=4M")
    works(run(env, "--total-num-mbufs=1800", script=script))
    refused(run(env, "--total-num-mbufs=4096", script=script), "huge has room for 4 MiB", "size=")


@check
def hugetlbfs_read_only():
    env, script = hugetlbfs(",ro")
    refused(run(env, script=script), "read-only", "remount,rw")


@check
def hugetlbfs_of_somebody_else():
    env, script = hugetlbfs(",uid=1000,gid=1000,mode=0700")
    r = run(env, script="chmod 755 %s\n%s\n" % (testpmd_util.TMP, script) + 'exec setpriv --reuid 1234567 --regid 1234567 '
            '--clear-groups "$0" "$@"')
    refused(r, "belongs to user 1000", "mode 0700", "user 1234567")


@check
def hugetlbfs_is_none():
    refused(run("--vdev=net_null0 --huge-dir=" + testpmd_util.TMP), "is not a hugetlbfs", "mount -t hugetlbfs")


@check
def hugetlbfs_in_place_of_a_memfd():
    """Where memfds are forbidden, but a hugetlbfs is mounted somewhere."""
    _, script = hugetlbfs("")
    r = works(run("--vdev=net_null0", script=script, calls=["memfd_create"]), "on the hugetlbfs", "cannot be sealed")
    expect("pages of 2048 KiB" in r.out, r)


# ---- tmpfs ----

def no_tmpfs_mounts():
    """No tmpfs is left, and none is what /dev/shm is without one."""
    namespaces()
    os.makedirs(path("disk"), exist_ok=True)
    if subprocess.run(["stat", "-f", "-c", "%T", testpmd_util.TMP], capture_output=True).stdout == b"tmpfs\n":
        raise Skip("the folder of the tests is on a tmpfs")
    return ("unset XDG_RUNTIME_DIR\nwhile m=$(grep -m 1 -E '^[^ ]+ [^ ]+ tmpfs ' /proc/self/mounts); do umount -l \"$(echo \"$m\" | cut -d ' ' -f 2)\"; "
            "done\nmount --bind %s /dev/shm" % path("disk"))


@check
def tmpfs_too_small():
    small = no_tmpfs_mounts() + "\nmount -t tmpfs -o size=%s none /dev/shm\nmount -t tmpfs -o size=%s none /run"
    works(run(NULL, script=small % ("1M", "2M"), calls=["memfd_create"]), "no tmpfs has room for", "not even /run")
    with Echo() as e:
        works(run("--no-huge " + e.port, "--tx-first", script=small % ("1M", "3M"), calls=["memfd_create"]), "has room for", "is bounced")
        refused(run("--no-huge " + e.port, script=small % ("4k", "4k"), calls=["memfd_create"]), "has room for", "as a file")


@check
def tmpfs_that_is_full():
    """What is free counts, not how large it is."""
    script = no_tmpfs_mounts() + "\nmount -t tmpfs -o size=8M none /dev/shm\nhead -c 6M /dev/zero >/dev/shm/full"
    works(run(NULL, script=script, calls=["memfd_create"]), "no tmpfs has room for")


@check
def no_tmpfs():
    script = no_tmpfs_mounts()
    works(run(NULL, script=script, calls=["memfd_create"]), "there is no tmpfs", "no vhost-user backend")
    with Echo() as e:
        refused(run("--no-huge " + e.port, script=script, calls=["memfd_create"]), "memfd_create is forbidden here", "as a file")


# ---- without /proc and /sys ----

@check
def no_proc():
    namespaces()
    if has_sanitizer():
        raise Skip("a sanitizer reads /proc")
    script = "mount -t tmpfs -o ro none /proc"
    works(run(NULL, script=script))
    works(run("--vdev=net_null0", script=script))
    with Echo() as e:
        works(run("--no-huge " + e.port, "--tx-first", script=script))


@check
def no_sys():
    namespaces()
    script = "mount -t tmpfs -o ro none /sys"
    works(run(NULL, script=script))
    works(run("--vdev=net_null0", script=script))


@check
def neither_proc_nor_sys_nor_memfd():
    namespaces()
    if has_sanitizer():
        raise Skip("a sanitizer reads /proc")
    script = "mount -t tmpfs -o ro none /sys\nmount -t tmpfs -o ro none /proc"
    works(run(NULL, script=script, calls=["memfd_create", "eventfd2", "getrandom", "madvise"]))
    with Echo() as e:
        works(run("--no-huge " + e.port, "--tx-first --sleep-idle", script=script, calls=["memfd_create", "eventfd2", "timerfd_create"]))


@check
def read_only_root():
    namespaces()
    works(run(NULL, script="mount -o remount,bind,ro /"))
    works(run(NULL, script="mount -o remount,bind,ro /", calls=["memfd_create"]))


@check
def no_dev():
    """No /dev/zero to populate from, no /dev/shm."""
    namespaces()
    works(run(NULL, script="mount -t tmpfs none /dev", calls=["madvise", "memfd_create"]))
    works(run(NULL, script="mount -t tmpfs -o ro none /dev", calls=["madvise"]))


if __name__ == "__main__":
    main()
