"""What was verified, as text and Markdown: a line for each chapter, the counts, the table of all, the recordings."""

import ast
import re
from collections.abc import Mapping
from typing import Any

from ..compare.check import ChapterCheck
from ..compare.recordings import STATES, Recording
from ..model.cells import Snippet
from ..model.devices import DEVICES, RECORDED
from ..model.drawings import Table, Value
from ..model.pages import Page
from ..model.problems import many
from ..model.text import is_title, shown
from ..read.beside import imported
from ..run.environment import distributions

__all__ = ["chapter_line", "chapters", "counts", "environment", "errors", "history", "history_table", "recordings"]


def chapter_line(check: ChapterCheck) -> str:
    """What was compared on a chapter's page, and with which versions."""
    cells = (cell for cell in check.snippet.cells if "import" in cell.source)
    used = imported(node for cell in cells for part in cell.statements for node in ast.walk(part))
    own = check.run.versions | distributions({*used} - check.run.versions.keys())
    versions = " · ".join(f"{name} {version}" for name, version in own.items() if name != "matplotlib")
    counts = f"{many(_outputs(check), 'output')} compared, {many(check.proofs, 'proof')} checked"
    line = f"{_state(check) if check.problems else counts} · CPU · {versions}"
    recorded = (_recorded_line(check.snippet, made) for made in check.recordings.values())
    return " · ".join(filter(None, [line, *recorded]))


def counts(checks: list[ChapterCheck]) -> str:
    """How much was compared in this build, as a sentence."""
    outputs = sum(map(_outputs, checks))
    proofs = sum(check.proofs for check in checks)
    versions = checks[0].run.versions if checks else {}
    torch = f" under torch {versions['torch']}" if "torch" in versions else ""
    return (
        f"**{outputs}** outputs and **{sum(map(_facts, checks))}** tensor states compared, "
        f"**{proofs}** proofs checked{torch} on CPU, in this build."
    )


def chapters(checks: list[ChapterCheck], pages: dict[str, Page]) -> str:
    """A table with a row for each chapter."""
    devices = [device for device in RECORDED if any(device in check.recordings for check in checks)]
    heads = "".join(f" {DEVICES[device].label} |" for device in devices)
    rows = [
        f"| chapter | cells | outputs | states | drawings | proofs | state |{heads}",
        f"| --- | ---: | ---: | ---: | ---: | ---: | --- |{' --- |' * len(devices)}",
    ]
    for check in checks:
        cells, page = check.run.cells.values(), pages[check.snippet.name]
        drawings = sum(len(cell.drawings) + len(cell.figures) for cell in cells)
        numbers = (len(check.snippet.cells), _outputs(check), _facts(check), drawings, check.proofs)
        title = f"[{page.short_title}]({page.name}{page.suffix})"
        row = [title, *map(str, numbers), _state(check).replace(" ", "\u00a0")]
        row += [_recorded(check.recordings.get(device)) for device in devices]
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows)


def environment(checks: list[ChapterCheck]) -> str:
    """What the CPU's sessions ran with."""
    versions = checks[0].run.versions if checks else {}
    rows = ["| device | " + " | ".join(versions) + " |", "| --- |" + " --- |" * len(versions)]
    return "\n".join([*rows, "| CPU | " + " | ".join(versions.values()) + " |"])


def errors(check: ChapterCheck, rows: Mapping[str, str]) -> str:
    """A table of errors: by the cell that raises each, `its title | what it means | the way out`.

    Raises:
        ValueError: a cell raises another error, or none.
    """
    lines = ["| You read | It means | Way out |", "| --- | --- | --- |"]
    for slug, said in rows.items():
        title, _, rest = said.partition(" | ")
        cell = check.snippet.cell(slug)
        done = check.done(cell) if cell else None
        if cell is None or not cell.must_raise or (done and not is_title(shown(title), done.error or "")):
            raised = done.error if done else "nothing"
            raise ValueError(f"\"{title}\" is not what the cell '{slug}' raises: {raised}")
        waits = "" if done else f" (waits for {DEVICES[cell.home].run})"
        lines.append(f"| [{title}](#cell-{slug}){waits} | {rest} |")
    return "\n".join(lines)


