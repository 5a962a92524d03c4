"""Cut a percent-format snippet file into titled cells.

A cell runs from a line such as `# %% Row plus column` to the next such line.
The build, the command line and the tests all ask this module, so "cell" means one thing.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from .devices import DEVICES
from .problems import Problem, did_you_mean, read_text

__all__ = ["MARKDOWN", "TAGS", "Cell", "Snippet", "folder_of", "lines_of_names", "read_snippet", "slug_of"]

TAGS = {
    "raises-exception": "must raise; the type and the message are content",
    "remove-cell": "runs, but no page shows it",
    "hide-input": "its code is folded",
    "hide-output": "its output is folded",
    "cpu": "exists in the CPU session only",
    "cuda": "exists in the CUDA session only",
    "test": "exists in the sessions of the device `test` only",
    "facts-differ": "its tensors' states differ between devices by more than the device",
    "volatile": "digits may change; words may not",
    "exercise": "must raise, as printed, until the reader solves it",
    "solution": "folded, and must pass",
}
"""Every tag a cell can carry, and what it means; the first four are Jupyter's own."""


@dataclass(frozen=True)
class Cell:
    """One titled piece of a snippet file."""

    title: str
    slug: str
    source: str
    line: int
    """Line of the file where `source` starts, counted from 1."""
    tags: frozenset[str] = frozenset()

    @property
    def must_raise(self) -> bool:
        return bool(self.tags & {"raises-exception", "exercise"})

    @property
    def shown(self) -> bool:
        return "remove-cell" not in self.tags

    @property
    def home(self) -> str:
        """The device whose session evaluates what pages claim below the cell: the CPU's, if it runs there."""
        only = [device for device in DEVICES if device in self.tags]
        return only[0] if only else "cpu"

    def runs_on(self, device: str) -> bool:
        """Whether the cell exists in the session of `device`: in all, unless its tags name devices."""
        return device in self.tags or not self.tags & set(DEVICES)

    @property
    def shown_source(self) -> str:
        """The code as the page prints it, without the blank lines around it."""
        return self.source.strip("\n")


@dataclass(frozen=True)
class Snippet:
    """One snippet file: the cells that run, in order, in one session."""

    name: str
    """Path below its folder without its suffix: `tensors/broadcasting`."""
    text: str
    cells: tuple[Cell, ...]
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def file(self) -> str:
        """Path relative to the project's root; also the name that tracebacks show."""
        return f"{folder_of(self.name)}/{self.name}.py"

    def cell(self, slug: str) -> Cell | None:
        return next((cell for cell in self.cells if cell.slug == slug), None)

    def for_device(self, device: str) -> tuple[Cell, ...]:
        """The cells that exist in the session of `device`."""
        return tuple(cell for cell in self.cells if cell.runs_on(device))


def folder_of(name: str) -> str:
    """Where a snippet and its transcripts lie; a walk-through is page and snippet in one file, so among the pages."""
    return "docs" if name.startswith("walkthroughs/") else "snippets"


def slug_of(title: str) -> str:
    """The name by which pages embed a cell: its title, lowercased and hyphenated."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-")


def read_snippet(root: Path, name: str) -> Snippet:
    """Read a snippet's file; whatever is wrong with it is in `.problems`."""
    file = f"{folder_of(name)}/{name}.py"
    text, not_utf8 = read_text(root / file)
    lines = text.split("\n")
    heads = [i for i, line in enumerate(lines) if HEAD.match(line)]
    problems: list[Problem] = []

    def wrong(line: int, message: str) -> None:
        problems.append(Problem(file, line, message, chapter=name))

    if not_utf8:
        wrong(not_utf8, "not UTF-8; save the file as UTF-8")
    above = "\n".join(lines[: heads[0] if heads else len(lines)])
    if line := _first_statement(above):
        wrong(line, "code above the first cell never runs; put `# %% Title` above it")
    elif not heads:
        wrong(1, "no cell; start one with a line `# %% Title`")
    cells: dict[str, Cell] = {}
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=False):
        if folder_of(name) == "docs" and MARKDOWN.match(lines[head]):
            continue
        title, tags, complaint = _read_head(lines[head])
        if complaint:
            wrong(head + 1, complaint)
        source = "\n".join(lines[head + 1 : end])
        cell = Cell(title, slug_of(title), source, head + 2, frozenset(tags))
        if not cell.slug:
            wrong(head + 1, "a cell needs a title, by which pages embed it: `# %% Title`")
        elif cell.slug in cells:
            wrong(head + 1, f"a second cell '{cell.slug}' (the first: line {cells[cell.slug].line - 1}); rename one")
        else:
            cells[cell.slug] = cell
    return Snippet(name, text, tuple(cells.values()), tuple(problems))


def lines_of_names(statement: ast.stmt, first: int = 1) -> dict[str, int]:
    """The line, counted from `first`, at which a statement last assigns each name, or else last uses it."""
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    names.sort(key=lambda node: (isinstance(node.ctx, ast.Store), node.lineno))
    return {node.id: node.lineno - first + 1 for node in names}


HEAD = re.compile(r"# %%(?!%)(.*)$")
MARKDOWN = re.compile(r"# %%\s*\[(markdown|md)\]\s*$")
"""Starts a cell of prose, in a walk-through."""
TAGS_AT_END = re.compile(r"\btags=(\[.*\])\s*$")


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
    except (SyntaxError, ValueError):
        return title, [], f"cannot read the tags {found[1]}; write them as a list of strings"
    for tag in tags:
        if tag not in TAGS:
            return title, [], f"no tag '{tag}'; {did_you_mean(str(tag), list(TAGS))}"
    return title, tags, ""


def _first_statement(source: str) -> int:
    """Line of the first statement that is not a docstring; 0 when there is none."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        return error.lineno or 1
    docstring = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    body = body[1:] if docstring else body
    return body[0].lineno if body else 0
