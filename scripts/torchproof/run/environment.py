"""Where sessions run: the variables that are pinned in them, what is installed, how many run at once."""

import importlib.metadata
import inspect
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ..files import digest
from . import rounding

__all__ = [
    "BROKEN",
    "ENVIRONMENT",
    "INHERITED",
    "OTHER",
    "TOKEN",
    "build_of",
    "cores",
    "distributions",
    "installed",
    "is_canonical",
    "version_of",
]

ENVIRONMENT = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "KINETO_LOG_LEVEL": "99",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "agg",
    "BROWSER": "none",
    "COLUMNS": "80",
    "LINES": "24",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC+12",
}
"""What is pinned in every session; with it, runs agree on Linux x86-64 with AVX2, but for what `rounding.py` is about.

MKL takes other paths on Intel's processors than on AMD's, whatever instruction set it is told to use;
`COMPATIBLE` is the one that both have (measured: two cells of linear algebra differed under `AVX2,STRICT`).
"""

INHERITED = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SYSTEMROOT")
"""What sessions get from the caller; nothing else of the caller's environment reaches them."""

OTHER = {"PYTHONHASHSEED": "1", "MALLOC_PERTURB_": "165", "TZ": "UTC-14", rounding.VARIABLE: "other"}
"""What the second run of an accept changes, so that hash order, fresh memory, the date and last digits show."""

TOKEN = 32
"""Bytes that begin each line of a session, and that only the host and the session know."""

BROKEN = 86
"""Exit status of a session that cannot even say what is wrong."""


def cores() -> int:
    """How many sessions run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def is_canonical() -> bool:
    """Whether numbers come out to the last digit here: Linux on x86-64 with AVX2, instruction sets pinned."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return bool(re.search(r"\bavx2\b", Path("/proc/cpuinfo").read_text(encoding="utf-8")))


def installed() -> dict[str, str]:
    """Versions of what sessions use, without the build suffix: `{"torch": "2.13.0", …}`."""
    found = {name: version_of(name).partition("+")[0] for name in ("torch", "numpy", "matplotlib")}
    return {name: version for name, version in found.items() if version}


@cache
def version_of(distribution: str) -> str:
    """The version of an installed distribution; empty where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def build_of(distribution: str) -> str:
    """What tells what is installed from others of its version, where it was made of a folder; empty for releases."""
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
    return digest(found.read_text("RECORD") or "")[:12] if found.read_text("direct_url.json") else ""


def distributions(modules: Iterable[str]) -> dict[str, str]:
    """The installed distributions that top-level modules come from, with their versions."""
    known = _packages()
    names = {found.name for module in modules for found in known.get(module, ())}
    return {name: version_of(name) for name in sorted(names)}


@cache
def _packages() -> dict[str, list[importlib.metadata.Distribution]]:
    """What `importlib.metadata.packages_distributions` tells, without an object for each of 30,000 files."""
    known = defaultdict(list)
    for found in importlib.metadata.distributions():
        for name in (found.read_text("top_level.txt") or "").split() or _inferred(found):
            known[name].append(found)
    return dict(known)


def _inferred(found: importlib.metadata.Distribution) -> set[str]:
    """The top-level modules among the files of a distribution that declares none."""
    record = found.read_text("RECORD")
    files = map(str, found.files or ()) if record is None else (line.partition(",")[0] for line in record.splitlines())
    tops = {top if inside else inspect.getmodulename(top) for top, inside, _ in (file.partition("/") for file in files)}
    return {top for top in tops if top and "." not in top}
