"""Recordings: what another device printed is shown only if it is whole, and of the code that stands there now.

The device is `test`, which needs no hardware: its sessions are the CPU's with another name in the environment.
"""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import BIN, Project, environment_of_commands, parse_html, processes, wait_for, write_small_site
from torchproof.builders.notebooks import downloads
from torchproof.compare import recordings, transcript
from torchproof.compare.accept import accept
from torchproof.compare.check import check_chapter
from torchproof.compare.site import Site
from torchproof.model.cells import Cell
from torchproof.model.runs import CellRun, Measured
from torchproof.read.snippets import read_snippet
from torchproof.run.runner import Runner

SNIPPET = '''\
"""A chapter for two devices."""

# %% Where am I
import os

import torch

device = os.environ.get("TORCHPROOF_DEVICE", "cpu")
print("running on", device)
x = torch.arange(6).view(2, 3)
x

# %% The same everywhere
y = x.t()
y.stride()

# %% Only there tags=["test"]
z = torch.ones(3, requires_grad=True)
w = z * 2
print(w.tolist())
w.sum()

# %% An error there tags=["test", "raises-exception"]
v = torch.ones(2) + torch.ones(3)

# %% Only here tags=["cpu"]
print("the CPU has", torch.ones(2).device)

# %% Last
(x * 0.1).sum().item()
'''

PAGE = "# Two devices\n" + "\n".join(
    f"\n```cell\na/b#{slug}\n```\n{prose}"
    for slug, prose in {
        "where-am-i": "",
        "the-same-everywhere": "\nHere `y.stride() == (1, 3)`{.proof}.\n",
        "only-there": "\nThere `w.requires_grad`{.proof} and `w.sum() == 6`{.proof}.\n",
        "an-error-there": "",
        "only-here": "",
        "last": "",
    }.items()
)

FILE = "snippets/a/b.test.txt"
SLUGS = ["where-am-i", "the-same-everywhere", "only-there", "an-error-there", "last"]


class Chapter(Project):
    """The chapter `a/b`, recorded on `test`."""

    def states(self):
        """The state of each recorded cell."""
        made = Site.read(self.root).recordings["a/b"]["test"]
        return {slug: cell.state for slug, cell in made.cells.items()}

    def shown(self):
        """The built page."""
        built = self.run("mkdocs", "build", "--quiet", "--strict")
        assert built.returncode == 0, built.stdout
        return parse_html(self.read("site/a/b/index.html"))

    def card(self, slug):
        return card_of(self.shown(), slug)

    def rerecord(self, **provenance):
        """Write the recording as if it had been made elsewhere."""
        site = Site.read(self.root)
        made = site.recordings["a/b"]["test"]
        lines = {slug: cell.lines for slug, cell in made.cells.items()}
        told = {name: value for name, value in made.provenance.items() if name != "date"}
        text = recordings.merge(None, site.snippets["a/b"], "test", lines, told | provenance)
        self.write(FILE, text)


@pytest.fixture(autouse=True)
def made_by_no_run_of_a_workflow(monkeypatch):
    """Where these tests run must not decide what recordings say."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.fixture(scope="module")
def template(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("snippets/a/b.py", SNIPPET)
        project.write("docs/a/b.md", PAGE)
        project.write("snippets/c.py", "# %% Alone\nprint(1)\n")
        project.write("docs/c.md", "# Other\n\n```cell\nc#alone\n```\n")
        accepted = project.run("torchproof", "accept")
        assert accepted.returncode == 0, accepted.stdout
        recorded = project.run("torchproof", "record", "--device", "test")
        assert recorded.returncode == 0, recorded.stdout

    return once("recorded-site", make)


@pytest.fixture
def chapter(template, tmp_path):
    shutil.copytree(template, tmp_path / "site with space", ignore=shutil.ignore_patterns("site"))
    return Chapter(tmp_path / "site with space")


def card_of(page, slug):
    """What a page shows of a cell."""
    return next(e for e in page.all("section.tp-cell") if e.attributes["id"] == f"cell-{slug}")


@pytest.fixture(scope="module")
def page(template, tmp_path_factory):
    """The page as it is built while nothing has changed."""
    folder = tmp_path_factory.mktemp("page") / "site"
    return Chapter(shutil.copytree(template, folder, ignore=shutil.ignore_patterns("site"))).shown()


@pytest.fixture(scope="module")
def runners(tmp_path_factory):
    """Two warm runners; sessions do not depend on where they start."""
    root = tmp_path_factory.mktemp("runners")
    with Runner(root) as one, Runner(root, other=True) as other:
        yield one, other


def check(chapter, runners, device="test"):
    return check_chapter(Site.read(chapter.root), runners[0], "a/b", device).problems


def record(chapter, runners):
    return accept(Site.read(chapter.root), *runners, "a/b", "test")


# --- what a recording holds ---------------------------------------------------------------------------------------------


def test_a_recording_reads_as_a_transcript_placed_by_statement_with_its_provenance(chapter):
    text = chapter.read(FILE)
    header, _, body = text.partition("\n")

    assert re.fullmatch(
        r"torchproof 2 · snippets/a/b\.py · test · torch \S+ · no hardware · driver none · float32 as on the CPU · \d{4}-\d\d-\d\d",
        header,
    )
    body = re.sub(r"=[0-9a-f]{12}\b", "=…", body)
    assert (
        """
%% only-there code=… body=…
~ 1 z         float32[3]       strides (1,)  contiguous  requires_grad  leaf
~ 2 w         float32[3]       strides (1,)  contiguous  requires_grad  grad_fn MulBackward0
| [2.0, 2.0, 2.0]
= tensor(6., grad_fn=<SumBackward0>)
? w.requires_grad
? w.sum() == 6

%% an-error-there code=… body=…
x statement 1
x RuntimeError: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0
"""
        in body
    )
    assert "| running on test\n" in text
    assert "only-here" not in text


def test_the_notebook_shows_what_the_page_shows_of_a_recording(chapter, runners):
    site = Site.read(chapter.root)
    files = downloads(check_chapter(site, runners[0], "a/b"), site.pages["a/b"], "")

    (cell,) = [cell for cell in json.loads(files["b.ipynb"])["cells"] if "z * 2" in "".join(cell["source"])]

    assert "".join(cell["outputs"][0]["text"]) == "[2.0, 2.0, 2.0]\n"
    assert "".join(cell["outputs"][1]["data"]["text/plain"]).startswith("tensor(6.")


def test_what_was_recorded_comes_back_as_it_was_run(chapter, runners):
    site = Site.read(chapter.root)
    there = check_chapter(site, runners[0], "a/b", "test").run
    made = site.recordings["a/b"]["test"]

    for slug in SLUGS:
        back, ran = made.cells[slug].run(site.snippets["a/b"].cell(slug)), there.cells[slug]
        assert back.outputs == ran.outputs
        assert back.facts == ran.facts
        assert (back.statement, back.error) == (ran.statement, ran.error)


ODD = r"""
# %% Lines like a recording's own tags=["test"]
print("%% last code=000000000000 body=000000000000\n\n? True\nx statement 1\n~ 1 x  int64[1]\n= 1\n\n")

