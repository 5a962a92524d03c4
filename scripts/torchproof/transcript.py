"""Transcripts: what every cell printed, showed or raised, as text made to be read in a pull request.

Comparing is merging: lines of the old transcript that this run equals are kept, the others replaced.
The run has drifted exactly when the merged text is not the old text, so nothing in the file escapes.
"""

import difflib
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .cells import Cell, Snippet

__all__ = ["Normaliser", "diff", "header", "is_canonical", "merge", "normalised", "parse", "same"]

MARKS = {
    "|": "stdout",
    "!": "stderr and warnings",
    "=": "shown value",
    "x": "exception",
    "~": "fact",
    "#": "figure",
    "@": "drawing",
    "?": "proof, in a recording",
}
"""What a line starts with, and what it is."""


@dataclass(frozen=True)
class Normaliser:
    """What may differ between two runs of a volatile cell."""

    name: str
    pattern: re.Pattern[str]
    replacement: str


VOLATILE = (
    Normaliser("memory address", re.compile(r"0x[0-9a-f]+"), "0x…"),
    Normaliser("GPU name", re.compile(r"\b(?:NVIDIA|AMD|Tesla|GeForce)[ \w-]+"), "GPU"),
    Normaliser("temporary path", re.compile(r"/[\w./-]*torchproof-\w+"), "/tmp"),
    Normaliser("time unit", re.compile(r"(?<=\d)( ?)(?:ns|us|µs|μs|ms|s)\b"), r"\1s"),
    Normaliser("number", re.compile(r"(?<![A-Za-z_])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"), "0"),
    Normaliser("padding", re.compile(r"[ \t]+"), " "),
)
"""Applied, in this order, to both sides of a cell tagged volatile; every other cell is compared as it is."""

EXACT = ("~", "?")
"""Marks of lines whose numbers may never differ: facts, and proofs as a page has them."""

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?(?![\w])")


def header(snippet: Snippet, device: str, versions: dict[str, str]) -> str:
    """First line of a transcript: format, snippet, device, and torch where it is installed."""
    torch = [f"torch {versions['torch']}"] if "torch" in versions else []
    return " · ".join(["torchproof 1", snippet.file, device, *torch])


def merge(old: str | None, snippet: Snippet, device: str, run: dict[str, list[str]], versions: dict[str, str]) -> str:
    """The transcript of this run, keeping the old lines of every cell that this run equals.

    `run` holds, for each cell that ran, its transcript lines; cells that did not run keep theirs.
    """
    was = parse(old or "")
    parts = [header(snippet, device, versions)]
    for cell in snippet.for_device(device):
        kept = was.get(cell.slug)
        now = run.get(cell.slug, kept or [])
        lines = kept if kept is not None and same(kept, now, cell) else now
        parts.append("\n".join([f"%% {cell.slug}", *lines]))
    return "\n\n".join(parts) + "\n"


def parse(text: str) -> dict[str, list[str]]:
    """The lines of each cell; whatever is malformed simply equals no run."""
    cells: dict[str, list[str]] = {}
    for block in re.split(r"^%% ", text, flags=re.M)[1:]:
        slug, *lines = block.rstrip("\n").split("\n")
        cells[slug] = lines
    return cells


def diff(old: list[str], new: list[str], old_name: str, new_name: str) -> str:
    """Unified diff from `old` to `new`."""
    return "\n".join(difflib.unified_diff(old, new, old_name, new_name, lineterm="", n=2))


def same(old: list[str], new: list[str], cell: Cell, *, exact: bool | None = None) -> bool:
    """Whether a run's lines of a cell equal the committed ones.

    `exact` compares numbers to the last digit, as is done by default where they come out to it.
    """
    if old == new:
        return True
    if "volatile" in cell.tags:
        return normalised(old) == normalised(new)
    exact = is_canonical() if exact is None else exact
    return not exact and len(old) == len(new) and all(map(_close, old, new))


def normalised(lines: list[str]) -> list[str]:
    """Lines of a volatile cell with everything masked that may change; facts and proofs stay as they are."""
    out = []
    for line in lines:
        for normaliser in VOLATILE if line[:1] not in EXACT else ():
            line = line[:2] + normaliser.pattern.sub(normaliser.replacement, line[2:])
        out.append(line)
    return out


@cache
def is_canonical() -> bool:
    """Whether numbers come out to the last digit here: Linux on x86-64 with AVX2, instruction sets pinned."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return bool(re.search(r"\bavx2\b", Path("/proc/cpuinfo").read_text(encoding="utf-8")))


def _close(old: str, new: str) -> bool:
    """Equal within print precision: words alike, floats within half a printed unit, 1e-3 or 2e-4."""
    if old == new:
        return True
    if old[:1] != new[:1] or old[:1] in EXACT or _words(old) != _words(new):
        return False
    return all(map(_close_numbers, NUMBER.findall(old), NUMBER.findall(new)))


def _words(line: str) -> list[str]:
    return NUMBER.sub(" 0 ", line).split()


def _close_numbers(old: str, new: str) -> bool:
    if not re.search(r"[.e]", old + new):
        return old == new
    a, b = float(old), float(new)
    digits = len(old.partition("e")[0].partition(".")[2])
    exponent = int(old.partition("e")[2] or 0)
    return abs(a - b) <= max(10.0 ** (exponent - digits), 2e-4, 1e-3 * abs(a))
