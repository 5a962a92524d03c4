"""Children: the processes that a cell starts, and those that it leaves behind.

What outlives its cell prints when it likes, so that a transcript would hold what the machine's speed decides.
Workers of a pool or a loader may live on: they answer when they are asked, and end with the session.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path
from time import monotonic, sleep

from .capture import out_of_reach
from .processes import children, stat_of

__all__ = ["Children"]

GRACE = 2.0
"""Seconds that a child has to come to its end, after its cell has."""

TIMERS = signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF

COPY = b"a copy"
"""What one says at the end of a cell."""


class Children:
    """The processes below a session, cell by cell; none where the system has no /proc."""

    def __init__(self) -> None:
        self.session = os.getpid()
        self.before: set[int] = set()
        """Those that were there when the cell began."""
        reader, writer = os.pipe()
        self.reader, self.writer = out_of_reach(reader), out_of_reach(writer)
        os.set_blocking(self.reader, False)

    def begin(self) -> None:
        """A cell begins."""
        self.before = set(_running())

    def settle(self) -> str:
        """A cell has ended: what is wrong with what it leaves behind; empty where nothing is.

        In a copy of the session, made by `os.fork` in the cell, it ends the process.
        """
        if os.getpid() != self.session:
            os.write(self.writer, COPY)
            os._exit(0)
        deadline = monotonic() + GRACE
        while (left := self._left()) and monotonic() < deadline:
            sleep(0.01)
        with contextlib.suppress(BlockingIOError):
            if os.read(self.reader, len(COPY)) == COPY:
                return "os.fork in it made a second session, which came to the end of the cell; end a child by os._exit"
        if any(signal.getitimer(timer)[0] for timer in TIMERS):
            return "it leaves a timer running (signal.alarm or setitimer); stop it in the same cell"
        if left:
            names = ", ".join(sorted({_name(pid) for pid in left}))
            return f"it leaves a process behind ({names}); wait for its end in the same cell"
        return ""

    def _left(self) -> set[int]:
        return set(_running()) - self.before - _workers()


def _running() -> list[int]:
    """The children of this process that have not ended."""
    return [pid for pid in children() if stat_of(pid)[:1] not in (["Z"], ["X"], [])]


def _name(pid: int) -> str:
    try:
        word, own = (Path(f"/proc/{who}/cmdline").read_text(errors="replace").split("\0")[0] for who in (pid, "self"))
    except OSError:
        return "?"
    return os.path.basename(word) if word != own else "a copy of the session"


def _workers() -> set[int]:
    """Processes that multiprocessing keeps for itself, and those that end with the session: daemons, in its words."""
    process = sys.modules.get("multiprocessing.process")
    found = {child.pid for child in list(process._children) if child.daemon} if process else set()
    tracker = sys.modules.get("multiprocessing.resource_tracker")
    server = sys.modules.get("multiprocessing.forkserver")
    found.add(tracker and tracker._resource_tracker._pid)
    found.add(server and server._forkserver._forkserver_pid)
    return found
