"""The Markdown side: a Python-Markdown extension that shows cells and proofs, in MkDocs or any other builder.

    markdown_extensions:
      - attr_list
      - pymdownx.highlight
      - pymdownx.superfences
      - torchproof

Before a page is converted, its chapters are run and compared. In a build, anything wrong anywhere is raised as one
report: by the first page with a problem, so that pages without any wait for their own session only.
While serving, nothing stops: the problem is shown where it is.
"""

import atexit
import html
import logging
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from pymdownx.superfences import SuperFencesException

from .capture import visible
from .check import Checker
from .draw import draw
from .html import cell_html, problems_html
from .measure import KINDS
from .pages import Page, Proof, scan
from .problems import Problem, did_you_mean, github_lines, report
from .runner import Runner
from .site import Site, find_root
from .verification import FENCE, REPORTS, chapter_line, written
from .xray import Rows

try:
    from mkdocs.exceptions import BuildError
except ImportError:  # another builder
    BuildError = Exception

__all__ = ["CellsExtension", "Drift", "Shown", "checked_page", "complaint", "makeExtension", "page_of"]

log = logging.getLogger("mkdocs.torchproof")


class Drift(SuperFencesException, BuildError):
    """The site is not what it says; the message is the whole report."""


class Engine:
    """The state of one project between pages: what is on disk, and what it did."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runner = Runner(root)
        self.signature: Any = None
        self.checker: Checker | None = None
        atexit.register(self.runner.close)

    def current(self) -> Checker:
        """The checker of the project as it is on disk now; a build reads the disk once."""
        if self.checker is not None and not _serving():
            return self.checker
        signature = [
            (str(path), stat.st_mtime_ns, stat.st_size)
            for folder in ("docs", "snippets")
            for path in sorted((self.root / folder).rglob("*.*"))
            if path.suffix in (".md", ".py", ".txt") and (stat := path.stat())
        ]
        if signature != self.signature:
            self.signature = signature
            if self.checker is not None:
                self.checker.close()
            self.checker = Checker(Site.read(self.root), self.runner)
            self.checker.start()
        return self.checker


@cache
def engine(root: Path) -> Engine:
    return Engine(root)


class CellsExtension(Extension):
    """Registers the `cell` fence and the proofs."""

    def extendMarkdown(self, md: Markdown) -> None:
        try:
            fences = md.preprocessors["fenced_code_block"].extension
        except (KeyError, AttributeError):
            raise Drift("torchproof needs pymdownx.superfences, above it in markdown_extensions") from None
        for name in ("cell", *KINDS):
            fences.extend_super_fences(name, show_fence, lambda *_: True, None)
        md.preprocessors.register(Prepare(md), "torchproof-prepare", 1000)
        md.treeprocessors.register(Proofs(md), "torchproof-proofs", 1)


def makeExtension(**options: Any) -> CellsExtension:
    return CellsExtension(**options)


class Prepare(Preprocessor):
    """Runs and compares what a page shows, before it is converted."""

    def run(self, lines: list[str]) -> list[str]:
        self.md.torchproof = None
        if hasattr(self.md, "_original_md"):  # markdown-exec's converter, at work on one fence
            return lines
        try:
            return self._prepared(lines)
        except Drift as drift:
            return [self.md.htmlStash.store(complaint(drift)), "", *lines]

    def _prepared(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        found = scan("", text)
        asked = FENCE.search(text)
        checker = engine(_root(self.md)).current()
        if not (found.embeds or found.proofs or found.drawings or found.problems or asked):
            if checker.site.problems and not _serving():  # perhaps no page embeds anything
                _stop(checker)
            return lines
        page = _page_of(checker.site, text)
        self.md.torchproof = _checked(checker, page, everything=bool(asked))
        lines = FENCE.sub(lambda fence: _report(fence[1], page, checker), text).split("\n")
        loose = self.md.torchproof.loose()
        return [self.md.htmlStash.store(loose), "", *lines] if loose else lines


def complaint(drift: Drift) -> str:
    """While serving, the block that shows it; in a build, the end."""
    if not _serving():
        raise drift
    log.warning("%s", drift)
    return f'<div class="tp-drift" role="alert"><p>{html.escape(visible(str(drift)))}</p></div>'


def checked_page(root: Path, name: str) -> "Shown | None":
    """What a page shows, for whoever renders it without Python-Markdown; None where it shows no cell."""
    checker = engine(root).current()
    page = checker.site.pages.get(name)
    return _checked(checker, page) if page and page.embeds else None


def _checked(checker: Checker, page: Page, *, everything: bool = False) -> "Shown":
    """What a page shows, after it was run and compared; in a build, the end if anything is wrong with it."""
    problems = checker.problems() if everything and not _serving() else _problems_of(checker, page)
    if problems and not _serving():
        _stop(checker)
    for problem in problems:
        log.warning("%s", problem)
    return Shown(checker, page, problems)


def _stop(checker: Checker) -> NoReturn:
    """End the build with everything that is wrong."""
    everything = checker.problems()
    for line in github_lines(everything):
        print(line, file=sys.stderr, flush=True)
    raise Drift(report(everything))


class Shown:
    """What one page shows: what the scanner found, and what the renderer has met so far."""

    def __init__(self, checker: Checker, page: Page, problems: list[Problem]) -> None:
        self.checker, self.page, self.problems = checker, page, problems
        self.embeds = iter(page.embeds)
        self.drawings = iter(page.drawings)
        self.numbers = count()
        self.rows: dict[str, Rows] = {}

    def loose(self) -> str:
        """The problems that no cell of the page shows, as HTML."""
        return problems_html([p for p in self.problems if not p.slug or not self.page.place(p.chapter, p.slug)])

    def cell(self, reference: str, highlighted: Callable[[str], str]) -> str:
        """HTML of the next embedded cell; `highlighted` turns its code into HTML."""
        embed = next(self.embeds, None)
        if embed is None or f"{embed.chapter}#{embed.slug}" != reference:
            raise Drift(f"{self.page.file}: the fence `{reference}` is rendered, but torchproof did not read it there")
        snippet = self.checker.site.snippets.get(embed.chapter)
        cell = snippet.cell(embed.slug) if snippet else None
        if cell is None:
            return problems_html([p for p in self.problems if p.path == self.page.file and p.line == embed.line])
        code = highlighted(cell.shown_source)
        check = self.checker.chapter(embed.chapter)
        runs, recordings = check.run.cells, list(check.recordings.values())
        elsewhere = [made for made in recordings if made.device == cell.home]
        if elsewhere:  # the CPU's session leaves this cell out: what its own device recorded stands for it
            runs = runs | elsewhere[0].runs(snippet)
            recordings = elsewhere
        rows = self.rows.setdefault(embed.chapter, Rows(self.numbers))
        about = [p for p in self.problems if (p.chapter, p.slug) == (embed.chapter, embed.slug)]
        fold = "solution" in cell.tags and not embed.nested
        return cell_html(cell, code, runs.get(embed.slug), rows, about, recordings, embed.chapter, fold=fold)

    def drawing(self, kind: str, source: str) -> str:
        """HTML of the next drawing."""
        drawing = next(self.drawings, None)
        if drawing is None or (drawing.kind, " ".join(drawing.source.split())) != (kind, source):
            raise Drift(f"{self.page.file}: the drawing `{source}` is rendered, but torchproof did not read it there")
        runs = self.checker.chapter(drawing.after.chapter).run.cells if drawing.after else {}
        run = runs.get(drawing.after.slug) if drawing.after else None
        data = run.drawing(drawing.kind, drawing.source) if run else {"error": "its cell did not run"}
        if "error" in data:
            return problems_html([p for p in self.problems if p.path == self.page.file and p.line == drawing.line])
        return draw(data, f"drawing-{drawing.line}")

    def add_line(self, root: Element) -> None:
        """Say under the title of a chapter what was verified."""
        title = next((place for place, element in enumerate(root) if element.tag == "h1"), None)
        if title is not None and self.page.name in self.checker.site.snippets:
            line = Element("p", {"class": "tp-verified", "data-search-exclude": ""})
            line.text = chapter_line(self.checker.chapter(self.page.name))
            root.insert(title + 1, line)

    def proof_attributes(self, rendered: list[str]) -> list[dict[str, str]]:
        """Class and title of each proof, after making sure that exactly the scanned ones are there."""
        counted = Counter(rendered)
        scanned = Counter(proof.expression for proof in self.page.proofs)
        left = [f"{embed.chapter}#{embed.slug}" for embed in self.embeds] + [d.source for d in self.drawings]
        if counted != scanned or left:
            odd = [*((counted - scanned) + (scanned - counted)), *left]
            raise Drift(
                f"{self.page.file}: torchproof and the Markdown renderer do not read the same here: `{odd[0]}`\n"
                "Keep a proof and its braces on one line, and cells and proofs out of indented code and raw HTML"
            )
        proofs, found = list(self.page.proofs), []
        for expression in rendered:  # the same can stand below two cells
            proof = next(proof for proof in proofs if proof.expression == expression)
            proofs.remove(proof)
            found.append(self._verdict(proof))
        return found

    def _verdict(self, proof: Proof) -> dict[str, str]:
        """Class and title of a proof: true, false, recorded as true, or waiting."""
        snippet = self.checker.site.snippets.get(proof.after.chapter) if proof.after else None
        cell = snippet.cell(proof.after.slug) if snippet else None
        if cell is not None and cell.home != "cpu":
            made = self.checker.site.recordings[snippet.name][cell.home]
            recorded = made.cells[cell.slug]
            if recorded.shown and proof.expression in recorded.proofs:
                return {"class": "proof", "title": f"True when recorded on {made.origin}"}
            return {"class": "proof proof--waiting", "title": "Waits for a GPU run"}
        problem = "was not evaluated"
        if cell is not None:
            problem = self.checker.chapter(snippet.name).proofs.get((cell.slug, proof.expression), problem)
        if problem:
            return {"class": "proof proof--false", "title": f"Not true: it {problem}"}
        return {"class": "proof", "title": "True when this page was built"}


class Proofs(Treeprocessor):
    """Marks the proofs of a page."""

    def run(self, root: Element) -> None:
        if hasattr(self.md, "_original_md"):
            return
        shown = getattr(self.md, "torchproof", None)
        elements = [element for element in root.iter("code") if "proof" in element.get("class", "").split()]
        try:
            if shown is not None:
                attributes = shown.proof_attributes([_expression(element) for element in elements])
                for element, own in zip(elements, attributes, strict=True):
                    element.attrib.update(own)
                shown.add_line(root)
            elif elements:
                raise Drift(f"the proof `{_expression(elements[0])}` was rendered, but not read by torchproof")
        except Drift as drift:
            block = Element("p")
            block.text = self.md.htmlStash.store(complaint(drift))
            root.insert(0, block)


def show_fence(src: str, language: str, md: Markdown, **_: Any) -> str:
    """The superfences formatter of our fences: cells and drawings."""
    shown = getattr(md, "torchproof", None)
    try:
        if shown is None:
            raise Drift(f"the fence `{src}` was rendered, but not read by torchproof")
        if language == "cell":
            return shown.cell(src.strip(), lambda source: _highlighted(md, source))
        return shown.drawing(language, " ".join(src.split()))
    except Drift as drift:
        return complaint(drift)
    except Exception as error:  # superfences would swallow it, and show the fence as text
        return complaint(Drift(f"{shown.page.file}: the fence `{src}` was not rendered: {error!r}"))


def _report(name: str, page: Page, checker: Checker) -> str:
    if name not in REPORTS:
        raise Drift(f"{page.file}: torchproof has no report '{name}'; {did_you_mean(name, list(REPORTS))}")
    return written(name, checker)


def _highlighted(md: Markdown, source: str) -> str:
    """The code as superfences shows a fence of Python."""
    fences = md.preprocessors["fenced_code_block"]
    return str(fences.highlight(source, "python", {}, md, classes=[], id_value="", attrs={}))


def _expression(element: Element) -> str:
    return html.unescape("".join(element.itertext())).strip()


def _root(md: Markdown) -> Path:
    """The project's folder: the one of MkDocs' configuration file, else the nearest above the working folder."""
    try:
        file = md.treeprocessors["relpath"].config.config_file_path
        return find_root(Path(file).parent)
    except (KeyError, AttributeError, TypeError):
        return find_root()


def page_of(md: Markdown, text: str) -> Page:
    """The page that is being converted, by its text."""
    return _page_of(engine(_root(md)).current().site, text)


def _page_of(site: Site, text: str) -> Page:
    """The page whose text this is; builders cut the front matter off, and tell no extension the path."""
    body = text.strip()
    for page in site.pages.values():
        if page.text.strip().endswith(body):
            return page
    raise Drift(f"no file in docs/ holds this text; a plugin changed it before torchproof read it:\n{body[:200]}")


def _problems_of(checker: Checker, page: Page) -> list[Problem]:
    """What is wrong with a page and the chapters it shows; the whole site's own problems count for every page."""
    chapters = {embed.chapter for embed in page.embeds} & set(checker.site.snippets)
    run = [problem for name in sorted(chapters) for problem in checker.chapter(name).problems]
    static = checker.site.problems
    if _serving():
        static = [p for p in static if p.path == page.file or p.chapter == page.name]
        run = [p for p in run if not p.path.startswith("docs/") or p.path == page.file]
    return static + run


def _serving() -> bool:
    """Whether this is `mkdocs serve` or `zensical serve`."""
    return next((word for word in sys.argv[1:] if not word.startswith("-")), "") == "serve"
