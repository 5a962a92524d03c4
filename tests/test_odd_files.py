"""Whatever lies in a project's folders: no traceback, no hanging, nothing lost; a problem that says where and what."""

import os
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import BIN, Project, write_small_site
from torchproof.compare.accept import accept
from torchproof.compare.site import Site
from torchproof.files import settings
from torchproof.model.runs import CellRun, Job, Output, Run
from torchproof.run.cache import Cache

SNIPPET, TRANSCRIPT, PAGE = "snippets/a/b.py", "snippets/a/b.cpu.txt", "docs/a/b.md"
NEW = ["snippets/a/x.py", "docs/x.md", "docs/x.py", "snippets/a/b.cuda.txt"]


@pytest.fixture
def project(tmp_path):
    """A small site with a transcript that no run wrote: nothing runs here."""
    small = Project(tmp_path / "site")
    write_small_site(small)
    small.write(TRANSCRIPT, f"torchproof 2 · {SNIPPET} · cpu · torch 2.13.0\n")
    settings.cache_clear()
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits for ever"))
    signal.alarm(60)
    yield small
    signal.alarm(0)


def problems(project):
    """What is wrong before anything runs; the site is asked all that a check asks it."""
    site = Site.read(project.root)
    for snippet in site.snippets.values():
        site.job(snippet, snippet.for_device("cpu"), "cpu")
        site.committed(snippet)
    return [str(problem) for problem in site.problems]


def _socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # the name of a socket is short
        made.bind(path.name)


FILES = {
    "a folder": (os.mkdir, "is a folder with the name of a file; rename it"),
    "a link that leads nowhere": (lambda path: path.symlink_to("nowhere"), "is a link that leads to no file; mend it"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "is a link that leads to no file; mend it"),
    "a pipe": (os.mkfifo, "is a pipe, a socket or a device, and no file; remove it"),
    "a socket": (_socket, "is a pipe, a socket or a device, and no file; remove it"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "is a pipe, a socket or a device, and no file"),
    "what nobody may read": (lambda path: path.symlink_to("/proc/self/mem"), "cannot be read (Input/output error)"),
    "gigabytes": (lambda path: os.truncate(path, 3 << 30), "holds more than 16 MB; take out what no page needs"),
    "zeros after a power cut": (lambda path: path.write_bytes(bytes(4096)), "holds a zero byte, which no text does"),
    "UTF-16": (lambda path: path.write_text("# %% A\n", encoding="utf-16"), "holds a zero byte, which no text does"),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="the odd files are those of Linux")
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("file", [*NEW, SNIPPET, PAGE, TRANSCRIPT])
def test_what_is_no_text_under_the_name_of_one_is_named(project, file, kind, monkeypatch):
    make, what = FILES[kind]
    monkeypatch.chdir(project.root)
    path = project.root / file
    path.unlink(missing_ok=True)
    if kind in ("gigabytes", "UTF-16"):
        path.touch()

    make(path)

    if file.endswith(".txt"):  # what it was nobody knows, so it is not replaced
        way_out = "accept" if file == TRANSCRIPT else "record --device cuda"
        what = f"{what.partition('; ')[0]}; delete it, and let `torchproof {way_out}` write it anew"
    assert [said for said in problems(project) if said.startswith(f"{file}:1: {what}")]
    assert not [said for said in problems(project) if "no transcript yet" in said]


@pytest.mark.parametrize("file", [SNIPPET, PAGE])
def test_a_merge_conflict_is_named(project, file):
    text = project.read(file)
    project.write(file, f"{text}<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> other\n")

    line = text.count("\n") + 1
    assert f"{file}:{line}: holds a merge conflict; resolve it" in problems(project)


@pytest.mark.parametrize("file", [SNIPPET, PAGE])
def test_signs_of_a_conflict_in_prose_are_none(project, file):
    before = problems(project)
    project.write(file, f"{project.read(file)}# =======\n# <<<<<<< HEAD\n=======\n")

    assert problems(project) == before


