#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented: what it is, its parameters, units, thread and errors.

CONTRIBUTING.md has the rules ("Public comments"). A hole is reported as FILE:LINE: NAME: what is missing.
"""
import errno
import re
import sys
import unittest

from header import COMMENT, HEADERS, ROOT, declaration_end, params_of, parse, sections

INTEGER = re.compile(r"^(?:const\s+)?(?:unsigned|int|long|short|s?size_t|u?int\d+_t|u?intptr_t)\b")
# What an integer may count or be. Whatever has a unit needs the unit's name: "offset" or "size" alone will not do.
UNIT = re.compile(
    r"\b(?:bytes?|[KMG]iB|bits?|bitmap|ns|nanoseconds|ms|milliseconds|seconds|Mbit/s|packets?|tokens?|buffers?|"
    r"descriptors?|slots?|queues?|ports?|pools?|workers?|completions?|segments?|times|holder number|[Nn]umber of \w+|index(?:es)?|ID|"
    r"[Aa]ddress(?:es)?|NUMA node|generation|RSS hash|VLAN (?:ID|tag)|enum \w+|[Nn]on-zero|errno)\b|-E[A-Z]+|\b[01]:|"
    r"\bBATON_[A-Z0-9_]+|\b0 on success")
ERRORS = re.compile(r"-E[A-Z]+|\bNULL\b|cannot fail|a violation")
THREADS = ("the control thread", "any thread", "the worker's thread", "the queue's thread")


def unit_missing(kind, text):
    return INTEGER.match(kind) and not UNIT.search(text or "")


def function_faults(item):
    result, params = item.text
    if not item.doc:
        yield "is not documented"
        return
    if item.name.endswith("_"):  # for the inline functions only
        return
    s = sections(item.doc)
    if not re.match(r"[A-Z].*?[.:]", s[""]):
        yield "does not begin with a sentence that says what it does"
    names = [name for _, name in params_of(params)]
    for kind, name in params_of(params):
        text = s.get("@" + name)
        if not text:
            yield f"parameter {name} is not described (@{name}: ...)"
        elif unit_missing(kind, text):
            yield f"parameter {name} has no unit"
    for word in re.findall(r"(?<!\w)@(\w+)", item.doc):
        if word not in names:
            yield f"@{word} is none of its parameters"
    thread = s.get("Thread", "")
    if not thread:
        yield "does not say which thread may call it (Thread: ...)"
    elif item.kind == "function" and not thread.startswith(THREADS):
        yield "its thread is none of: " + ", ".join(THREADS)
    elif "thread" not in thread:
        yield "its thread is not named"
    if result == "void":
        if "Return" in s:
            yield "returns nothing, but its comment has Return:"
        if item.kind == "function" and not ERRORS.search(item.doc):
            yield "does not say what happens on an error (\"This function cannot fail.\")"
    elif not s.get("Return"):
        yield "does not say what it returns (Return: ...)"
    else:
        if item.kind == "function" and not ERRORS.search(s["Return"]):
            yield "its Return: names no error (-E..., NULL, or \"cannot fail\")"
        if unit_missing(result, s["Return"]):
            yield "its return value has no unit"
        for name in re.findall(r"-(E[A-Z0-9]+)\b", s["Return"]):
            if not hasattr(errno, name):
                yield f"-{name} is no errno"


def member_faults(item):
    for text, doc, line in item.members:
        text = " ".join(COMMENT.sub("", text).split())
        name = params_of(text)[0][1] if item.kind == "struct" else re.match(r"\w+", text).group()
        if re.match(r"reserved\d*(?:\[|$)", name):
            continue
        if not doc:
            yield line, f"{name} is not documented"
        elif item.kind == "struct" and "(*" not in text and "*" not in text and unit_missing(text, doc):
            yield line, f"{name} has no unit"
        elif "(*" in text and "thread" not in doc and not item.name.endswith("_head"):
            yield line, f"{name} does not say on which thread it is called"


def faults(text, name="header"):
    """FILE:LINE: NAME: what is missing, for every hole of a header."""
    about, items = parse(text)
    found = []
    if not about or not re.match(r"[^\n]+\.$", about.split("\n\n")[0].replace("\n", " ")):
        found.append(f"{name}:1: the header does not begin with a comment that says what it has")
    for item in items:
        where = f"{name}:{item.line}: {item.name}"
        if item.kind in ("function", "callback"):
            found += [f"{where}: {what}" for what in function_faults(item)]
        elif not item.doc:
            found.append(f"{where}: is not documented")
        elif item.kind == "macro" and re.match(r"[(]?-?(?:0x)?[0-9a-f]+u?[)]?$", item.text) and \
                not UNIT.search(item.doc) and not item.doc.startswith("flag: "):
            found.append(f"{where}: has no unit")
        found += [f"{name}:{line}: {item.name}: {what}" for line, what in member_faults(item)]
    return found


SOUND = """/* SPDX-License-Identifier: BSD-3-Clause */
/* Things. */
#ifndef BATON_THING_H
#define BATON_THING_H
#define BATON_THINGS 64 /* number of things, at most */
struct baton_thing;
/** Kinds of thing. */
enum baton_kind {
	BATON_KIND_A, /* the first kind */
	/* The second kind. */
	BATON_KIND_B,
};
/** Configuration of a thing. */
struct baton_thing_config {
	size_t size; /* size of the configuration, in bytes */
	/* Number of things. */
	uint32_t count;
	uint64_t reserved;
};
/**
 * Called when a thing ends.
 *
 * @arg: argument of the handler.
 *
 * Thread: the control thread.
 */
