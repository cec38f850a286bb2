# SPDX-License-Identifier: BSD-3-Clause
"""Rows of what needs no device, driven by Google Benchmark (perf/gbench.cc): ns an item."""
import json
import os
import subprocess

from benchlib import Skip, exact, median, row

PEERS = {
    "token_handover": None,
    "pool_cache_32": "rte_mempool_get_bulk and put_bulk, cache of 512; Baton's is a driver's use of the cache",
    "pool_mempool_32": "rte_mempool_get_bulk and put_bulk, cache of 512; Baton's makes and checks tokens",
    "pool_mbuf_32": "rte_pktmbuf_alloc_bulk and free_bulk, cache of 512",
    "stack_rte_ring": "rte_ring MP/MC, 62 in bulk",
    "stack_ck_ring": "ck_ring MPMC, one by one, as it has no bulk",
    "stack_rte_ring_2t": "two threads; rte_ring MP/MC, 62 in bulk",
    "stack_ck_ring_2t": "two threads; ck_ring MPMC, one by one",
    "token_ring_spsc": "rte_ring SP/SC, elements of 16 bytes, a burst of 32 in and out; at most 1 is wanted",
    "token_ring_mpmc": "rte_ring MP/MC, elements of 16 bytes, a burst of 32 in and out; at most 1 is wanted",
    "token_ring_mpmc_2t": "two threads; as token_ring_mpmc",
    "pool_pair_2t": "one thread allocates and hands on, another frees, bursts of 32; rte_mempool with caches of 512 and rte_ring SP/SC of pointers",
    "slot_pool_2t": "two threads; one area searched under a lock as the kernel's swiotlb does it, slot by slot; at most 0.2 is wanted",
    "slot_pool_mempool_2t": "two threads; rte_mempool in bulk, with a cache of 256 as Baton's; at most 1 is wanted",
    "slot_pool_single_2t": "two threads, one slot at a time; as slot_pool_2t",
    "slot_pool_single_mempool_2t": "two threads, one slot at a time; as slot_pool_mempool_2t",
    "gso_64k": "rte_gso_segment, whose segments point into the packet; at most 1.11 is wanted",
}
BOUNCE_COPY = (64, 1500, 9000)  # bytes of a packet
COPY_BAR = 10                   # ns more than a memcpy of the same bytes


def repetitions(opt, base):
    """{variant: {repetition: ns an item}}; repetitions of all variants are interleaved at random."""
    program = os.path.join(opt.build, "perf/gbench")
    if not os.path.exists(program):
        raise Skip(f"{program} is not built: it needs libbenchmark, libck and libdpdk")
    pin = [] if base.endswith("_2t") else ["taskset", "-c", str(os.cpu_count() - 1)]
    done = subprocess.run(
        [*pin, program, f"--benchmark_filter=^{base}/", "--benchmark_format=json",
         f"--benchmark_repetitions={opt.pairs(60, 20)}", "--benchmark_min_time=0.01",
         "--benchmark_enable_random_interleaving=true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(done.stderr.strip() or f"gbench ended with {done.returncode}")
    out = {}
    for b in json.loads(done.stdout)["benchmarks"]:
        if b["run_type"] == "iteration":
            variant = b["name"].split("/")[1]
            out.setdefault(variant, {})[b["repetition_index"]] = 1e9 / b["items_per_second"]
    return out


def gbench_row(opt, name):
    base = name.removeprefix("aa_")
    got = repetitions(opt, base)
    if PEERS[base] is None:
        return exact(name, median(got["baton"].values()), None, "ns", "lower")
    opt.notes[name] = f"peer: {PEERS[base]}"
    ours = got["again" if name.startswith("aa_") else "baton"]
    return row(name, [(ours[i], got["peer"][i]) for i in sorted(ours)], "ns", "lower")


def copy_row(opt, name):
    """The dearer one of take and give; the note has both, and what the bar is about: the difference."""
    size = name.split("_")[-1]
    rows, notes = [], []
    for verb in ("take", "give"):
        got = repetitions(opt, f"bounce_{verb}_{size}")
        ours = got["again" if name.startswith("aa_") else "baton"]
        pairs = [(ours[i], got["peer"][i]) for i in sorted(ours)]
        more = row(name, [(a - b, 1) for a, b in pairs], "ns", "lower")
        rows.append((more["ratio"], row(name, pairs, "ns", "lower")))
        notes.append(f"{verb} {more['ratio']:+.2f} ns ({more['lo']:+.2f} .. {more['hi']:+.2f})")
    opt.notes[name] = f"{', '.join(notes)}; peer: memcpy; at most {COPY_BAR:+d} ns is wanted"
    return max(rows, key=lambda r: r[0])[1]


ROWS = {}
for _name, _peer in PEERS.items():
    ROWS[_name] = gbench_row
    if _peer:
        ROWS["aa_" + _name] = gbench_row
for _size in BOUNCE_COPY:
    ROWS[f"bounce_copy_{_size}"] = ROWS[f"aa_bounce_copy_{_size}"] = copy_row
