"""Rules that every page and every chapter keeps; each message says what to do."""

import posixpath
import re
import subprocess
from functools import cache

import pytest
from book import SITE
from conftest import BIN, ROOT
from mkdocs.utils import yaml_load
from torchproof.compare.transcript import parse

CHAPTERS = list(SITE.snippets)
LESSONS = [name for name in CHAPTERS if not SITE.snippets[name].is_walkthrough and not name.startswith("verification/")]
"""What tells of the build itself teaches no torch."""
TAUGHT = [name for name in LESSONS if not name.startswith("lookup/")]
"""What is looked up has no exercises."""
PAGES = list(SITE.pages)
TEXTS = [path.relative_to(ROOT).as_posix() for folder in ("docs", "snippets") for path in (ROOT / folder).rglob("*.*")]
TEXTS = sorted(file for file in TEXTS if file.endswith((".md", ".py")))
TRANSCRIPTS = sorted(snippet.transcript() for snippet in SITE.snippets.values())

FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)(?:\{[^}]*\})?")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"(?:!!!|\?\?\?\+?|===) |[#|<]")  # admonition, heading, table, HTML: not prose
MARKER = re.compile(r"^(?:[-*+>]|\d+\.)\s+")
LABEL = re.compile(r"^\*\*[^*]+\*\*\s*")
SENTENCE_END = re.compile(r"(?P<word>\S*[.!?…])[\"'”’*_]*\s+(?=[\"'“‘*_–−-]*[A-ZÀ-Þ0-9`\[])")
ABBREVIATIONS = {"e.g.", "i.e.", "cf.", "etc.", "vs.", "approx.", "No.", "Dr.", "Mr.", "Ms."}


def prose(text):
    """The lines outside fences and comments, with their numbers."""
    text = re.sub(r"<!--.*?-->", lambda comment: re.sub(r"[^\n]", "", comment[0]), text, flags=re.S)
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = FENCE.match(line)
        if not fence and mark:
            fence = mark[1]
        elif not fence:
            yield number, line
        elif mark and mark[1].startswith(fence) and not line.strip(" \t>`~"):
            fence = ""


def sentences_that_go_on(line):
    """The words with which a sentence ends in the middle of a line; parentheses may hold sentences."""
    text = line.strip()
    if BLOCK.match(text):
        return []
    text = LABEL.sub("", MARKER.sub("", text))
    text = LINK.sub("[]", CODE.sub("`", text))
    while (shorter := re.sub(r"\([^()]*\)", "", text)) != text:
        text = shorter
    return [end["word"] for end in SENTENCE_END.finditer(text) if end["word"] not in ABBREVIATIONS]


@cache
def paragraphs(page):
    """The paragraphs of a page that are long enough to say something, with the line where each starts."""
    found, lines, start = {}, [], 0
    for number, line in [*prose(SITE.pages[page].text), (-1, "")]:
        if lines and (not line.strip() or number != start + len(lines)):
            text = " ".join(" ".join(lines).split())
            if len(text.split()) >= 8 and not text.startswith("???"):  # a title is a message, which two cells may raise
                found[text] = start
            lines = []
        if line.strip():
            start = start if lines else number
            lines.append(line)
    return found


def links(page):
    """Where the links of a page lead: addresses, and names of pages."""
    here = posixpath.dirname(page)
    targets = [target for _, line in prose(SITE.pages[page].text) for target in LINK.findall(CODE.sub("`", line))]
    return [
        target
        if "://" in target
        else posixpath.normpath(posixpath.join(here, target.partition("#")[0])).removesuffix(".md")
        for target in targets
    ]


def is_folded(text, line):
    """Whether what stands on a line is at the margin, or below a `???` that is closed at first."""
    lines = text.split("\n")
    if not lines[line - 1].startswith((" ", "\t", ">")):
        return True
    indent = _indent(lines[line - 1])
    for above in reversed(lines[: line - 1]):
        if above.strip() and _indent(above) < indent:
            if above.strip().startswith("??? "):
                return True
            indent = _indent(above)
    return False


def _indent(line):
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())


