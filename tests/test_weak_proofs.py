"""Proofs that cannot fail are refused; those that may prove too little are listed for a person."""

import pytest
from conftest import commit_transcripts
from torchproof.read.proofs import hollow

CANNOT_FAIL = {
    "arithmetic": "33 * 32 + 22 == 1078",
    "builtins": "len(str(2**10)) == 4 and isinstance(True, int)",
    "a module of Python's": "2 < math.sqrt(5) < 3",
    "names of its own": "[i for i in range(3)] == (lambda a: a)([0, 1, 2])",
    "half of it": "row.sum() == 6 and 1 + 1 == 2",
    "a docstring": '"a copy" in torch.clone.__doc__',
    "a docstring by its words": '"copy" in " ".join(torch.clone.__doc__.split())',
    "a docstring by inspect": '"copy" in inspect.getdoc(torch.clone)',
}


@pytest.mark.parametrize("source", CANNOT_FAIL.values(), ids=CANNOT_FAIL)
def test_a_proof_that_says_nothing_of_torch_is_hollow(source):
    assert hollow(source)


@pytest.mark.parametrize(
    "source",
    [
        "row.sum() == 6",
        "len(rows) == 20",
        "torch.ones(3).sum() == 3",
        "all(x > 0 for x in row)",
        "(share := row.sum()) and share * 2 == 12",
        "torch.clone.__name__ == 'clone'",
        "row.",
    ],
)
def test_a_proof_that_names_what_a_cell_or_torch_made_is_not(source):
    assert not hollow(source)


@pytest.mark.parametrize("source", [CANNOT_FAIL["arithmetic"], CANNOT_FAIL["a docstring"]], ids=["numbers", "words"])
def test_the_check_refuses_a_hollow_proof_and_says_where(small_site, source):
    small_site.replace("docs/a/b.md", "row.expand(2, 3).stride() == (0, 1)", source)
    commit_transcripts(small_site)

    done = small_site.run("torchproof", "check", "-k", "a/b")

    assert done.returncode == 1
    assert f"docs/a/b.md:7: the proof `{source}` " in done.stdout
    assert "or drop {.proof}" in done.stdout


CHAPTER = """\
# %% A row
import torch

row = torch.zeros(3)

# %% One write
row[0] = 9
"""

PAGE = """\
# Weak

```cell
weak#a-row
```

It has three places: `len(row) == 3`{.proof}.
On a GPU as well: `row.sum() == 0`{.proof}.

```cell
weak#one-write
```

The first is 9: `row[0] == 9`{.proof}.
The last is 0: `row[-1] == 0`{.proof}.
"""


def test_proofs_true_before_their_cell_and_sentences_about_gpus_are_listed_and_fail_nothing(small_site):
    small_site.write("snippets/weak.py", CHAPTER)
    small_site.write("docs/weak.md", PAGE)

    done = small_site.run("torchproof", "check", "--weak", "-k", "weak")

    assert done.returncode == 0
    assert done.stdout == (
        "docs/weak.md:8: speaks of a GPU, evaluated by the CPU: `row.sum() == 0`\n"
        "    On a GPU as well: `row.sum() == 0`{.proof}.\n"
        "docs/weak.md:15: true before 'one-write' ran: `row[-1] == 0`\n"
        "    The last is 0: `row[-1] == 0`{.proof}.\n"
    )
