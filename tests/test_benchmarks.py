"""The benchmarks still run, each night; how fast anything is, they say when they are asked."""

import json
import re

import pytest
from conftest import ROOT, Project


def test_the_build_benchmark_measures_a_small_site():
    options = ["--chapters", "1", "--rounds", "1", "--repeat", "1", "--no-verdict"]

    done = Project(ROOT).run("python", "benchmarks/build.py", *options)

    assert done.returncode == 0, done.stdout
    table = [line.partition(" / ")[0] for line in done.stdout.splitlines() if "≤" in line]
    assert table == ["cold", "warm", "X-ray", "edit"], done.stdout


def test_the_parts_of_checking_a_book_add_up_to_the_check():
    done = Project(ROOT).run("python", "benchmarks/build.py", "--book", str(ROOT), "--only", "tensors/pairs")

    assert done.returncode == 0, done.stdout
    check = float(re.search(r"check --no-cache +([\d.]+) s", done.stdout)[1])
    parts = {
        part: float(seconds) for part, seconds in re.findall(r"^  (\w.*?) +([\d.]+) s +[\d.]+%$", done.stdout, re.M)
    }
    assert {"cells", "claims", "claims: forks", "facts", "figures", "reading, comparing"} <= parts.keys()
    assert sum(parts.values()) == pytest.approx(check, abs=0.05 * len(parts) + 0.05)
    assert re.search(r"^  snippets/tensors/pairs\.py#[\w-]+ +\d+\.\d\d s$", done.stdout, re.M)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """What the comparison with other tools finds at its smallest; ours alone is asked what it notices."""
    file = tmp_path_factory.mktemp("others") / "others.json"
    sizes = ["--sizes", "1", "--ours", "2", "--workers", "1", "--rounds", "1", "--output", str(file)]
    for parts in (["strictness", "--tools", "torchproof"], ["speed", "growth", "cluster"]):
        done = Project(ROOT).run("python", "benchmarks/others.py", *sizes, "--parts", *parts)
        assert done.returncode == 0, done.stdout
    return json.loads(file.read_text(encoding="utf-8"))


def test_every_tool_was_measured_or_is_named_with_what_it_said(others):
    measured = {run["tool"] for run in others["speed"] if run["seconds"][0] > 0 and run["cpu"][0] > 0}

    assert len(others["tools"]) == 10
    assert measured | others["failed"].keys() == others["tools"].keys()
    assert all(others["failed"].values())


def test_ours_is_measured_as_a_book_grows_and_on_workers(others):
    ours = [(run["tool"], run["chapters"], run["state"]) for run in others["growth"]]

    assert ours == [("torchproof", 2, "cold"), ("torchproof", 2, "again"), ("MkDocs", 2, "cold")]
    assert [(run["workers"], run["chapters"]) for run in others["cluster"]] == [(1, 2)]


def test_ours_notices_what_the_page_says_that_it_notices(others):
    page = json.loads((ROOT / "snippets/verification/others.json").read_text(encoding="utf-8"))["strictness"]

    for table in ("notices", "shows"):
        assert others["strictness"][table]["torchproof"] == page[table]["torchproof"]
