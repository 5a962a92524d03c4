"""This build: what is on disk, what it did, and how to end when something is wrong.

In a build, anything wrong anywhere is raised as one report: by the first page with a problem, so that pages without
any wait for their own session only. While serving, nothing stops: the problem is shown where it is.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

from ..compare.check import ChapterCheck, Checker
from ..compare.shards import Merged, PartError, seconds_of
from ..compare.site import Site
from ..files import Settings, find_root, settings
from ..model.pages import Page
from ..model.problems import Problem, github_lines, many, report
from ..progress import Progress
from ..run.cluster import ClusterError
from ..run.runner import Runner
from ..show.page import Drift, PageView, drift_html
from .rich import rich_html

__all__ = ["Asked", "Build", "build_of", "complaint", "is_serving"]

log = logging.getLogger("mkdocs.torchproof")

Asked = dict[tuple[Any, ...], Any]
"""Answers, by function and arguments."""


class Build:
    """The state of one project between pages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self.runner = _runner(root)
        except (ClusterError, PartError) as error:
            raise Drift(str(error)) from None
        self.signature: list[tuple[str, int, int]] = []
        self.checker: Checker | None = None
        self.read: Site | None = None
        """The project as it is on disk, whatever plugins make of its pages."""
        self.follower: Thread | None = None
        """Says how far the chapters are."""
        self.is_read: bool | None = None
        """Whether this build of a server has read the disk; None where nobody says when one begins."""
        self.asked: Asked = {}
        """What the page that is being rendered asked of the whole build, and what it got."""
        self.is_patient = False
        """Whether pages may come otherwise than they are on disk, and are judged when all have come."""
        atexit.register(self.close)

    @property
    def folders(self) -> Settings:
        """Where pages and snippets are."""
        return settings(self.root)

    def current(self) -> Checker:
        """The checker of the project as it is on disk now; a build reads the disk once."""
        if self.checker is not None and (self.is_read or not is_serving()):
            return self.checker
        signature = self._signature()
        self.is_read = None if self.is_read is None else True
        if signature != self.signature:
            self.signature = signature
            before, self.read = self.checker, Site.read(self.root)
            self.checker = Checker(self.read, self.runner)
            if before is not None:
                before.close()
                _keep(before, self.checker)
            self.checker.start()
            if not is_serving() and log.isEnabledFor(logging.INFO):
                self.follower = Thread(target=_follow, args=(self.checker,), daemon=True)
                self.follower.start()
        return self.checker

    def _signature(self) -> list[tuple[str, int, int]]:
        """What changes with a page, a snippet, a transcript, and with whatever lies beside snippets."""
        docs, snippets = (self.root / folder for folder in self.folders.folders)
        chapters = self.read.snippets.values() if self.read else ()
        named = {self.root / each.path for snippet in chapters for each in snippet.beside}
        pages = {path for path in docs.rglob("*.*") if path.suffix in (".md", ".py", ".txt")}
        found = []
        for path in sorted(pages | named | {path for path in snippets.rglob("*") if path.name[0] != "."}):
            if not path.is_dir() and os.path.lexists(path):
                stat = path.stat() if path.exists() else path.lstat()
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
        return found

    def begin(self) -> None:
        """Begin a build; what plugins made of pages in the one before, on a server, is of that build."""
        self.is_read = False
        if self.checker is not None and self.checker.site is not self.read:
            self.signature = []

    def view(self, page: Page) -> PageView:
        """What a page shows, after it was run and compared; in a build, the end if anything is wrong with it."""
        checker = self.current()
        problems = self.problems_of(page)
        if problems and not is_serving() and not self.is_patient:
            self.stop()
        for problem in problems if is_serving() else ():
            log.warning("%s", problem)
        view = PageView(checker, page, problems)
        view.rich = rich_html
        return view

    def problems_of(self, page: Page) -> list[Problem]:
        """What is wrong with a page and the chapters it shows; with the whole site, too, unless pages stand alone."""
        checker = self.current()
        chapters = {embed.chapter for embed in page.embeds} & set(checker.site.snippets)
        run = [problem for name in sorted(chapters) for problem in checker.chapter(name).problems]
        static = checker.site.problems
        if is_serving() or self.is_patient:
            static = [p for p in static if p.path == page.file or p.chapter == page.name]
            others = {other.file for other in checker.site.pages.values()} - {page.file}
            run = [p for p in run if p.path not in others]
        return static + run

    def ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """The answer to what a fence asks of the whole build; a server asks again before it shows the page again."""
        self.asked[question, *arguments] = object()  # what raises has no answer, and is asked again
        self.asked[question, *arguments] = answer = question(*arguments)
        return answer

    def came(self, page: Page) -> None:
        """Take a page as a plugin left it, in place of the one on disk; what it shows is run with its claims."""
        checker = self.current()
        pages = checker.site.pages
        checker.site = replace(checker.site, pages={**pages, page.name: page})
        for embed in (*page.embeds, *(pages[page.name].embeds if page.name in pages else ())):
            checker.chapters.pop(embed.chapter, None)

    def checks(self) -> list[ChapterCheck]:
        """Every chapter that a page shows, checked; in a build, the end if anything is wrong with any."""
        checker = self.current()
        if not is_serving() and checker.problems():
            self.stop()
        return [checker.chapter(name) for name in checker.site.pages if name in checker.site.snippets]

    def stop(self) -> NoReturn:
        """End the build with everything that is wrong."""
        everything = self.current().problems()
        if self.follower is not None:
            self.follower.join()
        for line in github_lines(everything):
            print(line, file=sys.stderr, flush=True)
        raise Drift(report(everything))

    def close(self) -> None:
        """Stop every session; and no bar is left behind on a terminal."""
        self.runner.close()
        if self.follower is not None:
            self.follower.join(timeout=10)


