"""Values: what stands in a tensor or an array, in a few words: a small one whole, of a large one corners and range.

NumPy reads them where they lie in memory: no operation of torch starts, no code of a subclass runs, nothing is kept.
What cannot be read so (sparse, quantised, meta, on a GPU, a subclass) has no text.
They are for readers only: numbers have four digits, and no transcript holds them, so that nothing is compared.
"""

import ctypes
import math
from functools import cache
from typing import Any

from ..model.raw import held, is_library, library, members, mro
from ..model.runs import Fact

__all__ = ["asked", "look", "seen", "text_of"]

WHOLE = 24
"""The most numbers that are shown of a tensor without leaving one out."""

WIDE, MANY = 46, 40
"""Characters of a line, and numbers, that a card has room for."""

READ = 1 << 16
"""Bytes that are compared after each statement, and read for a range; of a larger tensor only the corners are."""

PLAIN = "?bBhHiIlLqQefdFD"
"""NumPy's own characters of bools, integers, floats and complex numbers; longer floats are another on each machine."""

DTYPES = {"bfloat16": "uint16"}
"""What NumPy calls otherwise than torch."""


class _Asked:
    """A tensor or an array with the attributes that torch and NumPy gave it, not with those of the cells' classes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getattr__(self, name: str) -> Any:
        for cls in mro(type(self.value)):
            if is_library(cls) and name in members(cls):
                return members(cls)[name].__get__(self.value, cls)
        raise AttributeError(name)


def asked(value: Any) -> Any:
    """What to ask about a tensor or an array: itself, unless a cell could have put something in the way."""
    is_ours = id(type(value)) in _plain() or is_library(type(value))
    return value if is_ours and not held(value) else _Asked(value)


@cache
def _plain() -> frozenset[int]:
    """The ids of the classes that nearly all have: no need to look for those by name, each time."""
    torch, numpy = library("torch"), library("numpy")
    return frozenset(map(id, [*((torch.Tensor, torch.nn.Parameter) if torch else ()), numpy and numpy.ndarray]))


def look(value: Any, fact: Fact) -> Any:
    """The numbers of a tensor or array as an array over the same memory; None where they cannot be read."""
    numpy = library("numpy")
    if numpy is None or fact.layout != "strided" or fact.strides is None or fact.device != "cpu":
        return None
    if type(value) is numpy.ndarray:
        return value if value.dtype.char in PLAIN else None
    torch = library("torch")
    if torch is None or not any(type(value) is kind for kind in (torch.Tensor, torch.nn.Parameter)):
        return None
    value = asked(value)
    if value.is_quantized:
        return None
    try:
        found = _over(numpy, numpy.dtype(DTYPES.get(fact.dtype, fact.dtype)), value, fact)
    except (TypeError, RuntimeError, NotImplementedError):  # a dtype that NumPy lacks; memory that nobody may see
        return None
    if found is not None and value.is_conj():
        found = found.conj()
    return -found if found is not None and value.is_neg() else found


def _over(numpy: Any, dtype: Any, tensor: Any, fact: Fact) -> Any:
    """An array over a tensor's memory; None where it has none, or less than its sizes say."""
    if 0 in fact.shape:
        return numpy.empty(fact.shape, dtype)
    storage = tensor.untyped_storage()
    steps = sum((size - 1) * stride for size, stride in zip(fact.shape, fact.strides, strict=True))
    start, held = storage.data_ptr(), storage.nbytes()
    if not start or (fact.offset + steps + 1) * dtype.itemsize > held:
        return None
    memory = (ctypes.c_char * held).from_address(start)
    strides = [stride * dtype.itemsize for stride in fact.strides]
    return numpy.ndarray(fact.shape, dtype, memory, fact.offset * dtype.itemsize, strides)


def seen(array: Any) -> bytes:
    """What is compared to see whether the numbers have changed: all of them, or the corners."""
    return (array if array.nbytes <= READ else _corners(array, 3)).tobytes()


