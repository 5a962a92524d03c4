"""The X-ray: every name of a shown cell that is bound to a tensor leads to the tensor's recorded state.

In the code a name becomes a link to a row of the table folded under the cell, which is the only copy of the data:
without a script the link opens the table, with one (`docs/assets/xray.js`) the row is shown beside the name.
Everything comes from the facts of the run; nothing is evaluated here.
"""

import ast
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .cells import Cell
from .runner import CellRun

__all__ = ["Rows", "xray"]

Fact = dict[str, Any]
States = dict[str, str]
"""The id of the row that shows the present state of each name: the last one that a shown cell has recorded."""


@dataclass
class Rows:
    """The rows that one page shows of one chapter, so that each state is on the page once."""

    numbers: Iterator[int]
    """Of all rows of the page: a page may show several chapters."""
    now: States = field(default_factory=dict)
    there: States = field(default_factory=dict)
    """What cells of another device bound, which the cells of the CPU's session do not see."""


LABELS = ("name", "line", "dtype", "shape", "strides", "layout", "shares storage with", "gradient")


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
    links: dict[tuple[int, int], tuple[str, str]] = {}
    states: dict[int, States] = {}
    cut = len(cell.source) - len(cell.source.lstrip("\n"))
    facts = [(f"x{next(rows.numbers)}", fact) for fact in run.facts]
    before = rows.now if cell.home == "cpu" else rows.now | rows.there
    tracked = {*before, *(fact["name"] for fact in run.facts)}
    for use in _uses(cell.source, tracked):
        last = use.line - 1 if use.rebound else use.line
        if last not in states:
            states[last] = _after(before, [(row, fact) for row, fact in facts if fact["line"] <= last])
        if use.name in states[last]:
            links[use.line - cut, use.column] = (use.name, states[last][use.name])
    if cell.home == "cpu":
        rows.now = _after(rows.now, facts)
    else:
        rows.there = _after(rows.there, facts)
    return _linked(code, links), _table(facts, elsewhere or {})


def _after(states: States, facts: list[tuple[str, Fact]]) -> States:
    """The states after the facts, which are those of a cell or the first of them."""
    rows = {fact["name"]: "" if fact["type"] == "gone" else row for row, fact in facts}
    return {name: row for name, row in (states | rows).items() if row}


def _uses(source: str, tracked: set[str]) -> Iterator[_Use]:
    """Tracked names at module level: not in functions and classes, whose names are their own, nor in f-strings."""
    if tracked.isdisjoint(WORD.findall(source)):
        return
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    lines = source.split("\n")
    for statement in tree.body:
        names = [node for node in _names(statement) if node.id in tracked]
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        simple = not hasattr(statement, "body")
        for node in names:
            line = lines[node.lineno - 1]
            column = node.col_offset if line.isascii() else len(line.encode()[: node.col_offset].decode())
            rebound = simple and isinstance(node.ctx, ast.Load) and node.id in stored
            yield _Use(node.id, node.lineno, column, rebound)


def _names(statement: ast.stmt) -> list[ast.Name]:
    found: list[ast.Name] = []
    left: list[Any] = [statement]
    while left:
        node = left.pop()
        kind = type(node)
        if kind is ast.Name:
            found.append(node)
        elif kind is list:
            left += node
        elif isinstance(node, ast.AST) and kind not in OWN:
            left += [getattr(node, field, None) for field in kind._fields]
    return found


OWN = {
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.JoinedStr,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
}  # fmt: skip
"""What has names of its own."""

WORD = re.compile(r"\w+")


def _linked(code: str, links: dict[tuple[int, int], tuple[str, str]]) -> str:
    """Highlighted HTML with the names at the given (line, column) turned into links."""
    start = code.index("<code>") + len("<code>")
    end = code.rindex("</code>")
    lines = code[start:end].split("\n")
    by_line: dict[int, dict[int, tuple[str, str]]] = {}
    for (line, column), link in sorted(links.items()):
        by_line.setdefault(line - 1, {})[column] = link
    for line, columns in by_line.items():
        lines[line] = _linked_line(lines[line], columns)
    return code[:start] + "\n".join(lines) + code[end:]


