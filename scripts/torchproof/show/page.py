"""What a page shows, for any builder: the cards of its cells, its drawings and tables, the verdict of each proof.

A builder asks for the parts in the order of the page. What it asks for must be what `read/pages.py` found there:
two readers of one text that disagree are an error, never a page.
"""

from collections import Counter
from html import escape
from itertools import count

from ..compare.check import Checker
from ..model.devices import DEVICES
from ..model.pages import Failure, Page, Proof
from ..model.problems import Problem
from ..model.runs import CellRun
from ..model.text import visible
from .card import Card, problems_html
from .drawings import draw
from .summary import chapter_line
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
        self.rows: dict[str, Rows] = {}

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
        snippet = self.checker.site.snippets.get(embed.chapter)
        cell = snippet.cell(embed.slug) if snippet else None
        if cell is None:
            return self._problems_at(embed.line)
        check = self.checker.chapter(embed.chapter)
        elsewhere = [made for made in check.recordings.values() if made.device == cell.home]
        recordings = elsewhere or list(check.recordings.values())
        about = [p for p in self.problems if (p.chapter, p.slug) == (embed.chapter, embed.slug)]
        rows = self.rows.setdefault(embed.chapter, Rows(self.numbers))
        card = Card(snippet, cell, check.done(cell), recordings, about, rows)
        return card.folded_html() if "solution" in cell.tags and not embed.nested else card.html()

    def fence(self, kind: str, source: str) -> str:
        """HTML of the next drawing or table.

        Raises:
            Drift: it is another one.
        """
        fence = next(self.fences, None)
        if fence is None or (fence.kind, fence.source.split()) != (kind, source.split()):
            raise Drift(f"{self.page.file}: the drawing `{source}` is rendered, but torchproof did not read it there")
        if fence.after is None:
            return self._problems_at(fence.line)
        run = self.checker.chapter(fence.after.chapter).run.cells.get(fence.after.slug, CellRun(""))
        data = run.result(fence.kind, fence.source).data
        return draw(data, f"drawing-{fence.line}") if data else self._problems_at(fence.line)

    def verified(self) -> str:
        """What stands under the title of a chapter: what was verified, as text; empty on other pages."""
        is_chapter = self.page.name in self.checker.site.snippets
        return chapter_line(self.checker.chapter(self.page.name)) if is_chapter else ""

    def proof_attributes(self, rendered: list[str]) -> list[dict[str, str]]:
        """Class and title of each proof, after making sure that exactly the ones that were read are there.

        Raises:
            Drift: they are not, or a cell or drawing was never asked for.
        """
        counted = Counter(rendered)
        scanned = Counter(proof.source for proof in self.page.proofs)
        left = [f"{embed.chapter}#{embed.slug}" for embed in self.embeds] + [fence.source for fence in self.fences]
        if counted != scanned or left:
            odd = [*((counted - scanned) + (scanned - counted)), *left]
            raise Drift(
                f"{self.page.file}: torchproof and the Markdown renderer do not read the same here: `{odd[0]}`\n"
                "Keep a proof and its braces on one line, and cells and proofs out of indented code and raw HTML"
            )
        proofs, found = list(self.page.proofs), []
        for expression in rendered:  # the same can stand below two cells
            proof = next(proof for proof in proofs if proof.source == expression)
            proofs.remove(proof)
            found.append(self._verdict(proof))
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

    def _verdict(self, proof: Proof) -> dict[str, str]:
        """Class and title of a proof: true, false, recorded as true, or waiting."""
        snippet = self.checker.site.snippets.get(proof.after.chapter) if proof.after else None
        cell = snippet.cell(proof.after.slug) if snippet else None
        if cell is None:
            return {"class": "proof proof--false", "title": "Not true: it was not evaluated"}
        if cell.home != "cpu":
            made = self.checker.site.recordings[snippet.name][cell.home]
            recorded = made.cells[cell.slug]
            if recorded.is_shown and proof.source in recorded.proofs:
                return {"class": "proof", "title": f"True when recorded on {made.origin}"}
            return {"class": "proof proof--waiting", "title": f"Waits for {DEVICES[cell.home].run}"}
        problem = self.checker.chapter(snippet.name).result(cell.slug, proof.kind, proof.source).problem
        if problem:
            return {"class": "proof proof--false", "title": f"Not true: it {problem}"}
        return {"class": "proof", "title": "True when this page was built"}

    def _problems_at(self, line: int) -> str:
        return problems_html([p for p in self.problems if p.path == self.page.file and p.line == line])


def drift_html(drift: Drift) -> str:
    """The block that shows, while serving, what would end a build."""
    return f'<div class="tp-drift" role="alert"><p>{escape(visible(str(drift)))}</p></div>'
