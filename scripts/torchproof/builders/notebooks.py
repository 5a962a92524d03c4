"""Chapters as files to take away: a notebook, one for class without the solutions, and a script (`scripts.py`).

A page is read once more, into pieces: prose, code cells and drawings, in page order. The pieces are woven with
what the run printed, so nothing here runs, and nothing says where or when it was made.

What a notebook program does not know is said in plain Markdown: an admonition becomes a quotation, the cells in it
come out of it, a proof is the code it is about, a value its text, a drawing what it says, a table one of Markdown,
a link leads to the site.
"""

import posixpath
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from ..compare.check import ChapterCheck
from ..files import write_whole
from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES
from ..model.drawings import KINDS, Data, Table
from ..model.pages import Fence, Page
from ..model.runs import MARKS, CellRun, Figure, Output
from ..read.pages import ADMONITION, CODE, Block, blocks, without_comments
from ..show.drawings import described
from ..show.slim import slim
from .scripts import script

try:
    from nbformat import from_dict, v4
except ImportError:  # without the extra `notebooks`, pages offer scripts
    v4 = None

__all__ = [
    "Piece",
    "address",
    "below_title",
    "colab",
    "downloads",
    "merged",
    "notebook",
    "site_url",
    "take_along",
    "weave",
    "write",
]


@dataclass(frozen=True)
class Piece:
    """A piece of a page: prose, or a cell, or a drawing."""

    text: str = ""
    cell: Cell | None = None
    fence: Fence | None = None
    solution: bool = False
    """Whether a notebook for class leaves it out."""


def downloads(check: ChapterCheck, page: Page, site_url: str) -> dict[str, str]:
    """The files that a chapter's page offers, by name."""
    name = posixpath.basename(page.name)
    runs = check.run.cells
    for made in check.recordings.values():
        runs = made.runs(check.snippet) | runs
    values = iter([_escaped(check.text_of(value)) or f"`{value.source}`" for value in page.values])
    pieces = weave(
        page, check.snippet, link=lambda target: address(target, page.name, site_url), value=lambda _: next(values)
    )
    pieces = below_title(pieces, _origin(check, page, site_url))
    unsolved = [piece for piece in pieces if not piece.solution]
    files = {f"{name}.ipynb": notebook(merged(pieces), runs)} if v4 else {}
    if v4 and unsolved != pieces:
        files[f"{name}-class.ipynb"] = notebook(merged(unsolved), runs)
    cells = [piece.cell for piece in pieces if piece.cell]
    files[f"{name}.py"] = script(cells, runs, page.title, address(f"{name}.md", page.name, site_url))
    return files


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_whole(folder / name, text)


def take_along(check: ChapterCheck, root: Path, folder: Path) -> list[str]:
    """Copy what lies beside a snippet to where its notebook lies; returns the names."""
    for each in check.snippet.beside:
        (folder / each.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / each.path, folder / each.name)
    return [each.name for each in check.snippet.beside]


def site_url(root: Path) -> str:
    """The address of the site, as mkdocs.yml has it; empty when it has none."""
    file = root / "mkdocs.yml"
    found = re.search(r"^site_url: *[\"']?([^\s\"']+)", file.read_text(encoding="utf-8") if file.exists() else "", re.M)
    return found[1] if found else ""


def address(target: str, page: str, site_url: str) -> str:
    """Where on the site a link of a page leads; empty when the site has no address."""
    path, hash_, anchor = target.partition("#")
    if re.match(r"[a-z][a-z+.-]*:|//", target):
        return target
    if not site_url:
        return ""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else f"{page}.md"
    if name.endswith((".md", ".py")):
        name = re.sub(r"(^|/)index/$", r"\1", name[:-3] + "/")
    return f"{site_url.rstrip('/')}/{name}{hash_}{anchor}"


def colab(page: str, repo_url: str, branch: str) -> str:
    """Where Colab opens a chapter's notebook: the branch of the repository that holds nothing but these files."""
    repository = re.match(r"https?://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", repo_url or "")
    where = f"{repository[1]}/blob/{branch}/{page}.ipynb" if repository and branch else ""
    return where and f"https://colab.research.google.com/github/{where}"


# --- pieces -----------------------------------------------------------------------------------------------------------


Replace = Callable[[str], str]


def weave(page: Page, snippet: Snippet, *, link: Replace, value: Replace, proof: Replace = str) -> list[Piece]:
    """The pieces of a page, in order.

    `link` is given the target of each link, `value` and `proof` the code span of each, for what shall stand there.
    """
    lines = re.sub(r"\A---\n.*?\n---\n", "", without_comments(page.text), flags=re.S).split("\n")
    return list(_Weaver(page, snippet, link, {"proof": proof, "value": value}).pieces(lines))


def merged(pieces: list[Piece]) -> list[Piece]:
    """The pieces with neighbouring prose made one."""
    out: list[Piece] = []
    for piece in pieces:
        if piece.text and out and out[-1].text:
            out[-1] = replace(out[-1], text=f"{out[-1].text}\n\n{piece.text}")
        else:
            out.append(piece)
    return out


