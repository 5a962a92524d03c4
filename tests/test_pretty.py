"""A long value reads alike on the page and in a kernel: broken at the same places."""

import json

import nbformat
import pytest
from conftest import commit_transcripts
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty as by_a_kernel
from test_kernels import execute
from torchproof.run.pretty import pretty

LEAVES = st.none() | st.integers() | st.floats() | st.text("ab é", max_size=40) | st.binary(max_size=9)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=9)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(LEAVES, inner, max_size=9)
        | st.sets(LEAVES, max_size=9)
        | st.frozensets(st.integers(), max_size=30)
    ),
    max_leaves=60,
)


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_any_value_of_pythons_own_is_broken_where_a_kernel_breaks_it(value):
    assert pretty(value) == by_a_kernel(value)


class Lines:
    def __repr__(self):
        return "first\n second"


@pytest.mark.parametrize(
    "value",
    [list(range(1500)), (1,), [[]] * 40, {"a": Lines()}, [Lines(), 1], {("a", 1): {2}}, {b"b", "a", 3}],
)
def test_what_is_rare_reads_as_in_a_kernel_too(value):
    assert pretty(value) == by_a_kernel(value)


class Own(type):
    """A metaclass whose classes run its code when they are compared, or looked up."""

    def __eq__(cls, other):
        raise AssertionError("compared")


class Owned(metaclass=Own):
    def __repr__(self):
        return "owned"


def test_a_value_is_asked_for_its_text_and_its_class_for_nothing():
    assert pretty([Owned()]) == "[owned]"


def test_a_list_that_holds_itself_has_an_end():
    value = [1]
    value.append(value)

    assert pretty(value) == "[1, [...]]"


CELLS = """
# %% A long dict
{f"layer {number}": [number, number**2, (row, number)] for number in range(9)}

# %% Names in a set
{word * 12 for word in ("weights", "bias", "momentum")}

# %% Two grids
column + row, [row, column + row]
"""


def test_page_and_executed_notebook_show_the_same_text(small_site):
    slugs = ["a-long-dict", "names-in-a-set", "two-grids"]
    small_site.write("snippets/a/b.py", small_site.read("snippets/a/b.py") + CELLS)
    shown = "".join(f"\n```cell\na/b#{slug}\n```\n" for slug in slugs)
    small_site.write("docs/a/b.md", small_site.read("docs/a/b.md") + shown)
    commit_transcripts(small_site)
    small_site.run("torchproof", "notebooks", "out")
    ours = json.loads(small_site.read("out/a/b.ipynb"))
    theirs = nbformat.read(small_site.root / "out/a/b.ipynb", 4)

    execute(theirs, small_site.root)

    texts = [
        {cell["id"]: "".join(cell["outputs"][0]["data"]["text/plain"]) for cell in book["cells"] if cell["id"] in slugs}
        for book in (ours, theirs)
    ]
    assert list(texts[0]) == slugs
    assert texts[0] == texts[1]
    assert "\n 'layer 1': [1, 1, (tensor([1, 2, 3]), 1)]," in texts[0]["a-long-dict"]
