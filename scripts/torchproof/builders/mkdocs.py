"""The MkDocs plugin: what pages need to be listed nowhere else, files of pages that are not in docs/, walk-throughs.

Chapters are whole without it, as other builders show them: pictures, style and script then stand within their page.
"""

import gc
import gzip
import logging
import os
import posixpath
import re
import sys
import textwrap
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mkdocs.config.base import Config
from mkdocs.config.config_options import Type
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority, get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_build_date

from ..files import Temporary
from ..model.devices import DEVICES
from ..show.page import Drift
from .build import Build, build_of, complaint, is_serving
from .cards import card
from .jupyter import Walkthrough, use_templates
from .kept import Kept
from .kept import write as write_all
from .lighter import address, lighter
from .markdown import Stop, stops
from .names import addresses
from .notebooks import colab, downloads, take_along, write
from .search import add_errors, add_names
from .sheet import sheet

log = get_plugin_logger(__name__)

__all__ = ["TorchproofPlugin"]


class TorchproofConfig(Config):
    """What stands under `torchproof:` in mkdocs.yml."""

    cards = Type(str, default="")
    """What the picture that a shared link shows says below the title; empty where a site has no such pictures."""
    colab = Type(str, default="")
    """The branch of the repository from which Colab opens notebooks; empty where pages shall not lead there."""