typedef void (*baton_thing_fn)(void *arg);
/**
 * Create a thing.
 *
 * @config: the configuration.
 * @bytes:  size in bytes.
 *
 * Thread: any thread.
 * Return: 0 on success; -EINVAL if @config is invalid.
 */
BATON_API int baton_thing_create(const struct baton_thing_config *config, size_t bytes);
/**
 * Count things. This function cannot fail.
 *
 * @thing: a thing.
 *
 * Thread: the control thread.
 */
BATON_API void baton_thing_count(struct baton_thing *thing);
/**
 * Get the size of a thing.
 *
 * @thing: a thing.
 *
 * Thread: the queue's thread.
 * Return: the size in bytes; this function cannot fail.
 */
static inline unsigned
baton_thing_size(const struct baton_thing *thing)
{
	return thing ? 1 : 0; /* bytes; */
}
#endif
"""

PLANTED = (
    ("/* Things. */\n", "", "the header does not begin"),
    (" /* number of things, at most */", "", "BATON_THINGS: is not documented"),
    ("number of things, at most", "how much there is", "BATON_THINGS: has no unit"),
    ("/** Kinds of thing. */", "", "baton_kind: is not documented"),
    (" /* the first kind */", "", "BATON_KIND_A is not documented"),
    ("/* The second kind. */", "", "BATON_KIND_B is not documented"),
    ("/** Configuration of a thing. */", "", "baton_thing_config: is not documented"),
    (" /* size of the configuration, in bytes */", "", "size is not documented"),
    ("size of the configuration, in bytes", "size of the configuration", "size has no unit"),
    ("/* Number of things. */", "", "count is not documented"),
    (" * @arg: argument of the handler.\n", "", "baton_thing_fn: parameter arg is not described"),
    (" * Thread: the control thread.\n */\ntypedef", " */\ntypedef", "baton_thing_fn: does not say which thread"),
    ("/**\n * Create a thing.", "/* a line */\n\n/*\n * -- gone", "baton_thing_create: "),
    (" * @bytes:  size in bytes.\n", "", "parameter bytes is not described"),
    ("size in bytes.\n", "size.\n", "parameter bytes has no unit"),
    ("@config is invalid", "@conf is invalid", "@conf is none of its parameters"),
    (" * Thread: any thread.\n", "", "baton_thing_create: does not say which thread"),
    ("any thread.", "some thread.", "its thread is none of"),
    (" * Return: 0 on success; -EINVAL if @config is invalid.\n", "", "does not say what it returns"),
    ("; -EINVAL if @config is invalid", "", "names no error"),
    ("-EINVAL", "-EINVALID", "-EINVALID is no errno"),
    (" This function cannot fail.", "", "baton_thing_count: does not say what happens on an error"),
    (" * Thread: the control thread.\n */\nBATON_API void", " * Return: nothing.\n */\nBATON_API void", "has Return:"),
    ("the size in bytes;", "the size;", "its return value has no unit"),
)


class PublicComments(unittest.TestCase):
    maxDiff = None

    def test_every_header(self):
        self.assertGreater(len(HEADERS), 8)
        found = [f for h in HEADERS for f in faults(h.read_text(), h.relative_to(ROOT))]
        self.assertEqual("\n".join(found), "")

    def test_sees_every_function(self):
        """The parser overlooks nothing: what a plain search finds, it finds."""
        for h in HEADERS:
            text = h.read_text()
            seen = {i.name for i in parse(text)[1] if i.kind == "function"}
            code = COMMENT.sub("", text)
            exported = re.findall(r"BATON_API[^;(]*?\b(\w+)\(", re.sub(r"#.*", "", code))
            inlines = re.findall(r"static inline[^;{(]*?\b(\w+)\(", code)
            self.assertEqual(set(exported + inlines), seen, h.name)

    def test_finds_planted_faults(self):
        self.assertEqual(faults(SOUND), [])
        for old, new, what in PLANTED:
            self.assertEqual(SOUND.count(old) > 0, True, old)
            self.assertIn(what, "\n".join(faults(SOUND.replace(old, new, 1))), old)

    def test_finds_holes_in_the_headers(self):
        """Whatever part of a function's comment is taken out of a real header, it is missed."""
        tried = 0
        for h in HEADERS:
            text = h.read_text()
            for m in re.finditer(r"^/\*\*\n.*?\*/\n", text, re.M | re.S):
                comment = m.group()
                rest = text[m.end():declaration_end(text, m.end())[0]] if text[m.end()] != "#" else ""
                for hole in re.findall(r"^ \* (?:Thread|Return|@\w+): (?:(?! \* (?:Thread|Return|@)| \*\n| \*/).*\n)+",
                                       comment, re.M):
                    tried += 1
                    alone = "/* Things. */\n" + comment.replace(hole, "") + rest
                    self.assertNotEqual(faults(alone), [], h.name + ": " + hole)
                self.assertEqual(faults("/* Things. */\n" + comment + rest), [], h.name)
        self.assertGreater(tried, 250)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(verbosity=2)
