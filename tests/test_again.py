"""A cell that is edited again and again runs from a copy of its session, and does what it does in a whole run."""

import os
import sys
from dataclasses import replace

import pytest
from conftest import Project, wait_for, write_small_site
from torchproof.compare.site import Site
from torchproof.run.runner import Runner

FIRST = "# %% First\n"
LAST = "\n# %% Last\n"
CHAPTER = '"""A chapter."""\n\n'


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path / "again")
    write_small_site(made)
    return made


@pytest.fixture(scope="module")
def runners():
    """What to close at the end, and its zygote, which all tests share."""
    found = []
    yield found
    for runner in found:
        runner.close()


@pytest.fixture
def saved(project, runners):
    """Runs the chapter as a server does after a save, and as a whole in the same zygote; returns both."""
    runner = Runner(project.root, cached=False)
    runner.writes = False
    runner.serve()
    runners.append(runner)

    def save(text, page="# Broadcasting\n\n```cell\na/b#first\n```\n\n```cell\na/b#last\n```\n", *, is_compared=True):
        project.write("snippets/a/b.py", text)
        project.write("docs/a/b.md", page)
        site = Site.read(project.root)
        snippet = site.snippets["a/b"]
        job = site.job(snippet, snippet.cells, "cpu")
        again = runner.run(job)
        whole = runner.zygote.run(job) if is_compared else again
        assert timeless(again) == timeless(whole)
        return again, runner.again.standing

    yield save
    runner.close()


def timeless(run):
    return replace(run, cells={slug: replace(cell, seconds=0) for slug, cell in run.cells.items()})


def saves(save, first, last, count=3):
    """Save a chapter several times, each time with another end of its last cell; whether each took over the first."""
    seconds, stands = [], []
    for number in range(count):
        lines = "\n" * number  # so that what stands below them stands elsewhere
        run, standing = save(f"{CHAPTER}{FIRST}{first}\n{LAST}edits = {number}\n{lines}{last}\n")
        assert not run.died, run.died
        assert [cell.error for cell in run.cells.values()] == [None, None]
        seconds.append(run.cells["first"].seconds)
        stands.append(standing is not None)
    return stands, seconds


