"""Read what a page embeds and claims, and check it against the snippets.

A page embeds cells by ```` ```cell ```` fences and claims proofs by `` `expr`{.proof} ``.
This scanner reads Markdown without rendering it, so that `torchproof check` needs no MkDocs;
the renderer (`fence.py`) refuses a page on which it does not find exactly what was found here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .cells import Snippet, folder_of
from .measure import KINDS
from .problems import Problem, did_you_mean, read_text

__all__ = ["Drawing", "Embed", "Page", "Proof", "check_page", "read_page", "scan"]


@dataclass(frozen=True)
class Embed:
    """A fence that shows a cell."""

    chapter: str
    slug: str
    line: int
    nested: bool = False
    """Whether it stands indented, inside an admonition or another block."""


@dataclass(frozen=True)
class Proof:
    """An expression in the prose that must be true right after the cell embedded above it."""

    expression: str
    line: int
    after: Embed | None


@dataclass(frozen=True)
class Drawing:
    """A fence that draws tensors as they are right after the cell embedded above it."""

    kind: str
    """One of `measure.KINDS`."""
    source: str
    line: int
    after: Embed | None


@dataclass(frozen=True)
class Page:
    """What one Markdown file embeds and claims."""

    name: str
    """Path below `docs/` without its suffix; a chapter's page has its snippet's name."""
    text: str
    """Its Markdown."""
    embeds: tuple[Embed, ...]
    proofs: tuple[Proof, ...]
    drawings: tuple[Drawing, ...] = ()
    problems: tuple[Problem, ...] = ()
    suffix: str = ".md"

    @property
    def file(self) -> str:
        return f"docs/{self.name}{self.suffix}"

    def place(self, chapter: str, slug: str) -> str:
        """Where this page shows a cell, as `docs/x.md:40`; empty when it does not."""
        lines = [e.line for e in self.embeds if (e.chapter, e.slug) == (chapter, slug)]
        return f"{self.file}:{lines[0]}" if lines else ""


def read_page(root: Path, name: str) -> Page:
    """Read `docs/<name>.md`."""
    text, not_utf8 = read_text(root / "docs" / f"{name}.md")
    page = scan(name, text)
    if not_utf8:
        wrong = Problem(page.file, not_utf8, "not UTF-8; save the file as UTF-8")
        page = replace(page, problems=(*page.problems, wrong))
    return page


def scan(name: str, text: str, *, suffix: str = ".md", numbers: Sequence[int] = ()) -> Page:
    """Find the embeds, proofs and drawings of a page, in order.

    `numbers` are the lines of the file that the lines of the text come from, where they are not simply 1, 2, 3.
    A proof or drawing belongs to the last cell embedded above it; on a chapter's own page, to the last of its own.
    """
    embeds: list[Embed] = []
    proofs: list[Proof] = []
    drawings: list[Drawing] = []
    problems: list[Problem] = []
    fence: re.Match[str] | None = None
    opened = 0

    def last(embeds: list[Embed]) -> Embed | None:
        own = [embed for embed in embeds if embed.chapter == name] or embeds
        return own[-1] if own else None

    file = f"docs/{name}{suffix}"
    body: list[str] = []
    prose = _Prose()
    lines = _without_comments(text).split("\n")
    for number, line in zip(numbers or range(1, len(lines) + 1), lines, strict=True):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence, opened, body = mark, number, []
        elif fence is None:
            found = _proofs_in(line)
            if prose.leaves(line):
                problems += [Problem(file, number, f"the proof `{code}` {LITERAL}") for code in found]
            else:
                proofs += [Proof(expression, number, last(embeds)) for expression in found]
            if LOOSE.search(CODE.sub("", line)):
                problems.append(Problem(file, number, f"`{{.proof}}` {UNTIED}"))
        elif mark and mark["fence"].startswith(fence["fence"]) and not mark["info"].strip():
            info = fence["info"].strip()
            if info == "cell":
                _read_fence(name, file, body, opened, bool(fence["indent"]), embeds, problems)
            elif info in KINDS:
                drawings.append(Drawing(info, " ".join(body).strip(), opened, last(embeds)))
            fence = None
        else:
            body.append(line.strip())
    if fence is not None:
        problems.append(Problem(file, opened, f"the fence {fence['fence']} is never closed"))
    for claim in [*proofs, *drawings]:
        if claim.after is None:
            what = f"proof `{claim.expression}`" if isinstance(claim, Proof) else f"drawing `{claim.source}`"
            message = f"the {what} stands above every cell, so there is nothing to evaluate it in"
            problems.append(Problem(file, claim.line, message))
    return Page(name, text, tuple(embeds), tuple(proofs), tuple(drawings), tuple(problems), suffix)


def check_page(page: Page, snippets: dict[str, Snippet]) -> list[Problem]:
    """What is wrong with the embeds of a page: unknown, hidden, twice, out of order, left out."""
    problems = list(page.problems)

    def wrong(line: int, message: str, chapter: str = "", slug: str = "") -> None:
        problems.append(Problem(page.file, line, message, chapter=chapter or own, slug=slug))

    own = page.name if page.name in snippets else ""
    seen: list[str] = []
    for embed in page.embeds:
        snippet = snippets.get(embed.chapter)
        if snippet is None:
            file = f"{folder_of(embed.chapter)}/{embed.chapter}.py"
            wrong(embed.line, f"no file {file}; {did_you_mean(embed.chapter, list(snippets))}")
        elif (cell := snippet.cell(embed.slug)) is None:
            known = [cell.slug for cell in snippet.cells]
            wrong(embed.line, f"{snippet.file} has no cell '{embed.slug}'; {did_you_mean(embed.slug, known)}")
        elif not cell.shown:
            wrong(embed.line, f"the cell '{embed.slug}' is tagged remove-cell, so no page may show it", slug=embed.slug)
        elif embed.chapter == own:
            order = [cell.slug for cell in snippet.cells]
            if embed.slug in seen:
                message = f"the cell '{embed.slug}' is shown twice; a reader would run it twice"
                wrong(embed.line, message, slug=embed.slug)
            elif seen and order.index(embed.slug) < order.index(seen[-1]):
                message = f"the cell '{embed.slug}' runs before '{seen[-1]}', so the page must show it before"
                wrong(embed.line, message, slug=embed.slug)
            seen.append(embed.slug)
    for drawing in page.drawings:
        snippet = snippets.get(drawing.after.chapter) if drawing.after else None
        cell = snippet.cell(drawing.after.slug) if snippet else None
        if cell and cell.home != "cpu":
            message = f"the drawing `{drawing.source}` stands below the cell '{cell.slug}', which the CPU does not run"
            wrong(drawing.line, f"{message}; draw below one that it runs")
    if own:
        for cell in snippets[own].cells:
            if cell.shown and cell.slug not in seen:
                message = f"no page shows the cell '{cell.slug}'; embed it in {page.file}, or tag it remove-cell"
                problems.append(Problem(snippets[own].file, cell.line - 1, message, chapter=own, slug=cell.slug))
    return problems


FENCE = re.compile(r"(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
COMMENT = re.compile(
    r"(?P<fence>^[ \t>]*(?P<mark>`{3,}|~{3,})[^`\n]*\n.*?^[ \t>]*(?P=mark)[`~]*[ \t]*$)|<!--.*?-->", re.S | re.M
)
CODE = re.compile(r"(?<![`\\])(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)(?:\{:?(?P<attrs>[^}\n]*)\})?")


LOOSE = re.compile(r"\{:?[^}]*\.proof\b")
UNTIED = "follows no code, so nobody would evaluate it; keep a proof and its braces together, on one line"
LITERAL = "stands in indented code or raw HTML, which Markdown does not read; move it into the prose"
OPENER = re.compile(r"(?:[-*+]|\d+\.|:)\s|!!!|\?\?\?|===|\[\^[^]]+\]:")
HTML = re.compile(r"<(article|aside|blockquote|center|details|div|dl|figure|h[1-6]|ol|p|pre|section|table|ul)\b")


class _Prose:
    """Tells prose from what Markdown leaves as it is: indented code and raw HTML."""

    def __init__(self) -> None:
        self.indents: list[int] = []
        self.blank, self.code = True, False
        self.tag = ""

    def leaves(self, line: str) -> bool:
        """Whether Markdown leaves this line, the next of the page, as it is."""
        text = line.strip()
        if not self.tag and (html := HTML.match(text)) and "markdown" not in text:
            self.tag = html[1]
        if self.tag:
            self.tag = "" if f"</{self.tag}" in text else self.tag
            return True
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


def _without_comments(text: str) -> str:
    """The text with HTML comments blanked, line for line; fences keep theirs."""
    return COMMENT.sub(lambda m: m[0] if m["fence"] else re.sub(r"[^\n]", " ", m[0]), text)


def _proofs_in(line: str) -> list[str]:
    if ".proof" not in line:
        return []
    return [m["code"].strip() for m in CODE.finditer(line) if ".proof" in (m["attrs"] or "").split()]


def _read_fence(
    name: str, file: str, body: list[str], line: int, nested: bool, embeds: list[Embed], problems: list[Problem]
) -> None:
    chapter, hash_, slug = "".join(body).partition("#")
    if len(body) == 1 and chapter and hash_ and slug:
        embeds.append(Embed(chapter, slug, line, nested))
    else:
        message = f"a cell fence holds one line, `chapter#cell-title`, such as `{name}#first-cell`"
        problems.append(Problem(file, line, message))
