"""The check as pytest items: one for each snippet and device, one for each other file that is wrong.

pytest snippets/tensors/shapes.py        that chapter
pytest -k shapes, --lf, -x, -n 2         as with any test
pytest --torchproof-device cuda snippets the recordings, where that device is
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .compare.check import check_chapter
from .compare.site import Site
from .files import find_root, settings
from .model.devices import DEVICES
from .model.problems import Problem, github_lines, report
from .run.runner import Runner

__all__ = ["SnippetFile"]

RUNNER = pytest.StashKey[Runner]()
SITE = pytest.StashKey[Site]()


class DriftFound(Exception):
    """What the item found; pytest shows the report and nothing else."""


class CheckItem(pytest.Item):
    """One chapter on one device."""

    def runtest(self) -> None:
        site = self.config.stash[SITE]
        name = _name(site.root, self.path)
        own = [problem for problem in site.problems if problem.chapter == name]
        self._fail_on(own + check_chapter(site, _runner(self.config), name, self.name).problems)

    def _fail_on(self, problems: list[Problem]) -> None:
        if problems:
            for line in github_lines(problems):
                print(line)
            raise DriftFound(report(problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        return str(excinfo.value) if excinfo.errisinstance(DriftFound) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.nodeid


class ProblemItem(CheckItem):
    """A file that is wrong and belongs to no chapter: an overview page, a transcript without a snippet."""

    def runtest(self) -> None:
        site = self.config.stash[SITE]
        file = self.path.relative_to(site.root).as_posix()
        self._fail_on([problem for problem in site.problems if problem.path == file])


class SnippetFile(pytest.File):
    """A snippet; collecting it runs nothing."""

    def collect(self) -> Iterator[pytest.Item]:
        device = self.config.getoption("--torchproof-device")
        site = self.config.stash[SITE]
        if device == "cpu" or device in site.recordings.get(_name(site.root, self.path), {}):
            yield CheckItem.from_parent(self, name=device)


class WrongFile(pytest.File):
    """A page or transcript with problems of its own."""

    def collect(self) -> Iterator[pytest.Item]:
        yield ProblemItem.from_parent(self, name="problems")


def pytest_addoption(parser: pytest.Parser) -> None:
    message = "device on which snippets are checked (default: cpu)"
    parser.getgroup("torchproof").addoption("--torchproof-device", choices=DEVICES, default="cpu", help=message)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    site = _site(parent.config, file_path)
    if site is None:
        return None
    snippet = site.snippets.get(_name(site.root, file_path))
    if snippet is not None and file_path == site.root / snippet.file:
        return SnippetFile.from_parent(parent, path=file_path)
    file = file_path.relative_to(site.root).as_posix()
    if any(problem.path == file and not problem.chapter for problem in site.problems):
        return WrongFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Keep pytest from importing, and so running, a snippet that was named on its command line."""
    site = _site(parent.config, module_path)
    return None if site is None else _Nothing.from_parent(parent, path=module_path)


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUNNER in config.stash:
        config.stash[RUNNER].close()


class _Nothing(pytest.File):
    def collect(self) -> list[pytest.Item]:
        return []


def _site(config: pytest.Config, path: Path) -> Site | None:
    """The site, if the file lies below its folders of snippets or pages."""
    try:
        root = find_root(config.rootpath)
    except FileNotFoundError:
        return None
    if not any(path.is_relative_to(root / folder) for folder in settings(root).folders):
        return None
    if SITE not in config.stash:
        config.stash[SITE] = Site.read(root)
    return config.stash[SITE] if config.stash[SITE].snippets else None  # a site without chapters is none of ours


def _name(root: Path, path: Path) -> str:
    """The snippet that a file would be, were it one."""
    folder = next(root / part for part in settings(root).folders if path.is_relative_to(root / part))
    return path.relative_to(folder).with_suffix("").as_posix()


def _runner(config: pytest.Config) -> Runner:
    if RUNNER not in config.stash:
        config.stash[RUNNER] = Runner(config.stash[SITE].root)
    return config.stash[RUNNER]
