"""The Markdown side: a Python-Markdown extension that shows cells and proofs, in MkDocs or any other builder.

    markdown_extensions:
      - torchproof

What it needs of other extensions it registers, unless they are listed. Before a page is converted, its chapters are
run and compared. A fence ```` ```python exec="true" ```` is markdown-exec's: it runs in this process, for what is
generated from this build (`torchproof.reports`), never torch.
"""

import html
import io
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import cache, wraps
from pathlib import Path
from textwrap import indent
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import markdown_exec
from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor, UnescapeTreeprocessor
from markdown.util import HTML_PLACEHOLDER_RE, AtomicString, code_escape
from pymdownx.highlight import HighlightExtension
from pymdownx.superfences import SuperFencesCodeExtension, SuperFencesException

from ..model.drawings import KINDS
from ..model.pages import Page
from ..model.problems import report
from ..read.pages import SPANS, scan
from ..show.page import Drift, PageView
from .build import Build, build_of, complaint, is_serving
from .errors import look_up
from .finished import Marks
from .names import addresses

try:
    from mkdocs.exceptions import BuildError
except ImportError:  # another builder
    BuildError = Exception

__all__ = ["CellsExtension", "Stop", "page_name"]


class Stop(SuperFencesException, BuildError):
    """Ends a build: superfences swallows every exception but its own, and MkDocs prints only its own as a message."""