def history(told: Mapping[str, Any]) -> str:
    """What older pages or versions printed, as a sentence; a column's name stands for its sum."""
    columns = zip(told["columns"], zip(*told["rows"], strict=True), strict=True)
    return told["says"].format(**{name: sum(cells) for name, cells in columns if not isinstance(cells[0], str)})


def history_table(told: Mapping[str, Any]) -> str:
    """What older pages or versions printed, line by line, and how it was found."""
    rows = [told["columns"], ["---"] * len(told["columns"]), *told["rows"]]
    return "\n".join([*(f"| {' | '.join(map(str, row))} |" for row in rows), "", told["from"]])


def recordings(checks: list[ChapterCheck]) -> str:
    """For each device a table of the machines that recorded, and what waits for one."""
    found = [_recordings_of(device, checks) for device in RECORDED]
    return "\n\n".join(filter(None, found)) or "No chapter has cells of another device."


def _recordings_of(device: str, checks: list[ChapterCheck]) -> str:
    made = [check.recordings[device] for check in checks if device in check.recordings]
    if not made:
        return ""
    cells: dict[tuple[str, ...], int] = {}
    for recording in made:
        if recording.provenance:
            facts = (_literal(recording.provenance[name]) for name in DEVICES[device].provenance)
            word = f"[{recording.word}]({recording.workflow_run})" if recording.is_attested else recording.word
            row = (DEVICES[device].label, *facts, word)
            cells[row] = cells.get(row, 0) + _visible(recording)
    waiting, chapters = sum(r.waiting for r in made), sum(bool(r.waiting) for r in made)
    text = f"{many(waiting, 'cell')} of {many(chapters, 'chapter')} wait for {DEVICES[device].run}"
    text += f" (`torchproof record --device {device}`)."
    if not cells:
        return text
    names = [name.upper() if name == "gpu" else name for name in DEVICES[device].provenance[:-1]]
    head = f"| device | {' | '.join(names)} | recorded | by whom | cells |\n|{' --- |' * (len(names) + 3)} ---: |"
    rows = [f"| {' | '.join(row)} | {count} |" for row, count in sorted(cells.items())]
    return "\n".join([head, *rows, "", text if waiting else f"No cell waits for {DEVICES[device].run}."])


def _literal(text: str) -> str:
    """Text that Markdown leaves as it is: what a machine calls itself is nobody's markup."""
    return re.sub(r"[^a-zA-Z0-9 .,()·+-]", lambda sign: f"&#{ord(sign[0])};", text)


def _recorded_line(snippet: Snippet, made: Recording) -> str:
    """What is recorded of a chapter on a device, and how many of the cells on its page show no output; perhaps none."""
    there = (cell for cell in snippet.cells if cell.home == made.device and cell.is_shown)
    silent = sum(not made.cells[cell.slug].is_shown for cell in there)
    counts = [f"{many(visible, 'cell')} recorded on {made.origin}"] if (visible := _visible(made)) else []
    counts += [f"{many(silent, 'cell')} without output yet"] if silent else []
    return f"{DEVICES[made.device].label}: {', '.join(counts)}" if counts else ""


def _visible(made: Recording) -> int:
    """How many cells of a recording pages show."""
    return sum(cell.is_shown for cell in made.cells.values())


def _recorded(made: Recording | None) -> str:
    """The states of a chapter's recorded cells, as `12 fresh, 1 stale`."""
    counts = [(made.count(state), state) for state in STATES] if made else []
    return ", ".join(f"{count} {state}" for count, state in counts if count) or "–"


def _outputs(check: ChapterCheck) -> int:
    """How many things the chapter's cells printed, showed, raised or plotted; with the values on its page."""
    cells = check.run.cells.values()
    data = [result.data for cell in cells for result in cell.measured]
    rows = sum(len(one.rows) if isinstance(one, Table) else isinstance(one, Value) for one in data)
    return rows + sum(len(cell.outputs) + len(cell.figures) for cell in cells)


def _facts(check: ChapterCheck) -> int:
    """How many tensor states the chapter's cells left."""
    return sum(len(cell.facts) for cell in check.run.cells.values())


def _state(check: ChapterCheck) -> str:
    return many(len(check.problems), "problem") if check.problems else "as committed"
