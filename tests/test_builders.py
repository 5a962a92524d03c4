"""Builders: the traps that were measured in them, each with a real build, and the same site from MkDocs and Zensical."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import (
    BIN,
    NIGHTLY,
    ROOT,
    Project,
    commit_transcripts,
    copy_site,
    keep_chapters,
    parse_html,
    write_small_site,
)

BUILDS = {
    "mkdocs": ["mkdocs", "build"],
    "mkdocs into a folder called serve": ["mkdocs", "build", "--site-dir", "serve"],
    "zensical": ["zensical", "build"],
    "zensical --clean": ["zensical", "build", "--clean"],
    "zensical --strict": ["zensical", "build", "--strict"],
}
"""`test_mutations.py` has MkDocs' flags."""


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A site whose one cell raises, which superfences would swallow and markdown-exec only log."""
    project = Project(tmp_path_factory.mktemp("failing") / "site")
    write_small_site(project)
    commit_transcripts(project)
    project.replace("snippets/a/b.py", "column + row", "column + 1 / 0 * row")
    return project


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_a_failing_cell_fails_every_build(failing, build):
    built = failing.run(*build)

    assert built.returncode == 1
    assert "snippets/a/b.py:8: the cell 'row-plus-column' raises ZeroDivisionError" in built.stdout
    assert "docs/a/b.md:3" in built.stdout


FIGURE = re.compile('<img src="([^"]+)"[^>]*><img src="[^"]+-dark.svg"[^>]*>')
"""A figure that lies in files, the first of which is for light ground."""


def shown(site, page):
    """The text of a page's cells, proofs and drawings, but for links to the page of versions, which a part lacks."""
    file = site / ("" if page == "index" else page) / "index.html"
    tree = parse_html(FIGURE.sub(lambda found: (file.parent / found[1]).read_text(), file.read_text(encoding="utf-8")))
    found = [*tree.all("section.tp-cell"), *tree.all("code.proof"), *tree.all("figure.tp-drawing")]
    return [re.sub(r"Prints otherwise in torch [\d., ]+", "", " ".join(element.text.split())) for element in found]


@pytest.fixture(scope="module")
def real_site(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("real") / "site")
    copy_site(project.root)
    if not NIGHTLY:
        keep_chapters(project, SOME)
    return project


SOME = ["autograd/switches", "devices/basics", "inside/devices", "tensors/memory_format"]
"""Chapters with errors in boxes, cells of another device, drawings, pictures; all pages each night."""


def test_zensical_shows_the_same_code_outputs_and_proofs(real_site, site_folder):
    docs = real_site.root / "docs"
    paths = (path.relative_to(docs) for path in docs.rglob("*.md"))
    pages = sorted(path.with_suffix("").as_posix() for path in paths) if NIGHTLY else SOME

    by_mkdocs = {page: shown(site_folder, page) for page in pages}
    built = real_site.run("zensical", "build")  # --clean would throw away what the check has run
    assert built.returncode == 0, built.stdout
    by_zensical = {page: shown(real_site.root / "site", page) for page in pages}

    assert sum(map(len, by_mkdocs.values())) > (500 if NIGHTLY else 100)
    assert by_zensical == by_mkdocs


def test_zensical_shows_the_same_of_a_site_where_pages_differ_in_kind(small_site):
    small_site.replace("docs/a/b.md", "# Broadcasting\n\n", "---\ntitle: Other\ntags: [x]\n---\n\n# Broadcasting\n")
    small_site.write(
        "docs/overview.md", "# Overview\n\n```cell\na/b#row-plus-column\n```\n\n`row.sum() == 6`{.proof}\n"
    )
    small_site.write("docs/plain.md", "Only words, a fence and `code`.\n\n```python\n1 / 0\n```\n")
    commit_transcripts(small_site)
    pages = ["index", "plain", "overview", "a/b"]

    built = small_site.run("mkdocs", "build", "--strict")
    by_mkdocs = [shown(small_site.root / "site", page) for page in pages]
    rebuilt = small_site.run("zensical", "build", "--clean")
    by_zensical = [shown(small_site.root / "site", page) for page in pages]

    assert (built.returncode, rebuilt.returncode) == (0, 0), built.stdout + rebuilt.stdout
    assert [len(found) for found in by_mkdocs] == [0, 0, 2, 3]
    assert by_zensical == by_mkdocs


def test_a_broken_anchor_fails_the_strict_build(small_site):
    commit_transcripts(small_site)
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = re.search(r"^validation:\n(?:  .+\n)+", configuration, re.M)[0]
    small_site.write("mkdocs.yml", small_site.read("mkdocs.yml") + validation)
    answers = {}
    for anchor in ("broadcasting", "cell-row-plus-column", "nowhere", "cell-nowhere"):
        small_site.write("docs/index.md", f"# Home\n\n[there](a/b.md#{anchor})\n")
        built = small_site.run("mkdocs", "build", "--strict")  # -q would hide the warning, and pass
        answers[anchor] = built.returncode, "does not contain an anchor" in built.stdout

    assert answers == {
        "broadcasting": (0, False),
        "cell-row-plus-column": (0, False),
        "nowhere": (1, True),
        "cell-nowhere": (1, True),
    }


