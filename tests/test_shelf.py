"""A build gives again the pages that a former one rendered, and nothing that a clean build would not write.

TORCHPROOF_EDITS=300 TORCHPROOF_SEED=7 pytest tests/test_shelf.py -s
"""

import base64
import hashlib
import itertools
import json
import re
import shutil
import zlib

import pytest
from conftest import Project
from test_serve_edits import EDITS, SEED, Author, different, first  # noqa: F401  the last is a fixture
from torchproof.run.cache import Cache

SHELF = ".cache/pages/built"
LIE = base64.b64encode(zlib.compress(b"a lie")).decode()


def built(project, **environment):
    """Status, warnings and files of a build; `CI="1"` for one that reads nothing that it did not make."""
    folder = project.root.with_name("built")
    shutil.rmtree(folder, ignore_errors=True)
    done = project.run("mkdocs", "build", "--strict", "--site-dir", str(folder), **environment)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    texts = {name: path.read_bytes().decode(errors="replace") for name, path in files.items()}
    return done.returncode, re.sub("(?m)^INFO .*\n", "", done.stdout), texts


def assert_as_clean(project, what=""):
    """A build says and writes what a clean one does; one that fails may leave other files."""
    status, said, files = built(project)
    clean = built(project, CI="1")
    assert (status, said) == clean[:2], what
    assert status or not different(files, clean[2]), f"{what}: {different(files, clean[2])}"


@pytest.fixture
def project(first, tmp_path):  # noqa: F811
    """A project that was built."""
    project = Project(shutil.copytree(first, tmp_path / "site"))
    assert built(project)[0] == 0
    return project


def entries(project):
    """The files of the shelf, and what is told in each."""
    return [(path, json.loads(path.read_text().partition("\n")[2])) for path in (project.root / SHELF).iterdir()]


def rewrite(path, told):
    """Let an entry say something else, and be whole."""
    body = json.dumps(told)
    path.write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")


def lie(project):
    """Let every entry say that its page is a lie."""
    for path, told in entries(project):
        rewrite(path, told | {"page": told["page"] | {"html": LIE}})


def lies(project):
    """The pages that a build took from the shelf."""
    status, said, files = built(project)
    assert status == 0, said
    return {name.removesuffix("index.html") for name, text in files.items() if text == "a lie"}


def test_a_build_renders_the_pages_that_changed_and_gives_the_rest(project):
    assert_as_clean(project)
    assert all(run.is_file() for run in Cache(project.root).folder.iterdir()), "a folder, which no one can trim"

    lie(project)
    pages = lies(project)
    project.replace("docs/numbers.md", "Prose 1", "Prose 2")
    after_an_edit = lies(project)
    project.replace("snippets/numbers.py", '"""Numbers."""', '"""All numbers."""')
    after_another = lies(project)
    project.replace("overrides/main.html", "Footer 1", "Footer 2")

    assert len(pages) == 11
    assert after_an_edit == pages - {"numbers/"}
    assert after_another == pages - {"numbers/", "other/"}
    assert lies(project) == set()


def test_an_entry_that_is_torn_foreign_or_older_is_a_miss(project, tmp_path):
    rotten = itertools.cycle([
        lambda path, told: path.write_bytes(b""),
        lambda path, told: path.write_bytes(b"\xff\xfe"),
        lambda path, told: path.write_bytes(path.read_bytes()[:-9]),
        lambda path, told: path.write_bytes(path.read_bytes().replace(b"<h1", b"<h2")),
        lambda path, told: rewrite(path, [told]),
        lambda path, told: rewrite(path, told | {"key": told["key"][::-1], "page": told["page"] | {"html": LIE}}),
        lambda path, told: rewrite(path, told | {"page": {"html": LIE, "asked": [], "unheard_of": 1}}),
        lambda path, told: rewrite(path, told | {"page": told["page"] | {"html": LIE, "asked": [["os", "system", [f"touch {tmp_path}/lied"], 0]]}}),
    ])  # fmt: skip
    for (path, told), rot in zip(entries(project), rotten, strict=False):
        rot(path, told)

    assert_as_clean(project)
    assert not (tmp_path / "lied").exists()


def test_what_is_wrong_with_a_page_is_said_each_time(project):
    project.write(
        "docs/picture.md", project.read("docs/picture.md") + "\n[nowhere](numbers.md#nowhere) [gone](gone.md)\n"
    )

    once, again = built(project), built(project)

    assert once[0] == again[0] == 1
    assert "'#nowhere'" in once[1]
    assert "'gone.md'" in once[1]
    assert once[1] == again[1]


def test_ci_reads_no_entry_and_writes_none(project):
    lie(project)
    before = [path.stat().st_mtime_ns for path, _ in entries(project)]

    status, _, files = built(project, CI="1")

    assert status == 0
    assert "a lie" not in files.values()
    assert [path.stat().st_mtime_ns for path, _ in entries(project)] == before


def test_after_any_edits_a_build_is_a_clean_build(project):
    author = Author(project, SEED)
    for number in range(1, 1 + EDITS // 3):
        what = author.edit()
        print(f"{number}: {what}", flush=True)
        assert_as_clean(project, f"edit {number} of seed {SEED}, {what}")
