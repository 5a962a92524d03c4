"""The host's side of the zygote: start it, hand it jobs, listen to each session, end those that take too long.

It talks to the zygote over a socket: for each session it passes the ends of two fresh socket pairs. On one the session
speaks lines of JSON (`session.py`), each after a token, so that whatever else is written there is no message;
on the other, which no session has, the zygote says which process it is and, when that has ended, its exit status.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..files import Temporary, digest_of, fingerprints, lies_in
from ..model import wire
from ..model.runs import CellRun, Died, Ended, Job, Message, Paused, Rehearsed, Run, Running, Started, Stopped
from . import landlock
from .environment import BROKEN, ENVIRONMENT, INHERITED, OTHER, TOKEN, cores
from .processes import kill, stat_of
from .watch import Watch

__all__ = ["INTERRUPTED", "Standing", "Zygote"]

PATIENCE = 10
"""A session's limit is CPU time, which a busy machine does not use up; by the clock it may take so many times that."""

SLACK = 10
"""Seconds that the zygote has to say that a session has ended, once it was killed."""

LONGEST = 1 << 28
"""Bytes of a message; a session's longest hold figures, of some megabytes."""


class Zygote:
    """Starts the process when the first session needs it, and stops it."""

    def __init__(self, root: Path, seconds: float, *, other: bool = False) -> None:
        """`seconds` of CPU time is what one session may take.

        `other` runs sessions under another hash seed, random state and memory fill.
        """
        self.root = root
        self.seconds = seconds
        self.other = other
        self.is_fenced = landlock.is_there()
        """Whether the kernel keeps sessions from writing; else the project is looked at before and after."""
        self.watch = Watch(root)
        self.at_once = cores()
        self.sessions: dict[str, int] = {}
        """The process of each that runs, by its job's root: for a worker, where each has one of its own."""
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None
        self.control: socket.socket | None = None
        self.folder: Temporary | None = None

    def start(self) -> None:
        """Start the process if it is not running; returns at once, while it imports."""
        with self.lock:
            if self.process is not None and self.process.poll() is not None:  # killed: by a session, or for memory
                self.control.close()
                self.process = self.control = None
            if self.process is None:
                self.control, theirs = socket.socketpair()
                self.process = self._popen(theirs)
                theirs.close()

    def run(self, job: Job) -> Run:
        """Run one job; where it did not come to its end, `died` says why.

        One whose zygote is killed or stopped runs again in a zygote of its own: who did that is lost there too.
        """
        run = self._run(job)
        if not run.died or run.died.what != LOST:
            return run
        alone = Zygote(self.root, self.seconds, other=self.other)
        alone.is_fenced = self.is_fenced
        try:
            return alone._run(job)
        finally:
            alone.close()

    def _run(self, job: Job) -> Run:
        self.start()
        with self._folder() as folder:
            before = self._files()
            return self._judged(job, self._hear(self._placed(job, folder)), before)

    def stand(self, job: Job, cell: str) -> tuple[Run, "Standing | None"]:
        """Run one job, in a session that stands by before a cell if it can, to be asked again."""
        self.start()
        folder, before = self._folder(), self._files()
        heard = self._hear(self._placed(replace(job, pause=cell), folder.name))
        if heard.control is None:
            folder.cleanup()
            return self._judged(job, heard, before), None
        standing = Standing(heard, folder, job, lies_in(folder.name))
        return self.resume(standing, job), standing

    def resume(self, standing: "Standing", job: Job) -> Run:
        """Run the cells of a job from the one on before which a session stands by."""
        before, done = self._files(), standing.done
        rest = replace(self._placed(job, standing.folder.name), steps=job.steps[len(done) :])
        heard = self._hear(rest, standing.heard.control)
        standing.tidy()
        if not heard.messages:
            return Run(died=Died(LOST))
        return self._judged(job, replace(heard, messages=[*done, *heard.messages]), before)

    def _folder(self) -> tempfile.TemporaryDirectory:
        """A working folder."""
        return tempfile.TemporaryDirectory(prefix="torchproof-", dir=self.folder.path, ignore_cleanup_errors=True)

    def _placed(self, job: Job, folder: str) -> Job:
        """A job as it runs here."""
        seed, root = 1 if self.other else None, job.root or str(self.root)
        return replace(job, folder=folder, root=root, is_fenced=self.is_fenced, seed=seed)

    def _files(self) -> dict[str, tuple[int, ...]]:
        return self.watch.rights() if self.is_fenced else fingerprints(self.root)

    def _judged(self, job: Job, heard: "_Heard", before: dict[str, tuple[int, ...]]) -> Run:
        """What came of a job, by what was heard, and by whether the project's files are as they were before."""
        after = self._files()
        files = before.keys() & after if self.is_fenced else before.keys() | after
        changed = [file for file in files if before.get(file) != after.get(file)]
        changed += [
            each.path for each in job.beside if digest_of(Path(job.root or self.root, each.path)) != each.digest
        ]
        if changed:
            return Run(died=Died("a file of the project was changed while the session ran", f": {min(changed)}"))
        died = _cause(heard)
        if died and died.what == NONE:
            return Run(died=replace(died, why=f": {self._last_words()}"))
        if died:
            return Run(died=died)
        cells = {message.slug: message for message in heard.messages if isinstance(message, CellRun)}
        slips = {message.slug: message.slips for message in heard.messages if isinstance(message, Rehearsed)}
        steps = [step.slug for step in job.steps if not step.is_waiting]
        if list(cells) != steps and not (cells and list(cells) == steps[: len(cells)] and heard.last(CellRun).error):
            return Run(died=Died("the session told of other cells than it was given", "; it broke its channel"))
        return replace(heard.last(Run), cells=cells, slips=slips)

    def close(self) -> None:
        """Stop the process and every session in it."""
        with self.lock:
            if self.control is not None:
                self.control.close()
            if self.process is not None:
                self.process.wait()
            if self.folder:
                self.folder.close()
            self.watch.close()
            self.process = self.control = self.folder = None

    def _hear(self, job: Job, control: socket.socket | None = None) -> "_Heard":
        """Hand a job to a new session, and listen until its process has ended, or stands by.

        It is a fork of what listens at `control`: the zygote, or a session that stands by.
        """
        token = secrets.token_hex(TOKEN // 2).encode()
        ours, theirs = socket.socketpair()
        status, their_status = socket.socketpair()
        with ours, status, status.makefile("rb") as told:
            with theirs, their_status, self.lock, contextlib.suppress(OSError):
                heard = _Heard(self.process, job.seconds or self.seconds)
                socket.send_fds(control or self.control, [token], [theirs.fileno(), their_status.fileno()])
            try:
                self._note(heard, told.readline())
                self.sessions[job.root] = heard.pid
                with contextlib.suppress(OSError), ours.makefile("rb") as stream:  # the zygote ended before it forked
                    ours.sendall(wire.dump(job).encode() + b"\n")
                    for line in iter(lambda: stream.readline(LONGEST), b""):
                        self._note(heard, line, token)
                        if isinstance(heard.messages[-1], Paused):
                            heard.control = ours.dup()
                            return heard
                self._note(heard, told.readline())
            finally:
                self.sessions.pop(job.root, None)
                heard.ended.set()
        return heard

    def _note(self, heard: "_Heard", line: bytes, token: bytes = b"") -> None:
        """Take in a line: the zygote's, or a session's, which begins with its token."""
        if not line:
            return
        try:
            message = wire.load(line.removeprefix(token))
            if not line.startswith(token) or not wire.is_typed(message, Message):
                raise ValueError("it is no message")
        except ValueError:
            message = Stopped("it broke its channel: it wrote to a descriptor of the engine, or replaced a part of it")
            kill(heard.pid)
        heard.messages.append(message)
        if isinstance(message, Started):
            heard.pid = message.pid
            threading.Thread(target=self._watch, args=(heard,), daemon=True).start()

    def _popen(self, channel: socket.socket) -> subprocess.Popen:
        self.folder = self.folder or Temporary()
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        environment |= ENVIRONMENT | (OTHER if self.other else {})
        fonts = self.root / ".cache" / "matplotlib"
        try:
            fonts.mkdir(parents=True, exist_ok=True)
        except OSError:  # a tree that cannot be written to
            fonts = Path(self.folder.path)
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "MPLCONFIGDIR": str(fonts)}
        environment["HOME"] = self.folder.path
        with open(os.path.join(self.folder.path, "log"), "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "torchproof.run.zygote", "serve", str(channel.fileno())],
                cwd=self.folder.path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[channel.fileno()],
            )

    def _watch(self, heard: "_Heard") -> None:
        """Kill a session that takes too long."""
        begin, halted, used, due = time.monotonic(), 0, 0.0, heard.seconds / (os.cpu_count() or 1)
        while not heard.ended.wait(min(0.5, heard.seconds / 4)):
            halted = halted + 1 if not _goes_on(heard.process.pid) else 0
            if halted > 1:  # the session killed or stopped it, or a neighbour did
                break
            if time.monotonic() - begin > due:  # it uses no more at once than there are cores, and looking takes time
                used = _cpu_seconds(heard.pid)
                due = time.monotonic() - begin + (heard.seconds - used) / (os.cpu_count() or 1)
            if used > heard.seconds:
                heard.messages.append(Stopped(f"it took more than {heard.seconds:g} s of CPU time"))
            elif time.monotonic() - begin > heard.seconds * PATIENCE:
                heard.messages.append(Stopped(f"it ran longer than {heard.seconds * PATIENCE:g} s"))
            else:
                continue
            kill(heard.pid)
            if heard.ended.wait(SLACK):
                return
            break
        else:
            return
        kill(heard.pid)
        heard.process.kill()

    def _last_words(self) -> str:
        text = Path(self.folder.path, "log").read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2] or "it said nothing"