def test_front_matter_and_an_overview_page_that_embeds_another_chapter(small_site):
    small_site.replace("docs/a/b.md", "# Broadcasting", "---\ntitle: Other\n---\n\n# Broadcasting")
    small_site.write("docs/index.md", "# Home\n\n```cell\na/b#row-plus-column\n```\n\n`row.sum() == 6`{.proof}\n")
    commit_transcripts(small_site)

    built = small_site.run("mkdocs", "build", "-q")

    assert built.returncode == 0, built.stdout
    assert [text for text in shown(small_site.root / "site", "index") if text == "row.sum() == 6"]
    assert len(shown(small_site.root / "site", "a/b")) == 3


OVERVIEW = "# Overview\n\n```cell\na/b#row-plus-column\n```\n\nSix in all: `row.sum() == 6`{.proof}.\n"
LONGER = "---\ntitle: Longer\n---\n\nIntro.\n\n```cell\na/b#sizes-that-never-meet\n```\n\n"


@pytest.mark.parametrize(
    "build", [["mkdocs", "build", "--strict"], ["zensical", "build", "--clean"]], ids=["mkdocs", "zensical"]
)
def test_a_page_whose_text_ends_another_is_not_taken_for_it(small_site, build):
    small_site.write("docs/aa.md", LONGER + OVERVIEW)
    small_site.write("docs/zz.md", OVERVIEW)
    commit_transcripts(small_site)

    built = small_site.run(*build)
    pages = {page: shown(small_site.root / "site", page) for page in ("aa", "zz")}
    small_site.replace("docs/zz.md", "row.sum() == 6", "row.sum() == 7")
    broken = small_site.run(*build)

    assert built.returncode == 0, built.stdout
    assert len(pages["aa"]) == 3
    assert pages["zz"] == [pages["aa"][1], "row.sum() == 6"]
    assert broken.returncode == 1
    assert "docs/zz.md:7: the proof `row.sum() == 7` is False" in broken.stdout
    assert "docs/aa.md" not in broken.stdout


LATER = """\
import datetime, time

real, seconds = datetime.datetime, time.time
later = datetime.timedelta(days=400)


class Later(real):
    now = classmethod(lambda cls, tz=None: real.now(tz) + later)
    utcnow = classmethod(lambda cls: real.utcnow() + later)


datetime.datetime = Later
time.time = lambda: seconds() + later.total_seconds()
"""
"""A sitecustomize.py that moves the clock."""

EVERYTHING = "# Everything\n\n```cell\nall/kinds#a-curve\n```\n\n```memory\ngrid\n```\n"

REPORTS = """\
# Home

```python exec="1"
from torchproof import reports

print(reports.counts(), reports.chapters(), reports.environment(), reports.recordings(), sep="\\n\\n")
```
"""

CURVE = "# %% A curve\nimport torch\nimport matplotlib.pyplot as plt\n\ngrid = torch.arange(4)\n_ = plt.plot(grid, grid**2)\n"


def test_two_builds_of_one_commit_are_the_same_bytes(small_site, tmp_path):
    plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\nsite_url: https://example.org/\n"
    small_site.write("mkdocs.yml", small_site.read("mkdocs.yml") + plugins)
    small_site.write("docs/index.md", REPORTS)
    small_site.write("docs/all/kinds.md", EVERYTHING)
    small_site.write("snippets/all/kinds.py", CURVE)
    commit_transcripts(small_site)
    other = Project(tmp_path / "another place" / "deeper")
    for folder in ("docs", "snippets"):
        shutil.copytree(small_site.root / folder, other.root / folder)
    shutil.copy(small_site.root / "mkdocs.yml", other.root)
    other.write("later/sitecustomize.py", LATER)
    path = f"{other.root}/later:{os.environ.get('PYTHONPATH', '')}"

    here = small_site.run("mkdocs", "build", "--strict", CI="1", USER="one", TZ="UTC")
    there = other.run("mkdocs", "build", "--strict", CI="1", USER="two", LOGNAME="two", HOME=str(tmp_path),
                      TZ="Asia/Tokyo", PYTHONPATH=path)  # fmt: skip

    assert (here.returncode, there.returncode) == (0, 0), here.stdout + there.stdout
    assert files(small_site.root / "site") == files(other.root / "site")
    assert len(list((other.root / "site/all/kinds").iterdir())) == 3, "a page, a notebook and a script"