# %% No end of line tags=["test"]
print("no end", end="")

# %% Both streams, in turn tags=["test"]
import sys

print("out", end="")
sys.stderr.write("err")
print("out", end="\n\n")
sys.stderr.write("\nerr\n")

# %% Not ASCII, or not to be seen tags=["test"]
print("é 中 \u202e \x00 \x1b[31m \r\n \x0c \x85 \u2028 \ud800 \t.")
print("  blanks around  ")

# %% A long line tags=["test"]
print("x" * 50_000)

# %% A value of several lines tags=["test"]
class Told:
    def __repr__(self):
        return "\n\none\n\n? two\n"


Told()

# %% Names with blanks tags=["test"]
import torch

told = torch.ones(2).as_subclass(type("Two  blanks\nand a line", (torch.Tensor,), {}))
globals()["no  name\n%% last"] = torch.ones(2)
größe = torch.ones(1)

# %% An error of several lines tags=["test", "raises-exception"]
raise ValueError("one\n\n%% two\nx statement 7\n")

# %% An error without words tags=["test", "raises-exception"]
print("before")
raise ValueError

# %% An error on the way tags=["test", "raises-exception"]
for size in range(1, 4):
    made = torch.ones(size)
    made / torch.ones(2)

# %% An error of the whole cell tags=["test", "raises-exception"]
print("never")
1 +* 2

# %% Nothing but a comment tags=["test"]
# nothing

# %% An error whose digits may change tags=["test", "raises-exception", "volatile"]
raise ValueError("at 0x7f, 3 times")

# %% The end tags=["test"]
größe.add_(1)
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory, runners):
    """A chapter of cells that a format of lines could break on, as recorded and as run."""
    project = Chapter(tmp_path_factory.mktemp("odd"))
    write_small_site(project)
    project.write("snippets/a/b.py", ODD)
    slugs = [cell.slug for cell in read_snippet(project.root, "a/b").cells]
    fences = [f"\n```cell\na/b#{slug}\n```\n" for slug in slugs]
    place = slugs.index("an-error-of-the-whole-cell")
    fences.insert(place, "\nIt changes a tensor, unseen: `bool((größe.add_(1) > 1).all())`{.proof}.\n")
    project.write("docs/a/b.md", "# Odd\n" + "".join(fences))
    assert record(project, runners) == (True, [])
    site = Site.read(project.root)
    return site, check_chapter(site, runners[0], "a/b", "test").run


@pytest.mark.parametrize("title", re.findall(r"^# %% (.*) tags", ODD, re.M), ids=str)
def test_whatever_a_cell_does_comes_back_as_it_was_run(odd, title):
    site, run = odd
    cell = next(cell for cell in site.snippets["a/b"].cells if cell.title == title)
    recorded, ran = site.recordings["a/b"]["test"].cells[cell.slug], run.cells[cell.slug]
    back = recorded.run(cell)

    assert recorded.state == "fresh"
    assert without_end(back.outputs) == without_end(ran.outputs)
    assert back.facts == ran.facts
    assert (back.statement, bool(back.error)) == (ran.statement, bool(ran.error))


def without_end(outputs):
    """Outputs up to their last line's end."""
    return [(output.mark, output.text.rstrip("\n")) for output in outputs]


def dated(chapter, date, **provenance):
    """Write the recording as if it had been made on another day."""
    site = Site.read(chapter.root)
    made = site.recordings["a/b"]["test"]
    lines = {slug: cell.lines for slug, cell in made.cells.items()}
    told = made.provenance | {"date": date} | provenance
    chapter.write(FILE, recordings._written(site.snippets["a/b"], "test", lines, told))


def test_recording_again_changes_no_byte_not_even_on_another_day(chapter, runners):
    dated(chapter, "2001-02-03")
    before = chapter.read(FILE)
    assert "2001-02-03" in before

    assert record(chapter, runners) == (False, [])
    assert chapter.read(FILE) == before


def test_no_line_is_kept_from_another_machine_or_another_day(chapter, runners):
    chapter.replace("snippets/a/b.py", "# %% Last", '# %% Last tags=["volatile"]')
    changed_on_the_way(chapter, "= 1.5", "= 9.5", gpu="NVIDIA A10")
    assert record(chapter, runners) == (True, [])
    assert "= 1.5" in chapter.read(FILE)

    changed_on_the_way(chapter, "= 1.5", "= 9.5")
    chapter.replace("docs/a/b.md", "w.sum() == 6", "w.max() == 2")
    assert record(chapter, runners) == (True, [])
    assert "= 1.5" in chapter.read(FILE)


def test_what_is_recorded_on_another_machine_names_it_and_the_day(chapter, runners):
    today = Site.read(chapter.root).recordings["a/b"]["test"].provenance["date"]
    dated(chapter, "2001-02-03", gpu="NVIDIA A10", torch="2.0.0")

    assert record(chapter, runners) == (True, [])
    made = Site.read(chapter.root).recordings["a/b"]["test"]
    assert (made.provenance["gpu"], made.cells["last"].state) == ("no hardware", "fresh")
    assert made.provenance["date"] >= today


def test_a_last_digit_is_recorded(chapter, runners):
    before = chapter.read(FILE)
    value = re.search(r"^= (1\.\d+)$", before, re.M)[1]
    changed_on_the_way(chapter, value, str(float(value) + 1e-6))

    assert record(chapter, runners) == (True, [])
    assert chapter.read(FILE) == before


def test_a_proof_with_another_number_below_a_volatile_cell_is_recorded(chapter, runners):
    chapter.replace("snippets/a/b.py", 'Only there tags=["test"]', 'Only there tags=["test", "volatile"]')
    changed_on_the_way(chapter, "w.sum() == 6", "w.sum() < 7")
    chapter.replace("docs/a/b.md", "w.sum() == 6", "w.sum() < 8")
    assert [problem.slug for problem in check(chapter, runners)] == ["only-there"]

    assert record(chapter, runners) == (True, [])
    recorded = Site.read(chapter.root).recordings["a/b"]["test"].cells["only-there"]
    assert [line for line in recorded.lines if line[0] == "?"] == ["? w.requires_grad", "? w.sum() < 8"]


