"""A problem: where, what, and the way out.

Every check returns problems instead of raising, so one run reports all of them.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = ["Problem", "did_you_mean", "github_lines", "many", "report"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the site."""

    path: str
    """File to look at, relative to the project's root."""
    line: int
    message: str
    page: str = ""
    """Where readers see it, as `docs/x.md:40`; empty when no page is involved."""
    diff: str = ""
    """Unified diff from the transcript to this run; empty when nothing was compared."""
    chapter: str = ""
    """Chapter that owns the problem; empty when none does."""
    slug: str = ""
    """Cell it is about; empty when it is about a whole file."""
    acceptable: bool = False
    """Whether `torchproof accept`, or on another device `torchproof record`, would settle it."""
    device: str = "cpu"
    """Device whose transcript it is about."""

    @property
    def way_out(self) -> str:
        """The command that makes what was run the committed transcript."""
        return "torchproof accept" if self.device == "cpu" else f"torchproof record --device {self.device}"

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}"
        shown = f" (shown at {self.page})" if self.page else ""
        return f"{where}: {self.message}{shown}" + (f"\n{self.diff}" if self.diff else "")


def report(problems: list[Problem]) -> str:
    """All problems as text: each with its place and diff, the command that accepts drift last."""
    parts = [f"torchproof: {many(len(problems), 'problem')}", *map(str, problems)]
    for command in sorted({problem.way_out for problem in problems if problem.acceptable}):
        chapters = {p.chapter for p in problems if p.acceptable and p.way_out == command}
        only = f" -k {min(chapters)}" if len(chapters) == 1 else ""
        parts.append(f"If the new output is right: {command}{only}   (then read the diff and commit it)")
    return "\n\n".join(parts)


def github_lines(problems: list[Problem]) -> list[str]:
    """Workflow commands that mark each problem in a pull request; none outside GitHub Actions.

    Source: docs.github.com, "Workflow commands for GitHub Actions" (escaping of %, CR, LF).
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    return [f"::error file={problem.path},line={problem.line}::{_escape(problem)}" for problem in problems]


def many(count: int, noun: str) -> str:
    """A number with its noun: `1 cell`, `2 cells`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The way out of a misspelling: the nearest known word, or all of them."""
    known = list(known)
    near = get_close_matches(word, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"there are: {', '.join(known)}" if known else "there are none"


def _escape(problem: Problem) -> str:
    return f"{problem.message}\n{problem.diff}".strip().replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
