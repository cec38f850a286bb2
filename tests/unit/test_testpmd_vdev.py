#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The ports baton-testpmd is tested with: net_null and net_pcap."""
import json
import random
import resource
import signal
import subprocess
import time

from testpmd_util import (LIMIT, SHORT, check, command, expect, forward, good, main, packet,
                          packets, path, read_pcap, refused, run, totals, write_pcap)

# ---- net_null ----

@check
def null_size():
    for size in (14, 64, 1500, 2048, 2049, 9018, 9022):
        stats, _ = forward("--vdev=net_null0,size=%d" % size, "--stop-after=1000")
        t = stats["total"]
        expect(t["rx_bytes"] == size * t["rx_packets"] > 0, stats)
        expect(t["tx_packets"] == t["rx_packets"] and t["tx_bytes"] == t["rx_bytes"], stats)
    for bad in ("13", "9023", "x", "-1", ""):
        refused(run("--vdev=net_null0,size=" + bad), "size")
    refused(run("--vdev=net_null0,size=9018", "--mbuf-size=300"), "buffers")


@check
def null_no_rx():
    stats, _ = forward("--vdev=net_null0,no-rx=1", SHORT)
    expect(stats["total"]["rx_packets"] == 0, stats)
    stats, _ = forward("--vdev=net_null0,no-rx=0", SHORT)
    expect(stats["total"]["rx_packets"] > 0, stats)
    refused(run("--vdev=net_null0,no-rx=2"), "no-rx=2")


@check
def null_copy():
    """Buffers that held random packets are received again: as they are, or with copy=1 zeroed."""
    src = write_pcap("in.pcap", [packet(1500, i) for i in range(100)])
    for copy in (0, 1):
        good(run("--vdev=net_null0,size=1500,copy=%d --vdev=net_pcap1,infinite_rx=1,rx_pcap=%s,tx_pcap=%s"
                 % (copy, src, path("out.pcap")), "--stop-after=5000"))
        zero = [p == bytes(1500) for p in read_pcap("out.pcap")]
        expect(len(zero) > 1000 and all(zero) == bool(copy), "copy=%d" % copy)


# ---- net_pcap ----

@check
def pcap_arguments():
    src = write_pcap("in.pcap", packets(3))
    refused(run("--vdev=net_pcap0"), "rx_pcap")
    refused(run("--vdev=net_pcap0,rx_pcap="), "rx_pcap")
    refused(run("--vdev=net_pcap0,rx_pcap=/nonexistent"), "/nonexistent", "No such file")
    refused(run("--vdev=net_pcap0,rx_pcap=" + path("")), "rx_pcap")
    refused(run("--vdev=net_pcap0,tx_pcap=/nonexistent/x"), "/nonexistent/x")
    refused(run("--vdev=net_pcap0,rx_pcp=%s" % src), "did you mean \"rx_pcap\"?")
    refused(run("--vdev=net_pcap0,infinite_rx=1,tx_pcap=%s" % path("o")), "infinite_rx")
    # A bad source must not cost the target.
    with open(path("keep"), "w") as f:
        f.write("precious")
    refused(run("--vdev=net_pcap0,rx_pcap=/nonexistent,tx_pcap=" + path("keep")), "/nonexistent")
    with open(path("keep")) as f:
        expect(f.read() == "precious", "tx_pcap was overwritten")


@check
def pcap_link_type():
    refused(run("--vdev=net_pcap0,rx_pcap=" + write_pcap("raw.pcap", packets(3), link=101)),
            "not Ethernet", "RAW")


@check
def pcap_not_a_capture():
    for content in (b"", b"x", b"hello, this is no capture file at all" * 10, bytes(24)):
        with open(path("junk"), "wb") as f:
            f.write(content)
        refused(run("--vdev=net_pcap0,rx_pcap=" + path("junk")), "junk")


