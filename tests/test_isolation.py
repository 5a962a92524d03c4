"""Whatever a snippet does to its process is one failed session, and the other sessions do not notice."""

import json
import os
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BIN, Project, processes, wait_for
from torchproof import transcript
from torchproof.cells import read_snippet
from torchproof.runner import Runner, installed, job_of
from torchproof.zygote import Zygote

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")

LIMIT = 8
"""Seconds a session may take; all but the endless ones need far less, on a busy machine too."""

LATE = f"the session was stopped in the cell 'deed': it ran longer than {LIMIT} s"
FLOOD = "the session was stopped in the cell 'deed': it printed more than 100,000 characters"
NO_MEMORY = "a session may allocate 2 GiB"

HARMFUL = {
    "loops-for-ever": ("while True:\n    pass", LATE),
    "stops-itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", LATE),
    "exits": ("import os\nos._exit(0)", "the session ended itself in the cell 'deed', with exit status 0"),
    "exits-politely": ("import sys\nsys.exit(0)", "the cell 'deed' raises SystemExit: 0"),
    "crashes": (
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
        "the session was killed by SIGSEGV in the cell 'deed'",
    ),
    "reads-address-0": ("import ctypes\nctypes.string_at(0)", "the session was killed by SIGSEGV in the cell 'deed'"),
    "floods-from-python": ("print('x' * 100_000_000)", FLOOD),
    "floods-for-ever": ("while True:\n    print('x')", FLOOD),
    "floods-from-c": (
        "import ctypes\nfor _ in range(1000):\n    ctypes.CDLL(None).printf(b'%s', b'x' * 100_000)",
        FLOOD,
    ),
    "floods-from-a-child": ("import subprocess\nsubprocess.run(['head', '-c', '100000000', '/dev/zero'])", FLOOD),
    "floods-stderr": ("import os\nfor _ in range(1000):\n    os.write(2, b'x' * 50_000)", FLOOD),
    "allocates-tensors": (
        "import torch\nkept = []\nfor _ in range(8):\n    kept.append(torch.empty(1 << 28))",
        NO_MEMORY,
    ),
    "allocates-arrays": (
        "import numpy\nkept = []\nfor _ in range(8):\n    kept.append(numpy.empty(1 << 28))",
        NO_MEMORY,
    ),
    "allocates-pages": (
        "import mmap\nkept = []\nfor _ in range(8):\n    kept.append(mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE))",
        NO_MEMORY,
    ),
    "connects": ("import socket\nsocket.create_connection(('192.0.2.1', 80))", "snippets run without a network"),
}
"""Chapter: the last cell's code, and what the check says about it."""

HARMLESS = {
    "computes": ("import torch\nprint(torch.arange(3) + 1)", ["| tensor([1, 2, 3])"]),
    "writes-from-everywhere": (
        "import ctypes, os, subprocess\nlibc = ctypes.CDLL(None)\nprint('1 Python')\nlibc.puts(b'2 C')\n"
        "print('3 Python')\nlibc.printf(b'4 C\\n')\nprint('5 Python')\nsubprocess.run(['echo', '6 child'])\n"
        "print('7 Python')\nos.write(1, b'8 raw\\n')\nprint('9 Python')",
        [
            "| 1 Python",
            "| 2 C",
            "| 3 Python",
            "| 4 C",
            "| 5 Python",
            "| 6 child",
            "| 7 Python",
            "| 8 raw",
            "| 9 Python",
        ],
    ),
    "leaves-threads": (
        "import threading, time\nfor _ in range(5):\n    threading.Thread(target=time.sleep, args=(900,)).start()\n"
        "print('done')",
        ["| done"],
    ),
    "leaves-children": (
        "import subprocess\nchildren = [subprocess.Popen(['sleep', '900']) for _ in range(5)]\nprint('done')",
        ["| done"],
    ),
    "leaves-a-daemon": (
        "import os, time\nread, write = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.write(write, b'.')\n        time.sleep(900)\n    os._exit(0)\n"
        "os.wait()\nassert os.read(read, 1)\nprint('done')",
        ["| done"],
    ),
    "changes-its-folder": ("import os\nos.chdir('/')\nprint('done')", ["| done"]),
    "fills-its-folder": (
        "from pathlib import Path\nPath('deep/down').mkdir(parents=True)\nPath('deep/down/file').write_text('x')\n"
        "Path('deep').chmod(0)\nprint('done')",
        ["| done"],
    ),
    "fills-the-temporary-folder": (
        "import tempfile\nfile = tempfile.NamedTemporaryFile(delete=False)\nfolder = tempfile.mkdtemp()\nprint('done')",
        ["| done"],
    ),
}
"""Chapter: the last cell's code, and that cell's transcript."""


