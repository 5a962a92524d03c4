"""Run the cells of one snippet, as a notebook would, in a process that exists for nothing else.

The process is a fork of the zygote.
It reads one job as a line of JSON and writes one line for each cell, so that a crash costs the rest and no more.
A cell can do anything to this process. What it does to the engine in it ends the session, with a reason.
It needs the standard library; torch, numpy and matplotlib only where a cell does.
"""

import __future__

import ast
import builtins
import contextlib
import gc
import importlib.util
import linecache
import multiprocessing
import multiprocessing.util
import os
import resource
import shutil
import socket
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import takewhile
from operator import or_
from typing import Any

from ..files import lies_in
from ..model import wire
from ..model.devices import DEVICES
from ..model.drawings import measure
from ..model.raw import copied, library
from ..model.runs import CellRun, Claim, Job, Measured, Message, Paused, Run, Running, Step, Stopped
from ..model.text import clean, error_text, visible
from . import figures, landlock, workers
from .capture import Capture, out_of_reach
from .children import Children
from .environment import BROKEN
from .facts import Tracker, is_array, is_tensor, no_modes
from .names import Namer
from .rehearsal import Rehearsal
from .rich import PICTURE, shown
from .shapes import Shapes
from .standby import Standby
from .values import asked

__all__ = ["note_modules", "run_job"]

FILES = 64 << 20
"""Bytes that a session may write to one file."""

FUTURES = reduce(or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names))


def run_job(connection: socket.socket, token: bytes) -> None:
    """Run the job that comes over the connection; ends the process."""
    try:
        session = Session(connection, token)
        try:
            session.run_all()
        except BaseException as error:
            session.give_up(f"the cell, or one above it, broke what observes it: {error_text(error)}")
        os._exit(0)
    finally:  # the channel is broken too
        os._exit(BROKEN)


