"""What a page shows of live objects inside a session: drawings of tensors, tables, and values in its sentences.

Each kind is the plain data of its picture, with `of`, which makes it from the text of the fence,
and `lines`, which a transcript records. `show/drawings.py` makes the picture from the data and nothing else.
"""

import ast
import contextlib
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .text import error_text, visible

__all__ = ["KINDS", "Broadcast", "Data", "Graph", "Memory", "Node", "Row", "Table", "Value", "View", "measure"]

ELEMENTS = 64
"""The most elements that a drawing shows; more would be a texture, not an explanation."""

NODES = 24
"""The most nodes of a graph."""

CHARACTERS = 600
"""The most characters of one value in a table."""

Evaluate = Callable[[str], Any]
"""Evaluates an expression in the session's namespace."""


@dataclass(frozen=True)
class View:
    """One tensor's walk over a storage."""

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    contiguous: bool

    @property
    def order(self) -> str:
        return "contiguous" if self.contiguous else "not contiguous"


@dataclass(frozen=True)
class Memory:
    """Several walks over one storage: its numbers, and each tensor's shape, strides and offset."""

    dtype: str
    storage: tuple[str, ...]
    views: tuple[View, ...]

    @classmethod
    def of(cls, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> "Memory":
        names, tensors = _tensors(source, evaluate)
        first = tensors[0]
        storage = first.untyped_storage()
        held = storage.nbytes() // first.element_size()
        for name, tensor in zip(names, tensors, strict=True):
            if tensor.untyped_storage().data_ptr() != storage.data_ptr() or tensor.dtype != first.dtype:
                raise ValueError(f"{name} and {names[0]} do not share a storage and a dtype; draw them in two fences")
            if tensor.ndim > 4 or max(held, tensor.numel()) > ELEMENTS:
                size = f"{tensor.ndim} dimensions, {tensor.numel()} elements, a storage of {held}"
                raise ValueError(f"{name} has {size}; a memory drawing takes 4 dimensions and {ELEMENTS} elements")
        flat = first.detach().as_strided((held,), (1,), 0).tolist()
        views = (
            View(name, tuple(t.shape), t.stride(), t.storage_offset(), t.is_contiguous())
            for name, t in zip(names, tensors, strict=True)
        )
        return cls(str(first.dtype).removeprefix("torch."), tuple(map(_number, flat)), tuple(views))

    def lines(self) -> Iterator[str]:
        yield f"storage {' '.join(self.storage)}"
        for view in self.views:
            where = f"strides {view.strides}  offset {view.offset}"
            yield f"{view.name}  shape {view.shape}  {where}  {view.order}"


@dataclass(frozen=True)
class Broadcast:
    """How shapes align from the right, and which axes repeat."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]
    values: tuple[tuple[str, ...], ...]
    """Each tensor's numbers; none where they are too many to show."""

    @classmethod
    def of(cls, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> "Broadcast":
        names, tensors = _tensors(source, evaluate)
        if len(tensors) < 2:
            raise ValueError("broadcasting takes two tensors or more, separated by commas")
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        try:
            result = tuple(sys.modules["torch"].broadcast_shapes(*shapes))
        except RuntimeError as error:
            raise ValueError(f"{', '.join(names)} do not broadcast: {error}") from None
        few = len(result) <= 2 and math.prod(result) <= ELEMENTS
        values = (tuple(map(_number, tensor.detach().flatten().tolist())) for tensor in tensors) if few else ()
        return cls(tuple(names), shapes, result, tuple(values))

    def lines(self) -> Iterator[str]:
        for name, shape in zip(self.names, self.shapes, strict=True):
            yield f"{name}  shape {shape}"
        yield f"result shape {self.result}"
        for name, values in zip(self.names, self.values, strict=False):
            yield f"{name}  {' '.join(values)}"


@dataclass(frozen=True)
class Node:
    """A step of a graph, or one of its ends."""

    label: str
    kind: str
    """`root`, `op` or `leaf`."""
    shape: tuple[int, ...] = ()
    saved: tuple[str, ...] = ()
    """What a step keeps for its backward, as `name (shape)`."""

    def __str__(self) -> str:
        shape = f"  shape {self.shape}" if self.kind != "op" else ""
        saved = f"  saves {', '.join(self.saved)}" if self.saved else ""
        return f"{self.kind} {self.label}{shape}{saved}"


@dataclass(frozen=True)
class Graph:
    """The graph behind a result: what made it, from what, what each step saved, and which leaves get a `.grad`."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    """Places in `nodes`, from a result to what it was made of."""

    @classmethod
    def of(cls, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> "Graph":
        names, tensors = _tensors(source, evaluate)
        tensor = tensors[0]
        if len(tensors) > 1 or tensor.grad_fn is None:
            raise ValueError(f"{', '.join(names)}: a graph starts at one tensor that has a grad_fn")
        named = {name: value for name, value in namespace.items() if not name.startswith("_")}
        models = {name: value for name, value in named.items() if isinstance(value, sys.modules["torch"].nn.Module)}
        parts = {f"{name}.{part}": p for name, model in models.items() for part, p in model.named_parameters()}
        known = {id(value): name for name, value in (parts | named).items()}
        nodes = [Node(names[0], "root", tuple(tensor.shape))]
        edges: list[tuple[int, int]] = []
        places: dict[Any, int] = {}

        def visit(function: Any) -> int:
            if function in places:
                return places[function]
            place = places[function] = len(nodes)
            if place >= NODES:
                raise ValueError(f"the graph of {names[0]} has more than {NODES} nodes; draw a part of it")
            leaf = getattr(function, "variable", None)
            if leaf is not None:
                nodes.append(Node(known.get(id(leaf), "a leaf"), "leaf", tuple(leaf.shape)))
                return place
            nodes.append(Node(function.name().rpartition("::")[2], "op", saved=tuple(_saved(function))))
            for above, _ in function.next_functions:
                if above is not None:
                    edges.append((place, visit(above)))
            return place

        edges.insert(0, (0, visit(tensor.grad_fn)))
        return cls(tuple(nodes), tuple(edges))

    def lines(self) -> Iterator[str]:
        yield from map(str, self.nodes)
        for above, below in self.edges:
            yield f"{self.nodes[above].label} → {self.nodes[below].label}"


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    label: str
    expression: str
    value: str
    raised: bool = False
    """Whether `value` is the error that the expression raises."""


@dataclass(frozen=True)
class Table:
    """Expressions and their values: `label | expression` or `expression` on each line of the fence.

    A bar of Python's own needs a label before it, or none: `| a | b` is the expression `a | b`.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> "Table":
        lines = [line.strip() for line in source.split("\n") if line.strip()]
        if not lines:
            raise ValueError("it has no row; write `expression` or `label | expression` on each line")
        split = [_split(line) for line in lines]
        bare = [expression for label, expression in split if label is None]
        if bare and any(label for label, _ in split):
            raise ValueError(
                f"the row `{bare[0]}` has no label, others have; write `label | {bare[0]}` or `| {bare[0]}`"
            )
        return cls(tuple(_row(label or "", expression, evaluate) for label, expression in split))

    def lines(self) -> Iterator[str]:
        for row in self.rows:
            yield f"{row.label} | {row.expression}".removeprefix(" | ")
            for line in row.value.split("\n"):
                yield f"{'x' if row.raised else '='} {line}"


@dataclass(frozen=True)
class Value:
    """An expression in a sentence as the text that stands there: `loss.item():.2f` is written as in an f-string."""

    text: str

    @classmethod
    def of(cls, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> "Value":
        try:
            expression, conversion, spec = _taken_apart(source)
            value = evaluate(expression)
            text = format(CONVERSIONS[conversion](value), spec)
        except Exception as error:
            known = "write an expression of names that the cells above it bind, and perhaps a format, as in an f-string"
            raise ValueError(f"raises {error_text(error)}; {known}") from None
        lines = text.count("\n") + 1
        if not any(isinstance(node, ast.Name) for node in ast.walk(ast.parse(expression))):
            raise ValueError("names nothing of the session, so it was typed by hand; take it from what a cell binds")
        if value is None or not text.strip():
            raise ValueError(f"has nothing to read: it is {value!r}; ask for what the sentence says")
        if lines > 1:
            raise ValueError(f"has {lines} lines, a sentence one; say a number of it, or show it below a cell")
        if re.search(r"\bat 0x[0-9a-f]+", text):
            raise ValueError(f"holds an address, another in each run: {text}; ask for something of the object")
        return cls(visible(text))

    def lines(self) -> Iterator[str]:
        yield f"= {self.text}"


CONVERSIONS: dict[str, Callable[[Any], Any]] = {"": lambda value: value, "!r": repr, "!s": str, "!a": ascii}

Data = Memory | Broadcast | Graph | Table | Value

KINDS: dict[str, type[Data]] = {"memory": Memory, "broadcast": Broadcast, "graph": Graph, "table": Table}
"""By the name of the fence."""


def measure(kind: str, source: str, evaluate: Evaluate, namespace: Mapping[str, Any]) -> Data:
    """Measure what a fence or a value shows.

    Raises:
        ValueError: it cannot be shown so; says why, and what to do.
        Exception: whatever evaluating the expressions raises.
    """
    return (Value if kind == "value" else KINDS[kind]).of(source, evaluate, namespace)


def _tensors(source: str, evaluate: Evaluate) -> tuple[list[str], list[Any]]:
    """The expressions of a drawing, separated by commas, and the tensors that they are."""
    tree = ast.parse(source.strip(), "<drawing>", "eval").body
    names = [ast.unparse(node) for node in (tree.elts if isinstance(tree, ast.Tuple) else [tree])]
    values = [evaluate(name) for name in names]
    torch = sys.modules.get("torch")
    for name, value in zip(names, values, strict=True):
        if torch is None or not isinstance(value, torch.Tensor):
            raise ValueError(f"{name} is no tensor but {type(value).__name__}")
    return names, values


def _saved(function: Any) -> Iterator[str]:
    """What a node keeps for its backward, as `name (shape)`; freed ones are gone."""
    for name in sorted(name for name in dir(function) if name.startswith("_saved_")):
        try:
            value = getattr(function, name)
        except RuntimeError:  # freed by a backward
            continue
        if isinstance(value, sys.modules["torch"].Tensor):
            yield f"{name.removeprefix('_saved_')} {tuple(value.shape)}"


BAR = re.compile(r"(?:^|\s)\|\s")
"""What ends a label."""


def _split(line: str) -> tuple[str | None, str]:
    """The label of a row, None where there is no bar after one, and its expression."""
    for bar in BAR.finditer(line):
        label, expression = line[: bar.start()].strip(), line[bar.end() :].strip()
        if _is_code(label):
            raise ValueError(
                f"`{label}` before the bar of `{line}` is code, which a label is not, since nobody would run it; "
                f"write words, or `| {line}` where the bar is Python's"
            )
        if label.count('"') % 2 == 0 and all(label.count(left) == label.count(right) for left, right in BRACKETS):
            return label, expression
    return None, line


def _is_code(label: str) -> bool:
    """Whether a label computes something, and is written as code is: `mean (all)` and `at -1` are words."""
    try:
        tree = ast.parse(label, "<label>", "eval").body
    except SyntaxError:
        return False
    code, written = (re.sub(r"[()]", "", text).replace('"', "'") for text in (ast.unparse(tree), label))
    return code == written and not all(isinstance(part, WORDS) for part in ast.walk(tree))


BRACKETS = ("()", "[]", "{}")

WORDS = (ast.Name, ast.Constant, ast.Attribute, ast.expr_context, ast.UnaryOp, ast.USub)


def _row(label: str, expression: str, evaluate: Evaluate) -> Row:
    try:
        value, raised = repr(evaluate(expression)), False
    except (NameError, SyntaxError) as error:  # a slip of the author's, no answer
        known = "write one expression on each line, of names that the cells above it bind"
        raise ValueError(f"`{expression}` raises {error_text(error)}; {known}") from None
    except Exception as error:
        value, raised = error_text(error), True
    if len(value) > CHARACTERS:
        message = f"the value of `{expression}` has {len(value)} characters; a table takes {CHARACTERS}"
        raise ValueError(f"{message}: ask for less of it, or print it in a cell")
    return Row(visible(label), visible(expression), visible(value), raised)


def _taken_apart(source: str) -> tuple[str, str, str]:
    """Expression, conversion and format; the expression is the longest that Python reads.

    Raises:
        SyntaxError: there is none.
    """
    for end in (len(source), *(mark.start() for mark in reversed([*re.finditer("[:!]", source)]))):
        rest = FORMAT.fullmatch(source[end:])
        with contextlib.suppress(SyntaxError):
            if rest and ast.parse(source[:end].strip(), "<value>", "eval"):
                return source[:end].strip(), rest["conversion"] or "", rest["spec"] or ""
    ast.parse(source, "<value>", "eval")
    raise SyntaxError(f"no expression with a format: {source}")


FORMAT = re.compile(r"(?P<conversion>![rsa])?(?::(?P<spec>[^{}]*))?")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
