"""Rehearse the cells whose device is not here: read them, look up their names, play them on fake tensors.

A fake tensor has a shape, a dtype and a device, and no numbers. A slip is what is certain to go wrong on the device
too. Where fake tensors cannot tell (a number, the driver, a gradient), nothing is said, and what depends on it is not
played. All this happens in a fork of the session that writes no files and starts no processes: it leaves no trace.
"""

import ast
import builtins
import importlib
import importlib.util
import os
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from types import ModuleType
from typing import IO, Any

from ..model import wire
from ..model.cells import parsed
from ..model.drawings import measure
from ..model.runs import Claim, Rehearsed, Slip, Step
from ..model.text import error_text, visible
from . import workers

__all__ = ["Rehearsal"]

SECONDS = 5
"""CPU time that rehearsing one cell may take; by the clock ten times as much."""

FOLDER = ".rehearsal"
"""The working folder meanwhile, within the session's: empty, and gone afterwards."""


class Rehearsal:
    """The waiting cells of a session, each rehearsed where it stands."""

    def __init__(self, namespace: dict[str, Any], file: str, steps: tuple[Step, ...]) -> None:
        """`steps` are all of the session's."""
        self.namespace = namespace
        self.file = file
        self.steps = steps
        self.earlier: list[tuple[Step, dict[str, int]]] = []
        """Each waiting cell above, and the ids of what the session's names held there."""
        self.unknown: set[str] = set()
        """Names whose values nobody knows here, as the rehearsal goes on."""

    def run(self, step: Step, flags: int) -> Rehearsed:
        """Rehearse a cell, and what pages claim below it, in a fork; `flags` are the session's for `compile`."""

        def work(pipe: IO[str]) -> None:
            with suppress(BaseException):
                _leave_no_trace()
                for slip in self._slips(step, flags):
                    pipe.write(f"{wire.dump(slip)}\n")
                    pipe.flush()

        os.mkdir(FOLDER)
        found = [wire.load(line) for line in workers.forked(work)[0].splitlines()]
        shutil.rmtree(FOLDER, ignore_errors=True)
        self.earlier.append((step, {name: id(value) for name, value in self.namespace.items()}))
        return Rehearsed(step.slug, tuple(dict.fromkeys(found)))

    def _slips(self, step: Step, flags: int) -> Iterator[Slip]:
        """What is wrong with the text of a cell and its claims; if nothing is, what goes wrong as it is played."""
        found = list(self._misread(step))
        yield from found
        if found or step.must_raise or "torch" not in sys.modules:
            return
        from torch import no_grad
        from torch._subclasses import FakeTensorMode

        held = dict(self.namespace)
        self.unknown = self._elsewhere(step)
        with FakeTensorMode(allow_non_fake_inputs=True), no_grad():  # gradients of fake tensors ask for the driver
            for cell, ids in self.earlier:
                for _ in self._played(cell, flags):
                    pass
                self._restore(held, ids, _bound(_parsed(cell.source)))
            yield from self._played(step, flags)
            yield from self._false(step, flags)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _misread(self, step: Step) -> Iterator[Slip]:
        """Text that is no Python, names that nobody defines, and members that modules do not have."""
        try:
            tree = ast.parse(step.source)
        except SyntaxError as error:
            yield Slip(error_text(error), error.lineno or 1)
            return
        known = {*self.namespace, *vars(builtins), *_bound(tree)}
        known = known.union(*(_bound(_parsed(cell.source)) for cell, _ in self.earlier))
        held = {name: value for name, value in self.namespace.items() if name not in _bound(tree)}
        for message, line in (*_misimported(tree, held), *_undefined(tree, known), *_missing(tree, held)):
            yield Slip(message, line)
        for claim in step.claims:
            for expression in _expressions(claim):
                try:
                    tree = ast.parse(expression.strip(), mode="eval")
                except SyntaxError as error:
                    yield Slip(f"raises {error_text(error)}", claim=claim.source)
                    continue
                for message, _ in (*_undefined(tree, known | _bound(tree)), *_missing(tree, held)):
                    yield Slip(message, claim=claim.source)

    # --- playing ------------------------------------------------------------------------------------------------------

    def _played(self, step: Step, flags: int) -> Iterator[Slip]:
        """Run the statements of a cell as far as they can be known."""
        for statement in _parsed(step.source).body:
            names, uses = _bound(statement), _used(statement)
            if step.must_raise or uses & self.unknown or _asks(statement):
                self.unknown |= names
                continue
            tree = ast.fix_missing_locations(Indexed().visit(ast.Module([statement], [])))
            ast.increment_lineno(tree, step.line - 1)
            try:
                exec(compile(tree, self.file, "exec", flags=flags, dont_inherit=True), self.namespace)
                self.unknown -= names
            except BaseException as error:
                if _is_certain(error, self.file):
                    yield Slip(f"{PLAYED}, it raises {_said(error)}", statement.lineno - step.line + 1)
                self.unknown |= names | (set() if _only_reads(statement) else self._mutable(uses))

    def _false(self, step: Step, flags: int) -> Iterator[Slip]:
        """The proofs about shapes, dtypes and devices that come out false."""
        for claim in step.claims:
            tree = ast.parse(claim.source.strip(), mode="eval") if claim.kind == "proof" else None
            if tree is None or _used(tree) & self.unknown or not _is_told(tree):
                continue
            with suppress(Exception):
                if eval(compile(tree, "<page>", "eval", flags=flags, dont_inherit=True), self.namespace) is False:
                    yield Slip(f"is False, {PLAYED}", claim=claim.source)

    def _elsewhere(self, step: Step) -> set[str]:
        """The names that hold something else where the device is: they depend on what the cells above asked for."""
        found: set[str] = set()
        ran = [above for above in self.steps[: self.steps.index(step)] if not above.is_waiting]
        for statement in (statement for above in ran for statement in _parsed(above.source).body):
            is_defined = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            names, uses = {statement.name} if is_defined else _bound(statement), _used(statement)
            is_plain = is_defined or (isinstance(statement, ast.Assign) and _binds_names_only(statement))
            if _asks(statement) or uses & found:
                found |= names if is_plain else names | self._mutable(uses)
            elif is_plain and not is_defined:
                found -= names
        return found

    def _mutable(self, names: set[str]) -> set[str]:
        """Those of the names whose values a statement that broke off may have changed, or failed to."""
        fixed = (ModuleType, type, int, float, str, tuple, type(None), type(_parsed), type(print))
        return {name for name in names if name in self.namespace and not isinstance(self.namespace[name], fixed)}

    def _restore(self, held: dict[str, Any], ids: dict[str, int], names: set[str]) -> None:
        """Give names that a cell above bound to fakes their values again, where the session has bound them since."""
        for name in names & held.keys():
            if id(held[name]) != ids.get(name):
                self.namespace[name] = held[name]
                self.unknown.discard(name)