def text_of(array: Any, dtype: str) -> str:
    """The numbers in brackets, as torch prints them, and below them what that leaves out."""
    if not array.size:
        return "no numbers"
    with library("numpy").errstate(all="ignore"):
        return _text_of(array, dtype)


def _text_of(array: Any, dtype: str) -> str:
    everything, at = array, []
    whole = array.size <= WHOLE
    if array.ndim > 2 and not whole:
        at = [f"the first of {array.size // math.prod(array.shape[-2:])} matrices:"]
        array = array[(0,) * (array.ndim - 2)]
    for edge in (*[max(array.shape, default=1)] * whole, 3, 2, 1):
        numbers = _decoded(_corners(array, edge), dtype)
        texts = [_text(number) for number in numbers.ravel().tolist()]
        width = max(map(len, texts)) if array.ndim > 1 else 0
        lines = _brackets(iter(texts), array.shape, edge, width).split("\n")
        if (len(texts) <= MANY and max(map(len, lines)) <= WIDE) or edge == 1 or (whole and array.ndim == 1):
            break
    notes = []
    if any(_is_rounded(text, number) for text, number in zip(texts, numbers.ravel(), strict=True)):
        notes.append("to 4 digits")
    if len(texts) < everything.size and everything.nbytes <= READ and numbers.dtype.kind in "iuf":
        notes.append(_range(_decoded(everything, dtype)))
    return "\n".join([*at, *lines, *(["; ".join(notes)] if notes else [])])


def _corners(array: Any, edge: int) -> Any:
    """The first and last places of each axis, `edge` of both, as a copy."""
    return array[_index(array.shape, edge)] if array.ndim else array.copy()


@cache
def _index(shape: tuple[int, ...], edge: int) -> tuple[Any, ...]:
    return library("numpy").ix_(*(_places(size, edge) for size in shape))


def _places(size: int, edge: int) -> list[int]:
    return [*range(size)] if size <= 2 * edge else [*range(edge), *range(size - edge, size)]


def _decoded(array: Any, dtype: str) -> Any:
    """bfloat16 is the upper half of a float32; the rest is what it is."""
    if dtype != "bfloat16":
        return array
    numpy = library("numpy")
    return (array.astype(numpy.uint32) << numpy.uint32(16)).view(numpy.float32)


def _text(number: bool | int | float | complex) -> str:
    """A number: bools and integers whole, others with four digits, unless they are integers that are not long."""
    if isinstance(number, complex):
        imaginary = _text(number.imag)
        return f"{_text(number.real)}{'' if imaginary[0] == '-' else '+'}{imaginary}j"
    if isinstance(number, (bool, int)):
        return str(number)
    text = f"{number:.0f}" if abs(number) < 1e6 and number == int(number) else f"{number:.4g}"
    return text if not math.isfinite(number) or set(text) & set(".e") else f"{text}.0"


def _is_rounded(text: str, number: Any) -> bool:
    if number.dtype.kind not in "fc" or number != number:
        return False
    return number.dtype.type(complex(text) if number.dtype.kind == "c" else float(text)) != number


def _brackets(texts: Any, shape: tuple[int, ...], edge: int, width: int, depth: int = 0) -> str:
    """The numbers as nested lists, a row on a line, `…` for what is left out."""
    if not shape:
        return next(texts)
    parts = []
    for place, index in enumerate(_places(shape[0], edge)):
        parts += ["…"] if place != index and place == edge else []
        parts.append(_brackets(texts, shape[1:], edge, width, depth + 1) if shape[1:] else next(texts).rjust(width))
    gap = ", " if len(shape) == 1 else "," + "\n" * (len(shape) - 1) + " " * (depth + 1)
    return f"[{gap.join(parts)}]"


def _range(array: Any) -> str:
    """The smallest and the largest number, NaN aside."""
    is_number = array == array
    some = array[is_number]
    said = ["NaN among them"] if not is_number.all() else []
    if some.size:
        said.insert(0, f"smallest {_text(some.min().item())}, largest {_text(some.max().item())}")
    return ", ".join(said)
