"""What a page may print of this build, from a fence of markdown-exec:

    ```python exec="true"
    from torchproof import reports

    print(reports.counts())
    ```

Each function returns Markdown, waits for every chapter, and ends the build where something is wrong.
"""

import json
import tomllib
from functools import lru_cache
from typing import Any, NoReturn

from .builders import errors as looked_up
from .builders import idioms as idioms_
from .builders import museum, sources
from .builders.build import build_of
from .builders.names import Index
from .compare.versions import FILE, read
from .model.problems import did_you_mean
from .show import summary
from .show.versions import Versions

__all__ = [
    "chapters",
    "counts",
    "environment",
    "errors",
    "errors_listed",
    "errors_unexplained",
    "history",
    "history_table",
    "idioms",
    "idioms_in_short",
    "museum",
    "names",
    "recordings",
    "source",
    "versions",
]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"there is no report '{name}'; {did_you_mean(name, __all__)}")


def counts() -> str:
    """How many outputs, states and proofs this build compared, as a sentence."""
    return summary.counts(build_of().checks())


def chapters() -> str:
    """A table with a row for each chapter; its links lead from a page that lies in `docs/` itself."""
    build = build_of()
    return summary.chapters(build.checks(), build.current().site.pages)


def environment() -> str:
    """The versions that the CPU's sessions ran with."""
    return summary.environment(build_of().checks())


def errors(chapter: str, rows: dict[str, str]) -> str:
    """A table of errors, held to what this build's cells raise: `{"cell": "its title | what it means | way out"}`."""
    return summary.errors(build_of().current().chapter(chapter), rows)


def errors_listed(page: str, *cells: str) -> str:
    """A list of errors that pages explain, by their cells, in this order; `page` is where it stands."""
    checker = build_of().current()
    return looked_up.listed(checker, checker.site.pages[page], cells)


def errors_unexplained(page: str) -> str:
    """The errors and warnings of the book that no page explains; `page` is where the list stands."""
    checker = build_of().current()
    return looked_up.unexplained(checker, checker.site.pages[page])


def idioms(chapter: str, rows: dict[str, str]) -> str:
    """Old code beside today's: `{"cell of the old side": "why today's is better"}`; the status is what the old did."""
    build = build_of()
    return idioms_.idioms(build.current().chapter(chapter), rows, build.root / "docs/assets/idioms.json")


def idioms_in_short(chapter: str) -> str:
    """How many idioms of a chapter work, warn, raise or are gone, and which."""
    return idioms_.idioms_in_short(build_of().current().chapter(chapter))


def history(name: str) -> str:
    """What older pages or versions printed, as the sentence of that name in `docs/assets/history.json`."""
    return summary.history(_told(name))


def history_table(name: str) -> str:
    """What older pages or versions printed, line by line."""
    return summary.history_table(_told(name))


def _told(name: str) -> dict[str, Any]:
    return json.loads((build_of().root / "docs/assets/history.json").read_text(encoding="utf-8"))[name]


def source(name: str) -> str:
    """What a tutorial teaches, row by row, and where this handbook does, from a page that lies in a folder of docs/."""
    told = tomllib.loads((build_of().root / "docs/assets/curriculum.toml").read_text(encoding="utf-8"))
    return sources.source(build_of().current().site, told, name)


def names(part: str) -> str:
    """The names of torch that cells use, of one part of the index: where each is explained, and where else it is."""
    build = build_of()
    build.checks()
    return _index(build.current(), build.root).listed(part)


_index = lru_cache(1)(Index)
"""The index of this build, which four pages ask for."""


def recordings() -> str:
    """The machines that recorded other devices, and what waits for one."""
    return summary.recordings(build_of().checks())


def versions(page: str) -> str:
    """What cells do under other versions of torch, for the page of that name below `docs/`.

    What they do is in `docs/assets/versions.json`, and why in `docs/assets/changes.json`.
    """
    build = build_of()
    notes = json.loads((build.root / "docs/assets/changes.json").read_text(encoding="utf-8"))
    checks = {check.snippet.name: check for check in build.checks()}
    pages = build.current().site.pages
    return Versions(read(build.root / FILE), notes, checks, pages, pages[page]).markdown()
