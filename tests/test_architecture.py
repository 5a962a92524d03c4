"""The engine's rooms know only those below them, what runs sessions stays light, and nothing grows unseen."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from conftest import ROOT

ENGINE = ROOT / "scripts" / "torchproof"
MODULES = sorted(ENGINE.rglob("*.py"))
ROOMS = {"model", "read", "run", "compare", "show", "builders"}
BUILDERS = sorted(path for path in (ENGINE / "builders").glob("*.py") if path.name != "__init__.py")


def room_of(path: Path) -> str:
    """The folder of a module; `doors` for those above all rooms."""
    parts = path.relative_to(ENGINE).parts
    return parts[0] if len(parts) > 1 else "doors"


# --- who may know whom ------------------------------------------------------------------------------------------------


LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def contracts(config: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", LINT, "--no-cache", "--config", str(config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_room_imports_only_the_rooms_below_it():
    kept = contracts(ROOT / "pyproject.toml")

    assert kept.returncode == 0, kept.stdout + kept.stderr


def test_a_room_that_knows_one_above_it_is_named(tmp_path):
    layers = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    turned = layers.replace('"show",\n    "compare",', '"compare",\n    "show",')
    assert turned != layers
    (tmp_path / "pyproject.toml").write_text(turned, encoding="utf-8")

    broken = contracts(tmp_path / "pyproject.toml")

    assert broken.returncode == 1
    assert "torchproof.show is not allowed to import torchproof.compare" in broken.stdout


def test_every_module_belongs_to_a_room_or_is_a_door():
    known = {*ROOMS, "doors"}

    assert {room_of(path) for path in MODULES} == known


LIGHT = [path for path in MODULES if room_of(path) in ("model", "run", "read", "compare")]
ON_DEMAND = {"torch", "numpy", "matplotlib", "PIL", "distributed"}


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_what_records_needs_the_standard_library_and_the_rest_on_demand_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert foreign(at_once(tree)) == set()
    assert foreign(ast.walk(tree)) <= ON_DEMAND


def at_once(tree):
    """What importing a module runs: all but the bodies of its functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from at_once(node)


def foreign(nodes) -> set[str]:
    """The packages that these statements import from neither the standard library nor the engine."""
    named = []
    for node in nodes:
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named.append(node.module)
    return {name.partition(".")[0] for name in named} - sys.stdlib_module_names


# --- how large --------------------------------------------------------------------------------------------------------

SIZES = {
    "core": 6536,
    "show": 1250,
    **{f"builders/{path.name}": 300 for path in MODULES if room_of(path) == "builders"},
}
"""Lines of code at most. The core was meant to need 1,900: typed data and messages take some 300 more, fences that
measure 200, the command line and pytest as doors 300, watching limits and the cache's dependencies 100, values in
sentences 60, exercises 110, titles of errors 75, proofs that cannot fail and weak ones 110,
cheap forks and sessions 35, hearing of changes in place of looking for them 44, copying what a trial changed alone 12, looking, drawing and copying once where it was twice 30, keeping what was read for the next save 26, errors looked up 30, what other versions of torch do otherwise 145, the
numbers in tensors for the X-ray 130: read from memory, so that no operation starts, files that are no text, and no room for any, 110,
shapes that comments say 160: the session alone sees those within functions, reports of
old idioms and of the tutorials 20, the door to importing 20, whose the names of torch in cells are 310: only the
session knows the types, whether a recording is signed 80, what only editors take for a cell 15,
what a page may not write, for it would hide a cell or pass for an output, 130,
what a reader sees of figures and how it is compared 225, cells rehearsed that wait for a GPU 330.
What a hostile snippet could do takes 495: rights that it gives up, its own channel, neighbours that run again, processes
and threads that it leaves, builtins and modules that the engine keeps for itself, looking without running its code, and sweeping up after what was killed.
What a proof leaves behind in files and processes takes 30, what the cache must know of other folders and builds 20.
What courses have takes 275: files and modules beside a snippet 70, values that show themselves 135, long lists broken
where a kernel breaks them 50; the reviewer's list and `explain` went to the other commands of authors for it, 130.
More machines than one take 335: workers of a cluster, who may run sessions, who is lost and what to do about it, 205,
parts of a book, their results and why some are refused, 130; last digits of another processor 35.
A book of a thousand chapters takes 10: who writes of which chapter; distributions of modules found in a tenth of the time 11.
A cell that is edited again and runs in a copy of its session takes 210: who may stand by, and what a copy must not share.
What is shown needs 20 for history and tables of errors, 115 for the page of versions, 60 for states by the
line and who shares by then, 35 for their values, 45 for the names of torch in cells and their links, 10 for who vouches for a recording,
10 for values that show themselves, 5 for what only looks the same on another device."""


def test_no_part_of_the_engine_outgrows_its_size():
    found = dict.fromkeys(SIZES, 0)
    for path in MODULES:
        part = {"show": "show", "builders": f"builders/{path.name}"}.get(room_of(path), "core")
        found[part] = found.get(part, 0) + len(code_lines(path.read_text(encoding="utf-8")))

    assert {part: count for part, count in found.items() if count > SIZES.get(part, 0)} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ('"""A docstring\nof two lines."""\n\n# a comment\n', 0),
        ("x = 1  # why\n\ny = (\n    2\n)\n", 4),
        ('def f():\n    """Says."""\n    return """one\n    two"""\n', 3),
        ('class A:\n    b: int\n    """Says what b is."""\n', 2),
    ],
    ids=["nothing", "words", "statements", "a function", "a field"],
)
def test_lines_of_code_are_those_with_code(text, count):
    assert len(code_lines(text)) == count


def code_lines(text: str) -> set[int]:
    """The lines that hold code: no docstrings, comments or blanks."""
    words = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {n for t in tokens if t.type not in words for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return lines


LONG, WIDE = 40, 6


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_a_function_that_is_long_or_takes_much_says_why(path):
    assert unexplained(path.read_text(encoding="utf-8")) == []


def test_a_long_or_wide_function_without_a_reason_is_named():
    body = "    x = 1\n" * LONG
    long, wide = f"def long():\n{body}", "def wide(a, b, c, d, *, e, f, g): ...\n"
    reasons = f'def told():\n    """Long: it lists."""\n{body}\ndef told_too(a, b, c, d, e, f, g):\n    # Wide: as torch\n    ...\n'

    assert unexplained(long + wide + reasons) == ["long: 41 lines of code", "wide: 7 parameters"]


def unexplained(text: str) -> list[str]:
    """The functions of more than 40 lines or six parameters that give no reason: a line `Long: …` or `Wide: …`."""
    found = []
    code = code_lines(text)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        source = "\n".join(text.split("\n")[node.lineno - 1 : node.end_lineno])
        count = len(code & set(range(node.lineno, node.end_lineno + 1)))
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        takes = len([parameter for parameter in parameters if parameter.arg not in ("self", "cls")])
        if count > LONG and not re.search(r"\bLong: ", source):
            found.append(f"{node.name}: {count} lines of code")
        if takes > WIDE and not re.search(r"\bWide: ", source):
            found.append(f"{node.name}: {takes} parameters")
    return found
