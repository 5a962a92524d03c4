"""The same book by everybody: how long each tool takes, and what it notices.

    python benchmarks/others.py
    python benchmarks/others.py --sizes 30 100 --ours 300 1000 --workers 1 2 4

The tools take turns, so that other work on the machine is spread over all of them; what counts is the median.
Seconds of CPU time are those of a command and of all processes that it waited for.
What a tool notices is its exit status: its book is run, a cell is edited while the stored outputs stay, and it is run
again. `tools.py` says how each book is written and called.
The result is what the page *Other tools* shows: `snippets/verification/others.json`.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import distributed
from chapters import Book, as_a_user, chapter_text
from tools import TOOLS, Tool, others_python
from torchproof.run.environment import cores

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "snippets/verification/others.json"

CELLS = [
    """# %% A number is printed
import torch

print("seven times eight is", 7 * 8)""",
    """# %% A value is shown
torch.tensor([7000]) + 141""",
    """# %% Sizes that never meet tags=["raises-exception"]
torch.ones(4, 2) + torch.ones(3)""",
    """# %% A warning
import warnings

warnings.warn("the slow way", stacklevel=1)""",
    """# %% A picture
import matplotlib.pyplot as plt

plt.figure(figsize=(3, 2))
plt.plot([0, 1, 2, 3], [0, 1, 2, 9])
plt.show()""",
    """# %% Nothing is printed
quiet = torch.zeros(3)""",
]
"""The probe, of which one thing at a time is changed."""

CHANGES = {
    "a printed number": ("7 * 8", "7 * 9"),
    "a shown value": ("+ 141", "+ 142"),
    "an error's message": ("torch.ones(3)", "torch.ones(5)"),
    "a warning": ("the slow way", "the long way"),
    "a curve that ends lower": ("2, 9]", "2, 5]"),
    "a curve between the same ends": ("[0, 1, 2,", "[0, 5, 2,"),
    "a dtype that nothing prints": ("torch.zeros(3)", "torch.zeros(3, dtype=torch.int64)"),
    "an error that is gone": ("torch.ones(4, 2) + torch.ones(3)", "torch.ones(4, 3) + torch.ones(3)"),
    "an error that is new": ("quiet = torch.zeros(3)", "quiet = torch.zero(3)"),
}
"""What is edited, before and after."""

ERRORS = ("an error that is gone", "an error that is new")
"""Changes that a tool may notice without comparing an output."""

SET = '# %% A set\nprint({f"word {number}" for number in range(40)})'

APART = """# %% What was left
import torch

