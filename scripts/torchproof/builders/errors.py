"""Errors looked up: what an `error` fence shows, a list of some, and the errors that no fence explains.

    ```error
    tensors/products#inner-sizes-must-meet
    Why it happens, in Markdown.
    what you want | orders @ orders.T
    what you want | tensors/products#a-cell-that-does-it-right
    ```

The first line names the cell that raises or warns; more such lines name cells that say the same in other words.
`chapter#cell: code` is the row of that code in a table below the cell. Message, code and values are the session's;
messages with the same words, whatever numbers and shapes, are one error with one entry.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import shorten
from weakref import WeakKeyDictionary

from ..compare.check import ChapterCheck, Checker
from ..model.cells import Cell
from ..model.pages import Page
from ..model.problems import did_you_mean
from ..read.pages import CITED, blocks, error_parts, without_comments
from ..show.highlight import highlighted
from ..show.page import Drift, PageView
from .build import Build
from .said import TYPE, Said, older, said_on

__all__ = ["Entry", "entries", "explained", "listed", "look_up", "unexplained"]

MESSAGE, LINES = 420, 8
"""The most characters of a message and lines of a cell that an entry shows."""


@dataclass(frozen=True)
class Entry:
    """One error as a page explains it."""

    page: Page
    line: int
    """Of the page, where its fence begins."""
    anchor: str
    why: str
    rows: tuple[str, ...]
    """What to write instead: `label | expression`."""
    cited: tuple[tuple[str, str, str], ...]
    """Cells that do it right: label, chapter, name."""
    said: tuple[Said, ...]
    """Its messages, each once; the first is its title."""
    places: tuple[tuple[Page, Said], ...]
    """Where the book raises any of them, the cell that it shows first."""

    @property
    def where(self) -> str:
        return f"{self.page.file}:{self.line}"

    def problem(self, message: str) -> Drift:
        """What ends the build."""
        return Drift(f"{self.where}: {message}")


# --- which error has which entry --------------------------------------------------------------------------------------


def entries(checker: Checker) -> dict[tuple[str, int], Entry]:
    """The entries of all pages, by page and line; waits for every chapter.

    Raises:
        Drift: an entry is about nothing, or two are about one error.
    """
    if checker not in KNOWN:
        KNOWN[checker] = _entries(checker)
    return KNOWN[checker]


KNOWN: WeakKeyDictionary[Checker, dict[tuple[str, int], Entry]] = WeakKeyDictionary()


def explained(checker: Checker) -> dict[str, Entry]:
    """The entry of each error that has one, by its words; none while an entry does not hold, as its page says."""
    with suppress(Drift):
        return {said.words: entry for entry in entries(checker).values() for said in entry.said}
    return {}


@dataclass(frozen=True)
class _Fence:
    page: Page
    line: int
    cells: tuple[re.Match[str], ...]
    why: str
    rows: tuple[str, ...]
    cited: tuple[tuple[str, str, str], ...]


def _fences(checker: Checker) -> Iterator[_Fence]:
    for page in checker.site.pages.values():
        for block in blocks(without_comments(page.text).split("\n")) if "```error" in page.text else ():
            if block.info == "error":
                _, words, rows = error_parts(block.body)
                found = [(text, CITED.search(text)) for text in words]
                cells = tuple(cell for text, cell in found if cell and not cell.start() and "|" not in cell[0][:2])
                cited = tuple(
                    (text[: cell.start()].strip(), cell["chapter"], cell["slug"])
                    for text, cell in found
                    if cell and cell not in cells
                )
                why = " ".join(text for text, cell in found if not cell)
                yield _Fence(page, block.line, cells, why, tuple(rows), cited)


def _entries(checker: Checker) -> dict[tuple[str, int], Entry]:
    said = [(page, each) for page in checker.site.pages.values() for each in said_on(page, checker)]
    by_cell: dict[tuple[str, str], list[Said]] = {}
    for _, each in said:
        by_cell.setdefault((each.chapter, each.slug), []).append(each)
    fences = list(_fences(checker))
    owners: dict[str, _Fence] = {}
    for fence in fences:
        first = _about(fence, fence.cells[:1], by_cell)[0]
        if first.words in owners:
            other = owners[first.words]
            message = f"explains what {other.page.file}:{other.line} explains: {first.line}"
            raise Drift(f"{fence.page.file}:{fence.line}: {message}\nmake one entry of the two")
        owners[first.words] = fence
    for is_named in (True, False):
        for fence in fences:
            for cell in fence.cells:
                if bool(cell["code"]) == is_named:
                    for each in _about(fence, (cell,), by_cell):
                        owners.setdefault(each.words, fence)
    found: dict[tuple[str, int], Entry] = {}
    anchors: set[str] = set()
    for fence in fences:
        first = _about(fence, fence.cells[:1], by_cell)[0]
        mine = [(page, each) for page, each in said if owners.get(each.words) is fence]
        mine.sort(key=lambda place: (place[1].words != first.words, place[1] != first))
        anchor = f"error-{first.slug}"
        while f"{fence.page.name}#{anchor}" in anchors:
            anchor += "-2"
        anchors.add(f"{fence.page.name}#{anchor}")
        messages = tuple({each.words: each for _, each in reversed(mine)}.values())[::-1]
        parts = (anchor, fence.why, fence.rows, fence.cited, messages, tuple(mine))
        found[fence.page.name, fence.line] = Entry(fence.page, fence.line, *parts)
    return found


def _about(fence: _Fence, cells: tuple[re.Match[str], ...], said: dict[tuple[str, str], list[Said]]) -> list[Said]:
    """What the cells say that a fence names; `said` is what each cell of the book says.

    Raises:
        Drift: one of them says nothing.
    """
    found = []
    for cell in cells:
        here = said.get((cell["chapter"], cell["slug"]), [])
        about = [each for each in here if cell["code"] in (None, each.code.strip())]
        if not about:
            codes = [each.code for each in here if each.is_row]
            way_out = (
                did_you_mean(cell["code"], codes) if codes and cell["code"] else "name one that does, or delete it"
            )
            where = f"{fence.page.file}:{fence.line}"
            raise Drift(f"{where}: `{cell[0]}` raises no error and no warning of its own; {way_out}")
        found += about
    if not found:
        raise Drift(f"{fence.page.file}:{fence.line}: an error fence begins with a cell, as `tensors/shapes#a-cell`")
    return found


# --- what pages show --------------------------------------------------------------------------------------------------


def look_up(view: PageView, build: Build) -> tuple[str, str]:
    """The next entry of a page: its anchor, and its Markdown.

    Raises:
        Drift: it is about nothing, or its way out is none.
    """
    embed = next(view.embeds)
    entry = entries(view.checker).get((view.page.name, embed.line))
    if entry and entry.rows:
        next(view.fences)
    return build.ask(_shown, build, view.page.name, embed.line)


def _shown(build: Build, name: str, line: int) -> tuple[str, str]:
    """What the entry shows that begins on a line of a page."""
    checker = build.current()
    entry = entries(checker).get((name, line))
    if entry is None:
        raise Drift(f"{checker.site.pages[name].file}:{line}: the error was rendered, but not read by torchproof")
    first = entry.said[0]
    check = checker.chapter(first.chapter)
    if not (entry.why and (entry.rows or entry.cited)):
        raise entry.problem("say why it happens, in a line without a bar, and what to write instead: `label | code`")
    table = check.result(first.slug, "table", "\n".join(entry.rows)).data
    parts = [_head(entry), _code(check, first), entry.why, *_others(entry), '<p class="tp-label">Instead</p>']
    for row in table.rows if table else ():
        if row.raised:
            raise entry.problem(f"`{row.expression}` is no way out, it raises {row.value}")
        parts.append(_instead(row.label, row.expression, row.value))
    for label, chapter, slug in entry.cited:
        parts.append(_instead(label, _right(entry, checker, chapter, slug)))
    return entry.anchor, "\n\n".join([*parts, _links(entry), *_older(entry, checker.site.root)])


def _instead(label: str, code: str, value: str = "None") -> str:
    """What to write, and what it gives; nothing to see where that is None."""
    shown = f'<pre class="tp-error__value"><samp>{escape(value)}</samp></pre>' if value != "None" else ""
    return f'<p class="tp-error__label">{escape(label)}</p>\n{highlighted(code)}\n{shown}'


def _head(entry: Entry) -> str:
    kind, message = _split(entry.said[0].line)
    link = f'<a class="headerlink" href="#{entry.anchor}" title="Permanent link">¶</a>'
    warned = ' class="tp-warned"' if kind.endswith("Warning") else ""
    return f"<h3{warned}><small>{escape(kind)}</small> <samp>{escape(message)}</samp>{link}</h3>"


def _split(line: str) -> tuple[str, str]:
    """The name of its type, and the message."""
    kind = (TYPE.match(line) or [""])[0]
    return kind.rstrip(": ").rpartition(".")[2], shorten(line.removeprefix(kind), MESSAGE, placeholder=" …")


def _code(check: ChapterCheck, said: Said) -> str:
    """The code that raises, and of which kind the tensors are that it uses."""
    cell = check.snippet.cell(said.slug)
    is_short = cell.shown_source.count("\n") < LINES and not said.is_row
    code = cell.shown_source if is_short else said.code.strip()
    used = _kinds(check, cell, said.code)
    note = f'<p class="tp-error__kinds">{" · ".join(used)}</p>' if used else ""
    return f"{highlighted(code)}\n{note}"


def _kinds(check: ChapterCheck, cell: Cell, code: str) -> list[str]:
    """The kind of each tensor that a line of code uses, as it was there."""
    try:
        used = {node.id for node in ast.walk(ast.parse(code.strip())) if isinstance(node, ast.Name)}
    except SyntaxError:
        return []
    found = {}
    for before in check.snippet.cells[: check.snippet.cells.index(cell) + 1]:
        run = check.run.cells.get(before.slug)
        for fact in run.facts if run else ():
            grad = ", requires grad" if fact.requires_grad else ""
            found[fact.name] = "" if fact.gone else f"<code>{escape(fact.name)}</code> {escape(fact.sizes)}{grad}"
    return [kind for name, kind in found.items() if name in used and kind]


def _others(entry: Entry) -> list[str]:
    """What else the error says, from other code."""
    said = [
        f"<li><samp>{escape(_split(each.line)[1])}</samp> <code>{escape(_brief(each.code))}</code></li>"
        for each in entry.said[1:]
    ]
    return [f'<p class="tp-label">Also</p><ul class="tp-error__also">{"".join(said)}</ul>'] if said else []


def _brief(code: str) -> str:
    return shorten(" ".join(code.split()), 100, placeholder=" …")


def _right(entry: Entry, checker: Checker, chapter: str, slug: str) -> str:
    """The code of a cell that does it right."""
    snippet = checker.site.snippets.get(chapter)
    cell = snippet.cell(slug) if snippet else None
    if cell is None or not cell.is_shown:
        way_out = did_you_mean(slug, [each.slug for each in snippet.cells]) if snippet else "no such chapter"
        raise entry.problem(f"no page shows the cell {chapter}#{slug}; {way_out}")
    if cell.must_raise:
        raise entry.problem(f"the cell {chapter}#{slug} is no way out, it raises")
    return cell.shown_source


def _links(entry: Entry) -> str:
    """Where the book explains it, and where else it raises it."""
    links: dict[str, str] = {}
    for page, said in entry.places:
        name = page.short_title
        links.setdefault(page.name, f"[{name}]({_path(entry.page, page)}#cell-{said.slug})")
    own, *others = links.values()
    return f"Explained in {own}{'; also met in ' if others else ''}{', '.join(others)}.\n{{: .tp-error__links }}"


def _path(start: Page, target: Page) -> str:
    return posixpath.relpath(target.file, posixpath.dirname(start.file))


def _older(entry: Entry, root: Path) -> Iterator[str]:
    wordings = {old.was: old for said in entry.said for old in older(said, root)}
    if wordings:
        said = [
            f'<li><samp>{escape(old.was)}</samp> (<a href="{escape(old.source)}">{escape(old.seen)}</a>)</li>'
            for old in wordings.values()
        ]
        yield f'<p class="tp-label">Older versions said</p><ul class="tp-error__also">{"".join(said)}</ul>'


def listed(checker: Checker, page: Page, cells: tuple[str, ...]) -> str:
    """A list of some errors, in this order, each leading to its entry.

    Raises:
        ValueError: one of them has no entry.
    """
    known: dict[str, Entry] = {}
    for entry in sorted(entries(checker).values(), key=lambda entry: entry.said[0].is_row):
        known.setdefault(f"{entry.said[0].chapter}#{entry.said[0].slug}", entry)
    for cell in cells:
        if cell not in known:
            raise ValueError(f"no error fence explains {cell}; {did_you_mean(cell, known)}")
    found = [known[cell] for cell in cells]
    return "\n".join(f"1. {_link(page, entry)}" for entry in found)


def _link(page: Page, entry: Entry) -> str:
    kind, message = _split(entry.said[0].line)
    text = escape(shorten(message, 160, placeholder=" …")).replace("`", "&#96;")
    return f"[<samp>{MARKS.sub(_spelt, text)}</samp>]({_path(page, entry.page)}#{entry.anchor}) <small>{kind}</small>"


MARKS = re.compile(r"[\\*_\[\]!|~]")


def _spelt(mark: re.Match[str]) -> str:
    return f"&#{ord(mark[0])};"


def unexplained(checker: Checker, page: Page) -> str:
    """The errors and warnings of the book that have no entry, each leading to its cell."""
    known, seen, rows = explained(checker), set(), []
    for place in checker.site.pages.values():
        for said in said_on(place, checker):
            if said.words not in known and said.words not in seen:
                seen.add(said.words)
                kind, message = _split(said.line)
                text = MARKS.sub(_spelt, escape(shorten(message, 200, placeholder=" …")).replace("`", "&#96;"))
                link = f"[{place.title}]({_path(page, place)}#cell-{said.slug})"
                rows.append(f"- <samp>{text}</samp> <small>{kind}</small> {link}")
    return "\n".join(rows) or "Every error of the book has its entry."