class TorchproofPlugin(BasePlugin[TorchproofConfig]):
    """Registered as `torchproof` in `plugins:` of mkdocs.yml, before `mkdocs-jupyter`."""

    kept: Kept | None = None
    """What a server keeps of each page."""

    def on_startup(self, *, dirty: bool, **_: Any) -> None:
        gc.set_threshold(50_000)  # a build holds what it makes to its end: looking for garbage took a tenth
        self.temporary = Temporary()
        self.folder = Path(self.temporary.path)
        self.is_dirty = dirty
        self.kept = Kept() if not dirty and (is_serving() or not os.environ.get("CI")) else None

    def on_shutdown(self) -> None:
        self.temporary.close()

    @stops
    @event_priority(100)  # markdown-exec asks for what is registered here
    def on_config(self, config: MkDocsConfig) -> None:
        """Register the Markdown extension, style and script, and learn whether others will change pages."""
        for name in ("pymdownx.superfences", "torchproof"):
            if name not in config.markdown_extensions:
                config.markdown_extensions.append(name)
        config.extra_css.insert(0, f"{ASSETS}/torchproof.css")
        config.extra_javascript.insert(0, f"{ASSETS}/torchproof.js")
        logging.getLogger("mkdocs.commands.build").addFilter(_is_news)
        build = _build(config)
        build.begin()
        if Path(config.docs_dir).resolve() != (build.root / build.folders.docs).resolve():
            raise PluginError(f"torchproof reads docs_dir as '{build.folders.docs}': {ELSEWHERE}")
        build.is_patient = bool(config.plugins.events["page_markdown"])
        events = config.plugins.events["files"]
        self.others = [each for each in events if not each.__module__.startswith(("torchproof", "mkdocs_jupyter"))]
        walks = [snippet.file for snippet in build.current().site.snippets.values() if snippet.is_walkthrough]
        if walks and "mkdocs-jupyter" not in config.plugins:
            try:
                from mkdocs_jupyter.plugin import Plugin
            except ImportError:
                raise PluginError(
                    f"{walks[0]}: walk-throughs need mkdocs-jupyter; install torchproof[notebooks]"
                ) from None
            config.plugins["mkdocs-jupyter"] = renders = Plugin()
            renders.load_config({"include": ["*.ipynb"], "ignore": ["*.md"], "cache": False, "toc_depth": 3})

    def on_serve(self, server: LiveReloadServer, *, config: MkDocsConfig, **_: Any) -> None:
        """Build anew when a snippet changes."""
        build = _build(config)
        if (folder := build.root / build.folders.snippets).is_dir():
            server.watch(str(folder))

    @stops
    @event_priority(-100)
    def on_env(self, env: Any, *, config: MkDocsConfig, files: Files, **_: Any) -> None:
        """Every page has come as the other plugins left it: now judge them all."""
        if _build(config).is_patient:
            _build(config).checks()
        if self.kept:
            self.kept.surround(self.nav, files, config)
            self.kept.answer(env)

    @stops
    def on_files(self, files: Files, *, config: MkDocsConfig) -> None:
        """Add style and script; put in place of each walk-through a page that mkdocs-jupyter finds in a notebook."""
        for path in sorted(Path(__file__).with_name("assets").iterdir()):
            files.append(File.generated(config, f"{ASSETS}/{path.name}", abs_src_path=str(path)))
        pages = [file.abs_src_path for file in files.documentation_pages() if file.generated_by is None]
        if not all(Path(path).is_file() for path in pages):
            _build(config).stop()  # MkDocs would wait for a pipe, and end in a traceback for a link that leads nowhere
        for file in files.documentation_pages() if self.is_dirty else ():
            file.is_modified = lambda: True  # by its cells, of which MkDocs, which would leave it as it was, knows none
        walkthroughs = [s for s in _build(config).current().site.snippets.values() if s.is_walkthrough]
        sources = {snippet.file for snippet in walkthroughs}
        transcripts = {snippet.transcript(device) for snippet in walkthroughs for device in DEVICES}
        for file in list(files):
            if _path(file, config) in transcripts:
                files.remove(file)
            elif _path(file, config) in sources:
                files.remove(file)
                file.abs_src_path = str(self._notebook(file))
                files.append(file)

    @stops
    def _before(self, page: Page, *, config: MkDocsConfig, files: Files) -> None:
        """Write the notebook of a walk-through, once its chapter has run; or find the page as it was rendered."""
        page.torchproof = None
        build = _build(config)
        page.torchproof_kept = self.kept.found(build, page) if self.kept else None
        page.torchproof_files = page.torchproof_kept.files if page.torchproof_kept else {}
        site = build.current().site
        snippet = site.snippets.get(_name(page))
        if snippet and snippet.is_walkthrough:
            path = self._notebook(page.file)
            page.file.abs_src_path = str(path)  # once more: mkdocs-jupyter has wrapped the file
            if page.torchproof_kept:
                write(path.parent, {path.name: ""})  # MkDocs reads it
                return
            use_templates(ours=True)
            view = build.view(site.pages[_name(page)])
            view.address = addresses(files, page.file)
            page.torchproof = Walkthrough.of(view, lambda target: _relative(target, page, files))
            write(path.parent, {path.name: page.torchproof.notebook})
        elif page.file.src_uri.endswith(".ipynb"):
            use_templates(ours=False)

    @event_priority(-100)  # after mkdocs-jupyter, which renders walk-throughs
    def _give(self, page: Page, *, config: MkDocsConfig, **_: Any) -> None:
        """Let a page that was rendered be what it was."""
        if page.torchproof_kept:
            page.render = lambda config, files: self.kept.give(page, files, Path(config.site_dir))

    on_pre_page = CombinedEvent(_before, _give)

    def _notebook(self, file: File) -> Path:
        return self.folder / f"{file.src_uri}.ipynb"

    @stops
    def on_page_content(self, content: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        """Finish a walk-through, offer each chapter's files to take away, and describe the page by its first words."""
        known = page.torchproof_kept
        name, checker = _name(page), _build(config).current()
        read = checker.site.pages.get(name)
        if read and read.embeds and not known and any("<" in str(said) for said in page.meta.values()):
            complaint(Drift(f"{read.file}:1: HTML in its metadata, which templates write out as it is; take it out"))
        content = content if known else self._finished(content, page, config, files)
        if first := FIRST.search(content):
            page.meta.setdefault("description", _description(first[1]))
        if name in checker.site.snippets:
            names = take_along(checker.chapter(name), checker.site.root, Path(config.site_dir, _folder(page)))
            content = content if known else self._offering(content, page, config, names)
        if self.kept and not known:
            self.kept.read(page, content)
        return content

    def _finished(self, content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        """A page with its cells, and where they lead."""
        if page.torchproof:
            content = page.torchproof.finished(content)
        elif page.file.src_uri.endswith(".ipynb"):
            content = STORED + content
        return OTHERWISE.sub(lambda link: link[1] + _relative(unescape(link[2]), page, files), content)

    def _offering(self, content: str, page: Page, config: MkDocsConfig, beside: list[str]) -> str:
        """A chapter with links to its files, which are written."""
        name, checker = _name(page), _build(config).current()
        shown, check = checker.site.pages[name], checker.chapter(name)
        offered = {file: text.encode() for file, text in downloads(check, shown, config.site_url).items()}
        if page.meta.get("sheet"):
            printed = sheet(check, shown, config.site_url)
            offered = {f"{posixpath.basename(name)}.pdf": printed, **offered}
        for file, data in offered.items():
            self._write(page, config, posixpath.join(_folder(page), file), data)
        links = _links([*offered, *beside], len(offered), colab(name, config.repo_url, self.config.colab))
        return VERIFIED.sub(lambda line: line[0] + links, content, count=1)

    def _write(self, page: Page, config: MkDocsConfig, path: str, data: bytes) -> str:
        """Write a file of a page, by its path within the site, which it returns."""
        page.torchproof_files[path] = data
        write_all(Path(config.site_dir), {path: data})
        return path

    @event_priority(100)
    def _without_cells(self, context: Any, *, page: Page, config: MkDocsConfig, **_: Any) -> None:
        """Hide the cells from the search: it would read them tag by tag to leave them out, a tenth of a build.

        And draw what a link to the page shows, where a link can be shared.
        """
        if self.config.cards and config.site_url and not is_serving() and page.title:
            drawn = (path for path in page.torchproof_files if path.startswith("assets/cards/"))
            if not (path := next(drawn, "")):
                data = card(unescape(re.sub("<[^>]*>", "", page.title)), self.config.cards)
                path = self._write(page, config, address("cards", "png", data), data)
            page.torchproof_card = path
        self.whole = page.content
        self.found = len(_entries(config))
        known = page.torchproof_kept
        page.content = "" if known and known.entries is not None else CELL.sub("", page.content or "")

    @event_priority(-100)
    def _with_cells(self, context: Any, *, page: Page, config: MkDocsConfig, **_: Any) -> None:
        """Show them again, and add to the index what is said and used in them."""
        page.content = self.whole
        checker, entries, known = _build(config).current(), _entries(config), page.torchproof_kept
        shown = checker.site.pages.get(_name(page))
        if known and known.entries is not None:
            entries += known.entries
        elif shown:
            found = entries[self.found :]
            add_names(found, page.url, shown, checker, page.content)
            if self.kept:
                self.kept.found_by(page, found)
        if shown and len(entries) > self.found:  # the page is to be found
            add_errors(entries, page.url, shown, checker)

    on_page_context = CombinedEvent(_without_cells, _with_cells)

    @event_priority(100)  # before others make the page smaller
    @stops
    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        """Write what of a page lies in files, and drop the blank lines of the template."""
        if self.kept and output == self.kept.html(page):
            self.kept.let_go(page)
            return output
        read = _build(config).current().site.pages.get(_name(page))
        if read and read.embeds and (page.content or "").strip() not in output:
            message = "its template leaves out what the page says; take `template` out of its metadata"
            complaint(Drift(f"{read.file}:1: {message}"))
            read = None

        output = lighter(output, page.url, lambda path, data: self._write(page, config, path, data))
        output = BLANKS.sub(lambda found: found["kept"] or "\n", output)
        if self.kept and read:
            self.kept.wrote(page, output)
        return output

    @stops
    def on_nav(self, nav: Navigation, *, config: MkDocsConfig, files: Files) -> None:
        self.nav = nav
        if self.kept:
            self.kept.begin(_build(config), files, config)
        seen: dict[str, str] = {}
        for file in files:
            path = _path(file, config)
            if file.inclusion.is_included() and seen.setdefault(file.dest_uri, path) != path:
                there = f"has the address of {seen[file.dest_uri]}; rename one"
                complaint(Drift(f"{path}:1: {there}"))
        for page in _build(config).current().site.pages.values():
            file = files.get_file_from_path(f"{page.name}{page.suffix}")
            if page.cards and not self.others and not (file and file.inclusion.is_included()):
                complaint(Drift(f"{page.file}:1: MkDocs leaves it out, so nobody sees its cells; rename or delete it"))

    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """List the pages for language models (llmstxt.org), and take this day out of the sitemap.

        What is built from one commit is one site, whenever and wherever.
        """
        lines = [f"# {config.site_name}", "", f"> {config.site_description or config.site_name}", "", "## Pages", ""]
        for page in self.nav.pages:
            lines.append(f"- [{page.title}]({page.canonical_url or page.url}): {page.meta.get('description', '')}")
        if not (listed := Path(config.site_dir, "llms.txt")).exists():  # the site's own, or of another plugin
            listed.write_text("\n".join([*lines, ""]), encoding="utf-8")
        sitemap = Path(config.site_dir, "sitemap.xml")
        if sitemap.exists():
            today = rf"\s*<lastmod>{get_build_date()}</lastmod>"
            dateless = re.sub(today, "", sitemap.read_text(encoding="utf-8"))
            sitemap.write_text(dateless, encoding="utf-8")
            sitemap.with_suffix(".xml.gz").write_bytes(gzip.compress(dateless.encode(), mtime=0))


ELSEWHERE = "name a folder below that of mkdocs.yml, in a line of its own, `docs_dir: folder`"

ASSETS = "assets/torchproof"
"""Where a site has the style and the script."""


def _is_news(record: logging.LogRecord) -> bool:
    """Whether MkDocs says something beside our report: it would name the page that asked for it first."""
    return not (record.getMessage().startswith("Error reading page") and isinstance(sys.exc_info()[1], Stop))


def _build(config: MkDocsConfig) -> Build:
    return build_of(Path(config.config_file_path).parent)


def _path(file: File, config: MkDocsConfig) -> str:
    """The path of a file, relative to the project's root, as the engine names it."""
    return f"{_build(config).folders.docs}/{file.src_uri}"


def _entries(config: MkDocsConfig) -> list[dict[str, Any]]:
    """What Material's search has found so far; an empty list where it is not at work."""
    return getattr(getattr(config.plugins.get("material/search"), "search_index", None), "entries", [])


def _folder(page: Page) -> str:
    return posixpath.dirname(page.file.dest_uri)


def _name(page: Page) -> str:
    return posixpath.splitext(page.file.src_uri)[0]


def _relative(target: str, page: Page, files: Files) -> str:
    """Where a link of a walk-through leads, relative to its page; MkDocs does this for Markdown only."""
    path, hash_, anchor = target.partition("#")
    if not path or re.match(r"[a-z][a-z+.-]*:|/", target):
        return target
    file = files.get_file_from_path(posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), path)))
    if file is None:
        where = f"{build_of().folders.docs}/{page.file.src_uri}"
        log.warning("%s links to '%s', which is not there", where, target)
        return target
    return file.url_relative_to(page.file) + hash_ + anchor


