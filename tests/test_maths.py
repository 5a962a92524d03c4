"""Formulas are rendered by the build: no script on the page, and TeX that is wrong fails at its line."""

import re
import shutil

import pytest
from conftest import ROOT, Project, copy_site, parse_html, write_small_site

TEXT = """\
# Page

The slope is $\\frac{\\partial L}{\\partial w}$, and $x_1 * y * z_2$ has no emphasis.

$$
\\sum_{i} w_i x_i \\\\ + b
$$

It costs $5 and $6; \\$x\\$ is none; `$code$` is code.
"""


def with_maths(folder, text):
    """A small site with a page of formulas and one without; the real theme around them."""
    project = Project(folder)
    copy_site(folder)
    for path in [*(folder / "docs").rglob("*.md"), *(folder / "snippets").rglob("*.*")]:
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "docs/walkthroughs")
    config = project.read("mkdocs.yml")
    write_small_site(project)
    (folder / "docs/a/b.md").unlink()
    for file in ("snippets/a/b.py",):
        (folder / file).unlink()
    project.write("mkdocs.yml", re.sub(r"^nav:.*?(?=^\S|\Z)", "", config, flags=re.M | re.S))
    project.write("docs/maths.md", text)
    return project


@pytest.fixture(scope="session")
def site(once):
    def make(folder):
        project = with_maths(folder, TEXT)
        built = project.run("mkdocs", "build", "--strict")
        assert built.returncode == 0, built.stdout

    return Project(once("maths", make))


@pytest.fixture(scope="module")
def article(site):
    return parse_html(site.read("site/maths/index.html")).one("article")


def test_a_formula_is_html_for_eyes_and_mathml_for_ears(article):
    formulas = article.all("span.katex")

    assert len(formulas) == 3
    assert all(formula.all("math") for formula in formulas)
    assert [note.text for note in article.all("annotation")][:2] == [
        "\\frac{\\partial L}{\\partial w}",
        "x_1 * y * z_2",
    ]
    assert not article.all("em")
    assert not article.all("script")


def test_a_formula_between_double_dollars_stands_alone(article):
    assert len(article.all("span.katex-display")) == 1


def test_prices_and_code_are_no_formulas(article):
    last = article.all("p")[-1]

    assert last.text == "It costs $5 and $6; $x$ is none; $code$ is code."


def test_only_a_page_with_formulas_loads_their_style(site):
    assert "katex.min.css" in site.read("site/maths/index.html")
    assert "katex.min.css" not in site.read("site/index.html")


def test_every_font_of_the_style_is_there():
    folder = ROOT / "docs/assets/vendor/katex"
    named = re.findall(r"url\(([^)]+)\)", (folder / "katex.min.css").read_text(encoding="utf-8"))

    assert named
    assert [name for name in named if not (folder / name).is_file()] == []


@pytest.mark.parametrize("builder", ["mkdocs", "zensical"])
def test_a_formula_that_is_wrong_fails_the_build_at_its_line(tmp_path, builder):
    project = with_maths(tmp_path / "site", "---\ntitle: Page\n---\n\n# Page\n\nGood: $a$.\n\nBad: $\\frac{a$.\n")

    built = project.run(builder, "build")

    assert built.returncode == 1, built.stdout
    assert "docs/maths.md:9: KaTeX does not understand `\\frac{a`" in built.stdout
    assert "Unexpected end of input" in built.stdout


def test_the_other_builder_renders_formulas_too(tmp_path):
    project = with_maths(tmp_path / "site", TEXT)

    built = project.run("zensical", "build")

    assert built.returncode == 0, built.stdout
    assert project.read("site/maths/index.html").count('class="katex"') == 3
