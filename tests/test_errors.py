"""Errors looked up: an `error` fence shows what a cell of this build raised, why, and what ran instead."""

import json
import re
import shutil

import pytest
from book import SITE
from conftest import ROOT, Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.errors import entries
from torchproof.compare.check import Checker
from torchproof.compare.site import Site
from torchproof.read.pages import CITED, blocks, error_parts
from torchproof.run.runner import Runner

WARNING = """
# %% A warning
warnings.warn("five is \\x1b[1m<odd>\\x1b[0m")
"""
SNIPPET = f"""

# %% The same with other numbers tags=["raises-exception"]
import warnings

seven = torch.ones(7)
seven + torch.ones(2, 5)

# %% Two errors in a table
five = torch.arange(5)
{WARNING}
# %% Nothing of the kind
fine = row + column
"""
CHAPTER = """
```cell
a/b#the-same-with-other-numbers
```

```table
torch.ones(2, 7) + torch.ones(5)
```

```cell
a/b#two-errors-in-a-table
```

```table
five.view(2, 3)
five[9]
```

```cell
a/b#a-warning
```

```cell
a/b#nothing-of-the-kind
```
"""
LOOKUP = """\
# Look up

```error
a/b#sizes-that-never-meet
Sizes are compared **from the right**, see [the chapter](a/b.md).
stretch it | torch.ones(4, 3) + torch.ones(3)
as here | a/b#nothing-of-the-kind
```

```error
a/b#two-errors-in-a-table: five[9]
There is no ninth.
the last | five[-1]
```

```python exec="true"
from torchproof import reports

print(reports.errors_listed("lookup", "a/b#two-errors-in-a-table", "a/b#sizes-that-never-meet"))
```

## The rest

```python exec="true"
from torchproof import reports

print(reports.errors_unexplained("lookup"))
```
"""
WORDINGS = """[{"now": "The size of tensor a (…) must match …", "was": "inconsistent <tensor> size", "seen": "torch 0.1", "source": "https://example.org"}]"""


def write_site(folder) -> Project:
    project = Project(folder)
    write_small_site(project)
    plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\n"
    project.write("mkdocs.yml", project.read("mkdocs.yml") + plugins)
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + SNIPPET)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + CHAPTER)
    project.write("docs/lookup.md", LOOKUP)
    project.write("docs/assets/wordings.json", WORDINGS)
    return project


@pytest.fixture(scope="module")
def site(once):
    def make(folder):
        project = write_site(folder)
        commit_transcripts(project)
        built = project.run("mkdocs", "build", "--strict")
        assert built.returncode == 0, built.stdout

    return Project(once("errors", make))


@pytest.fixture(scope="module")
def page(site):
    return parse_html(site.read("site/lookup/index.html")).one("article")


@pytest.fixture(scope="module")
def entry(page):
    return next(each for each in page.all("section.tp-error") if each.attributes["id"] == "error-sizes-that-never-meet")


def test_an_entry_has_the_message_of_this_build_and_the_code_that_raised_it(entry):
    heading = entry.one("h3")

    assert heading.one("small").text == "RuntimeError"
    assert heading.one("samp").text.startswith("The size of tensor a (2) must match the size of tensor b (3)")
    assert entry.all("code")[0].text.strip() == "torch.ones(4, 2) + torch.ones(3)"


def test_an_entry_says_why_and_what_ran_instead(site, entry):
    assert "Sizes are compared from the right, see the chapter." in entry.text
    assert [link.attributes["href"] for link in entry.all("a") if link.text == "the chapter"] == ["../a/b/"]
    assert "stretch it" in entry.text
    assert "torch.ones(4, 3) + torch.ones(3)" in [code.text.strip() for code in entry.all("code")]
    assert entry.one("pre.tp-error__value").text.startswith("tensor([[2., 2., 2.],")
    assert "@   stretch it | torch.ones(4, 3) + torch.ones(3)" in site.read("snippets/a/b.cpu.txt")
    assert "fine = row + column" in entry.text


def test_an_entry_leads_to_its_cell_and_has_what_older_versions_said(entry):
    links = {link.text: link.attributes["href"] for link in entry.all("a")}

    assert links["Broadcasting"] == "../a/b/#cell-sizes-that-never-meet"
    assert links["torch 0.1"] == "https://example.org"
    assert "inconsistent <tensor> size" in entry.text


