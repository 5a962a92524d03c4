"""What the tests share: the real project, a copy of it, small sites, and the commands as a user types them."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browsing import chromium, web  # noqa: F401  fixtures of the tests of pages and of the search
from filelock import FileLock
from nursery import nursery
from torchproof.compare.check import Checker, check_chapter
from torchproof.compare.shards import keep_seconds
from torchproof.compare.site import Site
from torchproof.compare.transcript import lines_of
from torchproof.model.runs import Run
from torchproof.run.environment import ENVIRONMENT, INHERITED, OTHER
from torchproof.run.runner import Runner

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
NIGHTLY = "TORCHPROOF_RUNS" in os.environ
"""Whether every chapter, page and environment is tried; else a sample, chosen to be sensitive."""

collect_ignore = [] if NIGHTLY else ["test_benchmarks.py"]  # no page depends on them


def pytest_configure(config):
    """Start the nurseries of zygotes and of commands, once for all xdist workers; and hear Ctrl-C, as commands must.

    A shell without a terminal lets what it runs in the background ignore SIGINT, and every child inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput") and nursery.VARIABLE not in os.environ and nursery.is_possible():
        os.environ[nursery.VARIABLE] = folder = tempfile.mkdtemp(prefix="nursery-")
        fonts = ROOT / ".cache" / "matplotlib"
        fonts.mkdir(parents=True, exist_ok=True)
        own = {name: os.environ[name] for name in INHERITED if name in os.environ}
        own |= {"PYTHONPATH": str(ROOT / "scripts"), "HOME": folder, "MPLCONFIGDIR": str(fonts)}
        started = [
            nursery.start(folder, more["PYTHONHASHSEED"], own | more) for more in (ENVIRONMENT, ENVIRONMENT | OTHER)
        ]
        started.append(nursery.start(folder, nursery.COMMANDS, environment_of_commands()))
        config.add_cleanup(lambda: end_nurseries(folder, started))
    nursery.install()


LONGEST = [
    "browser",
    "no_false_alarm",
    "cluster",
    "recordings",
    "isolation",
    "shelf",
    "hostile",
    "builders",
    "mutations",
    "walkthroughs",
    "serve_edits",
    "course",
    "search",
    "content",
    "notebooks",
    "transcripts",
    "beside",
    "shards",
    "progress",
    "versions",
    "rehearsal",
    "figures",
    "kernels",
    "reports",
    "errors",
    "tables",
    "commands",
    "serve",
    "site",
    "plugin",
    "nursery",
]
"""Files of tests that start first, so that the workers end together."""


def pytest_xdist_auto_num_workers():
    """One more than there are processors, unless the caller says: a quarter of the time tests wait for another process."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def end_nurseries(folder, started):
    for process in started:
        process.stdin.close()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
    del os.environ[nursery.VARIABLE]


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
        words, folder = [str(BIN / command[0]), *command[1:]], cwd or self.root
        every = environment_of_commands() | environment
        patience = 900  # a busy machine is slow
        is_started_anew = any(name.startswith(("PYTHON", "LC_", "LANG")) for name in environment)  # Python reads them
        if nursery.VARIABLE in os.environ and command[0] in nursery.FOSTERED and not is_started_anew:
            with contextlib.suppress(OSError):  # no nursery any more
                return nursery.run(words, folder, every, patience)
        return subprocess.run(
            words,
            cwd=folder,
            env=every,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            check=False,
        )

    def kill_at(self, seconds: float, *command: str, **environment: str) -> None:
        """Run a command, and kill it so many seconds later, unless it has ended."""
        with subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.root,
            env=environment_of_commands() | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()


def environment_of_commands() -> dict[str, str]:
    """What commands of the environment of the tests get."""
    # pytest's and the caller's CI must not decide what a test means
    inherited = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS")}
    if nursery.VARIABLE in os.environ:
        path = filter(None, [str(Path(nursery.__file__).parent), os.environ.get("PYTHONPATH")])
        inherited["PYTHONPATH"] = os.pathsep.join(path)
    # pytest would import all of hypothesis, 1.5 of its 2.2 seconds
    return inherited | {"NO_MKDOCS_2_WARNING": "1", "PYTEST_ADDOPTS": "-p no:hypothesispytest"}


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


@pytest.fixture(scope="session")
def accepted(once):
    """`accepted(name, write)` is a project as `write(project)` leaves it, with its transcripts; built, if asked."""

    def made(name, write, *, is_built=False):
        def make(folder):
            project = Project(folder)
            write(project)
            commit_transcripts(project)
            if is_built:
                done = project.run("mkdocs", "build", "--strict")
                assert done.returncode == 0, done.stdout

        return Project(once(name, make))

    return made


@pytest.fixture
def project(site, tmp_path):
    """A copy of the `site` of a file of tests, to be changed."""
    return Project(shutil.copytree(site.root, tmp_path / "site"))


@pytest.fixture(scope="module")
def changed(site, tmp_path_factory):
    """`changed(file, old, new)` are the problems of that `site` with one place changed; one zygote runs them all."""
    project = Project(shutil.copytree(site.root, tmp_path_factory.mktemp("changed") / "site"))

    def problems(file, old, new):
        before = project.read(file)
        project.replace(file, old, new)
        try:
            with Checker(Site.read(project.root), runner) as checker:
                return checker.problems()
        finally:
            project.write(file, before)

    with Runner(project.root, cached=True) as runner:
        yield problems


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


def wait_for(what, seconds=120):
    """The first true value of `what()`; the last value if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def commit_transcripts(project: Project) -> None:
    """Write the transcript of every chapter: what `torchproof accept` does, without its second run."""
    site = Site.read(project.root)
    with Runner(project.root, cached=True) as runner:
        for name, snippet in site.snippets.items():
            project.write(snippet.transcript(), check_chapter(site, runner, name).merged)


