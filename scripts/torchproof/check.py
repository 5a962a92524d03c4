"""The check: run every chapter, compare with what is committed, and say what differs.

The build, the command line and pytest all ask this module, so they agree on what drift is.
"""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from . import recording, transcript
from .cells import Cell, Snippet
from .pages import Embed
from .problems import Problem
from .recording import Recording
from .runner import Run, Runner, cores, installed, job_of
from .session import MEMORY
from .site import Site, transcript_file

__all__ = ["ChapterCheck", "Checker", "check_chapter", "failures"]


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
    recordings: dict[str, Recording] = field(default_factory=dict)
    """What is recorded of the chapter, by device."""


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
        with self.lock:
            for name in sorted(names, key=lambda name: -last.get(self.site.snippets[name].file, 1e9)):
                if name not in self.chapters:
                    self.chapters[name] = self.pool.submit(check_chapter, self.site, self.runner, name)

    def chapter(self, name: str) -> ChapterCheck:
        if name not in self.chapters:
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
    claims = site.claims(name, device)
    run = runner.run(job_of(snippet, cells, claims, device))
    path = site.root / transcript_file(name, device)
    old = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    results = {
        (slug, expression): problem
        for slug, claim in claims.items()
        if slug in run.cells
        for expression, problem in zip(claim["proofs"], run.cells[slug].proofs, strict=False)
    }
    found = list(failures(site, snippet, cells, run, device))
    failed = bool(found)
    recordings = site.recordings.get(name, {})
    if device == "cpu":
        merged = transcript.merge(old, snippet, device, run.lines(), run.versions or installed())
        found += _drift(site, snippet, device, old, merged, {problem.slug for problem in found})
        found += _failed_drawings(site, snippet, run)
        for made in recordings.values():
            found += _disagreements(site, snippet, run, made)
    else:
        lines = recording.recorded_lines(run, {slug: claim["proofs"] for slug, claim in claims.items()})
        merged = recording.merge(old, snippet, device, lines, run.provenance)
        made = recordings.get(device) or recording.read(None, snippet, device, "")
        found += _outdated(site, snippet, made, lines, run, {problem.slug for problem in found})
    found += _false_proofs(site, snippet, results, run, device)
    if not failed:
        found += _hidden_help(site, runner, snippet, cells, run, device)
    return ChapterCheck(snippet, run, found, merged, results, recordings)


def failures(site: Site, snippet: Snippet, cells: tuple[Cell, ...], run: Run, device: str = "cpu") -> Iterator[Problem]:
    """The session died, a cell raised that must not, or did not raise that must, or drew what cannot be recorded."""
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
            if re.search(r"MemoryError\b|(can't|Cannot) allocate memory", error):
                message += f"\na session may allocate {MEMORY >> 30} GiB"
            elif not error.startswith("PermissionError: snippets run"):
                message += '\nif it should, tag it: tags=["raises-exception"]'
            yield site.about(snippet, cell, message, line=done.raised)
        elif cell.must_raise and not done.raised:
            tag = "exercise" if "exercise" in cell.tags else "raises-exception"
            yield site.about(snippet, cell, f"the cell '{cell.slug}' is tagged {tag}, but nothing raises")
        elif done.figures and cell.home != "cpu":
            message = f"the cell '{cell.slug}' plots, but a recording holds text only; plot where the CPU runs too"
            yield site.about(snippet, cell, message)


def _drift(
    site: Site, snippet: Snippet, device: str, old: str | None, merged: str, failed: set[str]
) -> Iterator[Problem]:
    """Where the committed transcript and this run differ, cell by cell; failed cells have been reported."""
    path = transcript_file(snippet.name, device)
    if old == merged or old is None:  # that there is none has been reported
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


