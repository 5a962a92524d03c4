"""What only a machine with CUDA can show: `pytest -m gpu`."""

import re

import pytest
from conftest import Project, write_small_site

pytestmark = pytest.mark.gpu

SNIPPET = """\
# %% Moved
import torch

here = torch.arange(6.0).view(2, 3)
device = "cuda" if torch.cuda.is_available() else "cpu"
here.sum()

# %% There tags=["cuda"]
there = here.t().to("cuda").requires_grad_()
loss = (there @ there.t()).sum()
loss.backward()
there
"""

ASSERT = '# %% Out of range tags=["cuda"]\nimport torch\n\ntorch.zeros(2, device="cuda")[torch.tensor([5], device="cuda")].cpu()\n'
FULL = '# %% Too large tags=["cuda", "raises-exception"]\nimport torch\n\ntorch.empty(1 << 50, device="cuda")\n'


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    write_small_site(project)
    project.write("snippets/a/b.py", SNIPPET)
    project.write(
        "docs/a/b.md", "# A\n\n```cell\na/b#moved\n```\n\n```cell\na/b#there\n```\n\n`there.is_cuda`{.proof}\n"
    )
    return project


def add(project, name, code):
    project.write(f"snippets/{name}.py", code)
    slug = re.sub(r"\W+", "-", re.match(r"# %% (.*?) tags", code)[1].lower())
    project.write(f"docs/{name}.md", f"# {name}\n\n```cell\n{name}#{slug}\n```\n")


def record(project):
    return project.run("torchproof", "record", "--device", "cuda")


def test_cuda_is_recorded_the_same_twice_and_passes_its_check(project):
    first = record(project)
    assert first.returncode == 0, first.stdout
    text = project.read("snippets/a/b.cuda.txt")
    (project.root / "snippets/a/b.cuda.txt").unlink()
    second = record(project)
    assert second.returncode == 0, second.stdout
    checked = project.run("torchproof", "check", "--device", "cuda")

    assert project.read("snippets/a/b.cuda.txt") == text
    assert checked.returncode == 0, checked.stdout
    assert "device='cuda:0'" in text
    assert re.search(r"^~ 1 there +float32\[3, 2\] +on cuda:0  strides ", text, re.M)
    assert "? there.is_cuda" in text


def test_the_cpus_session_sees_no_gpu(project):
    project.write("snippets/a/b.py", SNIPPET + "\n# %% Counted\nprint(device, torch.cuda.device_count())\n")
    project.write("docs/a/b.md", project.read("docs/a/b.md") + "\n```cell\na/b#counted\n```\n")
    project.run("torchproof", "accept")

    assert "| cpu 0\n" in project.read("snippets/a/b.cpu.txt")


def test_a_device_side_assert_or_a_full_memory_leaves_the_other_sessions_alone(project):
    add(project, "assert", ASSERT)
    add(project, "full", FULL)
    done = record(project)

    assert done.returncode == 1
    assert "device-side assert" in done.stdout
    assert "OutOfMemoryError" in project.read("snippets/full.cuda.txt")
    assert "device='cuda:0'" in project.read("snippets/a/b.cuda.txt")
    assert not (project.root / "snippets/assert.cuda.txt").exists()