STATES = {
    "draws of torch": ("import torch\ntorch.manual_seed(3)\ntorch.rand(2)", "torch.rand(3)"),
    "unseeded draws of torch": ("import torch\ntorch.rand(2)", "torch.rand(3)"),
    "draws of NumPy": ("import numpy as np\nnp.random.seed(3)", "np.random.rand(2)"),
    "draws of random": ("import random\nrandom.seed(3)", "random.random()"),
    "gradients": (
        "import torch\nw = torch.ones(3, requires_grad=True)\n(w * 2).sum().backward()\nview = w.detach()[1:]",
        "(w * w).sum().backward()\nview.mul_(3)\nw, w.grad",
    ),
    "files in its folder": (
        "import os\nopen('mine.txt', 'w').write('1')\nos.mkdir('there')\nos.symlink('/dev/null', 'there/null')",
        "open('there/new.txt', 'w').write('2')\nopen('mine.txt').read(), sorted(os.listdir('there'))",
    ),
    "workers of a loader": ("import torch", "list(torch.utils.data.DataLoader(range(4), num_workers=1))"),
    "a default dtype": ("import torch\ntorch.set_default_dtype(torch.float64)", "torch.ones(1)"),
    "a place in a file": (
        "import os\nfile = os.open(os.__file__, os.O_RDONLY)\nos.read(file, 20)",
        "os.read(file, 20)",
    ),
    "a warning that came once": (
        "import warnings\ndef warn():\n    warnings.warn('only once')\nwarn()",
        "warn()\nwarnings.warn('and here')",
    ),
    "a future": ("from __future__ import annotations\nimport torch", "def f(x: nowhere): pass\nf.__annotations__"),
    "a thing that only prints at its end": ("class Bye:\n    def __del__(self): print('bye')\nbye = Bye()", "del bye"),
    "a replaced builtin": ("import builtins\nbuiltins.len = lambda it: 7", "len([])"),
    "a trace function": (
        "import sys\nseen = []\nsys.settrace(lambda *a: seen.append(1))",
        "def g(): pass\ng()\nsys.settrace(None)\nlen(seen)",
    ),
    "a module that was imported from beside it": (
        "import helper\nhelper.state.append(1)",
        "helper.state.append(2)\nhelper.state",
    ),
    "shapes that a comment says": ("import torch\nx = torch.ones(2, 3)  # (2, 3)", "y = x.T  # (3, 2)"),
    "the lines of the last cell": (
        "import traceback",
        "def broken():\n    return 1 / 0\ntry:\n    broken()\nexcept ZeroDivisionError:\n    print(traceback.format_exc())",
    ),
    "the error of an earlier cell's function": (
        "def broken():\n    return 1 / 0",
        "import traceback\ntry:\n    broken()\nexcept ZeroDivisionError:\n    print(traceback.format_exc())",
    ),
    "a figure's style": (
        "import matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 3",
        "plt.plot([1, 2])\nplt.show()",
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_a_copy_does_what_the_session_would(project, saved, state):
    project.write("snippets/a/helper.py", "state = []\n")

    stands, seconds = saves(saved, *STATES[state])

    assert stands == [False, True, True]
    assert seconds[0] != seconds[1] == seconds[2]  # the first cell was run twice, and not a third time


ALIVE = {
    "a thread": "import threading, time\nthread = threading.Thread(target=time.sleep, args=(9,), daemon=True)\nthread.start()",
    "a worker": "import multiprocessing as m, time\nworker = m.Process(target=time.sleep, args=(9,), daemon=True)\nworker.start()",
    "a socket": "import socket\none, other = socket.socketpair()",
    "shared memory": "import torch\nshared = torch.zeros(3).share_memory_()",
    "a file that it writes": "import tempfile\nfile = tempfile.TemporaryFile()",
}


@pytest.mark.parametrize("what", ALIVE)
def test_a_session_does_not_stand_by_with_what_a_copy_would_share_or_lack(saved, what):
    stands, seconds = saves(saved, ALIVE[what], "1")

    assert stands == [False, False, False]
    assert len(set(seconds)) == 3


def test_what_a_copy_writes_into_its_folder_the_next_one_does_not_find(saved):
    last = "import os\nprint(sorted(os.listdir()))\nos.mkdir('made')\nprint(open('made/file', 'w').write('1'))"

    stands, seconds = saves(saved, "first = 1", last)

    assert stands == [False, True, True]
    assert seconds[1] == seconds[2]


def test_a_copy_that_writes_over_a_file_of_the_cells_above_is_the_last_one(saved):
    stands, seconds = saves(saved, "open('mine.txt', 'w').write('1')", "open('mine.txt', 'a').write('2')")

    assert stands == [False, True, True]
    assert len(set(seconds)) == 3


def test_an_edit_above_begins_anew_and_one_below_does_not(saved):
    page = "# Three\n\n```cell\na/b#first\n```\n\n```cell\na/b#second\n```\n\n```cell\na/b#last\n```\n"

    def save(first, second, last, *, page=page):
        text = f"{CHAPTER}{FIRST}x = {first}\n\n# %% Second\ny = x + {second}\n{LAST}x + y + {last}\n"
        run, standing = saved(text, page)
        return [cell.seconds for cell in run.cells.values()], standing and len(standing.done)

    begun = save(1, 1, 1)
    second_edited = save(1, 2, 1)
    last_edited = save(1, 2, 2)
    first_edited = save(2, 2, 2)
    claimed = save(2, 2, 2, page=f"{page}\n`x + y + 2 == 8`{{.proof}}\n")
    claimed_above = save(2, 2, 2, page=page.replace("a/b#first\n```\n", "a/b#first\n```\n\n`x == 2`{.proof}\n"))

    counts = [count for _, count in (begun, second_edited, last_edited, first_edited, claimed, claimed_above)]
    assert counts == [None, 1, 1, 1, 2, 2]  # a first cell that was edited leaves the old session, which nobody asks
    assert last_edited[0][0] == second_edited[0][0]
    assert last_edited[0][1] != second_edited[0][1]
    assert len({first[0] for first, _ in (begun, second_edited, first_edited, claimed, claimed_above)}) == 5


def test_a_file_that_the_cells_above_have_read_begins_anew(project, saved):
    file = project.root / "docs" / "value.txt"
    file.write_text("1")
    text = f"{CHAPTER}{FIRST}value = int(open({str(file)!r}).read())\n{LAST}value + "
    values = [saved(text + str(number))[0].cells["last"].outputs[0].text for number in range(3)]

    file.write_text("10")
    values.append(saved(f"{text}3")[0].cells["last"].outputs[0].text)

    assert values == ["1", "2", "3", "13"]


ENDS = {"it exits": "import os\nos._exit(4)", "it is killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"}


@pytest.mark.parametrize("end", ENDS)
def test_a_cell_that_ends_its_process_is_told_as_in_a_whole_run(saved, end):
    text = f"{CHAPTER}{FIRST}x = 1\n{LAST}"
    saved(f"{text}x\n")
    saved(f"{text}x + 1\n")

    dead, _ = saved(f"{text}{ENDS[end]}\n")
    alive, _ = saved(f"{text}x + 2\n")

    assert dead.died
    assert alive.cells["last"].outputs[0].text == "3"


def test_a_cell_that_raises_is_told_as_in_a_whole_run(saved):
    stands = [saved(f"{CHAPTER}{FIRST}x = 1\n{LAST}x / {number}\n")[1] is not None for number in (2, 1, 0, 0.5)]

    assert stands == [False, True, True, True]


@pytest.mark.skipif(sys.platform != "linux", reason="a session stands by on Linux only")
def test_one_session_stands_by_and_ends_with_its_runner(project, saved, runners):
    text = f"{CHAPTER}{FIRST}import subprocess\n{LAST}"
    _, _ = saved(f"{text}1\n")
    _, standing = saved(f"{text}2\n")
    pid = standing.heard.pid
    folder = standing.folder.name

    for number in range(3, 6):
        saved(f"{text}{number}\n")
        saved(f"{CHAPTER}{FIRST}other = {number}\n{LAST}{number}\n")
        saved(f"{CHAPTER}{FIRST}other = {number}\n{LAST}{number} + 1\n")
    last = runners[-1].again.standing

    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
    assert not os.path.exists(folder)
    runners[-1].close()
    wait_for(lambda: not os.path.exists(f"/proc/{last.heard.pid}"))
