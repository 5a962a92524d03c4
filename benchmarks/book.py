"""Where the CPU time of checking a book goes, beside what its cells take by themselves.

    python benchmarks/build.py --book .

The floor is every cell of every session run plainly, in forks of one warmed process: its imports included,
figures not drawn, nothing captured, looked at or compared. The check is `torchproof check --no-cache`, whose
sessions say what each of their parts used. Both run in one go, as many sessions at once as there are cores.
"""

import ast
import importlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["measure_book"]

PARTS = {
    "session.Session.__init__": "start of a session",
    "session.Session.run": "statements: parsing, compiling",
    "session.eval": "cells",
    "session.Session.rehearse": "rehearsals",
    "session.Session._tried": "trials of exercises",
    "session.Session.send": "messages",
    "session.Session._measure_claims": "claims: forks",
    "facts.Tracker.changes": "facts",
    "facts.Tracker._read": "values",
    "names.Namer.before": "names of torch",
    "names.Namer.look": "names of torch",
    "names.Namer.uses": "names of torch",
    "shapes.Shapes.watched": "shapes",
    "shapes.Shapes.note": "shapes",
    "figures.take": "figures",
    "capture.Capture.begin": "capture",
    "capture.Capture.drain": "capture",
    "capture.Capture.add": "capture",
    "capture.Capture.take": "capture",
    "children.Children.begin": "processes left behind",
    "children.Children.settle": "processes left behind",
}
"""What a session does, by the functions that do it; what they call of each other counts once, for what is called."""

IMPORTS, HOST, REST = "imports of the zygote", "reading, comparing", "forks of sessions, and what no part owns"


def measure_book(root: Path, most: int = 20, only: str = "") -> int:
    """Print the table of a book, and its `most` expensive cells; of the chapters that have `only` in their names."""
    from torchproof.compare.site import Site

    names = [name for name in Site.read(root).snippets if only in name]
    print(f"{len(names)} chapters, Python {platform.python_version()}, {_versions()}; {_machine()}", flush=True)
    plain, floor = _watched(root, names, "plain")
    parts, check = _watched(root, names, "check")
    claims = {part[1:]: parts.pop(part) for part in list(parts) if part[0] == "?"}
    parts[REST] = check - sum(parts.values())
    floor -= plain[HOST]
    print(f"\n{'the floor: its cells, plainly':43}{floor:8.1f} s")
    print(f"{'torchproof check --no-cache':43}{check:8.1f} s{check / floor:8.2f} × the floor\n")
    for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"  {part:41}{seconds:8.1f} s{seconds / check:8.1%}")
    cells = {name: seconds for name, seconds in plain.items() if "#" in name}
    for what, sums in (("cells, plainly", cells), ("claims", claims)):
        print(f"\nThe {most} that take the most of {len(sums)} {what}:")
        for seconds, name in sorted(((seconds, name) for name, seconds in sums.items()), reverse=True)[:most]:
            print(f"  {name:100}{seconds:8.2f} s")
    return 0


def _watched(root: Path, names: list[str], kind: str) -> tuple[dict[str, float], float]:
    """What each part of a run of those chapters took, and all of it, in seconds of CPU time."""
    with tempfile.NamedTemporaryFile("r", prefix="ledger-") as ledger:
        command = [sys.executable, "-P", __file__, "host", kind, ledger.name, str(root), json.dumps(names)]
        before = _clock()
        subprocess.run(command, check=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        total, sums = _clock() - before, {}
        for line in ledger:
            for part, seconds in json.loads(line).items():
                sums[part] = sums.get(part, 0) + seconds
    return sums, total


def _versions() -> str:
    from torchproof.run.environment import installed

    return ", ".join(f"{name} {version}" for name, version in installed().items())


def _machine() -> str:
    from torchproof.run.environment import cores

    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{cores()} cores{load}, {platform.system()} {platform.machine()}"


# --- the host -------------------------------------------------------------------------------------------------------


def _host(kind: str, ledger: str, root: Path, names: list[str]) -> None:
    """Run chapters as `torchproof check` does, in a zygote that this file watches."""
    from torchproof.compare.check import Checker
    from torchproof.compare.site import Site
    from torchproof.run import host
    from torchproof.run.runner import Runner

    popen, book = subprocess.Popen, os.open(ledger, os.O_WRONLY | os.O_APPEND)

    def watched(command: list[str], *, pass_fds: list[int], **options: Any) -> subprocess.Popen:
        module = command.index("-m")
        command = [*command[:module], __file__, *command[module + 2 :], kind, str(book)]
        return popen(command, pass_fds=[*pass_fds, book], **options)

    host.subprocess = types.SimpleNamespace(**vars(subprocess) | {"Popen": watched})
    site = Site.read(root)
    with Runner(site.root, cached=False) as runner:
        if kind == "check":
            with Checker(site, runner) as checker:
                checker.start(names)
                wrong = [problem for name in names for problem in checker.chapter(name).problems]
            if wrong:
                sys.exit(f"not as committed: {wrong[0]}")
        else:
            jobs = [site.job(site.snippets[name], site.snippets[name].rehearsed_on("cpu"), "cpu") for name in names]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(runner.zygote.run, jobs))
    _enter(book, {HOST: time.process_time()})


