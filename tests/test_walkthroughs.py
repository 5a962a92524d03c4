"""Walk-throughs: notebooks in percent format that run, drift and fail like chapters, and read like them."""

import gzip
import os
import re
import shutil

import nbformat
import pytest
from conftest import Project, Server, commit_transcripts, parse_html, write_small_site
from torchproof.compare.site import Site

WALK = """\
# %% [markdown]
# # A walk & a talk
#
# Prose, *with* $x_1 < 2$, `$not maths$`, a table and [a chapter](../a/b.md#broadcasting).
#
# | a | b |
# | --- | ---: |
# | 1 | 2 |

# %% Two steps
import torch

steps = torch.tensor([1, 2])
steps

# %% [markdown]
# They add up to `steps.sum().item()`{.value}: `steps.sum() == 3`{.proof}, and `a * b * c` stays code.
#
# ## Second part
#
# ```memory
# steps, steps[1:]
# ```

# %% Hidden tags=["remove-cell"]
secret = 1

# %% No third tags=["raises-exception"]
steps[2]

# %% [markdown]
# $$
# \\sum_i e_i * c_i
# $$
"""

FILE = "docs/walkthroughs/walk.py"
TRANSCRIPT = "docs/walkthroughs/walk.cpu.txt"
PAGE = "site/walkthroughs/walk/index.html"


def write_walk(project):
    write_small_site(project)
    config = project.read("mkdocs.yml").replace("  - torchproof\n", "  - torchproof\n  - torchproof.maths\n")
    project.write("mkdocs.yml", f"{config}plugins: [search, torchproof, mkdocs-jupyter: {{include: ['*.ipynb']}}]\n")
    project.write(FILE, WALK)


@pytest.fixture(scope="module")
def template(once):
    def make(folder):
        project = Project(folder)
        write_walk(project)
        commit_transcripts(project)

    return once("walk", make)


@pytest.fixture
def walk(template, tmp_path):
    """A small site with a walk-through, accepted."""
    return Project(shutil.copytree(template, tmp_path / "site"))


@pytest.fixture(scope="module")
def built(template, once):
    """The same, built."""

    def make(folder):
        project = Project(shutil.copytree(template, folder, dirs_exist_ok=True))
        made = project.run("mkdocs", "build", "--strict")
        assert made.returncode == 0, made.stdout

    return Project(once("walk-built", make))


@pytest.fixture(scope="module")
def article(built):
    return parse_html(built.read(PAGE)).one("article")


COMMANDS = {
    "check": ["torchproof", "check"],
    "pytest": ["pytest", "-q", "docs"],
    "build": ["mkdocs", "build", "-q"],
}
EACH_COMMAND = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


# --- it is checked like a chapter -------------------------------------------------------------------------------------


def test_accept_writes_a_transcript_beside_it_and_all_agree(walk):
    (walk.root / TRANSCRIPT).unlink()

    accepted = walk.run("torchproof", "accept", "-k", "walkthroughs/walk")

    assert accepted.returncode == 0, accepted.stdout
    assert walk.read(TRANSCRIPT).startswith(f"torchproof 2 · {FILE} · cpu · torch ")
    for command in COMMANDS.values():
        done = walk.run(*command)
        assert done.returncode == 0, done.stdout


@EACH_COMMAND
def test_a_changed_digit_of_its_transcript_and_a_false_proof_are_told_at_their_lines(walk, command):
    walk.replace(TRANSCRIPT, "= tensor([1, 2])", "= tensor([1, 3])")
    walk.replace(FILE, "steps.sum() == 3", "steps.sum() == 4")

    done = walk.run(*command)

    assert done.returncode == 1
    assert f"{FILE}:10: the cell 'two-steps' has drifted from {TRANSCRIPT} (shown at {FILE}:10)" in done.stdout
    assert "-= tensor([1, 3])\n+= tensor([1, 2])" in done.stdout
    assert "torchproof accept -k walkthroughs/walk" in done.stdout
    assert f"{FILE}:17: the proof `steps.sum() == 4` is False: left is tensor(3), right is 4" in done.stdout


@EACH_COMMAND
def test_a_cell_that_raises_fails(walk, command):
    walk.replace(FILE, "\nsteps\n", "\nsteps / steps.nothing\n")

    done = walk.run(*command)

    assert done.returncode == 1
    assert f"{FILE}:14: the cell 'two-steps' raises AttributeError" in done.stdout