def below_title(pieces: list[Piece], text: str) -> list[Piece]:
    """The pieces of a page with a paragraph below its title."""
    title = TITLE.search(pieces[0].text) if pieces else None
    if not title:
        return [Piece(text), *pieces]
    first = pieces[0].text
    return [replace(pieces[0], text=f"{first[: title.end()]}\n\n{text}{first[title.end() :]}"), *pieces[1:]]


TITLE = re.compile(r"^# .+$", re.M)


class _Weaver:
    def __init__(self, page: Page, snippet: Snippet, link: Replace, spans: dict[str, Replace]) -> None:
        self.snippet, self.link, self.spans = snippet, link, spans
        self.fences = iter(page.fences)

    def pieces(self, lines: list[str]) -> Iterator[Piece]:
        prose: list[str] = []
        done = 0
        for block in blocks(lines):
            if block.line <= done:  # within an admonition
                continue
            done = _end(block, lines)
            if block.mark:
                inner = self._fence(block)
                text = lines[block.line - 1 : done]
            elif opener := ADMONITION.match(block.text):
                inner = self._admonition(opener, textwrap.dedent("\n".join(lines[block.line : done])).split("\n"))
            else:
                inner, text = None, [self._inline(block.text)]
            if inner is None:
                prose += text
            else:
                yield from _prose(prose)
                prose = []
                yield from inner
        yield from _prose(prose)

    def _fence(self, block: Block) -> list[Piece] | None:
        """What a fence of ours becomes; None for any other, which stays as it is."""
        if block.info == "cell":
            chapter, _, slug = "".join(block.body).strip().partition("#")
            cell = self.snippet.cell(slug) if chapter == self.snippet.name else None
            return [Piece(cell=cell, solution="solution" in cell.tags)] if cell else []
        if block.info in KINDS:
            fence = next(self.fences, None)
            return [Piece(fence=fence)] if fence else None
        return [] if block.info.startswith("python") and "exec=" in block.info else None

    def _admonition(self, opener: re.Match[str], lines: list[str]) -> list[Piece]:
        """A quotation, interrupted by the cells; a solution when all of its cells are."""
        title = opener["title"] or (opener["kind"] or "").strip().capitalize()
        found = [Piece(f"**{self._inline(title)}**"), *self.pieces(lines)]
        cells = [piece for piece in found if piece.cell]
        solution = bool(cells) and all(piece.solution for piece in cells)
        quoted = [
            replace(piece, text=re.sub(r"^(?=(.?))", lambda m: "> " if m[1] else ">", piece.text, flags=re.M))
            if piece.text
            else piece
            for piece in merged(found)
        ]
        return [replace(piece, solution=True) for piece in quoted] if solution else quoted

    def _inline(self, line: str) -> str:
        """A line of prose with its proofs, values and links replaced."""
        return INLINE.sub(self._span, line)

    def _span(self, match: re.Match[str]) -> str:
        if match["ticks"]:
            code = match[0].removesuffix("}").rpartition("{")[0] if match["attrs"] is not None else match[0]
            kind = next((kind for kind in self.spans if f".{kind}" in (match["attrs"] or "").split()), "")
            return self.spans[kind](code) if kind else match[0]
        text, target = self._inline(match["text"]), self.link(match["target"])
        return f"{match['image']}[{text}]({target}{match['rest']})" if target else text


def _prose(lines: list[str]) -> list[Piece]:
    text = "\n".join(lines).strip("\n")
    return [Piece(text)] if text.strip() else []


def _end(block: Block, lines: list[str]) -> int:
    """The last line of a fence, of an admonition with all that is indented below it, or of a line of prose."""
    end = block.line + len(block.body) + bool(block.mark and block.closed)
    if opener := ADMONITION.match("" if block.mark else block.text):
        for number, line in enumerate(lines[block.line :], block.line + 1):
            if line.strip():
                if len(line) - len(line.lstrip()) < len(opener["indent"]) + 4:
                    break
                end = number
    return end


INLINE = re.compile(
    rf"{CODE.pattern}|"
    r"(?P<image>!?)\[(?P<text>(?:`[^`]*`|[^\[\]`])*)\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)?)(?P<rest>[^()]*)\)"
)


def _origin(check: ChapterCheck, page: Page, site_url: str) -> str:
    """The sentence that says where a notebook is from and what made its outputs."""
    url = address(f"{posixpath.basename(page.name)}{page.suffix}", page.name, site_url)
    source = f"[this page]({url})" if url else "a page of the site"
    versions = " and ".join(f"{name} {v}" for name, v in check.run.versions.items() if name in ("torch", "numpy"))
    made = f"; its outputs are those of {versions} on a CPU" if versions else ""
    beside = ", ".join(f"`{each.name}`" for each in check.snippet.beside)
    return f"*This notebook was made from {source}{made}{f'. Put beside it: {beside}' if beside else ''}.*"