def test_a_proof_that_is_not_true_is_no_line_of_a_recording():
    run = CellRun("a", measured=(Measured("proof", "x"), Measured("proof", "y", "is False")))

    assert transcript.lines_of(run, is_recording=True) == ["? x"]
    assert transcript.lines_of(run) == []


def test_a_proof_is_looked_for_among_the_proofs_and_not_in_what_was_printed():
    recorded = recordings.Recorded("fresh", ["| ? x", "= ? y", "? z"])

    assert [source for source in "xyz" if recorded.text_of("proof", source)] == ["z"]


# --- states -------------------------------------------------------------------------------------------------------------


def test_only_what_is_of_this_code_is_shown():
    assert [state for state in recordings.STATES if recordings.Recorded(state).is_shown] == ["fresh", "older torch"]


def test_all_but_what_is_shown_waits(chapter):
    cells = {state: recordings.Recorded(state) for state in recordings.STATES}

    assert recordings.Recording("test", {}, cells).waiting == 3
    assert [state for state in cells if recordings.Recording("test", {}, {"a": cells[state]}).waiting] == [
        "stale",
        "missing",
        "tampered",
    ]


def test_a_fresh_recording_is_fresh(chapter):
    assert chapter.states() == dict.fromkeys(SLUGS, "fresh")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = torch.arange", "# a comment\n\n\nx = torch.arange"),
        ("y = x.t()\ny.stride()", "y = (\n    x.t()  # turned\n)\n\n\ny.stride( )"),
        ('"running on"', "'running on'"),
        ('"""A chapter for two devices."""', '"""Another introduction."""'),
        ('tags=["cpu"]\nprint("the CPU has"', 'tags=["cpu"]\nprint("our CPU has"'),
        ('tags=["test"]', 'tags=["test", "hide-input"]'),
    ],
    ids=["comment", "layout", "quotes", "docstring", "a cell of another device", "a tag that only shows otherwise"],
)
def test_what_the_device_would_not_notice_stales_nothing(chapter, old, new):
    chapter.replace("snippets/a/b.py", old, new)

    assert chapter.states() == dict.fromkeys(SLUGS, "fresh")


def test_facts_keep_their_place_when_the_layout_changes(chapter):
    chapter.replace("snippets/a/b.py", "z = torch.ones", "# above\n\nz = torch.ones")
    site = Site.read(chapter.root)
    run = site.recordings["a/b"]["test"].cells["only-there"].run(site.snippets["a/b"].cell("only-there"))

    cell = site.snippets["a/b"].cell("only-there")

    assert [(fact.name, cell.line_of(fact.statement, fact.name)) for fact in run.facts] == [("z", 3), ("w", 4)]


def test_a_fact_stands_where_its_statement_binds_the_name():
    cell = Cell("A", "a", "if True:\n    x = 1\n\n    y = 2", 1)
    run = recordings.Recorded("fresh", ["~ 1 x  int64[1]", "~ 1 y  int64[1]", "~ 1 z  int64[1]"]).run(cell)

    assert [(fact.name, cell.line_of(fact.statement, fact.name)) for fact in run.facts] == [
        ("x", 2),
        ("y", 4),
        ("z", 1),
    ]


@pytest.mark.parametrize("changed", range(len(SLUGS)))
def test_changed_code_stales_its_cell_and_the_later_ones_only(chapter, changed):
    olds = ["x = torch.arange(6)", "y = x.t()", "w = z * 2", "v = torch.ones(2)", "x * 0.1"]
    chapter.replace("snippets/a/b.py", olds[changed], olds[changed] + " + 0")

    assert list(chapter.states().values()) == ["fresh"] * changed + ["stale"] * (len(SLUGS) - changed)


def test_another_chapter_stales_nothing(chapter):
    chapter.replace("snippets/c.py", "print(1)", "print(2)")

    assert set(chapter.states().values()) == {"fresh"}


def test_a_cell_that_must_raise_no_longer_is_stale(chapter):
    chapter.replace("snippets/a/b.py", '["test", "raises-exception"]', '["test"]')

    assert chapter.states()["an-error-there"] == "stale"


def test_other_code_that_is_no_python_is_stale():
    cells = [Cell("A", "a", source, 1, frozenset(["raises-exception"])) for source in ("1 +* 2", "2 +* 2")]

    assert recordings.code_hashes((cells[0],)) != recordings.code_hashes((cells[1],))


def test_a_new_cell_is_missing_and_an_old_one_gone(chapter):
    chapter.replace("snippets/a/b.py", "# %% Last", "# %% The end")

    assert {slug: state for slug, state in chapter.states().items() if state != "fresh"} == {
        "the-end": "missing",
        "last": "gone",
    }


def test_under_another_torch_it_is_older(chapter):
    chapter.rerecord(torch="2.0.0+cu118")

    assert set(chapter.states().values()) == {"older torch"}


def test_the_hash_of_code_is_the_same_on_every_python():
    source = """
import a.b as c
from . import d
@e(1, *f, **{"g": None})
async def h(i: int = 1, /, *j, k=..., **l) -> "m":
    async for n in o: yield f"{n!r:>{p}} {q = }" 'r' + u"t", b"s"
    await u; return -1e300, 1j, True
class v(w, metaclass=x):
    "docstring"
    y: int; z = lambda *a: (yield)
try: pass
except* (A, B) as C: raise D from E
match F:
    case [G, *_] | {"H": I, **J} if K: del L[1:2, ...]
    case M(N=1) as O: P += [q for q in r if s]
with (T() as U, V): assert (W := 1) < 2 <= 3 is not None
"""
    ast.parse(source)
    hashes = recordings.code_hashes((Cell("A", "a", source, 1), Cell("B", "b", "x = 1", 1)))

    assert hashes == {"a": "7ce062b4f19b", "b": "b53831e9f230"}


# --- tampering ----------------------------------------------------------------------------------------------------------


def test_no_line_of_a_recording_can_be_changed_left_out_or_doubled(chapter):
    text = chapter.read(FILE)
    lines = text.split("\n")
    site = Site.read(chapter.root)
    for number, line in enumerate(lines):
        for changed in ([f"{line} "], [f"x{line}"], [], [line, line]):
            tampered = "\n".join(lines[:number] + changed + lines[number + 1 :])
            made = recordings.read(tampered, site.snippets["a/b"], "test", "")
            assert made.problem or tampered == text, (number, changed)


def test_no_digit_of_a_recording_can_be_changed(chapter):
    text = chapter.read(FILE)
    site = Site.read(chapter.root)
    for found in re.finditer(r"\d", text):
        digit = str((int(found[0]) + 1) % 10)
        tampered = text[: found.start()] + digit + text[found.end() :]
        made = recordings.read(tampered, site.snippets["a/b"], "test", "")
        assert made.problem, tampered[found.start() - 40 : found.end()]


