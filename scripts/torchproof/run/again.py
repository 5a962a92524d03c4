"""Again: an author saves one cell of a chapter many times, so from the second time on only that cell and the rest run.

The first save runs the chapter in a session that stands by before the cell (`standby.py`); each further one is run by
a copy of it, while everything above is as it was. A server keeps one such session, of the chapter edited last.
Where anything goes wrong with a copy, the chapter runs from its beginning: a copy saves time, and decides nothing.
"""

import threading
from dataclasses import replace

from ..model.runs import Job, Run
from .cache import Cache
from .host import INTERRUPTED, Standing, Zygote
from .shapes import READS_CODE

__all__ = ["Again"]


class Again:
    """The sessions of one server; several threads may ask."""

    def __init__(self, zygote: Zygote, cache: Cache) -> None:
        self.zygote, self.cache = zygote, cache
        self.last: dict[str, Job] = {}
        """The last job of each chapter."""
        self.standing: Standing | None = None
        self.read: dict[str, str] = {}
        """The files of the project that it has read, with their digests."""
        self.lock = threading.Lock()

    def note(self, job: Job) -> Job | None:
        """A job is to run, or was answered; returns the last one of its chapter."""
        last = self.last.get(job.file)
        self.last[job.file] = job
        return last

    def run(self, job: Job) -> Run:
        """Run a job, in a copy of the session that stands by where that gives the same."""
        last = self.note(job)
        if job.device != "cpu" or not self.lock.acquire(blocking=False):
            return self.zygote.run(job)
        try:
            return self._run(job, last)
        finally:
            self.lock.release()

    def _run(self, job: Job, last: Job | None) -> Run:
        count = _alike(last, job) if last else 0
        if self.standing and self._fits(self.standing, job):
            run = self.zygote.resume(self.standing, job)
        elif not 0 < count < len(job.steps) or any(step.is_waiting for step in job.steps):
            return self.zygote.run(job)
        else:
            self.close()
            run, self.standing = self.zygote.stand(job, job.steps[count].slug)
            self.read = self.cache.digests(self.standing.files) if self.standing else {}
        if not self.standing or not run.died or run.died.what == INTERRUPTED:
            return run
        self.close()
        return self.zygote.run(job)

    def _fits(self, standing: Standing, job: Job) -> bool:
        """Whether a session would stand where this one does, had it been asked for the job."""
        count = len(standing.done)
        is_same = count < len(job.steps) and _beginning(standing.job, count) == _beginning(job, count)
        return is_same and standing.is_tidy() and self.cache.digests(self.read) == self.read

    def close(self) -> None:
        """Let the session end that stands by."""
        if self.standing:
            self.standing.close()
        self.standing = None


def _alike(last: Job, job: Job) -> int:
    """How many cells a job begins with that another began with."""
    pairs = enumerate(zip(last.steps, job.steps, strict=False))
    return next((number for number, (before, now) in pairs if before != now), min(len(last.steps), len(job.steps)))


def _beginning(job: Job, count: int) -> tuple[Job, bool]:
    """All of a job that decides what its first cells do."""
    last = job.steps[count - 1]
    lines = job.text.split("\n")[: last.line + last.source.count("\n")]
    asked = tuple(line for line in job.asked if line <= len(lines))
    first = replace(job, steps=job.steps[:count], text="\n".join(lines), asked=asked)
    return first, bool(READS_CODE.search(job.text))
