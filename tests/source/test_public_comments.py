#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented: what it is, its parameters, units, thread and errors.

CONTRIBUTING.md has the rules ("Public comments"). A hole is reported as FILE:LINE: NAME: what is missing.
"""
import errno
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "lib/include/baton").glob("*.h"))

COMMENT = re.compile(r"/\*.*?\*/", re.S)
INTEGER = re.compile(r"^(?:const\s+)?(?:unsigned|int|long|short|s?size_t|u?int\d+_t|u?intptr_t)\b")
# What an integer may count or be. Whatever has a unit needs the unit's name: "offset" or "size" alone will not do.
UNIT = re.compile(
    r"\b(?:bytes?|[KMG]iB|bits?|bitmap|ns|nanoseconds|ms|milliseconds|seconds|Mbit/s|packets?|tokens?|buffers?|"
    r"descriptors?|slots?|queues?|ports?|pools?|workers?|completions?|segments?|times|holder number|[Nn]umber of \w+|index(?:es)?|ID|"
    r"[Aa]ddress(?:es)?|NUMA node|generation|RSS hash|VLAN (?:ID|tag)|enum \w+|[Nn]on-zero|errno)\b|-E[A-Z]+|\b[01]:|"
    r"\bBATON_[A-Z0-9_]+|\b0 on success")
ERRORS = re.compile(r"-E[A-Z]+|\bNULL\b|cannot fail|a violation")
THREADS = ("the control thread", "any thread", "the worker's thread", "the queue's thread")


class Item:
    """A declaration with its comment: kind is function, callback, struct, enum, macro or typedef."""

    def __init__(self, kind, name, line, doc, text, members=()):
        self.kind, self.name, self.line, self.doc, self.text, self.members = kind, name, line, doc, text, members


def plain(comment):
    """The text of a comment, without its frame."""
    body = re.sub(r"^/\*\*?<?|\*/$", "", comment)
    return "\n".join(re.sub(r"^\s*\* ?", "", line).strip() for line in body.splitlines()).strip()


def skip(text, at):
    """The end of the comment or string that begins at @at; @at when there is none."""
    if text.startswith("/*", at):
        return text.index("*/", at) + 2
    if text[at] in "\"'":
        return re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'').match(text, at).end()
    return at


def declaration_end(text, at):
    """Behind the ; or the body of the declaration that begins at @at, and where its outermost { and } are."""
    depth, opened, start = 0, None, at
    while at < len(text):
        end = skip(text, at)
        if end != at:
            at = end
            continue
        if text[at] == "{":
            if not depth:
                opened = at
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth and COMMENT.sub("", text[start:opened]).rstrip().endswith(")"):
                return at + 1, opened, at
        elif text[at] == ";" and not depth:
            return at + 1, opened, text.rfind("}", start, at) if opened else None
        at += 1
    raise ValueError("a declaration does not end")


def split_members(body, line, separator):
    """(declaration, comment, line) of each member: the comment stands before it, or behind it on its line."""
    found, at, depth, start, before = [], 0, 0, None, None
    while at < len(body):
        if body.startswith("/*", at):
            end = skip(body, at)
            comment = plain(body[at:end])
            last = body.rfind("\n", 0, at)
            if start is None and found and body[last + 1:at].strip():
                found[-1][1] = comment if found[-1][1] is None else found[-1][1] + " " + comment
            elif start is None:
                before = comment
            at = end
            continue
        c = body[at]
        depth += c in "([{"
        depth -= c in ")]}"
        if c == separator and not depth:
            if start is not None:
                found.append([body[start:at].strip(), before, line + body.count("\n", 0, start)])
            start = before = None
        elif start is None and not c.isspace():
            start = at
        at += 1
    if start is not None:
        rest = COMMENT.search(body, start)
        found.append([COMMENT.sub("", body[start:]).strip(), before or (plain(rest.group()) if rest else None),
                      line + body.count("\n", 0, start)])
    return [tuple(m) for m in found]


def macro(text, at, line, before):
    end = re.compile(r"(?:[^\n\\]|\\.)*?(?=/\*|\n|$)", re.S).match(text, at).end()
    definition = text[at:end]
    doc = before
    if text.startswith("/*", end):
        stop = skip(text, end)
        doc, end = plain(text[end:stop]), stop
    m = re.match(r"#\s*define\s+(\w+)(\([^)]*\))?\s*(.*)", definition, re.S)
    if not m or re.match(r"BATON_\w+_H$", m.group(1)):
        return end, None
    return end, Item("macro", m.group(1), line, doc, m.group(3).strip())


def classify(code, doc, line, opened, closed, raw):
    head = " ".join(COMMENT.sub("", code if opened is None else raw[:opened]).split())
    if re.match(r"(?:_S|s)tatic_assert\b", head) or re.fullmatch(r"(?:struct|union|enum) \w+;", head):
        return None
    m = re.match(r"(struct|union|enum) (\w+)$", head)
    if m and opened is not None:
        kind = "enum" if m.group(1) == "enum" else "struct"
        members = split_members(raw[opened + 1:closed], line + raw.count("\n", 0, opened),
                                "," if kind == "enum" else ";")
        return Item(kind, m.group(2), line, doc, head, members)
    m = re.match(r"typedef (.*)\(\*(\w+)\)\((.*)\);$", head)
    if m:
        return Item("callback", m.group(2), line, doc, (m.group(1).strip(), m.group(3)))
    if head.startswith("typedef"):
        return Item("typedef", head.rstrip(";").split()[-1], line, doc, head)
    head = re.sub(r"\b(?:BATON_API|BATON_COLD|static|inline|extern)\b", "", head).strip().rstrip(";")
    m = re.match(r"([\w\s*]+?)(\w+)\s?\((.*)\)$", head)
    if not m:
        raise ValueError(f"line {line}: not understood: {head[:80]}")
    return Item("function", m.group(2), line, doc, (m.group(1).strip(), m.group(3)))


def parse(text):
    """The comment of the file, and all its items."""
    items, at, doc, about = [], 0, None, None
    line_of = lambda i: text.count("\n", 0, i) + 1
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text.startswith("/*", at):
            end = skip(text, at)
            doc = plain(text[at:end])
            if about is None and "SPDX" not in doc:
                about = doc
            if re.match(r"-{2,}", doc) or (at and not text[at - 1] == "\n"):
                doc = None
            at = end
        elif text[at] == "#":
            about = about or ""
            at, item = macro(text, at, line_of(at), doc)
            if item:
                items.append(item)
            doc = None
        elif text.startswith('extern "C" {', at):
            at += len('extern "C" {')
        elif text[at] == "}":
            at += 1
        else:
            end, opened, closed = declaration_end(text, at)
            raw = text[at:end]
            item = classify(raw, doc, line_of(at), None if opened is None else opened - at,
                            None if closed is None else closed - at, raw)
            if item:
                items.append(item)
            doc = None
            at = end
    return about, items


def sections(doc):
    """{"": what stands first, "@name": ..., "Thread": ..., "Return": ...}; paragraphs after a section are text again."""
    found, key = {"": ""}, ""
    for line in doc.splitlines():
        m = re.match(r"(@\w+):\s*(.*)", line) or re.match(r"(Thread|Return):\s*(.*)", line)
        if m:
            key, line = m.groups()
        elif not line.strip():
            key = ""
        found[key] = (found.get(key, "") + " " + line).strip()
    return found


def params_of(text):
    """(type, name) of each parameter."""
    if text.strip() in ("", "void"):
        return []
    found, depth, part = [], 0, ""
    for c in text + ",":
        depth += c in "(["
        depth -= c in ")]"
        if c == "," and not depth:
            m = re.search(r"\(\*(\w+)\)|(\w+)\s*(?:\[[^]]*\])*$", part.strip())
            found.append((part.strip(), m.group(1) or m.group(2)))
            part = ""
        else:
            part += c
    return found


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
