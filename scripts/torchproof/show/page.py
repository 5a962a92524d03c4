"""What a page shows, for any builder: the cards of its cells, its drawings and tables, its proofs and values.

A builder asks for the parts in the order of the page. What it asks for must be what `read/pages.py` found there:
two readers of one text that disagree are an error, never a page.
"""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from html import escape
from itertools import count

from ..compare.check import Checker
from ..compare.versions import FILE, Version, current, read
from ..model.devices import DEVICES
from ..model.pages import Failure, Page, Proof
from ..model.problems import Problem
from ..model.runs import NOT_EVALUATED, CellRun, Measured, Rich
from ..model.text import visible
from . import names
from .card import Card, problems_html
from .drawings import draw
from .summary import chapter_line
from .versions import badge
from .xray import Rows

__all__ = ["Drift", "PageView", "drift_html"]


class Drift(Exception):
    """The site is not as committed; the message is the whole report."""


class PageView:
    """What one page shows: what was read from it, and what its builder has asked for so far."""

    def __init__(self, checker: Checker, page: Page, problems: list[Problem]) -> None:
        """`problems` are those of the page and of the chapters that it shows; only while serving are there any."""
        self.checker, self.page, self.problems = checker, page, problems
        self.embeds = iter(page.embeds)
        self.fences = iter(page.fences)
        self.numbers = count()
        self.line = 0
        """Of the page, where what was asked for last stands."""
        self.rows: dict[str, Rows] = {}
        self.address: Callable[[str], str] | None = None
        """Where the site explains a name of torch, as seen from this page; the builder knows."""
        self.rich: Callable[[Rich, str], str] | None = None
        """What makes HTML of a value's own form; the builder knows."""

    @cached_property
    def versions(self) -> dict[str, Version]:
        """What cells did under other versions of torch."""
        return read(self.checker.site.root / FILE)

    def loose(self) -> str:
        """The problems that no cell of the page shows, as HTML."""
        return problems_html([p for p in self.problems if not p.slug or not self.page.place(p.chapter, p.slug)])

    def cell(self, reference: str) -> str:
        """HTML of the next embedded cell, which the builder knows as `chapter#slug`.

        Raises:
            Drift: it is another one.
        """
        embed = next(self.embeds, None)
        if embed is None or f"{embed.chapter}#{embed.slug}" != reference:
            raise Drift(f"{self.page.file}: the fence `{reference}` is rendered, but torchproof did not read it there")
        self.line = embed.line
        snippet = self.checker.site.snippets.get(embed.chapter)
        cell = snippet.cell(embed.slug) if snippet else None
        if cell is None:
            return self._problems_at(embed.line)
        check = self.checker.chapter(embed.chapter)
        elsewhere = [made for made in check.recordings.values() if made.device == cell.home]
        recordings = elsewhere or list(check.recordings.values())
        about = [p for p in self.problems if (p.chapter, p.slug) == (embed.chapter, embed.slug)]
        done = ((each, check.done(each)) for each in snippet.cells)
        rows = self.rows.setdefault(embed.chapter, Rows(self.numbers, tuple(done)))
        other = badge(current(self.versions, check, embed.slug), self.page, self.checker.site.pages)
        named = names.links(cell, names.uses(check, cell), self.address) if self.address else {}
        card = Card(snippet, cell, check.done(cell), recordings, about, rows, named, other, self.rich)
        return card.folded_html() if "solution" in cell.tags and not embed.nested else card.html()

    def fence(self, kind: str, source: str) -> str:
        """HTML of the next drawing or table.

        Raises:
            Drift: it is another one.
        """
        fence = next(self.fences, None)
        if fence is None or (fence.kind, fence.source.split()) != (kind, source.split()):
            raise Drift(f"{self.page.file}: the drawing `{source}` is rendered, but torchproof did not read it there")
        self.line = fence.line
        if fence.after is None:
            return self._problems_at(fence.line)
        run = self.checker.chapter(fence.after.chapter).run.cells.get(fence.after.slug, CellRun(""))
        data = run.result(fence.kind, fence.source).data
        return draw(data, f"drawing-{fence.line}") if data else self._problems_at(fence.line)

    def verified(self) -> str:
        """What stands under the title of a chapter: what was verified, as text; empty on other pages."""
        is_chapter = self.page.name in self.checker.site.snippets
        return chapter_line(self.checker.chapter(self.page.name)) if is_chapter else ""

    def spans(self, rendered: list[tuple[str, str]]) -> list[tuple[str, dict[str, str]]]:
        """What stands for each proof and value, as text and attributes; `rendered` are their kinds and sources.

        Makes sure that exactly the ones that were read are there.

        Raises:
            Drift: they are not, or a cell or drawing was never asked for.
        """
        counted = Counter(rendered)
        spans, found = [*self.page.proofs, *self.page.values], []
        scanned = Counter((span.kind, span.source) for span in spans)
        left = [f"{embed.chapter}#{embed.slug}" for embed in self.embeds] + [fence.source for fence in self.fences]
        if counted != scanned or left:
            odd = [*(source for _, source in (counted - scanned) + (scanned - counted)), *left]
            raise Drift(
                f"{self.page.file}: torchproof and the Markdown renderer do not read the same here: `{odd[0]}`\n"
                "Keep a proof and its braces on one line, and cells and proofs out of indented code and raw HTML"
            )
        for kind, source in rendered:  # the same can stand below two cells
            span = next(span for span in spans if (span.kind, span.source) == (kind, source))
            spans.remove(span)
            state, text, title = self._verdict(span)
            found.append((text, {"class": f"{kind} {kind}--{state}" if state else kind, "title": title}))
        return found

    def title_notes(self, rendered: list[str]) -> list[str]:
        """What each box of an error says beside its title, after making sure that exactly the titles read are there.

        Raises:
            Drift: they are not.
        """
        scanned = [failure.title for failure in self.page.failures]
        if [title.split() for title in rendered] != [title.split() for title in scanned]:
            odd = next((title for title in rendered if title not in scanned), f"{len(rendered)} of {len(scanned)}")
            message = f"the titles of failure boxes are rendered otherwise than torchproof read them: {odd}"
            raise Drift(f"{self.page.file}: {message}\nPut what Markdown takes for its own between backticks")
        return [self._waiting(failure) for failure in self.page.failures]

    def _waiting(self, failure: Failure) -> str:
        """What a box waits for, if nobody has seen its error yet."""
        for embed in failure.embeds:
            if embed.chapter in self.checker.site.snippets:
                check = self.checker.chapter(embed.chapter)
                errors = check.errors(failure)
                if errors and not any(errors.values()):
                    return f"waits for {DEVICES[check.snippet.cell(next(iter(errors))).home].run}"
        return ""

    def _verdict(self, span: Proof) -> tuple[str, str, str]:
        """State, text and title of a proof or value: true or computed, false, recorded, or waiting."""
        said = f"Computed from {span.source}" if span.kind == "value" else "True"
        snippet = self.checker.site.snippets.get(span.after.chapter) if span.after else None
        cell = snippet.cell(span.after.slug) if snippet else None
        if cell is not None and cell.home != "cpu":
            made = self.checker.site.recordings[snippet.name][cell.home]
            text = made.cells[cell.slug].text_of(span.kind, span.source)
            wait = f"Waits for {DEVICES[cell.home].run}"
            shown = text or (f"({wait[0].lower()}{wait[1:]})" if span.kind == "value" else span.source)
            return ("", shown, f"{said} when recorded on {made.origin}") if text else ("waiting", shown, wait)
        measured = Measured(span.kind, span.source, NOT_EVALUATED)
        if cell is not None:
            measured = self.checker.chapter(snippet.name).result(cell.slug, span.kind, span.source)
        shown = span.source if span.kind == "proof" else measured.data.text if measured.data else "(not computed)"
        if measured.problem:
            return "false", shown, f"Not {said[0].lower()}{said[1:]}: it {measured.problem}"
        return "", shown, f"{said} when this page was built"

    def _problems_at(self, line: int) -> str:
        return problems_html([p for p in self.problems if p.path == self.page.file and p.line == line])


def drift_html(drift: Drift) -> str:
    """The block that shows, while serving, what would end a build."""
    return f'<div class="tp-drift" role="alert"><p>{escape(visible(str(drift)))}</p></div>'
