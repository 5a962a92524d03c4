"""Facts: the state of every tensor and array that a statement created, rebound or changed.

Only what is discrete is a fact (shape, dtype, strides, sharing, who has a gradient); values are kept beside them.
This module runs inside the session and looks, without touching: it starts no operation and keeps nothing alive,
and no code of the cells runs, whatever their classes and modes put in the place of torch's own attributes.
"""

import contextlib
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from ..model.raw import is_library, library, members, mro, own_name
from ..model.runs import Fact, Values
from . import values
from .values import asked

__all__ = ["Tracker", "is_array", "is_tensor", "no_dispatch", "no_modes", "shape_of"]


class Tracker:
    """Remembers the state of the named tensors of a namespace, and tells what a statement changed."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.known: dict[str, tuple] = {}
        self.seen: dict[str, tuple[tuple | None, str]] = {}
        """By name, what was read and the text that it gave."""
        self.views: dict[str, tuple[tuple, Any]] = {}
        """By name, a state of a plain tensor and an array over its memory, which is there as long as the state is."""
        self.values: list[Values] = []
        """Since the cell began."""
        self.asked = _asked_of()

    def changes(self, statement: int) -> list[Fact]:
        """Facts about the names that changed since the last call: by the cell's statement of that number."""
        with no_modes():
            return self._changes(statement)

    def _changes(self, statement: int) -> list[Fact]:
        if _asked_of() != self.asked:
            raise RuntimeError("what a tensor says of itself was replaced, by which its state is found")
        named = dict(self._named())
        now = {name: self._state(name, value) for name, value in named.items()}
        facts = []
        for name, value in named.items():
            was = self.known.get(name)
            if was is not now[name] and (was is None or was[0]() is not value or was[1:-1] != now[name][1:-1]):
                facts.append(replace(now[name][1], statement=statement, **_sharing(name, named, now)))
        facts += [Fact(statement, name, gone=True) for name in self.known if name not in now]
        self.known = now
        self._read(statement, named)
        return facts

    def _state(self, name: str, value: Any) -> tuple:
        """A name's state: the one it had, where all that a state is made of is as it was."""
        was, glance = self.known.get(name), _glance(value)
        is_same = was is not None and glance is not None and was[-1] == glance and was[0]() is value
        return was if is_same else (*_state(name, value), glance)

    def take(self) -> tuple[Values, ...]:
        """The values that were other ones since the last call, whoever wrote them: not every write is a fact."""
        taken, self.values = self.values, []
        return tuple(taken)

    def _read(self, statement: int, named: dict[str, Any]) -> None:
        for name, value in named.items():
            fact = self.known[name][1]
            numbers = self._view(name, value)
            mark = None if numbers is None else (values.seen(numbers), fact.dtype, fact.shape)
            was = self.seen.get(name, (None, ""))
            if mark != was[0]:
                self.seen[name] = mark, "" if numbers is None else values.text_of(numbers, fact.dtype)
                if self.seen[name][1] != was[1]:
                    self.values.append(Values(statement, name, self.seen[name][1]))
        self.seen = {name: self.seen[name] for name in named if name in self.seen}

    def _view(self, name: str, value: Any) -> Any:
        """The numbers of a tensor or array: where its state is the one it had, as they were found then."""
        state, (was, numbers) = self.known[name], self.views.get(name, (None, None))
        if state is was:
            return numbers
        numbers = values.look(value, state[1])
        if state[-1] is not None and numbers is not None and not numbers.flags.owndata:
            self.views[name] = state, numbers
        return numbers

    def _named(self) -> Iterator[tuple[str, Any]]:
        for name, value in list(self.namespace.items()):
            if type(name) is str and not name.startswith("_") and (is_tensor(value) or is_array(value)):
                yield _on_one_line(name), value


def _on_one_line(name: str) -> str:
    """The name with single blanks: `globals()` and `type` take any text, and transcripts are lines of fields."""
    return " ".join(name.split())


def _asked_of() -> list[list[int]]:
    """Which members of torch's classes, and of those above them, answer what is asked of tensors."""
    torch = library("torch")
    classes = (torch.Tensor, torch.nn.Parameter, torch.UntypedStorage) if torch else ()
    above = dict.fromkeys(cls for each in classes for cls in mro(each))
    asked = ASKED.split()
    return [[id(cls), *map(id, map(members(cls).get, asked))] for cls in above]


ASKED = """
shape dtype device layout stride storage_offset untyped_storage data_ptr nbytes is_contiguous numel element_size ndim
all dim requires_grad is_leaf retains_grad grad grad_fn _version is_nested is_conj is_neg is_quantized __class__
"""


def is_tensor(value: Any) -> bool:
    torch = library("torch")
    return torch is not None and issubclass(type(value), torch.Tensor)


def is_array(value: Any) -> bool:
    numpy = library("numpy")
    return numpy is not None and issubclass(type(value), numpy.ndarray) and asked(value).dtype != object


@contextlib.contextmanager
def no_modes() -> Iterator[None]:
    """Keep `__torch_function__`, of classes and of modes, from being asked."""
    torch = library("torch")
    with torch._C.DisableTorchFunction() if torch else contextlib.nullcontext():
        yield


def no_dispatch(value: Any) -> Any:
    """While it lasts, a `__torch_dispatch__` of the cells is not asked: what needs it raises RuntimeError."""
    own = next((cls for cls in mro(type(value)) if "__torch_dispatch__" in members(cls)), None)
    return contextlib.nullcontext() if own is None or is_library(own) else _refusal()()