class Session:
    """The state that the cells of one snippet share."""

    def __init__(self, connection: socket.socket, token: bytes) -> None:
        job = self._connect(connection, token)
        self.file, self.folder, self.pause = job.file, job.folder, job.pause
        self.device = DEVICES[job.device]
        self.flags = 0
        self.opened: set[str] = set()
        self.modules: set[str] = set()
        """What cells import, whatever becomes of it since."""
        self.collects = True
        """Whether cells want garbage collected: it is while they run, for a collection runs their code."""
        _enter(job)
        for device in DEVICES.values():
            os.environ.update(device.hide if device is not self.device else {})
        sys.argv = [self.file]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = self.file
        main.__builtins__ = sys.modules["builtins"] = copied(builtins)  # the engine keeps its own `len` and `repr`
        self.namespace = main.__dict__
        self.tracker = Tracker(self.namespace)
        self.namer = Namer(self.namespace, self.file)
        self.shapes = Shapes(job.asked, job.text)
        self.rehearsal = Rehearsal(self.namespace, self.file, job.steps)
        self._set_limits(job.memory)
        if job.is_fenced:
            landlock.restrict_writes([job.folder])
        if job.seed is not None:
            _seed(job.seed)
        self.capture = Capture(self.give_up)
        self.children = Children()
        self.follows: tuple[Any, Any] = (None, None)
        """What cells have set to follow their code: it follows nothing of the engine's."""
        self.provenance = self._probe()
        warnings.showwarning = self._show_warning
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # plt.show() is where a reader looks
        _prepare_workers(job.folder)
        sys.addaudithook(_guard(job, self.opened, self.modules))
        self.standby = Standby() if job.pause else None

    def run_all(self) -> None:
        """Run the cells, as far as the first that raises and must not."""
        for step in self.steps:
            if step.slug == self.pause and self.standby.is_possible():
                self.send(Paused(tuple(sorted(self.opened))))
                self._go_on(*self.standby.copied(self.send_all.__self__))
                self.run_all()
                return
            if step.is_waiting:
                self.rehearse(step)
                continue
            result = self.run(step)
            self.send(result)
            if result.error is not None and not step.must_raise:
                break
        modules, names = _modules(self.modules), self.namer.uses()
        opened = tuple(sorted(self.opened))
        self.send(Run({}, None, self.versions, self.provenance, opened, modules, names, self.shapes.seen()))

    def run(self, step: Step) -> CellRun:
        """Run one cell and then evaluate what pages claim under it."""
        start = _used()
        self.send(Running(step.slug))
        self.children.begin()
        self.capture.begin()
        tried = self._tried(step.trials) if self.device.forks else ()
        facts, drawn = [], ()
        line, raised, number = 1, 0, 0
        try:
            for number, (statement, is_shown) in enumerate(self._statements(step), 1):
                line = statement.lineno - step.line + 1
                value = self._execute(step, statement, is_shown)
                facts += self.tracker.changes(number)
                if value is not None:
                    self.capture.drain()
                    self.capture.add("=", *shown(value))
            drawn = figures.take()
        except BaseException as error:
            raised = _line_of(error, self.file, step.line) or line
            facts += self.tracker.changes(number)
            self.capture.drain()
            self.capture.add("x", error_text(error))
            figures.discard()
        if wrong := self.children.settle():
            self.give_up(wrong)
        return CellRun(
            step.slug,
            tuple(self.capture.take()),
            tuple(facts),
            tuple(drawn),
            number if raised else 0,
            raised,
            (*tried, *self._claimed(step.claims if not raised or step.must_raise else ())),
            _used() - start,
            self.tracker.take(),
        )

    def rehearse(self, step: Step) -> None:
        """Say what is certain to go wrong with a cell that only another device runs; it leaves no trace here."""
        if self.device.forks:
            self.send(self.rehearsal.run(step, self.flags))

    def _connect(self, connection: socket.socket, token: bytes) -> Job:
        """Take a connection out of the cells' reach, and read the job that comes over it."""
        self.token = token
        self.pid = os.getpid()
        self.send_all = socket.socket(fileno=out_of_reach(connection.detach())).sendall
        with self.send_all.__self__.makefile("rb") as stream:
            job: Job = wire.load(stream.readline())
        self.steps = job.steps
        linecache.cache[job.file] = (len(job.text), None, job.text.splitlines(keepends=True), job.file)
        return job

    def _go_on(self, connection: socket.socket, token: bytes) -> None:
        """Become a session of its own, in a copy: with a job that begins with the next cell of the one so far."""
        job = self._connect(connection, token)
        self.pause = ""
        self.shapes.lines = frozenset(job.asked)
        self.capture.renew()
        self.children = Children()

    def send(self, message: Message) -> None:
        """Tell the host; a line begins with what no cell knows, so that what cells write is no message."""
        self.send_all(b"%b %b\n" % (self.token, wire.dump(message).encode()))

    def give_up(self, reason: str) -> None:
        """End this session, saying why."""
        if os.getpid() == self.pid:
            self.send(Stopped(reason))
        os._exit(3)

    def _probe(self) -> dict[str, str]:
        """torch, and where this session runs; notes versions; names the device to the cells, as `TORCHPROOF_DEVICE`."""
        self.versions = _versions()
        os.environ["TORCHPROOF_DEVICE"] = self.device.name
        torch = library("torch")
        try:
            facts = dict(zip(self.device.facts, self.device.probe(torch), strict=True))
        except LookupError as error:
            self.give_up(str(error))
        return {"torch": torch.__version__ if torch else "none", **facts}

    def _statements(self, step: Step) -> list[tuple[ast.stmt, bool]]:
        """The statements of a cell with the line numbers of the file, and which one's value is shown."""
        tree = ast.parse(step.source, self.file)
        ast.increment_lineno(tree, step.line - 1)
        last = tree.body[-1] if tree.body else None
        return [(node, node is last and isinstance(node, ast.Expr)) for node in tree.body]

    def _execute(self, step: Step, statement: ast.stmt, is_shown: bool) -> Any:
        watched = self.shapes.watched(statement)
        tree = ast.Expression(watched.value) if is_shown else ast.Module([watched], [])
        mode = "eval" if is_shown else "exec"
        code = compile(tree, self.file, mode, flags=self.flags, dont_inherit=True)
        self.flags |= code.co_flags & FUTURES
        before = self.namer.before(statement)
        try:
            (gc.enable if self.collects else gc.disable)()
            sys.settrace(self.follows[0])
            sys.setprofile(self.follows[1])
            return eval(code, self.namespace)
        finally:
            self.follows = sys.gettrace(), sys.getprofile()
            sys.setprofile(None)
            sys.settrace(None)
            self.collects = gc.isenabled()
            gc.disable()
            self.namer.look(step, statement, before)

    def _claimed(self, claims: tuple[Claim, ...]) -> tuple[Measured, ...]:
        """What came of what pages claim below a cell; the cells below it find the working folder as the cell left it.

        New files are taken away. What was there and is another now ends the session: who reads it is told no tale.
        """
        if not claims:
            return ()
        before = lies_in(self.folder)
        results = self._measure_claims(claims)
        after = lies_in(self.folder)
        if changed := [path for path in before if before[path] != after.get(path)]:
            self.give_up(
                f"a proof, a value or a table below it {CHANGED.format(os.path.relpath(changed[0], self.folder))}"
            )
        for path in sorted(after.keys() - before.keys(), reverse=True):
            os.unlink(path) if os.path.islink(path) or not os.path.isdir(path) else os.rmdir(path)
        return results

    def _measure_claims(self, claims: tuple[Claim, ...]) -> tuple[Measured, ...]:
        """What came of each claim.

        Evaluated in a fork, so that nothing they draw, change, print or warn reaches the cells below;
        in this process where a fork could not use the device.
        """
        if not self.device.forks:
            results = tuple(map(self._measure, claims))
            self.capture.take()
            return results
        text, lacked = workers.forked(lambda pipe: pipe.write(wire.dump(tuple(map(self._measure, claims)))))
        self.capture.take()
        if text and not lacked:
            return wire.load(text)
        wrong = HUNG.format(lacked) if lacked else ENDED
        return tuple(Measured(claim.kind, claim.source, wrong) for claim in claims)

    def _tried(self, trials: tuple[Claim, ...]) -> tuple[Measured, ...]:
        """What came of each trial: in a fork, and in a copy of the working folder, where it finds and leaves files."""
        if not trials:
            return ()
        found, lies = (), {os.path.join(TRIAL, name): NOT_YET for name in os.listdir()}
        for trial in trials:
            lies = _copied(lies)
            found += self._measure_claims((trial,))
        shutil.rmtree(TRIAL)
        return found

    def _measure(self, claim: Claim) -> Measured:
        (gc.enable if self.collects else gc.disable)()
        if claim.kind == "proof":
            return Measured(claim.kind, claim.source, self._disproof(claim.source))
        if claim.kind == "trial":
            return Measured(claim.kind, claim.source, self._error_of(claim.source))
        try:
            data = measure(claim.kind, claim.source, self._value, self.namespace)
        except ValueError as error:
            return Measured(claim.kind, claim.source, visible(str(error)))
        except BaseException as error:
            return Measured(claim.kind, claim.source, f"raises {error_text(error)}")
        return Measured(claim.kind, claim.source, "", data)

    def _value(self, expression: str) -> Any:
        code = compile(expression.strip(), "<page>", "eval", flags=self.flags, dont_inherit=True)
        return eval(code, self.namespace)

    def _error_of(self, code: str) -> str:
        """What running some code, where files are copies, raises; empty where it raises nothing."""
        try:
            os.chdir(TRIAL)
            exec(compile(code, self.file, "exec", flags=self.flags, dont_inherit=True), self.namespace)
        except BaseException as error:
            return error_text(error)
        return ""

    def _disproof(self, expression: str) -> str:
        """What is wrong with a proof; empty where it is true."""
        try:
            value = self._value(expression)
            truth = _truth(value)
        except BaseException as error:
            return f"raises {error_text(error)}"
        if truth is None:
            return f"is not a bool but {visible(repr(value))[:200]}"
        return "" if truth else f"is False{self._sides(expression)}"

    def _sides(self, expression: str) -> str:
        """The values left and right of a comparison that came out false."""
        node = ast.parse(expression.strip(), mode="eval").body
        if not isinstance(node, ast.Compare) or len(node.ops) > 1:
            return ""
        try:
            left, right = (self._value(ast.unparse(side)) for side in (node.left, node.comparators[0]))
            return f": left is {visible(repr(left))[:200]}, right is {visible(repr(right))[:200]}"
        except BaseException:
            return ""

    def _show_warning(self, message: Any, category: type, *_: Any, **__: Any) -> None:
        sys.stderr.write(f"{category.__name__}: {clean(str(message))}\n")

    def _set_limits(self, memory: int) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILES, FILES))
        if self.device.forks:  # a CUDA context maps far more than it uses
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


