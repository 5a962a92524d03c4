"""What the tests share: the real project, a copy of it, small sites, and the commands as a user types them."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu: runs where CUDA is")


class Project:
    """A project on disk, and the commands run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        """Change one place of a file; fails when `old` is not there."""
        text = self.read(file)
        assert old in text, f"{file} holds no {old!r}"
        self.write(file, text.replace(old, new, 1))

    def run(self, *command: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        """Run a command of the environment that the tests run in; its output is text, stderr included."""
        # pytest's and the caller's CI must not decide what a test means
        inherited = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS")}
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=cwd or self.root,
            env=inherited | {"NO_MKDOCS_2_WARNING": "1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """`once(name, make)` is a folder that `make(folder)` has filled, once for all xdist workers of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name, make):
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                (shared / f"{name}.made").touch()
        return folder

    return made


def processes(marker: str) -> list[int]:
    """The running processes whose command line, first environment or working folder holds `marker`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            told += os.fsencode(os.readlink(folder / "cwd"))
        except OSError:  # ended meanwhile, or another user's
            continue
        if marker.encode() in told and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def wait_for(what, seconds=60):
    """The first true value of `what()`; the last value if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


@pytest.fixture
def small_site(tmp_path):
    """A site of one chapter, `a/b`, without a transcript."""
    project = Project(tmp_path / "site with space")
    write_small_site(project)
    return project


@pytest.fixture
def copy_of_the_site(tmp_path):
    """The real project's pages, snippets and configuration, in another folder."""
    project = Project(tmp_path / "copy")
    copy_site(project.root)
    return project


def copy_site(target: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("docs", "snippets", "overrides"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, target / name, ignore=skipped)
    for name in ("mkdocs.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, target / name)
    config = (target / "mkdocs.yml").read_text(encoding="utf-8")
    (target / "mkdocs.yml").write_text(config.replace("watch: [snippets, scripts]", "watch: [snippets]"))


def write_small_site(project: Project) -> None:
    project.write(
        "mkdocs.yml",
        """\
site_name: Small
theme: { name: material, font: false }
markdown_extensions:
  - admonition
  - attr_list
  - pymdownx.details
  - pymdownx.highlight
  - pymdownx.superfences
  - tables
  - torchproof
watch: [snippets]
""",
    )
    project.write("docs/index.md", "# Home\n")
    project.write(
        "snippets/a/b.py",
        '''\
"""Broadcasting."""

# %% Row plus column
import torch

row = torch.tensor([1, 2, 3])  # (3,)
column = torch.tensor([[10], [20]])  # (2, 1)
column + row

# %% Sizes that never meet tags=["raises-exception"]
torch.ones(4, 2) + torch.ones(3)
''',
    )
    project.write(
        "docs/a/b.md",
        """\
# Broadcasting

```cell
a/b#row-plus-column
```

The stretched axis has stride 0: `row.expand(2, 3).stride() == (0, 1)`{.proof}.

```cell
a/b#sizes-that-never-meet
```
""",
    )