def _links(names: list[str], offered: int, colab: str) -> str:
    """The line of links under the title of a chapter; what comes after the first `offered` lies beside its snippet."""
    links = []
    for place, name in enumerate(names):
        label = next((label for end, label in OFFERS.items() if name.endswith(end)), "") if place < offered else ""
        links.append(f'<a href="{escape(quote(name))}" download>{label or escape(name)}</a>')
    links += [f'<a href="{escape(colab)}">Open in Colab</a>'] if colab else []
    return f'<p class="tp-take" data-search-exclude>{" · ".join(links)}</p>'


OFFERS = {
    ".pdf": "Download PDF",
    "-class.ipynb": "for class, without solutions",
    ".ipynb": "Download notebook",
    ".py": "Download script",
}
"""The text of a link, by the end of the file's name."""


def _description(paragraph: str) -> str:
    """What a search engine shows of a page: the first words of a paragraph, without markup."""
    return textwrap.shorten(unescape(re.sub("<[^>]*>", "", paragraph)), 160, placeholder=" …")


STORED = '<p class="tp-typed" data-search-exclude>not compared here: a notebook, with the outputs that it stores</p>\n'

FIRST = re.compile("<p>(.*?)</p>", re.S)
"""The first paragraph of a page; what the build says of it has a class."""

OTHERWISE = re.compile(r'(<a class="tp-otherwise" href=")([^"]*)')
"""Where the line under a cell leads that prints otherwise in another torch; MkDocs sees links of Markdown only."""

VERIFIED = re.compile(r'<p class="tp-verified"[^>]*>.*?</p>', re.S)


CELL = re.compile(r'<section class="tp-(?:cell|error)"[^>]* data-search-exclude>.*?</section>', re.S)

BLANKS = re.compile(r"(?P<kept><article.*</article>|<script.*?</script>)|\s*\n\s*", re.S)
"""What lies around the lines of a template: a tenth of a page's bytes. What the page itself says stays as it is."""
