"""The check: run every chapter, compare with what is committed, and say what differs.

The build, the command line and pytest all ask this module, so they agree on what drift is.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType

from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES
from ..model.pages import Failure, Fence, Page, Proof
from ..model.problems import Problem
from ..model.runs import CellRun, Job, Measured, Run
from ..model.text import is_title, title_of
from ..read.exercises import trials
from ..read.shapes import shape_comments
from ..run.environment import installed
from ..run.runner import Runner
from . import recordings, transcript
from .recordings import Recorded, Recording
from .shards import seconds_of
from .site import Site
from .transcript import lines_of

__all__ = ["ChapterCheck", "Checker", "Comparison", "check_chapter"]


@dataclass(frozen=True)
class ChapterCheck:
    """A chapter that was run and compared."""

    snippet: Snippet
    run: Run
    problems: list[Problem]
    merged: str
    """The transcript as `accept` would write it."""
    recordings: dict[str, Recording] = field(default_factory=dict)
    """What is recorded of the chapter, by device."""

    def result(self, slug: str, kind: str, source: str) -> Measured:
        """What came of a claim below a cell."""
        return self.run.cells.get(slug, CellRun(slug)).result(kind, source)

    def done(self, cell: Cell) -> CellRun | None:
        """What a cell did, here or where it is at home; None where nobody knows."""
        if cell.home in self.recordings:
            return self.recordings[cell.home].runs(self.snippet).get(cell.slug)
        return self.run.cells.get(cell.slug)

    def errors(self, failure: Failure) -> dict[str, str | None]:
        """What the chapter's cells in a box of an error raised, by cell; None where no run or recording says so."""
        cells = (self.snippet.cell(embed.slug) for embed in failure.embeds if embed.chapter == self.snippet.name)
        runs = {cell.slug: self.done(cell) for cell in cells if cell and cell.must_raise}
        return {slug: run.error if run else None for slug, run in runs.items()}

    def text_of(self, value: Proof) -> str:
        """The text of a value of its page; empty where that is not known."""
        cell = self.snippet.cell(value.after.slug) if value.after.chapter == self.snippet.name else None
        if cell is not None and cell.home != "cpu":
            return self.recordings[cell.home].cells[cell.slug].text_of(value.kind, value.source)
        data = self.result(value.after.slug, value.kind, value.source).data if cell else None
        return data.text if data else ""

    @property
    def proofs(self) -> int:
        """How many proofs were checked."""
        return sum(len(cell.proofs) for cell in self.run.cells.values())


class Checker:
    """Checks the chapters of a site, as many at once as can run; a context manager."""

    def __init__(self, site: Site, runner: Runner) -> None:
        self.site = site
        self.runner = runner
        self.pool = ThreadPoolExecutor(runner.zygote.at_once, thread_name_prefix="torchproof")
        self.lock = threading.Lock()
        self.chapters: dict[str, Future[ChapterCheck]] = {}

    def start(self, names: Iterable[str] | None = None) -> None:
        """Begin to check the chapters in the background, the longest first."""
        last = seconds_of(self.site.root)
        names = self.site.snippets if names is None else names
        with self.lock:
            for name in sorted(names, key=lambda name: -last.get(name, 1e9)):
                if name not in self.chapters:
                    self.chapters[name] = self.pool.submit(check_chapter, self.site, self.runner, name)

    def chapter(self, name: str) -> ChapterCheck:
        if name not in self.chapters:
            self.start([name])
        return self.chapters[name].result()

    def finished(self) -> Iterator[ChapterCheck]:
        """The chapters that were started, as they come in."""
        return (future.result() for future in as_completed(list(self.chapters.values())))

    def problems(self) -> list[Problem]:
        """Everything that is wrong with the site; waits for every chapter."""
        self.start()
        found = [problem for name in self.site.snippets for problem in self.chapter(name).problems]
        return self.site.problems + found

    def __enter__(self) -> "Checker":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


