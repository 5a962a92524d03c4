"""Runs of sessions on disk: content-addressed, so an edit of anything that matters is a miss. CI never reads it.

A session runs as one unit, so one entry holds one session. Its key is the job, Python, the pinned environment and
the code that runs inside a session; the entry names the files that the session read and the distributions that it
imported, and is no answer once one of them has changed. A torn or foreign entry is a miss, never an answer.
"""

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ..files import digest, digest_of, sealed, unsealed, write_whole
from ..model import wire
from ..model.runs import Job, Run
from .environment import ENVIRONMENT, build_of, distributions, installed, is_canonical, version_of

__all__ = ["Cache", "key_of", "machine"]

KEEP = 2000
"""Entries that are kept, the latest ones."""


class Cache:
    """The runs below one folder."""

    def __init__(self, root: Path, *, keep: int = KEEP) -> None:
        self.root = root
        self.folder = root / ".cache" / "torchproof"
        self.keep = keep
        self.last: dict[str, tuple[str, Any]] = {}
        """What each chapter's entries were when they were last read, for a server reads them at each save."""

    def load(self, job: Job) -> Run | None:
        """The run of a job; None where it is missing, torn or out of date."""
        key = key_of(job)
        try:
            entry = (self.folder / key).read_text(encoding="utf-8")
            return self.read(key, entry, f"{job.file} {len(job.steps)}")
        except (OSError, ValueError):
            return None

    def save(self, job: Job, run: Run) -> None:
        """Keep a run that came to its end, where something can be kept."""
        with contextlib.suppress(OSError):  # a tree that cannot be written to, a full disk
            self._save(job, run)

    def entry(self, key: str, run: Run) -> str:
        """What is kept of a run."""
        packages = {name: _installed_as(name) for name in distributions(run.modules)}
        return sealed(json.dumps([packages, self.digests(run.files), wire.dump(run)]), key)

    def read(self, key: str, entry: str, name: str = "") -> Run | None:
        """The run that is kept in an entry; None where that is torn or out of date. What has a `name` is kept.

        Raises:
            ValueError: it was written by something else.
        """
        if not (body := unsealed(entry, key)):
            return None
        seal, last = entry.partition("\n")[0], self.last.get(name, ("", None))
        if last[0] != seal:
            packages, files, run = json.loads(body)
            self.last[name] = last = seal, (packages, files, wire.load(run))
        packages, files, run = last[1]
        current = all(_installed_as(name) == there for name, there in packages.items())
        return run if current and files == self.digests(files) else None

    def _save(self, job: Job, run: Run) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = key_of(job)
        write_whole(self.folder / key, self.entry(key, run))
        if len(os.listdir(self.folder)) > self.keep:
            for path in sorted(self.folder.iterdir(), key=_age)[: -self.keep]:
                path.unlink(missing_ok=True)

    def digests(self, files: Iterable[str]) -> dict[str, str]:
        """The digest of what is in each file now."""
        return {file: digest_of(self.root / file) for file in files}


def _installed_as(distribution: str) -> str:
    """What is another where an import gives other code: its version, and its build."""
    return version_of(distribution) + build_of(distribution)


def _age(path: Path) -> float:
    """When a file was written; 0 when another run has taken it away meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def key_of(job: Job) -> str:
    """What tells a job, and what runs it here, from every other."""
    return digest(_engine() + wire.dump(job))[:32]


@cache
def _engine() -> str:
    """Hash of what every run depends on besides its job: what runs inside a session, and where."""
    return digest(json.dumps([_sources(), sys.version, platform.machine(), ENVIRONMENT]))


def machine() -> dict[str, str]:
    """What sessions run with here, as far as it decides what they do."""
    system = f"{platform.system()} {platform.machine()}{' with AVX2' * is_canonical()}"
    return {"engine": _sources(), "python": platform.python_version(), "system": system, **installed()}


def _sources() -> str:
    """Hash of the code that runs inside a session, and around it."""
    files = [path for room in ("model", "run") for path in sorted((Path(__file__).parents[1] / room).glob("*.py"))]
    return digest("\0".join(path.read_text(encoding="utf-8") for path in files))
