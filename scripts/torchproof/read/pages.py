"""Read what a page embeds and claims, and check it against the snippets.

A page embeds cells by ```` ```cell ```` fences, shows drawings and tables by fences of `drawings.KINDS`,
looks up errors by ```` ```error ```` fences (a cell, words, and a table of what to write instead),
claims proofs by `` `expr`{.proof} ``, and says values by `` `expr`{.value} ``. This scanner reads Markdown without
rendering it, so that a machine with torch and the standard library can record; the price is that two readers must
agree, so the renderer refuses a page on which it does not find exactly what was found here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..files import kept, read_text, settings
from ..model.cells import Cell, Snippet
from ..model.drawings import KINDS
from ..model.pages import Embed, Failure, Fence, Page, Proof
from ..model.problems import Problem, did_you_mean
from ..model.text import shown
from .markup import EXEC, FRONT, OURS, wrong_code, wrong_comment, wrong_fence, wrong_head, wrong_prose
from .proofs import hollow

__all__ = [
    "ADMONITION",
    "CITED",
    "CODE",
    "FENCE",
    "SPANS",
    "Block",
    "blocks",
    "check_page",
    "error_parts",
    "read_page",
    "scan",
    "without_comments",
]


@dataclass
class Block:
    """A line of prose, or a fence."""

    line: int
    """Counted from 1."""
    text: str
    info: str = ""
    """What follows the opening mark of a fence; empty for prose, and for a fence of nothing."""
    mark: str = ""
    """The opening mark of a fence; empty for prose."""
    body: list[str] = field(default_factory=list)
    """The lines within a fence."""
    closed: bool = True


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """The lines of prose and the fences of a Markdown text, in order."""
    fence: Block | None = None
    for number, line in enumerate(lines, 1):
        mark = FENCE.match(line)
        if fence is not None:
            if mark and mark["fence"] == fence.mark and not mark["info"].strip() and _depth(line) == _depth(fence.text):
                yield fence
                fence = None
            else:
                fence.body.append(line)
        elif mark:
            fence = Block(number, line, mark["info"].strip(), mark["fence"])
        else:
            yield Block(number, line)
    if fence is not None:
        fence.closed = False
        yield fence


def _depth(line: str) -> int:
    """How far a line is indented, but for the marks of a quotation."""
    wide = line.expandtabs(4)
    return 0 if ">" in wide[: len(wide) - len(wide.lstrip(" >"))] else len(wide) - len(wide.lstrip())


def read_page(root: Path, name: str) -> Page:
    """Read `docs/<name>.md`."""
    file = f"{settings(root).docs}/{name}.md"
    read = read_text(root / file)
    page = scan(name, read.text, file=file)
    if read.wrong:
        page = replace(page, problems=(*page.problems, Problem(page.file, read.line, read.wrong)))
    return page


@kept
def scan(name: str, text: str, *, file: str = "", places: tuple[int, ...] = ()) -> Page:
    """Find the embeds, proofs, values and fences of a page, in order; kept, for builds and servers ask again.

    A claim belongs to the last cell embedded above it; on a chapter's own page, to the last of its own.
    `places` are the lines of the file that the lines of `text` come from, where they are not 1, 2, 3, ….
    """
    found = _Found(name, file or f"docs/{name}.md", places)
    prose = _Prose()
    for block in blocks(found.read_around(text).split("\n")):
        line = found.place(block.line)
        found.leave_boxes(block.text)
        is_literal = prose.is_literal(block.text)
        if not block.mark:
            found.read_prose(line, block.text, is_literal=is_literal)
        elif not block.closed:
            found.wrong(line, f"the fence {block.mark} is never closed by such a line, indented as it is")
        elif is_literal and (block.info in OWN or EXEC.match(block.info)):
            found.wrong(line, f"the fence {block.mark}{block.info} {LITERAL}")
        else:
            found.read_fence(line, block)
    found.judge_markup()
    for claim in [*found.spans, *found.fences]:
        if claim.after is None:
            found.wrong(claim.line, f"{claim} stands above every cell, so there is nothing to evaluate it in")
    proofs, values = ([span for span in found.spans if span.kind == kind] for kind in SPANS)
    parts = (found.embeds, proofs, found.fences, found.problems)
    failures = (Failure(box.title, box.line, tuple(box.embeds)) for box in found.boxes)
    return Page(name, found.file, text, *map(tuple, parts), tuple(values), tuple(failures))


@dataclass
class _Box:
    """A failure box, as far as it has been read."""

    title: str
    line: int
    indent: int
    embeds: list[Embed] = field(default_factory=list)


@dataclass
class _Found:
    """What a scan has met so far."""

    name: str
    file: str
    places: tuple[int, ...] = ()
    embeds: list[Embed] = field(default_factory=list)
    spans: list[Proof] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    boxes: list[_Box] = field(default_factory=list)
    open: list[_Box] = field(default_factory=list)
    markup: list[tuple[int, str]] = field(default_factory=list)
    """What is wrong with the markup, where there are cells to hide and outputs to pass for."""
    executes: bool = False

    def place(self, number: int) -> int:
        """The line of the file that a line of the text comes from."""
        return self.places[number - 1] if self.places else number

    def wrong(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.file, line, message))

    def last(self) -> Embed | None:
        """The cell that a claim here is about."""
        own = [embed for embed in self.embeds if embed.chapter == self.name] or self.embeds
        return own[-1] if own else None

    def read_around(self, text: str) -> str:
        """The text without metadata and comments, line for line, after a look at them."""
        if not self.places:
            self.markup += wrong_head(text)
            text = FRONT.sub(_blank, text, count=1) if FRONT.match(text) else text
        for comment in COMMENT.finditer(text):
            if not comment["fence"] and (message := wrong_comment(comment[0])):
                self.markup.append((self.place(text.count("\n", 0, comment.start()) + 1), message))
        return without_comments(text)

    def judge_markup(self) -> None:
        """Tell what is wrong with the markup; where there are no cells, only what passes for ours."""
        is_ours = self.embeds or self.spans or self.fences or self.executes
        for line, message in dict.fromkeys(self.markup):
            if is_ours or OURS.search(message):
                self.wrong(line, message)

    def leave_boxes(self, text: str) -> None:
        """Leave the failure boxes in which this line does not stand."""
        while text.strip() and self.open and len(text) - len(text.lstrip()) < self.open[-1].indent + 4:
            self.open.pop()

    def read_prose(self, line: int, text: str, *, is_literal: bool) -> None:
        opener = ADMONITION.match(text)
        if opener and not is_literal and "failure" in opener["kind"].split():
            self.boxes.append(_Box(shown(opener["title"] or ""), line, len(opener["indent"])))
            self.open.append(self.boxes[-1])
        self.read_markup(line, text, is_literal=is_literal)
        for kind, source in _spans_in(text):
            span = Proof(source, line, self.last(), kind)
            if is_literal:
                self.wrong(line, f"{span} {LITERAL}")
            elif kind == "value" and text.startswith("#"):
                self.wrong(line, f"{span} {HEADING}")
            else:
                self.spans.append(span)
                if kind == "proof" and (why := hollow(source)):
                    self.wrong(line, f"{span} {why}")
        if loose := LOOSE.search(CODE.sub("", text)):
            self.wrong(line, f"`{{.{loose['kind']}}}` {UNTIED}")

    def read_markup(self, line: int, text: str, *, is_literal: bool = False) -> None:
        codes = [text] if is_literal else [span["code"] for span in CODE.finditer(text)]
        wrong = () if is_literal else wrong_prose(text, CODE.sub(_without_code, text))
        self.markup += ((line, message) for message in [*wrong, *map(wrong_code, codes)] if message)

    def read_fence(self, line: int, block: Block, *, is_card: bool = True) -> None:
        if block.info == "error":
            cell, words, rows = error_parts(block.body)
            for info, lines in (("cell", [cell]), ("table", rows)):
                if lines:
                    self.read_fence(line, replace(block, info=info, body=lines), is_card=False)
            for text in (text for text in words if not CITED.search(text)):
                self.read_markup(line, text)
        if block.info not in OWN:
            self.executes |= bool(EXEC.match(block.info))
            if message := wrong_fence(block.info, "\n".join(block.body), OWN):
                self.markup.append((line, message))
        body = [text.strip() for text in block.body]
        if block.info in KINDS:
            source = ("\n" if block.info == "table" else " ").join(body).strip()
            self.fences.append(Fence(block.info, source, line, self.last()))
        if block.info != "cell":
            return
        chapter, hash_, slug = "".join(body).partition("#")
        if len(body) == 1 and chapter and hash_ and slug:
            self.embeds.append(Embed(chapter, slug, line, nested=block.text[:1] in " \t>", is_card=is_card))
            if self.open:
                self.open[-1].embeds.append(self.embeds[-1])
        else:
            message = f"a cell fence holds one line, `chapter#cell-title`, such as `{self.name}#first-cell`"
            self.wrong(line, message)


def error_parts(body: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """The cell, the words and the rows of an `error` fence: a row has a bar, and an expression after it."""
    rows = [text for text in body if " | " in text and not CITED.search(text)]
    cell = next(iter(body), "").partition(": ")[0]
    return cell, [text for text in body if text not in rows], rows


CITED = re.compile(r"(?:^|\| )(?P<chapter>\w+(?:/\w+)*)#(?P<slug>[\w-]+)(?:: (?P<code>.+))?$")
"""A cell that an `error` fence names: one that raises it, and after a bar one that does it right."""


def check_page(page: Page, snippets: dict[str, Snippet]) -> list[Problem]:
    """What is wrong with the embeds of a page: unknown, hidden, twice, out of order, left out."""
    own = page.name if page.name in snippets else ""
    problems = [replace(problem, chapter=problem.chapter or own) for problem in page.problems]
    seen: list[str] = []
    for embed in page.embeds:
        message = _wrong_embed(embed, snippets, own, seen)
        if message:
            known = embed.chapter in snippets and snippets[embed.chapter].cell(embed.slug)
            problems.append(Problem(page.file, embed.line, message, chapter=own, slug=embed.slug if known else ""))
        if embed.is_card and embed.chapter == own and snippets[own].cell(embed.slug):
            seen.append(embed.slug)
    for fence in page.fences:
        cell = _cell_of(fence.after, snippets)
        if cell and cell.home != "cpu":
            message = f"{fence} stands below the cell '{cell.slug}', which the CPU does not run"
            problems.append(Problem(page.file, fence.line, f"{message}; put it below one that it runs", chapter=own))
    for failure in page.failures:
        cells = [_cell_of(embed, snippets) for embed in failure.embeds]
        if not failure.title or not any(cell and cell.must_raise for cell in cells):
            problems.append(Problem(page.file, failure.line, f'the failure box "{failure.title}" {EMPTY}', chapter=own))
    for cell in snippets[own].cells if own else ():
        if cell.is_shown and cell.slug not in seen:
            message = f"no page shows the cell '{cell.slug}'; embed it in {page.file}, or tag it remove-cell"
            problems.append(Problem(snippets[own].file, cell.line - 1, message, chapter=own, slug=cell.slug))
    return problems


def _cell_of(embed: Embed | None, snippets: dict[str, Snippet]) -> Cell | None:
    return snippets[embed.chapter].cell(embed.slug) if embed and embed.chapter in snippets else None


def _wrong_embed(embed: Embed, snippets: dict[str, Snippet], own: str, seen: list[str]) -> str:
    """What is wrong with an embed on the page of the chapter `own` that has shown the cells `seen`, or nothing."""
    snippet = snippets.get(embed.chapter)
    if snippet is None:
        return f"no snippet {embed.chapter}.py; {did_you_mean(embed.chapter, snippets)}"
    slugs = [cell.slug for cell in snippet.cells]
    if embed.slug not in slugs:
        return f"{snippet.file} has no cell '{embed.slug}'; {did_you_mean(embed.slug, slugs)}"
    if not snippet.cell(embed.slug).is_shown:
        return f"the cell '{embed.slug}' is tagged remove-cell, so no page may show it"
    if embed.chapter != own or not embed.is_card:
        return ""
    if embed.slug in seen:
        return f"the cell '{embed.slug}' is shown twice; a reader would run it twice"
    if seen and slugs.index(embed.slug) < slugs.index(seen[-1]):
        return f"the cell '{embed.slug}' runs before '{seen[-1]}', so the page must show it before"
    return ""


EMPTY = (
    "has no cell inside that raises what its title says; embed one, tagged raises-exception, or make it a warning, "
    "whose title is yours"
)
OWN = ("cell", "error", *KINDS)
"""How our fences open."""
ADMONITION = re.compile(r'(?P<indent> *)(?:!!!|\?\?\?\+?)\s*(?P<kind>[\w -]*?)\s*(?:"(?P<title>.*)")?\s*$')
FENCE = re.compile(r"(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
COMMENT = re.compile(
    r"(?P<fence>^[ \t>]*(?P<mark>`{3,}|~{3,})[^`\n]*\n.*?^[ \t>]*(?P=mark)[`~]*[ \t]*$)|<!--.*?-->", re.S | re.M
)
CODE = re.compile(r"(?<![`\\])(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)(?:\{:?(?P<attrs>[^}\n]*)\})?")


SPANS = ("proof", "value")
LOOSE = re.compile(r"\{:?[^}]*\.(?P<kind>proof|value)\b")
UNTIED = "follows no code, so nobody would evaluate it; keep the code and its braces together, on one line"
HEADING = "stands in a heading, which names the section before anything is evaluated; move it into a sentence"
LITERAL = "stands in indented code, which Markdown leaves as it is; move it into the prose"
OPENER = re.compile(r"(?:[-*+]|\d+\.)\s|!!!|\?\?\?")


class _Prose:
    """Tells prose from indented code, which Markdown leaves as it is."""

    def __init__(self) -> None:
        self.indents: list[int] = []
        self.blank, self.code = True, False

    def is_literal(self, line: str) -> bool:
        """Whether Markdown leaves this line, the next of the page, as it is."""
        text = line.strip()
        if not text:
            self.blank = True
            return False
        opener = OPENER.match(text)
        wide = line.expandtabs(4)
        indent = len(wide) - len(wide.lstrip())
        while self.indents and indent < self.indents[-1] and (self.blank or opener):
            self.indents.pop()
        base = self.indents[-1] if self.indents else 0
        self.code = indent - base >= 4 and (self.blank or self.code)
        self.blank = False
        if opener and not self.code:
            self.indents.append(base + 4)
        return self.code


def without_comments(text: str) -> str:
    """The text with HTML comments blanked, line for line; fences keep theirs."""
    return COMMENT.sub(lambda found: found[0] if found["fence"] else _blank(found), text)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _without_code(span: re.Match[str]) -> str:
    """What is left of code in prose: attributes that are none of ours."""
    attributes = span["attrs"]
    return " " if attributes is None or attributes.strip() in (".proof", ".value") else f"`{{{attributes}}}"


def _spans_in(line: str) -> list[tuple[str, str]]:
    """Kind and source of each proof and value of a line."""
    if "`{" not in line:
        return []
    spans = ((f".{kind}", span) for span in CODE.finditer(line) for kind in SPANS)
    return [(dot[1:], span["code"].strip()) for dot, span in spans if dot in (span["attrs"] or "").split()]
