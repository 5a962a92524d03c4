"""A snippet that attacks the engine changes no file of the project, takes no neighbour with it, and is named."""

import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from conftest import Project, processes, wait_for, write_small_site
from test_isolation import play, started
from torchproof.compare import transcript
from torchproof.compare.transcript import lines_of
from torchproof.files import fingerprints, sweep, write_whole
from torchproof.read.snippets import read_snippet
from torchproof.run import landlock, watch
from torchproof.run.environment import installed
from torchproof.run.host import Zygote

IS_FENCED = [
    pytest.param(True, id="Landlock", marks=pytest.mark.skipif(not landlock.is_there(), reason="no Landlock here")),
    pytest.param(False, id="no Landlock"),
]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A project of one chapter, and a zygote whose sessions may take five seconds."""
    root = tmp_path_factory.mktemp("attacked")
    for file in (
        "docs/a.md",
        "snippets/a.py",
        "snippets/a.cpu.txt",
        "mkdocs.yml",
        ".git/config",
        ".cache/torchproof/x",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("as it was", encoding="utf-8")
    yield from started(Zygote(root, 5))


@pytest.fixture(params=IS_FENCED)
def zygote(attacked, request):
    attacked.is_fenced = request.param
    return attacked


@pytest.fixture
def fenced(attacked):
    if not landlock.is_there():
        pytest.skip("no Landlock here")
    attacked.is_fenced = True
    return attacked


def everything(run):
    """What a run printed and raised, and how it ended."""
    return "\n".join([*(line for cell in run.cells.values() for line in lines_of(cell)), str(run.died)])


def lines(run, slug="cell-2"):
    assert run.died is None, run.died
    return lines_of(run.cells[slug])


# --- the project's files ----------------------------------------------------------------------------------------------

WRITES = {
    "Python": "open({file!r}, 'w').write('forged')",
    "a child": "import subprocess\nsubprocess.run(['sh', '-c', 'echo forged > \"$1\"', '-', {file!r}])",
    "C": "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.truncate({file!r}.encode(), 0)\n"
    "libc.write(libc.open({file!r}.encode(), 1), b'forged', 6)",
    "a link to it": "import os\nos.symlink({file!r}, 'here')\nopen('here', 'w').write('forged')",
    "a name in its place": "import os\nopen('new', 'w').write('forged')\nos.rename('new', {file!r})",
}


@pytest.mark.parametrize(
    "file", ["docs/a.md", "snippets/a.cpu.txt", "mkdocs.yml", ".git/config", ".cache/torchproof/x"]
)
@pytest.mark.parametrize("how", WRITES)
def test_no_session_changes_a_file_of_the_project(fenced, how, file):
    path = fenced.root / file

    play(fenced, WRITES[how].format(file=str(path)))

    assert path.read_text(encoding="utf-8") == "as it was"


@pytest.mark.parametrize("how", ["a child", "C", "a name in its place"])
def test_where_the_kernel_cannot_keep_it_from_writing_the_session_fails_and_the_file_is_named(attacked, how):
    attacked.is_fenced = False
    path = attacked.root / "snippets/a.cpu.txt"

    run = play(attacked, WRITES[how].format(file=str(path)))
    path.write_text("as it was", encoding="utf-8")

    assert str(run.died) == "a file of the project was changed while the session ran: snippets/a.cpu.txt"


CHANGES = {
    "mode": "os.chmod({0!r}, 0)",
    "mode of a descriptor": "os.fchmod(os.open({0!r}, os.O_RDONLY), 0)",
    "times": "os.utime({0!r}, (1, 1))",
    "owner": "os.chown({0!r}, 1, 1)",
    "attributes": "os.setxattr({0!r}, 'user.mark', b'1')",
    "a copy": "shutil.copymode('here', {0!r})",
}


@pytest.mark.parametrize("how", CHANGES)
def test_who_changes_what_the_kernel_does_not_guard_is_told_where_snippets_write(zygote, how):
    path = zygote.root / "docs/a.md"
    before = path.stat()

    run = play(zygote, f"import os, shutil\nopen('here', 'w').close()\n{CHANGES[how].format(str(path))}")

    assert "PermissionError: snippets run in a folder of their own, so " in everything(run)
    assert path.stat() == before


def test_a_session_changes_modes_and_times_of_its_own_files(zygote):
    change = "import os, shutil\nopen('a', 'w').close()\nos.chmod('a', 0o600)\nos.utime('a', (1, 1))\n"

    run = play(zygote, f"{change}os.fchmod(os.open('a', os.O_RDONLY), 0o644)\n_ = shutil.copy2('a', 'b')", "print(1)")

    assert lines(run) == ["| 1"]


PAST_PYTHON = {
    "C": "import ctypes\nctypes.CDLL(None).chmod({0!r}.encode(), 0o600)",
    "C, by a descriptor": "import ctypes, os\nctypes.CDLL(None).fchmod(os.open({0!r}, os.O_RDONLY), 0o600)",
    "a child": "import subprocess\nsubprocess.run(['chmod', '600', {0!r}])",
}


@pytest.mark.parametrize("file", ["snippets/a.cpu.txt", "docs/{}.md", "docs/{}/in/b.md"], ids=["old", "new", "below"])
@pytest.mark.parametrize("how", PAST_PYTHON)
def test_a_mode_that_was_changed_past_python_fails_the_session(fenced, how, file):
    play(fenced, "1")  # it has looked, and listens now
    path = fenced.root / file.format(how)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o644)

    run = play(fenced, PAST_PYTHON[how].format(str(path)))
    path.chmod(0o644)

    name = path.relative_to(fenced.root)
    assert str(run.died) == f"a file of the project was changed while the session ran: {name}"
    assert play(fenced, "1").died is None


def counted(monkeypatch):
    """A list that grows with each look at all files of the project."""
    looks = []
    monkeypatch.setattr(watch, "fingerprints", lambda *a, **k: looks.append(1) or fingerprints(*a, **k))
    return looks


def test_the_project_is_looked_at_again_only_where_something_changed(fenced, monkeypatch):
    looks = counted(monkeypatch)

    def looks_of(*, change=lambda: None):
        looks.clear()
        change()
        assert play(fenced, "1").died is None
        return len(looks)

    looks_of()
    assert [looks_of(), looks_of(change=(fenced.root / "docs/c.md").touch), looks_of()] == [0, 1, 0]


def test_where_the_system_tells_of_nothing_the_project_is_looked_at_each_time(fenced, monkeypatch):
    looks = counted(monkeypatch)
    fenced.watch.close()
    monkeypatch.setattr(watch.Watch, "_follow", lambda _: False)

    play(fenced, "1")

    assert len(looks) == 2


def test_who_writes_elsewhere_is_told_where_snippets_write(zygote):
    path = zygote.root / "docs/a.md"

    run = play(zygote, f"open({str(path)!r}, 'a')")

    assert f"PermissionError: snippets run in a folder of their own, so {path} cannot be written" in everything(run)
    assert path.read_text(encoding="utf-8") == "as it was"


def test_a_session_reads_the_project_and_writes_where_it_may(zygote):
    run = play(
        zygote,
        f"""\