def write_chapter(project: Project, name: str, deed: str) -> None:
    project.write(f"snippets/{name}.py", f"# %% Before\nprint('here')\n\n# %% Deed\n{deed}\n")
    project.write(f"docs/{name}.md", f"# Page\n\n```cell\n{name}#before\n```\n\n```cell\n{name}#deed\n```\n")


@pytest.fixture(scope="session")
def check_of_all(once):
    """One `torchproof check` of all chapters: exit status, what it printed, and what it left behind."""

    def make(folder):
        project, temporary = Project(folder / "site"), folder / "temporary"
        temporary.mkdir()
        project.write("pyproject.toml", f"[tool.torchproof]\ntime-limit = {LIMIT}\n")
        deeds = {name: (deed, []) for name, (deed, _) in HARMFUL.items()} | HARMLESS
        for name, (deed, lines) in deeds.items():
            write_chapter(project, name, deed)
            run = {"before": ["| here"], "deed": lines}
            committed = transcript.merge("", read_snippet(project.root, name), "cpu", run, installed())
            project.write(f"snippets/{name}.cpu.txt", committed)
        done = project.run("torchproof", "check", "--no-cache", TMPDIR=str(temporary))
        left = {"processes": processes(str(temporary)), "files": os.listdir(temporary)}
        project.write("result.json", json.dumps({"status": done.returncode, "printed": done.stdout, **left}))

    return json.loads((once("isolation", make) / "site/result.json").read_text(encoding="utf-8"))


def said_about(check: dict, chapter: str) -> list[str]:
    """The problems of a chapter in the report, each with what follows it."""
    parts = re.split(r"\n\n(?=snippets/)", check["printed"].partition("\n\ntorchproof: ")[2])
    return [part for part in parts if part.startswith(f"snippets/{chapter}.")]


@pytest.mark.parametrize("chapter", HARMFUL)
def test_a_snippet_that_does_harm_is_one_problem_that_names_its_cell(check_of_all, chapter):
    problems = said_about(check_of_all, chapter)

    assert len(problems) == 1, problems
    assert problems[0].startswith(f"snippets/{chapter}.py:")
    assert "the cell 'deed'" in problems[0]
    assert HARMFUL[chapter][1] in problems[0]
    assert f"(shown at docs/{chapter}.md:7)" in problems[0]
    assert len(problems[0]) < 1000, "what flooded the session must not flood the report"


@pytest.mark.parametrize("chapter", HARMLESS)
def test_a_snippet_that_does_no_harm_comes_out_as_ever_beside_the_others(check_of_all, chapter):
    assert said_about(check_of_all, chapter) == []
    assert f"] {chapter}: ok\n" in check_of_all["printed"]


def test_the_check_of_harmful_snippets_ends_with_status_1(check_of_all):
    assert check_of_all["status"] == 1
    assert f"\ntorchproof: {len(HARMFUL)} problems\n" in check_of_all["printed"]


def test_sessions_leave_no_process_behind(check_of_all):
    assert check_of_all["processes"] == []


def test_sessions_leave_nothing_in_the_temporary_folder(check_of_all):
    assert check_of_all["files"] == []


