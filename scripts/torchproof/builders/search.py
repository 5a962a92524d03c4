"""What readers type and prose does not hold: the errors that cells raise, and the names that cells use.

Material searches the text of pages, and cells are not among it. So each error, and each warning, has an entry of its
own in the index, titled by its message and leading to where a page explains it, else to its cell; and the entry of a
section has the names that its cells use in a field that is searched and not shown. `docs/assets/early.js` asks for
what is written here.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..compare.check import Checker
from ..model.cells import Cell
from ..model.pages import Page
from .errors import explained
from .said import Said, older, said_on

__all__ = ["add_errors", "add_names", "names_in"]

Entry = dict[str, Any]
"""What Material's index holds of a section: `location`, `title`, `text`, and fields that mkdocs.yml lists."""

TITLE, CODE = 180, 100
"""The most characters of a message and of a line of code that a result shows."""

EXPLAINED, RAISED = 0.9, 0.6
"""What an error counts against a section: who asks in other words than its message wants what is written about it."""


def add_names(entries: list[Entry], url: str, page: Page, checker: Checker, content: str) -> None:
    """Add to the sections of a page, its `entries`, the names that their cells use; `content` is its HTML."""
    sections = {entry["location"]: entry for entry in entries}
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


def add_errors(entries: list[Entry], url: str, page: Page, checker: Checker) -> None:
    """Add to the index what the cells of a page raise that no page explains, and what the page explains."""
    root, known = checker.site.root, explained(checker)
    entries += _raised(url, [said for said in said_on(page, checker) if said.words not in known], root)
    for own in dict.fromkeys(entry for entry in known.values() if entry.page is page):
        first, *also = own.said
        why = re.sub(r"[`*]|\]\([^)]*\)|\[", "", own.why)
        entries.append(_entry(f"{url}#{own.anchor}", first, root, also=also, why=why))


PLACE = re.compile(r'<h[1-6][^>]*? id="(?P<heading>[^"]+)"|<section class="tp-cell" id="cell-(?P<cell>[^"]+)"')


def _cells(page: Page, checker: Checker) -> Iterator[tuple[str, Cell]]:
    for embed in page.embeds:
        snippet = checker.site.snippets.get(embed.chapter)
        if snippet and (cell := snippet.cell(embed.slug)):
            yield embed.slug, cell


# --- errors and warnings ----------------------------------------------------------------------------------------------


def _entry(location: str, said: Said, root: Path, *, also: Sequence[Said] = (), why: str = "") -> Entry:
    """The entry of an error; `also` are its other messages, `why` what a page says of it."""
    title = shorten(said.line, TITLE, placeholder=" …")
    was = [old for each in (said, *also) for old in older(each, root)]
    code = shorten("; ".join(line.strip() for line in said.code.strip().split("\n")), CODE, placeholder=" …")
    texts = [f"<code>{escape(code, quote=False)}</code>"] if code else []
    texts += [escape(why, quote=False)] if why else []
    texts += [f"In {old.seen}: {escape(old.was, quote=False)}" for old in was]
    entry = {
        "location": location,
        "title": escape(title, quote=False),
        "text": "".join(f"<p>{text}</p>" for text in texts),
        "boost": EXPLAINED if said.is_explained or why else RAISED,
    }
    rest = [said.line] * (said.line != title) + [each.line for each in also] + [old.was for old in was]
    return entry | ({"also": escape(" ".join(rest), quote=False)} if rest else {})


def _raised(url: str, said: list[Said], root: Path) -> Iterator[Entry]:
    """An entry for each error that no page explains; no two lead to one place, by which Material knows an entry."""
    places = Counter[str]()
    for each in said:
        anchor, turn = f"cell-{each.slug}", places[each.slug]
        places[each.slug] += 1
        spelt = "".join(f"%{ord(letter):02x}" for letter in anchor[:turn])  # the same anchor, in another spelling
        yield _entry(f"{url}#{spelt}{anchor[turn:]}", each, root)


# --- names ------------------------------------------------------------------------------------------------------------


def names_in(cell: Cell) -> list[str]:
    """What a cell uses by name of others' code, each once: attributes with their dot, imports, keywords, classes."""
    nodes = list(ast.walk(ast.Module(cell.statements, [])))
    imported = {
        alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    found = []
    for node in nodes:
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