def stops(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets what ends a build pass through superfences and MkDocs."""

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except Drift as drift:
            raise Stop(str(drift)) from None

    return wrapped


class CellsExtension(Extension):
    """Registers the fences and the proofs."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Take part in each conversion: only then is known what else is registered, in whatever order it was listed.

        Postprocessors also run for each heading, and so cannot tell when a page is whole.
        """
        convert, is_ready = md.convert, []

        def converted(source: str) -> str:
            if not is_ready:
                is_ready.append(_register(md))
            try:
                return _anchored(looked_at(convert(source), md), md)
            finally:
                _let_go(md)

        md.convert = converted


def _register(md: Markdown) -> None:
    """Register the fences and the proofs, and what they need."""
    there = {type(extension) for extension in md.registeredExtensions}
    if HighlightExtension not in there:
        md.registerExtensions(["pymdownx.highlight"], {})
    if SuperFencesCodeExtension not in there:
        md.registerExtensions(["pymdownx.superfences"], {})
    if "attr_list" not in md.treeprocessors:
        md.registerExtensions(["attr_list"], {})
    fences = md.preprocessors["fenced_code_block"].extension
    for name in ("cell", *KINDS):
        fences.extend_super_fences(name, show_fence, lambda *_: True, None)
    fences.extend_super_fences("error", show_error, lambda *_: True, None)
    for name in ("py", "python"):
        markdown_exec.formatters[name] = show_generated
    md.preprocessors.register(Prepare(md), "torchproof-prepare", 1000)
    md.treeprocessors.register(Spans(md), "torchproof-spans", 1)


def _let_go(md: Markdown) -> None:
    """Let go of a page that is done: markdown-exec would keep each with a fence of its own, and its site, for ever."""
    with suppress(AttributeError):  # a version that keeps none
        if not hasattr(md, "_original_md"):
            sys.modules[markdown_exec.MarkdownConverter.__module__]._register_headings_processors.cache_clear()


class Prepare(Preprocessor):
    """Runs and compares what a page shows, before it is converted."""

    @stops
    def run(self, lines: list[str]) -> list[str]:
        self.md.torchproof, self.md.torchproof_marks = None, Marks()
        outer = getattr(self.md, "_original_md", None)
        if outer is not None:  # this is markdown-exec's converter, at work on what a fence printed
            if "relpath" in outer.treeprocessors:  # MkDocs' links, and their check
                self.md.treeprocessors.register(outer.treeprocessors["relpath"], "relpath", 0)
            return lines
        try:
            return self._prepared(lines)
        except Drift as drift:
            return [self.md.htmlStash.store(complaint(drift)), "", *lines]

    def _prepared(self, lines: list[str]) -> list[str]:
        build = _build_of(self.md)
        checker = build.current()
        found, text = _on_disk(build, self.md), "\n".join(lines)
        if found is None or found.text.strip() != text.strip():
            found = scan("", text)
        walks = (snippet.file for snippet in checker.site.snippets.values() if snippet.is_walkthrough)
        if "relpath" in self.md.treeprocessors and not _has_plugin(self.md) and (file := next(walks, "")):
            raise Drift(f"{file}: MkDocs would publish its source; list torchproof in plugins of mkdocs.yml")
        if not (found.embeds or found.claims or found.problems):
            if checker.site.problems and not (is_serving() or build.is_patient):  # perhaps no page embeds anything
                build.stop()
            return lines
        self.md.torchproof = view = build.view(_page_of(build, self.md, lines))
        if "relpath" in self.md.treeprocessors:  # MkDocs
            relpath = self.md.treeprocessors["relpath"]
            view.address = addresses(relpath.files, relpath.file)
        loose = view.loose()
        return [self.md.htmlStash.store(loose), "", *lines] if loose else lines


class Spans(Treeprocessor):
    """Marks the proofs of a page, and says its values."""

    @stops
    def run(self, root: Element) -> None:
        _free(root)
        view: PageView | None = getattr(self.md, "torchproof", None)
        classes = ((element, element.get("class", "").split()) for element in root.iter("code"))
        elements = [(element, kind) for element, names in classes for kind in SPANS if kind in names]
        mark = {"data-tp": self.md.torchproof_marks.word}
        try:
            if view is not None:
                titles = [box[0] for box in root.iter() if "failure" in box.get("class", "").split() and len(box)]
                for title, note in zip(titles, view.title_notes(list(map(self._text, titles))), strict=True):
                    if note:
                        SubElement(title, "small", {"class": "tp-waits", **mark}).text = note
                spans = view.spans([(kind, self._text(element).strip()) for element, kind in elements])
                for (element, kind), (text, attributes) in zip(elements, spans, strict=True):
                    element.attrib.update(attributes | mark)
                    if kind == "value":  # a number of the sentence, not code
                        element.tag, element.text = "span", AtomicString(code_escape(text))
                _add_line(root, view.verified(), mark)
            elif elements:
                (element, kind), *_ = elements
                span = f"the {kind} `{self._text(element).strip()}`"
                raise Drift(f"{_file(self.md)}: {span} was rendered, but not read by torchproof")
        except Drift as drift:
            block = Element("p")
            block.text = self.md.htmlStash.store(complaint(drift))
            root.insert(0, block)

    def _text(self, element: Element) -> str:
        """What a reader sees of an element: without escapes, and without tags of its own."""
        text = UnescapeTreeprocessor().unescape("".join(element.itertext()))
        html_ = self.md.htmlStash.rawHtmlBlocks
        return html.unescape(HTML_PLACEHOLDER_RE.sub(lambda found: re.sub("<.*>", "", html_[int(found[1])]), text))


@stops
def looked_at(html: str, md: Markdown) -> str:
    """A finished page without marks; in a build, the end if something on it is typed that looks run, or hidden."""
    outer = getattr(md, "_original_md", None)
    if outer is not None:  # this is what a fence printed, on its way into a page
        return outer.torchproof_marks.signed(html)
    name = page_name(md).removesuffix(".md")
    page = _on_disk(_build_of(md), md) or scan(name, "")
    html, problems = md.torchproof_marks.look(html, page)
    if 'class="tp-' in html and not _has_plugin(md):
        html += _look_of_ours()
    return complaint(Drift(report(problems))) + html if problems else html


def _anchored(html: str, md: Markdown) -> str:
    """A finished page, after MkDocs was told its anchors: it reads what a page says itself, and no cell is in that."""
    if "mkdocs_extract_anchors" in md.treeprocessors:
        md.treeprocessors["mkdocs_extract_anchors"].present_anchor_ids.update(IDS.findall(html))
    return html


IDS = re.compile(r'<[^<>]*\sid="([^"]+)"')


def _free(root: Element) -> None:
    """Let what fences made take the place of the paragraphs that hold it.

    Beside what has headings markdown-exec leaves a line break, and such a paragraph would stay, with blocks inside.
    """
    for paragraph in root.iter("p"):
        if not len(paragraph) and HTML_PLACEHOLDER_RE.fullmatch(alone := (paragraph.text or "").strip()):
            paragraph.text = alone


def _add_line(root: Element, text: str, mark: dict[str, str]) -> None:
    """Say under the title of a chapter what was verified."""
    title = next((place for place, element in enumerate(root) if element.tag == "h1"), None)
    if title is not None and text:
        line = Element("p", {"class": "tp-verified", "data-search-exclude": "", **mark})
        line.text = text
        root.insert(title + 1, line)


@stops
def show_fence(src: str, language: str, md: Markdown, **_: Any) -> str:
    """The superfences formatter of our fences: cells, drawings and tables."""
    view: PageView | None = getattr(md, "torchproof", None)
    try:
        if view is None:
            raise Drift(f"{_file(md)}: the fence `{src}` was rendered, but not read by torchproof")
        marks: Marks = md.torchproof_marks
        if language == "cell":
            return marks.piece(view.cell(src.strip()), f"the cell `{src.strip()}`", view.line)
        return marks.piece(view.fence(language, src), f"the drawing or table `{src.strip()}`", view.line)
    except Drift as drift:
        return complaint(drift)
    except Exception as error:  # superfences would swallow it, and show the fence as text
        return complaint(Drift(f"{view.page.file}: the fence `{src}` was not rendered: {error!r}"))


@stops
def show_error(src: str, language: str, md: Markdown, **_: Any) -> str:
    """The superfences formatter of an error looked up: Markdown of this build, converted as what a fence prints."""
    view: PageView | None = getattr(md, "torchproof", None)
    try:
        if view is None:
            raise Drift(f"{_file(md)}: the fence `{src}` was rendered, but not read by torchproof")
        anchor, text = look_up(view, _build_of(md))
        inner = markdown_exec.base_format(language=language, run=lambda *_, **__: text, code=src, md=md)
        mark = md.torchproof_marks.word
        return f'<section class="tp-error" id="{anchor}" data-search-exclude data-tp="{mark}">{inner}</section>'
    except Drift as drift:
        return complaint(drift)
    except Exception as error:  # superfences would swallow it, and show the fence as text
        return complaint(Drift(f"{_file(md)}: the fence `{src}` was not rendered: {error!r}"))


@stops
def show_generated(*, code: str, md: Markdown, **options: Any) -> str:
    """The markdown-exec formatter of a fence of Python: what its code prints, as Markdown.

    Where markdown-exec would log a warning and go on, this ends the build. Its prefix for ids is left out, for it
    renames links to the cells of the page, too.
    """
    options["id_prefix"] = options["id_prefix"] or ""
    try:
        build = _build_of(md)
        return markdown_exec.base_format(
            language="python", run=lambda code, **_: build.ask(_printed, code), code=code, md=md, **options
        )
    except (Stop, Drift) as stop:  # it says all there is to say
        return complaint(Drift(str(stop)))
    except Exception as error:
        message = f"{_place(md, code)}: this fence raises {type(error).__name__}: {error}"
        return complaint(Drift(f"{message}\n\n{indent(code, '    ')}"))


def _printed(code: str) -> str:
    printed = io.StringIO()
    sys.meta_path.insert(0, NoTorch)
    try:
        with redirect_stdout(printed):
            exec(compile(code, "<fence>", "exec"), {"__name__": "__fence__"})
    except SystemExit as error:
        raise RuntimeError(f"a fence cannot end the build by SystemExit({error})") from None
    finally:
        sys.meta_path.remove(NoTorch)
    return printed.getvalue()


class NoTorch:
    """Finds nothing, and refuses torch: once it has run here, sessions that are forked could hang."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name.partition(".")[0] == "torch":
            raise ImportError("a fence runs in the builder's process, without torch; use a cell, a proof or a table")


def _place(md: Markdown, code: str) -> str:
    """Where a page has a fence, as `docs/x.md:40`."""
    page = _on_disk(_build_of(md), md)
    above, found, _ = page.text.partition(f"\n{code}\n") if page else ("", "", "")
    return f"{_file(md)}:{1 + above.count(chr(10))}" if found else _file(md)


def _has_plugin(md: Markdown) -> bool:
    """Whether MkDocs' plugin is at work, which puts style and script on the site."""
    return "relpath" in md.treeprocessors and "torchproof" in md.treeprocessors["relpath"].config.plugins


@cache
def _look_of_ours() -> str:
    """Style and script, for a page that must be whole by itself."""
    style, script = (
        Path(__file__).with_name("assets").joinpath(f"torchproof.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    style = re.sub(r"/\*.*?\*/|,\s*url\([^)]*\) format\([^)]*\)", "", style, flags=re.S)
    return f"<style>{re.sub(chr(10) + ' *', ' ', style)}</style>\n<script>{script}</script>"


def _build_of(md: Markdown) -> Build:
    """The build of the project that holds MkDocs' configuration file, else the nearest above the working folder."""
    try:
        return build_of(Path(md.treeprocessors["relpath"].config.config_file_path).parent)
    except (KeyError, AttributeError, TypeError):
        return build_of()


def _file(md: Markdown) -> str:
    """The path of the page that is being converted, for a message."""
    return f"{_build_of(md).folders.docs}/{page_name(md)}"


def page_name(md: Markdown) -> str:
    """The path below `docs/` of the page that is being converted, as the builder knows it; empty where it is silent."""
    if "relpath" in md.treeprocessors:  # MkDocs
        return md.treeprocessors["relpath"].file.src_uri
    if "rendering_context" in md.preprocessors:  # Zensical
        return md.preprocessors["rendering_context"].page.path
    return ""


def _on_disk(build: Build, md: Markdown) -> Page | None:
    """The page that is being converted, as the build has read it."""
    return build.current().site.pages.get(page_name(md).removesuffix(".md"))


def _page_of(build: Build, md: Markdown, lines: list[str]) -> Page:
    """The page that is being converted: as it is on disk, or else as another plugin wrote or changed it."""
    name, text = page_name(md).removesuffix(".md"), "\n".join(lines)
    page = _on_disk(build, md)
    if page is None or not page.text.strip().endswith(text.strip()):
        build.came(scan(name, text, file=f"{build.folders.docs}/{name}.md"))
    return build.current().site.pages[name]
