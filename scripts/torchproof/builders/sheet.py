"""A page of short lines as a PDF to print: its groups, the code of its cells, and its lines with what they gave.

A page asks for it by `sheet: true` in its first lines. Its headings are the groups, and lead where the first link
below them does; cells stand as they are, and behind the line of a table stands its value, as a comment.
"""

import posixpath
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..compare.check import ChapterCheck
from ..model.pages import Page
from ..read.pages import blocks
from ..show.page import Drift
from .notebooks import address
from .pdf import CHARACTER, Text, pdf

__all__ = ["Line", "lines", "sheet"]

WIDTH, HEIGHT, MARGIN = 842, 595, 20
"""Of A4, landscape, in points."""

COLUMNS, GAP = 3, 12
SIZE, LEADING = 7.2, 1.22
ROWS = int((HEIGHT - 2 * MARGIN) / (SIZE * LEADING))
WIDE = int((WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS / (SIZE * CHARACTER))
"""Rows, and characters of one, in a column."""

INK, VALUE, HEADING, MUTED = "#1d2733", "#17693f", "#a8370a", "#5b6470"


@dataclass(frozen=True)
class Line:
    """A line of the sheet."""

    text: str
    value: str = ""
    """What its expression gave."""
    is_heading: bool = False
    url: str = ""
    """Where a heading leads."""


@dataclass(frozen=True)
class _Part:
    """A piece of a printed row."""

    text: str
    colour: str
    indent: int = 0
    """In characters."""
    url: str = ""


Row = list[_Part]


def sheet(check: ChapterCheck, page: Page, site_url: str) -> bytes:
    """The PDF of a chapter's page.

    Raises:
        Drift: a group leads nowhere, or the PDF's fonts lack a character.
    """
    sides = list(_sides(_groups(lines(check, page, site_url))))
    foot = [page.title, address(f"{posixpath.basename(page.name)}.md", page.name, site_url)]
    foot += [f"{name} {version}" for name, version in check.run.versions.items() if name in ("torch", "numpy")]
    texts = [
        [Text(MARGIN, MARGIN / 2, f"{' · '.join(filter(None, foot))} · {number}/{len(sides)}", MUTED), *_texts(columns)]
        for number, columns in enumerate(sides, 1)
    ]
    try:
        return pdf(texts, width=WIDTH, height=HEIGHT, size=SIZE, title=page.title)
    except ValueError as error:
        raise Drift(f"{page.file}: {error}") from None


def lines(check: ChapterCheck, page: Page, site_url: str = "") -> Iterator[Line]:
    """The lines of a page, in order: headings, code, and what is evaluated, with its value."""
    heading, fences = "", iter(page.fences)
    for block in blocks(page.text.split("\n")):
        if block.text.startswith("## "):
            heading = block.text.removeprefix("## ")
        elif heading and (link := LINK.search(block.text)):
            yield Line(heading, is_heading=True, url=address(link[1], page.name, site_url))
            heading = ""
        elif heading and block.mark:
            message = f"no link stands between the heading '{heading}' and what is below it"
            raise Drift(f"{page.file}:{block.line}: {message}; link to the page that explains it")
        elif block.info == "cell":
            cell = check.snippet.cell(block.body[0].strip().partition("#")[2])
            yield from (Line(line) for line in cell.shown_source.split("\n") if line.strip())
        elif block.info == "table":
            fence = next(fences)
            data = check.result(fence.after.slug, "table", fence.source).data
            yield from (Line(row.expression, " ".join(row.value.split())) for row in (data.rows if data else ()))


LINK = re.compile(r"\]\(([^)]+)\)")


def _groups(found: Iterable[Line]) -> Iterator[list[Row]]:
    """The rows of each heading with what stands below it."""
    group: list[Row] = []
    for line in found:
        if line.is_heading and group:
            yield group
            group = []
        group += _rows(line)
    yield group


def _rows(line: Line) -> list[Row]:
    """A line as it is printed: its value behind it where there is room, else below."""
    if line.is_heading:
        return [[_Part(line.text, HEADING, url=line.url)]]
    value = f"# {line.value}" if line.value else ""
    if len(line.text) + 2 + len(value) <= WIDE:
        return [[_Part(line.text, INK), _Part(value, VALUE, len(line.text) + 2)]]
    code = [[_Part(row, INK)] for row in _wrapped(line.text, WIDE, "        ")]
    return code + [[_Part(row, VALUE, 4)] for row in _wrapped(value, WIDE - 4, "# ")]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def _sides(groups: Iterable[list[Row]]) -> Iterator[list[list[Row]]]:
    """The columns of each side of paper; a group stays together."""
    columns: list[list[Row]] = [[]]
    for group in groups:
        if columns[-1] and len(columns[-1]) + 1 + len(group) > ROWS:
            columns.append([])
        columns[-1] += [[]] * bool(columns[-1]) + group
    for start in range(0, len(columns), COLUMNS):
        yield columns[start : start + COLUMNS]


def _texts(columns: list[list[Row]]) -> Iterator[Text]:
    """Every piece of a side, where it stands."""
    for column, rows in enumerate(columns):
        left = MARGIN + column * (WIDTH - 2 * MARGIN + GAP) / COLUMNS
        for below, row in enumerate(rows, 1):
            for part in filter(lambda part: part.text, row):
                x, y = left + part.indent * SIZE * CHARACTER, HEIGHT - MARGIN - below * SIZE * LEADING
                yield Text(x, y, part.text, part.colour, part.url, bold=part.colour == HEADING)