LOADED: set[str] = set()
"""The top-level modules that were there before any session."""

LAST: set[tuple[int, str]] = set()
"""The last module of all that were there then, and its place."""


def note_modules() -> None:
    """Note what a zygote has imported."""
    LOADED.update(_tops(sys.modules))
    LAST.add(next(_placed()))


def _modules(imported: set[str]) -> tuple[str, ...]:
    """The top-level modules that are there, with those that cells imported, whatever became of them since.

    What was there before is passed over, as long as it is in its place: of each name that a session looks at, it gets
    a page of memory of its own, which takes a fifth of the time of a short one.
    """
    added = (name for _, name in takewhile(lambda placed: placed not in LAST, _placed()))
    return tuple(sorted(LOADED | _tops({*imported, *added})))


def _placed() -> Iterator[tuple[int, str]]:
    """The modules from the last one on, each with its place, counted down from 0 for the first."""
    return enumerate(reversed(sys.modules), 1 - len(sys.modules))


def _tops(modules: Iterable[object]) -> set[str]:
    return {name.partition(".")[0] for name in modules if type(name) is str}


def _enter(job: Job) -> None:
    """Make the working folder this process's, with links to what lies beside the snippet; modules are found there."""
    os.chdir(job.folder)
    os.umask(0o022)
    os.environ.update(TMPDIR=job.folder, HOME=job.folder)
    tempfile.tempdir = None
    for each in job.beside:
        os.makedirs(os.path.dirname(os.path.join(job.folder, each.name)), exist_ok=True)
        os.symlink(os.path.join(job.root, each.path), each.name)
    sys.path.insert(0, job.folder)


