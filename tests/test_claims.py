"""The reviewer's list: sentences that nothing evaluated stands behind, and typed numbers that outputs hold."""

import pytest
from conftest import Project, write_small_site

SNIPPET = """\
# %% A loss
loss = 2.9415
print(f"loss = {loss:.4f} of 12 and 1,024")

# %% Later
7.25

# %% Hidden tags=["remove-cell"]
"""

TRANSCRIPT = """\
torchproof 2 · snippets/said.py · cpu · torch none

%% a-loss
| loss = 2.9415 of 12 and 1,024

%% later
= 7.25

%% hidden
"""

PAGE = """\
---
title: never
---
# A title that never counts

A sentence before the cell, never alone.
It has a cell below.

```cell
said#a-loss
```

Nobody proves this.
It never fails.

This does, always: `loss > 2`{.proof}.
So every sentence of its paragraph is backed.

It says `loss:.2f`{.value}, and all is well.

<!-- no sentence, never -->
Is it always so?
The word `only` is code, and [this](never.md) a target; `x.only()` too.

- Nothing but an item.
- Any item: `loss > 1`{.proof}.

| never | in a head |
| --- | --- |
| a row | `loss`{.value} |
| no row | backed |

!!! note "Never a title"

    It cannot be.

    ```table
    loss
    ```

[A link, always](index.md).

The loss is 2.94, or 2.95, of 12 or 13, `1024` in 7 steps and $12$; [12](x12.md) and 7.25 come later.

```cell
said#later
```

Now 7.25 is there, x12 is not.
"""

LISTED = [
    "docs/said.md:14: ! It never fails.",
    "docs/said.md:25: ! - Nothing but an item.",
    "docs/said.md:31: ! | no row | backed |",
    "docs/said.md:13: Nobody proves this.",
    "docs/said.md:23: The word `only` is code, and [this](never.md) a target; `x.only()` too.",
    "docs/said.md:49: Now 7.25 is there, x12 is not.",
]

TYPED = [
    ("docs/said.md:43", "2.94", "a-loss"),
    ("docs/said.md:43", "12", "a-loss"),
    ("docs/said.md:43", "1024", "a-loss"),
    ("docs/said.md:43", "12", "a-loss"),
    ("docs/said.md:49", "7.25", "later"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("claims") / "site")
    write_small_site(project)
    project.write("snippets/said.py", SNIPPET)
    project.write("snippets/said.cpu.txt", TRANSCRIPT)
    project.write("docs/said.md", PAGE)
    return project


@pytest.fixture(scope="module")
def listed(site):
    done = site.run("torchproof", "claims", "docs/said.md")
    assert done.returncode == 0, done.stdout
    return done.stdout.strip().split("\n")


def test_it_lists_what_nothing_stands_behind_the_largest_words_first(listed):
    assert [line for line in listed if " was typed" not in line] == LISTED


def test_then_it_lists_typed_numbers_that_an_output_above_holds(listed):
    found = [line.split(": ")[:2] for line in listed if " was typed" in line]

    assert [(place, said.split()[0], said.split("'")[1]) for place, said in found] == TYPED


def test_it_names_a_page_by_its_chapter_too(site, listed):
    assert site.run("torchproof", "claims", "said").stdout.strip().split("\n") == listed


def test_lines_of_a_walk_through_are_those_of_its_file(site):
    walk = "# %% [markdown]\n# # A walk\n#\n# It cannot fail.\n\n# %% A cell\n12.5\n\n# %% [markdown]\n# It says 12.5, not 3.\n"
    site.write("docs/walks/walk.py", walk)
    site.write("docs/walks/walk.cpu.txt", "torchproof 2\n\n%% a-cell\n= 12.5\n")

    told = site.run("torchproof", "claims", "docs/walks/walk.py").stdout

    (site.root / "docs/walks/walk.py").unlink()
    assert told.split("\n")[:2] == [
        "docs/walks/walk.py:10: It says 12.5, not 3.",
        "docs/walks/walk.py:10: 12.5 was typed, and 'a-cell' has it: It says 12.5, not 3.",
    ]


def test_a_page_that_is_not_there_is_told(site):
    done = site.run("torchproof", "claims", "docs/sad.md")

    assert done.returncode == 2
    assert done.stdout == "no page docs/sad.md; did you mean 'said'?\n"
