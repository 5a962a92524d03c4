"""Cut a percent-format snippet file into titled cells.

A cell runs from a line such as `# %% Row plus column` to the next such line.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

from ..files import LIMITS, kept, read_text, settings, understood
from ..model.cells import TAGS, Cell, Snippet, slug_of
from ..model.problems import Problem, did_you_mean
from ..model.text import visible
from .beside import ALMOST, beside

__all__ = ["HEAD", "MARKDOWN", "read_snippet"]

HEAD = re.compile(r"# %%(?!%)(.*)$", re.M)
MARKDOWN = re.compile(r"# %%\s*\[(markdown|md)\]\s*$")
"""Starts a cell of prose, in a walk-through."""

TAGS_AT_END = re.compile(r"\btags=(\[.*\])\s*$")


def read_snippet(root: Path, name: str, *, is_walkthrough: bool = False) -> Snippet:
    """Read a snippet, or a walk-through; whatever is wrong with it is in `.problems`."""
    top = settings(root).folders[not is_walkthrough]
    file = f"{top}/{name}.py"
    read = read_text(root / file)
    found = _found(file, read.text, is_walkthrough) if read.is_read else ()
    problems = [Problem(file, part.line, part.message) for part in found if isinstance(part, Problem)]
    if read.wrong:
        problems.insert(0, Problem(file, read.line, read.wrong))
    cells: dict[str, Cell] = {}
    for cell in (part for part in found if isinstance(part, Cell)):
        if cell.slug in cells:
            message = f"a second cell '{cell.slug}' (the first: line {cells[cell.slug].line - 1}); rename one"
            problems.append(Problem(file, cell.line - 1, message))
        cells.setdefault(cell.slug, cell)
    for cell in cells.values():
        if line := _silenced(cell):
            problems.append(Problem(file, cell.line - 1 + line, SILENCED))
    limits, wrong = _limits(HEAD.split(read.text, maxsplit=1)[0])
    problems += [Problem(file, 1, wrong)] if wrong else []
    own = (Problem(file, problem.line, problem.message, chapter=name) for problem in problems)
    answers = tuple(cell for cell in cells.values() if "wrong" in cell.tags)
    runs = tuple(cell for cell in cells.values() if cell not in answers)
    named = beside(root, file, top, cells.values())
    return Snippet(name, file, read.text, runs, tuple(own), answers, is_walkthrough, limits, named)


def _limits(head: str) -> tuple[dict[str, float], str]:
    """What a line above the first cell says of the session's limits, and what is wrong with it."""
    said = re.search(r"^# torchproof: (.*)$", head, re.M)
    try:
        return understood(tomllib.loads(f"said = {{ {said[1]} }}")["said"] if said else {}, LIMITS), ""
    except ValueError as error:
        return {}, f"`{said[0]}` {error}; write `# torchproof: time-limit = 120, memory-limit = 4`"


@kept
def _found(file: str, text: str, is_walkthrough: bool) -> tuple[Problem | Cell, ...]:
    """The cells of a file and what is wrong with it; kept, with their syntax trees, for a server reads it again."""
    return tuple(_cells(text, is_walkthrough=is_walkthrough))


def _cells(text: str, *, is_walkthrough: bool) -> Iterator[Problem | Cell]:
    """The cells of a file in order, and what is wrong, at its line."""
    lines = text.split("\n")
    heads = [i for i, line in enumerate(lines) if HEAD.match(line)]
    for number in (i for i, line in enumerate(lines, 1) if ALMOST.match(line) and not HEAD.match(line)):
        yield Problem("", number, "editors start a cell here; write `# %% Title`, from the start of the line")
    above = "\n".join(lines[: heads[0] if heads else len(lines)])
    if line := _first_statement(above):
        yield Problem("", line, "code above the first cell never runs; put `# %% Title` above it")
    elif not heads:
        yield Problem("", 1, "no cell; start one with a line `# %% Title`")
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=False):
        if is_walkthrough and MARKDOWN.match(lines[head]):
            continue
        title, tags, complaint = _read_head(lines[head])
        source = "\n".join(lines[head + 1 : end])
        if not complaint and _leaves_open(source):
            complaint = "the cell leaves a string open: a line that starts with `# %%` ends a cell even within one"
        if complaint:
            yield Problem("", head + 1, complaint)
        if slug := slug_of(title):
            yield Cell(title, slug, source, head + 2, frozenset(tags))
        else:
            yield Problem("", head + 1, "a cell needs a title, by which pages embed it: `# %% Title`")


def _read_head(line: str) -> tuple[str, list[str], str]:
    """Title, tags and complaint of a line such as `# %% Title tags=["volatile"]`."""
    rest = HEAD.match(line)[1].strip()
    if rest.startswith("["):
        return rest, [], "only code cells: prose belongs on the page"
    found = TAGS_AT_END.search(rest)
    title = rest[: found.start()].strip() if found else rest
    if "tags=" in title:
        return title, [], 'tags end the line, as a list: `# %% Title tags=["volatile"]`'
    try:
        tags = ast.literal_eval(found[1]) if found else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tags = None
    if tags is None or not all(isinstance(tag, str) for tag in tags):
        return title, [], f"cannot read the tags {shorten(found[1], 60)}; write them as a list of strings"
    for tag in tags:
        if tag not in TAGS:
            return title, [], f"no tag '{visible(tag)}'; {did_you_mean(tag, TAGS)}"
    return title, tags, ""


def _silenced(cell: Cell) -> int:
    """Line of the cell where a semicolon follows its last expression; 0 when none does."""
    last = cell.statements[-1] if ";" in cell.source and cell.statements else None
    if not isinstance(last, ast.Expr):
        return 0
    line = cell.source.split("\n")[last.end_lineno - 1].encode()
    return last.end_lineno if line[last.end_col_offset :].lstrip().startswith(b";") else 0


SILENCED = "the semicolon hides the value until a formatter drops it; write `_ = …` in place of it"


def _leaves_open(source: str) -> bool:
    """Whether a string of three quotes has no end."""
    try:
        ast.parse(source)
    except SyntaxError as error:
        return "triple-quoted" in error.msg
    except (RecursionError, MemoryError):  # it nests too deep to be read, which is told where it is run
        return False
    return False


def _first_statement(source: str) -> int:
    """Line of the first statement that is not a docstring; 0 when there is none."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):  # it nests too deep to be read
        return 1
    docstring = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    body = body[1:] if docstring else body
    return body[0].lineno if body else 0
