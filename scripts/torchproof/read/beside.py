"""What lies beside a snippet and belongs to it: modules that it imports, and files and folders whose names it says.

A session finds these in its working folder, and no others, so all that it can read is known before it runs: an edit
of any is seen, also where a library opens it past Python. A module is a Python file without a cell.
"""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from ..files import digest_of, read_text
from ..model.cells import Cell, parsed
from ..model.devices import DEVICES
from ..model.runs import Beside

__all__ = ["ALMOST", "beside", "imported"]

ALMOST = re.compile(r"^\s*#\s*%%", re.M)
"""Starts a cell for editors and jupytext."""


def beside(root: Path, file: str, top: str, cells: Iterable[Cell]) -> tuple[Beside, ...]:
    """What the code of a snippet's cells names of what lies in its folder, or in one above it, as far as `top`."""
    folders = [folder for folder in (root / file).parents if folder.is_relative_to(root / top) and folder.is_dir()]
    found: dict[str, Path] = {}
    left = [cell.source for cell in cells]
    while left:
        said, left = frozenset().union(*map(_said, left)), []
        names = said.union(f"{word}.py" for word in said)
        for entry in (folder / name for folder in folders for name in sorted(names & set(os.listdir(folder)))):
            for path in [entry, *sorted(entry.rglob("*"))] if entry.is_dir() else [entry]:
                name = path.relative_to(entry.parent).as_posix()
                if name not in found and path.is_file() and _is_foreign(path, name):
                    found[name] = path
                    left += [read_text(path).text] if path.suffix == ".py" else []
    return tuple(
        Beside(name, path.relative_to(root).as_posix(), digest_of(path)) for name, path in sorted(found.items())
    )


@lru_cache(10_000)
def _said(source: str) -> frozenset[str]:
    """The modules that some code imports, and where its texts begin, were they paths; kept for a server's next read."""
    tree = parsed(source)
    nodes = list(ast.walk(tree)) if tree else []
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return frozenset((*imported(nodes), *(text.removeprefix("./").partition("/")[0] for text in texts)))


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The top-level modules that some parts of code import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def _is_foreign(path: Path, name: str) -> bool:
    """Whether a file is none of a book's own: a page, a chapter, a transcript, or what an editor or Python leaves."""
    if any(part.startswith(".") or part == "__pycache__" for part in name.split("/")):
        return False
    if path.suffix == ".py":
        return not ALMOST.search(read_text(path).text)
    is_transcript = path.suffix == ".txt" and path.stem.rpartition(".")[2] in DEVICES
    return path.suffix not in (".md", ".ipynb") and not is_transcript
