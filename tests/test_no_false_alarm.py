"""What is as committed passes: wherever, whenever, as whomever, and however often it is run.

Nothing of the caller's environment reaches a session, and nothing that a run leaves behind misleads the next one.
"""

import ast
import itertools
import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import NIGHTLY, ROOT, Project, copy_site, keep_chapters, lines_by_cell
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.model.runs import Job, Step
from torchproof.run.cache import KEEP
from torchproof.run.runner import Runner

SNIPPETS = ROOT / "snippets"
RUNS = int(os.environ.get("TORCHPROOF_RUNS", "2"))
"""How often a chapter runs in a row; the nightly build says 10, and takes all of them, in every environment."""

SENSITIVE = ["data/loading", "tensors/linalg", "tensors/randomness", "training/descent", "training/saving"]
"""Chapters that would notice another machine first: worker processes, LAPACK, seeds, training, files.

What threads and instructions change is seen by the thermometer.
"""

ALL = sorted(path.relative_to(SNIPPETS).with_suffix("").as_posix() for path in SNIPPETS.rglob("*.py"))
CHAPTERS = ALL if NIGHTLY else SENSITIVE
IN_A_ROW = ALL if NIGHTLY else ["tensors/randomness"]


THERMOMETER = """\
# %% What a caller could change
import locale, os, shutil, sys, time, warnings
import matplotlib, torch

torch.manual_seed(0)
print({"a", "set", "of", "strings"})
print(time.tzname, time.localtime(0).tm_hour)
print(locale.getpreferredencoding(), sys.stdout.encoding, sys.getfilesystemencoding())
print(shutil.get_terminal_size(), sys.flags.optimize, sorted(os.environ))
print(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())
print(torch.linspace(0, 1, 100001).sin().sum().item(), torch.rand(1000, 1000).mm(torch.rand(1000, 1000))[0, 0].item())
print(matplotlib.get_backend(), matplotlib.rcParams["figure.figsize"])
warnings.warn("shown, not raised")
"""
"""A chapter that shows all that reaches it from outside."""


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the real site with the chapters that are tried, and a runner for it."""
    project = Project(tmp_path_factory.mktemp("false alarm") / "site")
    copy_site(project.root)
    if CHAPTERS != ALL:
        keep_chapters(project, CHAPTERS)
    with Runner(project.root, cached=False) as runner:
        runner.zygote.start()
        yield project, runner


@pytest.fixture(scope="module")
def site(copied):
    """The copy, with one more chapter, which shows whatever reaches it from outside; no test changes it."""
    project, runner = copied
    project.write("snippets/outside/thermometer.py", THERMOMETER)
    project.write("docs/outside/thermometer.md", "```cell\noutside/thermometer#what-a-caller-could-change\n```\n")
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "\nnot_in_nav: outside/*\n")
    check = check_chapter(Site.read(project.root), runner, "outside/thermometer")
    project.write("snippets/outside/thermometer.cpu.txt", check.merged)
    assert "shown, not raised" in check.merged, check.problems
    return project


def committed(project):
    """The bytes of every file that is committed."""
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for folder in ("docs", "snippets")
        for path in sorted((project.root / folder).rglob("*"))
        if path.is_file()
    }


# --- the caller's environment ---------------------------------------------------------------------------------------


ENVIRONMENTS = {
    "somebody else, one thread, oldest instructions": {
        "ATEN_CPU_CAPABILITY": "default",
        "COLUMNS": "40",
        "LANG": "C",
        "LC_ALL": "C",
        "LOGNAME": "somebody",
        "MKL_CBWR": "AVX2,STRICT",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "random",
        "PYTHONWARNINGS": "error",
        "TZ": "Asia/Kathmandu",
        "USER": "somebody",
    },
    "four threads, newest instructions, a German desktop": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "COLUMNS": "400",
        "LANG": "de_DE.UTF-8",
        "LC_ALL": "de_DE.UTF-8",
        "MKL_NUM_THREADS": "4",
        "MPLBACKEND": "TkAgg",
        "OMP_NUM_THREADS": "4",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "PYTHONHASHSEED": "4294967295",
        "TZ": "America/St_Johns",
    },
    "a terminal without UTF-8, no asserts, no colours": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "LANG": "tr_TR.ISO-8859-9",
        "LC_ALL": "POSIX",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "2",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONHASHSEED": "random",
        "PYTHONOPTIMIZE": "2",
        "PYTHONUTF8": "0",
        "TERM": "dumb",
        "TZ": "Pacific/Kiritimati",
    },
}


EVERYTHING = "torchproof --root {root} check --no-cache"
TWO_WORKERS = "pytest -n 2 -p no:cacheprovider {root}/snippets"


@pytest.mark.parametrize(
    ("name", "command"),
    list(zip(ENVIRONMENTS, [f"{EVERYTHING} -k outside", EVERYTHING, f"{TWO_WORKERS}/outside"], strict=True))
    if not NIGHTLY
    else list(itertools.product(ENVIRONMENTS, [EVERYTHING, TWO_WORKERS])),
)
def test_nothing_drifts_for(name, command, site, tmp_path):
    before = committed(site)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "torch.py").write_text("raise SystemExit('imported from the PYTHONPATH of the caller')\n")
    (tmp_path / "startup.py").write_text("raise SystemExit('ran PYTHONSTARTUP')\n")
    (tmp_path / "matplotlibrc").write_text("figure.figsize: 1, 1\n")
    (tmp_path / "a folder, with comma").mkdir()
    own = {
        "CI": "true",  # reads no cache
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "a folder, with comma"),
        "MPLCONFIGDIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(tmp_path / "modules")]),
        "PYTHONSTARTUP": str(tmp_path / "startup.py"),
    }

    words = [word.format(root=site.root) for word in command.split()]
    done = site.run(*words, cwd=tmp_path, **own, **ENVIRONMENTS[name])

    assert done.returncode == 0, done.stdout
    assert committed(site) == before


def test_check_build_and_tests_pass_from_any_folder(chapter, tmp_path):
    project, name = chapter
    inside = (project.root / "snippets" / name).parent

    done = [
        project.run("torchproof", "check", cwd=inside),
        project.run("mkdocs", "build", "-f", str(project.root / "mkdocs.yml"), cwd=tmp_path),
        project.run("pytest", str(project.root / f"snippets/{name}.py"), cwd=tmp_path),
    ]

    assert not any(result.returncode for result in done), "\n".join(result.stdout for result in done)


# --- often, and at once ---------------------------------------------------------------------------------------------


class Noting:
    """A runner that notes what it was asked to run."""

    def __init__(self, runner):
        self.runner = runner
        self.jobs = []

    def run(self, job):
        self.jobs.append(job)
        return self.runner.run(job)


@pytest.mark.parametrize("name", IN_A_ROW)
def test_runs_in_a_row_are_one_and_the_same(name, copied):
    site, runner = copied
    noting = Noting(runner)
    first = check_chapter(Site.read(site.root), noting, name)
    assert first.problems == []

    again = [lines_by_cell(runner.run(noting.jobs[0])) for _ in range(RUNS - 1)]

    assert again == [lines_by_cell(first.run)] * (RUNS - 1)


def test_two_builds_at_once_in_one_folder_make_the_same_site(chapter, tmp_path):
    project, name = chapter

    with ThreadPoolExecutor(2) as pool:
        folders = [str(tmp_path / folder) for folder in ("one", "two")]
        builds = list(pool.map(lambda folder: project.run("mkdocs", "build", "--site-dir", folder), folders))

    assert [build.returncode for build in builds] == [0, 0], "\n".join(build.stdout for build in builds)
    assert len({(tmp_path / folder / name / "index.html").read_bytes() for folder in ("one", "two")}) == 1


class Small(Project):
    """A project whose one snippet prints a number, and a runner with a cache."""

    def __init__(self, root):
        super().__init__(root)
        self.write("docs/index.md", "# Home\n")
        self.runner = Runner(root, cached=True)
        self.folder = root / ".cache" / "torchproof"

    def job(self, code):
        return Job("snippets/a.py", f"# %% A cell\n{code}\n", (Step("a-cell", code, 2, False),), "cpu")

    def entry(self, job):
        """The file that running a job adds to the cache."""
        before = set(self.folder.glob("*"))
        self.runner.run(job)
        (added,) = (path for path in set(self.folder.glob("*")) - before)
        return added

    def printed(self, job, runner=None):
        return lines_by_cell((runner or self.runner).run(job))["a-cell"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    project = Small(tmp_path_factory.mktemp("small"))
    yield project
    project.runner.close()


# --- how files arrive -----------------------------------------------------------------------------------------------


def test_a_checkout_with_carriage_returns_passes_and_stays_as_it_is(chapter):
    project, name = chapter
    for file in (f"docs/{name}.md", f"snippets/{name}.py", f"snippets/{name}.cpu.txt"):
        path = project.root / file
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = committed(project)

    commands = ["torchproof check", "mkdocs build", "torchproof accept"]
    done = [project.run(*command.split()) for command in commands]

    assert not any(result.returncode for result in done), "\n".join(result.stdout for result in done)
    assert committed(project) == before


def test_a_comment_changes_no_result(chapter):
    project, name = chapter
    lines = project.read(f"snippets/{name}.py").split("\n")
    tree = ast.parse("\n".join(lines))
    for statement in tree.body:
        lines[statement.end_lineno - 1] += "  # edited"
    first = next(number for number, line in enumerate(lines) if line.startswith("# %%"))
    lines = [*lines[:first], "# edited", "", *lines[first:], "", "# edited"]
    ends = [number for number, line in enumerate(lines) if line.startswith("# %%")][1:]
    for end in reversed(ends):
        lines.insert(end, "# edited\n")
    project.write(f"snippets/{name}.py", "\n".join(lines) + "\n")
    before = committed(project)

    done = [project.run(*command.split()) for command in ("torchproof check", "mkdocs build -q")]

    assert not any(result.returncode for result in done), "\n".join(result.stdout for result in done)
    assert committed(project) == before


@pytest.mark.parametrize(
    ("code", "commented"),
    [
        pytest.param("x = 1\nx + 1", "x = 1  # one\nx + 1  # two\n# three", id="behind a statement"),
        pytest.param("_ = 1 + 1", "_ = 1 + 1  # not shown", id="behind a value that is hidden"),
        pytest.param('print("""# printed\n""")', 'print("""# printed\n""")  # not printed', id="behind a string"),
        pytest.param("print([\n1])", "print([  # one\n1])", id="inside a statement"),
        pytest.param("{}['a']", "{}['a']  # raises", id="behind what raises"),
    ],
)
def test_a_comment_changes_no_line_of_a_transcript(small, code, commented):
    before = small.printed(small.job(code))

    assert small.printed(small.job(commented)) == before


