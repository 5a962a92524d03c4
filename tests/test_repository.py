"""The repository's own promises: the workflow, the Makefile, the pins."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import BIN, ROOT
from mkdocs.utils import yaml_load

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


JOBS = [
    pytest.param(job, id=f"{path.stem} {name}")
    for path in WORKFLOWS
    for name, job in yaml_load(path.read_text(encoding="utf-8"))["jobs"].items()
]


@pytest.mark.parametrize("job", JOBS)
def test_what_may_write_runs_neither_cells_nor_packages_and_on_no_machine_of_ours(job):
    if "write" in job.get("permissions", {}).values():
        said = str([(step.get("uses"), step.get("run")) for step in job["steps"]])

        assert not re.search("checkout|setup-python|make |pip|python|torchproof ", said)
        assert job["runs-on"] == "ubuntu-24.04"


@pytest.mark.parametrize("job", JOBS)
def test_no_pull_request_is_sent_to_a_machine_of_ours(job):
    if "self-hosted" in job["runs-on"]:
        assert "github.ref == 'refs/heads/main'" in job["if"]


def test_the_signature_is_that_of_the_workflow_that_records():
    text = (ROOT / ".github/workflows/gpu.yml").read_text(encoding="utf-8")
    signer = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["torchproof"]["attested-by"]
    repository = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["repo_url"]

    assert signer == f"{repository}/.github/workflows/gpu.yml@refs/heads/main"
    assert "snippets/cuda.attestation.jsonl" in text


@pytest.mark.parametrize("file", ["requirements.txt", "benchmarks/requirements.txt"])
def test_every_requirement_is_pinned_exactly(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith(("#", "-e"))]

    assert [line for line in requirements if not re.match(r"[\w-]+==[\w.]+(;|$)", line)] == []


def locked() -> dict[str, tuple[set[str], bool]]:
    """What requirements.lock holds: by name, its versions (one for each Python), and whether all have hashes."""
    found: dict[str, tuple[set[str], bool]] = {}
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, version = re.match(r"([\w.-]+)==(\S+)", line).groups()
            versions, hashed = found.get(name, (set(), True))
            found[name] = ({*versions, version}, hashed and "--hash=sha256:" in line)
    return found


def test_the_lock_holds_every_requirement_at_its_version_and_every_package_with_its_hashes():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.M))
    del pins["torch"]
    packages = locked()

    assert {name: version for name, version in pins.items() if packages.get(name) != ({version}, True)} == {}, (
        "make lock"
    )
    assert [name for name, (_, hashed) in packages.items() if not hashed] == []


CUDA = re.compile(r"nvidia|cuda|triton")


def test_the_lock_brings_neither_torch_nor_what_its_cuda_build_alone_needs():
    assert [name for name in locked() if name == "torch" or CUDA.match(name)] == []


def test_what_torch_needs_beside_is_in_the_lock():
    """`make install` takes torch after the lock, so that nothing but it comes without a hash."""
    needed = [re.match(r"[\w-]+", line)[0] for line in importlib.metadata.requires("torch") if "extra ==" not in line]

    assert [name for name in needed if name not in locked() and not CUDA.match(name)] == []


def test_make_alone_lists_every_target():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1].split()

    assert [target for target in targets if f"make {target} " not in listed] == []


def test_nothing_names_a_file_that_is_not_there():
    words = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", Path(ROOT / "Makefile")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in words)
    named = set(re.findall(r"\b(?:docs|snippets|scripts|tests|benchmarks)/[\w./-]+\.(?:md|py|txt)\b", text))

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
