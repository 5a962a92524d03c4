"""Maths: `$…$` and `$$…$$` become MathML while the site is built; browsers draw it, so a page needs no script for it.

    markdown_extensions:
      - torchproof.maths

TeX that math-core does not know, or that is not whole, fails the build at its line.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from math_core import LatexError, LatexToMathML

from ..compare.site import Site
from ..model.problems import Problem
from ..read.pages import CODE, blocks, without_comments
from ..show.page import Drift
from .build import build_of, complaint
from .markdown import page_name, stops

__all__ = ["DISPLAY", "INLINE", "MathsExtension", "formula", "rendered", "wrong_formulas"]

DISPLAY = r"(?<!\\)\$\$(.+?)\$\$"
INLINE = r"(?<![\\$\w])\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?![\w$])"
"""A price is no formula: no blank inside the dollars, no letter or digit outside."""

ENVIRONMENT = re.compile(r"\\begin\{.*\\end\{", re.S)


def formula(found: str, file: str, text: str) -> str:
    """HTML of a formula as it stands on a page, dollars and all; if it is wrong, what ends the build.

    `file` and its `text` are for the message.
    """
    try:
        return rendered(found.strip("$"), display=found.startswith("$$"))
    except ValueError as error:
        return complaint(Drift(str(_wrong(found, file, text, error))))


def _wrong(found: str, file: str, text: str, error: ValueError) -> Problem:
    tex = found.strip("$").strip()
    first = found if "\n" not in found else tex.split("\n")[0]
    line = text.count("\n", 0, max(0, text.find(first))) + 1
    return Problem(file, line, f"wrong TeX in `{tex}`: {error}")


def wrong_formulas(site: Site) -> Iterator[Problem]:
    """The formulas that a build would refuse, if it draws any: mkdocs.yml asks for `torchproof.maths`."""
    config = site.root / "mkdocs.yml"
    is_drawn = config.exists() and "torchproof.maths" in config.read_text(encoding="utf-8")
    for name, page in site.pages.items() if is_drawn else ():
        lines = without_comments(page.text).split("\n")
        prose = CODE.sub(" ", "\n".join(block.text for block in blocks(lines) if not block.mark))
        text = site.snippets[name].text if page.suffix == ".py" else page.text
        for found in re.finditer(f"{DISPLAY}|{INLINE}", prose, re.S):
            try:
                rendered(found[0].strip("$"), display=found[0].startswith("$$"))
            except ValueError as error:
                chapter = name if name in site.snippets else ""
                yield replace(_wrong(found[0], page.file, text, error), chapter=chapter)


@lru_cache(10_000)
def rendered(tex: str, *, display: bool) -> str:
    """HTML of a formula.

    Raises:
        ValueError: it is no TeX; says why.
    """
    if r"\\" in ENVIRONMENT.sub("", tex):  # math-core drops it
        raise ValueError(r"a new line, \\, needs an environment around it, such as \begin{aligned} … \end{aligned}")
    try:
        mathml = LatexToMathML(fancy_error=False).convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        place, _, reason = str(error).partition(": ")
        raise ValueError(f"{reason.rstrip('.')} (at character {int(place) + 1})") from None
    return f'<span class="tp-formula">{mathml}</span>' if display else mathml


class _Formula(InlineProcessor):
    @stops
    def handleMatch(self, match: re.Match[str], data: str) -> tuple[str, int, int]:  # type: ignore[override]
        file = page_name(self.md)
        page = build_of().current().site.pages.get(file.removesuffix(".md"))
        html = formula(match[0], page.file if page else file, page.text if page else "")
        return self.md.htmlStash.store(html), match.start(0), match.end(0)


class MathsExtension(Extension):
    """Registers the dollars: after code, before the backslashes of Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.ESCAPED_CHARS = [*md.ESCAPED_CHARS, "$"]
        md.inlinePatterns.register(_Formula(DISPLAY, md), "torchproof-display", 186)
        md.inlinePatterns.register(_Formula(INLINE, md), "torchproof-maths", 185)
