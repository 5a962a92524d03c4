"""The cheat sheet as a PDF: the lines of its page with their values, two sheets, the same bytes wherever it is made."""

import io
import shutil

import pytest
from conftest import ROOT, Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.pdf import Text, pdf

pypdf = pytest.importorskip("pypdf")

PAGE = """\
---
sheet: true
---

# Lines

## Rows

[Broadcasting](a/b.md#row-plus-column)

```cell
lines#a-row
```

```table
row + 1
row[:, None]
{0}
```
"""


@pytest.fixture(scope="module")
def template(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("mkdocs.yml", project.read("mkdocs.yml") + "site_url: https://here.test/book/\n")
        project.replace("mkdocs.yml", "watch:", "plugins: [search, torchproof]\nwatch:")
        project.write("snippets/lines.py", "# %% A row\nimport torch\n\nrow = torch.tensor([1, 2])\n")
        project.write("docs/lines.md", PAGE.format("row.shape"))
        commit_transcripts(project)

    return once("sheet", make)


@pytest.fixture
def site(template, tmp_path):
    return Project(shutil.copytree(template, tmp_path / "site"))


def built(project):
    done = project.run("mkdocs", "build", "--strict")
    assert done.returncode == 0, done.stdout
    return (project.root / "site/lines/lines.pdf").read_bytes()


def texts(content):
    return [sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(content), strict=True).pages]


def links(content):
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return [link.get_object()["/A"]["/URI"] for page in pages for link in page["/Annots"]]


def test_a_line_of_the_pdf_is_code_with_its_value_behind_it(site):
    content = built(site)

    (text,) = texts(content)
    assert text.split("\n")[1:] == [
        "Rows",
        "import torch",
        "row = torch.tensor([1, 2])",
        "row + 1 # tensor([2, 3])",
        "row[:, None] # tensor([[1], [2]])",
        "row.shape # torch.Size([2])",
    ]
    assert links(content) == ["https://here.test/book/a/b/#row-plus-column"]


def test_the_page_offers_the_pdf(site):
    built(site)

    offered = parse_html(site.read("site/lines/index.html")).one(".tp-take").all("a")
    assert (offered[0].attributes["href"], offered[0].text) == ("lines.pdf", "Download PDF")


def test_two_builds_in_two_places_are_the_same_bytes(site, template, tmp_path):
    other = Project(shutil.copytree(template, tmp_path / "another place"))

    assert built(site) == built(other)


def test_a_value_that_does_not_fit_behind_its_code_stands_below(site):
    site.write("docs/lines.md", PAGE.format("row.repeat(10).float()"))
    commit_transcripts(site)

    (text,) = texts(built(site))

    assert "row.repeat(10).float()\n# tensor([1., 2., 1.," in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[Broadcasting](a/b.md#row-plus-column)", "", "no link stands between the heading 'Rows' and what is below"),
        ("row.shape", '"\u2192"', "have no '\u2192', which `\"\u2192\"` holds; write it without"),
    ],
    ids=["a group without a link", "a sign that the fonts lack"],
)
def test_what_no_sheet_can_hold_says_where_what_and_the_way_out(site, old, new, said):
    site.replace("docs/lines.md", old, new)
    commit_transcripts(site)

    done = site.run("mkdocs", "build")

    assert done.returncode == 1
    assert "docs/lines.md" in done.stdout
    assert said in done.stdout


def test_brackets_and_backslashes_are_text():
    text = Text(20, 20, r"f(\n) ((", "#000000", url="https://here.test/(a)")

    content = pdf([[text]], width=200, height=100, size=7, title="(a)")

    assert texts(content) == [r"f(\n) (("]
    assert links(content) == ["https://here.test/(a)"]


# --- the cheat sheet itself ---------------------------------------------------------------


@pytest.fixture(scope="module")
def cheatsheet(site_folder):
    return (site_folder / "lookup/cheatsheet/cheatsheet.pdf").read_bytes()


def test_the_cheat_sheet_is_two_sheets_of_a4_landscape(cheatsheet):
    pages = pypdf.PdfReader(io.BytesIO(cheatsheet)).pages

    assert [tuple(map(float, page.mediabox[2:])) for page in pages] == [(842, 595)] * 2


def test_each_line_of_the_cheat_sheet_is_in_its_pdf_with_its_value(cheatsheet, site_folder):
    page = parse_html((site_folder / "lookup/cheatsheet/index.html").read_text(encoding="utf-8"))
    printed = "".join("".join(texts(cheatsheet)).replace("# ", "").split())

    rows = [row.all("code")[0].text + row.one("samp").text for row in page.all("tr") if row.all("samp")]
    assert 100 <= len(rows) <= 150
    assert [row for row in rows if "".join(row.replace("# ", "").split()) not in printed] == []


def test_each_group_of_the_cheat_sheet_leads_to_a_place_in_the_handbook(cheatsheet, site_folder):
    groups = (ROOT / "docs/lookup/cheatsheet.md").read_text(encoding="utf-8").count("\n## ")
    found = [link.removeprefix("https://torchproof.github.io/torchproof/").partition("#") for link in links(cheatsheet)]

    assert len(found) == groups >= 18
    assert [place for place, _, _ in found if not (site_folder / place / "index.html").is_file()] == []