def read_back(chapter, text):
    """What is believed of the recording once its file holds this text, or these bytes."""
    (chapter.root / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return Site.read(chapter.root).recordings["a/b"]["test"]


def test_no_two_lines_of_a_recording_can_change_places(chapter):
    lines = chapter.read(FILE).split("\n")
    site = Site.read(chapter.root)
    for number in range(len(lines) - 1):
        swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        made = recordings.read("\n".join(swapped), site.snippets["a/b"], "test", "")
        assert made.problem or swapped == lines, number


def test_no_cell_of_a_recording_can_pass_for_another(chapter):
    tampered = chapter.read(FILE).replace("%% last ", "%% the-last ")
    chapter.replace("snippets/a/b.py", "# %% Last", "# %% The last")
    made = read_back(chapter, tampered)

    assert made.cells["the-last"].state == "tampered"
    assert made.problem == "holds text that no recording wrote (in 'the-last')"


@pytest.mark.parametrize("whole", [True, False], ids=["lines", "any byte"])
def test_of_a_recording_cut_short_only_whole_cells_are_believed(chapter, whole):
    text = chapter.read(FILE)
    site = Site.read(chapter.root)
    lines = {slug: cell.lines for slug, cell in site.recordings["a/b"]["test"].cells.items()}
    ends = [found.end() for found in re.finditer("\n", text)] if whole else range(0, len(text), 7)
    for end in ends:
        made = recordings.read(text[:end], site.snippets["a/b"], "test", "")
        assert all(cell.lines == lines[slug] for slug, cell in made.cells.items() if cell.is_shown)
        assert made.problem or made.waiting or end == len(text), end


@pytest.mark.parametrize(
    "resave",
    [lambda data: data.replace(b"\n", b"\r\n"), lambda data: b"\xef\xbb\xbf" + data],
    ids=["CRLF", "BOM"],
)
def test_how_an_editor_or_git_saves_text_is_no_tampering(chapter, resave):
    made = read_back(chapter, resave((chapter.root / FILE).read_bytes()))

    assert made.problem == ""
    assert {cell.state for cell in made.cells.values()} == {"fresh"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"running on", b"run\xffning on"),
        (b"= (1, 3)", b"= (1, 3)\xe2\x80\xa8"),
        (b"= (1, 3)", b"= (1, 3)\x0c"),
        (b"= (1, 3)", b"=\xc2\xa0(1, 3)"),
    ],
    ids=["not UTF-8", "a line separator", "a form feed", "another blank"],
)
def test_no_invisible_byte_passes(chapter, old, new):
    data = (chapter.root / FILE).read_bytes()
    assert old in data

    assert read_back(chapter, data.replace(old, new)).problem


def test_a_merge_conflict_is_no_recording(chapter):
    ours = chapter.read(FILE)
    changed_on_the_way(chapter, "[2.0, 2.0, 2.0]", "[3.0, 3.0, 3.0]")
    theirs = chapter.read(FILE)
    conflict = "\n".join(["<<<<<<< ours", *ours.split("\n"), "=======", *theirs.split("\n"), ">>>>>>> theirs", ""])
    line = "| [2.0, 2.0, 2.0]"

    whole = read_back(chapter, conflict)
    assert (whole.problem.partition(":")[0], whole.waiting) == (
        "is no recording of snippets/a/b.py on test",
        len(SLUGS),
    )
    in_a_cell = read_back(chapter, ours.replace(line, f"<<<<<<< ours\n{line}\n=======\n| [3.0]\n>>>>>>> theirs"))
    assert (in_a_cell.cells["only-there"].state, bool(in_a_cell.problem)) == ("tampered", True)


def test_two_recordings_of_one_cell_are_none(chapter):
    ours = chapter.read(FILE)
    changed_on_the_way(chapter, "[2.0, 2.0, 2.0]", "[3.0, 3.0, 3.0]")
    theirs = next(block for block in chapter.read(FILE).split("\n\n") if block.startswith("%% only-there"))
    place = ours.index("%% an-error-there")
    made = read_back(chapter, f"{ours[:place]}{theirs}\n\n{ours[place:]}")

    assert made.cells["only-there"].state == "tampered"
    assert made.problem


@pytest.mark.parametrize(
    ("edit", "command"),
    [
        ("a value", "torchproof check"),
        ("a value", "mkdocs build"),
        ("a value", "pytest"),
        ("the GPU's name", "pytest"),
        ("the CPU's transcript", "torchproof check"),
        ("another chapter's", "torchproof check"),
    ],
)
def test_a_tampered_recording_fails_where_there_is_no_device(chapter, edit, command):
    if edit == "a value":
        chapter.replace(FILE, "[2.0, 2.0, 2.0]", "[2.0, 2.0, 2.5]")
    elif edit == "the GPU's name":
        chapter.replace(FILE, "no hardware", "NVIDIA H200")
    elif edit == "the CPU's transcript":
        chapter.write(FILE, chapter.read("snippets/a/b.cpu.txt"))
    else:
        chapter.write(FILE, chapter.read(FILE).replace("snippets/a/b.py", "snippets/c.py"))

    done = chapter.run(*command.split())

    assert done.returncode == 1, done.stdout
    assert FILE in done.stdout
    assert "torchproof record --device test" in done.stdout


def test_the_check_on_the_device_fails_on_text_between_the_cells(chapter):
    chapter.replace(FILE, "\n\n%% last", "\n\n\n%% last")
    assert set(chapter.states().values()) == {"fresh"}
    done = chapter.run("torchproof", "check", "--device", "test")

    assert done.returncode == 1
    assert "holds text that no recording wrote" in done.stdout


def test_a_recording_of_another_chapter_with_the_same_code_is_none(chapter):
    chapter.write("snippets/a/twin.py", SNIPPET)
    shutil.copy(chapter.root / FILE, chapter.root / "snippets/a/twin.test.txt")
    made = Site.read(chapter.root).recordings["a/twin"]["test"]

    assert made.problem.startswith("is no recording of snippets/a/twin.py on test")
    assert {cell.state for cell in made.cells.values()} == {"tampered"}


def test_a_recording_of_another_device_is_none(chapter):
    text = chapter.read(FILE)
    snippet = Site.read(chapter.root).snippets["a/b"]

    assert recordings.read(text, snippet, "cuda", "").problem.startswith("is no recording of snippets/a/b.py on cuda")


