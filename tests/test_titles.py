"""The title of a box of an error is an output: what a cell inside raises, word for word up to gaps."""

import pytest
from conftest import commit_transcripts, parse_html, write_small_site
from torchproof.model.text import is_title, shown, title_of
from torchproof.read.pages import scan

MESSAGE = "RuntimeError: sizes of `a` (2) and `b` (3) differ.\n\tThey have to be __equal__."


@pytest.mark.parametrize(
    "title",
    [
        "RuntimeError: sizes of `a` (2) and `b` (3) differ. They have to be __equal__.",
        "sizes of `a` (2) and `b` (3) differ. They have to be __equal__.",
        "sizes of a (2) and b (3) differ. They have to be __equal__.",
        "sizes of `a` (2) and … have to be __equal__.",
        "sizes of `a` (…) and `b` (…) differ. …",
        "… They have to be __equal__.",
        "… (3) differ. …",
    ],
)
def test_a_title_is_the_message_up_to_its_gaps(title):
    assert is_title(title, MESSAGE)


@pytest.mark.parametrize(
    "title",
    [
        "sizes of `a` (2) and `b` (3) differ.",
        "sizes of `a` (2)",
        "They have to be __equal__.",
        "and `b` (3) differ. …",
        "sizes of `a` (2) and `b` (4) differ. …",
        "Sizes of `a` (2) …",
        "siz… of `a` (2) …",
        "sizes of `a` (2) and `b` (3) differ. They have to be __equal__. …",
        "TypeError: sizes of …",
        "…",
        "",
    ],
)
def test_what_leaves_words_out_without_a_gap_or_says_others_is_no_title(title):
    assert not is_title(title, MESSAGE)


@pytest.mark.parametrize(
    "error",
    [
        MESSAGE,
        "AssertionError",
        "KeyError: '_'",
        "TypeError: f() takes *args, not **kwargs",
        f"ValueError: {'a long story, ' * 20}",
        "ValueError: C:\\new",
    ],
)
def test_the_title_to_paste_is_one(error):
    assert is_title(shown(title_of(error)), error)


PAGE = """\
# Nested

- A list

    !!! failure "outer"

        ```cell
        a/b#one
        ```

        ??? info "more"

            ```cell
            a/b#two
            ```

    ```cell
    a/b#three
    ```

???+ failure inline "the `last\\_one`"

    Text.

    ```cell
    a/b#four
    ```

```cell
a/b#five
```

Text, and then code:

    ??? failure "indented code"
"""


def test_a_box_holds_the_cells_inside_at_any_depth_and_no_other():
    boxes = [(box.title, box.line, [embed.slug for embed in box.embeds]) for box in scan("a/b", PAGE).failures]

    assert boxes == [("outer", 5, ["one", "two"]), ("the last\\_one", 21, ["four"])]


BOX = """
??? failure "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 1"

    ```cell
    a/b#sizes-that-never-meet
    ```
"""


def write_box(project):
    """A site with its error in a box."""
    write_small_site(project)
    project.replace("docs/a/b.md", "\n```cell\na/b#sizes-that-never-meet\n```\n", BOX)


@pytest.fixture(scope="module")
def site(accepted):
    return accepted("boxed", write_box, is_built=True)


def test_a_title_that_is_the_message_passes_and_is_shown_as_it_stands(site):
    summary = parse_html(site.read("site/a/b/index.html")).one("details.failure").one("summary")
    assert summary.text.startswith("The size of tensor a (2) must match")
    assert not summary.all("small")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tensor a (2)", "tensor a (4)", "raises: RuntimeError: The size of tensor a (2) must"),
        (" at non-singleton dimension 1", "", 'write ??? failure "The size of tensor a (2) must match the size of'),
        ("failure", "failure inline", None),
        ("sizes-that-never-meet", "row-plus-column", "has no cell inside that raises"),
        ("    ```cell\n    a/b#sizes-that-never-meet\n    ```\n", "    None.\n", "has no cell inside that raises"),
        (' "The size of', ' "', "raises: RuntimeError: The size of"),
    ],
    ids=["another number", "its end cut", "as it was", "a cell that raises nothing", "no cell", "its start cut"],
)
def test_the_check_names_the_place_the_message_and_the_title_to_paste(site, changed, old, new, said):
    line = site.read("docs/a/b.md").split("??? ")[0].count("\n") + 1

    problems = "\n".join(map(str, changed("docs/a/b.md", old, new)))

    assert bool(problems) == bool(said), problems
    assert said is None or (f"docs/a/b.md:{line}: the " in problems and said in problems), problems


def test_a_box_in_a_walkthrough_is_held_to_its_message(small_site):
    prose = '# %% [markdown]\n# # Walk\n#\n# ??? failure "this and {}"\n\n'
    cell = '# %% It raises tags=["raises-exception"]\nraise ValueError("this and that")\n\n# %% [markdown]\n# End.\n'
    small_site.write("docs/walk.py", prose.format("that") + cell)
    commit_transcripts(small_site)

    done = small_site.run("torchproof", "check", "-k", "walk")

    assert done.returncode == 1
    assert "docs/walk.py:4: the failure box" in done.stdout


def test_markdown_that_eats_signs_of_a_title_ends_the_build(small_site):
    small_site.replace("snippets/a/b.py", "torch.ones(4, 2) + torch.ones(3)", 'raise ValueError("no __init__ here")')
    small_site.replace("docs/a/b.md", "\n```cell\na/b#sizes-that-never-meet\n```\n", BOX)
    title = BOX.split('"')[1]
    small_site.replace("docs/a/b.md", title, "no __init__ here")
    commit_transcripts(small_site)
    eaten = small_site.run("mkdocs", "build", "-q")
    small_site.replace("docs/a/b.md", "no __init__ here", r"no \_\_init\_\_ here")
    escaped = small_site.run("mkdocs", "build", "-q")

    assert (eaten.returncode, escaped.returncode) == (1, 0), escaped.stdout
    assert "rendered otherwise than torchproof read them: no init here" in eaten.stdout
