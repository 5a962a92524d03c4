"""What others published becomes a page and a snippet, and its stored outputs are compared with what comes out now."""

import nbformat
import pytest
from conftest import Project, write_small_site
from nbformat import v4

RESULT = "execute_result"


def code(source, *outputs, count=1):
    return v4.new_code_cell(source, outputs=list(outputs), execution_count=count)


NOTEBOOK = [
    v4.new_markdown_cell(
        "Tensors\n=======\n\nWhat they <em>are</em>: <a target='_x' href='https://a.b/c'><img src='https://a.b/x.png' alt='x' width=3></a>"
    ),
    code("%matplotlib inline\nimport torch"),
    code(
        "x = torch.arange(6)\nprint(x.shape)\nx.sum()",
        v4.new_output("stream", text="torch.Size([6])\n"),
        v4.new_output(RESULT, {"text/plain": "tensor(15)"}),
    ),
    v4.new_markdown_cell("## Shapes and `view`"),
    code(
        "# Another shape\nx.view(2, 3)",
        v4.new_output(RESULT, {"text/plain": "tensor([[0, 1, 2],\n        [9, 4, 5]])"}),
    ),
    code(
        "x.view(4)",
        v4.new_output("error", ename="RuntimeError", evalue="shape '[4]' is invalid for input of size 6", traceback=[]),
    ),
    code(
        '{name: list(range(12)) for name in ["a long name", "another long name"]}',
        v4.new_output(
            RESULT,
            {
                "text/plain": "{'a long name': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],\n 'another long name': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}"
            },
        ),
    ),
    code(
        "import warnings\nwarnings.warn('old')",
        v4.new_output(
            "stream", name="stderr", text="/tmp/ipykernel_7/1.py:2: UserWarning: old\n  warnings.warn('old')\n"
        ),
    ),
    code("%%bash\nls"),
    code("!nvidia-smi\nfiles = !ls\ny = 1\n# %% not a cell"),
    code(""),
]


@pytest.fixture
def site(tmp_path):
    project = Project(tmp_path)
    write_small_site(project)
    return project


def imported(site, file, *name):
    return site.run("torchproof", "import", file, *name)


def test_a_notebook_becomes_a_page_and_a_snippet_and_the_check_says_what_no_longer_comes_out(site):
    nbformat.write(v4.new_notebook(cells=NOTEBOOK), site.root / "Old course.ipynb")

    done = imported(site, "Old course.ipynb")
    check = site.run("torchproof", "check", "-k", "old_course")

    assert done.returncode == 0, done.stdout
    assert "`!nvidia-smi` is a comment now" in done.stdout
    assert "`files = !ls` is a comment now" in done.stdout
    assert "a cell of bash stays in the page" in done.stdout
    assert "1 of 7 cells no longer give what the file stores" in done.stdout
    assert site.read("docs/old_course.md").startswith(
        "Tensors\n=======\n\nWhat they *are*: [![x](https://a.b/x.png)](https://a.b/c)\n\n```cell\nold_course#tensors\n```\n"
    )
    assert "```bash\nls\n```" in site.read("docs/old_course.md")
    snippet = site.read("snippets/old_course.py")
    titles = [line for line in snippet.splitlines() if line.startswith("# %%")]
    assert titles == [
        "# %% Tensors",
        "# %% Tensors, 2",
        "# %% Another shape",
        '# %% Shapes and view tags=["raises-exception"]',
        "# %% Shapes and view, 2",
        "# %% Shapes and view, 3",
        "# %% Shapes and view, 4",
    ]
    assert check.returncode == 1
    assert check.stdout.count("has drifted") == 1
    assert "-=         [9, 4, 5]])\n" in check.stdout
    assert "+=         [3, 4, 5]])\n" in check.stdout

    accepted = site.run("torchproof", "accept")
    built = site.run("mkdocs", "build", "--strict")

    assert accepted.returncode == 0, accepted.stdout
    assert built.returncode == 0, built.stdout


GALLERY = '''"""
Old and new
===========

From `NumPy <https://numpy.org>`_ with :func:`torch.from_numpy`.
"""

######################################################################
# Two rows
# --------
#
# Ones.

import torch

torch.ones(2, 3)

######################################################################
# .. note::
#    In a box,
#    of two lines.
#
# Never seen ``again``.

print(torch.zeros(1))
'''


def test_a_gallery_script_becomes_a_page_in_markdown(site):
    site.write("old_tutorial.py", GALLERY)

    done = imported(site, "old_tutorial.py", "old/new")

    assert done.returncode == 0, done.stdout
    assert "docs/old/new.md, snippets/old/new.py written" in done.stdout
    page = site.read("docs/old/new.md")
    assert page.startswith("# Old and new\n\nFrom [NumPy](https://numpy.org) with `torch.from_numpy`.")
    assert (
        "## Two rows\n\nOnes.\n\n```cell\nold/new#two-rows\n```\n\n!!! note\n\n    In a box,\n    of two lines.\n\nNever seen `again`."
        in page
    )
    assert site.run("torchproof", "accept", "-k", "old/new").returncode == 0


def test_a_page_is_rewritten_in_place_and_its_other_fences_stay(site):
    site.write(
        "docs/guide.md",
        "# Guide\n\nFirst.\n\n```python\n1 + 1\n```\n\n```bash\nls\n```\n\n~~~ py title='x'\nprint(2)\n~~~\n\nEnd.\n",
    )

    done = imported(site, "docs/guide.md")

    assert done.returncode == 0, done.stdout
    assert site.read("docs/guide.md") == (
        "# Guide\n\nFirst.\n\n```cell\nguide#guide\n```\n\n```bash\nls\n```\n\n```cell\nguide#guide-2\n```\n\nEnd.\n"
    )
    assert site.run("torchproof", "accept", "-k", "guide").returncode == 0


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("x.ipynb", "{", "x.ipynb cannot be read"),
        ("x.md", "# Only prose\n", "x.md holds no code to run"),
        ("x.rst", "x", "neither a notebook (.ipynb) nor a script (.py) nor a page (.md)"),
        ("a/b.py", "print(1)", None),
    ],
)
def test_what_cannot_be_imported_is_told_and_nothing_is_written(site, file, text, said):
    site.write(file, text)
    before = {path: path.read_bytes() for path in site.root.rglob("*") if path.is_file()}

    done = imported(site, file, *(["a/b"] if said is None else []))

    assert done.returncode == 2
    assert (said or "docs/a/b.md exists; remove it, or give another name") in done.stdout
    assert "Traceback" not in done.stdout
    assert {path: path.read_bytes() for path in site.root.rglob("*") if path.is_file()} == before
