"""Rendered pages: what each was made of, what became of it, and how the next build or server finds it on disk.

An entry answers one key: a hash of what its page is made of, of all that is installed, and of this engine. A torn,
older or foreign entry is a miss; CI asks for none. An entry is data, and nothing in it runs, but for questions that
fences ask, which are functions of this engine.
"""

import base64
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.toc import AnchorLink, TableOfContents

from ..compare.check import ChapterCheck
from ..files import digest, read_text, sealed, unsealed, write_whole
from ..model import pages, wire
from ..model.problems import Problem
from .build import Asked, Build, is_serving

__all__ = ["Rendered", "Shelf", "Sources"]


@dataclass(frozen=True)
class Sources:
    """What a page is made of, but for what its fences ask of all others."""

    page: pages.Page
    problems: tuple[Problem, ...]
    """What is wrong with it and the chapters that it shows."""
    chapters: tuple[ChapterCheck | None, ...]


@dataclass
class Rendered:
    """A page as it was rendered."""

    sources: Sources
    asked: Asked
    """What its fences asked of the whole build, and what they got."""
    said: list[tuple[str, int, str]] = field(default_factory=list)
    """What was logged of it meanwhile: by whom, how grave, what."""
    of_page: dict[str, Any] = field(default_factory=dict)
    """What rendering left in MkDocs' page."""
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    """Its links to anchors, by the file that they lead to."""
    content: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """What it wrote, by path within the site."""
    entries: list[dict[str, Any]] | None = None
    """What the search found on it."""
    around: object = None
    """What stood around it in its template, see `Kept.around`."""
    html: bytes = b""
    """The whole page, as it is written; compressed, for a build holds all that it gives again."""


class Shelf:
    """The rendered pages of a project on disk, a server's beside a build's."""

    def __init__(self, build: Build, state: object) -> None:
        """`state` is what all pages are made of, beside pages and chapters; its `repr` tells it from others."""
        self.build = build
        self.folder = build.root / ".cache" / "pages" / ("served" if is_serving() else "built")
        self.state = digest(repr((state, _software(), read_text(build.root / "pyproject.toml").text)))
        self.checks: dict[int, tuple[ChapterCheck, str]] = {}
        """The hash of each check, by its id."""

    def load(self, name: str, sources: Sources) -> Rendered | None:
        """A page as it was rendered of the same sources; None where nobody knows."""
        try:
            told = json.loads(unsealed(self._file(name).read_text(encoding="utf-8")))
            return self._rendered(sources, **told["page"]) if told.get("key") == self._key(name, sources) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def save(self, name: str, rendered: Rendered) -> None:
        """Keep a page, if it is all words and can be written."""
        parts = {part: value for part, value in vars(rendered).items() if part != "sources"}
        parts["asked"] = [
            (ask.__module__, ask.__qualname__, [None if each is self.build else each for each in arguments], got)
            for (ask, *arguments), got in rendered.asked.items()
        ]
        try:
            body = json.dumps({"key": self._key(name, rendered.sources), "page": parts}, default=_plain)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._file(name), sealed(body))
        except (OSError, TypeError, ValueError):
            return

    def _file(self, name: str) -> Path:
        return self.folder / digest(name)[:32]

    def _key(self, name: str, sources: Sources) -> str:
        page, checks = sources.page, [check and self._of(check) for check in sources.chapters]
        return digest(repr((self.state, name, page.file, page.text, sources.problems, checks)))

    def _of(self, check: ChapterCheck) -> str:
        if id(check) not in self.checks:
            snippet = check.snippet
            told = (snippet.file, snippet.text, snippet.beside, check.problems, check.merged, check.recordings)
            cells = {slug: replace(cell, seconds=0.0) for slug, cell in check.run.cells.items()}
            self.checks[id(check)] = check, digest(repr(told) + wire.dump(replace(check.run, cells=cells)))
        return self.checks[id(check)][1]

    def _rendered(self, sources: Sources, *, asked: Any, **parts: Any) -> Rendered:
        made = Rendered(sources, {}, **parts)
        for module, name, arguments, got in asked:
            if not module.startswith("torchproof."):
                raise ValueError(f"{module} is none of ours")
            known = (self.build if each is None else each for each in arguments)
            made.asked[getattr(sys.modules[module], name), *known] = _tuple(got)
        made.said, made.around = list(map(tuple, made.said)), _tuple(made.around)
        made.files = {path: base64.b64decode(data) for path, data in made.files.items()}
        made.html = base64.b64decode(made.html)
        for part, back in (("toc", lambda told: TableOfContents(_links(told))), ("present_anchor_ids", set)):
            if made.of_page.get(part) is not None:
                made.of_page[part] = back(made.of_page[part])
        return made


def _plain(value: Any) -> Any:
    """A part of a page as JSON knows it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, TableOfContents):
        return list(value)
    if isinstance(value, AnchorLink):
        return value.title, value.id, value.level, value.children
    raise TypeError(f"{type(value)} is no part of a page")


def _links(told: Iterable[Any]) -> list[AnchorLink]:
    found = []
    for title, anchor, level, children in told:
        found.append(link := AnchorLink(title, anchor, level))
        link.children = _links(children)
    return found


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


@cache
def _software() -> str:
    """Hash of what renders pages: this engine, and what is installed."""
    engine = [path for path in sorted(Path(__file__).parents[1].rglob("*")) if path.suffix != ".pyc" and path.is_file()]
    folders = [path for path in sys.path if os.path.isdir(path)]
    there = sorted(name for path in folders for name in os.listdir(path) if name.endswith(("-info", ".pth")))
    return digest(repr((sys.version, there, [path.read_bytes() for path in engine])))
