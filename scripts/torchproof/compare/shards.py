"""Parts of a book, run on machines that know nothing of each other, and put together again.

The parts are cut by the seconds that chapters took when their transcripts were written, the longest first: every
machine finds the same. What one hands over are its runs. Who puts them together compares them with what is committed,
as if they had run there, so report, status and site are those of one machine.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..files import digest, sealed, settings, unsealed, write_whole
from ..model.problems import many
from ..model.runs import Job, Run
from ..run.cache import key_of, machine
from ..run.runner import Runner
from .site import Site

__all__ = ["Merged", "Part", "PartError", "keep_seconds", "seconds_of"]


class PartError(ValueError):
    """Results that cannot be put together; says which, why, and the way out."""


@dataclass(frozen=True)
class Part:
    """One part of so many."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Read `3/8`."""
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise PartError(f"{text!r} is no part; write 3/8 for the third of eight")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def choose(self, root: Path, names: Iterable[str]) -> list[str]:
        """The chapters of this part, in the order of the names."""
        seconds, loads, mine = seconds_of(root), [0.0] * self.of, set()
        for name in sorted(names, key=lambda name: (-seconds.get(name, USUAL), name)):
            least = loads.index(min(loads))
            loads[least] += seconds.get(name, USUAL) + SHARE
            if least == self.number - 1:
                mine.add(name)
        return [name for name in names if name in mine]

    def write(self, file: Path, site: Site, names: list[str], runner: Runner) -> None:
        """Write what a runner has run of this part of some chapters."""
        told = {"machine": machine(), "book": _digest(site, names), "part": [self.number, self.of], "runs": runner.kept}
        body = json.dumps(told)
        write_whole(file, sealed(body))


class Merged(Runner):
    """Answers from the results of all parts; what they do not hold, as a page that a plugin made, it runs here."""

    def __init__(self, site: Site, names: list[str], files: Iterable[Path]) -> None:
        """Read the files.

        Raises:
            PartError: one cannot be read, is not whole, of another commit or engine, or there twice, or one is missing.
        """
        self.runs: dict[str, str] = {}
        parts: dict[Part, Path] = {}
        book, here = _digest(site, names), machine()
        for file in files:
            part, told = _read(file)
            for name, ours in here.items():
                if (theirs := told["machine"].get(name)) != ours:
                    said = "another torchproof" if name == "engine" else f"{name} {theirs}, and this is {ours}"
                    raise PartError(f"{file}: was run by {said}; run part {part} again, with what is here")
            if told["book"] != book:
                raise PartError(f"{file}: is of other cells, or pages; run part {part} again, of this commit")
            if part in parts:
                raise PartError(f"{file}: is part {part}, and so is {parts[part]}; leave one out")
            parts[part] = file
            self.runs |= told["runs"]
        counts = {part.of for part in parts}
        if len(counts) != 1:
            raise PartError(f"{', '.join(f'{file}: {part}' for part, file in parts.items())}: are parts of two splits")
        if missing := [str(part) for n in range(1, max(counts) + 1) if (part := Part(n, max(counts))) not in parts]:
            raise PartError(f"{', '.join(missing)}: not there; give the results of all {many(max(counts), 'part')}")
        super().__init__(site.root)

    def run(self, job: Job) -> Run:
        """The run of a job, as a part tells of it."""
        key = key_of(job)
        return (key in self.runs and self.cache.read(key, self.runs[key])) or super().run(job)


USUAL = 1.0
"""Seconds of a chapter of which nobody knows."""

SHARE = 0.2
"""Seconds that a chapter costs beside its cells: its session, reading and comparing."""

LOCK = threading.Lock()


def seconds_of(root: Path) -> dict[str, float]:
    """How long each chapter took when its transcript was written."""
    try:
        told = json.loads(_seconds_file(root).read_text(encoding="utf-8"))
        return {name: float(seconds) for name, seconds in told.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or torn
        return {}


def keep_seconds(root: Path, name: str, seconds: float) -> None:
    """Note how long a chapter took, where that is news: half as much again, or half."""
    with LOCK:
        known = seconds_of(root)
        if name not in known or abs(seconds - known[name]) > max(known[name] / 2, 0.5):
            told = json.dumps(known | {name: round(seconds, 1)}, indent=1, sort_keys=True)
            write_whole(_seconds_file(root), f"{told}\n")


def _seconds_file(root: Path) -> Path:
    return root / settings(root).snippets / "seconds.json"


def _digest(site: Site, names: list[str]) -> str:
    """Of all that would run of some chapters, and with what."""
    snippets = (site.snippets[name] for name in names if site.snippets[name].cells)
    return digest("".join(key_of(site.job(snippet, snippet.rehearsed_on("cpu"), "cpu")) for snippet in snippets))


def _read(file: Path) -> tuple[Part, dict]:
    try:
        if not (body := unsealed(file.read_text(encoding="utf-8"))):
            raise PartError(f"{file}: is not whole; fetch it again, or run its part again")
        told = json.loads(body)
        return Part(*told["part"]), told
    except (OSError, UnicodeDecodeError) as error:
        raise PartError(f"{file}: cannot be read: {error}") from None
