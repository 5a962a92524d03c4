"""The benchmarks still run; how fast anything is, they say when they are asked."""

import subprocess
import sys

from conftest import ROOT


def test_the_build_benchmark_measures_a_small_site():
    command = [sys.executable, "benchmarks/build.py", "--chapters", "2", "--rounds", "1", "--no-verdict"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    table = [line.partition(" / ")[0] for line in done.stdout.splitlines() if "≤" in line]
    assert table == ["cold", "warm", "X-ray", "edit"], done.stdout
