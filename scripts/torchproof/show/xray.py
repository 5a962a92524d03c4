"""The X-ray: every name of a shown cell that is bound to a tensor leads to the tensor's recorded state.

In the code a name becomes a link to a row of the table folded under the cell, which is the only copy of the data:
without a script the link opens the table, with one (`assets/torchproof.js`) the row is shown beside the name.
Everything comes from the facts of the run; nothing is evaluated here.
"""

import ast
import html
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..compare.transcript import words
from ..model.cells import Cell
from ..model.problems import many
from ..model.runs import CellRun, Fact

__all__ = ["COLUMNS", "Links", "Rows", "linked", "xray"]


@dataclass(frozen=True)
class State:
    """What a tensor was after a line of a cell, and is until the next state of its name."""

    fact: Fact
    """With those that share its memory after that line, which may be others than when it was recorded."""
    values: str
    cell: Cell
    line: int


States = dict[str, State]


@dataclass(frozen=True)
class _Event:
    """A name's state after a line of a cell; None where it is no tensor any more."""

    line: int
    name: str
    state: State | None
    is_own: bool = True
    """Whether the name was bound or written, and not only others came to share its memory, or ceased to."""


Links = dict[int, tuple[str, str]]
"""By column of a line, a name and the attributes of the link that it becomes."""


@dataclass
class Rows:
    """The rows that one page shows of one chapter, so that each state is on the page once."""

    numbers: Iterator[int]
    """Of all rows of the page: a page may show several chapters."""
    done: Iterable[tuple[Cell, CellRun | None]] = ()
    """What each cell of the chapter did, in order: what a page does not show binds names, too."""
    ids: dict[State, str] = field(default_factory=dict)
    starts: dict[str, States] = field(default_factory=dict)
    """By the slug of a cell, the states where it begins."""

    def before(self, cell: Cell) -> States:
        """The state of each name where a cell begins; cells of another device see their own besides the CPU's."""
        now: States = {}
        for other, run in self.done if cell.slug not in self.starts else ():
            if other.home == cell.home:
                self.starts[other.slug] = now
            if run is not None and other.home in ("cpu", cell.home):
                now = dict(now)
                for event in list(_events(other, run, now)):
                    now.pop(event.name, None)
                    now |= {event.name: event.state} if event.state else {}
        return self.starts.get(cell.slug, {})

    def id_of(self, state: State) -> str:
        """The row of a state."""
        if state not in self.ids:
            self.ids[state] = f"x{next(self.numbers)}"
        return self.ids[state]


COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "after line": ("statement",),
    "dtype": ("type", "dtype"),
    "shape": ("shape",),
    "strides": ("strides", "in_bytes"),
    "in memory": ("layout", "order", "offset", "storage", "device"),
    "shares memory with": ("shares", "same"),
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

    The table also has what names lead to and no table above has: states that a cell bound which the page does not
    show, and those of tensors that others came to share. `elsewhere` is what the cell did on other devices.
    """
    links: dict[int, Links] = {}
    before, above = rows.before(cell), set(rows.ids)
    events = list(_events(cell, run, before))
    own = [event.state for event in events if event.state and event.is_own]
    needed = {*own, *(before[state.fact.name] for state in own if state.fact.name in before)}
    for use in _uses(cell, {*before, *(event.name for event in events)}):
        states = [event.state for event in events if event.name == use.name and event.line <= use.line - use.rebound]
        if state := [before.get(use.name), *states][-1]:
            needed.add(state)
            attributes = f'class="xr" href="#{rows.id_of(state)}"'
            links.setdefault(use.line - _cut(cell) - 1, {})[use.column] = (use.name, attributes)
    states = dict.fromkeys([*before.values(), *(event.state for event in events if event.state)])
    table = [state for state in states if state in needed and state not in above]
    return linked(code, links), _table(cell, table, rows, before, elsewhere or {})


def _events(cell: Cell, run: CellRun, before: States) -> Iterator[_Event]:
    """What the statements of a cell did to the states of names, in order."""
    now = dict(before)
    for statement in sorted({seen.statement for seen in (*run.facts, *run.values)}):
        facts = {fact.name: fact for fact in run.facts if fact.statement == statement}
        texts = {seen.name: seen.text for seen in run.values if seen.statement == statement}
        for name in dict.fromkeys([*facts, *texts]):
            was, line = now.pop(name, None), cell.line_of(statement, name)
            if (fact := facts.get(name) or (was and replace(was.fact, statement=0))) and not fact.gone:
                is_known = cell.home == "cpu" and not cell.is_volatile
                now[name] = State(fact, texts.get(name, was.values if was else "") if is_known else "", cell, line)
            yield _Event(line, name, now.get(name))
        line = cell.line_of(statement, next(iter(facts), ""))
        met = {mate for fact in facts.values() for mate in (*fact.same, *fact.shares)}
        for name, was in now.items() if facts else ():
            mates = facts.keys() & {*was.fact.same, *was.fact.shares}
            if (mates or name in met) and name not in facts and (fact := _shared(was.fact, facts)) != was.fact:
                now[name] = replace(was, fact=replace(fact, statement=0), cell=cell, line=line)
                yield _Event(line, name, now[name], is_own=False)


def _shared(fact: Fact, facts: dict[str, Fact]) -> Fact:
    """A fact with those that share its memory now that other names have these facts."""
    now = {}
    for field_ in ("same", "shares"):
        mates = [name for name, other in facts.items() if fact.name in getattr(other, field_)]
        was = getattr(fact, field_)
        now[field_] = (
            *(name for name in was if name not in facts or name in mates),
            *(name for name in mates if name not in was),
        )
    return replace(fact, **now)


def _cut(cell: Cell) -> int:
    """The blank lines at the start of a cell, which no page shows."""
    return len(cell.source) - len(cell.source.lstrip("\n"))


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


def _table(cell: Cell, states: list[State], rows: Rows, before: States, elsewhere: dict[str, CellRun]) -> str:
    """The states as a table; the first row of a name that had a state before says which."""
    if not states:
        return ""
    said_of = {state: _values(state, cell, elsewhere) for state in states}
    labels = [*COLUMNS, *(f"on {device.upper()}" for device in elsewhere)]
    said = [number for number, column in enumerate(zip(*said_of.values(), strict=True)) if any(column)]
    head = "".join(f"<th>{labels[number]}</th>" for number in said)
    left = {name: rows.ids[state] for name, state in before.items() if state in rows.ids}
    body = "".join(
        f'<tr id="{rows.id_of(state)}"{_data(state, left.pop(state.fact.name, "") if state.cell == cell else "")}>'
        f"<th>{html.escape(values[0])}</th>"
        + "".join(f"<td>{html.escape(values[number])}</td>" for number in said[1:])
        + "</tr>"
        for state, values in said_of.items()
    )
    return (
        f'<details class="xr-t"><summary>X-ray: {many(len(states), "tensor state")}</summary><div class="xr-s">'
        f'<table class="xr-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>'
    )


def _data(state: State, was: str) -> str:
    """What the script reads: the values, the row before, who shares the memory, and how the tensor walks its storage.

    The walk is shape, strides, offset and size of the storage, where that can be drawn; the end is left out where
    nothing is left to say. The values come first, where the MkDocs plugin takes them from into a file.
    """
    fact = state.fact
    mates = ",".join([*fact.same, *fact.shares])
    said = {"values": state.values, "was": was, "mates": mates}
    data = "".join(f' data-{name}="{_attribute(text)}"' for name, text in said.items() if text)
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


def _attribute(text: str) -> str:
    return html.escape(text).replace("\n", "&#10;")


HELD, READ = 24, 48
"""The largest storage that is drawn, and the most elements that a tensor may read of it."""


def _values(state: State, cell: Cell, elsewhere: dict[str, CellRun]) -> list[str]:
    """What a row says under each label; a column in which no row says anything is left out."""
    fact, said = state.fact, _said(state.fact)
    column = {label: ", ".join(said[name] for name in names if said.get(name)) for label, names in COLUMNS.items()}
    line = f"{state.line - _cut(state.cell)}"
    column["after line"] = line if state.cell == cell else f"{line} of “{state.cell.title}”"
    column |= {"dtype": said["dtype"], "shape": str(fact.shape)}
    there = [(run.facts if state.cell == cell else ()) for run in elsewhere.values()]
    return [*column.values(), *(_otherwise(fact, facts) for facts in there)]


def _said(fact: Fact) -> dict[str, str]:
    """Each field of a fact that says something, in a reader's words: the column's label stands for some of them."""
    said = {name: word.removeprefix(SILENT.get(name, "")) for name, word in words(fact).items()}
    said |= {name: PLAIN[said[name]] for name in said if said[name] in PLAIN}
    if fact.same:
        said["same"] = f"the same object: {', '.join(fact.same)}"
    if fact.same and fact.shares:
        said["shares"], said["same"] = f"{said['shares']}; {said['same']}", ""
    if fact.in_bytes:
        said["strides"] += f" {said.pop('in_bytes').removeprefix('in ')}"
    if fact.offset:
        said["offset"] = f"starts at place {fact.offset}"
    if fact.storage is not None:
        said["storage"] = f"storage of {many(fact.storage, 'number')}"
    dtype = fact.dtype if fact.type == "Tensor" else f"{fact.type} {fact.dtype}"
    return {"name": fact.name, "dtype": dtype, **said}


SILENT = {"device": "on ", "layout": "layout ", "strides": "strides ", "shares": "shares "}
"""What a transcript says before these fields, and a page does not."""

PLAIN = {
    "contiguous": "in one run (contiguous)",
    "not contiguous": "with jumps (not contiguous)",
    "leaf": "a leaf: its gradient lands in .grad",
    "retains_grad": "keeps its .grad (retains_grad)",
}
"""Words of a transcript that a page explains."""


def _otherwise(fact: Fact, there: tuple[Fact, ...]) -> str:
    """What the same tensor's state holds on another device, and not here."""
    known = next((other for other in there if (other.statement, other.name) == (fact.statement, fact.name)), None)
    if known is None:
        return ""
    here = {fact.sizes, *words(fact).values()}
    said = {"sizes": known.sizes, **words(known)}
    return ", ".join(text.removeprefix("on ") for text in said.values() if text not in here)