def check_chapter(site: Site, runner: Runner, name: str, device: str = "cpu") -> ChapterCheck:
    """Run a chapter, and once more what its page shows if some of it is hidden; compare."""
    snippet = site.snippets[name]
    if not snippet.cells:  # which has been reported
        return ChapterCheck(snippet, Run(), [], site.committed(snippet, device) or "")
    job = site.job(snippet, snippet.rehearsed_on(device), device)
    compared = Comparison(site, snippet, device, runner.run(job))
    problems = [*compared.failures, *compared.drift(), *compared.disagreements(), *compared.false_claims()]
    problems += [*compared.mistaken_exercises(), *compared.wrong_shapes(), *compared.slips()]
    if not compared.failures and (job := compared.shown_only()):
        problems += compared.hidden_help(runner.run(job))
    check = ChapterCheck(snippet, compared.run, problems, compared.merged, site.recordings.get(name, {}))
    problems += _wrong_titles(site, check) if device == "cpu" else ()  # which knows the recordings too
    return check


def _wrong_titles(site: Site, check: ChapterCheck) -> Iterator[Problem]:
    """The titles of boxes of errors that no cell inside raises, word for word."""
    for page in site.pages_about(check.snippet.name):
        for failure in page.failures:
            errors = check.errors(failure)
            if errors and not any(error is None or is_title(failure.title, error) for error in errors.values()):
                slug, error = next(iter(errors.items()))
                message = f"the title \"{failure.title}\" is not what the cell '{slug}' raises: {error}"
                way_out = f'write ??? failure "{title_of(error)}", with a gap (…) for what you leave out'
                line = failure.line
                yield Problem(page.file, line, f"{message}\n{way_out}", chapter=check.snippet.name, slug=slug)


