"""Walk-throughs: notebooks in percent format, page and snippet in one file in the folder of pages.

The file is read twice: as a snippet, by its code cells (`snippets.py`), and here as the page that it would be
if its prose were Markdown with a fence for each cell; from there on it is a chapter like any other.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..files import names, read_text, settings
from ..model.cells import Snippet
from ..model.pages import Page
from ..model.problems import Problem
from .pages import scan
from .snippets import HEAD, MARKDOWN

__all__ = ["find_walkthroughs", "read_walkthrough"]


def find_walkthroughs(root: Path) -> list[str]:
    """The Python files below `docs/` that hold a cell, or cannot be read; any other is a file of the site's."""
    docs = root / settings(root).docs
    read = {name: read_text(docs / f"{name}.py") for name in names(docs, ".py")}
    return [name for name, file in read.items() if HEAD.search(file.text) or not file.is_read]


def read_walkthrough(snippet: Snippet) -> Page:
    """The page that a walk-through is; line numbers are those of its file."""
    woven = list(_woven(snippet))
    lines = [(number, text) for number, text in woven if text is not None] or [(1, "")]
    text = "\n".join(text for _, text in lines)
    page = scan(snippet.name, text, file=snippet.file, places=tuple(number for number, _ in lines))
    complaints = [(number, CODE_IN_PROSE) for number, text in woven if text is None]
    if snippet.text and not text.lstrip("\n").startswith("# "):
        complaints.append((1, NO_TITLE))
    wrong = (Problem(snippet.file, number, message, chapter=snippet.name) for number, message in complaints)
    return replace(page, problems=(*wrong, *page.problems))


def _woven(snippet: Snippet) -> Iterator[tuple[int, str | None]]:
    """The lines of the page, each with the line of the file that it comes from; None for code among prose."""
    cells = {cell.line - 1: cell for cell in (*snippet.cells, *snippet.wrong)}
    is_prose = False
    for number, line in enumerate(snippet.text.split("\n"), 1):
        if MARKDOWN.match(line):
            is_prose = True
            yield number, ""
        elif number in cells:
            is_prose = False
            if cells[number].is_shown:
                fence = ["", "```cell", f"{snippet.name}#{cells[number].slug}", "```", ""]
                yield from ((number, part) for part in fence)
        elif is_prose and line.strip() and not line.startswith("#"):
            yield number, None
        elif is_prose:
            yield number, line[1:].removeprefix(" ") if line.startswith("#") else ""


CODE_IN_PROSE = "code in a cell of prose never runs; start the line with `# `, or put `# %% Title` above it"
NO_TITLE = "a walk-through starts with `# %% [markdown]` and its title, `# # Title`"