@pytest.fixture
def endless_check(tmp_path):
    """A running `torchproof check` whose only session never ends, and its temporary folder."""
    project, temporary = Project(tmp_path / "site"), tmp_path / "temporary"
    temporary.mkdir()
    write_chapter(project, "sleeps", "open('started', 'w').close()\nimport time\ntime.sleep(900)")
    host = subprocess.Popen(
        [BIN / "torchproof", "check", "--no-cache"],
        cwd=project.root,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_for(lambda: list(temporary.rglob("started"))), "the session did not start"
        yield host, temporary
    finally:
        for pid in {host.pid, *processes(str(temporary))}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        host.wait()


def test_a_killed_host_leaves_no_process_and_no_file(endless_check):
    host, temporary = endless_check

    host.kill()
    host.wait()

    assert wait_for(lambda: not processes(str(temporary))), "the zygote or a session outlived its host"
    assert wait_for(lambda: os.listdir(temporary) == []), "the zygote tidies up for its host"


def test_an_interrupted_check_leaves_nothing(endless_check):
    host, temporary = endless_check

    os.killpg(host.pid, signal.SIGINT)  # what Ctrl-C in a terminal sends
    host.wait(timeout=30)

    assert wait_for(lambda: not processes(str(temporary)))
    assert os.listdir(temporary) == []


# --- sessions of one zygote, without the command around them ---


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    runner = new_runner(tmp_path_factory.mktemp("project"))
    yield runner
    runner.close()


def new_runner(root: Path, limit: float = 60) -> Runner:
    (root / "docs").mkdir()
    (root / "snippets").mkdir()
    (root / "pyproject.toml").write_text(f"[tool.torchproof]\ntime-limit = {limit}\n", encoding="utf-8")
    return Runner(root, cached=False)


def play(runner: Runner, *cells: str, proofs: dict | None = None):
    """Run the cells, called cell-1, cell-2 and so on, in one session."""
    text = "\n\n".join(f"# %% Cell {number}\n{cell}" for number, cell in enumerate(cells, 1))
    (runner.root / "snippets/played.py").write_text(text, encoding="utf-8")
    snippet = read_snippet(runner.root, "played")
    claims = {slug: {"proofs": expressions, "drawings": []} for slug, expressions in (proofs or {}).items()}
    return runner.run(job_of(snippet, snippet.cells, claims, "cpu"))


def test_the_zygote_has_one_thread(runner):
    play(runner, "import torch\n(torch.ones(300, 300) @ torch.ones(300, 300)).sum()")

    assert len(os.listdir(f"/proc/{runner.zygote.process.pid}/task")) == 1


def test_what_a_session_changes_the_next_does_not_see(runner):
    look = """\
import os, sys, warnings
import numpy, torch, matplotlib
print(torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), torch.initial_seed())
print(os.listdir(), os.path.basename(os.getcwd()).startswith("torchproof-"), os.environ.get("MARK"), len(sys.path))
print(numpy.random.rand(), torch.rand(1), numpy.get_printoptions()["precision"], "mark" in globals())
print(matplotlib.rcParams["lines.linewidth"], warnings.filters[0], hasattr(torch, "mark"), "wave" in sys.modules)
"""
    change = """\
import os, sys, warnings, wave
import numpy, torch, matplotlib
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(2)
torch.manual_seed(7)
torch.set_printoptions(precision=2)
numpy.set_printoptions(precision=2)
numpy.random.seed(7)
torch.mark = mark = 1
os.environ["MARK"] = "1"
open("mark", "w").close()
os.chdir("/")
sys.path.append("/")
matplotlib.rcParams["lines.linewidth"] = 9
warnings.simplefilter("error")
"""
    before = play(runner, look)

    changed = play(runner, change, look)
    after = play(runner, look)

    assert before.lines()["cell-1"] == after.lines()["cell-1"]
    assert changed.lines()["cell-2"] != before.lines()["cell-1"]
    assert before.lines()["cell-1"][0].startswith("| torch.float32 True 1 ")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("socket.create_connection(('192.0.2.1', 80), timeout=5)", id="connects to an address"),
        pytest.param("socket.create_connection(('torchproof.invalid', 80), timeout=5)", id="connects to a name"),
        pytest.param("socket.socket().connect_ex(('192.0.2.1', 80))", id="connects without raising"),
        pytest.param("urllib.request.urlopen('http://torchproof.invalid', timeout=5)", id="opens a URL"),
        pytest.param("socket.gethostbyname('torchproof.invalid')", id="looks up a name"),
        pytest.param("socket.gethostbyname_ex('torchproof.invalid')", id="looks up a name and its aliases"),
        pytest.param("socket.gethostbyaddr('192.0.2.1')", id="looks up an address"),
        pytest.param("datagram.sendto(b'x', ('192.0.2.1', 80))", id="sends a datagram"),
        pytest.param("datagram.sendmsg([b'x'], [], 0, ('192.0.2.1', 80))", id="sends a message"),
    ],
)
def test_a_snippet_that_uses_the_network_is_told_that_there_is_none(runner, call):
    run = play(
        runner,
        "import socket, urllib.request\ndatagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        call,
    )

    assert run.cells["cell-2"].raised, run.lines()
    assert "snippets run without a network" in run.lines()["cell-2"][-1]


