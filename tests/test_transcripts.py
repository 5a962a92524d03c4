"""Transcripts: whatever is written is read back equal, and what is compared within print precision is no more than that."""

import dataclasses
import re

import pytest
from conftest import Project, lines_by_cell, write_small_site
from torchproof.compare import transcript
from torchproof.compare.transcript import lines_of, read_fact, read_run, same, write_fact
from torchproof.model import wire
from torchproof.model.cells import Cell
from torchproof.model.drawings import KINDS, Broadcast, Graph, Memory, Node, Row, Table, View
from torchproof.model.runs import (
    CellRun,
    Claim,
    Died,
    Ended,
    Fact,
    Figure,
    Job,
    Measured,
    Output,
    Run,
    Running,
    Started,
    Step,
    Stopped,
    Use,
)
from torchproof.run.host import Zygote

CELL = Cell("A cell", "a-cell", "x = 1", 2)
VOLATILE = Cell("A cell", "a-cell", "x = 1", 2, frozenset(["volatile"]))

# --- facts --------------------------------------------------------------------------------------------------------------

EXAMPLES = {
    "type": "Parameter",
    "device": "cuda:0",
    "layout": "sparse_coo",
    "strides": (3, -1),
    "in_bytes": True,
    "offset": 4,
    "storage": 12,
    "order": "not contiguous",
    "requires_grad": True,
    "leaf": True,
    "grad_fn": "AddBackward0",
    "retains_grad": True,
    "grad": "Parameter float32[2, 3]",
    "same": ("y", "no name"),
    "shares": ("z",),
}
"""For each field a value that is not its default."""

BARE = Fact(1, "x", dtype="float32", shape=(2, 3))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Fact)])
def test_every_field_of_a_fact_is_written_and_read(name):
    example = {
        "statement": 7,
        "name": "two  words".replace("  ", " "),
        "dtype": "int64",
        "shape": (),
        "gone": True,
    } | EXAMPLES
    base = Fact(1, "x") if name == "gone" else BARE
    fact = dataclasses.replace(base, **{name: example[name]})

    assert write_fact(fact) != write_fact(base)
    assert read_fact(write_fact(fact)) == fact


def test_a_fact_of_all_fields_comes_back():
    fact = dataclasses.replace(BARE, **EXAMPLES)

    assert read_fact(write_fact(fact)) == fact


SESSION = {
    "strided": "x = torch.arange(12).view(3, 4)",
    "offset": "x = torch.arange(12).view(3, 4)\ny = x[1:, ::2]\nz = x.t()",
    "0-d": "x = torch.tensor(1.5)",
    "empty": "x = torch.ones(0, 3)",
    "numpy": "x = numpy.arange(6.0).reshape(2, 3)\ny = x.T\nz = torch.from_numpy(x)\nw = x[::-1]",
    "structured numpy": "x = numpy.zeros(2, dtype='i4')\ny = numpy.array(['a', 'bc'])\n"
    "z = x.view(numpy.matrix)\nv = numpy.zeros((1, 2), 'datetime64[D]')\nw = numpy.zeros(2, [('a b', 'i4'), ('b', '>f8', 2)])",
    "sparse": "x = torch.eye(2).to_sparse()\ny = torch.eye(2).to_sparse_csr()",
    "quantised": "x = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)",
    "nested": "x = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])\n"
    "y = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)",
    "meta": "x = torch.ones(2, 3, device='meta')",
    "fake": "from torch._subclasses import FakeTensorMode\nwith FakeTensorMode():\n    x = torch.ones(2)",
    "inference": "with torch.inference_mode():\n    x = torch.ones(2)",
    "vmap": "def keep(row):\n    global x\n    x = row\n    return row\n\ny = torch.vmap(keep)(torch.ones(2, 3))",
    "channels last": "x = torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)",
    "parameter with a gradient": "x = torch.nn.Parameter(torch.ones(2))\n(x * 2).sum().backward()\ny = x.grad",
    "retained gradient": "x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.retain_grad()\ny.sum().backward()",
    "complex": "x = torch.ones(2, dtype=torch.complex64).conj()",
    "same and shared": "x = torch.ones(3)\ny = x\nz = x[1:]",
    "gone": "x = torch.ones(3)\ndel x",
    "names with blanks": "globals()['no  name\\n%% x'] = torch.ones(2)\n"
    "x = torch.ones(2).as_subclass(type('A  class [1]', (torch.Tensor,), {}))",
}
"""A cell whose tensors are as said."""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    zygote = Zygote(tmp_path_factory.mktemp("transcripts"), 60)
    yield zygote
    zygote.close()


