"""What cells do under other versions of torch: the page that tells it, and the line under a cell that leads there.

A change stands once, under the version nearest to this build's that has it.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from ..compare.check import ChapterCheck
from ..compare.versions import FILE, Change, Version, current, ordered
from ..model.pages import Page
from ..model.problems import many

__all__ = ["Versions", "badge"]


def badge(changes: Mapping[str, Change], page: Page, pages: Mapping[str, Page]) -> str:
    """The line under a cell that prints otherwise under some versions; empty where none does, or no page tells it."""
    printed = [torch for torch, change in changes.items() if change.is_printed]
    target = next((page for page in pages.values() if "reports.versions(" in page.text), None)
    if not printed or target is None:
        return ""
    link = f"{_path(target, page)}#{_anchor(changes[printed[0]])}"
    text = f"Prints otherwise in torch {', '.join(printed)}"
    return f'<p class="tp-device"><a class="tp-otherwise" href="{escape(link)}">{text}</a></p>'


@dataclass(frozen=True)
class Versions:
    """The page of versions."""

    known: dict[str, Version]
    notes: list[dict[str, Any]]
    """Why cells changed: a `title`, the reason in Markdown (`why`), and the `cells`, under the version `torch`."""
    checks: dict[str, ChapterCheck]
    pages: Mapping[str, Page]
    page: Page
    """Where links lead from."""

    def markdown(self) -> str:
        """A table of the versions, then each change, by version, with its reason.

        Raises:
            ValueError: a change or a note is about a cell that is not there, or that did not change.
        """
        self._must_fit()
        parts, anchors = [self.table(), *self._left_out()], set()
        for side, heading in ((self.newer, "From torch {} on"), (self.older, "Up to torch {}")):
            seen: set[Change] = set()
            for torch in side:
                fresh = [change for change in self.current[torch] if change not in seen]
                seen |= {*fresh}
                parts += [f"## {heading.format(torch)}"] if fresh else []
                for title, why, changes in self._explained(torch, fresh):
                    parts += [f"### {title}", why, *self._shown(changes, side[side.index(torch) :], anchors)]
        return "\n\n".join(part for part in parts if part)

    def table(self) -> str:
        """A row for each version."""
        rows = ["| torch | cells | print otherwise | only a state, plot or claim otherwise | did not run |"]
        rows.append("| --- | ---: | ---: | ---: | ---: |")
        for torch, version in reversed(self.known.items()):
            printed = sum(change.is_printed for change in version.changes)
            numbers = (sum(version.cells.values()), printed, len(version.changes) - printed, len(version.silent))
            name = f"{torch}, as in this book" if torch == self.ours else torch
            rows.append(f"| {name} | {' | '.join(map(str, numbers))} |")
        return "\n".join(rows)

    @cached_property
    def ours(self) -> str:
        """The torch of this build."""
        return next((c.run.versions["torch"] for c in self.checks.values() if "torch" in c.run.versions), "0")

    @cached_property
    def newer(self) -> list[str]:
        """The versions after ours, the nearest first."""
        every = ordered({**self.known, self.ours: None})
        return every[every.index(self.ours) + 1 :]

    @cached_property
    def older(self) -> list[str]:
        """The versions before ours, the nearest first."""
        every = ordered({**self.known, self.ours: None})
        return every[: every.index(self.ours)][::-1]

    @cached_property
    def current(self) -> dict[str, list[Change]]:
        """The changes of each version that are still true, and its alone."""
        return {
            torch: [c for c in version.changes if current(self.known, self.checks[c.chapter], c.slug).get(torch) == c]
            for torch, version in self.known.items()
        }

    def _must_fit(self) -> None:
        for torch, version in self.known.items():
            for change in version.changes:
                if change.chapter not in self.checks or change.slug not in self.checks[change.chapter].run.cells:
                    message = f"{FILE} says what '{change.cell}' does under torch {torch}, and there is no such cell"
                    raise ValueError(f"{message}\ndelete that entry; the next run under torch {torch} finds it anew")
        for note in self.notes:
            version = self.known.get(note["torch"])
            changed = {change.cell for change in version.changes} if version else set()
            for cell in set(note["cells"]) - changed:
                message = f"the note '{note['title']}' is about '{cell}', which {FILE} has no change of"
                raise ValueError(f"{message} under torch {note['torch']}\ntake the cell out of the note")

    def _left_out(self) -> Iterator[str]:
        known = sum(len(version.changes) for torch, version in self.known.items() if torch != self.ours)
        shown = sum(len(changes) for torch, changes in self.current.items() if torch != self.ours)
        if known > shown:
            yield f"{many(known - shown, 'change')} left out: those cells are others by now, and wait for the next run."

    def _explained(self, torch: str, changes: list[Change]) -> Iterator[tuple[str, str, list[Change]]]:
        """The changes that come first in a version, by their notes: title, reason, changes."""
        for note in (note for note in self.notes if note["torch"] == torch):
            about = [change for change in changes if change.cell in note["cells"]]
            changes = [change for change in changes if change not in about]
            if about:
                yield note["title"], note["why"], about
        if changes:
            yield "Not explained yet", "", changes

    def _shown(self, changes: list[Change], side: list[str], anchors: set[str]) -> Iterator[str]:
        """The changes as diffs, those that read alike together, below the names of their cells.

        `side` are the versions from this one on; those that do not have a change any more are named.
        """
        alike: dict[tuple[str, ...], list[Change]] = {}
        for change in changes:
            without = [torch for torch in side if change not in self.current[torch]]
            alike.setdefault((", ".join(without), *_lines(change)), []).append(change)
        for (without, *lines), cells in alike.items():
            names = ", ".join(self._link(change, anchors) for change in cells)
            yield f"{names}; not in torch {without}:" if without else f"{names}:"
            yield "\n".join(["````diff", *lines, "````"])

    def _link(self, change: Change, anchors: set[str]) -> str:
        """The title of a cell, which leads to where it is shown, and to which lines under cells lead."""
        snippet = self.checks[change.chapter].snippet
        title = snippet.cell(change.slug).title
        pages = sorted(self.pages.values(), key=lambda page: page.name != change.chapter)
        shown = next((page for page in pages if page.place(change.chapter, change.slug)), None)
        name = _anchor(change)
        id_ = "" if name in anchors else f"{{#{name}}}"
        anchors.add(name)
        link = f"{_path(shown, self.page)}#cell-{change.slug}" if shown else f"#{name}"
        return f"[{title}]({link}){id_} ({change.chapter})"


def _path(target: Page, page: Page) -> str:
    """The file of one page, as a link from another has it."""
    return posixpath.relpath(target.file, posixpath.dirname(page.file))


def _anchor(change: Change) -> str:
    return f"{change.chapter}-{change.slug}".replace("/", "-")


def _lines(change: Change) -> Iterator[str]:
    """A diff as readers see it: without the marks of transcripts, and with the line above a difference alone."""
    last = max(place for place, line in enumerate(change.lines) if line[0] in "-+")
    for line in change.lines[: last + 1]:
        sign, mark, text = line[0], line[1], line[3:]
        if mark in "~#x" and sign == " ":  # the state of another tensor, or which statement raised
            continue
        text = {"~": text.partition(" ")[2], "…": "…", "?": f"{text} is True" if sign == "-" else text}.get(mark, text)
        yield f"{sign} {text}"
