"""Another processor's last digits, for second runs: what no setting pins.

For elementary functions torch calls MKL's vector functions on a CPU. They begin with approximations that each
processor makes in its own way (`rsqrtps`), whatever instruction set is asked for: on an AMD processor, `torch.sqrt` is
a unit in the last place off for one number in six, on an emulated Intel Skylake for others (measured: torch 2.13.0,
and MKL in it).
An optimizer that takes square roots carries that into every number it trains.
"""

import warnings
from collections.abc import Callable
from typing import Any

from ..model.raw import library

__all__ = ["VARIABLE", "round_otherwise"]

VARIABLE = "TORCHPROOF_ROUNDING"
"""Where it is set, a zygote's sessions have other last digits."""

FUNCTIONS = "acos asin atan cos cosh erf erfc exp expm1 log log10 log1p log2 rsqrt sigmoid sin sinh sqrt tan tanh"

KEPT: list[Any] = []
"""Kernels count as long as their library is kept."""


def round_otherwise() -> None:
    """Let the CPU compute elementary functions of 32-bit floats in 64 bits, then round.

    That is at least as near to the truth, and exact where the result can be: only last digits differ.
    """
    torch = library("torch")
    if not hasattr(torch.library, "get_kernel"):  # an older torch
        return
    KEPT.append(kernels := torch.library.Library("aten", "IMPL"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel is replaced
        for name in FUNCTIONS.split():
            plain = torch.library.get_kernel(f"aten::{name}", "CPU")
            for form, make in {name: _new, f"{name}.out": _out, f"{name}_": _in_place}.items():
                kernel = torch.library.get_kernel(f"aten::{form}", "CPU")
                kernels.impl(form, make(torch.float32, plain, kernel), "CPU", with_keyset=True)


def _new(narrow: Any, plain: Any, kernel: Any) -> Callable:
    def new(keys: Any, x: Any) -> Any:
        return plain.call_boxed(keys, x.double()).to(narrow) if x.dtype == narrow else kernel.call_boxed(keys, x)

    return new


def _out(narrow: Any, plain: Any, kernel: Any) -> Callable:
    def write(keys: Any, x: Any, *, out: Any) -> Any:
        wide = x.double() if x.dtype == out.dtype == narrow else None  # before `out` is written: it may be `x`
        kernel.call_boxed(keys, x, out=out)
        return out if wide is None else out.copy_(plain.call_boxed(keys, wide))

    return write


def _in_place(narrow: Any, plain: Any, kernel: Any) -> Callable:
    def change(keys: Any, x: Any) -> Any:
        return x.copy_(plain.call_boxed(keys, x.double())) if x.dtype == narrow else kernel.call_boxed(keys, x)

    return change
