"""What a proof is about, as far as its text tells: one that names nothing that torch or a cell made cannot fail."""

import ast
import builtins
from collections.abc import Iterator

__all__ = ["hollow", "names_in"]


def hollow(source: str) -> str:
    """Why a proof proves nothing about torch, and what to do; empty where its text does not tell."""
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the session says so
        return ""
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    for part in parts:
        if not names_in(part) - KNOWN:
            return f"names nothing of its session or of torch in `{ast.unparse(part)}`, {ARITHMETIC}"
        if not names_in(part, docstrings=False) - KNOWN:
            return DOCSTRING
    return ""


def names_in(node: ast.AST, *, docstrings: bool = True) -> set[str]:
    """The names that an expression takes from outside; without those that only docstrings are asked of, if so told."""
    own = {use.id for use in ast.walk(node) if isinstance(use, ast.Name) and isinstance(use.ctx, ast.Store)}
    own |= {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
    return set(_names(node, docstrings=docstrings)) - own


def _names(node: ast.AST, *, docstrings: bool) -> Iterator[str]:
    called = node.func if isinstance(node, ast.Call) else None
    word = getattr(called, "attr", getattr(called, "id", getattr(node, "attr", "")))
    if word in ("__doc__", "getdoc", "help") and not docstrings:
        return
    if isinstance(node, ast.Name):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _names(child, docstrings=docstrings)


KNOWN = {*dir(builtins), "inspect", "math", "re"}
"""Names that no cell and no torch makes."""

ARITHMETIC = "which cannot fail; prove what torch does, by a name of the cell, or drop {.proof}"
DOCSTRING = "proves that somebody wrote so; prove that it is so, or drop {.proof}"
