"""The drift museum: quotations beside what this build prints, and a score that follows from them."""

import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from book import SITE
from conftest import ROOT, Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.museum import Exhibit, exhibits
from torchproof.compare.check import ChapterCheck, check_chapter
from torchproof.model.cells import Cell, Snippet
from torchproof.model.runs import CellRun, Output, Run
from torchproof.run.runner import Runner

TOLD = json.loads((ROOT / "docs/assets/museum.json").read_text(encoding="utf-8"))

SNIPPET = """\
# %% A sum tags=["remove-cell"]
print(2**0 + 2**0)

# %% A pair tags=["remove-cell"]
[1,  2]
"""
PAGE = """\
# Museum

```python exec="1"
from torchproof import reports

print(reports.museum.score())
print()
print(reports.museum.tutorials())
print()
print(reports.museum.reasons())
print()
print(reports.museum.room("old"))
```
"""
SMALL = {
    "kinds": {"chance": {"name": "chance", "says": "Nobody seeded it."}},
    "tutorials": [
        {
            "key": "old",
            "name": "An old page",
            "written": "torch 0.1",
            "outputs": [
                {"cell": "a-sum", "printed": "2"},
                {"cell": "a-pair", "printed": "[3, 4]", "why": "chance"},
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def template(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\n"
        extensions = "  - admonition\n  - pymdownx.details\n  - tables\n  - md_in_html\n"
        text = project.read("mkdocs.yml").replace("markdown_extensions:\n", f"markdown_extensions:\n{extensions}")
        project.write("mkdocs.yml", text + plugins)
        project.write("snippets/lookup/museum.py", SNIPPET)
        project.write("docs/lookup/museum.md", PAGE)
        project.write("docs/assets/museum.json", json.dumps(SMALL))
        commit_transcripts(project)

    return once("museum", make)


@pytest.fixture
def site(template, tmp_path):
    return Project(shutil.copytree(template, tmp_path / "museum"))


def page_of(project):
    done = project.run("mkdocs", "build")
    assert done.returncode == 0, done.stdout
    return parse_html(project.read("site/lookup/museum/index.html"))


@pytest.fixture(scope="module")
def check():
    with Runner(ROOT) as runner:
        return check_chapter(SITE, runner, "lookup/museum")


@pytest.fixture
def hall(check):
    """The real outputs, by tutorial."""
    return exhibits(TOLD, check)


def fates(found):
    return Counter(one.fate for ones in found.values() for one in ones)


def test_every_output_of_the_tutorials_is_there(hall):
    assert {key: len(ones) for key, ones in hall.items()} == {
        "foundations": 20,
        "mindnote": 29,
        "notes": 37,
        "prose": 0,
        "variables": 0,
    }


def test_whatever_does_not_come_out_again_has_a_reason(hall):
    assert [one.code for ones in hall.values() for one in ones if not one.again and not one.why] == []


def test_every_cell_that_shows_something_stands_beside_a_quotation(check):
    quoted = {output.get("cell") for one in TOLD["tutorials"] for output in one["outputs"]}
    shown = {slug for slug, run in check.run.cells.items() if run.outputs and not check.snippet.cell(slug).is_shown}

    assert shown - quoted == set()


def test_a_changed_quotation_moves_the_score_by_one(check):
    before = fates(exhibits(TOLD, check))
    changed = json.loads(json.dumps(TOLD).replace("0.0461", "0.0462", 1))

    after = fates(exhibits(changed, check))

    assert after["again"] == before["again"] - 1


def test_another_result_moves_the_score_by_one(check):
    before = fates(exhibits(TOLD, check))
    cells = check.run.cells | {"notes-ones": CellRun("notes-ones", (Output("=", "tensor([1., 1., 1., 2.])"),))}

    after = fates(exhibits(TOLD, replace(check, run=replace(check.run, cells=cells))))

    assert after["again"] == before["again"] - 1


def test_the_page_counts_what_it_shows(site):
    page = page_of(site)

    text = " ".join(page.one("article").text.split())
    assert "Of the 2 outputs in 1 older tutorials, 1 came out again in this build, on torch " in text
    assert "Chance: 1. Nobody seeded it." in text
    lost, kept = page.all(".tp-museum")
    assert [cell.text for cell in lost.one("tbody").one("tr").children] == ["[1,  2]", "[3, 4]", "[1, 2]chance"]
    assert [cell.text for cell in kept.one("tbody").one("tr").children] == ["print(2**0 + 2**0)", "2"]
    assert page.one("details").one("summary").text == "1 output came out again"
    row = page.all("table")[0].one("tbody").one("tr")
    assert [cell.text for cell in row.all("td")] == ["An old page", "torch 0.1", "2", "1", "0", "1"]


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("docs/assets/museum.json", '"[3, 4]"', '"[ 1,\\n2]"', 2),
        ("docs/assets/museum.json", '"2"', '"3"', 0),
    ],
    ids=["a quotation that comes out after all", "a quotation that no longer does"],
)
def test_the_score_of_a_build_follows_the_quotations(site, file, old, new, again):
    site.replace(file, old, new)

    assert f"{again} came out again" in page_of(site).one("article").text


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "snippets/lookup/museum.py",
            "# %% A sum",
            "# %% A sun",
            "snippets/lookup/museum.py has no cell 'a-sum'; did you mean 'a-sun'?",
        ),
        ("docs/assets/museum.json", '"why": "chance"', '"why": "chanse"', "no kind 'chanse'; did you mean 'chance'?"),
    ],
    ids=["a cell that is gone", "a reason that nobody knows"],
)
def test_what_the_file_names_in_vain_fails_the_build(site, file, old, new, said):
    site.replace(file, old, new)
    commit_transcripts(site)

    done = site.run("mkdocs", "build")

    assert done.returncode == 1
    assert f"docs/assets/museum.json: {said}" in done.stdout


@pytest.mark.parametrize(
    ("printed", "today", "again"),
    [
        ("tensor([1, 2])", "tensor([1,\n        2])", True),
        ("a … z", "a b\nc z", True),
        ("a …", "b a", False),
        ("tensor([1.0])", "tensor([1x0])", False),
        ("tensor([1, 2])", "tensor([1, 2], dtype=torch.int32)", False),
    ],
    ids=["spaces", "a gap", "another start", "a dot", "another type"],
)
def test_spaces_do_not_count_and_all_else_does(printed, today, again):
    assert Exhibit("", printed, today).again is again


def test_an_address_is_never_the_same():
    cell = Cell("An address", "an-address", "object()", 2, frozenset({"remove-cell"}))
    run = Run({"an-address": CellRun("an-address", (Output("=", "<object at 0x7f2ddf6dfb10>"),))})
    told = {"kinds": {}, "tutorials": [{"key": "a", "outputs": [{"cell": "an-address"}]}]}
    told["tutorials"][0]["outputs"][0]["printed"] = "<object at 0x7f2ddf6dfb10>"

    ((one,),) = exhibits(told, ChapterCheck(Snippet("a", "a.py", "", (cell,)), run, [], "")).values()

    assert one.today == "<object at 0x…>"
    assert not one.again
