"""What readers type and prose does not hold: the errors that cells raise, and the names that cells use.

Material searches the text of pages, and cells are not among it. So each error, and each warning, has an entry of its
own in the index, titled by its message and leading to its cell; and the entry of a section has the names that its
cells use in a field that is searched and not shown. `docs/assets/search.js` asks for what is written here.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..compare.check import Checker
from ..model.cells import Cell
from ..model.pages import Page
from ..model.runs import CellRun
from ..model.text import is_title

__all__ = ["Said", "add_to_index", "names_in", "said_on"]

Entry = dict[str, Any]
"""What Material's index holds of a section: `location`, `title`, `text`, and fields that mkdocs.yml lists."""

OWN = ("AssertionError", "NotImplementedError")
"""What an exercise raises of its own accord: nobody meets that elsewhere."""


TITLE, CODE = 180, 100
"""The most characters of a message and of a line of code that a result shows."""

EXPLAINED, RAISED = 0.9, 0.6
"""What an error counts against a section: who asks in other words than its message wants what is written about it."""


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
    """With its type, in one line."""
    slug: str
    """The cell that raised it, or that stands above the table where it was."""
    code: str
    """One line of code that raises it; empty where none is known."""
    is_explained: bool = False
    """Whether it stands in a box of its own."""

    def entry(self, location: str, wordings: "list[Wording]") -> Entry:
        """Its entry in the index; `wordings` are what older versions said in its place."""
        message = " ".join(self.message.split())
        title = shorten(message, TITLE, placeholder=" …")
        older = [f"<p>In {old.seen}: {escape(old.was, quote=False)}</p>" for old in wordings]
        code = shorten(" ".join(self.code.split()), CODE, placeholder=" …")
        entry = {
            "location": location,
            "title": escape(title, quote=False),
            "text": "".join([f"<p><code>{escape(code, quote=False)}</code></p>" if code else "", *older]),
            "boost": EXPLAINED if self.is_explained else RAISED,
        }
        rest = [message] * (title != message) + [old.was for old in wordings]
        return entry | ({"also": escape(" ".join(rest), quote=False)} if rest else {})


def add_to_index(entries: list[Entry], url: str, page: Page, checker: Checker, content: str) -> None:
    """Add to the index what the cells of a page raise, and to its sections the names that their cells use.

    `entries` are all of the index, `url` is the page's, `content` its HTML.
    """
    sections = {entry["location"]: entry for entry in entries if entry["location"].partition("#")[0] == url}
    if url not in sections:  # the page is not to be found
        return
    cells = dict(_cells(page, checker))
    used: dict[str, list[str]] = {}
    here = url
    for found in PLACE.finditer(content):
        if found["heading"]:
            here = f"{url}#{found['heading']}"
            here = here if here in sections else url
        elif found["cell"] in cells:
            used.setdefault(here, []).extend(names_in(cells[found["cell"]]))
    for location, names in used.items():
        others = dict.fromkeys(form for name in names for form in _others(name))
        sections[location]["names"] = " ".join([*names, *others])
    entries += _entries(url, said_on(page, checker), wordings(checker.site.root))


def wordings(root: Path) -> list[Wording]:
    """What older versions said, as a file of the project tells."""
    file = root / WORDINGS
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return [Wording(**each) for each in told]


WORDINGS = "docs/assets/wordings.json"


PLACE = re.compile(r'<h[1-6][^>]*? id="(?P<heading>[^"]+)"|<section class="tp-cell" id="cell-(?P<cell>[^"]+)"')


def _cells(page: Page, checker: Checker) -> Iterator[tuple[str, Cell]]:
    for embed in page.embeds:
        snippet = checker.site.snippets.get(embed.chapter)
        if snippet and (cell := snippet.cell(embed.slug)):
            yield embed.slug, cell


# --- errors and warnings ----------------------------------------------------------------------------------------------


def said_on(page: Page, checker: Checker) -> list[Said]:
    """The errors and warnings of the cells and tables of a page, but for what their chapter's own page shows."""
    boxed = {(embed.chapter, embed.slug) for failure in page.failures for embed in failure.embeds}
    found: list[Said] = []
    for embed in page.embeds:
        snippet, home = checker.site.snippets.get(embed.chapter), checker.site.pages.get(embed.chapter)
        cell = snippet.cell(embed.slug) if snippet else None
        if cell is None or (home not in (None, page) and home.place(embed.chapter, embed.slug)):
            continue
        check = checker.chapter(embed.chapter)
        run = check.done(cell) or CellRun(cell.slug)
        for output in run.outputs:
            if output.mark in "x!" and not ("exercise" in cell.tags and output.text.startswith(OWN)):
                code = _line(cell, run) if output.mark == "x" else "; ".join(cell.shown_source.split("\n"))
                found.append(Said(output.text, cell.slug, code, (embed.chapter, embed.slug) in boxed))
        for fence in page.fences:
            if fence.kind == "table" and fence.after == embed:
                table = check.result(cell.slug, fence.kind, fence.source).data
                rows = table.rows if table else ()
                found += [Said(row.value, cell.slug, row.expression) for row in rows if row.raised]
    return list({(each.slug, each.message): each for each in found}.values())


def _line(cell: Cell, run: CellRun) -> str:
    """The line of a cell that raised; of a recording, the first one of its statement."""
    lines, line = cell.source.split("\n"), run.line or cell.line_of(run.statement)
    return lines[line - 1] if line <= len(lines) else ""


def _entries(url: str, said: list[Said], wordings: list[Wording]) -> Iterator[Entry]:
    """An entry for each; no two lead to one place, for Material knows an entry by where it leads."""
    places = Counter[str]()
    for each in said:
        anchor, turn = f"cell-{each.slug}", places[each.slug]
        places[each.slug] += 1
        spelt = "".join(f"%{ord(letter):02x}" for letter in anchor[:turn])  # the same anchor, in another spelling
        yield each.entry(f"{url}#{spelt}{anchor[turn:]}", [old for old in wordings if is_title(old.now, each.message)])


# --- names ------------------------------------------------------------------------------------------------------------


def names_in(cell: Cell) -> list[str]:
    """What a cell uses by name of others' code, each once: attributes with their dot, imports, keywords, classes."""
    tree = ast.Module(cell.statements, [])
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.append(f".{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg:
            found.append(node.arg)
        elif isinstance(node, ast.Name) and (node.id in imported or node.id[0].isupper()):
            found.append(node.id)
    return [name for name in dict.fromkeys(found) if not name.startswith(("._", "_"))]


def _others(name: str) -> Iterator[str]:
    """A name as it may be typed instead of `.zero_grad`: `zero_grad`, `zerograd`, `zero grad`."""
    bare = name.removeprefix(".")
    words = [word for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", bare) if word]
    yield bare
    if len(words) > 1:
        yield "".join(words)
        yield from (word for word in words if len(word) > 2)