import multiprocessing, os, pathlib, subprocess, tempfile
import matplotlib.pyplot as plt
import torch
print(open({str(zygote.root / "docs/a.md")!r}).read())
pathlib.Path("deep/down").mkdir(parents=True)
pathlib.Path("deep/down/file").write_text("x")
os.rename("deep/down/file", "file")
with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
    file.write(b"x")
open(os.devnull, "w").write("x")
subprocess.run(["sh", "-c", "echo x > /dev/null; echo child > \\"$HOME/child\\""], check=True)
block = multiprocessing.shared_memory.SharedMemory(create=True, size=64)
block.close()
block.unlink()
queue = multiprocessing.Queue()
worker = multiprocessing.Process(target=queue.put, args=(torch.ones(3).tolist(),))
worker.start()
print(queue.get())
worker.join()
_ = plt.plot([1, 2])
""".replace("import multiprocessing,", "import multiprocessing, multiprocessing.shared_memory,"),
        "print(sorted(os.listdir()))",
    )

    assert [line for line in lines(run, "cell-1") if line[0] == "|"] == ["| as it was", "| [1.0, 1.0, 1.0]"]
    assert lines(run) == ["| ['child', 'deep', 'file']"]


# --- the zygote -------------------------------------------------------------------------------------------------------


def with_neighbour(zygote, deed):
    """The runs of an attack and of a session that runs beside it."""
    beside = []
    sleep = "open('here', 'w').close()\nimport time\ntime.sleep(2)\nprint('neighbour')"
    thread = threading.Thread(target=lambda: beside.append(play(zygote, sleep)))
    thread.start()
    assert wait_for(lambda: list(Path(zygote.folder.path).glob("*/here")) if zygote.folder else None)
    attack = play(zygote, deed)
    thread.join()
    return attack, beside[0]


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSTOP", "SIGTERM"])
def test_who_attacks_the_zygote_is_named_and_its_neighbour_comes_out_as_ever(zygote, signal):
    deed = f"import os, signal, time\nos.kill(os.getppid(), signal.{signal})\ntime.sleep(6)"

    begin = time.monotonic()
    attack, beside = with_neighbour(zygote, deed)

    if zygote.is_fenced and landlock.abi() >= 6:
        assert "PermissionError: [Errno 1] Operation not permitted" in everything(attack)
    else:
        assert str(attack.died) == "the session was lost in the cell 'cell-1': its zygote was killed"
    assert lines(beside, "cell-1") == ["| neighbour"]
    assert lines(play(zygote, "print('here')"), "cell-1") == ["| here"]
    assert time.monotonic() - begin < 600


def test_a_session_has_no_descriptor_of_its_neighbours_or_of_the_zygote(zygote):
    count = """\
