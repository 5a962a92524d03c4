"""The X-ray shows what the run recorded, at the names that were bound to it, and nothing else."""

import json
import re
from dataclasses import replace
from itertools import count

import pytest
from conftest import Project, commit_transcripts, parse_html, write_small_site
from torchproof.compare.site import Site
from torchproof.model.runs import Fact
from torchproof.run.runner import Runner
from torchproof.show.xray import Rows, xray

SNIPPET = """\
# %% Make
import torch

grid = torch.arange(6).view(2, 3)
turned = grid.t()
mean = grid.float().mean()

# %% Rebind
grid = grid * 2
grid += 1
print(grid)

# %% Own names
def double(grid):
    return grid * 2


shapes = [turned.shape for turned in (grid, grid)]
short = lambda mean: mean
print(f"{turned.shape}", double(grid).shape)

# %% Gone
del turned
mean = "no tensor"
print(mean)
turned = grid.t()

# %% Loop
total = torch.zeros(2)
for step in range(2):
    total = total + step
"""

SLUGS = ("make", "rebind", "own-names", "gone", "loop")


@pytest.fixture(scope="session")
def site(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("snippets/states.py", SNIPPET)
        project.write("docs/states.md", "# Page\n\n" + "\n".join(f"```cell\nstates#{slug}\n```\n" for slug in SLUGS))
        commit_transcripts(project)
        done = project.run("mkdocs", "build", "--strict")
        assert done.returncode == 0, done.stdout

    return Project(once("states", make))


@pytest.fixture(scope="module")
def page(site):
    return parse_html(site.read("site/states/index.html"))


@pytest.fixture(scope="module")
def run(site):
    read = Site.read(site.root)
    chapter = read.snippets["states"]
    with Runner(site.root, cached=True) as runner:
        return chapter, runner.run(read.job(chapter, chapter.cells, "cpu")).cells


def card(page, slug):
    return next(cell for cell in page.all("section.tp-cell") if cell.attributes["id"] == f"cell-{slug}")


def rows(page):
    """Every row of every X-ray: its id, and its cells under their headings."""
    found = {}
    for table in page.all("table"):
        heads = [head.text for head in table.one("thead").all("th")]
        for row in table.one("tbody").all("tr"):
            found[row.attributes["id"]] = dict(zip(heads, [cell.text for cell in row.children], strict=True))
    return found


def linked(page, slug):
    """The linked names of a cell, each with the row it leads to."""
    return [(name.text, rows(page)[name.attributes["href"][1:]]) for name in card(page, slug).all("a.xr")]


def test_a_row_holds_what_was_recorded(page):
    turned = next(row for row in rows(page).values() if row["name"] == "turned")

    assert turned == {
        "name": "turned",
        "line": "4",
        "dtype": "int64",
        "shape": "(3, 2)",
        "strides": "(1, 3)",
        "layout": "not contiguous",
        "shares storage with": "grid",
    }


def test_a_column_stands_where_a_row_says_something(page):
    heads = {slug: [head.text for head in card(page, slug).one("thead").all("th")] for slug in ("make", "loop")}

    assert heads["make"][6:] == ["shares storage with"]
    assert heads["loop"][6:] == []


def test_every_recorded_state_is_a_row_and_every_row_is_recorded(site, page):
    facts = re.findall(r"^~ (\d+) (\S+) +(?!gone)(\w+)\[", site.read("snippets/states.cpu.txt"), re.M)

    assert [(row["name"], row["dtype"]) for row in rows(page).values()] == [fact[1:] for fact in facts]


def test_a_row_names_the_line_of_the_statement_that_was_recorded(site, page):
    recorded = re.findall(r"^~ (\d+) (\S+) +(?!gone)\w+\[", site.read("snippets/states.cpu.txt").split("%%")[1], re.M)
    lines = {"2": "3", "3": "4", "4": "5"}  # by statement: below the import stands a blank line

    found = [(row["line"], row["name"]) for row in list(rows(page).values())[: len(recorded)]]

    assert found == [(lines[statement], name) for statement, name in recorded]
    assert len(found) == 3


def test_a_name_that_is_rebound_shows_both_states(page):
    made, doubled, _ = [row for row in rows(page).values() if row["name"] == "grid"]

    written, read = linked(page, "rebind")[:2]

    assert written == ("grid", doubled)
    assert read == ("grid", made)


def test_names_of_functions_comprehensions_and_strings_are_their_own(page):
    assert [name for name, _ in linked(page, "own-names")] == ["grid"], "only the argument of the call"


def test_a_name_that_is_gone_is_no_link(page):
    names = linked(page, "gone")

    assert [(name, row["line"]) for name, row in names if name == "turned"] == [("turned", "4")]
    assert "mean" not in [name for name, _ in names]


def test_a_name_in_a_loop_shows_its_last_state(page):
    assert {row["line"] for name, row in linked(page, "loop") if name == "total"} <= {"1", "3"}
    assert [row["name"] for row in rows(page).values()].count("total") >= 1


def test_an_imported_module_is_no_tensor(page):
    assert "torch" not in [name for name, _ in linked(page, "make")]


def test_every_link_leads_to_a_row_of_its_name(page):
    for slug in SLUGS:
        for name, row in linked(page, slug):
            assert row["name"] == name


def test_a_changed_fact_is_a_changed_row(run):
    chapter, cells = run
    cell, done = chapter.cells[0], cells["make"]
    code = "<code>" + cell.shown_source + "</code>"
    other = tuple(replace(fact, dtype=fact.dtype.replace("int64", "float16")) for fact in done.facts)

    _, table = xray(cell, code, done, Rows(count()))
    _, changed = xray(cell, code, replace(done, facts=other), Rows(count()))

    assert changed == table.replace("<td>int64</td>", "<td>float16</td>")
    assert changed != table


@pytest.mark.parametrize(
    ("state", "walk"),
    [
        ({"shape": (3, 2), "strides": (1, 3)}, [[3, 2], [1, 3]]),
        ({"shape": (2,), "strides": (3,), "offset": 1, "storage": 6}, [[2], [3], 1, 6]),
        ({"shape": (2, 3), "strides": (0, 1), "storage": 3}, [[2, 3], [0, 1], 0, 3]),
        ({"shape": (48,), "strides": (0,), "storage": 24}, [[48], [0], 0, 24]),
        ({"shape": (5, 5), "strides": (5, 1)}, None),
        ({"shape": (49,), "strides": (0,), "storage": 1}, None),
        ({"shape": (2, 3), "strides": (24, 8), "in_bytes": True}, None),
        ({"shape": (), "strides": ()}, None),
        ({"shape": (2, 3), "layout": "sparse_coo", "strides": None}, None),
    ],
    ids=[
        "a transpose",
        "a slice",
        "an expand",
        "as large as can be drawn",
        "a large storage",
        "too many reads",
        "an array of NumPy's",
        "a single number",
        "a sparse tensor",
    ],
)
def test_a_row_says_how_its_tensor_walks_its_storage_where_that_can_be_drawn(run, state, walk):
    chapter, cells = run
    done = replace(cells["make"], facts=(Fact(1, "x", dtype="int64", **state),))

    _, table = xray(chapter.cells[0], "<code></code>", done, Rows(count()))

    row = parse_html(table).one("tbody").one("tr")
    assert json.loads(row.attributes.get("data-walk", "null")) == walk


def test_a_row_names_all_that_share_its_memory(run):
    chapter, cells = run
    fact = Fact(1, "x", dtype="int64", shape=(2,), strides=(1,), same=("twin",), shares=("part", '"<&'))

    _, table = xray(chapter.cells[0], "<code></code>", replace(cells["make"], facts=(fact,)), Rows(count()))

    assert parse_html(table).one("tbody").one("tr").attributes["data-mates"] == 'twin,part,"<&'


def test_without_facts_there_is_no_link_and_no_table(run):
    chapter, cells = run
    cell = chapter.cells[0]
    code = f"<code>{cell.shown_source}</code>"

    assert xray(cell, code, replace(cells["make"], facts=()), Rows(count())) == (code, "")


def test_a_changed_state_in_a_transcript_is_drift(site, tmp_path):
    project = copied(site, tmp_path)
    project.replace("snippets/states.cpu.txt", "strides (1, 3)", "strides (3, 1)")

    checked = project.run("torchproof", "check")

    assert checked.returncode == 1
    assert re.search(r"^[ |]*-~ 3 turned .*strides \(3, 1\)", checked.stdout, re.M), checked.stdout
    assert re.search(r"^[ |]*\+~ 3 turned .*strides \(1, 3\)", checked.stdout, re.M), checked.stdout


def copied(site, folder):
    """The site's sources in another folder."""
    project = Project(folder)
    for file in ("mkdocs.yml", "docs/index.md", "docs/states.md", "snippets/states.py", "snippets/states.cpu.txt"):
        project.write(file, site.read(file))
    return project
