"""What a page prints of its build: fences of markdown-exec that call a report, in MkDocs and in Zensical."""

import re
import sys

import pytest
from conftest import Project, Server, commit_transcripts, parse_html, write_small_site
from torchproof.builders.markdown import NoTorch, _printed

BUILDS = {
    "mkdocs": ["mkdocs", "build"],
    "mkdocs -q": ["mkdocs", "build", "-q"],
    "zensical": ["zensical", "build", "--clean"],
    "zensical --strict": ["zensical", "build", "--clean", "--strict"],
}

FAILING = {
    "raises": ("1 / 0", "this fence raises ZeroDivisionError: division by zero"),
    "is no Python": ("print(", "this fence raises SyntaxError: '(' was never closed"),
    "asks for no report": ("reports.chapter()", "there is no report 'chapter'; did you mean 'chapters'?"),
    "ends the process": ("raise SystemExit", "a fence cannot end the build"),
    "imports torch": ("import torch", "`import torch` does more than report"),
    "imports a part of torch": ("from torch.nn import Linear", "does more than report"),
    "prints a cell": ("print('~~~cell\\na/b#row-plus-column\\n~~~')", "`~~~` is markup in a text of this fence"),
    "prints a proof": ("print('`1 == 1`{.proof}')", "was rendered, but not read by torchproof"),
}
"""A fence's last line, and what a build says of it."""

PAGE = """\
---
title: Told
---

# What the build says

```python exec="true"
from torchproof import reports

print(reports.counts())
```

## Chapters {{#all}}

```python exec="1"
from torchproof import reports

{0}
```

```cell
a/b#row-plus-column
```

Six in all: `row.sum() == 6`{{.proof}}.
"""


def write_site(project: Project, code: str = "print(reports.chapters())") -> None:
    write_small_site(project)
    plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\n"
    project.write("mkdocs.yml", project.read("mkdocs.yml") + plugins)
    project.write("docs/told.md", PAGE.format(code))
    commit_transcripts(project)


@pytest.fixture(scope="module")
def told(once):
    def make(folder):
        write_site(Project(folder))

    return Project(once("told", make))


def page_of(project, name="told"):
    return parse_html(project.read(f"site/{name}/index.html"))


@pytest.mark.parametrize("build", [BUILDS["mkdocs"] + ["--strict"], BUILDS["zensical --strict"]], ids=lambda it: it[0])
def test_a_page_prints_what_the_build_counted(told, tmp_path, build):
    project = copied(told, tmp_path)

    built = project.run(*build)

    assert built.returncode == 0, built.stdout
    article = page_of(project).one("article")
    assert "2 outputs and 2 tensor states compared, 2 proofs checked under torch" in article.text
    table = article.all("table")[0]
    assert [row.all("td")[0].text for row in table.one("tbody").all("tr")] == ["Broadcasting"]
    assert table.one("a").attributes["href"].rstrip("/") in ("../a/b", "../a/b/index.html")


@pytest.mark.parametrize("build", [BUILDS["mkdocs"] + ["--strict"], BUILDS["zensical --strict"]], ids=lambda it: it[0])
def test_cells_and_proofs_around_a_fence_are_as_they_are_without_it(told, tmp_path, build):
    project = copied(told, tmp_path)
    fences = (f'\n```python exec="1"\nprint("## {title}\\n\\nhere")\n```\n' for title in ("Made", "Too"))
    project.write("docs/a/b.md", project.read("docs/a/b.md") + "".join(fences))

    built = project.run(*build)

    assert built.returncode == 0, built.stdout
    own, told_ = page_of(project, "a/b"), page_of(project)
    assert [cell.attributes["id"] for cell in told_.all("section.tp-cell")] == ["cell-row-plus-column"]
    assert [proof.attributes["title"] for proof in told_.all("code.proof")] == ["True when this page was built"]
    assert not told_.all(".tp-verified"), "it is no chapter"
    assert len(own.all("section.tp-cell")) == 2
    assert len(own.all("code.proof")) == 1
    assert own.one(".tp-verified").text.startswith("2 outputs compared, 2 proofs checked · CPU · ")
    assert [heading.text.rstrip("¶") for heading in own.one("article").all("h2")] == ["Made", "Too"]
    contents = [link.attributes["href"] for link in own.all("a.md-nav__link")]
    assert {"#made", "#too"} <= set(contents)
    assert re.findall(r"<p>\s*<h2", project.read("site/a/b/index.html")) == [], "no paragraph holds a heading"


