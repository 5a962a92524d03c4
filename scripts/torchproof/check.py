"""The check: run every chapter, compare with what is committed, and say what differs.

The build, the command line and pytest all ask this module, so they agree on what drift is.
"""

import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from . import transcript
from .cells import Cell, Snippet, read_snippet
from .pages import Page, check_page, read_page
from .problems import Problem
from .runner import CellRun, Run, Runner, cores, installed, job_of, write_whole
from .session import MEMORY

__all__ = ["ChapterCheck", "Checker", "Site", "accept", "find_root", "transcript_file"]


@dataclass(frozen=True)
class ChapterCheck:
    """A chapter that was run and compared."""

    snippet: Snippet
    run: Run
    problems: list[Problem]
    merged: str
    """The transcript as `accept` would write it."""
    proofs: dict[tuple[str, str], str] = field(default_factory=dict)
    """What is wrong with the proof (cell, expression); empty where it is true."""


def find_root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one, from `start` upwards, with `docs/` and `snippets/`.

    Raises:
        FileNotFoundError: there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "docs").is_dir() and (folder / "snippets").is_dir():
            return folder
    raise FileNotFoundError(f"{start}: neither here nor above is a folder with docs/ and snippets/")


def transcript_file(name: str, device: str = "cpu") -> str:
    return f"snippets/{name}.{device}.txt"


