"""What was verified, as Markdown: the counts, a line for each chapter, the table of all.

A page asks for it by a fence, and the builder resolves the links:

    ```torchproof
    counts
    ```
"""

import re
from collections.abc import Callable

from .check import ChapterCheck, Checker
from .devices import RECORDED
from .pages import Page
from .problems import many
from .recording import STATES, Recording
from .runner import CellRun

__all__ = ["FENCE", "REPORTS", "chapter_line", "written"]

FENCE = re.compile(r"^```torchproof[ \t]*\n[ \t]*(\w+)[ \t]*\n```[ \t]*$", re.M)


def chapter_line(check: ChapterCheck) -> str:
    """What was compared on a chapter's page, and with which versions."""
    versions = " · ".join(f"{name} {version}" for name, version in check.run.versions.items() if name != "matplotlib")
    counts = f"{many(_outputs(check), 'output')} compared, {many(len(check.proofs), 'proof')} checked"
    line = f"{counts} · CPU · {versions}" if not check.problems else f"{_state(check)} · CPU · {versions}"
    return " · ".join([line, *map(_recorded_line, check.recordings.values())])


def _recorded_line(made: Recording) -> str:
    """What is recorded of a chapter on a device, and what is not."""
    name = made.device.upper()
    waiting = f"{many(made.waiting, 'cell')} waiting for a GPU run"
    shown = made.count("fresh", "older torch")
    if not shown:
        return f"{name}: {waiting}"
    line = f"{name}: {many(shown, 'cell')} recorded on {made.origin}"
    return f"{line}, {waiting}" if made.waiting else line


def _counts(checks: list[ChapterCheck], pages: dict[str, Page]) -> str:
    outputs = sum(map(_outputs, checks))
    proofs = sum(len(check.proofs) for check in checks)
    states = sum(len(cell.facts) for check in checks for cell in check.run.cells.values())
    versions = checks[0].run.versions if checks else {}
    torch = f" under torch {versions['torch']}" if "torch" in versions else ""
    return (
        f"**{outputs}** outputs and **{states}** tensor states compared, **{proofs}** proofs checked"
        f"{torch} on CPU, in this build."
    )


def _table(checks: list[ChapterCheck], pages: dict[str, Page]) -> str:
    devices = [device for device in RECORDED if any(device in check.recordings for check in checks)]
    heads = "".join(f" {device.upper()} |" for device in devices)
    rows = [
        f"| chapter | cells | outputs | states | drawings | proofs | seconds | state |{heads}",
        f"| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |{' --- |' * len(devices)}",
    ]
    for check in checks:
        cells = check.run.cells.values()
        name = check.snippet.name
        numbers = (
            len(check.snippet.cells),
            _outputs(check),
            sum(len(cell.facts) for cell in cells),
            sum(len(cell.drawings) + len(cell.figures) for cell in cells),
            len(check.proofs),
        )
        title = f"[{_title(pages[name])}]({pages[name].file.removeprefix('docs/')})" if name in pages else name
        row = [title, *map(str, numbers), f"{check.run.seconds:.1f}", _state(check).replace(" ", "\u00a0")]
        row += [_recorded(check.recordings.get(device)) for device in devices]
        rows.append(f"| {' | '.join(row)} |")
    return "\n".join(rows)


def _environment(checks: list[ChapterCheck], pages: dict[str, Page]) -> str:
    versions = checks[0].run.versions if checks else {}
    rows = ["| device | " + " | ".join(versions) + " |", "| --- |" + " --- |" * len(versions)]
    return "\n".join([*rows, "| CPU | " + " | ".join(versions.values()) + " |"])


def _recordings(checks: list[ChapterCheck], pages: dict[str, Page]) -> str:
    """One row for each machine that recorded, and what waits for one."""
    made = [recording for check in checks for recording in check.recordings.values()]
    cells: dict[tuple[str, ...], int] = {}
    for recording in made:
        if recording.provenance:
            row = (recording.device.upper(), *recording.provenance.values())
            cells[row] = cells.get(row, 0) + recording.count("fresh", "older torch")
    waiting = sum(recording.waiting for recording in made)
    text = f"{many(waiting, 'cell')} of {many(sum(bool(r.waiting) for r in made), 'chapter')} wait for a GPU run."
    if not cells:
        return text if waiting else "No chapter has cells of another device."
    head = "| device | torch | GPU | driver | float32 | recorded | cells |\n|" + " --- |" * 6 + " ---: |"
    rows = [f"| {' | '.join(row)} | {count} |" for row, count in sorted(cells.items())]
    return "\n".join([head, *rows, "", text if waiting else "No cell waits for a GPU run."])


def _recorded(made: Recording | None) -> str:
    """The states of a chapter's recorded cells, as `12 fresh, 1 stale`."""
    counts = [(made.count(state), state) for state in STATES] if made else []
    return ", ".join(f"{count} {state}" for count, state in counts if count) or "–"


REPORTS: dict[str, Callable[[list[ChapterCheck], dict[str, Page]], str]] = {
    "counts": _counts,
    "chapters": _table,
    "environment": _environment,
    "recordings": _recordings,
}
"""What a fence can ask for."""


def written(name: str, checker: Checker) -> str:
    """The Markdown of one report; waits for every chapter."""
    order = [page for page in checker.site.pages if page in checker.site.snippets]
    return REPORTS[name]([checker.chapter(chapter) for chapter in order], checker.site.pages)


def _outputs(check: ChapterCheck) -> int:
    """How many things the chapter's cells printed, showed, raised or plotted."""
    return sum(_of_cell(cell) for cell in check.run.cells.values())


def _of_cell(cell: CellRun) -> int:
    return len(cell.outputs) + len(cell.figures)


def _state(check: ChapterCheck) -> str:
    if not check.problems:
        return "as committed"
    return many(len(check.problems), "problem")


def _title(page: Page) -> str:
    heading = re.search(r"^# (.+)$", page.text, re.M)
    return heading[1] if heading else page.name
