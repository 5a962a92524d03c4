"""Workers: the threads that a session has beside its own, which a fork of it lacks, and waits for.

`forked` works in such a fork, and brings back what that writes.

OpenMP keeps those of a parallel operation (`torch.set_num_threads(2)`), and lets them go when it is asked;
where others are left, a fork that does nothing at all is taken to hang.
"""

import contextlib
import ctypes
import os
import select
import signal
import stat
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .processes import children, stat_of, sweep

__all__ = ["descriptors", "fork", "forked", "let_go", "places", "put_back", "threads"]

PATIENCE = 4
"""Seconds that a fork may sleep without any work, where the session has threads that it lacks."""

HARD = 2
"""`omp_pause_hard`."""


def forked(work: Callable[[IO[str]], None]) -> tuple[str, int]:
    """What `work` writes in a copy of this process, and, where that hung, how many threads it lacked; else 0."""
    alive, before, read = let_go(), set(children()), places()
    reader, writer = os.pipe()
    pid = fork(alive)
    if pid == 0:
        with open(writer, "w", encoding="utf-8") as pipe:
            work(pipe)
        os._exit(0)
    os.close(writer)
    text, is_hung = _answer(pid, reader, alive)
    put_back(before, read)
    return text, alive - 1 if is_hung else 0


def put_back(spared: set[int], read: dict[int, int]) -> None:
    """Undo what a copy of this process left behind: what it started, and how far it read in files that are open."""
    sweep(spared)
    for number, place in read.items():
        os.lseek(number, place, os.SEEK_SET)


def places() -> dict[int, int]:
    """The descriptors of files, and how far each was read: a copy of the process moves them on.

    Not of those that hold what is printed, where the next print goes on behind the copy's.
    """
    found = descriptors()
    printed = {found[number].st_ino for number in (1, 2) if number in found}
    files = [number for number, s in found.items() if stat.S_ISREG(s.st_mode) and s.st_ino not in printed]
    return {number: os.lseek(number, 0, os.SEEK_CUR) for number in files}


def descriptors() -> dict[int, os.stat_result]:
    """The descriptors that are open, and what of; none where the system does not say."""
    found = {}
    for number in map(int, os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ()):
        with contextlib.suppress(OSError):  # that of the folder itself
            found[number] = os.fstat(number)
    return found


def fork(alive: int) -> int:
    """Fork, on Linux beside no other thread by C's function alone: no lock is held that Python would have to free.

    Nor are functions called that cells and libraries registered, which take a third of the time of a fork, and
    `random` goes on from where the session is.
    """
    if alive == 1 and sys.platform == "linux" and (pid := _fork_alone()) >= 0:
        return pid
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forking beside threads of the snippet
        return os.fork()


_fork_alone = ctypes.PyDLL(None).fork
"""It keeps the interpreter's lock, so that the copy has it too."""


def let_go() -> int:
    """Let OpenMP's threads go; returns how many threads this process has then."""
    if threads() > 1:
        for library in _libraries():
            with contextlib.suppress(OSError, AttributeError):  # older than OpenMP 5
                ctypes.CDLL(library).omp_pause_resource_all(HARD)
    return threads()


def _answer(pid: int, reader: int, alive: int) -> tuple[str, bool]:
    """What a fork writes, and whether it hung; waits for its end."""
    parts, idle, worked, is_hung = [], 0, "", False
    while True:
        if select.select([reader], [], [], 1 if alive > 1 else None)[0]:
            parts.append(os.read(reader, 1 << 16))
            if not parts[-1]:
                break
        else:
            state, used = _work(pid)
            idle = idle + 1 if state == "S" and used == worked else 0
            worked = used
            if idle >= PATIENCE:
                os.kill(pid, signal.SIGKILL)
                is_hung = True
                break
    os.close(reader)
    os.waitpid(pid, 0)
    return b"".join(parts).decode("utf-8"), is_hung


def threads() -> int:
    """How many threads this process has; 1 where the system does not say."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _libraries() -> set[str]:
    """The OpenMP libraries that are loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if "omp" in line.rpartition("/")[2] and ".so" in line}


def _work(pid: int) -> tuple[str, str]:
    """The state of a process, and the CPU time that it has used, with its children's."""
    fields = stat_of(pid) or [""]
    return fields[0], " ".join(fields[11:15])
