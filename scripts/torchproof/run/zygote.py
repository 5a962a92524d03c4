"""The zygote: one clean process that imports what sessions need, and forks one session for each job.

It runs no torch operation, opens no CUDA context and has one thread, because a fork inherits all three:
after one parallel operation in the parent, a child that runs one hangs for ever (measured on torch 2.13).
For the same reason nothing is ever forked from MkDocs, pytest or a process that ran torch. `host.py` starts it.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from ..model import wire
from ..model.runs import Ended, Started

__all__ = ["serve"]

PRELOAD = ("torch", "numpy", "torch._dynamo", "matplotlib.pyplot")
"""Imported once. The first optimizer pulls in torch._dynamo: 1.2 s that every session would pay."""


def serve(control: socket.socket) -> None:
    """Import, then fork a session for every socket that comes, until the host goes away."""
    _preload()
    _gather_pages()
    _adopt_orphans()
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    if threads > 1:
        sys.exit(f"the zygote has {threads} threads after its imports, and a fork of it could hang")
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    sessions: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fd == woken:
                os.read(woken, 512)
                _reap(sessions)
                continue
            message, descriptors, *_ = socket.recv_fds(control, 1, 1)
            if not message:
                for pid in sessions:
                    _kill(pid)
                _sweep(set())
                shutil.rmtree(Path.cwd(), ignore_errors=True)  # the host may have been killed
                os._exit(0)
            connection = socket.socket(fileno=descriptors[0])
            pid = os.fork()
            if pid == 0:
                selector.close()
                _become_session(connection)
            sessions[pid] = connection


def _become_session(connection: socket.socket) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _adopt_orphans()
    _die_with_parent()
    _start(connection)


def _start(connection: socket.socket) -> None:
    from . import session

    stream = connection.makefile("rwb")
    stream.write(wire.dump(Started(os.getpid())).encode() + b"\n")
    stream.flush()
    session.run_job(stream, stream)


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
        _kill(pid)
        _sweep(set(sessions))
        with contextlib.suppress(OSError):
            connection.sendall(wire.dump(Ended(os.waitstatus_to_exitcode(status))).encode() + b"\n")
        connection.close()


def _sweep(sessions: set[int]) -> None:
    """Kill every child that is no session: what an ended session left behind, daemons too."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        left = [pid for pid in _children() if pid not in sessions]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _preload() -> None:
    for name in PRELOAD:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    importlib.import_module("torchproof.run.session")
    if "matplotlib" in sys.modules:
        from . import figures

        sys.modules["matplotlib"].rcParams.update(figures.STYLE)


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


def _kill(pid: int) -> None:
    """Kill a session with everything in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Become the parent of whatever a descendant leaves behind (Linux: PR_SET_CHILD_SUBREAPER)."""
    _prctl(36, 1)


def _die_with_parent() -> None:
    """Be killed when the zygote is (Linux: PR_SET_PDEATHSIG)."""
    _prctl(1, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    kind, number = sys.argv[1], int(sys.argv[2])
    channel = socket.socket(fileno=number)
    if kind == "serve":
        serve(channel)
    else:
        os.setsid()
        _preload()
        _start(channel)
