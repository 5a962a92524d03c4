"""Properties: what holds for any transcript, any two runs, any snippet, any page and any text, tried on many."""

from itertools import count

import html5lib
import jupytext
import pytest
from conftest import Project, parse_html
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from markdown import Markdown
from torchproof.compare import recordings, transcript
from torchproof.compare.transcript import Block, Transcript, lines_of, normalised, parse, read_run, same, write
from torchproof.model.cells import Cell, Snippet
from torchproof.model.problems import Problem
from torchproof.model.runs import CellRun, Output
from torchproof.model.text import visible
from torchproof.read.pages import scan
from torchproof.read.snippets import read_snippet
from torchproof.show.card import Card, problems_html
from torchproof.show.xray import Rows

settings.register_profile(
    "book", max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("book")

CELL = Cell("A", "a", "x = 1\ny = 2\n", 2)
VOLATILE = Cell("A", "a", "x = 1\ny = 2\n", 2, frozenset({"volatile"}))
SNIPPET = Snippet("s", "snippets/s.py", "", (CELL, Cell("B", "b", "z = 3\n", 5)))
VERSIONS = {"torch": "2.13.0"}
MACHINE = {"torch": "2.13.0", "gpu": "no hardware", "driver": "none", "float32": "as on the CPU"}

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n"), max_size=30).map(visible)
"""What one line of a session's output may hold."""
ANY = st.text(st.characters(), max_size=60)
LINE = st.one_of(
    st.builds("{} {}".format, st.sampled_from("|!=#@?"), TEXT.filter(bool)), st.sampled_from(["|", "!", "=", "@"])
)
LINES = st.lists(LINE, max_size=6)
SLUG = st.from_regex(r"[\w-]{1,12}", fullmatch=True)


# --- transcripts --------------------------------------------------------------------------------------------------------


@given(TEXT.filter(lambda text: not text.startswith("%% ")), st.dictionaries(SLUG, LINES, max_size=5), st.booleans())
def test_what_is_written_is_read(header, cells, is_recording):
    hashes = ("0123456789ab", "ba9876543210") if is_recording else ()
    blocks = {slug: Block(lines, *hashes) for slug, lines in cells.items()}

    assert parse(write(header, blocks)) == Transcript(header, blocks)


@given(st.lists(st.tuples(st.sampled_from("|!="), st.text(max_size=40).map(visible)), max_size=6))
def test_what_was_run_is_read_from_its_lines(said):
    lines = lines_of(CellRun("a", tuple(Output(mark, text) for mark, text in said if text)))

    assert lines_of(read_run(CELL, lines)) == lines


@given(LINES, LINES)
def test_merging_twice_is_merging_once_and_what_is_equal_is_kept(old, new):
    before = transcript.merge("", SNIPPET, {"a": old, "b": old}, VERSIONS)
    merged = transcript.merge(before, SNIPPET, {"a": new}, VERSIONS)

    assert parse(merged).cells["b"].lines == old
    assert transcript.merge(merged, SNIPPET, {"a": new, "b": old}, VERSIONS | {"torch": "9.0"}) == merged
    assert (merged == before) == same(old, new, CELL)


@given(LINES, LINES, st.data())
def test_no_character_of_a_recording_changes_unseen(first, second, data):
    snippet = Snippet("s", "snippets/s.py", "", SNIPPET.cells)
    text = recordings.merge(None, snippet, "test", {"a": first, "b": second}, MACHINE)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(blacklist_characters=text[place], blacklist_categories=["Cs"]))
    made = recordings.read(text[:place] + other + text[place + 1 :], snippet, "test", "2.13.0")

    whole = recordings.read(text, snippet, "test", "2.13.0")
    assert (whole.count("fresh"), whole.problem) == (2, "")
    assert made.problem or made.count("stale", "missing", "gone", "tampered")


# --- comparing ----------------------------------------------------------------------------------------------------------


@given(LINES, st.sampled_from([CELL, VOLATILE]), st.booleans())
def test_a_run_equals_itself_everywhere(lines, cell, exact):
    assert same(lines, list(lines), cell, exact=exact)
    assert normalised(normalised(lines)) == normalised(lines)


