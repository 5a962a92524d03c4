"""What cells do otherwise under another torch: how it is found, the report of it, and the file that keeps it.

A line counts only if two runs agree on it, the second under another hash seed and memory fill, as for an accept.
`docs/assets/versions.json` holds the versions side by side; `torchproof check --report` writes it, nobody else.
"""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..files import write_whole
from ..model.problems import many
from ..model.runs import MARKS, NOT_EVALUATED, CellRun
from ..run.environment import installed
from ..run.runner import Runner
from . import transcript
from .check import ChapterCheck
from .site import Site

__all__ = ["FILE", "Change", "Version", "changes", "current", "find", "markdown", "ordered", "read", "write"]

FILE = "docs/assets/versions.json"


@dataclass(frozen=True)
class Change:
    """What one cell does otherwise than is committed."""

    chapter: str
    slug: str
    lines: tuple[str, ...]
    """A diff of a transcript's lines: `-` committed, `+` under the other torch, a space where both agree.
    A line `?` is a proof or value of a page, and what is wrong with it."""

    @property
    def cell(self) -> str:
        return f"{self.chapter}#{self.slug}"

    @property
    def is_printed(self) -> bool:
        """Whether the cell itself prints, shows, warns or raises otherwise."""
        return any(line[0] in "-+" and line[1] in MARKS for line in self.lines)


@dataclass(frozen=True)
class Version:
    """What the chapters do under one torch."""

    torch: str
    made_with: dict[str, str]
    """The other versions of the run."""
    cells: dict[str, int]
    """How many cells ran, by chapter."""
    changes: tuple[Change, ...]
    silent: tuple[str, ...] = ()
    """Cells that did not run: one above them raised, or ended the session."""


def find(site: Site, checks: list[ChapterCheck], other: Runner) -> Version:
    """What chapters that were checked do otherwise than is committed, if `other` says so too."""
    found: list[Change] = []
    silent: list[str] = []
    for check in checks:
        cells = check.snippet.for_device("cpu")
        silent += [f"{check.snippet.name}#{cell.slug}" for cell in cells if cell.slug not in check.run.cells]
        if first := list(changes(site, check)):
            again = replace(check, run=other.run(site.job(check.snippet, cells, "cpu")))
            second = set(changes(site, again))
            found += [change for change in first if change in second]
    others = installed()
    torch, cells = others.pop("torch", "none"), {check.snippet.name: len(check.run.cells) for check in checks}
    return Version(torch, others, cells, tuple(found), tuple(silent))


def changes(site: Site, check: ChapterCheck) -> Iterator[Change]:
    """What the cells of a chapter do otherwise than its transcript says."""
    blocks = transcript.parse(site.committed(check.snippet) or "").cells
    for cell in check.snippet.for_device("cpu"):
        if cell.slug not in check.run.cells or cell.slug not in blocks:
            continue
        run, was = check.run.cells[cell.slug], blocks[cell.slug].lines
        now = transcript.lines_of(run)
        wrong = [claim for claim in run.measured if claim.kind != "trial" and claim.problem not in ("", NOT_EVALUATED)]
        if transcript.same(was, now, cell):
            now = was
        if was != now or wrong:
            was, now = map(transcript.normalised, (was, now)) if cell.is_volatile else (was, now)
            was = [*was, *(f"? {claim.source}" for claim in wrong if claim.kind == "proof")]
            now = [*now, *(f"? {claim.source} {claim.problem}" for claim in wrong)]
            yield Change(check.snippet.name, cell.slug, tuple(_diff(was, now)))


def _diff(old: list[str], new: list[str]) -> Iterator[str]:
    """The lines that differ, each group with the line before and after it."""
    lines = list(difflib.unified_diff(old, new, lineterm="", n=1))[3:]
    return (" …" if line.startswith("@@") else transcript.BUILD.sub("", line) for line in lines)


def current(known: dict[str, Version], check: ChapterCheck, slug: str) -> dict[str, Change]:
    """What a cell does otherwise under each version; nothing where it is another cell now, or does the same here."""
    cell, run = f"{check.snippet.name}#{slug}", check.run.cells.get(slug, CellRun(slug))
    found = {torch: change for torch, version in known.items() for change in version.changes if change.cell == cell}
    if check.run.versions.get("torch") in found:
        return {}
    return {torch: change for torch, change in found.items() if _fits(change, run)}


def _fits(change: Change, run: CellRun) -> bool:
    """Whether a cell still does here what stood on the committed side when the change was found."""
    lines = [*transcript.lines_of(run, is_recording=True), "…"]
    there = {*lines, *transcript.normalised(lines)}
    return all(line[1:] in there for line in change.lines if line[0] != "+")


def read(path: Path) -> dict[str, Version]:
    """The versions that a file holds, the oldest first; none where there is no file."""
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = {}
    for torch in ordered(told):
        fields = told[torch]
        rows = (Change(**row | {"lines": tuple(row["lines"])}) for row in fields["changes"])
        found[torch] = Version(torch, **fields | {"changes": tuple(rows), "silent": tuple(fields["silent"])})
    return found


def write(path: Path, version: Version) -> None:
    """Put a version into a file of versions; of one that is there, the chapters that ran now are replaced."""
    versions = read(path)
    if old := versions.get(version.torch):
        kept = tuple(row for row in old.changes if row.chapter not in version.cells)
        silent = tuple(cell for cell in old.silent if cell.partition("#")[0] not in version.cells)
        rows = sorted((*kept, *version.changes), key=lambda row: row.chapter)
        silent = tuple(sorted((*silent, *version.silent), key=lambda cell: cell.partition("#")[0]))
        cells = dict(sorted((old.cells | version.cells).items()))
        version = Version(version.torch, version.made_with, cells, tuple(rows), silent)
    versions[version.torch] = version
    told = {torch: {k: v for k, v in asdict(versions[torch]).items() if k != "torch"} for torch in ordered(versions)}
    write_whole(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def ordered(versions: dict[str, object]) -> list[str]:
    """Versions from the oldest to the newest."""
    return sorted(versions, key=lambda version: [int(number) for number in re.findall(r"\d+", version)])


def markdown(version: Version, checks: list[ChapterCheck], site: Site) -> str:
    """The report of one version: by chapter, each cell that differs, and what else is wrong."""
    chapters = {change.chapter for change in version.changes}
    cells = many(sum(version.cells.values()), "cell")
    differ = f"{len(version.changes)} of {cells}, in {len(chapters)} of {many(len(checks), 'chapter')}, differ"
    parts = [f"# The book under torch {version.torch}", f"Compared with what is committed: {differ}."]
    if version.silent:
        names = ", ".join(f"`{cell}`" for cell in version.silent)
        parts.append(f"{many(len(version.silent), 'cell')} did not run, below one that raised: {names}")
    for check in checks:
        name = check.snippet.name
        rows = {change.slug: change for change in version.changes if change.chapter == name}
        rest = [problem for problem in check.problems if problem.slug not in rows]
        parts += [f"## {name}"] if rows or rest else []
        for slug, change in rows.items():
            diff = "\n".join(change.lines)
            parts += [f"### {slug}", f"Shown at {site.place(name, slug) or 'no page'}.", f"````diff\n{diff}\n````"]
        parts += [f"- {problem.path}:{problem.line}: {problem.message}" for problem in rest]
    return "\n\n".join(parts) + "\n"