class Indexed(ast.NodeTransformer):
    """Moves to `cuda` become moves to `cuda:0`: which one is meant, only the driver could say."""

    def visit_Call(self, call: ast.Call) -> ast.Call:
        self.generic_visit(call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "to":
            for place in (*call.args, *(word.value for word in call.keywords)):
                if isinstance(place, ast.Constant) and place.value == "cuda":
                    place.value = "cuda:0"
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "pin_memory" and not call.args:
            call.func.attr = "clone"  # which only the driver can pin
        return call


def _leave_no_trace() -> None:
    """Make this process one that can only compute, and not for long."""
    os.chdir(FOLDER)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 10 * SECONDS)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or STARTS.fullmatch(event):
            raise OSError(f"a rehearsal does not {event}")

    sys.addaudithook(hook)


STARTS = re.compile(r"subprocess\.Popen|os\.(fork|forkpty|exec|posix_spawn|system|remove|rename)")


def _is_certain(error: BaseException, file: str) -> bool:
    """Whether a statement fails so on the device too: a call that fits no function, or shapes and dtypes that clash."""
    if "NoneType" in str(error):  # a gradient, which none has here
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if type(error) in (TypeError, AttributeError):
        return frame.f_code.co_filename == file
    return isinstance(error, RuntimeError | IndexError | ValueError) and bool(CLASHES.search(str(error)))


PLAYED = "played on tensors without numbers"


def _said(error: BaseException) -> str:
    """Python's own type and the first line of what it says: fake tensors have errors of their own kinds."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    return visible(f"{kind.__name__}: {error}".partition("\n")[0].replace("FakeTensor", "Tensor"))


CLASHES = re.compile(
    r"Expected all tensors to be on the same device|must have same reduction dim|shapes cannot be multiplied"
    r"|is invalid for input of size|size mismatch|Attempting to broadcast|must match the size|does not broadcast"
    r"|Sizes of tensors must match|Dimension out of range|expected both vectors to have same dtype"
    r"|Expected dtype|expected predicate to be bool|to match target batch_size|expected .* channels"
)
"""What torch says of shapes, dtypes and devices that do not go together."""


# --- what text says ---------------------------------------------------------------------------------------------------


def _parsed(source: str) -> ast.Module:
    return parsed(source) or ast.Module([], [])


def _bound(tree: ast.AST) -> set[str]:
    """The names that some code binds, in whatever scope."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif name := getattr(node, "name", None) or getattr(node, "rest", None):  # definitions, handlers, patterns
            found.add(name)
    return found