@pytest.mark.parametrize(
    "file",
    [
        "snippets/a/.ipynb_checkpoints/b-checkpoint.py",
        "snippets/.idea/b.py",
        "snippets/.old/a/b.cpu.txt",
        "docs/walkthroughs/.ipynb_checkpoints/ball-checkpoint.py",
        "docs/.idea/b.md",
        "docs/.old.md",
        "snippets/a/b.py~",
        "snippets/a/#b.py#",
        "snippets/a/._b.py",
        "snippets/a/.b.py.swp",
    ],
)
def test_what_editors_leave_behind_is_no_chapter(project, file):
    before = problems(project)
    project.write(file, "# %% A cell of before\n```cell\nno/such#cell\n```\n")

    assert problems(project) == before


TAGS = {
    "a list in a list": "[[]]",
    "a table": "[{}]",
    "numbers": "[1]",
    "bytes": '[b"volatile"]',
    "names": "[volatile]",
    "a sum": "[1 + 1]",
    "many brackets": "[" * 90_000 + "]" * 90_000,
    "many signs": f"[{'-' * 50_000}1]",
    "many digits": f"[{'9' * 5_000}]",
}


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
def test_tags_that_are_no_list_of_words_are_named(project, tags):
    project.replace(SNIPPET, "# %% Row plus column", f"# %% Row plus column tags={tags}")

    assert any(said.startswith(f"{SNIPPET}:3: cannot read the tags [") for said in problems(project))
    assert max(map(len, problems(project))) < 300


DEEP = {"signs": "-" * 100_000 + "1", "brackets": "(" * 300 + ")" * 300, "sums": "+".join(["1"] * 20_000)}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("place", ["cell", "cell for CUDA", "exercise", "proof", "above the first cell"])
def test_code_that_nests_too_deep_to_be_read_ends_nothing(project, code, place):
    if place == "proof":
        project.write(PAGE, f"{project.read(PAGE)}\n`{code}`{{.proof}}\n")
    elif place == "above the first cell":
        project.write(SNIPPET, f"{code}\n{project.read(SNIPPET)}")
    else:
        tag = {"cell for CUDA": ' tags=["cuda"]', "exercise": ' tags=["exercise"]'}.get(place, "")
        project.replace(
            SNIPPET, "# %% Sizes", f'# %% Deep{tag}\n{code}\n\n# %% Wrong tags=["wrong"]\n{code}\n# %% Sizes'
        )

    assert all(isinstance(said, str) for said in problems(project))


SETTINGS = {
    "no TOML": (b"[tool.torchproof\n", "cannot be read: "),
    "not UTF-8": (b"# \xe4\n", "not UTF-8; save the file as UTF-8"),
    "a tool that is no table": (b"tool = 1\n", "cannot be read: "),
    "no table": (b"[tool]\ntorchproof = 1\n", "says 1 of `tool.torchproof`; it is a table"),
    "another name": (
        b"[tool.torchproof]\ntime_limit = 1\n",
        "says {'time_limit': 1} of `tool.torchproof`; it is a table",
    ),
    "a word": (
        b"[tool.torchproof]\ntime-limit = '60'\n",
        "says '60' of `time-limit`; it is a number of seconds above 0",
    ),
    "zero": (b"[tool.torchproof]\ntime-limit = 0\n", "says 0 of `time-limit`"),
    "less": (b"[tool.torchproof]\ntime-limit = -1\n", "says -1 of `time-limit`"),
    "no number": (b"[tool.torchproof]\ntime-limit = nan\n", "says nan of `time-limit`"),
    "without end": (b"[tool.torchproof]\ntime-limit = inf\n", "says inf of `time-limit`"),
    "true": (b"[tool.torchproof]\ntime-limit = true\n", "says True of `time-limit`"),
}


