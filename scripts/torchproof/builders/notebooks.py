"""Chapters as files to take away: a notebook, one for class without the solutions, and a script.

A page is read once more, into pieces: prose, code cells and drawings, in page order. The pieces are woven with
what the run printed, so nothing here runs, and nothing says where or when it was made.

What a notebook program does not know is said in plain Markdown: an admonition becomes a quotation, the cells in it
come out of it, a proof is the code it is about, a drawing what it says, a table HTML, a link leads to the site.
"""

import ast
import builtins
import json
import posixpath
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..compare.check import ChapterCheck
from ..files import write_whole
from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES
from ..model.drawings import KINDS, Table
from ..model.pages import Fence, Page
from ..model.runs import MARKS, CellRun, Figure
from ..read.pages import CODE, FENCE
from ..show.drawings import described, draw
from ..show.slim import slim

__all__ = ["Piece", "address", "colab", "downloads", "merged", "notebook", "site_url", "weave", "write"]


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
    pieces = weave(page, check.snippet, link=lambda target: address(target, page.name, site_url))
    below_title = TITLE.sub(rf"\g<0>\n\n{_origin(check, page, site_url)}", pieces[0].text, count=1)
    pieces[0] = replace(pieces[0], text=below_title)
    unsolved = [piece for piece in pieces if not piece.solution]
    files = {f"{name}.ipynb": notebook(merged(pieces), runs)}
    if unsolved != pieces:
        files[f"{name}-class.ipynb"] = notebook(merged(unsolved), runs)
    files[f"{name}.py"] = _script(pieces, runs, page.title, address(f"{name}.md", page.name, site_url))
    return files


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_whole(folder / name, text)


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


def colab(page: str, repo_url: str) -> str:
    """Where Colab opens a chapter's notebook: the branch of the repository that holds nothing but these files."""
    repository = re.match(r"https?://github\.com/([^/]+/[^/]+?)(?:\.git)?/?$", repo_url or "")
    return f"https://colab.research.google.com/github/{repository[1]}/blob/notebooks/{page}.ipynb" if repository else ""


# --- pieces -----------------------------------------------------------------------------------------------------------


def weave(
    page: Page, snippet: Snippet, *, link: Callable[[str], str], proof: Callable[[str], str] = str
) -> list[Piece]:
    """The pieces of a page, in order.

    `link` is given the target of each link, and `proof` the code span of each proof, for what shall stand there.
    """
    lines = re.sub(r"\A---\n.*?\n---\n", "", page.text, flags=re.S).split("\n")
    return list(_Weaver(page, snippet, link, proof).pieces(lines))


def merged(pieces: list[Piece]) -> list[Piece]:
    """The pieces with neighbouring prose made one."""
    out: list[Piece] = []
    for piece in pieces:
        if piece.text and out and out[-1].text:
            out[-1] = replace(out[-1], text=f"{out[-1].text}\n\n{piece.text}")
        else:
            out.append(piece)
    return out


class _Weaver:
    def __init__(self, page: Page, snippet: Snippet, link: Callable[[str], str], proof: Callable[[str], str]) -> None:
        self.snippet, self.link, self.proof = snippet, link, proof
        self.fences = iter(page.fences)

    def pieces(self, lines: list[str]) -> Iterator[Piece]:
        prose: list[str] = []
        place = 0
        while place < len(lines):
            end = place + 1
            inner: list[Piece] | None = None
            if fence := FENCE.match(lines[place]):
                end = _end_of_fence(lines, place, fence["fence"])
                inner = self._fence(fence["info"].strip(), lines[place:end])
            elif opener := ADMONITION.match(lines[place]):
                end = _end_of_block(lines, place, len(opener["indent"]) + 4)
                inner = self._admonition(opener, textwrap.dedent("\n".join(lines[place + 1 : end])).split("\n"))
            if inner is None:
                prose += [self._inline(lines[place])] if not fence else lines[place:end]
            else:
                yield from _prose(prose)
                prose = []
                yield from inner
            place = end
        yield from _prose(prose)

    def _fence(self, info: str, lines: list[str]) -> list[Piece] | None:
        """What a fence of ours becomes; None for any other, which stays as it is."""
        if info == "cell":
            chapter, _, slug = lines[1].strip().partition("#")
            cell = self.snippet.cell(slug) if chapter == self.snippet.name else None
            return [Piece(cell=cell, solution="solution" in cell.tags)] if cell else []
        if info in KINDS:
            return [Piece(fence=next(self.fences))]
        return [] if info.startswith("python") and "exec=" in info else None

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
        """A line of prose with its proofs and links replaced."""
        return INLINE.sub(self._span, line)

    def _span(self, match: re.Match[str]) -> str:
        if match["ticks"]:
            code = match[0].removesuffix("}").rpartition("{")[0] if match["attrs"] is not None else match[0]
            return self.proof(code) if ".proof" in (match["attrs"] or "").split() else match[0]
        text, target = self._inline(match["text"]), self.link(match["target"])
        return f"{match['image']}[{text}]({target}{match['rest']})" if target else text


