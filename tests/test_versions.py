"""What other versions of torch do otherwise: the report, the file of versions, the page and the line under a cell.

No other torch is installed here: a transcript is edited as if another version had written it, so this one differs.
"""

import json
import shutil

import pytest
from conftest import Project, commit_transcripts, parse_html, write_small_site

PAGE = """\
# Versions

```python exec="true" idprefix=""
from torchproof import reports

print(reports.versions("lookup/versions"))
```
"""

FILE = "docs/assets/versions.json"
TRANSCRIPT = "snippets/a/b.cpu.txt"
NOW, THEN = "| total = tensor(102)", "| total = tensor(101)"


def write_site(project: Project) -> None:
    write_small_site(project)
    plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\nuse_directory_urls: true\n"
    project.write("mkdocs.yml", project.read("mkdocs.yml") + plugins)
    more = '\n# %% Their total\ntotal = (column + row).sum()\nprint(f"{total = }")\n'
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + more)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + "\n```cell\na/b#their-total\n```\n")
    project.write("docs/lookup/versions.md", PAGE)
    project.write("docs/assets/changes.json", "[]")
    commit_transcripts(project)


@pytest.fixture(scope="module")
def site(once):
    def make(folder):
        write_site(Project(folder))

    return Project(once("versions", make))


@pytest.fixture
def project(site, tmp_path):
    """A site whose transcript says what another torch would."""
    shutil.copytree(site.root, tmp_path / "site")
    return Project(tmp_path / "site")


def known_as(project: Project, version: str) -> None:
    """A file of versions: this torch, as `version`, printed otherwise than is committed."""
    project.replace(TRANSCRIPT, NOW, THEN)
    project.run("torchproof", "check", "--report", FILE)
    project.replace(TRANSCRIPT, THEN, NOW)
    [found] = json.loads(project.read(FILE)).values()
    text = json.dumps({version: found})
    # what the file calls new is what the site prints now, so the two sides change places
    project.write(FILE, text.replace(f"-{THEN}", f"-{NOW}#").replace(f"+{NOW}", f"+{THEN}").replace(f"{NOW}#", NOW))


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_says_which_lines_of_which_cell_differ(project):
    project.replace(TRANSCRIPT, NOW, THEN)

    done = project.run("torchproof", "check", "--report", "drift.md")

    assert done.returncode == 1
    assert "1 of 3 cells differ, in two runs alike; written to drift.md" in done.stdout
    report = project.read("drift.md")
    assert "1 of 3 cells, in 1 of 1 chapter, differ" in report
    assert (
        f"### their-total\n\nShown at docs/a/b.md:13.\n\n````diff\n ~ 1 total     int64[]          strides ()  contiguous\n-{THEN}\n+{NOW}\n````"
        in report
    )


def test_a_header_of_another_torch_is_no_difference(project):
    header = project.read(TRANSCRIPT).partition("\n")[0]
    project.replace(TRANSCRIPT, header, header.replace("torch 2.", "torch 1."))

    done = project.run("torchproof", "check", "--report", "drift.md")

    assert done.returncode == 0, done.stdout
    assert "0 of 3 cells, in 0 of 1 chapter, differ." in project.read("drift.md")


def test_what_two_runs_do_not_agree_on_is_no_difference(project):
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + "\n# %% By hash\nprint(hash('a') % 10**6)\n")
    project.write(TRANSCRIPT, project.read(TRANSCRIPT) + "\n%% by-hash\n| 0\n")

    project.run("torchproof", "check", "--report", "drift.md")

    report = project.read("drift.md")
    assert "0 of 4 cells" in report
    assert "the cell 'by-hash' has drifted" in report


def test_a_proof_that_is_false_and_a_cell_that_did_not_run_are_in_the_report(project):
    project.replace("docs/a/b.md", "== (0, 1)", "== (1, 1)")
    project.replace("snippets/a/b.py", "total =", "1 / 0\ntotal =")
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + "\n# %% Below\nprint(1)\n")

    project.run("torchproof", "check", "--report", "drift.md")

    report = project.read("drift.md")
    assert "-? row.expand(2, 3).stride() == (0, 1)" not in report
    assert "+? row.expand(2, 3).stride() == (1, 1) is False: left is (0, 1), right is (1, 1)" in report
    assert "+x ZeroDivisionError: division by zero" in report
    assert "1 cell did not run, below one that raised: `a/b#below`" in report


