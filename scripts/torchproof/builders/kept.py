"""What is kept of each page: a save, or the next build, renders what changed, and gives the rest again as it was.

A page is given again when all that it was made of is as it was: its text, what came of the chapters that it shows,
what its fences print and look up now, and everything else that a page can see: the site's configuration, which files
there are, assets, templates, the date. Of the latter nobody asks which page sees what: any change forgets all pages.
What is said of a page while it is rendered is said again, and the files that it writes are written again.

Where somebody takes part whose sources nobody knows, as another plugin or a Markdown extension that reads files,
nothing is kept.
"""

import logging
import os
import posixpath
import re
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_build_date

from .build import Build, is_serving
from .shelf import Rendered, Shelf, Sources

__all__ = ["Kept", "write"]


PARTS = ("title", "toc", "_title_from_render", "present_anchor_ids")
"""What MkDocs and mkdocs-jupyter leave in a page that they render, beside its content."""


class Kept:
    """The pages of one server, or of one build."""

    def __init__(self) -> None:
        self.shelf: Shelf | None = None
        """Where the pages of former builds and servers are; none in CI."""
        self.pages: dict[str, Rendered] = {}
        self.state: object = None
        self.around: object = None
        """What templates say of other pages: their titles, addresses and metadata, and their order."""
        self.made: Rendered | None = None
        """The page that is being rendered."""
        self.ear = _Ear()
        self.compiled = _Compiled()

    def begin(self, build: Build, files: Files, config: MkDocsConfig) -> None:
        """Begin a build: forget all pages unless everything is as it was but for pages and chapters."""
        self.around = None
        telling = (page.name for page in build.current().site.pages.values() if "reports.versions(" in page.text)
        here = next(telling, "")  # where cells lead that did something else in another version
        state = (_own(config), get_build_date(), _listing(files), _templates(config), here)
        state = state if _is_known(config) else None
        if state is None or state != self.state:
            self.pages.clear()
        self.state = state
        self.shelf = Shelf(build, state) if state and build.runner.reads else None

    def surround(self, nav: Navigation, files: Files, config: MkDocsConfig) -> None:
        """Every page has been read: note what the templates of others say of them."""
        there = [file.page for file in files if file.page is not None]
        told = [(page.title, page.url, _without_description(page.meta)) for page in there]
        self.around = (repr(told), str(nav)) if _is_plain(config) else object()

    def found(self, build: Build, page: Page) -> Rendered | None:
        """A page as it was rendered, if it would be the same now; else None, and what becomes of it is noted."""
        self.made, build.asked = None, {}
        self.ear.close()
        name = page.file.src_uri
        now = _sources(build, name) if self.state is not None else None
        known = self.pages.pop(name, None)
        if now is None:
            return None
        known = known or (self.shelf and self.shelf.load(name, now))
        if known and known.sources == now and all(map(_holds, known.asked, known.asked.values())):
            known.sources = now  # the same, and shared with other pages
            self.pages[name] = known
            return known
        self.made = Rendered(now, build.asked)
        self.ear.listen(self.made.said)
        return None

    def read(self, page: Page, content: str) -> None:
        """A page has been rendered, but for its template: keep it, if it is what was read of the disk."""
        made, self.made = self.made, None
        self.ear.close()
        if made is None or not (page.torchproof or made.sources.page.text.strip().endswith(page.markdown.strip())):
            return
        made.of_page = {part: vars(page)[part] for part in PARTS if part in vars(page)}
        made.links = {file.src_uri: anchors for file, anchors in (page.links_to_anchors or {}).items()}
        made.content, made.files = content, page.torchproof_files
        self.pages[page.file.src_uri] = made

    def give(self, page: Page, files: Files, site: Path) -> None:
        """Make a page what rendering made of it before."""
        known: Rendered = page.torchproof_kept
        vars(page).update(known.of_page)
        page.links_to_anchors = {files.get_file_from_path(uri): anchors for uri, anchors in known.links.items()}
        page.content = known.content
        write(site, known.files)
        say(known.said)

    def found_by(self, page: Page, entries: list[dict[str, Any]]) -> None:
        """Keep what the search found on a page."""
        if made := self.pages.get(page.file.src_uri):
            made.entries = entries

    def answer(self, env: Any) -> None:
        """Let templates answer with the page as it was, where nothing around it is another; compile each once."""
        env.bytecode_cache = self.compiled
        get = env.get_template

        def get_template(*arguments: Any, **options: Any) -> Any:
            template = get(*arguments, **options)
            if "render" not in vars(template):
                template.render = partial(self._rendered, template.render)
            return template

        env.get_template = get_template

    def _rendered(self, render: Callable[..., str], context: dict[str, Any]) -> str:
        return self.html(context["page"]) or render(context) if context.get("page") else render(context)

    def html(self, page: Page) -> str:
        """A page as it was written; empty where it was not, or something around it is another now."""
        known: Rendered | None = page.torchproof_kept
        return zlib.decompress(known.html).decode() if known and known.html and known.around == self.around else ""

    def wrote(self, page: Page, html: str) -> None:
        """A page is whole: keep it, if its content is kept."""
        if made := self.pages.get(page.file.src_uri):
            made.html, made.around = zlib.compress(html.encode(), 1), self.around
            if self.shelf:
                self.shelf.save(page.file.src_uri, made)
        self.let_go(page)

    def let_go(self, page: Page) -> None:
        """A page is done: a build needs no more of it."""
        if not is_serving():
            self.pages.pop(page.file.src_uri, None)
            page.torchproof_kept = None


