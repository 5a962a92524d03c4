"""The card of a cell: its code, and under it what it printed, showed, raised and drew, and what devices say of it.

Whatever a snippet prints is text: it is escaped here, once, and nowhere made markup.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape

from ..compare.recordings import STATES, Recording
from ..compare.transcript import lines_of, normalised
from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES, Device
from ..model.problems import Problem
from ..model.runs import MARKS, CellRun, Figure, Output, Rich
from ..model.text import visible
from .highlight import highlighted
from .slim import slim
from .xray import Links, Rows, linked, xray

__all__ = ["Card", "problems_html"]


@dataclass(frozen=True)
class Card:
    """One cell as one page shows it."""

    snippet: Snippet
    cell: Cell
    run: CellRun | None
    """What it did on the device it is shown for; None where that is not known."""
    recordings: list[Recording]
    """What other devices say of it."""
    problems: list[Problem]
    rows: Rows
    """Where the page shows the tensors' states."""
    named: dict[int, Links]
    """The links of torch's names, by line of the shown code."""
    versions: str = ""
    """The line that says under which versions of torch it prints otherwise."""
    rich: Callable[[Rich, str], str] | None = None
    """HTML of a value's own form, beside its text; the builder knows."""

    def html(self) -> str:
        code, table = highlighted(self.cell.shown_source), ""
        if self.run is not None:
            elsewhere = self.elsewhere if self.cell.home == "cpu" else {}
            code, table = xray(self.cell, code, self.run, self.rows, elsewhere)
        code = linked(code, self.named)
        parts = [_folded("Code", code) if "hide-input" in self.cell.tags else code]
        outputs = self._outputs(self.run) if self.run is not None else ""
        for made in self.recordings:
            outputs = self._with_recording(outputs, made)
        if outputs:
            parts.append(_folded("Output", outputs) if "hide-output" in self.cell.tags else outputs)
        parts += [self.versions, table, problems_html(self.problems)]
        name = f"cell-{escape(self.cell.slug)}"
        # a search for a word should find what is written about it; code and numbers would bury that
        return visible(f'<section class="tp-cell" id="{name}" data-search-exclude>\n{"".join(parts)}\n</section>')

    def folded_html(self) -> str:
        """The card of a solution, folded."""
        return _folded("Solution", self.html(), "success")

    @cached_property
    def elsewhere(self) -> dict[str, CellRun]:
        """What it did on other devices, where that can be shown."""
        cells = {made.device: made.cells[self.cell.slug] for made in self.recordings if self.cell.slug in made.cells}
        return {device: recorded.run(self.cell) for device, recorded in cells.items() if recorded.is_shown}

    def _outputs(self, run: CellRun) -> str:
        outputs = "".join(_output(output, self.rich) for output in run.outputs)
        return outputs + "".join(_figure(figure, self.cell, n) for n, figure in enumerate(run.figures, 1))

    def _with_recording(self, outputs: str, made: Recording) -> str:
        """The outputs, and what a recording adds: that they are the same there, its own, or that it waits for a run."""
        there, device = self.elsewhere.get(made.device), DEVICES[made.device]
        state = made.cells[self.cell.slug].state if self.cell.slug in made.cells else "gone"
        if there is None:
            is_said = state == "gone" or (self.cell.home == "cpu" and not made.provenance)
            return outputs if is_said else outputs + _waiting(device, state)
        badge = ' <span class="tp-badge">older torch</span>' if state == "older torch" else ""
        origin = f"recorded on {escape(made.origin)}{badge}"
        if self.cell.home == made.device:
            return f'<p class="tp-device">{device.label}, {origin}</p>{outputs}'
        if self._is_same(there):
            said = "Same" if self._is_drawn(made) else "The same words, and other pictures or tables,"
            return outputs + (f'<p class="tp-device">{said} on {device.label}{badge}</p>' if outputs else "")
        nothing = '<p class="tp-device">No output</p>'
        recorded = f'{self._outputs(there) or nothing}<p class="tp-device">{origin}</p>'
        return _tabs(self.cell, [("CPU", outputs or nothing), (device.label, recorded)])

    def _is_same(self, there: CellRun) -> bool:
        """Whether the cell printed, showed and raised the same here and there."""
        if self.run is None:
            return False
        sides = [[f"{o.mark} {o.text}".removesuffix("\n") for o in run.outputs] for run in (self.run, there)]
        return self._agree(*sides)

    def _is_drawn(self, made: Recording) -> bool:
        """Whether pictures and tables came out the same here and there, as far as a recording tells of them."""
        sides = [
            [line for line in ls if line[:1] == "#"] for ls in (lines_of(self.run), made.cells[self.cell.slug].lines)
        ]
        return self._agree(*sides)

    def _agree(self, here: list[str], there: list[str]) -> bool:
        """Whether two sides are the same, but for what may be another in each run of a volatile cell."""
        return normalised(here) == normalised(there) if self.cell.is_volatile else here == there


def _waiting(device: Device, state: str) -> str:
    reason = "yet" if state == "missing" else f"to show: {STATES[state]}"
    return f'<p class="tp-device tp-device--waiting">{device.label}: no output {reason}</p>'


def problems_html(problems: list[Problem]) -> str:
    """A red block for each problem, with its diff and the way out."""
    return visible("".join(_problem(problem) for problem in problems))


def _problem(problem: Problem) -> str:
    where = f"<code>{escape(problem.path)}:{problem.line}</code>"
    diff = f"<pre><samp>{escape(problem.diff)}</samp></pre>" if problem.diff else ""
    way_out = f"<p>If the new output is right: <code>{problem.way_out}</code></p>" if problem.acceptable else ""
    return f'<div class="tp-drift" role="alert"><p>{where}: {escape(problem.message)}</p>{diff}{way_out}</div>'


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


def _output(output: Output, rich: Callable[[Rich, str], str] | None) -> str:
    mark = MARKS[output.mark]
    text = escape(output.text.removesuffix("\n"), quote=False)
    shown = f"<pre><samp>{text}</samp></pre>"
    if rich and output.rich:
        shown = f'<div class="tp-rich">{rich(output.rich, output.text)}</div>'
    label = f'<span class="tp-label">{mark.label}</span>'
    return f'<div class="tp-output tp-output--{mark.style}">{label}{shown}</div>'


def _figure(figure: Figure, cell: Cell, number: int) -> str:
    """The picture, its ids made unique within the page and its label the cell's title."""
    prefix = f"{cell.slug}-{number}-"
    svg = re.sub(r"<[^>]*>", lambda tag: _with_own_ids(tag[0], prefix), slim(figure.svg))  # a title may hold such text
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(cell.title)}" ', 1)
    return f'<figure class="tp-figure">{svg}</figure>'


def _with_own_ids(tag: str, prefix: str) -> str:
    tag = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', tag)
    return re.sub(r'(url\(|xlink:href=")#', rf"\1#{prefix}", tag)


def _folded(label: str, html: str, kind: str = "tp-fold") -> str:
    return f'<details class="{kind}"><summary>{label}</summary>{html}</details>'