# --- in the zygote and its sessions ---------------------------------------------------------------------------------


def _clock() -> float:
    """CPU time of this process and of those that it has waited for."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _enter(book: int, sums: dict[str, float]) -> None:
    os.write(book, json.dumps(sums).encode() + b"\n")


class Watch:
    """Tells the time of each part from that of the parts within it."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.open: list[str] = []
        self.since = 0.0

    def turn(self, part: str | None) -> None:
        """From here on a part runs; none: the one around it again."""
        now = _clock()
        if self.open:
            self.sums[self.open[-1]] = self.sums.get(self.open[-1], 0) + now - self.since
        self.open.append(part) if part else self.open.pop()
        self.since = now

    def timed(self, work: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The same function, whose time counts for a part."""

        def run(*arguments: Any, **options: Any) -> Any:
            self.turn(part)
            try:
                return work(*arguments, **options)
            finally:
                self.turn(None)

        return run


def _watch_sessions(book: int) -> None:
    """Let each part of a session, and each of its forks, enter what it took."""
    from torchproof.run import session, workers

    watch = Watch()
    session.eval = eval
    for place, part in PARTS.items():
        module, *path, name = place.split(".")
        owner = importlib.import_module(f"torchproof.run.{module}")
        for step in path:
            owner = getattr(owner, step)
        setattr(owner, name, watch.timed(getattr(owner, name), part))
    forked, measure = workers.forked, session.Session._measure

    def measured(self: Any, claim: Any) -> Any:
        start = _clock()
        result = measure(self, claim)
        _enter(book, {f"?{self.file}: {' '.join(claim.source.split())[:60]}": _clock() - start})
        return result

    def entered(work: Callable[[Any], None]) -> tuple[str, int]:
        def inside(pipe: Any) -> None:
            start = _clock()
            work(pipe)
            pipe.flush()
            _enter(book, {"claims": _clock() - start, "claims: forks": start - _clock()})

        return forked(inside)

    def ended(status: int) -> None:
        _enter(book, watch.sums)
        os._exit(status)

    workers.forked, session.Session._measure = entered, measured
    session.os = types.SimpleNamespace(**vars(os) | {"_exit": ended})


def _run_plainly(connection: socket.socket, token: bytes, book: int) -> None:
    """Run the cells of a job, and nothing else."""
    from torchproof.model import wire
    from torchproof.run import session

    with connection.makefile("rb") as stream:
        job = wire.load(stream.readline())
    os.chdir(job.folder)
    os.environ.update(TMPDIR=job.folder, HOME=job.folder, CUDA_VISIBLE_DEVICES="", TORCHPROOF_DEVICE="cpu")
    tempfile.tempdir = None
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = job.file
    session._prepare_workers(job.folder)
    session.linecache.cache[job.file] = (len(job.text), None, job.text.splitlines(keepends=True), job.file)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")
    sums = {}
    for step in job.steps:
        start = _clock()
        if not step.is_waiting:
            _run_cell(step, job.file, main.__dict__)
        sums[f"{job.file}#{step.slug}"] = _clock() - start
    _enter(book, sums)
    os._exit(0)


def _run_cell(step: Any, file: str, namespace: dict[str, Any]) -> None:
    """Run one cell as a notebook does: the value of a last expression is shown."""
    tree = ast.parse(step.source, file)
    ast.increment_lineno(tree, step.line - 1)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    try:
        exec(compile(tree, file, "exec"), namespace)
        if last and (value := eval(compile(ast.Expression(last.value), file, "eval"), namespace)) is not None:
            print(repr(value))
    except BaseException as error:
        print(error)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _zygote(channel: socket.socket, kind: str, book: int) -> None:
    from torchproof.run import session, zygote

    gather = zygote._gather_pages

    def imported() -> None:
        gather()
        _enter(book, {IMPORTS: _clock()})

    zygote._gather_pages = imported
    if kind == "check":
        _watch_sessions(book)
    else:
        session.run_job = lambda connection, token: _run_plainly(connection, token, book)
    zygote.serve(channel)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "host":
        _host(words[0], words[1], Path(words[2]), json.loads(words[3]))
    else:
        _zygote(socket.socket(fileno=int(words[0])), words[1], int(words[2]))