def _outdated(
    site: Site, snippet: Snippet, made: Recording, now: dict[str, list[str]], run: Run, failed: set[str]
) -> Iterator[Problem]:
    """Where the recording and this run on its device differ: a cell that is stale or missing, or prints otherwise.

    Numbers are compared to the last digit on the GPU and torch of the recording, within print precision on others.
    """
    path = transcript_file(snippet.name, made.device)
    exact = all(made.provenance.get(name) == run.provenance.get(name) for name in ("gpu", "torch"))
    for slug, recorded in made.cells.items():
        cell = snippet.cell(slug)
        if recorded.state == "gone":
            message = f"holds the cell '{slug}', which is not in the session of {made.device}"
            yield Problem(path, 1, message, chapter=snippet.name, acceptable=True, device=made.device)
        elif slug in failed or slug not in now:
            continue
        elif not recorded.shown:
            message = f"the cell '{slug}' has no valid recording in {path}: {recording.STATES[recorded.state]}"
            yield site.about(snippet, cell, message, acceptable=True, device=made.device)
        elif not transcript.same(recorded.lines, now[slug], cell, exact=exact):
            diff = transcript.diff(recorded.lines, now[slug], f"{path} (committed)", "this run")
            message = f"the cell '{slug}' has drifted from {path}"
            yield site.about(snippet, cell, message, diff=diff, acceptable=True, device=made.device)


def _disagreements(site: Site, snippet: Snippet, run: Run, made: Recording) -> Iterator[Problem]:
    """Cells whose tensors came out otherwise than recorded on a device, though the code and torch are the same."""
    for slug, recorded in made.cells.items():
        cell, here = snippet.cell(slug), run.cells.get(slug)
        if recorded.state != "fresh" or here is None or "facts-differ" in cell.tags:
            continue
        if diff := recording.disagreements(cell, here, recorded, made.device):
            message = f"the tensors of the cell '{slug}' are in other states on {made.device} than on the CPU"
            way_out = 'if they should be, tag it: tags=["facts-differ"]'
            yield site.about(snippet, cell, f"{message}\n{way_out}", diff="\n".join(diff))


def _false_proofs(
    site: Site, snippet: Snippet, results: dict[tuple[str, str], str], run: Run, device: str
) -> Iterator[Problem]:
    """Proofs that are not true, of every page that shows the chapter."""
    for page in site.pages.values():
        for proof in page.proofs:
            if not _evaluated(proof.after, snippet, run):
                continue
            cell = snippet.cell(proof.after.slug)
            if cell.home != device:
                continue
            problem = results.get((cell.slug, proof.expression), "was not evaluated")
            if problem:
                where = f"after the cell '{cell.slug}', {snippet.file}:{cell.line - 1}"
                message = f"the proof `{proof.expression}` {problem} ({where})"
                yield Problem(page.file, proof.line, message, chapter=snippet.name, slug=cell.slug)


def _evaluated(after: Embed | None, snippet: Snippet, run: Run) -> bool:
    """Whether the session came past a cell as it should, and so evaluated what stands under it."""
    if after is None or after.chapter != snippet.name or after.slug not in run.cells:
        return False
    return not run.cells[after.slug].raised or snippet.cell(after.slug).must_raise


def _failed_drawings(site: Site, snippet: Snippet, run: Run) -> Iterator[Problem]:
    """Drawings that could not be measured."""
    for page in site.pages.values():
        for drawing in page.drawings:
            if not _evaluated(drawing.after, snippet, run):
                continue
            data = run.cells[drawing.after.slug].drawing(drawing.kind, drawing.source)
            if error := data.get("error", ""):
                message = f"the drawing `{drawing.kind}`: {error} (after the cell '{drawing.after.slug}')"
                yield Problem(page.file, drawing.line, message, chapter=snippet.name, slug=drawing.after.slug)


def _hidden_help(
    site: Site, runner: Runner, snippet: Snippet, cells: tuple[Cell, ...], run: Run, device: str
) -> Iterator[Problem]:
    """Cells that come out differently for a reader, who runs only what the page shows."""
    shown = tuple(cell for cell in cells if cell.shown)
    if len(shown) == len(cells):
        return
    replay = runner.run(job_of(snippet, shown, site.claims(snippet.name, device), device))
    for cell in shown:
        expected = run.cells[cell.slug].lines()
        alone = replay.cells.get(cell.slug)
        lines = alone.lines() if alone else [f"x {replay.died}"]
        if not transcript.same(expected, lines, cell):
            message = f"the cell '{cell.slug}' comes out differently without the hidden cells (remove-cell) above it"
            diff = transcript.diff(expected, lines, "with the hidden cells", "as a reader runs it")
            yield site.about(snippet, cell, message, diff=diff)
            return
