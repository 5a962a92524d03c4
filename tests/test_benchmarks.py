"""The benchmarks still run, each night; how fast anything is, they say when they are asked."""

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
