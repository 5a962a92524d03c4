"""Values in sentences: evaluated like proofs, recorded and compared, and read as plain text of the sentence."""

import json

import pytest
from conftest import Project, parse_html, write_small_site
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.run.runner import Runner

SNIPPET = """\
# %% A loss
import torch

loss = torch.tensor(2.9415)
grid = torch.arange(4).view(2, 2)
words = "a_b_c <i> & &lt; *d*"


class Box: ...


loss

# %% Another loss
loss = loss + 1
"""

PAGE = """\
# Values

```cell
said#a-loss
```

The loss is `loss.item():.2f`{.value}, of `grid.numel()`{.value} numbers, and `loss`{.value} in full.
They are `words`{.value}, or `words[:3]!r:>6`{.value}; `loss > 2`{.proof} too.

!!! note "Near `round(loss.item())`{.value}"

    - `{1: "a", 2: "b"}[2] if grid[1:].numel() == 2 else 0`{.value} it is.

```cell
said#another-loss
```

Then it is [`loss.item():.2f`{.value}](https://example.org).
"""

SAID = ["2.94", "4", "2.941499948501587", "a_b_c <i> & &lt; *d*", " 'a_b'", "3", "b", "3.94"]

LINES = """\
@ value loss.item():.2f
@   = 2.94
@ value grid.numel()
@   = 4
"""

REFUSED = {
    "a name that is not there": ("lost.item()", "raises NameError: name 'lost' is not defined; write an expression of"),
    "what raises": ("grid[7]", "raises IndexError: "),
    "no expression": ("loss = 3", "raises SyntaxError: "),
    "a format of another kind": ("grid:.2f", "raises TypeError: unsupported format string passed to Tensor.__format__"),
    "no value": ("print(loss)", "has nothing to read: it is None; ask for what the sentence says"),
    "an empty text": ("words[:0]", "has nothing to read: it is ''"),
    "several lines": ("grid", "has 2 lines, a sentence one; say a number of it, or show it below a cell"),
    "an address": ("Box()", "holds an address, another in each run: <__main__.Box object at 0x"),
    "a typed number": ("2.94", "names nothing of the session, so it was typed by hand; take it from what a cell binds"),
    "an end": ("exit(3)", "raises SystemExit: 3"),
}


def write_values(project, page=PAGE):
    write_small_site(project)
    project.write("snippets/said.py", SNIPPET)
    project.write("docs/said.md", page)


@pytest.fixture(scope="session")
def site(accepted):
    """A site with values, built."""
    return accepted("site-with-values", write_values, is_built=True)


@pytest.fixture(scope="session")
def article(site):
    return parse_html(site.read("site/said/index.html")).one("article")


def test_the_sentence_reads_as_plain_text(article):
    assert [value.text for value in article.all("span.value")] == SAID
    assert f"The loss is {SAID[0]}, of 4 numbers, and {SAID[2]} in full." in article.text
    assert article.one("p.admonition-title").text == "Near 3"


def test_a_value_says_from_what_it_was_computed_and_is_no_code(article):
    value = article.all("span.value")[0]

    assert value.attributes["title"] == "Computed from loss.item():.2f when this page was built"
    assert not article.all("code.value")


def test_the_same_value_below_two_cells_is_what_each_left(article):
    values = [value.text for value in article.all("span.value") if ".2f" in value.attributes["title"]]

    assert values == ["2.94", "3.94"]


def test_values_are_counted_with_the_outputs(article):
    assert article.one(".tp-verified").text.startswith("9 outputs compared, 1 proof checked")


def test_the_transcript_holds_each_value_below_its_expression(site):
    assert LINES in site.read("snippets/said.cpu.txt")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("snippets/said.py", "2.9415", "2.9515"),
        ("snippets/said.cpu.txt", "@   = 2.94\n", "@   = 2.95\n"),
        ("docs/said.md", "item():.2f", "item():.1f"),
        ("docs/said.md", "`grid.numel()`{.value}", "4"),
    ],
    ids=["of the cell", "of the transcript", "of the format", "back to a typed number"],
)
def test_a_change_is_drift(changed, file, old, new):
    problems = changed(file, old, new)

    assert "the cell 'a-loss' has drifted from snippets/said.cpu.txt" in "\n".join(map(str, problems))


def test_accepting_drift_makes_it_right_again(project):
    project.replace("docs/said.md", "item():.2f", "item():.1f")

    accepted = project.run("torchproof", "accept")

    assert accepted.returncode == 0, accepted.stdout
    assert "@ value loss.item():.1f\n@   = 2.9\n" in project.read("snippets/said.cpu.txt")


def test_a_random_value_is_not_accepted(small_site):
    write_values(small_site, PAGE.replace("`grid.numel()`", "`torch.rand(()).item()`"))

    accepted = small_site.run("torchproof", "accept", "-k", "said")

    assert accepted.returncode == 1
    assert "two runs of 'a-loss' differ: a draw without a seed" in accepted.stdout


def test_a_notebook_says_the_value_and_keeps_no_braces(project):
    project.replace("docs/said.md", "Then it is", "<!-- not `1`{.value} -->\nThen it is")
    done = project.run("torchproof", "notebooks", "taken")
    assert done.returncode == 0, done.stdout
    notebook = json.loads(project.read("taken/said.ipynb"))

    prose = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")

    assert "The loss is 2.94, of 4 numbers, and 2.941499948501587 in full." in prose
    assert r"They are a\_b\_c \<i\> & &lt; \*d\*" in prose
    assert "Then it is [3.94](https://example.org)." in prose
    assert "{.value}" not in prose


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("refused") / "site")
    sentences = "\n\n".join(f"A `{source}`{{.value}}." for source, _ in REFUSED.values())
    write_values(project, f"# Values\n\n```cell\nsaid#a-loss\n```\n\n{sentences}\n\n```cell\nsaid#another-loss\n```\n")
    with Runner(project.root, cached=True) as runner:
        return check_chapter(Site.read(project.root), runner, "said").problems


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_sentence_can_say_says_where_what_and_the_way_out(refusals, name):
    source, way_out = REFUSED[name]
    line = 7 + 2 * list(REFUSED).index(name)

    (said,) = [problem for problem in refusals if problem.path == "docs/said.md" and problem.line == line]

    assert said.message.startswith(f"the value `{source}` {way_out}")
    assert said.message.endswith("(after the cell 'a-loss', snippets/said.py:1)")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("# A `x`{.value}", "the value `x` stands in a heading"),
        ("A `x` {.value}", "`{.value}` follows no code"),
        ("\n    `x`{.value}", "the value `x` stands in indented code"),
        ("A `x`{.value}", "the value `x` stands above every cell, so there is nothing to evaluate it in"),
    ],
)
def test_a_value_that_nobody_would_evaluate_is_told(small_site, line, told):
    small_site.write("docs/index.md", f"# Home\n\n{line}\n")

    assert any(problem.message.startswith(told) for problem in Site.read(small_site.root).problems)
