"""The names of torch in the code of a cell, and their links to where the site explains them.

`assets/torchproof.js` makes them no stops of the Tab key: the arrows go on to them from the tensors of a cell.
"""

import ast
from collections.abc import Callable
from functools import lru_cache
from html import escape

from ..compare.check import ChapterCheck
from ..model.cells import Cell, Snippet
from ..model.runs import Use
from .xray import Links

__all__ = ["links", "uses"]


def uses(check: ChapterCheck, cell: Cell) -> tuple[Use, ...]:
    """What a cell uses of torch, as its session said; of another device's cell, what its chapter's imports say."""
    if cell.home == "cpu":
        return check.run.names.get(cell.slug, ())
    imported = _imported(check.snippet)
    nodes = [node for statement in cell.statements for node in ast.walk(statement)]
    longer = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    paths = ((node, _path(node, imported)) for node in nodes if id(node) not in longer)
    return tuple(Use(path, node.end_lineno, node.end_col_offset) for node, path in paths if path.count("."))


@lru_cache(100)  # while serving, each edit of a chapter is another one
def _imported(snippet: Snippet) -> dict[str, str]:
    """What a chapter's cells name of torch by importing it, with its whole name."""
    found = {}
    for node in (node for cell in snippet.cells for statement in cell.statements for node in ast.walk(statement)):
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            path = f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            if path.partition(".")[0] == "torch":
                name = alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else "torch")
                found[name] = path if name != "torch" else name
    return found


def _path(node: ast.AST, imported: dict[str, str]) -> str:
    """The whole name of what is written as attributes of an import; empty for others."""
    if isinstance(node, ast.Name):
        return imported.get(node.id, "")
    owner = _path(node.value, imported) if isinstance(node, ast.Attribute) else ""
    return f"{owner}.{node.attr}" if owner else ""


def links(cell: Cell, uses: tuple[Use, ...], address: Callable[[str], str]) -> dict[int, Links]:
    """The links of a cell's uses, by line of the shown code and column; `address` says where a name is explained."""
    lines = cell.source.split("\n")
    cut = len(cell.source) - len(cell.source.lstrip("\n"))
    found: dict[int, Links] = {}
    for use in uses:
        name, line = use.name.rpartition(".")[2], lines[use.line - 1]
        start = len(line.encode()[: use.column].decode()) - len(name)
        if line[start:].startswith(name):  # what is imported `as` another word has none
            found.setdefault(use.line - cut - 1, {})[start] = (name, f'href="{escape(address(use.name))}"')
    return found
