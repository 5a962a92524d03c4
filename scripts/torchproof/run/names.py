"""Names: what a session's code uses of torch, by the types of what the session holds.

`x.sum` is `torch.Tensor.sum` where `x` is a tensor, and nobody's where it is a list. Nothing is evaluated or kept:
the session's names are looked at before and after each statement, a call returns what torch's annotations and the
first line of its docs say, and functions of the cells are read last, when the types of what was passed are known.
A use of which all this says nothing is left out.
"""

import ast
import builtins
import dis
import re
import sys
import typing
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

from ..model.raw import held, is_library, library, members, mro, own_module, own_name
from ..model.runs import Step, Use

__all__ = ["Namer"]


@dataclass(frozen=True)
class Thing:
    """What is known of an expression."""

    kind: type
    value: Any = ...
    """The object itself; `...` where only its type is known."""
    parts: "tuple[Thing | None, ...]" = ()
    """Of a tuple, what is known of each member."""


Scope = dict[str, Thing | None]
"""Names that are not the session's present ones: of functions, of comprehensions, and those that a statement rebinds.
None where nothing is known."""


class Namer:
    """Finds torch's names in the statements of one session."""

    def __init__(self, namespace: dict[str, Any], file: str) -> None:
        self.namespace = namespace
        self.file = file
        self.found: dict[str, set[Use]] = {}
        self.imported: set[str] = set()
        """What was imported from a module, under the names that the cells use."""
        self.functions: dict[int, ast.FunctionDef] = {}
        """The functions of the cells, by their first line."""
        self.passed: dict[int, dict[str, type]] = {}
        """The types of their arguments, as far as calls told them; `object` where they differ."""
        self.waiting: list[tuple[Step, ast.stmt]] = []
        """Definitions, with their cells: what is passed to them is known later."""
        self.results: dict[int, Thing | None] = {}
        """What functions of the cells return, while one statement is read."""

    def before(self, statement: ast.stmt) -> Scope:
        """The types of the names that a statement is about to bind or delete."""
        return {name: Thing(type(self.namespace[name])) for name in _bound(statement) if name in self.namespace}

    def look(self, step: Step, statement: ast.stmt, before: Scope) -> None:
        """Find the names that a statement of a cell used, once it has run."""
        self.functions |= {_first_line(node): node for node in ast.walk(statement) if isinstance(node, FUNCTIONS[:2])}
        if isinstance(statement, ast.ImportFrom):
            self.imported |= {alias.asname or alias.name for alias in statement.names}
        if isinstance(statement, DEFINITIONS):
            self.waiting.append((step, statement))
        elif hasattr(statement, "body"):  # in a block, a name that changes its type can be either
            held = {name: thing for name, thing in before.items() if type(self.namespace.get(name)) is not thing.kind}
            self._read(step, statement, dict.fromkeys(held))
        else:
            self._read(step, statement, before)

    def uses(self) -> dict[str, tuple[Use, ...]]:
        """All uses of torch's names, by cell, in the order of the text."""
        found = {slug: set(uses) for slug, uses in self.found.items()}
        for _ in range(2):  # what functions pass to each other is known after the first time, which counts for nothing
            self.found = {slug: set(uses) for slug, uses in found.items()}
            for step, statement in self.waiting:
                self._read(step, statement, {})
        return {slug: tuple(sorted(uses, key=lambda use: (use.line, use.column))) for slug, uses in self.found.items()}

    # --- walking ------------------------------------------------------------------------------------------------------

    def _read(self, step: Step, statement: ast.stmt, scope: Scope) -> None:
        if library("torch"):
            with suppress(Exception):  # no cell may come out otherwise because what it holds cannot be looked at
                self._walk(step, statement, scope)
            self.results.clear()

    def _walk(self, step: Step, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Attribute | ast.Name):
            if name := self._name(node, scope):
                use = Use(name, node.end_lineno - step.line + 1, node.end_col_offset)
                self.found.setdefault(step.slug, set()).add(use)
        elif isinstance(node, ast.Call):
            self._pass(node, scope)
        elif isinstance(node, FUNCTIONS):
            scope = self._inside(node, scope)
        elif isinstance(node, ast.ClassDef):
            scope = scope | {"self": self._instance(self.namespace.get(node.name))}
        elif isinstance(node, COMPREHENSIONS):
            for part in node.generators:
                scope = scope | self._bindings(part.target, self._element(part.iter, scope))
        for child in ast.iter_child_nodes(node):
            self._walk(step, child, scope)

    def _inside(self, function: ast.AST, scope: Scope) -> Scope:
        """What a function's body sees: the types that were passed, and what it assigns."""
        passed = self.passed.get(_first_line(function), {}) if isinstance(function, ast.FunctionDef) else {}
        names = [arg.arg for arg in _arguments(function)]
        names += _bound(function)
        inner = scope | {name: Thing(passed[name]) if name in passed else None for name in names if name != "self"}
        known = set(passed)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.For):
                is_loop = isinstance(node, ast.For)
                thing = self._element(node.iter, inner) if is_loop else self._of(node.value, inner)
                for target in [node.target] if is_loop else node.targets:
                    for name, new in self._bindings(target, thing).items():
                        is_other = name in known and not (new and inner[name] and new.kind is inner[name].kind)
                        inner[name] = None if is_other else new
                        known.add(name)
        return inner

    def _instance(self, made: Any) -> Thing | None:
        """An instance of a class: one that the session holds, whose members are known."""
        held = (value for value in list(self.namespace.values()) if type(value) is made)
        return Thing(made, next(held, ...)) if _is(made, type) else None

    def _pass(self, call: ast.Call, scope: Scope) -> None:
        """Note the types of what is passed to a function of the cells, or to such a module's `forward`."""
        line, shift = self._called(self._of(call.func, scope))
        if line not in self.functions:
            return
        names = [arg.arg for arg in _arguments(self.functions[line])][shift:]
        given = [*zip(names, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)]
        types = self.passed.setdefault(line, {})
        for name, node in given:
            if thing := self._of(node, scope):
                kind = _tensor() if _is_tensor(thing.kind) else thing.kind
                types[name] = kind if types.get(name, kind) is kind else object

    def _called(self, thing: Thing | None) -> tuple[int, int]:
        """The first line of the cells' function that a call of it runs, 0 for others; and what is passed of itself."""
        if thing is None:
            return 0, 0
        is_function = _is(thing.value, FunctionType)
        name = "__init__" if _is(thing.value, type) else "forward"
        kind = thing.value if _is(thing.value, type) else thing.kind
        called = thing.value if is_function else _member(kind, name)
        code = called.__code__ if _is(called, FunctionType) else None
        is_ours = code is not None and code.co_filename == self.file
        return (code.co_firstlineno, int(not is_function)) if is_ours else (0, 0)

    def _bindings(self, target: ast.expr, thing: Thing | None) -> Scope:
        if isinstance(target, ast.Name):
            return {target.id: thing}
        if isinstance(target, ast.Starred | ast.Attribute | ast.Subscript):
            return {}
        members = target.elts
        parts = thing.parts if thing else ()
        if len(parts) != len(members):
            parts = [Thing(_tensor()) if thing and _is_tensor(thing.kind) else None] * len(members)
        pairs = zip(members, parts, strict=True)
        return {name: part for member, known in pairs for name, part in self._bindings(member, known).items()}

    # --- what an expression is ----------------------------------------------------------------------------------------

    def _of(self, node: ast.expr, scope: Scope) -> Thing | None:
        """What is known of an expression."""
        match node:
            case ast.Name(id=name):
                of = self.namespace if name in self.namespace else vars(builtins)
                return scope[name] if name in scope else Thing(type(of[name]), of[name]) if name in of else None
            case ast.Constant(value=value):
                return Thing(type(value), value)
            case ast.Attribute(value=owner, attr=name):
                return self._attribute(self._of(owner, scope), name)
            case ast.Call():
                return self._returned(node, scope)
            case ast.Subscript(value=whole, slice=key):
                return self._item(self._of(whole, scope), key)
            case ast.Tuple(elts=members):
                return Thing(tuple, ..., tuple(self._of(member, scope) for member in members))
            case ast.BinOp() | ast.UnaryOp() | ast.Compare():
                sides = [self._of(side, scope) for side in ast.iter_child_nodes(node) if isinstance(side, ast.expr)]
                return next((Thing(_tensor()) for side in sides if side and _is_tensor(side.kind)), None)
            case ast.NamedExpr(value=value):
                return self._of(value, scope)
        kind = next((kind for kind, nodes in DISPLAYS.items() if isinstance(node, nodes)), None)
        return Thing(kind) if kind else None

    def _attribute(self, thing: Thing | None, name: str) -> Thing | None:
        if thing is None:
            return None
        if _is_tensor(thing.kind) and name in TENSORS:
            return Thing(_tensor())
        own = held(thing.value)
        for where in (own, *(own.get(part, {}) for part in ("_modules", "_parameters", "_buffers"))):
            if type(where) is dict and name in where:
                return Thing(type(where[name]), where[name])
        kind = thing.value if _is(thing.value, type) else thing.kind
        if (found := _member(kind, name)) is not None:
            return Thing(type(found), found)
        return _hinted(next((hints[name] for cls in mro(kind) if name in (hints := _hints(cls))), None))

    def _item(self, whole: Thing | None, key: ast.expr) -> Thing | None:
        if whole is None or _is_tensor(whole.kind):
            return Thing(_tensor()) if whole else None
        value = whole.value
        if modules := _modules(value):
            value = list(modules.values())
        if isinstance(key, ast.Constant) and any(type(value) is kind for kind in (list, tuple, dict)):
            try:
                return Thing(type(value[key.value]), value[key.value])
            except (LookupError, TypeError):
                return None
        return _uniform(value)

    def _element(self, node: ast.expr, scope: Scope) -> Thing | None:
        """What a loop over an expression goes through."""
        match node:
            case ast.List(elts=members) | ast.Tuple(elts=members):
                things = [self._of(member, scope) for member in members]
                return things[0] if all(things) and _one([thing.kind for thing in things]) else None
            case ast.Call(func=ast.Name(id="zip"), args=args):
                return Thing(tuple, ..., tuple(self._element(arg, scope) for arg in args))
            case ast.Call(func=ast.Name(id="enumerate"), args=[arg, *_]):
                return Thing(tuple, ..., (Thing(int), self._element(arg, scope)))
            case ast.Call(func=ast.Attribute(value=owner, attr="items" | "values" as name), args=[]):
                member = _uniform(thing.value) if (thing := self._of(owner, scope)) else None
                return member if name == "values" else Thing(tuple, ..., (None, member))
            case ast.Call(func=called):
                function = self._of(called, scope)
                hint = _hints(function.value).get("return") if function and function.value is not ... else None
                return _hinted(next(iter(typing.get_args(hint)), None))
        thing = self._of(node, scope)
        return thing and (Thing(_tensor()) if _is_tensor(thing.kind) else _uniform(thing.value))

    def _returned(self, call: ast.Call, scope: Scope) -> Thing | None:
        """What a call returns, where torch or the cells say so."""
        function = self._of(call.func, scope)
        if function is None or _is(function.value, type):
            return function and Thing(function.value)
        if (line := self._called(function)[0]) in self.functions:
            self._pass(call, scope)
            return self._result(self.functions[line], function)
        value = function.value
        if not _is(value, FunctionType, BuiltinFunctionType, MethodDescriptorType):
            modules = _modules(value)
            if function.kind is library("torch").nn.Sequential and modules:
                function = Thing(type(last := list(modules.values())[-1]), last)
            value = _member(function.kind, "forward")
        return _says(value)

    def _result(self, function: ast.FunctionDef, of: Thing) -> Thing | None:
        """What a function of the cells returns, if all it returns is of one type."""
        line = _first_line(function)
        if line in self.results:
            return self.results[line]
        self.results[line] = None  # for one that calls itself
        inner = self._inside(function, {} if _is(of.value, FunctionType) else {"self": of})
        values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        things = [self._of(value, inner) for value in values]
        self.results[line] = _one([thing.kind if thing else None for thing in things])
        return self.results[line]

    # --- whose it is --------------------------------------------------------------------------------------------------

    def _name(self, node: ast.Attribute | ast.Name, scope: Scope) -> str:
        """torch's name of what is used; empty where it is not torch's, or nobody knows."""
        if isinstance(node, ast.Name):
            value = self.namespace.get(node.id) if node.id in self.imported and node.id not in scope else None
            return _public(value) if _is(value, type, FunctionType, BuiltinFunctionType) else ""
        thing = self._of(node.value, scope)
        if thing is None or node.attr.startswith("_"):
            return ""
        if _is(thing.value, ModuleType):
            name = f"{held(thing.value).get('__name__')}.{node.attr}"
            is_there = not _is(held(thing.value).get(node.attr, thing.value), ModuleType)
            return name if name.startswith("torch.") and "._" not in name and is_there else ""
        classes = mro(thing.value if _is(thing.value, type) else thing.kind)
        owners = [place for place, cls in enumerate(classes) if _has(cls, node.attr)]
        if not owners or not _is_torch(own_module(classes[owners[0]])):
            return ""
        last = max(place for place in owners if _is_torch(own_module(classes[place])))
        path = next((path for cls in classes[last::-1] if (path := _public(cls))), "")
        return f"{path}.{node.attr}" if path else ""


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DISPLAYS = {
    list: (ast.List, ast.ListComp),
    dict: (ast.Dict, ast.DictComp),
    set: (ast.Set, ast.SetComp),
    str: (ast.JoinedStr,),
}

