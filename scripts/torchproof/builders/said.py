"""What cells say and readers paste: the errors and warnings of a page, and what older versions said in their place."""

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

from ..compare.check import Checker
from ..compare.site import Site
from ..model.cells import Cell
from ..model.pages import Page
from ..model.runs import CellRun
from ..model.text import is_title, plain

__all__ = ["OWN", "TYPE", "Said", "Wording", "older", "said_on"]

OWN = ("AssertionError", "NotImplementedError")
"""What an exercise raises of its own accord: nobody meets that elsewhere."""


@dataclass(frozen=True)
class Wording:
    """What an older version said in place of an error of today."""

    now: str
    """As the title of a box of errors: word for word, `…` for what varies."""
    was: str
    seen: str
    """The version that said so, else the year."""
    source: str
    """Where it can be read."""


@dataclass(frozen=True)
class Said:
    """An error or a warning that a page shows."""

    message: str
    """With its type."""
    chapter: str
    slug: str
    """The cell that raised it, or that stands above the table where it was."""
    code: str
    """One line of code that raises it, the cell of a warning; empty where none is known."""
    is_row: bool = False
    """Whether it was in a table."""
    is_explained: bool = False
    """Whether it stands in a box of its own."""

    @cached_property
    def line(self) -> str:
        """The message in one line, without the colours of a terminal."""
        return " ".join(plain(self.message).split())

    @cached_property
    def words(self) -> str:
        """What messages have in common that are one: numbers, shapes and signs are another reader's."""
        return " ".join(re.findall(r"[^\W\d_]+", TYPE.sub("", self.line).lower()))


TYPE = re.compile(r"^[\w.]+: ")


def said_on(page: Page, checker: Checker) -> list[Said]:
    """The errors and warnings of the cells and tables of a page, but for what their chapter's own page shows."""
    site, known = KNOWN.get(checker, (None, {}))
    if site is not checker.site:  # a plugin has made pages anew
        known = {}
        KNOWN[checker] = checker.site, known
    if page.name not in known:
        known[page.name] = _said_on(page, checker)
    return known[page.name]


KNOWN: WeakKeyDictionary[Checker, tuple[Site, dict[str, list[Said]]]] = WeakKeyDictionary()


def _said_on(page: Page, checker: Checker) -> list[Said]:
    boxed = {(embed.chapter, embed.slug) for failure in page.failures for embed in failure.embeds}
    found: list[Said] = []
    for embed in page.embeds:
        snippet, home = checker.site.snippets.get(embed.chapter), checker.site.pages.get(embed.chapter)
        cell = snippet.cell(embed.slug) if snippet else None
        if cell is None or (home not in (None, page) and home.place(embed.chapter, embed.slug)):
            continue
        check = checker.chapter(embed.chapter)
        run = check.done(cell) or CellRun(cell.slug)
        place = (embed.chapter, embed.slug)
        for output in run.outputs:
            if output.mark in "x!" and not ("exercise" in cell.tags and output.text.startswith(OWN)):
                code = _line(cell, run) if output.mark == "x" else cell.shown_source
                found.append(Said(output.text, *place, code, is_explained=place in boxed))
        for fence in page.fences:
            if fence.kind == "table" and fence.after == embed:
                table = check.result(cell.slug, fence.kind, fence.source).data
                rows = table.rows if table else ()
                found += [Said(row.value, *place, row.expression, is_row=True) for row in rows if row.raised]
    cells = [each for each in found if not each.is_row]  # what a table repeats is said by the cell above it
    return list({(each.slug, each.message): each for each in found + cells}.values())


def _line(cell: Cell, run: CellRun) -> str:
    """The line of a cell that raised; of a recording, the first one of its statement."""
    lines, line = cell.source.split("\n"), run.line or cell.line_of(run.statement)
    return lines[line - 1] if line <= len(lines) else ""


def older(said: Said, root: Path) -> list[Wording]:
    """What older versions said in its place, as a file of the project tells."""
    file = root / WORDINGS
    return _older(said.message, _wordings(file.read_text(encoding="utf-8"))) if file.exists() else []


@lru_cache(1000)  # while serving, each edit of them makes all anew
def _older(message: str, told: tuple[Wording, ...]) -> list[Wording]:
    return [old for old in told if is_title(old.now, message)]


@lru_cache(1)
def _wordings(text: str) -> tuple[Wording, ...]:
    return tuple(Wording(**each) for each in json.loads(text))


WORDINGS = "docs/assets/wordings.json"