def test_the_cpus_transcript_below_a_recordings_header_is_still_no_recording(chapter):
    header = chapter.read(FILE).partition("\n")[0]
    chapter.write(FILE, "\n".join([header, *chapter.read("snippets/a/b.cpu.txt").split("\n")[1:]]))

    assert set(chapter.states().values()) == {"tampered", "missing"}
    assert Site.read(chapter.root).recordings["a/b"]["test"].problem


# --- the page -----------------------------------------------------------------------------------------------------------


def test_where_the_outputs_differ_the_page_has_a_tab_for_each_device(page):
    card = card_of(page, "where-am-i")
    here, there = card.one(".tabbed-content").all(".tabbed-block")

    assert [label.text for label in card.all("label")] == ["CPU", "TEST"]
    assert "running on cpu" in here.text
    assert "running on test" in there.text
    assert "recorded on no hardware · torch" in there.text


def test_where_they_are_the_same_the_page_says_so(page):
    card = card_of(page, "the-same-everywhere")

    assert card.one(".tp-device").text == "Same on TEST"
    assert not card.all(".tabbed-set")


def test_where_the_same_words_stand_beside_another_picture_the_page_says_so(chapter):
    chapter.replace(
        "snippets/a/b.py", "(x * 0.1).sum().item()", "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"
    )
    for command in (("accept",), ("record", "--device", "test")):
        done = chapter.run("torchproof", *command)
        assert done.returncode == 0, done.stdout
    same = chapter.card("last").one(".tp-device").text
    changed_on_the_way(chapter, "line of 2 points", "line of 3 points")

    assert same == "Same on TEST"
    assert chapter.card("last").one(".tp-device").text == "The same words, and other pictures or tables, on TEST"


def test_what_only_the_device_runs_is_shown_with_its_origin_xray_and_proofs(page):
    card = card_of(page, "only-there")
    titles = {proof.text: proof.attributes["title"] for proof in page.all("code.proof")}

    assert "[2.0, 2.0, 2.0]" in card.text
    assert card.one(".tp-device").text.startswith("TEST, recorded on no hardware · torch")
    assert "MulBackward0" in card.one("table").text
    assert titles["w.requires_grad"].startswith("True when recorded on no hardware")
    assert titles["y.stride() == (1, 3)"] == "True when this page was built"


def test_a_cell_of_the_cpu_only_says_nothing_of_the_device(page):
    card = card_of(page, "only-here")

    assert "the CPU has cpu" in card.text
    assert not card.all(".tp-device")


def test_a_stale_recording_is_not_shown(chapter):
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 2 + 0")
    page = chapter.shown()
    card = card_of(page, "only-there")
    proofs = {proof.text: proof for proof in page.all("code.proof")}

    assert "[2.0, 2.0, 2.0]" not in page.text
    assert card.one(".tp-device").text == "TEST: no output to show: the code changed since it was recorded"
    assert not card.all(".tp-output")
    assert "proof--waiting" in proofs["w.requires_grad"].classes
    assert "proof--waiting" not in proofs["y.stride() == (1, 3)"].classes


def test_a_missing_recording_says_so_where_nothing_else_can_be_shown(chapter):
    (chapter.root / FILE).unlink()
    page = chapter.shown()

    assert [mark.text for mark in page.all(".tp-device")] == ["TEST: no output yet"] * 2
    assert page.one(".tp-verified").text.endswith("TEST: 2 cells without output yet")
    assert "running on cpu" in page.text


def test_an_older_torch_is_shown_with_a_badge(chapter):
    chapter.rerecord(torch="2.0.0+cu118", gpu="NVIDIA H200")
    page = chapter.shown()

    assert [badge.text for badge in page.all(".tp-badge")] == ["older torch"] * 5
    assert "TEST: 5 cells recorded on NVIDIA H200 · torch 2.0.0+cu118 · " in page.one(".tp-verified").text


def test_the_xray_says_what_is_otherwise_there(chapter):
    text = chapter.read(FILE)
    there = re.sub(r"(~ 1 y +int64\[3, 2\])", r"\1  on test:0", text)
    chapter.write(FILE, there)
    site = Site.read(chapter.root)
    snippet = site.snippets["a/b"]
    lines = {slug: block.lines for slug, block in transcript.parse(there).cells.items()}
    told = {k: v for k, v in site.recordings["a/b"]["test"].provenance.items() if k != "date"}
    chapter.write(FILE, recordings.merge(None, snippet, "test", lines, told))
    table = chapter.card("the-same-everywhere").one("table")

    rows = {row.one("th").text: row.all("td")[-1].text for row in table.one("tbody").all("tr")}
    assert table.one("thead").all("th")[-1].text == "on TEST"
    assert rows == {"y": "test:0", "x": ""}


def test_the_cells_of_the_cpu_do_not_lead_to_what_the_device_bound(chapter, runners):
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 2\nx = x + 1")
    chapter.replace("snippets/a/b.py", "v = torch.ones(2)", "v = x + torch.ones(2)")
    assert record(chapter, runners) == (True, [])
    page = chapter.shown()
    rows = {
        f"#{row.attributes['id']}": (slug, row.all("td")[0].text)
        for slug in SLUGS
        for row in card_of(page, slug).all("tr")
        if "id" in row.attributes
    }
    line_behind = {}
    for slug in ("only-there", "an-error-there", "last"):
        card = card_of(page, slug)
        line_behind[slug] = [rows[link.attributes["href"]] for link in card.all("a.xr") if link.text == "x"]

    cpu, there = ("the-same-everywhere", "1"), ("only-there", "3")  # on the CPU, y came to share the memory of x
    assert line_behind == {"only-there": [there, cpu], "an-error-there": [there], "last": [cpu]}


def test_the_title_of_an_error_is_held_to_its_recording_and_waits_without_one(chapter):
    title = "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"
    cell = "\n```cell\na/b#an-error-there\n```\n"
    box = f'\n??? failure "{title}"\n' + cell.replace("\n", "\n    ").rstrip(" ")
    chapter.replace("docs/a/b.md", cell, box)
    recorded = chapter.shown().one("details.failure").one("summary")
    chapter.replace("docs/a/b.md", "(2) must", "(4) must")
    other = chapter.run("torchproof", "check", "-k", "a/b")
    (chapter.root / FILE).unlink()
    waiting = chapter.shown().one("details.failure").one("summary")

    assert recorded.text == title
    assert "is not what the cell 'an-error-there' raises: RuntimeError: The size of tensor a (2)" in other.stdout
    assert waiting.one("small.tp-waits").text == "waits for a GPU run"


def test_a_proof_that_was_not_recorded_waits(chapter):
    chapter.replace("docs/a/b.md", "w.sum() == 6", "w.max() == 2")
    proofs = {proof.text: proof for proof in chapter.shown().all("code.proof")}

    assert "proof--waiting" in proofs["w.max() == 2"].classes
    assert "proof--waiting" not in proofs["w.requires_grad"].classes