TENSORS = frozenset({"T", "mT", "H", "mH", "grad", "data", "real", "imag"})
"""The attributes of a tensor that are tensors: torch says so nowhere where it runs."""


def _bound(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and not isinstance(name.ctx, ast.Load)}


def _first_line(function: ast.AST) -> int:
    """As its code has it: with the decorators."""
    return min([function.lineno, *(node.lineno for node in getattr(function, "decorator_list", ()))])


def _arguments(function: ast.AST) -> list[ast.arg]:
    args = function.args
    return [*args.posonlyargs, *args.args, *filter(None, [args.vararg]), *args.kwonlyargs, *filter(None, [args.kwarg])]


def _uniform(value: Any) -> Thing | None:
    """What all members of a container are."""
    is_row = type(value) is list or type(value) is tuple
    kinds = [type(member) for member in islice(value.values() if type(value) is dict else value if is_row else (), 50)]
    return _one(kinds)


def _one(kinds: list[type | None]) -> Thing | None:
    """Something of the type that all of these are."""
    return Thing(kinds[0]) if kinds and kinds[0] is not None and all(kind is kinds[0] for kind in kinds) else None


def _member(kind: type, name: str) -> Any:
    return next((members(cls)[name] for cls in mro(kind) if name in members(cls)), None)