@pytest.mark.parametrize("kind", SESSION)
def test_the_facts_of_any_tensor_come_back_as_they_were_seen(zygote, kind):
    code = f"import numpy\nimport torch\n{SESSION[kind]}"
    run = zygote.run(Job("snippets/a.py", code, (Step("a-cell", code, 1, False),), "cpu")).cells["a-cell"]
    assert run.facts, run
    assert run.error is None

    back = read_run(Cell("A cell", "a-cell", code, 1), lines_of(run))

    assert back.facts == run.facts


# --- marks --------------------------------------------------------------------------------------------------------------


def test_a_line_with_an_unknown_mark_is_an_error_where_it_is_read():
    with pytest.raises(ValueError, match=re.escape("no mark '%'")):
        read_run(CELL, ["| here", "% what"])


def test_a_line_with_an_unknown_mark_is_drift(accepted):
    accepted.replace("snippets/a/b.cpu.txt", "= tensor", "$ tensor")

    checked = accepted.run("torchproof", "check")

    assert checked.returncode == 1
    assert "-$ tensor([[11, 12, 13]," in checked.stdout


# --- what is no drift, and what is --------------------------------------------------------------------------------------

ERROR = ["x statement 1", "x NameError: name 'tensr' is not defined"]


@pytest.mark.parametrize("guess", [". Did you mean: 'tensor'?", ". Did you mean 'tensor'?"])
def test_what_python_guesses_at_the_end_of_an_error_is_no_drift(guess):
    guessed = [ERROR[0], f"{ERROR[1]}{guess}"]

    assert same(ERROR, guessed, CELL)
    assert same(guessed, ERROR, CELL)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ERROR, [ERROR[0], "x NameError: name 'tensor' is not defined"]),
        (ERROR, ["x statement 2", ERROR[1]]),
        (ERROR, [*ERROR, "x Did you mean: 'tensor'?"]),
        (ERROR, [ERROR[0], f"{ERROR[1]}. Did you mean: 'tensor'? Or not?"]),
        (ERROR, [ERROR[0], f"{ERROR[1]}. Perhaps 'tensor'?"]),
        ([ERROR[0], f"{ERROR[1]}. Did you mean: 'tensor'?"], [ERROR[0], f"{ERROR[1]}. Did you mean: 'sensor'?"]),
        (["| no name. Did you mean: 'tensor'?"], ["| no name"]),
        (["= no name. Did you mean: 'tensor'?"], ["= no name"]),
    ],
    ids=[
        "another name",
        "another statement",
        "a line of its own",
        "inside the line",
        "other words",
        "another guess, which is the error's own then",
        "printed",
        "shown",
    ],
)
def test_any_other_change_of_an_error_is_drift(old, new):
    assert not same(old, new, CELL)
    assert not same(new, old, CELL)


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        pytest.param("1000.0", "1000.9", True, id="within 1e-3 of the number"),
        pytest.param("1000.0", "1001.1", False, id="beyond 1e-3 of the number"),
        pytest.param("0.00010", "0.00029", True, id="within 2e-4"),
        pytest.param("0.00010", "0.00031", False, id="beyond 2e-4"),
        pytest.param("0.5", "0.6", True, id="within a unit of the last printed digit"),
        pytest.param("0.50", "0.52", False, id="beyond a unit of the last printed digit"),
        pytest.param("2.5e+03", "2.6e+03", True, id="within a printed unit, with an exponent"),
        pytest.param("2.5e+03", "2.7e+03", False, id="beyond a printed unit, with an exponent"),
        pytest.param("1.0", "1.", True, id="printed shorter"),
        pytest.param("1.", "2.", False, id="whole numbers, of which no digit was left out"),
        pytest.param("1.", "1.0001", True, id="a whole number, and nearly one"),
        pytest.param("1.e+02", "2.e+02", False, id="whole numbers with an exponent"),
        pytest.param("1.0e400", "1.0e399", True, id="numbers that no float holds"),
        pytest.param("1000", "1001", False, id="integers"),
        pytest.param("x1.5", "x1.6", False, id="part of a word"),
        pytest.param("1.5 a", "1.5 b", False, id="words"),
        pytest.param("1.5   a", "1.5 a", True, id="padding"),
        pytest.param("1.5", "-1.5", False, id="sign"),
        pytest.param("[ 0.0001, 1.5]", "[-0.0001, 1.5]", True, id="padding for the sign of what is nearly 0"),
        pytest.param("nan", "1.0", False, id="nan"),
    ],
)
def test_off_the_canonical_platform_numbers_are_equal_within_print_precision(old, new, equal):
    assert same([f"= {old}"], [f"= {new}"], CELL, exact=False) == equal


