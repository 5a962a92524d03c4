"""The verification page's numbers: what is counted, of what, and what stands where there is nothing."""

import pytest
from torchproof.compare.check import ChapterCheck
from torchproof.compare.recordings import Recorded, Recording
from torchproof.model.cells import Cell, Snippet
from torchproof.model.drawings import Memory, Row, Table, Value
from torchproof.model.problems import Problem
from torchproof.model.runs import CellRun, Fact, Figure, Measured, Output, Run
from torchproof.read.pages import scan
from torchproof.show import summary

CELLS = (
    Cell("A", "a", "", 1),
    Cell("B", "b", "", 3),
    Cell("C", "c", "", 5, frozenset({"cuda"})),
    Cell("D", "d", "", 7, frozenset({"cuda", "remove-cell"})),
)
SNIPPET = Snippet("x/y", "snippets/x/y.py", "", CELLS)
MEASURED = (
    Measured("proof", "1 == x"),
    Measured("proof", "2 == x"),
    Measured("table", "x\ny", data=Table((Row("", "x", "1"), Row("", "y", "2")))),
    Measured("value", "x", data=Value("1")),
    Measured("memory", "x", data=Memory("int64", (), ())),
    Measured("trial", "x = 1"),
)
RUNS = {
    "a": CellRun("a", (Output("|", "1\n"), Output("=", "2")), (Fact(1, "x"),) * 3, (Figure(("1",), "<svg/>"),)),
    "b": CellRun("b", (Output("x", "ValueError: no"),), (Fact(1, "y"),), (), measured=MEASURED),
}
VERSIONS = {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6", "matplotlib": "3.11.2"}
PAGES = {"x/y": scan("x/y", "# A *page* { #there }\n")}
SAID = {"torch": "2.13.0", "gpu": "NVIDIA H100", "driver": "555", "float32": "ieee", "date": "2026-11-22"}


def checked(*, problems=(), recorded=None):
    """A chapter that ran: seven outputs, four states, three drawings, two proofs."""
    made = {"cuda": Recording("cuda", SAID, recorded)} if recorded else {}
    return ChapterCheck(SNIPPET, Run(RUNS, versions=VERSIONS), list(problems), "", made)


def recorded(**states):
    return {slug: Recorded(state.replace("_", " ")) for slug, state in states.items()}


def test_the_sentence_counts_the_outputs_states_and_proofs_of_all_chapters():
    said = summary.counts([checked(), checked()])

    assert said == (
        "**14** outputs and **8** tensor states compared, **4** proofs checked under torch 2.13.0 on CPU, in this build."
    )


def test_a_build_without_chapters_counts_nothing():
    assert summary.counts([]).startswith("**0** outputs and **0** tensor states compared, **0** proofs checked on CPU")


def test_the_row_of_a_chapter_has_its_counts_its_title_and_where_it_is():
    assert summary.chapters([checked()], PAGES).split("\n")[2:] == [
        "| [A *page*](x/y.md) | 4 | 7 | 4 | 3 | 2 | as\u00a0committed |"
    ]


@pytest.mark.parametrize(("count", "says"), [(1, "1\u00a0problem"), (2, "2\u00a0problems")])
def test_a_chapter_with_problems_is_not_as_committed(count, says):
    check = checked(problems=[Problem("snippets/x/y.py", 1, "drifted")] * count)

    assert summary.chapters([check], PAGES).endswith(f"| {says} |")
    assert summary.chapter_line(check).startswith(f"{count} problem")


def test_the_line_of_a_page_says_what_was_compared_with_what_and_what_a_device_did():
    made = recorded(a="fresh", c="older_torch", d="stale")

    assert summary.chapter_line(checked(recorded=made)) == (
        "7 outputs compared, 2 proofs checked · CPU · python 3.11.9 · torch 2.13.0 · numpy 2.4.6 · "
        "CUDA: 2 cells recorded on NVIDIA H100 · torch 2.13.0 · 2026-11-22 · contributed"
    )


def test_the_line_of_a_page_counts_what_shows_no_output_yet_where_a_reader_looks_for_it():
    assert summary.chapter_line(checked(recorded=recorded(c="missing", d="missing"))).endswith(
        "CUDA: 1 cell without output yet"
    )


def test_a_chapters_recorded_cells_are_counted_by_state():
    made = recorded(a="fresh", b="fresh", c="stale", d="gone")
    rows = summary.chapters([checked(recorded=made), checked()], PAGES).split("\n")

    assert rows[0].endswith("| state | CUDA |")
    assert [row.split(" | ")[-1] for row in rows[2:]] == ["2 fresh, 1 stale, 1 gone |", "– |"]


def test_the_recordings_table_counts_the_shown_cells_of_each_machine_and_what_waits():
    checks = [checked(recorded=recorded(a="fresh", b="older_torch", c="stale", d="missing"))] * 2
    lines = summary.recordings(checks).split("\n")

    assert lines[0] == "| device | torch | GPU | driver | float32 | recorded | by whom | cells |"
    assert lines[1].count("|") == lines[0].count("|") == lines[2].count("|")
    assert lines[2] == "| CUDA | 2.13.0 | NVIDIA H100 | 555 | ieee | 2026-11-22 | contributed | 4 |"
    assert lines[-1] == "4 cells of 2 chapters wait for a GPU run (`torchproof record --device cuda`)."


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        ([checked()], "No chapter has cells of another device."),
        ([checked(recorded=recorded(a="fresh"))], "No cell waits for a GPU run."),
    ],
)
def test_where_nothing_waits_the_recordings_say_so(checks, says):
    assert summary.recordings(checks).endswith(says)


def test_the_environment_is_what_the_sessions_had():
    assert summary.environment([checked()]).split("\n")[0] == "| device | python | torch | numpy | matplotlib |"
    assert summary.environment([checked()]).split("\n")[2] == "| CPU | 3.11.9 | 2.13.0 | 2.4.6 | 3.11.2 |"