@dataclass(frozen=True)
class Site:
    """All snippets and pages of a project, as they are on disk now."""

    root: Path
    snippets: dict[str, Snippet]
    pages: dict[str, Page]

    @classmethod
    def read(cls, root: Path) -> "Site":
        snippets = {name: read_snippet(root, name) for name in _names(root / "snippets", ".py")}
        pages = {name: read_page(root, name) for name in _names(root / "docs", ".md")}
        return cls(root, snippets, pages)

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong before anything runs."""
        found = [problem for snippet in self.snippets.values() for problem in snippet.problems]
        found += [problem for page in self.pages.values() for problem in check_page(page, self.snippets)]
        for name, snippet in self.snippets.items():
            if name not in self.pages:
                found.append(Problem(snippet.file, 1, f"no page shows it; write docs/{name}.md", chapter=name))
            if not (self.root / transcript_file(name)).exists():
                message = "no transcript yet"
                found.append(Problem(transcript_file(name), 1, message, chapter=name, acceptable=True))
        for path in sorted((self.root / "snippets").rglob("*.txt")):
            name = path.relative_to(self.root / "snippets").as_posix()
            chapter, _, device = name.removesuffix(".txt").rpartition(".")
            if chapter not in self.snippets or device not in ("cpu", "cuda"):
                message = f"a transcript without its snippet snippets/{chapter}.py; delete it, or rename it along"
                found.append(Problem(f"snippets/{name}", 1, message))
        return found

    def proofs(self, chapter: str) -> dict[str, list[str]]:
        """The expressions to evaluate after each cell of a chapter, from all pages."""
        found: dict[str, list[str]] = {}
        for page in self.pages.values():
            for proof in page.proofs:
                if proof.after and proof.after.chapter == chapter:
                    expressions = found.setdefault(proof.after.slug, [])
                    if proof.expression not in expressions:
                        expressions.append(proof.expression)
        return found

    def place(self, chapter: str, slug: str) -> str:
        """Where a reader sees a cell: on its own page first."""
        pages = sorted(self.pages.values(), key=lambda page: page.name != chapter)
        return next((place for page in pages if (place := page.place(chapter, slug))), "")

    def about(self, snippet: Snippet, cell: Cell, message: str, *, line: int = 0, **fields: Any) -> Problem:
        """A problem of a cell: at its title, or at `line` of it."""
        place = self.place(snippet.name, cell.slug)
        return Problem(
            snippet.file, cell.line - 1 + line, message, place, chapter=snippet.name, slug=cell.slug, **fields
        )


class Checker:
    """Checks the chapters of a site, as many at once as there are cores."""

    def __init__(self, site: Site, runner: Runner) -> None:
        self.site = site
        self.runner = runner
        self.pool = ThreadPoolExecutor(cores(), thread_name_prefix="torchproof")
        self.lock = threading.Lock()
        self.chapters: dict[str, Future[ChapterCheck]] = {}

    def start(self, names: list[str] | None = None) -> None:
        """Begin to check the chapters in the background, the longest first."""
        last = self.runner.seconds()
        names = list(self.site.snippets) if names is None else names
        names.sort(key=lambda name: -last.get(self.site.snippets[name].file, 1e9))
        with self.lock:
            for name in names:
                if name not in self.chapters:
                    self.chapters[name] = self.pool.submit(check_chapter, self.site, self.runner, name)

    def chapter(self, name: str) -> ChapterCheck:
        self.start([name])
        return self.chapters[name].result()

    def problems(self) -> list[Problem]:
        """Everything that is wrong with the site; waits for every chapter."""
        self.start()
        found = [problem for name in self.site.snippets for problem in self.chapter(name).problems]
        return self.site.problems + found

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


def check_chapter(site: Site, runner: Runner, name: str, device: str = "cpu") -> ChapterCheck:
    """Run a chapter, and once more what its page shows if some of it is hidden; compare."""
    snippet = site.snippets[name]
    cells = snippet.for_device(device)
    proofs = site.proofs(name)
    run = runner.run(job_of(snippet, cells, proofs, device))
    path = site.root / transcript_file(name, device)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    merged = transcript.merge(old, snippet, device, run.lines(), run.versions or installed())
    results = {
        (slug, expression): problem
        for slug, expressions in proofs.items()
        if slug in run.cells
        for expression, problem in zip(expressions, run.cells[slug].proofs, strict=False)
    }
    found = list(_failures(site, snippet, cells, run))
    failed = bool(found)
    found += _drift(site, snippet, device, old, merged, {problem.slug for problem in found})
    found += _false_proofs(site, snippet, results, run)
    if not failed:
        found += _hidden_help(site, runner, snippet, cells, run, device)
    return ChapterCheck(snippet, run, found, merged, results)


def accept(site: Site, runner: Runner, other: Runner, name: str) -> tuple[bool, list[Problem]]:
    """Write this run's transcript of a chapter, if a second, different run agrees with it.

    Returns whether the file changed, and what forbids accepting or still needs an author.
    """
    check = check_chapter(site, runner, name)
    snippet = check.snippet
    cells = snippet.for_device("cpu")
    failures = list(_failures(site, snippet, cells, check.run))
    if failures or snippet.problems:
        return False, [*snippet.problems, *failures]
    again = other.run(job_of(snippet, cells, {}, "cpu"))
    refused = list(_unstable(site, snippet, cells, check.run, again))
    if refused:
        return False, refused
    path = site.root / transcript_file(name)
    changed = not path.exists() or path.read_text(encoding="utf-8") != check.merged
    if changed:
        write_whole(path, check.merged)
    return changed, [problem for problem in check.problems if not problem.acceptable]


def _names(folder: Path, suffix: str) -> list[str]:
    paths = (path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix().removesuffix(suffix) for path in paths)


def _failures(site: Site, snippet: Snippet, cells: tuple[Cell, ...], run: Run) -> Iterator[Problem]:
    """The session died, a cell raised that must not, or did not raise that must."""
    if run.died:
        cell = next((cell for cell in cells if f"the cell '{cell.slug}'" in run.died), cells[0])
        yield site.about(snippet, cell, run.died)
    for cell in cells:
        done = run.cells.get(cell.slug)
        if done is None:
            return
        if done.raised and not cell.must_raise:
            error = next(text for mark, text in done.outputs if mark == "x")
            message = f"the cell '{cell.slug}' raises {error}"
            if re.search(r"^MemoryError|can't allocate memory", error):
                message += f"\na session may allocate {MEMORY >> 30} GiB"
            elif not error.startswith("PermissionError: snippets run"):
                message += '\nif it should, tag it: tags=["raises-exception"]'
            yield site.about(snippet, cell, message, line=done.raised)
        elif cell.must_raise and not done.raised:
            tag = "exercise" if "exercise" in cell.tags else "raises-exception"
            yield site.about(snippet, cell, f"the cell '{cell.slug}' is tagged {tag}, but nothing raises")


def _drift(site: Site, snippet: Snippet, device: str, old: str, merged: str, failed: set[str]) -> Iterator[Problem]:
    """Where the committed transcript and this run differ, cell by cell; failed cells have been reported."""
    path = transcript_file(snippet.name, device)
    if old == merged or not old:
        return
    was, now = transcript.parse(old), transcript.parse(merged)
    found = bool(failed)
    for cell in snippet.for_device(device):
        if cell.slug not in failed and was.get(cell.slug) != now[cell.slug]:
            found = True
            diff = transcript.diff(was.get(cell.slug, []), now[cell.slug], f"{path} (committed)", "this run")
            message = f"the cell '{cell.slug}' has drifted from {path}"
            yield site.about(snippet, cell, message, diff=diff, acceptable=True)
    if not found:
        diff = transcript.diff(old.split("\n"), merged.split("\n"), f"{path} (committed)", "this run")
        yield Problem(path, 1, "is not what this run writes", "", diff, chapter=snippet.name, acceptable=True)


def _false_proofs(site: Site, snippet: Snippet, results: dict[tuple[str, str], str], run: Run) -> Iterator[Problem]:
    """Proofs that are not true, of every page that shows the chapter."""
    for page in site.pages.values():
        for proof in page.proofs:
            if not proof.after or proof.after.chapter != snippet.name or proof.after.slug not in run.cells:
                continue
            cell = snippet.cell(proof.after.slug)
            problem = results.get((cell.slug, proof.expression), "was not evaluated")
            if problem:
                where = f"after the cell '{cell.slug}', {snippet.file}:{cell.line - 1}"
                message = f"the proof `{proof.expression}` {problem} ({where})"
                yield Problem(page.file, proof.line, message, chapter=snippet.name, slug=cell.slug)


def _hidden_help(
    site: Site, runner: Runner, snippet: Snippet, cells: tuple[Cell, ...], run: Run, device: str
) -> Iterator[Problem]:
    """Cells that come out differently for a reader, who runs only what the page shows."""
    shown = tuple(cell for cell in cells if cell.shown)
    if len(shown) == len(cells):
        return
    replay = runner.run(job_of(snippet, shown, {}, device))
    for cell in shown:
        expected = run.cells[cell.slug].lines()
        alone = replay.cells.get(cell.slug)
        lines = alone.lines() if alone else [f"x {replay.died}"]
        if not transcript.same(expected, lines, cell):
            message = f"the cell '{cell.slug}' comes out differently without the hidden cells (remove-cell) above it"
            diff = transcript.diff(expected, lines, "with the hidden cells", "as a reader runs it")
            yield site.about(snippet, cell, message, diff=diff)
            return


def _unstable(site: Site, snippet: Snippet, cells: tuple[Cell, ...], run: Run, again: Run) -> Iterator[Problem]:
    """Cells that two runs, in different zygotes, do not agree on, or that name this machine."""
    if again.died:
        yield Problem(snippet.file, 1, f"in its second run, {again.died}", chapter=snippet.name)
        return
    for cell in cells:
        first, second = run.cells[cell.slug].lines(), again.cells.get(cell.slug)
        lines = second.lines() if second else ["x did not run the second time"]
        if "volatile" in cell.tags:
            first, lines = transcript.normalised(first), transcript.normalised(lines)
        if first != lines:
            message = f"not accepted: two runs of '{cell.slug}' differ: {_why(first, lines)}"
            yield site.about(snippet, cell, message, diff=transcript.diff(first, lines, "first run", "second run"))
        elif own := _of_this_machine(site.root, run.cells[cell.slug]):
            message = f"not accepted: '{cell.slug}' prints {own}, which is so on this machine, today, only"
            yield site.about(snippet, cell, message)


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