def test_the_cpus_session_sees_no_gpu_whatever_the_caller_shows(small, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    assert small.printed(small.job("import os\nos.environ['CUDA_VISIBLE_DEVICES']")) == ["= ''"]


def test_looking_at_a_tensor_without_memory_warns_of_nothing(small):
    code = "import torch\nfrom torch._subclasses import FakeTensorMode\nwith FakeTensorMode():\n    x = torch.ones(2)"

    lines = small.printed(small.job(code))

    assert [line[0] for line in lines] == ["~"], lines


# --- the cache ------------------------------------------------------------------------------------------------------


def garbage(text):
    return random.Random(0).randbytes(len(text))


@pytest.mark.parametrize(
    ("number", "damage"),
    [
        pytest.param(1, lambda text: text[: len(text) // 2], id="torn"),
        pytest.param(2, lambda text: text[: text.index(b"\n") + 1], id="only its first line"),
        pytest.param(3, lambda _: b"", id="empty"),
        pytest.param(4, garbage, id="garbage"),
        pytest.param(5, lambda text: text.replace(b"| 5", b"| 6").replace(b'"5', b'"6'), id="edited"),
        pytest.param(6, lambda text: text + b" ", id="one byte longer"),
        pytest.param(7, lambda text: bytes(len(text)), id="zeros after a power cut"),
    ],
)
def test_a_damaged_cache_entry_is_a_miss(small, number, damage):
    job = small.job(f"print({number})")
    entry = small.entry(job)
    text = entry.read_bytes()
    damaged = damage(text)
    assert damaged != text
    entry.write_bytes(damaged)

    assert small.printed(job) == [f"| {number}"]
    assert entry.read_bytes() != damaged, "the next run should find a whole entry again"


def test_a_cache_entry_of_another_content_is_a_miss(small):
    job = small.job("print('mine')")
    entry = small.entry(job)
    shutil.copy(small.entry(small.job("print('somebody else')")), entry)

    assert small.printed(job) == ["| mine"]


def test_a_cache_entry_is_a_miss_once_a_file_that_the_snippet_read_has_changed(small):
    small.write("numbers.txt", "1")
    job = small.job(f"print(open({str(small.root / 'numbers.txt')!r}).read())")
    small.entry(job)
    small.write("numbers.txt", "2")

    assert small.printed(job) == ["| 2"]


def test_ci_never_reads_the_cache(small, tmp_path, monkeypatch):
    (tmp_path / "numbers.txt").write_text("1")  # not in the project, so no entry knows about it
    job = small.job(f"print(open({str(tmp_path / 'numbers.txt')!r}).read())")
    small.entry(job)
    (tmp_path / "numbers.txt").write_text("2")
    monkeypatch.setenv("CI", "true")

    with Runner(small.root) as runner:
        assert small.printed(job, runner) == ["| 2"]


def test_many_runs_at_once_share_one_cache(small):
    small.folder.mkdir(parents=True, exist_ok=True)
    for number in range(KEEP - 20):  # what earlier builds left behind
        (small.folder / f"{number:032x}").touch()
    jobs = [small.job(f"print({number})") for number in range(100, 160)]

    with ThreadPoolExecutor(4) as pool:
        printed = list(pool.map(small.printed, jobs))

    assert printed == [[f"| {number}"] for number in range(100, 160)]
    assert len(list(small.folder.iterdir())) <= KEEP + 1  # and how long each took
