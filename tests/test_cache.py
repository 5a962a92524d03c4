"""The cache: whatever a session's result depends on is in the key of its entry, and nothing else is."""

import functools
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from torchproof.model.runs import CellRun, Claim, Job, Run, Step
from torchproof.run import cache, environment
from torchproof.run.cache import Cache

ENGINE = Path(cache.__file__).parents[1]
JOB = Job("snippets/a.py", "# %% A\nx = 1\n", (Step("a", "x = 1", 2, False),), "cpu")
RUN = Run({"a": CellRun("a")}, files=("data.txt", "helper.py"), modules=("polars", "sklearn", "PIL", "json"))
INSTALLED = {"polars": "1.30.0", "scikit-learn": "1.9.1", "pillow": "12.0.0", "unused": "1.0"}


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A cache that holds the run of a session which imported three packages and read two files."""
    packages = {"polars": "polars", "sklearn": "scikit-learn", "PIL": "pillow", "unused": "unused"}
    known = {module: [SimpleNamespace(name=name)] for module, name in packages.items()}
    monkeypatch.setattr(environment, "_packages", lambda: known)
    say(monkeypatch, INSTALLED)
    cache._engine.cache_clear()
    (tmp_path / "data.txt").write_text("1")
    (tmp_path / "helper.py").write_text("x = 1\n")
    kept = Cache(tmp_path)
    kept.save(JOB, RUN)
    yield kept
    cache._engine.cache_clear()


def say(monkeypatch, versions):
    """Let these distributions be installed."""
    for module in (cache, environment):
        monkeypatch.setattr(module, "version_of", lambda name: versions.get(name, ""))


def test_what_was_kept_is_found(stored):
    assert stored.load(JOB) == RUN


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        (sys, "version", "3.99.0 (another Python)"),
        (platform, "machine", lambda: "another machine"),
        (cache, "ENVIRONMENT", cache.ENVIRONMENT | {"OMP_NUM_THREADS": "2"}),
    ],
    ids=["Python", "processor", "pinned environment"],
)
def test_another_place_to_run_is_a_miss(stored, monkeypatch, where, name, value):
    monkeypatch.setattr(where, name, value)
    cache._engine.cache_clear()

    assert stored.load(JOB) is None


@pytest.mark.parametrize(
    ("file", "hit"),
    [
        *((path, False) for room in ("model", "run") for path in sorted((ENGINE / room).glob("*.py"))),
        *(
            (path, True)
            for room in ("show", "read", "compare", "builders")
            for path in sorted((ENGINE / room).glob("*.py"))
        ),
        *((path, True) for path in sorted(ENGINE.glob("*.py"))),
    ],
    ids=lambda value: value.relative_to(ENGINE).as_posix() if isinstance(value, Path) else "",
)
def test_only_what_runs_inside_a_session_is_part_of_the_key(stored, monkeypatch, file, hit):
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **kw: read(path, **kw) + "# edited\n" * (path == file))
    cache._engine.cache_clear()

    assert (stored.load(JOB) == RUN) == hit


@pytest.mark.parametrize("name", ["polars", "scikit-learn", "pillow"])
@pytest.mark.parametrize("version", ["99.0", ""], ids=["another version", "gone"])
def test_another_version_of_what_the_session_imported_is_a_miss(stored, monkeypatch, name, version):
    say(monkeypatch, INSTALLED | {name: version})

    assert stored.load(JOB) is None


def test_another_version_of_what_it_did_not_import_is_a_hit(stored, monkeypatch):
    say(monkeypatch, INSTALLED | {"unused": "2.0"})

    assert stored.load(JOB) == RUN


def test_another_build_of_the_same_version_is_a_miss(stored, monkeypatch):
    monkeypatch.setattr(cache, "build_of", lambda name: "made anew" if name == "polars" else "")

    assert stored.load(JOB) is None


def test_what_was_made_of_a_folder_is_told_from_others_of_its_version_and_a_release_is_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    told = tmp_path / "my_own-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: my-own\nVersion: 1.0\n")
    (told / "RECORD").write_text("my_own.py,sha256=one,9\n")
    found = {environment.build_of.__wrapped__("my-own")}
    (told / "direct_url.json").write_text('{"url": "file:///here"}')
    found.add(environment.build_of.__wrapped__("my-own"))
    (told / "RECORD").write_text("my_own.py,sha256=two,9\n")
    found.add(environment.build_of.__wrapped__("my-own"))

    assert len(found) == 3
    assert "" in found


@pytest.mark.parametrize("file", ["data.txt", "helper.py"])
@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_a_changed_file_that_the_session_read_is_a_miss(stored, file, change):
    path = stored.root / file
    path.unlink() if change == "deleted" else path.write_text("2")

    assert stored.load(JOB) is None


def test_a_file_that_it_did_not_read_is_no_matter(stored):
    (stored.root / "other.txt").write_text("1")

    assert stored.load(JOB) == RUN


STEP = JOB.steps[0]


@pytest.mark.parametrize(
    "job",
    [
        Job("snippets/b.py", JOB.text, JOB.steps, "cpu"),
        Job(JOB.file, JOB.text + "\n", JOB.steps, "cpu"),
        Job(JOB.file, JOB.text, (Step("a", "x = 2", 2, False),), "cpu"),
        Job(JOB.file, JOB.text, (Step("a", "x = 1", 3, False),), "cpu"),
        Job(JOB.file, JOB.text, (Step("a", "x = 1", 2, True),), "cpu"),
        Job(JOB.file, JOB.text, (Step("a", "x = 1", 2, False, (Claim("proof", "x == 1"),)),), "cpu"),
        Job(JOB.file, JOB.text, (STEP, STEP), "cpu"),
        Job(JOB.file, JOB.text, JOB.steps, "cuda"),
    ],
    ids=["file", "text", "code", "line", "tag", "proof", "cells", "device"],
)
def test_another_job_is_a_miss(stored, job):
    assert stored.load(job) is None


def test_an_entry_that_was_read_is_given_again_while_it_is_on_disk_as_it_was(stored):
    (entry,) = stored.folder.iterdir()
    run, text = stored.load(JOB), entry.read_text()

    assert stored.load(JOB) is run
    entry.write_text(text[:-1])
    assert stored.load(JOB) is None
    entry.write_text(text)
    (stored.root / "data.txt").write_text("2")
    assert stored.load(JOB) is None


def test_the_oldest_entries_go_once_there_are_too_many(tmp_path):
    kept = Cache(tmp_path, keep=4)
    jobs = [Job(f"snippets/{number}.py", "", (), "cpu") for number in range(6)]
    for number, job in enumerate(jobs):
        kept.save(job, Run())
        os.utime(kept.folder / cache.key_of(job), (number, number))

    assert [job.file for job in jobs if kept.load(job)] == [f"snippets/{number}.py" for number in (2, 3, 4, 5)]
    assert len(list(kept.folder.iterdir())) == 4


HERE = """
# %% What this machine has
import os