@pytest.mark.parametrize(("old", "new"), [("0.50000", "0.50001"), ("1.0", "1."), ("a  b", "a b")])
def test_on_the_canonical_platform_every_character_counts(old, new):
    assert not same([f"= {old}"], [f"= {new}"], CELL, exact=True)


@pytest.mark.parametrize("mark", ["~", "?"])
@pytest.mark.parametrize("cell", [CELL, VOLATILE], ids=["a cell", "a volatile cell"])
def test_numbers_of_facts_and_proofs_are_exact_everywhere(mark, cell):
    assert not same([f"{mark} 1 x  strides (1.0, 2)"], [f"{mark} 1 x  strides (1.0, 3)"], cell, exact=False)
    assert not same([f"{mark} x < 0.50000"], [f"{mark} x < 0.50001"], cell, exact=False)


def printed(text):
    return [f"| {line}".rstrip() for line in text.split("\n")]


DIGITS = {
    "an array whose columns widen": ("[ 1.5 10.2]", "[10.5  1.2]"),
    "an array that gets a sign": ("tensor([0.5, 0.1])", "tensor([ 0.5, -0.1])"),
    "a table of an array": ("[[ 1  2]\n [ 3 40]]", "[[1 2]\n [3 4]]"),
    "an array whose lines break elsewhere": ("tensor([1, 2,\n        3])", "tensor([1, 2, 3])"),
    "an array that ends on a line of its own": ("[[1, 2],\n [3, 4]\n]", "[[1, 2], [3, 4]]"),
    "an exponent": ("[1.0e-05 2.5]", "[0.1 2.5E+10]"),
    "a column of numbers": ("   5 ms\n 100 ms", "1200 ms\n  1 ms"),
    "thousands": ("1,234,567 draws, 1_000 of them new", "34,567 draws, 20 of them new"),
    "an address": ("<object at 0x7f3a>", "<object at 0x11bb22>"),
    "an address in capitals": ("0X7F3A1B", "0X00FF"),
}


@pytest.mark.parametrize(("old", "new"), DIGITS.values(), ids=DIGITS)
def test_digits_of_a_volatile_cell_may_change_with_the_room_that_they_take(old, new):
    assert same(printed(old), printed(new), VOLATILE)
    assert same(printed(new), printed(old), VOLATILE)
    assert not same(printed(old), printed(new), CELL)


WORDS = {
    "a word": ("loss 0.5", "cost 0.5"),
    "one number more": ("[1, 2]", "[1, 2, 3]"),
    "one line more": ("loss 0.5", "loss 0.5\nloss 0.4"),
    "another bracket": ("[1, 2]", "(1, 2)"),
    "a word behind an array": ("[1,\n 2]\ndone", "[1, 2]\ngone"),
    "another dtype": ("tensor([1,\n 2], dtype=torch.int8)", "tensor([1, 2], dtype=torch.int16)"),
    "a word in place of a number": ("loss 0.5", "loss nan"),
    "a name with a digit": ("x1 0.5", "x2 0.5"),
}


