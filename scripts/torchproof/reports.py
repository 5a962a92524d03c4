"""What a page may print of this build, from a fence of markdown-exec:

    ```python exec="true"
    from torchproof import reports

    print(reports.counts())
    ```

Each function returns Markdown, waits for every chapter, and ends the build where something is wrong.
"""

import json
from typing import Any, NoReturn

from .builders.build import build_of
from .builders.names import Index
from .model.problems import did_you_mean
from .show import summary

__all__ = ["chapters", "counts", "environment", "errors", "history", "history_table", "names", "recordings"]


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


def history(name: str) -> str:
    """What older pages or versions printed, as the sentence of that name in `docs/assets/history.json`."""
    return summary.history(_told(name))


def history_table(name: str) -> str:
    """What older pages or versions printed, line by line."""
    return summary.history_table(_told(name))


def _told(name: str) -> dict[str, Any]:
    return json.loads((build_of().root / "docs/assets/history.json").read_text(encoding="utf-8"))[name]


def names(part: str) -> str:
    """The names of torch that cells use, of one part of the index: where each is explained, and where else it is."""
    build = build_of()
    build.checks()
    return Index(build.current(), build.root).listed(part)


def recordings() -> str:
    """The machines that recorded other devices, and what waits for one."""
    return summary.recordings(build_of().checks())
