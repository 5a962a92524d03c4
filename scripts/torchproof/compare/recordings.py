"""What is committed of a chapter on one device: the CPU's transcript, or the recording of a device that is not here.

The CPU's cells run again in every build, so nothing but the run vouches for their lines. A recorded cell is shown
only if it is whole and of the code that stands above it now. Both are known without the device: its title line holds
the hash of the code of all cells up to it, and a checksum of the header and its lines.
"""

import ast
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..model.cells import Cell, Snippet, parsed
from ..model.devices import DEVICES
from ..model.runs import Beside, CellRun, Fact
from . import transcript
from .attestations import this_run
from .transcript import Block, Transcript, read_run, write, write_fact

__all__ = ["STATES", "Recorded", "Recording", "code_hashes", "disagreements", "merge", "read"]

STATES = {
    "fresh": "of this code, under this torch",
    "older torch": "of this code, under another torch",
    "stale": "the code changed since it was recorded",
    "missing": "not recorded yet",
    "tampered": "not what was recorded",
    "gone": "in the recording only",
}
"""What a cell of a recording can be; the first two are shown."""


@dataclass(frozen=True)
class Recorded:
    """One cell of a recording."""

    state: str
    """One of `STATES`."""
    lines: list[str] = field(default_factory=list)

    @property
    def is_shown(self) -> bool:
        return self.state in ("fresh", "older torch")

    def text_of(self, kind: str, source: str) -> str:
        """What stands for a proof that came out true, or a value, after the cell; empty where that is not known."""
        if kind == "proof":
            return source if self.is_shown and f"? {source}" in self.lines else ""
        values = dict(zip(self.lines, self.lines[1:], strict=False)) if self.is_shown else {}
        return values.get(f"@ value {source}", "").removeprefix("@   = ")

    def run(self, cell: Cell) -> CellRun:
        """What the cell did there, as if it had been done here."""
        return read_run(cell, self.lines)


@dataclass(frozen=True)
class Recording:
    """A chapter's recording on one device, and what can be believed of it now."""

    device: str
    provenance: dict[str, str]
    """The names of `Device.provenance`, perhaps a `run`; empty when there is no recording, or none with a header."""
    cells: dict[str, Recorded]
    """Every cell of the device's session, and every other that the file holds."""
    problem: str = ""
    """What is wrong with the file as a whole; empty when nothing is."""
    is_attested: bool = False
    """Whether a signature was verified, of the run that it names."""

    def runs(self, snippet: Snippet) -> dict[str, CellRun]:
        """What the cells that only this device runs did there, where that can be shown."""
        cells = (cell for cell in snippet.for_device(self.device) if cell.home == self.device)
        return {cell.slug: self.cells[cell.slug].run(cell) for cell in cells if self.cells[cell.slug].is_shown}

    def count(self, *states: str) -> int:
        """How many cells are in one of the states."""
        return sum(cell.state in states for cell in self.cells.values())

    @property
    def waiting(self) -> int:
        """How many cells wait for a run on the device."""
        return self.count("stale", "missing", "tampered")

    @property
    def origin(self) -> str:
        """Where and when it was recorded, and on whose word, for a reader."""
        said = self.provenance
        if not said:
            return ""
        return f"{said[DEVICES[self.device].facts[0]]} · torch {said['torch']} · {said['date']} · {self.word}"

    @property
    def workflow_run(self) -> str:
        """The address of the workflow's run that it names; empty when it names none."""
        return self.provenance.get("run", "")

    @property
    def word(self) -> str:
        """On whose word it is believed: that of a verified signature, or of who committed it."""
        return "attested" if self.is_attested else "contributed"


def read(text: str | None, snippet: Snippet, device: str, torch: str) -> Recording:
    """What the text of a recording says about the snippet as it is now; `torch` is the version of the build."""
    cells = {cell.slug: Recorded("missing") for cell in snippet.for_device(device)}
    if text is None:
        return Recording(device, {}, cells)
    parsed = transcript.parse(text)
    if device == "cpu":
        found = {slug: Recorded("fresh" if slug in cells else "gone", b.lines) for slug, b in parsed.cells.items()}
        return Recording(device, {}, cells | found)
    provenance = parsed.provenance(snippet, device)
    if provenance is None:
        message = f"is no recording of {snippet.file} on {device}: its first line says otherwise"
        return Recording(device, {}, dict.fromkeys(cells, Recorded("tampered")), message)
    same_torch = provenance["torch"].partition("+")[0] == torch
    hashes = code_hashes(snippet.for_device(device), snippet.beside)
    for slug in parsed.cells:
        cells[slug] = _recorded(parsed, slug, hashes.get(slug), "fresh" if same_torch else "older torch")
    problem = ""
    if changed := [slug for slug, cell in cells.items() if cell.state == "tampered"]:
        problem = f"holds text that no recording wrote (in '{changed[0]}')"
    elif write(parsed.header, parsed.cells) != text:
        problem = "holds text that no recording wrote"
    return Recording(device, provenance, cells, problem)