def test_a_snippet_may_talk_to_itself(runner):
    run = play(
        runner,
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(('localhost', server.getsockname()[1]))\n"
        "client.sendall(b'hello')\nprint(server.accept()[0].recv(5))",
    )

    assert run.lines() == {"cell-1": ["| b'hello'"]}


def test_what_a_cell_defines_can_be_pickled_inspected_and_sent_to_workers(runner):
    run = play(
        runner,
        """\
import dataclasses, inspect, pickle
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor(index**2)

@dataclasses.dataclass
class Point:
    x: int
    y: "int" = 0

def double(x):
    return 2 * x
""",
        """\
print([batch.tolist() for batch in DataLoader(Squares(), batch_size=3, num_workers=2)])
print(len(pickle.loads(pickle.dumps(Squares()))), pickle.loads(pickle.dumps(Point(1))))
print(pickle.loads(pickle.dumps(double))(4))
print(inspect.getsource(double), end="")
print(inspect.getsource(Point).splitlines()[1])
""",
    )

    assert run.lines()["cell-2"] == [
        "| [[0, 1, 4], [9, 16, 25]]",
        "| 6 Point(x=1, y=0)",
        "| 8",
        "| def double(x):",
        "|     return 2 * x",
        "| class Point:",
    ]


def test_what_a_proof_changes_draws_prints_or_ends_reaches_no_cell_below(runner):
    cells = ("import torch\ntorch.manual_seed(0)\nx = torch.zeros(2)", "print(x.tolist(), torch.rand(1).item())")
    meddling = ["bool((x.add_(1) == 1).all())", "torch.rand(1).item() < 2", "print('seen') is None"]
    alone = play(runner, *cells)
    claimed = play(runner, *cells, proofs={"cell-1": meddling})
    ended = play(runner, *cells, proofs={"cell-1": ["__import__('os')._exit(0)"]})

    assert claimed.cells["cell-1"].proofs == ["", "", ""]
    assert ended.cells["cell-1"].proofs == ["ended the process that evaluated it"]
    assert claimed.lines() == ended.lines() == alone.lines()


LESSON = (
    """\
import warnings
import torch
import matplotlib.pyplot as plt

row = torch.arange(3.0, requires_grad=True)
grid = row.expand(2, 3)
torch.manual_seed(0)
print(torch.rand(2))
warnings.warn("careful")
grid.sum()
""",
    "plt.plot([1, 2, 3])\nplt.title('A line');",
    "grid.backward()",
)
PROOFS = {"cell-1": ["grid.stride() == (0, 1)", "row.numel() == 4", "no_such_name"]}


