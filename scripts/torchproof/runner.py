"""Run sessions, or answer from the cache: content-addressed, so an edit of anything that matters is a miss.

A session runs as one unit, so one entry holds one session; its key is the text of all its cells,
the proofs under them, the versions, the pinned environment and this engine. CI never reads it.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .cells import Cell, Snippet
from .zygote import ENVIRONMENT, Died, Zygote

__all__ = ["CellRun", "Run", "Runner", "cores", "installed", "job_of", "write_whole"]

KEEP = 500
"""Entries that the cache keeps, the latest ones."""

SECONDS = 60.0
"""Time limit of a session, unless pyproject.toml says `[tool.torchproof] time-limit`."""


@dataclass(frozen=True)
class CellRun:
    """What one cell did."""

    slug: str
    outputs: list[list[str]]
    """`[mark, text]` pairs in order; marks as in `transcript.MARKS`."""
    facts: list[dict[str, Any]]
    """`statement`, `line`, `name`, `type` and `state` of each tensor or array that changed."""
    figures: list[dict[str, Any]]
    """`lines` (facts) and `svg` (picture) of each figure."""
    raised: int
    """Line of the cell that raised, counted from 1; 0 when none did."""
    statement: int
    """Statement of the cell that raised, counted from 1; 0 when none did."""
    proofs: list[str]
    """What is wrong with each proof; empty where it is true."""
    drawings: list[dict[str, Any]]
    """`kind`, `source` and measured data (or `error`) of each drawing; `lines` are its facts."""
    seconds: float

    def drawing(self, kind: str, source: str) -> dict[str, Any]:
        """The data of a drawing."""
        found = [data for data in self.drawings if (data["kind"], data["source"]) == (kind, source)]
        return found[0] if found else {"error": "was not measured", "lines": []}

    def lines(self) -> list[str]:
        """The cell's transcript."""
        facts = [
            f"~ {fact['line']} {fact['name']:<9} {fact['type']:<16} {'  '.join(fact['state'])}" for fact in self.facts
        ]
        outputs = [
            f"{mark} {line}" if line else mark
            for mark, text in self.outputs
            for line in ([f"line {self.raised}"] if mark == "x" else []) + text.removesuffix("\n").split("\n")
        ]
        figures = [f"# {line}" for figure in self.figures for line in figure["lines"]]
        drawings = [
            f"@ {line}"
            for drawing in self.drawings
            for line in [f"{drawing['kind']} {drawing['source']}", *(f"  {line}" for line in drawing["lines"])]
        ]
        return facts + outputs + figures + drawings


@dataclass(frozen=True)
class Run:
    """What one session did."""

    cells: dict[str, CellRun] = field(default_factory=dict)
    died: str = ""
    """Why the session ended early; empty when it did not."""
    versions: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    """Where it ran (see `devices.probe`); empty on the CPU."""
    files: list[str] = field(default_factory=list)
    """Files of the project that it read, relative to the root."""

    @property
    def seconds(self) -> float:
        return sum(cell.seconds for cell in self.cells.values())

    def lines(self) -> dict[str, list[str]]:
        return {slug: cell.lines() for slug, cell in self.cells.items()}


def job_of(snippet: Snippet, cells: tuple[Cell, ...], claims: dict[str, Any], device: str) -> dict[str, Any]:
    """The job that a session gets: what runs, what to evaluate after it, and nothing about pages."""
    fields = [{"slug": c.slug, "source": c.source, "line": c.line, "must_raise": c.must_raise} for c in cells]
    return {"file": snippet.file, "text": snippet.text, "cells": fields, "claims": claims, "device": device}


class Runner:
    """Runs jobs in one zygote; safe to use from several threads."""

    def __init__(self, root: Path, *, other: bool = False, cached: bool | None = None) -> None:
        """`other` is the second run of an accept: another zygote, another hash seed, no cache."""
        self.root = root
        self.folder = root / ".cache" / "torchproof"
        self.cached = not os.environ.get("CI") if cached is None else cached
        self.zygote = Zygote(root, other=other)
        self.limit = _settings(root).get("time-limit", SECONDS)

    def run(self, job: dict[str, Any]) -> Run:
        """Run a job, or answer from the cache."""
        key = _key(job)
        cached = self.cached and job["device"] == "cpu"
        if cached and (run := self._load(key)):
            return run
        try:
            messages = self.zygote.run(job, self.limit)
        except Died as reason:
            return Run(died=str(reason))
        cells = {m["slug"]: CellRun(**m) for m in messages if "slug" in m}
        done = next(message for message in messages if message.get("done"))
        run = Run(cells, versions=done["versions"], provenance=done["provenance"], files=done["files"])
        if cached:
            self._save(key, job["file"], run)
        return run

    def provenance(self, device: str) -> dict[str, str]:
        """Where sessions of a device run (see `devices.probe`).

        Raises:
            Died: the device is not here; the message says why.
        """
        job = {"file": "", "text": "", "cells": [], "claims": {}, "device": device}
        return next(message for message in self.zygote.run(job, self.limit) if message.get("done"))["provenance"]

    def seconds(self) -> dict[str, float]:
        """How long each snippet's session took when it last ran, by file."""
        try:
            return json.loads((self.folder / "seconds.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def close(self) -> None:
        self.zygote.close()

    def _load(self, key: str) -> Run | None:
        """The cached run; None where it is missing, torn or out of date."""
        try:
            digest, _, body = (self.folder / key).read_text(encoding="utf-8").partition("\n")
            if digest != _hash(key + body):
                return None
            entry = json.loads(body)
        except (OSError, ValueError):
            return None
        if any(self._digest(file) != digest for file, digest in entry["digests"].items()):
            return None
        cells = {slug: CellRun(**cell) for slug, cell in entry["cells"].items()}
        return Run(cells, versions=entry["versions"], files=list(entry["digests"]))

    def _save(self, key: str, file: str, run: Run) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "cells": {slug: vars(cell) for slug, cell in run.cells.items()},
            "versions": run.versions,
            "digests": {file: self._digest(file) for file in run.files},
        }
        body = json.dumps(entry)
        write_whole(self.folder / key, f"{_hash(key + body)}\n{body}")
        write_whole(self.folder / "seconds.json", json.dumps(self.seconds() | {file: run.seconds}))
        entries = sorted(self.folder.iterdir(), key=_age)
        for path in entries[:-KEEP]:
            path.unlink(missing_ok=True)

    def _digest(self, file: str) -> str:
        try:
            return hashlib.sha256((self.root / file).read_bytes()).hexdigest()
        except OSError:
            return ""


def _age(path: Path) -> float:
    """When a file was written; 0 when another run has taken it away meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{id(text)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def cores() -> int:
    """How many sessions run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def installed() -> dict[str, str]:
    """Versions of what sessions use, without the build suffix: `{"torch": "2.13.0", …}`."""
    found = {}
    for name in ("torch", "numpy", "matplotlib"):
        try:
            found[name] = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@cache
def _settings(root: Path) -> dict[str, Any]:
    file = root / "pyproject.toml"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return tomllib.loads(text).get("tool", {}).get("torchproof", {})


@cache
def _engine() -> str:
    """Hash of what every run depends on besides its job."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return _hash(json.dumps([sources, sys.version, platform.machine(), installed(), ENVIRONMENT]))


def _key(job: dict[str, Any]) -> str:
    return _hash(_engine() + json.dumps(job, sort_keys=True))[:32]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
