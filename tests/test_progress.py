"""A build says how far it is: a bar on a terminal, a line for each chapter elsewhere, nothing when asked to be quiet."""

import io
import os
import pty
import re
import shutil
import subprocess

import pytest
from conftest import BIN, Project, Server, commit_transcripts, write_small_site
from torchproof.progress import Progress

CHAPTERS = ("a/b", "c", "d")


@pytest.fixture(scope="module")
def three(once):
    """A site of three chapters."""

    def make(folder):
        project = Project(folder)
        write_small_site(project)
        for name in CHAPTERS[1:]:
            project.write(f"snippets/{name}.py", "# %% One\nimport torch\n\nprint(torch.ones(2))\n")
            project.write(f"docs/{name}.md", f"# Page\n\n```cell\n{name}#one\n```\n")
        commit_transcripts(project)

    return Project(once("three-chapters", make))


def on_terminal(project, *command, **environment):
    """What a command writes to a terminal, and its exit status."""
    ours, theirs = pty.openpty()
    inherited = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "NO_COLOR")}
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        cwd=project.root,
        env=inherited | {"NO_MKDOCS_2_WARNING": "1", "TERM": "xterm", "COLUMNS": "120"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            written += (piece := os.read(ours, 65536))
        except OSError:  # nobody holds the other end
            break
        if not piece:
            break
    os.close(ours)
    return written.decode(), process.wait(timeout=60)


def plain(written):
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", written)


def test_a_build_says_a_line_for_each_chapter(three, tmp_path):
    built = three.run("mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site"))

    said = re.findall(r"^INFO    -  \[(\d)/3\] (\S+): ok, \d+\.\d s$", built.stdout, re.M)
    assert [number for number, _ in said] == ["1", "2", "3"]
    assert sorted(name for _, name in said) == sorted(CHAPTERS)


def test_a_chapter_with_a_problem_is_counted_above_the_report(three, tmp_path):
    project = copied(three, tmp_path)
    project.replace("snippets/c.cpu.txt", "tensor([1., 1.])", "tensor([1., 2.])")

    built = project.run("mkdocs", "build")

    assert built.returncode == 1
    assert re.search(r"^INFO    -  \[\d/3\] c: 1 problem, \d+\.\d s$[\s\S]*torchproof: 1 problem$", built.stdout, re.M)


def test_a_quiet_build_says_nothing(three, tmp_path):
    command = ("mkdocs", "build", "-q", "--site-dir", str(tmp_path / "site"))

    assert three.run(*command).stdout == ""
    assert on_terminal(three, *command) == ("", 0)


def test_on_a_terminal_a_bar_says_how_far_a_build_is_and_goes(three, tmp_path):
    written, status = on_terminal(three, "mkdocs", "build", "--site-dir", str(tmp_path / "site"), CI="1")

    assert status == 0
    said = plain(written)
    assert "0 of 3 chapters" in said
    assert re.search(r"running: (a/b|c|d), (a/b|c|d)", said)
    assert "slowest: " in said
    assert "[1/3]" not in said, "all is well, so there is no line of it"
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is back"
    assert re.search(r"INFO +-  Documentation built in", said.rpartition("chapters")[2])


def test_the_bar_says_how_long_it_may_take_by_how_long_each_chapter_took():
    progress = Progress(["a", "b", "c"], {"a": 3.0, "b": 1.0, "c": 1.0}, io.StringIO())
    progress.say("a", "ok", took=2.5)
    progress.began -= 6  # seconds ago

    assert progress._status() == "1 of 3 chapters · about 4 s left · slowest: a, 2.5 s\nrunning: b, c"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_brackets_in_an_outcome_are_no_markup_of_the_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()

    with Progress(["a", "b"], {}, terminal) as progress:
        progress.say("a", "refused: it prints [red], then [/blue]")

    assert "[1/2] a: refused: it prints [red], then [/blue]\n" in plain(terminal.getvalue())


def test_on_a_terminal_the_report_of_drift_stands_below_the_bar(three, tmp_path):
    project = copied(three, tmp_path)
    project.replace("snippets/c.cpu.txt", "tensor([1., 1.])", "tensor([1., 2.])")

    written, status = on_terminal(project, "mkdocs", "build")

    assert status == 1
    assert re.search(r"\[\d/3\] c: 1 problem", plain(written))
    assert "the cell 'one' has drifted from snippets/c.cpu.txt" in plain(written).rpartition("chapters")[2]
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is back"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(three, tmp_path):
    written, _ = on_terminal(three, "mkdocs", "build", "--site-dir", str(tmp_path / "site"), TERM="dumb")

    assert "[3/3]" in written
    assert "\x1b[?25l" not in written


def test_pages_say_nothing_of_how_they_were_watched(three, tmp_path):
    quiet, watched = tmp_path / "quiet", tmp_path / "watched"
    three.run("mkdocs", "build", "-q", "--site-dir", str(quiet))
    on_terminal(three, "mkdocs", "build", "--site-dir", str(watched))

    pages = [path.relative_to(quiet) for path in quiet.rglob("*.html")]
    assert len(pages) == 5
    assert [page for page in pages if (quiet / page).read_bytes() != (watched / page).read_bytes()] == []


def test_serving_says_nothing_of_it(three, tmp_path):
    server = Server(three, tmp_path / "temporary")
    try:
        server.wait("c/", lambda page: page.all(".tp-output"))
    finally:
        server.close()

    assert "[1/3]" not in server.log.read_text(encoding="utf-8")


def copied(project, folder):
    """A site of its own, which the cache already knows."""
    shutil.copytree(project.root, folder / "copy")
    return Project(folder / "copy")
