"""The X-ray: every name of a shown cell that is bound to a tensor leads to the tensor's recorded state.

In the code a name becomes a link to a row of the table folded under the cell, which is the only copy of the data:
without a script the link opens the table, with one (`docs/assets/xray.js`) the row is shown beside the name.
Everything comes from the facts of the run; nothing is evaluated here.
"""

import ast
import html
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..compare.transcript import words
from ..model.cells import Cell
from ..model.problems import many
from ..model.runs import CellRun, Fact

__all__ = ["COLUMNS", "Links", "Rows", "linked", "xray"]

States = dict[str, str]
"""The id of the row that shows the present state of each name: the last one that a shown cell has recorded."""

Links = dict[int, tuple[str, str]]
"""By column of a line, a name and the attributes of the link that it becomes."""


@dataclass
class Rows:
    """The rows that one page shows of one chapter, so that each state is on the page once."""

    numbers: Iterator[int]
    """Of all rows of the page: a page may show several chapters."""
    now: States = field(default_factory=dict)
    there: States = field(default_factory=dict)
    """What cells of another device bound, which the cells of the CPU's session do not see."""


COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "line": ("statement",),
    "dtype": ("type", "dtype"),
    "shape": ("shape",),
    "strides": ("strides", "in_bytes"),
    "layout": ("layout", "offset", "storage", "order", "device"),
    "shares storage with": ("shares", "same"),
    "gradient": ("requires_grad", "leaf", "grad_fn", "retains_grad", "grad"),
}
"""The columns of the table, each with the fields of a fact that it says."""


@dataclass(frozen=True)
class _Use:
    """A name in the code, at module level."""

    name: str
    line: int
    column: int
    rebound: bool
    """Whether its statement rebinds the name it reads, so that the state before counts."""


def xray(
    cell: Cell, code: str, run: CellRun, rows: Rows, elsewhere: dict[str, CellRun] | None = None
) -> tuple[str, str]:
    """The highlighted code with its tensors' names linked, and the table of what the cell changed.

    `rows` go on to the state after the cell. `elsewhere` is what the cell did on other devices: where a tensor came
    out otherwise there, its row says so.
    """
    links: dict[int, Links] = {}
    states: dict[int, States] = {}
    cut = len(cell.source) - len(cell.source.lstrip("\n"))
    facts = [(f"x{next(rows.numbers)}", fact) for fact in run.facts]
    lines = {row: cell.line_of(fact.statement, fact.name) for row, fact in facts}
    before = rows.now if cell.home == "cpu" else rows.now | rows.there
    tracked = {*before, *(fact.name for fact in run.facts)}
    for use in _uses(cell, tracked):
        last = use.line - 1 if use.rebound else use.line
        if last not in states:
            states[last] = _after(before, [(row, fact) for row, fact in facts if lines[row] <= last])
        if use.name in states[last]:
            links.setdefault(use.line - cut - 1, {})[use.column] = (
                use.name,
                f'class="xr" href="#{states[last][use.name]}"',
            )
    if cell.home == "cpu":
        rows.now = _after(rows.now, facts)
    else:
        rows.there = _after(rows.there, facts)
    return linked(code, links), _table(facts, lines, elsewhere or {})


def _after(states: States, facts: list[tuple[str, Fact]]) -> States:
    """The states after the facts, which are those of a cell or the first of them."""
    rows = {fact.name: "" if fact.gone else row for row, fact in facts}
    return {name: row for name, row in (states | rows).items() if row}


def _uses(cell: Cell, tracked: set[str]) -> Iterator[_Use]:
    """Tracked names at module level: not in functions and classes, whose names are their own, nor in f-strings."""
    lines = cell.source.split("\n")
    for statement in cell.statements:
        names = [node for node in _names(statement) if node.id in tracked]
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        simple = not hasattr(statement, "body")
        for node in names:
            line = lines[node.lineno - 1]
            column = node.col_offset if line.isascii() else len(line.encode()[: node.col_offset].decode())
            rebound = simple and isinstance(node.ctx, ast.Load) and node.id in stored
            yield _Use(node.id, node.lineno, column, rebound)


def _names(node: ast.AST) -> Iterator[ast.Name]:
    if isinstance(node, ast.Name):
        yield node
    elif not isinstance(node, OWN):
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


OWN = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.JoinedStr,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
"""What has names of its own."""


def linked(code: str, links: dict[int, Links]) -> str:
    """Highlighted HTML with names turned into links; `links` has those of each line."""
    start = code.index("<code>") + len("<code>")
    end = code.rindex("</code>")
    lines = code[start:end].split("\n")
    for line, found in links.items():
        lines[line] = _linked_line(lines[line], found)
    return code[:start] + "\n".join(lines) + code[end:]


