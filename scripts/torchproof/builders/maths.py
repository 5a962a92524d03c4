"""Maths: `$…$` and `$$…$$` become HTML with MathML while the site is built, so that a page needs no script for it.

    markdown_extensions:
      - torchproof.maths

KaTeX is JavaScript; it runs inside this process, in QuickJS. TeX that it does not understand fails the build.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import quickjs
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

from ..show.page import Drift
from .build import complaint
from .markdown import page_name, stops

__all__ = ["DISPLAY", "INLINE", "MathsExtension", "makeExtension", "rendered"]

DISPLAY = r"(?<!\\)\$\$(.+?)\$\$"
INLINE = r"(?<![\\$\w])\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?![\w$])"
"""A price is no formula: no blank inside the dollars, no letter or digit outside."""

RENDER = """
function render(tex, displayMode) {
  return katex.renderToString(tex, { displayMode, throwOnError: true, strict: "error" });
}
"""


@cache
def _katex() -> quickjs.Function:
    """KaTeX in a thread of its own: a context answers only in the thread that made it, and builders use several."""
    script = Path(__file__).with_name("katex") / "katex.min.js"
    return quickjs.Function("render", script.read_text(encoding="utf-8") + RENDER)


@cache
def rendered(tex: str, *, display: bool) -> str:
    """HTML of a formula.

    Raises:
        ValueError: KaTeX does not understand it; says why.
    """
    try:
        return str(_katex()(tex, display))
    except quickjs.JSException as error:
        raise ValueError(str(error).partition("\n")[0].removeprefix("ParseError: KaTeX parse error: ")) from None


class _Formula(InlineProcessor):
    @stops
    def handleMatch(self, match: re.Match[str], data: str) -> tuple[str, int, int]:  # type: ignore[override]
        try:
            html = rendered(match[1], display=match[0].startswith("$$"))
        except ValueError as error:
            text = self.md.torchproof_source
            line = text.count("\n", 0, max(0, text.find(match[0]))) + 1
            html = complaint(
                Drift(f"docs/{page_name(self.md)}:{line}: KaTeX does not understand `{match[1]}`: {error}")
            )
        return self.md.htmlStash.store(html), match.start(0), match.end(0)


class _Source(Preprocessor):
    """Keeps the page's text, from which a message takes the line."""

    def run(self, lines: list[str]) -> list[str]:
        self.md.torchproof_source = "\n".join(lines)
        return lines


class MathsExtension(Extension):
    """Registers the dollars: after code, before the backslashes of Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.ESCAPED_CHARS = [*md.ESCAPED_CHARS, "$"]
        md.preprocessors.register(_Source(md), "torchproof-source", 1001)
        md.inlinePatterns.register(_Formula(DISPLAY, md), "torchproof-display", 186)
        md.inlinePatterns.register(_Formula(INLINE, md), "torchproof-maths", 185)


def makeExtension(**options: Any) -> MathsExtension:
    return MathsExtension(**options)