def _prose(lines: list[str]) -> list[Piece]:
    text = "\n".join(lines).strip("\n")
    return [Piece(text)] if text.strip() else []


def _end_of_fence(lines: list[str], start: int, fence: str) -> int:
    for place in range(start + 1, len(lines)):
        mark = FENCE.match(lines[place])
        if mark and mark["fence"].startswith(fence) and not mark["info"].strip():
            return place + 1
    return len(lines)


def _end_of_block(lines: list[str], start: int, indent: int) -> int:
    """The line after the last one that is indented that far."""
    end = start + 1
    for place in range(start + 1, len(lines)):
        if lines[place].strip():
            if len(lines[place]) - len(lines[place].lstrip()) < indent:
                break
            end = place + 1
    return end


ADMONITION = re.compile(r'(?P<indent> *)(?:!!!|\?\?\?\+?|===)\s*(?P<kind>[\w -]*?)\s*(?:"(?P<title>.*)")?\s*$')
INLINE = re.compile(
    rf"{CODE.pattern}|"
    r"(?P<image>!?)\[(?P<text>(?:`[^`]*`|[^\[\]`])*)\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)?)(?P<rest>[^()]*)\)"
)


TITLE = re.compile(r"^# (.+)$", re.M)


def _origin(check: ChapterCheck, page: Page, site_url: str) -> str:
    """The sentence that says where a notebook is from and what made its outputs."""
    url = address(f"{posixpath.basename(page.name)}{page.suffix}", page.name, site_url)
    source = f"[this page]({url})" if url else "a page of the site"
    versions = " and ".join(f"{name} {v}" for name, v in check.run.versions.items() if name in ("torch", "numpy"))
    made = f"; its outputs are those of {versions} on a CPU" if versions else ""
    return f"*This notebook was made from {source}{made}.*"


# --- the notebook -----------------------------------------------------------------------------------------------------


def notebook(pieces: list[Piece], runs: dict[str, CellRun]) -> str:
    """The text of an .ipynb file (nbformat 4.5); a cell that did not run has no outputs."""
    cells = []
    for number, piece in enumerate(pieces, 1):
        if piece.cell:
            cells.append(_code_cell(piece.cell, runs.get(piece.cell.slug)))
        else:
            text = piece.text or _drawing(piece.fence, runs)
            cells.append({"cell_type": "markdown", "id": f"prose-{number}", "metadata": {}, "source": _lines(text)})
    whole = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _code_cell(cell: Cell, run: CellRun | None) -> dict[str, Any]:
    may_raise = cell.must_raise or cell.tags & DEVICES.keys()  # where its device is not, Jupyter goes on all the same
    tags = sorted(cell.tags | ({"raises-exception"} if may_raise else set()))
    folded = {"source_hidden": {"hide-input", "solution"}, "outputs_hidden": {"hide-output"}}
    hidden = {part: True for part, by in folded.items() if cell.tags & by}
    metadata: dict[str, Any] = {"name": cell.title}
    metadata |= {"tags": tags} if tags else {}
    metadata |= {"jupyter": hidden} if hidden else {}
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": re.sub(r"[^a-zA-Z0-9_-]", "-", cell.slug)[:64],
        "metadata": metadata,
        "outputs": _outputs(run) if run else [],
        "source": _lines(cell.shown_source),
    }


def _outputs(run: CellRun) -> list[dict[str, Any]]:
    """What the cell did, in Jupyter's own output types."""
    found = []
    for output in run.outputs:
        kind, text = MARKS[output.mark].jupyter, output.text
        if kind == "execute_result":
            data = {"text/plain": _lines(text)}
            found.append({"output_type": kind, "execution_count": None, "metadata": {}, "data": data})
        elif kind == "error":
            name, _, message = text.partition(": ")
            found.append({"output_type": kind, "ename": name, "evalue": message, "traceback": text.split("\n")})
        else:
            found.append({"output_type": "stream", "name": kind, "text": _lines(text)})
    return found + [_figure(figure) for figure in run.figures]