def _modules(value: Any) -> dict[str, Any]:
    """What a module of torch is made of."""
    modules = held(value).get("_modules")
    return modules if type(modules) is dict else {}


def _is(value: Any, *kinds: type) -> bool:
    """Whether an object is of one of these types; `isinstance` would ask the object for its class, too."""
    return issubclass(type(value), kinds)


def _hints(value: Any) -> dict[str, Any]:
    """The annotations of a class or a function."""
    found = members(value).get("__annotations__") if _is(value, type) else None
    found = value.__annotations__ if _is(value, FunctionType) else found
    return found if type(found) is dict else {}  # the class of modules has a descriptor there


def _hinted(hint: Any) -> Thing | None:
    """What an annotation of torch says, where it says a tensor, a module or a tuple."""
    if not _is(hint, type, str) and own_module(type(hint)) not in ("types", "typing"):
        return None
    if typing.get_origin(hint) is tuple:
        return Thing(tuple, ..., tuple(map(_hinted, typing.get_args(hint))))
    nn = library("torch").nn
    said = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    known = (_tensor(), nn.Module, nn.Parameter)
    return next((Thing(kind) for kind in known if said is kind or (type(said) is str and said == kind.__name__)), None)


def _says(function: Any) -> Thing | None:
    """What a function of torch says that it returns."""
    if hint := _hints(function).get("return"):
        return _hinted(hint)
    if not _is(function, FunctionType, BuiltinFunctionType, MethodDescriptorType):
        return None
    head = function.__doc__.strip().partition("\n")[0] if type(function.__doc__) is str else ""
    if _is(function, MethodDescriptorType) and not head:  # of relu only the function is described
        return _says(vars(library("torch").nn.functional).get(function.__name__))
    return Thing(_tensor()) if re.search(r"-> (Long|Bool)?Tensor$|^Returns a new Tensor", head) else None