def test_a_row_of_a_table_is_an_entry_with_the_kind_of_its_tensors(page):
    row = next(each for each in page.all("section.tp-error") if "two-errors" in each.attributes["id"])

    assert row.one("h3").one("samp").text == "index 9 is out of bounds for dimension 0 with size 5"
    assert row.all("code")[0].text.strip() == "five[9]"
    assert row.one("p.tp-error__kinds").text == "five int64[5]"


def test_a_list_leads_to_entries_in_the_order_of_its_cells(page):
    links = [item.one("a").attributes["href"] for item in page.one("ol").all("li")]

    assert links == ["./#error-two-errors-in-a-table", "./#error-sizes-that-never-meet"]


def test_what_no_entry_explains_lands_in_the_last_section(page):
    said = [item.one("samp").text for item in page.all("ul")[-1].all("li")]

    assert said == ["shape '[2, 3]' is invalid for input of size 5", "five is <odd>"]


def test_the_search_has_one_entry_for_an_error_whatever_its_numbers(site):
    found = [
        each for each in re.findall(r'"location":"([^"]*)"', site.read("site/search/search_index.json")) if "#" in each
    ]

    assert "lookup/#error-sizes-that-never-meet" in found
    assert [each for each in found if "sizes" in each or "numbers" in each] == ["lookup/#error-sizes-that-never-meet"]
    assert "a/b/#cell-a-warning" in found


def test_a_message_is_shown_and_searched_without_the_colours_of_a_terminal(site, page):
    found = json.loads(site.read("site/search/search_index.json"))["docs"]

    assert "␛[1m<odd>␛[0m" in site.read("snippets/a/b.cpu.txt")
    assert "␛" not in page.text
    assert "five is &lt;odd&gt;" in next(each["title"] for each in found if each["location"] == "a/b/#cell-a-warning")


def test_an_entry_is_no_place_where_its_cell_is_shown(site):
    pages = Site.read(site.root).pages

    assert pages["lookup"].place("a/b", "sizes-that-never-meet") == ""
    assert pages["a/b"].place("a/b", "sizes-that-never-meet").startswith("docs/a/b.md:")


@pytest.fixture
def look_up(site, tmp_path):
    """`look_up(page)` gives the entries of a page of error fences, in order."""
    project = Project(shutil.copytree(site.root, tmp_path / "site"))

    def entries_of(text):
        project.write("docs/lookup.md", "# Look up\n\n" + text)
        with Runner(project.root, cached=True) as runner, Checker(Site.read(project.root), runner) as checker:
            return [entries(checker)[place] for place in sorted(entries(checker))]

    return entries_of


def test_an_error_is_of_the_entry_that_names_its_row_before_one_that_names_the_cell(look_up):
    sizes, ninth = look_up("""\
```error
a/b#sizes-that-never-meet
a/b#two-errors-in-a-table
Nothing is stretched.
```

```error
a/b#two-errors-in-a-table: five[9]
a/b#two-errors-in-a-table: five.view(2, 3)
There are five.
```
""")

    assert {said.slug for said in sizes.said} == {"sizes-that-never-meet"}
    assert [said.code for said in ninth.said] == ["five[9]", "five.view(2, 3)"]


def test_an_error_that_a_table_repeats_is_that_of_the_cell_above_it(look_up):
    (sizes,) = look_up("""\
```error
a/b#the-same-with-other-numbers
Nothing is stretched.
```
""")

    assert sizes.said[0].code == "seven + torch.ones(2, 5)"


def test_entries_of_one_cell_have_an_address_each(look_up):
    found = look_up("""\
```error
a/b#two-errors-in-a-table: five[9]
There is no ninth.
```

```error
a/b#two-errors-in-a-table: five.view(2, 3)
Five are not six.
```
""")

    assert [entry.anchor for entry in found] == ["error-two-errors-in-a-table", "error-two-errors-in-a-table-2"]


