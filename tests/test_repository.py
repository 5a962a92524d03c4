"""The repository's own promises: the workflow, the Makefile, the pins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.skipif(sys.platform != "linux", reason="the package holds Linux's binary")
def test_actionlint_finds_nothing_in_the_workflows():
    checked = subprocess.run([BIN / "actionlint", *WORKFLOWS], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def test_actionlint_would_find_something(tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on:", "runs_on:"), encoding="utf-8")

    assert subprocess.run([BIN / "actionlint", broken], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(workflow):
    uses = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))

    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_more(workflow):
    assert re.search(r"^permissions:\n  contents: read\n\n", workflow.read_text(encoding="utf-8"), re.M)


def test_every_requirement_is_pinned_exactly():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith(("#", "-e"))]

    assert [line for line in requirements if not re.match(r"[\w-]+==[\w.]+(;|$)", line)] == []


def test_make_alone_lists_every_target():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()

    assert [target for target in targets if f"make {target} " not in listed] == []


def test_nothing_names_a_file_that_is_not_there():
    words = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", Path(ROOT / "Makefile")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in words)
    named = set(re.findall(r"\b(?:docs|snippets|scripts|tests|benchmarks)/[\w./-]+\.(?:md|py|txt)\b", text))

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
