"""The benchmarks still run; how fast anything is, they say when they are asked."""

from conftest import ROOT, Project


def test_the_build_benchmark_measures_a_small_site():
    options = ["--chapters", "1", "--rounds", "1", "--repeat", "1", "--no-verdict"]

    done = Project(ROOT).run("python", "benchmarks/build.py", *options)

    assert done.returncode == 0, done.stdout
    table = [line.partition(" / ")[0] for line in done.stdout.splitlines() if "≤" in line]
    assert table == ["cold", "warm", "X-ray", "edit"], done.stdout