CELL = "a/b#sizes-that-never-meet\n"
WRONG = {
    "a cell that raises nothing": (
        CELL,
        "a/b#nothing-of-the-kind\n",
        "raises no error and no warning of its own; name one",
    ),
    "no such cell": (CELL, "a/b#sizes-that-never-met\n", "did you mean 'sizes-that-never-meet'?"),
    "a row that repeats its cell": (
        CELL,
        f"{CELL}a/b#the-same-with-other-numbers: torch.ones(2, 7) + torch.ones(5)\n",
        "raises no error and no warning of its own",
    ),
    "no such row": ("five[9]\n", "five[8]\n", "raises no error and no warning of its own; did you mean 'five[9]'?"),
    "one error twice": (
        "a/b#two-errors-in-a-table: five[9]\nThere is no ninth.\nthe last | five[-1]",
        "a/b#the-same-with-other-numbers\nThe same.\nadd one number | seven + 1",
        "make one entry of the two",
    ),
    "no reason": ("There is no ninth.\n", "", "say why it happens"),
    "no way out": ("the last | five[-1]\n", "", "and what to write instead"),
    "a way out that raises": ("five[-1]", "five[-9]", "`five[-9]` is no way out, it raises IndexError"),
    "a cell that raises as a way out": (
        "as here | a/b#nothing-of-the-kind",
        "as here | a/b#the-same-with-other-numbers",
        "is no way out, it raises",
    ),
    "a list without an entry": ('lookup", "a/b#two-errors', 'lookup", "a/b#three-errors', "no error fence explains"),
}
"""What is changed of the page, and what the build says."""


@pytest.mark.parametrize("case", WRONG)
def test_an_entry_that_does_not_hold_fails_the_build_with_a_way_out(tmp_path, case):
    old, new, message = WRONG[case]
    project = write_site(tmp_path)
    project.replace("docs/lookup.md", old, new)
    commit_transcripts(project)

    built = project.run("mkdocs", "build", "-q")

    assert built.returncode == 1
    assert message in built.stdout
    assert "docs/lookup.md:" in built.stdout


def test_with_its_cell_an_error_goes(tmp_path):
    project = write_site(tmp_path)
    for file in ("snippets/a/b.py", "docs/a/b.md"):
        text = project.read(file).replace(WARNING, "")
        project.write(file, text.replace("```cell\na/b#a-warning\n```\n", ""))
    commit_transcripts(project)

    built = project.run("mkdocs", "build", "-q")

    assert built.returncode == 0, built.stdout
    assert "five is" not in project.read("site/lookup/index.html")


def test_a_cell_that_no_longer_raises_fails_its_entry(tmp_path):
    project = write_site(tmp_path)
    project.replace("snippets/a/b.py", 'meet tags=["raises-exception"]\ntorch.ones(4, 2)', "meet\ntorch.ones(4, 3)")
    commit_transcripts(project)

    built = project.run("mkdocs", "build", "-q")

    assert built.returncode == 1
    assert (
        "`a/b#sizes-that-never-meet` raises no error and no warning of its own; name one that does, or delete"
        in built.stdout
    )


# --- the pages of this book -------------------------------------------------------------------------------------------

FENCES = [
    (page, block) for page in SITE.pages.values() for block in blocks(page.text.split("\n")) if block.info == "error"
]


def test_the_book_explains_at_least_110_errors(site_folder):
    pages = sorted({page.name for page, _ in FENCES})
    said = [
        heading.text
        for name in pages
        for heading in parse_html((site_folder / name / "index.html").read_text(encoding="utf-8")).all("h3")
    ]

    assert len(said) == len(FENCES)
    assert len(set(said)) >= 110


@pytest.mark.parametrize(("page", "block"), FENCES, ids=lambda each: getattr(each, "name", None) or each.body[0])
def test_no_message_is_typed_into_an_entry(page, block):
    cell = CITED.search(block.body[0])
    chapter, slug = SITE.snippets[cell["chapter"]], cell["slug"]
    transcript = (ROOT / chapter.transcript()).read_text(encoding="utf-8")
    (said,) = re.findall(rf"^%% {re.escape(slug)}\n(.*?)(?=^%% |\Z)", transcript, re.S | re.M)
    messages = re.findall(r"^[x!@] +(?:x )?[\w.]+(?:Error|Warning): (.{20,})$", said, re.M)

    _, words, _ = error_parts(block.body)

    assert not [message for message in messages for line in words if message in line]