def _runner(root: Path) -> Runner:
    """What answers from the results of all parts of the book, where `$TORCHPROOF_RESULTS` names their files."""
    if files := os.environ.get("TORCHPROOF_RESULTS"):
        site = Site.read(root)
        return Merged(site, list(site.snippets), map(Path, files.split(os.pathsep)))
    runner = Runner(root)
    if is_serving():
        runner.serve()
    return runner


def _follow(checker: Checker) -> None:
    """Say what becomes of each chapter, and on a terminal how far they are, while the builder goes on."""
    terminal = sys.stderr
    handlers = [each for each in logging.getLogger("mkdocs").handlers if getattr(each, "stream", None) is terminal]
    last = seconds_of(checker.site.root)
    with Progress(checker.site.snippets, last, terminal, log.info) as progress:
        for handler in handlers:  # a line of MkDocs' goes above the bar, which has put itself in its stream's place
            handler.setStream(sys.stderr)
        try:
            for done in checker.finished():
                outcome = many(len(done.problems), "problem") if done.problems else "ok"
                took = done.run.seconds
                progress.say(done.snippet.name, f"{outcome}, {took:.1f} s", took=took, is_quiet=not done.problems)
        except Exception as error:  # the page that shows the chapter raises it, and ends the build
            log.debug("%r", error)
        finally:
            for handler in handlers:
                handler.setStream(terminal)


def _keep(before: Checker, now: Checker) -> None:
    """Let a checker have what another found as committed, where all that it looked at is as it was.

    A session that read a file of the project asks the cache again, which knows what was in it.
    """
    for name, future in before.chapters.items():
        snippet = now.site.snippets.get(name)
        if snippet is None or future.cancelled() or future.exception():
            continue
        check: ChapterCheck = future.result()
        is_whole = not (check.problems or check.run.files) and now.site.committed(snippet) == check.merged
        is_same = snippet == check.snippet and now.site.recordings.get(name, {}) == check.recordings
        if is_whole and is_same and before.site.pages_about(name) == now.site.pages_about(name):
            now.chapters[name] = future


@cache
def _build(root: Path) -> Build:
    return Build(root)


def build_of(start: Path | None = None) -> Build:
    """The build of the project at, or above, a folder; by default the last one asked for."""
    if LAST and start in (None, LAST[-1].root):  # asked a thousand times a build
        return LAST[-1]
    build = _build(find_root(start))
    LAST[:] = [build]
    return build


LAST: list[Build] = []


def complaint(drift: Drift) -> str:
    """While serving, the block that shows it; in a build, the end."""
    if not is_serving():
        raise drift
    log.warning("%s", drift)
    return drift_html(drift)


def is_serving() -> bool:
    """Whether this is `mkdocs serve` or `zensical serve`."""
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "") == "serve"