def _nav(entries):
    for entry in entries:
        for item in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [item] if isinstance(item, str) else _nav(item)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_navigation(page):
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
        listed = list(_nav(yaml_load(file)["nav"]))

    file = SITE.pages[page].file.removeprefix("docs/")
    assert listed.count(file) == 1, (
        f"`nav` of mkdocs.yml lists {file} {listed.count(file)} times; list it once, below its part"
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_one_title(page):
    titles = [number for number, line in prose(SITE.pages[page].text) if re.match(r"# \S", line)]

    assert len(titles) == 1, (
        f"docs/{page}.md has `# ` headings on lines {titles}; a page has one title, its sections start with `## `"
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_has_its_own_line(page):
    long = [
        f"docs/{page}.md:{number}: break the line after {' and after '.join(map(repr, ends))}"
        for number, line in prose(SITE.pages[page].text)
        if (ends := sentences_that_go_on(line))
    ]

    assert not long, "one sentence a line, so that the diff of an edit is the edit:\n" + "\n".join(long)


@pytest.mark.parametrize("page", PAGES)
def test_no_paragraph_stands_on_two_pages(page):
    copies = [
        f"docs/{page}.md:{line} also stands at docs/{other}.md:{paragraphs(other)[text]}: {text[:80]}"
        for text, line in paragraphs(page).items()
        for other in PAGES
        if other != page and text in paragraphs(other)
    ]

    assert not copies, "say it on one page and link to it from the other:\n" + "\n".join(copies)


@pytest.mark.parametrize("chapter", LESSONS)
def test_every_chapter_links_to_the_reference(chapter):
    assert any(target.startswith("https://docs.pytorch.org/") for target in links(chapter)), (
        f"docs/{chapter}.md has no link to https://docs.pytorch.org/; link the first mention of its main function there"
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_links_to_another(chapter):
    assert set(links(chapter)) & (set(CHAPTERS) - {chapter}), (
        f"docs/{chapter}.md links to no other chapter; link a word to the page that explains it, as [views](memory.md)"
    )


@pytest.mark.parametrize("chapter", TAUGHT)
def test_every_chapter_has_three_to_eight_exercises(chapter):
    exercises = [cell.title for cell in SITE.snippets[chapter].cells if "exercise" in cell.tags]

    assert 3 <= len(exercises) <= 8, (
        f"snippets/{chapter}.py has {len(exercises)} cells tagged exercise; 3 to 8 are what a reader does: {exercises}"
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_is_followed_by_its_solution(chapter):
    shown = [cell for cell in SITE.snippets[chapter].cells if cell.is_shown]
    wrong = []
    for cell, below in zip(shown, [*shown[1:], None], strict=True):
        if "exercise" in cell.tags and (below is None or "solution" not in below.tags):
            wrong.append(f"snippets/{chapter}.py:{cell.line - 1}: '{cell.title}' has no solution right below it")
    for above, cell in zip([None, *shown], shown, strict=False):
        if "solution" in cell.tags and (above is None or "exercise" not in above.tags):
            wrong.append(f"snippets/{chapter}.py:{cell.line - 1}: '{cell.title}' has no exercise right above it")

    assert not wrong, "exercise, solution, exercise, solution:\n" + "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_solution_is_folded(page):
    solutions = {
        (name, cell.slug) for name in CHAPTERS for cell in SITE.snippets[name].cells if "solution" in cell.tags
    }
    open_ones = [
        f"docs/{page}.md:{embed.line}: {embed.slug}"
        for embed in SITE.pages[page].embeds
        if (embed.chapter, embed.slug) in solutions and not is_folded(SITE.pages[page].text, embed.line)
    ]

    assert not open_ones, 'put the solution into a folded `??? success "Solution"`:\n' + "\n".join(open_ones)


@pytest.mark.parametrize("file", [*TEXTS, "README.md", "CONTRIBUTING.md"])
def test_nothing_is_left_to_do(file):
    lines = (ROOT / file).read_text(encoding="utf-8").split("\n")
    left = [f"{file}:{n}: {line.strip()}" for n, line in enumerate(lines, 1) if re.search(r"\b(TODO|FIXME)\b", line)]

    assert not left, "do it, or open an issue and delete the note:\n" + "\n".join(left)


@pytest.mark.parametrize("file", TRANSCRIPTS)
def test_no_output_holds_the_version_of_torch(file):
    head, *lines = (ROOT / file).read_text(encoding="utf-8").split("\n")
    version = re.search(r"torch (\d+\.\d+\.\d+)", head)[1]
    printed = [f"{file}:{n}: {line}" for n, line in enumerate(lines, 2) if line[:1] in "|!=x#" and version in line[1:]]

    assert not printed, "a version changes with the installation; compare it in a proof instead:\n" + "\n".join(printed)


def test_the_words_are_spelt_right():
    pages = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))

    done = subprocess.run(
        [BIN / "codespell", *pages, "snippets", "README.md", "CONTRIBUTING.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"codespell knows better:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("The stride is 0. No number is copied.", ["0."]),
        ("Is that all? `view` says so.", ["all?"]),
        ("- One hot. Two cold.", ["hot."]),
        ('    It says "Not here." You ask again.', ["here."]),
        ("See `a.b. C`, [a. B](c.md) and e.g. Torch, version 2.13. ", []),
        ("Read it aloud (it helps. Really.) and go on.", []),
        ("**1. One-hot.** A number becomes a row.", []),
        ("1. Split the pictures.", []),
        ("| A table. | Two cells. |", []),
        ('!!! warning "No error. No warning."', []),
    ],
    ids=[
        "two sentences",
        "a question",
        "in a list",
        "in quotes",
        "code, links and abbreviations",
        "in parentheses",
        "a label",
        "a numbered step",
        "a table",
        "the title of a block",
    ],
)
def test_a_sentence_that_goes_on_is_noticed(line, ends):
    assert sentences_that_go_on(line) == ends


@pytest.mark.parametrize(
    ("block", "folded"),
    [
        ('??? success "Solution"\n\n    HERE', True),
        ('!!! note\n\n    ??? success "Solution"\n\n        HERE', True),
        ('??? success "Solution"\n\n    - a list\n\n        HERE', True),
        ("Text.\n\nHERE", True),
        ('???+ success "Solution"\n\n    HERE', False),
        ('!!! success "Solution"\n\n    HERE', False),
        ("- a list\n\n    HERE", False),
        ("> HERE", False),
        ('??? success "Solution"\n\n    Text.\n\n- a list\n\n    HERE', False),
    ],
    ids=[
        "folded",
        "folded in an open block",
        "list in a fold",
        "at the margin",
        "open fold",
        "admonition",
        "list",
        "quotation",
        "after a fold",
    ],
)
def test_an_open_solution_is_noticed(block, folded):
    line = next(number for number, text in enumerate(block.split("\n"), 1) if "HERE" in text)

    assert is_folded(block, line) is folded


TEXT_AS_CODE = {
    "inside/writes#which-cells-can-be-run-again": "the lesson is that cells are code run again and again",
    "tensors/dtypes#exercise-guess-the-dtype": "the reader fills in an answer for each expression",
    "tensors/dtypes#solution-guess-the-dtype": "as the exercise",
    "inside/randomness#a-program-for-any-processor": "the program runs in other processes, in another environment",
}
"""The shown cells that run code from a string, and why."""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_shown_cell_runs_code_from_a_string(chapter):
    found = [
        f"{chapter}#{cell.slug}"
        for cell in SITE.snippets[chapter].cells
        if cell.is_shown and RUNS_TEXT.search(cell.source)
    ]
    allowed = [name for name in TEXT_AS_CODE if name.startswith(f"{chapter}#")]

    assert sorted(found) == sorted(allowed), (
        "a reader should meet code, not strings of it: show expressions and their values in a ```table fence, "
        "or name the cell in TEXT_AS_CODE, with the reason"
    )


RUNS_TEXT = re.compile(r"(?<![\w.])(?:eval|exec|compile)\(")


SKIPPED = re.compile(
    r"^[|=!] (?=.*\b(gpu|cuda))"
    r".*(\bskip(ped|ping)?\b|\bno (gpu|cuda)\b|(cuda|gpu) (is )?(not|un)\s?available)",
    re.I | re.M,
)
"""Both in one line: torch's schedulers also say "skipping", of a learning rate."""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_output_says_that_there_was_no_gpu_instead_of_a_lesson(chapter):
    """Only a cell that says it is about the CPU's machine, by its tag, may print so."""
    snippet = SITE.snippets[chapter]
    blocks = parse((ROOT / snippet.transcript()).read_text(encoding="utf-8")).cells
    found = [slug for slug, block in blocks.items() if SKIPPED.search("\n".join(block.lines))]

    assert [slug for slug in found if "cpu" not in snippet.cell(slug).tags] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("| skipping: CUDA is not available", True),
        ("! no GPU, skipped", True),
        ("= 'cuda unavailable'", True),
        ("! PyTorch skipping the first value of the learning rate schedule.", False),
        ("| device: cuda", False),
    ],
)
def test_only_a_line_about_a_gpu_says_that_it_was_skipped(line, found):
    assert bool(SKIPPED.search(line)) == found
