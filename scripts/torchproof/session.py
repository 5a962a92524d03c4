"""Run the cells of one snippet, as a notebook would, in a process that exists for nothing else.

The process is a fork of the zygote (or a fresh interpreter where there is no fork).
It reads one job as a line of JSON and writes one line for each cell, so that a crash costs the rest and no more.
It needs the standard library; torch, numpy and matplotlib only where a cell does.
"""

import ast
import contextlib
import io
import json
import linecache
import multiprocessing
import os
import re
import sys
import time
import tokenize
import traceback
import types
import warnings
from typing import IO, Any

from . import figures, measure
from .capture import Capture, visible
from .cells import lines_of_names
from .devices import probe
from .facts import Tracker

__all__ = ["MEMORY", "run_job"]

MEMORY = 2 << 30
"""Bytes that a session may allocate."""

FILES = 64 << 20
"""Bytes that a session may write to one file."""

ENDED = "ended the process that evaluated it"


def run_job(reader: IO[bytes], writer: IO[bytes]) -> None:
    """Run the job that `reader` brings; ends the process."""
    job = json.loads(reader.readline())
    session = Session(job, writer)
    for cell in job["cells"]:
        result = session.run(cell, job["claims"].get(cell["slug"], {}))
        session.send(result)
        if result["raised"] and not cell["must_raise"]:
            break
    provenance = session.provenance
    session.send({"done": True, "files": sorted(session.opened), "versions": _versions(), "provenance": provenance})
    os._exit(0)


class Session:
    """The state that the cells of one snippet share."""

    def __init__(self, job: dict[str, Any], writer: IO[bytes]) -> None:
        self.writer = writer
        self.file = job["file"]
        self.flags = 0
        self.opened: set[str] = set()
        os.chdir(job["folder"])
        os.environ.update(TMPDIR=job["folder"], HOME=job["folder"])
        sys.argv = [self.file]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = self.file
        self.namespace = main.__dict__
        self.tracker = Tracker(self.namespace)
        lines = job["text"].splitlines(keepends=True)
        linecache.cache[self.file] = (len(job["text"]), None, lines, self.file)
        self._set_limits(job)
        if job["seed"] is not None:
            _seed(job["seed"])
        self.on_cpu = job["device"] == "cpu"
        self.capture = Capture(self.give_up)
        if self.on_cpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what a build prints must not depend on the GPU beside it
        self.provenance = {} if self.on_cpu else self._probe(job["device"])
        warnings.showwarning = self._show_warning
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # plt.show() is where a reader looks
        with contextlib.suppress(RuntimeError, ValueError):  # where there is no fork, spawn
            multiprocessing.set_start_method("fork", force=True)
        sys.addaudithook(_guard(job["root"], self.opened))

    def run(self, cell: dict[str, Any], claims: dict[str, list[Any]]) -> dict[str, Any]:
        """Run one cell and then evaluate the proofs and drawings that stand under it."""
        start = time.perf_counter()
        self.send({"running": cell["slug"]})
        facts: list[dict[str, Any]] = []
        drawn: list[dict[str, Any]] = []
        line, raised, number = 1, 0, 0
        try:
            for number, (statement, shown) in enumerate(self._statements(cell), 1):
                line = statement.lineno - cell["line"] + 1
                value = self._execute(statement, shown)
                facts += self.tracker.changes(number, line, lines_of_names(statement, cell["line"]))
                if value is not None:
                    self.capture.drain()
                    self.capture.add("=", repr(value))
            drawn = figures.take()
        except BaseException as error:
            raised = _line_of(error, self.file, cell["line"]) or line
            facts += self.tracker.changes(number, raised)
            self.capture.drain()
            self.capture.add("x", _message(error))
            figures.discard()
        outputs = self.capture.take()
        expected = not raised or cell["must_raise"]
        return {
            "slug": cell["slug"],
            "outputs": outputs,
            "facts": facts,
            "figures": drawn,
            "raised": raised,
            "statement": number if raised else 0,
            **self._evaluate_claims(claims if expected else {}),
            "seconds": time.perf_counter() - start,
        }

    def send(self, message: dict[str, Any]) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")
        self.writer.flush()

    def give_up(self, reason: str) -> None:
        """End this session, saying why."""
        if os.getpid() == self.capture.pid:
            self.send({"died": reason})
        os._exit(3)

    def _probe(self, device: str) -> dict[str, str]:
        try:
            return probe(device)
        except LookupError as error:
            self.give_up(str(error))

    def _statements(self, cell: dict[str, Any]) -> list[tuple[ast.stmt, bool]]:
        """The statements of a cell with the line numbers of the file, and which one's value is shown."""
        tree = ast.parse(cell["source"], self.file)
        ast.increment_lineno(tree, cell["line"] - 1)
        last = tree.body[-1] if tree.body and not _ends_silently(cell["source"]) else None
        return [(node, node is last and isinstance(node, ast.Expr)) for node in tree.body]

    def _execute(self, statement: ast.stmt, shown: bool) -> Any:
        tree = ast.Expression(statement.value) if shown else ast.Module([statement], [])
        mode = "eval" if shown else "exec"
        code = compile(tree, self.file, mode, flags=self.flags, dont_inherit=True)
        self.flags |= code.co_flags & FUTURES
        return eval(code, self.namespace)

    def _evaluate_claims(self, claims: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """What is wrong with each proof (empty where it is true), and the data of each drawing.

        Evaluated in a fork, so that nothing they draw, change, print or warn reaches the cells below;
        in this process where there is no fork, or where it could not use the device (CUDA).
        """
        proofs, drawings = claims.get("proofs", []), claims.get("drawings", [])
        if not (proofs or drawings):
            return {"proofs": [], "drawings": []}
        if not (hasattr(os, "fork") and self.on_cpu):
            evaluated = self._evaluated(proofs, drawings)
            self.capture.take()
            return evaluated
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forking beside threads of the snippet
            pid = os.fork()
        if pid == 0:
            with open(writer, "w", encoding="utf-8") as pipe:
                json.dump(self._evaluated(proofs, drawings), pipe)
            os._exit(0)
        os.close(writer)
        with open(reader, encoding="utf-8") as pipe:
            text = pipe.read()
        os.waitpid(pid, 0)
        self.capture.take()
        return json.loads(text) if text else self._evaluated([], []) | {"proofs": [ENDED] * len(proofs)}

    def _evaluated(self, proofs: list[str], drawings: list[list[str]]) -> dict[str, list[Any]]:
        return {
            "proofs": [self._evaluate(proof) for proof in proofs],
            "drawings": [self._measure(kind, source) for kind, source in drawings],
        }

    def _measure(self, kind: str, source: str) -> dict[str, Any]:
        try:
            data = measure.measure(kind, source, self.namespace)
        except ValueError as error:
            data = {"error": str(error), "lines": []}
        except BaseException as error:
            data = {"error": f"raises {_message(error)}", "lines": []}
        return {"kind": kind, "source": source, **data}

    def _evaluate(self, expression: str) -> str:
        try:
            tree = ast.parse(expression, "<proof>", "eval")
            value = eval(compile(tree, "<proof>", "eval", flags=self.flags, dont_inherit=True), self.namespace)
            truth = _truth(value)
        except BaseException as error:
            return f"raises {_message(error)}"
        if truth is None:
            return f"is not a bool but {visible(repr(value))[:200]}"
        return "" if truth else f"is False{self._sides(tree.body)}"

    def _sides(self, node: ast.expr) -> str:
        """The values left and right of a comparison that came out false."""
        if not isinstance(node, ast.Compare) or len(node.ops) > 1:
            return ""
        sides = []
        for side in (node.left, node.comparators[0]):
            try:
                value = eval(compile(ast.Expression(side), "<proof>", "eval"), self.namespace)
                sides.append(visible(repr(value))[:200])
            except BaseException:
                return ""
        return f": left is {sides[0]}, right is {sides[1]}"

    def _show_warning(self, message: Any, category: type, *_: Any, **__: Any) -> None:
        sys.stderr.write(f"{category.__name__}: {_clean(str(message))}\n")

    def _set_limits(self, job: dict[str, Any]) -> None:
        try:
            import resource
        except ImportError:  # Windows
            return
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILES, FILES))
        if job["device"] == "cpu":  # a CUDA context maps far more than it uses
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


