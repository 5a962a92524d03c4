"""Problems: how they read on a terminal and in a pull request."""

from dataclasses import replace

import pytest
from torchproof.model.problems import Problem, github_lines, report

DRIFT = Problem(
    "snippets/a.py", 3, "100% of 'x'\r\nhas drifted", "docs/a.md:5", "-= 1\n+= 50%", chapter="a", acceptable=True
)


def test_github_is_told_where_and_what_in_one_escaped_line(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    told = github_lines([DRIFT, Problem("docs/b.md", 7, "no such cell")])

    assert told == [
        "::error file=snippets/a.py,line=3::100%25 of 'x'%0D%0Ahas drifted%0A-= 1%0A+= 50%25",
        "::error file=docs/b.md,line=7::no such cell",
    ]


@pytest.mark.parametrize("value", [None, "", "false"])
def test_nobody_else_is_told_so(monkeypatch, value):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    if value is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", value)

    assert github_lines([DRIFT]) == []


@pytest.mark.parametrize("command", ["torchproof check", "mkdocs build", "pytest"])
def test_every_command_marks_a_pull_request(small_site, command):
    small_site.replace("docs/a/b.md", "a/b#row-plus-column", "a/b#row-plus-colum")

    done = small_site.run(*command.split(), GITHUB_ACTIONS="true")

    assert done.returncode != 0
    assert "::error file=docs/a/b.md,line=3::" in done.stdout


def test_a_report_ends_with_the_command_that_settles_it():
    told = report([DRIFT, Problem("snippets/a.py", 9, "waits", chapter="a", acceptable=True, device="cuda")])

    assert told.startswith("torchproof: 2 problems\n\nsnippets/a.py:3: 100% of 'x'")
    assert "(shown at docs/a.md:5)\n-= 1\n+= 50%" in told
    assert "If the new output is right: torchproof accept -k a " in told
    assert "If the new output is right: torchproof record --device cuda -k a " in told


def test_the_command_names_the_chapter_whose_drift_it_settles_and_none_where_there_are_two():
    other = Problem("snippets/b.py", 9, "raises", chapter="b")

    assert "torchproof accept -k a " in report([DRIFT, other])
    assert "torchproof accept   (then" in report([DRIFT, replace(other, acceptable=True)])