@check
def pcap_empty():
    stats, r = forward("--vdev=net_pcap0,rx_pcap=" + write_pcap("empty.pcap", []), SHORT)
    expect(stats["total"]["rx_packets"] == 0 and r.err == "", r)
    refused(run("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + path("empty.pcap")), "no packet")


@check
def pcap_truncated():
    sent = packets(20)
    for cut in (1, 100, len(sent[-1]) + 3):
        src = write_pcap("cut.pcap", sent, cut=cut)
        stats, r = forward("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (src, path("out.pcap")),
                           "--run-time=0.2", rc=1)
        expect(read_pcap("out.pcap") == sent[:19], "packets before the cut")
        expect(r.err.count("\n") == 2 and "packet 19" in r.err and "cut.pcap" in r.err, r)
        expect(stats["total"]["rx_errors"] == 1, stats)
    stats, r = forward("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + src, "--stop-after=100", rc=1)
    expect("packet 19" in r.err and stats["total"]["rx_packets"] >= 100, r)
    expect(stats["total"]["rx_errors"] == 1, stats)


@check
def pcap_bad_lengths():
    ok = packets(3)
    sent = [ok[0], b"", b"x" * 13, packet(9019), ok[1], packet(20000), ok[2]]
    stats, r = forward("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" %
                       (write_pcap("odd.pcap", sent), path("out.pcap")), "--run-time=0.2", rc=1)
    expect(read_pcap("out.pcap") == [p for p in sent if len(p) > 13] and stats["total"]["rx_errors"] == 2, stats)
    expect(r.err.count("is not received") == 1 and "packet 2 of" in r.err and "rx_q0_error_runt" in r.err, r)
    write_pcap("odd.pcap", [b"x"] * 3)
    stats, _ = forward("--vdev=net_pcap0,infinite_rx=1,rx_pcap=" + path("odd.pcap"), SHORT, rc=1)
    expect(stats["total"]["rx_packets"] == 0 and stats["total"]["rx_errors"] > 3, stats)


@check
def pcap_infinite():
    sent = packets(7)
    env = "--vdev=net_pcap0,infinite_rx=1,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent),
                                                                  path("out.pcap"))
    good(run(env, "--stop-after=1000"))
    got = read_pcap("out.pcap")
    expect(len(got) >= 1000, len(got))
    expect(all(p == sent[i % 7] for i, p in enumerate(got)), "order")


@check
def pcap_full_disk():
    env = "--vdev=net_pcap0,tx_pcap=/dev/full"
    name = path("full.json")
    r = run(env, "--forward-mode=txonly --run-time=0.2 --stats-json=" + name)
    with open(name) as f:
        stats = json.load(f)
    expect(r.rc == 1 and "could not send" in r.err, r)
    expect(stats["total"]["tx_packets"] == 0 and stats["total"]["tx_errors"] > 0, stats)
    expect(r.err.count("No space left") == 1, r)



@check
def pcap_file_size_limit():
    """A regular file that stops growing ends with a whole packet."""
    p = subprocess.Popen(command("--vdev=net_pcap0,tx_pcap=" + path("out.pcap"), "-i"),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    time.sleep(0.3)
    # Only now: the limit is for memory files too, and the pool is one.
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (100000, 100000))
    p.stdin.write(b"set fwd txonly\nstart\n")
    p.stdin.flush()
    time.sleep(0.3)
    out, err = p.communicate(b"stop\nquit\n", timeout=LIMIT)
    expect(p.returncode == 1 and err.count(b"cannot be written") == 1, err)
    got = len(read_pcap("out.pcap"))
    expect(1000 < got < 1300, "%d packets" % got)
    expect(totals(out.decode())[2] == got, out)


@check
def pcap_damaged():
    rng = random.Random(1)
    src = write_pcap("good.pcap", packets(30))
    with open(src, "rb") as f:
        data = f.read()
    for _ in range(25):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 20)):
            bad[rng.randrange(len(bad) if rng.random() < 0.5 else 300)] = rng.randrange(256)
        with open(path("bad.pcap"), "wb") as f:
            f.write(bad[:rng.randint(1, len(bad))])
        r = run("--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (path("bad.pcap"), path("out.pcap")),
                "--run-time=0.03")
        expect(r.rc in (0, 1) and (r.rc == 0 or r.err), r)


if __name__ == "__main__":
    main()