import os
opened = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
print([os.readlink(path).partition(":")[0] for path in opened if os.path.islink(path)].count("socket"))
"""

    found, _ = with_neighbour(zygote, count)

    assert lines(found, "cell-1") == ["| 1"], "its own channel"


# --- the channel ------------------------------------------------------------------------------------------------------

CHANNEL = "it broke its channel: it wrote to a descriptor of the engine, or replaced a part of it"
ALL = "import os\nfor number in range(3, 1100):\n    try:\n        os.write(number, {})\n    except OSError:\n        pass\n"
FORGED = '{"_": "CellRun", "slug": "cell-1", "outputs": [{"_": "Output", "mark": "|", "text": "forged"}]}\n'


@pytest.mark.parametrize("data", [b"{}\n", b"\xff\xfe\n", b"\n", FORGED.encode(), b"x" * 5000 + b"\n"])
def test_what_a_cell_writes_to_the_channel_is_no_message_and_is_told(zygote, data):
    run = play(zygote, ALL.format(data))

    assert str(run.died) == f"the session was stopped in the cell 'cell-1': {CHANNEL}"


@pytest.mark.parametrize(
    "deed",
    [
        "import json\njson.dumps = json.loads = json.JSONEncoder.encode = lambda *a, **k: 'x'",
        "import torchproof.model.wire as wire\nwire.dump = lambda _: '[1, 2]'",
        "import os\nos.closerange(3, 900)",
        "import os\nfor number in range(3, 21):\n    os.dup2(2, number)",
        "import os\nos._exit = None",
        "import time, socket\ntime.perf_counter = socket.socket = None",
        "import builtins\nbuiltins.print = builtins.open = builtins.len = builtins.tuple = None",
        "class Loud:\n    def __del__(self): raise ValueError('late')\nkept = Loud()\ndel kept",
        "import gc, sys\nsys.setrecursionlimit(120)",
    ],
)
def test_what_a_cell_replaces_or_closes_changes_no_message(zygote, deed):
    run = play(zygote, "said = print", deed, "said('here')")

    assert lines(run, "cell-3") == ["| here"]


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        (
            "import os\nos.closerange(3, 2000)",
            "the session broke its channel, or the engine in it in the cell 'cell-2'",
        ),
        ("import torchproof.run.names as names\nnames.Namer.uses = None", "broke what observes it"),
        ("import torchproof.run.facts as facts\nfacts.Tracker.changes = lambda *_: [1, 2]", "it broke its channel"),
    ],
)
def test_a_cell_that_breaks_the_engine_in_its_session_is_one_problem(zygote, deed, says):
    run = play(zygote, "1", deed, "print('here')")

    assert says in str(run.died)


OUT = """\
import sys
frame = sys._getframe()
while not hasattr(frame.f_locals.get("self"), "send_all"):
    frame = frame.f_back