def test_a_value_below_what_only_the_device_runs_waits_for_a_recording_and_then_says_it(chapter, runners):
    chapter.replace("docs/a/b.md", "There `w.req", "There `w.sum().item()`{.value} and `w.req")

    waiting = chapter.shown().one("span.value")

    assert waiting.text == "(waits for a GPU run)"
    assert "value--waiting" in waiting.classes
    assert record(chapter, runners) == (True, [])
    value = chapter.shown().one("span.value")
    assert (value.text, value.classes) == ("6.0", ["value"])
    assert value.attributes["title"].startswith("Computed from w.sum().item() when recorded on no hardware")


def test_the_same_proof_below_two_cells_is_believed_below_the_recorded_one_only(chapter):
    proof = "`torch.is_tensor(x)`{.proof}"
    chapter.replace("docs/a/b.md", "a/b#where-am-i\n```\n", f"a/b#where-am-i\n```\n\n{proof}\n")
    chapter.replace("docs/a/b.md", "There `w.req", f"{proof} `w.sum() == 6`{{.proof}} `w.req")
    chapter.replace("docs/a/b.md", "a/b#an-error-there\n```\n", "a/b#an-error-there\n```\n\n`w.sum() == 6`{.proof}\n")
    proofs = [
        (proof.text, proof.attributes["title"].partition(" no hardware")[0])
        for proof in chapter.shown().all("code.proof")
        if proof.text in ("torch.is_tensor(x)", "w.sum() == 6")
    ]

    assert proofs == [
        ("torch.is_tensor(x)", "True when this page was built"),
        ("torch.is_tensor(x)", "Waits for a GPU run"),
        ("w.sum() == 6", "True when recorded on"),
        ("w.sum() == 6", "True when recorded on"),
        ("w.sum() == 6", "Waits for a GPU run"),
    ]


def test_a_stale_cell_that_runs_on_both_shows_the_cpu_and_says_that_the_other_waits(chapter):
    chapter.replace("snippets/a/b.py", "y = x.t()", "y = x.t() + 0")
    chapter.run("torchproof", "accept")
    page = chapter.shown()
    card = card_of(page, "the-same-everywhere")

    assert card.one(".tp-device").text.startswith("TEST: no output to show: the code changed since")
    assert "(1, 3)" in card.one(".tp-output").text
    assert "on TEST" not in card.text
    assert re.search(r"TEST: 1 cell recorded on .*, 2 cells without output yet$", page.one(".tp-verified").text)


def test_digits_of_a_volatile_cell_make_no_tab(chapter):
    chapter.replace("snippets/a/b.py", "# %% Last", '# %% Last tags=["volatile"]')
    changed_on_the_way(chapter, "= 1.5", "= 9.5")

    assert chapter.card("last").one(".tp-device").text == "Same on TEST"


GENERATED = """
```python exec="true"
from torchproof import reports

print(reports.{}())
```
"""


def test_the_verification_page_counts_states_and_names_machines(chapter):
    plugins = "plugins: [search, markdown-exec: { languages: [python] }]\n"
    chapter.replace("mkdocs.yml", "markdown_extensions:", f"{plugins}markdown_extensions:")
    chapter.write("docs/v.md", "# V\n\n" + "".join(map(GENERATED.format, ("chapters", "recordings"))))
    chapter.replace("snippets/a/b.py", "x * 0.1", "x * 0.2")
    chapter.run("torchproof", "accept")
    chapter.shown()
    rows = [[cell.text for cell in row.all("td")] for row in parse_html(chapter.read("site/v/index.html")).all("tr")]

    assert rows[1][-1] == "4 fresh, 1 stale"
    assert rows[2][-1] == "–"
    assert rows[-1][0] == "TEST"
    assert rows[-1][2:5] == ["no hardware", "none", "as on the CPU"]
    assert rows[-1][-1] == "4"
    assert "1 cell of 1 chapter wait for a GPU run" in chapter.read("site/v/index.html")


def test_what_a_machine_calls_itself_is_no_markup(chapter):
    name = "<b onclick=x>GPU</b> | `c` [a](javascript:x) *i* _u_ &amp; :smile: http://e.invalid"
    plugins = "plugins: [search, markdown-exec: { languages: [python] }]\n"
    chapter.replace("mkdocs.yml", "markdown_extensions:", f"{plugins}markdown_extensions:")
    chapter.write("docs/v.md", "# V\n\n" + "".join(map(GENERATED.format, ("chapters", "recordings"))))
    chapter.rerecord(gpu=name)

    shown = chapter.shown()
    row = [cell.text for cell in parse_html(chapter.read("site/v/index.html")).all("tr")[-1].all("td")]

    assert row[2] == name
    assert len(row) == 8
    assert not [tag for tag in shown.all("b") if "onclick" in tag.attributes]
    assert "<b onclick" not in chapter.read("site/v/index.html") + chapter.read("site/a/b/index.html")


def test_the_check_without_a_device_counts_what_waits(chapter):
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 2 + 0")
    done = chapter.run("torchproof", "check")

    assert done.returncode == 0, done.stdout
    assert "test: 3 cells in 1 chapter wait for a run on a GPU (torchproof record --device test)" in done.stdout


# --- the two devices against each other -----------------------------------------------------------------------------------


def test_tensors_that_come_out_in_other_states_on_a_device_must_be_declared(chapter, runners):
    code = 'u = x if device == "cpu" else x.clone()'
    chapter.replace("snippets/a/b.py", "y = x.t()\n", f"y = x.t()\n{code}\n")
    accept(Site.read(chapter.root), *runners, "a/b")
    assert record(chapter, runners) == (True, [])
    (problem,) = check(chapter, runners, "cpu")

    assert "the-same-everywhere" in problem.message
    assert "facts-differ" in problem.message
    assert "-2 u         int64[2, 3]      strides (3, 1)  contiguous  is x  shares y" in problem.diff
    assert "+2 u         int64[2, 3]      strides (3, 1)  contiguous" in problem.diff
    chapter.replace("snippets/a/b.py", "# %% The same everywhere", '# %% The same everywhere tags=["facts-differ"]')
    assert check(chapter, runners, "cpu") == []


def test_only_the_same_code_under_the_same_torch_can_disagree(chapter, runners):
    changed_on_the_way(chapter, "strides (1, 3)", "strides (3, 1)")
    assert [problem.slug for problem in check(chapter, runners, "cpu")] == ["the-same-everywhere"]
    chapter.replace("snippets/a/b.py", "y = x.t()", "y = x.t() + 0")
    assert "in other states" not in " ".join(problem.message for problem in check(chapter, runners, "cpu"))
    chapter.replace("snippets/a/b.py", "y = x.t() + 0", "y = x.t()")
    chapter.rerecord(torch="2.0.0")

    assert check(chapter, runners, "cpu") == []


