"""Accept, and on another device record: make this run's output the committed one, if a second run agrees.

The second run is made as different as can be.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from . import transcript
from .cells import Cell, Snippet
from .check import check_chapter, failures
from .problems import Problem
from .runner import CellRun, Run, Runner, job_of, write_whole
from .site import Site, transcript_file

__all__ = ["accept"]


def accept(site: Site, runner: Runner, other: Runner, name: str, device: str = "cpu") -> tuple[bool, list[Problem]]:
    """Write this run's transcript of a chapter, if a second, different run agrees with it.

    Returns whether the file changed, and what forbids accepting or still needs an author.
    """
    check = check_chapter(site, runner, name, device)
    snippet = check.snippet
    cells = snippet.for_device(device)
    forbidding = [*snippet.problems, *failures(site, snippet, cells, check.run, device)]
    if device != "cpu":  # what is recorded is checked nowhere else
        forbidding += [problem for problem in check.problems if not problem.acceptable and problem not in forbidding]
    if forbidding:
        return False, forbidding
    again = other.run(job_of(snippet, cells, site.claims(name, device), device))
    refused = list(_unstable(site, snippet, cells, check.run, again, device))
    if refused:
        return False, refused
    path = site.root / transcript_file(name, device)
    changed = not path.exists() or path.read_text(encoding="utf-8", errors="replace") != check.merged
    if changed:
        write_whole(path, check.merged)
    return changed, [problem for problem in check.problems if not problem.acceptable]


def _unstable(
    site: Site, snippet: Snippet, cells: tuple[Cell, ...], run: Run, again: Run, device: str
) -> Iterator[Problem]:
    """Cells that two runs, in different zygotes, do not agree on, or that name this machine."""
    if again.died:
        yield Problem(snippet.file, 1, f"in its second run, {again.died}", chapter=snippet.name)
        return
    claims = site.claims(snippet.name, device)
    for cell in cells:
        first, second = run.cells[cell.slug].lines(), again.cells.get(cell.slug)
        lines = second.lines() if second else ["x did not run the second time"]
        if "volatile" in cell.tags:
            first, lines = transcript.normalised(first), transcript.normalised(lines)
        if first != lines:
            message = f"not accepted: two runs of '{cell.slug}' differ: {_why(first, lines)}"
            yield site.about(snippet, cell, message, diff=transcript.diff(first, lines, "first run", "second run"))
        elif flaky := _true_once(claims.get(cell.slug, {}).get("proofs", []), run.cells[cell.slug], second):
            message = f"not accepted: the proof `{flaky}` under '{cell.slug}' is true in one of two runs"
            yield site.about(snippet, cell, message)
        elif own := _of_this_machine(site.root, run.cells[cell.slug]):
            message = f"not accepted: '{cell.slug}' prints {own}, which is so on this machine, today, only"
            yield site.about(snippet, cell, message)


def _true_once(proofs: list[str], first: CellRun, second: CellRun) -> str:
    """A proof that is true in one of two runs, and false in the other; empty when there is none."""
    sides = zip(proofs, first.proofs, second.proofs, strict=False)
    return next((proof for proof, wrong, again in sides if bool(wrong) != bool(again)), "")


def _why(first: list[str], second: list[str]) -> str:
    """The likeliest reason why two runs differ, and what to do."""
    a, b = "\n".join(first), "\n".join(second)
    if "torchproof-" in a + b and re.sub(r"torchproof-\w+", "", a) == re.sub(r"torchproof-\w+", "", b):
        return "it prints the temporary folder's name; print what is in it, or its name relative to it"
    if re.sub(r"0x[0-9a-f]+", "", a) == re.sub(r"0x[0-9a-f]+", "", b):
        return "it prints a memory address; print something about the object instead, such as its name"
    if sorted(re.findall(r"\w+", a)) == sorted(re.findall(r"\w+", b)):
        return "the order depends on hashes (a set?); sort what you print"
    return "a draw without a seed, memory that was never written (torch.empty), or a time; seed it, or do not print it"


def _of_this_machine(root: Path, run: CellRun) -> str:
    """A path of this machine, or its date, that the output holds; empty when it holds none."""
    text = "\n".join(run.lines())
    own = (str(root), sys.prefix, sys.base_prefix, datetime.now(UTC).date().isoformat())
    return next((word for word in own if len(word) > 4 and word in text), "")