def test_a_spawned_session_gives_the_same_result_as_a_forked_one(runner, tmp_path):
    spawning = new_runner(tmp_path)
    spawning.zygote = Zygote(tmp_path, fork=False)

    forked = play(runner, *LESSON, proofs=PROOFS)
    spawned = play(spawning, *LESSON, proofs=PROOFS)
    spawning.close()

    assert forked.died == spawned.died == ""
    assert without_times(spawned) == without_times(forked)
    assert forked.cells["cell-1"].proofs[1] == "is False: left is 3, right is 4"


def without_times(run):
    return [replace(cell, seconds=0) for cell in run.cells.values()]


def test_a_spawned_session_is_stopped_at_its_time_limit_too(tmp_path):
    spawning = new_runner(tmp_path, limit=0.5)
    spawning.zygote = Zygote(tmp_path, fork=False)

    run = play(spawning, "import time\ntime.sleep(20)")
    spawning.close()

    assert run.died == "the session was stopped in the cell 'cell-1': it ran longer than 0.5 s"


def test_a_spawned_session_that_crashes_is_told_as_a_forked_one(runner, tmp_path):
    spawning = new_runner(tmp_path)
    spawning.zygote = Zygote(tmp_path, fork=False)
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"

    run = play(spawning, crash)
    spawning.close()

    assert run.died == play(runner, crash).died == "the session was killed by SIGSEGV in the cell 'cell-1'"


def test_a_session_that_kills_the_zygote_is_the_only_one_lost(tmp_path):
    runner = new_runner(tmp_path)
    try:
        lost = play(runner, "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(20)")
        following = play(runner, "print('here')")
    finally:
        runner.close()

    assert "in the cell 'cell-1'" in lost.died
    assert "None" not in lost.died
    assert (following.died, following.lines()) == ("", {"cell-1": ["| here"]})


# --- accept ---

REFUSED = {
    "unseeded": ("import torch\ntorch.rand(2)", "a draw without a seed"),
    "unseeded-numpy": ("import numpy\nnumpy.random.rand(2)", "a draw without a seed"),
    "unseeded-python": ("import random\nrandom.random()", "a draw without a seed"),
    "address": ("print(object())", "it prints a memory address"),
    "unwritten": ("import torch\ntorch.empty(3)", "memory that was never written (torch.empty)"),
    "set": ("print({'tensor', 'shape', 'stride', 'offset', 'dtype'})", "the order depends on hashes (a set?)"),
    "time": ("import time\ntime.time()", "or a time"),
    "date": ("import datetime\nprint(datetime.date.today())", "or a time"),
    "folder": ("import os\nprint(os.getcwd())", "it prints the temporary folder's name"),
    "path": ("import torch\nprint(torch.__file__)", "which is so on this machine, today, only"),
}
"""Chapter: a last cell that no two machines agree on, and why it is refused."""


@pytest.fixture(scope="session")
def accepting(once):
    """One `torchproof accept` of all those chapters and a good one."""

    def make(folder):
        project = Project(folder)
        write_chapter(project, "good", "import torch\ntorch.manual_seed(0)\ntorch.rand(2)")
        for name, (deed, _) in REFUSED.items():
            write_chapter(project, name, deed)
        done = project.run("torchproof", "accept")
        project.write("result.json", json.dumps({"status": done.returncode, "printed": done.stdout}))

    folder = once("accepting", make)
    return {"folder": folder, **json.loads((folder / "result.json").read_text(encoding="utf-8"))}


@pytest.mark.parametrize("chapter", REFUSED)
def test_accept_refuses_what_would_differ_elsewhere_and_says_why(accepting, chapter):
    refusals = [problem for problem in said_about(accepting, chapter) if "not accepted" in problem]

    assert len(refusals) == 1, accepting["printed"]
    assert "'deed'" in refusals[0].partition("\n")[0]
    assert REFUSED[chapter][1] in refusals[0].partition("\n")[0]
    assert not (accepting["folder"] / f"snippets/{chapter}.cpu.txt").exists()


def test_accept_writes_the_good_chapters_beside_the_refused_ones(accepting):
    assert accepting["status"] == 1
    assert (accepting["folder"] / "snippets/good.cpu.txt").read_text(encoding="utf-8").count("tensor([") == 1