def test_a_fact_of_another_statement_is_a_disagreement():
    cell = Cell("A", "a", "x = 1\nx = 1", 1)
    here, there = (recordings.Recorded("fresh", [f"~ {n} x  int64[2]  strides (1,)"]) for n in (1, 2))

    assert recordings.disagreements(cell, here.run(cell), there, "cuda") != []


def test_a_device_in_the_state_is_no_disagreement():
    cell = Cell("A", "a", "x = 1", 1)
    here = recordings.Recorded("fresh", ["~ 1 x  int64[2]  strides (1,)  contiguous"])
    there = recordings.Recorded("fresh", ["~ 1 x  int64[2]  on cuda:0  strides (1,)  contiguous"])
    other = recordings.Recorded("fresh", ["~ 1 x  int64[2]  on meta  strides (1,)  contiguous"])

    assert recordings.disagreements(cell, here.run(cell), there, "cuda") == []
    assert recordings.disagreements(cell, here.run(cell), other, "cuda") != []
    named = recordings.Recorded("fresh", ["~ 1 x  int64[2]  strides (1,)  contiguous  shares x_cuda"])
    assert recordings.disagreements(cell, here.run(cell), named, "cuda") != []


# --- where the device is ------------------------------------------------------------------------------------------------


def test_the_check_on_the_device_passes_what_was_recorded_there(chapter):
    done = chapter.run("torchproof", "check", "--device", "test")

    assert done.returncode == 0, done.stdout
    assert "1 chapter as recorded" in done.stdout


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("snippets/a/b.py", "w = z * 2", "w = z * 2 + 0"), "the code changed since it was recorded"),
        (("snippets/a/b.py", "# %% Last", "# %% The end"), "not recorded yet"),
        (("docs/a/b.md", "w.sum() == 6", "w.max() == 2"), "has drifted"),
        (("docs/a/b.md", "w.sum() == 6", "w.sum() == 7"), "is False"),
    ],
    ids=["stale", "missing", "another proof", "a false proof"],
)
def test_the_check_on_the_device_fails_on_what_is_not_recorded(chapter, edit, words):
    chapter.replace(*edit)
    chapter.replace("docs/a/b.md", "a/b#last", "a/b#the-end") if "end" in edit[2] else None

    done = chapter.run("torchproof", "check", "--device", "test")

    assert done.returncode == 1, done.stdout
    assert words in done.stdout
    assert "snippets/a/b.py:" in done.stdout


def test_the_check_on_the_device_names_what_is_recorded_and_gone(chapter, runners):
    chapter.replace("snippets/a/b.py", "# %% Last", "# %% The end")
    messages = [problem.message for problem in check(chapter, runners)]

    assert "holds the cell 'last', which is not in the session of test" in messages


def test_pytest_checks_the_device_when_asked(chapter):
    passed = chapter.run("pytest", "snippets", "--torchproof-device", "test")
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 3")
    failed = chapter.run("pytest", "snippets", "--torchproof-device", "test")

    assert passed.returncode == 0, passed.stdout
    assert "1 passed" in passed.stdout
    assert failed.returncode == 1
    assert "the code changed since it was recorded" in failed.stdout


def changed_on_the_way(chapter, old, new, **provenance):
    """The recording with one text in place of another, signed as if it had been recorded so."""
    site = Site.read(chapter.root)
    made = site.recordings["a/b"]["test"]
    lines = {slug: [line.replace(old, new) for line in cell.lines] for slug, cell in made.cells.items()}
    assert any(cell.lines != lines[slug] for slug, cell in made.cells.items())
    told = {name: value for name, value in made.provenance.items() if name != "date"}
    chapter.write(FILE, recordings.merge(None, site.snippets["a/b"], "test", lines, told | provenance))


def test_another_output_on_the_device_is_drift(chapter, runners):
    changed_on_the_way(chapter, "[2.0, 2.0, 2.0]", "[2.0, 2.0, 2.5]")
    (problem,) = check(chapter, runners)

    assert "-| [2.0, 2.0, 2.5]" in problem.diff
    assert "+| [2.0, 2.0, 2.0]" in problem.diff


def test_what_a_device_does_is_never_answered_from_the_cache(chapter):
    chapter.replace("snippets/a/b.py", "print(w.tolist())", "print(os.getpid())")
    site = Site.read(chapter.root)
    with Runner(chapter.root, cached=True) as runner:
        runs = [check_chapter(site, runner, "a/b", "test").run for _ in range(2)]
    first, second = (run.cells["only-there"].outputs[0].text for run in runs)

    assert first != second


def test_a_last_digit_counts_on_the_recordings_gpu_and_torch_and_not_on_others(chapter, runners):
    value = re.search(r"^= (1\.\d+)$", chapter.read(FILE), re.M)[1]
    nearly = str(float(value) + 1e-6)
    changed_on_the_way(chapter, value, nearly)
    assert [problem.slug for problem in check(chapter, runners)] == ["last"]
    torch = Site.read(chapter.root).recordings["a/b"]["test"].provenance["torch"]
    for other in ({"torch": "2.0.0"}, {"torch": torch, "gpu": "NVIDIA A10"}):
        chapter.rerecord(**other)
        assert check(chapter, runners) == []

    changed_on_the_way(chapter, nearly, "1.6", gpu="NVIDIA A10")
    assert [problem.slug for problem in check(chapter, runners)] == ["last"]


def test_a_session_that_fails_writes_nothing_and_says_why(chapter, runners):
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 2 + torch.ones(4)")
    before = chapter.read(FILE)
    written, problems = record(chapter, runners)

    assert not written
    assert "raises RuntimeError: The size of tensor a (3)" in problems[0].message
    assert chapter.read(FILE) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("docs/a/b.md", "w.sum() == 6", "w.sum() == 7", "is False"),
        ("snippets/a/b.py", "print(w.tolist())", "print(torch.rand(1))", "two runs"),
        (
            "snippets/a/b.py",
            "print(w.tolist())",
            "import matplotlib.pyplot as plt; plt.plot([1])",
            "a recording holds text",
        ),
        ("snippets/a/b.py", "print(w.tolist())", "os.abort()", "SIGABRT"),
        ("docs/a/b.md", "w.sum() == 6", 'os.environ["PYTHONHASHSEED"] == "0"', "is true in one of two runs"),
        ("snippets/a/b.py", "print(w.tolist())", "print(torch.rand(1) * 1e-4)", "two runs"),
    ],
    ids=["false proof", "unseeded", "figure", "crash", "proof true once", "unseeded within precision"],
)
def test_what_cannot_be_believed_is_not_recorded(chapter, runners, file, old, new, words):
    chapter.replace(file, old, new)
    before = chapter.read(FILE)
    written, problems = record(chapter, runners)

    assert not written
    assert words in " ".join(problem.message for problem in problems)
    assert chapter.read(FILE) == before