@pytest.mark.parametrize(("old", "new"), WORDS.values(), ids=WORDS)
def test_words_of_a_volatile_cell_may_not_change(old, new):
    assert not same(printed(old), printed(new), VOLATILE)
    assert not same(printed(new), printed(old), VOLATILE)


# --- accepting and checking ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        assert project.run("torchproof", "accept").returncode == 0

    return once("accepted-small-site", make)


@pytest.fixture
def accepted(small, tmp_path):
    """A small site, accepted."""
    project = Project(tmp_path)
    for path in small.rglob("*.*"):
        if path.is_file() and ".cache" not in path.parts:
            project.write(path.relative_to(small).as_posix(), path.read_text(encoding="utf-8"))
    return project


def test_another_torch_in_the_header_is_no_drift_and_accept_keeps_it(accepted):
    file = "snippets/a/b.cpu.txt"
    text = accepted.read(file)
    older = re.sub(r"torch \S+$", "torch 2.1.0", text, count=1, flags=re.M)
    assert older != text
    accepted.write(file, older)

    done = [accepted.run("torchproof", command) for command in ("check", "accept")]

    assert [result.returncode for result in done] == [0, 0], done
    assert accepted.read(file) == older

    accepted.replace("snippets/a/b.py", "column + row", "column * row")
    accepted.run("torchproof", "accept")

    assert accepted.read(file).partition("\n")[0] == text.partition("\n")[0]


def test_several_parts_of_names_choose_chapters_and_none_is_passed_over(accepted):
    for name in ("one", "two", "three"):
        accepted.write(f"snippets/{name}.py", f'# %% Cell of {name}\nprint("{name}")\n')
        accepted.write(f"docs/{name}.md", f"# Page\n\n```cell\n{name}#cell-of-{name}\n```\n")

    both = accepted.run("torchproof", "accept", "-k", "one", "-k", "two")
    unknown = accepted.run("torchproof", "check", "-k", "a/b", "-k", "twoo")

    assert "2 transcripts written" in both.stdout
    assert not (accepted.root / "snippets/three.cpu.txt").exists()
    assert (unknown.returncode, unknown.stdout.count("\n")) == (2, 1)
    assert "no chapter's name contains 'twoo'" in unknown.stdout


def test_todays_date_is_refused(accepted):
    before = accepted.read("snippets/a/b.cpu.txt")
    # a clock that shows the same day in every session: time zones alone would show that it is one
    code = "from datetime import UTC, datetime\n\nprint(datetime.now(UTC).date())\ncolumn + row"
    accepted.replace("snippets/a/b.py", "column + row", code)

    refused = accepted.run("torchproof", "accept")

    assert refused.returncode == 1
    assert re.search(
        r"'row-plus-column' prints \d{4}-\d\d-\d\d, which is so on this machine, today, only", refused.stdout
    )
    assert accepted.read("snippets/a/b.cpu.txt") == before


def test_prose_has_no_cell_in_a_snippet(accepted):
    accepted.replace("snippets/a/b.py", "# %% Sizes", "# %% [markdown]\n# Prose.\n\n# %% Sizes")

    checked = accepted.run("torchproof", "check")

    assert checked.returncode == 1
    assert "snippets/a/b.py:10: only code cells: prose belongs on the page" in checked.stdout


def test_a_chapter_may_be_called_as_the_folder_of_walkthroughs_is(accepted):
    accepted.write("snippets/walkthroughs/x.py", "# %% One\n1 + 1\n")
    accepted.write("docs/walkthroughs/x.md", "# X\n\n```cell\nwalkthroughs/x#one\n```\n")

    done = [accepted.run(*command.split()) for command in ("torchproof accept", "torchproof check", "mkdocs build -q")]

    assert [result.returncode for result in done] == [0, 0, 0], done
    assert accepted.read("snippets/walkthroughs/x.cpu.txt").endswith("\n%% one\n= 2\n")