if not os.path.exists({flag!r}):
    raise OSError("no room")
print(open({flag!r}).read())
"""


def test_what_a_machine_did_once_is_asked_again(small_site, tmp_path):
    flag = tmp_path / "flag"
    small_site.write("snippets/a/b.py", small_site.read("snippets/a/b.py") + HERE.format(flag=str(flag)))
    small_site.write("docs/a/b.md", small_site.read("docs/a/b.md") + "\n```cell\na/b#what-this-machine-has\n```\n")
    assert "OSError: no room" in small_site.run("torchproof", "check").stdout

    flag.write_text("1")  # what raised and must not is kept nowhere
    assert "OSError" not in small_site.run("torchproof", "check").stdout

    flag.write_text("2")  # what was kept is mended by whoever runs it without asking the cache
    assert small_site.run("torchproof", "accept").returncode == 0
    assert small_site.run("torchproof", "check").returncode == 0
    assert "| 2" in small_site.read("snippets/a/b.cpu.txt")


def test_modules_come_from_the_distributions_that_the_standard_library_names():
    known = {module: {*names} for module, names in metadata.packages_distributions().items() if module != "__pycache__"}
    name = functools.cache(lambda found: found.name)
    told = {module: {*map(name, there)} for module, there in environment._packages().items()}

    assert len(known) > 50
    assert {module: told[module] for module in known} == known
    assert environment.distributions(["torch", "json", "no_such_module"]) == {"torch": metadata.version("torch")}
