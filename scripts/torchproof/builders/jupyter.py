"""Hands walk-throughs to mkdocs-jupyter: as notebooks of what the engine compared, so that it runs nothing.

mkdocs-jupyter reads a notebook from a file, renders its prose, and takes title and contents from its headings.
Proofs, values and formulas are HTML within that prose; the cards of cells, drawings and tables are put in afterwards.
What its own template adds is left out (see `templates/`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from ..model.cells import Snippet
from ..model.pages import Page
from ..model.problems import report
from ..read.pages import SPANS
from ..show.page import Drift, PageView
from .build import complaint
from .finished import Marks
from .maths import DISPLAY, INLINE, formula
from .notebooks import Piece, below_title, merged, notebook, weave

__all__ = ["Walkthrough", "use_templates"]


def use_templates(*, ours: bool) -> None:
    """Make mkdocs-jupyter take its templates from here, or its own for a notebook of the site's; it has no setting."""
    from mkdocs_jupyter.config import Settings, settings

    settings.templates_dir = str(Path(__file__).with_name("templates")) if ours else Settings().templates_dir


@dataclass(frozen=True)
class Walkthrough:
    """A walk-through on its way through mkdocs-jupyter."""

    page: Page
    notebook: str
    """What mkdocs-jupyter renders as the page."""
    cards: tuple[str, ...]
    """HTML of its cells, drawings and tables."""
    inline: int
    """How many proofs, values and formulas are HTML within its prose."""
    marks: Marks

    @classmethod
    def of(cls, view: PageView, link: Callable[[str], str]) -> "Walkthrough":
        """A walk-through that has run; `link` is given the target of each link, for what shall stand there."""
        page, check, marks = view.page, view.checker.chapter(view.page.name), Marks()
        cells = iter(
            [
                marks.piece(view.cell(f"{embed.chapter}#{embed.slug}"), f"the cell `{embed.slug}`", embed.line)
                for embed in page.embeds
            ]
        )
        fences = [(view.fence(fence.kind, fence.source), str(fence), fence.line) for fence in page.fences]
        measured = iter([marks.piece(*fence) for fence in fences])
        spans = [(span.kind, span.source) for span in (*page.proofs, *page.values)]
        found = list(zip(spans, view.spans(spans), strict=True))
        proofs, values = (
            iter([_span(kind, *said, marks.word) for (kind, _), said in found if kind == of]) for of in SPANS
        )
        line = f'<p class="tp-verified" data-search-exclude data-tp="{marks.word}">{escape(view.verified())}</p>'
        pieces = weave(page, check.snippet, link=link, value=lambda _: next(values), proof=lambda _: next(proofs))
        cards = [next(cells) if piece.cell else next(measured) for piece in pieces if not piece.text]
        pieces = [
            Piece(CARD) if piece.fence else replace(piece, text=_with_formulas(piece.text, check.snippet))
            for piece in below_title(pieces, f"{line}\n\n{CARD}")
        ]
        inline = _inline_tags("".join(piece.text for piece in pieces))
        return cls(page, notebook(merged(pieces), check.run.cells), (view.loose(), *cards), inline, marks)

    def finished(self, content: str) -> str:
        """The page as mkdocs-jupyter made it, with its cards, without the style sheet at its end."""
        if content.count(CARD) != len(self.cards) or _inline_tags(content) != self.inline:
            content = complaint(Drift(f"{self.page.file}: a proof, a formula or a drawing {LITERAL}")) + content
        cards = iter(self.cards)
        content = re.sub(CARD, lambda _: next(cards, ""), content.rpartition("<style>")[0])
        content, problems = self.marks.look(content, self.page)
        return complaint(Drift(report(problems))) + content if problems else content


CARD = "<!--card-->"
"""Stands for a cell, a drawing or a table until the page is finished; the first for what is wrong with the page."""

LITERAL = "stands in indented code, which Markdown leaves as it is; move it into the prose"


def _inline_tags(html: str) -> int:
    return len(re.findall('<math|<(?:code|span) class="(?:proof|value)', html))


def _span(kind: str, text: str, attributes: dict[str, str], mark: str) -> str:
    tag = "code" if kind == "proof" else "span"
    said = "".join(f' {name}="{escape(value)}"' for name, value in (attributes | {"data-tp": mark}).items())
    return _inline(f"<{tag}{said}>{escape(text)}</{tag}>")


def _with_formulas(prose: str, snippet: Snippet) -> str:
    def shown(found: re.Match[str]) -> str:
        return found[0] if found["other"] else _inline(formula(found[0], snippet.file, snippet.text))

    return FORMULA.sub(shown, prose)


FORMULA = re.compile(
    r"(?P<other>^[ >]*(?P<fence>`{3,}|~{3,}).*?^[ >]*(?P=fence)|"
    r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)|"
    rf"<[a-zA-Z/!][^>]*>)|{DISPLAY}|{INLINE}",
    re.S | re.M,
)
"""A formula in prose, or else code or a tag, in which there is none."""


def _inline(html: str) -> str:
    """HTML such that Markdown leaves the text in it as it is."""
    return re.sub(r"[\\`*_{}\[\]()+!|~$^=:.-](?=[^<>]*<)", lambda sign: f"&#{ord(sign[0])};", html)
