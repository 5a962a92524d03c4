"""What the system says of processes, where it has /proc; and their end."""

import contextlib
import os
import signal
from pathlib import Path

__all__ = ["children", "kill", "stat_of"]


def stat_of(pid: int) -> list[str]:
    """The fields of a process's `stat` from its state on (proc(5), which counts that as 3); none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def children() -> list[int]:
    """The children of this process, whichever thread started them, those too that have ended and nobody waited for."""
    found = []
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended
            found += [int(pid) for pid in file.read_text().split()]
    return found


def kill(pid: int) -> None:
    """Kill a session with everything in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
