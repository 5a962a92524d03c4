"""A chapter as a script to take away: the visible code, from top to bottom, which prints what its cells show.

A notebook shows the value of a cell's last line, and goes on after an error. A script does neither by itself:
a shown value is printed, from the statement that raises on purpose a cell is tried, and figures are shown.
"""

import ast
import builtins
import re

from ..model.cells import Cell
from ..model.devices import DEVICES, RECORDED
from ..model.runs import CellRun

__all__ = ["script"]


def script(cells: list[Cell], runs: dict[str, CellRun], title: str, url: str) -> str:
    """The text of a .py file."""
    code = "\n".join(cell.source for cell in cells)
    caught = next(name for name in ("error", "caught", "caught_error") if not re.search(rf"\b{name}\b", code))
    parts = [f"# {title}\n# The code of {url or 'the page'}, from top to bottom; it prints what its cells show."]
    for cell in cells:
        parts.append(f"# %% {cell.title}\n{_runnable(cell, runs.get(cell.slug), caught, code)}")
    return "\n\n".join(parts) + "\n"


def _runnable(cell: Cell, run: CellRun | None, caught: str, whole: str) -> str:
    """The code of a cell, as it stands in a script."""
    kinds = [output.mark for output in run.outputs] if run else []
    if "x" in kinds:
        code = _tried(cell, run, caught)
    elif "=" in kinds:
        code = _printed(cell.source)
    else:
        code = cell.shown_source
    pyplot = re.search(r"import matplotlib\.pyplot as (\w+)|from matplotlib import (pyplot)", whole)
    if run and run.figures and pyplot and ".show(" not in cell.source:
        code += f"\n{pyplot[1] or pyplot[2]}.show()"
    if cell.home != "cpu":
        return f"if {DEVICES[cell.home].available}:\n{_indented(code)}"
    return f"if {NOWHERE_ELSE}:\n{_indented(code)}" if "cpu" in cell.tags else code


NOWHERE_ELSE = " and ".join(f"not {device.available}" for device in RECORDED.values() if not device.internal)
"""Where a cell runs that exists in the CPU's session only."""


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


def _tried(cell: Cell, run: CellRun, caught: str) -> str:
    """A cell one statement of which raises, so that the script prints the message and goes on."""
    kind = re.match(r"[\w.]+", run.error)[0]
    words = f"{caught}.msg" if kind in ("SyntaxError", "IndentationError", "TabError") else caught
    shown = f'f"{kind}: {{{words}}}"' if run.error.startswith(f"{kind}:") else f'"{kind}"'
    clause = f"except {kind if hasattr(builtins, kind) else 'Exception'} as {caught}:\n    print({shown})"
    if ": {" not in shown:
        clause = clause.replace(f" as {caught}", "")
    if not run.statement:  # it is no Python
        return f"try:\n    exec({cell.shown_source!r})\n{clause}"
    raised = cell.statements[run.statement - 1]
    start = min([raised.lineno, *(decorator.lineno for decorator in getattr(raised, "decorator_list", []))])
    lines = cell.source.split("\n")
    before = "".join(f"{line}\n" for line in lines[: start - 1]).lstrip("\n")
    tried = "\n".join(lines[start - 1 :]).strip("\n")
    return f"{before}try:\n{_indented(tried)}\n{clause}"


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