TRIAL = ".trial"
"""The copy of the working folder, within it."""

NOT_YET = 0, 0


def _copied(before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Copy the files and folders of the working folder anew in whose copies not all lies as before; what lies there."""
    os.makedirs(TRIAL, exist_ok=True)
    after = lies_in(TRIAL)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    for name in {path.split(os.sep)[1] for path in changed}:
        copy = os.path.join(TRIAL, name)
        with contextlib.suppress(OSError):  # there is none, or it is a socket
            shutil.rmtree(copy) if os.path.isdir(copy) and not os.path.islink(copy) else os.unlink(copy)
        with contextlib.suppress(OSError):  # as shutil.Error is, too
            if os.path.isdir(name) and not os.path.islink(name):
                shutil.copytree(name, copy, symlinks=True)
            else:
                shutil.copy2(name, copy, follow_symlinks=False)
    return lies_in(TRIAL) if changed else after


ENDED = "ended the process that evaluated it"
CHANGED = "changes the file {}, which the cells below would find so; change it in a cell"
HUNG = "hangs: it is evaluated in a copy of the session, which lacks its {} other threads; compute it in the cell"


def _prepare_workers(folder: str) -> None:
    """Let multiprocessing fork, and name its sockets by a short path to the folder: one has room for 107 characters.

    Where the system's is longer, a loader's worker cannot hand over what it made, and whoever waits for it hangs.
    """
    multiprocessing.set_start_method("fork", force=True)
    if not os.path.isdir("/proc/self/fd"):
        return
    short = f"/proc/{os.getpid()}/fd/{out_of_reach(os.open(folder, os.O_RDONLY))}"

    def get_temp_dir() -> str:
        config = multiprocessing.process.current_process()._config
        config["tempdir"] = config.get("tempdir") or tempfile.mkdtemp(prefix="pymp-", dir=short)
        return config["tempdir"]

    multiprocessing.util.get_temp_dir = get_temp_dir


def _truth(value: Any) -> bool | None:
    """True or False for a bool or a non-empty tensor or array of bools, else None."""
    value = asked(value) if is_tensor(value) or is_array(value) else value
    kind = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    if kind not in ("bool", "bool_"):
        return None
    if not hasattr(value, "all"):
        return bool(value)
    with no_modes():
        return bool(value.all()) if value.size != 0 and 0 not in value.shape else None


def _used() -> float:
    """Seconds of CPU time that this process has used, with its children that have ended: the same on a busy machine."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _line_of(error: BaseException, file: str, first: int) -> int:
    """Line of the cell, counted from 1, where the error that is being handled left it; 0 when no frame says so."""
    if type(error) is SyntaxError and type(error.filename) is str and error.filename == file:
        return error.lineno if type(error.lineno) is int else 0
    frames = traceback.walk_tb(sys.exc_info()[2])
    lines = [line for frame, line in frames if frame.f_code.co_filename == file]
    inside = [line - first + 1 for line in lines if line >= first]
    return inside[0] if inside else 0


def _seed(seed: int) -> None:
    """Start every random stream elsewhere, so that an unseeded draw shows."""
    import random

    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _guard(job: Job, opened: set[str], imported: set[str]) -> Any:
    """An audit hook that keeps the session off the network and in its folder, and notes what it reads and imports.

    It says so in words; what gets past it, a write of C or of another program, Landlock stops where there is one.
    Long: a branch for each kind of event.
    """
    root, writes = job.root, (job.folder + os.sep, *WRITABLE)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            path = os.path.abspath(arguments[0])
            if arguments[2] & WRITING and not f"{os.path.realpath(path)}/".startswith(writes):
                raise PermissionError(f"snippets run in a folder of their own, so {path} cannot be written")
            if path.endswith(".pyc"):  # what counts is the source
                with contextlib.suppress(ValueError):
                    path = importlib.util.source_from_cache(path)
            if path.startswith(root + os.sep) and not path.startswith(NOT_READ):
                opened.add(os.path.relpath(path, root))
            elif not f"{path}{os.sep}".startswith((job.folder + os.sep, root + os.sep, *NOT_READ, *SYSTEM)):
                opened.add(path)
        elif event == "sys.addaudithook" and sys._getframe(1).f_code.co_filename == job.file:  # libraries may
            raise BaseException("snippets add no audit hook: it would hear what looks at them, for ever")
        elif event == "import":
            imported.add(arguments[0])
        elif event in CHANGES and not _stands_below(job.folder, arguments[0]):
            raise PermissionError(f"snippets run in a folder of their own, so {arguments[0]} cannot be changed")
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
            address = arguments[1]
            if isinstance(address, tuple) and not _is_local(address[0]):
                raise PermissionError(f"snippets run without a network, so not even {address[0]} can be reached")
        elif event == "webbrowser.open":
            raise PermissionError(f"snippets run without a browser; {PICTURE}")
        elif event in LOOKUPS and not _is_local(arguments[0]):
            raise PermissionError(f"snippets run without a network, so {arguments[0]} cannot be looked up")

    return hook


NOT_READ = (sys.prefix + os.sep, os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)
"""Folders below the project's root that are no part of it: the environment, and this engine."""

SYSTEM = (sys.base_prefix + os.sep, "/dev/", "/etc/", "/lib", "/proc/", "/sys/", "/usr/")
"""Where nothing lies that an author edits; what a session reads elsewhere is noted, by its whole path."""


WRITABLE = ("/dev/", "/proc/self/")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

CHANGES = ("os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr")
"""What changes a file, and Landlock knows nothing of."""

LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _is_local(host: Any) -> bool:
    host = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    return host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")


def _stands_below(folder: str, path: Any) -> bool:
    """Whether a file lies in a folder: by its path, or by the descriptor of one that is open."""
    path = f"/proc/self/fd/{path}" if isinstance(path, int) else os.fsdecode(path)
    return os.path.realpath(path).startswith(folder + os.sep)


def _versions() -> dict[str, str]:
    modules = [(name, library(name)) for name in ("torch", "numpy", "matplotlib")]
    found = {name: str(module.__version__).partition("+")[0] for name, module in modules if module}
    return {"python": ".".join(map(str, sys.version_info[:3])), **found}