def lines_by_cell(run: Run) -> dict[str, list[str]]:
    """What each cell that ran would have in the CPU's transcript."""
    return {slug: lines_of(cell) for slug, cell in run.cells.items()}


class Element:
    """An element of a page, as a browser's tree has it."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, selector: str) -> "list[Element]":
        """The elements below that match `tag`, `.class` or `tag.class`, in order."""
        tag, _, name = selector.partition(".")
        return [e for e in self._below() if tag in ("", e.tag) and (not name or name in e.classes)]

    def one(self, selector: str) -> "Element":
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} elements match {selector}"
        return found[0]

    @property
    def classes(self) -> list[str]:
        return (self.attributes.get("class") or "").split()

    def _below(self) -> "Iterator[Element]":
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._below()


class _Builder(HTMLParser):
    EMPTY = frozenset(
        ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
    )
    FIELDS = frozenset(["td", "th"])
    """Their end tags, and those of rows, are left out: the next one ends them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        while tag in {"tr", *self.FIELDS} and self.open[-1].tag in {tag, *self.FIELDS}:
            self.open.pop()
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in self.EMPTY:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        tags = [element.tag for element in self.open]
        if tag in tags:
            del self.open[len(tags) - 1 - tags[::-1].index(tag) :]

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse_html(text: str) -> Element:
    """The tree of a page."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    return builder.open[0]


def foreign_scripts(article: Element) -> list[Element]:
    """The scripts of a page but for ours, which the Markdown extension writes where no plugin does."""
    ours = (ROOT / "scripts/torchproof/builders/assets/torchproof.js").read_text(encoding="utf-8").strip()
    return [script for script in article.all("script") if script.text.strip() != ours]


class Server:
    """A running `mkdocs serve` of a project."""

    def __init__(self, project: Project, temporary: Path) -> None:
        """Start it; `temporary` is its folder for temporary files, by which the processes that it starts are known."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.temporary = temporary
        self.temporary.mkdir(exist_ok=True)
        self.log = temporary.with_suffix(".log")
        words = [str(BIN / "mkdocs"), "serve", "--dev-addr", self.address]
        env = environment_of_commands() | {"TMPDIR": str(temporary), "PYTHONFAULTHANDLER": "1"}
        with self.log.open("w") as log:
            self.process = self._started(words, str(project.root), env, log)

    def _started(self, words, folder, env, log):
        if nursery.VARIABLE in os.environ:
            with contextlib.suppress(OSError):  # no nursery any more
                return nursery.Fostered(nursery.COMMANDS, words, [log.fileno()], folder, env)
        return subprocess.Popen(words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def page(self, path: str) -> str:
        """A page as it is served now; empty while nothing answers."""
        return self.file(path).decode("utf-8")

    def file(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}/{path}", timeout=30) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):  # a busy machine answers late
            return b""

    def wait(self, path: str, wanted, seconds: float = 120) -> Element:
        """The page as soon as `wanted(tree)` is true of it; fails when that does not come."""

        def look():
            assert self.process.poll() is None, f"the server ended:\n{self.log.read_text(encoding='utf-8')}"
            text = self.page(path)
            tree = parse_html(text)
            return tree if text and wanted(tree) else None

        if not (found := wait_for(look, seconds)):
            self.process.send_signal(signal.SIGABRT)  # it says where each of its threads is
            self.process.wait()
        assert found, f"{path} never came to show it; the server said:\n{self.log.read_text(encoding='utf-8')}"
        return found

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def build_site(target: Path, **environment: str) -> None:
    """Build the real project's site into a folder, in the words of `make site`: `--quiet` would hide warnings."""
    command = re.search(r"^site:.*\n\t\$\(RUN\) (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1]
    built = Project(ROOT).run(*command.split(), "--site-dir", str(target), **environment)
    assert built.returncode == 0, built.stdout


@pytest.fixture(scope="session")
def site_folder(once):
    """The real project's site, built once for all tests of a run."""
    return once("built-site", build_site)


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
    runs = ROOT / ".cache" / "torchproof"
    if runs.exists():  # of the check before the tests: what ran once in a test run need not run again
        shutil.copytree(runs, target / ".cache" / "torchproof", dirs_exist_ok=True)
    config = (target / "mkdocs.yml").read_text(encoding="utf-8")
    (target / "mkdocs.yml").write_text(config.replace("watch: [snippets, scripts, ", "watch: [snippets, "))


@pytest.fixture(scope="session")
def site_of_one(once):
    """A copy of the real site with one chapter that holds every kind of line, and that chapter's name.

    It is the tests' own, which runs in a fifth of the time of a real one; by night it is the book's shortest.
    """

    def make(folder):
        site = Project(folder / "site")
        copy_site(site.root)
        if NIGHTLY:
            name = shortest_chapter(site)
            keep_chapters(site, [name])
        else:
            name = "kinds/every"
            keep_chapters(site, [])
            for file, suffix in (("snippets", "py"), ("docs", "md")):
                site.write(f"{file}/{name}.{suffix}", (ROOT / f"tests/chapter/every.{suffix}").read_text("utf-8"))
            keep_seconds(site.root, name, 1.0)
        commit_transcripts(site)
        assert holds_every_kind(site, name)
        (folder / "name").write_text(name, encoding="utf-8")

    folder = once("site-of-one", make)
    return folder / "site", (folder / "name").read_text(encoding="utf-8")


@pytest.fixture
def chapter(site_of_one, tmp_path):
    """A copy of it, to be changed, and the chapter's name."""
    root, name = site_of_one
    return Project(shutil.copytree(root, tmp_path / "site")), name


def shortest_chapter(project: Project) -> str:
    """The shortest chapter of a copied site that holds every kind of line."""
    names = [path.relative_to(project.root / "snippets") for path in (project.root / "snippets").rglob("*.py")]
    names = [name.with_suffix("").as_posix() for name in names]
    # hidden cells make it run twice
    names.sort(key=lambda name: ("remove-cell" in _code(project, name), len(_code(project, name))))
    return next(name for name in names if holds_every_kind(project, name))


def holds_every_kind(project: Project, name: str) -> bool:
    return all(re.search(kind, _code(project, name), re.M) for kind in KINDS)


def keep_chapters(project: Project, kept: list[str]) -> None:
    """Cut a copied site down to some chapters, what their errors mean, and a bare home page."""
    explained = list(_explained(project, kept))
    for folder, suffixes in (("docs", ".md"), ("snippets", ".py.txt")):
        for path in (project.root / folder).rglob("*.*"):
            name = path.relative_to(project.root / folder).as_posix().partition(".")[0]
            if path.suffix and path.suffix in suffixes and name not in kept:
                path.unlink()
    shutil.rmtree(project.root / "docs/walkthroughs")
    project.write("docs/index.md", "# Home\n")
    project.write("docs/lookup/errors.md", "\n\n".join(["# Errors", *explained, ""]))
    # the chapters may link to pages that are gone now
    config = re.sub(r"^(nav|validation):.*?(?=^\S|\Z)", "", project.read("mkdocs.yml"), flags=re.M | re.S)
    ignored = "{ not_found: ignore, anchors: ignore, absolute_links: ignore, unrecognized_links: ignore }"
    project.write("mkdocs.yml", f"{config}\nvalidation:\n  links: {ignored}\n")


def _explained(project: Project, kept: list[str]) -> Iterator[str]:
    """The entries of errors of some chapters: the code to write instead ran there, and stands in their transcripts."""
    for path in sorted((project.root / "docs/lookup/errors").glob("*.md")):
        for fence in re.findall(r"^```error\n.*?^```$", path.read_text(encoding="utf-8"), re.M | re.S):
            opening, first, *rest = fence.split("\n")
            lines = [line for line in rest if _is_of(line, kept)]
            if _is_of(first, kept) and any(" | " in line for line in lines):
                yield "\n".join([opening, first, *lines])


def _is_of(line: str, kept: list[str]) -> bool:
    """Whether a line of an entry names no cell, or one of these chapters."""
    cell = re.search(r"^([\w/]+)#[\w-]+(?:: |$)| \| ([\w/]+)#[\w-]+$", line)
    return not cell or (cell[1] or cell[2]) in kept


KINDS = (
    r"raises-exception",
    r"exercise",
    r"^~ .*\[\d.*strides \(\d",
    r"^= .*\d",
    r"^\| .*[A-Za-z]{3}",
    r"^x \w+Error",
    r"^# .*\d",
    r"^@ .*[A-Za-z]{3}",
    r"^\w+ = torch\.(arange|ones|zeros|rand)\(\d",
)


def _code(project: Project, name: str) -> str:
    """A chapter's snippet and its transcript."""
    transcript = project.root / f"snippets/{name}.cpu.txt"
    return project.read(f"snippets/{name}.py") + (transcript.read_text(encoding="utf-8") if transcript.exists() else "")


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


@pytest.fixture(scope="session")
def files_to_take(once):
    """The notebooks and scripts of the real project, written once for all tests of a run."""

    def make(folder):
        written = Project(ROOT).run("torchproof", "notebooks", str(folder))
        assert written.returncode == 0, written.stdout

    return once("files-to-take", make)