def test_explain_knows_its_cells(walk):
    explained = walk.run("torchproof", "explain", "walkthroughs/walk#two-steps")

    assert explained.returncode == 0, explained.stdout
    assert explained.stdout.rstrip().endswith("equal")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# # A walk", "# A walk", f"{FILE}:1: a walk-through starts with `# %% [markdown]` and its title"),
        ("# | 1 | 2 |", "| 1 | 2 |", f"{FILE}:8: code in a cell of prose never runs"),
        ("# %% Hidden", "# %% Two steps", f"{FILE}:25: a second cell 'two-steps'"),
        ("# Prose, ", "# `{x}`{.proof} ", f"{FILE}:4: the proof `{{x}}` stands above every cell"),
        ("# | 1 | 2 |", "# ```cell\n# walkthroughs/walk#nowhere\n# ```", "has no cell 'nowhere'"),
    ],
    ids=["no title", "code in prose", "two of one title", "early proof", "a fence of its own"],
)
def test_what_is_wrong_with_the_file_is_said(walk, old, new, complaint):
    walk.replace(FILE, old, new)

    assert complaint in problems(walk)


def problems(project):
    """What every command says before anything runs."""
    return "\n".join(map(str, Site.read(project.root).problems))


def test_a_transcript_without_its_walk_through_is_told(walk):
    (walk.root / FILE).rename(walk.root / "docs/walkthroughs/talk.py")

    assert f"{TRANSCRIPT}:1: a transcript without its snippet {FILE}; delete it, or rename it along" in problems(walk)


def test_a_snippet_without_a_cell_is_told(small_site):
    small_site.write("snippets/a/b.py", '"""Nothing."""\n')

    assert "snippets/a/b.py:1: no cell; start one with a line `# %% Title`" in problems(small_site)


def test_a_folder_of_that_name_makes_no_walk_through(small_site):
    small_site.write("snippets/walkthroughs/mine.py", small_site.read("snippets/a/b.py"))
    small_site.write("docs/walkthroughs/mine.md", small_site.read("docs/a/b.md").replace("a/b#", "walkthroughs/mine#"))

    assert "walkthroughs/mine.cpu.txt:1: no transcript yet" in problems(small_site)
    assert "snippets/walkthroughs/mine.py:" not in problems(small_site)


def test_the_file_runs_as_it_is(walk):
    ran = walk.run("python", FILE)

    assert "IndexError" in ran.stdout.rstrip().split("\n")[-1]  # the cell that raises on purpose, the last


def test_mkdocs_jupyter_need_not_be_listed_and_must_be_there(walk):
    walk.write("mkdocs.yml", re.sub(r", mkdocs-jupyter: .*", "]", walk.read("mkdocs.yml")))
    walk.write("without/mkdocs_jupyter.py", "raise ImportError")

    built = walk.run("mkdocs", "build")
    without = walk.run("mkdocs", "build", PYTHONPATH=f"{walk.root}/without:{os.environ.get('PYTHONPATH', '')}")

    assert built.returncode == 0, built.stdout
    assert len(parse_html(walk.read(PAGE)).all("section.tp-cell")) == 2
    assert without.returncode == 1
    assert f"{FILE}: walk-throughs need mkdocs-jupyter; install torchproof[notebooks]" in without.stdout


def test_the_source_is_never_written(built):
    assert built.read(FILE) == WALK


# --- it reads like a chapter ------------------------------------------------------------------------------------------


def test_the_page_shows_the_cards_of_a_chapter(article):
    cards = article.all("section.tp-cell")

    assert [card.attributes["id"] for card in cards] == ["cell-two-steps", "cell-no-third"]
    assert cards[0].one("div.tp-output").text == "Valuetensor([1, 2])"
    assert cards[1].one("div.tp-output").text.startswith("ErrorIndexError: ")
    assert "1 tensor state" in cards[0].one("details.xr-t").text


def test_the_page_marks_proofs_and_says_values_and_renders_formulas_and_drawings(article):
    proof = article.one("code.proof")
    (drawing,) = article.all("figure.tp-drawing")

    assert (proof.text, proof.attributes["title"]) == ("steps.sum() == 3", "True when this page was built")
    assert article.one("span.value").text == "3"
    assert "a * b * c" in [code.text for code in article.all("code")]
    assert [formula.text for formula in article.all("math")] == ["x1<2", "∑iei∗ci"]
    assert "$not maths$" in article.text
    assert "steps[1:] has shape (1,)" in drawing.one("desc").text


def test_the_page_has_title_contents_line_and_links(built, article):
    page = parse_html(built.read(PAGE))

    assert page.all("title")[0].text == "A walk & a talk - Small"
    assert "Second part" in page.all("nav.md-nav--secondary")[-1].text
    assert "3 outputs compared, 1 proof checked" in article.one("p.tp-verified").text
    assert "../../a/b/#broadcasting" in [link.attributes["href"] for link in article.all("a")]
    assert [link.text for link in article.one("p.tp-take").all("a")] == ["Download notebook", "Download script"]


