"""Looks at the finished HTML of a page: every card is one that this build wrote, and no element hides it.

What the build writes it marks with a word that nobody can know before. `Marks.look` reads the page as browsers do,
names what looks as if it were ours and is not marked, and what is marked and stands where nobody sees it, and takes
the marks out. Typed code gets its label here, after all that a page can say.
"""

import re
import secrets
from collections.abc import Iterator
from html import escape
from xml.etree.ElementTree import Element

import html5lib

from ..model.pages import Page
from ..model.problems import Problem
from ..read.markup import BOXES, OURS

__all__ = ["Marks"]


class Marks:
    """What was marked on one page while it was converted."""

    def __init__(self) -> None:
        self.word = secrets.token_hex(8)
        self.places: list[tuple[str, int]] = []
        """What each marked piece is, and the line of the page that asks for it."""

    def piece(self, html: str, name: str, line: int) -> str:
        """The HTML of a card, a drawing or a table, marked: what is in it is ours, and readers must see it."""
        self.places.append((name, line))
        return f"<!--{self.word} {len(self.places) - 1}-->{html}<!--/{self.word}-->"

    def signed(self, html: str) -> str:
        """HTML that this build generated, each element marked."""
        return re.sub(r"<(\w+)(?=[\s>])", rf'<\1 data-tp="{self.word}"', html)

    def look(self, html: str, page: Page) -> tuple[str, list[Problem]]:
        """The HTML without marks and with labels, and what is wrong with it."""
        pieces = re.compile(rf"(<!--{self.word} (\d+)-->.*?<!--/{self.word}-->)", re.S)
        wrong: list[tuple[int, str]] = []
        if self.places or OURS.search(html):
            bare = pieces.sub(rf'<section data-tp="{self.word}" id="\2"></section>', html)
            look = _Look(self.word, page.text)
            look.into(html5lib.parseFragment(bare, container="div", namespaceHTMLElements=False))
            wrong = look.wrong
            for number, (name, line) in enumerate(self.places):
                if (hidden := look.seen.pop(str(number), "something that holds no elements")) is not None:
                    wrong.append((line, f"{name} stands in {hidden}, where readers do not see it; take it out"))
        parts = pieces.split(html)
        parts[::3] = [self._labelled(part) for part in parts[::3]]
        del parts[2::3]
        clean = "".join(parts).replace(f' data-tp="{self.word}"', "")
        clean = re.sub(rf"<!--/?{self.word}(?: \d+)?-->", "", clean)
        clean = re.sub(rf"({LABEL}\s*)+", LABEL, clean)  # another plugin's converter has put one, too
        return clean, [Problem(page.file, line, message) for line, message in wrong]

    def _labelled(self, html: str) -> str:
        """HTML with a label above each block of typed code."""
        return BLOCK.sub(lambda found: found[0] if self.word in found["pre"] else LABEL + found[0], html)


class _Look:
    """A walk through the elements of a page, as a browser has them."""

    def __init__(self, word: str, text: str) -> None:
        self.word, self.text = word, text
        self.seen: dict[str, str | None] = {}
        """By piece: what hides it, or None."""
        self.wrong: list[tuple[int, str]] = []

    def into(self, parent: Element, hidden: str | None = None) -> None:
        """Look at what an element holds; `hidden` says what hides it."""
        for element in parent:
            tag = element.tag
            if not isinstance(tag, str) or tag.startswith("{"):  # a comment, or a formula
                continue
            is_ours = element.get("data-tp") == self.word
            if is_ours and tag == "section" and not len(element) and (element.get("id") or "").isdigit():
                self.seen[element.get("id")] = hidden
                continue
            if not is_ours:
                for name, message in _stranger(element):
                    line = self.text[: max(0, self.text.find(name))].count("\n") + 1
                    self.wrong.append((line, message))
            said = f"<{tag}>" if tag not in OPEN else "" if is_ours else _hiding(element)
            self.into(element, hidden or said or None)


def _stranger(element: Element) -> Iterator[tuple[str, str]]:
    """What a page must not hold unless this build wrote it: a word to find it by, and why not."""
    for name in (element.get("class") or "").split():
        if OURS.fullmatch(name):
            yield name, f'an element with class="{escape(name)}" looks like an output, and this build did not write it'
    if element.tag in ACTIVE:
        yield element.tag, f"<{element.tag}> changes how all of the page looks; leave it out"
    for name, value in element.items():
        if name in HIDING or name.startswith("on") or (name == "style" and not ALIGNED.fullmatch(value)):
            yield name, f"an element with {name}= could hide what stands in it; leave it out"


def _hiding(element: Element) -> str:
    """A class that some style may hide; empty where there is none."""
    names = (element.get("class") or "").split()
    return next((f'an element with class="{name}"' for name in names if not CLASSES.fullmatch(name)), "")


OPEN = {
    "article",
    "blockquote",
    "dd",
    "details",
    "div",
    "dl",
    "figure",
    "li",
    "ol",
    "p",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
"""Elements that show what they hold."""
ACTIVE = {"base", "iframe", "link", "meta", "object", "script", "style", "template"}
HIDING = {"hidden", "inert", "popover", "aria-hidden"}
ALIGNED = re.compile(r"text-align: ?(?:left|right|center);?")
"""The columns of a table."""
CLASSES = re.compile(rf"admonition|inline|end|{'|'.join(BOXES)}|quote|tp-sheet|grid|cards|jp-[\w-]+|jupyter-wrapper")
BLOCK = re.compile(r'(?:<div class="[^"]*highlight">\s*)?(?P<pre><pre[^>]*>)')
LABEL = '<p class="tp-typed" data-search-exclude>not run here</p>\n'
