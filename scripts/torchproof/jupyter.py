"""Hands walk-throughs to mkdocs-jupyter: as notebooks that hold what the engine compared, so that it runs nothing.

mkdocs-jupyter reads a notebook from a file, renders it, and takes title and contents from its headings.
What its own template adds is left out (see `templates/`); the cards of the cells, drawings, proofs and formulas
are those of all other pages, put in afterwards.
"""

import re
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from .fence import Drift, Shown, complaint
from .maths import DISPLAY, INLINE, rendered
from .notebooks import Piece, merged, notebook, weave
from .verification import chapter_line

__all__ = ["finished", "notebook_of", "use_our_templates"]

CELL, DRAWING, PROOF = "<!--cell-->", "<!--drawing-->", "<!--proof-->"
"""Stand for a code cell and for a drawing, and follow the code of a proof, until the page is finished."""


def use_our_templates() -> None:
    """Make mkdocs-jupyter take its templates from here; it has no setting for it."""
    from mkdocs_jupyter.config import settings

    settings.templates_dir = str(Path(__file__).with_name("templates"))


def notebook_of(shown: Shown, link: Callable[[str], str]) -> str:
    """The notebook that mkdocs-jupyter renders as the page."""
    snippet = shown.checker.site.snippets[shown.page.name]
    pieces = weave(shown.page, snippet, link=link, proof=lambda code: code + PROOF)
    pieces = [Piece(DRAWING) if piece.drawing else piece for piece in pieces]
    return notebook(merged(pieces), shown.checker.chapter(snippet.name).run.cells)


def finished(content: str, shown: Shown) -> str:
    """The page as mkdocs-jupyter made it, with cards, drawings, proofs and formulas, without its style sheet."""
    content = re.sub(r"<style>.*?</style>\s*\Z", "", content, flags=re.S)
    content = ANCHOR.sub(r'<a class="headerlink" href="\1" title="Permanent link">&para;</a>', content)
    content = FORMULA.sub(lambda match: _formula(match, shown), content)
    line = escape(chapter_line(shown.checker.chapter(shown.page.name)))
    verified = f'<p class="tp-verified" data-search-exclude>{line}</p>\n{shown.loose()}'
    content = content.replace("</h1>", f"</h1>\n{verified}", 1)
    embeds, drawings = iter(shown.page.embeds), iter(shown.page.drawings)

    def placed(match: re.Match[str]) -> str:
        if match[0] == DRAWING:
            drawing = next(drawings)
            return shown.drawing(drawing.kind, " ".join(drawing.source.split()))
        embed = next(embeds)
        return shown.cell(f"{embed.chapter}#{embed.slug}", _highlighted)

    content = re.sub(f"{CELL}|{DRAWING}", placed, content)
    attributes = iter(shown.proof_attributes([unescape(code) for code in MARKED.findall(content)]))
    return MARKED.sub(lambda match: f"<code{_attributes(next(attributes))}>{match[1]}</code>", content)


ANCHOR = re.compile(r'<a class="anchor-link" href="([^"]*)">¶</a>')
MARKED = re.compile(rf"<code>([^<]*)</code>{PROOF}")
FORMULA = re.compile(
    rf"(?P<other><(?P<tag>code|pre)\b.*?</(?P=tag)>|<[^>]*>)|(?P<display>{DISPLAY})|(?P<inline>{INLINE})",
    re.S,
)
"""A formula in the text of a page; what lies in code is none."""


def _formula(match: re.Match[str], shown: Shown) -> str:
    if match["other"]:
        return match[0]
    tex = unescape(match[0].strip("$"))
    try:
        return rendered(tex, display=bool(match["display"]))
    except ValueError as error:
        return complaint(Drift(f"{shown.page.file}: KaTeX does not understand `{tex}`: {error}"))


def _attributes(values: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in values.items())


def _highlighted(source: str) -> str:
    """The code as the pages of Markdown show it."""
    return highlight(source, PythonLexer(), HtmlFormatter(cssclass="highlight", wrapcode=True)).strip()
