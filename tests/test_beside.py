"""What lies beside a snippet: a session finds what the code names, and runs again when any of it changes."""

import nbformat
import pytest
from conftest import Project, Server, parse_html, write_small_site
from test_kernels import differing_cells
from torchproof.compare import recordings
from torchproof.compare.site import Site
from torchproof.read.snippets import read_snippet

CELLS = """
# %% A helper and a file
from helper import doubled
from tools.words import first

with open("numbers.csv") as file:
    print(doubled(file.read()), first())
"""
FILES = {
    "snippets/a/helper.py": "def doubled(text):\n    return [2 * int(word) for word in text.split(',')]\n",
    "snippets/tools/__init__.py": "",
    "snippets/tools/words.py": "def first():\n    return open('notes/words.txt').readline().strip()\n",
    "snippets/notes/words.txt": "one\ntwo\n",
    "snippets/a/numbers.csv": "1,2,3\n",
}
PRINTED = "| [2, 4, 6] one"


def write_site(project: Project) -> None:
    write_small_site(project)
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + CELLS)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + "\n```cell\na/b#a-helper-and-a-file\n```\n")
    for file, text in FILES.items():
        project.write(file, text)
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")


@pytest.fixture(scope="module")
def site(accepted):
    return accepted("beside", write_site)


def named(project: Project, name: str = "a/b") -> list[str]:
    return [each.name for each in read_snippet(project.root, name).beside]


# --- what is there ----------------------------------------------------------------------------------------------------


def test_a_cell_imports_and_opens_what_lies_beside_it_or_above(project):
    assert PRINTED in project.read("snippets/a/b.cpu.txt")
    assert named(project) == ["helper.py", "notes/words.txt", "numbers.csv", "tools/__init__.py", "tools/words.py"]


def test_a_module_that_a_snippet_imports_is_no_chapter_and_any_other_file_is(project):
    project.write("snippets/a/forgotten.py", "x = 1\n")

    site = Site.read(project.root)

    assert list(site.snippets) == ["a/b", "a/forgotten"]
    [problem] = [problem for problem in site.problems if problem.line == 1]
    assert str(problem).startswith("snippets/a/forgotten.py:1: code above the first cell never runs")


@pytest.mark.parametrize(
    ("code", "there"),
    [
        ("import helper", ["helper.py"]),
        ("import helper.part", ["helper.py"]),
        ("from . import helper", []),
        ("open('numbers.csv')", ["numbers.csv"]),
        ("open(f'./numbers.csv')", ["numbers.csv"]),
        ("f'notes/{number}.txt'", ["notes/words.txt"]),
        ("print('see numbers.csv and notes')", []),
        ("open('my-numbers.csv'), open('numbers.csv2')", []),
        ("# numbers.csv\nnumbers = 1", []),
        ("list(Path('notes').iterdir())", ["notes/words.txt"]),
        ("subprocess.run([sys.executable, 'helper.py'])", ["helper.py"]),
        ("import other", []),
    ],
)
def test_what_code_names_is_there_and_nothing_else(project, code, there):
    project.write("snippets/a/other.py", "# %% A chapter of its own\nx = 1\n")
    project.write("snippets/a/b.py", f"# %% A\n{code}\n")

    assert named(project) == there


def test_the_nearest_of_two_files_is_meant(project):
    project.write("snippets/numbers.csv", "9\n")
    project.write("snippets/a/b.py", "# %% A\nprint(open('numbers.csv').read())\n")

    [found] = read_snippet(project.root, "a/b").beside

    assert found.path == "snippets/a/numbers.csv"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import absent", "install it, or put absent.py beside snippets/a/b.py: a session finds there what"),
        ("open('absent.csv')", "put absent.csv beside snippets/a/b.py: a session finds there what the code imports"),
    ],
    ids=["module", "file"],
)
def test_what_is_missing_is_told_with_its_place(project, code, said):
    project.replace("snippets/a/b.py", "from helper", f"{code}\nfrom helper")
    line = project.read("snippets/a/b.py").split("\n").index(code) + 1

    done = project.run("torchproof", "check")

    assert done.returncode == 1
    assert f"snippets/a/b.py:{line}: the cell 'a-helper-and-a-file' raises" in done.stdout
    assert said in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "open('numbers.csv', 'w')",
        "import os\nos.truncate('numbers.csv', 0)",
        "import os\nos.system('echo 9 > numbers.csv')",
    ],
    ids=["open", "truncate", "another program"],
)
def test_no_cell_writes_what_lies_beside_it(project, code):
    project.replace("snippets/a/b.py", "from helper", f"{code}\nfrom helper")

    project.run("torchproof", "check")

    assert project.read("snippets/a/numbers.csv") == FILES["snippets/a/numbers.csv"]