def _recorded(parsed: Transcript, slug: str, code: str | None, whole: str) -> Recorded:
    """A cell of a recording whose code now has the hash `code`; `whole` is its state if nothing is wrong with it."""
    block = parsed.cells[slug]
    if slug in parsed.repeated or not block.code or block.body != _checksum(parsed.header, slug, block):
        return Recorded("tampered")
    if code is None:
        return Recorded("gone")
    return Recorded(whole if block.code == code else "stale", block.lines)


def merge(
    old: str | None, snippet: Snippet, device: str, lines: dict[str, list[str]], provenance: dict[str, str]
) -> str:
    """The transcript of this run: the old text where nothing in it would change but what it was run with.

    Of the CPU's, lines that this run equals are kept, and cells that did not run. All of a recording is of one run,
    on the machine and the day that its header names: no line is kept from another.
    """
    if device == "cpu":
        return transcript.merge(old or "", snippet, lines, provenance)
    cells = snippet.for_device(device)
    was = read(old, snippet, device, "")
    before = {slug: cell.lines for slug, cell in was.cells.items()}
    when = {name: was.provenance[name] for name in ("date", "run") if name in was.provenance}
    again = _written(snippet, device, before, provenance | {"date": "", **when})
    if again == old and all(transcript.same(before[c.slug], lines.get(c.slug, []), c, exact=True) for c in cells):
        return old
    when = {"date": datetime.now(UTC).date().isoformat(), **this_run()}
    return _written(snippet, device, lines, provenance | when)


def _written(snippet: Snippet, device: str, lines: dict[str, list[str]], provenance: dict[str, str]) -> str:
    header = transcript.header(snippet, device, provenance)
    blocks = {}
    for slug, code in code_hashes(snippet.for_device(device), snippet.beside).items():
        block = Block(lines.get(slug, []), code)
        blocks[slug] = Block(block.lines, code, _checksum(header, slug, block))
    return write(header, blocks)


def _checksum(header: str, slug: str, block: Block) -> str:
    return hashlib.sha256("\n".join([header, slug, block.code, *block.lines]).encode()).hexdigest()[:12]


def disagreements(cell: Cell, here: CellRun, recorded: Recorded, device: str) -> list[str]:
    """A diff of a cell's facts between CPU and device, the device's own name aside; empty when they agree."""
    runs = (here, recorded.run(cell))
    sides = [[_without_device(fact, device) for fact in run.facts] for run in runs]
    return transcript.diff(*sides, "cpu", device).split("\n") if sides[0] != sides[1] else []


def _without_device(fact: Fact, device: str) -> str:
    return write_fact(fact, without=("device",) if fact.device.partition(":")[0] == device else ())


def code_hashes(cells: tuple[Cell, ...], beside: tuple[Beside, ...] = ()) -> dict[str, str]:
    """For each cell, the hash of what ran up to its end: parsed code, comments and layout dropped; and of files beside.

    The same on every Python that the engine supports (`ast.dump` and `ast.unparse` are not).
    """
    digest = hashlib.sha256("".join(f"{each.name} {each.digest}\0" for each in beside).encode())
    hashes = {}
    for cell in cells:
        try:
            code = _dump(parsed(cell.source) or cell.source)
        except RecursionError:
            code = cell.source
        digest.update(f"{code}{cell.must_raise}\0".encode())
        hashes[cell.slug] = digest.hexdigest()[:12]
    return hashes


def _dump(node: Any) -> str:
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.JoinedStr):  # Python 3.12 has empty pieces where others have none
        node.values = [piece for piece in node.values if getattr(piece, "value", None) != ""]
    fields = [f"{name}={_dump(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({','.join(fields)})"
