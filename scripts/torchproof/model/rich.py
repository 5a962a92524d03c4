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
    except (LookupError, ValueError, AssertionError, zlib.error):  # a browser may make something of it
        return [f"{form.kind} that cannot be read {_short(form.data.encode())}"]


def _described(form: Rich) -> list[str]:
    if form.kind == "image/png":
        return [_pixels(base64.b64decode(form.data))]
    lines, is_drawing = form.data.strip().split("\n"), form.kind == "image/svg+xml"
    seen = _Seen(form.data, is_drawing=is_drawing)
    if is_drawing or (form.kind == "text/html" and not seen.is_raw):
        rows = (row if row[0].strip() else row[1:] for row in seen.rows)
        lines = [" | ".join(" ".join(cell.split()) for cell in row) for row in rows if any(map(str.strip, row))]
    shapes = [f"drawing {_short(repr(seen.shapes).encode())}"] if is_drawing else []
    return [*shapes, *(f"| {visible(line)}".rstrip() for line in lines)]


class _Seen(HTMLParser):
    """The words by row and cell; of a drawing, the elements with what they look like."""

    def __init__(self, data: str, *, is_drawing: bool) -> None:
        super().__init__()
        self.rows: list[list[str]] = [[""]]
        self.shapes: list[str] = []
        self.is_drawing, self.is_raw, self.silent = is_drawing, False, ""
        """Whether the words of HTML are others for each parser; the element whose words nobody sees."""
        names = (name for found in NAMED.finditer(data) for name in found[1].strip("\"'").split())
        self.names = {name: f"name {number}" for number, name in enumerate(dict.fromkeys(names))}
        self.feed(data)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shapes += [tag, *(f"{name}={self._renamed(name, value or '')}" for name, value in attrs)]
        self.is_raw = self.is_raw or tag in RAW
        self.silent = self.silent or tag * (tag in ("style", "script", "metadata"))
        if tag in ("td", "th"):
            self.rows[-1].append("")
        else:
            self.handle_endtag("" if tag == self.silent else tag)
        told = "" if self.is_drawing else " ".join(f"{name}={value}" for name, value in attrs if _counts(name, value))
        if told or tag in MARKED:
            self.handle_data(f"<{f'{tag} {told}'.strip()}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in MARKED and self.rows[-1][-1]:
            self.handle_data(f"</{tag}>")
        self.silent = "" if tag == self.silent else self.silent
        self.rows += [] if INLINE.fullmatch(tag) else [[""]]

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data * (not self.silent)
        self.shapes += [self._renamed("style", data)] if self.silent == "style" else []

    unknown_decl = handle_data

    def handle_decl(self, decl: str) -> None:
        self.shapes.append(decl)

    def _renamed(self, attribute: str, value: str) -> str:
        """A value with parts called by when they are first named: their names may be others in each run."""
        if OWN.fullmatch(attribute):
            return " ".join(self.names.get(name, name) for name in value.split())
        return LEADS.sub(lambda found: self.names.get(found[0], found[0]), value)


def _counts(attribute: str, value: str | None) -> bool:
    """Whether a page keeps an attribute of HTML, by which a reader sees other things, or elsewhere."""
    return value not in (None, "1") and (attribute in SEEN or (attribute == "href" and ":" in value))


SEEN = "colspan", "rowspan", "start"
MARKED = "ol", "s", "sub", "sup"
"""Elements of HTML that make other words of the same letters."""

RAW = "noembed", "noframes", "plaintext", "textarea", "title", "xmp"
"""Elements whose tags are words to some parsers: HTML that has one is compared as it is written."""

INLINE = re.compile("a|abbr|b|code|em|font|i|mark|s|small|span|strong|su[bp]|t[dh]|tspan|u|var")
"""Elements within a line."""

NAMED = re.compile(r"""(?<![\w-])(?:id|class)\s*=\s*("[^"]*"|'[^']*')""")
OWN = re.compile(r"id|class|aria-\w+")
LEADS = re.compile(r"(?<=[#.])[\w:-]+")
"""Where a drawing names its parts, and leads to one: in a link, in `url(#…)`, in a style sheet."""


def _pixels(png: bytes) -> str:
    """The size of a picture, and a digest of what it shows, whoever packed it, and when."""
    chunks, place = {}, 8
    while place < len(png):
        size, kind = int.from_bytes(png[place : place + 4]), png[place + 4 : place + 8]
        chunks[kind] = chunks.get(kind, b"") + png[place + 8 : place + 8 + size]
        place += size + 12
    head, data = chunks[b"IHDR"], zlib.decompress(chunks[b"IDAT"])
    width, height = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    colours = head + chunks.get(b"PLTE", b"") + chunks.get(b"tRNS", b"")
    rest = b"".join(kind + chunk for kind, chunk in chunks.items() if kind not in UNSEEN)  # frames, profiles
    return f"picture {width} × {height} {_short(colours + data + rest)}"


UNSEEN = b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"bKGD", b"hIST"
"""Chunks that are told already, or that no browser shows."""


def _short(data: bytes) -> str:
    """Six digits of a digest, written as a colour is: where numbers do not come out to the last digit it may differ."""
    return f"#{hashlib.sha256(data).hexdigest()[:6]}"
