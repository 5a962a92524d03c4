"""A reviewer's list: the sentences of a page that nothing evaluated stands behind, and the numbers that were typed.

A proof or a value stands behind the sentences of its paragraph, and a cell, a drawing or a table behind the paragraph
right above it. Everything is read from pages and committed transcripts, so nothing runs; a sentence is a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..compare import transcript
from ..compare.site import Site
from ..model.drawings import KINDS
from ..model.pages import Page
from ..read.pages import CODE, SPANS, blocks, without_comments

__all__ = ["reviewed"]


@dataclass
class Paragraph:
    """A paragraph, an item of a list, or a row of a table."""

    sentences: dict[int, str] = field(default_factory=dict)
    """By their lines, counted from 1."""
    is_backed: bool = False


def reviewed(site: Site, page: Page) -> list[str]:
    """What a person has to judge on a page, a line each: the sentences with the largest words first, marked."""
    text = re.sub(r"\A---\n.*?\n---\n", lambda found: "\n" * found[0].count("\n"), page.text, flags=re.S)
    paragraphs = list(_paragraphs(without_comments(text).split("\n")))
    places = dict(_places(site, page, [line for paragraph in paragraphs for line in paragraph.sentences]))
    bare = [one for paragraph in paragraphs if not paragraph.is_backed for one in paragraph.sentences.items()]
    bare = [(line, sentence) for line, sentence in bare if not sentence.endswith("?")]
    large = {line: LARGE.search(TARGET.sub("", CODE.sub("", sentence))) for line, sentence in bare}
    found = [f"{places[n]}: ! {sentence}" for n, sentence in bare if large[n]]
    found += [f"{places[n]}: {sentence}" for n, sentence in bare if not large[n]]
    for paragraph in paragraphs:
        for line, sentence in paragraph.sentences.items():
            above = list(_outputs(site, page, int(places[line].rpartition(":")[2])))
            for number in _typed(sentence):
                if cell := next((cell for cell, output in above if _stands_in(number, output)), ""):
                    found.append(f"{places[line]}: {number} was typed, and '{cell}' has it: {sentence}")
    return found


def _paragraphs(lines: list[str]) -> Iterator[Paragraph]:
    last, is_open = Paragraph(), False
    for block in blocks(lines):
        text = block.text.strip().removeprefix("> ")
        if block.mark:
            last.is_backed |= block.info == "cell" or block.info in KINDS
        elif RULE.fullmatch(text):  # what stands above it is the head of a table
            last.sentences.clear()
        elif text and not SKIPPED.match(text):
            if not is_open or STARTS.match(text):
                yield last
                last = Paragraph()
            last.sentences[block.line] = text
            spans = (span["attrs"] or "" for span in CODE.finditer(text))
            last.is_backed |= any(f".{kind}" in attributes.split() for attributes in spans for kind in SPANS)
        elif text:
            yield last
            last = Paragraph()
        is_open = bool(text) and not block.mark
    yield last


def _places(site: Site, page: Page, lines: list[int]) -> Iterator[tuple[int, str]]:
    """Where the file of a page has its lines; a walk-through's page is woven of the comments of its file."""
    woven = page.text.split("\n")
    snippet = site.snippets.get(page.name)
    source = enumerate(snippet.text.split("\n") if snippet and snippet.is_walkthrough else [], 1)
    for line in lines:
        own = next(
            (number for number, text in source if text.removeprefix("#").strip() == woven[line - 1].strip()), line
        )
        yield line, f"{page.file}:{own}"


def _outputs(site: Site, page: Page, line: int) -> Iterator[tuple[str, str]]:
    """The cells that a page shows above a line, the nearest first, and what they printed, showed or raised."""
    for embed in sorted(page.embeds, key=lambda embed: -embed.line):
        if embed.line < line and embed.chapter in site.snippets:
            cells = transcript.parse(site.committed(site.snippets[embed.chapter]) or "").cells
            block = cells.get(embed.slug, transcript.Block())
            yield embed.slug, "\n".join(text[2:] for text in block.lines if text[:1] in "|!=x")


def _typed(sentence: str) -> list[str]:
    """The numbers of a sentence that say something: with a point, or of two digits or more."""
    prose = CODE.sub(
        lambda span: span["code"] if not span["attrs"] and NUMBER.fullmatch(span["code"]) else "", sentence
    )
    return [number for number in NUMBER.findall(TARGET.sub("", prose)) if len(re.sub(r"\D", "", number)) > 1]


def _stands_in(number: str, output: str) -> bool:
    """Whether an output holds a number, or one that is rounded to it."""
    digits = len(number.partition(".")[2])
    typed = float(number.replace(",", ""))
    found = (float(other.replace(",", "")) for other in NUMBER.findall(output) if not digits or "." in other)
    return any(round(other, digits) == typed if digits else other == typed for other in found)


LARGE = re.compile(r"\b(only|never|always|every|any|nothing but|whatever|cannot|all|must|no)\b", re.I)
"""Words of which a sentence is false as soon as one case is."""

NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w|[.,]\d)")

TARGET = re.compile(r"\]\([^)]*\)|\$[^$]*\$")
"""Where a link leads, and a formula."""

SKIPPED = re.compile(r"#|!!!|\?\?\?|===|<|\*\[|(?:[-*+] )?!?\[[^]]*\]\([^)]*\)[.;,]?$")
"""Headings, titles of blocks, HTML, abbreviations, and lines that are a link."""

STARTS = re.compile(r"(?:[-*+]|\d+\.)\s|\|")
RULE = re.compile(r"\|[-:| ]+\|")