def _figure(figure: Figure) -> dict[str, Any]:
    """The picture on white, since no page's colours reach it, and what is plotted as text."""
    svg = slim(figure.svg)
    svg = svg.replace("<svg ", '<svg style="background: white; color: black; font-family: sans-serif" ', 1)
    data = {"image/svg+xml": _lines(svg), "text/plain": _lines("\n".join(figure.lines))}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _drawing(fence: Fence, runs: dict[str, CellRun]) -> str:
    run = runs.get(fence.after.slug) if fence.after else None
    data = run.result(fence.kind, fence.source).data if run else None
    if isinstance(data, Table):
        return draw(data, "")
    return "> " + re.sub(r"[\\`*_\[\]<>$]", r"\\\g<0>", described(data)) if data else ""


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


# --- the script -------------------------------------------------------------------------------------------------------


def _script(pieces: list[Piece], runs: dict[str, CellRun], title: str, url: str) -> str:
    """The visible code, from top to bottom, which prints what the page shows.

    A notebook shows the value of a cell's last line, and goes on after an error. A script does neither by itself:
    a shown value is printed, from the statement that raises on purpose a cell is tried, and figures are shown.
    """
    cells = [piece.cell for piece in pieces if piece.cell]
    code = "\n".join(cell.source for cell in cells)
    caught = next(name for name in ("error", "caught", "caught_error") if not re.search(rf"\b{name}\b", code))
    parts = [f"# {title}\n# The code of {url or 'the page'}, from top to bottom; it prints what the page shows."]
    for cell in cells:
        parts.append(f"# %% {cell.title}\n{_runnable(cell, runs.get(cell.slug), caught, code)}")
    return "\n\n".join(parts) + "\n"


def _runnable(cell: Cell, run: CellRun | None, caught: str, whole: str) -> str:
    """The code of a cell, as it stands in a script."""
    kinds = [output.mark for output in run.outputs] if run else []
    if "x" in kinds:
        code = _tried(cell.source, run.line, run.error, caught)
    elif "=" in kinds:
        code = _printed(cell.source)
    else:
        code = cell.shown_source
    pyplot = re.search(r"import matplotlib\.pyplot as (\w+)|from matplotlib import (pyplot)", whole)
    if run and run.figures and pyplot and ".show(" not in cell.source:
        code += f"\n{pyplot[1] or pyplot[2]}.show()"
    if cell.home != "cpu":
        return f"if {DEVICES[cell.home].available}:\n{_indented(code)}"
    return f"if not torch.cuda.is_available():\n{_indented(code)}" if "cpu" in cell.tags else code


def _printed(source: str) -> str:
    """A cell with the value of its last statement, an expression, printed."""
    lines = source.split("\n")
    last = ast.parse(source).body[-1]
    first, end = last.lineno - 1, last.end_lineno - 1
    start = _characters(lines[first], last.col_offset)
    stop = _characters(lines[end], last.end_col_offset)
    whole = "\n".join(lines[first : end + 1])
    expression = whole[start : len(whole) - len(lines[end]) + stop]
    call = ast.parse(f"f({expression})").body[0].value
    shown = f"print(repr({expression}))" if len(call.args) == 1 else f"print(repr(({expression})))"
    lines[first : end + 1] = [lines[first][:start] + shown + lines[end][stop:]]
    return "\n".join(lines).strip("\n")


def _tried(source: str, raised: int, message: str, caught: str) -> str:
    """A cell whose statement at line `raised` raises, so that the script prints the message and goes on."""
    kind = re.match(r"[\w.]+", message)[0]
    words = f"{caught}.msg" if kind in ("SyntaxError", "IndentationError", "TabError") else caught
    shown = f'f"{kind}: {{{words}}}"' if message.startswith(f"{kind}:") else f'"{kind}"'
    clause = f"except {kind if hasattr(builtins, kind) else 'Exception'} as {caught}:\n    print({shown})"
    if ": {" not in shown:
        clause = clause.replace(f" as {caught}", "")
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return f"try:\n    exec({source.strip(chr(10))!r})\n{clause}"
    at = next(node for node in reversed(statements) if _start(node) <= max(raised, _start(statements[0])))
    lines = source.split("\n")
    before = "".join(f"{line}\n" for line in lines[: _start(at) - 1]).lstrip("\n")
    tried = "\n".join(lines[_start(at) - 1 :]).strip("\n")
    return f"{before}try:\n{_indented(tried)}\n{clause}"


def _start(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _indented(source: str) -> str:
    """The code one level deeper; what lies within a string of several lines stays."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            inside |= set(range(node.lineno + 1, node.end_lineno + 1))
    lines = source.split("\n")
    return "\n".join(f"    {line}" if line and n not in inside else line for n, line in enumerate(lines, 1))


def _characters(line: str, column: int) -> int:
    """A column in characters, from one in bytes."""
    return len(line.encode()[:column].decode())
