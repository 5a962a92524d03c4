"""Tables of values: each expression is evaluated, its value recorded and compared; what cannot be evaluated is told."""

import json
import re

import pytest
from conftest import Project, commit_transcripts, parse_html, write_small_site
from torchproof.model.drawings import Table

SNIPPET = """\
# %% Tensors
import torch

grid = torch.arange(6).view(2, 3)
mask = grid > 3
texts = ["<b>bold</b> & | `code` $x$", "\\x1b[31m", "\\u202etxt", "a\\n\\nb"]


class Says:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


grid
"""

TABLE = """\
the sum | grid.sum()
doubled | grid * 2
no view | grid.t().view(6)
either | mask | (grid < 1)
"""

LINES = """\
@ table
@   the sum | grid.sum()
@   = tensor(15)
@   doubled | grid * 2
@   = tensor([[ 0,  2,  4],
@   =         [ 6,  8, 10]])
@   no view | grid.t().view(6)
@   x RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans \
across two contiguous subspaces). Use .reshape(...) instead.
@   either | mask | (grid < 1)
@   = tensor([[ True, False, False],
@   =         [False,  True,  True]])
"""


UNLABELLED = "grid.sum()\n| mask | mask\n(mask | mask).sum()"

HOSTILE = "\n".join(f"Says(texts[{place}])" for place in range(4))

REFUSED = {
    "a name that is not there": (
        "gird.sum()",
        "`gird.sum()` raises NameError: name 'gird' is not defined; write one expression on each line, of names that",
    ),
    "no Python": ("grid.sum(", "`grid.sum(` raises SyntaxError: '(' was never closed; write one expression on each"),
    "a statement": ("x = grid", "`x = grid` raises SyntaxError: invalid syntax"),
    "no row": ("", "it has no row; write `expression` or `label | expression` on each line"),
    "a long value": ("'x' * 700", "the value of `'x' * 700` has 702 characters; a table takes 600: ask for less of it"),
    "one label missing": (
        "sum | grid.sum()\ngrid",
        "the row `grid` has no label, others have; write `label | grid` or `| grid`",
    ),
    "code for a label": ("(grid > 1) | mask", "write words, or `| (grid > 1) | mask` where the bar is Python's"),
    "an end of Python": ("grid\nquit()", "raises SystemExit"),
}


def write_tables(project, *tables, cell="drawn#tensors"):
    """A page with a cell and a fence for each of `tables`, the first one on line 7."""
    write_small_site(project)
    project.write("snippets/drawn.py", SNIPPET)
    fences = "\n".join(f"```table\n{rows.strip()}\n```\n" for rows in tables)
    project.write("docs/drawn.md", f"# Page\n\n```cell\n{cell}\n```\n\n{fences}")


@pytest.fixture(scope="session")
def site(accepted):
    """A site with tables, built."""
    return accepted("tables", lambda project: write_tables(project, TABLE, UNLABELLED, HOSTILE), is_built=True)


@pytest.fixture(scope="module")
def tables(site):
    """Each table of the built page as the texts of its cells, row by row."""
    found = parse_html(site.read("site/drawn/index.html")).all("table.tp-rows")
    return [[[cell.text for cell in row.children] for row in table.one("tbody").all("tr")] for table in found]


@pytest.fixture(scope="module")
def refusals(once):
    """What `torchproof check` says of all that no table can show."""

    def make(folder):
        project = Project(folder)
        write_tables(project, *(rows for rows, _ in REFUSED.values()))
        commit_transcripts(project)
        (folder / "said").write_text(project.run("torchproof", "check").stdout, encoding="utf-8")

    return (once("refused-tables", make) / "said").read_text(encoding="utf-8")


def test_the_values_are_recorded(project):
    assert LINES in project.read("snippets/drawn.cpu.txt")
    assert project.run("torchproof", "check").returncode == 0


def test_the_page_shows_labels_code_and_values(tables):
    sums, doubled, no_view, either = tables[0]

    assert sums == ["the sum", "grid.sum()", "tensor(15)"]
    assert doubled == ["doubled", "grid * 2", "tensor([[ 0,  2,  4],\n        [ 6,  8, 10]])"]
    assert no_view[2].startswith("RuntimeError: view size is not compatible")
    assert either[1] == "mask | (grid < 1)"


def test_a_table_without_labels_has_two_columns(tables):
    assert [row[:-1] for row in tables[1]] == [["grid.sum()"], ["mask | mask"], ["(mask | mask).sum()"]]


def test_whatever_a_value_holds_stays_text(tables, site):
    assert [row[-1] for row in tables[2]] == ["<b>bold</b> & | `code` $x$", "␛[31m", "⟨U+202E⟩txt", "a\n\nb"]
    assert "@   = ␛[31m\n" in site.read("snippets/drawn.cpu.txt")


def test_a_screen_reader_hears_what_each_cell_is(site):
    table = parse_html(site.read("site/drawn/index.html")).all("table.tp-rows")[0]

    assert table.one("caption").text == "Evaluated after the cell above"
    assert [head.attributes["scope"] for head in table.all("th")] == ["col", "col", "row", "row", "row", "row"]