assert torch.get_default_dtype() == torch.float32
torch.set_default_dtype(torch.float64)"""

ABILITIES = {
    "a value that nothing prints": (CELLS[:2], "7141"),
    "an error that is meant": ([CELLS[0], CELLS[2].replace("torch.ones(3)", "torch.ones(5)")], r"tensor b \(5\)"),
    "a figure": (
        [CELLS[4]],
        r'data:image/(png|svg)|"image/png"|<img [^>]*(plot_probe_001|_images/)|<svg [^>]*"[\d.]+pt"',
    ),
}
"""What a reader sees of the last cell of a book, and how that is found in the files for readers."""


@dataclass(frozen=True)
class Took:
    """One run of a command."""

    seconds: float
    cpu: float
    load: float
    """The load of the machine when it started."""
    status: int
    said: str
    """Its last line."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print as it goes, write the result; returns 1 where our own engine fails."""
    parser = argparse.ArgumentParser(description="Compare speed and strictness with other tools.")
    parser.add_argument("--sizes", type=int, nargs="*", default=[3, 10], help="chapters, for all (default: 3 10)")
    parser.add_argument("--ours", type=int, nargs="*", default=[30, 100], help="for ours and MkDocs (default: 30 100)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="Dask workers (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    parser.add_argument("--tools", nargs="*", default=[tool.name for tool in TOOLS], help="only these")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="others stay as they were")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the result goes")
    options = parser.parse_args(arguments)
    failed: dict[str, str] = {}
    tools = ready([tool for tool in TOOLS if tool.name in options.tools], failed)
    result = json.loads(options.output.read_text(encoding="utf-8")) if options.output.is_file() else {}
    result["tools"] = about(tools)
    for part in options.parts:
        began = time.time()
        with tempfile.TemporaryDirectory(prefix="others-") as folder:
            result[part] = PARTS[part](Path(folder).resolve(), tools, options, failed)
        result.setdefault("made", {})[part] = made(options, (time.time() - began) / 60)
        print(f"{part}: {(time.time() - began) / 60:.0f} minutes", flush=True)
    result = {part: [] for part in PARTS} | result | {"failed": failed}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if "torchproof" in failed else 0


def ready(tools: list[Tool], failed: dict[str, str]) -> list[Tool]:
    """The tools that can be called here; why the others cannot is what they failed by."""
    try:
        others_python()
    except (RuntimeError, OSError) as error:
        failed |= {tool.name: f"cannot be installed: {error}" for tool in tools if not tool.is_ours}
    return [tool for tool in tools if tool.name not in failed]


def about(tools: list[Tool]) -> dict[str, Any]:
    """Call and versions of each tool."""
    told = "import json, sys; from importlib.metadata import version; print(json.dumps([*map(version, sys.argv[1:])]))"
    found = {}
    for tool in tools:
        done = subprocess.run(
            [str(tool.python()), "-c", told, *tool.packages], capture_output=True, text=True, check=True
        )
        versions = dict(zip(tool.packages, json.loads(done.stdout), strict=True))
        found[tool.name] = {"first": tool.first, "call": tool.call, "versions": versions}
    return found


def made(options: argparse.Namespace, minutes: float) -> dict[str, Any]:
    """When, where and how often a part was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rounds": options.rounds,
        "minutes": round(minutes),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
    }


# --- what each notices and shows -----------------------------------------------------------------------------------


def strictness(
    folder: Path, tools: list[Tool], options: argparse.Namespace, failed: dict[str, str]
) -> dict[str, dict[str, dict[str, str]]]:
    """What each tool says of each change, and what it shows a reader."""
    notices: dict[str, dict[str, str]] = {}
    shows: dict[str, dict[str, str]] = {}
    for tool in tools:
        notices[tool.name] = _changes(folder, tool)
        shows[tool.name] = {what: _shows(folder / "shown", tool, *told) for what, told in ABILITIES.items()}
        _fresh(folder / "apart", tool, {f"c{number}": _page([APART]) for number in range(cores() + 1)})
        shows[tool.name]["chapters kept apart"] = "no" if _run(folder / "apart", tool, tool.call).status else "yes"
        print(f"{tool.name}: notices {notices[tool.name]}, shows {shows[tool.name]}", flush=True)
    return {"notices": notices, "shows": shows}


def _changes(folder: Path, tool: Tool) -> dict[str, str]:
    """Whether a book fails after each change, and did not before."""
    _fresh(folder / "probe", tool, {"probe": _page(CELLS)})
    for _ in ("cold", "with what it keeps"):
        unchanged = _run(folder / "probe", tool, tool.call)
        if unchanged.status:
            return dict.fromkeys([*CHANGES, "the order of a set"], f"fails unchanged: {unchanged.said}")
    outputs = [change for change in CHANGES if change not in ERRORS]
    found = {} if _notices(folder, tool, outputs) else dict.fromkeys(outputs, "no")  # together, so none by itself
    found = {change: found.get(change) or ("yes" if _notices(folder, tool, [change]) else "no") for change in CHANGES}
    refused = _fresh(folder / "set", tool, {"probe": _page([SET])})
    other = refused or _run(folder / "set", tool, tool.call, PYTHONHASHSEED="7").status
    found["the order of a set"] = "refused" if refused else "yes" if other else "no"
    return found


def _notices(folder: Path, tool: Tool, changes: list[str]) -> bool:
    """Whether the probe, whose outputs are stored by now, fails when cells of it are edited."""
    root = folder / "changed"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(folder / "probe", root)
    for change in changes:
        changed = [path for path in root.glob(tool.cells) if _replaced(path, *CHANGES[change])]
        assert changed, f"the cells of {tool.name} hold no {CHANGES[change][0]!r}"
    return _run(root, tool, tool.call).status != 0


def _replaced(path: Path, before: str, after: str) -> bool:
    """Whether a cell of a file could be changed; the outputs that a notebook stores stay as they are."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        notebook = json.loads(text)
        sources = ["".join(cell["source"]) for cell in notebook["cells"]]
        for cell, source in zip(notebook["cells"], sources, strict=True):
            cell["source"] = source.replace(before, after)
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return any(before in source for source in sources)
    path.write_text(text.replace(before, after), encoding="utf-8")
    return before in text


def _shows(root: Path, tool: Tool, cells: list[str], there: str) -> str:
    """Whether a book comes out, and the files for a reader hold what its last cell makes."""
    if not tool.pages:
        return "no page"
    _fresh(root, tool, {"probe": _page(cells)}, as_it_stands=True)
    if _run(root, tool, tool.call).status:
        return "no, it fails"
    pages = [path.read_text(encoding="utf-8") for path in root.glob(tool.pages) if path.is_file()]
    return "yes" if any(re.search(there, page) for page in pages) else "no"


def _page(cells: list[str]) -> str:
    return "\n\n".join(["# A probe\n\nOne page.", *(f"```python\n{cell}\n```" for cell in cells)]) + "\n"


def _fresh(root: Path, tool: Tool, book: Book, *, as_it_stands: bool = False) -> int:
    """Write a book anew, and let the tool store its outputs; returns the exit status of that."""
    shutil.rmtree(root, ignore_errors=True)
    tool.write(root, book if as_it_stands or not tool.rewrite else {name: tool.rewrite(book[name]) for name in book})
    return _run(root, tool, tool.first).status if tool.first else 0


# --- how long each takes -------------------------------------------------------------------------------------------


def speed(folder: Path, tools: list[Tool], options: argparse.Namespace, failed: dict[str, str]) -> list[dict[str, Any]]:
    """Seconds of each tool for each size."""
    return _timed(folder, tools, options.sizes, options.rounds, failed)


def growth(
    folder: Path, tools: list[Tool], options: argparse.Namespace, failed: dict[str, str]
) -> list[dict[str, Any]]:
    """Seconds of ours and of plain MkDocs for larger sizes."""
    both = [tool for tool in tools if tool.name in ("torchproof", "MkDocs")]
    return _timed(folder, both, options.ours, options.rounds, failed)


def _timed(
    folder: Path, tools: list[Tool], sizes: list[int], rounds: int, failed: dict[str, str]
) -> list[dict[str, Any]]:
    """Seconds of tools in turns: cold, and once more where they keep results."""
    for tool in tools:
        for size in sizes:
            _generate(folder, tool, size, failed)
    runs: dict[tuple[str, int, str], list[Took]] = {}
    for number in range(rounds):
        for tool in tools[number % len(tools) :] + tools[: number % len(tools)]:
            for size in sizes:
                for state in ("cold", "again") if tool.keeps else ("cold",):
                    if tool.name not in failed:
                        took = _measured(folder / tool.name / str(size), tool, failed, cold=state == "cold")
                        runs.setdefault((tool.name, size, state), []).append(took)
                        print(f"{number + 1}: {tool.name}, {size} chapters, {state}: {_told(took)}", flush=True)
    return [
        {"tool": name, "chapters": size, "state": state} | _numbers(runs[name, size, state])
        for name, size, state in runs
    ]


def cluster(
    folder: Path, tools: list[Tool], options: argparse.Namespace, failed: dict[str, str]
) -> list[dict[str, Any]]:
    """Seconds of our build, cold, where workers of a cluster run the sessions; they are warm."""
    ours, size = TOOLS[0], max([size for size in (*options.sizes, *options.ours) if size <= 100], default=0)
    workers, runs = [number for number in options.workers if number <= cores()], {}
    if workers and size:
        _generate(folder, ours, size, failed)
    for number in range(options.rounds if size else 0):
        for count in workers:
            with _workers(count, folder) as address:
                for _ in ("for the imports", "measured"):
                    took = _measured(folder / ours.name / str(size), ours, failed, TORCHPROOF_SCHEDULER=address)
            runs.setdefault(count, []).append(took)
            print(f"{number + 1}: {count} workers, {size} chapters: {_told(took)}", flush=True)
    return [{"workers": count, "chapters": size} | _numbers(runs[count]) for count in runs]


def book(folder: Path, tools: list[Tool], options: argparse.Namespace, failed: dict[str, str]) -> list[dict[str, Any]]:
    """Seconds of checking the book of this repository, and of running its notebooks."""
    calls = {"torchproof": (ROOT, "python -m torchproof check --no-cache")}
    for tool in tools:
        if tool.name in ("nbclient", "nbval"):
            calls[tool.name] = (folder, tool.call)
            tool.write(folder, {})
    _run(ROOT, TOOLS[0], f"python -m torchproof notebooks {folder}")
    scripts = [path for path in folder.rglob("*.py") if path.with_suffix(".ipynb").is_file()]
    for path in (*scripts, *folder.rglob("*-class.ipynb")):
        path.unlink()  # the same chapters again
    known, runs = {tool.name: tool for tool in TOOLS}, {}
    for number in range(options.rounds):
        for name, (root, call) in calls.items():
            took = _run(root, known[name], call)
            runs.setdefault(name, []).append(took)
            print(f"{number + 1}: {name}, the book: {_told(took)}: {took.said}", flush=True)
    return [
        {"tool": name, "call": calls[name][1], "status": took[-1].status, "said": took[-1].said} | _numbers(took)
        for name, took in runs.items()
    ]


PARTS = {"strictness": strictness, "speed": speed, "growth": growth, "cluster": cluster, "book": book}


def _generate(folder: Path, tool: Tool, size: int, failed: dict[str, str]) -> None:
    """Write a book of so many chapters, its outputs stored."""
    chapters = {f"c{number:04}": chapter_text(number) for number in range(1, size + 1)}
    if _fresh(folder / tool.name / str(size), tool, chapters):
        failed[tool.name] = f"{size} chapters: {tool.first} fails"


def _measured(root: Path, tool: Tool, failed: dict[str, str], *, cold: bool = True, **more: str) -> Took:
    for name in tool.keeps_in if cold else ():
        if (root / name).is_dir():
            shutil.rmtree(root / name)
        (root / name).unlink(missing_ok=True)
    took = _run(root, tool, tool.call, **more)
    if took.status:
        failed[tool.name] = f"{tool.call}: {took.said}"
        print(f"{tool.name} fails: {took.said}", flush=True)
    return took


@contextlib.contextmanager
def _workers(count: int, folder: Path) -> Iterator[str]:
    """The address of a cluster with so many workers, each a process with one session at a time."""
    options = {"local_directory": str(folder / "dask"), "dashboard_address": None}
    with distributed.LocalCluster(n_workers=count, threads_per_worker=1, **options) as running:
        yield running.scheduler_address


def _run(root: Path, tool: Tool, call: str, **more: str) -> Took:
    """Run a call as a user does, not as CI, which reads no cache."""
    path = f"{tool.python().parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    load, start = os.getloadavg()[0], time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["sh", "-ec", call],
            cwd=root,
            env=as_a_user() | {"PATH": path} | more,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        output.seek(0)
        said = [line.strip() for line in output.read().splitlines() if line.strip()]
    return Took(seconds, used.ru_utime + used.ru_stime, load, process.returncode, said[-1][:200] if said else "")


def _numbers(runs: list[Took]) -> dict[str, list[float]]:
    return {what: [round(getattr(took, what), 2) for took in runs] for what in ("seconds", "cpu", "load")}


def _told(took: Took) -> str:
    return f"{took.seconds:.1f} s, {took.cpu:.1f} s of CPU time, load {took.load:.1f}"


if __name__ == "__main__":
    sys.exit(main())
