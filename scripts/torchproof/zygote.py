"""The zygote: one clean process that imports what sessions need, and forks one session for each job.

It runs no torch operation, opens no CUDA context and has one thread, because a fork inherits all three:
after one parallel operation in the parent, a child that runs one hangs for ever (measured on torch 2.13).
For the same reason nothing is ever forked from MkDocs, pytest or a process that ran torch.

The host talks to it over a socket: for each session it passes one end of a fresh socket pair,
the session speaks JSON lines on it (`session.py`), and when the process has ended the zygote adds its exit status.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["ENVIRONMENT", "Died", "Zygote"]

PRELOAD = ("torch", "numpy", "torch._dynamo", "matplotlib.pyplot")
"""Imported once. The first optimizer pulls in torch._dynamo: 1.2 s that every session would pay."""

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
    "COLUMNS": "80",
    "LINES": "24",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC+12",
}
"""What is pinned in every session; with it, runs are byte-identical on Linux x86-64 with AVX2.

MKL takes other paths on Intel's processors than on AMD's, whatever instruction set it is told to use;
`COMPATIBLE` is the one that both have (measured: two cells of linear algebra differed under `AVX2,STRICT`).
"""

INHERITED = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SYSTEMROOT")
"""What sessions get from the caller; nothing else of the caller's environment reaches them."""

OTHER = {"PYTHONHASHSEED": "1", "MALLOC_PERTURB_": "165", "TZ": "UTC-14"}
"""What the second run of an accept changes, so that hash order, fresh memory and the date show."""


class Died(Exception):
    """A session ended before it was done; says why, in the words of the person who wrote the snippet."""


class Zygote:
    """The host's side: starts the process when the first session needs it, and stops it."""

    def __init__(self, root: Path, *, other: bool = False, fork: bool = hasattr(os, "fork")) -> None:
        """`other` runs sessions under another hash seed, random state and memory fill; without `fork`, spawn."""
        self.root = root
        self.other = other
        self.fork = fork
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None
        self.control: socket.socket | None = None
        self.folder = ""

    def start(self) -> None:
        """Start the process if it is not running; returns at once, while it imports."""
        with self.lock:
            if self.process is not None and self.process.poll() is not None:  # killed: by a session, or for memory
                self.control.close()
                self.process = self.control = None
            if self.process is None and self.fork:
                self.control, theirs = socket.socketpair()
                self.process = self._popen("serve", theirs)
                theirs.close()
            self._make_folder()

    def run(self, job: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
        """Run one job and return the session's messages.

        Raises:
            Died: the session crashed, was killed, ran longer than `seconds`, or ended early.
        """
        self.start()
        with tempfile.TemporaryDirectory(prefix="torchproof-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            line = json.dumps({**job, "folder": folder, "root": str(self.root), "seed": 1 if self.other else None})
            with self._session() as (stream, process):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.write(line.encode() + b"\n")
                    stream.flush()
                messages = _listen(stream, seconds)
                if process is not None and messages:  # spawned: nobody else reads its status
                    messages.append({"exit": process.wait()})
        if not messages:
            raise Died(f"no session could start: {self._last_words()}")
        if not any(message.get("done") for message in messages):
            raise Died(_cause(messages, seconds))
        return messages

    def close(self) -> None:
        """Stop the process and every session in it."""
        with self.lock:
            if self.control is not None:
                self.control.close()
            if self.process is not None:
                self.process.wait()
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            self.process = self.control = None

    @contextlib.contextmanager
    def _session(self) -> Iterator[tuple[IO[bytes], subprocess.Popen | None]]:
        """A stream to a new session."""
        ours, theirs = socket.socketpair()
        process = None
        if self.fork:
            with self.lock, contextlib.suppress(OSError):
                socket.send_fds(self.control, [b"S"], [theirs.fileno()])
        else:
            process = self._popen("spawn", theirs)
        theirs.close()
        with ours, ours.makefile("rwb") as stream:
            try:
                yield stream, process
            finally:
                if process is not None:
                    _kill(process.pid)
                    process.kill()
                    process.wait()

    def _popen(self, kind: str, channel: socket.socket) -> subprocess.Popen:
        self._make_folder()
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment |= ENVIRONMENT | (OTHER if self.other else {})
        fonts = self.root / ".cache" / "matplotlib"
        fonts.mkdir(parents=True, exist_ok=True)
        environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": self.folder, "MPLCONFIGDIR": str(fonts)}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "torchproof.zygote", kind, str(channel.fileno())],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[channel.fileno()],
            )

    def _make_folder(self) -> None:
        self.folder = self.folder or os.path.realpath(tempfile.mkdtemp(prefix="torchproof-"))

    def _last_words(self) -> str:
        text = Path(self.folder, "log").read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2] or "it said nothing"


def _listen(stream: IO[bytes], seconds: float) -> list[dict[str, Any]]:
    """A session's messages until its process has ended; none where there was no process."""
    messages: list[dict[str, Any]] = []
    timer: threading.Timer | None = None
    for line in stream:
        message = json.loads(line)
        messages.append(message)
        if "pid" in message:
            timer = threading.Timer(seconds, _stop, (message["pid"], messages))
            timer.daemon = True
            timer.start()
        elif "exit" in message:
            break
    if timer is not None:
        timer.cancel()
    return messages


def _stop(pid: int, messages: list[dict[str, Any]]) -> None:
    messages.append({"late": True})
    _kill(pid)


def _cause(messages: list[dict[str, Any]], seconds: float) -> str:
    """Why a session ended early, and in which cell."""
    running = [message["running"] for message in messages if "running" in message]
    where = f"in the cell '{running[-1]}'" if running else "before its first cell"
    facts: dict[str, Any] = {}
    for message in messages:
        facts |= message
    if "died" in facts:
        return f"the session was stopped {where}: {facts['died']}"
    if "late" in facts:
        return f"the session was stopped {where}: it ran longer than {seconds:g} s"
    status = facts.get("exit")
    if status is None:
        return f"the session was lost {where}: its zygote was killed"
    if status < 0:
        return f"the session was killed by {signal.Signals(-status).name} {where}"
    return f"the session ended itself {where}, with exit status {status}"


def _kill(pid: int) -> None:
    """Kill a session with everything in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


# --- the zygote's side ------------------------------------------------------------------------------------------------


def serve(control: socket.socket) -> None:
    """Import, then fork a session for every socket that comes, until the host goes away."""
    _preload()
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
    stream.write(json.dumps({"pid": os.getpid()}).encode() + b"\n")
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
            connection.sendall(json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
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
    importlib.import_module("torchproof.session")
    if "matplotlib" in sys.modules:
        from . import figures

        sys.modules["matplotlib"].rcParams.update(figures.STYLE)


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
