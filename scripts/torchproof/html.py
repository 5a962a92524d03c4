"""HTML of a cell: its code, and under it what it printed, showed, raised and drew.

Pure functions. Whatever a snippet prints is text: it is escaped here, once, and nowhere made markup.
"""

import re
from html import escape

from .capture import visible
from .cells import Cell
from .problems import ACCEPT, Problem
from .runner import CellRun
from .xray import States, xray

__all__ = ["cell_html", "problems_html"]

KINDS = {
    "|": ("stdout", "Output"),
    "!": ("stderr", "Warning"),
    "=": ("value", "Value"),
    "x": ("error", "Error"),
}
"""Class and label of each kind of output, by its mark (see `transcript.MARKS`)."""


def cell_html(
    cell: Cell, code: str, run: CellRun | None, before: States, problems: list[Problem], *, fold: bool
) -> str:
    """The card of one cell.

    `code` is the highlighted source, `before` where the page shows the tensors' states when the cell starts;
    `fold` folds the whole card, for a solution that is not folded already.
    """
    table = ""
    if run is not None:
        code, table = xray(cell, _lean(code), run, before)
    parts = [_folded("Code", code) if "hide-input" in cell.tags else code]
    if run is not None:
        outputs = "".join(_output(mark, text) for mark, text in run.outputs)
        outputs += "".join(_figure(figure["svg"], cell, n) for n, figure in enumerate(run.figures, 1))
        if outputs:
            parts.append(_folded("Output", outputs) if "hide-output" in cell.tags else outputs)
    parts += [table, problems_html(problems)]
    name = f"cell-{escape(cell.slug)}"
    parts.append(f'<a class="tp-anchor" href="#{name}" title="{escape(cell.title)}"></a>')
    # a search for a word should find what is written about it; code and numbers would bury that
    card = visible(f'<section class="tp-cell" id="{name}" data-search-exclude>\n{"".join(parts)}\n</section>')
    return _folded("Solution", card) if fold else card


def problems_html(problems: list[Problem]) -> str:
    """A red block for each problem, with its diff and the way out."""
    return visible("".join(_problem(problem) for problem in problems))


def _problem(problem: Problem) -> str:
    where = f"<code>{escape(problem.path)}:{problem.line}</code>"
    diff = f"<pre><samp>{escape(problem.diff)}</samp></pre>" if problem.diff else ""
    way_out = f"<p>If the new output is right: <code>{ACCEPT}</code></p>" if problem.acceptable else ""
    return f'<div class="tp-drift" role="alert"><p>{where}: {escape(problem.message)}</p>{diff}{way_out}</div>'


def _lean(code: str) -> str:
    """Highlighted code without the spans that no style looks at: names, operators, punctuation, blanks."""
    return re.sub(r'<span class="(?:n|o|p|w)">([^<]*)</span>', r"\1", code)


def _output(mark: str, text: str) -> str:
    kind, label = KINDS[mark]
    samp = f"<samp>{escape(text.removesuffix(chr(10)))}</samp>"
    return f'<div class="tp-output tp-output--{kind}"><span class="tp-label">{label}</span><pre>{samp}</pre></div>'


def _figure(svg: str, cell: Cell, number: int) -> str:
    """The picture, its ids made unique within the page and its label the cell's title."""
    prefix = f"{cell.slug}-{number}-"
    svg = re.sub(r"<[^>]*>", lambda tag: _with_own_ids(tag[0], prefix), svg)  # in tags: a title may hold such text
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(cell.title)}" ', 1)
    return f'<figure class="tp-figure">{svg}</figure>'


def _with_own_ids(tag: str, prefix: str) -> str:
    tag = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', tag)
    return re.sub(r'(url\(|xlink:href=")#', rf"\1#{prefix}", tag)


def _folded(label: str, html: str) -> str:
    kind = "success" if label == "Solution" else "tp-fold"
    return f'<details class="{kind}"><summary>{label}</summary>{html}</details>'