@cache
def _refusal() -> type:
    """A mode stands before every class."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Refusal(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise RuntimeError(f"{func} is the class's own")

    return Refusal


def _state(name: str, value: Any) -> tuple:
    """A weak reference to the object, its fact without who shares, its memory, and what else makes it look changed."""
    if is_array(value):
        return weakref.ref(value), _fact_of_array(name, value), _memory(value)
    with no_dispatch(value):
        grad = _grad(value)
        seen_grad = None if grad is None else (id(grad), _version(grad))
        return weakref.ref(value), _fact_of_tensor(name, value), _memory(value), _version(value), seen_grad


def _glance(value: Any) -> tuple | None:
    """All that the state of a plain tensor is made of, in a tenth of its time; None for what is not plain."""
    torch = library("torch")
    is_plain = torch is not None and (type(value) is torch.Tensor or type(value) is torch.nn.Parameter)
    if not is_plain or asked(value) is not value:
        return None
    with contextlib.suppress(RuntimeError):  # it has no strides, no memory or no version
        storage, grad = value.untyped_storage(), _grad(value)
        lies = value.dtype, value.shape, value.device, value.layout, value.stride(), value.storage_offset()
        made = value.requires_grad, value.is_leaf, value.retains_grad, value.grad_fn and value.grad_fn.name()
        signs = value.is_conj(), value.is_neg()
        seen_grad = None if grad is None else (id(grad), _version(grad), type(grad), grad.dtype, grad.shape)
        return type(value), *lies, storage.data_ptr(), storage.nbytes(), value._version, *made, *signs, seen_grad
    return None


def _version(tensor: Any) -> int | None:
    try:
        return asked(tensor)._version
    except RuntimeError:  # inference tensors do not count
        return None


def _grad(tensor: Any) -> Any:
    """The tensor's `.grad`, without the warning that reading it on a non-leaf gives."""
    tensor = asked(tensor)
    return tensor.grad if tensor.is_leaf or tensor.retains_grad else None


def _sizes(name: str, value: Any) -> Fact:
    """What every tensor and array has: class, dtype and shape."""
    dtype = "".join(str(asked(value).dtype).removeprefix("torch.").split())  # a structured one has blanks
    return Fact(0, name, _on_one_line(own_name(type(value))), dtype, shape_of(value))


def shape_of(value: Any) -> tuple[int | str, ...]:
    """The sizes; of a nested tensor, a symbol where its parts differ."""
    with contextlib.suppress(RuntimeError):
        return tuple(size if type(size) is int else str(size) for size in asked(value).shape)
    with contextlib.suppress(RuntimeError):  # the older layout of nested tensors tells none
        return ("?",) * asked(value).dim()
    return ("?",)  # a class of the cells is not asked


def _fact_of_array(name: str, array: Any) -> Fact:
    answers = asked(array)
    order = "contiguous" if answers.flags.c_contiguous else "not contiguous"
    return replace(_sizes(name, array), strides=answers.strides, in_bytes=True, order=order)


def _fact_of_tensor(name: str, value: Any) -> Fact:
    fact, tensor = _sizes(name, value), asked(value)
    try:
        fact = replace(fact, device=str(tensor.device), **_layout(tensor))
        if tensor.requires_grad:
            made_by = {"leaf": True} if tensor.is_leaf else {"grad_fn": tensor.grad_fn.name()}
            fact = replace(fact, requires_grad=True, retains_grad=tensor.retains_grad, **made_by)
        grad = _grad(value)
        return fact if grad is None else replace(fact, grad=_sizes("", grad).sizes)
    except (RuntimeError, NotImplementedError):  # a tensor inside a transform has no state of its own
        return replace(_sizes(name, value), layout="opaque")


def _layout(tensor: Any) -> dict[str, Any]:
    """The fields of a fact that say how its numbers lie in memory."""
    torch = library("torch")
    if tensor.layout is not torch.strided or tensor.is_nested:
        return {"layout": str(tensor.layout).removeprefix("torch.")}
    order = "not contiguous"
    if tensor.is_contiguous():
        order = "contiguous"
    elif tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        order = "channels_last"
    held = tensor.untyped_storage().nbytes() // tensor.element_size()
    return {
        "strides": tuple(tensor.stride()),
        "offset": tensor.storage_offset(),
        "storage": held if held != tensor.numel() else None,
        "order": order,
    }


def _sharing(name: str, named: dict[str, Any], states: dict[str, tuple]) -> dict[str, tuple[str, ...]]:
    """Which other names are this very object, and which read the same memory."""
    others = [other for other in named if other != name]
    same = tuple(other for other in others if named[other] is named[name])
    mine = states[name][2]
    shares = tuple(other for other in others if other not in same and _overlap(mine, states[other][2]))
    return {"same": same, "shares": shares}


def _memory(value: Any) -> tuple[str, int, int]:
    """Device and byte range of the memory behind a tensor (its storage) or an array (its outermost base)."""
    if is_array(value):
        numpy = library("numpy")
        while is_array(base := asked(value).base):
            value = base
        plain = value if type(value) is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)
        low, high = numpy.lib.array_utils.byte_bounds(plain)
        return "cpu", low, high if plain.size else low
    answers, device = asked(value), "unknown"
    try:
        with no_dispatch(value):
            device = str(answers.device)
            if own_name(type(value)) == "FakeTensor":  # which warns when asked for its memory, of which it has none
                return device, 0, 0
            storage = answers.untyped_storage()
            start = storage.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse, meta, functorch: no memory of its own to look at
        return device, 0, 0
    return device, start, start + storage.nbytes() if start else start


def _overlap(a: tuple[str, int, int], b: tuple[str, int, int]) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