session = frame.f_locals["self"]
from torchproof.model.runs import CellRun, Output, Run
{}
session.send(Run())
import os
os._exit(0)
"""


@pytest.mark.parametrize(
    "told",
    ["", "session.send(CellRun('cell-1'))", "session.send(CellRun('cell-2'))\nsession.send(CellRun('cell-1'))"],
    ids=["no cell", "too few", "in another order"],
)
def test_a_session_that_ends_before_all_cells_have_run_is_not_believed(zygote, told):
    run = play(zygote, OUT.format(told), "print('never ran')")

    assert str(run.died) == "the session told of other cells than it was given; it broke its channel"


@pytest.mark.parametrize(
    "first", ["", "sys.modules.popitem()", "sys.modules.pop('json')", "m = sys.modules; m['json'] = m.pop('json')"]
)
@pytest.mark.parametrize("away", ["", "del sys.modules['torch']", "sys.modules['torch'] = None"])
def test_what_a_cell_puts_into_sys_modules_or_takes_out_was_imported_all_the_same(fenced, first, away):
    cell = f"import sys\n{first}\nimport torch\nimport wave\nsys.modules['put.in'] = wave\nx = torch.ones(2)\n{away}"

    run = play(fenced, cell, "y = x.reshape(2, 1)\ndel wave")

    assert run.died is None
    assert {"torch", "wave", "numpy", "put"} <= set(run.modules)
    assert "torch" in run.versions
    assert len(run.cells["cell-2"].facts) == 1


# --- through both commands -------------------------------------------------------------------------------------------

LOOK = """\
y = x[1:]
print(len([1, 2]), x)
y
"""
SEEN = """\
~ 1 y         int64[2]         strides (1,)  offset 1  storage of 3  contiguous  shares x
| 2 tensor([1, 2, 3])
= tensor([2, 3])
"""
PLOT = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2, 3], [1, 4, 9])\n"
PLOTTED = """\
# figure 6.4 × 4.8 in
# axes
#   x 0.9 … 3.1, y 0.6 … 9.4
#   line of 3 points #1f77b4 at 5,5 50,39 95,95
"""

HELD = {
    **{
        f"builtins.{name}": f"import builtins\nbuiltins.{name} = lambda *_, **__: []"
        for name in ("map", "sorted", "zip")
    },
    **{f"builtins.{name}": f"import builtins\nbuiltins.{name} = lambda *_: True" for name in ("any", "all", "bool")},
    "builtins.repr": "import builtins\nbuiltins.repr = lambda _: 'lie'",
    "builtins.isinstance": "import builtins\nbuiltins.isinstance = lambda *_: True",
    "builtins.eval": "import builtins\nbuiltins.eval = builtins.exec = lambda *_, **__: True",
    "builtins.compile": "import builtins\nreal = compile\nbuiltins.compile = lambda *_, **__: real('True', '', 'eval')",
    "builtins.import": "import builtins\nreal = builtins.__import__\nbuiltins.__import__ = lambda name, *a: real('wave', *a)",
    "ast": "import ast\nast.parse = lambda *_, **__: ast.Module([], [])",
    "os": "import os\nos.write = lambda *_: 0\nos.read = lambda *_: b'lie'\nos.getpid = lambda: 1\nos.fork = lambda: 0",
    "json": "import json\njson.dumps = json.dump = lambda *_, **__: '[]'",
    "gc and time": "import gc, time\ngc.enable = gc.disable = gc.isenabled = time.perf_counter = None",
    "contextlib": "import contextlib\ncontextlib.suppress = contextlib.nullcontext = None",
    "weakref": "import weakref\nweakref.ref = lambda _: None",
    "dataclasses": "import dataclasses\ndataclasses.replace = lambda *_, **__: None",
    "types": "import types\ntypes.ModuleType = types.FunctionType = None",
    "modules": "import sys, types\nfor name in ('ast', 'json', 'numpy', 'torchproof.run.facts', 'linecache'):\n    sys.modules[name] = types.ModuleType(name)",
    "sys.path": "import os, sys\nopen('PIL.py', 'w').write('1/0')\nopen('numpy.py', 'w').write('1/0')\nsys.path.insert(0, os.getcwd())",
    "monitoring": "import sys\nm = getattr(sys, 'monitoring', None)\nif m:\n    m.use_tool_id(3, 'x')\n    m.free_tool_id(3)",
    "atexit": "import atexit\n_ = atexit.register(print, 'late')",
    "warnings": "import warnings\nwarnings.simplefilter('error')",
    "signal handlers": "import signal\nfor number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE):\n    signal.signal(number, lambda *_: print('signal'))",
    "low descriptors": "import os\nos.closerange(0, 21)",
    "dup2": "import os\nwith open(os.devnull, 'w') as nothing:\n    os.dup2(nothing.fileno(), 1)",
    "main": "import sys, types\nsys.modules['__main__'] = types.ModuleType('__main__')",
    "safe globals": "class Liar(torch.Tensor):\n    pass\ntorch.serialization.add_safe_globals([Liar])",
    "hooks of sys": "import sys\nsys.excepthook = sys.displayhook = sys.unraisablehook = lambda *_: print('hook')",
    "after a fork": "import os\nos.register_at_fork(after_in_child=lambda: print('child'), before=lambda: print('before'))",
    "threads that are traced": "import threading\nthreading.settrace(lambda *_: print('trace'))",
    "finders": "import sys\n\nclass Finds:\n    find_spec = staticmethod(lambda *_: None)\nsys.meta_path.insert(0, Finds())",
}
"""Deeds after which everything comes out as ever."""

SHOWN = {
    "print": (
        "import builtins\nreal = print\nbuiltins.print = lambda *_: real('mine')",
        SEEN.replace("2 tensor([1, 2, 3])", "mine"),
    ),
    "len": ("import builtins\nbuiltins.len = lambda _: 7", SEEN.replace("| 2", "| 7")),
    "builtins of the cells": ("__builtins__ = {'print': print, 'len': lambda _: 7}", SEEN.replace("| 2", "| 7")),
    "stdout": (
        "import sys\nreal = sys.stdout.write\nsys.stdout.write = lambda text: real(text.upper())",
        SEEN.replace("| 2 t", "| 2 T").replace("2 Tensor", "2 TENSOR"),
    ),
    "stdout away": ("import io, sys\nsys.stdout = io.StringIO()", SEEN.replace("| 2 tensor([1, 2, 3])\n", "")),
    "repr": (
        "torch.Tensor.__repr__ = lambda *_, **__: 'mine'",
        SEEN.replace("tensor([1, 2, 3])", "mine").replace("tensor([2, 3])", "mine"),
    ),
    "printoptions": (
        "torch.set_printoptions(threshold=0, edgeitems=0)",
        SEEN.replace("([1, 2, 3])", "([...], size=(3,))").replace("([2, 3])", "([...], size=(2,))"),
    ),
    "numbers of figures": (PLOT + "plt.get_fignums = lambda: []", PLOTTED),
    "colours of figures": (
        PLOT + "import matplotlib.colors\nmatplotlib.colors.to_rgba_array = lambda _: [(0, 0, 0, 1)]",
        PLOTTED,
    ),
}
"""Deeds that change what Python prints or draws, here as anywhere, and nothing that is said of tensors."""

STATE = "what a tensor says of itself was replaced, by which its state is found"
DRAWN = "a method of matplotlib's artists was replaced, by which figures are looked at"
TOLD = {
    **{
        f"tensors' {name}": (f"torch.Tensor.{name} = lambda *_, **__: (9,)", STATE)
        for name in ("stride", "is_contiguous", "untyped_storage", "storage_offset")
    },
    **{
        f"tensors' {name}": (f"torch.Tensor.{name} = property(lambda _: (9,))", STATE)
        for name in ("shape", "dtype", "device", "requires_grad", "grad_fn")
    },
    "all of them true": ("torch.Tensor.all = lambda *_, **__: True", STATE),
    "size of memory": ("torch.UntypedStorage.nbytes = lambda _: 8", STATE),
    "shape of parameters": ("torch.nn.Parameter.shape = (7,)", STATE),
    "pictures": (PLOT + "plt.Figure.savefig = lambda _, file, **__: file.write('<svg/>')", DRAWN),
    "data of lines": (PLOT + "from matplotlib.lines import Line2D\nLine2D.get_xydata = lambda _: 0", DRAWN),
    "limits of axes": (PLOT + "plt.Axes.get_xlim = lambda _: (0, 99)", DRAWN),
    "an audit hook": ("import sys\nsys.addaudithook(print)", "snippets add no audit hook"),
}
"""Deeds that are told, with the cell."""


@pytest.fixture(scope="module")
def through(once):
    """What `torchproof check` and `mkdocs build` say of a site with a chapter for each deed, each with a false proof."""

    def make(folder):
        project = Project(folder / "site")
        write_small_site(project)
        for number, (deed, *seen) in enumerate(all_deeds().values()):
            name = f"deeds/d{number:02}"
            project.write(
                f"snippets/{name}.py",
                f"# %% First\nimport torch\nx = torch.tensor([1, 2, 3])\n\n# %% Deed\n{deed}\n\n# %% Look\n{LOOK}",
            )
            page = "".join(f"```cell\n{name}#{cell}\n```\n\n" for cell in ("first", "deed", "look"))
            project.write(
                f"docs/{name}.md", f"# Deed\n\n{page}A sum: `y.sum() == 5`{{.proof}} `y.sum() == 6`{{.proof}}.\n"
            )
            first = "~ 2 x         int64[3]         strides (1,)  contiguous"
            ran = {"first": [first], "deed": seen[1].splitlines(), "look": seen[0].splitlines()}
            project.write(
                f"snippets/{name}.cpu.txt", transcript.merge("", read_snippet(project.root, name), ran, installed())
            )
        for command in (("torchproof", "check"), ("mkdocs", "build", "--quiet")):
            (folder / command[0]).write_text(project.run(*command).stdout, encoding="utf-8")

    folder = once("deeds", make)
    return {command: (folder / command).read_text(encoding="utf-8") for command in ("torchproof", "mkdocs")}


def all_deeds():
    """By its name each deed, and what the transcript has of the cell below it and of its own."""
    held = {name: (deed, SEEN, "") for name, deed in HELD.items()}
    shown = {
        name: (deed, SEEN if seen == PLOTTED else seen, seen if seen == PLOTTED else "")
        for name, (deed, seen) in SHOWN.items()
    }
    return held | shown | {f"told: {name}": (deed, SEEN, "") for name, (deed, _) in TOLD.items()}


@pytest.mark.parametrize("name", all_deeds())
@pytest.mark.parametrize("command", ["torchproof", "mkdocs"])
def test_what_is_published_is_what_happened_or_a_deed_is_told(through, command, name):
    place = f"snippets/deeds/d{list(all_deeds()).index(name):02}."
    problems = [
        part
        for part in re.split(r"\n\n(?=\S+\.(?:py|md):\d)", through[command])
        if place in part or place.replace("snippets", "docs").removesuffix(".") in part.split(":")[0]
    ]

    expected = TOLD[name.removeprefix("told: ")][1] if name.startswith("told: ") else "`y.sum() == 6` is False"
    assert len(problems) == 1, problems
    assert expected in problems[0]


# --- looking ----------------------------------------------------------------------------------------------------------

COUNTING = """\
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

