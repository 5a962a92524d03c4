"""The zygote: one clean process that imports what sessions need, and forks one session for each job.

It runs no torch operation, opens no CUDA context and has one thread, because a fork inherits all three:
after one parallel operation in the parent, a child that runs one hangs for ever (measured on torch 2.13).
For the same reason nothing is ever forked from MkDocs, pytest or a process that ran torch. `host.py` starts it.
"""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import selectors
import shutil
import signal
import socket
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ..model import wire
from ..model.raw import copied, library
from ..model.runs import Ended, Started
from . import landlock, rounding, workers
from .environment import TOKEN
from .processes import adopt_orphans, kill, lead, sweep

__all__ = ["serve"]

PRELOAD = ("torch", "numpy", "torch._dynamo", "matplotlib.pyplot")
"""Imported once. The first optimizer pulls in torch._dynamo: 1.2 s that every session would pay."""


def serve(control: socket.socket) -> None:
    """Import, then fork a session for every socket that comes, until the host goes away."""
    _preload()
    adopt_orphans()
    if (threads := workers.threads()) > 1:
        sys.exit(f"the zygote has {threads} threads after its imports, and a fork of it could hang")
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    sessions: dict[int, socket.socket] = {}
    """By its process, where the host hears of each session's end: no session can write there."""
    while True:
        for key, _ in selector.select():
            if key.fd == woken:
                os.read(woken, 512)
                _reap(sessions)
                continue
            token, descriptors, *_ = socket.recv_fds(control, TOKEN, 2)
            if not token:
                _end(sessions)
            connection, status = (socket.socket(fileno=number) for number in descriptors)
            try:
                pid = os.fork()
            except OSError:  # too many processes, or too little memory: the host hears that nothing started
                _close(connection, status)
                continue
            if pid == 0:
                signal.set_wakeup_fd(-1)
                _close(selector, control, status, *sessions.values())
                os.close(woken)
                os.close(wake)
                _become_session(connection, token)
            connection.close()
            sessions[pid] = status
            _tell(status, Started(pid))


def _become_session(connection: socket.socket, token: bytes) -> None:
    from . import session

    lead()
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # which Python itself ignores
        if signal.getsignal(number) == signal.SIG_IGN:  # as the caller did, a shell in the background say
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    session.run_job(connection, token)


def _end(sessions: Iterable[int]) -> NoReturn:
    """The host is gone, perhaps killed: take everything along."""
    for pid in sessions:
        kill(pid)
    sweep(set())
    shutil.rmtree(Path.cwd(), ignore_errors=True)
    os._exit(0)


def _tell(status: socket.socket, message: Started | Ended) -> None:
    with contextlib.suppress(OSError):  # the host is gone, or waits no more
        status.sendall(wire.dump(message).encode() + b"\n")


def _close(*opened: socket.socket | selectors.BaseSelector) -> None:
    for each in opened:
        each.close()


def _reap(sessions: dict[int, socket.socket]) -> None:
    """Collect ended children; tell each ended session's host its exit status."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        connection = sessions.pop(pid, None)
        if connection is None:
            continue  # an orphan of a session that has ended
        kill(pid)
        sweep(set(sessions))
        _tell(connection, Ended(os.waitstatus_to_exitcode(status)))
        connection.close()


@cache
def _preload() -> None:
    """Import, and make what every session needs; once, where a test's nursery has done so before it forked this."""
    gc.disable()  # imports leave nothing to collect; what they made, no session looks through
    for name in PRELOAD:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    session = importlib.import_module("torchproof.run.session")
    if rounding.VARIABLE in os.environ and "torch" in sys.modules:
        rounding.round_otherwise()
    _take_along()
    landlock.is_there()
    if "matplotlib" in sys.modules:
        from . import figures

        sys.modules["matplotlib"].rcParams.update(figures.STYLE)
        figures.usual()
    session.note_modules()
    gc.freeze()
    gc.enable()
    _gather_pages()


def _take_along() -> None:
    """Give the engine modules of its own: what a cell puts into `ast` or `matplotlib.colors` is not what it uses."""
    for path in (*PRELOAD, "matplotlib", "matplotlib.colors"):
        library(path)
    for path, module in list(sys.modules.items()):
        for name, used in list(vars(module).items()) if path.startswith("torchproof.") else ():
            if type(used) is ModuleType and name not in WRITTEN:
                setattr(module, name, copied(used))


WRITTEN = "sys", "warnings", "tempfile", "multiprocessing"
"""What a session writes to, for libraries to see."""


def _gather_pages() -> None:
    """Move what the imports left in memory into huge pages, so that a fork copies one entry in place of 512.

    Measured: a fork and its end took 26 ms, and 8 ms after this. Before Linux 6.1, and elsewhere, nothing happens.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, *_, inode = line.split()[:5]
        if access.startswith("rw") and inode == "0":
            start, end = (int(address, 16) for address in addresses.split("-"))
            first = -(-start // HUGE) * HUGE
            madvise(first, max(0, end // HUGE * HUGE - first), MADV_COLLAPSE)


HUGE = 2 << 20
"""Bytes of a huge page."""

MADV_COLLAPSE = 25


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[-1])))
