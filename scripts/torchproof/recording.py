"""Recordings: transcripts of a device that the build does not have, made where there is one.

A recorded cell is shown only if it is whole and of the code that stands above it now. Both are known without the
device: its title line holds the hash of the code of all cells up to it, and a checksum of the header and its lines.
Facts and errors are placed by statement, not by line, so that comments and layout may change.
"""

import ast
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import transcript
from .cells import Cell, Snippet, lines_of_names
from .runner import CellRun, Run

__all__ = ["STATES", "Recorded", "Recording", "code_hashes", "disagreements", "merge", "read", "recorded_lines"]

STATES = {
    "fresh": "of this code, under this torch",
    "older torch": "of this code, under another torch",
    "stale": "the code changed since it was recorded",
    "missing": "not recorded yet",
    "tampered": "not what was recorded",
    "gone": "in the recording only",
}
"""What a cell of a recording can be; the first two are shown."""

PROVENANCE = ("torch", "gpu", "driver", "float32", "date")


@dataclass(frozen=True)
class Recorded:
    """One cell of a recording."""

    state: str
    """One of `STATES`."""
    lines: list[str] = field(default_factory=list)

    @property
    def shown(self) -> bool:
        return self.state in ("fresh", "older torch")

    @property
    def proofs(self) -> list[str]:
        """The expressions that came out true after the cell."""
        return [line[2:] for line in self.lines if line.startswith("? ")]

    def run(self, cell: Cell) -> CellRun:
        """What the cell did there, as if it had been done here; figures are not recorded."""
        outputs: list[list[str]] = []
        facts: list[dict[str, Any]] = []
        raised = statement = 0
        body = _statements(cell)
        for line in self.lines:
            mark, text = line[0], line[2:]
            follows = bool(outputs) and outputs[-1][0] == mark
            if mark == "~":
                facts.append(_fact(text, body))
            elif mark == "x" and not follows:
                statement = int(text.removeprefix("statement "))
                raised = body[statement - 1].lineno if statement else 1
                outputs.append(["x", ""])
            elif mark != "?":
                if not follows:
                    outputs.append([mark, ""])
                outputs[-1][1] += f"{text}\n"
        outputs = [[mark, text.removesuffix("\n") if mark in "=x" else text] for mark, text in outputs]
        return CellRun(cell.slug, outputs, facts, [], raised, statement, [], [], 0.0)


@dataclass(frozen=True)
class Recording:
    """A chapter's recording on one device, and what can be believed of it now."""

    device: str
    provenance: dict[str, str]
    """The names of `PROVENANCE`; empty when there is no recording, or none whose header can be read."""
    cells: dict[str, Recorded]
    """Every cell of the device's session, and every other that the file holds."""
    problem: str = ""
    """What is wrong with the file as a whole; empty when nothing is."""

    def runs(self, snippet: Snippet) -> dict[str, CellRun]:
        """What the cells that only this device runs did there, where that can be shown."""
        cells = (cell for cell in snippet.for_device(self.device) if cell.home == self.device)
        return {cell.slug: self.cells[cell.slug].run(cell) for cell in cells if self.cells[cell.slug].shown}

    def count(self, *states: str) -> int:
        """How many cells are in one of the states."""
        return sum(cell.state in states for cell in self.cells.values())

    @property
    def waiting(self) -> int:
        """How many cells wait for a run on the device."""
        return self.count("stale", "missing", "tampered")

    @property
    def origin(self) -> str:
        """Where and when it was recorded, for a reader."""
        made = self.provenance
        return f"{made['gpu']} · torch {made['torch']} · {made['date']}" if made else ""


def read(text: str | None, snippet: Snippet, device: str, torch: str) -> Recording:
    """What the text of a recording says about the snippet as it is now; `torch` is the version of the build."""
    hashes = code_hashes(snippet.for_device(device))
    cells = {slug: Recorded("missing") for slug in hashes}
    if text is None:
        return Recording(device, {}, cells)
    header = text.partition("\n")[0]
    provenance = _provenance(header, snippet, device)
    if provenance is None:
        message = f"is no recording of {snippet.file} on {device}: its first line says otherwise"
        return Recording(device, {}, dict.fromkeys(cells, Recorded("tampered")), message)
    older = provenance["torch"].partition("+")[0] != torch
    parts, seen = [header], set()
    for title, lines in transcript.parse(text).items():
        found = TITLE.fullmatch(title)
        slug = found["slug"] if found else title.split(" ")[0]
        if not found or slug in seen or found["body"] != _checksum(header, slug, found["code"], lines):
            cells[slug] = Recorded("tampered")
        elif slug not in hashes:
            cells[slug] = Recorded("gone")
        elif found["code"] != hashes[slug]:
            cells[slug] = Recorded("stale", lines)
        else:
            cells[slug] = Recorded("older torch" if older else "fresh", lines)
        seen.add(slug)
        parts.append("\n".join([f"%% {title}", *lines]))
    problem = ""
    if changed := [slug for slug, cell in cells.items() if cell.state == "tampered"]:
        problem = f"holds text that no recording wrote (in '{changed[0]}')"
    elif "\n\n".join(parts) + "\n" != text:
        problem = "holds text that no recording wrote"
    return Recording(device, provenance, cells, problem)


