"""Walk-throughs: notebooks in percent format, page and snippet in one file, `docs/walkthroughs/<name>.py`.

The file is read twice: as a snippet, by its code cells (`cells.py`), and here as the page that it would be
if its prose were Markdown with a fence for each cell; from there on it is a chapter like any other.
"""

from pathlib import Path

from .cells import MARKDOWN, Snippet
from .pages import Page, scan
from .problems import Problem, read_text

__all__ = ["read_walkthrough"]


def read_walkthrough(root: Path, snippet: Snippet) -> Page:
    """The page that a walk-through is; line numbers are those of its file."""
    text, _ = read_text(root / snippet.file)
    cells = {cell.line - 1: cell for cell in snippet.cells}
    woven: list[tuple[int, str]] = []
    problems: list[Problem] = []
    prose = False
    for number, line in enumerate(text.split("\n"), 1):
        if MARKDOWN.match(line):
            prose = True
            woven.append((number, ""))
        elif number in cells:
            prose = False
            if cells[number].shown:
                fence = ["", "```cell", f"{snippet.name}#{cells[number].slug}", "```", ""]
                woven += [(number, part) for part in fence]
        elif prose and line.startswith("#"):
            woven.append((number, line[1:].removeprefix(" ")))
        elif prose and line.strip():
            problems.append(Problem(snippet.file, number, CODE_IN_PROSE, chapter=snippet.name))
        elif prose:
            woven.append((number, ""))
    if not prose and not woven:
        woven.append((1, ""))
    page = scan(snippet.name, "\n".join(line for _, line in woven), suffix=".py", numbers=[n for n, _ in woven])
    problems += page.problems
    title = next((line for _, line in woven if line.strip()), "")
    if not title.startswith("# "):
        message = "a walk-through starts with `# %% [markdown]` and its title, `# # Title`"
        problems.append(Problem(snippet.file, 1, message, chapter=snippet.name))
    return Page(page.name, page.text, page.embeds, page.proofs, page.drawings, tuple(problems), page.suffix)


CODE_IN_PROSE = "code in a cell of prose never runs; start the line with `# `, or put `# %% Title` above it"
