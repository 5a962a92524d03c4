"""What an object is, as Python itself has it: no class of the cells is asked, and no metaclass.

`type(x).__name__`, `vars(x)` and `isinstance` run what a class or its metaclass puts in their place; these run nothing.
"""

import sys
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

__all__ = ["copied", "exact", "full_name", "held", "is_library", "library", "members", "mro", "own_module", "own_name"]

members, mro, own_module = (vars(type)[word].__get__ for word in ("__dict__", "__mro__", "__module__"))
"""Of a class: what stands in its body, itself and those above it, and what it says is its module."""

FOUND: dict[str, ModuleType] = {}


def library(path: str) -> Any:
    """A module as it was when it was first asked for, whatever cells put in its place; None where there was none."""
    if path not in FOUND and type(found := sys.modules.get(path)) is ModuleType:
        FOUND[path] = copied(found)
    return FOUND.get(path)


def copied(module: ModuleType) -> ModuleType:
    """A module with the same members: what is put into one of the two, the other does not have."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    return copy


def is_library(cls: type) -> bool:
    """Whether a class is torch's or NumPy's own, and does not only say so."""
    path = own_module(cls)
    is_said = type(path) is str and path.partition(".")[0] in ("torch", "numpy")
    return is_said and held(sys.modules.get(path)).get(own_name(cls)) is cls


def own_name(cls: type) -> str:
    return exact(type.__dict__["__name__"].__get__(cls))


def full_name(cls: type) -> str:
    """A class's name with its module's, unless that is Python's or the cells' own."""
    path, inside = own_module(cls), exact(type.__dict__["__qualname__"].__get__(cls))
    return f"{path}.{inside}" if type(path) is str and path not in ("builtins", "__main__") else inside


def held(value: Any) -> dict[str, Any]:
    """What an object holds by name."""
    for cls in mro(type(value)):
        if type(own := members(cls).get("__dict__")) in (GetSetDescriptorType, MemberDescriptorType):
            return found if type(found := own.__get__(value)) is dict else {}
    return {}


exact = str.__str__
"""Text that is nothing else beside: what its class does is left behind."""