asked = []

class Function(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        asked.append(function)
        print("function", function)
        return super().__torch_function__(function, types, args, kwargs or {})

    @property
    def shape(self):
        print("shape")
        return 1 / 0

    def is_contiguous(self):
        print("contiguous")

class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls, inner, policy):
        told = {"dispatch_sizes_strides_policy": policy, "dispatch_device": True, "dispatch_layout": True}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, **told)

    def __init__(self, inner, policy):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        asked.append(function)
        print("dispatch", function)
        return args[0].inner.shape

class FunctionMode(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        asked.append(function)
        print("mode", function)
        return function(*args, **(kwargs or {}))

class DispatchMode(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        asked.append(function)
        print("mode", function)
        return function(*args, **(kwargs or {}))

class Odd:
    def __getattr__(self, name):
        print("attribute", name)
        raise AttributeError(name)

    @property
    def __class__(self):
        print("class")
        return torch.Tensor

    def __eq__(self, other):
        print("equal")
        return True

    def __bool__(self):
        print("true")
        return True

    __hash__ = None

import numpy

class Array(numpy.ndarray):
    @property
    def dtype(self):
        print("dtype")

    @property
    def __array_interface__(self):
        print("interface")
"""


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (
            "x = torch.ones(2, 3).as_subclass(Function)",
            ["~ 1 x         Function float32[2, 3]  strides (3, 1)  contiguous"],
        ),
        ("x = Wrapper(torch.ones(2), 'sizes')", ["~ 1 x         Wrapper float32[?]  layout opaque"]),
        ("x = Wrapper(torch.ones(2), 'strides')", ["~ 1 x         Wrapper float32[2]  layout opaque"]),
        ("x = torch.ones(2)\nx.untyped_storage = x.is_contiguous = lambda *_, **__: print('mine')", None),
        ("mode = FunctionMode().__enter__()", []),
        ("mode = DispatchMode().__enter__()", []),
        ("x = torch.ones(2)\nmode = FunctionMode()\n_ = mode.__enter__()", None),
        ("x = torch.ones(2)\nmode = DispatchMode()\n_ = mode.__enter__()", None),
        ("x = Odd()", []),
        ("x = [Odd()]\n_ = x[0].y if False else 0", []),
        ("def f(a: Odd()) -> Odd(): return 1\nx = f(2)", None),
        ("class Holds:\n    forward = Odd()\n    y = Odd()\nx = Holds()\n_ = x.y", []),
        ("x = numpy.ones(3).view(Array)", ["~ 1 x         Array float64[3]  strides (8,)  in bytes  contiguous"]),
        ("class Loud(Exception):\n    def __str__(self): raise KeyboardInterrupt\nx = Loud()", []),
    ],
)
def test_looking_at_what_a_cell_made_runs_none_of_its_code(fenced, made, shown):
    run = play(fenced, COUNTING, made, "_ = 1", "said = len(asked)\nsaid")

    if shown is not None:
        assert [" ".join(line.split()) for line in lines(run)] == [" ".join(line.split()) for line in shown]
    assert not [line for line in lines(run) if line[0] == "|"]
    assert lines(run, "cell-3") == []
    assert lines(run, "cell-4") == ["= 0"]


ARMED = """\
import gc
import types
import numpy
import torch

armed, asked = [], []

def ask(what):
    if armed:
        asked.append(what)
        print(what)

class Nosy(type):
    def __getattribute__(cls, name):
        ask(name)
        return super().__getattribute__(name)

    def __instancecheck__(cls, value):
        ask("instance")
        return True

    def __subclasscheck__(cls, value):
        ask("subclass")
        return True

    def __eq__(cls, other):
        ask("equal")
        return True

    __hash__ = type.__hash__

class Asking:
    def __getattribute__(self, name):
        ask(name)
        return super().__getattribute__(name)

    def __len__(self):
        ask("length")
        return 1

    def __iter__(self):
        ask("iteration")
        return iter([1])

    def __eq__(self, other):
        ask("equal")
        return True

    def __hash__(self):
        ask("hash")
        return 1

    def __str__(self):
        ask("text")
        return "text"

    __format__ = lambda self, how: str(self)

class Meta(Nosy, type(torch.Tensor)): pass
class Metered(torch.Tensor, metaclass=Meta): pass
class MeteredArray(numpy.ndarray, metaclass=Nosy): pass
class Plain(metaclass=Nosy): pass
class Liar(torch.Tensor):
    __module__ = "torch"
    shape = property(lambda self: ask("shape"))
class Liars(torch.Tensor):
    __module__ = Asking()
class Tuple(Asking, tuple): pass
class List(Asking, list): pass
class Text(Asking, str): pass
class Module(Asking, types.ModuleType): pass
class Dict(Asking, dict): pass
class Shown:
    def __repr__(self): return Text("shown")
class Loud(Exception):
    __traceback__ = property(lambda self: ask("traceback"))
def documented(x): return x
documented.__doc__ = Asking()
class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, (2,), dispatch_sizes_strides_policy="sizes")

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        ask(function)
        return (2,)
loud, held = Loud("here"), Plain()
held.__dict__ = Dict()
module = Module("module")
gc.collect()
"""

QUIET = """\
import torch
x = torch.ones(2)
x, y = torch.ones(2).as_subclass(Metered), armed.append(1)
x, y = numpy.ones(2).view(MeteredArray), armed.append(1)
x, y = torch.ones(2).as_subclass(Liar), armed.append(1)
x, y = torch.ones(2).as_subclass(Liars), armed.append(1)
x, y = Plain(), armed.append(1)
x, y = Plain, armed.append(1)
x, y = (Tuple([2, 3]), armed.append(1))[0], 1  # (2, 3)
x, y = (List([torch.ones(2)]), armed.append(1))[0], 1  # (2,)
x = (Tuple([2, 3]), armed.append(1))[0]  # (2, 3)
x = (List([torch.ones(2)]), armed.append(1))[0]  # (2,)
x = (Wrapper(torch.ones(2)), armed.append(1))[0]  # (2,)
x, y = held, armed.append(1) or held
x, y = module, armed.append(1) or (lambda: module.x)
x, y = documented, armed.append(1) or (lambda: documented(1).y)
x, y = globals().update({Text("z"): torch.ones(2)}), armed.append(1)
x, y = gc.callbacks.append(lambda *_: ask("collection")), armed.append(1)
armed.append(1) or Shown()
armed.append(1); raise loud
"""


@pytest.mark.parametrize("deed", QUIET.splitlines()[1:])
def test_looking_at_a_value_asks_no_class_and_no_metaclass(fenced, deed):
    run = play(fenced, ARMED, f"{deed}\n_ = 1" if deed[0] == "x" else deed, "_ = armed.clear()", "asked")

    assert [line for line in lines(run) if line[0] == "|"] == []
    assert "raise" in deed or lines(run, "cell-4")[-1:] == ["= []"]


def test_what_follows_a_cells_code_follows_nothing_of_the_engines(fenced):
    follow = "def follow(frame, event, argument):\n    seen.append(frame.f_code.co_name)\n    return follow\n"
    start = f"import sys\nseen = []\n{follow}sys.settrace(follow)"

    run = play(
        fenced, start, "import torch\nx = torch.ones(2)", "sys.settrace(None)\nprint('changes' in seen, 'look' in seen)"
    )

    assert lines(run, "cell-3") == ["| False False"]


# --- threads and processes --------------------------------------------------------------------------------------------


def test_a_proof_after_a_parallel_operation_is_evaluated(fenced):
    cell = "import torch\ntorch.set_num_threads(2)\nx = torch.ones(5_000_000)\ntotal = x.sum()"
    proofs = ["bool(torch.ones(5_000_000).sum() == total)", "torch.get_num_threads() == 2"]

    run = play(fenced, cell, proofs={"cell-1": proofs})

    assert [proof.problem for proof in run.cells["cell-1"].proofs] == ["", ""]


def test_a_proof_that_waits_for_a_thread_of_its_session_is_told_so(fenced):
    cell = """\
import threading
lock, held = threading.Lock(), threading.Event()

def hold():
    with lock:
        held.set()
        threading.Event().wait()

thread = threading.Thread(target=hold, daemon=True)
thread.start()
held.wait()
"""
    run = play(fenced, cell, "print('goes on')", proofs={"cell-1": ["lock.acquire()"]})

    assert [proof.problem for proof in run.cells["cell-1"].proofs] == [
        "hangs: it is evaluated in a copy of the session, which lacks its 1 other threads; compute it in the cell"
    ]
    assert lines(run) == ["| goes on"]


LEFT = {
    "timer\nimport signal\nsignal.signal(signal.SIGALRM, lambda *_: print('late'))\nsignal.alarm(60)": "leaves a timer",
    "timer\nimport signal\n_ = signal.setitimer(signal.ITIMER_REAL, 60, 60)": "leaves a timer",
    "timer\nimport signal\n_ = signal.setitimer(signal.ITIMER_VIRTUAL, 60)": "leaves a timer",
    "timer\nimport signal\nsignal.setitimer(signal.ITIMER_PROF, 60)\nsignal.getitimer = None": "leaves a timer",
    "os.fork\nos.fork()": "os.fork in it made a second session",
    "os.fork\nif os.fork() == 0:\n    raise SystemExit": "os.fork in it made a second session",
    "os.fork\nfor _ in range(3):\n    os.fork()": "os.fork in it made a second session",
    "Popen\nchild = subprocess.Popen(['sleep', '60'])": "it leaves a process behind (sleep)",
    "Popen\nsubprocess.Popen(['sh', '-c', 'setsid sleep 60 &']).wait()": "it leaves a process behind (sleep)",
    "Process\nchild = multiprocessing.Process(target=time.sleep, args=(60,))\nchild.start()": "(a copy of the session)",
}


@pytest.mark.parametrize("deed", LEFT)
def test_what_outlives_its_cell_is_told_with_the_cell(zygote, deed):
    imports = "import multiprocessing, os, subprocess, threading, time\n"

    run = play(zygote, "print('here')", imports + deed.partition("\n")[2], "print('below')")

    assert str(run.died).startswith("the session was stopped in the cell 'cell-2': ")
    assert LEFT[deed] in str(run.died)


def test_a_thread_that_prints_after_its_cell_is_told(zygote):
    start = "import threading\nnext_cell = threading.Event()\n"
    start += "thread = threading.Thread(target=lambda: (next_cell.wait(), print('late')))\nthread.start()"

    run = play(zygote, start, "next_cell.set()\nthread.join()")

    assert str(run.died).endswith("a thread that a cell above started prints in it; join the thread in its own cell")


@pytest.mark.parametrize(
    "deed",
    [
        "child = os.fork()\nif child == 0:\n    os._exit(0)\n_ = os.waitpid(child, 0)",
        "_ = subprocess.Popen(['true'])",
        "_ = subprocess.Popen(['sleep', '0.3'])",
        "with multiprocessing.Pool(2) as pool:\n    pool.map(abs, [1])",
        "pool = multiprocessing.Pool(2)\n_ = pool.map(abs, [1])",
        "child = multiprocessing.Process(target=time.sleep, args=(60,), daemon=True)\nchild.start()",
        "context = multiprocessing.get_context('spawn')\nqueue = context.SimpleQueue()",
        "rows = iter(torch.utils.data.DataLoader(range(8), num_workers=2))\n_ = next(rows)",
        "thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)\nthread.start()",
        "import signal\n_ = signal.alarm(60)\n_ = signal.alarm(0)",
    ],
)
def test_workers_that_end_with_their_cell_or_with_the_session_are_nothing_to_tell(zygote, deed):
    imports = "import multiprocessing, os, subprocess, threading, time\nimport torch\n"

    run = play(zygote, imports + deed, "print('below')")

    assert lines(run) == ["| below"]


# --- what a killed run leaves -----------------------------------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


KILLED = "import os, subprocess, sys, time\nfrom torchproof.files import Temporary\nfolder = Temporary()\n{}\n"
KILLED += "print(folder.path, flush=True)\ntime.sleep(60)"


def leave(temporary, more="", *, kill=True):
    """A process that holds a temporary folder, and the folder; perhaps it is killed."""
    code = KILLED.format(more)
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | {"HOME": "/"})
    folder = Path(holder.stdout.readline().decode().strip())
    assert folder.parent == temporary.resolve()
    if kill:
        holder.kill()
        holder.wait()
    return holder, folder


def test_the_next_run_takes_away_what_a_killed_one_left_and_what_runs_in_it(temporary):
    _, folder = leave(temporary, "subprocess.Popen(['sleep', '900'], cwd=folder.path, start_new_session=True)")
    left = processes(str(folder))

    sweep()

    assert left
    assert wait_for(lambda: not processes(str(folder)))
    assert os.listdir(temporary) == []


def test_what_a_living_run_holds_stays(temporary):
    holder, folder = leave(temporary, kill=False)

    sweep()

    assert folder.exists()
    holder.kill()
    holder.wait()


@pytest.mark.parametrize("name", ["torchproof-abc_def1", "other-1_1_x", "torchproof-1_1_x.txt"])
def test_what_nobody_of_ours_made_stays(temporary, name):
    (temporary / name).mkdir()

    sweep()

    assert os.listdir(temporary) == [name]


def test_a_folder_whose_lock_another_process_holds_stays_whatever_its_name_says(temporary):
    holder, _ = leave(temporary, "os.rename(folder.path, folder.path.replace(str(os.getpid()), '4194305'))", kill=False)
    sweep()

    assert len(os.listdir(temporary)) == 1
    holder.kill()
    holder.wait()


def test_half_written_drafts_of_killed_runs_go_when_the_file_is_written(tmp_path):
    (tmp_path / ".a.txt.4194305.77").write_text("half", encoding="utf-8")

    write_whole(tmp_path / "a.txt", "whole")

    assert os.listdir(tmp_path) == ["a.txt"]


COMMANDS = [
    ("torchproof", "accept"),
    ("mkdocs", "build", "--quiet"),
    ("torchproof", "check", "--no-cache"),
    ("torchproof", "record", "--device", "test"),
]
KILLS = int(os.environ.get("TORCHPROOF_KILLS", "8"))
CELLS = "# %% One\nprint({0})\n\n# %% Two tags=['test']\nprint({0} + 1)\n"


def transcripts(project):
    """The committed lines of each transcript, by file."""
    files = {path.name: path.read_text(encoding="utf-8") for path in (project.root / "snippets/a").glob("*.txt")}
    return {name: [line for line in text.splitlines() if line.startswith("| ")] for name, text in files.items()}


def test_runs_that_are_killed_at_any_moment_lose_no_transcript_and_leave_nothing(tmp_path, small_site):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    chance = random.Random(0)
    small_site.write("docs/a/b.md", "# B\n\n```cell\na/b#one\n```\n\n```cell\na/b#two\n```\n")
    small_site.write("snippets/a/b.py", CELLS.format(0))
    here = {"TMPDIR": str(temporary)}
    begin = time.monotonic()
    for command in (COMMANDS[0], COMMANDS[3]):
        assert small_site.run(*command, **here).returncode == 0
    took = (time.monotonic() - begin) / 2

    possible = {"b.cpu.txt": {"| 0"}, "b.test.txt": {"| 0", "| 1"}}
    for number in range(1, KILLS + 1):
        small_site.write("snippets/a/b.py", CELLS.format(number))
        small_site.kill_at(chance.uniform(0, 1.2 * took), *COMMANDS[number % 4], **here)
        for name, lines in transcripts(small_site).items():
            possible[name] |= {f"| {number}", f"| {number + 1}"}
            assert lines
            assert set(lines) <= possible[name], f"kill {number}: {name} is torn"
            assert len(lines) == (2 if "test" in name else 1)

    assert small_site.run("torchproof", "accept", **here).returncode == 0
    assert wait_for(lambda: not processes(str(temporary)))
    assert os.listdir(temporary) == []
    assert list((small_site.root / "snippets").rglob(".*")) == []
