"""Numbers about us come from a file that says where they are from; tables of errors from what cells raise."""

import json
import re

import pytest
from conftest import ROOT
from torchproof.compare.check import ChapterCheck
from torchproof.model.cells import Cell, Snippet
from torchproof.model.runs import CellRun, Output, Run
from torchproof.show import summary

TOLD = json.loads((ROOT / "docs/assets/history.json").read_text(encoding="utf-8"))


def test_the_sentence_holds_the_sums_and_the_table_the_lines():
    told = {
        "says": "Of {n}, {again}.",
        "columns": ["page", "n", "again"],
        "rows": [["a", 2, 1], ["b", 3, 2]],
        "from": "Us.",
    }

    assert summary.history(told) == "Of 5, 3."
    assert summary.history_table(told).split("\n")[2:] == ["| a | 2 | 1 |", "| b | 3 | 2 |", "", "Us."]


def test_what_a_cell_says_that_torch_1_printed_is_in_the_file():
    committed = re.search(r'^committed = "(.+)"', (ROOT / "snippets/start.py").read_text(encoding="utf-8"), re.M)

    assert f"`{committed[1]}`" in TOLD["comparison"]["rows"][0]


RAISES = Cell("No sum", "no-sum", "1 + 'a'", 2, frozenset({"raises-exception"}))
ELSEWHERE = Cell("No GPU", "no-gpu", "gone()", 5, frozenset({"raises-exception", "cuda"}))
SNIPPET = Snippet("a", "snippets/a.py", "", (RAISES, ELSEWHERE))
CHECK = ChapterCheck(
    SNIPPET, Run({"no-sum": CellRun("no-sum", (Output("x", "TypeError: no sum of 1 and a"),))}), [], ""
)


def test_a_table_of_errors_leads_to_the_cells_and_says_what_waits():
    rows = {"no-sum": "no sum of … | two types | `int`", "no-gpu": "no such GPU | none | buy one"}

    assert summary.errors(CHECK, rows).split("\n")[2:] == [
        "| [no sum of …](#cell-no-sum) | two types | `int` |",
        "| [no such GPU](#cell-no-gpu) (waits for a GPU run) | none | buy one |",
    ]


@pytest.mark.parametrize(
    ("slug", "title"), [("no-sum", "no sum of"), ("no-sum", "a sum of …"), ("no-cell", "no sum …")]
)
def test_a_table_of_errors_refuses_what_no_cell_raises(slug, title):
    with pytest.raises(ValueError, match=f'"{title}" is not what the cell'):
        summary.errors(CHECK, {slug: f"{title} | means | way out"})
