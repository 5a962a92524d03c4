"""The site as it is on disk: its snippets, pages and recordings, and what is wrong before anything runs."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files import Settings, Text, names, read_text, settings
from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES, RECORDED
from ..model.pages import Page
from ..model.problems import Problem
from ..model.runs import Claim, Job, Step
from ..read.exercises import check_exercises, trials
from ..read.pages import check_page, read_page
from ..read.shapes import shape_comments
from ..read.snippets import read_snippet
from ..read.walkthroughs import find_walkthroughs, read_walkthrough
from ..run.environment import installed
from . import recordings
from .attestations import attested
from .recordings import Recording

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """All snippets and pages of a project, as they are on disk now."""

    root: Path
    snippets: dict[str, Snippet]
    pages: dict[str, Page]
    misplaced: tuple[Problem, ...] = field(default=())

    @classmethod
    def read(cls, root: Path) -> "Site":
        docs, folder = (root / part for part in settings(root).folders)
        found = {name: read_snippet(root, name) for name in names(folder, ".py")}
        used = {each.path for snippet in found.values() for each in snippet.beside}
        snippets = {name: snippet for name, snippet in found.items() if snippet.file not in used}
        pages = {name: read_page(root, name) for name in names(docs, ".md")}
        misplaced = []
        for name in find_walkthroughs(root):
            snippet = read_snippet(root, name, is_walkthrough=True)
            if name in snippets or name in pages:
                other = snippets[name].file if name in snippets else pages[name].file
                misplaced.append(Problem(snippet.file, 1, f"has the name of {other}; rename one"))
                continue
            snippets[name] = snippet
            pages[name] = read_walkthrough(snippet)
        return cls(root, snippets, pages, tuple(misplaced))

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong before anything runs."""
        found, said = [*self.misplaced], settings(self.root)
        if said.wrong:
            found.append(Problem("pyproject.toml", 1, said.wrong))
        for snippet in self.snippets.values():
            found += [*snippet.problems, *check_exercises(snippet)]
        found += [problem for page in self.pages.values() for problem in check_page(page, self.snippets)]
        for name, snippet in self.snippets.items():
            if not snippet.cells:  # which has been reported
                continue
            if name not in self.pages:
                way_out = f"write {said.docs}/{name}.md"
                found.append(Problem(snippet.file, 1, f"no page shows it; {way_out}", chapter=name))
            if not os.path.lexists(self.root / snippet.transcript()):
                found.append(Problem(snippet.transcript(), 1, "no transcript yet", chapter=name, acceptable=True))
        return [*found, *self._orphans(), *self._unreadable(), *self._unbelievable(), *self._unread()]

    def _unreadable(self) -> Iterator[Problem]:
        """Transcripts that are no text: nobody would see what accepting replaced."""
        for snippet in self.snippets.values():
            for device in DEVICES:
                text = self._transcript(snippet, device)
                if text and not text.is_read:
                    file = snippet.transcript(device)
                    problem = Problem(file, text.line, text.wrong, chapter=snippet.name, device=device)
                    what = text.wrong.partition("; ")[0]
                    yield replace(problem, message=f"{what}; delete it, and let `{problem.way_out}` write it anew")

    def _unread(self) -> Iterator[Problem]:
        """Files below `docs/` that builders show, that nothing reads here, and that look as if this had run them."""
        docs = settings(self.root).docs
        for suffix in (".html", ".htm", ".ipynb", ".markdown", ".mdown", ".mkdn", ".mkd"):
            for name in names(self.root / docs, suffix):
                text = read_text(self.root / docs / f"{name}{suffix}").text
                if found := LIKE_OURS.search(text):
                    line, message = text.count("\n", 0, found.start()) + 1, f"`{found[0]}` {UNREAD}"
                    yield Problem(f"{docs}/{name}{suffix}", line, message)

    def _orphans(self) -> Iterator[Problem]:
        """Transcripts without a snippet, or of a device that there is not; other texts are a snippet's own affair."""
        known = {snippet.transcript(device) for snippet in self.snippets.values() for device in DEVICES}
        used = {each.path for snippet in self.snippets.values() for each in snippet.beside}
        docs, snippets = settings(self.root).folders
        for folder in (snippets, docs):
            for name in names(self.root / folder, ".txt"):
                stem, _, device = name.rpartition(".")
                is_one = device in DEVICES or (folder == snippets and stem in self.snippets)
                if is_one and f"{folder}/{name}.txt" not in known | used:
                    message = f"a transcript without its snippet {folder}/{stem}.py; delete it, or rename it along"
                    yield Problem(f"{folder}/{name}.txt", 1, message)

    def _unbelievable(self) -> Iterator[Problem]:
        """Recordings that hold what no run wrote."""
        for name, made in self.recordings.items():
            for device, recording in made.items():
                if recording.problem:
                    file = self.snippets[name].transcript(device)
                    yield Problem(file, 1, recording.problem, chapter=name, acceptable=True, device=device)

    @cached_property
    def recordings(self) -> dict[str, dict[str, Recording]]:
        """The recordings of each chapter that has, or waits for, one: by chapter and device."""
        found: dict[str, dict[str, Recording]] = {}
        torch = installed().get("torch", "none")
        for name, snippet in self.snippets.items():
            for device in RECORDED:
                text = self.committed(snippet, device)
                if text is not None or any(cell.home == device for cell in snippet.cells):
                    found.setdefault(name, {})[device] = recordings.read(text, snippet, device, torch)
        for device in RECORDED:
            self._attest(device, found)
        return found

    def _attest(self, device: str, found: dict[str, dict[str, Recording]]) -> None:
        """Mark those of the recordings found that name a run, and that this run has signed."""
        named = {name: made[device] for name, made in found.items() if device in made and made[device].workflow_run}
        texts = {name: self.committed(self.snippets[name], device) for name in named}
        signed = attested(self.root, device, {texts[name]: made.workflow_run for name, made in named.items()})
        for name in named:
            if texts[name] in signed:
                found[name][device] = replace(named[name], is_attested=True)

    def committed(self, snippet: Snippet, device: str = "cpu") -> str | None:
        """The transcript of a snippet on a device; None where there is none, or one that is no text."""
        text = self._transcript(snippet, device)
        return text.text if text and text.is_read else None

    def _transcript(self, snippet: Snippet, device: str) -> Text | None:
        path = self.root / snippet.transcript(device)
        return read_text(path) if os.path.lexists(path) else None

    def job(self, snippet: Snippet, cells: tuple[Cell, ...], device: str) -> Job:
        """What a session of some of a snippet's cells gets: what runs, or is rehearsed, and what to evaluate after."""
        steps = tuple(self._step(snippet, cell, device) for cell in cells)
        asked = tuple(comment.line for cell in cells for comment in shape_comments(cell))
        memory, seconds = int(self.limits(snippet).memory_limit * 2**30), snippet.limits.get("time_limit", 0)
        job = Job(snippet.file, snippet.text, steps, device, asked=asked, beside=snippet.beside)
        return replace(job, memory=memory, seconds=seconds)

    def limits(self, snippet: Snippet) -> Settings:
        """The settings of the project, with what a snippet says of itself."""
        return replace(settings(self.root), **snippet.limits)

    def _step(self, snippet: Snippet, cell: Cell, device: str) -> Step:
        waits = not cell.runs_on(device)
        claims = self.claims(snippet, cell, cell.home if waits else device)
        trials = () if waits else self.trials(snippet, cell, device)
        return Step(cell.slug, cell.source, cell.line, cell.must_raise, claims, trials, waits)

    def trials(self, snippet: Snippet, cell: Cell, device: str) -> tuple[Claim, ...]:
        """An exercise with each of its answers; they are tried where a session can be forked."""
        return tuple(Claim("trial", code) for code in trials(snippet, cell)) if device == "cpu" else ()

    def claims(self, snippet: Snippet, cell: Cell, device: str) -> tuple[Claim, ...]:
        """What all pages claim after a cell, each once; it is evaluated on one device, the cell's home."""
        return tuple(self._claims.get((snippet.name, cell.slug), ())) if cell.home == device else ()

    @cached_property
    def _claims(self) -> dict[tuple[str, str], dict[Claim, None]]:
        """What all pages claim, by the chapter and cell above it; in order, each once."""
        found: dict[tuple[str, str], dict[Claim, None]] = {}
        for page in self.pages.values():
            for claim in page.claims:
                if claim.after:
                    place = (claim.after.chapter, claim.after.slug)
                    found.setdefault(place, {})[Claim(claim.kind, claim.source)] = None
        return found

    def place(self, chapter: str, slug: str) -> str:
        """Where a reader sees a cell: on its own page first."""
        pages = sorted(self.pages_about(chapter), key=lambda page: page.name != chapter)
        return next((place for page in pages if (place := page.place(chapter, slug))), "")

    def pages_about(self, chapter: str) -> tuple[Page, ...]:
        """The pages that hold a fence about a cell of a chapter; what they claim stands below one."""
        return tuple(self._pages_about.get(chapter, ()))

    @cached_property
    def _pages_about(self) -> dict[str, list[Page]]:
        found: dict[str, list[Page]] = {}
        for page in self.pages.values():
            for chapter in {embed.chapter for embed in page.embeds}:
                found.setdefault(chapter, []).append(page)
        return found

    def about(self, snippet: Snippet, cell: Cell, message: str, *, line: int = 0, **fields: Any) -> Problem:
        """A problem of a cell: at its title, or at `line` of it."""
        place = self.place(snippet.name, cell.slug)
        return Problem(
            snippet.file, cell.line - 1 + line, message, place, chapter=snippet.name, slug=cell.slug, **fields
        )


LIKE_OURS = re.compile(r"""class=\\?["'][^"'<>]*\btp-[\w-]*|^ *```+ ?cell\b|\{ ?\.(?:proof|value)\b""", re.M)
UNREAD = "looks as if this build had run it, and it reads no such file; write a page in .md, or a walk-through in .py"