@given(LINES.filter(bool), st.data())
def test_where_numbers_are_exact_every_character_counts(lines, data):
    changed = edited(lines, data, st.characters(blacklist_categories=["Cs"], blacklist_characters="\n"))

    assert not same(lines, changed, CELL, exact=True)


WORD = st.from_regex(r"[a-z]{2,9}", fullmatch=True).filter(lambda word: word not in {"ns", "us", "ms"})
NUMBER = st.one_of(
    st.integers(-999, 999).map(str), st.floats(-99, 99, allow_nan=False).map("{:.4f}".format), st.just("1e-3")
)
WORDS = st.lists(st.one_of(WORD, NUMBER), min_size=1, max_size=6)


@given(WORDS, st.sampled_from("|=!"), st.sampled_from([CELL, VOLATILE]), st.data())
def test_another_letter_counts_in_every_cell_on_every_platform(words, mark, cell, data):
    which = data.draw(st.sampled_from([n for n, word in enumerate(words) if word.isalpha()] or [None]))
    assume(which is not None)
    word = words[which]
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdfghijklmnopqrtuvwxyz").filter(lambda letter: letter != word[place]))
    changed = [*words[:which], word[:place] + letter + word[place + 1 :], *words[which + 1 :]]

    assert not same([f"{mark} {' '.join(words)}"], [f"{mark} {' '.join(changed)}"], cell, exact=False)


@given(WORDS, st.sampled_from("|=!"), st.integers(1, 9), st.data())
def test_elsewhere_a_number_may_differ_by_what_is_printed_and_an_integer_by_nothing(words, mark, step, data):
    which = data.draw(st.sampled_from([n for n, word in enumerate(words) if not word.isalpha()] or [None]))
    assume(which is not None)
    number = words[which]
    if "." in number:
        near, far = (f"{float(number) + step * size:.4f}" for size in (1e-5, 0.1))
    else:
        near, far = number, str(int(number) + step) if number != "1e-3" else "1e-2"
    lines = [[f"{mark} {' '.join([*words[:which], value, *words[which + 1 :]])}"] for value in (number, near, far)]

    assert same(lines[0], lines[1], CELL, exact=False)
    assert not same(lines[0], lines[2], CELL, exact=False)


@given(st.sampled_from("~?"), TEXT, st.sampled_from([CELL, VOLATILE]), st.booleans(), st.data())
def test_every_character_of_a_fact_and_of_a_proof_counts_everywhere(mark, text, cell, exact, data):
    lines = [f"{mark} {text}."]

    assert not same(lines, edited(lines, data, st.sampled_from("0123456789ax -")), cell, exact=exact)


def edited(lines, data, characters):
    """The lines with one character replaced by another, behind the mark where there is one."""
    which = data.draw(st.integers(0, len(lines) - 1))
    line = lines[which]
    place = data.draw(st.integers(min(2, len(line) - 1), len(line) - 1))
    other = data.draw(characters.filter(lambda character: character != line[place]))
    return [*lines[:which], line[:place] + other + line[place + 1 :], *lines[which + 1 :]]


# --- snippets -----------------------------------------------------------------------------------------------------------

CODE = st.sampled_from(
    [
        "x = 1",
        "",
        "",
        "pass",
        "# a comment",
        "    # as before",
        "# %",
        "## %% x",
        "# +",
        "# -",
        "print('# %% x')",
        '"""',
        '"""',
        "x = '''",
        "'''",
        "# %% inside",
        "    # %% indented",
        "# %%% deeper",
        "#%% no blank",
        "#%%",
    ]
)
TITLE = st.from_regex(r"[A-Z][a-z]{0,5}( [a-z0-9+]{1,5}){0,2}", fullmatch=True)
HEAD = st.builds(lambda title, tags: f"# %% {title}{tags}", TITLE, st.sampled_from(["", ' tags=["volatile"]']))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("properties"))


@given(parts=st.lists(st.tuples(HEAD, st.lists(CODE, max_size=5)), min_size=1, max_size=4))
def test_a_snippet_has_the_cells_that_jupytext_reads_or_says_what_is_wrong(project, parts):
    text = "\n".join(line for head, body in parts for line in (head, *body)) + "\n"
    project.write("snippets/s.py", text)
    snippet = read_snippet(project.root, "s")
    notebook = jupytext.reads(text, fmt="py:percent")

    if not snippet.problems:
        theirs = [(cell.metadata.get("title", ""), cell.source.strip("\n")) for cell in notebook.cells]
        assert [(cell.title, cell.source.strip("\n")) for cell in snippet.cells] == theirs