# --- the notebook -----------------------------------------------------------------------------------------------------


def notebook(pieces: list[Piece], runs: dict[str, CellRun]) -> str:
    """The text of an .ipynb file; a cell that did not run has no outputs."""
    cells: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, piece in enumerate(pieces, 1):
        identity = _free_id(piece.cell.slug if piece.cell else f"prose-{number}", taken)
        taken.add(identity)
        if piece.cell:
            cells.append(_code_cell(piece.cell, runs.get(piece.cell.slug), identity))
        else:
            source = piece.text or _measured(piece.fence, runs)
            cells.append({"cell_type": "markdown", "id": identity, "metadata": {}, "source": source})
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    form = {"nbformat": v4.nbformat, "nbformat_minor": v4.nbformat_minor}
    return v4.writes(from_dict({**form, "metadata": metadata, "cells": cells})) + "\n"


def _free_id(name: str, taken: set[str]) -> str:
    """An id that Jupyter takes: at most 64 of few characters, and no other cell's."""
    short = re.sub(r"[^a-zA-Z0-9_-]", "-", name)[:64]
    others = (f"{short[:60]}-{number}" for number in count(2))
    return next(free for free in chain([short], others) if free not in taken)


def _code_cell(cell: Cell, run: CellRun | None, identity: str) -> dict[str, Any]:
    may_raise = cell.must_raise or cell.tags & DEVICES.keys()  # where its device is not, Jupyter goes on all the same
    tags = sorted(cell.tags | ({"raises-exception"} if may_raise else set()))
    folded = {"source_hidden": {"hide-input", "solution"}, "outputs_hidden": {"hide-output"}}
    hidden = {part: True for part, by in folded.items() if cell.tags & by}
    metadata = {"name": cell.title} | ({"tags": tags} if tags else {}) | ({"jupyter": hidden} if hidden else {})
    outputs = [*map(_output, run.outputs), *map(_figure, run.figures)] if run else []
    code = {"cell_type": "code", "execution_count": None, "id": identity, "metadata": metadata}
    return {**code, "source": cell.shown_source, "outputs": outputs}


def _output(output: Output) -> dict[str, Any]:
    """What a cell printed, warned, showed or raised, in Jupyter's own type."""
    kind, text = MARKS[output.mark].jupyter, output.text
    if kind == "error":
        name, _, message = text.partition(": ")
        return {"output_type": kind, "ename": name, "evalue": message, "traceback": text.split("\n")}
    if kind in ("stdout", "stderr"):
        return {"output_type": "stream", "name": kind, "text": text}
    form = {output.rich.kind: output.rich.data} if output.rich else {}
    return _shown(kind, {**form, "text/plain": text})


def _figure(figure: Figure) -> dict[str, Any]:
    """The picture on white, since no page's colours reach it, and what is plotted as text."""
    svg = slim(figure.svg)
    svg = svg.replace("<svg ", '<svg style="background: white; color: black; font-family: sans-serif" ', 1)
    return _shown("display_data", {"image/svg+xml": svg, "text/plain": "\n".join(figure.lines)})


def _shown(kind: str, forms: dict[str, str]) -> dict[str, Any]:
    """A value in its forms, by their types; what was executed has a number, which here none has."""
    number = {"execution_count": None} if kind == "execute_result" else {}
    return {"output_type": kind, "data": forms, "metadata": {}, **number}


def _measured(fence: Fence, runs: dict[str, CellRun]) -> str:
    """What a fence shows, in Markdown: a drawing in words, a table as one."""
    run = runs.get(fence.after.slug) if fence.after else None
    data: Data | None = run.result(fence.kind, fence.source).data if run else None
    if data is None:
        return ""
    return _table(data) if isinstance(data, Table) else f"> {_escaped(described(data))}"


def _table(table: Table) -> str:
    """Expressions and their values, beside their labels where they have any."""
    has_labels = any(row.label for row in table.rows)
    rows = [["", "code", "value"], ["---", "---", "---"]]
    rows += [[_escaped(row.label), _code(row.expression), _code(row.value)] for row in table.rows]
    return "\n".join(f"| {' | '.join(row if has_labels else row[1:])} |" for row in rows)


def _escaped(text: str) -> str:
    """Words in which Markdown finds nothing to do."""
    return re.sub(r"[\\`*_\[\]<>$|]", r"\\\g<0>", text)


def _code(text: str) -> str:
    """Code of one line or several, in a table of Markdown."""
    spans = []
    for line in text.split("\n"):
        ticks = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
        space = " " if len(ticks) > 1 else ""
        indent = "\N{NO-BREAK SPACE}" * (len(line) - len(line.lstrip()))
        escaped = indent + line.lstrip().replace("|", r"\|")
        spans.append(f"{ticks}{space}{escaped}{space}{ticks}" if line else "")
    return "<br>".join(spans)
