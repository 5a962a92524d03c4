"""Landlock: Linux's way for a process to give up rights, for itself and whatever it starts, root or not.

A session gives up writing outside of a few folders, and signals to processes that are not its own.
Reading stays as it is. `ABI` 3 (Linux 6.2) is the first that knows truncating, 6 (Linux 6.12) the first with signals.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from functools import cache
from glob import glob

__all__ = ["is_there", "restrict_writes"]

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/*random", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/shm")
"""What anybody may write to; patterns."""

GPUS = ("/dev/nvidia*", "/dev/nvidia-caps*", "/dev/dri", "/dev/kfd")

CREATE, ADD, RESTRICT = 444, 445, 446
"""Numbers of the system calls, the same on every processor."""

WRITE_FILE, TRUNCATE = 1 << 1, 1 << 14
WRITES = WRITE_FILE | TRUNCATE | sum(1 << bit for bit in range(4, 14))
"""Writing, truncating, and what changes a folder: removing, making of every kind, moving and linking (bits 4 to 13)."""

NO_SIGNALS = 1 << 1
NO_NEW_PRIVILEGES = 38


@cache
def abi() -> int:
    """The version of Landlock that this kernel has; 0 where it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, ctypes.CDLL(None).syscall(CREATE, None, 0, 1))


def is_there() -> bool:
    """Whether this kernel can keep a session from writing."""
    return abi() >= 3


def restrict_writes(folders: Iterable[str]) -> None:
    """From now on this process and its children write below `folders` and to devices only; for ever.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    rights = struct.pack("QQQ", WRITES, 0, NO_SIGNALS) if abi() >= 6 else struct.pack("Q", WRITES)
    rules = _checked(libc.syscall(CREATE, rights, len(rights), 0))
    try:
        for path in (*folders, *(path for pattern in DEVICES + GPUS for path in glob(pattern))):
            _allow(libc, rules, path)
        _checked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(libc.syscall(RESTRICT, rules, 0))
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str) -> None:
    """Let what lies below a folder, or one file, be written."""
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = WRITES if os.path.isdir(path) else WRITE_FILE | TRUNCATE
        _checked(libc.syscall(ADD, rules, 1, struct.pack("=Qi", rights, beneath), 0))
    finally:
        os.close(beneath)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
