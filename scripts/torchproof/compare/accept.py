"""Accept, and on another device record: make this run's output the committed one, if a second run agrees.

The second run is made as different as can be.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..files import write_whole
from ..model.problems import Problem
from ..model.runs import CellRun, Run
from ..run.runner import Runner
from . import transcript
from .check import Comparison, check_chapter
from .shards import keep_seconds, seconds_of
from .site import Site
from .transcript import lines_of

__all__ = ["accept"]


def accept(site: Site, runner: Runner, other: Runner, name: str, device: str = "cpu") -> tuple[bool, list[Problem]]:
    """Write this run's transcript of a chapter, if a second, different run agrees with it.

    Returns whether the file changed, and what forbids accepting or still needs an author.
    """
    check = check_chapter(site, runner, name, device)
    first = Comparison(site, check.snippet, device, check.run)
    forbidding = [*check.snippet.problems, *first.failures]
    forbidding += [problem for problem in site.problems if problem.path == first.path and not problem.acceptable]
    if device != "cpu":  # what is recorded is checked nowhere else
        forbidding += [problem for problem in check.problems if not problem.acceptable and problem not in forbidding]
    if forbidding:
        return False, forbidding
    refused = list(_unstable(first, other.run(site.job(first.snippet, first.cells, device))))
    if refused:
        return False, refused
    is_changed = first.committed != check.merged
    if device == "cpu" and (is_changed or name not in seconds_of(site.root)):
        keep_seconds(site.root, name, check.run.seconds)
    if is_changed:
        write_whole(site.root / first.path, check.merged)
    return is_changed, [problem for problem in check.problems if not problem.acceptable]


def _unstable(first: Comparison, again: Run) -> Iterator[Problem]:
    """Cells that two runs, in different zygotes, do not agree on, or that name this machine."""
    if again.died:
        yield Problem(first.snippet.file, 1, f"in its second run, {again.died}", chapter=first.snippet.name)
        return
    for cell in first.cells:
        run, second = first.run.cells[cell.slug], again.cells.get(cell.slug, CellRun(cell.slug))
        sides = [lines_of(run), lines_of(second) if cell.slug in again.cells else ["x did not run the second time"]]
        if cell.is_volatile:
            sides = list(map(transcript.normalised, sides))
        if sides[0] != sides[1]:
            diff = transcript.diff(*sides, "first run", "second run")
            why = WORDS if cell.is_volatile else _why(*sides)
            yield first.about(cell, f"not accepted: two runs of '{cell.slug}' differ: {why}", diff=diff)
        elif flaky := _true_once(run, second):
            yield first.about(cell, f"not accepted: the proof `{flaky}` under '{cell.slug}' is true in one of two runs")
        elif own := _of_this_machine(first.site.root, run):
            message = f"not accepted: '{cell.slug}' prints {own}, which is so on this machine, today, only"
            yield first.about(cell, message)


WORDS = "tagged volatile, so its digits may change, but here it is a word, a fact, or how many numbers there are"


def _true_once(first: CellRun, second: CellRun) -> str:
    """A proof that is true in one of two runs, and false in the other; empty when there is none."""
    sides = zip(first.proofs, second.proofs, strict=False)
    return next((one.source for one, other in sides if bool(one.problem) != bool(other.problem)), "")


def _why(first: list[str], second: list[str]) -> str:
    """The likeliest reason why two runs differ, and what to do."""
    a, b = "\n".join(first), "\n".join(second)
    if "torchproof-" in a + b and re.sub(r"torchproof-\w+", "", a) == re.sub(r"torchproof-\w+", "", b):
        return "it prints the temporary folder's name; print what is in it, or its name relative to it"
    if re.sub(r"(?i)0x[0-9a-f]+", "", a) == re.sub(r"(?i)0x[0-9a-f]+", "", b):
        return "it prints a memory address; print something about the object instead, such as its name"
    if sorted(re.findall(r"\w+", a)) == sorted(re.findall(r"\w+", b)):
        return "the order depends on hashes (a set?); sort what you print"
    why = "a draw without a seed, memory that was never written (torch.empty), or a time; seed it, or do not print it"
    if transcript.normalised(first) == transcript.normalised(second):
        why += "; or last digits, which another processor rounds otherwise: print fewer, or train less wildly"
    return why


def _of_this_machine(root: Path, run: CellRun) -> str:
    """A path of this machine, or its date, that the output holds; empty when it holds none."""
    text = "\n".join(lines_of(run))
    own = (str(root), sys.prefix, sys.base_prefix, datetime.now(UTC).date().isoformat())
    return next((word for word in own if len(word) > 4 and word in text), "")