def _linked_line(line: str, columns: dict[int, tuple[str, str]]) -> str:
    out: list[str] = []
    past = 0
    for piece in MARKUP.split(line):
        if piece.startswith("<"):
            out.append(piece)
        elif piece.startswith("&"):
            out.append(piece)
            past += 1
        else:
            done = 0
            for column, (name, row) in columns.items():
                if past <= column < past + len(piece) and piece.startswith(name, column - past):
                    out += [piece[done : column - past], f'<a class="xr" href="#{row}">{name}</a>']
                    done = column - past + len(name)
            out.append(piece[done:])
            past += len(piece)
    return "".join(out)


MARKUP = re.compile(r"(<[^>]*>|&[^;]+;)")
"""A tag, or the name of one character."""


def _table(facts: list[tuple[str, Fact]], elsewhere: dict[str, CellRun]) -> str:
    others = [_otherwise([fact for _, fact in facts], run.facts) for run in elsewhere.values()]
    rows = {
        row: [*_values(fact), *(other[number] for other in others)]
        for number, (row, fact) in enumerate(facts)
        if fact["type"] != "gone"
    }
    if not rows:
        return ""
    labels = [*LABELS, *(f"on {device.upper()}" for device in elsewhere)]
    said = [number for number, column in enumerate(zip(*rows.values(), strict=True)) if any(column)]
    head = "".join(f"<th>{labels[number]}</th>" for number in said)
    body = "".join(
        f'<tr id="{row}"><th>{html.escape(values[0])}</th>'
        + "".join(f"<td>{html.escape(values[number])}</td>" for number in said[1:])
        + "</tr>"
        for row, values in rows.items()
    )
    count = f"{len(rows)} tensor state{'s' if len(rows) > 1 else ''}"
    return (
        f'<details class="xr-t"><summary>X-ray: {count}</summary><div class="xr-s"><table class="xr-rows">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _otherwise(facts: list[Fact], there: list[Fact]) -> list[str]:
    """For each fact, what the same tensor's state holds on another device, and not here."""
    known = {(fact["statement"], fact["name"]): [fact["type"], *fact["state"]] for fact in there}
    return [
        ", ".join(_without(known.get((fact["statement"], fact["name"]), []), [fact["type"], *fact["state"]]))
        for fact in facts
    ]


def _without(texts: list[str], known: list[str]) -> list[str]:
    return [text for text in texts if text not in known]


def _values(fact: Fact) -> list[str]:
    """What a row says under each label; a column in which no row says anything is left out."""
    state = fact["state"]
    kind, _, shape = fact["type"].partition("[")
    memory = [text for text in state if text.startswith(("offset", "storage of")) or text in LAYOUTS]
    memory += [text for text in state if ":" in text or text in DEVICES]
    return [
        fact["name"],
        str(fact["line"]),
        kind,
        _shape(shape.removesuffix("]")),
        _told("strides ", state),
        ", ".join(memory),
        _told("shares ", state) + _told("is ", state, "the same object: "),
        ", ".join(text.removeprefix("grad_fn ") for text in state if text.startswith(GRADIENT)),
    ]


def _shape(sizes: str) -> str:
    return f"({sizes},)" if sizes and "," not in sizes else f"({sizes})"


LAYOUTS = ("contiguous", "not contiguous", "channels_last", "opaque", "sparse_coo", "sparse_csr", "jagged")
DEVICES = ("meta", "cuda")
GRADIENT = ("requires_grad", "leaf", "grad_fn ", "retains_grad", "grad ")


def _told(prefix: str, state: list[str], label: str = "") -> str:
    return next((label + text.removeprefix(prefix) for text in state if text.startswith(prefix)), "")
