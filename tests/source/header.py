# SPDX-License-Identifier: BSD-3-Clause
"""A parser for the public headers: each declaration with its comment."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "lib/include/baton").glob("*.h"))

COMMENT = re.compile(r"/\*.*?\*/", re.S)


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
