"""What the system says of processes, where it has /proc; and their end."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

__all__ = ["adopt_orphans", "children", "kill", "lead", "stat_of", "sweep"]


def stat_of(pid: int) -> list[str]:
    """The fields of a process's `stat` from its state on (proc(5), which counts that as 3); none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def children() -> list[int]:
    """The children of this process, whichever thread started them, those too that have ended and nobody waited for."""
    found = []
    for thread in os.listdir(THREADS) if os.path.isdir(THREADS) else ():
        with contextlib.suppress(OSError), open(f"{THREADS}/{thread}/children") as file:  # a thread that has ended
            found += [int(pid) for pid in file.read().split()]
    return found


THREADS = "/proc/self/task"


def kill(pid: int) -> None:
    """Kill a session with everything in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def sweep(spared: set[int]) -> None:
    """Kill every child but those to spare: what an ended session left behind, daemons too."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        left = [pid for pid in children() if pid not in spared]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def lead() -> None:
    """Make this process, a fork, a session of its own, which ends with its parent."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    adopt_orphans()
    _prctl(DIE_WITH_PARENT, signal.SIGKILL)


def adopt_orphans() -> None:
    """Be the parent of what a descendant leaves behind, where the system can."""
    _prctl(ADOPT_ORPHANS, 1)


ADOPT_ORPHANS, DIE_WITH_PARENT = 36, 1
"""Linux's PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG."""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
