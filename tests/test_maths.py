"""Formulas are MathML made by the build: no script on the page, and TeX that is wrong fails at its line."""

import re
from html import unescape

import pytest
from conftest import ROOT, Project, foreign_scripts, parse_html, write_small_site
from torchproof.builders.maths import rendered

TEXT = """\
# Page

The slope is $\\frac{\\partial L}{\\partial w}$, and $x_1 * y * z_2 < 3$ has no emphasis.

$$
\\sum_{i} w_i x_i
+ b
$$

It costs $5 and $6; \\$x\\$ is none; `$code$` is code.
"""

FORMULAS = {
    "mean squared error": r"\frac{1}{N} \sum_{i=1}^N (\hat y_i - y_i)^2",
    "gradient": r"\theta_{t+1} = \theta_t - \eta \nabla_\theta L, \quad \frac{\partial L}{\partial w}",
    "softmax": r"\mathrm{softmax}(x)_i = \frac{\exp(x_i)}{\sum_j \exp(x_j)}",
    "matrix": r"A = \begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    "attention": r"\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt{d_k}}\right) V",
    "cases": r"f(x) = \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}",
    "Adam": r"\hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad \sqrt{\hat v_t} + \epsilon",
    "norms and sets": r"\lVert w \rVert_2^2, \quad x \in \mathbb{R}^{n \times m}, \quad \mathbb{E}_{x \sim p}[f(x)]",
    "lines": r"\begin{aligned} a &= b \cdot c \\ &\approx \bar x \odot \tilde y \end{aligned}",
    "functions": r"\operatorname*{arg\,max}_i \log \tanh \max(0, x), \quad \prod_k p_k, \quad \int_0^1 x\,dx",
    "arrows": r"x \mapsto \lfloor x \rfloor, \quad a \to b, \quad \mathcal{N}(\mu, \sigma^2), \quad \mathbf{x} \ne \vec y",
}

WRONG = {
    r"\frac{a": 'Expected closing token "}", but reached end of input',
    r"\frac{a}": "Expected argument",
    r"\nosuch": r'Unknown command "\nosuch" (at character 1)',
    "a}": "Unmatched closing token",
    r"\left( a": r'Expected closing token "\right"',
    r"\begin{nosuch} a \end{nosuch}": 'Unknown environment "nosuch"',
    r"\begin{matrix} a \end{pmatrix}": r'but found "\end{pmatrix}"',
    "x_1_2": "Duplicate subscript",
    "a & b": "table-like environment",
    r"a \\ b": "needs an environment around it",
}


def with_maths(folder, text):
    """A small site with a page of formulas and one without."""
    project = Project(folder)
    write_small_site(project)
    for file in ("docs/a/b.md", "snippets/a/b.py"):
        (folder / file).unlink()
    config = project.read("mkdocs.yml")
    project.write("mkdocs.yml", config.replace("  - torchproof\n", "  - torchproof\n  - torchproof.maths\n"))
    project.write("docs/maths.md", text)
    return project


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    project = with_maths(tmp_path_factory.mktemp("maths") / "site", TEXT)
    built = project.run("mkdocs", "build", "--strict")
    assert built.returncode == 0, built.stdout
    return parse_html(project.read("site/maths/index.html")).one("article")


def test_a_formula_is_mathml(article):
    assert [formula.text for formula in article.all("math")] == ["∂L∂w", "x1∗y∗z2<3", "∑iwixi+b"]
    assert not article.all("em")
    assert foreign_scripts(article) == []


def test_a_formula_between_double_dollars_stands_alone(article):
    assert article.one("span.tp-formula").one("math").attributes == {"display": "block"}


def test_prices_and_code_are_no_formulas(article):
    last = article.all("p")[-1]

    assert last.text == "It costs $5 and $6; $x$ is none; $code$ is code."


@pytest.mark.parametrize("tex", FORMULAS.values(), ids=FORMULAS)
def test_what_chapters_need_is_understood_and_in_the_font(tex):
    drawn = "".join(re.findall(r">([^<]+)<", rendered(tex, display=True)))

    style = (ROOT / "scripts/torchproof/builders/assets/torchproof.css").read_text(encoding="utf-8")
    (ranges,) = re.findall(r"unicode-range:([^;]*);", style)
    pairs = [(first, last or first) for first, last in re.findall(r"U\+(\w+)(?:-(\w+))?", ranges)]
    known = {code for first, last in pairs for code in range(int(first, 16), int(last, 16) + 1)}
    assert [sign for sign in unescape(drawn) if ord(sign) not in known] == []


@pytest.mark.parametrize(("tex", "reason"), WRONG.items(), ids=WRONG)
def test_tex_that_is_wrong_is_refused_with_the_reason(tex, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        rendered(tex, display=True)


@pytest.mark.parametrize("builder", ["mkdocs", "zensical"])
def test_a_formula_that_is_wrong_fails_the_build_at_its_line(tmp_path, builder):
    project = with_maths(tmp_path / "site", "---\ntitle: Page\n---\n\n# Page\n\nGood: $a$.\n\nBad: $\\frac{a$.\n")

    built = project.run(builder, "build")

    assert built.returncode == 1, built.stdout
    assert "docs/maths.md:9: wrong TeX in `\\frac{a`: Expected closing token" in built.stdout


def test_the_other_builder_renders_formulas_too(tmp_path):
    project = with_maths(tmp_path / "site", TEXT)

    built = project.run("zensical", "build")

    assert built.returncode == 0, built.stdout
    assert project.read("site/maths/index.html").count("<math") == 3


def test_a_page_without_a_formula_loads_no_font(site_folder):
    """The browser asks for it when it draws a formula; no page names it, and no style but the rule of `math`."""
    style = (ROOT / "scripts/torchproof/builders/assets/torchproof.css").read_text(encoding="utf-8")

    assert re.findall(r'([\w.-]+) \{\s*font-family: "STIX Two Math"', style) == ["math"]
    assert (site_folder / "assets/torchproof/stix-two-math.woff2").stat().st_size < 70_000
    assert "stix-two-math" not in (site_folder / "index.html").read_text(encoding="utf-8")
