"""Code as HTML: Pygments, with one class for what looks alike, no span where there is no colour, one for neighbours."""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, TextIO

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.token import Keyword, Name, Number, Operator, Punctuation, String, Text, _TokenType

__all__ = ["highlighted"]


@lru_cache(10_000)  # while serving, each edit of a cell is another one
def highlighted(source: str) -> str:
    """The HTML of Python code, in the markup that Material styles."""
    return highlight(source, *_tools()).strip().replace("<pre><span></span>", "<pre>", 1)


COLOURS = {
    Text: (Name, Name.Builtin, Keyword.Constant, Operator, Punctuation, String.Affix, Text.Whitespace),
    Keyword: (Keyword.Namespace,),
    Number: (Number.Float, Number.Hex, Number.Integer),
    Name.Function: (Name.Class, Name.Exception, Name.Namespace),
    String: (String.Single, String.Double, String.Interpol),
}
"""Pygments' tokens by the one that stands for them: for those that look alike, and for those without a colour."""

ALIKE = {token: shown for shown, tokens in COLOURS.items() for token in tokens}

Token = tuple[_TokenType, str]


class LeanFormatter(HtmlFormatter):
    """HTML with as few spans as show the same."""

    def format_unencoded(self, tokensource: Iterable[Token], outfile: TextIO) -> Any:
        return super().format_unencoded(_joined(tokensource), outfile)


@cache
def _tools() -> tuple[PythonLexer, LeanFormatter]:
    """Made once: making them takes longer than most cells."""
    return PythonLexer(), LeanFormatter(cssclass="highlight", wrapcode=True)


def _joined(tokens: Iterable[Token]) -> Iterator[Token]:
    """The tokens, neighbours of one colour joined: also over a comma, which has none."""
    alike = groupby(tokens, lambda token: ALIKE.get(token[0], token[0]))
    found = [(kind, "".join(text for _, text in group)) for kind, group in alike]
    for before, (kind, text), after in zip([None, *found], found, [*found[1:], None], strict=False):
        is_inside = text == ", " and before and after and before[0] == after[0]
        yield (before[0] if is_inside else kind), text
