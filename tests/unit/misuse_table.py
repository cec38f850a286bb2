#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The misuse table: every public function by every pointer it takes by every way in which that can be wrong.

usage: misuse_table.py OUTPUT.h

MISUSE_FUNCTIONS(F) has F(name, result, thread) for each function that takes a pointer or a token, and
MISUSE_CELLS(C) has C(function, parameter, slot, kind, wrong) for each cell. Slots count the function's pointers and
tokens, those of handles inside its configuration behind them.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "source"))
from header import COMMENT, HEADERS, params_of, parse, sections  # noqa: E402

KINDS = {"baton_ctx": "CTX", "baton_pool": "POOL", "baton_worker": "WORKER", "baton_port": "PORT", "baton_rxq": "RXQ",
         "baton_txq": "TXQ", "baton_arena": "ARENA", "baton_ioas": "IOAS", "baton_mapping": "MAPPING",
         "baton_ring": "RING"}
HANDLE = ("NULL", "KIND", "CLOSED", "CONTEXT", "STATE")
WRONG = {"PLAIN": ("NULL",), "TOKEN": ("NULL", "CONTEXT", "CLOSED", "STALE", "NOT_HELD", "RANGE"),
         "PORT": HANDLE + ("NOT_SET_UP",), "RXQ": HANDLE + ("NOT_SET_UP",), "TXQ": HANDLE + ("NOT_SET_UP",)}


def kind_of(declaration, text):
    """What a parameter is: a kind of handle, TOKEN, PLAIN for another pointer; None for a number."""
    m = re.match(r"(?:const )?struct (\w+)\s?\*\s?\w+$", declaration)
    if m and m.group(1) in KINDS:
        return KINDS[m.group(1)]
    if re.match(r"(?:const )?struct baton_token\b", declaration) and not text.startswith("receives"):
        return "TOKEN"
    # An application's own pointer is passed on to it as it is.
    pointer = "*" in declaration or "[" in declaration or re.match(r"baton_\w+_fn ", declaration)
    return "PLAIN" if pointer and declaration != "void *arg" else None


def result_of(text):
    text = text.strip()
    if "*" in text:
        return "TEXT" if re.fullmatch(r"const char ?\*", text) else "POINTER"
    return {"int": "ERRNO", "void": "VOID"}.get(text, "NUMBER")


def handles_inside(structs):
    """{struct: [(member, kind)]} for the configurations with handles."""
    found = {}
    for item in structs:
        for text, _, _ in item.members:
            m = re.match(r"struct (\w+) \*(\w+)$", " ".join(COMMENT.sub("", text).split()))
            if m and m.group(1) in KINDS and item.name.endswith("_config"):
                found.setdefault(item.name, []).append((m.group(2), KINDS[m.group(1)]))
    return found


def functions():
    """(name, result, thread, [(parameter, kind)]) of each function."""
    items = [i for h in HEADERS for i in parse(h.read_text())[1]]
    inside = handles_inside(i for i in items if i.kind == "struct")
    for item in items:
        if item.kind != "function" or item.name.endswith("_"):
            continue
        doc = sections(item.doc)
        result, params = item.text
        slots, more = [], []
        for declaration, name in params_of(params):
            kind = kind_of(declaration, doc.get("@" + name, ""))
            if kind:
                slots.append((name, kind))
            m = re.match(r"const struct (\w+) \*\w+$", declaration)
            more += [(f"{name}_{member}", k) for member, k in inside.get(m.group(1) if m else "", ())]
        if slots:
            yield (item.name.removeprefix("baton_"), result_of(result), doc["Thread"].split(",")[0].split(";")[0],
                   slots + more)


def main(out):
    f_lines, c_lines = [], []
    for name, result, thread, slots in functions():
        one = {"the control thread": "CONTROL", "any thread": "ANY"}.get(thread.rstrip("."), "OWN")
        f_lines.append(f"F({name}, {result}, {one})")
        for i, (parameter, kind) in enumerate(slots):
            c_lines += [f"C({name}, {parameter}, {i}, {kind}, {wrong})" for wrong in WRONG.get(kind, HANDLE)]
        first = slots[0]
        if first[1] not in ("PLAIN", "TOKEN"):
            c_lines.append(f"C({name}, {first[0]}, 0, {first[1]}, THREAD)")
    text = "/* Made by misuse_table.py from the public headers. */\n"
    for macro, lines in (("MISUSE_FUNCTIONS(F)", f_lines), ("MISUSE_CELLS(C)", c_lines)):
        text += f"#define {macro} \\\n\t" + " \\\n\t".join(lines) + "\n"
    pathlib.Path(out).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