def test_a_cell_that_removes_a_file_removes_nothing_of_the_project(project):
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + "import os\nos.remove('numbers.csv')\n")

    done = project.run("torchproof", "check")

    assert done.returncode == 0, done.stdout
    assert project.read("snippets/a/numbers.csv") == FILES["snippets/a/numbers.csv"]


# --- what changes -----------------------------------------------------------------------------------------------------

CHANGES = {
    "a module": ("snippets/a/helper.py", "2 * int", "3 * int", "[3, 6, 9] one"),
    "a module of a package": ("snippets/tools/words.py", "readline()", "read(2)", "[2, 4, 6] on"),
    "a file": ("snippets/a/numbers.csv", "1,2,3", "1,2,4", "[2, 4, 8] one"),
    "a file that a module opens": ("snippets/notes/words.txt", "one", "uno", "[2, 4, 6] uno"),
}


@pytest.mark.parametrize(("file", "old", "new", "printed"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("command", [("torchproof", "check"), ("mkdocs", "build", "--quiet")], ids=["check", "build"])
def test_a_changed_file_is_drift_though_the_cache_knows_the_chapter(project, command, file, old, new, printed):
    assert project.run(*command).returncode == 0

    project.replace(file, old, new)
    done = project.run(*command)

    assert done.returncode == 1
    assert f"+| {printed}" in done.stdout


def test_a_file_that_was_missing_and_came_is_seen(project):
    (project.root / "snippets/a/numbers.csv").unlink()
    assert "FileNotFoundError" in project.run("torchproof", "check").stdout

    project.write("snippets/a/numbers.csv", FILES["snippets/a/numbers.csv"])

    assert project.run("torchproof", "check").returncode == 0


def test_reading_again_sees_every_edit_and_reads_nothing_else_anew(project):
    project.write("snippets/a/later.py", "")
    before = Site.read(project.root)
    edits = {
        "docs/a/b.md": "\nMore: `2 == 2`{.proof}.\n",
        "snippets/a/b.py": "\n# %% One more\nrow\n",
        "snippets/a/helper.py": "\nimport later\n",
    }
    for file, more in edits.items():
        was, text = Site.read(project.root), project.read(file)
        project.write(file, text + more)
        now = Site.read(project.root)
        assert (now.snippets, now.pages) != (was.snippets, was.pages), file
        assert now.snippets["a/b"].cells[0] is was.snippets["a/b"].cells[0] or file == "snippets/a/b.py"
        project.write(file, text)

    after = Site.read(project.root)
    assert (after.snippets, after.pages) == (before.snippets, before.pages)
    assert Site.read(project.root).pages["a/b"] is after.pages["a/b"]


def test_a_server_runs_a_chapter_again_when_a_file_beside_it_changes(project, tmp_path):
    server = Server(project, tmp_path / "temporary")
    try:
        server.wait("a/b/", lambda page: "[2, 4, 6] one" in page.text)

        project.replace("snippets/a/numbers.csv", "1,2,3", "1,2,4")

        page = server.wait("a/b/", lambda page: "[2, 4, 8] one" in page.text)
        assert page.all(".tp-drift")
    finally:
        server.close()


def test_a_page_offers_what_its_notebook_needs_beside_it(project):
    built = project.run("mkdocs", "build", "--quiet")

    assert built.returncode == 0, built.stdout
    [line] = parse_html(project.read("site/a/b/index.html")).all("p.tp-take")
    links = [link.attributes["href"] for link in line.all("a")]
    assert links[-4:] == ["notes/words.txt", "numbers.csv", "tools/__init__.py", "tools/words.py"]
    assert project.read("site/a/b/helper.py") == FILES["snippets/a/helper.py"]
    assert "Put beside it: `helper.py`, `notes/words.txt`" in project.read("site/a/b/b.ipynb")


def test_a_notebook_runs_in_a_kernel_with_what_was_written_beside_it(project, tmp_path):
    project.run("torchproof", "notebooks", "out")
    notebook = nbformat.read(project.root / "out/a/b.ipynb", 4)

    assert differing_cells(Site.read(project.root), "a/b", notebook, project.root / "out/a") == {}


def test_a_recording_is_stale_when_a_file_beside_its_snippet_changes(project):
    snippet = read_snippet(project.root, "a/b")
    before = recordings.code_hashes(snippet.cells, snippet.beside)

    project.replace("snippets/a/numbers.csv", "1,2,3", "1,2,4")
    snippet = read_snippet(project.root, "a/b")

    after = recordings.code_hashes(snippet.cells, snippet.beside)
    assert all(before[slug] != after[slug] for slug in before)


def test_without_files_beside_it_a_recording_keeps_its_hashes(project):
    cells = read_snippet(project.root, "a/b").cells

    assert recordings.code_hashes(cells, ()) == recordings.code_hashes(cells)