def merge(
    old: str | None, snippet: Snippet, device: str, lines: dict[str, list[str]], provenance: dict[str, str]
) -> str:
    """The recording of this run: the old text where nothing in it would change but the date.

    All of it is of one run, on the machine and the day that its header names: no line is kept from another.
    """
    cells = snippet.for_device(device)
    was = read(old, snippet, device, "")
    before = {slug: cell.lines for slug, cell in was.cells.items()}
    again = _written(snippet, device, before, provenance | {"date": was.provenance.get("date", "")})
    if again == old and all(transcript.same(before[c.slug], lines.get(c.slug, []), c, exact=True) for c in cells):
        return old
    return _written(snippet, device, lines, provenance | {"date": datetime.now(UTC).date().isoformat()})


def _written(snippet: Snippet, device: str, lines: dict[str, list[str]], provenance: dict[str, str]) -> str:
    header = " · ".join(["torchproof 1", snippet.file, device, *_fields(provenance)])
    parts = [header]
    for slug, code in code_hashes(snippet.for_device(device)).items():
        body = lines.get(slug, [])
        parts.append("\n".join([f"%% {slug} code={code} body={_checksum(header, slug, code, body)}", *body]))
    return "\n\n".join(parts) + "\n"


def recorded_lines(run: Run, proofs: dict[str, list[str]]) -> dict[str, list[str]]:
    """The lines of each cell as a recording holds them; `proofs` are the expressions evaluated after each."""
    found = {}
    for slug, cell in run.cells.items():
        lines = []
        for fact in cell.facts:
            lines.append("  ".join([f"~ {fact['statement']} {fact['name']}", fact["type"], *fact["state"]]))
        for mark, text in cell.outputs:
            place = [f"statement {cell.statement}"] if mark == "x" else []
            lines += [f"{mark} {line}" if line else mark for line in place + text.removesuffix("\n").split("\n")]
        true = [proof for proof, wrong in zip(proofs.get(slug, []), cell.proofs, strict=False) if not wrong]
        found[slug] = lines + [f"? {proof}" for proof in true]
    return found


def disagreements(cell: Cell, here: CellRun, recorded: Recorded, device: str) -> list[str]:
    """A diff of a cell's facts between CPU and device, the device's own name aside; empty when they agree."""
    sides = [
        [
            f"{fact['statement']} {'  '.join([fact['name'], fact['type'], *_without(device, fact['state'])])}"
            for fact in facts
        ]
        for facts in (here.facts, recorded.run(cell).facts)
    ]
    return transcript.diff(*sides, "cpu", device).split("\n") if sides[0] != sides[1] else []


def code_hashes(cells: tuple[Cell, ...]) -> dict[str, str]:
    """For each cell, the hash of what ran up to its end: parsed code, comments and layout dropped.

    The same on every Python that the engine supports (`ast.dump` and `ast.unparse` are not).
    """
    digest = hashlib.sha256()
    hashes = {}
    for cell in cells:
        try:
            code = _dump(ast.parse(cell.source))
        except SyntaxError:
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


TITLE = re.compile(r"(?P<slug>\S+) code=(?P<code>[0-9a-f]{12}) body=(?P<body>[0-9a-f]{12})")


def _checksum(header: str, slug: str, code: str, lines: list[str]) -> str:
    return hashlib.sha256("\n".join([header, slug, code, *lines]).encode()).hexdigest()[:12]


def _provenance(header: str, snippet: Snippet, device: str) -> dict[str, str] | None:
    start = ["torchproof 1", snippet.file, device]
    fields = header.split(" · ")
    if fields[:3] != start or len(fields) != 3 + len(PROVENANCE):
        return None
    values = [value.removeprefix(f"{name} ") for name, value in zip(PROVENANCE, fields[3:], strict=True)]
    found = dict(zip(PROVENANCE, values, strict=True))
    return found if fields[3:] == _fields(found) else None


def _fields(provenance: dict[str, str]) -> list[str]:
    return [value if name in ("gpu", "date") else f"{name} {value}" for name, value in provenance.items()]


def _statements(cell: Cell) -> list[ast.stmt]:
    """The statements of a cell; none where it is no Python, and raises as a whole."""
    try:
        return ast.parse(cell.source).body
    except SyntaxError:
        return []


def _fact(text: str, body: list[ast.stmt]) -> dict[str, Any]:
    number, _, rest = text.partition(" ")
    name, kind, *state = rest.split("  ")
    statement = int(number)
    line = lines_of_names(body[statement - 1]).get(name, body[statement - 1].lineno) if statement else 1
    return {"statement": statement, "line": line, "name": name, "type": kind, "state": state}


def _without(device: str, state: list[str]) -> list[str]:
    return [text for text in state if not re.fullmatch(rf"{device}(:\d+)?", text)]
