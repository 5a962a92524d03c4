"""Facts: the state of every tensor and array that a statement created, rebound or changed.

Only what is discrete is a fact (shape, dtype, strides, sharing, who has a gradient): values belong to the output.
This module runs inside the session and looks, without touching: it starts no operation and keeps nothing alive.
"""

import sys
import weakref
from collections.abc import Iterator
from typing import Any

__all__ = ["Tracker"]


class Tracker:
    """Remembers the state of the named tensors of a namespace, and tells what a statement changed."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.known: dict[str, tuple] = {}

    def changes(self, statement: int, line: int, lines: dict[str, int] | None = None) -> list[dict[str, Any]]:
        """Facts about the names that changed since the last call: by the cell's statement of that number.

        Each is placed at the line of the cell that `lines` gives its name, else at `line`.
        """
        lines = lines or {}
        named = dict(self._named())
        now = {name: _state(value) for name, value in named.items()}
        facts = []
        for name, value in named.items():
            was = self.known.get(name)
            if was is None or was[0]() is not value or was[1:] != now[name][1:]:
                state = [*_describe(value), *_sharing(name, value, named)]
                facts.append({"name": name, "type": _type(value), "state": state})
        facts += [{"name": name, "type": "gone", "state": []} for name in self.known if name not in now]
        self.known = now
        return [{"statement": statement, "line": lines.get(fact["name"], line), **fact} for fact in facts]

    def _named(self) -> Iterator[tuple[str, Any]]:
        for name, value in list(self.namespace.items()):
            if not name.startswith("_") and (_is_tensor(value) or _is_array(value)):
                yield _on_one_line(name), value


def _on_one_line(name: str) -> str:
    """The name with single blanks: `globals()` and `type` take any text, and transcripts are lines of fields."""
    return " ".join(name.split())


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray) and value.dtype != object


def _state(value: Any) -> tuple:
    """A weak reference to the object, then all that makes it look changed."""
    if _is_array(value):
        return weakref.ref(value), _type(value), value.strides, _memory(value)
    grad = _grad(value)
    seen_grad = None if grad is None else (id(grad), _version(grad))
    return weakref.ref(value), _type(value), tuple(_describe(value)), _memory(value), _version(value), seen_grad


def _version(tensor: Any) -> int | None:
    try:
        return tensor._version
    except RuntimeError:  # inference tensors do not count
        return None


def _grad(tensor: Any) -> Any:
    """The tensor's `.grad`, without the warning that reading it on a non-leaf gives."""
    return tensor.grad if tensor.is_leaf or tensor.retains_grad else None


def _type(value: Any) -> str:
    """Dtype and shape, as `int64[2, 3]`; `float32[]` is 0-d; other classes than Tensor say so."""
    text = f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    name = _on_one_line(type(value).__name__)
    return text if name == "Tensor" else f"{name} {text}"


def _describe(value: Any) -> list[str]:
    """The state in PyTorch's own terms, without who shares its memory."""
    if _is_array(value):
        order = "contiguous" if value.flags.c_contiguous else "not contiguous"
        return [f"strides {value.strides} bytes", order]
    try:
        return _describe_tensor(value)
    except (RuntimeError, NotImplementedError):  # a tensor inside a transform has no state of its own
        return ["opaque"]


def _describe_tensor(value: Any) -> list[str]:
    state = [] if value.device.type == "cpu" else [str(value.device)]
    state += _layout(value)
    if value.requires_grad:
        state.append("requires_grad")
        state.append("leaf" if value.is_leaf else f"grad_fn {value.grad_fn.name()}")
        if value.retains_grad:
            state.append("retains_grad")
    grad = _grad(value)
    if grad is not None:
        state.append(f"grad {_type(grad)}")
    return state


def _layout(tensor: Any) -> list[str]:
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided or tensor.is_nested:
        return [str(tensor.layout).removeprefix("torch.")]
    state = [f"strides {tensor.stride()}"]
    if tensor.storage_offset():
        state.append(f"offset {tensor.storage_offset()}")
    held = tensor.untyped_storage().nbytes() // tensor.element_size()
    if held != tensor.numel():
        state.append(f"storage of {held}")
    if tensor.is_contiguous():
        return [*state, "contiguous"]
    if tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return [*state, "channels_last"]
    return [*state, "not contiguous"]


def _sharing(name: str, value: Any, named: dict[str, Any]) -> list[str]:
    """Which other names are this very object, and which read the same memory."""
    others = [other for other in named if other != name]
    same = [other for other in others if named[other] is value]
    mine = _memory(value)
    shared = [other for other in others if other not in same and _overlap(mine, _memory(named[other]))]
    return [f"is {', '.join(same)}"] * bool(same) + [f"shares {', '.join(shared)}"] * bool(shared)


def _memory(value: Any) -> tuple[str, int, int]:
    """Device and byte range of the memory behind a tensor (its storage) or an array (its outermost base)."""
    if _is_array(value):
        while _is_array(value.base):
            value = value.base
        low, high = sys.modules["numpy"].lib.array_utils.byte_bounds(value)
        return "cpu", low, high if value.size else low
    if hasattr(value, "fake_mode"):  # a FakeTensor warns when asked for its memory, of which it has none
        return str(value.device), 0, 0
    try:
        storage = value.untyped_storage()
        start = storage.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse, meta, functorch: no memory of its own to look at
        return str(value.device), 0, 0
    return str(value.device), start, start + storage.nbytes() if start else start


def _overlap(a: tuple[str, int, int], b: tuple[str, int, int]) -> bool:
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]
