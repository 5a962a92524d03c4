"""What a reader sees of a value's own form: the words of HTML, the shapes of a drawing, the pixels of a picture.

That is what a transcript records of it: ids and styles may be others in each run, a table's words may not.
"""

import base64
import hashlib
import re
import zlib
from html.parser import HTMLParser

from .runs import Rich
from .text import visible

__all__ = ["described"]


def described(form: Rich) -> list[str]:
    """The lines that stand for a form: its words row by row, and of a picture a digest of what it shows."""
    try:
        return _described(form)
    except (LookupError, ValueError, AssertionError, zlib.error):
        return [f"{form.kind} that cannot be read"]


def _described(form: Rich) -> list[str]:
    if form.kind == "image/png":
        return [_pixels(base64.b64decode(form.data))]
    lines = form.data.strip().split("\n")
    if form.kind in ("text/html", "image/svg+xml"):
        seen = _Seen(form.data)
        rows = (row if row[0].strip() else row[1:] for row in seen.rows)
        lines = [" | ".join(" ".join(cell.split()) for cell in row) for row in rows if any(map(str.strip, row))]
    shapes = [f"drawing {_short(repr(seen.shapes).encode())}"] if form.kind == "image/svg+xml" else []
    return [*shapes, *(f"| {visible(line)}".rstrip() for line in lines)]


class _Seen(HTMLParser):
    """The words by row and cell, and the elements with what they look like."""

    def __init__(self, data: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = [[""]]
        self.shapes: list[str] = []
        self.silent = ""
        self.feed(data)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = (f"{name}={value}" for name, value in attrs)
        self.shapes += [tag, *(attribute for attribute in said if not NAMES.search(attribute))]
        self.silent = self.silent or tag * (tag in ("style", "script", "metadata"))
        if tag in ("td", "th"):
            self.rows[-1].append("")
        else:
            self.handle_endtag("" if tag == self.silent else tag)

    def handle_endtag(self, tag: str) -> None:
        self.silent = "" if tag == self.silent else self.silent
        self.rows += [] if INLINE.fullmatch(tag) else [[""]]

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data * (not self.silent)


INLINE = re.compile("a|abbr|b|br|code|em|font|i|mark|s|small|span|strong|su[bp]|t[dh]|tspan|u|var")
"""Elements within a line."""

NAMES = re.compile(r"^(?:id|class|(?:xlink:)?href|aria-\w+)=|url\(#")
"""Attributes that name parts, or lead to one."""


def _pixels(png: bytes) -> str:
    """The size of a picture, and a digest of its pixels, whoever packed them, and when."""
    chunks, place = {}, 8
    while place < len(png):
        size, kind = int.from_bytes(png[place : place + 4]), png[place + 4 : place + 8]
        chunks[kind] = chunks.get(kind, b"") + png[place + 8 : place + 8 + size]
        place += size + 12
    head, data = chunks[b"IHDR"], zlib.decompress(chunks[b"IDAT"])
    width, height = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    colours = head + chunks.get(b"PLTE", b"") + chunks.get(b"tRNS", b"")
    return f"picture {width} × {height} {_short(colours + data)}"


def _short(data: bytes) -> str:
    """Six digits of a digest, written as a colour is: where numbers do not come out to the last digit it may differ."""
    return f"#{hashlib.sha256(data).hexdigest()[:6]}"