@pytest.mark.parametrize(
    ("line", "place", "says"),
    [
        ("#%% Two", 3, "editors start a cell here"),
        ("    # %% Two", 3, "editors start a cell here"),
        ("# %%% Two", 3, "editors start a cell here"),
        ('"""\n# %% Two\n"""', 1, "the cell leaves a string open"),
    ],
    ids=["no blank", "indented", "three signs", "in a string"],
)
def test_what_an_editor_cuts_otherwise_is_named_at_its_line(project, line, place, says):
    project.write("snippets/s.py", f"# %% One\nx = 1\n{line}\n")

    problem = read_snippet(project.root, "s").problems[0]

    assert (problem.line, problem.message.startswith(says)) == (place, True)


# --- pages --------------------------------------------------------------------------------------------------------------

FENCE = st.builds(
    lambda mark, slug: f"{mark}cell\ns#{slug}\n{mark}",
    st.sampled_from(["```", "````", "~~~"]),
    st.sampled_from("abcde"),
)
PIECE = st.one_of(
    FENCE,
    FENCE.map(lambda fence: '!!! warning "Careful"\n\n' + indented(fence)),
    FENCE.map(lambda fence: "??? info\n\n" + indented("More.\n\n" + fence)),
    FENCE.map(lambda fence: "- an item\n\n" + indented(fence)),
    FENCE.map(lambda fence: "<!-- not now\n" + fence + "\n-->"),
    FENCE.map(lambda fence: "````text\n" + fence.replace("````", "```") + "\n````"),
    st.sampled_from(
        (
            "Words.",
            "A `code`{.proof} span.",
            "## Heading",
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "`` ` ``",
            "<b>bold</b>",
            "```text\n<!-- kept\n```",
            "`<!--` is how one starts",
            "-->",
            "1. one\n2. two",
            "> quoted",
        )
    ),
)


def indented(text):
    return "    " + text.replace("\n", "\n    ")


@settings(max_examples=120)
@given(st.lists(PIECE, min_size=1, max_size=6))
def test_a_page_embeds_the_cells_that_markdown_shows_or_says_what_is_wrong(pieces):
    text = "# Page\n\n" + "\n\n".join(pieces) + "\n"
    page = scan("s", text)
    cards = {"name": "cell", "class": "x", "format": lambda source, *_, **__: f"<var>{source}</var>"}
    extensions = ["admonition", "attr_list", "md_in_html", "tables", "pymdownx.details", "pymdownx.superfences"]
    options = {"pymdownx.superfences": {"custom_fences": [cards]}}
    html = html5lib.parseFragment(Markdown(extensions=extensions, extension_configs=options).convert(text))

    if not page.problems:
        shown = [element.text for element in html.iter("{http://www.w3.org/1999/xhtml}var")]
        assert [f"s#{embed.slug}" for embed in page.embeds] == shown


# --- markup -------------------------------------------------------------------------------------------------------------


@given(ANY, st.sampled_from("|!=x"), ANY)
@example("&lt;\x02wzxhzdk:0\x03</samp></pre><script>", "|", "</code><b>")
def test_whatever_is_printed_is_that_text_and_nothing_else(said, mark, source):
    said = visible(said).replace("\r", "")
    run = CellRun("a", (Output(mark, said),))
    html = parse_html(Card(SNIPPET, Cell("A", "a", source, 2), run, [], [], Rows(count()), {}).html())

    assert html.one("samp").text == said.removesuffix("\n")
    assert {element.tag for element in html.all("")} <= {"section", "div", "pre", "code", "span", "samp"}


@given(ANY, ANY)
def test_a_report_of_drift_is_text(message, diff):
    html = parse_html(problems_html([Problem("a<b>.md", 1, message, diff=diff)]))

    assert {element.tag for element in html.all("")} <= {"div", "p", "code", "pre", "samp"}
    assert visible(message) in html.text
