"""What commands say to who uses them: which chapters, what to read, what differs in two environments."""

import sys

import pytest
from conftest import Project, parse_html, write_small_site
from torchproof.builders.commands import chosen
from torchproof.compare import transcript
from torchproof.compare.site import Site
from torchproof.model.cells import Cell

TOTAL = """
# %% Their total
import html5lib

total = (column + row).sum()
print(f"{total = }")

# %% Half of it
total / 2
"""
PAGE = """
Below stands a number.

```cell
a/b#their-total
```

It is one hundred and two.
Nobody added it by hand.

| what | number |
| --- | ---: |
| rows | two |

## Next

```cell
a/b#half-of-it
```

This is about another cell.
"""
NOW, THEN = "| total = tensor(102)", "| total = tensor(101)"
TRANSCRIPT = "snippets/a/b.cpu.txt"


def write_site(project: Project) -> None:
    write_small_site(project)
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + TOTAL)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + PAGE)


@pytest.fixture(scope="module")
def site(accepted):
    return accepted("commands", write_site)


# --- which chapters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (["a/b"], ["a/b"]),
        (["b"], ["a/b", "a/bc", "b"][2:]),
        (["a"], ["a/b", "a/bc"]),
        (["a/bc", "b"], ["a/bc", "b"]),
        ([], ["a/b", "a/bc", "b"]),
    ],
)
def test_a_chapters_whole_name_means_that_chapter_and_a_part_all_that_hold_it(tmp_path, said, names):
    site = Site(tmp_path, dict.fromkeys(["a/b", "a/bc", "b"]), {})

    assert chosen(site, said) == names


# --- what to read -----------------------------------------------------------------------------------------------------


def test_accept_lists_the_sentences_below_a_drifted_cell_down_to_the_next_cell(project):
    project.replace(TRANSCRIPT, NOW, THEN)

    done = project.run("torchproof", "accept")

    assert done.returncode == 0, done.stdout
    _, _, said = done.stdout.partition("Read again, for the cell above comes out otherwise:\n")
    assert said.split("\n")[:-2] == [
        "docs/a/b.md:19: It is one hundred and two.",
        "docs/a/b.md:20: Nobody added it by hand.",
        "docs/a/b.md:24: | rows | two |",
    ]


@pytest.mark.parametrize("change", ["nothing", "a new cell", "no transcript"])
def test_accept_asks_for_nothing_to_be_read_again_where_no_cell_drifted(project, change):
    if change == "a new cell":
        project.replace(TRANSCRIPT, "%% their-total", "%% what-was-its-name")
    elif change == "no transcript":
        (project.root / TRANSCRIPT).unlink()

    done = project.run("torchproof", "accept")

    assert "Read again" not in done.stdout
    assert (f"git diff; new: {TRANSCRIPT}" in done.stdout) == (change == "no transcript")


def test_a_build_that_stops_names_no_page_that_has_nothing_to_do_with_it(project):
    project.replace(TRANSCRIPT, NOW, THEN)

    done = project.run("mkdocs", "build", "--quiet")

    assert done.returncode == 1
    assert "the cell 'their-total' has drifted" in done.stdout
    assert "Error reading page" not in done.stdout


def test_the_line_of_a_chapter_names_the_version_of_what_its_cells_import(project):
    built = project.run("mkdocs", "build", "--quiet")

    assert built.returncode == 0, built.stdout
    line = parse_html(project.read("site/a/b/index.html")).one("p.tp-verified").text
    assert " · html5lib 1." in line
    assert line.count("torch ") == 1


def test_what_a_version_says_of_the_build_is_no_drift():
    cell = Cell("A", "a", "", 1)

    assert transcript.same(["= '2.13.0+cpu'"], ["= '2.13.0+cu130'"], cell)
    assert not transcript.same(["= '2.13.0+cpu'"], ["= '2.14.0+cpu'"], cell)


# --- what differs -----------------------------------------------------------------------------------------------------


def test_an_environment_that_does_what_another_reported_differs_in_nothing(project):
    project.replace(TRANSCRIPT, NOW, THEN)  # what both do otherwise than committed
    project.run("torchproof", "check", "--report", "a.json")

    done = project.run("torchproof", "compare", "a.json", sys.executable)

    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("\n0 of 4 cells differ\n")
    assert "A: torch " in done.stdout


def test_two_reports_that_differ_are_told_cell_by_cell_and_headers_do_not_count(project):
    header = project.read(TRANSCRIPT).partition("\n")[0]
    project.run("torchproof", "check", "--report", "a.json")
    project.replace(TRANSCRIPT, header, header.replace("torch 2.", "torch 1."))
    project.replace(TRANSCRIPT, NOW, THEN)
    project.run("torchproof", "check", "--report", "b.json")

    done = project.run("torchproof", "compare", "a.json", "b.json")

    assert done.returncode == 1
    assert "a/b#their-total   docs/a/b.md:15\n  A: as committed\n  B:\n" in done.stdout
    assert f"    -{THEN}\n    +{NOW}\n" in done.stdout
    assert done.stdout.endswith("\n1 of 4 cells differ\n")


@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("nowhere/python", "No such file or directory: 'nowhere/python'"),
        ("nothing.json", "nothing.json: there is no report"),
        ("torn.json", "torn.json"),
    ],
)
def test_a_side_that_cannot_be_asked_is_named(project, side, said):
    project.write("torn.json", "{")

    done = project.run("torchproof", "compare", side, side)

    assert done.returncode == 2
    assert said in done.stdout
    assert "Traceback" not in done.stdout
