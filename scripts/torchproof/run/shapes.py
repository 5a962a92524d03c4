"""The shapes of values at the lines that a comment says one of: noted while the line runs, in functions too.

A copy of the statement is run in which the value goes through `Shapes.note`, which returns it. What is compiled,
traced or scripted would see that call, so in such a snippet only what stands outside of functions is noted.
"""

import ast
import contextlib
import copy
import re
import sys
from typing import Any

from ..model.runs import Seen
from .facts import is_array, is_tensor, no_dispatch, no_modes, shape_of

__all__ = ["Shapes"]

NOTE = "__torchproof_note__"
"""The name of `Shapes.note` in a cell: a builtin, for no namespace of the cell's may hold it."""

MOST = 20
"""Shapes that are kept of one line: it may be that of a loop."""

READS_CODE = re.compile(r"\b(compile|jit|export|fx|make_fx|dis|explain|settrace|profile)\b")


WITH_VALUE = (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr)


class Shapes:
    """What came by at the lines that were asked for."""

    def __init__(self, lines: tuple[int, ...], text: str) -> None:
        self.lines = frozenset(lines)
        self.found: dict[int, dict[tuple[tuple[int, ...], ...], None]] = {}
        self.is_deep = not READS_CODE.search(text)
        setattr(sys.modules["builtins"], NOTE, self.note)  # the cells' own

    def watched(self, statement: ast.stmt) -> ast.stmt:
        """The statement, or, where a line of it is asked for, a copy that notes the value there."""
        if self.lines.isdisjoint(range(statement.lineno, statement.end_lineno + 1)):
            return statement
        statement = copy.deepcopy(statement)
        for node in self._inside(statement):
            if isinstance(node, ast.FunctionDef):
                self._watch_argument(node)
            elif isinstance(node, WITH_VALUE) and node.value is not None and node.end_lineno in self.lines:
                self._watch_value(node)
        return ast.fix_missing_locations(statement)

    def note(self, line: int, value: Any) -> Any:
        """Keep the shape of a value, and return the value."""
        with contextlib.suppress(Exception):  # a shape that cannot be told is none
            found = self.found.setdefault(line, {})
            if (shapes := _shapes(value)) and len(found) < MOST:
                found[shapes] = None
        return value

    def seen(self) -> tuple[Seen, ...]:
        """The shapes of each line where there were any."""
        return tuple(Seen(line, tuple(found)) for line, found in sorted(self.found.items()) if found)

    def _inside(self, statement: ast.stmt) -> list[ast.AST]:
        if self.is_deep:
            return list(ast.walk(statement))
        is_definition = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        return [] if is_definition else [statement]

    def _watch_value(self, node: ast.Assign | ast.AnnAssign | ast.Return | ast.Expr) -> None:
        value = node.value
        prints = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
        if not prints:
            node.value = _call(node.end_lineno, value)
        elif value.args and not isinstance(value.args[0], ast.Starred):
            value.args[0] = _call(node.end_lineno, value.args[0])

    def _watch_argument(self, node: ast.FunctionDef) -> None:
        """Note the first argument of a function whose heading is asked for; a method's is the one after `self`."""
        names = [argument.arg for argument in node.args.args if argument.arg != "self"]
        heading = node.body[0].lineno - 1
        line = next((line for line in range(node.lineno, heading + 1) if line in self.lines), 0)
        if line and names:
            first = 1 if ast.get_docstring(node, clean=False) is not None else 0
            place = node.body[0]
            call = ast.copy_location(
                ast.Expr(_call(line, ast.copy_location(ast.Name(names[0], ast.Load()), place))), place
            )
            node.body.insert(first, call)


def _call(line: int, value: ast.expr) -> ast.Call:
    """`note(line, value)`, where the value stands."""
    parts = ast.Name(NOTE, ast.Load()), ast.Constant(line)
    name, number = (ast.copy_location(part, value) for part in parts)
    return ast.copy_location(ast.Call(name, [number, value], []), value)


def _shapes(value: Any) -> tuple[tuple[int, ...], ...]:
    """The shape of a tensor or array, or of each in a tuple or list; a tuple of whole numbers is one; else none."""
    kind = next((kind for kind in (tuple, list) if issubclass(type(value), kind)), None)
    parts = tuple(kind.__iter__(value)) if kind else (value,)
    if kind is tuple and parts and all(type(size) is int for size in parts):
        return (parts,)
    with no_modes():
        return tuple(map(_shape, (part for part in parts if is_tensor(part) or is_array(part))))


def _shape(value: Any) -> tuple[int, ...]:
    with no_dispatch(value):
        return tuple(map(int, shape_of(value)))