@pytest.mark.parametrize(("text", "what"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_say_nothing_are_named_and_do_not_count(project, text, what):
    (project.root / "pyproject.toml").write_bytes(text)

    assert [said for said in problems(project) if said.startswith(f"pyproject.toml:1: {what}")]
    assert settings(project.root).time_limit == 60


@pytest.mark.parametrize(
    "text",
    [b"", b"# nothing\n", b"[tool.ruff]\nline-length = 1\n", b"\xef\xbb\xbf[tool.torchproof]\r\ntime-limit = 60\r\n"],
)
def test_settings_may_say_nothing_of_torchproof(project, text):
    before = problems(project)
    settings.cache_clear()
    (project.root / "pyproject.toml").write_bytes(text)

    assert problems(project) == before


CACHES = {
    "a file": lambda cache: cache.write_text("x"),
    "a link that leads nowhere": lambda cache: cache.symlink_to("/nowhere/at all"),
    "a file within": lambda cache: (cache.mkdir(), (cache / "torchproof").write_text("x")),
    "a folder for an entry": lambda cache: (cache / "torchproof" / "0").mkdir(parents=True),
}


@pytest.mark.parametrize("make", CACHES.values(), ids=CACHES)
def test_what_is_no_cache_is_none(project, make):
    shutil.rmtree(project.root / ".cache", ignore_errors=True)
    make(project.root / ".cache")
    cache, job = Cache(project.root, keep=0), Job(SNIPPET, "", (), "cpu")

    cache.save(job, Run())

    assert cache.load(job) in (None, Run())


class Told:
    """A runner that runs nothing: each cell did what it should, and printed nothing."""

    def run(self, job):
        error = (Output("x", "RuntimeError: as asked"),)
        return Run({step.slug: CellRun(step.slug, error if step.must_raise else ()) for step in job.steps})


def test_accept_replaces_no_transcript_that_cannot_be_read(project):
    path = project.root / TRANSCRIPT
    path.unlink()
    path.symlink_to("/proc/self/mem")

    is_changed, said = accept(Site.read(project.root), Told(), Told(), "a/b")

    assert not is_changed
    assert path.is_symlink()
    assert [problem.path for problem in said] == [TRANSCRIPT]


class Full:
    """A runner on a full disk."""

    def run(self, job):
        error = (Output("x", "OSError: [Errno 28] No space left on device"),)
        return Run({step.slug: CellRun(step.slug, error) for step in job.steps})


def test_a_full_disk_is_no_drift_and_nothing_to_accept(project):
    before = project.read(TRANSCRIPT)

    is_changed, said = accept(Site.read(project.root), Full(), Full(), "a/b")

    assert not is_changed
    assert project.read(TRANSCRIPT) == before
    assert {problem.message for problem in said} == {
        f"the cell '{slug}' found no room: OSError: [Errno 28] No space left on device; free some, or set TMPDIR to another disk"
        for slug in ("row-plus-column", "sizes-that-never-meet")
    }


def test_accept_writes_a_transcript_anew_that_holds_a_merge_conflict(project):
    project.write(TRANSCRIPT, f"<<<<<<< HEAD\n{project.read(TRANSCRIPT)}=======\n>>>>>>> other\n")

    is_changed, _ = accept(Site.read(project.root), Told(), Told(), "a/b")

    assert is_changed
    assert "<<<<" not in project.read(TRANSCRIPT)


def test_a_build_ends_with_problems_and_waits_for_no_pipe(project):
    config = project.read("mkdocs.yml").replace("watch:", "plugins: [torchproof]\nwatch:")
    project.write("mkdocs.yml", config)
    os.mkfifo(project.root / "docs/pipe.md")
    (project.root / "docs/link.md").symlink_to("nowhere")

    built = project.run("mkdocs", "build", "--quiet")

    assert built.returncode == 1
    assert "docs/pipe.md:1: is a pipe, a socket or a device, and no file; remove it" in built.stdout
    assert "docs/link.md:1: is a link that leads to no file; mend it, or delete it" in built.stdout
    assert "Traceback" not in built.stdout


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("PYTHONIOENCODING=ascii torchproof check", 1, "\\u2026"),
        ("torchproof check > /dev/full", 2, "torchproof: [Errno 28] No space left on device; see that there is room"),
        ("TMPDIR=/no/such/folder torchproof check", 1, "docs/a/b.md"),
    ],
    ids=["a terminal without UTF-8", "a full disk", "no folder for temporary files"],
)
def test_a_report_is_never_a_traceback(project, command, status, says):
    project.replace(PAGE, "a/b#row-plus-column", "a/b#row…")
    project.write(SNIPPET, "# no cell, so nothing runs\n")

    done = subprocess.run(
        ["sh", "-c", command],
        cwd=project.root,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == status, done.stdout
    assert says in done.stdout
    assert "Traceback" not in done.stdout


def test_who_reads_no_further_gets_no_traceback(project):
    project.write(SNIPPET, "# no cell, so nothing runs\n")
    command = [BIN / "torchproof", "check"]
    with subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as done:
        done.stdout.close()

        said = done.stderr.read()

    assert said == ""