def _used(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _expressions(claim: Claim) -> list[str]:
    """The expressions of a claim: its text, or those that a fence would evaluate."""
    if claim.kind in ("proof", "value"):
        return [claim.source]
    found: list[str] = []

    def note(expression: str) -> Any:
        found.append(expression)
        raise LookupError

    with suppress(Exception):
        measure(claim.kind, claim.source, note, {})
    return found


def _sure(tree: ast.AST, inside: tuple[type, ...] = ()) -> Iterator[ast.AST]:
    """The parts of some code whose errors nobody catches, without what these kinds of parts hold."""
    yield tree
    tried = tree.body if isinstance(tree, ast.Try) and not _catches_little(tree) else []
    for node in ast.iter_child_nodes(tree):
        if node not in tried and not isinstance(node, inside):
            yield from _sure(node, inside)


def _catches_little(tree: ast.Try) -> bool:
    """Whether errors of names, members and imports get through."""
    caught = [ast.unparse(handler.type) if handler.type else "Exception" for handler in tree.handlers]
    return not any(re.search(r"Name|Attribute|Import|ModuleNotFound|\bException", words) for words in caught)


def _undefined(tree: ast.AST, known: set[str]) -> Iterator[tuple[str, int]]:
    for node in _sure(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):  # bodies run later, or never
        if isinstance(node, ast.Name) and node.id not in known:
            yield f"nothing defines '{node.id}'{_nearest(node.id, known)}", node.lineno


def _misimported(tree: ast.AST, held: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Imports that fail though the package is here; the others add what they bind to `held`."""
    for node in _sure(tree):
        names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        for alias in names:
            module = getattr(node, "module", None) or alias.name
            if getattr(node, "level", 0) or importlib.util.find_spec(module.partition(".")[0]) is None:
                continue
            try:
                found = importlib.import_module(module)
                if isinstance(node, ast.ImportFrom):
                    found = _member(found, alias.name)
                elif not alias.asname:
                    found = sys.modules[module.partition(".")[0]]
                held[(alias.asname or alias.name).partition(".")[0]] = found
            except ImportError as error:
                yield f"raises {error_text(error)}", node.lineno
            except AttributeError:
                yield f"{module} has no '{alias.name}'{_nearest(alias.name, dir(found))}", node.lineno


def _missing(tree: ast.AST, held: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Members that a module, or a class in one, does not have."""
    for node in _sure(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            with suppress(LookupError):
                owner = _found(node.value, held)
                if isinstance(owner, ModuleType | type) and not node.attr.startswith("_"):
                    try:
                        _member(owner, node.attr)
                    except AttributeError:
                        near = _nearest(node.attr, dir(owner))
                        yield f"{ast.unparse(node.value)} has no '{node.attr}'{near}", node.lineno


def _found(node: ast.AST, held: dict[str, Any]) -> Any:
    """What a path of names leads to, through modules and classes.

    Raises:
        LookupError: it is no such path, or leads nowhere.
    """
    if isinstance(node, ast.Name):
        return held[node.id]
    if isinstance(node, ast.Attribute):
        owner = _found(node.value, held)
        with suppress(AttributeError):
            if isinstance(owner, ModuleType | type):
                return _member(owner, node.attr)
    raise LookupError


def _member(owner: Any, name: str) -> Any:
    """A member of a module or class; of a package, also a module that nobody has imported yet.

    Raises:
        AttributeError: there is none.
    """
    if isinstance(owner, ModuleType) and not hasattr(owner, name):
        with suppress(ImportError):
            return importlib.import_module(f"{owner.__name__}.{name}")
    return getattr(owner, name)


def _nearest(word: str, known: Any) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _binds_names_only(statement: ast.Assign) -> bool:
    bound = [node for target in statement.targets for node in ast.walk(target)]
    return not any(isinstance(node, ast.Attribute | ast.Subscript) for node in bound)


def _asks(statement: ast.AST) -> bool:
    """Whether a statement asks for what is here, which on the device is something else."""
    nodes = list(ast.walk(statement))
    words = {getattr(node, "attr", "") for node in nodes} | {getattr(node, "name", "") for node in nodes}
    return bool(words & ASKED) or any(getattr(node, "value", "") == "TORCHPROOF_DEVICE" for node in nodes)


ASKED = {"is_available", "device_count", "current_accelerator", "is_initialized"}


def _only_reads(statement: ast.stmt) -> bool:
    call = getattr(statement, "value", None)
    return isinstance(statement, ast.Assert) or getattr(getattr(call, "func", None), "id", "") == "print"


def _is_told(tree: ast.AST) -> bool:
    """Whether an expression asks for nothing but what a fake tensor knows as well as a real one."""
    dtypes = {name for name, value in vars(sys.modules["torch"]).items() if type(value).__name__ == "dtype"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (node.attr in dtypes or TOLD.fullmatch(node.attr)):
            return False
        if isinstance(node, ast.Call) and getattr(node.func, "id", "len") not in CALLED:
            return False
    return True


TOLD = re.compile(
    "device|dim|dtype|element_size|get_device|index|is_cpu|is_cuda|is_meta|ndim|nbytes|numel|shape|size|type"
)
"""Members of tensors and of their devices."""

CALLED = {"len", "str", "tuple", "list", "type"}
"""Functions that need no numbers."""
