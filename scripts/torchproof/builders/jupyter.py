"""Hands walk-throughs to mkdocs-jupyter: as notebooks that hold what the engine compared, so that it runs nothing.

mkdocs-jupyter reads a notebook from a file, renders it, and takes title and contents from its headings.
What its own template adds is left out (see `templates/`); the cards of the cells, drawings, proofs and formulas
are those of all other pages, put in afterwards.
"""

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

from ..show.page import Drift, PageView
from .build import complaint
from .maths import DISPLAY, INLINE, rendered
from .notebooks import Piece, merged, notebook, weave

__all__ = ["finished", "notebook_of", "use_our_templates"]

CELL, DRAWING, PROOF = "<!--cell-->", "<!--drawing-->", "<!--proof-->"
"""Stand for a code cell and for a drawing, and follow the code of a proof, until the page is finished."""


def use_our_templates() -> None:
    """Make mkdocs-jupyter take its templates from here; it has no setting for it."""
    from mkdocs_jupyter.config import settings

    settings.templates_dir = str(Path(__file__).with_name("templates"))


def notebook_of(view: PageView, link: Callable[[str], str]) -> str:
    """The notebook that mkdocs-jupyter renders as the page."""
    snippet = view.checker.site.snippets[view.page.name]
    pieces = weave(view.page, snippet, link=link, proof=lambda code: code + PROOF)
    pieces = [Piece(DRAWING) if piece.fence else piece for piece in pieces]
    return notebook(merged(pieces), view.checker.chapter(snippet.name).run.cells)


def finished(content: str, view: PageView) -> str:
    """The page as mkdocs-jupyter made it, with cards, drawings, proofs and formulas, without its style sheet."""
    content = re.sub(r"<style>.*?</style>\s*\Z", "", content, flags=re.S)
    content = ANCHOR.sub(r'<a class="headerlink" href="\1" title="Permanent link">&para;</a>', content)
    content = FORMULA.sub(lambda match: _formula(match, view), content)
    line = escape(view.verified())
    verified = f'<p class="tp-verified" data-search-exclude>{line}</p>\n{view.loose()}'
    content = content.replace("</h1>", f"</h1>\n{verified}", 1)
    embeds, fences = iter(view.page.embeds), iter(view.page.fences)

    def placed(match: re.Match[str]) -> str:
        if match[0] == DRAWING:
            fence = next(fences)
            return view.fence(fence.kind, fence.source)
        embed = next(embeds)
        return view.cell(f"{embed.chapter}#{embed.slug}")

    content = re.sub(f"{CELL}|{DRAWING}", placed, content)
    attributes = iter(view.proof_attributes([unescape(code) for code in MARKED.findall(content)]))
    return MARKED.sub(lambda match: f"<code{_attributes(next(attributes))}>{match[1]}</code>", content)


ANCHOR = re.compile(r'<a class="anchor-link" href="([^"]*)">¶</a>')
MARKED = re.compile(rf"<code>([^<]*)</code>{PROOF}")
FORMULA = re.compile(
    rf"(?P<other><(?P<tag>code|pre)\b.*?</(?P=tag)>|<[^>]*>)|(?P<display>{DISPLAY})|(?P<inline>{INLINE})",
    re.S,
)
"""A formula in the text of a page; what lies in code is none."""


def _formula(match: re.Match[str], view: PageView) -> str:
    if match["other"]:
        return match[0]
    tex = unescape(match[0].strip("$"))
    try:
        return rendered(tex, display=bool(match["display"]))
    except ValueError as error:
        return complaint(Drift(f"{view.page.file}: KaTeX does not understand `{tex}`: {error}"))


def _attributes(values: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in values.items())
