"""What older tutorials printed, beside what the same code prints in this build: `docs/assets/museum.json`.

    print(reports.museum.score())

The file has quotations and why each may differ; what comes out today is read from the run of `lookup/museum`,
a cell for each output. Spaces and line breaks do not count, and `…` in a quotation is what it leaves out.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from ..compare.check import ChapterCheck
from ..model.problems import did_you_mean, many
from ..model.text import visible
from ..show.highlight import highlighted
from .build import build_of

__all__ = ["Exhibit", "exhibits", "reasons", "room", "score", "tutorials"]

CHAPTER, FILE = "lookup/museum", "docs/assets/museum.json"


@dataclass(frozen=True)
class Exhibit:
    """An output of a tutorial."""

    code: str
    """What ran here."""
    printed: str
    """What the tutorial printed, quoted."""
    today: str
    """What it prints in this build."""
    why: str = ""
    """The name of the reason why it may differ; empty where it need not."""
    repair: str = ""
    """Code that its page forgot; empty where it runs as it stands there."""

    @property
    def again(self) -> bool:
        """Whether the same comes out today, as far as it is quoted."""
        pieces = (re.escape(_bare(piece)) for piece in self.printed.split("…"))
        return bool(re.fullmatch(".*".join(pieces), _bare(self.today)))

    @property
    def fate(self) -> str:
        """What became of it: `again`, `repaired`, or why it did not come out again."""
        if not self.again:
            return self.why
        return "repaired" if self.repair else "again"


def exhibits(told: Mapping[str, Any], check: ChapterCheck) -> dict[str, list[Exhibit]]:
    """The outputs of each tutorial, by its key.

    Raises:
        ValueError: an output has no cell, or differs for a reason that the file does not have.
    """
    return {one["key"]: [_exhibit(output, told, check) for output in one["outputs"]] for one in told["tutorials"]}


def score() -> str:
    """How many outputs came out again, as a sentence."""
    told, found, versions = _told()
    fates = Counter(one.fate for ones in found.values() for one in ones)
    repaired = f", {fates['repaired']} more after a repair" if fates["repaired"] else ""
    return (
        f"Of the **{sum(fates.values())}** outputs in {len(told['tutorials'])} older tutorials, **{fates['again']}** "
        f"came out again in this build, on torch {versions['torch']} and NumPy {versions['numpy']}{repaired}."
    )


def tutorials() -> str:
    """The score as a table, a row for each tutorial."""
    told, found, _ = _told()
    rows = [["tutorial", "written for", "outputs", "came out again", "after a repair", "came out otherwise"]]
    rows += [["---", "---", "---:", "---:", "---:", "---:"]]
    for one in told["tutorials"]:
        fates = Counter(exhibit.fate for exhibit in found[one["key"]])
        again, repaired, total = fates["again"], fates["repaired"], fates.total()
        rows.append([one["name"], one["written"], *map(str, [total, again, repaired, total - again - repaired])])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def reasons() -> str:
    """Why outputs differ, the commonest reason first, as a list."""
    told, found, _ = _told()
    fates = Counter(one.fate for ones in found.values() for one in ones if not one.again)
    lines = []
    for fate, count in fates.most_common():
        name, says = told["kinds"].get(fate, UNEXPLAINED).values()
        lines.append(f"- **{name[0].upper()}{name[1:]}: {count}.** {says}")
    return "\n".join(lines)


UNEXPLAINED = {"name": "not explained", "says": f"`{FILE}` gives no reason yet."}


def room(key: str) -> str:
    """The outputs of one tutorial: those that differ, and folded those that came out again."""
    told, found, _ = _told()
    lost = [one for one in found[key] if not one.again]
    kept = [one for one in found[key] if one.again]
    names = {kind: each["name"] for kind, each in told["kinds"].items()}
    parts = [_table(lost, ("Code", "Printed then", "Today"), names)] if lost else []
    if kept:
        table = _table(kept, ("Code", "Printed then and today"), names)
        title = f"{many(len(kept), 'output')} came out again"
        parts.append(f'<details class="info"><summary>{title}</summary>{table}</details>')
    return "\n\n".join(parts)


def _told() -> tuple[dict[str, Any], dict[str, list[Exhibit]], Mapping[str, str]]:
    """The file, its outputs with what came of them, and the versions that they ran with."""
    build = build_of()
    told = json.loads((build.root / FILE).read_text(encoding="utf-8"))
    check = build.current().chapter(CHAPTER)
    return told, exhibits(told, check), check.run.versions


def _exhibit(output: Mapping[str, Any], told: Mapping[str, Any], check: ChapterCheck) -> Exhibit:
    why, repair = output.get("why", ""), output.get("repair", "")
    if why and why not in told["kinds"]:
        raise ValueError(f"{FILE}: no kind '{why}'; {did_you_mean(why, told['kinds'])}")
    if "version" in output:  # no transcript may hold it
        return Exhibit(output["code"], output["printed"], repr(check.run.versions[output["version"]]), why)
    cell = check.snippet.cell(output["cell"])
    if cell is None:
        near = did_you_mean(output["cell"], [cell.slug for cell in check.snippet.cells])
        raise ValueError(f"{FILE}: {check.snippet.file} has no cell '{output['cell']}'; {near}")
    said = check.run.cells[cell.slug].outputs if cell.slug in check.run.cells else ()
    texts = (one.text for one in said if (one.mark == "!") == output.get("warning", False))
    today = ADDRESS.sub("0x…", "".join(texts)).rstrip("\n")
    return Exhibit(cell.shown_source, output["printed"], today, why, repair)


ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
"""Another in each run, so a page that showed it would be another in each build."""


def _bare(text: str) -> str:
    """The text without spaces and line breaks."""
    return "".join(text.split())


def _table(shown: list[Exhibit], heads: tuple[str, ...], names: Mapping[str, str]) -> str:
    """HTML of one line, which Markdown leaves as it is."""
    head = "".join(f"<th scope=col>{each}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(_cells(one, len(heads), names))}</tr>" for one in shown)
    return (
        '<div class="tp-table tp-museum" data-search-exclude><table class="tp-rows">'
        f"<caption>{', '.join(heads)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(one: Exhibit, columns: int, names: Mapping[str, str]) -> Iterator[str]:
    code = highlighted(one.code).partition("<code>")[2].rpartition("</code>")[0].strip("\n")
    forgot = f"<small>forgotten there: <code>{_text(one.repair)}</code></small>" if one.repair else ""
    yield f"<th scope=row><code class=highlight>{code.replace(NEWLINE, '&#10;')}</code>{forgot}</th>"
    yield f"<td><pre><samp>{_text(one.printed)}</samp></pre></td>"
    if columns == 3:
        why = escape(names.get(one.fate, UNEXPLAINED["name"]))
        yield f"<td><pre><samp>{_text(one.today)}</samp></pre><small>{why}</small></td>"


def _text(text: str) -> str:
    return escape(visible(text)).replace(NEWLINE, "&#10;")


NEWLINE = "\n"