def test_a_walkthrough_and_a_snippet_of_one_name_are_a_problem(accepted):
    accepted.write("docs/a/b.py", "# %% [markdown]\n# # Title\n\n# %% One\n1 + 1\n")

    checked = accepted.run("torchproof", "check")

    assert checked.returncode == 1
    assert "docs/a/b.py:1: has the name of snippets/a/b.py; rename one" in checked.stdout


def test_python_below_docs_without_a_cell_is_a_file_of_the_sites(accepted):
    accepted.write("docs/assets/example.py", "raise SystemExit('nobody runs this')\n")

    done = [
        accepted.run(*command.split()) for command in ("torchproof check", "mkdocs build -q --strict", "pytest docs")
    ]

    assert [result.returncode for result in done] == [0, 0, 5], done  # 5: no tests there
    assert "raise SystemExit" in accepted.read("site/assets/example.py")


def test_what_can_be_measured_and_not_drawn_stops_every_command_at_once(accepted):
    start = "import torchproof.model.drawings as d; d.KINDS['sketch'] = type('Sketch', (), {}); "
    run = "import sys; sys.argv = sys.argv[1:]; from torchproof.cli import main; sys.exit(main())"

    done = [accepted.run("python", "-c", start + run, "torchproof", command) for command in ("check", "accept")]

    for result in done:
        assert result.returncode == 1, result.stdout
        assert "Sketch" in result.stdout
        assert "a/b" not in result.stdout, "nothing runs before it is said"


# --- between processes --------------------------------------------------------------------------------------------------

MEASURED = {
    "memory": Memory("int64", ("1", "2"), (View("x", (2,), (1,), 0, True), View("y", (), (), 1, False))),
    "broadcast": Broadcast(("a", "b"), ((2, 1), (3,)), (2, 3), (("1", "2"), ())),
    "graph": Graph((Node("x", "root", (2,)), Node("Mul", "op", (), ("self (2,)",))), ((0, 1),)),
    "table": Table((Row("a", "1 + 1", "2"), Row("", "1 / 0", "ZeroDivisionError", raised=True))),
}
RAN = CellRun(
    "a",
    (Output("|", "é\u2028\n"), Output("x", "ValueError: '_'")),
    (dataclasses.replace(BARE, **EXAMPLES), Fact(2, "x", gone=True)),
    (Figure(("figure 640 × 480",), "<svg/>"),),
    2,
    5,
    (Measured("proof", "x", "is False"), *(Measured(kind, "x", "", data) for kind, data in MEASURED.items())),
    0.25,
)
MESSAGES = [
    Job("snippets/a.py", "text", (Step("a", "x = 1", 2, True, (Claim("proof", "x"),)),), "cpu", "/tmp", "/", 1),
    Started(7),
    Running("a"),
    RAN,
    Stopped("it printed"),
    Run({}, None, {"python": "3"}, {"torch": "2"}, ("a.txt",), ("torch",), {"a": (Use("torch.Tensor.sum", 1, 7),)}),
    Ended(-9),
    Run({"a": RAN}, Died("the session was stopped", ": why", "a"), {"_x": "y"}, {}, ("a",), ()),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_goes_between_processes_arrives_as_it_was_sent(message):
    line = wire.dump(message)

    assert "\n" not in line
    assert wire.load(line) == message
    assert wire.load(line.encode()) == message


def test_every_kind_of_drawing_goes_between_processes():
    assert MEASURED.keys() == KINDS.keys()


@pytest.mark.parametrize(
    "text", ["", "{", '{"_": "Popen", "args": "ls"}', '{"_": "Running"}', '{"_": "Running", "what": 1}']
)
def test_what_was_not_written_by_torchproof_is_an_error(text):
    with pytest.raises(ValueError):
        wire.load(text)


def test_a_run_reads_as_its_lines(zygote):
    code = "print('here')\n1 / 0"
    run = zygote.run(Job("snippets/a.py", code, (Step("a-cell", code, 1, True),), "cpu"))

    assert lines_by_cell(run) == {"a-cell": ["| here", "x statement 2", "x ZeroDivisionError: division by zero"]}
    assert transcript.read_run(Cell("A cell", "a-cell", code, 1), lines_by_cell(run)["a-cell"]).line == 2