def test_a_file_holds_versions_side_by_side_and_replaces_the_chapters_that_ran(project):
    known_as(project, "2.99.0")
    project.replace(TRANSCRIPT, NOW, THEN)

    project.run("torchproof", "check", "--report", FILE)
    both = json.loads(project.read(FILE))
    project.replace(TRANSCRIPT, THEN, NOW)
    project.run("torchproof", "check", "--report", FILE)
    again = json.loads(project.read(FILE))

    assert list(both)[-1] == "2.99.0"
    assert [len(version["changes"]) for version in both.values()] == [1, 1]
    assert [len(version["changes"]) for version in again.values()] == [0, 1]


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "heading"), [("2.99.0", "From torch 2.99.0 on"), ("1.2.0", "Up to torch 1.2.0")])
def test_the_page_shows_what_a_version_prints_and_the_cell_leads_there(project, version, heading):
    known_as(project, version)
    why = [{"torch": version, "title": "The sum is short", "why": "For a test.", "cells": ["a/b#their-total"]}]
    project.write("docs/assets/changes.json", json.dumps(why))

    built = project.run("mkdocs", "build", "--strict")

    assert built.returncode == 0, built.stdout
    page = parse_html(project.read("site/lookup/versions/index.html"))
    assert [heading in title.text for title in page.all("h2")] == [True]
    assert "The sum is short" in page.one("h3").text
    assert "- total = tensor(102)\n+ total = tensor(101)" in page.one("article").text
    link = parse_html(project.read("site/a/b/index.html")).one("a.tp-otherwise")
    assert link.text == f"Prints otherwise in torch {version}"
    assert link.attributes["href"] == "../../lookup/versions/#a-b-their-total"
    assert [a.attributes["href"] for a in page.all("a") if a.attributes.get("id") == "a-b-their-total"] == [
        "../../a/b/#cell-their-total"
    ]


def test_zensical_shows_the_same(project):
    known_as(project, "2.99.0")

    built = project.run("zensical", "build", "--clean", "--strict")

    assert built.returncode == 0, built.stdout
    assert "From torch 2.99.0 on" in project.read("site/lookup/versions/index.html")
    link = parse_html(project.read("site/a/b/index.html")).one("a.tp-otherwise")
    assert link.attributes["href"] == "../../lookup/versions/#a-b-their-total"


def test_without_a_page_of_versions_no_cell_speaks_of_them(project):
    known_as(project, "2.99.0")
    (project.root / "docs/lookup/versions.md").unlink()

    project.run("mkdocs", "build", "--strict")

    assert "tp-otherwise" not in project.read("site/a/b/index.html")


def test_a_change_of_a_cell_that_is_another_by_now_waits(project):
    known_as(project, "2.99.0")
    project.replace("snippets/a/b.py", "(column + row).sum()", "(column * row).sum()")
    project.replace(TRANSCRIPT, NOW, "| total = tensor(180)")

    built = project.run("mkdocs", "build", "--strict")

    assert built.returncode == 0, built.stdout
    assert "1 change left out" in project.read("site/lookup/versions/index.html")
    assert "tp-otherwise" not in project.read("site/a/b/index.html")


def test_what_this_torch_does_too_when_it_is_installed_in_that_way_is_nobodys_change(project):
    known_as(project, "2.99.0")
    known = json.loads(project.read(FILE))
    ours = project.read(TRANSCRIPT).partition(" · torch ")[2].split()[0]
    project.write(FILE, json.dumps(known | {ours: known["2.99.0"]}))

    project.run("mkdocs", "build", "--strict")

    assert "From torch" not in project.read("site/lookup/versions/index.html")
    assert "tp-otherwise" not in project.read("site/a/b/index.html")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (FILE, "their-total", "no-total", "'a/b#no-total' does under torch 2.99.0, and there is no such cell"),
        ("docs/assets/changes.json", "their-total", "row-plus-column", "take the cell out of the note"),
        ("docs/assets/changes.json", "2.99.0", "2.98.0", "take the cell out of the note"),
    ],
    ids=["a cell that is gone", "a note about another cell", "a note about another version"],
)
def test_what_is_about_nothing_fails_the_build_with_a_way_out(project, file, old, new, says):
    known_as(project, "2.99.0")
    note = {"torch": "2.99.0", "title": "T", "why": "W.", "cells": ["a/b#their-total"]}
    project.write("docs/assets/changes.json", json.dumps([note]))
    project.write(file, project.read(file).replace(old, new))

    built = project.run("mkdocs", "build", "--strict")

    assert built.returncode == 1
    assert says in built.stdout
