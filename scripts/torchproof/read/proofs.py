"""What a proof is about, as far as its text tells: one that names nothing that torch or a cell made cannot fail."""

import ast
import builtins

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
        if any(word in source for word in DOCSTRINGS) and not names_in(part, docstrings=False) - KNOWN:
            return DOCSTRING
    return ""


def names_in(node: ast.AST, *, docstrings: bool = True) -> set[str]:
    """The names that an expression takes from outside; without those that only docstrings are asked of, if so told."""
    nodes = list(ast.walk(node))
    own = {use.id for use in nodes if isinstance(use, ast.Name) and isinstance(use.ctx, ast.Store)}
    own |= {argument.arg for argument in nodes if isinstance(argument, ast.arg)}
    asked = set() if docstrings else {part for each in nodes if _asks_docstring(each) for part in ast.walk(each)}
    return {use.id for use in nodes if isinstance(use, ast.Name) and use not in asked} - own


def _asks_docstring(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return getattr(called, "attr", getattr(called, "id", getattr(node, "attr", ""))) in DOCSTRINGS


DOCSTRINGS = "__doc__", "getdoc", "help"
"""How a docstring is asked for."""

KNOWN = {*dir(builtins), "inspect", "math", "re"}
"""Names that no cell and no torch makes."""

ARITHMETIC = "which cannot fail; prove what torch does, by a name of the cell, or drop {.proof}"
DOCSTRING = "proves that somebody wrote so; prove that it is so, or drop {.proof}"