def _linked_line(line: str, links: Links) -> str:
    out: list[str] = []
    past = 0
    for piece in MARKUP.split(line):
        if piece.startswith(("<", "&")):
            out.append(piece)
            past += piece.startswith("&")
        else:
            done = 0
            for column, (name, attributes) in sorted(links.items()):
                if past <= column < past + len(piece) and piece.startswith(name, column - past):
                    out += [piece[done : column - past], f"<a {attributes}>{name}</a>"]
                    done = column - past + len(name)
            out.append(piece[done:])
            past += len(piece)
    return "".join(out)


MARKUP = re.compile(r"(<[^>]*>|&[^;]+;)")
"""A tag, or the name of one character."""


def _table(facts: list[tuple[str, Fact]], lines: dict[str, int], elsewhere: dict[str, CellRun]) -> str:
    rows = [(row, fact, _values(fact, lines[row], elsewhere)) for row, fact in facts if not fact.gone]
    if not rows:
        return ""
    labels = [*COLUMNS, *(f"on {device.upper()}" for device in elsewhere)]
    said = [number for number, column in enumerate(zip(*(values for *_, values in rows), strict=True)) if any(column)]
    head = "".join(f"<th>{labels[number]}</th>" for number in said)
    body = "".join(
        f'<tr id="{row}"{_data(fact)}><th>{html.escape(values[0])}</th>'
        + "".join(f"<td>{html.escape(values[number])}</td>" for number in said[1:])
        + "</tr>"
        for row, fact, values in rows
    )
    return (
        f'<details class="xr-t"><summary>X-ray: {many(len(rows), "tensor state")}</summary><div class="xr-s">'
        f'<table class="xr-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>'
    )


def _data(fact: Fact) -> str:
    """What the script reads: who shares the tensor's memory, and how it walks its storage, where that can be drawn.

    The walk is shape, strides, offset and size of the storage; the end is left out where nothing is left to say.
    """
    mates = ",".join([*fact.same, *fact.shares])
    data = f' data-mates="{html.escape(mates)}"' if mates else ""
    if not fact.strides or fact.in_bytes:
        return data
    count = math.prod(fact.shape)
    held = count if fact.storage is None else fact.storage
    if held > HELD or count > READ:
        return data
    size = [held] if held != count else []
    offset = [fact.offset] if fact.offset or size else []
    walk = json.dumps([fact.shape, fact.strides, *offset, *size], separators=(",", ":"))
    return f'{data} data-walk="{walk}"'


HELD, READ = 24, 48
"""The largest storage that is drawn, and the most elements that a tensor may read of it."""


def _values(fact: Fact, line: int, elsewhere: dict[str, CellRun]) -> list[str]:
    """What a row says under each label; a column in which no row says anything is left out."""
    said = _said(fact)
    column = {label: ", ".join(said[name] for name in names if said.get(name)) for label, names in COLUMNS.items()}
    column |= {"line": str(line), "dtype": said["dtype"], "shape": str(fact.shape)}
    return [*column.values(), *(_otherwise(fact, run.facts) for run in elsewhere.values())]


def _said(fact: Fact) -> dict[str, str]:
    """Each field of a fact that says something, as the page says it: the column's label stands for some words."""
    said = {name: word.removeprefix(SILENT.get(name, "")) for name, word in words(fact).items()}
    if fact.same:
        said["same"] = f"the same object: {', '.join(fact.same)}"
    if fact.same and fact.shares:
        said["shares"], said["same"] = f"{said['shares']}; {said['same']}", ""
    if fact.in_bytes:
        said["strides"] += f" {said.pop('in_bytes').removeprefix('in ')}"
    dtype = fact.dtype if fact.type == "Tensor" else f"{fact.type} {fact.dtype}"
    return {"name": fact.name, "dtype": dtype, **said}


SILENT = {"device": "on ", "layout": "layout ", "strides": "strides ", "grad_fn": "grad_fn ", "shares": "shares "}
"""What a transcript says before these fields, and a page does not."""


def _otherwise(fact: Fact, there: tuple[Fact, ...]) -> str:
    """What the same tensor's state holds on another device, and not here."""
    known = next((other for other in there if (other.statement, other.name) == (fact.statement, fact.name)), None)
    if known is None:
        return ""
    here = {fact.sizes, *words(fact).values()}
    said = {"sizes": known.sizes, **words(known)}
    return ", ".join(text.removeprefix("on ") for text in said.values() if text not in here)
