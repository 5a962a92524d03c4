"""What a formatter does to a snippet changes nothing that a page shows."""

import subprocess
import sys

import pytest
from conftest import ROOT
from torchproof.read.snippets import read_snippet

SNIPPETS = [ROOT / folder for folder in ("snippets", "docs/walkthroughs")]


@pytest.fixture
def cell(tmp_path):
    """`cell(code)` is what is wrong with a snippet of one cell."""
    (tmp_path / "snippets").mkdir()

    def read(code):
        (tmp_path / "snippets" / "a.py").write_text(f"# %% A cell\n{code}\n", encoding="utf-8")
        return [str(problem) for problem in read_snippet(tmp_path, "a").problems]

    return read


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("x + 1;", 2),
        ("x + 1 ;  # hidden", 2),
        ("x = 1\n\nprint('a'); x + 1;\n\n# more", 4),
        ("f(\n    'ü', 1\n);", 4),
        ("'ä; ö';", 2),
    ],
    ids=["plain", "with a comment", "one of two", "of several lines", "with other letters"],
)
def test_a_semicolon_that_hides_a_value_is_refused(cell, code, line):
    assert cell(code) == [
        f"snippets/a.py:{line}: the semicolon hides the value until a formatter drops it; write `_ = …` in place of it"
    ]


@pytest.mark.parametrize(
    "code", ["x = 1;", "print(1); x", "'a;'", "x  # a; b;", "_ = x + 1", "f(  # ;\n)", "x = ;", "import torch;", ""]
)
def test_any_other_semicolon_is_none_of_our_business(cell, code):
    assert cell(code) == []


def test_every_snippet_is_as_the_formatter_leaves_it():
    command = [sys.executable, "-m", "ruff", "format", "--check", "--no-cache", *SNIPPETS]
    formatted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert formatted.returncode == 0, formatted.stdout
