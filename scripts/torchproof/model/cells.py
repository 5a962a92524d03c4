"""A snippet file and its cells, as they were read; the name of a cell; the tags it can carry."""

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property

from .devices import DEVICES
from .problems import Problem
from .runs import Beside

__all__ = ["TAGS", "Cell", "Snippet", "parsed", "slug_of"]

TAGS = {
    "raises-exception": "must raise; the type and the message are content",
    "remove-cell": "runs, but no page shows it",
    "hide-input": "its code is folded",
    "hide-output": "its output is folded",
    **{name: f"exists in the {device.label} session only" for name, device in DEVICES.items()},
    "facts-differ": "its tensors' states differ between devices by more than the device",
    "volatile": "digits may change; words may not",
    "exercise": "must raise, as printed, until the reader solves it",
    "solution": "folded, and must pass, as must the exercise with it",
    "wrong": "no page shows it; the exercise above it must refuse it",
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
    def is_shown(self) -> bool:
        return not self.tags & {"remove-cell", "wrong"}

    @property
    def is_volatile(self) -> bool:
        return "volatile" in self.tags

    @property
    def home(self) -> str:
        """The device whose session evaluates what pages claim below the cell: the CPU's, if it runs there."""
        only = [device for device in DEVICES if device in self.tags]
        return only[0] if only else "cpu"

    def runs_on(self, device: str) -> bool:
        """Whether the cell exists in the session of `device`: in all, unless its tags name devices."""
        return device in self.tags or not self.tags & DEVICES.keys()

    @property
    def shown_source(self) -> str:
        """The code as the page prints it, without the blank lines around it."""
        return self.source.strip("\n")

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Its statements; none where it is no Python, and raises as a whole."""
        tree = parsed(self.source)
        return tree.body if tree else []

    def line_of(self, statement: int, name: str = "") -> int:
        """The line of the cell where a statement, counted from 1, last assigns a name, or else last uses it.

        The statement's first line where it does not hold the name; 1 where the cell has no such statement.
        """
        if not 0 < statement <= len(self.statements):
            return 1
        node = self.statements[statement - 1]
        names = [use for use in ast.walk(node) if isinstance(use, ast.Name) and use.id == name]
        names.sort(key=lambda use: (isinstance(use.ctx, ast.Store), use.lineno))
        return names[-1].lineno if names else node.lineno


@dataclass(frozen=True)
class Snippet:
    """One snippet file: the cells that run, in order, in one session."""

    name: str
    """The chapter: its path below the folder of snippets or pages without its suffix, `tensors/broadcasting`."""
    file: str
    """Its path relative to the project's root; also the name that tracebacks show."""
    text: str
    cells: tuple[Cell, ...]
    problems: tuple[Problem, ...] = field(default=(), compare=False)
    wrong: tuple[Cell, ...] = ()
    """Cells tagged wrong: they do not run, but the exercises above them are tried with them."""
    is_walkthrough: bool = False
    """Whether page and snippet are one file."""
    limits: dict[str, float] = field(default_factory=dict, compare=False)
    """What its session may take, where it says so: fields of `Settings`."""
    beside: tuple[Beside, ...] = ()
    """The modules and files beside it that its cells name."""

    def transcript(self, device: str = "cpu") -> str:
        """The path of its transcript on a device: beside it."""
        return f"{self.file.removesuffix('.py')}.{device}.txt"

    def cell(self, slug: str) -> Cell | None:
        return next((cell for cell in self.cells if cell.slug == slug), None)

    def for_device(self, device: str) -> tuple[Cell, ...]:
        """The cells that exist in the session of `device`."""
        return tuple(cell for cell in self.cells if cell.runs_on(device))

    def rehearsed_on(self, device: str) -> tuple[Cell, ...]:
        """The cells that exist there, and those that the CPU's session can rehearse for a device that is not here."""
        return tuple(c for c in self.cells if c.runs_on(device) or (device == "cpu" and DEVICES[c.home].rehearses))


def parsed(source: str) -> ast.Module | None:
    """The syntax tree of some code; None where it is no Python, or nests deeper than Python reads."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def slug_of(title: str) -> str:
    """The name by which pages embed a cell: its title, lowercased and hyphenated."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-")