def _has(cls: type, name: str) -> bool:
    """Whether a class defines or declares a member of that name, or, being torch's, sets it in its `__init__`."""
    if name in members(cls) or name in _hints(cls):
        return True
    code = getattr(members(cls).get("__init__"), "__code__", None) if is_library(cls) else None
    steps = dis.get_instructions(code) if code and name in code.co_names else ()
    return any(step.opname == "STORE_ATTR" and step.argval == name for step in steps)


def _tensor() -> type:
    return library("torch").Tensor


def _is_tensor(kind: type) -> bool:
    return library("torch") is not None and issubclass(kind, _tensor())


def _is_torch(module: Any) -> bool:
    return type(module) is str and module.partition(".")[0] == "torch"


def _public(made: Any) -> str:
    """The shortest path by which torch offers a class or a function; empty where it offers none."""
    if made is library("torch")._C.TensorBase:
        return "torch.Tensor"
    path, name = (own_module(made), own_name(made)) if _is(made, type) else (made.__module__, made.__name__)
    parts = path.split(".") if type(path) is str else ["torch"]
    for count in range(1, len(parts) + 1):
        path = ".".join(parts[:count])
        if _is_torch(path) and held(sys.modules.get(path)).get(name) is made:
            name = f"{path}.{name}"
            return "" if "._" in name or "return_types" in name or name.endswith("Sequence_") else name
    return ""
