"""Capture what a session writes: Python's streams and, beneath them, the file descriptors.

What C and C++ write counts too, so descriptors 1 and 2 lead into files;
every write from Python first collects what has gathered there, which keeps the order.
"""

import codecs
import ctypes
import fcntl
import io
import os
import resource
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ..model.raw import exact
from ..model.runs import Output, Rich
from ..model.text import visible

__all__ = ["LIMIT", "Capture", "out_of_reach"]

LIMIT = 100_000
"""Characters that one cell may print."""


class Capture:
    """The output of the running cell, in order."""

    def __init__(self, give_up: Callable[[str], None]) -> None:
        """Take over stdin, stdout and stderr; `give_up(reason)` is called when a cell floods."""
        self.give_up = give_up
        self.pid = os.getpid()
        self.parts: list[list[Any]] = []
        """Mark and text of each piece, and the form of a value."""
        self.size = 0
        self.earlier: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        """Threads that were there when the cell began."""
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        self.files = {"|": _redirect(1), "!": _redirect(2)}
        self.decoders = {mark: codecs.getincrementaldecoder("utf-8")("replace") for mark in self.files}
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = Stream(self, "|", 1), Stream(self, "!", 2)

    def renew(self) -> None:
        """Capture what a copy of the session writes: it has the session's files, and would write where others read."""
        self.pid = os.getpid()
        for file in self.files.values():
            os.close(file)
        self.files = {"|": _redirect(1), "!": _redirect(2)}

    def begin(self) -> None:
        """A cell begins."""
        self.earlier = weakref.WeakSet({*threading.enumerate()} - {threading.main_thread()})

    def add(self, mark: str, text: str, rich: Rich | None = None) -> None:
        """Append to the output, joining what follows on from the same source."""
        if not text:
            return
        self.size += len(text) + (len(rich.data) if rich and "text" in rich.kind else 0)
        if self.size > LIMIT:
            self.give_up(f"it printed more than {LIMIT:,} characters")
        if self.parts and self.parts[-1][0] == mark and mark in "|!":
            self.parts[-1][1] += text
        else:
            self.parts.append([mark, text, rich])

    def drain(self) -> None:
        """Collect what was written past Python: by C, C++ or a child process."""
        if os.getpid() != self.pid:  # a copy by os.fork, which reads where the session does
            return
        _flush_c(None)
        for mark, file in self.files.items():
            while chunk := os.read(file, LIMIT):
                self.add(mark, self.decoders[mark].decode(chunk))

    def take(self) -> list[Output]:
        """The output since the last call, every character visible."""
        self.drain()
        for mark, decoder in self.decoders.items():  # the beginning of a character, without its end
            self.add(mark, decoder.decode(b"", final=True))
        parts, self.parts, self.size = self.parts, [], 0
        return [Output(mark, visible(text), rich) for mark, text, rich in parts]


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a session."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, capture: Capture, mark: str, descriptor: int) -> None:
        self.capture, self.mark, self.descriptor = capture, mark, descriptor
        self.buffer = io.FileIO(descriptor, "w", closefd=False)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def write(self, text: str) -> int:
        text = exact(text)  # or a TypeError, as of any stream
        if os.getpid() == self.capture.pid:
            if self.capture.earlier and threading.current_thread() in self.capture.earlier:
                self.capture.give_up("a thread that a cell above started prints in it; join the thread in its own cell")
            self.capture.drain()
            self.capture.add(self.mark, text)
        else:  # a forked child: its memory is not ours, its descriptors are
            os.write(self.descriptor, text.encode("utf-8", "replace"))
        return len(text)


def _redirect(descriptor: int) -> int:
    """Lead a descriptor into a nameless file; return another descriptor, which reads it from the start."""
    writer, path = tempfile.mkstemp()
    reader = os.open(path, os.O_RDONLY)
    os.unlink(path)
    os.dup2(writer, descriptor)
    os.close(writer)
    return out_of_reach(reader)


def out_of_reach(descriptor: int) -> int:
    """Move a descriptor up, where nobody who closes or reuses the low ones finds it."""
    highest = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, highest - 16)
    os.close(descriptor)
    return moved


_flush_c = ctypes.CDLL(None).fflush
