"""What one more chapter costs does not grow with the book."""

import cProfile
import sys

import pytest
from conftest import ROOT
from torchproof.compare.check import Comparison
from torchproof.compare.site import Site
from torchproof.model.runs import Run

sys.path.append(str(ROOT / "benchmarks"))


def test_reading_and_comparing_a_chapter_takes_as_many_calls_among_160_as_among_40(tmp_path):
    from chapters import chapter_text, write_book

    def calls(numbers):
        root = tmp_path / str(len(numbers))
        write_book(root, {f"c{number}": chapter_text(number) for number in numbers})
        with cProfile.Profile() as profile:
            site = Site.read(root)
            assert all("no transcript yet" in problem.message for problem in site.problems)
            for snippet in site.snippets.values():
                comparison = Comparison(site, snippet, "cpu", Run())
                assert not [*comparison.false_claims()]
                assert site.place(snippet.name, snippet.cells[0].slug)
        return sum(entry.callcount for entry in profile.getstats()) / len(numbers)

    calls(range(10, 20))  # what is done once, and kept
    assert calls(range(200, 360)) == pytest.approx(calls(range(100, 140)), rel=0.02)