FUTURES = 0
for _name in __import__("__future__").all_feature_names:
    FUTURES |= getattr(__import__("__future__"), _name).compiler_flag


def _ends_silently(source: str) -> bool:
    """Whether the last token is a semicolon, which hides the value, as in Jupyter."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type not in skipped][-1:] == [";"]


def _truth(value: Any) -> bool | None:
    """True or False for a bool or a non-empty tensor or array of bools, else None."""
    kind = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    if kind not in ("bool", "bool_"):
        return None
    if not hasattr(value, "all"):
        return bool(value)
    return bool(value.all()) if value.size != 0 and 0 not in value.shape else None


def _message(error: BaseException) -> str:
    """Type and message, as Python's last line has them, without C++ frames."""
    lines = traceback.format_exception_only(error)
    if isinstance(error, SyntaxError):  # without the source line and the arrow under it
        lines = [line for line in lines if not line.startswith(" ")]
    return _clean("".join(lines).rstrip("\n"))


def _clean(text: str) -> str:
    """The text without what torch says about its own sources."""
    text = re.sub(r"\s*\(Triggered internally at [^)]*\)", "", text)
    return re.sub(r"\nException raised from .*", "", text, flags=re.S)


def _line_of(error: BaseException, file: str, first: int) -> int:
    """Line of the cell, counted from 1, where the error left it; 0 when no frame says so."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno or 0
    frames = traceback.walk_tb(error.__traceback__)
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


def _guard(root: str, opened: set[str]) -> Any:
    """An audit hook that keeps the session off the network and notes the project's files it reads."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            path = os.path.abspath(arguments[0])
            if path.startswith(root + os.sep) and not path.startswith(NOT_READ):
                opened.add(os.path.relpath(path, root))
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
            address = arguments[1]
            if isinstance(address, tuple) and not _is_local(address[0]):
                raise PermissionError(f"snippets run without a network, so not even {address[0]} can be reached")
        elif event in LOOKUPS and not _is_local(arguments[0]):
            raise PermissionError(f"snippets run without a network, so {arguments[0]} cannot be looked up")

    return hook


NOT_READ = (sys.prefix + os.sep, os.path.dirname(os.path.abspath(__file__)) + os.sep)
"""Folders below the project's root that are no part of it: the environment, and this engine."""


LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _is_local(host: Any) -> bool:
    host = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    return host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")


def _versions() -> dict[str, str]:
    modules = [(name, sys.modules.get(name)) for name in ("torch", "numpy", "matplotlib")]
    found = {name: str(module.__version__).partition("+")[0] for name, module in modules if module}
    return {"python": ".".join(map(str, sys.version_info[:3])), **found}