def test_search_does_not_find_a_table(site):
    index = json.loads(site.read("site/search/search_index.json"))

    assert not [entry for entry in index["docs"] if "doubled" in entry["text"]]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("snippets/drawn.py", "arange(6)", "arange(1, 7)"),
        ("snippets/drawn.cpu.txt", "@   = tensor(15)", "@   = tensor(16)"),
        ("snippets/drawn.cpu.txt", "dimension spans", "dimension span"),
        ("snippets/drawn.cpu.txt", "@   the sum | ", "@   a sum | "),
        ("docs/drawn.md", "the sum | ", "a sum | "),
        ("docs/drawn.md", "grid.sum()", "grid.sum(dim=None)"),
        ("docs/drawn.md", "the sum | grid.sum()\ndoubled | grid * 2", "doubled | grid * 2\nthe sum | grid.sum()"),
        ("docs/drawn.md", "the sum | grid.sum()\n", ""),
        ("docs/drawn.md", "either |", "again | grid.sum()\neither |"),
        ("docs/drawn.md", "```table", "```text"),
    ],
    ids=[
        "a changed cell",
        "a changed value",
        "a changed error",
        "a changed label, in the transcript",
        "a changed label, on the page",
        "a changed expression",
        "a changed order",
        "a dropped row",
        "an added row",
        "a dropped table",
    ],
)
def test_what_changes_is_drift(changed, file, old, new):
    (drift,) = changed(file, old, new)

    assert drift.acceptable
    assert "has drifted from snippets/drawn.cpu.txt" in drift.message


def test_what_changes_nothing_is_no_drift(changed):
    assert changed("docs/drawn.md", "the sum | grid.sum()", "  the sum  |  grid.sum()") == []


def test_all_doors_say_the_same(project):
    project.replace("docs/drawn.md", "grid.sum()", "grid.prod()")

    for door in (["torchproof", "check"], ["mkdocs", "build"], ["pytest", "snippets"]):
        done = project.run(*door)
        assert done.returncode != 0, door
        assert "+@   = tensor(0)" in done.stdout, done.stdout


def test_accepting_drift_makes_it_right_again(project):
    project.replace("docs/drawn.md", "grid.sum()", "grid.prod()")

    accepted = project.run("torchproof", "accept")

    assert accepted.returncode == 0, accepted.stdout
    assert "@   the sum | grid.prod()\n@   = tensor(0)\n" in project.read("snippets/drawn.cpu.txt")
    assert project.run("torchproof", "check").returncode == 0


def test_a_random_value_is_not_accepted(small_site):
    write_tables(small_site, "torch.rand(2)")

    accepted = small_site.run("torchproof", "accept", "-k", "drawn")

    assert accepted.returncode != 0
    assert not (small_site.root / "snippets/drawn.cpu.txt").exists()


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_table_can_show_says_where_what_and_the_way_out(refusals, name):
    above = [rows for rows, _ in list(REFUSED.values())[: list(REFUSED).index(name)]]
    line = 7 + sum(rows.count("\n") + 4 for rows in above)

    (said,) = [text for text in refusals.split("\n\n") if text.startswith(f"docs/drawn.md:{line}: the table: ")]

    assert REFUSED[name][1] in said
    assert "(after the cell 'tensors')" in said


def test_a_table_above_every_cell_is_told(small_site):
    write_tables(small_site)
    small_site.write("docs/drawn.md", "# Page\n\n```table\ngrid\n```\n\n```cell\ndrawn#tensors\n```\n")

    checked = small_site.run("torchproof", "check")

    assert "docs/drawn.md:3: the table stands above every cell, so there is nothing to evaluate it in" in checked.stdout


def test_a_table_below_a_cell_of_another_device_is_told(small_site):
    write_tables(small_site, "grid", cell="drawn#on-the-gpu")
    small_site.write("snippets/drawn.py", '# %% On the GPU tags=["cuda"]\nimport torch\n\ngrid = torch.ones(2)\n')

    checked = small_site.run("torchproof", "check")

    place = "docs/drawn.md:7: the table stands below the cell 'on-the-gpu', which the CPU does not run"
    assert f"{place}; put it below one that it runs" in checked.stdout


def test_a_notebook_holds_the_table(project):
    done = project.run("torchproof", "notebooks", "taken")

    assert done.returncode == 0, done.stdout
    cells = ["".join(cell["source"]) for cell in json.loads(project.read("taken/drawn.ipynb"))["cells"]]
    rows = [line for cell in cells for line in cell.split("\n") if line.startswith("| ")]
    hostile = next(row for row in rows if "<b>bold</b>" in row)
    outside = re.sub(r"(`+).*?(?<!`)\1(?!`)", "", hostile)
    assert not re.search(r"[<$*]", outside), "a notebook would take it for markup or a formula"
    assert outside.count("|") == 3, "a bar would end the column"


def test_a_label_is_what_stands_before_the_first_bar_outside_brackets():
    table = Table.of("at -1 | 1\nmean (all) | 3 | 4\n| 5 | 2", eval, {})

    assert [(row.label, row.expression, row.value) for row in table.rows] == [
        ("at -1", "1", "1"),
        ("mean (all)", "3 | 4", "7"),
        ("", "5 | 2", "7"),
    ]


def test_a_bar_within_a_string_ends_no_label():
    (row,) = Table.of('"a | b".upper()', eval, {}).rows

    assert (row.label, row.value) == ("", "'A | B'")