def test_what_needs_a_hidden_cell_is_not_recorded(chapter, runners):
    chapter.replace(
        "snippets/a/b.py", "# %% Only there", '# %% Hidden tags=["test", "remove-cell"]\nx = x + 1\n\n# %% Only there'
    )
    chapter.replace("snippets/a/b.py", "print(w.tolist())", "print(w.tolist(), x[0, 0], device)")
    (problem,) = [p for p in record(chapter, runners)[1] if "hidden cells" in p.message]

    assert "-| [2.0, 2.0, 2.0] tensor(1) test" in problem.diff
    assert "+| [2.0, 2.0, 2.0] tensor(0) test" in problem.diff


def test_one_crash_leaves_the_other_chapters_recordings_alone(chapter):
    chapter.write("snippets/a/a.py", '# %% Boom tags=["test"]\nimport os\n\nos.abort()\n')
    chapter.write("docs/a/a.md", "# A\n\n```cell\na/a#boom\n```\n")
    before = chapter.read(FILE)
    (chapter.root / FILE).unlink()
    done = chapter.run("torchproof", "record", "--device", "test")

    assert done.returncode == 1
    assert "killed by SIGABRT in the cell 'boom'" in done.stdout
    assert [line for line in chapter.read(FILE).split("\n")[1:] if "body=" not in line] == [
        line for line in before.split("\n")[1:] if "body=" not in line
    ]
    assert not (chapter.root / "snippets/a/a.test.txt").exists()


def test_an_interrupted_recording_leaves_the_old_one_whole(chapter, tmp_path):
    chapter.replace("snippets/a/b.py", "w = z * 2\n", "w = z * 2\nimport time; time.sleep(20)\n")
    before = chapter.read(FILE)
    process = subprocess.Popen(
        [BIN / "torchproof", "record", "--device", "test"],
        cwd=chapter.root,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_for(lambda: len(processes(str(tmp_path))) > 2)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert chapter.read(FILE) == before
    assert list((chapter.root / "snippets/a").glob(".*")) == []
    assert wait_for(lambda: not processes(str(tmp_path)))


def test_a_volatile_cell_keeps_its_recorded_lines(chapter, runners):
    chapter.replace("snippets/a/b.py", "# %% Last", '# %% Last tags=["volatile"]')
    changed_on_the_way(chapter, "= 1.5", "= 9.5")
    before = chapter.read(FILE)

    assert check(chapter, runners) == []
    assert record(chapter, runners) == (False, [])
    assert chapter.read(FILE) == before


def test_a_drawing_below_a_cell_of_another_device_is_refused(chapter):
    chapter.replace("docs/a/b.md", "There `w.req", "```memory\nw\n```\n\nThere `w.req")
    done = chapter.run("torchproof", "check")

    assert done.returncode == 1
    assert (
        "docs/a/b.md:19: the drawing `w` stands below the cell 'only-there', which the CPU does not run" in done.stdout
    )


# --- where it is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "record"])
def test_without_cuda_the_command_says_so_in_a_line_and_fails(chapter, command):
    chapter.replace("snippets/a/b.py", 'tags=["test"]', 'tags=["cuda"]')
    done = chapter.run("torchproof", command, "--device", "cuda", CUDA_VISIBLE_DEVICES="")

    assert done.returncode == 2
    assert re.fullmatch(r"cuda: nothing ran: .*(built without CUDA|finds no GPU).*\n", done.stdout)
    assert not (chapter.root / "snippets/a/b.cuda.txt").exists()


def test_recording_needs_only_torch_numpy_and_the_standard_library(chapter):
    (chapter.root / FILE).unlink()
    blocked = [
        "markdown",
        "pymdownx",
        "mkdocs",
        "material",
        "pytest",
        "math_core",
        "nbformat",
        "yaml",
        "rich",
        "pygments",
        "PIL.ImageGrab",
    ]
    script = f"""
import sys
sys.modules.update(dict.fromkeys({blocked!r}))
from torchproof.cli import main
sys.exit(main(["record", "--device", "test"]))
"""
    options = {"cwd": chapter.root, "env": environment_of_commands(), "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", script], **options, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert set(chapter.states().values()) == {"fresh"}


def test_explain_says_what_is_recorded_of_a_cell_that_the_cpu_does_not_run(chapter):
    fresh = chapter.run("torchproof", "explain", "a/b#only-there")
    chapter.replace("snippets/a/b.py", "w = z * 2", "w = z * 3")
    stale = chapter.run("torchproof", "explain", "a/b#only-there")

    assert (fresh.returncode, stale.returncode) == (0, 1)
    assert "test: fresh" in fresh.stdout
    assert "| [2.0, 2.0, 2.0]" in fresh.stdout
    assert "test: stale (the code changed since it was recorded)" in stale.stdout


def test_an_unknown_device_is_named(chapter):
    done = chapter.run("torchproof", "record", "--device", "cudda")

    assert done.returncode == 2
    assert "invalid choice: 'cudda'" in done.stdout


def test_a_recording_without_its_snippet_or_of_no_device_is_named(chapter):
    shutil.copy(chapter.root / FILE, chapter.root / "snippets/a/zzz.test.txt")
    shutil.copy(chapter.root / FILE, chapter.root / "snippets/a/b.tset.txt")
    done = chapter.run("torchproof", "check")

    assert done.returncode == 1
    assert "snippets/a/zzz.test.txt:1: a transcript without its snippet" in done.stdout
    assert "snippets/a/b.tset.txt:1: a transcript without its snippet" in done.stdout


def test_a_cell_of_two_devices_is_claimed_about_on_the_first():
    cell = Cell("A", "a", "x = 1", 1, frozenset(["test", "cpu"]))

    assert cell.home == "cpu"
    assert [device for device in ("cpu", "cuda", "test") if cell.runs_on(device)] == ["cpu", "test"]


def test_a_snippets_cells_run_where_their_tags_say(chapter):
    snippet = read_snippet(chapter.root, "a/b")

    assert [cell.slug for cell in snippet.for_device("cpu")] == [
        "where-am-i",
        "the-same-everywhere",
        "only-here",
        "last",
    ]
    assert [cell.slug for cell in snippet.for_device("test")] == SLUGS
    assert [cell.slug for cell in snippet.for_device("cuda")] == ["where-am-i", "the-same-everywhere", "last"]