def _sources(build: Build, file: str) -> Sources | None:
    """What a page is made of now; None where that cannot be told."""
    checker = build.current()
    page = checker.site.pages.get(posixpath.splitext(file)[0])
    if page is None or not page.file.endswith(f"/{file}") or checker.site is not build.read:  # or a plugin changed one
        return None
    spans = (span.after for span in (*page.proofs, *page.values) if span.after)
    named = {page.name: None} | {embed.chapter: None for embed in (*page.cards, *spans)}
    known = checker.site.snippets
    chapters = tuple(checker.chapter(name) if name in known else None for name in named)
    return Sources(page, tuple(build.problems_of(page)), chapters)


def write(site: Path, files: dict[str, bytes]) -> None:
    """Write files into a site, by their paths in it."""
    for path, content in files.items():
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def say(said: Iterable[tuple[str, int, str]]) -> None:
    """Log what was logged before."""
    for name, level, message in said:
        logging.getLogger(name).log(level, "%s", message)


def _holds(asked: tuple[Any, ...], got: Any) -> bool:
    """Whether a fence gets now what it got."""
    ask, *arguments = asked
    try:
        return ask(*arguments) == got
    except Exception:  # whatever is wrong, the page says it
        return False


class _Ear(logging.Handler):
    """Notes what is logged."""

    said: list[tuple[str, int, str]]

    def listen(self, said: list[tuple[str, int, str]]) -> None:
        self.said = said
        logging.getLogger("mkdocs").addHandler(self)

    def close(self) -> None:
        """Note no more; logging closes its handlers, too."""
        logging.getLogger("mkdocs").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.name, record.levelno, record.getMessage()))


class _Compiled:
    """Templates as code, by name and file; what Jinja asks of its cache of bytecode."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], SimpleNamespace] = {}

    def get_bucket(self, _: Any, name: str, file: str, source: str) -> SimpleNamespace:
        known = self.found.get((name, file))
        is_same = known is not None and known.source == source
        return known if is_same else SimpleNamespace(place=(name, file), source=source, code=None)

    def set_bucket(self, bucket: SimpleNamespace) -> None:
        self.found[bucket.place] = bucket


# --- what else a page can see -----------------------------------------------------------------------------------------

PLUGINS = {"material/offline", "material/search", "markdown-exec", "mkdocs-jupyter", "torchproof"}
"""Plugins that make of a page the same each time, or the search's entries, which are kept."""

EXTENSIONS = re.compile(
    r"(?:markdown\.extensions\.)?(?:abbr|admonition|attr_list|def_list|extra|fenced_code|footnotes|md_in_html|meta|"
    r"nl2br|sane_lists|smarty|tables|toc)|torchproof(?:\.maths)?|"
    r"pymdownx\.(?:arithmatex|betterem|blocks\.\w+|caret|critic|details|emoji|escapeall|extra|highlight|inlinehilite|"
    r"keys|magiclink|mark|progressbar|saneheaders|smartsymbols|striphtml|superfences|tabbed|tasklist|tilde)"
)
"""Extensions of Markdown that read a page and nothing else."""

OTHERS = re.compile(r"(?<![\w-])(?:nav|pages|next_page|previous_page|parent|ancestors|children)\b(?!\.homepage)")
"""What leads from a page to others, in a template; the first page is on all of them."""


def _is_known(config: MkDocsConfig) -> bool:
    """Whether only those take part of whom it is known what they look at."""
    functions = [name for name in _modules(config.mdx_configs) if not name.startswith(OURS)]
    extensions = all(EXTENSIONS.fullmatch(name) for name in config.markdown_extensions)
    return set(config.plugins) <= PLUGINS and extensions and not functions


OURS = ("markdown_exec.", "material.extensions.", "pymdownx.", "markdown.")


def _modules(told: object) -> Iterable[str]:
    """Where the functions come from that a configuration names."""
    if isinstance(told, dict | list | tuple):
        for each in told.values() if isinstance(told, dict) else told:
            yield from _modules(each)
    elif callable(told):
        yield f"{getattr(told, '__module__', '')}."


def _own(config: MkDocsConfig) -> object:
    """The configuration as it was read, but for where the site goes; another each time where MkDocs does not tell."""
    told = vars(config).get("_Config__user_configs", [{"": object()}])
    return [{name: repr(value) for name, value in part.items() if name != "site_dir"} for part in told], config.site_url


def _listing(files: Files) -> list[tuple[Any, ...]]:
    """Which files there are, and where they go; of those that are no pages also when they were written."""
    return [
        (file.src_uri, file.dest_uri, file.inclusion, None if file.is_documentation_page() else _written(file))
        for file in files
    ]


def _written(file: File) -> object:
    return _stamp(file.abs_src_path) if file.abs_src_path else file.content_bytes


def _stamp(path: str | Path) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _templates(config: MkDocsConfig) -> list[tuple[str, tuple[int, int]]]:
    """The files of the theme and of what overrides it, and when each was written."""
    found = []
    for top in config.theme.dirs:
        for folder, folders, names in os.walk(top, followlinks=True):
            if top != config.theme.custom_dir:  # ten thousand icons
                folders[:] = [each for each in folders if not each.startswith(".")]
            found += [(path, _stamp(path)) for path in (os.path.join(folder, name) for name in names)]
    return found


def _is_plain(config: MkDocsConfig) -> bool:
    """Whether templates say of other pages their titles, addresses and metadata alone: Material's, and no others."""
    own = Path(config.theme.custom_dir).rglob("*.html") if config.theme.custom_dir else ()
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in own)
    return config.theme.name == "material" and not any(OTHERS.search(_code(text)) for text in texts)


def _code(text: str) -> str:
    """What a template computes."""
    return " ".join(re.findall(r"\{[{%].*?[%}]\}", text, re.S))


def _without_description(meta: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a page, but for what is made of its first words."""
    return {name: value for name, value in meta.items() if name != "description"}