def test_what_readers_need_not_stays_out_of_the_site(built):
    written = {path.name for path in (built.root / "site/walkthroughs").rglob("*.*")}

    assert written == {"index.html", "walk.ipynb", "walk.py"}
    assert "print(repr(steps))" in built.read("site/walkthroughs/walk/walk.py")


def test_nothing_of_mkdocs_jupyters_template_is_left(built):
    text = built.read(PAGE)

    assert len(gzip.compress(text.encode())) < 1.5 * len(gzip.compress(built.read("site/a/b/index.html").encode()))
    assert not re.search(r"jp-|jupyter-wrapper|clipboard-copy|MathJax|mermaid|require\.js|cdnjs|anchor-link", text)


def test_a_site_that_opens_from_a_folder_has_the_same_files_beside_its_pages(walk):
    walk.write("mkdocs.yml", walk.read("mkdocs.yml") + "use_directory_urls: false\n")

    made = walk.run("mkdocs", "build", "--strict")

    assert made.returncode == 0, made.stdout
    for page in ("walkthroughs/walk", "a/b"):
        links = parse_html(walk.read(f"site/{page}.html")).one("p.tp-take").all("a")
        folder = (walk.root / "site" / page).parent
        assert [(folder / link.attributes["href"]).is_file() for link in links] == [True, True]
    assert 'href="../a/b.html#broadcasting"' in walk.read("site/walkthroughs/walk.html")


def test_a_link_that_leads_nowhere_fails_the_strict_build(walk):
    walk.replace(FILE, "../a/b.md", "../a/c.md")

    made = walk.run("mkdocs", "build", "--strict")

    assert made.returncode == 1
    assert f"{FILE} links to '../a/c.md#broadcasting', which is not there" in made.stdout


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("$x_1 < 2$", r"$\frac{1$", 4), ("e_i * c_i", r"\frac{e", 33)],
    ids=["in a line", "on lines of its own"],
)
def test_tex_that_is_wrong_fails_the_build_at_its_line(walk, old, new, line):
    walk.replace(FILE, old, new)

    made = walk.run("mkdocs", "build", "-q")

    assert made.returncode == 1
    assert f"{FILE}:{line}: wrong TeX in `" in made.stdout


def test_a_formula_in_indented_code_fails_the_build(walk):
    walk.replace(FILE, "# They add up", "# Words.\n#\n#     indented $x$\n#\n# They add up")

    made = walk.run("mkdocs", "build", "-q")

    assert made.returncode == 1
    assert f"{FILE}: a proof, a formula or a drawing stands in indented code" in made.stdout


def test_a_serving_site_shows_drift_in_the_page_and_recovers(walk, tmp_path):
    server = Server(walk, tmp_path / "tmp")
    try:
        server.wait("walkthroughs/walk/", lambda page: page.all("section.tp-cell"))
        walk.replace(FILE, "torch.tensor([1, 2])", "torch.tensor([1, 7])")
        drifted = server.wait("walkthroughs/walk/", lambda page: page.all("div.tp-drift"))
        walk.replace(FILE, "torch.tensor([1, 7])", "torch.tensor([1, 2])")
        server.wait("walkthroughs/walk/", lambda page: page.all("section.tp-cell") and not page.all("div.tp-drift"))
    finally:
        server.close()

    assert "+= tensor([1, 7])" in drifted.text
    assert [proof.text for proof in drifted.all("code.proof--false")] == ["steps.sum() == 3"]


# --- the real ones ----------------------------------------------------------------------------------------------------


def test_a_notebook_of_the_sites_own_keeps_its_cells_and_says_that_nothing_compared_it(walk):
    cells = [
        nbformat.v4.new_markdown_cell("# A lesson of before"),
        nbformat.v4.new_code_cell("6 * 7", outputs=[nbformat.v4.new_output("stream", text="41\n")]),
    ]
    (walk.root / "docs/zz").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), walk.root / "docs/zz/lesson.ipynb")
    walk.write("docs/zz/static.html", "<p>made elsewhere</p>")

    done = walk.run("mkdocs", "build", "--quiet")

    assert done.returncode == 0, done.stdout
    page = walk.read("site/zz/lesson/index.html")
    assert "41" in page
    assert "<!--card-->" not in page
    assert "not compared here: a notebook, with the outputs that it stores" in page
    assert "not compared here" not in walk.read(PAGE)
    assert walk.read("site/zz/static.html") == "<p>made elsewhere</p>"
