"""Old code beside today's, as a page lists it: both sides are cells, and what the old one did says how it stands.

A cell and the one of the same title with `, today` after it are the two sides of an idiom.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import shorten

from ..compare.check import ChapterCheck
from ..model.cells import Cell
from ..model.problems import did_you_mean, many
from ..model.runs import CellRun
from ..model.text import plain, visible
from ..show.highlight import highlighted

__all__ = ["Idiom", "idioms", "idioms_in_short", "pairs"]

STATUSES = {
    "removed": "removed: what it names is gone, or left to say so",
    "raises": "raises: the call is refused",
    "warns": "warns, and still runs",
    "works": "works, without a word",
}
"""What the old side does, the worst first."""

GONE = re.compile(
    r"(ModuleNotFound|Import)Error|(module '[\w.]+'|object) has no attribute '(?!data)|unexpected keyword|now removed"
)
"""Errors of what is no longer there; a gradient that is None has no `data` either, and nothing of torch is gone."""

TODAY = ", today"


@dataclass(frozen=True)
class Idiom:
    """One thing, written in two ways."""

    old: Cell
    today: Cell
    did: CellRun
    does: CellRun

    @property
    def status(self) -> str:
        """One of `STATUSES`, from what the old side did in this build."""
        if self.did.error is not None:
            return "removed" if GONE.search(self.did.error) else "raises"
        return "warns" if _warning(self.did) else "works"

    @property
    def differs(self) -> bool:
        """Whether both sides answer, and not the same."""
        answers = [[o.text for o in run.outputs if o.mark in "=|"] for run in (self.did, self.does)]
        return self.did.error is None and answers[0] != answers[1]


def pairs(check: ChapterCheck) -> dict[str, Idiom]:
    """The idioms of a chapter, by the name of the old side's cell.

    Raises:
        ValueError: today's side warns or raises, so that nobody should write it.
    """
    found = {}
    for today in check.snippet.cells:
        old = next((cell for cell in check.snippet.cells if cell.title + TODAY == today.title), None)
        if old is not None:
            idiom = Idiom(old, today, *(check.done(cell) or CellRun(cell.slug) for cell in (old, today)))
            if said := idiom.does.error or _warning(idiom.does):
                raise ValueError(f"{check.snippet.file}: today's way, '{today.title}', is none: it says {said}")
            found[old.slug] = idiom
    return found


def idioms(check: ChapterCheck, reasons: Mapping[str, str], since: Path) -> str:
    """Rows of idioms, by the name of the old side's cell and why today's is better; `since` is what sources tell.

    Raises:
        ValueError: there is no such idiom.
    """
    known, told = pairs(check), json.loads(since.read_text(encoding="utf-8"))
    if wrong := [slug for slug in reasons if slug not in known]:
        raise ValueError(f"{check.snippet.file} has no idiom '{wrong[0]}'; {did_you_mean(wrong[0], known)}")
    return "\n\n".join(part for slug, why in reasons.items() for part in _row(known[slug], why, told.get(slug)))


def idioms_in_short(check: ChapterCheck) -> str:
    """How many idioms do what, and a list of them by what they do."""
    found = pairs(check)
    lists = {status: [each for each in found.values() if each.status == status] for status in STATUSES}
    lists["another answer"] = [each for each in found.values() if each.differs]
    counts = ", ".join(f"{len(lists[status])} {verb}" for status, verb in COUNTED.items())
    heads = STATUSES | {"another answer": "runs, and answers otherwise than today's way"}
    lines = ["| the old side | idioms |", "| --- | --- |"]
    lines += [f"| **{heads[status]}** | {' · '.join(map(_link, there))} |" for status, there in lists.items() if there]
    torch = f" under torch {check.run.versions['torch']}" if "torch" in check.run.versions else ""
    return "\n".join([f"Of {many(len(found), 'old idiom')}, {counts}{torch}.", "", *lines])


COUNTED = {"works": "still work", "warns": "warn", "raises": "raise an error", "removed": "are gone"}


def _link(idiom: Idiom) -> str:
    title = re.sub(r"([\\`*_\[\]])", r"\\\1", idiom.old.title)
    return f"[{title}](#idiom-{idiom.old.slug})"


def _row(idiom: Idiom, why: str, source: Mapping[str, str] | None) -> Iterator[str]:
    """Markdown and HTML: what the idiom does today, both sides, why, and what it says."""
    told = f' · <a href="{escape(source["source"])}">{escape(source["says"])}</a>' if source else ""
    differs = ", and answers otherwise" * idiom.differs
    yield (
        f'<p class="tp-idiom" id="idiom-{idiom.old.slug}"><strong>{escape(idiom.old.title)}</strong> '
        f'<span class="tp-status tp-status--{idiom.status}">{idiom.status}{differs}</span>{told}</p>'
    )
    sides = {"Old": idiom.old, "Today": idiom.today}
    codes = (f'<div><span class="tp-label">{name}</span>{_code(cell)}</div>' for name, cell in sides.items())
    yield f'<div class="tp-sides">{"".join(codes)}</div>'
    yield why
    if said := idiom.did.error or _warning(idiom.did):
        yield _said(visible(plain(said)))


def _said(text: str) -> str:
    """A message, folded where it is more than a line."""
    head, whole = (escape(part, quote=False) for part in (shorten(text, 90, placeholder=" …"), text))
    if head == whole:
        return f"<p class=tp-said><samp>{head}</samp></p>"
    whole = whole.replace("\n", "&#10;")
    return f"<details class=tp-said><summary>{head}</summary><pre><samp>{whole}</samp></pre></details>"


def _code(cell: Cell) -> str:
    return highlighted(cell.shown_source).replace("\n", "&#10;")


def _warning(run: CellRun) -> str:
    return next((output.text.strip() for output in run.outputs if output.mark == "!"), "")
