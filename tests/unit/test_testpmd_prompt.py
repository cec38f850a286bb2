#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The prompt of baton-testpmd: each command by its effect."""
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

from testpmd_util import (LIMIT, NULL2, Skip, check, command, expect, good, main, packet, packets,
                          path, read_pcap, run, script, totals, write_pcap)

@check
def prompt_start_stop():
    r = good(script(NULL2, "", "start", 0.3, "stop", "quit"))
    expect(totals(r.out)[0] > 0, r)
    r = good(script(NULL2, "", "quit"))
    expect("Forward statistics" not in r.out and "Interactive-mode" in r.out, r)
    for a in ("-a", "--auto-start"):
        r = good(script(NULL2, a, 0.3, "quit"))
        expect(totals(r.out)[0] > 0, r)
    r = good(script(NULL2, "", "start", 0.2, "stop", "start", 0.2, "stop", "quit"))
    expect(r.out.count("Accumulated") == 2, r)
    r = good(script(NULL2, "", "stop", "start", "start", "quit"))
    expect("forwarding not started" in r.out and "Packet forwarding already started" in r.out, r)


@check
def prompt_tx_first():
    env = "--vdev=net_pcap0,tx_pcap=" + path("out.pcap")
    good(script(env, "", "start tx_first", 0.2, "stop", "quit"))
    expect(len(read_pcap("out.pcap")) == 32, "start tx_first")
    good(script(env, "", "start tx_first 3", 0.2, "stop", "quit"))
    expect(len(read_pcap("out.pcap")) == 96, "start tx_first 3")
    r = good(script(env, "", "start tx_first 0", "start tx_second", "start tx_first 1 1", "quit"))
    expect(r.out.count("usage: start") == 3 and "Forward statistics" not in r.out, r)


@check
def prompt_set_fwd():
    sent = packets(20)
    env = "--vdev=net_pcap0,rx_pcap=%s,tx_pcap=%s" % (write_pcap("in.pcap", sent), path("out.pcap"))
    r = good(script(env, "", "set fwd macswap", "start", 0.3, "quit"))
    expect(read_pcap("out.pcap") == [p[6:12] + p[:6] + p[12:] for p in sent], r)
    r = good(script(env, "", "set fwd io retry", "show config fwd", "set fwd io", "show config fwd",
                    "quit"))
    expect(r.out.count("io packet forwarding with retry - ports=1") == 1, r)
    expect("TX retry num: 64, delay between TX retries: 1us" in r.out and r.out.count("io packet forwarding -") == 1, r)
    r = good(script(env, "", "set fwd rxnly", "set fwd", "set fwd io maybe", "set bwd io",
                    "show config fwd", "start", "set fwd txonly", 0.2, "quit"))
    expect("did you mean rxonly" in r.out and r.out.count("usage: set fwd") == 4 and "did you mean fwd" in r.out, r)
    expect("io packet forwarding" in r.out and "stop it first" in r.out, r)
    for mode in ("rxonly", "txonly"):
        r = good(script(NULL2, "", "set fwd " + mode, "start", 0.2, "stop", "quit"))
        rx, _, tx, _ = totals(r.out)
        expect((rx > 0) == (mode == "rxonly") and (tx > 0) == (mode == "txonly"), r)


@check
def prompt_show():
    r = good(script(NULL2, "-a", 0.3, "show port stats all", "show port stats 1", "stop", "quit"))
    expect(r.out.count("NIC statistics for port 0") == 1, r)
    expect(r.out.count("NIC statistics for port 1") == 2, r)
    expect(re.search(r"Rx-pps: +[1-9]", r.out), r)
    r = good(script(NULL2, "", "show port info 1", "show config fwd", "quit"))
    for word in ("MAC address: 02:00:00:00:00:01", "Driver name: net_null", "Link status: up",
                 "MTU: 1500", "RX P=0/Q=0 -> TX P=1/Q=0", "Infos for port 1"):
        expect(word in r.out, word)
    expect("Infos for port 0" not in r.out, r)
    r = good(script(NULL2, "--total-num-mbufs=5000", "show holders", "start", 0.2, "stop",
                    "show holders", "quit"))
    expect(r.out.count("      5000  in all") == 2, r)
    for bad in ("show", "show port", "show port stats", "show port stats 0 1", "show port stats x",
                "show port stats -1", "show port info", "show config", "show config fwd x",
                "show holders x"):
        r = good(script(NULL2, "", bad, "quit"))
        expect("usage" in r.out and "statistics" not in r.out, "%s: %s" % (bad, r))
    r = good(script(NULL2, "", "show port stats 2", "show port info 99", "quit"))
    expect("Invalid port 2; there are 0 to 1" in r.out and "Invalid port 99" in r.out, r)


