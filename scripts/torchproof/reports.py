"""What a page may print of this build, from a fence of markdown-exec:

    ```python exec="true"
    from torchproof import reports

    print(reports.counts())
    ```

Each function returns Markdown, waits for every chapter, and ends the build where something is wrong.
"""

from typing import NoReturn

from .builders.build import build_of
from .model.problems import did_you_mean
from .show import summary

__all__ = ["chapters", "counts", "environment", "recordings"]


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


def recordings() -> str:
    """The machines that recorded other devices, and what waits for one."""
    return summary.recordings(build_of().checks())