def files(folder):
    """What is in the files below a folder, by their paths."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_proof_of_an_overview_page_counts(small_site):
    commit_transcripts(small_site)
    small_site.write("docs/index.md", "# Home\n\n```cell\na/b#row-plus-column\n```\n\n`row.sum() == 7`{.proof}\n")

    built = small_site.run("mkdocs", "build", "-q")

    assert built.returncode == 1
    assert "docs/index.md:7: the proof `row.sum() == 7` is False: left is tensor(6), right is 7" in built.stdout


def test_a_cell_right_under_a_heading_is_shown_once(small_site):
    small_site.replace("docs/a/b.md", "# Broadcasting\n\n", "# Broadcasting\n")
    small_site.replace("mkdocs.yml", "  - torchproof", "  - toc: { permalink: true }\n  - torchproof")
    commit_transcripts(small_site)

    assert small_site.run("mkdocs", "build", "-q").returncode == 0
    assert len([text for text in shown(small_site.root / "site", "a/b") if "column + row" in text]) == 1


ALONE = {
    "the plugin alone": "plugins: [search, torchproof]",
    "the extension alone": "plugins: [search]\nmarkdown_extensions: [torchproof]",
    "the extension above what it needs": "plugins: [search]\nmarkdown_extensions: [torchproof, pymdownx.superfences]",
    "beside inlinehilite": "plugins: [search, torchproof]\nmarkdown_extensions: [pymdownx.inlinehilite]",
}


@pytest.mark.parametrize("said", ALONE.values(), ids=ALONE)
def test_what_else_pages_need_need_not_be_listed(small_site, said):
    commit_transcripts(small_site)
    small_site.write("mkdocs.yml", f"site_name: Small\ntheme: {{ name: material, font: false }}\n{said}\n")

    built = small_site.run("mkdocs", "build", "--strict")

    assert built.returncode == 0, built.stdout
    assert len(shown(small_site.root / "site", "a/b")) == 3


def test_pytest_collects_a_snippet_once_and_never_imports_it(small_site):
    small_site.write("snippets/a/b.py", small_site.read("snippets/a/b.py") + "\nopen('imported', 'w')\n")
    small_site.replace("snippets/a/b.py", 'tags=["raises-exception"]\n', "\nopen('imported', 'w')\n")
    small_site.write("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["snippets"]\n')

    for command in (["pytest", "snippets/a/b.py"], ["pytest"], ["pytest", "snippets"]):
        collected = small_site.run(*command, "--collect-only", "-q")
        assert collected.stdout.count("snippets/a/b.py::cpu") == 1, collected.stdout
    small_site.run("pytest", "-q", "snippets/a/b.py")

    assert not list(small_site.root.rglob("imported"))


def test_the_style_leaves_the_pages_alone(small_site):
    small_site.write("pyproject.toml", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = "# Page\n\n```python\nx = {  'a':1 }\n--8<-- 'x.py'\n```\n"
    small_site.write("docs/index.md", page)

    subprocess.run([BIN / "ruff", "format", "."], cwd=small_site.root, check=True, capture_output=True)

    assert small_site.read("docs/index.md") == page


def test_notebooks_are_never_executed_by_mkdocs_jupyter():
    """Its `execute: true` exits 0 on 1/0 and caches the failure: whatever runs here, the engine runs."""
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert not re.search(r"execute:\s*true", configuration)


def test_the_site_needs_no_hook():
    assert not re.search(r"^hooks:", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize(
    "command",
    [["mkdocs", "build", "-q", "-f", "../mkdocs.yml"], ["torchproof", "check"], ["pytest", "-q", "../snippets"]],
    ids=["mkdocs -f", "torchproof", "pytest"],
)
def test_a_command_typed_below_the_root_finds_the_project(small_site, command):
    small_site.write("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["snippets"]\n')
    commit_transcripts(small_site)

    well = small_site.run(*command, cwd=small_site.root / "docs")
    small_site.replace("snippets/a/b.cpu.txt", "[21, 22, 23]", "[21, 22, 24]")
    drifted = small_site.run(*command, cwd=small_site.root / "docs")

    assert (well.returncode, drifted.returncode) == (0, 1), well.stdout + drifted.stdout
    assert "the cell 'row-plus-column' has drifted from snippets/a/b.cpu.txt" in drifted.stdout


def test_torchproof_helps(small_site):
    helped = small_site.run("torchproof", "--help")

    assert helped.returncode == 0
    assert [name for name in ("check", "accept", "explain") if f"\n    {name} " not in helped.stdout] == []


@pytest.mark.parametrize("command", ["check", "accept", "explain"])
def test_every_command_helps(small_site, command):
    helped = small_site.run("torchproof", command, "--help")

    assert helped.returncode == 0
    assert "raises-exception" in helped.stdout


def test_explain_shows_both_sides(small_site):
    commit_transcripts(small_site)
    small_site.replace("snippets/a/b.cpu.txt", "[21, 22, 23]", "[21, 22, 24]")

    explained = small_site.run("torchproof", "explain", "a/b#row-plus-column")

    assert explained.returncode == 1
    assert re.search(r"--- committed\n(.*\n)+.*24\]\]\)\n--- this run\n(.*\n)+.*23\]\]\)\ndifferent", explained.stdout)


def test_explain_offers_a_way_out_of_a_misspelling(small_site):
    assert "did you mean 'row-plus-column'?" in small_site.run("torchproof", "explain", "a/b#row-plus-colum").stdout