LOST, NONE, INTERRUPTED = "the session was lost", "no session could start", "the session was interrupted"


@dataclass
class _Heard:
    """What was heard of a session."""

    process: subprocess.Popen
    """The zygote that it was asked of."""
    seconds: float
    """CPU time that it may take."""
    messages: list[Message] = field(default_factory=list)
    pid: int = 0
    control: socket.socket | None = None
    """Where one that stands by is asked for copies."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def lost(self) -> str:
        """What became of it with its zygote: after Ctrl-C, which a terminal sends to both, nothing runs again."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return INTERRUPTED if self.process.wait(SLACK) == -signal.SIGINT else LOST
        return LOST

    def last(self, kind: type[Message]) -> Message | None:
        return next((message for message in reversed(self.messages) if isinstance(message, kind)), None)


@dataclass(frozen=True)
class Standing:
    """A session that stands by."""

    heard: _Heard
    folder: tempfile.TemporaryDirectory
    job: Job
    """What it was asked."""
    left: dict[str, tuple[int, int]]
    """What lay in its folder."""

    @property
    def done(self) -> list[CellRun]:
        """The cells that it has run."""
        return [message for message in self.heard.messages if isinstance(message, CellRun)]

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the project that it has read, relative to the root."""
        return self.heard.last(Paused).files

    def tidy(self) -> None:
        """Take away what a copy of it has left in the folder."""
        for path in lies_in(self.folder.name).keys() - self.left.keys():
            with contextlib.suppress(OSError):  # it went with its folder
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    def is_tidy(self) -> bool:
        """Whether its folder holds what it held when it began to stand by, and nobody has written to that."""
        return lies_in(self.folder.name) == self.left

    def close(self) -> None:
        """Let it end."""
        self.heard.control.close()
        self.folder.cleanup()


def _cause(heard: _Heard) -> Died | None:
    """Why a session ended early, and in which cell; None where it came to its end."""
    if not heard.messages:
        lost, status = heard.lost, heard.process.poll()
        return Died(lost if status is not None and status <= 0 else NONE, ": its zygote was killed")
    cell = running.slug if (running := heard.last(Running)) else ""
    if stopped := heard.last(Stopped):
        return Died("the session was stopped", f": {stopped.reason}", cell)
    if heard.last(Run):
        return None
    ended = heard.last(Ended)
    if ended is None:
        return Died(heard.lost, ": its zygote was killed", cell)
    if ended.status == BROKEN:
        return Died("the session broke its channel, or the engine in it", "", cell)
    if ended.status < 0:
        return Died(f"the session was killed by {signal.Signals(-ended.status).name}", "", cell)
    return Died("the session ended itself", f", with exit status {ended.status}", cell)


def _goes_on(zygote: int) -> bool:
    """Whether a process is neither dead nor stopped; True where the system does not say."""
    fields = stat_of(zygote)
    return fields[0] not in "TtZX" if fields else not Path("/proc/self/stat").exists()


def _cpu_seconds(session: int) -> float:
    """CPU time of a session's processes, those included that have ended; 0 where the system does not say (no /proc)."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        fields = stat_of(int(folder.name))
        if fields and int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))  # own and waited-for children's, in user and system mode
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0
