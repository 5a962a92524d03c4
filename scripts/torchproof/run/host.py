"""The host's side of the zygote: start it, hand it jobs, listen to each session, end those that take too long.

It talks to the zygote over a socket: for each session it passes one end of a fresh socket pair,
the session speaks lines of JSON on it (`session.py`), and when the process has ended the zygote adds its exit status.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from ..model import wire
from ..model.runs import CellRun, Died, Done, Ended, Job, Message, Rehearsed, Run, Running, Started, Stopped
from .environment import ENVIRONMENT, INHERITED, OTHER

__all__ = ["Zygote"]

PATIENCE = 10
"""A session's limit is CPU time, which a busy machine does not use up; by the clock it may take so many times that."""


class Zygote:
    """Starts the process when the first session needs it, and stops it."""

    def __init__(self, root: Path, seconds: float, *, other: bool = False, fork: bool = hasattr(os, "fork")) -> None:
        """`seconds` of CPU time is what one session may take.

        `other` runs sessions under another hash seed, random state and memory fill; without `fork`, spawn.
        """
        self.root = root
        self.seconds = seconds
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

    def run(self, job: Job) -> Run:
        """Run one job; where it did not come to its end, `died` says why."""
        self.start()
        with tempfile.TemporaryDirectory(prefix="torchproof-", dir=self.folder, ignore_cleanup_errors=True) as folder:
            whole = replace(job, folder=folder, root=str(self.root), seed=1 if self.other else None)
            with self._session() as (stream, process):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    stream.write(wire.dump(whole).encode() + b"\n")
                    stream.flush()
                messages = self._listen(stream)
                if process is not None and messages:  # spawned: nobody else reads its status
                    messages.append(Ended(process.wait()))
        if not messages:
            return Run(died=Died("no session could start", f": {self._last_words()}"))
        done = next((message for message in messages if isinstance(message, Done)), None)
        if done is None:
            return Run(died=_cause(messages))
        cells = {message.slug: message for message in messages if isinstance(message, CellRun)}
        slips = {message.slug: message.slips for message in messages if isinstance(message, Rehearsed)}
        told = (done.versions, done.provenance, done.files, done.modules, done.names, done.shapes)
        return Run(cells, None, *told, slips)

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
        try:
            fonts.mkdir(parents=True, exist_ok=True)
        except OSError:  # a tree that cannot be written to
            fonts = Path(self.folder)
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": self.folder, "MPLCONFIGDIR": str(fonts)}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "torchproof.run.zygote", kind, str(channel.fileno())],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[channel.fileno()],
            )

    def _listen(self, stream: IO[bytes]) -> list[Message]:
        """A session's messages until its process has ended; none where there was no process."""
        messages: list[Message] = []
        ended = threading.Event()
        with contextlib.suppress(ConnectionResetError):  # the zygote ended before it took the job
            for line in stream:
                message = wire.load(line)
                messages.append(message)
                if isinstance(message, Started):
                    threading.Thread(target=self._watch, args=(message.pid, messages, ended), daemon=True).start()
                elif isinstance(message, Ended):
                    break
        ended.set()
        return messages

    def _watch(self, pid: int, messages: list[Message], ended: threading.Event) -> None:
        """Kill a session that takes too long; what a spawned one imported before it started is not its own."""
        begin, imports = time.monotonic(), _cpu_seconds(pid)
        while not ended.wait(min(0.5, self.seconds / 4)):
            if _cpu_seconds(pid) - imports > self.seconds:
                reason = f"it took more than {self.seconds:g} s of CPU time"
            elif time.monotonic() - begin > self.seconds * PATIENCE:
                reason = f"it ran longer than {self.seconds * PATIENCE:g} s"
            else:
                continue
            messages.append(Stopped(reason))
            _kill(pid)
            return

    def _make_folder(self) -> None:
        self.folder = self.folder or os.path.realpath(tempfile.mkdtemp(prefix="torchproof-"))

    def _last_words(self) -> str:
        text = Path(self.folder, "log").read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2] or "it said nothing"


def _cause(messages: list[Message]) -> Died:
    """Why a session ended early, and in which cell."""
    last = {type(message): message for message in messages}
    cell = last[Running].slug if Running in last else ""
    if Stopped in last:
        return Died("the session was stopped", f": {last[Stopped].reason}", cell)
    if Ended not in last:
        return Died("the session was lost", ": its zygote was killed", cell)
    status = last[Ended].status
    if status < 0:
        return Died(f"the session was killed by {signal.Signals(-status).name}", "", cell)
    return Died("the session ended itself", f", with exit status {status}", cell)


def _cpu_seconds(session: int) -> float:
    """CPU time of a session's processes, those included that have ended; 0 where the system does not say (no /proc)."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))  # own and waited-for children's, in user and system mode
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0


def _kill(pid: int) -> None:
    """Kill a session with everything in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