@check
def prompt_clear():
    r = good(script("--vdev=net_pcap0,tx_pcap=" + path("o"), "", "start tx_first", 0.2, "stop",
                    "show port stats 0", "clear port stats 0", "show port stats 0", "quit"))
    expect(re.findall(r"TX-packets: (\d+) +TX-errors", r.out) == ["32", "0"], r)
    r = good(script(NULL2, "", "clear port stats all", "clear port stats", "clear", "quit"))
    expect("port 0 cleared" in r.out and "port 1 cleared" in r.out, r)
    expect(r.out.count("usage: clear port stats") == 2, r)
    r = good(script(NULL2, "-a", 0.2, "clear port stats all", 0.1, "stop", "quit"))
    rx, _, tx, dropped = totals(r.out)
    expect(0 < rx < 1 << 40 and 0 < tx < 1 << 40 and dropped == 0, r)


@check
def prompt_words():
    r = good(script(NULL2, "", "help", "quit"))
    for word in ("start [tx_first", "set fwd", "show port info|stats|xstats", "show holders", "quit"):
        expect(word in r.out, word)
    r = good(script(NULL2, "", "sart", "xyzzy", "", "# remark", "  help  ", "a " * 100, "quit now",
                    "x" * 6000, "show config fwd", "quit"))
    expect("did you mean start?" in r.out and "no command \"xyzzy\"" in r.out, r)
    expect("usage: quit" in r.out and "\"now\" is not understood" in r.out and "longer than" in r.out, r)


@check
def prompt_end_of_input():
    p = subprocess.run(command(NULL2, "-i"), input=b"show config fwd", capture_output=True,
                       timeout=LIMIT)
    expect(p.returncode == 0 and b"RX P=0" in p.stdout and b"Bye" in p.stdout, p)


@check
def prompt_in_a_terminal():
    """Editing keys, history, completion, a signal; and the terminal is left as it was."""
    try:
        pid, fd = pty.fork()
    except OSError as e:
        raise Skip("no pseudo-terminal to be had (is /dev/pts mounted?): %s" % e)
    if not pid:
        os.environ["TERM"] = "xterm"
        os.execv(command("")[0], command(NULL2, "-i"))
    seen = b""

    def until(text, limit=5):
        nonlocal seen
        end = time.monotonic() + limit
        while text not in seen:
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("%r not in %r" % (text, seen[-800:]))
            try:
                seen += os.read(fd, 4096)
            except OSError:
                raise AssertionError("ended before %r: %r" % (text, seen[-800:])) from None
        seen = seen[seen.index(text) + len(text):]

    try:
        until(b"testpmd> ")
        os.write(fd, b"show confog\x08\x08ig fwd\n")
        until(b"RX P=1/Q=0 -> TX P=0/Q=0\r\n")
        until(b"testpmd> ")
        os.write(fd, b"\x1b[A\n")
        until(b"RX P=1/Q=0 -> TX P=0/Q=0\r\n")
        until(b"testpmd> ")
        os.write(fd, b"sho\tcon\tf\t\n")
        until(b"RX P=1/Q=0 -> TX P=0/Q=0\r\n")
        until(b"testpmd> ")
        os.write(fd, b"set fwd \t\t")
        until(b"macswap")
        os.write(fd, b"macs\t\n")
        until(b"Set macswap packet forwarding mode")
        until(b"testpmd> ")
        os.write(fd, b"start\n")
        until(b"testpmd> ")
        time.sleep(0.2)
        os.write(fd, b"\x03")
        until(b"Accumulated")
        until(b"Bye...")
        expect(termios.tcgetattr(fd)[3] & termios.ICANON, "the terminal was left raw")
        expect(os.waitpid(pid, 0)[1] == 0, "exit status")
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)


@check
def prompt_stop_after():
    r = good(script(NULL2, "--stop-after=100", "start", 0.3, "start", 0.3, "quit"))
    expect(r.out.count("Accumulated") == 2, r)


if __name__ == "__main__":
    main()
