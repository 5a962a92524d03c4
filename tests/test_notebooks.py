"""Chapters as files to take away: valid notebooks, the same everywhere, and scripts that print what the page shows.

Three scripts and class notebooks run with the other tests, all with TORCHPROOF_KERNELS=all (`make kernels`, nightly
in CI).
"""

import getpass
import json
import os
import re
import socket
import subprocess
import sys
import warnings
from dataclasses import replace
from datetime import UTC, datetime

import nbformat
import pytest
from book import SITE
from conftest import ROOT, Project, commit_transcripts, keep_chapters, parse_html, shortest_chapter
from kinds import taken
from torchproof.builders.notebooks import Piece, address, colab, notebook
from torchproof.builders.scripts import script
from torchproof.compare import transcript
from torchproof.model.cells import Cell, slug_of
from torchproof.model.drawings import KINDS, Row, Table
from torchproof.model.pages import Embed, Fence
from torchproof.model.runs import MARKS, CellRun, Mark, Measured, Output
from torchproof.model.text import visible
from torchproof.run.environment import ENVIRONMENT
from torchproof.run.runner import Runner

CHAPTERS = list(SITE.snippets)
TRIED = taken()


def read(path):
    return path.read_text(encoding="utf-8")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


# --- the real ones ----------------------------------------------------------------------------------------------------


