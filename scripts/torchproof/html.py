"""HTML of a cell: its code, and under it what it printed, showed, raised and drew.

Pure functions. Whatever a snippet prints is text: it is escaped here, once, and nowhere made markup.
"""

import re
from html import escape

from .capture import visible
from .cells import Cell
from .problems import Problem
from .recording import STATES, Recording
from .runner import CellRun
from .transcript import normalised
from .xray import Rows, xray

__all__ = ["cell_html", "problems_html"]

KINDS = {
    "|": ("stdout", "Output"),
    "!": ("stderr", "Warning"),
    "=": ("value", "Value"),
    "x": ("error", "Error"),
}
"""Class and label of each kind of output, by its mark (see `transcript.MARKS`)."""


def cell_html(
    cell: Cell,
    code: str,
    run: CellRun | None,
    rows: Rows,
    problems: list[Problem],
    recordings: list[Recording],
    chapter: str,
    *,
    fold: bool,
) -> str:
    """The card of one cell.

    `code` is the highlighted source, `rows` where the page shows the tensors' states,
    `recordings` what other devices say of the cell; `fold` folds the whole card, for a solution not folded already.
    """
    table = ""
    elsewhere = {made.device: made.cells[cell.slug].run(cell) for made in recordings if _shown(made, cell)}
    code = _lean(code)
    if run is not None:
        code, table = xray(cell, code, run, rows, elsewhere if cell.home == "cpu" else {})
    parts = [_folded("Code", code) if "hide-input" in cell.tags else code]
    outputs = _outputs(cell, run) if run is not None else ""
    for made in recordings:
        outputs = _with_recording(cell, outputs, run, made, elsewhere.get(made.device), chapter)
    if outputs:
        parts.append(_folded("Output", outputs) if "hide-output" in cell.tags else outputs)
    parts += [table, problems_html(problems)]
    name = f"cell-{escape(cell.slug)}"
    # a search for a word should find what is written about it; code and numbers would bury that
    card = visible(f'<section class="tp-cell" id="{name}" data-search-exclude>\n{"".join(parts)}\n</section>')
    return _folded("Solution", card) if fold else card


def problems_html(problems: list[Problem]) -> str:
    """A red block for each problem, with its diff and the way out."""
    return visible("".join(_problem(problem) for problem in problems))


def _problem(problem: Problem) -> str:
    where = f"<code>{escape(problem.path)}:{problem.line}</code>"
    diff = f"<pre><samp>{escape(problem.diff)}</samp></pre>" if problem.diff else ""
    way_out = f"<p>If the new output is right: <code>{problem.way_out}</code></p>" if problem.acceptable else ""
    return f'<div class="tp-drift" role="alert"><p>{where}: {escape(problem.message)}</p>{diff}{way_out}</div>'


def _lean(code: str) -> str:
    """Highlighted code with one class for each colour, one span for neighbours, and none where there is no colour."""
    code = re.sub(r'<span class="(\w+)">([^<]*)</span>', _span, code)
    return re.sub(r'<span class="(\w+)">[^<]*</span>(?:(?:, )?<span class="\1">[^<]*</span>)+', _joined, code)


def _span(span: re.Match[str]) -> str:
    kind = next((kind for kind, names in COLOURS.items() if span[1] in names), span[1])
    return f'<span class="{kind}">{span[2]}</span>' if kind else span[2]


def _joined(spans: re.Match[str]) -> str:
    return f'<span class="{spans[1]}">{re.sub("<[^>]*>", "", spans[0])}</span>'


COLOURS = {
    "": ("n", "kc", "nb", "o", "p", "sa", "w"),
    "k": ("kn",),
    "m": ("mf", "mh", "mi"),
    "nf": ("nc", "ne", "nn"),
    "s": ("s1", "s2", "si"),
}
"""Pygments' classes by the one that stands for them: for those that look alike, and for those without a colour."""


def _shown(made: Recording, cell: Cell) -> bool:
    return cell.slug in made.cells and made.cells[cell.slug].shown


def _outputs(cell: Cell, run: CellRun) -> str:
    outputs = "".join(_output(mark, text) for mark, text in run.outputs)
    return outputs + "".join(_figure(figure["svg"], cell, n) for n, figure in enumerate(run.figures, 1))


def _with_recording(
    cell: Cell, outputs: str, run: CellRun | None, made: Recording, there: CellRun | None, chapter: str
) -> str:
    """The outputs, and what a recording adds: that they are the same there, its own, or that it waits for a run."""
    state = made.cells[cell.slug].state if cell.slug in made.cells else "gone"
    name = made.device.upper()
    if there is None:
        if state == "gone" or (cell.home == "cpu" and not made.provenance):
            return outputs  # the page's first line says that nothing is recorded yet
        command = f"torchproof record --device {made.device} -k {chapter}"
        reason = "" if state == "missing" else f" ({STATES[state]})"
        text = f"{name}: waiting for a GPU run{reason}. <code>{escape(command)}</code>"
        return outputs + f'<p class="tp-device tp-device--waiting">{text}</p>'
    badge = ' <span class="tp-badge">older torch</span>' if state == "older torch" else ""
    origin = f"recorded on {escape(made.origin)}{badge}"
    if cell.home == made.device:
        return f'<p class="tp-device">{name}, {origin}</p>{outputs}'
    if _same(cell, run, there):
        return outputs + (f'<p class="tp-device">Same on {name}{badge}</p>' if outputs else "")
    nothing = '<p class="tp-device">No output</p>'
    recorded = f'{_outputs(cell, there) or nothing}<p class="tp-device">{origin}</p>'
    return _tabs(cell, [("CPU", outputs or nothing), (name, recorded)])


def _same(cell: Cell, here: CellRun | None, there: CellRun) -> bool:
    """Whether a cell printed, showed and raised the same on both devices."""
    sides = [[f"{mark} {text.removesuffix(chr(10))}" for mark, text in run.outputs] for run in (here, there) if run]
    if "volatile" in cell.tags:
        sides = [normalised(side) for side in sides]
    return len(sides) == 2 and sides[0] == sides[1]


def _tabs(cell: Cell, tabs: list[tuple[str, str]]) -> str:
    """Content tabs, in the markup that Material styles and links over the whole site."""
    name = f"tab-{escape(cell.slug)}"
    inputs = "".join(
        f'<input {"checked " if n == 1 else ""}id="{name}-{n}" name="{name}" type="radio">'
        for n in range(1, len(tabs) + 1)
    )
    labels = "".join(f'<label for="{name}-{n}">{label}</label>' for n, (label, _) in enumerate(tabs, 1))
    blocks = "".join(f'<div class="tabbed-block">{content}</div>' for _, content in tabs)
    return (
        f'<div class="tabbed-set tabbed-alternate tp-tabs">{inputs}<div class="tabbed-labels">{labels}</div>'
        f'<div class="tabbed-content">{blocks}</div></div>'
    )


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