@pytest.mark.parametrize(
    ("fence", "build"),
    [*(("raises", build) for build in BUILDS), *((fence, "mkdocs -q") for fence in FAILING if fence != "raises")],
)
def test_a_failing_fence_fails_every_build(told, tmp_path, fence, build):
    code, message = FAILING[fence]
    project = copied(told, tmp_path)
    project.write("docs/told.md", PAGE.format(code))

    built = project.run(*BUILDS[build])

    assert built.returncode == 1
    assert message in built.stdout
    assert "docs/told.md:15: " in built.stdout or "was rendered" in message
    assert "docs/told.md" in built.stdout


def test_drift_is_reported_by_the_page_that_counts_it(told, tmp_path):
    project = copied(told, tmp_path)
    project.write(
        "docs/told.md", '# Told\n\n```python exec="1"\nfrom torchproof import reports\n\nreports.counts()\n```\n'
    )
    project.replace("snippets/a/b.cpu.txt", "[21, 22, 23]", "[21, 22, 24]")
    project.replace("mkdocs.yml", "watch:", "nav: [told.md, index.md, a/b.md]\nwatch:")

    built = project.run("mkdocs", "build", "-q")

    assert built.returncode == 1
    assert "the cell 'row-plus-column' has drifted from snippets/a/b.cpu.txt" in built.stdout
    assert "this fence raises" not in built.stdout


def test_a_broken_link_in_what_a_fence_prints_fails_the_strict_build(told, tmp_path):
    project = copied(told, tmp_path)
    assert project.run("mkdocs", "build", "--strict").returncode == 0

    project.write("docs/deep/told.md", PAGE.format("print(reports.chapters())"))  # its links lead from docs/ itself
    built = project.run("mkdocs", "build", "--strict")

    assert built.returncode == 1
    assert re.search(r"deep/told\.md.*a/b\.md", built.stdout), built.stdout


def test_a_fence_without_exec_is_code(told, tmp_path):
    project = copied(told, tmp_path)
    project.write("docs/told.md", "# Told\n\n```python\n1 / 0\n```\n")

    built = project.run("mkdocs", "build", "--strict")

    assert built.returncode == 0, built.stdout
    assert "1 / 0" in page_of(project).one("article").text


def test_serving_shows_a_failing_fence_and_goes_on(told, tmp_path):
    project = copied(told, tmp_path)
    server = Server(project, tmp_path / "temporary")
    try:
        server.wait("told/", lambda page: page.all("table") and not page.all(".tp-drift"))

        project.write("docs/told.md", PAGE.format("1 / 0"))
        page = server.wait("told/", lambda page: page.all(".tp-drift"))
        project.write("docs/told.md", PAGE.format("print('well')"))
        server.wait("told/", lambda page: "well" in page.text and not page.all(".tp-drift"))
    finally:
        server.close()

    assert "docs/told.md:15: this fence raises ZeroDivisionError: division by zero" in page.one(".tp-drift").text
    assert len(page.all("section.tp-cell")) == 1, "the rest of the page is there"


def copied(project, folder):
    """A site of its own, which the cache already knows."""
    copy = Project(folder / "told")
    for path in project.root.rglob("*"):
        file = path.relative_to(project.root).as_posix()
        if path.is_file() and not file.startswith("site/"):
            copy.write(file, path.read_text(encoding="utf-8"))
    return copy


def test_what_a_report_imports_is_never_torch():
    with pytest.raises(ImportError, match="in the builder's process, without torch; use a cell, a proof or a table"):
        NoTorch.find_spec("torch.nn")

    assert NoTorch.find_spec("torchvision_like") is None


def test_a_fence_leaves_no_finder_behind():
    before = [*sys.meta_path]

    assert _printed("print(1)") == "1\n"
    with pytest.raises(ZeroDivisionError):
        _printed("1 / 0")

    assert sys.meta_path == before