@dataclass(frozen=True)
class Comparison:
    """One run of a chapter on one device, beside what is committed."""

    site: Site
    snippet: Snippet
    device: str
    run: Run

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.snippet.for_device(self.device)

    @property
    def path(self) -> str:
        """The transcript."""
        return self.snippet.transcript(self.device)

    @cached_property
    def committed(self) -> str | None:
        return self.site.committed(self.snippet, self.device)

    @cached_property
    def lines(self) -> dict[str, list[str]]:
        """What each cell that ran would have in the transcript."""
        is_recording = self.device != "cpu"
        return {slug: lines_of(run, is_recording=is_recording) for slug, run in self.run.cells.items()}

    @cached_property
    def merged(self) -> str:
        """The transcript as accepting would write it: what this run equals is kept as it was."""
        made = self.run.provenance if self.device != "cpu" else self.run.versions or installed()
        return recordings.merge(self.committed, self.snippet, self.device, self.lines, made)

    @cached_property
    def failures(self) -> list[Problem]:
        """The session died, a cell raised that must not, or did not raise that must, or drew what has no recording."""
        return list(self._failures())

    def _failures(self) -> Iterator[Problem]:
        if died := self.run.died:
            cell = self.snippet.cell(died.cell or "") or self.cells[0]
            yield self.about(cell, f"{died}{MORE.format('time-limit', 300)}" if "CPU time" in died.why else str(died))
        for cell in self.cells:
            run = self.run.cells.get(cell.slug)
            if run is None:
                return
            if FULL in (run.error or ""):
                message = f"the cell '{cell.slug}' found no room: {run.error}; free some, or set TMPDIR to another disk"
                yield self.about(cell, message, line=run.line)
            elif run.error is not None and not cell.must_raise:
                way_out = _way_out(run.error, self.site.limits(self.snippet).memory_limit, self.snippet.file)
                yield self.about(cell, f"the cell '{cell.slug}' raises {run.error}{way_out}", line=run.line)
            elif run.error is None and cell.must_raise:
                tag = "exercise" if "exercise" in cell.tags else "raises-exception"
                yield self.about(cell, f"the cell '{cell.slug}' is tagged {tag}, but nothing raises")
            elif run.figures and cell.home != "cpu":
                message = f"the cell '{cell.slug}' plots, but a recording holds text only; plot where the CPU runs too"
                yield self.about(cell, message)

    def about(self, cell: Cell, message: str, **fields: object) -> Problem:
        return self.site.about(self.snippet, cell, message, device=self.device, **fields)

    def drift(self) -> Iterator[Problem]:
        """Where what is committed and this run differ, cell by cell; failed cells have been reported."""
        if self.committed is None and self.device == "cpu":  # that there is none has been reported
            return
        failed = {problem.slug for problem in self.failures}
        found = bool(failed)
        for cell in self.cells:
            was, now = self.recording.cells[cell.slug], self.lines.get(cell.slug)
            if cell.slug in failed or now is None or self._is_same(cell, was, now):
                continue
            found = True
            if was.is_shown or self.device == "cpu":
                diff = transcript.diff(was.lines, now, f"{self.path} (committed)", "this run")
                yield self.about(
                    cell, f"the cell '{cell.slug}' has drifted from {self.path}", diff=diff, acceptable=True
                )
            else:
                state = recordings.STATES[was.state]
                message = f"the cell '{cell.slug}' has no valid recording in {self.path}: {state}"
                yield self.about(cell, message, acceptable=True)
        if self.device != "cpu":
            yield from self._gone()
        elif not found and self.committed != self.merged:
            lines = (self.committed.split("\n"), self.merged.split("\n"))
            diff = transcript.diff(*lines, f"{self.path} (committed)", "this run")
            yield Problem(self.path, 1, "is not what this run writes", "", diff, self.snippet.name, acceptable=True)

    def _is_same(self, cell: Cell, was: Recorded, now: list[str]) -> bool:
        """Whether a cell did what is committed of it.

        Numbers of a recording are compared to the last digit on its GPU and torch, within print precision on others.
        """
        there, here = self.recording.provenance, self.run.provenance
        exact = all(there.get(name) == here.get(name) for name in ("gpu", "torch")) if self.device != "cpu" else None
        return was.is_shown and transcript.same(was.lines, now, cell, exact=exact)

    @cached_property
    def recording(self) -> Recording:
        """What is committed, cell by cell."""
        made = self.site.recordings.get(self.snippet.name, {}).get(self.device)
        return made or recordings.read(self.committed, self.snippet, self.device, "")

    def _gone(self) -> Iterator[Problem]:
        for slug, recorded in self.recording.cells.items():
            if recorded.state == "gone":
                message = f"holds the cell '{slug}', which is not in the session of {self.device}"
                yield Problem(self.path, 1, message, chapter=self.snippet.name, acceptable=True, device=self.device)

    def disagreements(self) -> Iterator[Problem]:
        """Cells whose tensors came out otherwise than recorded on a device, though the code and torch are the same."""
        made = self.site.recordings.get(self.snippet.name, {}) if self.device == "cpu" else {}
        for device, recording in made.items():
            for slug, recorded in recording.cells.items():
                cell, here = self.snippet.cell(slug), self.run.cells.get(slug)
                if recorded.state != "fresh" or here is None or "facts-differ" in cell.tags:
                    continue
                if diff := recordings.disagreements(cell, here, recorded, device):
                    message = f"the tensors of the cell '{slug}' are in other states on {device} than on the CPU"
                    way_out = 'if they should be, tag it: tags=["facts-differ"]'
                    yield self.about(cell, f"{message}\n{way_out}", diff="\n".join(diff))

    def false_claims(self) -> Iterator[Problem]:
        """Proofs that are not true, and what could not be measured, of every page that shows the chapter."""
        for page in self.site.pages_about(self.snippet.name):
            for claim in page.claims:
                if (cell := self._evaluated(claim)) and (problem := self._problem_of(claim)):
                    yield self._false_claim(page, claim, cell, problem)

    def slips(self) -> Iterator[Problem]:
        """What is certain to go wrong with cells that wait for a device; where one is recorded, it went well."""
        for slug, slips in self.run.slips.items():
            cell = self.snippet.cell(slug)
            if self.site.recordings[self.snippet.name][cell.home].cells[slug].is_shown:
                continue
            for slip in slips:
                if not slip.claim:
                    message = (
                        f"the cell '{slug}' waits for {DEVICES[cell.home].run}, and would fail there: {slip.message}"
                    )
                    yield self.about(cell, message, line=slip.line)
                for page in self.site.pages_about(self.snippet.name) if slip.claim else ():
                    at = (self.snippet.name, slug, slip.claim)
                    for claim in page.claims:
                        if claim.after and (claim.after.chapter, claim.after.slug, claim.source) == at:
                            yield self._false_claim(page, claim, cell, slip.message)

    def mistaken_exercises(self) -> Iterator[Problem]:
        """Exercises that refuse their solution, or accept a wrong answer."""
        for cell in self.cells if self.device == "cpu" else ():
            for code, answer in trials(self.snippet, cell).items() if cell.slug in self.run.cells else ():
                error = self.run.cells[cell.slug].result("trial", code).problem
                if "wrong" not in answer.tags and error:
                    message = f"the exercise '{cell.slug}' refuses its own solution '{answer.slug}': {error}"
                    yield self.about(cell, f"{message}\nthe solution put into the exercise must pass its asserts")
                elif "wrong" in answer.tags and not error:
                    message = f"the exercise '{cell.slug}' accepts the wrong answer '{answer.slug}'"
                    yield self.about(answer, f"{message}; make its asserts refuse it")
                elif "wrong" in answer.tags and SLIP.match(error):
                    message = f"the wrong answer '{answer.slug}' is not judged by its exercise '{cell.slug}'"
                    yield self.about(answer, f"{message}: {error}")

    def wrong_shapes(self) -> Iterator[Problem]:
        """Comments that say another shape than the value beside them had, whenever it came by."""
        seen = {each.line: each.shapes for each in self.run.shapes}
        for cell in self.cells:
            for comment in shape_comments(cell):
                shapes = seen.get(comment.line, ())
                if shapes and not any(map(comment.is_true_of, shapes)):
                    found = ", ".join(map(str, shapes[0]))
                    message = f"the comment says {comment.text}, and the shape is {found}; correct the comment"
                    yield self.about(cell, message, line=comment.line - cell.line + 1)

    def _problem_of(self, claim: Proof | Fence) -> str:
        return self.run.cells[claim.after.slug].result(claim.kind, claim.source).problem

    def _false_claim(self, page: Page, claim: Proof | Fence, cell: Cell, problem: str) -> Problem:
        if isinstance(claim, Proof):
            where = f"after the cell '{cell.slug}', {self.snippet.file}:{cell.line - 1}"
            message = f"{claim} {problem} ({where})"
        else:
            noun = "table" if claim.kind == "table" else f"drawing `{claim.kind}`"
            message = f"the {noun}: {problem} (after the cell '{cell.slug}')"
        return Problem(page.file, claim.line, message, chapter=self.snippet.name, slug=cell.slug)

    def _evaluated(self, claim: Proof | Fence) -> Cell | None:
        """The cell above a claim, if the session came past it as it should and evaluated what stands under it."""
        after = claim.after
        if after is None or after.chapter != self.snippet.name or after.slug not in self.run.cells:
            return None
        cell = self.snippet.cell(after.slug)
        is_expected = self.run.cells[after.slug].error is None or cell.must_raise
        return cell if is_expected and cell.home == self.device else None

    def shown_only(self) -> Job | None:
        """The job of a reader, who runs only what the page shows; None where that is all of it."""
        shown = tuple(cell for cell in self.cells if cell.is_shown)
        job = self.site.job(self.snippet, shown, self.device)
        untried = replace(job, steps=tuple(replace(step, trials=()) for step in job.steps))
        return untried if len(shown) < len(self.cells) else None

    def hidden_help(self, replay: Run) -> Iterator[Problem]:
        """The first cell that comes out differently for a reader, whose run is `replay`."""
        for cell in self.cells:
            if not cell.is_shown:
                continue
            expected = lines_of(self.run.cells[cell.slug], is_recording=True)  # with its proofs
            alone = replay.cells.get(cell.slug)
            lines = lines_of(alone, is_recording=True) if alone else [f"x {replay.died}"]
            if not transcript.same(expected, lines, cell):
                message = (
                    f"the cell '{cell.slug}' comes out differently without the hidden cells (remove-cell) above it"
                )
                diff = transcript.diff(expected, lines, "with the hidden cells", "as a reader runs it")
                yield self.about(cell, message, diff=diff)
                return


FULL = "[Errno 28]"
"""What a full disk raises, and no lesson."""

SLIP = re.compile(
    "((Name|Syntax|Indentation|UnboundLocal|Import|ModuleNotFound)Error|AttributeError: module)\\b|ended the process"
)
"""What is wrong with a wrong answer itself."""


MORE = "; if it needs more, say so above its first cell: `# torchproof: {} = {}`"


MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)|FileNotFoundError: .*: '((?!/)[^'\n]+)'")
"""A module, or a file, that is not there."""


def _way_out(error: str, memory: float, file: str) -> str:
    """What to do about a cell that raises and should not."""
    if re.search(r"MemoryError\b|(can't|Cannot) allocate memory", error):
        return f"\na session may allocate {memory:g} GiB{MORE.format('memory-limit', 8)}"
    if missing := MISSING.match(error):
        what = f"install it, or put {missing[1]}.py" if missing[1] else f"put {missing[2]}"
        return f"\n{what} beside {file}: a session finds there what the code imports, and files that it names in full"
    is_refused = error.startswith("PermissionError: snippets run")
    return "" if is_refused else '\nif it should, tag it: tags=["raises-exception"]'
