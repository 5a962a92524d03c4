"""The site as it is on disk: its snippets, pages and recordings, and what is wrong before anything runs."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from . import recording
from .cells import Cell, Snippet, folder_of, read_snippet
from .devices import DEVICES, RECORDED
from .pages import Embed, Page, check_page, read_page
from .problems import Problem, read_text
from .recording import Recording
from .runner import installed
from .walkthrough import read_walkthrough

__all__ = ["Site", "find_root", "transcript_file"]


def find_root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one, from `start` upwards, with `docs/` and `snippets/`.

    Raises:
        FileNotFoundError: there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "docs").is_dir() and (folder / "snippets").is_dir():
            return folder
    raise FileNotFoundError(f"{start}: neither here nor above is a folder with docs/ and snippets/")


def transcript_file(name: str, device: str = "cpu") -> str:
    return f"{folder_of(name)}/{name}.{device}.txt"


@dataclass(frozen=True)
class Site:
    """All snippets and pages of a project, as they are on disk now."""

    root: Path
    snippets: dict[str, Snippet]
    pages: dict[str, Page]

    @classmethod
    def read(cls, root: Path) -> "Site":
        snippets = {name: read_snippet(root, name) for name in _names(root / "snippets", ".py")}
        pages = {name: read_page(root, name) for name in _names(root / "docs", ".md")}
        for name in _names(root / "docs", ".py", below="walkthroughs"):
            snippets[name] = read_snippet(root, name)
            pages[name] = read_walkthrough(root, snippets[name])
        return cls(root, snippets, pages)

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong before anything runs."""
        found = [problem for snippet in self.snippets.values() for problem in snippet.problems]
        found += [problem for page in self.pages.values() for problem in check_page(page, self.snippets)]
        for name, snippet in self.snippets.items():
            if name not in self.pages:
                found.append(Problem(snippet.file, 1, f"no page shows it; write docs/{name}.md", chapter=name))
            if not (self.root / transcript_file(name)).exists():
                message = "no transcript yet"
                found.append(Problem(transcript_file(name), 1, message, chapter=name, acceptable=True))
        for folder, below in (("snippets", ""), ("docs", "walkthroughs")):
            for name in _names(self.root / folder, ".txt", below=below):
                chapter, _, device = name.rpartition(".")
                if chapter not in self.snippets or device not in DEVICES:
                    message = f"a transcript without its snippet {folder}/{chapter}.py; delete it, or rename it along"
                    found.append(Problem(f"{folder}/{name}.txt", 1, message))
        for name, recordings in self.recordings.items():
            for device, made in recordings.items():
                if made.problem:
                    file = transcript_file(name, device)
                    found.append(Problem(file, 1, made.problem, chapter=name, acceptable=True, device=device))
        return found

    @cached_property
    def recordings(self) -> dict[str, dict[str, Recording]]:
        """The recordings of each chapter that has, or waits for, one: by chapter and device."""
        found: dict[str, dict[str, Recording]] = {}
        for name, snippet in self.snippets.items():
            for device in RECORDED:
                path = self.root / transcript_file(name, device)
                text = read_text(path)[0] if path.exists() else None
                if text is not None or any(cell.home == device for cell in snippet.cells):
                    made = recording.read(text, snippet, device, installed().get("torch", "none"))
                    found.setdefault(name, {})[device] = made
        return found

    def claims(self, chapter: str, device: str = "cpu") -> dict[str, dict[str, list[Any]]]:
        """What to evaluate after each cell of a chapter's session on a device: `proofs` and `drawings`, each once.

        They come from all pages. What stands below a cell is evaluated on one device, the cell's home.
        """
        homes = {cell.slug: cell.home for cell in self.snippets[chapter].cells}
        found: dict[str, dict[str, list[Any]]] = {}
        for page in self.pages.values():
            claims: list[tuple[str, Embed | None, Any]] = [("proofs", p.after, p.expression) for p in page.proofs]
            claims += [("drawings", drawing.after, [drawing.kind, drawing.source]) for drawing in page.drawings]
            for kind, after, claim in claims:
                if after and after.chapter == chapter and homes.get(after.slug) == device:
                    known = found.setdefault(after.slug, {"proofs": [], "drawings": []})[kind]
                    if claim not in known:
                        known.append(claim)
        return found

    def place(self, chapter: str, slug: str) -> str:
        """Where a reader sees a cell: on its own page first."""
        pages = sorted(self.pages.values(), key=lambda page: page.name != chapter)
        return next((place for page in pages if (place := page.place(chapter, slug))), "")

    def about(self, snippet: Snippet, cell: Cell, message: str, *, line: int = 0, **fields: Any) -> Problem:
        """A problem of a cell: at its title, or at `line` of it."""
        place = self.place(snippet.name, cell.slug)
        return Problem(
            snippet.file, cell.line - 1 + line, message, place, chapter=snippet.name, slug=cell.slug, **fields
        )


def _names(folder: Path, suffix: str, *, below: str = "") -> list[str]:
    """The files below a folder, as paths without their suffix."""
    paths = (path for path in (folder / below).rglob(f"*{suffix}") if not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix().removesuffix(suffix) for path in paths)