def test_every_notebook_is_valid_and_needs_no_repair(files_to_take):
    notebooks = sorted(files_to_take.rglob("*.ipynb"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nbformat warns about ids that it had to add or change
        for path in notebooks:
            nbformat.validate(nbformat.reads(read(path), as_version=4))
            nbformat.validate(json.loads(read(path)))

    assert len(notebooks) >= len(CHAPTERS)


def test_every_notebook_shows_the_visible_cells_in_the_order_of_the_page(files_to_take):
    different = []
    for name, snippet in SITE.snippets.items():
        cells = code_cells(nbformat.read(files_to_take / f"{name}.ipynb", 4))
        if [cell.source for cell in cells] != [cell.shown_source for cell in snippet.cells if cell.is_shown]:
            different.append(name)

    assert different == []


def test_no_prose_holds_what_only_the_site_understands(files_to_take):
    ours = re.compile(
        rf"\{{\.\w+\}}|^[> ]*(?:!!!|\?\?\?|===) |^[> ]*```(?:cell|.*exec=|{'|'.join(KINDS)})|(?<!\\)\]\([^):]*\)", re.M
    )
    found = {}
    for path in sorted(files_to_take.rglob("*.ipynb")):
        text = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", prose(nbformat.read(path, 4)))
        found |= {path.name: ours.findall(text)} if ours.search(text) else {}

    assert found == {}


@pytest.mark.parametrize("name", TRIED)
def test_a_script_prints_what_the_page_shows(files_to_take, tmp_path, name):
    """Run as a reader runs it, in a bare folder; instruction sets are pinned, as numbers are compared exactly."""
    (tmp_path / "script.py").write_text(read(files_to_take / f"{name}.py"), encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    snippet = SITE.snippets[name]
    committed = transcript.parse(SITE.committed(snippet)).cells
    expected = []
    for cell in snippet.for_device("cpu"):
        lines = committed[cell.slug].lines if cell.is_shown else []
        expected += [line for line in lines if line[0] in "|=x" and not re.fullmatch(r"x statement \d+", line)]
    lines = stdout_lines(ran)
    printed = [f"{old[0]} {line}" if line else old[0] for old, line in zip(expected, lines, strict=False)]
    assert len(lines) == len(expected)
    if any(cell.is_volatile for cell in snippet.cells):
        expected, printed = transcript.normalised(expected), transcript.normalised(printed)
    assert printed == expected


def stdout_lines(ran):
    return visible(ran.stdout).removesuffix("\n").split("\n") if ran.stdout else []


@pytest.fixture(scope="module")
def runner():
    with Runner(ROOT, cached=True) as runner:
        yield runner


def unsolved(cells):
    return tuple(cell for cell in cells if cell.is_shown and "solution" not in cell.tags)


@pytest.mark.parametrize("name", TRIED)
def test_a_class_that_solves_nothing_gets_through_the_notebook(runner, name):
    snippet = SITE.snippets[name]
    cells = snippet.for_device("cpu")
    whole = runner.run(SITE.job(snippet, cells, "cpu"))
    job = SITE.job(snippet, unsolved(cells), "cpu")
    steps = tuple(replace(step, claims=(), trials=()) for step in job.steps)
    alone = runner.run(replace(job, steps=steps))

    outputs = {slug: cell.outputs for slug, cell in alone.cells.items()}
    assert outputs == {cell.slug: whole.cells[cell.slug].outputs for cell in unsolved(cells)}


def test_the_class_gets_every_cell_but_the_solutions(files_to_take):
    taken, expected = {}, {}
    for name, snippet in SITE.snippets.items():
        if any("solution" in cell.tags for cell in snippet.cells):
            expected[name] = [cell.shown_source for cell in unsolved(snippet.cells)]
    for file in sorted(files_to_take.rglob("*-class.ipynb")):
        name = file.relative_to(files_to_take).as_posix().removesuffix("-class.ipynb")
        taken[name] = [cell.source for cell in code_cells(nbformat.read(file, 4))]

    assert taken == expected


def test_below_a_solution_stand_exercises_only():
    """And an exercise needs nothing of another's solution, as every check says: so a class misses nothing."""
    found = []
    for name, snippet in SITE.snippets.items():
        kinds = ["solution" in cell.tags for cell in snippet.cells]
        below = snippet.cells[kinds.index(True) :] if True in kinds else ()
        found += [f"{name}#{cell.slug}" for cell in below if not cell.tags & {"solution", "exercise", "remove-cell"}]

    assert found == []


def test_nothing_tells_where_or_when_it_was_made(files_to_take):
    words = [str(ROOT), sys.prefix, "/tmp/", "torchproof-", os.path.expanduser("~"), socket.gethostname()]
    words += [getpass.getuser(), datetime.now(UTC).date().isoformat(), f"{sys.version_info[0]}.{sys.version_info[1]}."]
    words = [word for word in words if len(word) > 4 or word == "/tmp/"]
    found = []
    for path in written(files_to_take):
        text = "\n".join(taken_from_the_machine(path))
        found += [(path.name, word) for word in words if word in text]

    assert found == []


def written(folder):
    """The notebooks and scripts in a folder, without what was copied there because a snippet reads it."""
    found = sorted([*folder.rglob("*.ipynb"), *folder.rglob("*.py")])
    return [path for path in found if path.with_suffix(".ipynb").exists()]


def taken_from_the_machine(path):
    """All of a file but what an author wrote: outputs were compared with what is committed, and so may hold anything."""
    if path.suffix == ".py":
        return [line for line in read(path).split("\n") if line.startswith("# ")]
    notebook = json.loads(read(path))
    cells = [{k: v for k, v in cell.items() if k not in ("source", "outputs")} for cell in notebook.pop("cells")]
    return [json.dumps(notebook), json.dumps(cells), *json.loads(read(path))["cells"][0]["source"][:4]]


def test_the_site_and_the_command_write_the_same_files(files_to_take, site_folder):
    """Two builds of everything, byte for byte."""
    different = []
    for path in written(files_to_take):
        chapter = path.relative_to(files_to_take).as_posix().rpartition(".")[0].removesuffix("-class")
        on_site = site_folder / chapter / path.name
        if not on_site.exists() or on_site.read_bytes() != path.read_bytes():
            different.append(path.name)

    assert different == []


def test_another_machine_writes_the_same_bytes(files_to_take, copy_of_the_site):
    name = shortest_chapter(copy_of_the_site)
    keep_chapters(copy_of_the_site, [name])
    home = copy_of_the_site.root.parent / "another home"
    home.mkdir()

    written = copy_of_the_site.run("torchproof", "notebooks", "out", HOME=str(home), USER="other", TZ="UTC-9", CI="1")

    assert written.returncode == 0, written.stdout
    made = sorted((copy_of_the_site.root / "out" / name).parent.glob(f"{name.rpartition('/')[2]}*"))
    assert len(made) == 3
    for path in made:
        there = files_to_take / path.relative_to(copy_of_the_site.root / "out")
        assert path.read_bytes() == there.read_bytes(), path.name


def test_every_chapter_offers_its_files(site_folder):
    for name in CHAPTERS:
        page = parse_html(read(site_folder / name / "index.html"))
        links = [link.attributes["href"] for link in page.one("p.tp-take").all("a")]
        files, elsewhere = links[:-1], links[-1]

        assert [(site_folder / name / file).is_file() for file in files] == [True] * len(files)
        assert elsewhere.startswith("https://colab.research.google.com/github/")
        assert elsewhere.endswith(f"/blob/notebooks/{name}.ipynb")


def test_other_pages_offer_nothing(site_folder):
    assert 'class="tp-take"' not in read(site_folder / "index.html")


# --- a small one ------------------------------------------------------------------------------------------------------

SNIPPET = '''\
"""Speech."""

# %% A string of lines
text = """first
    second
"""
text

# %% Two values tags=["hide-input"]
1, "two"

# %% No value
None

# %% One on the way tags=["remove-cell"]
hidden = 1

# %% It fails late tags=["raises-exception"]
error = 1


def fail():
    print("so far")
    raise KeyError("""no
    such thing""")


fail()

# %% No words tags=["raises-exception"]
assert error == 2

# %% It is no Python tags=["raises-exception"]
1 +

# %% It warns
import sys, warnings

warnings.warn("slowly", stacklevel=1)
(
    text  # a comment
    .upper()
)

# %% A plot
import matplotlib.pyplot as plt

plt.plot([1, 2])
None

# %% Exercise: add tags=["exercise"]
def add(a, b):
    raise NotImplementedError


add(1, 2)

# %% Solution: add tags=["solution"]
def add(a, b):
    return a + b


assert add(1, 2) == 3
'''

PAGE = """\
---
title: Elsewhere
---

# Speech

Words, $x_1 [0](1)$, and [the *home* `page`](../index.md#top), [far](https://example.org/a_(b)), [here](#speech).

```cell
p/speech#a-string-of-lines
```

It begins so: `text.startswith("first")`{.proof}; code like `a[0](1)` is no link.

```cell
p/speech#two-values
```

```cell
p/speech#no-value
```

!!! warning "Late"

    It says *so far*.

    ```cell
    p/speech#it-fails-late
    ```

    Then `error == 1`{.proof}.

```python
not = [run](../index.md)
```

```cell
p/speech#no-words
```

```cell
p/speech#it-is-no-python
```

```cell
p/speech#it-warns
```

```cell
p/speech#a-plot
```

```python exec="true"
from torchproof import reports

print(reports.counts())
```

Add.

```cell
p/speech#exercise-add
```

??? success "Solution"

    Use `+`.

    ```cell
    p/speech#solution-add
    ```

The end.
"""


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """The files of a chapter that holds every kind of thing."""
    project = Project(tmp_path_factory.mktemp("speech") / "site")
    project.write("mkdocs.yml", "site_name: Small\nsite_url: https://example.org/course/\n")
    project.write("docs/index.md", "# Home\n")
    project.write("snippets/p/speech.py", SNIPPET)
    project.write("docs/p/speech.md", PAGE)
    commit_transcripts(project)
    written = project.run("torchproof", "notebooks", "out")
    assert written.returncode == 0, written.stdout
    project.root /= "out/p"
    return project


@pytest.fixture(scope="module")
def taken(speech):
    return nbformat.reads(speech.read("speech.ipynb"), as_version=4)


def outputs_of(notebook, slug):
    cell = next(cell for cell in notebook.cells if cell.id == slug)
    return [(output.output_type, output) for output in cell.outputs]


def test_outputs_are_of_jupyters_own_types(taken):
    ((kind, value),) = outputs_of(taken, "a-string-of-lines")
    assert (kind, value.data["text/plain"]) == ("execute_result", "'first\\n    second\\n'")

    (_, printed), (kind, raised) = outputs_of(taken, "it-fails-late")
    assert (printed.name, printed.text) == ("stdout", "so far\n")
    assert (kind, raised.ename, raised.evalue) == ("error", "KeyError", "'no\\n    such thing'")

    (kind, warned), _ = outputs_of(taken, "it-warns")
    assert (kind, warned.name, warned.text) == ("stream", "stderr", "UserWarning: slowly\n")

    ((kind, figure),) = outputs_of(taken, "a-plot")
    assert kind == "display_data"
    assert figure.data["image/svg+xml"].startswith("<svg ")
    assert "line of 2 points" in figure.data["text/plain"]


def test_tags_are_kept_and_a_cell_that_raises_stops_no_notebook(taken):
    cells = {cell.id: cell.metadata for cell in code_cells(taken)}

    assert cells["exercise-add"]["tags"] == ["exercise", "raises-exception"]
    assert cells["two-values"]["jupyter"] == cells["solution-add"]["jupyter"] == {"source_hidden": True}
    assert cells["it-warns"] == {"name": "It warns"}


def test_prose_says_in_markdown_what_the_page_says(taken):
    text = prose(taken)

    assert text.startswith("# Speech\n\n*This notebook was made from [this page](https://example.org/course/p/speech/)")
    assert "[the *home* `page`](https://example.org/course/#top)" in text
    assert "[far](https://example.org/a_(b)), [here](https://example.org/course/p/speech/#speech)" in text
    assert 'It begins so: `text.startswith("first")`; code like `a[0](1)` is no link.' in text
    assert "> **Late**\n>\n> It says *so far*." in text
    assert "> Then `error == 1`." in text
    assert "not = [run](../index.md)" in text
    assert not re.search(r"proof|^```(cell|python exec)|title: Elsewhere|!!!|\?\?\?", text, re.M)


def test_the_class_gets_neither_solution_nor_the_words_about_it(speech):
    whole, unsolved = speech.read("speech.ipynb"), speech.read("speech-class.ipynb")

    assert "Use `+`" in whole
    assert "Use `+`" not in unsolved
    assert "**Solution**" not in unsolved
    assert "return a + b" not in unsolved
    assert "The end." in unsolved


def test_the_script_is_the_visible_code_with_what_a_script_needs(speech):
    script = speech.read("speech.py")

    assert script.startswith("# Speech\n# The code of https://example.org/course/p/speech/, from top to bottom")
    assert "hidden = 1" not in script
    assert 'text = """first\n    second\n"""\nprint(repr(text))\n' in script
    assert 'print(repr((1, "two")))' in script
    assert "fail()\n\n\ntry" not in script
    assert '\n\n\ntry:\n    fail()\nexcept KeyError as caught:\n    print(f"KeyError: {caught}")\n' in script
    assert 'try:\n    assert error == 2\nexcept AssertionError:\n    print("AssertionError")\n' in script
    assert "print(repr((\n    text  # a comment\n    .upper()\n)))" in script
    assert "plt.plot([1, 2])\nNone\nplt.show()\n" in script


def test_the_script_prints_what_the_page_shows(speech, tmp_path):
    ran = subprocess.run(
        [sys.executable, speech.root / "speech.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n") == [
        "'first\\n    second\\n'",
        "(1, 'two')",
        "so far",
        "KeyError: 'no\\n    such thing'",
        "AssertionError",
        "SyntaxError: invalid syntax",
        "'FIRST\\n    SECOND\\n'",
        "NotImplementedError",
        "",
    ]


def cell_of(title, source="1\n"):
    return Cell(title, slug_of(title), source, 2)


def test_ids_are_such_as_jupyter_takes_and_each_is_there_once():
    titles = ["Long " * 20 + "one", "Long " * 20 + "two", "Prose 1", "Çà", "Èé"]

    text = notebook([Piece("Words."), *(Piece(cell=cell_of(title)) for title in titles)], {})

    nbformat.validate(json.loads(text))
    ids = [cell["id"] for cell in json.loads(text)["cells"]]
    assert len(set(ids)) == 6
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", id_) for id_ in ids)
    assert ids[3] == "prose-1-2"


NBSP = "\N{NO-BREAK SPACE}"


def test_a_table_is_one_in_markdown():
    rows = (
        Row("", "a | b", "5"),
        Row("twice | *again*", "x.t()", "tensor([[1, 2],\n        [3, 4]])"),
        Row("", "'`'", "TypeError: |", raised=True),
    )
    fence = Fence("table", "…", 9, Embed("p", "a", 5))
    run = CellRun("a", measured=(Measured("table", "…", data=Table(rows)),))

    text = notebook([Piece(fence=fence)], {"a": run})

    (cell,) = nbformat.reads(text, as_version=4).cells
    assert cell.source.split("\n") == [
        "|  | code | value |",
        "| --- | --- | --- |",
        r"|  | `a \| b` | `5` |",
        rf"| twice \| \*again\* | `x.t()` | `tensor([[1, 2],`<br>`{8 * NBSP}[3, 4]])` |",
        r"|  | `` '`' `` | `TypeError: \|` |",
    ]


def test_a_kind_of_output_needs_its_mark_and_nothing_else(monkeypatch):
    monkeypatch.setitem(MARKS, "+", Mark("Display", "display", "display_data"))
    run = CellRun("a", (Output("+", "seen"),))

    text = notebook([Piece(cell=cell_of("A"))], {"a": run})

    nbformat.validate(json.loads(text))
    (output,) = nbformat.reads(text, as_version=4).cells[0].outputs
    assert (output.output_type, output.data["text/plain"]) == ("display_data", "seen")


def test_a_fence_within_an_admonition_or_another_fence_stays_where_it_is(small_site):
    small_site.replace("docs/a/b.md", "The stretched", "````text\n```cell\nx\n```\n````\n\nThe stretched")
    small_site.replace(
        "docs/a/b.md", "The stretched", '!!! note "So"\n\n    ~~~text\n    !!! deep\n    ~~~\n\nThe stretched'
    )
    commit_transcripts(small_site)

    written = small_site.run("torchproof", "notebooks", "out")

    assert written.returncode == 0, written.stdout
    text = prose(nbformat.read(small_site.root / "out/a/b.ipynb", 4))
    assert "````text\n```cell\nx\n```\n````\n" in text
    assert "> **So**\n>\n> ~~~text\n> !!! deep\n> ~~~\n\nThe stretched" in text


def test_a_cell_that_raises_late_is_tried_from_the_statement_that_raises():
    cell = cell_of("A", "a = 1\n\n\n@print\ndef f():\n    pass\n")
    run = CellRun("a", (Output("x", "TypeError: no"),), statement=2, line=5)

    text = script([cell], {"a": run}, "Title", "")

    assert "a = 1\n\n\ntry:\n    @print\n    def f():\n        pass\nexcept TypeError as error:\n" in text


def test_a_chapter_that_drifted_is_not_handed_out(small_site):
    commit_transcripts(small_site)
    small_site.replace("snippets/a/b.cpu.txt", "[21, 22, 23]", "[21, 22, 24]")

    written = small_site.run("torchproof", "notebooks", "out")

    assert written.returncode == 1
    assert "the cell 'row-plus-column' has drifted" in written.stdout
    assert not list(small_site.root.glob("out/**/*.*"))


def test_a_script_leaves_cells_of_a_gpu_to_machines_that_have_one(small_site):
    small_site.replace("snippets/a/b.py", "# %% Sizes", '# %% Moved tags=["cuda"]\nrow.to("cuda")\n\n# %% Sizes')
    small_site.replace("docs/a/b.md", "```cell\na/b#sizes", "```cell\na/b#moved\n```\n\n```cell\na/b#sizes")
    commit_transcripts(small_site)

    written = small_site.run("torchproof", "notebooks", "out")

    assert written.returncode == 0, written.stdout
    assert 'if torch.cuda.is_available():\n    row.to("cuda")\n' in small_site.read("out/a/b.py")
    moved = [cell for cell in nbformat.read(small_site.root / "out/a/b.ipynb", 4).cells if cell.id == "moved"]
    assert [(cell.outputs, cell.metadata["tags"]) for cell in moved] == [([], ["cuda", "raises-exception"])]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("memory.md", "https://x.org/tensors/memory/"),
        ("../index.md#top", "https://x.org/#top"),
        ("index.md", "https://x.org/tensors/"),
        ("../walkthroughs/ball.py", "https://x.org/walkthroughs/ball/"),
        ("#here", "https://x.org/tensors/shapes/#here"),
        ("../assets/picture.png", "https://x.org/assets/picture.png"),
        ("mailto:a@b.c", "mailto:a@b.c"),
        ("//y.org", "//y.org"),
    ],
)
def test_a_link_leads_to_the_site(target, wanted):
    assert address(target, "tensors/shapes", "https://x.org/") == wanted


def test_without_an_address_of_the_site_a_link_to_it_is_words():
    assert address("memory.md", "tensors/shapes", "") == ""


@pytest.mark.parametrize(
    ("repository", "wanted"),
    [
        ("https://github.com/a/b", "https://colab.research.google.com/github/a/b/blob/notebooks/p/q.ipynb"),
        ("https://github.com/a/b.git/", "https://colab.research.google.com/github/a/b/blob/notebooks/p/q.ipynb"),
        ("https://gitlab.com/a/b", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_colab_opens_notebooks_from_github_only(repository, wanted):
    assert colab("p/q", repository, "notebooks") == wanted
    assert colab("p/q", repository, "") == ""
